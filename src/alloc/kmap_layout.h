/*
 * kmap: one block of pages.
 *
 *   0     last    32 bits  slot given out last
 *   4     users   32 bits  of all slots together
 *   8     bucket  128 × 16 bits: slot + 1 of the first page of that hash, or 0
 *   264   slot 0, slot 1, ...      of 12 bytes each
 *         0  count  32 bits  0 free; 1 mapped, but nobody uses it; n: n - 1 users
 *         4  pfn    32 bits  of the page, all ones: none
 *         8  next   16 bits  slot + 1 of the next page of that hash, or 0
 *         10        16 bits  0
 *   ...   atomic  32 bits for each slot of each CPU: pfn, all ones: none
 */
#ifndef ALLOC_KMAP_LAYOUT_H
#define ALLOC_KMAP_LAYOUT_H

#include "alloc/kmap.h"

#define KMAP_BUCKETS    128u
#define KMAP_OFF_BUCKET 8u
#define KMAP_OFF_SLOTS  (KMAP_OFF_BUCKET + 2u * KMAP_BUCKETS)
#define KMAP_SLOT_BYTES 12u

static inline uint32_t kmap_bytes(const struct kmap *k)
{
	return KMAP_OFF_SLOTS + KMAP_SLOT_BYTES * k->nr + 4u * k->nr_atomic * k->cpus;
}

static inline uint32_t kmap_last(const struct kmap *k)
{
	return mem_ld32(k->a.m, k->a.root);
}

static inline void set_kmap_last(const struct kmap *k, uint32_t i)
{
	mem_st32(k->a.m, k->a.root, i);
}

static inline uint32_t kmap_users(const struct kmap *k)
{
	return mem_ld32(k->a.m, vaddr_add(k->a.root, 4));
}

static inline void set_kmap_users(const struct kmap *k, uint32_t n)
{
	mem_st32(k->a.m, vaddr_add(k->a.root, 4), n);
}

static inline unsigned kmap_bucket(pfn_t pfn)
{
	return (unsigned)((pfn.v * 0x9E370001u) >> 25); /* the golden ratio's prime, 7 bits */
}

static inline uint32_t bucket_head(const struct kmap *k, unsigned b)
{
	return mem_ld16(k->a.m, vaddr_add(k->a.root, KMAP_OFF_BUCKET + 2 * b));
}

static inline void set_bucket_head(const struct kmap *k, unsigned b, uint32_t slot1)
{
	mem_st16(k->a.m, vaddr_add(k->a.root, KMAP_OFF_BUCKET + 2 * b), (uint16_t)slot1);
}

static inline vaddr_t slot_at(const struct kmap *k, uint32_t i)
{
	return vaddr_add(k->a.root, KMAP_OFF_SLOTS + KMAP_SLOT_BYTES * (msize_t)i);
}

static inline uint32_t slot_count(const struct kmap *k, uint32_t i)
{
	return mem_ld32(k->a.m, slot_at(k, i));
}

static inline void set_slot_count(const struct kmap *k, uint32_t i, uint32_t n)
{
	mem_st32(k->a.m, slot_at(k, i), n);
}

static inline pfn_t slot_pfn(const struct kmap *k, uint32_t i)
{
	return mem_ldpfn(k->a.m, vaddr_add(slot_at(k, i), 4));
}

static inline void set_slot_pfn(const struct kmap *k, uint32_t i, pfn_t pfn)
{
	mem_stpfn(k->a.m, vaddr_add(slot_at(k, i), 4), pfn);
}

static inline uint32_t slot_next(const struct kmap *k, uint32_t i)
{
	return mem_ld16(k->a.m, vaddr_add(slot_at(k, i), 8));
}

static inline void set_slot_next(const struct kmap *k, uint32_t i, uint32_t slot1)
{
	mem_st16(k->a.m, vaddr_add(slot_at(k, i), 8), (uint16_t)slot1);
}

static inline uint32_t slot_spare(const struct kmap *k, uint32_t i)
{
	return mem_ld16(k->a.m, vaddr_add(slot_at(k, i), 10));
}

static inline vaddr_t atomic_at(const struct kmap *k, uint32_t i)
{
	return vaddr_add(slot_at(k, k->nr), 4 * (msize_t)i);
}

static inline vaddr_t slot_va(const struct kmap *k, uint32_t i)
{
	return vaddr_add(k->vm->pkmap_base, (msize_t)i << PTE_PAGE_SHIFT);
}

/* The fixmap grows down from its top: slot 0 of CPU 0 is the highest page. */
static inline vaddr_t atomic_va(const struct kmap *k, uint32_t i)
{
	return vaddr_sub(k->vm->fixmap_top, ((msize_t)i + 1) << PTE_PAGE_SHIFT);
}

int kmap_check(const struct alloc *a, struct check_report *r);

#endif
