#include "sim/replay_plain.h"

#include <string.h>

#include "sim/dispatch.h"
#include "sim/replay_account.h"
#include "sim/trace_plain.h"

/* The account that the allocator moves on, and whose it is. */
struct account {
	struct bulk b; /* first, so that hooks find the rest */
	struct replay *r;
	uint64_t nr_live; /* before */
};

/* Live blocks from which on their entries and headers are asked for ahead of time. */
#define COLD_BLOCKS 8192u

bool replay_is_plain(const struct replay *r)
{
	const struct sys_alloc *h = r->heap;

	return !r->routed && !h->pages_as_heap && h != r->sys->pages && h->arena.bytes != 0 &&
	       h->ops->bytes->bulk != NULL && strcmp(r->sys->instance->port, "fast") == 0 &&
	       h->view.on_event == NULL && !r->opt.stop_at_failure && r->opt.check_every == 0 &&
	       r->opt.before == NULL && r->opt.after == NULL && r->opt.sample_every == 0;
}

/* ---- the account, out of the figures and back ---- */

static void take_figures(const struct account *a)
{
	const struct bulk *b = &a->b;
	struct figures *f = a->r->fig;

	f->live_blocks = a->nr_live + b->mallocs - b->frees;
	f->live_bytes = b->live_bytes;
}

static void at_peak(struct bulk *b)
{
	struct account *a = (struct account *)b;
	struct figures *f = a->r->fig;

	take_figures(a);
	f->event = b->number - 1;
	note_peak(f);
	before_death(a->r);
	b->peak = (int64_t)f->peak_live_bytes;
}

static void at_end(struct bulk *b, uint64_t end)
{
	struct account *a = (struct account *)b;
	struct replay *r = a->r;
	uint64_t arena = r->heap->arena.base.v - r->sys->offset;

	take_figures(a);
	r->fig->event = b->number;
	set_footprint(r, r->heap, end - arena);
	b->held = r->fig->footprint << 16;
	b->end = end;
}

static struct account open_account(struct replay *r)
{
	const struct figures *f = r->fig;
	const struct sys_alloc *h = r->heap;

	return (struct account){
		.r = r,
		.nr_live = f->live_blocks,
		.b = {
			.table = r->live.slot,
			.place = live_place(LIVE_BLOCK, (unsigned)(h - r->sys->allocs), 0),
			.number = f->event,
			.clock = &r->sys->sh.event,
			.live_bytes = f->live_bytes,
			.end = h->arena.base.v - r->sys->offset + h->footprint,
			.held = f->footprint << 16,
			.cold = f->live_blocks > COLD_BLOCKS,
			/* A peak that waits for the ledger's is taken before the next free. */
			.peak = f->peak_pending ? (int64_t)f->live_bytes - 1
						: (int64_t)f->peak_live_bytes,
			.at_peak = at_peak,
			.at_end = at_end,
		}};
}

static void close_account(const struct account *a, uint64_t done)
{
	struct figures *f = a->r->fig;

	take_figures(a);
	f->event = a->b.number;
	f->jw_sum += a->b.ratio;
	f->jw_samples += done - a->b.idle;
	f->bytes_requested += a->b.requested;
	f->by_op[OP_CALLOC] += a->b.sorts[PLAIN_IS_CALLOC];
	f->by_op[OP_REALLOC] += a->b.sorts[PLAIN_IS_REALLOC];
	f->by_op[OP_MALLOC] +=
		a->b.mallocs - a->b.sorts[PLAIN_IS_CALLOC] - a->b.sorts[PLAIN_IS_REALLOC];
	f->by_op[OP_FREE] += done - a->b.mallocs;
	note_peak(f);
}

/* ---- requests that the bulk operation leaves ---- */

/* The event that a plain request was made of, as far as the replay needs it. */
static struct trace_event whole_event(const struct plain_req *q)
{
	bool takes = q->size <= PLAIN_SIZE_MAX;

	return (struct trace_event){.op = takes ? plain_op(q->note) : OP_FREE,
				    .slot = q->size == PLAIN_NOTHING ? SLOT_NONE : q->name,
				    .size = q->size == PLAIN_FREE ? 0 : q->size,
				    .site = q->note & ((1u << PLAIN_SITE_BITS) - 1)};
}

/* A request that was begun and came to nothing. */
static void count_unserved(struct replay *r, const struct plain_req *q, enum bulk_stop why)
{
	struct trace_event ev = whole_event(q);
	struct figures *f = r->fig;

	f->event = ++r->sys->sh.event;
	f->by_op[ev.op]++;
	r->req.size = ev.size;
	r->req.align = 0;
	if (why == BULK_REFUSED)
		replay_failed(r, r->heap, &ev, ev.size, 0);
	else
		replay_bad(r, &ev, 'p');
	sample_jw(f);
}

/* One request the ordinary way; false: the replay ends. */
static bool step_over(struct replay *r, const struct plain_req *q, const struct trace_event *other,
		      enum bulk_stop why, plain_step_fn *step)
{
	struct trace_event ev;

	if (why != BULK_OTHER) {
		count_unserved(r, q, why);
		return true;
	}
	if (q->size == PLAIN_OTHER)
		return step(r, &other[q->name]);
	ev = whole_event(q);
	return step(r, &ev);
}

enum replay_end replay_plain(struct replay *r, const struct plain_req *req, size_t n,
			     const struct trace_event *other, plain_step_fn *step)
{
	while (n != 0) {
		struct account a = open_account(r);
		size_t done;
		enum bulk_stop why = r->heap->ops->bytes->bulk(r->heap->alloc, &a.b, req, n, &done);

		close_account(&a, done);
		if (why == BULK_DONE)
			break;
		if (!step_over(r, &req[done], other, why, step))
			return REPLAY_REFUSED;
		req += done + 1;
		n -= done + 1;
	}
	return REPLAY_DONE;
}
