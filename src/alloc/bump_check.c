/* bump: the checker of invariants I1 to I4 of bump.c. */
#include "alloc/bump.h"
#include "alloc/bump_layout.h"

int bump_check(const struct alloc *a, struct check_report *r)
{
	const struct bump *b = (const struct bump *)a;
	vaddr_t at = vaddr_add(b->arena.base, BUMP_HEADER_BYTES), next = bump_next(a->m, a->root);
	vaddr_t end = vaddr_add(b->arena.base, b->arena.bytes);
	msize_t live = 0, blocks = 0;

	if (next.v < at.v || next.v > end.v)
		return check_fail(r, "I1: next lies inside the arena", a->root, next.v, end.v);
	for (; at.v < next.v; blocks++) {
		vaddr_t p = bump_block_after(b, at);
		msize_t word, bytes;

		if (p.v > next.v)
			return check_fail(r, "I2: the sizes lead exactly to next", at, p.v, next.v);
		word = block_word(a->m, p);
		bytes = word & ~(msize_t)BUMP_LIVE;
		if (bytes > vaddr_diff(next, p) || (bytes & (b->align - 1)) != 0)
			return check_fail(r, "I2: the sizes lead exactly to next", p, bytes,
					  vaddr_diff(next, p));
		live += word & BUMP_LIVE;
		at = vaddr_add(p, bytes);
	}
	if (live != bump_live(a->m, a->root))
		return check_fail(r, "I3: live counts the live blocks", a->root,
				  bump_live(a->m, a->root), live);
	if (live == 0 && blocks != 0)
		return check_fail(r, "I4: no block is left once none is live", a->root, blocks, 0);
	return 0;
}
