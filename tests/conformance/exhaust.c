/*
 * Small worlds, exhaustively: every sequence of the facet's few operations up to
 * a length, breadth first, states with an equal image and shadow visited once.
 * A state is remembered as its parent and the operation that led there, and is
 * made again from the start: handles hold nothing, so the image is all to reset.
 */
#include "conformance/cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include <cmocka.h>

struct node {
	uint32_t parent;
	uint8_t op;
	uint8_t depth;
};

struct search {
	const struct run *r;
	struct world *w;
	struct shadow start, s;
	struct op ops[SMALL_OPS];
	unsigned nr_ops;
	uint8_t *image; /* RAM of the start, region after region */
	struct mm_row rows[RIG_MAX_ALLOCS][16];
	struct page_source source;
	struct node *node;
	unsigned nr, max;
	XXH128_hash_t *set; /* open addressing; {0, 0}: empty */
	unsigned set_mask;
};

static void each_region(struct search *x, bool save)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < x->w->g.pm.nr_regions; i++) {
		const struct phys_region *r = &x->w->g.pm.regions[i];

		if (save)
			memcpy(x->image + at, x->w->g.pm.window + r->base, r->bytes);
		else
			memcpy(x->w->g.pm.window + r->base, x->image + at, r->bytes);
		at += r->bytes;
	}
}

static void save(struct search *x)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < x->w->g.pm.nr_regions; i++)
		bytes += x->w->g.pm.regions[i].bytes;
	x->image = malloc(bytes);
	assert_non_null(x->image);
	each_region(x, true);
	for (unsigned i = 0; i < x->w->g.nr; i++)
		memcpy(x->rows[i], x->w->g.owner[i].rows, sizeof x->rows[i]);
	x->source = x->w->own->source;
	shadow_copy(&x->start, &x->s);
}

static void reset(struct search *x)
{
	each_region(x, false);
	for (unsigned i = 0; i < x->w->g.nr; i++)
		memcpy(x->w->g.owner[i].rows, x->rows[i], sizeof x->rows[i]);
	x->w->own->source = x->source;
	shadow_finish(&x->s);
	shadow_copy(&x->s, &x->start);
}

/* Image and shadow; the shadow's history does not count. */
static XXH128_hash_t state_hash(const struct search *x)
{
	struct image_hash h = world_hash(x->w);
	uint64_t d = 0;

	for (unsigned i = 0; i < x->s.nr; i++)
		d = digest(digest(d, x->s.b[i].base), x->s.b[i].bytes + x->s.b[i].cache);
	for (unsigned i = 0; i < SHADOW_CACHES; i++)
		d = digest(d, x->s.cache[i].id);
	return (XXH128_hash_t){h.lo ^ d, h.hi | 1};
}

/* False when it was there already. */
static bool remember(struct search *x, XXH128_hash_t h)
{
	unsigned i = (unsigned)h.low64 & x->set_mask;

	while (x->set[i].high64 != 0) {
		if (x->set[i].low64 == h.low64 && x->set[i].high64 == h.high64)
			return false;
		i = (i + 1) & x->set_mask;
	}
	x->set[i] = h;
	return true;
}

/* Makes node n's state again. */
static void make(struct search *x, unsigned n)
{
	uint8_t path[256];
	unsigned depth = x->node[n].depth;

	for (unsigned i = depth; i > 0; i--) {
		path[i - 1] = x->node[n].op;
		n = x->node[n].parent;
	}
	reset(x);
	for (unsigned i = 0; i < depth; i++)
		x->r->d->apply(x->w, &x->s, &x->ops[path[i]]);
}

static void expand(struct search *x, unsigned n)
{
	for (unsigned i = 0; i < x->nr_ops && x->nr < x->max; i++) {
		make(x, n);
		drive(x->r->d, x->w, &x->s, &x->ops[i]);
		if (!remember(x, state_hash(x)))
			continue;
		inspect(x->r, x->w, &x->s, true);
		x->node[x->nr++] = (struct node){n, (uint8_t)i, (uint8_t)(x->node[n].depth + 1)};
	}
}

static void finish(struct search *x)
{
	shadow_finish(&x->start);
	free(x->image);
	free(x->node);
	free(x->set);
}

void case_exhaust(const struct run *r)
{
	struct shadow s;
	struct world *w = begin(r, &s, (struct world_failure){0});
	struct search *x = calloc(1, sizeof *x);
	unsigned n, depth = r->long_form ? 12 : 7;

	assert_non_null(x);
	x->r = r;
	x->w = w;
	x->s = s;
	x->max = r->long_form ? 200000 : 1000;
	x->s.tokens = false;
	x->nr_ops = r->d->small(x->w, x->ops);
	x->node = calloc(x->max, sizeof *x->node);
	x->set_mask = (unsigned)roundup_pow2(4u * x->max) - 1;
	x->set = calloc(x->set_mask + 1, sizeof *x->set);
	assert_true(x->node != NULL && x->set != NULL);
	if (sigsetjmp(x->w->home, 0) != 0)
		world_unwound(x->w);
	save(x);
	remember(x, state_hash(x));
	x->nr = 1;
	for (n = 0; n < x->nr && x->nr < x->max && x->node[n].depth < depth; n++)
		expand(x, n);
	print_message("exhaust: %u states, %u expanded, depth %u\n", x->nr, n,
		      x->node[x->nr - 1].depth);
	end(x->w, &x->s);
	finish(x);
	free(x);
}
