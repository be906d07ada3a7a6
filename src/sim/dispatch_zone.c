/*
 * Recordings of a kernel's page events: which of their two levels is replayed, what a
 * start state makes of events before and pages from before, and the clock.
 */
#include "sim/dispatch.h"

static msize_t block_bytes(const struct replay *r, unsigned order)
{
	return (msize_t)1 << (order + r->sys->machine->page_shift);
}

static pfn_t pfn_of(const struct replay *r, const struct live *l)
{
	return (pfn_t){(uint32_t)(live_pa(l) >> r->sys->machine->page_shift)};
}

/* ---- which events count ---- */

static bool is_zone_event(enum trace_op op)
{
	return op == OP_ZONE_ALLOC || op == OP_ZONE_FREE || op == OP_ZONE_OLD ||
	       op == OP_ZONE_SPLIT;
}

bool dispatch_is_due(const struct replay *r, const struct trace_event *ev)
{
	enum trace_op op = (enum trace_op)ev->op;
	enum trace_group g = trace_op_group(op);

	if (g == TG_NONE)
		return true;
	/* All that a kernel does shows in its buddy lists: at that level nothing else counts. */
	if (is_zone_event(op) || r->opt.level == LEVEL_BUDDY)
		return is_zone_event(op) && r->opt.level == LEVEL_BUDDY;
	if (r->opt.level == LEVEL_OBJECT)
		return g != TG_PAGES;
	/* Where a kernel's requests of pages are told, they hold those of its slabs. */
	return !r->opt.pages_only || (g != TG_SLAB && g != TG_KMALLOC);
}

/* Of a block that was asked for whole pages. */
static unsigned order_of(const struct replay *r, const struct live *l)
{
	return live_order(&r->live, l, r->sys->machine->page_shift);
}

/* ---- blocks from before the recording, or from before the start state ---- */

/* The frame is known, the block is not yet of its own. */
static void name_old(struct replay *r, uint32_t slot, uint64_t pfn, unsigned order)
{
	live_set(&r->live, &r->live.slot[slot], LIVE_OLD,
		 (unsigned)(r->sys->pages - r->sys->allocs), pfn << r->sys->machine->page_shift,
		 block_bytes(r, order), 0, r->fig->event, 0);
}

/* A block gets its place in ledger, live table and figures. */
static void note_born(struct replay *r, const struct trace_event *ev, pfn_t pfn, unsigned order)
{
	struct sys_alloc *h = r->sys->pages;
	vaddr_t va = pfn_to_va(&h->view, pfn, r->sys->machine->page_shift);
	msize_t bytes = block_bytes(r, order);

	mm_account(&h->view, va, bytes, MM_CACHED, MM_GRANTED);
	h->source.held += bytes;
	replay_born(r, h, ev, (struct grant){va, bytes}, bytes, 0);
}

/* Makes the old block *l a live one; false: the state knows nothing of it, and it is gone. */
static bool adopt(struct replay *r, const struct trace_event *ev, struct live *l)
{
	const struct page_ops *p = r->sys->pages->ops->pages;
	unsigned order = order_of(r, l);
	pfn_t pfn = pfn_of(r, l);
	struct trace_event of = *ev;

	if (!r->opt.has_start || p->adopt_block == NULL ||
	    p->adopt_block(r->sys->pages->alloc, pfn, order) != 0) {
		l->place = 0;
		r->fig->skipped++;
		return false;
	}
	of.slot = (uint32_t)(l - r->live.slot);
	note_born(r, &of, pfn, order);
	return true;
}

/* The live block an event frees or splits; NULL: there is none, and that is counted. */
static struct live *block_named(struct replay *r, const struct trace_event *ev, uint32_t slot)
{
	struct trace_event of = *ev;
	struct live *l;

	of.slot = slot < r->live.nr ? slot : SLOT_NONE;
	if (of.slot == SLOT_NONE || live_state(&r->live.slot[of.slot]) != LIVE_OLD)
		return replay_named(r, &of, LIVE_BLOCK);
	l = &r->live.slot[of.slot];
	return adopt(r, ev, l) ? l : NULL;
}

/* ---- before the start state: only what it leaves counts ---- */

static bool do_early(struct replay *r, const struct trace_event *ev)
{
	struct live *l = ev->slot != SLOT_NONE ? &r->live.slot[ev->slot] : NULL, *lower;

	if (l == NULL)
		return true;
	switch (ev->op) {
	case OP_FREE_PAGES:
	case OP_ZONE_FREE:
		l->place = 0;
		return true;
	case OP_SPLIT_PAGES:
	case OP_ZONE_SPLIT:
		if (ev->slot2 >= r->live.nr)
			return true;
		lower = &r->live.slot[ev->slot2];
		name_old(r, ev->slot2, live_pa(lower) >> r->sys->machine->page_shift, ev->order);
		name_old(r, ev->slot, ev->arg, ev->order);
		return true;
	default:
		name_old(r, ev->slot, ev->arg, ev->order);
		return true;
	}
}

