/* kstack: frames, of functions and of interrupts.  See kstack.c. */
#include "alloc/kstack_layout.h"
#include "alloc/page.h"
#include "alloc/recpool_layout.h"

#define FRAME_MAX GiB(1)

/* ---- words of a stack ---- */

vaddr_t kstack_linear(const struct kstack *k, vaddr_t stack, vaddr_t va)
{
	msize_t in = va.v & (((msize_t)1 << k->page_shift) - 1);
	const struct alloc *space;
	pfn_t pfn;

	if (!ks_mapped(k, stack))
		return va;
	space = &k->space->a;
	pfn = space->ops->maps->page(space, va);
	return pfn_none(pfn) ? VADDR_NONE : vaddr_add(pfn_to_va(k->a.m, pfn, k->page_shift), in);
}

msize_t kstack_word(const struct kstack *k, vaddr_t stack, vaddr_t va)
{
	vaddr_t at = kstack_linear(k, stack, va);

	return vaddr_none(at) ? 0 : mem_ldw(k->a.m, at);
}

void kstack_set_word(const struct kstack *k, vaddr_t stack, vaddr_t va, msize_t x)
{
	vaddr_t at = kstack_linear(k, stack, va);

	if (!vaddr_none(at))
		mem_stw(k->a.m, at, x);
}

vaddr_t kstack_caller(const struct kstack *k, vaddr_t stack, vaddr_t sp, bool *irq)
{
	vaddr_t caller = {kstack_word(k, stack, sp)};

	if (caller.v <= sp.v || caller.v > ks_top(k, stack).v || (caller.v & (MM_WORD - 1)) != 0)
		return VADDR_NONE;
	*irq = vaddr_diff(caller, sp) > MM_WORD &&
	       kstack_word(k, stack, vaddr_add(sp, MM_WORD)) == KSTACK_IRQ_MARK;
	return caller;
}

vaddr_t kstack_next(const struct kstack *k, vaddr_t stack)
{
	const struct recpool *p = &k->pool;
	vaddr_t h = vaddr_none(stack) ? rp_root(p) : rp_header(p, rp_page(p, stack));
	msize_t i = 0;

	if (!vaddr_none(stack))
		i = vaddr_diff(stack, rp_record(p, h, 0)) / p->record_bytes + 1;
	for (; !vaddr_none(h); h = rp_after(p, h), i = 0)
		for (; i < rp_nr(p, h); i++)
			if (rp_live(p, h, (unsigned)i))
				return rp_record(p, h, (unsigned)i);
	return VADDR_NONE;
}

/* ---- pushing ---- */

static struct stack_move moved(const struct kstack *k, vaddr_t stack)
{
	return (struct stack_move){.base = ks_base(k, stack),
				   .sp = ks_sp(k, stack),
				   .bytes = ks_bytes(k, stack),
				   .of_task = ks_type(k, stack) == KSTACK_TASK,
				   .lowest = ks_sp(k, stack),
				   .irq = ks_type(k, stack) == KSTACK_IRQ};
}

/* The first page of [low, high) that is not mapped; VADDR_NONE: all are. */
static vaddr_t unmapped_page(const struct kstack *k, vaddr_t stack, vaddr_t low, vaddr_t high)
{
	msize_t page = (msize_t)1 << k->page_shift;

	for (vaddr_t at = {round_down(high.v - 1, page)};; at.v -= page) {
		if (vaddr_none(kstack_linear(k, stack, at)))
			return at;
		if (at.v <= low.v)
			return VADDR_NONE;
	}
}

static void fill(const struct kstack *k, vaddr_t stack, vaddr_t low, vaddr_t high)
{
	msize_t page = (msize_t)1 << k->page_shift, n;

	if (!ks_mapped(k, stack)) {
		mem_fill(k->a.m, low, KSTACK_FILL, vaddr_diff(high, low));
		return;
	}
	for (vaddr_t at = low; at.v < high.v; at = vaddr_add(at, n)) {
		n = page - (at.v & (page - 1));
		n = n < vaddr_diff(high, at) ? n : vaddr_diff(high, at);
		mem_fill(k->a.m, kstack_linear(k, stack, at), KSTACK_FILL, n);
	}
}

/* Stacks with frames in [low, high), which lies below `stack`, are damaged. */
static void note_victims(const struct kstack *k, vaddr_t stack, vaddr_t low, vaddr_t high)
{
	msize_t page = (msize_t)1 << k->page_shift;

	if (ks_mapped(k, stack))
		return;
	for (vaddr_t at = {round_down(low.v, page)}; at.v < high.v; at.v += page) {
		vaddr_t other = kstack_around(k, at);

		if (!vaddr_none(other) && !vaddr_eq(other, stack))
			add_ks_flags(k, other, KSTACK_DAMAGED);
	}
}

