#include "sim/autopsy.h"

#include <string.h>

#include "sim/spans.h"

const char *cause_name(enum cause c)
{
	static const char *const names[NR_CAUSES] = {
		[CAUSE_CAPACITY] = "capacity",   [CAUSE_FRAGMENTATION] = "fragmentation",
		[CAUSE_ALIGNMENT] = "alignment", [CAUSE_REACHABILITY] = "reachability",
		[CAUSE_WATERMARK] = "watermark", [CAUSE_LIMIT] = "limit",
		[CAUSE_INJECTED] = "injected",   [CAUSE_CONFLICT] = "conflict",
		[CAUSE_PKMAP] = "pkmap",
	};

	return names[c];
}

/* ---- what is free, from counters ---- */

static uint64_t owner_cached(const struct system *s, const struct sys_alloc *h)
{
	int64_t sum[MM_NR_CLASSES];

	ledger_owner(s->ledger.rows, &s->ledger, h->owner, sum);
	return sum[MM_CACHED] > 0 ? (uint64_t)sum[MM_CACHED] : 0;
}

struct zone_space {
	uint64_t bytes, largest; /* free in all zones; the largest free block */
	uint64_t roomiest; /* free in the zone that has most: no block crosses zones */
};

/* Free bytes and the largest free block of the page allocator's zones in `mask`. */
static struct zone_space zones_space(const struct system *s, const struct sys_alloc *h,
				     uint32_t mask)
{
	const struct page_ops *p = h->ops->pages;
	unsigned shift = s->machine->page_shift, max = p->max_order(h->alloc);
	struct zone_space sp = {0, 0, 0};

	for (unsigned z = 0; z < h->env.nr_zones; z++) {
		uint64_t bytes = 0;

		for (unsigned o = 0; (mask & (1u << z)) != 0 && o <= max; o++) {
			uint64_t nr = p->nr_free(h->alloc, z, o);

			bytes += nr << (o + shift);
			if (nr != 0 && sp.largest < 1ull << (o + shift))
				sp.largest = 1ull << (o + shift);
		}
		sp.bytes += bytes;
		sp.roomiest = bytes > sp.roomiest ? bytes : sp.roomiest;
	}
	return sp;
}

static void add_free(void *ctx, const struct walk_span *w)
{
	struct free_space *f = ctx;

	if ((w->class != MM_CACHED && w->class != MM_FREE) || w->bytes == 0)
		return;
	f->bytes += w->bytes;
	f->blocks++;
	if (w->bytes > f->largest)
		f->largest = w->bytes;
}

struct free_space free_space(struct system *s, struct sys_alloc *a)
{
	struct free_space f = {0, 0, 0};
	struct alloc *w;

	if (a->ops->pages != NULL) {
		/* Live blocks are walked as cached: count the free lists instead. */
		for (unsigned z = 0; z < a->env.nr_zones; z++)
			for (unsigned o = 0; o <= a->ops->pages->max_order(a->alloc); o++)
				f.blocks += a->ops->pages->nr_free(a->alloc, z, o);
		f.bytes = zones_space(s, a, UINT32_MAX).bytes;
		f.largest = zones_space(s, a, UINT32_MAX).largest;
		return f;
	}
	w = system_walker(s, a);
	w->ops->walk(w, add_free, &f);
	return f;
}

/* ---- the cause ---- */

static enum cause hinted(uint8_t refusal)
{
	switch (refusal) {
	case MM_REFUSE_LIMIT:
		return CAUSE_LIMIT;
	case MM_REFUSE_WATERMARK:
		return CAUSE_WATERMARK;
	case MM_REFUSE_INJECTED:
		return CAUSE_INJECTED;
	case MM_REFUSE_CONFLICT:
		return CAUSE_CONFLICT;
	case MM_REFUSE_PKMAP:
		return CAUSE_PKMAP;
	default:
		return NR_CAUSES;
	}
}

/*
 * Too few bytes in each zone that may serve the request: if one that may not has
 * enough, what the master reaches is the cause.
 */
static enum cause pages_cause(const struct replay *r, const struct sys_alloc *h, uint64_t size)
{
	struct zone_space mine = zones_space(r->sys, h, r->req.zone_mask);
	uint64_t block = roundup_pow2(size);

	if (mine.roomiest >= block)
		return CAUSE_FRAGMENTATION;
	return zones_space(r->sys, h, ~r->req.zone_mask).roomiest >= block ? CAUSE_REACHABILITY
									   : CAUSE_CAPACITY;
}

