/*
 * mempool: a reserve of elements for those who must not fail.
 *
 * A pool is made with min_nr elements.  An allocation asks the kind below first, without
 * leave to wait or to take from the page allocator's reserves, and takes an element of the
 * reserve when that has nothing.  Freeing fills the reserve up again before anything goes
 * back below.  So min_nr elements can be had at once however short memory is, and the
 * reserve is touched only then.
 *
 * Source: Linux mm/mempool.c.  Against it, the pointers of the reserve stand behind the
 * pool's head in one block.  A request that may sleep waits there for the next free; nobody
 * else runs here while one waits, so it is refused as one under GFP_ATOMIC is.
 *
 * All of a pool's memory are blocks that the kind below has granted, and count as asked for
 * by the pool: the caller is told of each that it takes and gives up (pool_block_fn), and
 * keeps the ledger by that.
 *
 * O(1) an allocation or free beside the kind below; O(min_nr) to make and destroy.
 *
 * Invariants, cited by check:
 *   M1  a pool's head is whole: magic, 0 < min_nr, curr_nr <= min_nr, it fits into its block
 *   M2  the elements in reserve are live blocks of the kind below, large enough, each once;
 *       the words behind them are 0
 */
#include "alloc/kmem_pool.h"

#include "alloc/kmem_pool_layout.h"

#define M1 "M1: a pool's head is whole"
#define M2 "M2: the elements in reserve are live blocks, each once"

static msize_t head_bytes(msize_t min)
{
	return POOL_HEAD + min * MM_WORD;
}

/* A block of the kind below, of which the caller is told. */
static vaddr_t take_block(struct alloc *a, msize_t size, const struct alloc_req *req,
			  const struct pool_blocks *b)
{
	struct alloc_req r = *req;
	struct grant g;

	r.size = size;
	g = a->ops->bytes->malloc(a, &r);
	if (g.bytes == 0)
		return VADDR_NONE;
	b->fn(b->ctx, g.va, size, g.bytes, true);
	return g.va;
}

static void drop_block(struct alloc *a, vaddr_t p, msize_t size, const struct pool_blocks *b)
{
	b->fn(b->ctx, p, size, a->ops->bytes->usable(a, p), false);
	if (a->ops->bytes->free(a, p) == FREE_BAD)
		mm_bug(a->m, "a pool's block is none of the kind below", p);
}

static void drop_reserve(struct alloc *a, vaddr_t pool, const struct pool_blocks *b)
{
	const struct mem *m = a->m;
	uint32_t n = pool_word(m, pool, POOL_CURR), size = pool_word(m, pool, POOL_SIZE);

	while (n > 0) {
		vaddr_t e = pool_element(m, pool, --n);

		set_pool_element(m, pool, n, (vaddr_t){0});
		set_pool_word(m, pool, POOL_CURR, n);
		drop_block(a, e, size, b);
	}
}

static vaddr_t op_create(struct alloc *a, msize_t min, const struct alloc_req *req,
			 const struct pool_blocks *b)
{
	const struct mem *m = a->m;
	msize_t head = head_bytes(min);
	vaddr_t pool;

	if (min == 0 || min > POOL_MOST || req->size == 0 || req->size > UINT32_MAX)
		return VADDR_NONE;
	pool = take_block(a, head, req, b);
	if (vaddr_none(pool))
		return pool;
	mem_fill(m, pool, 0, head);
	set_pool_word(m, pool, POOL_MAGIC_WORD, POOL_MAGIC);
	set_pool_word(m, pool, POOL_MIN, (uint32_t)min);
	set_pool_word(m, pool, POOL_SIZE, (uint32_t)req->size);
	for (uint32_t i = 0; i < min; i++) {
		vaddr_t e = take_block(a, req->size, req, b);

		if (vaddr_none(e)) {
			drop_reserve(a, pool, b);
			drop_block(a, pool, head, b);
			return VADDR_NONE;
		}
		set_pool_element(m, pool, i, e);
		set_pool_word(m, pool, POOL_CURR, i + 1);
	}
	return pool;
}

static void must_be_pool(const struct alloc *a, vaddr_t pool)
{
	if (pool_word(a->m, pool, POOL_MAGIC_WORD) != POOL_MAGIC ||
	    pool_word(a->m, pool, POOL_CURR) > pool_word(a->m, pool, POOL_MIN))
		mm_bug(a->m, "a pool's head is overwritten", pool);
}

