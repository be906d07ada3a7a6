/*
 * slub: how the layer comes to be.
 *
 * Cache descriptors are objects of a cache, and so are the records of nodes: both
 * caches must be there before either can be made.  As in a kernel, the first
 * descriptor is made in a place that is not an object yet (here, pages that are to
 * become the node records' slab) and copied into the first slab once that stands.
 * The kmalloc caches follow, in the usual way.
 */
#include "alloc/slub.h"

#include "alloc/slub_map.h"

static const struct alloc_req boot_req = {.zone_mask = UINT32_MAX};

msize_t slub_descriptor_bytes(const struct kmem *s)
{
	return SLUB_CPUS + (msize_t)s->cpus * SLUB_CPU + (msize_t)s->nodes * MM_WORD;
}

/* ---- the handle ---- */

/* What decides orders: the kernel's slab_min_order, slab_max_order and slab_min_objects. */
static void read_rules(struct kmem *s, const struct param_value *p, unsigned max_order, bool tiny)
{
	unsigned choice = (unsigned)p[SLUB_MAX_ORDER_PARAM].u; /* 0: the kind's; else one more */
	unsigned most = choice != 0 ? choice - 1
			: tiny      ? 1
				    : 3,
		 least = (unsigned)p[SLUB_MIN_ORDER_PARAM].u;

	most = most < max_order ? most : max_order;
	if (p[SLUB_CPUS_PARAM].u != 0)
		s->rules.nr_cpus = (unsigned)p[SLUB_CPUS_PARAM].u;
	s->rules.slab_order = most;
	s->rules.least_order = least < most ? least : most;
	s->rules.min_objects = (uint32_t)p[SLUB_MIN_OBJECTS_PARAM].u;
	s->rules.tiny = tiny;
	s->rules.no_cpu_partial = p[SLUB_CPU_PARTIAL_PARAM].u == 0;
}

/* Which sizes kmalloc's caches have. */
static void read_classes(struct kmem *s, const struct alloc_env *env)
{
	const struct param_value *p = env->params;
	unsigned choice = (unsigned)p[SLUB_KMALLOC_MIN_PARAM].u; /* 0: the machine's; 1: 8; 2: 16 */
	unsigned order = (unsigned)p[SLUB_KMALLOC_ORDER_PARAM].u;
	uint32_t least = choice != 0 ? (uint32_t)4 << choice : 8;

	order = order < s->rules.max_order ? order : s->rules.max_order;
	if (env->page_shift + order > msb(KMEM_MAX_SIZE))
		order = msb(KMEM_MAX_SIZE) - env->page_shift;
	kmalloc_setup(&s->classes, s->rules.align > least ? s->rules.align : least,
		      (uint32_t)1 << (env->page_shift + order),
		      p[SLUB_KMALLOC_POWERS_PARAM].u != 0);
}

static int read_env(struct kmem *s, const struct alloc_env *env, bool tiny)
{
	int err = kmem_read_env(s, env);

	if (err != 0)
		return err;
	read_rules(s, env->params, env->pages->pages->ops->pages->max_order(env->pages->pages),
		   tiny);
	if (slub_descriptor_bytes(s) > (msize_t)1 << env->page_shift)
		return MM_EINVAL;
	read_classes(s, env);
	return 0;
}

/* ---- the first two caches ---- */

/* Without node records; `bytes` is all of the object. */
static void format_descriptor(const struct kmem *s, vaddr_t c, const struct kmem_geo *g,
			      uint32_t bytes)
{
	const struct mem *m = s->base.m;

	mem_fill(m, c, 0, bytes);
	set_cache_next(m, c, c);
	set_cache_prev(m, c, c);
	set_cache_geometry(m, c, g);
	for (unsigned i = 0; i < s->cpus; i++) {
		vaddr_t at = vaddr_add(c, cpu_at(i));

		mem_stva(m, at, VADDR_NONE);
		mem_stpfn(m, vaddr_add(at, MM_WORD), PFN_NONE);
		mem_stpfn(m, vaddr_add(at, MM_WORD + 4), PFN_NONE);
	}
	for (unsigned i = 0; i < s->nodes; i++)
		set_cache_node(s, c, i, VADDR_NONE);
}

