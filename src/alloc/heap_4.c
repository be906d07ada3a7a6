/*
 * heap_4: FreeRTOS's heap_4, block for block: first fit by address.
 *
 * Every block, live or free, has a header of two words, {next, size}; a request
 * grows by it and is rounded to 8 bytes.  Free blocks form a list by address:
 * malloc takes the first that is large enough and splits it if more than two
 * headers would be left; free puts the block back where its address belongs and
 * joins it with the neighbours it touches.  The top bit of the size says "live",
 * and a live block's next is none.
 *
 * Source: FreeRTOS, the documentation of its heap_4 and heap_5 (R. Barry, Amazon);
 * words in the comments are theirs, so that their users find their way.  Several
 * segments are heap_5's idea; blocks aligned beyond the target's, resizing, and
 * giving back pages are not in FreeRTOS.
 *
 * With index tree the same blocks are found in a tree (fittree.c), which takes
 * four words of a free block: with eight-byte words the least block is then 32
 * bytes, not 24 (min_chunk makes the list's as large).
 *
 * Worst case: that of address-ordered first fit, M(1 + ceil(log2 n)) for peak live
 * memory M and largest request n in units of the least block (Robson 1977, see
 * first_fit.c), headers included.  Time: as many steps as there are free blocks,
 * for malloc and for free; with a tree the logarithm of it.
 *
 * Invariants, cited by heap_4_check:
 *   H1  segments ascend, are linked both ways, and none but the first is one free block
 *   H2  blocks lead exactly from a segment's first to its pxEnd, which names it
 *   H3  a size is a multiple of the alignment and not below the least block
 *   H4  no two free blocks touch
 *   H5  a live block's next is none
 *   H6  allocations less frees are the live blocks
 *   H7  xFreeBytesRemaining is the size of all free blocks, and never was below
 *       xMinimumEverFreeBytesRemaining
 *   H8  the list, or the tree, holds each free block once, by address
 *   and A1 to A3 of fittree.c with a tree
 */
#include "alloc/heap_4.h"

#include "alloc/bulk.h"
#include "alloc/heap_4_layout.h"

/* Where a block stands among the free ones: after `prev` in the list, or down `path`. */
struct position {
	vaddr_t prev; /* root when it is the first */
	struct fit_path path;
	uint64_t steps;
};

static bool is_tree(const struct heap_4 *h)
{
	return h->index == HEAP_4_TREE;
}

/* ---- the free blocks ---- */

/* The first free block of at least `bytes`, or none. */
static vaddr_t find(const struct heap_4 *h, msize_t bytes, struct position *at)
{
	const struct mem *m = h->base.m;
	vaddr_t b;
	uint64_t n = 0;

	if (is_tree(h))
		return fit_leftmost(&h->tree, bytes, &at->path, &at->steps);
	at->prev = h->base.root;
	for (b = block_next(m, at->prev); !vaddr_none(b); b = block_next(m, b)) {
		n++;
		if (block_size_word(m, b) >= bytes)
			break;
		at->prev = b;
	}
	at->steps += n;
	return b;
}

/* The last free block before b, or none; `at` is where b would be listed. */
static vaddr_t find_before(const struct heap_4 *h, vaddr_t b, struct position *at)
{
	const struct mem *m = h->base.m;
	vaddr_t next;

	if (is_tree(h))
		return fit_before(&h->tree, b, &at->path);
	at->prev = h->base.root;
	for (next = block_next(m, at->prev); next.v < b.v; next = block_next(m, next))
		at->prev = next;
	return vaddr_eq(at->prev, h->base.root) ? VADDR_NONE : at->prev;
}

/* Free block b is listed: where? */
static void locate(const struct heap_4 *h, vaddr_t b, struct position *at)
{
	if (is_tree(h))
		fit_seek(&h->tree, b, &at->path);
	else
		(void)find_before(h, b, at);
}

/* Free block b of `bytes` comes into the list, where find_before has been. */
static void insert(const struct heap_4 *h, vaddr_t b, msize_t bytes, struct position *at)
{
	const struct mem *m = h->base.m;

	set_block_size_word(m, b, bytes);
	if (is_tree(h)) {
		fit_insert(&h->tree, b, bytes);
		return;
	}
	set_block_next(m, b, block_next(m, at->prev));
	set_block_next(m, at->prev, b);
}

