/*
 * slab_array: what the bytes mean.
 *
 * Record of a size, among the taker's bytes of the pool:
 *   0       cache record of slabset_layout.h
 *   16      count    32 bits: objects at hand
 *   20               32 bits, 0
 *   24      hand[]   HAND target words: addresses of free objects, the next to be
 *                    served is hand[count - 1]; VADDR_NONE from count on
 */
#ifndef ALLOC_SLAB_ARRAY_LAYOUT_H
#define ALLOC_SLAB_ARRAY_LAYOUT_H

#include "alloc/slab_array.h"
#include "alloc/slabset_layout.h"

#define HAND         16u /* most objects at hand of one size */
#define CLASS_RECORD (CACHE_RECORD + 8u + HAND * MM_WORD)

static inline uint32_t hand_count(const struct mem *m, vaddr_t k)
{
	return mem_ld32(m, vaddr_add(k, CACHE_RECORD));
}

static inline void set_hand_count(const struct mem *m, vaddr_t k, uint32_t n)
{
	mem_st32(m, vaddr_add(k, CACHE_RECORD), n);
}

/* For the checker: 0. */
static inline uint32_t hand_pad(const struct mem *m, vaddr_t k)
{
	return mem_ld32(m, vaddr_add(k, CACHE_RECORD + 4));
}

static inline vaddr_t hand_entry(const struct mem *m, vaddr_t k, uint32_t i)
{
	return mem_ldva(m, vaddr_add(k, CACHE_RECORD + 8 + MM_WORD * i));
}

static inline void set_hand_entry(const struct mem *m, vaddr_t k, uint32_t i, vaddr_t object)
{
	mem_stva(m, vaddr_add(k, CACHE_RECORD + 8 + MM_WORD * i), object);
}

#endif
