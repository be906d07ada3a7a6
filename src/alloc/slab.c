/*
 * slab: caches of equal objects on slabs in three lists.
 *
 * Each node keeps for each cache its slabs in lists: full, partial, free.  A slab has a
 * record, at its start or outside, with a table (bufctl) that links its free objects
 * by index.  Each CPU has for each cache an array of free objects, a stack: allocation
 * pops it, freeing pushes; an empty one is filled with `batch` objects from partial
 * slabs, then free ones, then a new one, and a full one gives its `batch` oldest back.
 * Slabs of a cache begin at different offsets (colours), so that equal objects do not
 * all fall on the same cache lines.
 *
 * Sources: J. Bonwick, "The Slab Allocator: An Object-Caching Kernel Memory
 * Allocator", USENIX Summer 1994; the form is that of Linux 2.6 (mm/slab.c), of which
 * kernels until 6.7 kept the ideas.  Against it: an array is made when its CPU first
 * needs it, and holds objects of one node, that of the first: other nodes' go to and
 * from their lists; there is no shared array and no alien cache; bufctl also says of objects that are not in the slab whether
 * they were given out, so that a second free is seen, at the price of a store a
 * request; lists and arrays of descriptors are in the descriptor.
 *
 * Worst case: O(batch) a request without a new slab.  Memory: each cache may hold one
 * object in each of many slabs, and `limit` more for each CPU.
 *
 * Invariants, cited by slab_check:
 *   L1  caches are a ring of descriptors in use
 *   L2  a descriptor says what size, alignment and flags lead to
 *   L3  a slab's page and record agree, the colour is one that the cache has
 *   L4  the free objects of a slab are linked by bufctl, and with the others they are all
 *   L5  a record is in the ring of its node that `inuse` says, and links agree
 *   L6  nodes count slabs and free objects
 *   L7  an array holds objects so marked, and all of them are in an array
 *   L8  objects of the layer's own are descriptors, arrays or records, and all of these are
 *   L9  free objects have their red zones and poison
 */
#include "alloc/slab.h"

#include "alloc/slab_layout.h"

/* Objects that a CPU gets at once if it left the last ones alone (batchcount of an idle array). */
#define BATCH_IDLE 16u

struct slab_object slab_find(struct kmem *s, vaddr_t o)
{
	const struct mem *m = s->base.m;
	struct kmem_block b = kmem_find_block(s, o);
	struct slab_object x = {.record = VADDR_NONE, .cache = VADDR_NONE};
	struct mm_rec c;
	vaddr_t record;
	msize_t at;

	if (pfn_none(b.pfn))
		return x;
	x.cache.v = block_cache(b.desc);
	if (x.cache.v == KMEM_LARGE)
		return x;
	c = mem_rec(m, x.cache);
	record = block_freelist(b.desc);
	at = vaddr_diff(o, record_mem(m, record)) - cache_red_left(c);
	x.index = kmem_exact((uint32_t)at, cache_inverse(c), cache_twos(c));
	if (x.index < cache_num(c) && at <= UINT32_MAX)
		x.record = record;
	return x;
}

static uint32_t usable_of(struct mm_rec c)
{
	return kmem_usable(cache_object_size(c), cache_size(c), cache_flags(c));
}

/* ---- arrays ---- */

/* The CPU's array, made if need be; VADDR_NONE: the layer does without one here. */
static vaddr_t array_of(struct kmem *s, vaddr_t cache)
{
	struct mem *m = s->base.m;
	unsigned cpu = kmem_cpu(s);
	vaddr_t a = cache_array(m, cache, cpu), own;
	msize_t bytes;

	if (mm_likely(!vaddr_none(a)))
		return a;
	bytes = SLAB_ARRAY_HEAD + (msize_t)cache_limit(mem_rec(m, cache)) * MM_WORD;
	if (bytes > s->classes.largest)
		return VADDR_NONE;
	own = s->classes.cache[0][kmalloc_index(&s->classes, bytes)];
	if (vaddr_none(own) || own.v == 0) /* kmalloc's caches are not there yet */
		return VADDR_NONE;
	a = slab_own_take(s, own);
	if (!vaddr_none(a)) {
		set_array_owner(m, a, kmem_number(s, cache), cpu);
		set_cache_array(m, cache, cpu, a);
	}
	return a;
}

