/*
 * YAML text to a tree: libyaml's events, one function a kind of node.
 *
 * The whole text is in memory first, at most CONF_MAX_FILE bytes, so no scalar
 * can be larger than that before its own limit is seen.  Recursion is bounded by
 * CONF_MAX_DEPTH.  An alias is expanded to a copy at once; an anchor whose node
 * is still open when its alias comes would contain itself.
 */
#include "model/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "model/conf_tree.h"

struct anchor {
	const char *name;
	struct conf_node *node; /* NULL: still open */
	struct anchor *next; /* the one before it */
};

struct reader {
	yaml_parser_t yaml;
	struct conf_tree *tree;
	struct diag *d;
	const char *text, *file;
	size_t bytes; /* of text */
	bool single; /* it is one line without a newline */
	int line0, col0; /* of the text's first character */
	struct anchor *anchors;
	unsigned nr_anchors;
};

/* libyaml's end of a text without a newline lies on a line of its own: bring it back. */
static int line_of(const struct reader *r, const yaml_mark_t *m)
{
	return r->single ? r->line0 : r->line0 + (int)m->line;
}

static int col_of(const struct reader *r, const yaml_mark_t *m)
{
	if (m->line == 0)
		return r->col0 + (int)m->column;
	return r->single ? r->col0 + (int)r->bytes : 1 + (int)m->column;
}

#define FAIL_AT(r, mark, ...)                                                                      \
	diag_set((r)->d, (r)->file, line_of(r, mark), col_of(r, mark), __VA_ARGS__)

/* A byte that is not UTF-8 has an offset only: count lines up to it. */
static int reader_error(struct reader *r)
{
	yaml_mark_t m = {0};

	for (size_t i = 0; i < r->yaml.problem_offset && i < r->bytes; i++) {
		m.column = r->text[i] == '\n' ? 0 : m.column + 1;
		m.line += r->text[i] == '\n';
	}
	return FAIL_AT(r, &m, "%s, expected YAML in UTF-8", r->yaml.problem);
}

static int next_event(struct reader *r, yaml_event_t *ev)
{
	if (yaml_parser_parse(&r->yaml, ev) != 0)
		return 0;
	if (r->yaml.error == YAML_READER_ERROR)
		return reader_error(r);
	if (r->yaml.error == YAML_MEMORY_ERROR)
		return FAIL_AT(r, &r->yaml.mark, "out of memory");
	return FAIL_AT(r, &r->yaml.problem_mark, "not valid YAML: %s%s%s",
		       r->yaml.context != NULL ? r->yaml.context : "",
		       r->yaml.context != NULL ? ", " : "", r->yaml.problem);
}

static struct conf_node *new_at(struct reader *r, enum conf_type type, const yaml_mark_t *m)
{
	return conf_new(r->tree, type, r->file, line_of(r, m), col_of(r, m), r->d);
}

/* ---- anchors ---- */

/* Notes an anchor; *out is its entry, NULL where the event has none. */
static int open_anchor(struct reader *r, const yaml_char_t *name, const yaml_mark_t *m,
		       struct anchor **out)
{
	struct anchor *a;

	*out = NULL;
	if (name == NULL)
		return 0;
	if (++r->nr_anchors > CONF_MAX_ANCHORS)
		return FAIL_AT(r, m, "more than %u anchors, expected fewer", CONF_MAX_ANCHORS);
	a = conf_alloc(r->tree, sizeof *a, r->d);
	if (a == NULL)
		return -1;
	a->name = conf_strdup(r->tree, (const char *)name, strlen((const char *)name), r->d);
	if (a->name == NULL)
		return -1;
	a->next = r->anchors;
	r->anchors = a;
	*out = a;
	return 0;
}

static struct conf_node *read_alias(struct reader *r, const yaml_event_t *ev, unsigned depth)
{
	const char *name = (const char *)ev->data.alias.anchor;

	for (const struct anchor *a = r->anchors; a != NULL; a = a->next) {
		if (strcmp(a->name, name) != 0)
			continue;
		if (a->node != NULL)
			return conf_copy(r->tree, a->node, depth, r->d);
		FAIL_AT(r, &ev->start_mark,
			"alias *%.64s stands inside what it names and would contain itself, "
			"expected an anchor that ends before",
			name);
		return NULL;
	}
	FAIL_AT(r, &ev->start_mark,
		"alias *%.64s has no anchor, expected &%.64s before it (a text that begins with * "
		"needs quotes)",
		name, name);
	return NULL;
}

/* ---- nodes ---- */

static bool is_null(const char *text)
{
	return text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
	       strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0;
}

static int check_scalar(struct reader *r, const yaml_event_t *ev)
{
	size_t bytes = ev->data.scalar.length;

	if (ev->data.scalar.tag != NULL)
		return FAIL_AT(r, &ev->start_mark, "tag %.64s, expected a value without a tag",
			       (const char *)ev->data.scalar.tag);
	if (bytes > CONF_MAX_SCALAR)
		return FAIL_AT(r, &ev->start_mark, "a text of %zu bytes, expected at most %u",
			       bytes, CONF_MAX_SCALAR);
	if (memchr(ev->data.scalar.value, '\0', bytes) != NULL)
		return FAIL_AT(r, &ev->start_mark, "a zero byte in a text, expected none");
	return 0;
}

