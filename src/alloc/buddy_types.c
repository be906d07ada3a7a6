/*
 * buddy: migrate types.  Pages that can be moved and pages that cannot are kept in
 * different *pageblocks*, of the size of a huge page, so that some of those can be
 * made wholly free (M. Gorman, A. Whitcroft, "The what, the why and the where to of
 * anti-fragmentation", OLS 2006).  Each free block is on the list of a type; a freed
 * one goes to that of its pageblock.
 *
 * A request whose type has no block falls back to the others, in the order of
 * fallbacks[].  linux-6 first *claims*: it looks at the largest block of another type
 * first, so that falling back is rare; a block of pageblock order or more is taken over
 * whole; of a smaller one the pageblock is taken over if at least half of it is free or
 * of a like type.  Only then it *steals* the smallest block that does, whose rest stays
 * with its type.  linux-4.19 takes over free pages also where the pageblock stays.
 *
 * Before all that a movable request takes what CMA lends (buddy_cma.c).
 */
#include "alloc/buddy_core.h"

static const uint8_t fallbacks[MIGRATE_TYPES][2] = {
	[MIGRATE_UNMOVABLE] = {MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE},
	[MIGRATE_MOVABLE] = {MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE},
	[MIGRATE_RECLAIMABLE] = {MIGRATE_UNMOVABLE, MIGRATE_MOVABLE},
};

/* ---- pageblocks ---- */

unsigned buddy_block_type(const struct buddy *b, pfn_t pfn)
{
	unsigned mt;

	if (!b->types)
		return BUDDY_ONE_TYPE;
	mt = pageblock_mt(b->map.m, range_pageblock(&b->map, &b->map.hot, pfn));
	if (mm_unlikely(mt >= (b->cma ? MIGRATE_LISTS : MIGRATE_TYPES)))
		mm_bug(b->map.m, "a pageblock has no migrate type",
		       range_pageblock(&b->map, &b->map.hot, pfn));
	return mt;
}

/* The pageblocks of a block of at least their order. */
static void set_block_types(const struct buddy *b, pfn_t pfn, unsigned order, unsigned mt)
{
	uint32_t blocks = (uint32_t)1 << (order - b->map.block_order);
	vaddr_t at = range_pageblock(&b->map, &b->map.hot, pfn);

	for (uint32_t i = 0; i < blocks; i++)
		set_pageblock_mt(b->map.m, vaddr_add(at, i), mt);
}

/* What lies in a pageblock, pages. */
struct census {
	uint32_t free, movable;
};

static struct census take_census(const struct buddy_op *o, pfn_t start, uint32_t pages)
{
	struct census c = {0, 0};
	uint32_t n;

	for (uint32_t i = 0; i < pages; i += n) {
		vaddr_t desc = hot_desc(o, pfn_add(start, i));
		enum page_state state = page_state(&o->m, desc);

		n = 1;
		if (state != PAGE_BUDDY && state != PAGE_LIVE && state != PAGE_PCP)
			continue;
		n = (uint32_t)1 << page_order(&o->m, desc);
		if (state == PAGE_BUDDY)
			c.free += n;
		else if (state == PAGE_LIVE && page_mt(&o->m, desc) == MIGRATE_MOVABLE)
			c.movable += n;
	}
	return c;
}

/* The free blocks of a pageblock change to the lists of type mt; those it had before vary. */
static void move_blocks(const struct buddy *b, const struct buddy_op *o, pfn_t start,
			uint32_t pages, unsigned mt)
{
	uint32_t n;

	for (uint32_t i = 0; i < pages; i += n) {
		pfn_t pfn = pfn_add(start, i);
		vaddr_t desc = hot_desc(o, pfn);
		unsigned order = page_order(&o->m, desc), was = page_mt(&o->m, desc);

		n = 1;
		if (page_state(&o->m, desc) != PAGE_BUDDY)
			continue;
		n = (uint32_t)1 << order;
		if (was == mt)
			continue;
		area_del(o, desc, order, was);
		if (b->rules == BUDDY_LINUX_6)
			area_add_tail(o, pfn, order, mt);
		else
			area_add(o, pfn, order, mt);
	}
}

/* Pages in use that would be at home in a pageblock of type mt, which is of type `was`. */
static uint32_t alike(struct census c, uint32_t pages, unsigned mt, unsigned was)
{
	if (mt == MIGRATE_MOVABLE)
		return c.movable;
	/* Of unmovable and reclaimable pages nobody can tell which are which. */
	return was == MIGRATE_MOVABLE ? pages - c.free - c.movable : 0;
}

/*
 * The pageblock of the free block at pfn, which is smaller, goes over to type mt if
 * half of it is free or alike; 4.19 moves its free blocks in any case.
 */
