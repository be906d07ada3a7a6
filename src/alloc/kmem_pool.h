/* mempool: pools of elements kept in reserve, over any kind that serves bytes.  See kmem_pool.c. */
#ifndef ALLOC_KMEM_POOL_H
#define ALLOC_KMEM_POOL_H

#include "alloc/alloc.h"

extern const struct pool_ops mempool_ops;

#endif
