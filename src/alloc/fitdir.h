/*
 * fitdir: free chunks of small sizes, one class a size, the lowest address of
 * each class at hand.  Stands before a tree by size (fittree.h), which keeps the
 * larger ones.  See fitdir.c.
 */
#ifndef ALLOC_FITDIR_H
#define ALLOC_FITDIR_H

#include "model/mem.h"

#define FITDIR_CLASSES 64u
#define FITDIR_BYTES   ((msize_t)FITDIR_CLASSES * MM_WORD)

struct fit_dir {
	struct mem *m;
	vaddr_t base; /* of the directory, FITDIR_BYTES */
	msize_t size_mask; /* bits of a chunk's first word that are its size */
	msize_t left; /* offset of a chunk's two links, bytes */
	unsigned shift; /* log2 of the grain; a least chunk has two grains or more */
};

/* Is a chunk of `bytes` kept here? */
static inline bool fitdir_holds(const struct fit_dir *d, msize_t bytes)
{
	return bytes >> d->shift < FITDIR_CLASSES;
}

/* All classes empty. */
void fitdir_format(const struct fit_dir *d);

/*
 * The chunk of least size, and of those the lowest, with at least `bytes`, or
 * VADDR_NONE.  O(1).
 */
vaddr_t fitdir_least(const struct fit_dir *d, msize_t bytes);
/* The chunk of greatest size, and of those the lowest, or VADDR_NONE.  O(1). */
vaddr_t fitdir_greatest(const struct fit_dir *d);

/* Chunk c of `bytes`, which fitdir_holds, comes or goes.  O(log addresses). */
void fitdir_add(const struct fit_dir *d, vaddr_t c, msize_t bytes);
void fitdir_remove(const struct fit_dir *d, vaddr_t c, msize_t bytes);

/* Is chunk c of `bytes` where fitdir_remove would look for it? */
bool fitdir_contains(const struct fit_dir *d, vaddr_t c, msize_t bytes);

struct fit_fault;

/*
 * Map, order, places and sizes of all classes; adds the chunks to *nr, at most
 * up to `limit`.  Nodes outside [lo, hi) are a fault before they are read.
 */
bool fitdir_check(const struct fit_dir *d, vaddr_t lo, vaddr_t hi, uint64_t limit, uint64_t *nr,
		  struct fit_fault *f) MUST_USE;

#endif
