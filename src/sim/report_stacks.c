/* The report's `stacks` block: kernel stacks, how deep they went, and what ran over. */
#include "sim/report_parts.h"

static json_t *depth_json(const struct stack_depth *d)
{
	json_t *o = json_pack("{s:I, s:I, s:I}", "used_bytes", (json_int_t)d->used, "stack_bytes",
			      (json_int_t)d->bytes, "event", (json_int_t)d->event);

	if (d->slot != SLOT_NONE)
		json_object_set_new(o, "id", json_integer((json_int_t)d->slot));
	return o;
}

struct reading {
	const struct sys_alloc *h;
	struct task_figures f;
};

static void read_figures(void *ctx)
{
	struct reading *x = ctx;

	x->h->ops->tasks->figures(x->h->alloc, &x->f);
}

json_t *report_stacks(struct replay *r)
{
	const struct sys_alloc *h = r->sys->group[GROUP_STACK];
	const struct stack_figures *f = &r->fig->stacks;
	struct reading x = {.h = h};
	json_t *o;

	if (h == NULL || h->ops->tasks == NULL || !replay_read(r, read_figures, &x))
		return json_object();
	o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "name", h->name, "kind",
		      h->ops->name, "tasks", (json_int_t)x.f.tasks, "task_bytes",
		      (json_int_t)x.f.bytes, "cpu_stacks", (json_int_t)x.f.cpu_stacks, "cpu_bytes",
		      (json_int_t)x.f.cpu_bytes, "usable_bytes", (json_int_t)x.f.usable, "guarded",
		      x.f.guarded, "irq_stacks", x.f.irq_stacks);
	json_object_set_new(o, "pushes", json_integer((json_int_t)f->pushes));
	json_object_set_new(o, "overruns", json_integer((json_int_t)f->overruns));
	json_object_set_new(o, "overrun_bytes", json_integer((json_int_t)f->bytes_over));
	json_object_set_new(o, "guard_hits", json_integer((json_int_t)f->guarded));
	json_object_set_new(o, "smashed_returns", json_integer((json_int_t)f->smashed));
	json_object_set_new(o, "deepest", depth_json(&f->deepest));
	json_object_set_new(o, "deepest_irq", depth_json(&f->deepest_irq));
	return o;
}
