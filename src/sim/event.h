/*
 * A trace event, decoded.  An event's number, counted from 1, is its address in
 * time everywhere.
 *
 * Live objects are named by *slot*: the lowest-numbered scheme "last freed, first
 * reused", so that slots stay dense.  Readers of formats with other names (text
 * ids, addresses) map them; the birth event is the identity.
 */
#ifndef SIM_EVENT_H
#define SIM_EVENT_H

#include <stdint.h>

/*
 * X(OP, "word", group, kind of life: B birth, D death, M may move (realloc), U use,
 *   N none).  The words are the text format's.
 */
#define TRACE_OPS(X)                                    \
	X(MALLOC, "malloc", HEAP, B)                    \
	X(CALLOC, "calloc", HEAP, B)                    \
	X(REALLOC, "realloc", HEAP, M)                  \
	X(MEMALIGN, "memalign", HEAP, B)                \
	X(FREE, "free", HEAP, D)                        \
	X(ALLOC_PAGES, "alloc_pages", PAGES, B)         \
	X(FREE_PAGES, "free_pages", PAGES, D)           \
	X(GET_ZEROED_PAGE, "get_zeroed_page", PAGES, B) \
	X(CACHE_CREATE, "cache_create", SLAB, B)        \
	X(CACHE_ALLOC, "cache_alloc", SLAB, B)          \
	X(CACHE_FREE, "cache_free", SLAB, D)            \
	X(CACHE_SHRINK, "cache_shrink", SLAB, U)        \
	X(CACHE_DESTROY, "cache_destroy", SLAB, D)      \
	X(KMALLOC, "kmalloc", KMALLOC, B)               \
	X(KZALLOC, "kzalloc", KMALLOC, B)               \
	X(KCALLOC, "kcalloc", KMALLOC, B)               \
	X(KREALLOC, "krealloc", KMALLOC, M)             \
	X(KFREE, "kfree", KMALLOC, D)                   \
	X(MEMPOOL_CREATE, "mempool_create", KMALLOC, B) \
	X(MEMPOOL_ALLOC, "mempool_alloc", KMALLOC, B)   \
	X(MEMPOOL_FREE, "mempool_free", KMALLOC, D)     \
	X(MEMPOOL_DESTROY, "mempool_destroy", KMALLOC, D) \
	X(PERCPU_ALLOC, "percpu_alloc", PERCPU, B)     \
	X(PERCPU_FREE, "percpu_free", PERCPU, D)       \
	X(VMALLOC, "vmalloc", VIRTUAL, B)               \
	X(VFREE, "vfree", VIRTUAL, D)                   \
	X(KMAP, "kmap", VIRTUAL, B)                     \
	X(KUNMAP, "kunmap", VIRTUAL, D)                 \
	X(KMAP_ATOMIC, "kmap_atomic", VIRTUAL, B)       \
	X(KUNMAP_ATOMIC, "kunmap_atomic", VIRTUAL, D)   \
	X(IOREMAP, "ioremap", VIRTUAL, B)               \
	X(IOUNMAP, "iounmap", VIRTUAL, D)               \
	X(REQUEST_REGION, "request_region", VIRTUAL, B) \
	X(RELEASE_REGION, "release_region", VIRTUAL, D) \
	X(DEVM_KMALLOC, "devm_kmalloc", KMALLOC, B)         \
	X(DEVICE_REMOVE, "device_remove", KMALLOC, N)       \
	X(DMA_ALLOC, "dma_alloc", DMA, B)               \
	X(DMA_FREE, "dma_free", DMA, D)                 \
	X(TASK_CREATE, "task_create", STACK, B)         \
	X(TASK_EXIT, "task_exit", STACK, D)             \
	X(STACK_PUSH, "stack_push", STACK, U)           \
	X(STACK_POP, "stack_pop", STACK, U)             \
	X(IRQ_ENTER, "irq_enter", STACK, N)             \
	X(IRQ_EXIT, "irq_exit", STACK, N)               \
	X(MMAP, "mmap", VIRTUAL, B)                     \
	X(MUNMAP, "munmap", VIRTUAL, D)                 \
	X(MLOCK, "mlock", VIRTUAL, U)                   \
	X(TOUCH, "touch", VIRTUAL, U)                   \
	X(FORK, "fork", VIRTUAL, B)                     \
	X(EXEC, "exec", VIRTUAL, U)                     \
	X(EXIT, "exit", VIRTUAL, D)                     \
	X(PAGE_CACHE_READ, "page_cache_read", VIRTUAL, B) \
	X(READ, "read", ACCESS, U)                      \
	X(WRITE, "write", ACCESS, U)                    \
	X(ARENA_PUSH, "arena_push", ARENA, U)           \
	X(ARENA_FREE, "arena_free", ARENA, U)           \
	X(PHASE, "phase", NONE, N)                      \
	X(NOTE, "note", NONE, N)                        \
	X(EXPECT, "expect", NONE, N)                    \
	X(OLD_PAGES, "old_pages", PAGES, B)             \
	X(SPLIT_PAGES, "split_pages", PAGES, B)         \
	X(ZONE_ALLOC, "zone_alloc", PAGES, B)           \
	X(ZONE_FREE, "zone_free", PAGES, D)             \
	X(ZONE_OLD, "zone_old", PAGES, B)               \
	X(ZONE_SPLIT, "zone_split", PAGES, B)           \
	X(CMA_ALLOC, "cma_alloc", CMA, B)               \
	X(CMA_FREE, "cma_free", CMA, D)

