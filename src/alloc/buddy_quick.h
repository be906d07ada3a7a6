/*
 * buddy: what most requests with per-CPU lists are: the head of a list, of a zone that
 * has plenty, is taken, or a block is put there, and no limit is reached.
 *
 * These are the steps of buddy_marks.c and buddy_pcp.c for that case, on a *lane*: the
 * records of one CPU's lists and of the range of frames at hand, translated once, with
 * the limits that only the ordinary ways move.  One lane does for many requests, as long
 * as all of them stay on it.  Whatever else there is to do (a watermark, an empty or a
 * full list, another range) is found out before anything is changed, and left to them.
 */
#ifndef ALLOC_BUDDY_QUICK_H
#define ALLOC_BUDDY_QUICK_H

#include "alloc/buddy_lists.h"

/* A CPU's lists of the zone that the hot range belongs to; valid until an ordinary way is gone. */
struct quick_lane {
	struct mm_rec pcp; /* the lists */
	struct mm_rec descs, blocks; /* descriptors of the range; bytes of its pageblocks */
	msize_t stride;
	uint32_t start, nr, first_block; /* of the range; its first pageblock */
	unsigned block_order;
	unsigned lists; /* of the low orders; 0: nothing can be done here */
	bool typed, adapts; /* migrate types; lists of Linux 6, which adapt */
	/* A block of at most as many pages may be taken; by a request for movable ones. */
	uint32_t spare, spare_movable;
	uint32_t room; /* the lists hold fewer pages than these after a put */
	/* Linux 6: from so many pages freed in a row on, a second block of a higher order drains
	 * the lists; and they are counted up to the other. */
	uint32_t row_high, row_most;
};

/* Pages that may go and leave the zone its mark and its reserve. */
BUDDY_INLINE uint32_t lane_spare(uint32_t free, uint32_t kept)
{
	return free > kept ? free - kept : 0;
}

/* What takes go by, for requests that a zone of that type may serve. */
BUDDY_INLINE void lane_for_takes(const struct buddy *b, struct quick_lane *l, struct mm_rec z,
				 struct mm_rec ext, enum zone_type type)
{
	uint32_t mark = rec_ld32(z, b->rules == BUDDY_LINUX_6 ? ZONE_HIGH : ZONE_LOW);
	uint32_t kept = mark + rec_ld32(ext, ZEXT_RESERVE + (msize_t)type * 4);
	uint32_t free = rec_ld32(z, ZONE_FREE);

	l->spare_movable = lane_spare(free, kept);
	l->spare = lane_spare(free - rec_ld32(ext, ZEXT_FREE_CMA), kept);
}

/* What puts go by. */
BUDDY_INLINE void lane_for_puts(struct quick_lane *l)
{
	uint32_t high = rec_ld32(l->pcp, PCP_HIGH), min = rec_ld32(l->pcp, PCP_HIGH_MIN);
	uint32_t batch = rec_ld32(l->pcp, PCP_BATCH);

	l->room = high;
	/* A limit that is about to move. */
	if (l->adapts && (high < min || high > rec_ld32(l->pcp, PCP_HIGH_MAX)))
		l->room = 0;
	l->row_high = batch + min / 2;
	l->row_most = batch << BUDDY_SCALE_MAX;
}

/*
 * The lane of a CPU and the hot range; for takes if `zone`, the first one that may serve
 * the requests, is the range's, with `type` of the least precious that may.
 */
BUDDY_INLINE struct quick_lane quick_lane(const struct buddy *b, const struct mem *v, unsigned cpu,
					  unsigned zone, enum zone_type type)
{
	const struct frame_range *hot = &b->map.hot;
	struct quick_lane l = {.nr = hot->nr, .lists = 0};
	struct mm_rec z, ext;

	if (mm_unlikely(b->nr_lists == 0 || hot->nr == 0))
		return l;
	if (mm_unlikely(cpu >= b->cpus))
		cpu = b->cpus - 1;
	z = mem_rec(v, memmap_zone(&b->map, hot->zone));
	ext = rec_at(z, b->ext);
	l.adapts = b->rules == BUDDY_LINUX_6;
	if (l.adapts && (rec_ld32(ext, ZEXT_FLAGS) & ZONE_BELOW_HIGH) != 0)
		return l;
	l.lists = b->nr_lists < MIGRATE_TYPES * BUDDY_LOW_ORDERS ? b->nr_lists
								 : MIGRATE_TYPES * BUDDY_LOW_ORDERS;
	l.pcp = rec_at(ext, ZONE_EXT_BYTES + cpu * b->pcp_bytes);
	l.descs = mem_rec(v, hot->descs);
	l.stride = b->map.stride;
	l.start = hot->start.v;
	l.typed = b->types;
	l.block_order = b->map.block_order;
	l.first_block = l.start >> l.block_order;
	l.blocks = rec_at(l.descs, l.nr * l.stride);
	if (zone == hot->zone)
		lane_for_takes(b, &l, z, ext, type);
	lane_for_puts(&l);
	return l;
}

