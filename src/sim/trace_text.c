#include "sim/trace_text.h"

#include <stddef.h>

#include "alloc/alloc.h"

const char *const text_arguments[NR_TRACE_OPS] = {
	[OP_MALLOC] = "z",
	[OP_CALLOC] = "ne",
	[OP_REALLOC] = "iz",
	[OP_MEMALIGN] = "nz",
	[OP_FREE] = "i",
	[OP_ALLOC_PAGES] = "o",
	[OP_FREE_PAGES] = "i",
	[OP_GET_ZEROED_PAGE] = "",
	[OP_CACHE_CREATE] = "tz",
	[OP_CACHE_ALLOC] = "j",
	[OP_CACHE_FREE] = "ij",
	[OP_CACHE_SHRINK] = "i",
	[OP_CACHE_DESTROY] = "i",
	[OP_KMALLOC] = "z",
	[OP_KZALLOC] = "z",
	[OP_KCALLOC] = "ne",
	[OP_KREALLOC] = "iz",
	[OP_KFREE] = "i",
	[OP_MEMPOOL_CREATE] = "nz",
	[OP_MEMPOOL_ALLOC] = "j",
	[OP_MEMPOOL_FREE] = "ij",
	[OP_MEMPOOL_DESTROY] = "i",
	[OP_PERCPU_ALLOC] = "z",
	[OP_PERCPU_FREE] = "i",
	[OP_VMALLOC] = "z",
	[OP_VFREE] = "i",
	[OP_KMAP] = "j",
	[OP_KUNMAP] = "i",
	[OP_KMAP_ATOMIC] = "j",
	[OP_KUNMAP_ATOMIC] = "i",
	[OP_IOREMAP] = "nz",
	[OP_IOUNMAP] = "i",
	[OP_REQUEST_REGION] = "nz",
	[OP_RELEASE_REGION] = "i",
	[OP_DEVM_KMALLOC] = "nz",
	[OP_DEVICE_REMOVE] = "n",
	[OP_DMA_ALLOC] = "z",
	[OP_DMA_FREE] = "i",
	[OP_TASK_CREATE] = "z",
	[OP_TASK_EXIT] = "i",
	[OP_STACK_PUSH] = "iz",
	[OP_STACK_POP] = "iz",
	[OP_IRQ_ENTER] = "n",
	[OP_IRQ_EXIT] = "n",
	[OP_MMAP] = "z",
	[OP_MUNMAP] = "i",
	[OP_MLOCK] = "i",
	[OP_TOUCH] = "inz",
	[OP_FORK] = "j",
	[OP_EXEC] = "i",
	[OP_EXIT] = "i",
	[OP_PAGE_CACHE_READ] = "tnz",
	[OP_OLD_PAGES] = "on",
	[OP_SPLIT_PAGES] = "jo",
	[OP_ZONE_ALLOC] = "o",
	[OP_ZONE_FREE] = "i",
	[OP_ZONE_OLD] = "on",
	[OP_ZONE_SPLIT] = "jo",
	[OP_CMA_ALLOC] = "z",
	[OP_CMA_FREE] = "i",
	[OP_READ] = "inz",
	[OP_WRITE] = "inz",
	[OP_ARENA_PUSH] = "nz",
	[OP_ARENA_FREE] = "n",
	[OP_PHASE] = "s",
	[OP_NOTE] = "s",
	[OP_EXPECT] = "s",
};

const char *const text_migratetypes[TEXT_MIGRATETYPES] = {"unmovable", "movable", "reclaimable"};

const struct text_flag text_slab_flags[] = {
	{"SLAB_RED_ZONE", SLAB_RED_ZONE},
	{"SLAB_POISON", SLAB_POISON},
	{"SLAB_HWCACHE_ALIGN", SLAB_HWCACHE_ALIGN},
	{"SLAB_CACHE_DMA", SLAB_CACHE_DMA},
	{"SLAB_TYPESAFE_BY_RCU", SLAB_TYPESAFE_BY_RCU},
	{NULL, 0},
};

const struct text_flag text_gfp[] = {
#define X(NAME, value) {"GFP_" #NAME, value},
	GFP_SETS(X)
#undef X
		{"GFP_DMA", GFP_DMA},
	{"GFP_DMA32", GFP_DMA32},
#define X(NAME, value) {"__GFP_" #NAME, value},
	GFP_FLAGS(X)
#undef X
		{NULL, 0},
};
