/* Gates and answers as people read them; shared by sweep, export and baseline. */
#ifndef UI_CLI_GATING_H
#define UI_CLI_GATING_H

#include "sim/gate.h"

struct gating {
	struct gate *gate;
	struct baseline *baseline; /* NULL: the gate needs none, or there is none */
	const char *path; /* of the baseline; borrowed */
};

/*
 * Reads a gate and its baseline: `baseline` if it is not NULL, else the gate's own.  The
 * gate's own may be absent: then its rules that need it are broken.  0, or an exit status.
 */
int gating_open(struct gating *g, const char *path, const char *baseline);
void gating_close(struct gating *g); /* zeroed is fine */

/* Prints which rules are broken, where, by how much; `part`: of a shard.  An exit status. */
int gating_judge(const struct gating *g, struct sweep_db *db, bool part, const char *color);

/* Prints the best point, the Pareto front and the effects.  An exit status. */
int gating_answers(struct sweep_db *db, const char *color);

#endif
