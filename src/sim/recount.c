/*
 * The ledger against a recount: every allocator walks what it holds, the live
 * table says what was requested, and the sums must equal the rows kept event by
 * event.  Spans of one layer must not overlap, and what grows from pages must
 * lie in blocks that the page allocator calls taken.
 */
#include <stdio.h>
#include <string.h>

#include "sim/replay.h"
#include "sim/spans.h"
#include "sim/virtual.h"

static int broken(struct replay *r, const struct sys_alloc *a, const struct check_report *rep)
{
	snprintf(r->problem, sizeof r->problem,
		 "after event %llu allocator %s (%s) breaks invariant %s: at 0x%llx found "
		 "%llu, expected %llu",
		 (unsigned long long)r->fig->event, a->name, a->ops->name, rep->invariant,
		 (unsigned long long)rep->where.v, (unsigned long long)rep->found,
		 (unsigned long long)rep->expected);
	return -1;
}

/* Pools are known to the trace, not to the kind that their blocks are of. */
static int check_pools(struct replay *r)
{
	for (uint32_t i = 0; i < r->live.nr; i++) {
		const struct live *l = &r->live.slot[i];
		struct check_report rep = {0};
		struct sys_alloc *a;
		struct alloc *w;

		if (live_state(l) != LIVE_POOL)
			continue;
		a = &r->sys->allocs[live_alloc(l)];
		w = system_walker(r->sys, a);
		if (w->ops->pools->check(w, mem_va(w->m, (paddr_t){live_pa(l)}), &rep) != 0)
			return broken(r, a, &rep);
	}
	return 0;
}

static int check_all(struct replay *r)
{
	struct system *s = r->sys;

	for (unsigned i = 0; i < s->nr_allocs; i++) {
		struct alloc *w = system_walker(s, &s->allocs[i]);
		struct check_report rep = {0};

		if (w->ops->check(w, &rep) != 0)
			return broken(r, &s->allocs[i], &rep);
	}
	return check_pools(r);
}

static int overlap(struct replay *r, const struct span *a, const struct span *b)
{
	snprintf(r->problem, sizeof r->problem,
		 "after event %llu two spans overlap: %s of %s at 0x%llx and %s of %s at 0x%llx",
		 (unsigned long long)r->fig->event, a->what, r->sys->allocs[a->alloc].name,
		 (unsigned long long)a->base, b->what, r->sys->allocs[b->alloc].name,
		 (unsigned long long)b->base);
	return -1;
}

/* Adds sorted spans that must not overlap to the regions' sums. */
static int sum_layer(struct replay *r, const struct spans *v, int64_t (*sum)[MM_NR_CLASSES])
{
	for (size_t i = 0; i < v->nr; i++) {
		const struct span *s = &v->v[i];
		int g = physmem_region(&r->sys->pm, s->base);

		if (i > 0 && v->v[i - 1].end > s->base)
			return overlap(r, &v->v[i - 1], s);
		if (g < 0)
			return overlap(r, s, s);
		sum[g][s->class] += (int64_t)(s->end - s->base);
	}
	return 0;
}

/* Upper spans lie in the lower layer's taken blocks, which they stand for. */
static int nest_layers(struct replay *r, const struct spans *low, const struct spans *up,
		       int64_t (*sum)[MM_NR_CLASSES])
{
	size_t k = 0;

	for (size_t i = 0; i < up->nr; i++) {
		const struct span *s = &up->v[i];
		uint64_t at = s->base;

		while (at < s->end) {
			uint64_t stop;

			while (k < low->nr && low->v[k].end <= at)
				k++;
			if (k == low->nr || low->v[k].base > at || low->v[k].class != MM_CACHED)
				return overlap(r, s, k < low->nr ? &low->v[k] : s);
			stop = low->v[k].end < s->end ? low->v[k].end : s->end;
			sum[physmem_region(&r->sys->pm, at)][MM_CACHED] -= (int64_t)(stop - at);
			at = stop;
		}
	}
	return 0;
}

struct area_sum {
	const struct system *s;
	int64_t (*sum)[MM_NR_CLASSES];
};

static void add_page(void *ctx, uint64_t pa, uint64_t wanted)
{
	const struct area_sum *c = ctx;
	int g = physmem_region(&c->s->pm, pa);

	if (g < 0)
		return;
	c->sum[g][MM_PAYLOAD] += (int64_t)wanted;
	c->sum[g][MM_GRANTED] -= (int64_t)wanted;
}

/* An area's pages, wherever they lie. */
static void add_area(struct replay *r, const struct live *l, int64_t (*sum)[MM_NR_CLASSES])
{
	struct area_sum c = {r->sys, sum};

	virtual_each_page(r, &r->sys->allocs[live_alloc(l)], live_va(r, l), live_size(l), add_page,
			  &c);
}

struct pool_sum {
	struct replay *r;
	struct sys_alloc *a;
	int64_t (*sum)[MM_NR_CLASSES];
};

