/*
 * recpool: see recpool.h.
 *
 * Invariants, cited by recpool_check:
 *   R1  the list's links agree in both directions, and its end is the root header's prev
 *   R2  behind the root page, pages with a free record come before full ones
 *   R3  used counts the bits of the map; bits without a record and spare words are zero
 *   R4  a page is a live block of one page, marked with the root; none but the root is empty
 */
#include "alloc/recpool_layout.h"

static bool fits(const struct recpool *p)
{
	msize_t page = (msize_t)1 << p->pages->page_shift;

	return p->record_bytes != 0 && p->record_bytes % MM_WORD == 0 && p->taker_bytes % 8 == 0 &&
	       p->taker_bytes + RECPOOL_HEADER + p->record_bytes <= page;
}

int recpool_adopt(struct recpool *p, const struct alloc_env *env, uint32_t taker_bytes,
		  uint32_t record_bytes)
{
	*p = (struct recpool){.m = env->m,
			      .pages = env->pages,
			      .root = env->root,
			      .zones = env->vm != NULL ? env->vm->low_zones : UINT32_MAX,
			      .taker_bytes = taker_bytes,
			      .record_bytes = record_bytes};
	return env->pages == NULL || !fits(p) ? MM_EINVAL : 0;
}

static vaddr_t page_descriptor(const struct recpool *p, vaddr_t page)
{
	struct alloc *a = p->pages->pages;

	return a->ops->pages->descriptor(a, va_to_pfn(p->m, page, p->pages->page_shift));
}

/* A page whose descriptor says whose it is; all of it MM_CACHED. */
static vaddr_t get_page(struct recpool *p)
{
	const struct alloc_req req = {.zone_mask = p->zones};
	vaddr_t page = page_source_get(p->pages, p->m, 0, &req), desc;

	if (vaddr_none(page))
		return VADDR_NONE;
	desc = page_descriptor(p, page);
	set_page_taken(p->m, desc);
	set_page_private(p->m, desc, vaddr_none(p->root) ? page.v : p->root.v);
	return page;
}

/* An empty header; what is behind the last record is slack. */
static void format_page(const struct recpool *p, vaddr_t header)
{
	vaddr_t end = rp_record(p, header, rp_nr(p, header));
	vaddr_t page = rp_page(p, header);

	mem_zero(p->m, header, RECPOOL_HEADER);
	mm_account(p->m, header, RECPOOL_HEADER, MM_CACHED, MM_METADATA);
	mm_account(p->m, end, ((msize_t)1 << p->pages->page_shift) - vaddr_diff(end, page),
		   MM_CACHED, MM_SLACK);
}

int recpool_format(struct recpool *p, const struct alloc_env *env, uint32_t taker_bytes,
		   uint32_t record_bytes)
{
	int err = recpool_adopt(p, env, taker_bytes, record_bytes);

	if (err != 0)
		return err;
	p->root = VADDR_NONE;
	p->root = get_page(p);
	if (vaddr_none(p->root))
		return MM_ENOMEM;
	mem_zero(p->m, p->root, taker_bytes);
	mm_account(p->m, p->root, taker_bytes, MM_CACHED, MM_METADATA);
	format_page(p, rp_root(p));
	set_rp_next(p, rp_root(p), VADDR_NONE);
	set_rp_prev(p, rp_root(p), rp_root(p));
	return 0;
}

static void link_after(const struct recpool *p, vaddr_t h, vaddr_t after)
{
	vaddr_t next = rp_next(p, after);

	set_rp_next(p, h, next);
	set_rp_prev(p, h, after);
	set_rp_next(p, after, h);
	set_rp_prev(p, vaddr_none(next) ? rp_root(p) : next, h);
}

static void unlink_page(const struct recpool *p, vaddr_t h)
{
	vaddr_t next = rp_next(p, h), prev = rp_prev(p, h);

	set_rp_next(p, prev, next);
	set_rp_prev(p, vaddr_none(next) ? rp_root(p) : next, prev);
}

