/*
 * stack: pushes of any size, and one operation that frees them all.  What a
 * program needs whose objects all die together: a request, a frame, a parse.
 * (Elsewhere: arena, region, obstack.)
 *
 * A push moves `top` up by its size.  When a block of pages is full, another is
 * taken, large enough for the push, and what is left of the old one is slack until
 * the mass free, which keeps the first block and gives the others back.  D. R.
 * Hanson, "Fast allocation and deallocation of memory based on object lifetimes",
 * Software: Practice and Experience 20(1), 1990.
 *
 * Worst case: constant time for a push.  A fixed arena must hold the sum of all
 * pushes between two mass frees; grown from pages, up to the largest push less one
 * is lost at the end of each block.
 *
 * Invariants, cited by stack_check:
 *   I1  blocks are linked from the first to the current one, which is the last
 *   I2  a block's top lies inside it, and is aligned
 *   I3  pads are ascending, aligned, not empty, and end at or before the top; the
 *       last one is known
 *   I4  granted is the bytes below the tops that are not pads
 *   I5  a block is a live block of the page source, of its order
 *   I6  words that a block does not use are zero
 */
#include "alloc/stack.h"

#include "alloc/page.h"
#include "alloc/stack_layout.h"

/* ---- blocks ---- */

vaddr_t stack_block_end(const struct stack *s, vaddr_t block)
{
	unsigned order;

	if (s->pages == NULL)
		return (vaddr_t){round_down(s->arena.base.v + s->arena.bytes, s->align)};
	order = (unsigned)stack_word(s->base.m, block, STACK_ORDER);
	return vaddr_add(block, (msize_t)1 << (order + s->page_shift));
}

static vaddr_t first_byte(const struct stack *s, vaddr_t block)
{
	return (vaddr_t){round_up(block.v + STACK_HEAD_BYTES, s->align)};
}

/* mm_account that may be of no bytes, whose address may then lie beyond the region. */
static void account(struct mem *m, vaddr_t a, msize_t bytes, enum mm_class from, enum mm_class to)
{
	if (bytes != 0)
		mm_account(m, a, bytes, from, to);
}

/* Makes the block, whose bytes are MM_CACHED, an empty one. */
static void format_block(struct stack *s, vaddr_t block, unsigned order)
{
	struct mem *m = s->base.m;
	msize_t head = vaddr_diff(first_byte(s, block), block);

	mem_zero(m, block, head);
	set_stack_link(m, block, STACK_NEXT, VADDR_NONE);
	set_stack_link(m, block, STACK_TOP, first_byte(s, block));
	set_stack_link(m, block, STACK_FIRST_PAD, VADDR_NONE);
	set_stack_link(m, block, STACK_LAST_PAD, VADDR_NONE);
	set_stack_word(m, block, STACK_ORDER, order);
	mm_account(m, block, head, MM_CACHED, MM_METADATA);
}

/* The order of a block that surely holds `bytes` at a multiple of `align`. */
static unsigned order_for(const struct stack *s, msize_t bytes, msize_t align)
{
	msize_t head = vaddr_diff(first_byte(s, s->base.root), s->base.root);
	unsigned order = pages_order(s->pages, head + (align - s->align) + bytes);

	return order > s->block_order ? order : s->block_order;
}

/* A fresh block becomes the current one; what is left of the old one is slack. */
static vaddr_t add_block(struct stack *s, vaddr_t old, msize_t bytes, msize_t align)
{
	struct mem *m = s->base.m;
	unsigned order = order_for(s, bytes, align);
	vaddr_t top = stack_link(m, old, STACK_TOP);
	vaddr_t block =
		page_source_get(s->pages, m, order, &(struct alloc_req){.zone_mask = UINT32_MAX});

	if (vaddr_none(block))
		return block;
	format_block(s, block, order);
	set_stack_link(m, old, STACK_NEXT, block);
	set_stack_link(m, s->base.root, STACK_CURRENT, block);
	account(m, top, vaddr_diff(stack_block_end(s, old), top), MM_CACHED, MM_SLACK);
	mm_event(m, MM_EV_SEGMENT_ADD, block.v, (msize_t)1 << (order + s->page_shift), 0);
	return block;
}

