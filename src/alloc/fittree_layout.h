/*
 * fittree: accessors.  A node n is a free chunk; with the offsets of its tree:
 *
 *   n + left             left link, or'ed with the balance in bits 0 and 1:
 *                        0 both sides equally high, 1 left higher, 2 right higher
 *   n + left + span      right link
 *   n + max              by address only: the largest size in the subtree, bytes
 *   n + size             the chunk's size and flags, which belong to the heap
 *
 * "None" is all ones; with the balance masked off, FIT_NONE.
 */
#ifndef ALLOC_FITTREE_LAYOUT_H
#define ALLOC_FITTREE_LAYOUT_H

#include "alloc/fittree.h"

#define FIT_BALANCE ((msize_t)3)
#define FIT_NONE    (MM_WORD_ONES & ~FIT_BALANCE)

static inline bool fit_none(vaddr_t n)
{
	return n.v == FIT_NONE;
}

static inline msize_t node_size(const struct fit_tree *t, vaddr_t n)
{
	return mem_ldw(t->m, vaddr_add(n, t->size)) & t->size_mask;
}

/* The link word on side dir, with whatever its low bits hold. */
static inline msize_t node_word(const struct fit_tree *t, vaddr_t n, unsigned dir)
{
	return mem_ldw(t->m, vaddr_add(n, t->left + (-(msize_t)dir & t->span)));
}

static inline void set_node_word(const struct fit_tree *t, vaddr_t n, unsigned dir, msize_t w)
{
	mem_stw(t->m, vaddr_add(n, t->left + (-(msize_t)dir & t->span)), w);
}

static inline vaddr_t node_child(const struct fit_tree *t, vaddr_t n, unsigned dir)
{
	return (vaddr_t){node_word(t, n, dir) & ~FIT_BALANCE};
}

/* Keeps the balance. */
static inline void set_node_child(const struct fit_tree *t, vaddr_t n, unsigned dir, vaddr_t child)
{
	set_node_word(t, n, dir, child.v | (node_word(t, n, dir) & FIT_BALANCE));
}

static inline unsigned node_balance(const struct fit_tree *t, vaddr_t n)
{
	return (unsigned)(node_word(t, n, 0) & FIT_BALANCE);
}

static inline void set_node_balance(const struct fit_tree *t, vaddr_t n, unsigned balance)
{
	set_node_word(t, n, 0, (node_word(t, n, 0) & ~FIT_BALANCE) | balance);
}

/* The balance that says "side dir is higher". */
static inline unsigned higher(unsigned dir)
{
	return 1 + dir;
}

static inline msize_t node_max(const struct fit_tree *t, vaddr_t n)
{
	return mem_ldw(t->m, vaddr_add(n, t->max));
}

static inline void set_node_max(const struct fit_tree *t, vaddr_t n, msize_t max)
{
	mem_stw(t->m, vaddr_add(n, t->max), max);
}

static inline msize_t child_max(const struct fit_tree *t, vaddr_t n, unsigned dir)
{
	vaddr_t c = node_child(t, n, dir);

	return fit_none(c) ? 0 : node_max(t, c);
}

/* What max must be, from the node's own size and its children. */
static inline msize_t true_max(const struct fit_tree *t, vaddr_t n)
{
	msize_t own = node_size(t, n), l = child_max(t, n, 0), r = child_max(t, n, 1);
	msize_t best = l > r ? l : r;

	return own > best ? own : best;
}

/*
 * Does chunk n come before chunk `key` of `size` bytes?  By size, then by
 * address, or (flip) against the address.
 */
static inline bool node_before(const struct fit_tree *t, vaddr_t n, vaddr_t key, msize_t size)
{
	msize_t own;

	if (t->max != 0)
		return n.v < key.v;
	own = node_size(t, n);
	/* No branches: which way a search turns cannot be predicted. */
	return (own < size) | ((own == size) & ((n.v ^ t->flip) < (key.v ^ t->flip)));
}

#endif
