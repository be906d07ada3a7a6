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
 *   I9  what of a live block's descriptor its taker does not use is zero, and so
 *       are spare words
 *
 * One migrate type is used: with so few pageblocks mobility grouping is off, as it
 * is in Linux on small machines.
 */
#include "alloc/buddy.h"

#include "alloc/buddy_layout.h"

#define ONE_TYPE MIGRATE_UNMOVABLE

static pfn_t buddy_of(pfn_t pfn, unsigned order)
{
	return (pfn_t){pfn.v ^ (uint32_t)1 << order};
}

static void add_zone_free(const struct mem *m, vaddr_t z, uint32_t pages)
{
	set_zone_word(m, z, ZONE_FREE, zone_word(m, z, ZONE_FREE) + pages);
}

/* ---- free lists ---- */

static void area_became(const struct mem *m, vaddr_t z, unsigned order, unsigned mt, bool nonempty)
{
	uint32_t orders = zone_nonempty(m, z, mt) & ~((uint32_t)1 << order);

	set_zone_nonempty(m, z, mt, orders | (uint32_t)nonempty << order);
}

static void area_add(const struct buddy *b, vaddr_t z, pfn_t pfn, unsigned order, unsigned mt)
{
	const struct mem *m = b->map.m;
	vaddr_t area = zone_area(z, order), desc = memmap_desc(&b->map, pfn);
	pfn_t next = area_head(m, area, mt);

	set_page_next(m, desc, next);
	set_page_prev(m, desc, PFN_NONE);
	set_page_head(m, desc, order, PAGE_BUDDY, mt, 0);
	set_area_head(m, area, mt, pfn);
	if (pfn_none(next)) {
		set_area_tail(m, area, mt, pfn);
		area_became(m, z, order, mt, true);
	} else {
		set_page_prev(m, memmap_desc(&b->map, next), pfn);
	}
	set_area_nr_free(m, area, area_nr_free(m, area) + 1);
}

static void area_add_tail(const struct buddy *b, vaddr_t z, pfn_t pfn, unsigned order, unsigned mt)
{
	const struct mem *m = b->map.m;
	vaddr_t area = zone_area(z, order), desc = memmap_desc(&b->map, pfn);
	pfn_t prev = area_tail(m, area, mt);

	set_page_next(m, desc, PFN_NONE);
	set_page_prev(m, desc, prev);
	set_page_head(m, desc, order, PAGE_BUDDY, mt, 0);
	set_area_tail(m, area, mt, pfn);
	if (pfn_none(prev)) {
		set_area_head(m, area, mt, pfn);
		area_became(m, z, order, mt, true);
	} else {
		set_page_next(m, memmap_desc(&b->map, prev), pfn);
	}
	set_area_nr_free(m, area, area_nr_free(m, area) + 1);
}

/* Puts what follows in the list where `desc` was. */
static void area_del(const struct buddy *b, vaddr_t z, vaddr_t desc, unsigned order, unsigned mt)
{
	const struct mem *m = b->map.m;
	vaddr_t area = zone_area(z, order);
	pfn_t next = page_next(m, desc), prev = page_prev(m, desc);

	if (pfn_none(prev))
		set_area_head(m, area, mt, next);
	else
		set_page_next(m, memmap_desc(&b->map, prev), next);
	if (pfn_none(next))
		set_area_tail(m, area, mt, prev);
	else
		set_page_prev(m, memmap_desc(&b->map, next), prev);
	if (pfn_none(next) && pfn_none(prev))
		area_became(m, z, order, mt, false);
	set_area_nr_free(m, area, area_nr_free(m, area) - 1);
	clear_page_links(m, desc);
}

/* The head of the list, which is not empty, leaves it. */
static pfn_t area_pop(struct buddy *b, vaddr_t z, unsigned order, unsigned mt)
{
	const struct mem *m = b->map.m;
	vaddr_t area = zone_area(z, order), desc;
	pfn_t pfn = area_head(m, area, mt);

	if (mm_unlikely(!memmap_warm(&b->map, pfn)))
		mm_bug(m, "a free list names a frame without a descriptor", area);
	desc = memmap_desc(&b->map, pfn);
	if (mm_unlikely(!page_heads(m, desc, order, PAGE_BUDDY)))
		mm_bug(m, "a block on a free list is not free", desc);
	area_del(b, z, desc, order, mt);
	return pfn;
}

