#include "sim/sweep_point.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/findings.h"
#include "sim/fit.h"
#include "sim/report.h"
#include "sim/run.h"
#include "sim/sweep_key.h"
#include "sim/trace_kernel.h"

/* ---- traces ---- */

unsigned sweep_trace_number(const struct sweep *s, const struct sweep_point *p)
{
	/* Repeats of a recorded trace change it on the way; a generated one has another seed. */
	return p->trace * s->repeats + (s->trace[p->trace].gen != NULL ? p->repeat : 0);
}

/* Writes what is made, not read: a synthetic trace, or one in a kernel's words. */
static int make_trace(const struct sweep_trace *t, unsigned repeat, struct trace_writer *w,
		      struct diag *d)
{
	struct gen_params params = t->params;
	struct kernel_counts counts;

	params.seed += repeat;
	if (t->gen == NULL ? trace_as_kernel(t->path, (unsigned)t->caches, w, &counts, d) != 0
			   : t->gen->run(w, &params, d) != 0)
		return -1;
	if (trace_writer_events(w) <= KEPT_EVENTS)
		return 0;
	return diag_set(d, t->label, 0, 0,
			"makes more than %u events, expected fewer, or a file that 'memscape %s "
			"-o' has made",
			KEPT_EVENTS, t->gen == NULL ? "trace kmalloc" : "gen");
}

/* By way of a file in memory. */
static int decode_made(const struct sweep_trace *t, unsigned repeat, int fd, struct diag *d)
{
	int tmp = memfd_create("memscape-made", MFD_CLOEXEC), err;
	struct trace_writer *w;
	struct trace_reader *r = NULL;
	char path[64];

	if (tmp < 0)
		return diag_set(d, t->label, 0, 0, "out of host memory");
	w = trace_writer_open_fd(dup(tmp), t->label, NULL, d);
	if (w == NULL) {
		close(tmp);
		return -1;
	}
	err = make_trace(t, repeat, w, d);
	if (err == 0)
		err = trace_writer_close(w, d);
	else
		trace_writer_abort(w);
	snprintf(path, sizeof path, "/proc/self/fd/%d", tmp);
	if (err == 0)
		r = trace_open(path, d);
	if (r != NULL)
		err = kept_trace_write(fd, r, d);
	trace_close(r);
	close(tmp);
	return r != NULL ? err : -1;
}

int sweep_decode(const struct sweep *s, const struct sweep_point *p, int fd, struct diag *d)
{
	const struct sweep_trace *t = &s->trace[p->trace];
	struct trace_reader *r;
	int err;

	if (t->gen != NULL || t->kernel)
		return decode_made(t, p->repeat, fd, d);
	r = trace_open(t->path, d);
	if (r == NULL)
		return -1;
	err = kept_trace_write(fd, r, d);
	trace_close(r);
	return err;
}

int sweep_work_on(struct sweep_work *w, int fd, struct diag *d)
{
	sweep_work_end(w);
	return kept_trace_map(&w->kept, fd, d);
}

void sweep_work_end(struct sweep_work *w)
{
	fit_trace_free(w->fit);
	w->fit = NULL;
	kept_trace_unmap(&w->kept);
}

/* ---- a point ---- */

struct point_run {
	struct sweep_work *w;
	const struct sweep_point *p;
	const char *sets[4 * SWEEP_MAX_SETS], *alloc;
	unsigned nr_sets;
	struct machine *m;
	struct trace_change change;
	uint64_t shift; /* of the heap's arena */
	struct sweep_result *out;
};

static void fail(struct sweep_result *out, const char *status, const char *message)
{
	out->status = status;
	snprintf(out->message, sizeof out->message, "%s", message);
}

static void fail_diag(struct sweep_result *out, const struct diag *d)
{
	char line[512];

	diag_text(d, line, sizeof line);
	fail(out, "error", line);
}

/* The changes of a repeat; the first is as the trace was recorded. */
static void choose_changes(struct point_run *r)
{
	const struct sweep_perturb *b = &r->w->s->perturb;
	uint64_t state = b->seed + r->p->repeat, x;

	if (r->p->repeat == 0)
		return;
	x = trace_random(&state);
	r->shift = b->base != 0 ? x % (b->base + 1) : 0;
	r->change = (struct trace_change){
		.seed = state, .bytes = b->bytes, .requests = b->requests, .ties = b->ties};
}

static const char *trace_name(const struct point_run *r)
{
	const struct sweep_trace *t = &r->w->s->trace[r->p->trace];

	return t->path != NULL ? t->path : t->gen->name;
}

static struct trace_reader *open_trace(void *ctx, struct diag *d)
{
	struct point_run *r = ctx;

	return kept_trace_open(&r->w->kept, trace_name(r), &r->change, d);
}

/* Reports keep the order of their keys: the same result is the same text. */
static char *dump(json_t *report)
{
	char *text = json_dumps(report, JSON_COMPACT | JSON_REAL_PRECISION(12));

	json_decref(report);
	return text;
}

static void judge_end(struct point_run *r, struct run *run, const struct diag *d)
{
	char line[512];

	switch (run->end) {
	case REPLAY_DONE:
		r->out->status = "ok";
		return;
	case REPLAY_LIMIT:
		snprintf(line, sizeof line, "more than %llu list steps at event %llu",
			 (unsigned long long)r->w->s->max_steps,
			 (unsigned long long)run->replay.fig->event);
		fail(r->out, "limit", line);
		return;
	case REPLAY_DAMAGE:
		fail_diag(r->out, d);
		return;
	case REPLAY_REFUSED:
		fail(r->out, "error", run->replay.problem);
		return;
	default:
		fault_text(&run->replay, line, sizeof line);
		fail(r->out, "fault", line);
	}
}

