/*
 * The event loop.  The heap group is in replay_heap.c, the other groups in
 * dispatch.c, and the short way of most events in replay_usual.h.
 */
#include "sim/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/dispatch.h"
#include "sim/heap_ratios.h"
#include "sim/replay_plain.h"
#include "sim/replay_usual.h"

/* Without a trace, as fit's runs are, nobody asks for the heaps' ratios. */
static bool begin_ratios(struct replay *r)
{
	struct trace_info info;

	if (r->trace == NULL)
		return true;
	trace_get_info(r->trace, &info);
	return heap_ratios_begin(r, r->opt.groups != 0 ? r->opt.groups : info.groups);
}

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
	r->nr_check = o->check_every == CHECK_SPACED ? 1 : o->check_every;
	r->nr_sample = o->sample_every;
	if (!live_grow(&r->live, 0) || !begin_ratios(r)) {
		replay_finish(r);
		return -ENOMEM;
	}
	return 0;
}

void replay_finish(struct replay *r)
{
	free(r->lent);
	free(r->fig);
	free(r->apart);
	live_finish(&r->live);
	*r = (struct replay){0};
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

static bool execute(struct replay *r, const struct trace_event *ev)
{
	switch (ev->op) {
	case OP_MALLOC:
	case OP_FREE:
	case OP_CALLOC:
	case OP_REALLOC:
	case OP_MEMALIGN:
		return replay_heap_event(r, ev);
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
	u->r->sys->sh.cpu = ev->cpu;
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

/*
 * The fast port's word is not taken, a bug's neither: what led there may be an access that
 * only checked sees (the fast one wraps around the window), and in the middle of a bulk
 * operation the figures are behind.
 */
static enum replay_end unwound(struct replay *r, uint8_t op)
{
	r->sys->sh.unwind = NULL;
	r->fault = r->sys->sh.nr_findings;
	r->fault_op = op;
	return strcmp(r->sys->instance->port, "fast") == 0 ? REPLAY_SIGNAL : REPLAY_FAULT;
}

static bool steps_exceeded(const struct replay *r)
{
	uint64_t steps = 0;

	for (unsigned i = 0; r->opt.max_steps != 0 && i < r->sys->nr_allocs; i++)
		steps += r->sys->ledger.search[r->sys->allocs[i].owner].steps;
	return r->opt.max_steps != 0 && steps > r->opt.max_steps;
}

/* What ends a run between two blocks of events, if nothing in them did. */
static enum replay_end block_ended(struct replay *r, enum replay_end how)
{
	if (how == REPLAY_DONE && r->live.lost) {
		snprintf(r->problem, sizeof r->problem,
			 "event %llu: out of host memory for what lives",
			 (unsigned long long)r->fig->event);
		return REPLAY_REFUSED;
	}
	return how == REPLAY_DONE && steps_exceeded(r) ? REPLAY_LIMIT : how;
}

/* The check that is due, and when the next one is. */
static int check_now(struct replay *r)
{
	r->nr_check = r->opt.check_every == CHECK_SPACED ? r->fig->event / 1000 + 1
							 : r->opt.check_every;
	r->nr_checked++;
	return replay_check(r);
}

/* Observers of single events, checks, and what may end a run: none of it on the usual path. */
static enum replay_end after_event(struct replay *r, const struct trace_event *ev)
{
	r->fault_op = ev->op;
	if (r->apart != NULL)
		heap_ratios_sample(r);
	if (r->opt.after != NULL)
		r->opt.after(r->opt.event_ctx, r, ev);
	if (r->opt.sample_every != 0 && --r->nr_sample == 0) {
		r->nr_sample = r->opt.sample_every;
		r->opt.sample(r->opt.sample_ctx, r);
	}
	if (r->opt.stop_at_failure && r->fig->failed != 0)
		return REPLAY_FAILURE;
	if (r->opt.check_every != 0 && --r->nr_check == 0 && check_now(r) != 0)
		return REPLAY_CHECK;
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
		if (r->opt.at_time != NULL)
			r->opt.at_time(r->opt.at_time_ctx, r, ev);
		if (r->opt.before != NULL)
			r->opt.before(r->opt.event_ctx, r, ev);
		how = step(&u, &p, ev) ? after_event(r, ev) : refused(r, ev);
	}
	return how;
}

static bool is_observed(const struct replay *r)
{
	return r->apart != NULL || r->opt.stop_at_failure || r->opt.check_every != 0 || r->opt.at_time != NULL ||
	       r->opt.after != NULL ||
	       r->opt.sample_every != 0;
}

enum replay_end replay_events(struct replay *r, const struct trace_event *ev, size_t n)
{
	const uint64_t next = r->fig->event + 1;
	enum replay_end end;
	sigjmp_buf here;

	if (sigsetjmp(here, 0) != 0)
		return unwound(r, ev[r->fig->event - next].op);
	r->sys->sh.unwind = &here;
	mm_signal_machine(&r->sys->pm, &r->sys->sh);
	end = is_observed(r) ? observed_loop(r, ev, ev + n) : plain_loop(r, ev, ev + n);
	r->sys->sh.unwind = NULL;
	return block_ended(r, end);
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

/* One event of the ordinary way between plain ones; false: nobody serves it. */
static bool plain_step(struct replay *r, const struct trace_event *ev)
{
	bool served;

	r->in_bulk = false;
	r->sys->sh.event = ++r->fig->event;
	r->sys->sh.cpu = ev->cpu;
	r->fig->by_op[ev->op]++;
	served = unusual_event(r, ev);
	if (served)
		sample_jw(r->fig);
	else
		refused(r, ev);
	r->in_bulk = served;
	return served;
}

static enum replay_end plain_events(struct replay *r, const struct plain_block *block, size_t from,
				    size_t n)
{
	enum replay_end end;
	sigjmp_buf here;

	if (sigsetjmp(here, 0) != 0)
		return unwound(r, OP_MALLOC); /* never told: plain events are the fast port's */
	r->sys->sh.unwind = &here;
	mm_signal_machine(&r->sys->pm, &r->sys->sh);
	r->in_bulk = true;
	end = replay_plain(r, block->req + from, n, block->other, plain_step);
	r->in_bulk = false;
	r->sys->sh.unwind = NULL;
	return block_ended(r, end);
}

/* How many of n events there are before `until`. */
static size_t up_to(const struct replay *r, size_t n)
{
	uint64_t left = r->opt.until == 0 ? UINT64_MAX : r->opt.until - r->fig->event;

	return n < left ? n : (size_t)left;
}

/* The next events up to `until`: what a stop in the middle of a block left, or a new block. */
static int next_events(struct replay *r, const struct trace_event **ev, size_t *n, struct diag *d)
{
	if (r->nr_rest == 0 && trace_next(r->trace, &r->rest, &r->nr_rest, d) != 0)
		return -1;
	*ev = r->rest;
	*n = up_to(r, r->nr_rest);
	r->rest += *n;
	r->nr_rest -= *n;
	return 0;
}

/* A block of the trace; *n == 0: its end. */
static enum replay_end run_block(struct replay *r, size_t *n, struct diag *d)
{
	const struct trace_event *ev;

	if (next_events(r, &ev, n, d) != 0)
		return REPLAY_DAMAGE;
	return *n == 0 ? REPLAY_DONE : replay_events(r, ev, *n);
}

/* The same of plain events. */
static enum replay_end run_plain_block(struct replay *r, size_t *n, struct diag *d)
{
	uint32_t slots;

	if (r->nr_plain == 0) {
		if (trace_next_plain(r->trace, &r->plain, d) != 0)
			return REPLAY_DAMAGE;
		r->nr_plain = r->plain.n;
	}
	slots = trace_slots(r->trace);
	if (slots > r->live.nr && !live_grow(&r->live, slots - 1)) {
		snprintf(r->problem, sizeof r->problem, "out of host memory for %u live objects",
			 slots);
		return REPLAY_REFUSED;
	}
	live_ready(&r->live, slots);
	*n = up_to(r, r->nr_plain);
	r->nr_plain -= *n;
	return *n == 0 ? REPLAY_DONE
		       : plain_events(r, &r->plain, r->plain.n - r->nr_plain - *n, *n);
}

static void check_end(void *ctx)
{
	struct replay *r = ctx;

	/* Not again after the last event, if that is where the last check was. */
	if (r->nr_check != r->fig->event / 1000 + 1 && check_now(r) != 0)
		r->nr_check = 0;
}

/* The state that spaced checks have not seen: how the run ends. */
static enum replay_end last_check(struct replay *r)
{
	if (!replay_read(r, check_end, r))
		return unwound(r, r->fault_op);
	return r->nr_check == 0 ? REPLAY_CHECK : REPLAY_DONE;
}

enum replay_end replay_run(struct replay *r, struct diag *d)
{
	enum replay_end end = REPLAY_DONE;
	size_t n = 1;

	while (end == REPLAY_DONE && (r->opt.until == 0 || r->fig->event < r->opt.until)) {
		if (r->opt.stop != NULL && r->opt.stop(r->opt.stop_ctx))
			return REPLAY_STOPPED;
		/* What is left of a block goes the way that the block was read for. */
		if (r->nr_plain != 0 || (r->nr_rest == 0 && r->apart == NULL && replay_is_plain(r)))
			end = run_plain_block(r, &n, d);
		else
			end = run_block(r, &n, d);
		if (n == 0)
			break;
	}
	return end == REPLAY_DONE && r->opt.check_every == CHECK_SPACED ? last_check(r) : end;
}
