/*
 * slub: geometry against the rules as written down (an implementation of their own,
 * number by number), kmalloc's caches against a real /proc/slabinfo, and the order of
 * the free lists.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/rig.h"

/* ---- a machine ---- */

static struct rig g;

static struct alloc *build(const struct alloc_instance *in, const char *kind, unsigned cpus,
			   enum mm_rules rules, const struct rig_param *set)
{
	static const struct phys_region ram[] = {{0x1000, 0x2000, REGION_RAM, 15},
						 {0x1000000, 0x2000000, REGION_RAM, 15}};
	static const struct pfn_range range = {{0x1000}, 0x2000, 1, 0};
	static const struct zone_desc zone = {
		.name = "normal", .ranges = &range, .nr_ranges = 1, .desc_zone = DESC_OWN_RANGE};
	struct rig_owner *p, *o;

	rig_init(&g, RIG_NOISE, ram, 2, 0);
	p = rig_zones_owner(&g, in, "buddy", NULL, 12, &zone, 1);
	p->env.desc_stride = 64;
	assert_int_equal(rig_start(&g, p), 0);
	o = rig_owner(&g, in, kind, set);
	o->env.page_shift = 12;
	o->env.cache_line = 64;
	o->env.align = 8;
	o->env.cpus = cpus;
	o->env.rules = rules;
	o->source =
		(struct page_source){.pages = p->alloc, .zone_mask = UINT32_MAX, .page_shift = 12};
	o->env.pages = &o->source;
	assert_int_equal(rig_start(&g, o), 0);
	return o->alloc;
}

static struct cache_figures figures_of(struct alloc *a, msize_t size, msize_t align, uint32_t flags)
{
	struct cache_req req = {"test", size, align, flags};
	uint32_t c = a->ops->caches->create(a, &req);
	struct cache_figures f;

	assert_int_not_equal(c, CACHE_NONE);
	a->ops->caches->figures(a, c, &f);
	assert_int_equal(a->ops->caches->destroy(a, c), 0);
	return f;
}

/* ---- the rules, from their text ---- */

static unsigned bits(unsigned long n)
{
	unsigned b = 0;

	for (; n != 0; n /= 2)
		b++;
	return b;
}

static unsigned order_of(unsigned long bytes)
{
	unsigned order = 0;

	while (4096ul << order < bytes)
		order++;
	return order;
}

/* The kernel's boot parameters: slab_min_objects (0: by the CPUs), slab_min_order, slab_max_order. */
struct wish {
	unsigned objects, least, most;
};

static const struct wish usual = {0, 0, 3};

static unsigned at_least(unsigned order, unsigned least)
{
	return order > least ? order : least;
}

static unsigned long objects_for(unsigned long size, unsigned cpus, const struct wish *w)
{
	unsigned long most = (4096ul << w->most) / size;
	unsigned long objects = w->objects != 0 ? w->objects : 4 * (bits(cpus) + 1);

	return objects < most ? objects : most;
}

/* "min_objects = 4*(fls(nr_cpus)+1) ... for fraction 16,8,4,2: smallest order in [min_order,3] ..." */
static unsigned rule_linux_6(unsigned long size, unsigned cpus, const struct wish *w)
{
	unsigned long objects = objects_for(size, cpus, w);
	unsigned least = at_least(order_of((objects ? objects : 1) * size), w->least);

	for (unsigned long f = 16; f >= 2; f /= 2)
		for (unsigned order = least; order <= w->most; order++)
			if ((4096ul << order) % size <= (4096ul << order) / f)
				return order;
	return order_of(size);
}

/* "fraction 16,8,4 inside a loop decrementing min_objects down to 2, then 1 object, ..." */
static unsigned rule_4_19(unsigned long size, unsigned cpus, const struct wish *w)
{
	for (unsigned long objects = objects_for(size, cpus, w); objects >= 2; objects--)
		for (unsigned long f = 16; f >= 4; f /= 2)
			for (unsigned order = at_least(order_of(objects * size), w->least);
			     order <= w->most; order++)
				if ((4096ul << order) % size <= (4096ul << order) / f)
					return order;
	return at_least(order_of(size), w->least);
}

