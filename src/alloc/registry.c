/*
 * The registry of one instance.  The build links every object of an instance
 * into one and keeps only MM_INSTANCE global, so that all instances live in one
 * program.
 */
#include "alloc/registry.h"

#include "alloc/alloc.h"

#define X(name) extern const struct alloc_ops name##_ops;
ALLOCATORS(X)
#undef X

static const struct alloc_ops *const kinds[] = {
#define X(name) &name##_ops,
	ALLOCATORS(X)
#undef X
};

extern const struct alloc_instance MM_INSTANCE;
const struct alloc_instance MM_INSTANCE = {
	.port = MM_PORT_NAME,
	.word = MM_WORD,
	.kinds = kinds,
	.nr_kinds = sizeof kinds / sizeof kinds[0],
	.rules = &kernel_rules,
};
