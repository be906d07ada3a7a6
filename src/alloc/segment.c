/* Segments: the ranges heaps live in.  See segment.h. */
#include "alloc/segment.h"

#include "alloc/page.h"

vaddr_t seg_get(const struct seg_list *l, msize_t need, const struct alloc_req *req, msize_t *bytes)
{
	unsigned least = pages_order(l->pages, need), most = pages_order(l->pages, l->grow);
	unsigned order = most > least ? most : least;
	vaddr_t s = VADDR_NONE;

	if (order > least && order <= l->pages->pages->ops->pages->max_order(l->pages->pages))
		s = page_source_get(l->pages, l->m, order, req);
	if (vaddr_none(s)) {
		order = least;
		s = page_source_get(l->pages, l->m, order, req);
	}
	*bytes = (msize_t)1 << (order + l->pages->page_shift);
	return s;
}

void seg_put(const struct seg_list *l, vaddr_t s, msize_t bytes)
{
	if (page_source_put(l->pages, l->m, s, pages_order(l->pages, bytes)) != 0)
		mm_bug(l->m, "a segment's pages are not a live block", s);
}

bool seg_readable(const struct seg_list *l, vaddr_t a)
{
	struct alloc *pages;

	if (l->pages == NULL)
		return true;
	pages = l->pages->pages;
	return !vaddr_none(
		pages->ops->pages->descriptor(pages, va_to_pfn(l->m, a, l->pages->page_shift)));
}

msize_t seg_largest(const struct seg_list *l)
{
	return (msize_t)1 << (l->pages->pages->ops->pages->max_order(l->pages->pages) +
			      l->pages->page_shift);
}

void seg_first(const struct seg_list *l, vaddr_t s, msize_t bytes)
{
	set_seg_next(l->m, s, VADDR_NONE);
	set_seg_prev(l->m, s, VADDR_NONE);
	set_seg_bytes(l->m, s, bytes);
	set_first_segment(l->m, l->ends, s);
	set_last_segment(l->m, l->ends, s);
}

/* Most often the new one is the highest. */
void seg_link(const struct seg_list *l, vaddr_t s, msize_t bytes)
{
	vaddr_t prev = last_segment(l->m, l->ends), next = VADDR_NONE;

	while (!vaddr_none(prev) && prev.v > s.v) {
		next = prev;
		prev = seg_prev(l->m, prev);
	}
	set_seg_bytes(l->m, s, bytes);
	set_seg_prev(l->m, s, prev);
	set_seg_next(l->m, s, next);
	if (vaddr_none(prev))
		set_first_segment(l->m, l->ends, s);
	else
		set_seg_next(l->m, prev, s);
	if (vaddr_none(next))
		set_last_segment(l->m, l->ends, s);
	else
		set_seg_prev(l->m, next, s);
}

void seg_unlink(const struct seg_list *l, vaddr_t s)
{
	vaddr_t prev = seg_prev(l->m, s), next = seg_next(l->m, s);

	if (vaddr_none(prev))
		set_first_segment(l->m, l->ends, next);
	else
		set_seg_next(l->m, prev, next);
	if (vaddr_none(next))
		set_last_segment(l->m, l->ends, prev);
	else
		set_seg_prev(l->m, next, prev);
}

bool seg_plausible(const struct seg_list *l, struct mm_range arena, vaddr_t s, vaddr_t prev)
{
	msize_t bytes;

	if (l->pages == NULL) {
		struct mm_range r = seg_arena(arena);

		return vaddr_eq(s, r.base) && seg_bytes(l->m, s) == r.bytes;
	}
	if ((s.v & (((msize_t)1 << l->pages->page_shift) - 1)) != 0 ||
	    (!vaddr_none(prev) && s.v < prev.v + seg_bytes(l->m, prev)))
		return false;
	bytes = seg_bytes(l->m, s);
	return is_pow2(bytes) && bytes >> l->pages->page_shift != 0;
}
