/*
 * buddy: pageblocks that a contiguous memory allocator (CMA) lends.
 *
 * The device that needs many pages in a row needs them seldom.  Until it does, their
 * pageblocks are of type CMA, and movable requests, whose pages can be taken away from
 * them, may have their pages (buddy_types.c).  To take a range back, the per-CPU lists are
 * drained, what is free in the range leaves the free lists, and each movable block in
 * it is copied to pages elsewhere, whose owner is told.  M. Nazarewicz, "A deep dive into
 * CMA", LWN.net, 2012; Linux, mm/cma.c and mm/page_alloc.c, alloc_contig_range.
 *
 * A claimed range is live blocks of owner CMA: the largest that fit it, not the pieces
 * that were free before.
 *
 * Left out: isolation of pageblocks (nothing else runs meanwhile), compaction, and pages
 * on lists of reclaimable ones (there are none).
 */
#include "alloc/buddy_core.h"

/* A range that is being taken back, [from, end) of the hot range's zone. */
struct claim {
	struct buddy *b;
	unsigned zone;
	pfn_t from, end;
	struct page_mover *mover;
};

static vaddr_t desc_of(const struct buddy *b, pfn_t pfn)
{
	return memmap_desc(&b->map, pfn);
}

/* Makes the range that holds pfn the hot one. */
static void warm(struct buddy *b, pfn_t pfn)
{
	if (mm_unlikely(!memmap_warm(&b->map, pfn)))
		mm_bug(b->map.m, "a lent page has no descriptor", b->base.root);
}

/* ---- lending ---- */

/* The first block of a stretch of `blocks` free ones of the largest order, the last there is. */
static pfn_t free_stretch(struct buddy *b, unsigned zone, uint32_t blocks)
{
	vaddr_t area = zone_area(memmap_zone(&b->map, zone), b->max_order);
	pfn_t pfn = area_head(b->map.m, area, MIGRATE_MOVABLE), best = PFN_NONE;

	while (!pfn_none(pfn)) {
		vaddr_t desc = memmap_desc_cold(&b->map, pfn);

		if (page_run(b->map.m, desc) + 1 >= blocks && (pfn_none(best) || pfn.v > best.v))
			best = pfn;
		pfn = page_next(b->map.m, desc);
	}
	return best;
}

/* Cuts the last `blocks` blocks off the free stretch that begins at pfn; the first of them. */
static pfn_t cut_stretch(const struct buddy_op *o, pfn_t pfn, uint32_t blocks, unsigned max_order)
{
	vaddr_t desc = op_desc(o, pfn), area = zone_area(o->z, max_order);
	uint32_t run = page_run(&o->m, desc), keep = run + 1 - blocks;

	if (keep != 0) {
		set_page_run(&o->m, desc, keep - 1);
		add_nr_free(o, area, 0u - blocks);
	} else {
		set_page_run(&o->m, desc, 0);
		area_del(o, desc, max_order, MIGRATE_MOVABLE);
		add_nr_free(o, area, 0u - run);
	}
	return pfn_add(pfn, keep << max_order);
}

/* The stretch that begins at pfn goes to the lists of what CMA lends. */
static void lend(struct buddy *b, unsigned zone, pfn_t pfn, uint32_t blocks)
{
	vaddr_t ext = buddy_ext(b, zone);
	uint32_t per = (uint32_t)1 << (b->max_order - b->map.block_order);
	struct buddy_op o = buddy_op(&b->map);

	for (uint32_t i = 0; i < blocks; i++) {
		pfn_t at = pfn_add(pfn, i << b->max_order);

		for (uint32_t k = 0; k < per; k++)
			set_pageblock_mt(&o.m, vaddr_add(range_pageblock(&b->map, &o.hot, at), k),
					 MIGRATE_CMA);
		area_add_tail(&o, at, b->max_order, MIGRATE_CMA);
	}
	buddy_add_free_cma(b, zone, blocks << b->max_order);
	set_zext_word(&o.m, ext, ZEXT_CMA, zext_word(&o.m, ext, ZEXT_CMA) + blocks * per);
}

