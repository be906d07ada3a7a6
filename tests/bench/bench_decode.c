/*
 * What decoding a trace costs, against glibc's malloc doing the trace's operations.
 *
 *   bench_decode [TRACE...]
 *
 * Without arguments a synthetic trace of 2,000,000 events is written in all forms to
 * a temporary directory.  A line per file: bytes per event, decoding ns per event
 * without and with the trace's hash, glibc ns per event (the trace decoded
 * beforehand), and the ratio of decoding to glibc.  CPU time, median of RUNS.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sim/trace.h"
#include "sim/trace_writer.h"

#define RUNS             5
#define SYNTHETIC_EVENTS 2000000u
#define SYNTHETIC_LIVE   20000u

struct op {
	uint32_t slot;
	uint32_t op;
	uint64_t size;
};

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void die(const struct diag *d)
{
	char text[1024];

	diag_text(d, text, sizeof text);
	fprintf(stderr, "bench_decode: %s\n", text);
	exit(1);
}

/* Decodes a file; the events' number, and a sum so that nothing is left out. */
static uint64_t decode(const char *path, bool hash, uint64_t *sum)
{
	struct diag d = {0};
	struct trace_reader *r = trace_open(path, &d);
	struct plain_block block;
	uint64_t events = 0;

	if (r == NULL)
		die(&d);
	if (hash)
		trace_want_hash(r);
	do {
		if (trace_next_plain(r, &block, &d) != 0)
			die(&d);
		for (size_t i = 0; i < block.n; i++)
			*sum += block.req[i].name ^ block.req[i].size;
		events += block.n;
	} while (block.n != 0);
	trace_close(r);
	return events;
}

static double decode_ns(const char *path, bool hash, uint64_t *events, uint64_t *sum)
{
	double ns[RUNS];

	for (int i = 0; i < RUNS; i++) {
		double start = cpu_ns();

		*events = decode(path, hash, sum);
		ns[i] = cpu_ns() - start;
	}
	qsort(ns, RUNS, sizeof ns[0], by_value);
	return ns[RUNS / 2] / (double)*events;
}

static struct op *load(const char *path, uint64_t events, uint32_t *slots)
{
	struct diag d = {0};
	struct trace_reader *r = trace_open(path, &d);
	struct op *ops = malloc(events * sizeof *ops);
	const struct trace_event *ev;
	uint64_t k = 0;
	size_t n;

	if (r == NULL || ops == NULL)
		die(&d);
	do {
		if (trace_next(r, &ev, &n, &d) != 0)
			die(&d);
		for (size_t i = 0; i < n && k < events; i++)
			ops[k++] = (struct op){ev[i].slot, ev[i].op, ev[i].size};
	} while (n != 0);
	*slots = trace_slots(r);
	trace_close(r);
	return ops;
}

static void replay(const struct op *ops, uint64_t events, void **table)
{
	for (uint64_t i = 0; i < events; i++) {
		if (ops[i].slot == SLOT_NONE)
			continue;
		if (ops[i].op == OP_FREE)
			free(table[ops[i].slot]);
		else if (ops[i].op == OP_REALLOC)
			table[ops[i].slot] = realloc(table[ops[i].slot], ops[i].size);
		else
			table[ops[i].slot] = malloc(ops[i].size);
		if (ops[i].op == OP_FREE)
			table[ops[i].slot] = NULL;
	}
}

static double glibc_ns(const char *path, uint64_t events)
{
	uint32_t slots;
	struct op *ops = load(path, events, &slots);
	void **table = calloc(slots + 1u, sizeof *table);
	double ns[RUNS];

	for (int i = 0; i < RUNS; i++) {
		double start = cpu_ns();

		replay(ops, events, table);
		ns[i] = cpu_ns() - start;
		for (uint32_t s = 0; s < slots; s++) {
			free(table[s]);
			table[s] = NULL;
		}
	}
	free(ops);
	free(table);
	qsort(ns, RUNS, sizeof ns[0], by_value);
	return ns[RUNS / 2] / (double)events;
}

static void bench(const char *path)
{
	uint64_t events, sum = 0;
	double plain = decode_ns(path, false, &events, &sum);
	double hashed = decode_ns(path, true, &events, &sum), peer = glibc_ns(path, events);
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	struct stat st;

	if (stat(path, &st) != 0)
		st.st_size = 0;
	printf("%-20s %9llu events  %6.3f B/event  decode %6.2f ns  hashed %6.2f ns  "
	       "glibc %6.2f ns  ratio %.3f%s\n",
	       name, (unsigned long long)events, (double)st.st_size / (double)events, plain, hashed,
	       peer, plain / peer, sum == 1 ? "!" : "");
}

/* ---- a synthetic trace ---- */

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void put(struct trace_writer *w, struct trace_event *ev)
{
	struct diag d = {0};

	if (trace_writer_put(w, ev, &d) != 0)
		die(&d);
}

/* Births and deaths about equal in number; sizes mostly small multiples of 8. */
static void synthesize(const char *path, enum trace_encoding encoding, FILE *rep)
{
	static uint32_t slot[SYNTHETIC_LIVE * 2], id[SYNTHETIC_LIVE * 2];
	struct trace_writer_options o = {.encoding = encoding};
	struct diag d = {0};
	struct trace_writer *w = trace_writer_open(path, &o, &d);
	uint64_t seed = 1;
	uint32_t live = 0, ids = 0;

	if (w == NULL)
		die(&d);
	fprintf(rep, "1\n%u\n%u\n1\n", SYNTHETIC_EVENTS, SYNTHETIC_EVENTS);
	for (uint32_t i = 0; i < SYNTHETIC_EVENTS; i++) {
		uint64_t x = next_random(&seed);
		struct trace_event ev = {.op = OP_MALLOC};

		if (x % (2 * SYNTHETIC_LIVE) >= live) {
			ev.size = 8 + (x >> 20) % 16 * 8 * ((x >> 40) % 8 ? 1 : 37);
			put(w, &ev);
			slot[live] = ev.slot;
			id[live] = ids++;
			fprintf(rep, "a %u %llu\n", id[live++], (unsigned long long)ev.size);
			continue;
		}
		x = (x >> 32) % 2 ? live - 1 - (x >> 33) % (live < 64 ? live : 64)
				  : (x >> 33) % live;
		ev = (struct trace_event){.op = OP_FREE, .slot = slot[x]};
		fprintf(rep, "f %u\n", id[x]);
		put(w, &ev);
		slot[x] = slot[--live];
		id[x] = id[live];
	}
	if (trace_writer_close(w, &d) != 0)
		die(&d);
}

static void bench_synthetic(void)
{
	char dir[] = "/tmp/bench_decodeXXXXXX", path[3][64];
	FILE *rep;

	if (mkdtemp(dir) == NULL)
		exit(1);
	snprintf(path[0], sizeof path[0], "%s/synthetic.mst", dir);
	snprintf(path[1], sizeof path[1], "%s/synthetic.txt", dir);
	snprintf(path[2], sizeof path[2], "%s/synthetic.rep", dir);
	rep = fopen(path[2], "w");
	synthesize(path[1], TRACE_TEXT, rep);
	rewind(rep);
	synthesize(path[0], TRACE_BINARY, rep);
	fclose(rep);
	for (int i = 0; i < 3; i++) {
		bench(path[i]);
		unlink(path[i]);
	}
	rmdir(dir);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		bench_synthetic();
	for (int i = 1; i < argc; i++)
		bench(argv[i]);
	return 0;
}
