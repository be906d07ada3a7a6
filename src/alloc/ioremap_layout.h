/*
 * A resource's record, W = a target word:
 *
 *   0         base     64 bits  first address
 *   8         last     64 bits  last address, inclusive: the top of 64 bits is one
 *   16        parent   W        or none: the root
 *   16 + W    child    W        its first child, or none
 *   16 + 2W   sibling  W        the next one of the same parent, ascending, or none
 *   16 + 3W   owner    32 bits  number of who holds it
 *   20 + 3W   flags    32 bits  RES_BUSY, RES_SEED
 *   24 + 3W   seal     32 bits  of range, owner and flags, which nothing else repeats
 *   28 + 3W            W = 8: 32 bits, 0
 *
 * The root page's front holds the root's record: no list, and every address is in it.
 */
#ifndef ALLOC_IOREMAP_LAYOUT_H
#define ALLOC_IOREMAP_LAYOUT_H

#include "alloc/ioremap.h"

#define RES_BYTES (MM_WORD == 4 ? 40u : 56u)

#define RES_BUSY 1u
#define RES_SEED 2u /* of the machine itself: cannot be released */

static inline uint64_t ld64(const struct mem *m, vaddr_t a)
{
	return mem_ld32(m, a) | (uint64_t)mem_ld32(m, vaddr_add(a, 4)) << 32;
}

static inline void st64(const struct mem *m, vaddr_t a, uint64_t x)
{
	mem_st32(m, a, (uint32_t)x);
	mem_st32(m, vaddr_add(a, 4), (uint32_t)(x >> 32));
}

static inline uint64_t res_base(const struct mem *m, vaddr_t r)
{
	return ld64(m, r);
}

static inline uint64_t res_last(const struct mem *m, vaddr_t r)
{
	return ld64(m, vaddr_add(r, 8));
}

static inline void set_res_range(const struct mem *m, vaddr_t r, uint64_t base, uint64_t last)
{
	st64(m, r, base);
	st64(m, vaddr_add(r, 8), last);
}

static inline vaddr_t res_parent(const struct mem *m, vaddr_t r)
{
	return mem_ldva(m, vaddr_add(r, 16));
}

static inline void set_res_parent(const struct mem *m, vaddr_t r, vaddr_t x)
{
	mem_stva(m, vaddr_add(r, 16), x);
}

static inline vaddr_t res_child(const struct mem *m, vaddr_t r)
{
	return mem_ldva(m, vaddr_add(r, 16 + MM_WORD));
}

static inline void set_res_child(const struct mem *m, vaddr_t r, vaddr_t x)
{
	mem_stva(m, vaddr_add(r, 16 + MM_WORD), x);
}

static inline vaddr_t res_sibling(const struct mem *m, vaddr_t r)
{
	return mem_ldva(m, vaddr_add(r, 16 + 2 * MM_WORD));
}

static inline void set_res_sibling(const struct mem *m, vaddr_t r, vaddr_t x)
{
	mem_stva(m, vaddr_add(r, 16 + 2 * MM_WORD), x);
}

static inline uint32_t res_owner(const struct mem *m, vaddr_t r)
{
	return mem_ld32(m, vaddr_add(r, 16 + 3 * MM_WORD));
}

static inline void set_res_owner(const struct mem *m, vaddr_t r, uint32_t x)
{
	mem_st32(m, vaddr_add(r, 16 + 3 * MM_WORD), x);
}

static inline uint32_t res_flags(const struct mem *m, vaddr_t r)
{
	return mem_ld32(m, vaddr_add(r, 20 + 3 * MM_WORD));
}

static inline void set_res_flags(const struct mem *m, vaddr_t r, uint32_t x)
{
	mem_st32(m, vaddr_add(r, 20 + 3 * MM_WORD), x);
}

/* FNV-1a over 32-bit words: any change of one word changes it. */
static inline uint32_t res_seal_of(const struct mem *m, vaddr_t r)
{
	uint32_t h = 0x811c9dc5u;

	for (unsigned i = 0; i < 4; i++)
		h = (h ^ mem_ld32(m, vaddr_add(r, 4 * i))) * 0x01000193u;
	h = (h ^ res_owner(m, r)) * 0x01000193u;
	return (h ^ res_flags(m, r)) * 0x01000193u;
}

static inline uint32_t res_seal(const struct mem *m, vaddr_t r)
{
	return mem_ld32(m, vaddr_add(r, 24 + 3 * MM_WORD));
}

static inline void set_res_seal(const struct mem *m, vaddr_t r)
{
	mem_st32(m, vaddr_add(r, 24 + 3 * MM_WORD), res_seal_of(m, r));
}

static inline uint32_t res_spare(const struct mem *m, vaddr_t r)
{
	return MM_WORD == 8 ? mem_ld32(m, vaddr_add(r, 28 + 3 * MM_WORD)) : 0;
}

int ioremap_check(const struct alloc *a, struct check_report *r);

#endif
