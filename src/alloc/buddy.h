/* buddy: blocks of 2^order pages, split and merged in pairs.  See buddy.c. */
#ifndef ALLOC_BUDDY_H
#define ALLOC_BUDDY_H

#include "alloc/memmap.h"

#define BUDDY_MAX_ORDER 20u

/* The migrate type of every list in use: mobility grouping is off. */
#define BUDDY_ONE_TYPE MIGRATE_UNMOVABLE

struct buddy {
	struct alloc base;
	struct memmap map;
	unsigned max_order; /* inclusive */
	struct shrinkers *shrinkers; /* borrowed; NULL: nobody gives back */
};

/*
 * The first page of a block of 2^order pages from the first zone of the zonelist
 * that is in req->zone_mask and has one; PFN_NONE if none has.  O(max_order).
 */
pfn_t buddy_alloc_pages(struct buddy *b, unsigned order, const struct alloc_req *req);

/*
 * Gives back a live block.  MM_EINVAL, and nothing changed, if pfn does not head a
 * live block of that order.  O(max_order).
 */
int buddy_free_pages(struct buddy *b, pfn_t pfn, unsigned order) MUST_USE;

extern const struct alloc_ops buddy_ops;

/* Members of buddy_ops, in buddy_boot.c. */
int buddy_init(struct alloc *a, const struct alloc_env *env) MUST_USE;
int buddy_attach(struct alloc *a, const struct alloc_env *env) MUST_USE;
void buddy_walk(const struct alloc *a, walk_fn *fn, void *ctx);

/* Every invariant of buddy.c; O(free blocks + descriptors ever touched). */
int buddy_check(const struct alloc *a, struct check_report *r) MUST_USE;

#endif
