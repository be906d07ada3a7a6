/*
 * slab: caches of equal objects on slabs in three lists.
 *
 * Each node keeps for each cache its slabs in lists: full, partial, free.  A slab has a
 * record, at its start or outside, with a table (bufctl) that links its free objects
 * by index.  In front of the slabs stand arrays of free objects: each CPU's, and as a
 * kernel has them, one that a node's CPUs share and those for objects of other nodes
 * (slab_queues.c).
 * Slabs of a cache begin at different offsets (colours), so that equal objects do not
 * all fall on the same cache lines.
 *
 * Sources: J. Bonwick, "The Slab Allocator: An Object-Caching Kernel Memory
 * Allocator", USENIX Summer 1994; the form is that of Linux 2.6 (mm/slab.c), of which
 * kernels until 6.7 kept the ideas.  Against it: arrays are made when a CPU first needs
 * them; bufctl also says of objects that are not in the slab whether
 * they were given out, so that a second free is seen, at the price of a store a
 * request; lists and arrays of descriptors are in the descriptor.
 *
 * Worst case: O(batch) a request without a new slab.  Memory: each cache may hold one
 * object in each of many slabs, `limit` more for each CPU, and for each node what its
 * shared array and its alien ones hold.
 *
 * Invariants, cited by slab_check:
 *   L1  caches are a ring of descriptors in use
 *   L2  a descriptor says what size, alignment and flags lead to
 *   L3  a slab's page and record agree, the colour is one that the cache has
 *   L4  the free objects of a slab are linked by bufctl, and with the others they are all
 *   L5  a record is in the ring of its node that `inuse` says, and links agree
 *   L6  nodes count slabs and free objects
 *   L7  an array holds objects of its node so marked, and all of them are in an array
 *   L8  objects of the layer's own are descriptors, arrays or records, and all of these are
 *   L9  free objects have their red zones and poison
 */
#include "alloc/slab.h"

#include "alloc/slab_layout.h"

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

/*
 * Past the CPU's array: from the slabs of the node, then a new one of it (`dry`: there are
 * no pages for one), then other nodes' slabs, then a new one wherever there are pages.
 */
static vaddr_t take_slow(struct kmem *s, vaddr_t cache, unsigned node, const struct alloc_req *req,
			 bool dry)
{
	unsigned grown = node;
	vaddr_t o = VADDR_NONE;

	if (!dry) {
		o = slab_take(s, cache, node, BUFCTL_ACTIVE);
		if (vaddr_none(o) && slab_grow(s, cache, node, req, &grown))
			o = slab_take(s, cache, grown, BUFCTL_ACTIVE);
	}
	for (unsigned i = 0; vaddr_none(o) && i < s->nodes; i++)
		o = slab_take(s, cache, i, BUFCTL_ACTIVE);
	if (vaddr_none(o) && s->nodes > 1 && slab_grow(s, cache, NODE_ANY, req, &grown))
		o = slab_take(s, cache, grown, BUFCTL_ACTIVE);
	return o;
}

static vaddr_t take(struct kmem *s, vaddr_t cache, const struct alloc_req *req)
{
	unsigned node = kmem_node_wanted(s, req);
	vaddr_t o = VADDR_NONE;
	uint64_t steps = 0;

	if (node == kmem_cpu_node(s, kmem_cpu(s)))
		o = slab_pop(s, cache, req, &steps);
	if (vaddr_none(o)) {
		o = take_slow(s, cache, node, req, steps != 0); /* it could not be filled */
		steps++;
	}
	mm_search(s->base.m, steps);
	return o;
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
	slab_push(s, x, p);
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
