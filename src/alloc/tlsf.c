/*
 * tlsf: two-level segregated fit.
 *
 * Free chunks lie on lists by size class: 32 classes of equal width to a power of
 * two, and one for each size below 64 granules, counted less one granule, so that a
 * request of 2^k bytes begins a class and finds a chunk of its own size again.  A
 * request is rounded up to the next class's least size, so that the head of the first
 * non-empty list from there on surely fits; a bitmap of rows and one of the lists in
 * each row find it.  A freed chunk merges with its free neighbours at once.
 *
 * Source: M. Masmano, I. Ripoll, A. Crespo, J. Real, "TLSF: a new dynamic memory
 * allocator for real-time systems", ECRTS 2004; the same, "Implementation of a
 * constant-time dynamic storage allocator", Software: Practice and Experience 38,
 * 2008.
 *
 * Cost: malloc, free and resize are O(1); one word before each chunk, and at most
 * 1/32 of a chunk's size passed over in the search.  Worst case: as best fit, an
 * arena of about M (n - 2) for a peak of M live units in requests of 1 to n units
 * may not be enough (Robson); rounding in the search adds 1/32.
 *
 * Layout: classheap_layout.h; invariants I1 to I9: classheap.c.
 *
 * Rejected: the null chunk that saves tests for empty lists in other
 * implementations; here the head's back link is never read instead, so that
 * malloc leaves the next chunk on the list alone: one cache line less.
 */
#include "alloc/tlsf.h"

#include "alloc/classheap_bulk.h"

static const struct class_policy policy = {.split_log2 = 5, .header_words = 1};

struct grant tlsf_malloc(struct tlsf *t, const struct alloc_req *req)
{
	return class_malloc(&t->heap, policy, req);
}

msize_t tlsf_free(struct tlsf *t, vaddr_t p)
{
	return class_free(&t->heap, policy, p);
}

struct grant tlsf_resize(struct tlsf *t, vaddr_t p, const struct alloc_req *req)
{
	return classheap_resize(&t->heap, p, req);
}

/* ---- the short way ---- */

#define SHORT_GRAN_LOG2 3u /* of most targets; other heaps go the ordinary way */

BULK_INLINE bool take_short(const void *way, const struct mem *v, struct mm_row *row, msize_t size,
			    struct grant *g)
{
	struct classheap *h = (struct classheap *)(uintptr_t)way;
	struct class_op o = class_begin_short(h, policy, SHORT_GRAN_LOG2, v);

	return mm_likely(size <= h->max_size) && class_take_short(&o, row, chunk_for(&o, size), g);
}

BULK_INLINE msize_t give_short(const void *way, const struct mem *v, struct mm_row *row, vaddr_t p)
{
	struct classheap *h = (struct classheap *)(uintptr_t)way;
	struct class_op o = class_begin_short(h, policy, SHORT_GRAN_LOG2, v);
	struct mm_rec r = chunk_rec(v, p);

	return class_give_short(&o, row, p, r, live_tag(&o, p, r));
}

/* ---- the facets: thin adapters ---- */

enum { PARAM_GROW };

static const struct alloc_param params[] = {
	[PARAM_GROW] = {"grow", PARAM_BYTES, KiB(16), 0, GiB(1), NULL,
			"least bytes of a segment, when grown from pages"},
	{0},
};

static struct class_setup setup(const struct alloc_env *env)
{
	return (struct class_setup){
		.policy = policy,
		.gran = env->align > 8 ? env->align : 8,
		.grow = env->params[PARAM_GROW].u,
	};
}

static int tlsf_init(struct alloc *a, const struct alloc_env *env)
{
	struct class_setup s = setup(env);

	return classheap_init((struct classheap *)a, &tlsf_ops, env, &s);
}

static int tlsf_attach(struct alloc *a, const struct alloc_env *env)
{
	struct class_setup s = setup(env);

	return classheap_attach((struct classheap *)a, &tlsf_ops, env, &s);
}

static struct grant tlsf_op_malloc(struct alloc *a, const struct alloc_req *req)
{
	return tlsf_malloc((struct tlsf *)a, req);
}

static msize_t tlsf_op_free(struct alloc *a, vaddr_t p)
{
	return tlsf_free((struct tlsf *)a, p);
}

static struct grant tlsf_op_resize(struct alloc *a, vaddr_t p, const struct alloc_req *req)
{
	return tlsf_resize((struct tlsf *)a, p, req);
}

static enum bulk_stop tlsf_op_bulk(struct alloc *a, struct bulk *b, const struct plain_req *req,
				   size_t n, size_t *done)
{
	static const struct bulk_kind kind = {.take = take_short,
					      .give = give_short,
					      .malloc = tlsf_op_malloc,
					      .free = tlsf_op_free,
					      .took = MM_EV_CHUNK_TAKE,
					      .gave = MM_EV_CHUNK_FREE};

	if (((struct classheap *)a)->shape.gran_log2 != SHORT_GRAN_LOG2)
		return bulk_ordinary(a, b, req, n, done);
	return bulk_run(&kind, a, a, b, req, n, done);
}

static const struct bytes_ops tlsf_bytes = {
	.malloc = tlsf_op_malloc,
	.free = tlsf_op_free,
	.resize = tlsf_op_resize,
	.usable = classheap_usable,
	.largest_request = classheap_largest,
	.bulk = tlsf_op_bulk,
	.chunk = classheap_chunk,
};

const struct alloc_ops tlsf_ops = {
	.name = "tlsf",
	.summary = "two-level segregated fit: good fit in constant time",
	.unit = "chunk",
	.serves = SERVES_BYTES,
	.params = params,
	.handle_bytes = sizeof(struct tlsf),
	.init = tlsf_init,
	.attach = tlsf_attach,
	.walk = classheap_walk,
	.check = classheap_check,
	.bytes = &tlsf_bytes,
};
