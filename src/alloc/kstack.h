/*
 * kstack: kernel stacks of one or two pages, and interrupt stacks.  See kstack.c.
 *
 * The native functions are those of task_ops in alloc/alloc.h, which says what each
 * does; here is what they work on.
 */
#ifndef ALLOC_KSTACK_H
#define ALLOC_KSTACK_H

#include "alloc/recpool.h"
#include "alloc/vmalloc.h"

struct kstack {
	struct alloc a;
	struct recpool pool;
	struct page_source *pages; /* borrowed */
	struct vmalloc *space; /* tasks' stacks are mapped there; NULL: they are blocks of pages */
	uint32_t zones; /* that blocks may lie in: the direct map's */
	uint32_t cpus;
	unsigned page_shift;
	msize_t bytes; /* of a task's stack by default */
	msize_t info; /* bytes of thread_info at a stack's lowest end */
	msize_t irq_frame; /* bytes that an interrupt saves */
	bool irq_stacks, end_check;
};

/* ---- between the files of kstack; a stack is named by its record ---- */

/* The live stack that begins at `base`, any address; VADDR_NONE: there is none. */
vaddr_t kstack_find(const struct kstack *k, vaddr_t base);
/* The stack in the direct map that holds va, likewise. */
vaddr_t kstack_around(const struct kstack *k, vaddr_t va);
/* The live stack after `stack`, VADDR_NONE: the first; VADDR_NONE at the end. */
vaddr_t kstack_next(const struct kstack *k, vaddr_t stack);

/* The address in the direct map of the byte at va of `stack`'s; VADDR_NONE: not mapped. */
vaddr_t kstack_linear(const struct kstack *k, vaddr_t stack, vaddr_t va);
msize_t kstack_word(const struct kstack *k, vaddr_t stack, vaddr_t va); /* 0: not mapped */
void kstack_set_word(const struct kstack *k, vaddr_t stack, vaddr_t va, msize_t x);

/* The stack pointer before the frame at `sp` was pushed; VADDR_NONE: overwritten.  *irq: the
 * frame is an interrupt's. */
vaddr_t kstack_caller(const struct kstack *k, vaddr_t stack, vaddr_t sp, bool *irq);

enum stack_result kstack_push(struct alloc *a, vaddr_t base, msize_t bytes, unsigned cpu,
			      struct stack_move *out);
enum stack_result kstack_pop(struct alloc *a, vaddr_t base, msize_t bytes, unsigned cpu,
			     struct stack_move *out);
struct stack_move kstack_where(const struct alloc *a, vaddr_t base, unsigned cpu);
struct stack_move kstack_where_irq(const struct alloc *a, unsigned cpu);
enum stack_result kstack_irq_enter(struct alloc *a, unsigned cpu, struct stack_move *out);
enum stack_result kstack_irq_exit(struct alloc *a, unsigned cpu, struct stack_move *out);

int kstack_check(const struct alloc *a, struct check_report *r) MUST_USE;

extern const struct alloc_ops kstack_ops;

#endif
