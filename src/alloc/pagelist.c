/*
 * pagelist: the simplest page allocator.  The free pages of a zone are on one
 * singly linked list; a request takes the first, a freed page becomes the first.
 *
 * There are no larger blocks, hence no fragmentation and nothing to merge; whoever
 * needs two pages side by side needs another allocator.  At boot the free pages
 * join the list in ascending order, as runs of which only the first has a
 * descriptor (see pagelist_layout.h), so that a large machine boots without
 * touching them.
 *
 * Worst case: O(zones) time; M pages always suffice for M live ones.
 *
 * Invariants, cited by pagelist_check, besides those of memmap.c:
 *   I1  a page on the list is free, of order 0, and of the zone
 *   I2  the list has as many pages as `free` says
 *   I3  every free page is on the list
 *   I4  free and live pages are all of a range's managed pages
 *   I5  a run lies within its range
 *   I6  a free page has no prev and no owner
 */
#include "alloc/pagelist.h"

#include "alloc/pagelist_layout.h"

/* Takes the first page, which exists, off the list of its zone. */
static void pop_page(const struct memmap *map, vaddr_t z, pfn_t pfn, vaddr_t desc)
{
	struct mem v = *map->m; /* a copy, which stores to the image cannot change */
	pfn_t next = page_next(&v, desc);
	uint32_t run = page_run(&v, desc);

	if (run != 0) {
		vaddr_t behind = vaddr_add(desc, map->stride);

		set_page_next(&v, behind, next);
		set_page_head(&v, behind, 0, PAGE_BUDDY, 0, 0);
		set_page_run(&v, behind, run - 1);
		set_page_run(&v, desc, 0);
		next = pfn_add(pfn, 1);
	}
	set_list_head(&v, z, next);
	set_list_free(&v, z, list_free(&v, z) - 1);
}

static pfn_t zone_alloc(struct pagelist *l, unsigned zone, const struct alloc_req *req)
{
	const struct mem *m = l->map.m;
	vaddr_t z = memmap_zone(&l->map, zone), desc;
	pfn_t pfn = list_head(m, z);

	if (pfn_none(pfn))
		return pfn;
	if (mm_unlikely(!memmap_warm(&l->map, pfn) || l->map.hot.zone != zone))
		mm_bug(m, "the free list names a frame that is not of its zone", z);
	desc = memmap_desc(&l->map, pfn);
	if (mm_unlikely(!page_heads(m, desc, 0, PAGE_BUDDY)))
		mm_bug(m, "a page on the free list is not free", desc);
	pop_page(&l->map, z, pfn, desc);
	set_page_next(m, desc, (pfn_t){0});
	set_page_head(m, desc, 0, PAGE_LIVE,
		      req->migratetype < MIGRATE_TYPES ? req->migratetype : 0, req->owner);
	return pfn;
}

static void note_fallback(const struct pagelist *l, unsigned zone, unsigned wanted)
{
	vaddr_t z = memmap_zone(&l->map, zone);

	set_list_fallbacks(l->map.m, z, list_fallbacks(l->map.m, z) + 1);
	mm_event(l->map.m, MM_EV_FALLBACK, zone, 0, wanted);
}

pfn_t pagelist_alloc_page(struct pagelist *l, const struct alloc_req *req)
{
	struct mem *m = l->map.m;
	const uint8_t *list = memmap_zonelist(&l->map, req->node);
	uint32_t mask = memmap_zone_mask(&l->map, req);
	unsigned wanted = MM_MAX_ZONES;

	for (unsigned i = 0; i < l->map.nr_zones; i++) {
		unsigned zone = list[i];
		pfn_t pfn;

		if ((mask >> zone & 1) == 0)
			continue;
		if (wanted == MM_MAX_ZONES)
			wanted = zone;
		pfn = zone_alloc(l, zone, req);
		if (pfn_none(pfn))
			continue;
		if (zone != wanted)
			note_fallback(l, zone, wanted);
		mm_account(m, pfn_to_va(m, pfn, l->map.page_shift), (msize_t)1 << l->map.page_shift,
			   MM_FREE, MM_CACHED);
		mm_event(m, MM_EV_PAGE_ALLOC, pfn.v, 0, zone);
		return pfn;
	}
	return PFN_NONE;
}

