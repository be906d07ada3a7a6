/*
 * stack: pushes and mass free, in a fixed arena and grown from pages, in all
 * instances.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/rig.h"

static struct grant push(struct alloc *a, msize_t size, msize_t align)
{
	return a->ops->stack->push(a, &(struct alloc_req){.size = size, .align = align});
}

static void look(struct rig *g, struct alloc *pages, struct alloc *a)
{
	struct alloc *both[] = {pages, a};

	rig_check(g, a);
	if (pages != NULL)
		rig_check(g, pages);
	rig_ledger_equals_walk(g, pages != NULL ? both : &a, pages != NULL ? 2 : 1);
}

/*
 *   | head | 1 -> 8 | 24 |ppppp| 16 at 64 |  8 |     pads p of any length
 *   | head | 8 ...                                   after the mass free
 */
static void test_arena(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a;
		struct grant x, y, z;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 4096, REGION_RAM, 15}}, 1,
			 0);
		a = rig_arena(&g, rig_instances[i], "stack", NULL, 0x1004, 1001);
		x = push(a, 1, 0);
		assert_int_equal(x.bytes, 8);
		y = push(a, 20, 4);
		assert_int_equal(y.bytes, 24);
		assert_int_equal(y.va.v, x.va.v + 8);
		look(&g, NULL, a);
		for (msize_t align = 16; align <= 256; align *= 2) {
			z = push(a, 16, align);
			assert_int_equal(z.va.v % align, 0);
			assert_int_equal(push(a, 0, 0).va.v, z.va.v + 16);
			look(&g, NULL, a);
		}
		assert_int_equal(a->ops->stack->free_all(a), 8 + 24 + 5 * 24);
		look(&g, NULL, a);
		assert_int_equal(a->ops->stack->free_all(a), 0);
		assert_int_equal(push(a, 8, 0).va.v, x.va.v);
		look(&g, NULL, a);
		rig_finish(&g);
	}
}

/* Until it is full, to the last byte; a refused push changes nothing. */
static void test_full_arena(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a;
		struct image_hash was, is;
		msize_t sum = 0;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 4096, REGION_RAM, 15}}, 1,
			 0);
		a = rig_arena(&g, rig_instances[i], "stack", NULL, 0x1000, 1024);
		while (push(a, 40, 0).bytes != 0)
			sum += 40;
		was = physmem_hash(&g.pm);
		assert_int_equal(push(a, 40, 0).bytes, 0);
		assert_int_equal(push(a, UINT64_MAX - 3, 0).bytes, 0);
		assert_int_equal(push(a, UINT32_MAX - 3, 0).bytes, 0);
		assert_int_equal(push(a, 1, 4096).bytes, 0);
		is = physmem_hash(&g.pm);
		assert_true(was.lo == is.lo && was.hi == is.hi);
		while (push(a, 8, 0).bytes != 0)
			sum += 8;
		assert_int_equal(sum, 1024 - 8 * rig_instances[i]->word);
		look(&g, NULL, a);
		assert_int_equal(a->ops->stack->free_all(a), sum);
		look(&g, NULL, a);
		rig_finish(&g);
	}
}

/*
 * Grown: 1 KiB blocks, and larger ones for larger pushes; what is left of a block
 * is slack until the mass free, which gives all pages but the first back.
 *
 *   | head 700 ..slack.. | head 700 ..slack.. | head 3000 ....... |
 *   | head ............. |
 */
static void test_grown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *pages, *a;
		struct grant x;
		uint64_t fresh, order;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x4000, 65536, REGION_RAM, 15}}, 1,
			 0);
		pages = rig_pages(&g, rig_instances[i], "buddy", NULL, 10);
		a = rig_grown(&g, rig_instances[i], "stack", NULL, pages);
		fresh = (uint64_t)rig_bytes(rig_owner_of(&g, pages), MM_FREE);
		x = push(a, 700, 0);
		assert_int_equal(x.bytes, 704);
		push(a, 700, 0);
		look(&g, pages, a);
		assert_int_equal(rig_bytes(rig_owner_of(&g, a), MM_SLACK),
				 1024 - 704 - 8 * rig_instances[i]->word);
		order = (uint64_t)rig_bytes(rig_owner_of(&g, pages), MM_FREE);
		push(a, 3000, 0);
		assert_int_equal(order - (uint64_t)rig_bytes(rig_owner_of(&g, pages), MM_FREE),
				 4096);
		look(&g, pages, a);
		assert_int_equal(push(a, 100, 2048).va.v % 2048, 0);
		look(&g, pages, a);
		assert_int_equal(a->ops->stack->free_all(a), 704 + 704 + 3000 + 104);
		look(&g, pages, a);
		assert_int_equal(rig_bytes(rig_owner_of(&g, pages), MM_FREE), fresh);
		assert_int_equal(push(a, 700, 0).va.v, x.va.v);
		rig_finish(&g);
	}
}

/* Pages run out, or are refused, or no block is so large: nothing changes. */
static void test_no_pages(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *pages, *a;
		struct rig_owner *o;
		struct image_hash was, is;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x4000, 65536, REGION_RAM, 15}}, 1,
			 0);
		pages = rig_pages(&g, rig_instances[i], "buddy", NULL, 10);
		a = rig_grown(&g, rig_instances[i], "stack", NULL, pages);
		o = rig_owner_of(&g, a);
		push(a, 900, 0);
		was = physmem_hash(&g.pm);
		o->source.fail_at = o->source.calls + 1;
		assert_int_equal(push(a, 900, 0).bytes, 0);
		assert_int_equal(push(a, 40000, 0).bytes, 0);
		assert_int_equal(push(a, UINT32_MAX / 8, 0).bytes, 0);
		assert_int_equal(g.sh.refusal, MM_REFUSE_LIMIT);
		is = physmem_hash(&g.pm);
		assert_true(was.lo == is.lo && was.hi == is.hi);
		while (push(a, 900, 0).bytes != 0)
			look(&g, pages, a);
		look(&g, pages, a);
		a->ops->stack->free_all(a);
		look(&g, pages, a);
		rig_finish(&g);
	}
}

/* A copied image goes on: same addresses, same image, and the mass free finds every block. */
static void test_attach(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g, h;
		struct alloc *a, *b;
		struct rig_owner *o;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 8192, REGION_RAM, 15}}, 1,
			 0);
		rig_init(&h, RIG_NOISE, (struct phys_region[]){{0x1000, 8192, REGION_RAM, 15}}, 1,
			 0);
		a = rig_arena(&g, rig_instances[i], "stack", NULL, 0x1000, 8192);
		b = rig_arena(&h, rig_instances[i], "stack", NULL, 0x1000, 8192);
		for (msize_t k = 1; k < 20; k++)
			push(a, k * 7, k % 3 ? 0 : 64);
		physmem_copy(&h.pm, &g.pm);
		o = rig_owner_of(&h, b);
		o->env.root = a->root;
		memset(b, 0, b->ops->handle_bytes);
		b->ops = a->ops;
		assert_int_equal(b->ops->attach(b, &o->env), 0);
		rig_check(&h, b);
		assert_int_equal(push(a, 99, 128).va.v, push(b, 99, 128).va.v);
		assert_int_equal(a->ops->stack->free_all(a), b->ops->stack->free_all(b));
		assert_int_equal(physmem_hash(&g.pm).lo, physmem_hash(&h.pm).lo);
		rig_finish(&g);
		rig_finish(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena),  cmocka_unit_test(test_full_arena),
		cmocka_unit_test(test_grown),  cmocka_unit_test(test_no_pages),
		cmocka_unit_test(test_attach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
