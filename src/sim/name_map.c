#include "sim/name_map.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "sim/event.h"

#define FIRST_CELLS 64u

void name_map_init(struct name_map *m)
{
	*m = (struct name_map){0};
}

void name_map_finish(struct name_map *m)
{
	for (size_t i = 0; m->cells != NULL && i <= m->mask; i++)
		free(m->cells[i].name);
	free(m->cells);
	name_map_init(m);
}

static bool is_name(const struct name_cell *c, uint64_t hash, const char *name, size_t bytes)
{
	return c->hash == hash && strncmp(c->name, name, bytes) == 0 && c->name[bytes] == '\0';
}

/* The cell of a name, or the empty one where it belongs. */
static size_t find_cell(const struct name_map *m, uint64_t hash, const char *name, size_t bytes)
{
	size_t c = (size_t)hash & m->mask;

	while (m->cells[c].name != NULL && !is_name(&m->cells[c], hash, name, bytes))
		c = (c + 1) & m->mask;
	return c;
}

uint32_t name_map_find(const struct name_map *m, const char *name, size_t bytes)
{
	size_t c;

	if (m->cells == NULL)
		return SLOT_NONE;
	c = find_cell(m, XXH3_64bits(name, bytes), name, bytes);
	return m->cells[c].name != NULL ? m->cells[c].slot : SLOT_NONE;
}

static bool grow(struct name_map *m)
{
	size_t old_nr = m->cells ? m->mask + 1 : 0, nr = old_nr ? old_nr * 2 : FIRST_CELLS;
	struct name_cell *old = m->cells, *cells = calloc(nr, sizeof *cells);

	if (cells == NULL)
		return false;
	m->cells = cells;
	m->mask = nr - 1;
	for (size_t i = 0; i < old_nr; i++)
		if (old[i].name != NULL)
			cells[find_cell(m, old[i].hash, old[i].name, strlen(old[i].name))] = old[i];
	free(old);
	return true;
}

bool name_map_put(struct name_map *m, const char *name, size_t bytes, uint32_t slot)
{
	uint64_t hash = XXH3_64bits(name, bytes);
	char *copy;

	if ((m->cells == NULL || m->used > m->mask / 2) && !grow(m))
		return false;
	copy = strndup(name, bytes);
	if (copy == NULL)
		return false;
	m->cells[find_cell(m, hash, name, bytes)] = (struct name_cell){copy, hash, slot};
	m->used++;
	return true;
}

void name_map_remove(struct name_map *m, const char *name, size_t bytes)
{
	size_t hole, mask = m->mask;

	if (m->cells == NULL)
		return;
	hole = find_cell(m, XXH3_64bits(name, bytes), name, bytes);
	if (m->cells[hole].name == NULL)
		return;
	free(m->cells[hole].name);
	for (size_t c = (hole + 1) & mask; m->cells[c].name != NULL; c = (c + 1) & mask) {
		if (((c - m->cells[c].hash) & mask) < ((c - hole) & mask))
			continue;
		m->cells[hole] = m->cells[c];
		hole = c;
	}
	m->cells[hole] = (struct name_cell){0};
	m->used--;
}
