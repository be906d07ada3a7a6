/*
 * --expect: what a kernel's own files said at moments of a recording, against the zones
 * of the replay at the same moments.  The file's form is in docs/formats.md; a sample is
 * *exact* when all orders of all its zones are equal.
 */
#ifndef SIM_EXPECT_H
#define SIM_EXPECT_H

#include "sim/replay.h"
#include "sim/start.h"

struct expectation; /* the file */

/* NULL with *d: cannot be read, or line and column of what is wrong. */
struct expectation *expect_load(const char *path, struct diag *d) MUST_USE;
void expect_free(struct expectation *x); /* NULL is fine */

/* Are all its zones those of `start`, or, NULL, of m?  -1 with *d: which is not, where. */
int expect_fits(const struct expectation *x, const struct machine *m,
		const struct start_state *start, struct diag *d) MUST_USE;

/* How a run met the expectation. */
struct expect_score {
	uint64_t samples, exact;
	uint64_t error_sum; /* mean block error summed over the samples, in 1/10^9 */
	uint64_t indices, indices_equal; /* fragmentation indices compared, equal */
	uint64_t worst_us; /* time of the sample that is most off; 0: none is */
	uint64_t worst_error; /* its error, in 1/10^9 */
};

/* One run against it; zeroed, then expect_begin, also anew for a run that is repeated. */
struct expect_run {
	const struct expectation *x; /* borrowed */
	size_t next; /* the sample that comes next */
	uint64_t (*before)[MM_MAX_ZONES][21]; /* free blocks at the beginning; owned */
	struct expect_score score, nothing; /* this run; a run in which nothing happens */
	uint64_t early, late; /* samples before the start state, left out; after the last event */
};

/* Hooks itself to the time stamps of r. -1 with *d: a zone of the file is none of the machine's. */
int expect_begin(struct expect_run *e, const struct expectation *x, struct replay *r,
		 struct diag *d) MUST_USE;
/* Takes the samples behind the last event. */
void expect_end(struct expect_run *e, struct replay *r);
void expect_run_finish(struct expect_run *e); /* zeroed is fine */

/* A run and its controls, for the report. */
struct expect_report {
	struct expect_score run, nothing_happens, no_migrate_types;
	bool has_no_types; /* the control without migrate types was run */
	uint64_t early, late; /* samples */
};

/* Σ|n - n'| / Σn, the mean over the samples. */
static inline double expect_mean_error(const struct expect_score *s)
{
	return s->samples == 0 ? 0 : (double)(s->error_sum / s->samples) / 1e9;
}

#endif
