#include "sim/sweep_answers.h"

#include <stdlib.h>
#include <string.h>

#include "sim/sweep.h"

/* Of the designs with one level of a factor in one repeat. */
struct answer_sums {
	__extension__ __int128 sum;
	unsigned n;
};

/* ---- factors and their levels ---- */

static const json_t *labels_of(const struct answers *a, unsigned factor)
{
	const json_t *d = a->t.definition;

	if (factor < 2)
		return json_object_get(d, factor == 0 ? "machines" : "traces");
	return json_object_get(json_array_get(json_object_get(d, "axes"), factor - 2), "values");
}

static uint16_t level_of(const struct answers *a, unsigned factor, const json_t *label)
{
	const json_t *labels = labels_of(a, factor);
	size_t n = json_array_size(labels), i = 0;

	while (i < n && !json_equal(json_array_get(labels, i), label))
		i++;
	return (uint16_t)i;
}

static struct answer_sums *sums_of(const struct answers *a, unsigned factor, size_t level,
				   unsigned repeat, unsigned f)
{
	return &a->sums[a->sums_at[factor] + (level * a->repeats + repeat) * a->nr + f];
}

static bool make_sums(struct answers *a)
{
	size_t n = 0;

	a->factors = export_nr_factors(&a->t);
	a->sums_at = calloc(a->factors, sizeof *a->sums_at);
	for (unsigned i = 0; a->sums_at != NULL && i < a->factors; i++) {
		a->sums_at[i] = n;
		/* One more: of labels that the definition does not know. */
		n += (json_array_size(labels_of(a, i)) + 1) * a->repeats * a->nr;
	}
	a->sums = calloc(n + 1, sizeof *a->sums);
	return a->sums_at != NULL && a->sums != NULL;
}

/* ---- designs ---- */

static uint32_t hash_levels(const struct answers *a, const uint16_t *level)
{
	uint64_t h = 0;

	for (unsigned i = 0; i < a->factors; i++)
		h = (h ^ level[i]) * UINT64_C(0x9e3779b97f4a7c15) + 1;
	return (uint32_t)(h >> 32);
}

static uint32_t *find_cell(const struct answers *a, const uint16_t *level)
{
	uint32_t i = hash_levels(a, level) & a->mask;

	while (a->cell[i] != 0 &&
	       memcmp(a->design[a->cell[i] - 1].level, level, a->factors * sizeof *level) != 0)
		i = (i + 1) & a->mask;
	return &a->cell[i];
}

/* Room for one more design, in a table that they fill to a half at most. */
static bool make_room(struct answers *a)
{
	uint32_t room = (a->mask + 1) / 2, *old = a->cell;
	struct answer_design *d;

	if (a->cell != NULL && a->nr_designs < room)
		return true;
	room = room ? 2 * room : 256;
	d = realloc(a->design, room * sizeof *d);
	if (d != NULL)
		a->design = d;
	a->cell = d != NULL ? calloc(2 * (size_t)room, sizeof *a->cell) : NULL;
	if (a->cell == NULL) {
		a->cell = old;
		return false;
	}
	free(old);
	a->mask = 2 * room - 1;
	for (uint32_t i = 0; i < a->nr_designs; i++)
		*find_cell(a, a->design[i].level) = i + 1;
	return true;
}

static struct answer_design *find_design(struct answers *a, const struct export_row *r)
{
	uint16_t level[SWEEP_MAX_AXES + 2];
	struct answer_design *p;
	uint32_t *cell;

	for (unsigned i = 0; i < a->factors; i++)
		level[i] = level_of(a, i, json_array_get(r->values, i));
	if (!make_room(a))
		return NULL;
	cell = find_cell(a, level);
	if (*cell != 0)
		return &a->design[*cell - 1];
	p = &a->design[a->nr_designs];
	*p = (struct answer_design){.index = r->row->index};
	p->value = calloc(1, 3 * a->nr * sizeof *p->value + a->factors * sizeof *p->level + 1);
	if (p->value == NULL)
		return NULL;
	p->least = p->value + a->nr;
	p->most = p->least + a->nr;
	p->level = (uint16_t *)(void *)(p->most + a->nr);
	memcpy(p->level, level, a->factors * sizeof *level);
	*cell = ++a->nr_designs;
	return p;
}

static bool has_all(const struct answers *a, const struct export_row *r)
{
	for (unsigned f = 0; f < a->nr; f++)
		if (!r->cell[a->first + f].known)
			return false;
	return strcmp(r->row->status, "ok") == 0;
}

