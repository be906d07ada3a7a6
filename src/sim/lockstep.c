#include "sim/lockstep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/explain.h"
#include "sim/trace_input.h"

#define TURN      1024u /* events that one goes on before the other follows ... */
#define LONG_TURN (1u << 20) /* ... when nobody looks at them */

struct racer {
	struct run *run;
	struct pair *pair;
	struct happening_before before;
	uint64_t first; /* see decision_of */
	uint64_t last; /* event that was looked at last */
	struct decision did[TURN]; /* by number % TURN */
};

struct pair {
	const struct lockstep_request *q;
	struct lockstep *l;
	struct racer racer[2];
	uint64_t seen; /* events compared */
};

static void before_event(void *ctx, struct replay *r, const struct trace_event *ev)
{
	struct racer *x = ctx;

	happening_before(&x->before, r, ev);
}

static void after_event(void *ctx, struct replay *r, const struct trace_event *ev)
{
	struct racer *x = ctx;
	struct happening h = happening_after(&x->before, r, ev);

	x->did[h.number % TURN] = decision_of(&h, &x->first);
	x->last = h.number;
}

static bool on_stop(void *ctx)
{
	const struct pair *p = ctx;
	uint64_t done = 0;

	for (unsigned i = 0; i < 2; i++)
		done += p->l->run[i].replay.fig->event;
	return p->q->stop(p->q->stop_ctx, done);
}

static struct run_request request_of(const struct lockstep_request *q, unsigned i)
{
	return (struct run_request){.machine = q->machine[i],
				    .trace = q->trace,
				    .boot = {.heap_kind = q->heap_kind[i],
					     .any_kind = q->lenient[i],
					     .noise = q->noise}};
}

/* ---- both, in turns ---- */

static int begin(struct pair *p, unsigned i, const char *port, struct diag *d)
{
	struct run_request q = request_of(p->q, i);
	struct racer *x = &p->racer[i];
	struct replay_options *o;

	*x = (struct racer){.run = &p->l->run[i], .pair = p, .first = UINT64_MAX};
	if (run_begin(x->run, &q, port != NULL ? port : run_port(&q), d) != 0)
		return -1;
	o = &x->run->replay.opt;
	o->before = before_event;
	o->after = after_event;
	o->event_ctx = x;
	if (p->q->stop != NULL) {
		o->stop = on_stop;
		o->stop_ctx = p;
	}
	return 0;
}

static bool is_watched(const struct pair *p)
{
	return p->l->first.event == 0 || p->l->outcome.event == 0;
}

static void look_away(struct pair *p)
{
	for (unsigned i = 0; i < 2; i++) {
		p->l->run[i].replay.opt.before = NULL;
		p->l->run[i].replay.opt.after = NULL;
	}
}

static void part_at(struct pair *p, struct parting *where, uint64_t event)
{
	if (where->event != 0)
		return;
	where->event = event;
	for (unsigned i = 0; i < 2; i++)
		where->side[i].decision = p->racer[i].did[event % TURN];
}

/* The events that both have done since the last turn. */
static void compare_turn(struct pair *p)
{
	uint64_t last = p->racer[0].last < p->racer[1].last ? p->racer[0].last : p->racer[1].last;

	for (uint64_t e = p->seen + 1; e <= last && is_watched(p); e++) {
		struct decision x = p->racer[0].did[e % TURN], y = p->racer[1].did[e % TURN];

		if (x.outcome != y.outcome)
			part_at(p, &p->l->outcome, e);
		if (x.outcome != y.outcome || places_differ(x, y))
			part_at(p, &p->l->first, e);
	}
	p->seen = last;
	if (!is_watched(p))
		look_away(p);
}

/* One goes on to event `to`; false: it ended before. */
static bool go(struct run *x, uint64_t to, struct diag *d)
{
	x->replay.opt.until = to;
	x->end = replay_run(&x->replay, d);
	return x->end == REPLAY_DONE && x->replay.fig->event == to;
}

/* Both to event `to`, and none beyond where the first one ends; false: one did not get there. */
static bool take_turn(struct pair *p, uint64_t to, struct diag *d)
{
	struct run *x = &p->l->run[0], *y = &p->l->run[1];
	bool there = go(x, to, d);

	if (x->replay.fig->event > y->replay.fig->event)
		there = go(y, x->replay.fig->event, d) && there;
	if (is_watched(p))
		compare_turn(p);
	/* Who had done his turn was interrupted as well. */
	if (x->end == REPLAY_STOPPED || y->end == REPLAY_STOPPED)
		x->end = y->end = REPLAY_STOPPED;
	return there;
}

static void race(struct pair *p, struct diag *d)
{
	uint64_t limit = p->q->until != 0 ? p->q->until : UINT64_MAX, to = 0;

	do {
		uint64_t turn = is_watched(p) ? TURN : LONG_TURN;

		to = limit - to > turn ? to + turn : limit;
	} while (take_turn(p, to, d) && to < limit);
}

