/*
 * The usual way: malloc and free of the one heap that serves all, and pages; inline
 * in the event loop.  What it does to the ledger and the figures is what the general
 * way does (replay_account.h): a change of one is a change of the other.
 */
#ifndef SIM_REPLAY_USUAL_H
#define SIM_REPLAY_USUAL_H

#include "sim/dispatch.h"
#include "sim/replay_account.h"

/*
 * All that these four need to know, at hand: the general way finds it anew for each
 * event.  What they do is the same.
 */
struct usual {
	struct replay *r;
	struct figures *f;
	struct sys_alloc *h;
	struct alloc *alloc;
	struct grant (*malloc)(struct alloc *a,
			       const struct alloc_req *req); /* NULL: no such heap */
	msize_t (*free)(struct alloc *a, vaddr_t p);
	uint64_t place; /* state and allocator of its live blocks, as in struct live; births below 2^32 */
	uint64_t arena_pa;
	bool grown; /* from pages */
};

/* The same of the page allocator; apart, so that the loop can keep the heap's in registers. */
struct usual_pages {
	struct replay *r;
	struct figures *f;
	struct sys_alloc *h; /* NULL: none */
	pfn_t (*alloc_pages)(struct alloc *a, unsigned order, const struct alloc_req *req);
	int (*free_pages)(struct alloc *a, pfn_t pfn, unsigned order);
	uint64_t place;
	unsigned max_order, page_shift;
};

static struct usual_pages usual_pages_way(struct replay *r)
{
	struct sys_alloc *h = r->sys->pages;
	struct usual_pages u = {.r = r, .f = r->fig, .h = h, .place = UINT64_MAX};

	/* A recording's pages take the long way: levels, old blocks, the clock. */
	if (h == NULL || r->opt.has_start || r->opt.level != LEVEL_REQUEST)
		return (struct usual_pages){.r = r, .f = r->fig, .place = UINT64_MAX};
	u.alloc_pages = h->ops->pages->alloc_pages;
	u.free_pages = h->ops->pages->free_pages;
	u.max_order = h->ops->pages->max_order(h->alloc);
	u.page_shift = r->sys->machine->page_shift;
	u.place = live_place(LIVE_BLOCK, (unsigned)(h - r->sys->allocs), 0);
	return u;
}

static struct usual usual_way(struct replay *r)
{
	struct sys_alloc *h = r->heap;
	struct usual u = {.r = r, .f = r->fig, .h = h, .place = UINT64_MAX};

	if (r->routed || h->pages_as_heap || h == r->sys->pages)
		return u;
	u.alloc = h->alloc;
	u.malloc = h->ops->bytes->malloc;
	u.free = h->ops->bytes->free;
	u.place = live_place(LIVE_BLOCK, (unsigned)(h - r->sys->allocs), 0);
	u.grown = h->arena.bytes == 0;
	u.arena_pa = h->arena.base.v - r->sys->offset;
	return u;
}

/* Is the entry's object a live one of that state and allocator? */
static inline bool is_usual(const struct live *l, uint64_t place)
{
	return (l->place ^ place) << (64 - LIVE_EPOCH) >> (64 - LIVE_EPOCH + 48) == 0;
}

static inline uint32_t usual_site(const struct trace_event *ev)
{
	return mm_likely(ev->site <= PLAIN_SITE_MAX) ? ev->site : 0;
}

static inline void usual_malloc(const struct usual *u, const struct trace_event *ev)
{
	struct live *l = &u->r->live.slot[ev->slot];
	struct figures *f = u->f;
	struct grant g;
	uint64_t pa;

	u->r->req.size = ev->size;
	u->r->req.align = 0;
	g = u->malloc(u->alloc, &u->r->req);
	if (mm_unlikely(g.bytes == 0)) {
		replay_failed(u->r, u->h, ev, ev->size, 0);
		return;
	}
	pa = mem_pa(&u->h->view, g.va).v;
	split_grant(&u->h->view, pa, g.bytes, ev->size);
	l->place = u->place | f->event >> 32 << LIVE_EPOCH | pa;
	l->what = ev->size | (uint64_t)usual_site(ev) << 40;
	l->born = (uint32_t)f->event;
	f->live_blocks++;
	f->bytes_requested += ev->size;
	f->live_bytes += ev->size;
	if (u->grown)
		held_footprint(u->r, u->h);
	else
		arena_footprint(u->r, u->h, u->arena_pa, pa, pa + g.bytes);
	note_peak(f);
}

