/*
 * The event loop and the heap group, which is what most traces are made of; the
 * other groups are in dispatch.c.
 */
#include "sim/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/autopsy.h"
#include "sim/dispatch.h"

int replay_init(struct replay *r, struct system *sys, struct trace_reader *trace,
		const struct replay_options *o)
{
	*r = (struct replay){.sys = sys, .trace = trace, .opt = *o};
	r->fig = calloc(1, sizeof *r->fig);
	if (r->fig == NULL)
		return -ENOMEM;
	r->heap = sys->group[GROUP_HEAP];
	r->one_size = r->heap != NULL && r->heap->ops->caches != NULL &&
		      (r->heap->ops->serves & SERVES_BYTES) == 0;
	r->routed = sys->machine->nr_placement != 0 || r->heap == NULL || r->one_size;
	r->headers = r->heap != NULL && strcmp(r->heap->ops->unit, "chunk") == 0;
	r->req.zone_mask = UINT32_MAX;
	r->fig->peak_pending = true; /* nothing is live yet, and that is the most so far */
	r->nr_check = o->check_every;
	r->nr_sample = o->sample_every;
	if (!live_grow(&r->live, 0)) {
		replay_finish(r);
		return -ENOMEM;
	}
	return 0;
}

void replay_finish(struct replay *r)
{
	free(r->fig);
	live_finish(&r->live);
	*r = (struct replay){0};
}

/* ---- what every birth and death does to the figures ---- */

static void set_footprint(struct replay *r, struct sys_alloc *h, uint64_t now)
{
	struct figures *f = r->fig;

	f->footprint += now - h->footprint;
	h->footprint = now;
	if (f->footprint > f->peak_footprint) {
		f->peak_footprint = f->footprint;
		f->peak_footprint_event = f->event;
		f->live_at_peak_footprint = f->live_bytes;
	}
}

/* What grows from pages has taken what it holds, which a free can lower. */
static inline void held_footprint(struct replay *r, struct sys_alloc *h)
{
	if (mm_unlikely(h->source.held != h->footprint))
		set_footprint(r, h, h->source.held);
}

/* An arena's footprint is its high-water mark: the furthest end of a grant so far. */
static inline void arena_footprint(struct replay *r, struct sys_alloc *h, uint64_t arena_pa,
				   uint64_t end_pa)
{
	if (mm_unlikely(end_pa - arena_pa > h->footprint))
		set_footprint(r, h, end_pa - arena_pa);
}

/* The heap's footprint after a grant that ends at end_pa. */
static inline void take_footprint(struct replay *r, struct sys_alloc *h, uint64_t end_pa)
{
	if (h->arena.bytes == 0)
		held_footprint(r, h);
	else
		arena_footprint(r, h, h->arena.base.v - r->sys->offset, end_pa);
}

static inline void note_peak(struct figures *f)
{
	if (f->live_bytes > f->peak_live_bytes) {
		f->peak_live_bytes = f->live_bytes;
		f->peak_live_blocks = f->live_blocks;
		f->peak_event = f->event;
		f->footprint_at_peak_live = f->footprint;
		f->peak_pending = true;
	}
}

/* Live bytes are about to fall: if they stand at their maximum, keep the ledger. */
static inline void before_death(struct replay *r)
{
	if (mm_likely(!r->fig->peak_pending))
		return;
	r->fig->peak_pending = false;
	ledger_snapshot_peak(&r->sys->ledger);
}

static inline void more_live(struct replay *r, struct sys_alloc *h, uint64_t bytes, uint64_t end_pa)
{
	r->fig->bytes_requested += bytes;
	r->fig->live_bytes += bytes;
	take_footprint(r, h, end_pa);
	note_peak(r->fig);
}

