/*
 * The terminal: shows a canvas, and gives keys.  Two kinds: the real one through
 * ncurses, and one that exists only in memory, for scripts.
 *
 * Whatever ends the program, the terminal is as it was before.
 */
#ifndef UI_TUI_TERM_H
#define UI_TUI_TERM_H

#include "model/diag.h"
#include "ui/tui/canvas.h"
#include "ui/tui/keys.h"

enum term_colors { TERM_AUTO, TERM_MONO, TERM_8, TERM_16, TERM_256 };

/* Enters full-screen mode.  0, or -1 with *d: no terminal, or one of unknown type. */
int term_start(enum term_colors colors, struct diag *d);
void term_stop(void); /* any number of times */

/* A crash gives the terminal back from now on: after whatever may have caught signals itself. */
void term_catch(void);

void term_size(int *rows, int *cols); /* of the terminal now */
void term_show(const struct canvas *c); /* what has changed since the last one */
/* Everything anew: after a resize, or when something else wrote on the screen. */
void term_redraw(void);

/*
 * The next key, waiting at most `ms` milliseconds (-1: for ever).  INPUT_NONE: none
 * came; INPUT_RESIZE: another size; INPUT_HANGUP: the terminal is gone, or a signal
 * asked to end.
 */
struct input term_input(int ms);

/* Gives the terminal back and stops the program, until it is told to go on. */
void term_suspend(void);

/* The signal that asked to end; 0: none did. */
int term_signal(void);

#endif
