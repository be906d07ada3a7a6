/*
 * heap_4: what a FreeRTOS user knows of it, the host-side model, list against
 * tree, growth from pages, in all instances.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "alloc/heap_4.h"
#include "lib/fitdrive.h"
#include "lib/heaptest.h"

#define BASE 0x24000000u

static struct alloc *open_heap(struct rig *g, const struct alloc_instance *in, msize_t index,
			       msize_t min_chunk, msize_t bytes)
{
	const struct rig_param set[] = {
		{"index", index, NULL, 0}, {"min_chunk", min_chunk, NULL, 0}, {NULL, 0, NULL, 0}};

	rig_init(g, RIG_NOISE,
		 (struct phys_region[]){{BASE, round_up(bytes, 4096), REGION_RAM, 15}}, 1, 0);
	return rig_arena(g, in, "heap_4", set, BASE, bytes);
}

static struct grant get(struct alloc *a, msize_t size)
{
	struct alloc_req req = {.size = size, .zone_mask = UINT32_MAX};

	return a->ops->bytes->malloc(a, &req);
}

static msize_t put(struct alloc *a, vaddr_t p)
{
	return a->ops->bytes->free(a, p);
}

static uint32_t word(const struct rig *g, uint64_t va)
{
	uint32_t x;

	assert_true(physmem_read(&g->pm, va, &x, sizeof x));
	return x;
}

/*
 * A Cortex-M heap, addresses from the first block on, {next, size} of each:
 *
 *   pvPortMalloc(20)   |A {0, 32|MSB} 24 bytes |{-, rest} free ...      20 + 8, rounded to 8
 *   pvPortMalloc(40)   |A     |B {0, 48|MSB}          |{-, rest} free ...
 *   pvPortMalloc(1)    |A     |B       |C {0, 16|MSB}|{-, rest} free ...
 *   vPortFree(A), (C)  |{rest} 32      |B            |{-, 16 + rest} free ...
 *   vPortFree(B)       |{-, all} free ...
 */
static void test_freertos_map(void **state)
{
	struct rig g;
	struct alloc *a;
	struct grant x, y, z;
	uint64_t first;

	(void)state;
	a = open_heap(&g, &alloc_checked4, 0, 0, 4096);
	x = get(a, 20);
	y = get(a, 40);
	z = get(a, 1);
	first = x.va.v - 8;
	assert_int_equal(x.bytes, 24);
	assert_int_equal(y.va.v, x.va.v + 32);
	assert_int_equal(z.va.v, y.va.v + 48);
	assert_int_equal(z.bytes, 8);
	assert_int_equal(word(&g, first + 4), 32 | 0x80000000u);
	assert_int_equal(word(&g, first), 0xffffffffu);
	assert_int_equal(put(a, x.va), 24);
	assert_int_equal(put(a, z.va), 8);
	assert_int_equal(word(&g, first + 4), 32);
	assert_int_equal(word(&g, first), first + 32 + 48);
	rig_check(&g, a);
	assert_int_equal(put(a, y.va), 40);
	assert_int_equal(word(&g, first), 0xffffffffu);
	rig_check(&g, a);
	rig_ledger_equals_walk(&g, &a, 1);
	rig_finish(&g);
}

/* A rest of two headers stays with the block, a larger one is split off. */
static void test_split_only_above_two_headers(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		unsigned head = 2 * rig_instances[i]->word;
		struct rig g;
		struct alloc *a = open_heap(&g, rig_instances[i], 0, 0, 4096);
		struct grant hole = get(a, 200), last;

		(void)get(a, 8);
		assert_true(put(a, hole.va) != FREE_BAD);
		last = get(a, 200 - 2 * head);
		assert_int_equal(last.va.v, hole.va.v);
		assert_int_equal(last.bytes, 200);
		assert_true(put(a, hole.va) != FREE_BAD);
		last = get(a, 200 - 2 * head - 8);
		assert_int_equal(last.va.v, hole.va.v);
		assert_int_equal(last.bytes, 200 - 2 * head - 8);
		rig_check(&g, a);
		rig_finish(&g);
	}
}

