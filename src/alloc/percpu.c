/*
 * percpu: areas of which each CPU has a copy at the same place in a unit of its own.
 *
 * A chunk is a block of pages with one unit a CPU.  A map of 4-byte places, the same for all
 * units, says which are taken, and a second one where areas begin, so that an area needs no
 * header and its end is found from its begin.  Allocation takes the lowest fitting place of
 * the oldest chunk that has one, or a new chunk; a chunk without areas goes back to the pages,
 * but for the first.
 *
 * Source: Linux mm/percpu.c (T. Heo, 2009; the bitmaps by D. Zhou, 4.14).  Against it, chunks are
 * searched by age instead of by room, their pages are there from the beginning and lie in
 * one piece, not in vmalloc's window, and there is no reserved part for modules.  A unit has
 * 32 KiB (PCPU_MIN_UNIT_SIZE), less where the page allocator has no block for all CPUs.
 *
 * O(chunks * unit / 128) an allocation, O(chunks) a free.
 *
 * Invariants, cited by percpu_check:
 *   P1  chunks are a ring that begins with the first; links agree
 *   P2  a chunk's units lie in a live block of the page allocator's, and its record in another;
 *       the page descriptors of both name the other
 *   P3  an area begins where places are taken, and whatever is taken belongs to one
 *   P4  a chunk counts its areas and its free places, and its hint is the first of these
 */
#include "alloc/percpu.h"

#include "alloc/percpu_layout.h"

#define LEAST_UNIT 256u /* bytes */

enum { PARAM_UNIT };

static const struct alloc_req boot_req = {.zone_mask = UINT32_MAX};

/* ---- chunks ---- */

/* Moves a chunk's bytes that no area can have, and the record's. */
static void account_chunk(const struct percpu *s, vaddr_t c, vaddr_t base, bool fresh)
{
	struct mem *m = s->base.m;
	msize_t record = record_bytes(s), page = (msize_t)1 << s->page_shift;
	msize_t tail = (page << s->order) - (msize_t)s->cpus * s->unit;
	msize_t rest = (page << s->meta_order) - record;

	mm_account(m, base, tail, fresh ? MM_CACHED : MM_SLACK, fresh ? MM_SLACK : MM_CACHED);
	mm_account(m, c, rest, fresh ? MM_CACHED : MM_SLACK, fresh ? MM_SLACK : MM_CACHED);
	mm_account(m, c, record, fresh ? MM_CACHED : MM_METADATA, fresh ? MM_METADATA : MM_CACHED);
}

/* A block's page descriptor names the other block of the chunk. */
static void name_other(const struct percpu *s, vaddr_t block, vaddr_t other)
{
	const struct alloc *pages = s->pages->pages;
	vaddr_t d =
		pages->ops->pages->descriptor(pages, va_to_pfn(s->base.m, block, s->page_shift));

	set_page_taken(s->base.m, d);
	set_page_private(s->base.m, d, other.v);
}

/* A new chunk without areas, in no ring; VADDR_NONE: there are no pages. */
static vaddr_t new_chunk(struct percpu *s, const struct alloc_req *req)
{
	struct mem *m = s->base.m;
	struct alloc_req r = *req;
	vaddr_t base, c;

	r.zone_mask = UINT32_MAX;
	base = page_source_get(s->pages, m, s->order, &r);
	if (vaddr_none(base))
		return base;
	c = page_source_get(s->pages, m, s->meta_order, &r);
	if (vaddr_none(c)) {
		if (page_source_put(s->pages, m, base, s->order) != 0)
			mm_bug(m, "the page allocator refuses a block it gave", base);
		return c;
	}
	mem_fill(m, c, 0, record_bytes(s));
	set_chunk_next(m, c, c);
	set_chunk_prev(m, c, c);
	set_chunk_base(m, c, base);
	set_chunk_free(m, c, s->bits);
	name_other(s, base, c);
	name_other(s, c, base);
	account_chunk(s, c, base, true);
	mm_event(m, MM_EV_SLAB_NEW, base.v, s->cpus, s->unit);
	return c;
}

