/*
 * tagheap: segments, the ranges that chunks lie in.  A fixed arena is one
 * segment; a heap that grows from pages has as many as it needs, the first with
 * the root in it for good.
 */
#include "alloc/page.h"
#include "alloc/tagheap.h"
#include "alloc/tagheap_layout.h"

/* Bytes a segment needs for one chunk of `chunk` bytes, wherever it begins. */
static msize_t segment_need(const struct tagheap *h, bool root, msize_t chunk)
{
	return segment_first_chunk(h, (vaddr_t){0}, root).v + chunk + TAG_END_BYTES + h->grain +
	       (root ? h->dir_bytes : 0);
}

/* The one chunk of an empty segment, bytes; 0: too small for the least chunk. */
static msize_t segment_room(const struct tagheap *h, vaddr_t s, bool root, msize_t bytes)
{
	if (bytes < segment_need(h, root, h->least))
		return 0;
	return vaddr_diff(segment_end_mark(h, s, root, bytes), segment_first_chunk(h, s, root));
}

/* The arena's part from its first whole word on. */
static struct mm_range arena_words(const struct tagheap *h)
{
	msize_t skip = round_up(h->arena.base.v, MM_WORD) - h->arena.base.v;

	return (struct mm_range){vaddr_add(h->arena.base, skip),
				 h->arena.bytes < skip ? 0 : h->arena.bytes - skip};
}

msize_t tagheap_segment_limit(const struct tagheap *h)
{
	struct mm_range r = arena_words(h);
	msize_t room;

	if (h->pages == NULL)
		return (room = segment_room(h, r.base, true, r.bytes)) == 0 ? 0 : room - MM_WORD;
	room = (msize_t)1 << (h->pages->pages->ops->pages->max_order(h->pages->pages) +
			      h->pages->page_shift);
	room = segment_room(h, (vaddr_t){0}, false, room);
	return room == 0 ? 0 : room - MM_WORD;
}

/* What an empty segment holds beside free bytes: ours, or to be given back. */
static void account_segment(struct tagheap *h, vaddr_t s, bool root, msize_t bytes, bool ours)
{
	struct mem *m = h->base.m;
	msize_t room =
		vaddr_diff(segment_end_mark(h, s, root, bytes), segment_first_chunk(h, s, root)) -
		MM_WORD;
	msize_t tags = TAG_SEG_BYTES + MM_WORD + TAG_END_BYTES;

	if (root)
		tags += TAG_ROOT_BYTES + h->dir_bytes;
	mm_account(m, s, tags, ours ? MM_CACHED : MM_METADATA, ours ? MM_METADATA : MM_CACHED);
	mm_account(m, s, bytes - room - tags, ours ? MM_CACHED : MM_SLACK,
		   ours ? MM_SLACK : MM_CACHED);
}

/* Writes segment s; its one chunk, free and not in the index. */
static vaddr_t format_segment(struct tagheap *h, vaddr_t s, bool root, msize_t bytes)
{
	struct mem *m = h->base.m;
	vaddr_t first = segment_first_chunk(h, s, root);
	vaddr_t end = segment_end_mark(h, s, root, bytes);
	msize_t size = vaddr_diff(end, first);

	set_seg_next(m, s, VADDR_NONE);
	set_seg_prev(m, s, VADDR_NONE);
	set_seg_bytes(m, s, bytes);
	set_chunk_head(m, first, size | TAG_PREV_INUSE);
	set_chunk_head(m, end, TAG_INUSE | (size == h->least ? TAG_PREV_LEAST : 0));
	set_end_segment(m, end, s);
	account_segment(h, s, root, bytes, true);
	return first;
}

