/*
 * A recorded start state: what a kernel's page allocator looked like when a recording
 * began.  The file's form is in docs/formats.md.
 */
#ifndef SIM_START_H
#define SIM_START_H

#include "alloc/alloc.h"
#include "model/diag.h"
#include "model/machine.h"

struct start_state {
	uint64_t time_ns; /* events up to it are part of the state */
	unsigned nr_zones, cpus;
	struct {
		char name[32]; /* lower case */
		uint32_t first; /* pfn */
		struct start_zone z;
	} zone[MM_MAX_ZONES];
	uint32_t frames; /* pfns up to this one are named */
	struct page_start pages; /* points to what follows */
	struct start_zone zones[MM_MAX_ZONES];
	struct start_block *blocks, *types; /* owned */
	struct start_lists *lists; /* owned */
	struct start_listed *listed; /* owned; ascending by pfn */
	uint32_t *rank; /* owned */
};

/* NULL with *d: cannot be read, or line and column of what is wrong. */
struct start_state *start_load(const char *path, struct diag *d) MUST_USE;
void start_free(struct start_state *s); /* NULL is fine */

/*
 * The machine that such a recording ran on, as far as it tells: `m` with zones, managed
 * pages, CPUs and RAM of the state, wide enough for pfn `most`; another region holds what
 * our own allocators need.  *place is that region's part for page descriptors.  NULL with *d.
 */
struct machine *start_machine(const struct machine *m, const struct start_state *s, uint32_t most,
			      struct mm_range *place, struct diag *d) MUST_USE;
void start_machine_free(struct machine *m); /* made by start_machine; NULL is fine */

#endif
