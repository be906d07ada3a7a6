/*
 * Looking for an event: by what it touched, through the index; and by what holds
 * after it, by replaying.
 */
#include "sim/condition.h"
#include "sim/timeline_private.h"

/* One event on; TIMELINE_NONE at the end. */
static int step(struct timeline *t, struct diag *d)
{
	uint64_t now = timeline_now(t);

	if (now >= t->total)
		return TIMELINE_NONE;
	if (!side_run(&t->view, now + 1, d))
		return TIMELINE_STOPPED;
	return timeline_now(t) == now ? TIMELINE_NONE : TIMELINE_THERE;
}

/* Back to where one was, when nothing was found or someone lost patience. */
static int give_up(struct timeline *t, uint64_t home, int how, struct diag *d)
{
	int back;

	t->view.polls = false;
	back = timeline_seek(t, home, d);
	return back == TIMELINE_ERROR ? back : how;
}

/* ---- by what it touched ---- */

static uint32_t chunk_of(uint64_t event)
{
	return (uint32_t)((event - 1) >> POSTINGS_SHIFT);
}

static uint32_t nearer(uint32_t a, uint32_t b, bool forward)
{
	if (a == UINT32_MAX || b == UINT32_MAX)
		return a == UINT32_MAX ? b : a;
	return forward == (a < b) ? a : b;
}

static uint32_t listed(const struct postings *p, uint32_t key, uint32_t chunk, bool forward)
{
	return forward ? postings_next(p, key, chunk) : postings_prev(p, key, chunk);
}

/* The nearest chunk from `chunk` on that may hold such an event; UINT32_MAX: none. */
static uint32_t candidate(const struct timeline *t, const struct touch *q, uint32_t chunk,
			  bool forward)
{
	const struct touch_index *x = &t->touch;
	uint32_t best, full = x->full_from > t->total ? UINT32_MAX : chunk_of(x->full_from);

	/* From there on nothing is listed: every chunk may. */
	if (chunk >= full)
		return chunk;
	if (q->kind != TOUCH_MEMORY) {
		best = listed(&x->by[q->kind], (uint32_t)q->value, chunk, forward);
	} else {
		best = listed(&x->big, 0, chunk, forward);
		for (uint64_t f = q->lo >> MM_TOUCH_SHIFT; f <= (q->hi - 1) >> MM_TOUCH_SHIFT; f++)
			best = nearer(best,
				      listed(&x->by[TOUCH_MEMORY], (uint32_t)f, chunk, forward),
				      forward);
	}
	return forward && full != UINT32_MAX ? nearer(best, full, true) : best;
}

/* The first (last) touching event of [from, to]; *found 0: none. */
static int scan(struct timeline *t, const struct touch *q, uint64_t from, uint64_t to, bool first,
		uint64_t *found, struct diag *d)
{
	int how = view_place(t, from - 1, d);

	*found = 0;
	while (how == TIMELINE_THERE && timeline_now(t) < to && !(first && *found != 0)) {
		struct happening h;

		how = step(t, d);
		if (how != TIMELINE_THERE)
			break;
		h = side_happening(&t->view);
		if (touches(q, &t->view, &h))
			*found = h.number;
	}
	return how == TIMELINE_NONE ? TIMELINE_THERE : how;
}

/* Bounds of the events to look at in a chunk, beyond `home`. */
static void clip(const struct timeline *t, uint32_t chunk, uint64_t home, bool forward,
		 uint64_t *from, uint64_t *to)
{
	*from = ((uint64_t)chunk << POSTINGS_SHIFT) + 1;
	*to = *from + (1u << POSTINGS_SHIFT) - 1;
	if (*to > t->total)
		*to = t->total;
	if (forward && *from <= home)
		*from = home + 1;
	if (!forward && *to >= home)
		*to = home - 1;
}

static int find(struct timeline *t, const struct touch *q, uint64_t home, bool forward,
		struct diag *d)
{
	uint32_t c = chunk_of(forward ? home + 1 : home - 1);
	uint32_t last = chunk_of(t->total);

