/* The heap group: malloc, calloc, memalign, realloc, free; and what all groups share. */
#include <string.h>

#include "sim/autopsy.h"
#include "sim/dispatch.h"
#include "sim/replay_account.h"
#include "sim/trace_ops.h"

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

void replay_more_live(struct replay *r, struct sys_alloc *h, uint64_t bytes, uint64_t pa,
		      uint64_t end_pa)
{
	more_live(r, h, bytes, pa, end_pa);
}

void arena_reached(struct replay *r, struct sys_alloc *h, uint64_t begin, uint64_t end)
{
	uint64_t bytes = h->arena.bytes, top = bytes - h->high_used, both;

	if (begin >= top)
		return;
	if (end > h->reached)
		h->reached = end;
	/* An upper part begins beyond half an arena that nothing has reached. */
	if (end > top || (begin >= h->low_used && begin - h->low_used > top - end &&
			  (h->high_used != 0 || begin - h->low_used >= bytes / 2)))
		h->high_used = bytes - begin;
	else
		h->low_used = end;
	both = h->low_used + h->high_used;
	set_footprint(r, h, both < h->reached ? both : h->reached);
	if (mm_unlikely(h->low_used >= h->dense))
		dense_grown(r->sys, h, r->fig->live_blocks);
}

void replay_before_death(struct replay *r)
{
	before_death(r);
}

void replay_finding(struct replay *r, struct bad_event b)
{
	struct figures *f = r->fig;

	b.event = f->event;
	if (f->nr_bad < MAX_BAD_EVENTS)
		f->bad[f->nr_bad] = b;
	f->nr_bad++;
}

/*
 * A block whose free was refused stays with its allocator, but the trace has no name for it
 * any more: the slot may be born again.  Nobody asks for its bytes now: they become rounding,
 * and of whole pages what every taker's are before it says what for.
 */
static void lose(struct replay *r, struct live *l)
{
	struct sys_alloc *h = &r->sys->allocs[live_alloc(l)];
	uint64_t size = live_size(l), pa = live_pa(l);
	unsigned shift = r->sys->machine->page_shift;

	before_death(r);
	if (h == r->sys->pages) {
		uint64_t bytes = 1ull << (live_order(&r->live, l, shift) + shift);

		join_grant(&h->view, pa, bytes, size);
		mm_account(&h->view, mem_va(&h->view, (paddr_t){pa}), bytes, MM_GRANTED, MM_CACHED);
	} else {
		split_grant(&h->view, pa, 0, 0 - size);
	}
	r->fig->live_bytes -= size;
	r->fig->live_blocks--;
	l->place = 0;
}

void replay_bad(struct replay *r, const struct trace_event *ev, uint8_t what)
{
	replay_bad_at(r, ev, what, 0);
	if (what == 'p' && ev->slot != SLOT_NONE &&
	    trace_op_life((enum trace_op)ev->op) == LIFE_D &&
	    live_state(&r->live.slot[ev->slot]) == LIVE_BLOCK)
		lose(r, &r->live.slot[ev->slot]);
}

void replay_bad_at(struct replay *r, const struct trace_event *ev, uint8_t what, uint64_t where)
{
	replay_finding(r, (struct bad_event){.where = where,
					     .slot = ev->slot,
					     .other = SLOT_NONE,
					     .op = ev->op,
					     .what = what});
}

void replay_area_died(struct replay *r, struct sys_alloc *h, struct live *l)
{
	r->fig->live_bytes -= live_size(l);
	r->fig->live_blocks--;
	held_footprint(r, h);
	l->place = 0;
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
	born(r, h, ev, g, ev->size, 0);
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

void replay_resized(struct replay *r, struct sys_alloc *h, struct live *l, uint64_t was,
		    uint64_t now, uint64_t size)
{
	vaddr_t va = mem_va(&h->view, (paddr_t){live_pa(l)});
	uint64_t old = live_size(l), pa = live_pa(l);

	mm_account(&h->view, va, old, MM_PAYLOAD, MM_GRANTED);
	mm_account(&h->view, va, was - old, MM_ROUNDING, MM_GRANTED);
	mm_account(&h->view, va, size, MM_GRANTED, MM_PAYLOAD);
	mm_account(&h->view, va, now - size, MM_GRANTED, MM_ROUNDING);
	live_set_size(l, size);
	r->fig->live_bytes -= old;
	more_live(r, h, size, pa, pa + now);
}

/* In place: only the difference moves. */
static bool try_resize(struct replay *r, struct sys_alloc *h, struct live *l,
		       const struct trace_event *ev)
{
	vaddr_t va = mem_va(&h->view, (paddr_t){live_pa(l)});
	uint64_t was;
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
	replay_resized(r, h, l, was, g.bytes, ev->size);
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
	born(r, h, ev, g, ev->size, live_extra(&r->live, &was));
	live_set_birth(l, live_birth(&was));
	granted = heap_free(r, h, old);
	if (granted == FREE_BAD)
		replay_bad(r, ev, 'p');
	else
		vacated(r, h, &was, granted);
}

void replay_heap_resize(struct replay *r, struct sys_alloc *h, struct live *l,
			const struct trace_event *ev)
{
	if (ev->size > LIVE_SIZE_MAX || !try_resize(r, h, l, ev))
		move_block(r, h, l, ev);
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
	replay_heap_resize(r, h, l, ev);
	return true;
}

bool replay_heap_event(struct replay *r, const struct trace_event *ev)
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
		return false;
	}
}