/* Free block b, at `at`, leaves the list. */
static void unlist(const struct heap_4 *h, vaddr_t b, struct position *at)
{
	const struct mem *m = h->base.m;

	if (is_tree(h))
		fit_remove(&h->tree, &at->path);
	else
		set_block_next(m, at->prev, block_next(m, b));
}

/* Free block b, at `at`, becomes [to, to + bytes); the two may overlap. */
static void move(const struct heap_4 *h, vaddr_t b, vaddr_t to, msize_t bytes, struct position *at)
{
	const struct mem *m = h->base.m;
	struct fit_links links;
	vaddr_t next;

	if (is_tree(h)) {
		links = fit_lift(&h->tree, b);
		set_block_size_word(m, to, bytes);
		fit_settle(&h->tree, &at->path, to, &links);
		return;
	}
	next = block_next(m, b);
	set_block_size_word(m, to, bytes);
	set_block_next(m, to, next);
	if (!vaddr_eq(b, to))
		set_block_next(m, at->prev, to);
}

/* ---- malloc ---- */

static msize_t block_for(const struct heap_4 *h, msize_t request)
{
	msize_t bytes = round_up(request + h->head, h->grain);

	return bytes < h->least ? h->least : bytes;
}

/* xFreeBytesRemaining grows, or shrinks by a negative number. */
static void count_free(const struct heap_4 *h, msize_t more)
{
	const struct mem *m = h->base.m;
	msize_t now = (root_counter(m, h->base.root, HEAP_4_FREE) + more) & MM_WORD_ONES;

	set_root_counter(m, h->base.root, HEAP_4_FREE, now);
	if (now < root_counter(m, h->base.root, HEAP_4_MINIMUM))
		set_root_counter(m, h->base.root, HEAP_4_MINIMUM, now);
}

static void count(const struct heap_4 *h, enum heap_4_counter i)
{
	set_root_counter(h->base.m, h->base.root, i, root_counter(h->base.m, h->base.root, i) + 1);
}

/* Marks [b, b + bytes) live; its header is metadata already. */
static struct grant granted(const struct heap_4 *h, vaddr_t b, msize_t bytes)
{
	struct mem *m = h->base.m;
	struct grant g = {vaddr_add(b, h->head), bytes - h->head};

	set_block_next(m, b, VADDR_NONE);
	set_block_size_word(m, b, bytes | HEAP_4_LIVE);
	count_free(h, (msize_t)0 - bytes);
	count(h, HEAP_4_ALLOCS);
	mm_account(m, g.va, g.bytes, MM_CACHED, MM_GRANTED);
	mm_event(m, MM_EV_CHUNK_TAKE, g.va.v, g.bytes, 0);
	return g;
}

/*
 *   [ b ................. free ]  =>  [ b live, bytes ][ rest, free ]
 *
 * or all of it, when no more than two headers would be left.
 */
static struct grant take_front(struct heap_4 *h, vaddr_t b, msize_t bytes, struct position *at)
{
	struct mem *m = h->base.m;
	msize_t size = block_size(m, b), rest = size - bytes;
	vaddr_t to = vaddr_add(b, bytes);

	if (rest <= h->minimum) {
		unlist(h, b, at);
		return granted(h, b, size);
	}
	move(h, b, to, rest, at);
	mm_account(m, to, h->head, MM_CACHED, MM_METADATA);
	mm_event(m, MM_EV_CHUNK_SPLIT, b.v, bytes, rest);
	return granted(h, b, bytes);
}

/*
 *   [ b ......................... free ]  =>  [ b free, gap ][ live ][ rest, free ]
 *                                                            to
 */
static struct grant take_middle(struct heap_4 *h, vaddr_t b, vaddr_t to, msize_t bytes,
				struct position *at)
{
	struct mem *m = h->base.m;
	msize_t gap = vaddr_diff(to, b), size = block_size(m, b) - gap, rest = size - bytes;
	vaddr_t behind = vaddr_add(to, bytes);

