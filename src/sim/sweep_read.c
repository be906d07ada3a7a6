/* Reading a sweep file; docs/sweeps.md describes it. */
#include <errno.h>
#include <limits.h>
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

/* A copy of a scalar. */
static char *text_of(const struct conf_node *n, struct diag *d)
{
	const char *text;
	char *copy;

	if (conf_string(n, &text, d) != 0)
		return NULL;
	copy = strdup(text);
	if (copy == NULL)
		no_memory(n, d);
	return copy;
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
	return set != NULL ? sweep_read_sets(set, m->set, SWEEP_MAX_SETS, &m->nr_sets, d) : 0;
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

static int read_machines(struct sweep *s, const struct conf_node *n, struct diag *d)
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

static char *label_of_path(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
	const char *dot = strchr(base, '.');

	return strndup(base, dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base));
}

static const struct generator *find_generator(const struct conf_node *n, struct diag *d)
{
	struct name_list l;
	const char *text;

	if (conf_string(n, &text, d) != 0)
		return NULL;
	for (unsigned i = 0; i < nr_generators; i++)
		if (strcmp(generators[i].name, text) == 0)
			return &generators[i];
	names_begin(&l, text);
	for (unsigned i = 0; i < nr_generators; i++)
		names_add(&l, generators[i].name);
	names_end(&l);
	conf_error(d, n, "no generator '%.64s', expected one of %s%s", text, l.text, l.hint);
	return NULL;
}

static int read_number(const struct conf_node *map, const char *key, uint64_t least, uint64_t most,
		       uint64_t *out, struct diag *d)
{
	const struct conf_node *n = conf_get(map, key);

	if (n == NULL || n->type == CONF_NULL)
		return 0;
	if (conf_size(n, out, d) != 0)
		return -1;
	if (*out < least || *out > most)
		return conf_error(d, n, "%s: expected a number from %llu to %llu", key,
				  (unsigned long long)least, (unsigned long long)most);
	return 0;
}

/* {gen: powers, events: 50000, seed: 1, live: 100, min: 8, max: 4K} */
static int read_generated(struct sweep_trace *t, const struct conf_node *n, struct diag *d)
{
	static const char *const keys[] = {"gen",  "name", "events", "seed",
					   "live", "min",  "max",    NULL};
	uint64_t most = UINT64_C(1) << 40, least = 1;

	if (sweep_check_keys(n, "a generated trace", keys, d) != 0)
		return -1;
	t->gen = find_generator(conf_get(n, "gen"), d);
	if (t->gen == NULL)
		return -1;
	t->params = t->gen->defaults;
	t->params.events = 1000000;
	t->params.seed = 1;
	if (strcmp(t->gen->name, "pages") == 0) {
		least = 0;
		most = 20;
	}
	if (read_number(n, "events", 1, UINT64_C(1) << 32, &t->params.events, d) != 0 ||
	    read_number(n, "seed", 0, UINT32_MAX, &t->params.seed, d) != 0 ||
	    read_number(n, "live", 8, UINT32_MAX / 2, &t->params.live, d) != 0 ||
	    read_number(n, "min", least, most, &t->params.min, d) != 0 ||
	    read_number(n, "max", least, most, &t->params.max, d) != 0)
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
	return caches != NULL ? read_number(n, "caches", 0, KERNEL_MAX_CACHES, &t->caches, d) : 0;
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
	t->label = text != NULL ? strdup(text) : label_of_path(t->path);
	for (unsigned i = 0; t->label != NULL && i + 1 < s->nr_traces; i++)
		if (strcmp(s->trace[i].label, t->label) == 0)
			return conf_error(d, n,
					  "trace '%s' is there twice, expected a `name` that tells "
					  "them apart",
					  t->label);
	return t->label != NULL ? 0 : no_memory(n, d);
}

static int read_traces(struct sweep *s, const struct conf_node *n, struct diag *d)
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

/* ---- rules, figures, perturbation ---- */

/* A quoted or bare list of expressions, or one. */
static int read_list(const struct conf_node *n,
		     int (*fn)(struct sweep *s, const struct conf_node *n, struct diag *d),
		     struct sweep *s, struct diag *d)
{
	if (n == NULL || n->type == CONF_NULL)
		return 0;
	if (n->type != CONF_LIST)
		return fn(s, n, d);
	for (size_t i = 0; i < n->nr; i++)
		if (fn(s, n->item[i], d) != 0)
			return -1;
	return 0;
}

struct expr *sweep_expression(const struct conf_node *n, struct diag *d)
{
	struct diag inner = {0};
	const char *text;
	struct expr *e;

