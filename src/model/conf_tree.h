/*
 * Inside of a configuration tree: shared by conf*.c only.
 *
 * Nodes, arrays and texts lie in chunks that only grow and are freed with the
 * tree.  A node belongs to one place: an alias is a copy, so that overlaying one
 * place never changes another.  Texts are never changed and may be shared.
 */
#ifndef MODEL_CONF_TREE_H
#define MODEL_CONF_TREE_H

#include "model/conf.h"

#define CONF_MAX_DEPTH   64u
#define CONF_MAX_SCALAR  (1u << 20) /* bytes */
#define CONF_MAX_FILE    (16u << 20) /* bytes */
#define CONF_MAX_NODES   1000000u
#define CONF_MAX_ANCHORS 1024u

struct conf_chunk;

struct conf_tree {
	struct conf_chunk *chunks;
	struct conf_node *root;
	size_t nr_nodes;
	int nr_sets; /* --set assignments so far: the line of the next one's nodes */
	struct conf_tree *adopted; /* trees whose nodes or texts this one uses; freed with it */
};

/* An empty tree; conf_free frees it.  NULL with *d: out of host memory. */
struct conf_tree *conf_tree_new(struct diag *d) MUST_USE;

/* Zeroed memory of the tree, aligned for pointers; NULL with *d when the host has none. */
void *conf_alloc(struct conf_tree *t, size_t bytes, struct diag *d) MUST_USE;
char *conf_strdup(struct conf_tree *t, const char *text, size_t bytes, struct diag *d) MUST_USE;

/* A new empty node; NULL with *d beyond the node limit. */
struct conf_node *conf_new(struct conf_tree *t, enum conf_type type, const char *file, int line,
			   int col, struct diag *d) MUST_USE;

/* Append an entry to a list or to a mapping; 0 or -1 with *d. */
int conf_append(struct conf_tree *t, struct conf_node *list, struct conf_node *item,
		struct diag *d) MUST_USE;
int conf_append_key(struct conf_tree *t, struct conf_node *map, const char *key, int line, int col,
		    struct conf_node *item, struct diag *d) MUST_USE;

/* Takes entry i out of a list or a mapping. */
void conf_remove(struct conf_node *n, size_t i);

/* A deep copy that shares the texts; `depth` is where it will stand. */
struct conf_node *conf_copy(struct conf_tree *t, const struct conf_node *n, unsigned depth,
			    struct diag *d) MUST_USE;

/* Index of `key` in a mapping, or of the element of that `name` in a list; -1: none. */
int conf_key_index(const struct conf_node *map, const char *key);
int conf_name_index(const struct conf_node *list, const char *name);

/* Every entry is a mapping with a `name` (true for an empty list). */
bool conf_is_named_list(const struct conf_node *n);

/* Reads text whose first character stands at line:col of `name`. */
struct conf_tree *conf_read_at(const char *text, size_t bytes, const char *name, int line, int col,
			       struct diag *d) MUST_USE;

#endif
