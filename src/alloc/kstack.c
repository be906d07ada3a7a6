/*
 * kstack: the stacks that a kernel runs on.  Each task has one, of one or two pages,
 * which holds thread_info at its lowest end and grows down towards it.  Nobody looks
 * whether a frame still fits: one that does not is written over thread_info, and then
 * over whatever lies in the page below (R. Love, "Linux Kernel Development", 3rd ed.,
 * 2010, ch. 12).  With `vmapped` the pages are an area of vmalloc instead
 * (CONFIG_VMAP_STACK, Linux 4.9): below each lies an unmapped page, and the frame that
 * would reach it is a fault instead.
 *
 * A frame is written whole, as a function does that uses all its variables; its first
 * word links to its caller's, so that a return through an overwritten frame is found
 * where it happens.  An interrupt saves a frame on the stack in use; with stacks of
 * their own (`irq_stacks`) its handlers then run on the CPU's, which one-page stacks
 * make necessary.  Idle tasks and interrupts have one page a CPU, in the direct map.
 *
 * Bound: O(1) for a push, O(frames) for what a pop returns through.
 *
 * Invariants, cited by kstack_check:
 *   S1  every live record is a stack: a live block that knows the record, or a mapped area
 *   S2  sp lies in the stack; frames lead from it to the stack's top, interrupts' among them
 *   S3  until frames reach it, thread_info names the record, and the end mark stands
 *   S4  a CPU's idle task, interrupt stack and current task are such; it is in as many
 *       interrupts as its stacks have frames of them
 *   S5  flags are known ones, spare words zero
 * Of a stack that was overrun or run into, only S1, S4 but for the frames, and S5 hold.
 *
 * Not modelled: growth up, frames' contents, per-CPU exception stacks of x86-64.
 */
#include "alloc/kstack.h"

#include "alloc/kstack_layout.h"
#include "alloc/page.h"

/* ---- making stacks ---- */

static vaddr_t descriptor(const struct kstack *k, vaddr_t page)
{
	struct alloc *a = k->pages->pages;

	return a->ops->pages->descriptor(a, va_to_pfn(k->a.m, page, k->page_shift));
}

/* Zero but for thread_info and the end mark, as a kernel hands stacks out. */
static void clear_stack(const struct kstack *k, vaddr_t stack)
{
	msize_t page = (msize_t)1 << k->page_shift;
	vaddr_t base = ks_base(k, stack);

	for (msize_t off = 0; off < ks_bytes(k, stack); off += page)
		mem_zero(k->a.m, kstack_linear(k, stack, vaddr_add(base, off)), page);
	kstack_set_word(k, stack, base, stack.v);
	kstack_set_word(k, stack, vaddr_add(base, k->info), KSTACK_END_MAGIC);
}

/* A block of pages for the record; VADDR_NONE: there was none. */
static vaddr_t take_block(struct kstack *k, vaddr_t stack, msize_t bytes, enum mm_class class,
			  const struct alloc_req *req)
{
	struct alloc_req r = *req;
	vaddr_t base;

	r.zone_mask &= k->zones;
	r.owner = PAGE_OWNER_KERNEL;
	base = page_source_get(k->pages, k->a.m, pages_order(k->pages, bytes), &r);
	if (vaddr_none(base))
		return base;
	set_page_taken(k->a.m, descriptor(k, base));
	set_page_private(k->a.m, descriptor(k, base), stack.v);
	mm_account(k->a.m, base, bytes, MM_CACHED, class);
	return base;
}

/* Bytes of a stack that holds `bytes`: a power of two of whole pages. */
static msize_t whole(const struct kstack *k, msize_t bytes)
{
	return (msize_t)1 << (pages_order(k->pages, bytes) + k->page_shift);
}

