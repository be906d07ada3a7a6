/*
 * The pieces of memory at a moment, by walk, with the live blocks in them.
 *
 * What costs is the image: a heap of 100,000 blocks has as many headers, each in a
 * cache line that nobody has touched lately.  The live table says where blocks are, so
 * it is sorted by address first; then, while one header is read, those of the blocks
 * behind it are already on their way from memory, and the block that a piece belongs to
 * is the next one in that order.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/timeline_private.h"

/* ---- live blocks by address ---- */

#define RADIX_BITS 11u

/* One pass of a stable sort by the bits of pa from `shift` on. */
static void sort_pass(const struct live_at *from, struct live_at *to, size_t nr, unsigned shift)
{
	uint32_t at[1u << RADIX_BITS] = {0}, sum = 0;
	const uint64_t mask = (1u << RADIX_BITS) - 1;

	for (size_t i = 0; i < nr; i++)
		at[from[i].pa >> shift & mask]++;
	for (size_t k = 0; k <= mask; k++) {
		uint32_t n = at[k];

		at[k] = sum;
		sum += n;
	}
	for (size_t i = 0; i < nr; i++)
		to[at[from[i].pa >> shift & mask]++] = from[i];
}

/* By address; of equal ones the lower slot first. */
static void sort_lives(struct moment *m)
{
	struct live_at *v = m->by_pa, *spare = m->by_pa + m->room_by_pa;
	uint64_t differ = 0;

	for (size_t i = 1; i < m->nr_by_pa; i++)
		differ |= v[i].pa ^ v[0].pa;
	if (differ == 0)
		return;
	/* Addresses have 48 bits. */
	for (unsigned shift = lsb(differ); shift < 48 && differ >> shift != 0;
	     shift += RADIX_BITS) {
		struct live_at *sorted = spare;

		sort_pass(v, sorted, m->nr_by_pa, shift);
		spare = v;
		v = sorted;
	}
	if (v != m->by_pa)
		memcpy(m->by_pa, v, m->nr_by_pa * sizeof *v);
}

static bool make_room(struct moment *m, size_t nr)
{
	if (nr <= m->room_by_pa)
		return true;
	free(m->by_pa);
	nr += nr / 4;
	m->by_pa = malloc(2 * nr * sizeof *m->by_pa);
	m->room_by_pa = m->by_pa != NULL ? nr : 0;
	return m->by_pa != NULL;
}

static void index_lives(struct timeline *t)
{
	const struct live_table *l = &t->view.replay.live;
	struct moment *m = &t->moment;
	size_t nr = 0;

	m->has_lives = true;
	m->nr_by_pa = 0;
	for (uint32_t i = 0; i < l->nr; i++)
		nr += live_state(&l->slot[i]) == LIVE_BLOCK;
	if (nr == 0 || !make_room(m, nr))
		return;
	for (uint32_t i = 0; i < l->nr; i++) {
		uint64_t size = live_size(&l->slot[i]);

		if (live_state(&l->slot[i]) == LIVE_BLOCK)
			m->by_pa[m->nr_by_pa++] =
				(struct live_at){live_pa(&l->slot[i]), i,
						 size < UINT32_MAX ? (uint32_t)size : UINT32_MAX};
	}
	sort_lives(m);
}

