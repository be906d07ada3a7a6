/* Firmware serves one request after the other: nothing in bulk.  Stands before src/alloc/bulk.h. */
#ifndef ALLOC_BULK_H
#define ALLOC_BULK_H

#include "alloc/alloc.h"

#define BULK_INLINE static inline __attribute__((always_inline))

struct bulk_kind {
	bool (*take)(const void *way, const struct mem *v, struct mm_row *row, msize_t size,
		     struct grant *g);
	msize_t (*give)(const void *way, const struct mem *v, struct mm_row *row, vaddr_t p);
	struct grant (*malloc)(struct alloc *a, const struct alloc_req *req);
	msize_t (*free)(struct alloc *a, vaddr_t p);
	enum mm_ev took, gave;
	vaddr_t (*touches)(const void *way, const struct mem *v, vaddr_t p, msize_t size);
};

static inline enum bulk_stop bulk_run(const struct bulk_kind *k, const void *way, struct alloc *a, struct bulk *b,
				      const struct plain_req *req, size_t n, size_t *done)
{
	(void)k, (void)way, (void)a, (void)b, (void)req, (void)n;
	*done = 0;
	return BULK_OTHER;
}

enum bulk_stop bulk_ordinary(struct alloc *a, struct bulk *b, const struct plain_req *req, size_t n,
			     size_t *done);

#endif
