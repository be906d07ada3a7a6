#include "sim/replay_plain.h"

#include <string.h>

#include "sim/dispatch.h"
#include "sim/replay_account.h"
#include "sim/trace_plain.h"

/* The account that the allocator moves on, and whose it is. */
struct account {
	struct bulk b; /* first, so that hooks find the rest */
	struct replay *r;
	struct sys_alloc *h;
	bool pages;
	uint64_t nr_live; /* before */
};

/* Live blocks from which on their entries and headers are asked for ahead of time. */
#define COLD_BLOCKS 8192u

static bool heap_is_plain(const struct replay *r)
{
	const struct sys_alloc *h = r->heap;

	return !r->routed && !h->pages_as_heap && h != r->sys->pages && h->arena.bytes != 0 &&
	       h->ops->bytes->bulk != NULL && h->view.on_event == NULL;
}

/* Pages of a recording go the long way: levels, old blocks, the clock. */
static bool pages_are_plain(const struct replay *r)
{
	const struct sys_alloc *h = r->sys->pages;
	const struct machine *m = r->sys->machine;

	/* Requests in bulk are those of CPU 0 to node 0. */
	if (m->cpu_node != NULL && m->cpu_node[0] != 0)
		return false;
	return h != NULL && h->ops->pages_bulk != NULL && h->view.on_event == NULL &&
	       m->nr_placement == 0 && !r->opt.has_start && r->opt.level == LEVEL_REQUEST &&
	       r->opt.at_time == NULL;
}

bool replay_is_plain(const struct replay *r)
{
	bool serves =
		r->heap == NULL || r->heap == r->sys->pages ? pages_are_plain(r) : heap_is_plain(r);

	return serves && strcmp(r->sys->instance->port, "fast") == 0 && !r->opt.stop_at_failure &&
	       r->opt.check_every == 0 && r->opt.before == NULL && r->opt.after == NULL &&
	       r->opt.sample_every == 0;
}

/* ---- the account, out of the figures and back ---- */

static void take_figures(const struct account *a)
{
	const struct bulk *b = &a->b;
	struct figures *f = a->r->fig;

	f->live_blocks = a->nr_live + b->mallocs - b->frees;
	f->live_bytes = b->live_bytes;
	if (a->pages) {
		a->h->source.held += (b->held >> 16) - f->footprint;
		set_footprint(a->r, a->h, a->h->source.held);
	}
}

static void at_peak(struct bulk *b)
{
	struct account *a = (struct account *)b;
	struct figures *f = a->r->fig;

	f->event = b->number - 1;
	take_figures(a);
	note_peak(f);
	before_death(a->r);
	b->peak = (int64_t)f->peak_live_bytes;
	b->peak_held = f->peak_footprint << 16;
}

static void at_end(struct bulk *b, uint64_t begin, uint64_t end)
{
	struct account *a = (struct account *)b;
	uint64_t arena = a->h->arena.base.v - a->r->sys->offset;

	take_figures(a);
	a->r->fig->event = b->number;
	arena_reached(a->r, a->h, begin - arena, end - arena);
	b->held = a->r->fig->footprint << 16;
	b->end = arena + a->h->low_used;
}

static struct account open_account(struct replay *r, struct sys_alloc *h, bool pages)
{
	const struct figures *f = r->fig;

	return (struct account){
		.r = r,
		.h = h,
		.pages = pages,
		.nr_live = f->live_blocks,
		.b = {
			.table = r->live.slot,
			.place = live_place(LIVE_BLOCK, (unsigned)(h - r->sys->allocs), 0),
			.number = f->event,
			.clock = &r->sys->sh.event,
			.live_bytes = f->live_bytes,
			.end = h->arena.base.v - r->sys->offset + h->low_used,
			.held = f->footprint << 16,
			.cold = f->live_blocks > COLD_BLOCKS,
			/* A peak that waits for the ledger's is taken before the next free. */
			.peak = f->peak_pending ? (int64_t)f->live_bytes - 1
						: (int64_t)f->peak_live_bytes,
			.peak_held = f->peak_footprint << 16,
			.at_peak = at_peak,
			.at_end = at_end,
		}};
}

