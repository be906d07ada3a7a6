/* The expression language: values, precedence, names, and where errors point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/expr.h"

static const char report_text[] =
	"{\"events\": {\"failed\": 3, \"done\": 100},"
	" \"heaps\": [{\"name\": \"main\", \"largest_free_bytes\": 8191, \"search\": {\"p99\": 40, "
	"\"mean\": 1.25}},"
	"             {\"name\": \"dtcm\", \"largest_free_bytes\": 70000}],"
	" \"zones\": [{\"name\": \"normal\", \"free_pages\": 12, \"largest_free_bytes\": 4096,"
	"              \"unusable\": [0.0, 0.5], \"extfrag\": [-1.0, 0.542]}],"
	" \"run\": {\"ended\": \"done\"}}";

static json_t *report(void)
{
	json_t *r = json_loads(report_text, 0, NULL);

	assert_non_null(r);
	return r;
}

static void test_truths(void **state)
{
	static const struct {
		const char *text;
		bool truth;
	} v[] = {
		{"events.failed > 0", true},
		{"events.failed == 3 and events.done == 100", true},
		{"events.failed > 3 or events.done < 100", false},
		{"not events.failed > 3", true},
		{"1 + 2 * 3 == 7", true},
		{"(1 + 2) * 3 == 9", true},
		{"10 - 2 - 3 == 5", true},
		{"-2 * -3 == 6", true},
		{"1 / 4 == 0.25", true},
		{"64K == 65536", true},
		{"1.5K == 1536", true},
		{"0x10 == 16", true},
		{"1GiB == 1073741824", true},
		{"heaps.MAIN.search.p99 >= 40", true},
		{"heaps[1].largest_free_bytes == 70000", true},
		{"heaps.main.search.mean == 1.25", true},
		{"largest(main) < 8K", true},
		{"largest() == 70000", true},
		{"largest(normal) == 4K", true},
		{"unusable(normal, 1) > 0.4", true},
		{"extfrag(normal, 1) == 0.542", true},
		{"extfrag(normal, 0) == -1", true},
		{"count(heaps) == 2", true},
		{"run.ended == \"done\"", true},
		{"run.ended != 'done'", false},
		{"zones.normal.free_pages", true},
		{"events.failed == 0", false},
		{"1 or 1 / 0", true},
		{"0 and 1 / 0", false},
	};
	json_t *r = report();

	(void)state;
	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
		struct diag d = {0};
		struct expr *e = expr_parse(v[i].text, "test", &d);
		bool truth = false;

		if (e == NULL || expr_true(e, r, &truth, &d) != 0)
			fail_msg("%s: %s", v[i].text, d.msg);
		if (truth != v[i].truth)
			fail_msg("%s should be %d", v[i].text, v[i].truth);
		expr_free(e);
	}
	json_decref(r);
}

static void test_errors_point_at_the_column(void **state)
{
	static const struct {
		const char *text;
		int col;
		const char *msg;
	} v[] = {
		{"", 1, "unexpected end, expected a value in ''"},
		{"events.failed >", 16, "unexpected end, expected a value in 'events.failed >'"},
		{"events.failed = 3", 15, "unexpected '=', expected '==' in 'events.failed = 3'"},
		{"(1 + 2", 7, "expected ')' in '(1 + 2'"},
		{"1 2", 3, "unexpected text, expected an operator or the end in '1 2'"},
		{"12Q", 3, "bad unit, expected K, M or G in '12Q'"},
		{"events.faild > 0", 8,
		 "the report has no 'faild' here, expected one of: failed, done"},
		{"heaps.man.search", 7,
		 "the report has no 'man' here, expected one of: main, dtcm"},
		{"sqrt(4)", 1,
		 "unknown function 'sqrt', expected count, largest, unusable or extfrag"},
		{"unusable(normal, 9) > 0", 18,
		 "no such order in zone 'normal' in 'unusable(normal, 9) > 0'"},
		{"unusable(dma, 0) > 0", 10, "there is no zone 'dma' in 'unusable(dma, 0) > 0'"},
		{"1 / 0", 3, "division by zero in '1 / 0'"},
		{"run.ended > 3", 11,
		 "expected two numbers or two texts to compare in 'run.ended > 3'"},
		{"heaps + 1", 1, "expected a number in 'heaps + 1'"},
		{"'abc", 1, "unterminated text, expected a closing quote in ''abc'"},
		{"a.b[x]", 5, "bad index, expected a number and ']' in 'a.b[x]'"},
	};
	json_t *r = report();

	(void)state;
	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
		struct diag d = {0};
		struct expr *e = expr_parse(v[i].text, "test", &d);
		bool truth;

		if (e != NULL && expr_true(e, r, &truth, &d) == 0)
			fail_msg("'%s' should be an error", v[i].text);
		assert_string_equal(d.msg, v[i].msg);
		if (d.col != v[i].col)
			fail_msg("'%s': column %d, expected %d", v[i].text, d.col, v[i].col);
		expr_free(e);
	}
	json_decref(r);
}

/* Deep nesting is an error, not a crash. */
static void test_deep_nesting(void **state)
{
	static const char open[] = {'(', '-', '!'};
	char text[4001];

	(void)state;
	for (size_t k = 0; k < sizeof open; k++) {
		struct diag d = {0};

		for (size_t i = 0; i < 4000; i++)
			text[i] = open[k];
		text[4000] = '\0';
		assert_null(expr_parse(text, "test", &d));
		assert_true(d.msg[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truths),
		cmocka_unit_test(test_errors_point_at_the_column),
		cmocka_unit_test(test_deep_nesting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
