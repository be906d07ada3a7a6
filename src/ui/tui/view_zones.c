/*
 * Zones: how much is free, how it lies (blocks by order), and what that is worth.
 */
#include "ui/tui/names.h"
#include "ui/tui/views.h"

struct zones {
	size_t cursor, top;
};

static const char *zone_name(const struct app *a, const struct moment_zone *z)
{
	return moment_system(a->t)->allocs[z->alloc].env.zones[z->zone].name;
}

/* A gauge of free pages with the watermarks in it. */
static void draw_gauge(struct box b, int y, int x, int w, const struct zone_figures *f)
{
	const struct {
		uint64_t mark;
		char letter;
	} marks[] = {{f->min, 'm'}, {f->low, 'l'}, {f->high, 'h'}};
	enum style s = f->free < f->min ? STYLE_BAD : f->free < f->low ? STYLE_WARN : STYLE_GOOD;

	put_bar(b, y, x, w, f->free, f->managed, s);
	for (size_t i = 0; i < 3; i++)
		if (marks[i].mark != 0 && f->managed != 0)
			put_char(b, y, x + (int)(marks[i].mark * (uint64_t)w / f->managed),
				 STYLE_BOLD, (uint32_t)marks[i].letter);
}

static void draw_zone(struct app *a, struct box b, int y, const struct moment_zone *z, bool on)
{
	unsigned shift = a->machine->page_shift;
	char free_text[SHORT_SIZE], all[SHORT_SIZE], largest[SHORT_SIZE];
	int x = put(b, y, 0, on ? STYLE_CURSOR : STYLE_BOLD, "%-10.10s", zone_name(a, z)),
	    gauge = b.w - 66;

	gauge = gauge < 8 ? 8 : gauge > 60 ? 60 : gauge;
	put(b, y, x, STYLE_PLAIN, " %6s of %6s", short_size(z->f.free << shift, free_text),
	    short_size(z->f.managed << shift, all));
	draw_gauge(b, y, x + 18, gauge, &z->f);
	put(b, y, x + 19 + gauge, STYLE_PLAIN, "%7s %6llu %6llu %6llu %5llu",
	    z->largest != 0 ? short_size(z->largest, largest) : "-", (unsigned long long)z->f.min,
	    (unsigned long long)z->f.low, (unsigned long long)z->f.high,
	    (unsigned long long)z->f.fallbacks);
}

static void put_index(struct box b, int y, int x, int permille)
{
	/* Minus one: such a request would succeed. */
	if (permille == -1000)
		put_text(b, y, x, STYLE_DIM, "     -");
	else
		put(b, y, x, permille > 500 ? STYLE_WARN : STYLE_PLAIN, "%s%d.%03d",
		    permille < 0 ? "-" : " ", permille / (permille < 0 ? -1000 : 1000),
		    permille < 0 ? -permille % 1000 : permille % 1000);
}

static void put_types(struct box b, int y, int x, const struct moment_zone *z, unsigned order)
{
	for (unsigned mt = 0; mt < MIGRATE_TYPES; mt++)
		put(b, y, x + (int)mt * 9, z->by_type[mt][order] != 0 ? STYLE_PLAIN : STYLE_DIM,
		    "%9llu", (unsigned long long)z->by_type[mt][order]);
}

#define TYPE_COLS (9 * (int)MIGRATE_TYPES)

/* The row behind it. */
static int draw_orders(struct app *a, struct box b, const struct moment_zone *z)
{
	unsigned shift = a->machine->page_shift;
	bool types = z->typed && b.w >= 110;
	uint64_t most = 1;
	int bar = types ? 62 + TYPE_COLS : 62, w = b.w - bar - 2;

	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put(b, 0, 0, STYLE_HEAD, "%s: order  block  free blocks   bytes unusable extfrag",
	    zone_name(a, z));
	if (types)
		put_text(b, 0, 62, STYLE_HEAD, "  unmovab  movable reclaim.");
	for (unsigned o = 0; o <= z->area.max_order; o++)
		most = z->area.nr_free[o] << o > most ? z->area.nr_free[o] << o : most;
	for (unsigned o = 0; o <= z->area.max_order && (int)o + 1 < b.h; o++) {
		uint64_t nr = z->area.nr_free[o];
		char block[SHORT_SIZE], all[SHORT_SIZE];

		put(b, 1 + (int)o, 0, nr != 0 ? STYLE_PLAIN : STYLE_DIM, "%14u %6s %12llu %7s", o,
		    short_size(1ull << (o + shift), block), (unsigned long long)nr,
		    short_size(nr << (o + shift), all));
		put_index(b, 1 + (int)o, 45, unusable_index(&z->area, o));
		put_index(b, 1 + (int)o, 53, extfrag_index(&z->area, o));
		if (types)
			put_types(b, 1 + (int)o, 61, z, o);
		put_bar(b, 1 + (int)o, bar, w > 10 ? w : 10, nr << o, most, STYLE_GOOD);
	}
	return 2 + (int)z->area.max_order;
}

/* ---- what the CPUs hold, and what went elsewhere ---- */

#define LIST_COLS 40

static int draw_counters(struct box b, int y, const struct zone_figures *f)
{
	const struct {
		const char *name;
		uint64_t nr;
	} of[] = {{"served for others", f->fallbacks},
		  {"pageblocks claimed", f->claims},
		  {"blocks stolen", f->steals},
		  {"reclaimed", f->reclaimed}};
	int x = 0;

	for (size_t i = 0; i < sizeof of / sizeof of[0]; i++)
		x = put(b, y, x, of[i].nr != 0 ? STYLE_WARN : STYLE_DIM, "%s %s %llu", i ? "," : "",
			of[i].name, (unsigned long long)of[i].nr);
	return y + 1;
}

