/*
 * Heap: chunks in address order, free chunks by size, and how the last request was
 * served.
 */
#include <stdlib.h>
#include <string.h>

#include "ui/tui/atlas.h"
#include "ui/tui/views.h"

#define NR_BINS 40u

struct heap {
	unsigned heap; /* index among the moment's heaps */
	bool only_free;
	size_t cursor, top;
	uint64_t at; /* address under the cursor, so that it stays when time moves */
	bool to_last; /* go to what the last event touched */
};

/* Which pieces are listed: those of one allocator, perhaps only the free ones. */
struct listing {
	const struct piece *piece;
	size_t *index; /* owned */
	size_t nr;
};

static bool is_listed(const struct piece *p, unsigned alloc, bool only_free)
{
	return p->alloc == alloc && (!only_free || p->class == MM_CACHED || p->class == MM_FREE);
}

static struct listing list_pieces(struct app *a, unsigned alloc, bool only_free)
{
	size_t nr;
	struct listing l = {.piece = moment_pieces(a->t, &nr)};

	l.index = malloc((nr + 1) * sizeof *l.index);
	for (size_t i = 0; l.index != NULL && i < nr; i++)
		if (is_listed(&l.piece[i], alloc, only_free))
			l.index[l.nr++] = i;
	return l;
}

/* The row of the piece at or behind an address. */
static size_t row_of(const struct listing *l, uint64_t pa)
{
	size_t lo = 0, hi = l->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->piece[l->index[mid]].end <= pa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->nr ? lo : l->nr ? l->nr - 1 : 0;
}

/* ---- the list ---- */

static void draw_piece(struct app *a, struct box b, int y, const struct piece *p, bool on)
{
	enum state st = piece_state(moment_system(a->t), p);
	enum style s = on                                     ? STYLE_CURSOR
		       : is_lit(a, p->base, p->end - p->base) ? STYLE_LIT
							      : STYLE_PLAIN;
	char size[SHORT_SIZE];
	int x;

	if (on)
		put_fill(b, y, 0, b.w, STYLE_CURSOR, ' ');
	put_char(b, y, 0, states[st].style,
		 (uint32_t)(unsigned char)piece_letter(moment_system(a->t), p));
	x = put(b, y, 2, s, "%08llx %7s  ", (unsigned long long)p->base,
		short_size(p->end - p->base, size));
	if (p->slot == SLOT_NONE) {
		put(b, y, x, on ? s : STYLE_DIM, "%s", p->what);
		return;
	}
	const struct live *l = moment_live(a->t, p->slot);

	x = put(b, y, x, s, "#%u %llu B, since %llu", p->slot, (unsigned long long)live_size(l),
		(unsigned long long)live_birth(l));
	if (moment_site(a->t, l) != 0)
		put(b, y, x, on ? s : STYLE_DIM, " %s", timeline_string(a->t, moment_site(a->t, l)));
}

static void draw_list(struct app *a, struct heap *s, const struct listing *l, struct box b)
{
	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put(b, 0, 0, STYLE_HEAD, "  address     size  %s, %zu",
	    s->only_free ? "free chunks" : "chunks by address", l->nr);
	s->top = scroll_to(s->top, s->cursor, l->nr, b.h - 1);
	for (int y = 0; y < b.h - 1 && s->top + (size_t)y < l->nr; y++)
		draw_piece(a, b, y + 1, &l->piece[l->index[s->top + (size_t)y]],
			   s->top + (size_t)y == s->cursor);
}

/* ---- free chunks by size ---- */

struct bins {
	uint64_t nr[NR_BINS], bytes[NR_BINS];
};

static void count_bins(const struct piece *p, size_t nr, unsigned alloc, struct bins *out)
{
	*out = (struct bins){{0}, {0}};
	for (size_t i = 0; i < nr; i++) {
		uint64_t bytes = p[i].end - p[i].base;
		unsigned bin = msb(bytes);

		if (!is_listed(&p[i], alloc, true))
			continue;
		bin = bin < NR_BINS ? bin : NR_BINS - 1;
		out->nr[bin]++;
		out->bytes[bin] += bytes;
	}
}

