/*
 * half_fit: chunks of a power of two, found in constant time; o1heap's algorithm.
 *
 * A request of r bytes gets a chunk of F(r) = 2^ceil(log2(r + a)) bytes, at least
 * 2 a, with a = 4 words, cut from the head of the first non-empty list from its own
 * power of two on; the rest, which need not be a power of two, goes to the list of
 * the power of two not above it.  A freed chunk merges with its free physical
 * neighbours, whatever their sizes.
 *
 * Source: T. Ogasawara, "An algorithm with constant execution time for dynamic
 * storage allocation", RTCSA 1995; the README of o1heap 2 for F(r) and a.
 *
 * Cost: O(1), no search.  Worst case: 2 M (1 + ceil(log2 n)) units are enough for a
 * peak of M live units in requests of 1 to n units; with the overhead, for n_f =
 * ceil(n / l), M_f = ceil(M / l) fragments of l = a bytes and k = M_f - n_f + 1:
 * H = a k + 2 l n M_f (ceil(log2 n_f) + 1) / (l + n).
 *
 * The header is a wide, as o1heap's; ours needs one word of it, the rest is slack.
 * An arena may have up to 2^30 granules of 8 words.
 *
 * Layout: classheap_layout.h; invariants I1 to I9: classheap.c.
 */
#include "alloc/half_fit.h"

#include "alloc/classheap_bulk.h"

static const struct class_policy policy = {.split_log2 = 0, .header_words = 4, .pow2 = true};

struct grant half_fit_malloc(struct half_fit *h, const struct alloc_req *req)
{
	return class_malloc(&h->heap, policy, req);
}

msize_t half_fit_free(struct half_fit *h, vaddr_t p)
{
	return class_free(&h->heap, policy, p);
}

struct grant half_fit_resize(struct half_fit *h, vaddr_t p, const struct alloc_req *req)
{
	return classheap_resize(&h->heap, p, req);
}

/* ---- the short way ---- */

#define SHORT_GRAN_LOG2                                                                            \
	(3u + (MM_WORD == 8 ? 3u : 2u)) /* of most targets; other heaps go the ordinary way */

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
		.gran = env->align > 8 * MM_WORD ? env->align : 8 * MM_WORD,
		.grow = env->params[PARAM_GROW].u,
	};
}

static int half_fit_init(struct alloc *a, const struct alloc_env *env)
{
	struct class_setup s = setup(env);

	return classheap_init((struct classheap *)a, &half_fit_ops, env, &s);
}

static int half_fit_attach(struct alloc *a, const struct alloc_env *env)
{
	struct class_setup s = setup(env);

	return classheap_attach((struct classheap *)a, &half_fit_ops, env, &s);
}

static struct grant half_fit_op_malloc(struct alloc *a, const struct alloc_req *req)
{
	return half_fit_malloc((struct half_fit *)a, req);
}

static msize_t half_fit_op_free(struct alloc *a, vaddr_t p)
{
	return half_fit_free((struct half_fit *)a, p);
}

static struct grant half_fit_op_resize(struct alloc *a, vaddr_t p, const struct alloc_req *req)
{
	return half_fit_resize((struct half_fit *)a, p, req);
}

static enum bulk_stop half_fit_op_bulk(struct alloc *a, struct bulk *b, const struct plain_req *req,
				       size_t n, size_t *done)
{
	static const struct bulk_kind kind = {.take = take_short,
					      .give = give_short,
					      .malloc = half_fit_op_malloc,
					      .free = half_fit_op_free,
					      .took = MM_EV_CHUNK_TAKE,
					      .gave = MM_EV_CHUNK_FREE};

	if (((struct classheap *)a)->shape.gran_log2 != SHORT_GRAN_LOG2)
		return bulk_ordinary(a, b, req, n, done);
	return bulk_run(&kind, a, a, b, req, n, done);
}

static const struct bytes_ops half_fit_bytes = {
	.malloc = half_fit_op_malloc,
	.free = half_fit_op_free,
	.resize = half_fit_op_resize,
	.usable = classheap_usable,
	.largest_request = classheap_largest,
	.bulk = half_fit_op_bulk,
	.chunk = classheap_chunk,
};

const struct alloc_ops half_fit_ops = {
	.name = "half_fit",
	.summary = "half-fit: chunks of powers of two in constant time, as o1heap",
	.unit = "chunk",
	.serves = SERVES_BYTES,
	.params = params,
	.handle_bytes = sizeof(struct half_fit),
	.init = half_fit_init,
	.attach = half_fit_attach,
	.walk = classheap_walk,
	.check = classheap_check,
	.bytes = &half_fit_bytes,
};
