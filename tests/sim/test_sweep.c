/*
 * Sweep files: axes, ranges, zips, conditions, and where errors point.  Points, their
 * names and keys.  Decoded traces that are kept, and what repeats change of them.
 * Gates against limits and a baseline.  The map of a region against the ledger.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/gate.h"
#include "sim/region_map.h"
#include "sim/run.h"
#include "sim/sweep.h"
#include "sim/sweep_db.h"
#include "sim/sweep_key.h"
#include "sim/trace_change.h"
#include "sim/trace_kept.h"

#define TRACE TRACES_DIR "/firmware.mst"
#define HEAD  "sweep: s\nmachines: [stm32h7]\ntraces: [" TRACE "]\n"

static struct sweep *read_text(const char *text)
{
	struct diag d = {0};
	struct sweep *s = sweep_read_text(text, strlen(text), "test.yaml", &d);

	if (s == NULL)
		print_error("%d:%d: %s\n", d.line, d.col, d.msg);
	assert_non_null(s);
	return s;
}

/* The names of all points, one a line. */
static char *names(const struct sweep *s)
{
	struct sweep_point p = {0};
	struct diag d = {0};
	char *text = calloc(1, 65536), label[SWEEP_LABEL];
	int more;

	while ((more = sweep_next(s, &p, &d)) > 0) {
		sweep_label(s, &p, label);
		strcat(text, label);
		strcat(text, "\n");
		p.index++;
	}
	assert_int_equal(more, 0);
	return text;
}

static void expect_names(const char *text, const char *want)
{
	struct sweep *s = read_text(text);
	char *got = names(s);

	assert_string_equal(got, want);
	free(got);
	sweep_free(s);
}

static void test_points(void **state)
{
	(void)state;
	expect_names(HEAD, "stm32h7 firmware\n");
	/* The last axis varies fastest. */
	expect_names(HEAD "axes: {page.order: [9, 10], alloc: [tlsf, bins]}\n",
		     "stm32h7 firmware page.order=9 alloc=tlsf\n"
		     "stm32h7 firmware page.order=9 alloc=bins\n"
		     "stm32h7 firmware page.order=10 alloc=tlsf\n"
		     "stm32h7 firmware page.order=10 alloc=bins\n");
	expect_names(HEAD
		     "axes: {k: {path: allocators.heap.bytes, from: 16K, to: 40K, step: 8K}}\n",
		     "stm32h7 firmware k=16K\nstm32h7 firmware k=24K\n"
		     "stm32h7 firmware k=32K\nstm32h7 firmware k=40K\n");
	expect_names(HEAD
		     "axes: {k: {path: allocators.heap.bytes, from: 1000, to: 9000, times: 3}}\n",
		     "stm32h7 firmware k=1000\nstm32h7 firmware k=3000\nstm32h7 firmware k=9000\n");
	/* Zipped axes go together; the others cross them. */
	expect_names(HEAD
		     "axes: {a.x: [1, 2], b: {path: page.order, values: [9, 10]}, c.z: [u, v]}\n"
		     "zip: [[a.x, b]]\n",
		     "stm32h7 firmware a.x=1 b=9 c.z=u\nstm32h7 firmware a.x=1 b=9 c.z=v\n"
		     "stm32h7 firmware a.x=2 b=10 c.z=u\nstm32h7 firmware a.x=2 b=10 c.z=v\n");
	expect_names(HEAD "repeats: 2\naxes: {page.order: [9]}\n",
		     "stm32h7 firmware page.order=9 #0\nstm32h7 firmware page.order=9 #1\n");
}

static void test_rules(void **state)
{
	(void)state;
	expect_names(HEAD "axes: {page.order: [9, 10, 11], alloc: [tlsf, bins]}\n"
			  "include: [page.order > 9]\n"
			  "exclude: [\"alloc == 'bins' and page.order == 10\"]\n",
		     "stm32h7 firmware page.order=10 alloc=tlsf\n"
		     "stm32h7 firmware page.order=11 alloc=tlsf\n"
		     "stm32h7 firmware page.order=11 alloc=bins\n");
	expect_names(
		"sweep: s\nmachines: [{machine: x86_64}, {machine: x86_32, variants: [1g, 2g]}]\n"
		"traces: [{gen: comb}]\nexclude: variant == '1g'\n",
		"x86_64 comb\nx86_32:2g comb\n");
}

