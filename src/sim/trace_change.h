/*
 * Small changes of a trace that should make no difference, to see which differences
 * between designs are chance: sizes by a byte, an object more or less, two neighbouring
 * requests the other way round.
 */
#ifndef SIM_TRACE_CHANGE_H
#define SIM_TRACE_CHANGE_H

#include "sim/trace_kept.h"

struct trace_changer {
	struct trace_change change;
	uint64_t state; /* of the random numbers */
	uint64_t event, birth; /* seen so far */
	uint64_t drop[TRACE_MAX_CHANGES]; /* births left out, by number, ascending */
	uint64_t add[TRACE_MAX_CHANGES]; /* events before which an object is added, ascending */
	unsigned nr_drop, nr_add, at_drop, at_add;
	uint32_t gone[TRACE_MAX_CHANGES]; /* slots whose object was left out; SLOT_NONE: none */
	unsigned nr_gone;
	uint32_t next_slot; /* for added ones, which live to the end */
};

/* A request for memory, by size or from a cache, that nothing else depends on. */
bool trace_is_request(const struct trace_event *ev);

/* Before the first event of the trace whose kept head is `head`; both are borrowed. */
void trace_changer_init(struct trace_changer *c, const struct trace_change *change,
			const struct kept_head *head);

/* Events in, at most n + TRACE_MAX_CHANGES out. Returns how many. */
size_t trace_changer_apply(struct trace_changer *c, const struct trace_event *ev, size_t n,
			   struct trace_event *out);

#endif
