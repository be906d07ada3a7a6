/*
 * buddy_heap: the checker of invariants B1 to B7 of buddy_heap.c.  First the map of
 * each span, every free block against its list; then the lists, each entry against
 * the map; then the counts of both directions.
 */
#include "alloc/buddy_heap.h"
#include "alloc/buddy_heap_layout.h"

struct count {
	msize_t live, free, listed;
};

static vaddr_t address(const struct buddy_heap *h, const struct buddy_span *s, msize_t u)
{
	return vaddr_add(s->origin, u << h->unit_log2);
}

/* The span p lies in, in *s; false: in none, or not at a unit that blocks fill. */
static bool span_of(const struct buddy_heap *h, vaddr_t p, struct buddy_span *s)
{
	*s = h->span;
	if (h->pages != NULL && !buddy_heap_segment_of(h, p, s))
		return false;
	return p.v >= address(h, s, s->first).v && p.v < address(h, s, s->end).v &&
	       ((p.v - s->origin.v) & (((msize_t)1 << h->unit_log2) - 1)) == 0;
}

static bool is_free(const struct buddy_heap *h, const struct buddy_span *s, msize_t u, int order)
{
	return u >= s->first && u < s->end &&
	       head_order(map_word(h->base.m, s->map, u), u, false) == order;
}

/* B4, from the block: its neighbours on the list name it. */
static int check_listed(const struct buddy_heap *h, vaddr_t p, unsigned order,
			struct check_report *r)
{
	static const char *const b4 = "B4: each free block is on the list of its order";
	const struct mem *m = h->base.m;
	vaddr_t next = block_next(m, p), prev = block_prev(m, p);
	struct buddy_span s;

	if (!vaddr_none(next) && (!span_of(h, next, &s) || !vaddr_eq(block_prev(m, next), p)))
		return check_fail(r, b4, p, next.v, p.v);
	if (vaddr_eq(order_head(m, h->control, order), p))
		return 0;
	if (!span_of(h, prev, &s) || !vaddr_eq(block_next(m, prev), p))
		return check_fail(r, b4, p, prev.v, p.v);
	return 0;
}

/* B2 for the words of a block of 16 units or more but its first. */
static int check_inside(const struct buddy_heap *h, const struct buddy_span *s, msize_t u,
			unsigned order, struct check_report *r)
{
	msize_t end = u + ((msize_t)1 << order);

	for (u += WORD_UNITS; u < end; u += WORD_UNITS)
		if (map_word(h->base.m, s->map, u) != 0)
			return check_fail(r, "B2: the map is zero inside a block", address(h, s, u),
					  map_word(h->base.m, s->map, u), 0);
	return 0;
}

static int check_block(const struct buddy_heap *h, const struct buddy_span *s, msize_t u,
		       unsigned order, bool live, struct check_report *r)
{
	static const char *const b1 = "B1: blocks are powers of two at multiples of their size";
	msize_t units = (msize_t)1 << order;

	if (order >= h->nr_orders || (u & (units - 1)) != 0)
		return check_fail(r, b1, address(h, s, u), order, h->nr_orders);
	if (units > s->end - u)
		return check_fail(r, b1, address(h, s, u), units, s->end - u);
	if (order >= WORD_UNITS_LOG2 && check_inside(h, s, u, order, r) != 0)
		return MM_EINVAL;
	if (live)
		return 0;
	if (order + 1 < h->nr_orders && is_free(h, s, u ^ units, (int)order))
		return check_fail(r, "B3: no two free blocks are buddies", address(h, s, u), order,
				  0);
	return check_listed(h, address(h, s, u), order, r);
}

/* B2 for what lies before the first unit and from `end` on. */
static int check_margins(const struct buddy_heap *h, const struct buddy_span *s,
			 struct check_report *r)
{
	const struct mem *m = h->base.m;
	uint32_t word, mask = (UINT32_C(1) << unit_shift(s->first)) - 1;

	for (msize_t u = 0; u < round_down(s->first, WORD_UNITS); u += WORD_UNITS)
		if (map_word(m, s->map, u) != 0)
			return check_fail(r, "B2: the map is zero where no blocks are",
					  address(h, s, u), map_word(m, s->map, u), 0);
	word = map_word(m, s->map, s->first) & mask;
	if (word != 0)
		return check_fail(r, "B2: the map is zero where no blocks are", s->map, word, 0);
	if ((s->end & (WORD_UNITS - 1)) == 0)
		return 0;
	word = map_word(m, s->map, s->end) >> unit_shift(s->end);
	if (word != UNIT_LIVE)
		return check_fail(r, "B2: the end is marked", s->map, word, UNIT_LIVE);
	return 0;
}

static int check_span(const struct buddy_heap *h, const struct buddy_span *s, struct count *n,
		      struct check_report *r)
{
	msize_t before = n->live;

