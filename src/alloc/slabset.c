/*
 * slabset: slabs of equal objects.
 *
 * A slab is a run of 2^order units, aligned to its size, divided into objects of
 * one size; its record says how many are in use and which are free.  A cache keeps
 * the slabs that have a free object in a ring, serves from the first one until it
 * is full, and puts one that is full no longer behind all others, so that it
 * gathers frees until its turn comes.  A slab that becomes empty is kept, up to
 * `keep_empty` a cache, or given back to the pool.
 *
 * Sources: J. Bonwick, The Slab Allocator: An Object-Caching Kernel Memory
 * Allocator, USENIX Summer 1994.  Against it, full slabs are in no list: their
 * objects' addresses lead back to them.
 *
 * Worst case: O(1) a request, but for the first object of a new slab, which costs
 * O(objects) (list form: the list is threaded) and a search in the pool.  Memory:
 * each cache may hold one object in each of many slabs; there is no bound in terms
 * of peak live bytes better than objects a slab.
 *
 * Invariants, cited by the checker:
 *   S1  a slab's record names a cache, and the cache's length
 *   S2  its free objects are objects of it, no two the same, and with those in use
 *       they are all
 *   S3  no bit of a bitmap is set beyond the last object
 *   S4  a slab with a free object is listed, a full one is not (where the taker keeps
 *       objects at hand, either may be otherwise); the ring's links agree and stay
 *       within the cache
 *   S5  `slabs` and `empty` count the cache's slabs
 *   S6  no more empty slabs are kept than keep_empty says
 */
#include "alloc/slabset.h"

#include "alloc/slabset_layout.h"

/* ---- geometry ---- */

static msize_t slab_bytes(const struct slabset *s, unsigned order)
{
	return (msize_t)1 << (order + s->pool.unit_shift);
}

bool slabset_geometry(const struct slabset *s, msize_t size, msize_t align, unsigned order,
		      struct slab_geo *out)
{
	msize_t bytes = slab_bytes(s, order), first = 0;
	uint32_t nr;

	if (size == 0 || size > bytes || bytes > GiB(1))
		return false;
	nr = (uint32_t)bytes / (uint32_t)size;
	if (nr > SLAB_MAX_OBJECTS)
		nr = SLAB_MAX_OBJECTS;
	for (; nr > 0; nr--) {
		if (!s->apart)
			first = round_up(slab_record_bytes(s->form, nr), align);
		if (first + nr * size <= bytes)
			break;
	}
	*out = (struct slab_geo){(uint32_t)size, (uint32_t)first, nr, order};
	return nr > 0;
}

msize_t slabset_waste(const struct slabset *s, const struct slab_geo *g)
{
	return slab_bytes(s, g->order) - (msize_t)g->nr * g->size;
}

bool slabset_best_geometry(const struct slabset *s, msize_t size, msize_t align,
			   struct slab_geo *out)
{
	unsigned most = slabpool_max_order(&s->pool);
	struct slab_geo g;
	bool any = false;

	for (unsigned order = 0; order <= SLAB_MAX_ORDER && order <= most; order++) {
		if (!slabset_geometry(s, size, align, order, &g))
			continue;
		/* Less waste a byte of slab, compared without a division. */
		if (!any || slabset_waste(s, &g) < slabset_waste(s, out) << (order - out->order))
			*out = g;
		any = true;
		if (slabset_waste(s, out) * 8 <= slab_bytes(s, out->order))
			break;
	}
	return any;
}

void slabset_setup(struct slabset *s, enum slab_form form, bool apart, uint32_t keep_empty)
{
	s->form = form;
	s->apart = apart;
	s->keep_empty = keep_empty;
	s->desc = apart ? s->pool.map : s->pool.origin;
	s->stride = apart ? s->pool.stride : (uint32_t)1 << s->pool.unit_shift;
}

void slabset_new_cache(const struct slabset *s, const struct slab_cache *c)
{
	set_cache_head(s->pool.m, c->rec, REF_NONE);
	set_cache_slabs(s->pool.m, c->rec, 0);
	set_cache_empty(s->pool.m, c->rec, 0);
	set_cache_size(s->pool.m, c->rec, c->geo.size);
}

/* ---- the ring of listed slabs ---- */

/* Behind all others; the first one if there is none. */
static void ring_add(const struct slabset *s, vaddr_t rec, uint32_t ref)
{
	struct mem *m = s->pool.m;
	vaddr_t d = slab_record(s, ref), h;
	uint32_t head = cache_head(m, rec), last;

	if (head == REF_NONE) {
		set_record_next(m, d, ref);
		set_record_prev(m, d, ref);
		set_cache_head(m, rec, ref);
		return;
	}
	h = slab_record(s, head);
	last = record_prev(m, h);
	set_record_next(m, d, head);
	set_record_prev(m, d, last);
	set_record_next(m, slab_record(s, last), ref);
	set_record_prev(m, h, ref);
}

