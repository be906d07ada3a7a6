#include "ui/cli/gating.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/export_write.h"
#include "sim/sweep_answers.h"
#include "ui/cli/cli.h"
#include "ui/cli/text.h"

#define SHOWN_BROKEN 20u
#define SHOWN_BEST   8u
#define SHOWN_FRONT  20u
#define SHOWN_LEVELS 8u

int gating_open(struct gating *g, const char *path, const char *baseline)
{
	struct diag d = {0};

	g->gate = gate_read(path, &d);
	if (g->gate == NULL)
		return cli_bad_input(&d);
	g->path = baseline != NULL ? baseline : g->gate->baseline;
	if (g->path == NULL || (baseline == NULL && access(g->path, F_OK) != 0))
		return EXIT_RAN;
	g->baseline = baseline_read(g->path, &d);
	return g->baseline != NULL ? EXIT_RAN : cli_bad_input(&d);
}

void gating_close(struct gating *g)
{
	gate_free(g->gate);
	baseline_free(g->baseline);
	*g = (struct gating){0};
}

/* ---- the gate ---- */

struct judging {
	const struct gating *g;
	struct text_style style;
	unsigned shown;
	char point[512]; /* the last one told of */
};

static void on_check(void *ctx, const struct gate_check *c)
{
	struct judging *j = ctx;
	char text[1024];

	if (c->verdict == GATE_HOLDS || j->shown++ >= SHOWN_BROKEN)
		return;
	if (strcmp(j->point, c->point) != 0)
		print_in(stdout, &j->style, TEXT_BOLD, "  %s\n", c->point);
	snprintf(j->point, sizeof j->point, "%s", c->point);
	export_check_text(c, j->g->baseline, text, sizeof text);
	print_in(stdout, &j->style, TEXT_BAD, "    %s\n", text);
}

int gating_judge(const struct gating *g, struct sweep_db *db, bool part, const char *color)
{
	struct judging j = {.g = g};
	struct gate_sum sum;
	struct diag d = {0};

	text_style_init(&j.style, color, stdout);
	printf("Gate %s\n", g->gate->name);
	if (gate_run(g->gate, g->baseline, db, part, on_check, &j, &sum, &d) != 0)
		return cli_bad_input(&d);
	if (sum.broken > SHOWN_BROKEN)
		printf("  and %llu more\n", (unsigned long long)(sum.broken - SHOWN_BROKEN));
	printf("  %llu checks, %llu broken", (unsigned long long)sum.checks,
	       (unsigned long long)sum.broken);
	if (g->baseline != NULL)
		printf("; the baseline is %s (%s)", baseline_label(g->baseline), g->path);
	else if (g->path != NULL)
		printf("; there is no baseline %s", g->path);
	if (sum.waiting != 0)
		printf("; %llu points have no result yet", (unsigned long long)sum.waiting);
	putchar('\n');
	return sum.broken != 0 ? EXIT_TRUE : EXIT_RAN;
}

/* ---- answers ---- */

/* Byte counts as sizes, all else as it is. */
static const char *value_text(const char *figure, long long millionths, char *buf)
{
	if (strcmp(export_unit(figure), "bytes") == 0)
		return size_text((millionths + 500000) / 1000000, buf);
	if (millionths % 1000000 == 0)
		return count_text(millionths / 1000000, buf);
	snprintf(buf, COUNT_TEXT, "%lld.%03lld", millionths / 1000000,
		 (millionths < 0 ? -millionths : millionths) % 1000000 / 1000);
	return buf;
}

static void print_design(const struct answers *a, const struct answer_design *p)
{
	char buf[COUNT_TEXT], *name = answers_name(a, p);

	printf("  %s:", name);
	free(name);
	for (unsigned f = 0; f < a->nr; f++)
		printf("%s %s %s", f ? "," : "", answers_figure(a, f),
		       value_text(answers_figure(a, f), p->value[f], buf));
	if (p->least[0] != p->most[0]) {
		printf(" (%s", value_text(answers_figure(a, 0), p->least[0], buf));
		printf(" to %s over the repeats)",
		       value_text(answers_figure(a, 0), p->most[0], buf));
	}
	putchar('\n');
}

