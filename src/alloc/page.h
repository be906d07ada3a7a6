/*
 * The one shared page descriptor, and how takers reach the page allocator.
 *
 * Every page of a zone has a descriptor of `stride` bytes (at least
 * PAGE_DESC_BYTES; a machine may set more, as real kernels need more):
 *
 *   offset  word 4   word 8
 *   0       next     next      pfn (32 bits) of the next block on the same list, or all ones
 *   4       prev     prev      pfn of the previous one
 *   8       private  private   one target word: the taker's (slab address, cache, ...)
 *   12      order    (16)      8 bits: order of the block this page heads (free or live)
 *   13      state    (17)      8 bits: enum page_state; bit 7: PAGE_TAKEN
 *   14      mt       (18)      8 bits: migrate type of a free block or of the request
 *   15      owner    (19)      8 bits: owner tag of a live block
 *
 * `order`, `mt`, `owner` and the links mean something only in a page that heads
 * a block; a tail page's descriptor is zero.
 *
 * While a block is live, `next`, `prev` and `private` of its head belong to the
 * taker (a list of its slabs, the slab's cache, ...).  They are zero until the
 * taker sets them, who first says so with set_page_taken, or a checker of the page
 * allocator would take them for damage; the page allocator clears them when the
 * block comes back.  A kind whose ops ask for more (desc_bytes) has the bytes from
 * PAGE_DESC_BYTES on as well, and zeroes those itself before it gives the block back.
 */
#ifndef ALLOC_PAGE_H
#define ALLOC_PAGE_H

#include "alloc/alloc.h"

#define PAGE_OFF_NEXT    0u
#define PAGE_OFF_PREV    4u
#define PAGE_OFF_PRIVATE 8u
#define PAGE_OFF_ORDER   (8u + MM_WORD)
#define PAGE_OFF_STATE   (9u + MM_WORD)
#define PAGE_OFF_MT      (10u + MM_WORD)
#define PAGE_OFF_OWNER   (11u + MM_WORD)
#define PAGE_USED_BYTES  (12u + MM_WORD) /* what follows up to the stride is zero */
#define PAGE_DESC_BYTES  (MM_WORD == 4 ? 16u : 24u)

/* Zero is "never touched": a page of a block whose head says what it is. */
enum page_state {
	PAGE_TAIL = 0, /* inside a block */
	PAGE_BUDDY = 1, /* heads a free block, on a free list */
	PAGE_LIVE = 2, /* heads a live block */
	PAGE_RESERVED = 3, /* a hole, the kernel image, descriptors: never given out */
	PAGE_PCP = 4 /* on a per-CPU list */
};

/* Bit of the state byte of a live block: the taker uses its links or `private`. */
#define PAGE_TAKEN 0x80u

static inline pfn_t page_next(const struct mem *m, vaddr_t desc)
{
	return mem_ldpfn(m, vaddr_add(desc, PAGE_OFF_NEXT));
}

static inline void set_page_next(const struct mem *m, vaddr_t desc, pfn_t next)
{
	mem_stpfn(m, vaddr_add(desc, PAGE_OFF_NEXT), next);
}

static inline pfn_t page_prev(const struct mem *m, vaddr_t desc)
{
	return mem_ldpfn(m, vaddr_add(desc, PAGE_OFF_PREV));
}

static inline void set_page_prev(const struct mem *m, vaddr_t desc, pfn_t prev)
{
	mem_stpfn(m, vaddr_add(desc, PAGE_OFF_PREV), prev);
}

static inline msize_t page_private(const struct mem *m, vaddr_t desc)
{
	return mem_ldw(m, vaddr_add(desc, PAGE_OFF_PRIVATE));
}

static inline void set_page_private(const struct mem *m, vaddr_t desc, msize_t x)
{
	mem_stw(m, vaddr_add(desc, PAGE_OFF_PRIVATE), x);
}

static inline unsigned page_order(const struct mem *m, vaddr_t desc)
{
	return mem_ld8(m, vaddr_add(desc, PAGE_OFF_ORDER));
}

static inline enum page_state page_state(const struct mem *m, vaddr_t desc)
{
	return (enum page_state)(mem_ld8(m, vaddr_add(desc, PAGE_OFF_STATE)) & ~PAGE_TAKEN);
}

/* Whether desc heads a block of that order and state: one load. */
static inline bool page_heads(const struct mem *m, vaddr_t desc, unsigned order,
			      enum page_state state)
{
	unsigned word = mem_ld16(m, vaddr_add(desc, PAGE_OFF_ORDER));

