/* The YAML tree: reading, limits, overlays, assignments, typed scalars. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/conf.h"

static struct conf_tree *read_text(const char *text)
{
	struct diag d = {.msg = ""};
	struct conf_tree *t = conf_read_text(text, strlen(text), "t", &d);

	if (t == NULL)
		fail_msg("%s: %d:%d: %s", text, d.line, d.col, d.msg);
	return t;
}

/* The tree as one line of flow YAML. */
static void print(const struct conf_node *n, char **at, char *end)
{
	if (n->type == CONF_NULL || n->type == CONF_SCALAR) {
		*at += snprintf(*at, (size_t)(end - *at), "%s",
				n->type == CONF_NULL ? "~" : n->text);
		return;
	}
	*at += snprintf(*at, (size_t)(end - *at), n->type == CONF_LIST ? "[" : "{");
	for (size_t i = 0; i < n->nr; i++) {
		*at += snprintf(*at, (size_t)(end - *at), "%s", i != 0 ? ", " : "");
		if (n->type == CONF_MAP)
			*at += snprintf(*at, (size_t)(end - *at), "%s: ", n->key[i]);
		print(n->item[i], at, end);
	}
	*at += snprintf(*at, (size_t)(end - *at), n->type == CONF_LIST ? "]" : "}");
}

static void assert_tree(struct conf_tree *t, const char *expected)
{
	char buf[1024] = "", *at = buf;

	print(conf_root(t), &at, buf + sizeof buf);
	assert_string_equal(buf, expected);
}

static void assert_diag(const struct diag *d, const char *expected)
{
	char text[1024];

	diag_text(d, text, sizeof text);
	assert_string_equal(text, expected);
}

static void test_reads_with_positions(void **state)
{
	struct conf_tree *t = read_text("a: 1\nb:\n  - x\n  - {name: 'y', c: ~}\n");
	const struct conf_node *b = conf_get(conf_root(t), "b");

	(void)state;
	assert_tree(t, "{a: 1, b: [x, {name: y, c: ~}]}");
	assert_int_equal(b->line, 3);
	assert_int_equal(b->col, 3);
	assert_int_equal(conf_root(t)->key_line[1], 2);
	assert_int_equal(conf_root(t)->key_col[1], 1);
	assert_true(conf_get(b->item[1], "name")->quoted);
	assert_int_equal(conf_get(b->item[1], "name")->col, 12);
	assert_null(conf_get(b, "name"));
	assert_null(conf_get(conf_root(t), "z"));
	conf_free(t);
}

/* An alias is a copy: changing one place leaves the other. */
static void test_alias_is_a_copy(void **state)
{
	struct conf_tree *t = read_text("a: &x {k: 1, l: [2, 3]}\nb: *x\nc: &x 4\nd: *x\n");
	struct diag d = {.msg = ""};

	(void)state;
	assert_tree(t, "{a: {k: 1, l: [2, 3]}, b: {k: 1, l: [2, 3]}, c: 4, d: 4}");
	assert_int_equal(conf_set(t, "b.k=5", &d), 0);
	assert_tree(t, "{a: {k: 1, l: [2, 3]}, b: {k: 5, l: [2, 3]}, c: 4, d: 4}");
	conf_free(t);
}

