/* What a trace holds, counted in one pass; memory grows with the live objects only. */
#ifndef SIM_TRACE_STATS_H
#define SIM_TRACE_STATS_H

#include <stdint.h>

#include "sim/trace.h"

/* Buckets by powers of two: bucket 0 holds 0, bucket k holds 2^(k-1) ... 2^k - 1. */
#define STATS_BUCKETS 65u

struct trace_stats {
	uint64_t events, by_op[NR_TRACE_OPS];
	uint64_t births, deaths;
	uint64_t null_calls;   /* null pointers, and calls that failed in the recording */
	uint64_t unknown_ids;  /* frees and uses of what was never born, or is dead */
	uint64_t sizes[STATS_BUCKETS];     /* births by size in bytes */
	uint64_t lifetimes[STATS_BUCKETS]; /* deaths by events since birth */
	uint64_t total_bytes, largest;     /* of births */
	uint64_t live_bytes, live_blocks;  /* at the end */
	uint64_t peak_bytes, peak_bytes_event;
	uint64_t peak_blocks;
	uint64_t first_ns, last_ns; /* time stamps; 0 without */
	uint32_t slots;
	char hash[33];
};

/* Counts the rest of a trace.  0; -1 with *d: damage, and *s counts what came before. */
int trace_stats(struct trace_reader *r, struct trace_stats *s, struct diag *d) MUST_USE;

#endif
