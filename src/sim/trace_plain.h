/*
 * Which events are plain: a malloc, calloc or first realloc of an object that the
 * trace names, its free, and free(NULL), with nothing else said but context, CPU and
 * call site; and of blocks of pages, on CPU 0 of node 0.  They are most of any trace
 * of a program, and go from the reader to the allocator as struct plain_req.
 */
#ifndef SIM_TRACE_PLAIN_H
#define SIM_TRACE_PLAIN_H

#include "alloc/alloc.h"
#include "sim/event.h"

enum plain_sort { PLAIN_REQ_NOT, PLAIN_REQ_TAKES, PLAIN_REQ_GIVES, PLAIN_REQ_NULL };

/* Is what may not be said absent? */
static inline bool plain_is_bare(const struct trace_event *ev)
{
	return ev->master == 0 && ev->tag == 0 && ev->gfp == 0 && ev->order == 0 && ev->slot2 == 0;
}

static inline bool plain_is_pages(uint64_t size)
{
	return size >> 62 == PLAIN_PAGES >> 62 || size == PLAIN_GIVE_PAGES;
}

/* A request for pages, or a block's end, as plain_sort; `named`: the event has a slot. */
static inline enum plain_sort plain_page_sort(const struct trace_event *ev, bool named)
{
	if (!named || ev->flags != 0 || ev->master != 0 || ev->tag != 0 || ev->gfp != 0 ||
	    ev->slot2 != 0 || ev->cpu != 0 || ev->node != 0 || ev->size != 0 ||
	    ev->site >> PLAIN_SITE_BITS != 0)
		return PLAIN_REQ_NOT;
	if (ev->op == OP_FREE_PAGES)
		return PLAIN_REQ_GIVES;
	return ev->op == OP_ALLOC_PAGES ? PLAIN_REQ_TAKES : PLAIN_REQ_NOT;
}

/* `size` of the plain request that an event of pages is. */
static inline uint64_t plain_pages(const struct trace_event *ev)
{
	return ev->op == OP_FREE_PAGES ? PLAIN_GIVE_PAGES
				       : PLAIN_PAGES | (uint64_t)ev->migratetype << 8 | ev->order;
}

static inline unsigned plain_pages_order(uint64_t size)
{
	return size & 0xff;
}

static inline unsigned plain_pages_type(uint64_t size)
{
	return size >> 8 & 0xff;
}

/* `named`: the event has a slot. */
static inline enum plain_sort plain_sort(const struct trace_event *ev, bool named)
{
	if (!plain_is_bare(ev))
		return PLAIN_REQ_NOT;
	if (ev->op == OP_FREE)
		return ev->flags == 0 && named          ? PLAIN_REQ_GIVES
		       : ev->flags == EV_NULL && !named ? PLAIN_REQ_NULL
							: PLAIN_REQ_NOT;
	if (!named || ev->site >> PLAIN_SITE_BITS != 0 || ev->size > PLAIN_SIZE_MAX)
		return PLAIN_REQ_NOT;
	if (ev->op == OP_REALLOC)
		return ev->flags == EV_NULL ? PLAIN_REQ_TAKES : PLAIN_REQ_NOT;
	return ev->flags == 0 && (ev->op == OP_MALLOC || ev->op == OP_CALLOC) ? PLAIN_REQ_TAKES
									      : PLAIN_REQ_NOT;
}

/* Sorts of requests that take: 0 is malloc. */
enum { PLAIN_IS_MALLOC, PLAIN_IS_CALLOC, PLAIN_IS_REALLOC };

/* Call site and sort. */
static inline uint32_t plain_note(const struct trace_event *ev)
{
	uint32_t site = ev->site & ((1u << PLAIN_SITE_BITS) - 1);

	if (ev->op == OP_CALLOC)
		return site | PLAIN_IS_CALLOC << PLAIN_SITE_BITS | PLAIN_ZERO;
	return ev->op == OP_REALLOC ? site | PLAIN_IS_REALLOC << PLAIN_SITE_BITS : site;
}

/* Operation of a request that takes, by its note. */
static inline uint8_t plain_op(uint32_t note)
{
	static const uint8_t op[] = {OP_MALLOC, OP_CALLOC, OP_REALLOC};

	return op[note >> PLAIN_SITE_BITS & 3];
}

/* An event as a plain request; OTHER, named `other`, when it is none. */
static inline struct plain_req plain_from(const struct trace_event *ev, uint32_t other)
{
	if (plain_page_sort(ev, ev->slot != SLOT_NONE) != PLAIN_REQ_NOT)
		return (struct plain_req){plain_pages(ev), ev->slot, plain_note(ev)};
	switch (plain_sort(ev, ev->slot != SLOT_NONE)) {
	case PLAIN_REQ_TAKES:
		return (struct plain_req){ev->size, ev->slot, plain_note(ev)};
	case PLAIN_REQ_GIVES:
		return (struct plain_req){PLAIN_FREE, ev->slot, plain_note(ev)};
	case PLAIN_REQ_NULL:
		return (struct plain_req){PLAIN_NOTHING, 0, plain_note(ev)};
	default:
		return (struct plain_req){PLAIN_OTHER, other, 0};
	}
}

#endif
