/*
 * worst_fit: the largest free chunk.
 *
 * Of equal ones the first in the list.  What is cut off stays as useful as can
 * be, so the idea; in fact it uses up every large chunk, and is here to show it.
 *
 * Worst case: no bound better than that of best fit, about M n for peak live
 * memory M and largest request n in units of the least; and it comes close with
 * ordinary programs, since no large chunk lasts.  Time: as many steps as there
 * are free chunks, always; with a tree the logarithm of it.
 *
 * Chunks, tags, invariants: tagheap.c.
 */
#include "alloc/tagheap.h"

extern const struct alloc_ops worst_fit_ops;

static int worst_fit_init(struct alloc *a, const struct alloc_env *env)
{
	return tagheap_init((struct tagheap *)a, &worst_fit_ops, TAG_WORST, env);
}

static int worst_fit_attach(struct alloc *a, const struct alloc_env *env)
{
	return tagheap_attach((struct tagheap *)a, &worst_fit_ops, TAG_WORST, env);
}

const struct alloc_ops worst_fit_ops = {
	.name = "worst_fit",
	.summary = "the largest free chunk",
	.unit = "chunk",
	.serves = SERVES_BYTES,
	.params = tagheap_params,
	.handle_bytes = sizeof(struct tagheap),
	.init = worst_fit_init,
	.attach = worst_fit_attach,
	.walk = tagheap_walk,
	.check = tagheap_check,
	.bytes = &tagheap_bytes,
};