pfn_t buddy_lend(struct alloc *a, uint32_t pages, uint32_t zone_mask)
{
	struct buddy *b = (struct buddy *)a;
	uint32_t blocks = pages >> b->max_order;

	if (!b->cma || blocks == 0 || blocks << b->max_order != pages)
		return PFN_NONE;
	for (unsigned i = 0; i < b->map.nr_zones; i++) {
		unsigned zone = b->map.zonelist[i];
		pfn_t pfn = PFN_NONE;
		struct buddy_op o;

		if ((zone_mask >> zone & 1) != 0)
			pfn = free_stretch(b, zone, blocks);
		if (pfn_none(pfn) || !memmap_warm(&b->map, pfn))
			continue;
		o = buddy_op(&b->map);
		pfn = cut_stretch(&o, pfn, blocks, b->max_order);
		lend(b, zone, pfn, blocks);
		return pfn;
	}
	return PFN_NONE;
}

/* ---- pieces of a range ---- */

/* The largest block that begins at pfn and ends at or before `end`. */
static unsigned piece_order(pfn_t pfn, pfn_t end, unsigned max_order)
{
	unsigned order = pfn.v != 0 ? lsb(pfn.v) : max_order, fits = msb(end.v - pfn.v);

	order = order < fits ? order : fits;
	return order < max_order ? order : max_order;
}

/* Frames [pfn, end), which are in no list, become live blocks of the range that is claimed. */
static void hold(const struct buddy *b, pfn_t pfn, pfn_t end)
{
	while (pfn.v < end.v) {
		unsigned order = piece_order(pfn, end, b->max_order);

		set_page_head(b->map.m, desc_of(b, pfn), order, PAGE_LIVE, MIGRATE_MOVABLE,
			      PAGE_OWNER_CMA);
		pfn = pfn_add(pfn, (uint32_t)1 << order);
	}
}

/* The same, where pieces of the range are held already. */
static void hold_anew(const struct buddy *b, pfn_t pfn, pfn_t end)
{
	for (pfn_t at = pfn; at.v < end.v; at = pfn_add(at, 1))
		if (page_state(b->map.m, desc_of(b, at)) != PAGE_TAIL)
			set_page_head(b->map.m, desc_of(b, at), 0, PAGE_TAIL, 0, 0);
	hold(b, pfn, end);
}

/* Frames [pfn, end), which are in no list, are free and lent again. */
static void let_go(struct buddy *b, pfn_t pfn, pfn_t end)
{
	while (pfn.v < end.v) {
		unsigned order = piece_order(pfn, end, b->max_order);

		warm(b, pfn);
		buddy_put(b, pfn, order, MIGRATE_CMA);
		pfn = pfn_add(pfn, (uint32_t)1 << order);
	}
}

static pfn_t later(pfn_t a, pfn_t b)
{
	return a.v > b.v ? a : b;
}

static pfn_t earlier(pfn_t a, pfn_t b)
{
	return a.v < b.v ? a : b;
}

static void account(const struct buddy *b, pfn_t pfn, uint32_t pages, enum mm_class from,
		    enum mm_class to)
{
	if (pages != 0)
		mm_account(b->map.m, pfn_to_va(b->map.m, pfn, b->map.page_shift),
			   (msize_t)pages << b->map.page_shift, from, to);
}

/* ---- taking back ---- */

/* What of a block lies in the range is held; the rest of it is free. */
static void split_block(const struct claim *c, pfn_t pfn, unsigned order)
{
	pfn_t end = pfn_add(pfn, (uint32_t)1 << order);
	pfn_t lo = later(pfn, c->from), hi = earlier(end, c->end);

	hold(c->b, lo, hi);
	let_go(c->b, pfn, lo);
	let_go(c->b, hi, end);
}

