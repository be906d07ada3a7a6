/*
 * memmap: the memory map.  Which frames a page allocator has, in which zones, and
 * where each frame's descriptor (alloc/page.h) lies.
 *
 * A zone is any number of ranges; a range carries an array of descriptors, one a
 * frame, in itself or in the ranges of another zone (HIGHMEM's lie in lowmem).
 * The range table in the image is ascending over all zones, so a frame is found
 * by bisection; the handle remembers the range found last.  Descriptor arrays are
 * made zero, not written: a machine of 64 GiB must not touch 16 million of them.
 * Zero says "inside a block", which is true of all but a few.
 *
 * Worst case: O(log ranges) for a frame outside of the range looked up last.
 *
 * Invariants, cited by memmap_check:
 *   M1  the head's words are the geometry of the handle, its spare words zero
 *   M2  the range table has the machine's ranges, ascending, each with its zone
 *   M3  descriptors lie where the machine wants them, and a range without any
 *       has no managed frames
 *   M4  descriptors of frames that head no block are zero
 *   M5  a live block has a migrate type, and what of its descriptor no taker uses
 *       is zero
 *
 * Rejected: descriptors of the free frames only.  They would be fewer, but a
 * frame's descriptor could no longer be found without a search.
 */
#include "alloc/memmap.h"

/* Addresses that a stored link of one target word can hold. */
static vaddr_t link_end(void)
{
	return VADDR_NONE;
}

static msize_t root_bytes(const struct memmap *mp)
{
	return MEMMAP_HEAD_BYTES + mp->nr_zones * mp->zone_bytes +
	       (msize_t)mp->nr_ranges * MEMMAP_RANGE_BYTES;
}

static void place(struct memmap *mp, vaddr_t root)
{
	mp->root = root;
	mp->zones = vaddr_add(root, MEMMAP_HEAD_BYTES);
	mp->ranges = vaddr_add(mp->zones, mp->nr_zones * mp->zone_bytes);
}

/* Everything of the handle that needs no memory. */
static int set_geometry(struct memmap *mp, const struct alloc_env *env, msize_t zone_bytes,
			unsigned max_order)
{
	if (env->nr_zones == 0 || env->nr_zones > MM_MAX_ZONES)
		return MM_EINVAL;
	mp->m = env->m;
	mp->zone_bytes = zone_bytes;
	mp->stride = env->desc_stride ? env->desc_stride : PAGE_DESC_BYTES;
	mp->nr_zones = env->nr_zones;
	mp->nr_ranges = 0;
	mp->page_shift = env->page_shift;
	mp->max_order = max_order;
	mp->desc = env->zones;
	mp->zonelists = env->zonelists;
	mp->nodes = env->nodes;
	mp->desc_place = env->desc_place;
	mp->hot.nr = 0;
	for (unsigned z = 0; z < env->nr_zones; z++) {
		mp->nr_ranges += env->zones[z].nr_ranges;
		mp->zonelist[z] = env->zonelist[z];
		if (env->zonelist[z] >= env->nr_zones ||
		    env->zones[z].desc_zone >= (int)env->nr_zones)
			return MM_EINVAL;
	}
	return mp->stride < PAGE_DESC_BYTES || (mp->stride & (MM_WORD - 1)) != 0 ? MM_EINVAL : 0;
}

/* ---- carving ---- */

/* Takes `bytes` of metadata from the ranges of zone z, lowest first. */
static vaddr_t carve_in_zone(const struct memmap *mp, struct alloc *boot, const struct zone_desc *z,
			     msize_t bytes, msize_t align)
{
	for (unsigned i = 0; i < z->nr_ranges; i++) {
		vaddr_t lo = pfn_to_va(mp->m, z->ranges[i].start, mp->page_shift);
		vaddr_t hi = vaddr_add(lo, (msize_t)z->ranges[i].nr << mp->page_shift);
		vaddr_t va;

		hi.v = hi.v < link_end().v ? hi.v : link_end().v;
		va = boot->ops->boot->carve(boot, bytes, align, lo, hi, false);
		if (vaddr_none(va))
			continue;
		mm_transfer(boot->m, mp->m, va, bytes, MM_CACHED);
		mm_account(mp->m, va, bytes, MM_CACHED, MM_METADATA);
		mem_zero(mp->m, va, bytes);
		return va;
	}
	return VADDR_NONE;
}