static struct conf_node *read_scalar(struct reader *r, const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value;
	struct conf_node *n;
	struct anchor *a;

	if (check_scalar(r, ev) != 0 ||
	    open_anchor(r, ev->data.scalar.anchor, &ev->start_mark, &a) != 0)
		return NULL;
	n = new_at(r, CONF_SCALAR, &ev->start_mark);
	if (n == NULL)
		return NULL;
	n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	if (!n->quoted && is_null(text))
		n->type = CONF_NULL;
	n->text = conf_strdup(r->tree, text, ev->data.scalar.length, r->d);
	if (a != NULL)
		a->node = n;
	return n->text != NULL ? n : NULL;
}

static struct conf_node *read_node(struct reader *r, const yaml_event_t *ev, unsigned depth);

static struct conf_node *read_next(struct reader *r, unsigned depth)
{
	struct conf_node *n;
	yaml_event_t ev;

	if (next_event(r, &ev) != 0)
		return NULL;
	n = read_node(r, &ev, depth);
	yaml_event_delete(&ev);
	return n;
}

static struct conf_node *read_list(struct reader *r, const yaml_event_t *start, unsigned depth)
{
	struct conf_node *list = new_at(r, CONF_LIST, &start->start_mark);
	struct anchor *a;

	if (list == NULL ||
	    open_anchor(r, start->data.sequence_start.anchor, &start->start_mark, &a) != 0)
		return NULL;
	for (;;) {
		struct conf_node *item = NULL;
		yaml_event_t ev;
		bool end;

		if (next_event(r, &ev) != 0)
			return NULL;
		end = ev.type == YAML_SEQUENCE_END_EVENT;
		if (!end)
			item = read_node(r, &ev, depth + 1);
		yaml_event_delete(&ev);
		if (end)
			break;
		if (item == NULL || conf_append(r->tree, list, item, r->d) != 0)
			return NULL;
	}
	if (a != NULL)
		a->node = list;
	return list;
}

/* The key an event holds, and the value that follows it, into `map`. */
static int read_entry(struct reader *r, struct conf_node *map, const yaml_event_t *ev,
		      unsigned depth)
{
	struct conf_node *item;
	const char *key;

	if (ev->type != YAML_SCALAR_EVENT || ev->data.scalar.length == 0)
		return FAIL_AT(r, &ev->start_mark, "expected a key (a word) before the colon");
	if (check_scalar(r, ev) != 0)
		return -1;
	if (ev->data.scalar.anchor != NULL)
		return FAIL_AT(r, &ev->start_mark, "an anchor on a key, expected it on a value");
	key = conf_strdup(r->tree, (const char *)ev->data.scalar.value, ev->data.scalar.length,
			  r->d);
	if (key == NULL)
		return -1;
	item = read_next(r, depth + 1);
	if (item == NULL)
		return -1;
	return conf_append_key(r->tree, map, key, line_of(r, &ev->start_mark),
			       col_of(r, &ev->start_mark), item, r->d);
}

struct key_place {
	const char *key;
	size_t index;
};

static int by_key(const void *a, const void *b)
{
	const struct key_place *x = a, *y = b;
	int c = strcmp(x->key, y->key);

	return c != 0 ? c : (x->index > y->index) - (x->index < y->index);
}

/* Finds the first key that was there before, in O(n log n). */
static int refuse_duplicates(struct reader *r, const struct conf_node *map)
{
	struct key_place *p;
	size_t at = map->nr, first = 0;

	if (map->nr < 2)
		return 0;
	p = malloc(map->nr * sizeof *p);
	if (p == NULL)
		return diag_set(r->d, r->file, map->line, map->col, "out of memory");
	for (size_t i = 0; i < map->nr; i++)
		p[i] = (struct key_place){map->key[i], i};
	qsort(p, map->nr, sizeof *p, by_key);
	for (size_t i = 1; i < map->nr; i++)
		if (strcmp(p[i].key, p[i - 1].key) == 0 && p[i].index < at) {
			at = p[i].index;
			first = p[i - 1].index;
		}
	free(p);
	if (at == map->nr)
		return 0;
	return diag_set(r->d, r->file, map->key_line[at], map->key_col[at],
			"duplicate key '%.64s', expected it once (it stands at line %d already)",
			map->key[at], map->key_line[first]);
}

static struct conf_node *read_map(struct reader *r, const yaml_event_t *start, unsigned depth)
{
	struct conf_node *map = new_at(r, CONF_MAP, &start->start_mark);
	struct anchor *a;

	if (map == NULL ||
	    open_anchor(r, start->data.mapping_start.anchor, &start->start_mark, &a) != 0)
		return NULL;
	for (;;) {
		yaml_event_t ev;
		bool end;
		int err = 0;

		if (next_event(r, &ev) != 0)
			return NULL;
		end = ev.type == YAML_MAPPING_END_EVENT;
		if (!end)
			err = read_entry(r, map, &ev, depth);
		yaml_event_delete(&ev);
		if (err != 0)
			return NULL;
		if (end)
			break;
	}
	if (refuse_duplicates(r, map) != 0)
		return NULL;
	if (a != NULL)
		a->node = map;
	return map;
}

