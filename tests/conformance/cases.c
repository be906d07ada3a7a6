#include "conformance/cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOISE 0x5eedull

struct world *begin(const struct run *r, struct shadow *s, struct world_failure f)
{
	struct world *w = malloc(sizeof *w);

	assert_non_null(w);
	if (world_build(w, &r->sc, NOISE, f) != 0) {
		world_finish(w);
		free(w);
		skip();
	}
	shadow_init(s, w);
	return w;
}

void end(struct world *w, struct shadow *s)
{
	shadow_finish(s);
	world_finish(w);
	free(w);
}

void inspect(const struct run *r, struct world *w, const struct shadow *s, bool deep)
{
	world_check(w);
	shadow_equals_walk(s, w);
	if (r->d->figures != NULL)
		r->d->figures(w, s);
	if (deep)
		world_ledger(w);
}

/* What must hold of a fresh world: sizes and alignments from one end to the other. */
static void case_fresh(const struct run *r)
{
	struct shadow s;
	struct world *w = begin(r, &s, (struct world_failure){0});

	if (sigsetjmp(w->home, 0) != 0)
		world_unwound(w);
	inspect(r, w, &s, true);
	r->d->fresh(w, &s);
	inspect(r, w, &s, true);
	r->d->drain(w, &s);
	inspect(r, w, &s, true);
	end(w, &s);
}

/* Random operations, each judged; the ledger every 8th. */
static void case_random(const struct run *r)
{
	struct prng p = {r->seed};
	struct shadow s;
	struct world *w = begin(r, &s, (struct world_failure){0});
	unsigned nr = r->long_form ? 4000 : 250;

	if (sigsetjmp(w->home, 0) != 0)
		world_unwound(w);
	for (unsigned i = 0; i < nr; i++) {
		struct op o = r->d->random(&p, w, &s);

		drive(r->d, w, &s, &o);
		inspect(r, w, &s, i % 8 == 0);
	}
	r->d->drain(w, &s);
	inspect(r, w, &s, true);
	end(w, &s);
}

/* Many random operations, looked at now and then. */
static void case_endure(const struct run *r)
{
	struct prng p = {r->seed + 1};
	struct shadow s;
	struct world *w = begin(r, &s, (struct world_failure){0});
	unsigned nr = r->long_form ? 200000 : 6000;

	s.strict = false;
	if (sigsetjmp(w->home, 0) != 0)
		world_unwound(w);
	for (unsigned i = 0; i < nr; i++) {
		struct op o = r->d->random(&p, w, &s);

		drive(r->d, w, &s, &o);
		if (i % 128 == 0)
			inspect(r, w, &s, i % 1024 == 0);
	}
	r->d->drain(w, &s);
	inspect(r, w, &s, true);
	end(w, &s);
}

/* ---- the N-th page is refused ---- */

/* init itself met the failure: what it took must be back. */
static bool refused_at_init(const struct run *r, struct world *w, struct world_failure f)
{
	int err = world_build(w, &r->sc, NOISE, f);

	if (err == 0)
		return false;
	if (err != MM_ENOMEM)
		fail_msg("init says %d when page request %llu is refused", err,
			 (unsigned long long)f.at);
	if (sigsetjmp(w->home, 0) != 0)
		world_unwound(w);
	world_check(w);
	world_ledger(w);
	return true;
}

/* Runs all operations with failure f; false when it was never reached. */
static bool run_failing(const struct run *r, struct world_failure f)
{
	struct world *w = malloc(sizeof *w);
	struct prng p = {r->seed + 2};
	struct shadow s;
	uint64_t calls = 0;

	assert_non_null(w);
	if (refused_at_init(r, w, f)) {
		world_finish(w);
		free(w);
		return true;
	}
	shadow_init(&s, w);
	if (sigsetjmp(w->home, 0) != 0)
		world_unwound(w);
	for (unsigned i = 0; i < 150; i++) {
		struct op o = r->d->random(&p, w, &s);

		calls = w->own->source.calls;
		drive(r->d, w, &s, &o);
		if (w->own->source.calls >= f.at && calls < f.at)
			inspect(r, w, &s, true);
	}
	calls = w->own->source.calls;
	w->own->source.fail_at = 0;
	r->d->drain(w, &s);
	inspect(r, w, &s, true);
	end(w, &s);
	return calls >= f.at;
}

