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

#endif
