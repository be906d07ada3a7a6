/*
 * slabpool: where slabs live, for all kinds built of slabs.
 *
 * A pool gives out runs of equal *units*, either from a fixed arena, whose map
 * of units it keeps itself, or from a page source.  A run is named by its `ref`,
 * the number of its first unit.  See slabpool.c.
 */
#ifndef ALLOC_SLABPOOL_H
#define ALLOC_SLABPOOL_H

#include "alloc/alloc.h"
#include "alloc/page.h"

#define REF_NONE UINT32_MAX

/* What begins at a unit.  Values from POOL_SLAB on name the cache too: POOL_SLAB + number. */
enum pool_kind {
	POOL_TAIL = 0, /* nothing: inside a run */
	POOL_FREE = 1, /* a free run */
	POOL_END = 2, /* last unit of a free run of two units or more */
	POOL_LARGE = 3, /* a run granted as it is */
	POOL_TABLE = 4, /* the taker's own records */
	POOL_SLAB = 5
};

struct slabpool {
	struct mem *m;
	struct page_source *pages; /* NULL: an arena */
	vaddr_t base, end; /* of the arena or of the root block */
	vaddr_t root; /* the pool's header */
	vaddr_t taker; /* the bytes reserved for the taker */
	vaddr_t map; /* arena: the record of unit 0 */
	vaddr_t origin; /* where unit 0 begins */
	uint32_t taker_bytes;
	uint32_t nr; /* arena: units */
	uint32_t stride; /* arena: bytes of a record */
	uint8_t unit_shift; /* log2 of a unit, bytes; grown: a page */
	uint8_t nr_bins; /* arena */
};

/* What the taker wants of a pool. */
struct pool_shape {
	unsigned unit_shift; /* arena only; grown pools count in pages */
	uint32_t taker_bytes; /* beside the pool's header */
	uint32_t record_bytes; /* arena: of a unit's record, >= POOL_RECORD, a multiple of 4 */
};

/*
 * Fills *p from env.  slabpool_format also makes the memory; slabpool_adopt
 * stores nothing and takes env->root.  The taker's bytes are zero and MM_METADATA.
 * 0; MM_ENOMEM: the arena is too small or the page source gave nothing;
 * MM_EINVAL: the page source has no page descriptors.
 */
int slabpool_format(struct slabpool *p, const struct alloc_env *env, const struct pool_shape *s);
int slabpool_adopt(struct slabpool *p, const struct alloc_env *env, const struct pool_shape *s);

/*
 * A run of `units` units whose address is a multiple of 2^align_shift units
 * (grown: `units` is a power of two, and the run is aligned to its size), or
 * REF_NONE with nothing changed.  *steps grows by the free runs looked at.
 * `kind` is POOL_LARGE, POOL_TABLE or POOL_SLAB + number.  The run's bytes are
 * MM_CACHED before and after.  O(free runs) at worst, mostly O(1).
 */
uint32_t slabpool_get(struct slabpool *p, const struct alloc_req *req, unsigned kind,
		      uint32_t units, unsigned align_shift, uint64_t *steps);

/* Gives a whole run back; the taker has zeroed what it put in the record beyond POOL_RECORD. O(1). */
void slabpool_put(struct slabpool *p, uint32_t ref);

/*
 * Makes the large run at `ref` `units` long without moving it: true, or false
 * and nothing changed.  Grown pools resize nothing.  O(1).
 */
bool slabpool_resize(struct slabpool *p, uint32_t ref, uint32_t units);

/* Kind of what begins at ref (POOL_TAIL too where the pool owns nothing); grown: never above
 * POOL_SLAB. */
unsigned slabpool_kind(const struct slabpool *p, uint32_t ref);

/* Units of the run that begins at ref. */
uint32_t slabpool_units(const struct slabpool *p, uint32_t ref);

/* Every run, free ones too: first, next, ... until REF_NONE; ascending in an arena. */
uint32_t slabpool_first(const struct slabpool *p);
uint32_t slabpool_next(const struct slabpool *p, uint32_t ref);

/* A walk: the pool knows its own spans, the taker those of its slabs and tables. */
struct pool_walker {
	walk_fn *fn;
	void *ctx;
	void (*run)(const void *taker, uint32_t ref, walk_fn *fn, void *ctx);
	const void *taker;
	/* What ends the taker's bytes: `nr_records` spans of `record_bytes`. */
	const char *record_what;
	msize_t record_bytes;
	unsigned nr_records;
};

/* Every span: header, map, slivers, free and large runs; `run` gives each other run's. */
void slabpool_walk(const struct slabpool *p, const struct pool_walker *w);

/* The pool's invariants P1 to P7; O(units). */
int slabpool_check(const struct slabpool *p, struct check_report *r) MUST_USE;

/* Bytes of the largest run that the pool could give when nothing else is live. */
msize_t slabpool_largest(const struct slabpool *p);

/* Largest order of a run of 2^order units, aligned to its size, that it then could give. */
unsigned slabpool_max_order(const struct slabpool *p);

static inline msize_t unit_bytes(const struct slabpool *p)
{
	return (msize_t)1 << p->unit_shift;
}

static inline vaddr_t ref_va(const struct slabpool *p, uint32_t ref)
{
	return vaddr_add(p->origin, (msize_t)ref << p->unit_shift);
}

/* The unit that holds address a, which may lie anywhere: then it is no valid unit. */
static inline uint32_t va_ref(const struct slabpool *p, vaddr_t a)
{
	msize_t n = vaddr_diff(a, p->origin) >> p->unit_shift;

	return n < REF_NONE ? (uint32_t)n : REF_NONE;
}

#endif
