/*
 * classheap: what the bytes mean.
 *
 * A chunk is named by the address of its payload, p; g is the granularity, h the
 * bytes before a payload (one word, or more where a kind wants a wider header).
 *
 *             .- tag                                     .- tag of the next chunk
 *   | pad     | size+flags | next | prev | ... | size     | pad | size+flags | ...
 *   p-h       p-w          p      p+w             ^footer        p+size
 *
 *   tag      target word: distance to the next chunk's payload (a multiple of g, at least
 *            the least chunk), bit 0: the chunk is live, bit 1: the chunk before it is free,
 *            bit 2, with bit 0: the chunk is kept, freed but not yet coalesced
 *   next     target word, free chunks only: the next chunk on the same list, or all ones
 *   prev     target word, free chunks not at the head of their list: the one before it
 *   footer   target word, free chunks only: the size again, just before the next chunk's
 *            header; in a live chunk it is the user's
 *
 * A segment is a contiguous range that chunks fill; the first also holds the control:
 *
 *   base                                                                           base+bytes
 *   | next | prev | bytes | (control) |pad| chunk | chunk | ... |pad| 0+flags | base |pad|
 *                                         p-h                         ^e-w      ^e
 *   next, prev  target words: base of the neighbour in the list of segments, or all ones
 *   bytes       target word: of the segment
 *   end tag     a tag of size 0 that is always live, then the segment's base
 *
 *   control, from the first segment's base:
 *   0   the segment record above
 *   3w  live    target word: live chunks
 *   4w  low     target word: least base of a segment
 *   5w  high    target word: greatest end of a segment
 *   6w  top     32 bits: bit r is set when row r has a bit set
 *       row[r]  32 bits: bit b is set when the list of class 32 r + b is not empty; then,
 *               where the rows are even in number, 32 bits of zero
 *       head[c] target word: first chunk of class c, or all ones
 *     where chunks are kept:
 *       bytes   target word: of all kept chunks
 *       kept[i] target word: first kept chunk of i granules, or all ones; `next` links them
 */
#ifndef ALLOC_CLASSHEAP_LAYOUT_H
#define ALLOC_CLASSHEAP_LAYOUT_H

#include "model/mem.h"

#define TAG_LIVE      ((msize_t)1)
#define TAG_PREV_FREE ((msize_t)2)
#define TAG_KEPT      ((msize_t)4)
#define TAG_FLAGS     ((msize_t)7)

#define SEGMENT_RECORD_BYTES (3u * MM_WORD)
#define SEGMENT_END_BYTES    (2u * MM_WORD)
#define CONTROL_MAPS         (6u * MM_WORD)

/* ---- chunks ---- */

static inline msize_t chunk_tag(const struct mem *m, vaddr_t p)
{
	return mem_ldw(m, vaddr_sub(p, MM_WORD));
}

static inline void set_chunk_tag(const struct mem *m, vaddr_t p, msize_t tag)
{
	mem_stw(m, vaddr_sub(p, MM_WORD), tag);
}

static inline msize_t tag_size(msize_t tag)
{
	return tag & ~TAG_FLAGS;
}

static inline bool tag_live(msize_t tag)
{
	return (tag & TAG_LIVE) != 0;
}

/* Live for the user, not for its neighbours only: a kept chunk counts as live for them. */
static inline bool tag_granted(msize_t tag)
{
	return (tag & (TAG_LIVE | TAG_KEPT)) == TAG_LIVE;
}

static inline bool tag_prev_free(msize_t tag)
{
	return (tag & TAG_PREV_FREE) != 0;
}

static inline vaddr_t chunk_after(vaddr_t p, msize_t size)
{
	return vaddr_add(p, size);
}

static inline vaddr_t link_next(const struct mem *m, vaddr_t p)
{
	return mem_ldva(m, p);
}

static inline vaddr_t link_prev(const struct mem *m, vaddr_t p)
{
	return mem_ldva(m, vaddr_add(p, MM_WORD));
}

static inline void set_link_prev(const struct mem *m, vaddr_t p, vaddr_t prev)
{
	mem_stva(m, vaddr_add(p, MM_WORD), prev);
}

/*
 * A link of chunk p that names `was` names `is` from now on; false: it names another.
 * A word that is not zero is in a marked frame.
 */
static inline bool relink_next(const struct mem *m, vaddr_t p, vaddr_t was, vaddr_t is)
{
	struct mm_rec links = mem_rec(m, p);

	if (mm_unlikely(rec_ldw(links, 0) != was.v))
		return false;
	rec_stw(links, 0, is.v);
	return true;
}

static inline bool relink_prev(const struct mem *m, vaddr_t p, vaddr_t was, vaddr_t is)
{
	struct mm_rec links = mem_rec(m, p);

	if (mm_unlikely(rec_ldw(links, MM_WORD) != was.v))
		return false;
	rec_stw(links, MM_WORD, is.v);
	return true;
}

/* The footer of the free chunk that ends where the header (`header` bytes) of p begins. */
static inline msize_t footer_before(const struct mem *m, vaddr_t p, msize_t header)
{
	return mem_ldw(m, vaddr_sub(p, header + MM_WORD));
}

static inline void set_footer_before(const struct mem *m, vaddr_t p, msize_t header, msize_t size)
{
	mem_stw(m, vaddr_sub(p, header + MM_WORD), size);
}

/* ---- segments ---- */

