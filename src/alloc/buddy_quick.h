/*
 * buddy: what most requests with per-CPU lists are: the head of a list, of a zone that
 * has plenty, is taken, or a block is put there, and no limit is reached.
 *
 * These are the steps of buddy_marks.c and buddy_pcp.c for that case, on records that
 * are translated once: a zone's record with its lists, and the descriptors of two
 * blocks.  Whatever else there is to do (a watermark, an empty or a full list, another
 * range of frames) is found out before anything is changed, and left to them.
 */
#ifndef ALLOC_BUDDY_QUICK_H
#define ALLOC_BUDDY_QUICK_H

#include "alloc/buddy_lists.h"

/* What a request means before its order does. */
struct quick_req {
	unsigned zone; /* the first that may serve it */
	enum zone_type type; /* of the least precious one that may */
	unsigned cpu, mt, owner;
};

/* A CPU's lists of a zone, and the block in question. */
struct quick {
	struct mm_rec z, ext, pcp; /* the zone's record, its extension, the CPU's lists */
	unsigned list, order;
	uint32_t pages;
};

BUDDY_INLINE struct mm_rec quick_desc(const struct buddy *b, const struct mem *v, pfn_t pfn)
{
	return mem_rec(v, range_desc(&b->map, &b->map.hot, pfn));
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

/* The lists of blocks of that order and type; false: there are none, or not of the usual ones. */
BUDDY_INLINE bool quick_begin(const struct buddy *b, const struct mem *v, unsigned zone,
			      unsigned cpu, unsigned order, unsigned mt, struct quick *q)
{
	q->order = order;
	q->pages = (uint32_t)1 << order;
	q->list = MIGRATE_TYPES * order + mt;
	if (mm_unlikely(order >= BUDDY_LOW_ORDERS || q->list >= b->nr_lists))
		return false;
	if (mm_unlikely(cpu >= b->cpus))
		cpu = b->cpus - 1;
	q->z = mem_rec(v, memmap_zone(&b->map, zone));
	q->ext = rec_at(q->z, b->ext);
	q->pcp = rec_at(q->ext, ZONE_EXT_BYTES + cpu * b->pcp_bytes);
	return b->rules != BUDDY_LINUX_6 || (rec_ld32(q->ext, ZEXT_FLAGS) & ZONE_BELOW_HIGH) == 0;
}

BUDDY_INLINE msize_t quick_list_at(const struct quick *q)
{
	return PCP_HEAD_BYTES + (msize_t)q->list * 8;
}

/* The list's head was `was` or none, and is pfn or none: the other block's link, or the tail. */
BUDDY_INLINE void quick_relink(const struct buddy *b, const struct mem *v, const struct quick *q,
			       pfn_t pfn, pfn_t next)
{
	uint32_t bit = (uint32_t)1 << q->list, lists;

	if (mm_likely(!pfn_none(next))) {
		rec_st32(quick_desc(b, v, next), PAGE_OFF_PREV, pfn.v);
		return;
	}
	lists = rec_ld32(q->pcp, PCP_NONEMPTY);
	rec_st32(q->pcp, quick_list_at(q) + 4, pfn.v);
	rec_st32(q->pcp, PCP_NONEMPTY, pfn_none(pfn) ? lists & ~bit : lists | bit);
}

/* Does the zone keep more than its mark and reserve without these pages? */
BUDDY_INLINE bool quick_plenty(const struct buddy *b, const struct quick *q, enum zone_type type,
			       unsigned mt)
{
	uint32_t mark = rec_ld32(q->z, b->rules == BUDDY_LINUX_6 ? ZONE_HIGH : ZONE_LOW);
	uint32_t kept = mark + rec_ld32(q->ext, ZEXT_RESERVE + (msize_t)type * 4);
	uint32_t free = rec_ld32(q->z, ZONE_FREE);

	if (mt != MIGRATE_MOVABLE)
		free -= rec_ld32(q->ext, ZEXT_FREE_CMA);
	return free >= q->pages - 1 && free - (q->pages - 1) > kept;
}

/* Takes a block of `order` off its list and marks it live; false: nothing was done. */
BUDDY_INLINE bool quick_take(const struct buddy *b, const struct mem *v, const struct quick_req *r,
			     unsigned order, pfn_t *out)
{
	uint32_t freed;
	struct mm_rec desc;
	struct quick q;
	pfn_t pfn, next;

	if (!quick_begin(b, v, r->zone, r->cpu, order, r->mt, &q) ||
	    !quick_plenty(b, &q, r->type, r->mt))
		return false;
	pfn = (pfn_t){rec_ld32(q.pcp, quick_list_at(&q))};
	if (mm_unlikely(!range_holds(&b->map.hot, pfn)))
		return false;
	desc = quick_desc(b, v, pfn);
	next = (pfn_t){rec_ld32(desc, PAGE_OFF_NEXT)};
	if (mm_unlikely(!quick_heads(desc, order, PAGE_PCP) ||
			(!range_holds(&b->map.hot, next) && !pfn_none(next))))
		return false;
	freed = rec_ld32(q.pcp, PCP_FREE_COUNT);
	if (freed != 0)
		rec_st32(q.pcp, PCP_FREE_COUNT, freed >> 1);
	rec_st32(q.pcp, quick_list_at(&q), next.v);
	rec_st32(q.pcp, PCP_COUNT, rec_ld32(q.pcp, PCP_COUNT) - q.pages);
	quick_relink(b, v, &q, PFN_NONE, next);
	set_quick_links(desc, (pfn_t){0}, (pfn_t){0});
	set_quick_head(desc, order, PAGE_LIVE, r->mt, r->owner);
	*out = pfn;
	return true;
}

/* Linux 6: may q's pages come to the lists without a limit being reached or moved? */
BUDDY_INLINE bool quick_room(const struct quick *q)
{
	uint32_t high = rec_ld32(q->pcp, PCP_HIGH), min = rec_ld32(q->pcp, PCP_HIGH_MIN);

	if (mm_unlikely(rec_ld32(q->pcp, PCP_COUNT) + q->pages >= high || high < min ||
			high > rec_ld32(q->pcp, PCP_HIGH_MAX)))
		return false;
	return q->order == 0 || rec_ld32(q->pcp, PCP_FLAGS) == 0 ||
	       rec_ld32(q->pcp, PCP_FREE_COUNT) < rec_ld32(q->pcp, PCP_BATCH) + min / 2;
}

/* Linux 6: what a free moves that reaches no limit. */
BUDDY_INLINE void quick_settle(const struct quick *q)
{
	uint32_t factor = rec_ld32(q->pcp, PCP_ALLOC_FACTOR);
	uint32_t freed = rec_ld32(q->pcp, PCP_FREE_COUNT);
	uint32_t flags = q->order != 0 ? PCP_FREED_HIGH_ORDER : 0;

	if (factor != 0)
		rec_st32(q->pcp, PCP_ALLOC_FACTOR, factor >> 1);
	if (rec_ld32(q->pcp, PCP_FLAGS) != flags)
		rec_st32(q->pcp, PCP_FLAGS, flags);
	if (freed < rec_ld32(q->pcp, PCP_BATCH) << BUDDY_SCALE_MAX)
		rec_st32(q->pcp, PCP_FREE_COUNT, freed + q->pages);
}

/* Puts the live block at pfn, of no taker, on its list; false: nothing was done. */
BUDDY_INLINE bool quick_put(const struct buddy *b, const struct mem *v, unsigned cpu, pfn_t pfn,
			    unsigned order)
{
	const struct frame_range *hot = &b->map.hot;
	unsigned mt = BUDDY_ONE_TYPE;
	struct mm_rec desc;
	struct quick q;
	pfn_t next;

	if (mm_unlikely(!range_holds(hot, pfn)))
		return false;
	desc = quick_desc(b, v, pfn);
	if (b->types)
		mt = pageblock_mt(v, range_pageblock(&b->map, hot, pfn));
	if (mm_unlikely(mt >= MIGRATE_TYPES || !quick_heads(desc, order, PAGE_LIVE)) ||
	    !quick_begin(b, v, hot->zone, cpu, order, mt, &q))
		return false;
	if (b->rules == BUDDY_LINUX_6
		    ? !quick_room(&q)
		    : rec_ld32(q.pcp, PCP_COUNT) + q.pages >= rec_ld32(q.pcp, PCP_HIGH))
		return false;
	next = (pfn_t){rec_ld32(q.pcp, quick_list_at(&q))};
	if (mm_unlikely(!range_holds(hot, next) && !pfn_none(next)))
		return false;
	set_quick_links(desc, next, PFN_NONE);
	set_quick_head(desc, order, PAGE_PCP, mt, 0);
	rec_st32(q.pcp, quick_list_at(&q), pfn.v);
	rec_st32(q.pcp, PCP_COUNT, rec_ld32(q.pcp, PCP_COUNT) + q.pages);
	quick_relink(b, v, &q, pfn, next);
	if (b->rules == BUDDY_LINUX_6)
		quick_settle(&q);
	return true;
}

#endif
