/*
 * Segments: the contiguous ranges a heap lives in, linked by address.  A fixed
 * arena is one segment; a heap that grows from pages has as many as it needs.
 *
 *   | next | prev | bytes | what the heap makes of it ...
 *   s      s+W    s+2W    s+3W
 *
 *   next, prev   neighbours in ascending order of address, none at the ends
 *   bytes        of the whole segment, these words included
 *
 * Two words of the heap's root, at `ends`, hold the first and the last segment.
 */
#ifndef ALLOC_SEGMENT_H
#define ALLOC_SEGMENT_H

#include "alloc/alloc.h"

#define SEG_BYTES (3u * MM_WORD)

struct seg_list {
	struct mem *m;
	vaddr_t ends;
	struct page_source *pages; /* NULL: a fixed arena */
	msize_t grow; /* bytes a segment asks for at least */
};

/*
 * Pages for a segment of `need` bytes; `grow` if that is more and can be had.
 * VADDR_NONE: refused.  *bytes: what came.
 */
vaddr_t seg_get(const struct seg_list *l, msize_t need, const struct alloc_req *req,
		msize_t *bytes);
/* Gives back a segment that seg_get gave, unlinked, its bytes MM_CACHED. */
void seg_put(const struct seg_list *l, vaddr_t s, msize_t bytes);

/* Writes the words of segment s and makes it the only one. */
void seg_first(const struct seg_list *l, vaddr_t s, msize_t bytes);
/* Writes the words of segment s and links it.  O(segments above it). */
void seg_link(const struct seg_list *l, vaddr_t s, msize_t bytes);
void seg_unlink(const struct seg_list *l, vaddr_t s);

/*
 * May the word at a, between the first and the last segment, be read?  A pointer
 * that is none of the heap's may lead into a hole there; an arena has none.
 */
bool seg_readable(const struct seg_list *l, vaddr_t a);

/* Bytes of the largest block of pages there is. */
msize_t seg_largest(const struct seg_list *l);

/* The part of an arena that begins at a whole word. */
static inline struct mm_range seg_arena(struct mm_range arena)
{
	msize_t skip = round_up(arena.base.v, MM_WORD) - arena.base.v;

	return (struct mm_range){vaddr_add(arena.base, skip),
				 arena.bytes < skip ? 0 : arena.bytes - skip};
}

/* Checks the words of segment s, reached from `prev`: where and how long it may be. */
bool seg_plausible(const struct seg_list *l, struct mm_range arena, vaddr_t s, vaddr_t prev);

static inline vaddr_t seg_next(const struct mem *m, vaddr_t s)
{
	return mem_ldva(m, s);
}

static inline void set_seg_next(const struct mem *m, vaddr_t s, vaddr_t next)
{
	mem_stva(m, s, next);
}

static inline vaddr_t seg_prev(const struct mem *m, vaddr_t s)
{
	return mem_ldva(m, vaddr_add(s, MM_WORD));
}

static inline void set_seg_prev(const struct mem *m, vaddr_t s, vaddr_t prev)
{
	mem_stva(m, vaddr_add(s, MM_WORD), prev);
}

static inline msize_t seg_bytes(const struct mem *m, vaddr_t s)
{
	return mem_ldw(m, vaddr_add(s, 2u * MM_WORD));
}

static inline void set_seg_bytes(const struct mem *m, vaddr_t s, msize_t bytes)
{
	mem_stw(m, vaddr_add(s, 2u * MM_WORD), bytes);
}

static inline vaddr_t first_segment(const struct mem *m, vaddr_t ends)
{
	return mem_ldva(m, ends);
}

static inline void set_first_segment(const struct mem *m, vaddr_t ends, vaddr_t s)
{
	mem_stva(m, ends, s);
}

static inline vaddr_t last_segment(const struct mem *m, vaddr_t ends)
{
	return mem_ldva(m, vaddr_add(ends, MM_WORD));
}

static inline void set_last_segment(const struct mem *m, vaddr_t ends, vaddr_t s)
{
	mem_stva(m, vaddr_add(ends, MM_WORD), s);
}

#endif