static const struct zone_desc *desc_zone(const struct memmap *mp, unsigned z)
{
	return mp->desc[z].desc_zone < 0 ? &mp->desc[z] : &mp->desc[mp->desc[z].desc_zone];
}

/* Takes `bytes` of metadata from the place that is set apart for them. */
static vaddr_t carve_apart(const struct memmap *mp, struct alloc *boot, msize_t bytes,
			   msize_t align)
{
	unsigned shift = mp->page_shift;
	struct pfn_range r = {.start = va_to_pfn(mp->m, mp->desc_place.base, shift),
			      .nr = (uint32_t)(mp->desc_place.bytes >> shift)};
	struct zone_desc here = {.ranges = &r, .nr_ranges = 1};

	return carve_in_zone(mp, boot, &here, bytes, align);
}

/* The root lies where the descriptors of the zone tried first lie, or of the next. */
static int carve_root(struct memmap *mp, const struct alloc_env *env)
{
	vaddr_t root = VADDR_NONE;

	msize_t align = env->cache_line > MM_WORD ? env->cache_line : MM_WORD;

	if (mp->desc_place.bytes != 0)
		root = carve_apart(mp, env->boot, root_bytes(mp), align);
	for (unsigned i = 0; i < mp->nr_zones && vaddr_none(root); i++)
		root = carve_in_zone(mp, env->boot, desc_zone(mp, mp->zonelist[i]), root_bytes(mp),
				     align);
	place(mp, root);
	return vaddr_none(root) ? MM_ENOMEM : 0;
}

/* The whole frames of gap that are below `end`; nr is 0 if it has none. */
static struct pfn_range whole_frames(const struct memmap *mp, struct mm_range gap, pfn_t end)
{
	msize_t page = (msize_t)1 << mp->page_shift;
	msize_t pa = mem_pa(mp->m, gap.base).v, up = round_up(pa, page);
	struct pfn_range x = {.start = {(uint32_t)(up >> mp->page_shift)}};

	if (up - pa >= gap.bytes || x.start.v >= end.v)
		return x;
	x.nr = (uint32_t)((gap.bytes - (up - pa)) >> mp->page_shift);
	if (x.nr > end.v - x.start.v)
		x.nr = end.v - x.start.v;
	return x;
}

/* The next stretch of whole free frames in [*from, end), which moves on; nr 0: none. */
static struct pfn_range next_stretch(const struct memmap *mp, const struct alloc *boot, pfn_t *from,
				     pfn_t end)
{
	struct pfn_range x = {.nr = 0};
	struct mm_range gap;

	while (x.nr == 0 && from->v < end.v) {
		vaddr_t at = pfn_to_va(mp->m, *from, mp->page_shift);

		if (!boot->ops->boot->next_free(boot, at, &gap))
			break;
		x = whole_frames(mp, gap, end);
		*from = x.start.v + x.nr > from->v ? pfn_add(x.start, x.nr) : pfn_add(*from, 1);
	}
	return x;
}

/* Whether [start, start + nr) has a free frame, which would be worth descriptors. */
static bool has_free_frame(const struct memmap *mp, const struct alloc *boot, pfn_t start,
			   uint32_t nr)
{
	return next_stretch(mp, boot, &start, pfn_add(start, nr)).nr != 0;
}

static int carve_descs(struct memmap *mp, const struct alloc_env *env, unsigned i)
{
	vaddr_t r = memmap_range(mp, i), descs;
	struct pfn_range own = {.start = range_start(mp->m, r), .nr = range_nr(mp->m, r)};
	unsigned z = range_zone(mp->m, r);
	bool elsewhere = mp->desc[z].desc_zone >= 0 || mp->desc_place.bytes != 0;
	msize_t bytes = own.nr * mp->stride + memmap_blocks_bytes(mp, own.start, own.nr);
	struct zone_desc here = {.ranges = &own, .nr_ranges = 1};

	set_range_descs(mp->m, r, VADDR_NONE);
	if (!has_free_frame(mp, env->boot, own.start, own.nr))
		return 0;
	if (mp->desc_place.bytes != 0)
		descs = carve_apart(mp, env->boot, bytes, MM_WORD);
	else
		descs = carve_in_zone(mp, env->boot, elsewhere ? desc_zone(mp, z) : &here, bytes,
				      MM_WORD);
	set_range_descs(mp->m, r, descs);
	return vaddr_none(descs) && elsewhere ? MM_ENOMEM : 0;
}

