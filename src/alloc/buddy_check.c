/*
 * buddy: the checker of invariants I1 to I9 of buddy.c; buddy_check_zone.c has the rest.
 * In both directions: from
 * the lists to the descriptors and from every descriptor to the counts of the
 * lists.  Either alone is blind: a wrong free mark in a page that is on no list
 * makes the next merge take somebody's memory.
 *
 * Don't-care bits: `fallbacks` (a count of the past), the owner and migrate type
 * of a live block (its taker's), links and `private` of one marked PAGE_TAKEN.
 */
#include "alloc/buddy.h"
#include "alloc/buddy_layout.h"

/* What the descriptors of a zone add up to. */
struct tally {
	uint32_t blocks[BUDDY_MAX_ORDER + 1]; /* free, of each order */
	uint32_t free, managed, listed, free_cma; /* pages */
};

/* I2: what a list says of a block is what its descriptor says. */
static int check_listed(const struct buddy *b, struct check_report *r, unsigned zone,
			unsigned order, unsigned mt, pfn_t pfn)
{
	struct frame_range range = memmap_find(&b->map, pfn);
	vaddr_t desc = memmap_descriptor(&b->map, pfn);

	if (vaddr_none(desc) || range.zone != zone)
		return check_fail(r, "I2: a listed block is of its zone", desc, pfn.v, zone);
	if (!page_heads(b->map.m, desc, order, PAGE_BUDDY) || page_mt(b->map.m, desc) != mt)
		return check_fail(r, "I2: a listed block is free, of its order and type", desc,
				  page_order(b->map.m, desc), order);
	return 0;
}

/* I1 of one list; adds its blocks to *blocks, which goes no further than `limit`. */
static int check_list(const struct buddy *b, struct check_report *r, unsigned zone, unsigned order,
		      unsigned mt, uint32_t limit, uint32_t *blocks)
{
	const struct mem *m = b->map.m;
	vaddr_t area = zone_area(memmap_zone(&b->map, zone), order);
	pfn_t prev = PFN_NONE, pfn = area_head(m, area, mt);

	while (!pfn_none(pfn)) {
		vaddr_t desc;

		if (check_listed(b, r, zone, order, mt, pfn) != 0)
			return MM_EINVAL;
		desc = memmap_descriptor(&b->map, pfn);
		if (!pfn_eq(page_prev(m, desc), prev))
			return check_fail(r, "I1: prev leads back", desc, page_prev(m, desc).v,
					  prev.v);
		*blocks += 1 + page_run(m, desc);
		if (*blocks > limit)
			return check_fail(r, "I4: nr_free counts the free blocks", area, limit,
					  *blocks);
		prev = pfn;
		pfn = page_next(m, desc);
	}
	if (!pfn_eq(area_tail(m, area, mt), prev))
		return check_fail(r, "I1: the tail is the last of the list", area,
				  area_tail(m, area, mt).v, prev.v);
	return 0;
}

/* I3, and I4 from the lists' side, for one area. */
static int check_area(const struct buddy *b, struct check_report *r, unsigned zone, unsigned order)
{
	vaddr_t z = memmap_zone(&b->map, zone), area = zone_area(z, order);
	uint32_t blocks = 0, nr = area_nr_free(b->map.m, area);

	for (unsigned mt = 0; mt < MIGRATE_LISTS; mt++) {
		bool bit = (zone_nonempty(b->map.m, z, mt) >> order & 1) != 0;

		if (bit == pfn_none(area_head(b->map.m, area, mt)))
			return check_fail(r, "I3: nonempty has the lists with a block", area, bit,
					  !bit);
		if (check_list(b, r, zone, order, mt, nr, &blocks) != 0)
			return MM_EINVAL;
	}
	if (blocks != nr)
		return check_fail(r, "I4: nr_free counts the free blocks", area, nr, blocks);
	if (mem_ld32(b->map.m, vaddr_add(area, 4)) != 0)
		return check_fail(r, "I9: spare words are zero", area, 1, 0);
	return 0;
}

