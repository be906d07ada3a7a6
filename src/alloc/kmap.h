/* kmap: pages of HIGHMEM in the kernel's address space, for as long as needed.  See kmap.c. */
#ifndef ALLOC_KMAP_H
#define ALLOC_KMAP_H

#include "alloc/vmalloc.h"

struct kmap {
	struct alloc a;
	struct vmalloc *space;
	const struct vm_layout *vm; /* borrowed from env */
	struct page_source *pages;
	uint32_t nr; /* slots of PKMAP */
	uint32_t nr_atomic; /* slots of a CPU */
	uint32_t cpus;
};

/*
 * An address of the page at pa, which stays until kunmap was called as often as kmap.
 * A page of the direct map has one anyway.  VADDR_NONE: every slot is in use (refusal
 * LIMIT).  O(slots) at worst.
 */
vaddr_t kmap(struct kmap *k, paddr_t pa);

/* MM_EINVAL: no page is mapped there by kmap. O(1). */
int kunmap(struct kmap *k, vaddr_t va);

/*
 * The CPU's slot shows the page from now on, whatever
 * it showed before.  VADDR_NONE: no such slot.
 */
vaddr_t kmap_atomic(struct kmap *k, paddr_t pa, unsigned cpu, unsigned slot);

/* MM_EINVAL: va is no slot, or it does not show the page at pa. */
int kunmap_atomic(struct kmap *k, vaddr_t va, paddr_t pa);

#endif
