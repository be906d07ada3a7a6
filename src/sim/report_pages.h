/* What the report says of page allocators with reserves and per-CPU lists, and of --expect. */
#ifndef SIM_REPORT_PAGES_H
#define SIM_REPORT_PAGES_H

#include <jansson.h>

#include "sim/expect.h"
#include "sim/system.h"

/* {samples, exact, mean_block_error, indices, ..., controls} */
json_t *report_expect(const struct expect_report *x);

/* [{count, high, batch, high_min, high_max}], one a CPU; empty without lists. Reads the image. */
json_t *report_lists(const struct sys_alloc *a, unsigned zone, unsigned cpus);

/* Adds lowmem_reserve, claims, steals and reclaimed_pages to a zone. */
void report_reserves(json_t *zone, const struct zone_figures *f);

#endif
