/*
 * tagheap: the index of free chunks, and the four policies that choose from it.
 *
 * As a list it is circular through the root, in address order or last freed
 * first, and a search looks at chunks one by one.  As a tree (see fittree.c) it
 * holds the same chunks: by address with the largest size below each node for
 * first and next fit, by size and address for best and worst fit, where small
 * sizes are kept apart by a directory (see fitdir.c) that has the lowest chunk of
 * each size at hand.  It chooses what the address-ordered list would.
 *
 * Ties: best and worst fit take the first of equal chunks in the list's order.
 * A chunk that is cut keeps its place in the list; so does, in address order, a
 * free chunk that grows.
 */
#include "alloc/tagheap.h"
#include "alloc/tagheap_layout.h"

static bool is_tree(const struct tagheap *h)
{
	return h->index == TAG_TREE;
}

/* Writes head and foot of a free chunk, whose neighbours are live. */
static void set_free_tags(const struct tagheap *h, vaddr_t c, msize_t bytes)
{
	set_chunk_head(h->base.m, c, bytes | TAG_PREV_INUSE);
	if (bytes != h->least)
		set_foot_before(h->base.m, vaddr_add(c, bytes), bytes);
}

void tag_index_format(const struct tagheap *h)
{
	const struct mem *m = h->base.m;
	vaddr_t root = h->base.root;

	if (is_tree(h)) {
		fit_format(&h->tree);
		if (h->dir_bytes != 0)
			fitdir_format(&h->dir);
		set_chunk_prev(m, root, VADDR_NONE);
	} else {
		set_chunk_next(m, root, root);
		set_chunk_prev(m, root, root);
	}
	set_root_rover(m, root, root);
}

/* ---- the list ---- */

static void list_insert_after(const struct tagheap *h, vaddr_t at, vaddr_t c)
{
	const struct mem *m = h->base.m;
	vaddr_t next = chunk_next(m, at);

	set_chunk_next(m, c, next);
	set_chunk_prev(m, c, at);
	set_chunk_prev(m, next, c);
	set_chunk_next(m, at, c);
}

static void list_add(const struct tagheap *h, vaddr_t c)
{
	const struct mem *m = h->base.m;
	vaddr_t at = h->base.root;

	if (h->order == TAG_BY_ADDRESS) {
		vaddr_t next = chunk_next(m, at);

		while (!vaddr_eq(next, h->base.root) && next.v < c.v) {
			at = next;
			next = chunk_next(m, at);
		}
	}
	list_insert_after(h, at, c);
}

static void list_remove(const struct tagheap *h, vaddr_t c)
{
	const struct mem *m = h->base.m;
	vaddr_t next = chunk_next(m, c), prev = chunk_prev(m, c);

	set_chunk_next(m, prev, next);
	set_chunk_prev(m, next, prev);
}

/* The place of c becomes that of `to`; the two may overlap. */
static void list_move(const struct tagheap *h, vaddr_t c, vaddr_t to, msize_t bytes)
{
	const struct mem *m = h->base.m;
	vaddr_t next = chunk_next(m, c), prev = chunk_prev(m, c);

	set_free_tags(h, to, bytes);
	if (vaddr_eq(c, to))
		return;
	set_chunk_next(m, to, next);
	set_chunk_prev(m, to, prev);
	set_chunk_next(m, prev, to);
	set_chunk_prev(m, next, to);
}

/* ---- choosing from the list ---- */

/* No arena has so many chunks: a corrupt list that leads in a circle ends here. */
static inline void no_circle(const struct mem *m, uint64_t steps, vaddr_t at)
{
	if (mm_unlikely(steps >> 30 != 0))
		mm_bug(m, "a free list that leads in a circle", at);
}

static vaddr_t list_first(const struct tagheap *h, msize_t bytes, uint64_t *steps)
{
	const struct mem *m = h->base.m;
	vaddr_t root = h->base.root, c = chunk_next(m, root);
	uint64_t n = 0;

	for (; !vaddr_eq(c, root); c = chunk_next(m, c)) {
		n++;
		no_circle(m, n, c);
		if (chunk_size(m, c) >= bytes)
			break;
	}
	*steps += n;
	return vaddr_eq(c, root) ? VADDR_NONE : c;
}

/* Once round, from the rover on. */
static vaddr_t list_rove(const struct tagheap *h, msize_t bytes, uint64_t *steps)
{
	const struct mem *m = h->base.m;
	vaddr_t root = h->base.root, start = root_rover(m, root), c = start;
	uint64_t n = 0;

	do {
		if (!vaddr_eq(c, root)) {
			n++;
			no_circle(m, n, c);
			if (chunk_size(m, c) >= bytes) {
				*steps += n;
				return c;
			}
		}
		c = chunk_next(m, c);
	} while (!vaddr_eq(c, start));
	*steps += n;
	return VADDR_NONE;
}

