/* Memory of a configuration tree, and the making of nodes. */
#include "model/conf_tree.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 16384u

struct conf_chunk {
	struct conf_chunk *next;
	size_t used, bytes;
	max_align_t data[];
};

static void no_memory(struct diag *d)
{
	diag_set(d, "", 0, 0, "out of memory while reading a configuration");
}

struct conf_tree *conf_tree_new(struct diag *d)
{
	struct conf_tree *t = calloc(1, sizeof *t);

	if (t == NULL)
		no_memory(d);
	return t;
}

void conf_free(struct conf_tree *t)
{
	while (t != NULL) {
		struct conf_tree *next = t->adopted;

		while (t->chunks != NULL) {
			struct conf_chunk *c = t->chunks;

			t->chunks = c->next;
			free(c);
		}
		free(t);
		t = next;
	}
}

static struct conf_chunk *new_chunk(struct conf_tree *t, size_t bytes)
{
	size_t room = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
	struct conf_chunk *c = calloc(1, sizeof *c + room);

	if (c == NULL)
		return NULL;
	c->bytes = room;
	c->next = t->chunks;
	t->chunks = c;
	return c;
}

void *conf_alloc(struct conf_tree *t, size_t bytes, struct diag *d)
{
	struct conf_chunk *c = t->chunks;
	void *p;

	bytes = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (c == NULL || c->bytes - c->used < bytes)
		c = new_chunk(t, bytes);
	if (c == NULL) {
		no_memory(d);
		return NULL;
	}
	p = (char *)c->data + c->used;
	c->used += bytes;
	return p;
}

char *conf_strdup(struct conf_tree *t, const char *text, size_t bytes, struct diag *d)
{
	char *s = conf_alloc(t, bytes + 1, d);

	if (s != NULL)
		memcpy(s, text, bytes);
	return s;
}

struct conf_node *conf_new(struct conf_tree *t, enum conf_type type, const char *file, int line,
			   int col, struct diag *d)
{
	struct conf_node *n;

	if (t->nr_nodes == CONF_MAX_NODES) {
		diag_set(d, file, line, col,
			 "more than %u values (aliases counted as copies), expected fewer",
			 CONF_MAX_NODES);
		return NULL;
	}
	n = conf_alloc(t, sizeof *n, d);
	if (n == NULL)
		return NULL;
	t->nr_nodes++;
	*n = (struct conf_node){.type = type, .text = "", .file = file, .line = line, .col = col};
	return n;
}

/* An array with room for entry `nr`: the old one, or a copy of twice the size. */
static void *room_for(struct conf_tree *t, const void *array, size_t nr, size_t bytes,
		      struct diag *d)
{
	void *grown;

	if (nr != 0 && (nr < 4 || (nr & (nr - 1)) != 0))
		return (void *)(uintptr_t)array;
	grown = conf_alloc(t, (nr < 4 ? 4 : 2 * nr) * bytes, d);
	if (grown != NULL && nr != 0)
		memcpy(grown, array, nr * bytes);
	return grown;
}

int conf_append(struct conf_tree *t, struct conf_node *list, struct conf_node *item, struct diag *d)
{
	struct conf_node **items = room_for(t, list->item, list->nr, sizeof(struct conf_node *), d);

	if (items == NULL)
		return -1;
	items[list->nr] = item;
	list->item = items;
	list->nr++;
	return 0;
}

int conf_append_key(struct conf_tree *t, struct conf_node *map, const char *key, int line, int col,
		    struct conf_node *item, struct diag *d)
{
	const char **keys = room_for(t, map->key, map->nr, sizeof(const char *), d);
	int *lines = room_for(t, map->key_line, map->nr, sizeof(int), d);
	int *cols = room_for(t, map->key_col, map->nr, sizeof(int), d);

	if (keys == NULL || lines == NULL || cols == NULL)
		return -1;
	keys[map->nr] = key;
	lines[map->nr] = line;
	cols[map->nr] = col;
	map->key = keys;
	map->key_line = lines;
	map->key_col = cols;
	return conf_append(t, map, item, d);
}

static void close_gap(const void *array, size_t i, size_t nr, size_t bytes)
{
	char *a = (char *)(uintptr_t)array;

	memmove(a + i * bytes, a + (i + 1) * bytes, (nr - i - 1) * bytes);
}

void conf_remove(struct conf_node *n, size_t i)
{
	close_gap(n->item, i, n->nr, sizeof(struct conf_node *));
	if (n->type == CONF_MAP) {
		close_gap(n->key, i, n->nr, sizeof(const char *));
		close_gap(n->key_line, i, n->nr, sizeof(int));
		close_gap(n->key_col, i, n->nr, sizeof(int));
	}
	n->nr--;
}

struct conf_node *conf_copy(struct conf_tree *t, const struct conf_node *n, unsigned depth,
			    struct diag *d)
{
	struct conf_node *c;

	if (depth > CONF_MAX_DEPTH) {
		conf_error(d, n, "nested deeper than %u levels, expected fewer", CONF_MAX_DEPTH);
		return NULL;
	}
	c = conf_new(t, n->type, n->file, n->line, n->col, d);
	if (c == NULL)
		return NULL;
	c->text = n->text;
	c->quoted = n->quoted;
	for (size_t i = 0; i < n->nr; i++) {
		struct conf_node *item = conf_copy(t, n->item[i], depth + 1, d);
		int err = -1;

		if (item != NULL && n->type == CONF_LIST)
			err = conf_append(t, c, item, d);
		else if (item != NULL)
			err = conf_append_key(t, c, n->key[i], n->key_line[i], n->key_col[i], item,
					      d);
		if (err != 0)
			return NULL;
	}
	return c;
}

struct conf_node *conf_root(struct conf_tree *t)
{
	return t->root;
}

int conf_key_index(const struct conf_node *map, const char *key)
{
	if (map == NULL || map->type != CONF_MAP)
		return -1;
	for (size_t i = 0; i < map->nr; i++)
		if (strcmp(map->key[i], key) == 0)
			return (int)i;
	return -1;
}

struct conf_node *conf_get(const struct conf_node *map, const char *key)
{
	int i = conf_key_index(map, key);

	return i < 0 ? NULL : map->item[i];
}

int conf_name_index(const struct conf_node *list, const char *name)
{
	for (size_t i = 0; i < list->nr; i++) {
		const struct conf_node *n = conf_get(list->item[i], "name");

		if (n != NULL && n->type == CONF_SCALAR && strcmp(n->text, name) == 0)
			return (int)i;
	}
	return -1;
}

bool conf_is_named_list(const struct conf_node *n)
{
	if (n->type != CONF_LIST)
		return false;
	for (size_t i = 0; i < n->nr; i++) {
		const struct conf_node *name = conf_get(n->item[i], "name");

		if (name == NULL || name->type != CONF_SCALAR)
			return false;
	}
	return true;
}
