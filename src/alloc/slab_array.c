/*
 * slab_array: a set of sizes, each with slabs of its own; nothing is split or merged.
 *
 * A request goes to the least size that holds it, found in a table by its eighths.
 * The slabs of a size form a slabset cache with bitmaps; all slabs have one length,
 * so that an address, shifted, names its slab.  Each size keeps a short stack of
 * free objects at hand: free puts the object there, malloc takes the top one, and
 * only when it is empty or full are slabs looked at and listed.  The bitmaps know
 * nothing of it: an object's bit is set from its free to its next malloc.  Larger
 * requests get whole units: pages of the source, or a run of the arena.  A request
 * that finds nothing first gives back every slab without a live object.
 *
 * In an arena the slabs' records lie in the pool's map, so that neither malloc nor
 * free touches the objects, powers of two fill a slab without loss and the records
 * share few cache lines.
 *
 * Source: the slab array of small kernels ("multiple slabs, one for each supported
 * size"); the slabs are those of slabset.c.  Division by the object's size is a
 * multiplication by its inverse modulo 2^32 (T. Granlund, P. L. Montgomery, Division
 * by Invariant Integers using Multiplication, PLDI 1994, section 9).  The stack is
 * the magazine of J. Bonwick and J. Adams, Magazines and Vmem, USENIX 2001.
 *
 * Worst case: O(1) a request without a new slab.  Memory: for sizes s1 < ... < sk and
 * at most M live bytes at a time, each size may hold M bytes' worth of slabs once,
 * and each of its slabs may keep one object: no bound better than M times the
 * objects of a slab.
 *
 * Invariants, cited by slab_array_check, beside P1 to P7 and S1 to S6:
 *   A1  every run in use is a slab of a size of the set, or large
 *   A2  the record of a size says its size
 *   A3  the objects at hand are free ones of their size, each once; entries beyond
 *       their count are none
 *   A4  every free object of a slab that is not listed is at hand
 */
#include "alloc/slab_array.h"

#include "alloc/bulk.h"
#include "alloc/slab_array_layout.h"

/* ---- objects and slabs; a slab's number times its units is its ref ---- */

/* The same for slabset. */
static const struct slab_cache *cache_of(const struct slab_array *a, const struct slab_class *c)
{
	return &a->cache[c - a->class];
}

/* The least class from `c` on whose objects are aligned so; a->nr: none. */
static uint32_t aligned_class(const struct slab_array *a, uint32_t c, msize_t align)
{
	while (c < a->nr && (msize_t)1 << a->class[c].aligned < align)
		c++;
	return c;
}

/* offset / size when it is a multiple of it, else more than a slab has objects. */
static inline uint32_t exact_index(const struct slab_class *c, uint32_t offset)
{
	uint32_t x = offset * c->inverse;

	return x >> c->twos | x << (-c->twos & 31u);
}

/* Number of the slab that p lies in, if it lies in one. */
static inline msize_t slab_number(const struct slab_array *a, vaddr_t p)
{
	return vaddr_diff(p, a->origin) >> a->slab_shift;
}

static inline uint32_t slab_ref(const struct slab_array *a, vaddr_t p)
{
	return (uint32_t)slab_number(a, p) << a->ref_shift;
}

/* Record of the slab of that number. */
static inline vaddr_t number_record(const struct slab_array *a, msize_t number)
{
	return vaddr_add(a->desc, number * a->stride);
}

/* Index of the object at p in its slab, which is one of class c. */
static inline uint32_t index_of(const struct slab_array *a, const struct slab_class *c, vaddr_t p)
{
	return exact_index(c, (uint32_t)(p.v & (a->slab_bytes - 1)) - c->first);
}

static inline vaddr_t object_at(const struct slab_array *a, const struct slab_class *c,
				uint32_t ref, uint32_t index)
{
	return vaddr_add(ref_va(&a->set.pool, ref), c->first + (msize_t)index * c->size);
}

/* ---- the objects at hand ---- */

