/* Two reports, figure by figure. */
#ifndef SIM_REPORT_DIFF_H
#define SIM_REPORT_DIFF_H

#include <jansson.h>
#include <stdbool.h>

/*
 * Does this path say what a run was asked for and on which trace, or is it the image's hash?
 * Such a value is no figure.
 */
bool report_is_asked(const char *path);

/*
 * Calls fn for each plain value that differs, in the order of `a` and then of
 * what only `b` has.  The path is as expressions name it; list elements by their
 * `name`, else by index.  a or b is NULL where the report has no such value.
 * Returns how many differed.
 */
size_t report_diff(const json_t *a, const json_t *b,
		   void (*fn)(void *ctx, const char *path, const json_t *a, const json_t *b),
		   void *ctx);

#endif
