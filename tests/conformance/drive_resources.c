/* Resources and device mappings: request, release, ioremap, iounmap. */
#include "conformance/driver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { REQUEST, RELEASE, MAP, UNMAP, WRONG };
static const char *const words[] = {"request", "release", "ioremap", "iounmap", "wrong"};

#define PAGE 4096u

static bool offered(const struct alloc_ops *ops)
{
	return ops->resources != NULL && ops->maps != NULL;
}

static struct op random_op(struct prng *p, const struct world *w, const struct shadow *s)
{
	static const uint8_t codes[] = {REQUEST, REQUEST, REQUEST, RELEASE, RELEASE,
					MAP,     MAP,     UNMAP,   UNMAP,   WRONG};
	struct op o = {.code = codes[prng_below(p, 10)], .pick = (uint32_t)prng_next(p)};
	unsigned dice = (unsigned)prng_below(p, 20);

	(void)w;
	(void)s;
	o.align = WORLD_BUS + 0x400 * prng_below(p, 48);
	o.size = 1 + prng_below(p, dice < 12 ? 0x1000 : 0x6000);
	if (dice == 0)
		o.align = WORLD_BUS - 0x800; /* begins before the bus */
	else if (dice == 1)
		o.align = 0x100000 - PAGE + prng_below(p, 3 * PAGE); /* at RAM */
	else if (dice == 2)
		o.size = UINT64_MAX - prng_below(p, 3);
	else if (dice == 3)
		o.size = 0;
	return o;
}

static bool overlap(uint64_t a, uint64_t n, uint64_t b, uint64_t k)
{
	return a < b + k && b < a + n;
}

/* Whether the range may be had: of nobody, and in the bus wholly or not at all. */
static bool is_free(const struct world *w, const struct shadow *s, uint64_t pa, uint64_t bytes)
{
	bool in_bus = pa >= WORLD_BUS && pa + bytes <= WORLD_BUS + WORLD_BUS_BYTES;

	for (unsigned i = 0; i < s->nr_maps; i++)
		if (s->map_of[i].kind == REQUEST &&
		    overlap(pa, bytes, s->map_of[i].pa, s->map_of[i].bytes))
			return false;
	return !overlap(pa, bytes, w->direct.base.v, w->direct.bytes) &&
	       (in_bus || !overlap(pa, bytes, WORLD_BUS, WORLD_BUS_BYTES));
}

static uint64_t request(struct world *w, struct shadow *s, const struct op *o)
{
	struct mm_resource want = {.base = o->align, .bytes = o->size, .owner = 7, .busy = true}, c;
	struct image_hash was = before_op(w, s);
	bool possible =
		o->size != 0 && o->size <= UINT32_MAX && o->align + o->size - 1 <= UINT32_MAX;
	int err;

	if (s->nr_maps == SHADOW_MAPS)
		return 0;
	err = w->top->ops->resources->request(w->top, &want, &c);
	after_op(w, s, was, err != 0);
	if (err == MM_ENOMEM)
		return 1;
	if (!possible || !is_free(w, s, o->align, o->size)) {
		if (err != (possible ? MM_EBUSY : MM_EINVAL))
			fail_msg("a request of %#llx bytes at %#llx gives %d",
				 (unsigned long long)o->size, (unsigned long long)o->align, err);
		if (possible && !overlap(o->align, o->size, c.base, c.bytes))
			fail_msg("a conflict is blamed on what is elsewhere");
		return digest(2, possible ? c.base : 0);
	}
	if (err != 0)
		fail_msg("a free range at %#llx is refused with %d", (unsigned long long)o->align,
			 err);
	s->map_of[s->nr_maps++] = (struct shadow_map){0, o->align, o->size, REQUEST};
	return 3;
}

static int find(const struct shadow *s, uint32_t kind, uint32_t pick)
{
	for (unsigned i = 0; i < s->nr_maps; i++)
		if (s->map_of[(i + pick) % s->nr_maps].kind == kind)
			return (int)((i + pick) % s->nr_maps);
	return -1;
}

static void forget(struct shadow *s, int i)
{
	s->map_of[i] = s->map_of[--s->nr_maps];
}

static uint64_t release(struct world *w, struct shadow *s, const struct op *o)
{
	int i = find(s, REQUEST, o->pick);

	if (i < 0)
		return 0;
	if (w->top->ops->resources->release(w->top, s->map_of[i].pa, s->map_of[i].bytes) != 0)
		fail_msg("a held range cannot be released");
	forget(s, i);
	return 4;
}

