/* The caches facet: several caches at once. */
#include "conformance/driver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { CREATE, ALLOC, FREE, SHRINK, DESTROY, WRONG };
static const char *const words[] = {"create", "alloc", "free", "shrink", "destroy", "wrong free"};

static bool offered(const struct alloc_ops *ops)
{
	return ops->caches != NULL;
}

static struct op random_op(struct prng *p, const struct world *w, const struct shadow *s)
{
	static const msize_t sizes[] = {1, 8, 12, 24, 32, 40, 64, 96, 100, 200, 256, 500, 1000};
	unsigned dice = (unsigned)prng_below(p, 100);
	unsigned fill = (s->births / 64) % 2 ? 40 : 58;
	struct op o = {.code = ALLOC, .pick = (uint32_t)prng_next(p)};

	(void)w;
	if (dice < 8)
		o.code = CREATE;
	else if (dice >= 8 + fill && dice < 90)
		o.code = FREE;
	else if (dice >= 90)
		o.code = dice < 93 ? SHRINK : dice < 95 ? DESTROY : WRONG;
	o.small = (uint8_t)prng_below(p, NR_WRONG);
	o.size = prng_below(p, 20) == 0 ? random_size(p, w) : sizes[prng_below(p, 13)];
	o.align = prng_below(p, 4) == 0 ? (msize_t)1 << prng_below(p, 8) : 0;
	return o;
}

static uint64_t create(struct world *w, struct shadow *s, const struct op *o)
{
	struct shadow_cache *c = &s->cache[o->pick % SHADOW_CACHES];
	static const uint32_t flags[NR_WRONG] = {0,
						 0,
						 0,
						 SLAB_HWCACHE_ALIGN,
						 SLAB_CTOR,
						 SLAB_POISON,
						 SLAB_RED_ZONE,
						 SLAB_RED_ZONE | SLAB_POISON,
						 SLAB_TYPESAFE_BY_RCU,
						 SLAB_HWCACHE_ALIGN | SLAB_CACHE_DMA};
	struct cache_req req = {.name = "objects",
				.size = o->size,
				.align = o->align,
				.flags = flags[o->small % NR_WRONG]};
	struct image_hash was = before_op(w, s);
	uint32_t id;

	if (c->id != CACHE_NONE)
		return 0;
	id = w->top->ops->caches->create(w->top, &req);
	after_op(w, s, was, id == CACHE_NONE);
	if (id == CACHE_NONE)
		return 1;
	for (unsigned i = 0; i < SHADOW_CACHES; i++)
		if (s->cache[i].id == id)
			fail_msg("cache number %u is given twice", id);
	*c = (struct shadow_cache){id, o->size, o->align, 0};
	return digest(2, id);
}

static uint64_t alloc(struct world *w, struct shadow *s, const struct op *o)
{
	struct shadow_cache *c = &s->cache[o->pick % SHADOW_CACHES];
	struct alloc_req req = world_req(c->size, 0);
	struct image_hash was = before_op(w, s);
	struct grant g;

	if (c->id == CACHE_NONE)
		return 0;
	choose_node(w, o, &req);
	g = w->top->ops->caches->alloc(w->top, c->id, &req);
	after_op(w, s, was, g.bytes == 0);
	if (g.bytes == 0)
		return 3;
	note_grant(w, s, g, c->size, c->align ? c->align : 1, o->pick % SHADOW_CACHES);
	c->live++;
	return digest(g.va.v, g.bytes);
}

static uint64_t free_object(struct world *w, struct shadow *s, unsigned i)
{
	struct block b = s->b[i];
	struct shadow_cache *c = &s->cache[b.cache];
	msize_t back;

	shadow_del(s, w, i);
	c->live--;
	back = w->top->ops->caches->free(w->top, c->id, (vaddr_t){b.base});
	if (back != b.bytes)
		fail_msg("free of an object of %llu bytes gives back %llu",
			 (unsigned long long)b.bytes, (unsigned long long)back);
	return digest(b.base, back);
}

static uint64_t destroy(struct world *w, struct shadow *s, unsigned slot)
{
	struct shadow_cache *c = &s->cache[slot];
	struct image_hash was = before_op(w, s);
	int err;

	if (c->id == CACHE_NONE)
		return 0;
	err = w->top->ops->caches->destroy(w->top, c->id);
	if (err != (c->live > 0 ? MM_EBUSY : 0))
		fail_msg("destroy of a cache with %u live objects says %d", c->live, err);
	after_op(w, s, was, err != 0);
	if (err == 0)
		c->id = CACHE_NONE;
	return digest(5, (uint64_t)err);
}