static void ring_del(const struct slabset *s, vaddr_t rec, uint32_t ref)
{
	struct mem *m = s->pool.m;
	vaddr_t d = slab_record(s, ref);
	uint32_t next = record_next(m, d), prev = record_prev(m, d);

	if (next == ref) {
		set_cache_head(m, rec, REF_NONE);
	} else {
		set_record_next(m, slab_record(s, prev), next);
		set_record_prev(m, slab_record(s, next), prev);
		if (cache_head(m, rec) == ref)
			set_cache_head(m, rec, next);
	}
	set_record_next(m, d, REF_NONE);
	set_record_prev(m, d, REF_NONE);
}

/* ---- slabs ---- */

static vaddr_t object_va(const struct slabset *s, const struct slab_geo *g, uint32_t ref,
			 uint32_t index)
{
	return vaddr_add(ref_va(&s->pool, ref), g->first + (msize_t)index * g->size);
}

/* Makes all objects free. */
static void format_objects(const struct slabset *s, const struct slab_geo *g, uint32_t ref)
{
	struct mem *m = s->pool.m;
	vaddr_t d = slab_record(s, ref);

	if (s->form == SLAB_LIST) {
		for (uint32_t i = 0; i < g->nr; i++)
			set_object_next(m, object_va(s, g, ref, i),
					i + 1 < g->nr ? object_va(s, g, ref, i + 1) : VADDR_NONE);
		set_slab_free(m, d, object_va(s, g, ref, 0));
		return;
	}
	for (uint32_t w = 0; w < slab_words(g->nr); w++)
		set_slab_bits(m, d, w, 0);
}

/* Moves header, gap and tail of the slab at ref; the objects stay cached. */
static void account_slab(const struct slabset *s, const struct slab_geo *g, uint32_t ref, bool new)
{
	struct mem *m = s->pool.m;
	vaddr_t base = ref_va(&s->pool, ref);
	msize_t header = s->apart ? 0 : slab_record_bytes(s->form, g->nr);
	msize_t tail = slabset_waste(s, g) - g->first;
	enum mm_class meta = new ? MM_METADATA : MM_CACHED, slack = new ? MM_SLACK : MM_CACHED;

	if (header != 0)
		mm_account(m, base, header, new ? MM_CACHED : MM_METADATA, meta);
	if (g->first != header)
		mm_account(m, vaddr_add(base, header), g->first - header,
			   new ? MM_CACHED : MM_SLACK, slack);
	if (tail != 0)
		mm_account(m, object_va(s, g, ref, g->nr), tail, new ? MM_CACHED : MM_SLACK, slack);
}

static uint32_t new_slab(struct slabset *s, const struct slab_cache *c, const struct alloc_req *req,
			 uint64_t *steps)
{
	struct mem *m = s->pool.m;
	uint32_t units = (uint32_t)1 << c->geo.order;
	uint32_t ref = slabpool_get(&s->pool, req, POOL_SLAB + c->id, units, c->geo.order, steps);
	vaddr_t base;

	if (ref == REF_NONE)
		return REF_NONE;
	base = ref_va(&s->pool, ref);
	set_record(m, slab_record(s, ref), REF_NONE, REF_NONE, units, POOL_SLAB + c->id);
	format_objects(s, &c->geo, ref);
	set_cache_slabs(m, c->rec, cache_slabs(m, c->rec) + 1);
	set_cache_empty(m, c->rec, cache_empty(m, c->rec) + 1);
	account_slab(s, &c->geo, ref, true);
	mm_event(m, MM_EV_SLAB_NEW, base.v, c->geo.nr, c->geo.size);
	return ref;
}

/* Gives the empty, unlisted slab at ref back to the pool. */
static void drop_slab(struct slabset *s, const struct slab_cache *c, uint32_t ref)
{
	struct mem *m = s->pool.m;
	vaddr_t d = slab_record(s, ref);

	mm_event(m, MM_EV_SLAB_FREE, ref_va(&s->pool, ref).v, c->geo.nr, c->geo.size);
	account_slab(s, &c->geo, ref, false);
	set_cache_slabs(m, c->rec, cache_slabs(m, c->rec) - 1);
	mem_fill(m, vaddr_add(d, SLAB_STATE), 0,
		 slab_record_bytes(s->form, c->geo.nr) - SLAB_STATE);
	slabpool_put(&s->pool, ref);
}

