/*
 * slub: the checker of invariants U1 to U9 of slub.c, from the caches to their slabs
 * and from every slab back.
 */
#include "alloc/slub_map.h"

#define U1 "U1: caches are a ring of descriptors in use"
#define U2 "U2: a descriptor says what size, alignment and flags lead to"
#define U3 "U3: a slab's page names its cache and counts its objects"
#define U4 "U4: a slab's free lists hold what is not in use, each once"
#define U5 "U5: a frozen slab is one CPU's, once"
#define U6 "U6: a node lists its slabs with free objects, and no other"
#define U7 "U7: nodes count slabs and objects"
#define U8 "U8: the layer's own objects are in use where a cache needs them"
#define U9 "U9: free objects have their red zones and poison"

/* What the slabs add up to, against what the caches say. */
struct tally {
	uint64_t slabs, objects, partial, frozen; /* seen */
	uint64_t own[2]; /* objects in use of the layer's own two caches */
	uint64_t said_slabs, said_objects, said_partial, said_frozen, caches;
};

static vaddr_t slab_va(const struct kmem *s, pfn_t slab)
{
	return pfn_to_va(s->base.m, slab, s->page_shift);
}

/* The slab of the layer that begins at pfn; false: there is none. */
static bool slab_at(const struct kmem *s, pfn_t pfn, struct kmem_block *out)
{
	const struct mem *m = s->base.m;
	vaddr_t d = s->pages->pages->ops->pages->descriptor(s->pages->pages, pfn);

	if (vaddr_none(d) || page_state(m, d) != PAGE_LIVE || !page_taken(m, d))
		return false;
	*out = (struct kmem_block){pfn, mem_rec(m, d)};
	return rec_ld32(out->desc, DESC_LAYER) == s->layer && block_cache(out->desc) != KMEM_LARGE;
}

/* Is `o` an object in use of that own cache, whose slabs are of one page? */
static bool own_object(const struct kmem *s, vaddr_t cache, vaddr_t o)
{
	struct mm_rec c = mem_rec(s->base.m, cache);
	struct kmem_block x;
	struct slub_map map;
	msize_t at;

	if ((o.v & (MM_WORD - 1)) != 0 || cache_size(c) == 0 ||
	    !slab_at(s, va_to_pfn(s->base.m, o, s->page_shift), &x) ||
	    block_cache(x.desc) != cache.v ||
	    !vaddr_eq(slab_va(s, x.pfn), (vaddr_t){round_down(o.v, (msize_t)1 << s->page_shift)}))
		return false;
	at = vaddr_diff(o, slab_va(s, x.pfn));
	return at % cache_size(c) == 0 && slub_free_map(s, cache, x, &map) &&
	       at / cache_size(c) < counters_objects(slab_counters(x.desc)) &&
	       !slub_map_get(&map, (uint32_t)(at / cache_size(c)));
}

/* ---- caches ---- */

static bool all_zero(const struct mem *m, vaddr_t a, msize_t bytes)
{
	for (; bytes >= 4; bytes -= 4, a = vaddr_add(a, 4))
		if (mem_ld32(m, a) != 0)
			return false;
	return true;
}

static bool is_kmalloc(const struct kmem *s, vaddr_t c)
{
	for (unsigned type = 0; type < KMALLOC_TYPES; type++)
		for (unsigned i = 1; i < KMALLOC_INDICES; i++)
			if (vaddr_eq(s->classes.cache[type][i], c))
				return true;
	return false;
}

#define KNOWN_FLAGS                                                                                \
	(SLAB_RED_ZONE | SLAB_POISON | SLAB_KMALLOC | SLAB_HWCACHE_ALIGN | SLAB_CACHE_DMA |        \
	 SLAB_TYPESAFE_BY_RCU | SLAB_CTOR)

