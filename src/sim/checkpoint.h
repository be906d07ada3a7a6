/*
 * A checkpoint: everything a replay is at one event, and the way back to it.
 *
 * The state is the image's touched frames and the pointer-free arenas of the
 * replay (figures, ledger, live table) with a few counters of each allocator.
 * Handles are not kept: they are attached again to the restored image, which
 * they must be able to adopt.
 */
#ifndef SIM_CHECKPOINT_H
#define SIM_CHECKPOINT_H

#include "sim/replay.h"

struct checkpoint;

/* A copy of the state after the last event done. NULL: out of host memory. Owned by the caller. */
struct checkpoint *checkpoint_take(const struct replay *r);
void checkpoint_free(struct checkpoint *c); /* NULL is fine */

/*
 * Makes `r` (of a system booted alike) stand where the checkpoint was taken; its
 * trace, if any, is sought to the next event.  0, or -1 with *d.
 */
int checkpoint_restore(const struct checkpoint *c, struct replay *r, struct diag *d) MUST_USE;

#endif
