/*
 * recpool: records of one size in pages of their own, for kinds whose metadata
 * are many small records (vm areas, resources, tasks).
 *
 * Each page has a header with a bitmap of its records.  Pages with a free record
 * come first in the list of pages, full ones last, so that taking and giving back
 * are O(1) (a bitmap of four words).  A page that becomes empty goes back to the
 * page source at once.  The first page is the taker's root page: it begins with
 * the taker's own bytes and stays.
 *
 *   page      | header | record 0 | record 1 | ... | slack |
 *   root page | taker's bytes | header | record 0 | ... | slack |
 */
#ifndef ALLOC_RECPOOL_H
#define ALLOC_RECPOOL_H

#include "alloc/alloc.h"
#include "alloc/page.h"

#define RECPOOL_MAX_RECORDS 128u /* in a page: bits of its map */

/* Geometry; `root` is the root page. */
struct recpool {
	struct mem *m;
	struct page_source *pages;
	vaddr_t root;
	uint32_t zones; /* that records may lie in: the direct map's */
	uint32_t taker_bytes; /* of the root page's front, a multiple of 8 */
	uint32_t record_bytes; /* a multiple of the word, such that a page has at most 128 */
};

/*
 * Takes the root page: the taker's bytes are zero and MM_METADATA, no record is
 * live.  MM_ENOMEM: there was no page; MM_EINVAL: records and pages do not fit.
 */
int recpool_format(struct recpool *p, const struct alloc_env *env, uint32_t taker_bytes,
		   uint32_t record_bytes) MUST_USE;

/* The same on a formatted root page; stores nothing. */
int recpool_adopt(struct recpool *p, const struct alloc_env *env, uint32_t taker_bytes,
		  uint32_t record_bytes) MUST_USE;

/* Gives all pages back, whose records are MM_METADATA or free: for an init that failed later on. */
void recpool_destroy(struct recpool *p);

/* A zeroed record, MM_METADATA; VADDR_NONE: no page, nothing changed.  O(1). */
vaddr_t recpool_get(struct recpool *p);

/* Gives a live record back. O(1). */
void recpool_put(struct recpool *p, vaddr_t record);

/* Does a live record begin at a, which may be any address of the view? O(pages) on damage only. */
bool recpool_is_live(const struct recpool *p, vaddr_t a);

/* Header, records and slack of each page; live records are called `what`. */
void recpool_walk(const struct recpool *p, const char *what, walk_fn *fn, void *ctx);

/*
 * R1 to R4: the list of pages, their headers and bitmaps.  *live: records in use.
 * O(pages).
 */
int recpool_check(const struct recpool *p, uint64_t *live, struct check_report *r) MUST_USE;

#endif