static const struct {
	const char *text, *message;
} bad_texts[] = {
	{"", "t:1:1: nothing but blanks and comments, expected YAML"},
	{"# only\n", "t:2:1: nothing but blanks and comments, expected YAML"},
	{"a: 1\nb: 2\na: 3\n",
	 "t:3:1: duplicate key 'a', expected it once (it stands at line 1 already)"},
	{"a: {b: 1, c: 2, b: 3, c: 4}",
	 "t:1:17: duplicate key 'b', expected it once (it stands at line 1 already)"},
	{"a: [1, 2\nb: 3\n",
	 "t:2:2: not valid YAML: while parsing a flow sequence, did not find expected ',' or ']'"},
	{"a: b: c\n", "t:1:5: not valid YAML: mapping values are not allowed in this context"},
	{"a: \"x\n", "t:2:1: not valid YAML: while scanning a quoted scalar, found unexpected end "
		     "of stream"},
	{"\ta: 1\n", "t:1:1: not valid YAML: while scanning for the next token, found character "
		     "that cannot start any token"},
	{"a: 1\nb: \xff\n", "t:2:4: invalid leading UTF-8 octet, expected YAML in UTF-8"},
	{"a: \x01\n", "t:1:4: control characters are not allowed, expected YAML in UTF-8"},
	{"a: &x [1, *x]\n", "t:1:11: alias *x stands inside what it names and would contain "
			    "itself, expected an anchor that ends before"},
	{"a: &x {b: {c: *x}}\n", "t:1:15: alias *x stands inside what it names and would contain "
				 "itself, expected an anchor that ends before"},
	{"a: *nix\n", "t:1:4: alias *nix has no anchor, expected &nix before it (a text that "
		      "begins with * needs quotes)"},
	{"a: !!int 3\n", "t:1:4: tag tag:yaml.org,2002:int, expected a value without a tag"},
	{"a: !x [3]\n", "t:1:4: tag !x, expected a value without a tag"},
	{"? [a]\n: 1\n", "t:1:3: expected a key (a word) before the colon"},
	{"\"\": 1\n", "t:1:1: expected a key (a word) before the colon"},
	{"&k a: 1\n", "t:1:1: an anchor on a key, expected it on a value"},
	{"a: \"x\\0y\"\n", "t:1:4: a zero byte in a text, expected none"},
	{"a: 1\n---\nb: 2\n", "t:2:1: a second document, expected one in a file"},
};

static void test_bad_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_texts / sizeof *bad_texts; i++) {
		struct diag d = {.msg = ""};

		assert_null(conf_read_text(bad_texts[i].text, strlen(bad_texts[i].text), "t", &d));
		assert_diag(&d, bad_texts[i].message);
	}
}

/* `nr` times `piece`, between `head` and `tail`. */
static char *repeat(const char *head, const char *piece, size_t nr, const char *tail)
{
	size_t h = strlen(head), p = strlen(piece);
	char *text = malloc(h + nr * p + strlen(tail) + 1);

	assert_non_null(text);
	memcpy(text, head, h);
	for (size_t i = 0; i < nr; i++)
		memcpy(text + h + i * p, piece, p);
	memcpy(text + h + nr * p, tail, strlen(tail) + 1);
	return text;
}

static void assert_refused(char *text, const char *expected)
{
	struct diag d = {.msg = ""};

	assert_null(conf_read_text(text, strlen(text), "t", &d));
	assert_diag(&d, expected);
	free(text);
}

static void test_limits(void **state)
{
	(void)state;
	assert_refused(repeat("a: ", "[", 5000, ""),
		       "t:1:67: nested deeper than 64 levels, expected fewer");
	assert_refused(repeat("a: ", "x", 1050000, ""),
		       "t:1:4: a text of 1050000 bytes, expected at most 1048576");
	assert_refused(repeat("a: ", "x\n   ", 5000000, ""),
		       "t:1:1: larger than 16 MiB, expected less");
	assert_refused(
		repeat("[", "1,", 1000001, "1]"),
		"t:1:2000000: more than 1000000 values (aliases counted as copies), expected "
		"fewer");
	assert_refused(repeat("[", "&a 1,", 1025, "1]"),
		       "t:1:5122: more than 1024 anchors, expected fewer");
}

