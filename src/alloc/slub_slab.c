/* slub: slabs, from pages to pages, and the lists they are on. */
#include "alloc/slub.h"

#include "alloc/slub_layout.h"

static struct mm_rec slab_rec(const struct kmem *s, pfn_t slab)
{
	return mem_rec(s->base.m, kmem_desc(s, slab));
}

/* ---- a node's partial list ---- */

void slub_list_add(struct kmem *s, vaddr_t n, pfn_t slab, bool tail)
{
	const struct mem *m = s->base.m;
	enum node_word end = tail ? NODE_TAIL : NODE_HEAD, other = tail ? NODE_HEAD : NODE_TAIL;
	pfn_t at = {node_word(m, n, end)};

	set_page_links(m, kmem_desc(s, slab), tail ? PFN_NONE : at, tail ? at : PFN_NONE);
	if (pfn_none(at))
		set_node_word(m, n, other, slab.v);
	else if (tail)
		set_page_next(m, kmem_desc(s, at), slab);
	else
		set_page_prev(m, kmem_desc(s, at), slab);
	set_node_word(m, n, end, slab.v);
	set_node_word(m, n, NODE_PARTIAL, node_word(m, n, NODE_PARTIAL) + 1);
}

void slub_list_del(struct kmem *s, vaddr_t n, pfn_t slab)
{
	const struct mem *m = s->base.m;
	vaddr_t d = kmem_desc(s, slab);
	pfn_t next = page_next(m, d), prev = page_prev(m, d);

	if (pfn_none(prev))
		set_node_word(m, n, NODE_HEAD, next.v);
	else
		set_page_next(m, kmem_desc(s, prev), next);
	if (pfn_none(next))
		set_node_word(m, n, NODE_TAIL, prev.v);
	else
		set_page_prev(m, kmem_desc(s, next), prev);
	set_page_links(m, d, (pfn_t){0}, (pfn_t){0});
	set_node_word(m, n, NODE_PARTIAL, node_word(m, n, NODE_PARTIAL) - 1);
}

/* ---- from pages, and back ---- */

/* Moves what no object can have: the tail, and with debug flags what goes around objects. */
static void account_waste(const struct kmem *s, struct mm_rec c, vaddr_t base, uint32_t objects,
			  unsigned order, bool fresh)
{
	msize_t all = (msize_t)1 << (order + s->page_shift);
	msize_t used =
		(msize_t)objects * kmem_usable(cache_object_size(c), cache_size(c), cache_flags(c));

	if (all != used)
		mm_account(s->base.m, base, all - used, fresh ? MM_CACHED : MM_SLACK,
			   fresh ? MM_SLACK : MM_CACHED);
}

/* Threads all objects, in ascending order. */
static vaddr_t thread(const struct kmem *s, vaddr_t cache, vaddr_t base, uint32_t objects)
{
	const struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	struct kmem_debug debug = cache_debug(c);
	vaddr_t first = vaddr_add(base, cache_red_left(c)), o = first;
	uint32_t size = cache_size(c), offset = cache_offset(c);

	for (uint32_t i = 0; i < objects; i++, o = vaddr_add(o, size)) {
		if (kmem_is_debug(debug.flags))
			kmem_debug_fresh(m, &debug, o);
		set_object_next(m, o, offset, i + 1 < objects ? vaddr_add(o, size) : VADDR_NONE);
	}
	return first;
}

void slub_make_slab(struct kmem *s, vaddr_t cache, vaddr_t base, unsigned order, uint32_t objects)
{
	struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	pfn_t slab = va_to_pfn(m, base, s->page_shift);
	vaddr_t d = kmem_desc(s, slab), n = cache_node(s, cache, kmem_node(s, slab));
	vaddr_t first = thread(s, cache, base, objects);

	set_page_taken(m, d);
	set_page_private(m, d, cache.v);
	mem_stva(m, vaddr_add(d, DESC_FREELIST), first);
	mem_st32(m, vaddr_add(d, DESC_COUNTERS), objects << 16);
	mem_st32(m, vaddr_add(d, DESC_LAYER), s->layer);
	if (!vaddr_none(n)) { /* but for the first slabs of all */
		set_node_word(m, n, NODE_SLABS, node_word(m, n, NODE_SLABS) + 1);
		set_node_word(m, n, NODE_OBJECTS, node_word(m, n, NODE_OBJECTS) + objects);
	}
	account_waste(s, c, base, objects, order, true);
	mm_event(m, MM_EV_SLAB_NEW, base.v, objects, cache_size(c));
}

/* Pages of the order that wastes little; or, when these are short, of the least that will do. */
static vaddr_t get_pages(struct kmem *s, struct mm_rec c, const struct alloc_req *req,
			 unsigned *order)
{
	struct mem *m = s->base.m;
	vaddr_t va;

	*order = cache_order(c);
	va = page_source_get(s->pages, m, *order, req);
	if (!vaddr_none(va) || *order == cache_min_order(c))
		return va;
	*order = cache_min_order(c);
	va = page_source_get(s->pages, m, *order, req);
	if (!vaddr_none(va))
		mm_refuse(m, MM_REFUSE_NONE);
	return va;
}

