/* slab: slabs, from pages to pages, and the rings they are in. */
#include "alloc/slab.h"

#include "alloc/slab_layout.h"

/* ---- rings ---- */

static void ring_add(struct kmem *s, vaddr_t n, enum slab_place list, vaddr_t r, bool tail)
{
	const struct mem *m = s->base.m;
	vaddr_t head = node_list(m, n, list), last;

	set_record_word(m, r, RECORD_LIST, list);
	if (vaddr_none(head)) {
		set_record_links(m, r, r, r);
		set_node_list(m, n, list, r);
		return;
	}
	last = record_prev(m, head);
	set_record_links(m, r, head, last);
	mem_stva(m, last, r);
	mem_stva(m, vaddr_add(head, MM_WORD), r);
	if (!tail)
		set_node_list(m, n, list, r);
}

static void ring_del(struct kmem *s, vaddr_t n, vaddr_t r)
{
	const struct mem *m = s->base.m;
	enum slab_place list = (enum slab_place)record_word(m, r, RECORD_LIST);
	vaddr_t next = record_next(m, r), prev = record_prev(m, r);

	if (vaddr_eq(next, r)) {
		set_node_list(m, n, list, VADDR_NONE);
	} else {
		mem_stva(m, prev, next);
		mem_stva(m, vaddr_add(next, MM_WORD), prev);
		if (vaddr_eq(node_list(m, n, list), r))
			set_node_list(m, n, list, next);
	}
}

static void add_word(const struct kmem *s, vaddr_t n, enum node_word w, uint32_t x)
{
	set_node_word(s->base.m, n, w, node_word(s->base.m, n, w) + x);
}

/* ---- objects of slabs ---- */

static vaddr_t object_at(const struct mem *m, struct mm_rec c, vaddr_t r, uint32_t i)
{
	return vaddr_add(record_mem(m, r), (msize_t)i * cache_size(c) + cache_red_left(c));
}

vaddr_t slab_take(struct kmem *s, vaddr_t cache, unsigned node, uint32_t mark)
{
	const struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	vaddr_t n = cache_node(s, cache, node), r = node_list(m, n, SLABS_PARTIAL);
	uint32_t i, inuse;

	if (vaddr_none(r)) {
		set_node_word(m, n, NODE_CLOCK, node_word(m, n, NODE_CLOCK) | CLOCK_TOUCHED);
		r = node_list(m, n, SLABS_FREE);
	}
	if (vaddr_none(r))
		return VADDR_NONE;
	i = record_word(m, r, RECORD_FREE);
	inuse = record_word(m, r, RECORD_INUSE) + 1;
	set_record_word(m, r, RECORD_FREE, record_bufctl(m, r, i));
	set_record_word(m, r, RECORD_INUSE, inuse);
	set_record_bufctl(m, r, i, mark);
	add_word(s, n, NODE_FREE_OBJECTS, UINT32_MAX);
	if (inuse == cache_num(c) || record_word(m, r, RECORD_LIST) == SLABS_FREE) {
		ring_del(s, n, r);
		ring_add(s, n, inuse == cache_num(c) ? SLABS_FULL : SLABS_PARTIAL, r, false);
	}
	return object_at(m, c, r, i);
}

static unsigned node_of_record(const struct kmem *s, vaddr_t r)
{
	return kmem_node(s, va_to_pfn(s->base.m, record_mem(s->base.m, r), s->page_shift));
}

/* Into its slab, which goes behind the other partial ones: the others have time to be freed. */
static bool put_object(struct kmem *s, struct slab_object x)
{
	const struct mem *m = s->base.m;
	vaddr_t n = cache_node(s, x.cache, node_of_record(s, x.record));
	uint32_t inuse = record_word(m, x.record, RECORD_INUSE) - 1;

	set_record_bufctl(m, x.record, x.index, record_word(m, x.record, RECORD_FREE));
	set_record_word(m, x.record, RECORD_FREE, x.index);
	set_record_word(m, x.record, RECORD_INUSE, inuse);
	add_word(s, n, NODE_FREE_OBJECTS, 1);
	ring_del(s, n, x.record);
	ring_add(s, n, inuse == 0 ? SLABS_FREE : SLABS_PARTIAL, x.record, inuse != 0);
	return inuse == 0;
}

/* ---- slabs ---- */

