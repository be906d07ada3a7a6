/* half_fit: in all instances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/heaptest.h"
#include "lib/rig.h"

/* F(r) = 2^ceil(log2(r + a)), at least 2 a, with a = 4 words. */
static void test_fragment_sizes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *al;
		msize_t a = 4 * rig_instances[i]->word;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 65536, REGION_RAM, 15}}, 1,
			 0);
		al = rig_arena(&g, rig_instances[i], "half_fit", NULL, 0x1000, 65536);
		assert_int_equal(heaptest_take(al, 0).bytes + a, 2 * a);
		assert_int_equal(heaptest_take(al, 1).bytes + a, 2 * a);
		assert_int_equal(heaptest_take(al, a).bytes + a, 2 * a);
		assert_int_equal(heaptest_take(al, a + 1).bytes + a, 4 * a);
		assert_int_equal(heaptest_take(al, 1024 - a).bytes + a, 1024);
		assert_int_equal(heaptest_take(al, 1024 - a + 1).bytes + a, 2048);
		assert_int_equal(heaptest_take(al, 1).va.v & (a - 1), 0);
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
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *al;
		struct grant a, b, c, e;
		msize_t h = 4 * rig_instances[i]->word;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 65536, REGION_RAM, 15}}, 1,
			 0);
		al = rig_arena(&g, rig_instances[i], "half_fit", NULL, 0x1000, 65536);
		a = heaptest_take(al, 512 - h);
		b = heaptest_take(al, 1024 - h);
		c = heaptest_take(al, 512 - h);
		heaptest_take(al, 100);
		heaptest_give(&g, al, b);
		heaptest_give(&g, al, a);
		heaptest_give(&g, al, c);
		e = heaptest_take(al, 1024 - h);
		assert_int_equal(e.va.v, a.va.v);
		assert_int_equal(heaptest_take(al, 1024 - h).va.v, a.va.v + 1024);
		rig_check(&g, al);
		rig_finish(&g);
	}
}

static void test_random(void **state)
{
	(void)state;
	heaptest_random_all("half_fit");
}

static void test_battery(void **state)
{
	(void)state;
	heaptest_battery("half_fit");
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