static void test_sets(void **state)
{
	struct sweep *s = read_text(HEAD "set: {page.order: 9}\n"
					 "axes:\n  layout:\n"
					 "  - {name: one, set: {placement: [{name: a, size_max: "
					 "64, heap: q}], alloc: tlsf}}\n"
					 "  - {name: two, set: {regions.d1_axi.size: 384K}}\n");
	const char *sets[4 * SWEEP_MAX_SETS], *alloc;
	struct sweep_point p;

	(void)state;
	sweep_at(s, 0, &p);
	assert_int_equal(sweep_sets(s, &p, sets, &alloc), 2);
	assert_string_equal(sets[0], "page.order=9");
	assert_string_equal(sets[1], "placement=[{name: a, size_max: 64, heap: q}]");
	assert_string_equal(alloc, "tlsf");
	sweep_at(s, 1, &p);
	assert_int_equal(sweep_sets(s, &p, sets, &alloc), 2);
	assert_string_equal(sets[1], "regions.d1_axi.size=384K");
	assert_null(alloc);
	sweep_free(s);
}

static void test_errors(void **state)
{
	static const struct {
		const char *text, *says;
		int line, col;
	} v[] = {
		{"sweep: s\n", "on which machines?", 1, 1},
		{"sweep: s\nmachines: [stm32h7]\n", "of which traces?", 1, 1},
		{HEAD "axis: {}\n", "unknown key 'axis'", 4, 1},
		{HEAD "mode: plot\n", "'plot' is no mode", 4, 7},
		{HEAD "axes: {page.order: []}\n", "expected the values", 4, 20},
		{HEAD "axes: {page.order: [9, 9]}\n", "'9' is twice", 4, 24},
		{HEAD "axes: {page.order: {from: 9}}\n", "a range with from and to", 4, 20},
		{HEAD "axes: {page.order: {from: 9, to: 8}}\n", "the range is empty", 4, 20},
		{HEAD "axes: {page.order: {from: 9, to: 12, step: 0}}\n", "does not advance", 4,
		 44},
		{HEAD "axes: {page.order: {from: 0, to: 12, times: 2}}\n", "does not advance", 4,
		 45},
		{HEAD "axes: {machine.word: [4]}\n", "hides what conditions call machine", 4, 8},
		{HEAD "axes: {page: [1], page.order: [2]}\n", "cannot tell", 4, 19},
		{HEAD "axes: {a.x: [1], b.x: [1, 2]}\nzip: [[a.x, b.x]]\n",
		 "has 2 values, expected 1", 5, 13},
		{HEAD "axes: {a.x: [1]}\nzip: [[a.x, b]]\n", "no axis 'b'", 5, 13},
		{HEAD "exclude: [nothing > 1]\n", "has no 'nothing'", 4, 11},
		{HEAD "include: ['trace ==']\n", "expected a value", 4, 20},
		{HEAD "perturb: {bytes: 1}\n", "nothing is repeated", 4, 10},
		{HEAD "repeats: 0\n", "expected a number from 1", 4, 10},
		{"sweep: s\nmachines: [a, a]\ntraces: [t]\n", "'a' is there twice", 2, 15},
		{"sweep: s\nmachines: [a]\ntraces: [{gen: combs}]\n", "did you mean 'comb'", 3, 16},
		{HEAD "figures: [a.b +]\n", "expected a value", 4, 16},
	};

	(void)state;
	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
		struct diag d = {0};

		assert_null(sweep_read_text(v[i].text, strlen(v[i].text), "test.yaml", &d));
		if (strstr(d.msg, v[i].says) == NULL || d.line != v[i].line || d.col != v[i].col)
			fail_msg("case %zu: %s:%d:%d: %s", i, d.file, d.line, d.col, d.msg);
		assert_string_equal(d.file, "test.yaml");
	}
}

