/* Figures of two reports as people read them: one a line, what differs. */
#ifndef UI_CLI_DIFF_TEXT_H
#define UI_CLI_DIFF_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct diff_text {
	const char *a, *b, *by; /* the columns' heads */
	bool all; /* also what the runs were asked for */
	int width; /* of a column; 0: 16 */
	size_t shown;
};

/* For report_diff: prints a figure that differs, below a heading.  ctx: struct diff_text. */
void diff_text_line(void *ctx, const char *path, const json_t *a, const json_t *b);

/* A line of the same table, whether they differ or not; a or b is NULL: it has no such value. */
void diff_text_row(const struct diff_text *t, const char *label, const json_t *a, const json_t *b);
void diff_text_heading(const struct diff_text *t, const char *label);

#endif
