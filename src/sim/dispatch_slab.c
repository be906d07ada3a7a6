/* Events of the group slab: a cache is a live object whose "address" is its number. */
#include "sim/dispatch_groups.h"

static void create(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	uint32_t flags = ev->gfp | ((ev->flags & EV_CTOR) != 0 ? SLAB_CTOR : 0);
	struct cache_req c = {trace_string(r->trace, ev->tag), ev->size, ev->arg, flags};
	uint32_t cache = h->ops->caches->create(h->alloc, &c);

	if (cache == CACHE_NONE) {
		replay_failed(r, h, ev, ev->size, ev->arg);
		return;
	}
	live_set(&r->live, &r->live.slot[ev->slot], LIVE_CACHE, (unsigned)(h - r->sys->allocs),
		 cache, ev->size, ev->site, r->fig->event, ev->tag);
}

/* The cache an event names by its second slot; NULL: skipped or a finding. */
static struct live *event_cache(struct replay *r, const struct trace_event *ev)
{
	struct trace_event of_cache = *ev;

	of_cache.slot = ev->slot2;
	if (ev->slot2 != SLOT_NONE && ev->slot2 >= r->live.nr)
		of_cache.slot = SLOT_NONE;
	return replay_named(r, &of_cache, LIVE_CACHE);
}

static void alloc(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct live *cache = event_cache(r, ev);
	struct grant g;

	if (cache == NULL) {
		if (ev->slot != SLOT_NONE)
			live_set_failed(&r->live.slot[ev->slot]);
		return;
	}
	dispatch_state_request(r, ev, 0);
	r->req.size = live_size(cache);
	g = h->ops->caches->alloc(h->alloc, (uint32_t)live_pa(cache), &r->req);
	if (g.bytes == 0) {
		replay_failed(r, h, ev, live_size(cache), 0);
	} else {
		if ((ev->gfp & __GFP_ZERO) != 0)
			mm_zero(&h->view, g.va, live_size(cache));
		replay_born(r, h, ev, g, live_size(cache), ev->slot2 + 1);
		dispatch_compare(r, ev, g.bytes);
	}
	r->req = (struct alloc_req){.zone_mask = UINT32_MAX};
}

static void give_back(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct live *l = replay_object(r, ev), *cache;
	msize_t granted;

	if (l == NULL || (cache = event_cache(r, ev)) == NULL)
		return;
	replay_before_death(r);
	granted = h->ops->caches->free(h->alloc, (uint32_t)live_pa(cache),
				       mem_va(&h->view, (paddr_t){live_pa(l)}));
	if (granted == FREE_BAD)
		replay_bad(r, ev, 'p');
	else
		replay_died(r, h, l, granted);
}

/* Who holds objects of the cache at `slot`: the first of them go into the finding. */
static void name_holders(struct replay *r, const struct sys_alloc *h, uint32_t slot)
{
	struct figures *f = r->fig;
	struct bad_event *b;

	if (f->nr_bad == 0 || f->nr_bad > MAX_BAD_EVENTS)
		return;
	b = &f->bad[f->nr_bad - 1];
	for (uint32_t i = 0; i < r->live.nr; i++) {
		const struct live *l = &r->live.slot[i];

		if (live_state(l) != LIVE_BLOCK || &r->sys->allocs[live_alloc(l)] != h ||
		    live_extra(&r->live, l) != slot + 1)
			continue;
		if (b->nr_holders < MAX_BLOCKERS)
			b->holder[b->nr_holders] = (struct blocker){live_pa(l), live_size(l),
								    live_birth(l), i, live_site(&r->live, l)};
		b->nr_holders++;
	}
}

static void destroy(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
		    struct live *l)
{
	if (h->ops->caches->destroy(h->alloc, (uint32_t)live_pa(l)) == 0) {
		l->place = 0;
		return;
	}
	replay_bad(r, ev, 'b');
	name_holders(r, h, ev->slot);
}

bool dispatch_slab(struct replay *r, const struct trace_event *ev)
{
	struct sys_alloc *h = r->sys->group[GROUP_SLAB];
	struct live *l;

	if (h == NULL || h->ops->caches == NULL)
		return false;
	switch (ev->op) {
	case OP_CACHE_CREATE:
		create(r, h, ev);
		return true;
	case OP_CACHE_ALLOC:
		alloc(r, h, ev);
		return true;
	case OP_CACHE_FREE:
		give_back(r, h, ev);
		return true;
	default:
		break;
	}
	l = replay_named(r, ev, LIVE_CACHE);
	if (l != NULL && ev->op == OP_CACHE_SHRINK)
		h->ops->caches->shrink(h->alloc, (uint32_t)live_pa(l));
	else if (l != NULL)
		destroy(r, h, ev, l);
	return true;
}
