/*
 * buddy: watermarks, and which zone serves a request.
 *
 * Every zone keeps `min` pages for those who cannot wait; above `low` requests are
 * served at once.  min is the zone's share of min_free_kbytes, which grows with the
 * square root of memory.  A zone also keeps lowmem_reserve pages from requests that a
 * less precious zone could have served.  Linux's Documentation/admin-guide/sysctl/vm.rst;
 * the formulas are those of mm/page_alloc.c, 4.19 and 6.x; textbook: low and high are
 * twice and three times min.
 *
 * A request goes through the zonelist (of its node)
 *   1. for zones above low; linux-6 first without breaking into pageblocks of other types
 *   2. for zones above min; GFP_ATOMIC, which cannot wait, may take half of min as well,
 *      and a quarter of the rest (the emergency reserve)
 *   3. those that may wait: once shrinkers and per-CPU lists have given back what they can
 *
 * Left out, and so said in docs/machines.md: background reclaim (kswapd), the reserve of
 * high orders (highatomic), watermark boosts.
 */
#include "alloc/buddy_lists.h"

/* ---- formulas: those of alloc/zone_rules.c, with this machine's zones ---- */

static uint32_t managed_of(const struct buddy *b, unsigned zone)
{
	return zone_word(b->map.m, memmap_zone(&b->map, zone), ZONE_MANAGED);
}

/* Zones that huge pages of kernel data can lie in. */
static unsigned huge_zones(const struct zone_rules *r)
{
	unsigned zones = 0;

	for (unsigned i = 0; i < r->nr_zones; i++)
		zones += r->zone[i].managed != 0 && r->zone[i].type != ZONE_MOVABLE;
	return zones;
}

void buddy_rules(const struct buddy *b, struct rules_zone zone[MM_MAX_ZONES], struct zone_rules *r)
{
	bool now = b->rules == BUDDY_LINUX_6;

	for (unsigned i = 0; i < b->map.nr_zones; i++)
		zone[i] = (struct rules_zone){managed_of(b, i), (uint8_t)b->map.desc[i].type,
					      (uint16_t)b->map.desc[i].node};
	*r = (struct zone_rules){
		.zone = zone,
		.nr_zones = b->map.nr_zones,
		.page_shift = b->map.page_shift,
		.step = b->rules == BUDDY_TEXTBOOK ? STEP_MIN : STEP_SCALE,
		.lists = now ? LISTS_TUNED : LISTS_BATCH,
		.movable_capped = now,
		.empty_keeps_none = now,
		.min_free_kbytes = b->min_free,
		.scale = b->scale,
		.ratio = {[ZONE_DMA] = 256, [ZONE_DMA32] = 256, [ZONE_NORMAL] = 32}};
	if (r->min_free_kbytes != 0)
		return;
	r->min_free_kbytes = kernel_rules.min_free_kbytes(r, now ? 262144 : 65536);
	if (b->list_order <= b->max_order) {
		uint32_t huge = kernel_rules.huge_min_free(r, huge_zones(r), b->list_order);

		r->min_free_kbytes = huge > r->min_free_kbytes ? huge : r->min_free_kbytes;
	}
}

struct zone_marks buddy_marks(const struct buddy *b, unsigned zone)
{
	struct rules_zone zones[MM_MAX_ZONES];
	struct zone_rules r;
	struct rules_marks marks;
	struct zone_marks k;

	buddy_rules(b, zones, &r);
	marks = kernel_rules.marks(&r, zone);
	k = (struct zone_marks){.min = marks.min, .low = marks.low, .high = marks.high};
	if (b->start != NULL) {
		k.min = b->start->zones[zone].min;
		k.low = b->start->zones[zone].low;
		k.high = b->start->zones[zone].high;
	}
	for (unsigned type = 0; type < ZONE_TYPES; type++)
		k.reserve[type] = kernel_rules.reserve(&r, zone, type);
	return k;
}

void buddy_marks_format(struct buddy *b)
{
	const struct mem *m = b->map.m;

	for (unsigned zone = 0; zone < b->map.nr_zones; zone++) {
		struct zone_marks k = buddy_marks(b, zone);
		vaddr_t z = memmap_zone(&b->map, zone), ext = buddy_ext(b, zone);

		set_zone_word(m, z, ZONE_MIN, k.min);
		set_zone_word(m, z, ZONE_LOW, k.low);
		set_zone_word(m, z, ZONE_HIGH, k.high);
		for (unsigned type = 0; type < ZONE_TYPES; type++)
			set_zone_reserve(m, ext, type, k.reserve[type]);
		if (!buddy_above(b, zone, 0, k.high, ZONE_MOVABLE, false))
			set_zext_word(m, ext, ZEXT_FLAGS, ZONE_BELOW_HIGH);
	}
}

