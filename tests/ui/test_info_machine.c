/*
 * The page of a machine, compared with tests/ui/info/NAME.txt; MEMSCAPE_UPDATE=1
 * writes these files anew.  And its JSON, by a few of its facts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ui/cli/info.h"

static struct machine *load(const char *name, const char *variant)
{
	struct diag d = {.msg = ""};
	struct machine *m = machine_load(name, variant, NULL, 0, &d);

	if (m == NULL)
		fail_msg("%d:%d: %s", d.line, d.col, d.msg);
	return m;
}

static void compare(const char *path, const char *text, size_t bytes)
{
	char *expected = calloc(1, bytes + 1);
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	assert_non_null(expected);
	n = fread(expected, 1, bytes, f);
	assert_string_equal(text, expected);
	assert_int_equal(n, bytes);
	assert_int_equal(fgetc(f), EOF);
	fclose(f);
	free(expected);
}

static void update(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void test_pages(void **state)
{
	static const char *const pages[][2] = {{"stm32h7", NULL},         {"stm32h7", "h742"},
					       {"x86_32", NULL},          {"x86_32", "pae-64g"},
					       {"x86_32", "textbook-8k"}, {"x86_64", NULL},
					       {"numa2", NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
		struct machine *m = load(pages[i][0], pages[i][1]);
		char path[512], *text = NULL;
		size_t bytes;
		FILE *out = open_memstream(&text, &bytes);

		snprintf(path, sizeof path, TESTS_DIR "/ui/info/%s%s%s.txt", pages[i][0],
			 pages[i][1] != NULL ? "-" : "", pages[i][1] != NULL ? pages[i][1] : "");
		assert_int_equal(info_machine(m, out), 0);
		fclose(out);
		if (getenv("MEMSCAPE_UPDATE") != NULL)
			update(path, text);
		compare(path, text, bytes);
		free(text);
		machine_free(m);
	}
}

static void test_json(void **state)
{
	struct machine *m = load("x86_32", "textbook-8k");
	json_t *j = info_machine_json(m), *zone;
	json_int_t pages = 0;
	size_t i;

	(void)state;
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "schema")), "memscape.machine/1");
	assert_int_equal(json_integer_value(json_object_get(j, "ram_bytes")), 1ll << 32);
	json_array_foreach(json_object_get(j, "zones"), i, zone) pages +=
		json_integer_value(json_object_get(zone, "pages"));
	assert_int_equal(pages * json_integer_value(json_object_get(j, "descriptor_bytes")),
			 20 << 20);
	json_decref(j);
	machine_free(m);
}

/* Every list of every shipped machine can be made. */
static void test_json_of_all(void **state)
{
	static const char *const names[] = {"stm32h7", "x86_32", "x86_64", "numa2"};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct machine *m = load(names[i], NULL);
		json_t *j = info_machine_json(m), *v;
		const char *key;

		assert_non_null(j);
		json_object_foreach(j, key, v) if (json_is_array(v) && json_array_size(v) == 0)
			assert_true(strcmp(key, "placement") == 0 || strcmp(key, "tlb") == 0 ||
				    (strcmp(key, "numa") == 0 && m->nodes == 1));
		assert_int_equal(json_array_size(json_object_get(j, "regions")), m->nr_regions);
		json_decref(j);
		machine_free(m);
	}
}

/* A full disk is an error. */
static void test_write_error(void **state)
{
	struct machine *m = load("stm32h7", NULL);
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	assert_int_equal(info_machine(m, full), -1);
	fclose(full);
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_of_all),
		cmocka_unit_test(test_write_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
