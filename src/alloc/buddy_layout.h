/*
 * buddy: what the bytes of a zone record mean; memmap_layout.h says where it lies,
 * alloc/page.h what a descriptor holds.  All fields are 32-bit words.
 *
 *   0    free       pages in the free lists
 *   4    managed    pages given to the zone
 *   8    fallbacks  requests served here that preferred another zone
 *   12   min, low, high   watermarks, pages
 *   24   nonempty   one word a migrate type, CMA's the last: bit o says that its list of
 *                   order o has a block
 *   40   (zero)
 *   48   area 0, area 1, ... area max_order, of 40 bytes each:
 *        0   nr_free   blocks of this order, of all migrate types
 *        4   (zero)
 *        8   head, tail of the list of each migrate type: pfn, or all ones
 *   then, where a rule set of Linux or the textbook holds (struct buddy's `ext`):
 *   0    flags      ZONE_BELOW_HIGH
 *   4    absent     frames in live blocks that are not managed (of a start state)
 *   8    claims, steals   pageblocks taken over, blocks taken, by another migrate type
 *   16   reclaimed  pages that shrinkers gave back when the zone ran short
 *   20   reserve    lowmem_reserve: five words, pages, by enum zone_type
 *   40   free_cma   pages free in pageblocks that CMA lends
 *   44   cma        such pageblocks
 *   48   a record for each CPU (struct buddy's `pcp_bytes`), if there are per-CPU lists:
 *        0   count       pages on the lists, hidden ones included
 *        4   hidden      pages that a start state counts and does not name
 *        8   high, batch, high_min, high_max   pages, see buddy_pcp.c
 *        24  alloc_factor, free_count
 *        32  flags       PCP_FREED_HIGH_ORDER
 *        36  decay       ms of the clock when high falls next; 0: the clock has not begun
 *        40  nonempty    bit i: list i has a block
 *        44  (zero)
 *        48  head, tail of each list: pfn, or all ones
 *
 * Behind a range's descriptors lies a byte for each of its pageblocks: its migrate
 * type, xor MIGRATE_MOVABLE, so that a movable one is zero and need not be written.
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
#define BUDDY_AREA_BYTES (8u + 8u * MIGRATE_LISTS)
#define BUDDY_ZONE_BYTES(max_order)                                                                \
	(BUDDY_ZONE_HEAD + ((msize_t)(max_order) + 1) * BUDDY_AREA_BYTES)

enum zone_word {
	ZONE_FREE = 0,
	ZONE_MANAGED = 4,
	ZONE_FALLBACKS = 8,
	ZONE_MIN = 12,
	ZONE_LOW = 16,
	ZONE_HIGH = 20,
	ZONE_NONEMPTY = 24,
	ZONE_SPARE = 40
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
	return vaddr_add(z, BUDDY_ZONE_HEAD + (msize_t)order * BUDDY_AREA_BYTES);
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

/* ---- the extension ---- */

#define ZONE_EXT_BYTES  48u
#define ZONE_BELOW_HIGH 1u

enum zone_ext_word {
	ZEXT_FLAGS = 0,
	ZEXT_ABSENT = 4,
	ZEXT_CLAIMS = 8,
	ZEXT_STEALS = 12,
	ZEXT_RECLAIMED = 16,
	ZEXT_RESERVE = 20,
	ZEXT_FREE_CMA = 40,
	ZEXT_CMA = 44
};

_Static_assert(ZEXT_RESERVE + 4 * ZONE_TYPES == ZEXT_FREE_CMA, "reserves end where CMA begins");

static inline uint32_t zext_word(const struct mem *m, vaddr_t ext, enum zone_ext_word w)
{
	return mem_ld32(m, vaddr_add(ext, w));
}

static inline void set_zext_word(const struct mem *m, vaddr_t ext, enum zone_ext_word w, uint32_t x)
{
	mem_st32(m, vaddr_add(ext, w), x);
}

static inline uint32_t zone_reserve(const struct mem *m, vaddr_t ext, unsigned type)
{
	return mem_ld32(m, vaddr_add(ext, ZEXT_RESERVE + (msize_t)type * 4));
}

static inline void set_zone_reserve(const struct mem *m, vaddr_t ext, unsigned type, uint32_t pages)
{
	mem_st32(m, vaddr_add(ext, ZEXT_RESERVE + (msize_t)type * 4), pages);
}

/* ---- a CPU's record ---- */

#define PCP_HEAD_BYTES       48u
#define PCP_BYTES(nr_lists)  (PCP_HEAD_BYTES + 8 * (msize_t)(nr_lists))
#define PCP_FREED_HIGH_ORDER 1u

enum pcp_word {
	PCP_COUNT = 0,
	PCP_HIDDEN = 4,
	PCP_HIGH = 8,
	PCP_BATCH = 12,
	PCP_HIGH_MIN = 16,
	PCP_HIGH_MAX = 20,
	PCP_ALLOC_FACTOR = 24,
	PCP_FREE_COUNT = 28,
	PCP_FLAGS = 32,
	PCP_DECAY = 36,
	PCP_NONEMPTY = 40,
	PCP_SPARE = 44
};

static inline uint32_t pcp_word(const struct mem *m, vaddr_t pcp, enum pcp_word w)
{
	return mem_ld32(m, vaddr_add(pcp, w));
}

static inline void set_pcp_word(const struct mem *m, vaddr_t pcp, enum pcp_word w, uint32_t x)
{
	mem_st32(m, vaddr_add(pcp, w), x);
}

static inline pfn_t pcp_head(const struct mem *m, vaddr_t pcp, unsigned list)
{
	return mem_ldpfn(m, vaddr_add(pcp, PCP_HEAD_BYTES + (msize_t)list * 8));
}

static inline void set_pcp_head(const struct mem *m, vaddr_t pcp, unsigned list, pfn_t pfn)
{
	mem_stpfn(m, vaddr_add(pcp, PCP_HEAD_BYTES + (msize_t)list * 8), pfn);
}

static inline pfn_t pcp_tail(const struct mem *m, vaddr_t pcp, unsigned list)
{
	return mem_ldpfn(m, vaddr_add(pcp, PCP_HEAD_BYTES + 4 + (msize_t)list * 8));
}

static inline void set_pcp_tail(const struct mem *m, vaddr_t pcp, unsigned list, pfn_t pfn)
{
	mem_stpfn(m, vaddr_add(pcp, PCP_HEAD_BYTES + 4 + (msize_t)list * 8), pfn);
}

/* ---- pageblocks ---- */

static inline unsigned pageblock_mt(const struct mem *m, vaddr_t at)
{
	return mem_ld8(m, at) ^ MIGRATE_MOVABLE;
}

static inline void set_pageblock_mt(const struct mem *m, vaddr_t at, unsigned mt)
{
	mem_st8(m, at, (uint8_t)(mt ^ MIGRATE_MOVABLE));
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
