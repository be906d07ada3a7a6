/* slab_array: a set of sizes, in an arena and grown from pages, in all instances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/rig.h"

#define BASE  0x10000u
#define ARENA 0x10000u

static const struct phys_region ram[] = {{BASE, 0x40000, REGION_RAM, 15}};
static const struct phys_region ram_and_table[] = {{0x1000, 0x2000, REGION_RAM, 15},
						   {BASE, 0x40000, REGION_RAM, 15}};

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static struct grant take(struct alloc *a, msize_t size, msize_t align)
{
	struct alloc_req req = {.size = size, .align = align, .zone_mask = UINT32_MAX};

	return a->ops->bytes->malloc(a, &req);
}

static void verify(struct rig *g, struct alloc *a)
{
	rig_check(g, a);
	rig_ledger_equals_walk(g, &a, 1);
}

/*
 * Two slabs of 4 KiB, of 48 and of 64 bytes, from the low end; a large block from
 * the high end:
 *   | 0 1 2 ... 84 | 0 1 ... 63 |              free              | large |
 * Freed, one empty slab of each size stays, the large block is free.
 */
static void test_classes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a;
		struct grant x, y, z, big;

		rig_init(&g, RIG_NOISE, ram, 1, 0);
		a = rig_arena(&g, rig_instances[i], "slab_array", NULL, BASE, ARENA);
		verify(&g, a);
		x = take(a, 41, 0);
		assert_int_equal(x.bytes, 48);
		y = take(a, 48, 0);
		assert_int_equal(y.va.v, x.va.v + 48);
		z = take(a, 64, 64);
		assert_int_equal(z.va.v & 4095, 0);
		assert_int_equal(z.va.v, x.va.v + 4096);
		big = take(a, 5000, 0);
		assert_int_equal(big.bytes, 8192);
		assert_true(big.va.v > z.va.v);
		verify(&g, a);
		assert_int_equal(a->ops->bytes->usable(a, y.va), 48);
		assert_int_equal(a->ops->bytes->usable(a, big.va), 8192);
		assert_int_equal(a->ops->bytes->free(a, x.va), 48);
		assert_int_equal(take(a, 33, 0).va.v, x.va.v);
		assert_int_equal(a->ops->bytes->free(a, x.va), 48);
		assert_int_equal(a->ops->bytes->free(a, y.va), 48);
		assert_int_equal(a->ops->bytes->free(a, z.va), 64);
		assert_int_equal(a->ops->bytes->free(a, big.va), 8192);
		verify(&g, a);
		assert_int_equal(rig_bytes(rig_owner_of(&g, a), MM_GRANTED), 0);
		rig_finish(&g);
	}
}

/* Double frees, addresses inside an object, in a tail, in a free run, outside: nothing changes. */
static void test_bad_frees(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a;
		struct grant x, big;
		vaddr_t bad[10];

		rig_init(&g, RIG_NOISE, ram, 1, 0);
		a = rig_arena(&g, rig_instances[i], "slab_array", NULL, BASE, ARENA);
		x = take(a, 48, 0);
		take(a, 48, 0);
		big = take(a, 8192, 0);
		assert_int_equal(a->ops->bytes->free(a, x.va), 48);
		bad[0] = x.va;
		bad[1] = vaddr_add(x.va, 48 + 8);
		bad[2] = vaddr_add(x.va, 48 + 1);
		bad[3] = vaddr_add(x.va, 4080);
		bad[4] = vaddr_add(x.va, 4096);
		bad[5] = vaddr_add(big.va, 4096);
		bad[6] = vaddr_add(big.va, 8);
		bad[7] = (vaddr_t){0};
		bad[8] = (vaddr_t){BASE};
		bad[9] = VADDR_NONE;
		for (unsigned n = 0; n < 10; n++) {
			assert_int_equal(a->ops->bytes->free(a, bad[n]), FREE_BAD);
			verify(&g, a);
		}
		rig_finish(&g);
	}
}

