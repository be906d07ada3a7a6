/*
 * buddy_heap: binary buddies without headers.
 *
 * A request gets a block of the least power of two, at least `min_block`, that
 * holds it.  A larger free block is split in halves until it fits; a freed block
 * merges with its buddy, the other half of the block both came from, while that is
 * free and whole.  A range of any size and base is laid out as the largest blocks
 * that begin at multiples of their size from its base on.
 *
 * Source: K. C. Knowlton, "A fast storage allocator", CACM 8(10), 1965; D. E. Knuth,
 * "The Art of Computer Programming" 1, 2.5.  The block's state lies in a map of 2
 * bits a unit instead of a header, so that a request for 2^k bytes costs 2^k.
 *
 * Cost: O(log n), no search.  Worst case: M (1 + log2 n) units are enough, with M and
 * n counted in powers of two: for a peak of M live units in requests of up to n, at
 * most 2 M (1 + ceil(log2 n)) (Robson 1974 for power-of-two first fit).
 *
 * Blocks are aligned to their size as far as the base is: no block of an arena begins
 * at a multiple of more than that, and memalign to more fails.
 *
 * Grown from pages: segments of equal, naturally aligned size, so that the address
 * of a block names its segment; what needs more is a block of pages of its own.
 *
 * Invariants, cited by buddy_heap_check:
 *   B1  the map divides the span into blocks of powers of two at multiples of their size
 *   B2  what is no head is zero in the map, and unit `end` is marked where it must be
 *   B3  no two free blocks are buddies
 *   B4  each free block is on the list of its order, and lists hold nothing else
 *   B5  bit k of `orders` is set when, and only when, list k is not empty
 *   B6  `live` counts the live blocks
 *   B7  segments and large blocks link both ways, and their pages' descriptors say so
 *
 * Rejected: a byte or a nibble a unit, which tells orders at once, but costs 6 or 3
 * per cent of the arena; a pair bit, which cannot tell the order of a live block.
 */
#include "alloc/buddy_heap.h"

#include "alloc/bulk.h"
#include "alloc/buddy_heap_layout.h"

/* One operation: the handle, a copy of its view for loads and stores, and the span. */
struct buddy_op {
	struct buddy_heap *h;
	const struct mem *m;
	struct buddy_span s;
};

static inline vaddr_t unit_address(const struct buddy_heap *h, const struct buddy_span *s,
				   msize_t u)
{
	return vaddr_add(s->origin, u << h->unit_log2);
}

static inline msize_t order_bytes(const struct buddy_heap *h, unsigned order)
{
	return (msize_t)1 << (order + h->unit_log2);
}

/* The least order whose block holds `size` bytes; size is at most max_size. */
static inline unsigned order_for(const struct buddy_heap *h, msize_t size)
{
	return size <= (msize_t)1 << h->unit_log2 ? 0 : msb(size - 1) + 1 - h->unit_log2;
}

/* ---- lists ---- */

static inline void pop_block(const struct buddy_op *o, unsigned order, vaddr_t p)
{
	vaddr_t next = block_next(o->m, p), c = o->h->control;

	set_order_head(o->m, c, order, next);
	if (vaddr_none(next))
		set_order_bits(o->m, c, order_bits(o->m, c) & ~((msize_t)1 << order));
}

static inline void unlink_block(const struct buddy_op *o, unsigned order, vaddr_t p)
{
	vaddr_t next, prev;

	if (vaddr_eq(order_head(o->m, o->h->control, order), p)) {
		pop_block(o, order, p);
		return;
	}
	next = block_next(o->m, p);
	prev = block_prev(o->m, p);
	set_block_next(o->m, prev, next);
	if (!vaddr_none(next))
		set_block_prev(o->m, next, prev);
}

static inline void push_block(const struct buddy_op *o, unsigned order, vaddr_t p)
{
	vaddr_t c = o->h->control, head = order_head(o->m, c, order);

	set_block_next(o->m, p, head);
	set_order_head(o->m, c, order, p);
	if (vaddr_none(head))
		set_order_bits(o->m, c, order_bits(o->m, c) | (msize_t)1 << order);
	else
		set_block_prev(o->m, head, p);
}

/* ---- splitting and merging ---- */

/* The block of 2^order units at u becomes free: its head and its list. */
static inline void add_free(const struct buddy_op *o, msize_t u, unsigned order)
{
	set_head(o->m, o->s.map, u, order, false);
	push_block(o, order, unit_address(o->h, &o->s, u));
}

