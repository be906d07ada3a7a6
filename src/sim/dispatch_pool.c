/*
 * Events of the group kmalloc that need more than its kind's plain requests: mempools, and
 * memory of which each CPU has a copy.
 *
 * A pool's memory are blocks of kmalloc's that count as asked for by the pool, until an
 * element is given out and counts as asked for by the taker.  Its live entry holds the sum.
 */
#include "sim/dispatch_groups.h"
#include "sim/replay_account.h"

/* ---- pools ---- */

/* Who keeps the ledger of one pool's blocks, while its facet works. */
struct pool_books {
	struct replay *r;
	struct sys_alloc *h;
	uint64_t bytes; /* asked for by the pool, as of now */
	bool fresh; /* blocks that come are new, not given back by their takers */
	uint64_t back_pa, back_bytes,
		back_granted; /* one that comes back, until its taker's death */
};

static void on_block(void *ctx, vaddr_t va, msize_t asked, msize_t granted, bool taken)
{
	struct pool_books *b = ctx;
	uint64_t pa = mem_pa(&b->h->view, va).v;

	if (taken && !b->fresh) {
		b->back_pa = pa;
		b->back_bytes = asked;
		b->back_granted = granted;
		return;
	}
	if (taken) {
		split_grant(&b->h->view, pa, granted, asked);
		b->bytes += asked;
		more_live(b->r, b->h, asked, pa, pa + granted);
		return;
	}
	replay_before_death(b->r);
	join_grant(&b->h->view, pa, granted, asked);
	b->bytes -= asked;
	b->r->fig->live_bytes -= asked;
}

static struct sys_alloc *server(const struct replay *r)
{
	struct sys_alloc *h = r->sys->group[GROUP_KMALLOC];

	return h != NULL && h->ops->pools != NULL ? h : NULL;
}

static vaddr_t pool_va(const struct sys_alloc *h, const struct live *l)
{
	return mem_va(&h->view, (paddr_t){live_pa(l)});
}

static void create(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct pool_books b = {.r = r, .h = h, .fresh = true};
	struct pool_blocks blocks = {on_block, &b};
	vaddr_t pool;

	dispatch_state_request(r, ev, 0);
	r->req.size = ev->size;
	pool = h->ops->pools->create(h->alloc, ev->arg, &r->req, &blocks);
	if ((uint32_t)pool.v == UINT32_MAX) { /* none, in the word of any instance */
		replay_failed(r, h, ev, ev->size, 0);
	} else {
		live_set(&r->live, &r->live.slot[ev->slot], LIVE_POOL,
			 (unsigned)(h - r->sys->allocs), mem_pa(&h->view, pool).v, b.bytes,
			 ev->site, r->fig->event, 0);
		r->fig->live_blocks++;
	}
	r->req = (struct alloc_req){.zone_mask = UINT32_MAX};
}

/* The pool that an event names by its second slot; NULL: skipped or a finding. */
static struct live *event_pool(struct replay *r, const struct trace_event *ev)
{
	struct trace_event of_pool = *ev;

	of_pool.slot = ev->slot2;
	if (ev->slot2 != SLOT_NONE && ev->slot2 >= r->live.nr)
		of_pool.slot = SLOT_NONE;
	return replay_named(r, &of_pool, LIVE_POOL);
}

static void take(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct pool_books b = {.r = r, .h = h};
	struct pool_blocks blocks = {on_block, &b};
	struct live *pool = event_pool(r, ev);
	uint64_t size;
	struct grant g;

	if (pool == NULL) {
		if (ev->slot != SLOT_NONE)
			live_set_failed(&r->live.slot[ev->slot]);
		return;
	}
	b.bytes = live_size(pool);
	size = h->ops->pools->element_bytes(h->alloc, pool_va(h, pool));
	dispatch_state_request(r, ev, 0);
	g = h->ops->pools->alloc(h->alloc, pool_va(h, pool), &r->req, &blocks);
	live_set_size(pool, b.bytes);
	if (g.bytes == 0) {
		replay_failed(r, h, ev, size, 0);
	} else {
		if ((ev->gfp & __GFP_ZERO) != 0)
			mm_zero(&h->view, g.va, size);
		replay_born(r, h, ev, g, size, 0);
	}
	r->req = (struct alloc_req){.zone_mask = UINT32_MAX};
}