bool dispatch_is_early(const struct replay *r, const struct trace_event *ev)
{
	return r->opt.has_start && (ev->flags & EV_HAS_TIME) != 0 &&
	       ev->time_ns <= r->opt.start_ns && trace_op_group((enum trace_op)ev->op) != TG_NONE;
}

/* ---- events ---- */

/* The zone whose frames hold the recorded one; the first that is tried, if none does. */
static unsigned zone_of(const struct replay *r, uint64_t pfn)
{
	const struct system *s = r->sys;

	for (unsigned z = 0; z < s->machine->nr_zones; z++)
		for (unsigned i = 0; i < s->zones[z].nr_ranges; i++)
			if (pfn - s->zones[z].ranges[i].start.v < s->zones[z].ranges[i].nr)
				return z;
	return s->machine->zonelist[0];
}

static bool do_zone_alloc(struct replay *r, const struct trace_event *ev)
{
	struct sys_alloc *h = r->sys->pages;
	const struct page_ops *p = h->ops->pages;
	unsigned zone = zone_of(r, ev->arg);
	struct alloc_req req = {
		.zone_mask = 1u << zone, .migratetype = ev->migratetype, .cpu = ev->cpu};
	pfn_t pfn;

	if (p->take_block == NULL)
		return false;
	pfn = p->take_block(h->alloc, zone, ev->order, &req);
	if (!pfn_none(pfn)) {
		note_born(r, ev, pfn, ev->order);
		return true;
	}
	r->req.zone_mask = req.zone_mask;
	replay_failed(r, h, ev, block_bytes(r, ev->order), 0);
	r->req.zone_mask = UINT32_MAX;
	return true;
}

static void end_block(struct replay *r, const struct trace_event *ev, struct live *l)
{
	struct sys_alloc *h = r->sys->pages;
	unsigned order = order_of(r, l);
	pfn_t pfn = pfn_of(r, l);
	vaddr_t va = pfn_to_va(&h->view, pfn, r->sys->machine->page_shift);

	replay_before_death(r);
	mm_account(&h->view, va, block_bytes(r, order), MM_GRANTED, MM_CACHED);
	if (h->ops->pages->give_block(h->alloc, pfn, order) != 0) {
		mm_account(&h->view, va, block_bytes(r, order), MM_CACHED, MM_GRANTED);
		replay_bad(r, ev, 'p');
		return;
	}
	h->source.held -= block_bytes(r, order);
	replay_died(r, h, l, block_bytes(r, order));
}

/* The upper half of a block becomes an object of its own. */
static void do_split(struct replay *r, const struct trace_event *ev)
{
	struct sys_alloc *h = r->sys->pages;
	struct live *l = block_named(r, ev, ev->slot2), *up = &r->live.slot[ev->slot];
	uint64_t half = block_bytes(r, ev->order);

	if (l == NULL) {
		live_set_failed(up);
		return;
	}
	if (order_of(r, l) != ev->order + 1u || h->ops->pages->split_block == NULL ||
	    h->ops->pages->split_block(h->alloc, pfn_of(r, l), order_of(r, l)) != 0) {
		replay_bad(r, ev, 'p');
		live_set_failed(up);
		return;
	}
	live_set_size(l, half);
	*up = *l;
	live_set_pa(up, live_pa(l) + half);
	r->fig->live_blocks++;
}

static void do_old(struct replay *r, const struct trace_event *ev)
{
	if (ev->slot == SLOT_NONE)
		return;
	if (r->opt.has_start)
		name_old(r, ev->slot, ev->arg, ev->order);
	else
		live_set_failed(&r->live.slot[ev->slot]);
}

bool dispatch_zone(struct replay *r, const struct trace_event *ev)
{
	struct live *l;

	if (r->sys->pages == NULL)
		return false;
	if (dispatch_is_early(r, ev)) {
		r->fig->early++;
		return do_early(r, ev);
	}
	switch (ev->op) {
	case OP_ZONE_ALLOC:
		return ev->slot == SLOT_NONE || do_zone_alloc(r, ev);
	case OP_ZONE_FREE:
		l = block_named(r, ev, ev->slot);
		if (l != NULL)
			end_block(r, ev, l);
		return true;
	case OP_ZONE_SPLIT:
	case OP_SPLIT_PAGES:
		if (ev->slot != SLOT_NONE)
			do_split(r, ev);
		return true;
	default:
		do_old(r, ev);
		return true;
	}
}

struct live *dispatch_old_block(struct replay *r, const struct trace_event *ev)
{
	return block_named(r, ev, ev->slot);
}

/* ---- the clock ---- */

/* How finely time is told, ms. */
#define TICK_MS 10u

void dispatch_tick(struct replay *r, const struct trace_event *ev)
{
	struct system *s = r->sys;
	uint64_t ms = ev->time_ns / 1000000;

	if (ms < r->fig->next_tick_ms)
		return;
	r->fig->next_tick_ms = ms - ms % TICK_MS + TICK_MS;
	for (unsigned i = 0; i < s->nr_allocs; i++)
		for (unsigned cpu = 0; s->allocs[i].ops->tick != NULL && cpu < s->machine->cpus;
		     cpu++)
			s->allocs[i].ops->tick(s->allocs[i].alloc, cpu, ms);
}