/*
 * Makes the block of order `has` at unit u, on no list, live with order `needs`; the
 * units from `at` on are what is wanted:
 *   [ .......... has .......... ]  =>  [ free ][ needs, live ][ free ][ ... free ... ]
 * With at == u the live block is the lower end.
 */
static inline void split_block(const struct buddy_op *o, msize_t u, unsigned has, msize_t at,
			       unsigned needs)
{
	if (has != needs)
		clear_head(o->m, o->s.map, u, has);
	while (has > needs) {
		msize_t half = (msize_t)1 << --has;
		bool upper = at >= u + half;

		add_free(o, upper ? u : u + half, has);
		mm_event(o->h->base.m, MM_EV_CHUNK_SPLIT, unit_address(o->h, &o->s, u).v,
			 order_bytes(o->h, has), order_bytes(o->h, has));
		u = upper ? u + half : u;
	}
	set_head(o->m, o->s.map, u, needs, true);
}

/* Whether unit u heads a free block of exactly this order. */
static inline bool is_free_block(const struct buddy_op *o, msize_t u, unsigned order)
{
	uint32_t word;

	if (u >= o->s.end)
		return false;
	word = map_word(o->m, o->s.map, u);
	if (order >= WORD_UNITS_LOG2)
		return word == big_word(order, false);
	return (word >> unit_shift(u) & ((UINT32_C(1) << (2u << order)) - 1)) == UNIT_FREE;
}

/*
 * The block of `order` at u, on no list and without a head, becomes free, merged
 * with its buddy while that is free and whole.
 */
static inline void merge_block(const struct buddy_op *o, msize_t u, unsigned order)
{
	while (order + 1 < o->h->nr_orders) {
		msize_t buddy = u ^ (msize_t)1 << order;

		if (!is_free_block(o, buddy, order))
			break;
		unlink_block(o, order, unit_address(o->h, &o->s, buddy));
		clear_head(o->m, o->s.map, buddy, order);
		u &= ~((msize_t)1 << order);
		order++;
		mm_event(o->h->base.m, MM_EV_CHUNK_MERGE, unit_address(o->h, &o->s, u).v,
			 order_bytes(o->h, order), unit_address(o->h, &o->s, buddy).v);
	}
	add_free(o, u, order);
}

/* ---- finding a live block by its address ---- */

/* Sets the span p lies in; false: it lies in none of this heap. */
static inline bool find_span(struct buddy_op *o, vaddr_t p)
{
	if (mm_likely(o->h->pages == NULL)) {
		o->s = o->h->span;
		return true;
	}
	return buddy_heap_segment_of(o->h, p, &o->s);
}

/* The order of the live block p, whose unit is *u, or -1: p heads none. */
static inline int live_order(struct buddy_op *o, vaddr_t p, msize_t *u)
{
	msize_t off;

	if (!find_span(o, p))
		return -1;
	off = p.v - o->s.origin.v;
	*u = off >> o->h->unit_log2;
	if (mm_unlikely(p.v < o->s.origin.v || *u < o->s.first || *u >= o->s.end ||
			(off & (((msize_t)1 << o->h->unit_log2) - 1)) != 0))
		return -1;
	return head_order(map_word(o->m, o->s.map, *u), *u, true);
}

/* One live block more or less in a segment of pages; those it has now. */
static msize_t count_in_segment(const struct buddy_op *o, bool born)
{
	msize_t live = segment_live(o->m, o->s.base);

	live = born ? live + 1 : live - 1;
	set_segment_live(o->m, o->s.base, live);
	return live;
}

/* ---- malloc ---- */

/*
 * Order of a block that surely holds one of order k at a multiple of `align`, or -1.
 * Blocks lie at multiples of their size from the origin: an origin that is not so
 * aligned itself asks for room to move.
 */
static int aligned_order(const struct buddy_heap *h, msize_t align, unsigned k)
{
	msize_t bytes = order_bytes(h, k), least = bytes < align ? bytes : align;

	if (h->pages == NULL && (h->span.origin.v & (least - 1)) != 0)
		return -1;
	if (bytes >= align)
		return (int)k;
	if (align > h->max_size)
		return -1;
	if (h->pages != NULL || (h->span.origin.v & (align - 1)) == 0)
		return (int)order_for(h, align);
	return (int)order_for(h, 2 * align);
}

