/* vmalloc: the checker of M1 to M5 (see vmalloc.c). */
#include "alloc/page.h"
#include "alloc/vmalloc_layout.h"

/* Leaves seen, by what they map. */
struct leaves {
	const struct vmalloc *v;
	uint64_t direct_small, direct_large, mapped;
};

/* ---- the direct map ---- */

static const struct mm_range *direct_range(const struct vmalloc *v, msize_t pa)
{
	for (unsigned i = 0; i < v->vm->nr_direct; i++)
		if (pa - v->vm->direct[i].base.v < v->vm->direct[i].bytes)
			return &v->vm->direct[i];
	return NULL;
}

static int check_direct(struct leaves *l, vaddr_t va, unsigned level, uint64_t entry,
			struct check_report *r)
{
	const struct vmalloc *v = l->v;
	msize_t pa = va.v - v->vm->page_offset;
	const struct mm_range *d = direct_range(v, pa);
	bool large = d != NULL && large_fits(v, d, round_down(pa, large_bytes(v)));
	uint64_t expected = pa | PGTABLE_KERNEL | (large ? PTE_PS : 0) | pgtable_nx(&v->tables);

	if (d == NULL || level != large || entry != expected)
		return check_fail(r, "M4: the direct map shows the RAM it is to show", va, entry,
				  d != NULL ? expected : 0);
	l->direct_small += !large;
	l->direct_large += large;
	return 0;
}

/* ---- the window ---- */

/* A page that a vm area maps knows the area and its place there. */
static bool page_knows(const struct vmalloc *v, pfn_t pfn, vaddr_t area, msize_t i)
{
	struct alloc *pages = v->tables.pages->pages;
	vaddr_t desc;

	if (pages->ops->pages->block_order(pages, pfn) != 0)
		return false;
	desc = pages->ops->pages->descriptor(pages, pfn);
	return page_taken(v->a.m, desc) && page_private(v->a.m, desc) == area.v &&
	       page_next(v->a.m, desc).v == i && page_prev(v->a.m, desc).v == 0;
}

static int check_mapped(struct leaves *l, vaddr_t va, unsigned level, uint64_t entry,
			struct check_report *r)
{
	const struct vmalloc *v = l->v;
	vaddr_t area = vmspace_find(&v->space, va);
	msize_t i = vaddr_diff(va, area_base(v->a.m, area)) >> PTE_PAGE_SHIFT;
	msize_t pa = pgtable_address(&v->tables, entry).v;
	uint64_t flags = PGTABLE_KERNEL;
	bool right = level == 0 && area_state(v->a.m, area) == VMAREA_BUSY &&
		     i < area_used(v->a.m, area);

	if (area_type(v->a.m, area) == VMAREA_DEVICE) {
		flags = PGTABLE_NOCACHE;
		right = right && pa >> PTE_PAGE_SHIFT == area_link(v->a.m, area) + i;
	} else {
		right = right && pa >> PTE_PAGE_SHIFT < UINT32_MAX &&
			page_knows(v, (pfn_t){(uint32_t)(pa >> PTE_PAGE_SHIFT)}, area, i);
	}
	if (!right || entry != (pa | flags | pgtable_nx(&v->tables)))
		return check_fail(r, "M5: the window shows the pages of its areas", va, entry,
				  pa | flags | pgtable_nx(&v->tables));
	l->mapped++;
	return 0;
}

static int check_leaf(void *ctx, vaddr_t va, unsigned level, uint64_t entry, struct check_report *r)
{
	struct leaves *l = ctx;
	const struct vmalloc *v = l->v;

	if (va.v >= v->space.start.v && va.v < v->space.end.v)
		return check_mapped(l, va, level, entry, r);
	/* Temporary and permanent kmaps are their kind's to judge. */
	if (v->vm->pkmap_base.v != 0 && va.v >= v->vm->pkmap_base.v && va.v < v->vm->fixmap_top.v)
		return 0;
	return check_direct(l, va, level, entry, r);
}

/* ---- counts ---- */

static int check_lazy(const struct vmalloc *v, uint64_t nr, struct check_report *r)
{
	vaddr_t area = vm_lazy(v);

	for (; nr > 0; nr--) {
		if (!recpool_is_live(&v->pool, area) || area_state(v->a.m, area) != VMAREA_LAZY)
			return check_fail(r, "M3: the lazy list holds every lazy area", area, nr,
					  0);
		area = (vaddr_t){area_link(v->a.m, area)};
	}
	if (!vaddr_none(area))
		return check_fail(r, "M3: the lazy list holds every lazy area once", area, 0, 0);
	return 0;
}

/* Pages that the areas say they map, and guards. */
static int count_mapped(const struct vmalloc *v, uint64_t *mapped, struct check_report *r)
{
	vaddr_t va = v->space.start, area;

	for (*mapped = 0; va.v < v->space.end.v; va = area_end(v->a.m, area)) {
		area = vmspace_find(&v->space, va);
		*mapped += area_used(v->a.m, area);
		if (area_state(v->a.m, area) != VMAREA_BUSY)
			continue;
		if (area_type(v->a.m, area) == VMAREA_NOTHING ||
		    area_used(v->a.m, area) + (msize_t)v->guard != area_pages(v->a.m, area))
			return check_fail(r, "M5: all of a busy area but its guard is mapped", area,
					  area_used(v->a.m, area), area_pages(v->a.m, area));
	}
	return 0;
}

static int check_tables(const struct vmalloc *v, struct check_report *r)
{
	struct leaves l = {.v = v};
	uint64_t tables, mapped, nr_small, nr_large;

	if (count_mapped(v, &mapped, r) != 0 ||
	    pgtable_check(&v->tables, &tables, check_leaf, &l, r) != 0)
		return MM_EINVAL;
	vmalloc_direct_leaves(v, &nr_small, &nr_large);
	if (l.direct_small != nr_small || l.direct_large != nr_large)
		return check_fail(r, "M4: the direct map shows all RAM it is to show",
				  v->tables.top, l.direct_small + l.direct_large,
				  nr_small + nr_large);
	if (l.mapped != mapped)
		return check_fail(r, "M5: every page of an area is mapped", v->tables.top, l.mapped,
				  mapped);
	return 0;
}

int vmalloc_check(const struct alloc *a, struct check_report *r)
{
	const struct vmalloc *v = (const struct vmalloc *)a;
	uint64_t live, nr[4] = {0};
	msize_t bytes[4] = {0};

	if (recpool_check(&v->pool, &live, r) != 0 || vmspace_check(&v->space, nr, bytes, r) != 0)
		return MM_EINVAL;
	if (live != nr[VMAREA_FREE] + nr[VMAREA_BUSY] + nr[VMAREA_LAZY])
		return check_fail(r, "M1: every live record is an area of the tree", a->root, live,
				  nr[VMAREA_FREE] + nr[VMAREA_BUSY] + nr[VMAREA_LAZY]);
	if (vm_busy(v) != nr[VMAREA_BUSY] || vm_wasted(v) != bytes[VMAREA_LAZY] >> PTE_PAGE_SHIFT ||
	    vm_spare(v) != 0 || !vaddr_eq(vm_top(v), v->tables.top))
		return check_fail(r, "M2: the root counts busy areas and lazy pages", a->root,
				  vm_busy(v), nr[VMAREA_BUSY]);
	if (check_lazy(v, nr[VMAREA_LAZY], r) != 0)
		return MM_EINVAL;
	return check_tables(v, r);
}
