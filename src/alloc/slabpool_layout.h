/*
 * slabpool: what the bytes mean.
 *
 *   arena                                                              arena end
 *   | header | bins | taker's bytes | map | sliver | unit 0 | unit 1 | ... | sliver |
 *
 *   root block of a grown pool
 *   | header | taker's bytes | sliver |
 *
 * Header:
 *   0   blocks   32 bits: runs given out and not yet given back
 *   4   first    32 bits: grown: the run got last (page number, a list by the page
 *                descriptors' links); arena: bit b is set when bin b is not empty
 *   8   bin[b]   32 bits each, arena only: the first free run of 2^b to 2^(b+1) - 1 units;
 *                0 where their number leaves half a double word
 *
 *       with an odd number of bins 32 bits more, 0
 *
 * Map: one record a unit, of `stride` bytes.  All zero in a unit that begins nothing.
 *   0   next     32 bits: next free run of the bin, or REF_NONE; taker's in a slab
 *   4   prev     32 bits: previous one
 *   8   len      32 bits: units of the run; also in the last unit of a free run
 *   12  kind     16 bits: enum pool_kind, POOL_SLAB + number of the cache
 *   14  inuse    16 bits: taker's in a slab, 0 elsewhere
 *   16  ...      the taker's, 0 unless the kind is a slab's
 *
 * The head descriptor of a grown run holds in `private` the root's address plus
 * the kind, at most POOL_SLAB, in the low three bits.
 */
#ifndef ALLOC_SLABPOOL_LAYOUT_H
#define ALLOC_SLABPOOL_LAYOUT_H

#include "alloc/slabpool.h"

#define POOL_HEADER 8u
#define POOL_RECORD 16u

/* Header and bins, to the taker's bytes. */
static inline msize_t pool_header_bytes(const struct slabpool *p)
{
	return round_up(POOL_HEADER + 4 * p->nr_bins, 8);
}

static inline uint32_t pool_blocks(const struct slabpool *p)
{
	return mem_ld32(p->m, p->root);
}

static inline void set_pool_blocks(const struct slabpool *p, uint32_t n)
{
	mem_st32(p->m, p->root, n);
}

static inline uint32_t pool_head(const struct slabpool *p)
{
	return mem_ld32(p->m, vaddr_add(p->root, 4));
}

static inline void set_pool_head(const struct slabpool *p, uint32_t ref_or_bins)
{
	mem_st32(p->m, vaddr_add(p->root, 4), ref_or_bins);
}

static inline uint32_t pool_bin(const struct slabpool *p, unsigned b)
{
	return mem_ld32(p->m, vaddr_add(p->root, POOL_HEADER + 4 * b));
}

static inline void set_pool_bin(const struct slabpool *p, unsigned b, uint32_t ref)
{
	mem_st32(p->m, vaddr_add(p->root, POOL_HEADER + 4 * b), ref);
}

/* ---- records: `d` is a record's address, in the map or at the start of a slab ---- */

static inline vaddr_t pool_record(const struct slabpool *p, uint32_t ref)
{
	return vaddr_add(p->map, (msize_t)ref * p->stride);
}

static inline uint32_t record_next(const struct mem *m, vaddr_t d)
{
	return mem_ld32(m, d);
}

static inline void set_record_next(const struct mem *m, vaddr_t d, uint32_t ref)
{
	mem_st32(m, d, ref);
}

static inline uint32_t record_prev(const struct mem *m, vaddr_t d)
{
	return mem_ld32(m, vaddr_add(d, 4));
}

static inline void set_record_prev(const struct mem *m, vaddr_t d, uint32_t ref)
{
	mem_st32(m, vaddr_add(d, 4), ref);
}

static inline uint32_t record_len(const struct mem *m, vaddr_t d)
{
	return mem_ld32(m, vaddr_add(d, 8));
}

static inline void set_record_len(const struct mem *m, vaddr_t d, uint32_t units)
{
	mem_st32(m, vaddr_add(d, 8), units);
}

static inline unsigned record_kind(const struct mem *m, vaddr_t d)
{
	return mem_ld16(m, vaddr_add(d, 12));
}

static inline void set_record_kind(const struct mem *m, vaddr_t d, unsigned kind)
{
	mem_st16(m, vaddr_add(d, 12), (uint16_t)kind);
}

static inline unsigned record_inuse(const struct mem *m, vaddr_t d)
{
	return mem_ld16(m, vaddr_add(d, 14));
}

static inline void set_record_inuse(const struct mem *m, vaddr_t d, unsigned objects)
{
	mem_st16(m, vaddr_add(d, 14), (uint16_t)objects);
}

/* All four fields at once. */
static inline void set_record(const struct mem *m, vaddr_t d, uint32_t next, uint32_t prev,
			      uint32_t len, unsigned kind)
{
	set_record_next(m, d, next);
	set_record_prev(m, d, prev);
	set_record_len(m, d, len);
	set_record_kind(m, d, kind);
	set_record_inuse(m, d, 0);
}

/* The n-th 32-bit word of a record, for the checker. */
static inline uint32_t record_word(const struct mem *m, vaddr_t d, unsigned n)
{
	return mem_ld32(m, vaddr_add(d, 4 * n));
}

#endif
