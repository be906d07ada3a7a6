/*
 * The index: checkpoints, what is touched where, and the course of the figures.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim/figures.h"
#include "sim/findings.h"
#include "sim/timeline_private.h"

/* ---- touched where ---- */

static void add_frames(struct touch_index *x, uint32_t chunk, uint64_t pa, uint64_t bytes)
{
	uint64_t from = pa >> MM_TOUCH_SHIFT, to = (pa + bytes - 1) >> MM_TOUCH_SHIFT;

	if (bytes == 0)
		return;
	if (to - from >= BIG_FRAMES) {
		postings_add(&x->big, 0, chunk);
		return;
	}
	for (uint64_t f = from; f <= to; f++)
		postings_add(&x->by[TOUCH_MEMORY], (uint32_t)f, chunk);
}

static void add_stores(struct touch_index *x, uint32_t chunk, const struct mm_watch *w)
{
	uint64_t last = UINT64_MAX;

	for (uint32_t i = 0; i < w->nr; i++) {
		uint64_t from = w->log[i].pa >> MM_TOUCH_SHIFT,
			 to = (w->log[i].pa + w->log[i].bytes - 1) >> MM_TOUCH_SHIFT;

		for (uint64_t f = from; f <= to; f++)
			if (f != last)
				postings_add(&x->by[TOUCH_MEMORY], (uint32_t)f, chunk);
		last = to;
	}
	/* More stores than are kept: it may have been anywhere. */
	if (w->nr == w->room)
		postings_add(&x->big, 0, chunk);
}

static bool has_cache(const struct trace_event *ev)
{
	return (ev->op == OP_CACHE_ALLOC || ev->op == OP_CACHE_FREE) && ev->slot2 != SLOT_NONE;
}

static bool is_cache(const struct trace_event *ev)
{
	return (ev->op == OP_CACHE_CREATE || ev->op == OP_CACHE_SHRINK ||
		ev->op == OP_CACHE_DESTROY) &&
	       ev->slot != SLOT_NONE;
}

static void add_touches(struct touch_index *x, const struct side *s, const struct happening *h)
{
	uint32_t chunk = (uint32_t)((h->number - 1) >> POSTINGS_SHIFT);
	const struct trace_event *ev = &h->ev;

	if (ev->slot != SLOT_NONE)
		postings_add(&x->by[TOUCH_ID], ev->slot, chunk);
	if (ev->site != 0)
		postings_add(&x->by[TOUCH_SITE], ev->site, chunk);
	if (has_cache(ev))
		postings_add(&x->by[TOUCH_CACHE], ev->slot2, chunk);
	if (is_cache(ev))
		postings_add(&x->by[TOUCH_CACHE], ev->slot, chunk);
	add_frames(x, chunk, h->pa, h->bytes);
	add_frames(x, chunk, h->was_pa, h->was_bytes);
	add_stores(x, chunk, &s->watch);
	if (s->seen.failed == h->number)
		postings_add(&x->by[TOUCH_FAILED], 0, chunk);
	if (s->seen.fallback == h->number)
		postings_add(&x->by[TOUCH_FALLBACK], 0, chunk);
	if (s->seen.finding == h->number)
		postings_add(&x->by[TOUCH_FINDING], 0, chunk);
	if (s->seen.marker == h->number)
		postings_add(&x->by[TOUCH_MARKER], 0, chunk);
}

static bool overlaps(uint64_t pa, uint64_t bytes, const struct touch *q)
{
	return bytes != 0 && pa < q->hi && pa + bytes > q->lo;
}

static bool touches_memory(const struct touch *q, const struct side *s, const struct happening *h)
{
	if (overlaps(h->pa, h->bytes, q) || overlaps(h->was_pa, h->was_bytes, q))
		return true;
	for (uint32_t i = 0; i < s->watch.nr; i++)
		if (overlaps(s->watch.log[i].pa, s->watch.log[i].bytes, q))
			return true;
	return false;
}

bool touches(const struct touch *q, const struct side *s, const struct happening *h)
{
	switch (q->kind) {
	case TOUCH_ID:
		return h->ev.slot == q->value;
	case TOUCH_MEMORY:
		return touches_memory(q, s, h);
	case TOUCH_CACHE:
		return (has_cache(&h->ev) && h->ev.slot2 == q->value) ||
		       (is_cache(&h->ev) && h->ev.slot == q->value);
	case TOUCH_SITE:
		return h->ev.site == q->value;
	case TOUCH_FAILED:
		return s->seen.failed == h->number;
	case TOUCH_FALLBACK:
		return s->seen.fallback == h->number;
	case TOUCH_FINDING:
		return s->seen.finding == h->number;
	default:
		return s->seen.marker == h->number;
	}
}

/* ---- the course of the figures ---- */

