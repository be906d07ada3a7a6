/*
 * Ledger: every byte of every region in exactly one class; each row adds up.
 */
#include "ui/tui/names.h"
#include "ui/tui/views.h"

struct ledger_state {
	size_t cursor, top;
	bool exact; /* bytes, not rounded sizes */
};

static const enum mm_class columns[] = {MM_PAYLOAD, MM_ROUNDING, MM_METADATA, MM_SLACK,
					MM_CACHED,  MM_FREE,     MM_RESERVED, MM_UNMANAGED};

#define NR_COLUMNS (sizeof columns / sizeof columns[0])

static void put_amount(struct box b, int y, int x, const struct ledger_state *s, enum style st,
		       int64_t bytes)
{
	char text[LONG_COUNT + 1], *digits = text;

	/* An owner may have given more of a class than it took: pages it passed on. */
	if (bytes < 0)
		*digits++ = '-';
	if (s->exact)
		long_count((uint64_t)(bytes < 0 ? -bytes : bytes), digits);
	else
		short_size((uint64_t)(bytes < 0 ? -bytes : bytes), digits);
	put_right(b, y, x, bytes == 0 ? STYLE_DIM : st, text);
}

static int column_width(const struct ledger_state *s)
{
	return s->exact ? 14 : 7;
}

static int first_column(const struct ledger_state *s)
{
	return 11 + column_width(s);
}

/* Owners hold nothing that is reserved or given to nobody. */
#define NR_OWNED (NR_COLUMNS - 2)

static void draw_head(struct box b, const struct ledger_state *s, const char *what,
		      const char *second, size_t columns_shown)
{
	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put_text(b, 0, 0, STYLE_HEAD, what);
	put_right(b, 0, first_column(s), STYLE_HEAD, second);
	for (size_t i = 0; i < columns_shown; i++) {
		char name[16];

		snprintf(name, sizeof name, "%.*s", s->exact ? 12 : 6, mm_class_name(columns[i]));
		put_right(b, 0, first_column(s) + (int)(i + 1) * column_width(s), STYLE_HEAD, name);
	}
	if (columns_shown == NR_COLUMNS)
		put_text(b, 0, first_column(s) + (int)NR_COLUMNS * column_width(s) + 1, STYLE_HEAD,
			 "sum");
}

static void draw_row(struct box b, int y, const struct ledger_state *s, const char *name,
		     int64_t size, const int64_t c[MM_NR_CLASSES], bool sums)
{
	int64_t sum = 0;

	put(b, y, 0, STYLE_PLAIN, "%-11.11s", name);
	for (size_t i = 0; i < (sums ? NR_COLUMNS : NR_OWNED); i++) {
		put_amount(b, y, first_column(s) + (int)(i + 1) * column_width(s), s, STYLE_PLAIN,
			   c[columns[i]]);
		sum += c[columns[i]];
	}
	if (size >= 0)
		put_amount(b, y, first_column(s), s, STYLE_BOLD, size);
	if (sums)
		put(b, y, first_column(s) + (int)NR_COLUMNS * column_width(s) + 1,
		    sum == size ? STYLE_GOOD : STYLE_BAD, sum == size ? "ok" : "WRONG");
}

static void draw_bands(struct app *a, struct box b, int y, unsigned region)
{
	const struct region *g = &a->machine->regions[region];
	int64_t c[MM_NR_CLASSES];
	int x = 11, w = b.w - 12;
	uint64_t done = 0;

	moment_region_classes(a->t, region, c);
	for (size_t i = 0; i < NR_COLUMNS; i++) {
		int from = (int)((double)done / (double)g->bytes * w), to;

		done += (uint64_t)(c[columns[i]] > 0 ? c[columns[i]] : 0);
		to = (int)((double)done / (double)g->bytes * w);
		put_fill(b, y, x + from, to - from, class_style(columns[i]),
			 (uint32_t)(unsigned char)mm_class_name(columns[i])[0]);
	}
}

static size_t nr_rows(const struct app *a)
{
	return a->machine->nr_regions;
}

