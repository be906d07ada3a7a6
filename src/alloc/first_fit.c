/*
 * first_fit: the first free chunk that is large enough.
 *
 * In address order small leftovers gather at the low end and large chunks
 * survive at the high end, which is why it loses little memory; with lifo the
 * list is as the frees left it, free takes constant time, and memory is lost.
 *
 * Worst case (J. M. Robson, "Worst case fragmentation of first fit and best fit
 * storage allocation strategies", The Computer Journal 20(3), 1977): for peak
 * live memory M and largest request n, in units of the least, address-ordered
 * first fit needs no more than M(1 + ceil(log2 n)), and no policy that does not
 * move blocks escapes growth with M log2 n.  Time: as many steps as there are
 * free chunks; with a tree the logarithm of it.
 *
 * Chunks, tags, invariants: tagheap.c.
 */
#include "alloc/tagheap.h"

extern const struct alloc_ops first_fit_ops;

static int first_fit_init(struct alloc *a, const struct alloc_env *env)
{
	return tagheap_init((struct tagheap *)a, &first_fit_ops, TAG_FIRST, env);
}

static int first_fit_attach(struct alloc *a, const struct alloc_env *env)
{
	return tagheap_attach((struct tagheap *)a, &first_fit_ops, TAG_FIRST, env);
}

const struct alloc_ops first_fit_ops = {
	.name = "first_fit",
	.summary = "the first free chunk that is large enough, in the list's order",
	.unit = "chunk",
	.serves = SERVES_BYTES,
	.params = tagheap_params,
	.handle_bytes = sizeof(struct tagheap),
	.init = first_fit_init,
	.attach = first_fit_attach,
	.walk = tagheap_walk,
	.check = tagheap_check,
	.bytes = &tagheap_bytes,
};
