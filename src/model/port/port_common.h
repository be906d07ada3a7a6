/*
 * Accessors that every simulated port builds on its four widths: target words,
 * links, and block operations.  Included by port.h only.
 */
#ifndef MODEL_PORT_COMMON_H
#define MODEL_PORT_COMMON_H

/* One target word, zero-extended. */
static inline msize_t mem_ldw(const struct mem *m, vaddr_t a)
{
	return MM_WORD == 4 ? mem_ld32(m, a) : mem_ld64(m, a);
}

static inline void mem_stw(const struct mem *m, vaddr_t a, msize_t x)
{
	if (MM_WORD == 4)
		mem_st32(m, a, (uint32_t)x);
	else
		mem_st64(m, a, x);
}

/* A link: one target word that holds an address of this view, or VADDR_NONE. */
static inline vaddr_t mem_ldva(const struct mem *m, vaddr_t a)
{
	return (vaddr_t){mem_ldw(m, a)};
}

static inline void mem_stva(const struct mem *m, vaddr_t a, vaddr_t x)
{
	mem_stw(m, a, x.v);
}

/*
 * Words of a record (mem_rec).  A store through it need not mark its frame as
 * stored to: only for frames that have been stored to before, or that mem_mark marked.
 */
static inline msize_t rec_ldw(struct mm_rec r, msize_t at)
{
	return MM_WORD == 4 ? rec_ld32(r, at) : rec_ld64(r, at);
}

static inline void rec_stw(struct mm_rec r, msize_t at, msize_t x)
{
	if (MM_WORD == 4)
		rec_st32(r, at, (uint32_t)x);
	else
		rec_st64(r, at, x);
}

/* A page frame number: always 32 bits in memory. */
static inline pfn_t mem_ldpfn(const struct mem *m, vaddr_t a)
{
	return (pfn_t){mem_ld32(m, a)};
}

static inline void mem_stpfn(const struct mem *m, vaddr_t a, pfn_t x)
{
	mem_st32(m, a, x.v);
}

/* Sets every byte of [a, a + bytes). */
static inline void mem_fill(const struct mem *m, vaddr_t a, uint8_t byte, msize_t bytes)
{
	mm_fill(m, a, byte, bytes);
}

/*
 * Makes [a, a + bytes) zero.  Costs nothing on frames never touched, which are
 * zero already: booting a large machine must not write a descriptor per page.
 */
static inline void mem_zero(const struct mem *m, vaddr_t a, msize_t bytes)
{
	mm_zero(m, a, bytes);
}

/*
 * Bytes from `a` on that are zero because no store has reached their frame; 0
 * when one has.  Lets a checker skip what a large machine never touched.
 */
static inline msize_t mem_untouched(const struct mem *m, vaddr_t a)
{
	uint64_t off = (a.v - m->offset) & m->mask;

	return m->touched[off >> MM_TOUCH_SHIFT] ? 0
						 : MM_TOUCH_BYTES - (off & (MM_TOUCH_BYTES - 1));
}

/*
 * Copies between ranges that do not overlap.  Zeros
 * of frames never touched leave such frames so.
 */
static inline void mem_copy(const struct mem *m, vaddr_t to, vaddr_t from, msize_t bytes)
{
	mm_copy(m, to, from, bytes);
}

#endif
