/* Kernel stacks: tasks come and go, frames are pushed and popped, interrupts nest. */
#include "conformance/driver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { CREATE, EXIT, PUSH, POP, ENTER, LEAVE, OVER, WRONG };
static const char *const words[] = {"task_create", "task_exit", "stack_push", "stack_pop",
				    "irq_enter",   "irq_leave", "overflow",   "wrong stack"};

/* Parameters, in the kind's order. */
enum { P_BYTES, P_VMAPPED, P_IRQ_STACKS, P_INFO, P_IRQ_FRAME };

#define CPUS 2u

static unsigned cpu_of(const struct op *o)
{
	return o->small % CPUS;
}

static bool offered(const struct alloc_ops *ops)
{
	return ops->tasks != NULL;
}

static uint64_t word_of(const struct world *w)
{
	return w->sc.in->word;
}

static uint64_t page_of(const struct world *w)
{
	return 1ull << w->own->env.page_shift;
}

static uint64_t parameter(const struct world *w, unsigned i)
{
	return w->own->params[i].u;
}

static uint64_t irq_frame(const struct world *w)
{
	return round_up(parameter(w, P_IRQ_FRAME), word_of(w));
}

/* Bytes that no frame may use. */
static uint64_t low_end(const struct world *w)
{
	return round_up(parameter(w, P_INFO), word_of(w)) + word_of(w);
}

static struct op random_op(struct prng *p, const struct world *w, const struct shadow *s)
{
	static const uint8_t dice[] = {CREATE, CREATE, CREATE, EXIT, EXIT,  PUSH,  PUSH,
				       PUSH,   PUSH,   POP,    POP,  POP,   ENTER, ENTER,
				       LEAVE,  LEAVE,  LEAVE,  OVER, WRONG, PUSH};
	struct op o = {.code = dice[prng_below(p, 20)], .pick = (uint32_t)prng_next(p)};

	(void)s;
	o.small = (uint8_t)prng_below(p, CPUS);
	o.size = prng_below(p, 4) == 0 ? prng_below(p, 3 * page_of(w)) : prng_below(p, 300);
	return o;
}

/* ---- the model ---- */

static struct shadow_map *task_at(struct shadow *s, uint64_t base)
{
	for (unsigned i = 0; i < s->nr_maps; i++)
		if (s->map_of[i].va == base)
			return &s->map_of[i];
	return NULL;
}

/* A stack in use: how much of it, and how much there is. */
struct in_use {
	uint64_t *used, bytes;
};

static struct in_use stack_of(const struct world *w, struct shadow *s, unsigned cpu, bool irq)
{
	struct shadow_cpu *c = &s->cpu[cpu];
	struct shadow_map *t = task_at(s, c->current);

	if (irq)
		return (struct in_use){&c->irq_used, page_of(w)};
	if (t == NULL)
		return (struct in_use){&c->idle_used, page_of(w)};
	return (struct in_use){&t->pa, t->bytes};
}

static bool in_irq(const struct world *w, const struct shadow *s, unsigned cpu)
{
	return s->cpu[cpu].depth != 0 && parameter(w, P_IRQ_STACKS) != 0;
}

static bool fits(const struct world *w, struct in_use x, uint64_t n)
{
	return *x.used + n + low_end(w) <= x.bytes;
}

/* The task that an operation on `cpu` is for: one that no other CPU runs; NULL: none. */
static struct shadow_map *pick_task(struct shadow *s, const struct op *o)
{
	struct shadow_map *t;

	if (s->nr_maps == 0)
		return NULL;
	t = &s->map_of[o->pick % s->nr_maps];
	for (unsigned i = 0; i < CPUS; i++)
		if (i != cpu_of(o) && s->cpu[i].current == t->va)
			return NULL;
	return t;
}

static void must_be_at(const struct stack_move *m, struct in_use x)
{
	if (m->base.v + m->bytes - m->sp.v != *x.used || m->bytes != x.bytes)
		fail_msg("the stack pointer says %llu of %llu bytes are in use, not %llu of %llu",
			 (unsigned long long)(m->base.v + m->bytes - m->sp.v),
			 (unsigned long long)m->bytes, (unsigned long long)*x.used,
			 (unsigned long long)x.bytes);
}

/* ---- operations ---- */

static uint64_t do_create(struct world *w, struct shadow *s, const struct op *o)
{
	uint64_t bytes = o->pick % 3 == 0 ? 0 : page_of(w) << o->pick % 2;
	uint64_t least = low_end(w) + 2 * irq_frame(w);
	struct alloc_req req = world_req(0, 0);
	struct image_hash was = before_op(w, s);
	struct grant g;

	s->tokens = false;
	if (s->nr_maps == SHADOW_MAPS)
		return 0;
	g = w->top->ops->tasks->create(w->top, bytes, &req);
	after_op(w, s, was, g.bytes == 0);
	if (g.bytes == 0)
		return 1;
	if (g.bytes < (bytes != 0 ? bytes : parameter(w, P_BYTES)) || g.bytes < least ||
	    !is_pow2(g.bytes) || g.bytes < page_of(w))
		fail_msg("a stack of %llu bytes for %llu", (unsigned long long)g.bytes,
			 (unsigned long long)bytes);
	if (parameter(w, P_VMAPPED) == 0)
		shadow_add(s, w, (struct block){.base = g.va.v, .bytes = g.bytes});
	s->map_of[s->nr_maps++] = (struct shadow_map){g.va.v, 0, g.bytes, 0};
	return digest(g.va.v, g.bytes);
}

