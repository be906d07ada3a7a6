/* Every operation and field survives text, binary and back; all encodings have one hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/trace.h"
#include "sim/trace_ops.h"
#include "sim/trace_writer.h"

#define MANY 400000u

struct list {
	struct trace_event *ev;
	size_t n, cap;
};

static char dir[] = "/tmp/test_traceXXXXXX";

static char *in_dir(const char *name)
{
	static char path[4][128];
	static unsigned i;
	char *p = path[i++ % 4];

	snprintf(p, sizeof path[0], "%s/%s", dir, name);
	return p;
}

static void fail_with(const struct diag *d)
{
	char text[1024];

	diag_text(d, text, sizeof text);
	fail_msg("%s", text);
}

static void append(struct list *l, const struct trace_event *ev)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->ev = realloc(l->ev, l->cap * sizeof *l->ev);
		assert_non_null(l->ev);
	}
	l->ev[l->n++] = *ev;
}

/* Writes a list; births get their slots from the writer, and must be those of the list. */
static void write_list(const char *path, enum trace_encoding encoding, uint32_t block,
		       const struct list *l)
{
	struct trace_writer_options o = {.encoding = encoding, .block_events = block};
	struct diag d = {0};
	struct trace_writer *w = trace_writer_open(path, &o, &d);

	if (w == NULL)
		fail_with(&d);
	assert_int_equal(trace_writer_string(w, "malloc+0x12", 11), 1);
	assert_int_equal(trace_writer_string(w, "a \"tag\"\n\\ \x01\xc3\xa9", 13), 2);
	assert_int_equal(trace_writer_string(w, "bdma", 4), 3);
	assert_int_equal(trace_writer_string(w, "", 0), 0);
	assert_int_equal(trace_writer_string(w, "bdma", 4), 3);
	for (size_t i = 0; i < l->n; i++) {
		struct trace_event ev = l->ev[i];

		if (trace_writer_put(w, &ev, &d) != 0)
			fail_with(&d);
		assert_int_equal(ev.slot, l->ev[i].slot);
	}
	assert_int_equal(trace_writer_events(w), l->n);
	if (trace_writer_close(w, &d) != 0)
		fail_with(&d);
}

static bool same_string(const struct trace_reader *r, uint32_t a, uint32_t b)
{
	static const char *const text[] = {"", "malloc+0x12", "a \"tag\"\n\\ \x01\xc3\xa9", "bdma"};

	return strcmp(trace_string(r, a), text[b]) == 0;
}

/* The reader numbers strings in the order of their use in text: they are compared as text. */
static void assert_same(const struct trace_reader *r, const struct trace_event *got,
			const struct trace_event *want, size_t number)
{
	struct trace_event g = *got, x = *want;

	assert_true(same_string(r, g.site, x.site));
	assert_true(same_string(r, g.tag, x.tag));
	assert_true(same_string(r, g.master, x.master));
	g.site = x.site = g.tag = x.tag = 0;
	g.master = x.master = 0;
	if (trace_op_is_marker(x.op)) {
		assert_true(same_string(r, (uint32_t)g.arg, (uint32_t)x.arg));
		g.arg = x.arg = 0;
	}
	if (memcmp(&g, &x, sizeof g) != 0)
		fail_msg("event %zu (%s) differs: size %llu %llu arg %llu %llu slot %u %u slot2 %u "
			 "%u gfp %x %x flags %x %x order %u %u mt %u %u ctx %u %u",
			 number, trace_op_word(x.op), (unsigned long long)g.size,
			 (unsigned long long)x.size, (unsigned long long)g.arg,
			 (unsigned long long)x.arg, g.slot, x.slot, g.slot2, x.slot2, g.gfp, x.gfp,
			 g.flags, x.flags, g.order, x.order, g.migratetype, x.migratetype, g.ctx,
			 x.ctx);
}

static void read_list(const char *path, const char *format, const struct list *l, char hash[33])
{
	struct diag d = {0};
	struct trace_reader *r = trace_open(path, &d);
	const struct trace_event *ev;
	struct trace_info info;
	size_t n, k = 0;

	if (r == NULL)
		fail_with(&d);
	trace_get_info(r, &info);
	assert_string_equal(info.format, format);
	trace_want_hash(r);
	do {
		if (trace_next(r, &ev, &n, &d) != 0)
			fail_with(&d);
		assert_true(k + n <= l->n);
		for (size_t i = 0; i < n; i++, k++)
			assert_same(r, &ev[i], &l->ev[k], k + 1);
	} while (n != 0);
	assert_int_equal(k, l->n);
	trace_hash(r, hash);
	trace_close(r);
}

