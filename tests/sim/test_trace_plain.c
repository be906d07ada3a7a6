/*
 * Events in short are the events: the same .rep lines read by trace_next and by
 * trace_next_plain, most of them usual and some of every odd form, good and bad.
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
#include "sim/trace_plain.h"

#define IDS   3000000u /* more than id_map's window holds */
#define LINES 6000u

static uint64_t state = 1;

static uint32_t below(uint32_t n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % n;
}

/* A size or id of any number of digits, the long ones rare. */
static unsigned any_number(void)
{
	static const unsigned limit[] = {10,     100,     1000,     10000,
					 100000, 1000000, 99999999, 999999999};

	return below(limit[below(8)]);
}

/* A line of the ordinary form, or, one time in 16, of another that is good too. */
static int put_line(char *p, char letter, unsigned id, unsigned size)
{
	static const char *const odd[] = {"%c  %u %u\n",  "%c\t%u\t%u\n", "%c %u %u\r\n",
					  "%c %u %u  \n", "\n%c %u %u\n", "%c 0%u 00%u\n"};
	static const char *const odd_free[] = {"%c  %u\n", "%c %u\r\n", "%c %u \n", "%c 00%u\n"};

	if (letter == 'f')
		return sprintf(p, below(16) ? "%c %u\n" : odd_free[below(4)], letter, id);
	return sprintf(p, below(16) ? "%c %u %u\n" : odd[below(6)], letter, id, size);
}

static uint32_t live[LINES], nr_live;

static int put_operation(char *p)
{
	unsigned id, i;

	if (below(64) == 0)
		return sprintf(p, "f -1\n");
	if (below(50) == 0)
		return put_line(p, 'f', below(IDS), 0); /* most likely of no live object */
	if (nr_live != 0 && below(10) == 0)
		return put_line(p, 'r', live[below(nr_live)], any_number());
	if (nr_live != 0 && below(2) == 0) {
		i = below(nr_live);
		id = live[i];
		live[i] = live[--nr_live];
		return put_line(p, 'f', id, 0);
	}
	id = any_number() % IDS;
	for (i = 0; i < nr_live && live[i] != id; i++)
		;
	if (i != nr_live)
		return put_line(p, 'r', id, any_number());
	live[nr_live++] = id;
	return put_line(p, 'a', id, any_number());
}

/* A file of LINES operations, one byte of it changed at `broken` if that is not 0. */
static int make_file(uint32_t seed, size_t broken)
{
	static char text[LINES * 48];
	char *p = text;
	int fd = memfd_create("rep", 0);

	state = seed;
	nr_live = 0;
	p += sprintf(p, "100\n%u\n%u\n1\n", IDS, LINES);
	for (unsigned i = 0; i < LINES; i++)
		p += put_operation(p);
	if (broken != 0)
		text[broken % (size_t)(p - text)] = "af r0123456789-\n\tx"[below(18)];
	assert_int_equal(write(fd, text, (size_t)(p - text)), p - text);
	return fd;
}

struct reading {
	struct trace_reader *r;
	struct diag d;
	bool bad;
};

static struct reading begin(int fd)
{
	struct reading x = {.bad = false};
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	x.r = trace_open(path, &x.d);
	return x;
}

/* The request in short says what the event says. */
static void compare(const struct trace_event *ev, const struct plain_req *q,
		    const struct trace_event *other)
{
	struct plain_req want = plain_from(ev, 0);

	if (q->size == PLAIN_OTHER) {
		const struct trace_event *o = &other[q->name];

		assert_true(o->op == ev->op && o->slot == ev->slot && o->size == ev->size &&
			    o->flags == ev->flags);
		return;
	}
	assert_true(q->size == want.size && q->note == want.note);
	assert_true(q->size == PLAIN_NOTHING || q->name == want.name);
}

