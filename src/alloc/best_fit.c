/*
 * best_fit: the least free chunk that is large enough.
 *
 * Of equal ones the first in the list: the lowest address, or the last freed.
 * What is cut off is as small as can be, often nothing.
 *
 * Worst case (J. M. Robson, "Worst case fragmentation of first fit and best fit
 * storage allocation strategies", The Computer Journal 20(3), 1977): about
 * M(n - 2) for peak live memory M and largest request n, in units of the least;
 * real programs are nowhere near it.  Time: as many steps as there are free
 * chunks, fewer only if one fits exactly; with a tree the logarithm of it.
 *
 * Chunks, tags, invariants: tagheap.c.
 */
#include "alloc/tagheap.h"

extern const struct alloc_ops best_fit_ops;

static int best_fit_init(struct alloc *a, const struct alloc_env *env)
{
	return tagheap_init((struct tagheap *)a, &best_fit_ops, TAG_BEST, env);
}

static int best_fit_attach(struct alloc *a, const struct alloc_env *env)
{
	return tagheap_attach((struct tagheap *)a, &best_fit_ops, TAG_BEST, env);
}

const struct alloc_ops best_fit_ops = {
	.name = "best_fit",
	.summary = "the least free chunk that is large enough",
	.unit = "chunk",
	.serves = SERVES_BYTES,
	.params = tagheap_params,
	.handle_bytes = sizeof(struct tagheap),
	.init = best_fit_init,
	.attach = best_fit_attach,
	.walk = tagheap_walk,
	.check = tagheap_check,
	.bytes = &tagheap_bytes,
};
