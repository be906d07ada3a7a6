/*
 * tagheap: what the bytes mean.  W is one target word.
 *
 * A live chunk costs one word.  A free one keeps its links, and its size once
 * more at its end, in bytes that are nobody's:
 *
 *   live   | head | granted ............................... | head of next
 *          c      c+W                                         c+size
 *   free   | head | next | prev | (max) ...... free ... | foot | head of next
 *          c      c+W    c+2W   c+3W                      c+size-W
 *
 *   head   size in bytes, a multiple of the grain (8 at least), and flags:
 *            bit 0  INUSE       this chunk is live
 *            bit 1  PREV_INUSE  the chunk before is live (or there is none)
 *            bit 2  PREV_LEAST  the chunk before is free and of the least size
 *   foot   the size again, so that the next chunk finds where this one begins;
 *          a free chunk of the least size has none: PREV_LEAST says enough
 *   next, prev   list: neighbours on the circular list, root when at its end
 *                tree: left (balance in the two low bits) and right; see fittree
 *   max    tree by address only: largest chunk of the subtree
 *
 * The granted bytes begin at a multiple of the grain, hence c == -W modulo it.
 *
 *   segment | seg | root | pad | chunk | chunk | ... | chunk | end | pad | dir | pad |
 *
 *   seg    three words, see segment.h
 *   root   in the first segment only; six words:
 *            +0  live    live chunks in all segments
 *            +W  next    the root stands for a chunk in the list; the tree's root link
 *            +2W prev    (none with a tree)
 *            +3W rover   next_fit: the free chunk to look at next, or root; others: root
 *            +4W first   first segment
 *            +5W last    last segment
 *   end    a head of size 0, INUSE, then the address of its segment
 *   dir    in the first segment, best and worst fit with a tree: fitdir's words.  They
 *          lie behind all chunks, so that with so many bytes more in its arena the
 *          tree grants the same addresses as the list
 */
#ifndef ALLOC_TAGHEAP_LAYOUT_H
#define ALLOC_TAGHEAP_LAYOUT_H

#include "alloc/segment.h"
#include "alloc/tagheap.h"

#define TAG_INUSE      ((msize_t)1)
#define TAG_PREV_INUSE ((msize_t)2)
#define TAG_PREV_LEAST ((msize_t)4)
#define TAG_FLAGS      ((msize_t)7)
#define TAG_PREV_FLAGS (TAG_PREV_INUSE | TAG_PREV_LEAST)

#define TAG_OFF_NEXT (1u * MM_WORD)
#define TAG_OFF_PREV (2u * MM_WORD)
#define TAG_OFF_MAX  (3u * MM_WORD)

#define TAG_ROOT_BYTES (6u * MM_WORD)
#define TAG_END_BYTES  (2u * MM_WORD)

/* ---- chunks ---- */

static inline msize_t chunk_head(const struct mem *m, vaddr_t c)
{
	return mem_ldw(m, c);
}

static inline void set_chunk_head(const struct mem *m, vaddr_t c, msize_t size_and_flags)
{
	mem_stw(m, c, size_and_flags);
}

static inline msize_t chunk_size(const struct mem *m, vaddr_t c)
{
	return chunk_head(m, c) & ~TAG_FLAGS;
}

/* The foot of the free chunk that ends at `end`; only where that chunk is not of the least size. */
static inline msize_t foot_before(const struct mem *m, vaddr_t end)
{
	return mem_ldw(m, vaddr_sub(end, MM_WORD));
}

static inline void set_foot_before(const struct mem *m, vaddr_t end, msize_t size)
{
	mem_stw(m, vaddr_sub(end, MM_WORD), size);
}

/* What the head at `end` says of the chunk before it. */
static inline void set_prev_flags(const struct mem *m, vaddr_t end, msize_t flags)
{
	set_chunk_head(m, end, (chunk_head(m, end) & ~TAG_PREV_FLAGS) | flags);
}

static inline vaddr_t chunk_next(const struct mem *m, vaddr_t c)
{
	return mem_ldva(m, vaddr_add(c, TAG_OFF_NEXT));
}

