/* fitdir: the checker of invariants D1 to D4 of fitdir.c; no recursion. */
#include "alloc/fitdir.h"
#include "alloc/fitdir_layout.h"
#include "alloc/fittree.h"

#define DEPTH (8u * MM_WORD)

/* A subtree still to be looked at: its top, and which way leads there. */
struct place {
	vaddr_t n, above;
	msize_t bits; /* the first `depth` bits, on top */
	unsigned depth;
};

struct check {
	const struct fit_dir *d;
	struct fit_fault *f;
	vaddr_t lo, hi;
	uint64_t limit, nr;
	unsigned class, waiting;
	struct place place[DEPTH + 2];
};

static bool wrong(struct check *k, const char *what, vaddr_t where, uint64_t found,
		  uint64_t expected)
{
	*k->f = (struct fit_fault){what, where, found, expected};
	return false;
}

/* Puts side `dir` of place p on the stack, if there is anything. */
static bool wait_for(struct check *k, const struct place *p, unsigned dir)
{
	vaddr_t n = slot_chunk(k->d, fitdir_side(k->d, p->n, dir));
	msize_t bit = p->depth == DEPTH ? 0 : (msize_t)dir << (DEPTH - 1 - p->depth);

	if (vaddr_none(n))
		return true;
	if (p->depth == DEPTH || k->waiting == DEPTH + 2)
		return wrong(k, "D3: a class is no deeper than a word has bits", n, p->depth, 0);
	k->place[k->waiting++] = (struct place){n, p->n, p->bits | bit, p->depth + 1};
	return true;
}

static bool check_place(struct check *k, const struct place *p)
{
	msize_t mask = p->depth == 0 ? 0 : MM_WORD_ONES & MM_WORD_ONES << (DEPTH - p->depth);
	msize_t size;

	if (p->n.v < k->lo.v || p->n.v >= k->hi.v || (p->n.v & (MM_WORD - 1)) != 0)
		return wrong(k, "D3: a chunk lies in the heap", p->n, p->n.v, k->lo.v);
	if (k->nr++ == k->limit)
		return wrong(k, "D3: the classes hold each free chunk once", p->n, k->nr, k->limit);
	size = mem_ldw(k->d->m, p->n) & k->d->size_mask;
	if (size != (msize_t)k->class << k->d->shift)
		return wrong(k, "D4: a class holds chunks of its size", p->n, size,
			     (msize_t)k->class << k->d->shift);
	if (!vaddr_none(p->above) && p->n.v <= p->above.v)
		return wrong(k, "D2: a chunk is lower than those below it", p->n, p->n.v,
			     p->above.v);
	if ((place_bits(p->n) & mask) != p->bits)
		return wrong(k, "D3: a chunk lies where its bits lead", p->n, place_bits(p->n),
			     p->bits);
	return wait_for(k, p, 0) && wait_for(k, p, 1);
}

static bool check_class(struct check *k)
{
	vaddr_t top = slot_chunk(k->d, fitdir_slot(k->d, k->class));
	msize_t map = fitdir_map(k->d, k->class / FITDIR_MAP_BITS);
	bool ok = true;

	if ((map >> k->class % FITDIR_MAP_BITS & 1) == vaddr_none(top))
		return wrong(k, "D1: the map says which classes have chunks",
			     fitdir_slot(k->d, k->class), map, top.v);
	if (vaddr_none(top))
		return true;
	k->place[0] = (struct place){top, VADDR_NONE, 0, 0};
	k->waiting = 1;
	while (ok && k->waiting > 0) {
		struct place p = k->place[--k->waiting];

		ok = check_place(k, &p);
	}
	return ok;
}

bool fitdir_check(const struct fit_dir *d, vaddr_t lo, vaddr_t hi, uint64_t limit, uint64_t *nr,
		  struct fit_fault *f)
{
	struct check k = {.d = d, .f = f, .lo = lo, .hi = hi, .limit = limit, .nr = *nr};
	bool ok = true;

	if ((fitdir_map(d, 0) & 3) != 0 || (FITDIR_MAP_BITS == 64 && fitdir_map(d, 1) != 0))
		return wrong(&k, "D1: the first two classes are the map", d->base, fitdir_map(d, 0),
			     0);
	for (k.class = 2; ok && k.class < FITDIR_CLASSES; k.class ++)
		ok = check_class(&k);
	*nr = k.nr;
	return ok;
}
