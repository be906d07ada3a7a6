/* bins: in all instances. */
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

/*
 * | x 1040 | - | y 1056 | - | rest |     sizes of chunks; bins are 64 wide here
 * Free x, then y: both in one bin, y first.
 * 1048 looks at y: fits.  Then 1040 looks at x: fits.  Each took one step.
 * 1048 again, with x alone in the bin: one step in vain, then the next larger.
 */
static void test_own_bin_first(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct rig g;
		struct alloc *al;
		struct grant x, y;
		msize_t w = all[i]->word;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 16384, REGION_RAM, 15}}, 1,
			 0);
		al = rig_arena(&g, all[i], "bins", NULL, 0x1000, 16384);
		x = take(al, 1040 - w);
		take(al, 8);
		y = take(al, 1056 - w);
		take(al, 8);
		give(&g, al, x);
		give(&g, al, y);
		rig_owner_of(&g, al)->search.steps = 0;
		assert_int_equal(take(al, 1048 - w).va.v, y.va.v);
		assert_int_equal(rig_owner_of(&g, al)->search.steps, 1);
		assert_int_equal(take(al, 1040 - w).va.v, x.va.v);
		assert_int_equal(rig_owner_of(&g, al)->search.steps, 2);
		give(&g, al, x);
		assert_true(take(al, 1048 - w).va.v > y.va.v);
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
	for (unsigned i = 0; i < 4; i++) {
		struct rig g;
		struct alloc *al;
		struct grant a, b, c;
		msize_t largest;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 65536, REGION_RAM, 15}}, 1,
			 0);
		al = rig_arena(&g, all[i], "bins", NULL, 0x1000, 65536);
		largest = al->ops->bytes->largest_request(al);
		a = take(al, 100);
		b = take(al, 120);
		c = take(al, 140);
		give(&g, al, a);
		give(&g, al, b);
		give(&g, al, c);
		assert_int_equal(rig_owner_of(&g, al)->count[MM_EV_CHUNK_MERGE], 0);
		assert_int_equal(al->ops->bytes->free(al, b.va), FREE_BAD);
		assert_int_equal(take(al, 120).va.v, b.va.v);
		give(&g, al, b);
		a = take(al, largest);
		assert_true(a.bytes >= largest);
		assert_int_equal(rig_owner_of(&g, al)->count[MM_EV_CHUNK_MERGE], 3);
		give(&g, al, a);
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
	for (unsigned i = 0; i < 4; i++) {
		struct rig g;
		struct alloc *al;
		struct grant a, b, c;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 16384, REGION_RAM, 15}}, 1,
			 0);
		al = rig_arena(&g, all[i], "bins", at_once, 0x1000, 16384);
		a = take(al, 100);
		b = take(al, 300);
		c = take(al, 2000);
		take(al, 8);
		give(&g, al, a);
		give(&g, al, c);
		give(&g, al, b);
		assert_int_equal(take(al, a.bytes + b.bytes + c.bytes).va.v, a.va.v);
		rig_check(&g, al);
		rig_finish(&g);
	}
}

static void test_random(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		for (uint64_t seed = 1; seed <= 3; seed++)
			heaptest_random(all[i], "bins", NULL, 16384u << seed, 1500, seed);
}

static void test_battery(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		heaptest_exhaust(all[i], "bins", NULL, 32768);
		heaptest_wrong_pointers(all[i], "bins", NULL);
		heaptest_attach(all[i], "bins", NULL);
		heaptest_random(all[i], "bins", at_once, 32768, 1000, 9);
	}
	heaptest_mutation(&alloc_checked4, "bins", NULL, 5);
	heaptest_mutation(&alloc_checked8, "bins", NULL, 5);
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
