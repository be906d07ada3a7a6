/*
 * YAML as a tree of nodes that know where they stand.  The only user of libyaml;
 * machines, sweeps and lessons are read through it.
 *
 * A tree owns its nodes and strings.  Mappings keep the file's order.  Limits
 * (depth 64, 1 MiB a scalar, 16 MiB a file, 1,000,000 nodes; anchors that loop
 * or that multiply beyond the node limit) are errors with a position.
 */
#ifndef MODEL_CONF_H
#define MODEL_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/diag.h"
#include "model/mem.h"

enum conf_type { CONF_NULL, CONF_SCALAR, CONF_LIST, CONF_MAP };

struct conf_node {
	enum conf_type type;
	const char *text; /* CONF_SCALAR: its text; owned by the tree */
	bool quoted;      /* written in quotes: never a number */
	const char *file; /* where it stands; "--set" for overrides */
	int line, col;    /* from 1; in an override: its number among them, and the column in it */
	size_t nr;        /* entries */
	struct conf_node **item; /* CONF_LIST: entries; CONF_MAP: values */
	const char **key;        /* CONF_MAP */
	const int *key_line, *key_col;
};

struct conf_tree;

/* Reads a file, or the text of one (`name` is for messages). NULL with *d on an error. */
struct conf_tree *conf_read_file(const char *path, struct diag *d) MUST_USE;
struct conf_tree *conf_read_text(const char *text, size_t bytes, const char *name,
				 struct diag *d) MUST_USE;
void conf_free(struct conf_tree *t); /* NULL is fine */
struct conf_node *conf_root(struct conf_tree *t);

/* The value of `key` in a mapping, NULL where there is none. */
struct conf_node *conf_get(const struct conf_node *map, const char *key);

/*
 * Overlays `over` (of the same or another tree, which must outlive t) on the
 * root: mappings merge by key, lists of mappings with a `name` merge by name,
 * other values are replaced, null deletes.  A mapping over such a list merges
 * into the entries its keys name: {regions: {d1_axi: {size: 384K}, d2_sram3: null}}.
 */
int conf_merge(struct conf_tree *t, const struct conf_node *over, struct diag *d) MUST_USE;

/*
 * --set path=value: path is keys joined by dots, list elements by their `name`
 * or index ("regions.d1_axi.size=384K").  An unknown name is an error; the value
 * is parsed as YAML.
 */
int conf_set(struct conf_tree *t, const char *assignment, struct diag *d) MUST_USE;

/* Typed scalars.  0, or -1 with *d: "expected a size such as 64K, 0x10000 or 2M". */
/* K M G (KiB...), hex */
int conf_size(const struct conf_node *n, uint64_t *out, struct diag *d) MUST_USE;
int conf_uint(const struct conf_node *n, uint64_t max, uint64_t *out, struct diag *d) MUST_USE;
/* true/false/yes/no */
int conf_bool(const struct conf_node *n, bool *out, struct diag *d) MUST_USE;
int conf_string(const struct conf_node *n, const char **out, struct diag *d) MUST_USE;

/* Error at a node: "expected ..." is part of fmt. Returns -1. */
int conf_error(struct diag *d, const struct conf_node *n, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* "64K", "0x10000", "2M", "1.5K" is refused; also for flags and expressions. false: not a size. */
bool parse_size(const char *text, uint64_t *out);

#endif