	move(h, b, b, gap, at);
	mm_account(m, to, h->head, MM_CACHED, MM_METADATA);
	mm_event(m, MM_EV_CHUNK_SPLIT, b.v, gap, size);
	if (rest <= h->minimum)
		return granted(h, to, size);
	at->prev = b;
	insert(h, behind, rest, at);
	mm_account(m, behind, h->head, MM_CACHED, MM_METADATA);
	mm_event(m, MM_EV_CHUNK_SPLIT, to.v, bytes, rest);
	return granted(h, to, bytes);
}

/* The first block of at least `bytes`, from a new segment if need be, or none. */
static vaddr_t find_or_grow(struct heap_4 *h, msize_t bytes, const struct alloc_req *req,
			    struct position *at)
{
	vaddr_t b = find(h, bytes, at);

	if (mm_likely(!vaddr_none(b)) || h->segments.pages == NULL)
		return b;
	b = heap_4_add_segment(h, bytes, req);
	if (vaddr_none(b))
		return b;
	(void)find_before(h, b, at);
	count_free(h, block_size(h->base.m, b));
	insert(h, b, block_size(h->base.m, b), at);
	return find(h, bytes, at);
}

/* Where in free block b an aligned one begins: at b or far enough behind it. */
static vaddr_t aligned_block(const struct heap_4 *h, vaddr_t b, msize_t align)
{
	vaddr_t to = {round_up(b.v + h->head, align) - h->head};

	if (vaddr_eq(to, b) || vaddr_diff(to, b) >= h->least)
		return to;
	return (vaddr_t){round_up(b.v + h->least + h->head, align) - h->head};
}

static bool holds_aligned(const struct heap_4 *h, vaddr_t b, msize_t bytes, msize_t align)
{
	msize_t size = block_size(h->base.m, b), gap = vaddr_diff(aligned_block(h, b, align), b);

	return gap <= size && size - gap >= bytes;
}

static struct grant malloc_aligned(struct heap_4 *h, msize_t bytes, const struct alloc_req *req)
{
	struct position at = {.steps = 0};
	vaddr_t b = find(h, bytes, &at), to;

	if (vaddr_none(b) || !holds_aligned(h, b, bytes, req->align))
		b = find_or_grow(h, bytes + req->align + h->least - h->grain, req, &at);
	mm_search(h->base.m, at.steps);
	if (vaddr_none(b))
		return GRANT_NONE;
	to = aligned_block(h, b, req->align);
	return vaddr_eq(to, b) ? take_front(h, b, bytes, &at) : take_middle(h, b, to, bytes, &at);
}

/* No segment could ever serve it. */
static struct grant too_large(struct heap_4 *h)
{
	mm_search(h->base.m, 0);
	if (h->segments.pages != NULL)
		mm_refuse(h->base.m, MM_REFUSE_LIMIT);
	return GRANT_NONE;
}

struct grant heap_4_malloc(struct heap_4 *h, const struct alloc_req *req)
{
	struct position at;
	msize_t bytes;
	vaddr_t b;

	if (mm_unlikely(req->size > h->limit || req->align > h->limit))
		return too_large(h);
	bytes = block_for(h, req->size ? req->size : 1);
	if (mm_unlikely(req->align > h->grain))
		return malloc_aligned(h, bytes, req);
	at.steps = 0;
	b = find_or_grow(h, bytes, req, &at);
	mm_search(h->base.m, at.steps);
	return vaddr_none(b) ? GRANT_NONE : take_front(h, b, bytes, &at);
}

/* ---- free ---- */

/* The live block whose granted bytes begin at p, as far as its header tells, or none. */
static vaddr_t live_block(const struct heap_4 *h, vaddr_t p)
{
	const struct mem *m = h->base.m;
	vaddr_t b = vaddr_sub(p, h->head), last = last_segment(m, h->segments.ends);
	vaddr_t end = segment_px_end(h, last, seg_bytes(m, last));
	msize_t size;

	if ((p.v & (h->grain - 1)) != 0 || b.v < first_segment(m, h->segments.ends).v ||
	    b.v >= end.v || !seg_readable(&h->segments, b))
		return VADDR_NONE;
	size = block_size(m, b);
	if (!block_is_live(m, b) || !vaddr_none(block_next(m, b)) || size < h->least ||
	    (size & (h->grain - 1)) != 0 || size > vaddr_diff(end, b))
		return VADDR_NONE;
	return b;
}

