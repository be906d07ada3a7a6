/*
 * buddy: the page allocator.  Free memory is kept in blocks of 2^order pages,
 * each aligned to its size, on one list for every order, migrate type and zone.
 *
 * A request takes the head of the smallest sufficient order and splits it, the
 * upper halves going to the heads of their lists.  A freed block merges with its
 * buddy (pfn ^ 2^order) as long as that is free and of the same order.  The result
 * goes to the head of its list, or to the tail if the buddy of the next larger
 * block is free: then the two are likely to merge soon and should be left alone.
 * K. C. Knowlton, "A fast storage allocator", CACM 8(10), 1965; the rules of
 * detail are those of Linux 4.19.
 *
 * Zones are tried in the order of the zonelist.  Blocks never cross the ends of a
 * range, which may be odd.  At boot blocks of the largest order join their list as
 * runs, of which only the first has a descriptor (see buddy_layout.h): decisions
 * are the same as if all had been put there in ascending order, but a machine of
 * 64 GiB boots without touching a descriptor array.
 *
 * Worst case: O(max_order) time.  For requests of up to 2^n pages with at most M
 * pages live, M (1 + n/2) - 2^n + 1 pages always suffice (Robson, "Bounds for some
 * functions concerning dynamic storage allocation", JACM 21(3), 1974), and rounding
 * to powers of two wastes up to half of each block.
 *
 * Invariants, cited by buddy_check, besides those of memmap.c:
 *   I1  a list's links agree in both directions, and its ends are head and tail
 *   I2  a block on a list is free, of its order, type and zone, and aligned
 *   I3  nonempty has a bit for exactly the lists with a block
 *   I4  nr_free counts the free blocks of an order, free the pages in them
 *   I5  every free block is on a list
 *   I6  a block lies within its range; no two blocks overlap
 *   I7  no two free buddies exist
 *   I8  free and live blocks are all of a range's managed pages
 *   I9  a free block has no owner; spare words are zero
 *
 * One migrate type is used: with so few pageblocks mobility grouping is off, as it
 * is in Linux on small machines.
 */
#include "alloc/buddy.h"

#include "alloc/buddy_lists.h"

#define ONE_TYPE BUDDY_ONE_TYPE

static pfn_t buddy_of(pfn_t pfn, unsigned order)
{
	return (pfn_t){pfn.v ^ (uint32_t)1 << order};
}

/* ---- alloc_pages ---- */

/*
 * A block of order `high` becomes one of `low`: [....pfn....] => [pfn][half][..half..]
 * The lists of the halves are empty, or the request would have been served there.
 */
BUDDY_INLINE void expand(const struct buddy_op *o, pfn_t pfn, unsigned low, unsigned high,
			 unsigned mt)
{
	uint32_t orders = ((uint32_t)1 << high) - ((uint32_t)1 << low);

	do {
		mm_event(o->map->m, MM_EV_SPLIT, pfn.v, high, o->hot.zone);
		high--;
		area_add_only(o, pfn_add(pfn, (uint32_t)1 << high), high, mt);
	} while (high > low);
	add_nonempty(o, mt, orders);
}

/* The block with that descriptor headed a run: the next block takes its place on the list. */
static void advance_run(const struct memmap *map, pfn_t pfn, vaddr_t desc, unsigned mt)
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

/* Takes a block of `order` out of the first one of list `from`. */
BUDDY_INLINE pfn_t zone_alloc(struct buddy *b, unsigned zone, unsigned order, unsigned from,
			      const struct alloc_req *req)
{
	pfn_t pfn = first_block(b, zone, from, ONE_TYPE);
	struct buddy_op o = buddy_op(&b->map);
	vaddr_t desc = hot_desc(&o, pfn);
	unsigned mt = req->migratetype < MIGRATE_TYPES ? req->migratetype : ONE_TYPE;

	if (mm_unlikely(!page_heads(&o.m, desc, from, PAGE_BUDDY)))
		mm_bug(b->map.m, "a block on a free list is not free", desc);
	area_del(&o, desc, from, ONE_TYPE);
	if (mm_unlikely(from == b->max_order) && page_run(&o.m, desc) != 0)
		advance_run(&b->map, pfn, desc, ONE_TYPE);
	if (from != order)
		expand(&o, pfn, order, from, ONE_TYPE);
	add_zone_free(&o, 0u - ((uint32_t)1 << order));
	set_page_head(&o.m, desc, order, PAGE_LIVE, mt, req->owner);
	return pfn;
}

