/*
 * slub: caches of equal objects on slabs of one or more pages.
 *
 * Free objects of a slab form a list through the objects themselves.  Each CPU has
 * for each cache a slab of its own (frozen), whose free list it took over whole:
 * allocation pops it, freeing into the same slab pushes on it.  Freeing into another
 * slab pushes on that slab's own list; a full slab that gets its first free object
 * goes to the CPU's list of partial slabs, and when these are too many, they all go
 * to their nodes' lists.  A CPU without objects takes, in this order, what others have
 * freed into its slab, its partial slabs, slabs of the node, a new slab.  Empty slabs
 * go back to the page allocator beyond min_partial a node.
 *
 * A full slab is on no list: it is found by the address of an object.  So addresses
 * lead to the page descriptor, which says cache, free list and counts.
 *
 * SLUB_TINY does without CPUs: each request takes one object of a slab on the node's
 * list, and nothing is kept.  Caches with red zones or poison do likewise, and look
 * at their bytes each time.
 *
 * Source: Linux mm/slub.c, 4.19 and 6.x, as described in C. Lameter, "Slab allocators
 * in the Linux Kernel: SLAB, SLOB, SLUB", LinuxCon 2014.  Against it, the records of a
 * CPU lie in the cache's descriptor (as until 2.6.33), there is no name in memory,
 * and objects given out have the word of the link wiped, so that a second free is
 * told from the first: a link in an object that is freed means a search of the lists.
 * Not modelled: full lists, sheaves (6.18), hardened and random free lists.
 *
 * What most requests are goes a shorter way where they come in bulk: slub_bulk.h.
 *
 * Worst case: O(1) a request without a new slab; a second free costs O(objects).
 * Memory: each cache may hold one object in each of many slabs.
 *
 * Invariants, cited by slub_check:
 *   U1  the ring of caches: links agree, each is an object of "kmem_cache" in use
 *   U2  a descriptor says what size, alignment and flags lead to
 *   U3  every slab's page names a cache of the ring, a number of objects it can have,
 *       and no more in use than these
 *   U4  the free lists of a slab and of its CPU hold objects of it, none twice, and
 *       with those in use they are all
 *   U5  a frozen slab is a CPU's slab or one of its partial slabs, once
 *   U6  a slab that is not frozen is on its node's list when it has a free object and
 *       only then; links agree, head, tail and count too
 *   U7  nodes count slabs and objects
 *   U8  an object of a layer's own cache is in use exactly when a cache needs it
 *   U9  free objects of a cache with debug flags have their red zones and poison
 */
#include "alloc/slub.h"

#include "alloc/slub_layout.h"

/* ---- looking up ---- */

static inline struct mm_rec slab_rec(const struct kmem *s, pfn_t slab)
{
	return mem_rec(s->base.m, kmem_desc(s, slab));
}

/* Where objects of the slab begin, as pointers go: behind the first red zone. */
static inline vaddr_t slab_base(const struct kmem *s, pfn_t slab)
{
	return pfn_to_va(s->base.m, slab, s->page_shift);
}

static inline bool is_debug(struct mm_rec c)
{
	return kmem_is_debug(cache_flags(c));
}

static __attribute__((noinline)) void debug_alloc(const struct mem *m, struct mm_rec c, vaddr_t o)
{
	struct kmem_debug d = cache_debug(c);

	kmem_debug_alloc(m, &d, o);
}

static __attribute__((noinline)) void debug_free(const struct mem *m, struct mm_rec c, vaddr_t o)
{
	struct kmem_debug d = cache_debug(c);

	kmem_debug_free(m, &d, o);
}

/* Tells observers, who may ask for the index: a division only when somebody listens. */
static inline void object_event(const struct kmem *s, enum mm_ev ev, vaddr_t o, pfn_t slab,
				uint32_t size)
{
	const struct mem *m = s->base.m;

	mm_count(m, ev, 1);
	if (mm_unlikely(mm_listens(m)))
		mm_tell(m, ev, o.v, vaddr_diff(o, slab_base(s, slab)) / size, slab_base(s, slab).v);
}

/* ---- allocation ---- */

/* Takes all that others have freed into the CPU's slab: true if there was any. */
static bool take_remote(const struct kmem *s, struct mm_rec c, uint32_t at)
{
	struct mm_rec d = slab_rec(s, cpu_slab(c, at));
	vaddr_t o = block_freelist(d);
	uint32_t n = slab_counters(d), objects = counters_objects(n);

	set_cpu_freelist(c, at, o);
	set_slab_freelist(d, VADDR_NONE);
	set_slab_counters(d, objects | objects << 16 | (vaddr_none(o) ? 0 : SLUB_FROZEN));
	return !vaddr_none(o);
}

