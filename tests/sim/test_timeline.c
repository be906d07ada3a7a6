/*
 * Time travel: that the machine at event N is byte-identical however one came there,
 * that its report is the one a replay up to N gives, that what is looked for is
 * found where a plain replay has it, and that memory stays bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/moment.h"
#include "sim/report.h"
#include "sim/run.h"
#include "sim/trace_writer.h"

/* tight: with an arena that is too small for all of firmware.mst. */
static struct machine *load(const char *name, const char *set, bool tight)
{
	struct diag d = {0};
	const char *sets[] = {"allocators.heap.bytes=56K", set};
	struct machine *m = machine_load(name, NULL, tight ? sets : &set,
					 set == NULL ? 0 : 1 + (size_t)tight, &d);

	if (m == NULL)
		print_message("%s\n", d.msg);
	assert_non_null(m);
	return m;
}

static struct timeline *open_trace(const struct machine *m, const char *trace, uint64_t memory)
{
	struct timeline_request q = {.machine = m, .trace = trace, .memory = memory};
	struct diag d = {0};
	struct timeline *t = timeline_open(&q, &d);

	if (t == NULL)
		print_message("%s\n", d.msg);
	assert_non_null(t);
	return t;
}

static void go(struct timeline *t, uint64_t event)
{
	struct diag d = {0};

	assert_int_equal(timeline_seek(t, event, &d), TIMELINE_THERE);
	assert_int_equal(timeline_now(t), event);
}

/* A plain replay up to `until`, in the fast port, without observers. */
static void replay_to(struct run *run, const struct machine *m, const char *trace, uint64_t until)
{
	struct run_request q = {.machine = m, .trace = trace, .replay = {.until = until}};
	struct diag d = {0};

	assert_int_equal(run_trace(run, &q, &d), 0);
	assert_int_equal(run->end, REPLAY_DONE);
}

static json_t *report_of(struct replay *r, uint64_t until)
{
	struct report_run q = {
		.program_version = "x", .until = until, .end = REPLAY_DONE, .image_hash = true};

	return report_build(r, &q);
}

/* How many events the trace has is known to one who has read it all. */
static void drop_trace(json_t *report)
{
	json_object_del(report, "trace");
}

static void same_report(struct timeline *t, const struct machine *m, const char *trace)
{
	json_t *mine = timeline_report(t, "x"), *theirs;
	struct run run;

	replay_to(&run, m, trace, timeline_now(t));
	theirs = report_of(&run.replay, timeline_now(t));
	drop_trace(mine);
	drop_trace(theirs);
	if (!json_equal(mine, theirs)) {
		json_dumpf(mine, stderr, JSON_INDENT(1));
		json_dumpf(theirs, stderr, JSON_INDENT(1));
	}
	assert_true(json_equal(mine, theirs));
	json_decref(mine);
	json_decref(theirs);
	run_finish(&run);
}

/*
 * Forward, backward, by leaps, by steps: every report
 * equals a plain replay's, image hash and all.
 */
static void check_any_way(const char *machine, const char *set, const char *trace, uint64_t memory)
{
	struct machine *m = load(machine, set, false);
	struct timeline *t = open_trace(m, trace, memory);
	uint64_t total = timeline_total(t);
	const uint64_t at[] = {total,         1,         total / 2,     total / 2 - 1,
			       total / 2 - 2, total / 3, total / 3 + 1, total / 7 * 6,
			       total - 1,     total / 2};

	go(t, 3);
	same_report(t, m, trace);
	for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
		go(t, at[i]);
		same_report(t, m, trace);
	}
	go(t, 0);
	assert_int_equal(moment_figures(t)->live_bytes, 0);
	timeline_close(t);
	machine_free(m);
}

static void test_any_way_heap(void **state)
{
	(void)state;
	check_any_way("stm32h7", NULL, TRACES_DIR "/firmware.mst", 0);
	check_any_way("x86_64", "allocators.heap.kind=slab_array", TRACES_DIR "/shell.mst", 0);
}

