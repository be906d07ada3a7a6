/* bump: the example allocator, in all instances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/rig.h"

/*
 * |hd| h aaaa | h bbbbbb |            Free a: its bytes are slack.
 * |hd|                                Free b: the arena is new.
 */
static void test_reuse_only_when_empty(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a;
		struct alloc_req req = {.size = 20};
		struct grant x, y;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 4096, REGION_RAM, 15}}, 1,
			 0);
		a = rig_arena(&g, rig_instances[i], "bump", NULL, 0x1000, 4096);
		x = a->ops->bytes->malloc(a, &req);
		req.size = 40;
		y = a->ops->bytes->malloc(a, &req);
		assert_int_equal(x.bytes, 24);
		assert_int_equal(y.va.v, x.va.v + 24 + 8);
		rig_check(&g, a);
		rig_ledger_equals_walk(&g, &a, 1);
		assert_int_equal(a->ops->bytes->free(a, x.va), 24);
		assert_int_equal(a->ops->bytes->free(a, x.va), FREE_BAD);
		rig_check(&g, a);
		rig_ledger_equals_walk(&g, &a, 1);
		assert_int_equal(a->ops->bytes->free(a, y.va), 40);
		rig_check(&g, a);
		rig_ledger_equals_walk(&g, &a, 1);
		req.size = 20;
		assert_int_equal(a->ops->bytes->malloc(a, &req).va.v, x.va.v);
		rig_finish(&g);
	}
}

/* A block at a multiple of 256 leaves a dead block before it; a full arena refuses. */
static void test_alignment_and_exhaustion(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a;
		struct alloc_req req = {.size = 100, .align = 256};
		struct grant x;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 4096, REGION_RAM, 15}}, 1,
			 0);
		a = rig_arena(&g, rig_instances[i], "bump", NULL, 0x1000, 4096);
		x = a->ops->bytes->malloc(a, &req);
		assert_int_equal(x.va.v, 0x1100);
		while (a->ops->bytes->malloc(a, &req).bytes != 0) {
			rig_check(&g, a);
			rig_ledger_equals_walk(&g, &a, 1);
		}
		req = (struct alloc_req){.size = 4096};
		assert_int_equal(a->ops->bytes->malloc(a, &req).bytes, 0);
		rig_check(&g, a);
		rig_finish(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reuse_only_when_empty),
		cmocka_unit_test(test_alignment_and_exhaustion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
