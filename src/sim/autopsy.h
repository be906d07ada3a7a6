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

#endif
