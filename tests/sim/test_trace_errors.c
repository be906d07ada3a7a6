/* Every message of the text and .rep readers, with its line and column. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/trace.h"

struct bad {
	const char *text;
	size_t events; /* delivered before */
	int line, col;
	const char *message; /* a part of it */
};

static const struct bad texts[] = {
	{"frob 1", 0, 1, 1, "unknown operation 'frob'"},
	{"a = malloc 100\n  b = mallock 3", 1, 2, 7, "unknown operation 'mallock'"},
	{"a = malloc", 0, 1, 11, "expected a number"},
	{"a = malloc x1", 0, 1, 12, "expected a size in bytes, a number such as 100"},
	{"a = malloc 99999999999999999999", 0, 1, 12, "expected a size in bytes"},
	{"a = malloc 99999999999999999G", 0, 1, 12, "expected a size in bytes"},
	{"a = malloc 1 2", 0, 1, 14, "expected an attribute"},
	{"a = malloc 1 frob=2", 0, 1, 14, "unknown attribute"},
	{"a = malloc 1 cpu=256", 0, 1, 18, "256 is too large"},
	{"a = malloc 1 !", 0, 1, 14, "expected an attribute"},
	{"a = malloc 1\na = malloc 2", 1, 2, 1, "'a' is live already"},
	{"malloc 100", 0, 1, 1, "expected a name for what is allocated"},
	{"? = malloc 100", 0, 1, 1, "expected a name or null"},
	{"free", 0, 1, 5, "expected the name of an object"},
	{"b = free a", 0, 1, 1, "gives no new object"},
	{"a = malloc 1\nb = realloc a 2", 1, 2, 1, "gives no new object"},
	{"a = alloc_pages", 0, 1, 16, "expected an order"},
	{"a = alloc_pages 1 gfp=GFP_NONE", 0, 1, 23, "unknown flag"},
	{"a = alloc_pages 1 gfp=GFP_KERNEL|X", 0, 1, 34, "unknown flag"},
	{"a = alloc_pages 1 mt=fast", 0, 1, 22, "expected unmovable, movable or reclaimable"},
	{"o = cache_alloc c", 0, 1, 17, "no object of this name is live"},
	{"c = cache_create 64", 0, 1, 20, "expected a number"},
	{"a = calloc 4294967296 4294967296", 0, 1, 23, "beyond 64 bits"},
	{"@x a = malloc 1", 0, 1, 2, "expected a time"},
	{"@5h a = malloc 1", 0, 1, 2, "expected a time"},
	{"@ a = malloc 1", 0, 1, 3, "expected a time"},
	{"a = malloc 1 site=\"x", 0, 1, 19, "expected a closing quote"},
	{"a = malloc 1 site=\"\\q\"", 0, 1, 21, "after a backslash"},
	{"a = malloc 1 site=\"\\x00\"", 0, 1, 23, "after a backslash"},
	{"a = malloc 1 flags=64", 0, 1, 20, "unknown event flag"},
	{"a = malloc 1 flags=1", 0, 1, 20, "unknown event flag"},
	{"= malloc 1", 0, 1, 1, "expected an operation such as"},
	{"a = malloc 1\nc = kmap a slot2=9", 1, 2, 1, "slot2 names a slot that was never taken"},
};

static const struct bad reps[] = {
	{"1\n2\n", 0, 3, 1, "the file ends here, expected the number of operations"},
	{"1\n2\nx\n1\n", 0, 3, 1, "expected the number of operations"},
	{"1\n9999999999\n1\n1\na 0 1\n", 0, 2, 1, "9999999999 ids"},
	{"1\n2\n3\n1\nx 0 1\n", 0, 5, 1, "expected an operation: 'a id bytes'"},
	{"1\n2\n3\n1\na 0 1\na x\n", 1, 6, 3, "expected an id"},
	{"1\n2\n3\n1\na 2 1\n", 0, 5, 3, "an id below the number of ids in line 2"},
	{"1\n2\n3\n1\na 0\n", 0, 5, 4, "a size in bytes"},
	{"1\n2\n3\n1\na 0 99999999999999999999\n", 0, 5, 5, "a size in bytes"},
	{"1\n2\n3\n1\na 0 -4\n", 0, 5, 5, "a size in bytes"},
	{"1\n2\n3\n1\na 0 1 2\n", 0, 5, 7, "the end of the line"},
	{"1\n2\n3\n1\nf 0 1\n", 0, 5, 5, "the end of the line"},
	{"1\n2\n3\n1\na 0 1\na 0 2\n", 1, 6, 3, "this one was not freed yet"},
	{"1\n2\n3\n1\na 0 1\nf 0\n", 2, 6, 0, "the file ends after 2 operations, line 3 says 3"},
	{"1\n2\n1\n1\na 0 1\nf 0\n", 1, 6, 1,
	 "expected the end of the file: these are all operations of line 3"},
	{"1\n2\n3\n1\na 0 1\nf", 1, 6, 2, "the file ends here, expected an id"},
};