static void draw_bins(struct app *a, struct box b, unsigned alloc)
{
	size_t nr;
	const struct piece *p = moment_pieces(a->t, &nr);
	struct bins v;
	uint64_t most = 1;
	int y = 1;

	count_bins(p, nr, alloc, &v);
	for (unsigned i = 0; i < NR_BINS; i++)
		most = v.bytes[i] > most ? v.bytes[i] : most;
	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put_text(b, 0, 0, STYLE_HEAD, "free chunks from     number   bytes");
	for (unsigned i = 0; i < NR_BINS && y < b.h; i++) {
		char from[SHORT_SIZE], all[SHORT_SIZE];

		if (v.nr[i] == 0)
			continue;
		put(b, y, 0, STYLE_PLAIN, "%16s %10llu %7s", short_size(1ull << i, from),
		    (unsigned long long)v.nr[i], short_size(v.bytes[i], all));
		put_bar(b, y, 36, b.w - 37, v.bytes[i], most, STYLE_GOOD);
		y++;
	}
}

/* ---- figures, and the last request ---- */

static void draw_figures(struct app *a, struct box b, const struct moment_heap *h)
{
	const struct system *sys = moment_system(a->t);
	const struct sys_alloc *s = &sys->allocs[h->alloc];
	const struct mm_search *f = &sys->ledger.search[s->owner];
	char n[4][SHORT_SIZE];
	int x = put(b, 0, 0, STYLE_BOLD, "%s (%s)", s->name, s->ops->name);

	x = put(b, 0, x, STYLE_PLAIN, "  %s live in %llu blocks, %s metadata",
		short_size((uint64_t)(h->class[MM_PAYLOAD] > 0 ? h->class[MM_PAYLOAD] : 0), n[0]),
		(unsigned long long)h->live_blocks,
		short_size((uint64_t)(h->class[MM_METADATA] > 0 ? h->class[MM_METADATA] : 0),
			   n[1]));
	put(b, 0, x, STYLE_PLAIN, ", searches: median %llu steps, p99 %llu, longest %llu",
	    (unsigned long long)search_percentile(f, 500),
	    (unsigned long long)search_percentile(f, 990), (unsigned long long)f->max);
	put(b, 1, 0, STYLE_PLAIN, "%s free in %llu blocks, the largest %s",
	    short_size(h->space.bytes, n[2]), (unsigned long long)h->space.blocks,
	    short_size(h->space.largest, n[3]));
}

static void draw_last(struct app *a, struct box b)
{
	const struct happening *h = timeline_past(a->t, 0);
	const char *p = h != NULL && h->text != NULL ? h->text : "";
	int y = 1;

	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put_text(b, 0, 0, STYLE_HEAD, "the way of the last request");
	while (*p != '\0' && y < b.h) {
		char line[256];
		size_t n = strcspn(p, "\n");

		snprintf(line, sizeof line, "%.*s", (int)(n < 255 ? n : 255), p);
		put_text(b, y++, 0, STYLE_PLAIN, line);
		p += n + (p[n] == '\n');
	}
}

/* The pieces first: with them nothing is walked for the heaps' free space. */
static const struct moment_heap *all_heaps(struct timeline *t, unsigned *nr)
{
	size_t n;

	(void)moment_pieces(t, &n);
	return moment_heaps(t, nr);
}

