/* Markdown: what a reader of a merge request wants, broken checks first. */
#include <stdlib.h>

#include "sim/export_write.h"
#include "sim/expr_node.h"
#include "sim/sweep_answers.h"

#define MAX_BROKEN 50u /* checks told one by one */
#define MAX_ROWS   200u

struct markdown {
	const struct export_request *q;
	FILE *out;
	unsigned broken, rows;
	struct export_table *t;
};

/* In a cell of a table a bar would end it. */
static void cell(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			fputc('\\', out);
		fputc(*text == '\n' ? ' ' : *text, out);
	}
}

/* ---- the gate ---- */

static void on_check(void *ctx, const struct gate_check *c)
{
	struct markdown *m = ctx;
	char text[1024];

	if (c->verdict == GATE_HOLDS || m->broken++ >= MAX_BROKEN)
		return;
	export_check_text(c, m->q->baseline, text, sizeof text);
	fprintf(m->out, "- **%s**: %s\n", c->point, text);
}

static int write_gate(struct markdown *m, struct diag *d)
{
	struct gate_sum sum;

	if (m->q->gate == NULL)
		return 0;
	fprintf(m->out, "## Gate %s\n\n", m->q->gate->name);
	if (gate_run(m->q->gate, m->q->baseline, m->q->db, false, on_check, m, &sum, d) != 0)
		return -1;
	if (sum.broken > MAX_BROKEN)
		fprintf(m->out, "- and %llu more\n", (unsigned long long)(sum.broken - MAX_BROKEN));
	fprintf(m->out, "%s%llu checks, %llu broken.\n\n", sum.broken ? "\n" : "",
		(unsigned long long)sum.checks, (unsigned long long)sum.broken);
	return 0;
}

/* ---- answers ---- */

static void write_front(const struct markdown *m, const struct answers *a)
{
	char number[FIXED_TEXT], *name;

	fputs("## Pareto front\n\nNo other design of the same machine and trace is at least as "
	      "good in all of these and better in one.\n\n| design |",
	      m->out);
	for (unsigned f = 0; f < a->nr; f++) {
		fputc(' ', m->out);
		cell(m->out, answers_figure(a, f));
		fputs(" |", m->out);
	}
	fputs("\n|---|", m->out);
	for (unsigned f = 0; f < a->nr; f++)
		fputs("---:|", m->out);
	fputc('\n', m->out);
	for (unsigned i = 0; i < a->nr_designs; i++) {
		if (!a->design[i].front)
			continue;
		fputs("| ", m->out);
		name = answers_name(a, &a->design[i]);
		cell(m->out, name);
		free(name);
		fputs(" |", m->out);
		for (unsigned f = 0; f < a->nr; f++)
			fprintf(m->out, " %s |", fixed_text(a->design[i].value[f], number));
		fputc('\n', m->out);
	}
	fputc('\n', m->out);
}

static void write_effects(const struct markdown *m, const struct answers *a, unsigned f)
{
	struct answer_effect *e;
	unsigned n = answers_effects(a, f, &e);
	char number[FIXED_TEXT];

	fprintf(m->out, "## Effects on %s\n\n", answers_figure(a, f));
	for (unsigned i = 0; i < n; i++) {
		fprintf(m->out, "- %s, %s apart%s:", e[i].factor, fixed_text(e[i].range, number),
			a->repeats > 1 && e[i].range <= e[i].noise ? " (within the noise)" : "");
		for (unsigned l = 0; l < e[i].nr_levels; l++)
			fprintf(m->out, "%s %s %s", l ? "," : "", e[i].level[l].label,
				fixed_text(e[i].level[l].mean, number));
		fputc('\n', m->out);
	}
	fputc('\n', m->out);
	answers_effects_free(e, n);
}

struct best_view {
	const struct markdown *m;
	const struct answers *a;
};

static void write_best(void *ctx, const struct answer_design *best)
{
	const struct best_view *v = ctx;
	char *name = answers_name(v->a, best), *command = answers_command(v->a, best);

	fprintf(v->m->out, "Best: **%s**\n\n```text\n%s\n```\n\n", name, command);
	free(name);
	free(command);
}

static int write_answers(struct markdown *m, struct diag *d)
{
	struct answers a;
	struct best_view v = {m, &a};

	if (answers_read(&a, m->q, d) != 0)
		return -1;
	fprintf(m->out, "%u points, %u of them did not run to their end.\n\n", a.points, a.failed);
	if (a.nr != 0)
		fprintf(m->out, "## Best by %s\n\n", answers_figure(&a, 0));
	if (answers_best(&a, write_best, &v) != 0) {
		write_front(m, &a);
		for (unsigned f = 0; f < a.nr; f++)
			write_effects(m, &a, f);
	}
	answers_free(&a);
	return 0;
}

/* ---- the table ---- */

static int on_row(void *ctx, const struct export_row *r)
{
	struct markdown *m = ctx;
	char number[FIXED_TEXT];

	if (m->rows++ >= MAX_ROWS)
		return 0;
	fputs("| ", m->out);
	cell(m->out, r->row->point);
	fprintf(m->out, " | %s |", r->row->status);
	for (unsigned i = 0; i < m->t->nr_figures; i++)
		fprintf(m->out, " %s |",
			r->cell[i].known ? fixed_text(r->cell[i].value, number) : "");
	fputc('\n', m->out);
	return 0;
}

static int write_table(struct markdown *m, struct diag *d)
{
	fputs("## Points\n\n| point | status |", m->out);
	for (unsigned i = 0; i < m->t->nr_figures; i++) {
		fputc(' ', m->out);
		cell(m->out, m->t->figure[i]);
		fputs(" |", m->out);
	}
	fputs("\n|---|---|", m->out);
	for (unsigned i = 0; i < m->t->nr_figures; i++)
		fputs("---:|", m->out);
	fputc('\n', m->out);
	if (export_each(m->t, on_row, m, d) != 0)
		return -1;
	if (m->rows > MAX_ROWS)
		fprintf(m->out, "\nand %u more.\n", m->rows - MAX_ROWS);
	return 0;
}

int export_markdown(const struct export_request *q, struct diag *d)
{
	struct export_table t;
	struct markdown m = {.q = q, .out = q->out, .t = &t};
	int err = -1;

	if (export_table_open(&t, q, d) != 0)
		return -1;
	fprintf(q->out, "# %s\n\n", json_string_value(json_object_get(t.definition, "name")));
	if (json_string_value(json_object_get(t.definition, "about"))[0] != '\0')
		fprintf(q->out, "%s\n\n",
			json_string_value(json_object_get(t.definition, "about")));
	if (write_gate(&m, d) == 0 && write_answers(&m, d) == 0)
		err = write_table(&m, d);
	export_table_close(&t);
	return err;
}
