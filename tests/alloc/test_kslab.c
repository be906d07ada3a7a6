/*
 * slab, the classic form: geometry against the rules of Linux 2.6 as written down (an
 * implementation of their own) and against known rows of /proc/slabinfo, colours, records,
 * arrays, nodes, debugging.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/rig.h"

/* ---- a machine ---- */

static struct rig g;
static enum mm_rules the_rules = MM_RULES_LINUX_4_19;

#define NODES 2u

static struct alloc *build(const struct alloc_instance *in, unsigned cpus, unsigned nodes,
			   const struct rig_param *set)
{
	static const struct phys_region ram[] = {{0x1000, 0x2000, REGION_RAM, 15},
						 {0x1000000, 0x2000000, REGION_RAM, 15},
						 {0x4000000, 0x1000000, REGION_RAM, 15}};
	static const struct pfn_range ranges[] = {{{0x1000}, 0x2000, 1, 0},
						  {{0x4000}, 0x1000, 2, 1}};
	static const struct zone_desc zone[NODES] = {
		{.name = "a", .ranges = &ranges[0], .nr_ranges = 1, .desc_zone = DESC_OWN_RANGE},
		{.name = "b",
		 .ranges = &ranges[1],
		 .nr_ranges = 1,
		 .desc_zone = DESC_OWN_RANGE,
		 .node = 1}};
	struct rig_owner *p, *o;

	rig_init(&g, RIG_NOISE, ram, 3, 0);
	p = rig_zones_owner(&g, in, "buddy", NULL, 12, zone, nodes);
	p->env.desc_stride = 64;
	p->env.nodes = nodes;
	assert_int_equal(rig_start(&g, p), 0);
	o = rig_owner(&g, in, "slab", set);
	o->env.page_shift = 12;
	o->env.cache_line = 64;
	o->env.align = 8;
	o->env.cpus = cpus;
	o->env.nodes = nodes;
	o->env.rules = the_rules;
	o->source =
		(struct page_source){.pages = p->alloc, .zone_mask = UINT32_MAX, .page_shift = 12};
	o->env.pages = &o->source;
	assert_int_equal(rig_start(&g, o), 0);
	return o->alloc;
}

static uint32_t make(struct alloc *a, msize_t size, msize_t align, uint32_t flags,
		     struct cache_figures *f)
{
	struct cache_req req = {"test", size, align, flags};
	uint32_t c = a->ops->caches->create(a, &req);

	assert_int_not_equal(c, CACHE_NONE);
	a->ops->caches->figures(a, c, f);
	return c;
}

static vaddr_t take(struct alloc *a, uint32_t c, unsigned node)
{
	struct alloc_req req = {.zone_mask = UINT32_MAX, .node = (uint8_t)node};
	struct grant x = a->ops->caches->alloc(a, c, &req);

	assert_int_not_equal(x.bytes, 0);
	return x.va;
}

static vaddr_t kmalloc(struct alloc *a, msize_t size)
{
	struct alloc_req req = {.size = size, .zone_mask = UINT32_MAX};

	return a->ops->bytes->malloc(a, &req).va;
}

/* ---- the rules ---- */

struct shape {
	unsigned long num, pages, off;
};

/*
 * "A record of three words and four numbers, and a number for each object, rounded to the
 * alignment, before the objects; or outside if an object has an eighth of a page, unless the
 * rest has room.  The least order that loses an eighth at most; not beyond 1 if one fits."
 */
static struct shape rule(unsigned word, unsigned long size, unsigned long align)
{
	unsigned long record = 3ul * word + 16, left = 0, mgmt = 0;
	struct shape s = {0, 0, size >= 512};

	for (unsigned order = 0; order <= 10; order++) {
		unsigned long bytes = 4096ul << order, num = 0;

		while (num < 32767) {
			unsigned long m = (record + 4 * (num + 1) + align - 1) / align * align;

			if ((s.off ? 0 : m) + (num + 1) * size > bytes)
				break;
			num++;
		}
		if (num == 0)
			continue;
		if (s.off && num > (256 - record) / 4)
			break;
		mgmt = (record + 4 * num + align - 1) / align * align;
		left = bytes - (s.off ? 0 : mgmt) - num * size;
		s.num = num;
		s.pages = 1ul << order;
		if (order >= 1 || left * 8 <= bytes)
			break;
	}
	if (s.off && left >= mgmt)
		s.off = 0;
	return s;
}

