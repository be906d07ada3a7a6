/*
 * Addresses of the simulated machine, as distinct types.
 *
 *   pfn_t    number of a physical page frame (physical address >> page shift)
 *   paddr_t  byte address on the physical bus: pages, page tables, bus masters
 *   vaddr_t  byte address as allocator code sees it through its view: objects,
 *            chunks, links and descriptors.  In the linear view of a machine
 *            without an MMU it equals the physical address.
 *
 * "None" is all ones in the target's own width, because physical 0 is a real
 * address (the STM32H7's ITCM begins there).  A stored link is one target word.
 *
 * MM_WORD (4 or 8, bytes) is the target's word size; it is fixed when an
 * instance of the allocators is compiled.  The bare build replaces this header.
 */
#ifndef MODEL_PADDR_H
#define MODEL_PADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef MM_WORD
#define MM_WORD 8
#endif

/* A byte count or an address as a number; wide enough for every target. */
typedef uint64_t msize_t;

typedef struct {
	uint64_t v;
} paddr_t;

typedef struct {
	uint64_t v;
} vaddr_t;

typedef struct {
	uint32_t v;
} pfn_t;

#define KiB(n) ((msize_t)(n) << 10)
#define MiB(n) ((msize_t)(n) << 20)
#define GiB(n) ((msize_t)(n) << 30)

/* All ones in a target word: the value a "none" link has in memory. */
#define MM_WORD_ONES (MM_WORD == 4 ? (msize_t)UINT32_MAX : (msize_t)UINT64_MAX)

#define PFN_NONE   ((pfn_t){UINT32_MAX})
#define VADDR_NONE ((vaddr_t){MM_WORD_ONES})

static inline bool pfn_none(pfn_t p)
{
	return p.v == UINT32_MAX;
}

static inline bool pfn_eq(pfn_t a, pfn_t b)
{
	return a.v == b.v;
}

static inline pfn_t pfn_add(pfn_t p, uint32_t pages)
{
	return (pfn_t){p.v + pages};
}

static inline bool vaddr_none(vaddr_t a)
{
	return a.v == MM_WORD_ONES;
}

static inline bool vaddr_eq(vaddr_t a, vaddr_t b)
{
	return a.v == b.v;
}

static inline vaddr_t vaddr_add(vaddr_t a, msize_t bytes)
{
	return (vaddr_t){a.v + bytes};
}

static inline vaddr_t vaddr_sub(vaddr_t a, msize_t bytes)
{
	return (vaddr_t){a.v - bytes};
}

/* Bytes from `from` up to `to`; `to` is not below `from`. */
static inline msize_t vaddr_diff(vaddr_t to, vaddr_t from)
{
	return to.v - from.v;
}

/* round_up(13, 8) == 16, round_up(16, 8) == 16; `align` is a power of two. */
static inline msize_t round_up(msize_t bytes, msize_t align)
{
	return (bytes + align - 1) & ~(align - 1);
}

/* round_down(13, 8) == 8; `align` is a power of two. */
static inline msize_t round_down(msize_t bytes, msize_t align)
{
	return bytes & ~(align - 1);
}

static inline bool is_pow2(msize_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* Index of the highest set bit: msb(1) == 0, msb(4095) == 11; n is not 0. */
static inline unsigned msb(msize_t n)
{
	return 63u ^ (unsigned)__builtin_clzll(n);
}

/* Index of the lowest set bit: lsb(8) == 3; n is not 0. */
static inline unsigned lsb(msize_t n)
{
	return (unsigned)__builtin_ctzll(n);
}

/* roundup_pow2(5) == 8, roundup_pow2(8) == 8, roundup_pow2(1) == 1; 0 < n <= 2^63. */
static inline msize_t roundup_pow2(msize_t n)
{
	return n <= 1 ? 1 : (msize_t)1 << (msb(n - 1) + 1);
}

#endif