static struct series_point *point_of(struct series *v, uint64_t event)
{
	uint64_t i = event == 0 ? 0 : (event - 1) / v->width;

	return &v->v[i < v->nr ? i : v->nr - 1];
}

static uint64_t mixed(uint64_t hash, uint64_t x)
{
	hash = (hash ^ x) * 0x9E3779B97F4A7C15ull;
	return hash ^ hash >> 29;
}

static void add_hashes(struct series *v, struct series_point *p, const struct happening *h)
{
	struct decision d = decision_of(h, &v->first);

	p->outcomes = mixed(p->outcomes, d.outcome + 1u);
	if (d.placed)
		p->places = mixed(p->places, (uint64_t)d.place);
}

static void add_point(struct timeline *t, const struct happening *h)
{
	struct series_point *p = point_of(&t->series, h->number);
	const struct side *s = &t->index;
	const struct figures *f = s->replay.fig;

	if (p->event == 0)
		p->live_min = p->live_max = f->live_bytes;
	p->live_min = f->live_bytes < p->live_min ? f->live_bytes : p->live_min;
	p->live_max = f->live_bytes > p->live_max ? f->live_bytes : p->live_max;
	p->failed += s->seen.failed == h->number;
	p->fallbacks += s->seen.fallback == h->number;
	p->findings += s->seen.finding == h->number;
	if (s->seen.marker == h->number && p->marker == 0 && h->ev.op != OP_EXPECT)
		p->marker = s->seen.marker_text;
	add_hashes(&t->series, p, h);
	p->event = h->number;
	p->footprint = f->footprint;
	if (h->number % t->series.width == 0 || h->number == t->total)
		ledger_total(s->sys.ledger.rows, &s->sys.ledger, p->class);
}

struct measuring {
	struct timeline *t;
	struct series_point *p;
};

static unsigned largest_zone(const struct sys_alloc *a)
{
	struct zone_figures z, best = {0};
	unsigned which = 0;

	for (unsigned i = 0; i < a->env.nr_zones; i++) {
		a->ops->pages->zone(a->alloc, i, &z);
		if (z.managed > best.managed) {
			best = z;
			which = i;
		}
	}
	return which;
}

/* The figures that cost a walk. */
static void measure(void *ctx)
{
	struct measuring *m = ctx;
	struct system *s = &m->t->index.sys;
	bool heaps = false;

	for (unsigned i = 0; i < s->nr_allocs; i++) {
		struct sys_alloc *a = &s->allocs[i];
		struct free_space f;

		if (a->ops->bytes == NULL && a->ops->stack == NULL)
			continue;
		f = free_space(s, a);
		heaps = true;
		m->p->free += f.bytes;
		m->p->largest = f.largest > m->p->largest ? f.largest : m->p->largest;
	}
	m->p->unusable = -1;
	if (s->pages != NULL) {
		struct free_space f = free_space(s, s->pages);
		struct free_area area;

		free_area_of(s->pages, largest_zone(s->pages), &area);
		m->p->unusable = unusable_index(&area, m->t->series.unusable_order);
		if (!heaps) {
			m->p->free = f.bytes;
			m->p->largest = f.largest;
		}
	}
	m->p->measured = true;
}

static void measure_point(struct timeline *t)
{
	struct measuring m = {t, point_of(&t->series, t->index.replay.fig->event)};

	m.p->free = m.p->largest = 0;
	if (!replay_read(&t->index.replay, measure, &m))
		m.p->measured = false;
}

static int series_begin(struct series *v, uint64_t total)
{
	v->width = total / SERIES_POINTS + 1;
	v->nr = (unsigned)(total / v->width) + 1;
	v->unusable_order = 3;
	v->first = UINT64_MAX;
	v->v = calloc(v->nr, sizeof *v->v);
	return v->v == NULL ? -1 : 0;
}

/* ---- going on ---- */

static void index_event(void *state, const struct replay *r, const struct trace_event *ev)
{
	struct timeline *t = state;
	struct happening h;

	(void)r;
	(void)ev;
	h = side_happening(&t->index);
	if (t->touch.full_from == UINT64_MAX)
		add_touches(&t->touch, &t->index, &h);
	add_point(t, &h);
}

static uint64_t touch_bytes(const struct touch_index *x)
{
	uint64_t bytes = x->big.bytes;

	for (unsigned k = 0; k < NR_TOUCH_KINDS; k++)
		bytes += x->by[k].bytes;
	return bytes;
}

/*
 * Checkpoints get three quarters of the memory, at distances that let them reach the
 * end of the trace if they go on as large as the last one.
 */
