/*
 * mempools over each slab layer, when memory ends and when it comes back; and where areas of
 * percpu lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/rig.h"

static struct rig g;

static struct alloc *build(const char *kind, unsigned cpus)
{
	static const struct phys_region ram[] = {{0x1000, 0x2000, REGION_RAM, 15},
						 {0x1000000, 0x800000, REGION_RAM, 15}};
	static const struct pfn_range range = {{0x1000}, 0x800, 1, 0};
	static const struct zone_desc zone = {
		.name = "normal", .ranges = &range, .nr_ranges = 1, .desc_zone = DESC_OWN_RANGE};
	struct rig_owner *p, *o;

	rig_init(&g, RIG_NOISE, ram, 2, 0);
	p = rig_zones_owner(&g, &alloc_checked8, "buddy", NULL, 12, &zone, 1);
	p->env.desc_stride = 64;
	assert_int_equal(rig_start(&g, p), 0);
	o = rig_owner(&g, &alloc_checked8, kind, NULL);
	o->env.page_shift = 12;
	o->env.cache_line = 64;
	o->env.align = 8;
	o->env.cpus = cpus;
	o->env.rules = MM_RULES_LINUX_6;
	o->source =
		(struct page_source){.pages = p->alloc, .zone_mask = UINT32_MAX, .page_shift = 12};
	o->env.pages = &o->source;
	assert_int_equal(rig_start(&g, o), 0);
	return o->alloc;
}

/* ---- mempools ---- */

/* What the pool says that it holds, bytes asked for. */
static void count(void *ctx, vaddr_t va, msize_t asked, msize_t granted, bool taken)
{
	(void)va;
	assert_true(granted >= asked);
	*(int64_t *)ctx += taken ? (int64_t)asked : -(int64_t)asked;
}

static void check_pool(struct alloc *a, vaddr_t pool)
{
	struct check_report r = {0};

	if (a->ops->pools->check(a, pool, &r) != 0)
		fail_msg("%s", r.invariant);
	rig_check(&g, a);
}

static void pool_over(const char *kind)
{
	struct alloc *a = build(kind, 1);
	const struct pool_ops *p = a->ops->pools;
	struct alloc_req req = {.size = 700, .gfp = GFP_KERNEL, .zone_mask = UINT32_MAX};
	int64_t held = 0;
	const struct pool_blocks blocks = {count, &held};
	vaddr_t pool = p->create(a, 5, &req, &blocks), e[64], last[5];
	unsigned n = 0;

	assert_int_equal(held, 16 + 5 * 8 + 5 * 700);
	check_pool(a, pool);
	rig_owner_of(&g, a)->source.fail_at = 1; /* no pages from now on */
	rig_owner_of(&g, a)->source.fail_on = true;
	/* While kmalloc has objects, nothing comes from the reserve. */
	while (p->reserve(a, pool) == 5 && n < 64)
		e[n++] = p->alloc(a, pool, &req, &blocks).va;
	assert_in_range(n, 1, 63);
	assert_int_equal(held, 16 + 5 * 8 + 4 * 700);
	last[0] = e[--n];
	for (unsigned i = 1; i < 5; i++)
		last[i] = p->alloc(a, pool, &req, &blocks).va;
	assert_int_equal(p->reserve(a, pool), 0);
	assert_int_equal(p->alloc(a, pool, &req, &blocks).bytes, 0);
	check_pool(a, pool);
	/* What is given back is the reserve's first, then kmalloc's. */
	for (unsigned i = 0; i < 5; i++) {
		assert_int_not_equal(p->free(a, pool, last[i], &blocks), FREE_BAD);
		assert_int_equal(p->reserve(a, pool), i + 1);
	}
	for (unsigned i = 0; i < n; i++)
		assert_int_not_equal(p->free(a, pool, e[i], &blocks), FREE_BAD);
	assert_int_equal(p->reserve(a, pool), 5);
	check_pool(a, pool);
	/* A pool for which there is not enough leaves nothing behind. */
	req.size = 4096;
	assert_int_equal((uint32_t)p->create(a, 50, &req, &blocks).v, UINT32_MAX);
	assert_int_equal(held, 16 + 5 * 8 + 5 * 700);
	p->destroy(a, pool, &blocks);
	assert_int_equal(held, 0);
	rig_ledger_equals_walk(&g, (struct alloc *[]){g.owner[1].alloc, a}, 2);
	rig_finish(&g);
}

