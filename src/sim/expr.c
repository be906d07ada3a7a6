/*
 * Expressions: a recursive-descent parser into a small tree, and its evaluation.
 * Numbers are __int128 millionths.
 */
#include "sim/expr.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_DEPTH 100
#define MAX_STEPS 16
#define MILLION   1000000

__extension__ typedef __int128 fixed;

enum node_kind { N_NUMBER, N_TEXT, N_PATH, N_CALL, N_UNARY, N_BINARY };

enum op { OP_OR, OP_AND, OP_NOT, OP_LT, OP_LE, OP_GT, OP_GE, OP_EQ, OP_NE, OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_NEG };

/* A path step: a name, or an index when name is NULL. */
struct step {
	char *name;
	size_t index;
	int col;
};

struct node {
	enum node_kind kind;
	enum op op;
	int col; /* in the text, from 1 */
	fixed number;
	char *text; /* N_TEXT; N_CALL: the function's name */
	struct step step[MAX_STEPS];
	unsigned nr_steps;
	struct node *kid[2]; /* N_CALL: arguments */
};

struct expr {
	char *text, *file;
	struct node *root;
};

struct parser {
	const char *text, *at, *file;
	struct diag *d;
	int depth;
};

/* ---- errors and tokens ---- */

static int col_of(const struct parser *p, const char *at)
{
	return (int)(at - p->text) + 1;
}

static struct node *fail(struct parser *p, const char *at, const char *what)
{
	diag_set(p->d, p->file, 1, col_of(p, at), "%s in '%s'", what, p->text);
	return NULL;
}