static void space_out(struct timeline *t, uint64_t bytes)
{
	uint64_t limit = t->q.memory / 4 * 3, now = t->index.replay.fig->event;

	while (now < t->total &&
	       checkpoint_store_bytes(t->store) + bytes * ((t->total - now) / t->spacing) > limit &&
	       t->spacing < t->total)
		t->spacing *= 2;
	while (checkpoint_store_bytes(t->store) > limit && checkpoint_store_nr(t->store) > 2) {
		uint64_t before = checkpoint_store_bytes(t->store);

		checkpoint_store_thin(t->store);
		if (checkpoint_store_bytes(t->store) >= before)
			break;
	}
}

static int add_checkpoint(struct timeline *t, struct diag *d)
{
	uint64_t before = checkpoint_store_bytes(t->store);
	struct side *s = &t->index;

	/* The observer that indexes is the index's alone: the view has only the others. */
	if (checkpoint_store_add(t->store, &s->replay, &s->watch, s->obs, t->view.nr_obs) != 0)
		return diag_set(d, "", 0, 0, "out of host memory");
	space_out(t, checkpoint_store_bytes(t->store) - before);
	if (t->touch.full_from == UINT64_MAX && touch_bytes(&t->touch) > t->touch.limit)
		t->touch.full_from = s->replay.fig->event + 1;
	measure_point(t);
	return 0;
}

int index_begin(struct timeline *t, struct diag *d)
{
	struct side *s = &t->index;

	t->store = checkpoint_store_create(&s->sys);
	if (t->store == NULL || series_begin(&t->series, t->total) != 0)
		return diag_set(d, "", 0, 0, "out of host memory");
	t->touch.limit = t->q.memory / 4;
	t->touch.full_from = UINT64_MAX;
	t->spacing = 1024;
	while (t->spacing * 512 < t->total && t->spacing < 65536)
		t->spacing *= 2;
	for (uint64_t f = 0; f < s->sys.pm.frames; f++)
		s->watch.dirty[f] = s->sys.pm.touched[f];
	s->obs[s->nr_obs++] =
		(struct observer){.name = "index", .state = t, .on_event = index_event};
	s->polls = true;
	t->complete = t->total == 0;
	return add_checkpoint(t, d);
}

void index_finish(struct timeline *t)
{
	for (unsigned k = 0; k < NR_TOUCH_KINDS; k++)
		postings_finish(&t->touch.by[k]);
	postings_finish(&t->touch.big);
	free(t->series.v);
}

/* Why the trace cannot be followed further, and how far it can. */
static void note_end(struct timeline *t, const struct diag *d)
{
	const struct side *s = &t->index;
	uint64_t event = s->replay.fig->event;
	char line[560];

	t->complete = true;
	if (s->end == REPLAY_REFUSED) {
		snprintf(t->end_text, sizeof t->end_text, "the run ends here: %s",
			 s->replay.problem);
		event--;
	} else if (s->end == REPLAY_DAMAGE) {
		diag_text(d, line, sizeof line);
		snprintf(t->end_text, sizeof t->end_text, "the trace is damaged here: %s", line);
	} else if (s->end != REPLAY_DONE) {
		fault_text(&s->replay, t->end_text, sizeof t->end_text);
	} else if (t->damage.msg[0] != '\0') {
		diag_text(&t->damage, line, sizeof line);
		snprintf(t->end_text, sizeof t->end_text, "the trace is damaged here: %s", line);
	}
	t->total = event;
}

/* On to `to`, or to the next checkpoint if that comes sooner. */
static int index_slice(struct timeline *t, uint64_t to, struct diag *d)
{
	struct side *s = &t->index;
	uint64_t now = s->replay.fig->event, stop = now - now % t->spacing + t->spacing;
	struct diag damage = {0};

	if (stop > t->total)
		stop = t->total;
	if (!side_run(s, to < stop ? to : stop, &damage))
		return TIMELINE_STOPPED;
	now = s->replay.fig->event;
	if (s->end != REPLAY_DONE || now == t->total || (now < stop && now < to)) {
		note_end(t, &damage);
		measure_point(t);
		return TIMELINE_THERE;
	}
	return now == stop ? add_checkpoint(t, d) : TIMELINE_THERE;
}

int index_to(struct timeline *t, uint64_t to, struct diag *d)
{
	int how = TIMELINE_THERE;

	while (how == TIMELINE_THERE && !t->complete && timeline_indexed(t) < to)
		how = index_slice(t, to, d);
	return how;
}

bool timeline_work(struct timeline *t, uint64_t events)
{
	struct diag d = {0};
	bool polls = t->index.polls;

	t->index.polls = false;
	/* Out of memory: what is indexed stays; the rest can be reached from the last checkpoint. */
	if (index_to(t, timeline_indexed(t) + events, &d) == TIMELINE_ERROR)
		t->complete = true;
	t->index.polls = polls;
	return !t->complete;
}

int timeline_finish(struct timeline *t, struct diag *d)
{
	return index_to(t, UINT64_MAX, d);
}
