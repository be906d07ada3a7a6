/* The bytes facet: malloc, free, resize, and pointers that are none. */
#include "conformance/driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { MALLOC, FREE, RESIZE, WRONG };
static const char *const words[] = {"malloc", "free", "resize", "wrong free"};

static bool offered(const struct alloc_ops *ops)
{
	return ops->bytes != NULL;
}

/* Fills for a while, then empties for a while, so that both ends are met. */
static struct op random_op(struct prng *p, const struct world *w, const struct shadow *s)
{
	unsigned dice = (unsigned)prng_below(p, 100);
	unsigned fill = (s->births / 64) % 2 ? 42 : 62;
	struct op o = {.code = MALLOC, .pick = (uint32_t)prng_next(p)};

	if (dice >= fill && dice < 86)
		o.code = FREE;
	else if (dice >= 86 && dice < 96)
		o.code = RESIZE;
	else if (dice >= 96)
		o.code = WRONG;
	o.small = (uint8_t)prng_below(p, NR_WRONG);
	o.size = random_size(p, w);
	o.align = o.code == MALLOC ? random_align(p) : 0;
	return o;
}

static uint64_t do_malloc(struct world *w, struct shadow *s, const struct op *o)
{
	struct alloc_req req = world_req(o->size, o->align);
	struct image_hash was = before_op(w, s);
	struct grant g;

	choose_node(w, o, &req);
	g = w->top->ops->bytes->malloc(w->top, &req);
	after_op(w, s, was, g.bytes == 0);
	if (g.bytes == 0)
		return 1;
	if (w->top->ops->bytes->usable(w->top, g.va) != g.bytes)
		fail_msg("usable says %llu of a grant of %llu",
			 (unsigned long long)w->top->ops->bytes->usable(w->top, g.va),
			 (unsigned long long)g.bytes);
	note_grant(w, s, g, o->size, o->align, 0);
	return digest(g.va.v, g.bytes);
}

static uint64_t free_block(struct world *w, struct shadow *s, unsigned i)
{
	struct block b = s->b[i];
	msize_t back;

	shadow_del(s, w, i);
	back = w->top->ops->bytes->free(w->top, (vaddr_t){b.base});
	if (back != b.bytes)
		fail_msg("free of %llu bytes at %#llx gives back %llu", (unsigned long long)b.bytes,
			 (unsigned long long)b.base, (unsigned long long)back);
	return digest(b.base, back);
}

static uint64_t do_resize(struct world *w, struct shadow *s, const struct op *o)
{
	unsigned i = o->pick % s->nr;
	struct alloc_req req = world_req(o->size, 0);
	struct image_hash was = before_op(w, s);
	struct grant g = w->top->ops->bytes->resize(w->top, (vaddr_t){s->b[i].base}, &req);

	after_op(w, s, was, g.bytes == 0);
	if (g.bytes == 0)
		return 3;
	if (g.va.v != s->b[i].base || g.bytes < o->size ||
	    w->top->ops->bytes->usable(w->top, g.va) != g.bytes)
		fail_msg("resize of %#llx to %llu gives %#llx, %llu bytes",
			 (unsigned long long)s->b[i].base, (unsigned long long)o->size,
			 (unsigned long long)g.va.v, (unsigned long long)g.bytes);
	shadow_resize(s, w, i, g.bytes);
	return digest(g.va.v, g.bytes);
}

/* Whether free of va is refused; a fault counts where the kind is excepted. */
static bool refuses(struct world *w, uint64_t va, bool likely)
{
	sigjmp_buf here, *outer = w->g.sh.unwind;
	msize_t back;

	if (sigsetjmp(here, 0) != 0) {
		w->g.sh.unwind = outer;
		if (!likely || !excepted(w->sc.ops->name, "likely-fault"))
			world_unwound(w);
		return true;
	}
	w->g.sh.unwind = &here;
	back = w->top->ops->bytes->free(w->top, (vaddr_t){va});
	w->g.sh.unwind = outer;
	return back == FREE_BAD;
}

static uint64_t do_wrong(struct world *w, struct shadow *s, const struct op *o)
{
	bool likely;
	uint64_t va = wrong_pointer(w, s, o->small, o->pick, &likely);
	struct image_hash was = before_op(w, s);

	if (likely && excepted(w->sc.ops->name, "likely-free"))
		return 4;
	/* The fast port's faults are host signals, for which nobody waits here. */
	if (likely && strcmp(w->sc.in->port, "fast") == 0 &&
	    excepted(w->sc.ops->name, "likely-fault"))
		return 4;
	if (likely && s->careful)
		return 4;
	if (refuses(w, va, likely)) {
		if (s->strict && !hash_equal(was, world_hash(w)))
			fail_msg("a refused free changed the image");
		return 4;
	}
	if (likely && excepted(w->sc.ops->name, "likely-chance"))
		skip(); /* the image is spoiled: no more can be asked of it */
	fail_msg("free of %#llx, which heads no live block, is accepted", (unsigned long long)va);
	return 4;
}