enum trace_op {
#define X(NAME, word, group, life) OP_##NAME,
	TRACE_OPS(X)
#undef X
	NR_TRACE_OPS
};

enum trace_group { TG_NONE, TG_HEAP, TG_PAGES, TG_SLAB, TG_KMALLOC, TG_VIRTUAL, TG_STACK, TG_ARENA,
		   TG_DMA, TG_ACCESS, TG_CMA, TG_PERCPU, NR_TRACE_GROUPS };

/* No object: free(NULL), an id the trace never gave birth to, a failed call in the recording. */
#define SLOT_NONE UINT32_MAX

enum trace_event_flags {
	EV_HAS_TIME = 1 << 0,
	EV_UNKNOWN_ID = 1 << 1, /* names an id that is not live: a double or wild free; slot is SLOT_NONE */
	EV_NULL = 1 << 2,       /* the recorded call had or gave a null pointer */
	EV_FAILED = 1 << 3,     /* realloc, krealloc: the recorded call failed, the old block lives on */
	EV_CTOR = 1 << 4,       /* cache_create: the cache has a constructor */
	EV_NODE_0 = 1 << 5      /* `node` is 0 because node 0 was asked for, not because none was */
};

/*
 * Pages are recorded at two levels.  *Requests*: alloc_pages, free_pages, and
 * split_pages, which makes two halves of a block, the upper one being born.  *Blocks* of
 * the buddy lists, below the per-CPU lists: zone_alloc (taken off the lists), zone_free
 * (put back), zone_split.  old_pages and zone_old name what was there before the
 * recording, where they must be told apart.  A replay does one of the levels.
 */

/*
 * Null pointers:
 *   free(NULL)                  EV_NULL, slot SLOT_NONE
 *   malloc(n) that gave NULL    EV_NULL, slot SLOT_NONE (any birth)
 *   realloc(NULL, n)            EV_NULL, slot is born
 *   realloc(NULL, n), failed    EV_NULL, slot SLOT_NONE
 *   realloc(p, n), failed       EV_FAILED, slot of p, which lives on
 *   realloc(p, 0)               the recorder says what the C library did: a free, or a realloc
 */

/*
 * size    malloc, calloc (the product), realloc (the new size), memalign, kmalloc,
 *         dma_alloc, arena_push, cache_create, vmalloc: bytes;
 *         read, write: bytes accessed; fixed meaning for others in docs/formats.md
 * arg     memalign, cache_create, dma_alloc: alignment in bytes (0: default);
 *         read, write: offset; events of pages: the pfn that was recorded (0: unknown);
 *         arena_push, arena_free, device_remove: the arena or
 *         device number; calloc, kcalloc: number of elements; markers: string index
 * slot    of the object born, freed or used; SLOT_NONE where there is none (markers,
 *         arena_push, arena_free, irq_*, device_remove, null and unknown ids)
 * slot2   cache_alloc, cache_free: the cache's slot; mempool likewise; kmap: the pages'
 *         slot; fork: the parent's; split_pages, zone_split: the block that is halved; SLOT_NONE unknown; 0 for operations without a second object
 */
struct trace_event {
	uint64_t time_ns; /* EV_HAS_TIME */
	uint64_t size;
	uint64_t arg;
	uint32_t slot, slot2;
	uint32_t gfp;
	uint32_t site;    /* call site: index in the reader's strings, 0: none */
	uint32_t tag;     /* index in the reader's strings, 0: none */
	uint16_t ctx;     /* thread or device */
	uint8_t op;       /* enum trace_op */
	uint8_t flags;
	uint8_t cpu, node;
	uint8_t order;    /* events of pages; split_pages, zone_split: of the halves */
	uint8_t migratetype;
	uint16_t master;  /* index in the reader's strings, 0: none; dma_alloc, or `master:` on any request */
	uint16_t reserved; /* 0 */
};

_Static_assert(sizeof(struct trace_event) == 56, "readers write only what changes from event to event");

#endif
