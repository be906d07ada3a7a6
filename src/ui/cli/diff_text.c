#include "ui/cli/diff_text.h"

#include <stdint.h>
#include <stdio.h>

#include "sim/report_diff.h"
#include "ui/cli/text.h"

static void value_text(const json_t *j, char *buf, size_t room)
{
	if (j == NULL)
		snprintf(buf, room, "-");
	else if (json_is_integer(j))
		count_text(json_integer_value(j), buf);
	else if (json_is_real(j))
		snprintf(buf, room, "%.3f", json_real_value(j));
	else if (json_is_string(j))
		snprintf(buf, room, "%.30s", json_string_value(j));
	else
		snprintf(buf, room, "%s",
			 json_is_true(j)    ? "true"
			 : json_is_false(j) ? "false"
					    : "null");
}

static char *change_text(int64_t n, char buf[COUNT_TEXT + 1])
{
	buf[0] = n > 0 ? '+' : '\0';
	count_text(n, buf + (n > 0));
	return buf;
}

static void print_row(const struct diff_text *t, const char *label, const char *a, const char *b,
		      const char *by)
{
	int w = t->width != 0 ? t->width : 16;

	printf("%-44s %*s %*s", label, w, a, w, b);
	printf(*by != '\0' ? " %16s\n" : "%s\n", by);
}

void diff_text_heading(const struct diff_text *t, const char *label)
{
	print_row(t, label, t->a, t->b, t->by);
}

void diff_text_row(const struct diff_text *t, const char *label, const json_t *a, const json_t *b)
{
	char x[COUNT_TEXT], y[COUNT_TEXT], by[COUNT_TEXT + 1] = "";

	value_text(a, x, sizeof x);
	value_text(b, y, sizeof y);
	if (a == NULL || b == NULL || json_equal((json_t *)(uintptr_t)a, (json_t *)(uintptr_t)b))
		by[0] = '\0';
	else if (json_is_integer(a) && json_is_integer(b))
		change_text(json_integer_value(b) - json_integer_value(a), by);
	else if (json_is_number(a) && json_is_number(b))
		snprintf(by, sizeof by, "%+.3f", json_number_value(b) - json_number_value(a));
	print_row(t, label, x, y, by);
}

void diff_text_line(void *ctx, const char *path, const json_t *a, const json_t *b)
{
	struct diff_text *t = ctx;

	if (!t->all && report_is_asked(path))
		return;
	if (t->shown++ == 0)
		diff_text_heading(t, "figure");
	diff_text_row(t, path, a, b);
}