/* The first zone that may serve the request and has any memory at all. */
static unsigned preferred_zone(const struct buddy *b, uint32_t zone_mask)
{
	unsigned i = 0;

	while (i + 1 < b->map.nr_zones &&
	       ((zone_mask >> b->map.zonelist[i] & 1) == 0 ||
		zone_word(b->map.m, memmap_zone(&b->map, b->map.zonelist[i]), ZONE_MANAGED) == 0))
		i++;
	return b->map.zonelist[i];
}

/* A zone served the request that was not the first in the list; was another preferred? */
static void note_fallback(const struct buddy *b, unsigned zone, unsigned order, uint32_t zone_mask)
{
	vaddr_t z = memmap_zone(&b->map, zone);
	unsigned wanted = preferred_zone(b, zone_mask);

	if (wanted == zone)
		return;
	set_zone_word(b->map.m, z, ZONE_FALLBACKS, zone_word(b->map.m, z, ZONE_FALLBACKS) + 1);
	mm_event(b->map.m, MM_EV_FALLBACK, zone, order, wanted);
}

/* One pass over the zonelist. */
BUDDY_INLINE pfn_t try_zones(struct buddy *b, unsigned order, const struct alloc_req *req)
{
	struct mem *m = b->map.m;
	unsigned wanted = MM_MAX_ZONES;

	for (unsigned i = 0; i < b->map.nr_zones; i++) {
		unsigned zone = b->map.zonelist[i], from;
		pfn_t pfn;

		if ((req->zone_mask >> zone & 1) == 0)
			continue;
		if (wanted == MM_MAX_ZONES)
			wanted = zone;
		from = least_order(b, zone, order, ONE_TYPE);
		if (from > b->max_order)
			continue;
		pfn = zone_alloc(b, zone, order, from, req);
		if (zone != wanted)
			note_fallback(b, zone, order, req->zone_mask);
		mm_account(m, pfn_to_va(m, pfn, b->map.page_shift),
			   (msize_t)1 << (order + b->map.page_shift), MM_FREE, MM_CACHED);
		mm_event(m, MM_EV_PAGE_ALLOC, pfn.v, order, zone);
		return pfn;
	}
	return PFN_NONE;
}

/* Out of line: no zone had a block.  Others give theirs back, as long as that helps. */
static pfn_t reclaim(struct buddy *b, unsigned order, const struct alloc_req *req)
{
	struct shrinkers *s = b->shrinkers;
	pfn_t pfn = PFN_NONE;

	if (s == NULL || s->busy || !gfp_may_reclaim(req->gfp))
		return PFN_NONE;
	s->busy = true;
	for (unsigned i = 0; i < s->nr && pfn_none(pfn); i++) {
		uint64_t pages = s->of[i]->ops->shrink(s->of[i], (uint64_t)1 << order);

		mm_event(b->map.m, MM_EV_SHRINK, (uint64_t)1 << order, pages, order);
		if (pages != 0)
			pfn = try_zones(b, order, req);
	}
	s->busy = false;
	return pfn;
}

pfn_t buddy_alloc_pages(struct buddy *b, unsigned order, const struct alloc_req *req)
{
	pfn_t pfn;

	if (order > b->max_order) {
		mm_refuse(b->map.m, MM_REFUSE_LIMIT);
		return PFN_NONE;
	}
	pfn = try_zones(b, order, req);
	return mm_likely(!pfn_none(pfn)) ? pfn : reclaim(b, order, req);
}

/* ---- free_pages ---- */

/* Whether a free block of that order begins at pfn, which may lie outside of the range. */
BUDDY_INLINE bool is_free_buddy(const struct buddy_op *o, pfn_t pfn, unsigned order)
{
	return range_holds(&o->hot, pfn) && page_heads(&o->m, hot_desc(o, pfn), order, PAGE_BUDDY);
}

/* Merges as far as it goes: [pfn][buddy] => [..pfn..].  Returns the block, its order in *order. */
BUDDY_INLINE pfn_t merge(const struct buddy_op *o, pfn_t pfn, unsigned *order, unsigned max_order,
			 unsigned mt)
{
	while (*order < max_order) {
		pfn_t buddy = buddy_of(pfn, *order);

		if (!is_free_buddy(o, buddy, *order))
			break;
		area_del(o, hot_desc(o, buddy), *order, mt);
		/* The upper one of the two is a tail now. */
		set_page_head(&o->m, hot_desc(o, (pfn_t){buddy.v | pfn.v}), 0, PAGE_TAIL, 0, 0);
		pfn.v &= buddy.v;
		++*order;
		mm_event(o->map->m, MM_EV_MERGE, pfn.v, *order, o->hot.zone);
	}
	return pfn;
}

