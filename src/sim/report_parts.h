/* Blocks of the JSON report that have files of their own; new references. */
#ifndef SIM_REPORT_PARTS_H
#define SIM_REPORT_PARTS_H

#include <jansson.h>

#include "sim/replay.h"

/* Caches in the order of their making; a slab layer's own and kmalloc's too. */
json_t *report_caches(struct replay *r);
/* How grants compare with a recording's. */
json_t *report_recorded(const struct figures *f);
/* How often caches were asked for pages when memory was short, and what they gave. */
json_t *report_reclaimed(const struct system *s);
json_t *report_failure(const struct replay *r, const struct failure *f);
json_t *report_findings(const struct replay *r);
/* Machines of several nodes only. */
json_t *report_nodes(struct replay *r);
/* The eight classes as members of `o`. */
void report_set_classes(json_t *o, const int64_t sum[MM_NR_CLASSES]);
/* The contiguous area, likewise. */
json_t *report_cma(struct replay *r);
/* What is still live, and the largest sums of it by call site and size. */
json_t *report_live(const struct replay *r);
/* Pages by state and owner; empty where the page allocator does not tell. */
json_t *report_owners(struct replay *r);
/* Kernel stacks; empty where nobody serves them. */
json_t *report_stacks(struct replay *r);

/* The name of a slab layer's own or kmalloc's cache as the machine's kernel has it, in buf. */
#define CACHE_NAME_BYTES 40u
void report_cache_name(const struct machine *m, const struct cache_figures *c,
		       char buf[CACHE_NAME_BYTES]);

/* What the trace calls a cache; NULL: it did not make it. */
const char *report_cache_given(const struct replay *r, const struct sys_alloc *a, uint32_t cache);

#endif