static void run_replay(struct point_run *r)
{
	const struct sweep *s = r->w->s;
	struct run_request q = {
		.machine = r->m,
		.trace = trace_name(r),
		.open = open_trace,
		.open_ctx = r,
		.boot = {.port = "fast",
			 .heap_kind = r->alloc,
			 .any_kind = true,
			 .heap_shift = r->shift},
		.replay = {.until = s->until, .max_steps = s->max_steps}};
	struct report_run rr = {.program_version = sweep_program(),
				.alloc = r->alloc,
				.sets = r->sets,
				.nr_sets = r->nr_sets,
				.until = s->until,
				.image_hash = true};
	struct diag d = {0};
	struct run *run = calloc(1, sizeof *run);
	json_t *report;

	if (run == NULL || run_trace(run, &q, &d) != 0) {
		fail_diag(r->out, &d);
		free(run);
		return;
	}
	judge_end(r, run, &d);
	rr.end = run->end;
	report = report_build(&run->replay, &rr);
	/* Known since the trace was decoded; a changed one has none. */
	if (r->p->repeat == 0)
		json_object_set_new(report, "trace",
				    json_pack("{s:I, s:s}", "events",
					      (json_int_t)r->w->kept.head->events, "hash",
					      r->w->kept.head->hash));
	r->out->report = dump(report);
	run_finish(run);
	free(run);
}

/* ---- fit ---- */

/* The trace as fit wants it; *own: made for this point only. */
static struct fit_trace *fit_trace_for(struct point_run *r, bool *own, struct diag *d)
{
	struct trace_reader *reader;
	struct fit_trace *t;

	*own = r->p->repeat != 0;
	if (!*own && r->w->fit != NULL)
		return r->w->fit;
	reader = open_trace(r, d);
	if (reader == NULL)
		return NULL;
	t = fit_trace_read_from(reader, trace_name(r), d);
	trace_close(reader);
	if (!*own)
		r->w->fit = t;
	return t;
}

static const char *heap_kind(const struct point_run *r)
{
	const struct alloc_conf *c = machine_alloc(r->m, GROUP_HEAP);

	return r->alloc != NULL ? r->alloc : c != NULL ? c->kind : NULL;
}

static char *fit_report(const struct fit_request *q, const struct fit_result *res)
{
	struct fit_peak peak;
	json_t *j = fit_json(q, res), *one = json_array_get(json_object_get(j, "results"), 0);

	if (res->bytes == 0)
		json_object_set_new(one, "bytes", json_null());
	fit_trace_peak(q->trace, &peak);
	json_object_set(j, "fit", one);
	json_object_del(j, "results");
	json_object_set_new(j, "peak",
			    json_pack("{s:I, s:I}", "live_bytes", (json_int_t)peak.live_bytes,
				      "live_blocks", (json_int_t)peak.live_blocks));
	json_object_set_new(j, "schema", json_string("memscape.fit-point/1"));
	return dump(j);
}

static void run_fit(struct point_run *r)
{
	struct fit_request q = {.machine = r->m,
				.nr_kinds = 1,
				.jobs = 1,
				.heap_shift = r->shift,
				.max_steps = r->w->s->max_steps};
	struct fit_result res = {0};
	struct diag d = {0};
	struct fit_trace *t;
	bool own;

	q.kind[0] = heap_kind(r);
	if (q.kind[0] == NULL) {
		fail(r->out, "error", "the machine has no heap");
		return;
	}
	t = fit_trace_for(r, &own, &d);
	q.trace = t;
	if (t == NULL || fit_run(&q, &res, &d) != 0) {
		fail_diag(r->out, &d);
	} else {
		r->out->status = "ok";
		if (res.bytes == 0 && res.problem[0] != '\0')
			fail(r->out, "error", res.problem);
		else if (!res.finished)
			fail(r->out, "limit", "unfinished: probes reached the limit of list steps");
		r->out->report = fit_report(&q, &res);
	}
	if (own)
		fit_trace_free(t);
}

void sweep_run_point(struct sweep_work *w, const struct sweep_point *p, struct sweep_result *out)
{
	struct point_run r = {.w = w, .p = p, .out = out};
	const struct alloc_instance *in;
	struct diag d = {0};

	*out = (struct sweep_result){.status = "error"};
	r.nr_sets = sweep_sets(w->s, p, r.sets, &r.alloc);
	r.m = machine_load(w->s->machine[p->machine].name, w->s->machine[p->machine].variant,
			   r.sets, r.nr_sets, &d);
	if (r.m == NULL) {
		fail_diag(out, &d);
		return;
	}
	in = find_instance("fast", r.m->word);
	choose_changes(&r);
	if (r.alloc != NULL && instance_kind(in, r.alloc) == NULL)
		fail(out, "error", "unknown allocator kind: 'memscape list allocators' shows them");
	else if (heap_kind(&r) != NULL && w->s->mode == SWEEP_FIT &&
		 instance_kind(in, heap_kind(&r)) == NULL)
		fail(out, "error", "unknown allocator kind: 'memscape list allocators' shows them");
	else if (w->s->mode == SWEEP_FIT)
		run_fit(&r);
	else
		run_replay(&r);
	machine_free(r.m);
}
