/*
 * bump: hands out ascending addresses.  The example to copy: start reading here.
 *
 * A request moves `next` up by its size and one header word.  A freed block is
 * lost (slack) until no block is live; then the whole arena is new again.  There
 * is no search: malloc takes constant time.
 *
 * Worst case: between two moments without a live block the arena must hold the
 * sum of all requests, live or not; no bound in terms of peak live bytes exists.
 *
 * Invariants, cited by bump_check:
 *   I1  next lies inside the arena
 *   I2  the blocks' sizes lead exactly from the first block to next
 *   I3  `live` equals the number of blocks marked live
 *   I4  no block is left once none is live
 *
 * Alignment beyond the target's is had by a dead block in between, so that the
 * sizes still lead from block to block.
 */
#include "alloc/bump.h"

#include "alloc/bump_layout.h"

static vaddr_t first_byte(const struct bump *b)
{
	return vaddr_add(b->arena.base, BUMP_HEADER_BYTES);
}

/* Writes the header of a block of `bytes` at p, which begins at or after `at`. */
static vaddr_t put_block(struct bump *b, vaddr_t at, vaddr_t p, msize_t bytes, msize_t live)
{
	struct mem *m = b->base.m;

	set_block_word(m, p, bytes | live);
	mm_account(m, at, vaddr_diff(p, at) - MM_WORD, MM_CACHED, MM_SLACK);
	mm_account(m, vaddr_sub(p, MM_WORD), MM_WORD, MM_CACHED, MM_METADATA);
	mm_account(m, p, bytes, MM_CACHED, live ? MM_GRANTED : MM_SLACK);
	return vaddr_add(p, bytes);
}

vaddr_t bump_malloc(struct bump *b, msize_t size, msize_t align, msize_t *granted)
{
	struct mem *m = b->base.m;
	vaddr_t at = bump_next(m, b->base.root), natural = bump_block_after(b, at);
	vaddr_t p = {align > b->align ? round_up(natural.v, align) : natural.v};
	msize_t bytes, used = vaddr_diff(p, b->arena.base);

	mm_search(m, 0);
	if (size > b->arena.bytes)
		return VADDR_NONE;
	bytes = round_up(size ? size : 1, b->align);
	if (used > b->arena.bytes || b->arena.bytes - used < bytes)
		return VADDR_NONE;
	if (p.v != natural.v)
		at = put_block(b, at, natural, vaddr_diff(p, natural) - b->align, 0);
	set_bump_next(m, b->base.root, put_block(b, at, p, bytes, BUMP_LIVE));
	set_bump_live(m, b->base.root, bump_live(m, b->base.root) + 1);
	mm_event(m, MM_EV_CHUNK_TAKE, p.v, bytes, 0);
	*granted = bytes;
	return p;
}

/* The last live block is gone: every block's bytes are free again. */
static void forget_all(struct bump *b)
{
	struct mem *m = b->base.m;
	vaddr_t at = first_byte(b), next = bump_next(m, b->base.root);

	while (at.v < next.v) {
		vaddr_t p = bump_block_after(b, at);
		msize_t bytes = block_word(m, p) & ~(msize_t)BUMP_LIVE;

		mm_account(m, at, vaddr_diff(p, at) - MM_WORD + bytes, MM_SLACK, MM_CACHED);
		mm_account(m, at, MM_WORD, MM_METADATA, MM_CACHED);
		at = vaddr_add(p, bytes);
	}
	mm_event(m, MM_EV_MASS_FREE, first_byte(b).v, vaddr_diff(next, first_byte(b)), 0);
	set_bump_next(m, b->base.root, first_byte(b));
}

msize_t bump_free(struct bump *b, vaddr_t p)
{
	struct mem *m = b->base.m;
	msize_t word, bytes, live = bump_live(m, b->base.root);

	if (p.v < first_byte(b).v + MM_WORD || p.v >= bump_next(m, b->base.root).v ||
	    (p.v & (b->align - 1)) != 0)
		return FREE_BAD;
	word = block_word(m, p);
	if ((word & BUMP_LIVE) == 0 || live == 0)
		return FREE_BAD;
	bytes = word & ~(msize_t)BUMP_LIVE;
	set_block_word(m, p, bytes);
	set_bump_live(m, b->base.root, live - 1);
	mm_account(m, p, bytes, MM_GRANTED, MM_SLACK);
	mm_event(m, MM_EV_CHUNK_FREE, p.v, bytes, 0);
	if (live == 1)
		forget_all(b);
	return bytes;
}

