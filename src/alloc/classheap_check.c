/*
 * classheap: the checker of invariants I1 to I10 of classheap.c.  First the
 * segments' chunks, each free one against its list; then the lists, each entry
 * against its chunk; then the counts of both directions.
 */
#include "alloc/classheap.h"
#include "alloc/classheap_layout.h"

struct count {
	msize_t live, free, kept; /* chunks */
	msize_t listed, listed_kept;
	msize_t kept_bytes;
	msize_t low, high;
};

static struct mm_rec control(const struct classheap *h)
{
	return h->control;
}

static bool in_heap(const struct classheap *h, vaddr_t p)
{
	msize_t low = control_low(control(h));
	msize_t high = control_high(control(h));

	return p.v > low && p.v < high && (p.v & (h->shape.gran - 1)) == 0;
}

/* I7, from the chunk: its neighbours on the list name it. */
static int check_listed(const struct classheap *h, vaddr_t p, msize_t size, struct check_report *r)
{
	static const char *const i7 = "I7: each free chunk is on the list of its class";
	const struct mem *m = h->base.m;
	unsigned class = class_of(&h->shape, size);
	vaddr_t next = link_next(m, p), prev = link_prev(m, p);

	if (!vaddr_none(next) && (!in_heap(h, next) || !vaddr_eq(link_prev(m, next), p)))
		return check_fail(r, i7, p, next.v, p.v);
	if (vaddr_eq(list_head(control(h), h->heads, class), p))
		return 0;
	if (!in_heap(h, prev) || !vaddr_eq(link_next(m, prev), p))
		return check_fail(r, i7, p, prev.v, p.v);
	return 0;
}

static int check_free_chunk(const struct classheap *h, vaddr_t p, msize_t size, bool prev_free,
			    struct check_report *r)
{
	msize_t footer = footer_before(h->base.m, chunk_after(p, size), h->header);

	if (footer != size)
		return check_fail(r, "I5: a free chunk's footer equals its size", p, footer, size);
	if (prev_free)
		return check_fail(r, "I6: no two free chunks are neighbours", p, 1, 0);
	return check_listed(h, p, size, r);
}

static int check_chunk(const struct classheap *h, vaddr_t p, vaddr_t e, bool prev_free,
		       struct check_report *r)
{
	msize_t tag = chunk_tag(h->base.m, p), size = tag_size(tag);

	if (size < h->shape.min_chunk || (size & (h->shape.gran - 1)) != 0)
		return check_fail(r, "I3: a size is a multiple, at least the least chunk", p, size,
				  h->shape.min_chunk);
	if (size > vaddr_diff(e, p))
		return check_fail(r, "I2: the sizes lead exactly to the end tag", p, size,
				  vaddr_diff(e, p));
	if ((tag & (TAG_LIVE | TAG_KEPT)) == TAG_KEPT)
		return check_fail(r, "I10: a kept chunk counts as live for its neighbours", p, tag,
				  TAG_LIVE | TAG_KEPT);
	if (tag_prev_free(tag) != prev_free)
		return check_fail(r, "I4: 'previous free' tells of the chunk before", p,
				  tag_prev_free(tag), prev_free);
	return tag_live(tag) ? 0 : check_free_chunk(h, p, size, prev_free, r);
}

static int check_segment(const struct classheap *h, vaddr_t s, msize_t bytes, struct count *n,
			 struct check_report *r)
{
	const struct mem *m = h->base.m;
	vaddr_t p = classheap_first(h, s), e = classheap_end(h, s, bytes);
	bool prev_free = false;

	while (p.v < e.v) {
		msize_t tag = chunk_tag(m, p);

		if (check_chunk(h, p, e, prev_free, r) != 0)
			return MM_EINVAL;
		prev_free = !tag_live(tag);
		n->live += tag_granted(tag);
		n->kept += tag_live(tag) && !tag_granted(tag);
		n->free += prev_free;
		p = chunk_after(p, tag_size(tag));
	}
	if (chunk_tag(m, e) != (TAG_LIVE | (prev_free ? TAG_PREV_FREE : 0)))
		return check_fail(r, "I2: an end tag has size 0 and is live", e, chunk_tag(m, e),
				  TAG_LIVE);
	if (!vaddr_eq(end_segment(m, e), s))
		return check_fail(r, "I1: an end tag names its segment", e, end_segment(m, e).v,
				  s.v);
	n->low = s.v < n->low ? s.v : n->low;
	n->high = s.v + bytes > n->high ? s.v + bytes : n->high;
	return 0;
}

/* A segment's bytes as they can be: the arena's, or a block of pages. */
static bool plausible_bytes(const struct classheap *h, vaddr_t s, msize_t bytes)
{
	if (vaddr_eq(s, h->base.root))
		return bytes == vaddr_diff(h->high, s);
	return h->pages != NULL && is_pow2(bytes) && (s.v & (h->shape.gran - 1)) == 0 &&
	       bytes <= (msize_t)1 << (h->pages->pages->ops->pages->max_order(h->pages->pages) +
				       h->pages->page_shift);
}

