/*
 * Worker processes that run points.  A point that takes its process down is known as
 * such, and a new process takes its place.  Workers die with the process that began
 * them.
 *
 * Decoded traces are in a few files in memory, made before the first worker, which all
 * of them see; decoding is a job like any other.
 */
#ifndef SIM_SWEEP_POOL_H
#define SIM_SWEEP_POOL_H

#include "sim/sweep_point.h"

#define POOL_MAX_WORKERS 256u
#define POOL_SLOTS       4u /* decoded traces at a time */

/* Goes through a socket as it is: no padding. */
struct sweep_job {
	uint64_t index; /* of the point */
	uint64_t generation; /* of the slot's content: differs when it was decoded anew */
	uint32_t slot;
	/* 1: the point's trace into the slot; 0: run the point with the slot's trace */
	uint32_t decode;
};

_Static_assert(sizeof(struct sweep_job) == 24, "all its bytes are set");

/* What became of a job. */
struct sweep_done {
	struct sweep_job job;
	struct sweep_result result; /* report: owned by whoever takes it */
	uint64_t cpu_ns, wall_ns;
};

struct sweep_pool;

/* At most POOL_MAX_WORKERS processes, begun when they are needed.  NULL with *d. */
struct sweep_pool *sweep_pool_new(const struct sweep *s, unsigned workers, struct diag *d) MUST_USE;
/* Kills those that are at work. */
void sweep_pool_free(struct sweep_pool *p); /* NULL is fine */

/* How many have no job, of all that may be; whether one has room for a job; whether any has one. */
unsigned sweep_pool_idle(const struct sweep_pool *p);
bool sweep_pool_has_room(const struct sweep_pool *p);
bool sweep_pool_is_busy(const struct sweep_pool *p);

/*
 * Gives a job to the worker with least to do: an idle one, or one that then has the next
 * at hand when it is done.  0, or -1 with *d: none has room, or no process can be made.
 */
int sweep_pool_give(struct sweep_pool *p, const struct sweep_job *job, struct diag *d) MUST_USE;

/* Waits for a job to end, at most `ms`.  true with *out. */
bool sweep_pool_wait(struct sweep_pool *p, int ms, struct sweep_done *out);

/* Empties a slot. */
void sweep_pool_drop(struct sweep_pool *p, unsigned slot);

#endif
