/*
 * Virtual memory at a moment, for those who look: windows and their areas, a walk of
 * the page tables level by level, and the TLBs.
 */
#ifndef SIM_MOMENT_VIRTUAL_H
#define SIM_MOMENT_VIRTUAL_H

#include "sim/timeline.h"

struct moment_window {
	unsigned alloc; /* index in the system */
	struct map_window w;
};

/* Windows of all kinds that map, in the machine's order; how many. */
unsigned moment_windows(struct timeline *t, struct moment_window *out, unsigned max);

/* The stretches of allocator `alloc` at or above `from`; how many. */
size_t moment_areas(struct timeline *t, unsigned alloc, uint64_t from, struct map_area *out,
		    size_t max);

/* One level of a page walk. */
struct table_step {
	const char *name; /* "directory", "table", ... */
	uint64_t table, index, at; /* physical addresses of table and entry; entry's number */
	uint64_t entry; /* as it stands in memory */
	uint64_t maps; /* bytes an entry of this level maps */
	bool present, leaf;
};

#define MAX_TABLE_STEPS 4u

/* From the top down, as far as it goes; 0: the machine has no page tables. */
unsigned moment_page_walk(const struct timeline *t, uint64_t va,
			  struct table_step out[MAX_TABLE_STEPS]);

const struct mmu *moment_mmu(const struct timeline *t); /* NULL: none */

/* Valid entries of a CPU's TLB of a level; how many there are, of which `max` are told. */
struct tlb_view {
	uint64_t va, pa, used;
	bool large;
};
unsigned moment_tlb(const struct timeline *t, unsigned cpu, unsigned level, struct tlb_view *out,
		    unsigned max);

#endif
