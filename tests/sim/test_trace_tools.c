/* Generators, statistics and copies of traces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/trace_copy.h"
#include "sim/trace_gen.h"
#include "sim/trace_kernel.h"
#include "sim/trace_merge.h"
#include "sim/trace_pages.h"
#include "sim/trace_stats.h"

struct file {
	int fd;
	char path[64];
};

static struct file new_file(void)
{
	struct file f = {.fd = memfd_create("trace", 0)};

	assert_true(f.fd >= 0);
	snprintf(f.path, sizeof f.path, "/proc/self/fd/%d", f.fd);
	return f;
}

static struct trace_writer *open_writer(const struct file *f)
{
	struct diag d = {.msg = ""};
	struct trace_writer *w = trace_writer_open_fd(dup(f->fd), "memory", NULL, &d);

	assert_non_null(w);
	return w;
}

static struct trace_stats stats_of(const struct file *f)
{
	struct diag d = {.msg = ""};
	struct trace_reader *r = trace_open(f->path, &d);
	struct trace_stats s = {.events = 0};

	if (r == NULL || trace_stats(r, &s, &d) != 0)
		fail_msg("%s", d.msg);
	trace_close(r);
	return s;
}

static struct file generate(const struct generator *g, uint64_t events, uint64_t seed)
{
	struct file f = new_file();
	struct trace_writer *w = open_writer(&f);
	struct gen_params p = g->defaults;
	struct diag d = {.msg = ""};

	p.events = events;
	p.seed = seed;
	assert_int_equal(g->run(w, &p, &d), 0);
	assert_int_equal(trace_writer_close(w, &d), 0);
	return f;
}

/* The same parameters, the same trace: recorded once, on every compiler and level. */
static void test_generators_are_deterministic(void **state)
{
	static const struct {
		const char *name, *hash;
	} golden[] = {
		{"uniform", "5cf9f9448b00bf5a0bb3f07c3e53500d"},
		{"powers", "71227d72a4270ae10fe8d19287a0bbbe"},
		{"phases", "0837f06ce1713ef3e93a1109960d37cb"},
		{"firmware", "ccab02c98056dc51fa51becb7c33ad6a"},
		{"robson", "98c054e0021f5783654d98a6e3495d19"},
		{"slivers", "5e3ccf001a0c0208a93c1577455d6e69"},
		{"comb", "410ba14dc1aedb787783db8a2ad62efd"},
		{"listwalk", "1d4ab57ba834f8054227d433df9c64fb"},
		{"pages", "9b6da33582c4437ef0dd640604ab9acf"},
	};

	(void)state;
	assert_int_equal(sizeof golden / sizeof golden[0], nr_generators);
	for (unsigned i = 0; i < nr_generators; i++) {
		struct file f = generate(&generators[i], 20000, 1);
		struct trace_stats s = stats_of(&f);

		assert_string_equal(generators[i].name, golden[i].name);
		if (strcmp(s.hash, golden[i].hash) != 0)
			fail_msg("%s: hash %s, expected %s", golden[i].name, s.hash,
				 golden[i].hash);
		close(f.fd);
	}
}

static void test_generators_keep_their_word(void **state)
{
	(void)state;
	for (unsigned i = 0; i < nr_generators; i++) {
		const struct gen_params *p = &generators[i].defaults;
		struct file f = generate(&generators[i], 30000, 2);
		struct trace_stats s = stats_of(&f);

		assert_true(s.events >= 30000 && s.events < 30000 + 8 * p->live);
		assert_true(s.peak_blocks <= p->live && s.peak_blocks > p->live / 4);
		assert_int_equal(s.unknown_ids, 0);
		if (strcmp(generators[i].name, "pages") != 0)
			assert_true(s.largest <= p->max && s.largest > p->max / 2);
		close(f.fd);
	}
}

static struct file text_file(const char *text)
{
	struct file f = new_file();

	assert_int_equal(write(f.fd, text, strlen(text)), strlen(text));
	return f;
}

static void test_statistics(void **state)
{
	struct file f = text_file("a = malloc 100\nb = calloc 10 4\nrealloc a 300\nfree b\nfree b\n"
				  "free null\nnull = malloc 5\nc = malloc 0\nfree a\nnote x\n");
	struct trace_stats s = stats_of(&f);

	(void)state;
	assert_int_equal(s.events, 10);
	assert_int_equal(s.births, 3);
	assert_int_equal(s.deaths, 2);
	assert_int_equal(s.by_op[OP_FREE], 4);
	assert_int_equal(s.null_calls, 2);
	assert_int_equal(s.unknown_ids, 1);
	assert_int_equal(s.peak_bytes, 340);
	assert_int_equal(s.peak_bytes_event, 3);
	assert_int_equal(s.peak_blocks, 2);
	assert_int_equal(s.live_blocks, 1);
	assert_int_equal(s.live_bytes, 0);
	assert_int_equal(s.slots, 2);
	assert_int_equal(s.sizes[0], 1);
	assert_int_equal(s.sizes[6], 1); /* 40 */
	assert_int_equal(s.sizes[7], 1); /* 100 */
	assert_int_equal(s.lifetimes[2], 1); /* b: 2 events */
	assert_int_equal(s.lifetimes[4], 1); /* a: 8 events */
	close(f.fd);
}