/* The wrong pointer, or a right one in the wrong cache. */
static uint64_t do_wrong(struct world *w, struct shadow *s, const struct op *o)
{
	unsigned slot = o->pick % SHADOW_CACHES;
	bool likely = false;
	uint64_t va = wrong_pointer(w, s, o->small, o->pick, &likely);
	struct image_hash was = before_op(w, s);

	if (s->cache[slot].id == CACHE_NONE)
		return 0;
	if (s->nr > 0 && s->b[o->small % s->nr].cache != slot && o->pick % 3 == 0) {
		va = s->b[o->small % s->nr].base;
		likely = false;
	}
	if (likely && (s->careful || excepted(w->sc.ops->name, "likely-free")))
		return 6;
	if (w->top->ops->caches->free(w->top, s->cache[slot].id, (vaddr_t){va}) != FREE_BAD)
		fail_msg("cache %u takes %#llx, which is no live object of it", s->cache[slot].id,
			 (unsigned long long)va);
	if (s->strict && !hash_equal(was, world_hash(w)))
		fail_msg("a refused free changed the image");
	return 6;
}

static uint64_t apply(struct world *w, struct shadow *s, const struct op *o)
{
	uint32_t id = s->cache[o->pick % SHADOW_CACHES].id;

	switch (o->code) {
	case CREATE:
		return create(w, s, o);
	case ALLOC:
		return alloc(w, s, o);
	case FREE:
		return s->nr ? free_object(w, s, o->pick % s->nr) : 0;
	case SHRINK:
		return id == CACHE_NONE ? 0 : digest(4, w->top->ops->caches->shrink(w->top, id));
	case DESTROY:
		return destroy(w, s, o->pick % SHADOW_CACHES);
	default:
		return do_wrong(w, s, o);
	}
}

static unsigned small(const struct world *w, struct op *out)
{
	unsigned n = 0;

	(void)w;
	out[n++] = (struct op){.code = CREATE, .pick = 0, .size = 40};
	out[n++] = (struct op){.code = CREATE, .pick = 1, .size = 200, .align = 32};
	for (uint32_t i = 0; i < 2; i++) {
		out[n++] = (struct op){.code = ALLOC, .pick = i};
		out[n++] = (struct op){.code = SHRINK, .pick = i};
		out[n++] = (struct op){.code = DESTROY, .pick = i};
	}
	for (uint32_t i = 0; i < 3; i++)
		out[n++] = (struct op){.code = FREE, .pick = i};
	return n;
}

static void figures(struct world *w, const struct shadow *s)
{
	for (unsigned i = 0; i < SHADOW_CACHES; i++) {
		struct cache_figures f = {0};

		if (s->cache[i].id == CACHE_NONE)
			continue;
		w->seen[w->nr - 1]->ops->caches->figures(w->seen[w->nr - 1], s->cache[i].id, &f);
		if (f.active_objects != s->cache[i].live || f.total_objects < f.active_objects ||
		    f.object_size < s->cache[i].size)
			fail_msg("cache %u: %llu of %llu objects active, %u are", s->cache[i].id,
				 (unsigned long long)f.active_objects,
				 (unsigned long long)f.total_objects, s->cache[i].live);
	}
}

/* Caches without objects go, and give every page back. */
static void drain(struct world *w, struct shadow *s)
{
	while (s->nr > 0)
		free_object(w, s, (unsigned)(s->births % s->nr));
	figures(w, s);
	for (unsigned i = 0; i < SHADOW_CACHES; i++) {
		destroy(w, s, i);
		if (s->cache[i].id != CACHE_NONE)
			fail_msg("an empty cache cannot be destroyed");
	}
}

static void fresh(struct world *w, struct shadow *s)
{
	for (unsigned bit = 0; bit < 64; bit++)
		for (msize_t d = 0; d < 3; d++) {
			create(w, s, &(struct op){.size = ((msize_t)1 << bit) + d - 1});
			for (unsigned i = 0; i < 3; i++)
				alloc(w, s, &(struct op){.pick = 0});
			figures(w, s);
			world_check(w);
			drain(w, s);
			create(w, s, &(struct op){.size = 8, .align = (msize_t)1 << bit});
			alloc(w, s, &(struct op){.pick = 0});
			drain(w, s);
		}
}

const struct driver drive_caches = {
	.facet = "caches",
	.settings = SETTING_ARENA | SETTING_GROWN,
	.offered = offered,
	.random = random_op,
	.apply = apply,
	.small = small,
	.drain = drain,
	.fresh = fresh,
	.figures = figures,
	.words = words,
	.nr_codes = WRONG + 1,
};
