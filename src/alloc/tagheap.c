/*
 * tagheap: chunks with boundary tags, the ground of the four sequential fits.
 *
 * Memory is a row of chunks; each knows its size and whether the one before is
 * live, and a free one repeats its size at its end.  malloc takes a free chunk
 * that the policy chooses, gives its front and puts the rest back in its place
 * if a chunk can be made of it; free joins the block with free neighbours on
 * both sides, found by their tags, at once.  A live chunk costs one word.
 *
 * Source: D. E. Knuth, The Art of Computer Programming vol. 1, 2.5, boundary
 * tags (algorithms A, B, C and their exercises); that the size of a live chunk
 * need not be repeated is in D. Lea, "A memory allocator", 1996.
 *
 * Worst-case bounds stand with each policy.
 *
 * Invariants, cited by tagheap_check:
 *   T1  segments ascend, are linked both ways, and none but the first is one free chunk
 *   T2  chunks lead exactly from a segment's first to its end mark, which names it
 *   T3  a size is a multiple of the grain and not below the least chunk
 *   T4  a head says of the chunk before whether it is live, and whether it is a
 *       free one of the least size; any other free chunk has its size in its foot
 *   T5  no two free chunks are neighbours
 *   T6  root's `live` is the number of live chunks
 *   T7  the index holds each free chunk once and nothing else
 *   T8  the list is linked both ways, ascending when ordered by address
 *   T9  the rover is the root or a free chunk
 *   and A1 to A3 of fittree.c with a tree
 *
 * memalign tries the chunk that a plain request would get; when the aligned
 * block does not fit there, it asks for one with room to move in.
 */
#include "alloc/tagheap.h"

#include "alloc/bulk.h"
#include "alloc/tagheap_layout.h"

static msize_t chunk_for(const struct tagheap *h, msize_t request)
{
	msize_t bytes = round_up(request + MM_WORD, h->grain);

	return bytes < h->least ? h->least : bytes;
}

/* Flags for the head behind a free chunk of `bytes`. */
static msize_t behind_free(const struct tagheap *h, msize_t bytes)
{
	return bytes == h->least ? TAG_PREV_LEAST : 0;
}

/* ---- malloc ---- */

static void count_live(const struct tagheap *h, msize_t more)
{
	set_root_live(h->base.m, h->base.root, root_live(h->base.m, h->base.root) + more);
}

/* [c, c + bytes) is live from now on; its header is metadata already. */
static struct grant granted(const struct tagheap *h, vaddr_t c, msize_t bytes)
{
	struct mem *m = h->base.m;
	struct grant g = {chunk_payload(c), bytes - MM_WORD};

	count_live(h, 1);
	mm_account(m, g.va, g.bytes, MM_CACHED, MM_GRANTED);
	mm_event(m, MM_EV_CHUNK_TAKE, g.va.v, g.bytes, 0);
	return g;
}

/*
 *   [ c .................. free ]  =>  [ c live, bytes ][ rest, free ]
 *
 * or all of it, when the rest is too small to be a chunk.
 */
static struct grant take_front(struct tagheap *h, vaddr_t c, msize_t bytes, struct tag_search *s)
{
	struct mem *m = h->base.m;
	msize_t size = chunk_size(m, c), rest = size - bytes;
	vaddr_t end = vaddr_add(c, size), to = vaddr_add(c, bytes);

	if (rest < h->least) {
		tag_take_found(h, c, s);
		set_chunk_head(m, c, size | TAG_INUSE | TAG_PREV_INUSE);
		set_prev_flags(m, end, TAG_PREV_INUSE);
		return granted(h, c, size);
	}
	tag_cut_found(h, c, to, rest, s);
	set_chunk_head(m, c, bytes | TAG_INUSE | TAG_PREV_INUSE);
	if (rest == h->least)
		set_prev_flags(m, end, TAG_PREV_LEAST);
	mm_account(m, to, MM_WORD, MM_CACHED, MM_METADATA);
	mm_event(m, MM_EV_CHUNK_SPLIT, c.v, bytes, rest);
	return granted(h, c, bytes);
}

/* The policy's chunk of at least `bytes`, from a new segment if need be, or none. */
static vaddr_t find_chunk(struct tagheap *h, msize_t bytes, const struct alloc_req *req,
			  struct tag_search *s)
{
	vaddr_t c = tag_find(h, bytes, s), fresh;

	if (mm_likely(!vaddr_none(c)) || h->segments.pages == NULL)
		return c;
	fresh = tagheap_add_segment(h, bytes, req);
	if (vaddr_none(fresh))
		return fresh;
	tag_add(h, fresh, chunk_size(h->base.m, fresh));
	return tag_find(h, bytes, s);
}