/* The header of the block at b lies inside a free one from now on. */
static void absorb_head(const struct heap_4 *h, vaddr_t b)
{
	mm_account(h->base.m, b, h->head, MM_METADATA, MM_CACHED);
}

/*
 * The free list after a free: the joined block [b or before, + bytes) stands where
 * a free neighbour did, or is new; `at` is from find_before.
 */
static void relist(struct heap_4 *h, vaddr_t b, vaddr_t before, vaddr_t behind, msize_t bytes,
		   struct position *at)
{
	if (vaddr_none(before) && vaddr_none(behind)) {
		insert(h, b, bytes, at);
		return;
	}
	if (!vaddr_none(behind) && is_tree(h))
		locate(h, behind, at);
	if (vaddr_none(before)) {
		move(h, behind, b, bytes, at);
		return;
	}
	if (!vaddr_none(behind)) {
		at->prev = before;
		unlist(h, behind, at);
		if (is_tree(h))
			locate(h, before, at);
	}
	move(h, before, before, bytes, at);
}

/*
 *   [ before free ][ b free ][ behind free ]  =>  [ before, or b ........... free ]
 *
 * prvInsertBlockIntoFreeList; the joined block.
 */
static vaddr_t insert_joined(struct heap_4 *h, vaddr_t b, msize_t bytes)
{
	struct mem *m = h->base.m;
	struct position at;
	vaddr_t before = find_before(h, b, &at), behind = vaddr_add(b, bytes), start = b;

	if (!vaddr_none(before) && before.v + block_size(m, before) != b.v)
		before = VADDR_NONE;
	if (block_is_live(m, behind))
		behind = VADDR_NONE;
	if (!vaddr_none(before)) {
		start = before;
		bytes += block_size(m, before);
		absorb_head(h, b);
		mm_event(m, MM_EV_CHUNK_MERGE, start.v, bytes, b.v);
	}
	if (!vaddr_none(behind)) {
		bytes += block_size(m, behind);
		absorb_head(h, behind);
		mm_event(m, MM_EV_CHUNK_MERGE, start.v, bytes, behind.v);
	}
	relist(h, b, before, behind, bytes, &at);
	return start;
}

/* The segment that free block b fills, if it is to be given back, else none. */
static vaddr_t segment_to_drop(const struct heap_4 *h, vaddr_t b)
{
	const struct mem *m = h->base.m;
	vaddr_t end = vaddr_add(b, block_size(m, b)), s;

	if (h->segments.pages == NULL || block_size(m, end) != 0)
		return VADDR_NONE;
	s = end_segment(m, end);
	return !has_root(h, s) && vaddr_eq(segment_first_block(h, s, false), b) ? s : VADDR_NONE;
}

msize_t heap_4_free(struct heap_4 *h, vaddr_t p)
{
	struct mem *m = h->base.m;
	vaddr_t b = live_block(h, p), s;
	struct position at;
	msize_t bytes;

	if (mm_unlikely(vaddr_none(b)))
		return FREE_BAD;
	bytes = block_size(m, b);
	/* A second free of the same pointer must not find a live header. */
	set_block_size_word(m, b, bytes);
	count_free(h, bytes);
	count(h, HEAP_4_FREES);
	mm_account(m, p, bytes - h->head, MM_GRANTED, MM_CACHED);
	mm_event(m, MM_EV_CHUNK_FREE, p.v, bytes - h->head, 0);
	b = insert_joined(h, b, bytes);
	s = segment_to_drop(h, b);
	if (!vaddr_none(s)) {
		locate(h, b, &at);
		unlist(h, b, &at);
		count_free(h, (msize_t)0 - block_size(m, b));
		heap_4_drop_segment(h, s);
	}
	return bytes - h->head;
}

/* ---- resize ---- */

