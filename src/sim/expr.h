/*
 * The expression language of --fail-on, gates and conditions, over a report.
 *
 *   expr    or-list of and-lists of comparisons: `a < b and not (c or d)`
 *   terms   + - * / with the usual precedence, unary -, parentheses
 *   values  numbers (12, 0x10, 1.5), sizes (64K, 2M, 1G: powers of 1024), paths, functions
 *   paths   heaps.main.search.p99, zones.normal.nr_free[3]: list elements by their `name`
 *           (case-insensitive) or by [index]
 *   calls   count(list), largest(name), unusable(zone, order), extfrag(zone, order)
 *           where `name` is a region, heap or zone (all that bear it); largest() is the largest of all
 *   compare < <= > >= == != ; a text compares with a quoted text: run.ended == "done"
 *
 * Numbers are exact integers or thousandths: 128-bit fixed point with 6 decimal
 * places inside, so that no result depends on floating point.
 */
#ifndef SIM_EXPR_H
#define SIM_EXPR_H

#include <jansson.h>
#include <stdbool.h>

#include "model/diag.h"
#include "model/mem.h"

struct expr;

/* Parses; NULL with *d, whose col is the column in `text` (from 1). `text` is copied. */
struct expr *expr_parse(const char *text, const char *file, struct diag *d) MUST_USE;
void expr_free(struct expr *e); /* NULL is fine */

/*
 * Is every name in it one that a report has?  `early` is a report of before the run;
 * comes_later says of what it has not whether a later one may.  0, or -1 with *d.
 */
int expr_names(const struct expr *e, const json_t *early, bool (*comes_later)(const char *path),
	       struct diag *d) MUST_USE;

/* Evaluates to true or false (a number is true when it is not 0). 0, or -1 with *d. */
int expr_true(const struct expr *e, const json_t *report, bool *out, struct diag *d) MUST_USE;

/* Evaluates to a number in millionths. */
int expr_number(const struct expr *e, const json_t *report, long long *millionths,
		struct diag *d) MUST_USE;

#endif
