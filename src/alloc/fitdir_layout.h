/*
 * fitdir: the directory's words, by class = size >> shift, W a target word.
 *
 *   | map ... | class 2 | class 3 | ... | class 63 |
 *   base      base+2W                              base+64W
 *
 *   map      bit c: class c is not empty.  64 bits: the first word, or with
 *            four-byte words the first two; no chunk is as small as these
 *            classes (an unused second word is zero)
 *   class c  the class's lowest chunk, none when it is empty
 *
 * A chunk's two links are places on its two sides, "none" all ones:
 *
 *   c + left      chunks whose next address bit is 0
 *   c + left + W  chunks whose next address bit is 1
 */
#ifndef ALLOC_FITDIR_LAYOUT_H
#define ALLOC_FITDIR_LAYOUT_H

#include "alloc/fitdir.h"

/* Bits of the map in one of its words. */
#define FITDIR_MAP_BITS (8u * MM_WORD)

static inline vaddr_t fitdir_slot(const struct fit_dir *d, unsigned class)
{
	return vaddr_add(d->base, (msize_t) class * MM_WORD);
}

static inline msize_t fitdir_map(const struct fit_dir *d, unsigned word)
{
	return mem_ldw(d->m, vaddr_add(d->base, (msize_t)word * MM_WORD));
}

static inline void set_fitdir_map(const struct fit_dir *d, unsigned word, msize_t map)
{
	mem_stw(d->m, vaddr_add(d->base, (msize_t)word * MM_WORD), map);
}

/* The link that side `dir` of chunk n hangs on. */
static inline vaddr_t fitdir_side(const struct fit_dir *d, vaddr_t n, unsigned dir)
{
	return vaddr_add(n, d->left + (-(msize_t)dir & MM_WORD));
}

static inline vaddr_t slot_chunk(const struct fit_dir *d, vaddr_t slot)
{
	return mem_ldva(d->m, slot);
}

static inline void set_slot_chunk(const struct fit_dir *d, vaddr_t slot, vaddr_t c)
{
	mem_stva(d->m, slot, c);
}

/*
 * The bits that place chunk c, the first one on top of a target word.  An odd
 * factor (2^bits over the golden ratio) maps addresses one to one, and spreads
 * those that differ in few bits.
 */
static inline msize_t place_bits(vaddr_t c)
{
#if MM_WORD == 4
	return (uint32_t)c.v * (uint32_t)0x9E3779B9u;
#else
	return c.v * (msize_t)0x9E3779B97F4A7C15u;
#endif
}

static inline unsigned place_side(msize_t bits)
{
	return (unsigned)(bits >> (8u * MM_WORD - 1)) & 1u;
}

#endif
