/*
 * memblock: what the bytes of the table mean.
 *
 *   | head | memory 0 | memory 1 | ...  zero  ... | reserved 1 | reserved 0 |
 *   0      16         32                                       16 * (capacity + 1)
 *
 *   head      four 32-bit words: entries of memory, entries of reserved, slots in
 *             all, seal (a hash of all that precedes and follows it)
 *   entry     base and bytes, 64 bits each whatever the target's word: a 32-bit
 *             machine may hold more physical memory than a word can name
 *
 * Both arrays are ascending; reserved is kept from the far end backwards, so that
 * the two share the slots.  A slot of neither is zero.
 */
#ifndef ALLOC_MEMBLOCK_LAYOUT_H
#define ALLOC_MEMBLOCK_LAYOUT_H

#include "alloc/alloc.h"

#define MEMBLOCK_ENTRY_SHIFT 4u
#define MEMBLOCK_HEAD_BYTES  16u

enum memblock_word {
	MEMBLOCK_NR_MEMORY,
	MEMBLOCK_NR_RESERVED,
	MEMBLOCK_CAPACITY,
	MEMBLOCK_SEAL,
	MEMBLOCK_HEAD_WORDS
};

static inline uint32_t memblock_word(const struct mem *m, vaddr_t root, msize_t i)
{
	return mem_ld32(m, vaddr_add(root, i << 2));
}

static inline void set_memblock_word(const struct mem *m, vaddr_t root, msize_t i, uint32_t x)
{
	mem_st32(m, vaddr_add(root, i << 2), x);
}

static inline vaddr_t memblock_slot(vaddr_t root, unsigned slot)
{
	return vaddr_add(root, MEMBLOCK_HEAD_BYTES + ((msize_t)slot << MEMBLOCK_ENTRY_SHIFT));
}

/* 64 bits in two halves: some targets forbid the wide access.  The bare word may be narrower. */
static inline msize_t entry_half(const struct mem *m, vaddr_t at)
{
	msize_t high = mem_ld32(m, vaddr_add(at, 4));

	return mem_ld32(m, at) | high << 16 << 16;
}

static inline void set_entry_half(const struct mem *m, vaddr_t at, msize_t x)
{
	mem_st32(m, at, (uint32_t)x);
	mem_st32(m, vaddr_add(at, 4), (uint32_t)(x >> 16 >> 16));
}

static inline struct mm_range memblock_entry(const struct mem *m, vaddr_t root, unsigned slot)
{
	vaddr_t at = memblock_slot(root, slot);

	return (struct mm_range){{entry_half(m, at)}, entry_half(m, vaddr_add(at, 8))};
}

static inline void set_memblock_entry(const struct mem *m, vaddr_t root, unsigned slot,
				      struct mm_range x)
{
	vaddr_t at = memblock_slot(root, slot);

	set_entry_half(m, at, x.base.v);
	set_entry_half(m, vaddr_add(at, 8), x.bytes);
}

#endif
