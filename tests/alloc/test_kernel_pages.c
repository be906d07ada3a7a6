/*
 * The page allocator by a kernel's rules, against numbers computed by hand: watermarks and
 * reserves of real machines, what each kind of request may take, and what falls back where.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alloc/rules.h"
#include "lib/rig.h"

#define SHIFT 10u
#define PAGE  1024u

/* ---- formulas ---- */

/*
 * A 32-bit PC with 1 GiB and 896 MiB of lowmem, 4.19: min_free_kbytes = sqrt(917504 * 16) =
 * 3831, 957 pages, of which DMA has 957 * 4096 / 229376 = 17; a quarter of that is the step
 * (a thousandth of the zone is less).  HIGHMEM: 32768 / 1024 = 32, the step is a quarter of
 * 957 * 32768 / 229376 = 136.  Reserves: (225280 + 32768) / 256 and 32768 / 32.
 */
static void test_1_gib(void **state)
{
	const struct rules_zone zones[] = {
		{4096, ZONE_DMA, 0}, {225280, ZONE_NORMAL, 0}, {32768, ZONE_HIGHMEM, 0}};
	struct zone_rules r = {.zone = zones,
			       .nr_zones = 3,
			       .page_shift = 12,
			       .step = STEP_SCALE,
			       .lists = LISTS_BATCH,
			       .scale = 10,
			       .ratio = {[ZONE_DMA] = 256, [ZONE_DMA32] = 256, [ZONE_NORMAL] = 32}};
	static const uint32_t marks[3][3] = {{17, 21, 25}, {939, 1173, 1407}, {32, 66, 100}};

	(void)state;
	for (unsigned in = 0; in < RIG_INSTANCES; in++) {
		const struct rules_ops *ops = rig_instances[in]->rules;

		r.min_free_kbytes = ops->min_free_kbytes(&r, 65536);
		assert_int_equal(r.min_free_kbytes, 3831);
		for (unsigned z = 0; z < 3; z++) {
			struct rules_marks m = ops->marks(&r, z);

			assert_int_equal(m.min, marks[z][0]);
			assert_int_equal(m.low, marks[z][1]);
			assert_int_equal(m.high, marks[z][2]);
		}
		assert_int_equal(ops->reserve(&r, 0, ZONE_NORMAL), 880);
		assert_int_equal(ops->reserve(&r, 0, ZONE_HIGHMEM), 1008);
		assert_int_equal(ops->reserve(&r, 1, ZONE_HIGHMEM), 1024);
		assert_int_equal(ops->reserve(&r, 1, ZONE_NORMAL), 0);
		assert_int_equal(ops->reserve(&r, 2, ZONE_HIGHMEM), 0);
		/* 225280 / 1024 = 220 pages, a quarter 55; 55 + 27 rounded down to 64, less 1. */
		assert_int_equal(ops->limits(&r, 1, 1173, 2).batch, 63);
		assert_int_equal(ops->limits(&r, 1, 1173, 2).high_min, 6 * 63);
	}
}

/*
 * What a running 6.18 with 2 CPUs showed, in this
 * order: min, low, high, batch, high_min, high_max.
 */
static void test_running_kernel(void **state)
{
	const struct rules_zone zones[] = {
		{3840, ZONE_DMA, 0}, {772915, ZONE_DMA32, 0}, {2818048, ZONE_NORMAL, 0}};
	const struct zone_rules r = {
		.zone = zones,
		.nr_zones = 3,
		.page_shift = 12,
		.step = STEP_SCALE,
		.lists = LISTS_TUNED,
		.movable_capped = true,
		.empty_keeps_none = true,
		.min_free_kbytes = 67584,
		.scale = 10,
		.ratio = {[ZONE_DMA] = 256, [ZONE_DMA32] = 256, [ZONE_NORMAL] = 32}};
	static const uint32_t shown[3][6] = {{18, 22, 26, 1, 11, 240},
					     {3632, 4540, 5448, 63, 2270, 48307},
					     {13245, 16556, 19867, 63, 8278, 176128}};

	(void)state;
	for (unsigned z = 0; z < 3; z++) {
		struct rules_marks m = rig_instances[0]->rules->marks(&r, z);
		struct rules_limits l = rig_instances[0]->rules->limits(&r, z, m.low, 2);

		assert_int_equal(m.min, shown[z][0]);
		assert_int_equal(m.low, shown[z][1]);
		assert_int_equal(m.high, shown[z][2]);
		assert_int_equal(l.batch, shown[z][3]);
		assert_int_equal(l.high_min, shown[z][4]);
		assert_int_equal(l.high_max, shown[z][5]);
	}
	assert_int_equal(rig_instances[0]->rules->huge_min_free(&r, 3, 9), 67584);
	assert_int_equal(rig_instances[0]->rules->reserve(&r, 0, ZONE_DMA32), 3019);
	assert_int_equal(rig_instances[0]->rules->reserve(&r, 0, ZONE_NORMAL), 14027);
	assert_int_equal(rig_instances[0]->rules->reserve(&r, 1, ZONE_NORMAL), 11008);
}

