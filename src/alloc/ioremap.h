/*
 * ioremap: device memory in the kernel's address space, over a tree of resources.
 * See ioremap.c.
 */
#ifndef ALLOC_IOREMAP_H
#define ALLOC_IOREMAP_H

#include "alloc/recpool.h"
#include "alloc/vmalloc.h"

struct ioremap {
	struct alloc a;
	struct recpool pool; /* of resources */
	struct vmalloc *space;
};

/*
 * Holds want's addresses for its owner.  0; MM_EBUSY and *conflict; MM_EINVAL: empty or
 * beyond the machine; MM_ENOMEM.  O(siblings × depth).
 */
int request_mem_region(struct ioremap *io, const struct mm_resource *want,
		       struct mm_resource *conflict);

/* MM_EINVAL: nobody requested exactly this. */
int release_mem_region(struct ioremap *io, uint64_t base, uint64_t bytes);

/*
 * The address at which [pa, pa + size) can be seen, not cached; VADDR_NONE: RAM is in it
 * (refusal CONFLICT), no room, or no memory for tables.
 */
vaddr_t ioremap(struct ioremap *io, paddr_t pa, msize_t size);

/* Bytes of the mapping, whole pages, or FREE_BAD. */
msize_t iounmap(struct ioremap *io, vaddr_t va);

#endif
