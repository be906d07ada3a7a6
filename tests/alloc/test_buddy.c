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

#include "alloc/page.h"
#include "lib/rig.h"

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
	w->zone[0] = (struct zone_desc){
		.name = "low", .ranges = &w->low, .nr_ranges = 1, .desc_zone = DESC_OWN_RANGE};
	w->zone[1] = (struct zone_desc){
		.name = "high", .ranges = w->range, .nr_ranges = nr_ranges, .desc_zone = 0};
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
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct apart w = {.range = {{.start = {256}, .nr = 16}}};
		struct alloc_req high = {.zone_mask = 2};
		struct rig g;
		struct alloc *a = boot_apart(&g, rig_instances[i], &w, 1, 9);

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

/*
 * 22 pages from an odd one on, in a zone of orders 0 to 3: each block is as large
 * as its place allows.  Then all are taken, and freed in an order that merges
 * each with its buddy: the same map comes back.
 *
 *   261                       282
 *   |1|--2--|-----8-----|-----8-----|-2-|1|
 */
static void test_odd_range(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct apart w = {.range = {{.start = {261}, .nr = 22}}};
		struct alloc_req high = {.zone_mask = 2};
		struct rig g;
		struct alloc *a = boot_apart(&g, rig_instances[i], &w, 1, 3);
		struct zone_figures f;

		expect_map(&g, a, 261, "<<-<-------<-------<-<");
		for (unsigned n = 0; n < 22; n++)
			assert_false(pfn_none(a->ops->pages->alloc_pages(a, 0, &high)));
		assert_true(pfn_none(a->ops->pages->alloc_pages(a, 0, &high)));
		expect_map(&g, a, 261, "aaaaaaaaaaaaaaaaaaaaaa");
		for (unsigned n = 0; n < 22; n++)
			assert_int_equal(put(a, (pfn_t){261 + (n * 5) % 22}, 0), 0);
		expect_map(&g, a, 261, "<<-<-------<-------<-<");
		a->ops->pages->zone(a, 1, &f);
		assert_string_equal(f.name, "high");
		assert_int_equal(f.managed, 22);
		assert_int_equal(f.free, 22);
		rig_finish(&g);
	}
}

/*
 * Two ranges side by side in one region of buddies: 256 to 259 and 260 to 263
 * stay two blocks of order 2, since no block crosses the end of a range.
 */
static void test_ranges_stay_apart(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct apart w = {.range = {{.start = {256}, .nr = 4},
					    {.start = {260}, .nr = 4, .region = 1}}};
		struct alloc_req high = {.zone_mask = 2};
		struct rig g;
		struct alloc *a = boot_apart(&g, rig_instances[i], &w, 2, 9);
		pfn_t x, y;

		expect_map(&g, a, 256, "<---<---");
		x = a->ops->pages->alloc_pages(a, 2, &high);
		y = a->ops->pages->alloc_pages(a, 2, &high);
		expect_map(&g, a, 256, "a---a---");
		assert_true(pfn_none(a->ops->pages->alloc_pages(a, 3, &high)));
		assert_int_equal(put(a, y, 2), 0);
		assert_int_equal(put(a, x, 2), 0);
		expect_map(&g, a, 256, "<---<---");
		rig_finish(&g);
	}
}

/*
 * Head or tail of the list.  Of 16 live pages come back
 *
 *   6, 7    a pair
 *   0       to the head: its pair 0, 1 has 2, 3 beside it, which are live
 *   4       to the tail: 5 is live, but were it freed, 4 to 7 would be one block
 *   10      to the head
 *
 * so that requests get 10, 0, 4, and then the lower half of the pair.
 */