/* The slab, thawed and on no list, is the CPU's now, with all its free objects. */
static void adopt(const struct kmem *s, struct mm_rec c, uint32_t at, pfn_t slab)
{
	set_cpu_slab(c, at, slab);
	take_remote(s, c, at);
}

static uint32_t free_objects(const struct kmem *s, pfn_t slab)
{
	uint32_t n = slab_counters(slab_rec(s, slab));

	return counters_objects(n) - counters_inuse(n);
}

/* Partial slabs of the CPU, or the free objects they had: the first one's page keeps it. */
static uint32_t nr_partial(const struct kmem *s, struct mm_rec c, uint32_t at)
{
	pfn_t slab = cpu_partial(c, at);

	return pfn_none(slab) ? 0 : rec_ld32(slab_rec(s, slab), PAGE_OFF_PREV);
}

/* One more partial slab of the CPU; it is frozen by that. */
static void push_partial(const struct kmem *s, struct mm_rec c, uint32_t at, pfn_t slab)
{
	struct mm_rec d = slab_rec(s, slab);
	uint32_t n = slab_counters(d);
	uint32_t more = s->rules.rules == MM_RULES_LINUX_6 ? 1 : free_objects(s, slab);

	set_slab_counters(d, n | SLUB_FROZEN);
	rec_st32(d, PAGE_OFF_NEXT, cpu_partial(c, at).v);
	rec_st32(d, PAGE_OFF_PREV, nr_partial(s, c, at) + more);
	set_cpu_partial(c, at, slab);
}

/* The first partial slab of the CPU becomes its slab. */
static bool pop_partial(const struct kmem *s, struct mm_rec c, uint32_t at)
{
	pfn_t slab = cpu_partial(c, at);
	struct mm_rec d;

	if (pfn_none(slab))
		return false;
	d = slab_rec(s, slab);
	set_cpu_partial(c, at, (pfn_t){rec_ld32(d, PAGE_OFF_NEXT)});
	rec_st32(d, PAGE_OFF_NEXT, 0);
	rec_st32(d, PAGE_OFF_PREV, 0);
	adopt(s, c, at, slab);
	return true;
}

/* Slabs of a node's list: the first for the CPU, then some more for its partial list. */
static bool take_from_node(struct kmem *s, vaddr_t cache, unsigned node, uint32_t at,
			   uint64_t *steps)
{
	struct mm_rec c = mem_rec(s->base.m, cache);
	vaddr_t n = cache_node(s, cache, node);
	uint32_t most = cache_cpu_partial(c) / 2, have = 0;
	pfn_t slab = {node_word(s->base.m, n, NODE_HEAD)};

	if (pfn_none(slab))
		return false;
	/* Before 5.16 what counts is objects, those of the first slab as well. */
	if (s->rules.rules != MM_RULES_LINUX_6)
		have = free_objects(s, slab);
	slub_list_del(s, n, slab);
	adopt(s, c, at, slab);
	for (++*steps; cache_cpu_partial(c) != 0 && have <= most; ++*steps) {
		slab.v = node_word(s->base.m, n, NODE_HEAD);
		if (pfn_none(slab))
			break;
		have += s->rules.rules == MM_RULES_LINUX_6 ? 1 : free_objects(s, slab);
		slub_list_del(s, n, slab);
		push_partial(s, c, at, slab);
	}
	return true;
}

/* A new slab, or when there are no pages, one of another node's list. */
static bool take_new(struct kmem *s, vaddr_t cache, uint32_t at, const struct alloc_req *req,
		     uint64_t *steps)
{
	unsigned node = kmem_node_wanted(s, req);
	pfn_t slab = slub_new_slab(s, cache, node, req);

	if (!pfn_none(slab)) {
		adopt(s, mem_rec(s->base.m, cache), at, slab);
		return true;
	}
	for (unsigned i = 0; i < s->nodes; i++)
		if (take_from_node(s, cache, i, at, steps))
			return true;
	return false;
}

