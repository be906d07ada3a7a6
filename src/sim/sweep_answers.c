#include "sim/sweep_answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- designs ---- */

/* "... #2" without the repeat. */
static char *design_name(const char *point, unsigned repeats)
{
	const char *hash = repeats > 1 ? strrchr(point, '#') : NULL;

	return hash != NULL && hash > point ? strndup(point, (size_t)(hash - 1 - point))
					    : strdup(point);
}

/* The design of a row.  Repeats of one are far apart in a list with several axes: by name. */
static struct answer_design *find_design(struct answers *a, const struct export_row *r)
{
	char *name = design_name(r->row->point, a->repeats);
	struct answer_design *p;

	for (unsigned i = 0; r->repeat != 0 && name != NULL && i < a->nr_designs; i++)
		if (strcmp(a->design[i].point, name) == 0) {
			free(name);
			return &a->design[i];
		}
	p = name != NULL ? realloc(a->design, (a->nr_designs + 1) * sizeof *p) : NULL;
	if (p == NULL) {
		free(name);
		return NULL;
	}
	a->design = p;
	p += a->nr_designs++;
	*p = (struct answer_design){.point = name};
	p->values = json_deep_copy(r->values);
	return p;
}

static bool has_all(const struct answers *a, const struct export_row *r)
{
	for (unsigned f = 0; f < a->nr; f++)
		if (!r->cell[a->first + f].known)
			return false;
	return strcmp(r->row->status, "ok") == 0;
}

static int add_row(void *ctx, const struct export_row *r)
{
	struct answers *a = ctx;
	struct answer_design *p = find_design(a, r);
	bool all = has_all(a, r);

	if (p == NULL)
		return -1;
	a->points++;
	a->failed += strcmp(r->row->status, "ok") != 0;
	if (r->repeat == 0) {
		p->whole = all;
		p->command = strdup(r->command);
	}
	for (unsigned f = 0; f < a->nr && all; f++) {
		long long v = r->cell[a->first + f].value;

		if (r->repeat == 0)
			p->value[f] = p->least[f] = p->most[f] = v;
		p->least[f] = v < p->least[f] ? v : p->least[f];
		p->most[f] = v > p->most[f] ? v : p->most[f];
	}
	return 0;
}

/* ---- the front ---- */

/* Designs compete for the same machine and trace. */
static bool competes(const struct answer_design *x, const struct answer_design *y)
{
	return json_equal(json_array_get(x->values, 0), json_array_get(y->values, 0)) &&
	       json_equal(json_array_get(x->values, 1), json_array_get(y->values, 1));
}

/* x is nowhere worse than y and somewhere better. */
static bool beats(const struct answers *a, const struct answer_design *x,
		  const struct answer_design *y)
{
	bool better = false;

	for (unsigned f = 0; f < a->nr; f++) {
		if (x->value[f] > y->value[f])
			return false;
		better = better || x->value[f] < y->value[f];
	}
	return better;
}

static void find_front(struct answers *a)
{
	for (unsigned i = 0; i < a->nr_designs; i++) {
		struct answer_design *y = &a->design[i];

		y->front = y->whole;
		for (unsigned k = 0; k < a->nr_designs && y->front; k++)
			y->front = !(a->design[k].whole && competes(&a->design[k], y) &&
				     beats(a, &a->design[k], y));
	}
}

static void find_noise(struct answers *a)
{
	for (unsigned i = 0; i < a->nr_designs; i++)
		for (unsigned f = 0; f < a->nr && a->design[i].whole; f++) {
			long long spread = a->design[i].most[f] - a->design[i].least[f];

			a->noise[f] = spread > a->noise[f] ? spread : a->noise[f];
		}
}

int answers_read(struct answers *a, const struct export_request *q, struct diag *d)
{
	*a = (struct answers){0};
	if (export_table_open(&a->t, q, d) != 0 || export_table_minimise(&a->t, &a->first, d) != 0)
		goto fail;
	a->nr = a->t.nr_figures - a->first;
	a->repeats = (unsigned)json_integer_value(json_object_get(a->t.definition, "repeats"));
	if (export_each(&a->t, add_row, a, d) != 0) {
		diag_set(d, "", 0, 0, "out of host memory");
		goto fail;
	}
	find_front(a);
	find_noise(a);
	return 0;
fail:
	answers_free(a);
	return -1;
}

