/*
 * A point's key: a hash of everything its result depends on, which is the machine, the
 * trace, the parameters and the program.
 */
#ifndef SIM_SWEEP_KEY_H
#define SIM_SWEEP_KEY_H

#include "sim/sweep.h"
#include "sim/sweep_db.h"

struct sweep_keys;

/*
 * Loads each machine and hashes each trace's file, once.  Also finds what can be wrong
 * before any point runs: machines, variants, traces, axes none of whose values any
 * machine accepts.  NULL with *d.
 */
struct sweep_keys *sweep_keys_new(const struct sweep *s, const char *program,
				  struct diag *d) MUST_USE;
void sweep_keys_free(struct sweep_keys *k); /* NULL is fine */

void sweep_key(const struct sweep_keys *k, const struct sweep_point *p, char out[SWEEP_KEY_TEXT]);

/* "0.1.0 3f2a...": the version, and a hash of the sources that results depend on. */
const char *sweep_program(void);

#endif
