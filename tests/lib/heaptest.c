#include "lib/heaptest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BASE     0x1000ull
#define MAX_LIVE 400u

struct block {
	struct grant g;
	uint8_t token;
};

struct shadow {
	struct rig g;
	struct alloc *a;
	uint64_t rng, bytes;
	unsigned nr;
	struct block live[MAX_LIVE];
};

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

static uint64_t draw(struct shadow *s, uint64_t below)
{
	return next_random(&s->rng) % below;
}

struct grant heaptest_take(struct alloc *a, msize_t size)
{
	return a->ops->bytes->malloc(a, &(struct alloc_req){.size = size});
}

void heaptest_give(struct rig *g, struct alloc *a, struct grant x)
{
	assert_int_equal(a->ops->bytes->free(a, x.va), x.bytes);
	rig_check(g, a);
	rig_ledger_equals_walk(g, &a, 1);
}

static void begin(struct shadow *s, const struct alloc_instance *in, const char *kind,
		  const struct rig_param *set, uint64_t bytes, uint64_t seed)
{
	memset(s, 0, sizeof *s);
	s->rng = seed;
	s->bytes = bytes;
	rig_init(&s->g, RIG_NOISE, (struct phys_region[]){{BASE, bytes, REGION_RAM, 15}}, 1, 0);
	s->a = rig_arena(&s->g, in, kind, set, BASE, bytes);
	rig_check(&s->g, s->a);
	rig_ledger_equals_walk(&s->g, &s->a, 1);
}

static uint8_t *host(struct shadow *s, vaddr_t va)
{
	return s->g.pm.window + va.v;
}

/* ---- the shadow model ---- */

static void put_tokens(struct shadow *s, struct block *b)
{
	memset(host(s, b->g.va), b->token, b->g.bytes);
}

static void expect_tokens(struct shadow *s, const struct block *b, msize_t bytes)
{
	for (msize_t i = 0; i < bytes; i++)
		if (host(s, b->g.va)[i] != b->token)
			fail_msg("byte %llu of the block at %#llx was written by another",
				 (unsigned long long)i, (unsigned long long)b->g.va.v);
}

static void expect_apart(const struct shadow *s, struct grant g)
{
	if (g.va.v < BASE || g.va.v + g.bytes > BASE + s->bytes)
		fail_msg("a grant outside the arena: %#llx", (unsigned long long)g.va.v);
	for (unsigned i = 0; i < s->nr; i++) {
		struct grant o = s->live[i].g;

		if (g.va.v < o.va.v + o.bytes && o.va.v < g.va.v + g.bytes)
			fail_msg("two live blocks overlap at %#llx", (unsigned long long)g.va.v);
	}
}

static void add_block(struct shadow *s, struct grant g)
{
	struct block *b = &s->live[s->nr];

	expect_apart(s, g);
	*b = (struct block){g, (uint8_t)(next_random(&s->rng) | 1)};
	s->nr++;
	put_tokens(s, b);
	assert_int_equal(s->a->ops->bytes->usable(s->a, g.va), g.bytes);
}

/* Small sizes mostly, as programs ask for them. */
static msize_t random_size(struct shadow *s)
{
	unsigned kind = (unsigned)draw(s, 100);

	if (kind < 70)
		return draw(s, 100);
	return kind < 95 ? draw(s, 1000) : draw(s, s->bytes / 8);
}

static void one_malloc(struct shadow *s)
{
	struct alloc_req req = {.size = random_size(s)};
	struct grant g;

	if (draw(s, 8) == 0)
		req.align = (msize_t)1 << draw(s, 9);
	g = s->a->ops->bytes->malloc(s->a, &req);
	if (g.bytes == 0)
		return;
	assert_true(g.bytes >= req.size);
	assert_int_equal(g.va.v & ((req.align > 8 ? req.align : 8) - 1), 0);
	add_block(s, g);
}

static void one_free(struct shadow *s)
{
	unsigned i = (unsigned)draw(s, s->nr);
	struct block b = s->live[i];

	expect_tokens(s, &b, b.g.bytes);
	assert_int_equal(s->a->ops->bytes->free(s->a, b.g.va), b.g.bytes);
	s->live[i] = s->live[--s->nr];
}

static void one_resize(struct shadow *s)
{
	unsigned i = (unsigned)draw(s, s->nr);
	struct block b = s->live[i];
	struct alloc_req req = {.size = random_size(s)};
	struct grant g;

	if (s->a->ops->bytes->resize == NULL)
		return;
	g = s->a->ops->bytes->resize(s->a, b.g.va, &req);
	if (g.bytes == 0) {
		expect_tokens(s, &b, b.g.bytes);
		return;
	}
	assert_int_equal(g.va.v, b.g.va.v);
	assert_true(g.bytes >= req.size);
	expect_tokens(s, &b, g.bytes < b.g.bytes ? g.bytes : b.g.bytes);
	s->live[i] = s->live[--s->nr];
	add_block(s, g);
}

