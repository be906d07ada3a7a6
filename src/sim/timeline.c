#include "sim/timeline_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/dense.h"
#include "sim/report.h"

bool timeline_poll(const struct timeline *t, const char *what, uint64_t done, uint64_t total)
{
	return t->q.poll != NULL && t->q.poll(t->q.poll_ctx, what, done, total);
}

/* ---- a side ---- */

static bool on_stop(void *ctx)
{
	struct side *s = ctx;

	return s->polls && timeline_poll(s->t, s == &s->t->index ? "indexing" : "replaying",
					 s->replay.fig->event, s->t->total);
}

static uint64_t fallbacks_of(const struct replay *r)
{
	return r->sys->pages != NULL ? r->sys->pages->view.count[MM_EV_FALLBACK] : 0;
}

/* The observer `seen`. */
static void see(void *state, const struct replay *r, const struct trace_event *ev)
{
	struct seen *s = state;
	const struct figures *f = r->fig;
	uint64_t fallbacks = fallbacks_of(r), findings = f->nr_bad + r->sys->sh.nr_findings;

	if (f->failed != s->nr_failed)
		s->failed = f->event;
	if (fallbacks != s->nr_fallbacks)
		s->fallback = f->event;
	if (findings != s->nr_findings)
		s->finding = f->event;
	if (ev->op >= OP_PHASE) {
		s->marker = f->event;
		s->marker_text = (uint32_t)ev->arg;
	}
	s->nr_failed = f->failed;
	s->nr_fallbacks = fallbacks;
	s->nr_findings = findings;
}

static void before_event(void *ctx, struct replay *r, const struct trace_event *ev)
{
	struct side *s = ctx;

	happening_before(&s->was, r, ev);
	s->watch.nr = 0;
	if (s->narrate)
		explain_event(&s->t->explainer, r, ev);
}

static void tell(struct side *s);

static void after_event(void *ctx, struct replay *r, const struct trace_event *ev)
{
	struct side *s = ctx;

	s->ev = *ev;
	for (unsigned i = 0; i < s->nr_obs; i++)
		s->obs[i].on_event(s->obs[i].state, r, ev);
	if (s->narrate)
		tell(s);
}

struct happening side_happening(const struct side *s)
{
	return happening_after(&s->was, &s->replay, &s->ev);
}

/* The text of the event just done, from the explainer's stream into its place. */
static void tell(struct side *s)
{
	struct timeline *t = s->t;
	struct happening h = side_happening(s), *to = &t->past[h.number % TIMELINE_PAST];

	explain_result(&t->explainer, &s->replay, &s->ev);
	fflush(t->explainer.out);
	free(to->text);
	h.text = strndup(t->text, (size_t)ftello(t->explainer.out));
	rewind(t->explainer.out);
	*to = h;
	if (t->told_from == 0)
		t->told_from = h.number;
	if (h.number - t->told_from >= TIMELINE_PAST)
		t->told_from = h.number - TIMELINE_PAST + 1;
}

static int side_begin(struct side *s, struct timeline *t, struct diag *d)
{
	struct boot_options boot = {.port = "checked",
				    .heap_kind = t->q.heap_kind,
				    .any_kind = true,
				    .noise = t->q.noise};
	struct replay_options o = {.before = before_event,
				   .after = after_event,
				   .event_ctx = s,
				   .stop = on_stop,
				   .stop_ctx = s};
	struct trace_info info;

	s->t = t;
	s->trace = trace_open(t->path, d);
	if (s->trace == NULL)
		return -1;
	trace_get_info(s->trace, &info);
	t->total = info.events;
	boot.groups = info.groups;
	if (system_boot(&s->sys, t->q.machine, &boot, d) != 0)
		return -1;
	if (replay_init(&s->replay, &s->sys, s->trace, &o) != 0)
		return diag_set(d, "", 0, 0, "out of host memory");
	s->watch = (struct mm_watch){
		.dirty = calloc(s->sys.pm.frames, 1), .log = s->stored, .room = STORE_LOG};
	if (s->watch.dirty == NULL)
		return diag_set(d, "", 0, 0, "out of host memory");
	system_watch(&s->sys, &s->watch);
	s->obs[s->nr_obs++] = (struct observer){
		.name = "seen", .size = sizeof s->seen, .state = &s->seen, .on_event = see};
	return 0;
}

static void side_finish(struct side *s)
{
	replay_finish(&s->replay);
	system_finish(&s->sys);
	trace_close(s->trace);
	free(s->watch.dirty);
}

