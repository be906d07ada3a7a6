#include "sim/fit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/live.h"
#include "sim/trace_input.h"

#define KEEP_EVENTS     (16u << 20) /* decoded events kept in memory at most */
#define STEPS_PER_EVENT 50u /* work limit of a probe, with STEPS_BASE */
#define STEPS_BASE      10000000u

struct fit_trace {
	char *path;
	struct trace_event *ev; /* NULL: streamed */
	uint64_t nr;
	uint32_t groups;
	struct fit_peak peak;
};

/* ---- the trace, once ---- */

struct peak_scan {
	struct live_table sizes; /* `what` holds the size */
	uint64_t bytes, blocks;
	struct fit_peak peak;
};

static bool scan_event(struct peak_scan *s, const struct trace_event *e)
{
	struct live *l;

	if (e->slot == SLOT_NONE || trace_op_group((enum trace_op)e->op) != TG_HEAP)
		return true;
	if (e->slot >= s->sizes.nr && !live_grow(&s->sizes, e->slot))
		return false;
	l = &s->sizes.slot[e->slot];
	if (e->op == OP_READ || e->op == OP_WRITE)
		return true;
	if (live_state(l) == LIVE_BLOCK) {
		s->bytes -= l->what;
		s->blocks--;
		l->place = 0;
	}
	if (e->op == OP_FREE)
		return true;
	l->place = (uint64_t)LIVE_BLOCK << 56;
	l->what = e->size;
	s->bytes += e->size;
	s->blocks++;
	if (s->bytes > s->peak.live_bytes) {
		s->peak.live_bytes = s->bytes;
		s->peak.live_blocks = s->blocks;
	}
	if (e->size > s->peak.largest)
		s->peak.largest = e->size;
	if (e->size != 0 && (s->peak.smallest == 0 || e->size < s->peak.smallest))
		s->peak.smallest = e->size;
	return true;
}

/* Appends a block to the kept events; beyond the limit they are dropped: the trace is streamed. */
static bool keep(struct fit_trace *t, const struct trace_event *ev, size_t n, uint64_t *room)
{
	if (t->nr + n > KEEP_EVENTS) {
		free(t->ev);
		t->ev = NULL;
		*room = 0;
		return true;
	}
	if (t->nr + n > *room) {
		uint64_t want = *room ? *room * 2 : 65536;
		struct trace_event *p;

		while (want < t->nr + n)
			want *= 2;
		p = realloc(t->ev, want * sizeof *p);
		if (p == NULL)
			return false;
		t->ev = p;
		*room = want;
	}
	memcpy(t->ev + t->nr, ev, n * sizeof *ev);
	return true;
}

static int read_all(struct fit_trace *t, struct trace_reader *r, struct peak_scan *s,
		    struct diag *d)
{
	const struct trace_event *ev;
	uint64_t room = 0;
	bool streaming = false;
	size_t n;

	for (;;) {
		if (trace_next(r, &ev, &n, d) != 0)
			return -1;
		if (n == 0)
			return 0;
		if (!streaming && !keep(t, ev, n, &room))
			return diag_set(d, "", 0, 0, "out of host memory");
		streaming = streaming || t->ev == NULL;
		t->nr += n;
		for (size_t i = 0; i < n; i++) {
			t->groups |= 1u << trace_op_group((enum trace_op)ev[i].op);
			if (!scan_event(s, &ev[i]))
				return diag_set(d, "", 0, 0, "out of host memory");
		}
	}
}

struct fit_trace *fit_trace_read_from(struct trace_reader *r, const char *path, struct diag *d)
{
	struct fit_trace *t = calloc(1, sizeof *t);
	struct peak_scan s = {{0}, 0, 0, {0, 0, 0, 0}};
	int err;

	if (t == NULL) {
		diag_set(d, "", 0, 0, "out of host memory");
		return NULL;
	}
	t->path = strdup(path);
	err = read_all(t, r, &s, d);
	t->peak = s.peak;
	live_finish(&s.sizes);
	if (err == 0)
		return t;
	fit_trace_free(t);
	return NULL;
}

