/*
 * classheap: malloc, free and resize, instantiated by each kind with its policy.
 *
 * Algorithm.  malloc rounds the request to a chunk size, takes the head of the
 * first list not below that size's class that surely fits (two bitmap look-ups),
 * and splits it; the rest goes to the list of its class.  free merges with both
 * neighbours, found by the tags, and pushes the result on the list of its class.
 * No operation walks anything, but for the `tries` chunks a searching policy may
 * look at.
 *
 * Each operation works on a copy of the view, so that the compiler can keep the
 * translation in registers: stores to the image cannot change it.
 */
#ifndef ALLOC_CLASSHEAP_FAST_H
#define ALLOC_CLASSHEAP_FAST_H

#include "alloc/classheap.h"
#include "alloc/classheap_layout.h"

#define CLASSHEAP_INLINE static inline __attribute__((always_inline))
#define CLASSHEAP_APART  __attribute__((noinline, unused))
#define CLASSHEAP_COLD   __attribute__((noinline, cold, unused))

/* One operation's heap: the handle, its constant policy and a copy of its view. */
struct class_op {
	struct classheap *h;
	struct class_policy k;
	const struct mem *m; /* a copy: loads and stores only */
	struct mm_rec c; /* the control */
	msize_t heads; /* of the lists, bytes from the control */
	msize_t header;
};

/* ---- lists ---- */

/* With one class to a power of two there is one row: 31 classes are 2^31 granules and more. */
CLASSHEAP_INLINE bool one_row(const struct class_op *o)
{
	return o->k.split_log2 == 0;
}

CLASSHEAP_INLINE unsigned op_class(const struct class_op *o, msize_t size)
{
	return class_of(o->h, o->k.split_log2, size);
}

/* The list of `class` has become empty. */
CLASSHEAP_INLINE void clear_class(const struct class_op *o, unsigned class)
{
	unsigned row = one_row(o) ? 0 : class >> 5;
	uint32_t map = row_map(o->c, row) & ~(UINT32_C(1) << (class & 31));

	set_row_map(o->c, row, map);
	if (map == 0)
		set_top_map(o->c, top_map(o->c) & ~(UINT32_C(1) << row));
}

CLASSHEAP_INLINE void mark_class(const struct class_op *o, unsigned class)
{
	unsigned row = one_row(o) ? 0 : class >> 5;

	set_row_map(o->c, row, row_map(o->c, row) | UINT32_C(1) << (class & 31));
	if (one_row(o))
		set_top_map(o->c, 1);
	else
		set_top_map(o->c, top_map(o->c) | UINT32_C(1) << row);
}

/* The head's prev is never read, so taking the head leaves the next chunk alone. */
CLASSHEAP_INLINE void pop_chunk(const struct class_op *o, unsigned class, struct mm_rec r)
{
	vaddr_t next = rec_next(r);

	set_list_head(o->c, o->heads, class, next);
	if (vaddr_none(next))
		clear_class(o, class);
}

/* r is p's record. */
CLASSHEAP_INLINE void unlink_chunk(const struct class_op *o, unsigned class, vaddr_t p,
				   struct mm_rec r)
{
	vaddr_t next, prev;

	if (vaddr_eq(list_head(o->c, o->heads, class), p)) {
		pop_chunk(o, class, r);
		return;
	}
	next = rec_next(r);
	prev = rec_prev(r);
	set_link_next(o->m, prev, next);
	if (!vaddr_none(next))
		set_link_prev(o->m, next, prev);
}

CLASSHEAP_INLINE void push_chunk(const struct class_op *o, unsigned class, vaddr_t p)
{
	vaddr_t head = list_head(o->c, o->heads, class);

	set_link_next(o->m, p, head);
	set_list_head(o->c, o->heads, class, p);
	if (vaddr_none(head))
		mark_class(o, class);
	else
		set_link_prev(o->m, head, p);
}

/* ---- accounts ---- */