static void close_account(const struct account *a, uint64_t done)
{
	struct figures *f = a->r->fig;

	f->event = a->b.number;
	take_figures(a);
	f->jw_sum += a->b.ratio;
	f->jw_samples += done - a->b.idle;
	f->bytes_requested += a->b.requested;
	note_peak(f);
	if (a->pages) {
		f->by_op[OP_ALLOC_PAGES] += a->b.mallocs;
		f->by_op[OP_FREE_PAGES] += done - a->b.mallocs;
		return;
	}
	f->by_op[OP_CALLOC] += a->b.sorts[PLAIN_IS_CALLOC];
	f->by_op[OP_REALLOC] += a->b.sorts[PLAIN_IS_REALLOC];
	f->by_op[OP_MALLOC] +=
		a->b.mallocs - a->b.sorts[PLAIN_IS_CALLOC] - a->b.sorts[PLAIN_IS_REALLOC];
	f->by_op[OP_FREE] += done - a->b.mallocs;
}

/* ---- requests that the bulk operation leaves ---- */

/* The event that a plain request was made of, as far as the replay needs it. */
static struct trace_event whole_event(const struct plain_req *q)
{
	bool takes = q->size <= PLAIN_SIZE_MAX;

	if (plain_is_pages(q->size))
		return (struct trace_event){.op = q->size == PLAIN_GIVE_PAGES ? OP_FREE_PAGES
									      : OP_ALLOC_PAGES,
					    .slot = q->name,
					    .order = (uint8_t)plain_pages_order(q->size),
					    .migratetype = (uint8_t)plain_pages_type(q->size),
					    .site = q->note & ((1u << PLAIN_SITE_BITS) - 1)};
	return (struct trace_event){.op = takes ? plain_op(q->note) : OP_FREE,
				    .slot = q->size == PLAIN_NOTHING ? SLOT_NONE : q->name,
				    .flags = q->size == PLAIN_NOTHING ? EV_NULL : 0,
				    .size = q->size == PLAIN_FREE ? 0 : q->size,
				    .site = q->note & ((1u << PLAIN_SITE_BITS) - 1)};
}

/* Pages that nobody gave; what was asked for is in the request, for the autopsy. */
static void pages_refused(struct replay *r, const struct trace_event *ev)
{
	uint64_t bytes = (uint64_t)1 << (ev->order + r->sys->machine->page_shift);

	r->req = (struct alloc_req){.zone_mask = UINT32_MAX, .migratetype = ev->migratetype};
	replay_failed(r, r->sys->pages, ev, bytes, 0);
	r->req = (struct alloc_req){.zone_mask = UINT32_MAX};
}

static void bytes_refused(struct replay *r, const struct trace_event *ev)
{
	r->req.size = ev->size;
	r->req.align = 0;
	replay_failed(r, r->heap, ev, ev->size, 0);
}

/* A request that was begun and came to nothing. */
static void count_unserved(struct replay *r, const struct plain_req *q, enum bulk_stop why)
{
	struct trace_event ev = whole_event(q);
	struct figures *f = r->fig;

	f->event = ++r->sys->sh.event;
	f->by_op[ev.op]++;
	if (why == BULK_BAD_FREE)
		replay_bad(r, &ev, 'p');
	else if (ev.op == OP_ALLOC_PAGES)
		pages_refused(r, &ev);
	else
		bytes_refused(r, &ev);
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

/* ---- whose the requests are ---- */

/* Requests from req on, up to one that is not of its allocator; *done of them are done. */
static enum bulk_stop run_bulk(struct replay *r, const struct plain_req *req, size_t n,
			       size_t *done)
{
	bool pages = plain_is_pages(req->size);
	struct sys_alloc *h = pages ? r->sys->pages : r->heap;
	struct account a;
	enum bulk_stop why;

	*done = 0;
	if (req->size == PLAIN_OTHER || !(pages ? pages_are_plain(r) : heap_is_plain(r)))
		return BULK_OTHER;
	a = open_account(r, h, pages);
	r->sys->sh.cpu = 0;
	why = (pages ? h->ops->pages_bulk : h->ops->bytes->bulk)(h->alloc, &a.b, req, n, done);
	close_account(&a, *done);
	return why;
}

enum replay_end replay_plain(struct replay *r, const struct plain_req *req, size_t n,
			     const struct trace_event *other, plain_step_fn *step)
{
	while (n != 0) {
		size_t done;
		enum bulk_stop why = run_bulk(r, req, n, &done);

		req += done;
		n -= done;
		if (why == BULK_DONE)
			break;
		/* It may be another allocator's, which does it in bulk. */
		if (why == BULK_OTHER && done != 0)
			continue;
		if (!step_over(r, req, other, why, step))
			return REPLAY_REFUSED;
		req++;
		n--;
	}
	return REPLAY_DONE;
}
