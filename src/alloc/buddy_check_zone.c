/*
 * buddy: the checker of invariants I10 to I13 of buddy.c: watermarks, per-CPU lists and
 * pageblocks.
 *
 * Don't-care bits: counts of the past, and what the per-CPU lists have learned from it
 * (high between its limits, alloc_factor, free_count, decay).
 */
#include "alloc/buddy_lists.h"

/* ---- I10: marks and limits ---- */

static int check_marks(const struct buddy *b, struct check_report *r, unsigned zone)
{
	const struct mem *m = b->map.m;
	vaddr_t z = memmap_zone(&b->map, zone), ext = buddy_ext(b, zone);
	struct zone_marks k = buddy_marks(b, zone);

	if (zone_word(m, z, ZONE_MIN) != k.min || zone_word(m, z, ZONE_LOW) != k.low ||
	    zone_word(m, z, ZONE_HIGH) != k.high)
		return check_fail(r, "I10: watermarks are what the formulas give", z,
				  zone_word(m, z, ZONE_MIN), k.min);
	for (unsigned type = 0; type < ZONE_TYPES; type++)
		if (zone_reserve(m, ext, type) != k.reserve[type])
			return check_fail(r, "I10: reserves are what the formulas give", ext,
					  zone_reserve(m, ext, type), k.reserve[type]);
	if (zext_word(m, ext, ZEXT_FLAGS) > ZONE_BELOW_HIGH)
		return check_fail(r, "I10: a zone's flags are known ones", ext,
				  zext_word(m, ext, ZEXT_FLAGS), ZONE_BELOW_HIGH);
	return 0;
}

static int check_limits(const struct buddy *b, struct check_report *r, unsigned zone, unsigned cpu,
			vaddr_t pcp)
{
	const struct mem *m = b->map.m;
	struct zone_lists l = buddy_pcp_limits(b, zone, cpu);
	uint32_t high = pcp_word(m, pcp, PCP_HIGH);

	if (pcp_word(m, pcp, PCP_BATCH) != l.batch ||
	    pcp_word(m, pcp, PCP_HIGH_MIN) != l.high_min ||
	    pcp_word(m, pcp, PCP_HIGH_MAX) != l.high_max)
		return check_fail(r, "I10: a CPU's limits are what the formulas give", pcp,
				  pcp_word(m, pcp, PCP_BATCH), l.batch);
	if (b->start == NULL &&
	    ((high < l.high_min && high < l.high_max) || (high > l.high_min && high > l.high_max)))
		return check_fail(r, "I10: high lies between its limits", pcp, high, l.high_min);
	if (pcp_word(m, pcp, PCP_ALLOC_FACTOR) > 5 || pcp_word(m, pcp, PCP_FLAGS) > 1)
		return check_fail(r, "I10: alloc_factor and flags are known ones", pcp,
				  pcp_word(m, pcp, PCP_ALLOC_FACTOR), 5);
	if (b->rules != BUDDY_LINUX_6 &&
	    (pcp_word(m, pcp, PCP_ALLOC_FACTOR) | pcp_word(m, pcp, PCP_FREE_COUNT) |
	     pcp_word(m, pcp, PCP_FLAGS) | pcp_word(m, pcp, PCP_DECAY)) != 0)
		return check_fail(r, "I10: only the lists of linux-6 learn", pcp,
				  pcp_word(m, pcp, PCP_FREE_COUNT), 0);
	if (pcp_word(m, pcp, PCP_SPARE) != 0)
		return check_fail(r, "I9: spare words are zero", pcp, 1, 0);
	if (b->start == NULL && pcp_word(m, pcp, PCP_HIDDEN) != 0)
		return check_fail(r, "I12: only a recorded state hides pages", pcp,
				  pcp_word(m, pcp, PCP_HIDDEN), 0);
	return 0;
}

/* ---- I11: one list ---- */

/* The block at pfn is on `list` of a CPU, behind prev. */
static int check_listed_block(const struct buddy *b, struct check_report *r, unsigned zone,
			      unsigned list, pfn_t pfn, pfn_t prev)
{
	const struct mem *m = b->map.m;
	struct frame_range range = memmap_find(&b->map, pfn);
	vaddr_t desc = memmap_descriptor(&b->map, pfn);
	unsigned order, mt;

	buddy_list_shape(list, &order, &mt, b);
	if (vaddr_none(desc) || range.zone != zone)
		return check_fail(r, "I11: a listed block is of its zone", desc, pfn.v, zone);
	if (!page_heads(m, desc, order, PAGE_PCP) || page_taken(m, desc) ||
	    page_mt(m, desc) >= MIGRATE_TYPES || buddy_list(b, order, page_mt(m, desc)) != list)
		return check_fail(r, "I11: a listed block is of its list's order and type", desc,
				  page_order(m, desc), order);
	if (page_owner(m, desc) != 0 || page_private(m, desc) != 0)
		return check_fail(r, "I9: a free block has no owner", desc, page_owner(m, desc), 0);
	if (!pfn_eq(page_prev(m, desc), prev))
		return check_fail(r, "I11: prev leads back", desc, page_prev(m, desc).v, prev.v);
	return 0;
}

