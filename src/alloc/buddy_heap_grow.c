/*
 * buddy_heap: grown from pages.
 *
 * All segments are blocks of 2^seg_order pages, which the page allocator aligns to
 * their size: rounding an address down names its segment.  A request that no
 * segment could hold is a *large* block, pages of its own.  The descriptor of a
 * segment's or a large block's first page says which it is in `private`; those of
 * large blocks also link them.
 */
#include "alloc/buddy_heap.h"
#include "alloc/buddy_heap_layout.h"

vaddr_t buddy_heap_desc(const struct buddy_heap *h, vaddr_t va)
{
	struct alloc *pages = h->pages->pages;

	return pages->ops->pages->descriptor(pages, va_to_pfn(h->base.m, va, h->pages->page_shift));
}

static msize_t seg_bytes(const struct buddy_heap *h)
{
	return (msize_t)1 << (h->seg_order + h->pages->page_shift);
}

static void claim_page(struct buddy_heap *h, vaddr_t va, msize_t private)
{
	vaddr_t desc = buddy_heap_desc(h, va);

	set_page_taken(h->base.m, desc);
	set_page_private(h->base.m, desc, private);
}

static bool page_says(const struct buddy_heap *h, vaddr_t va, msize_t private)
{
	vaddr_t desc = buddy_heap_desc(h, va);

	return !vaddr_none(desc) && page_taken(h->base.m, desc) &&
	       page_state(h->base.m, desc) == PAGE_LIVE && page_private(h->base.m, desc) == private;
}

/* ---- segments ---- */

int buddy_heap_first_pages(struct buddy_heap *h, struct mm_range *out)
{
	struct alloc_req req = {.zone_mask = UINT32_MAX};
	vaddr_t base = page_source_get(h->pages, h->base.m, h->seg_order, &req);

	if (vaddr_none(base))
		return MM_ENOMEM;
	*out = (struct mm_range){base, seg_bytes(h)};
	return 0;
}

void buddy_heap_link_first(struct buddy_heap *h)
{
	set_segment_next(h->base.m, h->base.root, VADDR_NONE);
	set_segment_prev(h->base.m, h->base.root, VADDR_NONE);
	set_segment_live(h->base.m, h->base.root, 0);
	claim_page(h, h->base.root, BUDDY_HEAP_SEGMENT(h));
}

bool buddy_heap_add_segment(struct buddy_heap *h, const struct alloc_req *req)
{
	struct mem *m = h->base.m;
	vaddr_t base = page_source_get(h->pages, m, h->seg_order, req), root = h->base.root, next;
	struct buddy_span s;

	if (vaddr_none(base))
		return false;
	next = segment_next(m, root);
	set_segment_next(m, base, next);
	set_segment_prev(m, base, root);
	set_segment_live(m, base, 0);
	set_segment_next(m, root, base);
	if (!vaddr_none(next))
		set_segment_prev(m, next, base);
	claim_page(h, base, BUDDY_HEAP_SEGMENT(h));
	s = buddy_heap_span(h, base, seg_bytes(h), false);
	buddy_heap_format(h, &s);
	mm_event(m, MM_EV_SEGMENT_ADD, base.v, seg_bytes(h), 0);
	return true;
}

void buddy_heap_drop_segment(struct buddy_heap *h, const struct buddy_span *s)
{
	struct mem *m = h->base.m;
	vaddr_t next = segment_next(m, s->base), prev = segment_prev(m, s->base);

	if (vaddr_eq(s->base, h->base.root))
		return;
	set_segment_next(m, prev, next);
	if (!vaddr_none(next))
		set_segment_prev(m, next, prev);
	buddy_heap_unformat(h, s);
	mm_event(m, MM_EV_SEGMENT_DROP, s->base.v, seg_bytes(h), 0);
	if (page_source_put(h->pages, m, s->base, h->seg_order) != 0)
		mm_bug(m, "the pages of a segment are not a live block", s->base);
}

bool buddy_heap_segment_of(const struct buddy_heap *h, vaddr_t p, struct buddy_span *s)
{
	msize_t into = mem_pa(h->base.m, p).v & (seg_bytes(h) - 1);
	vaddr_t base = vaddr_sub(p, into);

	if (!page_says(h, base, BUDDY_HEAP_SEGMENT(h)))
		return false;
	*s = buddy_heap_span(h, base, seg_bytes(h), vaddr_eq(base, h->base.root));
	return true;
}

