/*
 * fittree: a balanced tree of free chunks, its nodes in the chunks themselves.
 *
 * An AVL tree in one of two orders.  By size and address it answers best and
 * worst fit by one descent.  By address, with the largest size below each node,
 * it answers first fit: where the left side has a chunk large enough the lowest
 * fit is there, else it is the node itself, else it is on the right.  In that
 * order a chunk that is cut or grows keeps its node's place.
 *
 * Links lead down only; a search keeps its path on the (host's) stack, so that a
 * node needs two words by size and three by address, and the chunk that was
 * found is taken out without a second descent.
 *
 * Sources: G. M. Adelson-Velsky, E. M. Landis, "An algorithm for the organization
 * of information", Doklady 146 (1962), balance and rotations; R. P. Brent,
 * "Efficient implementation of the first-fit strategy for dynamic storage
 * allocation", ACM TOPLAS 11(3), 1989, the largest size of a range kept above it.
 *
 * Bound: height <= 1.44 log2(n + 2), no amortisation, no randomness; insert does
 * at most one rotation, remove one a level.
 *
 * Invariants, cited by fit_check:
 *   A1  the nodes ascend in the tree's order
 *   A2  the two sides' heights differ by at most one, as the balance says
 *   A3  max is the largest size in the subtree
 *
 * Rejected: red-black (higher trees for the same words), treap (needs chance),
 * parent links (a word more in every least chunk).
 */
#include "alloc/fittree.h"

#include "alloc/fittree_layout.h"

void fit_format(const struct fit_tree *t)
{
	set_node_word(t, t->root, 0, FIT_NONE);
}

/* ---- paths ---- */

static void path_start(const struct fit_tree *t, struct fit_path *p)
{
	p->depth = 0;
	p->node[0] = t->root;
	p->dir[0] = 0;
}

/* One level down on side dir; the child, which may be none and then is not in the path. */
static inline vaddr_t path_down(const struct fit_tree *t, struct fit_path *p, unsigned dir)
{
	vaddr_t c = node_child(t, p->node[p->depth], dir);

	p->dir[p->depth] = dir;
	if (fit_none(c))
		return c;
	if (mm_unlikely(++p->depth == FIT_DEPTH))
		mm_bug(t->m, "the tree of free chunks is too deep", c);
	p->node[p->depth] = c;
	return c;
}

/* A node further down than any tree is high. */
static inline void depth_limit(const struct fit_tree *t, unsigned depth, vaddr_t n)
{
	if (mm_unlikely(depth >= FIT_DEPTH))
		mm_bug(t->m, "the tree of free chunks is too deep", n);
}

static inline vaddr_t top(const struct fit_tree *t)
{
	return node_child(t, t->root, 0);
}

/* ---- searches ---- */

/* In the subtree of the path's end, whose largest size is large enough. */
static vaddr_t leftmost_below(const struct fit_tree *t, msize_t bytes, struct fit_path *path)
{
	vaddr_t n = path->node[path->depth];

	while (!fit_none(n)) {
		if (child_max(t, n, 0) >= bytes)
			n = path_down(t, path, 0);
		else if (node_size(t, n) >= bytes)
			return n;
		else
			n = path_down(t, path, 1);
	}
	mm_bug(t->m, "a subtree's largest size is not in it", t->root);
}

vaddr_t fit_leftmost(const struct fit_tree *t, msize_t bytes, struct fit_path *path,
		     uint64_t *steps)
{
	vaddr_t n = top(t);

	if (fit_none(n))
		return VADDR_NONE;
	if (node_max(t, n) < bytes) {
		++*steps;
		return VADDR_NONE;
	}
	path_start(t, path);
	(void)path_down(t, path, 0);
	n = leftmost_below(t, bytes, path);
	*steps += path->depth;
	return n;
}

vaddr_t fit_leftmost_from(const struct fit_tree *t, vaddr_t from, msize_t bytes,
			  struct fit_path *path, uint64_t *steps)
{
	vaddr_t n;