static void format_node(const struct kmem *s, vaddr_t n, unsigned node, vaddr_t cache)
{
	const uint32_t words[] = {0, 0, 0, PFN_NONE.v, PFN_NONE.v, node, kmem_number(s, cache)};

	mem_fill(s->base.m, n, 0, cache_size(mem_rec(s->base.m, s->node_cache)));
	for (unsigned i = 0; i < 7; i++)
		set_node_word(s->base.m, n, (enum node_word)i, words[i]);
}

/* The next object of a slab that no list knows yet, for the layer itself. */
static vaddr_t first_object(struct kmem *s, vaddr_t cache, vaddr_t slab)
{
	const struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache),
		      d = mem_rec(m, kmem_desc(s, va_to_pfn(m, slab, s->page_shift)));
	vaddr_t o = block_freelist(d);

	set_slab_freelist(d, object_next(m, o, cache_offset(c)));
	set_slab_counters(d, slab_counters(d) + 1);
	mm_account(s->base.m, o, cache_size(c), MM_CACHED, MM_METADATA);
	return o;
}

/* The slab at `base`, a cache's first, is counted and listed. */
static void settle_first(struct kmem *s, vaddr_t cache, vaddr_t base)
{
	const struct mem *m = s->base.m;
	pfn_t slab = va_to_pfn(m, base, s->page_shift);
	vaddr_t n = cache_node(s, cache, kmem_node(s, slab));
	uint32_t count = slab_counters(mem_rec(m, kmem_desc(s, slab)));

	set_node_word(m, n, NODE_SLABS, 1);
	set_node_word(m, n, NODE_OBJECTS, counters_objects(count));
	if (counters_inuse(count) != counters_objects(count))
		slub_list_add(s, n, slab, true);
}

int slub_own_geometry(const struct kmem *s, struct kmem_geo *cache, struct kmem_geo *node)
{
	if (!kmem_slub_geometry(&s->rules, slub_descriptor_bytes(s), 0, SLAB_HWCACHE_ALIGN,
				cache) ||
	    !kmem_slub_geometry(&s->rules, SLUB_NODE, 0, SLAB_HWCACHE_ALIGN, node))
		return MM_EINVAL;
	/* The first slabs are of one page, as when pages are short: what is needed must fit. */
	cache->min_order = node->min_order = 0;
	cache->min_objects = ((uint32_t)1 << s->page_shift) / cache->size;
	node->min_objects = ((uint32_t)1 << s->page_shift) / node->size;
	return cache->min_objects < 2 || node->min_objects < 2 * s->nodes ? MM_EINVAL : 0;
}

static int boot_caches(struct kmem *s)
{
	struct mem *m = s->base.m;
	struct kmem_geo cg, ng;
	vaddr_t cslab, nslab;
	int err = slub_own_geometry(s, &cg, &ng);

	if (err != 0)
		return err;
	cslab = page_source_get(s->pages, m, 0, &boot_req);
	if (vaddr_none(cslab))
		return MM_ENOMEM;
	nslab = page_source_get(s->pages, m, 0, &boot_req);
	if (vaddr_none(nslab))
		return page_source_put(s->pages, m, cslab, 0) == 0 ? MM_ENOMEM : MM_EINVAL;
	s->layer = 1 + va_to_pfn(m, cslab, s->page_shift).v;
	format_descriptor(s, nslab, &cg, cg.size); /* for a while */
	slub_make_slab(s, nslab, cslab, 0, cg.min_objects);
	s->caches = first_object(s, nslab, cslab);
	mem_copy(m, s->caches, nslab, cg.size);
	set_cache_next(m, s->caches, s->caches);
	set_cache_prev(m, s->caches, s->caches);
	set_page_private(m, kmem_desc(s, va_to_pfn(m, cslab, s->page_shift)), s->caches.v);
	s->node_cache = first_object(s, s->caches, cslab);
	format_descriptor(s, s->node_cache, &ng, cg.size);
	slub_make_slab(s, s->node_cache, nslab, 0, ng.min_objects);
	for (unsigned i = 0; i < 2 * s->nodes; i++) {
		vaddr_t n = first_object(s, s->node_cache, nslab);

		vaddr_t c = i % 2 == 0 ? s->caches : s->node_cache;

		format_node(s, n, i / 2, c);
		set_cache_node(s, c, i / 2, n);
	}
	slub_ring_add(s, s->node_cache);
	settle_first(s, s->caches, cslab);
	settle_first(s, s->node_cache, nslab);
	return 0;
}

