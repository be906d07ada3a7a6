/*
 * Where an arena's memory is dense, the host backs it with large pages: a first touch
 * of a small one costs as much as some fifty events, and a short replay of many blocks
 * would spend a third of its time there.
 *
 * Memory stays in proportion to the blocks: beyond the first DENSE_BEGIN bytes a range
 * is called dense only when there is a live block for every two frames below it.
 */
#ifndef SIM_DENSE_H
#define SIM_DENSE_H

#include "sim/system.h"

#define DENSE_BEGIN MiB(4)

/* For an arena that nothing has been stored to yet. */
void dense_begin(const struct system *s, struct sys_alloc *a);

/* The arena's lower part has reached a->dense: hints at as much again, sets a->dense. */
void dense_grown(const struct system *s, struct sys_alloc *a, uint64_t live_blocks);

/* The arena is about to be filled as `like`, of another system of the machine, once was. */
void dense_like(const struct system *s, struct sys_alloc *a, const struct sys_alloc *like,
		uint64_t live_blocks);

#endif
