/*
 * What a sweep answers, beyond its table: the best point, the points that no other
 * beats in everything (the Pareto front), and how much each axis matters.
 *
 * A design is a point without its repeats.  Its value of a figure is that of repeat 0,
 * which is undisturbed; its spread is from the least to the largest over the repeats.
 * What an axis matters is a difference of means over designs; it may be chance where it is
 * no larger than what the same mean differs by from repeat to repeat.
 *
 * A design takes about a hundred bytes: names and commands stay in the results.
 */
#ifndef SIM_SWEEP_ANSWERS_H
#define SIM_SWEEP_ANSWERS_H

#include "sim/export.h"

struct answer_design {
	uint64_t index; /* in the plan, of its first repeat */
	bool whole; /* repeat 0 ran, and has all figures */
	bool front; /* on the Pareto front of its trace and machine: see below */
	long long *value; /* owned; millionths, by the figures to minimise */
	long long *least, *most; /* over repeats; parts of value */
	uint16_t *level; /* by factor (machine, trace, axes): which value; part of value */
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
	long long noise; /* what one of the means differs by over the repeats, at most */
};

struct answers {
	struct export_table t; /* its last nr figures are those to minimise */
	unsigned first, nr; /* columns of them in t */
	unsigned factors; /* machine, trace, axes */
	struct answer_design *design;
	unsigned nr_designs;
	uint32_t *cell; /* designs by level: number + 1, 0 empty */
	uint32_t mask;
	struct answer_sums *sums; /* over designs, by factor, level, repeat and figure */
	size_t *sums_at; /* of each factor in it */
	unsigned points, failed; /* with a result; of them not "ok" */
	unsigned repeats;
};

/* Reads all results.  0, or -1 with *d; nr is 0 where the sweep minimises nothing. */
int answers_read(struct answers *a, const struct export_request *q, struct diag *d) MUST_USE;
void answers_free(struct answers *a);

/* The expression of figure f, 0 to nr - 1; borrowed. */
const char *answers_figure(const struct answers *a, unsigned f);

/* The design's name, without the repeat, and the command that shows it again.  Caller: free. */
char *answers_name(const struct answers *a, const struct answer_design *p);
char *answers_command(const struct answers *a, const struct answer_design *p);

/*
 * The best design of figure 0 of each machine and trace, ties by the next figures and
 * then by order.  Calls fn for each, in the order of their first designs; returns how many.
 */
unsigned answers_best(const struct answers *a,
		      void (*fn)(void *ctx, const struct answer_design *best), void *ctx);

/*
 * Effects of all factors with more than one value on
 * figure f, the largest first.  Returns how many.
 */
unsigned answers_effects(const struct answers *a, unsigned f, struct answer_effect **out);
void answers_effects_free(struct answer_effect *e, unsigned nr);

#endif
