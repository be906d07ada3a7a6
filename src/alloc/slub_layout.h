/*
 * slub: what the bytes mean.
 *
 * Cache descriptor (kmem_cache), an object of the cache "kmem_cache":
 *   0    next, prev   target words: descriptors, in a ring
 *   B = 2 words
 *   B    object_size, size, inuse, offset, align, flags, min_partial, cpu_partial,
 *        inverse, red_left   32 bits each, see kmem.h
 *   +40  order, min_order, twos, 0   8 bits each
 *   +44  objects, min_objects        16 bits each
 *   +48  a record for each CPU:
 *        0      freelist   target word: first free object, all ones: none
 *        W      slab       32 bits: pfn of the slab it serves from, all ones: none
 *        W+4    partial    32 bits: pfn of the first of its partial slabs, all ones: none
 *   then a target word for each node: its record
 *
 * Node record (kmem_cache_node), an object of the cache of that name; 32 bits each:
 *   0 nr_partial   4 nr_slabs   8 objects (of all slabs)   12 head   16 tail   20 node
 *   24 number of its cache
 *
 * Slab: what the head's page descriptor says beside alloc/page.h and kmem_layout.h:
 *   next, prev   pfns: neighbours on a node's partial list, all ones at its ends; on a CPU's:
 *                next, and the number of slabs from here on (linux-6) or the free objects
 *                they had when they came; else 0
 *   freelist     first free object that no CPU has, all ones: none
 *   counters     0-15 objects in use or with a CPU, 16-30 objects, 31 frozen: a CPU has it
 *
 * A free object holds, at `offset`, the address of the next free one; all ones at the
 * end.  An object that is given out has this word wiped (0).
 */
#ifndef ALLOC_SLUB_LAYOUT_H
#define ALLOC_SLUB_LAYOUT_H

#include "alloc/slub.h"

#define SLUB_B      (2u * MM_WORD)
#define SLUB_CPUS   (SLUB_B + 48u)
#define SLUB_CPU    (MM_WORD + 8u)
#define SLUB_NODE   28u
#define SLUB_WIPED  0u
#define SLUB_FROZEN 0x80000000u

/* ---- cache descriptors ---- */

static inline vaddr_t cache_next(const struct mem *m, vaddr_t c)
{
	return mem_ldva(m, c);
}

static inline void set_cache_next(const struct mem *m, vaddr_t c, vaddr_t next)
{
	mem_stva(m, c, next);
}

static inline vaddr_t cache_prev(const struct mem *m, vaddr_t c)
{
	return mem_ldva(m, vaddr_add(c, MM_WORD));
}

static inline void set_cache_prev(const struct mem *m, vaddr_t c, vaddr_t prev)
{
	mem_stva(m, vaddr_add(c, MM_WORD), prev);
}

/* Fields of a descriptor that has been translated once. */
#define FIELD(name, bits, at)                                                                      \
	static inline uint32_t cache_##name(struct mm_rec c)                                       \
	{                                                                                          \
		return rec_ld##bits(c, SLUB_B + (at));                                             \
	}
FIELD(object_size, 32, 0)
FIELD(size, 32, 4)
FIELD(inuse, 32, 8)
FIELD(offset, 32, 12)
FIELD(align, 32, 16)
FIELD(flags, 32, 20)
FIELD(min_partial, 32, 24)
FIELD(cpu_partial, 32, 28)
FIELD(inverse, 32, 32)
FIELD(red_left, 32, 36)
FIELD(shape, 32, 40) /* order, min_order, twos */
FIELD(objects, 16, 44)
FIELD(min_objects, 16, 46)
#undef FIELD

static inline unsigned cache_order(struct mm_rec c)
{
	return cache_shape(c) & 0xff;
}

static inline unsigned cache_min_order(struct mm_rec c)
{
	return cache_shape(c) >> 8 & 0xff;
}

static inline unsigned cache_twos(struct mm_rec c)
{
	return cache_shape(c) >> 16 & 0xff;
}

