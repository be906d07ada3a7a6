/* bins: in all instances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/heaptest.h"
#include "lib/rig.h"

/*
 * | x 1040 | - | y 1056 | - | rest |     sizes of chunks; bins are 64 wide here
 * Free x, then y: both in one bin, y first.
 * 1048 looks at y: fits.  Then 1040 looks at x: fits.  Each took one step.
 * 1048 again, with x alone in the bin: one step in vain, then the next larger.
 */
static void test_own_bin_first(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *al;
		struct grant x, y;
		msize_t w = rig_instances[i]->word;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 16384, REGION_RAM, 15}}, 1,
			 0);
		al = rig_arena(&g, rig_instances[i], "bins", NULL, 0x1000, 16384);
		x = heaptest_take(al, 1040 - w);
		heaptest_take(al, 8);
		y = heaptest_take(al, 1056 - w);
		heaptest_take(al, 8);
		heaptest_give(&g, al, x);
		heaptest_give(&g, al, y);
		rig_owner_of(&g, al)->search.steps = 0;
		assert_int_equal(heaptest_take(al, 1048 - w).va.v, y.va.v);
		assert_int_equal(rig_owner_of(&g, al)->search.steps, 1);
		assert_int_equal(heaptest_take(al, 1040 - w).va.v, x.va.v);
		assert_int_equal(rig_owner_of(&g, al)->search.steps, 2);
		heaptest_give(&g, al, x);
		assert_true(heaptest_take(al, 1048 - w).va.v > y.va.v);
		assert_int_equal(rig_owner_of(&g, al)->search.steps, 3);
		rig_check(&g, al);
		rig_finish(&g);
	}
}

static const struct rig_param at_once[] = {{"keep", 0, NULL, 0}, {NULL, 0, NULL, 0}};

/*
 * | a | b | c | rest |    Free a, b, c: kept, none merges; b's size gets b again.
 * | ..... rest ..... |    A request of all the arena finds nothing: they coalesce.
 */
static void test_kept_chunks(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *al;
		struct grant a, b, c;
		msize_t largest;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 65536, REGION_RAM, 15}}, 1,
			 0);
		al = rig_arena(&g, rig_instances[i], "bins", NULL, 0x1000, 65536);
		largest = al->ops->bytes->largest_request(al);
		a = heaptest_take(al, 100);
		b = heaptest_take(al, 120);
		c = heaptest_take(al, 140);
		heaptest_give(&g, al, a);
		heaptest_give(&g, al, b);
		heaptest_give(&g, al, c);
		assert_int_equal(rig_owner_of(&g, al)->count[MM_EV_CHUNK_MERGE], 0);
		assert_int_equal(al->ops->bytes->free(al, b.va), FREE_BAD);
		assert_int_equal(heaptest_take(al, 120).va.v, b.va.v);
		heaptest_give(&g, al, b);
		a = heaptest_take(al, largest);
		assert_true(a.bytes >= largest);
		assert_int_equal(rig_owner_of(&g, al)->count[MM_EV_CHUNK_MERGE], 3);
		heaptest_give(&g, al, a);
		rig_finish(&g);
	}
}

/*
 * | a 100 | b 300 | c 2000 | d |    Three bins; freed, they coalesce across them:
 * |        a+b+c           | d |    a request for the sum begins where a did.
 */
static void test_coalescing_across_bins(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *al;
		struct grant a, b, c;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 16384, REGION_RAM, 15}}, 1,
			 0);
		al = rig_arena(&g, rig_instances[i], "bins", at_once, 0x1000, 16384);
		a = heaptest_take(al, 100);
		b = heaptest_take(al, 300);
		c = heaptest_take(al, 2000);
		heaptest_take(al, 8);
		heaptest_give(&g, al, a);
		heaptest_give(&g, al, c);
		heaptest_give(&g, al, b);
		assert_int_equal(heaptest_take(al, a.bytes + b.bytes + c.bytes).va.v, a.va.v);
		rig_check(&g, al);
		rig_finish(&g);
	}
}

static void test_random(void **state)
{
	(void)state;
	heaptest_random_all("bins");
}

static void test_battery(void **state)
{
	(void)state;
	heaptest_battery("bins");
	for (unsigned i = 0; i < RIG_INSTANCES; i++)
		heaptest_random(rig_instances[i], "bins", at_once, 32768, 1000, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_bin_first),
		cmocka_unit_test(test_kept_chunks),
		cmocka_unit_test(test_coalescing_across_bins),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_battery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