static void check_all_sizes(const struct alloc_instance *in, unsigned cpus, enum mm_rules rules,
			    const struct wish *w)
{
	const struct rig_param set[] = {{.name = "min_objects", .u = w->objects},
					{.name = "min_order", .u = w->least},
					{.name = "max_order", .u = w->most + 1},
					{0}};
	struct alloc *a = build(in, "slub", cpus, rules, w == &usual ? NULL : set);
	unsigned long word = in->word;

	for (unsigned long asked = 8; asked <= 32768; asked += 8)
		for (unsigned long align = 8; align <= 64; align *= 8) {
			struct cache_figures f = figures_of(a, asked, align, 0);
			unsigned long size = (asked + word - 1) / word * word;
			unsigned order;

			size = (size + align - 1) / align * align;
			order = rules == MM_RULES_LINUX_6 ? rule_linux_6(size, cpus, w)
							  : rule_4_19(size, cpus, w);
			if (f.object_size != size || f.pages_per_slab != 1ul << order ||
			    f.objects_per_slab != (4096ul << order) / size)
				fail_msg(
					"word %lu, %u CPUs, rules %d, %u objects, orders %u to %u, "
					"%lu bytes at %lu: %lu pages of %lu objects, the rule "
					"says order %u",
					word, cpus, (int)rules, w->objects, w->least, w->most,
					asked, align, (unsigned long)f.pages_per_slab,
					(unsigned long)f.objects_per_slab, order);
		}
	rig_finish(&g);
}

static void test_every_size(void **state)
{
	static const unsigned cpus[] = {1, 2, 3, 4, 8, 16, 31, 32, 63};

	(void)state;
	for (unsigned i = 0; i < sizeof cpus / sizeof cpus[0]; i++) {
		check_all_sizes(&alloc_fast8, cpus[i], MM_RULES_LINUX_6, &usual);
		check_all_sizes(&alloc_fast8, cpus[i], MM_RULES_LINUX_4_19, &usual);
	}
	check_all_sizes(&alloc_fast4, 2, MM_RULES_LINUX_4_19, &usual);
	check_all_sizes(&alloc_fast4, 8, MM_RULES_LINUX_6, &usual);
}

/* The kernel's boot parameters for slabs. */
static void test_wishes(void **state)
{
	static const struct wish wishes[] = {{0, 0, 0},   {0, 0, 1}, {1, 0, 3}, {16, 0, 5},
					     {100, 0, 3}, {0, 2, 3}, {0, 2, 2}, {4, 1, 6}};

	(void)state;
	for (unsigned i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
		check_all_sizes(&alloc_fast8, 2, MM_RULES_LINUX_6, &wishes[i]);
		check_all_sizes(&alloc_fast4, 2, MM_RULES_LINUX_4_19, &wishes[i]);
	}
}

static void check_alignment(struct alloc *a, unsigned long align, unsigned long step,
			    unsigned long most, unsigned cpus, enum mm_rules rules)
{
	for (unsigned long asked = 1; asked <= most; asked += step) {
		struct cache_figures f = figures_of(a, asked, align, 0);
		unsigned long size = (asked + 7) / 8 * 8;
		unsigned order;

		size = (size + align - 1) / align * align;
		order = rules == MM_RULES_LINUX_6 ? rule_linux_6(size, cpus, &usual)
						  : rule_4_19(size, cpus, &usual);
		if (f.object_size != size || f.pages_per_slab != 1ul << order ||
		    f.objects_per_slab != (4096ul << order) / size)
			fail_msg("%u CPUs, rules %d, %lu bytes at %lu: %lu pages, the rule says "
				 "order %u",
				 cpus, (int)rules, asked, align, (unsigned long)f.pages_per_slab,
				 order);
	}
}

