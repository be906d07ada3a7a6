/*
 * next_fit: first fit that goes on where the last search ended.
 *
 * The rover is the free chunk at which the next search begins: what was left of
 * the chunk last cut, else the one behind it.  Searches get short, because small
 * leftovers do not gather at the front; but they are spread over the whole heap,
 * so large chunks do not survive.  When the rover's chunk is joined to another
 * the joined one is looked at next, or, if it lost its place, the one behind.
 *
 * Source: D. E. Knuth, TAOCP vol. 1, 2.5, exercise 6.  Worst case: it may be
 * driven to about M n (like best fit), for peak live memory M and largest
 * request n in units of the least: the bound of address-ordered first fit does
 * not hold, since low addresses are passed over.  Time: as many steps as there
 * are free chunks; with a tree the logarithm of it.
 *
 * Chunks, tags, invariants: tagheap.c.
 */
#include "alloc/tagheap.h"

extern const struct alloc_ops next_fit_ops;

static int next_fit_init(struct alloc *a, const struct alloc_env *env)
{
	return tagheap_init((struct tagheap *)a, &next_fit_ops, TAG_NEXT, env);
}

static int next_fit_attach(struct alloc *a, const struct alloc_env *env)
{
	return tagheap_attach((struct tagheap *)a, &next_fit_ops, TAG_NEXT, env);
}

const struct alloc_ops next_fit_ops = {
	.name = "next_fit",
	.summary = "first fit that goes on where the last search ended",
	.unit = "chunk",
	.serves = SERVES_BYTES,
	.params = tagheap_params,
	.handle_bytes = sizeof(struct tagheap),
	.init = next_fit_init,
	.attach = next_fit_attach,
	.walk = tagheap_walk,
	.check = tagheap_check,
	.bytes = &tagheap_bytes,
};
