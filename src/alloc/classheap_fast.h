/*
 * classheap: malloc and free, instantiated by each kind with its policy.
 *
 * Algorithm.  malloc rounds the request to a chunk size, takes the head of the
 * first list not below that size's class that surely fits (two bitmap look-ups),
 * and splits it; the rest goes to the list of its class.  free merges with both
 * neighbours, found by the tags, and pushes the result on the list of its class.
 * No operation walks anything, but for the `tries` chunks a searching policy may
 * look at.
 *
 * What makes it fast, and changes no decision:
 *   - a chunk and what follows it are records, translated once;
 *   - a chunk that is cut or merged and stays at the head of the list it was on takes
 *     its old place, where pop and push would come to the same;
 *   - a word that is read first, and not zero, is stored to without marking its frame;
 *     that it is what it must be, a tag, a footer, a link, is checked instead.
 */
#ifndef ALLOC_CLASSHEAP_FAST_H
#define ALLOC_CLASSHEAP_FAST_H

#include "alloc/classheap.h"
#include "alloc/classheap_layout.h"

#define CLASSHEAP_INLINE static inline __attribute__((always_inline))
#define CLASSHEAP_APART  __attribute__((noinline))

/* One operation's heap: the handle, its constant policy, its view. */
struct class_op {
	struct classheap *h;
	struct class_policy k;
	struct mem *m;
	const struct mem *v; /* translates and marks: m, or a copy that no store can change */
	struct mm_rec c; /* the control */
	struct class_shape s;
	msize_t header; /* bytes before a payload */
	bool quiet; /* an arena's, and nobody listens */
};

CLASSHEAP_INLINE struct class_op class_begin(struct classheap *h, struct class_policy k)
{
	return (struct class_op){
		h, k, h->base.m, h->base.m, h->control, h->shape, k.header_words * MM_WORD, false};
}

CLASSHEAP_INLINE void note_event(const struct class_op *o, enum mm_ev ev, uint64_t a, uint64_t b,
				 uint64_t c)
{
	if (o->quiet)
		mm_count(o->m, ev, 1);
	else
		mm_event(o->m, ev, a, b, c);
}

/* ---- classes ---- */

/* With one class to a power of two there is one row: 31 classes are 2^31 granules and more. */
CLASSHEAP_INLINE bool one_row(const struct class_op *o)
{
	return o->k.split_log2 == 0;
}

CLASSHEAP_INLINE unsigned op_class(const struct class_op *o, msize_t size)
{
	return class_of(&o->s, size);
}

/* Are a chunk of `class`, of `size` bytes, and one of `other`, which is less, of one class? */
CLASSHEAP_INLINE bool same_class(const struct class_op *o, unsigned class, msize_t size,
				 msize_t other)
{
	unsigned width_log2 = o->s.gran_log2 - 1 + (class >> o->k.split_log2);

	return ((size - o->s.bias) ^ (other - o->s.bias)) >> width_log2 == 0;
}

/* ---- lists ---- */

CLASSHEAP_INLINE vaddr_t op_head(const struct class_op *o, unsigned class)
{
	return list_head(o->c, o->h->heads, class);
}

CLASSHEAP_INLINE void set_op_head(const struct class_op *o, unsigned class, vaddr_t p)
{
	set_list_head(o->c, o->h->heads, class, p);
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

	set_op_head(o, class, next);
	if (vaddr_none(next))
		clear_class(o, class);
}

/* r is p's record. */
CLASSHEAP_INLINE void unlink_chunk(const struct class_op *o, unsigned class, vaddr_t p,
				   struct mm_rec r)
{
	vaddr_t next, prev;

	if (vaddr_eq(op_head(o, class), p)) {
		pop_chunk(o, class, r);
		return;
	}
	next = rec_next(r);
	prev = rec_prev(r);
	if (mm_unlikely(!relink_next(o->v, prev, p, next) ||
			(!vaddr_none(next) && !relink_prev(o->v, next, p, prev))))
		mm_bug(o->m, "a listed chunk's neighbours do not name it", p);
}

/* r is p's record, marked. */
CLASSHEAP_INLINE void push_chunk(const struct class_op *o, unsigned class, vaddr_t p,
				 struct mm_rec r)
{
	vaddr_t head = op_head(o, class);

	set_rec_next(r, head);
	set_op_head(o, class, p);
	if (vaddr_none(head))
		mark_class(o, class);
	else
		set_link_prev(o->v, head, p);
}

/* The list's head `was` (record rwas) is p (record r) from now on: as a pop and a push. */
CLASSHEAP_INLINE void replace_head(const struct class_op *o, unsigned class, vaddr_t was,
				   struct mm_rec rwas, vaddr_t p, struct mm_rec r)
{
	vaddr_t next = rec_next(rwas);