/* Moves what is no object: colour, record, tail, red zones. */
static void account(const struct kmem *s, struct mm_rec c, vaddr_t base, bool fresh)
{
	struct mem *m = s->base.m;
	msize_t all = (msize_t)1 << (cache_order(c) + s->page_shift);
	msize_t meta = cache_off_slab(c) ? 0 : SLAB_RECORD + 4ull * cache_num(c);
	msize_t used = (msize_t)cache_num(c) *
		       kmem_usable(cache_object_size(c), cache_size(c), cache_flags(c));

	mm_account(m, base, meta, fresh ? MM_CACHED : MM_METADATA, fresh ? MM_METADATA : MM_CACHED);
	mm_account(m, base, all - used - meta, fresh ? MM_CACHED : MM_SLACK,
		   fresh ? MM_SLACK : MM_CACHED);
}

/* All objects free, in ascending order. */
static void format(const struct kmem *s, struct mm_rec c, vaddr_t r)
{
	const struct mem *m = s->base.m;
	struct kmem_debug d = cache_debug(c);
	uint32_t num = cache_num(c);

	for (uint32_t i = 0; i < num; i++) {
		if (kmem_is_debug(d.flags))
			kmem_debug_fresh(m, &d, object_at(m, c, r, i));
		set_record_bufctl(m, r, i, i + 1 < num ? i + 1 : BUFCTL_END);
	}
}

/* The block at base becomes a slab of the cache; `r` is its record when that lies outside. */
void slab_make_slab(struct kmem *s, vaddr_t cache, vaddr_t base, vaddr_t r)
{
	struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	pfn_t pfn = va_to_pfn(m, base, s->page_shift);
	vaddr_t d = kmem_desc(s, pfn), n = cache_node(s, cache, kmem_node(s, pfn));
	uint32_t colour = node_word(m, n, NODE_COLOUR_NEXT), offset;

	offset = colour * cache_colour_off(c);
	set_node_word(m, n, NODE_COLOUR_NEXT, colour < cache_colour(c) ? colour + 1 : 0);
	if (!cache_off_slab(c))
		r = vaddr_add(base, offset);
	set_record_mem(m, r, vaddr_add(base, offset + (cache_off_slab(c) ? 0 : cache_mgmt(c))));
	set_record_word(m, r, RECORD_COLOUR, offset);
	set_record_word(m, r, RECORD_INUSE, 0);
	set_record_word(m, r, RECORD_FREE, 0);
	format(s, c, r);
	set_page_taken(m, d);
	set_page_private(m, d, cache.v);
	mem_stva(m, vaddr_add(d, DESC_FREELIST), r);
	mem_st32(m, vaddr_add(d, DESC_LAYER), s->layer);
	add_word(s, n, NODE_SLABS, 1);
	add_word(s, n, NODE_FREE_OBJECTS, cache_num(c));
	ring_add(s, n, SLABS_FREE, r, true);
	account(s, c, base, true);
	mm_event(m, MM_EV_SLAB_NEW, base.v, cache_num(c), cache_size(c));
}

static vaddr_t get_pages(struct kmem *s, struct mm_rec c, unsigned node,
			 const struct alloc_req *req)
{
	struct alloc_req r = *req;

	/* Before others' memory is taken, others' objects are: nobody is troubled for these pages. */
	if (s->nodes > 1 && node != NODE_ANY) {
		r.node = (uint8_t)node;
		r.gfp &= ~(uint32_t)(__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM);
		r.gfp |= __GFP_THISNODE;
	}
	r.zone_mask = UINT32_MAX;
	r.owner = PAGE_OWNER_SLAB;
	if ((cache_flags(c) & SLAB_CACHE_DMA) != 0 && s->pages->dma_zones != 0)
		r.zone_mask = s->pages->dma_zones;
	return page_source_get(s->pages, s->base.m, cache_order(c), &r);
}

/* The kmalloc cache that records of c, which lie outside, come from: its own lie inside. */
static vaddr_t record_cache(const struct kmem *s, struct mm_rec c)
{
	return s->classes.cache[0][kmalloc_index(&s->classes, cache_mgmt(c))];
}

static const struct alloc_req own_req = {.zone_mask = UINT32_MAX};

/* An object of a cache whose records lie inside, zeroed, for the layer itself. */
static vaddr_t take_inside(struct kmem *s, vaddr_t cache, uint32_t mark)
{
	struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	vaddr_t o = slab_take(s, cache, 0, mark), base;

	if (vaddr_none(o)) {
		base = get_pages(s, c, NODE_ANY, &own_req);
		if (vaddr_none(base))
			return base;
		slab_make_slab(s, cache, base, VADDR_NONE);
		o = slab_take(s, cache, kmem_node(s, va_to_pfn(m, base, s->page_shift)), mark);
	}
	mm_account(m, o, kmem_usable(cache_object_size(c), cache_size(c), cache_flags(c)),
		   MM_CACHED, MM_METADATA);
	mem_fill(m, o, 0, kmem_usable(cache_object_size(c), cache_size(c), cache_flags(c)));
	return o;
}

