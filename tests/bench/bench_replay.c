/*
 * bench_replay: whole replays against glibc's malloc doing the same trace natively.
 *
 *   bench_replay [-m MACHINE] [-s PATH=VALUE]... [-k KIND,KIND,...] [-r RUNS] TRACE...
 *
 * For each trace: the median CPU time an event of glibc (the trace decoded
 * beforehand), and of each replay, streaming from the file with live table, ledger
 * and failure accounting, as a ratio to glibc's in the same process; then the
 * geometric mean over the traces.  The kind `decode` reads the trace and does no
 * more; `pages` replays the page trace derived from it with the machine's page
 * allocator.  The first run of each kind is repeated under the checked port: the
 * images must be equal.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/run.h"
#include "sim/trace_writer.h"

#define MAX_RUNS  25
#define MAX_KINDS 32

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

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof *v, by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

_Noreturn static void die(const char *what, const struct diag *d)
{
	fprintf(stderr, "bench_replay: %s: %s\n", what, d->msg);
	exit(1);
}

/* ---- glibc, natively ---- */

struct native_op {
	uint8_t op;
	uint32_t slot;
	uint64_t size, arg;
};

struct native {
	struct native_op *op;
	size_t nr, slots;
};

static struct native decode(const char *path)
{
	struct native n = {NULL, 0, 1};
	struct diag d = {0};
	struct trace_reader *r = trace_open(path, &d);
	const struct trace_event *ev;
	size_t k, room = 0;

	if (r == NULL)
		die(path, &d);
	for (;;) {
		if (trace_next(r, &ev, &k, &d) != 0)
			die(path, &d);
		if (k == 0)
			break;
		if (n.nr + k > room) {
			room = room * 2 + k;
			n.op = realloc(n.op, room * sizeof *n.op);
		}
		for (size_t i = 0; i < k; i++) {
			if (ev[i].slot == SLOT_NONE ||
			    trace_op_group((enum trace_op)ev[i].op) != TG_HEAP)
				continue;
			n.op[n.nr++] =
				(struct native_op){ev[i].op, ev[i].slot, ev[i].size, ev[i].arg};
			n.slots = ev[i].slot >= n.slots ? ev[i].slot + 1 : n.slots;
		}
	}
	trace_close(r);
	return n;
}

/* CPU seconds of glibc's allocator for the whole trace. */
static double run_native(const struct native *n)
{
	void **p = calloc(n->slots, sizeof *p);
	double t = cpu_now();

	for (const struct native_op *o = n->op; o < n->op + n->nr; o++) {
		switch (o->op) {
		case OP_MALLOC:
			p[o->slot] = malloc(o->size);
			break;
		case OP_CALLOC:
			p[o->slot] = calloc(1, o->size);
			break;
		case OP_REALLOC:
			p[o->slot] = realloc(p[o->slot], o->size ? o->size : 1);
			break;
		case OP_MEMALIGN:
			p[o->slot] = aligned_alloc(o->arg ? o->arg : 16, o->size);
			break;
		case OP_FREE:
			free(p[o->slot]);
			p[o->slot] = NULL;
			break;
		default:
			break;
		}
	}
	t = cpu_now() - t;
	for (size_t i = 0; i < n->slots; i++)
		free(p[i]);
	free(p);
	return t;
}

/* ---- ours ---- */

static double run_decode(const char *path)
{
	struct diag d = {0};
	struct plain_block block = {.n = 1};
	double t = cpu_now();
	struct trace_reader *r = trace_open(path, &d);

	while (block.n != 0)
		if (r == NULL || trace_next_plain(r, &block, &d) != 0)
			die(path, &d);
	trace_close(r);
	return cpu_now() - t;
}

struct outcome {
	double seconds;
	uint64_t failed;
	struct image_hash hash;
};

static struct outcome run_kind(const struct machine *m, const char *path, const char *kind,
			       const char *port)
{
	struct run_request q = {
		.machine = m, .trace = path, .boot = {.port = port, .heap_kind = kind}};
	struct outcome o;
	struct diag d = {0};
	struct run run;
	double t = cpu_now();

	if (run_trace(&run, &q, &d) != 0)
		die(path, &d);
	if (run.end != REPLAY_DONE) {
		snprintf(d.msg, sizeof d.msg, "%.400s",
			 run.replay.problem[0] ? run.replay.problem : "the run did not end well");
		die(kind ? kind : "pages", &d);
	}
	o.seconds = cpu_now() - t;
	o.failed = run.replay.fig->failed;
	o.hash = physmem_hash(&run.sys.pm);
	run_finish(&run);
	return o;
}

static bool verify(const struct machine *m, const char *path, const char *kind,
		   const struct outcome *fast)
{
	struct outcome c = run_kind(m, path, kind, "checked");

	return c.hash.hi == fast->hash.hi && c.hash.lo == fast->hash.lo;
}