struct fit_trace *fit_trace_read(const char *path, struct diag *d)
{
	struct trace_reader *r;
	struct fit_trace *t;

	if (strcmp(path, "-") == 0 && input_keep_stdin(d) != 0)
		return NULL;
	r = trace_open(path, d);
	t = r != NULL ? fit_trace_read_from(r, path, d) : NULL;
	trace_close(r);
	return t;
}

void fit_trace_free(struct fit_trace *t)
{
	if (t == NULL)
		return;
	free(t->ev);
	free(t->path);
	free(t);
}

uint64_t fit_trace_events(const struct fit_trace *t)
{
	return t->nr;
}

void fit_trace_peak(const struct fit_trace *t, struct fit_peak *out)
{
	*out = t->peak;
}

/* ---- a probe ---- */

enum probe_end { PROBE_FITS, PROBE_FAILS, PROBE_LIMIT, PROBE_CANNOT };

static bool has_param(const struct alloc_ops *ops, const char *name)
{
	for (unsigned i = 0; ops->params[i].name != NULL; i++)
		if (strcmp(ops->params[i].name, name) == 0)
			return true;
	return false;
}

static enum replay_end replay_streamed(struct replay *r, const struct fit_trace *t)
{
	struct diag d = {0};
	enum replay_end end;

	r->trace = trace_open(t->path, &d);
	if (r->trace == NULL)
		return REPLAY_DAMAGE;
	end = replay_run(r, &d);
	trace_close(r->trace);
	return end;
}

static enum replay_end replay_kept(struct replay *r, const struct fit_trace *t)
{
	enum replay_end end = REPLAY_DONE;

	for (uint64_t i = 0; i < t->nr && end == REPLAY_DONE; i += 4096)
		end = r->opt.stop != NULL && r->opt.stop(r->opt.stop_ctx)
			      ? REPLAY_STOPPED
			      : replay_events(r, t->ev + i,
					      t->nr - i < 4096 ? (size_t)(t->nr - i) : 4096);
	return end;
}

static enum probe_end judge_probe(enum replay_end end, const struct replay *r, char *problem,
				  size_t room)
{
	switch (end) {
	case REPLAY_DONE:
		return r->fig->failed == 0 ? PROBE_FITS : PROBE_FAILS;
	case REPLAY_FAILURE:
		return PROBE_FAILS;
	case REPLAY_LIMIT:
		return PROBE_LIMIT;
	default:
		snprintf(problem, room, "%.200s",
			 r->problem[0]           ? r->problem
			 : end == REPLAY_STOPPED ? "interrupted"
						 : "the replay faulted");
		return PROBE_CANNOT;
	}
}

static enum probe_end probe(const struct fit_request *q, const char *kind, uint64_t bytes,
			    struct fit_result *res)
{
	const struct alloc_ops *ops = instance_kind(find_instance("fast", q->machine->word), kind);
	struct boot_options boot = {.port = "fast",
				    .groups = q->trace->groups,
				    .heap_kind = kind,
				    .any_kind = true,
				    .heap_bytes = bytes,
				    .heap_shift = q->heap_shift,
				    .tree_index = has_param(ops, "index")};
	struct replay_options opt = {
		.stop_at_failure = true,
		.max_steps = q->max_steps != 0 ? q->max_steps
					       : q->trace->nr * STEPS_PER_EVENT + STEPS_BASE,
		.stop = q->stop,
		.stop_ctx = q->done_ctx};
	struct system *sys = calloc(1, sizeof *sys);
	struct replay r;
	struct diag d = {0};
	enum probe_end end = PROBE_FAILS;

	res->probes++;
	/* An arena too small for the kind's own metadata fails like any other too small one. */
	if (sys != NULL && system_boot(sys, q->machine, &boot, &d) == 0) {
		if (replay_init(&r, sys, NULL, &opt) == 0) {
			end = judge_probe(q->trace->ev != NULL ? replay_kept(&r, q->trace)
							       : replay_streamed(&r, q->trace),
					  &r, res->problem, sizeof res->problem);
			replay_finish(&r);
		}
		system_finish(sys);
	}
	free(sys);
	return end;
}

