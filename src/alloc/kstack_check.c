/* kstack: the checker of S1 to S5 (see kstack.c). */
#include "alloc/kstack_layout.h"
#include "alloc/page.h"

#define ANYTHING (KSTACK_OVERRUN | KSTACK_DAMAGED)

static int check_flags(const struct kstack *k, vaddr_t s, struct check_report *r)
{
	uint32_t known = KSTACK_TYPE | ANYTHING | KSTACK_END_SEEN;

	if (ks_spare(k, s) != 0 || (ks_flags(k, s) & ~known) != 0 || ks_type(k, s) == 0)
		return check_fail(r, "S5: a stack's flags are known, spare words zero", s,
				  ks_flags(k, s), ks_spare(k, s));
	return 0;
}

/* The pages of an area are as many as the record says; vmalloc judges the rest of it. */
static int check_area(const struct kstack *k, vaddr_t s, struct check_report *r)
{
	const struct alloc *space = &k->space->a;
	struct map_area x;

	if (!vaddr_eq(vmalloc_owner(k->space, ks_base(k, s)), s) ||
	    !space->ops->maps->next(space, ks_base(k, s), &x) || x.mapped != ks_bytes(k, s))
		return check_fail(r, "S1: a stack is an area that knows its record", s,
				  ks_base(k, s).v, ks_bytes(k, s));
	return 0;
}

static int check_block(const struct kstack *k, vaddr_t s, struct check_report *r)
{
	struct alloc *a = k->pages->pages;
	vaddr_t base = ks_base(k, s), desc;
	pfn_t pfn = va_to_pfn(k->a.m, base, k->page_shift);
	int order = -1;

	if (mem_va(k->a.m, mem_pa(k->a.m, base)).v == base.v &&
	    (base.v & (((msize_t)1 << k->page_shift) - 1)) == 0)
		order = a->ops->pages->block_order(a, pfn);
	if (order < 0 || ks_bytes(k, s) != (msize_t)1 << ((unsigned)order + k->page_shift))
		return check_fail(r, "S1: a stack is a live block", s, base.v, ks_bytes(k, s));
	desc = a->ops->pages->descriptor(a, pfn);
	if (!page_taken(k->a.m, desc) || page_private(k->a.m, desc) != s.v)
		return check_fail(r, "S1: a stack's block knows its record", s,
				  page_private(k->a.m, desc), s.v);
	return 0;
}

/* *irqs: frames of interrupts. */
static int check_frames(const struct kstack *k, vaddr_t s, uint64_t *irqs, struct check_report *r)
{
	vaddr_t sp = ks_sp(k, s);
	bool irq;

	if (sp.v < ks_limit(k, s).v || sp.v > ks_top(k, s).v || (sp.v & (MM_WORD - 1)) != 0)
		return check_fail(r, "S2: the stack pointer lies in the stack", s, sp.v,
				  ks_base(k, s).v);
	for (*irqs = 0; !vaddr_eq(sp, ks_top(k, s)); *irqs += irq) {
		sp = kstack_caller(k, s, sp, &irq);
		if (vaddr_none(sp))
			return check_fail(r, "S2: frames lead to the stack's top", s, ks_sp(k, s).v,
					  ks_top(k, s).v);
	}
	return 0;
}

static int check_low_end(const struct kstack *k, vaddr_t s, struct check_report *r)
{
	vaddr_t base = ks_base(k, s);
	msize_t names = kstack_word(k, s, base), mark = kstack_word(k, s, vaddr_add(base, k->info));

	if (names != s.v || mark != KSTACK_END_MAGIC || (ks_flags(k, s) & KSTACK_END_SEEN) != 0)
		return check_fail(r, "S3: thread_info and the end mark stand", base, names, s.v);
	for (msize_t off = MM_WORD; off < k->info; off += MM_WORD)
		if (kstack_word(k, s, vaddr_add(base, off)) != 0)
			return check_fail(r, "S3: thread_info stands", vaddr_add(base, off), off,
					  0);
	return 0;
}

static int check_stack(const struct kstack *k, vaddr_t s, uint64_t *irqs, struct check_report *r)
{
	if (check_flags(k, s, r) != 0 ||
	    (ks_mapped(k, s) ? check_area(k, s, r) : check_block(k, s, r)) != 0)
		return MM_EINVAL;
	if ((ks_flags(k, s) & ANYTHING) != 0)
		return 0;
	return check_frames(k, s, irqs, r) != 0 ? MM_EINVAL : check_low_end(k, s, r);
}

/* Interrupts' frames of a CPU's stack; UINT64_MAX: nobody can say any more. */
static uint64_t irqs_of(const struct kstack *k, vaddr_t s)
{
	struct check_report r = {.invariant = NULL};
	uint64_t n;

	if ((ks_flags(k, s) & ANYTHING) != 0 || check_frames(k, s, &n, &r) != 0)
		return UINT64_MAX;
	return n;
}