/* Takes the n lowest entries, the oldest, off the stack: their slabs are listed for it. */
static void drop_oldest(struct slab_array *a, const struct slab_class *c, uint32_t n)
{
	struct mm_rec k = mem_rec(a->base.m, c->rec);
	uint32_t at_hand = hand_count(k);

	for (uint32_t i = 0; i < n; i++)
		slabset_list(&a->set, cache_of(a, c), slab_ref(a, hand_entry(k, i)), true);
	for (uint32_t i = 0; i < at_hand; i++)
		set_hand_entry(k, i, i + n < at_hand ? hand_entry(k, i + n) : VADDR_NONE);
	set_hand_count(k, at_hand - n);
}

/* Forgets all entries of the slab at ref, which is going. */
static void forget_slab(struct slab_array *a, const struct slab_class *c, uint32_t ref)
{
	struct mm_rec k = mem_rec(a->base.m, c->rec);
	uint32_t at_hand = hand_count(k), kept = 0;

	for (uint32_t i = 0; i < at_hand; i++) {
		vaddr_t p = hand_entry(k, i);

		set_hand_entry(k, i, VADDR_NONE);
		if (slab_ref(a, p) != ref)
			set_hand_entry(k, kept++, p);
	}
	set_hand_count(k, kept);
}

/*
 * Puts free objects of the slab at ref on the stack, which holds none of it, up to
 * half of it; the lowest is to be served first.  True: these were all.
 */
static bool take_in_hand(struct slab_array *a, const struct slab_class *c, uint32_t ref)
{
	struct mem *m = a->base.m;
	struct mm_rec k = mem_rec(m, c->rec);
	vaddr_t d = slab_record(&a->set, ref);
	uint32_t n = hand_count(k), free = c->nr - record_inuse(m, d), room = HAND / 2 - n;
	uint32_t take = free < room ? free : room, end = n + take;

	set_hand_count(k, end);
	for (uint32_t w = 0; end > n; w++) {
		for (msize_t bits = slab_free_bits(m, d, w, c->nr); bits != 0 && end > n;
		     bits &= bits - 1)
			set_hand_entry(k, --end,
				       object_at(a, c, ref, (w << WORD_SHIFT) + lsb(bits)));
	}
	return take == free;
}

/* Fills the empty stack up to a half: false when the class has no free object and gets no slab. */
static bool fill_hand(struct slab_array *a, const struct slab_class *c, const struct alloc_req *req,
		      uint64_t *steps)
{
	struct mem *m = a->base.m;
	struct mm_rec k = mem_rec(m, c->rec);
	uint32_t ref = slabset_more(&a->set, cache_of(a, c), req, steps);

	for (; ref != REF_NONE; ref = cache_head(m, c->rec)) {
		if (!take_in_hand(a, c, ref))
			break;
		slabset_list(&a->set, cache_of(a, c), ref, false);
		++*steps;
		if (hand_count(k) == HAND / 2)
			break;
	}
	return hand_count(k) != 0;
}

/* Gives back every slab that holds no live object: true if there was one. */
static __attribute__((noinline)) bool reclaim(struct slab_array *a)
{
	uint64_t units = 0;

	for (uint32_t i = 0; i < a->nr; i++) {
		const struct slab_class *c = &a->class[i];

		drop_oldest(a, c, hand_count(mem_rec(a->base.m, c->rec)));
		units += slabset_shrink(&a->set, cache_of(a, c));
	}
	return units != 0;
}

/* Grants the object on top of the stack k, which holds n > 0. */
static inline struct grant serve(struct slab_array *a, const struct slab_class *c, struct mm_rec k,
				 uint32_t n)
{
	struct mem *m = a->base.m;
	vaddr_t p = hand_entry(k, n - 1);
	struct mm_rec d = mem_rec(m, number_record(a, slab_number(a, p)));
	uint32_t index = index_of(a, c, p), w = index >> WORD_SHIFT, inuse = slab_inuse(d);
	struct grant g = {p, c->size};

	set_hand_entry(k, n - 1, VADDR_NONE);
	set_hand_count(k, n - 1);
	set_slab_word(d, w, slab_word(d, w) | object_bit(index));
	set_slab_inuse(d, inuse + 1);
	if (mm_unlikely(inuse == 0))
		set_cache_empty(m, c->rec, cache_empty(m, c->rec) - 1);
	mm_account(m, p, g.bytes, MM_CACHED, MM_GRANTED);
	mm_event(m, MM_EV_OBJ_ALLOC, p.v, index, round_down(p.v, a->slab_bytes));
	return g;
}

