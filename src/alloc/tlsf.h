/* tlsf: two-level segregated fit.  See tlsf.c. */
#ifndef ALLOC_TLSF_H
#define ALLOC_TLSF_H

#include "alloc/classheap.h"

struct tlsf {
	struct classheap heap;
};

/*
 * `size` bytes at a multiple of `align` (a power of two; less than the target's
 * alignment counts as that); a grant of 0 bytes, and nothing changed, when no
 * listed chunk surely fits and the heap cannot grow.  O(1), but for growth.
 */
struct grant tlsf_malloc(struct tlsf *t, const struct alloc_req *req);

/*
 * Gives back the chunk at p; returns its granted bytes, or FREE_BAD and nothing
 * changed when p is not a live chunk's address as far as its tags tell.  O(1).
 */
msize_t tlsf_free(struct tlsf *t, vaddr_t p);

/* The chunk at p with room for req->size, in place, or a grant of 0 bytes.  O(1). */
struct grant tlsf_resize(struct tlsf *t, vaddr_t p, const struct alloc_req *req);

extern const struct alloc_ops tlsf_ops;

#endif
