/*
 * buddy: alloc_ops.pages_bulk.  The loop of alloc/bulk.h, of blocks of pages: what every
 * request does to the caller's table, the ledger and the counters is done here, and the
 * usual ways of buddy_quick.h are inlined.
 *
 * A page allocator holds what it has given out, so `held` moves with every request, and
 * its greatest value is taken like that of the live bytes: before the next free.
 */
#ifndef ALLOC_BUDDY_BULK_H
#define ALLOC_BUDDY_BULK_H

#include "alloc/buddy_quick.h"

/* What one call has at hand: what changes of the account, and what stays. */
struct pages_run {
	struct buddy *b;
	struct live *table;
	uint64_t place;
	uint64_t number, live_bytes, allocs, frees, requested, ratio, idle;
	uint64_t apart; /* what is held beside the live blocks, times 65536 */
	int64_t peak; /* a free at more live bytes than these is told before */
	uint64_t slow_allocs, slow_frees;
	struct mm_row *row; /* of the region of the block before */
	uint64_t row_base, row_bytes;
	uint64_t row_live; /* live bytes when the row was last brought up to date */
	struct quick_lane lane;
	struct zone_choice choice;
	unsigned shift; /* of a page */
};

/* A live block is payload; before and after, its bytes are cached. */
BUDDY_INLINE void pages_settle(struct pages_run *r)
{
	const int64_t born = (int64_t)(r->live_bytes - r->row_live);

	r->row->bytes[MM_CACHED] -= born;
	r->row->bytes[MM_PAYLOAD] += born;
	r->row->changed = MM_ROW_CHANGED;
	r->row_live = r->live_bytes;
}

BUDDY_INLINE void pages_open(struct pages_run *r, const struct bulk *k)
{
	int64_t most;

	r->number = k->number;
	r->live_bytes = r->row_live = k->live_bytes;
	r->allocs = k->mallocs;
	r->frees = k->frees;
	r->requested = k->requested;
	r->ratio = k->ratio;
	r->idle = k->idle;
	r->apart = k->held - (k->live_bytes << 16);
	/* What is held moves with the live bytes: its maximum is one of theirs. */
	most = (int64_t)(k->peak_held - r->apart) >> 16;
	r->peak = k->peak < most ? k->peak : most;
}

BUDDY_INLINE void pages_close(struct pages_run *r, struct bulk *k)
{
	pages_settle(r);
	k->number = r->number;
	k->live_bytes = r->live_bytes;
	k->mallocs = r->allocs;
	k->frees = r->frees;
	k->requested = r->requested;
	k->ratio = r->ratio;
	k->idle = r->idle;
	k->held = (r->live_bytes << 16) + r->apart;
}

/* The row at hand becomes that of the region that the block at pa lies in. */
BUDDY_INLINE void pages_row(struct pages_run *r, uint64_t pa)
{
	if (mm_likely(pa - r->row_base < r->row_bytes))
		return;
	pages_settle(r);
	r->row = mm_row_find(r->b->map.m, pa);
	r->row_base = r->b->map.m->row_base;
	r->row_bytes = r->b->map.m->row_bytes;
}

/* The lane of requests without flags, from any zone, on CPU 0 of node 0. */
BUDDY_INLINE void choose_lane(struct pages_run *r)
{
	r->lane = quick_lane(r->b, r->b->map.m, 0, r->choice.zone, r->choice.type);
}

static void plan(struct pages_run *r)
{
	struct buddy *b = r->b;
	struct alloc_req any = {.zone_mask = UINT32_MAX};

	r->choice.zone = MM_MAX_ZONES;
	if (b->nr_lists != 0) {
		if (b->choice.zone == MM_MAX_ZONES || b->choice.mask != UINT32_MAX ||
		    b->choice.node != 0)
			b->choice = buddy_choose(b, &any);
		r->choice = b->choice;
	}
	choose_lane(r);
}

/* The ordinary ways; apart, so that a request has no place among what is at hand. */
static __attribute__((noinline)) pfn_t alloc_slowly(struct buddy *b, unsigned order, unsigned mt)
{
	struct alloc_req req = {.zone_mask = UINT32_MAX, .migratetype = (uint8_t)mt};

	return buddy_alloc_pages(b, order, &req);
}

static __attribute__((noinline)) bool free_slowly(struct buddy *b, pfn_t pfn, unsigned order)
{
	return buddy_free_pages(b, pfn, order) == 0;
}

/* 2^order pages; false: nothing was found. */
BUDDY_INLINE bool bulk_alloc(struct pages_run *r, struct bulk *k, const struct plain_req *q)
{
	const unsigned order = q->size & 0xff, mt = q->size >> 8 & 0xff;
	struct live *l = &r->table[q->name];
	uint64_t bytes, pa;
	pfn_t pfn;

	if (mm_unlikely(!quick_take(&r->lane, order, buddy_type(r->b, mt), 0, &pfn))) {
		*k->clock = r->number;
		pfn = alloc_slowly(r->b, order, mt);
		choose_lane(r);
		if (pfn_none(pfn))
			return false;
		r->slow_allocs++;
	}
	bytes = (uint64_t)1 << (order + r->shift);
	pa = (uint64_t)pfn.v << r->shift;
	pages_row(r, pa);
	l->place = r->place | pa;
	l->what = bytes | (uint64_t)q->note << 40;
	l->born = (uint32_t)r->number;
	r->allocs++;
	r->live_bytes += bytes;
	r->requested += bytes;
	return true;
}

