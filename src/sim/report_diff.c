#include "sim/report_diff.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MAX_DIFF_DEPTH 32u

struct differ {
	char path[1024];
	void (*fn)(void *ctx, const char *path, const json_t *a, const json_t *b);
	void *ctx;
	size_t nr;
	unsigned depth;
};

static const char *name_of(const json_t *j)
{
	return json_string_value(json_object_get(j, "name"));
}

/* The element of `list` that stands for element i of `other`: by name, else by index. */
static const json_t *partner(const json_t *list, const json_t *element, size_t i)
{
	const char *name = name_of(element);

	if (name == NULL)
		return json_array_get(list, i);
	for (size_t k = 0; k < json_array_size(list); k++) {
		const char *s = name_of(json_array_get(list, k));

		if (s != NULL && strcmp(s, name) == 0)
			return json_array_get(list, k);
	}
	return NULL;
}

static void walk(struct differ *d, const json_t *a, const json_t *b);

/* Goes one step down under `key` (or [index]) and comes back. */
static void step(struct differ *d, const char *key, size_t index, const json_t *a, const json_t *b)
{
	size_t len = strlen(d->path);

	if (d->depth == MAX_DIFF_DEPTH)
		return;
	if (key != NULL)
		snprintf(d->path + len, sizeof d->path - len, "%s%s", len ? "." : "", key);
	else
		snprintf(d->path + len, sizeof d->path - len, "[%zu]", index);
	d->depth++;
	walk(d, a, b);
	d->depth--;
	d->path[len] = '\0';
}

static void walk_objects(struct differ *d, const json_t *a, const json_t *b)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)a, key, value)
		step(d, key, 0, value, json_object_get(b, key));
	json_object_foreach((json_t *)(uintptr_t)b, key, value) if (json_object_get(a, key) == NULL)
		step(d, key, 0, NULL, value);
}

static void walk_arrays(struct differ *d, const json_t *a, const json_t *b)
{
	for (size_t i = 0; i < json_array_size(a); i++) {
		const json_t *e = json_array_get(a, i);

		step(d, name_of(e), i, e, partner(b, e, i));
	}
	for (size_t i = 0; i < json_array_size(b); i++) {
		const json_t *e = json_array_get(b, i);

		if (partner(a, e, i) == NULL)
			step(d, name_of(e), i, NULL, e);
	}
}

static void walk(struct differ *d, const json_t *a, const json_t *b)
{
	const json_t *some = a != NULL ? a : b;

	if (json_is_object(some) && (a == NULL || b == NULL || json_typeof(a) == json_typeof(b))) {
		walk_objects(d, a, b);
	} else if (json_is_array(some) &&
		   (a == NULL || b == NULL || json_typeof(a) == json_typeof(b))) {
		walk_arrays(d, a, b);
	} else if (a == NULL || b == NULL ||
		   !json_equal((json_t *)(uintptr_t)a, (json_t *)(uintptr_t)b)) {
		d->nr++;
		d->fn(d->ctx, d->path, a, b);
	}
}

bool report_is_asked(const char *path)
{
	return strncmp(path, "run.", 4) == 0 || strcmp(path, "image_hash") == 0 ||
	       strncmp(path, "trace.", 6) == 0;
}

size_t report_diff(const json_t *a, const json_t *b,
		   void (*fn)(void *ctx, const char *path, const json_t *a, const json_t *b),
		   void *ctx)
{
	struct differ d = {.fn = fn, .ctx = ctx};

	walk(&d, a, b);
	return d.nr;
}
