/* The way of a walk along the live blocks; for moment_*.c. */
#ifndef SIM_MOMENT_AHEAD_H
#define SIM_MOMENT_AHEAD_H

#include "sim/timeline_private.h"

#define FETCH_AHEAD  32u /* blocks ahead of the walk whose headers are fetched */
#define FETCH_BEHIND 6u /* bytes: a block is rounded up, and a header may follow padding */

struct ahead {
	const struct live_at *live; /* the first block at or behind where the walk is */
	const uint8_t *window; /* the image, as physmem has it */
	uint64_t mask;
};

/* Fills by_pa, once a moment; false: no host memory. */
bool moment_index_lives(struct timeline *t) MUST_USE;

struct ahead ahead_begin(const struct timeline *t); /* by_pa is filled */

/* The walk is at pa, not at the live block that was to come. */
void ahead_to(struct ahead *a, const struct moment *m, uint64_t pa);

/* The header before a block, and the one behind it. */
static inline __attribute__((always_inline)) void ahead_fetch(const struct ahead *a,
							      const struct live_at *l)
{
	__builtin_prefetch(a->window + ((l->pa - 1) & a->mask));
	__builtin_prefetch(a->window + ((l->pa + l->size + FETCH_BEHIND) & a->mask));
}

/* The walk goes past the live block where it is; returns it. */
static inline __attribute__((always_inline)) const struct live_at *ahead_past(struct ahead *a)
{
	ahead_fetch(a, a->live + FETCH_AHEAD);
	return a->live++;
}

/* The walk is at a live block that begins at pa, as far as the image says. */
static inline __attribute__((always_inline)) void ahead_at(struct ahead *a, const struct moment *m,
							   uint64_t pa)
{
	if (mm_unlikely(a->live->pa != pa))
		ahead_to(a, m, pa);
	if (mm_likely(a->live->pa == pa))
		(void)ahead_past(a);
}

#endif
