/*
 * The visualizer's state, and what a view is.
 *
 * A view is one const struct view_ops in views.h's list; it gets its numbers, help and
 * keys from there.  Views read the timeline (sim/timeline.h, sim/moment.h) and draw;
 * nothing here can change a byte of the machine.
 */
#ifndef UI_TUI_APP_H
#define UI_TUI_APP_H

#include "sim/moment.h"
#include "ui/tui/canvas.h"
#include "ui/tui/keys.h"
#include "ui/tui/prompt.h"
#include "ui/tui/tui.h"

struct app;

struct view_ops {
	const char *name; /* for :view and tests, [a-z]+ */
	const char *title;
	const char *summary; /* one line of help */
	const char *const *help; /* the view's own keys: "x  what it does", NULL-terminated */
	size_t private_size; /* zeroed at the start */
	void (*draw)(struct app *a, void *state, struct box b);
	/* true: it was for this view.  `act` is ACTION_NONE for keys without an action. */
	bool (*key)(struct app *a, void *state, enum action act, struct input in);
	/* What is under the cursor, for "what touched this?"; false: nothing. NULL: never. */
	bool (*selected)(struct app *a, void *state, struct touch *q);
	/* Shows an address, if this view can. NULL: cannot. */
	void (*go)(struct app *a, void *state, uint64_t pa);
};

#define NR_MARKS 27u /* a ... z, and where one was before the last jump */

struct app {
	struct timeline *t;
	struct timeline *other; /* compared with; NULL: none yet */
	struct machine *other_machine; /* owned; NULL: the same as this one's */
	char name[64], other_name[64]; /* what tells the two apart */
	const struct machine *machine;
	const struct tui_request *q;
	struct canvas canvas;
	struct keymap keymap;
	struct prompt prompt;
	unsigned view, last_view; /* index in views */
	void **state; /* one a view; owned */
	struct box body; /* where the view was drawn last */
	bool help; /* shown over the view */
	int help_top, help_rows; /* first row shown; rows of all of it */
	bool running, backward;
	unsigned speed; /* index in the list of speeds */
	double due; /* events that running owes */
	uint64_t mark[NR_MARKS]; /* event + 1; 0: not set */
	int wants_mark; /* 'm' or '\'': the next key is its letter */
	char message[512];
	enum style message_style;
	char search[PROMPT_BYTES], condition[PROMPT_BYTES];
	bool last_was_condition;
	bool quit;
	int signal;
	int rows_in; /* how long a page is in the view's list */
	bool interruptible; /* long work asks the keyboard */
	uint64_t polled; /* when it did last, nanoseconds */
};

/* ---- for views ---- */

/* The message in the line above the bar, until the next key. */
void say(struct app *a, enum style s, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Goes to an event, remembering where one was. */
void go_to(struct app *a, uint64_t event);
void step_by(struct app *a, int64_t events); /* a small move: nothing is remembered */
void find_touch(struct app *a, const struct touch *q, bool forward);
void run_to(struct app *a, const char *condition, bool forward);

/* Shows a view by its index; beyond the last: nothing. */
void show_view(struct app *a, unsigned view);
unsigned view_index(const char *name); /* UINT_MAX: none */
void show_address(struct app *a, uint64_t pa); /* in the atlas */
void show_walk(struct app *a, uint64_t va); /* a virtual address's way through the page tables */

/* Moves a cursor of a list of nr rows by an action; true: it was one. */
bool move_cursor(enum action act, size_t *cursor, size_t nr, size_t page);
/* The first row to draw so that the cursor is among h rows. */
size_t scroll_to(size_t top, size_t cursor, size_t nr, int h);

/* A command as typed behind ':'. */
void run_command(struct app *a, const char *text);
void complete_command(void *ctx, const char *text, size_t *from,
		      void (*add)(void *to, const char *word), void *to);
void run_search(struct app *a, const char *text, bool forward);

/* Another timeline to compare with: see compare.c for how it is named. false: said why not. */
bool open_other(struct app *a, const char *what);
void close_other(struct app *a);
bool follow_other(struct app *a); /* to this one's event; false: it could not */

/* The bytes of text that fit into w columns, to the last blank among them. */
size_t fit_words(const char *text, size_t w);

/* The screen as it would be shown. */
void draw_screen(struct app *a);
void draw_help(struct app *a, struct box b);
bool help_key(struct app *a, enum action act); /* while help is shown; true: it was for it */
void handle_input(struct app *a, struct input in);
/* A click beside the view: shows another view, or is the action of the key bar. */
enum action frame_click(struct app *a, struct input in);
double run_speed(const struct app *a); /* events a second */
unsigned nr_speeds(void);
bool poll_keys(void *ctx, const char *what, uint64_t done, uint64_t total);

/* "stm32h7", "tlsf" ... */
const char *heap_name(const struct timeline *t);

#endif
