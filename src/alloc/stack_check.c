/* stack: the checker of invariants I1 to I6 of stack.c.  It has no don't-care bits. */
#include "alloc/stack.h"

#include "alloc/page.h"
#include "alloc/stack_layout.h"

static vaddr_t first_byte(const struct stack *s, vaddr_t block)
{
	return (vaddr_t){round_up(block.v + STACK_HEAD_BYTES, s->align)};
}

/* I5: the block is where and as large as it says. */
static int check_place(const struct stack *s, struct check_report *r, vaddr_t block)
{
	msize_t order = stack_word(s->base.m, block, STACK_ORDER);
	const struct alloc *pages;
	int live;

	if (s->pages == NULL)
		return order == 0 && vaddr_eq(block, s->base.root)
			       ? 0
			       : check_fail(r, "I5: an arena is one block", block, order, 0);
	pages = s->pages->pages;
	live = pages->ops->pages->block_order(pages, va_to_pfn(s->base.m, block, s->page_shift));
	if (live < 0 || (msize_t)live != order ||
	    (block.v & (((msize_t)1 << s->page_shift) - 1)) != 0)
		return check_fail(r, "I5: a block is a live block of pages", block, order,
				  (uint64_t)live);
	return 0;
}

/* I2. */
static int check_top(const struct stack *s, struct check_report *r, vaddr_t block)
{
	vaddr_t top = stack_link(s->base.m, block, STACK_TOP);

	if (top.v < first_byte(s, block).v || top.v > stack_block_end(s, block).v ||
	    (top.v & (s->align - 1)) != 0)
		return check_fail(r, "I2: the top lies inside the block", block, top.v,
				  stack_block_end(s, block).v);
	return 0;
}

/* I3; adds up the pads of the block. */
static int check_pads(const struct stack *s, struct check_report *r, vaddr_t block, msize_t *sum)
{
	const struct mem *m = s->base.m;
	vaddr_t at = first_byte(s, block), top = stack_link(m, block, STACK_TOP);
	vaddr_t pad = stack_link(m, block, STACK_FIRST_PAD), last = VADDR_NONE;

	while (!vaddr_none(pad)) {
		msize_t bytes;

		if (pad.v < at.v || pad.v >= top.v || (pad.v & (s->align - 1)) != 0)
			return check_fail(r, "I3: pads are ascending", pad, pad.v, at.v);
		bytes = pad_bytes(m, pad);
		if (bytes == 0 || (bytes & (s->align - 1)) != 0 || bytes > vaddr_diff(top, pad) ||
		    (bytes == MM_WORD) != pad_is_word(m, pad))
			return check_fail(r, "I3: a pad ends at or before the top", pad, bytes,
					  vaddr_diff(top, pad));
		*sum += bytes;
		last = pad;
		at = vaddr_add(pad, bytes);
		pad = pad_next(m, pad);
	}
	if (!vaddr_eq(stack_link(m, block, STACK_LAST_PAD), last))
		return check_fail(r, "I3: the last pad is known", block,
				  stack_word(m, block, STACK_LAST_PAD), last.v);
	return 0;
}

/* I6. */
static int check_spare(const struct stack *s, struct check_report *r, vaddr_t block)
{
	const struct mem *m = s->base.m;
	vaddr_t end = first_byte(s, block);

	if (!vaddr_eq(block, s->base.root) &&
	    (stack_word(m, block, STACK_CURRENT) | stack_word(m, block, STACK_GRANTED)) != 0)
		return check_fail(r, "I6: only the first block has a current one", block, 1, 0);
	for (vaddr_t at = vaddr_add(block, (msize_t)STACK_SPARE * MM_WORD); at.v < end.v;
	     at = vaddr_add(at, MM_WORD))
		if (mem_ldw(m, at) != 0)
			return check_fail(r, "I6: spare words are zero", at, mem_ldw(m, at), 0);
	return 0;
}

/* I4 of one block; adds up what was pushed. */
static int check_pushed(const struct stack *s, struct check_report *r, vaddr_t block, msize_t pads,
			msize_t *granted)
{
	msize_t all = stack_word(s->base.m, s->base.root, STACK_GRANTED);
	msize_t pushed = vaddr_diff(stack_link(s->base.m, block, STACK_TOP), first_byte(s, block));

	if (pushed < pads || (pushed == pads && !vaddr_eq(block, s->base.root)))
		return check_fail(r, "I4: a further block has a push", block, pushed, pads);
	*granted += pushed - pads;
	if (*granted > all)
		return check_fail(r, "I4: granted is what was pushed", s->base.root, all, *granted);
	return 0;
}

int stack_check(const struct alloc *a, struct check_report *r)
{
	const struct stack *s = (const struct stack *)a;
	vaddr_t block = a->root, last = VADDR_NONE;
	msize_t granted = 0;

	while (!vaddr_none(block)) {
		msize_t pads = 0;

		if (check_place(s, r, block) != 0 || check_top(s, r, block) != 0 ||
		    check_pads(s, r, block, &pads) != 0 || check_spare(s, r, block) != 0 ||
		    check_pushed(s, r, block, pads, &granted) != 0)
			return MM_EINVAL;
		last = block;
		block = stack_link(a->m, block, STACK_NEXT);
		if (vaddr_eq(block, a->root))
			return check_fail(r, "I1: the first block follows none", last, block.v, 0);
	}
	if (granted != stack_word(a->m, a->root, STACK_GRANTED))
		return check_fail(r, "I4: granted is what was pushed", a->root,
				  stack_word(a->m, a->root, STACK_GRANTED), granted);
	if (!vaddr_eq(last, stack_link(a->m, a->root, STACK_CURRENT)))
		return check_fail(r, "I1: the current block is the last", a->root,
				  stack_word(a->m, a->root, STACK_CURRENT), last.v);
	return 0;
}
