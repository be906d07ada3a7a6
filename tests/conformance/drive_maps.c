/* The maps facet, areas with memory of their own: map and unmap, on a window of 40 pages. */
#include "conformance/driver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MAP, UNMAP, WRONG };
static const char *const words[] = {"map", "unmap", "wrong unmap"};

#define PAGE 4096u

static bool offered(const struct alloc_ops *ops)
{
	return ops->maps != NULL && (ops->maps->types & 1u << MAP_VMALLOC) != 0;
}

static msize_t random_bytes(struct prng *p)
{
	unsigned dice = (unsigned)prng_below(p, 100);

	if (dice < 60)
		return 1 + prng_below(p, 3 * PAGE);
	if (dice < 90)
		return 1 + prng_below(p, 10 * PAGE);
	if (dice < 97)
		return 1 + prng_below(p, 48 * PAGE);
	if (dice < 99)
		return UINT64_MAX - prng_below(p, 3 * PAGE);
	return prng_below(p, 3) * PAGE;
}

static struct op random_op(struct prng *p, const struct world *w, const struct shadow *s)
{
	unsigned dice = (unsigned)prng_below(p, 100);
	struct op o = {.code = MAP, .pick = (uint32_t)prng_next(p), .size = random_bytes(p)};

	(void)w;
	if (dice < 8) {
		o.code = WRONG;
		o.small = (uint8_t)prng_below(p, NR_WRONG);
	} else if (s->nr > 0 && dice < 8 + 46 + (s->nr > 6 ? 20 : 0)) {
		o.code = UNMAP;
	}
	return o;
}

/* What must hold of any window: the stretches tile it, and its sums are theirs. */
static void figures(struct world *w, const struct shadow *s)
{
	const struct alloc *a = w->seen[w->nr - 1];
	struct map_window x = {.name = NULL};
	msize_t sum[3] = {0}, largest = 0;
	uint64_t live = 0;
	struct map_area r;

	assert_true(a->ops->maps->window(a, 0, &x));
	for (vaddr_t va = x.start; a->ops->maps->next(a, va, &r); va.v = r.base.v + r.bytes) {
		if (r.base.v != va.v)
			fail_msg("the window has a gap at %#llx", (unsigned long long)va.v);
		sum[r.state] += r.bytes;
		live += r.state == MAP_LIVE;
		if (r.state == MAP_FREE && r.bytes > largest)
			largest = r.bytes;
	}
	if (sum[MAP_FREE] != x.free || sum[MAP_LIVE] != x.used || sum[MAP_LAZY] != x.lazy ||
	    x.free + x.used + x.lazy != x.bytes || largest != x.largest || live != x.areas ||
	    live != s->nr)
		fail_msg("the window's figures are not those of its areas");
}

/* A refusal is right if there is no hole, or no page. */
static uint64_t map(struct world *w, struct shadow *s, const struct op *o)
{
	struct map_req req = {.type = MAP_VMALLOC, .size = o->size, .pages = world_req(0, 0)};
	struct image_hash was = before_op(w, s);
	struct grant g = w->top->ops->maps->map(w->top, &req);
	struct map_window x = {.name = NULL};

	after_op(w, s, was, g.bytes == 0);
	if (g.bytes == 0)
		return 1;
	if (g.va.v % PAGE != 0 || g.bytes != round_up(o->size, PAGE))
		fail_msg("%llu bytes at %#llx for %llu", (unsigned long long)g.bytes,
			 (unsigned long long)g.va.v, (unsigned long long)o->size);
	shadow_add(s, w, (struct block){.base = g.va.v, .bytes = g.bytes});
	assert_true(w->top->ops->maps->window(w->top, 0, &x));
	/* A guard behind, where the kind has them: nothing is mapped there. */
	if (x.used > s->bytes &&
	    !pfn_none(w->top->ops->maps->page(w->top, (vaddr_t){g.va.v + g.bytes})))
		fail_msg("something is mapped behind the area at %#llx",
			 (unsigned long long)g.va.v);
	return digest(g.va.v, g.bytes);
}

static uint64_t unmap(struct world *w, struct shadow *s, unsigned i)
{
	struct block b = s->b[i];
	msize_t back;

	shadow_del(s, w, i);
	back = w->top->ops->maps->unmap(w->top, (vaddr_t){b.base}, NULL);
	if (back != b.bytes)
		fail_msg("unmap of %llu bytes gives back %llu", (unsigned long long)b.bytes,
			 (unsigned long long)back);
	if (!pfn_none(w->top->ops->maps->page(w->top, (vaddr_t){b.base})))
		fail_msg("a page is mapped after unmap at %#llx", (unsigned long long)b.base);
	return digest(2, back);
}

static uint64_t wrong(struct world *w, struct shadow *s, const struct op *o)
{
	bool likely;
	uint64_t va = wrong_pointer(w, s, o->small, o->pick, &likely);
	struct image_hash was = before_op(w, s);

	if (w->top->ops->maps->unmap(w->top, (vaddr_t){va}, NULL) != FREE_BAD)
		fail_msg("unmap takes %#llx, where no area begins", (unsigned long long)va);
	if (s->strict && !hash_equal(was, world_hash(w)))
		fail_msg("a refused unmap changed the image");
	return 3;
}

static uint64_t apply(struct world *w, struct shadow *s, const struct op *o)
{
	if (o->code == MAP)
		return map(w, s, o);
	if (o->code == WRONG)
		return wrong(w, s, o);
	return s->nr > 0 ? unmap(w, s, o->pick % s->nr) : 0;
}

static unsigned small(const struct world *w, struct op *out)
{
	unsigned n = 0;

	(void)w;
	for (unsigned pages = 1; pages <= 4; pages++)
		out[n++] = (struct op){.code = MAP, .size = pages * PAGE};
	out[n++] = (struct op){.code = MAP, .size = 20 * PAGE};
	for (uint32_t i = 0; i < 4; i++)
		out[n++] = (struct op){.code = UNMAP, .pick = i};
	return n;
}

/* Everything unmapped, nothing is granted and the whole window can be had again. */
static void drain(struct world *w, struct shadow *s)
{
	struct map_window x = {.name = NULL};

	while (s->nr > 0)
		unmap(w, s, (unsigned)(s->births % s->nr));
	figures(w, s);
	assert_true(w->top->ops->maps->window(w->top, 0, &x));
	if (x.areas != 0 || x.used != 0)
		fail_msg("an empty window is in use");
}

static void fresh(struct world *w, struct shadow *s)
{
	for (unsigned bit = 0; bit < 64; bit++)
		for (msize_t d = 0; d < 3; d++) {
			map(w, s, &(struct op){.size = ((msize_t)1 << bit) + d - 1});
			figures(w, s);
			world_check(w);
			if (bit % 5 == 4)
				drain(w, s);
		}
}

const struct driver drive_maps = {
	.facet = "maps",
	.settings = SETTING_GROWN,
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
