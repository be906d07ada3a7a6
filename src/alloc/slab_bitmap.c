/*
 * slab_bitmap: caches of fixed-size objects, see slabcaches.c.  This file says which
 * form their slabs have, and puts the table together.
 */
#include "alloc/slabcaches.h"

extern const struct alloc_ops slab_bitmap_ops;

static int slab_bitmap_init(struct alloc *a, const struct alloc_env *env)
{
	alloc_base(a, &slab_bitmap_ops, env);
	return slabcaches_init(a, env, SLAB_BITMAP);
}

static int slab_bitmap_attach(struct alloc *a, const struct alloc_env *env)
{
	alloc_base(a, &slab_bitmap_ops, env);
	return slabcaches_attach(a, env, SLAB_BITMAP);
}

const struct alloc_ops slab_bitmap_ops = {
	.name = "slab_bitmap",
	.summary = "caches of fixed-size objects, a bitmap in each slab",
	.unit = "object",
	.serves = SERVES_FIXED,
	.params = slabcaches_params,
	.handle_bytes = sizeof(struct slabcaches),
	.init = slab_bitmap_init,
	.attach = slab_bitmap_attach,
	.walk = slabcaches_walk,
	.check = slabcaches_check,
	.bytes = &slabcaches_bytes_ops,
	.caches = &slabcaches_cache_ops,
};
