/*
 * vmalloc: the front of its root page, W = a target word.
 *
 *   0        tree    W        root of the areas' tree
 *   W        lazy    W        first lazy area, or none
 *   2W       top     W        the top-level page table, in the direct map
 *   3W       wasted  W        pages of lazy areas
 *   4W       busy    32 bits  busy areas
 *   4W + 4           32 bits  0
 *
 * While its pages are mapped, the descriptor of an area's i-th page holds in
 * `private` the area's record and in `next` the number i.
 */
#ifndef ALLOC_VMALLOC_LAYOUT_H
#define ALLOC_VMALLOC_LAYOUT_H

#include "alloc/vmalloc.h"
#include "alloc/vmarea_layout.h"

#define VMALLOC_ROOT_BYTES (4u * MM_WORD + 8u)

static inline vaddr_t vm_lazy(const struct vmalloc *v)
{
	return mem_ldva(v->a.m, vaddr_add(v->a.root, MM_WORD));
}

static inline void set_vm_lazy(const struct vmalloc *v, vaddr_t area)
{
	mem_stva(v->a.m, vaddr_add(v->a.root, MM_WORD), area);
}

static inline vaddr_t vm_top(const struct vmalloc *v)
{
	return mem_ldva(v->a.m, vaddr_add(v->a.root, 2u * MM_WORD));
}

static inline void set_vm_top(const struct vmalloc *v, vaddr_t table)
{
	mem_stva(v->a.m, vaddr_add(v->a.root, 2u * MM_WORD), table);
}

static inline msize_t vm_wasted(const struct vmalloc *v)
{
	return mem_ldw(v->a.m, vaddr_add(v->a.root, 3u * MM_WORD));
}

static inline void set_vm_wasted(const struct vmalloc *v, msize_t pages)
{
	mem_stw(v->a.m, vaddr_add(v->a.root, 3u * MM_WORD), pages);
}

static inline uint32_t vm_busy(const struct vmalloc *v)
{
	return mem_ld32(v->a.m, vaddr_add(v->a.root, 4u * MM_WORD));
}

static inline void set_vm_busy(const struct vmalloc *v, uint32_t n)
{
	mem_st32(v->a.m, vaddr_add(v->a.root, 4u * MM_WORD), n);
}

static inline uint32_t vm_spare(const struct vmalloc *v)
{
	return mem_ld32(v->a.m, vaddr_add(v->a.root, 4u * MM_WORD + 4));
}

/* The ops' own, in vmalloc_boot.c and vmalloc_check.c. */
int vmalloc_init(struct alloc *a, const struct alloc_env *env);
int vmalloc_attach(struct alloc *a, const struct alloc_env *env);
void vmalloc_walk(const struct alloc *a, walk_fn *fn, void *ctx);
int vmalloc_check(const struct alloc *a, struct check_report *r);

/* How many leaves of each size the direct map has. */
void vmalloc_direct_leaves(const struct vmalloc *v, uint64_t *nr_small, uint64_t *nr_large);

/* Bytes of a large page of the format. */
static inline msize_t large_bytes(const struct vmalloc *v)
{
	return (msize_t)1 << pgtable_shift(&v->tables, 1);
}

/* Does a large page at pa, a multiple of its size, lie wholly in the direct range? */
static inline bool large_fits(const struct vmalloc *v, const struct mm_range *direct, msize_t pa)
{
	return v->large && pa >= direct->base.v &&
	       pa - direct->base.v + large_bytes(v) <= direct->bytes;
}

#endif