/* A run is cut and grows again into what was cut, but not over a neighbour. */
static void test_resize(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a;
		struct alloc_req req = {.size = 4097};
		struct grant top, x;

		rig_init(&g, RIG_NOISE, ram, 1, 0);
		a = rig_arena(&g, rig_instances[i], "slab_array", NULL, BASE, ARENA);
		top = take(a, 8000, 0);
		x = take(a, 16000, 0);
		assert_int_equal(x.va.v + 16384, top.va.v);
		x = a->ops->bytes->resize(a, x.va, &req);
		assert_int_equal(x.bytes, 8192);
		verify(&g, a);
		req.size = 12289;
		assert_int_equal(a->ops->bytes->resize(a, x.va, &req).bytes, 16384);
		verify(&g, a);
		req.size = 16385;
		assert_int_equal(a->ops->bytes->resize(a, x.va, &req).bytes, 0);
		req.size = 100;
		assert_int_equal(a->ops->bytes->resize(a, x.va, &req).bytes, 0);
		x = take(a, 100, 0);
		req.size = 112;
		assert_int_equal(a->ops->bytes->resize(a, x.va, &req).bytes, 112);
		req.size = 113;
		assert_int_equal(a->ops->bytes->resize(a, x.va, &req).bytes, 0);
		verify(&g, a);
		rig_finish(&g);
	}
}

/* ---- random runs against a shadow ---- */

#define LIVE 400u

struct shadow {
	struct rig g;
	struct alloc *a;
	struct alloc *boot, *pages; /* below it, or NULL */
	struct grant live[LIVE];
	unsigned nr;
	uint64_t seed;
};

static void verify_shadow(struct shadow *s)
{
	struct alloc *layer[3] = {s->boot, s->pages, s->a};
	unsigned lowest = s->pages != NULL ? 0 : 2;
	int64_t bytes = 0;

	for (unsigned i = 0; i < s->nr; i++)
		bytes += (int64_t)s->live[i].bytes;
	assert_int_equal(rig_bytes(rig_owner_of(&s->g, s->a), MM_GRANTED), bytes);
	for (unsigned i = lowest; i < 3; i++)
		rig_check(&s->g, layer[i]);
	rig_ledger_equals_walk(&s->g, &layer[lowest], 3 - lowest);
}

/* No overlap with any live block; aligned and large enough. */
static void enter(struct shadow *s, struct grant x, msize_t size, msize_t align)
{
	assert_true(x.bytes >= size);
	assert_int_equal(x.va.v & ((align ? align : 8) - 1), 0);
	for (unsigned i = 0; i < s->nr; i++)
		assert_true(x.va.v + x.bytes <= s->live[i].va.v ||
			    s->live[i].va.v + s->live[i].bytes <= x.va.v);
	s->live[s->nr++] = x;
}

static msize_t random_size(uint64_t *seed)
{
	uint64_t r = next_random(seed) % 100;

	if (r < 80)
		return next_random(seed) % 200;
	return next_random(seed) % (r < 97 ? 2100 : 12000);
}

static void random_step(struct shadow *s)
{
	uint64_t r = next_random(&s->seed);

	if (s->nr < LIVE && (r & 7) < 5) {
		msize_t size = random_size(&s->seed);
		msize_t align = (r >> 8) % 10 == 0 ? (msize_t)8 << ((r >> 16) % 11) : 0;
		struct grant x = take(s->a, size, align);

		if (x.bytes != 0)
			enter(s, x, size, align);
	} else if (s->nr > 0) {
		unsigned at = (unsigned)((r >> 8) % s->nr);

		assert_int_equal(s->a->ops->bytes->free(s->a, s->live[at].va), s->live[at].bytes);
		s->live[at] = s->live[--s->nr];
	}
}

static void random_run(struct shadow *s, unsigned steps)
{
	s->seed = 88172645463325252u;
	for (unsigned n = 0; n < steps; n++) {
		random_step(s);
		verify_shadow(s);
	}
	while (s->nr > 0) {
		s->nr--;
		assert_true(s->a->ops->bytes->free(s->a, s->live[s->nr].va) != FREE_BAD);
	}
	verify_shadow(s);
}