/* Adds the pages of a list to *pages, which go no further than `limit`. */
static int check_list(const struct buddy *b, struct check_report *r, unsigned zone, vaddr_t pcp,
		      unsigned list, uint32_t limit, uint32_t *pages)
{
	const struct mem *m = b->map.m;
	pfn_t pfn = pcp_head(m, pcp, list), prev = PFN_NONE;
	bool bit = (pcp_word(m, pcp, PCP_NONEMPTY) >> list & 1) != 0;

	if (bit == pfn_none(pfn))
		return check_fail(r, "I11: nonempty has the lists with a block", pcp, bit, !bit);
	while (!pfn_none(pfn)) {
		vaddr_t desc;

		if (check_listed_block(b, r, zone, list, pfn, prev) != 0)
			return MM_EINVAL;
		desc = memmap_descriptor(&b->map, pfn);
		*pages += (uint32_t)1 << page_order(m, desc);
		if (*pages > limit)
			return check_fail(r, "I12: count is the pages on the lists", pcp, limit,
					  *pages);
		prev = pfn;
		pfn = page_next(m, desc);
	}
	if (!pfn_eq(pcp_tail(m, pcp, list), prev))
		return check_fail(r, "I11: the tail is the last of the list", pcp,
				  pcp_tail(m, pcp, list).v, prev.v);
	return 0;
}

/* I11 and I12 of one CPU; adds what is on its lists to *listed. */
static int check_cpu(const struct buddy *b, struct check_report *r, unsigned zone, unsigned cpu,
		     uint32_t *listed)
{
	const struct mem *m = b->map.m;
	vaddr_t pcp = buddy_pcp(b, zone, cpu);
	uint32_t count = pcp_word(m, pcp, PCP_COUNT), hidden = pcp_word(m, pcp, PCP_HIDDEN);
	uint32_t pages = 0;

	if (check_limits(b, r, zone, cpu, pcp) != 0)
		return MM_EINVAL;
	if (hidden > count || pcp_word(m, pcp, PCP_NONEMPTY) >> b->nr_lists != 0)
		return check_fail(r, "I12: hidden pages are counted", pcp, hidden, count);
	for (unsigned list = 0; list < b->nr_lists; list++)
		if (check_list(b, r, zone, pcp, list, count - hidden, &pages) != 0)
			return MM_EINVAL;
	if (pages != count - hidden)
		return check_fail(r, "I12: count is the pages on the lists", pcp, count - hidden,
				  pages);
	*listed += pages;
	return 0;
}

/* ---- I13 ---- */

/* Adds the pageblocks that CMA lends to *cma. */
static int check_pageblocks(const struct buddy *b, struct check_report *r,
			    const struct frame_range *range, uint32_t *cma)
{
	msize_t n = memmap_blocks_bytes(&b->map, range->start, range->nr), skip = 0;
	vaddr_t at = range_pageblock(&b->map, range, range->start);

	for (msize_t k = 0; k < n; k++, at = vaddr_add(at, 1)) {
		if (skip == 0)
			skip = mem_untouched(b->map.m, at);
		if (skip != 0)
			skip--;
		else if (pageblock_mt(b->map.m, at) >= (b->cma ? MIGRATE_LISTS : MIGRATE_TYPES))
			return check_fail(r, "I13: a pageblock has a migrate type", at,
					  pageblock_mt(b->map.m, at), MIGRATE_TYPES);
		else
			*cma += pageblock_mt(b->map.m, at) == MIGRATE_CMA;
	}
	return 0;
}

static int check_types(const struct buddy *b, struct check_report *r, unsigned zone)
{
	const struct mem *m = b->map.m;
	uint32_t cma = 0;

	for (unsigned i = 0; b->types && i < b->map.nr_ranges; i++) {
		vaddr_t at = memmap_range(&b->map, i);
		struct frame_range range = {range_start(m, at), range_nr(m, at), range_descs(m, at),
					    range_zone(m, at)};

		if (range.zone == zone && !vaddr_none(range.descs) &&
		    check_pageblocks(b, r, &range, &cma) != 0)
			return MM_EINVAL;
	}
	if (b->ext != 0 && zext_word(m, buddy_ext(b, zone), ZEXT_CMA) != cma)
		return check_fail(r, "I14: a zone knows how many pageblocks CMA lends",
				  buddy_ext(b, zone), zext_word(m, buddy_ext(b, zone), ZEXT_CMA),
				  cma);
	return 0;
}

int buddy_check_type(const struct buddy *b, struct check_report *r, const struct frame_range *range,
		     pfn_t pfn, vaddr_t desc)
{
	unsigned order = page_order(b->map.m, desc), mt = page_mt(b->map.m, desc);
	uint32_t blocks =
		order > b->map.block_order ? (uint32_t)1 << (order - b->map.block_order) : 1;
	vaddr_t at;

	if (!b->types || b->start != NULL || (b->rules != BUDDY_LINUX_6 && mt != MIGRATE_CMA))
		return 0;
	at = range_pageblock(&b->map, range, pfn);
	for (uint32_t i = 0; i < blocks; i++)
		if (pageblock_mt(b->map.m, vaddr_add(at, i)) != mt)
			return check_fail(r, "I13: a free block is on its pageblock's list",
					  vaddr_add(at, i),
					  pageblock_mt(b->map.m, vaddr_add(at, i)), mt);
	return 0;
}

int buddy_check_ext(const struct buddy *b, struct check_report *r, unsigned zone, uint32_t listed)
{
	uint32_t found = 0;

	if (check_marks(b, r, zone) != 0 || check_types(b, r, zone) != 0)
		return MM_EINVAL;
	for (unsigned cpu = 0; b->nr_lists != 0 && cpu < b->cpus; cpu++)
		if (check_cpu(b, r, zone, cpu, &found) != 0)
			return MM_EINVAL;
	if (found != listed)
		return check_fail(r, "I12: every per-CPU block is on a list", buddy_ext(b, zone),
				  found, listed);
	return 0;
}
