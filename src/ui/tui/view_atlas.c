/*
 * Atlas: physical memory, from everything down to one byte.
 *
 * Rows of cells, each `cell` bytes; Enter divides that by ATLAS_ZOOM around the
 * cursor.  Compact, each RAM region begins a row of its own under a line that names
 * it; to scale, everything from address 0 on has its rows, holes too.
 */
#include "ui/tui/atlas.h"
#include "ui/tui/views.h"

#define LABEL_COLS 10

/* ---- drawing ---- */

static enum style age_style(struct app *a, const struct atlas_cell *c)
{
	uint64_t now = timeline_now(a->t), age = now - c->youngest;

	if (c->youngest == 0)
		return STYLE_UNMANAGED;
	if (age * 1000 <= now)
		return STYLE_RAMP4;
	if (age * 100 <= now)
		return STYLE_RAMP3;
	if (age * 10 <= now)
		return STYLE_RAMP2;
	return age * 2 <= now ? STYLE_RAMP1 : STYLE_RAMP0;
}

static uint64_t live_bytes(const struct atlas_cell *c)
{
	return c->bytes[STATE_LIVE] + c->bytes[STATE_ROUNDING];
}

static enum state main_state(const struct atlas_cell *c)
{
	enum state best = STATE_HOLE;

	for (unsigned i = STATE_HOLE + 1; i < NR_STATES; i++)
		if (c->bytes[i] > (best == STATE_HOLE ? 0 : c->bytes[best]))
			best = (enum state)i;
	return best;
}

static void show_cell(struct app *a, const struct atlas *s, const struct atlas_cell *c,
		      char *letter, enum style *style)
{
	enum state st = main_state(c);
	uint64_t live = live_bytes(c);

	*letter = c->letter;
	*style = states[st].style;
	if (s->by == BY_OWNER && c->owner != 0xff) {
		*style = (enum style)(STYLE_OWNER0 + c->owner % NR_OWNERS);
		*letter = (char)('a' + c->owner);
	} else if (s->by == BY_AGE && st != STATE_HOLE && st != STATE_DEVICE) {
		*style = age_style(a, c);
		*letter = c->youngest == 0 ? c->letter : (char)('0' + *style - STYLE_RAMP0);
	} else if (s->by == BY_FILL && st != STATE_HOLE && st != STATE_DEVICE) {
		unsigned tenth = (unsigned)(live * 10 / s->cell);

		*style = (enum style)(STYLE_RAMP0 + (live * 4 + s->cell / 2) / s->cell);
		*letter = live == 0 ? '.' : tenth >= 10 ? '#' : (char)('0' + tenth);
		if (live == 0)
			*style = STYLE_UNMANAGED;
	}
	if (c->lit)
		*style = STYLE_LIT;
}

static void draw_cells(struct app *a, struct atlas *s, struct box b, int y, const struct stretch *v,
		       uint64_t base)
{
	struct atlas_cell cell[256];

	put(b, y, 0, STYLE_DIM, "%08llx", (unsigned long long)base);
	atlas_cells(a, base, s->cell, s->per_row, s->by == BY_AGE, cell);
	for (unsigned i = 0; i < s->per_row; i++) {
		uint64_t pa = base + i * s->cell;
		enum style style;
		char letter;

		if (pa + s->cell <= v->base || pa >= v->base + v->bytes)
			continue;
		show_cell(a, s, &cell[i], &letter, &style);
		if (s->at - pa < s->cell)
			style = STYLE_CURSOR;
		put_char(b, y, LABEL_COLS + (int)i, style, (uint32_t)(unsigned char)letter);
	}
}

static void draw_region_line(struct app *a, struct box b, int y, const struct stretch *v)
{
	const struct region *g = &a->machine->regions[v->region];
	int64_t c[MM_NR_CLASSES];
	char size[SHORT_SIZE], used[SHORT_SIZE], left[SHORT_SIZE];
	int x;

	moment_region_classes(a->t, (unsigned)v->region, c);
	x = put(b, y, 0, STYLE_BOLD, "%-10s", g->name);
	x = put(b, y, x, STYLE_DIM, "%5s %s", short_size(g->bytes, size), g->bus);
	put(b, y, x, STYLE_DIM, "  live %s, free %s",
	    short_size((uint64_t)(c[MM_PAYLOAD] + c[MM_ROUNDING]), used),
	    short_size((uint64_t)(c[MM_FREE] + c[MM_CACHED]), left));
}

