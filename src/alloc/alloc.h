/*
 * What an allocator is: one const `struct alloc_ops` per kind, in the registry.
 *
 * Words: a *page* is a frame of 2^page_shift bytes; an *arena* is a contiguous
 * range a heap lives in; a *segment* is one such range of a heap that grows from
 * pages; a *grant* is what an allocator gave for a request; a *view* is
 * `struct mem`.
 *
 * The host-side handle (struct alloc and what follows it) says where things are,
 * never what they hold: apart from the pointers below it keeps geometry only, so
 * that attach() on a copied image continues the run identically.
 *
 * An operation is atomic for the caller: a request that cannot be served returns
 * "none" and leaves the image as it was, or with a difference that the kind
 * documents (a moved roving pointer, a page kept in a cache).
 */
#ifndef ALLOC_ALLOC_H
#define ALLOC_ALLOC_H

#include "alloc/gfp.h"
#include "alloc/rules.h"
#include "model/mem.h"

/* Errors of init, attach and the like, negative; the values are Linux's. */
enum { MM_ENOENT = -2, MM_ENOMEM = -12, MM_EBUSY = -16, MM_EINVAL = -22, MM_ERANGE = -34 };

/* Which kinds of request a kind serves (bit set). */
enum alloc_serves {
	SERVES_PAGES = 1 << 0,   /* page_ops */
	SERVES_FIXED = 1 << 1,   /* cache_ops: objects of one size per cache */
	SERVES_BYTES = 1 << 2,   /* bytes_ops: any size */
	SERVES_VIRTUAL = 1 << 3, /* map_ops */
	SERVES_STACK = 1 << 4,   /* stack_ops: push and mass free */
	SERVES_BOOT = 1 << 5,    /* boot_ops: the region manager */
	SERVES_TASKS = 1 << 6,   /* task_ops: kernel stacks */
	SERVES_PERCPU = 1 << 8,  /* percpu_ops: a copy for each CPU */
	SERVES_CMA = 1 << 7      /* cma_ops: contiguous ranges lent to others meanwhile */
};

/* Whose decisions a kind repeats where kernels differ; the machine description says. */
enum mm_rules { MM_RULES_TEXTBOOK, MM_RULES_LINUX_4_19, MM_RULES_LINUX_6 };

/* CMA: of pageblocks that a contiguous memory allocator lends to movable requests; none asks for it. */
enum migratetype {
	MIGRATE_UNMOVABLE,
	MIGRATE_MOVABLE,
	MIGRATE_RECLAIMABLE,
	MIGRATE_TYPES, /* those that requests name */
	MIGRATE_CMA = MIGRATE_TYPES,
	MIGRATE_LISTS /* those that free blocks are of */
};

/* What a page is for: the owner tag of a live block's descriptor. */
#define PAGE_OWNERS(X)                 \
	X(NONE, "unknown")             \
	X(USER, "user")                \
	X(KERNEL, "kernel data")       \
	X(CODE, "kernel code")         \
	X(CACHE, "page cache")         \
	X(SLAB, "slab")                \
	X(TABLE, "page table")         \
	X(OLD, "older than the recording") \
	X(CMA, "contiguous area")

enum page_owner {
#define X(NAME, word) PAGE_OWNER_##NAME,
	PAGE_OWNERS(X)
#undef X
	NR_PAGE_OWNERS
};

/* A request, as the replay states it; an allocator reads what concerns it. */
struct alloc_req {
	msize_t size;       /* bytes; for pages 0 */
	msize_t align;      /* bytes, a power of two; 0: the target's malloc alignment */
	uint32_t gfp;       /* GFP_ flags; 0 where the trace says nothing */
	uint32_t zone_mask; /* bit z: zone z may serve it (reachability, placement) */
	uint8_t migratetype;
	uint8_t node;
	uint8_t cpu;
	uint8_t owner;      /* enum page_owner, for the descriptor */
};

/* What was granted.  bytes == 0: nothing was, and `va` means nothing. */
struct grant {
	vaddr_t va;
	msize_t bytes; /* usable bytes, >= the request */
};

#define GRANT_NONE ((struct grant){VADDR_NONE, 0})

/* Returned by free operations for a pointer that is not a live block of this allocator. */
#define FREE_BAD ((msize_t)0)

/* ---- parameters ---- */

enum param_type {
	PARAM_UINT,  /* a plain number */
	PARAM_BYTES, /* a size: 64K, 0x100 */
	PARAM_BOOL,
	PARAM_ENUM, /* one of `choices`; the value is its index */
	PARAM_SIZES /* a list of sizes, ascending; the default is in `choices`, as "16 32 48" */
};

struct alloc_param {
	const char *name; /* YAML key, [a-z0-9_]+; NULL ends the table */
	enum param_type type;
	msize_t def, min, max;
	const char *choices; /* PARAM_ENUM, PARAM_SIZES: words separated by blanks */
	const char *help;    /* one line, with the unit */
};

struct param_value {
	msize_t u;             /* PARAM_UINT, _BYTES, _BOOL, _ENUM */
	const msize_t *list;   /* PARAM_SIZES; borrowed, lives as long as the run */
	unsigned nr;           /* entries of list */
};

/* ---- what an allocator is given ---- */

/* A contiguous range of one region, in the view's addresses. */
struct mm_range {
	vaddr_t base;
	msize_t bytes;
};

/*
 * Bytes of a region manager's table with room for `entries` ranges, memory and
 * reserved together; it keeps one entry for itself.
 */
#define BOOT_TABLE_BYTES(entries) (16u + 16u * (msize_t)(entries))
#define BOOT_TABLE_MIN            BOOT_TABLE_BYTES(8)

