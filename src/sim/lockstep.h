/*
 * Two replays of one trace side by side, and where they part: the first event at which they
 * decide differently (see happening.h), and the first one that ends otherwise.
 *
 * Both go on in turns, a thousand events each; while it is still open where they part, what
 * each event did is kept, later nobody looks and they are as fast as any replay.
 */
#ifndef SIM_LOCKSTEP_H
#define SIM_LOCKSTEP_H

#include <jansson.h>

#include "sim/happening.h"
#include "sim/headlines.h"
#include "sim/run.h"

struct lockstep_request {
	const char *trace; /* path, or "-": standard input, which is kept */
	const struct machine *machine[2]; /* borrowed */
	const char *heap_kind[2]; /* NULL: the machine's */
	bool lenient[2]; /* settings that the kind does not know may be meant for the other's */
	uint64_t noise; /* seed to fill RAM with; 0: zero */
	uint64_t until; /* the last event to compare; 0: all */
	bool (*stop)(void *ctx, uint64_t done); /* polled, with the events of both; NULL: never */
	void *stop_ctx;
};

/* One event as one of the two did it. */
struct telling {
	struct decision decision;
	struct happening did; /* its text: as --explain tells it, without the first line; owned */
	struct failure why; /* event 0: it did not fail */
};

struct parting {
	uint64_t event; /* 0: they do not part */
	char *heading; /* what the event asks for, as --explain tells it; owned */
	struct telling side[2];
};

struct lockstep {
	struct run run[2]; /* as far as each came; run[i].end says how it ended */
	struct parting first; /* first event at which they decide differently */
	struct parting outcome; /* first one that ends otherwise */
	uint64_t compared; /* events that both did */
};

/*
 * 0 with *l to be released by lockstep_finish; *d holds the trace's damage where a run ended
 * with REPLAY_DAMAGE.  -1 with *d: could not begin.
 */
int lockstep_run(struct lockstep *l, const struct lockstep_request *q, struct diag *d) MUST_USE;
void lockstep_finish(struct lockstep *l); /* zeroed is fine */

/* A side of memscape.compare/1: how it is called, and its report. */
struct lockstep_side {
	const char *name;
	const json_t *report; /* memscape.report/1; borrowed */
	struct headlines headlines;
};

/* memscape.compare/1; NULL: out of host memory.  Caller: json_decref. */
json_t *lockstep_json(const struct lockstep *l, const struct lockstep_side side[2]);

#endif