/* Where in free chunk c a block aligned to `align` begins: c itself or far enough behind it. */
static vaddr_t aligned_chunk(const struct tagheap *h, vaddr_t c, msize_t align)
{
	vaddr_t at = {round_up(chunk_payload(c).v, align) - MM_WORD};

	if (vaddr_eq(at, c) || vaddr_diff(at, c) >= h->least)
		return at;
	return (vaddr_t){round_up(c.v + h->least + MM_WORD, align) - MM_WORD};
}

static bool holds_aligned(const struct tagheap *h, vaddr_t c, msize_t bytes, msize_t align)
{
	msize_t size = chunk_size(h->base.m, c), gap = vaddr_diff(aligned_chunk(h, c, align), c);

	return gap <= size && size - gap >= bytes;
}

/*
 *   [ c ......................... free ]  =>  [ c free, gap ][ at live ][ rest, free ]
 *
 * The gap keeps c's place in the index.
 */
static struct grant take_middle(struct tagheap *h, vaddr_t c, vaddr_t at, msize_t bytes,
				struct tag_search *s)
{
	struct mem *m = h->base.m;
	msize_t gap = vaddr_diff(at, c), size = chunk_size(m, c) - gap, rest = size - bytes;
	vaddr_t end = vaddr_add(at, size), to = vaddr_add(at, bytes);

	tag_cut_found(h, c, c, gap, s);
	mm_account(m, at, MM_WORD, MM_CACHED, MM_METADATA);
	mm_event(m, MM_EV_CHUNK_SPLIT, c.v, gap, size);
	if (rest < h->least) {
		bytes = size;
		set_prev_flags(m, end, TAG_PREV_INUSE);
	} else {
		tag_add_behind(h, c, to, rest);
		set_prev_flags(m, end, behind_free(h, rest));
		mm_account(m, to, MM_WORD, MM_CACHED, MM_METADATA);
		mm_event(m, MM_EV_CHUNK_SPLIT, at.v, bytes, rest);
	}
	set_chunk_head(m, at, bytes | TAG_INUSE | behind_free(h, gap));
	return granted(h, at, bytes);
}

static struct grant malloc_aligned(struct tagheap *h, msize_t bytes, const struct alloc_req *req)
{
	struct tag_search s = {.steps = 0};
	/* The widest gap: a grain short of the least chunk, and so one alignment further. */
	msize_t roomy = bytes + req->align + h->least - h->grain;
	vaddr_t c = tag_find(h, bytes, &s), at;

	if (!vaddr_none(c) && !holds_aligned(h, c, bytes, req->align))
		c = tag_find(h, roomy, &s);
	if (vaddr_none(c))
		c = find_chunk(h, roomy, req, &s);
	mm_search(h->base.m, s.steps);
	if (vaddr_none(c))
		return GRANT_NONE;
	at = aligned_chunk(h, c, req->align);
	return vaddr_eq(at, c) ? take_front(h, c, bytes, &s) : take_middle(h, c, at, bytes, &s);
}

/* No segment could ever serve it. */
static struct grant too_large(struct tagheap *h)
{
	mm_search(h->base.m, 0);
	if (h->segments.pages != NULL)
		mm_refuse(h->base.m, MM_REFUSE_LIMIT);
	return GRANT_NONE;
}

struct grant tagheap_malloc(struct tagheap *h, const struct alloc_req *req)
{
	struct tag_search s;
	msize_t bytes;
	vaddr_t c;

	if (mm_unlikely(req->size > h->limit || req->align > h->limit))
		return too_large(h);
	bytes = chunk_for(h, req->size);
	if (mm_unlikely(req->align > h->grain))
		return malloc_aligned(h, bytes, req);
	s.steps = 0;
	c = find_chunk(h, bytes, req, &s);
	mm_search(h->base.m, s.steps);
	if (mm_unlikely(vaddr_none(c)))
		return GRANT_NONE;
	return take_front(h, c, bytes, &s);
}

/* ---- free ---- */

/* Is head the head of a live chunk at c, which lies between the segments' ends? */
static bool plausible(const struct tagheap *h, vaddr_t c, msize_t head, vaddr_t end)
{
	msize_t size = head & ~TAG_FLAGS;

	return (head & TAG_INUSE) != 0 && (size & (h->grain - 1)) == 0 && size >= h->least &&
	       size <= vaddr_diff(end, c);
}

