/* slab_list and slab_bitmap: caches of fixed-size objects, in an arena and grown from pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/rig.h"

#define BASE  0x10000u
#define ARENA 0x10000u

static const char *const kinds[] = {"slab_list", "slab_bitmap"};

static const struct phys_region ram[] = {{0x1000, 0x2000, REGION_RAM, 15},
					 {BASE, 0x40000, REGION_RAM, 15}};

/* ---- a world: one kind, in an arena or on a buddy of 64 pages ---- */

struct world {
	struct rig g;
	struct alloc *layer[3]; /* lower ones first */
	unsigned nr;
	struct alloc *a;
	const struct cache_ops *c;
};

static void arena_world(struct world *w, const struct alloc_instance *in, const char *kind,
			const struct rig_param *set)
{
	*w = (struct world){0};
	rig_init(&w->g, RIG_NOISE, ram, 2, 0);
	w->a = rig_arena(&w->g, in, kind, set, BASE, ARENA);
	w->layer[w->nr++] = w->a;
	w->c = w->a->ops->caches;
}

static void grown_world(struct world *w, const struct alloc_instance *in, const char *kind)
{
	static const struct pfn_range range = {{BASE >> 12}, 64, 1, 0};
	static const struct zone_desc zone = {
		.name = "normal", .ranges = &range, .nr_ranges = 1, .desc_zone = DESC_OWN_RANGE};
	static const uint8_t list[] = {0};
	struct rig_owner *boot, *pages;

	*w = (struct world){0};
	rig_init(&w->g, RIG_NOISE, ram, 2, 0);
	boot = rig_owner(&w->g, in, "memblock", NULL);
	boot->env.boot_table = (struct mm_range){{0x1000}, 0x1000};
	assert_int_equal(rig_start(&w->g, boot), 0);
	assert_int_equal(boot->alloc->ops->boot->add(boot->alloc, (vaddr_t){BASE}, 0x40000), 0);
	pages = rig_owner(&w->g, in, "buddy", NULL);
	pages->env.zones = &zone;
	pages->env.nr_zones = 1;
	pages->env.zonelist = list;
	pages->env.boot = boot->alloc;
	assert_int_equal(rig_start(&w->g, pages), 0);
	w->a = rig_grown(&w->g, in, kind, NULL, pages->alloc);
	w->layer[w->nr++] = boot->alloc;
	w->layer[w->nr++] = pages->alloc;
	w->layer[w->nr++] = w->a;
	w->c = w->a->ops->caches;
}

static void verify(struct world *w)
{
	for (unsigned i = 0; i < w->nr; i++)
		rig_check(&w->g, w->layer[i]);
	rig_ledger_equals_walk(&w->g, w->layer, w->nr);
}

static const struct alloc_req any = {.zone_mask = UINT32_MAX};

static uint32_t cache(struct world *w, msize_t size, msize_t align)
{
	struct cache_req req = {"test", size, align, 0};

	return w->c->create(w->a, &req);
}

static struct cache_figures figures(struct world *w, uint32_t id)
{
	struct cache_figures f;

	w->c->figures(w->a, id, &f);
	return f;
}

/*
 * One slab of 4 KiB, objects of 100 bytes, 104 as aligned:
 *   | record | 0 | 1 | 2 | ...                  | tail |
 * Freed last, used first in the list; lowest first in the bitmap:
 *   free 0, free 2:   list 2 -> 0 -> 3 ...      bitmap 0, 2, 3 ...
 */
static void test_reuse(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct world w;
		struct grant x[3];
		uint32_t id;
		bool list = i % 2 == 0;

		arena_world(&w, rig_instances[i / 2], kinds[i % 2], NULL);
		verify(&w);
		id = cache(&w, 100, 0);
		assert_int_equal(figures(&w, id).object_size, 104);
		assert_int_equal(figures(&w, id).slab_size, 4096);
		for (unsigned n = 0; n < 3; n++)
			x[n] = w.c->alloc(w.a, id, &any);
		assert_int_equal(x[1].va.v, x[0].va.v + 104);
		verify(&w);
		assert_int_equal(w.c->free(w.a, id, x[0].va), 104);
		assert_int_equal(w.c->free(w.a, id, x[2].va), 104);
		verify(&w);
		assert_int_equal(w.c->alloc(w.a, id, &any).va.v, x[list ? 2 : 0].va.v);
		assert_int_equal(w.c->alloc(w.a, id, &any).va.v, x[list ? 0 : 2].va.v);
		assert_int_equal(figures(&w, id).active_objects, 3);
		verify(&w);
		rig_finish(&w.g);
	}
}

