/*
 * The sequential fits (first, next, best, worst) on their shared chunks: maps of
 * splits and joins, a host-side model of each policy, list against tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fitdrive.h"
#include "lib/heaptest.h"
#include "lib/rig.h"

static const char *const kinds[] = {"first_fit", "next_fit", "best_fit", "worst_fit"};

#define ARENA 0x1000u

/* Form of an index: what a test varies beside kind and instance. */
struct form {
	msize_t order, index, min_chunk;
};

static const struct form forms[] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 64}, {0, 1, 64}};

static void open_heap(struct rig *g, const struct alloc_instance *in, const char *kind,
		      const struct form *f, msize_t bytes)
{
	const struct rig_param set[] = {{"order", f->order, NULL, 0},
					{"index", f->index, NULL, 0},
					{"min_chunk", f->min_chunk, NULL, 0},
					{NULL, 0, NULL, 0}};

	rig_init(g, RIG_NOISE,
		 (struct phys_region[]){{ARENA, round_up(bytes, 4096), REGION_RAM, 15}}, 1, 0);
	(void)rig_arena(g, in, kind, set, ARENA, bytes);
}

static struct alloc *heap(struct rig *g)
{
	return g->owner[0].alloc;
}

static struct grant get(struct rig *g, msize_t size, msize_t align)
{
	struct alloc_req req = {.size = size, .align = align, .zone_mask = UINT32_MAX};

	return heap(g)->ops->bytes->malloc(heap(g), &req);
}

static msize_t put(struct rig *g, vaddr_t p)
{
	return heap(g)->ops->bytes->free(heap(g), p);
}

static void check_all(struct rig *g)
{
	struct alloc *a = heap(g);

	rig_check(g, a);
	rig_ledger_equals_walk(g, &a, 1);
}

/* ---- a model beside the heap ---- */

/* The least chunk of a form at default min_chunk: header and links, rounded to 8. */
static uint64_t least_chunk(unsigned policy, const struct form *f, unsigned word)
{
	uint64_t words = f->index == 1 && policy <= 1 ? 4 : 3;

	return f->min_chunk != 0 ? f->min_chunk : round_up(words * word, 8);
}

static struct fitmodel *open_model(struct rig *g, unsigned policy, const struct form *f,
				   unsigned word)
{
	struct fitmodel *model = calloc(1, sizeof *model);

	model->policy = (enum fm_policy)policy;
	model->lifo = f->order == 1;
	model->head = word;
	model->grain = 8;
	model->least = model->least_rest = least_chunk(policy, f, word);
	fit_model_start(model, heap(g), "free chunk");
	return model;
}

/* Every address, grant and refusal is the model's; check and ledger hold throughout. */
static void test_model(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++)
		for (unsigned k = 0; k < 4; k++)
			for (unsigned f = 0; f < 5; f++) {
				struct rig g;
				struct fit_run t = {.g = &g, .seed = 77 + f};

				open_heap(&g, rig_instances[i], kinds[k], &forms[f], 12000);
				t.a = heap(&g);
				t.model = open_model(&g, k, &forms[f], rig_instances[i]->word);
				fit_run(&t, 3000);
				free(t.model);
				rig_finish(&g);
			}
}

/* ---- maps ---- */

static const struct form plain = {0, 0, 0};

/*
 * first fit, 8-byte words, sizes with their headers (c: the low free chunk):
 *
 *   |A 32|B 56|C 32|D 64|E 32| free ...            a fresh heap, five blocks
 *   |A 32|.56.|C 32|.64.|E 32| free ...            B and D freed
 *   |A 32|F 24|32..|C 32|.64.|E 32| free ...       16 bytes: the first that fits, cut
 *   |A 32|F 24|32..|C 32|G 64|E 32| free ...       56 bytes: the next that fits, whole
 *   |A 32|F 24|.....64.....|...  C freed: joins the 32 before, no more
 */