/* Frames [start, start + nr) of one region; blocks never cross its ends. */
struct pfn_range {
	pfn_t start;
	uint32_t nr;     /* frames; may be any number, and start may be odd */
	uint16_t region; /* index in the machine */
	uint16_t node;   /* NUMA node */
};

/*
 * What a zone is for, from the most precious on.  A request may be served by its own
 * type and those before it.
 */
enum zone_type { ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_HIGHMEM, ZONE_MOVABLE, ZONE_TYPES };

struct zone_desc {
	const char *name;
	const struct pfn_range *ranges; /* ascending */
	unsigned nr_ranges;
	/* The zone in whose ranges this one's descriptors are carved;
	 * DESC_OWN_RANGE: each range carries its own. */
	int desc_zone;
	enum zone_type type;
	unsigned node; /* all its ranges are of this NUMA node */
};

#define DESC_OWN_RANGE (-1)
#define MM_MAX_ZONES 16u

/*
 * A recorded state of a page allocator to begin from, instead of an empty machine.
 * Blocks and pages are ascending by pfn and lie in the zones' ranges; whatever they
 * leave of those is in use, by whom is not known.
 */
struct start_zone {
	uint32_t managed, min, low, high; /* pages */
};

struct start_block {
	pfn_t pfn;
	uint8_t order, mt;
};

/* A CPU's lists of a zone: pages on them, more than are named, and their limits. */
struct start_lists {
	uint8_t zone, cpu;
	uint32_t count, high, batch, high_min, high_max;
};

/* A block known to be on a CPU's list. */
struct start_listed {
	pfn_t pfn;
	uint8_t order, mt, cpu;
};

struct page_start {
	const struct start_zone *zones; /* one a zone */
	const struct start_block *blocks; /* free ones */
	const struct start_block *types; /* pageblocks that are not movable; order means nothing */
	const struct start_lists *lists;
	const struct start_listed *listed;
	const uint32_t *rank; /* indices of `listed`, head first for each list; NULL: as they stand */
	size_t nr_blocks, nr_types, nr_lists, nr_listed;
};

struct alloc;

/*
 * Where pages come from, for whoever is built on pages.  The only way to the
 * page allocator, so that failures can be injected and owners told apart.
 */
struct page_source {
	struct alloc *pages; /* offers page_ops */
	uint32_t zone_mask;  /* zones that may serve this taker; ANDed with the request's */
	unsigned page_shift;
	uint64_t held;       /* bytes taken and not given back */
	uint64_t calls;      /* requests made so far */
	uint32_t dma_zones;  /* those that GFP_DMA allows; 0: the machine tells none apart */
	uint64_t fail_at;    /* the request (counted from 1) that fails; 0: none */
	bool fail_on;        /* persistent: every one from fail_at on fails */
};

/*
 * Who gives pages back when the page allocator runs short: it calls ops->shrink of
 * each in turn before it refuses a request that may wait (gfp_may_reclaim), and tries
 * again after one that gave any.  Filled as they boot; the page allocator only reads it.
 */
#define MM_MAX_SHRINKERS 16u

struct shrinkers {
	struct alloc *of[MM_MAX_SHRINKERS]; /* kinds with ops->shrink; borrowed */
	unsigned nr;
	bool busy; /* while they are being called: a shrinker's own requests call no other */
};

/* A stretch of the physical address space and who holds it. */
struct mm_resource {
	uint64_t base, bytes;
	uint32_t owner; /* the asker's own number */
	bool busy;      /* held: nobody else may ask for any of it; else a bus or the like */
	unsigned depth; /* in the tree; of an answer only */
};

/* Paging formats: enum pte_format of model/pte.h. */
struct vm_layout {
	unsigned format;
	msize_t page_offset; /* of the direct map: va - pa */
	/* RAM that the direct map shows, physical, ascending, whole pages. */
	const struct mm_range *direct;
	unsigned nr_direct;
	uint32_t low_zones; /* zones that lie in the direct map: where tables and records may be */
	vaddr_t vmalloc_start, vmalloc_end; /* whole pages */
	vaddr_t pkmap_base;                 /* 0: the machine has no permanent kmaps */
	unsigned pkmap_pages;
	/* What the machine has at boot, ascending by base, a containing one first. */
	const struct mm_resource *resources;
	unsigned nr_resources;
	uint64_t last_address; /* of the physical address space */
	vaddr_t fixmap_top; /* 0: none; temporary kmaps lie below it, one page each */
};

struct alloc_env {
	struct mem *m;                    /* this allocator's view; borrowed for the run */
	const struct param_value *params; /* one a row of ops->params, in its order; borrowed */
	unsigned page_shift;              /* 10 = 1 KiB pages */
	unsigned desc_stride;             /* bytes a page descriptor occupies; 0: PAGE_DESC_BYTES */
	unsigned align;                   /* the target's malloc alignment, bytes, a power of two */
	unsigned cache_line;              /* bytes */
	unsigned cpus;
	unsigned nodes; /* NUMA nodes; 0 counts as 1 */
	enum mm_rules rules;
	/* BYTES, STACK, FIXED kinds: either a fixed arena ... */
	struct mm_range arena; /* bytes == 0: none, grow from pages */
	/* ... or pages. */
	struct page_source *pages; /* NULL with an arena */
	/* PAGES kinds. */
	bool cma; /* pageblocks may be lent by a CMA kind */
	bool plain_pages; /* no reserves, types and lists as a kernel has, unless parameters say so */
	const struct zone_desc *zones; /* in the machine's order, DMA first; borrowed for the run */
	unsigned nr_zones;
	const uint8_t *zonelist; /* nr_zones indices: the order in which zones are tried */
	const uint8_t *zonelists; /* the same for each node, nr_zones each; NULL: one for all */
	const uint16_t *node_cpus; /* CPUs of each node; NULL: as many of each; borrowed for the run */
	const uint8_t *cpu_node; /* of each CPU; NULL: the first share to node 0, and so on; borrowed */
	struct shrinkers *shrinkers; /* NULL: nobody gives back; borrowed for the run */
	const struct page_start *start; /* init only: begin from this state; NULL: all is free */
	/* Where descriptors and zone structures go instead of into the zones; bytes 0: nowhere else. */
	struct mm_range desc_place;
	struct alloc *boot;      /* offers boot_ops: gives the ranges and carves */
	/* SERVES_BOOT: the table's place, at least BOOT_TABLE_MIN bytes, a multiple of 8. */
	struct mm_range boot_table;
	/* VIRTUAL and TASKS kinds on a machine with an MMU; NULL without. */
	const struct vm_layout *vm;
	struct alloc *space; /* the kernel's address space (kind vmalloc), for kinds built on it */
	/* attach only: a->root as init left it. */
	vaddr_t root;
};

