/*
 * Why a request failed.  The cause is found for every failure, from counters;
 * the first MAX_FAILURES are kept with free bytes and largest free block (a
 * walk), the first AUTOPSY_BLOCKERS also with what lies in the way.
 */
#ifndef SIM_AUTOPSY_H
#define SIM_AUTOPSY_H

#include "sim/replay.h"

#define AUTOPSY_BLOCKERS 16u

/* Counts and, for the first ones, records the failure of `ev` at `h`. */
void autopsy(struct replay *r, struct sys_alloc *h, const struct trace_event *ev, uint64_t size,
	     uint64_t align);

/* What keeps the candidate range from being one free block. */
enum obstacle {
	OBSTACLE_BLOCKS, /* live blocks */
	OBSTACLE_CLASS, /* nothing: a free block would do, in a class that is not searched */
	OBSTACLE_HELD, /* no block: metadata, as headers of chunks, or slack */
	OBSTACLE_BORDERS /* only free blocks, that do not merge */
};

/* Of a failure with a candidate range. */
enum obstacle failure_obstacle(const struct failure *f);

/* "blocks", "class", "held", "borders": as reports name it. */
const char *obstacle_name(enum obstacle o);

/* The same in words; "" of blocks, which are told one by one. */
const char *obstacle_text(const char *name);

#endif
