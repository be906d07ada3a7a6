/*
 * fitdir: free chunks of small sizes, one class a size, the lowest address of
 * each class at hand.
 *
 * A class is a heap by address (each chunk is lower than those below it) whose
 * shape is a radix tree: the n-th bit of a chunk's mixed address says on which
 * side of the n-th place it lies.  So its top is the class's lowest chunk, a
 * chunk is found from its address alone, and nothing is ever balanced.  A new
 * chunk comes in from the top and pushes higher ones down; when one goes the
 * lower of its two sides moves up, and so on.  A map with a bit a class leads to
 * the least class that is large enough.
 *
 * Source: E. M. McCreight, "Priority search trees", SIAM J. Computing 14(2),
 * 1985 (a heap in one key, a radix tree in another), here with both keys from
 * the address.
 *
 * Bound: a place lies at most as deep as a word has bits, since the mixing is
 * one to one; about log2 of the class's chunks for addresses that occur.
 *
 * Invariants, cited by fitdir_check:
 *   D1  bit c of the map says whether class c has a chunk
 *   D2  a chunk is lower than those below it
 *   D3  a chunk lies where its bits lead
 *   D4  a class holds chunks of its size only
 */
#include "alloc/fitdir.h"

#include "alloc/fitdir_layout.h"

void fitdir_format(const struct fit_dir *d)
{
	for (unsigned c = 2; c < FITDIR_CLASSES; c++)
		set_slot_chunk(d, fitdir_slot(d, c), VADDR_NONE);
	set_fitdir_map(d, 0, 0);
	set_fitdir_map(d, 1, 0);
}

/* ---- the map ---- */

static void map_set(const struct fit_dir *d, unsigned class)
{
	unsigned word = class / FITDIR_MAP_BITS;

	set_fitdir_map(d, word, fitdir_map(d, word) | (msize_t)1 << class % FITDIR_MAP_BITS);
}

static void map_clear(const struct fit_dir *d, unsigned class)
{
	unsigned word = class / FITDIR_MAP_BITS;

	set_fitdir_map(d, word, fitdir_map(d, word) & ~((msize_t)1 << class % FITDIR_MAP_BITS));
}

vaddr_t fitdir_least(const struct fit_dir *d, msize_t bytes)
{
	msize_t class = (bytes + ((msize_t)1 << d->shift) - 1) >> d->shift;
	msize_t first = class % FITDIR_MAP_BITS;

	if (class >= FITDIR_CLASSES)
		return VADDR_NONE;
	for (unsigned w = (unsigned)class / FITDIR_MAP_BITS; w < FITDIR_CLASSES / FITDIR_MAP_BITS;
	     w++, first = 0) {
		msize_t map = fitdir_map(d, w) & MM_WORD_ONES << first;

		if (map != 0)
			return slot_chunk(d, fitdir_slot(d, w * FITDIR_MAP_BITS + lsb(map)));
	}
	return VADDR_NONE;
}

vaddr_t fitdir_greatest(const struct fit_dir *d)
{
	for (unsigned w = FITDIR_CLASSES / FITDIR_MAP_BITS; w-- > 0;) {
		msize_t map = fitdir_map(d, w);

		if (map != 0)
			return slot_chunk(d, fitdir_slot(d, w * FITDIR_MAP_BITS + msb(map)));
	}
	return VADDR_NONE;
}

/* ---- a class ---- */

/* Chunk c takes the place of n, with all below it. */
static void take_place(const struct fit_dir *d, vaddr_t slot, vaddr_t c, vaddr_t n)
{
	set_slot_chunk(d, fitdir_side(d, c, 0), slot_chunk(d, fitdir_side(d, n, 0)));
	set_slot_chunk(d, fitdir_side(d, c, 1), slot_chunk(d, fitdir_side(d, n, 1)));
	set_slot_chunk(d, slot, c);
}

/*
 *      5               3
 *     / \     3 =>    / \       3 pushes 5 down, to the side where 5 belongs
 *    8   9           8   5
 *                         \
 *                          9
 */
void fitdir_add(const struct fit_dir *d, vaddr_t c, msize_t bytes)
{
	unsigned class = (unsigned)(bytes >> d->shift);
	vaddr_t slot = fitdir_slot(d, class), n = slot_chunk(d, slot);
	msize_t bits = place_bits(c);
	unsigned depth = 0;

	if (vaddr_none(n))
		map_set(d, class);
	while (!vaddr_none(n)) {
		vaddr_t here = n;

		if (mm_unlikely(depth == 8u * MM_WORD))
			mm_bug(d->m, "a size class is too deep", n);
		if (c.v < n.v) {
			take_place(d, slot, c, n);
			here = c;
			c = n;
			bits = place_bits(c) << depth;
		}
		slot = fitdir_side(d, here, place_side(bits));
		n = slot_chunk(d, slot);
		bits <<= 1;
		depth++;
	}
	set_slot_chunk(d, fitdir_side(d, c, 0), VADDR_NONE);
	set_slot_chunk(d, fitdir_side(d, c, 1), VADDR_NONE);
	set_slot_chunk(d, slot, c);
}

/* The slot that holds chunk c, or none. */
static vaddr_t seek(const struct fit_dir *d, vaddr_t c, msize_t bytes)
{
	vaddr_t slot = fitdir_slot(d, (unsigned)(bytes >> d->shift)), n = slot_chunk(d, slot);
	msize_t bits = place_bits(c);

	for (unsigned depth = 0; !vaddr_eq(n, c); depth++) {
		if (vaddr_none(n) || depth == 8u * MM_WORD)
			return VADDR_NONE;
		slot = fitdir_side(d, n, place_side(bits));
		n = slot_chunk(d, slot);
		bits <<= 1;
	}
	return slot;
}

void fitdir_remove(const struct fit_dir *d, vaddr_t c, msize_t bytes)
{
	unsigned class = (unsigned)(bytes >> d->shift);
	vaddr_t slot = seek(d, c, bytes), left, right;

	if (mm_unlikely(vaddr_none(slot)))
		mm_bug(d->m, "a free chunk is not in its size class", c);
	left = slot_chunk(d, fitdir_side(d, c, 0));
	right = slot_chunk(d, fitdir_side(d, c, 1));
	if (vaddr_none(left) && vaddr_none(right) && vaddr_eq(slot, fitdir_slot(d, class)))
		map_clear(d, class);
	/* The lower side moves up into the slot, and leaves a slot of its own to fill. */
	for (;;) {
		unsigned side = right.v < left.v;
		vaddr_t up = side ? right : left, other = side ? left : right;

		set_slot_chunk(d, slot, up);
		if (vaddr_none(up))
			return;
		left = slot_chunk(d, fitdir_side(d, up, 0));
		right = slot_chunk(d, fitdir_side(d, up, 1));
		set_slot_chunk(d, fitdir_side(d, up, side ^ 1u), other);
		slot = fitdir_side(d, up, side);
	}
}

bool fitdir_contains(const struct fit_dir *d, vaddr_t c, msize_t bytes)
{
	return !vaddr_none(seek(d, c, bytes));
}
