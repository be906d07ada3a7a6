/*
 * fit: the least arena in which a trace replays without a failed request, per
 * kind of allocator, by bisection.
 *
 * Success is not monotone in the size: the result is the least size found and
 * the next smaller granule, which failed.  A probe ends at its first failure, or
 * at a limit of list steps; a kind that reaches the limit is `unfinished` and
 * its bracket is told.  List kinds with an index that decides alike are probed
 * with the index.
 */
#ifndef SIM_FIT_H
#define SIM_FIT_H

#include <jansson.h>

#include "sim/replay.h"

#define FIT_MAX_KINDS 32u

struct fit_trace; /* decoded once, shared by all probes */

/* Reads it all (or, beyond 16 million events, remembers to stream it). NULL with *d. */
struct fit_trace *fit_trace_read(const char *path, struct diag *d) MUST_USE;
/* The same from a reader at its first event, which stays the caller's. */
struct fit_trace *fit_trace_read_from(struct trace_reader *r, const char *path,
				      struct diag *d) MUST_USE;
void fit_trace_free(struct fit_trace *t); /* NULL is fine */

/* How many it has. */
uint64_t fit_trace_events(const struct fit_trace *t);

struct fit_result {
	const char *kind;
	uint64_t bytes; /* least arena found; 0: none that the machine can hold */
	/* the next smaller granule, which failed; or the bracket's lower end */
	uint64_t failed_below;
	uint64_t bound; /* worst-case bound for this peak and these sizes; 0: the kind has none */
	unsigned probes;
	bool finished;
	char problem[256]; /* why there is no result; "" */
};

struct fit_request {
	const struct machine *machine;
	const struct fit_trace *trace;
	const char *kind[FIT_MAX_KINDS];
	unsigned nr_kinds;
	unsigned jobs; /* threads, >= 1 */
	uint64_t heap_shift; /* bytes that the arena begins later */
	uint64_t max_steps; /* work limit of a probe in list steps; 0: by the trace's length */
	void (*done)(void *ctx, unsigned n); /* after each kind, from any thread; NULL */
	void *done_ctx;
	bool (*stop)(void *ctx); /* polled; NULL */
};

struct fit_peak {
	uint64_t live_bytes, live_blocks, smallest, largest; /* request sizes: smallest not 0 */
};
void fit_trace_peak(const struct fit_trace *t, struct fit_peak *out);

/* Fills result[i] for kind[i]. 0, or -1 with *d (the machine cannot boot at all). */
int fit_run(const struct fit_request *q, struct fit_result *result, struct diag *d) MUST_USE;

/* memscape.fit/1 */
json_t *fit_json(const struct fit_request *q, const struct fit_result *result);

#endif
