/*
 * What one event of a replay did, and when two replays of one trace part.
 *
 * They part where an event ends otherwise in one than in the other, or where a block lies
 * elsewhere, counted from the first block of each: arenas may begin at different addresses.
 */
#ifndef SIM_HAPPENING_H
#define SIM_HAPPENING_H

#include "sim/replay.h"

enum outcome { OUTCOME_DONE, OUTCOME_FAILED, OUTCOME_SKIPPED, OUTCOME_FINDING };

struct happening {
	uint64_t number;
	struct trace_event ev;
	uint64_t pa, bytes; /* what was born, freed or used: requested bytes; bytes 0: nothing */
	uint64_t was_pa, was_bytes; /* a realloc's block before; bytes 0: none */
	uint8_t outcome, alloc; /* alloc: index in the system, 0xff: nobody */
	char *text; /* how it went, step by step, a line each; owned; NULL: not told */
};

/* What is to be remembered of the moment before an event. */
struct happening_before {
	struct live was; /* the entry of its slot */
	uint64_t failed, skipped, bad;
};

void happening_before(struct happening_before *b, const struct replay *r,
		      const struct trace_event *ev);

/* What the event did that was just done; its text is NULL. */
struct happening happening_after(const struct happening_before *b, const struct replay *r,
				 const struct trace_event *ev);

/* "serves it", "fails": what an allocator did, in words. */
const char *outcome_text(enum outcome o);

/* What two replays are compared by, event by event. */
struct decision {
	int64_t place; /* bytes from the run's first block; of no meaning unless placed */
	uint8_t outcome; /* enum outcome */
	bool placed; /* there was a block */
};

/* *first: where the first block of the run lies, UINT64_MAX before there was one; kept by this. */
struct decision decision_of(const struct happening *h, uint64_t *first);

bool places_differ(struct decision x, struct decision y);

#endif
