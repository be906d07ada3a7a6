/*
 * The MMU alone, over page tables that the test writes word by word: walks, rights,
 * accessed and dirty bits, TLB sets, ways and flushes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/mmu.h"

#define DIRECTORY 0x10000u /* physical */
#define TABLE     0x11000u

struct stage {
	struct physmem pm;
	struct machine m;
	struct tlb_conf tlb[2];
	struct mmu u;
};

static void put32(struct stage *s, uint64_t pa, uint32_t x)
{
	memcpy(s->pm.window + pa, &x, sizeof x);
}

static uint32_t get32(const struct stage *s, uint64_t pa)
{
	uint32_t x;

	memcpy(&x, s->pm.window + pa, sizeof x);
	return x;
}

/*
 * 0x00000000 ... 0x003fffff by a table, 0x00400000
 * ... by a large page; page i is frame 0x20 + i.
 */
static void begin(struct stage *s, unsigned entries, unsigned ways, unsigned nr_tlbs)
{
	static const struct phys_region ram = {0, 0x800000, REGION_RAM, 15};

	memset(s, 0, sizeof *s);
	assert_int_equal(physmem_init(&s->pm, &ram, 1, 0), 0);
	s->tlb[0] = (struct tlb_conf){"first", entries, ways, 1, 30};
	s->tlb[1] = (struct tlb_conf){"second", 4 * entries, ways, 7, 50};
	s->m = (struct machine){.mmu = MMU_X86_32, .cpus = 2, .tlbs = s->tlb, .nr_tlbs = nr_tlbs};
	assert_int_equal(mmu_init(&s->u, &s->m, &s->pm), 0);
	put32(s, DIRECTORY, TABLE | 0x67);
	put32(s, DIRECTORY + 4, 0x00400000 | 0xe7);
	for (unsigned i = 0; i < 64; i++)
		put32(s, TABLE + 4 * i, (0x20 + i) << 12 | 0x67);
	put32(s, TABLE + 4 * 5, 0x25000 | 0x5); /* read-only, not accessed */
	put32(s, TABLE + 4 * 6, 0x26000 | 0x3); /* kernel only, not accessed */
	put32(s, TABLE + 4 * 7, 0);
	mmu_switch(&s->u, DIRECTORY);
}

static void end(struct stage *s)
{
	mmu_finish(&s->u);
	physmem_finish(&s->pm);
}

static struct mmu_walk go(struct stage *s, uint64_t va, bool write, bool user)
{
	return mmu_access(&s->u,
			  &(struct mmu_access){.va = va, .write = write, .user = user, .count = 1});
}

static void test_walks(void **state)
{
	struct stage s;
	struct mmu_walk w;

	(void)state;
	begin(&s, 4, 2, 1);
	w = go(&s, 0x3456, false, false);
	assert_true(w.fault == MMU_OK && w.pa == 0x23456 && w.level == 0 && w.loads == 2 &&
		    w.cycles == 30);
	w = go(&s, 0x3458, false, false);
	assert_true(w.fault == MMU_OK && w.pa == 0x23458 && w.loads == 0 && w.cycles == 1);
	w = go(&s, 0x456789, false, false);
	assert_true(w.fault == MMU_OK && w.pa == 0x456789 && w.level == 1 && w.loads == 1);
	assert_int_equal(go(&s, 0x7000, false, false).fault, MMU_NOT_PRESENT);
	assert_int_equal(go(&s, 0x800000, false, false).fault, MMU_NOT_PRESENT);
	assert_int_equal(go(&s, 0x100000000ull, false, false).fault, MMU_NO_ADDRESS);
	assert_int_equal(s.u.state->n.accesses, 6);
	assert_int_equal(s.u.state->n.faults, 3);
	end(&s);
}

static void test_rights(void **state)
{
	struct stage s;

	(void)state;
	begin(&s, 4, 2, 1);
	assert_int_equal(go(&s, 0x5000, false, true).fault, MMU_OK);
	assert_int_equal(go(&s, 0x5000, true, true).fault, MMU_PROTECTED);
	assert_int_equal(go(&s, 0x6000, true, true).fault, MMU_PROTECTED);
	assert_int_equal(get32(&s, TABLE + 4 * 6), 0x26003); /* a fault sets no bits */
	assert_int_equal(go(&s, 0x6000, false, false).fault, MMU_OK);
	assert_int_equal(get32(&s, TABLE + 4 * 6), 0x26023); /* accessed */
	assert_int_equal(go(&s, 0x6000, true, false).fault, MMU_OK);
	assert_int_equal(get32(&s, TABLE + 4 * 6),
			 0x26063); /* and dirty, although the TLB had it */
	assert_int_equal(get32(&s, TABLE + 4 * 5), 0x25025);
	end(&s);
}

