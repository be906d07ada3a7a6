#include "ui/tui/atlas.h"

#define MAX_STRETCHES (MACHINE_MAX_REGIONS + 1u)
#define LARGEST_CELL  (1ull << 40) /* bytes */
#define SMALL_CELL    4096u /* bytes; up to here a larger one may save rows though the next does not */

uint64_t atlas_span_end(const struct machine *m)
{
	const struct region *last = &m->regions[m->nr_regions - 1];

	return last->base + last->bytes;
}

/* What has rows: each RAM region, or to scale all of the span.  How many there are. */
static unsigned stretches(const struct app *a, const struct atlas *s,
			  struct stretch v[MAX_STRETCHES])
{
	const struct machine *m = a->machine;
	unsigned nr = 0;

	if (s->to_scale) {
		v[0] = (struct stretch){0, atlas_span_end(m), -1, false};
		return 1;
	}
	for (unsigned i = 0; i < m->nr_regions; i++)
		if (m->regions[i].kind == REGION_RAM)
			v[nr++] = (struct stretch){m->regions[i].base, m->regions[i].bytes, (int)i,
						   true};
	return nr;
}

uint64_t atlas_row_bytes(const struct atlas *s)
{
	return s->cell * s->per_row;
}

uint64_t atlas_first_row(const struct atlas *s, const struct stretch *v)
{
	return round_down(v->base, s->cell);
}

static size_t rows_of(const struct atlas *s, const struct stretch *v)
{
	uint64_t bytes = v->base + v->bytes - atlas_first_row(s, v);

	return (size_t)v->headed + (size_t)((bytes + atlas_row_bytes(s) - 1) / atlas_row_bytes(s));
}

size_t atlas_all_rows(const struct app *a, const struct atlas *s)
{
	struct stretch v[MAX_STRETCHES];
	unsigned n = stretches(a, s, v);
	size_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += rows_of(s, &v[i]);
	return sum;
}

size_t atlas_row_of(const struct app *a, const struct atlas *s, uint64_t pa)
{
	struct stretch v[MAX_STRETCHES];
	unsigned n = stretches(a, s, v);
	size_t row = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t first = atlas_first_row(s, &v[i]);

		if (pa <= v[i].base)
			return row + v[i].headed;
		if (pa < v[i].base + v[i].bytes)
			return row + v[i].headed + (size_t)((pa - first) / atlas_row_bytes(s));
		row += rows_of(s, &v[i]);
	}
	return row ? row - 1 : 0;
}

bool atlas_row_at(const struct app *a, const struct atlas *s, size_t row, struct stretch *out,
		  size_t *within)
{
	struct stretch v[MAX_STRETCHES];
	unsigned n = stretches(a, s, v);

	for (unsigned i = 0; i < n; i++) {
		size_t rows = rows_of(s, &v[i]);

		if (row < rows) {
			*out = v[i];
			*within = row;
			return true;
		}
		row -= rows;
	}
	return false;
}

void atlas_fit_cells(const struct app *a, struct atlas *s, int rows)
{
	s->cell = 1;
	while (atlas_all_rows(a, s) > (size_t)(rows > 1 ? rows : 1) && s->cell < LARGEST_CELL) {
		size_t before = atlas_all_rows(a, s);

		s->cell *= 2;
		if (s->cell > SMALL_CELL && atlas_all_rows(a, s) == before)
			break;
	}
}
