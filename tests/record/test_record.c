/*
 * Records programs and compares each trace with a count that another preloaded
 * library made of the same run (count.c), and, where order matters, event by event.
 */
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "record/count.h"
#include "sim/trace.h"

static char folder[] = "/tmp/memscape-test-XXXXXX", trace[64], counts_path[64];

/* What a trace holds. */
struct tally {
	uint64_t op[NR_TRACE_OPS], unknown, inherited, events;
};

/* ---- running ---- */

static void reset_counts(void)
{
	struct counts none = {0};
	int fd = open(counts_path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, &none, sizeof none), sizeof none);
	close(fd);
}

static struct counts read_counts(void)
{
	struct counts c;
	int fd = open(counts_path, O_RDONLY);

	assert_int_equal(read(fd, &c, sizeof c), sizeof c);
	close(fd);
	return c;
}

/* Runs a shell command line with the counter preloaded; $M is memscape, $S the subject. */
static int run(const char *line)
{
	int status;
	pid_t pid;

	reset_counts();
	pid = fork();
	if (pid == 0) {
		setenv("M", MEMSCAPE, 1);
		setenv("S", SUBJECT, 1);
		setenv("T", trace, 1);
		setenv("LD_PRELOAD", COUNTER, 1);
		setenv("COUNT_FILE", counts_path, 1);
		setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1); /* in case memscape has it */
		execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(126);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* A deed of the subject, recorded and counted; its exit status. */
static int record_deed(const char *deed)
{
	char line[256];

	snprintf(line, sizeof line, "exec $M record -q -o $T -- $S %s", deed);
	return run(line);
}

/* ---- reading ---- */

static void tally_events(struct tally *t, const struct trace_event *ev, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		t->events++;
		t->unknown += (ev[i].flags & EV_UNKNOWN_ID) != 0;
		if (ev[i].op == OP_PHASE) {
			/* What came before was live at the fork: no calls of this process. */
			t->inherited = t->events - 1;
			memset(t->op, 0, sizeof t->op);
		} else {
			t->op[ev[i].op]++;
		}
	}
}

static struct tally read_trace(const char *path)
{
	struct tally t = {0};
	struct diag d = {0};
	struct trace_reader *r = trace_open(path, &d);
	const struct trace_event *ev;
	size_t n;

	if (r == NULL)
		fail_msg("%s: %s", path, d.msg);
	do {
		assert_int_equal(trace_next(r, &ev, &n, &d), 0);
		tally_events(&t, ev, n);
	} while (n > 0);
	trace_close(r);
	return t;
}

/* All traces of the latest run together; *files: how many. */
static struct tally read_all(size_t *files)
{
	struct tally sum = {0};
	char pattern[80];
	glob_t g;

	snprintf(pattern, sizeof pattern, "%s*", trace);
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct tally t = read_trace(g.gl_pathv[i]);

		for (int op = 0; op < NR_TRACE_OPS; op++)
			sum.op[op] += t.op[op];
		sum.unknown += t.unknown;
		sum.inherited += t.inherited;
		unlink(g.gl_pathv[i]);
	}
	*files = g.gl_pathc;
	globfree(&g);
	return sum;
}

/* Every call that was counted is in the traces; realloc(p, 0) is there as a free. */
static void assert_all_calls(const struct tally *t, uint64_t frees_by_realloc)
{
	struct counts c = read_counts();

	assert_true(c.malloc + c.calloc > 0);
	assert_int_equal(t->op[OP_MALLOC], c.malloc);
	assert_int_equal(t->op[OP_CALLOC], c.calloc);
	assert_int_equal(t->op[OP_REALLOC], c.realloc - frees_by_realloc);
	assert_int_equal(t->op[OP_MEMALIGN], c.memalign);
	assert_int_equal(t->op[OP_FREE], c.free + frees_by_realloc);
	assert_int_equal(t->unknown, 0);
}

/* ---- single processes ---- */

static void counts_every_call(const char *deed, int status, uint64_t frees_by_realloc)
{
	struct tally t;
	size_t files;

	assert_int_equal(record_deed(deed), status);
	t = read_all(&files);
	assert_int_equal(files, 1);
	assert_all_calls(&t, frees_by_realloc);
}