static void check_sizes(const struct alloc_instance *in, unsigned long align, unsigned long step)
{
	struct alloc *a = build(in, 1, 1, NULL);

	for (unsigned long asked = 8; asked <= 32768; asked += step) {
		unsigned long size = (asked + align - 1) / align * align;
		struct shape s = rule(in->word, size, align);
		struct cache_figures f;
		uint32_t c = make(a, asked, align, 0, &f);

		if (f.object_size != size || f.objects_per_slab != s.num ||
		    f.pages_per_slab != s.pages)
			fail_msg("word %u: %lu bytes at %lu: %lu objects in %lu pages, the rule "
				 "says %lu in %lu",
				 in->word, asked, align, (unsigned long)f.objects_per_slab,
				 (unsigned long)f.pages_per_slab, s.num, s.pages);
		assert_int_equal(a->ops->caches->destroy(a, c), 0);
	}
	rig_check(&g, a);
	rig_finish(&g);
}

static void test_every_size(void **state)
{
	(void)state;
	check_sizes(&alloc_fast8, 8, 8);
	check_sizes(&alloc_fast4, 8, 8);
	check_sizes(&alloc_fast8, 64, 56);
	check_sizes(&alloc_fast4, 256, 104);
}

/* objsize, objperslab, pagesperslab, limit, batchcount: Linux 2.6 on i386 and x86-64. */
static void test_slabinfo(void **state)
{
	static const struct {
		unsigned size, objects4, objects8, pages, limit, batch;
	} rows[] = {
		{32, 113, 112, 1, 120, 60}, {64, 59, 59, 1, 120, 60}, {128, 30, 30, 1, 120, 60},
		{256, 15, 15, 1, 120, 60},  {512, 8, 8, 1, 54, 27},   {1024, 4, 4, 1, 54, 27},
		{2048, 2, 2, 1, 24, 12},    {4096, 1, 1, 1, 24, 12},  {8192, 1, 1, 2, 8, 4},
		{65536, 1, 1, 16, 8, 4},    {131072, 1, 1, 32, 8, 4}, {262144, 1, 1, 64, 1, 1},
	};

	(void)state;
	for (unsigned word = 4; word <= 8; word += 4) {
		struct alloc *a = build(word == 4 ? &alloc_checked4 : &alloc_checked8, 2, 1, NULL);
		uint32_t c = CACHE_NONE;
		unsigned found = 0;

		while ((c = a->ops->caches->next(a, c)) != CACHE_NONE) {
			struct cache_figures f;

			a->ops->caches->figures(a, c, &f);
			for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
				if ((f.flags & SLAB_KMALLOC) == 0 || f.object_size != rows[i].size)
					continue;
				assert_int_equal(f.objects_per_slab,
						 word == 4 ? rows[i].objects4 : rows[i].objects8);
				assert_int_equal(f.pages_per_slab, rows[i].pages);
				assert_int_equal(f.limit, rows[i].limit);
				assert_int_equal(f.batch, rows[i].batch);
				found++;
			}
		}
		assert_int_equal(found, sizeof rows / sizeof rows[0]);
		rig_finish(&g);
	}
}

/* ---- slabs ---- */

/* Slabs begin at one colour after the other: 0, 64, 128, ... and again 0. */
static void test_colours(void **state)
{
	struct alloc *a = build(&alloc_checked8, 1, 1, NULL);
	struct cache_figures f;
	uint32_t c = make(a, 344, 8, 0, &f);
	unsigned colours = (4096u - 88u - 11u * 344u) / 64u + 1u, seen[4] = {0}; /* 224 left */
	vaddr_t first[8];
	unsigned slabs = 0;

	(void)state;
	assert_int_equal(f.objects_per_slab, 11);
	assert_int_equal(colours, 4);
	for (unsigned i = 0; i < 11u * 8u; i++) {
		vaddr_t o = take(a, c, 0), base = {o.v & ~(msize_t)4095};
		unsigned k = 0;

		while (k < slabs && !vaddr_eq(first[k], base))
			k++;
		if (k < slabs)
			continue;
		assert_in_range(slabs, 0, 7);
		first[slabs++] = base;
		assert_int_equal((o.v - base.v - 88) % 344 % 64, 0);
		seen[(o.v - base.v - 88) % 344 / 64]++;
	}
	assert_int_equal(slabs, 8);
	for (unsigned i = 0; i < colours; i++)
		assert_int_equal(seen[i], 2);
	rig_check(&g, a);
	rig_finish(&g);
}

