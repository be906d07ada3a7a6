/*
 * buddy: split and merge rules with pictures, zones, odd ranges and wrong frees,
 * in all instances.
 *
 * A map shows one character a page: a letter heads a live block, `<` a free one,
 * `-` continues the block before it, `.` is a page that is not managed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/rig.h"

static const struct alloc_instance *const all[] = {&alloc_fast4, &alloc_fast8, &alloc_checked4,
						   &alloc_checked8};

#define PAGE  1024u
#define SHIFT 10u

static int put(struct alloc *a, pfn_t pfn, unsigned order)
{
	return a->ops->pages->free_pages(a, pfn, order);
}

static uint64_t nr_free(struct alloc *a, unsigned z, unsigned order)
{
	return a->ops->pages->nr_free(a, z, order);
}

/* The state of `nr` pages from `first` on, as in the comment above. */
struct map {
	struct alloc *a;
	uint32_t first, nr;
	char seen[128];
};

static void draw(void *ctx, const struct walk_span *s)
{
	struct map *m = ctx;
	uint64_t pages = s->bytes >> SHIFT;
	uint32_t pfn = va_to_pfn(m->a->m, s->base, SHIFT).v;

	if (s->class == MM_METADATA || pfn < m->first || pfn >= m->first + m->nr)
		return;
	memset(m->seen + (pfn - m->first), '-', pages);
	m->seen[pfn - m->first] = s->class == MM_FREE ? '<' : 'a';
}

static void expect_map(struct rig *g, struct alloc *a, uint32_t first, const char *map)
{
	struct map m = {.a = a, .first = first, .nr = (uint32_t)strlen(map)};

	memset(m.seen, '.', m.nr);
	a->ops->walk(a, draw, &m);
	assert_string_equal(m.seen, map);
	rig_check(g, a);
	rig_ledger_equals_walk(g, &a, 1);
}

/*
 * A machine whose zone is `nr` whole pages from `first` on: table, descriptors
 * and zone structure lie in a region before, which is a zone of its own.
 */
struct apart {
	struct pfn_range low, range[3];
	struct zone_desc zone[2];
};

static struct alloc *boot_apart(struct rig *g, const struct alloc_instance *in, struct apart *w,
				unsigned nr_ranges, unsigned max_order)
{
	struct phys_region regions[4] = {{0x1000, 64 * PAGE, REGION_RAM, 15}};

	w->low = (struct pfn_range){.start = {4}, .nr = 64};
	w->zone[0] = (struct zone_desc){"low", &w->low, 1, DESC_OWN_RANGE};
	w->zone[1] = (struct zone_desc){"high", w->range, nr_ranges, 0};
	for (unsigned i = 0; i < nr_ranges; i++)
		regions[i + 1] =
			(struct phys_region){(uint64_t)w->range[i].start.v << SHIFT,
					     (uint64_t)w->range[i].nr << SHIFT, REGION_RAM, 15};
	rig_init(g, RIG_NOISE, regions, nr_ranges + 1, 0);
	return rig_zones(g, in, "buddy",
			 (struct rig_param[]){{"max_order", max_order, NULL, 0}, {0}}, SHIFT,
			 w->zone, 2);
}

/* Takes pages of order 0 from the high zone until those in `map` that head 'a' are live. */
static void make_map(struct alloc *a, uint32_t first, const char *map)
{
	struct alloc_req high = {.zone_mask = 2};
	uint32_t n = (uint32_t)strlen(map);

	for (uint32_t i = 0; i < n; i++)
		assert_false(pfn_none(a->ops->pages->alloc_pages(a, 0, &high)));
	for (uint32_t i = 0; i < n; i++)
		if (map[i] != 'a')
			assert_int_equal(put(a, (pfn_t){first + i}, 0), 0);
}

/*
 * The lecture's three steps on 16 pages with 10 free areas.  Free are 8 and 9
 * (order 1) and 12 to 15 (order 2):
 *
 *                     0       8   12
 *   before            aaaaaaaa<-aa<---
 *   2 pages           aaaaaaaaa-aa<---   the block of order 1, whole
 *   2 more            aaaaaaaaa-aaa-<-   none is left: order 2 is split
 *   page 11 freed     aaaaaaaaa-a<a-<-   10 is in use, so it stays alone
 *   10 freed          aaaaaaaaa-<-a-<-   now they are a pair
 *   8 and 9 freed     aaaaaaaa<---a-<-   and with these a block of order 2
 */
static void test_lecture(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct apart w = {.range = {{.start = {256}, .nr = 16}}};
		struct alloc_req high = {.zone_mask = 2};
		struct rig g;
		struct alloc *a = boot_apart(&g, all[i], &w, 1, 9);

		make_map(a, 256, "aaaaaaaa<-aa<---");
		expect_map(&g, a, 256, "aaaaaaaa<-aa<---");
		assert_int_equal(nr_free(a, 1, 1), 1);
		assert_int_equal(nr_free(a, 1, 2), 1);
		/* (1) two pages: the block of order 1 at 8, whole. */
		assert_int_equal(a->ops->pages->alloc_pages(a, 1, &high).v, 256 + 8);
		expect_map(&g, a, 256, "aaaaaaaaa-aa<---");
		assert_int_equal(nr_free(a, 1, 1), 0);
		/* (2) two more: no block of order 1 is left, so 12..15 is split. */
		assert_int_equal(a->ops->pages->alloc_pages(a, 1, &high).v, 256 + 12);
		expect_map(&g, a, 256, "aaaaaaaaa-aaa-<-");
		assert_int_equal(nr_free(a, 1, 1), 1);
		assert_int_equal(nr_free(a, 1, 2), 0);
		/* (3) page 11 is freed: its buddy 10 is in use, it stays alone ... */
		assert_int_equal(put(a, (pfn_t){256 + 11}, 0), 0);
		expect_map(&g, a, 256, "aaaaaaaaa-a<a-<-");
		assert_int_equal(nr_free(a, 1, 0), 1);
		/* ... until 10 comes: 10, 11 of order 1; 8, 9 then make it order 2. */
		assert_int_equal(put(a, (pfn_t){256 + 10}, 0), 0);
		expect_map(&g, a, 256, "aaaaaaaaa-<-a-<-");
		assert_int_equal(put(a, (pfn_t){256 + 8}, 1), 0);
		expect_map(&g, a, 256, "aaaaaaaa<---a-<-");
		assert_int_equal(nr_free(a, 1, 2), 1);
		rig_finish(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lecture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
