/*
 * The fast port: one plain access each, masked into the window, so that no
 * corrupt link can name host memory.  A hole is a host page without access; the
 * host's signal is the detector, and the run is then repeated under `checked`.
 */
#ifndef MODEL_PORT_FAST_H
#define MODEL_PORT_FAST_H

#define MM_PORT_NAME "fast"

static inline uint64_t mm_off(const struct mem *m, vaddr_t a)
{
	return (a.v - m->offset) & m->mask;
}

#define MM_ACCESS(bits)                                                             \
	static inline uint##bits##_t mem_ld##bits(const struct mem *m, vaddr_t a)   \
	{                                                                           \
		uint##bits##_t x;                                                   \
		__builtin_memcpy(&x, m->window + mm_off(m, a), sizeof x);           \
		return x;                                                           \
	}                                                                           \
	static inline void mem_st##bits(const struct mem *m, vaddr_t a, uint##bits##_t x) \
	{                                                                           \
		uint64_t off = mm_off(m, a);                                        \
		m->touched[off >> MM_TOUCH_SHIFT] = true;                           \
		__builtin_memcpy(m->window + off, &x, sizeof x);                    \
	}

MM_ACCESS(8)
MM_ACCESS(16)
MM_ACCESS(32)
MM_ACCESS(64)
#undef MM_ACCESS

/*
 * A record: words near one address, translated once.  A guard as long as the window
 * lies behind it, so what is at most that far on faults; nothing before the record
 * may be named.
 */
struct mm_rec {
	uint8_t *at;
};

static inline struct mm_rec mem_rec(const struct mem *m, vaddr_t a)
{
	return (struct mm_rec){m->window + mm_off(m, a)};
}

/* Asks the host's caches for what a is about to be stored to: changes nothing but time. */
static inline void mem_prefetch(const struct mem *m, vaddr_t a)
{
	__builtin_prefetch(m->window + mm_off(m, a), 1);
}

/* The record `at` bytes behind r, known to be less than the window's: of an array, or near. */
static inline struct mm_rec rec_at(struct mm_rec r, msize_t at)
{
	return (struct mm_rec){r.at + at};
}

/* The record `bytes` behind r, a number from the image, which may be any. */
static inline struct mm_rec mem_rec_on(const struct mem *m, struct mm_rec r, msize_t bytes)
{
	return (struct mm_rec){r.at + (bytes & m->mask)};
}

/* Marks the frame of the word at `at` as stored to, for stores through a record. */
static inline void mem_mark(const struct mem *m, struct mm_rec r, msize_t at)
{
	*(bool *)(m->marks + ((uintptr_t)(r.at + at) >> MM_TOUCH_SHIFT)) = true;
}

static inline uint8_t rec_ld8(struct mm_rec r, msize_t at)
{
	return *(const uint8_t *)(r.at + at);
}

static inline uint16_t rec_ld16(struct mm_rec r, msize_t at)
{
	uint16_t x;

	__builtin_memcpy(&x, r.at + at, sizeof x);
	return x;
}

static inline uint32_t rec_ld32(struct mm_rec r, msize_t at)
{
	uint32_t x;

	__builtin_memcpy(&x, r.at + at, sizeof x);
	return x;
}

static inline uint64_t rec_ld64(struct mm_rec r, msize_t at)
{
	uint64_t x;

	__builtin_memcpy(&x, r.at + at, sizeof x);
	return x;
}

static inline void rec_st16(struct mm_rec r, msize_t at, uint16_t x)
{
	__builtin_memcpy(r.at + at, &x, sizeof x);
}

static inline void rec_st32(struct mm_rec r, msize_t at, uint32_t x)
{
	__builtin_memcpy(r.at + at, &x, sizeof x);
}

static inline void rec_st64(struct mm_rec r, msize_t at, uint64_t x)
{
	__builtin_memcpy(r.at + at, &x, sizeof x);
}

/* Off in this port; never changes a decision. */
#define mm_assert(m, c) ((void)sizeof(c), (void)(m))

#include "../port_common.h"

#endif
