/* The parts of system_boot that have files of their own. */
#ifndef SIM_SYSTEM_PARTS_H
#define SIM_SYSTEM_PARTS_H

#include "sim/system.h"

/*
 * Carves the arena of a `from: boot` allocator, at a cache line: a kind whose blocks
 * lie at multiples of their size from its base could not align to lines otherwise; at
 * more (arena_align) where there is room.
 * 0, or -1 with *d: it does not fit.
 */
int system_carve_arena(struct system *s, struct sys_alloc *a, const struct boot_options *o,
		       struct diag *d) MUST_USE;

/*
 * Before the boot, on machines with an MMU: what the direct map covers, where the
 * windows are, who holds which physical addresses.  0, or -1 with *d: out of memory.
 */
int system_describe_space(struct system *s, struct diag *d) MUST_USE;

/* After it: the processor is told where the page tables are. */
void system_turn_paging_on(struct system *s);

/* system_kinds.c: the kind that serves an entry's requests; NULL with *d: unknown, or it cannot. */
const struct alloc_ops *system_kind(const struct system *s, const struct alloc_conf *c,
				    const struct boot_options *o, struct diag *d);
/* 0, or -1 with *d: requests of that group are nothing for the entry's kind. */
int system_kind_serves(const struct alloc_conf *c, enum alloc_group g, const struct alloc_ops *ops,
		       struct diag *d);
enum params_of system_params_of(const struct alloc_conf *c, const struct boot_options *o);

#endif
