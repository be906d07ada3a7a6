/* slabcaches: the checker of invariants C1 to C4 of slabcaches.c. */
#include "alloc/slabcaches.h"

#include "alloc/slabcaches_layout.h"

#define C1 "C1: every slab's cache exists"
#define C2 "C2: a cache's record says what its size and alignment lead to"
#define C3 "C3: the table blocks are those of the directory"
#define C4 "C4: the cache that serves bytes exists and knows it"

/* The directory, before anything is read through it. */
static int check_directory(const struct slabcaches *s, struct check_report *r)
{
	const struct slabpool *p = &s->set.pool;
	uint32_t blocks = table_blocks(s), tables = 0;

	if (blocks > TABLE_BLOCKS)
		return check_fail(r, C3, p->taker, blocks, TABLE_BLOCKS);
	for (uint32_t i = 0; i < TABLE_BLOCKS; i++) {
		uint32_t ref = table_block(s, i);

		if (i >= blocks ? ref != REF_NONE : slabpool_kind(p, ref) != POOL_TABLE)
			return check_fail(r, C3, p->taker, ref, i);
		for (uint32_t j = 0; j < i && i < blocks; j++)
			if (table_block(s, j) == ref)
				return check_fail(r, C3, p->taker, ref, j);
	}
	for (uint32_t ref = slabpool_first(p); ref != REF_NONE; ref = slabpool_next(p, ref))
		if (slabpool_kind(p, ref) == POOL_TABLE) {
			if (slabpool_units(p, ref) != 1)
				return check_fail(r, C3, ref_va(p, ref), slabpool_units(p, ref), 1);
			tables++;
		}
	return tables == blocks ? 0 : check_fail(r, C3, p->taker, blocks, tables);
}

static bool all_zero(const struct mem *m, vaddr_t k)
{
	uint32_t any = 0;

	for (unsigned n = 0; n < RECORD_BYTES / 4; n++)
		any |= record_word(m, k, n);
	return any == 0;
}

static int check_record(const struct slabcaches *s, uint32_t cache, struct check_report *r)
{
	const struct mem *m = s->base.m;
	vaddr_t k = cache_record(s, cache);
	struct slab_cache c;
	struct slab_geo g;

	if (!slabcaches_get(s, cache, &c))
		return all_zero(m, k) ? 0 : check_fail(r, C2, k, cache, 0);
	if (cache_align(m, k) > 31 || (msize_t)1 << cache_align(m, k) < s->align ||
	    !slabcaches_geometry(s, c.geo.size, (msize_t)1 << cache_align(m, k), &g))
		return check_fail(r, C2, k, cache_align(m, k), msb(s->align));
	if (g.size != c.geo.size || g.first != c.geo.first || g.nr != c.geo.nr ||
	    g.order != c.geo.order || record_word(m, k, 7) != 0)
		return check_fail(r, C2, k, c.geo.size, g.size);
	if (cache_serves(m, k) != (serving_cache(s) == cache + 1))
		return check_fail(r, C4, k, cache_serves(m, k), serving_cache(s));
	return 0;
}

static int check_runs(const struct slabcaches *s, struct check_report *r)
{
	const struct slabpool *p = &s->set.pool;
	struct slab_cache c;

	for (uint32_t ref = slabpool_first(p); ref != REF_NONE; ref = slabpool_next(p, ref)) {
		unsigned kind = slabpool_kind(p, ref);

		if (kind == POOL_FREE || kind == POOL_TABLE)
			continue;
		if (!slabcaches_get(s, slabset_cache_at(&s->set, ref), &c))
			return check_fail(r, C1, ref_va(p, ref), kind, POOL_SLAB);
		if (slabset_check_slab(&s->set, &c, ref, r) != 0)
			return MM_EINVAL;
	}
	return 0;
}

int slabcaches_check(const struct alloc *a, struct check_report *r)
{
	const struct slabcaches *s = (const struct slabcaches *)a;
	struct slab_cache c;

	if (slabpool_check(&s->set.pool, r) != 0 || check_directory(s, r) != 0)
		return MM_EINVAL;
	for (uint32_t n = 0; n < cache_numbers(s); n++)
		if (check_record(s, n, r) != 0)
			return MM_EINVAL;
	if (check_runs(s, r) != 0)
		return MM_EINVAL;
	for (uint32_t n = 0; n < cache_numbers(s); n++)
		if (slabcaches_get(s, n, &c) && slabset_check_cache(&s->set, &c, r) != 0)
			return MM_EINVAL;
	if (serving_cache(s) != 0 && !slabcaches_get(s, serving_cache(s) - 1, &c))
		return check_fail(r, C4, s->set.pool.taker, serving_cache(s), 0);
	return 0;
}