static vaddr_t new_stack(struct kstack *k, unsigned type, msize_t bytes,
			 const struct alloc_req *req)
{
	vaddr_t stack = recpool_get(&k->pool), base;

	if (vaddr_none(stack))
		return stack;
	set_ks_flags(k, stack, type);
	if (ks_mapped(k, stack))
		base = vmalloc_owned(k->space, bytes, req, stack).va;
	else
		base = take_block(k, stack, bytes, type == KSTACK_TASK ? MM_GRANTED : MM_RESERVED,
				  req);
	if (vaddr_none(base)) {
		recpool_put(&k->pool, stack);
		return VADDR_NONE;
	}
	set_ks_base(k, stack, base);
	set_ks_bytes(k, stack, bytes);
	set_ks_sp(k, stack, vaddr_add(base, bytes));
	clear_stack(k, stack);
	return stack;
}

static void drop_stack(struct kstack *k, vaddr_t stack)
{
	vaddr_t base = ks_base(k, stack);
	msize_t bytes = ks_bytes(k, stack);
	bool mapped = ks_mapped(k, stack);
	unsigned type = ks_type(k, stack);

	recpool_put(&k->pool, stack);
	if (mapped) {
		if (vfree_owned(k->space, base) != bytes)
			mm_bug(k->a.m, "a task's stack is no vm area", base);
		return;
	}
	mm_account(k->a.m, base, bytes, type == KSTACK_TASK ? MM_GRANTED : MM_RESERVED, MM_CACHED);
	if (page_source_put(k->pages, k->a.m, base, pages_order(k->pages, bytes)) != 0)
		mm_bug(k->a.m, "a stack is no live block", base);
}

/* The record that a block of pages says is its taker's; VADDR_NONE: it is no stack's. */
static vaddr_t block_owner(const struct kstack *k, vaddr_t page)
{
	struct alloc *a = k->pages->pages;
	pfn_t pfn = va_to_pfn(k->a.m, page, k->page_shift);
	vaddr_t stack;

	if (mem_va(k->a.m, mem_pa(k->a.m, page)).v != page.v ||
	    a->ops->pages->block_order(a, pfn) < 0 || !page_taken(k->a.m, descriptor(k, page)))
		return VADDR_NONE;
	stack.v = page_private(k->a.m, descriptor(k, page));
	return recpool_is_live(&k->pool, stack) && vaddr_eq(ks_base(k, stack), page) ? stack
										     : VADDR_NONE;
}

vaddr_t kstack_find(const struct kstack *k, vaddr_t base)
{
	vaddr_t stack = VADDR_NONE;

	if ((base.v & (((msize_t)1 << k->page_shift) - 1)) != 0)
		return VADDR_NONE;
	if (k->space != NULL)
		stack = vmalloc_owner(k->space, base);
	if (vaddr_none(stack))
		return block_owner(k, base);
	return recpool_is_live(&k->pool, stack) && vaddr_eq(ks_base(k, stack), base) ? stack
										     : VADDR_NONE;
}

vaddr_t kstack_around(const struct kstack *k, vaddr_t va)
{
	struct alloc *a = k->pages->pages;
	unsigned max = a->ops->pages->max_order(a);

	for (unsigned o = 0; o <= max; o++) {
		vaddr_t base =
			mem_va(k->a.m, (paddr_t){round_down(mem_pa(k->a.m, va).v,
							    (msize_t)1 << (o + k->page_shift))});
		vaddr_t stack = block_owner(k, base);

		if (!vaddr_none(stack) && vaddr_diff(va, base) < ks_bytes(k, stack))
			return stack;
	}
	return VADDR_NONE;
}

/* ---- tasks ---- */

static struct grant op_create(struct alloc *a, msize_t bytes, const struct alloc_req *req)
{
	struct kstack *k = (struct kstack *)a;
	vaddr_t stack;

	bytes = bytes != 0 ? bytes : k->bytes;
	if (bytes < ks_least(k) || bytes > KSTACK_MAX_BYTES) {
		mm_refuse(a->m, MM_REFUSE_LIMIT);
		return GRANT_NONE;
	}
	bytes = whole(k, bytes);
	stack = new_stack(k, KSTACK_TASK, bytes, req);
	return vaddr_none(stack) ? GRANT_NONE : (struct grant){ks_base(k, stack), bytes};
}

