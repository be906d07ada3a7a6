/* The battery's cases: what is done to one kind in one world. */
#ifndef TESTS_CASES_H
#define TESTS_CASES_H

#include "conformance/driver.h"

struct run {
	struct scene sc;
	const struct driver *d;
	uint64_t seed;
	bool long_form;
};

struct case_type {
	const char *name;
	unsigned settings; /* where it makes sense */
	bool tiny; /* in tiny geometries only */
	bool one_variant; /* the defaults only */
	bool fast; /* for the fast instances, too */
	void (*run)(const struct run *r);
	const char *only; /* geometries by name, between blanks; NULL: all */
};

/* Ends with one without name. */
extern const struct case_type case_types[];

/* The world of r, started and with a shadow; skips the case if the kind's init refuses. */
struct world *begin(const struct run *r, struct shadow *s, struct world_failure f);
void end(struct world *w, struct shadow *s);

/* check, walk against shadow, and figures; with the ledger if `deep`. */
void inspect(const struct run *r, struct world *w, const struct shadow *s, bool deep);

/* exhaust.c */
void case_exhaust(const struct run *r);

#endif