/* What an overrun writes over is told, and from now on expected to be anything. */
static void overrun(const struct kstack *k, vaddr_t stack, vaddr_t low, struct stack_move *out)
{
	vaddr_t base = ks_base(k, stack), limit = ks_limit(k, stack), sp = ks_sp(k, stack);
	vaddr_t high = sp.v < limit.v ? sp : limit, in = low.v > base.v ? low : base;

	out->lowest = low;
	out->over_info = high.v > in.v ? vaddr_diff(high, in) : 0;
	add_ks_flags(k, stack, KSTACK_OVERRUN);
	if (low.v >= base.v)
		return;
	out->below = vaddr_diff(sp.v < base.v ? sp : base, low);
	note_victims(k, stack, low, sp.v < base.v ? sp : base);
}

static bool end_gone(const struct kstack *k, vaddr_t stack)
{
	if (!k->end_check || (ks_flags(k, stack) & KSTACK_END_SEEN) != 0 ||
	    kstack_word(k, stack, vaddr_add(ks_base(k, stack), k->info)) == KSTACK_END_MAGIC)
		return false;
	add_ks_flags(k, stack, KSTACK_END_SEEN);
	return true;
}

/* A frame of n bytes, a multiple of the word. */
static enum stack_result push_frame(struct kstack *k, vaddr_t stack, msize_t n,
				    struct stack_move *out)
{
	vaddr_t sp = ks_sp(k, stack), low = vaddr_sub(sp, n);
	bool gone = end_gone(k, stack);
	enum stack_result result = STACK_FITS;

	*out = moved(k, stack);
	out->end_gone = gone;
	if (ks_mapped(k, stack) && !vaddr_none(unmapped_page(k, stack, low, sp))) {
		out->lowest = low;
		out->below = vaddr_diff(ks_base(k, stack), low);
		return STACK_GUARDED;
	}
	if (low.v < ks_limit(k, stack).v) {
		overrun(k, stack, low, out);
		result = STACK_OVERRUN;
	}
	set_ks_sp(k, stack, low);
	fill(k, stack, low, sp);
	kstack_set_word(k, stack, low, sp.v);
	out->sp = low;
	return result;
}

/* The stack that frames go to on that CPU: the handler's, or the task's; VADDR_NONE: none such. */
static vaddr_t stack_in_use(const struct kstack *k, vaddr_t base, unsigned cpu, bool *irq)
{
	vaddr_t stack = kstack_find(k, base);

	*irq = false;
	if (cpu >= k->cpus || vaddr_none(stack) || ks_type(k, stack) != KSTACK_TASK)
		return VADDR_NONE;
	*irq = kcpu_depth(k, cpu) != 0;
	if (*irq)
		return kcpu_stack(k, cpu, k->irq_stacks ? KCPU_IRQ : KCPU_CURRENT);
	return stack;
}

struct stack_move kstack_where(const struct alloc *a, vaddr_t base, unsigned cpu)
{
	const struct kstack *k = (const struct kstack *)a;
	bool irq;
	vaddr_t stack = stack_in_use(k, base, cpu, &irq);

	return vaddr_none(stack) ? (struct stack_move){.bytes = 0} : moved(k, stack);
}

struct stack_move kstack_where_irq(const struct alloc *a, unsigned cpu)
{
	const struct kstack *k = (const struct kstack *)a;
	bool own = k->irq_stacks && cpu < k->cpus && kcpu_depth(k, cpu) != 0;

	return cpu >= k->cpus ? (struct stack_move){.bytes = 0}
			      : moved(k, kcpu_stack(k, cpu, own ? KCPU_IRQ : KCPU_CURRENT));
}

enum stack_result kstack_push(struct alloc *a, vaddr_t base, msize_t bytes, unsigned cpu,
			      struct stack_move *out)
{
	struct kstack *k = (struct kstack *)a;
	bool irq;
	vaddr_t stack = stack_in_use(k, base, cpu, &irq), sp;
	msize_t n;

	*out = (struct stack_move){.bytes = 0};
	if (vaddr_none(stack) || bytes > FRAME_MAX)
		return STACK_BUSY;
	if (!irq)
		set_kcpu_stack(k, cpu, KCPU_CURRENT, stack);
	n = round_up(bytes != 0 ? bytes : 1, MM_WORD);
	/* A pointer that wraps round would be no pointer. */
	sp = ks_sp(k, stack);
	if (n >= (ks_mapped(k, stack) ? sp.v : mem_pa(k->a.m, sp).v))
		return STACK_BUSY;
	return push_frame(k, stack, n, out);
}