/* Takes the block p of order `has` off its list for a request of order k. */
static struct grant grant_block(struct buddy_op *o, vaddr_t p, unsigned has, unsigned k,
				msize_t align)
{
	struct buddy_heap *h = o->h;
	struct mem *m = h->base.m;
	vaddr_t q = {align > 1 ? round_up(p.v, align) : p.v};

	if (!find_span(o, p))
		mm_bug(m, "a list holds a block of no segment", p);
	pop_block(o, has, p);
	split_block(o, vaddr_diff(p, o->s.origin) >> h->unit_log2, has,
		    vaddr_diff(q, o->s.origin) >> h->unit_log2, k);
	set_live_blocks(o->m, h->control, live_blocks(o->m, h->control) + 1);
	if (mm_unlikely(h->pages != NULL))
		count_in_segment(o, true);
	mm_account(m, q, order_bytes(h, k), MM_CACHED, MM_GRANTED);
	mm_event(m, MM_EV_CHUNK_TAKE, q.v, order_bytes(h, k), k);
	return (struct grant){q, order_bytes(h, k)};
}

/* In a segment: k is an order, `from` the order to look for first. */
static inline struct grant take_block(struct buddy_heap *h, unsigned from, unsigned k,
				      msize_t align)
{
	struct mem copy = *h->base.m;
	struct buddy_op o = {.h = h, .m = &copy};
	msize_t bits;

	mm_search(h->base.m, 0);
	if (mm_unlikely(from >= h->nr_orders))
		return GRANT_NONE;
	bits = order_bits(o.m, h->control) >> from;
	if (mm_unlikely(bits == 0))
		return GRANT_NONE;
	from += lsb(bits);
	return grant_block(&o, order_head(o.m, h->control, from), from, k, align);
}

struct grant buddy_heap_malloc(struct buddy_heap *h, const struct alloc_req *req)
{
	unsigned k, from;
	int aligned;
	struct grant g;

	if (mm_unlikely(req->size > h->max_size)) {
		mm_refuse(h->base.m, MM_REFUSE_LIMIT);
		return GRANT_NONE;
	}
	k = from = order_for(h, req->size);
	if (mm_unlikely(req->align > (msize_t)1 << h->unit_log2)) {
		aligned = aligned_order(h, req->align, k);
		if (aligned < 0)
			return GRANT_NONE;
		from = (unsigned)aligned;
	}
	if (mm_unlikely(h->pages != NULL && from > h->seg_max))
		return buddy_heap_large(h, req);
	g = take_block(h, from, k, req->align);
	if (mm_unlikely(g.bytes == 0 && h->pages != NULL) && buddy_heap_add_segment(h, req))
		g = take_block(h, from, k, req->align);
	return g;
}

/* ---- free and resize ---- */

msize_t buddy_heap_free(struct buddy_heap *h, vaddr_t p)
{
	struct mem copy = *h->base.m, *m = h->base.m;
	struct buddy_op o = {.h = h, .m = &copy};
	msize_t u = 0, bytes;
	int order = live_order(&o, p, &u);

	if (mm_unlikely(order < 0))
		return h->pages == NULL ? FREE_BAD : buddy_heap_free_large(h, p);
	bytes = order_bytes(h, (unsigned)order);
	clear_head(o.m, o.s.map, u, (unsigned)order);
	set_live_blocks(o.m, h->control, live_blocks(o.m, h->control) - 1);
	mm_account(m, p, bytes, MM_GRANTED, MM_CACHED);
	mm_event(m, MM_EV_CHUNK_FREE, p.v, bytes, (unsigned)order);
	merge_block(&o, u, (unsigned)order);
	if (mm_unlikely(h->pages != NULL) && count_in_segment(&o, false) == 0)
		buddy_heap_drop_segment(h, &o.s);
	return bytes;
}

/* Whether the free buddies above the block of order k at u make it one of order `wanted`. */
static bool can_extend(const struct buddy_op *o, msize_t u, unsigned k, unsigned wanted)
{
	for (; k < wanted; k++)
		if ((u >> k & 1) != 0 || !is_free_block(o, u + ((msize_t)1 << k), k))
			return false;
	return true;
}

static void extend_block(const struct buddy_op *o, msize_t u, unsigned k, unsigned wanted)
{
	clear_head(o->m, o->s.map, u, k);
	for (; k < wanted; k++) {
		msize_t buddy = u + ((msize_t)1 << k);

		unlink_block(o, k, unit_address(o->h, &o->s, buddy));
		clear_head(o->m, o->s.map, buddy, k);
	}
	set_head(o->m, o->s.map, u, wanted, true);
}

