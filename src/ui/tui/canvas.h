/*
 * A screen as cells, drawn by views and shown by a terminal, or saved as text by a
 * test.  Whatever lies outside is not drawn: no size makes a view fail.
 */
#ifndef UI_TUI_CANVAS_H
#define UI_TUI_CANVAS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ui/tui/style.h"

struct cell {
	uint32_t ch; /* a character one column wide */
	uint32_t style;
};

struct canvas {
	int rows, cols;
	bool utf8; /* else ASCII only */
	struct cell *cell; /* owned; row by row */
};

/* A part of the canvas. */
struct box {
	struct canvas *c;
	int y, x, h, w;
};

/* Symbols, each in UTF-8 and ASCII. */
enum glyph {
	GLYPH_FULL, /* a bar's filled cell */
	GLYPH_EMPTY,
	GLYPH_UP,
	GLYPH_DOWN,
	GLYPH_RIGHT, /* points at where one is */
	GLYPH_VERTICAL,
	GLYPH_HORIZONTAL,
	GLYPH_DOT,
	GLYPH_ELLIPSIS,
	NR_GLYPHS
};

bool canvas_resize(struct canvas *c, int rows, int cols); /* false: out of memory, unchanged */
void canvas_finish(struct canvas *c);
void canvas_clear(struct canvas *c);

struct box canvas_box(struct canvas *c); /* all of it */
/* Rows y ... y + h of a box; h < 0: to its end. */
struct box box_rows(struct box b, int y, int h);
struct box box_cols(struct box b, int x, int w);

/* A symbol as the canvas can show it. */
uint32_t glyph(const struct canvas *c, enum glyph g);

/* All that draw clip at the box; y and x count from its corner. */
void put_char(struct box b, int y, int x, enum style s, uint32_t ch);
/* UTF-8 text, cut at the box's end; the column behind it. */
int put_text(struct box b, int y, int x, enum style s, const char *text);
int put(struct box b, int y, int x, enum style s, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* Right-aligned, to end before column x. */
void put_right(struct box b, int y, int x, enum style s, const char *text);
void put_fill(struct box b, int y, int x, int w, enum style s, uint32_t ch);
/* Restyles w cells. */
void put_style(struct box b, int y, int x, int w, enum style s);
/* A bar of w cells, part of whole filled. */
void put_bar(struct box b, int y, int x, int w, uint64_t part, uint64_t whole, enum style s);

/* Text without trailing blanks; with `styles` the style letters instead. */
void canvas_save(const struct canvas *c, FILE *out, bool styles);

#endif