static int draw_reserve(struct box b, int y, const struct zone_figures *f)
{
	static const char *const names[ZONE_TYPES] = {"dma", "dma32", "normal", "highmem",
						      "movable"};
	int x = 0;

	for (unsigned i = 0; i < ZONE_TYPES; i++)
		if (f->reserve[i] != 0)
			x = put(b, y, x, STYLE_DIM, "%s %llu pages from requests for %s",
				x == 0 ? " kept:" : ",", (unsigned long long)f->reserve[i],
				names[i]);
	return x == 0 ? y : y + 1;
}

/* Pages on each CPU's lists of the zone; as many side by side as there is room for. */
static void draw_lists(struct app *a, struct box b, int y, const struct moment_zone *z)
{
	unsigned per_row = (unsigned)b.w / LIST_COLS ? (unsigned)b.w / LIST_COLS : 1, n = 0;
	struct zone_lists l;

	for (unsigned cpu = 0; cpu < a->machine->cpus; cpu++) {
		int row = y + (int)(n / per_row), col = (int)(n % per_row) * LIST_COLS, x;

		if (!moment_lists(a->t, z, cpu, &l))
			continue;
		x = put(b, row, col, STYLE_PLAIN, " CPU %-3u", cpu);
		put_bar(b, row, x, 8, l.count, l.high, STYLE_GOOD);
		put(b, row, x + 8, STYLE_PLAIN, " %llu of %llu, by %llu",
		    (unsigned long long)l.count, (unsigned long long)l.high,
		    (unsigned long long)l.batch);
		n++;
	}
	if (n == 0)
		put_text(b, y, 0, STYLE_DIM, " no CPU keeps a list of this zone's pages");
}

static void zones_draw(struct app *a, void *state, struct box b)
{
	struct zones *s = state;
	unsigned nr;
	const struct moment_zone *z = moment_zones(a->t, &nr);
	int rows = (int)nr < b.h - 15 ? (int)nr : b.h - 15, below;

	rows = rows < 2 ? 2 : rows;
	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put_text(b, 0, 0, STYLE_HEAD, "zone         free of managed");
	put_right(b, 0,
		  (b.w - 66 < 8    ? 8
		   : b.w - 66 > 60 ? 60
				   : b.w - 66) +
			  62,
		  STYLE_HEAD, "largest    min    low   high falls");
	if (nr == 0) {
		put_text(b, 2, 0, STYLE_DIM,
			 "The trace's allocators take no pages: there are no zones to show.");
		return;
	}
	s->cursor = s->cursor < nr ? s->cursor : nr - 1;
	s->top = scroll_to(s->top, s->cursor, nr, rows);
	for (int y = 0; y < rows && s->top + (size_t)y < nr; y++)
		draw_zone(a, b, 1 + y, &z[s->top + (size_t)y], s->top + (size_t)y == s->cursor);
	below = rows + 2 + draw_orders(a, box_rows(b, rows + 2, -1), &z[s->cursor]);
	below = draw_counters(b, below, &z[s->cursor].f);
	if (b.h - below > 1)
		below = draw_reserve(b, below, &z[s->cursor].f);
	draw_lists(a, b, below, &z[s->cursor]);
}

static bool zones_key(struct app *a, void *state, enum action act, struct input in)
{
	struct zones *s = state;
	unsigned nr;
	const struct moment_zone *z = moment_zones(a->t, &nr);

	if (in.key == INPUT_MOUSE) {
		if (in.y >= 1 && s->top + (size_t)in.y - 1 < nr && in.y < a->body.h - 15)
			s->cursor = s->top + (size_t)in.y - 1;
		return in.y >= 0 && in.y < a->body.h;
	}
	if (move_cursor(act, &s->cursor, nr, (size_t)(a->body.h > 0 ? a->body.h : 1)))
		return true;
	if (act == ACTION_ENTER && nr != 0) {
		const struct zone_desc *d = &moment_system(a->t)
						     ->allocs[z[s->cursor].alloc]
						     .env.zones[z[s->cursor].zone];

		if (d->nr_ranges != 0)
			show_address(a, (uint64_t)d->ranges[0].start.v << a->machine->page_shift);
		return true;
	}
	return false;
}

static bool zones_selected(struct app *a, void *state, struct touch *q)
{
	(void)a;
	(void)state;
	*q = (struct touch){.kind = TOUCH_FALLBACK};
	return true;
}

static const char *const help[] = {
	"j k\tchoose a zone; below are its free blocks by order",
	"Enter\tshow the zone in the atlas",
	"[ ]\tprevious and next request that fell back to another zone",
	"\tfree of managed, and the largest free block; m l h: watermarks in the gauge",
	"\tfalls: requests served here although another zone was preferred",
	"\tCPU: pages on its list of the zone, of the most it keeps; taken and given by the batch",
	"\tunusable: share of free memory in blocks too small for the order",
	"\textfrag: why a failure would be; 0 for lack of memory, 1 for fragmentation, - it would "
	"not",
	NULL,
};

const struct view_ops view_zones = {
	.name = "zones",
	.title = "Zones",
	.summary = "free pages by zone and order, both indices, the CPUs' lists",
	.help = help,
	.private_size = sizeof(struct zones),
	.draw = zones_draw,
	.key = zones_key,
	.selected = zones_selected,
};
