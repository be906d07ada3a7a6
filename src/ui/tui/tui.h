/* The visualizer: a machine at any event of a trace, in a terminal. */
#ifndef UI_TUI_TUI_H
#define UI_TUI_TUI_H

#include "sim/timeline.h"
#include "ui/tui/term.h"

#define TUI_MAX_SETS 64u

struct tui_request {
	const struct machine *machine; /* borrowed */
	const char *machine_name, *variant; /* as it was loaded, with these --set */
	const char *const *sets;
	size_t nr_sets; /* at most TUI_MAX_SETS */
	const char *trace;
	const char *heap_kind; /* NULL: the machine's */
	uint64_t memory; /* bytes for checkpoints and index */
	uint64_t noise;
	const char *at; /* event, percentage or "end" to begin at; NULL: 0 */
	const char *compare; /* what to compare with from the start, as behind :compare; NULL */
	const char *keys; /* key file; NULL: the user's */
	const char *script; /* keys and commands instead of a terminal; NULL: a terminal */
	int rows, cols; /* of a script's screen */
	enum term_colors colors;
	bool ascii; /* draw with ASCII only */
};

/* 0; -1 with *d: could not begin, or a script went wrong. *signal: what ended it, 0: the user. */
int tui_run(const struct tui_request *q, int *signal, struct diag *d);

#endif