/* Double frees, other caches' objects, addresses inside and outside: nothing changes. */
static void test_bad_frees(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct world w;
		struct grant x, y, other;
		uint32_t a, b;
		vaddr_t bad[8];

		arena_world(&w, rig_instances[i / 2], kinds[i % 2], NULL);
		a = cache(&w, 64, 0);
		b = cache(&w, 64, 0);
		x = w.c->alloc(w.a, a, &any);
		y = w.c->alloc(w.a, a, &any);
		other = w.c->alloc(w.a, b, &any);
		assert_int_equal(w.c->free(w.a, a, x.va), 64);
		assert_int_equal(w.c->free(w.a, a, y.va), 64);
		bad[0] = x.va; /* not the head of the list: found by walking it */
		bad[1] = y.va;
		bad[2] = other.va;
		bad[3] = vaddr_add(y.va, 8);
		bad[4] = vaddr_add(y.va, 64); /* never granted */
		bad[5] = (vaddr_t){0};
		bad[6] = (vaddr_t){BASE};
		bad[7] = VADDR_NONE;
		for (unsigned n = 0; n < 8; n++)
			assert_int_equal(w.c->free(w.a, a, bad[n]), FREE_BAD);
		assert_int_equal(w.c->free(w.a, 7, other.va), FREE_BAD);
		verify(&w);
		rig_finish(&w.g);
	}
}

/* Payload that looks like a link into the slab is no free object. */
static void test_payload_like_a_link(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct world w;
		struct grant x, y;
		uint32_t id;

		arena_world(&w, rig_instances[i], "slab_list", NULL);
		id = cache(&w, 64, 0);
		x = w.c->alloc(w.a, id, &any);
		y = w.c->alloc(w.a, id, &any);
		memcpy(w.g.pm.window + x.va.v, &y.va.v, 4);
		memset(w.g.pm.window + y.va.v, 0xff, 64);
		assert_int_equal(w.c->free(w.a, id, x.va), 64);
		assert_int_equal(w.c->free(w.a, id, y.va), 64);
		verify(&w);
		rig_finish(&w.g);
	}
}

/* Alive it is not destroyed; shrink gives back the one slab kept; its number is used again. */
static void test_shrink_and_destroy(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct world w;
		struct grant x;
		uint32_t id, next;

		if (i < 8)
			arena_world(&w, rig_instances[i / 2], kinds[i % 2], NULL);
		else
			grown_world(&w, rig_instances[i / 2 - 4], kinds[i % 2]);
		id = cache(&w, 500, 0);
		next = cache(&w, 32, 0);
		assert_int_equal(next, id + 1);
		x = w.c->alloc(w.a, id, &any);
		assert_int_equal(w.c->shrink(w.a, id), 0);
		assert_int_equal(w.c->destroy(w.a, id), MM_EBUSY);
		assert_int_equal(w.c->free(w.a, id, x.va), 504);
		assert_int_equal(figures(&w, id).slabs, 1);
		verify(&w);
		assert_int_equal(w.c->shrink(w.a, id), 1);
		assert_int_equal(figures(&w, id).slabs, 0);
		assert_int_equal(w.c->destroy(w.a, id), 0);
		assert_int_equal(w.c->destroy(w.a, id), MM_EINVAL);
		verify(&w);
		assert_int_equal(w.c->alloc(w.a, id, &any).bytes, 0);
		assert_int_equal(cache(&w, 40, 0), id);
		verify(&w);
		rig_finish(&w.g);
	}
}

/* Sizes and alignments: slabs waste an eighth at most where that can be. */
static void test_geometry(void **state)
{
	static const struct {
		msize_t size, align, object, slab;
	} row[] = {
		{1, 0, 8, 4096},       {24, 16, 32, 4096}, {500, 0, 504, 4096},
		{1000, 0, 1000, 4096}, {33, 64, 64, 4096}, {3000, 0, 3000, 16384},
	};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct world w;

		arena_world(&w, rig_instances[i / 2], kinds[i % 2], NULL);
		for (unsigned n = 0; n < sizeof row / sizeof row[0]; n++) {
			uint32_t id = cache(&w, row[n].size, row[n].align);
			struct cache_figures f = figures(&w, id);

			assert_int_equal(f.object_size, row[n].object);
			assert_int_equal(f.slab_size, row[n].slab);
			assert_true((f.slab_size - f.objects_per_slab * f.object_size) * 8 <=
				    f.slab_size);
		}
		assert_int_equal(cache(&w, 0, 0), CACHE_NONE);
		assert_int_equal(cache(&w, 70000, 0), CACHE_NONE);
		assert_int_equal(cache(&w, 8, 8192), CACHE_NONE);
		verify(&w);
		rig_finish(&w.g);
	}
}

