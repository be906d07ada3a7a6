/*
 * A sweep: machines and variants x traces x parameters, each combination a point.
 *
 * A point has a number, its place in the product of all axes; nothing is stored a
 * point, so memory does not grow with their number.  The order is: trace, repeat,
 * machine, then the axes of the file; the last varies fastest.  Axes that are zipped
 * vary together.
 */
#ifndef SIM_SWEEP_H
#define SIM_SWEEP_H

#include <jansson.h>

#include "model/conf.h"
#include "sim/expr.h"
#include "sim/trace_gen.h"

#define SWEEP_MAX_AXES    32u
#define SWEEP_MAX_VALUES  4096u /* of an axis */
#define SWEEP_MAX_POINTS  10000000u
#define SWEEP_MAX_SETS    64u
#define SWEEP_MAX_RULES   64u
#define SWEEP_MAX_FIGURES 64u
#define SWEEP_MAX_SECONDS 1000000000u
#define SWEEP_PATH        4096u
#define SWEEP_LABEL       512u /* bytes of a point's name */

enum sweep_mode { SWEEP_REPLAY, SWEEP_FIT };

/* One machine as one variant. */
struct sweep_machine {
	char *label; /* "x86_64:1g" */
	char *name, *variant; /* for machine_load; variant "" for none */
	char **set; /* "path=value" of this entry only */
	unsigned nr_sets;
	const struct conf_node *node;
};

struct sweep_trace {
	char *label;
	char *path; /* NULL: generated */
	const struct generator *gen;
	struct gen_params params;
	bool kernel; /* as: kmalloc, see trace_as_kernel */
	uint64_t caches;
	const struct conf_node *node;
};

/* A value of an axis: what it sets, and how conditions see it. */
struct sweep_value {
	char *label; /* as in the point's name: "240K" */
	char **set; /* "path=value"; "alloc=KIND" stands for --alloc KIND */
	unsigned nr_sets;
	json_t *seen; /* a number or a text */
};

struct sweep_axis {
	char *name; /* "heap", or the path itself */
	struct sweep_value *value;
	unsigned nr;
	unsigned zip; /* index of its group; axes of a group vary together */
	const struct conf_node *node;
};

/* What a repeat changes; all zero: nothing. */
struct sweep_perturb {
	uint64_t seed; /* of the choices below; repeat r takes seed + r */
	uint64_t base; /* the heap's arena begins up to so many bytes later */
	uint64_t bytes; /* each request is up to so many bytes larger or smaller */
	uint64_t requests; /* so many objects are left out, or new ones added */
	uint64_t ties; /* of so many pairs of neighbouring requests one changes places; 0: none */
};

struct sweep_rule {
	struct expr *expr;
	bool include;
};

struct sweep {
	char *name, *about;
	enum sweep_mode mode;
	struct sweep_machine *machine;
	struct sweep_trace *trace;
	unsigned nr_machines, nr_traces;
	char *set[SWEEP_MAX_SETS]; /* of all points */
	unsigned nr_sets;
	struct sweep_axis axis[SWEEP_MAX_AXES];
	unsigned nr_axes;
	unsigned zip_len[SWEEP_MAX_AXES]; /* values of a group of axes */
	unsigned nr_zips;
	struct sweep_rule rule[SWEEP_MAX_RULES];
	unsigned nr_rules;
	unsigned repeats; /* at least 1; repeat 0 is undisturbed */
	struct sweep_perturb perturb;
	uint64_t max_steps, until; /* 0: none */
	/* of a point, by the clock on the wall; 0: no limit; part of no key */
	uint64_t max_seconds;
	char *figure[SWEEP_MAX_FIGURES]; /* expressions over the report: columns of tables */
	unsigned nr_figures;
	char *minimise[SWEEP_MAX_FIGURES]; /* expressions: what is better when it is less */
	unsigned nr_minimise;
	uint64_t nr_raw; /* points of the product, those left out included */
	struct conf_tree *tree; /* owned */
};

/* Which value of everything a point has. */
struct sweep_point {
	uint64_t index; /* in the product, from 0 */
	unsigned trace, machine, repeat;
	unsigned value[SWEEP_MAX_AXES];
};

/* Reads and validates a sweep file, or the text of one. NULL with *d. */
struct sweep *sweep_read(const char *path, struct diag *d) MUST_USE;
struct sweep *sweep_read_text(const char *text, size_t bytes, const char *name,
			      struct diag *d) MUST_USE;
void sweep_free(struct sweep *s); /* NULL is fine */

/* The point of an index below nr_raw.  O(axes). */
void sweep_at(const struct sweep *s, uint64_t index, struct sweep_point *p);

/*
 * Goes on from p->index, which is tried first, to the next point that no rule leaves
 * out.  1: found, 0: there is none, -1 with *d: a rule cannot be evaluated.
 */
int sweep_next(const struct sweep *s, struct sweep_point *p, struct diag *d) MUST_USE;

/* "stm32h7 firmware heap=tlsf page.order=10 #2"; unique in the sweep. */
void sweep_label(const struct sweep *s, const struct sweep_point *p, char out[SWEEP_LABEL]);

/* {machine, variant, trace, repeat, and the axes by name and by path}. Caller: json_decref. */
json_t *sweep_seen(const struct sweep *s, const struct sweep_point *p);

/* The --set and --alloc of a point: *alloc is NULL where none is chosen. Borrowed. */
unsigned sweep_sets(const struct sweep *s, const struct sweep_point *p,
		    const char *sets[4 * SWEEP_MAX_SETS], const char **alloc);

/*
 * What the results file keeps of a point: {seen: as above, values: [machine, trace, and
 * the axes' in their order, as labels], repeat, command}. Caller: json_decref.
 */
json_t *sweep_axes(const struct sweep *s, const struct sweep_point *p);

/* What exports and answers need to know of it later, without the file. Caller: json_decref. */
json_t *sweep_definition(const struct sweep *s);

/* The least command that shows a point again: "memscape replay -c ... traces/x.mst". */
void sweep_command(const struct sweep *s, const struct sweep_point *p, char *out, size_t room);

#endif
