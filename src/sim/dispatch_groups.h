/* The dispatch of single groups, and what they have in common; see dispatch.c. */
#ifndef SIM_DISPATCH_GROUPS_H
#define SIM_DISPATCH_GROUPS_H

#include "sim/dispatch.h"

/* false: the machine serves no such group, or r->problem says what is wrong. */
bool dispatch_arena(struct replay *r, const struct trace_event *ev);
bool dispatch_slab(struct replay *r, const struct trace_event *ev);
bool dispatch_cma(struct replay *r, const struct trace_event *ev);
bool dispatch_task(struct replay *r, const struct trace_event *ev);
bool dispatch_kmalloc(struct replay *r, const struct trace_event *ev);
bool dispatch_pool(struct replay *r, const struct trace_event *ev);
bool dispatch_percpu(struct replay *r, const struct trace_event *ev);

/* The master that an event names, -1: none; false: the machine lacks it, which ends the run. */
bool dispatch_master(struct replay *r, const struct trace_event *ev, int *master);

/* Compares a grant with the one that the recording's kernel gave, where ev->arg tells it. */
static inline void dispatch_compare(struct replay *r, const struct trace_event *ev,
				    uint64_t granted)
{
	struct recorded_grants *g = &r->fig->recorded;

	if (ev->arg == 0 || (ev->flags & EV_NULL) != 0)
		return;
	g->grants++;
	g->equal += granted == ev->arg;
	g->bytes_there += ev->arg;
	g->bytes_here += granted;
}

/* Ends the run: "event N (word): text".  Returns false. */
bool dispatch_problem(struct replay *r, const struct trace_event *ev, const char *text);

#endif
