/* The percpu facet: areas with a copy a CPU; each copy is a block of the shadow's. */
#include "conformance/driver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { ALLOC, FREE, WRONG };
static const char *const words[] = {"alloc", "free", "wrong free"};

static bool offered(const struct alloc_ops *ops)
{
	return ops->percpu != NULL;
}

static const struct percpu_ops *facet(const struct world *w)
{
	return w->top->ops->percpu;
}

static struct op random_op(struct prng *p, const struct world *w, const struct shadow *s)
{
	struct op o = {.code = (uint8_t)(s->nr == 0 || prng_below(p, 100) < 54 ? ALLOC : FREE)};

	o.size = random_size(p, w);
	if (prng_below(p, 8) != 0)
		o.size %= 200;
	o.align = prng_below(p, 3) == 0 ? random_align(p) : 0;
	o.pick = (uint32_t)prng_below(p, 1u << 20);
	if (prng_below(p, 12) == 0)
		o.code = WRONG;
	o.small = (uint8_t)prng_below(p, NR_WRONG);
	return o;
}

static uint64_t get(struct world *w, struct shadow *s, const struct op *o)
{
	struct alloc_req req = world_req(o->size, o->align);
	struct image_hash was = before_op(w, s);
	struct grant g = facet(w)->alloc(w->top, &req);
	unsigned cpus = facet(w)->cpus(w->top);

	after_op(w, s, was, g.bytes == 0);
	if (g.bytes == 0)
		return 1;
	if (g.bytes % cpus != 0 || g.bytes / cpus < o->size)
		fail_msg("%llu bytes on %u CPUs granted for %llu", (unsigned long long)g.bytes,
			 cpus, (unsigned long long)o->size);
	if (o->align != 0 && (g.va.v & (o->align - 1)) != 0)
		fail_msg("%#llx is not a multiple of %llu", (unsigned long long)g.va.v,
			 (unsigned long long)o->align);
	for (unsigned cpu = 0; cpu < cpus; cpu++)
		shadow_add(s, w,
			   (struct block){.base = facet(w)->address(w->top, g.va, cpu).v,
					  .bytes = g.bytes / cpus,
					  .cache = cpu});
	return digest(g.va.v, g.bytes);
}

/* The first copy of the pick-th area: of CPU 0. */
static uint64_t first_copy(const struct shadow *s, uint32_t pick)
{
	for (unsigned i = 0; i < s->nr; i++) {
		const struct block *b = &s->b[(pick + i) % s->nr];

		if (b->cache == 0)
			return b->base;
	}
	fail_msg("no area has a copy of CPU 0");
	return 0;
}

static uint64_t put(struct world *w, struct shadow *s, uint64_t va)
{
	unsigned cpus = facet(w)->cpus(w->top);
	uint64_t bytes = 0, back;

	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		int i = shadow_find(s, facet(w)->address(w->top, (vaddr_t){(msize_t)va}, cpu).v);

		if (i < 0)
			fail_msg("CPU %u has no copy at %#llx", cpu, (unsigned long long)va);
		bytes += s->b[i].bytes;
		shadow_del(s, w, (unsigned)i);
	}
	back = facet(w)->free(w->top, (vaddr_t){(msize_t)va});
	if (back != bytes)
		fail_msg("free gives back %llu bytes of %llu", (unsigned long long)back,
			 (unsigned long long)bytes);
	return digest(2, back);
}

static uint64_t wrong(struct world *w, struct shadow *s, const struct op *o)
{
	bool likely;
	uint64_t va = wrong_pointer(w, s, o->small, o->pick, &likely);
	struct image_hash was = before_op(w, s);

	if (facet(w)->free(w->top, (vaddr_t){(msize_t)va}) != FREE_BAD)
		fail_msg("free of %#llx, where no area begins, is taken for one",
			 (unsigned long long)va);
	after_op(w, s, was, true);
	return 3;
}

static uint64_t apply(struct world *w, struct shadow *s, const struct op *o)
{
	if (o->code == ALLOC)
		return get(w, s, o);
	if (o->code == WRONG)
		return wrong(w, s, o);
	return s->nr == 0 ? 0 : put(w, s, first_copy(s, o->pick));
}

static unsigned small(const struct world *w, struct op *out)
{
	(void)w;
	out[0] = (struct op){.code = ALLOC, .size = 4};
	out[1] = (struct op){.code = ALLOC, .size = 60, .align = 16};
	out[2] = (struct op){.code = ALLOC, .size = 300};
	out[3] = (struct op){.code = FREE, .pick = 0};
	out[4] = (struct op){.code = FREE, .pick = 3};
	return 5;
}

/* Empty again, the first chunk gives at once what it gave when it was new. */
static void drain(struct world *w, struct shadow *s)
{
	while (s->nr > 0)
		put(w, s, first_copy(s, 0));
	get(w, s, &(struct op){.size = facet(w)->largest_request(w->top)});
	if (s->nr != facet(w)->cpus(w->top))
		fail_msg("an empty chunk refuses an area of a whole unit");
	put(w, s, first_copy(s, 0));
}

static void fresh(struct world *w, struct shadow *s)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		for (msize_t d = 0; d < 3; d++)
			get(w, s, &(struct op){.size = ((msize_t)1 << bit) + d - 1});
		get(w, s, &(struct op){.size = 10, .align = (msize_t)1 << bit});
		world_check(w);
	}
}

const struct driver drive_percpu = {
	.facet = "percpu",
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