static int draw_regions(struct app *a, const struct ledger_state *s, struct box b)
{
	int64_t c[MM_NR_CLASSES], sum[MM_NR_CLASSES] = {0}, size = 0;
	int y = 1;

	draw_head(b, s, "region", "size", NR_COLUMNS);
	for (unsigned i = 0; i < a->machine->nr_regions; i++) {
		const struct region *g = &a->machine->regions[i];

		moment_region_classes(a->t, i, c);
		size += (int64_t)g->bytes;
		for (unsigned k = 0; k < MM_NR_CLASSES; k++)
			sum[k] += c[k];
		if (i < s->top || y >= b.h - 1)
			continue;
		draw_row(b, y, s, g->name, (int64_t)g->bytes, c, true);
		if (i == s->cursor)
			put_style(b, y, 0, 11, STYLE_CURSOR);
		y++;
	}
	draw_row(b, y, s, "all", size, sum, true);
	put_style(b, y, 0, 11, STYLE_BOLD);
	return y + 1;
}

static void draw_owners(struct app *a, const struct ledger_state *s, struct box b)
{
	const struct system *sys = moment_system(a->t);

	draw_head(b, s, "held by", "kind", NR_OWNED);
	for (unsigned i = 0; i < sys->nr_allocs; i++) {
		int64_t c[MM_NR_CLASSES];

		ledger_owner(sys->ledger.rows, &sys->ledger, sys->allocs[i].owner, c);
		draw_row(b, 1 + (int)i, s, sys->allocs[i].name, -1, c, false);
		put(b, 1 + (int)i, 11, STYLE_DIM, "%.*s", column_width(s),
		    sys->allocs[i].ops->name);
	}
}

static void ledger_draw(struct app *a, void *state, struct box b)
{
	struct ledger_state *s = state;
	unsigned owners = moment_system(a->t)->nr_allocs;
	int rows = b.h - (int)owners - 4, y;

	rows = rows < 4 ? 4 : rows;
	s->top = scroll_to(s->top, s->cursor, nr_rows(a), rows - 2);
	y = draw_regions(a, s, box_rows(b, 0, rows));
	put(b, y, 0, STYLE_DIM, "%-11.11s", a->machine->regions[s->cursor].name);
	draw_bands(a, b, y, (unsigned)s->cursor);
	draw_owners(a, s, box_rows(b, y + 2, -1));
}

static bool ledger_key(struct app *a, void *state, enum action act, struct input in)
{
	struct ledger_state *s = state;

	if (in.key == INPUT_MOUSE) {
		if (in.y >= 1 && s->top + (size_t)in.y - 1 < nr_rows(a))
			s->cursor = s->top + (size_t)in.y - 1;
		return in.y >= 0 && in.y < a->body.h;
	}
	if (move_cursor(act, &s->cursor, nr_rows(a), (size_t)(a->body.h > 0 ? a->body.h : 1)))
		return true;
	if (act == ACTION_ENTER) {
		show_address(a, a->machine->regions[s->cursor].base);
		return true;
	}
	if (in.key == 'b') {
		s->exact = !s->exact;
		return true;
	}
	return false;
}

static bool ledger_selected(struct app *a, void *state, struct touch *q)
{
	const struct ledger_state *s = state;
	const struct region *g = &a->machine->regions[s->cursor];

	*q = (struct touch){.kind = TOUCH_MEMORY, .lo = g->base, .hi = g->base + g->bytes};
	return true;
}

static const char *const help[] = {
	"j k\tchoose a region; its classes are drawn to scale below the table",
	"b\texact bytes, or rounded sizes",
	"Enter\tshow the region in the atlas",
	"[ ]\tprevious and next event that touched the region",
	"\tpayload: asked for.  rounding: granted beyond.  metadata: headers, tables.",
	"\tslack: lost.  cached: free in heaps and slabs.  free: free pages.  Rows add up to size.",
	NULL,
};

const struct view_ops view_ledger = {
	.name = "ledger",
	.title = "Ledger",
	.summary = "every byte of every region in one class, and who holds it",
	.help = help,
	.private_size = sizeof(struct ledger_state),
	.draw = ledger_draw,
	.key = ledger_key,
	.selected = ledger_selected,
};
