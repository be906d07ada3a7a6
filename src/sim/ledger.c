#include "sim/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ledger_init(struct ledger *l, unsigned nr_owners, unsigned nr_regions)
{
	size_t rows = (size_t)nr_owners * nr_regions * sizeof(struct mm_row);
	size_t counts = (size_t)nr_owners * MM_NR_EV * sizeof(uint64_t);
	size_t searches = nr_owners * sizeof(struct mm_search);
	char *p;

	*l = (struct ledger){.nr_owners = nr_owners, .nr_regions = nr_regions};
	l->bytes = 2 * rows + counts + searches;
	l->block = p = calloc(1, l->bytes);
	if (p == NULL)
		return -ENOMEM;
	l->rows = (struct mm_row *)(void *)p;
	l->peak = (struct mm_row *)(void *)(p + rows);
	l->count = (uint64_t *)(void *)(p + 2 * rows);
	l->finds = UINT64_MAX;
	l->search = (struct mm_search *)(void *)(p + 2 * rows + counts);
	return 0;
}

void ledger_finish(struct ledger *l)
{
	free(l->block);
	*l = (struct ledger){0};
}

struct mm_row *ledger_row(const struct ledger *l, unsigned owner, unsigned region)
{
	return &l->rows[(size_t)owner * l->nr_regions + region];
}

void ledger_boot(struct ledger *l, const struct machine *m)
{
	for (unsigned i = 0; i < m->nr_regions; i++) {
		struct mm_row *row = ledger_row(l, LEDGER_MACHINE, i);
		bool ram = m->regions[i].kind == REGION_RAM;

		row->bytes[ram ? MM_UNMANAGED : MM_RESERVED] = (int64_t)m->regions[i].bytes;
		row->changed = MM_ROW_CHANGED;
		for (unsigned j = 0; ram && j < m->nr_reserved; j++) {
			uint64_t lo = m->reserved[j].base, hi = lo + m->reserved[j].bytes;
			uint64_t a = m->regions[i].base, b = a + m->regions[i].bytes;

			lo = lo > a ? lo : a;
			hi = hi < b ? hi : b;
			if (lo >= hi)
				continue;
			row->bytes[MM_UNMANAGED] -= (int64_t)(hi - lo);
			row->bytes[MM_RESERVED] += (int64_t)(hi - lo);
		}
	}
}

void ledger_bind(struct ledger *l, struct mem *view, unsigned owner)
{
	view->rows = ledger_row(l, owner, 0);
	view->row = NULL;
	view->row_bytes = 0;
	view->count = &l->count[(size_t)owner * MM_NR_EV];
	view->search = &l->search[owner];
	view->owner = (uint8_t)owner;
}

static void take_row(struct ledger *l, size_t i)
{
	l->rows[i].changed = MM_ROW_KEPT;
	l->peak[i] = l->rows[i];
}

/* Looks at every row; those ever touched are the active ones: a view may have them at hand. */
static void snapshot_all(struct ledger *l, uint64_t finds)
{
	size_t n = (size_t)l->nr_owners * l->nr_regions;

	l->nr_active = 0;
	l->finds = finds;
	for (size_t i = 0; i < n; i++) {
		if (l->rows[i].changed == MM_ROW_UNTOUCHED)
			continue;
		if (l->rows[i].changed == MM_ROW_CHANGED)
			take_row(l, i);
		if (l->nr_active < LEDGER_ACTIVE)
			l->active[l->nr_active] = (unsigned)i;
		l->nr_active++;
	}
	if (l->nr_active > LEDGER_ACTIVE)
		l->finds = UINT64_MAX; /* too many to keep: look at all each time */
}

void ledger_snapshot_peak(struct ledger *l, uint64_t finds)
{
	if (mm_unlikely(l->finds != finds)) {
		snapshot_all(l, finds);
		return;
	}
	for (unsigned k = 0; k < l->nr_active; k++)
		if (l->rows[l->active[k]].changed == MM_ROW_CHANGED)
			take_row(l, l->active[k]);
}

static void add_row(int64_t out[MM_NR_CLASSES], const struct mm_row *row)
{
	for (unsigned c = 0; c < MM_NR_CLASSES; c++)
		out[c] += row->bytes[c];
}

void ledger_region(const struct mm_row *rows, const struct ledger *l, unsigned region,
		   int64_t out[MM_NR_CLASSES])
{
	memset(out, 0, MM_NR_CLASSES * sizeof *out);
	for (unsigned o = 0; o < l->nr_owners; o++)
		add_row(out, &rows[(size_t)o * l->nr_regions + region]);
}

void ledger_owner(const struct mm_row *rows, const struct ledger *l, unsigned owner,
		  int64_t out[MM_NR_CLASSES])
{
	memset(out, 0, MM_NR_CLASSES * sizeof *out);
	for (unsigned r = 0; r < l->nr_regions; r++)
		add_row(out, &rows[(size_t)owner * l->nr_regions + r]);
}

void ledger_total(const struct mm_row *rows, const struct ledger *l, int64_t out[MM_NR_CLASSES])
{
	memset(out, 0, MM_NR_CLASSES * sizeof *out);
	for (size_t i = 0; i < (size_t)l->nr_owners * l->nr_regions; i++)
		add_row(out, &rows[i]);
}

const char *mm_class_name(enum mm_class c)
{
	static const char *const names[MM_NR_CLASSES] = {
		[MM_UNMANAGED] = "unmanaged", [MM_RESERVED] = "reserved",
		[MM_FREE] = "free",           [MM_CACHED] = "cached",
		[MM_SLACK] = "slack",         [MM_METADATA] = "metadata",
		[MM_PAYLOAD] = "payload",     [MM_ROUNDING] = "rounding",
		[MM_GRANTED] = "granted",
	};

	return names[c];
}
