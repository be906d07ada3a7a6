#include "sim/trace_change.h"

#include <stdlib.h>
#include <string.h>

#include "sim/trace_ops.h"

uint64_t trace_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

bool trace_is_request(const struct trace_event *ev)
{
	switch (ev->op) {
	case OP_MALLOC:
	case OP_CALLOC:
	case OP_MEMALIGN:
	case OP_KMALLOC:
	case OP_KZALLOC:
	case OP_KCALLOC:
	case OP_CACHE_ALLOC:
		return ev->slot != SLOT_NONE;
	default:
		return false;
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

void trace_changer_init(struct trace_changer *c, const struct trace_change *change,
			const struct kept_head *head)
{
	*c = (struct trace_changer){
		.change = *change, .state = change->seed, .next_slot = head->slots};
	for (uint64_t i = 0; i < change->requests && i < TRACE_MAX_CHANGES; i++) {
		uint64_t x = trace_random(&c->state);

		if (head->births == 0)
			break;
		if ((x & 1) != 0)
			c->drop[c->nr_drop++] = 1 + (x >> 1) % head->births;
		else
			c->add[c->nr_add++] = 1 + (x >> 1) % head->events;
	}
	qsort(c->drop, c->nr_drop, sizeof c->drop[0], by_value);
	qsort(c->add, c->nr_add, sizeof c->add[0], by_value);
}

/* Is this birth one that is left out? */
static bool takes_drop(struct trace_changer *c)
{
	bool hit = false;

	while (c->at_drop < c->nr_drop && c->drop[c->at_drop] <= c->birth) {
		hit = hit || c->drop[c->at_drop] == c->birth;
		c->at_drop++;
	}
	return hit;
}

/* Forgets that a slot's object was left out: the slot is born anew, or dead. */
static void ungone(struct trace_changer *c, unsigned i)
{
	c->gone[i] = c->gone[--c->nr_gone];
}

/* Is the event left out?  A birth that is chosen, and whatever happens to its object. */
static bool is_dropped(struct trace_changer *c, const struct trace_event *ev)
{
	bool request = trace_is_request(ev), drop = false;

	if (request) {
		c->birth++;
		drop = takes_drop(c);
	}
	for (unsigned i = 0; i < c->nr_gone; i++) {
		if (c->gone[i] != ev->slot || ev->slot == SLOT_NONE)
			continue;
		if (trace_op_births((enum trace_op)ev->op, ev->flags)) {
			ungone(c, i);
			break;
		}
		if (trace_op_life((enum trace_op)ev->op) == LIFE_D)
			ungone(c, i);
		return true;
	}
	if (drop)
		c->gone[c->nr_gone++] = ev->slot;
	return drop;
}

/* Up to change.bytes more or less, never to nothing. */
static uint64_t changed_size(struct trace_changer *c, uint64_t size)
{
	uint64_t by = trace_random(&c->state) % (2 * c->change.bytes + 1);

	if (by >= c->change.bytes)
		return size + (by - c->change.bytes);
	by = c->change.bytes - by;
	return size > by ? size - by : 1;
}

static bool has_size(const struct trace_event *ev)
{
	return ev->size != 0 &&
	       (trace_is_request(ev) || ev->op == OP_REALLOC || ev->op == OP_KREALLOC);
}

/* Two requests that follow each other change places. */
static void flip_ties(struct trace_changer *c, struct trace_event *ev, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		struct trace_event first = ev[i];

		if (!trace_is_request(&ev[i]) || !trace_is_request(&ev[i + 1]) ||
		    trace_op_group((enum trace_op)ev[i].op) !=
			    trace_op_group((enum trace_op)ev[i + 1].op) ||
		    ev[i].slot == ev[i + 1].slot || trace_random(&c->state) % c->change.ties != 0)
			continue;
		ev[i] = ev[i + 1];
		ev[++i] = first;
	}
}

/* A copy of a request as an object of its own that lives to the end. */
static size_t add_objects(struct trace_changer *c, const struct trace_event *ev,
			  struct trace_event *out)
{
	size_t n = 0;

	/* They wait for a request, so that their sizes are the trace's. */
	while (trace_is_request(ev) && c->at_add < c->nr_add && c->add[c->at_add] <= c->event) {
		out[n] = *ev;
		out[n++].slot = c->next_slot++;
		c->at_add++;
	}
	return n;
}

size_t trace_changer_apply(struct trace_changer *c, const struct trace_event *ev, size_t n,
			   struct trace_event *out)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		c->event++;
		k += add_objects(c, &ev[i], out + k);
		if (c->nr_drop != 0 && is_dropped(c, &ev[i]))
			continue;
		out[k] = ev[i];
		if (c->change.bytes != 0 && has_size(&ev[i]))
			out[k].size = changed_size(c, ev[i].size);
		k++;
	}
	if (c->change.ties != 0)
		flip_ties(c, out, k);
	return k;
}
