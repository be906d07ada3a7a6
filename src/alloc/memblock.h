/* memblock: the region manager, which gives memory before any allocator exists.  See memblock.c. */
#ifndef ALLOC_MEMBLOCK_H
#define ALLOC_MEMBLOCK_H

#include "alloc/alloc.h"

struct memblock {
	struct alloc base;
	unsigned capacity; /* slots of the table */
};

/*
 * Makes [base, base + bytes) known as memory.  Each call is one region: touching
 * ranges stay apart, so that nothing is ever carved across a border.  MM_EINVAL:
 * empty, wraps around, or overlaps memory known already; MM_ENOMEM: the table is
 * full.  O(table).
 */
int memblock_add(struct memblock *mb, vaddr_t base, msize_t bytes) MUST_USE;

/*
 * Keeps [base, base + bytes) from being given; it may overlap what is reserved
 * already and may lie outside of memory.  MM_EINVAL: empty or wraps around;
 * MM_ENOMEM: the table is full, nothing changed.  No bytes move in the ledger:
 * the caller knows whose they are.  O(table).
 */
int memblock_reserve(struct memblock *mb, vaddr_t base, msize_t bytes) MUST_USE;

/*
 * Finds `bytes` unreserved bytes of one region within [lo, hi) at a multiple of
 * `align` (a power of two): the lowest, or the highest if `top`.  Reserves them.
 * VADDR_NONE, and nothing changed, if there are none or the table is full.
 * Ledger: MM_UNMANAGED -> MM_CACHED, in the account of the region manager.
 * O(table^2).
 */
vaddr_t memblock_carve(struct memblock *mb, msize_t bytes, msize_t align, vaddr_t lo, vaddr_t hi,
		       bool top);

/* The first unreserved stretch of memory at or after `from`, within one region.  O(table). */
bool memblock_next_free(const struct memblock *mb, vaddr_t from, struct mm_range *out);

extern const struct alloc_ops memblock_ops;

/* Every invariant of memblock.c; O(table). */
int memblock_check(const struct alloc *a, struct check_report *r) MUST_USE;

/* The table's seal as its contents demand it: FNV-1a over words, the seal left out. */
uint32_t memblock_seal(const struct memblock *mb);

/* Slots of the i-th memory and reserved range. */
static inline unsigned memory_slot(const struct memblock *mb, unsigned i)
{
	(void)mb;
	return i;
}

static inline unsigned reserved_slot(const struct memblock *mb, unsigned i)
{
	return mb->capacity - 1 - i;
}

#endif