static int check_zone_head(const struct buddy *b, struct check_report *r, vaddr_t z)
{
	const struct mem *m = b->map.m;

	for (unsigned mt = 0; mt < MIGRATE_LISTS; mt++)
		if (zone_nonempty(m, z, mt) >> b->max_order > 1)
			return check_fail(r, "I3: nonempty has no order beyond the largest", z,
					  zone_nonempty(m, z, mt), 0);
	for (msize_t at = ZONE_SPARE; at < BUDDY_ZONE_HEAD; at += 4)
		if (mem_ld32(m, vaddr_add(z, at)) != 0)
			return check_fail(r, "I9: spare words are zero", z, at, 0);
	if (b->ext == 0 && (zone_word(m, z, ZONE_MIN) | zone_word(m, z, ZONE_LOW) |
			    zone_word(m, z, ZONE_HIGH)) != 0)
		return check_fail(r, "I9: no watermarks are set", z, zone_word(m, z, ZONE_MIN), 0);
	return 0;
}

/* ---- from the descriptors ---- */

/* I7: the buddy of the free block at pfn is not free as well. */
static int check_buddy(const struct buddy *b, struct check_report *r,
		       const struct frame_range *range, pfn_t pfn, unsigned order)
{
	pfn_t buddy = {pfn.v ^ (uint32_t)1 << order};

	if (order == b->max_order || !range_holds(range, buddy))
		return 0;
	if (page_heads(b->map.m, range_desc(&b->map, range, buddy), order, PAGE_BUDDY))
		return check_fail(r, "I7: no two free buddies exist",
				  range_desc(&b->map, range, pfn), pfn.v, buddy.v);
	return 0;
}

/* I6 of a block of either state; `run` further blocks belong to it. */
static int check_extent(const struct buddy *b, struct check_report *r,
			const struct frame_range *range, pfn_t pfn, vaddr_t desc)
{
	unsigned order = page_order(b->map.m, desc);
	uint32_t left = range->nr - (pfn.v - range->start.v);
	msize_t run = 0;

	if (order > b->max_order || (pfn.v & (((uint32_t)1 << order) - 1)) != 0)
		return check_fail(r, "I2: a block is aligned to its size", desc, pfn.v, order);
	if (page_state(b->map.m, desc) == PAGE_BUDDY)
		run = page_private(b->map.m, desc);
	if (run != 0 && order != b->max_order)
		return check_fail(r, "I6: only blocks of the largest order head a run", desc, run,
				  0);
	if (run >= left || (run + 1) << order > left)
		return check_fail(r, "I6: a block lies within its range", desc, pfn.v, left);
	return memmap_check_zero(&b->map, r, vaddr_add(desc, b->map.stride),
				 (uint32_t)(((run + 1) << order) - 1), 0);
}

static int check_free(const struct buddy *b, struct check_report *r,
		      const struct frame_range *range, pfn_t pfn, vaddr_t desc)
{
	const struct mem *m = b->map.m;

	if (page_taken(m, desc) || page_owner(m, desc) != 0)
		return check_fail(r, "I9: a free block has no owner", desc, page_owner(m, desc), 0);
	if (buddy_check_type(b, r, range, pfn, desc) != 0)
		return MM_EINVAL;
	return check_buddy(b, r, range, pfn, page_order(m, desc));
}

/* Checks the frames from pfn on that belong together; *pages says how many they are. */
static int check_frames(const struct buddy *b, struct check_report *r,
			const struct frame_range *range, pfn_t pfn, struct tally *t,
			uint32_t *pages)
{
	vaddr_t desc = range_desc(&b->map, range, pfn);
	enum page_state state = page_state(b->map.m, desc);
	unsigned order = page_order(b->map.m, desc);

	*pages = 1;
	if (state != PAGE_BUDDY && state != PAGE_LIVE && (state != PAGE_PCP || b->nr_lists == 0))
		return memmap_check_zero(&b->map, r, desc, 1, 0);
	if (check_extent(b, r, range, pfn, desc) != 0 || memmap_check_spare(&b->map, r, desc) != 0)
		return MM_EINVAL;
	*pages = (uint32_t)1 << order;
	if (state == PAGE_BUDDY) {
		uint32_t blocks = 1 + page_run(b->map.m, desc);

		*pages = blocks << order;
		t->blocks[order] += blocks;
		t->free += *pages;
		t->free_cma += page_mt(b->map.m, desc) == MIGRATE_CMA ? *pages : 0;
	}
	t->managed += *pages;
	if (state == PAGE_PCP) {
		t->listed += *pages;
		return 0;
	}
	return state == PAGE_LIVE ? memmap_check_live(&b->map, r, desc)
				  : check_free(b, r, range, pfn, desc);
}

