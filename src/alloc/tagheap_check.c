/* tagheap: walk, and the checker of invariants T1 to T9 of tagheap.c. */
#include "alloc/tagheap.h"
#include "alloc/tagheap_layout.h"

/* ---- walk ---- */

vaddr_t tagheap_chunk(const struct alloc *a, vaddr_t p, struct walk_span *out)
{
	msize_t head = chunk_head(a->m, vaddr_sub(p, MM_WORD)), size = head & ~TAG_FLAGS;
	bool live = (head & TAG_INUSE) != 0;

	*out = (struct walk_span){p, size < MM_WORD ? 0 : size - MM_WORD,
				  live ? MM_GRANTED : MM_CACHED, live ? "chunk" : "free chunk",
				  size};
	return vaddr_add(p, size);
}

static void walk_chunk(const struct tagheap *h, vaddr_t c, walk_fn *fn, void *ctx)
{
	struct walk_span s;

	tagheap_chunk(&h->base, chunk_payload(c), &s);
	fn(ctx, &(struct walk_span){c, MM_WORD, MM_METADATA, "chunk header", s.detail});
	fn(ctx, &s);
}

static void walk_segment(const struct tagheap *h, vaddr_t s, walk_fn *fn, void *ctx)
{
	const struct mem *m = h->base.m;
	bool root = has_root(h, s);
	vaddr_t c = seg_first_chunk(h, s), end = seg_end_mark(h, s);
	vaddr_t pad = vaddr_add(s, SEG_BYTES + (root ? TAG_ROOT_BYTES : 0u));
	vaddr_t tail = vaddr_add(end, TAG_END_BYTES), stop = vaddr_add(s, seg_bytes(m, s));

	fn(ctx, &(struct walk_span){s, SEG_BYTES, MM_METADATA, "segment", 0});
	if (root)
		fn(ctx, &(struct walk_span){h->base.root, TAG_ROOT_BYTES, MM_METADATA, "root", 0});
	fn(ctx, &(struct walk_span){pad, vaddr_diff(c, pad), MM_SLACK, "padding", 0});
	for (; c.v < end.v; c = vaddr_add(c, chunk_size(m, c)))
		walk_chunk(h, c, fn, ctx);
	fn(ctx, &(struct walk_span){end, TAG_END_BYTES, MM_METADATA, "end mark", 0});
	if (root && h->dir_bytes != 0) {
		vaddr_t dir = h->dir.base;

		fn(ctx, &(struct walk_span){tail, vaddr_diff(dir, tail), MM_SLACK, "padding", 0});
		fn(ctx,
		   &(struct walk_span){dir, h->dir_bytes, MM_METADATA, "size class directory", 0});
		tail = vaddr_add(dir, h->dir_bytes);
	}
	fn(ctx, &(struct walk_span){tail, vaddr_diff(stop, tail), MM_SLACK, "padding", 0});
}

void tagheap_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct tagheap *h = (const struct tagheap *)a;
	vaddr_t s = root_first(a->m, a->root);

	if (h->segments.pages == NULL)
		fn(ctx, &(struct walk_span){h->arena.base, vaddr_diff(s, h->arena.base), MM_SLACK,
					    "padding", 0});
	for (; !vaddr_none(s); s = seg_next(a->m, s))
		walk_segment(h, s, fn, ctx);
}

/* ---- chunks ---- */

struct count {
	uint64_t live, free;
};

/* T3, T4, T5 of the chunk at c, which begins before `end`; before is its predecessor's head. */
static int check_chunk(const struct tagheap *h, vaddr_t c, vaddr_t end, msize_t before,
		       struct check_report *r)
{
	const struct mem *m = h->base.m;
	msize_t head = chunk_head(m, c), size = head & ~TAG_FLAGS, says = TAG_PREV_INUSE;

