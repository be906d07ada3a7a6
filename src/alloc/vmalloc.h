/*
 * vmalloc: the kernel's half of the address space.  See vmalloc.c.
 *
 * It owns the page tables, the direct map in them and the vmalloc window; kinds
 * that map something of their own (kmap, ioremap, kernel stacks) are given it as
 * env->space and call what is below.
 */
#ifndef ALLOC_VMALLOC_H
#define ALLOC_VMALLOC_H

#include "alloc/pgtable.h"
#include "alloc/vmarea.h"

struct vmalloc {
	struct alloc a;
	struct recpool pool;
	struct vmspace space;
	struct pgtable tables;
	const struct vm_layout *vm; /* borrowed from env */
	msize_t lazy_max; /* bytes given back before they are purged; 0: none */
	bool guard; /* one page behind each area stays unmapped */
	bool large; /* the direct map uses large pages where they fit */
};

/* The address space in env, or NULL: there is none, or it is of another kind. */
struct vmalloc *vmalloc_space(const struct alloc_env *env);

/*
 * A range of whole pages that hold `size` bytes, with memory behind each, or
 * GRANT_NONE and nothing changed but tables that were made.  Refusals: LIMIT, larger
 * than the window; WINDOW, no hole; none: no page.  O(pages + log areas).
 */
struct grant vmalloc(struct vmalloc *v, msize_t size, const struct alloc_req *req);

/* Unmaps and frees; the range itself stays lazy until the next purge.  FREE_BAD: va begins none. */
msize_t vfree(struct vmalloc *v, vaddr_t va);

/*
 * The same for a kind that keeps a record of what it maps (kernel stacks): the area
 * names it, and only vfree_owned unmaps it.  vmalloc_owner: the record of the area that
 * begins at va, VADDR_NONE: there is none such.
 */
struct grant vmalloc_owned(struct vmalloc *v, msize_t size, const struct alloc_req *req,
			   vaddr_t owner);
msize_t vfree_owned(struct vmalloc *v, vaddr_t va);
vaddr_t vmalloc_owner(const struct vmalloc *v, vaddr_t va);

/*
 * [pa, pa + bytes) of a device, not cached, at a multiple of align.  pa and bytes are
 * whole pages.  VADDR_NONE as above.
 */
vaddr_t vmalloc_map_device(struct vmalloc *v, paddr_t pa, msize_t bytes, msize_t align);
msize_t vmalloc_unmap_device(struct vmalloc *v, vaddr_t va);

/* Makes every lazy range free again, and flushes the TLBs.  Returns how many. */
uint64_t vmalloc_purge(struct vmalloc *v);

#endif