static uint64_t apply(struct world *w, struct shadow *s, const struct op *o)
{
	switch (o->code) {
	case MALLOC:
		return do_malloc(w, s, o);
	case FREE:
		return s->nr ? free_block(w, s, o->pick % s->nr) : 0;
	case RESIZE:
		return s->nr && w->top->ops->bytes->resize ? do_resize(w, s, o) : 0;
	default:
		return do_wrong(w, s, o);
	}
}

static unsigned small(const struct world *w, struct op *out)
{
	static const msize_t sizes[] = {1, 40, 100, 300};
	unsigned n = 0;

	for (unsigned i = 0; i < 4; i++)
		out[n++] = (struct op){.code = MALLOC, .size = sizes[i]};
	out[n++] = (struct op){.code = MALLOC, .size = 20, .align = 128};
	for (uint32_t i = 0; i < 4; i++)
		out[n++] = (struct op){.code = FREE, .pick = i};
	if (w->top->ops->bytes->resize != NULL)
		for (uint32_t i = 0; i < 4; i++)
			out[n++] = (struct op){
				.code = RESIZE, .pick = i / 2, .size = i % 2 ? 120 : 10};
	return n;
}

/* With everything free, what a fresh arena gives must be to be had again. */
static void drain(struct world *w, struct shadow *s)
{
	struct alloc_req req = world_req(w->top->ops->bytes->largest_request(w->top), 0);
	struct grant g;

	while (s->nr > 0)
		free_block(w, s, (unsigned)(s->births % s->nr));
	if (w->sc.geo->setting != SETTING_ARENA)
		return;
	g = w->top->ops->bytes->malloc(w->top, &req);
	if (g.bytes == 0)
		fail_msg("with everything free, the largest request (%llu bytes) is refused",
			 (unsigned long long)req.size);
	note_grant(w, s, g, req.size, 0, 0);
	free_block(w, s, 0);
}

/* No address inside a live block is one, where the kind does not go by what lies before it. */
static void inside(struct world *w, struct shadow *s, msize_t size)
{
	const char *kind = w->sc.ops->name;

	if (excepted(kind, "likely-free") || excepted(kind, "likely-chance"))
		return;
	do_malloc(w, s, &(struct op){.size = size});
	for (uint64_t at = 1; s->nr == 1 && at < s->b[0].bytes; at++)
		if (!refuses(w, s->b[0].base + at, true))
			fail_msg("free inside the block at %#llx is accepted, %llu bytes in",
				 (unsigned long long)s->b[0].base, (unsigned long long)at);
	if (s->nr == 1)
		free_block(w, s, 0);
}

/* Every alignment, sizes about every power of two, and the largest request is the largest. */
static void fresh(struct world *w, struct shadow *s)
{
	msize_t largest = w->top->ops->bytes->largest_request(w->top);

	if (w->sc.geo->setting == SETTING_ARENA) {
		apply(w, s, &(struct op){.code = MALLOC, .size = largest});
		if (s->nr != 1)
			fail_msg("the largest request, %llu bytes, is refused by a fresh arena",
				 (unsigned long long)largest);
		apply(w, s, &(struct op){.code = FREE});
	}
	apply(w, s, &(struct op){.code = MALLOC, .size = largest + 1});
	if (s->nr != 0)
		fail_msg("more than the largest request, %llu bytes, was granted",
			 (unsigned long long)largest);
	for (msize_t size = 100; size < 5000; size *= 2)
		inside(w, s, size);
	for (unsigned bit = 0; bit < 64; bit++) {
		for (msize_t d = 0; d < 3; d++)
			apply(w, s,
			      &(struct op){.code = MALLOC, .size = ((msize_t)1 << bit) + d - 1});
		apply(w, s, &(struct op){.code = MALLOC, .size = 10, .align = (msize_t)1 << bit});
		apply(w, s,
		      &(struct op){
			      .code = MALLOC, .size = UINT64_MAX - 7, .align = (msize_t)1 << bit});
		apply(w, s, &(struct op){.code = FREE, .pick = bit});
		world_check(w);
	}
}

const struct driver drive_bytes = {
	.facet = "bytes",
	.settings = SETTING_ARENA | SETTING_GROWN,
	.offered = offered,
	.random = random_op,
	.apply = apply,
	.small = small,
	.drain = drain,
	.fresh = fresh,
	.words = words,
	.nr_codes = WRONG + 1,
};
