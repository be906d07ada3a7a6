#include "sim/id_map.h"

#include <stdlib.h>
#include <sys/mman.h>

/*
 * The hash is multiplied to a line, not masked, so that a table may have any size, grows
 * by a quarter, and keeps its order when it does: the old one is read from its begin to
 * its end, as the new one is written, and given back to the host behind that.
 */
#define ID_LINE     16u /* cells: a cache line */
#define FIRST_LINES 64u
#define GIVE_BACK   (1u << 20) /* bytes of an old table that are given back at a time */

bool id_map_init(struct id_map *m, uint32_t *const *id_of)
{
	*m = (struct id_map){.window = calloc(ID_WINDOW, sizeof(struct id_cell)), .id_of = id_of};
	return m->window != NULL;
}

static size_t table_bytes(uint32_t lines)
{
	return (size_t)lines * ID_LINE * sizeof(uint32_t);
}

static void drop_table(uint32_t *cells, uint32_t lines)
{
	if (cells != NULL)
		munmap(cells, table_bytes(lines));
}

void id_map_finish(struct id_map *m)
{
	free(m->window);
	drop_table(m->cells, m->lines);
	*m = (struct id_map){0};
}

static uint32_t nr_cells(const struct id_map *m)
{
	return m->lines * ID_LINE;
}

/* Numbers in a row share a cache line: what was born in order often dies in order. */
static uint32_t home(const struct id_map *m, uint32_t id)
{
	uint64_t hash = (id / ID_LINE + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15) >> 32;

	return (uint32_t)(hash * m->lines >> 32) * ID_LINE | (id % ID_LINE);
}

static uint32_t next_cell(const struct id_map *m, uint32_t c)
{
	return c + 1 < nr_cells(m) ? c + 1 : 0;
}

/* Slot of a cell that has one. */
static uint32_t cell_slot(const struct id_map *m, uint32_t cell)
{
	return (cell & m->slot_mask) - 1;
}

static uint32_t cell_id(const struct id_map *m, uint32_t c)
{
	return (*m->id_of)[cell_slot(m, m->cells[c])];
}

/* Tells most ids apart without a look at whose the slot is. */
static uint32_t tag(const struct id_map *m, uint32_t id)
{
	return id * 0x85ebca6bu & ~m->slot_mask;
}

/* The cell of an id, or the empty one where it belongs. */
static uint32_t find_cell(const struct id_map *m, uint32_t id)
{
	uint32_t c = home(m, id), t = tag(m, id);

	while (m->cells[c] != 0 &&
	       ((m->cells[c] & ~m->slot_mask) != t || cell_id(m, c) != id))
		c = next_cell(m, c);
	return c;
}

/* The first empty cell for an id that has none. */
static void place_slot(struct id_map *m, uint32_t id, uint32_t slot)
{
	uint32_t c = home(m, id);

	while (m->cells[c] != 0)
		c = next_cell(m, c);
	m->cells[c] = (slot + 1) | tag(m, id);
}

/* Moves what an old table has, and gives that back to the host as it is read. */
static void move_cells(struct id_map *m, const struct id_map *was)
{
	size_t given = 0;

	for (uint32_t i = 0; i < nr_cells(was); i++) {
		if (was->cells[i] != 0)
			place_slot(m, cell_id(was, i), cell_slot(was, was->cells[i]));
		if ((i + 1) * sizeof *was->cells - given == GIVE_BACK) {
			(void)madvise((char *)was->cells + given, GIVE_BACK, MADV_DONTNEED);
			given += GIVE_BACK;
		}
	}
}

/*
 * A table of so many lines for slots up to `slot`; the old one stays where there is no
 * memory.  At most three quarters are used, and fewer than six tenths only when objects
 * have died.
 */
static bool resize(struct id_map *m, uint32_t lines, uint32_t slot)
{
	const struct id_map was = *m;

	if (lines > UINT32_MAX / ID_LINE)
		return false;
	m->cells = mmap(NULL, table_bytes(lines), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->cells == MAP_FAILED) {
		m->cells = was.cells;
		return false;
	}
	m->lines = lines;
	m->room = (uint32_t)((uint64_t)nr_cells(m) * 3 / 4);
	/* Twice as many slots as these come before the bits must be dealt out anew. */
	if (slot >= m->slot_mask)
		m->slot_mask = UINT32_MAX >> (slot < 1u << 30 ? __builtin_clz(slot + 1) - 1 : 0);
	move_cells(m, &was);
	drop_table(was.cells, was.lines);
	return true;
}

static bool has_room(const struct id_map *m, uint32_t slot)
{
	return m->used < m->room && slot < m->slot_mask;
}

bool id_map_retire(struct id_map *m, const struct id_cell *cell)
{
	uint32_t lines = m->lines == 0        ? FIRST_LINES
			 : m->used == m->room ? m->lines + m->lines / 4
					      : m->lines;

	if (mm_unlikely(!has_room(m, cell->slot - 1)) && !resize(m, lines, cell->slot - 1))
		return false;
	place_slot(m, cell->id, cell->slot - 1);
	m->used++;
	if (cell->id > m->newest_old)
		m->newest_old = cell->id;
	return true;
}

uint32_t id_map_find_old(const struct id_map *m, uint32_t id)
{
	uint32_t cell = m->used ? m->cells[find_cell(m, id)] : 0;

	return cell != 0 ? cell_slot(m, cell) : SLOT_NONE;
}

/* Cells from `from` up to `to`, around the end. */
static uint32_t steps(const struct id_map *m, uint32_t from, uint32_t to)
{
	return to >= from ? to - from : to + nr_cells(m) - from;
}

/* Empties a cell; the ones behind it that it kept from home move up. */
static void empty_cell(struct id_map *m, uint32_t hole)
{
	for (uint32_t c = next_cell(m, hole); m->cells[c] != 0; c = next_cell(m, c)) {
		if (steps(m, home(m, cell_id(m, c)), c) < steps(m, hole, c))
			continue;
		m->cells[hole] = m->cells[c];
		hole = c;
	}
	m->cells[hole] = 0;
	m->used--;
}

uint32_t id_map_take_old(struct id_map *m, uint32_t id)
{
	uint32_t c = m->used ? find_cell(m, id) : 0, slot;

	if (m->used == 0 || m->cells[c] == 0)
		return SLOT_NONE;
	slot = cell_slot(m, m->cells[c]);
	empty_cell(m, c);
	return slot;
}