/* Every alignment up to a page, sizes that are no multiple of anything, many CPUs. */
static void test_every_alignment(void **state)
{
	static const unsigned cpus[] = {1, 2, 4, 7, 12, 24, 64, 96, 128, 256, 1024, 4096};

	(void)state;
	for (unsigned i = 0; i < sizeof cpus / sizeof cpus[0]; i++)
		for (unsigned k = 0; k < 2; k++) {
			const struct rig_param set[] = {{.name = "possible_cpus", .u = cpus[i]},
							{.name = NULL}};
			enum mm_rules rules = k == 0 ? MM_RULES_LINUX_6 : MM_RULES_LINUX_4_19;
			struct alloc *a = build(&alloc_fast8, "slub", 2, rules, set);

			for (unsigned long align = 8; align <= 4096; align *= 2)
				check_alignment(a, align, i < 2 ? 13 : 101, 32768, cpus[i], rules);
			rig_finish(&g);
		}
}

/* Literally every size up to 8 KiB, alignment up to a page, and number of CPUs up to 64; a minute or two. */
static void test_all_there_are(void **state)
{
	(void)state;
	for (unsigned cpus = 1; cpus <= 64; cpus++)
		for (unsigned k = 0; k < 2; k++) {
			const struct rig_param set[] = {{.name = "possible_cpus", .u = cpus},
							{.name = NULL}};
			enum mm_rules rules = k == 0 ? MM_RULES_LINUX_6 : MM_RULES_LINUX_4_19;
			struct alloc *a = build(&alloc_fast8, "slub", 2, rules, set);

			for (unsigned long align = 8; align <= 4096; align *= 2)
				check_alignment(a, align, 1, 8192, cpus, rules);
			rig_finish(&g);
		}
}

/* "Over multiples of 8 up to 32 KiB the two differ for 170 sizes only, beginning at 10928 B". */
static void test_rules_differ(void **state)
{
	unsigned n = 0, first = 0;

	(void)state;
	for (unsigned size = 8; size <= 32768; size += 8)
		if (rule_linux_6(size, 2, &usual) != rule_4_19(size, 2, &usual)) {
			first = n++ == 0 ? size : first;
		}
	assert_int_equal(n, 170);
	assert_int_equal(first, 10928);
	assert_int_equal(rule_4_19(10928, 2, &usual), 2);
	assert_int_equal(rule_linux_6(10928, 2, &usual), 3);
}

/* ---- /proc/slabinfo ---- */

struct row {
	unsigned size, objects, pages;
};

/* Columns objsize, objperslab, pagesperslab of Linux 6.18 on x86-64 with 2 CPUs. */
static const struct row slabinfo[] = {{8, 512, 1},  {16, 256, 1},  {32, 128, 1},  {64, 64, 1},
				      {96, 42, 1},  {128, 32, 1},  {192, 21, 1},  {256, 16, 1},
				      {512, 16, 2}, {1024, 16, 4}, {2048, 16, 8}, {4096, 8, 8},
				      {8192, 4, 8}};

static void test_slabinfo(void **state)
{
	struct alloc *a = build(&alloc_checked8, "slub", 2, MM_RULES_LINUX_6, NULL);
	uint32_t c = CACHE_NONE;
	unsigned found = 0;

	(void)state;
	while ((c = a->ops->caches->next(a, c)) != CACHE_NONE) {
		struct cache_figures f;

		a->ops->caches->figures(a, c, &f);
		for (unsigned i = 0; i < sizeof slabinfo / sizeof slabinfo[0]; i++)
			if ((f.flags & SLAB_KMALLOC) != 0 && f.object_size == slabinfo[i].size) {
				assert_int_equal(f.objects_per_slab, slabinfo[i].objects);
				assert_int_equal(f.pages_per_slab, slabinfo[i].pages);
				found++;
			}
	}
	assert_int_equal(found, sizeof slabinfo / sizeof slabinfo[0]);
	rig_finish(&g);
}

