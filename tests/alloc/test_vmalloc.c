/*
 * vmalloc: page tables against values worked out by hand from the processor's manual,
 * the hardware's walk against the software's tables, guards, first fit, lazy purge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/rig.h"
#include "model/mmu.h"

#define PAGE 4096u

/* 8 MiB of RAM at 4 MiB; the direct map shows all of it. */
static const struct phys_region ram = {0x400000, 0x800000, REGION_RAM, 15};
static const struct mm_range direct = {{0x400000}, 0x800000};

struct stage {
	struct rig g;
	struct vm_layout vm;
	struct alloc *v;
	struct mmu mmu;
};

static const uint64_t offsets[] = {
	[PTE_X86_32] = 0xc0000000, [PTE_X86_PAE] = 0xc0000000, [PTE_X86_64] = 0xffff888000000000};
static const uint64_t windows[] = {
	[PTE_X86_32] = 0xf8800000, [PTE_X86_PAE] = 0xf8800000, [PTE_X86_64] = 0xffffc90000000000};

static void stage_begin(struct stage *s, enum pte_format format, const struct rig_param *set,
			unsigned window_pages)
{
	const struct alloc_instance *in = format == PTE_X86_64 ? &alloc_checked8 : &alloc_checked4;
	struct alloc *pages;
	struct rig_owner *o;
	struct map_tables t;

	memset(s, 0, sizeof *s);
	rig_init(&s->g, RIG_NOISE, &ram, 1, offsets[format]);
	pages = rig_pages(&s->g, in, "buddy", NULL, 12);
	s->vm = (struct vm_layout){.format = format,
				   .page_offset = offsets[format],
				   .direct = &direct,
				   .nr_direct = 1,
				   .low_zones = UINT32_MAX,
				   .vmalloc_start = {windows[format]},
				   .vmalloc_end = {windows[format] + window_pages * PAGE}};
	o = rig_owner(&s->g, in, "vmalloc", set);
	o->env.page_shift = 12;
	o->env.cpus = 1;
	o->env.vm = &s->vm;
	o->source = (struct page_source){.pages = pages, .zone_mask = UINT32_MAX, .page_shift = 12};
	o->env.pages = &o->source;
	assert_int_equal(rig_start(&s->g, o), 0);
	s->v = o->alloc;
	s->v->ops->maps->tables(s->v, &t);
	s->mmu = (struct mmu){.format = format, .pm = &s->g.pm, .cpus = 1};
	s->mmu.state = calloc(1, sizeof *s->mmu.state);
	assert_non_null(s->mmu.state);
	s->mmu.state->top = t.top.v;
	s->g.sh.mmu = &s->mmu;
}

static void stage_end(struct stage *s)
{
	rig_check(&s->g, s->v);
	rig_ledger_equals_walk(&s->g, (struct alloc *[]){s->g.owner[1].alloc, s->v}, 2);
	free(s->mmu.state);
	rig_finish(&s->g);
}

static uint64_t map(struct stage *s, msize_t bytes)
{
	struct map_req req = {.size = bytes, .pages = {.zone_mask = UINT32_MAX}};
	struct grant g = s->v->ops->maps->map(s->v, &req);

	return g.bytes == 0 ? 0 : g.va.v;
}

static uint64_t pa_of(const struct stage *s, uint64_t va)
{
	return (uint64_t)s->v->ops->maps->page(s->v, (vaddr_t){va}).v << 12;
}

/* Entries as the processor reads them: 4 or 8 bytes at a physical address. */
static uint64_t word32(const struct stage *s, uint64_t pa)
{
	uint32_t x;

	assert_true(physmem_read(&s->g.pm, pa, &x, sizeof x));
	return x;
}

static uint64_t word64(const struct stage *s, uint64_t pa)
{
	uint64_t x;

	assert_true(physmem_read(&s->g.pm, pa, &x, sizeof x));
	return x;
}

/*
 * Two levels.  0xc0400000 is directory entry 0x301 (0xc0400000 >> 22), a large page:
 * address 0x400000, flags P RW A D PS G = 0x1e3.  0xf8800000 is entry 0x3e2, a table
 * (P RW A D = 0x63), in which page 0 has entry 0: P RW A D G = 0x163.
 */
