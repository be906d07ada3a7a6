#include "conformance/driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

const struct driver *const drivers[NR_DRIVERS] = {
	&drive_bytes, &drive_pages,     &drive_caches, &drive_stack, &drive_boot,  &drive_maps,
	&drive_kmaps, &drive_resources, &drive_tasks,  &drive_cma,   &drive_percpu};

uint64_t drive(const struct driver *d, struct world *w, struct shadow *s, const struct op *o)
{
	uint64_t result;

	w->g.sh.cpu = w->sc.geo->nodes > 1 ? o->pick >> 16 & 1 : 0;
	if (getenv("CONFORMANCE_TRACE") == NULL)
		return d->apply(w, s, o);
	fprintf(stderr, "%s small %u pick %u size %#llx align %#llx\n", d->words[o->code], o->small,
		o->pick, (unsigned long long)o->size, (unsigned long long)o->align);
	result = d->apply(w, s, o);
	fprintf(stderr, "  -> %016llx, %u live\n", (unsigned long long)result, s->nr);
	return result;
}

struct image_hash before_op(const struct world *w, const struct shadow *s)
{
	return s->strict ? world_hash(w) : (struct image_hash){0, 0};
}

void after_op(const struct world *w, const struct shadow *s, struct image_hash was, bool refused)
{
	if (!s->strict || !refused || hash_equal(was, world_hash(w)))
		return;
	if (!excepted(w->sc.ops->name, "refused-image"))
		fail_msg("a refused request changed the image");
}

void choose_node(const struct world *w, const struct op *o, struct alloc_req *req)
{
	if (w->sc.geo->nodes > 1)
		req->node = (uint8_t)((o->pick >> 17 & 3) == 3 ? !w->g.sh.cpu : w->g.sh.cpu);
}

void note_grant(struct world *w, struct shadow *s, struct grant g, msize_t size, msize_t align,
		uint32_t cache)
{
	msize_t least = w->own->env.align;

	if (align > least)
		least = align;
	if (g.bytes < size)
		fail_msg("%llu bytes granted for %llu", (unsigned long long)g.bytes,
			 (unsigned long long)size);
	if ((g.va.v & (least - 1)) != 0)
		fail_msg("%#llx is not a multiple of %llu", (unsigned long long)g.va.v,
			 (unsigned long long)least);
	shadow_add(s, w, (struct block){.base = g.va.v, .bytes = g.bytes, .cache = cache});
}

static msize_t room(const struct world *w)
{
	msize_t bytes = 0;

	if (w->sc.geo->setting == SETTING_ARENA)
		return w->sc.geo->arena.bytes;
	for (unsigned i = 1; i < w->g.pm.nr_regions; i++)
		bytes += w->g.pm.regions[i].bytes;
	return bytes;
}

static msize_t huge_size(struct prng *p)
{
	static const msize_t about[] = {
		0x7FFFFFFFull,         0x80000000ull,         0xFFFFFFFFull,        0x100000000ull,
		0x7FFFFFFFFFFFFFFFull, 0x8000000000000000ull, 0xFFFFFFFFFFFFFFFFull};

	return about[prng_below(p, 7)] - prng_below(p, 40);
}

msize_t random_size(struct prng *p, const struct world *w)
{
	msize_t all = room(w);
	unsigned dice = (unsigned)prng_below(p, 100);

	if (dice < 2)
		return 0;
	if (dice < 52)
		return 1 + prng_below(p, all < 4096 ? 48 : 96);
	if (dice < 80)
		return 1 + prng_below(p, all / 128 + 64);
	if (dice < 94)
		return 1 + prng_below(p, all / 16);
	if (dice < 99)
		return 1 + prng_below(p, all + 64);
	return huge_size(p);
}

msize_t random_align(struct prng *p)
{
	unsigned dice = (unsigned)prng_below(p, 100);

	if (dice < 80)
		return 0;
	return dice < 99 ? (msize_t)1 << prng_below(p, 14) : (msize_t)1 << prng_below(p, 64);
}

static uint64_t never_memory(const struct world *w)
{
	return w->g.offset + 0x70000000ull;
}

/* An address near the pick-th live block, by `kind`. */
static uint64_t near_block(const struct world *w, const struct shadow *s, unsigned kind,
			   uint32_t pick)
{
	const struct block *b = &s->b[pick % s->nr];

	switch (kind) {
	case 0:
		return b->base + 1;
	case 1:
		return b->base + w->own->env.align;
	case 2:
		return b->base - w->own->env.align;
	default:
		return b->base + b->bytes;
	}
}

uint64_t wrong_pointer(const struct world *w, const struct shadow *s, unsigned kind, uint32_t pick,
		       bool *likely)
{
	const struct phys_region *last = &w->g.pm.regions[w->g.pm.nr_regions - 1];
	uint64_t va;

	kind %= NR_WRONG;
	if (kind < 4 && s->nr > 0)
		va = near_block(w, s, kind, pick);
	else if (kind < 6 && s->nr_freed > 0)
		va = s->freed[kind == 4 ? 0 : pick % s->nr_freed];
	else if (kind == 6)
		va = 0;
	else if (kind == 7)
		va = w->sc.in->word == 4 ? UINT32_MAX : UINT64_MAX;
	else if (kind == 8)
		va = w->g.offset + last->base + last->bytes;
	else
		va = never_memory(w);
	if (shadow_find(s, va) >= 0)
		va = never_memory(w);
	*likely = shadow_covers(s, va) ||
		  (kind > 0 && kind < 6 && !(kind == 4 && s->births == s->freed_births));
	return va;
}