/* ---- who may take how much ---- */

enum { TEXTBOOK = 2, LINUX_4_19, LINUX_6 }; /* of the parameter `rules` */

/* One zone of about 200 pages, all free, without lists and types unless they are asked for. */
static struct alloc *boot(struct rig *g, const struct alloc_instance *in, unsigned rules,
			  bool types)
{
	const struct phys_region region[] = {{0x100000, 256 * PAGE, REGION_RAM, 15}};

	rig_init(g, RIG_NOISE, region, 1, 0);
	return rig_pages(g, in, "buddy",
			 (struct rig_param[]){{"rules", rules, NULL, 0},
					      {"max_order", 4, NULL, 0},
					      {"pageblock_order", 2, NULL, 0},
					      {"migrate_types", types, NULL, 0},
					      {"percpu_lists", 0, NULL, 0},
					      {"min_free_kbytes", 64, NULL, 0},
					      {0}},
			 SHIFT);
}

static uint64_t free_pages(const struct alloc *a)
{
	struct zone_figures f;

	a->ops->pages->zone(a, 0, &f);
	return f.free;
}

/* Takes single pages until there are no more for such a request; the pages that are left. */
static uint64_t take_all(struct alloc *a, uint32_t gfp)
{
	const struct alloc_req req = {.gfp = gfp, .zone_mask = 1};

	while (!pfn_none(a->ops->pages->alloc_pages(a, 0, &req)))
		;
	return free_pages(a);
}

/*
 * min is 64 pages, all of min_free_kbytes.  A request is served if more than the mark is
 * free before it, so the mark is what it leaves.  GFP_ATOMIC may take half of min, and a
 * quarter of what is left of it: 64 - 32 - 8 = 24.  One that cannot wait and is not urgent
 * (GFP_NOWAIT) may take a quarter by 4.19, nothing by 6.x.
 */
static void test_emergency_reserve(void **state)
{
	static const struct {
		unsigned rules;
		uint64_t kernel, nowait, atomic, memalloc;
	} t[] = {{TEXTBOOK, 64, 48, 24, 0}, {LINUX_4_19, 64, 48, 24, 0}, {LINUX_6, 64, 64, 24, 0}};

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		for (unsigned in = 0; in < RIG_INSTANCES; in++) {
			struct rig g;
			struct alloc *a = boot(&g, rig_instances[in], t[i].rules, false);
			struct zone_figures f;

			a->ops->pages->zone(a, 0, &f);
			assert_int_equal(f.min, 64);
			assert_int_equal(f.low, t[i].rules == TEXTBOOK ? 128 : 80);
			assert_int_equal(f.high, t[i].rules == TEXTBOOK ? 192 : 96);
			assert_int_equal(take_all(a, GFP_KERNEL), t[i].kernel);
			assert_int_equal(g.sh.refusal, MM_REFUSE_WATERMARK);
			assert_int_equal(take_all(a, GFP_NOWAIT), t[i].nowait);
			assert_int_equal(take_all(a, GFP_ATOMIC), t[i].atomic);
			assert_int_equal(take_all(a, GFP_KERNEL), t[i].atomic);
			assert_int_equal(take_all(a, GFP_KERNEL | __GFP_MEMALLOC), t[i].memalloc);
			rig_check(&g, a);
			rig_finish(&g);
		}
}

/* Of an order > 0 all but one of its pages count as gone: 4 pages need 64 + 3 + 1 free ones. */
static void test_orders_and_marks(void **state)
{
	const struct alloc_req req = {.gfp = GFP_KERNEL, .zone_mask = 1};

	(void)state;
	for (unsigned in = 0; in < RIG_INSTANCES; in++) {
		struct rig g;
		struct alloc *a = boot(&g, rig_instances[in], LINUX_4_19, false);
		pfn_t one;

		while (free_pages(a) > 69)
			assert_false(pfn_none(a->ops->pages->alloc_pages(a, 0, &req)));
		assert_int_equal(free_pages(a), 69);
		one = a->ops->pages->alloc_pages(a, 0, &req);
		assert_false(pfn_none(one));
		assert_int_equal(free_pages(a), 68);
		assert_false(pfn_none(a->ops->pages->alloc_pages(a, 2, &req)));
		assert_int_equal(a->ops->pages->free_pages(a, one, 0), 0);
		assert_int_equal(free_pages(a), 65);
		/* 65 - 3 is not more than 64. */
		assert_true(pfn_none(a->ops->pages->alloc_pages(a, 2, &req)));
		assert_int_equal(a->ops->pages->free_pages(a, one, 0), MM_EINVAL);
		rig_finish(&g);
	}
}

/* ---- pageblocks of four pages ---- */

static pfn_t take(struct alloc *a, unsigned order, unsigned mt)
{
	const struct alloc_req req = {
		.gfp = GFP_KERNEL | __GFP_MEMALLOC, .zone_mask = 1, .migratetype = (uint8_t)mt};

	return a->ops->pages->alloc_pages(a, order, &req);
}

static struct zone_figures figures(const struct alloc *a)
{
	struct zone_figures f;

