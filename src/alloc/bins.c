/*
 * bins: segregated bins with splitting and coalescing across bins.
 *
 * Free chunks lie in bins: one for each size below 32 granules (256 bytes at a
 * granularity of 8), then 16 of equal width to a power of two.
 * A request looks at the first `tries` chunks of its own bin, where that holds
 * other sizes too, and else takes the first chunk of the next larger bin that is
 * not empty, found in a bitmap; what is left over goes to the bin of its size.  A
 * freed chunk merges with its free neighbours, whatever their bins; one of less than
 * 32 granules is first kept as it is, for the next request of just its size, until
 * the kept ones exceed a bound or a request finds nothing: then all of them coalesce.
 *
 * Source: D. E. Knuth, "The Art of Computer Programming" 1, 2.5 (boundary tags);
 * P. R. Wilson, M. S. Johnstone, M. Neely, D. Boles, "Dynamic storage allocation:
 * a survey and critical review", IWMM 1995 (segregated fits).
 *
 * Cost: O(1) with a bounded search of `tries` steps, counted as search steps, plus
 * O(kept chunks) now and then, which is O(1) for each of them; one word before each
 * chunk.  Worst case: as best fit, about M (n - 2) for a peak of
 * M live units in requests of 1 to n units (Robson).
 *
 * A refused request may leave the image changed: kept chunks have coalesced.
 *
 * Layout: classheap_layout.h; invariants I1 to I10: classheap.c.
 *
 * Rejected: rounding a request up to its bin's size, as tlsf searches: the own
 * bin's chunks, which fit best, would be passed over.  Coalescing every chunk at
 * once (keep = 0): 1.2 to 1.9 times the instructions on recorded traces of a compiler,
 * two interpreters and a database, for a least arena that is the same within 1 %.
 */
#include "alloc/bins.h"

#include "alloc/classheap_bulk.h"

static const struct class_policy policy = {
	.split_log2 = 4, .header_words = 1, .search = true, .keep = true};

/* ---- kept chunks ---- */

/* A kept chunk of just `need` bytes, live again, or VADDR_NONE. */
CLASSHEAP_INLINE vaddr_t take_kept(const struct class_op *o, msize_t need)
{
	const struct classheap *h = o->h;
	msize_t granules = need >> o->s.gran_log2;
	struct mm_rec r;
	vaddr_t p;

	if (granules >= h->keep_sizes)
		return VADDR_NONE;
	p = kept_head(o->c, h->kept, granules);
	if (vaddr_none(p))
		return p;
	r = chunk_rec(o->v, p);
	set_kept_head(o->c, h->kept, granules, rec_next(r));
	set_kept_bytes(o->c, h->kept, kept_bytes(o->c, h->kept) - need);
	set_rec_tag(r, rec_tag(r) & ~TAG_KEPT);
	return p;
}

/* Keeps the chunk p, whose record is r; the kept bytes that there are now. */
CLASSHEAP_INLINE msize_t keep_chunk(const struct class_op *o, vaddr_t p, struct mm_rec r,
				    msize_t tag)
{
	const struct classheap *h = o->h;
	msize_t granules = tag_size(tag) >> o->s.gran_log2;
	msize_t bytes = kept_bytes(o->c, h->kept) + tag_size(tag);

	mem_mark(o->v, r, MM_WORD);
	set_rec_tag(r, tag | TAG_KEPT);
	set_rec_next(r, kept_head(o->c, h->kept, granules));
	set_kept_head(o->c, h->kept, granules, p);
	set_kept_bytes(o->c, h->kept, bytes);
	return bytes;
}

/* ---- malloc ---- */

/* From the bins: the request's own, then the next larger one. */
static CLASSHEAP_APART struct grant take_wide(struct classheap *h, msize_t need,
					      const struct alloc_req *req)
{
	struct class_op o = class_begin(h, policy);
	struct class_hit hit = find_chunk(&o, need);

	if (mm_unlikely(vaddr_none(hit.p)))
		return classheap_malloc_more(h, need, req);
	unlink_chunk(&o, hit.class, hit.p, chunk_rec(o.m, hit.p));
	return grant_chunk(&o, hit.p, need);
}

/* The same where the own bin holds one size only. */
static CLASSHEAP_APART struct grant take_small(struct classheap *h, msize_t need,
					       const struct alloc_req *req)
{
	struct class_op o = class_begin(h, policy);

	return class_take(&o, need_of(&o, need), req);
}

struct grant bins_malloc(struct bins *b, const struct alloc_req *req)
{
	struct classheap *h = &b->heap;
	struct class_op o = class_begin(h, policy);
	msize_t need;
	vaddr_t p;

	if (unusual_request(&o, req))
		return classheap_malloc_unusual(h, req);
	need = chunk_for(&o, req->size);
	p = take_kept(&o, need);
	if (vaddr_none(p))
		return need - h->shape.bias < h->shape.linear ? take_small(h, need, req)
							      : take_wide(h, need, req);
	mm_search(o.m, 0);
	return note_grant(&o, p, need - o.header, op_row(&o, p));
}

/* ---- free ---- */

static CLASSHEAP_APART msize_t release_apart(struct classheap *h, vaddr_t p, msize_t tag)
{
	struct class_op o = class_begin(h, policy);

	return class_release(&o, p, chunk_rec(o.m, p), tag);
}

