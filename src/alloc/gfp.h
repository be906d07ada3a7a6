/*
 * GFP flags: the page allocator's words for what a request may do and where it may be
 * served.  The one table, for allocators, traces and reports.  Values of Linux 6;
 * importers translate older ones by name.
 */
#ifndef ALLOC_GFP_H
#define ALLOC_GFP_H

#include <stdbool.h>
#include <stdint.h>

/* X(NAME, value): single flags. */
#define GFP_FLAGS(X)                \
	X(DMA, 0x1)                 \
	X(HIGHMEM, 0x2)             \
	X(DMA32, 0x4)               \
	X(MOVABLE, 0x8)             \
	X(RECLAIMABLE, 0x10)        \
	X(HIGH, 0x20)               \
	X(IO, 0x40)                 \
	X(FS, 0x80)                 \
	X(ZERO, 0x100)              \
	X(DIRECT_RECLAIM, 0x400)    \
	X(KSWAPD_RECLAIM, 0x800)    \
	X(WRITE, 0x1000)            \
	X(NOWARN, 0x2000)           \
	X(RETRY_MAYFAIL, 0x4000)    \
	X(NOFAIL, 0x8000)           \
	X(NORETRY, 0x10000)         \
	X(MEMALLOC, 0x20000)        \
	X(COMP, 0x40000)            \
	X(NOMEMALLOC, 0x80000)      \
	X(HARDWALL, 0x100000)       \
	X(THISNODE, 0x200000)       \
	X(ACCOUNT, 0x400000)

/* X(NAME, value): the usual combinations, by the names programs use. */
#define GFP_SETS(X)                 \
	X(HIGHUSER_MOVABLE, 0x100cca) \
	X(HIGHUSER, 0x100cc2)       \
	X(USER, 0x100cc0)           \
	X(KERNEL_ACCOUNT, 0x400cc0) \
	X(KERNEL, 0xcc0)            \
	X(NOFS, 0xc40)              \
	X(NOIO, 0xc00)              \
	X(ATOMIC, 0x820)            \
	X(NOWAIT, 0x800)

enum gfp {
#define X(NAME, value) __GFP_##NAME = value,
	GFP_FLAGS(X)
#undef X
#define X(NAME, value) GFP_##NAME = value,
	GFP_SETS(X)
#undef X
	GFP_DMA = __GFP_DMA,
	GFP_DMA32 = __GFP_DMA32
};

/*
 * May the request wait while others give memory back?  One that states no flags may: a
 * trace that says nothing states no constraint.
 */
static inline bool gfp_may_reclaim(uint32_t gfp)
{
	return gfp == 0 || (gfp & __GFP_DIRECT_RECLAIM) != 0;
}

#endif