/* What was granted becomes payload and rounding: one row, found once. */
static inline void split_grant(struct mem *m, uint64_t pa, uint64_t granted, uint64_t size)
{
	struct mm_row *row =
		mm_likely(pa - m->row_base < m->row_bytes) ? m->row : mm_row_find(m, pa);

	row->bytes[MM_GRANTED] -= (int64_t)granted;
	row->bytes[MM_PAYLOAD] += (int64_t)size;
	row->bytes[MM_ROUNDING] += (int64_t)(granted - size);
	row->changed = 1;
}

/* And the way back. */
static inline void join_grant(struct mem *m, uint64_t pa, uint64_t granted, uint64_t size)
{
	split_grant(m, pa, 0 - granted, 0 - size);
}

static inline void born(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
			struct grant g, uint64_t size, uint32_t extra)
{
	uint64_t pa = mem_pa(&h->view, g.va).v;

	split_grant(&h->view, pa, g.bytes, size);
	live_set(&r->live.slot[ev->slot], LIVE_BLOCK, (unsigned)(h - r->sys->allocs), pa, size,
		 ev->site, r->fig->event, extra);
	r->fig->live_blocks++;
	more_live(r, h, size, pa + g.bytes);
}

/* The memory of a block that was given back leaves the ledger's payload. */
static inline void vacated(struct replay *r, struct sys_alloc *h, const struct live *l,
			   msize_t granted)
{
	join_grant(&h->view, live_pa(l), granted, live_size(l));
	if (h->arena.bytes == 0)
		held_footprint(r, h);
}

static inline void died(struct replay *r, struct sys_alloc *h, struct live *l, msize_t granted)
{
	r->fig->live_bytes -= live_size(l);
	r->fig->live_blocks--;
	vacated(r, h, l, granted);
	l->place = 0;
}

void replay_born(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
		 struct grant g, uint64_t size, uint32_t extra)
{
	born(r, h, ev, g, size, extra);
}

void replay_died(struct replay *r, struct sys_alloc *h, struct live *l, msize_t granted)
{
	died(r, h, l, granted);
}

void replay_vacated(struct replay *r, struct sys_alloc *h, const struct live *l, msize_t granted)
{
	vacated(r, h, l, granted);
}

void replay_more_live(struct replay *r, struct sys_alloc *h, uint64_t bytes, uint64_t end_pa)
{
	more_live(r, h, bytes, end_pa);
}

void replay_before_death(struct replay *r)
{
	before_death(r);
}

void replay_bad(struct replay *r, const struct trace_event *ev, uint8_t what)
{
	struct figures *f = r->fig;

	if (f->nr_bad < MAX_BAD_EVENTS)
		f->bad[f->nr_bad] = (struct bad_event){f->event, ev->slot, ev->op, what};
	f->nr_bad++;
}

void replay_failed(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
		   uint64_t size, uint64_t align)
{
	struct figures *f = r->fig;

	f->failed++;
	f->failed_by_op[ev->op]++;
	if (ev->slot != SLOT_NONE && live_state(&r->live.slot[ev->slot]) == LIVE_DEAD)
		r->live.slot[ev->slot].place = (uint64_t)LIVE_FAILED << 56;
	autopsy(r, h, ev, size, align);
}

/*
 * The live object that an event frees or uses.  NULL: there is none; a failed
 * birth makes the event skipped, anything else a finding.
 */
static inline struct live *named(struct replay *r, const struct trace_event *ev,
				 enum live_state want)
{
	struct live *l;

	if (mm_unlikely((ev->flags & (EV_UNKNOWN_ID | EV_NULL)) != 0 || ev->slot == SLOT_NONE)) {
		if ((ev->flags & EV_NULL) == 0)
			replay_bad(r, ev, 'd');
		return NULL;
	}
	l = &r->live.slot[ev->slot];
	if (mm_likely(live_state(l) == want))
		return l;
	if (live_state(l) == LIVE_FAILED)
		r->fig->skipped++;
	else
		replay_bad(r, ev, 'd');
	return NULL;
}

struct live *replay_named(struct replay *r, const struct trace_event *ev, enum live_state want)
{
	return named(r, ev, want);
}

