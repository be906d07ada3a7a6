/*
 * Addresses of the bare build: one target word each, plain numbers underneath.
 * Stands before src/model/paddr.h on that build's include path; see there for
 * what each type means.
 */
#ifndef MODEL_PADDR_H
#define MODEL_PADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MM_WORD __SIZEOF_POINTER__

typedef uintptr_t msize_t;

typedef struct {
	uintptr_t v;
} paddr_t;

typedef struct {
	uintptr_t v;
} vaddr_t;

typedef struct {
	uint32_t v;
} pfn_t;

#define KiB(n) ((msize_t)(n) << 10)
#define MiB(n) ((msize_t)(n) << 20)
#define GiB(n) ((msize_t)(n) << 30)

#define MM_WORD_ONES UINTPTR_MAX

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

static inline msize_t vaddr_diff(vaddr_t to, vaddr_t from)
{
	return to.v - from.v;
}

static inline msize_t round_up(msize_t bytes, msize_t align)
{
	return (bytes + align - 1) & ~(align - 1);
}

static inline msize_t round_down(msize_t bytes, msize_t align)
{
	return bytes & ~(align - 1);
}

static inline bool is_pow2(msize_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

static inline unsigned msb(msize_t n)
{
	return 8 * sizeof(long) - 1 - (unsigned)__builtin_clzl(n);
}

static inline unsigned lsb(msize_t n)
{
	return (unsigned)__builtin_ctzl(n);
}

static inline msize_t roundup_pow2(msize_t n)
{
	return n <= 1 ? 1 : (msize_t)1 << (msb(n - 1) + 1);
}

#endif
