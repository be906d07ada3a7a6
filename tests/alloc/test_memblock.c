/*
 * memblock: the region manager, in all instances.  Maps before and after are
 * drawn in units of 0x100 bytes: `.` no memory, `-` free, `R` reserved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/rig.h"

#define BASE  0x10000u
#define UNIT  0x100u
#define UNITS 24u

/* VADDR_NONE of any instance: all ones in its own word. */
static bool none(vaddr_t a)
{
	return (uint32_t)a.v == UINT32_MAX;
}

/* Memory of 24 units at BASE, and the table of `slots` entries in a region of its own. */
static struct alloc *setup(struct rig *g, const struct alloc_instance *in, unsigned slots)
{
	struct rig_owner *o;

	rig_init(g, RIG_NOISE,
		 (struct phys_region[]){{0x1000, 4096, REGION_RAM, 15},
					{BASE, UNITS * UNIT, REGION_RAM, 15}},
		 2, 0);
	o = rig_owner(g, in, "memblock", NULL);
	o->env.boot_table = (struct mm_range){{0x1000}, BOOT_TABLE_BYTES(slots)};
	assert_int_equal(rig_start(g, o), 0);
	return o->alloc;
}

static int add(struct alloc *a, unsigned from, unsigned units)
{
	return a->ops->boot->add(a, (vaddr_t){BASE + from * UNIT}, units * UNIT);
}

static int reserve(struct alloc *a, unsigned from, unsigned units)
{
	return a->ops->boot->reserve(a, (vaddr_t){BASE + from * UNIT}, units * UNIT);
}

/* The free stretches, as one expects to see them: '-' where a unit is free. */
static void expect_map(struct rig *g, struct alloc *a, const char *map)
{
	char seen[UNITS + 1];
	vaddr_t from = {BASE};
	struct mm_range gap;

	for (unsigned i = 0; i < UNITS; i++)
		seen[i] = map[i] == '-' ? 'x' : map[i];
	seen[UNITS] = '\0';
	while (a->ops->boot->next_free(a, from, &gap)) {
		for (uint64_t at = gap.base.v; at < gap.base.v + gap.bytes; at += UNIT)
			seen[(at - BASE) / UNIT] = '-';
		from = vaddr_add(gap.base, gap.bytes);
	}
	assert_string_equal(seen, map);
	rig_check(g, a);
}

/*
 *   before  ........................   reserve 4 units of two neighbours
 *   after   --RRRR------............   the two stay apart, the hole is neither's
 */
static void test_regions_stay_apart(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a = setup(&g, rig_instances[i], 16);
		struct mm_range gap;

		assert_int_equal(add(a, 4, 8), 0);
		assert_int_equal(add(a, 0, 4), 0);
		expect_map(&g, a, "------------............");
		assert_true(a->ops->boot->next_free(a, (vaddr_t){BASE}, &gap));
		assert_int_equal(gap.bytes, 4 * UNIT);
		assert_int_equal(reserve(a, 2, 4), 0);
		expect_map(&g, a, "--RRRR------............");
		/* Nothing is carved across the border at 4. */
		assert_int_equal(add(a, 20, 4), 0);
		assert_true(none(a->ops->boot->carve(a, 7 * UNIT, 1, (vaddr_t){BASE},
						     (vaddr_t){BASE + 24 * UNIT}, false)));
		expect_map(&g, a, "--RRRR------........----");
		rig_finish(&g);
	}
}

/* Empty, wrapping and overlapping memory is refused, and changes nothing. */
static void test_add_refuses(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a = setup(&g, rig_instances[i], 16);

		assert_int_equal(add(a, 4, 4), 0);
		assert_int_equal(add(a, 4, 0), MM_EINVAL);
		assert_int_equal(add(a, 3, 2), MM_EINVAL);
		assert_int_equal(add(a, 7, 1), MM_EINVAL);
		assert_int_equal(add(a, 5, 1), MM_EINVAL);
		assert_int_equal(add(a, 0, 20), MM_EINVAL);
		assert_int_equal(a->ops->boot->add(a, (vaddr_t){BASE}, UINT64_MAX - 5), MM_EINVAL);
		assert_int_equal(a->ops->boot->reserve(a, (vaddr_t){BASE}, 0), MM_EINVAL);
		expect_map(&g, a, "....----................");
		rig_finish(&g);
	}
}

/*
 * Reserved ranges that overlap or touch become one.
 *
 *   before  ------------------------
 *           --RR----RRR---R---------   three apart
 *           --RRRRRRRRR---R---------   4..8 closes the gap between two
 *           --RRRRRRRRRRRRRR--------   10..16 covers the third
 *           RRRRRRRRRRRRRRRRRRRRRRRR   0..24 covers all
 */
static void test_reserve_merges(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a = setup(&g, rig_instances[i], 8);

		assert_int_equal(add(a, 0, 24), 0);
		assert_int_equal(reserve(a, 14, 1), 0);
		assert_int_equal(reserve(a, 2, 2), 0);
		assert_int_equal(reserve(a, 8, 3), 0);
		expect_map(&g, a, "--RR----RRR---R---------");
		assert_int_equal(reserve(a, 4, 4), 0);
		expect_map(&g, a, "--RRRRRRRRR---R---------");
		assert_int_equal(reserve(a, 10, 6), 0);
		expect_map(&g, a, "--RRRRRRRRRRRRRR--------");
		assert_int_equal(reserve(a, 3, 2), 0);
		expect_map(&g, a, "--RRRRRRRRRRRRRR--------");
		assert_int_equal(reserve(a, 0, 24), 0);
		expect_map(&g, a, "RRRRRRRRRRRRRRRRRRRRRRRR");
		rig_finish(&g);
	}
}