/* pfn, of the largest order, headed a run: the next block takes its place on the list. */
static void advance_run(const struct buddy *b, vaddr_t z, pfn_t pfn, unsigned mt)
{
	const struct mem *m = b->map.m;
	vaddr_t desc = memmap_desc(&b->map, pfn);
	pfn_t next = pfn_add(pfn, (uint32_t)1 << b->max_order);
	vaddr_t area = zone_area(z, b->max_order);
	uint32_t run = page_run(m, desc);

	area_add(b, z, next, b->max_order, mt);
	set_area_nr_free(m, area, area_nr_free(m, area) - 1);
	set_page_run(m, memmap_desc(&b->map, next), run - 1);
	set_page_run(m, desc, 0);
}

/* ---- alloc_pages ---- */

/* A block of order `high` becomes one of `low`: [....pfn....] => [pfn][half][..half..] */
static void expand(const struct buddy *b, vaddr_t z, unsigned zone, pfn_t pfn, unsigned low,
		   unsigned high, unsigned mt)
{
	while (high > low) {
		mm_event(b->map.m, MM_EV_SPLIT, pfn.v, high, zone);
		high--;
		area_add(b, z, pfn_add(pfn, (uint32_t)1 << high), high, mt);
	}
}

static pfn_t zone_alloc(struct buddy *b, unsigned zone, unsigned order, unsigned mt)
{
	const struct mem *m = b->map.m;
	vaddr_t z = memmap_zone(&b->map, zone);
	uint32_t orders = zone_nonempty(m, z, mt) >> order;
	unsigned from;
	pfn_t pfn;

	if (orders == 0)
		return PFN_NONE;
	from = order + lsb(orders);
	if (mm_unlikely(from > b->max_order))
		mm_bug(m, "nonempty has an order beyond the largest", z);
	pfn = area_pop(b, z, from, mt);
	if (from == b->max_order && page_run(m, memmap_desc(&b->map, pfn)) != 0)
		advance_run(b, z, pfn, mt);
	if (from != order)
		expand(b, z, zone, pfn, order, from, mt);
	add_zone_free(m, z, 0u - ((uint32_t)1 << order));
	return pfn;
}

/* What the descriptor says of a live block. */
static void set_live(const struct buddy *b, pfn_t pfn, unsigned order, const struct alloc_req *req)
{
	unsigned mt = req->migratetype < MIGRATE_TYPES ? req->migratetype : ONE_TYPE;

	set_page_head(b->map.m, memmap_desc(&b->map, pfn), order, PAGE_LIVE, mt, req->owner);
}

static void note_fallback(const struct buddy *b, unsigned zone, unsigned order, unsigned wanted)
{
	vaddr_t z = memmap_zone(&b->map, zone);

	set_zone_word(b->map.m, z, ZONE_FALLBACKS, zone_word(b->map.m, z, ZONE_FALLBACKS) + 1);
	mm_event(b->map.m, MM_EV_FALLBACK, zone, order, wanted);
}

pfn_t buddy_alloc_pages(struct buddy *b, unsigned order, const struct alloc_req *req)
{
	struct mem *m = b->map.m;
	unsigned wanted = MM_MAX_ZONES;

	if (order > b->max_order) {
		mm_refuse(m, MM_REFUSE_LIMIT);
		return PFN_NONE;
	}
	for (unsigned i = 0; i < b->map.nr_zones; i++) {
		unsigned zone = b->map.zonelist[i];
		pfn_t pfn;

		if ((req->zone_mask >> zone & 1) == 0)
			continue;
		if (wanted == MM_MAX_ZONES)
			wanted = zone;
		pfn = zone_alloc(b, zone, order, ONE_TYPE);
		if (pfn_none(pfn))
			continue;
		if (zone != wanted)
			note_fallback(b, zone, order, wanted);
		set_live(b, pfn, order, req);
		mm_account(m, pfn_to_va(m, pfn, b->map.page_shift),
			   (msize_t)1 << (order + b->map.page_shift), MM_FREE, MM_CACHED);
		mm_event(m, MM_EV_PAGE_ALLOC, pfn.v, order, zone);
		return pfn;
	}
	return PFN_NONE;
}

