/* The pieces of memory at a moment, by walk, with the live blocks in them. */
#include <stdlib.h>
#include <string.h>

#include "sim/moment_ahead.h"

/* ---- walking ---- */

#define WEAVE_INLINE static inline __attribute__((always_inline))
#define WEAVE_APART  static __attribute__((noinline))

/* What a class of an allocator's spans asks for. */
enum { MAY_LIVE = 1, IS_SPACE = 2, IS_LARGEST = 4 };

struct layer {
	uint8_t asks[MM_NR_CLASSES];
};

struct weaver {
	/* For each span. */
	uint64_t offset; /* of the linear map: va - pa, bytes */
	uint64_t clear_from, clear_to; /* a span in here has nothing of what grew inside */
	struct piece *next, *stop; /* the next one's place; the end of the room */
	struct ahead ahead;
	uint64_t last; /* base of the last piece */
	unsigned alloc; /* who walks: index in the system */
	bool unsorted;
	struct layer layer[SYS_MAX_ALLOCS];

	struct timeline *t;
	size_t up; /* the first of what grew from pages at or behind where the walk is */
	uint64_t region_base, region_bytes; /* of the last free piece */
	int region;
};

static struct layer layer_of(const struct alloc_ops *ops)
{
	struct layer l = {.asks = {[MM_GRANTED] = MAY_LIVE,
				   [MM_CACHED] = IS_SPACE,
				   [MM_FREE] = IS_SPACE}};

	if (ops->pages != NULL)
		l.asks[MM_CACHED] |= MAY_LIVE;
	if (ops->caches == NULL)
		l.asks[ops->pages != NULL ? MM_FREE : MM_CACHED] |= IS_LARGEST;
	return l;
}

/* The piece begins where the live block does at which the walk is. */
WEAVE_INLINE void name_block(struct weaver *w, struct piece *p)
{
	const struct live_at *l = ahead_past(&w->ahead);

	p->slot = l->slot;
	p->asked = l->size;
	p->class = MM_GRANTED;
}

static void note_largest(struct weaver *w, const struct piece *p)
{
	struct moment *m = &w->t->moment;
	const struct physmem *pm = &w->t->view.sys.pm;

	if (p->base - w->region_base >= w->region_bytes) {
		w->region = physmem_region(pm, p->base);
		w->region_base = w->region >= 0 ? pm->regions[w->region].base : 0;
		w->region_bytes = w->region >= 0 ? pm->regions[w->region].bytes : 0;
	}
	if (w->region >= 0 && p->end - p->base > m->largest[w->region])
		m->largest[w->region] = p->end - p->base;
}

static bool more_pieces(struct weaver *w)
{
	struct moment *m = &w->t->moment;
	size_t nr = (size_t)(w->next - m->piece), room = m->room_pieces ? m->room_pieces * 2 : 4096;
	struct piece *p = realloc(m->piece, room * sizeof *p);

	if (p == NULL)
		return false;
	m->piece = p;
	m->room_pieces = room;
	w->next = p + nr;
	w->stop = p + room;
	return true;
}

/* [base, end) of a span, in the room that there is. */
WEAVE_INLINE struct piece *put_piece(struct weaver *w, const struct span *s, uint64_t base,
				     uint64_t end)
{
	struct piece *p = w->next++;

	*p = (struct piece){.base = base,
			    .end = end,
			    .what = s->what,
			    .detail = s->detail < UINT32_MAX ? (uint32_t)s->detail : UINT32_MAX,
			    .slot = SLOT_NONE,
			    .class = s->class,
			    .alloc = s->alloc};
	w->unsorted |= base < w->last;
	w->last = base;
	return p;
}

/* Any, with all that its class asks for. */
static void put_part(struct weaver *w, const struct span *s, uint64_t base, uint64_t end)
{
	unsigned asks = w->layer[s->alloc].asks[s->class];
	struct piece *p;

	if (w->next == w->stop && !more_pieces(w))
		return;
	p = put_piece(w, s, base, end);
	if (asks & MAY_LIVE && base == s->base) {
		if (w->ahead.live->pa != base)
			ahead_to(&w->ahead, &w->t->moment, base);
		if (w->ahead.live->pa == base)
			name_block(w, p);
	}
	if (asks & IS_LARGEST)
		note_largest(w, p);
}

