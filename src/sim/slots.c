#include "sim/slots.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 1024u

void slots_init(struct slots *s)
{
	*s = (struct slots){0};
}

void slots_finish(struct slots *s)
{
	if (s->order != NULL)
		free(s->order - 1);
	free(s->is_live);
	slots_init(s);
}

bool slots_grow(struct slots *s, uint32_t n)
{
	uint64_t cap = s->cap ? s->cap : FIRST_CAP, need = (uint64_t)s->live + n;
	uint32_t *order;
	uint8_t *is_live;

	while (cap < need)
		cap *= 2;
	if (cap > SLOTS_MAX)
		return false;
	is_live = realloc(s->is_live, cap);
	if (is_live == NULL)
		return false;
	s->is_live = is_live;
	order = realloc(s->order ? s->order - 1 : NULL, (cap + 1) * sizeof *order);
	if (order == NULL)
		return false;
	order[0] = 0;
	s->order = order + 1;
	memset(is_live + s->cap, 0, cap - s->cap);
	for (uint32_t i = s->cap; i < cap; i++)
		s->order[i] = i;
	s->cap = (uint32_t)cap;
	return true;
}

void slots_reset(struct slots *s)
{
	for (uint32_t i = 0; i < s->cap; i++)
		s->order[i] = i;
	if (s->cap != 0)
		memset(s->is_live, 0, s->cap);
	s->live = s->high = 0;
}

bool slots_load(struct slots *s, uint32_t live, const uint32_t *free_list, uint32_t nr_free)
{
	uint64_t high = (uint64_t)live + nr_free;

	slots_reset(s);
	if (high > SLOTS_MAX || !slots_reserve(s, (uint32_t)high))
		return false;
	memset(s->is_live, 1, (size_t)high);
	for (uint32_t i = 0; i < nr_free; i++) {
		if (free_list[i] >= high || !s->is_live[free_list[i]])
			return false;
		s->is_live[free_list[i]] = 0;
		s->order[live + i] = free_list[i];
	}
	s->live = live;
	s->high = (uint32_t)high;
	return true;
}
