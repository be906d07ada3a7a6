/*
 * Overlays: one tree laid over another (variants), and single assignments (--set).
 *
 *   over \ base   mapping             named list                 anything else
 *   mapping       merge by key        entries by their name      replace
 *   named list    replace             merge by name, add new     replace
 *   null          delete (in the mapping or list that holds it)
 *   other         replace
 */
#include <stdio.h>
#include <string.h>

#include "model/conf_tree.h"
#include "model/names.h"

static struct conf_node *merge(struct conf_tree *t, struct conf_node *base,
			       const struct conf_node *over, unsigned depth, struct diag *d);

/* Where the key of entry i stands: its file is the value's. */
static int key_error(struct diag *d, const struct conf_node *map, size_t i, const char *what,
		     const struct name_list *l)
{
	return diag_set(d, map->item[i]->file, map->key_line[i], map->key_col[i],
			"%s '%.64s', expected one of %s%s", what, map->key[i], l->text, l->hint);
}

/* An overlay may have taken an entry's name away just before. */
static void names_of(struct name_list *l, const char *word, const struct conf_node *base)
{
	names_begin(l, word);
	for (size_t i = 0; i < base->nr; i++) {
		const struct conf_node *name = conf_get(base->item[i], "name");

		if (base->type == CONF_MAP)
			names_add(l, base->key[i]);
		else if (name != NULL && name->type == CONF_SCALAR)
			names_add(l, name->text);
	}
	names_end(l);
}

/* Lays one value over entry `at` of a mapping or named list; null deletes it. */
static int merge_entry(struct conf_tree *t, struct conf_node *base, int at,
		       const struct conf_node *over, unsigned depth, struct diag *d)
{
	struct conf_node *merged;

	if (over->type == CONF_NULL) {
		conf_remove(base, (size_t)at);
		return 0;
	}
	merged = merge(t, base->item[at], over, depth + 1, d);
	if (merged == NULL)
		return -1;
	base->item[at] = merged;
	return 0;
}

static int merge_key(struct conf_tree *t, struct conf_node *base, const struct conf_node *over,
		     size_t i, unsigned depth, struct diag *d)
{
	bool map = base->type == CONF_MAP;
	int at = map ? conf_key_index(base, over->key[i]) : conf_name_index(base, over->key[i]);
	struct conf_node *item;

	if (at >= 0)
		return merge_entry(t, base, at, over->item[i], depth, d);
	if (!map || over->item[i]->type == CONF_NULL) {
		struct name_list l;

		names_of(&l, over->key[i], base);
		return key_error(d, over, i, map ? "nothing to delete at" : "no entry has the name",
				 &l);
	}
	item = conf_copy(t, over->item[i], depth + 1, d);
	if (item == NULL)
		return -1;
	return conf_append_key(t, base, over->key[i], over->key_line[i], over->key_col[i], item, d);
}

static int merge_named(struct conf_tree *t, struct conf_node *base, const struct conf_node *item,
		       unsigned depth, struct diag *d)
{
	int at = conf_name_index(base, conf_get(item, "name")->text);
	struct conf_node *added;

	if (at >= 0)
		return merge_entry(t, base, at, item, depth, d);
	added = conf_copy(t, item, depth + 1, d);
	if (added == NULL)
		return -1;
	return conf_append(t, base, added, d);
}

/* `base` with `over` laid over it; NULL with *d. */
static struct conf_node *merge(struct conf_tree *t, struct conf_node *base,
			       const struct conf_node *over, unsigned depth, struct diag *d)
{
	bool named = conf_is_named_list(base);
	int err = 0;

	if (over->type == CONF_MAP && (base->type == CONF_MAP || named)) {
		for (size_t i = 0; i < over->nr && err == 0; i++)
			err = merge_key(t, base, over, i, depth, d);
		return err == 0 ? base : NULL;
	}
	if (named && over->nr != 0 && conf_is_named_list(over)) {
		for (size_t i = 0; i < over->nr && err == 0; i++)
			err = merge_named(t, base, over->item[i], depth, d);
		return err == 0 ? base : NULL;
	}
	return conf_copy(t, over, depth, d);
}

int conf_merge(struct conf_tree *t, const struct conf_node *over, struct diag *d)
{
	struct conf_node *merged = merge(t, t->root, over, 1, d);

	if (merged == NULL)
		return -1;
	t->root = merged;
	return 0;
}

/* ---- --set ---- */

struct assignment {
	struct conf_tree *t;
	struct diag *d;
	const char *text; /* the whole */
	const char *at; /* the key in hand */
	char key[128];
	bool last; /* it is the last one of the path */
	int line; /* the number of this --set */
};

#define SET_FAIL(a, ...)                                                                           \
	diag_set((a)->d, "--set", (a)->line, (int)((a)->at - (a)->text) + 1, __VA_ARGS__)

