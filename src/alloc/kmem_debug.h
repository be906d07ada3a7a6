/* kmem: red zones and poison of objects.  See kmem_debug.c. */
#ifndef ALLOC_KMEM_DEBUG_H
#define ALLOC_KMEM_DEBUG_H

#include "alloc/alloc.h"

/* What of a cache decides the bytes around and in its objects; as in struct kmem_geo. */
struct kmem_debug {
	uint32_t object_size, inuse, size, red_left, flags;
};

static inline bool kmem_is_debug(uint32_t flags)
{
	return (flags & (SLAB_RED_ZONE | SLAB_POISON)) != 0;
}

/* A fresh object is made free; a free one is given out, a live one is freed: bytes are looked at. */
void kmem_debug_fresh(const struct mem *m, const struct kmem_debug *d, vaddr_t o);
void kmem_debug_alloc(const struct mem *m, const struct kmem_debug *d, vaddr_t o);
void kmem_debug_free(const struct mem *m, const struct kmem_debug *d, vaddr_t o);

/* First byte of a free object's red zones or poison that is not as it should be; or none. */
vaddr_t kmem_debug_damage(const struct mem *m, const struct kmem_debug *d, vaddr_t o);

#endif
