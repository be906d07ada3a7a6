/*
 * Nanoseconds per malloc and per free of heaps, in instance alloc_fast8, with
 * accounting, tracepoint counters and search statistics as in a replay; glibc's
 * malloc on the same sequence beside them.
 *
 *   bench_alloc [-n LIVE] [-r ROUNDS] [-m MIB] [KIND...]     ("glibc" is a kind here)
 *
 * Workload: LIVE blocks, sizes as programs ask for them (most under 128 bytes, a
 * tail up to 32 KiB); in each round a batch is freed, three in four of it among the
 * youngest, and as many are asked for.  Payloads are not touched.  Times are CPU
 * times of whole batches; the median over ten parts is printed.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alloc/alloc.h"
#include "model/fault.h"
#include "model/physmem.h"

#define BATCH 256u
#define PARTS 10u

struct workload {
	unsigned live, rounds;
	uint32_t *victim; /* index among the live blocks, BATCH a round */
	uint32_t *size; /* bytes: LIVE for the start, then BATCH a round */
};

struct peer {
	const char *name;
	struct alloc *a; /* NULL: glibc */
	uint64_t failed;
};

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

static uint32_t draw_size(uint64_t *rng)
{
	uint64_t r = next_random(rng), kind = r % 1000;

	if (kind < 850)
		return 8 + (uint32_t)((r >> 20) % 120);
	if (kind < 970)
		return 128 + (uint32_t)((r >> 20) % 896);
	return kind < 998 ? 1024 + (uint32_t)((r >> 20) % 3072)
			  : 4096 + (uint32_t)((r >> 20) % 28672);
}