static uint64_t end_task(struct world *w, struct shadow *s, unsigned i)
{
	struct shadow_map t = s->map_of[i];

	if (w->top->ops->tasks->exit(w->top, (vaddr_t){t.va}) != t.bytes)
		fail_msg("the stack at %#llx does not end", (unsigned long long)t.va);
	if (parameter(w, P_VMAPPED) == 0)
		shadow_del(s, w, (unsigned)shadow_find(s, t.va));
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		if (s->cpu[cpu].current == t.va) {
			s->cpu[cpu].current = 0;
			s->cpu[cpu].depth = 0;
			s->cpu[cpu].irq_used = 0;
		}
	s->map_of[i] = s->map_of[--s->nr_maps];
	return 2;
}

static uint64_t do_exit(struct world *w, struct shadow *s, const struct op *o)
{
	return s->nr_maps == 0 ? 0 : end_task(w, s, o->pick % s->nr_maps);
}

static uint64_t do_push(struct world *w, struct shadow *s, const struct op *o)
{
	struct shadow_map *t = pick_task(s, o);
	uint64_t n = round_up(o->size ? o->size : 1, word_of(w));
	struct stack_move m;
	struct in_use x;

	if (t == NULL)
		return 0;
	if (s->cpu[cpu_of(o)].depth == 0)
		s->cpu[cpu_of(o)].current = t->va;
	x = stack_of(w, s, cpu_of(o), in_irq(w, s, cpu_of(o)));
	/* What an overflow does to others is not for this driver. */
	if (!fits(w, x, n))
		n = word_of(w);
	if (!fits(w, x, n))
		return 0;
	if (w->top->ops->tasks->push(w->top, (vaddr_t){t->va}, n, cpu_of(o), &m) != STACK_FITS)
		fail_msg("a frame of %llu bytes does not fit", (unsigned long long)n);
	*x.used += n;
	must_be_at(&m, x);
	return digest(4, m.sp.v);
}

static uint64_t do_pop(struct world *w, struct shadow *s, const struct op *o)
{
	struct shadow_map *t = pick_task(s, o);
	uint64_t n = round_up(o->size ? o->size : 1, word_of(w)), most;
	struct shadow_cpu *c = &s->cpu[cpu_of(o)];
	enum stack_result result;
	struct stack_move m;
	struct in_use x;

	if (t == NULL)
		return 0;
	if (c->depth == 0)
		c->current = t->va;
	x = stack_of(w, s, cpu_of(o), in_irq(w, s, cpu_of(o)));
	most = *x.used - (c->depth != 0 ? c->level[c->depth - 1] + irq_frame(w) : 0);
	result = w->top->ops->tasks->pop(w->top, (vaddr_t){t->va}, n, cpu_of(o), &m);
	if (result != (n <= most ? STACK_FITS : STACK_TOO_MUCH))
		fail_msg("a pop of %llu bytes of %llu ends with %d", (unsigned long long)n,
			 (unsigned long long)most, result);
	*x.used -= n <= most ? n : 0;
	must_be_at(&m, x);
	return digest(5, m.sp.v);
}

static uint64_t do_enter(struct world *w, struct shadow *s, const struct op *o)
{
	bool own = parameter(w, P_IRQ_STACKS) != 0;
	struct shadow_cpu *c = &s->cpu[cpu_of(o)];
	struct in_use task = stack_of(w, s, cpu_of(o), false), irq = stack_of(w, s, cpu_of(o), own);
	struct stack_move m;

	if (c->depth == 8) {
		if (w->top->ops->tasks->irq_enter(w->top, cpu_of(o), &m) != STACK_BUSY)
			fail_msg("nine interrupts in each other");
		return 6;
	}
	if (!fits(w, task, irq_frame(w)) || !fits(w, irq, irq_frame(w)))
		return 0;
	if (w->top->ops->tasks->irq_enter(w->top, cpu_of(o), &m) != STACK_FITS)
		fail_msg("no room for an interrupt");
	if (own && c->depth == 0)
		*task.used += irq_frame(w);
	c->level[c->depth++] = *irq.used;
	*irq.used += irq_frame(w);
	must_be_at(&m, irq);
	return digest(7, m.sp.v);
}

