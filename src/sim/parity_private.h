/* Between the files of parity. */
#ifndef SIM_PARITY_PRIVATE_H
#define SIM_PARITY_PRIVATE_H

#include "sim/parity.h"

#define PARITY_ZONES RULES_MAX_ZONES

struct span {
	uint64_t lo, hi; /* inclusive; lo > hi: empty */
};

/* The zones of zoneinfo, and what is known of each. */
struct parity_zones {
	const struct kernel_snapshot *k;
	const struct rules_ops *ops;
	unsigned nr; /* zones told by zoneinfo */
	const struct kernel_zone *z[PARITY_ZONES];
	unsigned first[PARITY_ZONES], end[PARITY_ZONES]; /* zones of the same node */
	struct rules_zone rz[PARITY_ZONES];
	struct zone_rules rules; /* over rz */
	uint64_t min[PARITY_ZONES], low[PARITY_ZONES], high[PARITY_ZONES]; /* without boost */
	enum zone_type column[KERNEL_MAX_COLUMNS]; /* of protection */
	unsigned nr_columns;
	unsigned cpus[256]; /* that share a node's zones */
	bool cpus_found[256]; /* not told: found from the figures */
	bool marks_set; /* min_free_kbytes is known */
	bool boosted[PARITY_ZONES]; /* by the steps, though no boost is told */
};

/* A trial: figures are counted, and kept once it is chosen. */
struct parity_trial {
	struct parity *p; /* NULL: only counted */
	unsigned differs, open;
};

/* Figures that differ count first, those not determined break ties. */
#define PARITY_ONE_DIFFERS 1000000ul
static inline unsigned long parity_score(const struct parity_trial *t)
{
	return t->differs * PARITY_ONE_DIFFERS + t->open;
}

/* Notes a figure as equal or differing. */
void parity_note(struct parity_trial *t, enum parity_group g, const char *where, const char *name,
		 uint64_t kernel, uint64_t ours);
/* Notes one that lies, or should lie, within a range; one value: it is determined. */
void parity_note_span(struct parity_trial *t, enum parity_group g, const char *where,
		      const char *name, uint64_t kernel, struct span ours, const char *why);
void parity_note_open(struct parity_trial *t, enum parity_group g, const char *where,
		      const char *name, uint64_t kernel, const char *why);
void parity_input(struct parity *p, const char *name, const char *from, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
void parity_missing(struct parity *p, enum parity_group g, const char *why);

/* "Node 0, zone Normal" into buf. */
const char *parity_zone_name(const struct kernel_zone *z, char buf[72]);

/* parity_zones.c */
void parity_zones(struct parity *p, const struct kernel_snapshot *k, const struct rules_ops *ops,
		  unsigned page_shift);
/* parity_choose.c: sets the rules; where min_free_kbytes is from. */
const char *parity_choose_marks(struct parity_zones *x);
void parity_choose_reserves(struct parity_zones *x);
void parity_choose_lists(struct parity_zones *x);

/* parity_exact.c: as if nothing had changed since the kernel computed its figures. */
void parity_marks_exact(const struct parity_zones *x, struct parity_trial *t);
/* The marks of a zone that is boosted by pages not told: not determined. */
void parity_note_boosted(const struct parity_zones *x, struct parity_trial *t, unsigned zone,
			 const char *where);
void parity_reserves_exact(const struct parity_zones *x, struct parity_trial *t);
void parity_lists_exact(const struct parity_zones *x, struct parity_trial *t);
/* Lists of 5.14 and later, against limits that lie between two. */
void parity_note_lists(const struct parity_zones *x, struct parity_trial *t, unsigned zone,
		       struct rules_limits lo, struct rules_limits hi, const char *why);
/* Before 5.14. */
void parity_lists_old(const struct parity_zones *x, struct parity_trial *t);
/* CPUs in a row with the same value. */
enum parity_limit { PARITY_BATCH, PARITY_HIGH, PARITY_HIGH_MIN, PARITY_HIGH_MAX };
typedef void parity_run_fn(void *ctx, const char *name, uint64_t value,
			   const struct kernel_lists *first);
void parity_each_run(const struct kernel_zone *z, enum parity_limit limit, parity_run_fn *fn,
		     void *ctx);
uint32_t parity_reserve_column(const struct parity_zones *x, unsigned zone, unsigned column);
void parity_column_name(const struct parity_zones *x, unsigned column, char buf[32]);
/* Does nothing count that a request for the column's zone would take from another? */
bool parity_asks_none(const struct parity_zones *x, unsigned zone, unsigned column);

/* parity_fit.c: zones had other sizes then. */
enum fit_parts { FIT_MARKS = 1, FIT_RESERVES = 2, FIT_BOTH = 3 };
struct parity_fit {
	const struct parity_zones *x;
	enum fit_parts use; /* constraints that count */
	struct span managed[PARITY_ZONES], pages_min;
};
/* `only`: the zone whose size has changed since; no zone's, the large ones', or any's. */
#define PARITY_NO_ZONES    (UINT32_MAX - 2)
#define PARITY_LARGE_ZONES (UINT32_MAX - 1)
#define PARITY_ALL_ZONES   UINT32_MAX
bool parity_is_large(const struct parity_zones *x, unsigned zone);
void parity_fit_begin(struct parity_fit *f, const struct parity_zones *x, enum fit_parts use,
		      unsigned only);
void parity_fit_marks(const struct parity_fit *f, struct parity_trial *t);
void parity_fit_reserves(const struct parity_fit *f, struct parity_trial *t);
void parity_fit_lists(const struct parity_fit *f, struct parity_trial *t);
/* What sizes all constraints together leave. */
void parity_fit_tell(const struct parity_fit *f, struct parity *p, const char *when);

/* parity_slabs.c */
void parity_slabs(struct parity *p, const struct kernel_snapshot *k, const struct rules_ops *ops,
		  unsigned page_shift);
/* The page size that slabs agree with; 0: there are none. */
unsigned parity_page_shift(const struct kernel_snapshot *k);

#endif