/* ---- push ---- */

/* Where `bytes` fit into the block, or VADDR_NONE. */
static vaddr_t room_in(const struct stack *s, vaddr_t block, msize_t bytes, msize_t align)
{
	vaddr_t top = stack_link(s->base.m, block, STACK_TOP), end = stack_block_end(s, block);
	vaddr_t p = {round_up(top.v, align)};

	return p.v < top.v || p.v > end.v || vaddr_diff(end, p) < bytes ? VADDR_NONE : p;
}

static void add_pad(const struct stack *s, vaddr_t block, vaddr_t pad, msize_t bytes)
{
	struct mem *m = s->base.m;
	vaddr_t last = stack_link(m, block, STACK_LAST_PAD);
	msize_t head = pad_head_bytes(bytes);

	set_pad(m, pad, bytes);
	if (vaddr_none(last))
		set_stack_link(m, block, STACK_FIRST_PAD, pad);
	else
		set_pad_next(m, last, pad);
	set_stack_link(m, block, STACK_LAST_PAD, pad);
	mm_account(m, pad, head, MM_CACHED, MM_METADATA);
	account(m, pad, bytes - head, MM_CACHED, MM_SLACK);
}

vaddr_t stack_push(struct stack *s, msize_t size, msize_t align, msize_t *granted)
{
	struct mem *m = s->base.m;
	vaddr_t block = stack_link(m, s->base.root, STACK_CURRENT), top, p;
	msize_t bytes = round_up(size ? size : 1, s->align);

	mm_search(m, 0);
	align = align > s->align ? align : s->align;
	if ((size | align) > MM_WORD_ONES >> 2) {
		mm_refuse(m, MM_REFUSE_LIMIT);
		return VADDR_NONE;
	}
	p = room_in(s, block, bytes, align);
	if (vaddr_none(p) && s->pages != NULL) {
		block = add_block(s, block, bytes, align);
		if (!vaddr_none(block))
			p = room_in(s, block, bytes, align);
	}
	if (vaddr_none(p))
		return p;
	top = stack_link(m, block, STACK_TOP);
	if (!vaddr_eq(p, top))
		add_pad(s, block, top, vaddr_diff(p, top));
	set_stack_link(m, block, STACK_TOP, vaddr_add(p, bytes));
	set_stack_word(m, s->base.root, STACK_GRANTED,
		       stack_word(m, s->base.root, STACK_GRANTED) + bytes);
	mm_account(m, p, bytes, MM_CACHED, MM_GRANTED);
	mm_event(m, MM_EV_CHUNK_TAKE, p.v, bytes, 0);
	*granted = bytes;
	return p;
}

/* ---- mass free ---- */

/* The bytes of the block's pads become free. */
static msize_t forget_pads(const struct stack *s, vaddr_t block)
{
	struct mem *m = s->base.m;
	vaddr_t pad = stack_link(m, block, STACK_FIRST_PAD);
	msize_t sum = 0;

	for (; !vaddr_none(pad); pad = pad_next(m, pad)) {
		msize_t bytes = pad_bytes(m, pad), head = pad_head_bytes(bytes);

		mm_account(m, pad, head, MM_METADATA, MM_CACHED);
		account(m, pad, bytes - head, MM_SLACK, MM_CACHED);
		sum += bytes;
	}
	return sum;
}