/* A page with a free record, made if need be. */
static vaddr_t page_with_room(struct recpool *p)
{
	vaddr_t h = rp_root(p), page;

	if (rp_used(p, h) < rp_nr(p, h))
		return h;
	h = rp_next(p, h);
	if (!vaddr_none(h) && rp_used(p, h) < rp_nr(p, h))
		return h;
	page = get_page(p);
	if (vaddr_none(page))
		return VADDR_NONE;
	format_page(p, page);
	link_after(p, page, rp_root(p));
	return page;
}

vaddr_t recpool_get(struct recpool *p)
{
	vaddr_t h = page_with_room(p), record;
	unsigned w = 0, i;

	if (vaddr_none(h))
		return VADDR_NONE;
	while (w + 1 < RECPOOL_MAP_WORDS && rp_map(p, h, w) == UINT32_MAX)
		w++;
	i = 32 * w + lsb(~rp_map(p, h, w));
	if (mm_unlikely(i >= rp_nr(p, h)))
		mm_bug(p->m, "a page of records has no free one although it says so", h);
	set_rp_map(p, h, w, rp_map(p, h, w) | (uint32_t)1 << (i % 32));
	set_rp_used(p, h, rp_used(p, h) + 1);
	if (rp_used(p, h) == rp_nr(p, h) && !vaddr_eq(h, rp_root(p))) {
		unlink_page(p, h);
		link_after(p, h, rp_prev(p, rp_root(p)));
	}
	record = rp_record(p, h, i);
	mem_zero(p->m, record, p->record_bytes);
	mm_account(p->m, record, p->record_bytes, MM_CACHED, MM_METADATA);
	return record;
}

/* The record's page and number; false: a is not the begin of one. */
static bool locate(const struct recpool *p, vaddr_t a, vaddr_t *header, unsigned *i)
{
	msize_t off;

	*header = rp_header(p, rp_page(p, a));
	off = vaddr_diff(a, *header);
	if (a.v < header->v + RECPOOL_HEADER)
		return false;
	off -= RECPOOL_HEADER;
	*i = (unsigned)((uint32_t)off / p->record_bytes);
	return (uint32_t)off % p->record_bytes == 0 && *i < rp_nr(p, *header);
}

static void unformat_page(struct recpool *p, vaddr_t h)
{
	vaddr_t end = rp_record(p, h, rp_nr(p, h)), page = rp_page(p, h);

	mm_account(p->m, h, RECPOOL_HEADER, MM_METADATA, MM_CACHED);
	mm_account(p->m, end, ((msize_t)1 << p->pages->page_shift) - vaddr_diff(end, page),
		   MM_SLACK, MM_CACHED);
	if (page_source_put(p->pages, p->m, page, 0) != 0)
		mm_bug(p->m, "a page of records is no live page", h);
}

static void drop_page(struct recpool *p, vaddr_t h)
{
	unlink_page(p, h);
	unformat_page(p, h);
}

void recpool_put(struct recpool *p, vaddr_t record)
{
	vaddr_t h;
	unsigned i;
	bool was_full;

	if (!locate(p, record, &h, &i) || !rp_live(p, h, i))
		mm_bug(p->m, "a record is given back that is not live", record);
	was_full = rp_used(p, h) == rp_nr(p, h);
	set_rp_map(p, h, i / 32, rp_map(p, h, i / 32) & ~((uint32_t)1 << (i % 32)));
	set_rp_used(p, h, rp_used(p, h) - 1);
	mm_account(p->m, record, p->record_bytes, MM_METADATA, MM_CACHED);
	if (vaddr_eq(h, rp_root(p)))
		return;
	if (rp_used(p, h) == 0) {
		drop_page(p, h);
	} else if (was_full) {
		unlink_page(p, h);
		link_after(p, h, rp_root(p));
	}
}

void recpool_destroy(struct recpool *p)
{
	vaddr_t root = rp_root(p), h;

	for (h = root; !vaddr_none(h); h = rp_next(p, h))
		for (unsigned i = 0; i < rp_nr(p, h); i++)
			if (rp_live(p, h, i))
				mm_account(p->m, rp_record(p, h, i), p->record_bytes, MM_METADATA,
					   MM_CACHED);
	while (!vaddr_none(h = rp_next(p, root)))
		drop_page(p, h);
	mm_account(p->m, p->root, p->taker_bytes, MM_METADATA, MM_CACHED);
	unformat_page(p, root);
}