static void test_pools(void **state)
{
	(void)state;
	pool_over("slub");
	pool_over("slub_tiny");
	pool_over("slab");
}

/* The checker sees a head or an element that somebody wrote over. */
static void test_pool_damage(void **state)
{
	struct alloc *a = build("slub", 1);
	const struct pool_ops *p = a->ops->pools;
	struct alloc_req req = {.size = 64, .zone_mask = UINT32_MAX};
	int64_t held = 0;
	const struct pool_blocks blocks = {count, &held};
	vaddr_t pool = p->create(a, 3, &req, &blocks);

	(void)state;
	for (unsigned byte = 0; byte < 16 + 3 * 8; byte++) {
		uint8_t was = mem_ld8(a->m, vaddr_add(pool, byte));
		struct check_report r = {0};

		/* A size that the elements have, too; another object of the same cache. */
		if ((byte >= 12 && byte < 16) || (byte >= 16 && byte % 8 == 0))
			continue;
		mem_st8(a->m, vaddr_add(pool, byte), was ^ 0x40);
		if (p->check(a, pool, &r) == 0)
			fail_msg("byte %u is overwritten unseen", byte);
		mem_st8(a->m, vaddr_add(pool, byte), was);
	}
	check_pool(a, pool);
	rig_finish(&g);
}

/* ---- percpu ---- */

static vaddr_t area(struct alloc *a, msize_t size, msize_t align)
{
	struct alloc_req req = {.size = size, .align = align, .zone_mask = UINT32_MAX};
	struct grant x = a->ops->percpu->alloc(a, &req);

	assert_int_equal(x.bytes, (size + 3) / 4 * 4 * a->ops->percpu->cpus(a));
	return x.va;
}

static void test_percpu(void **state)
{
	struct alloc *a = build("percpu", 3);
	const struct percpu_ops *p = a->ops->percpu;
	vaddr_t base = area(a, 10, 0), second, third;

	(void)state;
	assert_int_equal(p->address(a, base, 0).v, base.v);
	assert_int_equal(p->address(a, base, 2).v, base.v + 2 * 32768); /* units of 32 KiB */
	second = area(a, 8, 0);
	assert_int_equal(second.v, base.v + 12); /* the lowest place, at multiples of 4 */
	third = area(a, 16, 64);
	assert_int_equal(third.v, base.v + 64);
	assert_int_equal(area(a, 40, 8).v, base.v + 24); /* it fits in between */
	assert_int_equal(p->free(a, vaddr_add(second, 4)), FREE_BAD);
	assert_int_equal(p->free(a, p->address(a, second, 1)), FREE_BAD);
	assert_int_equal(p->free(a, second), 3 * 8);
	assert_int_equal(p->free(a, second), FREE_BAD);
	assert_int_equal(area(a, 4, 0).v, base.v + 12);
	/* A whole unit does not fit any more: a second chunk, which goes when it is empty. */
	second = area(a, 32768, 0);
	assert_true(second.v < base.v || second.v >= base.v + 3 * 32768);
	assert_int_equal(p->free(a, second), 3 * 32768);
	rig_check(&g, a);
	rig_ledger_equals_walk(&g, (struct alloc *[]){g.owner[1].alloc, a}, 2);
	rig_finish(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pools),
		cmocka_unit_test(test_pool_damage),
		cmocka_unit_test(test_percpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
