/* What a sweep runs on: the blocks `machines` and `traces` of its file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/names.h"
#include "sim/sweep_parse.h"
#include "sim/trace_kernel.h"

static int no_memory(const struct conf_node *n, struct diag *d)
{
	return conf_error(d, n, "out of host memory");
}

/* Grows an array by one zeroed element; NULL: out of memory. */
static void *grow(void **array, unsigned *nr, size_t bytes)
{
	char *p = realloc(*array, (*nr + 1) * bytes);

	if (p == NULL)
		return NULL;
	*array = p;
	memset(p + *nr * bytes, 0, bytes);
	return p + (*nr)++ * bytes;
}

/* ---- machines ---- */

static int add_machine(struct sweep *s, const struct conf_node *n, const char *name,
		       const char *variant, const char *label, const struct conf_node *set,
		       struct diag *d)
{
	struct sweep_machine *m = grow((void **)&s->machine, &s->nr_machines, sizeof *s->machine);

	if (m == NULL)
		return no_memory(n, d);
	m->node = n;
	m->name = strdup(name);
	m->variant = strdup(variant);
	m->set = calloc(SWEEP_MAX_SETS, sizeof *m->set);
	if (asprintf(&m->label, "%s%s%s", label, variant[0] != '\0' ? ":" : "", variant) < 0)
		m->label = NULL;
	if (m->name == NULL || m->variant == NULL || m->set == NULL || m->label == NULL)
		return no_memory(n, d);
	for (unsigned i = 0; i + 1 < s->nr_machines; i++)
		if (strcmp(s->machine[i].label, m->label) == 0)
			return conf_error(d, n,
					  "machine '%s' is there twice, expected a `name` that "
					  "tells them apart",
					  m->label);
	return set != NULL ? sweep_read_sets(set, m->set, &m->nr_sets, d) : 0;
}

/* {machine: x86_64, variants: [1g, 4g], name: pc, set: {...}} */
static int read_machine(struct sweep *s, const struct conf_node *n, struct diag *d)
{
	static const char *const keys[] = {"machine", "variant", "variants", "name", "set", NULL};
	const struct conf_node *name = conf_get(n, "machine"), *label = conf_get(n, "name"),
			       *one = conf_get(n, "variant"), *many = conf_get(n, "variants"),
			       *set = conf_get(n, "set");
	const char *name_text, *label_text, *variant = "";

	if (n->type == CONF_SCALAR)
		return add_machine(s, n, n->text, "", n->text, NULL, d);
	if (n->type != CONF_MAP || name == NULL)
		return conf_error(d, n,
				  "expected a machine, as stm32h7 or {machine: x86_64, "
				  "variants: [1g, 4g]}");
	if (sweep_check_keys(n, "a machine", keys, d) != 0 || conf_string(name, &name_text, d) != 0)
		return -1;
	label_text = name_text;
	if (label != NULL && conf_string(label, &label_text, d) != 0)
		return -1;
	if (many == NULL) {
		if (one != NULL && conf_string(one, &variant, d) != 0)
			return -1;
		return add_machine(s, n, name_text, variant, label_text, set, d);
	}
	if (one != NULL || many->type != CONF_LIST || many->nr == 0)
		return conf_error(d, many, "expected variant: one, or variants: [several]");
	for (size_t i = 0; i < many->nr; i++) {
		variant = "";
		if (many->item[i]->type != CONF_NULL && conf_string(many->item[i], &variant, d))
			return -1;
		if (add_machine(s, n, name_text, variant, label_text, set, d) != 0)
			return -1;
	}
	return 0;
}

int sweep_read_machines(struct sweep *s, const struct conf_node *n, struct diag *d)
{
	if (n == NULL || (n->type == CONF_LIST && n->nr == 0))
		return conf_error(d, n != NULL ? n : conf_root(s->tree),
				  "on which machines? expected machines: [stm32h7]");
	if (n->type != CONF_LIST)
		return read_machine(s, n, d);
	for (size_t i = 0; i < n->nr; i++)
		if (read_machine(s, n->item[i], d) != 0)
			return -1;
	return 0;
}

/* ---- traces ---- */

/* "sweeps/../traces/x" is "traces/x", where that is the same file. */
static void shorten(char *path)
{
	char copy[SWEEP_PATH], *up;

	snprintf(copy, sizeof copy, "%s", path);
	while ((up = strstr(copy, "/../")) != NULL) {
		char *from = up;

		while (from > copy && from[-1] != '/')
			from--;
		if (from == up || strncmp(from, "..", 2) == 0)
			break;
		memmove(from, up + 4, strlen(up + 4) + 1);
	}
	if (strlen(copy) < strlen(path) && access(copy, R_OK) == 0)
		memcpy(path, copy, strlen(copy) + 1);
}

/* Beside the sweep file, or else as it is named. */
static char *trace_path(const struct conf_node *n, const char *name)
{
	const char *slash = strrchr(n->file, '/');
	char *path = NULL;

	if (name[0] == '/' || slash == NULL)
		return strdup(name);
	if (asprintf(&path, "%.*s/%s", (int)(slash - n->file), n->file, name) < 0)
		return NULL;
	if (access(path, R_OK) == 0) {
		shorten(path);
		return path;
	}
	free(path);
	return strdup(name);
}

