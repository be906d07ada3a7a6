#include "sim/id_map.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CELLS 1024u

bool id_map_init(struct id_map *m)
{
	*m = (struct id_map){.window = calloc(ID_WINDOW, sizeof(struct id_cell))};
	return m->window != NULL;
}

void id_map_finish(struct id_map *m)
{
	free(m->window);
	free(m->cells);
	*m = (struct id_map){0};
}

/* Eight numbers in a row share a cache line: what was born in order often dies in order. */
static uint32_t home(const struct id_map *m, uint32_t id)
{
	uint64_t line = (id / 8 + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(line >> m->shift) << 3 | (id & 7);
}

/* The cell of an id, or the empty one where it belongs. */
static struct id_cell *find_cell(const struct id_map *m, uint32_t id)
{
	uint32_t c = home(m, id);

	while (m->cells[c].slot != 0 && m->cells[c].id != id)
		c = (c + 1) & m->mask;
	return &m->cells[c];
}

static struct id_cell *aligned_cells(uint64_t nr)
{
	struct id_cell *cells = aligned_alloc(64, nr * sizeof *cells);

	if (cells != NULL)
		memset(cells, 0, nr * sizeof *cells);
	return cells;
}

static bool grow(struct id_map *m)
{
	uint64_t old_nr = m->cells ? (uint64_t)m->mask + 1 : 0,
		 nr = old_nr ? old_nr * 2 : FIRST_CELLS;
	struct id_cell *old = m->cells, *cells = nr < UINT32_MAX ? aligned_cells(nr) : NULL;

	if (cells == NULL)
		return false;
	m->cells = cells;
	m->mask = (uint32_t)nr - 1;
	m->shift = 64 - ((unsigned)__builtin_ctzll(nr) - 3);
	m->room = (uint32_t)(nr / 4 * 3);
	for (uint64_t i = 0; i < old_nr; i++)
		if (old[i].slot != 0)
			*find_cell(m, old[i].id) = old[i];
	free(old);
	return true;
}

bool id_map_retire(struct id_map *m, const struct id_cell *cell)
{
	if (m->used >= m->room && !grow(m))
		return false;
	*find_cell(m, cell->id) = *cell;
	m->used++;
	if (cell->id > m->newest_old)
		m->newest_old = cell->id;
	return true;
}

uint32_t id_map_find_old(const struct id_map *m, uint32_t id)
{
	return m->used ? find_cell(m, id)->slot - 1 : SLOT_NONE;
}

/* Empties a cell; the ones behind it that it kept from home move up. */
static void empty_cell(struct id_map *m, uint32_t hole)
{
	uint32_t mask = m->mask;

	for (uint32_t c = (hole + 1) & mask; m->cells[c].slot != 0; c = (c + 1) & mask) {
		uint32_t from_home = (c - home(m, m->cells[c].id)) & mask;

		if (from_home < ((c - hole) & mask))
			continue;
		m->cells[hole] = m->cells[c];
		hole = c;
	}
	m->cells[hole].slot = 0;
	m->used--;
}

uint32_t id_map_take_old(struct id_map *m, uint32_t id)
{
	struct id_cell *cell = m->used ? find_cell(m, id) : NULL;
	uint32_t slot;

	if (cell == NULL || cell->slot == 0)
		return SLOT_NONE;
	slot = cell->slot - 1;
	empty_cell(m, (uint32_t)(cell - m->cells));
	return slot;
}
