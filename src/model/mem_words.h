/*
 * The port's words: what every build of the allocators shares, simulated or bare.
 * Included by mem.h only.
 */
#ifndef MODEL_MEM_WORDS_H
#define MODEL_MEM_WORDS_H

#include <stdint.h>

#define MUST_USE    __attribute__((warn_unused_result))
#define mm_likely(c)   __builtin_expect(!!(c), 1)
#define mm_unlikely(c) __builtin_expect(!!(c), 0)

/* Classes of the ledger: every byte of every region is in exactly one. */
enum mm_class {
	MM_UNMANAGED, /* RAM given to no allocator */
	MM_RESERVED,  /* firmware, kernel image, holes, flash, ROM, MMIO */
	MM_FREE,      /* free in the page allocator */
	MM_CACHED,    /* free, but held above the page allocator */
	MM_SLACK,     /* lost inside what an allocator holds: slab tails, guards, slivers */
	MM_METADATA,  /* descriptors, headers, boundary tags, bitmaps, page tables */
	MM_PAYLOAD,   /* requested by live allocations */
	MM_ROUNDING,  /* granted beyond the request inside live blocks */
	MM_GRANTED,   /* in transit: granted, request not known here; 0 between events */
	MM_NR_CLASSES
};

/*
 * Tracepoints.  The two or three numbers are given with each; `va` is an address
 * in the view, sizes are bytes.  X(NAME, "word", "a", "b", "c").
 */
#define MM_EVENTS(X)                                                  \
	X(SPLIT, "split", "pfn", "order", "zone")                     \
	X(MERGE, "merge", "pfn", "order", "zone")                     \
	X(FALLBACK, "fallback", "zone", "order", "wanted_zone")       \
	X(PAGE_ALLOC, "page_alloc", "pfn", "order", "zone")           \
	X(PAGE_FREE, "page_free", "pfn", "order", "zone")             \
	X(REFILL, "refill", "cpu", "count", "zone")                   \
	X(DRAIN, "drain", "cpu", "count", "zone")                     \
	X(SLAB_NEW, "slab_new", "va", "objects", "object_size")       \
	X(SLAB_FREE, "slab_free", "va", "objects", "object_size")     \
	X(OBJ_ALLOC, "obj_alloc", "va", "index", "slab")              \
	X(OBJ_FREE, "obj_free", "va", "index", "slab")                \
	X(OBJ_MOVE, "obj_move", "count", "from", "to")                \
	X(CHUNK_TAKE, "chunk_take", "va", "bytes", "class")           \
	X(CHUNK_SPLIT, "chunk_split", "va", "bytes", "rest")          \
	X(CHUNK_MERGE, "chunk_merge", "va", "bytes", "with")          \
	X(CHUNK_FREE, "chunk_free", "va", "bytes", "class")           \
	X(CHUNK_GROW, "chunk_grow", "va", "bytes", "was")             \
	X(CHUNK_SHRINK, "chunk_shrink", "va", "bytes", "was")         \
	X(SEGMENT_ADD, "segment_add", "va", "bytes", "-")             \
	X(SEGMENT_DROP, "segment_drop", "va", "bytes", "-")           \
	X(MASS_FREE, "mass_free", "va", "bytes", "-")                 \
	X(CARVE, "carve", "va", "bytes", "-")                         \
	X(MAP, "map", "va", "pfn", "pages")                           \
	X(UNMAP, "unmap", "va", "pfn", "pages")                       \
	X(WATERMARK, "watermark", "zone", "free", "mark")             \
	X(SHRINK, "shrink", "asked", "pages", "order")                \
	X(AREA_TAKE, "area_take", "va", "bytes", "guard")             \
	X(AREA_FREE, "area_free", "va", "bytes", "guard")             \
	X(PURGE, "purge", "areas", "bytes", "-")                      \
	X(TABLE_NEW, "table_new", "va", "pfn", "level")               \
	X(CLAIM, "claim", "pfn", "from_type", "to_type")              \
	X(STEAL, "steal", "pfn", "from_type", "to_type")              \
	X(MIGRATE, "migrate", "pfn", "to", "order")                   \
	X(SHRUNK, "shrunk", "pages", "-", "-")

/*
 * Where obj_move takes free objects from and where it puts them: the slabs of a node, a
 * CPU's array, the array that a node's CPUs share, or a node's array for another node's.
 */
enum mm_place { MM_PLACE_SLABS, MM_PLACE_CPU, MM_PLACE_SHARED, MM_PLACE_ALIEN };

/* `at`: the CPU or node; `of`: the node whose objects they are. */
static inline uint32_t mm_place(enum mm_place kind, uint32_t at, uint32_t of)
{
	return (uint32_t)kind << 30 | of << 15 | at;
}

enum mm_ev {
#define X(NAME, word, a, b, c) MM_EV_##NAME,
	MM_EVENTS(X)
#undef X
	MM_NR_EV
};

/* Why a request was refused, when the allocator itself knows better than its free lists show. */
enum mm_refusal {
	MM_REFUSE_NONE,      /* no block found: the autopsy finds out why */
	MM_REFUSE_LIMIT,     /* larger than any block this kind can ever give */
	MM_REFUSE_WATERMARK, /* free memory there is, but it is kept in reserve */
	MM_REFUSE_INJECTED,  /* the page source was told to fail */
	MM_REFUSE_WINDOW,    /* no range of addresses is free that is long enough */
	MM_REFUSE_CONFLICT,  /* somebody else holds what was asked for */
	MM_REFUSE_PKMAP      /* every slot of the kmap window maps a page that is in use */
};

#endif
