/* Expressions: evaluation over a report. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sim/expr_node.h"

#define EXPR_PATH 256u /* of a figure's name, for messages; longer ones are cut */

struct eval {
	const struct expr *e;
	const json_t *report;
	struct diag *d;
	const struct expr_source *src; /* NULL: the report alone */
};

static const json_t *report_of(const struct eval *v)
{
	return v->src != NULL ? v->src->report(v->src->ctx) : v->report;
}

static int wrong(const struct eval *v, int col, const char *what, const char *name)
{
	return diag_set(v->d, v->e->file, 1, col, "%s '%s' in '%s'", what, name, v->e->text);
}

/* The element of a list by its `name`, ignoring case. */
static const json_t *by_name(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_object_get(json_array_get(list, i), "name"));

		if (s != NULL && strcasecmp(s, name) == 0)
			return json_array_get(list, i);
	}
	return NULL;
}

static const json_t *take_step(const json_t *at, const struct step *s)
{
	if (s->name == NULL)
		return json_array_get(at, s->index);
	return json_is_array(at) ? by_name(at, s->name) : json_object_get(at, s->name);
}

/* An index beyond a list's end, or into what is none. */
static int no_element(const struct eval *v, const json_t *at, const struct step *s)
{
	if (!json_is_array(at))
		return diag_set(v->d, v->e->file, 1, s->col,
				"no list here, and so no element [%zu] of it", s->index);
	return diag_set(v->d, v->e->file, 1, s->col, "no element [%zu]: the list has %zu, from [0]",
			s->index, json_array_size(at));
}

/* "no 'siz' here, there are: size, name" would need the whole list; a few keys do. */
static int no_such(const struct eval *v, const json_t *at, const struct step *s)
{
	char known[200] = "";
	size_t n = 0;
	const char *key;
	json_t *value;

	if (s->name == NULL)
		return no_element(v, at, s);
	if (json_is_object(at)) {
		json_object_foreach((json_t *)(uintptr_t)at, key,
				    value) if (n + strlen(key) + 3 < sizeof known) n +=
			(size_t)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", key);
	}
	for (size_t i = 0; i < json_array_size(at); i++) {
		key = json_string_value(json_object_get(json_array_get(at, i), "name"));
		if (key != NULL && n + strlen(key) + 3 < sizeof known)
			n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "",
					      key);
	}
	return diag_set(v->d, v->e->file, 1, s->col, "the report has no '%s' here, expected %s%s",
			s->name, n ? "one of: " : "",
			n                    ? known
			: json_is_array(at)  ? "nothing: the list is empty"
			: json_is_object(at) ? "nothing: there is none"
					     : "nothing, it is a plain value");
}

static fixed real_of(double x)
{
	return (fixed)(long long)(x * MILLION + (x < 0 ? -0.5 : 0.5));
}

static void value_of(const json_t *j, struct value *out)
{
	*out = (struct value){0, NULL, NULL};
	if (json_is_integer(j))
		out->number = (fixed)json_integer_value(j) * MILLION;
	else if (json_is_real(j))
		out->number = real_of(json_real_value(j));
	else if (json_is_true(j))
		out->number = MILLION;
	else if (json_is_string(j))
		out->text = json_string_value(j);
	else if (json_is_array(j) || json_is_object(j))
		out->json = j;
}

static int eval_path(const struct eval *v, const struct node *n, struct value *out)
{
	const json_t *at;

	if (v->src != NULL && v->src->path != NULL && v->src->path(v->src->ctx, n, out))
		return 0;
	at = report_of(v);
	for (unsigned i = 0; i < n->nr_steps; i++) {
		const json_t *next = take_step(at, &n->step[i]);

		if (next == NULL)
			return no_such(v, at, &n->step[i]);
		at = next;
	}
	value_of(at, out);
	return 0;
}

static int eval(const struct eval *v, const struct node *n, struct value *out);

