/* Rows over time: replay's --csv with --columns, and --map. */
#ifndef UI_CLI_REPLAY_SERIES_H
#define UI_CLI_REPLAY_SERIES_H

#include "sim/region_map.h"
#include "sim/replay.h"
#include "ui/cli/outfile.h"

#define SERIES_MAX_COLUMNS 512u

struct series {
	/* What to write; NULL: none. */
	const char *columns; /* "zones", "heaps" and expressions, separated by ';' */
	const char *region; /* of the map; NULL: the first whose RAM an allocator has */
	/* Inside. */
	struct outfile csv, map; /* f NULL: not written */
	char *name[SERIES_MAX_COLUMNS];
	struct expr *expr[SERIES_MAX_COLUMNS];
	int at[SERIES_MAX_COLUMNS]; /* where its text begins in `columns`, from 0 */
	unsigned nr_columns;
	bool grouped; /* zones and heaps have become columns */
	unsigned map_region;
	uint64_t map_step;
	unsigned map_cells;
	struct map_cell *cell;
	uint64_t last; /* event of the last row; UINT64_MAX: none yet */
	char problem[512]; /* "": none */
};

/*
 * Parses s->columns and opens the files; NULL: none.  0, or -1 with *d and nothing open;
 * d->file is "--columns" for what is wrong with them.
 */
int series_open(struct series *s, const char *csv, const char *map, struct diag *d) MUST_USE;
/* The files appear, or none where there was a problem.  0, or -1 with *d. */
int series_commit(struct series *s, struct diag *d) MUST_USE;
void series_abandon(struct series *s);

/* Has a report every figure that the columns name?  `early` is one of before the run.  0, or -1. */
int series_names(const struct series *s, const json_t *early, struct diag *d) MUST_USE;

/* Before the first event, also of a repeated run: heads, of files emptied before. */
int series_begin(struct series *s, struct replay *r) MUST_USE;

/* A row of each file, of the state after the last event.  After a problem it does nothing. */
void series_row(struct series *s, struct replay *r);

/* The row of the last event, if it has none yet. */
void series_end(struct series *s, struct replay *r);

#endif
