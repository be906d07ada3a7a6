/*
 * buddy: splitting and merging, for the plain allocator (buddy.c) and the one with
 * migrate types (buddy_types.c).  Inline, so that each gets what it needs.
 */
#ifndef ALLOC_BUDDY_CORE_H
#define ALLOC_BUDDY_CORE_H

#include "alloc/buddy_lists.h"

BUDDY_INLINE pfn_t buddy_of(pfn_t pfn, unsigned order)
{
	return (pfn_t){pfn.v ^ (uint32_t)1 << order};
}

/*
 * A block of order `high` becomes one of `low`: [....pfn....] => [pfn][half][..half..]
 * `empty`: the lists of the halves are empty, as where the least order was taken.
 */
BUDDY_INLINE void expand(const struct buddy_op *o, pfn_t pfn, unsigned low, unsigned high,
			 unsigned mt, bool empty)
{
	uint32_t orders = ((uint32_t)1 << high) - ((uint32_t)1 << low);

	do {
		mm_event(o->map->m, MM_EV_SPLIT, pfn.v, high, o->hot.zone);
		high--;
		if (empty)
			area_add_only(o, pfn_add(pfn, (uint32_t)1 << high), high, mt);
		else
			area_add(o, pfn_add(pfn, (uint32_t)1 << high), high, mt);
	} while (high > low);
	if (empty)
		add_nonempty(o, mt, orders);
}

/* The block with that descriptor headed a run: the next block takes its place on the list. */
static inline void advance_run(const struct memmap *map, pfn_t pfn, vaddr_t desc, unsigned mt)
{
	struct buddy_op o = buddy_op(map);
	pfn_t next = pfn_add(pfn, (uint32_t)1 << map->max_order);
	uint32_t run = page_run(&o.m, desc);

	area_add(&o, next, map->max_order, mt);
	add_nr_free(&o, zone_area(o.z, map->max_order), UINT32_MAX);
	set_page_run(&o.m, op_desc(&o, next), run - 1);
	set_page_run(&o.m, desc, 0);
}

/* The least order from `order` on whose list is not empty; UINT_MAX if there is none. */
BUDDY_INLINE unsigned least_order(const struct buddy *b, unsigned zone, unsigned order, unsigned mt)
{
	uint32_t orders = zone_nonempty(b->map.m, memmap_zone(&b->map, zone), mt) >> order;

	if (orders == 0)
		return UINT32_MAX;
	if (mm_unlikely(orders >> (b->max_order - order) > 1))
		mm_bug(b->map.m, "nonempty has an order beyond the largest",
		       memmap_zone(&b->map, zone));
	return order + lsb(orders);
}

/* Makes the range of the list's first block the hot one. */
BUDDY_INLINE pfn_t first_block(struct buddy *b, unsigned zone, unsigned order, unsigned mt)
{
	vaddr_t area = zone_area(memmap_zone(&b->map, zone), order);
	pfn_t pfn = area_head(b->map.m, area, mt);

	if (mm_unlikely(!memmap_warm(&b->map, pfn) || b->map.hot.zone != zone))
		mm_bug(b->map.m, "a free list names a frame that is not of its zone", area);
	return pfn;
}

/*
 * Takes `order` out of the first block of list (from, mt), the halves going to the
 * lists of `halves`.  The block's head is not set, but its links and count are zero.
 */
BUDDY_INLINE pfn_t take_block(struct buddy *b, struct buddy_op *o, unsigned order, unsigned from,
			      unsigned mt, unsigned halves, pfn_t pfn, bool empty)
{
	vaddr_t desc = hot_desc(o, pfn);

	if (mm_unlikely(!page_heads(&o->m, desc, from, PAGE_BUDDY)))
		mm_bug(b->map.m, "a block on a free list is not free", desc);
	area_del(o, desc, from, mt);
	if (mm_unlikely(from == b->max_order) && page_run(&o->m, desc) != 0)
		advance_run(&b->map, pfn, desc, mt);
	if (from != order)
		expand(o, pfn, order, from, halves, empty);
	add_zone_free(o, 0u - ((uint32_t)1 << order));
	return pfn;
}

/* Whether a free block of that order begins at pfn, which may lie outside of the range. */
BUDDY_INLINE bool is_free_buddy(const struct buddy_op *o, pfn_t pfn, unsigned order)
{
	return range_holds(&o->hot, pfn) && page_heads(&o->m, hot_desc(o, pfn), order, PAGE_BUDDY);
}

/* Whether the block's buddy may soon be free and both then merge one further. */
BUDDY_INLINE bool may_merge_further(const struct buddy_op *o, pfn_t pfn, unsigned order,
				    unsigned max_order)
{
	pfn_t combined = {pfn.v & ~((uint32_t)1 << order)};

	return order + 1 < max_order && is_free_buddy(o, buddy_of(combined, order + 1), order + 1);
}

#endif