static void drop_chunk(struct percpu *s, vaddr_t c)
{
	struct mem *m = s->base.m;
	vaddr_t base = chunk_base(m, c);

	set_chunk_next(m, chunk_prev(m, c), chunk_next(m, c));
	set_chunk_prev(m, chunk_next(m, c), chunk_prev(m, c));
	mm_event(m, MM_EV_SLAB_FREE, base.v, s->cpus, s->unit);
	account_chunk(s, c, base, false);
	if (page_source_put(s->pages, m, c, s->meta_order) != 0 ||
	    page_source_put(s->pages, m, base, s->order) != 0)
		mm_bug(m, "the page allocator refuses a block it gave", base);
}

static void ring_add(struct percpu *s, vaddr_t c)
{
	const struct mem *m = s->base.m;
	vaddr_t last = chunk_prev(m, s->first);

	set_chunk_next(m, c, s->first);
	set_chunk_prev(m, c, last);
	set_chunk_next(m, last, c);
	set_chunk_prev(m, s->first, c);
}

vaddr_t percpu_chunk_of(const struct percpu *s, vaddr_t p)
{
	const struct mem *m = s->base.m;
	vaddr_t c = s->first;

	do {
		if (vaddr_diff(p, chunk_base(m, c)) < s->unit)
			return c;
		c = chunk_next(m, c);
	} while (!vaddr_eq(c, s->first));
	return VADDR_NONE;
}

/* ---- areas ---- */

/* The lowest place of n free ones at a multiple of `align` places; s->bits: none. */
static uint32_t find_fit(const struct percpu *s, vaddr_t c, uint32_t n, uint32_t align)
{
	uint32_t at = chunk_hint(s->base.m, c), taken;

	if (chunk_free(s->base.m, c) < n)
		return s->bits;
	for (;;) {
		at = map_find(s, c, PERCPU_TAKEN, at, false);
		at = (at + align - 1) & ~(align - 1);
		if (at > s->bits - n)
			return s->bits;
		taken = map_find(s, c, PERCPU_TAKEN, at, true);
		if (taken - at >= n)
			return at;
		at = taken;
	}
}

static void mark_taken(const struct percpu *s, vaddr_t c, uint32_t at, uint32_t n, bool on)
{
	for (uint32_t i = at; i < at + n; i++)
		set_map_bit(s, c, PERCPU_TAKEN, i, on);
	set_map_bit(s, c, PERCPU_STARTS, at, on);
}

static struct grant take(struct percpu *s, vaddr_t c, uint32_t at, uint32_t n)
{
	struct mem *m = s->base.m;
	struct grant g = {vaddr_add(chunk_base(m, c), (msize_t)at * PERCPU_PLACE),
			  (msize_t)n * PERCPU_PLACE * s->cpus};

	mark_taken(s, c, at, n, true);
	set_chunk_free(m, c, chunk_free(m, c) - n);
	set_chunk_areas(m, c, chunk_areas(m, c) + 1);
	if (at == chunk_hint(m, c))
		set_chunk_hint(m, c, map_find(s, c, PERCPU_TAKEN, at + n, false));
	mm_account(m, g.va, g.bytes, MM_CACHED, MM_GRANTED);
	mm_event(m, MM_EV_CHUNK_TAKE, g.va.v, g.bytes, s->cpus);
	return g;
}

static struct grant op_alloc(struct alloc *a, const struct alloc_req *req)
{
	struct percpu *s = (struct percpu *)a;
	msize_t most = (msize_t)1 << s->page_shift;
	uint32_t n, align, at, steps = 0;
	vaddr_t c = s->first;

	most = most < s->unit ? most : s->unit;
	if (req->size > s->unit || req->align > most) {
		mm_search(a->m, 0);
		mm_refuse(a->m, MM_REFUSE_LIMIT);
		return GRANT_NONE;
	}
	n = (uint32_t)(req->size + PERCPU_PLACE - 1) / PERCPU_PLACE;
	n += n == 0;
	align = req->align > PERCPU_PLACE ? (uint32_t)req->align / PERCPU_PLACE : 1;
	do {
		steps++;
		at = find_fit(s, c, n, align);
		if (at < s->bits) {
			mm_search(a->m, steps);
			return take(s, c, at, n);
		}
		c = chunk_next(a->m, c);
	} while (!vaddr_eq(c, s->first));
	c = new_chunk(s, req);
	mm_search(a->m, steps);
	if (vaddr_none(c))
		return GRANT_NONE;
	ring_add(s, c);
	return take(s, c, 0, n);
}

