/*
 * The shadow model: what the allocator must hold, kept apart from it.  Live
 * blocks as an ordered set of intervals, each with a token at both ends that is
 * verified when the block is freed.
 */
#ifndef TESTS_SHADOW_H
#define TESTS_SHADOW_H

#include "conformance/world.h"

struct block {
	uint64_t base, bytes; /* granted */
	uint64_t token;
	uint32_t cache; /* CACHES: its cache */
	uint8_t order; /* PAGES */
};

#define SHADOW_FREED  16u
#define SHADOW_CACHES 4u

struct shadow_cache {
	uint32_t id; /* CACHE_NONE: none */
	msize_t size, align;
	unsigned live;
};

/* KMAPS, RESOURCES: a live mapping or a held range. */
struct shadow_map {
	uint64_t va, pa, bytes;
	uint32_t kind; /* the driver's own */
};

#define SHADOW_MAPS 48u

/* TASKS: a CPU; bytes in use of its stacks, and of that in use when each interrupt came. */
struct shadow_cpu {
	uint64_t current, idle_used, irq_used, level[8];
	unsigned depth;
};

struct shadow {
	struct shadow_map map_of[SHADOW_MAPS];
	unsigned nr_maps;
	struct shadow_cpu cpu[2];
	struct block *b; /* ascending by base */
	unsigned nr, cap;
	uint64_t births;
	uint64_t bytes; /* granted, of all live blocks */
	bool mapped; /* MAPS: addresses are of the window, not of the direct map */
	bool tokens; /* write and verify them */
	bool careful; /* free no wrong pointer that may pass for a right one */
	bool strict; /* compare the image around each refused operation */
	uint64_t freed[SHADOW_FREED]; /* addresses freed lately, newest first */
	unsigned nr_freed;
	uint64_t freed_births; /* births when the newest of them was freed */
	struct shadow_cache cache[SHADOW_CACHES];
	uint8_t *map[4]; /* BOOT: a byte's state; see drive_boot.c */
};

void shadow_init(struct shadow *s, const struct world *w);
void shadow_finish(struct shadow *s);
/* A deep copy into *to (any content). */
void shadow_copy(struct shadow *to, const struct shadow *from);

/* The live block was granted: it must lie in what the world may give and overlap none. */
void shadow_add(struct shadow *s, const struct world *w, struct block b);
/* The i-th block is about to be freed: its tokens must stand.  Forgets it. */
void shadow_del(struct shadow *s, const struct world *w, unsigned i);
/* The i-th block now has `bytes`; the lesser of both must have kept its front. */
void shadow_resize(struct shadow *s, const struct world *w, unsigned i, uint64_t bytes);
/* All blocks are gone at once. */
void shadow_forget(struct shadow *s, const struct world *w);

/* Index of the block that begins at `base`, or -1. */
int shadow_find(const struct shadow *s, uint64_t base);
/* Whether `at` lies inside a block, its first byte included. */
bool shadow_covers(const struct shadow *s, uint64_t at);

/* Live blocks in the top's walk are exactly the shadow's, and the ledger's sum too; ascending. */
void shadow_equals_walk(const struct shadow *s, struct world *w);

#endif