/* A point's key depends on machine, trace, parameters, repeat and program, and on nothing else. */
static void test_keys(void **state)
{
	static const char *const texts[] = {
		HEAD "axes: {page.order: [10, 11]}\nrepeats: 2\nperturb: {bytes: 1}\n",
		HEAD
		"about: other words\naxes: {o: {path: page.order, values: [10, 11]}}\nrepeats: 2\n"
		"perturb: {bytes: 1}\nminimise: [events.failed]\n",
		HEAD "axes: {page.order: [10, 11]}\nrepeats: 2\nperturb: {bytes: 2}\n",
		HEAD
		"axes: {page.order: [10, 11]}\nrepeats: 2\nperturb: {bytes: 1}\nmax_steps: 5\n",
		HEAD "axes: {page.order: [10, 11]}\nrepeats: 2\nperturb: {bytes: 1}\nmode: fit\n",
	};
	char key[5][4][SWEEP_KEY_TEXT], other[SWEEP_KEY_TEXT];
	struct diag d = {0};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct sweep *s = read_text(texts[i]);
		struct sweep_keys *k = sweep_keys_new(s, "p1", &d), *k2;
		struct sweep_point p;

		assert_non_null(k);
		for (unsigned n = 0; n < 4; n++) {
			sweep_at(s, n, &p);
			sweep_key(k, &p, key[i][n]);
		}
		k2 = sweep_keys_new(s, "p2", &d);
		sweep_key(k2, &p, other);
		assert_string_not_equal(key[i][3], other);
		sweep_keys_free(k);
		sweep_keys_free(k2);
		sweep_free(s);
	}
	for (unsigned n = 0; n < 4; n++) {
		for (unsigned m = 0; m < n; m++)
			assert_string_not_equal(key[0][n], key[0][m]);
		assert_string_equal(key[0][n], key[1][n]);
		assert_string_not_equal(key[0][n], key[3][n]);
		assert_string_not_equal(key[0][n], key[4][n]);
	}
	/* What the repeats change matters to repeats only: points 0 and 1 are undisturbed. */
	assert_string_equal(key[0][0], key[2][0]);
	assert_string_not_equal(key[0][2], key[2][2]);
}

/* ---- traces that are kept ---- */

static int keep(const char *path)
{
	int fd = memfd_create("test", 0);
	struct diag d = {0};
	struct trace_reader *r = trace_open(path, &d);

	assert_true(fd >= 0);
	assert_non_null(r);
	assert_int_equal(kept_trace_write(fd, r, &d), 0);
	trace_close(r);
	return fd;
}

/* All events of a reader. */
static struct trace_event *drain(struct trace_reader *r, size_t *n)
{
	struct trace_event *all = NULL;
	const struct trace_event *ev;
	struct diag d = {0};
	size_t got;

	*n = 0;
	do {
		assert_int_equal(trace_next(r, &ev, &got, &d), 0);
		all = realloc(all, (*n + got + 1) * sizeof *all);
		memcpy(all + *n, ev, got * sizeof *ev);
		*n += got;
	} while (got != 0);
	return all;
}

static struct trace_event *changed(const struct kept_trace *k, const struct trace_change *c,
				   size_t *n)
{
	struct diag d = {0};
	struct trace_reader *r = kept_trace_open(k, TRACE, c, &d);
	struct trace_event *ev;

	assert_non_null(r);
	ev = drain(r, n);
	trace_close(r);
	return ev;
}

static void test_kept(void **state)
{
	int fd = keep(TRACE);
	struct trace_change none = {0};
	struct kept_trace k;
	struct diag d = {0};
	struct trace_reader *file = trace_open(TRACE, &d), *r;
	struct trace_event *a, *b;
	char hash[33];
	size_t n, m;

	(void)state;
	assert_int_equal(kept_trace_map(&k, fd, &d), 0);
	r = kept_trace_open(&k, TRACE, &none, &d);
	trace_want_hash(r);
	a = drain(file, &n);
	b = drain(r, &m);
	assert_int_equal(n, m);
	assert_int_equal(k.head->events, n);
	assert_memory_equal(a, b, n * sizeof *a);
	trace_hash(r, hash);
	assert_string_equal(hash, k.head->hash);
	assert_int_equal(trace_nr_strings(r), trace_nr_strings(file));
	for (uint32_t i = 0; i < trace_nr_strings(file); i++)
		assert_string_equal(trace_string(r, i), trace_string(file, i));
	free(a);
	free(b);
	trace_close(r);
	trace_close(file);
	kept_trace_unmap(&k);
	close(fd);
}