	path_start(t, path);
	for (n = path_down(t, path, 0); !fit_none(n); n = path_down(t, path, n.v < from.v))
		++*steps;
	/* Back up: each node where the path turned left lies at or after `from`. */
	for (; path->depth > 0; path->depth--) {
		if (path->dir[path->depth] == 1)
			continue;
		n = path->node[path->depth];
		if (node_size(t, n) >= bytes)
			return n;
		if (child_max(t, n, 1) < bytes)
			continue;
		(void)path_down(t, path, 1);
		n = leftmost_below(t, bytes, path);
		*steps += path->depth;
		return n;
	}
	return VADDR_NONE;
}

vaddr_t fit_least(const struct fit_tree *t, msize_t bytes, struct fit_path *path, uint64_t *steps)
{
	unsigned found = 0, depth = 0;
	vaddr_t n = top(t);

	path->node[0] = t->root;
	path->dir[0] = 0;
	while (!fit_none(n)) {
		unsigned right = node_size(t, n) < bytes;

		depth_limit(t, ++depth, n);
		path->node[depth] = n;
		path->dir[depth] = right;
		found = right ? found : depth;
		n = node_child(t, n, right);
	}
	*steps += depth;
	path->depth = found;
	return found == 0 ? VADDR_NONE : path->node[found];
}

vaddr_t fit_greatest(const struct fit_tree *t, msize_t bytes, struct fit_path *path,
		     uint64_t *steps)
{
	vaddr_t n;

	path_start(t, path);
	for (n = path_down(t, path, 0); !fit_none(n); n = path_down(t, path, 1))
		;
	*steps += path->depth;
	n = path->node[path->depth];
	return path->depth == 0 || node_size(t, n) < bytes ? VADDR_NONE : n;
}

vaddr_t fit_after(const struct fit_tree *t, vaddr_t c)
{
	vaddr_t n = top(t), found = VADDR_NONE;

	for (unsigned depth = 0; !fit_none(n); depth++) {
		depth_limit(t, depth, n);
		if (n.v > c.v)
			found = n;
		n = node_child(t, n, n.v <= c.v);
	}
	return found;
}

vaddr_t fit_before(const struct fit_tree *t, vaddr_t c, struct fit_path *path)
{
	unsigned found = 0, depth = 0;
	vaddr_t n = top(t);

	path->node[0] = t->root;
	path->dir[0] = 0;
	while (!fit_none(n)) {
		unsigned right = n.v < c.v;

		depth_limit(t, ++depth, n);
		path->node[depth] = n;
		path->dir[depth] = right;
		found = right ? depth : found;
		n = node_child(t, n, right);
	}
	path->depth = found;
	return found == 0 ? VADDR_NONE : path->node[found];
}

void fit_seek(const struct fit_tree *t, vaddr_t key, struct fit_path *path)
{
	msize_t size = t->max == 0 ? node_size(t, key) : 0;
	unsigned depth = 1;
	vaddr_t n = top(t);

	path->node[0] = t->root;
	path->dir[0] = 0;
	for (; !vaddr_eq(n, key); depth++) {
		unsigned right;

		if (mm_unlikely(fit_none(n) || depth == FIT_DEPTH - 1))
			mm_bug(t->m, "a free chunk is not in the tree", key);
		right = node_before(t, n, key, size);
		path->node[depth] = n;
		path->dir[depth] = right;
		n = node_child(t, n, right);
	}
	path->node[depth] = n;
	path->depth = depth;
}

void fit_seek_growing(const struct fit_tree *t, vaddr_t key, msize_t bytes, struct fit_path *path)
{
	vaddr_t n = top(t), above = t->root;
	unsigned right = 0;

	for (unsigned depth = 0; !vaddr_eq(n, key); depth++) {
		if (mm_unlikely(fit_none(n) || depth == FIT_DEPTH))
			mm_bug(t->m, "a free chunk is not in the tree", key);
		if (node_max(t, n) < bytes)
			set_node_max(t, n, bytes);
		right = n.v < key.v;
		above = n;
		n = node_child(t, n, right);
	}
	path->depth = 1;
	path->node[0] = above;
	path->dir[0] = right;
	path->node[1] = n;
}

