/*
 * slabset: what the bytes mean.
 *
 * Cache record:
 *   0   head     32 bits: ref of the slab that serves next, first of a ring of the
 *                slabs with a free object; REF_NONE: there is none
 *   4   slabs    32 bits: slabs of the cache, full ones too
 *   8   empty    32 bits: of these, slabs without an object in use
 *   12  size     32 bits: bytes of an object as granted; 0: no cache
 *
 * Slab record, in the pool's map or at the start of the slab:
 *   0   next     32 bits: ring of listed slabs; REF_NONE both: not listed (full)
 *   4   prev     32 bits
 *   8   len      32 bits: units of the slab
 *   12  kind     16 bits: POOL_SLAB + number of the cache
 *   14  inuse    16 bits: objects in use
 *   16  list form:   target word: address of the first free object, or VADDR_NONE;
 *                    each free object begins with the link to the next, each one
 *                    granted with LINK_WIPED until its owner writes it
 *   16  bitmap form: bits[], target words: bit i is set when object i is in use
 */
#ifndef ALLOC_SLABSET_LAYOUT_H
#define ALLOC_SLABSET_LAYOUT_H

#include "alloc/slabpool_layout.h"
#include "alloc/slabset.h"

#define CACHE_RECORD 16u
#define SLAB_STATE   POOL_RECORD /* offset of list head or bits[] */
#define WORD_BITS    (8u * MM_WORD)
#define WORD_SHIFT   (MM_WORD == 4 ? 5u : 6u) /* log2 of WORD_BITS */

/* No link: an object never lies at 0, where a slab would have its record. */
#define LINK_WIPED ((vaddr_t){0})

/* ---- cache record ---- */

static inline uint32_t cache_head(const struct mem *m, vaddr_t k)
{
	return mem_ld32(m, k);
}

static inline void set_cache_head(const struct mem *m, vaddr_t k, uint32_t ref)
{
	mem_st32(m, k, ref);
}

static inline uint32_t cache_slabs(const struct mem *m, vaddr_t k)
{
	return mem_ld32(m, vaddr_add(k, 4));
}

static inline void set_cache_slabs(const struct mem *m, vaddr_t k, uint32_t n)
{
	mem_st32(m, vaddr_add(k, 4), n);
}

static inline uint32_t cache_empty(const struct mem *m, vaddr_t k)
{
	return mem_ld32(m, vaddr_add(k, 8));
}

static inline void set_cache_empty(const struct mem *m, vaddr_t k, uint32_t n)
{
	mem_st32(m, vaddr_add(k, 8), n);
}

static inline uint32_t cache_size(const struct mem *m, vaddr_t k)
{
	return mem_ld32(m, vaddr_add(k, 12));
}

static inline void set_cache_size(const struct mem *m, vaddr_t k, uint32_t bytes)
{
	mem_st32(m, vaddr_add(k, 12), bytes);
}

/* ---- slab record ---- */

static inline vaddr_t slab_record(const struct slabset *s, uint32_t ref)
{
	return vaddr_add(s->desc, (msize_t)ref * s->stride);
}

/* bits[] of a slab of nr objects, words. */
static inline uint32_t slab_words(uint32_t nr)
{
	return (nr + WORD_BITS - 1) >> WORD_SHIFT;
}

/* Bytes of a slab's record. */
static inline uint32_t slab_record_bytes(enum slab_form form, uint32_t nr)
{
	return SLAB_STATE + MM_WORD * (form == SLAB_LIST ? 1 : slab_words(nr));
}

/* List form. */

static inline vaddr_t slab_free(const struct mem *m, vaddr_t d)
{
	return mem_ldva(m, vaddr_add(d, SLAB_STATE));
}

static inline void set_slab_free(const struct mem *m, vaddr_t d, vaddr_t object)
{
	mem_stva(m, vaddr_add(d, SLAB_STATE), object);
}

static inline vaddr_t object_next(const struct mem *m, vaddr_t object)
{
	return mem_ldva(m, object);
}

static inline void set_object_next(const struct mem *m, vaddr_t object, vaddr_t next)
{
	mem_stva(m, object, next);
}

/* Bitmap form. */

static inline msize_t slab_bits(const struct mem *m, vaddr_t d, uint32_t word)
{
	return mem_ldw(m, vaddr_add(d, SLAB_STATE + MM_WORD * word));
}

static inline void set_slab_bits(const struct mem *m, vaddr_t d, uint32_t word, msize_t bits)
{
	mem_stw(m, vaddr_add(d, SLAB_STATE + MM_WORD * word), bits);
}

/* The bit of an object in its word of the bitmap. */
static inline msize_t object_bit(uint32_t index)
{
	return (msize_t)1 << (index & (WORD_BITS - 1));
}

/* The free objects of word w, for a slab of nr objects. */
static inline msize_t slab_free_bits(const struct mem *m, vaddr_t d, uint32_t w, uint32_t nr)
{
	uint32_t left = nr - (w << WORD_SHIFT);
	msize_t all = left < WORD_BITS ? ((msize_t)1 << left) - 1 : MM_WORD_ONES;

	return ~slab_bits(m, d, w) & all;
}

/* Takes the lowest free object of nr; there is one.  O(words). */
static inline uint32_t slab_take_bit(const struct mem *m, vaddr_t d, uint32_t nr)
{
	uint32_t w = 0;
	msize_t free = slab_free_bits(m, d, w, nr);

	while (free == 0)
		free = slab_free_bits(m, d, ++w, nr);
	set_slab_bits(m, d, w, slab_bits(m, d, w) | (free & -free));
	return (w << WORD_SHIFT) + lsb(free);
}

/* Gives object `index` back: false when it is free already. */
static inline bool slab_give_bit(const struct mem *m, vaddr_t d, uint32_t index)
{
	uint32_t w = index >> WORD_SHIFT;
	msize_t bits = slab_bits(m, d, w), bit = object_bit(index);

	if (mm_unlikely((bits & bit) == 0))
		return false;
	set_slab_bits(m, d, w, bits & ~bit);
	return true;
}

#endif