/* Every address, grant and refusal is the model's. */
static void test_model(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++)
		for (unsigned f = 0; f < 4; f++) {
			msize_t tree = f & 1, min_chunk = f & 2 ? 48 : 0;
			unsigned head = 2 * rig_instances[i]->word;
			struct fitmodel *m = calloc(1, sizeof *m);
			struct rig g;
			struct fit_run t = {.g = &g, .model = m, .seed = 5 + f};

			t.a = open_heap(&g, rig_instances[i], tree, min_chunk, 14000);
			m->policy = FM_FIRST;
			m->head = head;
			m->grain = 8;
			m->least = tree ? 2 * head : head + 8;
			if (min_chunk != 0)
				m->least = min_chunk;
			m->least_rest = 2 * head + 8 > m->least ? 2 * head + 8 : m->least;
			fit_model_start(m, t.a, "free block");
			fit_run(&t, 4000);
			free(m);
			rig_finish(&g);
		}
}

/* With the same least block list and tree grant the same addresses. */
static void test_list_equals_tree(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct rig g[2];
		struct alloc *list = open_heap(&g[0], rig_instances[i], 0, 32, 150000);
		struct alloc *tree = open_heap(&g[1], rig_instances[i], 1, 32, 150000);

		fit_twins(&g[0], list, &g[1], tree, 815, 200000);
		rig_finish(&g[0]);
		rig_finish(&g[1]);
	}
}

/* Both forms, in an arena: the battery of all heaps. */
static void test_as_every_heap(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++)
		for (unsigned f = 0; f < 2; f++) {
			const struct rig_param set[] = {{"index", f, NULL, 0}, {NULL, 0, NULL, 0}};

			heaptest_random(rig_instances[i], "heap_4", set, 20000, 1500, 5 + f);
			heaptest_exhaust(rig_instances[i], "heap_4", set, 20000);
			heaptest_wrong_pointers(rig_instances[i], "heap_4", set);
			heaptest_attach(rig_instances[i], "heap_4", set);
			if (i >= 2)
				heaptest_mutation(rig_instances[i], "heap_4", set, 2);
		}
}

/* Segments come when a request finds nothing, and go when they are empty. */
static void test_grown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++)
		for (unsigned f = 0; f < 2; f++) {
			const struct rig_param set[] = {
				{"index", f, NULL, 0}, {"grow", 8192, NULL, 0}, {NULL, 0, NULL, 0}};
			struct alloc *a[2];
			struct grant p[20];
			struct rig g;

			rig_init(&g, RIG_NOISE,
				 (struct phys_region[]){{0x1000, 4096, REGION_RAM, 15},
							{BASE, 262144, REGION_RAM, 15}},
				 2, 0);
			a[0] = rig_pages(&g, rig_instances[i], "buddy", NULL, 12);
			a[1] = rig_grown(&g, rig_instances[i], "heap_4", set, a[0]);
			for (unsigned n = 0; n < 20; n++)
				p[n] = get(a[1], 3000);
			assert_int_equal(rig_owner_of(&g, a[1])->count[MM_EV_SEGMENT_ADD], 9);
			rig_check(&g, a[1]);
			rig_ledger_equals_walk(&g, a, 2);
			assert_int_equal(get(a[1], 20000000).bytes, 0);
			assert_int_equal(g.sh.refusal, MM_REFUSE_LIMIT);
			for (unsigned n = 0; n < 20; n++)
				assert_true(put(a[1], p[n * 7 % 20].va) != FREE_BAD);
			assert_int_equal(rig_owner_of(&g, a[1])->count[MM_EV_SEGMENT_ADD],
					 rig_owner_of(&g, a[1])->count[MM_EV_SEGMENT_DROP]);
			rig_check(&g, a[1]);
			rig_ledger_equals_walk(&g, a, 2);
			rig_finish(&g);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_freertos_map),
		cmocka_unit_test(test_split_only_above_two_headers),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_list_equals_tree),
		cmocka_unit_test(test_as_every_heap),
		cmocka_unit_test(test_grown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