/* The heap trace as a page trace: the order of each size; reallocs are left out. */
static void write_pages(const char *from, const char *to, unsigned page_shift)
{
	struct diag d = {0};
	struct native n = decode(from);
	struct trace_writer *w = trace_writer_open(to, NULL, &d);
	uint32_t *slot = calloc(n.slots, sizeof *slot);

	for (size_t i = 0; w != NULL && i < n.slots; i++)
		slot[i] = SLOT_NONE;
	for (size_t i = 0; w != NULL && i < n.nr; i++) {
		const struct native_op *o = &n.op[i];
		uint64_t pages = o->size ? (o->size - 1) >> page_shift : 0;
		struct trace_event e = {.op = OP_ALLOC_PAGES,
					.order = (uint8_t)(pages ? msb(pages) + 1 : 0)};

		if (o->op == OP_FREE) {
			if (slot[o->slot] == SLOT_NONE)
				continue;
			e = (struct trace_event){.op = OP_FREE_PAGES, .slot = slot[o->slot]};
		} else if (slot[o->slot] != SLOT_NONE || e.order > 10) {
			continue;
		}
		if (trace_writer_put(w, &e, &d) != 0)
			die(to, &d);
		slot[o->slot] = o->op == OP_FREE ? SLOT_NONE : e.slot;
	}
	if (w == NULL || trace_writer_close(w, &d) != 0)
		die(to, &d);
	free(slot);
	free(n.op);
}

struct bench {
	const struct machine *m;
	const char *kind[MAX_KINDS];
	int nr_kinds, runs;
	double log_sum[MAX_KINDS];
	int counted[MAX_KINDS];
	bool bad;
};

static double measure(struct bench *b, const char *path, const char *pages, int k, uint64_t *failed)
{
	double v[MAX_RUNS];
	const char *kind = b->kind[k];

	*failed = 0;
	for (int i = 0; i < b->runs; i++) {
		struct outcome o;

		if (strcmp(kind, "decode") == 0) {
			v[i] = run_decode(path);
			continue;
		}
		o = strcmp(kind, "pages") == 0 ? run_kind(b->m, pages, NULL, "fast")
					       : run_kind(b->m, path, kind, "fast");
		v[i] = o.seconds;
		*failed = o.failed;
		if (i == 0 && !verify(b->m, strcmp(kind, "pages") == 0 ? pages : path,
				      strcmp(kind, "pages") == 0 ? NULL : kind, &o)) {
			printf("  %s: IMAGES DIFFER between fast and checked\n", kind);
			b->bad = true;
		}
	}
	return median(v, b->runs);
}

static void bench_trace(struct bench *b, const char *path)
{
	struct native n = decode(path);
	char pages[] = "/tmp/bench_replay.XXXXXX";
	double v[MAX_RUNS], glibc;
	int fd = mkstemp(pages);

	close(fd);
	write_pages(path, pages, b->m->page_shift);
	run_native(&n);
	for (int i = 0; i < b->runs; i++)
		v[i] = run_native(&n);
	glibc = median(v, b->runs);
	printf("%s: %zu events, glibc %.1f ns an event\n", path, n.nr, glibc * 1e9 / (double)n.nr);
	for (int k = 0; k < b->nr_kinds; k++) {
		uint64_t failed;
		double t = measure(b, path, pages, k, &failed);

		printf("  %-12s %6.1f ns  %.2f", b->kind[k], t * 1e9 / (double)n.nr, t / glibc);
		if (failed != 0)
			printf("  (%llu requests failed: not counted)", (unsigned long long)failed);
		printf("\n");
		fflush(stdout);
		if (failed == 0) {
			b->log_sum[k] += log(t / glibc);
			b->counted[k]++;
		}
	}
	unlink(pages);
	free(n.op);
}

int main(int argc, char **argv)
{
	struct bench b = {.runs = 5};
	const char *machine = "x86_64", *variant = NULL, *sets[16];
	char kinds[512] = "decode,slab_array,half_fit,bins,tlsf,pages";
	struct diag d = {0};
	struct machine *m;
	size_t nr_sets = 0;
	int c;

	while ((c = getopt(argc, argv, "m:v:s:k:r:")) != -1) {
		if (c == 'm')
			machine = optarg;
		else if (c == 'v')
			variant = optarg;
		else if (c == 's' && nr_sets < 16)
			sets[nr_sets++] = optarg;
		else if (c == 'k')
			snprintf(kinds, sizeof kinds, "%s", optarg);
		else if (c == 'r')
			b.runs = atoi(optarg) > 0 && atoi(optarg) <= MAX_RUNS ? atoi(optarg)
									      : b.runs;
		else
			return 2;
	}
	b.m = m = machine_load(machine, variant, sets, nr_sets, &d);
	if (m == NULL)
		die(machine, &d);
	for (char *s = strtok(kinds, ","); s != NULL && b.nr_kinds < MAX_KINDS;
	     s = strtok(NULL, ","))
		b.kind[b.nr_kinds++] = s;
	for (int i = optind; i < argc; i++)
		bench_trace(&b, argv[i]);
	printf("geometric means over %d traces, ratio to glibc\n", argc - optind);
	for (int k = 0; k < b.nr_kinds; k++)
		if (b.counted[k] != 0)
			printf("  %-12s %.3f  (%d traces)\n", b.kind[k],
			       exp(b.log_sum[k] / b.counted[k]), b.counted[k]);
	machine_free(m);
	return b.bad;
}