static void case_pages_fail(const struct run *r)
{
	struct shadow s;
	uint64_t n = 1, last = r->long_form ? 1000 : 40;

	end(begin(r, &s, (struct world_failure){0}), &s);
	while (n <= last && run_failing(r, (struct world_failure){n, false}))
		n++;
	for (n = 1; n <= last && run_failing(r, (struct world_failure){n, true}); n++)
		;
}

/* ---- two worlds in step ---- */

/* The same operations on both must give the same results and the same images. */
static void in_step(const struct run *r, struct world *a, struct shadow *sa, struct world *b,
		    struct shadow *sb, struct prng p, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		struct op o = r->d->random(&p, a, sa);
		uint64_t x = drive(r->d, a, sa, &o), y = drive(r->d, b, sb, &o);

		if (x != y)
			fail_msg("operation %u (%s): the worlds give different results", i,
				 r->d->words[o.code]);
		if (i % 8 == 0 && !hash_equal(world_hash(a), world_hash(b)))
			fail_msg("operation %u (%s): the images differ", i, r->d->words[o.code]);
	}
	inspect(r, b, sb, true);
	if (!hash_equal(world_hash(a), world_hash(b)))
		fail_msg("the final images differ");
}

/* A copy of the image, adopted by attach, goes on identically. */
static void case_attach(const struct run *r)
{
	struct prng p = {r->seed + 3};
	struct shadow s, sc;
	struct world *w = begin(r, &s, (struct world_failure){0}), *copy = malloc(sizeof *copy);

	assert_non_null(copy);
	s.strict = false;
	if (sigsetjmp(w->home, 0) != 0)
		world_unwound(w);
	for (unsigned i = 0; i < 150; i++) {
		struct op o = r->d->random(&p, w, &s);

		drive(r->d, w, &s, &o);
	}
	world_copy(copy, w);
	shadow_copy(&sc, &s);
	if (!hash_equal(world_hash(w), world_hash(copy)))
		fail_msg("attach stored something");
	if (sigsetjmp(copy->home, 0) != 0)
		world_unwound(copy);
	in_step(r, w, &s, copy, &sc, p, 200);
	end(copy, &sc);
	end(w, &s);
}

/* The fast port, which has no checks, gives what the checked one gives. */
static void case_ports(const struct run *r)
{
	struct shadow s, sf;
	struct run fast = *r;
	struct world *w, *f;

	fast.sc.in = r->sc.in->word == 4 ? &alloc_fast4 : &alloc_fast8;
	w = begin(r, &s, (struct world_failure){0});
	f = begin(&fast, &sf, (struct world_failure){0});
	s.strict = sf.strict = false;
	if (sigsetjmp(w->home, 0) != 0)
		world_unwound(w);
	if (sigsetjmp(f->home, 0) != 0)
		world_unwound(f);
	in_step(r, w, &s, f, &sf, (struct prng){r->seed + 4}, r->long_form ? 20000 : 300);
	end(f, &sf);
	end(w, &s);
}

#define HEAPS (SETTING_ARENA | SETTING_GROWN)
#define ALL   (HEAPS | SETTING_ZONES | SETTING_BOOT)

const struct case_type case_types[] = {
	{.name = "fresh", .settings = ALL, .one_variant = true, .run = case_fresh},
	{.name = "random", .settings = ALL, .run = case_random},
	{.name = "endure", .settings = ALL, .one_variant = true, .run = case_endure},
	{.name = "pages-fail",
	 .settings = SETTING_GROWN,
	 .only = " buddy1k list1k mmu4k mmutiny ",
	 .run = case_pages_fail},
	{.name = "attach",
	 .settings = HEAPS | SETTING_ZONES,
	 .one_variant = true,
	 .run = case_attach},
	{.name = "ports", .settings = ALL & ~(unsigned)SETTING_BOOT, .run = case_ports},
	{.name = "exhaust",
	 .settings = HEAPS | SETTING_ZONES,
	 .tiny = true,
	 .one_variant = true,
	 .run = case_exhaust},
	{.name = NULL},
};
