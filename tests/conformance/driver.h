/*
 * A driver makes operations on one facet: at random, or all those of a small
 * world, and judges each by the shadow.  Everything the battery, the mutation
 * test, the golden runs and the fuzz target do, they do with `apply`.
 */
#ifndef TESTS_DRIVER_H
#define TESTS_DRIVER_H

#include "conformance/shadow.h"

/* What the fields mean is the driver's own; `pick` names a live block by rank, modulo. */
struct op {
	uint8_t code;
	uint8_t small; /* order, kind of wrong pointer, ... */
	uint32_t pick;
	uint64_t size, align;
};

#define SMALL_OPS 24u

struct driver {
	const char *facet;
	unsigned settings;
	bool (*offered)(const struct alloc_ops *ops);
	/* The next operation of a random run; deterministic in (p, s). */
	struct op (*random)(struct prng *p, const struct world *w, const struct shadow *s);
	/* Makes it; a digest of the result.  Fails the test when the shadow disagrees. */
	uint64_t (*apply)(struct world *w, struct shadow *s, const struct op *o);
	/* Operations of the exhaustive run; at most SMALL_OPS. */
	unsigned (*small)(const struct world *w, struct op *out);
	/* Gives everything back, and says what must hold then. */
	void (*drain)(struct world *w, struct shadow *s);
	/* What must hold of a fresh world beyond single operations; may be NULL. */
	void (*fresh)(struct world *w, struct shadow *s);
	/* After operations: what the facet's figures say against the shadow; may be NULL. */
	void (*figures)(struct world *w, const struct shadow *s);
	/* Of operation codes 0 ... nr_codes - 1. */
	const char *const *words;
	unsigned nr_codes;
};

extern const struct driver drive_bytes, drive_pages, drive_caches, drive_stack, drive_boot, drive_maps,
	drive_kmaps, drive_resources, drive_tasks, drive_cma, drive_percpu;

#define NR_DRIVERS 11u
extern const struct driver *const drivers[NR_DRIVERS];

/* apply, told on standard error when CONFORMANCE_TRACE is set. */
uint64_t drive(const struct driver *d, struct world *w, struct shadow *s, const struct op *o);

/* ---- for drivers ---- */

/* Folds x into a digest. */
static inline uint64_t digest(uint64_t h, uint64_t x)
{
	h = (h ^ x) * 0x9E3779B97F4A7C15ull;
	return h ^ (h >> 29);
}

/*
 * Around an operation that may be refused: before, and after with whether it was.
 * A refused one must have left the image as it was, unless the kind is excepted.
 */
struct image_hash before_op(const struct world *w, const struct shadow *s);
void after_op(const struct world *w, const struct shadow *s, struct image_hash was, bool refused);

/* On machines of several nodes: a request is for the CPU's node mostly, else for the other. */
void choose_node(const struct world *w, const struct op *o, struct alloc_req *req);

/* A grant for (size, align): aligned, large enough, and noted as block. */
void note_grant(struct world *w, struct shadow *s, struct grant g, msize_t size, msize_t align,
		uint32_t cache);

/* Sizes as programs ask for them, few large ones, seldom impossible ones. */
msize_t random_size(struct prng *p, const struct world *w);
/* 0 mostly; else a power of two up to the arena and seldom beyond. */
msize_t random_align(struct prng *p);

/*
 * An address that heads no live block: `kind` chooses how wrong.  *likely: what
 * lies before it may look like a header by chance (inside a block, or in memory
 * that was one), so that a kind may be excepted from refusing it.
 */
#define NR_WRONG 10u
uint64_t wrong_pointer(const struct world *w, const struct shadow *s, unsigned kind, uint32_t pick,
		       bool *likely);

#endif
