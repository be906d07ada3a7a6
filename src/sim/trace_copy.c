#include "sim/trace_copy.h"

#include <stdlib.h>
#include <string.h>

#include "sim/trace_ops.h"

void trace_copy_init(struct trace_copy *c, struct trace_reader *r, struct trace_writer *w)
{
	*c = (struct trace_copy){.r = r, .w = w};
}

void trace_copy_finish(struct trace_copy *c)
{
	free(c->slot);
	free(c->string);
	free(c->gone);
	*c = (struct trace_copy){0};
}

/* Room for `index` in a table of numbers; new entries are `fill`. */
static bool room(uint32_t **table, uint32_t *nr, uint32_t index, uint32_t fill)
{
	uint64_t cap = *nr ? *nr : 256;
	uint32_t *grown;

	if (index < *nr)
		return true;
	while (cap <= index)
		cap *= 2;
	grown = realloc(*table, cap * sizeof *grown);
	if (grown == NULL)
		return false;
	for (uint64_t i = *nr; i < cap; i++)
		grown[i] = fill;
	*table = grown;
	*nr = (uint32_t)cap;
	return true;
}

bool trace_copy_has(const struct trace_copy *c, uint32_t slot)
{
	return slot < c->nr_slots && c->slot[slot] != SLOT_NONE;
}

static uint32_t copy_string(struct trace_copy *c, uint32_t index)
{
	const char *text;

	if (index == 0 || !room(&c->string, &c->nr_strings, index, 0))
		return 0;
	if (c->string[index] == 0) {
		text = trace_string(c->r, index);
		c->string[index] = trace_writer_string(c->w, text, strlen(text)) + 1;
	}
	return c->string[index] - 1;
}

/* ---- caches and pools that are still named after their end ---- */

static bool add_gone(struct trace_copy *c, uint32_t from, uint32_t to)
{
	if (c->nr_gone == c->room_gone) {
		uint32_t n = c->room_gone != 0 ? c->room_gone * 2 : 16;
		struct gone_slot *grown = realloc(c->gone, n * sizeof *grown);

		if (grown == NULL)
			return false;
		c->gone = grown;
		c->room_gone = n;
	}
	c->gone[c->nr_gone++] = (struct gone_slot){from, to};
	return true;
}

/* A birth takes a slot of the reader's, and one of the writer's unless it is left out. */
static void forget_gone(struct trace_copy *c, uint32_t from, uint32_t to)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < c->nr_gone; i++)
		if (c->gone[i].from != from && c->gone[i].to != to)
			c->gone[kept++] = c->gone[i];
	c->nr_gone = kept;
}

static uint32_t second_slot(const struct trace_copy *c, uint32_t slot)
{
	if (trace_copy_has(c, slot))
		return c->slot[slot];
	for (uint32_t i = 0; i < c->nr_gone; i++)
		if (c->gone[i].from == slot)
			return c->gone[i].to;
	return SLOT_NONE;
}

int trace_copy_name(struct trace_copy *c, uint32_t slot, uint32_t written, struct diag *d)
{
	if (!room(&c->slot, &c->nr_slots, slot, SLOT_NONE))
		return diag_set(d, "", 0, 0, "out of memory");
	c->slot[slot] = written;
	forget_gone(c, slot, written);
	return 0;
}

int trace_copy_drop(struct trace_copy *c, const struct trace_event *ev, struct diag *d)
{
	c->left_out++;
	if (ev->slot == SLOT_NONE || !trace_op_births(ev->op, ev->flags))
		return 0;
	if (!room(&c->slot, &c->nr_slots, ev->slot, SLOT_NONE))
		return diag_set(d, "", 0, 0, "out of memory");
	c->slot[ev->slot] = SLOT_NONE;
	forget_gone(c, ev->slot, SLOT_NONE);
	return 0;
}

/* What the event, as written, did to its object. */
static int settle(struct trace_copy *c, const struct trace_event *ev, uint32_t written, bool birth,
		  struct diag *d)
{
	if (birth) {
		c->slot[ev->slot] = written;
		forget_gone(c, ev->slot, written);
	} else if (ev->slot != SLOT_NONE && trace_op_life(ev->op) == LIFE_D) {
		c->slot[ev->slot] = SLOT_NONE;
		if ((ev->op == OP_CACHE_DESTROY || ev->op == OP_MEMPOOL_DESTROY) &&
		    !add_gone(c, ev->slot, written))
			return diag_set(d, "", 0, 0, "out of memory");
	}
	c->copied++;
	return 0;
}

int trace_copy_put(struct trace_copy *c, const struct trace_event *ev, struct diag *d)
{
	bool birth = ev->slot != SLOT_NONE && trace_op_births(ev->op, ev->flags);
	struct trace_event e = *ev;

	if (birth && !room(&c->slot, &c->nr_slots, ev->slot, SLOT_NONE))
		return diag_set(d, "", 0, 0, "out of memory");
	if (!birth && ev->slot != SLOT_NONE) {
		if (!trace_copy_has(c, ev->slot)) {
			c->left_out++;
			return 0;
		}
		e.slot = c->slot[ev->slot];
	}
	if (trace_op_has_slot2(ev->op) && ev->slot2 != SLOT_NONE)
		e.slot2 = second_slot(c, ev->slot2);
	e.site = copy_string(c, ev->site);
	e.tag = copy_string(c, ev->tag);
	e.master = (uint16_t)copy_string(c, ev->master);
	if (trace_op_is_marker(ev->op))
		e.arg = copy_string(c, (uint32_t)ev->arg);
	if (trace_writer_put(c->w, &e, d) != 0)
		return -1;
	return settle(c, ev, e.slot, birth, d);
}

int trace_copy_all(struct trace_copy *c, trace_copy_fn *fn, struct diag *d)
{
	const struct trace_event *ev;
	size_t n;

	do {
		if (trace_next(c->r, &ev, &n, d) != 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (fn(c, &ev[i], d) != 0)
				return -1;
	} while (n != 0);
	return 0;
}
