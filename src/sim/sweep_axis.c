/*
 * The axes of a sweep file.
 *
 *   page.order: [9, 10, 11]                              values of a path
 *   page.order: {from: 9, to: 12}                        a range; step: 1
 *   heap: {path: allocators.heap.kind, values: [...]}    a path under a shorter name
 *   kib: {path: allocators.heap.bytes, from: 16K, to: 1M, times: 2}
 *   split: [{name: half, set: {path: value, ...}}, ...]  several settings at once
 *
 * The path `alloc` stands for --alloc: a kind without the parameters of the one before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/names.h"
#include "sim/sweep_parse.h"

int sweep_check_keys(const struct conf_node *map, const char *what, const char *const *words,
		     struct diag *d)
{
	for (size_t i = 0; i < map->nr; i++) {
		struct name_list l;
		const char *const *w = words;

		while (*w != NULL && strcmp(*w, map->key[i]) != 0)
			w++;
		if (*w != NULL)
			continue;
		names_begin(&l, map->key[i]);
		for (w = words; *w != NULL; w++)
			names_add(&l, *w);
		names_end(&l);
		return diag_set(d, map->file, map->key_line[i], map->key_col[i],
				"unknown key '%.64s' in %s, expected one of %s%s", map->key[i],
				what, l.text, l.hint);
	}
	return 0;
}

/* ---- values as text ---- */

/* YAML on one line; quotes where the reader would see something else without. */
static void write_flow(FILE *out, const struct conf_node *n)
{
	bool map = n->type == CONF_MAP;

	if (n->type == CONF_NULL) {
		fputs("null", out);
		return;
	}
	if (n->type == CONF_SCALAR) {
		bool plain = !n->quoted && strpbrk(n->text, "\n\"'#{}[],&*!|>%@`") == NULL &&
			     strstr(n->text, ": ") == NULL && n->text[0] != '\0';

		fputs(plain ? "" : "\"", out);
		for (const char *c = n->text; *c != '\0'; c++) {
			if (!plain && (*c == '"' || *c == '\\'))
				fputc('\\', out);
			if (*c == '\n')
				fputs("\\n", out);
			else
				fputc(*c, out);
		}
		fputs(plain ? "" : "\"", out);
		return;
	}
	fputc(map ? '{' : '[', out);
	for (size_t i = 0; i < n->nr; i++) {
		fprintf(out, "%s%s%s", i ? ", " : "", map ? n->key[i] : "", map ? ": " : "");
		write_flow(out, n->item[i]);
	}
	fputc(map ? '}' : ']', out);
}

/* "path=value" with the value written as YAML on one line; owned.  NULL: out of host memory. */
static char *assignment(const char *path, const struct conf_node *value)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *f = open_memstream(&text, &bytes);

	if (f == NULL)
		return NULL;
	fprintf(f, "%s=", path);
	write_flow(f, value);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

int sweep_read_sets(const struct conf_node *n, char **set, unsigned *nr, struct diag *d)
{
	if (n->type != CONF_MAP)
		return conf_error(d, n, "expected settings, as {page.order: 10}");
	for (size_t i = 0; i < n->nr; i++) {
		if (*nr == SWEEP_MAX_SETS)
			return conf_error(d, n, "more than %u settings", SWEEP_MAX_SETS);
		set[*nr] = assignment(n->key[i], n->item[i]);
		if (set[*nr] == NULL)
			return conf_error(d, n, "out of host memory");
		++*nr;
	}
	return 0;
}

/* How conditions see a value: sizes and numbers as numbers, all else as text. */
static json_t *seen_as(const char *text)
{
	uint64_t v;

	if (parse_size(text, &v) && v <= INT64_MAX)
		return json_integer((json_int_t)v);
	return json_string(text);
}

/* ---- one axis ---- */

static struct sweep_value *new_value(struct sweep_axis *a, const struct conf_node *n,
				     struct diag *d)
{
	struct sweep_value *v;

