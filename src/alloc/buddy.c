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
 * This file is the plain allocator, of one migrate type and without watermarks, for
 * machines without an MMU.  With the rules of a kernel (parameter `rules`) come
 * watermarks and zone choice (buddy_marks.c), migrate types (buddy_types.c) and
 * per-CPU lists (buddy_pcp.c); their state is an extension of the zone's record, and
 *   I10 the extension's words are what the formulas of buddy_marks.c and buddy_pcp.c give
 *   I11 a per-CPU list's links agree, and its blocks are of its order and zone
 *   I12 a CPU's count is the pages on its lists and those hidden
 *   I13 a free block of linux-6, or of what CMA lends, is on the list of its pageblock's type
 *   I14 a zone counts the pageblocks that CMA lends and the free pages in them
 */
#include "alloc/buddy.h"

#include "alloc/buddy_bulk.h"
#include "alloc/buddy_core.h"
#include "alloc/buddy_quick.h"

#define ONE_TYPE BUDDY_ONE_TYPE

/* ---- alloc_pages, plain: no watermarks, one type, no per-CPU lists ---- */

/* Takes a block of `order` out of the first one of list `from`. */
BUDDY_INLINE pfn_t zone_alloc(struct buddy *b, unsigned zone, unsigned order, unsigned from,
			      const struct alloc_req *req)
{
	pfn_t pfn = first_block(b, zone, from, ONE_TYPE);
	struct buddy_op o = buddy_op(&b->map);
	unsigned mt = req->migratetype < MIGRATE_TYPES ? req->migratetype : ONE_TYPE;

	take_block(b, &o, order, from, ONE_TYPE, ONE_TYPE, pfn, true);
	set_page_head(&o.m, hot_desc(&o, pfn), order, PAGE_LIVE, mt, req->owner);
	return pfn;
}

/* The first zone that may serve the request and has any memory at all. */
static unsigned preferred_zone(const struct buddy *b, const uint8_t *list, uint32_t zone_mask)
{
	unsigned i = 0;

	while (i + 1 < b->map.nr_zones &&
	       ((zone_mask >> list[i] & 1) == 0 ||
		zone_word(b->map.m, memmap_zone(&b->map, list[i]), ZONE_MANAGED) == 0))
		i++;
	return list[i];
}

/* A zone served the request that was not the first in the list; was another preferred? */
static void note_fallback(const struct buddy *b, unsigned zone, unsigned order, const uint8_t *list,
			  uint32_t zone_mask)
{
	vaddr_t z = memmap_zone(&b->map, zone);
	unsigned wanted = preferred_zone(b, list, zone_mask);

	if (wanted == zone)
		return;
	set_zone_word(b->map.m, z, ZONE_FALLBACKS, zone_word(b->map.m, z, ZONE_FALLBACKS) + 1);
	mm_event(b->map.m, MM_EV_FALLBACK, zone, order, wanted);
}

/* One pass over the zonelist. */
BUDDY_INLINE pfn_t try_zones(struct buddy *b, unsigned order, const struct alloc_req *req)
{
	struct mem *m = b->map.m;
	const uint8_t *list = memmap_zonelist(&b->map, req->node);
	uint32_t mask = memmap_zone_mask(&b->map, req);
	unsigned wanted = MM_MAX_ZONES;

	for (unsigned i = 0; i < b->map.nr_zones; i++) {
		unsigned zone = list[i], from;
		pfn_t pfn;

		if ((mask >> zone & 1) == 0)
			continue;
		if (wanted == MM_MAX_ZONES)
			wanted = zone;
		from = least_order(b, zone, order, ONE_TYPE);
		if (from > b->max_order)
			continue;
		pfn = zone_alloc(b, zone, order, from, req);
		if (zone != wanted)
			note_fallback(b, zone, order, list, mask);
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
		mm_count(b->map.m, MM_EV_SHRUNK, pages);
		if (pages != 0)
			pfn = try_zones(b, order, req);
	}
	s->busy = false;
	return pfn;
}

