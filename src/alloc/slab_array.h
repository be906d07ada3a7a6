/* slab_array: a set of sizes, each served from slabs of its own.  See slab_array.c. */
#ifndef ALLOC_SLAB_ARRAY_H
#define ALLOC_SLAB_ARRAY_H

#include "alloc/slabset.h"

#define SLAB_ARRAY_CLASSES 128u /* most sizes of a set */
#define SLAB_ARRAY_LARGEST KiB(16) /* largest of a set, bytes */
#define SLAB_ARRAY_GRAIN   8u /* sizes are multiples of it */
#define SLAB_ARRAY_STEPS   (SLAB_ARRAY_LARGEST / SLAB_ARRAY_GRAIN + 1)

/* What malloc and free need of one size, half a cache line: its number is its index. */
struct slab_class {
	vaddr_t rec; /* its record */
	uint32_t size; /* of an object as granted, bytes */
	uint32_t first; /* offset of a slab's first object, bytes */
	uint32_t nr; /* objects of a slab */
	uint32_t inverse; /* of the odd part of the size, modulo 2^32 */
	uint8_t twos; /* log2 of the rest of the size */
	uint8_t aligned; /* every object's address is a multiple of 2^aligned */
};

struct slab_array {
	struct alloc base;
	msize_t slab_bytes; /* of every slab */
	vaddr_t origin; /* where slab 0 lies or would lie */
	vaddr_t desc; /* record of slab 0 */
	uint32_t stride; /* from one slab's record to the next */
	uint32_t slabs; /* arena: units, which are slabs */
	uint32_t nr; /* classes */
	uint32_t largest; /* size of the last class, bytes */
	uint32_t align; /* of every object, bytes */
	uint8_t slab_shift; /* log2 of slab_bytes */
	uint8_t ref_shift; /* log2 of a slab's units */
	uint8_t class_of[SLAB_ARRAY_STEPS]; /* least class for (size + 7) / 8 */
	struct slab_class class[SLAB_ARRAY_CLASSES]; /* ascending sizes */
	struct slab_cache cache[SLAB_ARRAY_CLASSES]; /* the same for slabset */
	struct slabset set;
};

/*
 * `size` bytes (0 counts as 1) at a multiple of `align` (a power of two; 0: the
 * target's).  Sizes beyond the last class, and alignments that no class has, get
 * whole units of the pool.  O(1), but for a new slab or a run of units: a search.
 */
struct grant slab_array_malloc(struct slab_array *a, const struct alloc_req *req);

/* Gives the block at p back: its granted bytes; FREE_BAD when p is no live block.  O(1). */
msize_t slab_array_free(struct slab_array *a, vaddr_t p);

extern const struct alloc_ops slab_array_ops;

/* Rows of the parameter table. */
enum { SLAB_ARRAY_SIZES, SLAB_ARRAY_SLAB_BYTES, SLAB_ARRAY_KEEP_EMPTY };

/*
 * The handle's geometry from env, and *shape, what the pool must be; then, once
 * the pool stands, the classes.  0, or MM_EINVAL: a parameter is no good.
 */
int slab_array_shape(struct slab_array *a, const struct alloc_env *env,
		     struct pool_shape *shape) MUST_USE;
int slab_array_classes(struct slab_array *a, const struct alloc_env *env) MUST_USE;

/* Every invariant of slab_array.c; O(units). */
int slab_array_check(const struct alloc *a, struct check_report *r) MUST_USE;

#endif
