/*
 * The recorded process's side: putting call records into its ring.
 *
 * Safe from signal handlers and any thread: a position is taken and its record
 * stored without a lock.  Nothing here allocates or changes errno.
 */
#ifndef RECORD_PRODUCER_H
#define RECORD_PRODUCER_H

#include <sys/single_threaded.h>

#include "record/ring.h"

/* One call: what a wrapper knows. */
struct call {
	enum ring_kind kind;
	uint64_t value; /* the address given or received */
	uint64_t size;
	enum ring_kind attr; /* ATTR_OLD, ATTR_ALIGN or ATTR_COUNT; NR_RING_KINDS: none */
	uint64_t attr_value;
	const void *site; /* return address */
};

extern struct producer producer;

/* This thread's number, from 1; 0: none yet.  Numbers above 65535 share the last. */
extern __thread uint32_t producer_thread __attribute__((tls_model("initial-exec")));

/* Any call, with all that the session wants to know of it; returns its position. */
uint64_t producer_put(const struct call *call);

/*
 * Stores a record whose position was found to be at or past the limit, and waits for the
 * recorder if it must.
 */
void producer_put_late(uint64_t pos, const struct call *call);

/*
 * The next position.  One thread needs no locked bus for it, only one instruction, so
 * that a signal handler's call comes before or after: 4 ns less.
 */
static inline uint64_t producer_next(struct producer *to)
{
#ifdef __x86_64__
	uint64_t n = 1;

	if (__libc_single_threaded) {
		__asm__ volatile("xaddq %0, %1" : "+r"(n), "+m"(to->tail) : : "cc", "memory");
		return n;
	}
#endif
	return ring_reserve(to, 1);
}

/* The usual call: one record. */
static inline void producer_call(enum ring_kind kind, const void *p, uint64_t size,
				 const void *site)
{
	struct producer *to = &producer;
	uint32_t thread = producer_thread;
	uint64_t pos;

	if (__builtin_expect(to->extras | (thread == 0) | !ring_size_fits(size), 0)) {
		producer_put(&(struct call){kind, (uintptr_t)p, size, NR_RING_KINDS, 0, site});
		return;
	}
	pos = producer_next(to);
	if (__builtin_expect(pos >= atomic_load_explicit(&to->limit, memory_order_acquire), 0)) {
		producer_put_late(pos,
				  &(struct call){kind, (uintptr_t)p, size, NR_RING_KINDS, 0, site});
		return;
	}
	ring_publish(to, pos, (uintptr_t)p, ring_descriptor(kind, thread - 1, size));
}

#endif
