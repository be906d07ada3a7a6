/* JSON documents as trees of small nodes, printed into a block that doubles. */
#include "firmware.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum node_kind { NODE_NUMBER, NODE_TEXT, NODE_ARRAY, NODE_OBJECT };

struct node {
	ref_t next, child, last, name, text;
	int32_t number;
	uint32_t kind;
};

struct text {
	ref_t block;
	uint32_t used, bytes;
};

static ref_t node_new(enum node_kind kind)
{
	ref_t r = fw_zalloc(1, sizeof(struct node));

	((struct node *)at(r))->kind = kind;
	return r;
}

ref_t json_object(void)
{
	return node_new(NODE_OBJECT);
}

ref_t json_array(void)
{
	return node_new(NODE_ARRAY);
}

void json_add(ref_t into, const char *name, ref_t item)
{
	ref_t copy = name == NULL ? 0 : fw_copy(name);
	struct node *parent = at(into);

	((struct node *)at(item))->name = copy;
	if (parent->last != 0)
		((struct node *)at(parent->last))->next = item;
	else
		parent->child = item;
	parent->last = item;
}

void json_add_number(ref_t into, const char *name, int32_t value)
{
	ref_t item = node_new(NODE_NUMBER);

	((struct node *)at(item))->number = value;
	json_add(into, name, item);
}

void json_add_text(ref_t into, const char *name, const char *text)
{
	ref_t item = node_new(NODE_TEXT), copy = fw_copy(text);

	((struct node *)at(item))->text = copy;
	json_add(into, name, item);
}

/* ---- printing ---- */

static void __attribute__((format(printf, 2, 3))) append(struct text *t, const char *fmt, ...)
{
	char piece[256];
	uint32_t n;
	va_list ap;

	va_start(ap, fmt);
	n = (uint32_t)vsnprintf(piece, sizeof piece, fmt, ap);
	va_end(ap);
	if (n >= sizeof piece)
		n = sizeof piece - 1;
	while (t->used + n + 1 > t->bytes) {
		t->bytes *= 2;
		t->block = fw_resize(t->block, t->bytes);
	}
	memcpy((char *)at(t->block) + t->used, piece, n + 1);
	t->used += n;
}

static void print_node(struct text *t, ref_t r)
{
	const struct node *n = at(r);
	const char *const brackets = n->kind == NODE_ARRAY ? "[]" : "{}";

	if (n->name != 0)
		append(t, "\"%s\":", (const char *)at(n->name));
	if (n->kind == NODE_NUMBER)
		append(t, "%d", n->number);
	if (n->kind == NODE_TEXT)
		append(t, "\"%s\"", (const char *)at(n->text));
	if (n->kind < NODE_ARRAY)
		return;
	append(t, "%c", brackets[0]);
	for (ref_t c = n->child; c != 0; c = ((struct node *)at(c))->next) {
		print_node(t, c);
		if (((struct node *)at(c))->next != 0)
			append(t, ",");
	}
	append(t, "%c", brackets[1]);
}

ref_t json_print(ref_t tree)
{
	struct text t = {fw_alloc(128), 0, 128};

	print_node(&t, tree);
	return fw_resize(t.block, t.used + 1);
}

void json_free(ref_t tree)
{
	struct node n = *(struct node *)at(tree);

	for (ref_t c = n.child; c != 0;) {
		ref_t next = ((struct node *)at(c))->next;

		json_free(c);
		c = next;
	}
	fw_free(n.name);
	fw_free(n.text);
	fw_free(tree);
}
