/* buddy_heap: in all instances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/heaptest.h"
#include "lib/rig.h"

/* An arena of 64 KiB at a multiple of its size, units of 16 bytes. */
static struct alloc *heap(struct rig *g, const struct alloc_instance *in, uint64_t bytes)
{
	static const struct rig_param set[] = {{"min_block", 16, NULL, 0}, {NULL, 0, NULL, 0}};

	rig_init(g, RIG_NOISE, (struct phys_region[]){{0x10000, 0x10000, REGION_RAM, 15}}, 1, 0);
	return rig_arena(g, in, "buddy_heap", set, 0x10000, bytes);
}

/* A request of 2^k bytes costs 2^k: no header; anything else the next power of two. */
static void test_block_sizes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *al = heap(&g, rig_instances[i], 65536);

		assert_int_equal(heaptest_take(al, 0).bytes, 16);
		assert_int_equal(heaptest_take(al, 16).bytes, 16);
		assert_int_equal(heaptest_take(al, 17).bytes, 32);
		assert_int_equal(heaptest_take(al, 256).bytes, 256);
		assert_int_equal(heaptest_take(al, 257).bytes, 512);
		assert_int_equal(heaptest_take(al, 4096).bytes, 4096);
		assert_int_equal(heaptest_take(al, 4096).va.v & 4095, 0);
		assert_int_equal(al->ops->bytes->largest_request(al), 32768);
		rig_check(&g, al);
		rig_ledger_equals_walk(&g, &al, 1);
		rig_finish(&g);
	}
}

/*
 * | .............. 32768 .............. |    in the upper half of the arena
 * | a 1024 | b 1024 | 2048 | 4096 | ... |    a splits it down; b is a's buddy
 * | .1024. | b 1024 | 2048 | ...             Free a: b is live, nothing merges.
 * | .............. 32768 .............. |    Free b: five merges.
 */
static void test_split_and_merge(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *al = heap(&g, rig_instances[i], 65536);
		struct rig_owner *o = rig_owner_of(&g, al);
		struct grant half = heaptest_take(al, 32768), lower, a, b;

		while ((lower = heaptest_take(al, 1024)).bytes != 0)
			assert_true(lower.va.v < half.va.v);
		heaptest_give(&g, al, half);
		o->count[MM_EV_CHUNK_SPLIT] = o->count[MM_EV_CHUNK_MERGE] = 0;
		a = heaptest_take(al, 1024);
		assert_int_equal(o->count[MM_EV_CHUNK_SPLIT], 5);
		b = heaptest_take(al, 1000);
		assert_int_equal(b.va.v, a.va.v + 1024);
		assert_int_equal(o->count[MM_EV_CHUNK_SPLIT], 5);
		heaptest_give(&g, al, a);
		assert_int_equal(o->count[MM_EV_CHUNK_MERGE], 0);
		heaptest_give(&g, al, b);
		assert_int_equal(o->count[MM_EV_CHUNK_MERGE], 5);
		assert_int_equal(heaptest_take(al, 32768).va.v, half.va.v);
		rig_finish(&g);
	}
}

/* The order is told by the map alone, below 16 units by what follows in the word. */
static void test_orders_side_by_side(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *al = heap(&g, rig_instances[i], 40000);
		struct grant x[64];
		unsigned n = 0;

		for (msize_t size = 16; size <= 4096; size *= 2)
			for (unsigned k = 0; k < 3; k++)
				x[n++] = heaptest_take(al, size);
		for (unsigned k = 0; k < n; k++) {
			assert_true(x[k].bytes != 0);
			assert_int_equal(al->ops->bytes->usable(al, x[k].va), x[k].bytes);
			assert_int_equal(al->ops->bytes->free(al, (vaddr_t){x[k].va.v + 8}),
					 FREE_BAD);
		}
		rig_check(&g, al);
		while (n > 0)
			heaptest_give(&g, al, x[--n]);
		rig_finish(&g);
	}
}

/*
 * | a 64 | b 64 | 128 free |     a shrinks to 16 and grows back; with b live it can
 * | a 64 | 64   | 128 free |     not be 128, with b free it becomes 256 at once.
 */
static void test_resize(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *al = heap(&g, rig_instances[i], 65536);
		struct grant half = heaptest_take(al, 32768), a, b;
		struct alloc_req req = {.size = 10};

		while (heaptest_take(al, 16).bytes != 0)
			;
		heaptest_give(&g, al, half);
		a = heaptest_take(al, 64);
		b = heaptest_take(al, 64);
		assert_int_equal(al->ops->bytes->resize(al, a.va, &req).bytes, 16);
		rig_check(&g, al);
		rig_ledger_equals_walk(&g, &al, 1);
		req.size = 64;
		assert_int_equal(al->ops->bytes->resize(al, a.va, &req).bytes, 64);
		req.size = 65;
		assert_int_equal(al->ops->bytes->resize(al, a.va, &req).bytes, 0);
		heaptest_give(&g, al, b);
		req.size = 200;
		assert_int_equal(al->ops->bytes->resize(al, a.va, &req).bytes, 256);
		rig_check(&g, al);
		rig_ledger_equals_walk(&g, &al, 1);
		rig_finish(&g);
	}
}

/* A small block at a large alignment costs its own size only. */
static void test_memalign(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *al = heap(&g, rig_instances[i], 65536);
		struct alloc_req req = {.size = 40, .align = 4096};
		struct grant x = al->ops->bytes->malloc(al, &req);

		assert_int_equal(x.va.v & 4095, 0);
		assert_int_equal(x.bytes, 64);
		rig_check(&g, al);
		rig_ledger_equals_walk(&g, &al, 1);
		heaptest_give(&g, al, x);
		rig_finish(&g);
	}
}

static void test_random(void **state)
{
	(void)state;
	heaptest_random_all("buddy_heap");
}

static void test_battery(void **state)
{
	(void)state;
	heaptest_battery("buddy_heap");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_block_sizes),
		cmocka_unit_test(test_split_and_merge),
		cmocka_unit_test(test_orders_side_by_side),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_memalign),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_battery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