static void round_trip(const struct list *l)
{
	char first[33], second[33], small[33];

	write_list(in_dir("a.txt"), TRACE_TEXT, 0, l);
	write_list(in_dir("a.mst"), TRACE_BINARY, 0, l);
	write_list(in_dir("b.mst"), TRACE_BINARY, 5, l);
	read_list(in_dir("a.txt"), "memscape-text/2", l, first);
	read_list(in_dir("a.mst"), "memscape-binary/2", l, second);
	read_list(in_dir("b.mst"), "memscape-binary/2", l, small);
	assert_int_equal(strlen(first), 32);
	assert_string_equal(first, second);
	assert_string_equal(first, small);
}

/*
 * Slot 0 is a cache that is named as second object;
 * each operation but a birth has one of its own.
 */
struct maker {
	struct list l;
	uint32_t next; /* slot */
};

static void make_birth(struct maker *m, struct trace_event ev)
{
	ev.slot = m->next++;
	append(&m->l, &ev);
}

static struct trace_event make_plain(struct maker *m, enum trace_op op, unsigned flags)
{
	struct trace_event ev = {.op = (uint8_t)op, .slot = SLOT_NONE, .flags = (uint8_t)flags};

	if (trace_op_has_slot(op) && !trace_op_births(op, flags))
		make_birth(m, (struct trace_event){.op = OP_MALLOC, .size = 10});
	if (trace_op_has_slot(op))
		ev.slot = trace_op_births(op, flags) ? m->next++ : m->next - 1;
	ev.slot2 = trace_op_has_slot2(op) ? 0 : ev.slot2;
	ev.time_ns = flags & EV_HAS_TIME ? 1000 + flags : 0;
	return ev;
}

/* A death gives its slot back, which the next birth takes. */
static void make(struct maker *m, const struct trace_event *ev)
{
	append(&m->l, ev);
	if (ev->slot != SLOT_NONE && trace_op_life(ev->op) == LIFE_D)
		m->next--;
}

/* Field number `what` (0: none, 14: all) of an event gets a value. */
static void set_field(struct trace_event *ev, unsigned what)
{
	bool all = what == 14;

#define SET(n, field, value)                                                                       \
	if (what == (n) || all)                                                                    \
		ev->field = value;
	SET(1, size, 1234567890123)
	SET(2, arg, trace_op_is_marker(ev->op) ? 2 : UINT64_MAX)
	SET(3, gfp, 0xcc0)
	SET(4, gfp, 0xffffffff)
	SET(5, site, 1)
	SET(6, tag, 2)
	SET(7, master, 3)
	SET(8, ctx, 65535)
	SET(9, cpu, 255)
	SET(10, node, 7)
	SET(11, order, 11)
	SET(12, migratetype, 2)
	SET(13, time_ns, UINT64_MAX)
#undef SET
	if (ev->time_ns != 0)
		ev->flags |= EV_HAS_TIME;
}

/* Each operation with all fields zero, then with each field set, then with all of them. */
static void test_every_operation_and_field(void **state)
{
	(void)state;
	for (unsigned what = 0; what < 15; what++) {
		struct maker m = {0};

		make_birth(&m, (struct trace_event){.op = OP_CACHE_CREATE, .size = 64, .tag = 2});
		for (unsigned op = 0; op < NR_TRACE_OPS; op++) {
			struct trace_event ev = make_plain(&m, (enum trace_op)op, 0);

			set_field(&ev, what);
			make(&m, &ev);
		}
		round_trip(&m.l);
		free(m.l.ev);
	}
}

/* Every flag with every operation, with a slot and without one. */
static void test_every_flag(void **state)
{
	struct maker m = {0};

	(void)state;
	make_birth(&m, (struct trace_event){.op = OP_CACHE_CREATE, .size = 64, .tag = 2});
	for (unsigned op = 0; op < NR_TRACE_OPS; op++) {
		for (unsigned flags = 0; flags < 32; flags++) {
			struct trace_event ev = make_plain(&m, (enum trace_op)op, flags), none = ev;

			make(&m, &ev);
			none.slot = SLOT_NONE;
			append(&m.l, &none);
		}
	}
	round_trip(&m.l);
	free(m.l.ev);
}

/* Sizes at the borders of the operand widths, slots at theirs, more shapes than templates. */
static void test_widths(void **state)
{
	struct list l = {0};
	uint32_t slots = 70000;

	(void)state;
	for (uint32_t i = 0; i < slots; i++)
		append(&l, &(struct trace_event){.op = OP_MALLOC, .slot = i, .size = i % 700 * 97});
	for (unsigned bit = 0; bit < 64; bit++)
		for (int by = -1; by <= 1; by++)
			append(&l,
			       &(struct trace_event){.op = OP_REALLOC,
						     .slot = (bit * 7919u) % slots,
						     .size = (UINT64_C(1) << bit) + (uint64_t)by});
	for (uint32_t i = 0; i < 17; i++)
		for (int by = -1; by <= 1; by++)
			append(&l, &(struct trace_event){.op = OP_WRITE,
							 .slot = (1u << i) + (uint32_t)by,
							 .arg = i,
							 .size = 8});
	for (uint32_t i = 0; i < slots; i++)
		append(&l, &(struct trace_event){.op = OP_FREE, .slot = i * 3u % slots});
	round_trip(&l);
	free(l.ev);
}

