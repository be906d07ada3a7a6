/*
 * slabpool: runs of units for slabs, from an arena or from pages.
 *
 * In an arena the pool keeps a map, one record a unit.  Free runs hang in bins by
 * the power of two of their length, doubly linked through their first record; the
 * last record says the length again, so that a run given back finds both
 * neighbours (boundary tags, Knuth, The Art of Computer Programming 1, section
 * 2.5).  A search takes the first fit in the bin of the wanted length, then the
 * first run of the next bin.  Slabs and tables are cut from a run's low end, large
 * runs from its high end, so that slabs do not lie scattered between large blocks.
 *
 * Grown from pages a run is one block of the page source.  Its head's page
 * descriptor belongs to the taker while it is live: the links chain the pool's
 * runs, `private` says whose the page is and what.  So any address in RAM is
 * answered exactly, without a header inside the block.
 *
 * Worst case: a search looks at every free run of one bin (all of them with an
 * alignment); get and put are O(1) otherwise.
 *
 * Invariants, cited by slabpool_check:
 *   P1  the runs' lengths lead from unit 0 exactly to the arena's end
 *   P2  a record that begins nothing is zero, and no field is set that its kind has not
 *   P3  no two free runs are neighbours
 *   P4  every free run is in the bin of its length, its links agree, its last record
 *       repeats its length
 *   P5  bit b of the header is set when, and only when, bin b is not empty
 *   P6  `blocks` counts the runs given out
 *   P7  grown: every run of the list is a live block whose descriptor names this pool
 */
#include "alloc/slabpool.h"

#include "alloc/slabpool_layout.h"

/* ---- free runs of an arena ---- */

static void bin_mark(const struct slabpool *p, unsigned b, bool any)
{
	uint32_t bit = (uint32_t)1 << b, was = pool_head(p);

	set_pool_head(p, any ? was | bit : was & ~bit);
}

/* Makes [ref, ref + len) a free run; its records begin nothing yet. */
static void run_add(const struct slabpool *p, uint32_t ref, uint32_t len)
{
	unsigned b = msb(len);
	uint32_t next = pool_bin(p, b);
	vaddr_t d = pool_record(p, ref);

	set_record(p->m, d, next, REF_NONE, len, POOL_FREE);
	if (len > 1)
		set_record(p->m, pool_record(p, ref + len - 1), 0, 0, len, POOL_END);
	if (next == REF_NONE)
		bin_mark(p, b, true);
	else
		set_record_prev(p->m, pool_record(p, next), ref);
	set_pool_bin(p, b, ref);
}

/* Takes the free run at ref out of its bin: its records begin nothing. */
static void run_del(const struct slabpool *p, uint32_t ref)
{
	vaddr_t d = pool_record(p, ref);
	uint32_t next = record_next(p->m, d), prev = record_prev(p->m, d);
	uint32_t len = record_len(p->m, d);

	if (prev == REF_NONE)
		set_pool_bin(p, msb(len), next);
	else
		set_record_next(p->m, pool_record(p, prev), next);
	if (next != REF_NONE)
		set_record_prev(p->m, pool_record(p, next), prev);
	else if (prev == REF_NONE)
		bin_mark(p, msb(len), false);
	set_record(p->m, pool_record(p, ref + len - 1), 0, 0, 0, POOL_TAIL);
	set_record(p->m, d, 0, 0, 0, POOL_TAIL);
}

/*
 * Where `units` units at a multiple of 2^align_shift lie in the run at ref: the
 * lowest place, or the highest if top; REF_NONE when they do not fit.
 */
static uint32_t place_in(const struct slabpool *p, uint32_t ref, uint32_t units,
			 unsigned align_shift, bool top)
{
	msize_t first = (p->origin.v >> p->unit_shift) + ref;
	msize_t end = first + record_len(p->m, pool_record(p, ref));
	msize_t align = (msize_t)1 << align_shift;
	msize_t at = top && end >= units ? round_down(end - units, align) : round_up(first, align);

	if (at < first || at > end || end - at < units)
		return REF_NONE;
	return ref + (uint32_t)(at - first);
}

