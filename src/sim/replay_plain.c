#include "sim/replay_plain.h"

#include <string.h>

#include "sim/dispatch.h"
#include "sim/dispatch_groups.h"
#include "sim/replay_account.h"
#include "sim/trace_plain.h"

/* Which requests an allocator does together. */
enum family { OF_HEAP, OF_PAGES, OF_KERNEL };

/* The account that the allocator moves on, and whose it is. */
struct account {
	struct bulk b; /* first, so that hooks find the rest */
	struct replay *r;
	struct sys_alloc *h;
	enum family family;
	uint64_t nr_live; /* before */
};

static bool heap_is_plain(const struct replay *r)
{
	const struct sys_alloc *h = r->heap;

	return !r->routed && !h->pages_as_heap && h != r->sys->pages && h->arena.bytes != 0 &&
	       h->ops->bytes->bulk != NULL && h->view.on_event == NULL;
}

/* One layer serves kmalloc and caches; what a recording's kernel did goes the long way. */
static bool kernel_is_plain(const struct replay *r)
{
	const struct sys_alloc *h = r->sys->group[GROUP_KMALLOC];

	return h != NULL && h == r->sys->group[GROUP_SLAB] && h->ops->kernel_bulk != NULL &&
	       h->arena.bytes == 0 && h->view.on_event == NULL &&
	       r->sys->machine->cpu_node == NULL && r->opt.level == LEVEL_REQUEST &&
	       !r->opt.pages_only && r->opt.at_time == NULL;
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

	return (serves || kernel_is_plain(r)) && strcmp(r->sys->instance->port, "fast") == 0 &&
	       !r->opt.stop_at_failure && r->opt.check_every == 0 && r->opt.before == NULL &&
	       r->opt.after == NULL && r->opt.sample_every == 0;
}

/* ---- the account, out of the figures and back ---- */

static void take_figures(const struct account *a)
{
	const struct bulk *b = &a->b;
	struct figures *f = a->r->fig;

	f->live_blocks = a->nr_live + b->mallocs - b->frees;
	f->live_bytes = b->live_bytes;
	if (a->family == OF_PAGES) {
		a->h->source.held += (b->held >> 16) - f->footprint;
		set_footprint(a->r, a->h, a->h->source.held);
	}
}

/* The request before the one being done may have made the live bytes a maximum. */
static void past_peak(struct bulk *b)
{
	struct account *a = (struct account *)b;
	struct figures *f = a->r->fig;

	f->event = b->number - 1;
	take_figures(a);
	note_peak(f);
}