uint32_t slabset_more(struct slabset *s, const struct slab_cache *c, const struct alloc_req *req,
		      uint64_t *steps)
{
	uint32_t ref = cache_head(s->pool.m, c->rec);

	if (ref != REF_NONE)
		return ref;
	ref = new_slab(s, c, req, steps);
	if (ref != REF_NONE)
		ring_add(s, c->rec, ref);
	return ref;
}

void slabset_list(struct slabset *s, const struct slab_cache *c, uint32_t ref, bool listed)
{
	bool is = record_next(s->pool.m, slab_record(s, ref)) != REF_NONE;

	if (listed && !is)
		ring_add(s, c->rec, ref);
	else if (!listed && is)
		ring_del(s, c->rec, ref);
}

bool slabset_emptied(struct slabset *s, const struct slab_cache *c, uint32_t ref)
{
	struct mem *m = s->pool.m;
	uint32_t empty = cache_empty(m, c->rec);

	if (empty < s->keep_empty) {
		set_cache_empty(m, c->rec, empty + 1);
		return false;
	}
	slabset_list(s, c, ref, false);
	drop_slab(s, c, ref);
	return true;
}

uint32_t slabset_cache_at(const struct slabset *s, uint32_t ref)
{
	unsigned kind = slabpool_kind(&s->pool, ref);

	if (kind < POOL_SLAB)
		return CACHE_NONE;
	if (s->pool.pages != NULL)
		kind = record_kind(s->pool.m, slab_record(s, ref));
	return kind < POOL_SLAB ? CACHE_NONE : kind - POOL_SLAB;
}

/* ---- objects ---- */

vaddr_t slabset_alloc(struct slabset *s, const struct slab_cache *c, const struct alloc_req *req,
		      uint64_t *steps)
{
	struct mem *m = s->pool.m;
	uint32_t ref = slabset_more(s, c, req, steps), index;
	vaddr_t d, p;

	if (ref == REF_NONE)
		return VADDR_NONE;
	d = slab_record(s, ref);
	if (s->form == SLAB_LIST) {
		p = slab_free(m, d);
		set_slab_free(m, d, object_next(m, p));
		set_object_next(m, p, LINK_WIPED);
		index = (uint32_t)(vaddr_diff(p, ref_va(&s->pool, ref)) - c->geo.first) /
			c->geo.size;
	} else {
		index = slab_take_bit(m, d, c->geo.nr);
		p = object_va(s, &c->geo, ref, index);
	}
	if (record_inuse(m, d) == 0)
		set_cache_empty(m, c->rec, cache_empty(m, c->rec) - 1);
	set_record_inuse(m, d, record_inuse(m, d) + 1);
	if (record_inuse(m, d) == c->geo.nr)
		ring_del(s, c->rec, ref);
	mm_account(m, p, c->geo.size, MM_CACHED, MM_GRANTED);
	mm_event(m, MM_EV_OBJ_ALLOC, p.v, index, ref_va(&s->pool, ref).v);
	return p;
}

/* The slab of c that holds p, or REF_NONE. */
static uint32_t slab_of(const struct slabset *s, const struct slab_cache *c, vaddr_t p)
{
	vaddr_t base = {round_down(p.v, slab_bytes(s, c->geo.order))};
	uint32_t ref = va_ref(&s->pool, base);

	return slabset_cache_at(s, ref) == c->id ? ref : REF_NONE;
}

/*
 * Is the object at p on its slab's list?  An object of a live block, whose link was
 * wiped, is passed with a look at its first word, unless its payload looks like a
 * link; only then is the list walked.
 */
static bool on_list(const struct slabset *s, const struct slab_cache *c, uint32_t ref, vaddr_t p)
{
	const struct mem *m = s->pool.m;
	vaddr_t link = object_next(m, p), at = slab_free(m, slab_record(s, ref));
	msize_t span = (msize_t)c->geo.nr * c->geo.size;

	if (!vaddr_none(link) && vaddr_diff(link, object_va(s, &c->geo, ref, 0)) >= span)
		return false;
	for (uint32_t n = 0; n < c->geo.nr && !vaddr_none(at); n++, at = object_next(m, at))
		if (vaddr_eq(at, p))
			return true;
	return false;
}

/* Puts the object on its slab's list, or sets its bit; false when it is free already. */
static bool give_object(const struct slabset *s, const struct slab_cache *c, uint32_t ref,
			uint32_t index)
{
	struct mem *m = s->pool.m;
	vaddr_t d = slab_record(s, ref), p = object_va(s, &c->geo, ref, index);

	if (s->form == SLAB_BITMAP)
		return slab_give_bit(m, d, index);
	if (on_list(s, c, ref, p))
		return false;
	set_object_next(m, p, slab_free(m, d));
	set_slab_free(m, d, p);
	return true;
}

