/*
 * Virtual memory as the simulation sees it: who maps what, where accesses go, and
 * what the report says of it.
 */
#ifndef SIM_VIRTUAL_H
#define SIM_VIRTUAL_H

#include <jansson.h>

#include "sim/replay.h"

/* The virtual address of a live area, mapping or task. */
uint64_t live_va(const struct replay *r, const struct live *l);

/* Does it hold memory, and count among the live blocks? */
static inline bool live_holds(const struct live *l)
{
	return live_state(l) == LIVE_BLOCK || live_state(l) == LIVE_AREA ||
	       live_state(l) == LIVE_TASK || live_state(l) == LIVE_POOL;
}

/* Each page behind [va, va + size): its physical address and how many of its bytes are wanted. */
typedef void virtual_page_fn(void *ctx, uint64_t pa, uint64_t wanted);
void virtual_each_page(struct replay *r, const struct sys_alloc *h, uint64_t va, uint64_t size,
		       virtual_page_fn *fn, void *ctx);

/* An area with pages of its own was granted: ledger, live table, figures. */
void virtual_area_born(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
		       struct grant g, uint64_t size, enum live_state state);

/* Before it is given back: payload and rounding are granted bytes again; and the way back. */
void virtual_area_dies(struct replay *r, struct sys_alloc *h, const struct live *l);
void virtual_area_lives(struct replay *r, struct sys_alloc *h, const struct live *l);

/* Who holds a resource, by its owner's number. */
#define RESOURCE_NAME 128u
void resource_name(const struct replay *r, uint32_t owner, char name[RESOURCE_NAME]);

/* The `virtual` block of the report. */
json_t *virtual_json(struct replay *r);

/* `read` and `write`: through MMU and TLB where there are any. */
void access_event(struct replay *r, const struct trace_event *ev);

#endif