/* Does a cache with these flags come out with that size, and as many objects in as many pages? */
static bool comes_out(struct alloc *a, const unsigned v[8], uint32_t flags)
{
	struct cache_figures f =
		figures_of(a, v[0], v[2], flags | (v[5] != 0 ? SLAB_HWCACHE_ALIGN : 0));

	return f.object_size == v[1] && f.objects_per_slab == v[3] &&
	       f.pages_per_slab == 1ul << v[4];
}

/*
 * All caches of /sys/kernel/slab of Linux 6.18 on x86-64 with 2 CPUs.  One that is typesafe by RCU
 * has a word more, unless it says where in the object the free pointer may lie.
 */
static void test_real_caches(void **state)
{
	FILE *in = fopen(TESTS_DIR "/kernel/slab-caches.txt", "r");
	struct alloc *a = build(&alloc_fast8, "slub", 2, MM_RULES_LINUX_6, NULL);
	unsigned v[8], met = 0;
	char line[256], name[64];

	(void)state;
	assert_non_null(in);
	while (fgets(line, sizeof line, in) != NULL) {
		uint32_t flags;

		if (line[0] == '#')
			continue;
		/* object_size slab_size align objects order hwcache_align rcu ctor */
		assert_int_equal(sscanf(line, "%63s %u %u %u %u %u %u %u %u", name, &v[0], &v[1],
					&v[2], &v[3], &v[4], &v[5], &v[6], &v[7]),
				 9);
		flags = (v[6] ? SLAB_TYPESAFE_BY_RCU : 0) | (v[7] ? SLAB_CTOR : 0);
		if (!comes_out(a, v, flags) && !(v[6] && comes_out(a, v, 0)))
			fail_msg("%s", line);
		met++;
	}
	assert_int_equal(met, 235);
	fclose(in);
	rig_finish(&g);
}

/* The sizes of kmalloc's caches, in their order, as a text. */
static void kmalloc_sizes(struct alloc *a, char *out, size_t room)
{
	uint32_t c = CACHE_NONE;
	size_t n = 0;

	while ((c = a->ops->caches->next(a, c)) != CACHE_NONE) {
		struct cache_figures f;

		a->ops->caches->figures(a, c, &f);
		if ((f.flags & SLAB_KMALLOC) != 0)
			n += (size_t)snprintf(out + n, room - n, "%lu ",
					      (unsigned long)f.object_size);
	}
}

static void test_kmalloc_sizes(void **state)
{
	static const struct {
		msize_t least, powers, order;
		const char *sizes;
	} rows[] = {
		{0, 0, 1, "96 192 8 16 32 64 128 256 512 1024 2048 4096 8192 "},
		{2, 0, 1, "96 192 16 32 64 128 256 512 1024 2048 4096 8192 "},
		{4, 0, 0, "192 64 128 256 512 1024 2048 4096 "},
		{5, 0, 2, "128 256 512 1024 2048 4096 8192 16384 "},
		{3, 1, 0, "32 64 128 256 512 1024 2048 4096 "},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct rig_param set[] = {{.name = "kmalloc_min", .u = rows[i].least},
						{.name = "kmalloc_powers", .u = rows[i].powers},
						{.name = "kmalloc_max_order", .u = rows[i].order},
						{0}};
		struct alloc *a = build(&alloc_checked8, "slub", 2, MM_RULES_LINUX_6, set);
		struct alloc_req req = {.size = 70, .zone_mask = UINT32_MAX};
		msize_t granted = a->ops->bytes->malloc(a, &req).bytes;
		char sizes[256] = "";

		kmalloc_sizes(a, sizes, sizeof sizes);
		assert_string_equal(sizes, rows[i].sizes);
		assert_int_equal(granted, strncmp(sizes, "96", 2) == 0 ? 96 : 128);
		req.size = (4096u << rows[i].order) + 1; /* beyond the largest: pages */
		granted = a->ops->bytes->malloc(a, &req).bytes;
		assert_int_equal(granted, 8192u << rows[i].order);
		rig_check(&g, a);
		rig_finish(&g);
	}
}

