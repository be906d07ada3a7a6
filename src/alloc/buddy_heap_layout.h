/*
 * buddy_heap: what the bytes mean.  Blocks carry no header; their state lies in a
 * map at the start of the range they fill (an arena, or a segment of pages).
 *
 *   base                                                                      end
 *   | (links) | (control) | map | pad | block | block | ...               | pad |
 *                                      ^ unit `first`                      ^ unit `end`
 *
 *   links    in a segment of pages, target words: base of the next segment and of the previous
 *            one, all ones for none; live blocks in this segment
 *   control  in an arena and in the first segment:
 *     live   target word: live blocks
 *     orders target word: bit k is set when the list of order k is not empty
 *     large  32 bits (and 32 of zero): pfn of the first large block, or all ones
 *     head[k]    target word: first free block of order k, or all ones
 *
 *   map      2 bits a unit of the least block's size, 16 units to a 32-bit word, counted
 *            from `origin` (the base rounded up to a unit):
 *              0  inside a block, or no unit        1  head of a live block
 *              2  head of a free block              3  head of a block of 16 units or more
 *            A block below 16 units ends where the next head or its word ends.  The word of
 *            a larger block, which it has to itself, holds 3, bit 2: live, bits 8 to 15: the
 *            order; its other words are 0.  Unit `end` says 1 where it shares a word with
 *            the last block.
 *
 *   free block:  | next | prev | ...    links of its order's list; the head's prev is not read
 */
#ifndef ALLOC_BUDDY_HEAP_LAYOUT_H
#define ALLOC_BUDDY_HEAP_LAYOUT_H

#include "model/mem.h"

#define UNIT_INSIDE 0u
#define UNIT_LIVE   1u
#define UNIT_FREE   2u
#define UNIT_BIG    3u

#define WORD_UNITS_LOG2 4u /* units in a word of the map */
#define WORD_UNITS      16u
#define BIG_LIVE        4u

#define CONTROL_LIVE   0u
#define CONTROL_ORDERS MM_WORD
#define CONTROL_LARGE  (2u * MM_WORD)
#define CONTROL_HEADS  (2u * MM_WORD + 8u)
#define SEGMENT_LINKS  (3u * MM_WORD)

/* The map word of a block of 16 units or more. */
static inline uint32_t big_word(unsigned order, bool live)
{
	return UNIT_BIG | (live ? BIG_LIVE : 0) | (uint32_t)order << 8;
}

static inline unsigned big_order(uint32_t word)
{
	return word >> 8 & 255;
}

/* Where in its map word a unit's two bits lie. */
static inline unsigned unit_shift(msize_t unit)
{
	return 2 * ((unsigned)unit & (WORD_UNITS - 1));
}

static inline uint32_t map_word(const struct mem *m, vaddr_t map, msize_t unit)
{
	return mem_ld32(m, vaddr_add(map, unit >> WORD_UNITS_LOG2 << 2));
}

static inline void set_map_word(const struct mem *m, vaddr_t map, msize_t unit, uint32_t word)
{
	mem_st32(m, vaddr_add(map, unit >> WORD_UNITS_LOG2 << 2), word);
}

/* ---- links of a free block ---- */

static inline vaddr_t block_next(const struct mem *m, vaddr_t p)
{
	return mem_ldva(m, p);
}

static inline void set_block_next(const struct mem *m, vaddr_t p, vaddr_t next)
{
	mem_stva(m, p, next);
}

static inline vaddr_t block_prev(const struct mem *m, vaddr_t p)
{
	return mem_ldva(m, vaddr_add(p, MM_WORD));
}

static inline void set_block_prev(const struct mem *m, vaddr_t p, vaddr_t prev)
{
	mem_stva(m, vaddr_add(p, MM_WORD), prev);
}

/* ---- the control ---- */

static inline msize_t live_blocks(const struct mem *m, vaddr_t control)
{
	return mem_ldw(m, vaddr_add(control, CONTROL_LIVE));
}

static inline void set_live_blocks(const struct mem *m, vaddr_t control, msize_t n)
{
	mem_stw(m, vaddr_add(control, CONTROL_LIVE), n);
}