/* ---- any cache ---- */

void slub_ring_add(struct kmem *s, vaddr_t c)
{
	const struct mem *m = s->base.m;
	vaddr_t last = cache_prev(m, s->caches);

	set_cache_next(m, c, s->caches);
	set_cache_prev(m, c, last);
	set_cache_next(m, last, c);
	set_cache_prev(m, s->caches, c);
}

static void ring_del(struct kmem *s, vaddr_t c)
{
	const struct mem *m = s->base.m;

	set_cache_next(m, cache_prev(m, c), cache_next(m, c));
	set_cache_prev(m, cache_next(m, c), cache_prev(m, c));
}

/* An object of one of the layer's own caches. */
static vaddr_t own_take(struct kmem *s, vaddr_t cache, unsigned node)
{
	struct alloc_req req = {.zone_mask = UINT32_MAX, .node = (uint8_t)node};
	vaddr_t o = slub_take(s, cache, &req);

	if (!vaddr_none(o))
		mm_account(s->base.m, o, cache_size(mem_rec(s->base.m, cache)), MM_CACHED,
			   MM_METADATA);
	return o;
}

static void own_put(struct kmem *s, vaddr_t cache, vaddr_t o)
{
	mm_account(s->base.m, o, cache_size(mem_rec(s->base.m, cache)), MM_METADATA, MM_CACHED);
	slub_put(s, cache, kmem_block_of(s, o).pfn, o);
}

/* Node records and descriptor of a cache without slabs go back. */
static void release(struct kmem *s, vaddr_t c)
{
	for (unsigned i = 0; i < s->nodes; i++) {
		vaddr_t n = cache_node(s, c, i);

		if (!vaddr_none(n))
			own_put(s, s->node_cache, n);
	}
	own_put(s, s->caches, c);
}

vaddr_t slub_create(struct kmem *s, msize_t size, msize_t align, uint32_t flags)
{
	struct kmem_geo g;
	vaddr_t c;

	if (!kmem_slub_geometry(&s->rules, size, align, flags | s->debug, &g))
		return VADDR_NONE;
	c = own_take(s, s->caches, 0);
	if (vaddr_none(c))
		return VADDR_NONE;
	format_descriptor(s, c, &g, cache_size(mem_rec(s->base.m, s->caches)));
	for (unsigned i = 0; i < s->nodes; i++) {
		vaddr_t n = own_take(s, s->node_cache, i);

		if (vaddr_none(n)) {
			release(s, c);
			return VADDR_NONE;
		}
		format_node(s, n, i, c);
		set_cache_node(s, c, i, n);
	}
	slub_ring_add(s, c);
	return c;
}

int slub_destroy(struct kmem *s, vaddr_t c)
{
	if (slub_active(s, c) != 0)
		return MM_EBUSY;
	slub_shrink(s, c);
	ring_del(s, c);
	release(s, c);
	return 0;
}

/* ---- kmalloc's caches ---- */

