/* Expressions: a recursive-descent parser into a small tree. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "sim/expr_node.h"

#define MAX_DEPTH 100

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
	case 'K':
		v *= 1024, end++;
		break;
	case 'M':
		v *= 1024 * 1024, end++;
		break;
	case 'G':
		v *= 1024 * 1024 * 1024, end++;
		break;
	default:
		break;
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
	p->at = end + 1;
	n->text = strndup(at + 1, (size_t)(end - at - 1));
	if (n->text != NULL)
		return n;
	free_node(n);
	return fail(p, at, "out of host memory");
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
	if (len != 0 && s->name == NULL)
		fail(p, at, "out of host memory");
	return len == 0 || s->name != NULL;
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
	if (n->text == NULL) {
		free_node(n);
		return fail(p, p->at, "out of host memory");
	}
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
		return fail(p, p->at,
			    *p->at == '\0' ? "unexpected end, expected a value"
					   : "unexpected character, expected a value");
	for (const char *q = p->at + len;; q++) {
		if (*q == '(')
			return parse_call(p, len);
		if (!isspace((unsigned char)*q))
			return parse_path(p);
	}
}

/* ---- operators, loosest first ---- */

static struct node *join(struct parser *p, enum op op, const char *at, struct node *a,
			 struct node *b)
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

static struct node *apply(struct parser *p, enum op op, const char *at, struct node *kid)
{
	struct node *n = kid != NULL ? new_node(p, N_UNARY, at) : NULL;

	if (n == NULL) {
		free_node(kid);
		return NULL;
	}
	n->op = op;
	n->kid[0] = kid;
	return n;
}

static struct node *parse_unary(struct parser *p)
{
	const char *at;
	struct node *kid;

	skip(p);
	at = p->at;
	if (*at != '-')
		return parse_value(p);
	if (++p->depth > MAX_DEPTH)
		return fail(p, at, "nested too deeply");
	p->at++;
	kid = parse_unary(p);
	p->depth--;
	return apply(p, OP_NEG, at, kid);
}

/* An operator between two operands of the same kind, as a word, a symbol, or either. */
struct infix {
	const char *word, *symbol; /* NULL: it has none */
	enum op op;
};

static const struct infix *take_infix(struct parser *p, const struct infix *ops)
{
	for (; ops->symbol != NULL; ops++)
		if ((ops->word != NULL && take_word(p, ops->word)) || take(p, ops->symbol))
			return ops;
	return NULL;
}

/* Operands joined by operators of equal rank, from left to right; `ops` ends with {0}. */
static struct node *parse_chain(struct parser *p, const struct infix *ops,
				struct node *(*operand)(struct parser *p))
{
	struct node *n = operand(p);

	while (n != NULL) {
		const struct infix *o;
		const char *at;

		skip(p);
		at = p->at;
		o = take_infix(p, ops);
		if (o == NULL)
			break;
		n = join(p, o->op, at, n, operand(p));
	}
	return n;
}

static struct node *parse_product(struct parser *p)
{
	static const struct infix ops[] = {{NULL, "*", OP_MUL}, {NULL, "/", OP_DIV}, {0}};

	return parse_chain(p, ops, parse_unary);
}

static struct node *parse_sum(struct parser *p)
{
	static const struct infix ops[] = {{NULL, "+", OP_ADD}, {NULL, "-", OP_SUB}, {0}};

	return parse_chain(p, ops, parse_product);
}

static struct node *parse_comparison(struct parser *p)
{
	static const struct {
		const char *symbol;
		enum op op;
	} ops[] = {{"<=", OP_LE}, {">=", OP_GE}, {"==", OP_EQ},
		   {"!=", OP_NE}, {"<", OP_LT},  {">", OP_GT}};
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
	struct node *kid;

	skip(p);
	at = p->at;
	if (!take_word(p, "not") && !(at[0] == '!' && at[1] != '=' && take(p, "!")))
		return parse_comparison(p);
	if (++p->depth > MAX_DEPTH)
		return fail(p, at, "nested too deeply");
	kid = parse_not(p);
	p->depth--;
	return apply(p, OP_NOT, at, kid);
}

static struct node *parse_and(struct parser *p)
{
	static const struct infix ops[] = {{"and", "&&", OP_AND}, {0}};

	return parse_chain(p, ops, parse_not);
}

static struct node *parse_or(struct parser *p)
{
	static const struct infix ops[] = {{"or", "||", OP_OR}, {0}};
	struct node *n;

	if (++p->depth > MAX_DEPTH)
		return fail(p, p->at, "nested too deeply");
	n = parse_chain(p, ops, parse_and);
	p->depth--;
	return n;
}

struct expr *expr_parse(const char *text, const char *file, struct diag *d)
{
	struct expr *e = calloc(1, sizeof *e);
	struct parser p;

	if (e == NULL || (e->text = strdup(text)) == NULL || (e->file = strdup(file)) == NULL) {
		diag_set(d, file, 1, 1, "out of host memory");
		expr_free(e);
		return NULL;
	}
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
