/* Temporary mappings: kmap and kmap_atomic of pages in and outside of the direct map. */
#include "conformance/driver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { KMAP, KUNMAP, ATOMIC, UNATOMIC, WRONG };
static const char *const words[] = {"kmap", "kunmap", "kmap_atomic", "kunmap_atomic",
				    "wrong kunmap"};

#define PAGE 4096u

static bool offered(const struct alloc_ops *ops)
{
	return ops->maps != NULL && (ops->maps->types & 1u << MAP_KMAP) != 0;
}

/* Pages 0 to 11 lie outside of the direct map, 12 to 15 in it.  Nobody need have allocated them. */
static uint64_t page_of(const struct world *w, uint32_t pick)
{
	const struct geometry *geo = w->sc.geo;

	pick %= 16;
	return pick < 12 ? geo->regions[2].base + pick * PAGE
			 : geo->regions[1].base + (pick - 12) * PAGE;
}

static bool is_low(const struct world *w, uint64_t pa)
{
	return pa - w->direct.base.v < w->direct.bytes;
}

static struct op random_op(struct prng *p, const struct world *w, const struct shadow *s)
{
	unsigned dice = (unsigned)prng_below(p, 100);
	struct op o = {.code = KMAP, .pick = (uint32_t)prng_next(p)};

	(void)w;
	o.small = (uint8_t)prng_below(p, 6); /* CPU and slot */
	if (dice < 8)
		o.code = WRONG;
	else if (dice < 45)
		o.code = s->nr_maps % 2 != 0 ? KUNMAP : UNATOMIC;
	else if (dice < 60)
		o.code = ATOMIC;
	return o;
}

static int find(const struct shadow *s, uint32_t kind, uint32_t pick)
{
	for (unsigned i = 0; i < s->nr_maps; i++) {
		unsigned k = (i + pick) % s->nr_maps;

		if (s->map_of[k].kind == kind)
			return (int)k;
	}
	return -1;
}

static void forget(struct shadow *s, unsigned i)
{
	s->map_of[i] = s->map_of[--s->nr_maps];
}

static void must_show(const struct world *w, uint64_t va, uint64_t pa)
{
	pfn_t pfn = w->top->ops->maps->page(w->top, (vaddr_t){va});

	if ((uint64_t)pfn.v << 12 != pa)
		fail_msg("%#llx shows page %#x, not %#llx", (unsigned long long)va, pfn.v,
			 (unsigned long long)pa);
}

/* Pages outside of the direct map that kmap shows. */
static unsigned pages_shown(const struct world *w, const struct shadow *s, uint64_t pa, bool *mine)
{
	unsigned n = 0;

	*mine = false;
	for (unsigned i = 0; i < s->nr_maps; i++) {
		bool first = s->map_of[i].kind == KMAP && !is_low(w, s->map_of[i].pa);

		for (unsigned k = 0; k < i; k++)
			first = first &&
				(s->map_of[k].kind != KMAP || s->map_of[k].pa != s->map_of[i].pa);
		n += first;
		*mine |= s->map_of[i].kind == KMAP && s->map_of[i].pa == pa;
	}
	return n;
}

static uint64_t do_kmap(struct world *w, struct shadow *s, const struct op *o)
{
	uint64_t pa = page_of(w, o->pick);
	struct map_req req = {.type = MAP_KMAP, .size = 1, .pa = {pa}};
	struct grant g;
	bool mine;
	unsigned shown = pages_shown(w, s, pa, &mine);

	if (s->nr_maps == SHADOW_MAPS)
		return 0;
	g = w->top->ops->maps->map(w->top, &req);
	if (g.bytes == 0) {
		if (is_low(w, pa) || mine || shown < w->vm.pkmap_pages)
			fail_msg("kmap refuses a page with %u of %u slots in use", shown,
				 w->vm.pkmap_pages);
		return 1;
	}
	must_show(w, g.va.v, pa);
	for (unsigned i = 0; i < s->nr_maps; i++)
		if (s->map_of[i].kind == KMAP &&
		    (s->map_of[i].va == g.va.v) != (s->map_of[i].pa == pa))
			fail_msg("two pages at %#llx, or two addresses of one page",
				 (unsigned long long)g.va.v);
	if (is_low(w, pa) && g.va.v != w->g.offset + pa)
		fail_msg("a page of the direct map got another address");
	s->map_of[s->nr_maps++] = (struct shadow_map){g.va.v, pa, PAGE, KMAP};
	return digest(2, g.va.v);
}

static uint64_t do_kunmap(struct world *w, struct shadow *s, const struct op *o, uint32_t kind)
{
	int i = find(s, kind, o->pick);
	struct map_req req = {.type = kind == KMAP ? MAP_KMAP : MAP_KMAP_ATOMIC};

	if (i < 0)
		return 0;
	req.pa.v = s->map_of[i].pa;
	if (w->top->ops->maps->unmap(w->top, (vaddr_t){s->map_of[i].va}, &req) != PAGE)
		fail_msg("a live mapping at %#llx cannot be unmapped",
			 (unsigned long long)s->map_of[i].va);
	forget(s, (unsigned)i);
	return 3;
}