/* ---- the facets: thin adapters ---- */

static int bump_attach(struct alloc *a, const struct alloc_env *env)
{
	struct bump *b = (struct bump *)a;

	alloc_base(a, &bump_ops, env);
	b->arena = env->arena;
	b->align = env->align > MM_WORD ? env->align : MM_WORD;
	a->root = b->arena.base;
	return b->arena.bytes < BUMP_HEADER_BYTES + 2 * b->align ? MM_ENOMEM : 0;
}

static int bump_init(struct alloc *a, const struct alloc_env *env)
{
	struct bump *b = (struct bump *)a;
	int err = bump_attach(a, env);

	if (err != 0)
		return err;
	set_bump_next(a->m, a->root, first_byte(b));
	set_bump_live(a->m, a->root, 0);
	mm_account(a->m, a->root, BUMP_HEADER_BYTES, MM_CACHED, MM_METADATA);
	return 0;
}

static void bump_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct bump *b = (const struct bump *)a;
	vaddr_t at = first_byte(b), next = bump_next(a->m, a->root);
	vaddr_t end = vaddr_add(b->arena.base, b->arena.bytes);

	fn(ctx, &(struct walk_span){a->root, BUMP_HEADER_BYTES, MM_METADATA, "arena header", 0});
	while (at.v < next.v) {
		vaddr_t p = bump_block_after(b, at);
		msize_t word = block_word(a->m, p), bytes = word & ~(msize_t)BUMP_LIVE;
		bool live = (word & BUMP_LIVE) != 0;

		fn(ctx,
		   &(struct walk_span){at, vaddr_diff(p, at) - MM_WORD, MM_SLACK, "padding", 0});
		fn(ctx, &(struct walk_span){vaddr_sub(p, MM_WORD), MM_WORD, MM_METADATA,
					    "block header", 0});
		fn(ctx, &(struct walk_span){p, bytes, live ? MM_GRANTED : MM_SLACK,
					    live ? "block" : "dead block", 0});
		at = vaddr_add(p, bytes);
	}
	fn(ctx, &(struct walk_span){next, vaddr_diff(end, next), MM_CACHED, "never granted", 0});
}

static struct grant bump_op_malloc(struct alloc *a, const struct alloc_req *req)
{
	struct grant g = {VADDR_NONE, 0};

	g.va = bump_malloc((struct bump *)a, req->size, req->align, &g.bytes);
	return g;
}

static msize_t bump_op_free(struct alloc *a, vaddr_t p)
{
	return bump_free((struct bump *)a, p);
}

static msize_t bump_op_usable(const struct alloc *a, vaddr_t p)
{
	return block_word(a->m, p) & ~(msize_t)BUMP_LIVE;
}

static msize_t bump_op_largest(const struct alloc *a)
{
	const struct bump *b = (const struct bump *)a;
	vaddr_t p = bump_block_after(b, first_byte(b));

	return round_down(b->arena.bytes - vaddr_diff(p, b->arena.base), b->align);
}

static const struct alloc_param params[] = {{0}};

static const struct bytes_ops bump_bytes = {
	.malloc = bump_op_malloc,
	.free = bump_op_free,
	.usable = bump_op_usable,
	.largest_request = bump_op_largest,
};

const struct alloc_ops bump_ops = {
	.name = "bump",
	.summary = "ascending addresses, reused only when everything is free",
	.unit = "block",
	.serves = SERVES_BYTES,
	.params = params,
	.handle_bytes = sizeof(struct bump),
	.init = bump_init,
	.attach = bump_attach,
	.walk = bump_walk,
	.check = bump_check,
	.bytes = &bump_bytes,
};