/* Gives the CPU a slab with free objects; false: there are no pages. */
static bool refill(struct kmem *s, vaddr_t cache, uint32_t at, const struct alloc_req *req,
		   uint64_t *steps)
{
	struct mm_rec c = mem_rec(s->base.m, cache);

	for (;;) {
		if (pop_partial(s, c, at)) {
			if (s->nodes == 1 || kmem_node(s, cpu_slab(c, at)) == kmem_node_wanted(s, req))
				return true;
			slub_thaw(s, cache, cpu_slab(c, at), cpu_freelist(c, at));
			set_cpu_slab(c, at, PFN_NONE);
			set_cpu_freelist(c, at, VADDR_NONE);
			continue;
		}
		return take_from_node(s, cache, kmem_node_wanted(s, req), at, steps) ||
		       take_new(s, cache, at, req, steps);
	}
}

/* Has the CPU objects at hand, of the right node?  Else what it has is put away. */
static bool has_slab(struct kmem *s, vaddr_t cache, uint32_t at, const struct alloc_req *req)
{
	struct mm_rec c = mem_rec(s->base.m, cache);
	pfn_t slab = cpu_slab(c, at);

	if (pfn_none(slab))
		return false;
	if (s->nodes > 1 && kmem_node(s, slab) != kmem_node_wanted(s, req)) {
		vaddr_t rest = cpu_freelist(c, at);

		set_cpu_slab(c, at, PFN_NONE);
		set_cpu_freelist(c, at, VADDR_NONE);
		slub_thaw(s, cache, slab, rest);
		return false;
	}
	if (!vaddr_none(cpu_freelist(c, at)) || take_remote(s, c, at))
		return true;
	set_cpu_slab(c, at, PFN_NONE); /* full, and thawed by take_remote */
	return false;
}

/* One object of a slab that no CPU has: SLUB_TINY, and caches with debug flags. */
static vaddr_t take_single(struct kmem *s, vaddr_t cache, const struct alloc_req *req,
			   uint64_t *steps)
{
	struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache), d;
	vaddr_t n = cache_node(s, cache, kmem_node_wanted(s, req)), o;
	pfn_t slab = {node_word(m, n, NODE_HEAD)};
	uint32_t count;
	bool listed = !pfn_none(slab);

	if (!listed)
		slab = slub_new_slab(s, cache, kmem_node_wanted(s, req), req);
	for (unsigned i = 0; pfn_none(slab) && i < s->nodes; i++) {
		n = cache_node(s, cache, i);
		slab.v = node_word(m, n, NODE_HEAD);
		listed = !pfn_none(slab);
	}
	if (pfn_none(slab))
		return VADDR_NONE;
	*steps += listed;
	if (!listed)
		n = cache_node(s, cache, kmem_node(s, slab));
	d = slab_rec(s, slab);
	o = block_freelist(d);
	count = slab_counters(d) + 1;
	set_slab_freelist(d, object_next(m, o, cache_offset(c)));
	set_slab_counters(d, count);
	set_object_next(m, o, cache_offset(c), (vaddr_t){SLUB_WIPED});
	if (listed && counters_inuse(count) == counters_objects(count))
		slub_list_del(s, n, slab);
	else if (!listed && counters_inuse(count) != counters_objects(count))
		slub_list_add(s, n, slab, true);
	if (is_debug(c))
		debug_alloc(m, c, o);
	return o;
}

/* Pops the CPU's list, which is not empty. */
static inline vaddr_t pop(struct mem *m, struct mm_rec c, uint32_t at, vaddr_t o)
{
	uint32_t offset = cache_offset(c);
	struct mm_rec r = mem_rec(m, vaddr_add(o, offset));

	set_cpu_freelist(c, at, (vaddr_t){rec_ldw(r, 0)});
	rec_stw(r, 0, SLUB_WIPED);
	return o;
}

static __attribute__((noinline)) vaddr_t take_slow(struct kmem *s, vaddr_t cache, uint32_t at,
						   const struct alloc_req *req)
{
	struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	uint64_t steps = 0;
	vaddr_t o = VADDR_NONE;

	if (s->rules.tiny || is_debug(c)) {
		o = take_single(s, cache, req, &steps);
	} else if (has_slab(s, cache, at, req) || refill(s, cache, at, req, &steps)) {
		o = pop(m, c, at, cpu_freelist(c, at));
	}
	mm_search(m, steps);
	return o;
}

static inline vaddr_t take(struct kmem *s, struct mem *m, vaddr_t cache, struct mm_rec c,
			   const struct alloc_req *req)
{
	uint32_t at = cpu_at(kmem_cpu(s));
	vaddr_t o = cpu_freelist(c, at);

	if (mm_unlikely(vaddr_none(o) || s->nodes > 1))
		return take_slow(s, cache, at, req);
	mm_search(m, 0);
	return pop(m, c, at, o);
}

