/* percpu: every byte that it holds, and the checker of invariants P1 to P4 of percpu.c. */
#include "alloc/percpu.h"

#include "alloc/percpu_layout.h"

#define P1 "P1: chunks are a ring that begins with the first"
#define P2 "P2: a chunk and its record lie in live blocks"
#define P3 "P3: what is taken belongs to an area"
#define P4 "P4: a chunk counts its areas and its free places, and knows the first"

static void span(walk_fn *fn, void *ctx, vaddr_t base, msize_t bytes, enum mm_class class,
		 const char *what)
{
	if (bytes != 0)
		fn(ctx, &(struct walk_span){base, bytes, class, what, 0});
}

/* ---- walk ---- */

static void walk_unit(const struct percpu *s, vaddr_t c, unsigned cpu, walk_fn *fn, void *ctx)
{
	vaddr_t base = vaddr_add(chunk_base(s->base.m, c), (msize_t)cpu * s->unit);
	uint32_t at = 0;

	while (at < s->bits) {
		bool taken = map_bit(s, c, PERCPU_TAKEN, at);
		uint32_t end = taken ? area_end(s, c, at) : map_find(s, c, PERCPU_TAKEN, at, true);

		span(fn, ctx, vaddr_add(base, (msize_t)at * PERCPU_PLACE),
		     (msize_t)(end - at) * PERCPU_PLACE, taken ? MM_GRANTED : MM_CACHED,
		     taken ? "area" : "free places");
		at = end;
	}
}

void percpu_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct percpu *s = (const struct percpu *)a;
	msize_t page = (msize_t)1 << s->page_shift, units = (msize_t)s->cpus * s->unit;
	vaddr_t c = s->first;

	do {
		vaddr_t base = chunk_base(a->m, c);

		for (unsigned cpu = 0; cpu < s->cpus; cpu++)
			walk_unit(s, c, cpu, fn, ctx);
		span(fn, ctx, vaddr_add(base, units), (page << s->order) - units, MM_SLACK,
		     "behind the last unit");
		span(fn, ctx, c, record_bytes(s), MM_METADATA, "chunk record");
		span(fn, ctx, vaddr_add(c, record_bytes(s)),
		     (page << s->meta_order) - record_bytes(s), MM_SLACK, "behind the record");
		c = chunk_next(a->m, c);
	} while (!vaddr_eq(c, s->first));
}

/* ---- check ---- */

/* Does a live block of that order begin at va, whose other is that? */
static bool is_block(const struct percpu *s, vaddr_t va, unsigned order, vaddr_t other)
{
	const struct alloc *pages = s->pages->pages;
	const struct mem *m = s->base.m;
	msize_t bytes = (msize_t)1 << (s->page_shift + order);
	vaddr_t d;
	pfn_t pfn;

	if ((va.v & ((1u << s->page_shift) - 1)) != 0)
		return false;
	pfn = va_to_pfn(m, va, s->page_shift);
	if (!vaddr_eq(pfn_to_va(m, pfn, s->page_shift), va) || bytes == 0)
		return false;
	d = pages->ops->pages->descriptor(pages, pfn);
	return !vaddr_none(d) && page_state(m, d) == PAGE_LIVE && page_order(m, d) == order &&
	       page_taken(m, d) && page_private(m, d) == other.v;
}

static int check_maps(const struct percpu *s, vaddr_t c, struct check_report *r)
{
	const struct mem *m = s->base.m;
	uint32_t free = 0, areas = 0;
	bool before = false; /* is the place before taken? */

	for (uint32_t at = 0; at < s->bits; at++) {
		bool taken = map_bit(s, c, PERCPU_TAKEN, at);

		if (map_bit(s, c, PERCPU_STARTS, at) ? !taken : taken && !before)
			return check_fail(r, P3, c, at, taken);
		if (!taken && free == 0 && at != chunk_hint(m, c))
			return check_fail(r, P4, c, at, chunk_hint(m, c));
		free += !taken;
		areas += map_bit(s, c, PERCPU_STARTS, at);
		before = taken;
	}
	if (free != chunk_free(m, c) || (free == 0 && chunk_hint(m, c) != s->bits) ||
	    areas != chunk_areas(m, c))
		return check_fail(r, P4, c, chunk_free(m, c), free);
	for (uint32_t i = 3 * MM_WORD + 12; i < PERCPU_HEAD; i += 4)
		if (mem_ld32(m, vaddr_add(c, i)) != 0)
			return check_fail(r, P4, c, i, 0);
	return 0;
}

int percpu_check(const struct alloc *a, struct check_report *r)
{
	const struct percpu *s = (const struct percpu *)a;
	vaddr_t c = s->first, next;

	/* Each has the one before it as its only predecessor: the ring ends where it began. */
	do {
		if (!is_block(s, c, s->meta_order, chunk_base(a->m, c)) ||
		    !is_block(s, chunk_base(a->m, c), s->order, c))
			return check_fail(r, P2, c, chunk_base(a->m, c).v, 0);
		if (check_maps(s, c, r) != 0)
			return MM_EINVAL;
		next = chunk_next(a->m, c);
		if ((next.v & (MM_WORD - 1)) != 0)
			return check_fail(r, P1, c, next.v, s->first.v);
		if (!is_block(s, next, s->meta_order, chunk_base(a->m, next)) ||
		    !vaddr_eq(chunk_prev(a->m, next), c))
			return check_fail(r, P1, c, next.v, s->first.v);
		c = next;
	} while (!vaddr_eq(c, s->first));
	return 0;
}