/* ---- the range table ---- */

/* Puts range x of zone z into the table, whose first n entries are ascending. */
static int insert_range(const struct memmap *mp, unsigned n, const struct pfn_range *x, unsigned z)
{
	unsigned i = n;
	vaddr_t r;

	for (; i > 0; i--) {
		r = memmap_range(mp, i - 1);
		if (range_start(mp->m, r).v < x->start.v)
			break;
		mem_copy(mp->m, memmap_range(mp, i), r, MEMMAP_RANGE_BYTES);
	}
	if (x->nr == 0 || x->nr > UINT32_MAX - 1 - x->start.v)
		return MM_EINVAL;
	if (i > 0 && range_start(mp->m, r).v + range_nr(mp->m, r) > x->start.v)
		return MM_EINVAL;
	if (i < n && x->start.v + x->nr > range_start(mp->m, memmap_range(mp, i + 1)).v)
		return MM_EINVAL;
	r = memmap_range(mp, i);
	set_range_start(mp->m, r, x->start);
	set_range_nr(mp->m, r, x->nr);
	set_range_zone(mp->m, r, z);
	return 0;
}

static int fill_table(const struct memmap *mp)
{
	unsigned n = 0;

	for (unsigned z = 0; z < mp->nr_zones; z++)
		for (unsigned i = 0; i < mp->desc[z].nr_ranges; i++)
			if (insert_range(mp, n++, &mp->desc[z].ranges[i], z) != 0)
				return MM_EINVAL;
	return 0;
}

static uint32_t head_word(const struct memmap *mp, unsigned i)
{
	const uint32_t words[MEMMAP_NR_WORDS] = {
		[MEMMAP_NR_ZONES] = mp->nr_zones,
		[MEMMAP_NR_RANGES] = mp->nr_ranges,
		[MEMMAP_ZONE_BYTES] = (uint32_t)mp->zone_bytes,
		[MEMMAP_STRIDE] = (uint32_t)mp->stride,
		[MEMMAP_PAGE_SHIFT] = mp->page_shift,
		[MEMMAP_MAX_ORDER] = mp->max_order,
	};

	return i < MEMMAP_NR_WORDS ? words[i] : 0;
}

int memmap_format(struct memmap *mp, const struct alloc_env *env, msize_t zone_bytes,
		  unsigned max_order)
{
	int err = set_geometry(mp, env, zone_bytes, max_order);

	if (err == 0)
		err = carve_root(mp, env);
	if (err != 0)
		return err;
	for (unsigned i = 0; i < MEMMAP_NR_WORDS; i++)
		set_memmap_word(mp->m, mp->root, i, head_word(mp, i));
	err = fill_table(mp);
	for (unsigned i = 0; i < mp->nr_ranges && err == 0; i++)
		err = carve_descs(mp, env, i);
	return err;
}

int memmap_attach(struct memmap *mp, const struct alloc_env *env, msize_t zone_bytes,
		  unsigned max_order)
{
	int err = set_geometry(mp, env, zone_bytes, max_order);

	if (err != 0)
		return err;
	place(mp, env->root);
	for (unsigned i = 0; i < MEMMAP_NR_WORDS; i++)
		if (memmap_word(mp->m, mp->root, i) != head_word(mp, i))
			return MM_EINVAL;
	return 0;
}

/* ---- taking over ---- */

int memmap_take(struct memmap *mp, struct alloc *boot, unsigned i, pfn_t *from,
		struct pfn_range *out)
{
	vaddr_t r = memmap_range(mp, i), at;
	msize_t bytes;

	*out = next_stretch(mp, boot, from, pfn_add(range_start(mp->m, r), range_nr(mp->m, r)));
	if (out->nr == 0)
		return 0;
	at = pfn_to_va(mp->m, out->start, mp->page_shift);
	bytes = (msize_t)out->nr << mp->page_shift;
	if (boot->ops->boot->reserve(boot, at, bytes) != 0)
		return MM_ENOMEM;
	set_range_managed(mp->m, r, range_managed(mp->m, r) + out->nr);
	mm_account(mp->m, at, bytes, MM_UNMANAGED, MM_FREE);
	return 0;
}

