/*
 * What every heap that frees must do, for the unit tests of one kind: each
 * function runs `kind` in one instance and fails the test at the first difference
 * from a shadow model.
 */
#ifndef TESTS_HEAPTEST_H
#define TESTS_HEAPTEST_H

#include "lib/rig.h"

/* malloc with the alignment that the kind gives unasked. */
struct grant heaptest_take(struct alloc *a, msize_t size);

/* free, which gives back what was granted; then all must be right. */
void heaptest_give(struct rig *g, struct alloc *a, struct grant x);

/*
 * `ops` random operations (malloc, memalign, resize, free) in a noise-filled arena
 * of `bytes`: no overlap, alignment, contents at both ends kept, check after each
 * operation, ledger equal to the walk.
 */
void heaptest_random(const struct alloc_instance *in, const char *kind, const struct rig_param *set,
		     uint64_t bytes, unsigned ops, uint64_t seed);

/* Fills the arena with equal blocks, frees them in odd-even order: all must be one again. */
void heaptest_exhaust(const struct alloc_instance *in, const char *kind,
		      const struct rig_param *set, uint64_t bytes);

/* Foreign, inner, misaligned and already freed addresses give FREE_BAD and change nothing. */
void heaptest_wrong_pointers(const struct alloc_instance *in, const char *kind,
			     const struct rig_param *set);

/* A copied image, attached, goes on as the original does. */
void heaptest_attach(const struct alloc_instance *in, const char *kind,
		     const struct rig_param *set);

/*
 * Flips each bit of each metadata byte of a heap in use; at most `percent` of them
 * may pass check unnoticed.
 */
void heaptest_mutation(const struct alloc_instance *in, const char *kind,
		       const struct rig_param *set, unsigned percent);

/* The last four as every kind must do them: in all instances; flips in the checked ones. */
void heaptest_battery(const char *kind);

/* Random runs of three seeds, in arenas of 32, 64 and 128 KiB, in all instances. */
void heaptest_random_all(const char *kind);

#endif