/* ---- what an allocator shows ---- */

struct walk_span {
	vaddr_t base;
	msize_t bytes;
	/* Live blocks are MM_GRANTED; the replay knows their requests.  A kind that keeps no
	 * header for each (stack) shows several that lie side by side as one span. */
	enum mm_class class;
	const char *what;    /* "chunk header", "free chunk", "page descriptors": a literal */
	uint64_t detail;     /* order, class index, object index: see what */
};

typedef void walk_fn(void *ctx, const struct walk_span *s);

/* The first violated invariant.  Zeroed by the caller. */
struct check_report {
	const char *invariant; /* "I3: a free chunk's neighbours are in use"; NULL: none violated */
	vaddr_t where;         /* the record that shows it */
	uint64_t found, expected;
};

/* Records a violation (the first one stays) and returns MM_EINVAL. */
static inline int check_fail(struct check_report *r, const char *invariant, vaddr_t where,
			     uint64_t found, uint64_t expected)
{
	if (r->invariant == NULL)
		*r = (struct check_report){invariant, where, found, expected};
	return MM_EINVAL;
}

/* ---- facets: NULL in alloc_ops means "not offered" ---- */

struct zone_figures {
	const char *name;
	uint64_t managed;   /* pages given to the allocator */
	uint64_t free;      /* pages in its free lists */
	uint64_t min, low, high; /* watermarks, pages; 0 without */
	uint64_t fallbacks; /* requests served here that preferred another zone */
	/* Kinds with migrate types, per-CPU lists and reserves; 0 without. */
	uint64_t listed;         /* pages on the CPUs' lists */
	uint64_t claims, steals; /* pageblocks taken over, blocks taken, by another migrate type */
	uint64_t reclaimed;      /* pages that shrinkers gave back when this zone ran short */
	uint64_t reserve[ZONE_TYPES]; /* pages kept from requests that a zone of that type could serve */
};

/* One CPU's lists of a zone. */
struct zone_lists {
	uint64_t count, high, batch, high_min, high_max; /* pages */
};

/* A stretch of frames of one range, with where their descriptors lie: geometry only. */
struct page_frames {
	pfn_t start;
	uint32_t nr;   /* frames; 0: none */
	vaddr_t descs; /* of the first; the others follow at `stride` */
	uint32_t stride, node;
};

/*
 * Told of each block that claim_range moves out of a range, its contents copied: the
 * owner's addresses are to change from `from` to `to`.  false: the block is pinned, and
 * stays where it is.
 */
struct page_mover {
	bool (*move)(void *ctx, pfn_t from, pfn_t to, unsigned order);
	void *ctx;
	uint64_t moved; /* pages so far */
};

/* Orders are inclusive: 0 ... max_order. */
struct page_ops {
	/* PFN_NONE: no zone of req->zone_mask has 2^order contiguous pages.
	 * Ledger: 2^order pages MM_FREE -> MM_CACHED. */
	pfn_t (*alloc_pages)(struct alloc *a, unsigned order, const struct alloc_req *req);
	/* 0, or MM_EINVAL: not the first page of a live block of this order (nothing changed).
	 * Ledger: MM_CACHED -> MM_FREE. */
	int (*free_pages)(struct alloc *a, pfn_t pfn, unsigned order) MUST_USE;
	/* Order of the live block that begins at pfn, or -1. */
	int (*block_order)(const struct alloc *a, pfn_t pfn);
	/* Address of pfn's descriptor, VADDR_NONE where there is none. */
	vaddr_t (*descriptor)(const struct alloc *a, pfn_t pfn);
	/* The stretch with descriptors that holds pfn, or the next one above it. */
	struct page_frames (*frames)(const struct alloc *a, pfn_t pfn);
	unsigned (*max_order)(const struct alloc *a);
	/* Free blocks of `order` in zone z, all migrate types; reads the image. */
	uint64_t (*nr_free)(const struct alloc *a, unsigned z, unsigned order);
	void (*zone)(const struct alloc *a, unsigned z, struct zone_figures *out);

	/* ---- what not every kind offers: NULL ---- */