/* Whether the block's buddy may soon be free and both then merge one further. */
BUDDY_INLINE bool may_merge_further(const struct buddy_op *o, pfn_t pfn, unsigned order,
				    unsigned max_order)
{
	pfn_t combined = {pfn.v & ~((uint32_t)1 << order)};

	return order + 1 < max_order && is_free_buddy(o, buddy_of(combined, order + 1), order + 1);
}

BUDDY_INLINE void zone_free(struct buddy *b, pfn_t pfn, unsigned order)
{
	struct buddy_op o = buddy_op(&b->map);
	unsigned merged = order;

	add_zone_free(&o, (uint32_t)1 << order);
	pfn = merge(&o, pfn, &merged, b->max_order, ONE_TYPE);
	if (may_merge_further(&o, pfn, merged, b->max_order))
		area_add_tail(&o, pfn, merged, ONE_TYPE);
	else
		area_add(&o, pfn, merged, ONE_TYPE);
}

int buddy_free_pages(struct buddy *b, pfn_t pfn, unsigned order)
{
	struct mem *m = b->map.m;
	vaddr_t desc;

	if (order > b->max_order || !memmap_warm(&b->map, pfn))
		return MM_EINVAL;
	desc = memmap_desc(&b->map, pfn);
	if (!page_heads(m, desc, order, PAGE_LIVE))
		return MM_EINVAL;
	if (mm_unlikely(page_taken(m, desc))) {
		set_page_links(m, desc, (pfn_t){0}, (pfn_t){0});
		set_page_private(m, desc, 0);
	}
	mm_event(m, MM_EV_PAGE_FREE, pfn.v, order, b->map.hot.zone);
	mm_account(m, pfn_to_va(m, pfn, b->map.page_shift),
		   (msize_t)1 << (order + b->map.page_shift), MM_CACHED, MM_FREE);
	zone_free(b, pfn, order);
	return 0;
}

/* ---- the facets: thin adapters ---- */

static pfn_t op_alloc_pages(struct alloc *a, unsigned order, const struct alloc_req *req)
{
	return buddy_alloc_pages((struct buddy *)a, order, req);
}

static int op_free_pages(struct alloc *a, pfn_t pfn, unsigned order)
{
	return buddy_free_pages((struct buddy *)a, pfn, order);
}

static int op_block_order(const struct alloc *a, pfn_t pfn)
{
	return memmap_block_order(&((const struct buddy *)a)->map, pfn);
}

static vaddr_t op_descriptor(const struct alloc *a, pfn_t pfn)
{
	return memmap_descriptor(&((const struct buddy *)a)->map, pfn);
}

static struct page_frames op_frames(const struct alloc *a, pfn_t pfn)
{
	return memmap_frames(&((const struct buddy *)a)->map, pfn);
}

static unsigned op_max_order(const struct alloc *a)
{
	return ((const struct buddy *)a)->max_order;
}

static uint64_t op_nr_free(const struct alloc *a, unsigned z, unsigned order)
{
	const struct buddy *b = (const struct buddy *)a;

	if (order > b->max_order)
		return 0;
	return area_nr_free(a->m, zone_area(memmap_zone(&b->map, z), order));
}

static void op_zone(const struct alloc *a, unsigned zone, struct zone_figures *out)
{
	const struct buddy *b = (const struct buddy *)a;
	vaddr_t z = memmap_zone(&b->map, zone);

	*out = (struct zone_figures){.name = b->map.desc[zone].name,
				     .managed = zone_word(a->m, z, ZONE_MANAGED),
				     .free = zone_word(a->m, z, ZONE_FREE),
				     .min = zone_word(a->m, z, ZONE_MIN),
				     .low = zone_word(a->m, z, ZONE_LOW),
				     .high = zone_word(a->m, z, ZONE_HIGH),
				     .fallbacks = zone_word(a->m, z, ZONE_FALLBACKS)};
}

static const struct alloc_param params[] = {
	{"max_order", PARAM_UINT, 10, 0, BUDDY_MAX_ORDER, NULL,
	 "the largest block is 2^max_order pages"},
	{0},
};

static const struct page_ops pages = {
	.alloc_pages = op_alloc_pages,
	.free_pages = op_free_pages,
	.block_order = op_block_order,
	.descriptor = op_descriptor,
	.frames = op_frames,
	.max_order = op_max_order,
	.nr_free = op_nr_free,
	.zone = op_zone,
};

const struct alloc_ops buddy_ops = {
	.name = "buddy",
	.summary = "blocks of 2^order pages, split and merged in pairs",
	.unit = "page",
	.serves = SERVES_PAGES,
	.params = params,
	.handle_bytes = sizeof(struct buddy),
	.init = buddy_init,
	.attach = buddy_attach,
	.walk = buddy_walk,
	.check = buddy_check,
	.pages = &pages,
};