static void one_op(struct shadow *s)
{
	unsigned what = (unsigned)draw(s, 100);

	if (s->nr == 0 || (what < 50 && s->nr < MAX_LIVE))
		one_malloc(s);
	else if (what < 62)
		one_resize(s);
	else
		one_free(s);
}

static void verify(struct shadow *s)
{
	struct rig_owner *o = rig_owner_of(&s->g, s->a);
	int64_t granted = 0;

	rig_check(&s->g, s->a);
	for (unsigned i = 0; i < s->nr; i++)
		granted += (int64_t)s->live[i].g.bytes;
	assert_int_equal(rig_bytes(o, MM_GRANTED), granted);
}

void heaptest_random(const struct alloc_instance *in, const char *kind, const struct rig_param *set,
		     uint64_t bytes, unsigned ops, uint64_t seed)
{
	static struct shadow s;

	begin(&s, in, kind, set, bytes, seed);
	for (unsigned i = 0; i < ops; i++) {
		one_op(&s);
		verify(&s);
		if (i % 16 == 0)
			rig_ledger_equals_walk(&s.g, &s.a, 1);
	}
	while (s.nr > 0) {
		one_free(&s);
		verify(&s);
	}
	rig_ledger_equals_walk(&s.g, &s.a, 1);
	rig_finish(&s.g);
}

/* ---- exhaustion ---- */

static unsigned fill(struct shadow *s, msize_t size)
{
	struct alloc_req req = {.size = size};
	struct grant g;

	while (s->nr < MAX_LIVE && (g = s->a->ops->bytes->malloc(s->a, &req)).bytes != 0)
		add_block(s, g);
	assert_true(s->nr < MAX_LIVE);
	return s->nr;
}

static void free_every_other(struct shadow *s)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < s->nr; i++) {
		if (i % 2 == 0)
			assert_int_equal(s->a->ops->bytes->free(s->a, s->live[i].g.va),
					 s->live[i].g.bytes);
		else
			s->live[kept++] = s->live[i];
		rig_check(&s->g, s->a);
	}
	s->nr = kept;
}

void heaptest_exhaust(const struct alloc_instance *in, const char *kind,
		      const struct rig_param *set, uint64_t bytes)
{
	static struct shadow s;
	struct alloc_req largest = {0};
	struct rig_owner *o;
	int64_t cached;
	struct grant g;

	begin(&s, in, kind, set, bytes, 1);
	o = rig_owner_of(&s.g, s.a);
	cached = rig_bytes(o, MM_CACHED);
	largest.size = s.a->ops->bytes->largest_request(s.a);
	for (msize_t size = bytes / 128; size <= bytes / 8; size *= 2) {
		assert_true(fill(&s, size) > 1);
		rig_ledger_equals_walk(&s.g, &s.a, 1);
		while (s.nr > 0)
			free_every_other(&s);
		assert_int_equal(rig_bytes(o, MM_CACHED), cached);
		g = s.a->ops->bytes->malloc(s.a, &largest);
		assert_true(g.bytes >= largest.size);
		assert_int_equal(s.a->ops->bytes->free(s.a, g.va), g.bytes);
	}
	largest.size++;
	assert_int_equal(s.a->ops->bytes->malloc(s.a, &largest).bytes, 0);
	largest.size = MM_WORD_ONES;
	assert_int_equal(s.a->ops->bytes->malloc(s.a, &largest).bytes, 0);
	rig_check(&s.g, s.a);
	rig_finish(&s.g);
}

/* ---- wrong pointers ---- */

static void expect_bad(struct shadow *s, uint64_t va)
{
	struct image_hash before = physmem_hash(&s->g.pm), after;

	assert_int_equal(s->a->ops->bytes->free(s->a, (vaddr_t){va}), FREE_BAD);
	after = physmem_hash(&s->g.pm);
	assert_int_equal(before.lo, after.lo);
	assert_int_equal(before.hi, after.hi);
}

void heaptest_wrong_pointers(const struct alloc_instance *in, const char *kind,
			     const struct rig_param *set)
{
	static struct shadow s;
	struct grant x, y, z;

	begin(&s, in, kind, set, 16384, 1);
	x = s.a->ops->bytes->malloc(s.a, &(struct alloc_req){.size = 200});
	y = s.a->ops->bytes->malloc(s.a, &(struct alloc_req){.size = 200});
	z = s.a->ops->bytes->malloc(s.a, &(struct alloc_req){.size = 200});
	memset(host(&s, y.va), 0, y.bytes);
	expect_bad(&s, 0);
	expect_bad(&s, BASE);
	expect_bad(&s, BASE - 8);
	expect_bad(&s, BASE + 16384);
	expect_bad(&s, MM_WORD_ONES);
	expect_bad(&s, y.va.v + 1);
	expect_bad(&s, y.va.v + 64);
	/* Twice, alone; then merged with what lies before and behind. */
	assert_int_equal(s.a->ops->bytes->free(s.a, y.va), y.bytes);
	expect_bad(&s, y.va.v);
	assert_int_equal(s.a->ops->bytes->free(s.a, x.va), x.bytes);
	expect_bad(&s, x.va.v);
	expect_bad(&s, y.va.v);
	assert_int_equal(s.a->ops->bytes->free(s.a, z.va), z.bytes);
	expect_bad(&s, z.va.v);
	expect_bad(&s, y.va.v);
	rig_check(&s.g, s.a);
	rig_ledger_equals_walk(&s.g, &s.a, 1);
	rig_finish(&s.g);
}