/* Nothing is at hand. */
static __attribute__((noinline)) struct grant serve_slow(struct slab_array *a,
							 const struct slab_class *c,
							 const struct alloc_req *req)
{
	uint64_t steps = 0;
	struct mm_rec k;
	bool any = fill_hand(a, c, req, &steps) || (reclaim(a) && fill_hand(a, c, req, &steps));

	mm_search(a->base.m, steps);
	k = mem_rec(a->base.m, c->rec);
	return any ? serve(a, c, k, hand_count(k)) : GRANT_NONE;
}

/* ---- blocks of whole units ---- */

/* Units for `bytes`; grown pools give powers of two. */
static uint32_t large_units(const struct slab_array *a, msize_t bytes)
{
	const struct slabpool *p = &a->set.pool;
	msize_t units = (bytes + unit_bytes(p) - 1) >> p->unit_shift;

	return (uint32_t)(p->pages == NULL ? units : roundup_pow2(units));
}

static __attribute__((noinline)) struct grant large_malloc(struct slab_array *a, msize_t size,
							   const struct alloc_req *req)
{
	struct slabpool *p = &a->set.pool;
	struct mem *m = p->m;
	unsigned align = req->align > unit_bytes(p) ? msb(req->align) - p->unit_shift : 0;
	uint32_t units, ref = REF_NONE;
	uint64_t steps = 0;
	struct grant g;

	if (size > slabpool_largest(p) || req->align > slabpool_largest(p)) {
		mm_search(m, 0);
		mm_refuse(m, MM_REFUSE_LIMIT);
		return GRANT_NONE;
	}
	units = large_units(a, size);
	if (p->pages != NULL && units < (uint32_t)1 << align)
		units = (uint32_t)1 << align;
	ref = slabpool_get(p, req, POOL_LARGE, units, align, &steps);
	if (ref == REF_NONE && reclaim(a))
		ref = slabpool_get(p, req, POOL_LARGE, units, align, &steps);
	mm_search(m, steps);
	if (ref == REF_NONE)
		return GRANT_NONE;
	g = (struct grant){ref_va(p, ref), (msize_t)units << p->unit_shift};
	mm_account(m, g.va, g.bytes, MM_CACHED, MM_GRANTED);
	mm_event(m, MM_EV_CHUNK_TAKE, g.va.v, g.bytes, a->nr);
	return g;
}

/* The large run that begins at p, or REF_NONE. */
static uint32_t large_at(const struct slab_array *a, vaddr_t p)
{
	const struct slabpool *pool = &a->set.pool;
	uint32_t ref = va_ref(pool, p);

	if (!vaddr_eq(ref_va(pool, ref), p) || slabpool_kind(pool, ref) != POOL_LARGE)
		return REF_NONE;
	return ref;
}

static __attribute__((noinline)) msize_t large_free(struct slab_array *a, vaddr_t p)
{
	struct slabpool *pool = &a->set.pool;
	uint32_t ref = large_at(a, p);
	msize_t bytes;

	if (ref == REF_NONE)
		return FREE_BAD;
	bytes = (msize_t)slabpool_units(pool, ref) << pool->unit_shift;
	mm_account(pool->m, p, bytes, MM_GRANTED, MM_CACHED);
	mm_event(pool->m, MM_EV_CHUNK_FREE, p.v, bytes, a->nr);
	slabpool_put(pool, ref);
	return bytes;
}

/* ---- malloc and free ---- */

struct grant slab_array_malloc(struct slab_array *a, const struct alloc_req *req)
{
	msize_t size = req->size;
	const struct slab_class *c;
	struct mm_rec k;
	uint32_t at, n;

