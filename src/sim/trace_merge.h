/* Several traces as one, as programs that run beside each other. */
#ifndef SIM_TRACE_MERGE_H
#define SIM_TRACE_MERGE_H

#include "sim/trace.h"
#include "sim/trace_writer.h"

/*
 * Writes the events of the readers r[0 ... nr - 1]: by time stamp where two have one,
 * else by the share of each trace that is done, so that all end together; by their number
 * where the length of one is unknown.  Context c of reader i becomes c * nr + i, modulo 2^16.
 *
 * 0, or -1 with *d: a trace is damaged, or w cannot be written.  Readers and writer are the
 * caller's.  O(nr * events).
 */
int trace_merge(struct trace_reader *const *r, unsigned nr, struct trace_writer *w,
		struct diag *d) MUST_USE;

#endif