/*
 * Sizes move by at most the bytes allowed, in both
 * directions, and the same seed moves them alike.
 */
static void test_change_bytes(void **state)
{
	int fd = keep(TRACE);
	struct trace_change none = {0}, one = {.seed = 7, .bytes = 1},
			    other = {.seed = 8, .bytes = 1};
	struct kept_trace k;
	struct diag d = {0};
	struct trace_event *a, *b, *c, *e;
	size_t n, m, up = 0, down = 0, differ = 0;

	(void)state;
	assert_int_equal(kept_trace_map(&k, fd, &d), 0);
	a = changed(&k, &none, &n);
	b = changed(&k, &one, &m);
	assert_int_equal(n, m);
	c = changed(&k, &one, &m);
	e = changed(&k, &other, &m);
	assert_memory_equal(b, c, n * sizeof *b);
	for (size_t i = 0; i < n; i++) {
		int64_t by = (int64_t)(b[i].size - a[i].size);

		assert_true(by >= -1 && by <= 1);
		up += by > 0;
		down += by < 0;
		differ += b[i].size != e[i].size;
		if (by != 0)
			assert_true(a[i].op != OP_FREE && b[i].size != 0);
	}
	assert_true(up > n / 20 && down > n / 20 && differ > n / 20);
	free(a);
	free(b);
	free(c);
	free(e);
	kept_trace_unmap(&k);
	close(fd);
}

/* Left out and added objects: every event still names an object that is live, or none. */
static void test_change_requests(void **state)
{
	int fd = keep(TRACE);
	struct kept_trace k;
	struct diag d = {0};
	size_t most = 0, least = SIZE_MAX;

	(void)state;
	assert_int_equal(kept_trace_map(&k, fd, &d), 0);
	for (unsigned seed = 1; seed <= 20; seed++) {
		struct trace_change c = {.seed = seed, .requests = 3, .ties = 16};
		bool *live = calloc(k.head->slots + 64, sizeof *live);
		struct trace_event *ev;
		size_t n;

		ev = changed(&k, &c, &n);
		for (size_t i = 0; i < n; i++) {
			if (ev[i].slot == SLOT_NONE)
				continue;
			if (trace_is_request(&ev[i])) {
				assert_false(live[ev[i].slot]);
				live[ev[i].slot] = true;
			} else if (ev[i].op == OP_FREE) {
				assert_true(live[ev[i].slot]);
				live[ev[i].slot] = false;
			} else if (ev[i].op == OP_REALLOC) {
				live[ev[i].slot] = true;
			}
		}
		most = n > most ? n : most;
		least = n < least ? n : least;
		free(live);
		free(ev);
	}
	/* Some seeds add more than they leave out, some the other way round. */
	assert_true(most > k.head->events && least < k.head->events);
	kept_trace_unmap(&k);
	close(fd);
}

/* ---- gates ---- */

static char db_path[] = "/tmp/memscape-test-sweep.XXXXXX";

static void put(struct sweep_db *db, uint64_t index, const char *point, const char *status,
		const char *report)
{
	struct sweep_row row = {.index = index,
				.key = point,
				.point = point,
				.axes = "{\"seen\": {\"heap\": \"tlsf\"}}",
				.status = status,
				.message = strcmp(status, "ok") == 0 ? "" : "it is broken",
				.report = report};
	struct diag d = {0};

	assert_int_equal(sweep_db_plan_add(db, &row, &d), 0);
	if (status[0] != '\0')
		assert_int_equal(sweep_db_put(db, &row, 1, 1, &d), 0);
}

static struct sweep_db *results(void)
{
	struct diag d = {0};
	struct sweep_db *db;

	unlink(db_path);
	db = sweep_db_open(db_path, true, &d);
	assert_non_null(db);
	assert_int_equal(sweep_db_set(db, "program", "p", &d), 0);
	return db;
}

