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
	unsigned nr;
	struct witness {
		uint64_t pa, bytes; /* within one free block */
		unsigned alloc; /* index in the system */
	} witness[WITNESSES]; /* the largest of those that the walk saw */
};

#define MAX_LIMITS 4u

struct condition {
	struct expr *e;
	bool of_event;
	struct limit limit[MAX_LIMITS];
	struct condition_at at; /* during an evaluation */
	json_t *report; /* of this event, once asked for; owned */
};

bool condition_path(void *ctx, const struct node *n, struct value *out);
bool condition_call(void *ctx, const struct node *n, struct value *out);
bool condition_compare(void *ctx, const struct node *n, bool *truth);

/* What an event may have done to the blocks that limits rely on. */
void limits_event(struct condition *c);

#endif
