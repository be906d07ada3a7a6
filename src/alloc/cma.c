/*
 * cma: the contiguous memory allocator.  A range of pages is set aside at boot, and lent:
 * its pageblocks are of a type that movable requests may use (buddy_cma.c).  A request
 * for contiguous memory takes the first hole of the bitmap that is long enough and
 * aligned, and has the page allocator take those pages back, which moves whoever uses
 * them; where something cannot be moved, the next hole is tried.  M. Nazarewicz, "A deep
 * dive into CMA", LWN.net, 2012; Linux, mm/cma.c.
 *
 * Bound: O(pages of the range) for the search, and the copying of what is moved.
 *
 * Invariants, cited by cma_check:
 *   C1  claimed counts the bits that are set; words without a frame and spare words are zero
 *   C2  a frame's bit is set if and only if the page allocator has it as claimed
 *   C3  the range is what its block's descriptor says, and blocks tile it
 */
#include "alloc/cma.h"

#include "alloc/cma_layout.h"

/* ---- the bitmap ---- */

/* The first clear bits [*at, *at + n) at or after *at, such that start + *at is a multiple of
 * `align` frames; false: there are none. */
static bool find_hole(const struct cma *c, uint32_t n, uint32_t align, uint32_t *at)
{
	uint32_t start = cma_start(c).v, i = *at, steps = 0;

	for (;;) {
		uint32_t run = 0;

		i = (uint32_t)round_up((msize_t)start + i, align) - start;
		if (i >= c->nr || n > c->nr - i)
			break;
		while (run < n && !cma_bit(c, i + run))
			run++;
		steps++;
		if (run == n) {
			mm_search(c->a.m, steps);
			*at = i;
			return true;
		}
		i += run + 1;
	}
	mm_search(c->a.m, steps);
	return false;
}

static void set_bits(const struct cma *c, uint32_t at, uint32_t n, bool on)
{
	for (uint32_t i = 0; i < n; i++)
		set_cma_bit(c, at + i, on);
	set_cma_claimed(c, on ? cma_claimed(c) + n : cma_claimed(c) - n);
}

/* ---- cma_alloc, cma_release ---- */

static vaddr_t grant_range(struct cma *c, uint32_t at, uint32_t n)
{
	vaddr_t va = pfn_to_va(c->a.m, pfn_add(cma_start(c), at), c->page_shift);
	msize_t bytes = (msize_t)n << c->page_shift;

	set_bits(c, at, n, true);
	c->pages->held += bytes;
	mm_transfer(c->pages->pages->m, c->a.m, va, bytes, MM_CACHED);
	mm_account(c->a.m, va, bytes, MM_CACHED, MM_GRANTED);
	return va;
}

static struct grant cma_alloc(struct alloc *a, msize_t bytes, msize_t align,
			      struct page_mover *mover)
{
	struct cma *c = (struct cma *)a;
	struct alloc *pages = c->pages->pages;
	msize_t page = (msize_t)1 << c->page_shift;
	uint32_t n, frames = (uint32_t)(align > page ? align >> c->page_shift : 1), at = 0;
	bool pinned = false;

	if (bytes == 0 || bytes > (msize_t)c->nr << c->page_shift || align > page * c->nr) {
		mm_refuse(a->m, MM_REFUSE_LIMIT);
		return GRANT_NONE;
	}
	n = (uint32_t)((bytes + page - 1) >> c->page_shift);
	for (; find_hole(c, n, frames, &at); at++) {
		int err =
			pages->ops->pages->claim_range(pages, pfn_add(cma_start(c), at), n, mover);

		if (err == 0)
			return (struct grant){grant_range(c, at, n), n * page};
		if (err != MM_EBUSY)
			return GRANT_NONE;
		pinned = true;
	}
	if (pinned)
		mm_refuse(a->m, MM_REFUSE_CONFLICT);
	return GRANT_NONE;
}

static msize_t cma_release(struct alloc *a, vaddr_t va, msize_t bytes)
{
	struct cma *c = (struct cma *)a;
	struct alloc *pages = c->pages->pages;
	msize_t page = (msize_t)1 << c->page_shift;
	pfn_t pfn = va_to_pfn(a->m, va, c->page_shift);
	uint32_t at = pfn.v - cma_start(c).v, n;

	bytes = (bytes + page - 1) & ~(page - 1);
	if ((va.v & (page - 1)) != 0 || at >= c->nr || bytes == 0 ||
	    bytes > (msize_t)(c->nr - at) << c->page_shift ||
	    mem_va(a->m, mem_pa(a->m, va)).v != va.v)
		return FREE_BAD;
	n = (uint32_t)(bytes >> c->page_shift);
	for (uint32_t i = 0; i < n; i++)
		if (!cma_bit(c, at + i))
			return FREE_BAD;
	mm_account(a->m, va, bytes, MM_GRANTED, MM_CACHED);
	mm_transfer(a->m, pages->m, va, bytes, MM_CACHED);
	if (pages->ops->pages->release_range(pages, pfn, n) != 0) {
		mm_transfer(pages->m, a->m, va, bytes, MM_CACHED);
		mm_account(a->m, va, bytes, MM_CACHED, MM_GRANTED);
		return FREE_BAD;
	}
	c->pages->held -= bytes;
	set_bits(c, at, n, false);
	return bytes;
}

