#include "sim/ptr_map.h"

#include <stdlib.h>

#define FIRST_BITS 12u

static uint64_t home(const struct ptr_map *m, uint64_t key)
{
	return (key * UINT64_C(0x9e3779b97f4a7c15)) >> m->shift;
}

/* The key's cell, or the empty one where it belongs. */
static struct ptr_cell *place(const struct ptr_map *m, uint64_t key)
{
	uint64_t i = home(m, key);

	while (m->cells[i].what != 0 && m->cells[i].key != key)
		i = (i + 1) & m->mask;
	return &m->cells[i];
}

static bool resize(struct ptr_map *m, unsigned bits)
{
	struct ptr_map bigger = {
		.mask = ((uint64_t)1 << bits) - 1, .used = m->used, .shift = 64 - bits};

	bigger.cells = calloc((size_t)1 << bits, sizeof *bigger.cells);
	if (bigger.cells == NULL)
		return false;
	for (uint64_t i = 0; m->cells != NULL && i <= m->mask; i++)
		if (m->cells[i].what != 0)
			*place(&bigger, m->cells[i].key) = m->cells[i];
	free(m->cells);
	*m = bigger;
	return true;
}

bool ptr_map_init(struct ptr_map *m)
{
	*m = (struct ptr_map){.cells = NULL};
	return resize(m, FIRST_BITS);
}

void ptr_map_finish(struct ptr_map *m)
{
	free(m->cells);
	*m = (struct ptr_map){.cells = NULL};
}

struct ptr_cell *ptr_map_find(const struct ptr_map *m, uint64_t key)
{
	struct ptr_cell *c = place(m, key);

	return c->what != 0 ? c : NULL;
}

bool ptr_map_put(struct ptr_map *m, uint64_t key, uint32_t slot, uint32_t what)
{
	if (m->used >= m->mask / 4 * 3 && !resize(m, 64 - m->shift + 1))
		return false;
	*place(m, key) = (struct ptr_cell){key, slot, what};
	m->used++;
	return true;
}

void ptr_map_del(struct ptr_map *m, struct ptr_cell *cell)
{
	uint64_t hole = (uint64_t)(cell - m->cells), i = hole;

	for (;;) {
		i = (i + 1) & m->mask;
		if (m->cells[i].what == 0)
			break;
		/* Whoever's home is not behind the hole may fill it. */
		if (((i - home(m, m->cells[i].key)) & m->mask) >= ((i - hole) & m->mask)) {
			m->cells[hole] = m->cells[i];
			hole = i;
		}
	}
	m->cells[hole].what = 0;
	m->used--;
}