WEAVE_INLINE struct span span_of(const struct weaver *w, const struct walk_span *x)
{
	uint64_t base = x->base.v - w->offset;

	return (struct span){.base = base,
			     .end = base + x->bytes,
			     .what = x->what,
			     .detail = x->detail,
			     .class = (uint8_t)x->class,
			     .alloc = (uint8_t)w->alloc};
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
			put_part(w, s, at, u->base);
		if (!u->woven)
			put_part(w, u, u->base, u->end);
		u->woven = true;
		at = u->end;
	}
	if (at < s->end)
		put_part(w, s, at, s->end);
	w->clear_from = w->up > 0 ? up->v[w->up - 1].base + 1 : 0;
	w->clear_to = w->up < up->nr ? up->v[w->up].base : UINT64_MAX;
}

static void count_space(struct weaver *w, uint64_t bytes)
{
	struct free_space *f = &w->t->moment.space[w->alloc];

	f->bytes += bytes;
	f->blocks++;
	f->largest = bytes > f->largest ? bytes : f->largest;
}

WEAVE_APART void weave_any(struct weaver *w, const struct walk_span *x)
{
	const struct span s = span_of(w, x);

	if (s.base == s.end)
		return;
	if (w->layer[s.alloc].asks[s.class] & IS_SPACE)
		count_space(w, x->bytes);
	weave(w, &s);
}

/* Nearly all are headers, and the blocks that the live table says are next. */
static void on_span(void *ctx, const struct walk_span *x)
{
	struct weaver *w = ctx;
	unsigned asks = w->layer[w->alloc].asks[x->class];
	const struct span s = span_of(w, x);
	bool usual = s.base >= w->clear_from && s.end <= w->clear_to && s.base != s.end &&
		     w->next != w->stop;

	if (mm_likely(usual && asks == 0))
		(void)put_piece(w, &s, s.base, s.end);
	else if (mm_likely(usual && asks == MAY_LIVE && w->ahead.live->pa == s.base))
		name_block(w, put_piece(w, &s, s.base, s.end));
	else
		weave_any(w, x);
}

/* One of an allocator that grows from pages. */
static void on_grown(void *ctx, const struct walk_span *x)
{
	struct weaver *w = ctx;
	const struct span s = span_of(w, x);

	if (s.base == s.end)
		return;
	if (x->class == MM_CACHED || x->class == MM_FREE)
		count_space(w, x->bytes);
	if (x->class == MM_GRANTED)
		ahead_at(&w->ahead, &w->t->moment, s.base);
	spans_put(&w->t->moment.up, &s);
}

struct walking {
	struct weaver *w;
	walk_fn *fn;
};

static void walk(void *ctx)
{
	struct walking *x = ctx;
	struct system *s = &x->w->t->view.sys;
	struct alloc *walker = system_walker(s, &s->allocs[x->w->alloc]);

	walker->ops->walk(walker, x->fn, x->w);
}

/* The allocators that grow from pages, or the others. */
static void walk_layer(struct weaver *w, bool grows)
{
	struct system *s = &w->t->view.sys;
	struct walking x = {w, grows ? on_grown : on_span};

	for (w->alloc = 0; w->alloc < s->nr_allocs; w->alloc++)
		if ((s->allocs[w->alloc].env.pages != NULL) == grows)
			moment_look(w->t, walk, &x);
}

static int by_base(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return x->end < y->end ? -1 : x->end > y->end;
}

static void walk_all(struct timeline *t)
{
	struct moment *m = &t->moment;
	const struct system *s = &t->view.sys;
	struct weaver w = {.t = t,
			   .offset = s->offset,
			   .next = m->piece,
			   .stop = m->piece + m->room_pieces,
			   .ahead = ahead_begin(t),
			   .clear_from = UINT64_MAX,
			   .region = -1};

	for (unsigned i = 0; i < s->nr_allocs; i++)
		w.layer[i] = layer_of(s->allocs[i].ops);
	memset(m->space, 0, sizeof m->space);
	walk_layer(&w, true);
	spans_sort(&m->up);
	walk_layer(&w, false);
	for (size_t i = 0; i < m->up.nr; i++)
		if (!m->up.v[i].woven)
			put_part(&w, &m->up.v[i], m->up.v[i].base, m->up.v[i].end);
	m->nr_pieces = (size_t)(w.next - m->piece);
	if (w.unsorted)
		qsort(m->piece, m->nr_pieces, sizeof *m->piece, by_base);
}

const struct piece *moment_pieces(struct timeline *t, size_t *nr)
{
	struct moment *m = &t->moment;

	if (!m->has_pieces) {
		m->has_pieces = true;
		if (moment_index_lives(t))
			walk_all(t);
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
