/* stack: any size, freed all at once.  See stack.c. */
#ifndef ALLOC_STACK_H
#define ALLOC_STACK_H

#include "alloc/alloc.h"

struct stack {
	struct alloc base;
	struct mm_range arena; /* bytes == 0: grown from pages */
	struct page_source *pages; /* NULL with an arena */
	msize_t align; /* of every push, bytes */
	unsigned page_shift;
	unsigned block_order; /* least order of a block of pages */
};

/*
 * `size` bytes (0 counts as 1) at a multiple of `align` (a power of two; less than
 * the target's alignment counts as that), with *granted set to the usable bytes;
 * VADDR_NONE, and nothing changed, when the arena's rest is too small or no pages
 * are to be had.  O(1) besides the page source's time.
 */
vaddr_t stack_push(struct stack *s, msize_t size, msize_t align, msize_t *granted);

/*
 * Frees every push; keeps the first block of pages and gives the others back.
 * Returns the granted bytes given back.  O(blocks + pads).
 */
msize_t stack_free_all(struct stack *s);

/* Where a block of s ends. */
vaddr_t stack_block_end(const struct stack *s, vaddr_t block);

extern const struct alloc_ops stack_ops;

/* Every invariant of stack.c; O(blocks + pads). */
int stack_check(const struct alloc *a, struct check_report *r) MUST_USE;

#endif
