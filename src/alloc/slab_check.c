/*
 * slab: the checker of invariants L1 to L9 of slab.c, from the caches to their slabs and
 * from every slab back.
 */
#include "alloc/slab.h"

#include "alloc/slab_layout.h"

#define L1 "L1: caches are a ring of descriptors in use"
#define L2 "L2: a descriptor says what size, alignment and flags lead to"
#define L3 "L3: a slab's page and record agree"
#define L4 "L4: bufctl links the free objects of a slab, and says what the others are"
#define L5 "L5: a record is in the ring that its use says"
#define L6 "L6: nodes count slabs and free objects"
#define L7 "L7: arrays hold objects of their node marked so, and all of them"
#define L8 "L8: what the layer holds for itself is descriptors, arrays and records"
#define L9 "L9: free objects have their red zones and poison"

struct tally {
	uint64_t slabs, free, at_hand, own, caches; /* seen in slabs; own: of other caches */
	uint64_t said_slabs, said_free, said_at_hand, said_own, said_caches;
	uint64_t where, said_where; /* of objects at hand: sums of their addresses, mixed */
};

/* Of a sum of these two sets are equal only if they are, but for one chance in 2^64. */
static uint64_t mixed(vaddr_t o)
{
	uint64_t z = o.v * 0x9E3779B97F4A7C15ull;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	return z ^ (z >> 27);
}

/* Where o lies, without changing the handle. */
static struct slab_object find(const struct kmem *s, vaddr_t o)
{
	struct kmem v = *s;

	return slab_find(&v, o);
}

/* Is o an object that the layer holds for itself so, of `cache` (VADDR_NONE: any but descriptors)? */
static bool is_marked(const struct kmem *s, vaddr_t o, vaddr_t cache, uint32_t mark)
{
	struct slab_object x;

	if ((o.v & (MM_WORD - 1)) != 0)
		return false;
	x = find(s, o);
	return !vaddr_none(x.record) && record_bufctl(s->base.m, x.record, x.index) == mark &&
	       (vaddr_none(cache) ? !vaddr_eq(x.cache, s->caches) : vaddr_eq(x.cache, cache));
}

static bool is_own(const struct kmem *s, vaddr_t o, vaddr_t cache)
{
	return is_marked(s, o, cache, BUFCTL_OWN);
}

static bool all_zero(const struct mem *m, vaddr_t a, msize_t bytes)
{
	for (; bytes >= 4; bytes -= 4, a = vaddr_add(a, 4))
		if (mem_ld32(m, a) != 0)
			return false;
	return true;
}

/* Bytes of an own object from `used` on are zero. */
static bool rest_is_zero(const struct kmem *s, vaddr_t o, msize_t used)
{
	struct mm_rec c = mem_rec(s->base.m, find(s, o).cache);
	uint32_t all = kmem_usable(cache_object_size(c), cache_size(c), cache_flags(c));

	return used > all || all_zero(s->base.m, vaddr_add(o, used), all - used);
}

/* ---- caches ---- */

#define KNOWN_FLAGS                                                                                \
	(SLAB_RED_ZONE | SLAB_POISON | SLAB_KMALLOC | SLAB_HWCACHE_ALIGN | SLAB_CACHE_DMA |        \
	 SLAB_TYPESAFE_BY_RCU | SLAB_CTOR)

static int check_geometry(const struct kmem *s, vaddr_t cache, struct check_report *r)
{
	const struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	struct slab_geometry g;
	uint32_t words[15] = {0};
	bool first = vaddr_eq(cache, s->caches);
	bool good =
		(cache_flags(c) & ~(uint32_t)KNOWN_FLAGS) == 0 &&
		((cache_flags(c) & SLAB_KMALLOC) != 0) == kmem_is_class(s, cache) &&
		slab_geometry(s, cache_object_size(c), cache_align(c), cache_flags(c), first, &g);

	if (good && first && cache_object_size(c) != slab_descriptor_bytes(s))
		good = false;
	if (good)
		slab_geometry_words(&g, words);
	for (unsigned i = 0; i < 15; i++)
		if (mem_ld32(m, vaddr_add(cache, SLAB_B + 4 * i)) != words[i])
			return check_fail(r, L2, vaddr_add(cache, SLAB_B + 4 * i),
					  mem_ld32(m, vaddr_add(cache, SLAB_B + 4 * i)), words[i]);
	if (!all_zero(m, vaddr_add(cache, SLAB_B + 60), SLAB_CPUS - SLAB_B - 60) ||
	    !rest_is_zero(s, cache, slab_descriptor_bytes(s)))
		return check_fail(r, L2, cache, 1, 0);
	return 0;
}