/* ---- bisection ---- */

static uint64_t ceil_log2(uint64_t n)
{
	return n <= 1 ? 0 : msb(n - 1) + 1;
}

/*
 * Worst-case bounds in bytes for a peak of M live bytes and requests of at most n
 * times the smallest (Robson 1971, 1974, 1977; as collected in o1heap's README).  M
 * and n count what a request becomes: a header of one word, rounded to the alignment.
 */
static uint64_t bound_of(const struct machine *machine, const char *kind, const struct fit_peak *p)
{
	uint64_t word = machine->word, align = machine->malloc_align,
		 smallest = round_up(p->smallest + word, align),
		 n = (round_up(p->largest + word, align) + smallest - 1) / smallest,
		 m = p->live_bytes + p->live_blocks * (word + align - 1), log = ceil_log2(n);

	if (strcmp(kind, "first_fit") == 0 || strcmp(kind, "heap_4") == 0)
		return m * (1 + log);
	if (strcmp(kind, "half_fit") == 0)
		return 2 * m * (1 + log);
	if (strcmp(kind, "best_fit") == 0 || strcmp(kind, "tlsf") == 0)
		return n > 2 && m < UINT64_MAX / n ? m * (n - 2) : 0;
	return 0;
}

static uint64_t granule_of(const struct fit_request *q, const char *kind)
{
	const struct alloc_ops *ops = instance_kind(find_instance("fast", q->machine->word), kind);

	return ops->pages != NULL && ops->bytes == NULL ? 1ull << q->machine->page_shift
							: q->machine->malloc_align;
}

/* The largest arena the machine can carve for the heap: what it gives without a size. */
static uint64_t largest_arena(const struct fit_request *q, struct diag *d)
{
	struct boot_options boot = {.port = "fast",
				    .groups = q->trace->groups,
				    .heap_kind = "bump",
				    .any_kind = true,
				    .heap_shift = q->heap_shift};
	const struct alloc_conf *heap = machine_alloc(q->machine, GROUP_HEAP);
	struct system *sys;
	uint64_t bytes = 0;

	if ((q->trace->groups & 1u << TG_HEAP) == 0) {
		diag_set(d, q->trace->path, 0, 0,
			 "asks nothing of a heap, expected a trace with malloc and the like");
		return 0;
	}
	if (heap != NULL && heap->from_pages) {
		conf_error(d, heap->node,
			   "heap '%s' grows from pages and has no arena to find the least of, "
			   "expected from: boot (--set allocators.heap.from=boot)",
			   heap->name);
		return 0;
	}
	sys = calloc(1, sizeof *sys);
	if (sys != NULL && system_boot(sys, q->machine, &boot, d) == 0) {
		if (sys->group[GROUP_HEAP] != NULL)
			bytes = sys->group[GROUP_HEAP]->arena.bytes;
		if (bytes == 0)
			diag_set(d, "", 0, 0,
				 "the machine has no heap, expected allocators.heap with "
				 "from: boot");
		system_finish(sys);
	}
	free(sys);
	return bytes;
}

/* Widens the bracket upwards until a probe fits; false: none does, or the work limit was hit. */
static bool find_upper(const struct fit_request *q, struct fit_result *res, uint64_t max,
		       uint64_t granule, uint64_t *lo, uint64_t *hi)
{
	uint64_t try = round_up(*lo + *lo / 8 + 4096, granule);

	for (;;) {
		enum probe_end end;

		try = try > max ? round_down(max, granule) : try;
		end = probe(q, res->kind, try, res);
		if (end == PROBE_FITS) {
			*hi = try;
			return true;
		}
		if (end == PROBE_CANNOT)
			return false;
		if (end == PROBE_LIMIT) {
			res->finished = false;
			res->failed_below = *lo;
			return false;
		}
		*lo = try;
		if (try >= round_down(max, granule)) {
			snprintf(res->problem, sizeof res->problem,
				 "does not fit into the largest arena of the machine, %llu bytes",
				 (unsigned long long)max);
			return false;
		}
		try = round_up(try + try / 4, granule);
	}
}