	set_rec_next(r, next);
	set_op_head(o, class, p);
	if (mm_unlikely(!vaddr_none(next) && !relink_prev(o->v, next, was, p)))
		mm_bug(o->m, "the chunk behind a list's head does not name it", was);
}

/* ---- accounts ---- */

/* The row of chunk p. */
CLASSHEAP_INLINE struct mm_row *op_row(const struct class_op *o, vaddr_t p)
{
	return mm_row_at(o->m, vaddr_sub(p, MM_WORD));
}

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

CLASSHEAP_INLINE struct grant note_grant(const struct class_op *o, vaddr_t p, msize_t got,
					 struct mm_row *row)
{
	set_control_live(o->c, control_live(o->c) + 1);
	mm_row_move(row, got, MM_CACHED, MM_GRANTED);
	mm_event(o->m, MM_EV_CHUNK_TAKE, p.v, got, 0);
	return (struct grant){p, got};
}

CLASSHEAP_INLINE msize_t note_free(const struct class_op *o, vaddr_t p, msize_t granted,
				   struct mm_row *row)
{
	set_control_live(o->c, control_live(o->c) - 1);
	mm_row_move(row, granted, MM_GRANTED, MM_CACHED);
	mm_event(o->m, MM_EV_CHUNK_FREE, p.v, granted, 0);
	return granted;
}

/* ---- search ---- */

/* A request as the lists see it: the chunk's bytes, and the first class that surely has one. */
struct class_need {
	msize_t bytes;
	unsigned class;
};

struct class_hit {
	vaddr_t p; /* the head of its class's list; VADDR_NONE: nothing fits */
	unsigned class;
};

/* The chunk size for a request of `size` <= max_size bytes. */
CLASSHEAP_INLINE msize_t chunk_for(const struct class_op *o, msize_t size)
{
	msize_t need;

	if (o->k.pow2)
		return roundup_pow2(size + o->header <= o->s.gran ? o->s.gran : size + o->header);
	need = round_up(size + o->header, o->s.gran);
	return need < o->s.min_chunk ? o->s.min_chunk : need;
}

/* The least class that has no chunk smaller than `bytes`. */
CLASSHEAP_INLINE struct class_need need_of(const struct class_op *o, msize_t bytes)
{
	msize_t key = bytes - o->s.bias;

	if (mm_likely(key < o->s.linear))
		return (struct class_need){bytes, (unsigned)(key >> o->s.gran_log2)};
	return (struct class_need){bytes, 1 + wide_class(&o->s, key - o->s.gran)};
}

/* The head of the first list from `class` on. */
CLASSHEAP_INLINE struct class_hit first_from(const struct class_op *o, unsigned class)
{
	unsigned row = one_row(o) ? 0 : class >> 5;
	uint32_t map = row_map(o->c, row) & (UINT32_MAX << (class & 31));

	if (map == 0) {
		uint32_t top = one_row(o) ? 0 : top_map(o->c) & (UINT32_C(0xfffffffe) << row);

		if (mm_unlikely(top == 0))
			return (struct class_hit){VADDR_NONE, 0};
		row = lsb(top);
		map = row_map(o->c, row);
	}
	class = row * 32 + lsb(map);
	return (struct class_hit){op_head(o, class), class};
}

/* The first of `tries` chunks of `class` that holds `need`; counts what it looked at. */
CLASSHEAP_INLINE vaddr_t search_class(const struct class_op *o, unsigned class, msize_t need,
				      unsigned *steps)
{
	vaddr_t p = op_head(o, class);

	while (!vaddr_none(p) && *steps < o->h->tries) {
		struct mm_rec r = chunk_rec(o->v, p);

		++*steps;
		if (tag_size(rec_tag(r)) >= need)
			return p;
		p = rec_next(r);
	}
	return VADDR_NONE;
}

/*
 * A free chunk of at least `need` bytes: with a searching policy also one of the class
 * that holds smaller ones too, at any place on its list.
 */
CLASSHEAP_INLINE struct class_hit find_chunk(const struct class_op *o, msize_t need)
{
	struct class_need n = need_of(o, need);
	unsigned own = op_class(o, need), steps = 0;
	struct class_hit hit = {VADDR_NONE, own};

	if (o->k.search && own != n.class)
		hit.p = search_class(o, own, need, &steps);
	if (vaddr_none(hit.p))
		hit = first_from(o, n.class);
	mm_search(o->m, steps);
	return hit;
}

/* ---- malloc ---- */

/* The footer of a free chunk of `was` bytes is one of `is` from now on. */
CLASSHEAP_INLINE void renew_footer(const struct class_op *o, struct mm_rec f, msize_t was,
				   msize_t is)
{
	if (mm_unlikely(rec_footer(f) != was))
		mm_bug(o->m, "a free chunk's footer is not its size", VADDR_NONE);
	set_rec_footer(f, is);
}

