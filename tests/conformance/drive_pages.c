/* The pages facet: blocks of 2^order pages in random orders, zones and types. */
#include "conformance/driver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { ALLOC, FREE, WRONG };
static const char *const words[] = {"alloc_pages", "free_pages", "wrong free"};

static bool offered(const struct alloc_ops *ops)
{
	return ops->pages != NULL;
}

static struct op random_op(struct prng *p, const struct world *w, const struct shadow *s)
{
	unsigned dice = (unsigned)prng_below(p, 100);
	unsigned fill = (s->births / 32) % 2 ? 42 : 62;
	struct op o = {.code = ALLOC, .pick = (uint32_t)prng_next(p)};

	if (dice >= fill)
		o.code = dice < 94 ? FREE : WRONG;
	o.small = (uint8_t)(prng_below(p, 3) ? prng_below(p, 3) : prng_below(p, 12));
	o.size = prng_below(p, 4) ? UINT32_MAX : prng_below(p, 1u << w->sc.geo->nr_zones);
	o.align = prng_next(p); /* migrate type and owner */
	return o;
}

/* The zone whose range holds [pfn, pfn + nr), or -1. */
static int zone_of(const struct world *w, uint64_t pfn, uint64_t nr)
{
	const struct geometry *geo = w->sc.geo;

	for (unsigned z = 0; z < geo->nr_zones; z++)
		for (unsigned i = 0; i < geo->zones[z].nr_ranges; i++) {
			const struct pfn_range *r = &geo->zones[z].ranges[i];

			if (pfn >= r->start.v && pfn + nr <= (uint64_t)r->start.v + r->nr)
				return (int)z;
		}
	return -1;
}

static void judge(struct world *w, pfn_t pfn, unsigned order, uint32_t mask)
{
	int zone = zone_of(w, pfn.v, 1ull << order);

	if (zone < 0)
		fail_msg("pages %#x, order %u, lie in no range of a zone", pfn.v, order);
	if ((mask & (1u << zone)) == 0)
		fail_msg("pages %#x of zone %d for a request with zone mask %#x", pfn.v, zone,
			 mask);
	if ((pfn.v & ((1u << order) - 1)) != 0)
		fail_msg("pages %#x are not aligned to order %u", pfn.v, order);
	if (w->top->ops->pages->block_order(w->top, pfn) != (int)order)
		fail_msg("block_order(%#x) says %d, not %u", pfn.v,
			 w->top->ops->pages->block_order(w->top, pfn), order);
	if (w->top->ops->pages->descriptor != NULL &&
	    vaddr_none(w->top->ops->pages->descriptor(w->top, pfn)))
		fail_msg("a live page without a descriptor: %#x", pfn.v);
}

/* Has a zone of the request's node that may serve it a block that is large enough? */
static bool node_has(const struct world *w, unsigned order, const struct alloc_req *req)
{
	const struct page_ops *p = w->top->ops->pages;

	for (unsigned z = 0; z < w->sc.geo->nr_zones; z++)
		for (unsigned o = order; o <= p->max_order(w->top); o++)
			if (w->sc.geo->zones[z].node == req->node && (req->zone_mask >> z & 1) != 0 &&
			    p->nr_free(w->top, z, o) != 0)
				return true;
	return false;
}

/* `own`: its node could serve it, and nothing is kept from requests. */
static void judge_node(const struct world *w, pfn_t pfn, const struct alloc_req *req, bool own)
{
	int zone = zone_of(w, pfn.v, 1);

	if (zone >= 0 && ((req->gfp & __GFP_THISNODE) != 0 || own) &&
	    w->sc.geo->zones[zone].node != req->node)
		fail_msg("page %#x of node %u for a request of node %u with flags %#x", pfn.v,
			 w->sc.geo->zones[zone].node, req->node, req->gfp);
}

static uint64_t alloc(struct world *w, struct shadow *s, const struct op *o)
{
	struct alloc_req req = {.zone_mask = (uint32_t)o->size,
				.migratetype = (uint8_t)(o->align % MIGRATE_TYPES),
				.owner = (uint8_t)(o->align >> 8)};
	unsigned shift = w->own->env.page_shift, order = o->small;
	struct image_hash was = before_op(w, s);
	bool own;
	pfn_t pfn;

	choose_node(w, o, &req);
	req.cpu = (uint8_t)w->g.sh.cpu;
	if (w->sc.geo->nodes > 1 && (o->pick >> 19 & 3) == 3)
		req.gfp |= __GFP_THISNODE;
	if (order > w->top->ops->pages->max_order(w->top))
		order = w->top->ops->pages->max_order(w->top);
	own = w->sc.variant == 0 && w->sc.geo->nodes > 1 && node_has(w, order, &req);
	pfn = w->top->ops->pages->alloc_pages(w->top, order, &req);
	after_op(w, s, was, pfn_none(pfn));
	if (pfn_none(pfn))
		return 1;
	judge(w, pfn, order, req.zone_mask);
	if (w->sc.geo->nodes > 1)
		judge_node(w, pfn, &req, own);
	shadow_add(s, w,
		   (struct block){.base = ((uint64_t)pfn.v << shift) + w->g.offset,
				  .bytes = 1ull << (order + shift),
				  .order = (uint8_t)order});
	return digest(pfn.v, order);
}

