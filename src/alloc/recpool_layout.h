/*
 * Header of a page of records, W = a target word:
 *
 *   0        next   W   next page's header, or none
 *   W        prev   W   previous one, or none; in the root page's header: the last page
 *   2W       used   32 bits: live records
 *   2W + 4   map    4 × 32 bits: bit i is record i
 *   2W + 20         32 bits: 0, and so the header is a multiple of 8
 *
 * The list begins with the root page's header, in whose `prev` is the list's end; the
 * other pages follow, those with a free record before the full ones.
 */
#ifndef ALLOC_RECPOOL_LAYOUT_H
#define ALLOC_RECPOOL_LAYOUT_H

#include "alloc/recpool.h"

#define RECPOOL_HEADER    (2u * MM_WORD + 24u)
#define RECPOOL_MAP_WORDS 4u

static inline vaddr_t rp_next(const struct recpool *p, vaddr_t h)
{
	return mem_ldva(p->m, h);
}

static inline void set_rp_next(const struct recpool *p, vaddr_t h, vaddr_t next)
{
	mem_stva(p->m, h, next);
}

static inline vaddr_t rp_prev(const struct recpool *p, vaddr_t h)
{
	return mem_ldva(p->m, vaddr_add(h, MM_WORD));
}

static inline void set_rp_prev(const struct recpool *p, vaddr_t h, vaddr_t prev)
{
	mem_stva(p->m, vaddr_add(h, MM_WORD), prev);
}

static inline uint32_t rp_used(const struct recpool *p, vaddr_t h)
{
	return mem_ld32(p->m, vaddr_add(h, 2u * MM_WORD));
}

static inline void set_rp_used(const struct recpool *p, vaddr_t h, uint32_t n)
{
	mem_st32(p->m, vaddr_add(h, 2u * MM_WORD), n);
}

static inline uint32_t rp_map(const struct recpool *p, vaddr_t h, unsigned word)
{
	return mem_ld32(p->m, vaddr_add(h, 2u * MM_WORD + 4 + 4 * word));
}

static inline void set_rp_map(const struct recpool *p, vaddr_t h, unsigned word, uint32_t bits)
{
	mem_st32(p->m, vaddr_add(h, 2u * MM_WORD + 4 + 4 * word), bits);
}

static inline uint32_t rp_spare(const struct recpool *p, vaddr_t h)
{
	return mem_ld32(p->m, vaddr_add(h, 2u * MM_WORD + 20));
}

static inline vaddr_t rp_root(const struct recpool *p)
{
	return vaddr_add(p->root, p->taker_bytes);
}

/*
 * The header behind this one, for who goes through all of them.  The list of a damaged image
 * may lead in a circle: there its links disagree, or it comes to the root again.
 */
static inline vaddr_t rp_after(const struct recpool *p, vaddr_t h)
{
	vaddr_t next = rp_next(p, h);

	if (!vaddr_none(next) && (vaddr_eq(next, rp_root(p)) || !vaddr_eq(rp_prev(p, next), h)))
		mm_bug(p->m, "a list of pages of records whose links disagree", h);
	return next;
}

/* The page that a header, or a record, lies in. */
static inline vaddr_t rp_page(const struct recpool *p, vaddr_t at)
{
	msize_t bytes = (msize_t)1 << p->pages->page_shift;

	return (vaddr_t){mem_va(p->m, (paddr_t){round_down(mem_pa(p->m, at).v, bytes)}).v};
}

/* The header of a page. */
static inline vaddr_t rp_header(const struct recpool *p, vaddr_t page)
{
	return vaddr_eq(page, p->root) ? rp_root(p) : page;
}

/* Records of a page. */
static inline unsigned rp_nr(const struct recpool *p, vaddr_t header)
{
	msize_t front = RECPOOL_HEADER + (vaddr_eq(header, rp_root(p)) ? p->taker_bytes : 0);
	uint32_t room = (uint32_t)(((msize_t)1 << p->pages->page_shift) - front);

	return room / p->record_bytes < RECPOOL_MAX_RECORDS ? room / p->record_bytes
							    : RECPOOL_MAX_RECORDS;
}

static inline vaddr_t rp_record(const struct recpool *p, vaddr_t header, unsigned i)
{
	return vaddr_add(header, RECPOOL_HEADER + (msize_t)i * p->record_bytes);
}

static inline bool rp_live(const struct recpool *p, vaddr_t header, unsigned i)
{
	return (rp_map(p, header, i / 32) >> (i % 32) & 1) != 0;
}

#endif
