/*
 * Damaged traces: a file cut at every byte, and with every single bit flipped, gives one
 * diagnosis or the same events; what lies before the damage is delivered.
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

#include "sim/trace.h"
#include "sim/trace_writer.h"

#define EVENTS 120u

static struct trace_event events[EVENTS];
static uint8_t *file;
static size_t file_bytes;

static void put_event(struct trace_writer *w, struct trace_event ev, size_t i)
{
	struct diag d = {.msg = ""};

	assert_int_equal(trace_writer_put(w, &ev, &d), 0);
	events[i] = ev;
}

/* Blocks of 7 events, strings in the middle, 17 sections, so that a slots section is there. */
static int make_file(void **state)
{
	struct trace_writer_options o = {.block_events = 7};
	struct diag d = {.msg = ""};
	int fd = memfd_create("trace", 0);
	struct trace_writer *w = trace_writer_open_fd(dup(fd), "memory", &o, &d);

	(void)state;
	for (uint32_t i = 0; i < EVENTS; i++) {
		if (i % 3 == 2)
			put_event(w, (struct trace_event){.op = OP_FREE, .slot = i / 3}, i);
		else if (i == 60)
			put_event(w,
				  (struct trace_event){.op = OP_PHASE,
						       .slot = SLOT_NONE,
						       .arg = trace_writer_string(w, "half", 4)},
				  i);
		else
			put_event(w, (struct trace_event){.op = OP_MALLOC, .size = i * 37}, i);
	}
	if (trace_writer_close(w, &d) != 0)
		return -1;
	file_bytes = (size_t)lseek(fd, 0, SEEK_END);
	file = malloc(file_bytes);
	if (file == NULL || pread(fd, file, file_bytes, 0) != (ssize_t)file_bytes)
		return -1;
	return close(fd);
}

static int free_file(void **state)
{
	(void)state;
	free(file);
	return 0;
}

struct outcome {
	size_t delivered;
	bool damaged;
	struct diag d;
};

/* Reads bytes as a trace; whatever is delivered must be the events of the whole file. */
static struct outcome read_bytes(const uint8_t *bytes, size_t n, bool as_pipe)
{
	struct outcome o = {.d = {.msg = ""}};
	int fd = memfd_create("damaged", 0), ends[2] = {-1, -1};
	const struct trace_event *ev;
	struct trace_reader *r;
	char path[64];
	size_t got;

	assert_int_equal(write(fd, bytes, n), n);
	if (as_pipe) {
		assert_int_equal(pipe(ends), 0);
		assert_int_equal(write(ends[1], bytes, n), n);
		close(ends[1]);
	}
	snprintf(path, sizeof path, "/dev/fd/%d", as_pipe ? ends[0] : fd);
	r = trace_open(path, &o.d);
	o.damaged = r == NULL;
	while (r != NULL) {
		if (trace_next(r, &ev, &got, &o.d) != 0) {
			o.damaged = true;
			break;
		}
		if (got == 0)
			break;
		assert_true(o.delivered + got <= EVENTS);
		assert_memory_equal(ev, events + o.delivered, got * sizeof *ev);
		o.delivered += got;
	}
	trace_close(r);
	close(fd);
	close(ends[0]);
	assert_int_equal(o.damaged, o.d.msg[0] != '\0');
	assert_null(strchr(o.d.msg, '\n'));
	return o;
}

static void test_whole(void **state)
{
	(void)state;
	for (int as_pipe = 0; as_pipe < 2; as_pipe++) {
		struct outcome o = read_bytes(file, file_bytes, as_pipe);

		assert_false(o.damaged);
		assert_int_equal(o.delivered, EVENTS);
	}
}

/* Cut anywhere: a diagnosis; and the events of all whole sections before it. */
static void test_truncated_at_every_byte(void **state)
{
	size_t before = 0;

	(void)state;
	for (size_t n = 0; n < file_bytes; n++) {
		struct outcome o = read_bytes(file, n, n % 2);

		assert_true(o.damaged);
		assert_true(o.delivered >= before);
		before = o.delivered;
		if (n > 24)
			assert_non_null(strstr(o.d.msg, "truncated"));
	}
	assert_int_equal(before, EVENTS);
}

static void test_every_bit_flipped(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < file_bytes * 8; bit++) {
		struct outcome o;

		file[bit / 8] ^= (uint8_t)(1u << bit % 8);
		o = read_bytes(file, file_bytes, false);
		file[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (!o.damaged)
			fail_msg("bit %zu of byte %zu was not noticed", bit % 8, bit / 8);
	}
}