/* Memory for few checkpoints: they are thinned, and all stays right. */
static void test_little_memory(void **state)
{
	struct machine *m = load("stm32h7", NULL, false);
	struct timeline *t = open_trace(m, TRACES_DIR "/firmware.mst", 4 << 20);
	struct diag d = {0};
	size_t nr;

	(void)state;
	assert_int_equal(timeline_finish(t, &d), TIMELINE_THERE);
	assert_true(timeline_bytes(t, &nr) < 6 << 20);
	assert_true(nr > 4);
	go(t, timeline_total(t) / 2);
	same_report(t, m, TRACES_DIR "/firmware.mst");
	go(t, timeline_total(t) / 4);
	same_report(t, m, TRACES_DIR "/firmware.mst");
	timeline_close(t);
	machine_free(m);
}

/* Arenas come and go with the time. */
static void test_any_way_arenas(void **state)
{
	char path[] = "/tmp/memscape-test-arenas.XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	(void)state;
	assert_non_null(f);
	fputs("# memscape-text/1\n", f);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned arena = i * 7919u % 101 * (i / 2000 + 1) / 101;

		if (i % 61 == 60)
			fprintf(f, "arena_free %u\n", arena);
		else
			fprintf(f, "arena_push %u %u\n", arena, 1 + i * 37 % 200);
	}
	fclose(f);
	check_any_way("stm32h7", NULL, path, 0);
	unlink(path);
}

/* ---- a trace of pages, caches and markers, in the text form ---- */

static const char text_trace[] = "# memscape-text/1\n"
				 "phase boot\n"
				 "a = alloc_pages order=2\n"
				 "b = alloc_pages order=6\n"
				 "c = alloc_pages order=6\n"
				 "d = malloc 100\n"
				 "e = malloc 900000\n"
				 "free_pages a\n"
				 "phase rest\n"
				 "f = malloc 200\n"
				 "free d\n"
				 "g = malloc 900000\n"
				 "free f\n";

static char text_path[] = "/tmp/memscape-test-timeline.XXXXXX";

static int write_text(void **state)
{
	int fd = mkstemp(text_path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text_trace, strlen(text_trace)), strlen(text_trace));
	close(fd);
	return 0;
}

static int remove_text(void **state)
{
	(void)state;
	unlink(text_path);
	return 0;
}

static uint64_t find_from(struct timeline *t, uint64_t from, struct touch q, bool forward)
{
	struct diag d = {0};
	int how;

	go(t, from);
	how = timeline_find(t, &q, forward, &d);
	if (how == TIMELINE_NONE) {
		assert_int_equal(timeline_now(t), from);
		return 0;
	}
	assert_int_equal(how, TIMELINE_THERE);
	return timeline_now(t);
}

static void test_find(void **state)
{
	struct machine *m = load("stm32h7", NULL, false);
	struct timeline *t = open_trace(m, text_path, 0);
	struct touch q = {.kind = TOUCH_FAILED};

	(void)state;
	assert_int_equal(timeline_total(t), 12);
	assert_int_equal(find_from(t, 0, q, true), 5 + 1);
	assert_int_equal(find_from(t, 6, q, true), 11);
	assert_int_equal(find_from(t, 11, q, true), 0);
	assert_int_equal(find_from(t, 12, q, false), 11);
	q.kind = TOUCH_MARKER;
	assert_int_equal(find_from(t, 1, q, true), 8);
	assert_int_equal(find_from(t, 8, q, false), 1);
	go(t, 5);
	q = (struct touch){.kind = TOUCH_ID, .value = timeline_past(t, 0)->ev.slot};
	assert_int_equal(find_from(t, 5, q, true), 10);
	go(t, 5);
	q = (struct touch){.kind = TOUCH_MEMORY, .lo = timeline_past(t, 0)->pa};
	q.hi = q.lo + 1;
	assert_int_equal(find_from(t, 12, q, false), 10);
	timeline_close(t);
	machine_free(m);
}