	if (a->nr == SWEEP_MAX_VALUES) {
		conf_error(d, n, "axis '%s' has more than %u values", a->name, SWEEP_MAX_VALUES);
		return NULL;
	}
	v = realloc(a->value, (a->nr + 1) * sizeof *v);
	if (v == NULL) {
		conf_error(d, n, "out of host memory");
		return NULL;
	}
	a->value = v;
	v += a->nr++;
	*v = (struct sweep_value){0};
	v->set = calloc(SWEEP_MAX_SETS, sizeof *v->set);
	if (v->set == NULL) {
		conf_error(d, n, "out of host memory");
		return NULL;
	}
	return v;
}

static int same_label(const struct sweep_axis *a, const struct conf_node *n, struct diag *d)
{
	for (unsigned i = 0; i + 1 < a->nr; i++)
		if (strcmp(a->value[i].label, a->value[a->nr - 1].label) == 0)
			return conf_error(d, n, "'%.64s' is twice in axis '%s', expected each once",
					  a->value[i].label, a->name);
	return 0;
}

static int add_plain(struct sweep_axis *a, const char *path, const struct conf_node *n,
		     struct diag *d)
{
	struct sweep_value *v = new_value(a, n, d);

	if (v == NULL)
		return -1;
	v->set[0] = assignment(path, n);
	if (v->set[0] == NULL)
		return conf_error(d, n, "out of host memory");
	v->nr_sets = 1;
	v->label = strdup(v->set[0] + strlen(path) + 1);
	v->seen = seen_as(v->label);
	return same_label(a, n, d);
}

/* {name: half, set: {...}} */
static int add_named(struct sweep_axis *a, const struct conf_node *n, struct diag *d)
{
	static const char *const keys[] = {"name", "set", NULL};
	const struct conf_node *name = conf_get(n, "name"), *set = conf_get(n, "set");
	struct sweep_value *v;
	const char *text;

	if (sweep_check_keys(n, "a value", keys, d) != 0)
		return -1;
	if (name == NULL || set == NULL)
		return conf_error(d, n,
				  "expected a value with a name and what it sets, as {name: "
				  "half, set: {page.order: 10}}");
	if (conf_string(name, &text, d) != 0)
		return -1;
	v = new_value(a, n, d);
	if (v == NULL)
		return -1;
	v->label = strdup(text);
	v->seen = seen_as(text);
	if (sweep_read_sets(set, v->set, &v->nr_sets, d) != 0)
		return -1;
	return same_label(a, n, d);
}

static int read_values(struct sweep_axis *a, const char *path, const struct conf_node *n,
		       struct diag *d)
{
	if (n->type != CONF_LIST || n->nr == 0)
		return conf_error(d, n, "expected the values of axis '%s', as [9, 10, 11]",
				  a->name);
	for (size_t i = 0; i < n->nr; i++) {
		const struct conf_node *v = n->item[i];
		bool named = v->type == CONF_MAP && conf_get(v, "set") != NULL;

		if ((named ? add_named(a, v, d) : add_plain(a, path, v, d)) != 0)
			return -1;
	}
	return 0;
}

/* A size as people write it: 64K, 1M, 1000. */
static void size_word(uint64_t v, char out[32])
{
	static const char units[] = "GMK";

	for (int i = 0; i < 3; i++) {
		uint64_t unit = 1ull << (30 - 10 * i);

		if (v >= unit && v % unit == 0) {
			snprintf(out, 32, "%llu%c", (unsigned long long)(v / unit), units[i]);
			return;
		}
	}
	snprintf(out, 32, "%llu", (unsigned long long)v);
}

static int add_number(struct sweep_axis *a, const char *path, uint64_t x, const struct conf_node *n,
		      struct diag *d)
{
	struct sweep_value *v = new_value(a, n, d);
	char word[32];

	if (v == NULL)
		return -1;
	size_word(x, word);
	if (asprintf(&v->set[0], "%s=%s", path, word) < 0) {
		v->set[0] = NULL;
		return conf_error(d, n, "out of host memory");
	}
	v->nr_sets = 1;
	v->label = strdup(word);
	v->seen = json_integer((json_int_t)x);
	return 0;
}