/* Both ways side by side; returns how many events there were. */
static uint64_t compare_readings(struct reading *whole, struct reading *plain)
{
	const struct trace_event *ev = NULL;
	struct plain_block block = {.n = 0};
	size_t n = 0, i = 0, k = 0;
	uint64_t events = 0;

	for (;;) {
		if (i == n && !whole->bad) {
			i = 0;
			whole->bad = trace_next(whole->r, &ev, &n, &whole->d) != 0;
		}
		if (k == block.n && !plain->bad) {
			k = 0;
			plain->bad = trace_next_plain(plain->r, &block, &plain->d) != 0;
		}
		if (i == n || k == block.n)
			break;
		compare(&ev[i++], &block.req[k++], block.other);
		events++;
	}
	assert_true(i == n && k == block.n);
	assert_int_equal(whole->bad, plain->bad);
	if (whole->bad) {
		assert_string_equal(whole->d.msg, plain->d.msg);
		assert_int_equal(whole->d.line, plain->d.line);
		assert_int_equal(whole->d.col, plain->d.col);
	}
	assert_int_equal(trace_slots(whole->r), trace_slots(plain->r));
	return events;
}

static uint64_t read_both_ways(int fd)
{
	struct reading whole = begin(fd), plain = begin(fd);
	uint64_t events = 0;

	/* A byte changed in the first four lines may make it another format's. */
	assert_int_equal(whole.r == NULL, plain.r == NULL);
	if (whole.r != NULL) {
		events = compare_readings(&whole, &plain);
		trace_close(whole.r);
		trace_close(plain.r);
	}
	close(fd);
	return events;
}

static void test_good_lines(void **unused)
{
	(void)unused;
	for (uint32_t seed = 1; seed <= 40; seed++)
		assert_int_equal(read_both_ways(make_file(seed, 0)), LINES);
}

static void test_broken_lines(void **unused)
{
	unsigned stopped = 0;

	(void)unused;
	for (uint32_t seed = 1; seed <= 400; seed++)
		stopped += read_both_ways(make_file(seed, 24 + seed * 7919u)) < LINES;
	assert_true(stopped > 50);
}

/* After a few good lines, each of these. */
static void test_wrong_lines(void **unused)
{
	static const char *const wrong[] = {"f \n",
					    "a \n",
					    "a 5 \n",
					    "a  7\n",
					    "a 5\n",
					    "f 1 2\n",
					    "a 5 6 7\n",
					    "b 5 6\n",
					    "a 1 6\n",
					    "f5\n",
					    "a 5 x\n",
					    "a x 5\n",
					    "a 500 6\n",
					    "a 123456789 6\n",
					    "f 12345678\n",
					    "a 5 1234567890123456789012\n",
					    "a 5 6",
					    "f 1",
					    "f 9\n",
					    "a 0 9\n",
					    "a 5 12345678\n",
					    "a 5 123456789\n",
					    "\n",
					    "f"};

	(void)unused;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		int fd = memfd_create("rep", 0);

		assert_true(dprintf(fd, "1\n100\n5\n1\na 0 8\na 1 16\nf 0\na 2 24\n%s", wrong[i]) >
			    0);
		assert_true(read_both_ways(fd) >= 4);
	}
}

/* An id whose place in the window is a younger one's, which is gone: still live. */
static void test_old_id(void **unused)
{
	int fd = memfd_create("rep", 0);

	(void)unused;
	assert_true(dprintf(fd, "1\n2000000\n5\n1\na 5 8\na 1048581 8\nf 1048581\nf 5\na 5 8\n") >
		    0);
	assert_int_equal(read_both_ways(fd), 5);
	fd = memfd_create("rep", 0);
	assert_true(dprintf(fd, "1\n2000000\n4\n1\na 5 8\na 1048581 8\nf 1048581\na 5 8\n") > 0);
	assert_int_equal(read_both_ways(fd), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_lines),
		cmocka_unit_test(test_broken_lines),
		cmocka_unit_test(test_wrong_lines),
		cmocka_unit_test(test_old_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
