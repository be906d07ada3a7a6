/*
 * mempool: what the bytes mean.
 *
 * Pool (mempool_t), a block of the kind below; 32 bits each:
 *   0 magic   4 min_nr   8 curr_nr   12 size (bytes of an element)
 *   16   elements   min_nr target words: those in reserve, a stack; beyond curr_nr 0
 */
#ifndef ALLOC_KMEM_POOL_LAYOUT_H
#define ALLOC_KMEM_POOL_LAYOUT_H

#include "alloc/alloc.h"

#define POOL_MAGIC 0x706f6f6cu /* "pool" */
#define POOL_HEAD  16u

enum pool_word { POOL_MAGIC_WORD, POOL_MIN, POOL_CURR, POOL_SIZE };

static inline uint32_t pool_word(const struct mem *m, vaddr_t p, enum pool_word w)
{
	return mem_ld32(m, vaddr_add(p, 4u * w));
}

static inline void set_pool_word(const struct mem *m, vaddr_t p, enum pool_word w, uint32_t x)
{
	mem_st32(m, vaddr_add(p, 4u * w), x);
}

static inline vaddr_t pool_element(const struct mem *m, vaddr_t p, uint32_t i)
{
	return mem_ldva(m, vaddr_add(p, POOL_HEAD + (msize_t)i * MM_WORD));
}

static inline void set_pool_element(const struct mem *m, vaddr_t p, uint32_t i, vaddr_t e)
{
	mem_stva(m, vaddr_add(p, POOL_HEAD + (msize_t)i * MM_WORD), e);
}

#endif
