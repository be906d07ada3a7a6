/*
 * Any bytes as a sweep file, a gate file and a baseline: an error is one line with a position, and
 * what is accepted has points with names, and can be written down.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sim/gate.h"
#include "sim/sweep.h"

#define MOST_POINTS 50u

static void expect_diag(const struct diag *d)
{
	if (d->msg[0] == '\0' || strchr(d->msg, '\n') != NULL)
		abort();
}

static void walk(const struct sweep *s)
{
	struct sweep_point p = {0};
	struct diag d = {0};
	json_t *definition = sweep_definition(s);
	char label[SWEEP_LABEL], last[SWEEP_LABEL] = "", command[SWEEP_PATH];
	int more = 1;

	json_decref(definition);
	for (unsigned i = 0; i < MOST_POINTS && (more = sweep_next(s, &p, &d)) > 0; i++) {
		json_t *axes = sweep_axes(s, &p);

		sweep_label(s, &p, label);
		sweep_command(s, &p, command, sizeof command);
		if (axes == NULL || label[0] == '\0' ||
		    (strlen(label) + 1 < SWEEP_LABEL && strcmp(label, last) == 0))
			abort();
		memcpy(last, label, sizeof last);
		json_decref(axes);
		p.index++;
	}
	if (more < 0)
		expect_diag(&d);
}

/* What was put is there, beside what was read; the text is a baseline again. */
static void use(struct baseline *b)
{
	struct diag d = {0};
	struct baseline *again;
	long long v = 0;
	char *text;

	baseline_put(b, "p", "x", 1500000);
	text = baseline_text(b);
	again = baseline_read_text(text, strlen(text), "again", &d);
	if (again == NULL || !baseline_get(again, "p", "x", &v) || v != 1500000 ||
	    baseline_label(b) == NULL)
		abort();
	baseline_free(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct diag d = {0};
	struct sweep *s = sweep_read_text((const char *)data, bytes, "fuzz", &d);
	struct baseline *b;
	struct gate *g;

	if (s == NULL)
		expect_diag(&d);
	else
		walk(s);
	sweep_free(s);
	d = (struct diag){0};
	g = gate_read_text((const char *)data, bytes, "fuzz", &d);
	if (g == NULL)
		expect_diag(&d);
	gate_free(g);
	d = (struct diag){0};
	b = baseline_read_text((const char *)data, bytes, "fuzz", &d);
	if (b == NULL)
		expect_diag(&d);
	else
		use(b);
	baseline_free(b);
	return 0;
}