static void test_first_fit_map(void **state)
{
	struct grant b[5];
	const msize_t sizes[] = {24, 48, 24, 56, 24};
	struct rig g;

	(void)state;
	open_heap(&g, &alloc_checked8, "first_fit", &plain, 4096);
	for (unsigned i = 0; i < 5; i++)
		b[i] = get(&g, sizes[i], 0);
	assert_int_equal(b[1].va.v, b[0].va.v + 32);
	assert_int_equal(put(&g, b[1].va), 48);
	assert_int_equal(put(&g, b[3].va), 56);
	check_all(&g);
	assert_int_equal(get(&g, 16, 0).va.v, b[1].va.v);
	assert_int_equal(get(&g, 56, 0).va.v, b[3].va.v);
	assert_int_equal(put(&g, b[2].va), 24);
	check_all(&g);
	assert_int_equal(get(&g, 56, 0).va.v, b[1].va.v + 24);
	rig_finish(&g);
}

/*
 *   |A|.200.|B|.100.|C|.300.|D| free ...
 *
 * A request of 90: first fit takes 200, best 100, worst the rest of the arena;
 * next fit, whose last search ended at the rest, that too.
 */
static void test_who_takes_what(void **state)
{
	static const unsigned expected[] = {0, 3, 1, 3};

	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++)
		for (unsigned k = 0; k < 4; k++) {
			struct rig g;
			struct grant hole[4];

			open_heap(&g, rig_instances[i], kinds[k], &plain, 8192);
			for (unsigned n = 0; n < 3; n++) {
				(void)get(&g, 20, 0);
				hole[n] = get(&g, (msize_t[]){200, 100, 300}[n], 0);
			}
			(void)get(&g, 20, 0);
			hole[3] = get(&g, 20, 0);
			for (unsigned n = 0; n < 4; n++)
				assert_true(put(&g, hole[n].va) != FREE_BAD);
			assert_int_equal(get(&g, 90, 0).va.v, hole[expected[k]].va.v);
			check_all(&g);
			rig_finish(&g);
		}
}

/* Lists tell how far they searched: five holes too small, then one that fits. */
static void test_honest_steps(void **state)
{
	struct rig g;
	struct grant hole[6];
	uint64_t before;

	(void)state;
	open_heap(&g, &alloc_fast8, "first_fit", &plain, 8192);
	for (unsigned n = 0; n < 6; n++) {
		hole[n] = get(&g, n < 5 ? 40 : 400, 0);
		(void)get(&g, 8, 0);
	}
	for (unsigned n = 0; n < 6; n++)
		assert_true(put(&g, hole[n].va) != FREE_BAD);
	before = g.owner[0].search.steps;
	assert_int_equal(get(&g, 300, 0).va.v, hole[5].va.v);
	assert_int_equal(g.owner[0].search.steps - before, 6);
	assert_int_equal(g.owner[0].search.max, 6);
	rig_finish(&g);
}

/* Until nothing fits, and back to one chunk; then all of it at once. */
static void test_exhaustion(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++)
		for (unsigned k = 0; k < 4; k++)
			for (unsigned f = 0; f < 5; f++) {
				struct rig g;
				struct grant p[300];
				unsigned n = 0;
				msize_t most;

				open_heap(&g, rig_instances[i], kinds[k], &forms[f], 6000);
				most = heap(&g)->ops->bytes->largest_request(heap(&g));
				while (n < 300 && (p[n] = get(&g, 30, 0)).bytes != 0)
					n++;
				assert_true(n > 50 && n < 300);
				check_all(&g);
				for (unsigned j = 0; j < n; j++)
					assert_true(put(&g, p[n % 7 != 0 ? j * 7 % n : j].va) !=
						    FREE_BAD);
				check_all(&g);
				assert_int_equal(get(&g, most + 1, 0).bytes, 0);
				assert_int_equal(get(&g, most, 0).bytes, most);
				check_all(&g);
				rig_finish(&g);
			}
}

