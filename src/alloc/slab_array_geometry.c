/* slab_array: its geometry, which follows from the parameters and never changes. */
#include "alloc/slab_array.h"

#include "alloc/slab_array_layout.h"

/* Inverse of an odd number modulo 2^32: each step doubles the bits that are right. */
static uint32_t odd_inverse(uint32_t odd)
{
	uint32_t x = odd;

	for (unsigned bits = 3; bits < 32; bits *= 2)
		x *= 2 - odd * x;
	return x;
}

/* The sizes of the set: multiples of the alignment and the grain, each once. */
static bool read_sizes(struct slab_array *a, const struct param_value *v)
{
	a->nr = 0;
	for (unsigned i = 0; i < v->nr; i++) {
		msize_t size = round_up(v->list[i], a->align);
		uint32_t last = a->nr != 0 ? a->class[a->nr - 1].size : 0;

		if (size == 0 || size > SLAB_ARRAY_LARGEST || size < last)
			return false;
		if (size == last)
			continue;
		if (a->nr == SLAB_ARRAY_CLASSES)
			return false;
		a->class[a->nr++].size = (uint32_t)size;
	}
	if (a->nr == 0)
		return false;
	a->largest = a->class[a->nr - 1].size;
	return true;
}

/* Alignment that the objects of a slab begin with: as far as their size keeps it, a cache line. */
static msize_t first_align(const struct slab_class *c, const struct alloc_env *env)
{
	msize_t line = env->cache_line > env->align ? roundup_pow2(env->cache_line) : env->align;
	msize_t natural = (msize_t)1 << lsb(c->size);

	return natural < line ? natural : line;
}

/* Do slabs of 2^shift bytes waste an eighth on average, and a quarter at most? */
static bool slabs_fit(const struct slab_array *a, const struct alloc_env *env, unsigned shift)
{
	struct slabset s = {.form = SLAB_BITMAP, .apart = env->arena.bytes != 0};
	msize_t bytes = (msize_t)1 << shift, sum = 0;
	struct slab_geo g;

	s.pool.unit_shift = (uint8_t)shift;
	for (uint32_t i = 0; i < a->nr; i++) {
		const struct slab_class *c = &a->class[i];

		if (!slabset_geometry(&s, c->size, first_align(c, env), 0, &g) ||
		    slabset_waste(&s, &g) * 4 > bytes)
			return false;
		sum += slabset_waste(&s, &g);
	}
	return sum * 8 <= bytes * a->nr;
}

/* log2 of the slabs' bytes, or 0: the parameter is no good. */
static unsigned slab_shift(const struct slab_array *a, const struct alloc_env *env)
{
	msize_t set = env->params[SLAB_ARRAY_SLAB_BYTES].u;
	unsigned shift = env->page_shift;

	if (set != 0)
		return is_pow2(set) && set >= a->largest * 2 && set >= SLAB_ARRAY_GRAIN * 32 &&
				       (env->arena.bytes != 0 || msb(set) >= shift)
			       ? msb(set)
			       : 0;
	while (!slabs_fit(a, env, shift) && shift < 20)
		shift++;
	return shift;
}

/* What class i of the set is once the pool stands; false: its slabs hold no object. */
static bool set_class(struct slab_array *a, const struct alloc_env *env, uint32_t i)
{
	struct slab_class *c = &a->class[i];
	struct slab_cache *k = &a->cache[i];

	if (!slabset_geometry(&a->set, c->size, first_align(c, env), a->ref_shift, &k->geo))
		return false;
	k->id = i;
	k->rec = c->rec = vaddr_add(a->set.pool.taker, i * CLASS_RECORD);
	c->first = k->geo.first;
	c->nr = k->geo.nr;
	c->twos = (uint8_t)lsb(c->size);
	c->inverse = odd_inverse(c->size >> c->twos);
	c->aligned = (uint8_t)lsb(c->size | c->first | a->slab_bytes);
	return true;
}

int slab_array_shape(struct slab_array *a, const struct alloc_env *env, struct pool_shape *shape)
{
	uint32_t objects;
	unsigned shift;

	a->align = env->align > SLAB_ARRAY_GRAIN ? env->align : SLAB_ARRAY_GRAIN;
	if (!read_sizes(a, &env->params[SLAB_ARRAY_SIZES]))
		return MM_EINVAL;
	shift = slab_shift(a, env);
	if (shift == 0)
		return MM_EINVAL;
	a->slab_bytes = (msize_t)1 << shift;
	objects = (uint32_t)a->slab_bytes / a->class[0].size;
	if (objects > SLAB_MAX_OBJECTS)
		objects = SLAB_MAX_OBJECTS;
	*shape = (struct pool_shape){.unit_shift = shift,
				     .taker_bytes = a->nr * CLASS_RECORD,
				     .record_bytes = slab_record_bytes(SLAB_BITMAP, objects)};
	return 0;
}

int slab_array_classes(struct slab_array *a, const struct alloc_env *env)
{
	const struct slabpool *p = &a->set.pool;
	uint32_t step = 0;

	a->set.lazy = true;
	slabset_setup(&a->set, SLAB_BITMAP, env->arena.bytes != 0,
		      (uint32_t)env->params[SLAB_ARRAY_KEEP_EMPTY].u);
	a->slab_shift = (uint8_t)msb(a->slab_bytes);
	a->ref_shift = (uint8_t)(a->slab_shift - p->unit_shift);
	a->origin = p->origin;
	a->desc = a->set.desc;
	a->stride = a->set.stride << a->ref_shift;
	a->slabs = p->nr;
	for (uint32_t i = 0; i < a->nr; i++) {
		if (!set_class(a, env, i))
			return MM_EINVAL;
		for (; step * SLAB_ARRAY_GRAIN <= a->class[i].size; step++)
			a->class_of[step] = (uint8_t)i;
	}
	return 0;
}
