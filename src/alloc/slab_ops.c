/* slab: its facets, thin adapters; figures, walk; the kind. */
#include "alloc/kmem_pool.h"
#include "alloc/slab.h"

#include "alloc/slab_layout.h"

/* Records of a ring, at most as many as it may have. */
static uint64_t ring_length(const struct mem *m, vaddr_t head, uint64_t most)
{
	uint64_t n = 0;

	for (vaddr_t r = head; !vaddr_none(r) && n < most; n++) {
		r = record_next(m, r);
		if (vaddr_eq(r, head))
			r = VADDR_NONE;
	}
	return n;
}

void slab_count(const struct kmem *s, vaddr_t cache, struct cache_figures *out)
{
	const struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	uint64_t free = 0, partial = 0;

	for (unsigned i = 0; i < s->nodes; i++) {
		vaddr_t n = cache_node(s, cache, i);

		out->slabs += node_word(m, n, NODE_SLABS);
		free += node_word(m, n, NODE_FREE_OBJECTS);
		partial += ring_length(m, node_list(m, n, SLABS_PARTIAL), out->slabs);
		out->free_slabs += ring_length(m, node_list(m, n, SLABS_FREE), out->slabs);
	}
	out->at_hand = slab_queued(s, cache, &out->shared_avail);
	free += out->at_hand;
	out->partial = partial;
	out->total_objects = out->slabs * cache_num(c);
	out->active_objects = out->total_objects - free;
	out->limit = cache_limit(c);
	out->batch = cache_batch(c);
	out->shared = cache_shared(c);
}

static void op_figures(const struct alloc *a, uint32_t number, struct cache_figures *out)
{
	const struct kmem *s = (const struct kmem *)a;
	vaddr_t cache = kmem_cache_at(s, number);
	struct mm_rec c = mem_rec(a->m, cache);

	*out = (struct cache_figures){.object_size = cache_size(c),
				      .slab_size = (msize_t)1 << (s->page_shift + cache_order(c)),
				      .objects_per_slab = cache_num(c),
				      .pages_per_slab = (uint64_t)1 << cache_order(c),
				      .request_size = cache_object_size(c),
				      .flags = cache_flags(c)};
	out->internal = vaddr_eq(cache, s->caches);
	out->what = out->internal ? "kmem_cache" : NULL;
	slab_count(s, cache, out);
}

/* ---- walk ---- */

static void span(walk_fn *fn, void *ctx, vaddr_t base, msize_t bytes, enum mm_class class,
		 const char *what, uint64_t detail)
{
	if (bytes != 0)
		fn(ctx, &(struct walk_span){base, bytes, class, what, detail});
}

static void walk_object(const struct kmem *s, vaddr_t cache, vaddr_t r, uint32_t i, walk_fn *fn,
			void *ctx)
{
	struct mm_rec c = mem_rec(s->base.m, cache);
	uint32_t left = cache_red_left(c), size = cache_size(c);
	uint32_t usable = kmem_usable(cache_object_size(c), size, cache_flags(c));
	vaddr_t at = vaddr_add(record_mem(s->base.m, r), (msize_t)i * size),
		o = vaddr_add(at, left);

	span(fn, ctx, at, left, MM_SLACK, "red zone", i);
	switch (record_bufctl(s->base.m, r, i)) {
	case BUFCTL_OWN:
		span(fn, ctx, o, usable, MM_METADATA,
		     vaddr_eq(cache, s->caches) ? "cache descriptor" : "slab record", i);
		break;
	case BUFCTL_ARRAY:
		span(fn, ctx, o, usable, MM_METADATA, "array of free objects", i);
		break;
	case BUFCTL_ACTIVE:
		span(fn, ctx, o, usable, MM_GRANTED, "object", i);
		break;
	default:
		span(fn, ctx, o, usable, MM_CACHED, "free object", i);
	}
	span(fn, ctx, vaddr_add(o, usable), size - left - usable, MM_SLACK, "red zone", i);
}

static void walk_slab(const struct kmem *s, struct kmem_block b, walk_fn *fn, void *ctx)
{
	const struct mem *m = s->base.m;
	vaddr_t cache = {block_cache(b.desc)}, r = {rec_ldw(b.desc, DESC_FREELIST)};
	struct mm_rec c = mem_rec(m, cache);
	vaddr_t base = pfn_to_va(m, b.pfn, s->page_shift), first = record_mem(m, r), end;
	msize_t record = SLAB_RECORD + 4ull * cache_num(c);

	if (cache_off_slab(c)) {
		span(fn, ctx, base, vaddr_diff(first, base), MM_SLACK, "colour", 0);
	} else {
		span(fn, ctx, base, vaddr_diff(r, base), MM_SLACK, "colour", 0);
		span(fn, ctx, r, record, MM_METADATA, "slab record", cache_num(c));
		span(fn, ctx, vaddr_add(r, record), vaddr_diff(first, vaddr_add(r, record)),
		     MM_SLACK, "slab tail", 0);
	}
	for (uint32_t i = 0; i < cache_num(c); i++)
		walk_object(s, cache, r, i, fn, ctx);
	end = vaddr_add(first, (msize_t)cache_num(c) * cache_size(c));
	span(fn, ctx, end,
	     vaddr_diff(vaddr_add(base, (msize_t)1 << (s->page_shift + cache_order(c))), end),
	     MM_SLACK, "slab tail", 1);
}