/* Where rules of Linux hold; false: the long way is to be gone. */
BUDDY_INLINE bool alloc_quickly(struct buddy *b, unsigned order, const struct alloc_req *req,
				pfn_t *pfn)
{
	struct mem *m = b->map.m;
	struct quick_lane lane;

	if (mm_unlikely(req->zone_mask != b->choice.mask || req->node != b->choice.node ||
			b->choice.zone == MM_MAX_ZONES))
		b->choice = buddy_choose(b, req);
	if (mm_unlikely(b->choice.zone == MM_MAX_ZONES || (req->gfp & __GFP_THISNODE) != 0))
		return false;
	lane = quick_lane(b, m, mm_cpu(m), b->choice.zone, b->choice.type);
	if (!quick_take(&lane, order, buddy_type(b, req->migratetype), req->owner, pfn))
		return false;
	mm_event(m, MM_EV_PAGE_ALLOC, pfn->v, order, b->choice.zone);
	return true;
}

pfn_t buddy_alloc_pages(struct buddy *b, unsigned order, const struct alloc_req *req)
{
	pfn_t pfn;

	if (b->nr_lists != 0 && mm_likely(alloc_quickly(b, order, req, &pfn)))
		return pfn;
	if (order > b->max_order) {
		mm_refuse(b->map.m, MM_REFUSE_LIMIT);
		return PFN_NONE;
	}
	if (b->ext != 0)
		return buddy_alloc_marked(b, order, req);
	pfn = try_zones(b, order, req);
	return mm_likely(!pfn_none(pfn)) ? pfn : reclaim(b, order, req);
}

/* ---- free_pages ---- */

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

static void account_free(const struct buddy *b, pfn_t pfn, unsigned order)
{
	mm_account(b->map.m, pfn_to_va(b->map.m, pfn, b->map.page_shift),
		   (msize_t)1 << (order + b->map.page_shift), MM_CACHED, MM_FREE);
}

/* To the CPU's list, if blocks of that order have one, else to the free lists. */
static void free_typed(struct buddy *b, pfn_t pfn, unsigned order, bool listed)
{
	unsigned mt = buddy_block_type(b, pfn);
	/* Pages that CMA lends are movable ones until they come to the free lists. */
	unsigned as = mt == MIGRATE_CMA ? MIGRATE_MOVABLE : mt;

	if (listed && buddy_list(b, order, as) != UINT32_MAX) {
		buddy_pcp_put(b, pfn, order, as);
		return;
	}
	account_free(b, pfn, order);
	buddy_put(b, pfn, order, mt);
}

/* Makes the range of a live block the hot one and takes its taker's marks off; false: no such block. */
BUDDY_INLINE bool end_life(struct buddy *b, pfn_t pfn, unsigned order)
{
	struct mem *m = b->map.m;
	vaddr_t desc;

	if (order > b->max_order || !memmap_warm(&b->map, pfn))
		return false;
	desc = memmap_desc(&b->map, pfn);
	if (!page_heads(m, desc, order, PAGE_LIVE))
		return false;
	if (mm_unlikely(page_taken(m, desc))) {
		set_page_links(m, desc, (pfn_t){0}, (pfn_t){0});
		set_page_private(m, desc, 0);
	}
	mm_event(m, MM_EV_PAGE_FREE, pfn.v, order, b->map.hot.zone);
	return true;
}

BUDDY_INLINE bool free_quickly(struct buddy *b, pfn_t pfn, unsigned order)
{
	struct mem *m = b->map.m;
	struct quick_lane lane = quick_lane(b, m, mm_cpu(m), MM_MAX_ZONES, ZONE_MOVABLE);

	if (!quick_put(&lane, pfn, order))
		return false;
	mm_event(m, MM_EV_PAGE_FREE, pfn.v, order, b->map.hot.zone);
	return true;
}

