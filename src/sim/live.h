/*
 * The live table: what the trace holds, by slot; struct live (alloc/alloc.h), 20 bytes a
 * slot, with
 *   place  bits 48-55 the index of the allocator, 56-59 the state, 60-63 bits 32-35 of the
 *          birth
 *   what   bits 40-63 the origin: a call site's number, or, from LIVE_MORE on, the index of
 *          a pair of site and *extra*, which few objects have
 * So an object's birth is told up to event 2^36.  Pointer-free but for the pairs, which are
 * only added to: entries that a checkpoint kept are good for the table they came from.
 */
#ifndef SIM_LIVE_H
#define SIM_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/alloc.h"
#include "sim/ptr_map.h"

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
#define LIVE_MORE      (1u << 23)
#define LIVE_EPOCH     60 /* of `place`: bits of the birth above its lowest 32 */

struct live_more {
	uint32_t site, extra;
};

struct live_table {
	struct live *slot;
	uint32_t nr; /* slots there is room for */
	uint64_t ready; /* bytes of them that the host was asked to have at hand */
	struct live_more *more; /* pairs, in the order in which they were met */
	uint32_t nr_more, room_more;
	struct ptr_map more_of; /* from a pair to its index */
	struct live_kept kept[LIVE_KEPT]; /* those found last */
	bool lost; /* a pair found no room: the replay cannot go on */
};

static inline uint64_t live_place(enum live_state state, unsigned alloc, uint64_t pa)
{
	return pa | (uint64_t)alloc << 48 | (uint64_t)state << 56;
}

/* The same for who is born at that event. */
static inline uint64_t live_place_at(enum live_state state, unsigned alloc, uint64_t event)
{
	return live_place(state, alloc, 0) | event >> 32 << LIVE_EPOCH;
}

static inline enum live_state live_state(const struct live *l)
{
	return (enum live_state)(l->place >> 56 & 15);
}

static inline uint64_t live_pa(const struct live *l)
{
	return l->place & LIVE_PLACE_MAX;
}

static inline unsigned live_alloc(const struct live *l)
{
	return (l->place >> 48) & 0xff;
}

static inline uint64_t live_size(const struct live *l)
{
	return l->what & LIVE_SIZE_MAX;
}

static inline uint64_t live_birth(const struct live *l)
{
	return l->born | l->place >> LIVE_EPOCH << 32;
}

static inline uint32_t live_origin(const struct live *l)
{
	return (uint32_t)(l->what >> 40);
}

/* 0: none, or, of more than LIVE_MORE sites, one that is not told. */
static inline uint32_t live_site(const struct live_table *t, const struct live *l)
{
	uint32_t origin = live_origin(l);

	return mm_likely(origin < LIVE_MORE) ? origin : t->more[origin - LIVE_MORE].site;
}

/* What else its kind keeps of an object: the slot of its cache, its device, a cache's name. */
static inline uint32_t live_extra(const struct live_table *t, const struct live *l)
{
	uint32_t origin = live_origin(l);

	return mm_likely(origin < LIVE_MORE) ? 0 : t->more[origin - LIVE_MORE].extra;
}

/* The origin of a site and an extra.  O(1) expected; without memory for one more pair `lost`. */
uint32_t live_origin_of(struct live_table *t, uint32_t site, uint32_t extra);

static inline void live_set(struct live_table *t, struct live *l, enum live_state state,
			    unsigned alloc, uint64_t pa, uint64_t size, uint32_t site,
			    uint64_t birth, uint32_t extra)
{
	l->place = live_place_at(state, alloc, birth) | pa;
	l->what = size | (uint64_t)live_origin_of(t, site, extra) << 40;
	l->born = (uint32_t)birth;
}

/* These keep all else. */
static inline void live_set_extra(struct live_table *t, struct live *l, uint32_t extra)
{
	l->what = live_size(l) | (uint64_t)live_origin_of(t, live_site(t, l), extra) << 40;
}

static inline void live_set_size(struct live *l, uint64_t size)
{
	l->what = (l->what & ~LIVE_SIZE_MAX) | size;
}

static inline void live_set_pa(struct live *l, uint64_t pa)
{
	l->place = (l->place & ~LIVE_PLACE_MAX) | pa;
}

static inline void live_set_birth(struct live *l, uint64_t event)
{
	l->place = (l->place & ((1ull << LIVE_EPOCH) - 1)) | event >> 32 << LIVE_EPOCH;
	l->born = (uint32_t)event;
}

/* Nothing is there, though the trace has a name for it. */
static inline void live_set_failed(struct live *l)
{
	l->place = live_place(LIVE_FAILED, 0, 0);
}

/* The extra of a block of pages that was asked for `size` bytes: 0 where these tell its order. */
static inline uint32_t live_order_extra(uint64_t size, unsigned order, unsigned page_shift)
{
	return size == 1ull << (order + page_shift) ? 0 : order + 1;
}

static inline unsigned live_order(const struct live_table *t, const struct live *l,
				  unsigned page_shift)
{
	uint32_t extra = live_extra(t, l);

	return extra != 0 ? extra - 1 : (unsigned)__builtin_ctzll(live_size(l)) - page_shift;
}

/* Makes room for `slot`; new entries are dead. false: no host memory. */
bool live_grow(struct live_table *t, uint32_t slot);

/* The first nr entries, no more than there is room for, are about to be used: changes nothing but time. */
void live_ready(struct live_table *t, uint32_t nr);

void live_finish(struct live_table *t);

#endif
