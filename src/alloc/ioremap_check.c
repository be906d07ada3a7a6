/* ioremap: the checker of D1 to D3 (see ioremap.c). */
#include "alloc/ioremap_layout.h"

static int check_resource(const struct ioremap *io, vaddr_t r, vaddr_t parent, uint64_t *from,
			  struct check_report *rep)
{
	const struct mem *m = io->a.m;
	uint64_t base = res_base(m, r), last = res_last(m, r);
	uint32_t flags = res_flags(m, r);

	if (!vaddr_eq(res_parent(m, r), parent))
		return check_fail(rep, "D1: a resource's parent is the one that lists it", r,
				  res_parent(m, r).v, parent.v);
	if (last < base || base < *from || last > res_last(m, parent))
		return check_fail(rep, "D2: siblings ascend within their parent", r, base, *from);
	if ((flags & ~(RES_BUSY | RES_SEED)) != 0 || flags == 0 ||
	    ((res_flags(m, parent) & RES_BUSY) != 0 && (flags & RES_BUSY) == 0))
		return check_fail(rep, "D3: what a busy resource contains is busy", r, flags,
				  res_flags(m, parent));
	if (res_seal(m, r) != res_seal_of(m, r) || res_spare(m, r) != 0)
		return check_fail(rep, "D3: a resource's seal holds", r, res_seal(m, r),
				  res_seal_of(m, r));
	*from = last + 1;
	return 0;
}

/*
 * Down to the first child, or on to the next sibling
 * of it or of the nearest parent that has one.
 */
static vaddr_t advance(const struct ioremap *io, vaddr_t r, vaddr_t *parent, uint64_t *from)
{
	const struct mem *m = io->a.m;

	if (!vaddr_none(res_child(m, r))) {
		*parent = r;
		*from = res_base(m, r);
		return res_child(m, r);
	}
	while (!vaddr_eq(r, io->a.root) && vaddr_none(res_sibling(m, r)))
		r = res_parent(m, r);
	if (vaddr_eq(r, io->a.root))
		return VADDR_NONE;
	*parent = res_parent(m, r);
	*from = res_last(m, r) + 1;
	return res_sibling(m, r);
}

static int check_root(const struct ioremap *io, struct check_report *rep)
{
	const struct mem *m = io->a.m;
	vaddr_t r = io->a.root;

	if (res_base(m, r) != 0 || res_last(m, r) != io->space->vm->last_address ||
	    !vaddr_none(res_parent(m, r)) || !vaddr_none(res_sibling(m, r)) ||
	    res_flags(m, r) != 0 || res_owner(m, r) != 0 || res_spare(m, r) != 0 ||
	    res_seal(m, r) != res_seal_of(m, r))
		return check_fail(rep, "D1: the root holds every address and has no parent", r,
				  res_last(m, r), io->space->vm->last_address);
	return 0;
}

int ioremap_check(const struct alloc *a, struct check_report *rep)
{
	const struct ioremap *io = (const struct ioremap *)a;
	vaddr_t r = a->root, parent = a->root;
	uint64_t live, seen = 0, from = 0;

	if (recpool_check(&io->pool, &live, rep) != 0 || check_root(io, rep) != 0)
		return MM_EINVAL;
	while (!vaddr_none(r = advance(io, r, &parent, &from))) {
		if (seen++ == live || !recpool_is_live(&io->pool, r))
			return check_fail(rep, "D1: the tree leads to resources", r, seen, live);
		if (check_resource(io, r, parent, &from, rep) != 0)
			return MM_EINVAL;
	}
	if (seen != live)
		return check_fail(rep, "D1: every resource is in the tree", a->root, seen, live);
	return 0;
}
