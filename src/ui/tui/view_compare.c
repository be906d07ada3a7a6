/*
 * Compare: two heaps or two machines on one trace, side by side in lockstep; what
 * differs is lit.
 */
#include <stdlib.h>

#include "sim/headlines.h"
#include "ui/tui/names.h"
#include "ui/tui/views.h"

struct compare {
	bool begun;
};

static struct headlines headlines_now(struct timeline *t)
{
	struct heap_space heap[SYS_MAX_ALLOCS];
	unsigned nr;
	const struct moment_heap *h = moment_heaps(t, &nr);

	for (unsigned i = 0; i < nr; i++)
		heap[i] = (struct heap_space){h[i].alloc, h[i].space};
	return headlines_of(moment_figures(t), moment_system(t), heap, nr);
}

#define NAME_COLS 21

/* Cut to a column's width. */
static const char *short_name(const char *name, char buf[NAME_COLS + 1])
{
	snprintf(buf, NAME_COLS + 1, "%.*s", NAME_COLS, name);
	return buf;
}

static void draw_figures(struct app *a, struct box b)
{
	struct headlines x = headlines_now(a->t), y = headlines_now(a->other);
	int at = b.w >= 100 ? 30 : 18, w = NAME_COLS + 1;
	char name[NAME_COLS + 1];

	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put_right(b, 0, at + w, STYLE_HEAD, short_name(a->name, name));
	put_right(b, 0, at + 2 * w, STYLE_HEAD, short_name(a->other_name, name));
	put_right(b, 0, at + 2 * w + 14, STYLE_HEAD, "difference");
	for (unsigned i = 0; i < NR_HEADLINES && (int)i + 1 < b.h; i++) {
		enum style s = x.v[i] == y.v[i] ? STYLE_PLAIN : STYLE_WARN;
		char n[LONG_COUNT], d[LONG_COUNT + 2];

		put_text(b, 1 + (int)i, 0, STYLE_PLAIN, headline[i].label);
		put_right(b, 1 + (int)i, at + w, s, long_count(x.v[i], n));
		put_right(b, 1 + (int)i, at + 2 * w, s, long_count(y.v[i], n));
		d[0] = y.v[i] >= x.v[i] ? '+' : '-';
		long_count(y.v[i] >= x.v[i] ? y.v[i] - x.v[i] : x.v[i] - y.v[i], d + 1);
		put_right(b, 1 + (int)i, at + 2 * w + 14, s, x.v[i] == y.v[i] ? "" : d);
	}
}

/* ---- the arenas, cell by cell ---- */

/* What fills each cell of a heap's arena most. */
struct strip {
	const struct system *sys;
	enum state *cell;
};

static void note_cell(void *ctx, unsigned i, const struct cell_word *w, unsigned nr)
{
	const struct strip *s = ctx;
	uint64_t sum[NR_STATES] = {0};
	enum state best = STATE_UNMANAGED;

	for (unsigned k = 0; k < nr; k++)
		sum[word_state(s->sys, w[k].what, w[k].class, w[k].alloc)] += w[k].bytes;
	for (unsigned st = 0; st < NR_STATES; st++)
		if (sum[st] > sum[best])
			best = (enum state)st;
	s->cell[i] = best;
}

static uint64_t arena_bytes(const struct timeline *t)
{
	const struct sys_alloc *h = moment_system(t)->group[GROUP_HEAP];

	return h != NULL ? h->arena.bytes : 0;
}

static void read_strip(struct timeline *t, unsigned n, enum state *cell)
{
	const struct system *s = moment_system(t);
	struct strip x = {s, cell};

	moment_cells(t, (unsigned)(s->group[GROUP_HEAP] - s->allocs), n, note_cell, &x);
}

static void draw_strips(struct app *a, struct box b)
{
	unsigned w = b.w > 2 ? (unsigned)b.w : 2, rows = b.h > 2 ? (unsigned)(b.h - 1) / 2 : 0, n;
	uint64_t x_bytes = arena_bytes(a->t), y_bytes = arena_bytes(a->other);
	enum state *cell;

	if (rows == 0 || x_bytes == 0 || y_bytes == 0)
		return;
	n = w * rows;
	n = n < x_bytes ? n : (unsigned)x_bytes;
	n = n < y_bytes ? n : (unsigned)y_bytes;
	cell = malloc(2 * n * sizeof *cell);
	if (cell == NULL)
		return;
	read_strip(a->t, n, cell);
	read_strip(a->other, n, cell + n);
	put(b, 0, 0, STYLE_DIM, "the arenas: %s above, %s below; where they differ is lit", a->name,
	    a->other_name);
	for (unsigned i = 0; i < n; i++) {
		const struct state_info *p = &states[cell[i]], *q = &states[cell[n + i]];
		int row = 1 + (int)(i / w), col = (int)(i % w);

		put_char(b, row, col, p->style, (uint32_t)(unsigned char)p->letter);
		put_char(b, row + (int)rows, col, p->letter != q->letter ? STYLE_LIT : q->style,
			 (uint32_t)(unsigned char)q->letter);
	}
	free(cell);
}

