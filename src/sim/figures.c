#include "sim/figures.h"

void free_area_of(const struct system *s, const struct sys_alloc *pages, unsigned zone,
		  struct free_area *out)
{
	(void)s;
	*out = (struct free_area){.max_order = pages->ops->pages->max_order(pages->alloc)};
	for (unsigned o = 0; o <= out->max_order; o++)
		out->nr_free[o] = pages->ops->pages->nr_free(pages->alloc, zone, o);
}

struct contig {
	uint64_t free_pages, blocks, suitable;
};

/* fill_contig_page_info of mm/vmstat.c, from its definition. */
static struct contig contig_of(const struct free_area *a, unsigned order)
{
	struct contig c = {0, 0, 0};

	for (unsigned o = 0; o <= a->max_order; o++) {
		c.free_pages += a->nr_free[o] << o;
		c.blocks += a->nr_free[o];
		if (o >= order)
			c.suitable += a->nr_free[o] << (o - order);
	}
	return c;
}

int unusable_index(const struct free_area *a, unsigned order)
{
	struct contig c = contig_of(a, order);

	if (c.free_pages == 0)
		return 1000;
	return (int)((c.free_pages - (c.suitable << order)) * 1000 / c.free_pages);
}

int extfrag_index(const struct free_area *a, unsigned order)
{
	struct contig c = contig_of(a, order);

	if (order > a->max_order || c.blocks == 0)
		return 0;
	if (c.suitable != 0)
		return -1000;
	return (int)(1000 - (int64_t)((1000 + (c.free_pages * 1000 >> order)) / c.blocks));
}

uint64_t search_bucket(unsigned i)
{
	unsigned k = i - MM_SEARCH_EXACT;

	if (i < MM_SEARCH_EXACT)
		return i;
	return (32ull + k % 32) << (k / 32 + 1);
}

uint64_t search_percentile(const struct mm_search *s, unsigned permille)
{
	/* The rank is rounded up: p50 of three searches is the second. */
	uint64_t rank = s->count / 1000 * permille + (s->count % 1000 * permille + 999) / 1000,
		 seen = 0;

	for (unsigned i = 0; i < MM_SEARCH_BUCKETS && s->count != 0; i++) {
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

void jw_ratios(const struct figures *f, uint64_t out[4])
{
	out[0] = f->jw_samples == 0 ? 0 : (f->jw_sum / f->jw_samples * 1000 + 32768) >> 16;
	out[1] = ratio(f->footprint_at_peak_live, f->peak_live_bytes);
	out[2] = ratio(f->peak_footprint, f->live_at_peak_footprint);
	out[3] = ratio(f->peak_footprint, f->peak_live_bytes);
}
