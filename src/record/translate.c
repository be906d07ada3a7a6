#include "record/translate.h"

#include <stdio.h>
#include <stdlib.h>

static int no_memory(struct translator *t, struct diag *d)
{
	return diag_set(d, t->path, 0, 0, "out of memory with %zu live blocks", t->live.used);
}

/* ---- events ---- */

static int put(struct translator *t, struct trace_event *ev, struct diag *d)
{
	return trace_writer_put(t->writer, ev, d);
}

/* What every event of a call carries. */
static struct trace_event event_of(struct translator *t, const struct heap_call *call,
				   enum trace_op op)
{
	struct trace_event ev = {
		.op = (uint8_t)op,
		.size = call->size,
		.ctx = (uint16_t)call->thread,
	};

	if (call->timed) {
		/*
		 * Threads take the time before their place
		 * in the order: here it never runs back.
		 */
		uint64_t at = call->time_ns < t->start_ns ? 0 : call->time_ns - t->start_ns;

		if (at > t->last_ns)
			t->last_ns = at;
		ev.time_ns = t->last_ns;
		ev.flags = EV_HAS_TIME;
	}
	if (t->sites != NULL && call->site != 0)
		ev.site = sites_index(t->sites, call->site, t->writer);
	return ev;
}

static int put_free(struct translator *t, const struct heap_call *call, uint32_t slot,
		    uint8_t flags, struct diag *d)
{
	struct trace_event ev = event_of(t, call, OP_FREE);

	ev.size = 0;
	ev.slot = slot;
	ev.flags |= flags;
	return put(t, &ev, d);
}

static int put_unknown_free(struct translator *t, const struct heap_call *call, struct diag *d)
{
	if (t->beginning_unknown) {
		t->foreign++;
		return 0;
	}
	return put_free(t, call, SLOT_NONE, EV_UNKNOWN_ID, d);
}

/* The address was received anew, so the block that the table has there is gone. */
static int mend(struct translator *t, const struct heap_call *call, struct live_cell *stale,
		struct diag *d)
{
	uint32_t slot = stale->slot;

	livemap_remove(&t->live, stale);
	t->mended++;
	return put_free(t, call, slot, 0, d);
}

/* An empty cell for the address received. */
static struct live_cell *new_cell(struct translator *t, const struct heap_call *call,
				  struct diag *d)
{
	struct live_cell *cell;

	if (livemap_reserve(&t->live) != 0) {
		no_memory(t, d);
		return NULL;
	}
	cell = livemap_cell(&t->live, call->address);
	if (cell->address == 0)
		return cell;
	return mend(t, call, cell, d) == 0 ? livemap_cell(&t->live, call->address) : NULL;
}

static int enter(struct translator *t, const struct heap_call *call, struct live_cell *cell,
		 uint32_t slot, struct diag *d)
{
	*cell = (struct live_cell){call->address, slot, (uint32_t)call->align};
	t->live.used++;
	return livemap_set_size(&t->live, slot, call->size) == 0 ? 0 : no_memory(t, d);
}

static int put_failed_birth(struct translator *t, struct trace_event *ev, struct diag *d)
{
	ev->slot = SLOT_NONE;
	ev->flags |= EV_NULL;
	return put(t, ev, d);
}

static int put_birth(struct translator *t, const struct heap_call *call, enum trace_op op,
		     uint64_t arg, uint8_t flags, struct diag *d)
{
	struct trace_event ev = event_of(t, call, op);
	struct live_cell *cell;

	ev.arg = arg;
	ev.flags |= flags;
	if (call->address == 0)
		return put_failed_birth(t, &ev, d);
	cell = new_cell(t, call, d);
	return cell != NULL && put(t, &ev, d) == 0 ? enter(t, call, cell, ev.slot, d) : -1;
}

/* ---- realloc ---- */

/* Takes a block out of the table; address 0 in the result: unknown. */
static struct live_cell take(struct translator *t, uint64_t address)
{
	struct live_cell *at = livemap_find(&t->live, address), taken = {0};

	if (at != NULL) {
		taken = *at;
		livemap_remove(&t->live, at);
	}
	return taken;
}

static int begin_move(struct translator *t, const struct heap_call *call, struct diag *d)
{
	if (t->nr_moving == t->max_moving) {
		size_t max = t->max_moving * 2 + 16;
		struct moving *more = realloc(t->moving, max * sizeof *more);

		if (more == NULL)
			return no_memory(t, d);
		t->moving = more;
		t->max_moving = max;
	}
	t->moving[t->nr_moving++] = (struct moving){call->thread, take(t, call->address)};
	return 0;
}

/* The old block: taken out when the call began, or still in the table. */
static struct live_cell end_move(struct translator *t, const struct heap_call *call)
{
	for (size_t i = t->nr_moving; i-- > 0;) {
		struct live_cell live = t->moving[i].live;

		if (t->moving[i].thread == call->thread &&
		    (live.address == call->old || live.address == 0)) {
			t->moving[i] = t->moving[--t->nr_moving];
			return live;
		}
	}
	return take(t, call->old);
}

/* The block lives on where it was. */
static int put_failed_move(struct translator *t, const struct live_cell *old,
			   struct trace_event *ev, struct diag *d)
{
	ev->flags |= EV_FAILED;
	if (livemap_put(&t->live, old->address, old->slot, old->align) != 0)
		return no_memory(t, d);
	return put(t, ev, d);
}

static int put_move(struct translator *t, const struct heap_call *call, const struct live_cell *old,
		    struct diag *d)
{
	struct trace_event ev = event_of(t, call, OP_REALLOC);
	struct live_cell *cell;