	if (mm_unlikely(size > a->largest))
		return large_malloc(a, size, req);
	at = a->class_of[(size + SLAB_ARRAY_GRAIN - 1) / SLAB_ARRAY_GRAIN];
	if (mm_unlikely(req->align > a->align)) {
		at = aligned_class(a, at, req->align);
		if (at == a->nr)
			return large_malloc(a, size ? size : 1, req);
	}
	c = &a->class[at];
	k = mem_rec(a->base.m, c->rec);
	n = hand_count(k);
	if (mm_unlikely(n == 0))
		return serve_slow(a, c, req);
	mm_search(a->base.m, 0);
	return serve(a, c, k, n);
}

/* The class of the slab that p lies in, with its record; NULL: p is in no slab of ours. */
static inline const struct slab_class *class_at(const struct slab_array *a, vaddr_t p,
						struct mm_rec *d)
{
	const struct slabpool *pool = &a->set.pool;
	msize_t number = slab_number(a, p);
	uint32_t at;

	if (mm_unlikely(number >= a->slabs)) {
		if (pool->pages == NULL || number >= REF_NONE >> a->ref_shift ||
		    slabpool_kind(pool, (uint32_t)number << a->ref_shift) != POOL_SLAB)
			return NULL;
	}
	*d = mem_rec(a->base.m, number_record(a, number));
	at = slab_kind(*d) - POOL_SLAB;
	return at < a->nr ? &a->class[at] : NULL;
}

/* The freed object does not fit on the stack, or was the last one of its slab. */
static __attribute__((noinline)) msize_t put_slow(struct slab_array *a, const struct slab_class *c,
						  vaddr_t p)
{
	struct mem *m = a->base.m;
	struct mm_rec k = mem_rec(m, c->rec);
	uint32_t ref = slab_ref(a, p);

	if (record_inuse(m, slab_record(&a->set, ref)) == 0) {
		if (cache_empty(m, c->rec) >= a->set.keep_empty)
			forget_slab(a, c, ref);
		if (slabset_emptied(&a->set, cache_of(a, c), ref))
			return c->size;
	}
	if (hand_count(k) == HAND)
		drop_oldest(a, c, HAND / 2);
	set_hand_entry(k, hand_count(k), p);
	set_hand_count(k, hand_count(k) + 1);
	return c->size;
}

msize_t slab_array_free(struct slab_array *a, vaddr_t p)
{
	struct mem *m = a->base.m;
	const struct slab_class *c;
	uint32_t index, inuse, w, n;
	struct mm_rec d, k;
	msize_t bits;

	c = class_at(a, p, &d);
	if (mm_unlikely(c == NULL))
		return large_free(a, p);
	index = index_of(a, c, p);
	if (mm_unlikely(index >= c->nr))
		return FREE_BAD;
	w = index >> WORD_SHIFT;
	bits = slab_word(d, w);
	if (mm_unlikely((bits & object_bit(index)) == 0))
		return FREE_BAD;
	k = mem_rec(m, c->rec);
	inuse = slab_inuse(d) - 1;
	set_slab_word(d, w, bits & ~object_bit(index));
	set_slab_inuse(d, inuse);
	mm_account(m, p, c->size, MM_GRANTED, MM_CACHED);
	mm_event(m, MM_EV_OBJ_FREE, p.v, index, round_down(p.v, a->slab_bytes));
	n = hand_count(k);
	if (mm_unlikely(n == HAND || inuse == 0))
		return put_slow(a, c, p);
	set_hand_entry(k, n, p);
	set_hand_count(k, n + 1);
	return c->size;
}

/*
 * ---- the short way ----
 *
 * An object that is freed and served again goes through its size's stack: what counts
 * is how soon malloc knows where free has put it.  So the records are reached from the
 * first of their kind, with no translation in between.
 */

struct slab_way {
	const struct slab_array *a;
	vaddr_t origin;
	struct mm_rec slab0, class0; /* records of slab 0 and of the first size */
	uint32_t stride, slabs, nr, largest, in_slab; /* in_slab: mask of offsets */
	uint32_t keep_empty;
	uint8_t slab_shift;
};

