/*
 * What the visualizer draws from: pieces, live blocks by address, free space.  Each is
 * read here once more the plain way (every walk from the start, all spans sorted, each
 * block looked for in the whole table), at events come to by steps and by leaps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/figures.h"
#include "sim/moment.h"

struct plain {
	struct piece v[1 << 16];
	size_t nr;
};

static uint32_t slot_of(const struct timeline *t, uint64_t pa)
{
	for (uint32_t i = 0; i < moment_nr_slots(t); i++) {
		const struct live *l = moment_live(t, i);

		if (live_state(l) == LIVE_BLOCK && live_pa(l) == pa)
			return i;
	}
	return SLOT_NONE;
}

static void put(struct plain *p, const struct timeline *t, const struct span *s, uint64_t base,
		uint64_t end)
{
	bool pages = moment_system(t)->allocs[s->alloc].ops->pages != NULL;
	struct piece *x = &p->v[p->nr++];

	assert_true(p->nr < sizeof p->v / sizeof p->v[0]);
	*x = (struct piece){.base = base,
			    .end = end,
			    .what = s->what,
			    .slot = SLOT_NONE,
			    .class = s->class,
			    .alloc = s->alloc};
	x->detail = (uint32_t)s->detail;
	if (base == s->base && (s->class == MM_GRANTED || (pages && s->class == MM_CACHED)))
		x->slot = slot_of(t, base);
	if (pages && x->slot != SLOT_NONE)
		x->class = MM_GRANTED;
}

static void read_plainly(struct plain *p, struct timeline *t)
{
	struct system *s = (struct system *)moment_system(t);
	struct spans low = {0}, up = {0};
	size_t k = 0;

	for (unsigned i = 0; i < s->nr_allocs; i++)
		spans_add(s->allocs[i].env.pages != NULL ? &up : &low, s, &s->allocs[i]);
	spans_sort(&low);
	spans_sort(&up);
	p->nr = 0;
	for (size_t i = 0; i < low.nr; i++) {
		uint64_t at = low.v[i].base;

		for (; k < up.nr && up.v[k].base < low.v[i].end; k++) {
			if (up.v[k].base > at)
				put(p, t, &low.v[i], at, up.v[k].base);
			put(p, t, &up.v[k], up.v[k].base, up.v[k].end);
			at = up.v[k].end;
		}
		if (at < low.v[i].end)
			put(p, t, &low.v[i], at, low.v[i].end);
	}
	for (; k < up.nr; k++)
		put(p, t, &up.v[k], up.v[k].base, up.v[k].end);
	spans_finish(&low);
	spans_finish(&up);
}

static void same_piece(const struct timeline *t, const struct piece *x, const struct piece *y)
{
	assert_int_equal(x->base, y->base);
	assert_int_equal(x->end, y->end);
	assert_string_equal(x->what, y->what);
	assert_int_equal(x->detail, y->detail);
	assert_int_equal(x->slot, y->slot);
	assert_int_equal(x->class, y->class);
	assert_int_equal(x->alloc, y->alloc);
	if (x->slot != SLOT_NONE)
		assert_int_equal(x->asked, live_size(moment_live(t, x->slot)));
}

static void same_space(struct timeline *t)
{
	struct system *s = (struct system *)moment_system(t);
	unsigned nr;
	const struct moment_heap *h = moment_heaps(t, &nr);

	for (unsigned i = 0; i < nr; i++) {
		struct free_space f = free_space(s, &s->allocs[h[i].alloc]);

		assert_int_equal(f.bytes, h[i].space.bytes);
		assert_int_equal(f.blocks, h[i].space.blocks);
		assert_int_equal(f.largest, h[i].space.largest);
	}
}

/* A kind that can tell a single chunk tells what the walk does. */
static void same_chunks(const struct timeline *t, const struct piece *v, size_t nr)
{
	struct system *s = (struct system *)moment_system(t);

	for (size_t i = 0; i < nr; i++) {
		struct sys_alloc *a = &s->allocs[v[i].alloc];
		struct walk_span x;
		size_t next = i + 1;
		vaddr_t to;

		if (a->ops->bytes == NULL || a->ops->bytes->chunk == NULL ||
		    (v[i].class != MM_GRANTED && v[i].class != MM_CACHED))
			continue;
		to = a->ops->bytes->chunk(system_walker(s, a), (vaddr_t){v[i].base + s->offset},
					  &x);
		assert_int_equal(x.base.v, v[i].base + s->offset);
		assert_int_equal(x.bytes, v[i].end - v[i].base);
		assert_int_equal(x.class, v[i].class);
		assert_string_equal(x.what, v[i].what);
		while (next < nr && v[next].class != MM_GRANTED && v[next].class != MM_CACHED)
			next++;
		(void)a->ops->bytes->chunk(system_walker(s, a), to, &x);
		if (x.bytes != 0)
			assert_int_equal(x.base.v, v[next].base + s->offset);
	}
}

/* ---- arenas in cells ---- */

#define MAX_CELLS 1000u

