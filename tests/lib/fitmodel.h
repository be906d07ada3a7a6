/*
 * A host-side model of a sequential-fit heap: which chunk a policy must choose.
 * Chunks in address order, free ones also in the order of the list; plain arrays,
 * nothing shared with the allocators.
 */
#ifndef TESTS_FITMODEL_H
#define TESTS_FITMODEL_H

#include <stdbool.h>
#include <stdint.h>

enum fm_policy { FM_FIRST, FM_NEXT, FM_BEST, FM_WORST };

struct fm_chunk {
	uint64_t at, size;
	bool free;
};

#define FM_MAX 4096u

struct fitmodel {
	enum fm_policy policy;
	bool lifo;
	uint64_t head; /* bytes before the granted ones */
	uint64_t grain; /* sizes are multiples of it */
	uint64_t least; /* least chunk a request becomes */
	uint64_t least_rest; /* least rest that is split off */
	unsigned nr, nr_list;
	struct fm_chunk chunk[FM_MAX]; /* ascending */
	uint64_t list[FM_MAX]; /* free chunks in the list's order */
	uint64_t rover; /* next_fit: a free chunk; 0: from the start */
};

/* One free chunk [at, at + size). */
void fm_init(struct fitmodel *f, uint64_t at, uint64_t size);
/* The address granted, or 0; *usable the bytes granted. */
uint64_t fm_malloc(struct fitmodel *f, uint64_t size, uint64_t align, uint64_t *usable);
/* Bytes given back, 0: not live. */
uint64_t fm_free(struct fitmodel *f, uint64_t p);
/* In place: the bytes granted now, or 0. */
uint64_t fm_resize(struct fitmodel *f, uint64_t p, uint64_t size);

#endif
