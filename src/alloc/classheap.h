/*
 * classheap: the common ground of tlsf, bins and half_fit.
 *
 * A heap of chunks with boundary tags whose free chunks lie on lists by size
 * class, with a bitmap of the lists that are not empty.  A kind is a *policy*: how
 * finely a power of two is divided into classes, which chunk a request gets, how
 * far its own class is searched.  Each kind's file instantiates the operations of
 * classheap_fast.h with its constant policy; what is not in a hurry is compiled once:
 * segments and walk in classheap.c, what few requests need in classheap_slow.c, check in
 * classheap_check.c.
 */
#ifndef ALLOC_CLASSHEAP_H
#define ALLOC_CLASSHEAP_H

#include "alloc/alloc.h"
#include "alloc/page.h"

struct class_policy {
	unsigned split_log2; /* a power of two is divided into 2^split_log2 classes */
	unsigned header_words; /* before each payload; the last of them is the tag */
	bool pow2; /* chunks of requests are powers of two */
	bool search; /* look at some chunks of the own class before larger ones */
	bool keep; /* small freed chunks are kept for a while before they coalesce */
};

/* What sizes follow from the granularity. */
struct class_shape {
	msize_t gran; /* chunk sizes and payload addresses are multiples, bytes */
	msize_t min_chunk; /* bytes */
	msize_t bias; /* a size's key is the size less this: requests of 2^k begin a class */
	msize_t linear; /* keys below this have classes of their own, bytes */
	unsigned gran_log2;
	unsigned linear_log2; /* of linear, less 1 */
	unsigned split_log2; /* the policy's */
};

/* The handle: geometry only. */
struct classheap {
	struct alloc base;
	/* What every operation asks for. */
	msize_t max_size; /* largest request that can be served at all, bytes */
	struct class_shape shape;
	struct mm_rec control;
	msize_t heads; /* of the lists, bytes from the control */
	vaddr_t low, high; /* of a fixed arena: where its least payload is, and its end */
	struct page_source *pages; /* NULL: a fixed arena */
	msize_t kept; /* words of kept chunks, bytes from the control */
	msize_t keep_sizes; /* chunks of fewer granules are kept; 0: none */
	msize_t keep_most; /* kept bytes that make them all coalesce */
	/* The rest. */
	struct class_policy policy;
	unsigned tries; /* chunks of the own class looked at, at most */
	unsigned nr_classes;
	unsigned nr_rows;
	msize_t header; /* bytes before a payload */
	msize_t grow; /* least bytes of a further segment */
	unsigned first_order; /* of the first segment's pages */
};

/* Kept chunks are smaller than this, in granules. */
#define CLASSHEAP_KEEP_SIZES 32u

/* What a kind chooses at init and attach. */
struct class_setup {
	struct class_policy policy;
	msize_t gran; /* a power of two, at least the target's alignment */
	unsigned tries; /* with policy.search */
	msize_t grow; /* bytes */
	msize_t keep; /* with policy.keep: most bytes of kept chunks; 0: none */
};

/*
 * Formats the first segment (the arena, or pages).  0; MM_ENOMEM when control and
 * one least chunk do not fit or pages ran out.  O(classes).
 */
int classheap_init(struct classheap *h, const struct alloc_ops *ops, const struct alloc_env *env,
		   const struct class_setup *s) MUST_USE;

/* Adopts a formatted heap; 0 or MM_ENOMEM as init. */
int classheap_attach(struct classheap *h, const struct alloc_ops *ops, const struct alloc_env *env,
		     const struct class_setup *s) MUST_USE;

/*
 * A new segment whose only chunk, of at least `need` bytes, is on no list and
 * counts as free in the ledger; its payload, or VADDR_NONE and nothing changed.
 */
vaddr_t classheap_grow(struct classheap *h, msize_t need, const struct alloc_req *req);

/*
 * If the free chunk p of `size` bytes fills a segment other than the first, takes it
 * off its list and gives the segment back.
 */
void classheap_drop(struct classheap *h, vaddr_t p, msize_t size);

/*
 * malloc when no list has a chunk of `need` bytes: from kept chunks, coalesced, or a new
 * segment; and malloc of requests that are too large or aligned.
 */
struct grant classheap_malloc_more(struct classheap *h, msize_t need, const struct alloc_req *req);
struct grant classheap_malloc_unusual(struct classheap *h, const struct alloc_req *req);

struct grant classheap_resize(struct classheap *h, vaddr_t p, const struct alloc_req *req);

/* All kept chunks coalesce; false: there were none.  O(kept chunks). */
bool classheap_coalesce(struct classheap *h);

void classheap_walk(const struct alloc *a, walk_fn *fn, void *ctx);
vaddr_t classheap_chunk(const struct alloc *a, vaddr_t p, struct walk_span *out);
int classheap_check(const struct alloc *a, struct check_report *r) MUST_USE;
msize_t classheap_usable(const struct alloc *a, vaddr_t p);
msize_t classheap_largest(const struct alloc *a);

/* Payloads of the first chunk and of the end tag in a segment at `s` of `bytes` bytes. */
vaddr_t classheap_first(const struct classheap *h, vaddr_t s);
vaddr_t classheap_end(const struct classheap *h, vaddr_t s, msize_t bytes);

/* Bytes of the control, with the first segment's record. */
msize_t classheap_control_bytes(const struct classheap *h);

/* The shape of a policy's heaps with chunks of multiples of 2^gran_log2 bytes. */
static inline struct class_shape class_shape(struct class_policy k, unsigned gran_log2)
{
	const msize_t gran = (msize_t)1 << gran_log2;

	return (struct class_shape){.gran = gran,
				    .min_chunk = round_up((k.header_words + 3) * MM_WORD, gran),
				    .bias = k.pow2 ? 0 : gran,
				    .linear = gran << (k.split_log2 + 1),
				    .gran_log2 = gran_log2,
				    .linear_log2 = gran_log2 + k.split_log2,
				    .split_log2 = k.split_log2};
}

/* The class of a size whose key is at least half of linear. */
static inline unsigned wide_class(const struct class_shape *s, msize_t key)
{
	unsigned e = msb(key);

	return (unsigned)(key >> (e - s->split_log2)) + ((e - s->linear_log2) << s->split_log2);
}

/*
 * The class of a chunk of `size` bytes, a multiple of the granularity: O(1).  Few
 * chunks are so large that their highest bit must be looked for.
 */
static inline unsigned class_of(const struct class_shape *s, msize_t size)
{
	msize_t key = size - s->bias;

	if (mm_likely(key < s->linear))
		return (unsigned)(key >> s->gran_log2);
	return wide_class(s, key);
}

#endif