static inline struct slab_way short_way(const struct slab_array *a)
{
	return (struct slab_way){.a = a,
				 .origin = a->origin,
				 .slab0 = mem_rec(a->base.m, a->desc),
				 .class0 = mem_rec(a->base.m, a->class[0].rec),
				 .stride = a->stride,
				 .slabs = a->slabs,
				 .nr = a->nr,
				 .largest = a->largest,
				 .in_slab = (uint32_t)a->slab_bytes - 1,
				 .keep_empty = a->set.keep_empty,
				 .slab_shift = a->slab_shift};
}

/* The record of the slab that p lies in; the pool's arena holds it whatever p is. */
BULK_INLINE bool near_slab(const struct slab_way *w, vaddr_t p, struct mm_rec *d)
{
	msize_t number = vaddr_diff(p, w->origin) >> w->slab_shift;

	*d = rec_at(w->slab0, number * w->stride);
	return number < w->slabs;
}

BULK_INLINE bool take_short(const void *way, const struct mem *v, struct mm_row *row, msize_t size,
			    struct grant *g)
{
	const struct slab_way *w = way;
	const struct slab_class *c;
	struct mm_rec k, d;
	uint32_t n, at, index, inuse;
	vaddr_t p;

	(void)v;
	(void)row;
	if (mm_unlikely(size > w->largest))
		return false;
	at = w->a->class_of[(size + SLAB_ARRAY_GRAIN - 1) / SLAB_ARRAY_GRAIN];
	k = rec_at(w->class0, (msize_t)at * CLASS_RECORD);
	n = hand_count(k);
	if (mm_unlikely(n == 0))
		return false;
	p = hand_entry(k, n - 1);
	c = &w->a->class[at];
	index = exact_index(c, ((uint32_t)p.v & w->in_slab) - c->first);
	if (mm_unlikely(!near_slab(w, p, &d) || index >= c->nr))
		return false;
	inuse = slab_inuse(d);
	if (mm_unlikely(inuse == 0))
		set_class_empty(k, class_empty(k) - 1);
	set_hand_entry(k, n - 1, VADDR_NONE);
	set_hand_count(k, n - 1);
	set_slab_word(d, index >> WORD_SHIFT,
		      slab_word(d, index >> WORD_SHIFT) | object_bit(index));
	set_slab_inuse(d, inuse + 1);
	*g = (struct grant){p, c->size};
	return true;
}

BULK_INLINE msize_t give_short(const void *way, const struct mem *v, struct mm_row *row, vaddr_t p)
{
	const struct slab_way *w = way;
	const struct slab_class *c;
	uint32_t index, at, n, inuse;
	struct mm_rec d, k;
	msize_t bits;

	(void)v;
	(void)row;
	if (mm_unlikely(!near_slab(w, p, &d)))
		return FREE_BAD;
	at = slab_kind(d) - POOL_SLAB;
	if (mm_unlikely(at >= w->nr))
		return FREE_BAD;
	c = &w->a->class[at];
	index = exact_index(c, ((uint32_t)p.v & w->in_slab) - c->first);
	if (mm_unlikely(index >= c->nr))
		return FREE_BAD;
	bits = slab_word(d, index >> WORD_SHIFT);
	inuse = slab_inuse(d) - 1;
	k = rec_at(w->class0, (msize_t)at * CLASS_RECORD);
	n = hand_count(k);
	if (mm_unlikely((bits & object_bit(index)) == 0 || n >= HAND))
		return FREE_BAD;
	if (mm_unlikely(inuse == 0)) {
		if (class_empty(k) >= w->keep_empty)
			return FREE_BAD;
		set_class_empty(k, class_empty(k) + 1);
	}
	set_hand_entry(k, n, p);
	set_hand_count(k, n + 1);
	set_slab_word(d, index >> WORD_SHIFT, bits & ~object_bit(index));
	set_slab_inuse(d, inuse);
	return c->size;
}

