/*
 * slab: what the bytes mean.
 *
 * Cache descriptor, an object of the cache "kmem_cache":
 *   0    next, prev   target words: descriptors, in a ring
 *   B = 2 words; 32 bits each:
 *   B    object_size, size, align, flags, inuse, red_left   as in kmem.h
 *   +24  num       objects of a slab
 *   +28  colour, colour_off     different offsets of a slab's objects, and their unit in bytes
 *   +36  mgmt      bytes of a slab's record
 *   +40  limit, batch           entries of a CPU's array; how many come and go at once
 *   +48  shared    entries of a node's shared array, in batches; 0: there is none
 *   +52  inverse
 *   +56  order, off, twos, 0    8 bits each; off: 1 when records lie outside of slabs
 *   then a target word for each CPU: its array, all ones: none yet
 *   then for each node:
 *        0    full, partial, free   target words: records in rings; all ones: none
 *        3W   shared                target word: the array of its CPUs; all ones: none yet
 *        4W   free_objects, slabs, colour_next   32 bits each
 *        +12  clock      32 bits: bit 0 the free slabs were needed, then when they and the
 *                        shared array are looked at next (slab_queues.c)
 *        then, where there are several nodes, a target word for each: the array of its
 *        objects that CPUs of this node have freed; all ones: none yet, or the node itself
 *
 * An array of free objects, an object of kmalloc's caches:
 *   32 bits each: 0 avail   4 clock, as a node's, bit 0: it was taken from   8 number of its
 *   cache   12 whose: mm_place of a CPU, a shared or an alien array
 *   16 entries: target words, beyond `avail` 0
 *
 * Slab record (struct slab), at the slab's start behind its colour, or an object:
 *   0    next, prev   target words: records, in a ring
 *   2W   s_mem        target word: object 0
 *   3W   colouroff    32 bits: bytes before the record (or, outside, before object 0)
 *   +4   inuse   +8   free   32 bits: objects not free here; the first free one
 *   +12  list    32 bits: enum slab_place, the ring it is in
 *   +16  bufctl[num]  32 bits each: the next free object's index, or what the object is:
 *        ...ff the list's end, ...fd given out, ...fc in an array; of the layer's own: ...fb a
 *        descriptor or a record, ...fa an array
 *
 * A slab's page descriptor (kmem_layout.h): private is the cache, freelist the record.
 */
#ifndef ALLOC_SLAB_LAYOUT_H
#define ALLOC_SLAB_LAYOUT_H

#include "alloc/slab.h"

#define SLAB_B          (2u * MM_WORD)
#define SLAB_CPUS       ((SLAB_B + 60u + MM_WORD - 1) / MM_WORD * MM_WORD)
#define SLAB_NODE       (4u * MM_WORD + 16u) /* without the alien arrays */
#define SLAB_RECORD     (3u * MM_WORD + 16u)
#define SLAB_ARRAY_HEAD 16u

#define BUFCTL_END    0xffffffffu
#define BUFCTL_ACTIVE 0xfffffffdu
#define BUFCTL_ATHAND 0xfffffffcu
#define BUFCTL_OWN    0xfffffffbu
#define BUFCTL_ARRAY  0xfffffffau

static inline bool bufctl_own(uint32_t b)
{
	return b == BUFCTL_OWN || b == BUFCTL_ARRAY;
}

enum slab_place { SLABS_FULL, SLABS_PARTIAL, SLABS_FREE, SLABS_NOWHERE };

/* ---- descriptors ---- */

static inline vaddr_t cache_next(const struct mem *m, vaddr_t c)
{
	return mem_ldva(m, c);
}

static inline vaddr_t cache_prev(const struct mem *m, vaddr_t c)
{
	return mem_ldva(m, vaddr_add(c, MM_WORD));
}

static inline void set_cache_next(const struct mem *m, vaddr_t c, vaddr_t next)
{
	mem_stva(m, c, next);
}

static inline void set_cache_prev(const struct mem *m, vaddr_t c, vaddr_t prev)
{
	mem_stva(m, vaddr_add(c, MM_WORD), prev);
}