static int eval_number(const struct eval *v, const struct node *n, fixed *out)
{
	struct value x;

	if (eval(v, n, &x) != 0)
		return -1;
	if (x.text != NULL || x.json != NULL)
		return diag_set(v->d, v->e->file, 1, n->col, "expected a number in '%s'",
				v->e->text);
	*out = x.number;
	return 0;
}

/* The name that an argument spells, as a bare word. */
static const char *bare_name(const struct node *n)
{
	return n != NULL && n->kind == N_PATH && n->nr_steps == 1 ? n->step[0].name : NULL;
}

static int call_count(const struct eval *v, const struct node *n, struct value *out)
{
	struct value x;

	if (n->kid[0] == NULL || n->kid[1] != NULL)
		return wrong(v, n->col, "expected one list as argument of", n->text);
	if (eval(v, n->kid[0], &x) != 0)
		return -1;
	if (!json_is_array(x.json) && !json_is_object(x.json))
		return wrong(v, n->kid[0]->col, "expected a list as argument of", n->text);
	out->number = (fixed)(json_is_array(x.json) ? json_array_size(x.json)
						    : json_object_size(x.json)) *
		      MILLION;
	return 0;
}

static void larger(json_int_t *best, const json_t *element)
{
	json_int_t b = json_integer_value(json_object_get(element, "largest_free_bytes"));

	*best = b > *best ? b : *best;
}

/*
 * The largest free block of everything, or of what bears the name: a heap, a zone, a
 * region, or several of them.
 */
static int call_largest(const struct eval *v, const struct node *n, struct value *out)
{
	const char *name = bare_name(n->kid[0]);
	const json_t *report = report_of(v), *lists[3];
	json_int_t best = -1;

	if (n->kid[1] != NULL || (n->kid[0] != NULL && name == NULL))
		return wrong(v, n->col,
			     "expected the name of a heap, a zone or a region, or nothing, as "
			     "argument of",
			     n->text);
	lists[0] = json_object_get(report, "heaps");
	lists[1] = json_object_get(report, "zones");
	lists[2] = json_object_get(json_object_get(report, "ledger"), "regions");
	for (size_t l = 0; l < 3; l++)
		for (size_t i = 0; i < json_array_size(lists[l]); i++) {
			const json_t *e = json_array_get(lists[l], i);
			const char *s = json_string_value(json_object_get(e, "name"));

			if (name == NULL || (s != NULL && strcasecmp(s, name) == 0))
				larger(&best, e);
		}
	if (best < 0)
		return wrong(v, n->col, "there is no heap, zone or region", name ? name : "at all");
	out->number = (fixed)best * MILLION;
	return 0;
}

/* unusable(zone, order), extfrag(zone, order). */
static int index_zone(const struct eval *v, const struct node *n, const json_t **zone)
{
	const char *name = bare_name(n->kid[0]);

	if (name == NULL || n->kid[1] == NULL)
		return wrong(v, n->col, "expected a zone and an order as arguments of", n->text);
	*zone = by_name(json_object_get(report_of(v), "zones"), name);
	return *zone != NULL ? 0 : wrong(v, n->kid[0]->col, "there is no zone", name);
}

static int call_index(const struct eval *v, const struct node *n, struct value *out)
{
	const char *name = bare_name(n->kid[0]);
	const json_t *zone, *x;
	fixed order = 0;

	if (index_zone(v, n, &zone) != 0 || eval_number(v, n->kid[1], &order) != 0)
		return -1;
	x = order < 0 ? NULL
		      : json_array_get(json_object_get(zone, n->text), (size_t)(order / MILLION));
	if (x == NULL)
		return wrong(v, n->kid[1]->col, "no such order in zone", name);
	value_of(x, out);
	return 0;
}

static int eval_call(const struct eval *v, const struct node *n, struct value *out)
{
	static const struct {
		const char *name;
		int (*fn)(const struct eval *v, const struct node *n, struct value *out);
	} calls[] = {{"count", call_count},
		     {"largest", call_largest},
		     {"unusable", call_index},
		     {"extfrag", call_index}};

	if (v->src != NULL && v->src->call != NULL && v->src->call(v->src->ctx, n, out))
		return 0;
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (strcmp(calls[i].name, n->text) == 0)
			return calls[i].fn(v, n, out);
	return diag_set(v->d, v->e->file, 1, n->col,
			"unknown function '%s', expected count, largest, unusable or extfrag",
			n->text);
}

