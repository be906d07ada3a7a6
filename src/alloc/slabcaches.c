/*
 * slabcaches: caches of objects of one size each, created and destroyed at will.
 *
 * A cache's slabs are those of slabset.c, with the record at the start of each, so
 * that an object's address, masked, leads to it.  The slab's length is the least
 * that wastes an eighth (or the parameter's).  The caches' own records lie in the
 * root, then in table blocks of one unit, which stay once they are there.  A
 * request that finds nothing first gives back every cache's empty slabs.
 *
 * In `slab_list` the free objects of a slab form a list through their first words;
 * in `slab_bitmap` one bit an object, at the slab's start, says that it is free.  The
 * bitmap leaves objects untouched; the list takes one word a slab.
 *
 * Requests by bytes (no cache named) are served from one cache more, created for
 * the parameter `size` or for the first request's size; larger ones are refused.
 *
 * Source and bounds: see slabset.c.  Memory: a cache's slabs hold at most
 * objects-a-slab times its peak of live objects, and at that moment one object each.
 *
 * Invariants, cited by slabcaches_check, beside P1 to P7 and S1 to S6:
 *   C1  every slab's cache exists
 *   C2  a cache's record says what its size and alignment lead to; without a cache
 *       it is zero
 *   C3  the table blocks are those of the directory, and there are no others
 *   C4  the cache that serves bytes exists, and it alone knows that it does
 */
#include "alloc/slabcaches.h"

#include "alloc/slabcaches_layout.h"

/* ---- caches ---- */

bool slabcaches_get(const struct slabcaches *s, uint32_t cache, struct slab_cache *out)
{
	const struct mem *m = s->base.m;
	vaddr_t k;

	if (cache >= cache_numbers(s))
		return false;
	k = cache_record(s, cache);
	*out = (struct slab_cache){
		k, cache, {cache_size(m, k), cache_first(m, k), cache_nr(m, k), cache_order(m, k)}};
	return out->geo.size != 0;
}

bool slabcaches_geometry(const struct slabcaches *s, msize_t size, msize_t align,
			 struct slab_geo *out)
{
	msize_t least = s->set.form == SLAB_LIST && size < MM_WORD ? MM_WORD : size;

	if (size == 0 || size > slabpool_largest(&s->set.pool) || align > unit_bytes(&s->set.pool))
		return false;
	least = round_up(least, align);
	if (s->order == ORDER_AUTO)
		return slabset_best_geometry(&s->set, least, align, out);
	return s->order <= slabpool_max_order(&s->set.pool) &&
	       slabset_geometry(&s->set, least, align, s->order, out);
}

/* One more table block: false when it cannot be. */
static bool grow_table(struct slabcaches *s)
{
	struct slabpool *p = &s->set.pool;
	uint32_t blocks = table_blocks(s), ref;
	uint64_t steps = 0;

	if (blocks == TABLE_BLOCKS)
		return false;
	ref = slabpool_get(p, &(struct alloc_req){.zone_mask = UINT32_MAX}, POOL_TABLE, 1, 0,
			   &steps);
	if (ref == REF_NONE)
		return false;
	mem_zero(p->m, ref_va(p, ref), unit_bytes(p));
	mm_account(p->m, ref_va(p, ref), unit_bytes(p), MM_CACHED, MM_METADATA);
	set_table_block(s, blocks, ref);
	set_table_blocks(s, blocks + 1);
	return true;
}

/* The lowest number without a cache, or CACHE_NONE. */
static uint32_t free_number(struct slabcaches *s)
{
	uint32_t n = 0, nr = cache_numbers(s);

	while (n < nr && cache_size(s->base.m, cache_record(s, n)) != 0)
		n++;
	return n < nr || grow_table(s) ? n : CACHE_NONE;
}

uint32_t slabcaches_create(struct slabcaches *s, const struct cache_req *req)
{
	msize_t align = req->align > s->align ? req->align : s->align;
	struct slab_cache c;

	if (!is_pow2(align) || !slabcaches_geometry(s, req->size, align, &c.geo)) {
		mm_refuse(s->base.m, MM_REFUSE_LIMIT);
		return CACHE_NONE;
	}
	c.id = free_number(s);
	if (c.id == CACHE_NONE)
		return CACHE_NONE;
	c.rec = cache_record(s, c.id);
	slabset_new_cache(&s->set, &c);
	set_cache_geometry(s->base.m, c.rec, &c.geo, msb(align));
	return c.id;
}

