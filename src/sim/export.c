/* The formats, and how a check is told. */
#include "sim/export.h"

#include <string.h>

#include "sim/export_write.h"
#include "sim/expr_node.h"

const struct export_format export_formats[] = {
	{"csv", "a line a point, figures in columns; or a line a check of the gate", true,
	 export_csv},
	{"json", "memscape.sweep/1: points with their figures (--reports: whole reports), the gate",
	 true, export_json},
	{"markdown", "a summary for people: gate, answers, table", true, export_markdown},
	{"junit", "JUnit XML: a test case for each check of the gate, or for each point", true,
	 export_junit},
	{"github", "github-action-benchmark's list for customSmallerIsBetter", false,
	 export_github},
	{"bencher", "Bencher Metric Format", false, export_bencher},
	{NULL, NULL, false, NULL},
};

const struct export_format *export_find(const char *name)
{
	for (const struct export_format *f = export_formats; f->name != NULL; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

const char *export_verdict(enum gate_verdict verdict)
{
	static const char *const words[] = {"holds",       "broken",    "not-run",
					    "no-baseline", "no-figure", "no-point"};

	return words[verdict];
}

/* Digits in threes: "25,421", "-1,234.5". */
static void grouped(long long millionths, char *out)
{
	char plain[FIXED_TEXT];
	const char *p = fixed_text(millionths, plain);
	size_t whole;

	if (*p == '-')
		*out++ = *p++;
	whole = strcspn(p, ".");
	for (size_t i = 0; i < whole; i++) {
		if (i > 0 && (whole - i) % 3 == 0)
			*out++ = ',';
		*out++ = p[i];
	}
	memcpy(out, p + whole, strlen(p + whole) + 1);
}

void export_check_text(const struct gate_check *c, const struct baseline *b, char *out, size_t room)
{
	char value[2 * FIXED_TEXT], limit[2 * FIXED_TEXT], by[2 * FIXED_TEXT];
	long long over = c->value - c->limit;
	size_t n;

	if (c->verdict == GATE_NOT_RUN) {
		snprintf(out, room, "did not run to its end: %s", c->message);
		return;
	}
	if (!c->numbers) {
		snprintf(out, room, "%s%s%s%s", c->figure, c->figure[0] ? ": " : "",
			 c->message[0] ? c->message : "it is not so that ",
			 c->message[0] ? "" : c->rule->text);
		return;
	}
	grouped(c->value, value);
	grouped(c->limit, limit);
	grouped(over < 0 ? -over : over, by);
	n = (size_t)snprintf(out, room, "%s is %s, expected %s %s", c->figure, value, c->op, limit);
	if (c->relative && b != NULL && n < room)
		n += (size_t)snprintf(out + n, room - n, " (baseline %s)", baseline_label(b));
	if (c->verdict == GATE_BROKEN && over != 0 && n < room)
		snprintf(out + n, room - n, ": %s %s", by, over > 0 ? "more" : "less");
}
