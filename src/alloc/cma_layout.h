/*
 * cma: a block of pages.
 *
 *   0    start    32 bits  first frame of the range
 *   4    nr       32 bits  frames of the range
 *   8    claimed  32 bits  frames whose bit is set
 *   12            32 bits  0
 *   16   bitmap   32 bits each: bit i of word k says that frame 32k + i is claimed
 *
 * The block's descriptor says the same of the range: `next` is start, `prev` is nr, and
 * `private` the block's address.
 */
#ifndef ALLOC_CMA_LAYOUT_H
#define ALLOC_CMA_LAYOUT_H

#include "alloc/cma.h"
#include "alloc/page.h"

#define CMA_HEAD 16u

static inline msize_t cma_bytes(const struct cma *c)
{
	return CMA_HEAD + ((msize_t)c->nr + 31) / 32 * 4;
}

static inline pfn_t cma_start(const struct cma *c)
{
	return mem_ldpfn(c->a.m, c->a.root);
}

static inline void set_cma_start(const struct cma *c, pfn_t start)
{
	mem_stpfn(c->a.m, c->a.root, start);
}

static inline uint32_t cma_nr(const struct cma *c)
{
	return mem_ld32(c->a.m, vaddr_add(c->a.root, 4));
}

static inline void set_cma_nr(const struct cma *c, uint32_t pages)
{
	mem_st32(c->a.m, vaddr_add(c->a.root, 4), pages);
}

static inline uint32_t cma_claimed(const struct cma *c)
{
	return mem_ld32(c->a.m, vaddr_add(c->a.root, 8));
}

static inline void set_cma_claimed(const struct cma *c, uint32_t pages)
{
	mem_st32(c->a.m, vaddr_add(c->a.root, 8), pages);
}

static inline uint32_t cma_spare(const struct cma *c)
{
	return mem_ld32(c->a.m, vaddr_add(c->a.root, 12));
}

static inline vaddr_t cma_word_at(const struct cma *c, uint32_t i)
{
	return vaddr_add(c->a.root, CMA_HEAD + (msize_t)(i / 32) * 4);
}

static inline bool cma_bit(const struct cma *c, uint32_t i)
{
	return (mem_ld32(c->a.m, cma_word_at(c, i)) >> (i % 32) & 1) != 0;
}

static inline void set_cma_bit(const struct cma *c, uint32_t i, bool on)
{
	uint32_t bit = (uint32_t)1 << (i % 32), word = mem_ld32(c->a.m, cma_word_at(c, i));

	mem_st32(c->a.m, cma_word_at(c, i), on ? word | bit : word & ~bit);
}

static inline vaddr_t cma_descriptor(const struct cma *c)
{
	struct alloc *a = c->pages->pages;

	return a->ops->pages->descriptor(a, va_to_pfn(c->a.m, c->a.root, c->page_shift));
}

#endif