	/* CPU's lists of zone z; false: it has none. */
	bool (*lists)(const struct alloc *a, unsigned z, unsigned cpu, struct zone_lists *out);
	/* Free blocks of one migrate type. */
	uint64_t (*nr_free_type)(const struct alloc *a, unsigned z, unsigned order, unsigned mt);
	/* Pageblocks of each migrate type in zone z; returns their order, 0: there are none. */
	unsigned (*pageblocks)(const struct alloc *a, unsigned z, uint64_t out[MIGRATE_LISTS]);
	/* alloc_pages and free_pages of zone z below watermarks and per-CPU lists, as when a
	 * recording says that its kernel refilled or drained a list. */
	pfn_t (*take_block)(struct alloc *a, unsigned z, unsigned order, const struct alloc_req *req);
	int (*give_block)(struct alloc *a, pfn_t pfn, unsigned order) MUST_USE;
	/* The live block at pfn becomes two halves.  MM_EINVAL: there is none of that order. */
	int (*split_block)(struct alloc *a, pfn_t pfn, unsigned order) MUST_USE;
	/* Pages of a recorded state that belong to nobody known become a live block.  Ledger:
	 * MM_RESERVED -> MM_CACHED.  MM_EINVAL: they are not all such pages. */
	int (*adopt_block)(struct alloc *a, pfn_t pfn, unsigned order) MUST_USE;
	/* Pages in live blocks, by what they are for: enum page_owner.  O(blocks). */
	void (*owners)(const struct alloc *a, uint64_t pages[NR_PAGE_OWNERS]);
	/* `pages` free pages in a row, a multiple of the largest block, become CMA pageblocks of a
	 * zone in zone_mask; PFN_NONE: there are none, or the kind has no migrate types. */
	pfn_t (*lend_range)(struct alloc *a, uint32_t pages, uint32_t zone_mask);
	/* Pages of a CMA range are taken back, movable blocks in it moved.  Ledger: MM_FREE ->
	 * MM_CACHED.  MM_EBUSY: something in it cannot be moved; MM_ENOMEM: there is no room
	 * elsewhere; in both cases what was moved stays moved, the rest is unchanged. */
	int (*claim_range)(struct alloc *a, pfn_t pfn, uint32_t nr, struct page_mover *mover) MUST_USE;
	/* And lent again.  Ledger: MM_CACHED -> MM_FREE.  MM_EINVAL: it was not claimed so. */
	int (*release_range)(struct alloc *a, pfn_t pfn, uint32_t nr) MUST_USE;
};

/* ---- plain requests in bulk ---- */

/*
 * malloc or free of the block that entry `name` of the caller's table stands for.
 * Nothing else is asked: default alignment, any zone.
 */
struct plain_req {
	uint64_t size; /* bytes, at most PLAIN_SIZE_MAX, or one of the meanings below */
	uint32_t name;
	uint32_t note; /* the lowest PLAIN_SITE_BITS: PLAIN_SITE_MAX at most, kept with the block */
};

#define PLAIN_FREE     UINT64_MAX       /* the block is given back */
#define PLAIN_NOTHING  (UINT64_MAX - 1) /* counts as done: free(NULL) */
#define PLAIN_OTHER    (UINT64_MAX - 2) /* not plain */
#define PLAIN_GIVE_PAGES (UINT64_MAX - 3) /* the block of pages is given back */
/* 2^order pages of a migrate type, on CPU 0 of node 0, without flags: this, type << 8 and order. */
#define PLAIN_PAGES    (1ull << 62)
#define PLAIN_SIZE_MAX ((1ull << 40) - 1)

/*
 * A kernel's requests: bits 0-22 the bytes, or of caches the entry that the cache is;
 * 23-30 the CPU, 31-58 the GFP_ flags, 59-60 enum plain_kernel.
 */
#define PLAIN_KERNEL      (1ull << 61)
#define PLAIN_KERNEL_MAX  ((1u << 23) - 1)
#define PLAIN_KERNEL_GFP  ((1u << 28) - 1)

enum plain_kernel { PLAIN_KMALLOC, PLAIN_KFREE, PLAIN_CACHE_ALLOC, PLAIN_CACHE_FREE };

static inline bool plain_is_kernel(uint64_t size)
{
	return size >> 61 == 1;
}

static inline enum plain_kernel plain_kernel_what(uint64_t size)
{
	return (enum plain_kernel)(size >> 59 & 3);
}

static inline uint32_t plain_kernel_gfp(uint64_t size)
{
	return (uint32_t)(size >> 31) & PLAIN_KERNEL_GFP;
}

static inline unsigned plain_kernel_cpu(uint64_t size)
{
	return size >> 23 & 0xff;
}

#define PLAIN_SITE_BITS 24u
#define PLAIN_SITE_MAX  ((1u << 23) - 1)
#define PLAIN_SORTS     16u        /* bits above, less than this: counted apart; 0: not */
#define PLAIN_ZERO      (1u << 31) /* the block's `size` bytes are zeroed; its sort is not 0 */

/*
 * An entry of the caller's table of live blocks; place 0: dead.
 *   place  bits 0-47 physical address, 48-63 the caller's
 *   what   bits 0-39 requested bytes, 40-63 the site of the note, or what the caller keeps
 *   born   bits 0-31 of the request's number: a call passes no multiple of 2^32
 * 20 bytes, packed: there are as many as objects live at once.
 */
struct live {
	uint64_t place, what;
	uint32_t born;
} __attribute__((packed, aligned(4)));

_Static_assert(sizeof(struct live) == 20, "the live table's memory is promised");

/* What the caller keeps for a site and 24 bits more, as it said last. */
struct live_kept {
	uint32_t site, more, bits;
};

#define LIVE_KEPT 512u /* a power of two */

static inline unsigned live_kept_at(uint32_t site, uint32_t more)
{
	return (site ^ more * 0x9e3779b1u >> 20) % LIVE_KEPT;
}

/* Live blocks from which on their entries and headers are worth asking for ahead of time. */
#define BULK_COLD 8192u

/*
 * A caller's account of one heap, moved on by bytes_ops.bulk as single calls of malloc
 * and free would have it moved.  The hooks are called when it is up to date, and may
 * change it.
 */
