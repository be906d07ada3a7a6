#include "model/machine_fields.h"

#include <string.h>
#include <strings.h>

#include "model/names.h"

bool fields_is_name(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return n != 0 && n <= 31 && text[n] == '\0';
}

const struct conf_node *fields_get(const struct conf_node *map, const char *key)
{
	const struct conf_node *n = conf_get(map, key);

	return n != NULL && n->type != CONF_NULL ? n : NULL;
}

int fields_unknown(const struct conf_node *map, size_t i, const char *what,
		   const struct field *fields, struct diag *d)
{
	struct name_list l;

	names_begin(&l, map->key[i]);
	for (; fields->key != NULL; fields++)
		names_add(&l, fields->key);
	names_end(&l);
	return diag_set(d, map->item[i]->file, map->key_line[i], map->key_col[i],
			"unknown key '%.64s' in %s, expected one of %s%s", map->key[i], what,
			l.text, l.hint);
}

/* ---- one type a function; each stores at `at` ---- */

static int read_name(const struct conf_node *n, void *at, struct diag *d)
{
	const char *text;

	if (conf_string(n, &text, d) != 0)
		return -1;
	if (!fields_is_name(text))
		return conf_error(d, n,
				  "'%.64s', expected a name: letters, digits, _ and -, at most 31",
				  text);
	memcpy(at, &text, sizeof text);
	return 0;
}

static int read_text(const struct conf_node *n, void *at, struct diag *d)
{
	const char *text;

	if (conf_string(n, &text, d) != 0)
		return -1;
	memcpy(at, &text, sizeof text);
	return 0;
}

/* Above a bound a size is told as it was written. */
static int read_size(const struct conf_node *n, const struct field *f, void *at, struct diag *d)
{
	uint64_t v;

	if (conf_size(n, &v, d) != 0)
		return -1;
	if (v < f->min || (f->max != 0 && v > f->max))
		return conf_error(d, n, "%s %.64s, expected %s", f->key, n->text, f->expected);
	memcpy(at, &v, sizeof v);
	return 0;
}

static int read_uint(const struct conf_node *n, const struct field *f, void *at, struct diag *d)
{
	uint64_t v;
	uint32_t u;

	if (conf_uint(n, UINT32_MAX, &v, d) != 0)
		return -1;
	if (v < f->min || (f->max != 0 && v > f->max))
		return conf_error(d, n, "%s %.64s, expected %s", f->key, n->text, f->expected);
	u = (uint32_t)v;
	memcpy(at, &u, sizeof u);
	return 0;
}

static int read_bool(const struct conf_node *n, void *at, struct diag *d)
{
	bool v;

	if (conf_bool(n, &v, d) != 0)
		return -1;
	memcpy(at, &v, sizeof v);
	return 0;
}

static int read_choice(const struct conf_node *n, const struct field *f, void *at, struct diag *d)
{
	struct name_list l;
	const char *text;

	if (conf_string(n, &text, d) != 0)
		return -1;
	names_begin(&l, text);
	for (unsigned i = 0; f->choices[i] != NULL; i++) {
		if (strcasecmp(f->choices[i], text) == 0) {
			memcpy(at, &i, sizeof i);
			return 0;
		}
		names_add(&l, f->choices[i]);
	}
	names_end(&l);
	return conf_error(d, n, "%s '%.64s', expected one of %s%s", f->key, text, l.text, l.hint);
}

static int read_field(const struct conf_node *n, const struct field *f, void *at, struct diag *d)
{
	switch (f->type) {
	case FIELD_NODE:
		memcpy(at, &n, sizeof n);
		return 0;
	case FIELD_TEXT:
		return read_text(n, at, d);
	case FIELD_NAME:
		return read_name(n, at, d);
	case FIELD_SIZE:
		return read_size(n, f, at, d);
	case FIELD_UINT:
		return read_uint(n, f, at, d);
	case FIELD_BOOL:
		return read_bool(n, at, d);
	case FIELD_CHOICE:
		break;
	}
	return read_choice(n, f, at, d);
}

static bool is_known(const struct field *f, const char *key)
{
	for (; f->key != NULL; f++)
		if (strcmp(f->key, key) == 0)
			return true;
	return false;
}

int fields_read(const struct conf_node *n, const char *what, const struct field *fields, bool open,
		void *out, struct diag *d)
{
	if (n->type != CONF_MAP)
		return conf_error(d, n, "expected %s, as keys and values", what);
	for (size_t i = 0; i < n->nr && !open; i++)
		if (!is_known(fields, n->key[i]))
			return fields_unknown(n, i, what, fields, d);
	for (const struct field *f = fields; f->key != NULL; f++) {
		const struct conf_node *v = fields_get(n, f->key);

		if (v == NULL && f->required)
			return conf_error(d, n, "no '%s' in %s, expected %s", f->key, what,
					  f->expected);
		if (v != NULL && read_field(v, f, (char *)out + f->offset, d) != 0)
			return -1;
	}
	return 0;
}