static int check_geometry(const struct kmem *s, vaddr_t cache, struct check_report *r)
{
	const struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	struct kmem_geo g, other;
	uint32_t size = cache_object_size(c);
	bool good = (cache_flags(c) & ~(uint32_t)KNOWN_FLAGS) == 0 &&
		    ((cache_flags(c) & SLAB_KMALLOC) != 0) == is_kmalloc(s, cache) &&
		    kmem_slub_geometry(&s->rules, size, cache_align(c), cache_flags(c), &g);

	if (vaddr_eq(cache, s->caches))
		good = slub_own_geometry(s, &g, &other) == 0 && size == g.object_size;
	else if (vaddr_eq(cache, s->node_cache))
		good = slub_own_geometry(s, &other, &g) == 0 && size == g.object_size;
	if (!good || cache_size(c) != g.size || cache_inuse(c) != g.inuse ||
	    cache_offset(c) != g.offset || cache_align(c) != g.align || cache_flags(c) != g.flags ||
	    cache_min_partial(c) != g.min_partial || cache_cpu_partial(c) != g.cpu_partial ||
	    cache_red_left(c) != g.red_left || cache_inverse(c) != kmem_inverse(g.size) ||
	    cache_shape(c) != (g.order | g.min_order << 8 | lsb(g.size) << 16) ||
	    cache_objects(c) != g.objects || cache_min_objects(c) != g.min_objects)
		return check_fail(r, U2, cache, size, good ? g.size : 0);
	size = cache_size(mem_rec(m, s->caches));
	if (!all_zero(m, vaddr_add(cache, slub_descriptor_bytes(s)),
		      size - slub_descriptor_bytes(s)))
		return check_fail(r, U2, vaddr_add(cache, slub_descriptor_bytes(s)), 1, 0);
	return 0;
}

/* One node's list, forward, with its links back. */
static int check_list(const struct kmem *s, vaddr_t cache, vaddr_t n, struct tally *t,
		      struct check_report *r)
{
	const struct mem *m = s->base.m;
	pfn_t prev = PFN_NONE, at = {node_word(m, n, NODE_HEAD)};
	uint32_t left = node_word(m, n, NODE_PARTIAL);
	struct kmem_block x;

	for (; !pfn_none(at); prev = at, at = (pfn_t){rec_ld32(x.desc, PAGE_OFF_NEXT)}) {
		if (left-- == 0 || !slab_at(s, at, &x) || block_cache(x.desc) != cache.v ||
		    (slab_counters(x.desc) & SLUB_FROZEN) != 0 ||
		    rec_ld32(x.desc, PAGE_OFF_PREV) != prev.v || vaddr_none(block_freelist(x.desc)))
			return check_fail(r, U6, n, at.v, left);
		t->said_partial++;
	}
	if (left != 0 || node_word(m, n, NODE_TAIL) != prev.v)
		return check_fail(r, U6, n, node_word(m, n, NODE_TAIL), prev.v);
	return 0;
}

static int check_nodes(const struct kmem *s, vaddr_t cache, struct tally *t, struct check_report *r)
{
	const struct mem *m = s->base.m;
	msize_t bytes = cache_size(mem_rec(m, s->node_cache));

	for (unsigned i = 0; i < s->nodes; i++) {
		vaddr_t n = cache_node(s, cache, i);

		if (!own_object(s, s->node_cache, n))
			return check_fail(r, U8, cache, n.v, i);
		if (node_word(m, n, NODE_NUMBER) != i ||
		    node_word(m, n, NODE_CACHE) != kmem_number(s, cache) ||
		    !all_zero(m, vaddr_add(n, SLUB_NODE), bytes - SLUB_NODE))
			return check_fail(r, U8, n, node_word(m, n, NODE_NUMBER), i);
		if (check_list(s, cache, n, t, r) != 0)
			return MM_EINVAL;
		t->said_slabs += node_word(m, n, NODE_SLABS);
		t->said_objects += node_word(m, n, NODE_OBJECTS);
	}
	return 0;
}

