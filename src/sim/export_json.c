/* JSON: of our own, and the two forms that trackers of benchmarks read. */
#include <string.h>

#include "sim/export_write.h"
#include "sim/expr_node.h"

/* As JSON's integer where it is one, else as a real. */
static json_t *number(long long millionths)
{
	return millionths % MILLION == 0 ? json_integer((json_int_t)(millionths / MILLION))
					 : json_real((double)millionths / MILLION);
}

static int write_text(FILE *out, const json_t *j, const char *before, size_t flags)
{
	fputs(before, out);
	return json_dumpf(j, out, flags | JSON_REAL_PRECISION(12)) == 0 ? 0 : -1;
}

struct writer {
	struct export_table t;
	const struct export_request *q;
	bool any, failed;
};

static const char *between(struct writer *w)
{
	const char *text = w->any ? ",\n" : "\n";

	w->any = true;
	return text;
}

/* ---- memscape.sweep/1 ---- */

static json_t *figures_of(const struct writer *w, const struct export_row *r)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < w->t.nr_figures; i++)
		json_object_set_new(o, w->t.figure[i],
				    r->cell[i].known ? number(r->cell[i].value)
						     : json_null());
	return o;
}

static int json_row(void *ctx, const struct export_row *r)
{
	struct writer *w = ctx;
	json_t *o =
		json_pack("{s:s, s:O, s:i, s:s, s:s, s:o}", "point", r->row->point, "values",
			  (json_t *)(uintptr_t)r->values, "repeat", (int)r->repeat, "status",
			  r->row->status, "message", r->row->message, "figures", figures_of(w, r));
	int err;

	if (w->q->reports && r->report != NULL)
		json_object_set(o, "report", (json_t *)(uintptr_t)r->report);
	err = write_text(w->q->out, o, between(w), JSON_COMPACT);
	json_decref(o);
	return err;
}

static void json_check(void *ctx, const struct gate_check *c)
{
	struct writer *w = ctx;
	json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "point", c->point, "rule", c->rule->name,
			      "verdict", export_verdict(c->verdict), "message", c->message);

	if (c->figure[0] != '\0')
		json_object_set_new(o, "figure", json_string(c->figure));
	if (c->numbers) {
		json_object_set_new(o, "value", number(c->value));
		json_object_set_new(o, "op", json_string(c->op));
		json_object_set_new(o, "limit", number(c->limit));
		json_object_set_new(o, "over", number(c->value - c->limit));
		json_object_set_new(o, "from_baseline", json_boolean(c->relative));
	}
	if (write_text(w->q->out, o, between(w), JSON_COMPACT) != 0)
		w->failed = true;
	json_decref(o);
}

static int json_gate(struct writer *w, struct diag *d)
{
	const struct export_request *q = w->q;
	struct gate_sum sum;
	json_t *name = json_string(q->gate->name),
	       *label =
		       q->baseline != NULL ? json_string(baseline_label(q->baseline)) : json_null();
	int err = write_text(q->out, name, ",\n\"gate\": {\"name\": ", JSON_ENCODE_ANY);

	if (err == 0)
		err = write_text(q->out, label, ", \"baseline\": ", JSON_ENCODE_ANY);
	json_decref(name);
	json_decref(label);
	fputs(",\n\"checks\": [", q->out);
	w->any = false;
	if (err == 0)
		err = gate_run(q->gate, q->baseline, q->db, false, json_check, w, &sum, d);
	if (err == 0)
		fprintf(q->out, "\n], \"broken\": %llu}", (unsigned long long)sum.broken);
	return w->failed ? -1 : err;
}

int export_json(const struct export_request *q, struct diag *d)
{
	struct writer w = {.q = q};
	int err;

	if (export_table_open(&w.t, q, d) != 0)
		return -1;
	fprintf(q->out, "{\"schema\": \"memscape.sweep/1\",\n\"program\": \"%s\",\n\"sweep\": ",
		w.t.program);
	err = write_text(q->out, w.t.definition, "", JSON_COMPACT);
	fputs(",\n\"points\": [", q->out);
	if (err == 0)
		err = export_each(&w.t, json_row, &w, d);
	fputs("\n]", q->out);
	if (err == 0 && q->gate != NULL)
		err = json_gate(&w, d);
	fputs("}\n", q->out);
	export_table_close(&w.t);
	return err;
}

/* ---- github-action-benchmark: "customSmallerIsBetter" ---- */

static int github_row(void *ctx, const struct export_row *r)
{
	struct writer *w = ctx;
	const char *sweep = json_string_value(json_object_get(w->t.definition, "name"));

	for (unsigned i = 0; i < w->t.nr_figures; i++) {
		json_t *o;
		int err;

		if (!r->cell[i].known || strcmp(r->row->status, "ok") != 0)
			continue;
		o = json_pack("{s:s+++++, s:s, s:o}", "name", sweep, ": ", r->row->point, ": ",
			      w->t.figure[i], "", "unit", export_unit(w->t.figure[i]), "value",
			      number(r->cell[i].value));
		err = write_text(w->q->out, o, between(w), JSON_COMPACT);
		json_decref(o);
		if (err != 0)
			return err;
	}
	return 0;
}

int export_github(const struct export_request *q, struct diag *d)
{
	struct writer w = {.q = q};
	int err;

	if (export_table_open(&w.t, q, d) != 0)
		return -1;
	fputc('[', q->out);
	err = export_each(&w.t, github_row, &w, d);
	fputs("\n]\n", q->out);
	export_table_close(&w.t);
	return err;
}

/* ---- Bencher Metric Format ---- */

static int bencher_row(void *ctx, const struct export_row *r)
{
	struct writer *w = ctx;
	json_t *o = json_object(), *name;
	int err;

	for (unsigned i = 0; i < w->t.nr_figures && strcmp(r->row->status, "ok") == 0; i++)
		if (r->cell[i].known)
			json_object_set_new(
				o, w->t.figure[i],
				json_pack("{s:o}", "value", number(r->cell[i].value)));
	if (json_object_size(o) == 0) {
		json_decref(o);
		return 0;
	}
	name = json_string(r->row->point);
	err = write_text(w->q->out, name, between(w), JSON_ENCODE_ANY);
	if (err == 0)
		err = write_text(w->q->out, o, ": ", JSON_COMPACT);
	json_decref(name);
	json_decref(o);
	return err;
}

int export_bencher(const struct export_request *q, struct diag *d)
{
	struct writer w = {.q = q};
	int err;

	if (export_table_open(&w.t, q, d) != 0)
		return -1;
	fputc('{', q->out);
	err = export_each(&w.t, bencher_row, &w, d);
	fputs("\n}\n", q->out);
	export_table_close(&w.t);
	return err;
}