static msize_t op_free(struct alloc *a, vaddr_t p)
{
	struct percpu *s = (struct percpu *)a;
	vaddr_t c = percpu_chunk_of(s, p);
	uint32_t at, n;
	msize_t bytes;

	if (vaddr_none(c) || vaddr_diff(p, chunk_base(a->m, c)) % PERCPU_PLACE != 0)
		return FREE_BAD;
	at = (uint32_t)vaddr_diff(p, chunk_base(a->m, c)) / PERCPU_PLACE;
	if (!map_bit(s, c, PERCPU_STARTS, at))
		return FREE_BAD;
	n = area_end(s, c, at) - at;
	bytes = (msize_t)n * PERCPU_PLACE * s->cpus;
	mm_account(a->m, p, bytes, MM_GRANTED, MM_CACHED);
	mm_event(a->m, MM_EV_CHUNK_FREE, p.v, bytes, s->cpus);
	mark_taken(s, c, at, n, false);
	set_chunk_free(a->m, c, chunk_free(a->m, c) + n);
	set_chunk_areas(a->m, c, chunk_areas(a->m, c) - 1);
	if (at < chunk_hint(a->m, c))
		set_chunk_hint(a->m, c, at);
	if (chunk_free(a->m, c) == s->bits && !vaddr_eq(c, s->first))
		drop_chunk(s, c);
	return bytes;
}

static vaddr_t op_address(const struct alloc *a, vaddr_t p, unsigned cpu)
{
	return vaddr_add(p, (msize_t)cpu * ((const struct percpu *)a)->unit);
}

static unsigned op_cpus(const struct alloc *a)
{
	return ((const struct percpu *)a)->cpus;
}

static msize_t op_largest(const struct alloc *a)
{
	return ((const struct percpu *)a)->unit;
}

const struct percpu_ops percpu_facet = {
	.alloc = op_alloc,
	.free = op_free,
	.address = op_address,
	.cpus = op_cpus,
	.largest_request = op_largest,
};

/* ---- the kind ---- */

static unsigned order_of(const struct percpu *s, msize_t bytes)
{
	msize_t pages = (bytes - 1) >> s->page_shift;

	return pages == 0 ? 0 : msb(pages) + 1;
}

static int read_env(struct percpu *s, const struct alloc_env *env)
{
	unsigned most;

	s->pages = env->pages;
	if (env->pages == NULL || !is_pow2(env->params[PARAM_UNIT].u))
		return MM_EINVAL;
	most = env->pages->pages->ops->pages->max_order(env->pages->pages);
	s->page_shift = (uint8_t)env->page_shift;
	s->cpus = env->cpus ? env->cpus : 1;
	s->unit = (uint32_t)env->params[PARAM_UNIT].u;
	while (s->unit > LEAST_UNIT && order_of(s, (msize_t)s->cpus * s->unit) > most)
		s->unit /= 2;
	s->bits = s->unit / PERCPU_PLACE;
	s->order = (uint8_t)order_of(s, (msize_t)s->cpus * s->unit);
	s->meta_order = (uint8_t)order_of(s, record_bytes(s));
	return s->order > most || s->meta_order > most ? MM_EINVAL : 0;
}

static int init(struct alloc *a, const struct alloc_env *env)
{
	struct percpu *s = (struct percpu *)a;
	int err;

	alloc_base(a, &percpu_ops, env);
	err = read_env(s, env);
	if (err != 0)
		return err;
	s->first = new_chunk(s, &boot_req);
	a->root = s->first;
	return vaddr_none(s->first) ? MM_ENOMEM : 0;
}

static int attach(struct alloc *a, const struct alloc_env *env)
{
	struct percpu *s = (struct percpu *)a;

	alloc_base(a, &percpu_ops, env);
	s->first = env->root;
	return read_env(s, env);
}

static const struct alloc_param params[] = {
	[PARAM_UNIT] = {"unit", PARAM_BYTES, KiB(32), 1024, MiB(1), NULL,
			"bytes of a CPU's part of a chunk, a power of two; less where the page "
			"allocator has no block for all CPUs"},
	{0},
};

const struct alloc_ops percpu_ops = {
	.name = "percpu",
	.summary = "areas with a copy for each CPU, first fit in chunks of units",
	.unit = "area",
	.serves = SERVES_PERCPU,
	.params = params,
	.handle_bytes = sizeof(struct percpu),
	.init = init,
	.attach = attach,
	.walk = percpu_walk,
	.check = percpu_check,
	.percpu = &percpu_facet,
};
