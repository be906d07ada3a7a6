/*
 * slab: how large slabs are, where their records lie, and what CPUs keep.
 *
 * The rules are those of Linux 2.6's mm/slab.c: kmem_cache_create, cache_estimate,
 * calculate_slab_order, enable_cpucache; shared arrays are of a kernel's rules only.  A slab
 * grows until an eighth or less of it is lost, but not beyond order 1 unless not one object
 * fits.  Records of objects of an eighth of a page and more lie outside, unless what is left
 * over has room for them.
 */
#include "alloc/slab.h"

#include "alloc/slab_layout.h"

#define ORDER_FITS    1u /* slab_break_gfp_order of machines with more than 32 MiB */
#define SHARED_FACTOR 8u

static uint32_t mgmt_bytes(uint32_t num, uint32_t align)
{
	return (uint32_t)round_up(SLAB_RECORD + 4u * num, align);
}

unsigned slab_most_order(const struct kmem *s)
{
	unsigned most = s->rules.rules == MM_RULES_TEXTBOOK ? 5 : 10;

	return most < s->rules.max_order ? most : s->rules.max_order;
}

/* The rule of alloc/slab_rules.c, for a record inside or outside as *g says. */
static bool choose_order(const struct kmem *s, struct slab_geometry *g, msize_t *left)
{
	const struct slab_rules r = {.page_shift = s->page_shift,
				     .slab_order = ORDER_FITS,
				     .max_order = slab_most_order(s)};
	const struct rules_record c = {SLAB_RECORD, g->align, g->off_slab, false};
	uint32_t rest = 0;
	struct rules_slab slab = kernel_rules.record(&r, g->size, &c, &rest);

	if (slab.objects == 0)
		return false;
	g->num = slab.objects;
	g->order = slab.order;
	*left = rest;
	return true;
}

/* Entries of the arrays: fewer of large objects. */
static void choose_array(const struct kmem *s, struct slab_geometry *g)
{
	msize_t page = (msize_t)1 << s->page_shift;

	g->limit = g->size > 131072 ? 1
		   : g->size > page ? 8
		   : g->size > 1024 ? 24
		   : g->size > 256  ? 54
				    : 120;
	g->batch = (g->limit + 1) / 2;
	if (s->rules.rules != MM_RULES_TEXTBOOK && g->size <= page && s->cpus > 1)
		g->shared = SHARED_FACTOR;
}

bool slab_geometry(const struct kmem *s, msize_t size, msize_t align, uint32_t flags, bool early,
		   struct slab_geometry *out)
{
	struct slab_geometry g = {.flags = flags};
	msize_t left = 0, page = (msize_t)1 << s->page_shift;

	if (size == 0 || size > KMEM_MAX_SIZE || align > KMEM_MAX_SIZE ||
	    (align & (align - 1)) != 0)
		return false;
	g.object_size = (uint32_t)size;
	g.align = kmem_alignment(&s->rules, size, align, flags);
	g.inuse = (uint32_t)round_up(size, MM_WORD);
	if ((flags & SLAB_RED_ZONE) != 0) {
		g.inuse += MM_WORD;
		g.red_left = (uint32_t)round_up(MM_WORD, g.align);
	}
	g.size = (uint32_t)round_up(g.red_left + g.inuse, g.align);
	g.off_slab = g.size >= page / 8 && !early;
	if (g.off_slab && !choose_order(s, &g, &left))
		g.off_slab = false; /* no record outside is large enough */
	if (g.num == 0 && !choose_order(s, &g, &left))
		return false;
	g.mgmt = mgmt_bytes(g.num, g.align);
	if (g.off_slab && left >= g.mgmt) {
		g.off_slab = false;
		left -= g.mgmt;
	}
	if (g.off_slab)
		g.mgmt = SLAB_RECORD + 4 * g.num;
	g.colour_off = s->rules.cache_line > g.align ? s->rules.cache_line : g.align;
	g.colour = (uint32_t)(left / g.colour_off);
	choose_array(s, &g);
	*out = g;
	return true;
}
