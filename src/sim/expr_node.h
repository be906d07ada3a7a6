/* An expression's tree: what the parser makes and the evaluation walks. */
#ifndef SIM_EXPR_NODE_H
#define SIM_EXPR_NODE_H

#include "sim/expr.h"

/* Numbers are millionths in 128 bits: exact, and the same on every host. */
#define MAX_STEPS 16 /* of a path */
#define MILLION   1000000

__extension__ typedef __int128 fixed;

enum node_kind { N_NUMBER, N_TEXT, N_PATH, N_CALL, N_UNARY, N_BINARY };

enum op {
	OP_OR,
	OP_AND,
	OP_NOT,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_EQ,
	OP_NE,
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_NEG
};

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

/*
 * An expression as text, the same for all ways to write it: blanks, sizes and
 * parentheses are ours.  Caller: free; NULL: out of host memory.
 */
char *expr_node_text(const struct node *n);

/* Millionths as a decimal number without needless zeros: "96", "1.05". Returns buf. */
#define FIXED_TEXT 48
char *fixed_text(long long millionths, char buf[FIXED_TEXT]);

struct value {
	fixed number;
	const char *text; /* a text */
	const json_t *json; /* a list or an object: only for functions */
};

/*
 * Where values come from without a report being built for each: asked first, and only
 * what it does not know (false) is looked for in the report.  NULL members know nothing.
 */
struct expr_source {
	bool (*path)(void *ctx, const struct node *n, struct value *out);
	bool (*call)(void *ctx, const struct node *n, struct value *out);
	/* A comparison as a whole: its truth, where that is known without the exact values. */
	bool (*compare)(void *ctx, const struct node *n, bool *truth);
	const json_t *(*report)(void *ctx); /* borrowed; NULL: out of host memory */
	void *ctx;
};

/* As expr_true, with values from a source. */
int expr_true_from(const struct expr *e, const struct expr_source *src, bool *out,
		   struct diag *d) MUST_USE;

/* "a < 8K" as its operator and number, if that is its shape with a path or call at the left. */
bool node_is_limit(const struct node *n, enum op *op, fixed *number);

#endif