static void test_head_or_tail(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct apart w = {.range = {{.start = {256}, .nr = 16}}};
		struct alloc_req high = {.zone_mask = 2};
		struct rig g;
		struct alloc *a = boot_apart(&g, rig_instances[i], &w, 1, 9);

		make_map(a, 256, "aaaaaaaaaaaaaaaa");
		assert_int_equal(put(a, (pfn_t){256 + 6}, 0), 0);
		assert_int_equal(put(a, (pfn_t){256 + 7}, 0), 0);
		assert_int_equal(put(a, (pfn_t){256 + 0}, 0), 0);
		assert_int_equal(put(a, (pfn_t){256 + 4}, 0), 0);
		assert_int_equal(put(a, (pfn_t){256 + 10}, 0), 0);
		expect_map(&g, a, 256, "<aaa<a<-aa<aaaaa");
		assert_int_equal(a->ops->pages->alloc_pages(a, 0, &high).v, 256 + 10);
		assert_int_equal(a->ops->pages->alloc_pages(a, 0, &high).v, 256 + 0);
		assert_int_equal(a->ops->pages->alloc_pages(a, 0, &high).v, 256 + 4);
		/* 6, 7 are split, the upper half is left. */
		assert_int_equal(a->ops->pages->alloc_pages(a, 0, &high).v, 256 + 6);
		expect_map(&g, a, 256, "aaaaaaa<aaaaaaaa");
		rig_finish(&g);
	}
}

/* ---- zones ---- */

/* A request falls back from high to low; a mask forbids it; what is too large is refused. */
static void test_fallback(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct apart w = {.range = {{.start = {256}, .nr = 4}}};
		struct alloc_req any = {.zone_mask = UINT32_MAX}, high = {.zone_mask = 2};
		struct alloc_req nowhere = {.zone_mask = 4};
		struct rig g;
		struct alloc *a = boot_apart(&g, rig_instances[i], &w, 1, 4);
		struct zone_figures low, hi;
		pfn_t p;

		assert_int_equal(a->ops->pages->alloc_pages(a, 2, &any).v, 256);
		assert_true(pfn_none(a->ops->pages->alloc_pages(a, 0, &high)));
		assert_true(pfn_none(a->ops->pages->alloc_pages(a, 0, &nowhere)));
		p = a->ops->pages->alloc_pages(a, 1, &any);
		assert_true(p.v >= 4 && p.v < 68);
		a->ops->pages->zone(a, 0, &low);
		a->ops->pages->zone(a, 1, &hi);
		assert_int_equal(low.fallbacks, 1);
		assert_int_equal(hi.fallbacks, 0);
		assert_int_equal(hi.free, 0);
		assert_int_equal(a->m->count[MM_EV_FALLBACK], 1);
		g.sh.refusal = MM_REFUSE_NONE;
		assert_true(pfn_none(a->ops->pages->alloc_pages(a, 5, &any)));
		assert_int_equal(g.sh.refusal, MM_REFUSE_LIMIT);
		rig_check(&g, a);
		rig_ledger_equals_walk(&g, &a, 1);
		rig_finish(&g);
	}
}

/* A range of one page cannot hold its descriptor: it has none, and no pages. */
static void test_range_too_small(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a;
		struct zone_figures f;

		rig_init(&g, RIG_NOISE,
			 (struct phys_region[]){{0x4000, 32 * PAGE, REGION_RAM, 15},
						{0x40000, PAGE, REGION_RAM, 15},
						{0x50000, 2 * PAGE, REGION_RAM, 15}},
			 3, 0);
		a = rig_pages(&g, rig_instances[i], "buddy", NULL, SHIFT);
		expect_map(&g, a, 0x100, ".");
		expect_map(&g, a, 0x140, ".<");
		assert_int_equal(a->ops->pages->block_order(a, (pfn_t){0x100}), -1);
		assert_int_equal(put(a, (pfn_t){0x100}, 0), MM_EINVAL);
		a->ops->pages->zone(a, 0, &f);
		assert_int_equal(f.managed, f.free);
		rig_finish(&g);
	}
}