struct live *replay_object(struct replay *r, const struct trace_event *ev)
{
	return named(r, ev, LIVE_BLOCK);
}

/* ---- the heap group ---- */

/* A page allocator in the heap's place: requests are rounded up to blocks. */
static struct grant pages_malloc(struct replay *r, struct sys_alloc *h)
{
	unsigned shift = r->sys->machine->page_shift, order;
	uint64_t want = r->req.size > r->req.align ? r->req.size : r->req.align;
	pfn_t pfn;

	order = system_order(r->sys, want);
	if (order > h->ops->pages->max_order(h->alloc)) {
		mm_refuse(&h->view, MM_REFUSE_LIMIT);
		return GRANT_NONE;
	}
	pfn = h->ops->pages->alloc_pages(h->alloc, order, &r->req);
	if (pfn_none(pfn))
		return GRANT_NONE;
	mm_account(&h->view, pfn_to_va(&h->view, pfn, shift), 1ull << (order + shift), MM_CACHED,
		   MM_GRANTED);
	return (struct grant){pfn_to_va(&h->view, pfn, shift), 1ull << (order + shift)};
}

static msize_t pages_free(struct replay *r, struct sys_alloc *h, vaddr_t va)
{
	unsigned shift = r->sys->machine->page_shift;
	pfn_t pfn = va_to_pfn(&h->view, va, shift);
	int order = h->ops->pages->block_order(h->alloc, pfn);

	if (order < 0)
		return FREE_BAD;
	mm_account(&h->view, va, 1ull << ((unsigned)order + shift), MM_GRANTED, MM_CACHED);
	if (h->ops->pages->free_pages(h->alloc, pfn, (unsigned)order) != 0)
		return FREE_BAD;
	return 1ull << ((unsigned)order + shift);
}

static inline struct grant heap_malloc(struct replay *r, struct sys_alloc *h)
{
	if (mm_unlikely(h->pages_as_heap))
		return pages_malloc(r, h);
	return h->ops->bytes->malloc(h->alloc, &r->req);
}

static inline msize_t heap_free(struct replay *r, struct sys_alloc *h, vaddr_t va)
{
	if (mm_unlikely(h->pages_as_heap))
		return pages_free(r, h, va);
	return h->ops->bytes->free(h->alloc, va);
}

msize_t replay_heap_free(struct replay *r, struct sys_alloc *h, vaddr_t va)
{
	return heap_free(r, h, va);
}

/*
 * A request of ev->size bytes served by `h`, which is asked for `want` (more
 * than the request where the caller pads).  false when nothing was granted.
 */
static inline bool grant_from(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
			      uint64_t want, uint64_t align, bool zero)
{
	struct grant g;

	r->req.size = want;
	r->req.align = align;
	if (mm_unlikely(want > LIVE_SIZE_MAX)) {
		mm_refuse(&h->view, MM_REFUSE_LIMIT);
		g = GRANT_NONE;
	} else {
		g = heap_malloc(r, h);
	}
	if (mm_unlikely(g.bytes == 0)) {
		replay_failed(r, h, ev, want, align);
		return false;
	}
	if (zero)
		mm_zero(&h->view, g.va, ev->size);
	born(r, h, ev, g, ev->size, ev->tag);
	return true;
}

bool replay_heap_grant(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
		       uint64_t want, uint64_t align, bool zero)
{
	return grant_from(r, h, ev, want, align, zero);
}

/* malloc, calloc, memalign; false: the machine has nobody to serve it. */
static inline bool do_malloc(struct replay *r, const struct trace_event *ev, uint64_t align,
			     bool zero)
{
	if (mm_unlikely(r->routed || ev->master != 0))
		return dispatch_routed(r, ev, align, zero);
	grant_from(r, r->heap, ev, ev->size, align, zero);
	return true;
}

