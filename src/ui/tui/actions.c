/* What keys do wherever one is; what they do not know goes to the view. */
#include <limits.h>
#include <string.h>

#include "ui/tui/names.h"
#include "ui/tui/views.h"

#define JUMP_MARK (NR_MARKS - 1)

/* ---- moving in time ---- */

static void report(struct app *a, int how, const struct diag *d, const char *none)
{
	if (how == TIMELINE_ERROR)
		say(a, STYLE_BAD, "%s", d->msg);
	else if (how == TIMELINE_STOPPED)
		say(a, STYLE_WARN, "stopped");
	else if (how == TIMELINE_NONE)
		say(a, STYLE_WARN, "%s", none);
}

/* Says what the last event did, unless something else was said. */
static void say_event(struct app *a)
{
	static const char *const how[] = {"", " FAILED (9 tells why)", " skipped", " FINDING"};
	const struct happening *h = timeline_past(a->t, 0);
	char text[300];

	if (timeline_now(a->t) == timeline_total(a->t) && timeline_end_text(a->t)[0] != '\0') {
		say(a, STYLE_BAD, "%s", timeline_end_text(a->t));
		return;
	}
	if (h == NULL) {
		say(a, STYLE_DIM, "booted, before the first event");
		return;
	}
	event_text(a->t, &h->ev, text, sizeof text);
	if (h->outcome == OUTCOME_DONE && h->bytes != 0)
		say(a, STYLE_PLAIN, "event %llu at 0x%llx: %s", (unsigned long long)h->number,
		    (unsigned long long)h->pa, text);
	else
		say(a, h->outcome == OUTCOME_DONE ? STYLE_PLAIN : STYLE_BAD, "event %llu%s: %s",
		    (unsigned long long)h->number, how[h->outcome], text);
}

static void seek(struct app *a, uint64_t event)
{
	struct diag d = {0};
	int how = timeline_seek(a->t, event, &d);

	if (how == TIMELINE_THERE)
		say_event(a);
	else
		report(a, how, &d, "");
	if (a->other != NULL && a->view == view_index("compare"))
		follow_other(a);
}

static void remember(struct app *a)
{
	a->mark[JUMP_MARK] = timeline_now(a->t) + 1;
}

void go_to(struct app *a, uint64_t event)
{
	remember(a);
	seek(a, event);
}

void step_by(struct app *a, int64_t events)
{
	uint64_t now = timeline_now(a->t), back = (uint64_t)-events;

	if (events < 0)
		seek(a, back > now ? 0 : now - back);
	else
		seek(a, now + (uint64_t)events);
}

/* After a search from event `from` on: says where one is, or why it went nowhere. */
static void arrive(struct app *a, uint64_t from, int how, const struct diag *d, const char *none)
{
	if (how == TIMELINE_THERE) {
		a->mark[JUMP_MARK] = from + 1;
		say_event(a);
	} else {
		report(a, how, d, none);
	}
}

void find_touch(struct app *a, const struct touch *q, bool forward)
{
	uint64_t from = timeline_now(a->t);
	struct diag d = {0};
	int how = timeline_find(a->t, q, forward, &d);

	arrive(a, from, how, &d,
	       forward ? "no later event (N looks for an earlier one)"
		       : "no earlier event (n looks for a later one)");
}

void run_to(struct app *a, const char *condition, bool forward)
{
	uint64_t from = timeline_now(a->t);
	struct diag d = {0};
	int how = timeline_run_to(a->t, condition, forward, &d);

	if (condition != a->condition)
		snprintf(a->condition, sizeof a->condition, "%s", condition);
	a->last_was_condition = true;
	arrive(a, from, how, &d,
	       forward ? "it does not come true any more from here on"
		       : "it did not come true before this event");
}

/* ---- views ---- */

void show_view(struct app *a, unsigned view)
{
	if (view >= nr_views)
		return;
	if (view != a->view)
		a->last_view = a->view;
	a->view = view;
	a->help = false;
}

unsigned view_index(const char *name)
{
	for (unsigned i = 0; i < nr_views; i++)
		if (strcmp(views[i]->name, name) == 0)
			return i;
	return UINT_MAX;
}

void show_address(struct app *a, uint64_t pa)
{
	unsigned i = view_index("atlas");

	show_view(a, i);
	views[i]->go(a, a->state[i], pa);
}