static void test_two_levels(void **state)
{
	struct stage s;
	uint64_t top, table, va;

	(void)state;
	stage_begin(&s, PTE_X86_32, NULL, 64);
	top = s.mmu.state->top;
	assert_int_equal(word32(&s, top + 0x301 * 4), 0x004001e3);
	assert_int_equal(word32(&s, top + 0x302 * 4), 0x008001e3);
	assert_int_equal(word32(&s, top + 0x300 * 4), 0);
	assert_int_equal(word32(&s, top + 0x303 * 4), 0);
	va = map(&s, 3 * PAGE);
	assert_int_equal(va, 0xf8800000);
	table = word32(&s, top + 0x3e2 * 4);
	assert_int_equal(table & 0xfff, 0x63);
	table &= ~0xfffull;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(word32(&s, table + i * 4), pa_of(&s, va + i * PAGE) | 0x163);
	assert_int_equal(word32(&s, table + 3 * 4), 0); /* the guard */
	stage_end(&s);
}

/*
 * PAE.  0xc0400000: pointer 3 (P only), directory entry 2, a page of 2 MiB with NX.
 * 0xf8800000: pointer 3, directory entry 0x1c4, table entry 0.
 */
static void test_pae(void **state)
{
	struct stage s;
	uint64_t directory, table, va;

	(void)state;
	stage_begin(&s, PTE_X86_PAE, NULL, 64);
	assert_int_equal(word64(&s, s.mmu.state->top + 0 * 8), 0);
	directory = word64(&s, s.mmu.state->top + 3 * 8);
	assert_int_equal(directory & 0xfff, 0x1);
	directory &= ~0xfffull;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(word64(&s, directory + (2 + i) * 8),
				 0x80000000004001e3ull + i * 0x200000);
	assert_int_equal(word64(&s, directory + 6 * 8), 0);
	va = map(&s, 2 * PAGE);
	assert_int_equal(va, 0xf8800000);
	table = word64(&s, directory + 0x1c4 * 8);
	assert_int_equal(table & 0xfff, 0x63);
	table &= ~0xfffull;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(word64(&s, table + i * 8),
				 pa_of(&s, va + i * PAGE) | 0x8000000000000163ull);
	stage_end(&s);
}

/*
 * Four levels.  0xffffc90000000000: PML4 entry 0x192 (bits 47..39 of the address), then
 * 0, 0, 0.  0xffff888000400000: PML4 entry 0x111, pointer 0, directory entry 2.
 */
static void test_four_levels(void **state)
{
	struct stage s;
	uint64_t table, va;

	(void)state;
	stage_begin(&s, PTE_X86_64, NULL, 64);
	table = s.mmu.state->top;
	assert_int_equal(word64(&s, table + 0x111 * 8) & 0xfff, 0x63);
	table = word64(&s, table + 0x111 * 8) & ~0xfffull;
	table = word64(&s, table) & ~0xfffull;
	assert_int_equal(word64(&s, table + 2 * 8), 0x80000000004001e3ull);
	va = map(&s, PAGE);
	assert_int_equal(va, 0xffffc90000000000ull);
	table = s.mmu.state->top;
	for (unsigned level = 3; level > 0; level--) {
		uint64_t entry = word64(&s, table + (level == 3 ? 0x192 * 8 : 0));

		assert_int_equal(entry & 0xfff, 0x63);
		table = entry & ~0xfffull;
	}
	assert_int_equal(word64(&s, table), pa_of(&s, va) | 0x8000000000000163ull);
	stage_end(&s);
}

/* Small pages on request: two tables of 1024 leaves each instead of two large pages. */
static void test_small_direct_map(void **state)
{
	static const struct rig_param small[] = {{.name = "direct_map", .u = 1}, {NULL}};
	struct map_tables t;
	struct stage s;
	uint64_t table;

	(void)state;
	stage_begin(&s, PTE_X86_32, small, 64);
	s.v->ops->maps->tables(s.v, &t);
	assert_int_equal(t.pages, 3);
	assert_int_equal(t.direct_small, 2048);
	assert_int_equal(t.direct_large, 0);
	table = word32(&s, s.mmu.state->top + 0x301 * 4) & ~0xfffull;
	assert_int_equal(word32(&s, table + 5 * 4), 0x00405163);
	stage_end(&s);
}