static inline void do_free(struct replay *r, const struct trace_event *ev)
{
	struct live *l = named(r, ev, LIVE_BLOCK);
	struct sys_alloc *h;
	msize_t granted;

	if (mm_unlikely(l == NULL))
		return;
	h = &r->sys->allocs[live_alloc(l)];
	if (mm_unlikely(h == r->sys->pages)) {
		dispatch_free_pages(r, ev, l);
		return;
	}
	before_death(r);
	granted = heap_free(r, h, mem_va(&h->view, (paddr_t){live_pa(l)}));
	if (mm_unlikely(granted == FREE_BAD)) {
		replay_bad(r, ev, 'p');
		return;
	}
	died(r, h, l, granted);
}

/* In place: only the difference moves. */
static bool try_resize(struct replay *r, struct sys_alloc *h, struct live *l,
		       const struct trace_event *ev)
{
	vaddr_t va = mem_va(&h->view, (paddr_t){live_pa(l)});
	uint64_t old = live_size(l), was;
	struct grant g;

	if (h->pages_as_heap || h->ops->bytes->resize == NULL || h->ops->bytes->usable == NULL)
		return false;
	was = h->ops->bytes->usable(h->alloc, va);
	r->req.size = ev->size;
	r->req.align = 0;
	g = h->ops->bytes->resize(h->alloc, va, &r->req);
	if (g.bytes == 0)
		return false;
	/* The kind moved the difference of the grants; now the request's side of it. */
	mm_account(&h->view, va, old, MM_PAYLOAD, MM_GRANTED);
	mm_account(&h->view, va, was - old, MM_ROUNDING, MM_GRANTED);
	mm_account(&h->view, va, ev->size, MM_GRANTED, MM_PAYLOAD);
	mm_account(&h->view, va, g.bytes - ev->size, MM_GRANTED, MM_ROUNDING);
	l->what = ev->size | (uint64_t)live_site(l) << 40;
	r->fig->live_bytes -= old;
	r->fig->moved_in_place++;
	more_live(r, h, ev->size, live_pa(l) + g.bytes);
	return true;
}

/* malloc, copy, free; the old block stays when there is no new one. */
static void move_block(struct replay *r, struct sys_alloc *h, struct live *l,
		       const struct trace_event *ev)
{
	vaddr_t old = mem_va(&h->view, (paddr_t){live_pa(l)});
	uint64_t keep = live_size(l) < ev->size ? live_size(l) : ev->size;
	struct live was = *l;
	struct grant g;
	msize_t granted;

	r->req.size = ev->size;
	r->req.align = 0;
	g = ev->size > LIVE_SIZE_MAX ? GRANT_NONE : heap_malloc(r, h);
	if (g.bytes == 0) {
		replay_failed(r, h, ev, ev->size, 0);
		return;
	}
	mem_copy(&h->view, g.va, old, keep);
	r->fig->bytes_copied += keep;
	/* One object before and after: no peak counts it twice. */
	r->fig->live_bytes -= live_size(&was);
	r->fig->live_blocks--;
	born(r, h, ev, g, ev->size, live_extra(&was));
	l->born = was.born;
	granted = heap_free(r, h, old);
	if (granted == FREE_BAD)
		replay_bad(r, ev, 'p');
	else
		vacated(r, h, &was, granted);
}

static bool do_realloc(struct replay *r, const struct trace_event *ev)
{
	struct live *l;
	struct sys_alloc *h;

	if ((ev->flags & EV_UNKNOWN_ID) != 0) {
		replay_object(r, ev);
		return true;
	}
	l = &r->live.slot[ev->slot];
	/* Of an object whose birth failed; realloc(NULL, n) is a birth of its own. */
	if (live_state(l) == LIVE_FAILED && (ev->flags & EV_NULL) == 0) {
		r->fig->skipped++;
		return true;
	}
	if (live_state(l) != LIVE_BLOCK)
		return do_malloc(r, ev, 0, false);
	h = &r->sys->allocs[live_alloc(l)];
	before_death(r);
	if (mm_unlikely(r->routed || h == r->sys->pages) && dispatch_reroutes(r, l, ev))
		return dispatch_move(r, l, ev);
	if (ev->size > LIVE_SIZE_MAX || !try_resize(r, h, l, ev))
		move_block(r, h, l, ev);
	return true;
}

