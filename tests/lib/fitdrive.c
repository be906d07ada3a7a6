#include "lib/fitdrive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Mostly small, some of one size (ties), few large. */
static msize_t random_size(uint64_t *s)
{
	switch (rnd(s) % 8) {
	case 0:
		return rnd(s) % 2000;
	case 1:
	case 2:
		return 40;
	default:
		return rnd(s) % 150;
	}
}

static msize_t random_align(uint64_t *s)
{
	return rnd(s) % 8 != 0 ? 0 : (msize_t)1 << rnd(s) % 10;
}

struct first_free {
	const char *what;
	uint64_t at, size;
};

static void note_free(void *ctx, const struct walk_span *s)
{
	struct first_free *f = ctx;

	if (f->size == 0 && strcmp(s->what, f->what) == 0) {
		f->at = s->base.v;
		f->size = s->bytes;
	}
}

void fit_model_start(struct fitmodel *model, const struct alloc *a, const char *what)
{
	struct first_free f = {.what = what};

	a->ops->walk(a, note_free, &f);
	assert_true(f.size != 0);
	fm_init(model, f.at - model->head, f.size + model->head);
}

static struct grant get(struct alloc *a, msize_t size, msize_t align)
{
	struct alloc_req req = {.size = size, .align = align};

	return a->ops->bytes->malloc(a, &req);
}

static void step_malloc(struct fit_run *t, unsigned slot)
{
	msize_t size = random_size(&t->seed), align = random_align(&t->seed);
	struct grant g = get(t->a, size, align);
	uint64_t usable = 0, at = fm_malloc(t->model, size, align, &usable);

	assert_int_equal(g.bytes, usable);
	if (usable == 0)
		return;
	assert_int_equal(g.va.v, at);
	assert_true(usable >= size && (align == 0 || at % align == 0) && at % 8 == 0);
	t->live[slot] = at;
	mem_fill(t->a->m, g.va, 0xa5, g.bytes);
}

static void step(struct fit_run *t)
{
	const struct bytes_ops *ops = t->a->ops->bytes;
	unsigned slot = (unsigned)(rnd(&t->seed) % FIT_SLOTS);
	vaddr_t p = {t->live[slot]};

	if (p.v == 0) {
		step_malloc(t, slot);
	} else if (rnd(&t->seed) % 4 == 0) {
		struct alloc_req req = {.size = random_size(&t->seed)};

		assert_int_equal(ops->resize(t->a, p, &req).bytes,
				 fm_resize(t->model, p.v, req.size));
	} else {
		assert_int_equal(ops->free(t->a, p), fm_free(t->model, p.v));
		assert_int_equal(ops->free(t->a, p), FREE_BAD);
		t->live[slot] = 0;
	}
}

void fit_run(struct fit_run *t, unsigned steps)
{
	for (unsigned n = 0; n < steps; n++) {
		step(t);
		if (n % 8 == 0)
			rig_check(t->g, t->a);
		if (n % 256 == 0)
			rig_ledger_equals_walk(t->g, &t->a, 1);
	}
}

#define TWIN_SLOTS 3000u

void fit_twins(struct rig *ga, struct alloc *a, struct rig *gb, struct alloc *b, uint64_t seed,
	       unsigned steps)
{
	uint64_t *live = calloc(TWIN_SLOTS, sizeof *live);

	for (unsigned n = 0; n < steps; n++) {
		uint64_t *p = &live[rnd(&seed) % TWIN_SLOTS];

		if (*p != 0) {
			assert_int_equal(b->ops->bytes->free(b, (vaddr_t){*p}),
					 a->ops->bytes->free(a, (vaddr_t){*p}));
			*p = 0;
		} else {
			msize_t size = random_size(&seed), align = random_align(&seed);
			struct grant x = get(a, size, align), y = get(b, size, align);

			assert_int_equal(x.bytes, y.bytes);
			assert_int_equal(x.va.v, y.va.v);
			*p = x.bytes == 0 ? 0 : x.va.v;
		}
		if (n % 20000 == 0)
			rig_check(gb, b);
	}
	rig_check(ga, a);
	rig_ledger_equals_walk(ga, &a, 1);
	rig_check(gb, b);
	rig_ledger_equals_walk(gb, &b, 1);
	free(live);
}
