/* memmap: the checker of invariants M1 to M5 of memmap.c. */
#include "alloc/memmap.h"

static int check_head(const struct memmap *mp, struct check_report *r)
{
	const uint32_t expected[MEMMAP_HEAD_BYTES / 4] = {
		[MEMMAP_NR_ZONES] = mp->nr_zones,
		[MEMMAP_NR_RANGES] = mp->nr_ranges,
		[MEMMAP_ZONE_BYTES] = (uint32_t)mp->zone_bytes,
		[MEMMAP_STRIDE] = (uint32_t)mp->stride,
		[MEMMAP_PAGE_SHIFT] = mp->page_shift,
		[MEMMAP_MAX_ORDER] = mp->max_order,
	};

	for (unsigned i = 0; i < MEMMAP_HEAD_BYTES / 4; i++)
		if (memmap_word(mp->m, mp->root, i) != expected[i])
			return check_fail(r, "M1: the head is the handle's geometry", mp->root,
					  memmap_word(mp->m, mp->root, i), expected[i]);
	return 0;
}

/* M2: [start, start + nr) is a range of zone z in the machine. */
static bool is_machine_range(const struct memmap *mp, unsigned z, pfn_t start, uint32_t nr)
{
	const struct zone_desc *d = &mp->desc[z];

	for (unsigned i = 0; i < d->nr_ranges; i++)
		if (d->ranges[i].start.v == start.v)
			return d->ranges[i].nr == nr;
	return false;
}

/* M3: [descs, descs + bytes) lies in one range of the zone that holds zone z's descriptors. */
static bool is_desc_place(const struct memmap *mp, unsigned z, vaddr_t descs, msize_t bytes)
{
	vaddr_t place = mp->desc_place.base;
	const struct zone_desc *d =
		mp->desc[z].desc_zone < 0 ? &mp->desc[z] : &mp->desc[mp->desc[z].desc_zone];

	if (mp->desc_place.bytes != 0)
		return descs.v >= place.v && descs.v - place.v < mp->desc_place.bytes &&
		       mp->desc_place.bytes - (descs.v - place.v) >= bytes;
	for (unsigned i = 0; i < d->nr_ranges; i++) {
		vaddr_t lo = pfn_to_va(mp->m, d->ranges[i].start, mp->page_shift);
		msize_t size = (msize_t)d->ranges[i].nr << mp->page_shift;

		if (descs.v >= lo.v && descs.v - lo.v < size && size - (descs.v - lo.v) >= bytes)
			return true;
	}
	return false;
}

static int check_range(const struct memmap *mp, struct check_report *r, unsigned i)
{
	vaddr_t at = memmap_range(mp, i), descs = range_descs(mp->m, at);
	pfn_t start = range_start(mp->m, at);
	uint32_t nr = range_nr(mp->m, at), z = range_zone(mp->m, at);

	if (i > 0 && range_start(mp->m, memmap_range(mp, i - 1)).v >= start.v)
		return check_fail(r, "M2: ranges are ascending", at, start.v, 0);
	if (z >= mp->nr_zones || !is_machine_range(mp, z, start, nr))
		return check_fail(r, "M2: a range is the machine's", at, start.v, z);
	if (vaddr_none(descs) && range_managed(mp->m, at) != 0)
		return check_fail(r, "M3: a range without descriptors has no frames", at,
				  range_managed(mp->m, at), 0);
	if (!vaddr_none(descs) &&
	    !is_desc_place(mp, z, descs, nr * mp->stride + memmap_blocks_bytes(mp, start, nr)))
		return check_fail(r, "M3: descriptors lie where the machine wants them", at,
				  descs.v, z);
	return 0;
}

int memmap_check(const struct memmap *mp, struct check_report *r)
{
	if (check_head(mp, r) != 0)
		return MM_EINVAL;
	for (unsigned i = 0; i < mp->nr_ranges; i++)
		if (check_range(mp, r, i) != 0)
			return MM_EINVAL;
	return 0;
}

static int check_zero_desc(const struct memmap *mp, struct check_report *r, vaddr_t desc,
			   msize_t from)
{
	if ((from & (MM_WORD - 1)) != 0) {
		if (mem_ld32(mp->m, vaddr_add(desc, from)) != 0)
			return check_fail(r, "M4: what no block uses of a descriptor is zero",
					  vaddr_add(desc, from), 1, 0);
		from += 4;
	}
	for (msize_t i = from; i < mp->stride; i += MM_WORD)
		if (mem_ldw(mp->m, vaddr_add(desc, i)) != 0)
			return check_fail(r, "M4: what no block uses of a descriptor is zero",
					  vaddr_add(desc, i), mem_ldw(mp->m, vaddr_add(desc, i)),
					  0);
	return 0;
}

int memmap_check_zero(const struct memmap *mp, struct check_report *r, vaddr_t desc, uint32_t n,
		      msize_t from)
{
	msize_t skip = 0;

	for (; n > 0; n--, desc = vaddr_add(desc, mp->stride)) {
		if (skip < mp->stride)
			skip = mem_untouched(mp->m, desc);
		if (skip >= mp->stride)
			skip -= mp->stride;
		else if (check_zero_desc(mp, r, desc, from) != 0)
			return MM_EINVAL;
	}
	return 0;
}

int memmap_check_spare(const struct memmap *mp, struct check_report *r, vaddr_t desc)
{
	if (page_state(mp->m, desc) == PAGE_LIVE && page_taken(mp->m, desc))
		return 0;
	return memmap_check_zero(mp, r, desc, 1, PAGE_USED_BYTES);
}

int memmap_check_live(const struct memmap *mp, struct check_report *r, vaddr_t desc)
{
	const struct mem *m = mp->m;

	if (!page_taken(m, desc) &&
	    (page_next(m, desc).v | page_prev(m, desc).v | page_private(m, desc)) != 0)
		return check_fail(r, "M5: links and private are zero unless PAGE_TAKEN", desc,
				  page_next(m, desc).v, 0);
	if (page_mt(m, desc) >= MIGRATE_TYPES)
		return check_fail(r, "M5: a live block has a migrate type", desc, page_mt(m, desc),
				  MIGRATE_TYPES);
	return 0;
}