/* Small objects have their slab's record before them, large ones elsewhere. */
static void test_records(void **state)
{
	struct alloc *a = build(&alloc_checked8, 1, 1, NULL);
	vaddr_t small = kmalloc(a, 64), large = kmalloc(a, 1024);
	unsigned same = 0;

	(void)state;
	assert_true(small.v % 4096 >= 276);
	assert_int_equal(large.v % 1024, 0);
	/* What the CPU got at once: four pages.  One object is the array for those of 64 bytes. */
	for (unsigned i = 0; i < 15; i++)
		same += kmalloc(a, 1024).v / 4096 == large.v / 4096;
	assert_in_range(same, 2, 3);
	rig_ledger_equals_walk(&g, (struct alloc *[]){g.owner[1].alloc, a}, 2);
	rig_check(&g, a);
	rig_finish(&g);
}

static uint64_t live(struct alloc *a, uint32_t c)
{
	struct cache_figures f;

	a->ops->caches->figures(a, c, &f);
	return f.active_objects;
}

/* The array is a stack; what is beyond `limit` goes back to the slabs, oldest first. */
static void test_arrays(void **state)
{
	struct alloc *a = build(&alloc_checked8, 1, 1, NULL);
	struct cache_figures f;
	uint32_t c = make(a, 64, 0, 0, &f);
	vaddr_t p[200];

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		p[i] = take(a, c, 0);
	assert_int_equal(live(a, c), 200);
	assert_int_equal(a->ops->caches->free(a, c, p[7]), 64);
	assert_int_equal(a->ops->caches->free(a, c, p[7]), FREE_BAD);
	assert_int_equal(a->ops->caches->free(a, c, vaddr_add(p[8], 8)), FREE_BAD);
	assert_int_equal(take(a, c, 0).v, p[7].v);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(a->ops->caches->free(a, c, p[i]), 64);
	assert_int_equal(live(a, c), 0);
	assert_int_equal(take(a, c, 0).v, p[199].v);
	assert_int_equal(a->ops->caches->destroy(a, c), MM_EBUSY);
	assert_int_equal(a->ops->caches->free(a, c, p[199]), 64);
	assert_true(a->ops->caches->shrink(a, c) > 0);
	a->ops->caches->figures(a, c, &f);
	assert_int_equal(f.slabs, 0);
	assert_int_equal(a->ops->caches->destroy(a, c), 0);
	rig_check(&g, a);
	rig_finish(&g);
}

/* ---- nodes ---- */

/* The node of the memory that o lies in. */
static unsigned node_of(vaddr_t o)
{
	return o.v >= 0x4000000;
}

/* Does the page allocator give memory of the node that is asked for? */
static bool pages_know_nodes(struct alloc *a)
{
	return node_of(kmalloc(a, 65536)) != 1; /* node 0, though zone b comes first */
}

static void test_nodes(void **state)
{
	struct alloc *a = build(&alloc_checked8, 2, NODES, NULL);
	struct cache_figures f;
	uint32_t c = make(a, 256, 0, 0, &f);
	bool known = pages_know_nodes(a);
	vaddr_t p[120];

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 120; i++) {
			unsigned node = (round == 0 ? i / 3 : i) % NODES;

			p[i] = take(a, c, node);
			if (known)
				assert_int_equal(node_of(p[i]), node);
		}
		rig_check(&g, a);
		for (unsigned i = 0; i < 120; i++)
			assert_int_equal(a->ops->caches->free(a, c, p[i]), 256);
		rig_check(&g, a);
	}
	rig_ledger_equals_walk(&g, (struct alloc *[]){g.owner[1].alloc, a}, 2);
	rig_finish(&g);
}

/* ---- arrays of nodes ---- */

static void on_cpu(unsigned cpu)
{
	g.sh.cpu = cpu;
}

static uint64_t shared_avail(struct alloc *a, uint32_t c)
{
	struct cache_figures f;

	a->ops->caches->figures(a, c, &f);
	return f.shared_avail;
}

