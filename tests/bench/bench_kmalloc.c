/*
 * bench_kmalloc: kmalloc and kfree over the slab layers against glibc's malloc and free on the
 * same trace in one run.
 *
 *   bench_kmalloc [-r RUNS] [-k KIND,KIND,...] TRACE...
 *
 * The trace is decoded beforehand: every request of bytes (malloc, kmalloc, kmem_cache_alloc,
 * ...) becomes one of its size, every free of one a free.  Each kind serves it from a
 * machine of 256 MiB (instance fast8, 4 KiB pages of a buddy allocator, 2 CPUs, rules linux-6) with
 * the full ledger: grants split into payload and rounding and joined again, by region and
 * owner, tracepoint counters and search statistics, as in a replay.  CPU time, the median of RUNS
 * runs, which take turns with glibc's in the memory they have had before; then what the ledger holds is compared with a recount.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <getopt.h>

#include "lib/rig.h"
#include "sim/replay_account.h"
#include "sim/trace.h"
#include "sim/trace_format.h"

#define MAX_RUNS  25
#define MAX_KINDS 4
#define RAM_BASE  UINT64_C(0x1000000)
#define RAM_BYTES UINT64_C(0x10000000)

struct load {
	struct plain_req *op; /* kmalloc and kfree */
	size_t nr, cap;
	uint32_t slots;
	uint64_t served; /* requests */
};

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "bench_kmalloc: %s: %s\n", what, why);
	exit(1);
}

static double cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* ---- the load ---- */

#define A_FREE (PLAIN_KERNEL | (uint64_t)PLAIN_KFREE << 59)

static uint32_t size_of(const struct plain_req *o)
{
	return o->size & PLAIN_KERNEL_MAX;
}

/* A request of `size` bytes; UINT32_MAX: a free. */
static void add(struct load *w, uint32_t slot, uint32_t size)
{
	uint64_t asked = PLAIN_KERNEL | (uint64_t)GFP_KERNEL << 31 | size;

	if (w->nr == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 1u << 16;
		w->op = realloc(w->op, w->cap * sizeof *w->op);
		if (w->op == NULL)
			die("load", "out of memory");
	}
	w->op[w->nr++] = (struct plain_req){size == UINT32_MAX ? A_FREE : asked, slot, 0};
	w->slots = slot + 1 > w->slots ? slot + 1 : w->slots;
	w->served += size != UINT32_MAX;
}

/* Sizes of live objects and of caches, by slot; 0: none. */
struct sizes {
	uint32_t *of, *cache;
	uint32_t nr;
};

static void reach(struct sizes *s, uint32_t slot)
{
	uint32_t nr = (slot | 1023) + 1;

	if (slot < s->nr)
		return;
	s->of = realloc(s->of, nr * sizeof *s->of);
	s->cache = realloc(s->cache, nr * sizeof *s->cache);
	if (s->of == NULL || s->cache == NULL)
		die("load", "out of memory");
	memset(s->of + s->nr, 0, (nr - s->nr) * sizeof *s->of);
	memset(s->cache + s->nr, 0, (nr - s->nr) * sizeof *s->cache);
	s->nr = nr;
}

static void add_event(struct load *w, struct sizes *s, const struct trace_event *ev)
{
	uint64_t size = ev->size;

	if (ev->slot == SLOT_NONE)
		return;
	reach(s, ev->slot);
	switch (ev->op) {
	case OP_CACHE_CREATE:
		s->cache[ev->slot] = (uint32_t)size;
		return;
	case OP_CACHE_ALLOC:
		size = ev->slot2 < s->nr ? s->cache[ev->slot2] : 0;
		break;
	case OP_FREE:
	case OP_KFREE:
	case OP_CACHE_FREE:
	case OP_REALLOC:
	case OP_KREALLOC:
		if (s->of[ev->slot] != 0)
			add(w, ev->slot, UINT32_MAX);
		s->of[ev->slot] = 0;
		if (ev->op != OP_REALLOC && ev->op != OP_KREALLOC)
			return;
		break;
	case OP_MALLOC:
	case OP_CALLOC:
	case OP_MEMALIGN:
	case OP_KMALLOC:
	case OP_KZALLOC:
	case OP_KCALLOC:
		break;
	default:
		return;
	}
	if (size == 0 || size > MiB(4))
		return;
	s->of[ev->slot] = (uint32_t)size;
	add(w, ev->slot, (uint32_t)size);
}

