/*
 * From the names of a text trace's live objects to
 * slots; names are copied, and freed with the object.
 */
#ifndef SIM_NAME_MAP_H
#define SIM_NAME_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/mem.h"

struct name_cell {
	char *name; /* NULL: empty */
	uint64_t hash;
	uint32_t slot;
};

struct name_map {
	struct name_cell *cells; /* open addressing, linear probing */
	size_t mask, used;
};

void name_map_init(struct name_map *m); /* empty; takes no memory yet */
void name_map_finish(struct name_map *m); /* frees cells and names */

/* The name's slot, or SLOT_NONE. */
uint32_t name_map_find(const struct name_map *m, const char *name, size_t bytes);
/* A name that is not in it gets a slot.  false: out of memory. */
bool name_map_put(struct name_map *m, const char *name, size_t bytes, uint32_t slot) MUST_USE;
/* The name is free again, if it was in it. */
void name_map_remove(struct name_map *m, const char *name, size_t bytes);

#endif