void answers_free(struct answers *a)
{
	for (unsigned i = 0; i < a->nr_designs; i++) {
		free(a->design[i].point);
		free(a->design[i].command);
		json_decref(a->design[i].values);
	}
	free(a->design);
	export_table_close(&a->t);
	*a = (struct answers){0};
}

const char *answers_figure(const struct answers *a, unsigned f)
{
	return a->t.figure[a->first + f];
}

/* Is p better than `best` in the first figure in which they differ? */
static bool is_better(const struct answers *a, const struct answer_design *p,
		      const struct answer_design *best)
{
	unsigned f = 0;

	while (f < a->nr && p->value[f] == best->value[f])
		f++;
	return f < a->nr && p->value[f] < best->value[f];
}

/* The best of those that compete with design i; NULL: one before it did, so it was told. */
static const struct answer_design *best_like(const struct answers *a, unsigned i)
{
	const struct answer_design *best = &a->design[i];

	for (unsigned k = 0; k < a->nr_designs; k++) {
		const struct answer_design *p = &a->design[k];

		if (!p->whole || !competes(p, &a->design[i]))
			continue;
		if (k < i)
			return NULL;
		if (is_better(a, p, best))
			best = p;
	}
	return best;
}

unsigned answers_best(const struct answers *a,
		      void (*fn)(void *ctx, const struct answer_design *best), void *ctx)
{
	unsigned n = 0;

	for (unsigned i = 0; a->nr != 0 && i < a->nr_designs; i++) {
		const struct answer_design *best = a->design[i].whole ? best_like(a, i) : NULL;

		if (best == NULL)
			continue;
		fn(ctx, best);
		n++;
	}
	return n;
}

/* ---- main effects ---- */

static const json_t *labels_of(const struct answers *a, unsigned factor)
{
	const json_t *d = a->t.definition;

	if (factor < 2)
		return json_object_get(d, factor == 0 ? "machines" : "traces");
	return json_object_get(json_array_get(json_object_get(d, "axes"), factor - 2), "values");
}

/* The mean over whole designs with one label of a factor; sums are wide enough for all. */
static struct answer_level mean_of(const struct answers *a, unsigned factor, unsigned f,
				   const char *label)
{
	struct answer_level l = {.label = label};
	__extension__ __int128 sum = 0;

	for (unsigned i = 0; i < a->nr_designs; i++) {
		const struct answer_design *p = &a->design[i];
		const char *mine = json_string_value(json_array_get(p->values, factor));

		if (!p->whole || mine == NULL || strcmp(mine, label) != 0)
			continue;
		sum += p->value[f];
		l.designs++;
	}
	if (l.designs != 0)
		l.mean = (long long)(sum / l.designs);
	return l;
}

static bool effect_of(const struct answers *a, unsigned factor, unsigned f, struct answer_effect *e)
{
	const json_t *labels = labels_of(a, factor);
	size_t n = json_array_size(labels);
	long long least = 0, most = 0;

	*e = (struct answer_effect){.factor = export_factor(&a->t, factor),
				    .level = calloc(n + 1, sizeof *e->level)};
	for (size_t i = 0; e->level != NULL && i < n; i++) {
		struct answer_level l =
			mean_of(a, factor, f, json_string_value(json_array_get(labels, i)));

		if (l.designs == 0)
			continue;
		if (e->nr_levels == 0)
			least = most = l.mean;
		least = l.mean < least ? l.mean : least;
		most = l.mean > most ? l.mean : most;
		e->level[e->nr_levels++] = l;
	}
	e->range = most - least;
	if (e->nr_levels > 1)
		return true;
	free(e->level);
	return false;
}

/* The largest first, equal ones in their order. */
static void sort_effects(struct answer_effect *e, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		for (unsigned k = i; k > 0 && e[k].range > e[k - 1].range; k--) {
			struct answer_effect x = e[k];

			e[k] = e[k - 1];
			e[k - 1] = x;
		}
}

unsigned answers_effects(const struct answers *a, unsigned f, struct answer_effect **out)
{
	unsigned n = 0, factors = export_nr_factors(&a->t);

	*out = calloc(factors, sizeof **out);
	for (unsigned i = 0; *out != NULL && i < factors; i++)
		n += effect_of(a, i, f, &(*out)[n]);
	sort_effects(*out, n);
	return n;
}

void answers_effects_free(struct answer_effect *e, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		free(e[i].level);
	free(e);
}