static void make_workload(struct workload *w, unsigned live, unsigned rounds)
{
	size_t ops = (size_t)rounds * BATCH;
	uint64_t rng = 42;

	*w = (struct workload){live, rounds, malloc(ops * 4), malloc((live + ops) * 4)};
	if (w->victim == NULL || w->size == NULL)
		abort();
	for (size_t i = 0; i < live + ops; i++)
		w->size[i] = draw_size(&rng);
	for (size_t i = 0; i < ops; i++) {
		uint64_t r = next_random(&rng);
		uint32_t young = live < 1024 ? live : 1024;

		w->victim[i] =
			(uint32_t)((r & 3) != 0 ? live - 1 - (r >> 8) % young : (r >> 8) % live);
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t get(struct peer *p, uint32_t size)
{
	struct alloc_req req = {.size = size, .zone_mask = UINT32_MAX};
	struct grant g;

	if (p->a == NULL)
		return (uint64_t)(uintptr_t)malloc(size);
	g = p->a->ops->bytes->malloc(p->a, &req);
	if (g.bytes == 0) {
		p->failed++;
		return UINT64_MAX;
	}
	return g.va.v;
}

static void put(struct peer *p, uint64_t at)
{
	if (p->a == NULL)
		free((void *)(uintptr_t)at);
	else if (at != UINT64_MAX && p->a->ops->bytes->free(p->a, (vaddr_t){at}) == FREE_BAD)
		abort();
}

/* One round: the victims of a batch leave, the young end gets as many new ones. */
static void one_round(struct peer *p, const struct workload *w, unsigned round, uint64_t *block,
		      double *free_ns, double *malloc_ns)
{
	const uint32_t *victim = &w->victim[(size_t)round * BATCH];
	const uint32_t *size = &w->size[w->live + (size_t)round * BATCH];
	uint64_t gone[BATCH];
	double t0, t1;

	for (unsigned i = 0; i < BATCH; i++) {
		gone[i] = block[victim[i]];
		block[victim[i]] = block[w->live - 1 - i];
		block[w->live - 1 - i] = gone[i];
		if (victim[i] > w->live - 1 - i) { /* already gone: swap back and take the last */
			block[w->live - 1 - i] = block[victim[i]];
			block[victim[i]] = gone[i];
			gone[i] = block[w->live - 1 - i];
		}
	}
	t0 = now();
	for (unsigned i = 0; i < BATCH; i++)
		put(p, gone[i]);
	t1 = now();
	for (unsigned i = 0; i < BATCH; i++)
		block[w->live - 1 - i] = get(p, size[i]);
	*malloc_ns += now() - t1;
	*free_ns += t1 - t0;
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void run(struct peer *p, const struct workload *w)
{
	uint64_t *block = malloc(w->live * sizeof *block);
	double f[PARTS] = {0}, m[PARTS] = {0}, per = (double)(w->rounds / PARTS) * BATCH;

	if (block == NULL)
		abort();
	for (unsigned i = 0; i < w->live; i++)
		block[i] = get(p, w->size[i]);
	for (unsigned r = 0; r < w->rounds / PARTS * PARTS; r++)
		one_round(p, w, r, block, &f[r / (w->rounds / PARTS)], &m[r / (w->rounds / PARTS)]);
	for (unsigned i = 0; i < w->live; i++)
		put(p, block[i]);
	qsort(f, PARTS, sizeof f[0], compare_double);
	qsort(m, PARTS, sizeof m[0], compare_double);
	printf("%-12s malloc %6.1f ns   free %6.1f ns   both %6.1f ns   failed %llu\n", p->name,
	       m[PARTS / 2] / per, f[PARTS / 2] / per, (m[PARTS / 2] + f[PARTS / 2]) / per,
	       (unsigned long long)p->failed);
	free(block);
}

/* ---- a machine of one region, with the kind's defaults ---- */

struct bench {
	struct physmem pm;
	struct mm_shared sh;
	struct mem view;
	struct mm_search search;
	uint64_t count[MM_NR_EV];
	struct mm_row rows[1];
	struct param_value params[32];
	msize_t sizes[64]; /* the default of a PARAM_SIZES */
};

static void default_sizes(struct bench *b, struct param_value *v, const char *words)
{
	for (v->nr = 0; v->nr < 64 && *words != '\0'; v->nr++) {
		char *end;

		b->sizes[v->nr] = strtoull(words, &end, 0);
		words = end + strspn(end, " ");
	}
	v->list = b->sizes;
}

static struct alloc *start(struct bench *b, const char *kind, uint64_t bytes)
{
	struct alloc_env env = {.m = &b->view,
				.params = b->params,
				.page_shift = 12,
				.align = 8,
				.cache_line = 64,
				.cpus = 1,
				.arena = {{0x100000}, bytes}};
	const struct phys_region region = {0x100000, bytes, REGION_RAM, 15};
	const struct alloc_ops *ops = NULL;
	struct alloc *a;

	for (unsigned i = 0; i < alloc_fast8.nr_kinds; i++)
		if (strcmp(alloc_fast8.kinds[i]->name, kind) == 0)
			ops = alloc_fast8.kinds[i];
	if (ops == NULL || ops->bytes == NULL) {
		fprintf(stderr, "bench_alloc: %s is no kind that serves bytes\n", kind);
		exit(2);
	}
	memset(b, 0, sizeof *b);
	if (physmem_init(&b->pm, &region, 1, 0) != 0)
		abort();
	physmem_view(&b->pm, &b->view, 0);
	b->view.rows = b->rows;
	b->view.count = b->count;
	b->view.search = &b->search;
	b->view.sh = &b->sh;
	for (unsigned i = 0; ops->params[i].name != NULL; i++) {
		b->params[i].u = ops->params[i].def;
		if (ops->params[i].type == PARAM_SIZES)
			default_sizes(b, &b->params[i], ops->params[i].choices);
	}
	a = calloc(1, ops->handle_bytes);
	mm_account(&b->view, env.arena.base, bytes, MM_UNMANAGED, MM_CACHED);
	if (a == NULL || ops->init(a, &env) != 0)
		abort();
	return a;
}

static void bench_kind(const char *kind, const struct workload *w, uint64_t bytes)
{
	static struct bench b;
	struct peer p = {.name = kind};

	if (strcmp(kind, "glibc") != 0)
		p.a = start(&b, kind, bytes);
	run(&p, w);
	if (p.a == NULL)
		return;
	free(p.a);
	physmem_finish(&b.pm);
}

int main(int argc, char **argv)
{
	unsigned live = 20000, rounds = 4000;
	uint64_t mib = 64;
	struct workload w;
	int c;

	while ((c = getopt(argc, argv, "n:r:m:")) != -1) {
		if (c == 'n')
			live = (unsigned)strtoul(optarg, NULL, 0);
		else if (c == 'r')
			rounds = (unsigned)strtoul(optarg, NULL, 0);
		else if (c == 'm')
			mib = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	if (live < BATCH || rounds < PARTS || mib == 0 || optind == argc) {
		fprintf(stderr,
			"usage: bench_alloc [-n LIVE>=256] [-r ROUNDS>=10] [-m MIB] KIND...\n");
		return 2;
	}
	make_workload(&w, live, rounds);
	for (int i = optind; i < argc; i++)
		bench_kind(argv[i], &w, mib << 20);
	free(w.victim);
	free(w.size);
	return 0;
}
