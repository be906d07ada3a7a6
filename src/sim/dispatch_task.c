/*
 * Events of the group stacks: kernel stacks of tasks, and interrupts.
 *
 * An overflow that nothing catches writes over whatever the image holds below the
 * stack.  The kernel would not notice; the report does, by a finding of the event.
 */
#include "sim/dispatch_groups.h"
#include "sim/spans.h"
#include "sim/virtual.h"

/* Whose account the stacks are in. */
static struct sys_alloc *holder(const struct replay *r, const struct sys_alloc *h)
{
	const struct alloc *a = h->ops->tasks->held_by(h->alloc);

	for (unsigned i = 0; i < r->sys->nr_allocs; i++)
		if (r->sys->allocs[i].alloc == a)
			return &r->sys->allocs[i];
	return NULL;
}

static void do_create(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct sys_alloc *held = holder(r, h);
	struct grant g = GRANT_NONE;

	dispatch_state_request(r, ev, held != h ? __GFP_HIGHMEM : 0);
	if (ev->size <= LIVE_SIZE_MAX)
		g = h->ops->tasks->create(h->alloc, ev->size, &r->req);
	else
		mm_refuse(&h->view, MM_REFUSE_LIMIT);
	if (g.bytes == 0)
		replay_failed(r, h, ev, ev->size, 0);
	else
		virtual_area_born(r, held, ev, g, ev->size != 0 ? ev->size : g.bytes, LIVE_TASK);
	r->req = (struct alloc_req){.zone_mask = UINT32_MAX};
}

/* Gives a task's stack back; false: the kind refuses. */
static bool end_task(struct replay *r, struct sys_alloc *h, struct live *l)
{
	struct sys_alloc *held = &r->sys->allocs[live_alloc(l)];

	replay_before_death(r);
	virtual_area_dies(r, held, l);
	if (h->ops->tasks->exit(h->alloc, (vaddr_t){live_va(r, l)}) == FREE_BAD) {
		virtual_area_lives(r, held, l);
		return false;
	}
	replay_area_died(r, held, l);
	return true;
}

static void do_exit(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct live *l = replay_named(r, ev, LIVE_TASK);

	if (l != NULL && !end_task(r, h, l))
		replay_bad(r, ev, 'p');
}

/* ---- what an overflow runs into ---- */

struct victim {
	uint32_t slot; /* SLOT_NONE: nothing of the trace */
	uint8_t alloc; /* index + 1; 0: nobody's */
};

static uint32_t slot_at(const struct replay *r, uint64_t pa)
{
	for (uint32_t i = 0; i < r->live.nr; i++) {
		const struct live *l = &r->live.slot[i];
		const struct sys_alloc *h = &r->sys->allocs[live_alloc(l)];
		uint64_t at = live_pa(l);

		if (live_state(l) == LIVE_TASK && h->ops->maps == NULL)
			at = mem_pa(&h->view, (vaddr_t){live_va(r, l)}).v;
		else if (live_state(l) != LIVE_BLOCK)
			continue;
		if (pa >= at &&
		    pa - at < round_up(live_size(l), 1ull << r->sys->machine->page_shift))
			return i;
	}
	return SLOT_NONE;
}

/* Who has the byte before `base`: found out before it is written over. */
static struct victim victim_below(struct replay *r, vaddr_t base)
{
	uint64_t pa = base.v - r->sys->offset - 1;
	struct victim v = {.slot = slot_at(r, pa)};
	struct spans all = {0};

	if (v.slot != SLOT_NONE) {
		v.alloc = (uint8_t)(live_alloc(&r->live.slot[v.slot]) + 1);
		return v;
	}
	for (unsigned i = 0; i < r->sys->nr_allocs; i++)
		spans_add(&all, r->sys, &r->sys->allocs[i]);
	for (size_t i = 0; i < all.nr; i++)
		if (pa >= all.v[i].base && pa < all.v[i].end &&
		    (v.alloc == 0 || all.v[i].class != MM_CACHED))
			v.alloc = (uint8_t)(all.v[i].alloc + 1);
	spans_finish(&all);
	return v;
}

/* ---- what became of a frame ---- */

static uint32_t slot_of_task(const struct replay *r, const struct trace_event *ev)
{
	vaddr_t task = r->stack.base;

	if (!r->stack.of_task || r->stack.bytes == 0)
		return SLOT_NONE;
	if (ev->slot != SLOT_NONE && live_va(r, &r->live.slot[ev->slot]) == task.v)
		return ev->slot;
	for (uint32_t i = 0; i < r->live.nr; i++)
		if (live_state(&r->live.slot[i]) == LIVE_TASK &&
		    live_va(r, &r->live.slot[i]) == task.v)
			return i;
	return SLOT_NONE;
}

