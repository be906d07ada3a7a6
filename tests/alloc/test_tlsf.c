/* tlsf: in all instances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/heaptest.h"
#include "lib/rig.h"

/*
 * | a 56 | b 120 | c 56 |  rest  |
 * Free b:          | a | .128. | c | rest |
 * A request of 100 takes b's place (the next class's head): splits nothing smaller.
 * Free a, c, b in turn: one chunk again, and the next request begins where a did.
 */
static void test_split_and_merge(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *al;
		struct grant a, b, c, d;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 16384, REGION_RAM, 15}}, 1,
			 0);
		al = rig_arena(&g, rig_instances[i], "tlsf", NULL, 0x1000, 16384);
		a = heaptest_take(al, 56);
		b = heaptest_take(al, 120);
		c = heaptest_take(al, 56);
		assert_int_equal(a.bytes, rig_instances[i]->word == 4 ? 60 : 56);
		assert_int_equal(b.va.v, a.va.v + 64);
		assert_int_equal(c.va.v, b.va.v + 128);
		heaptest_give(&g, al, b);
		d = heaptest_take(al, 100);
		assert_int_equal(d.va.v, b.va.v);
		heaptest_give(&g, al, a);
		heaptest_give(&g, al, c);
		heaptest_give(&g, al, d);
		b = heaptest_take(al, 1000);
		assert_int_equal(b.va.v, a.va.v);
		rig_check(&g, al);
		rig_finish(&g);
	}
}

/*
 * A request inside a class is served from the next class: classes go by
 * the size less a granule.  With a free chunk of 1048 bytes (class 1024 to 1055) and
 * a request for 1040, the search begins at 1064 and takes the rest of the arena, not
 * that chunk; a request for 1032, the least of its class, takes it.
 */
static void test_good_fit(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *al;
		struct grant x, y, z;
		msize_t w = rig_instances[i]->word;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 16384, REGION_RAM, 15}}, 1,
			 0);
		al = rig_arena(&g, rig_instances[i], "tlsf", NULL, 0x1000, 16384);
		x = heaptest_take(al, 1048 - w);
		y = heaptest_take(al, 8);
		heaptest_give(&g, al, x);
		z = heaptest_take(al, 1040 - w);
		assert_true(z.va.v > y.va.v);
		assert_int_equal(heaptest_take(al, 1032 - w).va.v, x.va.v);
		assert_int_equal(rig_owner_of(&g, al)->search.steps, 0);
		rig_finish(&g);
	}
}

/*
 * | p | .. 248 .. | q, at a multiple of 256 |    The gap before q is a free chunk.
 * | p   grown     | q                       |    p grows into it in place,
 * | p |..                                        and gives it back.
 */
static void test_memalign_and_resize(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *al;
		struct grant p, q, r;
		struct alloc_req req = {.size = 64, .align = 256};

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 16384, REGION_RAM, 15}}, 1,
			 0);
		al = rig_arena(&g, rig_instances[i], "tlsf", NULL, 0x1000, 16384);
		p = heaptest_take(al, 40);
		q = al->ops->bytes->malloc(al, &req);
		assert_int_equal(q.va.v & 255, 0);
		rig_check(&g, al);
		rig_ledger_equals_walk(&g, &al, 1);
		req = (struct alloc_req){.size = p.bytes + 64};
		r = al->ops->bytes->resize(al, p.va, &req);
		assert_int_equal(r.va.v, p.va.v);
		assert_true(r.bytes >= req.size);
		rig_check(&g, al);
		rig_ledger_equals_walk(&g, &al, 1);
		req.size = 12000;
		assert_int_equal(al->ops->bytes->resize(al, p.va, &req).bytes, 0);
		req.size = 40;
		assert_int_equal(al->ops->bytes->resize(al, p.va, &req).bytes, p.bytes);
		heaptest_give(&g, al, p);
		heaptest_give(&g, al, q);
		rig_finish(&g);
	}
}

/* A small arena is not eaten by the control; one too small is refused. */
static void test_small_arenas(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *al;
		struct rig_owner *o;

		rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 65536, REGION_RAM, 15}}, 1,
			 0);
		al = rig_arena(&g, rig_instances[i], "tlsf", NULL, 0x1000, 4096);
		assert_true(rig_bytes(rig_owner_of(&g, al), MM_METADATA) < 4096 * 4 / 10);
		o = rig_owner(&g, rig_instances[i], "tlsf", NULL);
		o->env.arena = (struct mm_range){{0x4000}, 64};
		assert_int_equal(rig_start(&g, o), MM_ENOMEM);
		rig_finish(&g);
	}
}

static void test_random(void **state)
{
	(void)state;
	heaptest_random_all("tlsf");
}

static void test_battery(void **state)
{
	(void)state;
	heaptest_battery("tlsf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_and_merge),
		cmocka_unit_test(test_good_fit),
		cmocka_unit_test(test_memalign_and_resize),
		cmocka_unit_test(test_small_arenas),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_battery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
