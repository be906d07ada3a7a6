/*
 * Watermarks, reserves and limits of per-CPU lists, from the sizes of zones.
 *
 *   min      the zone's share of min_free_kbytes, by its share of lowmem; where kernel data
 *            cannot lie a thousandth of the zone, between 32 and 128 pages
 *   low, high, promo   a step, two and three steps above
 *   reserve  what a zone keeps from requests that zones above could serve: a part of those
 *   lists    batch by the size of the zone, high a multiple or by watermark and CPUs
 *
 * The formulas are those of Linux's mm/page_alloc.c; sources: its documentation
 * (Documentation/admin-guide/sysctl/vm.rst), and the versions named in rules.h.
 * Without 64-bit division, which bare machines lack.
 */
#include "alloc/alloc.h"

#define MIN_FREE_LEAST 128u /* KiB */

_Static_assert(sizeof(((struct zone_rules *)0)->ratio) == ZONE_TYPES * sizeof(uint32_t),
	       "a ratio for each type of zone");

/* a * b / c, rounded down; the quotient fits. */
static uint32_t part(uint32_t a, uint32_t b, uint32_t c)
{
	uint64_t rest = (uint64_t)a * b, step = (uint64_t)c << 31;
	uint32_t quotient = 0;

	if (c == 0)
		return 0;
	for (unsigned i = 0; i < 32; i++, step >>= 1) {
		quotient <<= 1;
		if (rest >= step) {
			rest -= step;
			quotient |= 1;
		}
	}
	return quotient;
}

/* The largest x with x * x <= n. */
static uint32_t root_of(uint64_t n)
{
	uint32_t x = 0;

	for (uint32_t bit = (uint32_t)1 << 31; bit != 0; bit >>= 1)
		if ((uint64_t)(x | bit) * (x | bit) <= n)
			x |= bit;
	return x;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t most(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint32_t clamp(uint32_t x, uint32_t lo, uint32_t hi)
{
	return least(most(x, lo), hi);
}

/* ---- watermarks ---- */

/* Zones whose min is a share of min_free_kbytes. */
static bool shares(const struct zone_rules *r, const struct rules_zone *z)
{
	return z->type != ZONE_HIGHMEM && (z->type != ZONE_MOVABLE || !r->movable_capped);
}

static uint32_t lowmem_pages(const struct zone_rules *r)
{
	uint32_t pages = 0;

	for (unsigned i = 0; i < r->nr_zones; i++)
		pages += shares(r, &r->zone[i]) ? r->zone[i].managed : 0;
	return pages;
}

/* Pages that buffers of the kernel can lie in. */
static uint32_t buffer_pages(const struct zone_rules *r)
{
	uint32_t pages = 0;

	for (unsigned i = 0; i < r->nr_zones; i++)
		pages += r->zone[i].type <= ZONE_NORMAL ? r->zone[i].managed : 0;
	return pages;
}

static uint32_t min_free_kbytes(const struct zone_rules *r, uint32_t upto)
{
	uint64_t kbytes = (uint64_t)buffer_pages(r) << (r->page_shift - 10);

	return clamp(root_of(kbytes * 16), MIN_FREE_LEAST, upto);
}

/* Two pageblocks of each type in each zone, and for each type one for each it falls back to. */
static uint32_t huge_min_free(const struct zone_rules *r, unsigned zones, unsigned order)
{
	uint32_t pages = (uint32_t)(zones * (2 + 9)) << order;

	return least(pages, buffer_pages(r) / 20) << (r->page_shift - 10);
}

static struct rules_marks marks(const struct zone_rules *r, unsigned zone)
{
	const struct rules_zone *z = &r->zone[zone];
	uint32_t share =
		part(r->min_free_kbytes >> (r->page_shift - 10), z->managed, lowmem_pages(r));
	uint32_t min = shares(r, z) ? share : clamp(z->managed >> 10, 32, 128);
	uint32_t step = r->step == STEP_MIN ? min : share >> 2;

	if (r->step == STEP_QUARTER)
		return (struct rules_marks){min, min + step, min + (share >> 1), min + 3 * step};
	if (r->step == STEP_SCALE)
		step = most(step, part(z->managed, r->scale, 10000));
	return (struct rules_marks){min, min + step, min + 2 * step, min + 3 * step};
}

static uint32_t reserve(const struct zone_rules *r, unsigned zone, unsigned type)
{
	const struct rules_zone *z = &r->zone[zone];
	uint32_t above = 0;
	bool asked = !r->empty_asks_none;

	if (r->empty_keeps_none && z->managed == 0)
		return 0;
	for (unsigned i = 0; i < r->nr_zones; i++) {
		const struct rules_zone *x = &r->zone[i];

		if (x->node != z->node || x->type <= z->type || x->type > type)
			continue;
		above += x->managed;
		asked |= x->type == type && x->managed != 0;
	}
	return asked && r->ratio[z->type] != 0 ? above / r->ratio[z->type] : 0;
}

/* ---- per-CPU lists ---- */

/* A quarter of a thousandth of the zone, at most `bytes` / 4, made one less than a power of two. */
static uint32_t batch_of(const struct zone_rules *r, uint32_t managed, uint32_t bytes)
{
	uint32_t b = most(least(managed >> 10, bytes >> r->page_shift) / 4, 1);

	return ((uint32_t)1 << msb(b + b / 2)) - 1;
}

/* Before 5.14: a fraction of the zone, where one is set. */
static struct rules_limits limits_by_fraction(const struct zone_rules *r, uint32_t managed)
{
	uint32_t high = managed / r->fraction;
	uint32_t batch = least(most(high / 4, 1), r->page_shift * 8);

	return (struct rules_limits){batch, high, high};
}

static struct rules_limits limits(const struct zone_rules *r, unsigned zone, uint32_t low,
				  unsigned cpus)
{
	uint32_t managed = r->zone[zone].managed;
	uint32_t bytes = (uint32_t)1 << (r->lists == LISTS_BATCH_512K ? 19 : 20);
	uint32_t batch = batch_of(r, managed, bytes), high;

	cpus = most(cpus, 1);
	if (r->lists < LISTS_SPLIT) {
		if (r->fraction != 0)
			return limits_by_fraction(r, managed);
		return (struct rules_limits){most(batch, 1), 6 * batch, 6 * batch};
	}
	batch = most(batch, 1);
	if (r->fraction != 0)
		low = managed / r->fraction;
	high = most(low / cpus, 4 * batch);
	if (r->fraction != 0 || r->lists == LISTS_SPLIT)
		return (struct rules_limits){batch, high, high};
	return (struct rules_limits){batch, high, most(managed / 8 / cpus, 4 * batch)};
}

const struct rules_ops kernel_rules = {
	.min_free_kbytes = min_free_kbytes,
	.huge_min_free = huge_min_free,
	.marks = marks,
	.reserve = reserve,
	.limits = limits,
	.slub = slub_slab,
	.classic = classic_slab,
	.record = record_slab,
};
