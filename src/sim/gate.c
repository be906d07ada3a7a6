/* Applying gates: each comparison of a rule is a check of its own. */
#include "sim/gate.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/expr_node.h"

struct judge {
	const struct gate *g;
	const struct baseline *b;
	void (*fn)(void *ctx, const struct gate_check *c);
	void *ctx;
	struct gate_sum *sum;
	bool part;
	bool met[GATE_MAX_RULES]; /* rules that speak of a point */
	/* Collecting instead of judging. */
	struct baseline *into;
	bool all;
	struct diag *d;
	/* The point at hand. */
	const struct sweep_row *row;
	const struct gate_rule *rule;
	json_t *report;
};

/* ---- expressions ---- */

static bool is_baseline(const struct node *n)
{
	return n->kind == N_PATH && n->nr_steps == 1 && n->step[0].name != NULL &&
	       strcmp(n->step[0].name, "baseline") == 0;
}

static bool names_baseline(const struct node *n)
{
	return n != NULL &&
	       (is_baseline(n) || names_baseline(n->kid[0]) || names_baseline(n->kid[1]));
}

static int number_of(const struct judge *j, struct node *n, const json_t *report,
		     long long *millionths, struct diag *d)
{
	struct expr e = {j->rule->check->text, j->rule->check->file, n};

	return expr_number(&e, report, millionths, d);
}

static const char *op_text(enum op op)
{
	static const char *const words[] = {[OP_LT] = "<",  [OP_LE] = "<=", [OP_GT] = ">",
					    [OP_GE] = ">=", [OP_EQ] = "==", [OP_NE] = "!="};

	return words[op];
}

/* 5 > x is x < 5. */
static enum op turned(enum op op)
{
	switch (op) {
	case OP_LT:
		return OP_GT;
	case OP_LE:
		return OP_GE;
	case OP_GT:
		return OP_LT;
	case OP_GE:
		return OP_LE;
	default:
		return op;
	}
}

static bool holds(enum op op, long long a, long long b)
{
	switch (op) {
	case OP_LT:
		return a < b;
	case OP_LE:
		return a <= b;
	case OP_GT:
		return a > b;
	case OP_GE:
		return a >= b;
	case OP_EQ:
		return a == b;
	default:
		return a != b;
	}
}

/* ---- one comparison ---- */

static bool tell(struct judge *j, struct gate_check *c)
{
	c->rule = j->rule;
	if (c->point == NULL)
		c->point = j->row->point;
	if (c->message == NULL)
		c->message = "";
	if (c->figure == NULL)
		c->figure = "";
	j->sum->checks++;
	j->sum->broken += c->verdict != GATE_HOLDS;
	if (j->fn != NULL)
		j->fn(j->ctx, c);
	return c->verdict == GATE_HOLDS;
}

/* The limit: the other side, with `baseline` in it being what the figure was. */
static int limit_of(struct judge *j, struct node *n, long long base, bool relative,
		    long long *limit, struct diag *d)
{
	json_t *report;
	int err;

	if (!relative)
		return number_of(j, n, j->report, limit, d);
	report = json_copy(j->report);
	json_object_set_new(report, "baseline",
			    base % MILLION == 0 ? json_integer((json_int_t)(base / MILLION))
						: json_real((double)base / MILLION));
	err = number_of(j, n, report, limit, d);
	json_decref(report);
	return err;
}

/* Comparisons of texts have no numbers to tell of. */
static bool judge_texts(struct judge *j, struct node *n, struct gate_check *c)
{
	struct expr e = {j->rule->check->text, j->rule->check->file, n};
	struct diag d = {0};
	bool yes = false;

	if (expr_true(&e, j->report, &yes, &d) != 0) {
		c->verdict = GATE_NO_FIGURE;
		c->message = d.msg;
		return tell(j, c);
	}
	c->verdict = yes ? GATE_HOLDS : GATE_BROKEN;
	return tell(j, c);
}

static void collect(struct judge *j, struct node *side, bool relative, const char *figure)
{
	struct diag d = {0};
	long long value;

	if ((relative || j->all) && number_of(j, side, j->report, &value, &d) == 0)
		baseline_put(j->into, j->row->point, figure, value);
}

static void compare_numbers(struct judge *j, struct node *side, struct node *other, enum op op,
			    struct gate_check *c)
{
	long long base = 0;
	struct diag d = {0};

	c->op = op_text(op);
	if (number_of(j, side, j->report, &c->value, &d) != 0) {
		c->verdict = GATE_NO_FIGURE;
	} else if (c->relative &&
		   (j->b == NULL || !baseline_get(j->b, j->row->point, c->figure, &base))) {
		c->verdict = GATE_NO_BASELINE;
		diag_set(&d, "", 0, 0, "%s",
			 j->b == NULL ? "there is no baseline"
				      : "the baseline does not know it: 'memscape baseline update' "
					"adds it");
	} else if (limit_of(j, other, base, c->relative, &c->limit, &d) != 0) {
		c->verdict = GATE_NO_FIGURE;
	} else {
		c->numbers = true;
		c->verdict = holds(op, c->value, c->limit) ? GATE_HOLDS : GATE_BROKEN;
	}
	c->message = d.msg;
	tell(j, c);
}

