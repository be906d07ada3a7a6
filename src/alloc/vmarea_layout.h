/*
 * A vm area's record, W = a target word:
 *
 *   0        base    W     first address
 *   W        left    W     lower areas of its subtree, or none
 *   2W       right   W     higher areas, or none
 *   3W       max     W     pages of the largest hole in its subtree, its own included
 *   4W       link    W     lazy: the next lazy area, or none; busy, DEVICE: page number mapped
 *                          at base; busy, OWNED: the owner's record; else 0
 *   5W       pages   W     its length
 *   6W       used    32 bits: busy: pages mapped from base on; the rest is guard
 *   6W + 4   height  8 bits: of its subtree, a leaf has 1
 *   6W + 5   state   8 bits: enum vmarea_state
 *   6W + 6   type    8 bits: enum vmarea_type, of a busy area
 *   6W + 7           8 bits: 0
 *
 * 32 bytes with words of 4, 56 with words of 8.
 */
#ifndef ALLOC_VMAREA_LAYOUT_H
#define ALLOC_VMAREA_LAYOUT_H

#include "alloc/vmarea.h"
#include "model/pte.h"

#define VMAREA_OFF_LEFT   (1u * MM_WORD)
#define VMAREA_OFF_RIGHT  (2u * MM_WORD)
#define VMAREA_OFF_MAX    (3u * MM_WORD)
#define VMAREA_OFF_LINK   (4u * MM_WORD)
#define VMAREA_OFF_PAGES  (5u * MM_WORD)
#define VMAREA_OFF_USED   (6u * MM_WORD)
#define VMAREA_OFF_HEIGHT (6u * MM_WORD + 4)
#define VMAREA_OFF_STATE  (6u * MM_WORD + 5)
#define VMAREA_OFF_TYPE   (6u * MM_WORD + 6)

static inline vaddr_t area_base(const struct mem *m, vaddr_t a)
{
	return mem_ldva(m, a);
}

static inline void set_area_base(const struct mem *m, vaddr_t a, vaddr_t base)
{
	mem_stva(m, a, base);
}

static inline vaddr_t area_left(const struct mem *m, vaddr_t a)
{
	return mem_ldva(m, vaddr_add(a, VMAREA_OFF_LEFT));
}

static inline void set_area_left(const struct mem *m, vaddr_t a, vaddr_t x)
{
	mem_stva(m, vaddr_add(a, VMAREA_OFF_LEFT), x);
}

static inline vaddr_t area_right(const struct mem *m, vaddr_t a)
{
	return mem_ldva(m, vaddr_add(a, VMAREA_OFF_RIGHT));
}

static inline void set_area_right(const struct mem *m, vaddr_t a, vaddr_t x)
{
	mem_stva(m, vaddr_add(a, VMAREA_OFF_RIGHT), x);
}

static inline msize_t area_max(const struct mem *m, vaddr_t a)
{
	return mem_ldw(m, vaddr_add(a, VMAREA_OFF_MAX));
}

static inline void set_area_max(const struct mem *m, vaddr_t a, msize_t pages)
{
	mem_stw(m, vaddr_add(a, VMAREA_OFF_MAX), pages);
}

static inline msize_t area_link(const struct mem *m, vaddr_t a)
{
	return mem_ldw(m, vaddr_add(a, VMAREA_OFF_LINK));
}

static inline void set_area_link(const struct mem *m, vaddr_t a, msize_t x)
{
	mem_stw(m, vaddr_add(a, VMAREA_OFF_LINK), x);
}

static inline msize_t area_pages(const struct mem *m, vaddr_t a)
{
	return mem_ldw(m, vaddr_add(a, VMAREA_OFF_PAGES));
}

static inline void set_area_pages(const struct mem *m, vaddr_t a, msize_t n)
{
	mem_stw(m, vaddr_add(a, VMAREA_OFF_PAGES), n);
}

static inline uint32_t area_used(const struct mem *m, vaddr_t a)
{
	return mem_ld32(m, vaddr_add(a, VMAREA_OFF_USED));
}

static inline void set_area_used(const struct mem *m, vaddr_t a, uint32_t n)
{
	mem_st32(m, vaddr_add(a, VMAREA_OFF_USED), n);
}

static inline unsigned area_height(const struct mem *m, vaddr_t a)
{
	return mem_ld8(m, vaddr_add(a, VMAREA_OFF_HEIGHT));
}

static inline void set_area_height(const struct mem *m, vaddr_t a, unsigned h)
{
	mem_st8(m, vaddr_add(a, VMAREA_OFF_HEIGHT), (uint8_t)h);
}

static inline unsigned area_state(const struct mem *m, vaddr_t a)
{
	return mem_ld8(m, vaddr_add(a, VMAREA_OFF_STATE));
}

static inline void set_area_state(const struct mem *m, vaddr_t a, enum vmarea_state state)
{
	mem_st8(m, vaddr_add(a, VMAREA_OFF_STATE), (uint8_t)state);
}

static inline unsigned area_type(const struct mem *m, vaddr_t a)
{
	return mem_ld8(m, vaddr_add(a, VMAREA_OFF_TYPE));
}

static inline void set_area_type(const struct mem *m, vaddr_t a, enum vmarea_type type)
{
	mem_st8(m, vaddr_add(a, VMAREA_OFF_TYPE), (uint8_t)type);
}

static inline unsigned area_spare(const struct mem *m, vaddr_t a)
{
	return mem_ld8(m, vaddr_add(a, VMAREA_OFF_TYPE + 1));
}

static inline vaddr_t area_end(const struct mem *m, vaddr_t a)
{
	return vaddr_add(area_base(m, a), area_pages(m, a) << PTE_PAGE_SHIFT);
}

static inline vaddr_t vmspace_top(const struct vmspace *s)
{
	return mem_ldva(s->m, s->root);
}

static inline void set_vmspace_top(const struct vmspace *s, vaddr_t a)
{
	mem_stva(s->m, s->root, a);
}

#endif
