/*
 * Gates: what must hold of each point of a sweep, against limits or a baseline.
 *
 *   gate: ram-budget
 *   baseline: baseline.json
 *   rules:
 *     - events.failed == 0
 *     - {check: ledger.peak.metadata <= baseline, where: heap == 'tlsf'}
 *
 * `baseline` is what the figure on the other side of the comparison was when the
 * baseline was made.  Results are deterministic, so no byte more is tolerated than an
 * expression says.
 */
#ifndef SIM_GATE_H
#define SIM_GATE_H

#include "sim/expr.h"
#include "sim/sweep_db.h"

#define GATE_MAX_RULES 256u

struct gate_rule {
	char *text, *name; /* name: the text where none is given */
	struct expr *check, *where; /* where NULL: all points */
};

struct gate {
	char *name;
	char *baseline; /* path; NULL: none */
	struct gate_rule *rule;
	unsigned nr_rules;
};

/* A gate file, or the text of one (`name` is for messages).  NULL with *d. */
struct gate *gate_read(const char *path, struct diag *d) MUST_USE;
struct gate *gate_read_text(const char *text, size_t bytes, const char *name,
			    struct diag *d) MUST_USE;
void gate_free(struct gate *g); /* NULL is fine */

/* Figures as they were: one number for each point and figure. */
struct baseline;

/*
 * An empty one of a sweep, for results of `program`; label "": the program's.  NULL: out of
 * host memory.  Or as a file or a text has it: NULL with *d.
 */
struct baseline *baseline_new(const char *program, const char *sweep, const char *label);
struct baseline *baseline_read(const char *path, struct diag *d) MUST_USE;
struct baseline *baseline_read_text(const char *text, size_t bytes, const char *name,
				    struct diag *d) MUST_USE;
void baseline_free(struct baseline *b); /* NULL is fine */

/* Millionths; false: not in it. */
bool baseline_get(const struct baseline *b, const char *point, const char *figure,
		  long long *millionths);
/* Remembers a figure, in place of the one that was there. */
void baseline_put(struct baseline *b, const char *point, const char *figure, long long millionths);

/* The file's text, keys in the order they were put.  Caller: free; NULL: out of memory. */
char *baseline_text(const struct baseline *b);

/* "label", or the program that made it. */
const char *baseline_label(const struct baseline *b);

enum gate_verdict {
	GATE_HOLDS,
	GATE_BROKEN, /* the comparison is false */
	GATE_NOT_RUN, /* the point has no result, or not that of a whole run */
	GATE_NO_BASELINE, /* the baseline does not know the point or the figure */
	GATE_NO_FIGURE, /* the report has no such figure */
	GATE_NO_POINT /* the rule speaks of no point of the sweep */
};

/* One comparison of one rule on one point. */
struct gate_check {
	const struct gate_rule *rule;
	const char *point;
	enum gate_verdict verdict;
	const char *figure; /* the compared side as text; "" for texts */
	const char *op; /* "<=" */
	bool numbers; /* value and limit are known */
	bool relative; /* the limit comes from the baseline */
	long long value, limit; /* millionths */
	const char *message; /* of other verdicts than holds and broken */
};

struct gate_sum {
	uint64_t checks, broken; /* broken: all verdicts but GATE_HOLDS */
	uint64_t points, waiting; /* waiting: points without a result yet */
};

/*
 * Applies the rules to all points of the sweep; fn is called for each check, in the order of
 * points and rules, then for each rule that speaks of no point.  A point without a result is
 * broken, or, where they are those of a shard only (`part`), not checked.  0, or -1 with *d: a
 * `where` names no axis, or the like.
 */
int gate_run(const struct gate *g, const struct baseline *b, struct sweep_db *db, bool part,
	     void (*fn)(void *ctx, const struct gate_check *c), void *ctx, struct gate_sum *sum,
	     struct diag *d) MUST_USE;

/*
 * Puts into `b` the figures that the gate compares with a baseline (all that it
 * compares, with `all`), of all points that ran.  0, or -1 with *d.
 */
int gate_collect(const struct gate *g, struct sweep_db *db, bool all, struct baseline *b,
		 struct diag *d) MUST_USE;

#endif
