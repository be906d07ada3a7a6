/* slub: which objects of a slab are free; for walkers and checkers. */
#ifndef ALLOC_SLUB_MAP_H
#define ALLOC_SLUB_MAP_H

#include "alloc/slub_layout.h"

/* One bit an object, on the host's stack. */
struct slub_map {
	uint64_t bits[(KMEM_MAX_OBJECTS + 1) / 64];
	uint32_t in_slab; /* free objects in the slab's own list */
	uint32_t in_cpus; /* in a CPU's */
};

static inline bool slub_map_get(const struct slub_map *map, uint32_t i)
{
	return (map->bits[i >> 6] >> (i & 63) & 1) != 0;
}

/* Reads the lists of slab x of `cache`; false: one leaves the slab, or meets an object twice. */
bool slub_free_map(const struct kmem *s, vaddr_t cache, struct kmem_block x, struct slub_map *map);

/* Geometry of the layer's own two caches. */
int slub_own_geometry(const struct kmem *s, struct kmem_geo *cache, struct kmem_geo *node);

/* Bytes of a cache descriptor that mean something; the rest of the object is zero. */
msize_t slub_descriptor_bytes(const struct kmem *s);

#endif