msize_t bins_free(struct bins *b, vaddr_t p)
{
	struct classheap *h = &b->heap;
	struct class_op o = class_begin(h, policy);
	struct mm_rec r = chunk_rec(o.m, p);
	msize_t tag = live_tag(&o, p, r);

	if (mm_unlikely(tag == 0))
		return FREE_BAD;
	if (tag_size(tag) >> h->shape.gran_log2 >= h->keep_sizes)
		return release_apart(h, p, tag);
	note_free(&o, p, tag_size(tag) - o.header, op_row(&o, p));
	if (mm_unlikely(keep_chunk(&o, p, r, tag) > h->keep_most))
		classheap_coalesce(h);
	return tag_size(tag) - o.header;
}

struct grant bins_resize(struct bins *b, vaddr_t p, const struct alloc_req *req)
{
	return classheap_resize(&b->heap, p, req);
}

/* ---- the short way ---- */

#define SHORT_GRAN_LOG2 3u /* of most targets; other heaps go the ordinary way */

BULK_INLINE bool take_short(const void *way, const struct mem *v, struct mm_row *row, msize_t size,
			    struct grant *g)
{
	struct classheap *h = (struct classheap *)(uintptr_t)way;
	struct class_op o = class_begin_short(h, policy, SHORT_GRAN_LOG2, v);
	msize_t need;
	vaddr_t p;

	if (mm_unlikely(size > h->max_size))
		return false;
	need = chunk_for(&o, size);
	p = take_kept(&o, need);
	if (vaddr_none(p))
		return need - o.s.bias < o.s.linear && class_take_short(&o, row, need, g);
	set_control_live(o.c, control_live(o.c) + 1);
	*g = (struct grant){p, need - o.header};
	return true;
}

BULK_INLINE msize_t give_short(const void *way, const struct mem *v, struct mm_row *row, vaddr_t p)
{
	struct classheap *h = (struct classheap *)(uintptr_t)way;
	struct class_op o = class_begin_short(h, policy, SHORT_GRAN_LOG2, v);
	struct mm_rec r = chunk_rec(v, p);
	msize_t tag = live_tag(&o, p, r);

	if (mm_unlikely(tag == 0))
		return FREE_BAD;
	if (tag_size(tag) >> o.s.gran_log2 >= h->keep_sizes)
		return class_give_short(&o, row, p, r, tag);
	set_control_live(o.c, control_live(o.c) - 1);
	if (mm_unlikely(keep_chunk(&o, p, r, tag) > h->keep_most))
		classheap_coalesce(h);
	return tag_size(tag) - o.header;
}

/* ---- the facets: thin adapters ---- */

enum { PARAM_GROW, PARAM_TRIES, PARAM_KEEP };

static const struct alloc_param params[] = {
	[PARAM_GROW] = {"grow", PARAM_BYTES, KiB(16), 0, GiB(1), NULL,
			"least bytes of a segment, when grown from pages"},
	[PARAM_TRIES] = {"tries", PARAM_UINT, 8, 0, 1000, NULL,
			 "chunks of a request's own bin looked at, at most"},
	[PARAM_KEEP] =
		{"keep", PARAM_BYTES, KiB(64), 0, GiB(1), NULL,
		 "most bytes of small freed chunks kept whole, at most 1/64 of an arena; 0: none"},
	{0},
};

static struct class_setup setup(const struct alloc_env *env)
{
	return (struct class_setup){
		.policy = policy,
		.gran = env->align > 8 ? env->align : 8,
		.keep = env->params[PARAM_KEEP].u,
		.tries = (unsigned)env->params[PARAM_TRIES].u,
		.grow = env->params[PARAM_GROW].u,
	};
}

static int bins_init(struct alloc *a, const struct alloc_env *env)
{
	struct class_setup s = setup(env);

	return classheap_init((struct classheap *)a, &bins_ops, env, &s);
}

static int bins_attach(struct alloc *a, const struct alloc_env *env)
{
	struct class_setup s = setup(env);

	return classheap_attach((struct classheap *)a, &bins_ops, env, &s);
}

static struct grant bins_op_malloc(struct alloc *a, const struct alloc_req *req)
{
	return bins_malloc((struct bins *)a, req);
}

static msize_t bins_op_free(struct alloc *a, vaddr_t p)
{
	return bins_free((struct bins *)a, p);
}

static struct grant bins_op_resize(struct alloc *a, vaddr_t p, const struct alloc_req *req)
{
	return bins_resize((struct bins *)a, p, req);
}

static enum bulk_stop bins_op_bulk(struct alloc *a, struct bulk *b, const struct plain_req *req,
				   size_t n, size_t *done)
{
	static const struct bulk_kind kind = {.take = take_short,
					      .give = give_short,
					      .malloc = bins_op_malloc,
					      .free = bins_op_free,
					      .took = MM_EV_CHUNK_TAKE,
					      .gave = MM_EV_CHUNK_FREE};

	if (((struct classheap *)a)->shape.gran_log2 != SHORT_GRAN_LOG2)
		return bulk_ordinary(a, b, req, n, done);
	return bulk_run(&kind, a, a, b, req, n, done);
}

static const struct bytes_ops bins_bytes = {
	.malloc = bins_op_malloc,
	.free = bins_op_free,
	.resize = bins_op_resize,
	.usable = classheap_usable,
	.largest_request = classheap_largest,
	.bulk = bins_op_bulk,
	.chunk = classheap_chunk,
};

const struct alloc_ops bins_ops = {
	.name = "bins",
	.summary = "segregated bins: bounded best of the own bin, else the next larger",
	.unit = "chunk",
	.serves = SERVES_BYTES,
	.params = params,
	.handle_bytes = sizeof(struct bins),
	.init = bins_init,
	.attach = bins_attach,
	.walk = classheap_walk,
	.check = classheap_check,
	.bytes = &bins_bytes,
};