static void read_load(struct load *w, const char *path)
{
	struct diag d = {0};
	struct trace_reader *r = trace_open(path, &d);
	const struct trace_event *ev;
	struct sizes s = {0};
	size_t n = 1;

	*w = (struct load){0};
	if (r == NULL)
		die(path, d.msg);
	while (n != 0) {
		if (trace_next(r, &ev, &n, &d) != 0)
			die(path, d.msg);
		for (size_t i = 0; i < n; i++)
			add_event(w, &s, &ev[i]);
	}
	for (uint32_t i = 0; i < s.nr; i++) /* what is left at the end */
		if (s.of[i] != 0)
			add(w, i, UINT32_MAX);
	trace_close(r);
	free(s.of);
	free(s.cache);
}

/* ---- those who serve it ---- */

static double run_glibc(const struct load *w, void **at)
{
	double t = cpu_now();

	for (size_t i = 0; i < w->nr; i++) {
		const struct plain_req *o = &w->op[i];

		if (o->size == A_FREE)
			free(at[o->name]);
		else
			at[o->name] = malloc(size_of(o));
	}
	return cpu_now() - t;
}

static struct rig g;
static struct page_source *source; /* of the layer at work */

static struct alloc *build(const char *kind)
{
	static const struct phys_region ram[] = {{0x1000, 0x2000, REGION_RAM, 15},
						 {RAM_BASE, RAM_BYTES, REGION_RAM, 15}};
	static const struct pfn_range range = {
		{(uint32_t)(RAM_BASE >> 12)}, (uint32_t)(RAM_BYTES >> 12), 1, 0};
	static const struct zone_desc zone = {
		.name = "normal", .ranges = &range, .nr_ranges = 1, .desc_zone = DESC_OWN_RANGE};
	struct rig_owner *p, *o;

	rig_init(&g, 0, ram, 2, 0);
	p = rig_zones_owner(&g, &alloc_fast8, "buddy", NULL, 12, &zone, 1);
	p->env.desc_stride = 64;
	p->env.cpus = 2;
	p->env.rules = MM_RULES_LINUX_6;
	if (rig_start(&g, p) != 0)
		die("buddy", "does not start");
	o = rig_owner(&g, &alloc_fast8, kind, NULL);
	o->env.page_shift = 12;
	o->env.cache_line = 64;
	o->env.align = 8;
	o->env.cpus = 2;
	o->env.rules = MM_RULES_LINUX_6;
	o->source =
		(struct page_source){.pages = p->alloc, .zone_mask = UINT32_MAX, .page_shift = 12};
	o->env.pages = source = &o->source;
	if (rig_start(&g, o) != 0)
		die(kind, "does not start");
	return o->alloc;
}

/* One request after the other. */
static __attribute__((noinline)) void serve_singly(struct alloc *a, const struct load *w,
						   struct live *at)
{
	const struct bytes_ops *ops = a->ops->bytes;
	struct mem *m = a->m;
	struct alloc_req req = {.gfp = GFP_KERNEL, .zone_mask = UINT32_MAX};

	for (size_t i = 0; i < w->nr; i++) {
		const struct plain_req *o = &w->op[i];
		struct live *l = &at[o->name];

		if (o->size == A_FREE) {
			msize_t granted = ops->free(a, (vaddr_t){l->place});

			if (granted == FREE_BAD)
				die(a->ops->name, "refuses a block of its own");
			join_grant(m, mem_pa(m, (vaddr_t){l->place}).v, granted, l->what);
		} else {
			struct grant x;

			req.size = size_of(o);
			x = ops->malloc(a, &req);
			if (x.bytes == 0)
				die(a->ops->name, "has no memory");
			split_grant(m, mem_pa(m, x.va).v, x.bytes, req.size);
			*l = (struct live){x.va.v, req.size, (uint32_t)i};
		}
	}
}