static int boot_kmalloc(struct kmem *s)
{
	unsigned types = s->pages->dma_zones != 0 ? KMALLOC_TYPES : 1;

	for (unsigned type = 0; type < types; type++)
		for (unsigned i = 1; i < KMALLOC_INDICES; i++) {
			uint32_t size = kmalloc_size(i);
			vaddr_t c;

			if (!kmalloc_has(&s->classes, i))
				continue;
			c = slub_create(s, size, is_pow2(size) ? size : 0,
					SLAB_KMALLOC | (type != 0 ? SLAB_CACHE_DMA : 0));
			if (vaddr_none(c))
				return MM_ENOMEM;
			s->classes.cache[type][i] = c;
		}
	for (unsigned i = 0; types == 1 && i < KMALLOC_INDICES; i++)
		s->classes.cache[1][i] = s->classes.cache[0][i];
	return 0;
}

/* Finds them again by their flags and sizes. */
static int adopt_kmalloc(struct kmem *s)
{
	const struct mem *m = s->base.m;
	uint32_t left = 1u << 20;

	for (vaddr_t c = cache_next(m, s->caches); !vaddr_eq(c, s->caches); c = cache_next(m, c)) {
		if (left-- == 0)
			return MM_EINVAL;
		kmem_adopt_class(s, c, cache_object_size(mem_rec(m, c)),
				 cache_flags(mem_rec(m, c)));
	}
	kmem_share_classes(s);
	return 0;
}

/* ---- init and attach ---- */

/* A slab of one of the layer's own caches goes, whatever is in it. */
static void drop_own(struct kmem *s, pfn_t slab)
{
	struct mem *m = s->base.m;
	vaddr_t d = kmem_desc(s, slab), base = pfn_to_va(m, slab, s->page_shift);
	struct mm_rec r = mem_rec(m, d), c = mem_rec(m, (vaddr_t){block_cache(r)});
	uint32_t count = slab_counters(r);
	unsigned order = page_order(m, d);
	msize_t all = (msize_t)1 << (order + s->page_shift);
	msize_t size = cache_size(c);

	mm_account(m, base, counters_inuse(count) * size, MM_METADATA, MM_CACHED);
	mm_account(m, base, all - counters_objects(count) * size, MM_SLACK, MM_CACHED);
	mem_zero(m, vaddr_add(d, PAGE_DESC_BYTES), DESC_BYTES - PAGE_DESC_BYTES);
	if (page_source_put(s->pages, m, base, order) != 0)
		mm_bug(m, "the page allocator refuses a block it gave", base);
}

/* Pages ran out in the middle of init: all that was taken goes back, the first slab last. */
static void undo(struct kmem *s)
{
	pfn_t root = {s->layer - 1}, at = {0};
	struct kmem_block x;

	for (unsigned cpu = 0; cpu < s->cpus; cpu++) {
		slub_flush_cpu(s, s->node_cache, cpu);
		slub_flush_cpu(s, s->caches, cpu);
	}
	while (kmem_next_block(s, &at, &x)) {
		if (!pfn_eq(x.pfn, root))
			drop_own(s, x.pfn);
	}
	drop_own(s, root);
}

int slub_init(struct alloc *a, const struct alloc_env *env, bool tiny)
{
	struct kmem *s = (struct kmem *)a;
	int err = read_env(s, env, tiny);

	if (err == 0)
		err = boot_caches(s);
	if (err != 0)
		return err;
	a->root = s->caches;
	err = boot_kmalloc(s);
	if (err != 0)
		undo(s);
	return err;
}

int slub_attach(struct alloc *a, const struct alloc_env *env, bool tiny)
{
	struct kmem *s = (struct kmem *)a;
	int err = read_env(s, env, tiny);

	if (err != 0)
		return err;
	s->caches = env->root;
	s->node_cache = cache_next(a->m, s->caches);
	s->layer = 1 + va_to_pfn(a->m, s->caches, s->page_shift).v;
	return adopt_kmalloc(s);
}
