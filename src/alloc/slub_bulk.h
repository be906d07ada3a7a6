/*
 * slub: alloc_ops.kernel_bulk.  The loop of alloc/bulk.h with the usual ways of slub.c inlined:
 * the head of the CPU's list of free objects is taken, or an object goes back there, or to
 * the list of a slab that stays where it is.
 *
 * An object's cache is known before its slab is looked at: kmalloc's by the size that was
 * asked for, any other by its name.  So the slab's head is found by the cache's order, and
 * its descriptor says whether that was right; where it was not (an object that krealloc left in
 * a larger class, a slab of fewer pages) the ordinary way finds it.  Whatever else there
 * is to do (an empty list, a slab that becomes empty or was full, a link where none should
 * be) is found out before anything is changed, and left to that as well.
 */
#ifndef ALLOC_SLUB_BULK_H
#define ALLOC_SLUB_BULK_H

#include "alloc/bulk.h"
#include "alloc/slub_layout.h"

/* What a call has at hand. */
struct slub_way {
	struct kmem *s;
	msize_t largest; /* bytes; 0: no request goes the short way */
};

static struct slub_way slub_way(struct kmem *s)
{
	bool quick = s->nodes == 1 && !s->rules.tiny && s->debug == 0;

	return (struct slub_way){s, quick ? s->classes.largest : 0};
}

/* ---- objects ---- */

/* The head of the list of the CPU whose record is at `at`; false: it is empty. */
BULK_INLINE bool slub_pop(const struct mem *v, struct mm_rec c, uint32_t at, struct grant *g)
{
	vaddr_t o = cpu_freelist(c, at);
	struct mm_rec r;

	if (mm_unlikely(vaddr_none(o)))
		return false;
	r = mem_rec(v, vaddr_add(o, cache_offset(c)));
	set_cpu_freelist(c, at, (vaddr_t){rec_ldw(r, 0)});
	rec_stw(r, 0, SLUB_WIPED);
	*g = (struct grant){o, cache_size(c)};
	return true;
}

/* Is the object at `at` bytes from its slab's begin one of those, and is its link, the word r, wiped? */
BULK_INLINE bool slub_is_live(struct mm_rec c, uint32_t at, uint32_t objects, struct mm_rec r)
{
	return mm_likely(kmem_exact(at, cache_inverse(c), cache_twos(c)) < objects &&
			 rec_ldw(r, 0) == SLUB_WIPED);
}

/* The descriptor of the cache's slab that begins at the frame `slab`; false: none does, or it is not at hand. */
BULK_INLINE bool slub_slab_desc(const struct kmem *s, const struct mem *v, struct mm_rec c,
				vaddr_t cache, uint32_t slab, struct mm_rec *d)
{
	const uint32_t i = slab - s->hot.start.v, head = cache_order(c) | (PAGE_LIVE | PAGE_TAKEN)
										  << 8;

	if (mm_unlikely(i >= s->hot.nr))
		return false;
	*d = mem_rec(v, vaddr_add(s->hot.descs, (msize_t)i * s->hot.stride));
	return mm_likely(rec_ld16(*d, PAGE_OFF_ORDER) == head && block_cache(*d) == cache.v &&
			 rec_ld32(*d, DESC_LAYER) == s->layer);
}

/* The object p, whose link is the word r, goes to the own list of its slab; false: that would move the slab. */
BULK_INLINE bool slub_push_remote(struct mm_rec d, vaddr_t p, struct mm_rec r)
{
	const uint32_t counters = slab_counters(d);
	const vaddr_t prior = block_freelist(d);

	if (mm_unlikely(vaddr_none(prior) || (counters & (SLUB_FROZEN | 0xffff)) == 1))
		return false;
	rec_stw(r, 0, prior.v);
	set_slab_freelist(d, p);
	set_slab_counters(d, counters - 1);
	return true;
}

/* Are all slabs of the cache of one order? */
BULK_INLINE bool slub_is_uniform(struct mm_rec c)
{
	const uint32_t shape = cache_shape(c);

	return ((shape ^ shape >> 8) & 0xff) == 0;
}

/*
 * The object p of c goes to a list; its bytes, or FREE_BAD: nothing was done.  The page
 * descriptor of the CPU's slab need not be looked at: that the CPU has it says enough.
 */
BULK_INLINE msize_t slub_push(const struct slub_way *w, const struct mem *v, struct mm_rec c,
			      vaddr_t cache, uint32_t cpu, vaddr_t p)
{
	const uint64_t pa = (p.v - v->offset) & v->mask;
	const unsigned shift = w->s->page_shift;
	const uint32_t slab = (uint32_t)(pa >> shift) & ~0u << cache_order(c);
	const bool mine = cpu_slab(c, cpu).v == slab;
	struct mm_rec r = mem_rec(v, vaddr_add(p, cache_offset(c))), d = r;
	uint32_t objects = cache_objects(c);

	if (!mine || mm_unlikely(!slub_is_uniform(c))) {
		if (!slub_slab_desc(w->s, v, c, cache, slab, &d))
			return FREE_BAD;
		objects = counters_objects(slab_counters(d));
	}
	if (!slub_is_live(c, (uint32_t)pa - (slab << shift), objects, r))
		return FREE_BAD;
	if (!mine)
		return slub_push_remote(d, p, r) ? cache_size(c) : FREE_BAD;
	rec_stw(r, 0, cpu_freelist(c, cpu).v);
	set_cpu_freelist(c, cpu, p);
	return cache_size(c);
}