static void give_back(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct pool_books b = {.r = r, .h = h};
	struct pool_blocks blocks = {on_block, &b};
	struct live *l = replay_object(r, ev), *pool;
	msize_t granted;

	if (l == NULL || (pool = event_pool(r, ev)) == NULL)
		return;
	if (&r->sys->allocs[live_alloc(l)] != h ||
	    live_size(l) != h->ops->pools->element_bytes(h->alloc, pool_va(h, pool))) {
		replay_bad(r, ev, 'p');
		return;
	}
	replay_before_death(r);
	granted = h->ops->pools->free(h->alloc, pool_va(h, pool),
				      mem_va(&h->view, (paddr_t){live_pa(l)}), &blocks);
	if (granted == FREE_BAD) {
		replay_bad(r, ev, 'p');
		return;
	}
	replay_died(r, h, l, granted);
	if (b.back_granted == 0)
		return;
	/* It is the pool's again: nobody asked for more. */
	split_grant(&h->view, b.back_pa, b.back_granted, b.back_bytes);
	r->fig->live_bytes += b.back_bytes;
	live_set_size(pool, live_size(pool) + b.back_bytes);
}

/* Elements that are out stay their takers'; from now on kfree is theirs. */
static void destroy(struct replay *r, struct sys_alloc *h, struct live *l)
{
	struct pool_books b = {.r = r, .h = h, .bytes = live_size(l)};
	struct pool_blocks blocks = {on_block, &b};

	h->ops->pools->destroy(h->alloc, pool_va(h, l), &blocks);
	r->fig->live_blocks--;
	held_footprint(r, h);
	l->place = 0;
}

bool dispatch_pool(struct replay *r, const struct trace_event *ev)
{
	struct sys_alloc *h = server(r);
	struct live *l;

	if (h == NULL)
		return false;
	switch (ev->op) {
	case OP_MEMPOOL_CREATE:
		create(r, h, ev);
		return true;
	case OP_MEMPOOL_ALLOC:
		take(r, h, ev);
		return true;
	case OP_MEMPOOL_FREE:
		give_back(r, h, ev);
		return true;
	default:
		l = replay_named(r, ev, LIVE_POOL);
		if (l != NULL)
			destroy(r, h, l);
		return true;
	}
}

/* ---- a copy for each CPU ---- */

static void percpu_alloc(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	const struct percpu_ops *p = h->ops->percpu;
	unsigned cpus = p->cpus(h->alloc);
	uint64_t all = ev->size > LIVE_SIZE_MAX / cpus ? LIVE_SIZE_MAX : ev->size * cpus;
	struct grant g;

	dispatch_state_request(r, ev, 0);
	r->req.size = ev->size;
	r->req.align = ev->arg;
	if (r->sys->machine->word == 4 && ev->size > UINT32_MAX) {
		mm_refuse(&h->view, MM_REFUSE_LIMIT);
		g = GRANT_NONE;
	} else {
		g = p->alloc(h->alloc, &r->req);
	}
	if (g.bytes == 0) {
		replay_failed(r, h, ev, all, ev->arg);
	} else {
		for (unsigned cpu = 0; cpu < cpus; cpu++)
			mm_zero(&h->view, p->address(h->alloc, g.va, cpu), ev->size);
		replay_born(r, h, ev, g, all, 0);
	}
	r->req = (struct alloc_req){.zone_mask = UINT32_MAX};
}

static void percpu_free(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct live *l = replay_object(r, ev);
	msize_t granted = FREE_BAD;

	if (l == NULL)
		return;
	if (&r->sys->allocs[live_alloc(l)] == h) {
		replay_before_death(r);
		granted = h->ops->percpu->free(h->alloc, mem_va(&h->view, (paddr_t){live_pa(l)}));
	}
	if (granted == FREE_BAD)
		replay_bad(r, ev, 'p');
	else
		replay_died(r, h, l, granted);
}

bool dispatch_percpu(struct replay *r, const struct trace_event *ev)
{
	struct sys_alloc *h = r->sys->group[GROUP_PERCPU];

	if (h == NULL || h->ops->percpu == NULL)
		return false;
	if (ev->op == OP_PERCPU_ALLOC)
		percpu_alloc(r, h, ev);
	else
		percpu_free(r, h, ev);
	return true;
}
