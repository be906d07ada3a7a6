/* The only way to ncurses: wide characters, and none of its names anywhere else. */
#ifndef UI_TUI_CURSES_H
#define UI_TUI_CURSES_H

#ifndef _XOPEN_SOURCE_EXTENDED
#define _XOPEN_SOURCE_EXTENDED 1
#endif
#ifndef NCURSES_NOMACROS
#define NCURSES_NOMACROS 1
#endif
#include <curses.h>
#include <term.h>

#endif