static void draw_row(struct app *a, struct atlas *s, struct box b, int y, size_t row)
{
	struct stretch v;
	size_t k;

	if (!atlas_row_at(a, s, row, &v, &k))
		return;
	if (v.headed && k == 0)
		draw_region_line(a, b, y, &v);
	else
		draw_cells(a, s, b, y, &v,
			   atlas_first_row(s, &v) + (k - v.headed) * atlas_row_bytes(s));
}

static const char *const by_names[] = {"state", "owner", "age", "fill"};

static int legend_item(struct box b, int y, int x, enum style s, char letter, const char *name)
{
	put_char(b, y, x, s, (uint32_t)(unsigned char)letter);
	return put(b, y, x + 1, STYLE_DIM, name[0] == '-' ? "%s" : " %s", name) + 1;
}

static void legend_states(struct box b, int y)
{
	static const struct {
		enum state st;
		const char *name;
	} shown[] = {
		{STATE_LIVE, "live"},     {STATE_CACHED, "free"}, {STATE_FREE, "-a free, order"},
		{STATE_HEADER, "head"},   {STATE_SLAB, "slab"},   {STATE_DESCRIPTORS, "descr."},
		{STATE_METADATA, "meta"}, {STATE_SLACK, "lost"},  {STATE_RESERVED, "resv."}};
	int x = 0;

	for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
		x = legend_item(b, y, x, states[shown[i].st].style, states[shown[i].st].letter,
				shown[i].name);
}

static void draw_legend(struct app *a, const struct atlas *s, struct box b, int y)
{
	static const char *const ages[] = {"oldest", "older", "last 10th", "last 100th",
					   "last 1000th"};
	const struct system *sys = moment_system(a->t);
	int x = 0;

	switch (s->by) {
	case BY_STATE:
		legend_states(b, y);
		break;
	case BY_OWNER:
		for (unsigned i = 0; i < sys->nr_allocs; i++)
			x = legend_item(b, y, x, (enum style)(STYLE_OWNER0 + i % NR_OWNERS),
					(char)('a' + i), sys->allocs[i].name);
		break;
	case BY_AGE:
		for (unsigned i = NR_RAMP; i-- > 0;)
			x = legend_item(b, y, x, (enum style)(STYLE_RAMP0 + i), (char)('0' + i),
					ages[i]);
		put_text(b, y, x, STYLE_DIM, "of the run until now");
		break;
	default:
		put_text(b, y, 0, STYLE_DIM,
			 "tenths of the cell that are live; # all of it, . nothing");
	}
}

static void begin(struct app *a, struct atlas *s)
{
	const struct system *sys = moment_system(a->t);
	const struct sys_alloc *h = sys->group[GROUP_HEAP];

	s->begun = true;
	s->per_row = 64;
	s->at = h != NULL && h->arena.bytes != 0 ? h->arena.base.v - sys->offset
						 : a->machine->regions[0].base;
}

static unsigned cells_for(int cols)
{
	unsigned n = 16;

	while (n * 2 + LABEL_COLS <= (unsigned)(cols > 0 ? cols : 0) && n < 256)
		n *= 2;
	return n;
}

static size_t center_on(size_t row, size_t rows, int h)
{
	size_t half = h > 0 ? (size_t)h / 2 : 0;

	return scroll_to(row > half ? row - half : 0, row, rows, h);
}