vaddr_t slub_take(struct kmem *s, vaddr_t c, const struct alloc_req *req)
{
	return take(s, s->base.m, c, mem_rec(s->base.m, c), req);
}

static inline struct grant cache_alloc(struct kmem *s, vaddr_t cache, const struct alloc_req *req)
{
	struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	vaddr_t o = take(s, m, cache, c, req);
	struct grant g;

	if (mm_unlikely(vaddr_none(o)))
		return GRANT_NONE;
	g = (struct grant){o, cache_size(c)};
	if (mm_unlikely(is_debug(c)))
		g.bytes = cache_object_size(c);
	mm_account(m, o, g.bytes, MM_CACHED, MM_GRANTED);
	mm_count(m, MM_EV_OBJ_ALLOC, 1);
	if (mm_unlikely(mm_listens(m))) {
		pfn_t slab = kmem_find_block(s, o).pfn;

		mm_tell(m, MM_EV_OBJ_ALLOC, o.v, vaddr_diff(o, slab_base(s, slab)) / cache_size(c),
			slab_base(s, slab).v);
	}
	return g;
}

struct grant slub_cache_alloc(struct kmem *s, vaddr_t c, const struct alloc_req *req)
{
	return cache_alloc(s, c, req);
}

/* ---- freeing ---- */

/* Is o on a free list of the slab?  The list of a damaged image may lead in a circle. */
static bool on_list(const struct kmem *s, vaddr_t o, vaddr_t at, uint32_t offset, uint32_t most)
{
	for (; most > 0 && !vaddr_none(at); most--) {
		if (vaddr_eq(at, o))
			return true;
		at = object_next(s->base.m, at, offset);
	}
	return false;
}

/* The word of the link in an object to be freed looks like a link: is it free already? */
static __attribute__((noinline)) bool is_free(const struct kmem *s, struct mm_rec c,
					      struct kmem_block x, vaddr_t o)
{
	uint32_t offset = cache_offset(c), most = counters_objects(slab_counters(x.desc));

	if (on_list(s, o, block_freelist(x.desc), offset, most))
		return true;
	for (unsigned i = 0; i < s->cpus; i++)
		if (pfn_eq(cpu_slab(c, cpu_at(i)), x.pfn) &&
		    on_list(s, o, cpu_freelist(c, cpu_at(i)), offset, most))
			return true;
	return false;
}

/* An empty slab that its node need not keep goes; one with its first free object is listed. */
static void settle(struct kmem *s, vaddr_t cache, pfn_t slab, uint32_t count, bool was_full)
{
	vaddr_t n = cache_node(s, cache, kmem_node(s, slab));
	struct mm_rec c = mem_rec(s->base.m, cache);

	if (counters_inuse(count) == 0 &&
	    node_word(s->base.m, n, NODE_PARTIAL) >= cache_min_partial(c)) {
		if (!was_full)
			slub_list_del(s, n, slab);
		slub_drop_slab(s, cache, slab);
	} else if (was_full) {
		slub_list_add(s, n, slab, true);
	}
}

/* The object goes to its slab's own list. */
static __attribute__((noinline)) void put_slow(struct kmem *s, vaddr_t cache, struct kmem_block x,
					       vaddr_t o)
{
	struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	uint32_t count = slab_counters(x.desc) - 1, at = cpu_at(kmem_cpu(s));
	vaddr_t prior = block_freelist(x.desc);
	bool was_full = vaddr_none(prior);

	set_object_next(m, o, cache_offset(c), prior);
	set_slab_freelist(x.desc, o);
	set_slab_counters(x.desc, count);
	if ((count & SLUB_FROZEN) != 0 || (!was_full && counters_inuse(count) != 0))
		return;
	if (!was_full || cache_cpu_partial(c) == 0) {
		settle(s, cache, x.pfn, count, was_full);
		return;
	}
	if (s->rules.rules == MM_RULES_LINUX_6 ? nr_partial(s, c, at) >= cache_cpu_partial(c)
					       : nr_partial(s, c, at) > cache_cpu_partial(c))
		slub_unfreeze(s, cache, at);
	push_partial(s, c, at, x.pfn);
}

static inline void put(struct kmem *s, struct mem *m, vaddr_t cache, struct mm_rec c,
		       struct kmem_block x, vaddr_t o)
{
	uint32_t at = cpu_at(kmem_cpu(s));

	if (mm_likely(pfn_eq(cpu_slab(c, at), x.pfn))) {
		struct mm_rec r = mem_rec(m, vaddr_add(o, cache_offset(c)));

		rec_stw(r, 0, cpu_freelist(c, at).v);
		set_cpu_freelist(c, at, o);
		return;
	}
	put_slow(s, cache, x, o);
}