static uint64_t map(struct world *w, struct shadow *s, const struct op *o)
{
	struct map_req req = {.type = MAP_IOREMAP, .size = o->size, .pa = {o->align}};
	struct grant g;
	uint64_t first = round_down(o->align, PAGE);

	if (s->nr_maps == SHADOW_MAPS)
		return 0;
	g = w->top->ops->maps->map(w->top, &req);
	if (g.bytes == 0)
		return 5;
	if (o->size == 0 || o->size > UINT32_MAX ||
	    overlap(o->align, o->size, w->direct.base.v, w->direct.bytes))
		fail_msg("RAM or nothing was mapped as a device");
	if (g.va.v % PAGE != o->align % PAGE || g.bytes != o->size)
		fail_msg("%#llx for device address %#llx", (unsigned long long)g.va.v,
			 (unsigned long long)o->align);
	for (uint64_t at = first; at < o->align + o->size; at += PAGE) {
		pfn_t pfn = w->top->ops->maps->page(
			w->top, (vaddr_t){round_down(g.va.v, PAGE) + at - first});

		if ((uint64_t)pfn.v << 12 != at)
			fail_msg("the device page at %#llx is not shown", (unsigned long long)at);
	}
	s->map_of[s->nr_maps++] = (struct shadow_map){g.va.v, o->align, o->size, MAP};
	return digest(6, g.va.v);
}

static uint64_t unmap(struct world *w, struct shadow *s, const struct op *o)
{
	int i = find(s, MAP, o->pick);
	struct shadow_map m;

	if (i < 0)
		return 0;
	m = s->map_of[i];
	if (w->top->ops->maps->unmap(w->top, (vaddr_t){m.va}, NULL) !=
	    round_up(m.bytes + m.pa % PAGE, PAGE))
		fail_msg("a device mapping gives back other bytes than it had");
	forget(s, i);
	return 7;
}

/* What nobody holds, or not so. */
static uint64_t wrong(struct world *w, struct shadow *s, const struct op *o)
{
	struct image_hash was = before_op(w, s);
	int i = find(s, REQUEST, o->pick);

	if (i >= 0 &&
	    w->top->ops->resources->release(w->top, s->map_of[i].pa, s->map_of[i].bytes + 1) == 0)
		fail_msg("a range was released that nobody held");
	if (w->top->ops->resources->release(w->top, w->direct.base.v, w->direct.bytes) == 0 ||
	    w->top->ops->resources->release(w->top, WORLD_BUS, WORLD_BUS_BYTES) == 0)
		fail_msg("the machine's own resources were released");
	if (w->top->ops->maps->unmap(w->top, (vaddr_t){w->vm.vmalloc_end.v - PAGE}, NULL) !=
	    FREE_BAD)
		fail_msg("a device mapping that is none was unmapped");
	after_op(w, s, was, true);
	return 8;
}

static uint64_t apply(struct world *w, struct shadow *s, const struct op *o)
{
	static uint64_t (*const fn[])(struct world *, struct shadow *,
				      const struct op *) = {request, release, map, unmap, wrong};

	return fn[o->code](w, s, o);
}

static unsigned small(const struct world *w, struct op *out)
{
	unsigned n = 0;

	(void)w;
	for (uint32_t i = 0; i < 3; i++) {
		out[n++] = (struct op){
			.code = REQUEST, .align = WORLD_BUS + i * 0x800, .size = 0x800 + 0x400 * i};
		out[n++] = (struct op){.code = RELEASE, .pick = i};
	}
	out[n++] = (struct op){.code = MAP, .align = WORLD_BUS, .size = 2 * PAGE};
	out[n++] = (struct op){.code = UNMAP};
	return n;
}

static void drain(struct world *w, struct shadow *s)
{
	while (release(w, s, &(struct op){.pick = 1}) != 0)
		;
	while (unmap(w, s, &(struct op){.pick = 1}) != 0)
		;
}

static void fresh(struct world *w, struct shadow *s)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		request(w, s, &(struct op){.align = WORLD_BUS, .size = (msize_t)1 << bit});
		request(w, s, &(struct op){.align = (msize_t)1 << bit, .size = PAGE});
		map(w, s, &(struct op){.align = WORLD_BUS, .size = (msize_t)1 << bit});
		world_check(w);
		if (bit % 4 == 3)
			drain(w, s);
	}
}

const struct driver drive_resources = {
	.facet = "resources",
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