static void atlas_draw(struct app *a, void *state, struct box b)
{
	struct atlas *s = state;
	char text[400], size[SHORT_SIZE];
	int cut;
	struct box map = box_rows(b, 1, b.h - 4);

	if (!s->begun)
		begin(a, s);
	s->per_row = cells_for(b.w);
	if (s->cell == 0)
		atlas_fit_cells(a, s, map.h);
	put(b, 0, 0, STYLE_HEAD, s->hex ? "bytes" : "%s a cell, coloured by %s, %s",
	    short_size(s->cell, size), by_names[s->by], s->to_scale ? "to scale" : "RAM only");
	if (s->hex) {
		hexdump_draw(a, s, map);
	} else {
		size_t rows = atlas_all_rows(a, s);

		s->top = s->center ? center_on(atlas_row_of(a, s, s->at), rows, map.h)
				   : scroll_to(s->top, atlas_row_of(a, s, s->at), rows, map.h);
		s->center = false;
		/* The line that names the region comes with its first cells. */
		if (s->top > 0 && s->top == atlas_row_of(a, s, s->at) && map.h > 2)
			s->top--;
		for (int y = 0; y < map.h; y++)
			draw_row(a, s, map, y, s->top + (size_t)y);
		draw_legend(a, s, b, b.h - 3);
	}
	describe_address(a, s->at, text, sizeof text);
	cut = (int)fit_words(text, b.w > 0 ? (size_t)b.w : 1);
	put(b, b.h - 2, 0, STYLE_PLAIN, "%.*s", cut, text);
	put_text(b, b.h - 1, 1, STYLE_PLAIN, text + cut);
}

/* ---- moving ---- */

/* An address that is there: RAM, or in the scale anything. */
static uint64_t to_memory(const struct app *a, const struct atlas *s, uint64_t pa, bool forward)
{
	const struct machine *m = a->machine;
	uint64_t best = 0;
	bool found = false;

	if (s->to_scale)
		return pa < atlas_span_end(m) ? pa : atlas_span_end(m) - 1;
	for (unsigned i = 0; i < m->nr_regions; i++) {
		const struct region *g = &m->regions[i];

		if (g->kind != REGION_RAM)
			continue;
		if (pa - g->base < g->bytes)
			return pa;
		if (forward ? g->base > pa && !found : g->base + g->bytes <= pa) {
			best = forward ? g->base : g->base + g->bytes - 1;
			found = true;
		}
	}
	return found ? best : s->at;
}

static void move(struct app *a, struct atlas *s, uint64_t by, bool forward)
{
	if (forward)
		s->at = to_memory(a, s, s->at + by > s->at ? s->at + by : s->at, true);
	else
		s->at = to_memory(a, s, s->at > by ? s->at - by : 0, false);
}

static void zoom(struct app *a, struct atlas *s, bool in)
{
	s->center = true;
	if (in && s->cell == 1) {
		s->hex = true;
	} else if (in) {
		s->cell = s->cell > ATLAS_ZOOM ? s->cell / ATLAS_ZOOM : 1;
	} else if (s->hex) {
		s->hex = false;
	} else if (atlas_all_rows(a, s) > (size_t)a->body.h - 4) {
		s->cell *= ATLAS_ZOOM;
	}
}

static void next_colors(struct atlas *s)
{
	s->by = (enum atlas_colors)((s->by + 1) % NR_ATLAS_COLORS);
}

static void to_last(struct app *a, struct atlas *s)
{
	const struct happening *h = timeline_past(a->t, 0);

	if (h != NULL && h->bytes != 0)
		s->at = h->pa;
	else
		say(a, STYLE_WARN, "the last event touched no block");
}

static bool letter_key(struct app *a, struct atlas *s, uint32_t key)
{
	switch (key) {
	case 'x':
		s->hex = !s->hex;
		return true;
	case 'o':
		next_colors(s);
		return true;
	case 's':
		s->to_scale = !s->to_scale;
		s->at = to_memory(a, s, s->at, true);
		return true;
	case 'w':
		to_last(a, s);
		return true;
	default:
		return false;
	}
}

/* The address of a cell on the screen; false: there is none. */
static bool cell_address(struct app *a, struct atlas *s, int y, int x, uint64_t *pa)
{
	struct stretch v;
	size_t k;

	if (s->hex || y < 1 || y >= a->body.h - 3 || x < LABEL_COLS ||
	    x >= LABEL_COLS + (int)s->per_row ||
	    !atlas_row_at(a, s, s->top + (size_t)(y - 1), &v, &k) || (v.headed && k == 0))
		return false;
	*pa = atlas_first_row(s, &v) + (k - v.headed) * atlas_row_bytes(s) +
	      (uint64_t)(x - LABEL_COLS) * s->cell;
	return *pa + s->cell > v.base && *pa < v.base + v.bytes;
}