/* A full array gives its oldest batch to the node's shared array, from which others are filled. */
static void test_shared(void **state)
{
	struct alloc *a = build(&alloc_checked8, 2, 1, NULL);
	struct cache_figures f;
	uint32_t c = make(a, 64, 0, 0, &f);
	vaddr_t p[121];

	(void)state;
	assert_int_equal(f.limit, 120);
	assert_int_equal(f.batch, 60);
	assert_int_equal(f.shared, 8);
	/* 16 objects come at once, then what a slab of 59 has left: 56 stay. */
	for (unsigned i = 0; i < 121; i++)
		p[i] = take(a, c, 0);
	for (unsigned i = 0; i < 64; i++)
		a->ops->caches->free(a, c, p[i]);
	assert_int_equal(shared_avail(a, c), 0);
	a->ops->caches->free(a, c, p[64]);
	assert_int_equal(shared_avail(a, c), 60);
	rig_check(&g, a);
	/* Entries 0 to 55 of the array were never taken, 56 to 59 are p[0] to p[3]. */
	on_cpu(1);
	assert_int_equal(take(a, c, 0).v, p[3].v);
	assert_int_equal(shared_avail(a, c), 60 - 16);
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(take(a, c, 0).v, p[3 - i].v);
	rig_check(&g, a);
	rig_ledger_equals_walk(&g, (struct alloc *[]){g.owner[1].alloc, a}, 2);
	rig_finish(&g);
}

/* The shared array is full: a batch goes to the slabs. */
static void test_shared_full(void **state)
{
	struct alloc *a = build(&alloc_checked8, 2, 1, NULL);
	struct cache_figures f;
	uint32_t c = make(a, 1024, 0, 0, &f);
	vaddr_t p[400];

	(void)state;
	for (unsigned i = 0; i < 400; i++)
		p[i] = take(a, c, 0);
	for (unsigned i = 0; i < 400; i++)
		a->ops->caches->free(a, c, p[i]);
	assert_int_equal(f.limit, 54);
	assert_int_equal(shared_avail(a, c), 8 * 27);
	a->ops->caches->figures(a, c, &f);
	assert_int_equal(f.active_objects, 0);
	assert_true(f.at_hand <= 8 * 27 + 54);
	/* A node with one CPU keeps (1 + 2) * 27 + 4 free objects in slabs. */
	assert_true(f.total_objects - f.at_hand <= 85 + 4);
	assert_true(a->ops->caches->shrink(a, c) > 0);
	assert_int_equal(shared_avail(a, c), 0);
	assert_int_equal(a->ops->caches->destroy(a, c), 0);
	rig_check(&g, a);
	rig_finish(&g);
}

static uint64_t at_hand(struct alloc *a, uint32_t c)
{
	struct cache_figures f;

	a->ops->caches->figures(a, c, &f);
	return f.at_hand;
}

/* Objects of the other node wait, twelve of them, and go to its shared array. */
static void test_alien(void **state)
{
	struct alloc *a = build(&alloc_checked8, 2, NODES, NULL);
	struct cache_figures f;
	uint32_t c = make(a, 256, 0, 0, &f);
	vaddr_t p[40];
	uint64_t rest;

	(void)state;
	on_cpu(1);
	for (unsigned i = 0; i < 40; i++) {
		p[i] = take(a, c, 1);
		assert_int_equal(node_of(p[i]), 1);
	}
	rest = at_hand(a, c);
	on_cpu(0);
	for (unsigned i = 0; i < 12; i++)
		a->ops->caches->free(a, c, p[i]);
	assert_int_equal(at_hand(a, c), rest + 12);
	assert_int_equal(shared_avail(a, c), 0);
	assert_int_equal(a->ops->caches->free(a, c, p[3]), FREE_BAD);
	rig_check(&g, a);
	a->ops->caches->free(a, c, p[12]);
	assert_int_equal(shared_avail(a, c), 12);
	assert_int_equal(node_of(take(a, c, 0)), 0);
	rig_check(&g, a);
	on_cpu(1);
	for (; rest > 0; rest--)
		take(a, c, 1);
	assert_int_equal(take(a, c, 1).v, p[11].v);
	assert_int_equal(shared_avail(a, c), 0);
	rig_ledger_equals_walk(&g, (struct alloc *[]){g.owner[1].alloc, a}, 2);
	rig_finish(&g);
}