	for (;;) {
		uint64_t from, to, found;
		int how;

		c = candidate(t, q, c, forward);
		if (c == UINT32_MAX || c > last)
			return give_up(t, home, TIMELINE_NONE, d);
		clip(t, c, home, forward, &from, &to);
		how = from <= to ? scan(t, q, from, to, forward, &found, d) : TIMELINE_THERE;
		if (how != TIMELINE_THERE)
			return how == TIMELINE_STOPPED ? give_up(t, home, how, d) : how;
		if (from <= to && found != 0) {
			t->view.polls = false;
			return timeline_seek(t, found, d);
		}
		if (!forward && c == 0)
			return give_up(t, home, TIMELINE_NONE, d);
		c = forward ? c + 1 : c - 1;
	}
}

int timeline_find(struct timeline *t, const struct touch *q, bool forward, struct diag *d)
{
	uint64_t home = timeline_now(t);
	int how = forward ? timeline_finish(t, d) : TIMELINE_THERE;

	if (how != TIMELINE_THERE)
		return how;
	if (forward ? home >= t->total : home <= 1)
		return TIMELINE_NONE;
	t->view.polls = true;
	how = find(t, q, home, forward, d);
	t->view.polls = false;
	return how;
}

/* ---- by what holds after it ---- */

struct hunt {
	struct condition *c;
	bool held; /* after the event before */
	uint64_t found; /* the last event at which it came true; 0: none */
};

static int judge(struct timeline *t, struct hunt *h, struct diag *d)
{
	struct happening what = side_happening(&t->view);
	struct condition_at at = {&t->view.replay, &what,
				  t->view.seen.fallback == what.number && what.number != 0,
				  &t->view.watch};
	bool holds = false;

	if (condition_holds(h->c, &at, &holds, d) != 0)
		return TIMELINE_ERROR;
	/* What an event is, it is anew each time; a state comes true once. */
	if (holds && (!h->held || condition_is_of_event(h->c)))
		h->found = what.number;
	h->held = holds;
	return TIMELINE_THERE;
}

/* From where the view stands to `to`; stops at the first event found if `first`. */
static int hunt_to(struct timeline *t, struct hunt *h, uint64_t to, bool first, struct diag *d)
{
	int how;

	condition_restart(h->c);
	how = judge(t, h, d);
	h->found = 0;
	while (how == TIMELINE_THERE && timeline_now(t) < to && !(first && h->found != 0)) {
		how = step(t, d);
		if (how == TIMELINE_THERE)
			how = judge(t, h, d);
		if (timeline_now(t) % 4096 == 0 &&
		    timeline_poll(t, "looking", timeline_now(t), t->total))
			how = TIMELINE_STOPPED;
	}
	return how == TIMELINE_NONE ? TIMELINE_THERE : how;
}

/* Forward the index goes along, so that there are checkpoints to come back to. */
static int hunt_forward(struct timeline *t, struct hunt *h, struct diag *d)
{
	int how = timeline_finish(t, d);

	if (how == TIMELINE_THERE)
		how = hunt_to(t, h, t->total, true, d);
	return how;
}

static int hunt_backward(struct timeline *t, struct hunt *h, uint64_t home, struct diag *d)
{
	uint64_t to = home - 1;

	while (to > 0) {
		size_t i = checkpoint_store_find(t->store, to - 1);
		uint64_t from = checkpoint_store_event(t->store, i);
		int how = view_place(t, from, d);

		if (how == TIMELINE_THERE)
			how = hunt_to(t, h, to, false, d);
		if (how != TIMELINE_THERE || h->found != 0)
			return how;
		to = from;
	}
	return TIMELINE_THERE;
}

int timeline_run_to(struct timeline *t, const char *condition, bool forward, struct diag *d)
{
	struct hunt h = {.c = condition_parse(condition, d)};
	uint64_t home = timeline_now(t);
	int how = TIMELINE_THERE;

	if (h.c == NULL)
		return TIMELINE_ERROR;
	t->view.polls = true;
	moment_forget(&t->moment);
	if (forward)
		how = hunt_forward(t, &h, d);
	else if (home > 1)
		how = hunt_backward(t, &h, home, d);
	condition_free(h.c);
	t->view.polls = false;
	if (how == TIMELINE_THERE && h.found != 0)
		return timeline_seek(t, h.found, d);
	if (how == TIMELINE_ERROR) {
		struct diag ignored = {0};

		(void)give_up(t, home, how, &ignored);
		return how;
	}
	return give_up(t, home, how == TIMELINE_THERE ? TIMELINE_NONE : how, d);
}
