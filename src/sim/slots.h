/*
 * Slots: dense names for live objects.  A birth takes the slot freed last, or else
 * the lowest number never used; so there are as many slots as objects ever lived at
 * once, and a recently freed one is named again soon.
 *
 * One link a slot: a live one has SLOT_LIVE there, or what its reader keeps, a free one the slot to be taken
 * after it, and the chain that begins at `head` ends with the fresh ones in order:
 *
 *   head -> freed last -> freed before -> ... -> high -> high + 1 -> ... -> ready
 *
 * Links are written a little before they are needed, so that the host's memory grows
 * with the objects, not with the room for them.
 *
 * Readers, writers and importers use the same, so a trace never says which slot a
 * birth took.
 */
#ifndef SIM_SLOTS_H
#define SIM_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/mem.h"
#include "sim/event.h"

struct slots {
	uint32_t *next; /* cap entries */
	uint32_t head; /* the slot that the next birth takes */
	uint32_t live; /* live objects */
	uint32_t high; /* largest slot ever taken + 1 */
	uint32_t ready; /* links that are written */
	uint32_t cap;
};

/* More objects than this are never alive at once: the table is refused. */
#define SLOTS_MAX (UINT32_C(1) << 31)
#define SLOT_LIVE UINT32_MAX

void slots_init(struct slots *s); /* no memory yet */
void slots_finish(struct slots *s); /* a zeroed table is fine */

/* Makes room for n more births.  false: no memory, or beyond SLOTS_MAX. */
bool slots_grow(struct slots *s, uint32_t n) MUST_USE;

static inline bool slots_reserve(struct slots *s, uint32_t n)
{
	return s->ready - s->live >= n || slots_grow(s, n);
}

static inline bool slots_is_live(const struct slots *s, uint32_t slot)
{
	return slot < s->ready && s->next[slot] == SLOT_LIVE;
}

/* Needs room (slots_reserve). */
static inline uint32_t slots_take(struct slots *s)
{
	uint32_t slot = s->head;

	s->head = s->next[slot];
	s->next[slot] = SLOT_LIVE;
	s->high += slot == s->high;
	s->live++;
	return slot;
}

/* The slot is live. */
static inline void slots_give_live(struct slots *s, uint32_t slot)
{
	s->next[slot] = s->head;
	s->head = slot;
	s->live--;
}

/* false, nothing changed: not live. */
static inline bool slots_give(struct slots *s, uint32_t slot)
{
	if (!slots_is_live(s, slot))
		return false;
	slots_give_live(s, slot);
	return true;
}

/*
 * For a reader that finds its objects by numbers of its own, and so knows which live: a live
 * slot's link keeps such a number.  Not to be mixed with those above but slots_reserve.
 */
static inline uint32_t slots_take_as(struct slots *s, uint32_t number)
{
	uint32_t slot = slots_take(s);

	s->next[slot] = number;
	return slot;
}

/* Entries that a table by slot, of nr now, is to have for `slot`: doubled as often as need be. */
static inline uint32_t slots_room(uint32_t nr, uint32_t slot)
{
	if (nr == 0)
		nr = 1024;
	while (nr <= slot)
		nr *= 2;
	return nr;
}

/* All slots free and none ever used. */
void slots_reset(struct slots *s);

/*
 * Adopts a state: `live` of `high` slots are in use, `nr_free` others (high - live
 * of them) are free, the one freed last first.  false: not such a state, or no memory.
 */
bool slots_load(struct slots *s, uint32_t live, const uint32_t *free_list,
		uint32_t nr_free) MUST_USE;

#endif
