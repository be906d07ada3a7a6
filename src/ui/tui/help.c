/* The help that lies over a view: its keys, what people come with, all keys, the commands. */
#include <string.h>

#include "ui/tui/views.h"

#define HELP_COL 14

size_t fit_words(const char *text, size_t w)
{
	size_t n = strlen(text), at = w;

	if (n <= w)
		return n;
	while (at > 0 && text[at] != ' ')
		at--;
	return at > 0 ? at : w;
}

/* A key and what it does, in as many rows as that takes; the row behind. */
static int help_line(struct box b, int y, const char *key, const char *what)
{
	size_t w = b.w > HELP_COL + 8 ? (size_t)(b.w - HELP_COL) : 8;

	put_text(b, y, 1, STYLE_BOLD, key);
	if (strlen(key) > HELP_COL - 2 && what[0] != '\0')
		y++;
	do {
		size_t n = fit_words(what, w);

		put(b, y++, HELP_COL, STYLE_PLAIN, "%.*s", (int)n, what);
		what += n;
		while (*what == ' ')
			what++;
	} while (*what != '\0');
	return y;
}

/* What people come with. */
static int help_questions(struct app *a, struct box b, int y)
{
	const struct sys_alloc *h = moment_system(a->t)->group[GROUP_HEAP];
	char text[160], key[16];

	put(b, y++, 1, STYLE_HEAD, "How to ...");
	y = help_line(b, y, "see it run",
		      "Space runs and pauses, + faster; . and , are one event on and back; "
		      ":50% goes to the middle, End to the end");
	snprintf(text, sizeof text,
		 "%s goes to the next failed request; then 9 (Why) says why, and "
		 "what lay in the way",
		 keymap_key(&a->keymap, ACTION_FAIL_NEXT, key));
	y = help_line(b, y, "why failed", text);
	y = help_line(b, y, "who owns",
		      "1 (Atlas): the line below the map tells who owns what is under the cursor; "
		      ":goto 0x24010000 goes to an address, [ to the event that last touched it");
	snprintf(text, sizeof text,
		 "End, then :back largest(%s) < 8K, goes to where the largest free block last fell "
		 "below 8 KiB; "
		 "n and N go on from there",
		 h != NULL ? h->name : "");
	y = help_line(b, y, "since when", text);
	return help_line(b, y, "what differs",
			 ":compare best_fit replays another heap beside this one; d goes to the "
			 "first request that only one of them serves");
}

static int help_commands(struct box b, int y)
{
	static const char *const lines[][2] = {
		{":1234  :50%", "go to an event, or so far into the trace; :start :end"},
		{":run COND", "run on until it comes true; :back COND backward"},
		{"", "  largest(d1_axi) < 8K   event.failed   event.size > 4K"},
		{"", "  zones.normal.free_pages < zones.normal.low   event.fallback"},
		{"", "  unusable(normal, 3) > 0.5   event.site == \"main+0x1c\""},
		{":goto ADDR", "show an address in the atlas"},
		{":walk ADDR", "a virtual address's way through the page tables"},
		{":compare X", "replay with another heap, machine or setting beside this"},
		{":report FILE", "write the JSON report of this moment"},
		{":save-display FILE", "     write the screen as text"},
		{":keys", "actions and their keys; they are set in ~/.config/memscape/keys"},
		{":memory", "what checkpoints and index take (--memory is the limit)"},
	};

	put(b, y++, 1, STYLE_HEAD, "Commands");
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		y = help_line(b, y, lines[i][0], lines[i][1]);
	return y;
}

void draw_help(struct app *a, struct box all)
{
	const struct view_ops *v = views[a->view];
	struct box b = box_rows(all, 0, all.h - 1);
	char name[16], key[40];
	int y = -a->help_top;

	put(b, y++, 1, STYLE_HEAD, "%s: %s", v->title, v->summary);
	for (const char *const *l = v->help; *l != NULL; l++) {
		const char *tab = strchr(*l, '\t');

		snprintf(key, sizeof key, "%.*s", tab ? (int)(tab - *l) : 0, *l);
		y = help_line(b, y, key, tab ? tab + 1 : *l);
	}
	y = help_questions(a, b, y + 1) + 1;
	put(b, y++, 1, STYLE_HEAD, "Everywhere");
	y = help_line(b, y, "1 ... 9, 0", "the views in their order; a click on their names");
	for (unsigned i = ACTION_UP; i < NR_ACTIONS; i++)
		y = help_line(b, y, keymap_key(&a->keymap, (enum action)i, name), actions[i].help);
	y = help_commands(b, y + 1);
	a->help_rows = y + a->help_top;
	put_right(all, all.h - 1, all.w, STYLE_HEAD,
		  y > b.h ? " more: Space, j   Esc: close " : " k, PgUp   Esc: close ");
}

/* Scrolls by so many rows, as far as there is help. */
static void scroll_help(struct app *a, int by)
{
	int last = a->help_rows - a->body.h + 2, top = a->help_top + by;

	if (top > last)
		top = last;
	a->help_top = top > 0 ? top : 0;
}

bool help_key(struct app *a, enum action act)
{
	int page = a->body.h > 3 ? a->body.h - 2 : 1;

	switch (act) {
	case ACTION_UP:
	case ACTION_DOWN:
		scroll_help(a, act == ACTION_DOWN ? 1 : -1);
		return true;
	case ACTION_HALF_UP:
	case ACTION_HALF_DOWN:
		scroll_help(a, act == ACTION_HALF_DOWN ? a->body.h / 2 : -(a->body.h / 2));
		return true;
	case ACTION_PAGE_DOWN:
	case ACTION_RUN: /* Space, as in any pager */
		scroll_help(a, page);
		return true;
	case ACTION_PAGE_UP:
		scroll_help(a, -page);
		return true;
	case ACTION_TOP:
		a->help_top = 0;
		return true;
	case ACTION_BOTTOM:
		scroll_help(a, a->help_rows);
		return true;
	case ACTION_HELP:
	case ACTION_CANCEL:
	case ACTION_BACK:
	case ACTION_ENTER:
	case ACTION_QUIT:
		a->help = false;
		return true;
	default:
		return false;
	}
}
