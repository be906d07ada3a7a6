/*
 * The loop behind bytes_ops.bulk, made anew for each kind that has a short way.
 *
 * A kind gives two inline functions that do what malloc and free mostly do, in a few
 * loads and stores, and say no where it takes more; then its ordinary functions are
 * called.  What every request does to the caller's table, the ledger and the counters
 * is done here, once, on copies that the compiler can keep in registers: a store to
 * the image may alias whatever lies in memory.
 *
 * Results are those of single calls, exactly.
 */
#ifndef ALLOC_BULK_H
#define ALLOC_BULK_H

#include "alloc/alloc.h"

#define BULK_INLINE static inline __attribute__((always_inline))

struct bulk_run;

struct bulk_kind {
	/* NULL: no short way.  The grant for `size` bytes; only what becomes or ceases to be
	 * metadata is accounted, to `row`; false: nothing was done. */
	bool (*take)(const void *way, const struct mem *v, struct mm_row *row, msize_t size,
		     struct grant *g);
	/* Granted bytes of the block at p, likewise; FREE_BAD: nothing was done. */
	msize_t (*give)(const void *way, const struct mem *v, struct mm_row *row, vaddr_t p);
	/* The ordinary way: as bytes_ops. */
	struct grant (*malloc)(struct alloc *a, const struct alloc_req *req);
	msize_t (*free)(struct alloc *a, vaddr_t p);
	enum mm_ev took, gave; /* tracepoints of the short way */
	/* From pages: blocks may lie in any region, and what was taken of them moves. */
	bool grown;
	/* NULL: requests are malloc and free, as above.  Else does one of another sort. */
	enum bulk_stop (*other)(const struct bulk_kind *k, const void *way, struct alloc *a,
				const struct mem *v, struct bulk_run *r, struct bulk *b,
				const struct plain_req *q);
	/* NULL: a header before each block.  What a free of the block at p will touch first. */
	vaddr_t (*touches)(const void *way, const struct mem *v, vaddr_t p, msize_t size);
};

/* What one call of bulk_run has at hand: what changes of the account, and what stays. */
struct bulk_run {
	struct live *table;
	uint64_t place, bias; /* bias: an entry's `place` less its address in the view */
	uint64_t number, live_bytes, mallocs, frees, requested, end, held, ratio, idle;
	int64_t peak;
	struct mm_row *row; /* of the arena's region, or the region of the block before */
	uint64_t row_base, row_bytes; /* of its region; grown heaps */
	/* Since the row was last brought up to date: net bytes granted the short and the
	 * ordinary way, and the live bytes then. */
	uint64_t granted, granted_slowly, live_before;
	uint64_t slow_mallocs, slow_frees;
};

/*
 * Brings the row up to date.  What was granted the short way was free; what was granted
 * the ordinary way has been accounted as granted; of both, what was asked for is payload.
 */
BULK_INLINE void bulk_settle(struct bulk_run *r)
{
	uint64_t asked = r->live_bytes - r->live_before;

	r->row->bytes[MM_CACHED] -= (int64_t)r->granted;
	r->row->bytes[MM_GRANTED] -= (int64_t)r->granted_slowly;
	r->row->bytes[MM_PAYLOAD] += (int64_t)asked;
	r->row->bytes[MM_ROUNDING] += (int64_t)(r->granted + r->granted_slowly - asked);
	r->granted = 0;
	r->granted_slowly = 0;
	r->live_before = r->live_bytes;
}

BULK_INLINE void bulk_open(struct bulk_run *r, const struct bulk *b)
{
	r->number = b->number;
	r->live_bytes = b->live_bytes;
	r->mallocs = b->mallocs;
	r->frees = b->frees;
	r->requested = b->requested;
	r->end = b->end;
	r->held = b->held;
	r->ratio = b->ratio;
	r->idle = b->idle;
	r->peak = b->peak;
	r->live_before = b->live_bytes;
}

BULK_INLINE void bulk_close(struct bulk_run *r, struct bulk *b)
{
	bulk_settle(r);
	b->number = r->number;
	b->live_bytes = r->live_bytes;
	b->mallocs = r->mallocs;
	b->frees = r->frees;
	b->requested = r->requested;
	b->ratio = r->ratio;
	b->idle = r->idle;
}

/* Calls a hook, and says that the row is going to differ from what the hook may have kept. */
BULK_INLINE void bulk_at_peak(struct bulk_run *r, struct bulk *b)
{
	bulk_close(r, b);
	b->at_peak(b);
	bulk_open(r, b);
	r->row->changed = MM_ROW_CHANGED;
}

BULK_INLINE void bulk_at_end(struct bulk_run *r, struct bulk *b, uint64_t begin, uint64_t end)
{
	bulk_close(r, b);
	b->at_end(b, begin, end);
	bulk_open(r, b);
}