bool move_cursor(enum action act, size_t *cursor, size_t nr, size_t page)
{
	size_t last = nr ? nr - 1 : 0, by = 0;

	page = page > 1 ? page - 1 : 1;
	switch (act) {
	case ACTION_UP:
	case ACTION_DOWN:
		by = 1;
		break;
	case ACTION_PAGE_UP:
	case ACTION_PAGE_DOWN:
		by = page;
		break;
	case ACTION_HALF_UP:
	case ACTION_HALF_DOWN:
		by = page / 2 + 1;
		break;
	case ACTION_TOP:
		*cursor = 0;
		return true;
	case ACTION_BOTTOM:
		*cursor = last;
		return true;
	default:
		return false;
	}
	if (act == ACTION_UP || act == ACTION_PAGE_UP || act == ACTION_HALF_UP)
		*cursor -= by < *cursor ? by : *cursor;
	else
		*cursor = *cursor + by < last ? *cursor + by : last;
	return true;
}

size_t scroll_to(size_t top, size_t cursor, size_t nr, int h)
{
	size_t rows = h > 0 ? (size_t)h : 1;

	if (cursor < top)
		top = cursor;
	if (cursor >= top + rows)
		top = cursor - rows + 1;
	if (top + rows > nr)
		top = nr > rows ? nr - rows : 0;
	return top;
}

/* ---- marks ---- */

static void take_mark(struct app *a, uint32_t key)
{
	int verb = a->wants_mark;
	uint64_t *mark;

	a->wants_mark = 0;
	if ((key < 'a' || key > 'z') && (key != '\'' || verb != '\'')) {
		say(a, STYLE_WARN, "marks are the letters a to z");
		return;
	}
	mark = &a->mark[key == '\'' ? JUMP_MARK : key - 'a'];
	if (verb == 'm') {
		*mark = timeline_now(a->t) + 1;
		say(a, STYLE_PLAIN, "mark %c: event %llu", (char)key,
		    (unsigned long long)timeline_now(a->t));
	} else if (*mark == 0) {
		say(a, STYLE_WARN, "mark %c is not set", (char)key);
	} else {
		go_to(a, *mark - 1);
	}
}

/* ---- all of it ---- */

static void touch_selected(struct app *a, bool forward)
{
	struct touch q;

	if (views[a->view]->selected == NULL || !views[a->view]->selected(a, a->state[a->view], &q))
		say(a, STYLE_WARN, "nothing is selected that an event could have touched");
	else
		find_touch(a, &q, forward);
}

static void touch_kind(struct app *a, enum touch_kind kind, bool forward)
{
	find_touch(a, &(struct touch){.kind = kind}, forward);
}

static void again(struct app *a, bool forward)
{
	if (a->last_was_condition && a->condition[0] != '\0')
		run_to(a, a->condition, forward);
	else if (a->search[0] != '\0')
		run_search(a, a->search, forward);
	else
		say(a, STYLE_WARN, "nothing has been searched for: / searches, :run runs");
}

static void set_speed(struct app *a, int by)
{
	int to = (int)a->speed + by;

	if (to >= 0 && to < (int)nr_speeds())
		a->speed = (unsigned)to;
	say(a, STYLE_PLAIN, "%.0f events a second", run_speed(a));
}

static void one_percent(struct app *a, int sign)
{
	uint64_t n = timeline_total(a->t) / 100;

	step_by(a, sign * (int64_t)(n ? n : 1));
}

static void toggle_running(struct app *a)
{
	a->running = !a->running;
	a->due = 0;
	if (a->running)
		say(a, STYLE_PLAIN, "running, %.0f events a second (+ and - change it)",
		    run_speed(a));
}

static bool time_action(struct app *a, enum action act)
{
	switch (act) {
	case ACTION_STEP:
		step_by(a, 1);
		return true;
	case ACTION_STEP_BACK:
		step_by(a, -1);
		return true;
	case ACTION_SKIP:
		one_percent(a, 1);
		return true;
	case ACTION_SKIP_BACK:
		one_percent(a, -1);
		return true;
	case ACTION_START:
		go_to(a, 0);
		return true;
	case ACTION_FINISH:
		go_to(a, UINT64_MAX);
		return true;
	case ACTION_RUN:
		toggle_running(a);
		return true;
	case ACTION_FASTER:
		set_speed(a, 1);
		return true;
	case ACTION_SLOWER:
		set_speed(a, -1);
		return true;
	default:
		return false;
	}
}

