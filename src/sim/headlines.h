/* The dozen figures by which two runs are compared at a glance; docs/figures.md defines them. */
#ifndef SIM_HEADLINES_H
#define SIM_HEADLINES_H

#include "sim/replay.h"

#define NR_HEADLINES 12u

struct headline {
	const char *label; /* "live bytes" */
	const char *key; /* "live_bytes" */
};

extern const struct headline headline[NR_HEADLINES];

struct headlines {
	uint64_t v[NR_HEADLINES];
	bool walked; /* else the image is corrupt, and what is free unknown */
};

/* A heap, as index in the system, and what its walk shows as free. */
struct heap_space {
	unsigned alloc;
	struct free_space space;
};

struct headlines headlines_of(const struct figures *f, const struct system *s,
			      const struct heap_space *heap, unsigned nr);

/* The same of a replay as it stands; walks every heap. */
struct headlines headlines_read(struct replay *r);

/* Is the i-th figure known? */
bool headline_known(const struct headlines *x, unsigned i);

#endif