static void take_free(const struct claim *c, pfn_t pfn, unsigned order)
{
	struct buddy_op o = buddy_op(&c->b->map);
	pfn_t end = pfn_add(pfn, (uint32_t)1 << order);
	pfn_t lo = later(pfn, c->from), hi = earlier(end, c->end);

	area_del(&o, hot_desc(&o, pfn), order, MIGRATE_CMA);
	add_zone_free(&o, 0u - ((uint32_t)1 << order));
	buddy_add_free_cma(c->b, c->zone, 0u - ((uint32_t)1 << order));
	account(c->b, lo, hi.v - lo.v, MM_FREE, MM_CACHED);
	split_block(c, pfn, order);
}

/* Copies a movable block to pages elsewhere. */
static int move_block(const struct claim *c, pfn_t pfn, unsigned order)
{
	const struct alloc_req req = {.gfp = GFP_HIGHUSER_MOVABLE | __GFP_NORETRY,
				      .zone_mask = UINT32_MAX,
				      .migratetype = MIGRATE_MOVABLE,
				      .owner =
					      (uint8_t)page_owner(c->b->map.m, desc_of(c->b, pfn))};
	const struct memmap *map = &c->b->map;
	pfn_t end = pfn_add(pfn, (uint32_t)1 << order), to, lo, hi;
	msize_t bytes = (msize_t)1 << (order + map->page_shift);

	if (page_mt(map->m, desc_of(c->b, pfn)) != MIGRATE_MOVABLE ||
	    page_taken(map->m, desc_of(c->b, pfn)) ||
	    page_owner(map->m, desc_of(c->b, pfn)) == PAGE_OWNER_CMA)
		return MM_EBUSY;
	to = buddy_alloc_marked(c->b, order, &req);
	if (pfn_none(to))
		return MM_ENOMEM;
	mem_copy(map->m, pfn_to_va(map->m, to, map->page_shift),
		 pfn_to_va(map->m, pfn, map->page_shift), bytes);
	if (c->mover != NULL && !c->mover->move(c->mover->ctx, pfn, to, order)) {
		if (buddy_free_pages(c->b, to, order) != 0)
			mm_bug(map->m, "a page to move to is not live", desc_of(c->b, to));
		return MM_EBUSY;
	}
	if (c->mover != NULL)
		c->mover->moved += (uint64_t)1 << order;
	mm_event(map->m, MM_EV_MIGRATE, pfn.v, to.v, order);
	warm(c->b, pfn);
	lo = later(pfn, c->from);
	hi = earlier(end, c->end);
	account(c->b, pfn, lo.v - pfn.v, MM_CACHED, MM_FREE);
	account(c->b, hi, end.v - hi.v, MM_CACHED, MM_FREE);
	split_block(c, pfn, order);
	return 0;
}

/* The block whose frames include pfn: its first frame.  All of a lent range is blocks. */
static pfn_t block_around(const struct buddy *b, pfn_t pfn)
{
	for (unsigned o = 0; o <= b->max_order; o++) {
		pfn_t head = {pfn.v & ~(((uint32_t)1 << o) - 1)};
		vaddr_t desc = desc_of(b, head);
		enum page_state state = page_state(b->map.m, desc);

		if ((state == PAGE_BUDDY || state == PAGE_LIVE) &&
		    page_order(b->map.m, desc) >= o &&
		    pfn.v - head.v < (uint32_t)1 << page_order(b->map.m, desc))
			return head;
	}
	mm_bug(b->map.m, "a lent page is of no block", desc_of(b, pfn));
}

/* Every block of the range in turn; those that are free first, or none would be found elsewhere. */
static int claim_blocks(const struct claim *c, enum page_state which)
{
	pfn_t pfn = c->from;
	int err = 0;

	while (pfn.v < c->end.v && err == 0) {
		pfn_t head = block_around(c->b, pfn);
		vaddr_t desc = desc_of(c->b, head);
		unsigned order = page_order(c->b->map.m, desc);
		bool held = page_owner(c->b->map.m, desc) == PAGE_OWNER_CMA;

		pfn = pfn_add(head, (uint32_t)1 << order);
		if (page_state(c->b->map.m, desc) != which)
			continue;
		if (which == PAGE_BUDDY)
			take_free(c, head, order);
		else if (!held)
			err = move_block(c, head, order);
		warm(c->b, c->from);
	}
	return err;
}

