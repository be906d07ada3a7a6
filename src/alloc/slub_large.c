/* slub: blocks of whole pages, for what is larger than kmalloc's largest objects. */
#include "alloc/slub.h"

#include "alloc/slub_layout.h"

struct grant slub_large_alloc(struct slub *s, msize_t size, const struct alloc_req *req)
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
	d = slub_desc(s, va_to_pfn(m, va, s->page_shift));
	set_page_taken(m, d);
	set_page_private(m, d, SLUB_LARGE);
	mem_st32(m, vaddr_add(d, DESC_LAYER), s->layer);
	g = (struct grant){va, (msize_t)1 << (order + s->page_shift)};
	mm_account(m, va, g.bytes, MM_CACHED, MM_GRANTED);
	mm_event(m, MM_EV_CHUNK_TAKE, va.v, g.bytes, order);
	return g;
}

msize_t slub_large_free(struct slub *s, struct slub_slab x, vaddr_t p)
{
	struct mem *m = s->base.m;
	vaddr_t d = slub_desc(s, x.pfn);
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
