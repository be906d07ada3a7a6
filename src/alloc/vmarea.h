/*
 * vmarea: a window of virtual addresses, tiled by areas, with an index.
 *
 * Every byte of the window is in exactly one area: a free hole, a busy one, or a
 * lazy one (given back, but perhaps still in some TLB).  The areas form one AVL
 * tree by address; each knows the largest hole in its subtree, so that the lowest
 * hole that is large enough is found from the root down.  Find, allocate and free
 * are O(log areas), always: the tree's height is at most 1.44 log2(n + 2).
 *
 * G. M. Adelson-Velsky, E. M. Landis, "An algorithm for the organization of
 * information", Soviet Math. Doklady 3, 1962.
 */
#ifndef ALLOC_VMAREA_H
#define ALLOC_VMAREA_H

#include "alloc/recpool.h"

enum vmarea_state { VMAREA_FREE = 1, VMAREA_BUSY = 2, VMAREA_LAZY = 3 };

/* What is mapped in a busy area; OWNED: pages, for a kind with a record of its own. */
enum vmarea_type { VMAREA_NOTHING = 0, VMAREA_PAGES = 1, VMAREA_DEVICE = 2, VMAREA_OWNED = 3 };

/* Geometry: where the records and the tree's root are. */
struct vmspace {
	struct mem *m;
	struct recpool *pool; /* of records of VMAREA_BYTES */
	vaddr_t root; /* the word that holds the tree's root */
	vaddr_t start, end; /* of the window, whole pages */
};

#define VMAREA_BYTES (6u * MM_WORD + 8u)

/* One hole from start to end.  MM_ENOMEM: no record. */
int vmspace_format(struct vmspace *s) MUST_USE;

/*
 * A busy area of `bytes` (whole pages) at the lowest address that is a multiple of
 * `align` (a power of two, at least a page), or VADDR_NONE and nothing changed.
 * *no_record: it was for want of memory for records, not of room.  O(log n); for
 * alignments beyond a page O(k log n) with k holes that only alignment spoils.
 */
vaddr_t vmspace_take(struct vmspace *s, msize_t bytes, msize_t align, bool *no_record);

/* A busy or lazy area becomes a hole, merged with the holes beside it. */
void vmspace_release(struct vmspace *s, vaddr_t area);

/* The area that holds va; VADDR_NONE outside of the window.  O(log n). */
vaddr_t vmspace_find(const struct vmspace *s, vaddr_t va);

/* Bytes of the largest hole.  O(1). */
msize_t vmspace_largest(const struct vmspace *s);

/*
 * V1 to V3: the tree's order, balance, sums and tiling.  nr[state] counts areas by
 * state, bytes[state] their bytes.  O(n).
 */
int vmspace_check(const struct vmspace *s, uint64_t nr[4], msize_t bytes[4],
		  struct check_report *r) MUST_USE;

#endif
