/* fittree: the checker of invariants A1 to A3 of fittree.c; no recursion. */
#include "alloc/fittree.h"
#include "alloc/fittree_layout.h"

struct frame {
	vaddr_t n;
	unsigned left_height;
	unsigned sides; /* subtrees entered so far */
};

struct check {
	const struct fit_tree *t;
	struct fit_fault *f;
	vaddr_t lo, hi;
	uint64_t limit, nr;
	vaddr_t last; /* in order; none before the first */
	unsigned depth, height; /* of the subtree just left */
	struct frame frame[FIT_DEPTH];
};

static bool wrong(struct check *c, const char *what, vaddr_t where, uint64_t found,
		  uint64_t expected)
{
	*c->f = (struct fit_fault){what, where, found, expected};
	return false;
}

/* Goes into subtree n, or over it when there is none. */
static bool enter(struct check *c, vaddr_t n)
{
	c->height = 0;
	if (fit_none(n))
		return true;
	if (n.v < c->lo.v || n.v >= c->hi.v || (n.v & (MM_WORD - 1)) != 0)
		return wrong(c, "A1: a node lies in the heap", n, n.v, c->lo.v);
	if (c->depth == FIT_DEPTH || c->nr == c->limit)
		return wrong(c, "A2: the tree holds each free chunk once", n, c->nr, c->limit);
	c->nr++;
	c->frame[c->depth++] = (struct frame){n, 0, 0};
	return true;
}

static bool in_order(struct check *c, vaddr_t n)
{
	const struct fit_tree *t = c->t;

	if (!vaddr_none(c->last) && !node_before(t, c->last, n, t->max ? 0 : node_size(t, n)))
		return wrong(c, "A1: the nodes ascend in the tree's order", n, n.v, c->last.v);
	c->last = n;
	return true;
}

static bool leave(struct check *c, const struct frame *fr)
{
	unsigned l = fr->left_height, r = c->height;
	unsigned balance = l == r ? 0 : higher(r > l);

	if (node_balance(c->t, fr->n) != balance || l > r + 1 || r > l + 1)
		return wrong(c, "A2: the balance says how the heights differ", fr->n,
			     node_balance(c->t, fr->n), balance);
	if (c->t->max != 0 && node_max(c->t, fr->n) != true_max(c->t, fr->n))
		return wrong(c, "A3: max is the largest size in the subtree", fr->n,
			     node_max(c->t, fr->n), true_max(c->t, fr->n));
	if ((node_word(c->t, fr->n, 1) & FIT_BALANCE) != 0)
		return wrong(c, "A2: the right link holds no balance", fr->n,
			     node_word(c->t, fr->n, 1), 0);
	c->height = (l > r ? l : r) + 1;
	c->depth--;
	return true;
}

/* One step of the walk: left subtree, node, right subtree, and out. */
static bool step(struct check *c)
{
	struct frame *fr = &c->frame[c->depth - 1];

	switch (fr->sides++) {
	case 0:
		return enter(c, node_child(c->t, fr->n, 0));
	case 1:
		fr->left_height = c->height;
		return in_order(c, fr->n) && enter(c, node_child(c->t, fr->n, 1));
	default:
		return leave(c, fr);
	}
}

bool fit_check(const struct fit_tree *t, vaddr_t lo, vaddr_t hi, uint64_t limit, uint64_t *nr,
	       struct fit_fault *f)
{
	struct check c = {.t = t, .f = f, .lo = lo, .hi = hi, .limit = limit, .last = VADDR_NONE};
	bool ok;

	if (node_balance(t, t->root) != 0)
		return wrong(&c, "A2: the root link holds no balance", t->root,
			     node_word(t, t->root, 0), 0);
	ok = enter(&c, node_child(t, t->root, 0));
	while (ok && c.depth > 0)
		ok = step(&c);
	*nr = c.nr;
	return ok;
}