struct bulk {
	struct live *table;
	uint64_t place;      /* bits 48-63 of this heap's live blocks */
	uint64_t number;     /* of the last request done; in a hook, of the one being done */
	uint64_t *clock;     /* has the number where more than the short way is taken, and at the end */
	uint64_t live_bytes;
	uint64_t mallocs, frees, requested; /* done, and bytes asked for, in this call */
	uint64_t sorts[PLAIN_SORTS];        /* mallocs by their sorts, in this call */
	uint64_t end;        /* physical address; a block that ends further is told to at_end */
	uint64_t held;       /* bytes that all the caller's heaps have taken, times 65536 */
	uint64_t ratio;      /* sum over requests of held / live_bytes, where there are any */
	uint64_t idle;       /* requests after which nothing was live */
	bool cold;           /* what is live is too much for the host's caches */
	int64_t peak;        /* a free at more live bytes than these is preceded by at_peak */
	uint64_t peak_held;  /* of pages also one at more held than this */
	void (*at_peak)(struct bulk *b);                /* sets peak */
	void (*past_peak)(struct bulk *b);              /* live bytes beyond peak are the request before's */
	/* A block ends further; or, with begin = end = 0, a layer that grows from pages went
	 * more than the short way: sets end and held. */
	void (*at_end)(struct bulk *b, uint64_t begin, uint64_t end);

	/* ---- a kernel's requests ---- */

	uint32_t entries;    /* of the table */
	uint64_t caches;     /* bits 48-63 of this layer's caches; `what` is their objects' size */
	const struct live_kept *kept; /* LIVE_KEPT of them, by live_kept_at */
	uint32_t (*keep)(struct bulk *b, uint32_t site, uint32_t more); /* for one not among them */
	uint32_t *cpu;       /* has the CPU where more than the short way is taken */
	/* What a request that takes more than the short way says beside its size. */
	struct alloc_req (*state)(struct bulk *b, const struct plain_req *q);
};

/* Why a bulk operation came back. */
enum bulk_stop {
	BULK_DONE,    /* all requests are done */
	BULK_OTHER,   /* before a request that is not plain, or names no block of this heap */
	BULK_REFUSED, /* in a malloc that found nothing: the caller counts and explains it */
	BULK_BAD_FREE /* in a free whose block this allocator does not know */
};

struct bytes_ops {
	/* Ledger: the granted bytes MM_CACHED -> MM_GRANTED; headers to MM_METADATA. */
	struct grant (*malloc)(struct alloc *a, const struct alloc_req *req);
	/* The granted bytes given back (MM_GRANTED -> MM_CACHED), or FREE_BAD, nothing changed. */
	msize_t (*free)(struct alloc *a, vaddr_t p);
	/* In place only: the new grant with the same va, or GRANT_NONE and nothing changed.
	 * NULL: this kind never resizes in place.  Ledger: the difference only. */
	struct grant (*resize)(struct alloc *a, vaddr_t p, const struct alloc_req *req);
	/* Granted bytes of a live block; undefined for other addresses. */
	msize_t (*usable)(const struct alloc *a, vaddr_t p);
	/* Largest request (bytes, default alignment) that a fresh arena of `bytes` could ever
	 * serve, or that growth allows: beyond it the cause is "limit". */
	msize_t (*largest_request)(const struct alloc *a);
	/* Optional: n plain requests, with the results that single calls would have; in an arena,
	 * in the fast port only, with nobody listening to events.  *done of them are done; the one that
	 * was refused or bad is not counted.  Ledger: as single calls, and granted bytes are
	 * split into MM_PAYLOAD and MM_ROUNDING. */
	enum bulk_stop (*bulk)(struct alloc *a, struct bulk *b, const struct plain_req *req,
			       size_t n, size_t *done);
	/* Optional: what walk shows at p, the first byte of a live or free chunk, and where the
	 * next chunk's first byte is; bytes 0: p is behind the segment's last one.  O(1). */
	vaddr_t (*chunk)(const struct alloc *a, vaddr_t p, struct walk_span *out);
};

/* Flags of a cache: Linux 6's values, and one of our own. */
enum slab_flags {
	SLAB_RED_ZONE = 0x400,       /* guard bytes around each object, looked at */
	SLAB_POISON = 0x800,         /* free objects are filled, and looked at */
	SLAB_KMALLOC = 0x1000,       /* one of kmalloc's */
	SLAB_HWCACHE_ALIGN = 0x2000, /* objects begin at cache lines, or halves of them */
	SLAB_CACHE_DMA = 0x4000,     /* from zones that GFP_DMA allows */
	SLAB_TYPESAFE_BY_RCU = 0x80000,
	SLAB_CTOR = 0x40000000       /* objects are constructed: their bytes stay when free */
};

struct cache_req {
	const char *name; /* borrowed; for reports */
	msize_t size, align;
	uint32_t flags; /* enum slab_flags; kinds without an option ignore its flag */
};

struct cache_figures {
	msize_t object_size, slab_size; /* an object's bytes with what goes with it; a slab's */
	uint64_t objects_per_slab, pages_per_slab, active_objects, total_objects, slabs;
	/* Kinds that list their caches (next): */
	msize_t request_size; /* as created */
	uint32_t flags;       /* enum slab_flags */
	uint64_t partial;     /* slabs on the nodes' partial lists */
	uint64_t cpu_slabs;   /* slabs held for CPUs */
	uint64_t at_hand;     /* free objects that a kernel's slabinfo counts as active: CPUs' own */
	uint64_t free_slabs;  /* slabs that are known to be empty */
	bool internal;        /* of the slab layer's own descriptors; see what */
	const char *what;     /* its own name for the cache; NULL: the creator's */
	uint32_t limit, batch; /* per-CPU array; 0: none */
	uint32_t shared;       /* limit of a node's shared array, batches; 0: none */
	uint64_t shared_avail; /* free objects in these */
};

