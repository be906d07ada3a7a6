/* percpu: memory of which each CPU has its own copy.  See percpu.c. */
#ifndef ALLOC_PERCPU_H
#define ALLOC_PERCPU_H

#include "alloc/page.h"

/* The handle: geometry only. */
struct percpu {
	struct alloc base;
	struct page_source *pages;
	uint32_t cpus;
	uint32_t unit; /* bytes of a CPU's part of a chunk, a power of two */
	uint32_t bits; /* of a unit's maps: unit / 4 */
	uint8_t page_shift;
	uint8_t order, meta_order; /* of a chunk's block, and of its record's */
	vaddr_t first; /* record of the first chunk: the root */
};

/* Unit 0 of the chunk that p lies in, as a record; VADDR_NONE: p lies in no unit 0. */
vaddr_t percpu_chunk_of(const struct percpu *s, vaddr_t p);

void percpu_walk(const struct alloc *a, walk_fn *fn, void *ctx);
int percpu_check(const struct alloc *a, struct check_report *r) MUST_USE;

extern const struct percpu_ops percpu_facet;
extern const struct alloc_ops percpu_ops;

#endif
