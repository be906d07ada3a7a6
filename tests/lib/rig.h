/*
 * A small machine for tests of one allocator: physical memory, a ledger with one
 * owner a handle, and the allocator itself, in any instance.
 *
 *   struct rig g;
 *   rig_init(&g, RIG_NOISE, (struct phys_region[]){{0x1000, 65536, REGION_RAM, 15}}, 1, 0);
 *   struct alloc *a = rig_arena(&g, &alloc_checked4, "bump", NULL, 0x1000, 65536);
 *   rig_check(&g, a);                  fails the test on any violated invariant
 *   rig_ledger_equals_walk(&g, &a, 1); fails the test when the two differ
 *   rig_finish(&g);
 */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include "alloc/alloc.h"
#include "model/fault.h"
#include "model/physmem.h"

#define RIG_MAX_ALLOCS 8u
#define RIG_NOISE      0x5eedull

/* Fast and checked, words of 4 and 8 bytes: what a kind must do, it does in each. */
#define RIG_INSTANCES 4u
extern const struct alloc_instance *const rig_instances[RIG_INSTANCES];

struct rig_owner {
	struct mem view;
	struct mm_search search;
	uint64_t count[MM_NR_EV];
	struct mm_row rows[16];
	struct alloc *alloc;
	struct alloc_env env;
	struct param_value params[32];
	struct page_source source;
};

struct rig {
	struct physmem pm;
	struct mm_shared sh;
	uint64_t offset; /* of the linear view */
	unsigned nr;
	struct rig_owner owner[RIG_MAX_ALLOCS];
	struct alloc *boot; /* the region manager, once rig_boot ran */
	/* What rig_pages makes up for the page allocator's env. */
	struct pfn_range ranges[16];
	struct zone_desc zone;
	uint8_t zonelist[MM_MAX_ZONES];
};

/* Regions ascending; every byte begins MM_UNMANAGED. noise 0: RAM is zero. */
void rig_init(struct rig *g, uint64_t noise, const struct phys_region *regions, unsigned nr,
	      uint64_t offset);
void rig_finish(struct rig *g);

const struct alloc_ops *rig_kind(const struct alloc_instance *in, const char *kind);

/*
 * A parameter to set: name and value; the array ends with {NULL}.  For
 * PARAM_SIZES give `list` and `nr`.
 */
struct rig_param {
	const char *name;
	msize_t u;
	const msize_t *list;
	unsigned nr;
};

/* A new owner with the defaults of `kind` overridden by `set`; alignment 8, 4 for none. */
struct rig_owner *rig_owner(struct rig *g, const struct alloc_instance *in, const char *kind,
			    const struct rig_param *set);

/* Runs init on o->env as it stands; 0 or the error. */
int rig_start(struct rig *g, struct rig_owner *o);

/* The usual: `kind` in a fixed arena of the linear view; fails the test on an error. */
struct alloc *rig_arena(struct rig *g, const struct alloc_instance *in, const char *kind,
			const struct rig_param *set, uint64_t base, uint64_t bytes);

/* `kind` grown from the pages of `pages` (an alloc that offers page_ops). */
struct alloc *rig_grown(struct rig *g, const struct alloc_instance *in, const char *kind,
			const struct rig_param *set, struct alloc *pages);

/*
 * The region manager, its table (room for 32 ranges) at the first RAM region's
 * base, with every RAM region added.  rig_pages and rig_zones call it if need be;
 * call it before them to reserve or carve something first.
 */
struct alloc *rig_boot(struct rig *g, const struct alloc_instance *in);

/*
 * A page allocator of `kind` over all RAM: one zone "normal", a range a region,
 * descriptors in their own range.
 *
 *   struct alloc *pages = rig_pages(&g, in, "buddy", NULL, 12);
 *   struct alloc *heap = rig_grown(&g, in, "tlsf", NULL, pages);
 *   rig_ledger_equals_walk(&g, (struct alloc *[]){pages, heap}, 2);
 */
struct alloc *rig_pages(struct rig *g, const struct alloc_instance *in, const char *kind,
			const struct rig_param *set, unsigned page_shift);

/* The same over given zones (borrowed), tried from the last to the first. */
struct alloc *rig_zones(struct rig *g, const struct alloc_instance *in, const char *kind,
			const struct rig_param *set, unsigned page_shift,
			const struct zone_desc *zones, unsigned nr_zones);

/* The owner of rig_zones before init, to set more of its env: then call rig_start. */
struct rig_owner *rig_zones_owner(struct rig *g, const struct alloc_instance *in, const char *kind,
				  const struct rig_param *set, unsigned page_shift,
				  const struct zone_desc *zones, unsigned nr_zones);

struct rig_owner *rig_owner_of(struct rig *g, const struct alloc *a);

/* check() passes, or the test fails with the invariant's text. */
void rig_check(struct rig *g, struct alloc *a);

/*
 * walk covers each byte once, and its classes equal the ledger's rows summed over
 * all owners.  Lower layers first; the rig's region manager comes by itself.
 */
void rig_ledger_equals_walk(struct rig *g, struct alloc *const *allocs, unsigned nr);

/* Bytes of `class` in all rows of one owner. */
int64_t rig_bytes(const struct rig_owner *o, enum mm_class class);

#endif