/* Bytes that a listed chunk p of `size` bytes has beyond `need`. */
CLASSHEAP_INLINE msize_t rest_of(const struct class_op *o, vaddr_t p, msize_t size, msize_t need)
{
	if (mm_unlikely(size < need))
		mm_bug(o->m, "a free chunk is smaller than those of its class", p);
	return size - need;
}

/* The free chunk of `size` bytes, on no list, record r, becomes live as a whole. */
CLASSHEAP_INLINE void grant_whole(const struct class_op *o, struct mm_rec r, msize_t size)
{
	struct mm_rec next = mem_rec_on(o->v, r, size);

	set_rec_tag(r, size | TAG_LIVE);
	set_rec_tag(next, rec_tag(next) & ~TAG_PREV_FREE);
}

/*
 * The free chunk p (record r, size) becomes live with `need` bytes; the rest is a free
 * chunk, on no list yet, whose record is returned:
 *   [ ------- size ------- ]  =>  [ need, live ][ rest, free ]
 */
CLASSHEAP_INLINE struct mm_rec cut_rest(const struct class_op *o, vaddr_t p, struct mm_rec r,
					msize_t size, msize_t need, struct mm_row *row)
{
	struct mm_rec s = rec_at(r, need);

	mark_chunk(o->v, s);
	set_rec_tag(r, need | TAG_LIVE);
	set_rec_tag(s, size - need);
	renew_footer(o, footer_rec(o->v, r, size, o->header), size, size - need);
	account_header(o, row);
	note_event(o, MM_EV_CHUNK_SPLIT, p.v, need, size - need);
	return s;
}

/*
 * The head of a list becomes live with `need` bytes, or all when the rest is no chunk;
 * bytes of the chunk.
 */
CLASSHEAP_INLINE msize_t take_head(const struct class_op *o, struct class_hit hit, msize_t need,
				   struct mm_row *row)
{
	struct mm_rec r = chunk_rec(o->v, hit.p), s;
	vaddr_t q = chunk_after(hit.p, need);
	msize_t size = rec_tag(r), rest = rest_of(o, hit.p, size, need);

	if (rest < o->s.min_chunk) {
		pop_chunk(o, hit.class, r);
		grant_whole(o, r, size);
		return size;
	}
	s = cut_rest(o, hit.p, r, size, need, row);
	if (same_class(o, hit.class, size, rest)) {
		replace_head(o, hit.class, hit.p, r, q, s);
	} else {
		pop_chunk(o, hit.class, r);
		push_chunk(o, op_class(o, rest), q, s);
	}
	return need;
}

/* The free chunk p, on no list, becomes live. */
CLASSHEAP_INLINE struct grant grant_chunk(const struct class_op *o, vaddr_t p, msize_t need)
{
	struct mm_rec r = chunk_rec(o->v, p), s;
	struct mm_row *row = op_row(o, p);
	msize_t size = tag_size(rec_tag(r)), rest = rest_of(o, p, size, need);

	if (rest < o->s.min_chunk) {
		grant_whole(o, r, size);
		return note_grant(o, p, size - o->header, row);
	}
	s = cut_rest(o, p, r, size, need, row);
	push_chunk(o, op_class(o, rest), chunk_after(p, need), s);
	return note_grant(o, p, need - o->header, row);
}

/* From the lists, else the slow way. */
CLASSHEAP_INLINE struct grant class_take(const struct class_op *o, struct class_need need,
					 const struct alloc_req *req)
{
	struct class_hit hit = first_from(o, need.class);
	struct mm_row *row;

	mm_search(o->m, 0);
	if (mm_unlikely(vaddr_none(hit.p)))
		return classheap_malloc_more(o->h, need.bytes, req);
	row = op_row(o, hit.p);
	return note_grant(o, hit.p, take_head(o, hit, need.bytes, row) - o->header, row);
}

/* Is a request none of the usual: too large, or aligned? */
CLASSHEAP_INLINE bool unusual_request(const struct class_op *o, const struct alloc_req *req)
{
	return mm_unlikely(req->size > o->h->max_size) || mm_unlikely(req->align > o->s.gran);
}

/* malloc of a kind that neither searches nor keeps. */
CLASSHEAP_INLINE struct grant class_malloc(struct classheap *h, struct class_policy k,
					   const struct alloc_req *req)
{
	struct class_op o = class_begin(h, k);

	if (unusual_request(&o, req))
		return classheap_malloc_unusual(h, req);
	return class_take(&o, need_of(&o, chunk_for(&o, req->size)), req);
}

/* ---- free ---- */

