/*
 * kmem: what a slab layer keeps in the page descriptor of a block's head, behind alloc/page.h
 * (X = PAGE_DESC_BYTES):
 *   private      the cache's descriptor; KMEM_LARGE: a block of kmalloc's, no slab
 *   X    freelist   target word: slub: first free object that no CPU has; slab: the slab's
 *                   record
 *   X+W  counters   32 bits: slub's; slab: 0
 *   +4   layer      32 bits: 1 + pfn of the layer's root, so that no page of another taker is
 *                   taken for a slab
 */
#ifndef ALLOC_KMEM_LAYOUT_H
#define ALLOC_KMEM_LAYOUT_H

#include "alloc/page.h"

#define KMEM_LARGE 1u

#define DESC_FREELIST PAGE_DESC_BYTES
#define DESC_COUNTERS (PAGE_DESC_BYTES + MM_WORD)
#define DESC_LAYER    (PAGE_DESC_BYTES + MM_WORD + 4u)
#define DESC_BYTES    (PAGE_DESC_BYTES + MM_WORD + 8u)

static inline msize_t block_cache(struct mm_rec d)
{
	return rec_ldw(d, PAGE_OFF_PRIVATE);
}

static inline vaddr_t block_freelist(struct mm_rec d)
{
	return (vaddr_t){rec_ldw(d, DESC_FREELIST)};
}

static inline unsigned block_order(struct mm_rec d)
{
	return rec_ld16(d, PAGE_OFF_ORDER) & 0xff;
}

#endif
