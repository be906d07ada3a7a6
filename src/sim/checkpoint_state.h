/*
 * What a replay is beyond image, figures, ledger and live table: the few host-side
 * counters that no image holds.  Shared by both kinds of checkpoint.
 */
#ifndef SIM_CHECKPOINT_STATE_H
#define SIM_CHECKPOINT_STATE_H

#include "sim/replay.h"

/* What a handle's host side counts beyond the image. */
struct alloc_state {
	vaddr_t root;
	uint64_t footprint, reached, low_used, high_used; /* bytes */
	uint64_t held, calls; /* of its page source: bytes, requests */
};

/* Pointer-free but for sh.unwind and sh.mmu, which are NULL here. */
struct host_state {
	uint64_t nr_check, nr_sample;
	uint64_t nr_allocs; /* arenas come and go */
	struct mm_shared sh;
	struct alloc_state alloc[SYS_MAX_ALLOCS];
};

/* What r and its handles count now. */
void host_state_save(struct host_state *s, const struct replay *r);

/*
 * Counters as they were, and every handle attached again to the image, which must
 * stand restored already; arenas of later are gone, those of then are there.  0, or -1
 * with *d: a kind refuses the image, or out of host memory.
 */
int host_state_restore(const struct host_state *s, struct replay *r, struct diag *d) MUST_USE;

#endif
