/*
 * Fuzz target: bytes choose an allocator kind, a world and operations, which the
 * drivers of the conformance battery make and judge.
 *
 *   byte 0  kind
 *   byte 1  word (bit 0), facet (bits 1 to 3), geometry (rest)
 *   byte 2  variant, noise (bit 7)
 *   then eight bytes an operation: code, small, pick (2), size (2), alignment, 0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "conformance/driver.h"

#define MAX_OPERATIONS 400u
#define OP_BYTES       8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Sizes of all magnitudes: mostly up to 16 bits, some at the ends of 32 and 64. */
static uint64_t decode_size(uint8_t low, uint8_t high)
{
	if (high < 0xe0)
		return (uint64_t)(low | high << 8) >> (high & 7);
	return ((uint64_t)1 << (high % 64)) + low - 128;
}

static struct op decode_op(const struct driver *d, const uint8_t *b)
{
	struct op o = {
		.code = (uint8_t)(b[0] % d->nr_codes),
		.small = b[1],
		.pick = (uint32_t)(b[2] | b[3] << 8),
		.size = decode_size(b[4], b[5]),
		.align = b[6] < 128 ? 0 : (uint64_t)1 << (b[6] % 64),
	};

	if (d == &drive_boot) { /* its model walks the bytes; an alignment there is a must */
		o.size &= 0x7fff;
		o.align = (uint64_t)1 << (b[6] % 16);
	}
	return o;
}

static bool suits(const struct geometry *g, const struct driver *d, const struct alloc_ops *ops)
{
	return (d->settings & g->setting) != 0 && geometry_fits(g, ops);
}

/* The n-th geometry that suits d and the kind, or NULL. */
static const struct geometry *pick_geometry(const struct driver *d, const struct alloc_ops *ops,
					    unsigned n)
{
	unsigned suiting = 0;

	for (const struct geometry *g = geometries; g->name != NULL; g++)
		suiting += suits(g, d, ops);
	n = suiting ? n % suiting : 0;
	for (const struct geometry *g = geometries; g->name != NULL; g++)
		if (suits(g, d, ops) && n-- == 0)
			return g;
	return NULL;
}

/* The n-th facet that ops offers and a driver knows, or NULL. */
static const struct driver *pick_driver(const struct alloc_ops *ops, unsigned n)
{
	for (unsigned i = 0; i < NR_DRIVERS; i++) {
		const struct driver *d = drivers[(n + i) % NR_DRIVERS];

		if (d->offered(ops))
			return d;
	}
	return NULL;
}

static void make_all(struct world *w, struct shadow *s, const struct driver *d, const uint8_t *data,
		     size_t nr)
{
	for (size_t i = 0; i < nr && i < MAX_OPERATIONS; i++) {
		struct op o = decode_op(d, data + i * OP_BYTES);

		drive(d, w, s, &o);
		world_check(w);
	}
	shadow_equals_walk(s, w);
	world_ledger(w);
	d->drain(w, s);
	world_check(w);
	world_ledger(w);
}

static void operate(struct world *w, const struct driver *d, const uint8_t *data, size_t nr)
{
	struct shadow s;

	shadow_init(&s, w);
	s.careful = true;
	s.strict = nr < 40;
	if (sigsetjmp(w->home, 0) != 0)
		world_unwound(w);
	make_all(w, &s, d, data, nr);
	shadow_finish(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	const struct alloc_instance *in;
	struct scene sc;
	const struct driver *d;
	struct world *w;

	if (bytes < 3)
		return 0;
	in = data[1] & 1 ? &alloc_checked8 : &alloc_checked4;
	sc = (struct scene){.in = in, .ops = in->kinds[data[0] % in->nr_kinds]};
	d = pick_driver(sc.ops, data[1] >> 1 & 7);
	if (d == NULL)
		return 0;
	sc.geo = pick_geometry(d, sc.ops, data[1] >> 4);
	sc.variant = (data[2] & 0x7f) % variant_count(sc.ops);
	w = malloc(sizeof *w);
	if (w == NULL || sc.geo == NULL)
		abort();
	if (world_build(w, &sc, data[2] & 0x80 ? 0x5eed : 0, (struct world_failure){0}) == 0)
		operate(w, d, data + 3, (bytes - 3) / OP_BYTES);
	world_finish(w);
	free(w);
	return 0;
}