/* A header comes into being inside free bytes. */
CLASSHEAP_INLINE void account_header(const struct class_op *o, struct mm_row *row)
{
	mm_row_move(row, MM_WORD, MM_CACHED, MM_METADATA);
	if (o->k.header_words > 1)
		mm_row_move(row, o->header - MM_WORD, MM_CACHED, MM_SLACK);
}

/* A header ceases to be. */
CLASSHEAP_INLINE void unaccount_header(const struct class_op *o, struct mm_row *row)
{
	mm_row_move(row, MM_WORD, MM_METADATA, MM_CACHED);
	if (o->k.header_words > 1)
		mm_row_move(row, o->header - MM_WORD, MM_SLACK, MM_CACHED);
}

/* ---- chunks ---- */

/* Footer and list of a free chunk that has its tag. */
CLASSHEAP_INLINE void list_free_chunk(const struct class_op *o, vaddr_t p, msize_t size)
{
	set_footer_before(o->m, chunk_after(p, size), o->header, size);
	push_chunk(o, op_class(o, size), p);
}

/* A free chunk whose neighbours are live. */
CLASSHEAP_INLINE void set_free_chunk(const struct class_op *o, vaddr_t p, msize_t size)
{
	set_chunk_tag(o->m, p, size);
	list_free_chunk(o, p, size);
}

/*
 * Makes the free chunk p of `size` bytes, on no list, live with `need` bytes:
 *   [ ------- size ------- ]  =>  [ need, live ][ rest, free ]
 * Returns the bytes it got: all, when the rest would be less than a chunk.
 */
CLASSHEAP_INLINE msize_t carve_chunk(const struct class_op *o, vaddr_t p, struct mm_rec r,
				     msize_t need, struct mm_row *row)
{
	msize_t size = tag_size(rec_tag(r));
	vaddr_t rest = chunk_after(p, need);

	if (size - need < o->h->min_chunk) {
		struct mm_rec next = chunk_rec(o->m, chunk_after(p, size));

		set_rec_tag(r, size | TAG_LIVE);
		set_rec_tag(next, rec_tag(next) & ~TAG_PREV_FREE);
		return size;
	}
	set_rec_tag(r, need | TAG_LIVE);
	set_free_chunk(o, rest, size - need);
	account_header(o, row);
	mm_event(o->h->base.m, MM_EV_CHUNK_SPLIT, p.v, need, size - need);
	return need;
}

/* The chunk size for a request of `size` <= max_size bytes. */
CLASSHEAP_INLINE msize_t chunk_for(const struct class_op *o, msize_t size)
{
	msize_t need;

	if (o->k.pow2)
		return roundup_pow2(size + o->header <= o->h->gran ? o->h->gran : size + o->header);
	need = round_up(size + o->header, o->h->gran);
	return need < o->h->min_chunk ? o->h->min_chunk : need;
}

/* ---- search ---- */

struct class_hit {
	vaddr_t p; /* VADDR_NONE: nothing fits */
	unsigned class;
};

/* The head of the first list from `class` on. */
CLASSHEAP_INLINE struct class_hit first_from(const struct class_op *o, unsigned class)
{
	unsigned row = one_row(o) ? 0 : class >> 5;
	uint32_t map = row_map(o->c, row) & (UINT32_MAX << (class & 31));

	if (mm_unlikely(one_row(o) && map == 0))
		return (struct class_hit){VADDR_NONE, 0};
	if (map == 0) {
		uint32_t top = top_map(o->c) & (UINT32_C(0xfffffffe) << row);

		if (mm_unlikely(top == 0))
			return (struct class_hit){VADDR_NONE, 0};
		row = lsb(top);
		map = row_map(o->c, row);
	}
	class = row * 32 + lsb(map);
	return (struct class_hit){list_head(o->c, o->heads, class), class};
}