/* Is a an array of the cache for `whose`, but for its entries? */
static bool is_array(const struct kmem *s, vaddr_t cache, uint32_t whose, vaddr_t a, uint32_t limit)
{
	const struct mem *m = s->base.m;

	return is_marked(s, a, VADDR_NONE, BUFCTL_ARRAY) && array_avail(m, a) <= limit &&
	       array_cache(m, a) == kmem_number(s, cache) && array_whose(m, a) == whose &&
	       rest_is_zero(s, a, SLAB_ARRAY_HEAD + (msize_t)limit * MM_WORD);
}

/* Is o a free object of the cache, of that node's memory, that is marked as in an array? */
static bool is_queued(const struct kmem *s, vaddr_t cache, vaddr_t o, unsigned node)
{
	struct slab_object x = find(s, o);

	return !vaddr_none(x.record) && vaddr_eq(x.cache, cache) &&
	       record_bufctl(s->base.m, x.record, x.index) == BUFCTL_ATHAND &&
	       kmem_node(s, va_to_pfn(s->base.m, o, s->page_shift)) == node;
}

/* The array at a (none: nothing to say) of at most `limit` objects of a node. */
static int check_array(const struct kmem *s, vaddr_t cache, vaddr_t a, uint32_t whose,
		       uint32_t limit, struct tally *t, struct check_report *r)
{
	const struct mem *m = s->base.m;
	unsigned node = whose >> 15 & 0x7fff;

	if (vaddr_none(a))
		return 0;
	if (!is_array(s, cache, whose, a, limit))
		return check_fail(r, L7, cache, a.v, limit);
	for (uint32_t i = 0; i < limit; i++) {
		vaddr_t o = array_entry(m, a, i);

		if (i < array_avail(m, a) ? !is_queued(s, cache, o, node) : o.v != 0)
			return check_fail(r, L7, a, o.v, i);
		t->said_where += i < array_avail(m, a) ? mixed(o) : 0;
	}
	t->said_at_hand += array_avail(m, a);
	t->said_own++;
	return 0;
}

static int check_node_arrays(const struct kmem *s, vaddr_t cache, unsigned node, struct tally *t,
			     struct check_report *r)
{
	const struct mem *m = s->base.m;
	uint32_t limit = slab_alien_limit(s, cache);
	vaddr_t n = cache_node(s, cache, node), shared = node_shared(m, n);

	if (!vaddr_none(shared) && slab_shared_limit(s, cache) == 0)
		return check_fail(r, L7, n, shared.v, VADDR_NONE.v);
	if (check_array(s, cache, shared, mm_place(MM_PLACE_SHARED, node, node),
			slab_shared_limit(s, cache), t, r) != 0)
		return MM_EINVAL;
	for (unsigned of = 0; s->nodes > 1 && of < s->nodes; of++) {
		vaddr_t a = node_alien(m, n, of);

		if (!vaddr_none(a) && (of == node || limit == 0))
			return check_fail(r, L7, n, a.v, VADDR_NONE.v);
		if (check_array(s, cache, a, mm_place(MM_PLACE_ALIEN, node, of), limit, t, r) != 0)
			return MM_EINVAL;
	}
	return 0;
}

static int check_arrays(const struct kmem *s, vaddr_t cache, struct tally *t,
			struct check_report *r)
{
	uint32_t limit = cache_limit(mem_rec(s->base.m, cache));

	for (unsigned cpu = 0; cpu < s->cpus; cpu++)
		if (check_array(s, cache, cache_array(s->base.m, cache, cpu),
				mm_place(MM_PLACE_CPU, cpu, kmem_cpu_node(s, cpu)), limit, t,
				r) != 0)
			return MM_EINVAL;
	for (unsigned node = 0; node < s->nodes; node++)
		if (check_node_arrays(s, cache, node, t, r) != 0)
			return MM_EINVAL;
	return 0;
}

/* Is r the record of a slab of the cache? */
static bool is_record(const struct kmem *s, vaddr_t cache, vaddr_t r)
{
	const struct mem *m = s->base.m;
	struct kmem v = *s;
	struct kmem_block b;

	if ((r.v & (MM_WORD - 1)) != 0)
		return false;
	if (cache_off_slab(mem_rec(m, cache)) && !is_own(s, r, VADDR_NONE))
		return false;
	b = kmem_block_of(&v, cache_off_slab(mem_rec(m, cache)) ? record_mem(m, r) : r);
	return !pfn_none(b.pfn) && block_cache(b.desc) == cache.v &&
	       rec_ldw(b.desc, DESC_FREELIST) == r.v;
}