static bool find_action_key(struct app *a, enum action act)
{
	switch (act) {
	case ACTION_TOUCH_NEXT:
	case ACTION_TOUCH_PREV:
		touch_selected(a, act == ACTION_TOUCH_NEXT);
		return true;
	case ACTION_FAIL_NEXT:
	case ACTION_FAIL_PREV:
		touch_kind(a, TOUCH_FAILED, act == ACTION_FAIL_NEXT);
		return true;
	case ACTION_MARKER_NEXT:
	case ACTION_MARKER_PREV:
		touch_kind(a, TOUCH_MARKER, act == ACTION_MARKER_NEXT);
		return true;
	case ACTION_AGAIN:
	case ACTION_AGAIN_BACK:
		again(a, act == ACTION_AGAIN);
		return true;
	case ACTION_MARK:
	case ACTION_GO_MARK:
		a->wants_mark = act == ACTION_MARK ? 'm' : '\'';
		say(a, STYLE_PLAIN, act == ACTION_MARK ? "mark: a letter" : "go to mark: a letter");
		return true;
	default:
		return false;
	}
}

static bool frame_action(struct app *a, enum action act)
{
	switch (act) {
	case ACTION_SEARCH:
	case ACTION_COMMAND:
		prompt_open(&a->prompt, act == ACTION_SEARCH ? '/' : ':');
		return true;
	case ACTION_NEXT_VIEW:
		show_view(a, (a->view + 1) % nr_views);
		return true;
	case ACTION_PREV_VIEW:
		show_view(a, (a->view + nr_views - 1) % nr_views);
		return true;
	case ACTION_HELP:
		a->help = true;
		a->help_top = 0;
		return true;
	case ACTION_REDRAW:
		term_redraw();
		return true;
	case ACTION_SUSPEND:
		term_suspend();
		return true;
	case ACTION_CANCEL:
		a->running = false;
		say(a, STYLE_PLAIN, "%s", "");
		return true;
	case ACTION_QUIT:
		a->quit = true;
		return true;
	default:
		return false;
	}
}

static void finish_prompt(struct app *a)
{
	char text[PROMPT_BYTES];

	memcpy(text, a->prompt.text, sizeof text);
	if (a->prompt.kind == ':') {
		run_command(a, text);
	} else if (text[0] != '\0') {
		memcpy(a->search, text, sizeof a->search);
		run_search(a, text, true);
	}
}

static void prompt_input(struct app *a, uint32_t key)
{
	say(a, STYLE_PLAIN, "%s", "");
	if (prompt_key(&a->prompt, key) == PROMPT_DONE)
		finish_prompt(a);
}

/* Keys for the views by number; unless the view takes digits for itself. */
static bool number_key(struct app *a, uint32_t key)
{
	unsigned i = key == '0' ? 9 : key - '1';

	if (key < '0' || key > '9' || i >= nr_views)
		return false;
	show_view(a, i);
	return true;
}

void handle_input(struct app *a, struct input in)
{
	enum action act = keymap_action(&a->keymap, in.key);

	if (in.key == INPUT_HANGUP)
		a->quit = true;
	if (in.key == INPUT_NONE || in.key == INPUT_HANGUP || in.key == INPUT_RESIZE)
		return;
	if (a->prompt.on && in.key != INPUT_MOUSE) {
		prompt_input(a, in.key);
		return;
	}
	if (a->wants_mark != 0 && in.key != INPUT_MOUSE) {
		take_mark(a, in.key);
		return;
	}
	if (in.key == INPUT_MOUSE) {
		act = frame_click(a, in);
		in.y -= a->body.y;
	}
	if (a->help && help_key(a, act))
		return;
	if (in.key != INPUT_MOUSE)
		say(a, STYLE_PLAIN, "%s", "");
	if (!a->help && views[a->view]->key(a, a->state[a->view], act, in))
		return;
	if (time_action(a, act) || find_action_key(a, act) || frame_action(a, act))
		return;
	if (in.key != INPUT_MOUSE)
		number_key(a, in.key);
}