/* Leaves out the second of three objects; its realloc and free go with it, slots move up. */
static void test_copy_leaves_out_whole_objects(void **state)
{
	struct file f = text_file("a = malloc 1 tag=x\nb = malloc 2\nc = malloc 3 site=y\n"
				  "realloc b 9\nfree b\nd = malloc 4\nfree c\nphase end\n");
	struct file g = new_file();
	struct diag d = {.msg = ""};
	struct trace_reader *r = trace_open(f.path, &d);
	struct trace_writer *w = open_writer(&g);
	const struct trace_event *ev;
	struct trace_copy c;
	size_t n;

	(void)state;
	trace_copy_init(&c, r, w);
	assert_int_equal(trace_next(r, &ev, &n, &d), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(i == 1 ? trace_copy_drop(&c, &ev[i], &d)
					: trace_copy_put(&c, &ev[i], &d),
				 0);
	assert_int_equal(c.copied, 5);
	assert_int_equal(c.left_out, 3);
	trace_copy_finish(&c);
	trace_close(r);
	assert_int_equal(trace_writer_close(w, &d), 0);
	r = trace_open(g.path, &d);
	assert_int_equal(trace_next(r, &ev, &n, &d), 0);
	assert_int_equal(n, 5);
	assert_string_equal(trace_string(r, ev[0].tag), "x");
	assert_true(ev[1].size == 3 && ev[1].slot == 1);
	assert_string_equal(trace_string(r, ev[1].site), "y");
	assert_true(ev[2].size == 4 && ev[2].slot == 2);
	assert_true(ev[3].op == OP_FREE && ev[3].slot == 1);
	assert_string_equal(trace_string(r, (uint32_t)ev[4].arg), "end");
	trace_close(r);
	close(f.fd);
	close(g.fd);
}

static void assert_text(int fd, const char *expected)
{
	char text[4096];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

static struct trace_writer *open_text(const struct file *f)
{
	struct trace_writer_options o = {.encoding = TRACE_TEXT};
	struct diag d = {.msg = ""};
	struct trace_writer *w = trace_writer_open_fd(dup(f->fd), "memory", &o, &d);

	assert_non_null(w);
	return w;
}

static struct kernel_counts as_kernel(const struct file *f, unsigned caches, const char *expected)
{
	struct file g = new_file();
	struct kernel_counts n;
	struct diag d = {.msg = ""};
	struct trace_writer *w = open_text(&g);

	if (trace_as_kernel(f->path, caches, w, &n, &d) != 0 || trace_writer_close(w, &d) != 0)
		fail_msg("%s", d.msg);
	assert_text(g.fd, expected);
	close(g.fd);
	return n;
}

/*
 * Three kinds have two births: 24 bytes at x; 40 bytes, of which one is resized; 16 bytes at
 * y, zeroed or not.
 */
static void test_as_kernel(void **state)
{
	struct file f = text_file("a = malloc 24 site=x\nb = malloc 24 site=x\nc = malloc 24\n"
				  "d = malloc 40\ne = malloc 40\nrealloc e 50\nfree b\n"
				  "f = calloc 16 2 site=y\ng = realloc null 32 site=y\nfree g\n"
				  "h = memalign 64 100\nfree null\nnote end\nfree a\nfree h\n"
				  "free e\n");
	struct kernel_counts n = as_kernel(
		&f, 9,
		"# memscape-text/2\nb0 = cache_create \"x-24\" 24\nb1 = cache_create \"y-32\" 32\n"
		"b2 = cache_alloc b0 gfp=GFP_KERNEL site=\"x\"\n"
		"b3 = cache_alloc b0 gfp=GFP_KERNEL site=\"x\"\nb4 = kmalloc 24 gfp=GFP_KERNEL\n"
		"b5 = kmalloc 40 gfp=GFP_KERNEL\nb6 = kmalloc 40 gfp=GFP_KERNEL\n"
		"krealloc b6 50 gfp=GFP_KERNEL\ncache_free b3 b0\n"
		"b3 = cache_alloc b1 gfp=GFP_KERNEL|__GFP_ZERO site=\"y\"\n"
		"b7 = cache_alloc b1 gfp=GFP_KERNEL site=\"y\"\ncache_free b7 b1\n"
		"b7 = kmalloc 128 gfp=GFP_KERNEL\nkfree null\nnote \"end\"\n"
		"cache_free b2 b0\nkfree b7\nkfree b6\n");

	(void)state;
	assert_int_equal(n.caches, 2);
	assert_int_equal(n.objects, 4);
	assert_int_equal(n.events, 18);
	n = as_kernel(
		&f, 1,
		"# memscape-text/2\nb0 = cache_create \"x-24\" 24\n"
		"b1 = cache_alloc b0 gfp=GFP_KERNEL site=\"x\"\n"
		"b2 = cache_alloc b0 gfp=GFP_KERNEL site=\"x\"\nb3 = kmalloc 24 gfp=GFP_KERNEL\n"
		"b4 = kmalloc 40 gfp=GFP_KERNEL\nb5 = kmalloc 40 gfp=GFP_KERNEL\n"
		"krealloc b5 50 gfp=GFP_KERNEL\ncache_free b2 b0\n"
		"b2 = kcalloc 16 2 gfp=GFP_KERNEL site=\"y\"\nb6 = kmalloc 32 gfp=GFP_KERNEL "
		"site=\"y\"\n"
		"kfree b6\nb6 = kmalloc 128 gfp=GFP_KERNEL\nkfree null\nnote \"end\"\n"
		"cache_free b1 b0\nkfree b6\nkfree b5\n");
	assert_int_equal(n.caches, 1);
	close(f.fd);
}

/*
 * a stays of one order, then needs another; c is larger than order 2 and left out with its
 * free; p is pages already, and freed by the wrong word: its order is known all the same.
 */
static void test_as_pages(void **state)
{
	struct file f = text_file("a = malloc 100\nb = malloc 5000 site=f\nrealloc a 200\n"
				  "realloc a 9000\nc = malloc 100K\np = alloc_pages 1\nfree p\n"
				  "free c\nfree a\nfree b\nnote end\n");
	struct file g = new_file();
	struct trace_writer *w = open_text(&g);
	struct diag d = {.msg = ""};
	struct trace_reader *r = trace_open(f.path, &d);
	struct pages_counts n;

	(void)state;
	assert_int_equal(trace_as_pages(r, 4096, 2, w, &n, &d), 0);
	assert_int_equal(trace_writer_close(w, &d), 0);
	assert_text(g.fd, "# memscape-text/2\nb0 = alloc_pages 0\nb1 = alloc_pages 1 site=\"f\"\n"
			  "free_pages b0\nb0 = alloc_pages 2\nb2 = alloc_pages 1\n"
			  "free_pages b2 order=1\nfree_pages b0 order=2\n"
			  "free_pages b1 order=1\nnote \"end\"\n");
	assert_int_equal(n.copied, 9);
	assert_int_equal(n.left_out, 3);
	assert_int_equal(n.oversize, 1);
	trace_close(r);
	close(f.fd);
	close(g.fd);
}

static void check_merge(const char *a, const char *b, const char *expected)
{
	struct file f[2] = {text_file(a), text_file(b)}, g = new_file();
	struct trace_writer *w = open_text(&g);
	struct diag d = {.msg = ""};
	struct trace_reader *r[2] = {trace_open(f[0].path, &d), trace_open(f[1].path, &d)};

	assert_int_equal(trace_merge(r, 2, w, &d), 0);
	assert_int_equal(trace_writer_close(w, &d), 0);
	assert_text(g.fd, expected);
	for (unsigned i = 0; i < 2; i++) {
		trace_close(r[i]);
		close(f[i].fd);
	}
	close(g.fd);
}

/* By time stamp; without, in turn, since a text's length is unknown. */
static void test_merge(void **state)
{
	(void)state;
	check_merge("@10ns a = malloc 1\n@30ns free a\n", "@20ns x = malloc 2\n@40ns free x\n",
		    "# memscape-text/2\n@10 b0 = malloc 1\n@20 b1 = malloc 2 ctx=1\n"
		    "@30 free b0\n@40 free b1 ctx=1\n");
	check_merge("a = malloc 1\nb = malloc 2\nfree a\nfree b\n",
		    "x = malloc 30\nctx=1 y = malloc 40\n",
		    "# memscape-text/2\nb0 = malloc 1\nb1 = malloc 30 ctx=1\nb2 = malloc 2\n"
		    "b3 = malloc 40 ctx=3\nfree b0\nfree b2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generators_are_deterministic),
		cmocka_unit_test(test_generators_keep_their_word),
		cmocka_unit_test(test_statistics),
		cmocka_unit_test(test_copy_leaves_out_whole_objects),
		cmocka_unit_test(test_as_kernel),
		cmocka_unit_test(test_as_pages),
		cmocka_unit_test(test_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