msize_t slabset_free(struct slabset *s, const struct slab_cache *c, vaddr_t p)
{
	struct mem *m = s->pool.m;
	uint32_t ref = slab_of(s, c, p), off, index, inuse;
	vaddr_t d;

	if (ref == REF_NONE)
		return FREE_BAD;
	d = slab_record(s, ref);
	off = (uint32_t)vaddr_diff(p, ref_va(&s->pool, ref)) - c->geo.first;
	index = off / c->geo.size;
	inuse = record_inuse(m, d);
	if (index >= c->geo.nr || index * c->geo.size != off || inuse == 0 ||
	    !give_object(s, c, ref, index))
		return FREE_BAD;
	set_record_inuse(m, d, inuse - 1);
	mm_account(m, p, c->geo.size, MM_GRANTED, MM_CACHED);
	mm_event(m, MM_EV_OBJ_FREE, p.v, index, ref_va(&s->pool, ref).v);
	if (inuse == c->geo.nr)
		ring_add(s, c->rec, ref);
	if (inuse == 1)
		slabset_emptied(s, c, ref);
	return c->geo.size;
}

uint64_t slabset_shrink(struct slabset *s, const struct slab_cache *c)
{
	struct mem *m = s->pool.m;
	uint32_t ref = cache_head(m, c->rec), empty = cache_empty(m, c->rec);
	uint64_t units = 0;

	set_cache_empty(m, c->rec, 0);
	while (empty > 0) {
		vaddr_t d = slab_record(s, ref);
		uint32_t next = record_next(m, d);

		if (record_inuse(m, d) == 0) {
			ring_del(s, c->rec, ref);
			drop_slab(s, c, ref);
			units += (uint64_t)1 << c->geo.order;
			empty--;
		}
		ref = next;
	}
	return units;
}

uint64_t slabset_live(const struct slabset *s, const struct slab_cache *c)
{
	uint64_t live = 0;

	for (uint32_t r = slabpool_first(&s->pool); r != REF_NONE; r = slabpool_next(&s->pool, r))
		if (slabset_cache_at(s, r) == c->id)
			live += record_inuse(s->pool.m, slab_record(s, r));
	return live;
}

/* ---- what is free, for walkers and the checker ---- */

bool slabset_free_map(const struct slabset *s, const struct slab_cache *c, uint32_t ref,
		      struct slab_map *map)
{
	const struct mem *m = s->pool.m;
	vaddr_t d = slab_record(s, ref), base = object_va(s, &c->geo, ref, 0);

	*map = (struct slab_map){0};
	if (s->form == SLAB_BITMAP) {
		for (uint32_t i = 0; i < c->geo.nr; i++)
			if ((slab_bits(m, d, i >> WORD_SHIFT) & object_bit(i)) == 0)
				slab_map_set(map, i);
		return true;
	}
	for (vaddr_t p = slab_free(m, d); !vaddr_none(p); p = object_next(m, p)) {
		msize_t off = vaddr_diff(p, base);
		uint32_t index = off < (msize_t)c->geo.nr * c->geo.size
					 ? (uint32_t)off / c->geo.size
					 : c->geo.nr;

		if (index == c->geo.nr || index * c->geo.size != off || slab_map_get(map, index))
			return false;
		slab_map_set(map, index);
	}
	return true;
}

/* A span, unless it is empty. */
static void span(walk_fn *fn, void *ctx, const struct walk_span *s)
{
	if (s->bytes != 0)
		fn(ctx, s);
}

void slabset_walk_slab(const struct slabset *s, const struct slab_cache *c, uint32_t ref,
		       const struct slab_map *map, walk_fn *fn, void *ctx)
{
	vaddr_t base = ref_va(&s->pool, ref), tail = object_va(s, &c->geo, ref, c->geo.nr);
	msize_t header = s->apart ? 0 : slab_record_bytes(s->form, c->geo.nr);

	span(fn, ctx, &(struct walk_span){base, header, MM_METADATA, "slab header", c->id});
	span(fn, ctx,
	     &(struct walk_span){vaddr_add(base, header), c->geo.first - header, MM_SLACK, "sliver",
				 0});
	for (uint32_t i = 0; i < c->geo.nr; i++) {
		bool free = slab_map_get(map, i);

		fn(ctx, &(struct walk_span){object_va(s, &c->geo, ref, i), c->geo.size,
					    free ? MM_CACHED : MM_GRANTED,
					    free ? "free object" : "object", i});
	}
	span(fn, ctx,
	     &(struct walk_span){tail, slabset_waste(s, &c->geo) - c->geo.first, MM_SLACK,
				 "slab tail", 0});
}