/* I8 of one range; adds up its blocks. */
static int check_range(const struct buddy *b, struct check_report *r, vaddr_t at, struct tally *t)
{
	struct frame_range range = {range_start(b->map.m, at), range_nr(b->map.m, at),
				    range_descs(b->map.m, at), range_zone(b->map.m, at)};
	uint32_t before = t->managed, pages;

	if (vaddr_none(range.descs))
		return 0;
	for (uint32_t k = 0; k < range.nr; k += pages)
		if (check_frames(b, r, &range, pfn_add(range.start, k), t, &pages) != 0)
			return MM_EINVAL;
	if (t->managed - before != range_managed(b->map.m, at))
		return check_fail(r, "I8: the blocks are all of a range's pages", at,
				  t->managed - before, range_managed(b->map.m, at));
	return 0;
}

/* I4, I5 and I8 of a zone: what its descriptors say is what its record says. */
static int check_zone(const struct buddy *b, struct check_report *r, unsigned zone)
{
	const struct mem *m = b->map.m;
	vaddr_t z = memmap_zone(&b->map, zone);
	struct tally t = {.free = 0};
	uint32_t absent = 0;

	if (check_zone_head(b, r, z) != 0)
		return MM_EINVAL;
	for (unsigned i = 0; i < b->map.nr_ranges; i++) {
		vaddr_t at = memmap_range(&b->map, i);

		if (range_zone(m, at) == zone && check_range(b, r, at, &t) != 0)
			return MM_EINVAL;
	}
	for (unsigned o = 0; o <= b->max_order; o++) {
		if (check_area(b, r, zone, o) != 0)
			return MM_EINVAL;
		if (t.blocks[o] != area_nr_free(m, zone_area(z, o)))
			return check_fail(r, "I5: every free block is on a list", zone_area(z, o),
					  area_nr_free(m, zone_area(z, o)), t.blocks[o]);
	}
	if (t.free != zone_word(m, z, ZONE_FREE))
		return check_fail(r, "I4: free counts the free pages", z,
				  zone_word(m, z, ZONE_FREE), t.free);
	if (b->ext != 0 && zext_word(m, buddy_ext(b, zone), ZEXT_FREE_CMA) != t.free_cma)
		return check_fail(r, "I14: free_cma counts the free pages that CMA lends",
				  buddy_ext(b, zone),
				  zext_word(m, buddy_ext(b, zone), ZEXT_FREE_CMA), t.free_cma);
	if (b->ext != 0)
		absent = zext_word(m, buddy_ext(b, zone), ZEXT_ABSENT);
	if (t.managed != zone_word(m, z, ZONE_MANAGED) + absent)
		return check_fail(r, "I8: managed counts the zone's pages", z,
				  zone_word(m, z, ZONE_MANAGED), t.managed);
	if (b->start == NULL && absent != 0)
		return check_fail(r, "I8: only a recorded state has absent frames", z, absent, 0);
	return b->ext == 0 ? 0 : buddy_check_ext(b, r, zone, t.listed);
}

int buddy_check(const struct alloc *a, struct check_report *r)
{
	const struct buddy *b = (const struct buddy *)a;

	if (memmap_check(&b->map, r) != 0)
		return MM_EINVAL;
	for (unsigned z = 0; z < b->map.nr_zones; z++)
		if (check_zone(b, r, z) != 0)
			return MM_EINVAL;
	return 0;
}
