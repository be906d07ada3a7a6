/* buddy_heap: binary buddies without headers.  See buddy_heap.c. */
#ifndef ALLOC_BUDDY_HEAP_H
#define ALLOC_BUDDY_HEAP_H

#include "alloc/alloc.h"
#include "alloc/page.h"

/* A range that blocks fill: the arena, or a segment of pages. */
struct buddy_span {
	vaddr_t base, limit; /* of the range */
	vaddr_t map;
	vaddr_t origin; /* of unit 0 */
	msize_t first, end; /* units that blocks fill */
};

struct buddy_heap {
	struct alloc base;
	unsigned unit_log2; /* least block, bytes */
	unsigned nr_orders; /* lists of free blocks */
	vaddr_t control;
	struct buddy_span span; /* the arena, or the first segment */
	msize_t max_size; /* largest request that can be served at all, bytes */
	struct page_source *pages; /* NULL: a fixed arena */
	unsigned seg_order; /* pages of a segment: 2^seg_order */
	unsigned seg_max; /* greatest order of a block in any segment but the first */
};

/*
 * A block of at least req->size bytes at a multiple of req->align; a grant of 0
 * bytes, and nothing changed, when there is none.  O(orders), no search.
 */
struct grant buddy_heap_malloc(struct buddy_heap *h, const struct alloc_req *req);

/*
 * Gives back the block at p; its bytes, or FREE_BAD and nothing changed when p
 * heads no live block: the map knows them all.  O(orders).
 */
msize_t buddy_heap_free(struct buddy_heap *h, vaddr_t p);

/*
 * The block at p with the order that req->size needs, in place: halves given back,
 * or free buddies taken; a grant of 0 bytes where p is not their lower end.  O(orders).
 */
struct grant buddy_heap_resize(struct buddy_heap *h, vaddr_t p, const struct alloc_req *req);

extern const struct alloc_ops buddy_heap_ops;

/* ---- between the kind's own files ---- */

/* The span of `bytes` bytes at base; its control, if any, and map come first. */
struct buddy_span buddy_heap_span(const struct buddy_heap *h, vaddr_t base, msize_t bytes,
				  bool first);
/* Greatest order of a block in a span with everything free, or -1: not one unit fits. */
int buddy_heap_span_order(const struct buddy_heap *h, const struct buddy_span *s);
msize_t buddy_heap_control_bytes(const struct buddy_heap *h);

/* Writes the map of a span with everything free and lists its blocks; or unlists them. */
void buddy_heap_format(struct buddy_heap *h, const struct buddy_span *s);
void buddy_heap_unformat(struct buddy_heap *h, const struct buddy_span *s);

static inline vaddr_t buddy_heap_map_end(const struct buddy_span *s)
{
	return vaddr_add(s->map, (s->end + 15) / 16 * 4);
}

/* buddy_heap_grow.c: segments of pages, and large blocks that are pages of their own. */

/* What a page's `private` says: it heads a segment of this heap, or a large block. */
#define BUDDY_HEAP_SEGMENT(h) ((h)->base.root.v | 1)
#define BUDDY_HEAP_LARGE(h)   ((h)->base.root.v | 2)

/* The pages of the first segment; 0 or MM_ENOMEM. */
int buddy_heap_first_pages(struct buddy_heap *h, struct mm_range *out) MUST_USE;
void buddy_heap_link_first(struct buddy_heap *h);

/* One more segment with everything free; false, and nothing changed: no pages. */
bool buddy_heap_add_segment(struct buddy_heap *h, const struct alloc_req *req) MUST_USE;
/* Gives the pages of a wholly free segment back; the first one stays. */
void buddy_heap_drop_segment(struct buddy_heap *h, const struct buddy_span *s);
/* Whether p lies in one of the heap's segments; then *s is it.  O(1). */
bool buddy_heap_segment_of(const struct buddy_heap *h, vaddr_t p, struct buddy_span *s);

struct grant buddy_heap_large(struct buddy_heap *h, const struct alloc_req *req);
msize_t buddy_heap_free_large(struct buddy_heap *h, vaddr_t p);
/* The same grant, when the block of pages still has the order the request needs. */
struct grant buddy_heap_resize_large(struct buddy_heap *h, vaddr_t p, const struct alloc_req *req);
/* Granted bytes of the large block p; 0: p is none. */
msize_t buddy_heap_large_bytes(const struct buddy_heap *h, vaddr_t p);
void buddy_heap_walk_large(const struct buddy_heap *h, walk_fn *fn, void *ctx);
/* Address of the descriptor of the page at va, VADDR_NONE where there is none. */
vaddr_t buddy_heap_desc(const struct buddy_heap *h, vaddr_t va);

int buddy_heap_check(const struct alloc *a, struct check_report *r) MUST_USE;

#endif
