/* tagheap: the index against the chunks, T7 to T9 of tagheap.c. */
#include "alloc/tagheap.h"
#include "alloc/tagheap_layout.h"

/* Each free chunk of the heap in ascending order; where the walk stands. */
struct cursor {
	const struct tagheap *h;
	vaddr_t segment, c, end;
};

static void cursor_segment(struct cursor *k, vaddr_t s)
{
	k->segment = s;
	k->c = seg_first_chunk(k->h, s);
	k->end = seg_end_mark(k->h, s);
}

/* The next free chunk, or none; chunks and segments have been checked. */
static vaddr_t cursor_next(struct cursor *k)
{
	const struct mem *m = k->h->base.m;

	for (;;) {
		while (k->c.v < k->end.v) {
			vaddr_t c = k->c;
			msize_t head = chunk_head(m, c);

			k->c = vaddr_add(c, head & ~TAG_FLAGS);
			if ((head & TAG_INUSE) == 0)
				return c;
		}
		if (vaddr_none(seg_next(m, k->segment)))
			return VADDR_NONE;
		cursor_segment(k, seg_next(m, k->segment));
	}
}

static struct cursor cursor_start(const struct tagheap *h)
{
	struct cursor k = {.h = h};

	cursor_segment(&k, root_first(h->base.m, h->base.root));
	return k;
}

/* Free chunks of the heap as a range, to test links before they are followed. */
static bool in_heap(const struct tagheap *h, vaddr_t c)
{
	const struct mem *m = h->base.m;

	return c.v >= root_first(m, h->base.root).v &&
	       c.v < seg_end_mark(h, root_last(m, h->base.root)).v &&
	       ((c.v + MM_WORD) & (h->grain - 1)) == 0;
}

/* ---- the list ---- */

/* Every free chunk's links lead to a neighbour that leads back. */
static int check_links(const struct tagheap *h, struct check_report *r)
{
	const struct mem *m = h->base.m;
	vaddr_t root = h->base.root;
	struct cursor k = cursor_start(h);

	for (vaddr_t c = cursor_next(&k); !vaddr_none(c); c = cursor_next(&k)) {
		vaddr_t next = chunk_next(m, c), prev = chunk_prev(m, c);

		if ((!vaddr_eq(next, root) && !in_heap(h, next)) ||
		    (!vaddr_eq(prev, root) && !in_heap(h, prev)))
			return check_fail(r, "T8: links stay in the heap", c, next.v, prev.v);
		if (!vaddr_eq(chunk_prev(m, next), c))
			return check_fail(r, "T8: the list is linked both ways", c,
					  chunk_prev(m, next).v, c.v);
		if (!vaddr_eq(chunk_next(m, prev), c))
			return check_fail(r, "T8: the list is linked both ways", c,
					  chunk_next(m, prev).v, c.v);
	}
	return 0;
}

/* The list holds nr_free chunks, in address order those that the walk meets. */
static int check_list(const struct tagheap *h, uint64_t nr_free, struct check_report *r)
{
	const struct mem *m = h->base.m;
	vaddr_t root = h->base.root, c = chunk_next(m, root), prev = root;
	struct cursor k = cursor_start(h);
	uint64_t n = 0;

	for (; !vaddr_eq(c, root); prev = c, c = chunk_next(m, c), n++) {
		vaddr_t expected = h->order == TAG_BY_ADDRESS ? cursor_next(&k) : c;

		if (!in_heap(h, c) || n == nr_free || (chunk_head(m, c) & TAG_INUSE) != 0)
			return check_fail(r, "T7: the list holds the free chunks", c, n, nr_free);
		if (!vaddr_eq(c, expected))
			return check_fail(r, "T8: the list ascends and leaves none out", c, c.v,
					  expected.v);
		if (!vaddr_eq(chunk_prev(m, c), prev))
			return check_fail(r, "T8: the list is linked both ways", c,
					  chunk_prev(m, c).v, prev.v);
	}
	if (n != nr_free || !vaddr_eq(chunk_prev(m, root), prev))
		return check_fail(r, "T7: the list holds each free chunk", root, n, nr_free);
	return check_links(h, r);
}

/* ---- the tree ---- */

static bool tree_contains(const struct tagheap *h, vaddr_t c)
{
	msize_t size = chunk_size(h->base.m, c);

	return tag_in_dir(h, size) ? fitdir_contains(&h->dir, c, size) : fit_contains(&h->tree, c);
}

static int check_tree(const struct tagheap *h, uint64_t nr_free, struct check_report *r)
{
	const struct mem *m = h->base.m;
	vaddr_t lo = root_first(m, h->base.root), hi = seg_end_mark(h, root_last(m, h->base.root));
	struct fit_fault f = {NULL, VADDR_NONE, 0, 0};
	struct cursor k = cursor_start(h);
	uint64_t nr = 0;

	if (!vaddr_none(chunk_prev(m, h->base.root)))
		return check_fail(r, "T7: a tree has one root link", h->base.root,
				  chunk_prev(m, h->base.root).v, MM_WORD_ONES);
	if (!fit_check(&h->tree, lo, hi, nr_free, &nr, &f) ||
	    (h->dir_bytes != 0 && !fitdir_check(&h->dir, lo, hi, nr_free, &nr, &f)))
		return check_fail(r, f.what, f.where, f.found, f.expected);
	if (nr != nr_free)
		return check_fail(r, "T7: the tree holds each free chunk", h->base.root, nr,
				  nr_free);
	for (vaddr_t c = cursor_next(&k); !vaddr_none(c); c = cursor_next(&k))
		if (!tree_contains(h, c))
			return check_fail(r, "T7: the tree holds each free chunk", c, 0, 1);
	return 0;
}

/* ---- both ---- */

static int check_rover(const struct tagheap *h, struct check_report *r)
{
	const struct mem *m = h->base.m;
	vaddr_t rover = root_rover(m, h->base.root);
	struct cursor k = cursor_start(h);

	if (vaddr_eq(rover, h->base.root))
		return 0;
	for (vaddr_t c = cursor_next(&k); !vaddr_none(c); c = cursor_next(&k))
		if (vaddr_eq(c, rover) && h->policy == TAG_NEXT)
			return 0;
	return check_fail(r, "T9: the rover is the root or a free chunk", h->base.root, rover.v,
			  h->base.root.v);
}

int tag_index_check(const struct tagheap *h, uint64_t nr_free, struct check_report *r)
{
	int err = h->index == TAG_TREE ? check_tree(h, nr_free, r) : check_list(h, nr_free, r);

	return err != 0 ? err : check_rover(h, r);
}