/* A CPU's slab and its partial slabs are frozen ones of the cache. */
static int check_cpu(const struct kmem *s, vaddr_t cache, unsigned cpu, struct tally *t,
		     struct check_report *r)
{
	struct mm_rec c = mem_rec(s->base.m, cache);
	uint32_t at = cpu_at(cpu), nr = UINT32_MAX;
	vaddr_t where = vaddr_add(cache, at);
	pfn_t slab = cpu_slab(c, at);
	struct kmem_block x;

	if (pfn_none(slab)) {
		if (!vaddr_none(cpu_freelist(c, at)))
			return check_fail(r, U5, where, cpu_freelist(c, at).v, 0);
	} else {
		if (!slab_at(s, slab, &x) || block_cache(x.desc) != cache.v ||
		    (slab_counters(x.desc) & SLUB_FROZEN) == 0 ||
		    rec_ld32(x.desc, PAGE_OFF_NEXT) != 0 || rec_ld32(x.desc, PAGE_OFF_PREV) != 0)
			return check_fail(r, U5, where, slab.v, cpu);
		t->said_frozen++;
	}
	for (slab = cpu_partial(c, at); !pfn_none(slab);
	     slab = (pfn_t){rec_ld32(x.desc, PAGE_OFF_NEXT)}) {
		/* The numbers along the list fall, so that it ends. */
		if (!slab_at(s, slab, &x) || block_cache(x.desc) != cache.v ||
		    (slab_counters(x.desc) & SLUB_FROZEN) == 0 ||
		    rec_ld32(x.desc, PAGE_OFF_PREV) >= nr || rec_ld32(x.desc, PAGE_OFF_PREV) == 0)
			return check_fail(r, U5, where, slab.v, cpu);
		nr = rec_ld32(x.desc, PAGE_OFF_PREV);
		t->said_frozen++;
	}
	return 0;
}

/* U1, and the rest of each cache; the ring is not longer than there are descriptors. */
static int check_ring(const struct kmem *s, struct tally *t, struct check_report *r)
{
	const struct mem *m = s->base.m;
	vaddr_t c = s->caches, next;

	do {
		if (!own_object(s, s->caches, c) || ++t->caches > t->own[0])
			return check_fail(r, U1, c, t->caches, t->own[0]);
		next = cache_next(m, c);
		if (!own_object(s, s->caches, next) || !vaddr_eq(cache_prev(m, next), c))
			return check_fail(r, U1, c, next.v, c.v);
		if (check_geometry(s, c, r) != 0 || check_nodes(s, c, t, r) != 0)
			return MM_EINVAL;
		for (unsigned cpu = 0; cpu < s->cpus; cpu++)
			if (check_cpu(s, c, cpu, t, r) != 0)
				return MM_EINVAL;
		c = next;
	} while (!vaddr_eq(c, s->caches));
	return 0;
}

/* ---- slabs ---- */

/* U6 of a slab: on a list when its neighbours say so. */
static bool is_listed(const struct kmem *s, vaddr_t n, struct kmem_block x)
{
	pfn_t next = {rec_ld32(x.desc, PAGE_OFF_NEXT)}, prev = {rec_ld32(x.desc, PAGE_OFF_PREV)};
	struct kmem_block y;

	if (pfn_none(prev) ? node_word(s->base.m, n, NODE_HEAD) != x.pfn.v
			   : !slab_at(s, prev, &y) || rec_ld32(y.desc, PAGE_OFF_NEXT) != x.pfn.v)
		return false;
	return pfn_none(next) ? node_word(s->base.m, n, NODE_TAIL) == x.pfn.v
			      : slab_at(s, next, &y) && rec_ld32(y.desc, PAGE_OFF_PREV) == x.pfn.v;
}