/* The CPU's task ends; if that was in an interrupt, no handler is left to return to it. */
static void leave_task(struct kstack *k, unsigned cpu)
{
	vaddr_t irq = kcpu_stack(k, cpu, KCPU_IRQ);

	set_kcpu_stack(k, cpu, KCPU_CURRENT, kcpu_stack(k, cpu, KCPU_IDLE));
	if (kcpu_depth(k, cpu) == 0)
		return;
	mm_warn(k->a.m, "a task ends in an interrupt: a kernel would panic here", k->a.root);
	set_kcpu_depth(k, cpu, 0);
	if (k->irq_stacks)
		set_ks_sp(k, irq, ks_top(k, irq));
}

static msize_t op_exit(struct alloc *a, vaddr_t base)
{
	struct kstack *k = (struct kstack *)a;
	vaddr_t stack = kstack_find(k, base);
	msize_t bytes;

	if (vaddr_none(stack) || ks_type(k, stack) != KSTACK_TASK)
		return FREE_BAD;
	for (unsigned cpu = 0; cpu < k->cpus; cpu++)
		if (vaddr_eq(kcpu_stack(k, cpu, KCPU_CURRENT), stack))
			leave_task(k, cpu);
	bytes = ks_bytes(k, stack);
	drop_stack(k, stack);
	return bytes;
}

static struct alloc *op_held_by(struct alloc *a)
{
	struct kstack *k = (struct kstack *)a;

	return k->space != NULL ? &k->space->a : a;
}

static void op_figures(const struct alloc *a, struct task_figures *out)
{
	const struct kstack *k = (const struct kstack *)a;

	*out = (struct task_figures){.usable = whole(k, k->bytes) - k->info - MM_WORD,
				     .guarded = k->space != NULL && k->space->guard,
				     .irq_stacks = k->irq_stacks};
	for (vaddr_t s = kstack_next(k, VADDR_NONE); !vaddr_none(s); s = kstack_next(k, s)) {
		bool task = ks_type(k, s) == KSTACK_TASK;

		out->tasks += task;
		out->bytes += task ? ks_bytes(k, s) : 0;
		out->cpu_stacks += !task;
		out->cpu_bytes += task ? 0 : ks_bytes(k, s);
	}
}

/* ---- init, attach, walk ---- */

static int fill_handle(struct kstack *k, const struct alloc_env *env)
{
	k->pages = env->pages;
	k->page_shift = env->page_shift;
	k->zones = env->vm != NULL ? env->vm->low_zones : UINT32_MAX;
	k->cpus = env->cpus ? env->cpus : 1;
	k->bytes = env->params[0].u;
	k->space = env->params[1].u != 0 ? vmalloc_space(env) : NULL;
	k->irq_stacks = env->params[2].u != 0;
	k->info = round_up(env->params[3].u, MM_WORD);
	k->irq_frame = round_up(env->params[4].u, MM_WORD);
	k->end_check = env->params[5].u != 0;
	if (env->pages == NULL || k->bytes < ks_least(k) ||
	    ((msize_t)1 << k->page_shift) < ks_least(k) ||
	    (env->params[1].u != 0 && k->space == NULL))
		return MM_EINVAL;
	return 0;
}

static uint32_t front_bytes(const struct alloc_env *env)
{
	return (uint32_t)round_up((env->cpus ? env->cpus : 1) * KSTACK_CPU_BYTES, 8);
}

static void drop_cpus(struct kstack *k)
{
	for (vaddr_t s; !vaddr_none(s = kstack_next(k, VADDR_NONE));)
		drop_stack(k, s);
	recpool_destroy(&k->pool);
}

static int make_cpus(struct kstack *k)
{
	const struct alloc_req req = {.zone_mask = UINT32_MAX};
	msize_t page = (msize_t)1 << k->page_shift;

	for (unsigned cpu = 0; cpu < k->cpus; cpu++) {
		vaddr_t idle = new_stack(k, KSTACK_IDLE, page, &req), irq = VADDR_NONE;

		if (vaddr_none(idle))
			return MM_ENOMEM;
		if (k->irq_stacks)
			irq = new_stack(k, KSTACK_IRQ, page, &req);
		if (k->irq_stacks && vaddr_none(irq))
			return MM_ENOMEM;
		set_kcpu_stack(k, cpu, KCPU_IDLE, idle);
		set_kcpu_stack(k, cpu, KCPU_IRQ, irq);
		set_kcpu_stack(k, cpu, KCPU_CURRENT, idle);
	}
	return 0;
}

