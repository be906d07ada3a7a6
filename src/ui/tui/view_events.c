/*
 * Events: the trace around now.  The cursor is time itself: up and down are steps.
 */
#include <string.h>

#include "ui/tui/names.h"
#include "ui/tui/views.h"

static enum style outcome_style(uint8_t outcome)
{
	static const enum style of[] = {STYLE_PLAIN, STYLE_BAD, STYLE_DIM, STYLE_BAD};

	return of[outcome & 3];
}

static void draw_past(struct app *a, struct box b, int y, const struct happening *h, bool now)
{
	static const char *const how[] = {"", " FAILED", " skipped", " FINDING"};
	char text[300];
	int x;

	event_text(a->t, &h->ev, text, sizeof text);
	if (now)
		put_fill(b, y, 0, b.w, STYLE_CURSOR, ' ');
	x = put(b, y, 0, now ? STYLE_CURSOR : STYLE_DIM, "%12llu ", (unsigned long long)h->number);
	x = put_text(b, y, x, now ? STYLE_CURSOR : outcome_style(h->outcome), text);
	if (h->outcome == OUTCOME_DONE && h->bytes != 0)
		put(b, y, x, now ? STYLE_CURSOR : STYLE_DIM, " -> 0x%llx",
		    (unsigned long long)h->pa);
	else
		put_text(b, y, x, now ? STYLE_CURSOR : outcome_style(h->outcome), how[h->outcome]);
}

static void draw_future(struct app *a, struct box b, int y, const struct trace_event *ev,
			uint64_t number)
{
	char text[300];
	int x = put(b, y, 0, STYLE_DIM, "%12llu ", (unsigned long long)number);

	event_text(a->t, ev, text, sizeof text);
	put_text(b, y, x, STYLE_DIM, text);
}

static void draw_list(struct app *a, struct box b)
{
	const struct trace_event *ev;
	unsigned nr = timeline_future(a->t, &ev);
	uint64_t now = timeline_now(a->t);
	int middle = b.h / 2;

	for (int y = 0; y <= middle; y++) {
		const struct happening *h = timeline_past(a->t, (unsigned)(middle - y));

		if (h != NULL)
			draw_past(a, b, y, h, y == middle);
	}
	if (now == 0) {
		put_fill(b, middle, 0, b.w, STYLE_CURSOR, ' ');
		put(b, middle, 0, STYLE_CURSOR, "%12s booted: no event has been done yet", "0");
	}
	for (int y = middle + 1; y < b.h && (unsigned)(y - middle - 1) < nr; y++)
		draw_future(a, b, y, &ev[y - middle - 1], now + (uint64_t)(y - middle));
}

/* The narration, line by line; long ones go on in the next row. */
static void draw_story(struct app *a, struct box b)
{
	const struct happening *h = timeline_past(a->t, 0);
	const char *p = h != NULL ? h->text : NULL;
	int y = 1;

	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put_text(b, 0, 1, STYLE_HEAD, "What this event did");
	while (p != NULL && *p != '\0' && y < b.h) {
		size_t n = strcspn(p, "\n"), room = b.w > 4 ? (size_t)b.w - 2 : 1;
		char line[512];

		n = n < room ? n : room;
		n = n < sizeof line ? n : sizeof line - 1;
		memcpy(line, p, n);
		line[n] = '\0';
		put_text(b, y++, 1, strstr(line, "FAILED") != NULL ? STYLE_BAD : STYLE_PLAIN, line);
		p += n;
		if (*p == '\n')
			p++;
	}
}

static void events_draw(struct app *a, void *state, struct box b)
{
	(void)state;
	if (b.w >= 130) {
		draw_list(a, box_cols(b, 0, b.w / 2 - 1));
		draw_story(a, box_cols(b, b.w / 2, -1));
	} else {
		int h = b.h * 3 / 5;

		draw_list(a, box_rows(b, 0, h));
		draw_story(a, box_rows(b, h, -1));
	}
}

static bool show_block(struct app *a)
{
	const struct happening *h = timeline_past(a->t, 0);

	if (h != NULL && h->bytes != 0)
		show_address(a, h->pa);
	else
		say(a, STYLE_WARN, "this event has no block");
	return true;
}

static bool events_key(struct app *a, void *state, enum action act, struct input in)
{
	int page = a->body.h > 4 ? a->body.h / 2 : 2;

	(void)state;
	if (in.key == INPUT_MOUSE) {
		if (in.mouse == MOUSE_WHEEL_UP || in.mouse == MOUSE_WHEEL_DOWN)
			step_by(a, in.mouse == MOUSE_WHEEL_UP ? -1 : 1);
		return in.y >= 0 && in.y < a->body.h;
	}
	switch (act) {
	case ACTION_UP:
	case ACTION_DOWN:
		step_by(a, act == ACTION_DOWN ? 1 : -1);
		return true;
	case ACTION_PAGE_UP:
	case ACTION_PAGE_DOWN:
		step_by(a, act == ACTION_PAGE_DOWN ? page : -page);
		return true;
	case ACTION_HALF_UP:
	case ACTION_HALF_DOWN:
		step_by(a, act == ACTION_HALF_DOWN ? page / 2 : -(page / 2));
		return true;
	case ACTION_TOP:
		go_to(a, 0);
		return true;
	case ACTION_BOTTOM:
		go_to(a, UINT64_MAX);
		return true;
	case ACTION_ENTER:
		return show_block(a);
	default:
		return false;
	}
}

static bool events_selected(struct app *a, void *state, struct touch *q)
{
	const struct happening *h = timeline_past(a->t, 0);

	(void)state;
	if (h == NULL || h->ev.slot == SLOT_NONE)
		return false;
	*q = (struct touch){.kind = TOUCH_ID, .value = h->ev.slot};
	return true;
}

static const char *const help[] = {
	"j k\tone event on or back; PgDn PgUp half a screen; g G the first and last event",
	"Enter\tshow the event's block in the atlas",
	"[ ]\tprevious and next event of the same object",
	NULL,
};

const struct view_ops view_events = {
	.name = "events",
	.title = "Events",
	.summary = "the trace around now, each event explained step by step",
	.help = help,
	.draw = events_draw,
	.key = events_key,
	.selected = events_selected,
};