static int open_memory(const char *text, size_t bytes, char path[64])
{
	int fd = memfd_create("trace", 0);

	assert_int_equal(write(fd, text, bytes), bytes);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static size_t read_to_the_end(const char *path, const char *from, struct diag *d)
{
	struct trace_reader *r = trace_open_as(path, from, d);
	const struct trace_event *ev;
	size_t n, events = 0;

	while (r != NULL && trace_next(r, &ev, &n, d) == 0 && n != 0)
		events += n;
	trace_close(r);
	return events;
}

static void check(const struct bad *b, const char *from)
{
	struct diag d = {.msg = ""};
	char path[64];
	int fd = open_memory(b->text, strlen(b->text), path);
	size_t events = read_to_the_end(path, from, &d);

	if (events != b->events || d.line != b->line || d.col != b->col ||
	    strstr(d.msg, b->message) == NULL)
		fail_msg("\"%s\": %zu events, then %d:%d: %s\nexpected %zu events, then %d:%d: %s",
			 b->text, events, d.line, d.col, d.msg, b->events, b->line, b->col,
			 b->message);
	close(fd);
}

static void test_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		check(&texts[i], "text");
}

static void test_rep(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof reps / sizeof reps[0]; i++)
		check(&reps[i], "rep");
}

static void check_open(const char *text, size_t bytes, const char *from, const char *message)
{
	struct diag d = {.msg = ""};
	char path[64];
	int fd = open_memory(text, bytes, path);

	assert_int_equal(read_to_the_end(path, from, &d), 0);
	if (strstr(d.msg, message) == NULL)
		fail_msg("'%s' does not say '%s'", d.msg, message);
	close(fd);
}

static void test_unknown_formats(void **state)
{
	struct diag d = {.msg = ""};

	(void)state;
	check_open("", 0, NULL, "is empty, expected a trace");
	check_open("\0\1\2", 3, NULL, "unknown format");
	check_open("x", 1, "heaptrack",
		   "unknown format 'heaptrack', expected binary, text, rep or kmem");
	check_open("MSTRACE\n", 8, NULL, "truncated within the file's header");
	assert_null(trace_open("/nowhere.mst", &d));
	assert_non_null(strstr(d.msg, "cannot open"));
	d.msg[0] = '\0';
	assert_null(trace_open("/tmp", &d));
	assert_non_null(strstr(d.msg, "is a directory"));
}

/* The forms a teacher writes, and what they mean. */
static void test_meaning(void **state)
{
	static const char text[] = "# comment\n\n"
				   "phase boot and more\n"
				   "a = malloc 4K # forty-nine\n"
				   "b = calloc 10 0x4\r\n"
				   "@5us cpu=1 c = memalign 64 1K\n"
				   "p = alloc_pages order=2 gfp=GFP_KERNEL|__GFP_ZERO mt=movable\n"
				   "a = realloc a 8192\n"
				   "free b\nfree b\nfree null\n"
				   "d = realloc null 16\n"
				   "null = malloc 1G";
	struct diag d = {.msg = ""};
	const struct trace_event *e;
	struct trace_reader *r;
	char path[64];
	int fd = open_memory(text, strlen(text), path);
	size_t n;

	(void)state;
	r = trace_open(path, &d);
	assert_non_null(r);
	assert_int_equal(trace_next(r, &e, &n, &d), 0);
	assert_int_equal(n, 11);
	assert_string_equal(trace_string(r, (uint32_t)e[0].arg), "boot and more");
	assert_true(e[1].op == OP_MALLOC && e[1].size == 4096 && e[1].slot == 0);
	assert_true(e[2].op == OP_CALLOC && e[2].size == 40 && e[2].arg == 10 && e[2].slot == 1);
	assert_true(e[3].time_ns == 5000 && e[3].flags == EV_HAS_TIME && e[3].cpu == 1);
	assert_true(e[3].op == OP_MEMALIGN && e[3].arg == 64 && e[3].size == 1024);
	assert_true(e[4].order == 2 && e[4].gfp == (0xcc0 | 0x100) && e[4].migratetype == 1);
	assert_true(e[5].op == OP_REALLOC && e[5].slot == 0 && e[5].size == 8192);
	assert_true(e[6].op == OP_FREE && e[6].slot == 1 && e[6].flags == 0);
	assert_true(e[7].slot == SLOT_NONE && e[7].flags == EV_UNKNOWN_ID);
	assert_true(e[8].slot == SLOT_NONE && e[8].flags == EV_NULL);
	assert_true(e[9].op == OP_REALLOC && e[9].slot == 1 && e[9].flags == EV_NULL);
	assert_true(e[10].slot == SLOT_NONE && e[10].flags == EV_NULL && e[10].size == 1 << 30);
	trace_close(r);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_rep),
		cmocka_unit_test(test_unknown_formats),
		cmocka_unit_test(test_meaning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