static void fit_kind(const struct fit_request *q, struct fit_result *res, uint64_t max)
{
	uint64_t granule = granule_of(q, res->kind), lo, hi = 0;

	res->finished = true;
	res->bound = bound_of(q->machine, res->kind, &q->trace->peak);
	/* What is live at once needs room, unless other heaps take a part of it. */
	lo = q->machine->nr_placement != 0 ? 0
					   : round_down(q->trace->peak.live_bytes, granule);
	if (!find_upper(q, res, max, granule, &lo, &hi))
		return;
	while (hi - lo > granule) {
		uint64_t mid = lo + round_down((hi - lo) / 2, granule);

		switch (probe(q, res->kind, mid, res)) {
		case PROBE_FITS:
			hi = mid;
			break;
		case PROBE_LIMIT:
			/* Near the edge lists get long: what is below could not be decided. */
			res->finished = false;
			lo = mid;
			break;
		case PROBE_CANNOT:
			return;
		default:
			lo = mid;
		}
	}
	res->bytes = hi;
	res->failed_below = lo;
}

/* ---- kinds in parallel ---- */

struct pool {
	const struct fit_request *q;
	struct fit_result *result;
	uint64_t max;
	pthread_mutex_t lock;
	unsigned next, done;
};

static void *worker(void *arg)
{
	struct pool *p = arg;

	for (;;) {
		unsigned i;

		pthread_mutex_lock(&p->lock);
		i = p->next++;
		pthread_mutex_unlock(&p->lock);
		if (i >= p->q->nr_kinds || (p->q->stop != NULL && p->q->stop(p->q->done_ctx)))
			return NULL;
		fit_kind(p->q, &p->result[i], p->max);
		pthread_mutex_lock(&p->lock);
		p->done++;
		if (p->q->done != NULL)
			p->q->done(p->q->done_ctx, p->done);
		pthread_mutex_unlock(&p->lock);
	}
}

int fit_run(const struct fit_request *q, struct fit_result *result, struct diag *d)
{
	struct pool p = {.q = q, .result = result, .lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_t thread[64];
	unsigned n = 0;

	mm_catch_signals();
	p.max = largest_arena(q, d);
	if (p.max == 0)
		return -1;
	for (unsigned i = 0; i < q->nr_kinds; i++)
		result[i] = (struct fit_result){.kind = q->kind[i]};
	while (n + 1 < q->jobs && n < 64 && pthread_create(&thread[n], NULL, worker, &p) == 0)
		n++;
	worker(&p);
	while (n > 0)
		pthread_join(thread[--n], NULL);
	return 0;
}

json_t *fit_json(const struct fit_request *q, const struct fit_result *result)
{
	json_t *list = json_array();
	uint64_t peak = q->trace->peak.live_bytes;

	for (unsigned i = 0; i < q->nr_kinds; i++) {
		const struct fit_result *r = &result[i];
		json_t *o = json_pack("{s:s, s:I, s:o, s:I, s:I, s:b}", "alloc", r->kind, "bytes",
				      (json_int_t)r->bytes, "factor",
				      peak && r->bytes
					      ? json_real((double)(r->bytes * 10000 / peak) / 10000)
					      : json_null(),
				      "failed_below", (json_int_t)r->failed_below, "probes",
				      (json_int_t)r->probes, "finished", (int)r->finished);

		json_object_set_new(o, "bound_bytes",
				    r->bound ? json_integer((json_int_t)r->bound) : json_null());
		if (r->problem[0] != '\0')
			json_object_set_new(o, "problem", json_string(r->problem));
		json_array_append_new(list, o);
	}
	return json_pack("{s:s, s:{s:s, s:s, s:i}, s:I, s:I, s:I, s:o}", "schema", "memscape.fit/1",
			 "machine", "name", q->machine->name, "variant", q->machine->variant,
			 "word", (int)q->machine->word, "events", (json_int_t)q->trace->nr,
			 "peak_live_bytes", (json_int_t)peak, "peak_live_blocks",
			 (json_int_t)q->trace->peak.live_blocks, "results", list);
}
