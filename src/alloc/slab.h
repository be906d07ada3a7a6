/*
 * slab: the kernel's first slab layer, with lists of full, partial and free slabs.
 * See slab.c.
 */
#ifndef ALLOC_SLAB_H
#define ALLOC_SLAB_H

#include "alloc/kmem_pages.h"

/* Bytes, but for counts. */
struct slab_geometry {
	uint32_t object_size, size, align, flags, inuse, red_left;
	uint32_t num; /* objects of a slab */
	uint32_t colour, colour_off; /* offsets that a slab's objects may have, and their unit */
	uint32_t mgmt; /* of a slab's record with its bufctl */
	uint32_t limit, batch; /* of a CPU's array, entries */
	uint32_t shared; /* entries of a node's shared array, in batches; 0: none */
	unsigned order;
	bool off_slab;
};

/*
 * Layout of a cache's slabs, by the rules of kmem_cache_create and calculate_slab_order of
 * Linux 2.6.  `early`: records must lie in the slabs.  false: as kmem_slub_geometry.
 */
bool slab_geometry(const struct kmem *s, msize_t size, msize_t align, uint32_t flags, bool early,
		   struct slab_geometry *out);

/* The largest order of a slab: MAX_OBJ_ORDER of the textbook, or the page allocator's. */
unsigned slab_most_order(const struct kmem *s);

/* Where an object lies: its slab's record and its index. */
struct slab_object {
	vaddr_t cache, record;
	uint32_t index;
};

/* The object at o; record VADDR_NONE: o is no object of this layer. */
struct slab_object slab_find(struct kmem *s, vaddr_t o);

/* ---- slabs (slab_grow.c) ---- */

/* One object of a slab on a node's lists; VADDR_NONE: none has one free.  `mark`: its bufctl. */
vaddr_t slab_take(struct kmem *s, vaddr_t c, unsigned node, uint32_t mark);

/*
 * Puts it back into its slab.  A slab that is free by that goes to the page allocator where
 * its node has more free objects than it keeps.
 */
void slab_put(struct kmem *s, struct slab_object x);

#define NODE_ANY UINT32_MAX

/*
 * A new slab for c with memory of `node`, or NODE_ANY: of whatever node has some.  *grown:
 * whose it is.  false: there are no pages.
 */
bool slab_grow(struct kmem *s, vaddr_t c, unsigned node, const struct alloc_req *req,
	       unsigned *grown);

/* The block at base becomes a slab of the cache; `r` is its record where that lies outside. */
void slab_make_slab(struct kmem *s, vaddr_t cache, vaddr_t base, vaddr_t r);

/* One object for the layer itself, zeroed; `mark`: its bufctl. */
vaddr_t slab_own_take(struct kmem *s, vaddr_t c, uint32_t mark);
void slab_own_put(struct kmem *s, vaddr_t o);

/* Gives the n slabs of a node's free list that were put there first back, or as many as are. */
void slab_trim(struct kmem *s, vaddr_t c, unsigned node, uint32_t n);

/* ---- arrays in front of the slabs (slab_queues.c) ---- */

/* Entries of a node's shared array; 0: the cache has none.  Of an alien array. */
uint32_t slab_shared_limit(const struct kmem *s, vaddr_t c);
uint32_t slab_alien_limit(const struct kmem *s, vaddr_t c);

/* Free objects that a node keeps when a slab becomes free. */
uint32_t slab_free_limit(const struct kmem *s, vaddr_t c, unsigned node);

/* An object of the CPU's array, filled if need be; VADDR_NONE: its node has none, nor pages. */
vaddr_t slab_pop(struct kmem *s, vaddr_t c, const struct alloc_req *req, uint64_t *steps);

/* Takes o, which is x, back: the CPU's array or, of another node, what it keeps for that. */
void slab_push(struct kmem *s, struct slab_object x, vaddr_t o);

/* Empties all arrays of c into the slabs. */
void slab_drain(struct kmem *s, vaddr_t c);

/* Empties all arrays, and gives all free slabs back: pages. */
uint64_t slab_shrink(struct kmem *s, vaddr_t c);

/* Gives c's arrays back, which are empty. */
void slab_drop_arrays(struct kmem *s, vaddr_t c);

/* Free objects in all arrays, in *shared those of shared ones. */
uint64_t slab_queued(const struct kmem *s, vaddr_t c, uint64_t *shared);

/* Every two seconds a CPU, what has not been used since goes back, bit by bit. */
void slab_tick(struct alloc *a, unsigned cpu, uint64_t ms);

struct grant slab_cache_alloc(struct kmem *s, vaddr_t c, const struct alloc_req *req);
/* c VADDR_NONE: of whatever cache it is. */
msize_t slab_free(struct kmem *s, vaddr_t c, vaddr_t p);

/* ---- caches (slab_boot.c) ---- */

vaddr_t slab_create(struct kmem *s, msize_t size, msize_t align, uint32_t flags);
int slab_destroy(struct kmem *s, vaddr_t c) MUST_USE;
msize_t slab_descriptor_bytes(const struct kmem *s);
int slab_init(struct alloc *a, const struct alloc_env *env) MUST_USE;
int slab_attach(struct alloc *a, const struct alloc_env *env) MUST_USE;

/* Counts of c: slabs, objects, those in use. */
void slab_count(const struct kmem *s, vaddr_t c, struct cache_figures *out);

void slab_walk(const struct alloc *a, walk_fn *fn, void *ctx);
int slab_check(const struct alloc *a, struct check_report *r) MUST_USE;

extern const struct bytes_ops slab_bytes_ops;
extern const struct cache_ops slab_cache_ops;
extern const struct alloc_ops slab_ops;

#endif