	a->ops->pages->zone(a, 0, &f);
	return f;
}

/* The first unmovable page breaks into the largest block: all its four pageblocks go over. */
static void test_claims_whole_blocks(void **state)
{
	(void)state;
	for (unsigned rules = LINUX_4_19; rules <= LINUX_6; rules++) {
		struct rig g;
		struct alloc *a = boot(&g, &alloc_checked4, rules, true);
		uint64_t before[MIGRATE_LISTS], after[MIGRATE_LISTS];
		pfn_t pfn, next;

		assert_int_equal(a->ops->pages->pageblocks(a, 0, before), 2);
		assert_int_equal(before[MIGRATE_UNMOVABLE], 0);
		pfn = take(a, 0, MIGRATE_UNMOVABLE);
		assert_false(pfn_none(pfn));
		assert_int_equal(pfn.v % 16, 0);
		(void)a->ops->pages->pageblocks(a, 0, after);
		assert_int_equal(after[MIGRATE_UNMOVABLE], 4);
		assert_int_equal(after[MIGRATE_MOVABLE], before[MIGRATE_MOVABLE] - 4);
		assert_int_equal(figures(a).claims, 1);
		/* What is left of it serves the next one; and what is freed goes back there. */
		next = take(a, 1, MIGRATE_UNMOVABLE);
		assert_int_equal(next.v, pfn.v + 2);
		assert_int_equal(figures(a).claims, 1);
		assert_int_equal(a->ops->pages->free_pages(a, pfn, 0), 0);
		assert_int_equal(a->ops->pages->free_pages(a, next, 1), 0);
		assert_int_equal(a->ops->pages->nr_free_type(a, 0, 4, MIGRATE_UNMOVABLE), 1);
		rig_check(&g, a);
		rig_finish(&g);
	}
}

/* Only single pages are left, each in a pageblock of three movable ones: less than half of such a
 * pageblock is free or of a like type, so the page is stolen and the pageblock stays. */
static void test_steals_pages(void **state)
{
	(void)state;
	for (unsigned rules = LINUX_4_19; rules <= LINUX_6; rules++) {
		struct rig g;
		struct alloc *a = boot(&g, &alloc_checked8, rules, true);
		uint64_t types[MIGRATE_LISTS];
		pfn_t pfn, last = PFN_NONE;

		while (!pfn_none(pfn = take(a, 0, MIGRATE_MOVABLE)))
			last = pfn.v % 4 == 1 ? pfn : last;
		assert_int_equal(free_pages(a), 0);
		assert_int_equal(a->ops->pages->free_pages(a, last, 0), 0);
		pfn = take(a, 0, MIGRATE_UNMOVABLE);
		assert_int_equal(pfn.v, last.v);
		/*
		 * 4.19 counts it as a claim: it takes over
		 * the free pages there, all one of them.
		 */
		assert_int_equal(figures(a).claims, rules == LINUX_4_19);
		assert_int_equal(figures(a).steals, rules == LINUX_6);
		(void)a->ops->pages->pageblocks(a, 0, types);
		assert_int_equal(types[MIGRATE_UNMOVABLE], 0);
		/* Freed, it is a movable page again. */
		assert_int_equal(a->ops->pages->free_pages(a, pfn, 0), 0);
		assert_int_equal(a->ops->pages->nr_free_type(a, 0, 0, MIGRATE_MOVABLE), 1);
		rig_check(&g, a);
		rig_finish(&g);
	}
}

/* Half of a pageblock is free: it goes over to the unmovable type, live movable pages and all. */
static void test_claims_half_free(void **state)
{
	(void)state;
	for (unsigned rules = LINUX_4_19; rules <= LINUX_6; rules++) {
		struct rig g;
		struct alloc *a = boot(&g, &alloc_checked4, rules, true);
		uint64_t types[MIGRATE_LISTS];
		pfn_t pfn, last = PFN_NONE;

		while (!pfn_none(pfn = take(a, 1, MIGRATE_MOVABLE)))
			last = pfn.v % 4 == 0 ? pfn : last;
		while (!pfn_none(take(a, 0, MIGRATE_MOVABLE)))
			;
		assert_int_equal(a->ops->pages->free_pages(a, last, 1), 0);
		pfn = take(a, 0, MIGRATE_UNMOVABLE);
		assert_int_equal(pfn.v, last.v);
		assert_int_equal(figures(a).claims, 1);
		(void)a->ops->pages->pageblocks(a, 0, types);
		assert_int_equal(types[MIGRATE_UNMOVABLE], 1);
		assert_int_equal(a->ops->pages->nr_free_type(a, 0, 0, MIGRATE_UNMOVABLE), 1);
		rig_check(&g, a);
		rig_finish(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_1_gib),
		cmocka_unit_test(test_running_kernel),
		cmocka_unit_test(test_emergency_reserve),
		cmocka_unit_test(test_orders_and_marks),
		cmocka_unit_test(test_claims_whole_blocks),
		cmocka_unit_test(test_steals_pages),
		cmocka_unit_test(test_claims_half_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
