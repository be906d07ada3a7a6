/*
 * buddy: beginning from a recorded state of a kernel, and what becomes of its pages.
 *
 * The recording names the free blocks and some pages on per-CPU lists.  All other
 * frames are in live blocks of owner PAGE_OWNER_OLD, cut as large as they go: whoever
 * had them, holes of the machine included.  As the recording's events name such pages
 * they are *adopted*: their block is split until they have one of their own.
 */
#include "alloc/buddy_lists.h"

/* ---- live blocks ---- */

int buddy_split(struct buddy *b, pfn_t pfn, unsigned order)
{
	const struct mem *m = b->map.m;
	vaddr_t desc;
	unsigned mt, owner;

	if (order == 0 || order > b->max_order || !memmap_warm(&b->map, pfn))
		return MM_EINVAL;
	desc = memmap_desc(&b->map, pfn);
	if (!page_heads(m, desc, order, PAGE_LIVE) || page_taken(m, desc))
		return MM_EINVAL;
	mt = page_mt(m, desc);
	owner = page_owner(m, desc);
	order--;
	set_page_head(m, desc, order, PAGE_LIVE, mt, owner);
	set_page_head(m, memmap_desc(&b->map, pfn_add(pfn, (uint32_t)1 << order)), order, PAGE_LIVE,
		      mt, owner);
	return 0;
}

/* The order of the block of an unknown owner that holds pfn; -1: there is none. */
static int old_block_order(const struct buddy *b, pfn_t pfn)
{
	for (unsigned order = 0; order <= b->max_order; order++) {
		pfn_t head = {pfn.v & ~(((uint32_t)1 << order) - 1)};
		vaddr_t desc;

		if (!range_holds(&b->map.hot, head))
			return -1;
		desc = memmap_desc(&b->map, head);
		if (page_heads(b->map.m, desc, order, PAGE_LIVE) &&
		    page_owner(b->map.m, desc) == PAGE_OWNER_OLD)
			return (int)order;
	}
	return -1;
}

int buddy_adopt(struct buddy *b, pfn_t pfn, unsigned order)
{
	struct mem *m = b->map.m;
	vaddr_t desc;
	int have;

	if (order > b->max_order || !memmap_warm(&b->map, pfn))
		return MM_EINVAL;
	have = old_block_order(b, pfn);
	if (have < (int)order || (pfn.v & (((uint32_t)1 << order) - 1)) != 0)
		return MM_EINVAL;
	for (; have > (int)order; have--) {
		pfn_t head = {pfn.v & ~(((uint32_t)1 << have) - 1)};

		if (buddy_split(b, head, (unsigned)have) != 0)
			return MM_EINVAL;
	}
	desc = memmap_desc(&b->map, pfn);
	set_page_head(m, desc, order, PAGE_LIVE, page_mt(m, desc), PAGE_OWNER_NONE);
	mm_account(m, pfn_to_va(m, pfn, b->map.page_shift),
		   (msize_t)1 << (order + b->map.page_shift), MM_RESERVED, MM_CACHED);
	return 0;
}

/* ---- the state ---- */

/* Takes range i over wholly: nobody's frames until somebody is found for them. */
static int take_range(struct buddy *b, struct alloc *boot, unsigned i)
{
	struct mem *m = b->map.m;
	vaddr_t r = memmap_range(&b->map, i),
		at = pfn_to_va(m, range_start(m, r), b->map.page_shift);
	msize_t bytes = (msize_t)range_nr(m, r) << b->map.page_shift;

	if (vaddr_none(range_descs(m, r)))
		return MM_EINVAL;
	if (boot->ops->boot->reserve(boot, at, bytes) != 0)
		return MM_ENOMEM;
	set_range_managed(m, r, range_nr(m, r));
	mm_account(m, at, bytes, MM_UNMANAGED, MM_RESERVED);
	return 0;
}

static void set_types(struct buddy *b)
{
	for (size_t i = 0; b->types && i < b->start->nr_types; i++) {
		const struct start_block *t = &b->start->types[i];

		if (memmap_warm(&b->map, t->pfn))
			set_pageblock_mt(b->map.m, range_pageblock(&b->map, &b->map.hot, t->pfn),
					 t->mt);
	}
}

/* Frames [from, to) of the hot range become live blocks of unknown owners. */
static void fill_gap(struct buddy *b, pfn_t from, pfn_t to)
{
	while (from.v < to.v) {
		unsigned order = msb(to.v - from.v);

		if (from.v != 0 && lsb(from.v) < order)
			order = lsb(from.v);
		order = order < b->max_order ? order : b->max_order;
		set_page_head(b->map.m, memmap_desc(&b->map, from), order, PAGE_LIVE,
			      buddy_block_type(b, from), PAGE_OWNER_OLD);
		from = pfn_add(from, (uint32_t)1 << order);
	}
}

/* A place in the two ascending lists of the state. */
struct place {
	size_t block, listed;
};

/* The next block of either list below `end`; its order in *order.  PFN_NONE: no more. */
static pfn_t next_known(const struct page_start *s, struct place *at, pfn_t end, unsigned *order)
{
	pfn_t a = at->block < s->nr_blocks ? s->blocks[at->block].pfn : PFN_NONE;
	pfn_t l = at->listed < s->nr_listed ? s->listed[at->listed].pfn : PFN_NONE;

	if (a.v <= l.v && a.v < end.v) {
		*order = s->blocks[at->block++].order;
		return a;
	}
	if (l.v < a.v && l.v < end.v) {
		*order = s->listed[at->listed++].order;
		return l;
	}
	return PFN_NONE;
}

