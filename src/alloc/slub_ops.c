/* slub: its facets, thin adapters; figures; the two kinds. */
#include "alloc/kmem_pool.h"
#include "alloc/slub.h"

#include "alloc/slub_bulk.h"
#include "alloc/slub_layout.h"

/* ---- figures ---- */

static uint32_t list_length(const struct kmem *s, vaddr_t o, uint32_t offset, uint32_t most)
{
	uint32_t n = 0;

	while (n < most && !vaddr_none(o)) {
		o = object_next(s->base.m, o, offset);
		n++;
	}
	return n;
}

/* Free objects of a slab, but for those in a CPU's list. */
static uint32_t slab_frees(const struct kmem *s, pfn_t slab)
{
	uint32_t n = slab_counters(mem_rec(s->base.m, kmem_desc(s, slab)));

	return counters_objects(n) - counters_inuse(n);
}

static uint64_t cpu_frees(const struct kmem *s, struct mm_rec c, uint32_t at, uint64_t *slabs)
{
	const struct mem *m = s->base.m;
	pfn_t slab = cpu_slab(c, at);
	uint64_t n = 0;

	if (!pfn_none(slab)) {
		n += list_length(s, cpu_freelist(c, at), cache_offset(c), KMEM_MAX_OBJECTS);
		n += slab_frees(s, slab);
		++*slabs;
	}
	for (slab = cpu_partial(c, at); !pfn_none(slab); slab = page_next(m, kmem_desc(s, slab))) {
		n += slab_frees(s, slab);
		++*slabs;
	}
	return n;
}

void slub_count(const struct kmem *s, vaddr_t cache, struct cache_figures *out)
{
	const struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	uint64_t free = 0;

	for (unsigned i = 0; i < s->cpus; i++)
		out->at_hand += cpu_frees(s, c, cpu_at(i), &out->cpu_slabs);
	for (unsigned i = 0; i < s->nodes; i++) {
		vaddr_t n = cache_node(s, cache, i);
		pfn_t slab = {node_word(m, n, NODE_HEAD)};

		out->partial += node_word(m, n, NODE_PARTIAL);
		out->slabs += node_word(m, n, NODE_SLABS);
		out->total_objects += node_word(m, n, NODE_OBJECTS);
		for (; !pfn_none(slab); slab = page_next(m, kmem_desc(s, slab)))
			free += slab_frees(s, slab);
	}
	out->active_objects = out->total_objects - free - out->at_hand;
}

uint64_t slub_active(const struct kmem *s, vaddr_t cache)
{
	struct cache_figures f = {0};

	slub_count(s, cache, &f);
	return f.active_objects;
}

void slub_figures(const struct alloc *a, uint32_t number, struct cache_figures *out)
{
	const struct kmem *s = (const struct kmem *)a;
	vaddr_t cache = kmem_cache_at(s, number);
	struct mm_rec c = mem_rec(a->m, cache);

	*out = (struct cache_figures){.object_size = cache_size(c),
				      .slab_size = (msize_t)1 << (s->page_shift + cache_order(c)),
				      .objects_per_slab = cache_objects(c),
				      .pages_per_slab = (uint64_t)1 << cache_order(c),
				      .request_size = cache_object_size(c),
				      .flags = cache_flags(c)};
	out->internal = vaddr_eq(cache, s->caches) || vaddr_eq(cache, s->node_cache);
	if (out->internal)
		out->what = vaddr_eq(cache, s->caches) ? "kmem_cache" : "kmem_cache_node";
	slub_count(s, cache, out);
}

/* ---- caches ---- */

static uint32_t op_create(struct alloc *a, const struct cache_req *req)
{
	struct kmem *s = (struct kmem *)a;
	vaddr_t c = slub_create(s, req->size, req->align, req->flags & ~(uint32_t)SLAB_KMALLOC);

	return vaddr_none(c) ? CACHE_NONE : kmem_number(s, c);
}

static struct grant op_alloc(struct alloc *a, uint32_t cache, const struct alloc_req *req)
{
	struct kmem *s = (struct kmem *)a;

	return slub_cache_alloc(s, kmem_cache_at(s, cache), req);
}

static msize_t op_free(struct alloc *a, uint32_t cache, vaddr_t p)
{
	struct kmem *s = (struct kmem *)a;

	return slub_free(s, kmem_cache_at(s, cache), p);
}

static uint64_t op_shrink(struct alloc *a, uint32_t cache)
{
	struct kmem *s = (struct kmem *)a;

	return slub_shrink(s, kmem_cache_at(s, cache));
}

static int op_destroy(struct alloc *a, uint32_t cache)
{
	struct kmem *s = (struct kmem *)a;

	return slub_destroy(s, kmem_cache_at(s, cache));
}

static uint32_t op_next(const struct alloc *a, uint32_t cache)
{
	const struct kmem *s = (const struct kmem *)a;
	vaddr_t c = s->caches;

	if (cache != CACHE_NONE)
		c = cache_next(a->m, kmem_cache_at(s, cache));
	return cache != CACHE_NONE && vaddr_eq(c, s->caches) ? CACHE_NONE : kmem_number(s, c);
}