static int check_segments(const struct classheap *h, struct count *n, struct check_report *r)
{
	static const char *const i1 = "I1: the segment list links both ways";
	const struct mem *m = h->base.m;
	vaddr_t root = h->base.root, prev = VADDR_NONE;
	msize_t low = control_low(control(h)), high = control_high(control(h));

	for (vaddr_t s = root; !vaddr_none(s); s = segment_next(m, s)) {
		if (s.v < low || s.v >= high)
			return check_fail(r, i1, prev, s.v, low);
		if (!vaddr_eq(segment_prev(m, s), prev))
			return check_fail(r, i1, s, segment_prev(m, s).v, prev.v);
		if (!plausible_bytes(h, s, segment_bytes(m, s)))
			return check_fail(r, "I1: a segment has the bytes of its block", s,
					  segment_bytes(m, s), 0);
		if (check_segment(h, s, segment_bytes(m, s), n, r) != 0)
			return MM_EINVAL;
		prev = s;
	}
	if (n->low != low)
		return check_fail(r, "I1: `low` is the least segment's base", root, low, n->low);
	if (n->high != high)
		return check_fail(r, "I1: `high` is the greatest segment's end", root, high,
				  n->high);
	return 0;
}

/* I7, from the list: only free chunks of the class, and no more than there are. */
static int check_list(const struct classheap *h, unsigned class, struct count *n,
		      struct check_report *r)
{
	static const char *const i7 = "I7: a list holds free chunks of its class only";
	const struct mem *m = h->base.m;

	for (vaddr_t p = list_head(control(h), h->heads, class); !vaddr_none(p);
	     p = link_next(m, p)) {
		msize_t tag;

		if (!in_heap(h, p))
			return check_fail(
				r, i7,
				vaddr_add(h->base.root, h->heads + (msize_t) class * MM_WORD), p.v,
				class);
		tag = chunk_tag(m, p);
		if ((tag & TAG_FLAGS) != 0 || tag < h->shape.min_chunk ||
		    (tag & (h->shape.gran - 1)) != 0 || class_of(&h->shape, tag) != class)
			return check_fail(r, i7, p, tag, class);
		if (++n->listed > n->free)
			return check_fail(r, i7, p, n->listed, n->free);
	}
	return 0;
}

static int check_row(const struct classheap *h, unsigned row, struct count *n,
		     struct check_report *r)
{
	uint32_t expected = 0, map = row_map(control(h), row);

	for (unsigned c = row * 32; c < row * 32 + 32 && c < h->nr_classes; c++) {
		if (check_list(h, c, n, r) != 0)
			return MM_EINVAL;
		if (!vaddr_none(list_head(control(h), h->heads, c)))
			expected |= UINT32_C(1) << (c & 31);
	}
	if (map != expected)
		return check_fail(r, "I8: a row bit is set when its list is not empty",
				  h->base.root, map, expected);
	return 0;
}

static int check_maps(const struct classheap *h, struct count *n, struct check_report *r)
{
	const struct mem *m = h->base.m;
	vaddr_t maps = vaddr_add(h->base.root, CONTROL_MAPS);
	uint32_t top = 0;

	for (unsigned row = 0; row < h->nr_rows; row++) {
		if (check_row(h, row, n, r) != 0)
			return MM_EINVAL;
		if (row_map(control(h), row) != 0)
			top |= UINT32_C(1) << row;
	}
	if (top_map(control(h)) != top)
		return check_fail(r, "I8: a top bit is set when its row is not 0", maps,
				  top_map(control(h)), top);
	for (vaddr_t at = vaddr_add(maps, 4 + 4 * (msize_t)h->nr_rows);
	     at.v < h->base.root.v + h->heads; at = vaddr_add(at, 4))
		if (mem_ld32(m, at) != 0)
			return check_fail(r, "I8: the map's padding is zero", at, mem_ld32(m, at),
					  0);
	return 0;
}

/* I10, from the list. */
static int check_kept(const struct classheap *h, msize_t granules, struct count *n,
		      struct check_report *r)
{
	static const char *const i10 = "I10: a kept chunk is on the list of its size";
	const struct mem *m = h->base.m;

	for (vaddr_t p = kept_head(control(h), h->kept, granules); !vaddr_none(p);
	     p = link_next(m, p)) {
		msize_t tag;

		if (!in_heap(h, p))
			return check_fail(r, i10, h->base.root, p.v, granules);
		tag = chunk_tag(m, p);
		if ((tag & (TAG_LIVE | TAG_KEPT)) != (TAG_LIVE | TAG_KEPT) ||
		    tag_size(tag) != granules << h->shape.gran_log2)
			return check_fail(r, i10, p, tag, granules << h->shape.gran_log2);
		n->kept_bytes += tag_size(tag);
		if (++n->listed_kept > n->kept)
			return check_fail(r, i10, p, n->listed_kept, n->kept);
	}
	return 0;
}

static int check_all_kept(const struct classheap *h, struct count *n, struct check_report *r)
{
	for (msize_t i = 0; i < h->keep_sizes; i++)
		if (check_kept(h, i, n, r) != 0)
			return MM_EINVAL;
	if (n->listed_kept != n->kept)
		return check_fail(r, "I10: the lists hold every kept chunk", h->base.root,
				  n->listed_kept, n->kept);
	if (h->keep_sizes != 0 && kept_bytes(control(h), h->kept) != n->kept_bytes)
		return check_fail(r, "I10: kept bytes are counted", h->base.root,
				  kept_bytes(control(h), h->kept), n->kept_bytes);
	return 0;
}

int classheap_check(const struct alloc *a, struct check_report *r)
{
	const struct classheap *h = (const struct classheap *)a;
	struct count n = {.low = MM_WORD_ONES};

	if (check_segments(h, &n, r) != 0 || check_maps(h, &n, r) != 0 ||
	    check_all_kept(h, &n, r) != 0)
		return MM_EINVAL;
	if (n.listed != n.free)
		return check_fail(r, "I7: the lists hold every free chunk", a->root, n.listed,
				  n.free);
	if (control_live(control(h)) != n.live)
		return check_fail(r, "I9: live counts the live chunks", a->root,
				  control_live(control(h)), n.live);
	return 0;
}