static const struct generator *read_generator(const struct conf_node *n, struct diag *d)
{
	const struct generator *g;
	struct name_list l;
	const char *text;

	if (conf_string(n, &text, d) != 0)
		return NULL;
	g = generator_find(text);
	if (g != NULL)
		return g;
	names_begin(&l, text);
	for (unsigned i = 0; i < nr_generators; i++)
		names_add(&l, generators[i].name);
	names_end(&l);
	conf_error(d, n, "no generator '%.64s', expected one of %s%s", text, l.text, l.hint);
	return NULL;
}

/* {gen: powers, events: 50000, seed: 1, live: 100, min: 8, max: 4K} */
static int read_generated(struct sweep_trace *t, const struct conf_node *n, struct diag *d)
{
	static const char *const keys[] = {"gen",  "name", "events", "seed",
					   "live", "min",  "max",    NULL};
	uint64_t least = 1, most = GEN_MOST_BYTES;

	if (sweep_check_keys(n, "a generated trace", keys, d) != 0)
		return -1;
	t->gen = read_generator(conf_get(n, "gen"), d);
	if (t->gen == NULL)
		return -1;
	t->params = t->gen->defaults;
	if (generator_makes_pages(t->gen)) {
		least = 0;
		most = GEN_MOST_ORDER;
	}
	if (sweep_read_number(n, "events", 1, UINT64_C(1) << 32, &t->params.events, d) != 0 ||
	    sweep_read_number(n, "seed", 0, UINT32_MAX, &t->params.seed, d) != 0 ||
	    sweep_read_number(n, "live", GEN_LEAST_LIVE, GEN_MOST_LIVE, &t->params.live, d) != 0 ||
	    sweep_read_number(n, "min", least, most, &t->params.min, d) != 0 ||
	    sweep_read_number(n, "max", least, most, &t->params.max, d) != 0)
		return -1;
	if (t->params.min > t->params.max)
		return conf_error(d, n, "min is more than max, expected min <= max");
	return 0;
}

/* {trace: x.mst, as: kmalloc, caches: 24} */
static int read_file_trace(struct sweep_trace *t, const struct conf_node *n,
			   const struct conf_node *file, struct diag *d)
{
	static const char *const keys[] = {"trace", "name", "as", "caches", NULL};
	const struct conf_node *as = n->type == CONF_MAP ? conf_get(n, "as") : NULL,
			       *caches = n->type == CONF_MAP ? conf_get(n, "caches") : NULL;
	const char *word = "";

	if (n->type == CONF_MAP && sweep_check_keys(n, "a trace", keys, d) != 0)
		return -1;
	t->path = trace_path(n, file->text);
	if (t->path == NULL)
		return no_memory(n, d);
	if (as != NULL && conf_string(as, &word, d) != 0)
		return -1;
	if (as != NULL && strcmp(word, "kmalloc") != 0)
		return conf_error(d, as, "a trace cannot be read as '%.64s', expected kmalloc",
				  word);
	if (caches != NULL && as == NULL)
		return conf_error(d, caches, "caches belong to `as: kmalloc`, which is not there");
	t->kernel = as != NULL;
	return caches != NULL ? sweep_read_number(n, "caches", 0, KERNEL_MAX_CACHES, &t->caches, d)
			      : 0;
}

static int read_trace(struct sweep *s, const struct conf_node *n, struct diag *d)
{
	struct sweep_trace *t = grow((void **)&s->trace, &s->nr_traces, sizeof *s->trace);
	bool map = n->type == CONF_MAP;
	const struct conf_node *file = map ? conf_get(n, "trace") : n,
			       *name = map ? conf_get(n, "name") : NULL;
	const char *text = NULL;

	if (t == NULL)
		return no_memory(n, d);
	t->node = n;
	if (map && conf_get(n, "gen") != NULL) {
		if (read_generated(t, n, d) != 0)
			return -1;
		text = t->gen->name;
	} else if (file == NULL || file->type != CONF_SCALAR) {
		return conf_error(d, n,
				  "expected a trace: a file, or {gen: powers, events: 50000}");
	} else if (read_file_trace(t, n, file, d) != 0) {
		return -1;
	}
	if (name != NULL && conf_string(name, &text, d) != 0)
		return -1;
	t->label = text != NULL ? strdup(text) : trace_label(t->path);
	for (unsigned i = 0; t->label != NULL && i + 1 < s->nr_traces; i++)
		if (strcmp(s->trace[i].label, t->label) == 0)
			return conf_error(d, n,
					  "trace '%s' is there twice, expected a `name` that tells "
					  "them apart",
					  t->label);
	return t->label != NULL ? 0 : no_memory(n, d);
}

int sweep_read_traces(struct sweep *s, const struct conf_node *n, struct diag *d)
{
	if (n == NULL || (n->type == CONF_LIST && n->nr == 0))
		return conf_error(d, n != NULL ? n : conf_root(s->tree),
				  "of which traces? expected traces: [firmware.mst]");
	if (n->type != CONF_LIST)
		return read_trace(s, n, d);
	for (size_t i = 0; i < n->nr; i++)
		if (read_trace(s, n->item[i], d) != 0)
			return -1;
	return 0;
}
