/* half_fit: chunks of powers of two in constant time, as o1heap.  See half_fit.c. */
#ifndef ALLOC_HALF_FIT_H
#define ALLOC_HALF_FIT_H

#include "alloc/classheap.h"

struct half_fit {
	struct classheap heap;
};

/*
 * `size` bytes at a multiple of `align` (a power of two; less than 8 words
 * counts as that); a grant of 0 bytes, and nothing changed, when no
 * chunk fits and the heap cannot grow.  O(1), but for growth.
 */
struct grant half_fit_malloc(struct half_fit *h, const struct alloc_req *req);

/*
 * Gives back the chunk at p; returns its granted bytes, or FREE_BAD and nothing
 * changed when p is not a live chunk's address as far as its tags tell.  O(1).
 */
msize_t half_fit_free(struct half_fit *h, vaddr_t p);

/* The chunk at p with room for req->size, in place, or a grant of 0 bytes.  O(1). */
struct grant half_fit_resize(struct half_fit *h, vaddr_t p, const struct alloc_req *req);

extern const struct alloc_ops half_fit_ops;

#endif