/* Is every frame of the range in a pageblock that is lent, and none of it claimed? */
static bool is_lent(struct buddy *b, pfn_t pfn, uint32_t nr)
{
	uint32_t step = (uint32_t)1 << b->map.block_order;

	if (!b->cma || nr == 0 || !memmap_warm(&b->map, pfn) ||
	    !range_holds(&b->map.hot, pfn_add(pfn, nr - 1)))
		return false;
	for (pfn_t at = {pfn.v & ~(step - 1)}; at.v < pfn.v + nr; at = pfn_add(at, step))
		if (pageblock_mt(b->map.m, range_pageblock(&b->map, &b->map.hot, later(at, pfn))) !=
		    MIGRATE_CMA)
			return false;
	return true;
}

/* A block of another claim in the range: it cannot be claimed twice. */
static bool is_claimed(const struct buddy *b, pfn_t pfn, pfn_t end)
{
	while (pfn.v < end.v) {
		pfn_t head = block_around(b, pfn);
		vaddr_t desc = desc_of(b, head);

		if (page_state(b->map.m, desc) == PAGE_LIVE &&
		    page_owner(b->map.m, desc) == PAGE_OWNER_CMA)
			return true;
		pfn = pfn_add(head, (uint32_t)1 << page_order(b->map.m, desc));
	}
	return false;
}

/* Gives back what was held of a range that could not be had as a whole. */
static void undo(const struct claim *c)
{
	pfn_t pfn = c->from;

	while (pfn.v < c->end.v) {
		pfn_t head = block_around(c->b, pfn), end;
		vaddr_t desc = desc_of(c->b, head);

		end = pfn_add(head, (uint32_t)1 << page_order(c->b->map.m, desc));
		if (page_state(c->b->map.m, desc) == PAGE_LIVE &&
		    page_owner(c->b->map.m, desc) == PAGE_OWNER_CMA) {
			account(c->b, head, end.v - head.v, MM_CACHED, MM_FREE);
			let_go(c->b, head, end);
		}
		pfn = end;
	}
}

int buddy_claim(struct alloc *a, pfn_t pfn, uint32_t nr, struct page_mover *mover)
{
	struct buddy *b = (struct buddy *)a;
	struct claim c = {.b = b, .from = pfn, .end = pfn_add(pfn, nr), .mover = mover};
	int err;

	if (!is_lent(b, pfn, nr))
		return MM_EBUSY;
	c.zone = b->map.hot.zone;
	(void)buddy_pcp_drain_all(b);
	warm(b, pfn);
	if (is_claimed(b, c.from, c.end))
		return MM_EBUSY;
	err = claim_blocks(&c, PAGE_BUDDY);
	if (err == 0)
		err = claim_blocks(&c, PAGE_LIVE);
	if (err != 0) {
		undo(&c);
		return err;
	}
	hold_anew(b, c.from, c.end);
	return 0;
}

/* Are the frames claimed blocks, with borders at both ends? */
static bool is_whole_claim(const struct buddy *b, pfn_t pfn, pfn_t end)
{
	while (pfn.v < end.v) {
		vaddr_t desc = desc_of(b, pfn);

		if (page_state(b->map.m, desc) != PAGE_LIVE || page_taken(b->map.m, desc) ||
		    page_owner(b->map.m, desc) != PAGE_OWNER_CMA)
			return false;
		pfn = pfn_add(pfn, (uint32_t)1 << page_order(b->map.m, desc));
	}
	return pfn.v == end.v;
}

int buddy_release(struct alloc *a, pfn_t pfn, uint32_t nr)
{
	struct buddy *b = (struct buddy *)a;
	pfn_t end = pfn_add(pfn, nr);

	if (!is_lent(b, pfn, nr) || !is_whole_claim(b, pfn, end))
		return MM_EINVAL;
	account(b, pfn, nr, MM_CACHED, MM_FREE);
	let_go(b, pfn, end);
	return 0;
}
