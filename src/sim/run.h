/*
 * A whole run: open the trace, boot what it needs, replay, and repeat under the
 * checked port when the fast one faulted.
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "sim/replay.h"
#include "sim/start.h"

struct run_request {
	const struct machine *machine; /* borrowed */
	const char *trace; /* path, or "-": standard input, which is kept to be read more than once */
	/* Opens the trace, also once more for the repetition; NULL: `trace` is opened. */
	struct trace_reader *(*open)(void *ctx, struct diag *d);
	void *open_ctx;
	const struct start_state *start; /* --start; NULL: all of the machine is free */
	bool trace_hash; /* the report shows the trace's hash */
	struct boot_options boot; /* groups are filled in from the trace */
	struct replay_options replay;
	/* Called once the replay is ready, before the first event; may set observers. NULL: nothing. */
	void (*ready)(void *ctx, struct replay *r);
	void *ready_ctx;
};

struct run {
	struct machine *derived; /* of a start state; owned */
	struct system sys;
	struct replay replay;
	struct trace_reader *trace;
	enum replay_end end;
	bool repeated; /* under checked, after a fault in the fast port */
};

/*
 * Opens the trace and boots what it needs on `port`; r->replay stands before its first
 * event.  0 with *r to be released by run_finish, or -1 with *d.
 */
int run_begin(struct run *r, const struct run_request *q, const char *port,
	      struct diag *d) MUST_USE;

/* The port to begin with: the request's, or the one that shows faults on this machine. */
const char *run_port(const struct run_request *q);

/*
 * 0 with *r to be released by run_finish, r->end says how it ended; *d holds the
 * trace's damage when r->end is REPLAY_DAMAGE.  -1 with *d: could not begin.
 */
int run_trace(struct run *r, const struct run_request *q, struct diag *d) MUST_USE;
void run_finish(struct run *r); /* zeroed is fine */

#endif
