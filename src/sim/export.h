/* Results of a sweep for other programs and for people, in several formats. */
#ifndef SIM_EXPORT_H
#define SIM_EXPORT_H

#include <jansson.h>
#include <stdio.h>

#include "sim/gate.h"
#include "sim/sweep_db.h"

#define EXPORT_MAX_FIGURES 64u

struct export_request {
	struct sweep_db *db;
	const struct gate *gate; /* NULL: none */
	const struct baseline *baseline; /* NULL: none */
	const char *figure[EXPORT_MAX_FIGURES]; /* expressions; none: those of the sweep */
	unsigned nr_figures;
	bool reports; /* JSON: with the whole report of each point */
	FILE *out;
};

struct export_format {
	const char *name, *summary;
	bool gates; /* it shows the checks of a gate */
	int (*write)(const struct export_request *q, struct diag *d);
};

extern const struct export_format export_formats[]; /* ends with {NULL} */

const struct export_format *export_find(const char *name); /* NULL: there is none */

/* ---- for the formats and for answers: the results as a table ---- */

/* A figure of a point: millionths, or nothing. */
struct export_cell {
	bool known;
	long long value;
};

struct export_row {
	const struct sweep_row *row;
	const json_t *values; /* labels: machine, trace, axes */
	const json_t *seen; /* as conditions see them */
	const json_t *report; /* NULL: there is none */
	const char *command;
	unsigned repeat;
	struct export_cell cell[EXPORT_MAX_FIGURES];
};

struct export_table {
	struct sweep_db *db;
	json_t *definition; /* of the sweep: name, axes, figures, minimise */
	char *program;
	char *figure[EXPORT_MAX_FIGURES];
	struct expr *expr[EXPORT_MAX_FIGURES];
	uint64_t known[EXPORT_MAX_FIGURES]; /* rows of export_each that had the figure */
	uint64_t reports; /* rows that had a report */
	unsigned nr_figures;
};

/* The figures asked for, or the sweep's, or the usual ones.  0, or -1 with *d. */
int export_table_open(struct export_table *t, const struct export_request *q,
		      struct diag *d) MUST_USE;
/* As well the figures that are to be small; *first is the first one's column. */
int export_table_minimise(struct export_table *t, unsigned *first, struct diag *d) MUST_USE;
void export_table_close(struct export_table *t); /* zeroed is fine */

/* Calls fn for each point that has a result, in order, until it returns other than 0. */
int export_each(struct export_table *t, int (*fn)(void *ctx, const struct export_row *r), void *ctx,
		struct diag *d) MUST_USE;

/* Columns before the figures: "machine", "trace", and the axes' names. */
unsigned export_nr_factors(const struct export_table *t);
const char *export_factor(const struct export_table *t, unsigned i);

/* "bytes", "events" or "": the unit of a figure as the list of figures has it. */
const char *export_unit(const char *figure);

#endif