uint64_t slabcaches_shrink(struct slabcaches *s, uint32_t cache)
{
	struct slab_cache c;

	if (!slabcaches_get(s, cache, &c))
		return 0;
	return slabset_shrink(&s->set, &c) << s->set.pool.unit_shift >> s->page_shift;
}

int slabcaches_destroy(struct slabcaches *s, uint32_t cache)
{
	struct mem *m = s->base.m;
	struct slab_cache c;

	if (!slabcaches_get(s, cache, &c))
		return MM_EINVAL;
	if (cache_slabs(m, c.rec) != cache_empty(m, c.rec))
		return MM_EBUSY;
	slabset_shrink(&s->set, &c);
	mem_fill(m, c.rec, 0, RECORD_BYTES);
	if (serving_cache(s) == cache + 1)
		set_serving_cache(s, 0);
	return 0;
}

/* ---- objects ---- */

/* Gives back every cache's empty slabs: true if there was one. */
static bool reclaim(struct slabcaches *s)
{
	uint64_t units = 0;
	struct slab_cache c;

	for (uint32_t n = 0; n < cache_numbers(s); n++)
		if (slabcaches_get(s, n, &c))
			units += slabset_shrink(&s->set, &c);
	return units != 0;
}

struct grant slabcaches_alloc(struct slabcaches *s, uint32_t cache, const struct alloc_req *req)
{
	struct slab_cache c;
	uint64_t steps = 0;
	vaddr_t p;

	if (!slabcaches_get(s, cache, &c))
		return GRANT_NONE;
	p = slabset_alloc(&s->set, &c, req, &steps);
	if (vaddr_none(p) && reclaim(s))
		p = slabset_alloc(&s->set, &c, req, &steps);
	mm_search(s->base.m, steps);
	return vaddr_none(p) ? GRANT_NONE : (struct grant){p, c.geo.size};
}

msize_t slabcaches_free(struct slabcaches *s, uint32_t cache, vaddr_t p)
{
	struct slab_cache c;

	return slabcaches_get(s, cache, &c) ? slabset_free(&s->set, &c, p) : FREE_BAD;
}

/* ---- requests by bytes ---- */

/* Number of the cache that serves this request; CACHE_NONE: none ever will, or no memory. */
static uint32_t serve_from(struct slabcaches *s, const struct alloc_req *req)
{
	uint32_t serving = serving_cache(s), cache;
	struct cache_req c = {"bytes", s->bytes_size, req->align, 0};
	struct slab_cache k;

	if (serving != 0 && slabcaches_get(s, serving - 1, &k)) {
		if (req->size <= k.geo.size &&
		    req->align <= (msize_t)1 << cache_align(s->base.m, k.rec))
			return serving - 1;
		mm_refuse(s->base.m, MM_REFUSE_LIMIT);
		return CACHE_NONE;
	}
	if (c.size == 0)
		c.size = req->size ? req->size : 1;
	if (req->size > c.size) {
		mm_refuse(s->base.m, MM_REFUSE_LIMIT);
		return CACHE_NONE;
	}
	cache = slabcaches_create(s, &c);
	if (cache != CACHE_NONE) {
		set_serving_cache(s, cache + 1);
		set_cache_serves(s->base.m, cache_record(s, cache), 1);
	}
	return cache;
}

static struct grant op_malloc(struct alloc *a, const struct alloc_req *req)
{
	struct slabcaches *s = (struct slabcaches *)a;
	uint32_t cache = serve_from(s, req);
	struct grant g;

	if (cache == CACHE_NONE) {
		mm_search(a->m, 0);
		return GRANT_NONE;
	}
	g = slabcaches_alloc(s, cache, req);
	/* The first request has decided the size only if it is served. */
	if (g.bytes == 0 && cache_slabs(a->m, cache_record(s, cache)) == 0 &&
	    slabcaches_destroy(s, cache) != 0)
		mm_bug(a->m, "a cache without a slab is in use", cache_record(s, cache));
	return g;
}

static msize_t op_free(struct alloc *a, vaddr_t p)
{
	struct slabcaches *s = (struct slabcaches *)a;

	return slabcaches_free(s, serving_cache(s) - 1, p);
}

