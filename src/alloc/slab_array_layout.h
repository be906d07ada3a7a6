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

#define HAND         16u /* most objects at hand of one size, a power of two */
#define CLASS_RECORD (CACHE_RECORD + 8u + HAND * MM_WORD)

/* ---- record of a size ---- */

static inline uint32_t hand_count(struct mm_rec k)
{
	return rec_ld32(k, CACHE_RECORD);
}

static inline void set_hand_count(struct mm_rec k, uint32_t n)
{
	rec_st32(k, CACHE_RECORD, n);
}

/* Empty slabs of the size: cache_empty of slabset_layout.h. */
static inline uint32_t class_empty(struct mm_rec k)
{
	return rec_ld32(k, 8);
}

static inline void set_class_empty(struct mm_rec k, uint32_t n)
{
	rec_st32(k, 8, n);
}

/* For the checker: 0. */
static inline uint32_t hand_pad(struct mm_rec k)
{
	return rec_ld32(k, CACHE_RECORD + 4);
}

/* Where entry i is: a corrupt count names nothing beyond the record. */
static inline msize_t hand_at(uint32_t i)
{
	return CACHE_RECORD + 8 + MM_WORD * (i & (HAND - 1));
}

static inline vaddr_t hand_entry(struct mm_rec k, uint32_t i)
{
	return (vaddr_t){rec_ldw(k, hand_at(i))};
}

static inline void set_hand_entry(struct mm_rec k, uint32_t i, vaddr_t object)
{
	rec_stw(k, hand_at(i), object.v);
}

/* Makes an empty stack, with stores that mark the record's frames. */
static inline void format_hand(const struct mem *m, vaddr_t k)
{
	mem_st32(m, vaddr_add(k, CACHE_RECORD), 0);
	for (uint32_t i = 0; i < HAND; i++)
		mem_stva(m, vaddr_add(k, hand_at(i)), VADDR_NONE);
}

/* ---- record of a slab in use, of which each word has been stored to ---- */

static inline unsigned slab_kind(struct mm_rec d)
{
	return rec_ld16(d, 12);
}

static inline unsigned slab_inuse(struct mm_rec d)
{
	return rec_ld16(d, 14);
}

static inline void set_slab_inuse(struct mm_rec d, unsigned objects)
{
	rec_st16(d, 14, (uint16_t)objects);
}

static inline msize_t slab_word(struct mm_rec d, uint32_t word)
{
	return rec_ldw(d, SLAB_STATE + MM_WORD * word);
}

static inline void set_slab_word(struct mm_rec d, uint32_t word, msize_t bits)
{
	rec_stw(d, SLAB_STATE + MM_WORD * word, bits);
}

#endif
