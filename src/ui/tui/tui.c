/*
 * The main loop, and a screen's frame: title, views, body, message, keys.
 *
 * While nothing is typed the index goes on in slices, so the first screen is there at
 * once and no key waits longer than a slice.
 */
#include "ui/tui/tui.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/contender.h"
#include "ui/tui/names.h"
#include "ui/tui/script.h"
#include "ui/tui/views.h"

const struct view_ops *const views[] = {
#define X(name) &view_##name,
	VIEWS(X)
#undef X
};

const unsigned nr_views = sizeof views / sizeof views[0];

#define SLICE_EVENTS 8192u /* of indexing between looks at the keyboard: a few milliseconds */
#define FRAME_MS     40 /* between screens while running */

void say(struct app *a, enum style s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->message, sizeof a->message, fmt, ap);
	va_end(ap);
	a->message_style = s;
}

const char *heap_name(const struct timeline *t)
{
	return system_heap_kind(moment_system(t));
}

/* ---- the frame ---- */

static void draw_title(struct app *a, struct box row)
{
	const struct seen *seen = timeline_seen(a->t);
	uint64_t now = timeline_now(a->t), total = timeline_total(a->t);
	char n[LONG_COUNT], of[LONG_COUNT], right[96] = "";
	int x;

	put_fill(row, 0, 0, row.w, STYLE_TITLE, ' ');
	x = put(row, 0, 1, STYLE_TITLE, "%s %s  event %s of %s", a->machine->name, heap_name(a->t),
		long_count(now, n), long_count(total, of));
	x = put(row, 0, x, STYLE_TITLE, " (%.1f%%)",
		total ? (double)now * 100 / (double)total : 100.0);
	if (seen->marker != 0)
		x = put(row, 0, x, STYLE_TITLE, "  phase: %s",
			timeline_string(a->t, seen->marker_text));
	if (seen->nr_failed != 0)
		put(row, 0, x, STYLE_TITLE, "  failed: %s", long_count(seen->nr_failed, n));
	if (!timeline_complete(a->t))
		snprintf(right, sizeof right, "indexing %.0f%% ",
			 total ? (double)timeline_indexed(a->t) * 100 / (double)total : 0.0);
	else if (a->running)
		snprintf(right, sizeof right, "%s ", a->backward ? "running back" : "running");
	if (right[0] != '\0')
		put_right(row, 0, row.w, STYLE_TITLE, right);
}

static void draw_tabs(struct app *a, struct box row)
{
	int x = 0;

	put_fill(row, 0, 0, row.w, STYLE_TAB, ' ');
	for (unsigned i = 0; i < nr_views; i++) {
		enum style s = i == a->view ? STYLE_TAB_ON : STYLE_TAB;

		/* In a narrow terminal every name keeps its number. */
		if (row.w < 88 && i != a->view)
			x = put(row, 0, x, s, " %u%.5s", (i + 1) % 10, views[i]->title);
		else
			x = put(row, 0, x, s, " %u %s ", (i + 1) % 10, views[i]->title);
	}
}

/* What the bar at the bottom offers. */
static const struct {
	enum action action;
	const char *label;
} bar[] = {
	{ACTION_HELP, "Help"},        {ACTION_STEP_BACK, "Back"},  {ACTION_STEP, "Step"},
	{ACTION_RUN, "Run"},          {ACTION_TOUCH_PREV, "Who-"}, {ACTION_TOUCH_NEXT, "Who+"},
	{ACTION_FAIL_NEXT, "Failed"}, {ACTION_SEARCH, "Search"},   {ACTION_COMMAND, "Command"},
	{ACTION_NEXT_VIEW, "View"},   {ACTION_QUIT, "Quit"},
};

#define NR_BAR (sizeof bar / sizeof bar[0])

/* Draws the bar, or finds the action at column `at`. */
static enum action key_bar(struct app *a, struct box row, int at)
{
	char name[16];
	int x = 0;

	if (at < 0)
		put_fill(row, 0, 0, row.w, STYLE_LABEL, ' ');
	for (size_t i = 0; i < NR_BAR; i++) {
		int from = x;

		keymap_key(&a->keymap, bar[i].action, name);
		x += (int)(strlen(name) + strlen(bar[i].label)) + 1;
		if (at >= from && at < x)
			return bar[i].action;
		if (at < 0) {
			int k = put(row, 0, from, STYLE_KEY, "%s", name);

			put(row, 0, k, STYLE_LABEL, "%s ", bar[i].label);
		}
	}
	return ACTION_NONE;
}

