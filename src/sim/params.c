/* Allocator parameters: YAML keys against a kind's table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/system.h"

#define MAX_SIZES 256u

/* Keys of an `allocators` entry that belong to the machine description. */
static bool is_description_key(const char *key)
{
	static const char *const keys[] = {"name", "kind", "from", "region", "bytes", "zones"};

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

/* The known parameters, for a message: "size, align" or "it has none". */
static void list_params(const struct alloc_ops *ops, char *buf, size_t bytes)
{
	size_t n = 0;

	snprintf(buf, bytes, "%s", ops->params[0].name == NULL ? "no parameters" : "");
	for (unsigned i = 0; ops->params[i].name != NULL && n < bytes; i++)
		n += (size_t)snprintf(buf + n, bytes - n, "%s%s", i ? ", " : "",
				      ops->params[i].name);
}

static bool counts(const struct conf_node *n, enum params_of of)
{
	return of == PARAMS_OF_ENTRY || strcmp(n->file, "--set") == 0;
}

static int check_keys(const struct alloc_ops *ops, const struct conf_node *node, enum params_of of,
		      struct diag *d)
{
	for (size_t k = 0; k < node->nr; k++) {
		unsigned i = 0;
		char known[256];

		if (is_description_key(node->key[k]) || !counts(node->item[k], of))
			continue;
		while (ops->params[i].name != NULL &&
		       strcmp(ops->params[i].name, node->key[k]) != 0)
			i++;
		if (ops->params[i].name != NULL)
			continue;
		list_params(ops, known, sizeof known);
		return diag_set(
			d, node->item[k]->file, node->key_line[k], node->key_col[k],
			"unknown parameter '%s' of allocator kind '%s', expected one of: %s",
			node->key[k], ops->name, known);
	}
	return 0;
}

/* Index of `word` among words separated by blanks, or -1. */
static int choice_index(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (int i = 0; *words != '\0'; i++) {
		size_t n = strcspn(words, " ");

		if (n == len && strncasecmp(words, word, n) == 0)
			return i;
		words += n + strspn(words + n, " ");
	}
	return -1;
}

static int read_enum(const struct alloc_param *p, const struct conf_node *n, struct param_value *v,
		     struct diag *d)
{
	const char *text;
	int i;

	if (conf_string(n, &text, d) != 0)
		return -1;
	i = choice_index(p->choices, text);
	if (i < 0)
		return conf_error(d, n, "'%s' is no value of %s, expected one of: %s", text,
				  p->name, p->choices);
	v->u = (msize_t)i;
	return 0;
}

static int in_range(const struct alloc_param *p, const struct conf_node *n, msize_t u,
		    struct diag *d)
{
	if (u >= p->min && u <= p->max)
		return 0;
	return conf_error(d, n, "%s is %llu, expected %llu to %llu", p->name, (unsigned long long)u,
			  (unsigned long long)p->min, (unsigned long long)p->max);
}

static int read_sizes(const struct alloc_param *p, const struct conf_node *n, struct param_value *v,
		      struct diag *d)
{
	msize_t *list;

	if (n->type != CONF_LIST || n->nr == 0 || n->nr > MAX_SIZES)
		return conf_error(d, n,
				  "%s: expected a list of 1 to %u ascending sizes, as [16, 32, 48]",
				  p->name, MAX_SIZES);
	list = calloc(n->nr, sizeof *list);
	if (list == NULL)
		return conf_error(d, n, "out of memory");
	v->list = list;
	v->nr = (unsigned)n->nr;
	for (size_t i = 0; i < n->nr; i++) {
		if (conf_size(n->item[i], &list[i], d) != 0 ||
		    in_range(p, n->item[i], list[i], d) != 0)
			return -1;
		if (i > 0 && list[i] <= list[i - 1])
			return conf_error(d, n->item[i], "%s: expected ascending sizes", p->name);
	}
	return 0;
}

static int default_sizes(const struct alloc_param *p, struct param_value *v)
{
	const char *s = p->choices;
	msize_t *list = calloc(MAX_SIZES, sizeof *list);

	if (list == NULL)
		return -1;
	for (v->nr = 0; *s != '\0' && v->nr < MAX_SIZES; v->nr++) {
		char *end;

		list[v->nr] = strtoull(s, &end, 0);
		s = end + strspn(end, " ");
	}
	v->list = list;
	return 0;
}

static int read_param(const struct alloc_param *p, const struct conf_node *n, struct param_value *v,
		      struct diag *d)
{
	bool b;

	switch (p->type) {
	case PARAM_UINT:
		return conf_uint(n, UINT64_MAX, &v->u, d) != 0 ? -1 : in_range(p, n, v->u, d);
	case PARAM_BYTES:
		return conf_size(n, &v->u, d) != 0 ? -1 : in_range(p, n, v->u, d);
	case PARAM_BOOL:
		if (conf_bool(n, &b, d) != 0)
			return -1;
		v->u = b;
		return 0;
	case PARAM_ENUM:
		return read_enum(p, n, v, d);
	case PARAM_SIZES:
		return read_sizes(p, n, v, d);
	}
	return -1;
}

int params_resolve(const struct alloc_ops *ops, const struct conf_node *node, enum params_of of,
		   struct param_value **out, struct diag *d)
{
	unsigned nr = 0;
	struct param_value *v;

	while (ops->params[nr].name != NULL)
		nr++;
	v = calloc(nr + 1, sizeof *v);
	if (v == NULL)
		return diag_set(d, "", 0, 0, "out of memory");
	if (node != NULL && of != PARAMS_IF_KNOWN && check_keys(ops, node, of, d) != 0)
		goto fail;
	for (unsigned i = 0; i < nr; i++) {
		const struct conf_node *n =
			node != NULL ? conf_get(node, ops->params[i].name) : NULL;

		v[i].u = ops->params[i].def;
		if (n != NULL && n->type != CONF_NULL && counts(n, of)) {
			if (read_param(&ops->params[i], n, &v[i], d) != 0)
				goto fail;
		} else if (ops->params[i].type == PARAM_SIZES &&
			   default_sizes(&ops->params[i], &v[i]) != 0) {
			diag_set(d, "", 0, 0, "out of memory");
			goto fail;
		}
	}
	*out = v;
	return 0;
fail:
	params_free(ops, v);
	return -1;
}

void params_free(const struct alloc_ops *ops, struct param_value *v)
{
	if (v == NULL)
		return;
	for (unsigned i = 0; ops->params[i].name != NULL; i++)
		free((void *)(uintptr_t)v[i].list);
	free(v);
}