static void test_more_behind_the_end(void **state)
{
	uint8_t *longer = malloc(file_bytes + 1);
	struct outcome o;

	(void)state;
	memcpy(longer, file, file_bytes);
	longer[file_bytes] = 0;
	o = read_bytes(longer, file_bytes + 1, false);
	assert_int_equal(o.delivered, EVENTS);
	assert_non_null(strstr(o.d.msg, "bytes behind the trailer"));
	free(longer);
}

/* The message says where: the block, its place and the events before it. */
static void test_message_names_the_block(void **state)
{
	struct outcome o;
	size_t at = 24 + 32; /* the first payload */

	(void)state;
	file[at] ^= 1;
	o = read_bytes(file, file_bytes, false);
	file[at] ^= 1;
	assert_string_equal(o.d.msg,
			    "block 1 at byte 24, after event 0: checksum differs: the bytes "
			    "were changed");
}

/* A trace flushed and then lost, as by a crash, keeps what was flushed. */
static void test_flushed_is_kept(void **state)
{
	int fd = memfd_create("crash", 0);
	struct diag d = {.msg = ""};
	struct trace_writer *w = trace_writer_open_fd(dup(fd), "memory", NULL, &d);
	uint8_t bytes[4096];
	struct outcome o;
	ssize_t n;

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct trace_event ev = {.op = OP_MALLOC, .size = i * 37};

		assert_int_equal(trace_writer_put(w, &ev, &d), 0);
	}
	assert_int_equal(trace_writer_flush(w, &d), 0);
	trace_writer_forget(w);
	n = pread(fd, bytes, sizeof bytes, 0);
	o = read_bytes(bytes, (size_t)n, false);
	assert_true(o.damaged);
	assert_int_equal(o.delivered, 2);
	close(fd);
}

/* What the writer refuses, and that it goes on after. */
static void test_writer_refuses(void **state)
{
	static const struct {
		struct trace_event ev;
		const char *why;
	} cases[] = {
		{{.op = OP_FREE, .slot = 7}, "the slot is not live"},
		{{.op = OP_REALLOC, .slot = 0}, "the slot is not live"},
		{{.op = NR_TRACE_OPS}, "unknown operation"},
		{{.op = OP_FREE, .slot = SLOT_NONE, .flags = 128}, "unknown flag"},
		{{.op = OP_NOTE, .slot = SLOT_NONE, .arg = 1},
		 "a string index that was never given"},
		{{.op = OP_MALLOC, .site = 9}, "a string index that was never given"},
		{{.op = OP_NOTE, .slot = 0}, "an operation that names no object, with a slot"},
		{{.op = OP_CACHE_ALLOC, .slot2 = 4}, "a second slot that was never given"},
	};
	struct diag d = {.msg = ""};
	int fd = memfd_create("refuse", 0);
	struct trace_writer *w = trace_writer_open_fd(fd, "memory", NULL, &d);
	struct trace_event good = {.op = OP_MALLOC};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct trace_event ev = cases[i].ev;

		d.msg[0] = '\0';
		assert_int_equal(trace_writer_put(w, &ev, &d), -1);
		if (strstr(d.msg, cases[i].why) == NULL)
			fail_msg("'%s' does not say '%s'", d.msg, cases[i].why);
	}
	assert_int_equal(trace_writer_put(w, &good, &d), 0);
	assert_int_equal(trace_writer_events(w), 1);
	trace_writer_abort(w);
}

/* Nothing under the name until the trace is whole; nothing left when it is given up. */
static void test_file_is_whole_or_absent(void **state)
{
	char path[] = "/tmp/test_trace_wholeXXXXXX";
	struct diag d = {.msg = ""};
	struct trace_writer *w;

	(void)state;
	close(mkstemp(path));
	unlink(path);
	w = trace_writer_open(path, NULL, &d);
	assert_non_null(w);
	assert_int_equal(access(path, F_OK), -1);
	trace_writer_abort(w);
	assert_int_equal(access(path, F_OK), -1);
	w = trace_writer_open(path, NULL, &d);
	assert_int_equal(trace_writer_close(w, &d), 0);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	assert_null(trace_writer_open("/nowhere/trace.mst", NULL, &d));
	assert_non_null(strstr(d.msg, "cannot create"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_truncated_at_every_byte),
		cmocka_unit_test(test_every_bit_flipped),
		cmocka_unit_test(test_more_behind_the_end),
		cmocka_unit_test(test_message_names_the_block),
		cmocka_unit_test(test_flushed_is_kept),
		cmocka_unit_test(test_writer_refuses),
		cmocka_unit_test(test_file_is_whole_or_absent),
	};

	return cmocka_run_group_tests(tests, make_file, free_file);
}