/* The node next to the path's end on side dir, in the tree's order, or FIT_NONE. */
static vaddr_t neighbour(const struct fit_tree *t, const struct fit_path *p, unsigned dir)
{
	vaddr_t n = node_child(t, p->node[p->depth], dir), found = {FIT_NONE};

	for (unsigned depth = 0; !fit_none(n); n = node_child(t, n, dir ^ 1u)) {
		depth_limit(t, depth++, n);
		found = n;
	}
	if (!fit_none(found))
		return found;
	/* None below: the nearest node above that has this one on its other side. */
	for (unsigned i = p->depth - 1; i > 0; i--)
		if (p->dir[i] != dir)
			return p->node[i];
	return found;
}

bool fit_keeps_place(const struct fit_tree *t, const struct fit_path *path, vaddr_t to,
		     msize_t bytes)
{
	vaddr_t before = neighbour(t, path, 0), behind;

	if (!fit_none(before) && !node_before(t, before, to, bytes))
		return false;
	behind = neighbour(t, path, 1);
	return fit_none(behind) || !node_before(t, behind, to, bytes);
}

bool fit_contains(const struct fit_tree *t, vaddr_t key)
{
	msize_t size = t->max == 0 ? node_size(t, key) : 0;
	vaddr_t n = top(t);

	for (unsigned depth = 0; depth < FIT_DEPTH && !fit_none(n); depth++) {
		if (vaddr_eq(n, key))
			return true;
		n = node_child(t, n, node_before(t, n, key, size));
	}
	return false;
}

/* ---- balance ---- */

static void refresh_max(const struct fit_tree *t, vaddr_t n)
{
	if (t->max != 0)
		set_node_max(t, n, true_max(t, n));
}

/*
 *      n                c
 *     / \              / \
 *    1   c     =>     n   3         and, when c leans the other way, its child g
 *       / \          / \            comes up between n and c
 *      2   3        1   2
 *
 * Side d of n is two higher.  The new top; *lower: is it one lower than n was?
 */
static vaddr_t rotate(const struct fit_tree *t, vaddr_t n, unsigned d, bool *lower)
{
	vaddr_t c = node_child(t, n, d), g;
	unsigned e = d ^ 1u, balance = node_balance(t, c);

	*lower = balance != 0;
	if (balance != higher(e)) {
		set_node_child(t, n, d, node_child(t, c, e));
		set_node_child(t, c, e, n);
		set_node_balance(t, n, balance == 0 ? higher(d) : 0);
		set_node_balance(t, c, balance == 0 ? higher(e) : 0);
		refresh_max(t, n);
		refresh_max(t, c);
		return c;
	}
	g = node_child(t, c, e);
	balance = node_balance(t, g);
	set_node_child(t, c, e, node_child(t, g, d));
	set_node_child(t, n, d, node_child(t, g, e));
	set_node_child(t, g, d, c);
	set_node_child(t, g, e, n);
	set_node_balance(t, n, balance == higher(d) ? higher(e) : 0);
	set_node_balance(t, c, balance == higher(e) ? higher(d) : 0);
	set_node_balance(t, g, 0);
	refresh_max(t, n);
	refresh_max(t, c);
	refresh_max(t, g);
	return g;
}

/* The side dir[i] of node[i] has become one higher, for i = depth and maybe above. */
static void grown(const struct fit_tree *t, const struct fit_path *p)
{
	for (unsigned i = p->depth; i > 0; i--) {
		unsigned d = p->dir[i], balance = node_balance(t, p->node[i]);
		bool lower;

		if (balance == 0) {
			set_node_balance(t, p->node[i], higher(d));
			continue;
		}
		if (balance == higher(d))
			set_node_child(t, p->node[i - 1], p->dir[i - 1],
				       rotate(t, p->node[i], d, &lower));
		else
			set_node_balance(t, p->node[i], 0);
		return;
	}
}

void fit_insert(const struct fit_tree *t, vaddr_t x, msize_t bytes)
{
	struct fit_path p;
	vaddr_t n = top(t);

	p.depth = 0;
	p.node[0] = t->root;
	p.dir[0] = 0;
	while (!fit_none(n)) {
		unsigned right = node_before(t, n, x, bytes);

		if (t->max != 0 && node_max(t, n) < bytes)
			set_node_max(t, n, bytes);
		depth_limit(t, ++p.depth, n);
		p.node[p.depth] = n;
		p.dir[p.depth] = right;
		n = node_child(t, n, right);
	}
	set_node_word(t, x, 0, FIT_NONE);
	set_node_word(t, x, 1, FIT_NONE);
	if (t->max != 0)
		set_node_max(t, x, bytes);
	set_node_child(t, p.node[p.depth], p.dir[p.depth], x);
	grown(t, &p);
}

