/*
 * The live table: what the trace holds, by slot; struct live (alloc/alloc.h) with bits
 * 48-55 of `place` the index of the allocator, 56-63 the state, and bits 40-63 of `born`
 * the tag, or what the kind of object needs.  Pointer-free.
 */
#ifndef SIM_LIVE_H
#define SIM_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/alloc.h"

enum live_state {
	LIVE_DEAD, /* nothing: never born, or freed */
	LIVE_BLOCK, /* a live block */
	LIVE_FAILED, /* its birth failed: later events of it are skipped */
	LIVE_OLD, /* older than the recording: its frames are known, adopted when it is used */
	LIVE_CACHE, /* a slab cache: its "address" is its number */
	LIVE_AREA, /* a virtual area with memory of its own: the low 48 bits of its address */
	LIVE_MAP, /* a mapping of memory that is another's, likewise */
	LIVE_REGION, /* a resource that was asked for: its physical address */
	LIVE_POOL, /* a mempool: the physical address of its head; its size is what it holds */
	LIVE_TASK /* a kernel stack: the virtual address of its lowest byte, likewise */
};

#define LIVE_PLACE_MAX ((1ull << 48) - 1)
#define LIVE_SIZE_MAX  PLAIN_SIZE_MAX

struct live_table {
	struct live *slot;
	uint32_t nr; /* slots there is room for */
	uint64_t ready; /* bytes of them that the host was asked to have at hand */
};

static inline uint64_t live_place(enum live_state state, unsigned alloc, uint64_t pa)
{
	return pa | (uint64_t)alloc << 48 | (uint64_t)state << 56;
}

static inline enum live_state live_state(const struct live *l)
{
	return (enum live_state)(l->place >> 56);
}

static inline uint64_t live_pa(const struct live *l)
{
	return l->place & ((1ull << 48) - 1);
}

static inline unsigned live_alloc(const struct live *l)
{
	return (l->place >> 48) & 0xff;
}

static inline uint64_t live_size(const struct live *l)
{
	return l->what & LIVE_SIZE_MAX;
}

static inline uint32_t live_site(const struct live *l)
{
	return (uint32_t)(l->what >> 40);
}

static inline uint64_t live_birth(const struct live *l)
{
	return l->born & LIVE_SIZE_MAX;
}

static inline uint32_t live_extra(const struct live *l)
{
	return (uint32_t)(l->born >> 40);
}

/* Keeps the birth. */
static inline void live_set_extra(struct live *l, uint32_t extra)
{
	l->born = (l->born & LIVE_SIZE_MAX) | (uint64_t)extra << 40;
}

static inline void live_set(struct live *l, enum live_state state, unsigned alloc, uint64_t pa,
			    uint64_t size, uint32_t site, uint64_t birth, uint32_t extra)
{
	l->place = live_place(state, alloc, pa);
	l->what = size | (uint64_t)site << 40;
	l->born = birth | (uint64_t)extra << 40;
}

/* Makes room for `slot`; new entries are dead. false: no host memory. */
bool live_grow(struct live_table *t, uint32_t slot);

/* The first nr entries, no more than there is room for, are about to be used: changes nothing but time. */
void live_ready(struct live_table *t, uint32_t nr);

void live_finish(struct live_table *t);

#endif