static int check_ring(const struct kmem *s, vaddr_t cache, vaddr_t n, enum slab_place list,
		      uint32_t *left, struct check_report *r)
{
	const struct mem *m = s->base.m;
	vaddr_t head = node_list(m, n, list), at = head, next;

	while (!vaddr_none(at)) {
		if ((*left)-- == 0 || !is_record(s, cache, at) ||
		    record_word(m, at, RECORD_LIST) != list)
			return check_fail(r, L5, n, at.v, list);
		next = record_next(m, at);
		if (!is_record(s, cache, next) || !vaddr_eq(record_prev(m, next), at))
			return check_fail(r, L5, at, next.v, list);
		at = vaddr_eq(next, head) ? VADDR_NONE : next;
	}
	return 0;
}

static int check_nodes(const struct kmem *s, vaddr_t cache, struct tally *t, struct check_report *r)
{
	const struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);

	for (unsigned i = 0; i < s->nodes; i++) {
		vaddr_t n = cache_node(s, cache, i);
		uint32_t left = node_word(m, n, NODE_SLABS);

		for (unsigned list = SLABS_FULL; list <= SLABS_FREE; list++)
			if (check_ring(s, cache, n, (enum slab_place)list, &left, r) != 0)
				return MM_EINVAL;
		if (left != 0)
			return check_fail(r, L6, n, left, 0);
		if (node_word(m, n, NODE_COLOUR_NEXT) > cache_colour(c))
			return check_fail(r, L2, n, node_word(m, n, NODE_COLOUR_NEXT),
					  cache_colour(c));
		t->said_slabs += node_word(m, n, NODE_SLABS);
		t->said_free += node_word(m, n, NODE_FREE_OBJECTS);
		if (cache_off_slab(c))
			t->said_own += node_word(m, n, NODE_SLABS);
	}
	return 0;
}

static int check_caches(const struct kmem *s, struct tally *t, struct check_report *r)
{
	const struct mem *m = s->base.m;
	vaddr_t c = s->caches, next;

	do {
		if (!is_own(s, c, s->caches) || ++t->said_caches > t->caches)
			return check_fail(r, L1, c, t->said_caches, t->caches);
		next = cache_next(m, c);
		if (!is_own(s, next, s->caches) || !vaddr_eq(cache_prev(m, next), c))
			return check_fail(r, L1, c, next.v, c.v);
		if (check_geometry(s, c, r) != 0 || check_nodes(s, c, t, r) != 0)
			return MM_EINVAL;
		if (check_arrays(s, c, t, r) != 0)
			return MM_EINVAL;
		c = next;
	} while (!vaddr_eq(c, s->caches));
	return 0;
}

/* ---- slabs ---- */

static vaddr_t object_at(const struct kmem *s, vaddr_t cache, vaddr_t rec, uint32_t i)
{
	struct mm_rec c = mem_rec(s->base.m, cache);

	return vaddr_add(record_mem(s->base.m, rec),
			 (msize_t)i * cache_size(c) + cache_red_left(c));
}

/* L4: the chain of free objects, and what bufctl says of the others. */
static int check_bufctl(const struct kmem *s, vaddr_t cache, vaddr_t rec, struct tally *t,
			struct check_report *r)
{
	const struct mem *m = s->base.m;
	uint32_t num = cache_num(mem_rec(m, cache)), inuse = record_word(m, rec, RECORD_INUSE);
	uint32_t i = record_word(m, rec, RECORD_FREE), n = 0, links = 0;
	bool first = vaddr_eq(cache, s->caches);

	for (; i != BUFCTL_END; i = record_bufctl(m, rec, i), n++)
		if (i >= num || n >= num)
			return check_fail(r, L4, rec, i, num);
	for (i = 0; i < num; i++) {
		uint32_t b = record_bufctl(m, rec, i);

		links += b < num || b == BUFCTL_END;
		t->at_hand += b == BUFCTL_ATHAND;
		t->where += b == BUFCTL_ATHAND ? mixed(object_at(s, cache, rec, i)) : 0;
		t->own += bufctl_own(b) && !first;
		t->caches += b == BUFCTL_OWN && first;
		if (b >= num && b != BUFCTL_END && b != BUFCTL_ATHAND && b != BUFCTL_OWN &&
		    ((b != BUFCTL_ACTIVE && b != BUFCTL_ARRAY) || first))
			return check_fail(r, L4, rec, b, i);
	}
	if (n != links || inuse > num || n != num - inuse)
		return check_fail(r, L4, rec, n, num - inuse);
	t->free += n;
	return 0;
}

