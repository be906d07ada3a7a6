/*
 * memmap: what the bytes of a page allocator's root mean.
 *
 *   root
 *   | head 32 | zone 0 | zone 1 | ... | range 0 | range 1 | ... |
 *
 *   head    eight 32-bit words: zones, ranges, bytes of a zone record, descriptor
 *           stride, page shift, largest order, 0, 0
 *   zone    the kind's own record, see buddy_layout.h and pagelist_layout.h
 *   range   one a range of frames of any zone, ascending over all zones:
 *           0   start    pfn
 *           4   nr       frames
 *           8   zone     index
 *           12  managed  frames given to the allocator
 *           16  desc     target word: address of the first frame's descriptor, or
 *                        all ones where no frame is managed
 */
#ifndef ALLOC_MEMMAP_LAYOUT_H
#define ALLOC_MEMMAP_LAYOUT_H

#include "model/mem.h"

#define MEMMAP_HEAD_BYTES  32u
#define MEMMAP_RANGE_BYTES (16u + MM_WORD)

enum memmap_word {
	MEMMAP_NR_ZONES,
	MEMMAP_NR_RANGES,
	MEMMAP_ZONE_BYTES,
	MEMMAP_STRIDE,
	MEMMAP_PAGE_SHIFT,
	MEMMAP_MAX_ORDER,
	MEMMAP_NR_WORDS
};

static inline uint32_t memmap_word(const struct mem *m, vaddr_t root, unsigned i)
{
	return mem_ld32(m, vaddr_add(root, (msize_t)i * 4));
}

static inline void set_memmap_word(const struct mem *m, vaddr_t root, unsigned i, uint32_t x)
{
	mem_st32(m, vaddr_add(root, (msize_t)i * 4), x);
}

static inline pfn_t range_start(const struct mem *m, vaddr_t r)
{
	return mem_ldpfn(m, r);
}

static inline void set_range_start(const struct mem *m, vaddr_t r, pfn_t start)
{
	mem_stpfn(m, r, start);
}

static inline uint32_t range_nr(const struct mem *m, vaddr_t r)
{
	return mem_ld32(m, vaddr_add(r, 4));
}

static inline void set_range_nr(const struct mem *m, vaddr_t r, uint32_t frames)
{
	mem_st32(m, vaddr_add(r, 4), frames);
}

static inline uint32_t range_zone(const struct mem *m, vaddr_t r)
{
	return mem_ld32(m, vaddr_add(r, 8));
}

static inline void set_range_zone(const struct mem *m, vaddr_t r, uint32_t zone)
{
	mem_st32(m, vaddr_add(r, 8), zone);
}

static inline uint32_t range_managed(const struct mem *m, vaddr_t r)
{
	return mem_ld32(m, vaddr_add(r, 12));
}

static inline void set_range_managed(const struct mem *m, vaddr_t r, uint32_t frames)
{
	mem_st32(m, vaddr_add(r, 12), frames);
}

static inline vaddr_t range_descs(const struct mem *m, vaddr_t r)
{
	return mem_ldva(m, vaddr_add(r, 16));
}

static inline void set_range_descs(const struct mem *m, vaddr_t r, vaddr_t descs)
{
	mem_stva(m, vaddr_add(r, 16), descs);
}

#endif
