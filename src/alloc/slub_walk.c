/* slub: every byte that it holds, by ascending address. */
#include "alloc/slub_map.h"

/* One list into the map; its length, or more than any slab has: it is damaged. */
static uint32_t map_list(const struct kmem *s, struct mm_rec c, struct kmem_block x, vaddr_t o,
			 struct slub_map *map)
{
	vaddr_t base = vaddr_add(pfn_to_va(s->base.m, x.pfn, s->page_shift), cache_red_left(c));
	uint32_t most = counters_objects(slab_counters(x.desc)), n = 0, size = cache_size(c);

	while (!vaddr_none(o)) {
		msize_t at = vaddr_diff(o, base), i = size != 0 ? at / size : at;

		if (at > UINT32_MAX - 1 || size == 0 || at % size != 0 || i >= most ||
		    slub_map_get(map, (uint32_t)i))
			return UINT32_MAX;
		map->bits[i >> 6] |= (uint64_t)1 << (i & 63);
		n++;
		o = object_next(s->base.m, o, cache_offset(c));
	}
	return n;
}

bool slub_free_map(const struct kmem *s, vaddr_t cache, struct kmem_block x, struct slub_map *map)
{
	struct mm_rec c = mem_rec(s->base.m, cache);

	*map = (struct slub_map){.in_cpus = 0};
	map->in_slab = map_list(s, c, x, block_freelist(x.desc), map);
	for (unsigned i = 0; i < s->cpus && map->in_cpus != UINT32_MAX; i++)
		if (pfn_eq(cpu_slab(c, cpu_at(i)), x.pfn))
			map->in_cpus = map_list(s, c, x, cpu_freelist(c, cpu_at(i)), map);
	return map->in_slab != UINT32_MAX && map->in_cpus != UINT32_MAX;
}

bool slub_slab_figures(const struct alloc *a, vaddr_t p, struct slab_figures *out)
{
	const struct kmem *s = (const struct kmem *)a;
	const struct alloc *pages = s->pages->pages;
	pfn_t pfn = va_to_pfn(a->m, p, s->page_shift);
	vaddr_t d = pages->ops->pages->descriptor(pages, pfn), cache;
	struct mm_rec desc, c;

	if (vaddr_none(d) || page_state(a->m, d) != PAGE_LIVE || !page_taken(a->m, d))
		return false;
	desc = mem_rec(a->m, d);
	if (rec_ld32(desc, DESC_LAYER) != s->layer || block_cache(desc) == KMEM_LARGE)
		return false;
	cache = (vaddr_t){block_cache(desc)};
	c = mem_rec(a->m, cache);
	*out = (struct slab_figures){.cache = kmem_number(s, cache),
				     .objects = counters_objects(slab_counters(desc)),
				     .in_use = counters_inuse(slab_counters(desc)),
				     .base = pfn_to_va(a->m, pfn, s->page_shift),
				     .bytes = (msize_t)1 << (page_order(a->m, d) + s->page_shift),
				     .free = block_freelist(desc),
				     .link = cache_offset(c),
				     .cpu = CPU_NONE,
				     .cpu_free = VADDR_NONE};
	for (unsigned i = 0; i < s->cpus; i++)
		if (pfn_eq(cpu_slab(c, cpu_at(i)), pfn)) {
			out->cpu = i;
			out->cpu_free = cpu_freelist(c, cpu_at(i));
		}
	return true;
}

/* What a live object of the cache is. */
static struct walk_span object_span(const struct kmem *s, vaddr_t cache)
{
	if (vaddr_eq(cache, s->caches))
		return (struct walk_span){.class = MM_METADATA, .what = "cache descriptor"};
	if (vaddr_eq(cache, s->node_cache))
		return (struct walk_span){.class = MM_METADATA, .what = "node record"};
	return (struct walk_span){.class = MM_GRANTED, .what = "object"};
}

static void span(walk_fn *fn, void *ctx, struct walk_span w, vaddr_t base, msize_t bytes,
		 uint64_t detail)
{
	if (bytes == 0)
		return;
	w.base = base;
	w.bytes = bytes;
	w.detail = detail;
	fn(ctx, &w);
}

static void walk_slab(const struct kmem *s, struct kmem_block x, walk_fn *fn, void *ctx)
{
	static const struct walk_span red = {.class = MM_SLACK, .what = "red zone"};
	static const struct walk_span tail = {.class = MM_SLACK, .what = "slab tail"};
	static const struct walk_span free = {.class = MM_CACHED, .what = "free object"};
	vaddr_t cache = {block_cache(x.desc)}, at = pfn_to_va(s->base.m, x.pfn, s->page_shift);
	struct mm_rec c = mem_rec(s->base.m, cache);
	uint32_t size = cache_size(c), left = cache_red_left(c);
	uint32_t usable = kmem_usable(cache_object_size(c), size, cache_flags(c));
	uint32_t objects = counters_objects(slab_counters(x.desc));
	msize_t all = (msize_t)1 << ((rec_ld16(x.desc, PAGE_OFF_ORDER) & 0xff) + s->page_shift);
	struct walk_span live = object_span(s, cache);
	struct slub_map map;

	if (!slub_free_map(s, cache, x, &map))
		mm_warn(s->base.m, "a slab's free list is corrupt", at);
	for (uint32_t i = 0; i < objects; i++, at = vaddr_add(at, size)) {
		span(fn, ctx, red, at, left, i);
		span(fn, ctx, slub_map_get(&map, i) ? free : live, vaddr_add(at, left), usable, i);
		span(fn, ctx, red, vaddr_add(at, left + usable), size - left - usable, i);
	}
	span(fn, ctx, tail, at, all - (msize_t)objects * size, objects);
}

void slub_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct kmem *s = (const struct kmem *)a;
	static const struct walk_span large = {.class = MM_GRANTED, .what = "large block"};
	struct kmem_block x;
	pfn_t at = {0};

	while (kmem_next_block(s, &at, &x)) {
		unsigned order = rec_ld16(x.desc, PAGE_OFF_ORDER) & 0xff;

		if (block_cache(x.desc) != KMEM_LARGE)
			walk_slab(s, x, fn, ctx);
		else
			span(fn, ctx, large, pfn_to_va(a->m, x.pfn, s->page_shift),
			     (msize_t)1 << (order + s->page_shift), order);
	}
}
