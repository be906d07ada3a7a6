/* Running one point of a sweep, in a process of its own or not. */
#ifndef SIM_SWEEP_POINT_H
#define SIM_SWEEP_POINT_H

#include "sim/sweep.h"
#include "sim/trace_kept.h"

struct fit_trace;

/* What a worker keeps from point to point: the trace at hand. */
struct sweep_work {
	const struct sweep *s; /* borrowed */
	struct kept_trace kept;
	struct fit_trace *fit; /* of it, unchanged; NULL: not made yet */
};

/* The result of a point; text is owned. */
struct sweep_result {
	const char *status; /* "ok", "limit", "fault", "error" */
	char message[512]; /* "" with "ok" */
	char *report; /* JSON on one line; NULL: there is none */
};

/* Decodes (or generates) the trace of a point into `fd`.  0, or -1 with *d. */
int sweep_decode(const struct sweep *s, const struct sweep_point *p, int fd,
		 struct diag *d) MUST_USE;

/* The trace that is kept in `fd` is the one at hand from now on.  0, or -1 with *d. */
int sweep_work_on(struct sweep_work *w, int fd, struct diag *d) MUST_USE;
void sweep_work_end(struct sweep_work *w);

void sweep_run_point(struct sweep_work *w, const struct sweep_point *p, struct sweep_result *out);

/* The trace of a point, as a number: points of one number share a decoded trace. */
unsigned sweep_trace_number(const struct sweep *s, const struct sweep_point *p);

#endif