/* Two sets of two ways: pages 0, 2, 4 share a set, and the one used longest ago goes. */
static void test_sets_and_ways(void **state)
{
	struct stage s;

	(void)state;
	begin(&s, 4, 2, 1);
	go(&s, 0x0000, false, false);
	go(&s, 0x2000, false, false);
	go(&s, 0x0000, false, false);
	go(&s, 0x4000, false, false);
	assert_int_equal(s.u.state->n.misses[0], 3);
	assert_int_equal(go(&s, 0x0000, false, false).loads, 0);
	assert_int_equal(go(&s, 0x4000, false, false).loads, 0);
	assert_int_equal(go(&s, 0x2000, false, false).loads, 2);
	assert_int_equal(go(&s, 0x1000, false, false).loads, 2); /* the other set */
	assert_int_equal(go(&s, 0x2000, false, false).loads, 0);
	end(&s);
}

/* What the first level has lost the second still knows, at its own price. */
static void test_two_levels(void **state)
{
	struct stage s;
	struct mmu_walk w;

	(void)state;
	begin(&s, 4, 2, 2);
	for (unsigned i = 0; i < 6; i += 2)
		go(&s, i * 0x1000, false, false);
	w = go(&s, 0x0000, false, false);
	assert_true(w.fault == MMU_OK && w.loads == 0 && w.cycles == 7 && w.missed == 1);
	assert_int_equal(s.u.state->n.walks, 3);
	assert_int_equal(s.u.state->n.hits[1], 1);
	end(&s);
}

static void test_flushes(void **state)
{
	struct stage s;

	(void)state;
	begin(&s, 16, 4, 2);
	go(&s, 0x0000, false, false);
	go(&s, 0x1000, false, false);
	put32(&s, TABLE, 0x30067); /* a stale entry goes on serving until it is flushed */
	assert_int_equal(go(&s, 0x0000, false, false).pa, 0x20000);
	mmu_flush(&s.u, 0x0000, 0x1000);
	assert_int_equal(go(&s, 0x0000, false, false).pa, 0x30000);
	assert_int_equal(go(&s, 0x1000, false, false).loads, 0);
	mmu_flush(&s.u, 0x0000, 34 * 0x1000);
	assert_int_equal(go(&s, 0x1000, false, false).loads, 2);
	assert_int_equal(s.u.state->n.flushes_page, 1);
	assert_int_equal(s.u.state->n.flushes_all, 1);
	end(&s);
}

/* Another address space: global entries stay. */
static void test_switch(void **state)
{
	struct stage s;

	(void)state;
	begin(&s, 16, 4, 1);
	put32(&s, TABLE + 4, 0x21167);
	go(&s, 0x0000, false, false);
	go(&s, 0x1000, false, false);
	memcpy(s.pm.window + 0x12000, s.pm.window + DIRECTORY, 4096);
	mmu_switch(&s.u, 0x12000);
	assert_int_equal(go(&s, 0x1000, false, false).loads, 0);
	assert_int_equal(go(&s, 0x0000, false, false).loads, 2);
	end(&s);
}

/* TLBs are a CPU's own; the flush reaches all. */
static void test_cpus(void **state)
{
	struct stage s;
	struct mmu_access a = {.va = 0x2000, .cpu = 1, .count = 100};

	(void)state;
	begin(&s, 16, 4, 1);
	go(&s, 0x2000, false, false);
	assert_int_equal(mmu_access(&s.u, &a).loads, 2);
	assert_int_equal(s.u.state->n.accesses, 101);
	assert_int_equal(s.u.state->n.hits[0], 99);
	mmu_flush(&s.u, 0x2000, 1);
	assert_int_equal(mmu_access(&s.u, &a).loads, 2);
	assert_int_equal(go(&s, 0x2000, false, false).loads, 2);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walks),         cmocka_unit_test(test_rights),
		cmocka_unit_test(test_sets_and_ways), cmocka_unit_test(test_two_levels),
		cmocka_unit_test(test_flushes),       cmocka_unit_test(test_switch),
		cmocka_unit_test(test_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