static bool judge_compare(struct judge *j, struct node *n)
{
	struct gate_check c = {.relative = names_baseline(n)};
	bool turn = names_baseline(n->kid[0]) && !names_baseline(n->kid[1]);
	struct node *side = n->kid[turn], *other = n->kid[!turn];
	char *figure;

	if (side->kind == N_TEXT || other->kind == N_TEXT)
		return j->into != NULL || judge_texts(j, n, &c);
	figure = expr_node_text(side);
	c.figure = figure;
	if (j->into != NULL)
		collect(j, side, c.relative, figure);
	else
		compare_numbers(j, side, other, turn ? turned(n->op) : n->op, &c);
	free(figure);
	return c.verdict == GATE_HOLDS;
}

/* ---- a rule ---- */

/* Anything that is no plain chain of comparisons is one check: it is true or not. */
static bool is_chain(const struct node *n)
{
	if (n->kind != N_BINARY)
		return false;
	if (n->op == OP_AND)
		return is_chain(n->kid[0]) && is_chain(n->kid[1]);
	return n->op >= OP_LT && n->op <= OP_NE;
}

static void judge_node(struct judge *j, struct node *n)
{
	struct gate_check c = {0};

	if (!is_chain(n)) {
		if (j->into == NULL)
			judge_texts(j, n, &c);
		return;
	}
	if (n->op != OP_AND) {
		judge_compare(j, n);
		return;
	}
	judge_node(j, n->kid[0]);
	judge_node(j, n->kid[1]);
}

/* 1: the rule speaks of this point. */
static int applies(struct judge *j, const json_t *seen)
{
	bool yes = true;

	if (j->rule->where != NULL && expr_true(j->rule->where, seen, &yes, j->d) != 0)
		return -1;
	return yes;
}

static int judge_rule(struct judge *j, const json_t *seen)
{
	struct gate_check c = {.verdict = GATE_NOT_RUN, .message = j->row->message};
	int yes = applies(j, seen);

	if (yes <= 0)
		return yes;
	j->met[j->rule - j->g->rule] = true;
	if (j->row->status == NULL)
		c.message = "it has no result yet";
	else if (strcmp(j->row->status, "ok") == 0 && j->report != NULL) {
		judge_node(j, j->rule->check->root);
		return 0;
	}
	if (j->into == NULL && (j->row->status != NULL || !j->part))
		tell(j, &c);
	return 0;
}

static int judge_row(void *ctx, const struct sweep_row *row)
{
	struct judge *j = ctx;
	json_t *axes;
	int err = 0;

	j->sum->points++;
	j->sum->waiting += row->status == NULL;
	j->row = row;
	axes = json_loads(row->axes, 0, NULL);
	j->report = row->status != NULL && row->report[0] != '\0' ? json_loads(row->report, 0, NULL)
								  : NULL;
	for (unsigned i = 0; i < j->g->nr_rules && err == 0; i++) {
		j->rule = &j->g->rule[i];
		err = judge_rule(j, json_object_get(axes, "seen"));
	}
	json_decref(axes);
	json_decref(j->report);
	return err;
}

/* A rule without a point would hold by being forgotten. */
static void judge_idle(struct judge *j)
{
	for (unsigned i = 0; i < j->g->nr_rules; i++) {
		struct gate_check c = {.verdict = GATE_NO_POINT, .point = "(no point)"};
		char text[256];

		if (j->met[i])
			continue;
		j->rule = &j->g->rule[i];
		snprintf(text, sizeof text,
			 "the rule '%.150s' speaks of no point: its `where` is true of none",
			 j->rule->name);
		c.message = text;
		tell(j, &c);
	}
}

int gate_run(const struct gate *g, const struct baseline *b, struct sweep_db *db, bool part,
	     void (*fn)(void *ctx, const struct gate_check *c), void *ctx, struct gate_sum *sum,
	     struct diag *d)
{
	struct judge j = {.g = g, .b = b, .part = part, .fn = fn, .ctx = ctx, .sum = sum, .d = d};

	*sum = (struct gate_sum){0};
	if (sweep_db_each(db, judge_row, &j, d) != 0)
		return -1;
	judge_idle(&j);
	return 0;
}

int gate_collect(const struct gate *g, struct sweep_db *db, bool all, struct baseline *b,
		 struct diag *d)
{
	struct gate_sum sum = {0};
	struct judge j = {.g = g, .into = b, .all = all, .sum = &sum, .d = d};

	return sweep_db_each(db, judge_row, &j, d);
}