/* Every push of the block becomes free; `full`: what is left of it was slack. */
static void empty_block(const struct stack *s, vaddr_t block, bool full)
{
	struct mem *m = s->base.m;
	vaddr_t first = first_byte(s, block), top = stack_link(m, block, STACK_TOP);
	msize_t pads = forget_pads(s, block);

	account(m, first, vaddr_diff(top, first) - pads, MM_GRANTED, MM_CACHED);
	if (full)
		account(m, top, vaddr_diff(stack_block_end(s, block), top), MM_SLACK, MM_CACHED);
}

static void drop_block(struct stack *s, vaddr_t block)
{
	struct mem *m = s->base.m;
	unsigned order = (unsigned)stack_word(m, block, STACK_ORDER);

	mm_account(m, block, vaddr_diff(first_byte(s, block), block), MM_METADATA, MM_CACHED);
	mm_event(m, MM_EV_SEGMENT_DROP, block.v, (msize_t)1 << (order + s->page_shift), 0);
	if (page_source_put(s->pages, m, block, order) != 0)
		mm_bug(m, "a block of the stack is not a live block of pages", block);
}

msize_t stack_free_all(struct stack *s)
{
	struct mem *m = s->base.m;
	vaddr_t root = s->base.root, block = root;
	msize_t granted = stack_word(m, root, STACK_GRANTED);

	while (!vaddr_none(block)) {
		vaddr_t next = stack_link(m, block, STACK_NEXT);

		empty_block(s, block, !vaddr_none(next));
		if (!vaddr_eq(block, root))
			drop_block(s, block);
		block = next;
	}
	set_stack_link(m, root, STACK_NEXT, VADDR_NONE);
	set_stack_link(m, root, STACK_TOP, first_byte(s, root));
	set_stack_link(m, root, STACK_FIRST_PAD, VADDR_NONE);
	set_stack_link(m, root, STACK_LAST_PAD, VADDR_NONE);
	set_stack_link(m, root, STACK_CURRENT, root);
	set_stack_word(m, root, STACK_GRANTED, 0);
	mm_event(m, MM_EV_MASS_FREE, root.v, granted, 0);
	return granted;
}

/* ---- the facets: thin adapters ---- */

static void set_geometry(struct stack *s, const struct alloc_env *env)
{
	alloc_base(&s->base, &stack_ops, env);
	s->arena = env->arena;
	s->pages = env->arena.bytes == 0 ? env->pages : NULL;
	s->align = env->align > MM_WORD ? env->align : MM_WORD;
	s->page_shift = env->page_shift;
	s->block_order = (unsigned)env->params[0].u;
}

static int stack_attach(struct alloc *a, const struct alloc_env *env)
{
	struct stack *s = (struct stack *)a;

	set_geometry(s, env);
	return s->pages == NULL && s->arena.bytes == 0 ? MM_EINVAL : 0;
}

/* The arena's ends that alignment cuts off are slack. */
static int init_arena(struct stack *s)
{
	struct mem *m = s->base.m;
	vaddr_t end = vaddr_add(s->arena.base, s->arena.bytes), stop;

	s->base.root.v = round_up(s->arena.base.v, s->align);
	stop = stack_block_end(s, s->base.root);
	if (stop.v < first_byte(s, s->base.root).v)
		return MM_ENOMEM;
	account(m, s->arena.base, vaddr_diff(s->base.root, s->arena.base), MM_CACHED, MM_SLACK);
	account(m, stop, vaddr_diff(end, stop), MM_CACHED, MM_SLACK);
	format_block(s, s->base.root, 0);
	return 0;
}

static int init_grown(struct stack *s)
{
	unsigned order = order_for(s, s->align, s->align);

	s->base.root = page_source_get(s->pages, s->base.m, order,
				       &(struct alloc_req){.zone_mask = UINT32_MAX});
	if (vaddr_none(s->base.root))
		return MM_ENOMEM;
	format_block(s, s->base.root, order);
	return 0;
}

