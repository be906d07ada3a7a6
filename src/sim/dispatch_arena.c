/*
 * Arenas: pushes, and a mass free of each.
 *
 * Every arena of the trace that is in use has a stack allocator of its own, with its own
 * memory and its own rows in the ledger.  The machine boots one; others are added when
 * several arenas are in use at once, and stay.  An arena that nothing was pushed on since
 * its mass free leaves its allocator, and the block that this has kept, to the next one
 * that the trace begins.
 */
#include "sim/dispatch_groups.h"
#include "sim/replay_account.h"

/* The index of the arena of that number; nr_arenas: it is nowhere, so nothing is in it. */
static unsigned find_arena(const struct figures *f, uint64_t number)
{
	unsigned i = f->last_arena;

	if (i < f->nr_arenas && f->arena[i].number == number)
		return i;
	for (i = 0; i < f->nr_arenas; i++)
		if (f->arena[i].number == number)
			break;
	return i;
}

/* The first that is empty; nr_arenas: all are in use. */
static unsigned idle_arena(const struct figures *f)
{
	unsigned i = 0;

	while (i < f->nr_arenas && f->arena[i].live_blocks != 0)
		i++;
	return i;
}

/* One more stack allocator, formatted; its failure is told.  false: no memory for it. */
static bool add_arena(struct replay *r, const struct trace_event *ev)
{
	struct sys_alloc *first = r->sys->group[GROUP_ARENA], *a;
	struct diag d = {0};

	/* One carved at boot is a range that a single allocator has. */
	if (first->arena.bytes != 0 || r->fig->nr_arenas == SYS_MAX_ARENAS) {
		mm_refuse(&first->view, MM_REFUSE_LIMIT);
		replay_failed(r, first, ev, ev->size, 0);
		return false;
	}
	a = system_add_arena(r->sys, &d);
	if (a != NULL && a->ops->init(a->alloc, &a->env) == 0)
		return true;
	if (a != NULL)
		system_drop_arena(r->sys);
	replay_failed(r, r->sys->pages, ev, ev->size, 0);
	return false;
}

/* The index of the arena to push on, begun if need be; nr_arenas: it could not be. */
static unsigned begin_arena(struct replay *r, const struct trace_event *ev)
{
	struct figures *f = r->fig;
	unsigned i = find_arena(f, ev->arg);

	if (i == f->nr_arenas)
		i = idle_arena(f);
	if (i == f->nr_arenas) {
		if (i != 0 && !add_arena(r, ev))
			return i;
		f->nr_arenas++;
	}
	f->arena[i].number = ev->arg;
	f->last_arena = i;
	return i;
}

static void push(struct replay *r, const struct trace_event *ev)
{
	struct figures *f = r->fig;
	unsigned i = begin_arena(r, ev);
	struct grant g = GRANT_NONE;
	struct sys_alloc *h;
	uint64_t pa;

	if (i == f->nr_arenas)
		return;
	h = system_arena(r->sys, i);
	r->req.size = ev->size;
	r->req.align = 0;
	if (ev->size <= LIVE_SIZE_MAX)
		g = h->ops->stack->push(h->alloc, &r->req);
	if (g.bytes == 0) {
		replay_failed(r, h, ev, ev->size, 0);
		return;
	}
	mm_account(&h->view, g.va, ev->size, MM_GRANTED, MM_PAYLOAD);
	mm_account(&h->view, g.va, g.bytes - ev->size, MM_GRANTED, MM_ROUNDING);
	f->arena[i].live_blocks++;
	f->live_blocks++;
	pa = mem_pa(&h->view, g.va).v;
	replay_more_live(r, h, ev->size, pa, pa + g.bytes);
}

/* Only the ledger knows what was requested of the bytes that became free. */
static void mass_free(struct replay *r, unsigned i)
{
	struct figures *f = r->fig;
	struct sys_alloc *h = system_arena(r->sys, i);

	replay_before_death(r);
	h->ops->stack->free_all(h->alloc);
	for (unsigned g = 0; g < r->sys->machine->nr_regions; g++) {
		struct mm_row *row = &h->view.rows[g];

		f->live_bytes -= (uint64_t)row->bytes[MM_PAYLOAD];
		row->bytes[MM_GRANTED] += row->bytes[MM_PAYLOAD] + row->bytes[MM_ROUNDING];
		row->bytes[MM_PAYLOAD] = row->bytes[MM_ROUNDING] = 0;
		row->changed = MM_ROW_CHANGED;
	}
	f->live_blocks -= f->arena[i].live_blocks;
	f->arena[i].live_blocks = 0;
	f->last_arena = i;
	if (h->arena.bytes == 0)
		held_footprint(r, h);
}

bool dispatch_arena(struct replay *r, const struct trace_event *ev)
{
	struct sys_alloc *first = r->sys->group[GROUP_ARENA];
	unsigned i = find_arena(r->fig, ev->arg);

	if (first == NULL || first->ops->stack == NULL)
		return false;
	if (ev->op == OP_ARENA_PUSH)
		push(r, ev);
	else if (i != r->fig->nr_arenas) /* else nothing was pushed on it */
		mass_free(r, i);
	return true;
}
