/*
 * slab_list: caches of fixed-size objects, see slabcaches.c.  This file says which
 * form their slabs have, and puts the table together.
 */
#include "alloc/slabcaches.h"

extern const struct alloc_ops slab_list_ops;

static int slab_list_init(struct alloc *a, const struct alloc_env *env)
{
	alloc_base(a, &slab_list_ops, env);
	return slabcaches_init(a, env, SLAB_LIST);
}

static int slab_list_attach(struct alloc *a, const struct alloc_env *env)
{
	alloc_base(a, &slab_list_ops, env);
	return slabcaches_attach(a, env, SLAB_LIST);
}

const struct alloc_ops slab_list_ops = {
	.name = "slab_list",
	.summary = "caches of fixed-size objects, free ones on a list through themselves",
	.unit = "object",
	.serves = SERVES_FIXED,
	.params = slabcaches_params,
	.handle_bytes = sizeof(struct slabcaches),
	.init = slab_list_init,
	.attach = slab_list_attach,
	.walk = slabcaches_walk,
	.check = slabcaches_check,
	.bytes = &slabcaches_bytes_ops,
	.caches = &slabcaches_cache_ops,
};