/* The place for a new run, and in *run the free run that holds it. */
static uint32_t find_place(const struct slabpool *p, uint32_t units, unsigned align_shift, bool top,
			   uint32_t *run, uint64_t *steps)
{
	uint32_t bins = pool_head(p) & (UINT32_MAX << msb(units));

	for (; bins != 0; bins &= bins - 1) {
		for (uint32_t r = pool_bin(p, lsb(bins)); r != REF_NONE;
		     r = record_next(p->m, pool_record(p, r))) {
			uint32_t at = place_in(p, r, units, align_shift, top);

			++*steps;
			*run = r;
			if (at != REF_NONE)
				return at;
		}
	}
	return REF_NONE;
}

static uint32_t arena_get(struct slabpool *p, unsigned kind, uint32_t units, unsigned align_shift,
			  uint64_t *steps)
{
	uint32_t run, len, at;

	if (units > p->nr)
		return REF_NONE;
	at = find_place(p, units, align_shift, kind == POOL_LARGE, &run, steps);
	if (at == REF_NONE)
		return REF_NONE;
	/* [      run       ] => [ run ][ at ][ rest ] */
	len = record_len(p->m, pool_record(p, run));
	run_del(p, run);
	if (at != run)
		run_add(p, run, at - run);
	if (at + units != run + len)
		run_add(p, at + units, run + len - at - units);
	set_record(p->m, pool_record(p, at), 0, 0, units, kind);
	return at;
}

/* Makes [ref, ref + len), whose records begin nothing, free, merged with free neighbours. */
static void run_merge(const struct slabpool *p, uint32_t ref, uint32_t len)
{
	if (ref + len < p->nr && record_kind(p->m, pool_record(p, ref + len)) == POOL_FREE) {
		/* [ ref ][ next ] => [ ---- ref ---- ] */
		uint32_t next = ref + len;

		len += record_len(p->m, pool_record(p, next));
		run_del(p, next);
	}
	if (ref > 0) {
		vaddr_t before = pool_record(p, ref - 1);
		unsigned kind = record_kind(p->m, before);

		if (kind == POOL_END || kind == POOL_FREE) {
			/* [ prev ][ ref ] => [ ---- prev ---- ] */
			uint32_t prev_len = record_len(p->m, before);

			ref -= prev_len;
			len += prev_len;
			run_del(p, ref);
		}
	}
	run_add(p, ref, len);
}

static void arena_put(struct slabpool *p, uint32_t ref)
{
	vaddr_t d = pool_record(p, ref);
	uint32_t len = record_len(p->m, d);

	set_record(p->m, d, 0, 0, 0, POOL_TAIL);
	run_merge(p, ref, len);
}

static bool arena_resize(struct slabpool *p, uint32_t ref, uint32_t units)
{
	vaddr_t d = pool_record(p, ref);
	uint32_t len = record_len(p->m, d), next = ref + len, room;

	if (units < len) {
		set_record_len(p->m, d, units);
		run_merge(p, ref + units, len - units);
		return true;
	}
	if (next >= p->nr || record_kind(p->m, pool_record(p, next)) != POOL_FREE)
		return false;
	room = record_len(p->m, pool_record(p, next));
	if (room < units - len)
		return false;
	run_del(p, next);
	if (room > units - len)
		run_add(p, ref + units, room - (units - len));
	set_record_len(p->m, d, units);
	return true;
}

/* ---- runs of a page source ---- */

/* Descriptor of the block that begins at ref, or VADDR_NONE. */
static vaddr_t descriptor(const struct slabpool *p, uint32_t ref)
{
	const struct alloc *pages = p->pages->pages;

	return pages->ops->pages->descriptor(pages, (pfn_t){ref});
}