pfn_t slub_new_slab(struct kmem *s, vaddr_t cache, unsigned node, const struct alloc_req *req)
{
	struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	struct alloc_req r = *req;
	unsigned order;
	vaddr_t base;

	r.node = (uint8_t)node;
	r.zone_mask = UINT32_MAX;
	r.owner = PAGE_OWNER_SLAB;
	if ((cache_flags(c) & SLAB_CACHE_DMA) != 0 && s->pages->dma_zones != 0)
		r.zone_mask = s->pages->dma_zones;
	base = get_pages(s, c, &r, &order);
	if (vaddr_none(base))
		return PFN_NONE;
	slub_make_slab(s, cache, base, order,
		       order == cache_order(c) ? cache_objects(c) : cache_min_objects(c));
	return va_to_pfn(m, base, s->page_shift);
}

uint32_t slub_drop_slab(struct kmem *s, vaddr_t cache, pfn_t slab)
{
	struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	vaddr_t base = pfn_to_va(m, slab, s->page_shift), d = kmem_desc(s, slab);
	vaddr_t n = cache_node(s, cache, kmem_node(s, slab));
	uint32_t objects = counters_objects(slab_counters(slab_rec(s, slab)));
	unsigned order = page_order(m, d);

	mm_event(m, MM_EV_SLAB_FREE, base.v, objects, cache_size(c));
	set_node_word(m, n, NODE_SLABS, node_word(m, n, NODE_SLABS) - 1);
	set_node_word(m, n, NODE_OBJECTS, node_word(m, n, NODE_OBJECTS) - objects);
	account_waste(s, c, base, objects, order, false);
	mem_zero(m, vaddr_add(d, PAGE_DESC_BYTES), DESC_BYTES - PAGE_DESC_BYTES);
	if (page_source_put(s->pages, m, base, order) != 0)
		mm_bug(m, "the page allocator refuses a block it gave", base);
	return (uint32_t)1 << order;
}

/* ---- from CPUs to nodes ---- */

/* A slab that is on no list and no CPU's: to its node's list, back to the pages, or nowhere. */
static void place(struct kmem *s, vaddr_t cache, pfn_t slab)
{
	const struct mem *m = s->base.m;
	struct mm_rec d = slab_rec(s, slab);
	uint32_t n = slab_counters(d) & ~SLUB_FROZEN;
	vaddr_t node = cache_node(s, cache, kmem_node(s, slab));

	set_slab_counters(d, n);
	if (counters_inuse(n) == counters_objects(n))
		return;
	if (counters_inuse(n) == 0 &&
	    node_word(m, node, NODE_PARTIAL) >= cache_min_partial(mem_rec(m, cache)))
		slub_drop_slab(s, cache, slab);
	else
		slub_list_add(s, node, slab, true);
}

void slub_thaw(struct kmem *s, vaddr_t cache, pfn_t slab, vaddr_t freelist)
{
	const struct mem *m = s->base.m;
	struct mm_rec d = slab_rec(s, slab);
	uint32_t offset = cache_offset(mem_rec(m, cache)), back = 0;

	while (!vaddr_none(freelist)) {
		vaddr_t next = object_next(m, freelist, offset);

		if (++back > counters_inuse(slab_counters(d)))
			mm_bug(m, "a CPU's free list is longer than its slab", freelist);
		set_object_next(m, freelist, offset, block_freelist(d));
		set_slab_freelist(d, freelist);
		freelist = next;
	}
	set_slab_counters(d, slab_counters(d) - back);
	place(s, cache, slab);
}

void slub_unfreeze(struct kmem *s, vaddr_t cache, uint32_t at)
{
	const struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	pfn_t slab;

	while (!pfn_none(slab = cpu_partial(c, at))) {
		vaddr_t d = kmem_desc(s, slab);

		set_cpu_partial(c, at, page_next(m, d));
		set_page_links(m, d, (pfn_t){0}, (pfn_t){0});
		place(s, cache, slab);
	}
}

void slub_flush_cpu(struct kmem *s, vaddr_t cache, unsigned cpu)
{
	struct mm_rec c = mem_rec(s->base.m, cache);
	uint32_t at = cpu_at(cpu);
	pfn_t slab = cpu_slab(c, at);
	vaddr_t freelist = cpu_freelist(c, at);

	set_cpu_slab(c, at, PFN_NONE);
	set_cpu_freelist(c, at, VADDR_NONE);
	if (!pfn_none(slab))
		slub_thaw(s, cache, slab, freelist);
	slub_unfreeze(s, cache, at);
}

/* Empty slabs of a node's list to the page source. */
static uint64_t shrink_node(struct kmem *s, vaddr_t cache, vaddr_t n)
{
	const struct mem *m = s->base.m;
	pfn_t slab = {node_word(m, n, NODE_HEAD)};
	uint64_t pages = 0;

	while (!pfn_none(slab)) {
		pfn_t next = page_next(m, kmem_desc(s, slab));

		if (counters_inuse(slab_counters(slab_rec(s, slab))) == 0) {
			slub_list_del(s, n, slab);
			pages += slub_drop_slab(s, cache, slab);
		}
		slab = next;
	}
	return pages;
}

uint64_t slub_shrink(struct kmem *s, vaddr_t cache)
{
	uint64_t held = s->pages->held;

	for (unsigned cpu = 0; cpu < s->cpus; cpu++)
		slub_flush_cpu(s, cache, cpu);
	for (unsigned node = 0; node < s->nodes; node++)
		shrink_node(s, cache, cache_node(s, cache, node));
	return (held - s->pages->held) >> s->page_shift;
}
