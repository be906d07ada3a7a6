/*
 * pagelist: the checker of invariants I1 to I6 of pagelist.c, from the list to the
 * descriptors and from every descriptor to the list's count.
 *
 * Don't-care bits: `fallbacks` (a count of the past), the owner and migrate type
 * of a live page (its taker's), links and `private` of one marked PAGE_TAKEN.
 */
#include "alloc/pagelist.h"
#include "alloc/pagelist_layout.h"

/* What the descriptors of a zone add up to. */
struct tally {
	uint32_t free, managed; /* pages */
};

/* I1, I2. */
static int check_list(const struct pagelist *l, struct check_report *r, unsigned zone)
{
	const struct mem *m = l->map.m;
	vaddr_t z = memmap_zone(&l->map, zone);
	uint32_t pages = 0, nr = list_free(m, z);

	for (pfn_t pfn = list_head(m, z); !pfn_none(pfn);) {
		vaddr_t desc = memmap_descriptor(&l->map, pfn);

		if (vaddr_none(desc) || memmap_find(&l->map, pfn).zone != zone ||
		    !page_heads(m, desc, 0, PAGE_BUDDY))
			return check_fail(r, "I1: a listed page is free and of the zone", desc,
					  pfn.v, zone);
		pages += 1 + page_run(m, desc);
		if (pages > nr)
			break;
		pfn = page_next(m, desc);
	}
	if (pages != nr)
		return check_fail(r, "I2: free counts the pages of the list", z, nr, pages);
	return 0;
}

/* I5, I6 of the free page at pfn; *pages is the length of its run. */
static int check_free(const struct pagelist *l, struct check_report *r, vaddr_t desc, uint32_t left,
		      uint32_t *pages)
{
	const struct mem *m = l->map.m;
	msize_t run = page_private(m, desc);

	if (run >= left)
		return check_fail(r, "I5: a run lies within its range", desc, run, left);
	if (page_prev(m, desc).v != 0 || page_taken(m, desc) || page_mt(m, desc) != 0 ||
	    page_owner(m, desc) != 0)
		return check_fail(r, "I6: a free page has no prev and no owner", desc,
				  page_prev(m, desc).v, 0);
	*pages = 1 + (uint32_t)run;
	return memmap_check_zero(&l->map, r, vaddr_add(desc, l->map.stride), (uint32_t)run, 0);
}

/* Checks the page with that descriptor, or the run that it heads: *pages. */
static int check_page(const struct pagelist *l, struct check_report *r, vaddr_t desc, uint32_t left,
		      struct tally *t, uint32_t *pages)
{
	enum page_state state = page_state(l->map.m, desc);

	*pages = 1;
	if (state != PAGE_BUDDY && state != PAGE_LIVE)
		return memmap_check_zero(&l->map, r, desc, 1, 0);
	if (page_order(l->map.m, desc) != 0)
		return check_fail(r, "I1: every page is of order 0", desc,
				  page_order(l->map.m, desc), 0);
	if (memmap_check_spare(&l->map, r, desc) != 0)
		return MM_EINVAL;
	if (state == PAGE_BUDDY) {
		if (check_free(l, r, desc, left, pages) != 0)
			return MM_EINVAL;
		t->free += *pages;
	}
	t->managed += *pages;
	return state == PAGE_LIVE ? memmap_check_live(&l->map, r, desc) : 0;
}

/* I4 of one range; adds up its pages. */
static int check_range(const struct pagelist *l, struct check_report *r, vaddr_t at,
		       struct tally *t)
{
	vaddr_t descs = range_descs(l->map.m, at);
	uint32_t nr = range_nr(l->map.m, at), before = t->managed, pages;

	if (vaddr_none(descs))
		return 0;
	for (uint32_t k = 0; k < nr; k += pages)
		if (check_page(l, r, vaddr_add(descs, k * l->map.stride), nr - k, t, &pages) != 0)
			return MM_EINVAL;
	if (t->managed - before != range_managed(l->map.m, at))
		return check_fail(r, "I4: free and live pages are all of a range's", at,
				  t->managed - before, range_managed(l->map.m, at));
	return 0;
}

static int check_zone(const struct pagelist *l, struct check_report *r, unsigned zone)
{
	const struct mem *m = l->map.m;
	vaddr_t z = memmap_zone(&l->map, zone);
	struct tally t = {0, 0};

	if (check_list(l, r, zone) != 0)
		return MM_EINVAL;
	for (unsigned i = 0; i < l->map.nr_ranges; i++) {
		vaddr_t at = memmap_range(&l->map, i);

		if (range_zone(m, at) == zone && check_range(l, r, at, &t) != 0)
			return MM_EINVAL;
	}
	if (t.free != list_free(m, z))
		return check_fail(r, "I3: every free page is on the list", z, list_free(m, z),
				  t.free);
	if (t.managed != list_managed(m, z))
		return check_fail(r, "I4: managed counts the zone's pages", z, list_managed(m, z),
				  t.managed);
	return 0;
}

int pagelist_check(const struct alloc *a, struct check_report *r)
{
	const struct pagelist *l = (const struct pagelist *)a;

	if (memmap_check(&l->map, r) != 0)
		return MM_EINVAL;
	for (unsigned z = 0; z < l->map.nr_zones; z++)
		if (check_zone(l, r, z) != 0)
			return MM_EINVAL;
	return 0;
}
