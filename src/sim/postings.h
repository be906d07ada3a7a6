/*
 * Where in a trace something is touched: for each key the chunks of events that
 * concern it, ascending, as differences of one to five bytes.  A chunk is
 * 2^shift events; which of them it was is found by replaying the chunk.
 */
#ifndef SIM_POSTINGS_H
#define SIM_POSTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POSTINGS_SHIFT 9u /* 512 events a chunk */

struct posting {
	uint8_t *v; /* owned */
	uint32_t nr, room; /* bytes */
	uint32_t last; /* chunk + 1; 0: none */
};

/* Of one kind of key; keys are small numbers. */
struct postings {
	struct posting **dir; /* by key >> 9; owned, as are the blocks */
	size_t nr_dir;
	uint64_t bytes; /* of host memory */
	bool failed; /* out of host memory: what is there is incomplete */
};

void postings_finish(struct postings *p); /* zeroed is fine */

/* The event in chunk `chunk` concerns `key`; chunks come in order.  Amortized O(1). */
void postings_add(struct postings *p, uint32_t key, uint32_t chunk);

/* The first chunk at or after `chunk`, or the last at or before it; UINT32_MAX: none. */
uint32_t postings_next(const struct postings *p, uint32_t key, uint32_t chunk);
uint32_t postings_prev(const struct postings *p, uint32_t key, uint32_t chunk);

#endif