static void draw_nothing(struct box b)
{
	put_text(b, 1, 0, STYLE_PLAIN,
		 "Two heaps, or two machines, on the same trace in lockstep.");
	put_text(b, 3, 0, STYLE_PLAIN, "Name the other one:");
	put_text(b, 4, 2, STYLE_BOLD, ":compare first_fit");
	put_text(b, 4, 44, STYLE_DIM, "another heap kind on this machine");
	put_text(b, 5, 2, STYLE_BOLD, ":compare x86_32");
	put_text(b, 5, 44, STYLE_DIM, "another machine, with :VARIANT if wanted");
	put_text(b, 6, 2, STYLE_BOLD, ":compare allocators.heap.bytes=128K");
	put_text(b, 6, 44, STYLE_DIM, "this machine with another setting");
	put_text(b, 8, 0, STYLE_DIM,
		 "Tab after ':compare ' completes; --compare does it from the start.");
}

static void compare_draw(struct app *a, void *state, struct box b)
{
	(void)state;
	if (a->other == NULL) {
		draw_nothing(b);
		return;
	}
	if (!follow_other(a))
		put(b, 0, 0, STYLE_WARN, "%s is at event %llu", a->other_name,
		    (unsigned long long)timeline_now(a->other));
	/* The strips first: their walk counts the free space as well. */
	draw_strips(a, box_rows(b, (int)NR_HEADLINES + 2, -1));
	draw_figures(a, b);
}

/* ---- the first divergence ---- */

/*
 * The series have a hash over the outcomes of each span's events, and one over the
 * places of their blocks; so only the spans in which these differ are stepped through.
 */

enum parting { PARTED, ALIKE, STOPPED };

static struct decision decision_now(const struct timeline *t)
{
	uint64_t first = timeline_series(t)->first;

	return decision_of(timeline_past(t, 0), &first);
}

/* Both went one event on: do they differ? By outcome, and if `places` by where. */
static bool differs(const struct app *a, bool places)
{
	struct decision x, y;

	if (timeline_past(a->t, 0) == NULL || timeline_past(a->other, 0) == NULL)
		return false;
	x = decision_now(a->t);
	y = decision_now(a->other);
	return x.outcome != y.outcome || (places && places_differ(x, y));
}

static void say_parted(struct app *a)
{
	struct decision x = decision_now(a->t), y = decision_now(a->other);
	unsigned long long event = timeline_now(a->t);

	if (x.outcome != y.outcome)
		say(a, STYLE_WARN, "event %llu: here they part: %s %s, %s %s", event, a->name,
		    outcome_text((enum outcome)x.outcome), a->other_name,
		    outcome_text((enum outcome)y.outcome));
	else
		say(a, STYLE_WARN,
		    "event %llu: here they part: %+lld bytes from the first block, and %+lld",
		    event, (long long)x.place, (long long)y.place);
}

/* Both one event on; false: one of them cannot. */
static bool step_both(struct app *a, uint64_t next)
{
	struct diag d = {0};

	return timeline_seek(a->t, next, &d) == TIMELINE_THERE &&
	       timeline_seek(a->other, next, &d) == TIMELINE_THERE && timeline_now(a->t) == next &&
	       timeline_now(a->other) == next &&
	       (next % 256 != 0 || !poll_keys(a, "comparing", next, timeline_total(a->t)));
}

static enum parting step_to_divergence(struct app *a, uint64_t from, uint64_t to, bool places)
{
	go_to(a, from);
	if (!follow_other(a))
		return STOPPED;
	while (timeline_now(a->t) < to) {
		uint64_t next = timeline_now(a->t) + 1;

		if (!step_both(a, next)) {
			say(a, STYLE_WARN, "stopped at event %llu", (unsigned long long)next);
			return STOPPED;
		}
		if (differs(a, places)) {
			say_parted(a);
			return PARTED;
		}
	}
	return ALIKE;
}

static void first_divergence(struct app *a, bool places)
{
	const struct series *x = timeline_series(a->t), *y = timeline_series(a->other);
	uint64_t home = timeline_now(a->t), total;
	struct diag d = {0};

	if (timeline_finish(a->t, &d) != TIMELINE_THERE ||
	    timeline_finish(a->other, &d) != TIMELINE_THERE) {
		say(a, STYLE_WARN, "stopped");
		return;
	}
	total = timeline_total(a->t);
	for (unsigned i = 0; i < x->nr && i < y->nr; i++) {
		uint64_t to = (i + 1) * x->width;

		if (x->v[i].outcomes == y->v[i].outcomes &&
		    (!places || x->v[i].places == y->v[i].places))
			continue;
		if (step_to_divergence(a, i * x->width, to < total ? to : total, places) != ALIKE)
			return;
	}
	go_to(a, home);
	say(a, STYLE_PLAIN,
	    places ? "they never place a block differently"
		   : "every request has the same outcome in both");
}

static bool compare_key(struct app *a, void *state, enum action act, struct input in)
{
	(void)state;
	(void)act;
	if (in.key == INPUT_MOUSE)
		return in.y >= 0 && in.y < a->body.h;
	if (a->other == NULL || (in.key != 'd' && in.key != 'D'))
		return false;
	first_divergence(a, in.key == 'D');
	return true;
}

static const char *const help[] = {
	":compare X\treplay the trace beside this: X a heap kind, a machine, PATH=VALUE, or "
	"several",
	"d\tto the first event that one of them serves and the other does not",
	"D\tto the first event at which they place a block differently, counted from the first",
	"\tstep, run and jump move both",
	NULL,
};

const struct view_ops view_compare = {
	.name = "compare",
	.title = "Compare",
	.summary = "two heaps or two machines on one trace, in lockstep",
	.help = help,
	.private_size = sizeof(struct compare),
	.draw = compare_draw,
	.key = compare_key,
};
