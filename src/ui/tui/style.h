/*
 * What colours mean.  Views name meanings; a palette turns them into what the
 * terminal has: 256, 16, 8 or no colours.  No meaning rests on colour alone.
 */
#ifndef UI_TUI_STYLE_H
#define UI_TUI_STYLE_H

/* X(NAME, "letter in saved styles") */
#define STYLES(X)                                                                                  \
	X(PLAIN, ' ')     /* text */                                                               \
	X(DIM, 'd')       /* of less importance */                                                 \
	X(BOLD, 'b')                                                                               \
	X(TITLE, 't')     /* the bar at the top */                                                 \
	X(TAB, 'v')       /* the views' names */                                                   \
	X(TAB_ON, 'V')    /* the one that is shown */                                              \
	X(KEY, 'k')       /* a key in the bar at the bottom */                                     \
	X(LABEL, 'l')     /* what it does */                                                       \
	X(HEAD, 'h')      /* a table's head */                                                     \
	X(CURSOR, 'c')    /* the line or cell one stands on */                                     \
	X(GOOD, 'g')                                                                               \
	X(WARN, 'w')                                                                               \
	X(BAD, '!')                                                                                \
	X(LIT, '*')       /* what the last event touched */                                        \
	X(PAYLOAD, 'P')                                                                            \
	X(ROUNDING, 'R')                                                                           \
	X(METADATA, 'M')                                                                           \
	X(SLACK, 'S')                                                                              \
	X(CACHED, 'C')                                                                             \
	X(FREE, 'F')                                                                               \
	X(RESERVED, 'X')                                                                           \
	X(UNMANAGED, 'U')                                                                          \
	X(HOLE, 'o')                                                                               \
	X(RAMP0, '0')     /* from little or old to much or young */                                \
	X(RAMP1, '1')                                                                              \
	X(RAMP2, '2')                                                                              \
	X(RAMP3, '3')                                                                              \
	X(RAMP4, '4')                                                                              \
	X(OWNER0, 'A')    /* owners, in turn */                                                    \
	X(OWNER1, 'B')                                                                             \
	X(OWNER2, 'D')                                                                             \
	X(OWNER3, 'E')                                                                             \
	X(OWNER4, 'G')                                                                             \
	X(OWNER5, 'H')

enum style {
#define X(NAME, letter) STYLE_##NAME,
	STYLES(X)
#undef X
	NR_STYLES
};

#define NR_RAMP   5u
#define NR_OWNERS 6u

#define LOOK_BOLD      1u
#define LOOK_REVERSE   2u
#define LOOK_UNDERLINE 4u
#define LOOK_DIM       8u

/* A colour -1 is the terminal's own. */
struct look {
	short fg, bg;
	unsigned attributes; /* LOOK_ bits */
};

/* How a meaning looks on a terminal of so many colours: 256, 16, 8, or fewer, which is none. */
struct look style_look(enum style s, int colors);

/* Its letter in saved styles. */
char style_letter(enum style s);

#endif
