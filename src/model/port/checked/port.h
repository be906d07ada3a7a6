/*
 * The checked port: each access is tested against the machine's regions (bounds,
 * kind, permission, width, alignment) before it is made.  The reference for
 * results: a run that faults in `fast` is repeated here.
 */
#ifndef MODEL_PORT_CHECKED_H
#define MODEL_PORT_CHECKED_H

#define MM_PORT_NAME "checked"

/* Returns the offset in the window, or unwinds with a fault. */
static inline uint64_t mm_checked_off(const struct mem *m, vaddr_t a, unsigned bytes, bool store)
{
	uint64_t off = a.v - m->offset;

	if (mm_unlikely(off - m->ok_base >= m->ok_bytes || m->ok_bytes - (off - m->ok_base) < bytes ||
			(m->ok_sizes & bytes) == 0 || (store && m->readonly) ||
			(m->strict_align && (off & (bytes - 1)) != 0)))
		mm_access_slow(m, a, bytes, store);
	return off & m->mask;
}

#define MM_ACCESS(bits)                                                                     \
	static inline uint##bits##_t mem_ld##bits(const struct mem *m, vaddr_t a)           \
	{                                                                                   \
		uint##bits##_t x;                                                           \
		__builtin_memcpy(&x, m->window + mm_checked_off(m, a, bits / 8, false), sizeof x); \
		return x;                                                                   \
	}                                                                                   \
	static inline void mem_st##bits(const struct mem *m, vaddr_t a, uint##bits##_t x)   \
	{                                                                                   \
		uint64_t off = mm_checked_off(m, a, bits / 8, true);                        \
		m->touched[off >> MM_TOUCH_SHIFT] = true;                                   \
		mm_watched(m, off, bits / 8);                                               \
		__builtin_memcpy(m->window + off, &x, sizeof x);                            \
	}

MM_ACCESS(8)
MM_ACCESS(16)
MM_ACCESS(32)
MM_ACCESS(64)
#undef MM_ACCESS

/* A record: words near one address.  Here each access is tested as any other. */
struct mm_rec {
	const struct mem *m;
	vaddr_t a;
};

static inline struct mm_rec mem_rec(const struct mem *m, vaddr_t a)
{
	return (struct mm_rec){m, a};
}

static inline void mem_prefetch(const struct mem *m, vaddr_t a)
{
	(void)m;
	(void)a;
}

/* The record `at` bytes behind r: one of an array that begins with it. */
static inline struct mm_rec rec_at(struct mm_rec r, msize_t at)
{
	return (struct mm_rec){r.m, vaddr_add(r.a, at)};
}

static inline struct mm_rec mem_rec_on(const struct mem *m, struct mm_rec r, msize_t bytes)
{
	(void)m;
	return rec_at(r, bytes);
}

/* Stores through a record mark their frames here. */
static inline void mem_mark(const struct mem *m, struct mm_rec r, msize_t at)
{
	(void)m;
	(void)r;
	(void)at;
}

static inline uint8_t rec_ld8(struct mm_rec r, msize_t at)
{
	return mem_ld8(r.m, vaddr_add(r.a, at));
}

static inline uint16_t rec_ld16(struct mm_rec r, msize_t at)
{
	return mem_ld16(r.m, vaddr_add(r.a, at));
}

static inline uint32_t rec_ld32(struct mm_rec r, msize_t at)
{
	return mem_ld32(r.m, vaddr_add(r.a, at));
}

static inline uint64_t rec_ld64(struct mm_rec r, msize_t at)
{
	return mem_ld64(r.m, vaddr_add(r.a, at));
}

static inline void rec_st16(struct mm_rec r, msize_t at, uint16_t x)
{
	mem_st16(r.m, vaddr_add(r.a, at), x);
}

static inline void rec_st32(struct mm_rec r, msize_t at, uint32_t x)
{
	mem_st32(r.m, vaddr_add(r.a, at), x);
}

static inline void rec_st64(struct mm_rec r, msize_t at, uint64_t x)
{
	mem_st64(r.m, vaddr_add(r.a, at), x);
}

/* What the code relies on; a false one abandons the operation and taints the run. */
#define mm_assert(m, c)                                                                      \
	do {                                                                                 \
		if (mm_unlikely(!(c)))                                                       \
			mm_bug((m), #c, VADDR_NONE);                                         \
	} while (0)

#include "../port_common.h"

#endif