static void skip(struct parser *p)
{
	while (isspace((unsigned char)*p->at))
		p->at++;
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* A keyword that is not the beginning of a longer name. */
static bool take_word(struct parser *p, const char *word)
{
	size_t n = strlen(word);

	skip(p);
	if (strncmp(p->at, word, n) != 0 || is_name(p->at[n]))
		return false;
	p->at += n;
	return true;
}

static bool take(struct parser *p, const char *symbol)
{
	size_t n = strlen(symbol);

	skip(p);
	if (strncmp(p->at, symbol, n) != 0)
		return false;
	p->at += n;
	return true;
}

static struct node *new_node(struct parser *p, enum node_kind kind, const char *at)
{
	struct node *n = calloc(1, sizeof *n);

	if (n == NULL)
		return fail(p, at, "out of host memory");
	n->kind = kind;
	n->col = col_of(p, at);
	return n;
}

static void free_node(struct node *n)
{
	if (n == NULL)
		return;
	free(n->text);
	for (unsigned i = 0; i < n->nr_steps; i++)
		free(n->step[i].name);
	free_node(n->kid[0]);
	free_node(n->kid[1]);
	free(n);
}

static struct node *parse_or(struct parser *p);

/* ---- values ---- */

/* 12, 0x10, 1.25, each with a unit K, M, G (KiB, MiB, GiB) or none. */
static struct node *parse_number(struct parser *p)
{
	const char *at = p->at;
	struct node *n = new_node(p, N_NUMBER, at);
	char *end;
	fixed v, part = MILLION / 10;

	if (n == NULL)
		return NULL;
	v = (fixed)strtoull(at, &end, at[0] == '0' && (at[1] | 32) == 'x' ? 16 : 10) * MILLION;
	if (*end == '.' && isdigit((unsigned char)end[1]))
		for (end++; isdigit((unsigned char)*end); end++, part /= 10)
			v += part * (*end - '0');
	switch (*end) {
	case 'K': v *= 1024, end++; break;
	case 'M': v *= 1024 * 1024, end++; break;
	case 'G': v *= 1024 * 1024 * 1024, end++; break;
	default: break;
	}
	if (end[0] == 'i' && end[1] == 'B' && end > at && strchr("KMG", end[-1]) != NULL)
		end += 2;
	if (is_name(*end)) {
		free_node(n);
		return fail(p, end, "bad unit, expected K, M or G");
	}
	n->number = v;
	p->at = end;
	return n;
}

static struct node *parse_text(struct parser *p)
{
	const char *at = p->at, *end = strchr(at + 1, *at);
	struct node *n;

	if (end == NULL)
		return fail(p, at, "unterminated text, expected a closing quote");
	n = new_node(p, N_TEXT, at);
	if (n == NULL)
		return NULL;
	n->text = strndup(at + 1, (size_t)(end - at - 1));
	p->at = end + 1;
	return n;
}

static bool add_step(struct parser *p, struct node *n, const char *at, size_t len, size_t index)
{
	struct step *s = &n->step[n->nr_steps];

	if (n->nr_steps == MAX_STEPS) {
		fail(p, at, "path of more than 16 steps");
		return false;
	}
	*s = (struct step){len ? strndup(at, len) : NULL, index, col_of(p, at)};
	n->nr_steps++;
	return true;
}

static bool parse_index(struct parser *p, struct node *n)
{
	const char *at = p->at;
	char *end;
	size_t i = strtoull(at, &end, 10);

	if (end == at || *end != ']') {
		fail(p, at, "bad index, expected a number and ']'");
		return false;
	}
	p->at = end + 1;
	return add_step(p, n, at, 0, i);
}

static size_t name_length(const char *at)
{
	size_t n = 0;

	while (is_name(at[n]))
		n++;
	return n;
}

static struct node *parse_path(struct parser *p)
{
	struct node *n = new_node(p, N_PATH, p->at);
	bool ok = n != NULL;

	while (ok) {
		size_t len = name_length(p->at);

		if (len == 0) {
			fail(p, p->at, "expected a name after '.'");
			ok = false;
			break;
		}
		ok = add_step(p, n, p->at, len, 0);
		p->at += len;
		while (ok && *p->at == '[') {
			p->at++;
			ok = parse_index(p, n);
		}
		if (*p->at != '.')
			break;
		p->at++;
	}
	if (ok)
		return n;
	free_node(n);
	return NULL;
}

static struct node *parse_call(struct parser *p, size_t len)
{
	struct node *n = new_node(p, N_CALL, p->at);

	if (n == NULL)
		return NULL;
	n->text = strndup(p->at, len);
	p->at += len;
	take(p, "(");
	if (take(p, ")"))
		return n;
	for (unsigned i = 0; i < 2; i++) {
		n->kid[i] = parse_or(p);
		if (n->kid[i] == NULL)
			break;
		if (take(p, ")"))
			return n;
		if (i == 1 || !take(p, ",")) {
			fail(p, p->at, "expected ')' after the arguments");
			break;
		}
	}
	free_node(n);
	return NULL;
}

static struct node *parse_value(struct parser *p)
{
	struct node *n;
	size_t len;

	skip(p);
	if (take(p, "(")) {
		n = parse_or(p);
		if (n != NULL && !take(p, ")")) {
			free_node(n);
			return fail(p, p->at, "expected ')'");
		}
		return n;
	}
	if (isdigit((unsigned char)*p->at))
		return parse_number(p);
	if (*p->at == '"' || *p->at == '\'')
		return parse_text(p);
	len = name_length(p->at);
	if (len == 0 || *p->at == '-')
		return fail(p, p->at, *p->at == '\0' ? "unexpected end, expected a value" : "unexpected character, expected a value");
	for (const char *q = p->at + len;; q++) {
		if (*q == '(')
			return parse_call(p, len);
		if (!isspace((unsigned char)*q))
			return parse_path(p);
	}
}

/* ---- operators, loosest first ---- */

static struct node *join(struct parser *p, enum op op, const char *at, struct node *a, struct node *b)
{
	struct node *n = a != NULL && b != NULL ? new_node(p, N_BINARY, at) : NULL;

	if (n == NULL) {
		free_node(a);
		free_node(b);
		return NULL;
	}
	n->op = op;
	n->kid[0] = a;
	n->kid[1] = b;
	return n;
}

static struct node *parse_unary(struct parser *p)
{
	const char *at;
	struct node *n, *kid;

	skip(p);
	at = p->at;
	if (*at != '-')
		return parse_value(p);
	if (++p->depth > MAX_DEPTH)
		return fail(p, at, "nested too deeply");
	p->at++;
	kid = parse_unary(p);
	p->depth--;
	n = kid ? new_node(p, N_UNARY, at) : NULL;
	if (n == NULL) {
		free_node(kid);
		return NULL;
	}
	n->op = OP_NEG;
	n->kid[0] = kid;
	return n;
}

static struct node *parse_product(struct parser *p)
{
	struct node *n = parse_unary(p);

	while (n != NULL) {
		const char *at;

		skip(p);
		at = p->at;
		if (take(p, "*"))
			n = join(p, OP_MUL, at, n, parse_unary(p));
		else if (take(p, "/"))
			n = join(p, OP_DIV, at, n, parse_unary(p));
		else
			break;
	}
	return n;
}

static struct node *parse_sum(struct parser *p)
{
	struct node *n = parse_product(p);

	while (n != NULL) {
		const char *at;

		skip(p);
		at = p->at;
		if (take(p, "+"))
			n = join(p, OP_ADD, at, n, parse_product(p));
		else if (take(p, "-"))
			n = join(p, OP_SUB, at, n, parse_product(p));
		else
			break;
	}
	return n;
}

static struct node *parse_comparison(struct parser *p)
{
	static const struct {
		const char *symbol;
		enum op op;
	} ops[] = {{"<=", OP_LE}, {">=", OP_GE}, {"==", OP_EQ}, {"!=", OP_NE}, {"<", OP_LT}, {">", OP_GT}};
	struct node *n = parse_sum(p);
	const char *at;

	if (n == NULL)
		return NULL;
	skip(p);
	at = p->at;
	for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
		if (take(p, ops[i].symbol))
			return join(p, ops[i].op, at, n, parse_sum(p));
	if (*at == '=') {
		free_node(n);
		return fail(p, at, "unexpected '=', expected '=='");
	}
	return n;
}

static struct node *parse_not(struct parser *p)
{
	const char *at;
	struct node *n, *kid;

	skip(p);
	at = p->at;
	if (!take_word(p, "not") && !(at[0] == '!' && at[1] != '=' && take(p, "!")))
		return parse_comparison(p);
	if (++p->depth > MAX_DEPTH)
		return fail(p, at, "nested too deeply");
	kid = parse_not(p);
	p->depth--;
	n = kid ? new_node(p, N_UNARY, at) : NULL;
	if (n == NULL) {
		free_node(kid);
		return NULL;
	}
	n->op = OP_NOT;
	n->kid[0] = kid;
	return n;
}

static struct node *parse_and(struct parser *p)
{
	struct node *n = parse_not(p);

	while (n != NULL) {
		const char *at;

		skip(p);
		at = p->at;
		if (!take_word(p, "and") && !take(p, "&&"))
			break;
		n = join(p, OP_AND, at, n, parse_not(p));
	}
	return n;
}

static struct node *parse_or(struct parser *p)
{
	struct node *n;

	if (++p->depth > MAX_DEPTH)
		return fail(p, p->at, "nested too deeply");
	n = parse_and(p);
	while (n != NULL) {
		const char *at;

		skip(p);
		at = p->at;
		if (!take_word(p, "or") && !take(p, "||"))
			break;
		n = join(p, OP_OR, at, n, parse_and(p));
	}
	p->depth--;
	return n;
}

struct expr *expr_parse(const char *text, const char *file, struct diag *d)
{
	struct expr *e = calloc(1, sizeof *e);
	struct parser p;

	if (e == NULL)
		return NULL;
	e->text = strdup(text);
	e->file = strdup(file);
	p = (struct parser){e->text, e->text, e->file, d, 0};
	e->root = parse_or(&p);
	skip(&p);
	if (e->root != NULL && *p.at != '\0')
		fail(&p, p.at, "unexpected text, expected an operator or the end");
	if (e->root != NULL && *p.at == '\0')
		return e;
	expr_free(e);
	return NULL;
}

void expr_free(struct expr *e)
{
	if (e == NULL)
		return;
	free_node(e->root);
	free(e->text);
	free(e->file);
	free(e);
}

/* ---- evaluation ---- */

struct value {
	fixed number;
	const char *text;   /* a text */
	const json_t *json; /* a list or an object: only for functions */
};

struct eval {
	const struct expr *e;
	const json_t *report;
	struct diag *d;
};

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

/* "no 'siz' here, there are: size, name" would need the whole list; a few keys do. */
static int no_such(const struct eval *v, const json_t *at, const struct step *s)
{
	char known[200] = "";
	size_t n = 0;
	const char *key;
	json_t *value;

	if (json_is_object(at)) {
		json_object_foreach((json_t *)(uintptr_t)at, key, value)
			if (n + strlen(key) + 3 < sizeof known)
				n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", key);
	}
	for (size_t i = 0; i < json_array_size(at); i++) {
		key = json_string_value(json_object_get(json_array_get(at, i), "name"));
		if (key != NULL && n + strlen(key) + 3 < sizeof known)
			n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", key);
	}
	return diag_set(v->d, v->e->file, 1, s->col, "the report has no '%s' here, expected one of: %s", s->name ? s->name : "index",
			n ? known : "nothing, it is a plain value");
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
	const json_t *at = v->report;

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
		return diag_set(v->d, v->e->file, 1, n->col, "expected a number in '%s'", v->e->text);
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
	out->number = (fixed)(json_is_array(x.json) ? json_array_size(x.json) : json_object_size(x.json)) * MILLION;
	return 0;
}

/* The largest free block of all heaps and zones, or of the one named. */
static int call_largest(const struct eval *v, const struct node *n, struct value *out)
{
	static const char *const lists[] = {"heaps", "zones"};
	const char *name = bare_name(n->kid[0]);
	json_int_t best = -1;

	if (n->kid[1] != NULL || (n->kid[0] != NULL && name == NULL))
		return wrong(v, n->col, "expected the name of a heap or a zone, or nothing, as argument of", n->text);
	for (size_t l = 0; l < 2; l++) {
		const json_t *list = json_object_get(v->report, lists[l]);

		for (size_t i = 0; i < json_array_size(list); i++) {
			const json_t *e = json_array_get(list, i);
			const char *s = json_string_value(json_object_get(e, "name"));
			json_int_t b = json_integer_value(json_object_get(e, "largest_free_bytes"));

			if ((name == NULL || (s != NULL && strcasecmp(s, name) == 0)) && b > best)
				best = b;
		}
	}
	if (best < 0)
		return wrong(v, n->col, "there is no heap or zone", name ? name : "at all");
	out->number = (fixed)best * MILLION;
	return 0;
}

/* unusable(zone, order), extfrag(zone, order). */
static int call_index(const struct eval *v, const struct node *n, struct value *out)
{
	const char *name = bare_name(n->kid[0]);
	const json_t *zone, *x;
	fixed order = 0;

	if (name == NULL || n->kid[1] == NULL)
		return wrong(v, n->col, "expected a zone and an order as arguments of", n->text);
	if (eval_number(v, n->kid[1], &order) != 0)
		return -1;
	zone = by_name(json_object_get(v->report, "zones"), name);
	if (zone == NULL)
		return wrong(v, n->kid[0]->col, "there is no zone", name);
	x = order < 0 ? NULL : json_array_get(json_object_get(zone, n->text), (size_t)(order / MILLION));
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
	} calls[] = {{"count", call_count}, {"largest", call_largest}, {"unusable", call_index}, {"extfrag", call_index}};

	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (strcmp(calls[i].name, n->text) == 0)
			return calls[i].fn(v, n, out);
	return diag_set(v->d, v->e->file, 1, n->col, "unknown function '%s', expected count, largest, unusable or extfrag", n->text);
}