/* All of the geometry; links, CPUs and nodes are not touched. */
static inline void set_cache_geometry(const struct mem *m, vaddr_t c, const struct kmem_geo *g)
{
	const uint32_t words[10] = {g->object_size, g->size,        g->inuse,
				    g->offset,      g->align,       g->flags,
				    g->min_partial, g->cpu_partial, kmem_inverse(g->size),
				    g->red_left};

	for (unsigned i = 0; i < 10; i++)
		mem_st32(m, vaddr_add(c, SLUB_B + 4 * i), words[i]);
	mem_st32(m, vaddr_add(c, SLUB_B + 40), g->order | g->min_order << 8 | lsb(g->size) << 16);
	mem_st16(m, vaddr_add(c, SLUB_B + 44), (uint16_t)g->objects);
	mem_st16(m, vaddr_add(c, SLUB_B + 46), (uint16_t)g->min_objects);
}

static inline vaddr_t cache_node(const struct kmem *s, vaddr_t c, unsigned node)
{
	return mem_ldva(s->base.m, vaddr_add(c, SLUB_CPUS + s->cpus * SLUB_CPU + node * MM_WORD));
}

static inline void set_cache_node(const struct kmem *s, vaddr_t c, unsigned node, vaddr_t n)
{
	mem_stva(s->base.m, vaddr_add(c, SLUB_CPUS + s->cpus * SLUB_CPU + node * MM_WORD), n);
}

/* ---- a CPU's record: `at` is its offset in the descriptor ---- */

static inline uint32_t cpu_at(unsigned cpu)
{
	return SLUB_CPUS + cpu * SLUB_CPU;
}

static inline vaddr_t cpu_freelist(struct mm_rec c, uint32_t at)
{
	return (vaddr_t){rec_ldw(c, at)};
}

static inline void set_cpu_freelist(struct mm_rec c, uint32_t at, vaddr_t o)
{
	rec_stw(c, at, o.v);
}

static inline pfn_t cpu_slab(struct mm_rec c, uint32_t at)
{
	return (pfn_t){rec_ld32(c, at + MM_WORD)};
}

static inline void set_cpu_slab(struct mm_rec c, uint32_t at, pfn_t slab)
{
	rec_st32(c, at + MM_WORD, slab.v);
}

static inline pfn_t cpu_partial(struct mm_rec c, uint32_t at)
{
	return (pfn_t){rec_ld32(c, at + MM_WORD + 4)};
}

static inline void set_cpu_partial(struct mm_rec c, uint32_t at, pfn_t slab)
{
	rec_st32(c, at + MM_WORD + 4, slab.v);
}

/* ---- node records ---- */

enum node_word {
	NODE_PARTIAL,
	NODE_SLABS,
	NODE_OBJECTS,
	NODE_HEAD,
	NODE_TAIL,
	NODE_NUMBER,
	NODE_CACHE
};

static inline uint32_t node_word(const struct mem *m, vaddr_t n, enum node_word w)
{
	return mem_ld32(m, vaddr_add(n, 4u * w));
}

static inline void set_node_word(const struct mem *m, vaddr_t n, enum node_word w, uint32_t x)
{
	mem_st32(m, vaddr_add(n, 4u * w), x);
}

/* ---- slabs: what a head's page descriptor says ---- */

static inline void set_slab_freelist(struct mm_rec d, vaddr_t o)
{
	rec_stw(d, DESC_FREELIST, o.v);
}

static inline uint32_t slab_counters(struct mm_rec d)
{
	return rec_ld32(d, DESC_COUNTERS);
}

static inline void set_slab_counters(struct mm_rec d, uint32_t x)
{
	rec_st32(d, DESC_COUNTERS, x);
}

static inline uint32_t counters_inuse(uint32_t x)
{
	return x & 0xffff;
}

static inline uint32_t counters_objects(uint32_t x)
{
	return x >> 16 & 0x7fff;
}

/* ---- debugging ---- */

static inline struct kmem_debug cache_debug(struct mm_rec c)
{
	return (struct kmem_debug){cache_object_size(c), cache_inuse(c), cache_size(c),
				   cache_red_left(c), cache_flags(c)};
}

/* ---- free objects ---- */

static inline vaddr_t object_next(const struct mem *m, vaddr_t o, uint32_t offset)
{
	return mem_ldva(m, vaddr_add(o, offset));
}

static inline void set_object_next(const struct mem *m, vaddr_t o, uint32_t offset, vaddr_t next)
{
	mem_stva(m, vaddr_add(o, offset), next);
}

#endif
