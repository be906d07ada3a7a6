/* cma: the checker of C1 to C3 (see cma.c). */
#include "alloc/cma_layout.h"

static int check_block(const struct cma *c, struct check_report *r)
{
	struct alloc *a = c->pages->pages;
	pfn_t pfn = va_to_pfn(c->a.m, c->a.root, c->page_shift);
	vaddr_t desc;

	if (a->ops->pages->block_order(a, pfn) != (int)c->order)
		return check_fail(r, "C3: the bitmap lies in a live block", c->a.root, pfn.v,
				  c->order);
	desc = cma_descriptor(c);
	if (!page_taken(c->a.m, desc) || page_private(c->a.m, desc) != c->a.root.v ||
	    !pfn_eq(page_next(c->a.m, desc), cma_start(c)) ||
	    page_prev(c->a.m, desc).v != cma_nr(c) || cma_nr(c) != c->nr)
		return check_fail(r, "C3: the range is what its descriptor says", desc,
				  page_next(c->a.m, desc).v, cma_start(c).v);
	return 0;
}

/* C2 of the block at frame i of the range; *n: its frames. */
static int check_frames(const struct cma *c, uint32_t i, uint32_t *n, struct check_report *r)
{
	struct alloc *a = c->pages->pages;
	vaddr_t desc = a->ops->pages->descriptor(a, pfn_add(cma_start(c), i));
	bool claimed;

	if (vaddr_none(desc) || page_state(c->a.m, desc) == PAGE_TAIL ||
	    page_state(c->a.m, desc) == PAGE_RESERVED ||
	    (msize_t)1 << page_order(c->a.m, desc) > c->nr - i)
		return check_fail(r, "C3: blocks tile the range", c->a.root, i, c->nr);
	*n = (uint32_t)1 << page_order(c->a.m, desc);
	claimed =
		page_state(c->a.m, desc) == PAGE_LIVE && page_owner(c->a.m, desc) == PAGE_OWNER_CMA;
	for (uint32_t k = 0; k < *n; k++)
		if (cma_bit(c, i + k) != claimed)
			return check_fail(r, "C2: a frame's bit says whether it is claimed",
					  cma_word_at(c, i + k), !claimed, claimed);
	return 0;
}

int cma_check(const struct alloc *a, struct check_report *r)
{
	const struct cma *c = (const struct cma *)a;
	uint32_t set = 0, n;

	if (check_block(c, r) != 0)
		return MM_EINVAL;
	for (uint32_t i = 0; i < (c->nr + 31) / 32 * 32; i++)
		set += cma_bit(c, i);
	if (set != cma_claimed(c) || cma_spare(c) != 0)
		return check_fail(r, "C1: claimed counts the bits that are set", a->root,
				  cma_claimed(c), set);
	for (uint32_t i = 0; i < c->nr; i += n)
		if (check_frames(c, i, &n, r) != 0)
			return MM_EINVAL;
	return 0;
}