/* ---- large blocks ---- */

msize_t buddy_heap_large_bytes(const struct buddy_heap *h, vaddr_t p)
{
	msize_t page = (msize_t)1 << h->pages->page_shift;

	if ((mem_pa(h->base.m, p).v & (page - 1)) != 0 || !page_says(h, p, BUDDY_HEAP_LARGE(h)))
		return 0;
	return page << page_order(h->base.m, buddy_heap_desc(h, p));
}

static unsigned large_order(const struct buddy_heap *h, const struct alloc_req *req)
{
	msize_t bytes = req->size > req->align ? req->size : req->align;

	return pages_order(h->pages, bytes);
}

struct grant buddy_heap_large(struct buddy_heap *h, const struct alloc_req *req)
{
	struct mem *m = h->base.m;
	unsigned order = large_order(h, req);
	vaddr_t desc, p = page_source_get(h->pages, m, order, req);
	pfn_t first = large_head(m, h->control);
	struct grant g = {p, (msize_t)1 << (order + h->pages->page_shift)};

	mm_search(m, 0);
	if (vaddr_none(p))
		return GRANT_NONE;
	desc = buddy_heap_desc(h, p);
	claim_page(h, p, BUDDY_HEAP_LARGE(h));
	set_page_next(m, desc, first);
	set_page_prev(m, desc, PFN_NONE);
	if (!pfn_none(first))
		set_page_prev(m, buddy_heap_desc(h, pfn_to_va(m, first, h->pages->page_shift)),
			      va_to_pfn(m, p, h->pages->page_shift));
	set_large_head(m, h->control, va_to_pfn(m, p, h->pages->page_shift));
	set_live_blocks(m, h->control, live_blocks(m, h->control) + 1);
	mm_account(m, p, g.bytes, MM_CACHED, MM_GRANTED);
	mm_event(m, MM_EV_CHUNK_TAKE, p.v, g.bytes, order);
	return g;
}

static void unlink_large(struct buddy_heap *h, vaddr_t desc)
{
	struct mem *m = h->base.m;
	unsigned shift = h->pages->page_shift;
	pfn_t next = page_next(m, desc), prev = page_prev(m, desc);

	if (pfn_none(prev))
		set_large_head(m, h->control, next);
	else
		set_page_next(m, buddy_heap_desc(h, pfn_to_va(m, prev, shift)), next);
	if (!pfn_none(next))
		set_page_prev(m, buddy_heap_desc(h, pfn_to_va(m, next, shift)), prev);
}

msize_t buddy_heap_free_large(struct buddy_heap *h, vaddr_t p)
{
	struct mem *m = h->base.m;
	msize_t bytes = buddy_heap_large_bytes(h, p);

	if (bytes == 0)
		return FREE_BAD;
	unlink_large(h, buddy_heap_desc(h, p));
	set_live_blocks(m, h->control, live_blocks(m, h->control) - 1);
	mm_account(m, p, bytes, MM_GRANTED, MM_CACHED);
	mm_event(m, MM_EV_CHUNK_FREE, p.v, bytes, 0);
	if (page_source_put(h->pages, m, p, msb(bytes) - h->pages->page_shift) != 0)
		mm_bug(m, "the pages of a large block are not a live block", p);
	return bytes;
}

struct grant buddy_heap_resize_large(struct buddy_heap *h, vaddr_t p, const struct alloc_req *req)
{
	msize_t bytes = buddy_heap_large_bytes(h, p);

	if (bytes == 0 || req->size > bytes || req->size <= bytes / 2 ||
	    (req->align != 0 && (p.v & (req->align - 1)) != 0))
		return GRANT_NONE;
	return (struct grant){p, bytes};
}

void buddy_heap_walk_large(const struct buddy_heap *h, walk_fn *fn, void *ctx)
{
	const struct mem *m = h->base.m;

	for (pfn_t at = large_head(m, h->control); !pfn_none(at);) {
		vaddr_t p = pfn_to_va(m, at, h->pages->page_shift), desc = buddy_heap_desc(h, p);

		if (vaddr_none(desc))
			return; /* a corrupt link: check says so */
		fn(ctx, &(struct walk_span){p, buddy_heap_large_bytes(h, p), MM_GRANTED,
					    "large block", page_order(m, desc)});
		at = page_next(m, desc);
	}
}
