/* bump: ascending addresses, nothing reused before everything is free.  See bump.c. */
#ifndef ALLOC_BUMP_H
#define ALLOC_BUMP_H

#include "alloc/alloc.h"

struct bump {
	struct alloc base;
	struct mm_range arena;
	msize_t align; /* of every block, bytes */
};

/*
 * `size` bytes (0 counts as 1) at a multiple of `align` (a power of two; less
 * than the target's alignment counts as that), with *granted set to the usable
 * bytes; VADDR_NONE, and nothing changed, when the arena's rest is too small.
 * O(1).
 */
vaddr_t bump_malloc(struct bump *b, msize_t size, msize_t align, msize_t *granted);

/*
 * Gives back the block at p; returns its granted bytes, or FREE_BAD when p is
 * not a live block's address as far as its header tells.  O(1), or O(blocks)
 * when it was the last live one.
 */
msize_t bump_free(struct bump *b, vaddr_t p);

extern const struct alloc_ops bump_ops;

/* Every invariant of bump.c; O(blocks). */
int bump_check(const struct alloc *a, struct check_report *r) MUST_USE;

/* Where the first block after address `at` begins. */
static inline vaddr_t bump_block_after(const struct bump *b, vaddr_t at)
{
	return (vaddr_t){round_up(at.v + MM_WORD, b->align)};
}

#endif
