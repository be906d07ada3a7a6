/* Parts of the reading of sweep files, shared by its three files. */
#ifndef SIM_SWEEP_PARSE_H
#define SIM_SWEEP_PARSE_H

#include "sim/sweep.h"

/*
 * {path: value, ...} as assignments, put behind the *nr that `set` holds, which has room for
 * SWEEP_MAX_SETS.  0, or -1 with *d.
 */
int sweep_read_sets(const struct conf_node *n, char **set, unsigned *nr, struct diag *d) MUST_USE;

/* The blocks `machines` and `traces`.  0, or -1 with *d. */
int sweep_read_machines(struct sweep *s, const struct conf_node *n, struct diag *d) MUST_USE;
int sweep_read_traces(struct sweep *s, const struct conf_node *n, struct diag *d) MUST_USE;

/* A number of a mapping, where the key is there; else *out stays.  0, or -1 with *d. */
int sweep_read_number(const struct conf_node *map, const char *key, uint64_t least, uint64_t most,
		      uint64_t *out, struct diag *d) MUST_USE;

/* The block `axes`. 0, or -1 with *d. */
int sweep_read_axes(struct sweep *s, const struct conf_node *n, struct diag *d) MUST_USE;

/* The list `zip` of lists of axes' names; then each axis is in a group. 0, or -1 with *d. */
int sweep_read_zips(struct sweep *s, const struct conf_node *n, struct diag *d) MUST_USE;

void sweep_free_axes(struct sweep *s);

/* Is `key` one of the words? Else -1 with *d: "unknown key ..., expected one of ...". */
int sweep_check_keys(const struct conf_node *map, const char *what, const char *const *words,
		     struct diag *d) MUST_USE;

/* The expression in a node; an error points into it.  NULL with *d. */
struct expr *sweep_expression(const struct conf_node *n, struct diag *d) MUST_USE;

#endif