void slab_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct kmem *s = (const struct kmem *)a;
	struct kmem_block b;
	pfn_t at = {0};

	while (kmem_next_block(s, &at, &b)) {
		unsigned order = rec_ld16(b.desc, PAGE_OFF_ORDER) & 0xff;

		if (block_cache(b.desc) != KMEM_LARGE)
			walk_slab(s, b, fn, ctx);
		else
			span(fn, ctx, pfn_to_va(a->m, b.pfn, s->page_shift),
			     (msize_t)1 << (order + s->page_shift), MM_GRANTED, "large block",
			     order);
	}
}

/* ---- caches ---- */

static uint32_t op_create(struct alloc *a, const struct cache_req *req)
{
	struct kmem *s = (struct kmem *)a;
	vaddr_t c = slab_create(s, req->size, req->align, req->flags & ~(uint32_t)SLAB_KMALLOC);

	return vaddr_none(c) ? CACHE_NONE : kmem_number(s, c);
}

static struct grant op_alloc(struct alloc *a, uint32_t cache, const struct alloc_req *req)
{
	struct kmem *s = (struct kmem *)a;

	return slab_cache_alloc(s, kmem_cache_at(s, cache), req);
}

static msize_t op_free(struct alloc *a, uint32_t cache, vaddr_t p)
{
	struct kmem *s = (struct kmem *)a;

	return slab_free(s, kmem_cache_at(s, cache), p);
}

static uint64_t op_shrink(struct alloc *a, uint32_t cache)
{
	struct kmem *s = (struct kmem *)a;

	return slab_shrink(s, kmem_cache_at(s, cache));
}

static int op_destroy(struct alloc *a, uint32_t cache)
{
	struct kmem *s = (struct kmem *)a;

	return slab_destroy(s, kmem_cache_at(s, cache));
}

static uint32_t op_next(const struct alloc *a, uint32_t cache)
{
	const struct kmem *s = (const struct kmem *)a;
	vaddr_t c = s->caches;

	if (cache != CACHE_NONE)
		c = cache_next(a->m, kmem_cache_at(s, cache));
	return cache != CACHE_NONE && vaddr_eq(c, s->caches) ? CACHE_NONE : kmem_number(s, c);
}

const struct cache_ops slab_cache_ops = {
	.create = op_create,
	.alloc = op_alloc,
	.free = op_free,
	.shrink = op_shrink,
	.destroy = op_destroy,
	.figures = op_figures,
	.next = op_next,
};

/* Memory is short: free slabs of one cache after another, until it is enough. */
static uint64_t op_give_back(struct alloc *a, uint64_t pages)
{
	struct kmem *s = (struct kmem *)a;
	vaddr_t c = s->caches;
	uint64_t given = 0;

	do {
		given += slab_shrink(s, c);
		c = cache_next(a->m, c);
	} while (given < pages && !vaddr_eq(c, s->caches));
	return given;
}

static const struct alloc_param slab_params[] = {
	[KMEM_RED_ZONE_PARAM] = {"red_zone", PARAM_BOOL, 0, 0, 1, NULL,
				 "guard bytes around the objects of all caches, looked at"},
	[KMEM_POISON_PARAM] = {"poison", PARAM_BOOL, 0, 0, 1, NULL,
			       "free objects of all caches are filled, and looked at"},
	{0},
};

const struct alloc_ops slab_ops = {
	.name = "slab",
	.summary = "the kernel's caches until 6.7: full, partial and free slabs, arrays for CPUs "
		   "and nodes",
	.unit = "object",
	.serves = SERVES_FIXED,
	.params = slab_params,
	.handle_bytes = sizeof(struct kmem),
	.desc_bytes = DESC_BYTES,
	.init = slab_init,
	.attach = slab_attach,
	.walk = slab_walk,
	.check = slab_check,
	.shrink = op_give_back,
	.tick = slab_tick,
	.bytes = &slab_bytes_ops,
	.caches = &slab_cache_ops,
	.pools = &mempool_ops,
};
