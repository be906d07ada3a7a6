/*
 * kmem: blocks of pages, and what the slab layers share: how the handle comes to be, from
 * addresses to blocks, blocks for what is larger than kmalloc's largest objects.
 */
#include "alloc/kmem_pages.h"

int kmem_read_env(struct kmem *s, const struct alloc_env *env)
{
	const struct page_ops *pages;
	unsigned max_order;

	s->pages = env->pages;
	if (env->pages == NULL)
		return MM_ENOENT;
	pages = env->pages->pages->ops->pages;
	max_order = pages->max_order(env->pages->pages);
	s->hot = pages->frames(env->pages->pages, (pfn_t){0});
	s->page_shift = (uint8_t)env->page_shift;
	s->cpus = env->cpus ? env->cpus : 1;
	s->nodes = env->nodes ? env->nodes : 1;
	s->cpu_node = env->cpu_node;
	s->line_shift = (uint8_t)(env->cache_line > 16 ? msb(env->cache_line) : 4);
	s->debug = (env->params[KMEM_RED_ZONE_PARAM].u != 0 ? SLAB_RED_ZONE : 0) |
		   (env->params[KMEM_POISON_PARAM].u != 0 ? SLAB_POISON : 0);
	s->rules = (struct kmem_rules){.rules = env->rules,
				       .nr_cpus = s->cpus,
				       .page_shift = env->page_shift,
				       .max_order = max_order < 10 ? max_order : 10,
				       .cache_line = (uint32_t)1 << s->line_shift,
				       .align = env->align > MM_WORD ? env->align : MM_WORD};
	return s->hot.stride < DESC_BYTES || env->page_shift < 9 ? MM_EINVAL : 0;
}

/* ---- from addresses to blocks ---- */

vaddr_t kmem_desc_slow(const struct kmem *s, pfn_t pfn)
{
	vaddr_t d = s->pages->pages->ops->pages->descriptor(s->pages->pages, pfn);

	if (vaddr_none(d))
		mm_bug(s->base.m, "a link names a frame without a descriptor", d);
	return d;
}

bool kmem_warm(struct kmem *s, pfn_t pfn)
{
	struct page_frames f = s->pages->pages->ops->pages->frames(s->pages->pages, pfn);

	if (pfn.v - f.start.v >= f.nr)
		return false;
	s->hot = f;
	return true;
}

struct kmem_block kmem_block_of(struct kmem *s, vaddr_t p)
{
	return kmem_find_block(s, p);
}

unsigned kmem_node(const struct kmem *s, pfn_t slab)
{
	const struct alloc *pages = s->pages->pages;
	unsigned node;

	if (s->nodes == 1)
		return 0;
	node = pfn_none(slab) ? 0 : pages->ops->pages->frames(pages, slab).node;
	return node < s->nodes ? node : 0;
}

bool kmem_next_block(const struct kmem *s, pfn_t *at, struct kmem_block *out)
{
	const struct alloc *pages = s->pages->pages;
	const struct mem *m = s->base.m;

	for (;;) {
		struct page_frames f = pages->ops->pages->frames(pages, *at);
		uint32_t i = at->v > f.start.v ? at->v - f.start.v : 0;

		if (f.nr == 0)
			return false;
		while (i < f.nr) {
			vaddr_t d = vaddr_add(f.descs, (msize_t)i * f.stride);
			msize_t zeros = mem_untouched(m, d);
			enum page_state state;

			if (zeros >= f.stride) {
				i += (uint32_t)(zeros / f.stride);
				continue;
			}
			state = page_state(m, d);
			*out = (struct kmem_block){pfn_add(f.start, i), mem_rec(m, d)};
			i += state == PAGE_LIVE && page_order(m, d) < 31
				     ? (uint32_t)1 << page_order(m, d)
				     : 1;
			if (state == PAGE_LIVE && page_taken(m, d) &&
			    rec_ld32(out->desc, DESC_LAYER) == s->layer) {
				at->v = f.start.v + i;
				return true;
			}
		}
		at->v = f.start.v + f.nr;
	}
}

/* ---- blocks for kmalloc ---- */

struct grant kmem_large_alloc(struct kmem *s, msize_t size, const struct alloc_req *req)
{
	struct mem *m = s->base.m;
	struct alloc_req r = *req;
	struct grant g;
	vaddr_t va, d;
	unsigned order;

	if (size > KMEM_MAX_SIZE) {
		mm_search(m, 0);
		mm_refuse(m, MM_REFUSE_LIMIT);
		return GRANT_NONE;
	}
	order = kmem_get_order(s->page_shift, size);
	r.zone_mask = (req->gfp & __GFP_DMA) != 0 && s->pages->dma_zones != 0 ? s->pages->dma_zones
									      : UINT32_MAX;
	va = page_source_get(s->pages, m, order, &r);
	mm_search(m, 0);
	if (vaddr_none(va))
		return GRANT_NONE;
	d = kmem_desc(s, va_to_pfn(m, va, s->page_shift));
	set_page_taken(m, d);
	set_page_private(m, d, KMEM_LARGE);
	mem_st32(m, vaddr_add(d, DESC_LAYER), s->layer);
	g = (struct grant){va, (msize_t)1 << (order + s->page_shift)};
	mm_account(m, va, g.bytes, MM_CACHED, MM_GRANTED);
	mm_event(m, MM_EV_CHUNK_TAKE, va.v, g.bytes, order);
	return g;
}

msize_t kmem_large_free(struct kmem *s, struct kmem_block x, vaddr_t p)
{
	struct mem *m = s->base.m;
	vaddr_t d = kmem_desc(s, x.pfn);
	unsigned order = page_order(m, d);
	msize_t bytes = (msize_t)1 << (order + s->page_shift);

	if (!vaddr_eq(p, pfn_to_va(m, x.pfn, s->page_shift)))
		return FREE_BAD;
	mm_account(m, p, bytes, MM_GRANTED, MM_CACHED);
	mm_event(m, MM_EV_CHUNK_FREE, p.v, bytes, order);
	mem_zero(m, vaddr_add(d, PAGE_DESC_BYTES), DESC_BYTES - PAGE_DESC_BYTES);
	if (page_source_put(s->pages, m, p, order) != 0)
		mm_bug(m, "the page allocator refuses a block it gave", p);
	return bytes;
}

msize_t kmem_largest(const struct kmem *s)
{
	msize_t block = (msize_t)1 << (s->page_shift + s->rules.max_order);

	return block < KMEM_MAX_SIZE ? block : KMEM_MAX_SIZE;
}

/* ---- kmalloc's caches ---- */

void kmem_adopt_class(struct kmem *s, vaddr_t c, uint32_t object_size, uint32_t flags)
{
	unsigned type = (flags & SLAB_CACHE_DMA) != 0;
	unsigned i = object_size == 96 ? 1 : object_size == 192 ? 2 : msb(object_size | 1);

	if ((flags & SLAB_KMALLOC) != 0 && i < KMALLOC_INDICES)
		s->classes.cache[type][i] = c;
}

void kmem_share_classes(struct kmem *s)
{
	for (unsigned i = 0; s->pages->dma_zones == 0 && i < KMALLOC_INDICES; i++)
		s->classes.cache[1][i] = s->classes.cache[0][i];
}

bool kmem_is_class(const struct kmem *s, vaddr_t c)
{
	for (unsigned type = 0; type < KMALLOC_TYPES; type++)
		for (unsigned i = 1; i < KMALLOC_INDICES; i++)
			if (kmalloc_has(&s->classes, i) && vaddr_eq(s->classes.cache[type][i], c))
				return true;
	return false;
}
