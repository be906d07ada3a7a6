/*
 * Synthetic traces: workloads with a known shape, and the patterns that hurt each
 * kind of allocator most.  The same parameters give the same trace on every host.
 */
#ifndef SIM_TRACE_GEN_H
#define SIM_TRACE_GEN_H

#include "sim/trace_writer.h"

struct gen_params {
	uint64_t events; /* about so many; a generator finishes its round */
	uint64_t seed;
	uint64_t live; /* most live objects; GEN_LEAST_LIVE to GEN_MOST_LIVE */
	/* The smallest and largest request: bytes from 1 on, or orders of blocks of pages. */
	uint64_t min, max;
};

#define GEN_LEAST_LIVE 8u
#define GEN_MOST_LIVE  (UINT32_MAX / 2)
#define GEN_MOST_BYTES (UINT64_C(1) << 40)
#define GEN_MOST_ORDER 20u

/* X(name, "one line", default live objects, min, max) */
#define GENERATORS(X)                                                                              \
	X(uniform, "random births and deaths, sizes uniform from min to max", 10000, 8, 4096)      \
	X(powers, "the same, size s with weight 1/s, as in many programs", 10000, 8, 65536)        \
	X(phases, "ramp up, a plateau of churn, fall to a fifth; again", 20000, 16, 1024)          \
	X(firmware, "messages of 1 to 8 cache lines of 32 bytes, a few kept for ever", 200, 32,    \
	  256)                                                                                     \
	X(robson,                                                                                  \
	  "rounds of doubling sizes, every second block freed between: first fit's "               \
	  "worst pattern",                                                                         \
	  4096, 16, 16384)                                                                         \
	X(slivers, "holes refilled a little smaller: best fit is left with splinters", 2000, 32,   \
	  4096)                                                                                    \
	X(comb, "every second of equal blocks freed, then requests of twice the size", 4096, 64,   \
	  128)                                                                                     \
	X(listwalk, "many small holes before every large request: list searches walk them all",    \
	  4096, 16, 8192)                                                                          \
	X(pages, "alloc_pages of orders 0 to 9, small ones often, in three migrate types", 4096,   \
	  0, 9)

struct generator {
	const char *name, *summary;
	struct gen_params defaults;
	int (*run)(struct trace_writer *w, const struct gen_params *p, struct diag *d);
};

extern const struct generator generators[];
extern const unsigned nr_generators;

/* NULL: no generator has the name. */
const struct generator *generator_find(const char *name);

/* Are its `min` and `max` orders of blocks of pages, and not bytes? */
bool generator_makes_pages(const struct generator *g);

#endif
