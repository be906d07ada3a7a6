/*
 * From addresses in a recording to what lives there: open addressing, linear probing,
 * deletion by shifting back, so that the table has no tombs; 16 bytes a cell, at most
 * three quarters full.
 */
#ifndef SIM_PTR_MAP_H
#define SIM_PTR_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "model/mem.h"

struct ptr_cell {
	uint64_t key;
	uint32_t slot;
	uint32_t what; /* the caller's, not 0; 0: the cell is empty */
};

struct ptr_map {
	struct ptr_cell *cells;
	uint64_t mask; /* cells - 1 */
	uint64_t used;
	unsigned shift; /* 64 - log2(cells) */
};

/* false: out of memory. */
bool ptr_map_init(struct ptr_map *m) MUST_USE;
void ptr_map_finish(struct ptr_map *m); /* a zeroed one is fine */

/* The cell of a key, NULL: it has none.  Valid until the next put or del. O(1) expected. */
struct ptr_cell *ptr_map_find(const struct ptr_map *m, uint64_t key);

/* A key that has no cell gets one.  false: out of memory. */
bool ptr_map_put(struct ptr_map *m, uint64_t key, uint32_t slot, uint32_t what) MUST_USE;

/* Empties a cell that ptr_map_find gave. */
void ptr_map_del(struct ptr_map *m, struct ptr_cell *cell);

#endif
