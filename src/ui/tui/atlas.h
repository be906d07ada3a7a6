/*
 * The atlas's inside: rows of cells over physical memory, and a dump of its bytes.
 */
#ifndef UI_TUI_ATLAS_H
#define UI_TUI_ATLAS_H

#include "ui/tui/names.h"

enum atlas_colors { BY_STATE, BY_OWNER, BY_AGE, BY_FILL, NR_ATLAS_COLORS };

#define ATLAS_ZOOM 16u /* a key's worth */

struct atlas {
	bool begun;
	bool to_scale; /* holes as large as they are; else only RAM */
	bool hex;
	bool center; /* the cursor's row, when next drawn */
	enum atlas_colors by;
	uint64_t cell; /* bytes a cell, a power of two; 0: as fits the screen */
	uint64_t at; /* address under the cursor */
	size_t top; /* first row shown */
	unsigned per_row; /* cells a row, a power of two */
};

/* A stretch of rows: a region, or in the scale the whole span. */
struct stretch {
	uint64_t base, bytes;
	int region; /* -1: everything */
	bool headed; /* has a line of its own above */
};

/*
 * Rows count from 0, those outside of the screen too.  A stretch begins with its headline,
 * if it has one.  Each is O(regions), but atlas_fit_cells, which is that for each halving.
 */
uint64_t atlas_span_end(const struct machine *m); /* behind the last region */
uint64_t atlas_row_bytes(const struct atlas *s);
uint64_t atlas_first_row(const struct atlas *s, const struct stretch *v); /* its first address */
size_t atlas_all_rows(const struct app *a, const struct atlas *s);
/* The row that shows physical address `pa`: of its stretch, or of the next one. */
size_t atlas_row_of(const struct app *a, const struct atlas *s, uint64_t pa);
/* The stretch of a row, and which of its rows it is.  false: behind all. */
bool atlas_row_at(const struct app *a, const struct atlas *s, size_t row, struct stretch *out,
		  size_t *within);
/* The finest cells with which all of RAM is on a screen of so many rows. */
void atlas_fit_cells(const struct app *a, struct atlas *s, int rows);

/* What a cell shows. */
struct atlas_cell {
	uint64_t bytes[NR_STATES];
	uint64_t owner_bytes; /* of the owner who has most */
	uint64_t youngest; /* birth of its youngest live block; 0: none, or not asked for */
	uint8_t owner; /* index in the system; 0xff none */
	char letter; /* of what fills it most */
	bool lit; /* the last event touched it */
};

/* The n cells from base on, with their youngest blocks if `ages`. O(pieces in them). */
void atlas_cells(struct app *a, uint64_t base, uint64_t cell_bytes, unsigned n, bool ages,
		 struct atlas_cell *out);

/* The bytes around the cursor, with the fields of records named. */
void hexdump_draw(struct app *a, struct atlas *s, struct box b);
unsigned hexdump_width(int cols); /* bytes a line */

/* Did the last event touch [base, base + bytes)? */
bool is_lit(struct app *a, uint64_t base, uint64_t bytes);

#endif