struct grant buddy_heap_resize(struct buddy_heap *h, vaddr_t p, const struct alloc_req *req)
{
	struct mem copy = *h->base.m, *m = h->base.m;
	struct buddy_op o = {.h = h, .m = &copy};
	msize_t u = 0, was, is;
	int has = live_order(&o, p, &u);
	unsigned k = req->size > h->max_size ? h->nr_orders : order_for(h, req->size);

	if (has < 0 && h->pages != NULL)
		return buddy_heap_resize_large(h, p, req);
	if (has < 0 || k >= h->nr_orders || (req->align != 0 && (p.v & (req->align - 1)) != 0))
		return GRANT_NONE;
	was = order_bytes(h, (unsigned)has);
	is = order_bytes(h, k);
	if (k > (unsigned)has) {
		if (!can_extend(&o, u, (unsigned)has, k))
			return GRANT_NONE;
		extend_block(&o, u, (unsigned)has, k);
		mm_account(m, vaddr_add(p, was), is - was, MM_CACHED, MM_GRANTED);
		mm_event(m, MM_EV_CHUNK_GROW, p.v, is, was);
	} else if (k < (unsigned)has) {
		split_block(&o, u, (unsigned)has, u, k);
		mm_account(m, vaddr_add(p, is), was - is, MM_GRANTED, MM_CACHED);
		mm_event(m, MM_EV_CHUNK_SHRINK, p.v, is, was);
	}
	return (struct grant){p, is};
}

/* ---- spans ---- */

msize_t buddy_heap_control_bytes(const struct buddy_heap *h)
{
	return CONTROL_HEADS + (msize_t)h->nr_orders * MM_WORD;
}

struct buddy_span buddy_heap_span(const struct buddy_heap *h, vaddr_t base, msize_t bytes,
				  bool first)
{
	msize_t unit = (msize_t)1 << h->unit_log2;
	struct buddy_span s = {.base = base, .limit = vaddr_add(base, bytes)};

	s.origin = (vaddr_t){round_up(base.v, unit)};
	s.map = vaddr_add(base, (h->pages != NULL ? SEGMENT_LINKS : 0) +
					(first ? buddy_heap_control_bytes(h) : 0));
	s.end = s.limit.v < s.origin.v ? 0 : vaddr_diff(s.limit, s.origin) >> h->unit_log2;
	s.first = round_up(buddy_heap_map_end(&s).v - s.origin.v, unit) >> h->unit_log2;
	return s;
}

/* The order of the largest block that begins at unit u of a span with everything free. */
static unsigned fresh_order(const struct buddy_heap *h, const struct buddy_span *s, msize_t u)
{
	unsigned fits = msb(s->end - u), at = lsb(u);

	at = at < fits ? at : fits;
	return at < h->nr_orders ? at : h->nr_orders - 1;
}

int buddy_heap_span_order(const struct buddy_heap *h, const struct buddy_span *s)
{
	int most = -1;

	for (msize_t u = s->first; u < s->end; u += (msize_t)1 << fresh_order(h, s, u))
		if ((int)fresh_order(h, s, u) > most)
			most = (int)fresh_order(h, s, u);
	return most;
}

void buddy_heap_format(struct buddy_heap *h, const struct buddy_span *s)
{
	struct buddy_op o = {h, h->base.m, *s};
	msize_t head = vaddr_diff(buddy_heap_map_end(s), s->base);
	msize_t whole = vaddr_diff(s->limit, s->base);

	mm_account(h->base.m, s->base, head, MM_CACHED, MM_METADATA);
	mm_account(h->base.m, s->base, whole - head - ((s->end - s->first) << h->unit_log2),
		   MM_CACHED, MM_SLACK);
	mem_zero(o.m, s->map, vaddr_diff(buddy_heap_map_end(s), s->map));
	if ((s->end & (WORD_UNITS - 1)) != 0)
		set_map_word(o.m, s->map, s->end, UNIT_LIVE << unit_shift(s->end));
	for (msize_t u = s->first; u < s->end; u += (msize_t)1 << fresh_order(h, s, u))
		add_free(&o, u, fresh_order(h, s, u));
}