static int read_end(const struct conf_node *n, const char *key, uint64_t *out, struct diag *d)
{
	const struct conf_node *x = conf_get(n, key);

	if (x == NULL)
		return conf_error(d, n,
				  "expected a range with from and to, as {from: 16K, to: 1M, "
				  "times: 2}");
	if (conf_size(x, out, d) != 0)
		return -1;
	return *out <= INT64_MAX ? 0 : conf_error(d, x, "expected a number below 2^63");
}

/* From `from` up to `to`, both included where the steps meet it. */
static int read_range(struct sweep_axis *a, const char *path, const struct conf_node *n,
		      struct diag *d)
{
	const struct conf_node *step = conf_get(n, "step"), *times = conf_get(n, "times");
	uint64_t from = 0, to = 0, by = 1;

	if (read_end(n, "from", &from, d) != 0 || read_end(n, "to", &to, d) != 0)
		return -1;
	if (step != NULL && times != NULL)
		return conf_error(d, times, "expected step (a sum) or times (a power), not both");
	if (step != NULL && conf_size(step, &by, d) != 0)
		return -1;
	if (times != NULL && conf_size(times, &by, d) != 0)
		return -1;
	if (by == 0 || (times != NULL && (by < 2 || from == 0)))
		return conf_error(
			d, times != NULL ? times : step,
			"the range does not advance, expected a step from 1, or times from "
			"2 and a start from 1");
	if (from > to)
		return conf_error(d, n, "the range is empty, expected from <= to");
	for (uint64_t x = from; x <= to;) {
		if (add_number(a, path, x, n, d) != 0)
			return -1;
		if (times != NULL ? __builtin_mul_overflow(x, by, &x)
				  : __builtin_add_overflow(x, by, &x))
			break;
	}
	return 0;
}

static int read_axis_body(struct sweep_axis *a, const struct conf_node *n, struct diag *d)
{
	static const char *const keys[] = {"path", "values", "from", "to", "step", "times", NULL};
	const struct conf_node *path = conf_get(n, "path"), *values = conf_get(n, "values");
	const char *text = a->name;

	if (n->type == CONF_LIST)
		return read_values(a, a->name, n, d);
	if (n->type != CONF_MAP)
		return conf_error(d, n, "expected an axis: a list of values, or {from: 9, to: 12}");
	if (sweep_check_keys(n, "an axis", keys, d) != 0)
		return -1;
	if (path != NULL && conf_string(path, &text, d) != 0)
		return -1;
	if (values != NULL && (conf_get(n, "from") != NULL || conf_get(n, "to") != NULL))
		return conf_error(d, n, "expected values or a range, not both");
	return values != NULL ? read_values(a, text, values, d) : read_range(a, text, n, d);
}

/* Conditions see axes by name: a word, or words joined by dots; none hides another. */
static int check_name(const struct sweep *s, const struct sweep_axis *a, int line, int col,
		      struct diag *d)
{
	static const char *const taken[] = {"machine", "variant", "trace", "repeat"};
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-.";
	size_t n = strlen(a->name), first = strcspn(a->name, ".");

	if (n == 0 || n > 100 || a->name[strspn(a->name, plain)] != '\0' || a->name[0] == '.' ||
	    a->name[n - 1] == '.' || strstr(a->name, "..") != NULL)
		return diag_set(d, a->node->file, line, col,
				"'%.64s' is no name of an axis, expected letters, digits, _, - and "
				"dots: give it a name and a path, as {path: ..., values: ...}",
				a->name);
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
		if (strlen(taken[i]) == first && strncmp(taken[i], a->name, first) == 0)
			return diag_set(
				d, a->node->file, line, col,
				"'%.64s' hides what conditions call %s, expected a name and "
				"a path, as align: {path: machine.malloc_align, values: "
				"[...]}",
				a->name, taken[i]);
	for (unsigned i = 0; i < s->nr_axes; i++) {
		size_t m = strlen(s->axis[i].name), least = m < n ? m : n;

		if (strncmp(s->axis[i].name, a->name, least) == 0 &&
		    (m == n || (m > n ? s->axis[i].name[n] : a->name[m]) == '.'))
			return diag_set(d, a->node->file, line, col,
					"conditions cannot tell '%.64s' from '%.64s', expected a "
					"name and a path for one of them",
					a->name, s->axis[i].name);
	}
	return 0;
}

