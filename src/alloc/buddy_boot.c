/*
 * buddy: what is done once and what is looked at: formatting zones, taking over
 * what the region manager has left, attach and walk.
 */
#include "alloc/buddy_lists.h"

#define ONE_TYPE BUDDY_ONE_TYPE

/* ---- boot ---- */

static void format_zone(const struct buddy *b, vaddr_t z)
{
	for (unsigned o = 0; o <= b->max_order; o++)
		for (unsigned mt = 0; mt < MIGRATE_TYPES; mt++) {
			set_area_head(b->map.m, zone_area(z, o), mt, PFN_NONE);
			set_area_tail(b->map.m, zone_area(z, o), mt, PFN_NONE);
		}
}

/* The largest block that may begin at x.start and lies within x. */
static unsigned largest_order(const struct buddy *b, struct pfn_range x)
{
	unsigned order = msb(x.nr);

	if (x.start.v != 0 && lsb(x.start.v) < order)
		order = lsb(x.start.v);
	return order < b->max_order ? order : b->max_order;
}

/* Cuts a stretch of free frames into the largest blocks, ascending, at the tails. */
static void add_stretch(const struct buddy *b, struct pfn_range x)
{
	struct buddy_op o = buddy_op(&b->map);

	set_zone_word(&o.m, o.z, ZONE_MANAGED, zone_word(&o.m, o.z, ZONE_MANAGED) + x.nr);
	add_zone_free(&o, x.nr);
	while (x.nr > 0) {
		unsigned order = largest_order(b, x);
		uint32_t run = order == b->max_order ? (x.nr >> order) - 1 : 0;
		uint32_t pages = (run + 1) << order;

		area_add_tail(&o, x.start, order, ONE_TYPE);
		if (run != 0) {
			set_page_run(&o.m, op_desc(&o, x.start), run);
			add_nr_free(&o, zone_area(o.z, order), run);
		}
		x.start = pfn_add(x.start, pages);
		x.nr -= pages;
	}
}

static int add_range(struct buddy *b, struct alloc *boot, unsigned i)
{
	vaddr_t r = memmap_range(&b->map, i);
	pfn_t from = range_start(b->map.m, r);
	struct pfn_range x = {.nr = 0};
	int err = 0;

	if (vaddr_none(range_descs(b->map.m, r)))
		return 0;
	do {
		err = memmap_take(&b->map, boot, i, &from, &x);
		if (err == 0 && x.nr != 0 && memmap_warm(&b->map, x.start))
			add_stretch(b, x);
	} while (err == 0 && x.nr != 0);
	return err;
}

int buddy_init(struct alloc *a, const struct alloc_env *env)
{
	struct buddy *b = (struct buddy *)a;
	int err;

	alloc_base(a, &buddy_ops, env);
	b->max_order = (unsigned)env->params[0].u;
	b->shrinkers = env->shrinkers;
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

int buddy_attach(struct alloc *a, const struct alloc_env *env)
{
	struct buddy *b = (struct buddy *)a;

	alloc_base(a, &buddy_ops, env);
	b->max_order = (unsigned)env->params[0].u;
	b->shrinkers = env->shrinkers;
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

void buddy_walk(const struct alloc *a, walk_fn *fn, void *ctx)
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