/*
 * The record of the block's slab.  Before the block there is nothing, perhaps no memory at
 * all: to ask for that is a walk through the host's page tables each time.
 */
BULK_INLINE vaddr_t touches_record(const void *way, const struct mem *v, vaddr_t p, msize_t size)
{
	const struct slab_array *a = ((const struct slab_way *)way)->a;

	(void)v, (void)size;
	return number_record(a, slab_number(a, p));
}

/* Granted bytes of the live block at p, or FREE_BAD. */
static msize_t usable(const struct slab_array *a, vaddr_t p)
{
	struct mm_rec d;
	const struct slab_class *c = class_at(a, p, &d);
	uint32_t ref;

	if (c != NULL)
		return c->size;
	ref = large_at(a, p);
	return ref == REF_NONE
		       ? FREE_BAD
		       : (msize_t)slabpool_units(&a->set.pool, ref) << a->set.pool.unit_shift;
}

/* ---- resizing in place ---- */

/* Moves the difference of a large run's bytes; the run is `units` long then. */
static bool resize_large(struct slab_array *a, uint32_t ref, uint32_t units)
{
	struct slabpool *p = &a->set.pool;
	uint32_t was = slabpool_units(p, ref);
	vaddr_t va = ref_va(p, ref);
	msize_t from = (msize_t)was << p->unit_shift, to = (msize_t)units << p->unit_shift;

	if (!slabpool_resize(p, ref, units))
		return false;
	if (units > was) {
		mm_account(p->m, vaddr_add(va, from), to - from, MM_CACHED, MM_GRANTED);
		mm_event(p->m, MM_EV_CHUNK_GROW, va.v, to, from);
	} else if (units < was) {
		mm_account(p->m, vaddr_add(va, to), from - to, MM_GRANTED, MM_CACHED);
		mm_event(p->m, MM_EV_CHUNK_SHRINK, va.v, to, from);
	}
	return true;
}

/* An object stays for any size of its class; a large run is cut, or grows into a free neighbour. */
static struct grant resize_block(struct slab_array *a, vaddr_t p, const struct alloc_req *req)
{
	uint32_t ref, at;
	struct mm_rec d;
	const struct slab_class *c = class_at(a, p, &d);
	bool small = req->size <= a->largest;

	if ((p.v & (req->align ? req->align - 1 : 0)) != 0 || req->size == 0)
		return GRANT_NONE;
	if (c != NULL) {
		at = small ? a->class_of[(req->size + SLAB_ARRAY_GRAIN - 1) / SLAB_ARRAY_GRAIN]
			   : a->nr;
		return c == &a->class[at] ? (struct grant){p, c->size} : GRANT_NONE;
	}
	ref = large_at(a, p);
	if (ref == REF_NONE || small || req->size > slabpool_largest(&a->set.pool) ||
	    !resize_large(a, ref, large_units(a, req->size)))
		return GRANT_NONE;
	return (struct grant){p, usable(a, p)};
}

/* ---- the facets: thin adapters ---- */

static int slab_array_attach(struct alloc *base, const struct alloc_env *env)
{
	struct slab_array *a = (struct slab_array *)base;
	struct pool_shape shape;
	int err;

	alloc_base(base, &slab_array_ops, env);
	err = slab_array_shape(a, env, &shape);
	if (err == 0)
		err = slabpool_adopt(&a->set.pool, env, &shape);
	if (err != 0)
		return err;
	base->root = a->set.pool.root;
	return slab_array_classes(a, env);
}

static int slab_array_init(struct alloc *base, const struct alloc_env *env)
{
	struct slab_array *a = (struct slab_array *)base;
	struct pool_shape shape;
	int err;

	alloc_base(base, &slab_array_ops, env);
	err = slab_array_shape(a, env, &shape);
	if (err == 0)
		err = slabpool_format(&a->set.pool, env, &shape);
	if (err != 0)
		return err;
	base->root = a->set.pool.root;
	err = slab_array_classes(a, env);
	for (uint32_t i = 0; err == 0 && i < a->nr; i++) {
		slabset_new_cache(&a->set, &a->cache[i]);
		format_hand(a->base.m, a->class[i].rec);
	}
	return err;
}

