/*
 * Keys and what they do.  Keys are named as in vi (<C-u>, <Tab>, <Left>); what they do
 * is an action, and which key does which is the user's to choose.
 */
#ifndef UI_TUI_KEYS_H
#define UI_TUI_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/diag.h"

/* Characters are themselves; the rest are beyond Unicode. */
enum {
	INPUT_NONE = 0x200000,
	INPUT_UP,
	INPUT_DOWN,
	INPUT_LEFT,
	INPUT_RIGHT,
	INPUT_PGUP,
	INPUT_PGDN,
	INPUT_HOME,
	INPUT_END,
	INPUT_BACKTAB,
	INPUT_BACKSPACE,
	INPUT_DELETE,
	INPUT_F1,
	INPUT_F12 = INPUT_F1 + 11,
	INPUT_MOUSE,
	INPUT_RESIZE,
	INPUT_HANGUP
};

enum { MOUSE_CLICK, MOUSE_DOUBLE, MOUSE_WHEEL_UP, MOUSE_WHEEL_DOWN };

struct input {
	uint32_t key;
	int y, x; /* INPUT_MOUSE: where on the screen */
	int mouse; /* MOUSE_ */
};

/* X(NAME, "word", "default keys, separated by blanks", "what it does") */
#define ACTIONS(X)                                                                                 \
	X(UP, "up", "<Up> k", "up")                                                                \
	X(DOWN, "down", "<Down> j", "down")                                                        \
	X(LEFT, "left", "<Left> h", "left")                                                        \
	X(RIGHT, "right", "<Right> l", "right")                                                    \
	X(PAGE_UP, "page-up", "<PgUp> <C-b>", "a page up")                                         \
	X(PAGE_DOWN, "page-down", "<PgDn> <C-f>", "a page down")                                   \
	X(HALF_UP, "half-up", "<C-u>", "half a page up")                                           \
	X(HALF_DOWN, "half-down", "<C-d>", "half a page down")                                     \
	X(TOP, "top", "g", "to the top")                                                           \
	X(BOTTOM, "bottom", "G", "to the bottom")                                                  \
	X(ENTER, "enter", "<Enter>", "go into what is under the cursor")                           \
	X(BACK, "back", "<BS>", "back out")                                                        \
	X(STEP, "step", ". <F8>", "one event on")                                                  \
	X(STEP_BACK, "step-back", ", <F7>", "one event back")                                      \
	X(SKIP, "skip", ">", "1 % of the trace on")                                                \
	X(SKIP_BACK, "skip-back", "<lt>", "1 % back")                                              \
	X(START, "start", "<Home>", "to the booted machine (event 0)")                             \
	X(FINISH, "end", "<End>", "to the last event")                                             \
	X(RUN, "run", "<Space>", "run, pause")                                                     \
	X(FASTER, "faster", "+ =", "run faster")                                                   \
	X(SLOWER, "slower", "-", "run slower")                                                     \
	X(TOUCH_NEXT, "touch-next", "]", "next event that touched what is selected")               \
	X(TOUCH_PREV, "touch-prev", "[", "previous event that touched it")                         \
	X(FAIL_NEXT, "fail-next", "f", "next failed request")                                      \
	X(FAIL_PREV, "fail-prev", "F", "previous failed request")                                  \
	X(MARKER_NEXT, "marker-next", "}", "next phase or note of the trace")                      \
	X(MARKER_PREV, "marker-prev", "{", "previous phase or note")                               \
	X(AGAIN, "again", "n", "search on, or run on to the condition")                            \
	X(AGAIN_BACK, "again-back", "N", "the same backward")                                      \
	X(MARK, "mark", "m", "set a mark: m and a letter")                                         \
	X(GO_MARK, "go-mark", "'", "go to a mark: ' and its letter; '' back to before the jump")   \
	X(SEARCH, "search", "/", "search: #id, 0xaddress, size, call site")                        \
	X(COMMAND, "command", ":", "a command; Tab completes")                                     \
	X(NEXT_VIEW, "next-view", "<Tab>", "next view")                                            \
	X(PREV_VIEW, "prev-view", "<S-Tab>", "previous view")                                      \
	X(HELP, "help", "? <F1>", "help for this view")                                            \
	X(REDRAW, "redraw", "<C-l>", "draw the screen anew")                                       \
	X(SUSPEND, "suspend", "<C-z>", "back to the shell; fg comes back")                         \
	X(CANCEL, "cancel", "<Esc> <C-c>", "stop what takes long; close help")                     \
	X(QUIT, "quit", "q <F10>", "quit")

enum action {
	ACTION_NONE,
#define X(NAME, word, keys, help) ACTION_##NAME,
	ACTIONS(X)
#undef X
	NR_ACTIONS
};

struct action_info {
	const char *word, *keys, *help;
};

extern const struct action_info actions[NR_ACTIONS];

#define MAX_BINDINGS 160u

struct keymap {
	struct binding {
		uint32_t key;
		enum action action; /* ACTION_NONE: nothing, for views alone */
	} v[MAX_BINDINGS];
	unsigned nr;
};

void keymap_default(struct keymap *m);
enum action keymap_action(const struct keymap *m, uint32_t key);
/* A key that does it, for help texts; "" none. */
const char *keymap_key(const struct keymap *m, enum action a, char buf[16]);

/*
 * A file of lines `bind KEY ACTION`, `unbind KEY` and comments (#).  0, also when
 * there is none; -1 with *d.
 */
int keymap_read(struct keymap *m, const char *path, struct diag *d);

/* Where that file is: $XDG_CONFIG_HOME/memscape/keys, or ~/.config/memscape/keys. */
bool keymap_path(char *buf, size_t bytes);

/* The key that a text begins with: <Name> or a character; *text moves on. 0: none. */
uint32_t key_parse(const char **text);

#endif