static void at_peak(struct bulk *b)
{
	struct account *a = (struct account *)b;
	struct figures *f = a->r->fig;

	past_peak(b);
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

/* What grows from pages has taken some, or given some back. */
static void at_taken(struct bulk *b, uint64_t begin, uint64_t end)
{
	struct account *a = (struct account *)b;

	(void)begin, (void)end;
	take_figures(a);
	a->r->fig->event = b->number;
	held_footprint(a->r, a->h);
	b->held = a->r->fig->footprint << 16;
}

static struct trace_event whole_event(const struct plain_req *q);

static struct alloc_req state_kernel(struct bulk *b, const struct plain_req *q)
{
	struct account *a = (struct account *)b;
	struct trace_event ev = whole_event(q);
	struct alloc_req req;

	dispatch_state_request(a->r, &ev, 0);
	req = a->r->req;
	a->r->req = (struct alloc_req){.zone_mask = UINT32_MAX};
	return req;
}

static uint32_t keep_pair(struct bulk *b, uint32_t site, uint32_t extra)
{
	return live_origin_of(&((struct account *)b)->r->live, site, extra);
}

static struct account open_account(struct replay *r, struct sys_alloc *h, enum family family)
{
	const struct figures *f = r->fig;
	const unsigned owner = (unsigned)(h - r->sys->allocs);
	const bool grown = family == OF_KERNEL;

	return (struct account){
		.r = r,
		.h = h,
		.family = family,
		.nr_live = f->live_blocks,
		.b = {
			.table = r->live.slot,
			.place = live_place_at(LIVE_BLOCK, owner, f->event + 1),
			.number = f->event,
			.clock = &r->sys->sh.event,
			.live_bytes = f->live_bytes,
			.end = grown ? UINT64_MAX : h->arena.base.v - r->sys->offset + h->low_used,
			.held = f->footprint << 16,
			.cold = f->live_blocks > BULK_COLD,
			/* A peak that waits for the ledger's is taken before the next free. */
			.peak = f->peak_pending ? (int64_t)f->live_bytes - 1
						: (int64_t)f->peak_live_bytes,
			.peak_held = f->peak_footprint << 16,
			.at_peak = at_peak,
			.past_peak = past_peak,
			.at_end = grown ? at_taken : at_end,
			.entries = r->live.nr,
			.caches = live_place(LIVE_CACHE, owner, 0),
			.kept = r->live.kept,
			.keep = keep_pair,
			.cpu = &r->sys->sh.cpu,
			.state = state_kernel,
		}};
}

/* What a family's requests were: those of a sort of their own are told apart. */
static void count_operations(const struct account *a, uint64_t done)
{
	static const enum trace_op common[][2] = {[OF_HEAP] = {OP_MALLOC, OP_FREE},
						  [OF_PAGES] = {OP_ALLOC_PAGES, OP_FREE_PAGES},
						  [OF_KERNEL] = {OP_KMALLOC, OP_KFREE}};
	uint64_t births = a->b.mallocs, deaths = done - births, *by_op = a->r->fig->by_op;

	for (unsigned sort = PLAIN_IS_CALLOC; sort <= PLAIN_IS_CACHE_FREE; sort++) {
		struct plain_req q = {0, 0, sort << PLAIN_SITE_BITS};

		by_op[plain_op(&q)] += a->b.sorts[sort];
		births -= sort == PLAIN_IS_CACHE_FREE ? 0 : a->b.sorts[sort];
	}
	by_op[common[a->family][0]] += births;
	by_op[common[a->family][1]] += deaths - a->b.sorts[PLAIN_IS_CACHE_FREE];
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
	count_operations(a, done);
}

/* ---- requests that the bulk operation leaves ---- */

/* The same of a kernel's. */
static struct trace_event whole_kernel_event(const struct plain_req *q)
{
	enum plain_kernel what = plain_kernel_what(q->size);
	bool of_cache = what == PLAIN_CACHE_ALLOC || what == PLAIN_CACHE_FREE;

	return (struct trace_event){.op = plain_op(q),
				    .slot = q->name,
				    .slot2 = of_cache ? q->size & PLAIN_KERNEL_MAX : 0,
				    .size = of_cache ? 0 : q->size & PLAIN_KERNEL_MAX,
				    .gfp = plain_kernel_gfp(q->size),
				    .cpu = (uint8_t)plain_kernel_cpu(q->size),
				    .site = q->note & ((1u << PLAIN_SITE_BITS) - 1)};
}

/* The event that a plain request was made of, as far as the replay needs it. */
static struct trace_event whole_event(const struct plain_req *q)
{
	bool takes = q->size <= PLAIN_SIZE_MAX;

	if (plain_is_kernel(q->size))
		return whole_kernel_event(q);
	if (plain_is_pages(q->size))
		return (struct trace_event){.op = q->size == PLAIN_GIVE_PAGES ? OP_FREE_PAGES
									      : OP_ALLOC_PAGES,
					    .slot = q->name,
					    .order = (uint8_t)plain_pages_order(q->size),
					    .migratetype = (uint8_t)plain_pages_type(q->size),
					    .site = q->note & ((1u << PLAIN_SITE_BITS) - 1)};
	return (struct trace_event){.op = plain_op(q),
				    .slot = q->size == PLAIN_NOTHING ? SLOT_NONE : q->name,
				    .flags = q->size == PLAIN_NOTHING ? EV_NULL : 0,
				    .size = takes ? q->size : 0,
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

/* What a kernel's layer did not give: `ev` has the cache's size, if it is of one. */
static void kernel_refused(struct replay *r, struct trace_event *ev)
{
	struct sys_alloc *h = r->sys->group[GROUP_KMALLOC];
	uint64_t size = ev->op == OP_CACHE_ALLOC ? live_size(&r->live.slot[ev->slot2]) : ev->size;

	r->sys->sh.cpu = ev->cpu;
	dispatch_state_request(r, ev, 0);
	r->req.size = size;
	replay_failed(r, h, ev, size, 0);
	r->req = (struct alloc_req){.zone_mask = UINT32_MAX};
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
	else if (plain_is_kernel(q->size))
		kernel_refused(r, &ev);
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

/*
 * Did something between requests change what the layer has taken?  Then the next one, done
 * the ordinary way, brings the footprint up to date.
 */
static bool is_stale(const struct sys_alloc *h)
{
	return h->source.held != h->footprint;
}

/* Who does requests like req in bulk; NULL: nobody, or not this one. */
static struct sys_alloc *server(const struct replay *r, const struct plain_req *req,
				enum family *family)
{
	if (req->size == PLAIN_OTHER)
		return NULL;
	if (plain_is_pages(req->size)) {
		*family = OF_PAGES;
		return pages_are_plain(r) ? r->sys->pages : NULL;
	}
	if (plain_is_kernel(req->size)) {
		*family = OF_KERNEL;
		return kernel_is_plain(r) && !is_stale(r->sys->group[GROUP_KMALLOC])
			       ? r->sys->group[GROUP_KMALLOC]
			       : NULL;
	}
	*family = OF_HEAP;
	return r->heap != NULL && heap_is_plain(r) ? r->heap : NULL;
}

typedef enum bulk_stop bulk_fn(struct alloc *a, struct bulk *b, const struct plain_req *req,
			       size_t n, size_t *done);

static bulk_fn *bulk_op(const struct sys_alloc *h, enum family family)
{
	switch (family) {
	case OF_PAGES:
		return h->ops->pages_bulk;
	case OF_KERNEL:
		return h->ops->kernel_bulk;
	default:
		return h->ops->bytes->bulk;
	}
}

/* The next of n requests whose numbers have the same upper half. */
static size_t in_epoch(const struct replay *r, size_t n)
{
	const uint64_t left = UINT64_C(1) << 32, at = (r->fig->event + 1) & UINT32_MAX;

	return n < left - at ? n : (size_t)(left - at);
}

/* Requests from req on, up to one that is not of its allocator; *done of them are done. */
static enum bulk_stop run_bulk(struct replay *r, const struct plain_req *req, size_t n,
			       size_t *done)
{
	enum family family;
	struct sys_alloc *h = server(r, req, &family);
	struct account a;
	enum bulk_stop why;

	*done = 0;
	if (h == NULL)
		return BULK_OTHER;
	a = open_account(r, h, family);
	n = in_epoch(r, n);
	r->sys->sh.cpu = 0;
	why = bulk_op(h, family)(h->alloc, &a.b, req, n, done);
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
