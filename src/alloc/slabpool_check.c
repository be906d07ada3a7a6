/* slabpool: the checker of invariants P1 to P7 of slabpool.c. */
#include "alloc/slabpool.h"

#include "alloc/slabpool_layout.h"

#define P1 "P1: the runs lead exactly to the arena's end"
#define P2 "P2: a record holds only what its kind has"
#define P3 "P3: no two free runs are neighbours"
#define P4 "P4: every free run is in the bin of its length"
#define P5 "P5: the header knows which bins are not empty"
#define P6 "P6: blocks counts the runs given out"
#define P7 "P7: every run is a live block that names this pool"

/* Bytes [from, stride) of the record at d are zero. */
static bool zero_from(const struct slabpool *p, vaddr_t d, uint32_t from)
{
	uint32_t any = 0;

	for (uint32_t n = from / 4; n < p->stride / 4; n++)
		any |= record_word(p->m, d, n);
	return any == 0;
}

/* The records inside the run at ref. */
static int check_inside(const struct slabpool *p, uint32_t ref, uint32_t len, bool free,
			struct check_report *r)
{
	for (uint32_t i = ref + 1; i < ref + len; i++) {
		vaddr_t d = pool_record(p, i);
		bool end = free && i == ref + len - 1;

		if (end && record_len(p->m, d) != len)
			return check_fail(r, P4, d, record_len(p->m, d), len);
		if (record_kind(p->m, d) != (end ? POOL_END : POOL_TAIL))
			return check_fail(r, P2, d, record_kind(p->m, d), POOL_TAIL);
		if (record_next(p->m, d) != 0 || record_prev(p->m, d) != 0 ||
		    record_inuse(p->m, d) != 0 || (!end && record_len(p->m, d) != 0) ||
		    !zero_from(p, d, POOL_RECORD))
			return check_fail(r, P2, d, 1, 0);
	}
	return 0;
}

/* A neighbour in the bin's list: none, or a free run of the same bin that points back. */
static bool linked(const struct slabpool *p, uint32_t ref, uint32_t other, bool forward, unsigned b)
{
	vaddr_t d = pool_record(p, other);

	if (other >= p->nr || record_kind(p->m, d) != POOL_FREE || record_len(p->m, d) == 0)
		return false;
	return msb(record_len(p->m, d)) == b &&
	       (forward ? record_prev(p->m, d) : record_next(p->m, d)) == ref;
}

static int check_free(const struct slabpool *p, uint32_t ref, struct check_report *r)
{
	vaddr_t d = pool_record(p, ref);
	uint32_t len = record_len(p->m, d), next = record_next(p->m, d),
		 prev = record_prev(p->m, d);
	unsigned b = msb(len);

	if (record_inuse(p->m, d) != 0 || !zero_from(p, d, POOL_RECORD))
		return check_fail(r, P2, d, 1, 0);
	if (next != REF_NONE && !linked(p, ref, next, true, b))
		return check_fail(r, P4, d, next, ref);
	if (prev != REF_NONE ? !linked(p, ref, prev, false, b) : pool_bin(p, b) != ref)
		return check_fail(r, P4, d, prev, ref);
	if (ref + len < p->nr && record_kind(p->m, pool_record(p, ref + len)) == POOL_FREE)
		return check_fail(r, P3, d, ref + len, ref);
	return 0;
}

/* What the pool owns of a live run's record: all of it, unless the taker keeps its slab there. */
static int check_live(const struct slabpool *p, vaddr_t d, struct check_report *r)
{
	bool mine = p->stride == POOL_RECORD || record_kind(p->m, d) < POOL_SLAB;

	if (mine && (record_next(p->m, d) != 0 || record_prev(p->m, d) != 0 ||
		     record_inuse(p->m, d) != 0 || !zero_from(p, d, POOL_RECORD)))
		return check_fail(r, P2, d, 1, 0);
	return 0;
}

/* The run at ref; adds to the number of free runs or of live ones. */
static int check_run(const struct slabpool *p, uint32_t ref, uint32_t count[2],
		     struct check_report *r)
{
	vaddr_t d = pool_record(p, ref);
	uint32_t len = record_len(p->m, d);
	unsigned kind = record_kind(p->m, d);
	bool free = kind == POOL_FREE;

	if (len == 0 || len > p->nr - ref)
		return check_fail(r, P1, d, len, p->nr - ref);
	if (kind == POOL_TAIL || kind == POOL_END)
		return check_fail(r, P2, d, kind, POOL_LARGE);
	count[free]++;
	if ((free ? check_free(p, ref, r) : check_live(p, d, r)) != 0)
		return MM_EINVAL;
	return check_inside(p, ref, len, free, r);
}

/* Lists to runs: each bin's length; `nr` free runs were met in the map. */
static int check_bins(const struct slabpool *p, uint32_t nr, struct check_report *r)
{
	uint32_t bins = 0, met = 0;

	for (unsigned b = 0; b < p->nr_bins; b++) {
		uint32_t ref = pool_bin(p, b);

		if (ref != REF_NONE)
			bins |= (uint32_t)1 << b;
		if (ref != REF_NONE && !linked(p, REF_NONE, ref, true, b))
			return check_fail(r, P4, p->root, ref, b);
		for (; ref != REF_NONE && met <= nr; met++)
			ref = record_next(p->m, pool_record(p, ref));
	}
	if (met != nr)
		return check_fail(r, P4, p->root, met, nr);
	if (p->nr_bins % 2 != 0 && pool_bin(p, p->nr_bins) != 0)
		return check_fail(r, P5, p->root, pool_bin(p, p->nr_bins), 0);
	if (bins != pool_head(p))
		return check_fail(r, P5, p->root, pool_head(p), bins);
	return 0;
}

static int check_arena(const struct slabpool *p, struct check_report *r)
{
	uint32_t count[2] = {0, 0};

	for (uint32_t ref = 0; ref < p->nr; ref += record_len(p->m, pool_record(p, ref)))
		if (check_run(p, ref, count, r) != 0)
			return MM_EINVAL;
	if (count[0] != pool_blocks(p))
		return check_fail(r, P6, p->root, pool_blocks(p), count[0]);
	return check_bins(p, count[1], r);
}

static int check_grown(const struct slabpool *p, struct check_report *r)
{
	const struct alloc *pages = p->pages->pages;
	uint32_t nr = pool_blocks(p), met = 0, prev = REF_NONE;

	for (uint32_t ref = pool_head(p); ref != REF_NONE; met++) {
		vaddr_t d = pages->ops->pages->descriptor(pages, (pfn_t){ref});

		if (met == nr)
			return check_fail(r, P6, p->root, nr, met + 1);
		if (vaddr_none(d) || slabpool_kind(p, ref) < POOL_LARGE ||
		    slabpool_kind(p, ref) > POOL_SLAB)
			return check_fail(r, P7, p->root, ref, POOL_SLAB);
		if (page_prev(p->m, d).v != prev ||
		    pages->ops->pages->block_order(pages, (pfn_t){ref}) < 0)
			return check_fail(r, P7, d, page_prev(p->m, d).v, prev);
		prev = ref;
		ref = page_next(p->m, d).v;
	}
	return met == nr ? 0 : check_fail(r, P6, p->root, nr, met);
}

int slabpool_check(const struct slabpool *p, struct check_report *r)
{
	if ((p->nr_bins & 1) != 0 && pool_bin(p, p->nr_bins) != 0)
		return check_fail(r, P2, p->root, pool_bin(p, p->nr_bins), 0);
	return p->pages == NULL ? check_arena(p, r) : check_grown(p, r);
}