/* The first of `tries` chunks of `class` that holds `need`; counts what it looked at. */
CLASSHEAP_INLINE vaddr_t search_class(const struct class_op *o, unsigned class, msize_t need,
				      unsigned *steps)
{
	vaddr_t p = list_head(o->c, o->heads, class);

	while (!vaddr_none(p) && *steps < o->h->tries) {
		++*steps;
		if (tag_size(chunk_tag(o->m, p)) >= need)
			return p;
		p = link_next(o->m, p);
	}
	return VADDR_NONE;
}

/* A listed chunk of at least `need` bytes and its class. */
CLASSHEAP_INLINE struct class_hit find_chunk(const struct class_op *o, msize_t need)
{
	msize_t key = need - o->h->class_bias;
	unsigned e = msb(key | (msize_t)1 << o->h->linear_log2), shift = e - o->k.split_log2;
	unsigned class = (unsigned)(key >> shift) + ((e - o->h->linear_log2) << o->k.split_log2);
	bool inside = (key & (((msize_t)1 << shift) - 1)) != 0; /* not the least of its class */
	struct class_hit hit = {VADDR_NONE, class};
	unsigned steps = 0;

	if (o->k.search && inside)
		hit.p = search_class(o, class, need, &steps);
	if (vaddr_none(hit.p))
		hit = first_from(o, class + inside);
	mm_search(o->h->base.m, steps);
	return hit;
}

/* As find_chunk, for a power of two: the least of its class. */
CLASSHEAP_INLINE struct class_hit find_pow2(const struct class_op *o, msize_t need)
{
	mm_search(o->h->base.m, 0);
	return first_from(o, 1 + msb(need) - o->h->gran_log2);
}

/* Takes what find_chunk found, whose record is r, off its list. */
CLASSHEAP_INLINE void take_hit(const struct class_op *o, struct class_hit hit, struct mm_rec r)
{
	if (o->k.search)
		unlink_chunk(o, hit.class, hit.p, r);
	else
		pop_chunk(o, hit.class, r);
}

/* ---- kept chunks ---- */

/* A kept chunk of just `need` bytes, live again, or VADDR_NONE. */
CLASSHEAP_INLINE vaddr_t take_kept(const struct class_op *o, msize_t need)
{
	struct classheap *h = o->h;
	msize_t granules = need >> h->gran_log2;
	struct mm_rec r;
	vaddr_t p;

	if (granules >= h->keep_sizes)
		return VADDR_NONE;
	p = kept_head(o->c, h->kept, granules);
	if (vaddr_none(p))
		return p;
	r = chunk_rec(o->m, p);
	set_kept_head(o->c, h->kept, granules, rec_next(r));
	set_kept_bytes(o->c, h->kept, kept_bytes(o->c, h->kept) - need);
	set_rec_tag(r, rec_tag(r) & ~TAG_KEPT);
	return p;
}

/* Keeps the chunk p, whose record is r; the kept bytes that there are now. */
CLASSHEAP_INLINE msize_t keep_chunk(const struct class_op *o, vaddr_t p, struct mm_rec r,
				    msize_t tag)
{
	struct classheap *h = o->h;
	msize_t granules = tag_size(tag) >> h->gran_log2;
	msize_t bytes = kept_bytes(o->c, h->kept) + tag_size(tag);

	set_link_next(o->m, p, kept_head(o->c, h->kept, granules));
	set_kept_head(o->c, h->kept, granules, p);
	set_kept_bytes(o->c, h->kept, bytes);
	set_rec_tag(r, tag | TAG_KEPT);
	return bytes;
}

/* ---- malloc ---- */

CLASSHEAP_INLINE struct grant note_grant(const struct class_op *o, vaddr_t p, msize_t got,
					 struct mm_row *row)
{
	set_control_live(o->c, control_live(o->c) + 1);
	mm_row_move(row, got, MM_CACHED, MM_GRANTED);
	mm_event(o->h->base.m, MM_EV_CHUNK_TAKE, p.v, got, 0);
	return (struct grant){p, got};
}

