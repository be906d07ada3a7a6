/*
 * The live blocks of one process, by address: which slot, how large, how aligned.
 *
 * Open addressing with linear probing, 16 bytes a cell, at most half of them in use;
 * sizes, which only a fork asks for, lie apart by slot.
 */
#ifndef RECORD_LIVEMAP_H
#define RECORD_LIVEMAP_H

#include <stddef.h>
#include <stdint.h>

#include "model/mem.h"

struct live_cell {
	uint64_t address; /* 0: the cell is empty */
	uint32_t slot;
	uint32_t align; /* of a memalign, 0: malloc's own */
};

struct livemap {
	struct live_cell *cells; /* NULL while empty */
	uint32_t shift; /* 64 - log2(cells) */
	size_t mask, used;
	uint64_t *sizes; /* bytes asked for, by slot */
	uint32_t nr_sizes;
};

/* All zero is an empty map. */
void livemap_finish(struct livemap *m);

/* The first cells, or twice as many. 0; -1: out of memory. */
int livemap_grow(struct livemap *m) MUST_USE;

/* Makes room for one more.  0; -1: out of memory.  Moves cells; O(1) amortized. */
static inline MUST_USE int livemap_reserve(struct livemap *m)
{
	return m->cells != NULL && m->used < (m->mask + 1) / 2 ? 0 : livemap_grow(m);
}

/* Notes a size.  0; -1: out of memory. */
int livemap_grow_sizes(struct livemap *m, uint32_t slot) MUST_USE;

static inline MUST_USE int livemap_set_size(struct livemap *m, uint32_t slot, uint64_t size)
{
	if (slot >= m->nr_sizes && livemap_grow_sizes(m, slot) != 0)
		return -1;
	m->sizes[slot] = size;
	return 0;
}

static inline size_t livemap_home(const struct livemap *m, uint64_t address)
{
	return (size_t)((address * 0x9e3779b97f4a7c15u) >> m->shift);
}

/*
 * The cell where an address is, or, empty, where it would be.  Needs a map that ever
 * had room reserved.  To enter, fill the empty cell and count it in `used`; room
 * must have been reserved.
 */
static inline struct live_cell *livemap_cell(const struct livemap *m, uint64_t address)
{
	size_t i = livemap_home(m, address);

	while (m->cells[i].address != address && m->cells[i].address != 0)
		i = (i + 1) & m->mask;
	return &m->cells[i];
}

/* The entry of an address, NULL: not live.  Valid until the next change. */
static inline struct live_cell *livemap_find(const struct livemap *m, uint64_t address)
{
	struct live_cell *at = m->cells == NULL ? NULL : livemap_cell(m, address);

	return at == NULL || at->address == 0 ? NULL : at;
}

/* Adds or replaces.  0; -1: out of memory. */
int livemap_put(struct livemap *m, uint64_t address, uint32_t slot, uint32_t align) MUST_USE;

/* Removes an entry that was found, and moves up those behind it. */
void livemap_close(struct livemap *m, struct live_cell *live);

/* Removes an entry that was found. */
static inline void livemap_remove(struct livemap *m, struct live_cell *live)
{
	if (m->cells[((size_t)(live - m->cells) + 1) & m->mask].address != 0) {
		livemap_close(m, live);
	} else {
		live->address = 0;
		m->used--;
	}
}

/* 0; -1: out of memory. */
int livemap_clone(struct livemap *to, const struct livemap *from) MUST_USE;

/*
 * All entries in order of their slots, in memory to be freed by the caller; NULL: empty or out
 * of memory.
 */
struct live_cell *livemap_by_slot(const struct livemap *m);

/* Fetches the place of an address that will be asked for soon. */
static inline void livemap_prefetch(const struct livemap *m, uint64_t address)
{
	if (m->cells != NULL)
		__builtin_prefetch(&m->cells[livemap_home(m, address)]);
}

#endif
