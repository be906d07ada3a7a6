#include "sim/trace_pages.h"

#include <stdlib.h>

#include "sim/slots.h"
#include "sim/trace_copy.h"
#include "sim/trace_ops.h"

/* The copy comes first, so that its callback finds the rest. */
struct pages {
	struct trace_copy copy;
	uint64_t page; /* bytes */
	unsigned max_order;
	struct pages_counts *out;
	uint8_t *order; /* by the source's slot: the order its block has; owned */
	uint32_t nr_order;
};

/* The order whose block holds so many bytes; beyond the largest: oversize. */
static unsigned order_of(const struct pages *p, uint64_t size)
{
	unsigned order = 0;

	while (order <= p->max_order && p->page << order < size)
		order++;
	return order;
}

static bool remember_order(struct pages *p, uint32_t slot, unsigned order)
{
	uint32_t nr = slots_room(p->nr_order, slot);
	uint8_t *grown;

	grown = nr == p->nr_order ? p->order : realloc(p->order, nr);
	if (grown == NULL)
		return false;
	p->order = grown;
	p->nr_order = nr;
	p->order[slot] = (uint8_t)order;
	return true;
}

/* A block of pages is born for an object, under the object's slot of the source. */
static int put_birth(struct pages *p, const struct trace_event *ev, struct diag *d)
{
	struct trace_event e = {.op = OP_ALLOC_PAGES,
				.slot = ev->slot,
				.time_ns = ev->time_ns,
				.flags = ev->flags & EV_HAS_TIME,
				.ctx = ev->ctx,
				.cpu = ev->cpu,
				.site = ev->site,
				.tag = ev->tag};
	unsigned order = order_of(p, ev->size);

	if (order > p->max_order) {
		p->out->oversize++;
		return trace_copy_drop(&p->copy, &e, d);
	}
	if (!remember_order(p, ev->slot, order))
		return diag_set(d, "", 0, 0, "out of memory");
	e.order = (uint8_t)order;
	return trace_copy_put(&p->copy, &e, d);
}

static int put_death(struct pages *p, const struct trace_event *ev, struct diag *d)
{
	struct trace_event e = {.op = OP_FREE_PAGES,
				.slot = ev->slot,
				.time_ns = ev->time_ns,
				.flags = ev->flags & EV_HAS_TIME,
				.ctx = ev->ctx,
				.cpu = ev->cpu};

	if (trace_copy_has(&p->copy, ev->slot))
		e.order = p->order[ev->slot];
	return trace_copy_put(&p->copy, &e, d);
}

/* A block of pages of the trace's own.  A wrong free may take it for an object's. */
static int put_own(struct pages *p, const struct trace_event *ev, struct diag *d)
{
	if (ev->slot != SLOT_NONE && trace_op_births(ev->op, ev->flags) &&
	    !remember_order(p, ev->slot, ev->order))
		return diag_set(d, "", 0, 0, "out of memory");
	return trace_copy_put(&p->copy, ev, d);
}

/* A realloc that needs another order is a free and a new block. */
static int put(struct trace_copy *c, const struct trace_event *ev, struct diag *d)
{
	struct pages *p = (struct pages *)c;
	enum trace_life life = trace_op_life(ev->op);

	if (trace_op_is_marker(ev->op))
		return trace_copy_put(c, ev, d);
	if (trace_op_group(ev->op) == TG_PAGES)
		return put_own(p, ev, d);
	if (ev->slot == SLOT_NONE)
		return trace_copy_drop(c, ev, d);
	if (trace_op_births(ev->op, ev->flags))
		return put_birth(p, ev, d);
	if (life == LIFE_D)
		return put_death(p, ev, d);
	if (life != LIFE_M || ev->flags & EV_FAILED ||
	    (trace_copy_has(c, ev->slot) && p->order[ev->slot] == order_of(p, ev->size)))
		return trace_copy_drop(c, ev, d);
	if (trace_copy_has(c, ev->slot) && put_death(p, ev, d) != 0)
		return -1;
	return put_birth(p, ev, d);
}

int trace_as_pages(struct trace_reader *r, uint64_t page, unsigned max_order,
		   struct trace_writer *w, struct pages_counts *out, struct diag *d)
{
	struct pages p = {.page = page, .max_order = max_order, .out = out};
	int err;

	*out = (struct pages_counts){0};
	trace_copy_init(&p.copy, r, w);
	err = trace_copy_all(&p.copy, put, d);
	out->copied = p.copy.copied;
	out->left_out = p.copy.left_out;
	trace_copy_finish(&p.copy);
	free(p.order);
	return err;
}
