/* The stack facet: push any size, free everything. */
#include "conformance/driver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { PUSH, FREE_ALL };
static const char *const words[] = {"push", "free all"};

static bool offered(const struct alloc_ops *ops)
{
	return ops->stack != NULL;
}

static struct op random_op(struct prng *p, const struct world *w, const struct shadow *s)
{
	struct op o = {.code = PUSH};

	(void)s;
	if (prng_below(p, 40) == 0)
		o.code = FREE_ALL;
	o.size = random_size(p, w);
	o.align = random_align(p);
	return o;
}

static uint64_t push(struct world *w, struct shadow *s, const struct op *o)
{
	struct alloc_req req = world_req(o->size, o->align);
	struct image_hash was = before_op(w, s);
	struct grant g = w->top->ops->stack->push(w->top, &req);

	after_op(w, s, was, g.bytes == 0);
	if (g.bytes == 0)
		return 1;
	note_grant(w, s, g, o->size, o->align, 0);
	return digest(g.va.v, g.bytes);
}

static uint64_t free_all(struct world *w, struct shadow *s)
{
	uint64_t bytes = s->bytes;
	msize_t back;

	shadow_forget(s, w);
	back = w->top->ops->stack->free_all(w->top);
	if (back != bytes)
		fail_msg("mass free gives back %llu bytes of %llu", (unsigned long long)back,
			 (unsigned long long)bytes);
	return digest(2, back);
}

static uint64_t apply(struct world *w, struct shadow *s, const struct op *o)
{
	return o->code == PUSH ? push(w, s, o) : free_all(w, s);
}

static unsigned small(const struct world *w, struct op *out)
{
	(void)w;
	out[0] = (struct op){.code = PUSH, .size = 1};
	out[1] = (struct op){.code = PUSH, .size = 40};
	out[2] = (struct op){.code = PUSH, .size = 300};
	out[3] = (struct op){.code = PUSH, .size = 20, .align = 128};
	out[4] = (struct op){.code = FREE_ALL};
	return 5;
}

/* After a mass free the stack gives at once what it gave when it was new. */
static void drain(struct world *w, struct shadow *s)
{
	free_all(w, s);
	push(w, s, &(struct op){.size = 1});
	if (s->nr != 1)
		fail_msg("an empty stack refuses one byte");
	free_all(w, s);
}

static void fresh(struct world *w, struct shadow *s)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		for (msize_t d = 0; d < 3; d++)
			push(w, s, &(struct op){.size = ((msize_t)1 << bit) + d - 1});
		push(w, s, &(struct op){.size = 10, .align = (msize_t)1 << bit});
		push(w, s, &(struct op){.size = UINT64_MAX - 7, .align = (msize_t)1 << bit});
		if (bit % 2)
			free_all(w, s);
		world_check(w);
	}
}

const struct driver drive_stack = {
	.facet = "stack",
	.settings = SETTING_ARENA | SETTING_GROWN,
	.offered = offered,
	.random = random_op,
	.apply = apply,
	.small = small,
	.drain = drain,
	.fresh = fresh,
	.words = words,
	.nr_codes = FREE_ALL + 1,
};