bool side_run(struct side *s, uint64_t event, struct diag *d)
{
	s->replay.opt.until = event;
	s->end = s->replay.fig->event < event ? replay_run(&s->replay, d) : REPLAY_DONE;
	return s->end != REPLAY_STOPPED;
}

/* ---- opening ---- */

static void forget_past(struct timeline *t)
{
	for (unsigned i = 0; i < TIMELINE_PAST; i++) {
		free(t->past[i].text);
		t->past[i] = (struct happening){0};
	}
	t->told_from = 0;
}

static int begin(struct timeline *t, struct diag *d)
{
	if (timeline_trace(t, d) != 0 || side_begin(&t->view, t, d) != 0 ||
	    side_begin(&t->index, t, d) != 0)
		return -1;
	t->ahead = trace_open(t->path, d);
	if (t->ahead == NULL)
		return -1;
	t->explainer.out = open_memstream(&t->text, &t->text_bytes);
	if (t->explainer.out == NULL)
		return diag_set(d, "", 0, 0, "out of host memory");
	t->explainer.from = 1;
	t->explainer.to = UINT64_MAX;
	t->explainer.replay = &t->view.replay;
	t->future_of = UINT64_MAX;
	return index_begin(t, d);
}

struct timeline *timeline_open(const struct timeline_request *q, struct diag *d)
{
	struct timeline *t = calloc(1, sizeof *t);

	if (t == NULL) {
		diag_set(d, "", 0, 0, "out of host memory");
		return NULL;
	}
	t->q = *q;
	t->memfd = -1;
	if (t->q.memory == 0)
		t->q.memory = TIMELINE_MEMORY;
	mm_catch_signals();
	if (begin(t, d) != 0) {
		timeline_close(t);
		return NULL;
	}
	return t;
}

void timeline_close(struct timeline *t)
{
	if (t == NULL)
		return;
	forget_past(t);
	moment_finish(&t->moment);
	index_finish(t);
	checkpoint_store_free(t->store);
	side_finish(&t->view);
	side_finish(&t->index);
	trace_close(t->ahead);
	if (t->explainer.out != NULL)
		fclose(t->explainer.out);
	free(t->text);
	if (t->memfd >= 0)
		close(t->memfd);
	free(t->path);
	free(t);
}

/* ---- moving ---- */

const char *timeline_path(const struct timeline *t)
{
	return t->path;
}

uint64_t timeline_now(const struct timeline *t)
{
	return t->view.replay.fig->event;
}

/* Does the view get to `event` sooner by restoring a checkpoint? */
static bool restoring_pays(const struct timeline *t, uint64_t event, size_t i)
{
	uint64_t now = timeline_now(t);

	return now > event || checkpoint_store_event(t->store, i) > now;
}

/* What comes from checkpoints fills memory that no replay of the view has grown into. */
static void expect_dense(struct timeline *t)
{
	struct system *s = &t->view.sys;

	for (unsigned i = 0; i < s->nr_allocs; i++)
		if (s->allocs[i].arena.bytes != 0)
			dense_like(s, &s->allocs[i], &t->index.sys.allocs[i],
				   t->index.replay.fig->peak_live_blocks);
}

int view_place(struct timeline *t, uint64_t event, struct diag *d)
{
	size_t i = checkpoint_store_find(t->store, event);
	struct side *s = &t->view;

	moment_forget(&t->moment);
	forget_past(t);
	s->watch.nr = 0;
	if (restoring_pays(t, event, i)) {
		expect_dense(t);
		if (checkpoint_store_restore(t->store, i, &s->replay, &s->watch, &t->stands, s->obs,
					     s->nr_obs, d) != 0 ||
		    (checkpoint_store_event(t->store, i) < t->total &&
		     trace_seek(s->trace, checkpoint_store_event(t->store, i) + 1, d) != 0))
			return TIMELINE_ERROR;
	}
	return side_run(s, event, d) ? TIMELINE_THERE : TIMELINE_STOPPED;
}

/* The last events up to `event` with all that is told of them. */
static int tell_up_to(struct timeline *t, uint64_t event, struct diag *d)
{
	struct replay_options o = t->view.replay.opt;
	struct side *s = &t->view;
	bool there;

	explain_attach(&t->explainer, &s->replay);
	s->replay.opt = o;
	s->narrate = true;
	s->replay.last_failure = &t->last_failure;
	there = side_run(s, event, d);
	s->replay.last_failure = NULL;
	s->narrate = false;
	for (unsigned i = 0; i < s->sys.nr_allocs; i++)
		s->sys.allocs[i].view.on_event = NULL;
	return there ? TIMELINE_THERE : TIMELINE_STOPPED;
}

