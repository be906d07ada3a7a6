/* The results of a sweep as rows of figures. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "sim/export.h"
#include "sim/expr_node.h"
#include "sim/figure_list.h"

static int add_figure(struct export_table *t, const char *text, struct diag *d)
{
	if (t->nr_figures == EXPORT_MAX_FIGURES)
		return diag_set(d, "", 0, 0, "more than %u figures", EXPORT_MAX_FIGURES);
	t->expr[t->nr_figures] = expr_parse(text, "figure", d);
	if (t->expr[t->nr_figures] == NULL)
		return -1;
	t->figure[t->nr_figures] = strdup(text);
	if (t->figure[t->nr_figures++] == NULL)
		return diag_set(d, "", 0, 0, "out of host memory");
	return 0;
}

static int add_list(struct export_table *t, const json_t *list, struct diag *d)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (add_figure(t, json_string_value(json_array_get(list, i)), d) != 0)
			return -1;
	return 0;
}

/* What most want to know, where the sweep does not say. */
static int add_usual(struct export_table *t, struct diag *d)
{
	static const char *const replay[] = {"peak.live_bytes", "peak.footprint_bytes",
					     "ledger.peak.metadata", "events.failed"};
	static const char *const fit[] = {"fit.bytes", "fit.factor", "peak.live_bytes"};
	const char *mode = json_string_value(json_object_get(t->definition, "mode"));
	bool is_fit = mode != NULL && strcmp(mode, "fit") == 0;
	size_t n = is_fit ? 3 : 4;

	for (size_t i = 0; i < n; i++)
		if (add_figure(t, is_fit ? fit[i] : replay[i], d) != 0)
			return -1;
	return 0;
}

static bool has_figure(const struct export_table *t, const char *text)
{
	for (unsigned i = 0; i < t->nr_figures; i++)
		if (strcmp(t->figure[i], text) == 0)
			return true;
	return false;
}

static int add_figures(struct export_table *t, const struct export_request *q, struct diag *d)
{
	const json_t *least = json_object_get(t->definition, "minimise");

	for (unsigned i = 0; i < q->nr_figures; i++)
		if (add_figure(t, q->figure[i], d) != 0)
			return -1;
	if (q->nr_figures != 0)
		return 0;
	if (add_list(t, json_object_get(t->definition, "figures"), d) != 0)
		return -1;
	for (size_t i = 0; i < json_array_size(least); i++) {
		const char *text = json_string_value(json_array_get(least, i));

		if (!has_figure(t, text) && add_figure(t, text, d) != 0)
			return -1;
	}
	return t->nr_figures != 0 ? 0 : add_usual(t, d);
}

int export_table_open(struct export_table *t, const struct export_request *q, struct diag *d)
{
	char *text = sweep_db_get(q->db, "sweep");

	*t = (struct export_table){.db = q->db, .program = sweep_db_get(q->db, "program")};
	t->definition = text != NULL ? json_loads(text, 0, NULL) : NULL;
	free(text);
	if (t->definition == NULL || t->program == NULL)
		diag_set(d, "", 0, 0, "the results hold no sweep yet");
	else if (add_figures(t, q, d) == 0)
		return 0;
	export_table_close(t);
	return -1;
}

int export_table_minimise(struct export_table *t, unsigned *first, struct diag *d)
{
	*first = t->nr_figures;
	return add_list(t, json_object_get(t->definition, "minimise"), d);
}

void export_table_close(struct export_table *t)
{
	for (unsigned i = 0; i < t->nr_figures; i++) {
		expr_free(t->expr[i]);
		free(t->figure[i]);
	}
	json_decref(t->definition);
	free(t->program);
	*t = (struct export_table){0};
}

/* ---- rows ---- */

struct each {
	struct export_table *t;
	int (*fn)(void *ctx, const struct export_row *r);
	void *ctx;
};

static int each_row(void *ctx, const struct sweep_row *row)
{
	struct each *e = ctx;
	struct export_row r = {.row = row};
	json_t *axes, *report;
	int err;

	if (row->status == NULL)
		return 0;
	axes = json_loads(row->axes, 0, NULL);
	report = row->report[0] != '\0' ? json_loads(row->report, 0, NULL) : NULL;
	r.values = json_object_get(axes, "values");
	r.seen = json_object_get(axes, "seen");
	r.command = json_string_value(json_object_get(axes, "command"));
	r.repeat = (unsigned)json_integer_value(json_object_get(axes, "repeat"));
	r.report = report;
	e->t->reports += report != NULL;
	for (unsigned i = 0; i < e->t->nr_figures && report != NULL; i++) {
		struct diag d = {0};

		r.cell[i].known = expr_number(e->t->expr[i], report, &r.cell[i].value, &d) == 0;
		e->t->known[i] += r.cell[i].known;
	}
	err = e->fn(e->ctx, &r);
	json_decref(axes);
	json_decref(report);
	return err;
}

int export_each(struct export_table *t, int (*fn)(void *ctx, const struct export_row *r), void *ctx,
		struct diag *d)
{
	struct each e = {t, fn, ctx};

	return sweep_db_each(t->db, each_row, &e, d);
}

unsigned export_nr_factors(const struct export_table *t)
{
	return 2 + (unsigned)json_array_size(json_object_get(t->definition, "axes"));
}

const char *export_factor(const struct export_table *t, unsigned i)
{
	const json_t *axes = json_object_get(t->definition, "axes");

	if (i < 2)
		return i == 0 ? "machine" : "trace";
	return json_string_value(json_object_get(json_array_get(axes, i - 2), "name"));
}

/* "heaps.NAME.jw[0..3]" as a pattern: "heaps.*.jw*". */
static void pattern_of(const char *path, char out[128])
{
	size_t n = 0;

	for (; *path != '\0' && n + 2 < 128; path++) {
		if (*path >= 'A' && *path <= 'Z') {
			while (path[1] >= 'A' && path[1] <= 'Z')
				path++;
			out[n++] = '*';
		} else if (*path == '[' || *path == ',') {
			out[n++] = '*';
			break;
		} else {
			out[n++] = *path;
		}
	}
	out[n] = '\0';
}

const char *export_unit(const char *figure)
{
	static const char *const fit[][2] = {{"fit.bytes", "bytes"},
					     {"fit.failed_below", "bytes"},
					     {"fit.bound_bytes", "bytes"},
					     {"fit.factor", "ratio"},
					     {"fit.probes", "probes"}};
	char pattern[128];

	for (size_t i = 0; i < sizeof fit / sizeof fit[0]; i++)
		if (strcmp(fit[i][0], figure) == 0)
			return fit[i][1];
	for (const struct figure_entry *f = figure_list; f->path != NULL; f++) {
		pattern_of(f->path, pattern);
		if (fnmatch(pattern, figure, 0) == 0)
			return f->unit;
	}
	return "";
}
