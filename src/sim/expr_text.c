/* Expressions back to text. */
#include <stdio.h>
#include <stdlib.h>

#include "sim/expr_node.h"

char *fixed_text(long long millionths, char buf[FIXED_TEXT])
{
	unsigned long long v = millionths < 0 ? 0ull - (unsigned long long)millionths
					      : (unsigned long long)millionths;
	unsigned long long part = v % MILLION;
	int digits = 6;

	while (part != 0 && part % 10 == 0) {
		part /= 10;
		digits--;
	}
	if (part == 0)
		snprintf(buf, FIXED_TEXT, "%s%llu", millionths < 0 ? "-" : "", v / MILLION);
	else
		snprintf(buf, FIXED_TEXT, "%s%llu.%0*llu", millionths < 0 ? "-" : "", v / MILLION,
			 digits, part);
	return buf;
}

static void print_path(FILE *out, const struct node *n)
{
	for (unsigned i = 0; i < n->nr_steps; i++) {
		if (n->step[i].name != NULL)
			fprintf(out, "%s%s", i ? "." : "", n->step[i].name);
		else
			fprintf(out, "[%zu]", n->step[i].index);
	}
}

static void print_node(FILE *out, const struct node *n);

static void print_binary(FILE *out, const struct node *n)
{
	static const char *const words[] = {
		[OP_OR] = "or", [OP_AND] = "and", [OP_LT] = "<",  [OP_LE] = "<=",
		[OP_GT] = ">",  [OP_GE] = ">=",   [OP_EQ] = "==", [OP_NE] = "!=",
		[OP_ADD] = "+", [OP_SUB] = "-",   [OP_MUL] = "*", [OP_DIV] = "/",
	};

	for (int i = 0; i < 2; i++) {
		bool nested = n->kid[i]->kind == N_BINARY;

		fputs(nested ? "(" : "", out);
		print_node(out, n->kid[i]);
		fputs(nested ? ")" : "", out);
		if (i == 0)
			fprintf(out, " %s ", words[n->op]);
	}
}

static void print_node(FILE *out, const struct node *n)
{
	char number[FIXED_TEXT];

	switch (n->kind) {
	case N_NUMBER:
		fputs(fixed_text((long long)n->number, number), out);
		break;
	case N_TEXT:
		fprintf(out, "'%s'", n->text);
		break;
	case N_PATH:
		print_path(out, n);
		break;
	case N_CALL:
		fprintf(out, "%s(", n->text);
		for (int i = 0; i < 2 && n->kid[i] != NULL; i++) {
			fputs(i ? ", " : "", out);
			print_node(out, n->kid[i]);
		}
		fputc(')', out);
		break;
	case N_UNARY:
		fputs(n->op == OP_NEG ? "-(" : "not (", out);
		print_node(out, n->kid[0]);
		fputc(')', out);
		break;
	default:
		print_binary(out, n);
	}
}

char *expr_node_text(const struct node *n)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *f = open_memstream(&text, &bytes);

	if (f == NULL)
		return NULL;
	print_node(f, n);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}
