/* From calls to events: hand-over between threads, missed deaths, forks; and the address table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "record/translate.h"
#include "sim/trace.h"

#define A    0x7f0000001010u
#define B    0x7f0000002020u
#define MOST 64

static char path[] = "/tmp/memscape-translate-XXXXXX";

/* ---- writing and reading back ---- */

static void translate(struct translator *t, const struct heap_call *calls, size_t n)
{
	struct diag d = {0};

	for (size_t i = 0; i < n; i++)
		if (translator_put(t, &calls[i], &d) != 0)
			fail_msg("call %zu: %s", i, d.msg);
}

/* Completes the trace; its events, at most MOST of them. */
static size_t read_back(struct translator *t, struct trace_event *out)
{
	struct diag d = {0};
	const struct trace_event *ev;
	struct trace_reader *r;
	size_t n, total = 0;

	assert_int_equal(translator_finish(t, &d), 0);
	r = trace_open(path, &d);
	assert_non_null(r);
	do {
		assert_int_equal(trace_next(r, &ev, &n, &d), 0);
		assert_true(total + n <= MOST);
		memcpy(out + total, ev, n * sizeof *ev);
		total += n;
	} while (n > 0);
	trace_close(r);
	return total;
}

static struct translator translator_new(void)
{
	struct translator t = {.parent_pid = 0};

	snprintf(t.path, sizeof t.path, "%s", path);
	return t;
}

struct expected {
	enum trace_op op;
	uint32_t slot;
	uint64_t size;
	uint8_t flags;
};

static void expect_events(struct translator *t, const struct expected *e, size_t n)
{
	struct trace_event got[MOST];

	assert_int_equal(read_back(t, got), n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(got[i].op, e[i].op);
		assert_int_equal(got[i].slot, e[i].slot);
		assert_int_equal(got[i].size, e[i].size);
		assert_int_equal(got[i].flags, e[i].flags);
	}
}

#define CALLS(t, ...)                                                                              \
	do {                                                                                       \
		const struct heap_call calls[] = {__VA_ARGS__};                                    \
		translate(t, calls, sizeof calls / sizeof calls[0]);                               \
	} while (0)
#define EXPECT(t, ...)                                                                             \
	do {                                                                                       \
		const struct expected expected[] = {__VA_ARGS__};                                  \
		expect_events(t, expected, sizeof expected / sizeof expected[0]);                  \
	} while (0)

/* ---- one process ---- */

static void test_slots_are_reused(void **state)
{
	struct translator t = translator_new();

	(void)state;
	CALLS(&t, {.kind = CALL_MALLOC, .address = A, .size = 10},
	      {.kind = CALL_CALLOC, .address = B, .size = 20, .count = 4},
	      {.kind = CALL_FREE, .address = A}, {.kind = CALL_MALLOC, .address = A, .size = 30});
	EXPECT(&t, {OP_MALLOC, 0, 10, 0}, {OP_CALLOC, 1, 20, 0}, {OP_FREE, 0, 0, 0},
	       {OP_MALLOC, 0, 30, 0});
}

/*
 * Thread 1 moves A to B.  Its allocator gives A back before the call is over, and
 * thread 2 receives A and moves it on as well, before thread 1's record comes.
 */
static void test_realloc_hands_over(void **state)
{
	struct translator t = translator_new();

	(void)state;
	CALLS(&t, {.kind = CALL_MALLOC, .thread = 1, .address = A, .size = 10},
	      {.kind = CALL_REALLOC_BEGIN, .thread = 1, .address = A},
	      {.kind = CALL_MALLOC, .thread = 2, .address = A, .size = 20},
	      {.kind = CALL_REALLOC_BEGIN, .thread = 2, .address = A},
	      {.kind = CALL_REALLOC, .thread = 2, .address = A, .old = A, .size = 30},
	      {.kind = CALL_REALLOC, .thread = 1, .address = B, .old = A, .size = 40},
	      {.kind = CALL_FREE, .address = A}, {.kind = CALL_FREE, .address = B});
	assert_int_equal(t.mended, 0);
	EXPECT(&t, {OP_MALLOC, 0, 10, 0}, {OP_MALLOC, 1, 20, 0}, {OP_REALLOC, 1, 30, 0},
	       {OP_REALLOC, 0, 40, 0}, {OP_FREE, 1, 0, 0}, {OP_FREE, 0, 0, 0});
}

static void test_realloc_that_fails(void **state)
{
	struct translator t = translator_new();

	(void)state;
	CALLS(&t, {.kind = CALL_MALLOC, .address = A, .size = 10},
	      {.kind = CALL_REALLOC_BEGIN, .address = A},
	      {.kind = CALL_REALLOC, .address = 0, .old = A, .size = 1u << 30},
	      {.kind = CALL_REALLOC, .address = 0, .old = A, .size = 0},
	      {.kind = CALL_REALLOC, .address = 0, .old = 0, .size = 1u << 30});
	EXPECT(&t, {OP_MALLOC, 0, 10, 0}, {OP_REALLOC, 0, 1u << 30, EV_FAILED}, {OP_FREE, 0, 0, 0},
	       {OP_REALLOC, SLOT_NONE, 1u << 30, EV_NULL});
}