/* Each line names the one before ten times: 10^9 values, if they were made. */
static void test_aliases_do_not_multiply(void **state)
{
	struct diag d = {.msg = ""};
	char text[2048] = "l0: &a0 [1]\n", *at = text + strlen(text);

	(void)state;
	for (int i = 1; i < 10; i++) {
		at += sprintf(at, "l%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			at += sprintf(at, "*a%d,", i - 1);
		at += sprintf(at, "1]\n");
	}
	assert_null(conf_read_text(text, strlen(text), "t", &d));
	assert_non_null(strstr(d.msg, "more than 1000000 values"));
}

static void test_aliases_do_not_nest(void **state)
{
	struct diag d = {.msg = ""};
	char text[4096] = "l0: &a0 [1]\n", *at = text + strlen(text);

	(void)state;
	for (int i = 1; i < 100; i++)
		at += sprintf(at, "l%d: &a%d [*a%d]\n", i, i, i - 1);
	assert_null(conf_read_text(text, strlen(text), "t", &d));
	assert_non_null(strstr(d.msg, "nested deeper than 64 levels"));
}

static void test_files(void **state)
{
	struct diag d = {.msg = ""};

	(void)state;
	assert_null(conf_read_file("/no/such/file", &d));
	assert_diag(&d,
		    "/no/such/file: No such file or directory, expected a file that can be read");
	d = (struct diag){.msg = ""};
	assert_null(conf_read_file("/", &d));
	assert_diag(&d, "/: Is a directory, expected a file that can be read");
	d = (struct diag){.msg = ""};
	assert_null(conf_read_file("/dev/zero", &d));
	assert_diag(&d, "/dev/zero:1:1: larger than 16 MiB, expected less");
}

/* ---- overlays ---- */

#define BASE "{a: 1, m: {x: 1, y: 2}, l: [{name: p, v: 1}, {name: q, v: 2}], s: [1, 2]}"

static const struct {
	const char *over, *expected;
} merges[] = {
	{"{a: 2}", "{a: 2, m: {x: 1, y: 2}, l: [{name: p, v: 1}, {name: q, v: 2}], s: [1, 2]}"},
	{"{b: [3]}",
	 "{a: 1, m: {x: 1, y: 2}, l: [{name: p, v: 1}, {name: q, v: 2}], s: [1, 2], b: [3]}"},
	{"{m: {y: 3, z: 4}, a: ~}",
	 "{m: {x: 1, y: 3, z: 4}, l: [{name: p, v: 1}, {name: q, v: 2}], s: [1, 2]}"},
	{"{l: [{name: q, v: 3}, {name: r}]}",
	 "{a: 1, m: {x: 1, y: 2}, l: [{name: p, v: 1}, {name: q, v: 3}, {name: r}], s: [1, 2]}"},
	{"{l: {p: ~, q: {v: ~, w: 5}}}",
	 "{a: 1, m: {x: 1, y: 2}, l: [{name: q, w: 5}], s: [1, 2]}"},
	{"{s: [3], m: 7, l: []}", "{a: 1, m: 7, l: [], s: [3]}"},
};

static void test_merge(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof merges / sizeof *merges; i++) {
		struct conf_tree *t = read_text(BASE), *over = read_text(merges[i].over);
		struct diag d = {.msg = ""};

		assert_int_equal(conf_merge(t, conf_root(over), &d), 0);
		assert_tree(t, merges[i].expected);
		conf_free(t);
		conf_free(over);
	}
}

