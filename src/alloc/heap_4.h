/* heap_4: the block list of FreeRTOS's heap_4, first fit by address.  See heap_4.c. */
#ifndef ALLOC_HEAP_4_H
#define ALLOC_HEAP_4_H

#include "alloc/alloc.h"
#include "alloc/fittree.h"
#include "alloc/segment.h"

enum heap_4_index { HEAP_4_LIST, HEAP_4_TREE };

struct heap_4 {
	struct alloc base;
	enum heap_4_index index;
	msize_t grain; /* portBYTE_ALIGNMENT, bytes */
	msize_t head; /* xHeapStructSize: a block's header, rounded to the grain, bytes */
	msize_t minimum; /* heapMINIMUM_BLOCK_SIZE: a rest must be larger to be split off */
	msize_t least; /* the least block, bytes with its header */
	msize_t limit; /* the largest request a fresh segment can serve, bytes */
	struct mm_range arena; /* fixed arena, ucHeap; bytes == 0: none */
	struct seg_list segments;
	struct fit_tree tree; /* where the tree's words lie, with index tree */
};

/* HeapStats_t of vPortGetHeapStats, in its order. */
struct heap_4_stats {
	msize_t available; /* bytes of all free blocks with their headers */
	msize_t largest_free; /* block, bytes */
	msize_t smallest_free;
	msize_t free_blocks;
	msize_t minimum_ever; /* least `available` there has been */
	msize_t allocations; /* successful ones */
	msize_t frees;
};

/*
 * pvPortMalloc: size bytes (0 counts as 1) at a multiple of align (0: the
 * target's).  GRANT_NONE: no free block is large enough; nothing changed.
 * O(free blocks), O(log) with a tree.
 */
struct grant heap_4_malloc(struct heap_4 *h, const struct alloc_req *req);

/*
 * vPortFree: the granted bytes of the block at p, or FREE_BAD where its header is
 * none of a live block.  O(free blocks), O(log) with a tree.
 */
msize_t heap_4_free(struct heap_4 *h, vaddr_t p);

/*
 * Not in FreeRTOS: shrinks the block at p or grows it into a free one behind it.
 * GRANT_NONE, and nothing changed: it cannot.  O(free blocks), O(log) with a tree.
 */
struct grant heap_4_resize(struct heap_4 *h, vaddr_t p, const struct alloc_req *req);

/* vPortGetHeapStats.  O(blocks). */
void heap_4_stats(const struct heap_4 *h, struct heap_4_stats *out);

extern const struct alloc_ops heap_4_ops;

/* Members of heap_4_ops, in heap_4_boot.c and heap_4_check.c. */
extern const struct alloc_param heap_4_params[];
int heap_4_init(struct alloc *a, const struct alloc_env *env) MUST_USE;
int heap_4_attach(struct alloc *a, const struct alloc_env *env) MUST_USE;
void heap_4_walk(const struct alloc *a, walk_fn *fn, void *ctx);
vaddr_t heap_4_chunk(const struct alloc *a, vaddr_t p, struct walk_span *out);
int heap_4_check(const struct alloc *a, struct check_report *r) MUST_USE;

/* A new segment whose one block, of at least `bytes`, is free but not listed yet, or none. */
vaddr_t heap_4_add_segment(struct heap_4 *h, msize_t bytes, const struct alloc_req *req);
/* Gives back segment s, which is one free block that is no longer listed. */
void heap_4_drop_segment(struct heap_4 *h, vaddr_t s);

#endif