int pagelist_free_page(struct pagelist *l, pfn_t pfn)
{
	struct mem *m = l->map.m;
	vaddr_t desc, z;

	if (!memmap_warm(&l->map, pfn))
		return MM_EINVAL;
	desc = memmap_desc(&l->map, pfn);
	if (!page_heads(m, desc, 0, PAGE_LIVE))
		return MM_EINVAL;
	z = memmap_zone(&l->map, l->map.hot.zone);
	set_page_links(m, desc, list_head(m, z), (pfn_t){0});
	set_page_run(m, desc, 0);
	set_page_head(m, desc, 0, PAGE_BUDDY, 0, 0);
	set_list_head(m, z, pfn);
	set_list_free(m, z, list_free(m, z) + 1);
	mm_account(m, pfn_to_va(m, pfn, l->map.page_shift), (msize_t)1 << l->map.page_shift,
		   MM_CACHED, MM_FREE);
	mm_event(m, MM_EV_PAGE_FREE, pfn.v, 0, l->map.hot.zone);
	return 0;
}

/* ---- boot ---- */

/* Appends the run x to the list of its zone, whose last run begins at *last. */
static void add_run(const struct pagelist *l, vaddr_t z, struct pfn_range x, pfn_t *last)
{
	const struct mem *m = l->map.m;
	vaddr_t desc = memmap_desc(&l->map, x.start);

	set_page_next(m, desc, PFN_NONE);
	set_page_head(m, desc, 0, PAGE_BUDDY, 0, 0);
	set_page_run(m, desc, x.nr - 1);
	if (pfn_none(*last))
		set_list_head(m, z, x.start);
	else
		set_page_next(m, memmap_desc(&l->map, *last), x.start);
	*last = x.start;
	set_list_free(m, z, list_free(m, z) + x.nr);
	set_list_managed(m, z, list_managed(m, z) + x.nr);
}

static int add_range(struct pagelist *l, struct alloc *boot, unsigned i, pfn_t last[])
{
	vaddr_t r = memmap_range(&l->map, i);
	unsigned zone = range_zone(l->map.m, r);
	pfn_t from = range_start(l->map.m, r);
	struct pfn_range x = {.nr = 0};
	int err = 0;

	if (vaddr_none(range_descs(l->map.m, r)))
		return 0;
	do {
		err = memmap_take(&l->map, boot, i, &from, &x);
		if (err == 0 && x.nr != 0)
			add_run(l, memmap_zone(&l->map, zone), x, &last[zone]);
	} while (err == 0 && x.nr != 0);
	return err;
}

static int pagelist_init(struct alloc *a, const struct alloc_env *env)
{
	struct pagelist *l = (struct pagelist *)a;
	pfn_t last[MM_MAX_ZONES];
	int err;

	alloc_base(a, &pagelist_ops, env);
	if (env->boot == NULL)
		return MM_EINVAL;
	err = memmap_format(&l->map, env, PAGELIST_ZONE_BYTES, 0);
	if (err != 0)
		return err;
	a->root = l->map.root;
	for (unsigned z = 0; z < env->nr_zones; z++) {
		set_list_head(a->m, memmap_zone(&l->map, z), PFN_NONE);
		last[z] = PFN_NONE;
	}
	for (unsigned i = 0; i < l->map.nr_ranges && err == 0; i++)
		err = add_range(l, env->boot, i, last);
	return err;
}

static int pagelist_attach(struct alloc *a, const struct alloc_env *env)
{
	alloc_base(a, &pagelist_ops, env);
	return memmap_attach(&((struct pagelist *)a)->map, env, PAGELIST_ZONE_BYTES, 0);
}