const struct cache_ops slub_cache_ops = {
	.create = op_create,
	.alloc = op_alloc,
	.free = op_free,
	.shrink = op_shrink,
	.destroy = op_destroy,
	.figures = slub_figures,
	.next = op_next,
	.slab = slub_slab_figures,
};

/* Memory is short: empty slabs of one cache after another, until it is enough. */
static uint64_t op_give_back(struct alloc *a, uint64_t pages)
{
	struct kmem *s = (struct kmem *)a;
	vaddr_t c = s->caches;
	uint64_t given = 0;

	do {
		given += slub_shrink(s, c);
		c = cache_next(a->m, c);
	} while (given < pages && !vaddr_eq(c, s->caches));
	return given;
}

/* ---- the kinds ---- */

static const struct alloc_param slub_params[] = {
	[KMEM_RED_ZONE_PARAM] = {"red_zone", PARAM_BOOL, 0, 0, 1, NULL,
				 "guard bytes around the objects of all caches, looked at"},
	[KMEM_POISON_PARAM] = {"poison", PARAM_BOOL, 0, 0, 1, NULL,
			       "free objects of all caches are filled, and looked at"},
	[SLUB_CPUS_PARAM] = {"possible_cpus", PARAM_UINT, 0, 0, 4096, NULL,
			     "CPUs that decide how many objects a slab should have; 0: the "
			     "machine's"},
	[SLUB_MIN_OBJECTS_PARAM] = {"min_objects", PARAM_UINT, 0, 0, 32767, NULL,
				    "objects that a slab should have (the kernel's "
				    "slab_min_objects); 0: by the CPUs"},
	[SLUB_MIN_ORDER_PARAM] = {"min_order", PARAM_UINT, 0, 0, 10, NULL,
				  "slabs have at least 2^min_order pages (slab_min_order)"},
	[SLUB_MAX_ORDER_PARAM] =
		{"max_order", PARAM_ENUM, 0, 0, 11, "kind 0 1 2 3 4 5 6 7 8 9 10",
		 "slabs have at most 2^max_order pages, but where one object needs "
		 "more (slab_max_order); kind: 3, slub_tiny 1"},
	[SLUB_CPU_PARTIAL_PARAM] = {"cpu_partial", PARAM_BOOL, 1, 0, 1, NULL,
				    "partial slabs are kept for a CPU (SLUB_CPU_PARTIAL)"},
	[SLUB_KMALLOC_MIN_PARAM] = {"kmalloc_min", PARAM_ENUM, 0, 0, 5, "machine 8 16 32 64 128",
				    "bytes of kmalloc's least size, never below the machine's "
				    "alignment; machine: that, or 8"},
	[SLUB_KMALLOC_POWERS_PARAM] = {"kmalloc_powers", PARAM_BOOL, 0, 0, 1, NULL,
				       "kmalloc's sizes are powers of two: neither 96 nor 192"},
	[SLUB_KMALLOC_ORDER_PARAM] =
		{"kmalloc_max_order", PARAM_UINT, 1, 0, 10, NULL,
		 "kmalloc's largest size is 2^kmalloc_max_order pages; what is "
		 "larger are blocks of pages"},
	{0},
};

static int init(struct alloc *a, const struct alloc_env *env)
{
	alloc_base(a, &slub_ops, env);
	return slub_init(a, env, false);
}

static int attach(struct alloc *a, const struct alloc_env *env)
{
	alloc_base(a, &slub_ops, env);
	return slub_attach(a, env, false);
}

const struct alloc_ops slub_ops = {
	.name = "slub",
	.summary = "the kernel's caches: free lists in the objects, slabs for each CPU",
	.unit = "object",
	.serves = SERVES_FIXED,
	.params = slub_params,
	.handle_bytes = sizeof(struct kmem),
	.desc_bytes = DESC_BYTES,
	.init = init,
	.attach = attach,
	.walk = slub_walk,
	.check = slub_check,
	.shrink = op_give_back,
	.kernel_bulk = slub_bulk,
	.bytes = &slub_bytes_ops,
	.caches = &slub_cache_ops,
	.pools = &mempool_ops,
};

static int tiny_init(struct alloc *a, const struct alloc_env *env)
{
	alloc_base(a, &slub_tiny_ops, env);
	return slub_init(a, env, true);
}

static int tiny_attach(struct alloc *a, const struct alloc_env *env)
{
	alloc_base(a, &slub_tiny_ops, env);
	return slub_attach(a, env, true);
}

const struct alloc_ops slub_tiny_ops = {
	.name = "slub_tiny",
	.summary = "the kernel's caches for small machines: nothing is kept for a CPU",
	.unit = "object",
	.serves = SERVES_FIXED,
	.params = slub_params,
	.handle_bytes = sizeof(struct kmem),
	.desc_bytes = DESC_BYTES,
	.init = tiny_init,
	.attach = tiny_attach,
	.walk = slub_walk,
	.check = slub_check,
	.shrink = op_give_back,
	.kernel_bulk = slub_bulk,
	.bytes = &slub_bytes_ops,
	.caches = &slub_cache_ops,
	.pools = &mempool_ops,
};