/* ---- popping ---- */

/*
 * Returns through frames until the stack pointer is at `target`, the last of them in part
 * if it ends beyond; with `to_irq` through the topmost frame of an interrupt, whatever the
 * target.  Nothing is changed unless all goes well.
 */
static enum stack_result unwind(struct kstack *k, vaddr_t stack, vaddr_t target, bool to_irq)
{
	vaddr_t sp = ks_sp(k, stack);
	bool irq = false;

	while (to_irq ? !irq : sp.v < target.v) {
		vaddr_t caller;

		if (vaddr_eq(sp, ks_top(k, stack)))
			return STACK_TOO_MUCH;
		caller = kstack_caller(k, stack, sp, &irq);
		if (vaddr_none(caller))
			return STACK_SMASHED;
		if (irq && !to_irq)
			return STACK_TOO_MUCH;
		if (!to_irq && caller.v > target.v) {
			kstack_set_word(k, stack, target, caller.v);
			caller = target;
		}
		sp = caller;
	}
	set_ks_sp(k, stack, sp);
	return STACK_FITS;
}

enum stack_result kstack_pop(struct alloc *a, vaddr_t base, msize_t bytes, unsigned cpu,
			     struct stack_move *out)
{
	struct kstack *k = (struct kstack *)a;
	bool irq, gone;
	vaddr_t stack = stack_in_use(k, base, cpu, &irq), sp;
	enum stack_result result;

	*out = (struct stack_move){.bytes = 0};
	if (vaddr_none(stack))
		return STACK_BUSY;
	if (!irq)
		set_kcpu_stack(k, cpu, KCPU_CURRENT, stack);
	sp = ks_sp(k, stack);
	bytes = round_up(bytes != 0 && bytes <= FRAME_MAX ? bytes : 1, MM_WORD);
	gone = end_gone(k, stack);
	result = bytes > vaddr_diff(ks_top(k, stack), sp)
			 ? STACK_TOO_MUCH
			 : unwind(k, stack, vaddr_add(sp, bytes), false);
	*out = moved(k, stack);
	out->end_gone = gone;
	return result;
}

/* ---- interrupts ---- */

static enum stack_result push_irq(struct kstack *k, vaddr_t stack, struct stack_move *out)
{
	enum stack_result result = push_frame(k, stack, k->irq_frame, out);

	if (result == STACK_FITS || result == STACK_OVERRUN)
		kstack_set_word(k, stack, vaddr_add(out->sp, MM_WORD), KSTACK_IRQ_MARK);
	return result;
}

enum stack_result kstack_irq_enter(struct alloc *a, unsigned cpu, struct stack_move *out)
{
	struct kstack *k = (struct kstack *)a;
	enum stack_result result = STACK_FITS, switched;
	struct stack_move on_irq;
	msize_t depth;

	*out = (struct stack_move){.bytes = 0};
	if (cpu >= k->cpus || kcpu_depth(k, cpu) >= KSTACK_MAX_DEPTH)
		return STACK_BUSY;
	depth = kcpu_depth(k, cpu);
	if (depth == 0 || !k->irq_stacks) {
		result = push_irq(k, kcpu_stack(k, cpu, KCPU_CURRENT), out);
		if (result == STACK_GUARDED)
			return result;
	}
	if (k->irq_stacks) {
		switched = push_irq(k, kcpu_stack(k, cpu, KCPU_IRQ), &on_irq);
		if (result == STACK_FITS) {
			*out = on_irq;
			result = switched;
		}
	}
	set_kcpu_depth(k, cpu, depth + 1);
	return result;
}

enum stack_result kstack_irq_exit(struct alloc *a, unsigned cpu, struct stack_move *out)
{
	struct kstack *k = (struct kstack *)a;
	vaddr_t stack;
	enum stack_result result;

	*out = (struct stack_move){.bytes = 0};
	if (cpu >= k->cpus || kcpu_depth(k, cpu) == 0)
		return STACK_BUSY;
	stack = kcpu_stack(k, cpu, k->irq_stacks ? KCPU_IRQ : KCPU_CURRENT);
	result = unwind(k, stack, VADDR_NONE, true);
	if (result == STACK_FITS && k->irq_stacks && kcpu_depth(k, cpu) == 1) {
		stack = kcpu_stack(k, cpu, KCPU_CURRENT);
		result = unwind(k, stack, VADDR_NONE, true);
	}
	*out = moved(k, stack);
	if (result == STACK_FITS)
		set_kcpu_depth(k, cpu, kcpu_depth(k, cpu) - 1);
	return result;
}
