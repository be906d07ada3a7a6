/* Reading a sweep file; docs/sweeps.md describes it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sweep_parse.h"

static int no_memory(const struct conf_node *n, struct diag *d)
{
	return conf_error(d, n, "out of host memory");
}

int sweep_read_number(const struct conf_node *map, const char *key, uint64_t least, uint64_t most,
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
	if (sweep_read_number(n, "seed", 0, UINT32_MAX, &p->seed, d) != 0 ||
	    sweep_read_number(n, "base", 0, 1u << 20, &p->base, d) != 0 ||
	    sweep_read_number(n, "bytes", 0, 4096, &p->bytes, d) != 0 ||
	    sweep_read_number(n, "requests", 0, 64, &p->requests, d) != 0 ||
	    sweep_read_number(n, "ties", 0, UINT32_MAX, &p->ties, d) != 0)
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
	if (sweep_read_number(root, "max_steps", 0, UINT64_MAX, &s->max_steps, d) != 0 ||
	    sweep_read_number(root, "max_seconds", 0, SWEEP_MAX_SECONDS, &s->max_seconds, d) != 0 ||
	    sweep_read_number(root, "until", 0, UINT64_MAX, &s->until, d) != 0 ||
	    sweep_read_number(root, "repeats", 1, 1000, &repeats, d) != 0)
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
	    sweep_read_machines(s, conf_get(root, "machines"), d) != 0 ||
	    sweep_read_traces(s, conf_get(root, "traces"), d) != 0)
		return -1;
	if (set != NULL && sweep_read_sets(set, s->set, &s->nr_sets, d) != 0)
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
