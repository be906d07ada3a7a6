/*
 * fittree: a balanced tree of free chunks, its nodes in the chunks themselves.
 * The index that lets list-fit policies choose in O(log n).  See fittree.c.
 *
 * A node is named by its chunk's address; `struct fit_tree` says where in a
 * chunk its words lie, so that heaps with different headers share the code.
 */
#ifndef ALLOC_FITTREE_H
#define ALLOC_FITTREE_H

#include "model/mem.h"

struct fit_tree {
	struct mem *m;
	vaddr_t root; /* a node whose left link is the root link; never a chunk */
	msize_t size; /* offset of the size word, bytes */
	msize_t size_mask; /* bits of the size word that are the size */
	msize_t left; /* offset of the left link; its two low bits hold the balance */
	unsigned span; /* the right link lies 1 << span bytes behind the left one */
	msize_t max; /* offset of the subtree's largest size; 0: ordered by size */
	msize_t flip; /* by size: all ones makes the higher of equal chunks come first */
};

/*
 * Links from the root down: node[0] is the root, dir[i] says which way to
 * node[i + 1] (0 left, 1 right), node[depth] is the node meant.  1.44 log2 of
 * all addresses of a 64-bit word is 92.
 */
#define FIT_DEPTH 96u

struct fit_path {
	unsigned depth;
	vaddr_t node[FIT_DEPTH];
	unsigned dir[FIT_DEPTH];
};

/* A node's own words, while its chunk moves. */
struct fit_links {
	msize_t left, right; /* as stored, with the balance */
	msize_t max;
};

/* An empty tree. */
void fit_format(const struct fit_tree *t);

/*
 * Searches: the node chosen, with *path leading to it, or VADDR_NONE.  *steps
 * grows by the nodes looked at.  O(log n).
 */

/* By address: the lowest chunk of at least `bytes`. */
vaddr_t fit_leftmost(const struct fit_tree *t, msize_t bytes, struct fit_path *path,
		     uint64_t *steps);
/* By address: the lowest chunk at or after `from` of at least `bytes`. */
vaddr_t fit_leftmost_from(const struct fit_tree *t, vaddr_t from, msize_t bytes,
			  struct fit_path *path, uint64_t *steps);
/* By size: the least chunk of at least `bytes`, the first of equals. */
vaddr_t fit_least(const struct fit_tree *t, msize_t bytes, struct fit_path *path, uint64_t *steps);
/* By size: the last chunk of all, if it has `bytes`. */
vaddr_t fit_greatest(const struct fit_tree *t, msize_t bytes, struct fit_path *path,
		     uint64_t *steps);

/* By address: the lowest chunk after `c`, or VADDR_NONE. */
vaddr_t fit_after(const struct fit_tree *t, vaddr_t c);
/* By address: the highest chunk before `c`, with *path leading to it, or VADDR_NONE. */
vaddr_t fit_before(const struct fit_tree *t, vaddr_t c, struct fit_path *path);

/* The path to chunk n, which is in the tree and whose size word is as it was there. */
void fit_seek(const struct fit_tree *t, vaddr_t n, struct fit_path *path);

/*
 * By address: as fit_seek, for a chunk that will hold `bytes`, no less than now:
 * the largest sizes above it say so from here on, and *path is its last link only.
 */
void fit_seek_growing(const struct fit_tree *t, vaddr_t n, msize_t bytes, struct fit_path *path);

/*
 * By size: would the chunk at the end of *path stand where it does if it were
 * [to, to + bytes)?  Then it can move as in a tree by address.
 */
bool fit_keeps_place(const struct fit_tree *t, const struct fit_path *path, vaddr_t to,
		     msize_t bytes);

/* Adds chunk n of `bytes`, which its size word says already. */
void fit_insert(const struct fit_tree *t, vaddr_t n, msize_t bytes);
/* Takes out the node at the end of *path, which is used up. */
void fit_remove(const struct fit_tree *t, struct fit_path *path);

/*
 * The chunk at the end of *path moves or changes its size, and keeps its place in
 * the order: by address, when no other chunk lies between.  Lift its links, write the
 * tags of the new chunk, whose bytes may overlap the old one's, and let the links settle
 * there.
 */
struct fit_links fit_lift(const struct fit_tree *t, vaddr_t n);
void fit_settle(const struct fit_tree *t, struct fit_path *path, vaddr_t to,
		const struct fit_links *links);

/* Is chunk n, with its present size, where a search would look for it? */
bool fit_contains(const struct fit_tree *t, vaddr_t n);

/* What is wrong with the tree, and where. */
struct fit_fault {
	const char *what; /* NULL: nothing */
	vaddr_t where;
	uint64_t found, expected;
};

/*
 * Order, balance, largest sizes, and the number of nodes: at most `limit`, so
 * that a loop ends.  Nodes outside [lo, hi) are a fault before they are read.
 */
bool fit_check(const struct fit_tree *t, vaddr_t lo, vaddr_t hi, uint64_t limit, uint64_t *nr,
	       struct fit_fault *f) MUST_USE;

#endif
