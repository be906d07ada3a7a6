/*
 * kmem: what the kernel's slab layers have in common: the geometry of a cache's
 * objects and slabs.  See kmem_geometry.c for the rules and their sources.
 */
#ifndef ALLOC_KMEM_H
#define ALLOC_KMEM_H

#include "alloc/alloc.h"

/* What decides the geometry, beside the cache's own wishes. */
struct kmem_rules {
	enum mm_rules rules;
	unsigned nr_cpus; /* as calculate_order counts them */
	unsigned page_shift;
	unsigned slab_order; /* largest order chosen for the sake of little waste: 3, SLUB_TINY 1 */
	unsigned least_order; /* of all slabs, <= slab_order: 0 */
	uint32_t min_objects; /* a slab should have; 0: by the number of CPUs */
	unsigned max_order; /* largest block of the page allocator */
	uint32_t cache_line; /* bytes */
	uint32_t align; /* least alignment of any object, bytes */
	bool tiny; /* SLUB_TINY: nothing is kept back */
	bool no_cpu_partial; /* no partial slabs are kept for a CPU */
};

/* Bytes, but for the counts. */
struct kmem_geo {
	uint32_t object_size; /* as asked */
	uint32_t size; /* from one object to the next */
	uint32_t inuse; /* up to where an object and its right red zone reach */
	uint32_t offset; /* of the free pointer */
	uint32_t align;
	uint32_t red_left; /* red zone before each object */
	uint32_t objects; /* of a slab of `order` */
	uint32_t min_objects; /* of a slab of `min_order`, when pages are short */
	uint32_t min_partial; /* empty slabs a node keeps on its partial list */
	uint32_t cpu_partial; /* kept for a CPU: slabs (linux-6) or free objects (before) */
	uint32_t flags; /* enum slab_flags */
	unsigned order, min_order;
};

/* A slab has at most so many objects: 15 bits of a counter. */
#define KMEM_MAX_OBJECTS 32767u

/* Largest object: the kernel's KMALLOC_MAX_SIZE. */
#define KMEM_MAX_SIZE MiB(4)

/*
 * SLUB's order of a slab for objects of `size` bytes (calculate_order): 0 ... max_order, or
 * more than that where no block of the page allocator holds one.
 */
unsigned kmem_slub_order(const struct kmem_rules *k, msize_t size);

/* Least order of a block that holds `bytes` (> 0): get_order. */
unsigned kmem_get_order(unsigned page_shift, msize_t bytes);

/* The alignment that flags and `align` (0 or a power of two) lead to: calculate_alignment. */
uint32_t kmem_alignment(const struct kmem_rules *k, msize_t size, msize_t align, uint32_t flags);

/*
 * SLUB's layout of a cache's objects (calculate_sizes).  false: no objects, too large, an
 * alignment that is no power of two or beyond 4 MiB, or no block holds one.
 */
bool kmem_slub_geometry(const struct kmem_rules *k, msize_t size, msize_t align, uint32_t flags,
			struct kmem_geo *out);

/* What an allocated object may use: ksize. */
static inline uint32_t kmem_usable(uint32_t object_size, uint32_t size, uint32_t flags)
{
	return (flags & (SLAB_RED_ZONE | SLAB_POISON)) != 0 ? object_size : size;
}

/* Inverse of the odd part of `size` modulo 2^32 (Newton), for exact division. */
static inline uint32_t kmem_inverse(uint32_t size)
{
	uint32_t odd = size >> lsb(size), x = odd;

	for (unsigned i = 0; i < 4; i++)
		x *= 2 - odd * x;
	return x;
}

/* offset / size when it is a multiple of it, else more than any slab has objects. */
static inline uint32_t kmem_exact(uint32_t offset, uint32_t inverse, unsigned twos)
{
	uint32_t x = offset * inverse;

	return x >> twos | x << (-twos & 31u);
}

#endif