/* node[i] to node[sure] may have a wrong max, those above as long as it changes. */
static void max_changed(const struct fit_tree *t, const struct fit_path *p, unsigned i,
			unsigned sure)
{
	for (; i > 0; i--) {
		msize_t max = true_max(t, p->node[i]);

		if (max == node_max(t, p->node[i]) && i <= sure)
			return;
		set_node_max(t, p->node[i], max);
	}
}

/* Side dir[i] of node[i] is one lower.  True: so is now the whole subtree. */
static bool lower_at(const struct fit_tree *t, struct fit_path *p, unsigned i)
{
	unsigned d = p->dir[i], balance = node_balance(t, p->node[i]);
	bool lower = true;

	if (balance == higher(d)) {
		set_node_balance(t, p->node[i], 0);
	} else if (balance == 0) {
		set_node_balance(t, p->node[i], higher(d ^ 1u));
		lower = false;
	} else {
		p->node[i] = rotate(t, p->node[i], d ^ 1u, &lower);
		set_node_child(t, p->node[i - 1], p->dir[i - 1], p->node[i]);
	}
	return lower;
}

/* Side dir[i] of node[i] has become one lower, and node[sure] above it is a new one. */
static void shrunk(const struct fit_tree *t, struct fit_path *p, unsigned i, unsigned sure)
{
	bool lower = true;

	for (; i > 0 && lower; i--) {
		lower = lower_at(t, p, i);
		refresh_max(t, p->node[i]);
	}
	if (t->max != 0)
		max_changed(t, p, i, sure);
}

/*
 * node[depth] has two children: the next node in order, the leftmost on its
 * right, takes its place.  The level whose side has become lower.
 */
static unsigned replace_by_next(const struct fit_tree *t, struct fit_path *p)
{
	unsigned k = p->depth, lower = k;
	vaddr_t x = p->node[k], next;

	for (vaddr_t n = path_down(t, p, 1); !fit_none(n); n = path_down(t, p, 0))
		;
	next = p->node[p->depth];
	if (p->depth > k + 1) {
		lower = p->depth - 1;
		set_node_child(t, p->node[lower], 0, node_child(t, next, 1));
		set_node_word(t, next, 1, node_word(t, x, 1));
	}
	set_node_word(t, next, 0, node_word(t, x, 0));
	if (t->max != 0)
		set_node_max(t, next, node_max(t, x));
	p->node[k] = next;
	set_node_child(t, p->node[k - 1], p->dir[k - 1], next);
	return lower;
}

void fit_remove(const struct fit_tree *t, struct fit_path *p)
{
	unsigned k = p->depth;
	vaddr_t left = node_child(t, p->node[k], 0), right = node_child(t, p->node[k], 1);

	if (!fit_none(left) && !fit_none(right)) {
		shrunk(t, p, replace_by_next(t, p), k);
		return;
	}
	set_node_child(t, p->node[k - 1], p->dir[k - 1], fit_none(left) ? right : left);
	shrunk(t, p, k - 1, k);
}

/* ---- nodes that move ---- */

struct fit_links fit_lift(const struct fit_tree *t, vaddr_t n)
{
	return (struct fit_links){node_word(t, n, 0), node_word(t, n, 1),
				  t->max != 0 ? node_max(t, n) : 0};
}

void fit_settle(const struct fit_tree *t, struct fit_path *p, vaddr_t to,
		const struct fit_links *links)
{
	unsigned k = p->depth;

	if (!vaddr_eq(p->node[k], to)) {
		set_node_word(t, to, 0, links->left);
		set_node_word(t, to, 1, links->right);
		if (t->max != 0)
			set_node_max(t, to, links->max);
		p->node[k] = to;
		set_node_child(t, p->node[k - 1], p->dir[k - 1], to);
	}
	if (t->max != 0)
		max_changed(t, p, k, k);
}
