/*
 * The boot facet: add, reserve, carve and next_free against one byte of state for
 * each byte of memory: the number of the add() it came with, and whether it is
 * reserved.
 */
#include "conformance/driver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { ADD, RESERVE, CARVE, NEXT };
static const char *const words[] = {"add", "reserve", "carve", "next_free"};

#define RESERVED 0x80u

static bool offered(const struct alloc_ops *ops)
{
	return ops->boot != NULL;
}

static struct op random_op(struct prng *p, const struct world *w, const struct shadow *s)
{
	unsigned dice = (unsigned)prng_below(p, 100);
	struct op o = {.code = CARVE, .pick = (uint32_t)prng_next(p)};

	(void)w;
	(void)s;
	if (dice < 20)
		o.code = ADD;
	else if (dice < 40)
		o.code = RESERVE;
	else if (dice < 55)
		o.code = NEXT;
	o.small = (uint8_t)prng_next(p);
	o.size = prng_below(p, prng_below(p, 8) ? 700 : 20000);
	o.align = (msize_t)1 << prng_below(p, 13);
	return o;
}

/* ---- the bytes ---- */

static uint8_t *state_of(const struct world *w, const struct shadow *s, uint64_t va)
{
	int r = physmem_region(&w->g.pm, va - w->g.offset);

	return r < 1 ? NULL : &s->map[r][va - w->g.offset - w->g.pm.regions[r].base];
}

/* An address from `pick`: in or next to one of the regions. */
static uint64_t some_address(const struct world *w, uint32_t pick)
{
	const struct phys_region *r = &w->g.pm.regions[1 + pick % (w->g.pm.nr_regions - 1)];

	return w->g.offset + r->base + (pick >> 2) % r->bytes;
}

static bool any_memory(const struct world *w, const struct shadow *s, uint64_t va, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i++) {
		const uint8_t *p = state_of(w, s, va + i);

		if (p != NULL && (*p & ~RESERVED) != 0)
			return true;
	}
	return false;
}

static bool is_free(const struct world *w, const struct shadow *s, uint64_t va)
{
	const uint8_t *p = state_of(w, s, va);

	return p != NULL && *p != 0 && (*p & RESERVED) == 0;
}

/* Whether [va, va + bytes) is unreserved and of one add(). */
static bool all_free(const struct world *w, const struct shadow *s, uint64_t va, uint64_t bytes)
{
	const uint8_t *first = state_of(w, s, va);

	for (uint64_t i = 0; i < bytes; i++)
		if (!is_free(w, s, va + i) || *state_of(w, s, va + i) != *first)
			return false;
	return true;
}

/* Length of the free stretch of one add() at va. */
static uint64_t stretch(const struct world *w, const struct shadow *s, uint64_t va)
{
	const uint8_t *first = state_of(w, s, va);
	uint64_t n = 0;

	while (is_free(w, s, va + n) && *state_of(w, s, va + n) == *first)
		n++;
	return n;
}

/* First free byte at or after `from`; UINT64_MAX: none. */
static uint64_t next_free_byte(const struct world *w, const struct shadow *s, uint64_t from)
{
	for (unsigned r = 1; r < w->g.pm.nr_regions; r++) {
		uint64_t va = w->g.offset + w->g.pm.regions[r].base;
		uint64_t end = va + w->g.pm.regions[r].bytes;

		for (va = from > va ? from : va; va < end; va++)
			if (is_free(w, s, va))
				return va;
	}
	return UINT64_MAX;
}

/* The lowest or highest address where a carve fits; UINT64_MAX: nowhere. */
static uint64_t best_fit(const struct world *w, const struct shadow *s, const struct op *o,
			 uint64_t lo, uint64_t hi, bool top)
{
	uint64_t best = UINT64_MAX;

	for (uint64_t va = next_free_byte(w, s, lo); va < hi;) {
		uint64_t end = va + stretch(w, s, va);
		uint64_t stop = end < hi ? end : hi, at = round_up(va, o->align);

		if (top && stop - va >= o->size)
			at = round_down(stop - o->size, o->align);
		if (at >= va && at <= stop && stop - at >= o->size) {
			best = at;
			if (!top)
				break;
		}
		va = next_free_byte(w, s, end);
	}
	return best;
}

static void mark_reserved(const struct world *w, const struct shadow *s, uint64_t va,
			  uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i++) {
		uint8_t *p = state_of(w, s, va + i);

		if (p != NULL)
			*p |= RESERVED;
	}
}

/* ---- operations ---- */

static uint64_t add(struct world *w, struct shadow *s, const struct op *o)
{
	uint64_t va = some_address(w, o->pick);
	uint64_t bytes = o->size * (1 + o->small % 8);
	int r = physmem_region(&w->g.pm, va - w->g.offset), err;
	uint64_t room = w->g.pm.regions[r].base + w->g.pm.regions[r].bytes - (va - w->g.offset);
	struct image_hash was = before_op(w, s);

	if (bytes > room)
		bytes = room;
	err = w->top->ops->boot->add(w->top, (vaddr_t){va}, bytes);
	after_op(w, s, was, err != 0);
	if ((err == MM_EINVAL) != (bytes == 0 || any_memory(w, s, va, bytes)))
		fail_msg("add of %llu bytes at %#llx says %d", (unsigned long long)bytes,
			 (unsigned long long)va, err);
	if (err != 0)
		return digest(1, (uint64_t)err);
	s->births++;
	for (uint64_t i = 0; i < bytes; i++)
		*state_of(w, s, va + i) |= (uint8_t)(1 + s->births % 127);
	return digest(2, va);
}