/* ---- in bulk, as a replay does: with its live table, sums and counts ---- */

static void at_peak(struct bulk *b)
{
	b->peak = (int64_t)b->live_bytes;
}

static void at_taken(struct bulk *b, uint64_t begin, uint64_t end)
{
	(void)begin, (void)end;
	b->held = source->held << 16;
}

static struct alloc_req state(struct bulk *b, const struct plain_req *q)
{
	(void)b;
	return (struct alloc_req){.gfp = plain_kernel_gfp(q->size), .zone_mask = UINT32_MAX};
}

static void serve_in_bulk(struct alloc *a, const struct load *w, struct live *at)
{
	static uint64_t clock;
	static uint32_t cpu;
	struct bulk b = {.table = at,
			 .place = live_place(LIVE_BLOCK, 0, 0),
			 .clock = &clock,
			 .end = UINT64_MAX,
			 .at_peak = at_peak,
			 .at_end = at_taken,
			 .entries = w->slots,
			 .caches = live_place(LIVE_CACHE, 0, 0),
			 .cpu = &cpu,
			 .state = state};

	for (size_t i = 0, done; i < w->nr; i += done) {
		b.cold = b.mallocs - b.frees > BULK_COLD;
		if (a->ops->kernel_bulk(a, &b, w->op + i,
					w->nr - i < TRACE_CHUNK ? w->nr - i : TRACE_CHUNK,
					&done) != BULK_DONE)
			die(a->ops->name, "refuses a request");
	}
}

static double run_slab(struct alloc *a, const struct load *w, struct live *at)
{
	double t = cpu_now();

	if (a->ops->kernel_bulk != NULL)
		serve_in_bulk(a, w, at);
	else
		serve_singly(a, w, at);
	return cpu_now() - t;
}

static double measure(const char *path, const struct load *w, const char *kind, int runs,
		      double *glibc)
{
	void **theirs = calloc(w->slots + 1u, sizeof *theirs);
	struct live *ours = calloc(w->slots + 1u, sizeof *ours);
	double t[MAX_RUNS], u[MAX_RUNS];
	struct alloc *a;

	if (theirs == NULL || ours == NULL)
		die(path, "out of memory");
	a = build(kind);
	for (int i = 0; i < runs; i++) {
		u[i] = run_glibc(w, theirs);
		t[i] = run_slab(a, w, ours);
	}
	rig_ledger_equals_walk(&g, (struct alloc *[]){g.owner[1].alloc, a}, 2);
	rig_finish(&g);
	qsort(t, (size_t)runs, sizeof *t, by_value);
	qsort(u, (size_t)runs, sizeof *u, by_value);
	free(theirs);
	free(ours);
	*glibc = u[runs / 2] / (double)w->nr;
	return t[runs / 2] / (double)w->nr;
}

int main(int argc, char **argv)
{
	char kinds[64] = "slub", *kind[MAX_KINDS];
	int runs = 9, c, nr = 0;

	while ((c = getopt(argc, argv, "r:k:")) != -1) {
		if (c == 'r')
			runs = atoi(optarg);
		else if (c == 'k' && strlen(optarg) < sizeof kinds)
			strcpy(kinds, optarg);
		else
			return 2;
	}
	for (char *s = strtok(kinds, ","); s != NULL && nr < MAX_KINDS; s = strtok(NULL, ","))
		kind[nr++] = s;
	if (runs < 1 || runs > MAX_RUNS || optind == argc) {
		fprintf(stderr, "usage: bench_kmalloc [-r RUNS<=25] [-k KIND,...] TRACE...\n");
		return 2;
	}
	for (int i = optind; i < argc; i++) {
		struct load w;

		read_load(&w, argv[i]);
		for (int k = 0; k < nr; k++) {
			double glibc, ns = measure(argv[i], &w, kind[k], runs, &glibc);

			printf("%-28s %8zu events   glibc %5.1f ns   %-9s %5.1f ns   ratio %.2f\n",
			       strrchr(argv[i], '/') ? strrchr(argv[i], '/') + 1 : argv[i], w.nr,
			       glibc, kind[k], ns, ns / glibc);
		}
		free(w.op);
	}
	return 0;
}