/* The free chunk p, on no list, becomes live; r is its record. */
CLASSHEAP_INLINE struct grant grant_chunk(const struct class_op *o, vaddr_t p, struct mm_rec r,
					  msize_t need)
{
	struct mm_row *row = mm_row_at(o->h->base.m, p);

	return note_grant(o, p, carve_chunk(o, p, r, need, row) - o->header, row);
}

/*
 * Cuts [p, q) off the free chunk p, on no list, as a free chunk of its own:
 *   [ --------- p --------- ]  =>  [ p, free ][ q, on no list ]
 */
static inline void cut_front(const struct class_op *o, vaddr_t p, vaddr_t q)
{
	msize_t size = tag_size(chunk_tag(o->m, p)), front = vaddr_diff(q, p);

	set_free_chunk(o, p, front);
	set_chunk_tag(o->m, q, (size - front) | TAG_PREV_FREE);
	account_header(o, mm_row_at(o->h->base.m, p));
	mm_event(o->h->base.m, MM_EV_CHUNK_SPLIT, p.v, front, size - front);
}

/* Where in chunk p a payload at a multiple of `align` can begin: p, or behind a least chunk. */
static inline vaddr_t aligned_in(const struct class_op *o, vaddr_t p, msize_t align)
{
	vaddr_t q = {round_up(p.v, align)};

	while (q.v != p.v && vaddr_diff(q, p) < o->h->min_chunk)
		q = vaddr_add(q, align);
	return q;
}

/*
 * A chunk, taken off its list, that holds `need` bytes from a multiple of `align`
 * on, which is *q.  Looks for one that surely does, then for luck: a chunk that
 * just holds the request and begins right.
 */
static inline vaddr_t take_aligned(const struct class_op *o, msize_t need,
				   const struct alloc_req *req, vaddr_t *q)
{
	msize_t most = need + req->align + o->h->min_chunk;
	bool possible = req->align < o->h->max_size && most - o->header <= o->h->max_size;
	struct class_hit hit = {VADDR_NONE, 0};

	if (possible)
		hit = find_chunk(o, most);
	if (vaddr_none(hit.p))
		hit = find_chunk(o, need);
	if (!vaddr_none(hit.p)) {
		*q = aligned_in(o, hit.p, req->align);
		if (vaddr_diff(*q, hit.p) + need <= tag_size(chunk_tag(o->m, hit.p))) {
			take_hit(o, hit, chunk_rec(o->m, hit.p));
			return hit.p;
		}
	}
	if (!possible || o->h->pages == NULL)
		return VADDR_NONE;
	hit.p = classheap_grow(o->h, most, req);
	if (!vaddr_none(hit.p))
		*q = aligned_in(o, hit.p, req->align);
	return hit.p;
}

CLASSHEAP_INLINE struct class_op class_begin(struct classheap *h, struct class_policy k,
					     const struct mem *copy)
{
	return (struct class_op){h,        k,
				 copy,     mem_rec(copy, h->base.root),
				 h->heads, (msize_t)k.header_words * MM_WORD};
}

/* ---- releasing ---- */

/* The tag of the live chunk at p, whose record is r, or 0: p is none as far as the tags tell. */
CLASSHEAP_INLINE msize_t live_tag(const struct class_op *o, vaddr_t p, struct mm_rec r)
{
	struct classheap *h = o->h;
	msize_t low = h->pages == NULL ? h->low.v : control_low(o->c);
	msize_t high = h->pages == NULL ? h->high.v : control_high(o->c);
	msize_t tag;

	if (mm_unlikely(p.v - low >= high - low || p.v - low < SEGMENT_RECORD_BYTES ||
			(p.v & (h->gran - 1)) != 0))
		return 0;
	tag = rec_tag(r);
	if (mm_unlikely(!tag_granted(tag) || tag_size(tag) < h->min_chunk ||
			tag_size(tag) >= high - p.v || (tag_size(tag) & (h->gran - 1)) != 0))
		return 0;
	return tag;
}

