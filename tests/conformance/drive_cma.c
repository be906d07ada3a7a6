/* Contiguous areas: ranges are claimed and released while others use the pages meanwhile. */
#include "conformance/driver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { TAKE, GIVE, PIN, CLAIM, RELEASE, WRONG };
static const char *const words[] = {"alloc_pages", "free_pages",  "pin",
				    "cma_alloc",   "cma_release", "wrong release"};

/* Kinds of map_of entries, whose `va` is the pfn, `bytes` the order and `pa` the contents. */
enum { MOVABLE, PINNED, KERNEL };

static bool offered(const struct alloc_ops *ops)
{
	return ops->cma != NULL;
}

static struct alloc *pages_of(const struct world *w)
{
	return w->layer[1];
}

static struct op random_op(struct prng *p, const struct world *w, const struct shadow *s)
{
	static const uint8_t dice[] = {TAKE, TAKE,  TAKE,  TAKE,  GIVE,    GIVE,    GIVE,
				       PIN,  CLAIM, CLAIM, CLAIM, RELEASE, RELEASE, WRONG};
	struct op o = {.code = dice[prng_below(p, 14)], .pick = (uint32_t)prng_next(p)};

	(void)w;
	(void)s;
	o.small = (uint8_t)prng_below(p, 8);
	o.size = 1 + prng_below(p, 9 << w->own->env.page_shift);
	o.align = prng_below(p, 3) == 0 ? 1ull << (w->own->env.page_shift + prng_below(p, 4)) : 0;
	return o;
}

/* ---- who has pages meanwhile ---- */

static uint64_t *word_at(const struct world *w, uint64_t pfn)
{
	void *p = world_host(w, w->g.offset + (pfn << w->own->env.page_shift), 8);

	assert_non_null(p);
	return p;
}

static void must_hold(const struct world *w, const struct shadow_map *x)
{
	for (uint64_t i = 0; i < 1ull << x->bytes; i++)
		if (*word_at(w, x->va + i) != x->pa + i)
			fail_msg("page %llu of the block at pfn %#llx lost its contents",
				 (unsigned long long)i, (unsigned long long)x->va);
}

static uint64_t do_take(struct world *w, struct shadow *s, const struct op *o)
{
	static const uint8_t kind[] = {MOVABLE, MOVABLE, MOVABLE, KERNEL};
	struct alloc_req req = world_req(0, 0);
	unsigned order = o->small % 8 / 4u + (o->pick % 8 == 0);
	struct shadow_map x = {.bytes = order, .kind = kind[o->small % 4], .pa = ++s->births << 8};
	pfn_t pfn;

	if (s->nr_maps == SHADOW_MAPS)
		return 0;
	req.migratetype = x.kind == KERNEL ? MIGRATE_UNMOVABLE : MIGRATE_MOVABLE;
	pfn = pages_of(w)->ops->pages->alloc_pages(pages_of(w), order, &req);
	if (pfn_none(pfn))
		return 1;
	x.va = pfn.v;
	for (uint64_t i = 0; i < 1ull << order; i++)
		*word_at(w, x.va + i) = x.pa + i;
	if (shadow_covers(s, w->g.offset + (x.va << w->own->env.page_shift)))
		fail_msg("pfn %#llx is claimed and given to another", (unsigned long long)x.va);
	s->map_of[s->nr_maps++] = x;
	return digest(2, pfn.v);
}

static uint64_t do_give(struct world *w, struct shadow *s, uint32_t pick)
{
	struct shadow_map x;

	if (s->nr_maps == 0)
		return 0;
	pick %= s->nr_maps;
	x = s->map_of[pick];
	must_hold(w, &x);
	s->map_of[pick] = s->map_of[--s->nr_maps];
	if (pages_of(w)->ops->pages->free_pages(pages_of(w), (pfn_t){(uint32_t)x.va},
						(unsigned)x.bytes) != 0)
		fail_msg("pfn %#llx is not live where it was moved to", (unsigned long long)x.va);
	return 3;
}

static uint64_t do_pin(struct shadow *s, uint32_t pick)
{
	struct shadow_map *x;

	if (s->nr_maps == 0)
		return 0;
	x = &s->map_of[pick % s->nr_maps];
	if (x->kind != KERNEL)
		x->kind = x->kind == MOVABLE && pick % 3 == 0 ? PINNED : MOVABLE;
	return 4 + x->kind;
}

/* ---- claims ---- */

static bool moved(void *ctx, pfn_t from, pfn_t to, unsigned order)
{
	struct shadow *s = ctx;

	for (unsigned i = 0; i < s->nr_maps; i++) {
		struct shadow_map *x = &s->map_of[i];

		if (x->va != from.v)
			continue;
		if (x->kind == KERNEL || x->bytes != order)
			fail_msg("what is not movable is moved, or in part");
		if (x->kind == PINNED)
			return false;
		x->va = to.v;
		return true;
	}
	fail_msg("a page of nobody is moved: pfn %#x", from.v);
	return false;
}

