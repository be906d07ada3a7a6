/* half_fit: in all instances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/heaptest.h"
#include "lib/rig.h"

static const struct alloc_instance *const all[] = {&alloc_fast4, &alloc_fast8, &alloc_checked4,
						   &alloc_checked8};

static struct grant take(struct alloc *a, msize_t size)
{
	return a->ops->bytes->malloc(a, &(struct alloc_req){.size = size});
}

static void give(struct rig *g, struct alloc *a, struct grant x)
{
	assert_int_equal(a->ops->bytes->free(a, x.va), x.bytes);
	rig_check(g, a);
	rig_ledger_equals_walk(g, &a, 1);
}

/* F(r) = 2^ceil(log2(r + a)), at least 2 a, with a = 4 words. */
static void test_fragment_sizes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct rig g;
		struct alloc *al;
		msize_t a = 4 * all[i]->word;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 65536, REGION_RAM, 15}}, 1,
			 0);
		al = rig_arena(&g, all[i], "half_fit", NULL, 0x1000, 65536);
		assert_int_equal(take(al, 0).bytes + a, 2 * a);
		assert_int_equal(take(al, 1).bytes + a, 2 * a);
		assert_int_equal(take(al, a).bytes + a, 2 * a);
		assert_int_equal(take(al, a + 1).bytes + a, 4 * a);
		assert_int_equal(take(al, 1024 - a).bytes + a, 1024);
		assert_int_equal(take(al, 1024 - a + 1).bytes + a, 2048);
		assert_int_equal(take(al, 1).va.v & (a - 1), 0);
		rig_check(&g, al);
		rig_ledger_equals_walk(&g, &al, 1);
		rig_finish(&g);
	}
}

/*
 * | a 512 | b 1024 | c 512 | d |     Freed, a, b and c are one chunk of 2048,
 * | ....... 2048 ........  | d |     which then serves 1024 from its front and
 * | e 1024 | rest 1024     | d |     another 1024 from its rest.
 */
static void test_neighbours_merge_whatever_their_size(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct rig g;
		struct alloc *al;
		struct grant a, b, c, e;
		msize_t h = 4 * all[i]->word;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 65536, REGION_RAM, 15}}, 1,
			 0);
		al = rig_arena(&g, all[i], "half_fit", NULL, 0x1000, 65536);
		a = take(al, 512 - h);
		b = take(al, 1024 - h);
		c = take(al, 512 - h);
		take(al, 100);
		give(&g, al, b);
		give(&g, al, a);
		give(&g, al, c);
		e = take(al, 1024 - h);
		assert_int_equal(e.va.v, a.va.v);
		assert_int_equal(take(al, 1024 - h).va.v, a.va.v + 1024);
		rig_check(&g, al);
		rig_finish(&g);
	}
}

static void test_random(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		for (uint64_t seed = 1; seed <= 3; seed++)
			heaptest_random(all[i], "half_fit", NULL, 16384u << seed, 1500, seed);
}

static void test_battery(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		heaptest_exhaust(all[i], "half_fit", NULL, 32768);
		heaptest_wrong_pointers(all[i], "half_fit", NULL);
		heaptest_attach(all[i], "half_fit", NULL);
	}
	heaptest_mutation(&alloc_checked4, "half_fit", NULL, 5);
	heaptest_mutation(&alloc_checked8, "half_fit", NULL, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fragment_sizes),
		cmocka_unit_test(test_neighbours_merge_whatever_their_size),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_battery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