/* ---- lookup ---- */

struct frame_range memmap_find(const struct memmap *mp, pfn_t pfn)
{
	unsigned lo = 0, hi = mp->nr_ranges;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		vaddr_t r = memmap_range(mp, mid);
		pfn_t start = range_start(mp->m, r);
		uint32_t nr = range_nr(mp->m, r);

		if (pfn.v < start.v)
			hi = mid;
		else if (pfn.v - start.v >= nr)
			lo = mid + 1;
		else
			return (struct frame_range){start, nr, range_descs(mp->m, r),
						    range_zone(mp->m, r)};
	}
	return (struct frame_range){PFN_NONE, 0, VADDR_NONE, 0};
}

vaddr_t memmap_descriptor(const struct memmap *mp, pfn_t pfn)
{
	struct frame_range r = memmap_find(mp, pfn);

	return r.nr == 0 || vaddr_none(r.descs) ? VADDR_NONE : range_desc(mp, &r, pfn);
}

static unsigned range_node(const struct memmap *mp, unsigned zone, pfn_t start)
{
	for (unsigned i = 0; i < mp->desc[zone].nr_ranges; i++)
		if (pfn_eq(mp->desc[zone].ranges[i].start, start))
			return mp->desc[zone].ranges[i].node;
	return 0;
}

struct page_frames memmap_frames(const struct memmap *mp, pfn_t pfn)
{
	for (unsigned i = 0; i < mp->nr_ranges; i++) {
		vaddr_t r = memmap_range(mp, i), descs = range_descs(mp->m, r);
		pfn_t start = range_start(mp->m, r);
		uint32_t nr = range_nr(mp->m, r);

		if (!vaddr_none(descs) && (pfn.v < start.v || pfn.v - start.v < nr))
			return (struct page_frames){start, nr, descs, (uint32_t)mp->stride,
						    range_node(mp, range_zone(mp->m, r), start)};
	}
	return (struct page_frames){PFN_NONE, 0, VADDR_NONE, 0, 0};
}

vaddr_t memmap_desc_cold(const struct memmap *mp, pfn_t pfn)
{
	vaddr_t desc = memmap_descriptor(mp, pfn);

	if (vaddr_none(desc))
		mm_bug(mp->m, "a link names a frame without a descriptor", desc);
	return desc;
}

int memmap_block_order(const struct memmap *mp, pfn_t pfn)
{
	vaddr_t desc = memmap_descriptor(mp, pfn);

	if (vaddr_none(desc) || page_state(mp->m, desc) != PAGE_LIVE)
		return -1;
	return (int)page_order(mp->m, desc);
}

void memmap_walk(const struct memmap *mp, walk_fn *fn, void *ctx)
{
	fn(ctx, &(struct walk_span){mp->root, MEMMAP_HEAD_BYTES, MM_METADATA, "zones' head", 0});
	for (unsigned z = 0; z < mp->nr_zones; z++)
		fn(ctx, &(struct walk_span){memmap_zone(mp, z), mp->zone_bytes, MM_METADATA,
					    "zone structure", z});
	fn(ctx, &(struct walk_span){mp->ranges, (msize_t)mp->nr_ranges * MEMMAP_RANGE_BYTES,
				    MM_METADATA, "range table", mp->nr_ranges});
	for (unsigned i = 0; i < mp->nr_ranges; i++) {
		vaddr_t r = memmap_range(mp, i), descs = range_descs(mp->m, r);

		if (!vaddr_none(descs))
			fn(ctx,
			   &(struct walk_span){descs, range_nr(mp->m, r) * mp->stride, MM_METADATA,
					       "page descriptors", range_zone(mp->m, r)});
		if (!vaddr_none(descs) && mp->block_order != 0)
			fn(ctx, &(struct walk_span){
					vaddr_add(descs, range_nr(mp->m, r) * mp->stride),
					memmap_blocks_bytes(mp, range_start(mp->m, r),
							    range_nr(mp->m, r)),
					MM_METADATA, "pageblock types", range_zone(mp->m, r)});
	}
}