static void draw_message(struct app *a, struct box row)
{
	put_fill(row, 0, 0, row.w, STYLE_PLAIN, ' ');
	if (a->prompt.on)
		prompt_draw(&a->prompt, row);
	else
		put_text(row, 0, 0, a->message_style, a->message);
}

void draw_screen(struct app *a)
{
	struct box all = canvas_box(&a->canvas);

	canvas_clear(&a->canvas);
	a->body = box_rows(all, 2, all.h - 4);
	a->rows_in = a->body.h;
	if (a->body.h > 0) {
		if (a->help)
			draw_help(a, a->body);
		else
			views[a->view]->draw(a, a->state[a->view], a->body);
	}
	draw_title(a, box_rows(all, 0, 1));
	if (all.h > 1)
		draw_tabs(a, box_rows(all, 1, 1));
	if (all.h > 3)
		draw_message(a, box_rows(all, all.h - 2, 1));
	if (all.h > 2)
		key_bar(a, box_rows(all, all.h - 1, 1), -1);
}

/* ---- the mouse outside of a view ---- */

static unsigned tab_at(const struct app *a, int at)
{
	int x = 0;

	for (unsigned i = 0; i < nr_views; i++) {
		size_t n = strlen(views[i]->title);

		x += a->canvas.cols < 88 && i != a->view ? 2 + (int)(n < 5 ? n : 5) : 4 + (int)n;
		if (at < x)
			return i;
	}
	return UINT_MAX;
}

enum action frame_click(struct app *a, struct input in)
{
	unsigned tab;

	if (in.y == 1 && in.mouse == MOUSE_CLICK) {
		tab = tab_at(a, in.x);
		if (tab != UINT_MAX)
			show_view(a, tab);
		return ACTION_NONE;
	}
	if (in.y == a->canvas.rows - 1 && in.mouse == MOUSE_CLICK)
		return key_bar(a, canvas_box(&a->canvas), in.x);
	return ACTION_NONE;
}

/* ---- long work ---- */

/* Shows how far it is, and lets Escape or Ctrl-C stop it. */
bool poll_keys(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	static const uint64_t every_ns = 100000000;
	struct app *a = ctx;
	struct timespec t;
	struct input in;
	char count[LONG_COUNT];
	uint64_t now;

	if (!a->interruptible)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	if (now - a->polled < every_ns)
		return false;
	a->polled = now;
	if (total != 0)
		say(a, STYLE_PLAIN, "%s: %.0f%%  (Esc stops)", what,
		    (double)done * 100 / (double)total);
	else
		say(a, STYLE_PLAIN, "%s: %s events  (Esc stops)", what, long_count(done, count));
	if (a->canvas.rows > 3)
		draw_message(a, box_rows(canvas_box(&a->canvas), a->canvas.rows - 2, 1));
	term_show(&a->canvas);
	in = term_input(0);
	if (in.key == INPUT_HANGUP)
		a->quit = true;
	return a->quit || keymap_action(&a->keymap, in.key) == ACTION_CANCEL;
}

/* ---- the loop ---- */

static const double speeds[] = {1, 2, 5, 10, 25, 100, 1000, 10000, 100000, 1000000};

double run_speed(const struct app *a)
{
	return speeds[a->speed];
}

unsigned nr_speeds(void)
{
	return sizeof speeds / sizeof speeds[0];
}

static void run_on(struct app *a)
{
	uint64_t n;

	a->due += run_speed(a) * FRAME_MS / 1000;
	n = (uint64_t)a->due;
	a->due -= (double)n;
	if (n == 0)
		return;
	step_by(a, a->backward ? -(int64_t)n : (int64_t)n);
	if (timeline_now(a->t) == (a->backward ? 0 : timeline_total(a->t)))
		a->running = false;
}

static void fit_canvas(struct app *a)
{
	int rows, cols;

	term_size(&rows, &cols);
	canvas_resize(&a->canvas, rows, cols);
}

