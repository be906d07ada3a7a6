/*
 * Our formulas against a real kernel's own figures.  The sizes that a snapshot tells
 * (zones, CPUs, objects) go through the functions that boot our page allocator and slab
 * layer (alloc/rules.h, figures.h); what comes out is compared figure by figure.
 *
 * A figure is *equal* or *differs*, or it is *open*: the snapshot does not determine it,
 * and why is said.  Nothing is ever close.
 */
#ifndef SIM_PARITY_H
#define SIM_PARITY_H

#include <jansson.h>

#include "sim/kernel_snapshot.h"

enum parity_group {
	PARITY_WATERMARKS,
	PARITY_RESERVES,
	PARITY_LISTS,
	PARITY_UNUSABLE,
	PARITY_EXTFRAG,
	PARITY_SLABS,
	NR_PARITY_GROUPS
};

enum parity_result { PARITY_EQUAL, PARITY_DIFFERS, PARITY_OPEN, NR_PARITY_RESULTS };

struct parity_figure {
	enum parity_group group;
	enum parity_result result;
	char where[72]; /* "Node 0, zone Normal", or a cache */
	char name[32]; /* "low", "reserve from Movable", "order 3", "objects per slab" */
	int64_t kernel, ours;
	int64_t most; /* open: ours lies between `ours` and this, where a range is known; else -1 */
	char why[200]; /* open: what is not determined; "" otherwise */
};

/* What our side was fed with, and where it is from. */
struct parity_input {
	char name[64], value[96], from[160];
};

struct parity {
	struct parity_figure *figure; /* owned */
	unsigned nr_figures, cap_figures;
	struct parity_input *input; /* owned */
	unsigned nr_inputs, cap_inputs;
	unsigned count[NR_PARITY_GROUPS][NR_PARITY_RESULTS];
	char missing[NR_PARITY_GROUPS][160]; /* why a group has no figures; "" where it has */
	bool no_memory;
};

const char *parity_group_name(enum parity_group g);
const char *parity_result_name(enum parity_result r);

/*
 * `rules`: of an instance of ours.  0 with *p to be released by parity_finish, or -1 with
 * *d: out of memory.
 */
int parity_compare(struct parity *p, const struct kernel_snapshot *k, const struct rules_ops *rules,
		   struct diag *d) MUST_USE;
void parity_finish(struct parity *p); /* zeroed is fine */

/* memscape.parity/1, see docs/parity.schema.json.  NULL: out of memory; caller: json_decref. */
json_t *parity_json(const struct parity *p);

unsigned parity_total(const struct parity *p, enum parity_result r);

#endif
