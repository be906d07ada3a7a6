/*
 * From a reader to a writer, event by event: renames slots and strings, and leaves
 * out whatever concerns an object whose birth was left out.
 */
#ifndef SIM_TRACE_COPY_H
#define SIM_TRACE_COPY_H

#include "sim/trace.h"
#include "sim/trace_writer.h"

/* A cache or pool that was destroyed, and whose slot no other object has taken. */
struct gone_slot {
	uint32_t from, to; /* the reader's, the writer's */
};

struct trace_copy {
	struct trace_reader *r; /* borrowed */
	struct trace_writer *w; /* borrowed */
	uint32_t *slot; /* by the reader's slot: the writer's, or SLOT_NONE: left out */
	uint32_t nr_slots;
	uint32_t *string; /* by the reader's string: the writer's + 1; 0: not met yet */
	uint32_t nr_strings;
	struct gone_slot *gone; /* few: a birth takes the slot freed last */
	uint32_t nr_gone, room_gone;
	uint64_t copied, left_out;
};

void trace_copy_init(struct trace_copy *c, struct trace_reader *r, struct trace_writer *w);
void trace_copy_finish(struct trace_copy *c);

/* Copies an event, unless its object was left out.  -1 with *d: cannot write. */
int trace_copy_put(struct trace_copy *c, const struct trace_event *ev, struct diag *d) MUST_USE;

/* What is done with an event: trace_copy_put, trace_copy_drop, or something around them. */
typedef int trace_copy_fn(struct trace_copy *c, const struct trace_event *ev, struct diag *d);

/* The rest of the reader's events, each through `fn`.  -1 with *d: damage, or fn's own. */
int trace_copy_all(struct trace_copy *c, trace_copy_fn *fn, struct diag *d) MUST_USE;

/* Leaves an event out; a birth's object too. */
int trace_copy_drop(struct trace_copy *c, const struct trace_event *ev, struct diag *d) MUST_USE;

/* The writer's slot, of an object that the caller put, is the source's `slot` from now on. */
int trace_copy_name(struct trace_copy *c, uint32_t slot, uint32_t written, struct diag *d) MUST_USE;

/* Was this object's birth copied? */
bool trace_copy_has(const struct trace_copy *c, uint32_t slot);

#endif