static uint64_t carve(struct alloc *a, unsigned units, unsigned align, unsigned lo, unsigned hi,
		      bool top)
{
	vaddr_t p = a->ops->boot->carve(a, units * UNIT, align * UNIT, (vaddr_t){BASE + lo * UNIT},
					(vaddr_t){BASE + hi * UNIT}, top);

	return none(p) ? UINT64_MAX : (p.v - BASE) / UNIT;
}

/*
 *   before        -RRR----..---------RR---
 *   3 lowest      -RRR***-..---------RR---
 *   2 at 4        -RRRRRR-..--**-----RR---
 *   3 highest     -RRRRRR-..--RR-----RR***
 *   3 highest<19  -RRRRRR-..--RR--***RRRRR
 *   1 in [0, 2)   *RRRRRR-..--RR--RRRRRRRR
 *   3 anywhere    there is no room any more
 */
static void test_carve(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a = setup(&g, rig_instances[i], 16);
		struct rig_owner *o = rig_owner_of(&g, a);

		assert_int_equal(add(a, 0, 8), 0);
		assert_int_equal(add(a, 10, 14), 0);
		assert_int_equal(reserve(a, 1, 3), 0);
		assert_int_equal(reserve(a, 19, 2), 0);
		expect_map(&g, a, "-RRR----..---------RR---");
		assert_int_equal(carve(a, 3, 1, 0, 24, false), 4);
		assert_int_equal(carve(a, 2, 4, 0, 24, false), 12);
		assert_int_equal(carve(a, 3, 1, 0, 24, true), 21);
		assert_int_equal(carve(a, 3, 1, 0, 19, true), 16);
		assert_int_equal(carve(a, 1, 1, 0, 2, false), 0);
		expect_map(&g, a, "RRRRRRR-..--RR--RRRRRRRR");
		assert_int_equal(carve(a, 3, 1, 0, 24, false), UINT64_MAX);
		assert_int_equal(carve(a, 3, 1, 0, 24, true), UINT64_MAX);
		assert_int_equal(carve(a, 0, 1, 0, 24, true), UINT64_MAX);
		assert_int_equal(carve(a, 2, 1, 15, 16, false), UINT64_MAX);
		expect_map(&g, a, "RRRRRRR-..--RR--RRRRRRRR");
		assert_int_equal(rig_bytes(o, MM_CACHED), 12 * UNIT);
		assert_int_equal(rig_bytes(o, MM_METADATA), BOOT_TABLE_BYTES(16));
		rig_finish(&g);
	}
}

/* Eight slots: itself, memory, and six that do not touch.  The seventh is an error. */
static void test_full_table(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a = setup(&g, rig_instances[i], 8);
		struct image_hash before, after;

		assert_int_equal(add(a, 0, 24), 0);
		for (unsigned k = 0; k < 6; k++)
			assert_int_equal(reserve(a, 2 * k, 1), 0);
		before = physmem_hash(&g.pm);
		assert_int_equal(reserve(a, 20, 1), MM_ENOMEM);
		assert_int_equal(carve(a, 1, 1, 20, 22, false), UINT64_MAX);
		after = physmem_hash(&g.pm);
		assert_true(before.hi == after.hi && before.lo == after.lo);
		/* What touches still fits. */
		assert_int_equal(carve(a, 1, 1, 0, 24, false), 1);
		assert_int_equal(reserve(a, 20, 1), 0);
		expect_map(&g, a, "RRR-R-R-R-R---------R---");
		rig_finish(&g);
	}
}

/* A table too small is refused; a copied image goes on. */
static void test_init_and_attach(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g, h;
		struct alloc *a = setup(&g, rig_instances[i], 8), *b;
		struct rig_owner *o = rig_owner(&g, rig_instances[i], "memblock", NULL);

		o->env.boot_table = (struct mm_range){{0x1800}, BOOT_TABLE_MIN - 1};
		assert_int_equal(rig_start(&g, o), MM_ENOMEM);
		assert_int_equal(add(a, 0, 24), 0);
		assert_int_equal(reserve(a, 3, 3), 0);
		b = setup(&h, rig_instances[i], 8);
		physmem_copy(&h.pm, &g.pm);
		assert_int_equal(b->ops->attach(b, &rig_owner_of(&h, b)->env), 0);
		expect_map(&h, b, "---RRR------------------");
		assert_int_equal(carve(a, 4, 1, 0, 24, false), 6);
		assert_int_equal(carve(b, 4, 1, 0, 24, false), 6);
		assert_int_equal(physmem_hash(&g.pm).lo, physmem_hash(&h.pm).lo);
		rig_finish(&g);
		rig_finish(&h);
	}
}

/* Every bit of the table, flipped: the checker sees it. */
static void test_every_flip_is_seen(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a = setup(&g, rig_instances[i], 8);

		assert_int_equal(add(a, 0, 8), 0);
		assert_int_equal(add(a, 12, 8), 0);
		assert_int_equal(reserve(a, 3, 3), 0);
		for (unsigned bit = 0; bit < 8 * BOOT_TABLE_BYTES(8); bit++) {
			uint8_t *byte = g.pm.window + 0x1000 + bit / 8;
			struct check_report r = {0};

			*byte = (uint8_t)(*byte ^ 1u << bit % 8);
			assert_int_equal(a->ops->check(a, &r), MM_EINVAL);
			assert_non_null(r.invariant);
			*byte = (uint8_t)(*byte ^ 1u << bit % 8);
		}
		rig_check(&g, a);
		rig_finish(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_regions_stay_apart), cmocka_unit_test(test_add_refuses),
		cmocka_unit_test(test_reserve_merges),     cmocka_unit_test(test_carve),
		cmocka_unit_test(test_full_table),         cmocka_unit_test(test_init_and_attach),
		cmocka_unit_test(test_every_flip_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
