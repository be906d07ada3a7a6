/*
 * tagheap: its segments.  The first holds the root, and the directory if there is
 * one, for good; the others come and go with what they hold.
 */
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

msize_t tagheap_segment_limit(const struct tagheap *h)
{
	struct mm_range r = seg_arena(h->arena);
	msize_t room;

	if (h->segments.pages == NULL)
		room = segment_room(h, r.base, true, r.bytes);
	else
		room = segment_room(h, (vaddr_t){0}, false, seg_largest(&h->segments));
	return room == 0 ? 0 : room - MM_WORD;
}

/* What an empty segment holds beside free bytes: ours, or to be given back. */
static void account_segment(struct tagheap *h, vaddr_t s, bool root, msize_t bytes, bool ours)
{
	struct mem *m = h->base.m;
	vaddr_t first = segment_first_chunk(h, s, root), end = segment_end_mark(h, s, root, bytes);
	msize_t room = vaddr_diff(end, first) - MM_WORD;
	msize_t tags = SEG_BYTES + MM_WORD + TAG_END_BYTES;

	if (root)
		tags += TAG_ROOT_BYTES + h->dir_bytes;
	mm_account(m, s, tags, ours ? MM_CACHED : MM_METADATA, ours ? MM_METADATA : MM_CACHED);
	mm_account(m, s, bytes - room - tags, ours ? MM_CACHED : MM_SLACK,
		   ours ? MM_SLACK : MM_CACHED);
}

/* The row of chunks of segment s: one, free and not in the index. */
static vaddr_t format_chunks(struct tagheap *h, vaddr_t s, bool root, msize_t bytes)
{
	struct mem *m = h->base.m;
	vaddr_t first = segment_first_chunk(h, s, root);
	vaddr_t end = segment_end_mark(h, s, root, bytes);
	msize_t size = vaddr_diff(end, first);

	set_chunk_head(m, first, size | TAG_PREV_INUSE);
	set_chunk_head(m, end, TAG_INUSE | (size == h->least ? TAG_PREV_LEAST : 0));
	set_end_segment(m, end, s);
	account_segment(h, s, root, bytes, true);
	return first;
}

void tagheap_locate(struct tagheap *h, vaddr_t s, msize_t bytes)
{
	h->base.root = h->tree.root = vaddr_add(s, SEG_BYTES);
	h->segments.ends = root_ends(h->base.root);
	h->dir.base = segment_dir(h, s, bytes);
}

int tagheap_first_segment(struct tagheap *h)
{
	const struct alloc_req req = {.zone_mask = UINT32_MAX};
	struct mm_range r = seg_arena(h->arena);
	struct mem *m = h->base.m;
	vaddr_t c;

	if (h->segments.pages != NULL) {
		r.base = seg_get(&h->segments, segment_need(h, true, h->least), &req, &r.bytes);
		if (vaddr_none(r.base))
			return MM_ENOMEM;
	} else {
		mm_account(m, h->arena.base, vaddr_diff(r.base, h->arena.base), MM_CACHED,
			   MM_SLACK);
	}
	tagheap_locate(h, r.base, r.bytes);
	seg_first(&h->segments, r.base, r.bytes);
	set_root_live(m, h->base.root, 0);
	tag_index_format(h);
	c = format_chunks(h, r.base, true, r.bytes);
	tag_add(h, c, chunk_size(m, c));
	return 0;
}

vaddr_t tagheap_add_segment(struct tagheap *h, msize_t chunk, const struct alloc_req *req)
{
	msize_t bytes;
	vaddr_t s = seg_get(&h->segments, segment_need(h, false, chunk), req, &bytes);

	if (vaddr_none(s))
		return VADDR_NONE;
	seg_link(&h->segments, s, bytes);
	mm_event(h->base.m, MM_EV_SEGMENT_ADD, s.v, bytes, 0);
	return format_chunks(h, s, false, bytes);
}

void tagheap_drop_segment(struct tagheap *h, vaddr_t s)
{
	msize_t bytes = seg_bytes(h->base.m, s);

	seg_unlink(&h->segments, s);
	account_segment(h, s, false, bytes, false);
	mm_event(h->base.m, MM_EV_SEGMENT_DROP, s.v, bytes, 0);
	seg_put(&h->segments, s, bytes);
}