static void test_random_arena(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct shadow s = {0};

		rig_init(&s.g, RIG_NOISE, ram, 1, 0);
		s.a = rig_arena(&s.g, rig_instances[i], "slab_array", NULL, BASE + 4, 0x3fff0);
		random_run(&s, 600);
		rig_finish(&s.g);
	}
}

/* A buddy of 64 pages, and the kind on it. */
static void start_grown(struct shadow *s, const struct alloc_instance *in)
{
	static const struct pfn_range range = {{BASE >> 12}, 64, 1, 0};
	static const struct zone_desc zone = {
		.name = "normal", .ranges = &range, .nr_ranges = 1, .desc_zone = DESC_OWN_RANGE};
	static const uint8_t list[] = {0};
	struct rig_owner *boot, *pages;

	rig_init(&s->g, RIG_NOISE, ram_and_table, 2, 0);
	boot = rig_owner(&s->g, in, "memblock", NULL);
	boot->env.boot_table = (struct mm_range){{0x1000}, 0x1000};
	assert_int_equal(rig_start(&s->g, boot), 0);
	s->boot = boot->alloc;
	assert_int_equal(s->boot->ops->boot->add(s->boot, (vaddr_t){BASE}, 0x40000), 0);
	pages = rig_owner(&s->g, in, "buddy", NULL);
	pages->env.zones = &zone;
	pages->env.nr_zones = 1;
	pages->env.zonelist = list;
	pages->env.boot = s->boot;
	assert_int_equal(rig_start(&s->g, pages), 0);
	s->pages = pages->alloc;
	s->a = rig_grown(&s->g, in, "slab_array", NULL, s->pages);
}

static void test_random_grown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct shadow s = {0};

		start_grown(&s, rig_instances[i]);
		random_run(&s, 500);
		rig_finish(&s.g);
	}
}

/*
 * The page source fails at the Nth request: one request is refused, after the slabs
 * kept empty were given back, and everything goes on.
 */
static void test_pages_fail(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		for (uint64_t at = 2; at < 9; at++) {
			struct shadow s = {0};
			unsigned refused = 0;

			start_grown(&s, rig_instances[i]);
			rig_owner_of(&s.g, s.a)->source.fail_at = at;
			for (unsigned n = 0; n < 40; n++) {
				refused += take(s.a, n % 4 == 3 ? 5000 : 700, 0).bytes == 0;
				rig_check(&s.g, s.a);
			}
			assert_int_equal(refused, 1);
			rig_finish(&s.g);
		}
	}
}

/* Set sizes, none kept empty: the slab is back in the pool with its last object. */
static void test_sizes(void **state)
{
	static const msize_t sizes[] = {20, 24, 100};
	const struct rig_param set[] = {
		{"sizes", 0, sizes, 3}, {"keep_empty", 0, NULL, 0}, {NULL, 0, NULL, 0}};

	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct alloc *a;
		struct grant x, y;

		rig_init(&g, RIG_NOISE, ram, 1, 0);
		a = rig_arena(&g, rig_instances[i], "slab_array", set, BASE, ARENA);
		x = take(a, 1, 0);
		y = take(a, 25, 0);
		assert_int_equal(x.bytes, 24);
		assert_int_equal(y.bytes, 104);
		assert_int_equal(take(a, 105, 0).bytes, 4096);
		assert_int_equal(rig_owner_of(&g, a)->count[MM_EV_SLAB_NEW], 2);
		verify(&g, a);
		assert_int_equal(a->ops->bytes->free(a, x.va), 24);
		assert_int_equal(rig_owner_of(&g, a)->count[MM_EV_SLAB_FREE], 1);
		verify(&g, a);
		rig_finish(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),      cmocka_unit_test(test_bad_frees),
		cmocka_unit_test(test_resize),       cmocka_unit_test(test_random_arena),
		cmocka_unit_test(test_random_grown), cmocka_unit_test(test_pages_fail),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
