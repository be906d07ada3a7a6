/*
 * cma_alloc and cma_free: a range is taken back from those it was lent to.
 *
 * Owners of pages are the trace's objects, so that moving a block is a change of the
 * live table and of the ledger's regions.  A block is pinned while a kmap shows a page
 * of it, and if nobody known has it.
 */
#include <stdlib.h>

#include "sim/dispatch_groups.h"

/* What r->lent says of a page of the range: the slot + 1 whose block begins there. */
#define LENT_NOBODY 0u

struct lenders {
	struct replay *r;
	uint64_t start, nr; /* frames of the range */
};

static uint64_t frame_of(const struct replay *r, uint64_t pa)
{
	return pa >> r->sys->machine->page_shift;
}

/* Who has which block of the range: one pass over the live table.  false: no host memory. */
static bool find_lenders(struct lenders *c, struct sys_alloc *h)
{
	struct replay *r = c->r;
	struct cma_figures f;

	h->ops->cma->figures(h->alloc, &f);
	c->start = f.start.v;
	c->nr = f.pages;
	if (r->lent == NULL)
		r->lent = malloc(c->nr * sizeof *r->lent);
	if (r->lent == NULL)
		return false;
	for (uint64_t i = 0; i < c->nr; i++)
		r->lent[i] = LENT_NOBODY;
	for (uint32_t i = 0; i < r->live.nr; i++) {
		const struct live *l = &r->live.slot[i];
		uint64_t at = frame_of(r, live_pa(l)) - c->start;

		if (live_state(l) == LIVE_BLOCK && at < c->nr &&
		    &r->sys->allocs[live_alloc(l)] == r->sys->pages)
			r->lent[at] = i + 1;
	}
	return true;
}

/* Is a page of the block seen through a kmap?  Its user would not learn of a new place. */
static bool is_pinned(const struct replay *r, uint64_t pa, uint64_t bytes)
{
	const struct sys_alloc *kmap = r->sys->group[GROUP_KMAP];

	for (uint32_t i = 0; kmap != NULL && i < r->live.nr; i++) {
		const struct live *l = &r->live.slot[i];

		if (live_state(l) == LIVE_MAP && &r->sys->allocs[live_alloc(l)] == kmap &&
		    live_size(l) - pa < bytes)
			return true;
	}
	return false;
}

/* The block's payload and rounding go with it. */
static void move_account(struct replay *r, const struct live *l, uint64_t to_pa, uint64_t bytes)
{
	struct mem *m = &r->sys->pages->view;
	vaddr_t from = mem_va(m, (paddr_t){live_pa(l)}), to = mem_va(m, (paddr_t){to_pa});
	uint64_t size = live_size(l);

	mm_account(m, from, size, MM_PAYLOAD, MM_CACHED);
	mm_account(m, from, bytes - size, MM_ROUNDING, MM_CACHED);
	mm_account(m, to, size, MM_CACHED, MM_PAYLOAD);
	mm_account(m, to, bytes - size, MM_CACHED, MM_ROUNDING);
}

static bool move_block(void *ctx, pfn_t from, pfn_t to, unsigned order)
{
	struct lenders *c = ctx;
	struct replay *r = c->r;
	unsigned shift = r->sys->machine->page_shift;
	uint64_t bytes = 1ull << (order + shift), to_pa = (uint64_t)to.v << shift;
	uint32_t slot = r->lent[from.v - c->start];
	struct live *l;

	if (slot == LENT_NOBODY)
		return false;
	l = &r->live.slot[slot - 1];
	if (live_order(&r->live, l, shift) != order || is_pinned(r, live_pa(l), bytes))
		return false;
	move_account(r, l, to_pa, bytes);
	live_set_pa(l, to_pa);
	r->lent[from.v - c->start] = LENT_NOBODY;
	if (to.v - c->start < c->nr)
		r->lent[to.v - c->start] = slot;
	r->fig->cma.moved_blocks++;
	r->fig->cma.moved_pages += 1ull << order;
	r->fig->cma.bytes_copied += bytes;
	r->fig->bytes_copied += bytes;
	return true;
}

static bool do_alloc(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct lenders c = {.r = r};
	struct page_mover mover = {.move = move_block, .ctx = &c};
	struct grant g = GRANT_NONE;

	if (!find_lenders(&c, h))
		return dispatch_problem(r, ev, "no host memory for a table of the range's pages");
	if (ev->size <= LIVE_SIZE_MAX)
		g = h->ops->cma->alloc(h->alloc, ev->size, ev->arg, &mover);
	else
		mm_refuse(&h->view, MM_REFUSE_LIMIT);
	if (g.bytes == 0) {
		replay_failed(r, h, ev, ev->size, ev->arg);
		return true;
	}
	r->fig->cma.served++;
	replay_born(r, h, ev, g, ev->size, 0);
	return true;
}

static void do_free(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct live *l = replay_object(r, ev);
	msize_t granted = FREE_BAD;

	if (l == NULL)
		return;
	replay_before_death(r);
	if (&r->sys->allocs[live_alloc(l)] == h)
		granted = h->ops->cma->release(h->alloc, mem_va(&h->view, (paddr_t){live_pa(l)}),
					       live_size(l));
	if (granted == FREE_BAD)
		replay_bad(r, ev, 'p');
	else
		replay_died(r, h, l, granted);
}

bool dispatch_cma(struct replay *r, const struct trace_event *ev)
{
	struct sys_alloc *h = r->sys->group[GROUP_CMA];

	if (h == NULL || h->ops->cma == NULL)
		return false;
	if (ev->op == OP_CMA_ALLOC)
		return do_alloc(r, h, ev);
	do_free(r, h, ev);
	return true;
}
