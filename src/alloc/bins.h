/* bins: segregated bins with splitting and coalescing.  See bins.c. */
#ifndef ALLOC_BINS_H
#define ALLOC_BINS_H

#include "alloc/classheap.h"

struct bins {
	struct classheap heap;
};

/*
 * `size` bytes at a multiple of `align` (a power of two; less than the target's
 * alignment counts as that); a grant of 0 bytes, and nothing changed, when no
 * chunk is found and the heap cannot grow.  O(tries), but for growth.
 */
struct grant bins_malloc(struct bins *b, const struct alloc_req *req);

/*
 * Gives back the chunk at p; returns its granted bytes, or FREE_BAD and nothing
 * changed when p is not a live chunk's address as far as its tags tell.  O(1).
 */
msize_t bins_free(struct bins *b, vaddr_t p);

/* The chunk at p with room for req->size, in place, or a grant of 0 bytes.  O(1). */
struct grant bins_resize(struct bins *b, vaddr_t p, const struct alloc_req *req);

extern const struct alloc_ops bins_ops;

#endif