/* ---- the usual way: malloc and free of the one heap that serves all, and pages ---- */

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
	uint64_t place; /* state and allocator of its live blocks, as in struct live */
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

	if (h == NULL)
		return u;
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
	l->place = u->place | pa;
	l->what = ev->size | (uint64_t)ev->site << 40;
	l->born = f->event | (uint64_t)ev->tag << 40;
	f->live_blocks++;
	f->bytes_requested += ev->size;
	f->live_bytes += ev->size;
	if (u->grown)
		held_footprint(u->r, u->h);
	else
		arena_footprint(u->r, u->h, u->arena_pa, pa + g.bytes);
	note_peak(f);
}

/* The live block l of this heap. */
static inline void usual_free(const struct usual *u, const struct trace_event *ev, struct live *l)
{
	uint64_t pa = l->place ^ u->place, size = live_size(l);
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
				       .node = ev->node,
				       .cpu = ev->cpu};
	pfn = u->alloc_pages(u->h->alloc, ev->order, &u->r->req);
	if (mm_unlikely(pfn_none(pfn))) {
		replay_failed(u->r, u->h, ev, bytes, 0);
	} else {
		pa = (uint64_t)pfn.v << u->page_shift;
		mm_account(m, mem_va(m, (paddr_t){pa}), bytes, MM_CACHED, MM_PAYLOAD);
		u->h->source.held += bytes;
		u->r->live.slot[ev->slot] =
			(struct live){u->place | pa, bytes | (uint64_t)ev->site << 40,
				      f->event | (uint64_t)ev->order << 40};
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
	uint64_t pa = l->place ^ u->place, size = live_size(l);
	unsigned order = live_extra(l);
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

	if (ev->op == OP_ALLOC_PAGES && u->h != NULL && ev->master == 0 && ev->gfp == 0 &&
	    ev->order <= u->max_order) {
		usual_alloc_pages(u, ev);
		return true;
	}
	if (ev->op != OP_FREE_PAGES || (ev->flags & (EV_UNKNOWN_ID | EV_NULL)) != 0 ||
	    l->place >> 48 != u->place >> 48)
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
			l->place >> 48 != u->place >> 48))
		return false;
	usual_free(u, ev, l);
	return true;
}

/* ---- the loop ---- */

static inline void sample_jw(struct figures *f)
{
	if (mm_likely(f->live_bytes != 0)) {
		f->jw_sum += (f->footprint << 16) / f->live_bytes;
		f->jw_samples++;
	}
}

static bool make_room(struct replay *r, const struct trace_event *ev)
{
	if (ev->slot == SLOT_NONE || ev->slot < r->live.nr || live_grow(&r->live, ev->slot))
		return true;
	snprintf(r->problem, sizeof r->problem, "out of host memory for %u live objects", ev->slot);
	return false;
}

/* A request that was refused when it was recorded: nothing was born then, nor is now. */
static bool gives_birth(const struct trace_event *ev)
{
	static const char life[] =
#define X(NAME, word, group, l) #l
		TRACE_OPS(X)
#undef X
		;

	return life[ev->op] == 'B' || (life[ev->op] == 'M' && (ev->flags & EV_UNKNOWN_ID) == 0);
}

/*
 * Slots beyond the table: more room, or an object that never was.  0: go on, 1: done
 * with the event, -1: out of memory.
 */
static int far_slot(struct replay *r, const struct trace_event *ev)
{
	if (!make_room(r, ev))
		return -1;
	if (ev->slot != SLOT_NONE || !gives_birth(ev))
		return 0;
	r->fig->skipped++;
	return 1;
}