static void test_threads(void **state)
{
	(void)state;
	/* A misplaced hand-over would be an unknown free, or a free that the recorder put in. */
	for (int i = 0; i < 3; i++)
		counts_every_call("threads", 0, 0);
}

static void test_ends(void **state)
{
	(void)state;
	counts_every_call("kill", 128 + 9, 0);
	counts_every_call("abort", 128 + 6, 0);
	counts_every_call("left", 3, 0);
	counts_every_call("signals", 0, 0);
	counts_every_call("nothing", 7, 0);
}

static void test_ls(void **state)
{
	struct tally t;
	size_t files;

	(void)state;
	assert_int_equal(run("exec $M record -q -o $T -- ls -lR /usr/include > /dev/null"), 0);
	t = read_all(&files);
	assert_int_equal(files, 1);
	assert_all_calls(&t, 0);
	assert_true(t.op[OP_MALLOC] > 1000);
}

/* ---- event by event ---- */

struct expected {
	enum trace_op op;
	uint64_t size, arg;
	uint8_t flags;
};

/* The events between those of 7,777,001 and 7,777,002 bytes. */
static void assert_stretch(const struct expected *e, size_t n)
{
	struct diag d = {0};
	struct trace_reader *r = trace_open(trace, &d);
	const struct trace_event *ev;
	size_t got, at = 0;

	assert_non_null(r);
	assert_int_equal(trace_next(r, &ev, &got, &d), 0);
	while (at < got && ev[at].size != 7777001)
		at++;
	at += 2; /* it, and its free */
	for (size_t i = 0; i < n; i++, at++) {
		assert_true(at < got);
		assert_int_equal(ev[at].op, e[i].op);
		assert_int_equal(ev[at].size, e[i].size);
		assert_int_equal(ev[at].arg, e[i].arg);
		assert_int_equal(ev[at].flags, e[i].flags);
	}
	assert_int_equal(ev[at].size, 7777002);
	trace_close(r);
}

static void test_corners(void **state)
{
	static const struct expected e[] = {
		{OP_MALLOC, 0, 0, 0},
		{OP_FREE, 0, 0, EV_NULL},
		{OP_REALLOC, 10, 0, EV_NULL},
		{OP_REALLOC, 100000, 0, 0},
		{OP_REALLOC, SIZE_MAX / 2, 0, EV_FAILED},
		{OP_FREE, 0, 0, 0},
		{OP_CALLOC, 21, 3, 0},
		{OP_CALLOC, UINT64_MAX, SIZE_MAX, EV_NULL},
		{OP_REALLOC, 20, 0, EV_NULL},
		{OP_REALLOC, UINT64_MAX, 0, EV_FAILED},
		{OP_REALLOC, 30, 0, 0},
		{OP_MALLOC, SIZE_MAX / 2, 0, EV_NULL},
		{OP_FREE, 0, 0, 0},
		{OP_FREE, 0, 0, 0},
		{OP_FREE, 0, 0, 0},
	};

	(void)state;
	assert_int_equal(record_deed("corners"), 0);
	assert_stretch(e, sizeof e / sizeof e[0]);
}

static void test_aligned(void **state)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const struct expected e[] = {
		{OP_MEMALIGN, 100, 64, 0},  {OP_MEMALIGN, 512, 256, 0},   {OP_MEMALIGN, 5, 32, 0},
		{OP_MEMALIGN, 10, page, 0}, {OP_MEMALIGN, page, page, 0}, {OP_FREE, 0, 0, 0},
		{OP_FREE, 0, 0, 0},         {OP_FREE, 0, 0, 0},           {OP_FREE, 0, 0, 0},
		{OP_FREE, 0, 0, 0},
	};

	(void)state;
	assert_int_equal(record_deed("aligned"), 0);
	assert_stretch(e, sizeof e / sizeof e[0]);
	counts_every_call("aligned", 0, 0);
}

/* ---- several processes ---- */