void slub_put(struct kmem *s, vaddr_t c, pfn_t slab, vaddr_t p)
{
	struct kmem_block x = {slab, slab_rec(s, slab)};

	put(s, s->base.m, c, mem_rec(s->base.m, c), x, p);
}

/* Is p an object of the slab, and in use? */
static inline bool is_live(const struct kmem *s, struct mm_rec c, struct kmem_block x, vaddr_t p)
{
	vaddr_t base = slab_base(s, x.pfn);
	msize_t at = vaddr_diff(p, base), link;
	uint32_t index =
		kmem_exact((uint32_t)at - cache_red_left(c), cache_inverse(c), cache_twos(c));

	if (mm_unlikely(index >= counters_objects(slab_counters(x.desc))))
		return false;
	link = mem_ldw(s->base.m, vaddr_add(p, cache_offset(c)));
	if (mm_likely(link == SLUB_WIPED))
		return true;
	if (link == VADDR_NONE.v || link - base.v < (msize_t)1 << (s->page_shift + cache_order(c)))
		return !is_free(s, c, x, p);
	return true;
}

/* One of the layer's own caches: nobody else frees their objects. */
static inline bool is_own(const struct kmem *s, vaddr_t cache)
{
	return vaddr_eq(cache, s->caches) || vaddr_eq(cache, s->node_cache);
}

static inline msize_t free_object(struct kmem *s, vaddr_t want, vaddr_t p)
{
	struct mem *m = s->base.m;
	struct kmem_block x = kmem_find_block(s, p);
	struct mm_rec c;
	vaddr_t cache;
	msize_t bytes;

	if (mm_unlikely(pfn_none(x.pfn)))
		return FREE_BAD;
	cache.v = block_cache(x.desc);
	if (mm_unlikely(cache.v == KMEM_LARGE))
		return vaddr_none(want) ? kmem_large_free(s, x, p) : FREE_BAD;
	if (mm_unlikely(vaddr_none(want) ? is_own(s, cache) : !vaddr_eq(cache, want)))
		return FREE_BAD;
	c = mem_rec(m, cache);
	if (mm_unlikely(!is_live(s, c, x, p)))
		return FREE_BAD;
	bytes = cache_size(c);
	if (mm_unlikely(is_debug(c))) {
		bytes = cache_object_size(c);
		debug_free(m, c, p);
	}
	mm_account(m, p, bytes, MM_GRANTED, MM_CACHED);
	object_event(s, MM_EV_OBJ_FREE, p, x.pfn, cache_size(c));
	put(s, m, cache, c, x, p);
	return bytes;
}

msize_t slub_free(struct kmem *s, vaddr_t c, vaddr_t p)
{
	return free_object(s, c, p);
}

/* ---- kmalloc ---- */

static inline struct grant kmalloc(struct kmem *s, const struct alloc_req *req)
{
	const struct kmalloc_classes *k = &s->classes;
	msize_t size = kmem_wanted(s, req);
	unsigned type = (req->gfp & __GFP_DMA) != 0;

	if (mm_unlikely(size > k->largest))
		return kmem_large_alloc(s, size, req);
	return cache_alloc(s, k->cache[type][kmalloc_index(k, size)], req);
}

static struct grant op_malloc(struct alloc *a, const struct alloc_req *req)
{
	return kmalloc((struct kmem *)a, req);
}

static msize_t op_free(struct alloc *a, vaddr_t p)
{
	return free_object((struct kmem *)a, VADDR_NONE, p);
}

/* ksize of a live block. */
static msize_t op_usable(const struct alloc *a, vaddr_t p)
{
	struct kmem s = *(const struct kmem *)a; /* a lookup may make another stretch the hot one */
	struct kmem_block x = kmem_find_block(&s, p);
	struct mm_rec c;

	if (pfn_none(x.pfn))
		return 0;
	if (block_cache(x.desc) == KMEM_LARGE)
		return (msize_t)1 << ((rec_ld16(x.desc, PAGE_OFF_ORDER) & 0xff) + s.page_shift);
	c = mem_rec(a->m, (vaddr_t){block_cache(x.desc)});
	return kmem_usable(cache_object_size(c), cache_size(c), cache_flags(c));
}

/* krealloc: what fits stays, also when it becomes smaller. */
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

const struct bytes_ops slub_bytes_ops = {
	.malloc = op_malloc,
	.free = op_free,
	.resize = op_resize,
	.usable = op_usable,
	.largest_request = op_largest,
};