	if (check_margins(h, s, r) != 0)
		return MM_EINVAL;
	for (msize_t u = s->first; u < s->end;) {
		uint32_t word = map_word(h->base.m, s->map, u);
		int live = head_order(word, u, true);
		int order = live >= 0 ? live : head_order(word, u, false);

		if (order < 0 || order > 63)
			return check_fail(r, "B1: a block's head is where the last one ends",
					  address(h, s, u), word, 0);
		if (check_block(h, s, u, (unsigned)order, live >= 0, r) != 0)
			return MM_EINVAL;
		n->live += live >= 0;
		n->free += live < 0;
		u += (msize_t)1 << order;
	}
	if (h->pages != NULL && segment_live(h->base.m, s->base) != n->live - before)
		return check_fail(r, "B6: a segment counts its live blocks", s->base,
				  segment_live(h->base.m, s->base), n->live - before);
	return 0;
}

static int check_list(const struct buddy_heap *h, unsigned order, struct count *n,
		      struct check_report *r)
{
	static const char *const b4 = "B4: a list holds free blocks of its order only";
	const struct mem *m = h->base.m;
	vaddr_t p = order_head(m, h->control, order);
	bool bit = (order_bits(m, h->control) >> order & 1) != 0;

	if (bit == vaddr_none(p))
		return check_fail(r, "B5: an order's bit is set when its list is not empty",
				  h->control, bit, order);
	for (; !vaddr_none(p); p = block_next(m, p)) {
		struct buddy_span s;

		if (!span_of(h, p, &s) ||
		    !is_free(h, &s, vaddr_diff(p, s.origin) >> h->unit_log2, (int)order))
			return check_fail(r, b4, h->control, p.v, order);
		if (++n->listed > n->free)
			return check_fail(r, b4, p, n->listed, n->free);
	}
	return 0;
}

static int check_segments(const struct buddy_heap *h, struct count *n, struct check_report *r)
{
	static const char *const b7 = "B7: segments link both ways";
	const struct mem *m = h->base.m;
	vaddr_t prev = VADDR_NONE;

	for (vaddr_t at = h->base.root; !vaddr_none(at); at = segment_next(m, at)) {
		struct buddy_span s;

		if (!buddy_heap_segment_of(h, at, &s) || !vaddr_eq(s.base, at))
			return check_fail(r, b7, prev, at.v, 0);
		if (!vaddr_eq(segment_prev(m, at), prev))
			return check_fail(r, b7, at, segment_prev(m, at).v, prev.v);
		if (check_span(h, &s, n, r) != 0)
			return MM_EINVAL;
		prev = at;
	}
	return 0;
}

static int check_large(const struct buddy_heap *h, struct count *n, struct check_report *r)
{
	static const char *const b7 = "B7: large blocks link both ways";
	const struct mem *m = h->base.m;
	pfn_t prev = PFN_NONE;

	for (pfn_t at = large_head(m, h->control); !pfn_none(at); n->live++) {
		vaddr_t p = pfn_to_va(m, at, h->pages->page_shift);

		/* Addresses are masked into the window, so a page beyond it would pass for one in it. */
		if (!pfn_eq(va_to_pfn(m, p, h->pages->page_shift), at) ||
		    buddy_heap_large_bytes(h, p) == 0)
			return check_fail(r, b7, h->control, p.v, 0);
		if (!pfn_eq(page_prev(m, buddy_heap_desc(h, p)), prev))
			return check_fail(r, b7, p, page_prev(m, buddy_heap_desc(h, p)).v, prev.v);
		prev = at;
		at = page_next(m, buddy_heap_desc(h, p));
	}
	return 0;
}

static int check_control(const struct buddy_heap *h, const struct count *n, struct check_report *r)
{
	const struct mem *m = h->base.m;

	if (n->listed != n->free)
		return check_fail(r, "B4: the lists hold every free block", h->control, n->listed,
				  n->free);
	if ((order_bits(m, h->control) >> (h->nr_orders - 1) >> 1) != 0)
		return check_fail(r, "B5: no bit beyond the orders", h->control,
				  order_bits(m, h->control), h->nr_orders);
	if (live_blocks(m, h->control) != n->live)
		return check_fail(r, "B6: live counts the live blocks", h->control,
				  live_blocks(m, h->control), n->live);
	if (large_pad(m, h->control) != 0 ||
	    (h->pages == NULL && !pfn_none(large_head(m, h->control))))
		return check_fail(r, "B7: no large blocks in an arena", h->control,
				  large_head(m, h->control).v, UINT32_MAX);
	return 0;
}

int buddy_heap_check(const struct alloc *a, struct check_report *r)
{
	const struct buddy_heap *h = (const struct buddy_heap *)a;
	struct count n = {0};
	int err;

	if (h->pages == NULL)
		err = check_span(h, &h->span, &n, r);
	else
		err = check_segments(h, &n, r) != 0 || check_large(h, &n, r) != 0;
	if (err != 0)
		return MM_EINVAL;
	for (unsigned k = 0; k < h->nr_orders; k++)
		if (check_list(h, k, &n, r) != 0)
			return MM_EINVAL;
	return check_control(h, &n, r);
}