/* ---- a request ---- */

/* Would 2^order pages leave more than `mark` and what is kept from such requests? */
bool buddy_above(const struct buddy *b, unsigned zone, unsigned order, uint32_t mark,
		 enum zone_type type, bool cma)
{
	const struct mem *m = b->map.m;
	uint32_t free = zone_word(m, memmap_zone(&b->map, zone), ZONE_FREE);
	uint32_t pages = ((uint32_t)1 << order) - 1;

	if (!cma)
		free -= zext_word(m, buddy_ext(b, zone), ZEXT_FREE_CMA);
	return free >= pages && free - pages > mark + zone_reserve(m, buddy_ext(b, zone), type);
}

struct request {
	unsigned order, mt;
	const struct alloc_req *req;
	const uint8_t *zones; /* the zonelist of its node */
	enum zone_type type; /* of the least precious zone that may serve it */
	unsigned wanted; /* the first zone of the list that may */
	bool listed; /* blocks of its order have per-CPU lists */
	bool kept; /* a zone had the pages but keeps them */
};

static bool may_serve(const struct buddy *b, const struct request *q, unsigned zone)
{
	if ((q->req->zone_mask >> zone & 1) == 0)
		return false;
	return (q->req->gfp & __GFP_THISNODE) == 0 || b->map.desc[zone].node == q->req->node;
}

static struct request make_request(const struct buddy *b, unsigned order,
				   const struct alloc_req *req)
{
	struct request q = {.order = order,
			    .mt = buddy_type(b, req->migratetype),
			    .req = req,
			    .zones = memmap_zonelist(&b->map, req->node),
			    .wanted = MM_MAX_ZONES};

	for (unsigned i = 0; i < b->map.nr_zones; i++) {
		unsigned zone = q.zones[i];

		if (!may_serve(b, &q, zone))
			continue;
		if (q.wanted == MM_MAX_ZONES && managed_of(b, zone) != 0)
			q.wanted = zone;
		if (b->map.desc[zone].type > q.type)
			q.type = b->map.desc[zone].type;
	}
	q.listed = buddy_list(b, order, q.mt) != UINT32_MAX;
	return q;
}

struct zone_choice buddy_choose(const struct buddy *b, const struct alloc_req *req)
{
	struct request q = make_request(b, 0, req);
	unsigned first = MM_MAX_ZONES;

	for (unsigned i = b->map.nr_zones; i-- > 0;)
		if (may_serve(b, &q, q.zones[i]))
			first = q.zones[i];
	return (struct zone_choice){req->zone_mask, req->node,
				    first == q.wanted ? first : MM_MAX_ZONES, q.type};
}

static void note_fallback(const struct buddy *b, const struct request *q, unsigned zone)
{
	vaddr_t z = memmap_zone(&b->map, zone);

	set_zone_word(b->map.m, z, ZONE_FALLBACKS, zone_word(b->map.m, z, ZONE_FALLBACKS) + 1);
	mm_event(b->map.m, MM_EV_FALLBACK, zone, q->order, q->wanted);
}

/* 2^order pages of a zone that may give them, marked as live. */
static pfn_t serve(struct buddy *b, const struct request *q, unsigned zone, bool whole)
{
	struct mem *m = b->map.m;
	pfn_t pfn = q->listed ? buddy_pcp_take(b, zone, q->order, q->mt, whole)
			      : buddy_take(b, zone, q->order, q->mt, whole);

	if (pfn_none(pfn))
		return PFN_NONE;
	set_page_head(m, memmap_desc(&b->map, pfn), q->order, PAGE_LIVE, q->mt, q->req->owner);
	if (!q->listed)
		mm_account(m, pfn_to_va(m, pfn, b->map.page_shift),
			   (msize_t)1 << (q->order + b->map.page_shift), MM_FREE, MM_CACHED);
	if (mm_unlikely(zone != q->wanted))
		note_fallback(b, q, zone);
	mm_event(m, MM_EV_PAGE_ALLOC, pfn.v, q->order, zone);
	return pfn;
}

/* The mark of a zone for the request; `last`: the one for those who found no zone above low. */
static uint32_t mark_of(const struct buddy *b, const struct request *q, unsigned zone, bool last)
{
	vaddr_t z = memmap_zone(&b->map, zone);
	uint32_t mark = zone_word(b->map.m, z, last ? ZONE_MIN : ZONE_LOW), gfp = q->req->gfp;

	if (!last)
		return mark;
	if ((gfp & __GFP_MEMALLOC) != 0)
		return 0;
	if ((gfp & __GFP_HIGH) != 0)
		mark -= mark / 2;
	if (!gfp_may_reclaim(gfp) && (gfp & __GFP_NOMEMALLOC) == 0 &&
	    (b->rules != BUDDY_LINUX_6 || (gfp & __GFP_HIGH) != 0))
		mark -= mark / 4;
	return mark;
}