static int kstack_init(struct alloc *a, const struct alloc_env *env)
{
	struct kstack *k = (struct kstack *)a;
	int err;

	alloc_base(a, &kstack_ops, env);
	err = fill_handle(k, env);
	if (err == 0)
		err = recpool_format(&k->pool, env, front_bytes(env), KSTACK_RECORD_BYTES);
	if (err != 0)
		return err;
	a->root = k->pool.root;
	err = make_cpus(k);
	if (err != 0)
		drop_cpus(k);
	return err;
}

static int kstack_attach(struct alloc *a, const struct alloc_env *env)
{
	struct kstack *k = (struct kstack *)a;
	int err;

	alloc_base(a, &kstack_ops, env);
	err = fill_handle(k, env);
	return err != 0 ? err : recpool_adopt(&k->pool, env, front_bytes(env), KSTACK_RECORD_BYTES);
}

static void kstack_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct kstack *k = (const struct kstack *)a;

	fn(ctx, &(struct walk_span){a->root, k->pool.taker_bytes, MM_METADATA, "CPUs", k->cpus});
	recpool_walk(&k->pool, "stack record", fn, ctx);
	for (vaddr_t s = kstack_next(k, VADDR_NONE); !vaddr_none(s); s = kstack_next(k, s)) {
		bool task = ks_type(k, s) == KSTACK_TASK;

		if (ks_mapped(k, s))
			continue;
		fn(ctx, &(struct walk_span){ks_base(k, s), ks_bytes(k, s),
					    task ? MM_GRANTED : MM_RESERVED,
					    task                          ? "kernel stack"
					    : ks_type(k, s) == KSTACK_IRQ ? "interrupt stack"
									  : "idle task's stack",
					    vaddr_diff(ks_top(k, s), ks_sp(k, s))});
	}
}

static const struct alloc_param params[] = {
	{"stack_bytes", PARAM_BYTES, KiB(8), 256, KSTACK_MAX_BYTES, NULL,
	 "of a task's stack, rounded up to a power of two of pages"},
	{"vmapped", PARAM_BOOL, 0, 0, 1, NULL,
	 "stacks are areas of vmalloc, whose guard pages catch an overflow"},
	{"irq_stacks", PARAM_BOOL, 1, 0, 1, NULL,
	 "interrupts have a stack of one page a CPU, or run on the stack of the task they "
	 "interrupt"},
	{"thread_info", PARAM_BYTES, 64, 8, 256, NULL,
	 "bytes of thread_info at the lowest end of each stack"},
	{"irq_frame", PARAM_BYTES, 68, 16, 512, NULL, "bytes that an interrupt saves: pt_regs"},
	{"end_check", PARAM_BOOL, 0, 0, 1, NULL,
	 "look at the end mark before each operation on a stack, and say when it is overwritten"},
	{0},
};

static const struct task_ops tasks = {
	.create = op_create,
	.exit = op_exit,
	.push = kstack_push,
	.pop = kstack_pop,
	.irq_enter = kstack_irq_enter,
	.irq_exit = kstack_irq_exit,
	.where = kstack_where,
	.where_irq = kstack_where_irq,
	.held_by = op_held_by,
	.figures = op_figures,
};

const struct alloc_ops kstack_ops = {
	.name = "kstack",
	.summary = "kernel stacks of tasks and interrupts; an overflow runs into the page below",
	.unit = "stack",
	.serves = SERVES_TASKS,
	.params = params,
	.handle_bytes = sizeof(struct kstack),
	.init = kstack_init,
	.attach = kstack_attach,
	.walk = kstack_walk,
	.check = kstack_check,
	.tasks = &tasks,
};