static uint64_t run_from(struct timeline *t, uint64_t from, const char *condition, bool forward)
{
	struct diag d = {0};
	int how;

	go(t, from);
	how = timeline_run_to(t, condition, forward, &d);
	if (how == TIMELINE_ERROR)
		print_message("%s: %s\n", condition, d.msg);
	assert_true(how == TIMELINE_THERE || how == TIMELINE_NONE);
	return how == TIMELINE_THERE ? timeline_now(t) : 0;
}

static void test_run_to(void **state)
{
	struct machine *m = load("stm32h7", NULL, false);
	struct timeline *t = open_trace(m, text_path, 0);
	struct diag d = {0};

	(void)state;
	assert_int_equal(run_from(t, 0, "event.failed", true), 6);
	assert_int_equal(run_from(t, 6, "event.failed", true), 11);
	assert_int_equal(run_from(t, 12, "event.failed", false), 11);
	assert_int_equal(run_from(t, 11, "event.failed", false), 6);
	assert_int_equal(run_from(t, 0, "event.op == \"free\"", true), 10);
	assert_int_equal(run_from(t, 0, "event.size > 150 and not event.failed", true), 2);
	/* Where it came true, not where it last was. */
	assert_int_equal(run_from(t, 12, "events.failed > 0", false), 6);
	assert_int_equal(run_from(t, 0, "count(failures) > 1", true), 11);
	assert_int_equal(run_from(t, 0, "events.failed > 7", true), 0);
	go(t, 3);
	assert_int_equal(timeline_run_to(t, "nonsense > 1", true, &d), TIMELINE_ERROR);
	assert_non_null(strstr(d.msg, "nonsense"));
	assert_int_equal(timeline_now(t), 3);
	timeline_close(t);
	machine_free(m);
}

/*
 * A path that is read straight from counters has the
 * report's value: at some moment, and never another.
 */
static void same_as_report(struct timeline *t, const char *path, double value)
{
	char condition[160];

	snprintf(condition, sizeof condition, "event.number == %llu and %s == %.17g",
		 (unsigned long long)timeline_now(t), path, value);
	assert_int_equal(run_from(t, timeline_now(t) - 1, condition, true), timeline_now(t));
}

static double report_value(const json_t *r, const char *path)
{
	char copy[128], *save = NULL;

	snprintf(copy, sizeof copy, "%s", path);
	for (char *s = strtok_r(copy, ".", &save); s != NULL; s = strtok_r(NULL, ".", &save)) {
		const json_t *at = json_object_get(r, s);
		size_t i;
		json_t *x;

		if (at == NULL && json_is_array(r))
			json_array_foreach(
				(json_t *)(uintptr_t)r, i,
				x) if (strcasecmp(json_string_value(json_object_get(x, "name")),
						  s) == 0) at = x;
		if (at == NULL)
			print_message("%s: no %s\n", path, s);
		assert_non_null(at);
		r = at;
	}
	return json_number_value(r);
}

static void check_paths(const char *machine, bool tight, const char *trace,
			const char *const *paths, size_t nr)
{
	struct machine *m = load(machine, NULL, tight);
	struct timeline *t = open_trace(m, trace, 0);
	json_t *r;

	for (unsigned k = 1; k < 4; k++) {
		go(t, timeline_total(t) * k / 4);
		r = timeline_report(t, "x");
		for (size_t i = 0; i < nr; i++)
			same_as_report(t, paths[i], report_value(r, paths[i]));
		json_decref(r);
	}
	timeline_close(t);
	machine_free(m);
}

