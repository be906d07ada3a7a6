/*
 * Same machine, trace and seed, same report: on each shipped machine and for each
 * kind that serves bytes, the JSON of the fast and the checked port and of runs in
 * parallel threads is equal byte for byte; noise in RAM changes only its own seed
 * and the image's hash.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/report.h"
#include "sim/run.h"

#define LAST_EVENT 6000u
#define NR_RUNS    3u

/* One run; a thread's argument. */
struct job {
	const struct machine *machine;
	const char *kind, *port;
	uint64_t noise;
	bool strip; /* leave out what noise may change */
	char *report; /* NULL: no run, why is in d */
	struct diag d;
};

static void *run_job(void *arg)
{
	struct job *j = arg;
	struct run *r = calloc(1, sizeof *r);
	struct run_request q = {.machine = j->machine,
				.trace = TRACES_DIR "/firmware.mst",
				.trace_hash = true,
				.boot = {.port = j->port, .heap_kind = j->kind, .noise = j->noise},
				.replay = {.until = LAST_EVENT}};
	struct report_run rr = {
		.program_version = "test", .alloc = j->kind, .noise = j->noise, .image_hash = true};
	json_t *o;

	if (r == NULL)
		return NULL;
	if (run_trace(r, &q, &j->d) == 0) {
		rr.end = r->end;
		o = report_build(&r->replay, &rr);
		if (j->strip) {
			json_object_del(o, "image_hash");
			json_object_del(json_object_get(o, "run"), "noise_seed");
		}
		j->report = json_dumps(o, JSON_INDENT(1));
		json_decref(o);
		run_finish(r);
	}
	free(r);
	return NULL;
}

static void assert_same(const struct job *a, const struct job *b)
{
	if (a->report == NULL || b->report == NULL)
		fail_msg("%s: %s%s", a->kind, a->d.msg, b->d.msg);
	if (strcmp(a->report, b->report) != 0)
		fail_msg("%s of %s: port %s and %s, noise %llu and %llu differ", a->kind,
			 a->machine->name, a->port, b->port, (unsigned long long)a->noise,
			 (unsigned long long)b->noise);
}

/* Two fast runs and a checked one at the same time. */
static void ports_and_threads(const struct machine *m, const char *kind)
{
	struct job job[NR_RUNS];
	pthread_t thread[NR_RUNS];

	for (unsigned i = 0; i < NR_RUNS; i++) {
		job[i] = (struct job){
			.machine = m, .kind = kind, .port = i == 0 ? "checked" : "fast"};
		assert_int_equal(pthread_create(&thread[i], NULL, run_job, &job[i]), 0);
	}
	for (unsigned i = 0; i < NR_RUNS; i++)
		pthread_join(thread[i], NULL);
	for (unsigned i = 1; i < NR_RUNS; i++)
		assert_same(&job[0], &job[i]);
	assert_non_null(strstr(job[0].report, "image_hash"));
	for (unsigned i = 0; i < NR_RUNS; i++)
		free(job[i].report);
}

static void noise(const struct machine *m, const char *kind)
{
	struct job plain = {.machine = m, .kind = kind, .port = "fast", .strip = true};
	struct job noisy = plain;

	noisy.noise = 7;
	run_job(&plain);
	run_job(&noisy);
	assert_same(&plain, &noisy);
	free(plain.report);
	free(noisy.report);
}

static void every_kind(const char *name, void (*test)(const struct machine *m, const char *kind))
{
	struct diag d = {0};
	struct machine *m = machine_load(name, NULL, NULL, 0, &d);
	const struct alloc_instance *in;

	if (m == NULL)
		fail_msg("%s: %s", name, d.msg);
	in = find_instance("fast", m->word);
	for (unsigned k = 0; k < in->nr_kinds; k++)
		if ((in->kinds[k]->serves & SERVES_BYTES) != 0)
			test(m, in->kinds[k]->name);
	machine_free(m);
}

static void test_ports_and_threads(void **state)
{
	(void)state;
	every_kind("stm32h7", ports_and_threads);
	every_kind("x86_32", ports_and_threads);
	every_kind("x86_64", ports_and_threads);
}

/* On the machine whose RAM is small enough to be filled. */
static void test_noise(void **state)
{
	(void)state;
	every_kind("stm32h7", noise);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports_and_threads),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