#define CACHE_NONE UINT32_MAX

/* One slab. */
struct slab_figures {
	uint32_t cache;           /* its number */
	uint32_t objects, in_use; /* in_use: objects in a CPU's list count as well */
	vaddr_t base;
	msize_t bytes;
	vaddr_t free;     /* first of its own list of free objects */
	msize_t link;     /* where in a free object the address of the next one is */
	unsigned cpu;     /* whose slab it is; CPU_NONE: nobody's */
	vaddr_t cpu_free; /* first of that CPU's list */
};

#define CPU_NONE UINT32_MAX

struct cache_ops {
	/* Number of the new cache, or CACHE_NONE (no memory, or size out of range). */
	uint32_t (*create)(struct alloc *a, const struct cache_req *req);
	struct grant (*alloc)(struct alloc *a, uint32_t cache, const struct alloc_req *req);
	msize_t (*free)(struct alloc *a, uint32_t cache, vaddr_t p); /* as bytes_ops.free */
	uint64_t (*shrink)(struct alloc *a, uint32_t cache);         /* pages given back */
	int (*destroy)(struct alloc *a, uint32_t cache) MUST_USE;    /* MM_EBUSY: objects live */
	void (*figures)(const struct alloc *a, uint32_t cache, struct cache_figures *out);
	/* The cache made after `cache`, CACHE_NONE: the first; CACHE_NONE at the end.  NULL: the
	 * kind has only caches that were asked for. */
	uint32_t (*next)(const struct alloc *a, uint32_t cache);
	/* Optional: the slab in whose first page p lies; false: in none. */
	bool (*slab)(const struct alloc *a, vaddr_t p, struct slab_figures *out);
};

/*
 * Who keeps the ledger of a pool's blocks is told of each: `taken`, the pool has it now, granted for
 * `asked` bytes; or not, and it is about to be freed or is its taker's.  No ledger beside what
 * the kind below does.
 */
typedef void pool_block_fn(void *ctx, vaddr_t va, msize_t asked, msize_t granted, bool taken);
struct pool_blocks {
	pool_block_fn *fn;
	void *ctx;
};

#define POOL_MOST 65536u /* elements of a pool's reserve */

/* Pools of elements in reserve, over the same kind's bytes_ops.  A pool is named by its head. */
struct pool_ops {
	/* min elements of req->size bytes; VADDR_NONE (all ones in the instance's word): no
	 * memory, or min 0 or more than POOL_MOST; then all that was taken is given back. */
	vaddr_t (*create)(struct alloc *a, msize_t min, const struct alloc_req *req,
			  const struct pool_blocks *b);
	/* req->size is not looked at. */
	struct grant (*alloc)(struct alloc *a, vaddr_t pool, const struct alloc_req *req,
			      const struct pool_blocks *b);
	/* Granted bytes of the element, which the pool may keep; FREE_BAD: nothing changed. */
	msize_t (*free)(struct alloc *a, vaddr_t pool, vaddr_t p, const struct pool_blocks *b);
	void (*destroy)(struct alloc *a, vaddr_t pool, const struct pool_blocks *b);
	/* Bytes of an element, as asked for; elements in reserve. */
	msize_t (*element_bytes)(const struct alloc *a, vaddr_t pool);
	uint32_t (*reserve)(const struct alloc *a, vaddr_t pool);
	/* Tells of all blocks that the pool has. */
	void (*each)(const struct alloc *a, vaddr_t pool, const struct pool_blocks *b);
	int (*check)(const struct alloc *a, vaddr_t pool, struct check_report *r) MUST_USE;
};

/* Areas with a copy for each CPU at the same distance. */
struct percpu_ops {
	/* The first CPU's copy; the grant's bytes are those of all copies.  Ledger: these,
	 * MM_CACHED -> MM_GRANTED; all copies lie in one region. */
	struct grant (*alloc)(struct alloc *a, const struct alloc_req *req);
	msize_t (*free)(struct alloc *a, vaddr_t p); /* as bytes_ops.free */
	vaddr_t (*address)(const struct alloc *a, vaddr_t p, unsigned cpu); /* of cpu's copy */
	unsigned (*cpus)(const struct alloc *a);
	msize_t (*largest_request)(const struct alloc *a);
};

struct stack_ops {
	struct grant (*push)(struct alloc *a, const struct alloc_req *req);
	msize_t (*free_all)(struct alloc *a); /* granted bytes given back (to MM_CACHED), may be 0 */
};

/* What became of a stack operation. */
enum stack_result {
	STACK_FITS,
	STACK_OVERRUN, /* done: the frame reaches below the usable bytes, and nothing noticed */
	STACK_GUARDED, /* not done: an unmapped page lies below, nothing was written */
	STACK_SMASHED, /* not done: the frame to return through was overwritten */
	STACK_TOO_MUCH, /* not done: more is popped than was pushed */
	STACK_BUSY /* not done: no such stack, no interrupt to leave, or too many in each other */
};

/* Where a stack operation ended. */
struct stack_move {
	vaddr_t base, sp;   /* of the stack it took place on: lowest byte, stack pointer */
	msize_t bytes;      /* of that stack; 0: there was none */
	bool of_task;       /* else a CPU's */
	vaddr_t lowest;     /* OVERRUN, GUARDED: first byte of the frame; else sp */
	msize_t over_info;  /* OVERRUN: bytes of thread_info and end mark written over */
	msize_t below;      /* OVERRUN, GUARDED: bytes of the frame beneath the stack */
	bool irq;           /* an interrupt stack */
	bool end_gone;      /* the end mark was found overwritten, for the first time */
};