/* ---- free_pages ---- */

/* Whether a free block of that order begins at pfn, which may lie outside of the hot range. */
static bool is_free_buddy(const struct buddy *b, pfn_t pfn, unsigned order)
{
	const struct frame_range *r = &b->map.hot;

	return range_holds(r, pfn) &&
	       page_heads(b->map.m, range_desc(&b->map, r, pfn), order, PAGE_BUDDY);
}

/* Merges as far as it goes: [pfn][buddy] => [..pfn..].  Returns the block, its order in *order. */
static pfn_t merge(const struct buddy *b, vaddr_t z, pfn_t pfn, unsigned *order, unsigned mt)
{
	const struct mem *m = b->map.m;
	unsigned zone = b->map.hot.zone;

	while (*order < b->max_order) {
		pfn_t buddy = buddy_of(pfn, *order);

		if (!is_free_buddy(b, buddy, *order))
			break;
		area_del(b, z, memmap_desc(&b->map, buddy), *order, mt);
		/* The upper one of the two is a tail now. */
		set_page_head(m, memmap_desc(&b->map, (pfn_t){buddy.v | pfn.v}), 0, PAGE_TAIL, 0,
			      0);
		pfn.v &= buddy.v;
		++*order;
		mm_event(m, MM_EV_MERGE, pfn.v, *order, zone);
	}
	return pfn;
}

/* Whether the block's buddy may soon be free and both then merge one further. */
static bool may_merge_further(const struct buddy *b, pfn_t pfn, unsigned order)
{
	pfn_t combined = {pfn.v & ~((uint32_t)1 << order)};

	return order + 1 < b->max_order &&
	       is_free_buddy(b, buddy_of(combined, order + 1), order + 1);
}

int buddy_free_pages(struct buddy *b, pfn_t pfn, unsigned order)
{
	struct mem *m = b->map.m;
	unsigned merged = order;
	vaddr_t z, desc;

	if (order > b->max_order || !memmap_warm(&b->map, pfn))
		return MM_EINVAL;
	desc = memmap_desc(&b->map, pfn);
	if (!page_heads(m, desc, order, PAGE_LIVE))
		return MM_EINVAL;
	z = memmap_zone(&b->map, b->map.hot.zone);
	mm_event(m, MM_EV_PAGE_FREE, pfn.v, order, b->map.hot.zone);
	mm_account(m, pfn_to_va(m, pfn, b->map.page_shift),
		   (msize_t)1 << (order + b->map.page_shift), MM_CACHED, MM_FREE);
	if (mm_unlikely(page_taken(m, desc))) {
		clear_page_links(m, desc);
		set_page_private(m, desc, 0);
	}
	add_zone_free(m, z, (uint32_t)1 << order);
	pfn = merge(b, z, pfn, &merged, ONE_TYPE);
	if (may_merge_further(b, pfn, merged))
		area_add_tail(b, z, pfn, merged, ONE_TYPE);
	else
		area_add(b, z, pfn, merged, ONE_TYPE);
	return 0;
}

/* ---- boot ---- */

static void format_zone(const struct buddy *b, vaddr_t z)
{
	for (unsigned o = 0; o <= b->max_order; o++)
		for (unsigned mt = 0; mt < MIGRATE_TYPES; mt++) {
			set_area_head(b->map.m, zone_area(z, o), mt, PFN_NONE);
			set_area_tail(b->map.m, zone_area(z, o), mt, PFN_NONE);
		}
}