static int race_on(struct pair *p, const char *port, struct diag *d)
{
	p->seen = 0;
	p->l->first.event = p->l->outcome.event = 0;
	if (begin(p, 0, port, d) != 0 || begin(p, 1, port, d) != 0)
		return -1;
	race(p, d);
	return 0;
}

static bool signalled(const struct lockstep *l)
{
	return l->run[0].end == REPLAY_SIGNAL || l->run[1].end == REPLAY_SIGNAL;
}

static int race_both(struct pair *p, struct diag *d)
{
	struct lockstep *l = p->l;

	if (race_on(p, NULL, d) != 0)
		return -1;
	if (!signalled(l))
		return 0;
	run_finish(&l->run[0]);
	run_finish(&l->run[1]);
	*d = (struct diag){0};
	return race_on(p, "checked", d);
}

/* ---- how they part ---- */

struct teller {
	struct explainer explainer;
	struct happening_before before;
	struct telling *to;
};

static void tell_before(void *ctx, struct replay *r, const struct trace_event *ev)
{
	struct teller *t = ctx;

	happening_before(&t->before, r, ev);
	explain_event(&t->explainer, r, ev);
}

static void tell_after(void *ctx, struct replay *r, const struct trace_event *ev)
{
	struct teller *t = ctx;
	const struct figures *f = r->fig;

	t->to->did = happening_after(&t->before, r, ev);
	if (f->nr_failures != 0 && f->failure[f->nr_failures - 1].event == f->event)
		t->to->why = f->failure[f->nr_failures - 1];
	explain_result(&t->explainer, r, ev);
}

/*
 * Replays up to the event, and tells that one.  It is looked at from the start: a block that
 * was read to be replayed as plain events is replayed so to its end.
 */
static void tell_event(struct teller *t, struct run *run, uint64_t event)
{
	struct diag d = {0};

	t->explainer.from = t->explainer.to = event;
	explain_attach(&t->explainer, &run->replay);
	run->replay.opt.before = tell_before;
	run->replay.opt.after = tell_after;
	run->replay.opt.event_ctx = t;
	run->replay.last_failure = &t->to->why;
	(void)go(run, event, &d);
}

/* Its first line to the parting, the rest to the side. */
static int keep_text(struct parting *where, struct telling *to, char *text, struct diag *d)
{
	char *rest = strchr(text, '\n');

	if (rest != NULL)
		*rest++ = '\0';
	to->did.text = strdup(rest != NULL ? rest : "");
	if (where->heading == NULL)
		where->heading = strdup(text);
	return where->heading == NULL || to->did.text == NULL
		       ? diag_set(d, "", 0, 0, "out of host memory")
		       : 0;
}

static int tell_side(struct pair *p, struct parting *where, unsigned i, struct diag *d)
{
	struct run_request q = request_of(p->q, i);
	struct teller t = {.to = &where->side[i]};
	struct run run;
	char *text = NULL;
	size_t bytes;
	int err;

	if (run_begin(&run, &q, p->l->run[i].sys.instance->port, d) != 0)
		return -1;
	t.explainer.out = open_memstream(&text, &bytes);
	if (t.explainer.out == NULL) {
		run_finish(&run);
		return diag_set(d, "", 0, 0, "out of host memory");
	}
	tell_event(&t, &run, where->event);
	fclose(t.explainer.out);
	err = text != NULL ? keep_text(where, t.to, text, d)
			   : diag_set(d, "", 0, 0, "out of host memory");
	free(text);
	run_finish(&run);
	return err;
}

static int tell(struct pair *p, struct parting *where, struct diag *d)
{
	return where->event == 0 || (tell_side(p, where, 0, d) == 0 && tell_side(p, where, 1, d) == 0)
		       ? 0
		       : -1;
}

/* ---- all of it ---- */

int lockstep_run(struct lockstep *l, const struct lockstep_request *q, struct diag *d)
{
	struct pair *p = malloc(sizeof *p);
	uint64_t x, y;
	int err;

	*l = (struct lockstep){0};
	if (p == NULL)
		return diag_set(d, "", 0, 0, "out of host memory");
	*p = (struct pair){.q = q, .l = l};
	err = strcmp(q->trace, "-") == 0 ? input_keep_stdin(d) : 0;
	mm_catch_signals();
	if (err == 0)
		err = race_both(p, d);
	if (err == 0 && (tell(p, &l->first, d) != 0 || tell(p, &l->outcome, d) != 0))
		err = -1;
	free(p);
	if (err != 0) {
		lockstep_finish(l);
		return -1;
	}
	x = l->run[0].replay.fig->event;
	y = l->run[1].replay.fig->event;
	l->compared = x < y ? x : y;
	return 0;
}

static void parting_finish(struct parting *x)
{
	free(x->heading);
	free(x->side[0].did.text);
	free(x->side[1].did.text);
}

void lockstep_finish(struct lockstep *l)
{
	run_finish(&l->run[0]);
	run_finish(&l->run[1]);
	parting_finish(&l->first);
	parting_finish(&l->outcome);
	*l = (struct lockstep){0};
}