/* ---- the facets: thin adapters ---- */

/* Tells of the page at pfn, or of the run that it heads; returns the pages told of. */
static uint32_t walk_page(const struct pagelist *l, pfn_t pfn, vaddr_t desc, walk_fn *fn, void *ctx)
{
	enum page_state state = page_state(l->map.m, desc);
	uint32_t pages = state == PAGE_BUDDY ? 1 + page_run(l->map.m, desc) : 1;

	if (state != PAGE_BUDDY && state != PAGE_LIVE)
		return 1;
	for (uint32_t i = 0; i < pages; i++)
		fn(ctx, &(struct walk_span){pfn_to_va(l->map.m, pfn_add(pfn, i), l->map.page_shift),
					    (msize_t)1 << l->map.page_shift,
					    state == PAGE_BUDDY ? MM_FREE : MM_CACHED,
					    state == PAGE_BUDDY ? "free page" : "live page", 0});
	return pages;
}

static void pagelist_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct pagelist *l = (const struct pagelist *)a;

	memmap_walk(&l->map, fn, ctx);
	for (unsigned i = 0; i < l->map.nr_ranges; i++) {
		vaddr_t r = memmap_range(&l->map, i), descs = range_descs(a->m, r);
		pfn_t start = range_start(a->m, r);
		uint32_t nr = vaddr_none(descs) ? 0 : range_nr(a->m, r);

		for (uint32_t k = 0; k < nr;)
			k += walk_page(l, pfn_add(start, k), vaddr_add(descs, k * l->map.stride),
				       fn, ctx);
	}
}

static pfn_t op_alloc_pages(struct alloc *a, unsigned order, const struct alloc_req *req)
{
	if (order != 0) {
		mm_refuse(a->m, MM_REFUSE_LIMIT);
		return PFN_NONE;
	}
	return pagelist_alloc_page((struct pagelist *)a, req);
}

static int op_free_pages(struct alloc *a, pfn_t pfn, unsigned order)
{
	return order != 0 ? MM_EINVAL : pagelist_free_page((struct pagelist *)a, pfn);
}

static int op_block_order(const struct alloc *a, pfn_t pfn)
{
	return memmap_block_order(&((const struct pagelist *)a)->map, pfn);
}

static vaddr_t op_descriptor(const struct alloc *a, pfn_t pfn)
{
	return memmap_descriptor(&((const struct pagelist *)a)->map, pfn);
}

static struct page_frames op_frames(const struct alloc *a, pfn_t pfn)
{
	return memmap_frames(&((const struct pagelist *)a)->map, pfn);
}

static unsigned op_max_order(const struct alloc *a)
{
	(void)a;
	return 0;
}

static uint64_t op_nr_free(const struct alloc *a, unsigned z, unsigned order)
{
	const struct pagelist *l = (const struct pagelist *)a;

	return order != 0 ? 0 : list_free(a->m, memmap_zone(&l->map, z));
}

static void op_zone(const struct alloc *a, unsigned zone, struct zone_figures *out)
{
	const struct pagelist *l = (const struct pagelist *)a;
	vaddr_t z = memmap_zone(&l->map, zone);

	*out = (struct zone_figures){.name = l->map.desc[zone].name,
				     .managed = list_managed(a->m, z),
				     .free = list_free(a->m, z),
				     .fallbacks = list_fallbacks(a->m, z)};
}

static const struct alloc_param params[] = {{0}};

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

const struct alloc_ops pagelist_ops = {
	.name = "pagelist",
	.summary = "a linked list of single pages",
	.unit = "page",
	.serves = SERVES_PAGES,
	.params = params,
	.handle_bytes = sizeof(struct pagelist),
	.init = pagelist_init,
	.attach = pagelist_attach,
	.walk = pagelist_walk,
	.check = pagelist_check,
	.pages = &pages,
};
