/*
 * slabcaches: caches of fixed-size objects that come and go; the two kinds
 * `slab_list` and `slab_bitmap`, which differ in where a slab says what is free.
 * See slabcaches.c.
 */
#ifndef ALLOC_SLABCACHES_H
#define ALLOC_SLABCACHES_H

#include "alloc/slabset.h"

struct slabcaches {
	struct alloc base;
	struct slabset set;
	msize_t bytes_size; /* parameter `size` */
	msize_t align; /* of every object at least, bytes */
	uint8_t order; /* of every slab, units, or ORDER_AUTO */
	uint8_t table_shift; /* log2 of the cache records of a table block */
	uint8_t page_shift;
};

#define ORDER_AUTO 0xffu

/* Rows of the parameter table. */
enum { SLABCACHES_SIZE, SLABCACHES_SLAB_BYTES, SLABCACHES_ALIGN, SLABCACHES_KEEP_EMPTY };
extern const struct alloc_param slabcaches_params[];

/*
 * A cache of objects of `req->size` bytes at multiples of req->align (a power of
 * two; 0: the target's): its number, the lowest free one; CACHE_NONE, and nothing
 * changed, for a size of 0 or of which no slab holds one, or when the table of
 * caches cannot grow.  O(caches).
 */
uint32_t slabcaches_create(struct slabcaches *s, const struct cache_req *req);

/* An object; GRANT_NONE: no such cache, or no memory.  O(1) but for a new slab. */
struct grant slabcaches_alloc(struct slabcaches *s, uint32_t cache, const struct alloc_req *req);

/* Its granted bytes, or FREE_BAD: no live object of this cache.  O(1), see slabset_free. */
msize_t slabcaches_free(struct slabcaches *s, uint32_t cache, vaddr_t p);

/* Gives back the cache's empty slabs; returns pages.  O(slabs with a free object). */
uint64_t slabcaches_shrink(struct slabcaches *s, uint32_t cache);

/* 0; MM_EBUSY: objects live; MM_EINVAL: no such cache.  Its number is free then. */
int slabcaches_destroy(struct slabcaches *s, uint32_t cache) MUST_USE;

/* ---- what the two kinds' tables are made of ---- */

int slabcaches_init(struct alloc *a, const struct alloc_env *env, enum slab_form form) MUST_USE;
int slabcaches_attach(struct alloc *a, const struct alloc_env *env, enum slab_form form) MUST_USE;
void slabcaches_walk(const struct alloc *a, walk_fn *fn, void *ctx);
extern const struct cache_ops slabcaches_cache_ops;
extern const struct bytes_ops slabcaches_bytes_ops;

/* Every invariant of slabcaches.c; O(units). */
int slabcaches_check(const struct alloc *a, struct check_report *r) MUST_USE;

/* ---- for the checker ---- */

/* The cache of that number as its record says: false when there is none. */
bool slabcaches_get(const struct slabcaches *s, uint32_t cache, struct slab_cache *out);

/* The geometry that objects of `size` bytes with this alignment have here. */
bool slabcaches_geometry(const struct slabcaches *s, msize_t size, msize_t align,
			 struct slab_geo *out);

#endif