static pfn_t pfn_of(const struct world *w, uint64_t va)
{
	return va_to_pfn(&w->own->view, (vaddr_t){va}, w->own->env.page_shift);
}

static uint64_t free_block(struct world *w, struct shadow *s, unsigned i)
{
	struct block b = s->b[i];

	shadow_del(s, w, i);
	if (w->top->ops->pages->free_pages(w->top, pfn_of(w, b.base), b.order) != 0)
		fail_msg("free of pages %#x, order %u, is refused", pfn_of(w, b.base).v, b.order);
	return digest(pfn_of(w, b.base).v, b.order);
}

/* A page that heads no live block, or the right one with the wrong order. */
static uint64_t do_wrong(struct world *w, struct shadow *s, const struct op *o)
{
	struct image_hash was = before_op(w, s);
	bool likely;
	pfn_t pfn = pfn_of(w, wrong_pointer(w, s, o->small, o->pick, &likely));
	unsigned order = (unsigned)(o->align % 8), shift = w->own->env.page_shift;
	int i;

	if (o->pick % 2 && s->nr > 0)
		pfn = pfn_of(w, s->b[o->pick % s->nr].base);
	i = shadow_find(s, ((uint64_t)pfn.v << shift) + w->g.offset);
	if (i >= 0 && s->b[i].order == order)
		order++;
	if (w->top->ops->pages->free_pages(w->top, pfn, order) == 0)
		fail_msg("free of pages %#x, order %u, is accepted", pfn.v, order);
	if (s->strict && !hash_equal(was, world_hash(w)))
		fail_msg("a refused free changed the image");
	return 2;
}

static uint64_t apply(struct world *w, struct shadow *s, const struct op *o)
{
	switch (o->code) {
	case ALLOC:
		return alloc(w, s, o);
	case FREE:
		return s->nr ? free_block(w, s, o->pick % s->nr) : 0;
	default:
		return do_wrong(w, s, o);
	}
}

static unsigned small(const struct world *w, struct op *out)
{
	unsigned n = 0;

	for (uint8_t order = 0; order < 4; order++)
		if (order <= w->top->ops->pages->max_order(w->top))
			out[n++] = (struct op){.code = ALLOC, .small = order, .size = UINT32_MAX};
	for (uint32_t i = 0; i < 6; i++)
		out[n++] = (struct op){.code = FREE, .pick = i};
	return n;
}

/* Free pages of a zone as the zone itself says, and as its lists add up. */
static void figures(struct world *w, const struct shadow *s)
{
	const struct alloc *a = w->seen[w->nr - 1];
	uint64_t managed = 0, free = 0, live = s->bytes >> w->own->env.page_shift;

	for (unsigned z = 0; z < w->sc.geo->nr_zones; z++) {
		struct zone_figures f = {0};
		uint64_t listed = 0;

		a->ops->pages->zone(a, z, &f);
		for (unsigned o = 0; o <= a->ops->pages->max_order(a); o++)
			listed += a->ops->pages->nr_free(a, z, o) << o;
		if (f.free != listed)
			fail_msg("zone %u has %llu free pages, its lists %llu", z,
				 (unsigned long long)f.free, (unsigned long long)listed);
		managed += f.managed;
		free += f.free;
	}
	if (managed - free != live)
		fail_msg("%llu of %llu pages are free, but %llu live", (unsigned long long)free,
			 (unsigned long long)managed, (unsigned long long)live);
}

/* With everything free, no page is missing. */
static void drain(struct world *w, struct shadow *s)
{
	while (s->nr > 0)
		free_block(w, s, (unsigned)(s->births % s->nr));
	figures(w, s);
}

/* Every page can be had, one by one; then none; then all come back. */
static void fresh(struct world *w, struct shadow *s)
{
	uint64_t managed = 0;

	for (unsigned z = 0; z < w->sc.geo->nr_zones; z++) {
		struct zone_figures f = {0};

		w->top->ops->pages->zone(w->top, z, &f);
		managed += f.managed;
	}
	while (alloc(w, s, &(struct op){.size = UINT32_MAX}) != 1)
		;
	if (s->nr != managed)
		fail_msg("%u pages of %llu could be had", s->nr, (unsigned long long)managed);
	figures(w, s);
	world_check(w);
	world_ledger(w);
	drain(w, s);
}

const struct driver drive_pages = {
	.facet = "pages",
	.settings = SETTING_ZONES,
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