static bool is_stack(const struct kstack *k, vaddr_t s, unsigned type)
{
	return recpool_is_live(&k->pool, s) && ks_type(k, s) == type;
}

/* Does a CPU before `cpu` run the same task, whose frames it counts? */
static bool shared(const struct kstack *k, unsigned cpu)
{
	for (unsigned i = 0; i < k->cpus; i++)
		if (i != cpu &&
		    vaddr_eq(kcpu_stack(k, i, KCPU_CURRENT), kcpu_stack(k, cpu, KCPU_CURRENT)))
			return true;
	return false;
}

static int check_depth(const struct kstack *k, unsigned cpu, uint64_t *seen, struct check_report *r)
{
	vaddr_t current = kcpu_stack(k, cpu, KCPU_CURRENT);
	uint64_t depth = kcpu_depth(k, cpu), on_irq, on_task = irqs_of(k, current);
	uint64_t expected = k->irq_stacks && depth > 1 ? 1 : depth;

	if (depth > KSTACK_MAX_DEPTH)
		return check_fail(r, "S4: a CPU's interrupts are few", kcpu_at(k, cpu, KCPU_DEPTH),
				  depth, KSTACK_MAX_DEPTH);
	if (k->irq_stacks) {
		on_irq = irqs_of(k, kcpu_stack(k, cpu, KCPU_IRQ));
		if (on_irq != UINT64_MAX && on_irq != depth)
			return check_fail(r, "S4: a CPU's interrupts are on its stack",
					  kcpu_at(k, cpu, KCPU_DEPTH), depth, on_irq);
	}
	if (on_task == UINT64_MAX || shared(k, cpu)) {
		*seen = UINT64_MAX;
		return 0;
	}
	if (on_task != expected)
		return check_fail(r, "S4: the task that a CPU interrupted has a frame of it",
				  kcpu_at(k, cpu, KCPU_CURRENT), on_task, expected);
	*seen = *seen != UINT64_MAX ? *seen + on_task : *seen;
	return 0;
}

/* *seen: frames of interrupts on tasks, UINT64_MAX: nobody can say. */
static int check_cpu(const struct kstack *k, unsigned cpu, uint64_t *seen, struct check_report *r)
{
	vaddr_t idle = kcpu_stack(k, cpu, KCPU_IDLE), irq = kcpu_stack(k, cpu, KCPU_IRQ),
		current = kcpu_stack(k, cpu, KCPU_CURRENT);

	if (!is_stack(k, idle, KSTACK_IDLE) ||
	    (k->irq_stacks ? !is_stack(k, irq, KSTACK_IRQ) : !vaddr_none(irq)) ||
	    (!vaddr_eq(current, idle) && !is_stack(k, current, KSTACK_TASK)))
		return check_fail(r, "S4: a CPU has its stacks", kcpu_at(k, cpu, KCPU_IDLE), idle.v,
				  current.v);
	for (unsigned i = 0; i < cpu; i++)
		if (vaddr_eq(kcpu_stack(k, i, KCPU_IDLE), idle) ||
		    (k->irq_stacks && vaddr_eq(kcpu_stack(k, i, KCPU_IRQ), irq)))
			return check_fail(r, "S4: no two CPUs share a stack",
					  kcpu_at(k, cpu, KCPU_IDLE), idle.v, i);
	return check_depth(k, cpu, seen, r);
}

int kstack_check(const struct alloc *a, struct check_report *r)
{
	const struct kstack *k = (const struct kstack *)a;
	uint64_t live, nr = 0, of_cpus = 0, on_tasks = 0, seen = 0;
	bool anything = false;

	if (recpool_check(&k->pool, &live, r) != 0)
		return MM_EINVAL;
	for (vaddr_t s = kstack_next(k, VADDR_NONE); !vaddr_none(s); s = kstack_next(k, s), nr++) {
		uint64_t irqs = 0;

		if (check_stack(k, s, &irqs, r) != 0)
			return MM_EINVAL;
		of_cpus += ks_type(k, s) != KSTACK_TASK;
		on_tasks += ks_type(k, s) != KSTACK_IRQ ? irqs : 0;
		anything |= (ks_flags(k, s) & ANYTHING) != 0;
	}
	if (of_cpus != k->cpus * (k->irq_stacks ? 2u : 1u))
		return check_fail(r, "S4: stacks that are no task's are a CPU's", a->root, of_cpus,
				  k->cpus);
	for (unsigned cpu = 0; cpu < k->cpus; cpu++)
		if (check_cpu(k, cpu, &seen, r) != 0)
			return MM_EINVAL;
	if (!anything && seen != UINT64_MAX && seen != on_tasks)
		return check_fail(r, "S4: only a CPU's task has frames of interrupts", a->root,
				  on_tasks, seen);
	return 0;
}