	ev.slot = old->slot;
	if (call->address == 0)
		return put_failed_move(t, old, &ev, d);
	cell = new_cell(t, call, d);
	return cell != NULL && put(t, &ev, d) == 0 ? enter(t, call, cell, old->slot, d) : -1;
}

static int put_realloc(struct translator *t, const struct heap_call *call, struct diag *d)
{
	struct live_cell old;

	if (call->old == 0)
		return put_birth(t, call, OP_REALLOC, 0, EV_NULL, d);
	old = end_move(t, call);
	if (old.address == 0) {
		if (put_unknown_free(t, call, d) != 0)
			return -1;
		return call->address == 0 ? 0 : put_birth(t, call, OP_MALLOC, 0, 0, d);
	}
	if (call->address == 0 && call->size == 0)
		return put_free(t, call, old.slot, 0, d);
	return put_move(t, call, &old, d);
}

/* ---- the trace ---- */

int translator_inherit(struct livemap *child, const struct translator *t)
{
	if (livemap_clone(child, &t->live) != 0)
		return -1;
	for (size_t i = 0; i < t->nr_moving; i++) {
		const struct live_cell *old = &t->moving[i].live;

		if (old->address != 0 &&
		    livemap_put(child, old->address, old->slot, old->align) != 0)
			return -1;
	}
	return 0;
}

/* The blocks that a child inherited are born in the order of the parent's slots. */
static int put_inherited(struct translator *t, struct diag *d)
{
	struct live_cell *live = livemap_by_slot(&t->live);
	int err = 0;

	if (live == NULL && t->live.used != 0)
		return no_memory(t, d);
	t->inherited = t->live.used;
	for (size_t i = 0; i < t->inherited && err == 0; i++) {
		struct trace_event ev = {
			.op = live[i].align != 0 ? OP_MEMALIGN : OP_MALLOC,
			.size = t->live.sizes[live[i].slot],
			.arg = live[i].align,
		};

		err = put(t, &ev, d);
		/* Births take slots 0, 1, 2 ...; the parent's are at least as high. */
		livemap_find(&t->live, live[i].address)->slot = ev.slot;
		t->live.sizes[ev.slot] = ev.size;
	}
	free(live);
	return err;
}

static int put_phase(struct translator *t, struct diag *d)
{
	struct trace_event phase = {.op = OP_PHASE, .slot = SLOT_NONE};
	char text[64];
	int n = snprintf(text, sizeof text, "forked from process %d", t->parent_pid);

	phase.arg = trace_writer_string(t->writer, text, (size_t)n);
	return put(t, &phase, d);
}

int translator_begin(struct translator *t, struct diag *d)
{
	const struct trace_writer_options options = {
		.encoding = TRACE_BINARY, .level = 1, .thread = true};

	t->writer = trace_writer_open(t->path, &options, d);
	if (t->writer == NULL)
		return -1;
	if (t->parent_pid == 0)
		return 0;
	return put_inherited(t, d) == 0 ? put_phase(t, d) : -1;
}

int translator_put(struct translator *t, const struct heap_call *call, struct diag *d)
{
	struct live_cell freed;

	if (t->writer == NULL && translator_begin(t, d) != 0)
		return -1;
	switch (call->kind) {
	case CALL_MALLOC:
		return put_birth(t, call, OP_MALLOC, 0, 0, d);
	case CALL_CALLOC:
		return put_birth(t, call, OP_CALLOC, call->count, 0, d);
	case CALL_MEMALIGN:
		return put_birth(t, call, OP_MEMALIGN, call->align, 0, d);
	case CALL_REALLOC:
		return put_realloc(t, call, d);
	case CALL_REALLOC_BEGIN:
		return begin_move(t, call, d);
	default:
		break;
	}
	if (call->address == 0)
		return put_free(t, call, SLOT_NONE, EV_NULL, d);
	freed = take(t, call->address);
	if (freed.address == 0)
		return put_unknown_free(t, call, d);
	return put_free(t, call, freed.slot, 0, d);
}

int translator_plain(struct translator *t, enum ring_kind kind, uint32_t thread, uint64_t address,
		     uint64_t size, struct diag *d)
{
	struct live_cell *cell;
	uint32_t slot;

	if (address == 0 || (kind != CALL_MALLOC && kind != CALL_FREE) || t->writer == NULL ||
	    t->sites != NULL || livemap_reserve(&t->live) != 0)
		return 0;
	cell = livemap_cell(&t->live, address);
	if ((cell->address == 0) == (kind == CALL_FREE))
		return 0;
	if (kind == CALL_FREE) {
		slot = cell->slot;
		livemap_remove(&t->live, cell);
		return trace_writer_free(t->writer, (uint16_t)thread, slot, d) == 0 ? 1 : -1;
	}
	if (trace_writer_malloc(t->writer, (uint16_t)thread, size, &slot, d) != 0)
		return -1;
	if (livemap_set_size(&t->live, slot, size) != 0)
		return no_memory(t, d);
	*cell = (struct live_cell){address, slot, 0};
	t->live.used++;
	return 1;
}

uint64_t translator_events(const struct translator *t)
{
	return t->writer == NULL ? 0 : trace_writer_events(t->writer);
}

int translator_finish(struct translator *t, struct diag *d)
{
	int err = 0;

	if (t->writer != NULL)
		err = trace_writer_close(t->writer, d);
	t->writer = NULL;
	livemap_finish(&t->live);
	free(t->moving);
	t->moving = NULL;
	t->nr_moving = t->max_moving = 0;
	return err;
}
