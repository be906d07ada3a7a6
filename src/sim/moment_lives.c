/*
 * Live blocks by address, and the way of a walk along them.
 *
 * What a walk costs is the image: a heap of 100,000 blocks has as many headers, each in a
 * cache line that nobody has touched lately.  The live table says where blocks are, so
 * it is sorted by address first; then, while one header is read, those of the blocks
 * behind it are already on their way from memory, and the block that a span belongs to
 * is the next one in that order.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/moment_ahead.h"

#define MAX_RADIX_BITS 12u

/* One pass of a stable sort by the `bits` bits of pa from `shift` on. */
static void sort_pass(const struct live_at *from, struct live_at *to, size_t nr, unsigned shift,
		      unsigned bits)
{
	uint32_t at[1u << MAX_RADIX_BITS], sum = 0;
	const uint64_t mask = (1u << bits) - 1;

	memset(at, 0, sizeof *at << bits);
	for (size_t i = 0; i < nr; i++)
		at[from[i].pa >> shift & mask]++;
	for (size_t k = 0; k <= mask; k++) {
		uint32_t n = at[k];

		at[k] = sum;
		sum += n;
	}
	for (size_t i = 0; i < nr; i++)
		to[at[from[i].pa >> shift & mask]++] = from[i];
}

/*
 * By address, in the bits that differ, in as few passes
 * as can be; of equal ones the lower slot first.
 */
static void sort_lives(struct moment *m, uint64_t differ)
{
	struct live_at *v = m->by_pa, *spare = m->by_pa + m->room_by_pa;
	unsigned shift, bits, passes;

	if (differ == 0)
		return;
	shift = lsb(differ);
	bits = msb(differ) + 1 - shift;
	passes = (bits + MAX_RADIX_BITS - 1) / MAX_RADIX_BITS;
	bits = (bits + passes - 1) / passes;
	for (unsigned i = 0; i < passes; i++, shift += bits) {
		struct live_at *sorted = spare;

		sort_pass(v, sorted, m->nr_by_pa, shift, bits);
		spare = v;
		v = sorted;
	}
	if (v != m->by_pa)
		memcpy(m->by_pa, v, m->nr_by_pa * sizeof *v);
}

static bool make_room(struct moment *m, size_t nr)
{
	if (nr <= m->room_by_pa)
		return true;
	free(m->by_pa);
	m->by_pa = malloc(2 * nr * sizeof *m->by_pa);
	m->room_by_pa = m->by_pa != NULL ? nr : 0;
	return m->by_pa != NULL;
}

bool moment_index_lives(struct timeline *t)
{
	const struct live_table *l = &t->view.replay.live;
	struct moment *m = &t->moment;
	struct live_at *out;
	uint64_t differ = 0;

	if (m->has_lives)
		return m->by_pa != NULL;
	m->has_lives = true;
	m->nr_by_pa = 0;
	if (!make_room(m, (size_t)l->nr + FETCH_AHEAD + 1))
		return false;
	out = m->by_pa;
	for (uint32_t i = 0; i < l->nr; i++) {
		const struct live *x = &l->slot[i];
		uint64_t size = live_size(x);

		if (live_state(x) != LIVE_BLOCK)
			continue;
		*out++ = (struct live_at){live_pa(x), i,
					  size < UINT32_MAX ? (uint32_t)size : UINT32_MAX};
		differ |= live_pa(x) ^ m->by_pa->pa;
		m->live_blocks[live_alloc(x)]++;
	}
	m->nr_by_pa = (size_t)(out - m->by_pa);
	sort_lives(m, differ);
	for (unsigned i = 0; i <= FETCH_AHEAD; i++)
		m->by_pa[m->nr_by_pa + i] = (struct live_at){UINT64_MAX, SLOT_NONE, 0};
	return true;
}

/* The first live block at or behind pa. */
static size_t live_from(const struct moment *m, uint64_t pa)
{
	size_t lo = 0, hi = m->nr_by_pa;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->by_pa[mid].pa < pa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint32_t moment_slot_at(struct timeline *t, uint64_t pa)
{
	struct moment *m = &t->moment;
	size_t i;

	if (!moment_index_lives(t))
		return SLOT_NONE;
	i = live_from(m, pa);
	return i < m->nr_by_pa && m->by_pa[i].pa == pa ? m->by_pa[i].slot : SLOT_NONE;
}

struct ahead ahead_begin(const struct timeline *t)
{
	const struct physmem *pm = &t->view.sys.pm;

	return (struct ahead){t->moment.by_pa, pm->window, pm->mask};
}

void ahead_to(struct ahead *a, const struct moment *m, uint64_t pa)
{
	const struct live_at *l = a->live;

	if (l != m->by_pa && l[-1].pa >= pa)
		l = m->by_pa + live_from(m, pa);
	while (l->pa < pa)
		l++;
	if (l > a->live + FETCH_AHEAD || l < a->live)
		for (unsigned i = 0; i < FETCH_AHEAD; i++)
			ahead_fetch(a, l + i);
	a->live = l;
}
