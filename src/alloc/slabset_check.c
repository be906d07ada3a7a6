/* slabset: the checker of invariants S1 to S6 of slabset.c. */
#include "alloc/slabset.h"

#include "alloc/slabset_layout.h"

#define S1 "S1: a slab's record names its cache and length"
#define S2 "S2: free objects and those in use are all objects of the slab"
#define S3 "S3: no bit is set beyond the last object"
#define S4 "S4: listed are the slabs with a free object"
#define S5 "S5: slabs and empty count the cache's slabs"
#define S6 "S6: no more empty slabs than keep_empty"

/* Is `ref` a listed slab of c whose link back (or forth) names `other`? */
static bool ring_link(const struct slabset *s, const struct slab_cache *c, uint32_t ref,
		      uint32_t other, bool back)
{
	vaddr_t d = slab_record(s, ref);

	if (slabset_cache_at(s, ref) != c->id)
		return false;
	return (back ? record_prev(s->pool.m, d) : record_next(s->pool.m, d)) == other;
}

static int check_links(const struct slabset *s, const struct slab_cache *c, uint32_t ref,
		       struct check_report *r)
{
	const struct mem *m = s->pool.m;
	vaddr_t d = slab_record(s, ref);
	uint32_t next = record_next(m, d), prev = record_prev(m, d);
	bool listed = next != REF_NONE || prev != REF_NONE;

	if (!s->lazy && listed != (record_inuse(m, d) < c->geo.nr))
		return check_fail(r, S4, d, listed, !listed);
	if (listed && !ring_link(s, c, next, ref, true))
		return check_fail(r, S4, d, next, ref);
	if (listed && !ring_link(s, c, prev, ref, false))
		return check_fail(r, S4, d, prev, ref);
	return 0;
}

/* No bit is set beyond the last object. */
static int check_bits(const struct slabset *s, const struct slab_cache *c, vaddr_t d,
		      struct check_report *r)
{
	const struct mem *m = s->pool.m;
	uint32_t words = slab_words(c->geo.nr), rest = c->geo.nr & (WORD_BITS - 1);
	msize_t last = slab_bits(m, d, words - 1);

	if (rest != 0 && last >> rest != 0)
		return check_fail(r, S3, d, last, ((msize_t)1 << rest) - 1);
	/* In the pool's map a record may have room for more words: they are zero. */
	for (uint32_t at = SLAB_STATE + MM_WORD * words; s->apart && at < s->stride; at += 4)
		if (mem_ld32(m, vaddr_add(d, at)) != 0)
			return check_fail(r, S3, d, at, 0);
	return 0;
}

int slabset_check_slab(const struct slabset *s, const struct slab_cache *c, uint32_t ref,
		       struct check_report *r)
{
	const struct mem *m = s->pool.m;
	vaddr_t d = slab_record(s, ref);
	uint32_t free = 0, units = (uint32_t)1 << c->geo.order;
	struct slab_map map;

	if (record_len(m, d) != units || slabpool_units(&s->pool, ref) != units)
		return check_fail(r, S1, d, record_len(m, d), units);
	if (record_kind(m, d) != POOL_SLAB + c->id)
		return check_fail(r, S1, d, record_kind(m, d), POOL_SLAB + c->id);
	if (!slabset_free_map(s, c, ref, &map))
		return check_fail(r, S2, d, ref, c->geo.nr);
	for (uint32_t i = 0; i < c->geo.nr; i++)
		free += slab_map_get(&map, i);
	if (record_inuse(m, d) != c->geo.nr - free)
		return check_fail(r, S2, d, record_inuse(m, d), c->geo.nr - free);
	if (s->form == SLAB_BITMAP && check_bits(s, c, d, r) != 0)
		return MM_EINVAL;
	return check_links(s, c, ref, r);
}

/* Length of the ring from its head, or more than `most` when it does not close. */
static uint32_t ring_length(const struct slabset *s, const struct slab_cache *c, uint32_t most)
{
	uint32_t head = cache_head(s->pool.m, c->rec), n = 0;

	for (uint32_t r = head; r != REF_NONE && n <= most; n++) {
		r = record_next(s->pool.m, slab_record(s, r));
		if (r == head)
			return n + 1;
	}
	return n;
}

int slabset_check_cache(const struct slabset *s, const struct slab_cache *c, struct check_report *r)
{
	const struct mem *m = s->pool.m;
	uint32_t slabs = 0, empty = 0, listed = 0, head = cache_head(m, c->rec);

	for (uint32_t i = slabpool_first(&s->pool); i != REF_NONE; i = slabpool_next(&s->pool, i)) {
		vaddr_t d = slab_record(s, i);

		if (slabset_cache_at(s, i) != c->id)
			continue;
		slabs++;
		empty += record_inuse(m, d) == 0;
		listed += record_next(m, d) != REF_NONE;
	}
	if (slabs != cache_slabs(m, c->rec))
		return check_fail(r, S5, c->rec, cache_slabs(m, c->rec), slabs);
	if (empty != cache_empty(m, c->rec))
		return check_fail(r, S5, c->rec, cache_empty(m, c->rec), empty);
	if (empty > s->keep_empty)
		return check_fail(r, S6, c->rec, empty, s->keep_empty);
	if (head != REF_NONE && slabset_cache_at(s, head) != c->id)
		return check_fail(r, S4, c->rec, head, c->id);
	if (ring_length(s, c, slabs) != listed)
		return check_fail(r, S4, c->rec, ring_length(s, c, slabs), listed);
	return 0;
}
