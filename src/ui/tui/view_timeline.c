/*
 * Timeline: the whole run as stacked bands, with failures, marks and indices below,
 * and a cursor.
 */
#include <stdlib.h>

#include "ui/tui/names.h"
#include "ui/tui/views.h"

struct timeline_state {
	unsigned zoom; /* the run's length divided by 2^zoom is shown */
	uint64_t cursor; /* event */
	uint64_t of; /* the moment it was set at: it follows time */
	bool curves; /* live bytes and footprint, not the ledger's classes */
};

/* The bands, from below. */
static const enum mm_class bands[] = {MM_PAYLOAD, MM_ROUNDING, MM_METADATA, MM_SLACK, MM_CACHED};
static const char letters[] = "prmsc";

#define NR_BANDS (sizeof bands / sizeof bands[0])

struct range {
	uint64_t from, to; /* events shown: from ... to */
};

static struct range shown(const struct app *a, const struct timeline_state *s)
{
	uint64_t total = timeline_total(a->t), n = total >> s->zoom, from;

	n = n < 16 ? (total < 16 ? total : 16) : n;
	from = s->cursor > n / 2 ? s->cursor - n / 2 : 0;
	if (from + n > total)
		from = total - n;
	return (struct range){from, from + n};
}

static uint64_t event_at(struct range r, int x, int w)
{
	return r.from + (uint64_t)((double)(r.to - r.from) * (x + 1) / (w > 0 ? w : 1));
}

static int column_of(struct range r, uint64_t event, int w)
{
	if (event < r.from || event > r.to || r.to == r.from)
		return -1;
	int x = (int)((double)(event - r.from) * w / (double)(r.to - r.from));

	return x < w ? x : w - 1;
}

/* The points of a column: first and last. */
static void points_of(const struct series *v, struct range r, int x, int w, unsigned *first,
		      unsigned *last)
{
	uint64_t a = event_at(r, x - 1, w), b = event_at(r, x, w);

	*first = (unsigned)(a / v->width);
	*last = b == 0 ? 0 : (unsigned)((b - 1) / v->width);
	if (*last >= v->nr)
		*last = v->nr - 1;
	if (*first > *last)
		*first = *last;
}

static uint64_t positive(int64_t n)
{
	return n > 0 ? (uint64_t)n : 0;
}

/* ---- bands ---- */

static uint64_t band_total(const struct series_point *p)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < NR_BANDS; i++)
		sum += positive(p->class[bands[i]]);
	return sum;
}

static bool has_classes(const struct series_point *p)
{
	return p->event != 0 && band_total(p) != 0;
}

static void draw_column(struct box b, int x, const struct series_point *p, uint64_t scale)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < NR_BANDS; i++) {
		int from = (int)((double)sum / (double)scale * b.h + 0.5), to;

		sum += positive(p->class[bands[i]]);
		to = (int)((double)sum / (double)scale * b.h + 0.5);
		for (int y = from; y < to; y++)
			put_char(b, b.h - 1 - y, x, class_style(bands[i]),
				 (uint32_t)(unsigned char)letters[i]);
	}
}

static void draw_bands(struct app *a, struct box b, struct range r)
{
	const struct series *v = timeline_series(a->t);
	uint64_t scale = 1;

	for (unsigned i = 0; i < v->nr; i++)
		scale = band_total(&v->v[i]) > scale ? band_total(&v->v[i]) : scale;
	for (int x = 0; x < b.w; x++) {
		unsigned first, last;

		points_of(v, r, x, b.w, &first, &last);
		/* The last point of the column whose end has been reached. */
		while (last > first && !has_classes(&v->v[last]))
			last--;
		if (has_classes(&v->v[last]))
			draw_column(b, x, &v->v[last], scale);
	}
}

/* ---- curves ---- */

static void draw_curves(struct app *a, struct box b, struct range r)
{
	const struct series *v = timeline_series(a->t);
	uint64_t scale = 1;

	for (unsigned i = 0; i < v->nr; i++) {
		scale = v->v[i].footprint > scale ? v->v[i].footprint : scale;
		scale = v->v[i].live_max > scale ? v->v[i].live_max : scale;
	}
	for (int x = 0; x < b.w; x++) {
		unsigned first, last;
		uint64_t most = 0, foot = 0;
		int live, top;

		points_of(v, r, x, b.w, &first, &last);
		for (unsigned i = first; i <= last; i++) {
			most = v->v[i].live_max > most ? v->v[i].live_max : most;
			foot = v->v[i].footprint > foot ? v->v[i].footprint : foot;
		}
		live = (int)((double)most / (double)scale * b.h + 0.5);
		top = (int)((double)foot / (double)scale * b.h + 0.5);
		for (int y = 0; y < live; y++)
			put_char(b, b.h - 1 - y, x, STYLE_PAYLOAD, glyph(b.c, GLYPH_FULL));
		for (int y = live; y < top; y++)
			put_char(b, b.h - 1 - y, x, STYLE_CACHED, glyph(b.c, GLYPH_DOT));
	}
}