/* Takes the free chunk behind p (its size so far) off its list; the size with it. */
CLASSHEAP_INLINE msize_t absorb_next(const struct class_op *o, vaddr_t p, msize_t size,
				     struct mm_rec r, struct mm_row *row)
{
	vaddr_t next = chunk_after(p, size);
	msize_t behind = tag_size(rec_tag(r));

	unlink_chunk(o, op_class(o, behind), next, r);
	unaccount_header(o, row);
	mm_event(o->h->base.m, MM_EV_CHUNK_MERGE, p.v, size + behind, next.v);
	return size + behind;
}

/*
 * The live chunk p (record r, tag) becomes free, merged with its neighbours:
 *   [ prev, free ][ p ][ next, free ]  =>  [ ------------ free ------------ ]
 * The tag at p stays in the middle of a merged chunk, no longer live, so that a
 * second free of p is seen.  False, and nothing changed: the tags around p are not
 * those of a live chunk.
 */
CLASSHEAP_INLINE bool release_chunk(const struct class_op *o, vaddr_t p, struct mm_rec r,
				    msize_t tag, struct mm_row *row)
{
	struct mem *m = o->h->base.m;
	msize_t size = tag_size(tag), before = 0;
	struct mm_rec rnext = chunk_rec(o->m, chunk_after(p, size)), rprev = r;

	if (tag_prev_free(tag)) {
		before = footer_before(o->m, p, o->header);
		rprev = chunk_rec(o->m, vaddr_sub(p, before));
		if (mm_unlikely(rec_tag(rprev) != before))
			return false;
	}
	if (mm_unlikely(tag_prev_free(rec_tag(rnext))))
		return false;
	if (!tag_live(rec_tag(rnext)))
		size = absorb_next(o, p, size, rnext, row);
	else
		set_rec_tag(rnext, rec_tag(rnext) | TAG_PREV_FREE);
	set_rec_tag(r, size);
	if (before != 0) {
		p = vaddr_sub(p, before);
		unlink_chunk(o, op_class(o, before), p, rprev);
		unaccount_header(o, row);
		size += before;
		mm_event(m, MM_EV_CHUNK_MERGE, p.v, size, chunk_after(p, before).v);
		set_rec_tag(rprev, size);
	}
	if (mm_unlikely(o->h->pages != NULL) && classheap_drop(o->h, p, size))
		return true;
	list_free_chunk(o, p, size);
	return true;
}

/* All kept chunks coalesce; false: there were none. */
static CLASSHEAP_COLD bool class_coalesce(struct classheap *h, struct class_policy k)
{
	struct class_op o = class_begin(h, k, h->base.m);

	if (h->keep_sizes == 0 || kept_bytes(o.c, h->kept) == 0)
		return false;
	set_kept_bytes(o.c, h->kept, 0);
	for (unsigned i = 0; i < h->keep_sizes; i++) {
		vaddr_t p = kept_head(o.c, h->kept, i);

		set_kept_head(o.c, h->kept, i, VADDR_NONE);
		while (!vaddr_none(p)) {
			struct mm_rec r = chunk_rec(o.m, p);
			vaddr_t next = rec_next(r);

			if (!release_chunk(&o, p, r, rec_tag(r) & ~TAG_KEPT,
					   mm_row_at(h->base.m, p)))
				mm_bug(h->base.m, "tags around a kept chunk disagree", p);
			p = next;
		}
	}
	return true;
}

/*
 * The paths taken seldom begin anew: an operation handed to a function that is not
 * inlined would have to lie in memory, and its copy of the view with it.
 */
static CLASSHEAP_COLD struct grant class_memalign(struct classheap *h, struct class_policy k,
						  msize_t need, const struct alloc_req *req)
{
	struct class_op o = class_begin(h, k, h->base.m);
	vaddr_t q = VADDR_NONE, p = take_aligned(&o, need, req, &q);
	struct grant g;

	if (k.keep && vaddr_none(p) && class_coalesce(h, k))
		p = take_aligned(&o, need, req, &q);
	if (vaddr_none(p))
		return GRANT_NONE;
	if (vaddr_eq(q, p))
		return grant_chunk(&o, p, chunk_rec(o.m, p), need);
	cut_front(&o, p, q);
	g = grant_chunk(&o, q, chunk_rec(o.m, q), need);
	set_chunk_tag(o.m, q, chunk_tag(o.m, q) | TAG_PREV_FREE);
	return g;
}

