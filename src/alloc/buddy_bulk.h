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
	uint64_t number, live_bytes, allocs, frees, requested, held, ratio, idle, peak_held;
	int64_t peak;
	uint64_t quick_allocs, quick_frees;
	struct quick_req wants;
	unsigned shift; /* of a page */
	bool quick;
};

BUDDY_INLINE void pages_open(struct pages_run *r, const struct bulk *k)
{
	r->number = k->number;
	r->live_bytes = k->live_bytes;
	r->allocs = k->mallocs;
	r->frees = k->frees;
	r->requested = k->requested;
	r->held = k->held;
	r->ratio = k->ratio;
	r->idle = k->idle;
	r->peak = k->peak;
	r->peak_held = k->peak_held;
}

BUDDY_INLINE void pages_close(const struct pages_run *r, struct bulk *k)
{
	k->number = r->number;
	k->live_bytes = r->live_bytes;
	k->mallocs = r->allocs;
	k->frees = r->frees;
	k->requested = r->requested;
	k->held = r->held;
	k->ratio = r->ratio;
	k->idle = r->idle;
}

/* What requests without flags, from any zone, on CPU 0 of node 0 come to. */
static void plan(struct pages_run *r)
{
	struct buddy *b = r->b;
	struct alloc_req any = {.zone_mask = UINT32_MAX};

	if (b->nr_lists == 0)
		return;
	if (b->choice.zone == MM_MAX_ZONES || b->choice.mask != UINT32_MAX || b->choice.node != 0)
		b->choice = buddy_choose(b, &any);
	r->quick = b->choice.zone != MM_MAX_ZONES;
	r->wants = (struct quick_req){.zone = b->choice.zone, .type = b->choice.type};
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
BUDDY_INLINE bool bulk_alloc(struct pages_run *r, struct bulk *k, const struct mem *v,
			     const struct plain_req *q)
{
	const unsigned order = q->size & 0xff, mt = q->size >> 8 & 0xff;
	struct live *l = &r->table[q->name];
	struct mem *m = r->b->map.m;
	uint64_t bytes, pa;
	pfn_t pfn;

	r->wants.mt = buddy_type(r->b, mt);
	if (r->quick && mm_likely(quick_take(r->b, v, &r->wants, order, &pfn))) {
		r->quick_allocs++;
	} else {
		*k->clock = r->number;
		pfn = alloc_slowly(r->b, order, mt);
		if (pfn_none(pfn))
			return false;
	}
	bytes = (uint64_t)1 << (order + r->shift);
	pa = (uint64_t)pfn.v << r->shift;
	mm_account(m, pfn_to_va(m, pfn, r->shift), (msize_t)bytes, MM_CACHED, MM_PAYLOAD);
	l->place = r->place | pa;
	l->what = bytes | (uint64_t)q->note << 40;
	l->born = r->number | (uint64_t)order << 40;
	r->allocs++;
	r->live_bytes += bytes;
	r->requested += bytes;
	r->held += bytes << 16;
	return true;
}

/* The block of the entry l; false: it is no live block of its order. */
BUDDY_INLINE bool bulk_give(struct pages_run *r, struct bulk *k, const struct mem *v,
			    struct live *l)
{
	const uint64_t pa = l->place ^ r->place, bytes = l->what & PLAIN_SIZE_MAX;
	const pfn_t pfn = {(uint32_t)(pa >> r->shift)};
	const unsigned order = (unsigned)(l->born >> 40);
	struct mem *m = r->b->map.m;

	if (mm_unlikely((int64_t)r->live_bytes > r->peak || r->held > r->peak_held)) {
		pages_close(r, k);
		k->at_peak(k);
		pages_open(r, k);
	}
	if (mm_likely(r->quick && quick_put(r->b, v, r->wants.cpu, pfn, order))) {
		r->quick_frees++;
	} else {
		*k->clock = r->number;
		if (!free_slowly(r->b, pfn, order))
			return false;
	}
	mm_account(m, pfn_to_va(m, pfn, r->shift), (msize_t)bytes, MM_PAYLOAD, MM_CACHED);
	l->place = 0;
	r->frees++;
	r->live_bytes -= bytes;
	r->held -= bytes << 16;
	return true;
}

BUDDY_INLINE enum bulk_stop bulk_page_event(struct pages_run *r, struct bulk *k,
					    const struct mem *v, const struct plain_req *q)
{
	struct live *l;

	if (q->size != PLAIN_GIVE_PAGES) {
		if (mm_unlikely(q->size >> 62 != PLAIN_PAGES >> 62))
			return BULK_OTHER;
		return mm_likely(bulk_alloc(r, k, v, q)) ? BULK_DONE : BULK_REFUSED;
	}
	l = &r->table[q->name];
	if (mm_unlikely((l->place ^ r->place) >> 48 != 0))
		return BULK_OTHER;
	return mm_likely(bulk_give(r, k, v, l)) ? BULK_DONE : BULK_BAD_FREE;
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
	const struct plain_req *const ahead = n > AHEAD_ENTRY ? end - AHEAD_ENTRY : req;
	const struct mem v = *a->m;
	struct pages_run r = {.b = (struct buddy *)a,
			      .table = k->table,
			      .place = k->place,
			      .shift = ((struct buddy *)a)->map.page_shift};
	enum bulk_stop stop = BULK_DONE;

	pages_open(&r, k);
	plan(&r);
	for (; q < end; q++) {
		if (q < ahead)
			pages_look_ahead(&r, &v, q);
		r.number++;
		stop = bulk_page_event(&r, k, &v, q);
		if (mm_unlikely(stop != BULK_DONE)) {
			r.number--;
			break;
		}
		if (mm_likely(r.live_bytes != 0))
			r.ratio += r.held / r.live_bytes;
		else
			r.idle++;
	}
	pages_close(&r, k);
	*k->clock = r.number;
	*done = (size_t)(q - req);
	mm_count(a->m, MM_EV_PAGE_ALLOC, r.quick_allocs);
	mm_count(a->m, MM_EV_PAGE_FREE, r.quick_frees);
	return stop;
}

#endif
