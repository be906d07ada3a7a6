/*
 * kmem: the handle that the slab layers share, and what they do with blocks of pages:
 * from an address to its block, from block to block, and blocks for kmalloc.
 */
#ifndef ALLOC_KMEM_PAGES_H
#define ALLOC_KMEM_PAGES_H

#include "alloc/kmem.h"
#include "alloc/kmem_classes.h"
#include "alloc/kmem_debug.h"
#include "alloc/kmem_layout.h"

/* The handle: geometry only. */
struct kmem {
	struct alloc base;
	struct page_source *pages;
	struct page_frames hot; /* looked up last */
	struct kmem_rules rules;
	uint32_t cpus, nodes;
	const uint8_t *cpu_node; /* of each CPU; NULL: equal shares */
	uint32_t debug; /* flags that every cache but the layer's own gets */
	uint32_t layer; /* what its pages' descriptors say */
	uint8_t page_shift;
	uint8_t line_shift; /* log2 of the unit of cache numbers */
	vaddr_t caches; /* descriptor of "kmem_cache", the first of the ring */
	vaddr_t node_cache; /* slub: of "kmem_cache_node", the second */
	struct kmalloc_classes classes;
};

/* A slab or a large block, looked up. */
struct kmem_block {
	pfn_t pfn; /* of its head */
	struct mm_rec desc;
};

/* Rows that the parameter tables of all layers begin with. */
enum { KMEM_RED_ZONE_PARAM, KMEM_POISON_PARAM, KMEM_OTHER_PARAMS };

/*
 * Fills what all layers need from env; rules but for what decides SLUB's orders.  MM_ENOENT:
 * no pages; MM_EINVAL: pages or descriptors too small.
 */
int kmem_read_env(struct kmem *s, const struct alloc_env *env) MUST_USE;

/* The descriptor of a frame, which exists: mm_bug otherwise. */
vaddr_t kmem_desc_slow(const struct kmem *s, pfn_t pfn);

static inline vaddr_t kmem_desc(const struct kmem *s, pfn_t pfn)
{
	if (mm_likely(pfn.v - s->hot.start.v < s->hot.nr))
		return vaddr_add(s->hot.descs, (msize_t)(pfn.v - s->hot.start.v) * s->hot.stride);
	return kmem_desc_slow(s, pfn);
}

/* Makes the stretch of pfn the hot one; false: pfn has no descriptor. */
bool kmem_warm(struct kmem *s, pfn_t pfn);

/* The block of this layer that p lies in; pfn PFN_NONE: none. O(log of the block's pages). */
static inline struct kmem_block kmem_find_block(struct kmem *s, vaddr_t p)
{
	struct mem *m = s->base.m;
	struct kmem_block x = {.pfn = va_to_pfn(m, p, s->page_shift)};
	pfn_t at = x.pfn;
	uint32_t word;

	if (mm_unlikely(at.v - s->hot.start.v >= s->hot.nr) && !kmem_warm(s, at))
		return (struct kmem_block){.pfn = PFN_NONE};
	x.desc = mem_rec(m, kmem_desc(s, at));
	word = rec_ld16(x.desc, PAGE_OFF_ORDER);
	/* Blocks are aligned to their size: their head's number has fewer bits. */
	while (mm_unlikely(word >> 8 == PAGE_TAIL) && (at.v & (at.v - 1)) >= s->hot.start.v &&
	       at.v != 0) {
		at.v &= at.v - 1;
		x.desc = mem_rec(m, kmem_desc(s, at));
		word = rec_ld16(x.desc, PAGE_OFF_ORDER);
	}
	if (mm_unlikely(word >> 8 != (PAGE_LIVE | PAGE_TAKEN) ||
			(x.pfn.v - at.v) >> (word & 0xff) != 0 ||
			rec_ld32(x.desc, DESC_LAYER) != s->layer))
		return (struct kmem_block){.pfn = PFN_NONE};
	x.pfn = at;
	return x;
}

struct kmem_block kmem_block_of(struct kmem *s, vaddr_t p);

/* Node of a frame's memory: below s->nodes. */
unsigned kmem_node(const struct kmem *s, pfn_t pfn);

/* The blocks of this layer by ascending frames, from *at on, which moves on. */
bool kmem_next_block(const struct kmem *s, pfn_t *at, struct kmem_block *out);

/* ---- blocks of pages for kmalloc; with the ledger ---- */

struct grant kmem_large_alloc(struct kmem *s, msize_t size, const struct alloc_req *req);
msize_t kmem_large_free(struct kmem *s, struct kmem_block x, vaddr_t p);

/* The largest request that kmalloc can serve, bytes. */
msize_t kmem_largest(const struct kmem *s);

/* ---- kmalloc's caches ---- */

/* The size that kmalloc looks for: with room for an alignment, at least 1; <= 2 * req->size. */
static inline msize_t kmem_wanted(const struct kmem *s, const struct alloc_req *req)
{
	msize_t size = req->size;

	if (mm_unlikely(req->align > s->rules.align)) {
		size = size > req->align ? size : req->align;
		size = size <= KMEM_MAX_SIZE ? roundup_pow2(size) : size;
	}
	return size + (size == 0);
}

/* Notes a cache that attach has met, if its flags say that it is one of kmalloc's. */
void kmem_adopt_class(struct kmem *s, vaddr_t c, uint32_t object_size, uint32_t flags);

/* Where no zone is GFP_DMA's, its caches are the normal ones. */
void kmem_share_classes(struct kmem *s);

/* Is c one of kmalloc's caches, by the handle? */
bool kmem_is_class(const struct kmem *s, vaddr_t c);

/* ---- numbers of caches ---- */

static inline uint32_t kmem_number(const struct kmem *s, vaddr_t c)
{
	return (uint32_t)(mem_pa(s->base.m, c).v >> s->line_shift);
}

static inline vaddr_t kmem_cache_at(const struct kmem *s, uint32_t number)
{
	return mem_va(s->base.m, (paddr_t){(msize_t)number << s->line_shift});
}

static inline unsigned kmem_cpu(const struct kmem *s)
{
	unsigned cpu = mm_cpu(s->base.m);

	return mm_likely(cpu < s->cpus) ? cpu : cpu % s->cpus;
}

/* The node of a CPU. */
static inline unsigned kmem_cpu_node(const struct kmem *s, unsigned cpu)
{
	if (mm_likely(s->nodes == 1))
		return 0;
	return s->cpu_node != NULL ? s->cpu_node[cpu] : cpu * s->nodes / s->cpus;
}

static inline unsigned kmem_node_wanted(const struct kmem *s, const struct alloc_req *req)
{
	return req->node < s->nodes ? req->node : 0;
}

#endif