static int stack_init(struct alloc *a, const struct alloc_env *env)
{
	struct stack *s = (struct stack *)a;
	int err = stack_attach(a, env);

	if (err != 0)
		return err;
	a->root = (vaddr_t){0};
	err = s->pages == NULL ? init_arena(s) : init_grown(s);
	if (err == 0)
		set_stack_link(a->m, a->root, STACK_CURRENT, a->root);
	return err;
}

static void walk_pad(const struct mem *m, vaddr_t pad, walk_fn *fn, void *ctx)
{
	msize_t bytes = pad_bytes(m, pad), head = pad_head_bytes(bytes);

	fn(ctx, &(struct walk_span){pad, head, MM_METADATA, "pad head", 0});
	if (bytes != head)
		fn(ctx,
		   &(struct walk_span){vaddr_add(pad, head), bytes - head, MM_SLACK, "pad", 0});
}

static void walk_pushes(vaddr_t from, vaddr_t to, walk_fn *fn, void *ctx)
{
	if (!vaddr_eq(from, to))
		fn(ctx, &(struct walk_span){from, vaddr_diff(to, from), MM_GRANTED, "pushes", 0});
}

static void walk_block(const struct stack *s, vaddr_t block, walk_fn *fn, void *ctx)
{
	const struct mem *m = s->base.m;
	vaddr_t at = first_byte(s, block), top = stack_link(m, block, STACK_TOP);
	vaddr_t pad = stack_link(m, block, STACK_FIRST_PAD);
	bool full = !vaddr_none(stack_link(m, block, STACK_NEXT));
	msize_t rest = vaddr_diff(stack_block_end(s, block), top);

	fn(ctx, &(struct walk_span){block, vaddr_diff(at, block), MM_METADATA, "block header", 0});
	for (; !vaddr_none(pad); pad = pad_next(m, pad)) {
		walk_pushes(at, pad, fn, ctx);
		walk_pad(m, pad, fn, ctx);
		at = vaddr_add(pad, pad_bytes(m, pad));
	}
	walk_pushes(at, top, fn, ctx);
	if (rest != 0)
		fn(ctx, &(struct walk_span){top, rest, full ? MM_SLACK : MM_CACHED,
					    full ? "left over" : "not yet pushed", 0});
}

static void walk_slack(vaddr_t from, vaddr_t to, walk_fn *fn, void *ctx)
{
	if (!vaddr_eq(from, to))
		fn(ctx, &(struct walk_span){from, vaddr_diff(to, from), MM_SLACK, "misaligned", 0});
}

static void stack_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct stack *s = (const struct stack *)a;
	vaddr_t block = a->root;

	if (s->pages == NULL)
		walk_slack(s->arena.base, block, fn, ctx);
	for (; !vaddr_none(block); block = stack_link(a->m, block, STACK_NEXT))
		walk_block(s, block, fn, ctx);
	if (s->pages == NULL)
		walk_slack(stack_block_end(s, a->root), vaddr_add(s->arena.base, s->arena.bytes),
			   fn, ctx);
}

static struct grant op_push(struct alloc *a, const struct alloc_req *req)
{
	struct grant g = {VADDR_NONE, 0};

	g.va = stack_push((struct stack *)a, req->size, req->align, &g.bytes);
	return g;
}

static msize_t op_free_all(struct alloc *a)
{
	return stack_free_all((struct stack *)a);
}

static const struct alloc_param params[] = {
	{"block_order", PARAM_UINT, 0, 0, 20, NULL,
	 "grown from pages: a block is at least 2^block_order pages"},
	{0},
};

static const struct stack_ops stack_facet = {
	.push = op_push,
	.free_all = op_free_all,
};

const struct alloc_ops stack_ops = {
	.name = "stack",
	.summary = "any size, freed all at once",
	.unit = "block",
	.serves = SERVES_STACK,
	.params = params,
	.handle_bytes = sizeof(struct stack),
	.init = stack_init,
	.attach = stack_attach,
	.walk = stack_walk,
	.check = stack_check,
	.stack = &stack_facet,
};
