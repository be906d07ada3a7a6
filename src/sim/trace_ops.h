/* What an operation does to the object it names, for all readers and writers. */
#ifndef SIM_TRACE_OPS_H
#define SIM_TRACE_OPS_H

#include <stdbool.h>

#include "sim/event.h"

enum trace_life {
	LIFE_N, /* names no object */
	LIFE_B, /* birth */
	LIFE_D, /* death */
	LIFE_M, /* may move; a birth with EV_NULL */
	LIFE_U  /* use */
};

#define EV_KNOWN_FLAGS (EV_HAS_TIME | EV_UNKNOWN_ID | EV_NULL | EV_FAILED | EV_CTOR | EV_NODE_0)

enum trace_life trace_op_life(enum trace_op op);

/* false: markers, interrupts, arenas and device_remove; their slot is SLOT_NONE. */
bool trace_op_has_slot(enum trace_op op);

/* The operation names a second object (its cache, pool, pages or parent) in slot2. */
bool trace_op_has_slot2(enum trace_op op);

static inline bool trace_op_is_marker(enum trace_op op)
{
	return op == OP_PHASE || op == OP_NOTE || op == OP_EXPECT;
}

/* Would an event of this operation and these flags give birth, if it names a slot? */
static inline bool trace_op_births(enum trace_op op, unsigned flags)
{
	enum trace_life life = trace_op_life(op);

	return life == LIFE_B || (life == LIFE_M && (flags & EV_NULL));
}

#endif
