/*
 * bump: what the bytes mean.
 *
 *   arena                                                             arena end
 *   | next | live |..| size | granted ... | size | granted ... |  never granted  |
 *   0      w      2w  ^ pad  ^ aligned                         ^ next
 *
 *   next   target word: address of the first byte never granted
 *   live   target word: blocks granted and not yet freed
 *   size   target word before each block: its granted bytes, a multiple of the
 *          alignment (so bit 0 is free to say that the block is live)
 */
#ifndef ALLOC_BUMP_LAYOUT_H
#define ALLOC_BUMP_LAYOUT_H

#include "model/mem.h"

#define BUMP_HEADER_BYTES (2u * MM_WORD)
#define BUMP_LIVE         1u

static inline vaddr_t bump_next(const struct mem *m, vaddr_t root)
{
	return mem_ldva(m, root);
}

static inline void set_bump_next(const struct mem *m, vaddr_t root, vaddr_t next)
{
	mem_stva(m, root, next);
}

static inline msize_t bump_live(const struct mem *m, vaddr_t root)
{
	return mem_ldw(m, vaddr_add(root, MM_WORD));
}

static inline void set_bump_live(const struct mem *m, vaddr_t root, msize_t live)
{
	mem_stw(m, vaddr_add(root, MM_WORD), live);
}

/* The size word of the block whose granted bytes begin at p. */
static inline msize_t block_word(const struct mem *m, vaddr_t p)
{
	return mem_ldw(m, vaddr_sub(p, MM_WORD));
}

static inline void set_block_word(const struct mem *m, vaddr_t p, msize_t size_and_live)
{
	mem_stw(m, vaddr_sub(p, MM_WORD), size_and_live);
}

#endif
