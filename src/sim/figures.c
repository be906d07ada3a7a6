#include "sim/figures.h"

#include <string.h>

void free_area_of(const struct sys_alloc *pages, unsigned zone, struct free_area *out)
{
	*out = (struct free_area){.max_order = pages->ops->pages->max_order(pages->alloc)};
	for (unsigned o = 0; o <= out->max_order; o++)
		out->nr_free[o] = pages->ops->pages->nr_free(pages->alloc, zone, o);
}

struct free_walk {
	const struct system *s;
	const struct sys_alloc *a;
	free_block_fn *fn;
	void *ctx;
};

/* A page allocator shows blocks that others took as cached too; the free ones are free. */
static void free_span(void *ctx, const struct walk_span *w)
{
	const struct free_walk *f = ctx;
	enum mm_class want = f->a->ops->pages != NULL ? MM_FREE : MM_CACHED;

	if (w->class == want && w->bytes != 0)
		f->fn(f->ctx, f->a, w->base.v - f->s->offset, w->bytes);
}

void each_free_block(struct system *s, free_block_fn *fn, void *ctx)
{
	for (unsigned i = 0; i < s->nr_allocs; i++) {
		struct free_walk f = {s, &s->allocs[i], fn, ctx};
		const struct alloc_ops *o = f.a->ops;
		struct alloc *w;

		if (o->pages == NULL && o->bytes == NULL && o->stack == NULL)
			continue;
		w = system_walker(s, &s->allocs[i]);
		w->ops->walk(w, free_span, &f);
	}
}

struct largest {
	const struct system *s;
	uint64_t *out;
};

static void note_largest(void *ctx, const struct sys_alloc *a, uint64_t pa, uint64_t bytes)
{
	const struct largest *l = ctx;
	int r = physmem_region(&l->s->pm, pa);

	(void)a;
	if (r >= 0 && bytes > l->out[r])
		l->out[r] = bytes;
}

void largest_by_region(struct system *s, uint64_t out[MACHINE_MAX_REGIONS])
{
	struct largest l = {s, out};

	memset(out, 0, MACHINE_MAX_REGIONS * sizeof *out);
	each_free_block(s, note_largest, &l);
}

uint64_t search_bucket(unsigned i)
{
	unsigned k = i - MM_SEARCH_EXACT;

	if (i < MM_SEARCH_EXACT)
		return i;
	return (32ull + k % 32) << (k / 32 + 1);
}

uint64_t search_count(const struct mm_search *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < MM_SEARCH_BUCKETS; i++)
		n += s->bucket[i];
	return n;
}

uint64_t search_percentile(const struct mm_search *s, unsigned permille)
{
	uint64_t count = search_count(s), seen = 0;
	/* The rank is rounded up: p50 of three searches is the second. */
	uint64_t rank = count / 1000 * permille + (count % 1000 * permille + 999) / 1000;

	for (unsigned i = 0; i < MM_SEARCH_BUCKETS && count != 0; i++) {
		seen += s->bucket[i];
		if (seen >= rank && seen != 0)
			return search_bucket(i);
	}
	return 0;
}

static uint64_t ratio(uint64_t a, uint64_t b)
{
	return b == 0 ? 0 : (a * 1000 + b / 2) / b;
}

void jw_ratios(const struct heap_figures *h, uint64_t out[4])
{
	out[0] = h->jw_samples == 0 ? 0 : (h->jw_sum / h->jw_samples * 1000 + 32768) >> 16;
	out[1] = ratio(h->footprint_at_peak_live, h->peak_live);
	out[2] = ratio(h->peak_footprint, h->live_at_peak_footprint);
	out[3] = ratio(h->peak_footprint, h->peak_live);
}