	if (conf_string(n, &text, d) != 0)
		return NULL;
	e = expr_parse(text, n->file, &inner);
	if (e == NULL)
		diag_set(d, n->file, n->line,
			 n->col + (n->quoted ? 1 : 0) + (inner.col > 0 ? inner.col - 1 : 0), "%s",
			 inner.msg);
	return e;
}

static int add_rule(struct sweep *s, const struct conf_node *n, bool include, struct diag *d)
{
	struct sweep_point first;
	json_t *seen;
	bool yes;
	int err;

	if (s->nr_rules == SWEEP_MAX_RULES)
		return conf_error(d, n, "more than %u conditions", SWEEP_MAX_RULES);
	s->rule[s->nr_rules].include = include;
	s->rule[s->nr_rules].expr = sweep_expression(n, d);
	if (s->rule[s->nr_rules].expr == NULL)
		return -1;
	/* Names that no point has are found here, with a position. */
	sweep_at(s, 0, &first);
	seen = sweep_seen(s, &first);
	err = expr_true(s->rule[s->nr_rules++].expr, seen, &yes, d);
	json_decref(seen);
	if (err != 0) {
		d->line = n->line;
		d->col = n->col + (n->quoted ? 1 : 0) + (d->col > 0 ? d->col - 1 : 0);
	}
	return err;
}

static int add_include(struct sweep *s, const struct conf_node *n, struct diag *d)
{
	return add_rule(s, n, true, d);
}

static int add_exclude(struct sweep *s, const struct conf_node *n, struct diag *d)
{
	return add_rule(s, n, false, d);
}

static int add_text(char **list, unsigned *nr, const struct conf_node *n, struct diag *d)
{
	struct expr *e;

	if (*nr == SWEEP_MAX_FIGURES)
		return conf_error(d, n, "more than %u figures", SWEEP_MAX_FIGURES);
	e = sweep_expression(n, d);
	if (e == NULL)
		return -1;
	expr_free(e);
	list[*nr] = text_of(n, d);
	if (list[*nr] == NULL)
		return -1;
	++*nr;
	return 0;
}

static int add_figure(struct sweep *s, const struct conf_node *n, struct diag *d)
{
	return add_text(s->figure, &s->nr_figures, n, d);
}

static int add_minimise(struct sweep *s, const struct conf_node *n, struct diag *d)
{
	return add_text(s->minimise, &s->nr_minimise, n, d);
}

static int read_perturb(struct sweep *s, const struct conf_node *n, struct diag *d)
{
	static const char *const keys[] = {"seed", "base", "bytes", "requests", "ties", NULL};
	struct sweep_perturb *p = &s->perturb;

	if (n == NULL || n->type == CONF_NULL)
		return 0;
	if (n->type != CONF_MAP)
		return conf_error(d, n,
				  "expected what repeats change, as {base: 256, bytes: 1, "
				  "requests: 1, ties: 64}");
	if (s->repeats < 2)
		return conf_error(d, n, "nothing is repeated, expected `repeats: 5` as well");
	if (sweep_check_keys(n, "perturb", keys, d) != 0)
		return -1;
	if (read_number(n, "seed", 0, UINT32_MAX, &p->seed, d) != 0 ||
	    read_number(n, "base", 0, 1u << 20, &p->base, d) != 0 ||
	    read_number(n, "bytes", 0, 4096, &p->bytes, d) != 0 ||
	    read_number(n, "requests", 0, 64, &p->requests, d) != 0 ||
	    read_number(n, "ties", 0, UINT32_MAX, &p->ties, d) != 0)
		return -1;
	return 0;
}

/* ---- the whole ---- */

static int read_head(struct sweep *s, const struct conf_node *root, struct diag *d)
{
	const struct conf_node *name = conf_get(root, "sweep"), *about = conf_get(root, "about"),
			       *mode = conf_get(root, "mode");
	const char *word = "replay";
	uint64_t repeats = 1;

	if (name == NULL)
		return conf_error(d, root, "expected the sweep's name, as sweep: which-heap");
	s->name = text_of(name, d);
	if (s->name == NULL)
		return -1;
	s->about = about != NULL ? text_of(about, d) : strdup("");
	if (s->about == NULL)
		return -1;
	if (mode != NULL && conf_string(mode, &word, d) != 0)
		return -1;
	if (strcmp(word, "replay") != 0 && strcmp(word, "fit") != 0)
		return conf_error(d, mode, "'%.64s' is no mode, expected replay or fit", word);
	s->mode = strcmp(word, "fit") == 0 ? SWEEP_FIT : SWEEP_REPLAY;
	if (read_number(root, "max_steps", 0, UINT64_MAX, &s->max_steps, d) != 0 ||
	    read_number(root, "max_seconds", 0, SWEEP_MAX_SECONDS, &s->max_seconds, d) != 0 ||
	    read_number(root, "until", 0, UINT64_MAX, &s->until, d) != 0 ||
	    read_number(root, "repeats", 1, 1000, &repeats, d) != 0)
		return -1;
	if (s->mode == SWEEP_FIT && s->until != 0)
		return conf_error(d, conf_get(root, "until"), "fit takes no `until`");
	s->repeats = (unsigned)repeats;
	return read_perturb(s, conf_get(root, "perturb"), d);
}