BUDDY_INLINE struct mm_rec lane_desc(const struct quick_lane *l, uint32_t frame)
{
	return rec_at(l->descs, frame * l->stride);
}

/* The frame in the range; `nr` or more: it is of another one, or none. */
BUDDY_INLINE uint32_t lane_frame(const struct quick_lane *l, pfn_t pfn)
{
	return pfn.v - l->start;
}

/* Order and state of a block, as page_heads compares them; with the taker's mark. */
BUDDY_INLINE bool quick_heads(struct mm_rec desc, unsigned order, enum page_state state)
{
	return rec_ld16(desc, PAGE_OFF_ORDER) == (order | (unsigned)state << 8);
}

BUDDY_INLINE void set_quick_links(struct mm_rec desc, pfn_t next, pfn_t prev)
{
	if (MM_WORD == 8) {
		rec_stw(desc, PAGE_OFF_NEXT, (msize_t)(next.v | (uint64_t)prev.v << 32));
	} else {
		rec_st32(desc, PAGE_OFF_NEXT, next.v);
		rec_st32(desc, PAGE_OFF_PREV, prev.v);
	}
}

BUDDY_INLINE void set_quick_head(struct mm_rec desc, unsigned order, enum page_state state,
				 unsigned mt, unsigned owner)
{
	rec_st32(desc, PAGE_OFF_ORDER,
		 order | (uint32_t)state << 8 | (uint32_t)mt << 16 | (uint32_t)owner << 24);
}

BUDDY_INLINE msize_t quick_list_at(unsigned list)
{
	return PCP_HEAD_BYTES + (msize_t)list * 8;
}

/* The list has just become empty, or has pfn alone. */
BUDDY_INLINE void quick_only(const struct quick_lane *l, unsigned list, pfn_t pfn)
{
	uint32_t bit = (uint32_t)1 << list, lists = rec_ld32(l->pcp, PCP_NONEMPTY);

	rec_st32(l->pcp, quick_list_at(list) + 4, pfn.v);
	rec_st32(l->pcp, PCP_NONEMPTY, pfn_none(pfn) ? lists & ~bit : lists | bit);
}

/* The list's head was `was` and is pfn, or was pfn and is `next`: the other one's link back. */
BUDDY_INLINE void quick_relink(const struct quick_lane *l, unsigned list, uint32_t next, pfn_t pfn)
{
	if (mm_likely(next < l->nr))
		rec_st32(lane_desc(l, next), PAGE_OFF_PREV, pfn.v);
	else
		quick_only(l, list, pfn);
}

BUDDY_INLINE void quick_add_pages(const struct quick_lane *l, uint32_t pages)
{
	rec_st32(l->pcp, PCP_COUNT, rec_ld32(l->pcp, PCP_COUNT) + pages);
}

