/*
 * bench_seek: how long it takes to go anywhere in a trace.
 *
 *   bench_seek [-m MACHINE] [-n SEEKS] [-M MEMORY] TRACE
 *   bench_seek [-m MACHINE] [-n SEEKS] [-M MEMORY] -g KIND:EVENTS:LIVE
 *
 * Opens the trace (or a generated one), indexes it, and seeks to random events.
 * CPU times: opening (what stands before the first screen), indexing, and of the
 * seeks the median, the 99th percentile and the longest; then the cost of reading
 * the whole machine for a screen.  At the end some of the seeks are made again in
 * another order: their images must be the same.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/moment.h"
#include "sim/trace_gen.h"

static double cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

_Noreturn static void die(const char *what, const struct diag *d)
{
	fprintf(stderr, "bench_seek: %s: %s\n", what, d->msg);
	exit(1);
}

static void generate(const char *path, char *spec)
{
	const char *kind = strtok(spec, ":"), *events = strtok(NULL, ":"),
		   *live = strtok(NULL, ":");
	struct diag d = {0};

	for (unsigned i = 0; kind != NULL && i < nr_generators; i++) {
		struct gen_params p = generators[i].defaults;
		struct trace_writer *w;

		if (strcmp(generators[i].name, kind) != 0)
			continue;
		p.events = events != NULL ? strtoull(events, NULL, 0) : 1000000;
		p.live = live != NULL ? strtoull(live, NULL, 0) : p.live;
		p.seed = 1;
		w = trace_writer_open(path, NULL, &d);
		if (w == NULL || generators[i].run(w, &p, &d) != 0 ||
		    trace_writer_close(w, &d) != 0)
			die(path, &d);
		return;
	}
	diag_set(&d, "", 0, 0, "no such generator");
	die(kind != NULL ? kind : "-g", &d);
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 0x2545F4914F6CDD1Dull;
}

static void report(const char *what, double *t, unsigned n)
{
	qsort(t, n, sizeof *t, by_value);
	printf("%-22s median %7.2f ms, p99 %7.2f ms, longest %7.2f ms of CPU time\n", what,
	       t[n / 2] * 1e3, t[n * 99 / 100] * 1e3, t[n - 1] * 1e3);
}

#define CHECKED 8u

static void seeks(struct timeline *t, unsigned n)
{
	double *seek = calloc(n, sizeof *seek), *look = calloc(n, sizeof *look);
	uint64_t seed = 42, at[CHECKED];
	struct image_hash hash[CHECKED];
	struct diag d = {0};

	for (unsigned i = 0; i < n; i++) {
		uint64_t event = next_random(&seed) % (timeline_total(t) + 1);
		double begun = cpu_now();
		size_t nr;

		if (timeline_seek(t, event, &d) != TIMELINE_THERE)
			die("seek", &d);
		seek[i] = cpu_now() - begun;
		begun = cpu_now();
		(void)moment_pieces(t, &nr);
		look[i] = cpu_now() - begun;
		if (i < CHECKED) {
			at[i] = event;
			hash[i] = moment_hash(t);
		}
	}
	report("seek", seek, n);
	report("reading the machine", look, n);
	for (unsigned i = CHECKED; i-- > 0 && i < n;) {
		struct image_hash again;

		if (timeline_seek(t, at[i], &d) != TIMELINE_THERE)
			die("seek", &d);
		again = moment_hash(t);
		if (again.hi != hash[i].hi || again.lo != hash[i].lo) {
			diag_set(&d, "", 0, 0, "event %llu has another image when one comes again",
				 (unsigned long long)at[i]);
			die("image", &d);
		}
	}
	free(seek);
	free(look);
}

int main(int argc, char **argv)
{
	struct timeline_request q = {0};
	const char *machine = "stm32h7";
	char tmp[] = "/tmp/bench-seek.XXXXXX", *spec = NULL;
	struct timeline *t;
	struct machine *m;
	struct diag d = {0};
	unsigned n = 200;
	double begun;
	size_t nr;
	int c;

	while ((c = getopt(argc, argv, "m:n:M:g:")) != -1) {
		machine = c == 'm' ? optarg : machine;
		n = c == 'n' ? (unsigned)atoi(optarg) : n;
		q.memory = c == 'M' ? strtoull(optarg, NULL, 0) << 20 : q.memory;
		spec = c == 'g' ? optarg : spec;
	}
	if (spec == NULL && argv[optind] == NULL) {
		fprintf(stderr,
			"usage: bench_seek [-m MACHINE] [-n SEEKS] [-M MIB] -g SPEC | TRACE\n");
		return 2;
	}
	m = machine_load(machine, NULL, NULL, 0, &d);
	if (m == NULL)
		die(machine, &d);
	q.machine = m;
	if (spec != NULL) {
		close(mkstemp(tmp));
		generate(tmp, spec);
	}
	q.trace = spec != NULL ? tmp : argv[optind];
	begun = cpu_now();
	t = timeline_open(&q, &d);
	if (t == NULL)
		die(q.trace, &d);
	printf("%-22s %.1f ms\n", "opening", (cpu_now() - begun) * 1e3);
	begun = cpu_now();
	if (timeline_finish(t, &d) != TIMELINE_THERE)
		die("indexing", &d);
	printf("%-22s %.2f s, %.0f ns an event", "indexing", cpu_now() - begun,
	       (cpu_now() - begun) * 1e9 / (double)timeline_total(t));
	printf("; %llu MiB", (unsigned long long)(timeline_bytes(t, &nr) >> 20));
	printf(", %zu checkpoints, %llu events\n", nr, (unsigned long long)timeline_total(t));
	seeks(t, n);
	timeline_close(t);
	machine_free(m);
	if (spec != NULL)
		unlink(tmp);
	return 0;
}