/* A plan is a transaction of its own, results are as well. */
static struct sweep_db *two_points(const char *first, const char *second)
{
	struct sweep_db *db = results();
	struct sweep_row row = {.axes = "{\"seen\": {\"heap\": \"tlsf\"}}"};
	struct diag d = {0};

	assert_int_equal(sweep_db_plan_begin(db, &d), 0);
	row.key = row.point = "a";
	assert_int_equal(sweep_db_plan_add(db, &row, &d), 0);
	row.index = 1;
	row.axes = "{\"seen\": {\"heap\": \"bins\"}}";
	row.key = row.point = "b";
	assert_int_equal(sweep_db_plan_add(db, &row, &d), 0);
	assert_int_equal(sweep_db_plan_end(db, &d), 0);
	row = (struct sweep_row){.key = "a", .status = "ok", .report = first};
	assert_int_equal(sweep_db_put(db, &row, 1, 1, &d), 0);
	if (second != NULL) {
		row = (struct sweep_row){.key = "b", .status = "ok", .report = second};
		assert_int_equal(sweep_db_put(db, &row, 1, 1, &d), 0);
	}
	return db;
}

static struct gate *gate_of(const char *rules)
{
	char text[1024];
	struct diag d = {0};
	struct gate *g;

	snprintf(text, sizeof text, "gate: g\nrules: %s\n", rules);
	g = gate_read_text(text, strlen(text), "gate.yaml", &d);
	if (g == NULL)
		print_error("%s\n", d.msg);
	assert_non_null(g);
	return g;
}

struct seen {
	enum gate_verdict verdict[8];
	long long value[8], limit[8];
	unsigned nr;
};

static void note(void *ctx, const struct gate_check *c)
{
	struct seen *s = ctx;

	assert_true(s->nr < 8);
	s->verdict[s->nr] = c->verdict;
	s->value[s->nr] = c->value;
	s->limit[s->nr++] = c->limit;
}

/* `part`: of a shard, whose other points have no results. */
static struct seen judge_of(const char *rules, const struct baseline *b, struct sweep_db *db,
			    bool part)
{
	struct gate *g = gate_of(rules);
	struct gate_sum sum;
	struct seen s = {.nr = 0};
	struct diag d = {0};

	assert_int_equal(gate_run(g, b, db, part, note, &s, &sum, &d), 0);
	assert_int_equal(sum.checks, s.nr);
	gate_free(g);
	return s;
}

static struct seen judge(const char *rules, const struct baseline *b, struct sweep_db *db)
{
	return judge_of(rules, b, db, true);
}

