/* slab_array: the checker of invariants A1 to A4 of slab_array.c. */
#include "alloc/slab_array.h"

#include "alloc/slab_array_layout.h"

#define A1 "A1: every run in use is a slab of the set, or large"
#define A2 "A2: the record of a size says its size"
#define A3 "A3: the objects at hand are free ones of their size, each once"
#define A4 "A4: free objects of an unlisted slab are at hand"

/* Index of the object at p in a slab of class c, or CACHE_NONE. */
static uint32_t object_index(const struct slab_array *a, const struct slab_class *c, vaddr_t p)
{
	uint32_t ref = va_ref(&a->set.pool, (vaddr_t){round_down(p.v, a->slab_bytes)});
	msize_t off = (p.v & (a->slab_bytes - 1)) - c->first;

	if (slabset_cache_at(&a->set, ref) != (uint32_t)(c - a->class) ||
	    off >= (msize_t)c->nr * c->size)
		return CACHE_NONE;
	return (uint32_t)off % c->size == 0 ? (uint32_t)off / c->size : CACHE_NONE;
}

/* Entry i of the stack: a free object, met for the first time. */
static bool entry_good(const struct slab_array *a, const struct slab_class *c, uint32_t i)
{
	const struct mem *m = a->base.m;
	struct mm_rec k = mem_rec(m, c->rec);
	vaddr_t p = hand_entry(k, i), d;
	uint32_t index = object_index(a, c, p);

	if (index == CACHE_NONE)
		return false;
	for (uint32_t j = 0; j < i; j++)
		if (vaddr_eq(hand_entry(k, j), p))
			return false;
	d = slab_record(&a->set, va_ref(&a->set.pool, (vaddr_t){round_down(p.v, a->slab_bytes)}));
	return (slab_bits(m, d, index >> WORD_SHIFT) & object_bit(index)) == 0;
}

/* The stack of class c. */
static int check_hand(const struct slab_array *a, const struct slab_class *c,
		      struct check_report *r)
{
	struct mm_rec k = mem_rec(a->base.m, c->rec);
	uint32_t n = hand_count(k);

	if (n > HAND || hand_pad(k) != 0)
		return check_fail(r, A3, c->rec, n, HAND);
	for (uint32_t i = 0; i < HAND; i++)
		if (i < n ? !entry_good(a, c, i) : !vaddr_none(hand_entry(k, i)))
			return check_fail(r, A3, c->rec, hand_entry(k, i).v, i);
	return 0;
}

/* Is the slab at ref listed, or all its free objects at hand? */
static int check_found(const struct slab_array *a, const struct slab_class *c, uint32_t ref,
		       struct check_report *r)
{
	const struct mem *m = a->base.m;
	struct mm_rec k = mem_rec(m, c->rec);
	vaddr_t d = slab_record(&a->set, ref), slab = ref_va(&a->set.pool, ref);
	uint32_t at_hand = 0, free = c->nr - record_inuse(m, d);

	if (record_next(m, d) != REF_NONE)
		return 0;
	for (uint32_t i = 0; i < HAND; i++)
		at_hand += round_down(hand_entry(k, i).v, a->slab_bytes) == slab.v;
	return at_hand == free ? 0 : check_fail(r, A4, d, at_hand, free);
}

int slab_array_check(const struct alloc *base, struct check_report *r)
{
	const struct slab_array *a = (const struct slab_array *)base;
	const struct slabpool *p = &a->set.pool;

	if (slabpool_check(p, r) != 0)
		return MM_EINVAL;
	for (uint32_t i = slabpool_first(p); i != REF_NONE; i = slabpool_next(p, i)) {
		unsigned kind = slabpool_kind(p, i);
		uint32_t id = slabset_cache_at(&a->set, i);

		if (kind == POOL_FREE || kind == POOL_LARGE)
			continue;
		if (id >= a->nr)
			return check_fail(r, A1, ref_va(p, i), kind, POOL_LARGE);
		if (slabset_check_slab(&a->set, &a->cache[id], i, r) != 0 ||
		    check_found(a, &a->class[id], i, r) != 0)
			return MM_EINVAL;
	}
	for (uint32_t i = 0; i < a->nr; i++) {
		const struct slab_cache *c = &a->cache[i];

		if (cache_size(base->m, c->rec) != c->geo.size)
			return check_fail(r, A2, c->rec, cache_size(base->m, c->rec), c->geo.size);
		if (slabset_check_cache(&a->set, c, r) != 0 || check_hand(a, &a->class[i], r) != 0)
			return MM_EINVAL;
	}
	return 0;
}