/* Reserved and carved memory is left out, to the byte. */
static void test_reserved(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a, *boot;

		rig_init(&g, RIG_NOISE,
			 (struct phys_region[]){{0x4000, 16 * PAGE, REGION_RAM, 15},
						{0x40000, 16 * PAGE, REGION_RAM, 15}},
			 2, 0);
		boot = rig_boot(&g, rig_instances[i]);
		/* Pages 2 and 3 in part, page 9. */
		assert_int_equal(
			boot->ops->boot->reserve(boot, (vaddr_t){0x40000 + 3 * PAGE - 1}, 2), 0);
		assert_int_equal(
			boot->ops->boot->reserve(boot, (vaddr_t){0x40000 + 9 * PAGE}, PAGE), 0);
		a = rig_pages(&g, rig_instances[i], "buddy", NULL, SHIFT);
		expect_map(&g, a, 0x100, ".<..<---<.<-<---");
		/* All that was taken is reserved: the region manager has crumbs only. */
		assert_int_equal(boot->ops->boot->carve(boot, PAGE, 1, (vaddr_t){0},
							(vaddr_t){0x44000}, false)
						 .v |
					 ~(uint64_t)UINT32_MAX,
				 UINT64_MAX);
		rig_check(&g, boot);
		rig_finish(&g);
	}
}

/* ---- wrong frees ---- */

static void test_wrong_frees(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct apart w = {.range = {{.start = {261}, .nr = 22}}};
		struct alloc_req high = {.zone_mask = 2};
		struct rig g;
		struct alloc *a = boot_apart(&g, rig_instances[i], &w, 1, 3);
		pfn_t p = a->ops->pages->alloc_pages(a, 2, &high);
		struct image_hash was = physmem_hash(&g.pm), is;

		assert_int_equal(put(a, p, 1), MM_EINVAL);
		assert_int_equal(put(a, p, 3), MM_EINVAL);
		assert_int_equal(put(a, p, 30), MM_EINVAL);
		for (uint32_t k = 1; k < 4; k++)
			for (unsigned order = 0; order < 3; order++)
				assert_int_equal(put(a, pfn_add(p, k), order), MM_EINVAL);
		assert_int_equal(put(a, (pfn_t){261}, 0), MM_EINVAL);
		assert_int_equal(put(a, (pfn_t){260}, 0), MM_EINVAL);
		assert_int_equal(put(a, (pfn_t){4}, 0), MM_EINVAL);
		assert_int_equal(put(a, (pfn_t){UINT32_MAX}, 0), MM_EINVAL);
		is = physmem_hash(&g.pm);
		assert_true(was.hi == is.hi && was.lo == is.lo);
		assert_int_equal(put(a, p, 2), 0);
		assert_int_equal(put(a, p, 2), MM_EINVAL);
		rig_check(&g, a);
		rig_ledger_equals_walk(&g, &a, 1);
		rig_finish(&g);
	}
}

/* The taker's words go when the block does; this file's own word is 8 bytes. */
static void test_taken_descriptor(void **state)
{
	struct alloc_req any = {.zone_mask = UINT32_MAX, .migratetype = 200, .owner = 7};
	struct rig g;
	struct alloc *a;
	vaddr_t desc;
	pfn_t p;

	(void)state;
	rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x4000, 32 * PAGE, REGION_RAM, 15}}, 1, 0);
	a = rig_pages(&g, &alloc_checked8, "buddy", NULL, SHIFT);
	p = a->ops->pages->alloc_pages(a, 0, &any);
	desc = a->ops->pages->descriptor(a, p);
	assert_int_equal(page_owner(a->m, desc), 7);
	assert_int_equal(page_mt(a->m, desc), MIGRATE_UNMOVABLE);
	assert_int_equal(page_private(a->m, desc), 0);
	set_page_taken(a->m, desc);
	set_page_private(a->m, desc, 0x1234);
	set_page_next(a->m, desc, p);
	rig_check(&g, a);
	assert_int_equal(a->ops->pages->block_order(a, p), 0);
	assert_int_equal(put(a, p, 0), 0);
	rig_check(&g, a);
	rig_finish(&g);
}