/* The live chunk whose granted bytes begin at p, as far as tags tell, or none. */
static vaddr_t live_chunk(const struct tagheap *h, vaddr_t p)
{
	const struct mem *m = h->base.m;
	vaddr_t c = vaddr_sub(p, MM_WORD), next;
	vaddr_t end = seg_end_mark(h, root_last(m, h->base.root));
	msize_t head;

	if ((p.v & (h->grain - 1)) != 0 || c.v < root_first(m, h->base.root).v || c.v >= end.v ||
	    !seg_readable(&h->segments, c))
		return VADDR_NONE;
	head = chunk_head(m, c);
	next = vaddr_add(c, head & ~TAG_FLAGS);
	if (!plausible(h, c, head, end) || !seg_readable(&h->segments, next) ||
	    (chunk_head(m, next) & TAG_PREV_INUSE) == 0)
		return VADDR_NONE;
	return c;
}

/* The free chunk that ends where c begins; head is c's. */
static vaddr_t free_before(const struct tagheap *h, vaddr_t c, msize_t head)
{
	msize_t size = (head & TAG_PREV_LEAST) != 0 ? h->least : foot_before(h->base.m, c);
	vaddr_t prev = vaddr_sub(c, size);

	if (mm_unlikely(chunk_head(h->base.m, prev) != (size | TAG_PREV_INUSE)))
		mm_bug(h->base.m, "the foot of a free chunk does not lead to its head", c);
	return prev;
}

/* The head word at `at` lies inside a free chunk from now on. */
static void absorb_head(const struct tagheap *h, vaddr_t at)
{
	mm_account(h->base.m, at, MM_WORD, MM_METADATA, MM_CACHED);
}

/*
 * The index after a free, in address order: the joined chunk takes the place of
 * the free neighbour before it, else of the one behind it.
 */
static void join_in_place(struct tagheap *h, vaddr_t c, vaddr_t before, vaddr_t behind,
			  msize_t bytes)
{
	if (!vaddr_none(before)) {
		if (!vaddr_none(behind))
			tag_remove(h, behind);
		tag_move(h, before, before, bytes);
	} else if (!vaddr_none(behind)) {
		tag_move(h, behind, c, bytes);
	} else {
		tag_add(h, c, bytes);
	}
}

/* Last freed, first in the list: the neighbours lose their places. */
static void join_at_head(struct tagheap *h, vaddr_t c, vaddr_t before, vaddr_t behind,
			 msize_t bytes)
{
	if (!vaddr_none(before))
		tag_remove(h, before);
	if (!vaddr_none(behind))
		tag_remove(h, behind);
	tag_add(h, vaddr_none(before) ? c : before, bytes);
}

/* [c, c + size) becomes free and joins its free neighbours; the joined chunk. */
static vaddr_t join(struct tagheap *h, vaddr_t c, msize_t head)
{
	struct mem *m = h->base.m;
	msize_t size = head & ~TAG_FLAGS, bytes = size, next_head;
	vaddr_t next = vaddr_add(c, size), before = VADDR_NONE, behind = VADDR_NONE, start = c;

	next_head = chunk_head(m, next);
	if ((head & TAG_PREV_INUSE) == 0) {
		start = before = free_before(h, c, head);
		bytes += vaddr_diff(c, before);
		absorb_head(h, c);
		mm_event(m, MM_EV_CHUNK_MERGE, start.v, bytes, c.v);
	}
	if ((next_head & TAG_INUSE) == 0) {
		behind = next;
		bytes += next_head & ~TAG_FLAGS;
		absorb_head(h, next);
		mm_event(m, MM_EV_CHUNK_MERGE, start.v, bytes, next.v);
	}
	/* A second free of the same pointer must not find a live head. */
	set_chunk_head(m, c, size);
	if (h->order == TAG_LIFO)
		join_at_head(h, c, before, behind, bytes);
	else
		join_in_place(h, c, before, behind, bytes);
	set_prev_flags(m, vaddr_add(start, bytes), behind_free(h, bytes));
	return start;
}

/* The segment that free chunk c fills, if it is to be given back, else none. */
static vaddr_t segment_to_drop(const struct tagheap *h, vaddr_t c)
{
	const struct mem *m = h->base.m;
	vaddr_t end = vaddr_add(c, chunk_size(m, c)), s;

	if (chunk_size(m, end) != 0)
		return VADDR_NONE;
	s = end_segment(m, end);
	return !has_root(h, s) && vaddr_eq(seg_first_chunk(h, s), c) ? s : VADDR_NONE;
}

