/*
 * Baseline files: JSON made to be committed, one figure a line.
 *
 *   {"schema": "memscape.baseline/1", "program": ..., "sweep": ..., "label": ...,
 *    "points": {"stm32h7 firmware heap=tlsf": {"ledger.peak.metadata": 25420}}}
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/expr_node.h"
#include "sim/gate.h"

#define SCHEMA "memscape.baseline/1"

struct baseline {
	json_t *root;
};

struct baseline *baseline_new(const char *program, const char *sweep, const char *label)
{
	struct baseline *b = calloc(1, sizeof *b);

	if (b == NULL)
		return NULL;
	b->root = json_pack("{s:s, s:s, s:s, s:s, s:{}}", "schema", SCHEMA, "program", program,
			    "sweep", sweep, "label", label, "points");
	if (b->root != NULL)
		return b;
	free(b);
	return NULL;
}

static int check(const json_t *root, const char *path, struct diag *d)
{
	const char *schema = json_string_value(json_object_get(root, "schema"));

	if (schema == NULL || strcmp(schema, SCHEMA) != 0 ||
	    !json_is_object(json_object_get(root, "points")))
		return diag_set(d, path, 0, 0,
				"no baseline, expected a file that 'memscape baseline update' has "
				"made");
	return 0;
}

struct baseline *baseline_read(const char *path, struct diag *d)
{
	struct baseline *b = calloc(1, sizeof *b);
	json_error_t e;

	if (b == NULL) {
		diag_set(d, path, 0, 0, "out of host memory");
		return NULL;
	}
	b->root = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
	if (b->root == NULL)
		diag_set(d, path, e.line > 0 ? e.line : 0, e.column > 0 ? e.column : 0,
			 "%s, expected a baseline; 'memscape baseline update' makes one", e.text);
	else if (check(b->root, path, d) == 0)
		return b;
	baseline_free(b);
	return NULL;
}

void baseline_free(struct baseline *b)
{
	if (b == NULL)
		return;
	json_decref(b->root);
	free(b);
}

bool baseline_get(const struct baseline *b, const char *point, const char *figure,
		  long long *millionths)
{
	const json_t *points = json_object_get(b->root, "points");
	const json_t *x = json_object_get(json_object_get(points, point), figure);
	double real;

	if (json_is_integer(x)) {
		*millionths = (long long)json_integer_value(x) * MILLION;
		return true;
	}
	real = json_number_value(x);
	*millionths = (long long)(real * MILLION + (real < 0 ? -0.5 : 0.5));
	return json_is_real(x);
}

void baseline_put(struct baseline *b, const char *point, const char *figure, long long millionths)
{
	json_t *points = json_object_get(b->root, "points");
	json_t *p = json_object_get(points, point);

	if (p == NULL) {
		p = json_object();
		json_object_set_new(points, point, p);
	}
	json_object_set_new(p, figure,
			    millionths % MILLION == 0
				    ? json_integer((json_int_t)(millionths / MILLION))
				    : json_real((double)millionths / MILLION));
}

char *baseline_text(const struct baseline *b)
{
	return json_dumps(b->root, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
}

const char *baseline_label(const struct baseline *b)
{
	const char *label = json_string_value(json_object_get(b->root, "label"));
	const char *program = json_string_value(json_object_get(b->root, "program"));

	if (label != NULL && label[0] != '\0')
		return label;
	return program != NULL ? program : "";
}
