#include "sim/dense.h"

static void hint(const struct system *s, const struct sys_alloc *a, uint64_t from, uint64_t to)
{
	if (to > a->arena.bytes)
		to = a->arena.bytes;
	if (from < to)
		physmem_dense(&s->pm, a->arena.base.v - s->offset + from, to - from);
}

/* Half of what is hinted at: a chunk's header lies behind the block that makes the footprint. */
void dense_begin(const struct system *s, struct sys_alloc *a)
{
	hint(s, a, 0, DENSE_BEGIN);
	a->dense = DENSE_BEGIN / 2;
}

void dense_grown(const struct system *s, struct sys_alloc *a, uint64_t live_blocks)
{
	uint64_t now = a->low_used;

	if (live_blocks > now / (2 * MM_TOUCH_BYTES))
		hint(s, a, now, 4 * now);
	a->dense = 2 * now;
}

void dense_like(const struct system *s, struct sys_alloc *a, const struct sys_alloc *like,
		uint64_t live_blocks)
{
	if (like->dense <= a->dense)
		return;
	if (live_blocks > like->dense / (4 * MM_TOUCH_BYTES))
		hint(s, a, 0, 2 * like->dense);
	a->dense = like->dense;
}
