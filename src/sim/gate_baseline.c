/*
 * Baseline files: JSON made to be committed, one figure a line.
 *
 *   {"schema": "memscape.baseline/1", "program": ..., "sweep": ..., "label": ...,
 *    "points": {"stm32h7 firmware heap=tlsf": {"ledger.peak.metadata": 25420}}}
 */
#include <jansson.h>
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

/* Millionths; false: no number, or one that has too many of them. */
static bool number_of(const json_t *x, long long *millionths)
{
	double real = json_real_value(x);

	if (json_is_integer(x))
		return !__builtin_mul_overflow((long long)json_integer_value(x), (long long)MILLION,
					       millionths);
	if (!json_is_real(x) || !(real > -9e12 && real < 9e12))
		return false;
	*millionths = (long long)(real * MILLION + (real < 0 ? -0.5 : 0.5));
	return true;
}

/* Figures of each point: numbers. */
static int check_points(json_t *points, const char *path, struct diag *d)
{
	const char *point, *figure;
	json_t *figures, *value;
	long long ignored;

	json_object_foreach(points, point, figures)
	{
		if (!json_is_object(figures))
			return diag_set(
				d, path, 0, 0,
				"point '%.100s' has no figures, expected {\"peak.live_bytes\": "
				"1024}",
				point);
		json_object_foreach(figures, figure, value) if (
			!number_of(value,
				   &ignored)) return diag_set(d, path, 0, 0,
							      "'%.64s' of the point '%.100s' is no "
							      "number, expected "
							      "one up to 9e12, as 1024",
							      figure, point);
	}
	return 0;
}

static int check(const json_t *root, const char *path, struct diag *d)
{
	const char *schema = json_string_value(json_object_get(root, "schema"));
	json_t *points = json_object_get(root, "points");

	if (schema == NULL || strcmp(schema, SCHEMA) != 0 || !json_is_object(points))
		return diag_set(d, path, 0, 0,
				"no baseline, expected a file that 'memscape baseline update' has "
				"made");
	return check_points(points, path, d);
}

/* Takes the tree, which may be NULL: then *e says why. */
static struct baseline *from_json(json_t *root, const json_error_t *e, const char *path,
				  struct diag *d)
{
	struct baseline *b = root != NULL ? calloc(1, sizeof *b) : NULL;

	if (root == NULL) {
		diag_set(d, path, e->line > 0 ? e->line : 0, e->column > 0 ? e->column : 0,
			 "%s, expected a baseline; 'memscape baseline update' makes one", e->text);
	} else if (b == NULL) {
		diag_set(d, path, 0, 0, "out of host memory");
	} else if (check(root, path, d) == 0) {
		b->root = root;
		return b;
	}
	json_decref(root);
	free(b);
	return NULL;
}

struct baseline *baseline_read(const char *path, struct diag *d)
{
	json_error_t e = {0};
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &e);

	return from_json(root, &e, path, d);
}

struct baseline *baseline_read_text(const char *text, size_t bytes, const char *name,
				    struct diag *d)
{
	json_error_t e = {0};
	json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &e);

	return from_json(root, &e, name, d);
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

	return number_of(json_object_get(json_object_get(points, point), figure), millionths);
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