/* From kept chunks, coalesced, or from a new segment. */
static CLASSHEAP_COLD struct grant class_grow(struct classheap *h, struct class_policy k,
					      msize_t need, const struct alloc_req *req)
{
	struct class_op o = class_begin(h, k, h->base.m);
	vaddr_t p;

	if (k.keep && class_coalesce(h, k)) {
		struct class_hit hit = find_chunk(&o, need);

		if (!vaddr_none(hit.p)) {
			take_hit(&o, hit, chunk_rec(o.m, hit.p));
			return grant_chunk(&o, hit.p, chunk_rec(o.m, hit.p), need);
		}
	}
	p = h->pages == NULL ? VADDR_NONE : classheap_grow(h, need, req);
	return vaddr_none(p) ? GRANT_NONE : grant_chunk(&o, p, chunk_rec(o.m, p), need);
}

/* From the lists; `need` is the chunk's size. */
CLASSHEAP_INLINE struct grant class_take(struct classheap *h, struct class_policy k, msize_t need,
					 const struct alloc_req *req)
{
	struct mem copy = *h->base.m;
	struct class_op o = class_begin(h, k, &copy);
	struct class_hit hit = k.pow2 ? find_pow2(&o, need) : find_chunk(&o, need);
	struct mm_rec r;

	if (mm_unlikely(vaddr_none(hit.p)))
		return class_grow(h, k, need, req);
	r = chunk_rec(o.m, hit.p);
	take_hit(&o, hit, r);
	return grant_chunk(&o, hit.p, r, need);
}

/* The same out of line, so that the way of kept chunks stays short. */
static CLASSHEAP_APART struct grant class_take_apart(struct classheap *h, struct class_policy k,
						     msize_t need, const struct alloc_req *req)
{
	return class_take(h, k, need, req);
}

CLASSHEAP_INLINE struct grant class_malloc(struct classheap *h, struct class_policy k,
					   const struct alloc_req *req)
{
	struct mem copy = *h->base.m;
	struct class_op o = class_begin(h, k, &copy);
	msize_t need;
	vaddr_t p;

	if (mm_unlikely(req->size > h->max_size)) {
		mm_refuse(h->base.m, MM_REFUSE_LIMIT);
		return GRANT_NONE;
	}
	need = chunk_for(&o, req->size);
	if (mm_unlikely(req->align > h->gran))
		return class_memalign(h, k, need, req);
	if (!k.keep)
		return class_take(h, k, need, req);
	p = take_kept(&o, need);
	if (vaddr_none(p))
		return class_take_apart(h, k, need, req);
	mm_search(h->base.m, 0);
	return note_grant(&o, p, need - o.header, mm_row_at(h->base.m, p));
}

/* ---- free ---- */

CLASSHEAP_INLINE msize_t note_free(const struct class_op *o, vaddr_t p, msize_t granted)
{
	struct mem *m = o->h->base.m;

	set_control_live(o->c, control_live(o->c) - 1);
	mm_account(m, p, granted, MM_GRANTED, MM_CACHED);
	mm_event(m, MM_EV_CHUNK_FREE, p.v, granted, 0);
	return granted;
}

/* The chunk p with its tag becomes free at once. */
CLASSHEAP_INLINE msize_t class_release(struct classheap *h, struct class_policy k, vaddr_t p,
				       msize_t tag)
{
	struct mem copy = *h->base.m;
	struct class_op o = class_begin(h, k, &copy);

	if (mm_unlikely(!release_chunk(&o, p, chunk_rec(o.m, p), tag, mm_row_at(h->base.m, p))))
		return FREE_BAD;
	return note_free(&o, p, tag_size(tag) - o.header);
}

