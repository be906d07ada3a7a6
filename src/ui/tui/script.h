/*
 * Scripts: keys and commands from a file instead of a keyboard, on a screen in memory.
 *
 *   # a comment
 *   :command            as typed, with Enter
 *   keys TEXT           key by key; <Enter>, <C-u>, <Left> and so on
 *   click ROW COLUMN    the mouse; also wheel-up, wheel-down
 *   resize ROWS COLUMNS
 *   random N SEED       N random keys (the monkey)
 *
 * `:save-display FILE` and `:save-styles FILE` write the screen.
 */
#ifndef UI_TUI_SCRIPT_H
#define UI_TUI_SCRIPT_H

#include "ui/tui/app.h"

/* 0, or -1 with *d: a line that is no order. */
int script_play(struct app *a, const char *path, struct diag *d);

#endif
