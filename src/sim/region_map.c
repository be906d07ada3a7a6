#include "sim/region_map.h"

#include <string.h>

#include "sim/spans.h"

struct canvas {
	uint64_t base, end, step;
	struct map_cell *cell;
};

uint64_t region_map_step(const struct machine *m, unsigned region, unsigned cells)
{
	uint64_t page = 1ull << m->page_shift, bytes = m->regions[region].bytes;

	return round_up((bytes + cells - 1) / cells, page < bytes / cells ? page : m->malloc_align);
}

/* Bytes [base, end) gain one class and lose another. */
static void move(const struct canvas *v, uint64_t base, uint64_t end, enum mm_class from,
		 enum mm_class to)
{
	uint64_t at = base > v->base ? base : v->base, stop = end < v->end ? end : v->end;

	while (at < stop) {
		uint64_t i = (at - v->base) / v->step, next = v->base + (i + 1) * v->step;
		int64_t n;

		next = next < stop ? next : stop;
		n = (int64_t)(next - at);
		v->cell[i].bytes[from] -= n;
		v->cell[i].bytes[to] += n;
		at = next;
	}
}

/* At first nobody has RAM, and all else is reserved. */
static void begin(const struct canvas *v, const struct machine *m, unsigned region)
{
	enum mm_class first = m->regions[region].kind == REGION_RAM ? MM_UNMANAGED : MM_RESERVED;

	for (uint64_t at = v->base; at < v->end; at += v->step) {
		uint64_t n = v->end - at < v->step ? v->end - at : v->step;
		struct map_cell *c = &v->cell[(at - v->base) / v->step];

		memset(c, 0, sizeof *c);
		c->bytes[first] = (int64_t)n;
	}
	for (unsigned i = 0; i < m->nr_reserved && first == MM_UNMANAGED; i++)
		move(v, m->reserved[i].base, m->reserved[i].base + m->reserved[i].bytes,
		     MM_UNMANAGED, MM_RESERVED);
}

static void paint_spans(const struct canvas *v, const struct replay *r, const struct spans *s,
			enum mm_class from)
{
	for (size_t i = 0; i < s->nr; i++) {
		const struct span *p = &s->v[i];
		enum mm_class class = (enum mm_class)p->class;

		if (class == MM_GRANTED && r->sys->allocs[p->alloc].ops->stack != NULL)
			class = MM_PAYLOAD;
		move(v, p->base, p->end, from, class);
	}
}

static void paint_live(const struct canvas *v, const struct replay *r)
{
	for (uint32_t i = 0; i < r->live.nr; i++) {
		const struct live *l = &r->live.slot[i];
		const struct sys_alloc *a;
		uint64_t pa = live_pa(l);

		if (live_state(l) != LIVE_BLOCK || pa >= v->end)
			continue;
		a = &r->sys->allocs[live_alloc(l)];
		if (a->ops->pages != NULL) {
			unsigned shift = r->sys->machine->page_shift;
			int order = a->ops->pages->block_order(a->alloc,
							       (pfn_t){(uint32_t)(pa >> shift)});

			if (order >= 0)
				move(v, pa, pa + (1ull << ((unsigned)order + shift)), MM_CACHED,
				     MM_GRANTED);
		}
		move(v, pa, pa + live_size(l), MM_GRANTED, MM_PAYLOAD);
	}
}

/* What was granted and not requested. */
static void finish(const struct canvas *v)
{
	for (uint64_t at = v->base; at < v->end; at += v->step) {
		struct map_cell *c = &v->cell[(at - v->base) / v->step];

		c->bytes[MM_ROUNDING] += c->bytes[MM_GRANTED];
		c->bytes[MM_GRANTED] = 0;
	}
}

int region_map(struct replay *r, unsigned region, uint64_t step, struct map_cell *cell)
{
	const struct region *g = &r->sys->machine->regions[region];
	const struct canvas v = {g->base, g->base + g->bytes, step, cell};
	struct spans low = {0}, up = {0};
	bool failed;

	for (unsigned i = 0; i < r->sys->nr_allocs; i++)
		spans_add(r->sys->allocs[i].env.pages != NULL ? &up : &low, r->sys,
			  &r->sys->allocs[i]);
	failed = low.failed || up.failed;
	if (!failed) {
		begin(&v, r->sys->machine, region);
		paint_spans(&v, r, &low, MM_UNMANAGED);
		paint_spans(&v, r, &up, MM_CACHED);
		paint_live(&v, r);
		finish(&v);
	}
	spans_finish(&low);
	spans_finish(&up);
	return failed ? -1 : 0;
}