/* More caches than the root has room for: the table grows by blocks of one unit. */
static void test_many_caches(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct world w;

		if (i < 8)
			arena_world(&w, rig_instances[i / 2], kinds[i % 2], NULL);
		else
			grown_world(&w, rig_instances[i / 2 - 4], kinds[i % 2]);
		for (uint32_t n = 0; n < 150; n++)
			assert_int_equal(cache(&w, 8 + n, 0), n);
		verify(&w);
		assert_int_equal(w.c->alloc(w.a, 149, &any).bytes, 160);
		assert_int_equal(w.c->destroy(w.a, 20), 0);
		assert_int_equal(cache(&w, 64, 0), 20);
		verify(&w);
		rig_finish(&w.g);
	}
}

/* Requests by bytes: the first decides the size, larger ones meet a limit. */
static void test_by_bytes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		const struct rig_param set[] = {{"size", 200, NULL, 0}, {NULL, 0, NULL, 0}};
		struct world w;
		struct alloc_req req = {.size = 90, .zone_mask = UINT32_MAX};
		struct grant x;

		arena_world(&w, rig_instances[i / 2], kinds[i % 2], NULL);
		x = w.a->ops->bytes->malloc(w.a, &req);
		assert_int_equal(x.bytes, 96);
		req.size = 97;
		assert_int_equal(w.a->ops->bytes->malloc(w.a, &req).bytes, 0);
		assert_int_equal(w.g.sh.refusal, MM_REFUSE_LIMIT);
		assert_int_equal(w.a->ops->bytes->largest_request(w.a), 96);
		assert_int_equal(w.a->ops->bytes->free(w.a, x.va), 96);
		verify(&w);
		rig_finish(&w.g);

		arena_world(&w, rig_instances[i / 2], kinds[i % 2], set);
		assert_int_equal(w.a->ops->bytes->malloc(w.a, &req).bytes, 200);
		verify(&w);
		rig_finish(&w.g);
	}
}

/* Filled up, and empty again: every unit but the slab kept is free. */
static void test_exhaustion(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		static struct grant x[4096];
		struct world w;
		unsigned n = 0;
		uint32_t id;

		if (i < 8)
			arena_world(&w, rig_instances[i / 2], kinds[i % 2], NULL);
		else
			grown_world(&w, rig_instances[i / 2 - 4], kinds[i % 2]);
		id = cache(&w, 256, 0);
		do {
			x[n] = w.c->alloc(w.a, id, &any);
		} while (x[n++].bytes != 0);
		verify(&w);
		assert_true(n > 200);
		/* Every other one first, so that all slabs are listed for a while. */
		for (unsigned k = 0; k + 1 < n; k += 2)
			assert_int_equal(w.c->free(w.a, id, x[k].va), 256);
		verify(&w);
		for (unsigned k = 1; k + 1 < n; k += 2)
			assert_int_equal(w.c->free(w.a, id, x[k].va), 256);
		assert_int_equal(figures(&w, id).active_objects, 0);
		assert_int_equal(figures(&w, id).slabs, 1);
		verify(&w);
		rig_finish(&w.g);
	}
}

/* The page source fails at the Nth request: the object is refused, all else goes on. */
static void test_pages_fail(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		for (uint64_t at = 2; at < 6; at++) {
			struct world w;
			struct rig_owner *o;
			unsigned refused = 0;
			uint32_t id;

			grown_world(&w, rig_instances[i / 2], kinds[i % 2]);
			o = rig_owner_of(&w.g, w.a);
			o->source.fail_at = at;
			id = cache(&w, 1000, 0);
			for (unsigned n = 0; n < 40; n++)
				refused += w.c->alloc(w.a, id, &any).bytes == 0;
			assert_int_equal(refused, 1);
			assert_int_equal(figures(&w, id).active_objects, 39);
			verify(&w);
			rig_finish(&w.g);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_bad_frees),
		cmocka_unit_test(test_payload_like_a_link),
		cmocka_unit_test(test_shrink_and_destroy),
		cmocka_unit_test(test_geometry),
		cmocka_unit_test(test_many_caches),
		cmocka_unit_test(test_by_bytes),
		cmocka_unit_test(test_exhaustion),
		cmocka_unit_test(test_pages_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