static void add_figures(struct answers *a, struct answer_design *p, const struct export_row *r)
{
	for (unsigned f = 0; f < a->nr; f++) {
		long long v = r->cell[a->first + f].value;

		if (r->repeat == 0)
			p->value[f] = p->least[f] = p->most[f] = v;
		p->least[f] = v < p->least[f] ? v : p->least[f];
		p->most[f] = v > p->most[f] ? v : p->most[f];
		for (unsigned i = 0; i < a->factors && r->repeat < a->repeats; i++) {
			struct answer_sums *s = sums_of(a, i, p->level[i], r->repeat, f);

			s->sum += v;
			s->n++;
		}
	}
}

static int add_row(void *ctx, const struct export_row *r)
{
	struct answers *a = ctx;
	struct answer_design *p = find_design(a, r);

	if (p == NULL)
		return -1;
	a->points++;
	a->failed += strcmp(r->row->status, "ok") != 0;
	/* Repeats of a design without an undisturbed run are left out, too. */
	if (r->repeat == 0)
		p->whole = has_all(a, r);
	if (p->whole && has_all(a, r))
		add_figures(a, p, r);
	return 0;
}

/* ---- the front ---- */

/* Designs compete for the same machine and trace. */
static bool competes(const struct answer_design *x, const struct answer_design *y)
{
	return x->level[0] == y->level[0] && x->level[1] == y->level[1];
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

int answers_read(struct answers *a, const struct export_request *q, struct diag *d)
{
	*a = (struct answers){0};
	if (export_table_open(&a->t, q, d) != 0 || export_table_minimise(&a->t, &a->first, d) != 0)
		goto fail;
	a->nr = a->t.nr_figures - a->first;
	a->repeats = (unsigned)json_integer_value(json_object_get(a->t.definition, "repeats"));
	if (!make_sums(a) || export_each(&a->t, add_row, a, d) != 0) {
		diag_set(d, "", 0, 0, "out of host memory");
		goto fail;
	}
	find_front(a);
	return 0;
fail:
	answers_free(a);
	return -1;
}

void answers_free(struct answers *a)
{
	for (unsigned i = 0; i < a->nr_designs; i++)
		free(a->design[i].value);
	free(a->design);
	free(a->cell);
	free(a->sums);
	free(a->sums_at);
	export_table_close(&a->t);
	*a = (struct answers){0};
}

char *answers_name(const struct answers *a, const struct answer_design *p)
{
	char *axes, *name = sweep_db_point(a->t.db, p->index, &axes);
	char *hash = name != NULL && a->repeats > 1 ? strrchr(name, '#') : NULL;

	free(axes);
	if (hash != NULL && hash > name)
		hash[-1] = '\0'; /* "... #0" */
	return name != NULL ? name : strdup("");
}

char *answers_command(const struct answers *a, const struct answer_design *p)
{
	char *text, *command = NULL;
	json_t *axes;

	free(sweep_db_point(a->t.db, p->index, &text));
	axes = text != NULL ? json_loads(text, 0, NULL) : NULL;
	if (axes != NULL)
		command = strdup(json_string_value(json_object_get(axes, "command")));
	json_decref(axes);
	free(text);
	return command != NULL ? command : strdup("");
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

/* The mean over designs with one level of a factor, and how far it goes over the repeats. */
static struct answer_level mean_of(const struct answers *a, unsigned factor, size_t level,
				   unsigned f, long long *spread)
{
	const struct answer_sums *s = sums_of(a, factor, level, 0, f);
	struct answer_level l = {
		.label = json_string_value(json_array_get(labels_of(a, factor), level)),
		.designs = s->n};
	long long least, most;

	*spread = 0;
	if (s->n == 0)
		return l;
	l.mean = least = most = (long long)(s->sum / s->n);
	for (unsigned r = 1; r < a->repeats; r++) {
		long long mean;

		s = sums_of(a, factor, level, r, f);
		if (s->n != l.designs)
			continue; /* of others */
		mean = (long long)(s->sum / s->n);
		least = mean < least ? mean : least;
		most = mean > most ? mean : most;
	}
	*spread = most - least;
	return l;
}

static bool effect_of(const struct answers *a, unsigned factor, unsigned f, struct answer_effect *e)
{
	size_t n = json_array_size(labels_of(a, factor));
	long long least = 0, most = 0;

	*e = (struct answer_effect){.factor = export_factor(&a->t, factor),
				    .level = calloc(n + 1, sizeof *e->level)};
	for (size_t i = 0; e->level != NULL && i < n; i++) {
		long long spread;
		struct answer_level l = mean_of(a, factor, i, f, &spread);

		if (l.designs == 0)
			continue;
		if (e->nr_levels == 0)
			least = most = l.mean;
		least = l.mean < least ? l.mean : least;
		most = l.mean > most ? l.mean : most;
		e->noise = spread > e->noise ? spread : e->noise;
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
	unsigned n = 0;

	*out = calloc(a->factors, sizeof **out);
	for (unsigned i = 0; *out != NULL && i < a->factors; i++)
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