static uint64_t rng_state;

static uint32_t below(uint32_t n)
{
	rng_state = rng_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)((rng_state >> 33) % n);
}

/* Births and deaths at random; the list's slots come from the rule, written a second time here. */
static void random_list(struct list *l, uint32_t events)
{
	uint32_t *order = malloc(events * sizeof *order), *live = malloc(events * sizeof *live);
	uint32_t nr = 0;

	for (uint32_t i = 0; i < events; i++)
		order[i] = i;
	for (uint32_t i = 0; i < events; i++) {
		struct trace_event ev = {.op = OP_MALLOC, .size = below(2000)};

		if (below(1000) == 0)
			ev = (struct trace_event){
				.op = OP_NOTE, .slot = SLOT_NONE, .arg = below(4)};
		else if (below(20) == 0)
			ev = (struct trace_event){
				.op = OP_FREE, .slot = SLOT_NONE, .flags = EV_NULL};
		else if (nr != 0 && below(5) == 0)
			ev = (struct trace_event){
				.op = OP_REALLOC, .slot = live[below(nr)], .size = below(99)};
		else if (nr != 0 && below(3000) < nr) {
			uint32_t k = below(nr);

			ev = (struct trace_event){.op = OP_FREE, .slot = live[k]};
			live[k] = live[--nr];
			order[nr] = ev.slot;
		} else {
			ev.slot = order[nr];
			live[nr++] = ev.slot;
		}
		append(l, &ev);
	}
	free(order);
	free(live);
}

static void test_random(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct list l = {0};

		rng_state = seed;
		random_list(&l, seed == 1 ? MANY : 3000);
		round_trip(&l);
		free(l.ev);
	}
}

/* More contexts, with call sites, flags and caches, than templates have room for. */
static void test_many_contexts(void **state)
{
	struct maker m = {0};

	(void)state;
	rng_state = 11;
	for (unsigned i = 0; i < 4; i++)
		make_birth(&m, (struct trace_event){.op = OP_CACHE_CREATE, .size = 64, .tag = 2});
	for (unsigned i = 0; i < 20000; i++) {
		struct trace_event ev = {.op = below(2) ? OP_CACHE_ALLOC : OP_KMALLOC,
					 .ctx = (uint16_t)below(700),
					 .gfp = below(2) ? 0xcc0 : 0xdc0,
					 .site = below(3)};

		if (ev.op == OP_CACHE_ALLOC)
			ev.slot2 = below(4);
		else
			ev.size = (uint64_t)1 << below(40);
		make_birth(&m, ev);
	}
	round_trip(&m.l);
	free(m.l.ev);
}

/* From anywhere to anywhere: the next block begins with that event. */
static void check_seeks(const char *path, const struct list *l)
{
	struct diag d = {0};
	struct trace_reader *r = trace_open(path, &d);
	const struct trace_event *ev;
	size_t n;

	assert_non_null(r);
	for (int i = 0; i < 40; i++) {
		uint32_t at = 1 + below((uint32_t)l->n);

		if (trace_seek(r, at, &d) != 0)
			fail_with(&d);
		for (int k = 0; k < 3; k++, at += (uint32_t)n) {
			if (trace_next(r, &ev, &n, &d) != 0)
				fail_with(&d);
			for (size_t j = 0; j < n; j++)
				assert_same(r, &ev[j], &l->ev[at - 1 + j], at + j);
		}
	}
	assert_int_equal(trace_seek(r, 0, &d), -1);
	assert_int_equal(trace_seek(r, l->n + 1, &d), -1);
	assert_int_equal(trace_seek(r, l->n, &d), 0);
	assert_int_equal(trace_next(r, &ev, &n, &d), 0);
	assert_int_equal(n, 1);
	trace_close(r);
}

static void test_seek(void **state)
{
	struct list l = {0};

	(void)state;
	rng_state = 7;
	random_list(&l, MANY);
	write_list(in_dir("s.mst"), TRACE_BINARY, 1000, &l);
	check_seeks(in_dir("s.mst"), &l);
	write_list(in_dir("s.txt"), TRACE_TEXT, 0, &l);
	l.n = MANY;
	check_seeks(in_dir("s.txt"), &l);
	free(l.ev);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
	static const char *const files[] = {"a.txt", "a.mst", "b.mst", "s.mst", "s.txt"};

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		unlink(in_dir(files[i]));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_operation_and_field),
		cmocka_unit_test(test_every_flag),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_many_contexts),
		cmocka_unit_test(test_seek),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