/* ---- kmalloc's caches ---- */

/* kmalloc's cache for objects of `size` bytes, 0 < size <= largest. */
BULK_INLINE vaddr_t slub_class(const struct slub_way *w, msize_t size)
{
	return w->s->classes.cache[0][kmalloc_index(&w->s->classes, size)];
}

BULK_INLINE bool slub_kmalloc_short(const struct slub_way *w, const struct mem *v, uint32_t at,
				    msize_t size, struct grant *g)
{
	return mm_likely(size - 1 < w->largest) &&
	       slub_pop(v, mem_rec(v, slub_class(w, size)), at, g);
}

BULK_INLINE msize_t slub_kfree_short(const struct slub_way *w, const struct mem *v, uint32_t at,
				     vaddr_t p, msize_t size)
{
	vaddr_t cache;

	if (mm_unlikely(size - 1 >= w->largest))
		return FREE_BAD;
	cache = slub_class(w, size);
	return slub_push(w, v, mem_rec(v, cache), cache, at, p);
}

/* The word of the object's link; of what is no object of kmalloc's, any place. */
BULK_INLINE vaddr_t slub_touches(const void *way, const struct mem *v, vaddr_t p, msize_t size)
{
	const struct slub_way *w = way;
	uint32_t link = 0;

	if (mm_likely(size - 1 < w->largest))
		link = cache_offset(mem_rec(v, slub_class(w, size)));
	return (vaddr_t){p.v + link};
}

/* ---- a kernel's requests ---- */

/* A cache that an entry of the caller's table is; of kmalloc's: none. */
struct slub_named {
	vaddr_t cache;
	uint32_t number;
	uint64_t size; /* bytes asked for */
};

/* The cache that a request names; false: it names none of this layer's. */
BULK_INLINE bool slub_named(const struct kmem *s, const struct mem *v, const struct bulk_run *r,
			    const struct bulk *b, const struct plain_req *q, struct slub_named *x)
{
	const uint32_t entry = q->size & PLAIN_KERNEL_MAX;
	uint64_t at;

	if (mm_unlikely(entry >= b->entries))
		return false;
	at = r->table[entry].place ^ b->caches;
	x->size = r->table[entry].what & PLAIN_SIZE_MAX;
	x->number = (uint32_t)at;
	x->cache = mem_va(v, (paddr_t){at << s->line_shift});
	return at >> 48 == 0;
}

/* Where the CPU's record in a cache's descriptor is. */
BULK_INLINE uint32_t slub_kernel_at(const struct kmem *s, const struct plain_req *q)
{
	const unsigned cpu = plain_kernel_cpu(q->size);

	return cpu_at(mm_likely(cpu < s->cpus) ? cpu : cpu % s->cpus);
}

static __attribute__((noinline)) struct grant slub_kernel_alloc(struct alloc *a, struct bulk *b,
								const struct plain_req *q,
								const struct slub_named *named)
{
	struct alloc_req req = b->state(b, q);

	*b->cpu = plain_kernel_cpu(q->size);
	if (named != NULL) {
		req.size = (msize_t)named->size;
		return a->ops->caches->alloc(a, named->number, &req);
	}
	req.size = q->size & PLAIN_KERNEL_MAX;
	return a->ops->bytes->malloc(a, &req);
}

static __attribute__((noinline)) msize_t slub_kernel_free(struct alloc *a, struct bulk *b,
							  const struct plain_req *q, vaddr_t p,
							  const struct slub_named *named)
{
	*b->cpu = plain_kernel_cpu(q->size);
	return named != NULL ? a->ops->caches->free(a, named->number, p)
			     : a->ops->bytes->free(a, p);
}

/* With an object stays whose it is, as the caller keeps it with others: the cache's entry + 1. */
BULK_INLINE void slub_keep_cache(struct live *l, struct bulk *b, const struct plain_req *q)
{
	const uint32_t site = q->note & PLAIN_SITE_MAX;
	const uint32_t more = (q->size & PLAIN_KERNEL_MAX) + 1;
	const struct live_kept *k = &b->kept[live_kept_at(site, more)];
	uint32_t bits = k->bits;

	if (mm_unlikely(k->site != site || k->more != more))
		bits = b->keep(b, site, more);
	l->what = (l->what & PLAIN_SIZE_MAX) | (uint64_t)bits << 40;
}