msize_t tagheap_free(struct tagheap *h, vaddr_t p)
{
	struct mem *m = h->base.m;
	vaddr_t c = live_chunk(h, p), s;
	msize_t head, granted_bytes;

	if (mm_unlikely(vaddr_none(c) || root_live(m, h->base.root) == 0))
		return FREE_BAD;
	head = chunk_head(m, c);
	granted_bytes = (head & ~TAG_FLAGS) - MM_WORD;
	count_live(h, (msize_t)-1);
	mm_account(m, p, granted_bytes, MM_GRANTED, MM_CACHED);
	mm_event(m, MM_EV_CHUNK_FREE, p.v, granted_bytes, 0);
	c = join(h, c, head);
	if (h->segments.pages == NULL)
		return granted_bytes;
	s = segment_to_drop(h, c);
	if (!vaddr_none(s)) {
		tag_remove(h, c);
		tagheap_drop_segment(h, s);
	}
	return granted_bytes;
}

/* ---- resize ---- */

/* Live chunk c of `size` gives up its end: [c + bytes, c + size). */
static void shrink(struct tagheap *h, vaddr_t c, msize_t size, msize_t bytes)
{
	struct mem *m = h->base.m;
	vaddr_t rest = vaddr_add(c, bytes), next = vaddr_add(c, size);
	msize_t next_head = chunk_head(m, next), free_bytes = size - bytes;

	mm_account(m, rest, free_bytes, MM_GRANTED, MM_CACHED);
	mm_account(m, rest, MM_WORD, MM_CACHED, MM_METADATA);
	set_chunk_head(m, c, (chunk_head(m, c) & TAG_FLAGS) | bytes);
	if ((next_head & TAG_INUSE) == 0) {
		free_bytes += next_head & ~TAG_FLAGS;
		absorb_head(h, next);
		tag_move(h, next, rest, free_bytes);
	} else {
		tag_add(h, rest, free_bytes);
	}
	set_prev_flags(m, vaddr_add(rest, free_bytes), behind_free(h, free_bytes));
	mm_event(m, MM_EV_CHUNK_SHRINK, chunk_payload(c).v, bytes - MM_WORD, size - MM_WORD);
}

/*
 *   [ c live ][ next free ......... ]  =>  [ c live ......... ][ rest, free ]
 *
 * Live chunk c of `size` grows to `bytes` (or to all there is) into next.
 */
static void grow(struct tagheap *h, vaddr_t c, msize_t size, msize_t bytes)
{
	struct mem *m = h->base.m;
	vaddr_t next = vaddr_add(c, size), end = vaddr_add(next, chunk_size(m, next));
	msize_t rest = vaddr_diff(end, c) - bytes;

	absorb_head(h, next);
	if (rest < h->least) {
		bytes += rest;
		tag_remove(h, next);
		set_prev_flags(m, end, TAG_PREV_INUSE);
	} else {
		tag_move(h, next, vaddr_add(c, bytes), rest);
		mm_account(m, vaddr_add(c, bytes), MM_WORD, MM_CACHED, MM_METADATA);
		set_prev_flags(m, end, behind_free(h, rest));
	}
	set_chunk_head(m, c, (chunk_head(m, c) & TAG_FLAGS) | bytes);
	mm_account(m, next, bytes - size, MM_CACHED, MM_GRANTED);
	mm_event(m, MM_EV_CHUNK_GROW, chunk_payload(c).v, bytes - MM_WORD, size - MM_WORD);
}

struct grant tagheap_resize(struct tagheap *h, vaddr_t p, const struct alloc_req *req)
{
	struct mem *m = h->base.m;
	vaddr_t c = live_chunk(h, p), next;
	msize_t size, bytes, next_head;

	if (vaddr_none(c) || req->size > h->limit ||
	    (req->align != 0 && (p.v & (req->align - 1)) != 0))
		return GRANT_NONE;
	size = chunk_size(m, c);
	bytes = chunk_for(h, req->size);
	next = vaddr_add(c, size);
	next_head = chunk_head(m, next);
	if (bytes > size) {
		if ((next_head & TAG_INUSE) != 0 || size + (next_head & ~TAG_FLAGS) < bytes)
			return GRANT_NONE;
		grow(h, c, size, bytes);
	} else if (size - bytes >= h->least || (bytes < size && (next_head & TAG_INUSE) == 0)) {
		shrink(h, c, size, bytes);
	}
	return (struct grant){p, chunk_size(m, c) - MM_WORD};
}

/* ---- init, attach and the facet that the four share ---- */