static void heap_draw(struct app *a, void *state, struct box b)
{
	struct heap *s = state;
	unsigned nr;
	const struct moment_heap *h = all_heaps(a->t, &nr);
	const struct happening *last = timeline_past(a->t, 0);
	struct listing l;
	struct box rest;

	if (nr == 0) {
		put_text(b, 1, 0, STYLE_DIM, "This machine has no heap.");
		return;
	}
	s->heap = s->heap < nr ? s->heap : 0;
	draw_figures(a, b, &h[s->heap]);
	l = list_pieces(a, h[s->heap].alloc, s->only_free);
	if (s->to_last && last != NULL && last->bytes != 0)
		s->at = last->pa;
	s->to_last = false;
	s->cursor = row_of(&l, s->at);
	rest = box_rows(b, 2, -1);
	if (b.w >= 120) {
		struct box right = box_cols(rest, b.w - 62, -1);

		draw_list(a, s, &l, box_cols(rest, 0, b.w - 64));
		draw_bins(a, box_rows(right, 0, right.h * 2 / 3), h[s->heap].alloc);
		draw_last(a, box_rows(right, right.h * 2 / 3, -1));
	} else {
		draw_list(a, s, &l, box_rows(rest, 0, rest.h / 2));
		draw_bins(a, box_rows(rest, rest.h / 2, -1), h[s->heap].alloc);
	}
	free(l.index);
}

/* ---- keys ---- */

static bool move(struct app *a, struct heap *s, enum action act)
{
	unsigned nr;
	const struct moment_heap *h = all_heaps(a->t, &nr);
	struct listing l;
	bool moved;

	if (nr == 0)
		return false;
	s->heap = s->heap < nr ? s->heap : 0;
	l = list_pieces(a, h[s->heap].alloc, s->only_free);
	s->cursor = row_of(&l, s->at);
	moved = move_cursor(act, &s->cursor, l.nr, (size_t)(a->body.h > 4 ? a->body.h / 2 - 1 : 2));
	if (moved && s->cursor < l.nr)
		s->at = l.piece[l.index[s->cursor]].base;
	free(l.index);
	return moved;
}

static bool mouse(struct app *a, struct heap *s, struct input in)
{
	if (in.y < 0 || in.y >= a->body.h)
		return false;
	if (in.mouse == MOUSE_WHEEL_UP || in.mouse == MOUSE_WHEEL_DOWN)
		move(a, s, in.mouse == MOUSE_WHEEL_UP ? ACTION_UP : ACTION_DOWN);
	return true;
}

static bool heap_key(struct app *a, void *state, enum action act, struct input in)
{
	struct heap *s = state;

	if (in.key == INPUT_MOUSE)
		return mouse(a, s, in);
	if (move(a, s, act))
		return true;
	switch (act) {
	case ACTION_LEFT:
	case ACTION_RIGHT:
		s->heap += act == ACTION_RIGHT ? 1 : s->heap > 0 ? (unsigned)-1 : 0;
		return true;
	case ACTION_ENTER:
		show_address(a, s->at);
		return true;
	default:
		break;
	}
	if (in.key == 'e')
		s->only_free = !s->only_free;
	else if (in.key == 'w')
		s->to_last = true;
	return in.key == 'e' || in.key == 'w';
}

static bool heap_selected(struct app *a, void *state, struct touch *q)
{
	const struct heap *s = state;
	size_t nr, i = moment_piece_at(a->t, s->at);
	const struct piece *p = moment_pieces(a->t, &nr);

	if (i >= nr)
		return false;
	*q = (struct touch){.kind = TOUCH_MEMORY, .lo = p[i].base, .hi = p[i].end};
	return true;
}

static const char *const help[] = {
	"j k\tthrough the chunks, by address; g G, PgUp PgDn, Ctrl-u Ctrl-d",
	"h l\tanother heap",
	"e\tonly the empty (free) chunks, or all",
	"w\tto what the last event touched; it is lit",
	"Enter\tshow the chunk in the atlas",
	"[ ]\tprevious and next event that touched the chunk under the cursor",
	NULL,
};

const struct view_ops view_heap = {
	.name = "heap",
	.title = "Heap",
	.summary = "chunks with their headers, free chunks by size, the last request's way",
	.help = help,
	.private_size = sizeof(struct heap),
	.draw = heap_draw,
	.key = heap_key,
	.selected = heap_selected,
};