/* The row of the region that the block at va lies in is the one at hand. */
BULK_INLINE void bulk_row(const struct bulk_kind *k, struct bulk_run *r, struct mem *m,
			  const struct mem *v, vaddr_t va)
{
	const uint64_t pa = va.v - v->offset;

	if (!k->grown || mm_likely(pa - r->row_base < r->row_bytes))
		return;
	bulk_settle(r);
	r->row = mm_row_find(m, pa);
	r->row->changed = MM_ROW_CHANGED;
	r->row_base = m->row_base;
	r->row_bytes = m->row_bytes;
}

static __attribute__((noinline)) void bulk_sort(const struct mem *m, struct bulk *b, uint32_t note,
						vaddr_t va, uint64_t size)
{
	b->sorts[note >> PLAIN_SITE_BITS & (PLAIN_SORTS - 1)]++;
	if (note & PLAIN_ZERO)
		mem_zero(m, va, (msize_t)size);
}

/* The ordinary malloc; always apart, so that the request has no place among what is at hand. */
static __attribute__((noinline)) struct grant bulk_slow_malloc(const struct bulk_kind *k,
							       struct alloc *a, msize_t size)
{
	return k->malloc(a, &(struct alloc_req){.size = size, .zone_mask = UINT32_MAX});
}

/* The grant g for q's `size` bytes is a live block; it was taken the ordinary way if `slowly`. */
BULK_INLINE void bulk_born(const struct bulk_kind *k, struct mem *m, const struct mem *v,
			   struct bulk_run *r, struct bulk *b, const struct plain_req *q,
			   uint64_t size, struct grant g, bool slowly)
{
	struct live *l = &r->table[q->name];

	bulk_row(k, r, m, v, g.va);
	if (slowly) {
		r->slow_mallocs++;
		r->granted_slowly += g.bytes;
	} else {
		r->granted += g.bytes;
	}
	if (mm_unlikely(q->note >> PLAIN_SITE_BITS != 0))
		bulk_sort(m, b, q->note, g.va, size);
	l->place = g.va.v + r->bias;
	l->what = size | (uint64_t)q->note << 40;
	l->born = (uint32_t)r->number;
	r->mallocs++;
	r->live_bytes += size;
	r->requested += size;
	if (k->grown) {
		if (slowly)
			bulk_at_end(r, b, 0, 0);
	} else if (mm_unlikely(g.va.v - v->offset + g.bytes > r->end)) {
		bulk_at_end(r, b, g.va.v - v->offset, g.va.v - v->offset + g.bytes);
	}
}

/* One malloc of a size; false: it found nothing. */
BULK_INLINE bool bulk_malloc(const struct bulk_kind *k, const void *way, struct alloc *a,
			     const struct mem *v, struct bulk_run *r, struct bulk *b,
			     const struct plain_req *q)
{
	struct grant g;

	if (k->take != NULL && mm_likely(k->take(way, v, r->row, q->size, &g))) {
		bulk_born(k, a->m, v, r, b, q, q->size, g, false);
		return true;
	}
	*b->clock = r->number;
	g = bulk_slow_malloc(k, a, q->size);
	if (g.bytes == 0)
		return false;
	bulk_born(k, a->m, v, r, b, q, q->size, g, true);
	return true;
}

/* Do the live bytes stand at a maximum that the caller does not know of?  The request before made it. */
BULK_INLINE bool bulk_is_peak(const struct bulk_run *r)
{
	return (int64_t)r->live_bytes > r->peak;
}

/* free(NULL): counts as a request, so that a maximum is told as the one's before. */
BULK_INLINE void bulk_nothing(struct bulk_run *r, struct bulk *b)
{
	if (mm_likely(!bulk_is_peak(r)))
		return;
	bulk_close(r, b);
	b->past_peak(b);
	bulk_open(r, b);
}

/* A free is about to be done. */
BULK_INLINE void bulk_before_free(struct bulk_run *r, struct bulk *b)
{
	if (mm_unlikely(bulk_is_peak(r)))
		bulk_at_peak(r, b);
}

/* The block l at p, of `bytes`, is dead. */
BULK_INLINE void bulk_died(const struct bulk_kind *k, struct mem *m, const struct mem *v,
			   struct bulk_run *r, struct bulk *b, struct live *l, vaddr_t p,
			   msize_t bytes, bool slowly)
{
	bulk_row(k, r, m, v, p);
	if (slowly) {
		r->slow_frees++;
		r->granted_slowly -= bytes;
	} else {
		r->granted -= bytes;
	}
	l->place = 0;
	r->frees++;
	r->live_bytes -= l->what & PLAIN_SIZE_MAX;
	if (k->grown && slowly)
		bulk_at_end(r, b, 0, 0);
}