/* Is this page one of the pool's? */
static bool owns_page(const struct recpool *p, vaddr_t page)
{
	struct alloc *a = p->pages->pages;
	pfn_t pfn = va_to_pfn(p->m, page, p->pages->page_shift);
	vaddr_t desc;

	if (a->ops->pages->block_order(a, pfn) != 0)
		return false;
	desc = a->ops->pages->descriptor(a, pfn);
	return page_taken(p->m, desc) && page_private(p->m, desc) == p->root.v &&
	       pfn_eq(page_next(p->m, desc), (pfn_t){0}) &&
	       pfn_eq(page_prev(p->m, desc), (pfn_t){0});
}

bool recpool_is_live(const struct recpool *p, vaddr_t a)
{
	vaddr_t h;
	unsigned i;

	return !vaddr_none(a) && mem_va(p->m, mem_pa(p->m, a)).v == a.v &&
	       owns_page(p, rp_page(p, a)) && locate(p, a, &h, &i) && rp_live(p, h, i);
}

void recpool_walk(const struct recpool *p, const char *what, walk_fn *fn, void *ctx)
{
	for (vaddr_t h = rp_root(p); !vaddr_none(h); h = rp_next(p, h)) {
		vaddr_t page = rp_page(p, h);
		unsigned nr = rp_nr(p, h);
		vaddr_t end = rp_record(p, h, nr);

		fn(ctx, &(struct walk_span){h, RECPOOL_HEADER, MM_METADATA, "records' header",
					    rp_used(p, h)});
		for (unsigned i = 0; i < nr; i++)
			fn(ctx, &(struct walk_span){rp_record(p, h, i), p->record_bytes,
						    rp_live(p, h, i) ? MM_METADATA : MM_CACHED,
						    rp_live(p, h, i) ? what : "free record", i});
		fn(ctx, &(struct walk_span){
				end, ((msize_t)1 << p->pages->page_shift) - vaddr_diff(end, page),
				MM_SLACK, "records' tail", 0});
	}
}

static int check_map(const struct recpool *p, vaddr_t h, struct check_report *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < RECPOOL_MAX_RECORDS; i++) {
		if (rp_live(p, h, i) && i >= rp_nr(p, h))
			return check_fail(r, "R3: bits without a record are zero", h, i,
					  rp_nr(p, h));
		n += rp_live(p, h, i);
	}
	if (n != rp_used(p, h) || rp_spare(p, h) != 0)
		return check_fail(r, "R3: used counts the bits of the map", h, rp_used(p, h), n);
	return 0;
}

int recpool_check(const struct recpool *p, uint64_t *live, struct check_report *r)
{
	vaddr_t root = rp_root(p), last = root;
	bool full = false, first = true;

	*live = 0;
	for (vaddr_t h = root; !vaddr_none(h); h = rp_next(p, h)) {
		if (!first && (vaddr_eq(h, root) || !vaddr_eq(rp_prev(p, h), last)))
			return check_fail(r, "R1: the links of the list agree", h, rp_prev(p, h).v,
					  last.v);
		if (!owns_page(p, rp_page(p, h)) || !vaddr_eq(rp_header(p, rp_page(p, h)), h))
			return check_fail(r, "R4: a page of records is a live page of the pool", h,
					  0, 0);
		if (check_map(p, h, r) != 0)
			return MM_EINVAL;
		if (!vaddr_eq(h, root) &&
		    (rp_used(p, h) == 0 || (full && rp_used(p, h) < rp_nr(p, h))))
			return check_fail(r, "R2: pages with room come first, empty ones are gone",
					  h, rp_used(p, h), 0);
		full = !vaddr_eq(h, root) && rp_used(p, h) == rp_nr(p, h);
		*live += rp_used(p, h);
		last = h;
		first = false;
	}
	if (!vaddr_eq(rp_prev(p, root), last))
		return check_fail(r, "R1: the root header knows the list's end", root,
				  rp_prev(p, root).v, last.v);
	return 0;
}