/* The textbook has CPUs' arrays only: another node's object goes to its slab at once. */
static void test_textbook(void **state)
{
	struct alloc *a;
	struct cache_figures f;
	uint32_t c;
	vaddr_t p;

	(void)state;
	the_rules = MM_RULES_TEXTBOOK;
	a = build(&alloc_checked8, 2, NODES, NULL);
	the_rules = MM_RULES_LINUX_4_19;
	c = make(a, 256, 0, 0, &f);
	assert_int_equal(f.shared, 0);
	p = take(a, c, 1);
	assert_int_equal(a->ops->caches->free(a, c, p), 256);
	assert_int_equal(at_hand(a, c), 0);
	rig_check(&g, a);
	rig_finish(&g);
}

/* What nobody uses goes back to the slabs, and these to the page allocator, bit by bit. */
static void test_reaper(void **state)
{
	struct alloc *a = build(&alloc_checked8, 2, NODES, NULL);
	struct cache_figures f;
	uint32_t c = make(a, 256, 0, 0, &f);
	vaddr_t p[300];
	uint64_t was;

	(void)state;
	on_cpu(1);
	for (unsigned i = 0; i < 300; i++)
		p[i] = take(a, c, 1);
	on_cpu(0);
	take(a, c, 0);
	for (unsigned i = 0; i < 5; i++)
		a->ops->caches->free(a, c, p[i]);
	on_cpu(1);
	for (unsigned i = 5; i < 300; i++)
		a->ops->caches->free(a, c, p[i]);
	was = at_hand(a, c);
	for (unsigned cpu = 0; cpu < 2; cpu++) /* the CPUs' arrays were used; a fifth of 480 goes */
		a->ops->tick(a, cpu, 2000);
	was -= 96;
	assert_int_equal(at_hand(a, c), was);
	for (unsigned cpu = 0; cpu < 2; cpu++)
		a->ops->tick(a, cpu, 3900); /* too early */
	assert_int_equal(at_hand(a, c), was);
	a->ops->tick(a, 1, 4000); /* a fifth of 120 */
	assert_int_equal(at_hand(a, c), was - 24);
	for (unsigned i = 3; i < 200; i++)
		for (unsigned cpu = 0; cpu < 2; cpu++)
			a->ops->tick(a, cpu, i * 2000);
	rig_check(&g, a);
	a->ops->caches->figures(a, c, &f);
	assert_int_equal(f.at_hand, 0);
	assert_int_equal(f.active_objects, 1);
	assert_int_equal(f.slabs, 1);
	rig_ledger_equals_walk(&g, (struct alloc *[]){g.owner[1].alloc, a}, 2);
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

static void test_debug(void **state)
{
	static const struct rig_param on[] = {
		{.name = "red_zone", .u = 1}, {.name = "poison", .u = 1}, {.name = NULL}};
	struct check_report r = {0};
	struct alloc *a = build(&alloc_checked8, 1, 1, on);
	vaddr_t p = kmalloc(a, 64), q = kmalloc(a, 64);

	(void)state;
	mem_st8(a->m, vaddr_add(p, 64), 'x');
	assert_int_equal(a->ops->bytes->free(a, q), 64);
	assert_int_equal(g.sh.nr_findings, 0);
	assert_int_equal(a->ops->bytes->free(a, p), 64);
	assert_int_equal(findings("red zone overwritten, seen at free"), 1);
	assert_int_equal(g.sh.finding[0].where, p.v + 64);
	mem_st8(a->m, vaddr_add(p, 10), 'x');
	assert_int_equal(a->ops->check(a, &r), MM_EINVAL);
	assert_non_null(strstr(r.invariant, "L9"));
	assert_int_equal(kmalloc(a, 64).v, p.v);
	assert_int_equal(findings("use after free"), 1);
	rig_finish(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_size), cmocka_unit_test(test_slabinfo),
		cmocka_unit_test(test_colours),    cmocka_unit_test(test_records),
		cmocka_unit_test(test_arrays),     cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_shared),     cmocka_unit_test(test_shared_full),
		cmocka_unit_test(test_alien),      cmocka_unit_test(test_textbook),
		cmocka_unit_test(test_reaper),     cmocka_unit_test(test_debug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