static inline bool execute(struct replay *r, const struct trace_event *ev)
{
	switch (ev->op) {
	case OP_MALLOC:
		return do_malloc(r, ev, 0, false);
	case OP_FREE:
		do_free(r, ev);
		return true;
	case OP_CALLOC:
		return do_malloc(r, ev, 0, true);
	case OP_REALLOC:
		return do_realloc(r, ev);
	case OP_MEMALIGN:
		return do_malloc(r, ev, ev->arg, false);
	default:
		return dispatch(r, ev);
	}
}

/* What far_slot leaves of an event, and whatever else is not usual; true: go on. */
static __attribute__((noinline)) bool unusual_event(struct replay *r, const struct trace_event *ev)
{
	int far = ev->slot >= r->live.nr ? far_slot(r, ev) : 0;

	return far != 0 ? far > 0 : execute(r, ev);
}

/* One event; true: go on.  Inlined in both loops, so that `u` needs no memory. */
__attribute__((always_inline)) static inline bool step(const struct usual *u,
						       const struct usual_pages *p,
						       const struct trace_event *ev)
{
	struct figures *f = u->f;

	u->r->sys->sh.event = ++f->event;
	f->by_op[ev->op]++;
	if (mm_unlikely(ev->slot >= u->r->live.nr || !usual_event(u, p, ev)) &&
	    mm_unlikely(!unusual_event(u->r, ev)))
		return false;
	sample_jw(f);
	return true;
}

static enum replay_end refused(struct replay *r, const struct trace_event *ev)
{
	r->sys->sh.unwind = NULL;
	if (r->problem[0] == '\0')
		snprintf(r->problem, sizeof r->problem,
			 "event %llu (%s): no allocator of the machine serves it",
			 (unsigned long long)r->fig->event, trace_op_word((enum trace_op)ev->op));
	return REPLAY_REFUSED;
}

static enum replay_end unwound(struct replay *r, int how)
{
	r->sys->sh.unwind = NULL;
	return how == MM_UNWIND_SIGNAL ? REPLAY_SIGNAL : REPLAY_FAULT;
}

static bool steps_exceeded(const struct replay *r)
{
	uint64_t steps = 0;

	for (unsigned i = 0; r->opt.max_steps != 0 && i < r->sys->nr_allocs; i++)
		steps += r->sys->ledger.search[r->sys->allocs[i].owner].steps;
	return r->opt.max_steps != 0 && steps > r->opt.max_steps;
}

/* Observers of single events, checks, and what may end a run: none of it on the usual path. */
static enum replay_end after_event(struct replay *r, const struct trace_event *ev)
{
	if (r->opt.after != NULL)
		r->opt.after(r->opt.event_ctx, r, ev);
	if (r->opt.sample_every != 0 && --r->nr_sample == 0) {
		r->nr_sample = r->opt.sample_every;
		r->opt.sample(r->opt.sample_ctx, r);
	}
	if (r->opt.stop_at_failure && r->fig->failed != 0)
		return REPLAY_FAILURE;
	if (r->opt.check_every != 0 && --r->nr_check == 0) {
		r->nr_check = r->opt.check_every;
		if (replay_check(r) != 0)
			return REPLAY_CHECK;
	}
	return REPLAY_DONE;
}

/* How far ahead of the event being done the caches are warmed, in events. */
#define AHEAD_SLOT  16
#define AHEAD_BLOCK 8

/*
 * A free touches its entry of the live table and, in a heap of chunks, the header
 * before the block, both anywhere in memory: ask for them while earlier events are
 * done.  Changes nothing but time.  Always inline: gcc takes a function that only
 * prefetches for one
 * without effects and drops the call.
 */
__attribute__((always_inline)) static inline void look_ahead(const struct replay *r,
							     const struct trace_event *e)
{
	const struct trace_event *far = e + AHEAD_SLOT, *near = e + AHEAD_BLOCK;
	const struct live *l;

	__builtin_prefetch(&r->live.slot[far->slot], 1);
	if (!r->headers || near->op != OP_FREE || near->slot >= r->live.nr)
		return;
	/* Not for one yet unborn: an address without memory costs a page walk each time. */
	l = &r->live.slot[near->slot];
	if (live_state(l) == LIVE_BLOCK)
		__builtin_prefetch(r->sys->pm.window + ((live_pa(l) - 16) & r->sys->pm.mask), 1);
}

