/*
 * Scripts: keys and commands from a file instead of a keyboard, on a screen in memory.
 *
 *   # a comment
 *   :command            as typed, with Enter
 *   keys TEXT           key by key; <Enter>, <C-u>, <Left> and so on
 *   click ROW COLUMN    the mouse; also wheel-up, wheel-down
 *   resize ROWS COLUMNS
 *   save FILE           the screen as text, message and all; save-styles FILE its styles
 *   random N SEED       N random keys (the monkey)
 *   bench N             CPU times of N screens of the view shown, each after a step and
 *                       each after a leap in time: to standard output
 */
#ifndef UI_TUI_SCRIPT_H
#define UI_TUI_SCRIPT_H

#include "ui/tui/app.h"

/* 0, or -1 with *d: a line that is no order. */
int script_play(struct app *a, const char *path, struct diag *d);

#endif