static void loop(struct app *a)
{
	bool dirty = true;

	a->interruptible = true;
	while (!a->quit) {
		bool busy = !timeline_complete(a->t);
		struct input in;

		if (dirty) {
			fit_canvas(a);
			draw_screen(a);
			term_show(&a->canvas);
		}
		in = term_input(a->running ? FRAME_MS : busy ? 0 : -1);
		dirty = in.key != INPUT_NONE;
		if (dirty)
			handle_input(a, in);
		if (a->running && in.key == INPUT_NONE) {
			run_on(a);
			dirty = true;
		}
		if (busy && in.key == INPUT_NONE) {
			timeline_work(a->t, SLICE_EVENTS);
			dirty |= timeline_complete(a->t) ||
				 timeline_indexed(a->t) / SLICE_EVENTS % 16 == 0;
		}
	}
}

/* ---- beginning and end ---- */

static int begin_keys(struct app *a, const struct tui_request *q, struct diag *d)
{
	char path[4096];

	keymap_default(&a->keymap);
	if (q->keys != NULL)
		return keymap_read(&a->keymap, q->keys, d);
	if (q->script == NULL && keymap_path(path, sizeof path))
		return keymap_read(&a->keymap, path, d);
	return 0;
}

static int begin_timeline(struct app *a, const struct tui_request *q, struct diag *d)
{
	struct timeline_request r = {.machine = q->machine,
				     .trace = q->trace,
				     .heap_kind = q->heap_kind,
				     .noise = q->noise,
				     .memory = q->memory,
				     .poll = poll_keys,
				     .poll_ctx = a};

	a->t = timeline_open(&r, d);
	term_catch();
	if (a->t == NULL)
		return -1;
	a->state = calloc(nr_views, sizeof *a->state);
	for (unsigned i = 0; a->state != NULL && i < nr_views; i++) {
		a->state[i] = calloc(1, views[i]->private_size + 1);
		if (a->state[i] == NULL)
			return diag_set(d, "", 0, 0, "out of host memory");
	}
	return a->state == NULL ? diag_set(d, "", 0, 0, "out of host memory") : 0;
}

static void finish(struct app *a)
{
	for (unsigned i = 0; a->state != NULL && i < nr_views; i++)
		free(a->state[i]);
	free(a->state);
	timeline_close(a->t);
	close_other(a);
	canvas_finish(&a->canvas);
}

static bool is_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *v = getenv(names[i]);

		if (v != NULL && v[0] != '\0')
			return strstr(v, "UTF-8") != NULL || strstr(v, "utf8") != NULL ||
			       strstr(v, "UTF8") != NULL || strstr(v, "utf-8") != NULL;
	}
	return false;
}

static int play(struct app *a, const struct tui_request *q, struct diag *d)
{
	if (!canvas_resize(&a->canvas, q->rows, q->cols))
		return diag_set(d, "", 0, 0, "out of host memory");
	if (timeline_finish(a->t, d) == TIMELINE_ERROR)
		return -1;
	if (q->at != NULL)
		run_command(a, q->at);
	return script_play(a, q->script, d);
}

/* Before the trace is opened: one that must be rewritten first says how far that is. */
static int begin_terminal(struct app *a, const struct tui_request *q, struct diag *d)
{
	if (q->script != NULL)
		return 0;
	if (term_start(q->colors, d) != 0)
		return -1;
	fit_canvas(a);
	a->interruptible = true;
	return 0;
}

static void show(struct app *a, const struct tui_request *q)
{
	if (a->message_style == STYLE_PLAIN)
		say(a, STYLE_PLAIN,
		    "Space runs the trace, . is one event on, End its end; ? tells how to do what");
	if (q->at != NULL)
		run_command(a, q->at);
	loop(a);
}

int tui_run(const struct tui_request *q, int *signal, struct diag *d)
{
	struct app a = {.machine = q->machine, .q = q, .speed = 3, .prompt = {.back = -1}};
	int err = begin_keys(&a, q, d);

	a.prompt.complete = complete_command;
	a.prompt.ctx = &a;
	a.canvas.utf8 = !q->ascii && (q->script != NULL || is_utf8());
	a.view = a.last_view = 0;
	if (err == 0)
		err = begin_terminal(&a, q, d);
	if (err == 0)
		err = begin_timeline(&a, q, d);
	if (err == 0 && q->compare != NULL)
		open_other(&a, q->compare);
	if (err == 0 && q->script != NULL)
		err = play(&a, q, d);
	else if (err == 0)
		show(&a, q);
	term_stop();
	*signal = a.signal != 0 ? a.signal : term_signal();
	finish(&a);
	return err;
}