static const yaml_char_t *tag_of(const yaml_event_t *ev)
{
	return ev->type == YAML_SEQUENCE_START_EVENT ? ev->data.sequence_start.tag
						     : ev->data.mapping_start.tag;
}

static struct conf_node *read_node(struct reader *r, const yaml_event_t *ev, unsigned depth)
{
	if (depth > CONF_MAX_DEPTH) {
		FAIL_AT(r, &ev->start_mark, "nested deeper than %u levels, expected fewer",
			CONF_MAX_DEPTH);
		return NULL;
	}
	if (ev->type == YAML_ALIAS_EVENT)
		return read_alias(r, ev, depth);
	if (ev->type == YAML_SCALAR_EVENT)
		return read_scalar(r, ev);
	if (tag_of(ev) != NULL) {
		FAIL_AT(r, &ev->start_mark, "tag %.64s, expected a value without a tag",
			(const char *)tag_of(ev));
		return NULL;
	}
	if (ev->type == YAML_SEQUENCE_START_EVENT)
		return read_list(r, ev, depth);
	return read_map(r, ev, depth);
}

/* ---- documents ---- */

/* The next event, which must be `type`; its place goes to *m. */
static int expect_event(struct reader *r, yaml_event_type_t type, yaml_mark_t *m, const char *what)
{
	yaml_event_t ev;
	bool same;

	if (next_event(r, &ev) != 0)
		return -1;
	*m = ev.start_mark;
	same = ev.type == type;
	yaml_event_delete(&ev);
	return same ? 0 : FAIL_AT(r, m, "%s", what);
}

static int read_document(struct reader *r)
{
	yaml_mark_t m;

	if (expect_event(r, YAML_STREAM_START_EVENT, &m, "expected YAML") != 0 ||
	    expect_event(r, YAML_DOCUMENT_START_EVENT, &m,
			 "nothing but blanks and comments, expected YAML") != 0)
		return -1;
	r->tree->root = read_next(r, 1);
	if (r->tree->root == NULL)
		return -1;
	if (expect_event(r, YAML_DOCUMENT_END_EVENT, &m, "expected the end of the document") != 0)
		return -1;
	return expect_event(r, YAML_STREAM_END_EVENT, &m,
			    "a second document, expected one in a file");
}

struct conf_tree *conf_read_at(const char *text, size_t bytes, const char *name, int line, int col,
			       struct diag *d)
{
	struct reader r = {.text = text, .bytes = bytes, .d = d, .line0 = line, .col0 = col};
	int err;

	r.single = bytes == 0 || memchr(text, '\n', bytes) == NULL;
	r.tree = conf_tree_new(d);
	if (r.tree == NULL)
		return NULL;
	r.file = conf_strdup(r.tree, name, strlen(name), d);
	if (r.file == NULL || yaml_parser_initialize(&r.yaml) == 0) {
		diag_set(d, name, line, col, "out of memory");
		conf_free(r.tree);
		return NULL;
	}
	yaml_parser_set_input_string(&r.yaml, (const unsigned char *)text, bytes);
	if (bytes > CONF_MAX_FILE)
		err = diag_set(d, name, line, col, "larger than %u MiB, expected less",
			       CONF_MAX_FILE >> 20);
	else
		err = read_document(&r);
	yaml_parser_delete(&r.yaml);
	if (err == 0)
		return r.tree;
	conf_free(r.tree);
	return NULL;
}

struct conf_tree *conf_read_text(const char *text, size_t bytes, const char *name, struct diag *d)
{
	return conf_read_at(text, bytes, name, 1, 1, d);
}

/* The text of a file up to the limit and one byte more; NULL: errno says why. */
static char *slurp(FILE *f, size_t *bytes)
{
	size_t room = 65536;
	char *text = NULL;

	*bytes = 0;
	for (;;) {
		char *grown = realloc(text, room);

		if (grown == NULL)
			break;
		text = grown;
		*bytes += fread(text + *bytes, 1, room - 1 - *bytes, f);
		if (ferror(f))
			break;
		text[*bytes] = '\0';
		if (*bytes < room - 1 || *bytes > CONF_MAX_FILE)
			return text;
		room *= 2;
	}
	free(text);
	return NULL;
}

struct conf_tree *conf_read_file(const char *path, struct diag *d)
{
	struct conf_tree *t = NULL;
	FILE *f = fopen(path, "rb");
	char *text = NULL;
	size_t bytes;

	if (f != NULL) {
		text = slurp(f, &bytes);
		if (text == NULL)
			diag_set(d, path, 0, 0, "%s, expected a file that can be read",
				 strerror(errno));
		fclose(f);
	} else {
		diag_set(d, path, 0, 0, "%s, expected a file that can be read", strerror(errno));
	}
	if (text != NULL)
		t = conf_read_text(text, bytes, path, d);
	free(text);
	return t;
}
