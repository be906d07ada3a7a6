#include "sim/slots.h"

#include <stdlib.h>

#define FIRST_CAP 1024u
#define AHEAD     512u /* links beyond need, for who reserves one slot at a time */

void slots_init(struct slots *s)
{
	*s = (struct slots){0};
}

void slots_finish(struct slots *s)
{
	free(s->next);
	slots_init(s);
}

/* The first `ready` slots have links; those behind the ones that had were never used. */
static void make_ready(struct slots *s, uint32_t ready)
{
	for (uint32_t i = s->ready; i < ready; i++)
		s->next[i] = i + 1;
	s->ready = ready;
}

bool slots_grow(struct slots *s, uint32_t n)
{
	uint64_t cap = s->cap ? s->cap : FIRST_CAP, need = (uint64_t)s->live + n;
	uint32_t *next;

	while (cap < need)
		cap *= 2;
	if (cap > SLOTS_MAX)
		return false;
	if (cap != s->cap) {
		next = realloc(s->next, cap * sizeof *next);
		if (next == NULL)
			return false;
		s->next = next;
		s->cap = (uint32_t)cap;
	}
	make_ready(s, (uint32_t)(cap - need < AHEAD ? cap : need + AHEAD));
	return true;
}

void slots_reset(struct slots *s)
{
	s->head = s->live = s->high = s->ready = 0;
}

bool slots_load(struct slots *s, uint32_t live, const uint32_t *free_list, uint32_t nr_free)
{
	uint64_t high = (uint64_t)live + nr_free;
	uint32_t *link = &s->head;

	slots_reset(s);
	if (high > SLOTS_MAX || !slots_reserve(s, (uint32_t)high))
		return false;
	for (uint32_t i = 0; i < high; i++)
		s->next[i] = SLOT_LIVE;
	for (uint32_t i = 0; i < nr_free; i++) {
		uint32_t slot = free_list[i];

		if (slot >= high || s->next[slot] != SLOT_LIVE)
			return false;
		*link = slot;
		link = &s->next[slot];
		*link = (uint32_t)high;
	}
	*link = (uint32_t)high;
	s->live = live;
	s->high = (uint32_t)high;
	return true;
}