/* Live block b of `size` gives up its end: [b + bytes, b + size). */
static void shrink(struct heap_4 *h, vaddr_t b, msize_t size, msize_t bytes)
{
	struct mem *m = h->base.m;
	vaddr_t rest = vaddr_add(b, bytes), behind = vaddr_add(b, size);
	msize_t all = size - bytes;
	struct position at;

	mm_account(m, rest, all, MM_GRANTED, MM_CACHED);
	mm_account(m, rest, h->head, MM_CACHED, MM_METADATA);
	count_free(h, all);
	set_block_size_word(m, b, bytes | HEAP_4_LIVE);
	if (!block_is_live(m, behind)) {
		all += block_size(m, behind);
		absorb_head(h, behind);
		locate(h, behind, &at);
		move(h, behind, rest, all, &at);
	} else {
		(void)find_before(h, rest, &at);
		insert(h, rest, all, &at);
	}
	mm_event(m, MM_EV_CHUNK_SHRINK, b.v + h->head, bytes - h->head, size - h->head);
}

/* Live block b of `size` grows to `bytes`, or all there is, into the free block behind it. */
static void grow(struct heap_4 *h, vaddr_t b, msize_t size, msize_t bytes)
{
	struct mem *m = h->base.m;
	vaddr_t behind = vaddr_add(b, size);
	msize_t rest = size + block_size(m, behind) - bytes;
	struct position at;

	absorb_head(h, behind);
	locate(h, behind, &at);
	if (rest <= h->minimum) {
		bytes += rest;
		unlist(h, behind, &at);
	} else {
		move(h, behind, vaddr_add(b, bytes), rest, &at);
		mm_account(m, vaddr_add(b, bytes), h->head, MM_CACHED, MM_METADATA);
	}
	set_block_size_word(m, b, bytes | HEAP_4_LIVE);
	count_free(h, (msize_t)0 - (bytes - size));
	mm_account(m, behind, bytes - size, MM_CACHED, MM_GRANTED);
	mm_event(m, MM_EV_CHUNK_GROW, b.v + h->head, bytes - h->head, size - h->head);
}

struct grant heap_4_resize(struct heap_4 *h, vaddr_t p, const struct alloc_req *req)
{
	struct mem *m = h->base.m;
	vaddr_t b = live_block(h, p), behind;
	msize_t size, bytes;
	bool free_behind;

	if (vaddr_none(b) || req->size > h->limit ||
	    (req->align != 0 && (p.v & (req->align - 1)) != 0))
		return GRANT_NONE;
	size = block_size(m, b);
	bytes = block_for(h, req->size ? req->size : 1);
	behind = vaddr_add(b, size);
	free_behind = !block_is_live(m, behind);
	if (bytes > size) {
		if (!free_behind || size + block_size(m, behind) < bytes)
			return GRANT_NONE;
		grow(h, b, size, bytes);
	} else if (size - bytes > h->minimum || (bytes < size && free_behind)) {
		shrink(h, b, size, bytes);
	}
	return (struct grant){p, block_size(m, b) - h->head};
}

/* ---- the facet ---- */

static struct grant op_malloc(struct alloc *a, const struct alloc_req *req)
{
	return heap_4_malloc((struct heap_4 *)a, req);
}

static msize_t op_free(struct alloc *a, vaddr_t p)
{
	return heap_4_free((struct heap_4 *)a, p);
}

static struct grant op_resize(struct alloc *a, vaddr_t p, const struct alloc_req *req)
{
	return heap_4_resize((struct heap_4 *)a, p, req);
}

static msize_t op_usable(const struct alloc *a, vaddr_t p)
{
	const struct heap_4 *h = (const struct heap_4 *)a;

	return block_size(a->m, vaddr_sub(p, h->head)) - h->head;
}

static msize_t op_largest(const struct alloc *a)
{
	return ((const struct heap_4 *)a)->limit;
}

static const struct bytes_ops heap_4_bytes = {
	.malloc = op_malloc,
	.free = op_free,
	.resize = op_resize,
	.usable = op_usable,
	.largest_request = op_largest,
	.bulk = bulk_ordinary,
	.chunk = heap_4_chunk,
};

const struct alloc_ops heap_4_ops = {
	.name = "heap_4",
	.summary = "FreeRTOS's heap_4: first fit by address, two-word headers",
	.unit = "block",
	.serves = SERVES_BYTES,
	.params = heap_4_params,
	.handle_bytes = sizeof(struct heap_4),
	.init = heap_4_init,
	.attach = heap_4_attach,
	.walk = heap_4_walk,
	.check = heap_4_check,
	.bytes = &heap_4_bytes,
};