/* The live block l of this heap. */
static inline void usual_free(const struct usual *u, const struct trace_event *ev, struct live *l)
{
	uint64_t pa = live_pa(l), size = live_size(l);
	struct figures *f = u->f;
	msize_t granted;

	before_death(u->r);
	granted = u->free(u->alloc, mem_va(&u->h->view, (paddr_t){pa}));
	if (mm_unlikely(granted == FREE_BAD)) {
		replay_bad(u->r, ev, 'p');
		return;
	}
	join_grant(&u->h->view, pa, granted, size);
	f->live_bytes -= size;
	f->live_blocks--;
	l->place = 0;
	if (u->grown)
		held_footprint(u->r, u->h);
}

/* alloc_pages of an order that there is, from any zone. */
static inline void usual_alloc_pages(const struct usual_pages *u, const struct trace_event *ev)
{
	uint64_t bytes = 1ull << (ev->order + u->page_shift), pa;
	struct mem *m = &u->h->view;
	struct figures *f = u->f;
	pfn_t pfn;

	u->r->req = (struct alloc_req){.zone_mask = UINT32_MAX,
				       .migratetype = ev->migratetype,
				       .node = event_node(u->r->sys->machine, ev),
				       .cpu = ev->cpu};
	pfn = u->alloc_pages(u->h->alloc, ev->order, &u->r->req);
	if (mm_unlikely(pfn_none(pfn))) {
		replay_failed(u->r, u->h, ev, bytes, 0);
	} else {
		pa = (uint64_t)pfn.v << u->page_shift;
		mm_account(m, mem_va(m, (paddr_t){pa}), bytes, MM_CACHED, MM_PAYLOAD);
		u->h->source.held += bytes;
		u->r->live.slot[ev->slot] =
			(struct live){u->place | f->event >> 32 << LIVE_EPOCH | pa,
				      bytes | (uint64_t)usual_site(ev) << 40, (uint32_t)f->event};
		f->live_blocks++;
		f->bytes_requested += bytes;
		f->live_bytes += bytes;
		held_footprint(u->r, u->h);
		note_peak(f);
	}
	u->r->req = (struct alloc_req){.zone_mask = UINT32_MAX};
}

/* The live block l of the page allocator. */
static inline void usual_free_pages(const struct usual_pages *u, const struct trace_event *ev,
				    struct live *l)
{
	uint64_t pa = live_pa(l), size = live_size(l);
	unsigned order = live_order(&u->r->live, l, u->page_shift);
	uint64_t bytes = 1ull << (order + u->page_shift);
	struct mem *m = &u->h->view;
	vaddr_t va = mem_va(m, (paddr_t){pa});

	before_death(u->r);
	mm_account(m, va, bytes, MM_GRANTED, MM_CACHED);
	if (u->free_pages(u->h->alloc, (pfn_t){(uint32_t)(pa >> u->page_shift)}, order) != 0) {
		mm_account(m, va, bytes, MM_CACHED, MM_GRANTED);
		replay_bad(u->r, ev, 'p');
		return;
	}
	u->h->source.held -= bytes;
	u->f->live_bytes -= size;
	u->f->live_blocks--;
	join_grant(m, pa, bytes, size);
	held_footprint(u->r, u->h);
	l->place = 0;
}

/* An event of pages whose slot has an entry; false: it was none of the usual. */
static __attribute__((noinline)) bool usual_page_event(const struct usual_pages *u,
						       const struct trace_event *ev)
{
	struct live *l = &u->r->live.slot[ev->slot];

	/* Whoever keeps time is told so the long way. */
	if ((ev->flags & EV_HAS_TIME) != 0)
		return false;
	if (ev->op == OP_ALLOC_PAGES && u->h != NULL && ev->master == 0 && ev->gfp == 0 &&
	    ev->order <= u->max_order) {
		usual_alloc_pages(u, ev);
		return true;
	}
	if (ev->op != OP_FREE_PAGES || (ev->flags & (EV_UNKNOWN_ID | EV_NULL)) != 0 ||
	    !is_usual(l, u->place))
		return false;
	usual_free_pages(u, ev, l);
	return true;
}

/* An event whose slot has an entry; false: it was none of the usual. */
__attribute__((always_inline)) static inline bool usual_event(const struct usual *u,
							      const struct usual_pages *p,
							      const struct trace_event *ev)
{
	struct live *l;

	if (ev->op == OP_MALLOC) {
		if (mm_unlikely(u->malloc == NULL || ev->master != 0 || ev->size > LIVE_SIZE_MAX))
			return false;
		usual_malloc(u, ev);
		return true;
	}
	if (ev->op != OP_FREE)
		return usual_page_event(p, ev);
	l = &u->r->live.slot[ev->slot];
	if (mm_unlikely((ev->flags & (EV_UNKNOWN_ID | EV_NULL)) != 0 ||
			!is_usual(l, u->place)))
		return false;
	usual_free(u, ev, l);
	return true;
}

#endif