/* A free list that names a live block is a bug, found before memory is given twice. */
static void test_corrupt_list(void **state)
{
	struct alloc_req any = {.zone_mask = UINT32_MAX};
	struct rig g;
	struct alloc *a;
	sigjmp_buf here;

	(void)state;
	rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x4000, 32 * PAGE, REGION_RAM, 15}}, 1, 0);
	a = rig_pages(&g, &alloc_fast8, "buddy", NULL, SHIFT);
	for (unsigned order = 0; order < 5; order++)
		for (uint32_t pfn = 0x10; pfn < 0x30; pfn++) {
			vaddr_t desc = a->ops->pages->descriptor(a, (pfn_t){pfn});

			if (page_heads(a->m, desc, order, PAGE_BUDDY))
				set_page_head(a->m, desc, order, PAGE_LIVE, 0, 0);
		}
	g.sh.unwind = &here;
	if (sigsetjmp(here, 1) == 0) {
		a->ops->pages->alloc_pages(a, 0, &any);
		fail_msg("a live block was given again");
	}
	g.sh.unwind = NULL;
	assert_int_equal(g.sh.finding[0].kind, 'b');
	rig_finish(&g);
}

/* ---- large machines ---- */

/*
 * 64 GiB behind a 3 GiB hole's end, PAE: all descriptors in lowmem.  Nothing may
 * touch what no request needs.
 */
static void boot_large(const struct alloc_instance *in)
{
	static const struct pfn_range dma = {.start = {0}, .nr = 4096};
	static const struct pfn_range normal = {.start = {4096}, .nr = 0x36ffe - 4096};
	static const struct pfn_range high[] = {{.start = {0x36ffe}, .nr = 0xc0000 - 0x36ffe},
						{.start = {0x100000}, .nr = 61 << 18, .region = 1}};
	static const struct zone_desc zones[] = {
		{.name = "dma", .ranges = &dma, .nr_ranges = 1, .desc_zone = DESC_OWN_RANGE},
		{.name = "normal", .ranges = &normal, .nr_ranges = 1, .desc_zone = DESC_OWN_RANGE},
		{.name = "highmem", .ranges = high, .nr_ranges = 2, .desc_zone = 1}};
	struct alloc_req any = {.zone_mask = UINT32_MAX};
	struct rig g;
	struct rig_owner *o;
	struct alloc *a;
	struct zone_figures f;

	rig_init(&g, 0,
		 (struct phys_region[]){{0, 3ull << 30, REGION_RAM, 15},
					{4ull << 30, 61ull << 30, REGION_RAM, 15}},
		 2, 0xc0000000);
	o = rig_zones_owner(&g, in, "buddy", NULL, 12, zones, 3);
	o->env.desc_stride = 32;
	assert_int_equal(rig_start(&g, o), 0);
	a = o->alloc;
	for (unsigned i = 0; i < 10000; i++)
		assert_false(pfn_none(a->ops->pages->alloc_pages(a, i % 4, &any)));
	a->ops->pages->zone(a, 2, &f);
	assert_int_equal(f.managed, (0xc0000 - 0x36ffe) + (61 << 18));
	assert_int_equal(f.free, f.managed - 2500 * 15);
	rig_check(&g, a);
	assert_true(physmem_touched(&g.pm) < 1000);
	rig_finish(&g);
}

static void test_64_gib(void **state)
{
	const struct phys_region all_of_it = {0, 65ull << 30, REGION_RAM, 15};
	struct physmem pm;

	(void)state;
	if (physmem_init(&pm, &all_of_it, 1, 0) != 0)
		skip(); /* Valgrind refuses windows of that size. */
	physmem_finish(&pm);
	for (unsigned i = 0; i < RIG_INSTANCES; i++)
		boot_large(rig_instances[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lecture),
		cmocka_unit_test(test_odd_range),
		cmocka_unit_test(test_ranges_stay_apart),
		cmocka_unit_test(test_head_or_tail),
		cmocka_unit_test(test_fallback),
		cmocka_unit_test(test_range_too_small),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_wrong_frees),
		cmocka_unit_test(test_taken_descriptor),
		cmocka_unit_test(test_corrupt_list),
		cmocka_unit_test(test_64_gib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