#define FIELD(name, at)                                                                            \
	static inline uint32_t cache_##name(struct mm_rec c)                                       \
	{                                                                                          \
		return rec_ld32(c, SLAB_B + (at));                                                 \
	}
FIELD(object_size, 0)
FIELD(size, 4)
FIELD(align, 8)
FIELD(flags, 12)
FIELD(inuse, 16)
FIELD(red_left, 20)
FIELD(num, 24)
FIELD(colour, 28)
FIELD(colour_off, 32)
FIELD(mgmt, 36)
FIELD(limit, 40)
FIELD(batch, 44)
FIELD(shared, 48)
FIELD(inverse, 52)
FIELD(shape, 56)
#undef FIELD

static inline unsigned cache_order(struct mm_rec c)
{
	return cache_shape(c) & 0xff;
}

static inline bool cache_off_slab(struct mm_rec c)
{
	return (cache_shape(c) >> 8 & 0xff) != 0;
}

static inline unsigned cache_twos(struct mm_rec c)
{
	return cache_shape(c) >> 16 & 0xff;
}

static inline uint32_t slab_shape(const struct slab_geometry *g)
{
	return g->order | (uint32_t)g->off_slab << 8 | lsb(g->size) << 16;
}

/* All of the geometry, word by word: what set and check have in common. */
static inline void slab_geometry_words(const struct slab_geometry *g, uint32_t words[15])
{
	const uint32_t w[15] = {g->object_size, g->size,
				g->align,       g->flags,
				g->inuse,       g->red_left,
				g->num,         g->colour,
				g->colour_off,  g->mgmt,
				g->limit,       g->batch,
				g->shared,      kmem_inverse(g->size),
				slab_shape(g)};

	for (unsigned i = 0; i < 15; i++)
		words[i] = w[i];
}

static inline vaddr_t cache_array(const struct mem *m, vaddr_t c, unsigned cpu)
{
	return mem_ldva(m, vaddr_add(c, SLAB_CPUS + cpu * MM_WORD));
}

static inline void set_cache_array(const struct mem *m, vaddr_t c, unsigned cpu, vaddr_t a)
{
	mem_stva(m, vaddr_add(c, SLAB_CPUS + cpu * MM_WORD), a);
}

static inline struct kmem_debug cache_debug(struct mm_rec c)
{
	return (struct kmem_debug){cache_object_size(c), cache_inuse(c), cache_size(c),
				   cache_red_left(c), cache_flags(c)};
}

/* ---- a node's part of the descriptor ---- */

enum node_word { NODE_FREE_OBJECTS, NODE_SLABS, NODE_COLOUR_NEXT, NODE_CLOCK };

static inline msize_t slab_node_bytes(const struct kmem *s)
{
	return SLAB_NODE + (s->nodes > 1 ? (msize_t)s->nodes * MM_WORD : 0);
}

static inline vaddr_t cache_node(const struct kmem *s, vaddr_t c, unsigned node)
{
	return vaddr_add(c, SLAB_CPUS + s->cpus * MM_WORD + node * slab_node_bytes(s));
}

static inline vaddr_t node_list(const struct mem *m, vaddr_t n, enum slab_place list)
{
	return mem_ldva(m, vaddr_add(n, (msize_t)list * MM_WORD));
}

static inline void set_node_list(const struct mem *m, vaddr_t n, enum slab_place list, vaddr_t r)
{
	mem_stva(m, vaddr_add(n, (msize_t)list * MM_WORD), r);
}

static inline vaddr_t node_shared(const struct mem *m, vaddr_t n)
{
	return mem_ldva(m, vaddr_add(n, 3 * MM_WORD));
}

static inline void set_node_shared(const struct mem *m, vaddr_t n, vaddr_t a)
{
	mem_stva(m, vaddr_add(n, 3 * MM_WORD), a);
}

static inline uint32_t node_word(const struct mem *m, vaddr_t n, enum node_word w)
{
	return mem_ld32(m, vaddr_add(n, 4 * MM_WORD + 4u * w));
}

static inline void set_node_word(const struct mem *m, vaddr_t n, enum node_word w, uint32_t x)
{
	mem_st32(m, vaddr_add(n, 4 * MM_WORD + 4u * w), x);
}