static void test_paths(void **state)
{
	static const char *const heap[] = {"events.failed",
					   "events.skipped",
					   "events.bytes_requested",
					   "events.bytes_copied",
					   "events.by_op.malloc",
					   "peak.live_bytes",
					   "peak.live_blocks",
					   "peak.event",
					   "peak.footprint_bytes",
					   "peak.footprint_event",
					   "failures_by_cause.fragmentation",
					   "failures_by_cause.capacity",
					   "heaps.main.live_bytes",
					   "heaps.main.search.p50",
					   "heaps.main.search.p99",
					   "heaps.main.search.max",
					   "heaps.main.footprint_bytes",
					   "heaps.main.free_bytes",
					   "heaps.main.arena_bytes",
					   "heaps.main.splits",
					   "heaps.main.merges",
					   "ledger.by_owner.main.metadata",
					   "ledger.by_owner.main.cached",
					   "ledger.final.payload",
					   "ledger.regions.d1_axi.cached",
					   "live_at_end.blocks"};
	static const char *const pages[] = {"zones.normal.free_pages", "zones.NORMAL.low",
					    "zones.normal.largest_free_bytes",
					    "zones.dma.free_pages", "zones.normal.fallbacks"};

	(void)state;
	check_paths("stm32h7", true, TRACES_DIR "/firmware.mst", heap, sizeof heap / sizeof *heap);
	check_paths("x86_32", false, TRACES_DIR "/../tests/ui/screens/pages.mst", pages,
		    sizeof pages / sizeof *pages);
}

/* ---- the largest block: by witnesses as by a walk after each event ---- */

#define LIMIT_EVENTS 30000u

/* The largest free block of the heap after events 1 ... LIMIT_EVENTS, by a walk after each. */
static uint64_t *slow_largest(const struct machine *m)
{
	uint64_t *largest = calloc(LIMIT_EVENTS + 1, sizeof *largest);
	struct diag d = {0};
	struct run run;

	replay_to(&run, m, TRACES_DIR "/firmware.mst", 1);
	for (uint64_t i = 1; i <= LIMIT_EVENTS; i++) {
		run.replay.opt.until = i;
		assert_int_equal(replay_run(&run.replay, &d), REPLAY_DONE);
		largest[i] = free_space(&run.sys, run.sys.group[GROUP_HEAP]).largest;
	}
	run_finish(&run);
	return largest;
}

static uint64_t next_edge(const uint64_t *v, uint64_t limit, uint64_t from)
{
	for (uint64_t i = from + 1; i <= LIMIT_EVENTS; i++)
		if (v[i] < limit && v[i - 1] >= limit)
			return i;
	return 0;
}

/* A limit that is crossed often: what the largest block was at some moment in the middle. */
static uint64_t busy_limit(const uint64_t *v)
{
	uint64_t best = 0;
	unsigned most = 0;

	for (unsigned k = 1; k < 32; k++) {
		uint64_t limit = v[LIMIT_EVENTS / 32 * k] + 1;
		unsigned edges = 0;

		for (uint64_t at = 1; at != 0; at = next_edge(v, limit, at))
			edges++;
		if (edges > most) {
			most = edges;
			best = limit;
		}
	}
	assert_true(most > 1);
	return best;
}

/* Of every kind, the account says what the walk does. */
static void same_free_bytes(struct timeline *t)
{
	json_t *r;

	go(t, LIMIT_EVENTS);
	r = timeline_report(t, "x");
	same_as_report(t, "heaps.main.free_bytes", report_value(r, "heaps.main.free_bytes"));
	json_decref(r);
}