static inline vaddr_t segment_next(const struct mem *m, vaddr_t s)
{
	return mem_ldva(m, s);
}

static inline void set_segment_next(const struct mem *m, vaddr_t s, vaddr_t next)
{
	mem_stva(m, s, next);
}

static inline vaddr_t segment_prev(const struct mem *m, vaddr_t s)
{
	return mem_ldva(m, vaddr_add(s, MM_WORD));
}

static inline void set_segment_prev(const struct mem *m, vaddr_t s, vaddr_t prev)
{
	mem_stva(m, vaddr_add(s, MM_WORD), prev);
}

static inline msize_t segment_bytes(const struct mem *m, vaddr_t s)
{
	return mem_ldw(m, vaddr_add(s, 2 * MM_WORD));
}

static inline void set_segment_bytes(const struct mem *m, vaddr_t s, msize_t bytes)
{
	mem_stw(m, vaddr_add(s, 2 * MM_WORD), bytes);
}

/* The segment whose end tag is at e. */
static inline vaddr_t end_segment(const struct mem *m, vaddr_t e)
{
	return mem_ldva(m, e);
}

static inline void set_end_segment(const struct mem *m, vaddr_t e, vaddr_t s)
{
	mem_stva(m, e, s);
}

/* ---- control: a record at the first segment's base ---- */

static inline msize_t control_live(struct mm_rec c)
{
	return rec_ldw(c, 3 * MM_WORD);
}

static inline void set_control_live(struct mm_rec c, msize_t chunks)
{
	rec_stw(c, 3 * MM_WORD, chunks);
}

static inline msize_t control_low(struct mm_rec c)
{
	return rec_ldw(c, 4 * MM_WORD);
}

static inline msize_t control_high(struct mm_rec c)
{
	return rec_ldw(c, 5 * MM_WORD);
}

static inline void set_control_span(struct mm_rec c, msize_t low, msize_t high)
{
	rec_stw(c, 4 * MM_WORD, low);
	rec_stw(c, 5 * MM_WORD, high);
}

static inline uint32_t top_map(struct mm_rec c)
{
	return rec_ld32(c, CONTROL_MAPS);
}

static inline void set_top_map(struct mm_rec c, uint32_t map)
{
	rec_st32(c, CONTROL_MAPS, map);
}

static inline uint32_t row_map(struct mm_rec c, unsigned row)
{
	return rec_ld32(c, CONTROL_MAPS + 4 + 4 * (msize_t)row);
}

static inline void set_row_map(struct mm_rec c, unsigned row, uint32_t map)
{
	rec_st32(c, CONTROL_MAPS + 4 + 4 * (msize_t)row, map);
}

/* `heads` is where the heads begin, bytes from the control. */
static inline vaddr_t list_head(struct mm_rec c, msize_t heads, unsigned class)
{
	return (vaddr_t){rec_ldw(c, heads + (msize_t) class * MM_WORD)};
}

static inline void set_list_head(struct mm_rec c, msize_t heads, unsigned class, vaddr_t p)
{
	rec_stw(c, heads + (msize_t) class * MM_WORD, p.v);
}

/* `kept` is where the kept chunks' words begin, bytes from the control. */
static inline msize_t kept_bytes(struct mm_rec c, msize_t kept)
{
	return rec_ldw(c, kept);
}

static inline void set_kept_bytes(struct mm_rec c, msize_t kept, msize_t bytes)
{
	rec_stw(c, kept, bytes);
}

static inline vaddr_t kept_head(struct mm_rec c, msize_t kept, msize_t granules)
{
	return (vaddr_t){rec_ldw(c, kept + (1 + granules) * MM_WORD)};
}

static inline void set_kept_head(struct mm_rec c, msize_t kept, msize_t granules, vaddr_t p)
{
	rec_stw(c, kept + (1 + granules) * MM_WORD, p.v);
}

/* ---- a chunk as a record: its tag and links, translated once ---- */

static inline struct mm_rec chunk_rec(const struct mem *m, vaddr_t p)
{
	return mem_rec(m, vaddr_sub(p, MM_WORD));
}

/* A free chunk of record r comes into being: its tag and links may be stored to from now on. */
static inline void mark_chunk(const struct mem *m, struct mm_rec r)
{
	mem_mark(m, r, 0);
	mem_mark(m, r, 2 * MM_WORD);
}

static inline msize_t rec_tag(struct mm_rec r)
{
	return rec_ldw(r, 0);
}

static inline void set_rec_tag(struct mm_rec r, msize_t tag)
{
	rec_stw(r, 0, tag);
}

static inline vaddr_t rec_next(struct mm_rec r)
{
	return (vaddr_t){rec_ldw(r, MM_WORD)};
}

static inline void set_rec_next(struct mm_rec r, vaddr_t next)
{
	rec_stw(r, MM_WORD, next.v);
}

static inline vaddr_t rec_prev(struct mm_rec r)
{
	return (vaddr_t){rec_ldw(r, 2 * MM_WORD)};
}

/* The footer's record of a free chunk of `size` bytes (from the image: any) with record r. */
static inline struct mm_rec footer_rec(const struct mem *m, struct mm_rec r, msize_t size,
				       msize_t header)
{
	return mem_rec_on(m, r, size - header);
}

static inline msize_t rec_footer(struct mm_rec f)
{
	return rec_ldw(f, 0);
}

static inline void set_rec_footer(struct mm_rec f, msize_t size)
{
	rec_stw(f, 0, size);
}

#endif