static void test_forks(void **state)
{
	struct tally t;
	size_t files;

	(void)state;
	assert_int_equal(record_deed("forks"), 0);
	t = read_all(&files);
	/* The parent, the forked child, and what the child ran. */
	assert_int_equal(files, 3);
	assert_true(t.inherited >= 10);
	/* reallocarray's overflow ends in the recorder; realloc(b, 0) is a free. */
	t.op[OP_REALLOC]--;
	assert_all_calls(&t, 1);
}

static void test_shell(void **state)
{
	struct tally t;
	size_t files;

	(void)state;
	assert_int_equal(
		run("exec $M record -q -o $T -- bash -c "
		    "'for i in 1 2 3; do ls / | sort -r | head -n 3; done; exit 5' > /dev/null"),
		5);
	t = read_all(&files);
	assert_true(files >= 10);
	assert_all_calls(&t, 0);
}

static void test_only_first(void **state)
{
	size_t files;

	(void)state;
	assert_int_equal(run("exec $M record -q -1 -o $T -- bash -c 'ls / | cat' > /dev/null"), 0);
	read_all(&files);
	assert_int_equal(files, 1);
}

/* ---- the command ---- */

static void test_pipe_is_the_same(void **state)
{
	(void)state;
	/* Twice, at other addresses, to a file and to a pipe: the same bytes. */
	assert_int_equal(run("$M record -q -o $T.file -- $S corners && "
			     "$M record -q -o - -- $S corners 2>/dev/null | cat > $T.pipe && "
			     "cmp $T.file $T.pipe && rm $T.file $T.pipe"),
			 0);
}

static void test_errors(void **state)
{
	(void)state;
	assert_int_equal(run("$M record -q -o $T -- /nonexistent/program 2>/dev/null"), 127);
	assert_int_equal(run("$M record -q -o /nonexistent/trace -- $S left 2>/dev/null"), 3);
	assert_int_equal(run("$M record -q -o $T 2>/dev/null"), 2);
	assert_int_equal(run("$M record --frobnicate -- ls 2>/dev/null"), 2);
	assert_int_equal(run("$M record --help | grep -q COMMAND"), 0);
	assert_int_equal(
		run("$M record -o $T -- $S left 2>&1 | grep -q 'lost 0'; s=$?; rm -f $T; exit $s"),
		0);
}

static void test_odd_paths(void **state)
{
	(void)state;
	/* A device stays one. */
	assert_int_equal(
		run("$M record -q -o /dev/null -- $S left; [ $? = 3 ] && [ -c /dev/null ]"), 0);
	/* LD_PRELOAD cannot name a path with a space as it is. */
	assert_int_equal(
		run("L=$(dirname $M)/record/libmemscape-record.so; D=\"$T d\"; mkdir \"$D\"; "
		    "cp $L $M \"$D\"; \"$D/memscape\" record -q -o $T -- $S left; "
		    "[ $? = 3 ] && [ -s $T ] && rm -r $T \"$D\""),
		0);
}

static void test_sites_and_times(void **state)
{
	struct diag d = {0};
	struct trace_reader *r;
	const struct trace_event *ev;
	uint64_t last = 0;
	size_t n;

	(void)state;
	assert_int_equal(run("exec $M record -q -t -s -o $T -- $S threads"), 0);
	r = trace_open(trace, &d);
	assert_non_null(r);
	assert_int_equal(trace_next(r, &ev, &n, &d), 0);
	for (size_t i = 0; i < n; i++) {
		assert_true((ev[i].flags & EV_HAS_TIME) != 0 && ev[i].time_ns >= last);
		assert_string_not_equal(trace_string(r, ev[i].site), "");
		last = ev[i].time_ns;
	}
	trace_close(r);
	unlink(trace);
}

static int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(trace, sizeof trace, "%s/trace", folder);
	snprintf(counts_path, sizeof counts_path, "%s.counts", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(counts_path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_ls),
		cmocka_unit_test(test_corners),
		cmocka_unit_test(test_aligned),
		cmocka_unit_test(test_forks),
		cmocka_unit_test(test_shell),
		cmocka_unit_test(test_only_first),
		cmocka_unit_test(test_pipe_is_the_same),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_odd_paths),
		cmocka_unit_test(test_sites_and_times),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