const struct alloc_param tagheap_params[] = {
	{"order", PARAM_ENUM, TAG_BY_ADDRESS, 0, TAG_LIFO, "address lifo",
	 "free list by address, or last freed first (lifo: list only)"},
	{"index", PARAM_ENUM, TAG_LIST, 0, TAG_TREE, "list tree",
	 "search a list, or a balanced tree that chooses the same chunk"},
	{"min_chunk", PARAM_BYTES, 0, 0, 4096, NULL,
	 "least chunk with its header, bytes; 0: 3 words, first_fit and next_fit in a tree 4; give "
	 "both indexes the same to compare them"},
	{"grow", PARAM_BYTES, KiB(64), 0, GiB(1), NULL,
	 "bytes a new segment asks the page source for at least"},
	{NULL, PARAM_UINT, 0, 0, 0, NULL, NULL},
};

/* Words a free chunk needs before its foot. */
static msize_t least_words(const struct tagheap *h)
{
	return h->index == TAG_TREE && h->policy <= TAG_NEXT ? 4 : 3;
}

static int read_params(struct tagheap *h, const struct alloc_env *env)
{
	msize_t need, min_chunk = env->params[TAG_PARAM_MIN_CHUNK].u;

	h->order = (enum tag_order)env->params[TAG_PARAM_ORDER].u;
	h->index = (enum tag_index)env->params[TAG_PARAM_INDEX].u;
	h->grain = env->align > 8 ? env->align : 8;
	need = round_up(least_words(h) * MM_WORD, h->grain);
	h->least = min_chunk == 0 ? need : round_up(min_chunk, h->grain);
	if (h->index == TAG_TREE && h->order == TAG_LIFO)
		return MM_EINVAL;
	return h->least < need ? MM_EINVAL : 0;
}

/* Where the index has its words in chunks; where its own are is not known yet. */
static void place_index(struct tagheap *h)
{
	bool by_size = h->policy >= TAG_BEST;

	h->tree = (struct fit_tree){
		.m = h->base.m,
		.size = 0,
		.size_mask = ~TAG_FLAGS,
		.left = TAG_OFF_NEXT,
		.span = MM_WORD,
		.max = by_size ? 0 : TAG_OFF_MAX,
		.flip = h->policy == TAG_WORST ? MM_WORD_ONES : 0,
	};
	h->dir = (struct fit_dir){
		.m = h->base.m,
		.size_mask = ~TAG_FLAGS,
		.left = TAG_OFF_NEXT,
		.shift = lsb(h->grain),
	};
	h->dir_bytes = h->index == TAG_TREE && by_size ? FITDIR_BYTES : 0;
}

static int configure(struct tagheap *h, const struct alloc_ops *ops, enum tag_policy policy,
		     const struct alloc_env *env)
{
	int err;

	alloc_base(&h->base, ops, env);
	h->policy = policy;
	h->arena = env->arena;
	h->segments = (struct seg_list){.m = env->m,
					.pages = env->arena.bytes != 0 ? NULL : env->pages,
					.grow = env->params[TAG_PARAM_GROW].u};
	err = read_params(h, env);
	if (err != 0)
		return err;
	place_index(h);
	h->limit = tagheap_segment_limit(h);
	return h->limit == 0 ? MM_ENOMEM : 0;
}

int tagheap_attach(struct tagheap *h, const struct alloc_ops *ops, enum tag_policy policy,
		   const struct alloc_env *env)
{
	vaddr_t s = vaddr_sub(env->root, SEG_BYTES);
	int err = configure(h, ops, policy, env);

	if (err == 0)
		tagheap_locate(h, s, seg_bytes(h->base.m, s));
	return err;
}

int tagheap_init(struct tagheap *h, const struct alloc_ops *ops, enum tag_policy policy,
		 const struct alloc_env *env)
{
	int err = configure(h, ops, policy, env);

	return err != 0 ? err : tagheap_first_segment(h);
}

static struct grant op_malloc(struct alloc *a, const struct alloc_req *req)
{
	return tagheap_malloc((struct tagheap *)a, req);
}

static msize_t op_free(struct alloc *a, vaddr_t p)
{
	return tagheap_free((struct tagheap *)a, p);
}

static struct grant op_resize(struct alloc *a, vaddr_t p, const struct alloc_req *req)
{
	return tagheap_resize((struct tagheap *)a, p, req);
}

static msize_t op_usable(const struct alloc *a, vaddr_t p)
{
	return chunk_size(a->m, vaddr_sub(p, MM_WORD)) - MM_WORD;
}

static msize_t op_largest(const struct alloc *a)
{
	return ((const struct tagheap *)a)->limit;
}

const struct bytes_ops tagheap_bytes = {
	.malloc = op_malloc,
	.free = op_free,
	.resize = op_resize,
	.usable = op_usable,
	.largest_request = op_largest,
	.bulk = bulk_ordinary,
	.chunk = tagheap_chunk,
};