int sweep_read_axes(struct sweep *s, const struct conf_node *n, struct diag *d)
{
	if (n->type != CONF_MAP)
		return conf_error(d, n, "expected axes by name, as {page.order: [9, 10, 11]}");
	for (size_t i = 0; i < n->nr; i++) {
		struct sweep_axis *a = &s->axis[s->nr_axes];

		if (s->nr_axes == SWEEP_MAX_AXES)
			return conf_error(d, n, "more than %u axes", SWEEP_MAX_AXES);
		*a = (struct sweep_axis){.name = strdup(n->key[i]), .node = n->item[i]};
		if (a->name == NULL)
			return conf_error(d, n, "out of host memory");
		if (check_name(s, a, n->key_line[i], n->key_col[i], d) != 0) {
			free(a->name);
			return -1;
		}
		s->nr_axes++;
		if (read_axis_body(a, n->item[i], d) != 0)
			return -1;
	}
	return 0;
}

/* ---- zips ---- */

static struct sweep_axis *find_axis(struct sweep *s, const struct conf_node *n, struct diag *d)
{
	struct name_list l;
	const char *text;

	if (conf_string(n, &text, d) != 0)
		return NULL;
	for (unsigned i = 0; i < s->nr_axes; i++)
		if (strcmp(s->axis[i].name, text) == 0)
			return &s->axis[i];
	names_begin(&l, text);
	for (unsigned i = 0; i < s->nr_axes; i++)
		names_add(&l, s->axis[i].name);
	names_end(&l);
	conf_error(d, n, "no axis '%.64s', expected one of %s%s", text, l.text, l.hint);
	return NULL;
}

#define NO_ZIP UINT32_MAX

static int read_zip(struct sweep *s, const struct conf_node *n, struct diag *d)
{
	if (n->type != CONF_LIST || n->nr < 2)
		return conf_error(d, n, "expected two or more axes that vary together, as [a, b]");
	for (size_t i = 0; i < n->nr; i++) {
		struct sweep_axis *a = find_axis(s, n->item[i], d);

		if (a == NULL)
			return -1;
		if (a->zip != NO_ZIP)
			return conf_error(d, n->item[i], "axis '%s' is zipped twice", a->name);
		if (i > 0 && a->nr != s->zip_len[s->nr_zips])
			return conf_error(d, n->item[i],
					  "axis '%s' has %u values, expected %u as the others it "
					  "varies with",
					  a->name, a->nr, s->zip_len[s->nr_zips]);
		a->zip = s->nr_zips;
		s->zip_len[s->nr_zips] = a->nr;
	}
	s->nr_zips++;
	return 0;
}

int sweep_read_zips(struct sweep *s, const struct conf_node *n, struct diag *d)
{
	bool flat =
		n != NULL && n->type == CONF_LIST && n->nr != 0 && n->item[0]->type == CONF_SCALAR;

	for (unsigned i = 0; i < s->nr_axes; i++)
		s->axis[i].zip = NO_ZIP;
	if (n != NULL && n->type != CONF_LIST)
		return conf_error(d, n, "expected lists of axes that vary together, as [[a, b]]");
	if (flat && read_zip(s, n, d) != 0)
		return -1;
	for (size_t i = 0; n != NULL && !flat && i < n->nr; i++)
		if (read_zip(s, n->item[i], d) != 0)
			return -1;
	for (unsigned i = 0; i < s->nr_axes; i++) {
		if (s->axis[i].zip != NO_ZIP)
			continue;
		s->axis[i].zip = s->nr_zips;
		s->zip_len[s->nr_zips++] = s->axis[i].nr;
	}
	return 0;
}

void sweep_free_axes(struct sweep *s)
{
	for (unsigned i = 0; i < s->nr_axes; i++) {
		struct sweep_axis *a = &s->axis[i];

		for (unsigned v = 0; v < a->nr; v++) {
			for (unsigned k = 0; k < a->value[v].nr_sets; k++)
				free(a->value[v].set[k]);
			free(a->value[v].set);
			free(a->value[v].label);
			json_decref(a->value[v].seen);
		}
		free(a->value);
		free(a->name);
	}
}