static void walk_run(const void *taker, uint32_t ref, walk_fn *fn, void *ctx)
{
	const struct slab_array *a = taker;
	uint32_t id = slabset_cache_at(&a->set, ref);
	struct slab_map map;

	if (id >= a->nr)
		return;
	if (!slabset_free_map(&a->set, &a->cache[id], ref, &map))
		mm_warn(a->base.m, "a slab's bitmap is corrupt", ref_va(&a->set.pool, ref));
	slabset_walk_slab(&a->set, &a->cache[id], ref, &map, fn, ctx);
}

static void slab_array_walk(const struct alloc *base, walk_fn *fn, void *ctx)
{
	const struct slab_array *a = (const struct slab_array *)base;

	slabpool_walk(&a->set.pool, &(struct pool_walker){fn, ctx, walk_run, a, "size record",
							  CLASS_RECORD, a->nr});
}

static struct grant slab_array_op_malloc(struct alloc *a, const struct alloc_req *req)
{
	return slab_array_malloc((struct slab_array *)a, req);
}

static msize_t slab_array_op_free(struct alloc *a, vaddr_t p)
{
	return slab_array_free((struct slab_array *)a, p);
}

static struct grant slab_array_op_resize(struct alloc *a, vaddr_t p, const struct alloc_req *req)
{
	return resize_block((struct slab_array *)a, p, req);
}

static msize_t slab_array_op_usable(const struct alloc *a, vaddr_t p)
{
	return usable((const struct slab_array *)a, p);
}

static msize_t slab_array_op_largest(const struct alloc *a)
{
	return slabpool_largest(&((const struct slab_array *)a)->set.pool);
}

static enum bulk_stop slab_array_op_bulk(struct alloc *a, struct bulk *b,
					 const struct plain_req *req, size_t n, size_t *done)
{
	static const struct bulk_kind kind = {.take = take_short,
					      .give = give_short,
					      .malloc = slab_array_op_malloc,
					      .free = slab_array_op_free,
					      .took = MM_EV_OBJ_ALLOC,
					      .gave = MM_EV_OBJ_FREE,
					      .touches = touches_record};
	const struct slab_way way = short_way((const struct slab_array *)a);

	return bulk_run(&kind, &way, a, b, req, n, done);
}

static const struct alloc_param params[] = {
	[SLAB_ARRAY_SIZES] =
		{"sizes", PARAM_SIZES, 0, 8, SLAB_ARRAY_LARGEST,
		 "16 24 32 48 64 80 96 112 128 160 192 224 256 320 384 448 512 640 768 "
		 "896 1024 1280 1536 1792 2048",
		 "sizes of the set, bytes; larger requests get whole slabs or pages"},
	[SLAB_ARRAY_SLAB_BYTES] =
		{"slab_bytes", PARAM_BYTES, 0, 0, MiB(1), NULL,
		 "bytes of a slab, a power of two; 0: the least that wastes an eighth "
		 "on average"},
	[SLAB_ARRAY_KEEP_EMPTY] = {"keep_empty", PARAM_UINT, 1, 0, 65535, NULL,
				   "empty slabs kept for each size"},
	{0},
};

static const struct bytes_ops slab_array_bytes = {
	.malloc = slab_array_op_malloc,
	.free = slab_array_op_free,
	.resize = slab_array_op_resize,
	.usable = slab_array_op_usable,
	.largest_request = slab_array_op_largest,
	.bulk = slab_array_op_bulk,
};

const struct alloc_ops slab_array_ops = {
	.name = "slab_array",
	.summary = "a set of sizes, each with slabs of its own",
	.unit = "object",
	.serves = SERVES_BYTES,
	.params = params,
	.handle_bytes = sizeof(struct slab_array),
	.init = slab_array_init,
	.attach = slab_array_attach,
	.walk = slab_array_walk,
	.check = slab_array_check,
	.bytes = &slab_array_bytes,
};