/* Pointers that are none: refused, and nothing changes. */
static void test_bad_pointers(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct rig g;
		struct grant a, b;

		open_heap(&g, rig_instances[i], "best_fit", &plain, 8192);
		a = get(&g, 100, 0);
		b = get(&g, 100, 0);
		assert_int_equal(put(&g, (vaddr_t){0}), FREE_BAD);
		assert_int_equal(put(&g, VADDR_NONE), FREE_BAD);
		assert_int_equal(put(&g, (vaddr_t){ARENA}), FREE_BAD);
		assert_int_equal(put(&g, (vaddr_t){ARENA + 8192}), FREE_BAD);
		assert_int_equal(put(&g, vaddr_add(a.va, 4)), FREE_BAD);
		assert_int_equal(put(&g, vaddr_add(a.va, 8)), FREE_BAD);
		assert_int_equal(put(&g, vaddr_add(b.va, b.bytes + rig_instances[i]->word)),
				 FREE_BAD);
		assert_int_equal(put(&g, a.va), a.bytes);
		assert_int_equal(put(&g, a.va), FREE_BAD);
		assert_int_equal(put(&g, b.va), b.bytes);
		assert_int_equal(put(&g, b.va), FREE_BAD);
		check_all(&g);
		rig_finish(&g);
	}
}

/* A tree cannot keep the order of frees; a least chunk below the links is refused. */
static void test_refused_parameters(void **state)
{
	static const struct form bad[] = {{1, 1, 0}, {0, 0, 8}, {0, 1, 16}};

	(void)state;
	for (unsigned n = 0; n < 3; n++) {
		const struct rig_param set[] = {{"order", bad[n].order, NULL, 0},
						{"index", bad[n].index, NULL, 0},
						{"min_chunk", bad[n].min_chunk, NULL, 0},
						{NULL, 0, NULL, 0}};
		struct rig g;
		struct rig_owner *o;

		rig_init(&g, 0, (struct phys_region[]){{ARENA, 4096, REGION_RAM, 15}}, 1, 0);
		o = rig_owner(&g, &alloc_checked8, "first_fit", set);
		o->env.arena = (struct mm_range){{ARENA}, 4096};
		assert_int_equal(rig_start(&g, o), MM_EINVAL);
		rig_finish(&g);
	}
}

/* The smallest arena that init takes serves one request; arenas may begin anywhere. */
static void test_odd_arenas(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++)
		for (msize_t base = ARENA; base < ARENA + 9; base++)
			for (msize_t bytes = 1; bytes < 200; bytes++) {
				struct rig g;
				struct rig_owner *o;

				rig_init(&g, RIG_NOISE,
					 (struct phys_region[]){{ARENA, 4096, REGION_RAM, 15}}, 1,
					 0);
				o = rig_owner(&g, rig_instances[i], "best_fit", NULL);
				o->env.arena = (struct mm_range){{base}, bytes};
				mm_account(&o->view, (vaddr_t){base}, bytes, MM_UNMANAGED,
					   MM_CACHED);
				if (rig_start(&g, o) == 0) {
					check_all(&g);
					assert_true(get(&g, 1, 0).bytes != 0);
					check_all(&g);
				} else {
					assert_true(bytes < 144);
				}
				rig_finish(&g);
			}
}

/* List and tree with the same least chunk grant the same addresses, whatever comes. */
static void test_list_equals_tree(void **state)
{
	static const struct form list = {0, 0, 32}, tree = {0, 1, 32};

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < 4; k++) {
			struct rig g[2];

			/* The directory of small sizes lies behind the chunks. */
			open_heap(&g[0], rig_instances[i], kinds[k], &list, 150000);
			open_heap(&g[1], rig_instances[i], kinds[k], &tree,
				  150000 + (k >= 2 ? 64 * rig_instances[i]->word : 0));
			fit_twins(&g[0], heap(&g[0]), &g[1], heap(&g[1]), 4711 + k, 200000);
			rig_finish(&g[0]);
			rig_finish(&g[1]);
		}
}

/* Every bit of every header, root and mark flipped, one at a time: check must see it. */
struct flips {
	struct rig *g;
	uint64_t tried, missed;
};

static bool flip_seen(struct rig *g, uint8_t *byte, uint8_t bit)
{
	struct check_report r = {0};
	volatile bool seen = true;
	sigjmp_buf here;

	*byte ^= bit;
	g->sh.unwind = &here;
	if (sigsetjmp(here, 0) == 0)
		seen = heap(g)->ops->check(heap(g), &r) != 0;
	g->sh.unwind = NULL;
	*byte ^= bit;
	return seen;
}

static void flip_span(void *ctx, const struct walk_span *s)
{
	struct flips *f = ctx;

	if (s->class != MM_METADATA)
		return;
	for (uint64_t bit = 0; bit < s->bytes * 8; bit++) {
		f->tried++;
		f->missed += !flip_seen(f->g, f->g->pm.window + s->base.v + bit / 8,
					(uint8_t)(1u << bit % 8));
	}
}

