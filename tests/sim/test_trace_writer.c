/*
 * The ways to write a binary trace give the same
 * bytes: short and long, with and without a thread.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/trace.h"
#include "sim/trace_writer.h"

#define EVENTS 1500000u
#define LIVE   3000u

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

/* Small sizes mostly, some of which come again and again, and a few that no short way takes. */
static uint64_t random_size(uint64_t *state)
{
	uint32_t r = next_random(state);

	if (r % 64 == 0)
		return (uint64_t)next_random(state) << (r >> 6) % 8;
	return r % 4 == 0 ? r / 4 % 5000 : r / 4 % 300;
}

static void put_malloc(struct trace_writer *w, bool shortly, uint16_t ctx, uint64_t size,
		       uint32_t *slot)
{
	struct trace_event ev = {.op = OP_MALLOC, .ctx = ctx, .size = size};
	struct diag d = {0};

	if (shortly) {
		assert_int_equal(trace_writer_malloc(w, ctx, size, slot, &d), 0);
		return;
	}
	assert_int_equal(trace_writer_put(w, &ev, &d), 0);
	*slot = ev.slot;
}

static void put_free(struct trace_writer *w, bool shortly, uint16_t ctx, uint32_t slot)
{
	struct trace_event ev = {.op = OP_FREE, .ctx = ctx, .slot = slot};
	struct diag d = {0};

	if (shortly)
		assert_int_equal(trace_writer_free(w, ctx, slot, &d), 0);
	else
		assert_int_equal(trace_writer_put(w, &ev, &d), 0);
}

/* Of up to seven contexts, more than have a table; now and then another kind of event. */
static void write_events(struct trace_writer *w, bool shortly)
{
	static uint32_t slots[LIVE];
	static bool live[LIVE];
	struct trace_event note = {.op = OP_NOTE, .slot = SLOT_NONE};
	struct diag d = {0};
	uint64_t state = 1;

	memset(live, 0, sizeof live);
	note.arg = trace_writer_string(w, "a note", 6);
	for (unsigned i = 0; i < EVENTS; i++) {
		uint32_t at = next_random(&state) % LIVE;
		uint16_t ctx = (uint16_t)(i / 50000 % 3 ? next_random(&state) % 7 : 0);

		if (i % 10007 == 0)
			assert_int_equal(trace_writer_put(w, &note, &d), 0);
		if (live[at])
			put_free(w, shortly, ctx, slots[at]);
		else
			put_malloc(w, shortly, ctx, random_size(&state), &slots[at]);
		live[at] = !live[at];
	}
}

static char *written(const char *path, const struct trace_writer_options *o, bool shortly,
		     size_t *bytes)
{
	struct diag d = {0};
	struct trace_writer *w = trace_writer_open(path, o, &d);
	char *text;
	struct stat st;
	FILE *f;

	assert_non_null(w);
	write_events(w, shortly);
	assert_int_equal(trace_writer_close(w, &d), 0);
	f = fopen(path, "rb");
	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	*bytes = (size_t)st.st_size;
	text = malloc(*bytes);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, *bytes, f), *bytes);
	fclose(f);
	unlink(path);
	return text;
}

static void assert_same_bytes(const struct trace_writer_options *o, bool shortly, const char *want,
			      size_t bytes)
{
	char path[64];
	size_t got;
	char *text;

	snprintf(path, sizeof path, "/tmp/test_trace_writer.%ld.mst", (long)getpid());
	text = written(path, o, shortly, &got);
	assert_int_equal(got, bytes);
	assert_memory_equal(text, want, bytes);
	free(text);
}

static void test_same_bytes(void **state)
{
	struct trace_writer_options o = {.level = 1}, aside = {.level = 1, .thread = true};
	char path[64];
	size_t bytes;
	char *want;

	(void)state;
	snprintf(path, sizeof path, "/tmp/test_trace_writer.%ld.mst", (long)getpid());
	want = written(path, &o, false, &bytes);
	assert_same_bytes(&o, true, want, bytes);
	assert_same_bytes(&aside, false, want, bytes);
	assert_same_bytes(&aside, true, want, bytes);
	free(want);
}

/* A file that may grow no more: told by a later call, or at the end, whichever thread wrote. */
static void test_full(void **state)
{
	struct rlimit before, small = {8192, 8192};
	char path[64];

	(void)state;
	snprintf(path, sizeof path, "/tmp/test_trace_writer.%ld.mst", (long)getpid());
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small.rlim_max = before.rlim_max;
	for (int thread = 0; thread < 2; thread++) {
		struct trace_writer_options o = {.thread = thread != 0, .block_events = 1000};
		struct diag d = {0};
		struct trace_writer *w = trace_writer_open(path, &o, &d);
		uint64_t random = 1;
		uint32_t slot;
		int err = 0;

		assert_non_null(w);
		setrlimit(RLIMIT_FSIZE, &small);
		for (unsigned i = 0; i < 100000 && err == 0; i++)
			err = trace_writer_malloc(w, 0, random_size(&random), &slot, &d);
		setrlimit(RLIMIT_FSIZE, &before);
		assert_int_equal(err, -1);
		assert_non_null(strstr(d.msg, "cannot write: File too large"));
		trace_writer_abort(w);
		assert_int_not_equal(access(path, F_OK), 0);
	}
}

/* A slot that is not live is refused the short way, too. */
static void test_refused(void **state)
{
	struct diag d = {0};
	struct trace_writer *w;
	uint32_t slot;

	(void)state;
	w = trace_writer_open("/dev/null", NULL, &d);
	assert_non_null(w);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(trace_writer_malloc(w, 0, 8, &slot, &d), 0);
		assert_int_equal(slot, 0);
		assert_int_equal(trace_writer_free(w, 0, slot, &d), 0);
		assert_int_equal(trace_writer_free(w, 0, slot, &d), -1);
		assert_non_null(strstr(d.msg, "the slot is not live"));
	}
	assert_int_equal(trace_writer_events(w), 20);
	assert_int_equal(trace_writer_close(w, &d), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_bytes),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