static int fill_range(struct buddy *b, unsigned i, struct place *at)
{
	const struct mem *m = b->map.m;
	vaddr_t r = memmap_range(&b->map, i);
	pfn_t from = range_start(m, r), end = pfn_add(from, range_nr(m, r)), known;
	unsigned order;

	if (!memmap_warm(&b->map, from))
		return MM_EINVAL;
	while (!pfn_none(known = next_known(b->start, at, end, &order))) {
		if (known.v < from.v || order > b->max_order ||
		    (known.v & (((uint32_t)1 << order) - 1)) != 0 ||
		    end.v - known.v < (uint32_t)1 << order)
			return MM_EINVAL;
		fill_gap(b, from, known);
		from = pfn_add(known, (uint32_t)1 << order);
	}
	fill_gap(b, from, end);
	return 0;
}

/* Free blocks, in ascending order at the tails, unmerged as they were found. */
static int add_blocks(struct buddy *b)
{
	for (size_t i = 0; i < b->start->nr_blocks; i++) {
		const struct start_block *x = &b->start->blocks[i];
		struct buddy_op o;

		if (!memmap_warm(&b->map, x->pfn))
			return MM_EINVAL;
		o = buddy_op(&b->map);
		area_add_tail(&o, x->pfn, x->order, buddy_type(b, x->mt));
		add_zone_free(&o, (uint32_t)1 << x->order);
		mm_account(b->map.m, pfn_to_va(b->map.m, x->pfn, b->map.page_shift),
			   (msize_t)1 << (x->order + b->map.page_shift), MM_RESERVED, MM_FREE);
	}
	return 0;
}

/* What stands on per-CPU lists; where there are none it stays with unknown owners. */
static int add_listed(struct buddy *b, size_t i)
{
	const struct start_listed *x = &b->start->listed[i];
	unsigned mt = buddy_type(b, x->mt), list = buddy_list(b, x->order, mt);

	if (!memmap_warm(&b->map, x->pfn))
		return MM_EINVAL;
	if (list == UINT32_MAX) {
		fill_gap(b, x->pfn, pfn_add(x->pfn, (uint32_t)1 << x->order));
		return 0;
	}
	buddy_pcp_add_tail(b, buddy_pcp(b, b->map.hot.zone, x->cpu), list, x->pfn, x->order, mt);
	mm_account(b->map.m, pfn_to_va(b->map.m, x->pfn, b->map.page_shift),
		   (msize_t)1 << (x->order + b->map.page_shift), MM_RESERVED, MM_CACHED);
	return 0;
}

/* Pages that are counted but not named stay counted. */
static void hide_rest(struct buddy *b)
{
	for (size_t i = 0; b->nr_lists != 0 && i < b->start->nr_lists; i++) {
		const struct start_lists *l = &b->start->lists[i];
		vaddr_t pcp = buddy_pcp(b, l->zone, l->cpu);
		uint32_t named = pcp_word(b->map.m, pcp, PCP_COUNT);

		if (l->cpu >= b->cpus || l->count <= named)
			continue;
		set_pcp_word(b->map.m, pcp, PCP_HIDDEN, l->count - named);
		set_pcp_word(b->map.m, pcp, PCP_COUNT, l->count);
	}
}

/* The frames of a zone beyond its managed ones are holes: which ones is not known. */
static void count_zones(struct buddy *b)
{
	const struct mem *m = b->map.m;

	for (unsigned i = 0; i < b->map.nr_ranges; i++) {
		vaddr_t r = memmap_range(&b->map, i), ext = buddy_ext(b, range_zone(m, r));

		set_zext_word(m, ext, ZEXT_ABSENT, zext_word(m, ext, ZEXT_ABSENT) + range_nr(m, r));
	}
	for (unsigned z = 0; z < b->map.nr_zones; z++) {
		vaddr_t ext = buddy_ext(b, z);

		set_zone_word(m, memmap_zone(&b->map, z), ZONE_MANAGED, b->start->zones[z].managed);
		set_zext_word(m, ext, ZEXT_ABSENT,
			      zext_word(m, ext, ZEXT_ABSENT) - b->start->zones[z].managed);
	}
}

int buddy_start(struct buddy *b, struct alloc *boot)
{
	struct place at = {0, 0};
	int err = 0;

	if (b->ext == 0)
		return MM_EINVAL;
	for (unsigned i = 0; i < b->map.nr_ranges && err == 0; i++)
		err = take_range(b, boot, i);
	if (err != 0)
		return err;
	count_zones(b);
	set_types(b);
	for (unsigned i = 0; i < b->map.nr_ranges && err == 0; i++)
		err = fill_range(b, i, &at);
	if (err != 0 || at.block != b->start->nr_blocks || at.listed != b->start->nr_listed)
		return MM_EINVAL;
	err = add_blocks(b);
	buddy_marks_format(b);
	for (unsigned z = 0; z < b->map.nr_zones; z++)
		buddy_pcp_format(b, z);
	/* The list's order is the recording's, not the frames': see start_listed. */
	for (size_t i = 0; i < b->start->nr_listed && err == 0; i++)
		err = add_listed(b, b->start->rank == NULL ? i : b->start->rank[i]);
	hide_rest(b);
	return err;
}