/* Linux 6 looks whether the zone still has plenty; false: it has not, and per-CPU lists shrink. */
static bool has_plenty(const struct buddy *b, const struct request *q, unsigned zone)
{
	vaddr_t ext = buddy_ext(b, zone);

	if (b->rules != BUDDY_LINUX_6 ||
	    (zext_word(b->map.m, ext, ZEXT_FLAGS) & ZONE_BELOW_HIGH) != 0)
		return false;
	if (mm_likely(buddy_above(b, zone, q->order,
				  zone_word(b->map.m, memmap_zone(&b->map, zone), ZONE_HIGH),
				  q->type, q->mt == MIGRATE_MOVABLE)))
		return true;
	set_zext_word(b->map.m, ext, ZEXT_FLAGS, ZONE_BELOW_HIGH);
	return false;
}

static void note_kept(const struct buddy *b, struct request *q, unsigned zone, uint32_t mark)
{
	uint32_t free = zone_word(b->map.m, memmap_zone(&b->map, zone), ZONE_FREE);

	mm_event(b->map.m, MM_EV_WATERMARK, zone, free, mark);
	for (unsigned o = q->order; o <= b->max_order; o++)
		q->kept |= area_nr_free(b->map.m, zone_area(memmap_zone(&b->map, zone), o)) != 0;
}

/* One pass over the zonelist. */
static pfn_t try_zones(struct buddy *b, struct request *q, bool last, bool whole)
{
	for (unsigned i = 0; i < b->map.nr_zones; i++) {
		unsigned zone = q->zones[i];
		pfn_t pfn;

		if (!may_serve(b, q, zone))
			continue;
		if (mm_unlikely(!has_plenty(b, q, zone))) {
			uint32_t mark = mark_of(b, q, zone, last);

			if (!buddy_above(b, zone, q->order, mark, q->type,
					 q->mt == MIGRATE_MOVABLE) &&
			    (!last || (q->req->gfp & __GFP_MEMALLOC) == 0)) {
				note_kept(b, q, zone, mark);
				continue;
			}
		}
		pfn = serve(b, q, zone, whole);
		if (!pfn_none(pfn))
			return pfn;
	}
	return PFN_NONE;
}

/* Shrinkers give back, as long as that helps; then all per-CPU lists are drained. */
static pfn_t reclaim(struct buddy *b, struct request *q)
{
	struct shrinkers *s = b->shrinkers;
	vaddr_t ext = buddy_ext(b, q->wanted);
	pfn_t pfn = PFN_NONE;

	if (!gfp_may_reclaim(q->req->gfp) || (s != NULL && s->busy))
		return PFN_NONE;
	for (unsigned i = 0; s != NULL && i < s->nr && pfn_none(pfn); i++) {
		uint64_t pages;

		s->busy = true;
		pages = s->of[i]->ops->shrink(s->of[i], (uint64_t)1 << q->order);
		s->busy = false;
		mm_event(b->map.m, MM_EV_SHRINK, (uint64_t)1 << q->order, pages, q->order);
		mm_count(b->map.m, MM_EV_SHRUNK, pages);
		if (pages == 0)
			continue;
		set_zext_word(b->map.m, ext, ZEXT_RECLAIMED,
			      zext_word(b->map.m, ext, ZEXT_RECLAIMED) + (uint32_t)pages);
		pfn = try_zones(b, q, true, false);
	}
	if (pfn_none(pfn) && buddy_pcp_drain_all(b) != 0)
		pfn = try_zones(b, q, true, false);
	return pfn;
}

pfn_t buddy_alloc_marked(struct buddy *b, unsigned order, const struct alloc_req *req)
{
	struct request q = make_request(b, order, req);
	pfn_t pfn = PFN_NONE;
	bool unbroken;

	if (q.wanted == MM_MAX_ZONES)
		return PFN_NONE;
	/* Where another zone can serve it, a request rather goes there than mix types. */
	unbroken =
		b->types && b->rules == BUDDY_LINUX_6 && b->map.desc[q.wanted].type == ZONE_NORMAL;
	if (unbroken)
		pfn = try_zones(b, &q, false, true);
	if (pfn_none(pfn))
		pfn = try_zones(b, &q, false, false);
	if (pfn_none(pfn))
		pfn = try_zones(b, &q, true, false);
	if (pfn_none(pfn))
		pfn = reclaim(b, &q);
	if (pfn_none(pfn) && q.kept)
		mm_refuse(b->map.m, MM_REFUSE_WATERMARK);
	return pfn;
}