int buddy_free_pages(struct buddy *b, pfn_t pfn, unsigned order)
{
	if (b->nr_lists != 0 && mm_likely(free_quickly(b, pfn, order)))
		return 0;
	if (mm_unlikely(!end_life(b, pfn, order)))
		return MM_EINVAL;
	if (b->ext != 0) {
		free_typed(b, pfn, order, true);
		return 0;
	}
	account_free(b, pfn, order);
	zone_free(b, pfn, order);
	return 0;
}

/* ---- below watermarks and per-CPU lists ---- */

static pfn_t op_take_block(struct alloc *a, unsigned zone, unsigned order,
			   const struct alloc_req *req)
{
	struct buddy *b = (struct buddy *)a;
	unsigned mt = buddy_type(b, req->migratetype);
	pfn_t pfn;

	if (zone >= b->map.nr_zones || order > b->max_order)
		return PFN_NONE;
	pfn = buddy_take(b, zone, order, mt, false);
	if (pfn_none(pfn))
		return PFN_NONE;
	set_page_head(a->m, memmap_desc(&b->map, pfn), order, PAGE_LIVE, mt, req->owner);
	mm_account(a->m, pfn_to_va(a->m, pfn, b->map.page_shift),
		   (msize_t)1 << (order + b->map.page_shift), MM_FREE, MM_CACHED);
	mm_event(a->m, MM_EV_PAGE_ALLOC, pfn.v, order, zone);
	return pfn;
}

static int op_give_block(struct alloc *a, pfn_t pfn, unsigned order)
{
	struct buddy *b = (struct buddy *)a;

	if (!end_life(b, pfn, order))
		return MM_EINVAL;
	free_typed(b, pfn, order, false);
	return 0;
}

static int op_split_block(struct alloc *a, pfn_t pfn, unsigned order)
{
	return buddy_split((struct buddy *)a, pfn, order);
}

static int op_adopt_block(struct alloc *a, pfn_t pfn, unsigned order)
{
	return buddy_adopt((struct buddy *)a, pfn, order);
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
	vaddr_t z = memmap_zone(&b->map, zone), ext = buddy_ext(b, zone);

	*out = (struct zone_figures){.name = b->map.desc[zone].name,
				     .managed = zone_word(a->m, z, ZONE_MANAGED),
				     .free = zone_word(a->m, z, ZONE_FREE),
				     .min = zone_word(a->m, z, ZONE_MIN),
				     .low = zone_word(a->m, z, ZONE_LOW),
				     .high = zone_word(a->m, z, ZONE_HIGH),
				     .fallbacks = zone_word(a->m, z, ZONE_FALLBACKS)};
	if (b->ext == 0)
		return;
	out->claims = zext_word(a->m, ext, ZEXT_CLAIMS);
	out->steals = zext_word(a->m, ext, ZEXT_STEALS);
	out->reclaimed = zext_word(a->m, ext, ZEXT_RECLAIMED);
	for (unsigned type = 0; type < ZONE_TYPES; type++)
		out->reserve[type] = zone_reserve(a->m, ext, type);
	for (unsigned cpu = 0; b->nr_lists != 0 && cpu < b->cpus; cpu++)
		out->listed += pcp_word(a->m, buddy_pcp(b, zone, cpu), PCP_COUNT);
}

static bool op_lists(const struct alloc *a, unsigned zone, unsigned cpu, struct zone_lists *out)
{
	const struct buddy *b = (const struct buddy *)a;
	vaddr_t pcp;

	if (b->nr_lists == 0 || cpu >= b->cpus || zone >= b->map.nr_zones)
		return false;
	pcp = buddy_pcp(b, zone, cpu);
	*out = (struct zone_lists){pcp_word(a->m, pcp, PCP_COUNT), pcp_word(a->m, pcp, PCP_HIGH),
				   pcp_word(a->m, pcp, PCP_BATCH),
				   pcp_word(a->m, pcp, PCP_HIGH_MIN),
				   pcp_word(a->m, pcp, PCP_HIGH_MAX)};
	return true;
}

