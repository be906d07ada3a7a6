/*
 * buddy: what is done once and what is looked at: formatting zones, taking over
 * what the region manager has left, attach and walk.
 */
#include "alloc/buddy_lists.h"

/* ---- boot ---- */

static void format_zone(const struct buddy *b, vaddr_t z)
{
	for (unsigned o = 0; o <= b->max_order; o++)
		for (unsigned mt = 0; mt < MIGRATE_LISTS; mt++) {
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

		area_add_tail(&o, x.start, order, buddy_boot_type(b));
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

/* Frames of all zones: too few pageblocks, and types would only scatter them. */
static bool has_pageblocks(const struct alloc_env *env, unsigned block_order)
{
	uint64_t frames = 0;

	for (unsigned z = 0; z < env->nr_zones; z++)
		for (unsigned i = 0; i < env->zones[z].nr_ranges; i++)
			frames += env->zones[z].ranges[i].nr;
	return frames >> block_order >= MIGRATE_TYPES;
}

static enum buddy_rules rules_of(const struct alloc_env *env)
{
	unsigned chosen = (unsigned)env->params[BUDDY_P_RULES].u;

	if (chosen != 0)
		return (enum buddy_rules)(chosen - 1);
	if (env->plain_pages)
		return BUDDY_PLAIN;
	return env->rules == MM_RULES_LINUX_4_19 ? BUDDY_LINUX_4_19
	       : env->rules == MM_RULES_LINUX_6  ? BUDDY_LINUX_6
						 : BUDDY_PLAIN;
}

static void set_lists(struct buddy *b, const struct alloc_env *env)
{
	unsigned huge = (unsigned)env->params[BUDDY_P_BLOCK_ORDER].u;

	b->nr_lists = 0;
	b->list_order = UINT32_MAX;
	if (b->rules == BUDDY_LINUX_6 && huge > 3 && huge <= b->max_order)
		b->list_order = huge;
	if (env->params[BUDDY_P_LISTS].u == 0 || b->rules < BUDDY_LINUX_4_19)
		return;
	b->nr_lists = b->rules == BUDDY_LINUX_4_19 ? MIGRATE_TYPES : 4 * MIGRATE_TYPES + 2;
}

/* The handle, from parameters and environment; bytes of a zone record. */
static msize_t set_handle(struct buddy *b, const struct alloc_env *env)
{
	unsigned block_order = (unsigned)env->params[BUDDY_P_BLOCK_ORDER].u;
	msize_t plain = BUDDY_ZONE_BYTES((unsigned)env->params[BUDDY_P_MAX_ORDER].u);

	b->max_order = (unsigned)env->params[BUDDY_P_MAX_ORDER].u;
	b->rules = rules_of(env);
	b->min_free = (uint32_t)env->params[BUDDY_P_MIN_FREE].u;
	b->scale = (uint32_t)env->params[BUDDY_P_SCALE].u;
	b->cpus = env->cpus != 0 ? env->cpus : 1;
	b->nodes = env->nodes != 0 ? env->nodes : 1;
	b->shrinkers = env->shrinkers;
	b->node_cpus = env->node_cpus;
	b->start = env->start;
	b->choice.zone = MM_MAX_ZONES;
	if (block_order > b->max_order)
		block_order = b->max_order;
	b->types = b->rules >= BUDDY_LINUX_4_19 && env->params[BUDDY_P_TYPES].u != 0 &&
		   block_order != 0 && has_pageblocks(env, block_order);
	b->map.block_order = b->types ? block_order : 0;
	b->cma = b->types && env->cma;
	set_lists(b, env);
	b->pcp_bytes = b->nr_lists != 0 ? PCP_BYTES(b->nr_lists) : 0;
	b->ext = b->rules == BUDDY_PLAIN ? 0 : plain;
	return b->ext == 0 ? plain : plain + ZONE_EXT_BYTES + b->cpus * b->pcp_bytes;
}

int buddy_init(struct alloc *a, const struct alloc_env *env)
{
	struct buddy *b = (struct buddy *)a;
	msize_t zone_bytes;
	int err;

	alloc_base(a, &buddy_ops, env);
	zone_bytes = set_handle(b, env);
	if (b->max_order > BUDDY_MAX_ORDER || env->boot == NULL)
		return MM_EINVAL;
	err = memmap_format(&b->map, env, zone_bytes, b->max_order);
	if (err != 0)
		return err;
	a->root = b->map.root;
	for (unsigned z = 0; z < env->nr_zones; z++)
		format_zone(b, memmap_zone(&b->map, z));
	if (env->start != NULL)
		return buddy_start(b, env->boot);
	for (unsigned i = 0; i < b->map.nr_ranges && err == 0; i++)
		err = add_range(b, env->boot, i);
	if (err != 0 || b->ext == 0)
		return err;
	buddy_marks_format(b);
	for (unsigned z = 0; z < env->nr_zones; z++)
		buddy_pcp_format(b, z);
	return 0;
}

int buddy_attach(struct alloc *a, const struct alloc_env *env)
{
	struct buddy *b = (struct buddy *)a;
	msize_t zone_bytes;

	alloc_base(a, &buddy_ops, env);
	zone_bytes = set_handle(b, env);
	return memmap_attach(&b->map, env, zone_bytes, b->max_order);
}

/* ---- what it shows ---- */

/* What a block is, as walk tells it; NULL: the page heads none. */
static const char *block_words(const struct buddy *b, vaddr_t desc, enum mm_class *class)
{
	switch (page_state(b->map.m, desc)) {
	case PAGE_BUDDY:
		*class = MM_FREE;
		return "free block";
	case PAGE_PCP:
		*class = MM_CACHED;
		return "per-CPU block";
	case PAGE_LIVE:
		*class = MM_CACHED;
		if (b->start == NULL || page_owner(b->map.m, desc) != PAGE_OWNER_OLD)
			return "live block";
		*class = MM_RESERVED;
		return "older than the recording";
	default:
		return NULL;
	}
}

/* Tells of the block at pfn, and returns its pages; a page of no block is passed over. */
static uint32_t walk_block(const struct buddy *b, pfn_t pfn, vaddr_t desc, walk_fn *fn, void *ctx)
{
	enum mm_class class = MM_FREE;
	const char *what = block_words(b, desc, &class);
	unsigned order = page_order(b->map.m, desc);
	uint32_t blocks = 1;

	if (what == NULL)
		return 1;
	if (class == MM_FREE)
		blocks += page_run(b->map.m, desc);
	for (uint32_t i = 0; i < blocks; i++)
		fn(ctx, &(struct walk_span){
				pfn_to_va(b->map.m, pfn_add(pfn, i << order), b->map.page_shift),
				(msize_t)1 << (order + b->map.page_shift), class, what, order});
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

/* ---- whose pages ---- */

struct owner_count {
	const struct buddy *b;
	uint64_t *pages;
};

static void count_owner(void *ctx, const struct walk_span *s)
{
	const struct owner_count *c = ctx;
	const struct memmap *map = &c->b->map;
	vaddr_t desc;
	unsigned owner;

	if (s->class != MM_CACHED && s->class != MM_RESERVED)
		return;
	desc = memmap_descriptor(map, va_to_pfn(map->m, s->base, map->page_shift));
	if (vaddr_none(desc) || page_state(map->m, desc) != PAGE_LIVE)
		return;
	owner = page_owner(map->m, desc);
	c->pages[owner < NR_PAGE_OWNERS ? owner : PAGE_OWNER_NONE] += s->bytes >> map->page_shift;
}

void buddy_owners(const struct alloc *a, uint64_t pages[NR_PAGE_OWNERS])
{
	struct owner_count c = {(const struct buddy *)a, pages};

	for (unsigned i = 0; i < NR_PAGE_OWNERS; i++)
		pages[i] = 0;
	buddy_walk(a, count_owner, &c);
}
