#include "sim/spans.h"

#include <stdlib.h>

struct collector {
	struct spans *v;
	const struct system *s;
	uint8_t alloc;
};

void spans_put(struct spans *v, const struct span *s)
{
	if (v->nr == v->room) {
		size_t room = v->room ? v->room * 2 : 1024;
		struct span *p = realloc(v->v, room * sizeof *p);

		if (p == NULL) {
			v->failed = true;
			return;
		}
		v->v = p;
		v->room = room;
	}
	v->v[v->nr++] = *s;
}

static void collect(void *ctx, const struct walk_span *w)
{
	struct collector *c = ctx;
	uint64_t base = w->base.v - c->s->offset;

	if (w->bytes != 0)
		spans_put(c->v, &(struct span){.base = base,
					       .end = base + w->bytes,
					       .what = w->what,
					       .detail = w->detail,
					       .class = (uint8_t)w->class,
					       .alloc = c->alloc});
}

void spans_add(struct spans *v, struct system *s, struct sys_alloc *a)
{
	struct collector c = {v, s, (uint8_t)(a - s->allocs)};
	struct alloc *w = system_walker(s, a);

	w->ops->walk(w, collect, &c);
}

static int by_base(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return x->end < y->end ? -1 : x->end > y->end;
}

/* Most allocators walk in order. */
static bool is_sorted(const struct spans *v)
{
	for (size_t i = 1; i < v->nr; i++)
		if (v->v[i].base < v->v[i - 1].base)
			return false;
	return true;
}

void spans_sort(struct spans *v)
{
	if (!is_sorted(v))
		qsort(v->v, v->nr, sizeof *v->v, by_base);
}

void spans_finish(struct spans *v)
{
	free(v->v);
	*v = (struct spans){0};
}
