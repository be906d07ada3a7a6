/*
 * Which events are plain: a malloc, calloc or first realloc of an object that the
 * trace names, its free, and free(NULL), on CPU 0, with nothing else said but context and
 * call site; blocks of pages, on CPU 0 of node 0; and kmalloc, kfree and objects of caches, with
 * flags and a CPU, but without a time or what a recording's kernel gave.  They are most
 * of any trace of a program, and go from the reader to the allocator as struct plain_req.
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
	    ev->site > PLAIN_SITE_MAX)
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
	if (!plain_is_bare(ev) || ev->cpu != 0)
		return PLAIN_REQ_NOT;
	if (ev->op == OP_FREE)
		return ev->flags == 0 && named          ? PLAIN_REQ_GIVES
		       : ev->flags == EV_NULL && !named ? PLAIN_REQ_NULL
							: PLAIN_REQ_NOT;
	if (!named || ev->site > PLAIN_SITE_MAX || ev->size > PLAIN_SIZE_MAX)
		return PLAIN_REQ_NOT;
	if (ev->op == OP_REALLOC)
		return ev->flags == EV_NULL ? PLAIN_REQ_TAKES : PLAIN_REQ_NOT;
	return ev->flags == 0 && (ev->op == OP_MALLOC || ev->op == OP_CALLOC) ? PLAIN_REQ_TAKES
									      : PLAIN_REQ_NOT;
}

/* A kernel's request for bytes or an object, or its end, as plain_sort. */
static inline enum plain_sort plain_kernel_sort(const struct trace_event *ev, bool named)
{
	if (!named || ev->flags != 0 || ev->master != 0 || ev->tag != 0 || ev->order != 0 ||
	    ev->node != 0 || ev->migratetype != 0 || ev->gfp > PLAIN_KERNEL_GFP ||
	    ev->site > PLAIN_SITE_MAX)
		return PLAIN_REQ_NOT;
	switch (ev->op) {
	case OP_KMALLOC:
		return ev->arg == 0 && ev->size <= PLAIN_KERNEL_MAX ? PLAIN_REQ_TAKES
								    : PLAIN_REQ_NOT;
	case OP_KZALLOC:
	case OP_KCALLOC:
		return ev->size <= PLAIN_KERNEL_MAX ? PLAIN_REQ_TAKES : PLAIN_REQ_NOT;
	case OP_CACHE_ALLOC:
		return ev->arg == 0 && ev->slot2 <= PLAIN_KERNEL_MAX ? PLAIN_REQ_TAKES
								     : PLAIN_REQ_NOT;
	case OP_KFREE:
		return PLAIN_REQ_GIVES;
	case OP_CACHE_FREE:
		return ev->slot2 <= PLAIN_KERNEL_MAX ? PLAIN_REQ_GIVES : PLAIN_REQ_NOT;
	default:
		return PLAIN_REQ_NOT;
	}
}

/* `size` of the plain request that a kernel's is. */
static inline uint64_t plain_kernel(const struct trace_event *ev)
{
	static const uint8_t what[NR_TRACE_OPS] = {[OP_KFREE] = PLAIN_KFREE,
						   [OP_CACHE_ALLOC] = PLAIN_CACHE_ALLOC,
						   [OP_CACHE_FREE] = PLAIN_CACHE_FREE};
	bool of_cache = ev->op == OP_CACHE_ALLOC || ev->op == OP_CACHE_FREE;

	return PLAIN_KERNEL | (uint64_t)what[ev->op] << 59 | (uint64_t)ev->gfp << 31 |
	       (uint64_t)ev->cpu << 23 |
	       (of_cache             ? ev->slot2
		: ev->op == OP_KFREE ? 0
				     : ev->size);
}

/* Sorts, which are counted apart: 0 is what is commonest of those that an allocator does together. */
enum {
	PLAIN_IS_COMMON, /* malloc, free; kmalloc, kfree */
	PLAIN_IS_CALLOC,
	PLAIN_IS_REALLOC,
	PLAIN_IS_KMALLOC, /* with __GFP_ZERO */
	PLAIN_IS_KZALLOC,
	PLAIN_IS_KCALLOC,
	PLAIN_IS_CACHE_ALLOC,
	PLAIN_IS_CACHE_FREE
};

/* Call site and sort. */
static inline uint32_t plain_note(const struct trace_event *ev)
{
	static const uint8_t sorts[NR_TRACE_OPS] = {
		[OP_CALLOC] = PLAIN_IS_CALLOC,           [OP_REALLOC] = PLAIN_IS_REALLOC,
		[OP_KZALLOC] = PLAIN_IS_KZALLOC,         [OP_KCALLOC] = PLAIN_IS_KCALLOC,
		[OP_CACHE_ALLOC] = PLAIN_IS_CACHE_ALLOC, [OP_CACHE_FREE] = PLAIN_IS_CACHE_FREE};
	bool flagged =
		(ev->op == OP_KMALLOC || ev->op == OP_CACHE_ALLOC) && (ev->gfp & __GFP_ZERO) != 0;
	bool zero = flagged || ev->op == OP_CALLOC || ev->op == OP_KZALLOC || ev->op == OP_KCALLOC;
	uint32_t sort = flagged && ev->op == OP_KMALLOC ? PLAIN_IS_KMALLOC : sorts[ev->op];

	return (ev->site & ((1u << PLAIN_SITE_BITS) - 1)) | sort << PLAIN_SITE_BITS |
	       (zero ? PLAIN_ZERO : 0);
}

static inline unsigned plain_note_sort(uint32_t note)
{
	return note >> PLAIN_SITE_BITS & (PLAIN_SORTS - 1);
}

/* Operation of a plain request for or of bytes, or of an object of a cache. */
static inline uint8_t plain_op(const struct plain_req *q)
{
	static const uint8_t op[] = {
		[PLAIN_IS_CALLOC] = OP_CALLOC,        [PLAIN_IS_REALLOC] = OP_REALLOC,
		[PLAIN_IS_KMALLOC] = OP_KMALLOC,      [PLAIN_IS_KZALLOC] = OP_KZALLOC,
		[PLAIN_IS_KCALLOC] = OP_KCALLOC,      [PLAIN_IS_CACHE_ALLOC] = OP_CACHE_ALLOC,
		[PLAIN_IS_CACHE_FREE] = OP_CACHE_FREE};
	unsigned sort = plain_note_sort(q->note);

	if (sort != PLAIN_IS_COMMON)
		return op[sort];
	if (plain_is_kernel(q->size))
		return plain_kernel_what(q->size) == PLAIN_KFREE ? OP_KFREE : OP_KMALLOC;
	return q->size <= PLAIN_SIZE_MAX ? OP_MALLOC : OP_FREE;
}

/* An event as a plain request; OTHER, named `other`, when it is none. */
static inline struct plain_req plain_from(const struct trace_event *ev, uint32_t other)
{
	if (plain_page_sort(ev, ev->slot != SLOT_NONE) != PLAIN_REQ_NOT)
		return (struct plain_req){plain_pages(ev), ev->slot, plain_note(ev)};
	if (plain_kernel_sort(ev, ev->slot != SLOT_NONE) != PLAIN_REQ_NOT)
		return (struct plain_req){plain_kernel(ev), ev->slot, plain_note(ev)};
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
