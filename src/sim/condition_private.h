#ifndef SIM_CONDITION_PRIVATE_H
#define SIM_CONDITION_PRIVATE_H

#include "sim/condition.h"
#include "sim/expr_node.h"

/* Free blocks at least as large as the limit when last seen. */
#define WITNESSES 8u

/* A comparison `largest(NAME) < SIZE`, and what is known of it. */
struct limit {
	const struct node *node; /* NULL: not used */
	uint64_t bytes; /* SIZE, rounded up to whole bytes */
	bool known; /* the rest is */
	bool below; /* no block of `bytes` was free at the last walk */
	uint64_t held; /* bytes taken from the page allocator then */
	uint64_t merges; /* free blocks that were put together until then */
	unsigned nr;
	struct witness {
		uint64_t pa, bytes; /* within one free block */
		unsigned alloc; /* index in the system */
	} witness[WITNESSES]; /* the largest of those that the walk saw */
};

#define MAX_LIMITS 4u

/*
 * Live blocks by the stretch of memory that they begin in, from one of which a heap can
 * be gone through from there on; an entry may be outdated, or another block's.
 */
#define ANCHOR_SHIFT 10u
#define ANCHORS      16384u

struct anchors {
	bool filled;
	uint32_t slot[ANCHORS]; /* + 1; 0: none known */
};

struct condition {
	struct expr *e;
	bool of_event;
	struct limit limit[MAX_LIMITS];
	struct anchors anchors;
	struct condition_at at; /* during an evaluation */
	json_t *report; /* of this event, once asked for; owned */
};
bool condition_compare(void *ctx, const struct node *n, bool *truth);

/* What an event may have done to the blocks that limits rely on. */
void limits_event(struct condition *c);

void anchors_event(struct condition *c); /* before anything else is done about the event */
/*
 * The free block that the freed block of this event has become a part of, when no free
 * block was of l->bytes before: is it?  false in *known: it cannot be told without a walk.
 */
bool freed_reaches(struct condition *c, const struct limit *l, struct witness *out, bool *known);

#endif
