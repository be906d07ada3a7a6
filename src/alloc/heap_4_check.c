/* heap_4: walk, statistics, and the checker of invariants H1 to H8 of heap_4.c. */
#include "alloc/heap_4.h"
#include "alloc/heap_4_layout.h"

/* ---- walk ---- */

vaddr_t heap_4_chunk(const struct alloc *a, vaddr_t p, struct walk_span *out)
{
	const struct heap_4 *h = (const struct heap_4 *)a;
	vaddr_t b = vaddr_sub(p, h->head);
	msize_t size = block_size(a->m, b);
	bool live = block_is_live(a->m, b);

	*out = (struct walk_span){p, size < h->head ? 0 : size - h->head,
				  live ? MM_GRANTED : MM_CACHED, live ? "block" : "free block",
				  size};
	return vaddr_add(p, size);
}

static void walk_segment(const struct heap_4 *h, vaddr_t s, walk_fn *fn, void *ctx)
{
	const struct mem *m = h->base.m;
	bool root = has_root(h, s);
	vaddr_t b = segment_first_block(h, s, root), end = segment_px_end(h, s, seg_bytes(m, s));
	vaddr_t pad = vaddr_add(s, SEG_BYTES + (root ? HEAP_4_ROOT_BYTES : 0u));
	vaddr_t tail = vaddr_add(end, HEAP_4_END_BYTES), stop = vaddr_add(s, seg_bytes(m, s));

	fn(ctx, &(struct walk_span){s, SEG_BYTES, MM_METADATA, "segment", 0});
	if (root)
		fn(ctx,
		   &(struct walk_span){h->base.root, HEAP_4_ROOT_BYTES, MM_METADATA, "root", 0});
	fn(ctx, &(struct walk_span){pad, vaddr_diff(b, pad), MM_SLACK, "padding", 0});
	for (; b.v < end.v; b = vaddr_add(b, block_size(m, b))) {
		struct walk_span x;

		heap_4_chunk(&h->base, vaddr_add(b, h->head), &x);
		fn(ctx, &(struct walk_span){b, h->head, MM_METADATA, "block header", x.detail});
		fn(ctx, &x);
	}
	fn(ctx, &(struct walk_span){end, HEAP_4_END_BYTES, MM_METADATA, "pxEnd", 0});
	fn(ctx, &(struct walk_span){tail, vaddr_diff(stop, tail), MM_SLACK, "padding", 0});
}

void heap_4_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct heap_4 *h = (const struct heap_4 *)a;
	vaddr_t s = first_segment(a->m, h->segments.ends);

	if (h->segments.pages == NULL)
		fn(ctx, &(struct walk_span){h->arena.base, vaddr_diff(s, h->arena.base), MM_SLACK,
					    "padding", 0});
	for (; !vaddr_none(s); s = seg_next(a->m, s))
		walk_segment(h, s, fn, ctx);
}

void heap_4_stats(const struct heap_4 *h, struct heap_4_stats *out)
{
	const struct mem *m = h->base.m;
	vaddr_t root = h->base.root, b, end;

	*out = (struct heap_4_stats){
		.available = root_counter(m, root, HEAP_4_FREE),
		.minimum_ever = root_counter(m, root, HEAP_4_MINIMUM),
		.allocations = root_counter(m, root, HEAP_4_ALLOCS),
		.frees = root_counter(m, root, HEAP_4_FREES),
	};
	for (vaddr_t s = first_segment(m, h->segments.ends); !vaddr_none(s); s = seg_next(m, s)) {
		b = segment_first_block(h, s, has_root(h, s));
		end = segment_px_end(h, s, seg_bytes(m, s));
		for (; b.v < end.v; b = vaddr_add(b, block_size(m, b))) {
			msize_t size = block_size(m, b);

			if (block_is_live(m, b))
				continue;
			out->largest_free = size > out->largest_free ? size : out->largest_free;
			if (out->free_blocks++ == 0 || size < out->smallest_free)
				out->smallest_free = size;
		}
	}
}

/* ---- check ---- */

struct state {
	const struct heap_4 *h;
	struct check_report *r;
	uint64_t live, free;
	msize_t free_bytes;
	vaddr_t list; /* the free block the list names next; none in a tree */
};

/* Free block b against the index: the list must name it now, the tree must find it. */
static int check_free(struct state *k, vaddr_t b)
{
	const struct heap_4 *h = k->h;

	k->free++;
	k->free_bytes += block_size(h->base.m, b);
	if (h->index == HEAP_4_TREE)
		return fit_contains(&h->tree, b)
			       ? 0
			       : check_fail(k->r, "H8: the tree holds each free block", b, 0, 1);
	if (!vaddr_eq(k->list, b))
		return check_fail(k->r, "H8: the list holds each free block, ascending", b,
				  k->list.v, b.v);
	k->list = block_next(h->base.m, b);
	return 0;
}