static int check_free_objects(const struct kmem *s, vaddr_t cache, struct kmem_block x,
			      const struct slub_map *map, struct check_report *r)
{
	const struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	struct kmem_debug debug = cache_debug(c);
	vaddr_t o = vaddr_add(slab_va(s, x.pfn), cache_red_left(c));

	if (!kmem_is_debug(debug.flags))
		return 0;
	for (uint32_t i = 0; i < counters_objects(slab_counters(x.desc)); i++) {
		vaddr_t at = VADDR_NONE;

		if (slub_map_get(map, i))
			at = kmem_debug_damage(m, &debug, o);
		if (!vaddr_none(at))
			return check_fail(r, U9, at, mem_ld8(m, at), 0);
		o = vaddr_add(o, cache_size(c));
	}
	return 0;
}

static int check_slab(const struct kmem *s, struct kmem_block x, struct tally *t,
		      struct check_report *r)
{
	vaddr_t cache = {block_cache(x.desc)}, at = slab_va(s, x.pfn);
	struct mm_rec c = mem_rec(s->base.m, cache);
	uint32_t n = slab_counters(x.desc), inuse = counters_inuse(n), all = counters_objects(n);
	unsigned order = rec_ld16(x.desc, PAGE_OFF_ORDER) & 0xff;
	bool frozen = (n & SLUB_FROZEN) != 0, has_free = inuse < all;
	struct slub_map map;

	if (!own_object(s, s->caches, cache) || inuse > all ||
	    !((order == cache_order(c) && all == cache_objects(c)) ||
	      (order == cache_min_order(c) && all == cache_min_objects(c))))
		return check_fail(r, U3, at, n, cache_objects(c));
	if (!slub_free_map(s, cache, x, &map) || map.in_slab != all - inuse ||
	    map.in_cpus > inuse || (map.in_cpus != 0 && !frozen))
		return check_fail(r, U4, at, map.in_slab, all - inuse);
	if (!frozen && has_free && !is_listed(s, cache_node(s, cache, kmem_node(s, x.pfn)), x))
		return check_fail(r, U6, at, rec_ld32(x.desc, PAGE_OFF_NEXT), 0);
	if (!frozen && !has_free &&
	    (rec_ld32(x.desc, PAGE_OFF_NEXT) | rec_ld32(x.desc, PAGE_OFF_PREV)) != 0)
		return check_fail(r, U6, at, rec_ld32(x.desc, PAGE_OFF_NEXT), 0);
	t->slabs++;
	t->objects += all;
	t->frozen += frozen;
	t->partial += !frozen && has_free;
	for (unsigned i = 0; i < 2; i++)
		if (vaddr_eq(cache, i == 0 ? s->caches : s->node_cache))
			t->own[i] += inuse - map.in_cpus;
	return check_free_objects(s, cache, x, &map, r);
}

int slub_check(const struct alloc *a, struct check_report *r)
{
	const struct kmem *s = (const struct kmem *)a;
	struct tally t = {.slabs = 0};
	struct kmem_block x;
	pfn_t at = {0};

	if (!own_object(s, s->caches, s->caches) ||
	    !vaddr_eq(cache_next(a->m, s->caches), s->node_cache))
		return check_fail(r, U1, s->caches, cache_next(a->m, s->caches).v, s->caches.v);
	while (kmem_next_block(s, &at, &x))
		if (block_cache(x.desc) != KMEM_LARGE && check_slab(s, x, &t, r) != 0)
			return MM_EINVAL;
	if (check_ring(s, &t, r) != 0)
		return MM_EINVAL;
	if (t.caches != t.own[0] || t.caches * s->nodes != t.own[1])
		return check_fail(r, U8, s->caches, t.own[1], t.caches * s->nodes);
	if (t.slabs != t.said_slabs || t.objects != t.said_objects)
		return check_fail(r, U7, s->caches, t.slabs, t.said_slabs);
	if (t.partial != t.said_partial)
		return check_fail(r, U6, s->caches, t.partial, t.said_partial);
	if (t.frozen != t.said_frozen)
		return check_fail(r, U5, s->caches, t.frozen, t.said_frozen);
	return 0;
}
