/*
 * The port of firmware: loads and stores are plain dereferences, and accounts,
 * tracepoints, searches and assertions vanish.  Stands before src/model/mem.h on
 * the bare build's include path; allocator sources are the same to the letter.
 */
#ifndef MODEL_MEM_H
#define MODEL_MEM_H

#include "model/mem_words.h"
#include "model/paddr.h"

#define MM_PORT_NAME "bare"

/* A view holds nothing: there is one address space, and one ledger nowhere. */
struct mem {
	char nothing;
};

struct mm_row;

#define MM_ACCESS(bits)                                                                            \
	static inline uint##bits##_t mem_ld##bits(const struct mem *m, vaddr_t a)                  \
	{                                                                                          \
		uint##bits##_t x;                                                                  \
		(void)m;                                                                           \
		__builtin_memcpy(&x, (const void *)a.v, sizeof x);                                 \
		return x;                                                                          \
	}                                                                                          \
	static inline void mem_st##bits(const struct mem *m, vaddr_t a, uint##bits##_t x)          \
	{                                                                                          \
		(void)m;                                                                           \
		__builtin_memcpy((void *)a.v, &x, sizeof x);                                       \
	}

MM_ACCESS(8)
MM_ACCESS(16)
MM_ACCESS(32)
MM_ACCESS(64)
#undef MM_ACCESS

static inline msize_t mem_ldw(const struct mem *m, vaddr_t a)
{
	return MM_WORD == 4 ? mem_ld32(m, a) : (msize_t)mem_ld64(m, a);
}

static inline void mem_stw(const struct mem *m, vaddr_t a, msize_t x)
{
	if (MM_WORD == 4)
		mem_st32(m, a, (uint32_t)x);
	else
		mem_st64(m, a, x);
}

/* A record is an address. */
struct mm_rec {
	vaddr_t a;
};

static inline struct mm_rec mem_rec(const struct mem *m, vaddr_t a)
{
	(void)m;
	return (struct mm_rec){a};
}

static inline void mem_prefetch(const struct mem *m, vaddr_t a)
{
	(void)m;
	(void)a;
}

/* The record `at` bytes behind r: one of an array that begins with it. */
static inline struct mm_rec rec_at(struct mm_rec r, msize_t at)
{
	return (struct mm_rec){vaddr_add(r.a, at)};
}

static inline struct mm_rec mem_rec_on(const struct mem *m, struct mm_rec r, msize_t bytes)
{
	(void)m;
	return rec_at(r, bytes);
}

static inline void mem_mark(const struct mem *m, struct mm_rec r, msize_t at)
{
	(void)m;
	(void)r;
	(void)at;
}

static inline uint8_t rec_ld8(struct mm_rec r, msize_t at)
{
	return mem_ld8(NULL, (vaddr_t){r.a.v + at});
}

static inline uint16_t rec_ld16(struct mm_rec r, msize_t at)
{
	return mem_ld16(NULL, (vaddr_t){r.a.v + at});
}

static inline void rec_st16(struct mm_rec r, msize_t at, uint16_t x)
{
	mem_st16(NULL, (vaddr_t){r.a.v + at}, x);
}

static inline uint32_t rec_ld32(struct mm_rec r, msize_t at)
{
	return mem_ld32(NULL, (vaddr_t){r.a.v + at});
}

static inline void rec_st32(struct mm_rec r, msize_t at, uint32_t x)
{
	mem_st32(NULL, (vaddr_t){r.a.v + at}, x);
}

static inline msize_t rec_ldw(struct mm_rec r, msize_t at)
{
	return mem_ldw(NULL, (vaddr_t){r.a.v + at});
}

static inline void rec_stw(struct mm_rec r, msize_t at, msize_t x)
{
	mem_stw(NULL, (vaddr_t){r.a.v + at}, x);
}

static inline vaddr_t mem_ldva(const struct mem *m, vaddr_t a)
{
	return (vaddr_t){mem_ldw(m, a)};
}

static inline void mem_stva(const struct mem *m, vaddr_t a, vaddr_t x)
{
	mem_stw(m, a, x.v);
}

static inline pfn_t mem_ldpfn(const struct mem *m, vaddr_t a)
{
	return (pfn_t){mem_ld32(m, a)};
}

static inline void mem_stpfn(const struct mem *m, vaddr_t a, pfn_t x)
{
	mem_st32(m, a, x.v);
}

static inline void mem_fill(const struct mem *m, vaddr_t a, uint8_t byte, msize_t bytes)
{
	(void)m;
	__builtin_memset((void *)a.v, byte, bytes);
}

static inline void mem_zero(const struct mem *m, vaddr_t a, msize_t bytes)
{
	mem_fill(m, a, 0, bytes);
}

/* Nobody keeps a map of what was touched here: nothing is known to be zero. */
static inline msize_t mem_untouched(const struct mem *m, vaddr_t a)
{
	(void)m;
	(void)a;
	return 0;
}

static inline void mem_copy(const struct mem *m, vaddr_t to, vaddr_t from, msize_t bytes)
{
	(void)m;
	__builtin_memcpy((void *)to.v, (const void *)from.v, bytes);
}

/* ---- the linear view of a machine without an MMU ---- */

static inline vaddr_t mem_va(const struct mem *m, paddr_t pa)
{
	(void)m;
	return (vaddr_t){pa.v};
}

static inline paddr_t mem_pa(const struct mem *m, vaddr_t va)
{
	(void)m;
	return (paddr_t){va.v};
}

static inline vaddr_t pfn_to_va(const struct mem *m, pfn_t pfn, unsigned page_shift)
{
	(void)m;
	return (vaddr_t){(uintptr_t)pfn.v << page_shift};
}

static inline pfn_t va_to_pfn(const struct mem *m, vaddr_t va, unsigned page_shift)
{
	(void)m;
	return (pfn_t){(uint32_t)(va.v >> page_shift)};
}

/* ---- what vanishes ---- */

#define mm_row_at(m, a)  ((void)(m), (void)(a), (struct mm_row *)NULL)
#define mm_row_pa(m, pa) ((void)(m), (void)(pa), (struct mm_row *)NULL)
#define mm_row_move(row, bytes, from, to)                                                          \
	((void)(row), (void)(bytes), (void)(from), (void)(to))
#define mm_account(m, a, bytes, from, to)                                                          \
	((void)(m), (void)(a), (void)(bytes), (void)(from), (void)(to))
#define mm_transfer(from, to, a, bytes, cl)                                                        \
	((void)(from), (void)(to), (void)(a), (void)(bytes), (void)(cl))
#define mm_event(m, ev, a, b, c) ((void)(m), (void)(ev), (void)(a), (void)(b), (void)(c))
#define mm_count(m, ev, n)       ((void)(m), (void)(ev), (void)(n))
#define mm_listens(m)            ((void)(m), false)
#define mm_tell(m, ev, a, b, c)  ((void)(m), (void)(ev), (void)(a), (void)(b), (void)(c))
#define mm_cpu(m)                ((void)(m), 0u)
#define mm_search(m, steps)      ((void)(m), (void)(steps))
#define mm_refuse(m, why)        ((void)(m), (void)(why))
#define mm_tlb_flush(m, va, n)   ((void)(m), (void)(va), (void)(n))
#define mm_warn(m, what, where)  ((void)(m), (void)(what), (void)(where))
#define mm_assert(m, c)          ((void)sizeof(c), (void)(m))

/* Firmware has nowhere to unwind to. */
_Noreturn static inline void mm_bug(const struct mem *m, const char *what, vaddr_t where)
{
	(void)m;
	(void)what;
	(void)where;
	__builtin_trap();
}

#endif