static int check_block(struct state *k, vaddr_t b, vaddr_t end, bool free_before)
{
	const struct heap_4 *h = k->h;
	const struct mem *m = h->base.m;
	msize_t size = block_size(m, b);

	if (size < h->least || (size & (h->grain - 1)) != 0)
		return check_fail(k->r, "H3: a size is a multiple of the alignment", b, size,
				  h->least);
	if (size > vaddr_diff(end, b))
		return check_fail(k->r, "H2: blocks lead exactly to pxEnd", b, size,
				  vaddr_diff(end, b));
	if (!block_is_live(m, b))
		return free_before ? check_fail(k->r, "H4: no two free blocks touch", b, size, 0)
				   : check_free(k, b);
	k->live++;
	if (!vaddr_none(block_next(m, b)))
		return check_fail(k->r, "H5: a live block's next is none", b, block_next(m, b).v,
				  MM_WORD_ONES);
	return 0;
}

static int check_segment(struct state *k, vaddr_t s)
{
	const struct heap_4 *h = k->h;
	const struct mem *m = h->base.m;
	vaddr_t first = segment_first_block(h, s, has_root(h, s)), b = first;
	vaddr_t end = segment_px_end(h, s, seg_bytes(m, s));
	bool was_free = false;

	for (; b.v < end.v; b = vaddr_add(b, block_size(m, b))) {
		int err = check_block(k, b, end, was_free);

		if (err != 0)
			return err;
		was_free = !block_is_live(m, b);
	}
	if (block_size_word(m, end) != HEAP_4_LIVE || !vaddr_eq(end_segment(m, end), s))
		return check_fail(k->r, "H2: pxEnd names its segment", end, end_segment(m, end).v,
				  s.v);
	if (!has_root(h, s) && was_free && block_size(m, first) == vaddr_diff(end, first))
		return check_fail(k->r, "H1: an empty segment is given back", s, 0, 0);
	return 0;
}

static int check_segments(struct state *k)
{
	const struct heap_4 *h = k->h;
	const struct mem *m = h->base.m;
	vaddr_t prev = VADDR_NONE, s = first_segment(m, h->segments.ends);
	bool root_seen = false;

	for (; !vaddr_none(s); prev = s, s = seg_next(m, s)) {
		int err;

		if (!seg_plausible(&h->segments, h->arena, s, prev) ||
		    !vaddr_eq(seg_prev(m, s), prev))
			return check_fail(k->r, "H1: segments ascend, linked both ways", s,
					  seg_prev(m, s).v, prev.v);
		root_seen |= has_root(h, s);
		err = check_segment(k, s);
		if (err != 0)
			return err;
	}
	if (!vaddr_eq(last_segment(m, h->segments.ends), prev) || !root_seen)
		return check_fail(k->r, "H1: the root names first and last segment", h->base.root,
				  last_segment(m, h->segments.ends).v, prev.v);
	return 0;
}

static int check_tree(struct state *k)
{
	const struct heap_4 *h = k->h;
	const struct mem *m = h->base.m;
	vaddr_t last = last_segment(m, h->segments.ends);
	struct fit_fault f = {NULL, VADDR_NONE, 0, 0};
	uint64_t nr = 0;

	if (!fit_check(&h->tree, first_segment(m, h->segments.ends),
		       segment_px_end(h, last, seg_bytes(m, last)), k->free, &nr, &f))
		return check_fail(k->r, f.what, f.where, f.found, f.expected);
	if (nr != k->free)
		return check_fail(k->r, "H8: the tree holds the free blocks", h->base.root, nr,
				  k->free);
	return 0;
}

static int check_counters(struct state *k)
{
	const struct mem *m = k->h->base.m;
	vaddr_t root = k->h->base.root;
	msize_t live =
		(root_counter(m, root, HEAP_4_ALLOCS) - root_counter(m, root, HEAP_4_FREES)) &
		MM_WORD_ONES;
	msize_t free_bytes = root_counter(m, root, HEAP_4_FREE);

	if (live != k->live)
		return check_fail(k->r, "H6: allocations less frees are the live blocks", root,
				  live, k->live);
	if (free_bytes != k->free_bytes)
		return check_fail(k->r, "H7: xFreeBytesRemaining sums the free blocks", root,
				  free_bytes, k->free_bytes);
	if (root_counter(m, root, HEAP_4_MINIMUM) > free_bytes)
		return check_fail(k->r, "H7: the minimum is not above what is free", root,
				  root_counter(m, root, HEAP_4_MINIMUM), free_bytes);
	return 0;
}

int heap_4_check(const struct alloc *a, struct check_report *r)
{
	const struct heap_4 *h = (const struct heap_4 *)a;
	struct state k = {.h = h, .r = r, .list = VADDR_NONE};
	int err;

	if (h->index == HEAP_4_LIST)
		k.list = block_next(a->m, a->root);
	err = check_segments(&k);
	if (err != 0)
		return err;
	if (!vaddr_none(k.list))
		return check_fail(r, "H8: the list holds the free blocks only", a->root, k.list.v,
				  MM_WORD_ONES);
	if (h->index == HEAP_4_TREE)
		err = check_tree(&k);
	return err != 0 ? err : check_counters(&k);
}