static void cma_figures(const struct alloc *a, struct cma_figures *out)
{
	const struct cma *c = (const struct cma *)a;
	uint32_t run = 0;

	*out = (struct cma_figures){cma_start(c), c->nr, cma_claimed(c), 0};
	for (uint32_t i = 0; i < c->nr; i++) {
		run = cma_bit(c, i) ? 0 : run + 1;
		out->largest = run > out->largest ? run : out->largest;
	}
}

/* ---- init, attach, walk ---- */

static int fill_handle(struct cma *c, const struct alloc_env *env)
{
	const struct page_ops *p;
	msize_t unit, bytes = env->params[0].u;

	if (env->pages == NULL || env->pages->pages->ops->pages->lend_range == NULL)
		return MM_EINVAL;
	p = env->pages->pages->ops->pages;
	c->pages = env->pages;
	c->page_shift = env->page_shift;
	c->zones = env->pages->zone_mask & (env->vm != NULL ? env->vm->low_zones : UINT32_MAX);
	unit = (msize_t)1 << (p->max_order(env->pages->pages) + c->page_shift);
	c->nr = (uint32_t)(round_up(bytes, unit) >> c->page_shift);
	c->order = pages_order(env->pages, cma_bytes(c));
	return 0;
}

static void format(struct cma *c, pfn_t start)
{
	vaddr_t desc = cma_descriptor(c);
	msize_t block = (msize_t)1 << (c->order + c->page_shift);

	mem_zero(c->a.m, c->a.root, cma_bytes(c));
	set_cma_start(c, start);
	set_cma_nr(c, c->nr);
	set_page_taken(c->a.m, desc);
	set_page_private(c->a.m, desc, c->a.root.v);
	set_page_links(c->a.m, desc, start, (pfn_t){c->nr});
	mm_account(c->a.m, c->a.root, cma_bytes(c), MM_CACHED, MM_METADATA);
	mm_account(c->a.m, vaddr_add(c->a.root, cma_bytes(c)), block - cma_bytes(c), MM_CACHED,
		   MM_SLACK);
}

static int cma_init(struct alloc *a, const struct alloc_env *env)
{
	struct cma *c = (struct cma *)a;
	const struct alloc_req req = {.zone_mask =
					      env->vm != NULL ? env->vm->low_zones : UINT32_MAX};
	struct alloc *pages;
	pfn_t start;
	int err;

	alloc_base(a, &cma_ops, env);
	err = fill_handle(c, env);
	if (err != 0)
		return err;
	pages = env->pages->pages;
	a->root = page_source_get(c->pages, a->m, c->order, &req);
	if (vaddr_none(a->root))
		return MM_ENOMEM;
	start = pages->ops->pages->lend_range(pages, c->nr, c->zones);
	if (pfn_none(start)) {
		if (page_source_put(c->pages, a->m, a->root, c->order) != 0)
			mm_bug(a->m, "the bitmap's block is not live", a->root);
		return MM_ENOMEM;
	}
	format(c, start);
	return 0;
}

static int cma_attach(struct alloc *a, const struct alloc_env *env)
{
	alloc_base(a, &cma_ops, env);
	return fill_handle((struct cma *)a, env);
}

static void cma_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct cma *c = (const struct cma *)a;
	msize_t block = (msize_t)1 << (c->order + c->page_shift);

	fn(ctx, &(struct walk_span){a->root, cma_bytes(c), MM_METADATA, "bitmap", c->nr});
	fn(ctx, &(struct walk_span){vaddr_add(a->root, cma_bytes(c)), block - cma_bytes(c),
				    MM_SLACK, "tail of the bitmap", 0});
	for (uint32_t i = 0, run; i < c->nr; i += run + 1) {
		for (run = 0; i + run < c->nr && cma_bit(c, i + run);)
			run++;
		if (run != 0)
			fn(ctx, &(struct walk_span){
					pfn_to_va(a->m, pfn_add(cma_start(c), i), c->page_shift),
					(msize_t)run << c->page_shift, MM_GRANTED, "claimed range",
					run});
	}
}

static const struct alloc_param params[] = {
	{"size", PARAM_BYTES, MiB(16), 1, GiB(4), NULL,
	 "of the range, rounded up to the page allocator's largest block"},
	{0},
};

static const struct cma_ops contiguous = {
	.alloc = cma_alloc,
	.release = cma_release,
	.figures = cma_figures,
};

const struct alloc_ops cma_ops = {
	.name = "cma",
	.summary = "a range for contiguous buffers, lent to movable pages until it is asked for",
	.unit = "page",
	.serves = SERVES_CMA,
	.params = params,
	.handle_bytes = sizeof(struct cma),
	.init = cma_init,
	.attach = cma_attach,
	.walk = cma_walk,
	.check = cma_check,
	.cma = &contiguous,
};