static bool compares(enum op op)
{
	return op >= OP_LT && op <= OP_NE;
}

static bool holds(enum op op, int order)
{
	switch (op) {
	case OP_LT:
		return order < 0;
	case OP_LE:
		return order <= 0;
	case OP_GT:
		return order > 0;
	case OP_GE:
		return order >= 0;
	case OP_EQ:
		return order == 0;
	default:
		return order != 0;
	}
}

static int eval_compare(const struct eval *v, const struct node *n, struct value *out)
{
	struct value a, b;
	bool truth;

	if (v->src != NULL && v->src->compare != NULL && v->src->compare(v->src->ctx, n, &truth)) {
		out->number = truth ? MILLION : 0;
		return 0;
	}
	if (eval(v, n->kid[0], &a) != 0 || eval(v, n->kid[1], &b) != 0)
		return -1;
	if (a.json != NULL || b.json != NULL || (a.text == NULL) != (b.text == NULL))
		return diag_set(v->d, v->e->file, 1, n->col,
				"expected two numbers or two texts to compare in '%s'", v->e->text);
	if (a.text != NULL)
		out->number = holds(n->op, strcmp(a.text, b.text)) ? MILLION : 0;
	else
		out->number =
			holds(n->op, (a.number > b.number) - (a.number < b.number)) ? MILLION : 0;
	return 0;
}

#define NUMBER_LIMIT ((fixed)1 << 100)

static int arithmetic(const struct eval *v, const struct node *n, fixed a, fixed b, fixed *out)
{
	/* Keeps every product inside 128 bits: operands beyond 2^62 are no byte counts. */
	if (a > (fixed)1 << 86 || b > (fixed)1 << 86 || a < -((fixed)1 << 86) ||
	    b < -((fixed)1 << 86))
		return diag_set(v->d, v->e->file, 1, n->col, "number too large in '%s'",
				v->e->text);
	switch (n->op) {
	case OP_ADD:
		*out = a + b;
		return 0;
	case OP_SUB:
		*out = a - b;
		return 0;
	case OP_MUL:
		if (a / MILLION != 0 &&
		    (b > NUMBER_LIMIT / (a / MILLION > 0 ? a / MILLION : -(a / MILLION)) ||
		     -b > NUMBER_LIMIT / (a / MILLION > 0 ? a / MILLION : -(a / MILLION))))
			return diag_set(v->d, v->e->file, 1, n->col, "number too large in '%s'",
					v->e->text);
		*out = a / MILLION * b + a % MILLION * b / MILLION;
		return 0;
	default:
		if (b == 0)
			return diag_set(v->d, v->e->file, 1, n->col, "division by zero in '%s'",
					v->e->text);
		*out = a * MILLION / b;
		return 0;
	}
}

static int eval_binary(const struct eval *v, const struct node *n, struct value *out)
{
	fixed a = 0, b = 0;

	if (compares(n->op))
		return eval_compare(v, n, out);
	if (eval_number(v, n->kid[0], &a) != 0)
		return -1;
	if ((n->op == OP_AND && a == 0) || (n->op == OP_OR && a != 0)) {
		out->number = a != 0 ? MILLION : 0;
		return 0;
	}
	if (eval_number(v, n->kid[1], &b) != 0)
		return -1;
	if (n->op == OP_AND || n->op == OP_OR) {
		out->number = b != 0 ? MILLION : 0;
		return 0;
	}
	return arithmetic(v, n, a, b, &out->number);
}