/* Fills the empty array with objects of a node's: false when it has none, and there are no pages. */
static bool refill(struct kmem *s, vaddr_t cache, vaddr_t a, unsigned node,
		   const struct alloc_req *req, uint64_t *steps)
{
	struct mem *m = s->base.m;
	uint32_t n = cache_batch(mem_rec(m, cache)), got = 0;

	/* A CPU that has not used what it got last time gets less. */
	if (!array_touched(m, a) && n > BATCH_IDLE)
		n = BATCH_IDLE;
	do {
		while (got < n) {
			vaddr_t o = slab_take(s, cache, node, BUFCTL_ATHAND);

			if (vaddr_none(o))
				break;
			set_array_entry(m, a, got++, o);
			set_array_avail(m, a, got);
		}
		++*steps;
	} while (got == 0 && slab_grow(s, cache, node, req, &node));
	set_array_state(m, a, false, node);
	return got != 0;
}

/* From the lists of a node without an array, or with pages for none of it, from those of others. */
static vaddr_t take_slow(struct kmem *s, vaddr_t cache, unsigned node, const struct alloc_req *req)
{
	unsigned grown = node;
	vaddr_t o = slab_take(s, cache, node, BUFCTL_ACTIVE);

	if (vaddr_none(o) && slab_grow(s, cache, node, req, &grown))
		o = slab_take(s, cache, grown, BUFCTL_ACTIVE);
	for (unsigned i = 0; vaddr_none(o) && i < s->nodes; i++)
		o = slab_take(s, cache, i, BUFCTL_ACTIVE);
	return o;
}

static vaddr_t pop(struct kmem *s, vaddr_t a)
{
	struct mem *m = s->base.m;
	uint32_t n = array_avail(m, a) - 1;
	vaddr_t o = array_entry(m, a, n);

	set_array_entry(m, a, n, (vaddr_t){0});
	set_array_avail(m, a, n);
	set_array_state(m, a, true, array_node(m, a));
	return o;
}

static vaddr_t take(struct kmem *s, vaddr_t cache, const struct alloc_req *req)
{
	struct mem *m = s->base.m;
	unsigned node = kmem_node_wanted(s, req);
	vaddr_t a = array_of(s, cache), o = VADDR_NONE;
	uint64_t steps = 0;

	if (vaddr_none(a) || (array_avail(m, a) != 0 && array_node(m, a) != node)) {
		o = take_slow(s, cache, node, req);
		steps = 1;
	} else if (array_avail(m, a) != 0 || refill(s, cache, a, node, req, &steps)) {
		o = pop(s, a);
	} else {
		for (unsigned i = 0; vaddr_none(o) && i < s->nodes; i++)
			o = slab_take(s, cache, i, BUFCTL_ACTIVE);
	}
	mm_search(m, steps);
	return o;
}

void slab_flush(struct kmem *s, vaddr_t cache, vaddr_t a, uint32_t n)
{
	struct mem *m = s->base.m;
	uint32_t avail = array_avail(m, a);

	for (uint32_t i = 0; i < n; i++)
		slab_put(s, slab_find(s, array_entry(m, a, i)));
	for (uint32_t i = 0; i < avail; i++)
		set_array_entry(m, a, i, i + n < avail ? array_entry(m, a, i + n) : (vaddr_t){0});
	set_array_avail(m, a, avail - n);
	slab_trim(s, cache, false);
}

static void give_back(struct kmem *s, struct slab_object x, vaddr_t o)
{
	struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, x.cache);
	vaddr_t a = array_of(s, x.cache);
	unsigned node = s->nodes == 1 ? 0 : kmem_node(s, va_to_pfn(m, o, s->page_shift));

	if (vaddr_none(a) || (array_avail(m, a) != 0 && array_node(m, a) != node)) {
		slab_put(s, x);
		slab_trim(s, x.cache, false);
		return;
	}
	if (array_avail(m, a) == cache_limit(c))
		slab_flush(s, x.cache, a, cache_batch(c));
	set_array_entry(m, a, array_avail(m, a), o);
	set_array_avail(m, a, array_avail(m, a) + 1);
	set_array_state(m, a, array_touched(m, a), node);
	set_record_bufctl(m, x.record, x.index, BUFCTL_ATHAND);
}

