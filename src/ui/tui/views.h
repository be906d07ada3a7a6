/* The one list of views: a file view_NAME.c each, and one word here. */
#ifndef UI_TUI_VIEWS_H
#define UI_TUI_VIEWS_H

#include "ui/tui/app.h"

#define VIEWS(X)                                                                                   \
	X(atlas)                                                                                   \
	X(zones)                                                                                   \
	X(slabs)                                                                                   \
	X(virtual)                                                                                 \
	X(heap)                                                                                    \
	X(timeline)                                                                                \
	X(events)                                                                                  \
	X(ledger)                                                                                  \
	X(why)                                                                                     \
	X(compare)

#define X(name) extern const struct view_ops view_##name;
VIEWS(X)
#undef X

extern const struct view_ops *const views[];
extern const unsigned nr_views;

#endif
