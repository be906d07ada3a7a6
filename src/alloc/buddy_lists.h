/*
 * buddy: the free lists.  Everything here works on one operation, which holds a
 * copy of the view and of the hot range: stores to the image cannot change those,
 * so that compilers keep the translation in registers.
 */
#ifndef ALLOC_BUDDY_LISTS_H
#define ALLOC_BUDDY_LISTS_H

#include "alloc/buddy.h"
#include "alloc/buddy_layout.h"

#define BUDDY_INLINE static inline __attribute__((always_inline))

struct buddy_op {
	struct mem m; /* a copy: for loads and stores only */
	const struct memmap *map;
	struct frame_range hot; /* a copy of map->hot */
	msize_t stride; /* of a descriptor */
	vaddr_t z; /* the zone's record */
};

/* An operation on the zone of the hot range. */
BUDDY_INLINE struct buddy_op buddy_op(const struct memmap *map)
{
	return (struct buddy_op){*map->m, map, map->hot, map->stride,
				 memmap_zone(map, map->hot.zone)};
}

BUDDY_INLINE vaddr_t hot_desc(const struct buddy_op *o, pfn_t pfn)
{
	return vaddr_add(o->hot.descs, (pfn.v - o->hot.start.v) * o->stride);
}

/* The descriptor of a frame that a list names. */
BUDDY_INLINE vaddr_t op_desc(const struct buddy_op *o, pfn_t pfn)
{
	if (mm_likely(range_holds(&o->hot, pfn)))
		return hot_desc(o, pfn);
	return memmap_desc_cold(o->map, pfn);
}

BUDDY_INLINE void add_nonempty(const struct buddy_op *o, unsigned mt, uint32_t orders)
{
	set_zone_nonempty(&o->m, o->z, mt, zone_nonempty(&o->m, o->z, mt) | orders);
}

BUDDY_INLINE void add_nr_free(const struct buddy_op *o, vaddr_t area, uint32_t blocks)
{
	set_area_nr_free(&o->m, area, area_nr_free(&o->m, area) + blocks);
}

BUDDY_INLINE void add_zone_free(const struct buddy_op *o, uint32_t pages)
{
	set_zone_word(&o->m, o->z, ZONE_FREE, zone_word(&o->m, o->z, ZONE_FREE) + pages);
}

/* Puts the block at pfn before all others of its list. */
BUDDY_INLINE void area_add(const struct buddy_op *o, pfn_t pfn, unsigned order, unsigned mt)
{
	vaddr_t area = zone_area(o->z, order), desc = op_desc(o, pfn);
	pfn_t next = area_head(&o->m, area, mt);

	set_page_links(&o->m, desc, next, PFN_NONE);
	set_page_head(&o->m, desc, order, PAGE_BUDDY, mt, 0);
	set_area_head(&o->m, area, mt, pfn);
	if (pfn_none(next)) {
		set_area_tail(&o->m, area, mt, pfn);
		add_nonempty(o, mt, (uint32_t)1 << order);
	} else {
		set_page_prev(&o->m, op_desc(o, next), pfn);
	}
	add_nr_free(o, area, 1);
}

/* Puts the block at pfn behind all others of its list. */
BUDDY_INLINE void area_add_tail(const struct buddy_op *o, pfn_t pfn, unsigned order, unsigned mt)
{
	vaddr_t area = zone_area(o->z, order), desc = op_desc(o, pfn);
	pfn_t prev = area_tail(&o->m, area, mt);

	set_page_links(&o->m, desc, PFN_NONE, prev);
	set_page_head(&o->m, desc, order, PAGE_BUDDY, mt, 0);
	set_area_tail(&o->m, area, mt, pfn);
	if (pfn_none(prev)) {
		set_area_head(&o->m, area, mt, pfn);
		add_nonempty(o, mt, (uint32_t)1 << order);
	} else {
		set_page_next(&o->m, op_desc(o, prev), pfn);
	}
	add_nr_free(o, area, 1);
}

/*
 * Makes the block at pfn the only one of its list, which is empty; the caller
 * sets nonempty.
 */
BUDDY_INLINE void area_add_only(const struct buddy_op *o, pfn_t pfn, unsigned order, unsigned mt)
{
	vaddr_t area = zone_area(o->z, order), desc = op_desc(o, pfn);

	set_page_links(&o->m, desc, PFN_NONE, PFN_NONE);
	set_page_head(&o->m, desc, order, PAGE_BUDDY, mt, 0);
	set_area_ends(&o->m, area, mt, pfn, pfn);
	add_nr_free(o, area, 1);
}

/* Takes the block with that descriptor off its list; its links are zero then. */
BUDDY_INLINE void area_del(const struct buddy_op *o, vaddr_t desc, unsigned order, unsigned mt)
{
	vaddr_t area = zone_area(o->z, order);
	pfn_t next = page_next(&o->m, desc), prev = page_prev(&o->m, desc);

	if (pfn_none(prev))
		set_area_head(&o->m, area, mt, next);
	else
		set_page_next(&o->m, op_desc(o, prev), next);
	if (pfn_none(next))
		set_area_tail(&o->m, area, mt, prev);
	else
		set_page_prev(&o->m, op_desc(o, next), prev);
	if (pfn_none(next) && pfn_none(prev))
		set_zone_nonempty(&o->m, o->z, mt,
				  zone_nonempty(&o->m, o->z, mt) & ~((uint32_t)1 << order));
	add_nr_free(o, area, UINT32_MAX);
	set_page_links(&o->m, desc, (pfn_t){0}, (pfn_t){0});
}

#endif