/* ---- objects ---- */

static void tell(const struct kmem *s, enum mm_ev ev, vaddr_t o, struct slab_object x)
{
	const struct mem *m = s->base.m;
	unsigned order = cache_order(mem_rec(m, x.cache));

	mm_event(m, ev, o.v, x.index, round_down(o.v, (msize_t)1 << (order + s->page_shift)));
}

struct grant slab_cache_alloc(struct kmem *s, vaddr_t cache, const struct alloc_req *req)
{
	struct mem *m = s->base.m;
	vaddr_t o = take(s, cache, req);
	struct mm_rec c = mem_rec(m, cache);
	struct slab_object x;
	struct grant g;

	if (vaddr_none(o))
		return GRANT_NONE;
	x = slab_find(s, o);
	if (vaddr_none(x.record))
		mm_bug(m, "an array or a list holds what is no object", o);
	set_record_bufctl(m, x.record, x.index, BUFCTL_ACTIVE);
	g = (struct grant){o, usable_of(c)};
	if (kmem_is_debug(cache_flags(c))) {
		struct kmem_debug d = cache_debug(c);

		kmem_debug_alloc(m, &d, o);
	}
	mm_account(m, o, g.bytes, MM_CACHED, MM_GRANTED);
	tell(s, MM_EV_OBJ_ALLOC, o, x);
	return g;
}

msize_t slab_free(struct kmem *s, vaddr_t want, vaddr_t p)
{
	struct mem *m = s->base.m;
	struct slab_object x = slab_find(s, p);
	struct mm_rec c;
	msize_t bytes;

	if (vaddr_none(x.cache))
		return FREE_BAD;
	if (x.cache.v == KMEM_LARGE)
		return vaddr_none(want) ? kmem_large_free(s, kmem_block_of(s, p), p) : FREE_BAD;
	if (vaddr_none(x.record) || (!vaddr_none(want) && !vaddr_eq(want, x.cache)) ||
	    record_bufctl(m, x.record, x.index) != BUFCTL_ACTIVE)
		return FREE_BAD;
	c = mem_rec(m, x.cache);
	bytes = usable_of(c);
	if (kmem_is_debug(cache_flags(c))) {
		struct kmem_debug d = cache_debug(c);

		kmem_debug_free(m, &d, p);
	}
	mm_account(m, p, bytes, MM_GRANTED, MM_CACHED);
	tell(s, MM_EV_OBJ_FREE, p, x);
	give_back(s, x, p);
	return bytes;
}

/* ---- kmalloc ---- */

static struct grant op_malloc(struct alloc *a, const struct alloc_req *req)
{
	struct kmem *s = (struct kmem *)a;
	unsigned type = (req->gfp & __GFP_DMA) != 0;
	msize_t size = kmem_wanted(s, req);

	if (size > s->classes.largest)
		return kmem_large_alloc(s, size, req);
	return slab_cache_alloc(s, s->classes.cache[type][kmalloc_index(&s->classes, size)], req);
}

static msize_t op_free(struct alloc *a, vaddr_t p)
{
	return slab_free((struct kmem *)a, VADDR_NONE, p);
}

static msize_t op_usable(const struct alloc *a, vaddr_t p)
{
	struct kmem s = *(const struct kmem *)a; /* a lookup may make another stretch the hot one */
	struct slab_object x = slab_find(&s, p);

	if (vaddr_none(x.cache))
		return 0;
	if (x.cache.v == KMEM_LARGE)
		return (msize_t)1 << (block_order(kmem_block_of(&s, p).desc) + s.page_shift);
	return usable_of(mem_rec(a->m, x.cache));
}

static struct grant op_resize(struct alloc *a, vaddr_t p, const struct alloc_req *req)
{
	msize_t bytes = op_usable(a, p);

	if (req->size == 0 || req->size > bytes || (req->align & (p.v ^ (p.v - 1)) >> 1) != 0)
		return GRANT_NONE;
	return (struct grant){p, bytes};
}

static msize_t op_largest(const struct alloc *a)
{
	return kmem_largest((const struct kmem *)a);
}

const struct bytes_ops slab_bytes_ops = {
	.malloc = op_malloc,
	.free = op_free,
	.resize = op_resize,
	.usable = op_usable,
	.largest_request = op_largest,
};
