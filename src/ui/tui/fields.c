#include "ui/tui/fields.h"

#include <stdio.h>
#include <string.h>

/* Offsets are bytes plus target words; `bytes` 0: one word. */
struct field_info {
	const char *what, *kind; /* kind NULL: any */
	unsigned at, words, bytes;
	const char *name;
};

static const struct field_info fields[] = {
	{"chunk header", NULL, 0, 0, 0, "size and flags"},
	{"free chunk", NULL, 0, 0, 0, "next free"},
	{"free chunk", NULL, 0, 1, 0, "previous free"},
	{"free block", "buddy_heap", 0, 0, 0, "next free"},
	{"free block", "buddy_heap", 0, 1, 0, "previous free"},
	{"block header", "heap_4", 0, 0, 0, "pxNextFreeBlock"},
	{"block header", "heap_4", 0, 1, 0, "xBlockSize"},
	{"segment", NULL, 0, 0, 0, "next segment"},
	{"segment", NULL, 0, 1, 0, "previous segment"},
	{"segment", NULL, 0, 2, 0, "segment bytes"},
	{"segment record", NULL, 0, 0, 0, "next segment"},
	{"segment record", NULL, 0, 1, 0, "previous segment"},
	{"segment record", NULL, 0, 2, 0, "segment bytes"},
	{"heap control", "tlsf", 0, 3, 0, "live chunks"},
	{"heap control", "tlsf", 0, 4, 0, "least segment base"},
	{"heap control", "tlsf", 0, 5, 0, "greatest segment end"},
	{"heap control", "tlsf", 0, 6, 4, "bitmap of rows"},
	{"root", NULL, 0, 0, 0, "live chunks"},
	{"root", NULL, 0, 1, 0, "first free"},
	{"root", NULL, 0, 2, 0, "last free"},
	{"root", NULL, 0, 3, 0, "rover"},
	{"end mark", NULL, 0, 0, 0, "size 0, in use"},
	{"end mark", NULL, 0, 1, 0, "its segment"},
	{"segment end", NULL, 0, 0, 0, "size 0, in use"},
	{"segment end", NULL, 0, 1, 0, "its segment"},
};

static const struct field_info page_fields[] = {
	{"", NULL, 0, 0, 4, "next"},    {"", NULL, 4, 0, 4, "prev"},
	{"", NULL, 8, 0, 0, "private"}, {"", NULL, 8, 1, 1, "order"},
	{"", NULL, 9, 1, 1, "state"},   {"", NULL, 10, 1, 1, "migrate type"},
	{"", NULL, 11, 1, 1, "owner"},
};

static bool set_field(struct app *a, struct field *f, uint64_t base, unsigned bytes)
{
	uint8_t raw[8] = {0};

	f->base = base;
	f->bytes = bytes;
	f->value = 0;
	if (!moment_read(a->t, base, raw, bytes))
		return false;
	for (unsigned i = bytes; i-- > 0;)
		f->value = f->value << 8 | raw[i];
	return true;
}

/* Names a field of the descriptor `index` strides into an array of them by its frame. */
static void name_page(struct app *a, const struct piece *p, uint64_t index, const char *field,
		      struct field *f)
{
	const struct sys_alloc *s = &moment_system(a->t)->allocs[p->alloc];
	unsigned stride = machine_desc_bytes(a->machine);
	uint64_t frames = (p->end - p->base) / stride;

	/* The array belongs to the range of as many frames in its zone. */
	for (unsigned z = 0; z < s->env.nr_zones; z++)
		for (unsigned i = 0; i < s->env.zones[z].nr_ranges; i++)
			if (z == p->detail && s->env.zones[z].ranges[i].nr == frames) {
				snprintf(f->name, sizeof f->name, "page %llu %s",
					 (unsigned long long)(s->env.zones[z].ranges[i].start.v +
							      index),
					 field);
				return;
			}
	snprintf(f->name, sizeof f->name, "page [%llu] %s", (unsigned long long)index, field);
}

static bool page_field(struct app *a, const struct piece *p, uint64_t pa, struct field *f)
{
	unsigned word = a->machine->word, stride = machine_desc_bytes(a->machine);
	uint64_t index = (pa - p->base) / stride, base = p->base + index * stride;

	for (size_t i = 0; i < sizeof page_fields / sizeof page_fields[0]; i++) {
		const struct field_info *q = &page_fields[i];
		uint64_t at = base + q->at + q->words * word;
		unsigned n = q->bytes ? q->bytes : word;

		if (pa - at >= n)
			continue;
		name_page(a, p, index, q->name, f);
		return set_field(a, f, at, n);
	}
	return false;
}

bool field_at(struct app *a, uint64_t pa, struct field *f)
{
	size_t i = moment_piece_at(a->t, pa), nr;
	const struct piece *p = moment_pieces(a->t, &nr);
	const char *kind;

	if (i >= nr || p[i].base > pa)
		return false;
	p += i;
	kind = moment_system(a->t)->allocs[p->alloc].ops->name;
	if (strcmp(p->what, "page descriptors") == 0)
		return page_field(a, p, pa, f);
	for (size_t k = 0; k < sizeof fields / sizeof fields[0]; k++) {
		const struct field_info *q = &fields[k];
		unsigned n = q->bytes ? q->bytes : a->machine->word;
		uint64_t at = p->base + q->at + q->words * a->machine->word;

		if (strcmp(q->what, p->what) != 0 || pa - at >= n || at + n > p->end ||
		    (q->kind != NULL && strcmp(q->kind, kind) != 0))
			continue;
		snprintf(f->name, sizeof f->name, "%s", q->name);
		return set_field(a, f, at, n);
	}
	return false;
}