static inline msize_t order_bits(const struct mem *m, vaddr_t control)
{
	return mem_ldw(m, vaddr_add(control, CONTROL_ORDERS));
}

static inline void set_order_bits(const struct mem *m, vaddr_t control, msize_t bits)
{
	mem_stw(m, vaddr_add(control, CONTROL_ORDERS), bits);
}

static inline pfn_t large_head(const struct mem *m, vaddr_t control)
{
	return mem_ldpfn(m, vaddr_add(control, CONTROL_LARGE));
}

static inline void set_large_head(const struct mem *m, vaddr_t control, pfn_t pfn)
{
	mem_stpfn(m, vaddr_add(control, CONTROL_LARGE), pfn);
}

/* The 32 bits behind it, which are always zero. */
static inline uint32_t large_pad(const struct mem *m, vaddr_t control)
{
	return mem_ld32(m, vaddr_add(control, CONTROL_LARGE + 4));
}

static inline void clear_large_pad(const struct mem *m, vaddr_t control)
{
	mem_st32(m, vaddr_add(control, CONTROL_LARGE + 4), 0);
}

/* ---- links of a segment of pages ---- */

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

static inline msize_t segment_live(const struct mem *m, vaddr_t s)
{
	return mem_ldw(m, vaddr_add(s, 2 * MM_WORD));
}

static inline void set_segment_live(const struct mem *m, vaddr_t s, msize_t blocks)
{
	mem_stw(m, vaddr_add(s, 2 * MM_WORD), blocks);
}

/* ---- the map ---- */

/*
 * The order of the block of fewer than 16 units that unit u heads in its map word,
 * or -1: the heads behind it leave it a length that no block has.
 */
static inline int small_order(uint32_t word, msize_t u)
{
	uint64_t behind = (uint64_t)word >> unit_shift(u) >> 2;
	unsigned in_word = (unsigned)u & (WORD_UNITS - 1);
	unsigned units = behind != 0 ? 1 + lsb(behind) / 2 : WORD_UNITS - in_word;

	if (!is_pow2(units) || units == WORD_UNITS || (in_word & (units - 1)) != 0)
		return -1;
	return (int)lsb(units);
}

/* As small_order, for any block that is live (or free, if `live` is false). */
static inline int head_order(uint32_t word, msize_t u, bool live)
{
	uint32_t code = word >> unit_shift(u) & 3;

	/* The word of a large block: its other bits are no units. */
	if ((word & 3) == UNIT_BIG && (u & (WORD_UNITS - 1)) != 0)
		return -1;
	if (code == (live ? UNIT_LIVE : UNIT_FREE))
		return small_order(word, u);
	if (code == UNIT_BIG && word == big_word(big_order(word), live))
		return (int)big_order(word);
	return -1;
}

/* Writes the head of a block of 2^order units at u over what its words held of it (0). */
static inline void set_head(const struct mem *m, vaddr_t map, msize_t u, unsigned order, bool live)
{
	if (order >= WORD_UNITS_LOG2)
		set_map_word(m, map, u, big_word(order, live));
	else
		set_map_word(m, map, u,
			     (map_word(m, map, u) & ~(UINT32_C(3) << unit_shift(u))) |
				     (live ? UNIT_LIVE : UNIT_FREE) << unit_shift(u));
}

/* Makes the head at u of a block of 2^order units the inside of another. */
static inline void clear_head(const struct mem *m, vaddr_t map, msize_t u, unsigned order)
{
	if (order >= WORD_UNITS_LOG2)
		set_map_word(m, map, u, 0);
	else
		set_map_word(m, map, u, map_word(m, map, u) & ~(UINT32_C(3) << unit_shift(u)));
}

static inline vaddr_t order_head(const struct mem *m, vaddr_t control, unsigned order)
{
	return mem_ldva(m, vaddr_add(control, CONTROL_HEADS + (msize_t)order * MM_WORD));
}

static inline void set_order_head(const struct mem *m, vaddr_t control, unsigned order, vaddr_t p)
{
	mem_stva(m, vaddr_add(control, CONTROL_HEADS + (msize_t)order * MM_WORD), p);
}

#endif
