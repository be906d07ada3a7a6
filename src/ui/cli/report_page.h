/* Inside of the text report: its parts, and how they read the JSON tree. */
#ifndef UI_CLI_REPORT_PAGE_H
#define UI_CLI_REPORT_PAGE_H

#include "ui/cli/text.h"

struct report_page {
	const json_t *r; /* memscape.report/1; borrowed */
	const struct text_style *s;
	FILE *out;
};

/* ---- what the tree has; absent is NULL, 0, "" ---- */

static inline const json_t *at(const json_t *o, const char *key)
{
	return json_object_get(o, key);
}

static inline int64_t num(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static inline const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static inline const char *plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

/* A blank line and a title. */
void report_heading(const struct report_page *p, const char *title);

/* How each allocator did: heaps, zones, nodes, caches, windows, owners, CMA, stacks. */
void report_allocs(const struct report_page *p);

/* A kernel's recording: free blocks against those that it showed, what it lost. */
void report_recording(const struct report_page *p);

#endif