static int eval(const struct eval *v, const struct node *n, struct value *out)
{
	fixed a = 0;

	*out = (struct value){0, NULL, NULL};
	switch (n->kind) {
	case N_NUMBER:
		out->number = n->number;
		return 0;
	case N_TEXT:
		out->text = n->text;
		return 0;
	case N_PATH:
		return eval_path(v, n, out);
	case N_CALL:
		return eval_call(v, n, out);
	case N_UNARY:
		if (eval_number(v, n->kid[0], &a) != 0)
			return -1;
		out->number = n->op == OP_NEG ? -a : (a == 0 ? MILLION : 0);
		return 0;
	default:
		return eval_binary(v, n, out);
	}
}

int expr_true(const struct expr *e, const json_t *report, bool *out, struct diag *d)
{
	struct eval v = {e, report, d, NULL};
	fixed x = 0;

	if (eval_number(&v, e->root, &x) != 0)
		return -1;
	*out = x != 0;
	return 0;
}

int expr_number(const struct expr *e, const json_t *report, long long *millionths, struct diag *d)
{
	struct eval v = {e, report, d, NULL};
	fixed x = 0;

	if (eval_number(&v, e->root, &x) != 0)
		return -1;
	*millionths = (long long)x;
	return 0;
}

int expr_true_from(const struct expr *e, const struct expr_source *src, bool *out, struct diag *d)
{
	struct eval v = {e, NULL, d, src};
	fixed x = 0;

	if (eval_number(&v, e->root, &x) != 0)
		return -1;
	*out = x != 0;
	return 0;
}

/* ---- names, before there are values ---- */

struct naming {
	struct eval v;
	bool (*comes_later)(const char *path);
};

/* Appends a step to a path, as figures are named. */
static void name_step(char path[EXPR_PATH], const struct step *s)
{
	size_t n = strlen(path);

	if (s->name != NULL)
		snprintf(path + n, EXPR_PATH - n, "%s%s", n != 0 ? "." : "", s->name);
	else
		snprintf(path + n, EXPR_PATH - n, "[%zu]", s->index);
}

static int path_names(const struct naming *x, const struct node *n)
{
	const json_t *at = x->v.report;
	char path[EXPR_PATH] = "";

	for (unsigned i = 0; i < n->nr_steps; i++) {
		const json_t *next = take_step(at, &n->step[i]);

		name_step(path, &n->step[i]);
		if (next == NULL)
			return x->comes_later(path) ? 0 : no_such(&x->v, at, &n->step[i]);
		at = next;
	}
	return 0;
}

static int node_names(const struct naming *x, const struct node *n);

static int call_names(const struct naming *x, const struct node *n)
{
	const char *name = bare_name(n->kid[0]);
	char heap[EXPR_PATH];
	const json_t *zone;
	struct value out;

	if (strcmp(n->text, "count") == 0)
		return n->kid[0] != NULL ? node_names(x, n->kid[0]) : call_count(&x->v, n, &out);
	if (strcmp(n->text, "unusable") == 0 || strcmp(n->text, "extfrag") == 0)
		return index_zone(&x->v, n, &zone) != 0 ? -1 : node_names(x, n->kid[1]);
	snprintf(heap, sizeof heap, "heaps.%s", name != NULL ? name : "");
	if (strcmp(n->text, "largest") == 0 && x->comes_later(heap))
		return 0;
	return eval_call(&x->v, n, &out);
}

static int node_names(const struct naming *x, const struct node *n)
{
	if (n->kind == N_PATH)
		return path_names(x, n);
	if (n->kind == N_CALL)
		return call_names(x, n);
	for (unsigned i = 0; i < 2; i++)
		if (n->kid[i] != NULL && node_names(x, n->kid[i]) != 0)
			return -1;
	return 0;
}

int expr_names(const struct expr *e, const json_t *early, bool (*comes_later)(const char *path),
	       struct diag *d)
{
	struct naming x = {{e, early, d, NULL}, comes_later};

	return node_names(&x, e->root);
}

bool node_is_limit(const struct node *n, enum op *op, fixed *number)
{
	if (n->kind != N_BINARY || !compares(n->op) || n->kid[1] == NULL ||
	    n->kid[1]->kind != N_NUMBER)
		return false;
	*op = n->op;
	*number = n->kid[1]->number;
	return true;
}