/* The tag of the live chunk at p, whose record is r, or 0: p is none as far as the tags tell. */
CLASSHEAP_INLINE msize_t live_tag(const struct class_op *o, vaddr_t p, struct mm_rec r)
{
	const struct classheap *h = o->h;
	msize_t low = h->low.v, high = h->high.v, tag, size;

	if (!o->quiet && mm_unlikely(h->pages != NULL)) {
		low = control_low(o->c) + SEGMENT_RECORD_BYTES;
		high = control_high(o->c);
	}
	if (mm_unlikely(p.v - low >= high - low || (p.v & (o->s.gran - 1)) != 0))
		return 0;
	tag = rec_tag(r);
	size = tag_size(tag);
	if (mm_unlikely(!tag_granted(tag) || size < o->s.min_chunk || size >= high - p.v ||
			(size & (o->s.gran - 1)) != 0))
		return 0;
	return tag;
}

/* The free chunk at `with` has become part of p's, which has `size` bytes now. */
CLASSHEAP_INLINE void note_merge(const struct class_op *o, vaddr_t p, msize_t size, vaddr_t with,
				 struct mm_row *row)
{
	unaccount_header(o, row);
	note_event(o, MM_EV_CHUNK_MERGE, p.v, size, with.v);
}

/* Where the free chunk `next` of `behind` bytes was, p (record r) of `size` bytes begins now. */
CLASSHEAP_INLINE void relist_lower(const struct class_op *o, vaddr_t next, struct mm_rec rnext,
				   msize_t behind, vaddr_t p, struct mm_rec r, msize_t size)
{
	unsigned class = op_class(o, behind);

	if (vaddr_eq(op_head(o, class), next) && same_class(o, class, size, behind)) {
		replace_head(o, class, next, rnext, p, r);
		return;
	}
	unlink_chunk(o, class, next, rnext);
	push_chunk(o, op_class(o, size), p, r);
}

/* The free chunk p (record r) of `before` bytes has grown to `size`. */
CLASSHEAP_INLINE void relist_grown(const struct class_op *o, vaddr_t p, struct mm_rec r,
				   msize_t before, msize_t size)
{
	unsigned class = op_class(o, before);

	if (vaddr_eq(op_head(o, class), p) && same_class(o, class, size, before))
		return;
	unlink_chunk(o, class, p, r);
	push_chunk(o, op_class(o, size), p, r);
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
	msize_t size = tag_size(tag), before = 0, behind = 0;
	struct mm_rec rnext = rec_at(r, size), rprev = r;
	vaddr_t next = chunk_after(p, size), prev = p;
	msize_t ntag = rec_tag(rnext);

	if (tag_prev_free(tag)) {
		before = footer_before(o->v, p, o->header);
		prev = vaddr_sub(p, before);
		rprev = chunk_rec(o->v, prev);
		if (mm_unlikely(rec_tag(rprev) != before))
			return false;
	}
	if (mm_unlikely(tag_prev_free(ntag) || ntag == 0))
		return false;
	if (tag_live(ntag)) {
		struct mm_rec f = footer_rec(o->v, r, size, o->header);

		set_rec_tag(rnext, ntag | TAG_PREV_FREE);
		mem_mark(o->v, f, 0);
		set_rec_footer(f, before + size);
	} else {
		behind = ntag;
		size += behind;
		note_merge(o, p, size, next, row);
		renew_footer(o, footer_rec(o->v, r, size, o->header), behind, before + size);
	}
	set_rec_tag(r, size);
	if (before != 0) {
		note_merge(o, prev, before + size, p, row);
		if (behind != 0)
			unlink_chunk(o, op_class(o, behind), next, rnext);
		relist_grown(o, prev, rprev, before, before + size);
		set_rec_tag(rprev, before + size);
	} else {
		mem_mark(o->v, r, 2 * MM_WORD);
		if (behind != 0)
			relist_lower(o, next, rnext, behind, p, r, size);
		else
			push_chunk(o, op_class(o, size), p, r);
	}
	if (!o->quiet && mm_unlikely(o->h->pages != NULL))
		classheap_drop(o->h, prev, before + size);
	return true;
}

/* The live chunk p with its tag becomes free at once. */
CLASSHEAP_INLINE msize_t class_release(const struct class_op *o, vaddr_t p, struct mm_rec r,
				       msize_t tag)
{
	struct mm_row *row = op_row(o, p);

	if (mm_unlikely(!release_chunk(o, p, r, tag, row)))
		return FREE_BAD;
	return note_free(o, p, tag_size(tag) - o->header, row);
}

/* free of a kind that does not keep. */
CLASSHEAP_INLINE msize_t class_free(struct classheap *h, struct class_policy k, vaddr_t p)
{
	struct class_op o = class_begin(h, k);
	struct mm_rec r = chunk_rec(o.m, p);
	msize_t tag = live_tag(&o, p, r);

	if (mm_unlikely(tag == 0))
		return FREE_BAD;
	return class_release(&o, p, r, tag);
}

#endif