static void test_mutations(void **state)
{
	(void)state;
	for (unsigned i = 2; i < 4; i++)
		for (unsigned k = 0; k < 4; k++)
			for (unsigned f = 0; f < 3; f++) {
				struct rig g;
				struct fit_run t = {.g = &g, .seed = 99};
				struct flips flips = {.g = &g};

				open_heap(&g, rig_instances[i], kinds[k], &forms[f], 6000);
				t.a = heap(&g);
				t.model = open_model(&g, k, &forms[f], rig_instances[i]->word);
				fit_run(&t, 500);
				check_all(&g);
				heap(&g)->ops->walk(heap(&g), flip_span, &flips);
				assert_true(flips.tried > 1000);
				assert_int_equal(flips.missed, 0);
				rig_check(&g, heap(&g));
				free(t.model);
				rig_finish(&g);
			}
}

/* What every heap must do, and going on from a copied image. */
static void test_as_every_heap(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++)
		for (unsigned k = 0; k < 4; k++)
			for (unsigned f = 0; f < 3; f++) {
				const struct rig_param set[] = {{"order", forms[f].order, NULL, 0},
								{"index", forms[f].index, NULL, 0},
								{NULL, 0, NULL, 0}};

				heaptest_random(rig_instances[i], kinds[k], set, 20000, 800, 5 + f);
				heaptest_exhaust(rig_instances[i], kinds[k], set, 20000);
				heaptest_wrong_pointers(rig_instances[i], kinds[k], set);
				heaptest_attach(rig_instances[i], kinds[k], set);
			}
}

/*
 * Pages of 4 KiB, `grow` 8 KiB, blocks of 3000 bytes: two a segment.
 *
 *   |first: A B|          |C D|          |E F| ...      ten segments
 *   |first: . .|                                        all freed: one is left
 */
static void test_grown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++)
		for (unsigned k = 0; k < 8; k++) {
			const struct rig_param set[] = {{"index", k / 4, NULL, 0},
							{"grow", 8192, NULL, 0},
							{NULL, 0, NULL, 0}};
			struct alloc *a[2];
			struct alloc_req req = {.size = 3000, .zone_mask = UINT32_MAX};
			struct grant p[20];
			struct rig g;
			const uint64_t *count;

			rig_init(&g, RIG_NOISE,
				 (struct phys_region[]){{0x1000, 4096, REGION_RAM, 15},
							{0x20000000, 262144, REGION_RAM, 15}},
				 2, 0);
			a[0] = rig_pages(&g, rig_instances[i], "buddy", NULL, 12);
			a[1] = rig_grown(&g, rig_instances[i], kinds[k % 4], set, a[0]);
			count = rig_owner_of(&g, a[1])->count;
			for (unsigned n = 0; n < 20; n++)
				p[n] = a[1]->ops->bytes->malloc(a[1], &req);
			assert_int_equal(count[MM_EV_SEGMENT_ADD], 9);
			rig_check(&g, a[1]);
			rig_ledger_equals_walk(&g, a, 2);
			req.size = 20000000;
			assert_int_equal(a[1]->ops->bytes->malloc(a[1], &req).bytes, 0);
			assert_int_equal(g.sh.refusal, MM_REFUSE_LIMIT);
			for (unsigned n = 0; n < 20; n++)
				assert_true(a[1]->ops->bytes->free(a[1], p[n * 7 % 20].va) !=
					    FREE_BAD);
			assert_int_equal(count[MM_EV_SEGMENT_DROP], 9);
			rig_check(&g, a[1]);
			rig_ledger_equals_walk(&g, a, 2);
			rig_finish(&g);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_fit_map),    cmocka_unit_test(test_who_takes_what),
		cmocka_unit_test(test_honest_steps),     cmocka_unit_test(test_exhaustion),
		cmocka_unit_test(test_bad_pointers),     cmocka_unit_test(test_refused_parameters),
		cmocka_unit_test(test_odd_arenas),       cmocka_unit_test(test_model),
		cmocka_unit_test(test_list_equals_tree), cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_as_every_heap),    cmocka_unit_test(test_grown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