/* The block of the entry l; false: it is no live block of its order. */
BUDDY_INLINE bool bulk_give(struct pages_run *r, struct bulk *k, struct live *l)
{
	const uint64_t pa = l->place ^ r->place, bytes = l->what & PLAIN_SIZE_MAX;
	const pfn_t pfn = {(uint32_t)(pa >> r->shift)};
	const unsigned order = (unsigned)__builtin_ctzll(bytes) - r->shift;

	if (mm_unlikely((int64_t)r->live_bytes > r->peak)) {
		pages_close(r, k);
		k->at_peak(k);
		pages_open(r, k);
	}
	if (mm_unlikely(!quick_put(&r->lane, pfn, order))) {
		bool done;

		*k->clock = r->number;
		done = free_slowly(r->b, pfn, order);
		choose_lane(r);
		if (!done)
			return false;
		r->slow_frees++;
	}
	pages_row(r, pa);
	l->place = 0;
	r->frees++;
	r->live_bytes -= bytes;
	return true;
}

BUDDY_INLINE enum bulk_stop bulk_page_event(struct pages_run *r, struct bulk *k,
					    const struct plain_req *q)
{
	struct live *l;

	if (q->size != PLAIN_GIVE_PAGES) {
		if (mm_unlikely(q->size >> 62 != PLAIN_PAGES >> 62))
			return BULK_OTHER;
		return mm_likely(bulk_alloc(r, k, q)) ? BULK_DONE : BULK_REFUSED;
	}
	l = &r->table[q->name];
	/* Of whom more is kept, the order is told by that, not by the bytes. */
	if (mm_unlikely((l->place ^ r->place) >> 48 != 0 || l->what >> 40 > PLAIN_SITE_MAX))
		return BULK_OTHER;
	return mm_likely(bulk_give(r, k, l)) ? BULK_DONE : BULK_BAD_FREE;
}

/* What is held for each live byte, times 65536, after a request. */
BUDDY_INLINE void pages_ratio(struct pages_run *r)
{
	if (mm_unlikely(r->live_bytes == 0))
		r->idle++;
	else if (mm_likely(r->apart == 0))
		r->ratio += UINT64_C(1) << 16;
	else
		r->ratio += ((r->live_bytes << 16) + r->apart) / r->live_bytes;
}

/* How far ahead of the request being done the caches are warmed. */
#define AHEAD_ENTRY 16
#define AHEAD_BLOCK 8

/* A request touches its entry of the table, and a free the block's descriptor. */
BUDDY_INLINE void pages_look_ahead(const struct pages_run *r, const struct mem *v,
				   const struct plain_req *q)
{
	const struct frame_range *hot = &r->b->map.hot;
	const uint64_t at = r->table[q[AHEAD_BLOCK].name].place ^ r->place;
	/* Without a branch: whether the request is a free is anybody's guess. */
	const pfn_t pfn = {at >> 48 == 0 ? (uint32_t)(at >> r->shift) : hot->start.v};

	__builtin_prefetch(&r->table[q[AHEAD_ENTRY].name], 1);
	mem_prefetch(v, range_desc(&r->b->map, hot, pfn));
}

static enum bulk_stop buddy_bulk(struct alloc *a, struct bulk *k, const struct plain_req *req,
				 size_t n, size_t *done)
{
	const struct plain_req *q = req, *const end = req + n;
	const struct plain_req *const ahead =
		k->cold && n > AHEAD_ENTRY ? end - AHEAD_ENTRY : req;
	const struct mem v = *a->m;
	struct pages_run r = {.b = (struct buddy *)a,
			      .table = k->table,
			      .place = k->place,
			      .shift = ((struct buddy *)a)->map.page_shift,
			      .row = mm_row_at(a->m, a->root)};
	enum bulk_stop stop = BULK_DONE;

	r.row_base = a->m->row_base;
	r.row_bytes = a->m->row_bytes;
	pages_open(&r, k);
	plan(&r);
	for (; q < end; q++) {
		if (q < ahead)
			pages_look_ahead(&r, &v, q);
		r.number++;
		stop = bulk_page_event(&r, k, q);
		if (mm_unlikely(stop != BULK_DONE)) {
			r.number--;
			break;
		}
		pages_ratio(&r);
	}
	pages_close(&r, k);
	*k->clock = r.number;
	*done = (size_t)(q - req);
	mm_count(a->m, MM_EV_PAGE_ALLOC, r.allocs - r.slow_allocs);
	mm_count(a->m, MM_EV_PAGE_FREE, r.frees - r.slow_frees);
	return stop;
}

#endif