/* ---- what happened, below ---- */

static void draw_marks(struct app *a, struct box b, int y, struct range r)
{
	const struct series *v = timeline_series(a->t);

	for (int x = 0; x < b.w; x++) {
		unsigned first, last;
		uint32_t failed = 0, fallbacks = 0, findings = 0, marker = 0;

		points_of(v, r, x, b.w, &first, &last);
		for (unsigned i = first; i <= last; i++) {
			failed += v->v[i].failed;
			fallbacks += v->v[i].fallbacks;
			findings += v->v[i].findings;
			marker = marker != 0 ? marker : v->v[i].marker;
		}
		if (findings != 0)
			put_char(b, y, x, STYLE_BAD, '?');
		else if (failed != 0)
			put_char(b, y, x, STYLE_BAD, '!');
		else if (fallbacks != 0)
			put_char(b, y, x, STYLE_WARN, 'f');
		else if (marker != 0)
			put_char(b, y, x, STYLE_BOLD, glyph(b.c, GLYPH_VERTICAL));
		else
			put_char(b, y, x, STYLE_DIM, glyph(b.c, GLYPH_DOT));
	}
}

/* Tenths, from a value of a measured point; '-' where there is none. */
static void draw_index(struct app *a, struct box b, int y, struct range r, bool unusable)
{
	const struct series *v = timeline_series(a->t);
	int tenth = -1;

	for (int x = 0; x < b.w; x++) {
		unsigned first, last;

		points_of(v, r, x, b.w, &first, &last);
		for (unsigned i = first; i <= last; i++) {
			const struct series_point *p = &v->v[i];

			if (!p->measured || (unusable && p->unusable < 0))
				continue;
			tenth = unusable       ? p->unusable / 100
				: p->free == 0 ? 0
					       : (int)((p->free - p->largest) * 10 / p->free);
		}
		if (tenth >= 0)
			put_char(b, y, x, (enum style)(STYLE_RAMP0 + (tenth > 9 ? 4 : tenth / 2)),
				 tenth > 9 ? '#' : (uint32_t)('0' + tenth));
	}
}

static void draw_texts(struct app *a, struct box b, const struct timeline_state *s, struct range r)
{
	const struct series *v = timeline_series(a->t);
	const struct series_point *p;
	uint64_t i = s->cursor == 0 ? 0 : (s->cursor - 1) / v->width;
	char n[8][LONG_COUNT];

	p = &v->v[i < v->nr ? i : v->nr - 1];
	put(b, 0, 0, STYLE_PLAIN, "events %s to %s, %s a column; cursor at %s",
	    long_count(r.from, n[0]), long_count(r.to, n[1]),
	    long_count((r.to - r.from) / (uint64_t)(b.w > 0 ? b.w : 1), n[2]),
	    long_count(s->cursor, n[3]));
	put(b, 1, 0, STYLE_DIM,
	    "there: live %s to %s, footprint %s, metadata %s, %u failed, %u fell back",
	    short_size(p->live_min, n[4]), short_size(p->live_max, n[5]),
	    short_size(p->footprint, n[6]), short_size(positive(p->class[MM_METADATA]), n[7]),
	    p->failed, p->fallbacks);
}

static void follow(struct app *a, struct timeline_state *s)
{
	if (s->of == timeline_now(a->t) + 1)
		return;
	s->of = timeline_now(a->t) + 1;
	s->cursor = timeline_now(a->t);
}

static void draw_cursor(struct box b, int y, int now, int cursor)
{
	if (now >= 0)
		put_char(b, y, now, STYLE_BOLD, glyph(b.c, GLYPH_UP));
	if (cursor >= 0)
		put_style(b, y, cursor, 1, STYLE_CURSOR);
}

