/*
 * heap_4: what the bytes mean, W a target word.
 *
 *   free   | pxNextFreeBlock | xBlockSize | ... free ...
 *   live   | none            | size | MSB | granted ...
 *          b                 b+W          b+head
 *
 *   xBlockSize       bytes of the block, header included; its top bit says "live"
 *   pxNextFreeBlock  free: the next free block by address, none after the last;
 *                    live: none, which vPortFree checks
 *
 * With index tree a free block's words are
 *
 *          | left | xBlockSize | right | max | ... free ...
 *          b      b+W          b+2W    b+3W      (see fittree_layout.h)
 *
 *   segment | seg | root | pad | block | block | ... | pxEnd | pad |
 *
 *   seg    three words, see segment.h
 *   root   in the first segment only, seven words; what FreeRTOS has in static
 *          variables:
 *            +0  xStart.pxNextFreeBlock, or the tree's root link
 *            +W  first and
 *            +2W last segment
 *            +3W xFreeBytesRemaining
 *            +4W xMinimumEverFreeBytesRemaining
 *            +5W xNumberOfSuccessfulAllocations
 *            +6W xNumberOfSuccessfulFrees
 *   pxEnd  closes each segment: its first word names the segment, its size is 0
 *          and live.  (In FreeRTOS it also ends the list, which here ends with
 *          none, since there may be several segments.)
 */
#ifndef ALLOC_HEAP_4_LAYOUT_H
#define ALLOC_HEAP_4_LAYOUT_H

#include "alloc/heap_4.h"

#define HEAP_4_ROOT_BYTES (7u * MM_WORD)
#define HEAP_4_END_BYTES  (2u * MM_WORD)

/* heapBLOCK_ALLOCATED_BITMASK: the top bit of a target word. */
#define HEAP_4_LIVE ((msize_t)1 << (8u * MM_WORD - 1))

/* ---- blocks ---- */

/* The root stands for xStart: its next is the first free block. */
static inline vaddr_t block_next(const struct mem *m, vaddr_t b)
{
	return mem_ldva(m, b);
}

static inline void set_block_next(const struct mem *m, vaddr_t b, vaddr_t next)
{
	mem_stva(m, b, next);
}

static inline msize_t block_size_word(const struct mem *m, vaddr_t b)
{
	return mem_ldw(m, vaddr_add(b, MM_WORD));
}

static inline void set_block_size_word(const struct mem *m, vaddr_t b, msize_t size_and_live)
{
	mem_stw(m, vaddr_add(b, MM_WORD), size_and_live);
}

static inline msize_t block_size(const struct mem *m, vaddr_t b)
{
	return block_size_word(m, b) & ~HEAP_4_LIVE;
}

static inline bool block_is_live(const struct mem *m, vaddr_t b)
{
	return (block_size_word(m, b) & HEAP_4_LIVE) != 0;
}

/* The segment that the pxEnd at `end` closes. */
static inline vaddr_t end_segment(const struct mem *m, vaddr_t end)
{
	return mem_ldva(m, end);
}

/* ---- root ---- */

enum heap_4_counter { HEAP_4_FREE = 3, HEAP_4_MINIMUM = 4, HEAP_4_ALLOCS = 5, HEAP_4_FREES = 6 };

static inline msize_t root_counter(const struct mem *m, vaddr_t root, enum heap_4_counter i)
{
	return mem_ldw(m, vaddr_add(root, (msize_t)i * MM_WORD));
}

static inline void set_root_counter(const struct mem *m, vaddr_t root, enum heap_4_counter i,
				    msize_t x)
{
	mem_stw(m, vaddr_add(root, (msize_t)i * MM_WORD), x);
}

static inline vaddr_t root_ends(vaddr_t root)
{
	return vaddr_add(root, MM_WORD);
}

/* ---- segments ---- */

static inline bool has_root(const struct heap_4 *h, vaddr_t s)
{
	return vaddr_eq(vaddr_add(s, SEG_BYTES), h->base.root);
}

static inline vaddr_t segment_first_block(const struct heap_4 *h, vaddr_t s, bool root)
{
	msize_t head = SEG_BYTES + (root ? HEAP_4_ROOT_BYTES : 0u);

	return (vaddr_t){round_up(s.v + head, h->grain)};
}

/* Where pxEnd lies in a segment of `bytes`. */
static inline vaddr_t segment_px_end(const struct heap_4 *h, vaddr_t s, msize_t bytes)
{
	return (vaddr_t){round_down(s.v + bytes - HEAP_4_END_BYTES, h->grain)};
}

#endif