/* Whatever the slot showed is forgotten: the next mapping overwrites. */
static uint64_t do_atomic(struct world *w, struct shadow *s, const struct op *o)
{
	uint64_t pa = page_of(w, o->pick);
	struct map_req req = {.type = MAP_KMAP_ATOMIC, .size = 1, .pa = {pa}, .slot = o->small / 2};
	struct grant g;

	req.pages.cpu = o->small % 2;
	if (s->nr_maps == SHADOW_MAPS)
		return 0;
	g = w->top->ops->maps->map(w->top, &req);
	if (g.bytes == 0) {
		if (is_low(w, pa) || (w->vm.pkmap_pages != 0 && req.slot < w->own->params[0].u))
			fail_msg("kmap_atomic refuses slot %u", req.slot);
		return 1;
	}
	must_show(w, g.va.v, pa);
	for (unsigned i = 0; i < s->nr_maps; i++)
		if (s->map_of[i].kind == ATOMIC && s->map_of[i].va == g.va.v && !is_low(w, pa))
			forget(s, i--);
	s->map_of[s->nr_maps++] = (struct shadow_map){g.va.v, pa, PAGE, ATOMIC};
	return digest(4, g.va.v);
}

/* An address of no mapping, or the wrong page at one. */
static uint64_t do_wrong(struct world *w, struct shadow *s, const struct op *o)
{
	struct map_req req = {.type = o->small % 2 ? MAP_KMAP : MAP_KMAP_ATOMIC,
			      .pa = {w->sc.geo->regions[2].base + 15 * PAGE}};
	struct image_hash was = before_op(w, s);
	uint64_t va[] = {w->vm.pkmap_base.v + 1,
			 w->vm.pkmap_base.v + w->vm.pkmap_pages * PAGE,
			 w->vm.fixmap_top.v,
			 w->vm.fixmap_top.v - PAGE,
			 0,
			 w->vm.fixmap_top.v - 200 * PAGE};

	if (w->top->ops->maps->unmap(w->top, (vaddr_t){va[o->pick % 6]}, &req) != FREE_BAD)
		fail_msg("an unmap of nothing at %#llx is taken",
			 (unsigned long long)va[o->pick % 6]);
	after_op(w, s, was, true);
	return 5;
}

static uint64_t apply(struct world *w, struct shadow *s, const struct op *o)
{
	switch (o->code) {
	case KMAP:
		return do_kmap(w, s, o);
	case KUNMAP:
		return do_kunmap(w, s, o, KMAP);
	case ATOMIC:
		return do_atomic(w, s, o);
	case UNATOMIC:
		return do_kunmap(w, s, o, ATOMIC);
	default:
		return do_wrong(w, s, o);
	}
}

static unsigned small(const struct world *w, struct op *out)
{
	unsigned n = 0;

	(void)w;
	for (uint32_t i = 0; i < 3; i++) {
		out[n++] = (struct op){.code = KMAP, .pick = i};
		out[n++] = (struct op){.code = ATOMIC, .pick = i, .small = (uint8_t)(i % 2)};
		out[n++] = (struct op){.code = KUNMAP, .pick = i};
		out[n++] = (struct op){.code = UNATOMIC, .pick = i};
	}
	return n;
}

static void drain(struct world *w, struct shadow *s)
{
	struct map_window x = {.name = NULL};

	while (do_kunmap(w, s, &(struct op){.pick = 1}, KMAP) != 0)
		;
	while (do_kunmap(w, s, &(struct op){.pick = 1}, ATOMIC) != 0)
		;
	for (unsigned i = 0; w->top->ops->maps->window(w->top, i, &x); i++)
		if (x.used != 0)
			fail_msg("%s is in use when nothing is mapped", x.name);
}

/* As many pages as there are slots, one more is refused; a slot that is given back serves it. */
static void fresh(struct world *w, struct shadow *s)
{
	unsigned n = w->vm.pkmap_pages < 12 ? w->vm.pkmap_pages : 11;

	for (unsigned i = 0; w->vm.pkmap_pages != 0 && i < n; i++)
		assert_int_not_equal(do_kmap(w, s, &(struct op){.pick = i}), 1);
	if (w->vm.pkmap_pages != 0)
		assert_int_equal(do_kmap(w, s, &(struct op){.pick = n}), 1);
	do_kunmap(w, s, &(struct op){.pick = 3}, KMAP);
	if (w->vm.pkmap_pages != 0)
		assert_int_not_equal(do_kmap(w, s, &(struct op){.pick = n}), 1);
}

const struct driver drive_kmaps = {
	.facet = "kmaps",
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
