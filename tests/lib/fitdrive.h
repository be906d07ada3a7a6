/*
 * Random runs of a heap beside its host-side model (fitmodel.h), or of two heaps
 * that must grant the same addresses.
 */
#ifndef TESTS_FITDRIVE_H
#define TESTS_FITDRIVE_H

#include "lib/fitmodel.h"
#include "lib/rig.h"

#define FIT_SLOTS 200u

struct fit_run {
	struct rig *g;
	struct alloc *a;
	struct fitmodel *model;
	uint64_t seed;
	uint64_t live[FIT_SLOTS];
};

/*
 * A model of the freshly formatted heap a, whose one free chunk walk calls `what`;
 * the caller sets policy, head, grain, least and least_rest first.
 */
void fit_model_start(struct fitmodel *model, const struct alloc *a, const char *what);

/*
 * `steps` of malloc, memalign, resize and free: every address, size and refusal is
 * the model's; check every 8, ledger every 256 steps.
 */
void fit_run(struct fit_run *t, unsigned steps);

/* The same random run on two heaps: every address and size is the same. */
void fit_twins(struct rig *ga, struct alloc *a, struct rig *gb, struct alloc *b, uint64_t seed,
	       unsigned steps);

#endif