static bool claim_pageblock(struct buddy *b, pfn_t pfn, unsigned mt, unsigned was)
{
	struct buddy_op o = buddy_op(&b->map);
	uint32_t pages = (uint32_t)1 << b->map.block_order;
	pfn_t start = {pfn.v & ~(pages - 1)};
	struct census c;
	bool enough;

	if (!range_holds(&o.hot, start) || !range_holds(&o.hot, pfn_add(start, pages - 1)))
		return false;
	c = take_census(&o, start, pages);
	enough = c.free + alike(c, pages, mt, was) >= pages / 2;
	if (enough || b->rules == BUDDY_LINUX_4_19)
		move_blocks(b, &o, start, pages, mt);
	if (!enough)
		return b->rules == BUDDY_LINUX_4_19;
	set_pageblock_mt(b->map.m, range_pageblock(&b->map, &b->map.hot, start), mt);
	return true;
}

/* ---- falling back ---- */

static void note(const struct buddy *b, unsigned zone, enum zone_ext_word w, enum mm_ev ev,
		 pfn_t pfn, unsigned from, unsigned to)
{
	vaddr_t ext = buddy_ext(b, zone);

	set_zext_word(b->map.m, ext, w, zext_word(b->map.m, ext, w) + 1);
	mm_event(b->map.m, ev, pfn.v, from, to);
}

/* The first type that mt falls back to with a block of that order; MIGRATE_TYPES: none. */
static unsigned other_type(const struct buddy *b, unsigned zone, unsigned order, unsigned mt)
{
	vaddr_t z = memmap_zone(&b->map, zone);

	for (unsigned i = 0; i < 2; i++)
		if ((zone_nonempty(b->map.m, z, fallbacks[mt][i]) >> order & 1) != 0)
			return fallbacks[mt][i];
	return MIGRATE_TYPES;
}

/* The head of list (from, was), split down to `order`, the halves for type `halves`. */
static pfn_t take_from(struct buddy *b, unsigned zone, unsigned order, unsigned from, unsigned was,
		       unsigned halves)
{
	pfn_t pfn = first_block(b, zone, from, was);
	struct buddy_op o = buddy_op(&b->map);

	return take_block(b, &o, order, from, was, halves, pfn, false);
}

void buddy_add_free_cma(const struct buddy *b, unsigned zone, uint32_t pages)
{
	vaddr_t ext = buddy_ext(b, zone);

	set_zext_word(b->map.m, ext, ZEXT_FREE_CMA,
		      zext_word(b->map.m, ext, ZEXT_FREE_CMA) + pages);
}

static pfn_t take_own(struct buddy *b, unsigned zone, unsigned order, unsigned mt)
{
	unsigned from = least_order(b, zone, order, mt);
	struct buddy_op o;
	pfn_t pfn;

	if (from > b->max_order)
		return PFN_NONE;
	pfn = first_block(b, zone, from, mt);
	o = buddy_op(&b->map);
	return take_block(b, &o, order, from, mt, mt, pfn, true);
}

/* Blocks of at least pageblock order: their pageblocks go over to type mt. */
static pfn_t take_over(struct buddy *b, unsigned zone, unsigned order, unsigned from, unsigned mt,
		       unsigned was)
{
	pfn_t pfn = first_block(b, zone, from, was);

	set_block_types(b, pfn, from, mt);
	note(b, zone, ZEXT_CLAIMS, MM_EV_CLAIM, pfn, was, mt);
	return take_from(b, zone, order, from, was, mt);
}

/* Is a block of that order worth looking at its pageblock for a request of type mt? */
static bool may_claim(const struct buddy *b, unsigned from, unsigned mt)
{
	return from >= b->map.block_order / 2 || mt != MIGRATE_MOVABLE;
}

static pfn_t claim(struct buddy *b, unsigned zone, unsigned order, unsigned mt, bool whole)
{
	unsigned least = whole && order < b->map.block_order ? b->map.block_order : order;

	for (unsigned from = b->max_order + 1; from-- > least && may_claim(b, from, mt);) {
		unsigned was = other_type(b, zone, from, mt);
		pfn_t pfn;

		if (was == MIGRATE_TYPES)
			continue;
		if (from >= b->map.block_order)
			return take_over(b, zone, order, from, mt, was);
		pfn = first_block(b, zone, from, was);
		if (!claim_pageblock(b, pfn, mt, was))
			continue;
		note(b, zone, ZEXT_CLAIMS, MM_EV_CLAIM, pfn, was, mt);
		return take_own(b, zone, order, mt);
	}
	return PFN_NONE;
}

static pfn_t steal(struct buddy *b, unsigned zone, unsigned order, unsigned mt)
{
	for (unsigned from = order; from <= b->max_order; from++) {
		unsigned was = other_type(b, zone, from, mt);
		pfn_t pfn;

		if (was == MIGRATE_TYPES)
			continue;
		pfn = take_from(b, zone, order, from, was, was);
		note(b, zone, ZEXT_STEALS, MM_EV_STEAL, pfn, was, mt);
		return pfn;
	}
	return PFN_NONE;
}

