/* Running a sweep: what is to be done, by whom, and into the results file. */
#ifndef SIM_SWEEP_RUN_H
#define SIM_SWEEP_RUN_H

#include "sim/sweep.h"
#include "sim/sweep_db.h"
#include "sim/sweep_key.h"

struct sweep_tally {
	uint64_t planned; /* points of this shard */
	uint64_t known; /* of them had a result before */
	uint64_t done; /* run now, whatever became of them */
	uint64_t ok, limit, timeout, fault, error, crash; /* of those run now */
	uint64_t cpu_ns; /* of those run now */
	char first_problem[512]; /* of those run now: "point: what" */
};

struct sweep_run_request {
	const struct sweep *s;
	const struct sweep_keys *keys;
	struct sweep_db *db;
	unsigned jobs; /* processes, >= 1 */
	unsigned shard, shards; /* 0-based, of how many */
	bool retry; /* points that crashed, erred or took too long are run again */
	bool (*stop)(void *ctx); /* polled some times a second; NULL: never */
	void (*progress)(void *ctx, const struct sweep_tally *t); /* after each point; NULL */
	void *ctx;
};

/* Writes down which points there are; t->planned and t->known.  0, or -1 with *d. */
int sweep_plan(const struct sweep_run_request *q, struct sweep_tally *t, struct diag *d) MUST_USE;

/* Runs all that have no result, after sweep_plan.  0 (also when stopped), or -1 with *d. */
int sweep_run(const struct sweep_run_request *q, struct sweep_tally *t, struct diag *d) MUST_USE;

/*
 * CPU seconds that a point may take: of those known, or else of the first one of each
 * trace (at most 8) that ends well, which is run for that and not kept.  *measured: how
 * many were run.
 */
int sweep_expect(const struct sweep_run_request *q, double *seconds, unsigned *measured,
		 struct diag *d) MUST_USE;

#endif
