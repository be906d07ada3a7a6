/* kmem: from the sizes of kmalloc to caches, for every slab layer. */
#ifndef ALLOC_KMEM_CLASSES_H
#define ALLOC_KMEM_CLASSES_H

#include "alloc/alloc.h"

#define KMALLOC_TYPES   2u /* normal, and GFP_DMA */
#define KMALLOC_INDICES 23u /* 1: 96 bytes, 2: 192, else 2^index, up to 4 MiB */
#define KMALLOC_SMALL   1024u /* sizes that a table leads to their index */

/* Where a layer's kmalloc caches are: geometry of the handle. */
struct kmalloc_classes {
	vaddr_t cache[KMALLOC_TYPES][KMALLOC_INDICES]; /* descriptors; none: no such size */
	uint8_t index_of[KMALLOC_SMALL / 8]; /* by (size - 1) / 8 */
	uint32_t largest; /* bytes of the largest size */
	uint32_t least; /* bytes of the least size */
	bool powers; /* powers of two only: neither 96 nor 192 */
};

/* Bytes of the objects of an index: kmalloc_size(1) == 96, kmalloc_size(5) == 32. */
static inline uint32_t kmalloc_size(unsigned index)
{
	return index == 1 ? 96 : index == 2 ? 192 : (uint32_t)1 << index;
}

/* The least index whose objects hold `size` bytes, 0 < size <= largest. */
static inline unsigned kmalloc_index(const struct kmalloc_classes *k, msize_t size)
{
	return size <= KMALLOC_SMALL ? k->index_of[(size - 1) / 8] : msb(size - 1) + 1;
}

/* Is there a size of that index?  Sizes go from `least` (a power of two) to `largest`. */
static inline bool kmalloc_has(const struct kmalloc_classes *k, unsigned index)
{
	/* 96 and 192 fill gaps only where objects may lie at multiples of 32 and 64. */
	if (index < 3)
		return index != 0 && !k->powers && k->least <= (index == 1 ? 32u : 64u) &&
		       k->largest > kmalloc_size(index);
	return (msize_t)1 << index >= k->least && (msize_t)1 << index <= k->largest;
}

/*
 * Sets what decides the sizes, and the table of the small ones; the caches are not known
 * yet.  `least` and `largest` are powers of two, 8 <= least <= largest <= 4 MiB.
 */
void kmalloc_setup(struct kmalloc_classes *k, uint32_t least, uint32_t largest, bool powers);

#endif
