/* What walk shows, collected and sorted by address. */
#ifndef SIM_SPANS_H
#define SIM_SPANS_H

#include "sim/system.h"

struct span {
	uint64_t base, end; /* physical */
	const char *what;
	uint64_t detail;
	uint8_t class, alloc; /* alloc: index in the system */
	bool woven; /* for who puts spans of two layers into one: it has its place */
};

struct spans {
	struct span *v; /* owned */
	size_t nr, room;
	bool failed; /* out of host memory */
};

/* Appends what allocator `a` walks (its walker, in the checked instance). */
void spans_add(struct spans *v, struct system *s, struct sys_alloc *a);
void spans_put(struct spans *v, const struct span *s); /* appends a copy */
void spans_sort(struct spans *v); /* by base */
void spans_finish(struct spans *v);

#endif
