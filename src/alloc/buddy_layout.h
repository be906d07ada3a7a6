/*
 * buddy: what the bytes of a zone record mean; memmap_layout.h says where it lies,
 * alloc/page.h what a descriptor holds.  All fields are 32-bit words.
 *
 *   0    free       pages in the free lists
 *   4    managed    pages given to the zone
 *   8    fallbacks  requests served here that preferred another zone
 *   12   min, low, high   watermarks, pages
 *   24   nonempty   one word a migrate type: bit o says that its list of order o
 *                   has a block
 *   36   (zero)
 *   48   area 0, area 1, ... area max_order, of 32 bytes each:
 *        0   nr_free   blocks of this order, of all migrate types
 *        4   (zero)
 *        8   head, tail of the list of each migrate type: pfn, or all ones
 *
 * A block on a list is named by its first frame; the links are in that frame's
 * descriptor.  A free block of the largest order may head a *run*: `private` of
 * its descriptor counts the blocks right behind it that are free as well and
 * whose descriptors are still zero.  They take their place on the list when the
 * block before them is taken.
 */
#ifndef ALLOC_BUDDY_LAYOUT_H
#define ALLOC_BUDDY_LAYOUT_H

#include "alloc/page.h"

#define BUDDY_ZONE_HEAD  48u
#define BUDDY_AREA_SHIFT 5u
#define BUDDY_ZONE_BYTES(max_order)                                                                \
	(BUDDY_ZONE_HEAD + (((msize_t)(max_order) + 1) << BUDDY_AREA_SHIFT))

_Static_assert(8 + 8 * MIGRATE_TYPES == 1 << BUDDY_AREA_SHIFT, "an area is 32 bytes");

enum zone_word {
	ZONE_FREE = 0,
	ZONE_MANAGED = 4,
	ZONE_FALLBACKS = 8,
	ZONE_MIN = 12,
	ZONE_LOW = 16,
	ZONE_HIGH = 20,
	ZONE_NONEMPTY = 24,
	ZONE_SPARE = 36
};

static inline uint32_t zone_word(const struct mem *m, vaddr_t z, enum zone_word w)
{
	return mem_ld32(m, vaddr_add(z, w));
}

static inline void set_zone_word(const struct mem *m, vaddr_t z, enum zone_word w, uint32_t x)
{
	mem_st32(m, vaddr_add(z, w), x);
}

static inline uint32_t zone_nonempty(const struct mem *m, vaddr_t z, unsigned mt)
{
	return mem_ld32(m, vaddr_add(z, ZONE_NONEMPTY + (msize_t)mt * 4));
}

static inline void set_zone_nonempty(const struct mem *m, vaddr_t z, unsigned mt, uint32_t orders)
{
	mem_st32(m, vaddr_add(z, ZONE_NONEMPTY + (msize_t)mt * 4), orders);
}

static inline vaddr_t zone_area(vaddr_t z, unsigned order)
{
	return vaddr_add(z, BUDDY_ZONE_HEAD + ((msize_t)order << BUDDY_AREA_SHIFT));
}

static inline uint32_t area_nr_free(const struct mem *m, vaddr_t area)
{
	return mem_ld32(m, area);
}

static inline void set_area_nr_free(const struct mem *m, vaddr_t area, uint32_t blocks)
{
	mem_st32(m, area, blocks);
}

static inline pfn_t area_head(const struct mem *m, vaddr_t area, unsigned mt)
{
	return mem_ldpfn(m, vaddr_add(area, 8 + (msize_t)mt * 8));
}

static inline void set_area_head(const struct mem *m, vaddr_t area, unsigned mt, pfn_t pfn)
{
	mem_stpfn(m, vaddr_add(area, 8 + (msize_t)mt * 8), pfn);
}

static inline pfn_t area_tail(const struct mem *m, vaddr_t area, unsigned mt)
{
	return mem_ldpfn(m, vaddr_add(area, 12 + (msize_t)mt * 8));
}

static inline void set_area_tail(const struct mem *m, vaddr_t area, unsigned mt, pfn_t pfn)
{
	mem_stpfn(m, vaddr_add(area, 12 + (msize_t)mt * 8), pfn);
}

static inline void set_area_ends(const struct mem *m, vaddr_t area, unsigned mt, pfn_t head,
				 pfn_t tail)
{
	set_area_head(m, area, mt, head);
	set_area_tail(m, area, mt, tail);
}

/* Blocks of the largest order behind this free one that have no descriptors yet. */
static inline uint32_t page_run(const struct mem *m, vaddr_t desc)
{
	return (uint32_t)page_private(m, desc);
}

static inline void set_page_run(const struct mem *m, vaddr_t desc, uint32_t blocks)
{
	set_page_private(m, desc, blocks);
}

#endif