static uint64_t reserve(struct world *w, struct shadow *s, const struct op *o)
{
	uint64_t va = some_address(w, o->pick) - (o->small % 4 == 0 ? o->size / 2 : 0);
	struct image_hash was = before_op(w, s);
	int err = w->top->ops->boot->reserve(w->top, (vaddr_t){va}, o->size);

	after_op(w, s, was, err != 0);
	if ((err == MM_EINVAL) != (o->size == 0))
		fail_msg("reserve of %llu bytes at %#llx says %d", (unsigned long long)o->size,
			 (unsigned long long)va, err);
	if (err == 0)
		mark_reserved(w, s, va, o->size);
	return digest(3, (uint64_t)err);
}

static uint64_t carve(struct world *w, struct shadow *s, const struct op *o)
{
	bool top = o->small & 1, bounded = (o->small & 6) == 0;
	uint64_t end = w->sc.in->word == 4 ? UINT32_MAX : UINT64_MAX;
	uint64_t lo = bounded ? some_address(w, o->pick) : 0;
	uint64_t hi = bounded ? lo + 20 * o->size : end;
	uint64_t best = o->size ? best_fit(w, s, o, lo, hi, top) : UINT64_MAX;
	struct image_hash was = before_op(w, s);
	vaddr_t va = w->top->ops->boot->carve(w->top, o->size, o->align, (vaddr_t){lo},
					      (vaddr_t){hi}, top);
	bool none = va.v == end;

	after_op(w, s, was, none);
	if (none)
		return 4; /* no room, or the table is full */
	if (va.v != best || !all_free(w, s, va.v, o->size))
		fail_msg("carve of %llu bytes gives %#llx, not %#llx", (unsigned long long)o->size,
			 (unsigned long long)va.v, (unsigned long long)best);
	mark_reserved(w, s, va.v, o->size);
	/* There is no taker here who would move the bytes on, nor one whose walk shows them. */
	mm_account(&w->own->view, va, o->size, MM_CACHED, MM_UNMANAGED);
	return digest(5, va.v);
}

static uint64_t next(struct world *w, struct shadow *s, const struct op *o)
{
	uint64_t from = some_address(w, o->pick), at = next_free_byte(w, s, from);
	struct mm_range out = {{0}, 0};
	bool found = w->top->ops->boot->next_free(w->top, (vaddr_t){from}, &out);

	if (found != (at != UINT64_MAX))
		fail_msg("next_free after %#llx says %d", (unsigned long long)from, found);
	if (found && (out.base.v != at || out.bytes != stretch(w, s, at)))
		fail_msg("next_free after %#llx says %#llx, %llu bytes; it is %#llx",
			 (unsigned long long)from, (unsigned long long)out.base.v,
			 (unsigned long long)out.bytes, (unsigned long long)at);
	return digest(out.base.v, out.bytes);
}

static uint64_t apply(struct world *w, struct shadow *s, const struct op *o)
{
	switch (o->code) {
	case ADD:
		return add(w, s, o);
	case RESERVE:
		return reserve(w, s, o);
	case CARVE:
		return carve(w, s, o);
	default:
		return next(w, s, o);
	}
}

static void drain(struct world *w, struct shadow *s)
{
	(void)w;
	(void)s;
}

/* One region of memory, carved from both ends until nothing is left. */
static void fresh(struct world *w, struct shadow *s)
{
	const struct phys_region *r = &w->g.pm.regions[1];
	uint64_t base = r->base + w->g.offset;

	if (w->top->ops->boot->add(w->top, (vaddr_t){base}, r->bytes) != 0)
		fail_msg("a fresh table refuses a region");
	for (uint64_t i = 0; i < r->bytes; i++)
		*state_of(w, s, base + i) = 1;
	for (unsigned i = 0; next_free_byte(w, s, 0) != UINT64_MAX; i++) {
		uint64_t size = stretch(w, s, next_free_byte(w, s, 0));

		size = size > 700 ? 700 : size;
		if (carve(w, s,
			  &(struct op){.size = size, .align = 1, .small = (uint8_t)(2 + i % 2)}) ==
		    4)
			fail_msg("carve of %llu bytes is refused with room for them",
				 (unsigned long long)size);
		world_check(w);
		world_ledger(w);
	}
}

const struct driver drive_boot = {
	.facet = "boot",
	.settings = SETTING_BOOT,
	.offered = offered,
	.random = random_op,
	.apply = apply,
	.drain = drain,
	.fresh = fresh,
	.words = words,
	.nr_codes = NEXT + 1,
};