void buddy_heap_unformat(struct buddy_heap *h, const struct buddy_span *s)
{
	struct buddy_op o = {h, h->base.m, *s};
	msize_t head = vaddr_diff(buddy_heap_map_end(s), s->base);
	msize_t whole = vaddr_diff(s->limit, s->base);

	mm_account(h->base.m, s->base, head, MM_METADATA, MM_CACHED);
	mm_account(h->base.m, s->base, whole - head - ((s->end - s->first) << h->unit_log2),
		   MM_SLACK, MM_CACHED);
	for (msize_t u = s->first; u < s->end; u += (msize_t)1 << fresh_order(h, s, u))
		unlink_block(&o, fresh_order(h, s, u), unit_address(h, s, u));
}

/* ---- the facets: thin adapters ---- */

enum { PARAM_MIN_BLOCK, PARAM_GROW };

static const struct alloc_param params[] = {
	[PARAM_MIN_BLOCK] = {"min_block", PARAM_BYTES, 0, 0, KiB(64), NULL,
			     "least block, bytes, a power of two; 0: two words"},
	[PARAM_GROW] = {"grow", PARAM_BYTES, KiB(16), 0, GiB(1), NULL,
			"bytes of a segment, when grown from pages"},
	{0},
};

/* What can be known without the arena's place: units, lists, segments. */
static int set_geometry(struct buddy_heap *h, const struct alloc_env *env)
{
	msize_t unit = env->params[PARAM_MIN_BLOCK].u, span = env->arena.bytes;
	msize_t least = env->align > 2 * MM_WORD ? env->align : 2 * MM_WORD;

	if (unit != 0 && !is_pow2(unit))
		return MM_EINVAL;
	h->unit_log2 = msb(unit > least ? unit : least);
	h->pages = span != 0 ? NULL : env->pages;
	if (span == 0 && env->pages == NULL)
		return MM_EINVAL;
	if (h->pages != NULL) {
		struct alloc *pages = h->pages->pages;
		unsigned max = pages->ops->pages->max_order(pages);

		h->seg_order = pages_order(h->pages, env->params[PARAM_GROW].u);
		h->seg_order = h->seg_order < max ? h->seg_order : max;
		span = (msize_t)1 << (h->seg_order + h->pages->page_shift);
	}
	h->nr_orders = span >> h->unit_log2 == 0 ? 1 : msb(span >> h->unit_log2) + 1;
	return 0;
}

static int place(struct buddy_heap *h, vaddr_t base, msize_t bytes)
{
	int most;

	h->base.root = base;
	h->span = buddy_heap_span(h, base, bytes, true);
	h->control = vaddr_add(base, h->pages != NULL ? SEGMENT_LINKS : 0);
	if (h->span.end <= h->span.first)
		return MM_ENOMEM;
	most = buddy_heap_span_order(h, &h->span);
	h->max_size = order_bytes(h, (unsigned)most);
	if (h->pages != NULL) {
		struct buddy_span other = buddy_heap_span(h, base, bytes, false);
		struct alloc *pages = h->pages->pages;

		h->seg_max = (unsigned)buddy_heap_span_order(h, &other);
		h->max_size = (msize_t)1
			      << (pages->ops->pages->max_order(pages) + h->pages->page_shift);
	}
	return 0;
}

static int buddy_heap_attach(struct alloc *a, const struct alloc_env *env)
{
	struct buddy_heap *h = (struct buddy_heap *)a;
	int err;

	alloc_base(a, &buddy_heap_ops, env);
	err = set_geometry(h, env);
	if (err != 0)
		return err;
	if (h->pages == NULL)
		return place(h, env->arena.base, env->arena.bytes);
	return place(h, env->root, (msize_t)1 << (h->seg_order + h->pages->page_shift));
}

static int buddy_heap_init(struct alloc *a, const struct alloc_env *env)
{
	struct buddy_heap *h = (struct buddy_heap *)a;
	struct mm_range r = env->arena;
	int err;

	alloc_base(a, &buddy_heap_ops, env);
	err = set_geometry(h, env);
	if (err == 0 && h->pages != NULL)
		err = buddy_heap_first_pages(h, &r);
	if (err == 0)
		err = place(h, r.base, r.bytes);
	if (err != 0)
		return err;
	set_live_blocks(a->m, h->control, 0);
	set_order_bits(a->m, h->control, 0);
	set_large_head(a->m, h->control, PFN_NONE);
	clear_large_pad(a->m, h->control);
	for (unsigned k = 0; k < h->nr_orders; k++)
		set_order_head(a->m, h->control, k, VADDR_NONE);
	buddy_heap_format(h, &h->span);
	if (h->pages != NULL)
		buddy_heap_link_first(h);
	return 0;
}

