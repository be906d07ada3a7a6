/*
 * memmap: ranges of frames and their descriptor arrays, for page allocators.
 * See memmap.c.  Not a kind: buddy and pagelist are built on it.
 */
#ifndef ALLOC_MEMMAP_H
#define ALLOC_MEMMAP_H

#include "alloc/alloc.h"
#include "alloc/memmap_layout.h"
#include "alloc/page.h"

/* One range, as read from the image. */
struct frame_range {
	pfn_t start;
	uint32_t nr; /* frames; 0: none */
	vaddr_t descs; /* VADDR_NONE: no frame of it is managed */
	unsigned zone;
};

/* Part of a page allocator's handle: geometry, fixed once memory is formatted. */
struct memmap {
	struct mem *m;
	vaddr_t root;
	vaddr_t zones; /* the first zone record */
	vaddr_t ranges; /* the first range record */
	msize_t zone_bytes; /* of one zone record */
	msize_t stride; /* of one descriptor, bytes */
	unsigned nr_zones, nr_ranges;
	unsigned page_shift;
	unsigned max_order;
	/* set before format and attach: bytes for pageblocks of that order; 0: none */
	unsigned block_order;
	struct mm_range desc_place; /* as in the environment */
	uint8_t zonelist[MM_MAX_ZONES];
	const uint8_t *zonelists; /* as in the environment */
	unsigned nodes;
	const struct zone_desc *desc; /* the machine's zones; borrowed */
	struct frame_range hot; /* the range looked up last */
};

/*
 * Formats the root and the descriptor arrays of env->zones, carved through
 * env->boot, all zero but for the head and the range table.  `zone_bytes` is the
 * size of the kind's zone record.  MM_EINVAL: the zones contradict each other;
 * MM_ENOMEM: no room for the root or for the descriptors of a zone with a
 * desc_zone.  A range too small or too full for its own descriptors has none.
 */
int memmap_format(struct memmap *mp, const struct alloc_env *env, msize_t zone_bytes,
		  unsigned max_order) MUST_USE;

/* Adopts what memmap_format left at env->root.  MM_EINVAL: it is of another geometry. */
int memmap_attach(struct memmap *mp, const struct alloc_env *env, msize_t zone_bytes,
		  unsigned max_order) MUST_USE;

/*
 * Takes over the next stretch of free frames of range i at or after *from, which
 * moves on; out->nr is 0 when there are no more.  MM_ENOMEM: the region manager's
 * table is full.  Ledger: MM_UNMANAGED -> MM_FREE.
 */
int memmap_take(struct memmap *mp, struct alloc *boot, unsigned i, pfn_t *from,
		struct pfn_range *out) MUST_USE;

/* The range that holds pfn, or one with nr == 0.  O(log ranges). */
struct frame_range memmap_find(const struct memmap *mp, pfn_t pfn);

/* Spans of the root and the descriptor arrays. */
void memmap_walk(const struct memmap *mp, walk_fn *fn, void *ctx);

/* The head and the range table agree with the machine; cites M1 to M3 of memmap.c. */
int memmap_check(const struct memmap *mp, struct check_report *r) MUST_USE;

/*
 * M4: bytes [from, stride) of n descriptors from `desc` on are zero (`from` is a
 * multiple of 4).  Frames of the image that no store has reached are taken at their word.
 */
int memmap_check_zero(const struct memmap *mp, struct check_report *r, vaddr_t desc, uint32_t n,
		      msize_t from) MUST_USE;

/* M4 of a block's head: what neither the block nor its taker uses is zero. */
int memmap_check_spare(const struct memmap *mp, struct check_report *r, vaddr_t desc) MUST_USE;

/* M5, of a live block. */
int memmap_check_live(const struct memmap *mp, struct check_report *r, vaddr_t desc) MUST_USE;

static inline vaddr_t memmap_zone(const struct memmap *mp, unsigned z)
{
	return vaddr_add(mp->zones, z * mp->zone_bytes);
}

static inline vaddr_t memmap_range(const struct memmap *mp, unsigned i)
{
	return vaddr_add(mp->ranges, (msize_t)i * MEMMAP_RANGE_BYTES);
}

static inline bool range_holds(const struct frame_range *r, pfn_t pfn)
{
	return pfn.v - r->start.v < r->nr;
}

static inline vaddr_t range_desc(const struct memmap *mp, const struct frame_range *r, pfn_t pfn)
{
	return vaddr_add(r->descs, (pfn.v - r->start.v) * mp->stride);
}

/* Bytes behind the descriptors of [start, start + nr), one for each pageblock it touches. */
static inline msize_t memmap_blocks_bytes(const struct memmap *mp, pfn_t start, uint32_t nr)
{
	unsigned o = mp->block_order;

	return o == 0 || nr == 0 ? 0 : ((start.v + nr - 1) >> o) - (start.v >> o) + 1;
}

/* The byte of pfn's pageblock. */
static inline vaddr_t range_pageblock(const struct memmap *mp, const struct frame_range *r,
				      pfn_t pfn)
{
	return vaddr_add(r->descs, r->nr * mp->stride + (pfn.v >> mp->block_order) -
					   (r->start.v >> mp->block_order));
}

/* Makes the range of pfn the hot one; false if pfn has no descriptor. */
MUST_USE static inline bool memmap_warm(struct memmap *mp, pfn_t pfn)
{
	struct frame_range r;

	if (mm_likely(range_holds(&mp->hot, pfn)))
		return true;
	r = memmap_find(mp, pfn);
	if (r.nr == 0 || vaddr_none(r.descs))
		return false;
	mp->hot = r;
	return true;
}

/* Out of line: pfn is not in the hot range.  A pfn without a descriptor is a bug. */
vaddr_t memmap_desc_cold(const struct memmap *mp, pfn_t pfn);

/* Address of the descriptor of pfn, which a link of the image names. */
static inline vaddr_t memmap_desc(const struct memmap *mp, pfn_t pfn)
{
	if (mm_likely(range_holds(&mp->hot, pfn)))
		return range_desc(mp, &mp->hot, pfn);
	return memmap_desc_cold(mp, pfn);
}

/* The order in which a request of that node tries the zones. */
static inline const uint8_t *memmap_zonelist(const struct memmap *mp, unsigned node)
{
	if (mm_likely(mp->zonelists == NULL) || node >= mp->nodes)
		return mp->zonelist;
	return mp->zonelists + node * mp->nr_zones;
}

/* Zones that may serve a request: those of its mask, with __GFP_THISNODE of its node only. */
static inline uint32_t memmap_zone_mask(const struct memmap *mp, const struct alloc_req *req)
{
	uint32_t mask = req->zone_mask;

	if (mm_likely((req->gfp & __GFP_THISNODE) == 0))
		return mask;
	for (unsigned z = 0; z < mp->nr_zones; z++)
		if (mp->desc[z].node != req->node)
			mask &= ~((uint32_t)1 << z);
	return mask;
}

/* ---- what the page operations of every kind built on this have in common ---- */

/* VADDR_NONE where pfn has no descriptor. */
vaddr_t memmap_descriptor(const struct memmap *mp, pfn_t pfn);

/* The stretch with descriptors that holds pfn, or the next one above it.  O(ranges). */
struct page_frames memmap_frames(const struct memmap *mp, pfn_t pfn);

/* Order of the live block that begins at pfn, or -1. */
int memmap_block_order(const struct memmap *mp, pfn_t pfn);

#endif