static void test_gate(void **state)
{
	struct sweep_db *db =
		two_points("{\"x\": {\"bytes\": 98304, \"p\": 1.5}, \"t\": \"done\"}", NULL);
	struct baseline *b = baseline_new("p", "s", "v1");
	struct seen s;

	(void)state;
	/* A limit met to the byte holds; one byte less breaks. */
	assert_int_equal(judge("[x.bytes <= 96K]", NULL, db).verdict[0], GATE_HOLDS);
	s = judge("[x.bytes <= 98303]", NULL, db);
	assert_int_equal(s.verdict[0], GATE_BROKEN);
	assert_int_equal(s.value[0] - s.limit[0], 1000000);
	/* Each comparison of a chain is a check. */
	s = judge("[x.bytes > 1 and x.p < 1]", NULL, db);
	assert_int_equal(s.nr, 2);
	assert_int_equal(s.verdict[1], GATE_BROKEN);
	assert_int_equal(judge("[x.p < 1 or x.bytes > 1]", NULL, db).verdict[0], GATE_HOLDS);
	assert_int_equal(judge("[\"t == 'done'\"]", NULL, db).verdict[0], GATE_HOLDS);
	assert_int_equal(judge("[\"t == 'fault'\"]", NULL, db).verdict[0], GATE_BROKEN);
	assert_int_equal(judge("[x.typo <= 1]", NULL, db).verdict[0], GATE_NO_FIGURE);
	/* Rules for other points say nothing of these; rules for none hold by nothing. */
	assert_int_equal(judge("[{check: x.p > 9, where: \"heap == 'bins'\"}]", NULL, db).nr, 0);
	s = judge("[{check: x.p > 0, where: \"heap == 'half_fit'\"}]", NULL, db);
	assert_int_equal(s.nr, 1);
	assert_int_equal(s.verdict[0], GATE_NO_POINT);
	assert_int_equal(judge("[{check: x.p > 9, where: \"heap == 'tlsf'\"}]", NULL, db).nr, 1);
	/* Baselines: absent, unknown, equal, a byte worse, a share worse. */
	assert_int_equal(judge("[x.bytes <= baseline]", NULL, db).verdict[0], GATE_NO_BASELINE);
	assert_int_equal(judge("[x.bytes <= baseline]", b, db).verdict[0], GATE_NO_BASELINE);
	baseline_put(b, "a", "x.bytes", 98304 * 1000000ll);
	assert_int_equal(judge("[x.bytes <= baseline]", b, db).verdict[0], GATE_HOLDS);
	assert_int_equal(judge("[baseline >= x.bytes]", b, db).verdict[0], GATE_HOLDS);
	baseline_put(b, "a", "x.bytes", 98303 * 1000000ll);
	s = judge("[x.bytes <= baseline]", b, db);
	assert_int_equal(s.verdict[0], GATE_BROKEN);
	assert_int_equal(s.limit[0], 98303 * 1000000ll);
	assert_int_equal(judge("[x.bytes <= baseline * 1.05]", b, db).verdict[0], GATE_HOLDS);
	assert_int_equal(judge("[x.bytes <= baseline + 1]", b, db).verdict[0], GATE_HOLDS);
	baseline_free(b);
	sweep_db_close(db);
}

static void test_collect(void **state)
{
	struct sweep_db *db = two_points("{\"x\": 5, \"y\": 1.25}", "{\"x\": 6, \"y\": 2}");
	struct gate *g = gate_of("[x <= baseline, y <= 9]");
	struct baseline *b = baseline_new("p", "s", "");
	struct diag d = {0};
	long long v = 0;

	(void)state;
	assert_int_equal(gate_collect(g, db, false, b, &d), 0);
	assert_true(baseline_get(b, "b", "x", &v));
	assert_int_equal(v, 6000000);
	assert_false(baseline_get(b, "a", "y", &v));
	assert_int_equal(gate_collect(g, db, true, b, &d), 0);
	assert_true(baseline_get(b, "a", "y", &v));
	assert_int_equal(v, 1250000);
	baseline_free(b);
	gate_free(g);
	sweep_db_close(db);
}

static void test_gate_not_run(void **state)
{
	struct sweep_db *db = results();
	struct diag d = {0};
	struct seen s;

	(void)state;
	assert_int_equal(sweep_db_plan_begin(db, &d), 0);
	assert_int_equal(sweep_db_plan_end(db, &d), 0);
	put(db, 0, "a", "crash", "");
	put(db, 1, "b", "", "");
	s = judge("[x == 1]", NULL, db);
	assert_int_equal(s.nr, 1); /* the crash; what another shard runs is not judged */
	assert_int_equal(s.verdict[0], GATE_NOT_RUN);
	s = judge_of("[x == 1]", NULL, db, false);
	assert_int_equal(s.nr, 2);
	assert_int_equal(s.verdict[1], GATE_NOT_RUN);
	sweep_db_close(db);
}