/* The least that is large enough; an exact one ends the search. */
static vaddr_t list_best(const struct tagheap *h, msize_t bytes, uint64_t *steps)
{
	const struct mem *m = h->base.m;
	vaddr_t root = h->base.root, best = VADDR_NONE;
	msize_t best_size = MM_WORD_ONES;
	uint64_t n = 0;

	for (vaddr_t c = chunk_next(m, root); !vaddr_eq(c, root); c = chunk_next(m, c)) {
		msize_t size = chunk_size(m, c);

		n++;
		no_circle(m, n, c);
		if (size < bytes || size >= best_size)
			continue;
		best = c;
		best_size = size;
		if (size == bytes)
			break;
	}
	*steps += n;
	return best;
}

static vaddr_t list_worst(const struct tagheap *h, msize_t bytes, uint64_t *steps)
{
	const struct mem *m = h->base.m;
	vaddr_t root = h->base.root, worst = VADDR_NONE;
	msize_t worst_size = bytes - 1;
	uint64_t n = 0;

	for (vaddr_t c = chunk_next(m, root); !vaddr_eq(c, root); c = chunk_next(m, c)) {
		msize_t size = chunk_size(m, c);

		n++;
		no_circle(m, n, c);
		if (size > worst_size) {
			worst = c;
			worst_size = size;
		}
	}
	*steps += n;
	return worst;
}

/* ---- choosing from the tree ---- */

/* First fit from the rover on, then from the lowest address. */
static vaddr_t tree_rove(const struct tagheap *h, msize_t bytes, struct tag_search *s)
{
	vaddr_t rover = root_rover(h->base.m, h->base.root), c = VADDR_NONE;

	if (!vaddr_eq(rover, h->base.root))
		c = fit_leftmost_from(&h->tree, rover, bytes, &s->path, &s->steps);
	return vaddr_none(c) ? fit_leftmost(&h->tree, bytes, &s->path, &s->steps) : c;
}

static vaddr_t tree_best(const struct tagheap *h, msize_t bytes, struct tag_search *s)
{
	vaddr_t c = fitdir_least(&h->dir, bytes);

	if (vaddr_none(c))
		return fit_least(&h->tree, bytes, &s->path, &s->steps);
	s->steps++;
	return c;
}

/* All chunks of the tree are larger than those of the directory. */
static vaddr_t tree_worst(const struct tagheap *h, msize_t bytes, struct tag_search *s)
{
	vaddr_t c = fit_greatest(&h->tree, bytes, &s->path, &s->steps);

	if (s->path.depth != 0)
		return c;
	c = fitdir_greatest(&h->dir);
	if (vaddr_none(c))
		return c;
	s->steps++;
	return chunk_size(h->base.m, c) < bytes ? VADDR_NONE : c;
}

static vaddr_t tree_find(const struct tagheap *h, msize_t bytes, struct tag_search *s)
{
	switch (h->policy) {
	case TAG_FIRST:
		return fit_leftmost(&h->tree, bytes, &s->path, &s->steps);
	case TAG_NEXT:
		return tree_rove(h, bytes, s);
	case TAG_BEST:
		return tree_best(h, bytes, s);
	case TAG_WORST:
		break;
	}
	return tree_worst(h, bytes, s);
}

vaddr_t tag_find(const struct tagheap *h, msize_t bytes, struct tag_search *s)
{
	if (is_tree(h))
		return tree_find(h, bytes, s);
	switch (h->policy) {
	case TAG_FIRST:
		return list_first(h, bytes, &s->steps);
	case TAG_NEXT:
		return list_rove(h, bytes, &s->steps);
	case TAG_BEST:
		return list_best(h, bytes, &s->steps);
	case TAG_WORST:
		break;
	}
	return list_worst(h, bytes, &s->steps);
}

/* ---- the rover ---- */

/* The free chunk after c in the index's order, or the root at its end. */
static vaddr_t index_after(const struct tagheap *h, vaddr_t c)
{
	vaddr_t next;

	if (!is_tree(h))
		return chunk_next(h->base.m, c);
	next = fit_after(&h->tree, c);
	return vaddr_none(next) ? h->base.root : next;
}

/* c is about to leave the index: the rover, if it is there, goes on. */
static void rover_leaves(const struct tagheap *h, vaddr_t c)
{
	if (h->policy == TAG_NEXT && vaddr_eq(root_rover(h->base.m, h->base.root), c))
		set_root_rover(h->base.m, h->base.root, index_after(h, c));
}