static uint64_t do_leave(struct world *w, struct shadow *s, const struct op *o)
{
	bool own = parameter(w, P_IRQ_STACKS) != 0;
	struct shadow_cpu *c = &s->cpu[cpu_of(o)];
	struct in_use task = stack_of(w, s, cpu_of(o), false), irq = stack_of(w, s, cpu_of(o), own);
	struct stack_move m;
	enum stack_result result = w->top->ops->tasks->irq_exit(w->top, cpu_of(o), &m);

	if (c->depth == 0) {
		if (result != STACK_BUSY)
			fail_msg("an interrupt is left that was not entered");
		return 8;
	}
	if (result != STACK_FITS)
		fail_msg("an interrupt cannot be left");
	*irq.used = c->level[--c->depth];
	if (own && c->depth == 0)
		*task.used -= irq_frame(w);
	must_be_at(&m, own && c->depth != 0 ? irq : task);
	return digest(9, m.sp.v);
}

/* With a page below that is not mapped, a frame that is too large changes nothing. */
static uint64_t do_over(struct world *w, struct shadow *s, const struct op *o)
{
	struct shadow_map *t = pick_task(s, o);
	struct image_hash was;
	struct stack_move m;
	uint64_t n;

	if (t == NULL || parameter(w, P_VMAPPED) == 0 || s->cpu[cpu_of(o)].current != t->va ||
	    s->cpu[cpu_of(o)].depth != 0)
		return 0;
	n = round_up(t->bytes - t->pa + 1 + o->size, word_of(w));
	was = before_op(w, s);
	if (w->top->ops->tasks->push(w->top, (vaddr_t){t->va}, n, cpu_of(o), &m) != STACK_GUARDED)
		fail_msg("the guard page does not catch a frame of %llu bytes",
			 (unsigned long long)n);
	after_op(w, s, was, true);
	return digest(10, m.below);
}

static uint64_t do_wrong(struct world *w, struct shadow *s, const struct op *o)
{
	struct image_hash was = before_op(w, s);
	struct stack_move m;
	bool likely;
	vaddr_t va = {wrong_pointer(w, s, o->pick, o->pick / 16, &likely)};

	if (task_at(s, va.v) != NULL)
		return 0;
	if (w->top->ops->tasks->exit(w->top, va) != FREE_BAD ||
	    w->top->ops->tasks->push(w->top, va, 8, cpu_of(o), &m) != STACK_BUSY ||
	    w->top->ops->tasks->pop(w->top, va, 8, cpu_of(o), &m) != STACK_BUSY ||
	    w->top->ops->tasks->irq_enter(w->top, CPUS, &m) != STACK_BUSY)
		fail_msg("%#llx is no stack", (unsigned long long)va.v);
	after_op(w, s, was, true);
	return 11;
}

static uint64_t apply(struct world *w, struct shadow *s, const struct op *o)
{
	static uint64_t (*const fn[])(struct world *, struct shadow *, const struct op *) = {
		do_create, do_exit, do_push, do_pop, do_enter, do_leave, do_over, do_wrong};

	return fn[o->code](w, s, o);
}

static unsigned small(const struct world *w, struct op *out)
{
	unsigned n = 0;

	(void)w;
	out[n++] = (struct op){.code = CREATE, .pick = 2};
	out[n++] = (struct op){.code = EXIT};
	for (uint8_t cpu = 0; cpu < CPUS; cpu++) {
		out[n++] = (struct op){.code = PUSH, .small = cpu, .size = 24};
		out[n++] = (struct op){.code = POP, .small = cpu, .size = 16};
		out[n++] = (struct op){.code = ENTER, .small = cpu};
		out[n++] = (struct op){.code = LEAVE, .small = cpu};
	}
	return n;
}

static void drain(struct world *w, struct shadow *s)
{
	struct task_figures f;

	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		while (s->cpu[cpu].depth != 0)
			do_leave(w, s, &(struct op){.small = (uint8_t)cpu});
	while (s->nr_maps > 0)
		end_task(w, s, 0);
	w->top->ops->tasks->figures(w->top, &f);
	if (f.tasks != 0 || f.bytes != 0)
		fail_msg("%llu tasks live when all have ended", (unsigned long long)f.tasks);
}

/* A frame may use every byte above the low end; one word more runs over the end mark. */
static void fresh(struct world *w, struct shadow *s)
{
	uint64_t room;
	struct stack_move m;

	if (do_create(w, s, &(struct op){.pick = 2}) == 1)
		return;
	room = s->map_of[0].bytes - low_end(w);
	assert_int_equal(w->top->ops->tasks->push(w->top, (vaddr_t){s->map_of[0].va}, room, 0, &m),
			 STACK_FITS);
	world_check(w);
	assert_int_equal(
		w->top->ops->tasks->push(w->top, (vaddr_t){s->map_of[0].va}, word_of(w), 0, &m),
		STACK_OVERRUN);
	assert_int_equal(m.over_info, word_of(w));
	assert_int_equal(m.below, 0);
	world_check(w);
	assert_int_equal(w->top->ops->tasks->pop(w->top, (vaddr_t){s->map_of[0].va},
						 room + word_of(w), 0, &m),
			 STACK_FITS);
}

const struct driver drive_tasks = {
	.facet = "tasks",
	.settings = SETTING_GROWN,
	.offered = offered,
	.random = random_op,
	.apply = apply,
	.small = small,
	.drain = drain,
	.fresh = fresh,
	.words = words,
	.nr_codes = WRONG + 1,
};