static msize_t op_usable(const struct alloc *a, vaddr_t p)
{
	const struct slabcaches *s = (const struct slabcaches *)a;

	(void)p;
	return cache_size(a->m, cache_record(s, serving_cache(s) - 1));
}

/* In place as long as the object is large enough. */
static struct grant op_resize(struct alloc *a, vaddr_t p, const struct alloc_req *req)
{
	msize_t bytes = op_usable(a, p);

	if (req->size == 0 || req->size > bytes || (req->align & (p.v ^ (p.v - 1)) >> 1) != 0)
		return GRANT_NONE;
	return (struct grant){p, bytes};
}

/* The size that is served; before the first request, the largest that could be. */
static msize_t op_largest(const struct alloc *a)
{
	const struct slabcaches *s = (const struct slabcaches *)a;
	msize_t least = 0, most = slabpool_largest(&s->set.pool);
	struct slab_cache c;
	struct slab_geo g;

	if (serving_cache(s) != 0 && slabcaches_get(s, serving_cache(s) - 1, &c))
		return c.geo.size;
	if (s->bytes_size != 0)
		most = s->bytes_size;
	/* Sizes up to `least` fit, `most` is an upper bound. */
	while (least < most) {
		msize_t mid = least + (most - least + 1) / 2;

		if (slabcaches_geometry(s, mid, s->align, &g))
			least = mid;
		else
			most = mid - 1;
	}
	return least;
}

const struct bytes_ops slabcaches_bytes_ops = {
	.malloc = op_malloc,
	.free = op_free,
	.resize = op_resize,
	.usable = op_usable,
	.largest_request = op_largest,
};

/* ---- formatting ---- */

/* log2 of an arena's units: a page, or less so that there are 16 of them. */
static unsigned arena_unit(const struct alloc_env *env)
{
	msize_t slab = env->params[SLABCACHES_SLAB_BYTES].u;
	unsigned shift = slab != 0 && msb(slab) < env->page_shift ? msb(slab) : env->page_shift;

	while (shift > 8 && env->arena.bytes >> shift < 16)
		shift--;
	return shift;
}

static int read_env(struct slabcaches *s, const struct alloc_env *env, struct pool_shape *shape)
{
	msize_t slab = env->params[SLABCACHES_SLAB_BYTES].u,
		align = env->params[SLABCACHES_ALIGN].u;
	unsigned unit = env->arena.bytes != 0 ? arena_unit(env) : env->page_shift;

	s->align = align > env->align ? align : env->align;
	s->bytes_size = env->params[SLABCACHES_SIZE].u;
	s->page_shift = (uint8_t)env->page_shift;
	if (!is_pow2(s->align) || (slab != 0 && !is_pow2(slab)))
		return MM_EINVAL;
	if (slab != 0 && (msb(slab) < unit || msb(slab) > unit + SLAB_MAX_ORDER))
		return MM_EINVAL;
	s->order = slab == 0 ? ORDER_AUTO : (uint8_t)(msb(slab) - unit);
	s->table_shift = (uint8_t)(unit - RECORD_SHIFT);
	*shape = (struct pool_shape){
		.unit_shift = unit, .taker_bytes = CACHES_TAKER, .record_bytes = POOL_RECORD};
	return 0;
}

int slabcaches_attach(struct alloc *a, const struct alloc_env *env, enum slab_form form)
{
	struct slabcaches *s = (struct slabcaches *)a;
	struct pool_shape shape;
	struct slab_geo g;
	int err = read_env(s, env, &shape);

	if (err == 0)
		err = slabpool_adopt(&s->set.pool, env, &shape);
	if (err != 0)
		return err;
	a->root = s->set.pool.root;
	slabset_setup(&s->set, form, false, (uint32_t)env->params[SLABCACHES_KEEP_EMPTY].u);
	/* Objects of the size asked for, or any at all, must be possible. */
	return slabcaches_geometry(s, s->bytes_size ? s->bytes_size : 1, s->align, &g) ? 0
										       : MM_ENOMEM;
}