static enum cause heap_cause(const struct replay *r, struct sys_alloc *h, uint64_t size,
			     uint64_t align)
{
	uint64_t bytes = owner_cached(r->sys, h);

	if (r->req.zone_mask == 0)
		return CAUSE_REACHABILITY;
	/* An arena that is too small is a matter of capacity; a limit is one whatever is free. */
	if (h->arena.bytes != 0 && bytes < size)
		return CAUSE_CAPACITY;
	if (h->ops->bytes != NULL && h->ops->bytes->largest_request != NULL &&
	    size > h->ops->bytes->largest_request(h->alloc))
		return CAUSE_LIMIT;
	if (h->arena.bytes == 0)
		bytes += zones_space(r->sys, r->sys->pages, h->source.zone_mask).bytes;
	if (bytes < size)
		return CAUSE_CAPACITY;
	if (align > h->env.align && free_space(r->sys, h).largest >= size)
		return CAUSE_ALIGNMENT;
	return CAUSE_FRAGMENTATION;
}

/* The window that a kind of mappings has its addresses from. */
static struct map_window window_of(const struct system *s, const struct sys_alloc *h)
{
	struct map_window w = {.name = NULL};

	/* ioremap has none of its own: its ranges lie in the one of vmalloc. */
	if (!h->ops->maps->window(h->alloc, 0, &w) && s->group[GROUP_VIRTUAL] != NULL)
		(void)s->group[GROUP_VIRTUAL]->ops->maps->window(s->group[GROUP_VIRTUAL]->alloc, 0,
								 &w);
	return w;
}

/*
 * No hole is long enough: too few free addresses are a limit of the machine, enough of
 * them in pieces are fragmentation.  No word from the kind: there was no page.
 */
static enum cause map_cause(const struct replay *r, const struct sys_alloc *h, uint64_t size)
{
	if (r->sys->sh.refusal != MM_REFUSE_WINDOW)
		return CAUSE_CAPACITY;
	return window_of(r->sys, h).free >= size ? CAUSE_FRAGMENTATION : CAUSE_LIMIT;
}

/* Too few pages are left of the range, or none of their holes is long enough; else there was
 * no room elsewhere for those who use it. */
static enum cause cma_cause(const struct sys_alloc *h, uint64_t size)
{
	uint64_t pages = (size + (1ull << h->env.page_shift) - 1) >> h->env.page_shift;
	struct cma_figures f;

	h->ops->cma->figures(h->alloc, &f);
	return f.pages - f.claimed >= pages && f.largest < pages ? CAUSE_FRAGMENTATION
								 : CAUSE_CAPACITY;
}

static enum cause find_cause(const struct replay *r, struct sys_alloc *h, uint64_t size,
			     uint64_t align)
{
	enum cause c = hinted(r->sys->sh.refusal);

	if (c != NR_CAUSES)
		return c;
	if (size > LIVE_SIZE_MAX)
		return CAUSE_LIMIT;
	if (h->ops->maps != NULL)
		return map_cause(r, h, size);
	if (h->ops->cma != NULL)
		return cma_cause(h, size);
	return h->ops->pages != NULL ? pages_cause(r, h, size ? size : 1)
				     : heap_cause(r, h, size, align);
}

/* ---- what lies in the way ---- */

/* Control structures do not move: a range cannot span them; chunk headers can go. */
static bool is_barrier(const struct span *s)
{
	return s->class == MM_METADATA && s->end - s->base > 64;
}

struct window {
	uint64_t base, end, live, held;
	bool found;
};

static uint64_t live_in(const struct span *s)
{
	return s->class == MM_GRANTED ? s->end - s->base : 0;
}

/* Neither live nor free. */
static uint64_t held_in(const struct span *s)
{
	return s->class == MM_METADATA || s->class == MM_SLACK ? s->end - s->base : 0;
}

/* The contiguous range of `size` bytes with the fewest that are not free. O(spans). */
static struct window best_window(const struct spans *v, uint64_t size)
{
	struct window best = {0};
	uint64_t live = 0, held = 0;
	size_t lo = 0;

	for (size_t hi = 0; hi < v->nr; hi++) {
		const struct span *s = &v->v[hi];

		if (is_barrier(s) || (hi > lo && v->v[hi - 1].end != s->base)) {
			live = held = 0;
			lo = is_barrier(s) ? hi + 1 : hi;
			if (is_barrier(s))
				continue;
		}
		live += live_in(s);
		held += held_in(s);
		while (lo < hi && s->end - v->v[lo].end >= size) {
			live -= live_in(&v->v[lo]);
			held -= held_in(&v->v[lo]);
			lo++;
		}
		if (s->end - v->v[lo].base >= size && (!best.found || live + held < best.live + best.held))
			best = (struct window){v->v[lo].base, s->end, live, held, true};
	}
	return best;
}

