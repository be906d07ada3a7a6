/*
 * slabset: caches of equal objects over one slabpool; what slab_bitmap, slab_list
 * and slab_array have in common.  See slabset.c.
 */
#ifndef ALLOC_SLABSET_H
#define ALLOC_SLABSET_H

#include "alloc/slabpool.h"

/* Where a slab says which of its objects are free. */
enum slab_form {
	SLAB_LIST, /* a list threaded through the free objects */
	SLAB_BITMAP /* a bitmap in the slab's record */
};

#define SLAB_MAX_OBJECTS 4096u
#define SLAB_MAX_ORDER   6u /* of a slab, units */

/* Geometry of one cache's slabs: follows from its sizes and never changes. */
struct slab_geo {
	uint32_t size; /* of an object as granted, bytes */
	uint32_t first; /* offset of object 0, bytes */
	uint32_t nr; /* objects of a slab */
	uint32_t order; /* a slab is 2^order units */
};

struct slabset {
	struct slabpool pool;
	vaddr_t desc; /* the slab's record at ref lies at desc + ref * stride ... */
	uint32_t stride; /* ... bytes */
	uint32_t keep_empty; /* empty slabs kept a cache */
	enum slab_form form;
	bool apart; /* records lie in the pool's map, else at each slab's start */
	bool lazy; /* the taker keeps objects at hand: full slabs may be listed */
};

/* One cache: its record in the image, its number, its geometry. */
struct slab_cache {
	vaddr_t rec;
	uint32_t id;
	struct slab_geo geo;
};

/*
 * Geometry for objects of `size` bytes at multiples of `align` (a power of two),
 * with 2^order units a slab; false when not one object fits.
 */
bool slabset_geometry(const struct slabset *s, msize_t size, msize_t align, unsigned order,
		      struct slab_geo *out);

/* The same with the least order that wastes at most an eighth, or if none does, the least waste. */
bool slabset_best_geometry(const struct slabset *s, msize_t size, msize_t align,
			   struct slab_geo *out);

/* Bytes of a slab that no object can have: header and tail. */
msize_t slabset_waste(const struct slabset *s, const struct slab_geo *g);

/* Tells the set where records lie; the pool stands.  `apart` only if the pool's records have room. */
void slabset_setup(struct slabset *s, enum slab_form form, bool apart, uint32_t keep_empty);

/* Makes an empty cache's record. */
void slabset_new_cache(const struct slabset *s, const struct slab_cache *c);

/*
 * An object of c; VADDR_NONE, and nothing changed, when no slab has one and the pool
 * gives none.  *steps grows by the search's.  The object goes MM_CACHED -> MM_GRANTED.  O(1) but for a new slab (O(objects) in list form).
 */
vaddr_t slabset_alloc(struct slabset *s, const struct slab_cache *c, const struct alloc_req *req,
		      uint64_t *steps);

/*
 * Gives the object at p back: its granted bytes, or FREE_BAD and nothing changed:
 * p is not in a slab of c, not an object's address, or free already.  O(1); in list
 * form O(objects) when the payload's first word looks like a link.
 */
msize_t slabset_free(struct slabset *s, const struct slab_cache *c, vaddr_t p);

/* A slab of c with a free object, a new one if none is listed; REF_NONE, and nothing changed. */
uint32_t slabset_more(struct slabset *s, const struct slab_cache *c, const struct alloc_req *req,
		      uint64_t *steps);

/* Puts the slab at ref behind all others in the cache's ring, or takes it out, if it is not so. */
void slabset_list(struct slabset *s, const struct slab_cache *c, uint32_t ref, bool listed);

/* The slab at ref has become empty: keeps it, or gives it back and returns true. */
bool slabset_emptied(struct slabset *s, const struct slab_cache *c, uint32_t ref);

/* Gives every empty slab back; returns the units given back. */
uint64_t slabset_shrink(struct slabset *s, const struct slab_cache *c);

/* Objects of c in use.  O(runs of the pool). */
uint64_t slabset_live(const struct slabset *s, const struct slab_cache *c);

/* The invariants S1 to S6 of one slab, or of a cache's list and counts (after its slabs). */
int slabset_check_slab(const struct slabset *s, const struct slab_cache *c, uint32_t ref,
		       struct check_report *r) MUST_USE;
int slabset_check_cache(const struct slabset *s, const struct slab_cache *c,
			struct check_report *r) MUST_USE;

/* One bit an object of a slab: is it free?  On the host's stack, for walkers and checkers. */
struct slab_map {
	uint64_t bits[SLAB_MAX_OBJECTS / 64];
};

static inline bool slab_map_get(const struct slab_map *map, uint32_t i)
{
	return (map->bits[i >> 6] >> (i & 63) & 1) != 0;
}

static inline void slab_map_set(struct slab_map *map, uint32_t i)
{
	map->bits[i >> 6] |= (uint64_t)1 << (i & 63);
}

/* Reads what is free; false: the list leaves the slab's objects or meets one twice. O(objects). */
bool slabset_free_map(const struct slabset *s, const struct slab_cache *c, uint32_t ref,
		      struct slab_map *map);

/* The slab's spans: header, objects as `map` says, tail. */
void slabset_walk_slab(const struct slabset *s, const struct slab_cache *c, uint32_t ref,
		       const struct slab_map *map, walk_fn *fn, void *ctx);

/* Number of the cache whose slab begins at ref, or CACHE_NONE. */
uint32_t slabset_cache_at(const struct slabset *s, uint32_t ref);

#endif
