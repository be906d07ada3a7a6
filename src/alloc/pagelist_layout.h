/*
 * pagelist: what the bytes of a zone record mean; memmap_layout.h says where it
 * lies, alloc/page.h what a descriptor holds.  Four 32-bit words:
 *
 *   0    head       pfn of the first free page, or all ones
 *   4    free       pages in the list
 *   8    managed    pages given to the zone
 *   12   fallbacks  requests served here that preferred another zone
 *
 * A free page's descriptor has `next` (all ones at the end) and no `prev`.  Its
 * `private` counts the pages right behind it that are free as well and whose
 * descriptors are still zero: a *run*.  They take their place on the list when
 * the page before them is taken.
 */
#ifndef ALLOC_PAGELIST_LAYOUT_H
#define ALLOC_PAGELIST_LAYOUT_H

#include "alloc/page.h"

#define PAGELIST_ZONE_BYTES 16u

static inline pfn_t list_head(const struct mem *m, vaddr_t z)
{
	return mem_ldpfn(m, z);
}

static inline void set_list_head(const struct mem *m, vaddr_t z, pfn_t pfn)
{
	mem_stpfn(m, z, pfn);
}

static inline uint32_t list_free(const struct mem *m, vaddr_t z)
{
	return mem_ld32(m, vaddr_add(z, 4));
}

static inline void set_list_free(const struct mem *m, vaddr_t z, uint32_t pages)
{
	mem_st32(m, vaddr_add(z, 4), pages);
}

static inline uint32_t list_managed(const struct mem *m, vaddr_t z)
{
	return mem_ld32(m, vaddr_add(z, 8));
}

static inline void set_list_managed(const struct mem *m, vaddr_t z, uint32_t pages)
{
	mem_st32(m, vaddr_add(z, 8), pages);
}

static inline uint32_t list_fallbacks(const struct mem *m, vaddr_t z)
{
	return mem_ld32(m, vaddr_add(z, 12));
}

static inline void set_list_fallbacks(const struct mem *m, vaddr_t z, uint32_t requests)
{
	mem_st32(m, vaddr_add(z, 12), requests);
}

static inline uint32_t page_run(const struct mem *m, vaddr_t desc)
{
	return (uint32_t)page_private(m, desc);
}

static inline void set_page_run(const struct mem *m, vaddr_t desc, uint32_t pages)
{
	set_page_private(m, desc, pages);
}

#endif