/* Caches with their own wishes, as "Slab geometry (235 of 235 caches equal)" describes them. */
static void test_flags(void **state)
{
	struct alloc *a = build(&alloc_checked8, "slub", 2, MM_RULES_LINUX_6, NULL);

	(void)state;
	/* 24 bytes lie in half a line, 20 in a quarter's double, 200 at whole lines. */
	assert_int_equal(figures_of(a, 24, 0, SLAB_HWCACHE_ALIGN).object_size, 32);
	assert_int_equal(figures_of(a, 16, 0, SLAB_HWCACHE_ALIGN).object_size, 16);
	assert_int_equal(figures_of(a, 200, 0, SLAB_HWCACHE_ALIGN).object_size, 256);
	/* A constructor, or RCU: the free pointer is one more word. */
	assert_int_equal(figures_of(a, 600, 0, 0).object_size, 600);
	assert_int_equal(figures_of(a, 600, 0, SLAB_CTOR).object_size, 608);
	assert_int_equal(figures_of(a, 600, 0, SLAB_TYPESAFE_BY_RCU).object_size, 608);
	/* Red zone: a word behind, a word of padding, a word (aligned) before. */
	assert_int_equal(figures_of(a, 64, 0, SLAB_RED_ZONE).object_size, 64 + 8 + 8 + 8);
	assert_int_equal(figures_of(a, 64, 0, SLAB_RED_ZONE | SLAB_POISON).object_size,
			 64 + 8 + 8 + 8 + 8);
	rig_finish(&g);
}

/* ---- decisions ---- */

static vaddr_t kmalloc(struct alloc *a, msize_t size)
{
	struct alloc_req req = {.size = size, .zone_mask = UINT32_MAX};

	return a->ops->bytes->malloc(a, &req).va;
}