	return (word & ~(PAGE_TAKEN << 8)) == (order | (unsigned)state << 8);
}

static inline bool page_taken(const struct mem *m, vaddr_t desc)
{
	return (mem_ld8(m, vaddr_add(desc, PAGE_OFF_STATE)) & PAGE_TAKEN) != 0;
}

/* The taker of a live block will use its links and `private`. */
static inline void set_page_taken(const struct mem *m, vaddr_t desc)
{
	vaddr_t at = vaddr_add(desc, PAGE_OFF_STATE);

	mem_st8(m, at, (uint8_t)(mem_ld8(m, at) | PAGE_TAKEN));
}

static inline unsigned page_mt(const struct mem *m, vaddr_t desc)
{
	return mem_ld8(m, vaddr_add(desc, PAGE_OFF_MT));
}

static inline unsigned page_owner(const struct mem *m, vaddr_t desc)
{
	return mem_ld8(m, vaddr_add(desc, PAGE_OFF_OWNER));
}

/* Both links; in one store where the target's word is wide enough. */
static inline void set_page_links(const struct mem *m, vaddr_t desc, pfn_t next, pfn_t prev)
{
	if (MM_WORD == 8) {
		mem_st64(m, vaddr_add(desc, PAGE_OFF_NEXT), next.v | (uint64_t)prev.v << 32);
	} else {
		set_page_next(m, desc, next);
		set_page_prev(m, desc, prev);
	}
}

/* Order, state, migrate type and owner in one store; PAGE_TAKEN is cleared. */
static inline void set_page_head(const struct mem *m, vaddr_t desc, unsigned order,
				 enum page_state state, unsigned mt, unsigned owner)
{
	mem_st32(m, vaddr_add(desc, PAGE_OFF_ORDER),
		 order | (uint32_t)state << 8 | (uint32_t)mt << 16 | (uint32_t)owner << 24);
}

/* get_order: the least order whose block holds `bytes` (> 0). */
static inline unsigned pages_order(const struct page_source *s, msize_t bytes)
{
	msize_t pages = (bytes + ((msize_t)1 << s->page_shift) - 1) >> s->page_shift;

	return pages <= 1 ? 0 : msb(pages - 1) + 1;
}

/*
 * 2^order contiguous pages for the taker with view `m`, as an address in it, or
 * VADDR_NONE.  The bytes come as MM_CACHED in the taker's account, which moves
 * them on from there.
 */
static inline vaddr_t page_source_get(struct page_source *s, struct mem *m, unsigned order,
				      const struct alloc_req *req)
{
	struct alloc_req r = *req;
	vaddr_t va;
	pfn_t pfn;

	s->calls++;
	if (mm_unlikely(s->fail_at != 0 &&
			(s->calls == s->fail_at || (s->fail_on && s->calls > s->fail_at)))) {
		mm_refuse(m, MM_REFUSE_INJECTED);
		return VADDR_NONE;
	}
	r.zone_mask &= s->zone_mask;
	r.owner = r.owner != PAGE_OWNER_NONE ? r.owner : PAGE_OWNER_KERNEL;
	if (order > s->pages->ops->pages->max_order(s->pages)) {
		mm_refuse(m, MM_REFUSE_LIMIT);
		return VADDR_NONE;
	}
	pfn = s->pages->ops->pages->alloc_pages(s->pages, order, &r);
	if (pfn_none(pfn))
		return VADDR_NONE;
	va = pfn_to_va(m, pfn, s->page_shift);
	s->held += (msize_t)1 << (order + s->page_shift);
	mm_transfer(s->pages->m, m, va, (msize_t)1 << (order + s->page_shift), MM_CACHED);
	return va;
}

/*
 * Gives a block back, whose bytes the taker has made MM_CACHED again.
 * MM_EINVAL: it is not a live block of that order; nothing changed.
 */
MUST_USE static inline int page_source_put(struct page_source *s, struct mem *m, vaddr_t va,
					   unsigned order)
{
	msize_t bytes = (msize_t)1 << (order + s->page_shift);
	int err;

	mm_transfer(m, s->pages->m, va, bytes, MM_CACHED);
	err = s->pages->ops->pages->free_pages(s->pages, va_to_pfn(m, va, s->page_shift), order);
	if (err != 0)
		mm_transfer(s->pages->m, m, va, bytes, MM_CACHED);
	else
		s->held -= bytes;
	return err;
}

#endif
