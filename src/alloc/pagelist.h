/* pagelist: a linked list of single pages.  See pagelist.c. */
#ifndef ALLOC_PAGELIST_H
#define ALLOC_PAGELIST_H

#include "alloc/memmap.h"

struct pagelist {
	struct alloc base;
	struct memmap map;
};

/*
 * A page from the first zone of the zonelist that is in req->zone_mask and has
 * one; PFN_NONE if none has.  O(zones).
 */
pfn_t pagelist_alloc_page(struct pagelist *l, const struct alloc_req *req);

/* Gives back a live page.  MM_EINVAL, and nothing changed, if pfn is not one.  O(1). */
int pagelist_free_page(struct pagelist *l, pfn_t pfn) MUST_USE;

extern const struct alloc_ops pagelist_ops;

/* Every invariant of pagelist.c; O(free pages + descriptors ever touched). */
int pagelist_check(const struct alloc *a, struct check_report *r) MUST_USE;

#endif
