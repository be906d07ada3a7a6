/*
 * slabcaches: what the bytes mean.
 *
 * The taker's bytes of the pool:
 *   0    serving   32 bits: 1 + number of the cache that serves requests by bytes; 0: none
 *   4    blocks    32 bits: table blocks
 *   8    dir[]     TABLE_BLOCKS x 32 bits: ref of each table block, REF_NONE beyond `blocks`
 *   136  cache records 0 to FIRST_CACHES - 1
 *
 * A table block is one unit: the records of the caches that follow.
 *
 * Cache record, all zero when there is no cache of that number:
 *   0    cache record of slabset_layout.h
 *   16   first       32 bits: offset of a slab's first object, bytes
 *   20   nr          16 bits: objects of a slab
 *   22   order       8 bits: a slab is 2^order units
 *   23   align       8 bits: log2 of the objects' alignment
 *   24   serves      32 bits: 1 when `serving` names this cache, else 0
 *   28               32 bits, 0
 */
#ifndef ALLOC_SLABCACHES_LAYOUT_H
#define ALLOC_SLABCACHES_LAYOUT_H

#include "alloc/slabcaches.h"
#include "alloc/slabset_layout.h"

#define TABLE_BLOCKS 32u
#define FIRST_CACHES 8u
#define RECORD_SHIFT 5u
#define RECORD_BYTES (1u << RECORD_SHIFT)
#define TABLE_OFFSET (8u + 4u * TABLE_BLOCKS)
#define CACHES_TAKER (TABLE_OFFSET + FIRST_CACHES * RECORD_BYTES)

static inline uint32_t serving_cache(const struct slabcaches *s)
{
	return mem_ld32(s->base.m, s->set.pool.taker);
}

static inline void set_serving_cache(const struct slabcaches *s, uint32_t number_plus_1)
{
	mem_st32(s->base.m, s->set.pool.taker, number_plus_1);
}

static inline uint32_t table_blocks(const struct slabcaches *s)
{
	return mem_ld32(s->base.m, vaddr_add(s->set.pool.taker, 4));
}

static inline void set_table_blocks(const struct slabcaches *s, uint32_t n)
{
	mem_st32(s->base.m, vaddr_add(s->set.pool.taker, 4), n);
}

static inline uint32_t table_block(const struct slabcaches *s, uint32_t i)
{
	return mem_ld32(s->base.m, vaddr_add(s->set.pool.taker, 8 + 4 * i));
}

static inline void set_table_block(const struct slabcaches *s, uint32_t i, uint32_t ref)
{
	mem_st32(s->base.m, vaddr_add(s->set.pool.taker, 8 + 4 * i), ref);
}

/* Numbers that have a record. */
static inline uint32_t cache_numbers(const struct slabcaches *s)
{
	return FIRST_CACHES + (table_blocks(s) << s->table_shift);
}

/* The record of a number that has one. */
static inline vaddr_t cache_record(const struct slabcaches *s, uint32_t cache)
{
	uint32_t at = cache - FIRST_CACHES;

	if (cache < FIRST_CACHES)
		return vaddr_add(s->set.pool.taker, TABLE_OFFSET + (cache << RECORD_SHIFT));
	return vaddr_add(ref_va(&s->set.pool, table_block(s, at >> s->table_shift)),
			 (at & (((uint32_t)1 << s->table_shift) - 1)) << RECORD_SHIFT);
}

static inline uint32_t cache_first(const struct mem *m, vaddr_t k)
{
	return mem_ld32(m, vaddr_add(k, 16));
}

static inline uint32_t cache_nr(const struct mem *m, vaddr_t k)
{
	return mem_ld16(m, vaddr_add(k, 20));
}

static inline unsigned cache_order(const struct mem *m, vaddr_t k)
{
	return mem_ld8(m, vaddr_add(k, 22));
}

static inline unsigned cache_align(const struct mem *m, vaddr_t k)
{
	return mem_ld8(m, vaddr_add(k, 23));
}

static inline uint32_t cache_serves(const struct mem *m, vaddr_t k)
{
	return mem_ld32(m, vaddr_add(k, 24));
}

static inline void set_cache_serves(const struct mem *m, vaddr_t k, uint32_t yes)
{
	mem_st32(m, vaddr_add(k, 24), yes);
}

/* What slabset_new_cache leaves out. */
static inline void set_cache_geometry(const struct mem *m, vaddr_t k, const struct slab_geo *g,
				      unsigned align_log2)
{
	mem_st32(m, vaddr_add(k, 16), g->first);
	mem_st16(m, vaddr_add(k, 20), (uint16_t)g->nr);
	mem_st8(m, vaddr_add(k, 22), (uint8_t)g->order);
	mem_st8(m, vaddr_add(k, 23), (uint8_t)align_log2);
	mem_st32(m, vaddr_add(k, 24), 0);
	mem_st32(m, vaddr_add(k, 28), 0);
}

#endif