static uint32_t grown_get(struct slabpool *p, const struct alloc_req *req, unsigned kind,
			  uint32_t units)
{
	vaddr_t va = page_source_get(p->pages, p->m, msb(units), req), d;
	uint32_t ref, head = pool_head(p);

	if (vaddr_none(va))
		return REF_NONE;
	ref = va_ref(p, va);
	d = descriptor(p, ref);
	set_page_taken(p->m, d);
	set_page_next(p->m, d, (pfn_t){head});
	set_page_prev(p->m, d, PFN_NONE);
	set_page_private(p->m, d, p->root.v | (kind < POOL_SLAB ? kind : POOL_SLAB));
	if (head != REF_NONE)
		set_page_prev(p->m, descriptor(p, head), (pfn_t){ref});
	set_pool_head(p, ref);
	return ref;
}

static void grown_put(struct slabpool *p, uint32_t ref)
{
	vaddr_t d = descriptor(p, ref);
	pfn_t next = page_next(p->m, d), prev = page_prev(p->m, d);
	unsigned order = msb(slabpool_units(p, ref));

	if (pfn_none(prev))
		set_pool_head(p, next.v);
	else
		set_page_next(p->m, descriptor(p, prev.v), next);
	if (!pfn_none(next))
		set_page_prev(p->m, descriptor(p, next.v), prev);
	if (page_source_put(p->pages, p->m, ref_va(p, ref), order) != 0)
		mm_bug(p->m, "a slab pool's pages are not live in the page allocator", d);
}

/* ---- what the takers call ---- */

uint32_t slabpool_get(struct slabpool *p, const struct alloc_req *req, unsigned kind,
		      uint32_t units, unsigned align_shift, uint64_t *steps)
{
	uint32_t ref = p->pages == NULL ? arena_get(p, kind, units, align_shift, steps)
					: grown_get(p, req, kind, units);

	if (ref != REF_NONE)
		set_pool_blocks(p, pool_blocks(p) + 1);
	return ref;
}

void slabpool_put(struct slabpool *p, uint32_t ref)
{
	set_pool_blocks(p, pool_blocks(p) - 1);
	if (p->pages == NULL)
		arena_put(p, ref);
	else
		grown_put(p, ref);
}

bool slabpool_resize(struct slabpool *p, uint32_t ref, uint32_t units)
{
	if (slabpool_units(p, ref) == units)
		return true;
	return p->pages == NULL && arena_resize(p, ref, units);
}

unsigned slabpool_kind(const struct slabpool *p, uint32_t ref)
{
	vaddr_t d;
	msize_t private;

	if (p->pages == NULL)
		return ref < p->nr ? record_kind(p->m, pool_record(p, ref)) : POOL_TAIL;
	d = ref == REF_NONE ? VADDR_NONE : descriptor(p, ref);
	if (vaddr_none(d) || page_state(p->m, d) != PAGE_LIVE)
		return POOL_TAIL;
	private = page_private(p->m, d);
	return (private & ~(msize_t)7) == p->root.v ? (unsigned)(private & 7) : POOL_TAIL;
}

uint32_t slabpool_units(const struct slabpool *p, uint32_t ref)
{
	if (p->pages == NULL)
		return record_len(p->m, pool_record(p, ref));
	return (uint32_t)1 << page_order(p->m, descriptor(p, ref));
}

uint32_t slabpool_first(const struct slabpool *p)
{
	return p->pages == NULL ? 0 : pool_head(p);
}

uint32_t slabpool_next(const struct slabpool *p, uint32_t ref)
{
	if (p->pages != NULL)
		return page_next(p->m, descriptor(p, ref)).v;
	ref += record_len(p->m, pool_record(p, ref));
	return ref < p->nr ? ref : REF_NONE;
}

