/*
 * pagelist: a list of single pages, in all instances.  The lists are drawn with
 * the page taken next on the left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alloc/page.h"
#include "lib/rig.h"

#define PAGE  1024u
#define SHIFT 10u

static const struct alloc_req any = {.zone_mask = UINT32_MAX};

static uint32_t get(struct alloc *a)
{
	return a->ops->pages->alloc_pages(a, 0, &any).v;
}

static int put(struct alloc *a, uint32_t pfn)
{
	return a->ops->pages->free_pages(a, (pfn_t){pfn}, 0);
}

static void look(struct rig *g, struct alloc *a)
{
	rig_check(g, a);
	rig_ledger_equals_walk(g, &a, 1);
}

/* 16 pages from 0x4000, where table and descriptors take the first two or so. */
static struct alloc *boot(struct rig *g, const struct alloc_instance *in)
{
	rig_init(g, RIG_NOISE, (struct phys_region[]){{0x4000, 16 * PAGE, REGION_RAM, 15}}, 1, 0);
	return rig_pages(g, in, "pagelist", NULL, SHIFT);
}

/*
 *   fresh     n, n+1, n+2, n+3, ...
 *   3 taken   n+3, ...
 *   n+1 back  n+1, n+3, ...
 *   n back    n, n+1, n+3, ...
 */
static void test_last_freed_first_taken(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a = boot(&g, rig_instances[i]);
		uint32_t n = get(a);

		look(&g, a);
		assert_int_equal(get(a), n + 1);
		assert_int_equal(get(a), n + 2);
		look(&g, a);
		assert_int_equal(put(a, n + 1), 0);
		assert_int_equal(put(a, n), 0);
		look(&g, a);
		assert_int_equal(get(a), n);
		assert_int_equal(get(a), n + 1);
		assert_int_equal(get(a), n + 3);
		look(&g, a);
		rig_finish(&g);
	}
}

/* All pages can be had, then none; wrong frees and larger blocks are refused. */
static void test_exhaustion_and_refusals(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a = boot(&g, rig_instances[i]);
		uint64_t managed = a->ops->pages->nr_free(a, 0, 0), n = 0;
		struct image_hash was, is;
		uint32_t last = 0, pfn;

		while ((pfn = get(a)) != UINT32_MAX) {
			last = pfn;
			n++;
		}
		assert_int_equal(n, managed);
		look(&g, a);
		was = physmem_hash(&g.pm);
		g.sh.refusal = MM_REFUSE_NONE;
		assert_true(pfn_none(a->ops->pages->alloc_pages(a, 1, &any)));
		assert_int_equal(g.sh.refusal, MM_REFUSE_LIMIT);
		assert_int_equal(put(a, 16), MM_EINVAL);
		assert_int_equal(put(a, 1000), MM_EINVAL);
		assert_int_equal(a->ops->pages->free_pages(a, (pfn_t){last}, 1), MM_EINVAL);
		is = physmem_hash(&g.pm);
		assert_true(was.lo == is.lo && was.hi == is.hi);
		assert_int_equal(put(a, last), 0);
		assert_int_equal(put(a, last), MM_EINVAL);
		assert_int_equal(get(a), last);
		look(&g, a);
		rig_finish(&g);
	}
}

/* Zones: the higher one first, then the lower; a mask forbids it. */
static void test_zones(void **state)
{
	static const struct pfn_range low = {.start = {16}, .nr = 16};
	static const struct pfn_range high[] = {{.start = {64}, .nr = 2}, {.start = {99}, .nr = 3}};
	static const struct zone_desc zones[] = {
		{.name = "low", .ranges = &low, .nr_ranges = 1, .desc_zone = DESC_OWN_RANGE},
		{.name = "high", .ranges = high, .nr_ranges = 2}};
	const struct alloc_req only_high = {.zone_mask = 2};

	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a;
		struct zone_figures f;

		rig_init(&g, RIG_NOISE,
			 (struct phys_region[]){{16 * PAGE, 16 * PAGE, REGION_RAM, 15},
						{64 * PAGE, 2 * PAGE, REGION_RAM, 15},
						{99 * PAGE, 3 * PAGE, REGION_RAM, 15}},
			 3, 0);
		a = rig_zones(&g, rig_instances[i], "pagelist", NULL, SHIFT, zones, 2);
		for (unsigned k = 0; k < 5; k++)
			assert_int_equal(get(a), k < 2 ? 64 + k : 97 + k);
		assert_true(pfn_none(a->ops->pages->alloc_pages(a, 0, &only_high)));
		assert_true(get(a) < 32);
		look(&g, a);
		a->ops->pages->zone(a, 0, &f);
		assert_int_equal(f.fallbacks, 1);
		assert_int_equal(f.free, f.managed - 1);
		assert_int_equal(put(a, 100), 0);
		assert_int_equal(get(a), 100);
		look(&g, a);
		rig_finish(&g);
	}
}

/* A copied image goes on; one page taken from a run of millions touches next to nothing. */
static void test_attach_and_large(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g, h;
		struct alloc *a, *b;
		struct rig_owner *o;
		uint32_t n;

		rig_init(&g, 0, (struct phys_region[]){{1u << 20, 1ull << 31, REGION_RAM, 15}}, 1,
			 0);
		a = rig_pages(&g, rig_instances[i], "pagelist", NULL, 12);
		rig_init(&h, 0, (struct phys_region[]){{1u << 20, 1ull << 31, REGION_RAM, 15}}, 1,
			 0);
		b = rig_pages(&h, rig_instances[i], "pagelist", NULL, 12);
		n = get(a);
		assert_int_equal(get(a), n + 1);
		assert_int_equal(put(a, n), 0);
		rig_check(&g, a);
		physmem_copy(&h.pm, &g.pm);
		o = rig_owner_of(&h, b);
		o->env.root = a->root;
		memset(b, 0, b->ops->handle_bytes);
		b->ops = a->ops;
		assert_int_equal(b->ops->attach(b, &o->env), 0);
		rig_check(&h, b);
		for (unsigned k = 0; k < 100; k++)
			assert_int_equal(get(a), get(b));
		assert_int_equal(physmem_hash(&g.pm).lo, physmem_hash(&h.pm).lo);
		assert_true(physmem_touched(&g.pm) < 10);
		rig_finish(&g);
		rig_finish(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_freed_first_taken),
		cmocka_unit_test(test_exhaustion_and_refusals),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_attach_and_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