/* ---- linux-4.19 ---- */

/* The order of the block that 4.19 falls back to, of type *was; UINT_MAX: there is none. */
static unsigned fallback_order(const struct buddy *b, unsigned zone, unsigned order, unsigned mt,
			       unsigned *was)
{
	unsigned from = b->max_order + 1;

	do {
		if (from-- == order)
			return UINT32_MAX;
		*was = other_type(b, zone, from, mt);
	} while (*was == MIGRATE_TYPES);
	/* A movable request may not claim this one: then rather the smallest than the largest. */
	if (may_claim(b, from, mt) || from == order)
		return from;
	for (from = order; (*was = other_type(b, zone, from, mt)) == MIGRATE_TYPES;)
		from++;
	return from;
}

static pfn_t fall_back_4_19(struct buddy *b, unsigned zone, unsigned order, unsigned mt)
{
	unsigned was, from = fallback_order(b, zone, order, mt, &was);
	pfn_t pfn;

	if (from > b->max_order)
		return PFN_NONE;
	if (from >= b->map.block_order)
		return take_over(b, zone, order, from, mt, was);
	pfn = first_block(b, zone, from, was);
	if (may_claim(b, from, mt) && claim_pageblock(b, pfn, mt, was)) {
		note(b, zone, ZEXT_CLAIMS, MM_EV_CLAIM, pfn, was, mt);
		return take_own(b, zone, order, mt);
	}
	/* That block alone changes its list, so that its rest serves this type as well. */
	note(b, zone, ZEXT_STEALS, MM_EV_STEAL, pfn, was, mt);
	return take_from(b, zone, order, from, was, mt);
}

/* ---- take and put ---- */

/* Pages that CMA lends, for a movable request. */
static pfn_t take_lent(struct buddy *b, unsigned zone, unsigned order)
{
	pfn_t pfn = take_own(b, zone, order, MIGRATE_CMA);

	if (!pfn_none(pfn))
		buddy_add_free_cma(b, zone, 0u - ((uint32_t)1 << order));
	return pfn;
}

/* linux-6: more than half of what is free is CMA's; then it goes first, or it would stay unused. */
static bool lends_first(const struct buddy *b, unsigned zone)
{
	const struct mem *m = b->map.m;

	return b->rules == BUDDY_LINUX_6 &&
	       zext_word(m, buddy_ext(b, zone), ZEXT_FREE_CMA) >
		       zone_word(m, memmap_zone(&b->map, zone), ZONE_FREE) / 2;
}

pfn_t buddy_take(struct buddy *b, unsigned zone, unsigned order, unsigned mt, bool whole)
{
	bool lent = b->cma && mt == MIGRATE_MOVABLE;
	pfn_t pfn = PFN_NONE;

	if (lent && lends_first(b, zone))
		pfn = take_lent(b, zone, order);
	if (pfn_none(pfn))
		pfn = take_own(b, zone, order, mt);
	if (pfn_none(pfn) && lent)
		pfn = take_lent(b, zone, order);
	if (!pfn_none(pfn) || !b->types)
		return pfn;
	if (b->rules == BUDDY_LINUX_4_19)
		return fall_back_4_19(b, zone, order, mt);
	pfn = claim(b, zone, order, mt, whole);
	return pfn_none(pfn) && !whole ? steal(b, zone, order, mt) : pfn;
}

void buddy_put(struct buddy *b, pfn_t pfn, unsigned order, unsigned mt)
{
	struct buddy_op o = buddy_op(&b->map);

	add_zone_free(&o, (uint32_t)1 << order);
	if (mm_unlikely(mt == MIGRATE_CMA))
		buddy_add_free_cma(b, b->map.hot.zone, (uint32_t)1 << order);
	while (order < b->max_order) {
		pfn_t buddy = buddy_of(pfn, order);
		unsigned was;

		if (!is_free_buddy(&o, buddy, order))
			break;
		was = page_mt(&o.m, hot_desc(&o, buddy));
		area_del(&o, hot_desc(&o, buddy), order, was < MIGRATE_LISTS ? was : mt);
		if (b->rules == BUDDY_LINUX_6 && b->types && was != mt &&
		    order >= b->map.block_order)
			set_block_types(b, buddy, order, mt);
		/* The upper one of the two is a tail now. */
		set_page_head(&o.m, hot_desc(&o, (pfn_t){buddy.v | pfn.v}), 0, PAGE_TAIL, 0, 0);
		pfn.v &= buddy.v;
		order++;
		mm_event(b->map.m, MM_EV_MERGE, pfn.v, order, o.hot.zone);
	}
	if (may_merge_further(&o, pfn, order, b->max_order))
		area_add_tail(&o, pfn, order, mt);
	else
		area_add(&o, pfn, order, mt);
}
