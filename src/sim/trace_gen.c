#include "sim/trace_gen.h"

#include <stdlib.h>
#include <string.h>

#include "alloc/alloc.h"

/* A generator under way. */
struct gen {
	struct trace_writer *w;
	const struct gen_params *p;
	struct diag *d;
	uint64_t state; /* of the random numbers */
	uint32_t *live; /* slots */
	uint64_t nr_live, done;
	bool failed;
};

/* ---- the parts ---- */

static uint64_t next_random(struct gen *g)
{
	uint64_t z = g->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* 0 ... n - 1 */
static uint64_t below(struct gen *g, uint64_t n)
{
	return n ? next_random(g) % n : 0;
}

static void put(struct gen *g, struct trace_event *ev)
{
	if (!g->failed && trace_writer_put(g->w, ev, g->d) != 0)
		g->failed = true;
	g->done++;
}

static void birth(struct gen *g, struct trace_event ev)
{
	if (g->nr_live == g->p->live)
		return;
	put(g, &ev);
	g->live[g->nr_live++] = ev.slot;
}

static void take(struct gen *g, uint64_t size)
{
	birth(g, (struct trace_event){.op = OP_MALLOC, .size = size});
}

/* Frees the object at a place of the live list; the last one takes its place. */
static void drop(struct gen *g, uint64_t i, enum trace_op op)
{
	struct trace_event ev = {.op = (uint8_t)op, .slot = g->live[i]};

	put(g, &ev);
	g->live[i] = g->live[--g->nr_live];
}

/* Frees the object at a place and keeps the order of the rest to the caller. */
static void drop_slot(struct gen *g, uint32_t slot)
{
	put(g, &(struct trace_event){.op = OP_FREE, .slot = slot});
}

static bool more(const struct gen *g)
{
	return !g->failed && g->done < g->p->events;
}

static void say(struct gen *g, const char *text, size_t bytes)
{
	struct trace_event ev = {.op = OP_PHASE, .slot = SLOT_NONE};

	ev.arg = trace_writer_string(g->w, text, bytes);
	put(g, &ev);
}

#define SAY(g, text) say(g, text, sizeof text - 1)

static uint64_t uniform_size(struct gen *g)
{
	return g->p->min + below(g, g->p->max - g->p->min + 1);
}

/* A power of two with equal odds, and a place in its octave: density about 1/s. */
static uint64_t power_size(struct gen *g)
{
	unsigned octaves = 0;
	uint64_t base, size;

	while (g->p->min << (octaves + 1) <= g->p->max)
		octaves++;
	base = g->p->min << below(g, octaves + 1);
	size = base + below(g, base);
	return size < g->p->max ? size : g->p->max;
}

/* Frees every second of the live list, from the first on; keeps the others in order. */
static void thin(struct gen *g, uint64_t from)
{
	uint64_t kept = from;

	for (uint64_t i = from; i < g->nr_live; i++) {
		if ((i - from) % 2 == 0)
			drop_slot(g, g->live[i]);
		else
			g->live[kept++] = g->live[i];
	}
	g->nr_live = kept;
}

static void drop_all(struct gen *g)
{
	while (g->nr_live != 0)
		drop(g, g->nr_live - 1, OP_FREE);
}

/* ---- the generators ---- */

/* A birth or a death, so that half of the most live objects are alive on average. */
static void churn(struct gen *g, uint64_t (*size)(struct gen *g))
{
	if (g->nr_live == 0 || below(g, g->p->live) >= g->nr_live)
		take(g, size(g));
	else
		drop(g, below(g, g->nr_live), OP_FREE);
}

static void gen_uniform(struct gen *g)
{
	while (more(g))
		churn(g, uniform_size);
}

static void gen_powers(struct gen *g)
{
	while (more(g))
		churn(g, power_size);
}

static void gen_phases(struct gen *g)
{
	while (more(g)) {
		SAY(g, "ramp");
		while (more(g) && g->nr_live < g->p->live)
			take(g, power_size(g));
		SAY(g, "plateau");
		for (uint64_t i = 0; more(g) && i < g->p->live * 4; i++) {
			drop(g, below(g, g->nr_live), OP_FREE);
			take(g, power_size(g));
		}
		SAY(g, "fall");
		while (more(g) && g->nr_live > g->p->live / 5)
			drop(g, below(g, g->nr_live), OP_FREE);
	}
}

/* Messages live in a queue, first in, first out; one in 200 is kept, up to a quarter of all. */
static void gen_firmware(struct gen *g)
{
	uint64_t kept = 0, lines = g->p->max / 32 ? g->p->max / 32 : 1;

	while (more(g)) {
		if (g->nr_live < g->p->live && below(g, 100) < 55)
			take(g, 32 * (1 + below(g, lines)) - below(g, 16));
		else if (g->nr_live > kept)
			drop(g, kept, OP_FREE);
		if (g->nr_live > kept && kept < g->p->live / 4 && below(g, 200) == 0)
			kept++;
	}
}

static void gen_robson(struct gen *g)
{
	while (more(g)) {
		uint64_t blocks = g->p->live;

		for (uint64_t size = g->p->min; size <= g->p->max && blocks > 1; size *= 2) {
			uint64_t from = g->nr_live;

			for (uint64_t i = 0; i < blocks; i++)
				take(g, size);
			thin(g, from);
			blocks /= 2;
		}
		drop_all(g);
	}
}

static void gen_slivers(struct gen *g)
{
	uint64_t pairs = g->p->live / 2;

	while (more(g)) {
		uint64_t size = g->p->max;

		for (uint64_t i = 0; i < pairs; i++) {
			take(g, size);
			take(g, g->p->min);
		}
		for (; size > 2 * g->p->min && more(g); size -= g->p->min) {
			for (uint64_t i = 0; i < pairs; i++)
				drop_slot(g, g->live[2 * i]);
			for (uint64_t i = 0; i < pairs; i++) {
				struct trace_event ev = {.op = OP_MALLOC, .size = size - g->p->min};

				put(g, &ev);
				g->live[2 * i] = ev.slot;
			}
		}
		drop_all(g);
	}
}

static void gen_comb(struct gen *g)
{
	while (more(g)) {
		while (g->nr_live < g->p->live)
			take(g, g->p->min);
		thin(g, 0);
		for (uint64_t i = 0; i < g->p->live / 4; i++)
			take(g, g->p->max);
		drop_all(g);
	}
}

static void gen_listwalk(struct gen *g)
{
	for (uint64_t i = 0; i < g->p->live; i++)
		take(g, g->p->min);
	thin(g, 0);
	while (more(g)) {
		take(g, g->p->max / 2 + below(g, g->p->max / 2 + 1));
		drop(g, g->nr_live - 1, OP_FREE);
	}
	drop_all(g);
}

static void gen_pages(struct gen *g)
{
	while (more(g)) {
		struct trace_event ev = {.op = OP_ALLOC_PAGES};

		if (g->nr_live != 0 && below(g, g->p->live) < g->nr_live) {
			drop(g, below(g, g->nr_live), OP_FREE_PAGES);
			continue;
		}
		ev.order = (uint8_t)__builtin_ctzll(next_random(g) | UINT64_C(1) << g->p->max);
		ev.migratetype = (uint8_t)below(g, MIGRATE_TYPES);
		birth(g, ev);
	}
}

/* ---- the list ---- */

static int run(void (*generate)(struct gen *g), struct trace_writer *w, const struct gen_params *p,
	       struct diag *d)
{
	struct gen g = {.w = w, .p = p, .d = d, .state = p->seed};

	g.live = calloc(p->live + 1, sizeof *g.live);
	if (g.live == NULL)
		return diag_set(d, "", 0, 0, "out of memory");
	generate(&g);
	free(g.live);
	return g.failed ? -1 : 0;
}

#define X(name, summary, live, min, max)                                                           \
	static int run_##name(struct trace_writer *w, const struct gen_params *p, struct diag *d)  \
	{                                                                                          \
		return run(gen_##name, w, p, d);                                                   \
	}
GENERATORS(X)
#undef X

const struct generator generators[] = {
#define X(name, summary, live, min, max) {#name, summary, {1000000, 1, live, min, max}, run_##name},
	GENERATORS(X)
#undef X
};

const unsigned nr_generators = sizeof generators / sizeof generators[0];

const struct generator *generator_find(const char *name)
{
	for (unsigned i = 0; i < nr_generators; i++)
		if (strcmp(generators[i].name, name) == 0)
			return &generators[i];
	return NULL;
}

bool generator_makes_pages(const struct generator *g)
{
	return g->run == run_pages;
}
