/*
 * Results of sweeps, in one SQLite file; the only user of libsqlite3.
 *
 *   meta(name, value)                    format, program, sweep (its definition), plan (a hash)
 *   plan(idx, key, point, axes)          the points of the sweep, those not yet run included
 *   result(key, status, message, report) one row a point that has run, one transaction each
 *   timing(key, cpu_ns, wall_ns)         apart, since it differs from run to run
 *
 * A write-ahead log keeps every finished transaction when the process is killed, and
 * the file whole when the machine is.
 */
#ifndef SIM_SWEEP_DB_H
#define SIM_SWEEP_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "model/diag.h"
#include "model/mem.h"

#define SWEEP_KEY_TEXT 33u /* hex and a zero */

struct sweep_db;

struct sweep_row {
	uint64_t index;
	const char *key, *point; /* the point's hash and name */
	const char *axes; /* JSON: what conditions see */
	const char *
		status; /* "ok", "limit", "timeout", "fault", "error", "crash"; NULL: not run yet */
	const char *message; /* of any other than "ok"; "" */
	const char *report; /* JSON; "" where there is none */
};

/*
 * Opens results; with `create` makes the file where there is none, and locks it against
 * another sweep.  A file that holds something else is refused.  NULL with *d.
 */
struct sweep_db *sweep_db_open(const char *path, bool create, struct diag *d) MUST_USE;
void sweep_db_close(struct sweep_db *db); /* NULL is fine */

/* A text of `meta`; NULL where there is none.  Caller: free. */
char *sweep_db_get(struct sweep_db *db, const char *name);
int sweep_db_set(struct sweep_db *db, const char *name, const char *value, struct diag *d) MUST_USE;

/* A plan is replaced as a whole: begin, add in the order of idx, end (0 or -1 with *d). */
int sweep_db_plan_begin(struct sweep_db *db, struct diag *d) MUST_USE;
int sweep_db_plan_add(struct sweep_db *db, const struct sweep_row *row, struct diag *d) MUST_USE;
int sweep_db_plan_end(struct sweep_db *db, struct diag *d) MUST_USE;

/*
 * Has the point of this key a result?  With `retry` one that crashed, erred or took too long
 * counts as none.
 */
bool sweep_db_known(struct sweep_db *db, const char *key, bool retry);

/* Stores a result, replacing one of the same key; one transaction. */
int sweep_db_put(struct sweep_db *db, const struct sweep_row *row, uint64_t cpu_ns,
		 uint64_t wall_ns, struct diag *d) MUST_USE;

/* Calls fn for each point of the plan in its order, until it returns other than 0. */
int sweep_db_each(struct sweep_db *db, int (*fn)(void *ctx, const struct sweep_row *row), void *ctx,
		  struct diag *d) MUST_USE;

/* Name and axes (JSON) of a point of the plan; NULL: there is none.  Caller: free both. */
char *sweep_db_point(struct sweep_db *db, uint64_t index, char **axes);

/* CPU nanoseconds of the points known, on average; 0: none is. */
uint64_t sweep_db_mean_cpu(struct sweep_db *db);

/*
 * Takes over what `path` holds: the same sweep of the same program, and no result that
 * contradicts one that is there.  0, or -1 with *d and nothing taken.
 */
int sweep_db_merge(struct sweep_db *db, const char *path, struct diag *d) MUST_USE;

#endif