/* What the hardware finds is what the software wrote, for every page and both sides of it. */
static void test_walk_agrees(void **state)
{
	(void)state;
	for (enum pte_format f = PTE_X86_32; f <= PTE_X86_64; f++) {
		struct stage s;
		uint64_t va[8], size[8];

		stage_begin(&s, f, NULL, 1200);
		for (unsigned i = 0; i < 8; i++) {
			size[i] = (1 + 37 * i) * PAGE;
			va[i] = map(&s, size[i]);
			assert_int_not_equal(va[i], 0);
		}
		for (unsigned i = 0; i < 8; i++) {
			for (uint64_t at = 0; at < size[i]; at += PAGE) {
				struct mmu_walk w = mmu_probe(&s.mmu, va[i] + at + 123);

				assert_int_equal(w.fault, MMU_OK);
				assert_int_equal(w.pa, pa_of(&s, va[i] + at) + 123);
				assert_int_equal(w.level, 0);
			}
			assert_int_equal(mmu_probe(&s.mmu, va[i] + size[i]).fault, MMU_NOT_PRESENT);
		}
		for (uint64_t pa = 0x400000; pa < 0xc00000; pa += 0x3457) {
			struct mmu_walk w = mmu_probe(&s.mmu, offsets[f] + pa);

			assert_int_equal(w.fault, MMU_OK);
			assert_int_equal(w.pa, pa);
			assert_int_equal(w.level, 1);
			assert_int_equal(pa_of(&s, offsets[f] + pa), pa & ~0xfffull);
		}
		stage_end(&s);
	}
}

/*
 *   0       4  5       8  9      12          32
 *   [  a  ]g [  b  ]g [  c  ]g    hole        lazy areas are not reused before a purge;
 *   then the lowest hole that is long enough is taken.
 */
static void test_first_fit_and_purge(void **state)
{
	static const struct rig_param eager[] = {{.name = "lazy_max", .u = 0}, {NULL}};
	struct map_window w;
	struct stage s;
	uint64_t base, a, b, c;

	(void)state;
	stage_begin(&s, PTE_X86_32, NULL, 32);
	base = 0xf8800000;
	a = map(&s, 4 * PAGE);
	b = map(&s, 3 * PAGE);
	c = map(&s, 3 * PAGE);
	assert_true(a == base && b == base + 5 * PAGE && c == base + 9 * PAGE);
	assert_int_equal(s.v->ops->maps->unmap(s.v, (vaddr_t){a}, NULL), 4 * PAGE);
	assert_int_equal(map(&s, PAGE), base + 13 * PAGE);
	assert_true(s.v->ops->maps->window(s.v, 0, &w));
	assert_int_equal(w.lazy, 5 * PAGE);
	assert_int_equal(w.free, 17 * PAGE);
	/* 18 pages and a guard are nowhere, not even after the purge that this brings about. */
	assert_int_equal(map(&s, 18 * PAGE), 0);
	assert_true(s.v->ops->maps->window(s.v, 0, &w));
	assert_int_equal(w.lazy, 0);
	assert_int_equal(w.free, 22 * PAGE);
	assert_int_equal(w.largest, 17 * PAGE);
	assert_int_equal(map(&s, 4 * PAGE), base);
	stage_end(&s);

	stage_begin(&s, PTE_X86_32, eager, 32);
	a = map(&s, 4 * PAGE);
	assert_int_equal(s.v->ops->maps->unmap(s.v, (vaddr_t){a}, NULL), 4 * PAGE);
	assert_int_equal(map(&s, PAGE), a);
	stage_end(&s);
}

/* Without guards areas lie side by side. */
static void test_no_guard(void **state)
{
	static const struct rig_param bare[] = {{.name = "guard", .u = 0}, {NULL}};
	struct stage s;
	uint64_t a;

	(void)state;
	stage_begin(&s, PTE_X86_32, bare, 8);
	a = map(&s, 4 * PAGE);
	assert_int_equal(map(&s, 4 * PAGE), a + 4 * PAGE);
	assert_int_equal(map(&s, 1), 0);
	stage_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_levels),  cmocka_unit_test(test_pae),
		cmocka_unit_test(test_four_levels), cmocka_unit_test(test_small_direct_map),
		cmocka_unit_test(test_walk_agrees), cmocka_unit_test(test_first_fit_and_purge),
		cmocka_unit_test(test_no_guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
