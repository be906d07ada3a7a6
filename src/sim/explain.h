/* --explain A..B: what each event of a range did, step by step, in the field's words. */
#ifndef SIM_EXPLAIN_H
#define SIM_EXPLAIN_H

#include <stdio.h>

#include "sim/replay.h"

struct explainer {
	FILE *out;
	uint64_t from, to; /* events, inclusive */
	struct mmu_counts mmu; /* likewise */
	uint64_t failed, skipped, nr_bad; /* the counts before the event under way */
	struct replay *replay;
	struct failure failure; /* the autopsy of one beyond those that the figures keep */
};

/* Listens to every allocator of the replay; e must outlive it. */
void explain_attach(struct explainer *e, struct replay *r);

/* "100..200", "100..", "..200", "150" into a range; false: not one. */
bool explain_range(const char *text, uint64_t *from, uint64_t *to);

/* A heading for the event about to be done; called by the replay's loop through opt.before. */
void explain_event(void *ctx, struct replay *r, const struct trace_event *ev);
/* How it ended. */
void explain_result(void *ctx, struct replay *r, const struct trace_event *ev);

#endif