static void add_pool_block(void *ctx, vaddr_t va, msize_t asked, msize_t granted, bool taken)
{
	const struct pool_sum *c = ctx;
	int g = physmem_region(&c->r->sys->pm, mem_pa(&c->a->view, va).v);

	(void)granted;
	(void)taken;
	if (g < 0)
		return;
	c->sum[g][MM_PAYLOAD] += (int64_t)asked;
	c->sum[g][MM_GRANTED] -= (int64_t)asked;
}

/* A pool's head and its reserve. */
static void add_pool(struct replay *r, const struct live *l, int64_t (*sum)[MM_NR_CLASSES])
{
	struct sys_alloc *a = &r->sys->allocs[live_alloc(l)];
	struct pool_sum c = {r, a, sum};
	const struct pool_blocks blocks = {add_pool_block, &c};

	a->ops->pools->each(a->alloc, mem_va(&a->view, (paddr_t){live_pa(l)}), &blocks);
}

/* What was pushed on an arena: only its sum is known, from the ledger. */
static void add_pushes(struct replay *r, const struct sys_alloc *a, int64_t (*sum)[MM_NR_CLASSES])
{
	for (unsigned g = 0; g < r->sys->machine->nr_regions; g++) {
		int64_t asked = ledger_row(&r->sys->ledger, a->owner, g)->bytes[MM_PAYLOAD];

		sum[g][MM_PAYLOAD] += asked;
		sum[g][MM_GRANTED] -= asked;
	}
}

/* What the trace holds: granted bytes become payload and rounding. */
static void add_live(struct replay *r, int64_t (*sum)[MM_NR_CLASSES])
{
	for (uint32_t i = 0; i < r->live.nr; i++) {
		const struct live *l = &r->live.slot[i];
		const struct sys_alloc *a;
		int g;

		if (live_state(l) == LIVE_AREA || live_state(l) == LIVE_TASK)
			add_area(r, l, sum);
		if (live_state(l) == LIVE_POOL)
			add_pool(r, l, sum);
		if (live_state(l) != LIVE_BLOCK)
			continue;
		a = &r->sys->allocs[live_alloc(l)];
		g = physmem_region(&r->sys->pm, live_pa(l));
		if (g < 0)
			continue;
		if (a->ops->pages != NULL) {
			unsigned shift = r->sys->machine->page_shift;
			int order = a->ops->pages->block_order(
				a->alloc, (pfn_t){(uint32_t)(live_pa(l) >> shift)});
			int64_t block = order < 0 ? 0 : (int64_t)1 << ((unsigned)order + shift);

			sum[g][MM_CACHED] -= block;
			sum[g][MM_GRANTED] += block;
		}
		sum[g][MM_PAYLOAD] += (int64_t)live_size(l);
		sum[g][MM_GRANTED] -= (int64_t)live_size(l);
	}
	for (unsigned i = 0; i < r->sys->nr_allocs; i++)
		if (r->sys->allocs[i].ops->stack != NULL)
			add_pushes(r, &r->sys->allocs[i], sum);
	for (unsigned g = 0; g < r->sys->machine->nr_regions; g++) {
		sum[g][MM_ROUNDING] += sum[g][MM_GRANTED];
		sum[g][MM_GRANTED] = 0;
	}
}

static int compare(struct replay *r, int64_t (*sum)[MM_NR_CLASSES])
{
	for (unsigned g = 0; g < r->sys->machine->nr_regions; g++) {
		int64_t kept[MM_NR_CLASSES];

		ledger_region(r->sys->ledger.rows, &r->sys->ledger, g, kept);
		/* Nobody walks what no allocator has. */
		for (unsigned c = MM_FREE; c < MM_NR_CLASSES; c++) {
			if (kept[c] == sum[g][c])
				continue;
			snprintf(r->problem, sizeof r->problem,
				 "after event %llu region %s: the ledger says %lld bytes %s, a "
				 "recount %lld",
				 (unsigned long long)r->fig->event,
				 r->sys->machine->regions[g].name, (long long)kept[c],
				 mm_class_name((enum mm_class)c), (long long)sum[g][c]);
			return -1;
		}
	}
	return 0;
}

static int recount(struct replay *r)
{
	struct system *s = r->sys;
	struct spans low = {0}, up = {0};
	int64_t sum[64][MM_NR_CLASSES];
	int err;

	memset(sum, 0, sizeof sum);
	for (unsigned i = 0; i < s->nr_allocs; i++)
		spans_add(s->allocs[i].env.pages != NULL ? &up : &low, s, &s->allocs[i]);
	spans_sort(&low);
	spans_sort(&up);
	err = sum_layer(r, &low, sum);
	if (err == 0)
		err = sum_layer(r, &up, sum);
	if (err == 0)
		err = nest_layers(r, &low, &up, sum);
	spans_finish(&low);
	spans_finish(&up);
	if (err != 0)
		return -1;
	add_live(r, sum);
	return compare(r, sum);
}

int replay_check(struct replay *r)
{
	return check_all(r) != 0 ? -1 : recount(r);
}
