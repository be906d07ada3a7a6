/*
 * kstack: its root page's front, its records and its stacks; W = a target word.
 *
 * Root: for each CPU, 4W bytes:
 *   0    idle     W   record of the CPU's idle task
 *   W    irq      W   record of its interrupt stack, or none
 *   2W   current  W   record of the task it runs
 *   3W   depth    W   interrupts it is in
 *
 * A record of a stack:
 *   0        base   W        lowest byte
 *   W        bytes  W        whole pages, a power of two of them
 *   2W       sp     W        stack pointer: lowest byte in use, base + bytes when empty
 *   3W       flags  32 bits  enum kstack_flag
 *   3W + 4          32 bits  0
 *
 * A stack, which grows down:
 *   base          thread_info: the record's address, then zeros
 *   base + info   end mark     one word, KSTACK_END_MAGIC
 *   ...           unused       zero until frames reach it
 *   sp            frames       each begins (at its lowest word) with the stack pointer of its
 *                              caller, as `push %ebp` leaves it; an interrupt's has
 *                              KSTACK_IRQ_MARK in its second word; what is left is KSTACK_FILL
 *   base + bytes
 */
#ifndef ALLOC_KSTACK_LAYOUT_H
#define ALLOC_KSTACK_LAYOUT_H

#include "alloc/kstack.h"

#define KSTACK_CPU_BYTES    (4u * MM_WORD)
#define KSTACK_RECORD_BYTES (3u * MM_WORD + 8u)
#define KSTACK_END_MAGIC    0x57AC6E9Du /* Linux, include/uapi/linux/magic.h */
#define KSTACK_IRQ_MARK     0x49525121u /* odd: no stack pointer */
#define KSTACK_FILL         0x5au
#define KSTACK_MAX_DEPTH    8u /* interrupts in each other on a CPU */
#define KSTACK_MAX_BYTES    KiB(64)

enum kstack_flag {
	KSTACK_IDLE = 1, /* a CPU's */
	KSTACK_IRQ = 2, /* a CPU's */
	KSTACK_TASK = 3,
	KSTACK_TYPE = 3, /* mask */
	KSTACK_OVERRUN =
		4, /* frames have reached below the end mark: what lies there is anything */
	KSTACK_DAMAGED = 8, /* another stack has run into this one */
	KSTACK_END_SEEN = 16 /* the end mark was found overwritten */
};

enum kstack_cpu_word { KCPU_IDLE, KCPU_IRQ, KCPU_CURRENT, KCPU_DEPTH };

static inline vaddr_t kcpu_at(const struct kstack *k, unsigned cpu, enum kstack_cpu_word w)
{
	return vaddr_add(k->a.root, cpu * KSTACK_CPU_BYTES + (msize_t)w * MM_WORD);
}

static inline vaddr_t kcpu_stack(const struct kstack *k, unsigned cpu, enum kstack_cpu_word w)
{
	return mem_ldva(k->a.m, kcpu_at(k, cpu, w));
}

static inline void set_kcpu_stack(const struct kstack *k, unsigned cpu, enum kstack_cpu_word w,
				  vaddr_t record)
{
	mem_stva(k->a.m, kcpu_at(k, cpu, w), record);
}

static inline msize_t kcpu_depth(const struct kstack *k, unsigned cpu)
{
	return mem_ldw(k->a.m, kcpu_at(k, cpu, KCPU_DEPTH));
}

static inline void set_kcpu_depth(const struct kstack *k, unsigned cpu, msize_t n)
{
	mem_stw(k->a.m, kcpu_at(k, cpu, KCPU_DEPTH), n);
}

static inline vaddr_t ks_base(const struct kstack *k, vaddr_t s)
{
	return mem_ldva(k->a.m, s);
}

static inline void set_ks_base(const struct kstack *k, vaddr_t s, vaddr_t base)
{
	mem_stva(k->a.m, s, base);
}

static inline msize_t ks_bytes(const struct kstack *k, vaddr_t s)
{
	return mem_ldw(k->a.m, vaddr_add(s, MM_WORD));
}

static inline void set_ks_bytes(const struct kstack *k, vaddr_t s, msize_t bytes)
{
	mem_stw(k->a.m, vaddr_add(s, MM_WORD), bytes);
}

static inline vaddr_t ks_sp(const struct kstack *k, vaddr_t s)
{
	return mem_ldva(k->a.m, vaddr_add(s, 2 * MM_WORD));
}

static inline void set_ks_sp(const struct kstack *k, vaddr_t s, vaddr_t sp)
{
	mem_stva(k->a.m, vaddr_add(s, 2 * MM_WORD), sp);
}

static inline uint32_t ks_flags(const struct kstack *k, vaddr_t s)
{
	return mem_ld32(k->a.m, vaddr_add(s, 3 * MM_WORD));
}

static inline void set_ks_flags(const struct kstack *k, vaddr_t s, uint32_t flags)
{
	mem_st32(k->a.m, vaddr_add(s, 3 * MM_WORD), flags);
}

static inline void add_ks_flags(const struct kstack *k, vaddr_t s, uint32_t flags)
{
	set_ks_flags(k, s, ks_flags(k, s) | flags);
}

static inline uint32_t ks_spare(const struct kstack *k, vaddr_t s)
{
	return mem_ld32(k->a.m, vaddr_add(s, 3 * MM_WORD + 4));
}

static inline unsigned ks_type(const struct kstack *k, vaddr_t s)
{
	return ks_flags(k, s) & KSTACK_TYPE;
}

/* One past the highest byte: the stack pointer of an empty stack. */
static inline vaddr_t ks_top(const struct kstack *k, vaddr_t s)
{
	return vaddr_add(ks_base(k, s), ks_bytes(k, s));
}

/* The lowest byte that frames may use. */
static inline vaddr_t ks_limit(const struct kstack *k, vaddr_t s)
{
	return vaddr_add(ks_base(k, s), k->info + MM_WORD);
}

/* Bytes below which a stack would not hold thread_info, the end mark and an interrupt. */
static inline msize_t ks_least(const struct kstack *k)
{
	return k->info + MM_WORD + 2 * k->irq_frame;
}

/* Is the stack mapped by vmalloc, or a block of pages in the direct map? */
static inline bool ks_mapped(const struct kstack *k, vaddr_t s)
{
	return k->space != NULL && ks_type(k, s) == KSTACK_TASK;
}

#endif