/* Of a machine with several nodes. */
static inline vaddr_t node_alien(const struct mem *m, vaddr_t n, unsigned of)
{
	return mem_ldva(m, vaddr_add(n, SLAB_NODE + of * MM_WORD));
}

static inline void set_node_alien(const struct mem *m, vaddr_t n, unsigned of, vaddr_t a)
{
	mem_stva(m, vaddr_add(n, SLAB_NODE + of * MM_WORD), a);
}

/* ---- arrays ---- */

/* Bit 0 of a clock: touched; the rest is a time in units of 8 ms. */
#define CLOCK_TOUCHED 1u

static inline uint32_t array_avail(const struct mem *m, vaddr_t a)
{
	return mem_ld32(m, a);
}

static inline void set_array_avail(const struct mem *m, vaddr_t a, uint32_t n)
{
	mem_st32(m, a, n);
}

static inline uint32_t array_clock(const struct mem *m, vaddr_t a)
{
	return mem_ld32(m, vaddr_add(a, 4));
}

static inline void set_array_clock(const struct mem *m, vaddr_t a, uint32_t clock)
{
	mem_st32(m, vaddr_add(a, 4), clock);
}

static inline uint32_t array_cache(const struct mem *m, vaddr_t a)
{
	return mem_ld32(m, vaddr_add(a, 8));
}

static inline uint32_t array_whose(const struct mem *m, vaddr_t a)
{
	return mem_ld32(m, vaddr_add(a, 12));
}

static inline void set_array_owner(const struct mem *m, vaddr_t a, uint32_t cache, uint32_t whose)
{
	mem_st32(m, vaddr_add(a, 8), cache);
	mem_st32(m, vaddr_add(a, 12), whose);
}

static inline vaddr_t array_entry(const struct mem *m, vaddr_t a, uint32_t i)
{
	return mem_ldva(m, vaddr_add(a, SLAB_ARRAY_HEAD + (msize_t)i * MM_WORD));
}

static inline void set_array_entry(const struct mem *m, vaddr_t a, uint32_t i, vaddr_t o)
{
	mem_stva(m, vaddr_add(a, SLAB_ARRAY_HEAD + (msize_t)i * MM_WORD), o);
}

/* ---- slab records ---- */

static inline vaddr_t record_next(const struct mem *m, vaddr_t r)
{
	return mem_ldva(m, r);
}

static inline vaddr_t record_prev(const struct mem *m, vaddr_t r)
{
	return mem_ldva(m, vaddr_add(r, MM_WORD));
}

static inline void set_record_links(const struct mem *m, vaddr_t r, vaddr_t next, vaddr_t prev)
{
	mem_stva(m, r, next);
	mem_stva(m, vaddr_add(r, MM_WORD), prev);
}

static inline vaddr_t record_mem(const struct mem *m, vaddr_t r)
{
	return mem_ldva(m, vaddr_add(r, 2 * MM_WORD));
}

static inline void set_record_mem(const struct mem *m, vaddr_t r, vaddr_t o)
{
	mem_stva(m, vaddr_add(r, 2 * MM_WORD), o);
}

enum record_word { RECORD_COLOUR, RECORD_INUSE, RECORD_FREE, RECORD_LIST };

static inline uint32_t record_word(const struct mem *m, vaddr_t r, enum record_word w)
{
	return mem_ld32(m, vaddr_add(r, 3 * MM_WORD + 4u * w));
}

static inline void set_record_word(const struct mem *m, vaddr_t r, enum record_word w, uint32_t x)
{
	mem_st32(m, vaddr_add(r, 3 * MM_WORD + 4u * w), x);
}

static inline uint32_t record_bufctl(const struct mem *m, vaddr_t r, uint32_t i)
{
	return mem_ld32(m, vaddr_add(r, SLAB_RECORD + 4ull * i));
}

static inline void set_record_bufctl(const struct mem *m, vaddr_t r, uint32_t i, uint32_t x)
{
	mem_st32(m, vaddr_add(r, SLAB_RECORD + 4ull * i), x);
}

#endif