BULK_INLINE enum bulk_stop slub_kernel_birth(const struct bulk_kind *k, const struct slub_way *w,
					     struct alloc *a, const struct mem *v,
					     struct bulk_run *r, struct bulk *b,
					     const struct plain_req *q,
					     const struct slub_named *named)
{
	const uint32_t at = slub_kernel_at(w->s, q);
	const uint64_t size = named != NULL ? named->size : q->size & PLAIN_KERNEL_MAX;
	struct grant g;
	bool quick;

	if (named != NULL) {
		struct mm_rec c = mem_rec(v, named->cache);

		quick = w->largest != 0 && !kmem_is_debug(cache_flags(c)) && slub_pop(v, c, at, &g);
	} else {
		quick = (plain_kernel_gfp(q->size) & __GFP_DMA) == 0 &&
			slub_kmalloc_short(w, v, at, (msize_t)size, &g);
	}
	if (mm_unlikely(!quick)) {
		if (size == 0 && bulk_is_peak(r))
			return BULK_OTHER;
		*b->clock = r->number;
		g = slub_kernel_alloc(a, b, q, named);
		if (g.bytes == 0)
			return BULK_REFUSED;
	}
	bulk_born(k, a->m, v, r, b, q, size, g, !quick);
	if (named != NULL)
		slub_keep_cache(&r->table[q->name], b, q);
	return BULK_DONE;
}

BULK_INLINE enum bulk_stop slub_kernel_death(const struct bulk_kind *k, const struct slub_way *w,
					     struct alloc *a, const struct mem *v,
					     struct bulk_run *r, struct bulk *b,
					     const struct plain_req *q,
					     const struct slub_named *named)
{
	const uint32_t at = slub_kernel_at(w->s, q);
	struct live *l = &r->table[q->name];
	const uint64_t pa = l->place ^ r->place;
	const vaddr_t p = {pa + v->offset};
	msize_t bytes = FREE_BAD;
	bool slowly;

	/* Whose extra says something is perhaps not kfree's. */
	if (mm_unlikely(pa >> 48 != 0 || (named == NULL && l->what >> 40 > PLAIN_SITE_MAX)))
		return BULK_OTHER;
	bulk_before_free(r, b);
	if (named == NULL) {
		bytes = slub_kfree_short(w, v, at, p, (msize_t)(l->what & PLAIN_SIZE_MAX));
	} else {
		struct mm_rec c = mem_rec(v, named->cache);

		if (w->largest != 0 && !kmem_is_debug(cache_flags(c)))
			bytes = slub_push(w, v, c, named->cache, at, p);
	}
	slowly = bytes == FREE_BAD;
	if (mm_unlikely(slowly)) {
		*b->clock = r->number;
		bytes = slub_kernel_free(a, b, q, p, named);
		if (bytes == FREE_BAD)
			return BULK_BAD_FREE;
	}
	if (q->note >> PLAIN_SITE_BITS != 0)
		b->sorts[q->note >> PLAIN_SITE_BITS & (PLAIN_SORTS - 1)]++;
	bulk_died(k, a->m, v, r, b, l, p, bytes, slowly);
	return BULK_DONE;
}

#define SLUB_KERNEL (PLAIN_KERNEL >> 59)

BULK_INLINE enum bulk_stop slub_kernel_request(const struct bulk_kind *k, const void *way,
					       struct alloc *a, const struct mem *v,
					       struct bulk_run *r, struct bulk *b,
					       const struct plain_req *q)
{
	const struct slub_way *w = way;
	struct slub_named named;

	switch (q->size >> 59) {
	case SLUB_KERNEL | PLAIN_KMALLOC:
		return slub_kernel_birth(k, w, a, v, r, b, q, NULL);
	case SLUB_KERNEL | PLAIN_KFREE:
		return slub_kernel_death(k, w, a, v, r, b, q, NULL);
	case SLUB_KERNEL | PLAIN_CACHE_ALLOC:
		return slub_named(w->s, v, r, b, q, &named)
			       ? slub_kernel_birth(k, w, a, v, r, b, q, &named)
			       : BULK_OTHER;
	case SLUB_KERNEL | PLAIN_CACHE_FREE:
		return slub_named(w->s, v, r, b, q, &named)
			       ? slub_kernel_death(k, w, a, v, r, b, q, &named)
			       : BULK_OTHER;
	default:
		return BULK_OTHER;
	}
}

static enum bulk_stop slub_bulk(struct alloc *a, struct bulk *b, const struct plain_req *req,
				size_t n, size_t *done)
{
	static const struct bulk_kind kind = {.other = slub_kernel_request,
					      .touches = slub_touches,
					      .took = MM_EV_OBJ_ALLOC,
					      .gave = MM_EV_OBJ_FREE,
					      .grown = true};
	const struct slub_way way = slub_way((struct kmem *)a);

	return bulk_run(&kind, &way, a, b, req, n, done);
}

#endif
