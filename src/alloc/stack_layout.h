/*
 * stack: what the bytes mean.
 *
 *   block                                                            block end
 *   | head, 8 words | push | push | pad | push | ...  top  ... not yet pushed  |
 *
 *   head   target words, each an address unless said otherwise; "none" is all ones
 *          0  next       the block pushed to when this one was full
 *          1  top        the first byte not yet pushed
 *          2  first pad  of this block, by address
 *          3  last pad
 *          4  order      a number: of a block of pages; 0 in a fixed arena
 *          in the first block, elsewhere zero:
 *          5  current    the block pushed to
 *          6  granted    a number: bytes of all pushes
 *          7  (zero)
 *   pad    skipped for alignment, a multiple of the target's alignment:
 *          0  next pad of the block; bit 0 says that the pad is one word long
 *          1  its bytes, if it is longer
 *
 * Pushes have no header: nothing is lost to them but the rounding of their size.
 */
#ifndef ALLOC_STACK_LAYOUT_H
#define ALLOC_STACK_LAYOUT_H

#include "model/mem.h"

#define STACK_HEAD_BYTES (8u * MM_WORD)

enum stack_word {
	STACK_NEXT,
	STACK_TOP,
	STACK_FIRST_PAD,
	STACK_LAST_PAD,
	STACK_ORDER,
	STACK_CURRENT,
	STACK_GRANTED,
	STACK_SPARE
};

static inline msize_t stack_word(const struct mem *m, vaddr_t block, enum stack_word w)
{
	return mem_ldw(m, vaddr_add(block, (msize_t)w * MM_WORD));
}

static inline void set_stack_word(const struct mem *m, vaddr_t block, enum stack_word w, msize_t x)
{
	mem_stw(m, vaddr_add(block, (msize_t)w * MM_WORD), x);
}

static inline vaddr_t stack_link(const struct mem *m, vaddr_t block, enum stack_word w)
{
	return (vaddr_t){stack_word(m, block, w)};
}

static inline void set_stack_link(const struct mem *m, vaddr_t block, enum stack_word w, vaddr_t x)
{
	set_stack_word(m, block, w, x.v);
}

static inline bool pad_is_word(const struct mem *m, vaddr_t pad)
{
	return (mem_ldw(m, pad) & 1) != 0;
}

static inline vaddr_t pad_next(const struct mem *m, vaddr_t pad)
{
	msize_t x = mem_ldw(m, pad);

	return (x | 1) == MM_WORD_ONES ? VADDR_NONE : (vaddr_t){x & ~(msize_t)1};
}

static inline void set_pad_next(const struct mem *m, vaddr_t pad, vaddr_t next)
{
	mem_stw(m, pad, (next.v & ~(msize_t)1) | pad_is_word(m, pad));
}

static inline msize_t pad_bytes(const struct mem *m, vaddr_t pad)
{
	return pad_is_word(m, pad) ? MM_WORD : mem_ldw(m, vaddr_add(pad, MM_WORD));
}

/* A pad of `bytes` (a multiple of the word) with no next. */
static inline void set_pad(const struct mem *m, vaddr_t pad, msize_t bytes)
{
	mem_stw(m, pad, (MM_WORD_ONES & ~(msize_t)1) | (bytes == MM_WORD));
	if (bytes != MM_WORD)
		mem_stw(m, vaddr_add(pad, MM_WORD), bytes);
}

/* Bytes of a pad that say what it is; the rest is slack. */
static inline msize_t pad_head_bytes(msize_t bytes)
{
	return bytes == MM_WORD ? MM_WORD : 2u * MM_WORD;
}

#endif
