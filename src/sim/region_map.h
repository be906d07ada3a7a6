/* What lies where in a region: its bytes by class, in cells of equal size. */
#ifndef SIM_REGION_MAP_H
#define SIM_REGION_MAP_H

#include "sim/replay.h"

struct map_cell {
	int64_t bytes[MM_NR_CLASSES]; /* add up to the cell's size; MM_GRANTED is 0 */
};

/*
 * Bytes of a cell where a region is cut into at most
 * `cells`: whole pages, the last cell may be less.
 */
uint64_t region_map_step(const struct machine *m, unsigned region, unsigned cells);

/*
 * Paints a region as it is now, by the allocators' walk and the live table, as the
 * recount does: the cells add up to the region's row of the ledger, but that of blocks
 * pushed on an arena it is not known what was requested: they are payload.
 * `cell` has one entry for each step.  0, or -1: out of host memory.  O(blocks).
 */
int region_map(struct replay *r, unsigned region, uint64_t step, struct map_cell *cell) MUST_USE;

#endif