static int count_points(struct sweep *s, struct diag *d)
{
	uint64_t n = (uint64_t)s->nr_traces * s->nr_machines * s->repeats;

	for (unsigned z = 0; z < s->nr_zips && n <= SWEEP_MAX_POINTS; z++)
		n *= s->zip_len[z];
	s->nr_raw = n;
	return n <= SWEEP_MAX_POINTS
		       ? 0
		       : conf_error(d, conf_root(s->tree),
				    "more than %u points, expected fewer values", SWEEP_MAX_POINTS);
}

static int read_all(struct sweep *s, struct diag *d)
{
	static const char *const keys[] = {
		"sweep",   "about",    "mode",    "machines",  "traces",      "set",
		"axes",    "zip",      "include", "exclude",   "repeats",     "perturb",
		"figures", "minimise", "until",   "max_steps", "max_seconds", NULL};
	const struct conf_node *root = conf_root(s->tree), *set, *axes;

	if (root == NULL || root->type != CONF_MAP)
		return diag_set(
			d, root != NULL ? root->file : "", 0, 0,
			"expected a sweep: a mapping with sweep, machines, traces and axes");
	set = conf_get(root, "set");
	axes = conf_get(root, "axes");
	if (sweep_check_keys(root, "a sweep", keys, d) != 0 || read_head(s, root, d) != 0 ||
	    read_machines(s, conf_get(root, "machines"), d) != 0 ||
	    read_traces(s, conf_get(root, "traces"), d) != 0)
		return -1;
	if (set != NULL && sweep_read_sets(set, s->set, SWEEP_MAX_SETS, &s->nr_sets, d) != 0)
		return -1;
	if (axes != NULL && sweep_read_axes(s, axes, d) != 0)
		return -1;
	if (sweep_read_zips(s, conf_get(root, "zip"), d) != 0 || count_points(s, d) != 0)
		return -1;
	if (read_list(conf_get(root, "include"), add_include, s, d) != 0 ||
	    read_list(conf_get(root, "exclude"), add_exclude, s, d) != 0)
		return -1;
	return read_list(conf_get(root, "figures"), add_figure, s, d) != 0
		       ? -1
		       : read_list(conf_get(root, "minimise"), add_minimise, s, d);
}

/* Takes the tree, also on an error. */
static struct sweep *from_tree(struct conf_tree *t, struct diag *d)
{
	struct sweep *s = t != NULL ? calloc(1, sizeof *s) : NULL;

	if (s == NULL) {
		diag_set(d, "", 0, 0, "out of host memory");
		conf_free(t);
		return NULL;
	}
	s->tree = t;
	if (read_all(s, d) == 0)
		return s;
	sweep_free(s);
	return NULL;
}

struct sweep *sweep_read(const char *path, struct diag *d)
{
	return from_tree(conf_read_file(path, d), d);
}

struct sweep *sweep_read_text(const char *text, size_t bytes, const char *name, struct diag *d)
{
	return from_tree(conf_read_text(text, bytes, name, d), d);
}

static void free_texts(char **text, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		free(text[i]);
}

void sweep_free(struct sweep *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->nr_machines; i++) {
		struct sweep_machine *m = &s->machine[i];

		if (m->set != NULL)
			free_texts(m->set, m->nr_sets);
		free(m->set);
		free(m->label);
		free(m->name);
		free(m->variant);
	}
	for (unsigned i = 0; i < s->nr_traces; i++) {
		free(s->trace[i].label);
		free(s->trace[i].path);
	}
	for (unsigned i = 0; i < s->nr_rules; i++)
		expr_free(s->rule[i].expr);
	sweep_free_axes(s);
	free_texts(s->set, s->nr_sets);
	free_texts(s->figure, s->nr_figures);
	free_texts(s->minimise, s->nr_minimise);
	free(s->machine);
	free(s->trace);
	free(s->name);
	free(s->about);
	conf_free(s->tree);
	free(s);
}