static void test_gate_errors(void **state)
{
	static const struct {
		const char *text, *says;
		int line, col;
	} v[] = {
		{"rules: [a == 1]\n", "expected the gate's name", 1, 1},
		{"gate: g\n", "expected rules", 1, 1},
		{"gate: g\nrules: []\n", "expected rules", 2, 8},
		{"gate: g\nrules: ['a ==']\n", "expected a value", 2, 14},
		{"gate: g\nrules: [{check: a == 1, wher: b}]\n", "did you mean 'where'", 2, 25},
		{"gate: g\nrules: [{where: b}]\n", "expected a rule", 2, 9},
		{"gate: g\nrule: []\n", "unknown key 'rule'", 2, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
		struct diag d = {0};

		assert_null(gate_read_text(v[i].text, strlen(v[i].text), "gate.yaml", &d));
		if (strstr(d.msg, v[i].says) == NULL || d.line != v[i].line || d.col != v[i].col)
			fail_msg("case %zu: %d:%d: %s", i, d.line, d.col, d.msg);
	}
}

/* ---- results ---- */

static void test_merge(void **state)
{
	struct sweep_db *db = two_points("{\"x\": 5}", NULL), *all, *other;
	char first[64], second[64];
	struct diag d = {0};

	(void)state;
	sweep_db_close(db);
	snprintf(first, sizeof first, "%s.1", db_path);
	snprintf(second, sizeof second, "%s.2", db_path);
	assert_int_equal(rename(db_path, first), 0);
	other = two_points("{\"x\": 6}", "{\"x\": 7}");
	sweep_db_close(other);
	assert_int_equal(rename(db_path, second), 0);
	all = sweep_db_open(db_path, true, &d);
	assert_int_equal(sweep_db_merge(all, first, &d), 0);
	assert_int_equal(sweep_db_merge(all, second, &d), -1);
	assert_non_null(strstr(d.msg, "contradicts"));
	assert_non_null(strstr(d.msg, "'a'"));
	assert_false(sweep_db_known(all, "b", false)); /* nothing of it was taken */
	assert_true(sweep_db_known(all, "a", false));
	sweep_db_close(all);
	unlink(first);
	unlink(second);
}

static void test_foreign_file(void **state)
{
	FILE *f = fopen(db_path, "w");
	struct diag d = {0};

	(void)state;
	fputs("this is no database, and longer than a header of one hundred bytes would be, which "
	      "SQLite "
	      "looks at when it opens a file",
	      f);
	fclose(f);
	assert_null(sweep_db_open(db_path, false, &d));
	assert_true(d.msg[0] != '\0');
	d = (struct diag){0};
	assert_null(sweep_db_open(db_path, true, &d));
	unlink(db_path);
	assert_null(sweep_db_open(db_path, false, &d));
}

/* ---- the map ---- */

/* The cells of every region add up to its row of the ledger. */
static void test_map(void **state)
{
	struct diag d = {0};
	struct machine *m = machine_load("stm32h7", NULL, NULL, 0, &d);
	struct run_request q = {.machine = m,
				.trace = TRACE,
				.boot = {.port = "fast"},
				.replay = {.until = 100000}};
	struct run run;

	(void)state;
	assert_non_null(m);
	assert_int_equal(run_trace(&run, &q, &d), 0);
	for (unsigned g = 0; g < m->nr_regions; g++) {
		uint64_t step = region_map_step(m, g, 100);
		unsigned n = (unsigned)((m->regions[g].bytes + step - 1) / step);
		struct map_cell *cell = calloc(n, sizeof *cell);
		int64_t sum[MM_NR_CLASSES];

		assert_true(n <= 100);
		assert_int_equal(region_map(&run.replay, g, step, cell), 0);
		ledger_region(run.sys.ledger.rows, &run.sys.ledger, g, sum);
		for (unsigned c = 0; c < MM_NR_CLASSES; c++) {
			for (unsigned i = 0; i < n; i++) {
				assert_true(cell[i].bytes[c] >= 0);
				sum[c] -= cell[i].bytes[c];
			}
			assert_int_equal(sum[c], 0);
		}
		free(cell);
	}
	run_finish(&run);
	machine_free(m);
}

static int setup(void **state)
{
	int fd = mkstemp(db_path);

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	return unlink(db_path);
}

static int teardown(void **state)
{
	(void)state;
	unlink(db_path);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_points),       cmocka_unit_test(test_rules),
		cmocka_unit_test(test_sets),         cmocka_unit_test(test_errors),
		cmocka_unit_test(test_keys),         cmocka_unit_test(test_kept),
		cmocka_unit_test(test_change_bytes), cmocka_unit_test(test_change_requests),
		cmocka_unit_test(test_gate),         cmocka_unit_test(test_collect),
		cmocka_unit_test(test_gate_not_run), cmocka_unit_test(test_gate_errors),
		cmocka_unit_test(test_merge),        cmocka_unit_test(test_foreign_file),
		cmocka_unit_test(test_map),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