msize_t slabpool_largest(const struct slabpool *p)
{
	const struct alloc *pages;

	if (p->pages == NULL)
		return (msize_t)p->nr << p->unit_shift;
	pages = p->pages->pages;
	return (msize_t)1 << (pages->ops->pages->max_order(pages) + p->unit_shift);
}

static void span(walk_fn *fn, void *ctx, vaddr_t from, vaddr_t to, enum mm_class class,
		 const char *what)
{
	if (!vaddr_eq(from, to))
		fn(ctx, &(struct walk_span){from, vaddr_diff(to, from), class, what, 0});
}

unsigned slabpool_max_order(const struct slabpool *p)
{
	const struct alloc *pages;
	msize_t first = p->origin.v >> p->unit_shift;
	unsigned order;

	if (p->pages != NULL) {
		pages = p->pages->pages;
		return pages->ops->pages->max_order(pages);
	}
	for (order = msb(p->nr); order > 0; order--)
		if (round_up(first, (msize_t)1 << order) + ((msize_t)1 << order) <= first + p->nr)
			break;
	return order;
}

/* What lies before the first unit; all of a grown pool's root block. */
static void walk_front(const struct slabpool *p, const struct pool_walker *w)
{
	vaddr_t used = vaddr_add(p->taker, p->taker_bytes);
	vaddr_t record = vaddr_sub(used, w->nr_records * w->record_bytes);
	vaddr_t map_end = vaddr_add(p->map, (msize_t)p->nr * p->stride);
	walk_fn *fn = w->fn;
	void *ctx = w->ctx;

	span(fn, ctx, p->base, p->root, MM_SLACK, "sliver");
	span(fn, ctx, p->root, p->taker, MM_METADATA, "slab pool header");
	span(fn, ctx, p->taker, record, MM_METADATA, "cache directory");
	for (; record.v < used.v; record = vaddr_add(record, w->record_bytes))
		span(fn, ctx, record, vaddr_add(record, w->record_bytes), MM_METADATA,
		     w->record_what);
	if (p->pages != NULL) {
		span(fn, ctx, used, p->end, MM_SLACK, "sliver");
		return;
	}
	span(fn, ctx, used, p->map, MM_SLACK, "sliver");
	span(fn, ctx, p->map, map_end, MM_METADATA, "slab map");
	span(fn, ctx, map_end, p->origin, MM_SLACK, "sliver");
}

void slabpool_walk(const struct slabpool *p, const struct pool_walker *w)
{
	walk_front(p, w);
	for (uint32_t r = slabpool_first(p); r != REF_NONE; r = slabpool_next(p, r)) {
		msize_t bytes = (msize_t)slabpool_units(p, r) << p->unit_shift;
		unsigned kind = slabpool_kind(p, r);

		if (kind == POOL_FREE)
			w->fn(w->ctx, &(struct walk_span){ref_va(p, r), bytes, MM_CACHED,
							  "free run", bytes >> p->unit_shift});
		else if (kind == POOL_LARGE)
			w->fn(w->ctx, &(struct walk_span){ref_va(p, r), bytes, MM_GRANTED,
							  "large block", bytes >> p->unit_shift});
		else
			w->run(w->taker, r, w->fn, w->ctx);
	}
	if (p->pages == NULL)
		span(w->fn, w->ctx, ref_va(p, p->nr), p->end, MM_SLACK, "sliver");
}

/* ---- formatting ---- */

/*
 * Places map and units: the most units that fit behind their map.  A step never
 * goes too far, as a record is smaller than a unit.  False: not even one fits.
 */
static bool place_arena(struct slabpool *p, msize_t bytes)
{
	vaddr_t fixed = vaddr_add(p->taker, p->taker_bytes);
	msize_t n = bytes >> p->unit_shift;

	p->map = (vaddr_t){round_up(fixed.v, 8)};
	while (n > 0) {
		vaddr_t first = {round_up(p->map.v + n * p->stride, unit_bytes(p))};
		vaddr_t end = vaddr_add(first, n << p->unit_shift);

		p->origin = first;
		p->nr = (uint32_t)n;
		if (end.v <= p->end.v)
			return true;
		n -= vaddr_diff(end, p->end) >> (p->unit_shift + 2) | 1;
	}
	return false;
}