static uint64_t op_nr_free_type(const struct alloc *a, unsigned zone, unsigned order, unsigned mt)
{
	const struct buddy *b = (const struct buddy *)a;
	uint64_t blocks = 0;
	pfn_t pfn;

	if (order > b->max_order || mt >= MIGRATE_LISTS)
		return 0;
	pfn = area_head(a->m, zone_area(memmap_zone(&b->map, zone), order), mt);
	while (!pfn_none(pfn)) {
		vaddr_t desc = memmap_descriptor(&b->map, pfn);

		if (vaddr_none(desc))
			break;
		blocks += 1 + page_run(a->m, desc);
		pfn = page_next(a->m, desc);
	}
	return blocks;
}

static unsigned op_pageblocks(const struct alloc *a, unsigned zone, uint64_t out[MIGRATE_LISTS])
{
	const struct buddy *b = (const struct buddy *)a;

	for (unsigned mt = 0; mt < MIGRATE_LISTS; mt++)
		out[mt] = 0;
	for (unsigned i = 0; b->types && i < b->map.nr_ranges; i++) {
		vaddr_t r = memmap_range(&b->map, i);
		struct frame_range f = {range_start(a->m, r), range_nr(a->m, r),
					range_descs(a->m, r), range_zone(a->m, r)};
		msize_t n = memmap_blocks_bytes(&b->map, f.start, f.nr);

		for (msize_t k = 0; f.zone == zone && !vaddr_none(f.descs) && k < n; k++) {
			vaddr_t at = vaddr_add(range_pageblock(&b->map, &f, f.start), k);
			unsigned mt = pageblock_mt(a->m, at);

			out[mt < MIGRATE_LISTS ? mt : BUDDY_ONE_TYPE]++;
		}
	}
	return b->types ? b->map.block_order : 0;
}

static const struct alloc_param params[] = {
	[BUDDY_P_MAX_ORDER] = {"max_order", PARAM_UINT, 10, 0, BUDDY_MAX_ORDER, NULL,
			       "the largest block is 2^max_order pages"},
	[BUDDY_P_RULES] = {"rules", PARAM_ENUM, 0, 0, 4,
			   "machine plain textbook linux-4.19 linux-6",
			   "watermarks, types and per-CPU lists of whose kernel; machine: its "
			   "rule set, where textbook means plain"},
	[BUDDY_P_TYPES] = {"migrate_types", PARAM_BOOL, 1, 0, 1, NULL,
			   "lists of movable, unmovable and reclaimable pages (Linux rules)"},
	[BUDDY_P_LISTS] = {"percpu_lists", PARAM_BOOL, 1, 0, 1, NULL,
			   "per-CPU page lists (Linux rules)"},
	[BUDDY_P_BLOCK_ORDER] = {"pageblock_order", PARAM_UINT, 9, 1, BUDDY_MAX_ORDER, NULL,
				 "a pageblock, of one migrate type, is 2^pageblock_order pages"},
	[BUDDY_P_MIN_FREE] =
		{"min_free_kbytes", PARAM_UINT, 0, 0, 1u << 26, NULL,
		 "sum of the zones' min watermarks in KiB; 0: by the kernel's formula"},
	[BUDDY_P_SCALE] = {"watermark_scale_factor", PARAM_UINT, 10, 1, 3000, NULL,
			   "least distance of the watermarks, in 1/10000 of the zone"},
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
	.lists = op_lists,
	.nr_free_type = op_nr_free_type,
	.pageblocks = op_pageblocks,
	.take_block = op_take_block,
	.give_block = op_give_block,
	.split_block = op_split_block,
	.adopt_block = op_adopt_block,
	.owners = buddy_owners,
	.lend_range = buddy_lend,
	.claim_range = buddy_claim,
	.release_range = buddy_release,
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
	.tick = buddy_tick,
	.pages = &pages,
	.pages_bulk = buddy_bulk,
};