static int check_free_objects(const struct kmem *s, vaddr_t cache, vaddr_t rec,
			      struct check_report *r)
{
	const struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	struct kmem_debug d = {cache_object_size(c), cache_inuse(c), cache_size(c),
			       cache_red_left(c), cache_flags(c)};

	for (uint32_t i = 0; (d.flags & (SLAB_RED_ZONE | SLAB_POISON)) != 0 && i < cache_num(c);
	     i++) {
		uint32_t b = record_bufctl(m, rec, i);
		vaddr_t at = VADDR_NONE, o = object_at(s, cache, rec, i);

		if (b != BUFCTL_ACTIVE && !bufctl_own(b))
			at = kmem_debug_damage(m, &d, o);
		if (!vaddr_none(at))
			return check_fail(r, L9, at, mem_ld8(m, at), 0);
	}
	return 0;
}

/* L3: does the record's place and colour follow from the page? */
static bool record_fits(const struct kmem *s, vaddr_t cache, struct kmem_block b, vaddr_t rec)
{
	const struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	vaddr_t base = pfn_to_va(m, b.pfn, s->page_shift);
	uint32_t colour = record_word(m, rec, RECORD_COLOUR);

	if ((rec_ld16(b.desc, PAGE_OFF_ORDER) & 0xff) != cache_order(c) ||
	    colour % cache_colour_off(c) != 0 || colour / cache_colour_off(c) > cache_colour(c))
		return false;
	base = vaddr_add(base, colour);
	if (cache_off_slab(c))
		return vaddr_eq(record_mem(m, rec), base) &&
		       rest_is_zero(s, rec, SLAB_RECORD + 4ull * cache_num(c));
	return vaddr_eq(rec, base) && vaddr_eq(record_mem(m, rec), vaddr_add(base, cache_mgmt(c)));
}

static int check_slab(const struct kmem *s, struct kmem_block b, struct tally *t,
		      struct check_report *r)
{
	const struct mem *m = s->base.m;
	vaddr_t cache = {block_cache(b.desc)}, rec = {rec_ldw(b.desc, DESC_FREELIST)};
	vaddr_t at = pfn_to_va(m, b.pfn, s->page_shift), n;
	struct mm_rec c = mem_rec(m, cache);
	uint32_t inuse;
	enum slab_place want;

	if (!is_own(s, cache, s->caches) || cache_size(c) == 0 || cache_colour_off(c) == 0)
		return check_fail(r, L3, at, cache.v, s->caches.v);
	if (!is_record(s, cache, rec) || !record_fits(s, cache, b, rec))
		return check_fail(r, L3, rec, record_word(m, rec, RECORD_COLOUR), 0);
	if (check_bufctl(s, cache, rec, t, r) != 0)
		return MM_EINVAL;
	inuse = record_word(m, rec, RECORD_INUSE);
	want = inuse == 0 ? SLABS_FREE : inuse == cache_num(c) ? SLABS_FULL : SLABS_PARTIAL;
	n = cache_node(s, cache, kmem_node(s, b.pfn));
	if (record_word(m, rec, RECORD_LIST) != want || vaddr_none(node_list(m, n, want)) ||
	    !is_record(s, cache, record_next(m, rec)) ||
	    !vaddr_eq(record_prev(m, record_next(m, rec)), rec) ||
	    !is_record(s, cache, record_prev(m, rec)) ||
	    !vaddr_eq(record_next(m, record_prev(m, rec)), rec))
		return check_fail(r, L5, rec, record_word(m, rec, RECORD_LIST), want);
	t->slabs++;
	return check_free_objects(s, cache, rec, r);
}

int slab_check(const struct alloc *a, struct check_report *r)
{
	const struct kmem *s = (const struct kmem *)a;
	struct tally t = {.slabs = 0};
	struct kmem_block b;
	pfn_t at = {0};

	if (!is_own(s, s->caches, s->caches))
		return check_fail(r, L1, s->caches, 0, 1);
	while (kmem_next_block(s, &at, &b))
		if (block_cache(b.desc) != KMEM_LARGE && check_slab(s, b, &t, r) != 0)
			return MM_EINVAL;
	if (check_caches(s, &t, r) != 0)
		return MM_EINVAL;
	if (t.slabs != t.said_slabs || t.free != t.said_free)
		return check_fail(r, L6, s->caches, t.free, t.said_free);
	if (t.at_hand != t.said_at_hand || t.where != t.said_where)
		return check_fail(r, L7, s->caches, t.at_hand, t.said_at_hand);
	if (t.own != t.said_own || t.caches != t.said_caches)
		return check_fail(r, L8, s->caches, t.own, t.said_own);
	return 0;
}
