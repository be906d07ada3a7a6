/* The two indices of Linux's mm/vmstat.c, from free blocks alone. */
#include "sim/figures.h"

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
