/* CSV (RFC 4180 but for line ends): a line a point, figures as plain numbers. */
#include <string.h>

#include "sim/export_write.h"
#include "sim/expr_node.h"

static void field(FILE *out, const char *text, bool first)
{
	if (!first)
		fputc(',', out);
	if (strpbrk(text, ",\"\n\r") == NULL) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

struct csv {
	struct export_table t;
	FILE *out;
	unsigned factors;
};

static void head(struct csv *c)
{
	field(c->out, "point", true);
	for (unsigned i = 0; i < c->factors; i++)
		field(c->out, export_factor(&c->t, i), false);
	field(c->out, "repeat", false);
	field(c->out, "status", false);
	for (unsigned i = 0; i < c->t.nr_figures; i++)
		field(c->out, c->t.figure[i], false);
	field(c->out, "message", false);
	fputc('\n', c->out);
}

static int row(void *ctx, const struct export_row *r)
{
	struct csv *c = ctx;
	char number[FIXED_TEXT];

	field(c->out, r->row->point, true);
	for (unsigned i = 0; i < c->factors; i++)
		field(c->out, json_string_value(json_array_get(r->values, i)), false);
	fprintf(c->out, ",%u", r->repeat);
	field(c->out, r->row->status, false);
	for (unsigned i = 0; i < c->t.nr_figures; i++)
		field(c->out, r->cell[i].known ? fixed_text(r->cell[i].value, number) : "", false);
	field(c->out, r->row->message, false);
	fputc('\n', c->out);
	return 0;
}

/* ---- a gate's checks ---- */

static void on_check(void *ctx, const struct gate_check *c)
{
	const struct csv *v = ctx;
	char number[FIXED_TEXT];

	field(v->out, c->point, true);
	field(v->out, c->rule->name, false);
	field(v->out, export_verdict(c->verdict), false);
	field(v->out, c->figure, false);
	field(v->out, c->numbers ? fixed_text(c->value, number) : "", false);
	field(v->out, c->numbers ? c->op : "", false);
	field(v->out, c->numbers ? fixed_text(c->limit, number) : "", false);
	field(v->out, c->numbers ? fixed_text(c->value - c->limit, number) : "", false);
	field(v->out, c->message, false);
	fputc('\n', v->out);
}

static int write_checks(struct csv *c, const struct export_request *q, struct diag *d)
{
	struct gate_sum sum;

	fputs("point,rule,verdict,figure,value,op,limit,over,message\n", c->out);
	return gate_run(q->gate, q->baseline, q->db, false, on_check, c, &sum, d);
}

int export_csv(const struct export_request *q, struct diag *d)
{
	struct csv c = {.out = q->out};
	int err;

	if (q->gate != NULL)
		return write_checks(&c, q, d);
	if (export_table_open(&c.t, q, d) != 0)
		return -1;
	c.factors = export_nr_factors(&c.t);
	head(&c);
	err = export_each(&c.t, row, &c, d);
	export_table_close(&c.t);
	return err;
}