/* Takes a block of `order` and type `mt` off its list and marks it live; false: nothing was done. */
BUDDY_INLINE bool quick_take(const struct quick_lane *l, unsigned order, unsigned mt,
			     unsigned owner, pfn_t *out)
{
	const unsigned list = MIGRATE_TYPES * order + mt;
	uint32_t pages, freed, frame, next;
	struct mm_rec desc;
	pfn_t pfn;

	if (mm_unlikely(list >= l->lists))
		return false;
	pages = (uint32_t)1 << order;
	pfn = (pfn_t){rec_ld32(l->pcp, quick_list_at(list))};
	frame = lane_frame(l, pfn);
	if (mm_unlikely(pages > (mt == MIGRATE_MOVABLE ? l->spare_movable : l->spare)) ||
	    mm_unlikely(frame >= l->nr))
		return false;
	desc = lane_desc(l, frame);
	next = rec_ld32(desc, PAGE_OFF_NEXT);
	if (mm_unlikely(!quick_heads(desc, order, PAGE_PCP) ||
			(lane_frame(l, (pfn_t){next}) >= l->nr && next != PFN_NONE.v)))
		return false;
	freed = rec_ld32(l->pcp, PCP_FREE_COUNT);
	if (freed != 0)
		rec_st32(l->pcp, PCP_FREE_COUNT, freed >> 1);
	rec_st32(l->pcp, quick_list_at(list), next);
	quick_add_pages(l, 0 - pages);
	quick_relink(l, list, lane_frame(l, (pfn_t){next}), PFN_NONE);
	set_quick_links(desc, (pfn_t){0}, (pfn_t){0});
	set_quick_head(desc, order, PAGE_LIVE, mt, owner);
	*out = pfn;
	return true;
}

/* Linux 6: does the free of a block of that order drain the lists, as one of a row of them? */
BUDDY_INLINE bool quick_drains(const struct quick_lane *l, unsigned order)
{
	return order != 0 && rec_ld32(l->pcp, PCP_FLAGS) != 0 &&
	       rec_ld32(l->pcp, PCP_FREE_COUNT) >= l->row_high;
}

/* Linux 6: what a free moves that reaches no limit. */
BUDDY_INLINE void quick_settle(const struct quick_lane *l, unsigned order, uint32_t pages)
{
	uint32_t factor = rec_ld32(l->pcp, PCP_ALLOC_FACTOR);
	uint32_t freed = rec_ld32(l->pcp, PCP_FREE_COUNT);
	uint32_t flags = order != 0 ? PCP_FREED_HIGH_ORDER : 0;

	if (factor != 0)
		rec_st32(l->pcp, PCP_ALLOC_FACTOR, factor >> 1);
	if (rec_ld32(l->pcp, PCP_FLAGS) != flags)
		rec_st32(l->pcp, PCP_FLAGS, flags);
	if (freed < l->row_most)
		rec_st32(l->pcp, PCP_FREE_COUNT, freed + pages);
}

/* The type that the block's pageblock has. */
BUDDY_INLINE unsigned lane_type(const struct quick_lane *l, pfn_t pfn)
{
	if (!l->typed)
		return BUDDY_ONE_TYPE;
	return rec_ld8(l->blocks, (pfn.v >> l->block_order) - l->first_block) ^ MIGRATE_MOVABLE;
}

/* Puts the live block at pfn, of no taker, on its list; false: nothing was done. */
BUDDY_INLINE bool quick_put(const struct quick_lane *l, pfn_t pfn, unsigned order)
{
	const uint32_t frame = lane_frame(l, pfn);
	uint32_t pages, next;
	struct mm_rec desc;
	unsigned list, mt;

	if (mm_unlikely(frame >= l->nr || order >= BUDDY_LOW_ORDERS))
		return false;
	desc = lane_desc(l, frame);
	mt = lane_type(l, pfn);
	list = MIGRATE_TYPES * order + mt;
	pages = (uint32_t)1 << order;
	if (mm_unlikely(mt >= MIGRATE_TYPES || list >= l->lists ||
			!quick_heads(desc, order, PAGE_LIVE)) ||
	    mm_unlikely(rec_ld32(l->pcp, PCP_COUNT) + pages >= l->room) ||
	    (l->adapts && quick_drains(l, order)))
		return false;
	next = rec_ld32(l->pcp, quick_list_at(list));
	if (mm_unlikely(lane_frame(l, (pfn_t){next}) >= l->nr && next != PFN_NONE.v))
		return false;
	set_quick_links(desc, (pfn_t){next}, PFN_NONE);
	set_quick_head(desc, order, PAGE_PCP, mt, 0);
	rec_st32(l->pcp, quick_list_at(list), pfn.v);
	quick_add_pages(l, pages);
	quick_relink(l, list, lane_frame(l, (pfn_t){next}), pfn);
	if (l->adapts)
		quick_settle(l, order, pages);
	return true;
}

#endif