/* One free of the block l; false: the allocator does not know it. */
BULK_INLINE bool bulk_free(const struct bulk_kind *k, const void *way, struct alloc *a,
			   const struct mem *v, struct bulk_run *r, struct bulk *b, struct live *l)
{
	const vaddr_t p = {l->place - r->bias};
	msize_t bytes = FREE_BAD;

	bulk_before_free(r, b);
	if (k->give != NULL)
		bytes = k->give(way, v, r->row, p);
	if (mm_likely(bytes != FREE_BAD)) {
		bulk_died(k, a->m, v, r, b, l, p, bytes, false);
		return true;
	}
	*b->clock = r->number;
	bytes = k->free(a, p);
	if (bytes == FREE_BAD)
		return false;
	bulk_died(k, a->m, v, r, b, l, p, bytes, true);
	return true;
}

BULK_INLINE enum bulk_stop bulk_one(const struct bulk_kind *k, const void *way, struct alloc *a,
				    const struct mem *v, struct bulk_run *r, struct bulk *b,
				    const struct plain_req *q)
{
	struct live *l;

	if (k->other != NULL)
		return k->other(k, way, a, v, r, b, q);
	if (q->size != PLAIN_FREE) {
		if (mm_unlikely(q->size - 1 >= PLAIN_SIZE_MAX)) {
			if (q->size != PLAIN_NOTHING)
				return BULK_OTHER;
			bulk_nothing(r, b);
			return BULK_DONE;
		}
		return mm_likely(bulk_malloc(k, way, a, v, r, b, q)) ? BULK_DONE : BULK_REFUSED;
	}
	l = &r->table[q->name];
	if (mm_unlikely((l->place ^ r->place) >> 48 != 0))
		return BULK_OTHER;
	return mm_likely(bulk_free(k, way, a, v, r, b, l)) ? BULK_DONE : BULK_BAD_FREE;
}

/* Tracepoints and searches of the short way. */
BULK_INLINE void bulk_count(const struct bulk_kind *k, struct mem *m, const struct bulk_run *r)
{
	m->search->bucket[0] += r->mallocs - r->slow_mallocs;
	m->count[k->took] += r->mallocs - r->slow_mallocs;
	m->count[k->gave] += r->frees - r->slow_frees;
}

/* How far ahead of the request being done the caches are warmed. */
#define BULK_AHEAD_ENTRY 16
#define BULK_AHEAD_BLOCK 8

/*
 * Where the live blocks do not fit into the caches: a request touches its entry of the
 * table, and a free the header before its block (or nothing there, in a kind without
 * headers that does not say what it touches).  Changes nothing but time.
 */
BULK_INLINE void bulk_look_ahead(const struct bulk_kind *k, const void *way,
				 const struct bulk_run *r, const struct mem *v,
				 const struct plain_req *q)
{
	const struct live *l = &r->table[q[BULK_AHEAD_BLOCK].name];
	const uint64_t at = l->place ^ r->place;
	/* Without a branch: whether the request is a free is anybody's guess. */
	const void *header = v->window + ((at - 16) & v->mask);

	if (k->touches != NULL) {
		const vaddr_t block = {l->place - r->bias};
		const msize_t size = (msize_t)(l->what & PLAIN_SIZE_MAX);

		header = v->window + ((k->touches(way, v, block, size).v - v->offset) & v->mask);
	}
	header = at >> 48 == 0 ? header : l;
	__builtin_prefetch(&r->table[q[BULK_AHEAD_ENTRY].name], 1);
	__builtin_prefetch(header, 1);
}

/* `k` is constant where this is called; `way` is the kind's own: what take and give have at hand. */
BULK_INLINE enum bulk_stop bulk_run(const struct bulk_kind *k, const void *way, struct alloc *a,
				    struct bulk *b, const struct plain_req *req, size_t n,
				    size_t *done)
{
	const struct plain_req *q = req, *const end = req + n;
	const struct plain_req *const ahead =
		b->cold && n > BULK_AHEAD_ENTRY ? end - BULK_AHEAD_ENTRY : req;
	const struct mem v = *a->m;
	struct bulk_run r = {.table = b->table,
			     .place = b->place,
			     .bias = b->place - v.offset,
			     .row = mm_row_at(a->m, a->root)};
	enum bulk_stop stop = BULK_DONE;

	bulk_open(&r, b);
	r.row->changed = MM_ROW_CHANGED;
	r.row_base = a->m->row_base;
	r.row_bytes = a->m->row_bytes;
	for (; q < end; q++) {
		if (q < ahead)
			bulk_look_ahead(k, way, &r, &v, q);
		r.number++;
		stop = bulk_one(k, way, a, &v, &r, b, q);
		if (mm_unlikely(stop != BULK_DONE)) {
			r.number--;
			break;
		}
		if (mm_likely(r.live_bytes != 0))
			r.ratio += r.held / r.live_bytes;
		else
			r.idle++;
	}
	bulk_close(&r, b);
	*b->clock = r.number;
	*done = (size_t)(q - req);
	bulk_count(k, a->m, &r);
	return stop;
}

/* bytes_ops.bulk of kinds without a short way. */
enum bulk_stop bulk_ordinary(struct alloc *a, struct bulk *b, const struct plain_req *req, size_t n,
			     size_t *done);

#endif
