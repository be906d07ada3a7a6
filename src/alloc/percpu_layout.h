/*
 * percpu: what the bytes mean.
 *
 * Chunk: one block of pages; unit c, of CPU c, begins at c * unit; behind the last one slack.
 *
 *   | unit 0: a a . b b b . . | unit 1: the same places | ... | slack |
 *
 * Chunk record (struct pcpu_chunk), a block of its own:
 *   0    next, prev   target words: records, in a ring by age
 *   2W   base         target word: unit 0
 *   3W   free     32 bits: 4-byte places of a unit that are free
 *   +4   hint     32 bits: the first place that is free, or bits
 *   +8   areas    32 bits: how many begin in the chunk; then 0 up to H
 *   H    taken    a bit for each place: in use.  H = 4W + 8
 *   H+N  starts   a bit for each place: an area begins there.  N = bits / 8
 */
#ifndef ALLOC_PERCPU_LAYOUT_H
#define ALLOC_PERCPU_LAYOUT_H

#include "alloc/percpu.h"

#define PERCPU_PLACE 4u /* bytes: the least that is given out */
#define PERCPU_HEAD  (4u * MM_WORD + 8u)

enum percpu_map { PERCPU_TAKEN, PERCPU_STARTS };

static inline msize_t record_bytes(const struct percpu *s)
{
	return PERCPU_HEAD + 2 * (s->bits / 8);
}

static inline vaddr_t chunk_next(const struct mem *m, vaddr_t c)
{
	return mem_ldva(m, c);
}

static inline vaddr_t chunk_prev(const struct mem *m, vaddr_t c)
{
	return mem_ldva(m, vaddr_add(c, MM_WORD));
}

static inline void set_chunk_next(const struct mem *m, vaddr_t c, vaddr_t next)
{
	mem_stva(m, c, next);
}

static inline void set_chunk_prev(const struct mem *m, vaddr_t c, vaddr_t prev)
{
	mem_stva(m, vaddr_add(c, MM_WORD), prev);
}

static inline vaddr_t chunk_base(const struct mem *m, vaddr_t c)
{
	return mem_ldva(m, vaddr_add(c, 2 * MM_WORD));
}

static inline void set_chunk_base(const struct mem *m, vaddr_t c, vaddr_t base)
{
	mem_stva(m, vaddr_add(c, 2 * MM_WORD), base);
}

static inline uint32_t chunk_free(const struct mem *m, vaddr_t c)
{
	return mem_ld32(m, vaddr_add(c, 3 * MM_WORD));
}

static inline void set_chunk_free(const struct mem *m, vaddr_t c, uint32_t places)
{
	mem_st32(m, vaddr_add(c, 3 * MM_WORD), places);
}

static inline uint32_t chunk_hint(const struct mem *m, vaddr_t c)
{
	return mem_ld32(m, vaddr_add(c, 3 * MM_WORD + 4));
}

static inline void set_chunk_hint(const struct mem *m, vaddr_t c, uint32_t place)
{
	mem_st32(m, vaddr_add(c, 3 * MM_WORD + 4), place);
}

static inline uint32_t chunk_areas(const struct mem *m, vaddr_t c)
{
	return mem_ld32(m, vaddr_add(c, 3 * MM_WORD + 8));
}

static inline void set_chunk_areas(const struct mem *m, vaddr_t c, uint32_t n)
{
	mem_st32(m, vaddr_add(c, 3 * MM_WORD + 8), n);
}

/* 32 bits of a map, those from 32 * i on. */
static inline vaddr_t map_word_at(const struct percpu *s, vaddr_t c, enum percpu_map map,
				  uint32_t i)
{
	return vaddr_add(c, PERCPU_HEAD + (msize_t)map * (s->bits / 8) + 4u * (msize_t)i);
}

static inline uint32_t map_word(const struct percpu *s, vaddr_t c, enum percpu_map map, uint32_t i)
{
	return mem_ld32(s->base.m, map_word_at(s, c, map, i));
}

static inline bool map_bit(const struct percpu *s, vaddr_t c, enum percpu_map map, uint32_t place)
{
	return (map_word(s, c, map, place / 32) >> (place & 31) & 1) != 0;
}

static inline void set_map_bit(const struct percpu *s, vaddr_t c, enum percpu_map map,
			       uint32_t place, bool on)
{
	vaddr_t at = map_word_at(s, c, map, place / 32);
	uint32_t bit = (uint32_t)1 << (place & 31), w = mem_ld32(s->base.m, at);

	mem_st32(s->base.m, at, on ? w | bit : w & ~bit);
}

/* First place from `from` on whose bit is `on`; s->bits: none. */
static inline uint32_t map_find(const struct percpu *s, vaddr_t c, enum percpu_map map,
				uint32_t from, bool on)
{
	while (from < s->bits) {
		uint32_t w = map_word(s, c, map, from / 32);

		w = (on ? w : ~w) >> (from & 31);
		if (w != 0)
			return from + lsb(w);
		from = (from | 31) + 1;
	}
	return s->bits;
}

/* Where the area that begins at `place` ends. */
static inline uint32_t area_end(const struct percpu *s, vaddr_t c, uint32_t place)
{
	uint32_t free = map_find(s, c, PERCPU_TAKEN, place, false);
	uint32_t next = map_find(s, c, PERCPU_STARTS, place + 1, true);

	return free < next ? free : next;
}

#endif