static inline void set_chunk_next(const struct mem *m, vaddr_t c, vaddr_t next)
{
	mem_stva(m, vaddr_add(c, TAG_OFF_NEXT), next);
}

static inline vaddr_t chunk_prev(const struct mem *m, vaddr_t c)
{
	return mem_ldva(m, vaddr_add(c, TAG_OFF_PREV));
}

static inline void set_chunk_prev(const struct mem *m, vaddr_t c, vaddr_t prev)
{
	mem_stva(m, vaddr_add(c, TAG_OFF_PREV), prev);
}

static inline vaddr_t chunk_payload(vaddr_t c)
{
	return vaddr_add(c, MM_WORD);
}

/* ---- root ---- */

static inline msize_t root_live(const struct mem *m, vaddr_t root)
{
	return mem_ldw(m, root);
}

static inline void set_root_live(const struct mem *m, vaddr_t root, msize_t live)
{
	mem_stw(m, root, live);
}

static inline vaddr_t root_rover(const struct mem *m, vaddr_t root)
{
	return mem_ldva(m, vaddr_add(root, 3u * MM_WORD));
}

static inline void set_root_rover(const struct mem *m, vaddr_t root, vaddr_t c)
{
	mem_stva(m, vaddr_add(root, 3u * MM_WORD), c);
}

/* First and last segment: the two words that segment.h calls `ends`. */
static inline vaddr_t root_ends(vaddr_t root)
{
	return vaddr_add(root, 4u * MM_WORD);
}

static inline vaddr_t root_first(const struct mem *m, vaddr_t root)
{
	return first_segment(m, root_ends(root));
}

static inline vaddr_t root_last(const struct mem *m, vaddr_t root)
{
	return last_segment(m, root_ends(root));
}

/* ---- segments ---- */

/* The segment that the end mark at `end` closes. */
static inline vaddr_t end_segment(const struct mem *m, vaddr_t end)
{
	return mem_ldva(m, vaddr_add(end, MM_WORD));
}

static inline void set_end_segment(const struct mem *m, vaddr_t end, vaddr_t s)
{
	mem_stva(m, vaddr_add(end, MM_WORD), s);
}

static inline bool has_root(const struct tagheap *h, vaddr_t s)
{
	return vaddr_eq(vaddr_add(s, SEG_BYTES), h->base.root);
}

/* Where the directory lies in a first segment of `bytes`. */
static inline vaddr_t segment_dir(const struct tagheap *h, vaddr_t s, msize_t bytes)
{
	return (vaddr_t){s.v + round_down(bytes, MM_WORD) - h->dir_bytes};
}

/* Bytes of a segment up to the directory, if it has one. */
static inline msize_t segment_body(const struct tagheap *h, vaddr_t s, bool root, msize_t bytes)
{
	return root && h->dir_bytes != 0 ? vaddr_diff(segment_dir(h, s, bytes), s) : bytes;
}

/* Where the end mark of a segment lies: the last place for a head with a word behind it. */
static inline vaddr_t segment_end_mark(const struct tagheap *h, vaddr_t s, bool root, msize_t bytes)
{
	msize_t body = segment_body(h, s, root, bytes);

	return (vaddr_t){round_down(s.v + body - MM_WORD, h->grain) - MM_WORD};
}

/* The first chunk of a segment. */
static inline vaddr_t segment_first_chunk(const struct tagheap *h, vaddr_t s, bool root)
{
	msize_t head = SEG_BYTES + (root ? TAG_ROOT_BYTES : 0u) + MM_WORD;

	return (vaddr_t){round_up(s.v + head, h->grain) - MM_WORD};
}

/* The end mark of a segment of the heap, as its header has it. */
static inline vaddr_t seg_end_mark(const struct tagheap *h, vaddr_t s)
{
	return segment_end_mark(h, s, has_root(h, s), seg_bytes(h->base.m, s));
}

static inline vaddr_t seg_first_chunk(const struct tagheap *h, vaddr_t s)
{
	return segment_first_chunk(h, s, has_root(h, s));
}

#endif
