/*
 * From a trace's own numbers to slots, for live objects only: the table does not
 * grow with the trace's length.
 *
 * Most objects die young, and traces number them in order.  So the last ID_WINDOW
 * numbers have a cell each, found by their low bits; whoever still lives when its
 * cell is wanted for a younger one moves to a hash table (open addressing, linear
 * probing).  That one holds slots alone, 5 to 7 bytes an object: an object's number is
 * looked up by its slot, where the table's owner keeps it.
 */
#ifndef SIM_ID_MAP_H
#define SIM_ID_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/mem.h"
#include "sim/event.h"

#define ID_WINDOW (1u << 20) /* 8 MiB, touched as far as numbers go */

/* No id: ids are less. */
#define ID_NONE UINT32_MAX

struct id_cell {
	uint32_t id, slot; /* slot + 1; 0 empty, and then, once it was not, ID_NONE */
};

struct id_map {
	struct id_cell *window; /* ID_WINDOW, by id modulo ID_WINDOW */
	uint32_t *const *id_of; /* borrowed: the ids of the slots in the hash table, by slot */
	uint32_t *cells; /* the hash table: 0, or slot + 1 and above it bits of the id's hash */
	uint32_t slot_mask; /* the bits of slot + 1 */
	uint32_t lines; /* of it, ID_LINE cells each */
	uint32_t used, room; /* ids in it; at which it grows */
	uint32_t newest_old; /* the largest id that ever was in it */
};

/*
 * `id_of` is where the caller keeps the ids of live objects by slot: an object's before it is
 * put, and until it is taken.  false: out of memory.
 */
bool id_map_init(struct id_map *m, uint32_t *const *id_of) MUST_USE;
void id_map_finish(struct id_map *m); /* a zeroed one is fine */

/* The slot of an id, SLOT_NONE where it is not live; behind the window. */
uint32_t id_map_find_old(const struct id_map *m, uint32_t id);
/* The same, and the id is gone. */
uint32_t id_map_take_old(struct id_map *m, uint32_t id);
/* Moves the id in a cell of the window to the hash table.  false: out of memory. */
bool id_map_retire(struct id_map *m, const struct id_cell *cell) MUST_USE;

static inline uint32_t id_map_find(const struct id_map *m, uint32_t id)
{
	const struct id_cell *w = &m->window[id % ID_WINDOW];

	return mm_likely(w->id == id && w->slot != 0) ? w->slot - 1 : id_map_find_old(m, id);
}

/* The slot of an id, which is not live after; SLOT_NONE: it was not before. */
static inline uint32_t id_map_take(struct id_map *m, uint32_t id)
{
	struct id_cell *w = &m->window[id % ID_WINDOW];
	uint32_t slot = w->slot - 1;

	if (mm_unlikely(w->id != id || w->slot == 0))
		return id_map_take_old(m, id);
	*w = (struct id_cell){ID_NONE, 0};
	return slot;
}

/* Is the id free to be born?  Numbers given out in order never look behind the window. */
static inline bool id_map_is_free(const struct id_map *m, uint32_t id)
{
	const struct id_cell *w = &m->window[id % ID_WINDOW];

	return mm_likely(w->slot == 0 || w->id != id) &&
	       (mm_likely(id > m->newest_old) || id_map_find_old(m, id) == SLOT_NONE);
}

/* An id that is free gets a slot.  false: out of memory. */
static inline bool id_map_put(struct id_map *m, uint32_t id, uint32_t slot)
{
	struct id_cell *w = &m->window[id % ID_WINDOW];

	if (mm_unlikely(w->slot != 0) && !id_map_retire(m, w))
		return false;
	*w = (struct id_cell){id, slot + 1};
	return true;
}

#endif