int slabcaches_init(struct alloc *a, const struct alloc_env *env, enum slab_form form)
{
	struct slabcaches *s = (struct slabcaches *)a;
	struct pool_shape shape;
	int err = slabcaches_attach(a, env, form); /* whether it can be, before pages are taken */

	if (err == 0)
		err = read_env(s, env, &shape);
	if (err == 0)
		err = slabpool_format(&s->set.pool, env, &shape);
	if (err != 0)
		return err;
	a->root = s->set.pool.root;
	for (uint32_t i = 0; i < TABLE_BLOCKS; i++)
		set_table_block(s, i, REF_NONE);
	return 0;
}

/* ---- the facets: thin adapters ---- */

static void walk_run(const void *taker, uint32_t ref, walk_fn *fn, void *ctx)
{
	const struct slabcaches *s = taker;
	const struct slabpool *p = &s->set.pool;
	struct slab_cache c;
	struct slab_map map;

	if (slabpool_kind(p, ref) == POOL_TABLE) {
		fn(ctx, &(struct walk_span){ref_va(p, ref), unit_bytes(p), MM_METADATA,
					    "cache table", ref});
	} else if (slabcaches_get(s, slabset_cache_at(&s->set, ref), &c)) {
		if (!slabset_free_map(&s->set, &c, ref, &map))
			mm_warn(p->m, "a slab's free list is corrupt", ref_va(p, ref));
		slabset_walk_slab(&s->set, &c, ref, &map, fn, ctx);
	}
}

void slabcaches_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct slabcaches *s = (const struct slabcaches *)a;

	slabpool_walk(&s->set.pool, &(struct pool_walker){fn, ctx, walk_run, s, "cache record",
							  RECORD_BYTES, FIRST_CACHES});
}

static uint32_t op_create(struct alloc *a, const struct cache_req *req)
{
	return slabcaches_create((struct slabcaches *)a, req);
}

static struct grant op_alloc(struct alloc *a, uint32_t cache, const struct alloc_req *req)
{
	return slabcaches_alloc((struct slabcaches *)a, cache, req);
}

static msize_t op_cache_free(struct alloc *a, uint32_t cache, vaddr_t p)
{
	return slabcaches_free((struct slabcaches *)a, cache, p);
}

static uint64_t op_shrink(struct alloc *a, uint32_t cache)
{
	return slabcaches_shrink((struct slabcaches *)a, cache);
}

static int op_destroy(struct alloc *a, uint32_t cache)
{
	return slabcaches_destroy((struct slabcaches *)a, cache);
}

static void op_figures(const struct alloc *a, uint32_t cache, struct cache_figures *out)
{
	const struct slabcaches *s = (const struct slabcaches *)a;
	const struct slabpool *p = &s->set.pool;
	struct slab_cache c;

	*out = (struct cache_figures){0};
	if (!slabcaches_get(s, cache, &c))
		return;
	out->object_size = c.geo.size;
	out->slab_size = (msize_t)1 << (c.geo.order + p->unit_shift);
	out->objects_per_slab = c.geo.nr;
	out->pages_per_slab = (out->slab_size + ((msize_t)1 << s->page_shift) - 1) >> s->page_shift;
	out->slabs = cache_slabs(a->m, c.rec);
	out->total_objects = out->slabs * c.geo.nr;
	out->active_objects = slabset_live(&s->set, &c);
}

const struct cache_ops slabcaches_cache_ops = {
	.create = op_create,
	.alloc = op_alloc,
	.free = op_cache_free,
	.shrink = op_shrink,
	.destroy = op_destroy,
	.figures = op_figures,
};

const struct alloc_param slabcaches_params[] = {
	[SLABCACHES_SIZE] = {"size", PARAM_BYTES, 0, 0, KiB(64), NULL,
			     "bytes of the objects that serve requests by bytes; 0: the first "
			     "request's"},
	[SLABCACHES_SLAB_BYTES] = {"slab_bytes", PARAM_BYTES, 0, 0, MiB(1), NULL,
				   "bytes of a slab, a power of two; 0: the least that wastes an "
				   "eighth"},
	[SLABCACHES_ALIGN] = {"align", PARAM_BYTES, 0, 0, KiB(1), NULL,
			      "least alignment of objects, bytes, a power of two; 0: the target's"},
	[SLABCACHES_KEEP_EMPTY] = {"keep_empty", PARAM_UINT, 1, 0, 65535, NULL,
				   "empty slabs kept for each cache"},
	{0},
};
