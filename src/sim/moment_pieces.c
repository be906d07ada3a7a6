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

#define MAX_RADIX_BITS 12u

/* One pass of a stable sort by the `bits` bits of pa from `shift` on. */
static void sort_pass(const struct live_at *from, struct live_at *to, size_t nr, unsigned shift,
		      unsigned bits)
{
	uint32_t at[1u << MAX_RADIX_BITS], sum = 0;
	const uint64_t mask = (1u << bits) - 1;

	memset(at, 0, sizeof *at << bits);
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

/* By address, in the bits that differ, in as few passes as can be; of equal ones the lower slot first. */
static void sort_lives(struct moment *m, uint64_t differ)
{
	struct live_at *v = m->by_pa, *spare = m->by_pa + m->room_by_pa;
	unsigned shift, bits, passes;

	if (differ == 0)
		return;
	shift = lsb(differ);
	bits = msb(differ) + 1 - shift;
	passes = (bits + MAX_RADIX_BITS - 1) / MAX_RADIX_BITS;
	bits = (bits + passes - 1) / passes;
	for (unsigned i = 0; i < passes; i++, shift += bits) {
		struct live_at *sorted = spare;

		sort_pass(v, sorted, m->nr_by_pa, shift, bits);
		spare = v;
		v = sorted;
	}
	if (v != m->by_pa)
		memcpy(m->by_pa, v, m->nr_by_pa * sizeof *v);
}

/* Blocks ahead of a walk whose headers are fetched; entries behind the last block. */
#define FETCH_AHEAD 32u

static bool make_room(struct moment *m, size_t nr)
{
	if (nr <= m->room_by_pa)
		return true;
	free(m->by_pa);
	m->by_pa = malloc(2 * nr * sizeof *m->by_pa);
	m->room_by_pa = m->by_pa != NULL ? nr : 0;
	return m->by_pa != NULL;
}

static void index_lives(struct timeline *t)
{
	const struct live_table *l = &t->view.replay.live;
	struct moment *m = &t->moment;
	struct live_at *out;
	uint64_t differ = 0, first;

	m->has_lives = true;
	m->nr_by_pa = 0;
	if (!make_room(m, (size_t)l->nr + FETCH_AHEAD + 1))
		return;
	out = m->by_pa;
	for (uint32_t i = 0; i < l->nr; i++) {
		const struct live *x = &l->slot[i];
		uint64_t size = live_size(x);

		if (live_state(x) != LIVE_BLOCK)
			continue;
		*out++ = (struct live_at){live_pa(x), i,
					  size < UINT32_MAX ? (uint32_t)size : UINT32_MAX};
		first = m->by_pa->pa;
		differ |= live_pa(x) ^ first;
		m->live_blocks[live_alloc(x)]++;
	}
	m->nr_by_pa = (size_t)(out - m->by_pa);
	sort_lives(m, differ);
	for (unsigned i = 0; i <= FETCH_AHEAD; i++)
		m->by_pa[m->nr_by_pa + i] = (struct live_at){UINT64_MAX, SLOT_NONE, 0};
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

#define BEHIND 6u /* bytes: a block is rounded up, and a header may follow padding */

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
	const struct live_at *live; /* the first block at or behind where the walk is */
	uint64_t last; /* base of the last piece */
	uint8_t *window; /* the image, as physmem has it */
	uint64_t mask;
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

/* The header before a block, and the one behind it. */
WEAVE_INLINE void fetch(const struct weaver *w, const struct live_at *l)
{
	__builtin_prefetch(w->window + ((l->pa - 1) & w->mask));
	__builtin_prefetch(w->window + ((l->pa + l->size + BEHIND) & w->mask));
}

/* The walk is at pa, not at the live block that was to come. */
static void walk_to(struct weaver *w, uint64_t pa)
{
	const struct moment *m = &w->t->moment;
	const struct live_at *l = w->live;

	if (l != m->by_pa && l[-1].pa >= pa)
		l = m->by_pa + live_from(m, pa);
	while (l->pa < pa)
		l++;
	if (l > w->live + FETCH_AHEAD || l < w->live)
		for (unsigned i = 0; i < FETCH_AHEAD; i++)
			fetch(w, l + i);
	w->live = l;
}

/* The piece begins where live block l does, which is that of the walk. */
WEAVE_INLINE void name_block(struct weaver *w, struct piece *p, const struct live_at *l)
{
	p->slot = l->slot;
	p->asked = l->size;
	p->class = MM_GRANTED;
	fetch(w, l + FETCH_AHEAD);
	w->live = l + 1;
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
		if (w->live->pa != base)
			walk_to(w, base);
		if (w->live->pa == base)
			name_block(w, p, w->live);
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
	const struct live_at *l = w->live;
	bool usual = s.base >= w->clear_from && s.end <= w->clear_to && s.base != s.end &&
		     w->next != w->stop;

	if (mm_likely(usual && asks == 0))
		(void)put_piece(w, &s, s.base, s.end);
	else if (mm_likely(usual && asks == MAY_LIVE && l->pa == s.base))
		name_block(w, put_piece(w, &s, s.base, s.end), l);
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
	if (x->class == MM_GRANTED) {
		if (w->live->pa != s.base)
			walk_to(w, s.base);
		fetch(w, w->live + FETCH_AHEAD);
		w->live += w->live->pa == s.base;
	}
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
			   .window = s->pm.window,
			   .mask = s->pm.mask,
			   .next = m->piece,
			   .stop = m->piece + m->room_pieces,
			   .live = m->by_pa,
			   .clear_from = UINT64_MAX,
			   .region = -1};

	for (unsigned i = 0; i < s->nr_allocs; i++)
		w.layer[i] = layer_of(s->allocs[i].ops);
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
		if (!m->has_lives)
			index_lives(t);
		if (m->by_pa != NULL)
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
