/*
 * The ratios of Johnstone and Wilson for each heap.
 *
 * Where one allocator alone can serve the trace, the run's figures are its own, and cost
 * nothing.  Else each heap is looked at after every event: its footprint, and its payload in
 * the ledger; such a run has no plain events (see trace_plain.h).
 */
#ifndef SIM_HEAP_RATIOS_H
#define SIM_HEAP_RATIOS_H

#include "sim/replay.h"

/*
 * Before the first event, of a trace with these groups (a bit set of 1 << enum trace_group;
 * those that it may have, where that is not known): r->apart where more than one allocator
 * may serve it, else r->server.  false: out of host memory.
 */
bool heap_ratios_begin(struct replay *r, uint32_t groups) MUST_USE;

/* After an event.  O(heaps * regions). */
void heap_ratios_sample(struct replay *r);

/* In 1/1000; 0 when undefined, or when the heap served nothing. */
void heap_ratios(const struct replay *r, const struct sys_alloc *a, uint64_t out[4]);

#endif
