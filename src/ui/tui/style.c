/*
 * The palette is Okabe and Ito's ("Color Universal Design", 2008), which people with
 * any of the usual colour blindnesses tell apart, in the nearest of the terminal's
 * colours.
 */
#include "ui/tui/style.h"

#include <stddef.h>

struct entry {
	short fg256, bg256, fg8, bg8;
	unsigned color, mono; /* LOOK_ bits with and without colours */
};

#define OWN (-1)

static const struct entry palette[NR_STYLES] = {
	[STYLE_PLAIN] = {OWN, OWN, OWN, OWN, 0, 0},
	[STYLE_DIM] = {245, OWN, OWN, OWN, 0, LOOK_DIM},
	[STYLE_BOLD] = {OWN, OWN, OWN, OWN, LOOK_BOLD, LOOK_BOLD},
	[STYLE_TITLE] = {231, 24, 7, 4, LOOK_BOLD, LOOK_REVERSE},
	[STYLE_TAB] = {250, 236, 7, 0, 0, 0},
	[STYLE_TAB_ON] = {16, 222, 0, 3, 0, LOOK_REVERSE},
	[STYLE_KEY] = {OWN, OWN, OWN, OWN, LOOK_BOLD, LOOK_BOLD},
	[STYLE_LABEL] = {16, 73, 0, 6, 0, LOOK_REVERSE},
	[STYLE_HEAD] = {16, 109, 0, 6, 0, LOOK_UNDERLINE},
	[STYLE_CURSOR] = {16, 222, 0, 3, 0, LOOK_REVERSE},
	[STYLE_GOOD] = {36, OWN, 2, OWN, 0, 0},
	[STYLE_WARN] = {214, OWN, 3, OWN, LOOK_BOLD, LOOK_BOLD},
	[STYLE_BAD] = {202, OWN, 1, OWN, LOOK_BOLD, LOOK_BOLD | LOOK_UNDERLINE},
	[STYLE_LIT] = {16, 231, 0, 7, LOOK_BOLD, LOOK_REVERSE | LOOK_BOLD},
	[STYLE_PAYLOAD] = {231, 25, 7, 4, 0, LOOK_BOLD},
	[STYLE_ROUNDING] = {16, 74, 0, 6, 0, 0},
	[STYLE_METADATA] = {16, 214, 0, 3, 0, LOOK_UNDERLINE},
	[STYLE_SLACK] = {231, 130, 7, 1, 0, 0},
	[STYLE_CACHED] = {29, 194, 2, 0, 0, LOOK_DIM},
	[STYLE_FREE] = {36, OWN, 2, OWN, 0, LOOK_DIM},
	[STYLE_RESERVED] = {250, 240, 0, 7, 0, LOOK_DIM},
	[STYLE_UNMANAGED] = {243, OWN, OWN, OWN, 0, LOOK_DIM},
	[STYLE_HOLE] = {238, OWN, OWN, OWN, 0, LOOK_DIM},
	[STYLE_RAMP0] = {252, 17, 7, 4, 0, LOOK_DIM},
	[STYLE_RAMP1] = {252, 24, 0, 6, 0, 0},
	[STYLE_RAMP2] = {16, 67, 0, 2, 0, 0},
	[STYLE_RAMP3] = {16, 179, 0, 3, 0, LOOK_BOLD},
	[STYLE_RAMP4] = {16, 228, 0, 7, 0, LOOK_BOLD | LOOK_REVERSE},
	[STYLE_OWNER0] = {231, 25, 7, 4, 0, 0},
	[STYLE_OWNER1] = {16, 214, 0, 3, 0, 0},
	[STYLE_OWNER2] = {16, 36, 0, 2, 0, 0},
	[STYLE_OWNER3] = {16, 175, 7, 5, 0, 0},
	[STYLE_OWNER4] = {16, 74, 0, 6, 0, 0},
	[STYLE_OWNER5] = {231, 166, 7, 1, 0, 0},
};

/* What the eight bright ones add. */
static const struct {
	enum style s;
	short fg, bg;
} sixteen[] = {
	{STYLE_LIT, 0, 15},  {STYLE_RESERVED, 15, 8}, {STYLE_WARN, 11, OWN},
	{STYLE_BAD, 9, OWN}, {STYLE_RAMP4, 0, 11},    {STYLE_OWNER3, 0, 13},
};

struct look style_look(enum style s, int colors)
{
	const struct entry *e = &palette[s];

	if (colors < 8)
		return (struct look){OWN, OWN, e->mono};
	for (size_t i = 0; colors >= 16 && colors < 256 && i < sizeof sixteen / sizeof sixteen[0];
	     i++)
		if (sixteen[i].s == s)
			return (struct look){sixteen[i].fg, sixteen[i].bg, e->color};
	if (colors < 256)
		return (struct look){e->fg8, e->bg8, e->color};
	return (struct look){e->fg256, e->bg256, e->color};
}

char style_letter(enum style s)
{
	static const char letters[NR_STYLES] = {
#define X(NAME, letter) letter,
		STYLES(X)
#undef X
	};

	return letters[s];
}