static CLASSHEAP_APART msize_t class_release_apart(struct classheap *h, struct class_policy k,
						   vaddr_t p, msize_t tag)
{
	return class_release(h, k, p, tag);
}

CLASSHEAP_INLINE msize_t class_free(struct classheap *h, struct class_policy k, vaddr_t p)
{
	struct mem copy = *h->base.m;
	struct class_op o = class_begin(h, k, &copy);
	struct mm_rec r = chunk_rec(o.m, p);
	msize_t tag = live_tag(&o, p, r);

	if (mm_unlikely(tag == 0))
		return FREE_BAD;
	if (!k.keep)
		return class_release(h, k, p, tag);
	if (tag_size(tag) >> h->gran_log2 >= h->keep_sizes)
		return class_release_apart(h, k, p, tag);
	note_free(&o, p, tag_size(tag) - o.header);
	if (mm_unlikely(keep_chunk(&o, p, r, tag) > h->keep_most))
		class_coalesce(h, k);
	return tag_size(tag) - o.header;
}

/* ---- resize ---- */

/*
 * The live chunk p (its tag) has `all` bytes up to the next live chunk, of which
 * it keeps `need`; the rest, when it is a chunk at all, is free:
 *   [ p ][ next, free ]  =>  [ need, live ][ rest, free ]
 */
static inline msize_t set_live_size(const struct class_op *o, vaddr_t p, msize_t tag, msize_t all,
				    msize_t need)
{
	msize_t got = all - need < o->h->min_chunk ? all : need;
	vaddr_t end = chunk_after(p, all), rest = chunk_after(p, got);
	msize_t etag = chunk_tag(o->m, end);

	set_chunk_tag(o->m, p, got | (tag & TAG_FLAGS));
	if (got == all) {
		set_chunk_tag(o->m, end, etag & ~TAG_PREV_FREE);
	} else {
		set_chunk_tag(o->m, end, etag | TAG_PREV_FREE);
		set_free_chunk(o, rest, all - got);
		account_header(o, mm_row_at(o->h->base.m, p));
	}
	return got;
}

static inline void account_resize(const struct class_op *o, vaddr_t p, msize_t was, msize_t is)
{
	struct mem *m = o->h->base.m;

	if (is > was)
		mm_account(m, chunk_after(p, was - o->header), is - was, MM_CACHED, MM_GRANTED);
	else
		mm_account(m, chunk_after(p, is - o->header), was - is, MM_GRANTED, MM_CACHED);
	mm_event(m, is > was ? MM_EV_CHUNK_GROW : MM_EV_CHUNK_SHRINK, p.v, is - o->header,
		 was - o->header);
}

CLASSHEAP_INLINE struct grant class_resize(struct classheap *h, struct class_policy k, vaddr_t p,
					   const struct alloc_req *req)
{
	struct mem copy = *h->base.m;
	struct class_op o = class_begin(h, k, &copy);
	struct mm_rec rnext;
	msize_t tag = live_tag(&o, p, chunk_rec(o.m, p)), size = tag_size(tag), all = size, ntag,
		need;

	if (tag == 0 || req->size > h->max_size ||
	    (req->align != 0 && (p.v & (req->align - 1)) != 0))
		return GRANT_NONE;
	need = chunk_for(&o, req->size);
	rnext = chunk_rec(o.m, chunk_after(p, size));
	ntag = rec_tag(rnext);
	if (!tag_live(ntag))
		all += tag_size(ntag);
	if (need > all)
		return GRANT_NONE;
	if (need == size || (tag_live(ntag) && size - need < h->min_chunk))
		return (struct grant){p, size - o.header};
	if (!tag_live(ntag))
		absorb_next(&o, p, size, rnext, mm_row_at(h->base.m, p));
	all = set_live_size(&o, p, tag, all, need);
	account_resize(&o, p, size, all);
	return (struct grant){p, all - o.header};
}

#endif