static void print_front(const struct answers *a)
{
	unsigned n = 0, shown = 0;

	for (unsigned i = 0; i < a->nr_designs; i++)
		n += a->design[i].front;
	printf("Pareto front, %u of %u designs: none of the same machine and trace is better in "
	       "all\n",
	       n, a->nr_designs);
	for (unsigned i = 0; i < a->nr_designs && shown < SHOWN_FRONT; i++)
		if (a->design[i].front) {
			print_design(a, &a->design[i]);
			shown++;
		}
	if (n > shown)
		printf("  and %u more\n", n - shown);
}

static void print_effect(const struct answers *a, unsigned f, const struct answer_effect *e)
{
	const char *figure = answers_figure(a, f);
	char buf[COUNT_TEXT];

	printf("  %-12s %11s apart", e->factor, value_text(figure, e->range, buf));
	if (a->repeats > 1)
		printf(" (%s %s)", e->range <= e->noise ? "within the noise of" : "noise",
		       value_text(figure, e->noise, buf));
	putchar(':');
	for (unsigned l = 0; l < e->nr_levels && l < SHOWN_LEVELS; l++)
		printf("%s %s %s", l ? "," : "", e->level[l].label,
		       value_text(figure, e->level[l].mean, buf));
	puts(e->nr_levels > SHOWN_LEVELS ? ", ..." : "");
}

static void print_effects(const struct answers *a, unsigned f)
{
	struct answer_effect *e;
	unsigned n = answers_effects(a, f, &e), idle = 0;

	if (n != 0)
		printf("What matters for %s, by its mean\n", answers_figure(a, f));
	for (unsigned i = 0; i < n; i++)
		if (e[i].range != 0)
			print_effect(a, f, &e[i]);
	for (unsigned i = 0; i < n; i++)
		if (e[i].range == 0)
			printf("%s%s", idle++ ? ", " : "  no difference: ", e[i].factor);
	if (idle != 0)
		putchar('\n');
	answers_effects_free(e, n);
}

struct best_view {
	const struct answers *a;
	struct text_style style;
	unsigned shown;
};

static void print_best(void *ctx, const struct answer_design *best)
{
	struct best_view *v = ctx;
	char *command;

	if (v->shown++ >= SHOWN_BEST)
		return;
	print_design(v->a, best);
	command = answers_command(v->a, best);
	print_in(stdout, &v->style, TEXT_DIM, "    %s\n", command);
	free(command);
}

/* A figure that no report has is most often misspelt. */
static void warn_unknown(const struct export_table *t)
{
	for (unsigned i = 0; i < t->nr_figures && t->reports != 0; i++)
		if (t->known[i] == 0)
			fprintf(stderr,
				"memscape: no report has a number '%s': 'memscape list figures' "
				"shows what there is\n",
				t->figure[i]);
}

int gating_answers(struct sweep_db *db, const char *color)
{
	struct export_request q = {.db = db, .out = stdout};
	struct best_view v = {0};
	struct diag d = {0};
	struct answers a;

	text_style_init(&v.style, color, stdout);
	if (answers_read(&a, &q, &d) != 0)
		return cli_bad_input(&d);
	warn_unknown(&a.t);
	v.a = &a;
	if (a.nr != 0)
		printf("Best by %s\n", answers_figure(&a, 0));
	if (answers_best(&a, print_best, &v) != 0) {
		if (v.shown > SHOWN_BEST)
			printf("  and %u more\n", v.shown - SHOWN_BEST);
		print_front(&a);
		for (unsigned f = 0; f < a.nr; f++)
			print_effects(&a, f);
	}
	answers_free(&a);
	return EXIT_RAN;
}