static struct grant op_alloc(struct alloc *a, vaddr_t pool, const struct alloc_req *req,
			     const struct pool_blocks *b)
{
	const struct mem *m = a->m;
	struct alloc_req r = *req;
	struct grant g;
	uint32_t n;

	must_be_pool(a, pool);
	n = pool_word(m, pool, POOL_CURR);
	r.size = pool_word(m, pool, POOL_SIZE);
	r.gfp &= ~(uint32_t)(__GFP_DIRECT_RECLAIM | __GFP_IO);
	r.gfp |= __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;
	g = a->ops->bytes->malloc(a, &r);
	if (g.bytes != 0 || n == 0)
		return g;
	g.va = pool_element(m, pool, n - 1);
	g.bytes = a->ops->bytes->usable(a, g.va);
	set_pool_element(m, pool, n - 1, (vaddr_t){0});
	set_pool_word(m, pool, POOL_CURR, n - 1);
	b->fn(b->ctx, g.va, r.size, g.bytes, false);
	return g;
}

static msize_t op_free(struct alloc *a, vaddr_t pool, vaddr_t p, const struct pool_blocks *b)
{
	const struct mem *m = a->m;
	uint32_t n, size;
	msize_t bytes;

	must_be_pool(a, pool);
	n = pool_word(m, pool, POOL_CURR);
	size = pool_word(m, pool, POOL_SIZE);
	bytes = a->ops->bytes->usable(a, p);
	if (n == pool_word(m, pool, POOL_MIN))
		return a->ops->bytes->free(a, p);
	if (bytes < size)
		return FREE_BAD;
	set_pool_element(m, pool, n, p);
	set_pool_word(m, pool, POOL_CURR, n + 1);
	b->fn(b->ctx, p, size, bytes, true);
	return bytes;
}

static void op_destroy(struct alloc *a, vaddr_t pool, const struct pool_blocks *b)
{
	msize_t head;

	must_be_pool(a, pool);
	head = head_bytes(pool_word(a->m, pool, POOL_MIN));
	drop_reserve(a, pool, b);
	set_pool_word(a->m, pool, POOL_MAGIC_WORD, 0);
	drop_block(a, pool, head, b);
}

static msize_t op_element_bytes(const struct alloc *a, vaddr_t pool)
{
	return pool_word(a->m, pool, POOL_SIZE);
}

static uint32_t op_reserve(const struct alloc *a, vaddr_t pool)
{
	return pool_word(a->m, pool, POOL_CURR);
}

static void op_each(const struct alloc *a, vaddr_t pool, const struct pool_blocks *b)
{
	const struct mem *m = a->m;
	uint32_t n = pool_word(m, pool, POOL_CURR), size = pool_word(m, pool, POOL_SIZE);

	b->fn(b->ctx, pool, head_bytes(pool_word(m, pool, POOL_MIN)),
	      a->ops->bytes->usable(a, pool), true);
	for (uint32_t i = 0; i < n; i++) {
		vaddr_t e = pool_element(m, pool, i);

		b->fn(b->ctx, e, size, a->ops->bytes->usable(a, e), true);
	}
}

static int op_check(const struct alloc *a, vaddr_t pool, struct check_report *r)
{
	const struct mem *m = a->m;
	uint32_t min = pool_word(m, pool, POOL_MIN), curr = pool_word(m, pool, POOL_CURR);
	uint32_t size = pool_word(m, pool, POOL_SIZE);

	if (pool_word(m, pool, POOL_MAGIC_WORD) != POOL_MAGIC || min == 0 || min > POOL_MOST ||
	    curr > min || a->ops->bytes->usable(a, pool) < head_bytes(min))
		return check_fail(r, M1, pool, curr, min);
	for (uint32_t i = 0; i < min; i++) {
		vaddr_t e = pool_element(m, pool, i);

		if (i >= curr ? e.v != 0
			      : !vaddr_eq(mem_va(m, mem_pa(m, e)), e) ||
					a->ops->bytes->usable(a, e) < size)
			return check_fail(r, M2, pool, e.v, i);
		for (uint32_t k = 0; k < i && i < curr; k++)
			if (vaddr_eq(pool_element(m, pool, k), e))
				return check_fail(r, M2, pool, k, i);
	}
	return 0;
}

const struct pool_ops mempool_ops = {
	.create = op_create,
	.alloc = op_alloc,
	.free = op_free,
	.destroy = op_destroy,
	.element_bytes = op_element_bytes,
	.reserve = op_reserve,
	.each = op_each,
	.check = op_check,
};