static void test_unknown_and_missed(void **state)
{
	struct translator t = translator_new();

	(void)state;
	CALLS(&t, {.kind = CALL_FREE, .address = A},
	      {.kind = CALL_MALLOC, .address = A, .size = 10},
	      {.kind = CALL_MALLOC, .address = A, .size = 20},
	      {.kind = CALL_REALLOC, .address = A, .old = B, .size = 30});
	assert_int_equal(t.mended, 2);
	EXPECT(&t, {OP_FREE, SLOT_NONE, 0, EV_UNKNOWN_ID}, {OP_MALLOC, 0, 10, 0},
	       {OP_FREE, 0, 0, 0}, {OP_MALLOC, 0, 20, 0}, {OP_FREE, SLOT_NONE, 0, EV_UNKNOWN_ID},
	       {OP_FREE, 0, 0, 0}, {OP_MALLOC, 0, 30, 0});
}

/* ---- forks ---- */

static void test_child_inherits(void **state)
{
	struct translator parent = translator_new(), child = translator_new();
	struct diag d = {0};

	(void)state;
	CALLS(&parent, {.kind = CALL_MALLOC, .address = B + 16, .size = 1},
	      {.kind = CALL_MALLOC, .address = A, .size = 10},
	      {.kind = CALL_MEMALIGN, .address = B, .size = 20, .align = 64},
	      {.kind = CALL_FREE, .address = B + 16},
	      /* Another thread is in the middle of a realloc: the child has its old block. */
	      {.kind = CALL_REALLOC_BEGIN, .thread = 1, .address = A});
	assert_int_equal(translator_inherit(&child.live, &parent), 0);
	assert_int_equal(translator_finish(&parent, &d), 0);
	child.parent_pid = 77;
	CALLS(&child, {.kind = CALL_FREE, .address = B}, {.kind = CALL_FREE, .address = A});
	assert_int_equal(child.inherited, 2);
	EXPECT(&child, {OP_MALLOC, 0, 10, 0}, {OP_MEMALIGN, 1, 20, 0}, {OP_PHASE, SLOT_NONE, 0, 0},
	       {OP_FREE, 1, 0, 0}, {OP_FREE, 0, 0, 0});
}

static void test_unknown_beginning(void **state)
{
	struct translator t = translator_new();

	(void)state;
	t.beginning_unknown = true;
	CALLS(&t, {.kind = CALL_FREE, .address = A},
	      {.kind = CALL_MALLOC, .address = A, .size = 10},
	      {.kind = CALL_REALLOC, .address = B, .old = B, .size = 30});
	assert_int_equal(t.foreign, 2);
	EXPECT(&t, {OP_MALLOC, 0, 10, 0}, {OP_MALLOC, 1, 30, 0});
}

static void test_time_never_runs_back(void **state)
{
	struct translator t = translator_new();
	struct trace_event ev[MOST];

	(void)state;
	t.start_ns = 1000;
	CALLS(&t, {.kind = CALL_MALLOC, .address = A, .timed = true, .time_ns = 1500},
	      {.kind = CALL_FREE, .address = A, .timed = true, .time_ns = 1400},
	      {.kind = CALL_FREE, .address = 0, .timed = true, .time_ns = 1600});
	assert_int_equal(read_back(&t, ev), 3);
	assert_int_equal(ev[0].time_ns, 500);
	assert_int_equal(ev[1].time_ns, 500);
	assert_int_equal(ev[2].time_ns, 600);
}

/* ---- the table ---- */

/* Against a plain array, with addresses that collide often. */
static void test_table(void **state)
{
	enum { ADDRESSES = 6000 };
	static uint32_t slot[ADDRESSES];
	struct livemap m = {0}, copy;
	uint64_t seed = 1;
	size_t live = 0;

	(void)state;
	for (uint32_t step = 1; step < 200000; step++) {
		uint32_t i;
		struct live_cell *at;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		i = (uint32_t)(seed >> 33) % ADDRESSES;
		at = livemap_find(&m, 16 * (uint64_t)i + 16);
		assert_int_equal(at != NULL, slot[i] != 0);
		if (at == NULL) {
			assert_int_equal(livemap_put(&m, 16 * (uint64_t)i + 16, step, 0), 0);
			slot[i] = step;
			live++;
		} else {
			assert_int_equal(at->slot, slot[i]);
			livemap_remove(&m, at);
			slot[i] = 0;
			live--;
		}
		assert_int_equal(m.used, live);
	}
	assert_int_equal(livemap_clone(&copy, &m), 0);
	livemap_finish(&m);
	for (uint32_t i = 0; i < ADDRESSES; i++)
		assert_int_equal(livemap_find(&copy, 16 * (uint64_t)i + 16) != NULL, slot[i] != 0);
	livemap_finish(&copy);
}

static int make_path(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots_are_reused),
		cmocka_unit_test(test_realloc_hands_over),
		cmocka_unit_test(test_realloc_that_fails),
		cmocka_unit_test(test_unknown_and_missed),
		cmocka_unit_test(test_child_inherits),
		cmocka_unit_test(test_unknown_beginning),
		cmocka_unit_test(test_time_never_runs_back),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, make_path, remove_path);
}