/* Links segment s by address; most often it is the highest. */
static void link_segment(struct tagheap *h, vaddr_t s)
{
	struct mem *m = h->base.m;
	vaddr_t root = h->base.root, prev = root_last(m, root), next = VADDR_NONE;

	while (!vaddr_none(prev) && prev.v > s.v) {
		next = prev;
		prev = seg_prev(m, prev);
	}
	set_seg_prev(m, s, prev);
	set_seg_next(m, s, next);
	if (vaddr_none(prev))
		set_root_first(m, root, s);
	else
		set_seg_next(m, prev, s);
	if (vaddr_none(next))
		set_root_last(m, root, s);
	else
		set_seg_prev(m, next, s);
}

static void unlink_segment(struct tagheap *h, vaddr_t s)
{
	struct mem *m = h->base.m;
	vaddr_t root = h->base.root, prev = seg_prev(m, s), next = seg_next(m, s);

	if (vaddr_none(prev))
		set_root_first(m, root, next);
	else
		set_seg_next(m, prev, next);
	if (vaddr_none(next))
		set_root_last(m, root, prev);
	else
		set_seg_prev(m, next, prev);
}

/* Pages for a segment of `need` bytes, `grow` if possible; *bytes is what came. */
static vaddr_t get_pages(struct tagheap *h, msize_t need, const struct alloc_req *req,
			 msize_t *bytes)
{
	unsigned least = pages_order(h->pages, need), most = pages_order(h->pages, h->grow);
	unsigned order = most > least ? most : least;
	vaddr_t s = VADDR_NONE;

	if (order > least && order <= h->pages->pages->ops->pages->max_order(h->pages->pages))
		s = page_source_get(h->pages, h->base.m, order, req);
	if (vaddr_none(s)) {
		order = least;
		s = page_source_get(h->pages, h->base.m, order, req);
	}
	*bytes = (msize_t)1 << (order + h->pages->page_shift);
	return s;
}

void tagheap_locate(struct tagheap *h, vaddr_t s)
{
	h->base.root = h->tree.root = vaddr_add(s, TAG_SEG_BYTES);
	h->dir.base = segment_dir(h, s, seg_bytes(h->base.m, s));
}

int tagheap_first_segment(struct tagheap *h)
{
	const struct alloc_req req = {.zone_mask = UINT32_MAX};
	struct mm_range r = arena_words(h);
	struct mem *m = h->base.m;
	vaddr_t c;

	if (h->pages != NULL) {
		r.base = get_pages(h, segment_need(h, true, h->least), &req, &r.bytes);
		if (vaddr_none(r.base))
			return MM_ENOMEM;
	} else {
		mm_account(m, h->arena.base, vaddr_diff(r.base, h->arena.base), MM_CACHED,
			   MM_SLACK);
	}
	c = format_segment(h, r.base, true, r.bytes);
	tagheap_locate(h, r.base);
	set_root_live(m, h->base.root, 0);
	set_root_first(m, h->base.root, r.base);
	set_root_last(m, h->base.root, r.base);
	tag_index_format(h);
	tag_add(h, c, chunk_size(m, c));
	return 0;
}

vaddr_t tagheap_add_segment(struct tagheap *h, msize_t chunk, const struct alloc_req *req)
{
	msize_t bytes;
	vaddr_t s = get_pages(h, segment_need(h, false, chunk), req, &bytes), c;

	if (vaddr_none(s))
		return VADDR_NONE;
	c = format_segment(h, s, false, bytes);
	link_segment(h, s);
	mm_event(h->base.m, MM_EV_SEGMENT_ADD, s.v, bytes, 0);
	return c;
}

void tagheap_drop_segment(struct tagheap *h, vaddr_t s)
{
	struct mem *m = h->base.m;
	msize_t bytes = seg_bytes(m, s);

	unlink_segment(h, s);
	account_segment(h, s, false, bytes, false);
	mm_event(m, MM_EV_SEGMENT_DROP, s.v, bytes, 0);
	if (page_source_put(h->pages, m, s, pages_order(h->pages, bytes)) != 0)
		mm_bug(m, "a segment's pages are not a live block", s);
}
