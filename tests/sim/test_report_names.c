/*
 * Which figures a report gets only in the course of a run: those are what report_comes_later
 * says, and all others are there before the first event.  So a misspelt name is one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/report.h"
#include "sim/run.h"

static const struct report_run plain = {.program_version = "test", .end = REPLAY_DONE};

static unsigned nr_late; /* figures that came in the course of a run */

static void compare(const char *path, const json_t *early, const json_t *late);

/* A member or element: was it there, or was it to be expected later? */
static void one(const char *path, const json_t *early, const json_t *late)
{
	if (early != NULL) {
		compare(path, early, late);
		return;
	}
	nr_late++;
	if (!report_comes_later(path))
		fail_msg("%s came in the course of the run, and nobody says so", path);
}

static const json_t *named(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_object_get(json_array_get(list, i), "name"));

		if (s != NULL && strcmp(s, name) == 0)
			return json_array_get(list, i);
	}
	return NULL;
}

static void elements(const char *path, const json_t *early, const json_t *late)
{
	for (size_t i = 0; i < json_array_size(late); i++) {
		const json_t *e = json_array_get(late, i);
		const char *name = json_string_value(json_object_get(e, "name"));
		char below[512];

		snprintf(below, sizeof below, "%s[%zu]", path, i);
		one(below, json_array_get(early, i), e);
		if (name == NULL)
			continue;
		snprintf(below, sizeof below, "%s.%s", path, name);
		one(below, named(early, name), e);
	}
}

static void members(const char *path, const json_t *early, const json_t *late)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)late, key, value)
	{
		char below[512];

		snprintf(below, sizeof below, "%s%s%s", path, *path != '\0' ? "." : "", key);
		one(below, json_object_get(early, key), value);
	}
}

static void compare(const char *path, const json_t *early, const json_t *late)
{
	if (json_is_object(late))
		members(path, early, late);
	else if (json_is_array(late))
		elements(path, early, late);
}

static void on_ready(void *ctx, struct replay *r)
{
	json_t **early = ctx;

	json_decref(*early);
	*early = report_build(r, &plain);
}

static void one_run(const char *machine, const char *trace, enum replay_level level)
{
	struct diag d = {0};
	struct machine *m = machine_load(machine, NULL, NULL, 0, &d);
	json_t *early = NULL, *late;
	struct run run;
	struct run_request q = {.machine = m,
				.trace = trace,
				.replay = {.until = 20000, .level = level, .level_given = level != 0},
				.ready = on_ready,
				.ready_ctx = &early};

	if (m == NULL || run_trace(&run, &q, &d) != 0)
		fail_msg("%s on %s: %s", trace, machine, d.msg);
	late = report_build(&run.replay, &plain);
	compare("", early, late);
	json_decref(early);
	json_decref(late);
	run_finish(&run);
	machine_free(m);
}

static void test_all_else_is_there_from_the_start(void **state)
{
	static const struct {
		const char *machine, *trace;
		enum replay_level level;
	} runs[] = {{"stm32h7", "traces/firmware.mst", 0},
		    {"x86_64", "traces/server.mst", 0},
		    {"x86_32", "tests/ui/screens/kernel.mst", 0},
		    {"x86_64", "tests/ui/screens/pages.mst", 0},
		    {"x86_64", "tests/kernel/slab-files.mst", LEVEL_OBJECT},
		    {"x86_64", "traces/demos/cma.trace", 0},
		    {"x86_32", "traces/demos/device-memory.trace", 0},
		    {"x86_32", "traces/demos/kmap-slots.trace", 0},
		    {"x86_32", "traces/demos/stack-overflow.trace", 0},
		    {"numa2", "traces/demos/two-nodes.trace", 0},
		    {"x86_64", "traces/demos/cache-against-kmalloc.trace", 0},
		    {"stm32h7", "tests/golden/explain-fragmentation.trace", 0},
		    {"stm32h7", "tests/golden/explain-dma.trace", 0}};

	(void)state;
	nr_late = 0;
	for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
		char path[512];

		snprintf(path, sizeof path, "%s/../%s", TRACES_DIR, runs[i].trace);
		one_run(runs[i].machine, path, runs[i].level);
	}
	assert_true(nr_late > 100); /* operations, caches, failures ... did come */
}

static void test_names_that_never_come(void **state)
{
	static const char *const never[] = {"evts", "events.fail", "heaps.mian", "heaps.main.jv",
					    "zones.normol", "events.by_op.mallok", "ledger.final.x"};

	(void)state;
	for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
		if (report_comes_later(never[i]))
			fail_msg("%s", never[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_else_is_there_from_the_start),
		cmocka_unit_test(test_names_that_never_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