/* Cuts the next key of the path, up to a dot or the equals sign, and moves `at` behind it. */
static int next_key(struct assignment *a, const char **behind)
{
	size_t n = strcspn(a->at, ".=");

	if (n == 0 || n >= sizeof a->key || a->at[n] == '\0')
		return SET_FAIL(a, "'%.64s', expected path=value such as page.order=12", a->text);
	memcpy(a->key, a->at, n);
	a->key[n] = '\0';
	a->last = a->at[n] == '=';
	*behind = a->at + n + 1;
	return 0;
}

/* A list's entry by name or number. */
static int list_index(struct assignment *a, const struct conf_node *list, int *out)
{
	struct name_list l;
	unsigned i;
	int used;

	*out = conf_name_index(list, a->key);
	if (*out >= 0)
		return 0;
	if (sscanf(a->key, "%9u%n", &i, &used) == 1 && a->key[used] == '\0' && i < list->nr) {
		*out = (int)i;
		return 0;
	}
	if (!conf_is_named_list(list))
		return SET_FAIL(a, "no entry '%s' in a list of %zu, expected its number from 0",
				a->key, list->nr);
	names_of(&l, a->key, list);
	return SET_FAIL(a, "no entry has the name '%s', expected one of %s%s", a->key, l.text,
			l.hint);
}

/* The index of the key in `n`, -1 where a mapping has none yet. */
static int entry_index(struct assignment *a, const struct conf_node *n, int *out)
{
	if (n->type == CONF_LIST)
		return list_index(a, n, out);
	*out = conf_key_index(n, a->key);
	return 0;
}

static int add_key(struct assignment *a, struct conf_node *map, struct conf_node *item)
{
	const char *key = conf_strdup(a->t, a->key, strlen(a->key), a->d);

	if (key == NULL)
		return -1;
	return conf_append_key(a->t, map, key, a->line, (int)(a->at - a->text) + 1, item, a->d);
}

/* The container one key down, made when a mapping lacks it. */
static int step_down(struct assignment *a, struct conf_node **n)
{
	struct conf_node *down;
	int i;

	if (entry_index(a, *n, &i) != 0)
		return -1;
	if (i < 0) {
		down = conf_new(a->t, CONF_MAP, "--set", a->line, (int)(a->at - a->text) + 1, a->d);
		if (down == NULL || add_key(a, *n, down) != 0)
			return -1;
	} else {
		down = (*n)->item[i];
	}
	if (down->type == CONF_NULL)
		down->type = CONF_MAP;
	if (down->type == CONF_SCALAR)
		return SET_FAIL(a, "'%s' is a single value, expected nothing below it", a->key);
	*n = down;
	return 0;
}

static int assign(struct assignment *a, struct conf_node *n, struct conf_node *value)
{
	int i;

	if (entry_index(a, n, &i) != 0)
		return -1;
	if (value->type == CONF_NULL && i < 0)
		return SET_FAIL(a, "nothing to delete at '%s', expected a key that is there",
				a->key);
	if (i < 0)
		return add_key(a, n, value);
	if (value->type == CONF_NULL)
		conf_remove(n, (size_t)i);
	else
		n->item[i] = value;
	return 0;
}

/* Reads the value; its tree is kept by t. */
static struct conf_node *read_value(struct assignment *a, const char *text, unsigned depth)
{
	struct conf_tree *v;

	if (text[strspn(text, " \t")] == '\0') {
		SET_FAIL(a, "no value after '=', expected one, or null to delete");
		return NULL;
	}
	v = conf_read_at(text, strlen(text), "--set", a->line, (int)(text - a->text) + 1, a->d);
	if (v == NULL)
		return NULL;
	v->adopted = a->t->adopted;
	a->t->adopted = v;
	return conf_copy(a->t, v->root, depth, a->d);
}

int conf_set(struct conf_tree *t, const char *assignment, struct diag *d)
{
	struct assignment a = {.t = t, .d = d, .text = assignment, .at = assignment};
	struct conf_node *n = t->root, *value;
	const char *behind = NULL;

	a.line = ++t->nr_sets;
	if (n->type != CONF_MAP)
		return SET_FAIL(&a, "the file is not a mapping, expected one to set a key of");
	for (unsigned depth = 1;; depth++) {
		if (next_key(&a, &behind) != 0)
			return -1;
		if (a.last) {
			value = read_value(&a, behind, depth + 1);
			return value != NULL ? assign(&a, n, value) : -1;
		}
		if (step_down(&a, &n) != 0)
			return -1;
		if (depth == CONF_MAX_DEPTH)
			return SET_FAIL(&a, "a path of more than %u keys", CONF_MAX_DEPTH);
		a.at = behind;
	}
}