static void keep_blocker(struct failure *f, struct blocker b)
{
	unsigned i = f->nr_blockers < MAX_BLOCKERS ? f->nr_blockers : MAX_BLOCKERS;

	f->nr_blockers++;
	if (i == MAX_BLOCKERS) {
		if (f->blocker[i - 1].bytes >= b.bytes)
			return;
		i--;
	}
	for (; i > 0 && f->blocker[i - 1].bytes < b.bytes; i--)
		f->blocker[i] = f->blocker[i - 1];
	f->blocker[i] = b;
}

static void find_blockers(struct replay *r, struct sys_alloc *h, struct failure *f)
{
	struct spans v = {0};
	struct window w;

	spans_add(&v, r->sys, h);
	spans_sort(&v);
	w = best_window(&v, f->size);
	spans_finish(&v);
	if (!w.found || v.failed)
		return;
	f->range_base = w.base;
	f->range_bytes = w.end - w.base;
	f->range_held = w.held;
	f->range_free = f->range_bytes - w.live - w.held;
	for (uint32_t i = 0; i < r->live.nr; i++) {
		const struct live *l = &r->live.slot[i];

		if (live_state(l) == LIVE_BLOCK && &r->sys->allocs[live_alloc(l)] == h &&
		    live_pa(l) >= w.base && live_pa(l) < w.end)
			keep_blocker(f, (struct blocker){live_pa(l), live_size(l), live_birth(l), i,
							 live_site(&r->live, l)});
	}
}

enum obstacle failure_obstacle(const struct failure *f)
{
	if (f->nr_blockers != 0)
		return OBSTACLE_BLOCKS;
	if (f->largest_free >= f->size)
		return OBSTACLE_CLASS;
	return f->range_held != 0 ? OBSTACLE_HELD : OBSTACLE_BORDERS;
}

static const char *const obstacles[][2] = {
	[OBSTACLE_BLOCKS] = {"blocks", ""},
	[OBSTACLE_CLASS] = {"class", "nothing: a free block is large enough, in a class that is not "
				     "searched for this size"},
	[OBSTACLE_HELD] = {"held", "no block, only metadata and slack, as headers of chunks"},
	[OBSTACLE_BORDERS] = {"borders", "no block: free blocks that do not merge"},
};

const char *obstacle_name(enum obstacle o)
{
	return obstacles[o][0];
}

const char *obstacle_text(const char *name)
{
	for (size_t i = 0; i < sizeof obstacles / sizeof obstacles[0]; i++)
		if (strcmp(obstacles[i][0], name) == 0)
			return obstacles[i][1];
	return "";
}

void autopsy(struct replay *r, struct sys_alloc *h, const struct trace_event *ev, uint64_t size,
	     uint64_t align)
{
	struct figures *fig = r->fig;
	enum cause cause = find_cause(r, h, size, align);
	uint8_t refusal = r->sys->sh.refusal;
	struct failure *f;

	r->sys->sh.refusal = MM_REFUSE_NONE;
	fig->by_cause[cause]++;
	if (fig->nr_failures == MAX_FAILURES && r->last_failure == NULL)
		return;
	f = fig->nr_failures == MAX_FAILURES ? r->last_failure : &fig->failure[fig->nr_failures++];
	*f = (struct failure){.event = fig->event,
			      .size = size,
			      .align = align,
			      .slot = ev->slot,
			      .site = ev->site,
			      .master = ev->master,
			      .op = ev->op,
			      .cause = (uint8_t)cause,
			      .alloc = (uint8_t)(h - r->sys->allocs)};
	if (h->ops->cma != NULL) {
		struct cma_figures c;

		h->ops->cma->figures(h->alloc, &c);
		f->free_bytes = (c.pages - c.claimed) << h->env.page_shift;
		f->largest_free = c.largest << h->env.page_shift;
		return;
	}
	if (cause == CAUSE_CONFLICT) {
		f->conflict = r->conflict;
		return;
	}
	if (h->ops->pages != NULL) {
		struct zone_space sp = zones_space(r->sys, h, r->req.zone_mask);

		f->free_bytes = sp.roomiest;
		f->largest_free = sp.largest;
		return;
	}
	if (h->ops->maps != NULL && refusal == MM_REFUSE_NONE) {
		struct zone_space sp = zones_space(r->sys, r->sys->pages, r->req.zone_mask);

		f->free_bytes = sp.bytes;
		f->largest_free = sp.largest;
		return;
	}
	if (h->ops->maps != NULL) {
		f->free_bytes = window_of(r->sys, h).free;
		f->largest_free = window_of(r->sys, h).largest;
		return;
	}
	if (h->ops->bytes != NULL || h->ops->stack != NULL) {
		struct free_space sp = free_space(r->sys, h);

		f->free_bytes = sp.bytes;
		f->largest_free = sp.largest;
	}
	if (cause == CAUSE_FRAGMENTATION &&
	    (fig->nr_failures <= AUTOPSY_BLOCKERS || f == r->last_failure))
		find_blockers(r, h, f);
}