static uint64_t do_claim(struct world *w, struct shadow *s, const struct op *o)
{
	struct page_mover mover = {.move = moved, .ctx = s};
	msize_t page = 1ull << w->own->env.page_shift;
	struct grant g;

	s->tokens = false;
	g = w->top->ops->cma->alloc(w->top, o->size, o->align, &mover);
	for (unsigned i = 0; i < s->nr_maps; i++)
		must_hold(w, &s->map_of[i]);
	if (g.bytes == 0)
		return 8;
	if (g.bytes < o->size || g.bytes % page != 0)
		fail_msg("%llu bytes claimed for %llu", (unsigned long long)g.bytes,
			 (unsigned long long)o->size);
	if (o->align != 0 && ((g.va.v - w->g.offset) & (o->align - 1)) != 0)
		fail_msg("the claim is not aligned");
	shadow_add(s, w, (struct block){.base = g.va.v, .bytes = g.bytes});
	for (unsigned i = 0; i < s->nr_maps; i++)
		if (shadow_covers(s, w->g.offset + s->map_of[i].va * page))
			fail_msg("pfn %#llx is claimed, and still another's",
				 (unsigned long long)s->map_of[i].va);
	return digest(g.va.v, mover.moved);
}

static uint64_t do_release(struct world *w, struct shadow *s, uint32_t pick)
{
	struct block b;

	if (s->nr == 0)
		return 0;
	b = s->b[pick % s->nr];
	shadow_del(s, w, pick % s->nr);
	if (w->top->ops->cma->release(w->top, (vaddr_t){b.base}, b.bytes) != b.bytes)
		fail_msg("the claim at %#llx cannot be released", (unsigned long long)b.base);
	return 9;
}

/* What was never claimed, or one page more than was, or from its middle on. */
static uint64_t do_wrong(struct world *w, struct shadow *s, const struct op *o)
{
	msize_t page = 1ull << w->own->env.page_shift, bytes = page;
	struct image_hash was = before_op(w, s);
	bool likely;
	vaddr_t va = {wrong_pointer(w, s, o->small, o->pick, &likely)};

	if (s->nr != 0 && o->small == 2) {
		const struct block *b = &s->b[o->pick % s->nr];

		if (shadow_find(s, b->base + b->bytes) >= 0)
			return 0;
		va.v = b->base;
		bytes = b->bytes + page;
	} else if (shadow_covers(s, va.v) && va.v % page == 0) {
		return 0;
	}
	if (w->top->ops->cma->release(w->top, va, bytes) != FREE_BAD)
		fail_msg("%llu bytes at %#llx were never claimed", (unsigned long long)bytes,
			 (unsigned long long)va.v);
	after_op(w, s, was, true);
	return 10;
}

static uint64_t apply(struct world *w, struct shadow *s, const struct op *o)
{
	switch (o->code) {
	case TAKE:
		return do_take(w, s, o);
	case GIVE:
		return do_give(w, s, o->pick);
	case PIN:
		return do_pin(s, o->pick);
	case CLAIM:
		return do_claim(w, s, o);
	case RELEASE:
		return do_release(w, s, o->pick);
	default:
		return do_wrong(w, s, o);
	}
}

static unsigned small(const struct world *w, struct op *out)
{
	out[0] = (struct op){.code = TAKE, .pick = 1};
	out[1] = (struct op){.code = GIVE};
	out[2] = (struct op){.code = CLAIM, .size = 3u << w->own->env.page_shift};
	out[3] = (struct op){.code = RELEASE};
	return 4;
}

/* All given back, the whole range can be claimed at once. */
static void drain(struct world *w, struct shadow *s)
{
	struct cma_figures f;

	while (s->nr_maps > 0)
		do_give(w, s, 0);
	while (s->nr > 0)
		do_release(w, s, 0);
	w->top->ops->cma->figures(w->top, &f);
	if (f.claimed != 0 || f.largest != f.pages)
		fail_msg("%llu pages are claimed when nothing is", (unsigned long long)f.claimed);
	if (do_claim(w, s, &(struct op){.size = f.pages << w->own->env.page_shift}) == 8)
		fail_msg("an unused range cannot be claimed");
	do_release(w, s, 0);
}

/* With a page of the range lent, a claim of all of it moves that page. */
static void fresh(struct world *w, struct shadow *s)
{
	struct cma_figures f;
	uint64_t start;

	w->top->ops->cma->figures(w->top, &f);
	start = f.start.v;
	for (uint32_t i = 0; i < SHADOW_MAPS; i++)
		if (do_take(w, s, &(struct op){.pick = 1}) == 1)
			break;
	while (s->nr_maps > 4)
		do_give(w, s, s->nr_maps > 8 ? 0 : 1);
	do_claim(w, s, &(struct op){.size = f.pages << w->own->env.page_shift});
	if (s->nr == 1 && s->b[0].base != w->g.offset + (start << w->own->env.page_shift))
		fail_msg("the range is claimed where it does not lie");
}

const struct driver drive_cma = {
	.facet = "cma",
	.settings = SETTING_GROWN,
	.offered = offered,
	.random = random_op,
	.apply = apply,
	.small = small,
	.drain = drain,
	.fresh = fresh,
	.words = words,
	.nr_codes = WRONG + 1,
};