	if (size < h->least || (size & (h->grain - 1)) != 0)
		return check_fail(r, "T3: a size is a multiple of the grain", c, size, h->least);
	if (size > vaddr_diff(end, c))
		return check_fail(r, "T2: chunks lead exactly to the end mark", c, size,
				  vaddr_diff(end, c));
	if ((before & TAG_INUSE) == 0)
		says = (before & ~TAG_FLAGS) == h->least ? TAG_PREV_LEAST : 0;
	if ((head & TAG_PREV_FLAGS) != says)
		return check_fail(r, "T4: a head tells of the chunk before", c,
				  head & TAG_PREV_FLAGS, says);
	if ((head & TAG_INUSE) != 0)
		return 0;
	if ((before & TAG_INUSE) == 0)
		return check_fail(r, "T5: no two free chunks are neighbours", c, head, before);
	if (size != h->least && foot_before(m, vaddr_add(c, size)) != size)
		return check_fail(r, "T4: a free chunk's size is in its foot", c,
				  foot_before(m, vaddr_add(c, size)), size);
	return 0;
}

static int check_end(const struct tagheap *h, vaddr_t s, vaddr_t end, msize_t before,
		     struct check_report *r)
{
	const struct mem *m = h->base.m;
	msize_t says = TAG_INUSE | TAG_PREV_INUSE;

	if ((before & TAG_INUSE) == 0)
		says = TAG_INUSE | ((before & ~TAG_FLAGS) == h->least ? TAG_PREV_LEAST : 0);
	if (chunk_head(m, end) != says)
		return check_fail(r, "T4: the end mark tells of the chunk before", end,
				  chunk_head(m, end), says);
	if (!vaddr_eq(end_segment(m, end), s))
		return check_fail(r, "T2: the end mark names its segment", end,
				  end_segment(m, end).v, s.v);
	return 0;
}

static int check_segment(const struct tagheap *h, vaddr_t s, struct count *n,
			 struct check_report *r)
{
	const struct mem *m = h->base.m;
	vaddr_t first = seg_first_chunk(h, s), c = first, end = seg_end_mark(h, s);
	msize_t before = TAG_INUSE;

	for (; c.v < end.v; c = vaddr_add(c, before & ~TAG_FLAGS)) {
		int err = check_chunk(h, c, end, before, r);

		if (err != 0)
			return err;
		before = chunk_head(m, c);
		n->live += before & TAG_INUSE;
		n->free += (before & TAG_INUSE) == 0;
	}
	if (!has_root(h, s) && (before & TAG_INUSE) == 0 &&
	    (before & ~TAG_FLAGS) == vaddr_diff(end, first))
		return check_fail(r, "T1: an empty segment is given back", s, before, 0);
	return check_end(h, s, end, before, r);
}

/* ---- segments ---- */

static int check_segments(const struct tagheap *h, struct count *n, struct check_report *r)
{
	const struct mem *m = h->base.m;
	vaddr_t prev = VADDR_NONE, s = root_first(m, h->base.root);
	bool root_seen = false;

	for (; !vaddr_none(s); prev = s, s = seg_next(m, s)) {
		int err;

		if (!seg_plausible(&h->segments, h->arena, s, prev))
			return check_fail(r, "T1: segments ascend", s, seg_bytes(m, s), prev.v);
		if (!vaddr_eq(seg_prev(m, s), prev))
			return check_fail(r, "T1: segments are linked both ways", s,
					  seg_prev(m, s).v, prev.v);
		root_seen |= has_root(h, s);
		err = check_segment(h, s, n, r);
		if (err != 0)
			return err;
	}
	if (!vaddr_eq(root_last(m, h->base.root), prev) || !root_seen)
		return check_fail(r, "T1: the root names first and last segment", h->base.root,
				  root_last(m, h->base.root).v, prev.v);
	return 0;
}

int tagheap_check(const struct alloc *a, struct check_report *r)
{
	const struct tagheap *h = (const struct tagheap *)a;
	struct count n = {0, 0};
	int err = check_segments(h, &n, r);

	if (err != 0)
		return err;
	if (root_live(a->m, a->root) != n.live)
		return check_fail(r, "T6: live counts the live chunks", a->root,
				  root_live(a->m, a->root), n.live);
	return tag_index_check(h, n.free, r);
}
