/*
 * The machine at one event, for those who look: what walk, figures and live table
 * say, read once when first asked for, and immutable until time moves on.
 *
 * Everything here is read through walkers, which are attached read-only: whoever
 * looks cannot change a byte.
 */
#ifndef SIM_MOMENT_H
#define SIM_MOMENT_H

#include "sim/figures.h"
#include "sim/spans.h"
#include "sim/timeline.h"

/* A piece of physical memory.  Pieces ascend, do not overlap, and may leave gaps. */
struct piece {
	uint64_t base, end;
	const char *what; /* "free chunk", "page descriptors": a literal */
	uint32_t detail; /* order, class index, ...: see what; at most UINT32_MAX */
	uint32_t slot; /* of the live block that begins here; SLOT_NONE */
	uint32_t asked; /* bytes of it that were requested; UINT32_MAX: so many or more */
	uint8_t class; /* enum mm_class; MM_GRANTED: live */
	uint8_t alloc; /* index in the system */
};

struct live_at {
	uint64_t pa;
	uint32_t slot, size; /* size: bytes, at most UINT32_MAX */
};

struct moment_zone {
	unsigned alloc, zone; /* index in the system, in that allocator */
	struct zone_figures f;
	struct free_area area;
	uint64_t largest; /* bytes */
	bool typed; /* by_type is filled: the kind has migrate types */
	uint64_t by_type[MIGRATE_TYPES][64]; /* free blocks of each order */
	uint64_t pageblocks[MIGRATE_LISTS]; /* of each type */
};

struct moment_heap {
	unsigned alloc;
	struct free_space space;
	uint64_t live_blocks;
	int64_t class[MM_NR_CLASSES]; /* of its owner in the ledger */
};

#define MOMENT_NAME_BYTES 40u

struct moment_cache {
	uint32_t slot, number; /* slot: SLOT_NONE, when the trace did not make it */
	unsigned alloc;
	char name[MOMENT_NAME_BYTES];
	struct cache_figures f;
};

struct moment {
	bool has_pieces, has_lives, has_zones, has_heaps, has_caches;
	bool unreadable; /* the image is corrupt: something could not be read */
	struct piece *piece; /* owned, as all here; kept from moment to moment */
	size_t nr_pieces, room_pieces;
	struct live_at *by_pa; /* live blocks by address, ends that no walk reaches, then as much room again */
	size_t nr_by_pa, room_by_pa;
	uint64_t live_blocks[256]; /* with them: of each allocator, by index in the system */
	struct spans up; /* what grew from pages */
	struct free_space space[SYS_MAX_ALLOCS]; /* what each walked as free; all with the pieces */
	bool has_space[SYS_MAX_ALLOCS];
	struct moment_zone *zone;
	unsigned nr_zones;
	struct moment_heap heap[SYS_MAX_ALLOCS];
	unsigned nr_heaps;
	struct moment_cache *cache;
	unsigned nr_caches, room_caches;
	uint64_t largest[MACHINE_MAX_REGIONS]; /* bytes, with the pieces */
};

void moment_forget(struct moment *m); /* another moment: all is read anew; zeroed is fine */
void moment_finish(struct moment *m); /* frees all; zeroed is fine */

/* ---- what does not cost a walk ---- */

const struct system *moment_system(const struct timeline *t);
const struct figures *moment_figures(const struct timeline *t);
const struct live *moment_live(const struct timeline *t, uint32_t slot); /* NULL: no such slot */
uint32_t moment_site(const struct timeline *t, const struct live *l); /* its call site; 0: none told */
uint32_t moment_nr_slots(const struct timeline *t);
/* Raw bytes; false when any lies outside RAM. */
bool moment_read(const struct timeline *t, uint64_t pa, void *buf, size_t bytes) MUST_USE;
void moment_region_classes(const struct timeline *t, unsigned region, int64_t out[MM_NR_CLASSES]);

/* ---- what does: read once a moment; borrowed until time moves ---- */

const struct piece *moment_pieces(struct timeline *t, size_t *nr);
/* Index of the first piece that ends behind pa. O(log n). */
size_t moment_piece_at(struct timeline *t, uint64_t pa);
uint32_t moment_slot_at(struct timeline *t, uint64_t pa); /* of the live block there; SLOT_NONE */
const struct moment_zone *moment_zones(struct timeline *t, unsigned *nr);
/* CPU's lists of a zone, where the kind has them; false: it has none. */
bool moment_lists(struct timeline *t, const struct moment_zone *z, unsigned cpu,
		  struct zone_lists *out);
const struct moment_heap *moment_heaps(struct timeline *t, unsigned *nr);
/* What an allocator shows as free. O(its walk), unless the pieces are there. */
const struct free_space *moment_space(struct timeline *t, unsigned alloc);

/* Bytes of a cell that a word says what they are. */
struct cell_word {
	const char *what; /* as piece's */
	uint64_t bytes;
	uint8_t class, alloc; /* as piece's */
};

typedef void moment_cell_fn(void *ctx, unsigned i, const struct cell_word *w, unsigned nr);

/*
 * An allocator's arena in n cells of as many bytes, the last one with what is left over:
 * tells each at least once, and last with all its words.  Words of no bytes may be among
 * them; bytes that nobody shows are in none.  n: 1 ... the arena's bytes.
 */
void moment_cells(struct timeline *t, unsigned alloc, unsigned n, moment_cell_fn *fn, void *ctx);

const struct moment_cache *moment_caches(struct timeline *t, unsigned *nr);
/* The slab in whose first page pa lies, where the kind can tell; false: it cannot, or there is none. */
bool moment_slab(struct timeline *t, unsigned alloc, uint64_t pa, struct slab_figures *out);

struct image_hash moment_hash(const struct timeline *t);

#endif