/* c is about to become `to`. */
static void rover_moves(const struct tagheap *h, vaddr_t c, vaddr_t to)
{
	if (h->policy == TAG_NEXT && vaddr_eq(root_rover(h->base.m, h->base.root), c))
		set_root_rover(h->base.m, h->base.root, to);
}

/* ---- changing the index ---- */

static void tree_insert(const struct tagheap *h, vaddr_t c, msize_t bytes)
{
	if (tag_in_dir(h, bytes))
		fitdir_add(&h->dir, c, bytes);
	else
		fit_insert(&h->tree, c, bytes);
}

/* Free chunk c, whose head is still as it was; `path` leads there if c is in the tree itself. */
static void tree_remove(const struct tagheap *h, vaddr_t c, struct fit_path *path)
{
	msize_t bytes = chunk_size(h->base.m, c);

	if (tag_in_dir(h, bytes))
		fitdir_remove(&h->dir, c, bytes);
	else
		fit_remove(&h->tree, path);
}

/* Free chunk c leaves its place in the order, and comes in as [to, to + bytes). */
static void tree_reinsert(const struct tagheap *h, vaddr_t c, vaddr_t to, msize_t bytes,
			  struct fit_path *path)
{
	tree_remove(h, c, path);
	set_free_tags(h, to, bytes);
	tree_insert(h, to, bytes);
}

/* Free chunk c, to which `path` leads, becomes [to, to + bytes) where it stands. */
static void tree_shift(const struct tagheap *h, vaddr_t c, vaddr_t to, msize_t bytes,
		       struct fit_path *path)
{
	struct fit_links links = fit_lift(&h->tree, c);

	set_free_tags(h, to, bytes);
	fit_settle(&h->tree, path, to, &links);
}

/* Free chunk c, to which `path` leads unless it is in the directory, becomes [to, to + bytes). */
static void tree_move(const struct tagheap *h, vaddr_t c, vaddr_t to, msize_t bytes,
		      struct fit_path *path)
{
	if (h->dir_bytes == 0 ||
	    (!tag_in_dir(h, chunk_size(h->base.m, c)) && !tag_in_dir(h, bytes) &&
	     fit_keeps_place(&h->tree, path, to, bytes)))
		tree_shift(h, c, to, bytes, path);
	else
		tree_reinsert(h, c, to, bytes, path);
}

/* The path to free chunk c, which is to become one of `bytes`. */
static void tree_seek(const struct tagheap *h, vaddr_t c, msize_t bytes, struct fit_path *path)
{
	msize_t size = chunk_size(h->base.m, c);

	if (tag_in_dir(h, size))
		return;
	if (h->dir_bytes == 0 && bytes >= size)
		fit_seek_growing(&h->tree, c, bytes, path);
	else
		fit_seek(&h->tree, c, path);
}

void tag_take_found(struct tagheap *h, vaddr_t c, struct tag_search *s)
{
	if (h->policy == TAG_NEXT)
		set_root_rover(h->base.m, h->base.root, index_after(h, c));
	if (is_tree(h))
		tree_remove(h, c, &s->path);
	else
		list_remove(h, c);
}

void tag_cut_found(struct tagheap *h, vaddr_t c, vaddr_t to, msize_t bytes, struct tag_search *s)
{
	if (h->policy == TAG_NEXT)
		set_root_rover(h->base.m, h->base.root, to);
	if (is_tree(h))
		tree_move(h, c, to, bytes, &s->path);
	else
		list_move(h, c, to, bytes);
}

void tag_add(struct tagheap *h, vaddr_t c, msize_t bytes)
{
	set_free_tags(h, c, bytes);
	if (is_tree(h))
		tree_insert(h, c, bytes);
	else
		list_add(h, c);
}

void tag_add_behind(struct tagheap *h, vaddr_t before, vaddr_t c, msize_t bytes)
{
	set_free_tags(h, c, bytes);
	if (is_tree(h))
		tree_insert(h, c, bytes);
	else
		list_insert_after(h, before, c);
}

void tag_remove(struct tagheap *h, vaddr_t c)
{
	struct fit_path path;

	rover_leaves(h, c);
	if (!is_tree(h)) {
		list_remove(h, c);
		return;
	}
	tree_seek(h, c, 0, &path);
	tree_remove(h, c, &path);
}

void tag_move(struct tagheap *h, vaddr_t c, vaddr_t to, msize_t bytes)
{
	struct fit_path path;

	rover_moves(h, c, to);
	if (!is_tree(h)) {
		list_move(h, c, to, bytes);
		return;
	}
	tree_seek(h, c, bytes, &path);
	tree_move(h, c, to, bytes, &path);
}
