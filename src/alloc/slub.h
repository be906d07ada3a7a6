/*
 * slub: the kernel's slab layer of today, and SLUB_TINY.  See slub.c.
 *
 * Words: a *slab* is a block of pages divided into objects of one size; it is named
 * by its first frame.  A cache is named by its descriptor's address inside, and by a
 * number (the address in cache lines) outside.
 */
#ifndef ALLOC_SLUB_H
#define ALLOC_SLUB_H

#include "alloc/kmem_pages.h"

/* ---- slabs (slub_slab.c) ---- */

/* A fresh slab of c near `node` with all objects free, on no list; PFN_NONE when there are no pages. */
pfn_t slub_new_slab(struct kmem *s, vaddr_t c, unsigned node, const struct alloc_req *req);

/* The block of 2^order pages at `base` becomes a slab of that many objects. */
void slub_make_slab(struct kmem *s, vaddr_t cache, vaddr_t base, unsigned order, uint32_t objects);

/* Gives the slab, which is on no list and all free, back to the page source; its pages. */
uint32_t slub_drop_slab(struct kmem *s, vaddr_t c, pfn_t slab);

void slub_list_add(struct kmem *s, vaddr_t n, pfn_t slab, bool tail);
void slub_list_del(struct kmem *s, vaddr_t n, pfn_t slab);

/* Takes what cpu's records of c hold back to where any CPU may have it. */
void slub_flush_cpu(struct kmem *s, vaddr_t c, unsigned cpu);

/* The slab stops being a CPU's; `freelist` are free objects that the CPU had of it. */
void slub_thaw(struct kmem *s, vaddr_t c, pfn_t slab, vaddr_t freelist);

/* All CPUs' partial slabs of c to the nodes' lists. */
void slub_unfreeze(struct kmem *s, vaddr_t c, uint32_t cpu_offset);

/* Empty slabs of c back to the page source; pages given back. */
uint64_t slub_shrink(struct kmem *s, vaddr_t c);

/* ---- objects (slub.c) ---- */

/* An object of c for the CPU at work; VADDR_NONE.  No ledger. */
vaddr_t slub_take(struct kmem *s, vaddr_t c, const struct alloc_req *req);

/* The object p of c, known to be live, is free.  No ledger. */
void slub_put(struct kmem *s, vaddr_t c, pfn_t slab, vaddr_t p);

struct grant slub_cache_alloc(struct kmem *s, vaddr_t c, const struct alloc_req *req);

/* c VADDR_NONE: of whatever cache it is.  Granted bytes, or FREE_BAD and nothing changed. */
msize_t slub_free(struct kmem *s, vaddr_t c, vaddr_t p);

/* ---- caches (slub_boot.c) ---- */

vaddr_t slub_create(struct kmem *s, msize_t size, msize_t align, uint32_t flags);
int slub_destroy(struct kmem *s, vaddr_t c) MUST_USE;

/* Puts c behind all others. */
void slub_ring_add(struct kmem *s, vaddr_t c);

/* Objects of c in use; counts slabs and partial slabs besides. */
uint64_t slub_active(const struct kmem *s, vaddr_t c);
void slub_count(const struct kmem *s, vaddr_t c, struct cache_figures *out);

/* Fills *s from env; slub_init also makes the layer's own caches.  `tiny`: SLUB_TINY. */
int slub_init(struct alloc *a, const struct alloc_env *env, bool tiny) MUST_USE;
int slub_attach(struct alloc *a, const struct alloc_env *env, bool tiny) MUST_USE;

/* Rows of the parameter table. */
enum {
	SLUB_CPUS_PARAM = KMEM_OTHER_PARAMS,
	SLUB_MIN_OBJECTS_PARAM,
	SLUB_MIN_ORDER_PARAM,
	SLUB_MAX_ORDER_PARAM,
	SLUB_CPU_PARTIAL_PARAM,
	SLUB_KMALLOC_MIN_PARAM,
	SLUB_KMALLOC_POWERS_PARAM,
	SLUB_KMALLOC_ORDER_PARAM
};

/* ---- looking ---- */

void slub_walk(const struct alloc *a, walk_fn *fn, void *ctx);
bool slub_slab_figures(const struct alloc *a, vaddr_t p, struct slab_figures *out);
int slub_check(const struct alloc *a, struct check_report *r) MUST_USE;
void slub_figures(const struct alloc *a, uint32_t cache, struct cache_figures *out);

extern const struct cache_ops slub_cache_ops;
extern const struct bytes_ops slub_bytes_ops;
extern const struct alloc_ops slub_ops, slub_tiny_ops;

#endif