static void timeline_draw(struct app *a, void *state, struct box b)
{
	struct timeline_state *s = state;
	struct box plot = box_cols(b, 9, -1), chart;
	struct range r;
	int y;

	follow(a, s);
	r = shown(a, s);
	chart = box_rows(plot, 1, b.h - 8 > 1 ? b.h - 8 : 1);
	put_text(b, 0, 0, STYLE_HEAD,
		 s->curves ? "live (full) and footprint (dots), bytes"
			   : "bytes by class: p payload, r rounding, m "
			     "metadata, s slack, c cached");
	if (s->curves)
		draw_curves(a, chart, r);
	else
		draw_bands(a, chart, r);
	y = chart.h + 1;
	put_text(b, y, 0, STYLE_DIM, "now");
	draw_cursor(plot, y, column_of(r, timeline_now(a->t), plot.w),
		    column_of(r, s->cursor, plot.w));
	put_text(b, y + 1, 0, STYLE_DIM, "marks");
	draw_marks(a, plot, y + 1, r);
	put_text(b, y + 2, 0, STYLE_DIM, "split");
	draw_index(a, plot, y + 2, r, false);
	put(b, y + 3, 0, STYLE_DIM, "unus. %u", timeline_series(a->t)->unusable_order);
	draw_index(a, plot, y + 3, r, true);
	draw_texts(a, box_rows(b, y + 4, -1), s, r);
}

/* ---- keys ---- */

static void move(struct app *a, struct timeline_state *s, int columns)
{
	struct range r = shown(a, s);
	int w = a->body.w > 10 ? a->body.w - 9 : 1;
	uint64_t by = (r.to - r.from) / (uint64_t)w;

	by = (by ? by : 1) * (uint64_t)abs(columns);
	if (columns < 0)
		s->cursor -= by < s->cursor ? by : s->cursor;
	else
		s->cursor = s->cursor + by < timeline_total(a->t) ? s->cursor + by
								  : timeline_total(a->t);
}

static void zoom(struct timeline_state *s, struct app *a, int by)
{
	if (by > 0 && timeline_total(a->t) >> s->zoom > 32)
		s->zoom++;
	else if (by < 0 && s->zoom > 0)
		s->zoom--;
}

static bool mouse(struct app *a, struct timeline_state *s, struct input in)
{
	struct range r = shown(a, s);
	int w = a->body.w > 10 ? a->body.w - 9 : 1;

	if (in.y < 0 || in.y >= a->body.h)
		return false;
	if (in.x >= 9)
		s->cursor = event_at(r, in.x - 9, w);
	if (in.mouse == MOUSE_DOUBLE)
		go_to(a, s->cursor);
	else if (in.mouse != MOUSE_CLICK)
		zoom(s, a, in.mouse == MOUSE_WHEEL_UP ? 1 : -1);
	return true;
}

static bool timeline_key(struct app *a, void *state, enum action act, struct input in)
{
	struct timeline_state *s = state;

	follow(a, s);
	if (in.key == INPUT_MOUSE)
		return mouse(a, s, in);
	switch (act) {
	case ACTION_LEFT:
	case ACTION_RIGHT:
		move(a, s, act == ACTION_RIGHT ? 1 : -1);
		return true;
	case ACTION_PAGE_UP:
	case ACTION_PAGE_DOWN:
		move(a, s, act == ACTION_PAGE_DOWN ? 16 : -16);
		return true;
	case ACTION_HALF_UP:
	case ACTION_HALF_DOWN:
		move(a, s, act == ACTION_HALF_DOWN ? 8 : -8);
		return true;
	case ACTION_UP:
	case ACTION_DOWN:
		zoom(s, a, act == ACTION_UP ? 1 : -1);
		return true;
	case ACTION_TOP:
		s->cursor = 0;
		return true;
	case ACTION_BOTTOM:
		s->cursor = timeline_total(a->t);
		return true;
	case ACTION_ENTER:
		go_to(a, s->cursor);
		return true;
	case ACTION_BACK:
		s->zoom = 0;
		return true;
	default:
		break;
	}
	if (in.key == 'c')
		s->curves = !s->curves;
	return in.key == 'c';
}

static bool timeline_selected(struct app *a, void *state, struct touch *q)
{
	(void)a;
	(void)state;
	*q = (struct touch){.kind = TOUCH_FAILED};
	return true;
}

static const char *const help[] = {
	"h l\tmove the cursor; PgUp PgDn by 16 columns; g G to the ends",
	"Enter\tgo to the cursor's moment (so does a double click)",
	"k j\tzoom in and out around the cursor (so does the wheel); Backspace: all of it",
	"c\tcurves of live bytes and footprint, or the ledger's classes as bands",
	"[ ]\tprevious and next failed request",
	"marks\t! failed requests, f fallbacks, ? findings, | phases and notes",
	"split\ttenths of free memory that are not in the largest free block",
	"unus.\tunusable index of the largest zone at that order, tenths",
	NULL,
};

const struct view_ops view_timeline = {
	.name = "timeline",
	.title = "Timeline",
	.summary = "the whole run: bytes by class, failures, phases, fragmentation",
	.help = help,
	.private_size = sizeof(struct timeline_state),
	.draw = timeline_draw,
	.key = timeline_key,
	.selected = timeline_selected,
};
