#include "sim/trace_stats.h"

#include <stdlib.h>
#include <string.h>

#include "sim/trace_ops.h"

/* A live object, by slot. */
struct object {
	uint64_t size, born;
};

struct counter {
	struct trace_stats *s;
	struct object *objects;
	uint32_t room;
};

/* 0 -> 0, 1 -> 1, 2 and 3 -> 2, 4 to 7 -> 3. */
static unsigned bucket_of(uint64_t n)
{
	return n ? 64u - (unsigned)__builtin_clzll(n) : 0;
}

static bool grow(struct counter *c, uint32_t slots)
{
	uint64_t room = c->room ? c->room : 1024;
	struct object *objects;

	while (room < slots)
		room *= 2;
	if (room == c->room)
		return true;
	objects = realloc(c->objects, room * sizeof *objects);
	if (objects == NULL)
		return false;
	memset(objects + c->room, 0, (room - c->room) * sizeof *objects);
	c->objects = objects;
	c->room = (uint32_t)room;
	return true;
}

static void count_peak(struct trace_stats *s)
{
	if (s->live_bytes > s->peak_bytes) {
		s->peak_bytes = s->live_bytes;
		s->peak_bytes_event = s->events;
	}
	if (s->live_blocks > s->peak_blocks)
		s->peak_blocks = s->live_blocks;
}

static void count_birth(struct counter *c, const struct trace_event *ev)
{
	struct trace_stats *s = c->s;

	c->objects[ev->slot] = (struct object){ev->size, s->events};
	s->births++;
	s->sizes[bucket_of(ev->size)]++;
	s->total_bytes += ev->size;
	if (ev->size > s->largest)
		s->largest = ev->size;
	s->live_bytes += ev->size;
	s->live_blocks++;
	count_peak(s);
}

static void count_death(struct counter *c, const struct trace_event *ev)
{
	struct trace_stats *s = c->s;
	const struct object *o = &c->objects[ev->slot];

	s->deaths++;
	s->lifetimes[bucket_of(s->events - o->born)]++;
	s->live_bytes -= o->size;
	s->live_blocks--;
}

static void count_realloc(struct counter *c, const struct trace_event *ev)
{
	struct trace_stats *s = c->s;
	struct object *o = &c->objects[ev->slot];

	if (ev->flags & EV_FAILED)
		return;
	s->live_bytes += ev->size - o->size;
	o->size = ev->size;
	count_peak(s);
}

static void count_event(struct counter *c, const struct trace_event *ev)
{
	struct trace_stats *s = c->s;
	enum trace_life life = trace_op_life(ev->op);

	s->events++;
	s->by_op[ev->op]++;
	if (ev->flags & EV_HAS_TIME) {
		if (s->first_ns == 0)
			s->first_ns = ev->time_ns;
		s->last_ns = ev->time_ns;
	}
	s->null_calls += (ev->flags & (EV_NULL | EV_FAILED)) != 0 &&
			 (ev->slot == SLOT_NONE || ev->flags & EV_FAILED);
	s->unknown_ids += (ev->flags & EV_UNKNOWN_ID) != 0;
	if (ev->slot == SLOT_NONE)
		return;
	if (trace_op_births(ev->op, ev->flags))
		count_birth(c, ev);
	else if (life == LIFE_D)
		count_death(c, ev);
	else if (life == LIFE_M)
		count_realloc(c, ev);
}

int trace_stats(struct trace_reader *r, struct trace_stats *s, struct diag *d)
{
	struct counter c = {.s = s};
	const struct trace_event *ev;
	int result;
	size_t n;

	*s = (struct trace_stats){0};
	trace_want_hash(r);
	while ((result = trace_next(r, &ev, &n, d)) == 0 && n != 0) {
		if (!grow(&c, trace_slots(r))) {
			result = diag_set(d, "", 0, 0, "out of memory");
			break;
		}
		for (size_t i = 0; i < n; i++)
			count_event(&c, &ev[i]);
	}
	s->slots = trace_slots(r);
	trace_hash(r, s->hash);
	free(c.objects);
	return result;
}