static void note_depth(struct replay *r, uint32_t slot)
{
	const struct stack_move *m = &r->stack;
	struct stack_depth *d = m->irq ? &r->fig->stacks.deepest_irq : &r->fig->stacks.deepest;
	uint64_t used = m->base.v + m->bytes - m->sp.v;

	if (used > d->used)
		*d = (struct stack_depth){used, m->bytes, r->fig->event, slot};
}

static void finding(struct replay *r, const struct trace_event *ev, uint8_t what, uint32_t slot,
		    struct victim v)
{
	const struct stack_move *m = &r->stack;

	replay_finding(r, (struct bad_event){.where = m->lowest.v,
					     .number = m->below,
					     .slot = slot,
					     .other = v.slot,
					     .op = ev->op,
					     .what = what,
					     .alloc = v.alloc,
					     .nr_holders = (uint32_t)m->over_info});
}

/* The guard's page fault happens on the stack that has no room: the task is killed. */
static void kill_task(struct replay *r, struct sys_alloc *h, uint32_t slot)
{
	struct live *l;

	if (slot == SLOT_NONE)
		return;
	l = &r->live.slot[slot];
	if (end_task(r, h, l))
		live_set_failed(l);
}

static void judge(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
		  enum stack_result result, struct victim v)
{
	struct stack_figures *f = &r->fig->stacks;
	uint32_t slot = slot_of_task(r, ev);
	struct victim none = {.slot = SLOT_NONE};

	if (r->stack.end_gone)
		finding(r, ev, 'E', slot, none);
	switch (result) {
	case STACK_OVERRUN:
		f->overruns++;
		f->bytes_over += r->stack.below + r->stack.over_info;
		finding(r, ev, r->stack.below != 0 ? 'S' : 'I', slot, v);
		break;
	case STACK_GUARDED:
		f->guarded++;
		finding(r, ev, 'G', slot, none);
		kill_task(r, h, slot);
		return;
	case STACK_SMASHED:
		f->smashed++;
		finding(r, ev, 'X', slot, none);
		return;
	case STACK_TOO_MUCH:
		finding(r, ev, 'U', slot, none);
		return;
	case STACK_BUSY:
		replay_bad(r, ev, ev->op == OP_STACK_PUSH || ev->op == OP_STACK_POP ? 'p' : 'Q');
		return;
	default:
		break;
	}
	note_depth(r, slot);
}

/* ---- events ---- */

#define IRQ_FRAME_MOST 512u /* no interrupt saves more */

/* Would the frame reach below the stack?  Then whose memory lies there. */
static struct victim look_below(struct replay *r, const struct sys_alloc *h, struct stack_move at,
				uint64_t bytes)
{
	vaddr_t low = at.sp.v < at.base.v ? at.sp : at.base;

	if (at.bytes == 0 || at.sp.v - low.v >= bytes || r->fig->nr_bad >= MAX_BAD_EVENTS ||
	    h != holder(r, h))
		return (struct victim){.slot = SLOT_NONE};
	return victim_below(r, low);
}

static void do_frame(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	const struct task_ops *t = h->ops->tasks;
	struct live *l = replay_named(r, ev, LIVE_TASK);
	struct victim v = {.slot = SLOT_NONE};
	enum stack_result result;
	vaddr_t task;

	if (l == NULL)
		return;
	task.v = live_va(r, l);
	if (ev->op == OP_STACK_PUSH) {
		v = look_below(r, h, t->where(h->alloc, task, ev->cpu), ev->size);
		r->fig->stacks.pushes++;
		result = t->push(h->alloc, task, ev->size, ev->cpu, &r->stack);
	} else {
		result = t->pop(h->alloc, task, ev->size, ev->cpu, &r->stack);
	}
	judge(r, h, ev, result, v);
}

static void do_irq(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	const struct task_ops *t = h->ops->tasks;
	struct victim v = {.slot = SLOT_NONE};
	enum stack_result result;

	if (ev->op == OP_IRQ_ENTER) {
		v = look_below(r, h, t->where_irq(h->alloc, ev->cpu), IRQ_FRAME_MOST);
		result = t->irq_enter(h->alloc, ev->cpu, &r->stack);
	} else {
		result = t->irq_exit(h->alloc, ev->cpu, &r->stack);
	}
	judge(r, h, ev, result, v);
}

bool dispatch_task(struct replay *r, const struct trace_event *ev)
{
	struct sys_alloc *h = r->sys->group[GROUP_STACK];

	if (h == NULL || h->ops->tasks == NULL)
		return false;
	r->stack = (struct stack_move){.bytes = 0};
	if (ev->op == OP_TASK_CREATE)
		do_create(r, h, ev);
	else if (ev->op == OP_TASK_EXIT)
		do_exit(r, h, ev);
	else if (ev->op == OP_IRQ_ENTER || ev->op == OP_IRQ_EXIT)
		do_irq(r, h, ev);
	else
		do_frame(r, h, ev);
	return true;
}