/* The loop without observers; what most runs spend their time in. */
static enum replay_end plain_loop(struct replay *r, const struct trace_event *ev,
				  const struct trace_event *end)
{
	const struct usual u = usual_way(r);
	const struct usual_pages p = usual_pages_way(r);
	const struct trace_event *ahead = end - ev > AHEAD_SLOT ? end - AHEAD_SLOT : ev;

	for (; ev < end; ev++) {
		if (mm_likely(ev < ahead))
			look_ahead(r, ev);
		if (mm_unlikely(!step(&u, &p, ev)))
			return refused(r, ev);
	}
	return REPLAY_DONE;
}

static enum replay_end observed_loop(struct replay *r, const struct trace_event *ev,
				     const struct trace_event *end)
{
	const struct usual u = usual_way(r);
	const struct usual_pages p = usual_pages_way(r);
	enum replay_end how = REPLAY_DONE;

	for (; ev < end && how == REPLAY_DONE; ev++) {
		if (r->opt.before != NULL)
			r->opt.before(r->opt.event_ctx, r, ev);
		how = step(&u, &p, ev) ? after_event(r, ev) : refused(r, ev);
	}
	return how;
}

static bool is_observed(const struct replay *r)
{
	return r->opt.stop_at_failure || r->opt.check_every != 0 || r->opt.after != NULL ||
	       r->opt.sample_every != 0;
}

enum replay_end replay_events(struct replay *r, const struct trace_event *ev, size_t n)
{
	enum replay_end end;
	sigjmp_buf here;
	int how = sigsetjmp(here, 0);

	if (how != 0)
		return unwound(r, how);
	r->sys->sh.unwind = &here;
	mm_signal_machine(&r->sys->pm, &r->sys->sh);
	end = is_observed(r) ? observed_loop(r, ev, ev + n) : plain_loop(r, ev, ev + n);
	r->sys->sh.unwind = NULL;
	return end == REPLAY_DONE && steps_exceeded(r) ? REPLAY_LIMIT : end;
}

bool replay_read(struct replay *r, void (*fn)(void *ctx), void *ctx)
{
	struct mm_shared *sh = &r->sys->sh;
	sigjmp_buf *const outer = sh->unwind; /* an `expect` reads in the middle of an event */
	sigjmp_buf here;

	if (sigsetjmp(here, 0) != 0) {
		sh->unwind = outer;
		return false;
	}
	sh->unwind = &here;
	mm_signal_machine(&r->sys->pm, sh);
	fn(ctx);
	sh->unwind = outer;
	return true;
}

/* The next events up to `until`: what a stop in the middle of a block left, or a new block. */
static int next_events(struct replay *r, const struct trace_event **ev, size_t *n, struct diag *d)
{
	uint64_t left = r->opt.until == 0 ? UINT64_MAX : r->opt.until - r->fig->event;

	if (r->nr_rest == 0 && trace_next(r->trace, &r->rest, &r->nr_rest, d) != 0)
		return -1;
	*ev = r->rest;
	*n = r->nr_rest < left ? r->nr_rest : (size_t)left;
	r->rest += *n;
	r->nr_rest -= *n;
	return 0;
}

enum replay_end replay_run(struct replay *r, struct diag *d)
{
	const struct trace_event *ev;
	enum replay_end end = REPLAY_DONE;
	size_t n;

	while (end == REPLAY_DONE && (r->opt.until == 0 || r->fig->event < r->opt.until)) {
		if (r->opt.stop != NULL && r->opt.stop(r->opt.stop_ctx))
			return REPLAY_STOPPED;
		if (next_events(r, &ev, &n, d) != 0)
			return REPLAY_DAMAGE;
		if (n == 0)
			break;
		end = replay_events(r, ev, n);
	}
	return end;
}