/* A number of each cell that its words and their bytes make. */
struct cells {
	uint64_t v[MAX_CELLS];
	unsigned last; /* told */
};

static uint64_t word_number(const char *what, unsigned class, unsigned alloc)
{
	uint64_t x = class * 64 + alloc + 1;

	for (; *what != '\0'; what++)
		x = (x ^ (uint8_t)*what) * 0x100000001b3ull;
	return x;
}

static void note_cell(void *ctx, unsigned i, const struct cell_word *w, unsigned nr)
{
	struct cells *c = ctx;

	assert_in_range(i, 0, MAX_CELLS - 1);
	c->last = i;
	c->v[i] = 0;
	for (unsigned k = 0; k < nr; k++)
		c->v[i] += w[k].bytes * word_number(w[k].what, w[k].class, w[k].alloc);
}

static void cells_plainly(const struct plain *p, const struct system *s, const struct mm_range *r,
			  unsigned n, struct cells *c)
{
	uint64_t base = r->base.v - s->offset, bytes = r->bytes / n;

	*c = (struct cells){.last = n - 1};
	for (size_t i = 0; i < p->nr; i++)
		for (unsigned k = 0; k < n; k++) {
			uint64_t from = base + k * bytes,
				 to = k + 1 == n ? base + r->bytes : from + bytes;
			uint64_t lo = p->v[i].base > from ? p->v[i].base : from,
				 hi = p->v[i].end < to ? p->v[i].end : to;

			if (hi > lo)
				c->v[k] += (hi - lo) * word_number(p->v[i].what, p->v[i].class,
								   p->v[i].alloc);
		}
}

static void same_cells(struct timeline *t, const struct plain *p, unsigned n)
{
	static struct cells plain, told;
	const struct system *s = moment_system(t);

	for (unsigned i = 0; i < s->nr_allocs; i++) {
		const struct mm_range *r = &s->allocs[i].arena;

		if (r->bytes < n || s->allocs[i].ops->bytes == NULL)
			continue;
		cells_plainly(p, s, r, n, &plain);
		moment_cells(t, i, n, note_cell, &told);
		assert_int_equal(told.last, n - 1);
		assert_memory_equal(told.v, plain.v, n * sizeof plain.v[0]);
	}
}

static void same_moment(struct timeline *t)
{
	static struct plain p;
	size_t nr;
	const struct piece *v;

	read_plainly(&p, t);
	/* Without pieces, and with them. */
	same_cells(t, &p, 1);
	same_cells(t, &p, 7);
	same_space(t);
	same_cells(t, &p, 300);
	v = moment_pieces(t, &nr);
	same_cells(t, &p, 300);
	assert_int_equal(nr, p.nr);
	for (size_t i = 0; i < nr; i++)
		same_piece(t, &v[i], &p.v[i]);
	for (uint32_t i = 0; i < moment_nr_slots(t) && i < 200; i++)
		if (live_state(moment_live(t, i)) == LIVE_BLOCK)
			assert_int_equal(moment_slot_at(t, live_pa(moment_live(t, i))), i);
	same_space(t);
	same_chunks(t, v, nr);
}

static void go(struct timeline *t, uint64_t event)
{
	struct diag d = {0};

	assert_int_equal(timeline_seek(t, event, &d), TIMELINE_THERE);
}

static void check(const char *machine, const char *variant, const char *set, const char *trace)
{
	struct diag d = {0};
	struct machine *m = machine_load(machine, variant, &set, set != NULL, &d);
	struct timeline_request q = {.machine = m, .trace = trace};
	struct timeline *t;
	uint64_t seed = 7;

	assert_non_null(m);
	t = timeline_open(&q, &d);
	assert_non_null(t);
	assert_int_equal(timeline_finish(t, &d), TIMELINE_THERE);
	for (unsigned i = 0; i < 12; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		go(t, (seed >> 33) % (timeline_total(t) + 1));
		same_moment(t);
		go(t, timeline_now(t) + 1);
		same_moment(t);
	}
	go(t, 0);
	same_moment(t);
	timeline_close(t);
	machine_free(m);
}

#define FIRMWARE TRACES_DIR "/firmware.mst"
#define PAGES    TRACES_DIR "/../tests/ui/screens/pages.mst"

static void heaps(void **state)
{
	static const char *const kinds[] = {"tlsf",       "best_fit", "first_fit", "bins",
					    "buddy_heap", "heap_4",   "half_fit"};
	char set[64];

	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		snprintf(set, sizeof set, "allocators.heap.kind=%s", kinds[i]);
		check("stm32h7", NULL, set, FIRMWARE);
	}
}

static void pages(void **state)
{
	(void)state;
	check("x86_32", NULL, NULL, PAGES);
	check("x86_64", NULL, NULL, PAGES);
	check("x86_32", NULL, NULL, FIRMWARE);
}

static void a_heap_that_grows(void **state)
{
	(void)state;
	check("x86_32", "textbook-8k", NULL, FIRMWARE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heaps),
		cmocka_unit_test(pages),
		cmocka_unit_test(a_heap_that_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