bool slab_grow(struct kmem *s, vaddr_t cache, unsigned node, const struct alloc_req *req,
	       unsigned *grown)
{
	struct mm_rec c = mem_rec(s->base.m, cache);
	vaddr_t r = VADDR_NONE, base;

	if (cache_off_slab(c)) {
		r = take_inside(s, record_cache(s, c), BUFCTL_OWN);
		if (vaddr_none(r))
			return false;
	}
	base = get_pages(s, c, node, req);
	if (vaddr_none(base)) {
		if (!vaddr_none(r))
			slab_own_put(s, r);
		return false;
	}
	slab_make_slab(s, cache, base, r);
	*grown = kmem_node(s, va_to_pfn(s->base.m, base, s->page_shift));
	return true;
}

vaddr_t slab_own_take(struct kmem *s, vaddr_t cache, uint32_t mark)
{
	struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	msize_t bytes = kmem_usable(cache_object_size(c), cache_size(c), cache_flags(c));
	unsigned node = 0;
	vaddr_t o;

	if (!cache_off_slab(c))
		return take_inside(s, cache, mark);
	o = slab_take(s, cache, node, mark);
	if (vaddr_none(o) && slab_grow(s, cache, NODE_ANY, &own_req, &node))
		o = slab_take(s, cache, node, mark);
	if (!vaddr_none(o)) {
		mm_account(m, o, bytes, MM_CACHED, MM_METADATA);
		mem_fill(m, o, 0, bytes);
	}
	return o;
}

void slab_own_put(struct kmem *s, vaddr_t o)
{
	struct mem *m = s->base.m;
	struct slab_object x = slab_find(s, o);
	struct mm_rec c = mem_rec(m, x.cache);
	struct kmem_debug d = cache_debug(c);

	mm_account(m, o, kmem_usable(cache_object_size(c), cache_size(c), cache_flags(c)),
		   MM_METADATA, MM_CACHED);
	if (kmem_is_debug(d.flags))
		kmem_debug_fresh(m, &d, o);
	put_object(s, x);
}

/* Gives the free slab with record r back, and the record, if it lies outside. */
static void drop_slab(struct kmem *s, vaddr_t cache, vaddr_t n, vaddr_t r)
{
	struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	vaddr_t base, d;

	base.v = round_down(record_mem(m, r).v, (msize_t)1 << (cache_order(c) + s->page_shift));
	d = kmem_desc(s, va_to_pfn(m, base, s->page_shift));
	mm_event(m, MM_EV_SLAB_FREE, base.v, cache_num(c), cache_size(c));
	ring_del(s, n, r);
	add_word(s, n, NODE_SLABS, UINT32_MAX);
	add_word(s, n, NODE_FREE_OBJECTS, 0u - cache_num(c));
	account(s, c, base, false);
	mem_zero(m, vaddr_add(d, PAGE_DESC_BYTES), DESC_BYTES - PAGE_DESC_BYTES);
	if (cache_off_slab(c))
		slab_own_put(s, r);
	if (page_source_put(s->pages, m, base, cache_order(c)) != 0)
		mm_bug(m, "the page allocator refuses a block it gave", base);
}

void slab_put(struct kmem *s, struct slab_object x)
{
	unsigned node = node_of_record(s, x.record);
	vaddr_t n = cache_node(s, x.cache, node);

	if (put_object(s, x) &&
	    node_word(s->base.m, n, NODE_FREE_OBJECTS) > slab_free_limit(s, x.cache, node))
		drop_slab(s, x.cache, n, x.record);
}

void slab_trim(struct kmem *s, vaddr_t cache, unsigned node, uint32_t left)
{
	const struct mem *m = s->base.m;
	vaddr_t n = cache_node(s, cache, node), r;

	for (; left > 0 && !vaddr_none(r = node_list(m, n, SLABS_FREE)); left--)
		drop_slab(s, cache, n, record_prev(m, r));
}

uint64_t slab_shrink(struct kmem *s, vaddr_t cache)
{
	uint64_t held = s->pages->held;

	slab_drain(s, cache);
	for (unsigned node = 0; node < s->nodes; node++)
		slab_trim(s, cache, node, UINT32_MAX);
	return (held - s->pages->held) >> s->page_shift;
}