/* Is the way here told, up to the last event? */
static bool is_told(const struct timeline *t)
{
	uint64_t now = timeline_now(t);

	return now == 0 || (t->told_from != 0 && t->past[now % TIMELINE_PAST].number == now);
}

int timeline_seek(struct timeline *t, uint64_t event, struct diag *d)
{
	uint64_t from;
	int how = index_to(t, event, d);

	if (how != TIMELINE_THERE)
		return how;
	if (event > t->total)
		event = t->total;
	if (event == timeline_now(t) && is_told(t))
		return TIMELINE_THERE;
	from = event > TIMELINE_PAST ? event - TIMELINE_PAST : 0;
	t->view.polls = true;
	/* A few steps ahead add to what has been told. */
	if (timeline_now(t) > event || timeline_now(t) < from || !is_told(t))
		how = view_place(t, from, d);
	if (how == TIMELINE_THERE)
		how = tell_up_to(t, event, d);
	t->view.polls = false;
	moment_forget(&t->moment);
	return how;
}

/* ---- what is there to see ---- */

uint64_t timeline_total(const struct timeline *t)
{
	return t->total;
}

uint64_t timeline_indexed(const struct timeline *t)
{
	return t->index.replay.fig->event;
}

bool timeline_complete(const struct timeline *t)
{
	return t->complete;
}

const char *timeline_end_text(const struct timeline *t)
{
	return t->end_text;
}

const struct happening *timeline_past(const struct timeline *t, unsigned k)
{
	uint64_t now = timeline_now(t);

	if (t->told_from == 0 || k >= TIMELINE_PAST || now < k + t->told_from)
		return NULL;
	return &t->past[(now - k) % TIMELINE_PAST];
}

static void read_future(struct timeline *t)
{
	const struct trace_event *ev;
	struct diag d = {0};
	size_t n = 0;

	t->nr_future = 0;
	t->future_of = timeline_now(t);
	if (t->future_of >= t->total || trace_seek(t->ahead, t->future_of + 1, &d) != 0)
		return;
	while (t->nr_future < TIMELINE_FUTURE) {
		if (trace_next(t->ahead, &ev, &n, &d) != 0 || n == 0)
			return;
		for (size_t i = 0; i < n && t->nr_future < TIMELINE_FUTURE; i++)
			t->future[t->nr_future++] = ev[i];
	}
}

unsigned timeline_future(struct timeline *t, const struct trace_event **ev)
{
	if (t->future_of != timeline_now(t))
		read_future(t);
	*ev = t->future;
	return t->nr_future;
}

const char *timeline_string(const struct timeline *t, uint32_t index)
{
	/* The index has read furthest, or all. */
	return trace_string(t->index.trace, index);
}

const struct failure *timeline_last_failure(const struct timeline *t)
{
	const struct failure *f = &t->last_failure;

	return f->event != 0 && f->event <= timeline_now(t) ? f : NULL;
}

uint32_t timeline_nr_strings(const struct timeline *t)
{
	return trace_nr_strings(t->index.trace);
}

const struct mm_stored *timeline_stored(const struct timeline *t, uint32_t *nr)
{
	*nr = t->view.watch.nr;
	return t->view.stored;
}

const struct seen *timeline_seen(const struct timeline *t)
{
	return &t->view.seen;
}

const struct series *timeline_series(const struct timeline *t)
{
	return &t->series;
}

uint64_t timeline_bytes(const struct timeline *t, size_t *checkpoints)
{
	uint64_t bytes = checkpoint_store_bytes(t->store) + t->touch.big.bytes;

	for (unsigned k = 0; k < NR_TOUCH_KINDS; k++)
		bytes += t->touch.by[k].bytes;
	*checkpoints = checkpoint_store_nr(t->store);
	return bytes;
}

json_t *timeline_report(struct timeline *t, const char *program_version)
{
	struct report_run run = {.program_version = program_version,
				 .alloc = t->q.heap_kind,
				 .until = timeline_now(t),
				 .end = REPLAY_DONE,
				 .noise = t->q.noise,
				 .image_hash = true};

	return report_build(&t->view.replay, &run);
}