static void check_largest(const char *kind)
{
	char set[64], condition[64];
	struct machine *m;
	struct timeline *t;
	uint64_t *v, limit, at = 1, last = 0;

	snprintf(set, sizeof set, "allocators.heap.kind=%s", kind);
	m = load("stm32h7", set, true);
	v = slow_largest(m);
	limit = busy_limit(v);
	snprintf(condition, sizeof condition, "largest(main) < %llu", (unsigned long long)limit);
	t = open_trace(m, TRACES_DIR "/firmware.mst", 0);
	same_free_bytes(t);
	for (unsigned edges = 0; edges < 40; edges++) {
		uint64_t want = next_edge(v, limit, at);

		if (want == 0)
			break;
		assert_int_equal(run_from(t, at, condition, true), want);
		last = at;
		at = want;
	}
	if (last > 1)
		assert_int_equal(run_from(t, at, condition, false), last);
	snprintf(condition, sizeof condition, "heaps.main.largest_free_bytes < %llu",
		 (unsigned long long)limit);
	if (last > 1)
		assert_int_equal(run_from(t, at, condition, false), last);
	snprintf(condition, sizeof condition, "largest(main) <= %llu",
		 (unsigned long long)limit - 1);
	if (last > 1)
		assert_int_equal(run_from(t, at, condition, false), last);
	snprintf(condition, sizeof condition, "not largest(main) > %llu.5",
		 (unsigned long long)limit - 1);
	if (last > 1)
		assert_int_equal(run_from(t, at, condition, false), last);
	free(v);
	timeline_close(t);
	machine_free(m);
}

static void test_largest(void **state)
{
	(void)state;
	check_largest("tlsf");
	check_largest("first_fit");
	check_largest("buddy_heap");
	check_largest("slab_array");
	check_largest("bins");
	check_largest("best_fit");
	check_largest("half_fit");
	check_largest("heap_4");
}

/* ---- where two runs part: the spans' hashes say what stepping does ---- */

static bool parted(const struct timeline *x, const struct timeline *y)
{
	const struct happening *h = timeline_past(x, 0), *k = timeline_past(y, 0);

	return h->outcome != k->outcome ||
	       (h->bytes != 0 && k->bytes != 0 &&
		h->pa - timeline_series(x)->first != k->pa - timeline_series(y)->first);
}

static unsigned first_span(const struct timeline *x, const struct timeline *y)
{
	const struct series *v = timeline_series(x), *w = timeline_series(y);
	unsigned i = 0;

	assert_int_equal(v->nr, w->nr);
	while (i < v->nr && v->v[i].outcomes == w->v[i].outcomes &&
	       v->v[i].places == w->v[i].places)
		i++;
	return i;
}

static void check_parting(const char *set, bool differ)
{
	struct machine *m = load("stm32h7", "machine.summary=one", true),
		       *n = load("stm32h7", set, true);
	struct timeline *x = open_trace(m, TRACES_DIR "/firmware.mst", 0),
			*y = open_trace(n, TRACES_DIR "/firmware.mst", 0);
	struct diag d = {0};
	unsigned span;
	uint64_t at = 0;

	assert_int_equal(timeline_finish(x, &d), TIMELINE_THERE);
	assert_int_equal(timeline_finish(y, &d), TIMELINE_THERE);
	span = first_span(x, y);
	if (!differ)
		assert_int_equal(span, timeline_series(x)->nr);
	else
		do {
			go(x, ++at);
			go(y, at);
		} while (!parted(x, y));
	if (differ)
		assert_int_equal(span, (at - 1) / timeline_series(x)->width);
	timeline_close(x);
	timeline_close(y);
	machine_free(m);
	machine_free(n);
}

static void test_parting(void **state)
{
	(void)state;
	check_parting("machine.summary=another", false);
	check_parting("allocators.heap.kind=best_fit", true);
	check_parting("allocators.heap.kind=half_fit", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_way_heap), cmocka_unit_test(test_any_way_arenas),
		cmocka_unit_test(test_little_memory),
		cmocka_unit_test(test_find),         cmocka_unit_test(test_run_to),
		cmocka_unit_test(test_parting),
		cmocka_unit_test(test_paths),        cmocka_unit_test(test_largest),
	};

	return cmocka_run_group_tests(tests, write_text, remove_text);
}