static void test_merge_errors(void **state)
{
	static const char *const bad[][2] = {
		{"{b: ~}", "t:1:2: nothing to delete at 'b', expected one of a, m, l, s"},
		{"{l: {pp: {v: 1}}}", "t:1:6: no entry has the name 'pp', expected one of p, q"},
		{"{l: {p: {name: ~}, z: ~}}",
		 "t:1:20: no entry has the name 'z', expected one of q"},
		{"{l: {z: ~}}", "t:1:6: no entry has the name 'z', expected one of p, q"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct conf_tree *t = read_text(BASE), *over = read_text(bad[i][0]);
		struct diag d = {.msg = ""};

		assert_int_equal(conf_merge(t, conf_root(over), &d), -1);
		assert_diag(&d, bad[i][1]);
		conf_free(t);
		conf_free(over);
	}
}

/* ---- assignments ---- */

static void test_set(void **state)
{
	static const char *const sets[][2] = {
		{"a=2",
		 "{a: 2, m: {x: 1, y: 2}, l: [{name: p, v: 1}, {name: q, v: 2}], s: [1, 2]}"},
		{"l.q.v=[5, 6]",
		 "{a: 1, m: {x: 1, y: 2}, l: [{name: p, v: 1}, {name: q, v: [5, 6]}], s: [1, 2]}"},
		{"l.0.v={k: x=y}", "{a: 1, m: {x: 1, y: 2}, l: [{name: p, v: {k: x=y}}, {name: q, "
				   "v: 2}], s: [1, 2]}"},
		{"l.p=null", "{a: 1, m: {x: 1, y: 2}, l: [{name: q, v: 2}], s: [1, 2]}"},
		{"m=~", "{a: 1, l: [{name: p, v: 1}, {name: q, v: 2}], s: [1, 2]}"},
		{"s.1=9",
		 "{a: 1, m: {x: 1, y: 2}, l: [{name: p, v: 1}, {name: q, v: 2}], s: [1, 9]}"},
		{"n.o.p=AXI D1", "{a: 1, m: {x: 1, y: 2}, l: [{name: p, v: 1}, {name: q, v: 2}], "
				 "s: [1, 2], n: {o: {p: AXI D1}}}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
		struct conf_tree *t = read_text(BASE);
		struct diag d = {.msg = ""};

		assert_int_equal(conf_set(t, sets[i][0], &d), 0);
		assert_tree(t, sets[i][1]);
		conf_free(t);
	}
}

static void test_set_errors(void **state)
{
	static const char *const bad[][2] = {
		{"a", "--set:1:1: 'a', expected path=value such as page.order=12"},
		{"", "--set:1:1: '', expected path=value such as page.order=12"},
		{"=1", "--set:1:1: '=1', expected path=value such as page.order=12"},
		{"m.=1", "--set:1:3: 'm.=1', expected path=value such as page.order=12"},
		{"a=", "--set:1:1: no value after '=', expected one, or null to delete"},
		{"a.b=1", "--set:1:1: 'a' is a single value, expected nothing below it"},
		{"l.z.v=1", "--set:1:3: no entry has the name 'z', expected one of p, q"},
		{"l.7=1", "--set:1:3: no entry has the name '7', expected one of p, q"},
		{"s.7=1", "--set:1:3: no entry '7' in a list of 2, expected its number from 0"},
		{"b=null", "--set:1:1: nothing to delete at 'b', expected a key that is there"},
		{"a=[1", "--set:1:5: not valid YAML: while parsing a flow sequence, did not find "
			 "expected ',' or ']'"},
		{"a=*x", "--set:1:3: alias *x has no anchor, expected &x before it (a text that "
			 "begins with * needs quotes)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct conf_tree *t = read_text(BASE);
		struct diag d = {.msg = ""};

		assert_int_equal(conf_set(t, bad[i][0], &d), -1);
		assert_diag(&d, bad[i][1]);
		conf_free(t);
	}
}

/* The nth --set is line n of its messages, also when the mistake is seen later. */
static void test_set_positions(void **state)
{
	struct conf_tree *t = read_text(BASE);
	struct diag d = {.msg = ""};
	const struct conf_node *n;
	uint64_t v;

	(void)state;
	assert_int_equal(conf_set(t, "a=5", &d), 0);
	assert_int_equal(conf_set(t, "m.x=many", &d), 0);
	n = conf_get(conf_get(conf_root(t), "m"), "x");
	assert_int_equal(conf_size(n, &v, &d), -1);
	assert_diag(&d, "--set:2:5: 'many', expected a size such as 64K, 0x10000 or 2M");
	conf_free(t);
}

/* ---- scalars ---- */

static void test_parse_size(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {{"0", 0},
		    {"64", 64},
		    {"64K", 65536},
		    {"64k", 65536},
		    {"64KiB", 65536},
		    {"0x10000", 65536},
		    {"0x10K", 16384},
		    {"2M", 2097152},
		    {"3G", 3221225472},
		    {"1T", 1099511627776},
		    {"0xffffffffffffffff", UINT64_MAX},
		    {"18446744073709551615", UINT64_MAX},
		    {"0xFfG", 0xffull << 30}};
	static const char *const bad[] = {"",          "K",
					  "0x",        "-1",
					  "+1",        " 1",
					  "1 ",        "1.5K",
					  "64KB",      "64B",
					  "64Kib",     "010",
					  "1e3",       "18446744073709551616",
					  "16777216T", "0x1ffffffffffffffff",
					  "12X",       "1K1"};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(parse_size(good[i].text, &v));
		assert_int_equal(v, good[i].bytes);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (parse_size(bad[i], &v))
			fail_msg("'%s' is no size", bad[i]);
}

static void test_typed(void **state)
{
	struct conf_tree *t = read_text("[64K, '64K', 12, yes, no, true, false, text, [1], ~]");
	struct conf_node **n = conf_root(t)->item;
	struct diag d = {.msg = ""};
	const char *text;
	uint64_t v;
	bool b;

	(void)state;
	assert_int_equal(conf_size(n[0], &v, &d), 0);
	assert_int_equal(v, 65536);
	assert_int_equal(conf_uint(n[2], 12, &v, &d), 0);
	assert_int_equal(v, 12);
	for (int i = 3; i < 7; i++) {
		assert_int_equal(conf_bool(n[i], &b, &d), 0);
		assert_int_equal(b, i % 2);
	}
	assert_int_equal(conf_string(n[7], &text, &d), 0);
	assert_string_equal(text, "text");
	assert_int_equal(conf_size(n[1], &v, &d), -1);
	assert_diag(&d, "t:1:7: '64K' in quotes, expected a size such as 64K, 0x10000 or 2M");
	d = (struct diag){.msg = ""};
	assert_int_equal(conf_uint(n[2], 11, &v, &d), -1);
	assert_diag(&d, "t:1:14: 12, expected at most 11");
	d = (struct diag){.msg = ""};
	assert_int_equal(conf_uint(n[0], 11, &v, &d), -1);
	assert_diag(&d, "t:1:2: '64K', expected a whole number such as 10 or 0x20");
	d = (struct diag){.msg = ""};
	assert_int_equal(conf_bool(n[7], &b, &d), -1);
	assert_diag(&d, "t:1:40: 'text', expected true or false");
	d = (struct diag){.msg = ""};
	assert_int_equal(conf_string(n[8], &text, &d), -1);
	assert_diag(&d, "t:1:46: a list, expected a text");
	d = (struct diag){.msg = ""};
	assert_int_equal(conf_string(n[9], &text, &d), -1);
	assert_diag(&d, "t:1:51: nothing, expected a text");
	conf_free(t);
}

/* A diagnosis stays one line, whatever the key holds. */
static void test_one_line(void **state)
{
	struct conf_tree *t = read_text("{\"a\\nb\": 1}"), *over = read_text("{\"x\\e[31m\": ~}");
	struct diag d = {.msg = ""};

	(void)state;
	assert_int_equal(conf_merge(t, conf_root(over), &d), -1);
	assert_diag(&d, "t:1:2: nothing to delete at 'x?[31m', expected one of a?b");
	conf_free(t);
	conf_free(over);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_with_positions),
		cmocka_unit_test(test_alias_is_a_copy),
		cmocka_unit_test(test_bad_texts),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_aliases_do_not_multiply),
		cmocka_unit_test(test_aliases_do_not_nest),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_merge_errors),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_set_errors),
		cmocka_unit_test(test_set_positions),
		cmocka_unit_test(test_parse_size),
		cmocka_unit_test(test_typed),
		cmocka_unit_test(test_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