/* Cuts a stretch of free frames into the largest blocks, ascending, at the tails. */
static void add_stretch(const struct buddy *b, vaddr_t z, struct pfn_range x)
{
	const struct mem *m = b->map.m;
	vaddr_t area = zone_area(z, b->max_order);

	set_zone_word(m, z, ZONE_MANAGED, zone_word(m, z, ZONE_MANAGED) + x.nr);
	add_zone_free(m, z, x.nr);
	while (x.nr > 0) {
		uint32_t pages, run = 0;
		unsigned order = msb(x.nr);

		if (x.start.v != 0 && lsb(x.start.v) < order)
			order = lsb(x.start.v);
		if (order > b->max_order)
			order = b->max_order;
		area_add_tail(b, z, x.start, order, ONE_TYPE);
		if (order == b->max_order)
			run = (x.nr >> order) - 1;
		if (run != 0) {
			set_page_run(m, memmap_desc(&b->map, x.start), run);
			set_area_nr_free(m, area, area_nr_free(m, area) + run);
		}
		pages = (run + 1) << order;
		x.start = pfn_add(x.start, pages);
		x.nr -= pages;
	}
}

static int add_range(struct buddy *b, struct alloc *boot, unsigned i)
{
	vaddr_t r = memmap_range(&b->map, i);
	vaddr_t z = memmap_zone(&b->map, range_zone(b->map.m, r));
	pfn_t from = range_start(b->map.m, r);
	struct pfn_range x = {.nr = 0};
	int err = 0;

	if (vaddr_none(range_descs(b->map.m, r)))
		return 0;
	do {
		err = memmap_take(&b->map, boot, i, &from, &x);
		if (err == 0 && x.nr != 0)
			add_stretch(b, z, x);
	} while (err == 0 && x.nr != 0);
	return err;
}

static int buddy_init(struct alloc *a, const struct alloc_env *env)
{
	struct buddy *b = (struct buddy *)a;
	int err;

	alloc_base(a, &buddy_ops, env);
	b->max_order = (unsigned)env->params[0].u;
	if (b->max_order > BUDDY_MAX_ORDER || env->boot == NULL)
		return MM_EINVAL;
	err = memmap_format(&b->map, env, BUDDY_ZONE_BYTES(b->max_order), b->max_order);
	if (err != 0)
		return err;
	a->root = b->map.root;
	for (unsigned z = 0; z < env->nr_zones; z++)
		format_zone(b, memmap_zone(&b->map, z));
	for (unsigned i = 0; i < b->map.nr_ranges && err == 0; i++)
		err = add_range(b, env->boot, i);
	return err;
}

static int buddy_attach(struct alloc *a, const struct alloc_env *env)
{
	struct buddy *b = (struct buddy *)a;

	alloc_base(a, &buddy_ops, env);
	b->max_order = (unsigned)env->params[0].u;
	return memmap_attach(&b->map, env, BUDDY_ZONE_BYTES(b->max_order), b->max_order);
}

/* ---- what it shows ---- */

/* Tells of the block at pfn, and returns its pages; a page of no block is passed over. */
static uint32_t walk_block(const struct buddy *b, pfn_t pfn, vaddr_t desc, walk_fn *fn, void *ctx)
{
	enum page_state state = page_state(b->map.m, desc);
	unsigned order = page_order(b->map.m, desc);
	uint32_t blocks = 1;

	if (state != PAGE_BUDDY && state != PAGE_LIVE)
		return 1;
	if (state == PAGE_BUDDY)
		blocks += page_run(b->map.m, desc);
	for (uint32_t i = 0; i < blocks; i++)
		fn(ctx, &(struct walk_span){
				pfn_to_va(b->map.m, pfn_add(pfn, i << order), b->map.page_shift),
				(msize_t)1 << (order + b->map.page_shift),
				state == PAGE_BUDDY ? MM_FREE : MM_CACHED,
				state == PAGE_BUDDY ? "free block" : "live block", order});
	return blocks << order;
}

static void buddy_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct buddy *b = (const struct buddy *)a;

	memmap_walk(&b->map, fn, ctx);
	for (unsigned i = 0; i < b->map.nr_ranges; i++) {
		vaddr_t r = memmap_range(&b->map, i), descs = range_descs(a->m, r);
		pfn_t start = range_start(a->m, r);
		uint32_t nr = vaddr_none(descs) ? 0 : range_nr(a->m, r);

		for (uint32_t k = 0; k < nr;)
			k += walk_block(b, pfn_add(start, k), vaddr_add(descs, k * b->map.stride),
					fn, ctx);
	}
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
