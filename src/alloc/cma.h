/* cma: a range of pages that is lent to others until it is asked for.  See cma.c. */
#ifndef ALLOC_CMA_H
#define ALLOC_CMA_H

#include "alloc/alloc.h"

struct cma {
	struct alloc a;
	struct page_source *pages; /* borrowed */
	unsigned page_shift;
	uint32_t zones; /* that the range may be of */
	uint32_t nr; /* pages of the range */
	unsigned order; /* of the block with the bitmap */
};

int cma_check(const struct alloc *a, struct check_report *r) MUST_USE;

extern const struct alloc_ops cma_ops;

#endif
