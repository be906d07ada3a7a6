#include "record/livemap.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BITS 12

void livemap_finish(struct livemap *m)
{
	free(m->cells);
	free(m->sizes);
	*m = (struct livemap){0};
}

static int resize(struct livemap *m, uint32_t bits)
{
	struct livemap bigger = *m;

	bigger.cells = calloc((size_t)1 << bits, sizeof *bigger.cells);
	bigger.shift = 64 - bits;
	bigger.mask = ((size_t)1 << bits) - 1;
	if (bigger.cells == NULL)
		return -1;
	for (size_t i = 0; m->cells != NULL && i <= m->mask; i++)
		if (m->cells[i].address != 0)
			*livemap_cell(&bigger, m->cells[i].address) = m->cells[i];
	free(m->cells);
	*m = bigger;
	return 0;
}

int livemap_grow(struct livemap *m)
{
	return resize(m, m->cells == NULL ? FIRST_BITS : 64 - m->shift + 1);
}

int livemap_grow_sizes(struct livemap *m, uint32_t slot)
{
	size_t more = ((size_t)slot + 512) * 2;
	uint64_t *sizes = realloc(m->sizes, more * sizeof *sizes);

	if (sizes == NULL)
		return -1;
	m->sizes = sizes;
	m->nr_sizes = more > UINT32_MAX ? UINT32_MAX : (uint32_t)more;
	return 0;
}

int livemap_put(struct livemap *m, uint64_t address, uint32_t slot, uint32_t align)
{
	struct live_cell *at;

	if (livemap_reserve(m) != 0)
		return -1;
	at = livemap_cell(m, address);
	m->used += at->address == 0;
	*at = (struct live_cell){address, slot, align};
	return 0;
}

/* Entries behind the hole move up into it unless that would put them before their home. */
void livemap_close(struct livemap *m, struct live_cell *live)
{
	size_t hole = (size_t)(live - m->cells), i = hole;

	for (;;) {
		i = (i + 1) & m->mask;
		if (m->cells[i].address == 0)
			break;
		if (((i - livemap_home(m, m->cells[i].address)) & m->mask) >=
		    ((i - hole) & m->mask)) {
			m->cells[hole] = m->cells[i];
			hole = i;
		}
	}
	m->cells[hole].address = 0;
	m->used--;
}

static void *copy_of(const void *from, size_t bytes)
{
	void *to = malloc(bytes);

	return to == NULL ? NULL : memcpy(to, from, bytes);
}

int livemap_clone(struct livemap *to, const struct livemap *from)
{
	*to = *from;
	if (from->cells != NULL)
		to->cells = copy_of(from->cells, (from->mask + 1) * sizeof *from->cells);
	if (from->sizes != NULL)
		to->sizes = copy_of(from->sizes, from->nr_sizes * sizeof *from->sizes);
	if ((to->cells == NULL) == (from->cells == NULL) &&
	    (to->sizes == NULL) == (from->sizes == NULL))
		return 0;
	livemap_finish(to);
	return -1;
}

static int compare_slots(const void *a, const void *b)
{
	uint32_t left = ((const struct live_cell *)a)->slot,
		 right = ((const struct live_cell *)b)->slot;

	return (left > right) - (left < right);
}

struct live_cell *livemap_by_slot(const struct livemap *m)
{
	struct live_cell *sorted = m->used == 0 ? NULL : malloc(m->used * sizeof *sorted);
	size_t n = 0;

	if (sorted == NULL)
		return NULL;
	for (size_t i = 0; i <= m->mask; i++)
		if (m->cells[i].address != 0)
			sorted[n++] = m->cells[i];
	qsort(sorted, n, sizeof *sorted, compare_slots);
	return sorted;
}