static bool mouse(struct app *a, struct atlas *s, struct input in)
{
	uint64_t pa;

	if (in.y < 0 || in.y >= a->body.h)
		return false;
	if (cell_address(a, s, in.y, in.x, &pa))
		s->at = to_memory(a, s, pa, true);
	if (in.mouse == MOUSE_DOUBLE || in.mouse == MOUSE_WHEEL_UP)
		zoom(a, s, true);
	else if (in.mouse == MOUSE_WHEEL_DOWN)
		zoom(a, s, false);
	return true;
}

static bool atlas_key(struct app *a, void *state, enum action act, struct input in)
{
	struct atlas *s = state;
	uint64_t cell = s->hex ? 1 : s->cell,
		 row = s->hex ? hexdump_width(a->body.w) : atlas_row_bytes(s),
		 page = row * (uint64_t)(a->body.h > 8 ? a->body.h - 6 : 2);

	if (in.key == INPUT_MOUSE)
		return mouse(a, s, in);
	switch (act) {
	case ACTION_LEFT:
	case ACTION_RIGHT:
		move(a, s, cell, act == ACTION_RIGHT);
		return true;
	case ACTION_UP:
	case ACTION_DOWN:
		move(a, s, row, act == ACTION_DOWN);
		return true;
	case ACTION_PAGE_UP:
	case ACTION_PAGE_DOWN:
		move(a, s, page, act == ACTION_PAGE_DOWN);
		return true;
	case ACTION_HALF_UP:
	case ACTION_HALF_DOWN:
		move(a, s, page / 2, act == ACTION_HALF_DOWN);
		return true;
	case ACTION_TOP:
		s->at = to_memory(a, s, 0, true);
		return true;
	case ACTION_BOTTOM:
		s->at = to_memory(a, s, atlas_span_end(a->machine), false);
		return true;
	case ACTION_ENTER:
	case ACTION_BACK:
		zoom(a, s, act == ACTION_ENTER);
		return true;
	default:
		return letter_key(a, s, in.key);
	}
}

static bool atlas_selected(struct app *a, void *state, struct touch *q)
{
	struct atlas *s = state;
	uint64_t cell = s->hex ? 1 : s->cell;

	(void)a;
	*q = (struct touch){.kind = TOUCH_MEMORY, .lo = round_down(s->at, cell)};
	q->hi = q->lo + cell;
	return true;
}

static void atlas_go(struct app *a, void *state, uint64_t pa)
{
	struct atlas *s = state;

	if (!s->begun)
		begin(a, s);
	s->at = to_memory(a, s, pa, true);
	s->cell = s->cell == 0 || s->cell > 64 ? 16 : s->cell;
	s->center = true;
}

static const char *const help[] = {
	"h j k l\tmove; g G the first and last byte; PgUp PgDn, Ctrl-u Ctrl-d",
	"Enter\tzoom in 16 times, at last to the bytes; Backspace out; so does the wheel",
	"x\tthe bytes as a dump, with the fields named; what the last event stored is lit",
	"o\tcolour by state, owner, age, fill",
	"s\tto scale (holes as large as they are), or RAM only",
	"w\tto what the last event touched",
	"[ ]\tprevious and next event that touched the cell under the cursor",
	"\t",
	"A live  r granted beyond the request  h chunk header  . free in a heap or slab",
	"0-a free pages, by order  D page descriptors  s slab's  T page table  m other metadata",
	"~ lost  X reserved  x not RAM  - given to no allocator  H pages an allocator holds",
	NULL,
};

const struct view_ops view_atlas = {
	.name = "atlas",
	.title = "Atlas",
	.summary = "physical memory, from all of it down to one byte",
	.help = help,
	.private_size = sizeof(struct atlas),
	.draw = atlas_draw,
	.key = atlas_key,
	.selected = atlas_selected,
	.go = atlas_go,
};