struct task_figures {
	uint64_t tasks, bytes; /* live ones, and of their stacks */
	uint64_t cpu_stacks, cpu_bytes; /* of idle tasks and interrupts */
	msize_t usable; /* of a stack of the default size: above thread_info and end mark */
	bool guarded; /* an unmapped page lies below each task's stack */
	bool irq_stacks; /* interrupts have stacks of their own */
};

/*
 * Kernel stacks: one a task, growing down; `stack` is its lowest byte.  A CPU runs the
 * task last named on it; while it is in an interrupt, frames are the handler's.
 */
struct task_ops {
	/* bytes 0: the kind's default.  Ledger: whole pages -> MM_GRANTED, of `held_by`. */
	struct grant (*create)(struct alloc *a, msize_t bytes, const struct alloc_req *req);
	/* The granted bytes, or FREE_BAD: no such stack.  A CPU that runs it in an interrupt leaves
	 * that, with a warning. */
	msize_t (*exit)(struct alloc *a, vaddr_t stack);
	enum stack_result (*push)(struct alloc *a, vaddr_t stack, msize_t bytes, unsigned cpu,
				  struct stack_move *out);
	enum stack_result (*pop)(struct alloc *a, vaddr_t stack, msize_t bytes, unsigned cpu,
				 struct stack_move *out);
	enum stack_result (*irq_enter)(struct alloc *a, unsigned cpu, struct stack_move *out);
	enum stack_result (*irq_exit)(struct alloc *a, unsigned cpu, struct stack_move *out);
	/* Where a push would begin, bytes 0: no such stack; `where` for the task on that CPU,
	 * `where_irq` for an interrupt. */
	struct stack_move (*where)(const struct alloc *a, vaddr_t stack, unsigned cpu);
	struct stack_move (*where_irq)(const struct alloc *a, unsigned cpu);
	/* In whose account granted stacks are. */
	struct alloc *(*held_by)(struct alloc *a);
	void (*figures)(const struct alloc *a, struct task_figures *out);
};

struct cma_figures {
	pfn_t start;
	uint64_t pages, claimed; /* of the area; taken back and held */
	uint64_t largest;        /* pages in a row that nobody has claimed */
};

/* A range that is lent to movable users until it is asked for. */
struct cma_ops {
	/* `bytes` in whole pages, physically contiguous, at a multiple of `align`.  GRANT_NONE:
	 * LIMIT, more than the area; CONFLICT, what lies there cannot be moved; none: no range is
	 * long enough, or no page to move to.  Ledger: pages -> MM_GRANTED. */
	struct grant (*alloc)(struct alloc *a, msize_t bytes, msize_t align,
			      struct page_mover *mover);
	/* Bytes given back, or FREE_BAD. */
	msize_t (*release)(struct alloc *a, vaddr_t va, msize_t bytes);
	void (*figures)(const struct alloc *a, struct cma_figures *out);
};

/* The region manager's facet; ranges are physical, in the linear view. */
struct boot_ops {
	/* Each call is one region; touching ranges stay apart.  MM_EINVAL: empty or overlapping,
	 * MM_ENOMEM: the table is full. */
	int (*add)(struct alloc *a, vaddr_t base, msize_t bytes) MUST_USE;
	/* MM_ENOMEM: the table is full.  Ledger: nothing moves, the caller knows whose they are. */
	int (*reserve)(struct alloc *a, vaddr_t base, msize_t bytes) MUST_USE;
	/* Lowest (or highest, if top) fit within [lo, hi); VADDR_NONE if there is none, which is
	 * all ones in the instance's word: callers of any instance look at the low 32 bits.
	 * Reserves it.  Ledger: MM_UNMANAGED -> MM_CACHED, from where the taker takes it over
	 * with mm_transfer(boot->m, m, va, bytes, MM_CACHED). */
	vaddr_t (*carve)(struct alloc *a, msize_t bytes, msize_t align, vaddr_t lo, vaddr_t hi,
			 bool top);
	/* The next unreserved range at or after `from`: true and *out, or false. */
	bool (*next_free)(const struct alloc *a, vaddr_t from, struct mm_range *out);
};

/* What is to be mapped; also the numbers of map_ops.types. */
enum map_type {
	MAP_VMALLOC,     /* pages of the kind's own, seen as one range */
	MAP_IOREMAP,     /* device memory */
	MAP_KMAP,        /* one page, for as long as needed */
	MAP_KMAP_ATOMIC, /* one page, in a slot of the CPU */
	MAP_NR_TYPES
};

struct map_req {
	enum map_type type;
	msize_t size;   /* bytes */
	paddr_t pa;     /* of what is to be seen; VMALLOC: not used */
	uint32_t slot;  /* KMAP_ATOMIC: which of the CPU's */
	uint32_t owner; /* of a resource: the asker's own number, told to those it conflicts with */
	struct alloc_req pages; /* VMALLOC: how to ask for pages */
};

/* One stretch of a window. */
struct map_area {
	vaddr_t base;
	msize_t bytes;  /* all of it, guard included */
	msize_t mapped; /* bytes with something behind them */
	paddr_t pa;     /* MAP_IOREMAP, MAP_KMAP*: of base */
	enum map_type type;
	enum { MAP_FREE, MAP_LIVE, MAP_LAZY } state; /* lazy: unmapped, perhaps still in a TLB */
};

struct map_window {
	const char *name; /* "vmalloc", "pkmap", ... */
	vaddr_t start;
	msize_t bytes, used, lazy, free, largest; /* used: guards included; largest hole */
	uint64_t areas; /* live ones */
};