/* Bytes of a grown pool's root block. */
static msize_t root_bytes(const struct slabpool *p)
{
	return unit_bytes(p) << pages_order(p->pages, POOL_HEADER + p->taker_bytes);
}

static void set_shape(struct slabpool *p, const struct alloc_env *env, const struct pool_shape *s)
{
	bool grown = env->arena.bytes == 0;
	msize_t units = env->arena.bytes >> s->unit_shift;

	p->m = env->m;
	p->pages = grown ? env->pages : NULL;
	p->unit_shift = (uint8_t)(grown ? env->page_shift : s->unit_shift);
	p->nr_bins = (uint8_t)(units != 0 ? msb(units) + 1 : 0);
	p->stride = s->record_bytes;
	p->taker_bytes = s->taker_bytes;
}

/* Where everything of the pool lies, once base and end are known; false: it does not fit. */
static bool set_places(struct slabpool *p, const struct alloc_env *env)
{
	msize_t bytes = env->arena.bytes;

	p->base = bytes != 0 ? env->arena.base : env->root;
	p->root = (vaddr_t){round_up(p->base.v, 8)};
	p->taker = vaddr_add(p->root, pool_header_bytes(p));
	if (bytes != 0) {
		p->end = vaddr_add(p->base, bytes);
		return p->nr_bins != 0 && place_arena(p, bytes);
	}
	p->end = vaddr_add(p->base, root_bytes(p));
	p->origin = mem_va(p->m, (paddr_t){0});
	return true;
}

int slabpool_adopt(struct slabpool *p, const struct alloc_env *env, const struct pool_shape *s)
{
	set_shape(p, env, s);
	return set_places(p, env) ? 0 : MM_ENOMEM;
}

/* The root block of a grown pool, or an error. */
static int get_root(struct slabpool *p, vaddr_t *root)
{
	unsigned order = pages_order(p->pages, POOL_HEADER + p->taker_bytes);

	*root = page_source_get(p->pages, p->m, order,
				&(struct alloc_req){.zone_mask = UINT32_MAX});
	if (vaddr_none(*root))
		return MM_ENOMEM;
	p->origin = mem_va(p->m, (paddr_t){0});
	if (!vaddr_none(descriptor(p, va_ref(p, *root))))
		return 0;
	if (page_source_put(p->pages, p->m, *root, order) != 0)
		mm_bug(p->m, "a page block just got is not live", *root);
	return MM_EINVAL;
}

/* One span of a walk over the fresh pool, from MM_CACHED to its class. */
static void account_span(void *ctx, const struct walk_span *s)
{
	struct slabpool *p = ctx;

	mm_account(p->m, s->base, s->bytes, MM_CACHED, s->class);
}

int slabpool_format(struct slabpool *p, const struct alloc_env *env, const struct pool_shape *s)
{
	struct alloc_env e = *env;
	int err = 0;

	set_shape(p, env, s);
	if (p->pages != NULL)
		err = get_root(p, &e.root);
	if (err != 0)
		return err;
	if (!set_places(p, &e))
		return MM_ENOMEM;
	mem_zero(p->m, p->root, pool_header_bytes(p) + p->taker_bytes);
	if (p->pages == NULL) {
		mem_zero(p->m, p->map, (msize_t)p->nr * p->stride);
		for (unsigned b = 0; b < p->nr_bins; b++)
			set_pool_bin(p, b, REF_NONE);
		run_add(p, 0, p->nr);
	} else {
		set_pool_head(p, REF_NONE);
	}
	slabpool_walk(p, &(struct pool_walker){.fn = account_span, .ctx = p});
	return 0;
}
