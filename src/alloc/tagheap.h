/*
 * tagheap: chunks with boundary tags, the ground that first_fit, next_fit,
 * best_fit and worst_fit share.  The four differ in which free chunk they
 * choose; all else is here.  See tagheap.c.
 */
#ifndef ALLOC_TAGHEAP_H
#define ALLOC_TAGHEAP_H

#include "alloc/alloc.h"
#include "alloc/fitdir.h"
#include "alloc/fittree.h"
#include "alloc/segment.h"

enum tag_policy { TAG_FIRST, TAG_NEXT, TAG_BEST, TAG_WORST };
enum tag_order { TAG_BY_ADDRESS, TAG_LIFO };
enum tag_index { TAG_LIST, TAG_TREE };

/* Parameters, in the order of tagheap_params. */
enum tag_param { TAG_PARAM_ORDER, TAG_PARAM_INDEX, TAG_PARAM_MIN_CHUNK, TAG_PARAM_GROW };

struct tagheap {
	struct alloc base;
	enum tag_policy policy;
	enum tag_order order;
	enum tag_index index;
	msize_t grain; /* sizes and payload addresses are multiples of it, bytes */
	msize_t least; /* the least chunk, bytes with its header */
	msize_t limit; /* the largest request a fresh segment can serve, bytes */
	struct mm_range arena; /* fixed arena; bytes == 0: none */
	struct seg_list segments;
	struct fit_tree tree; /* where the tree's words lie, for TAG_TREE */
	struct fit_dir dir; /* best and worst fit: small sizes, before the tree */
	msize_t dir_bytes; /* at the end of the first segment; 0: no directory */
};

/* Where the last search for a chunk went; a tree takes the chunk out along it. */
struct tag_search {
	uint64_t steps; /* chunks looked at */
	struct fit_path path;
};

extern const struct alloc_param tagheap_params[];
extern const struct bytes_ops tagheap_bytes;

/*
 * Formats memory, or adopts formatted memory, for one policy.  MM_EINVAL: index
 * tree with order lifo, or min_chunk is below what the index needs.  MM_ENOMEM:
 * no room for root and one chunk, or no pages.
 */
int tagheap_init(struct tagheap *h, const struct alloc_ops *ops, enum tag_policy policy,
		 const struct alloc_env *env) MUST_USE;
int tagheap_attach(struct tagheap *h, const struct alloc_ops *ops, enum tag_policy policy,
		   const struct alloc_env *env) MUST_USE;

/*
 * req->size bytes (0 counts as 1) at a multiple of req->align.  GRANT_NONE: no
 * free chunk is large enough and no segment could be added; nothing changed.
 * Steps as the index has it: O(free chunks) for a list, O(log) for a tree.
 */
struct grant tagheap_malloc(struct tagheap *h, const struct alloc_req *req);

/*
 * Gives back the block at p; its granted bytes, or FREE_BAD when p is no live
 * block as far as its own header and the next one tell.  O(1) with lifo order,
 * O(log free chunks) with a tree, O(free chunks) in an address-ordered list.
 */
msize_t tagheap_free(struct tagheap *h, vaddr_t p);

/*
 * Shrinks the block at p, or grows it into a free chunk behind it.  GRANT_NONE:
 * it cannot grow there (or is not aligned as asked); nothing changed.
 */
struct grant tagheap_resize(struct tagheap *h, vaddr_t p, const struct alloc_req *req);

void tagheap_walk(const struct alloc *a, walk_fn *fn, void *ctx);
vaddr_t tagheap_chunk(const struct alloc *a, vaddr_t p, struct walk_span *out);
int tagheap_check(const struct alloc *a, struct check_report *r) MUST_USE;

/* ---- segments: tagheap_segment.c ---- */

/* The first segment, root and all; sets h->base.root. */
int tagheap_first_segment(struct tagheap *h) MUST_USE;
/* Fills in where root and directory are, in the first segment s. */
void tagheap_locate(struct tagheap *h, vaddr_t s, msize_t bytes);
/* One more segment with a free chunk of at least `chunk` bytes, not yet in the index, or none. */
vaddr_t tagheap_add_segment(struct tagheap *h, msize_t chunk, const struct alloc_req *req);
/* Gives back segment s, which is one free chunk that the index no longer holds. */
void tagheap_drop_segment(struct tagheap *h, vaddr_t s);
/* The largest request that one segment can serve. */
msize_t tagheap_segment_limit(const struct tagheap *h);

/* ---- the index of free chunks: tagheap_index.c ---- */

/* Is a free chunk of `bytes` kept by the directory, not by the tree itself? */
static inline bool tag_in_dir(const struct tagheap *h, msize_t bytes)
{
	return h->dir_bytes != 0 && fitdir_holds(&h->dir, bytes);
}

/* An empty index. */
void tag_index_format(const struct tagheap *h);
/* The free chunk of at least `bytes` that the policy chooses, or VADDR_NONE. */
vaddr_t tag_find(const struct tagheap *h, msize_t bytes, struct tag_search *s);
/* The chunk that tag_find found leaves the index. */
void tag_take_found(struct tagheap *h, vaddr_t c, struct tag_search *s);
/* The chunk that tag_find found gives way to the free chunk [to, to + bytes) inside it. */
void tag_cut_found(struct tagheap *h, vaddr_t c, vaddr_t to, msize_t bytes, struct tag_search *s);
/* A new free chunk: writes its tags and adds it to the index. */
void tag_add(struct tagheap *h, vaddr_t c, msize_t bytes);
/* As tag_add, for a chunk that follows the free chunk `before` in address order. */
void tag_add_behind(struct tagheap *h, vaddr_t before, vaddr_t c, msize_t bytes);
/* A free chunk leaves the index; its tags stay as they are. */
void tag_remove(struct tagheap *h, vaddr_t c);
/* A free chunk moves or changes its size where it is; no other free chunk lies between. */
void tag_move(struct tagheap *h, vaddr_t c, vaddr_t to, msize_t bytes);
/* Invariants of the index against the chunks; nr_free chunks were seen by the caller. */
int tag_index_check(const struct tagheap *h, uint64_t nr_free, struct check_report *r) MUST_USE;

#endif