/* Objects of a fresh slab ascend; the last freed comes first. */
static void test_lifo(void **state)
{
	struct alloc *a = build(&alloc_checked8, "slub", 1, MM_RULES_LINUX_6, NULL);
	vaddr_t p[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		p[i] = kmalloc(a, 100);
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(p[i].v, p[0].v + 128ull * i);
	assert_int_equal(a->ops->bytes->free(a, p[1]), 128);
	assert_int_equal(a->ops->bytes->free(a, p[3]), 128);
	assert_int_equal(kmalloc(a, 128).v, p[3].v);
	assert_int_equal(kmalloc(a, 97).v, p[1].v);
	assert_int_equal(a->ops->bytes->free(a, p[0]), 128);
	assert_int_equal(a->ops->bytes->free(a, p[0]), FREE_BAD);
	rig_check(&g, a);
	rig_finish(&g);
}

/* kmalloc goes up to 8 KiB from caches, beyond from pages, and ends at 4 MiB. */
static void test_large(void **state)
{
	struct alloc *a = build(&alloc_checked8, "slub", 1, MM_RULES_LINUX_6, NULL);
	vaddr_t p = kmalloc(a, 8193);

	(void)state;
	assert_int_equal(a->ops->bytes->usable(a, p), 16384);
	assert_int_equal(p.v % 16384, 0);
	assert_int_equal(a->ops->bytes->free(a, vaddr_add(p, 4096)), FREE_BAD);
	assert_int_equal(a->ops->bytes->free(a, p), 16384);
	assert_int_equal(a->ops->bytes->free(a, p), FREE_BAD);
	assert_int_equal(a->ops->bytes->largest_request(a), MiB(4));
	assert_false(vaddr_none(kmalloc(a, MiB(4))));
	{
		struct alloc_req req = {.size = MiB(4) + 1, .zone_mask = UINT32_MAX};

		assert_int_equal(a->ops->bytes->malloc(a, &req).bytes, 0);
		assert_int_equal(g.sh.refusal, MM_REFUSE_LIMIT);
	}
	rig_check(&g, a);
	rig_finish(&g);
}

/* ---- debugging ---- */

static unsigned findings(const char *what)
{
	unsigned n = 0;

	for (unsigned i = 0; i < g.sh.nr_findings; i++)
		n += strstr(g.sh.finding[i].what, what) != NULL;
	return n;
}

static void test_red_zone(void **state)
{
	static const struct rig_param on[] = {{.name = "red_zone", .u = 1}, {.name = NULL}};
	struct alloc *a = build(&alloc_checked8, "slub", 1, MM_RULES_LINUX_6, on);
	vaddr_t p = kmalloc(a, 64), q = kmalloc(a, 64);

	(void)state;
	mem_st8(a->m, vaddr_add(p, 64), 'x');
	assert_int_equal(a->ops->bytes->free(a, q), 64);
	assert_int_equal(g.sh.nr_findings, 0);
	assert_int_equal(a->ops->bytes->free(a, p), 64);
	assert_int_equal(findings("red zone overwritten, seen at free"), 1);
	assert_int_equal(g.sh.finding[0].where, p.v + 64);
	rig_finish(&g);
}

static void test_use_after_free(void **state)
{
	static const struct rig_param on[] = {{.name = "poison", .u = 1}, {.name = NULL}};
	struct check_report r = {0};
	struct alloc *a = build(&alloc_checked8, "slub_tiny", 1, MM_RULES_LINUX_6, on);
	vaddr_t p = kmalloc(a, 64), q = kmalloc(a, 64); /* q keeps the slab */

	(void)state;
	assert_int_equal(a->ops->bytes->free(a, p), 64);
	mem_st8(a->m, vaddr_add(p, 10), 'x');
	assert_int_equal(a->ops->check(a, &r), MM_EINVAL);
	assert_non_null(strstr(r.invariant, "U9"));
	assert_int_equal(kmalloc(a, 64).v, p.v);
	assert_int_equal(findings("use after free"), 1);
	assert_int_equal(g.sh.finding[0].where, p.v + 10);
	assert_int_equal(a->ops->bytes->free(a, q), 64);
	rig_check(&g, a);
	rig_finish(&g);
}

/* ---- memory is short ---- */

static void test_shrink(void **state)
{
	struct alloc *a = build(&alloc_checked8, "slub", 2, MM_RULES_LINUX_6, NULL);
	struct rig_owner *o = rig_owner_of(&g, a);
	vaddr_t p[160];
	uint64_t held;

	(void)state;
	for (unsigned i = 0; i < 160; i++)
		p[i] = kmalloc(a, 256);
	for (unsigned i = 0; i < 160; i++)
		assert_int_equal(a->ops->bytes->free(a, p[i]), 256);
	held = o->source.held;
	assert_true(a->ops->shrink(a, UINT64_MAX) >= 5);
	assert_true(o->source.held < held);
	rig_check(&g, a);
	rig_finish(&g);
}

/* With the argument `every`: all there are, instead. */
int main(int argc, char **argv)
{
	const struct CMUnitTest every[] = {cmocka_unit_test(test_all_there_are)};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_size),     cmocka_unit_test(test_every_alignment),
		cmocka_unit_test(test_rules_differ),   cmocka_unit_test(test_wishes),
		cmocka_unit_test(test_kmalloc_sizes),  cmocka_unit_test(test_slabinfo),
		cmocka_unit_test(test_flags),          cmocka_unit_test(test_lifo),
		cmocka_unit_test(test_large),          cmocka_unit_test(test_red_zone),
		cmocka_unit_test(test_use_after_free), cmocka_unit_test(test_shrink),
		cmocka_unit_test(test_real_caches),
	};

	if (argc > 1 && strcmp(argv[1], "every") == 0)
		return cmocka_run_group_tests(every, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