/* ---- attach ---- */

void heaptest_attach(const struct alloc_instance *in, const char *kind, const struct rig_param *set)
{
	static struct shadow s, t;
	struct image_hash x, y;
	struct rig_owner *o;

	begin(&s, in, kind, set, 32768, 7);
	for (unsigned i = 0; i < 500; i++)
		one_op(&s);
	begin(&t, in, kind, set, 32768, 7);
	physmem_copy(&t.g.pm, &s.g.pm);
	o = rig_owner_of(&t.g, t.a);
	memcpy(o->rows, s.g.owner[0].rows, sizeof o->rows);
	o->env.root = s.a->root;
	memset(t.a, 0, t.a->ops == NULL ? 0 : s.a->ops->handle_bytes);
	assert_int_equal(s.a->ops->attach(t.a, &o->env), 0);
	t.rng = s.rng;
	t.nr = s.nr;
	memcpy(t.live, s.live, sizeof t.live);
	for (unsigned i = 0; i < 500; i++) {
		one_op(&s);
		one_op(&t);
	}
	x = physmem_hash(&s.g.pm);
	y = physmem_hash(&t.g.pm);
	assert_true(x.lo == y.lo && x.hi == y.hi);
	rig_check(&t.g, t.a);
	rig_ledger_equals_walk(&t.g, &t.a, 1);
	rig_finish(&s.g);
	rig_finish(&t.g);
}

/* ---- mutation of the metadata ---- */

struct bits {
	struct shadow *s;
	unsigned nr;
	struct {
		uint64_t base, bytes;
		const char *what;
	} span[4096];
};

static void collect(void *ctx, const struct walk_span *w)
{
	struct bits *b = ctx;

	if (w->class != MM_METADATA)
		return;
	assert_true(b->nr < 4096);
	b->span[b->nr].base = w->base.v;
	b->span[b->nr].bytes = w->bytes;
	b->span[b->nr++].what = w->what;
}

static bool noticed(struct shadow *s)
{
	struct check_report r = {0};
	sigjmp_buf here;
	volatile bool seen = true;

	if (sigsetjmp(here, 0) == 0) {
		s->g.sh.unwind = &here;
		seen = s->a->ops->check(s->a, &r) != 0;
	}
	s->g.sh.unwind = NULL;
	return seen;
}

static unsigned flip_span(struct bits *b, unsigned i)
{
	unsigned missed = 0;

	for (uint64_t bit = 0; bit < b->span[i].bytes * 8; bit++) {
		uint8_t *byte = host(b->s, (vaddr_t){b->span[i].base + bit / 8});

		*byte ^= (uint8_t)(1u << bit % 8);
		if (!noticed(b->s)) {
			missed++;
			if (getenv("HEAPTEST_VERBOSE") != NULL)
				printf("unnoticed: %s at %#llx + %llu bit %llu\n", b->span[i].what,
				       (unsigned long long)b->span[i].base,
				       (unsigned long long)bit / 8, (unsigned long long)bit % 8);
		}
		*byte ^= (uint8_t)(1u << bit % 8);
	}
	return missed;
}

void heaptest_mutation(const struct alloc_instance *in, const char *kind,
		       const struct rig_param *set, unsigned percent)
{
	static struct shadow s;
	static struct bits b;
	uint64_t all = 0, missed = 0;

	begin(&s, in, kind, set, 16384, 3);
	for (unsigned i = 0; i < 300; i++)
		one_op(&s);
	b = (struct bits){.s = &s};
	s.a->ops->walk(s.a, collect, &b);
	for (unsigned i = 0; i < b.nr; i++) {
		all += b.span[i].bytes * 8;
		missed += flip_span(&b, i);
	}
	assert_true(all > 0);
	if (missed * 100 > all * percent)
		fail_msg("%llu of %llu flipped metadata bits pass check",
			 (unsigned long long)missed, (unsigned long long)all);
	rig_check(&s.g, s.a);
	rig_finish(&s.g);
}

void heaptest_battery(const char *kind)
{
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		heaptest_exhaust(rig_instances[i], kind, NULL, 32768);
		heaptest_wrong_pointers(rig_instances[i], kind, NULL);
		heaptest_attach(rig_instances[i], kind, NULL);
	}
	heaptest_mutation(&alloc_checked4, kind, NULL, 5);
	heaptest_mutation(&alloc_checked8, kind, NULL, 5);
}

void heaptest_random_all(const char *kind)
{
	for (unsigned i = 0; i < RIG_INSTANCES; i++)
		for (uint64_t seed = 1; seed <= 3; seed++)
			heaptest_random(rig_instances[i], kind, NULL, 16384u << seed, 1500, seed);
}