struct walker {
	const struct buddy_heap *h;
	walk_fn *fn;
	void *ctx;
};

static void say(const struct walker *w, vaddr_t base, msize_t bytes, enum mm_class class,
		const char *what, uint64_t detail)
{
	if (bytes != 0)
		w->fn(w->ctx, &(struct walk_span){base, bytes, class, what, detail});
}

static void walk_span(const struct walker *w, const struct buddy_span *s)
{
	const struct buddy_heap *h = w->h;
	vaddr_t map_end = buddy_heap_map_end(s), at = unit_address(h, s, s->first);

	say(w, s->base, vaddr_diff(s->map, s->base), MM_METADATA, "heap control", 0);
	say(w, s->map, vaddr_diff(map_end, s->map), MM_METADATA, "map of blocks", 0);
	say(w, map_end, vaddr_diff(at, map_end), MM_SLACK, "padding", 0);
	for (msize_t u = s->first; u < s->end;) {
		uint32_t word = map_word(h->base.m, s->map, u);
		int live = head_order(word, u, true);
		int order = live >= 0 ? live : head_order(word, u, false);

		if (order < 0)
			return; /* a corrupt map: check says so */
		say(w, unit_address(h, s, u), order_bytes(h, (unsigned)order),
		    live >= 0 ? MM_GRANTED : MM_CACHED, live >= 0 ? "block" : "free block",
		    (uint64_t)order);
		u += (msize_t)1 << order;
	}
	at = unit_address(h, s, s->end);
	say(w, at, vaddr_diff(s->limit, at), MM_SLACK, "padding", 0);
}

static void buddy_heap_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct buddy_heap *h = (const struct buddy_heap *)a;
	struct walker w = {h, fn, ctx};
	msize_t bytes = vaddr_diff(h->span.limit, h->span.base);

	walk_span(&w, &h->span);
	if (h->pages == NULL)
		return;
	for (vaddr_t s = segment_next(a->m, a->root); !vaddr_none(s); s = segment_next(a->m, s)) {
		struct buddy_span span = buddy_heap_span(h, s, bytes, false);

		walk_span(&w, &span);
	}
	buddy_heap_walk_large(h, fn, ctx);
}

static struct grant buddy_heap_op_malloc(struct alloc *a, const struct alloc_req *req)
{
	return buddy_heap_malloc((struct buddy_heap *)a, req);
}

static msize_t buddy_heap_op_free(struct alloc *a, vaddr_t p)
{
	return buddy_heap_free((struct buddy_heap *)a, p);
}

static struct grant buddy_heap_op_resize(struct alloc *a, vaddr_t p, const struct alloc_req *req)
{
	return buddy_heap_resize((struct buddy_heap *)a, p, req);
}

static msize_t buddy_heap_op_usable(const struct alloc *a, vaddr_t p)
{
	const struct buddy_heap *h = (const struct buddy_heap *)a;
	struct buddy_span s = h->span;
	msize_t u;

	if (h->pages != NULL && !buddy_heap_segment_of(h, p, &s))
		return buddy_heap_large_bytes(h, p);
	u = vaddr_diff(p, s.origin) >> h->unit_log2;
	return order_bytes(h, (unsigned)head_order(map_word(a->m, s.map, u), u, true));
}

static msize_t buddy_heap_op_largest(const struct alloc *a)
{
	return ((const struct buddy_heap *)a)->max_size;
}

static const struct bytes_ops buddy_heap_bytes = {
	.malloc = buddy_heap_op_malloc,
	.free = buddy_heap_op_free,
	.resize = buddy_heap_op_resize,
	.usable = buddy_heap_op_usable,
	.largest_request = buddy_heap_op_largest,
	.bulk = bulk_ordinary,
};

const struct alloc_ops buddy_heap_ops = {
	.name = "buddy_heap",
	.summary = "binary buddies without headers: state in a map of 2 bits a unit",
	.unit = "block",
	.serves = SERVES_BYTES,
	.params = params,
	.handle_bytes = sizeof(struct buddy_heap),
	.arena_align = KiB(4), /* as far as memalign is likely to ask */
	.init = buddy_heap_init,
	.attach = buddy_heap_attach,
	.walk = buddy_heap_walk,
	.check = buddy_heap_check,
	.bytes = &buddy_heap_bytes,
};
