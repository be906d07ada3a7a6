/*
 * Decisions of every kind, one line each, made by the same source on two stages:
 * simulated memory (decide_sim.c, the checked port, word 4) and plain memory of a
 * 32-bit program (decide_bare.c, the bare port).  The lines must be equal.
 */
#ifndef TESTS_BARE_DECIDE_H
#define TESTS_BARE_DECIDE_H

#include "alloc/alloc.h"

/* RAM of both stages; what it holds at first differs and must not matter. */
#define STAGE_BASE  0x20000000u
#define STAGE_BYTES 0x60000u

/* ---- given by the stage ---- */

const struct alloc_instance *stage_instance(void);
/* Forgets all handles; memory may keep its contents. */
void stage_clear(void);
/* A zeroed handle for a kind, and the environment it will be started with, view set. */
struct alloc *stage_handle(const struct alloc_ops *ops, struct alloc_env **env);
void stage_print(const char *kind, const char *facet, uint64_t decisions, unsigned granted);

/* ---- decide.c ---- */

void decide_all(void);

#endif
