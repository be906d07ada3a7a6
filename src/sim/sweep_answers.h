/*
 * What a sweep answers, beyond its table: the best point, the points that no other
 * beats in everything (the Pareto front), and how much each axis matters.
 *
 * A design is a point without its repeats.  Its value of a figure is that of repeat 0,
 * which is undisturbed; its noise is the spread (largest less smallest) over the
 * repeats.  A difference between designs that is no larger than the largest noise may be
 * chance.
 */
#ifndef SIM_SWEEP_ANSWERS_H
#define SIM_SWEEP_ANSWERS_H

#include "sim/export.h"

struct answer_design {
	char *point; /* its name, without the repeat */
	char *command;
	json_t *values; /* labels: machine, trace, axes */
	bool whole; /* repeat 0 ran, and has all figures */
	bool front; /* on the Pareto front of its trace and machine: see below */
	long long value[EXPORT_MAX_FIGURES]; /* millionths; of the figures to minimise */
	long long least[EXPORT_MAX_FIGURES], most[EXPORT_MAX_FIGURES]; /* over repeats */
};

/* The mean of a figure over the designs with one value of a factor, and how many they are. */
struct answer_level {
	const char *label; /* of the value; borrowed from the definition */
	long long mean; /* millionths */
	unsigned designs;
};

struct answer_effect {
	const char *factor; /* "machine", "trace" or an axis */
	struct answer_level *level; /* owned */
	unsigned nr_levels;
	long long range; /* largest less smallest mean */
};

struct answers {
	struct export_table t; /* its last nr figures are those to minimise */
	unsigned first, nr; /* columns of them in t */
	struct answer_design *design;
	unsigned nr_designs;
	unsigned points, failed; /* with a result; of them not "ok" */
	long long noise[EXPORT_MAX_FIGURES]; /* largest spread of a design */
	unsigned repeats;
};

/* Reads all results.  0, or -1 with *d; nr is 0 where the sweep minimises nothing. */
int answers_read(struct answers *a, const struct export_request *q, struct diag *d) MUST_USE;
void answers_free(struct answers *a);

const char *answers_figure(const struct answers *a, unsigned f);

/*
 * The best design of figure 0 of each machine and trace, ties by the next figures and
 * then by order.  Calls fn for each, in the order of their first designs; returns how many.
 */
unsigned answers_best(const struct answers *a,
		      void (*fn)(void *ctx, const struct answer_design *best), void *ctx);

/* Effects of all factors with more than one value on figure f, the largest first.  Returns how many. */
unsigned answers_effects(const struct answers *a, unsigned f, struct answer_effect **out);
void answers_effects_free(struct answer_effect *e, unsigned nr);

#endif