/* Page tables, and the direct map in them. */
struct map_tables {
	paddr_t top; /* what the processor's CR3 names */
	uint64_t pages; /* tables, one page each */
	uint64_t direct_small, direct_large; /* leaves of the direct map */
	msize_t large_bytes; /* of a large page */
};

struct map_ops {
	unsigned types; /* bit set of 1 << enum map_type */
	/* The address and the usable bytes, or GRANT_NONE.  VMALLOC: the pages go
	 * MM_CACHED -> MM_GRANTED; the others hold nothing but records and tables. */
	struct grant (*map)(struct alloc *a, const struct map_req *req);
	/* Bytes that were usable, or FREE_BAD: nothing is mapped at va, nothing changed. */
	msize_t (*unmap)(struct alloc *a, vaddr_t va, const struct map_req *req);
	/* The page at va, as the kind's own tables say; PFN_NONE. */
	pfn_t (*page)(const struct alloc *a, vaddr_t va);
	/* The stretch that holds va or begins next above it; false: there is none. */
	bool (*next)(const struct alloc *a, vaddr_t va, struct map_area *out);
	/* The kind's i-th window; false: it has fewer. */
	bool (*window)(const struct alloc *a, unsigned i, struct map_window *out);
	/* NULL: the kind has no tables of its own. */
	void (*tables)(const struct alloc *a, struct map_tables *out);
};

/* The tree of resources: who holds which physical addresses. */
struct resource_ops {
	/* Holds [base, base + bytes) for `owner`.  0; MM_EBUSY: *conflict has some of it, nothing
	 * changed; MM_EINVAL: no such addresses; MM_ENOMEM. */
	int (*request)(struct alloc *a, const struct mm_resource *want,
		       struct mm_resource *conflict);
	/* MM_EINVAL: it was not requested with these bounds. */
	int (*release)(struct alloc *a, uint64_t base, uint64_t bytes) MUST_USE;
	/* Each but the root, parents first, ascending. */
	void (*each)(const struct alloc *a, void (*fn)(void *ctx, const struct mm_resource *x),
		     void *ctx);
};

struct alloc_ops {
	const char *name;    /* YAML key, [a-z0-9_]+ */
	const char *summary; /* one line for lists */
	const char *unit;    /* what walk reports: "page", "object", "chunk" */
	unsigned serves;     /* SERVES_ bit set */
	const struct alloc_param *params;
	size_t handle_bytes; /* of the host handle, which begins with struct alloc */
	unsigned arena_align; /* bytes: an arena had better begin at a multiple of it; 0: anywhere */
	unsigned desc_bytes; /* of a page descriptor that it needs as a taker; 0: PAGE_DESC_BYTES */

	/* Formats memory.  0 or MM_E...: MM_ENOMEM the arena is too small or pages ran out,
	 * MM_EINVAL a parameter contradicts another, MM_ENOENT it is made of pages and has no
	 * page source.  Sets a->root. */
	int (*init)(struct alloc *a, const struct alloc_env *env) MUST_USE;
	/* Adopts formatted memory: fills the handle from env and the image; stores nothing. */
	int (*attach)(struct alloc *a, const struct alloc_env *env) MUST_USE;
	/* Every sub-range this allocator holds, each byte once; ascending within a segment. */
	void (*walk)(const struct alloc *a, walk_fn *fn, void *ctx);
	/* Every invariant; 0, or MM_EINVAL with the first violation in *r. */
	int (*check)(const struct alloc *a, struct check_report *r) MUST_USE;
	/*
	 * Memory is short: gives back to the page source what holds no live object, up to
	 * `pages` of them or one more slab; returns the pages given back.  Called in the
	 * middle of a request to the page allocator, which may be one of this allocator's
	 * own: its lists must be in order whenever it asks for pages.  NULL: nothing to give.
	 */
	uint64_t (*shrink)(struct alloc *a, uint64_t pages);
	/* The only clock; NULL: not wanted. */
	void (*tick)(struct alloc *a, unsigned cpu, uint64_t ms);

	const struct page_ops *pages;
	/* Optional: as bytes_ops.bulk, of plain requests for pages. */
	enum bulk_stop (*pages_bulk)(struct alloc *a, struct bulk *b, const struct plain_req *req,
				     size_t n, size_t *done);
	/* Optional: the same of a kernel's, in kinds with bytes and caches that grow from pages. */
	enum bulk_stop (*kernel_bulk)(struct alloc *a, struct bulk *b, const struct plain_req *req,
				      size_t n, size_t *done);
	const struct bytes_ops *bytes;
	const struct cache_ops *caches;
	const struct pool_ops *pools; /* beside bytes */
	const struct percpu_ops *percpu;
	const struct map_ops *maps;
	const struct resource_ops *resources;
	const struct stack_ops *stack;
	const struct task_ops *tasks;
	const struct cma_ops *cma;
	const struct boot_ops *boot;
};

/* Base of every handle. */
struct alloc {
	const struct alloc_ops *ops;
	struct mem *m;
	vaddr_t root; /* where its first metadata lie; set by init */
};

/* Sets the base; first thing in every init and attach. */
static inline void alloc_base(struct alloc *a, const struct alloc_ops *ops,
			      const struct alloc_env *env)
{
	a->ops = ops;
	a->m = env->m;
	a->root = env->root;
}

/* One compiled instance of all kinds: a port and a word size. */
struct alloc_instance {
	const char *port;  /* "fast", "checked" */
	unsigned word;     /* bytes: 4 or 8 */
	const struct alloc_ops *const *kinds;
	unsigned nr_kinds;
	const struct rules_ops *rules; /* what kinds compute from sizes alone */
};

extern const struct alloc_instance alloc_fast4, alloc_fast8, alloc_checked4, alloc_checked8;

#endif