/* The first live block at or behind pa. */
static size_t live_from(const struct moment *m, uint64_t pa)
{
	size_t lo = 0, hi = m->nr_by_pa;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->by_pa[mid].pa < pa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint32_t moment_slot_at(struct timeline *t, uint64_t pa)
{
	struct moment *m = &t->moment;
	size_t i;

	if (!m->has_lives)
		index_lives(t);
	i = live_from(m, pa);
	return i < m->nr_by_pa && m->by_pa[i].pa == pa ? m->by_pa[i].slot : SLOT_NONE;
}

/* ---- walking ---- */

/* Blocks ahead of the walk whose headers are fetched. */
#define FETCH_AHEAD 32u
#define BEHIND      6u /* bytes: a block is rounded up, and a header may follow padding */

struct weaver {
	struct timeline *t;
	unsigned alloc; /* index in the system */
	bool grows; /* from pages: its spans go into the blocks that it took */
	size_t live,
		fetched; /* the live block where the walk is; up to which headers are fetched */
	size_t up; /* the first of what grew from pages at or behind where the walk is */
	uint64_t region_base, region_bytes; /* of the last free piece */
	int region;
};

static void fetch(const struct weaver *w, uint64_t pa)
{
	const struct physmem *pm = &w->t->view.sys.pm;

	__builtin_prefetch(pm->window + (pa & pm->mask));
}

/* The walk is at pa. */
static void walk_at(struct weaver *w, uint64_t pa)
{
	const struct moment *m = &w->t->moment;

	if (w->live > 0 && m->by_pa[w->live - 1].pa >= pa)
		w->live = live_from(m, pa);
	while (w->live < m->nr_by_pa && m->by_pa[w->live].pa < pa)
		w->live++;
	if (w->fetched < w->live)
		w->fetched = w->live;
	/* The header before a block, and the one behind it. */
	for (; w->fetched < m->nr_by_pa && w->fetched < w->live + FETCH_AHEAD; w->fetched++) {
		const struct live_at *l = &m->by_pa[w->fetched];

		fetch(w, l->pa - 1);
		fetch(w, l->pa + l->size + BEHIND);
	}
}

/* The live block that begins where the piece does. */
static void name_block(const struct weaver *w, struct piece *p)
{
	const struct moment *m = &w->t->moment;
	const struct live_at *l = &m->by_pa[w->live];

	if (w->live < m->nr_by_pa && l->pa == p->base) {
		p->slot = l->slot;
		p->asked = l->size;
	}
}

static void note_largest(struct weaver *w, const struct piece *p)
{
	struct moment *m = &w->t->moment;

	if (p->base - w->region_base >= w->region_bytes) {
		const struct physmem *pm = &w->t->view.sys.pm;

		w->region = physmem_region(pm, p->base);
		w->region_base = w->region >= 0 ? pm->regions[w->region].base : 0;
		w->region_bytes = w->region >= 0 ? pm->regions[w->region].bytes : 0;
	}
	if (w->region >= 0 && p->end - p->base > m->largest[w->region])
		m->largest[w->region] = p->end - p->base;
}

static bool more_pieces(struct moment *m)
{
	size_t room = m->room_pieces ? m->room_pieces * 2 : 4096;
	struct piece *p = realloc(m->piece, room * sizeof *p);

	if (p == NULL)
		return false;
	m->piece = p;
	m->room_pieces = room;
	return true;
}

/* [base, end) of a span. */
static void put_piece(struct weaver *w, const struct span *s, uint64_t base, uint64_t end)
{
	struct moment *m = &w->t->moment;
	const struct sys_alloc *a = &w->t->view.sys.allocs[s->alloc];
	bool pages = a->ops->pages != NULL;
	struct piece *p;

	if (m->nr_pieces == m->room_pieces && !more_pieces(m))
		return;
	p = &m->piece[m->nr_pieces];
	*p = (struct piece){.base = base,
			    .end = end,
			    .what = s->what,
			    .detail = s->detail < UINT32_MAX ? (uint32_t)s->detail : UINT32_MAX,
			    .slot = SLOT_NONE,
			    .class = s->class,
			    .alloc = s->alloc};
	walk_at(w, base);
	if (base == s->base && (s->class == MM_GRANTED || (pages && s->class == MM_CACHED)))
		name_block(w, p);
	if (pages && p->slot != SLOT_NONE)
		p->class = MM_GRANTED;
	if (p->class == (pages ? MM_FREE : MM_CACHED) && a->ops->caches == NULL)
		note_largest(w, p);
	m->unsorted |= m->nr_pieces != 0 && m->piece[m->nr_pieces - 1].base > base;
	m->nr_pieces++;
}

/* The first of what grew from pages that begins at or behind pa. */
static size_t up_from(const struct spans *v, uint64_t pa)
{
	size_t lo = 0, hi = v->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v->v[mid].base < pa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A span of the lower layer, with what grew from pages put into it. */
static void weave(struct weaver *w, const struct span *s)
{
	struct spans *up = &w->t->moment.up;
	uint64_t at = s->base;

	if (w->up > 0 && up->v[w->up - 1].base >= s->base)
		w->up = up_from(up, s->base);
	while (w->up < up->nr && up->v[w->up].base < s->base)
		w->up++;
	for (; w->up < up->nr && up->v[w->up].base < s->end; w->up++) {
		struct span *u = &up->v[w->up];

		if (u->base > at)
			put_piece(w, s, at, u->base);
		if (!u->woven)
			put_piece(w, u, u->base, u->end);
		u->woven = true;
		at = u->end;
	}
	if (at < s->end)
		put_piece(w, s, at, s->end);
}

static void on_span(void *ctx, const struct walk_span *x)
{
	struct weaver *w = ctx;
	struct moment *m = &w->t->moment;
	uint64_t base = x->base.v - w->t->view.sys.offset;
	struct free_space *f = &m->space[w->alloc];
	const struct span s = {.base = base,
			       .end = base + x->bytes,
			       .what = x->what,
			       .detail = x->detail,
			       .class = (uint8_t)x->class,
			       .alloc = (uint8_t)w->alloc};

	if (x->bytes == 0)
		return;
	if (x->class == MM_CACHED || x->class == MM_FREE) {
		f->bytes += x->bytes;
		f->blocks++;
		f->largest = x->bytes > f->largest ? x->bytes : f->largest;
	}
	if (!w->grows) {
		weave(w, &s);
		return;
	}
	walk_at(w, base);
	spans_put(&m->up, &s);
}

static void walk(void *ctx)
{
	struct weaver *w = ctx;
	struct alloc *walker = system_walker(&w->t->view.sys, &w->t->view.sys.allocs[w->alloc]);

	walker->ops->walk(walker, on_span, w);
}

/* The allocators that grow from pages, or the others. */
static void walk_layer(struct weaver *w, bool grows)
{
	struct system *s = &w->t->view.sys;

	w->grows = grows;
	for (w->alloc = 0; w->alloc < s->nr_allocs; w->alloc++)
		if ((s->allocs[w->alloc].env.pages != NULL) == grows)
			moment_look(w->t, walk, w);
}

/* ---- in order ---- */

static int by_base(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return x->end < y->end ? -1 : x->end > y->end;
}

const struct piece *moment_pieces(struct timeline *t, size_t *nr)
{
	struct moment *m = &t->moment;

	if (!m->has_pieces) {
		struct weaver w = {.t = t, .region = -1};

		m->has_pieces = true;
		if (!m->has_lives)
			index_lives(t);
		walk_layer(&w, true);
		spans_sort(&m->up);
		walk_layer(&w, false);
		for (size_t i = 0; i < m->up.nr; i++)
			if (!m->up.v[i].woven)
				put_piece(&w, &m->up.v[i], m->up.v[i].base, m->up.v[i].end);
		if (m->unsorted)
			qsort(m->piece, m->nr_pieces, sizeof *m->piece, by_base);
	}
	*nr = m->nr_pieces;
	return m->piece;
}

size_t moment_piece_at(struct timeline *t, uint64_t pa)
{
	size_t lo = 0, hi;
	const struct piece *p = moment_pieces(t, &hi);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p[mid].end <= pa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}