static bool compares(enum op op)
{
	return op >= OP_LT && op <= OP_NE;
}

static bool holds(enum op op, int order)
{
	switch (op) {
	case OP_LT: return order < 0;
	case OP_LE: return order <= 0;
	case OP_GT: return order > 0;
	case OP_GE: return order >= 0;
	case OP_EQ: return order == 0;
	default: return order != 0;
	}
}

static int eval_compare(const struct eval *v, const struct node *n, struct value *out)
{
	struct value a, b;

	if (eval(v, n->kid[0], &a) != 0 || eval(v, n->kid[1], &b) != 0)
		return -1;
	if (a.json != NULL || b.json != NULL || (a.text == NULL) != (b.text == NULL))
		return diag_set(v->d, v->e->file, 1, n->col, "expected two numbers or two texts to compare in '%s'", v->e->text);
	if (a.text != NULL)
		out->number = holds(n->op, strcmp(a.text, b.text)) ? MILLION : 0;
	else
		out->number = holds(n->op, (a.number > b.number) - (a.number < b.number)) ? MILLION : 0;
	return 0;
}

#define NUMBER_LIMIT ((fixed)1 << 100)

static int arithmetic(const struct eval *v, const struct node *n, fixed a, fixed b, fixed *out)
{
	/* Keeps every product inside 128 bits: operands beyond 2^62 are no byte counts. */
	if (a > (fixed)1 << 86 || b > (fixed)1 << 86 || a < -((fixed)1 << 86) || b < -((fixed)1 << 86))
		return diag_set(v->d, v->e->file, 1, n->col, "number too large in '%s'", v->e->text);
	switch (n->op) {
	case OP_ADD:
		*out = a + b;
		return 0;
	case OP_SUB:
		*out = a - b;
		return 0;
	case OP_MUL:
		if (a / MILLION != 0 && (b > NUMBER_LIMIT / (a / MILLION > 0 ? a / MILLION : -(a / MILLION)) ||
					 -b > NUMBER_LIMIT / (a / MILLION > 0 ? a / MILLION : -(a / MILLION))))
			return diag_set(v->d, v->e->file, 1, n->col, "number too large in '%s'", v->e->text);
		*out = a / MILLION * b + a % MILLION * b / MILLION;
		return 0;
	default:
		if (b == 0)
			return diag_set(v->d, v->e->file, 1, n->col, "division by zero in '%s'", v->e->text);
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
	struct eval v = {e, report, d};
	fixed x = 0;

	if (eval_number(&v, e->root, &x) != 0)
		return -1;
	*out = x != 0;
	return 0;
}

int expr_number(const struct expr *e, const json_t *report, long long *millionths, struct diag *d)
{
	struct eval v = {e, report, d};
	fixed x = 0;

	if (eval_number(&v, e->root, &x) != 0)
		return -1;
	*millionths = (long long)x;
	return 0;
}
