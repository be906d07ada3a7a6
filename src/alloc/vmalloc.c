/*
 * vmalloc: virtually contiguous ranges of pages that need not be contiguous.
 *
 * A request takes the lowest hole of the window that is long enough, one guard page
 * more than asked for, gets a page for each of its pages and writes their leaves
 * into the kernel's page tables.  vfree clears the leaves and frees the pages at
 * once; the addresses stay lazy, because some TLB may still know them, until a
 * purge makes all of them free and flushes the TLBs: when more than lazy_max of
 * them have gathered, or when no hole is left.  Linux, Documentation/core-api, and
 * M. Gorman, "Understanding the Linux Virtual Memory Manager", ch. 7, 2004.
 *
 * Where Linux keeps an array of an area's pages beside the tables, the tables
 * themselves are the list here.  Tables stay when nothing is mapped in them.
 *
 * Bound: O(log areas) for the range, O(1) for each page.
 *
 * Invariants, cited by vmalloc_check, besides those of recpool, vmarea and pgtable:
 *   M1  every live record is an area of the tree
 *   M2  busy counts the busy areas, wasted the lazy pages
 *   M3  the lazy list holds every lazy area once
 *   M4  the direct map shows exactly the RAM it is to show
 *   M5  page i of a busy area is mapped to a live page that knows the area and i, or
 *       to the i-th page of its device range; nothing else in the window is mapped
 */
#include "alloc/vmalloc.h"

#include "alloc/page.h"
#include "alloc/vmalloc_layout.h"

#define PAGE ((msize_t)1 << PTE_PAGE_SHIFT)

extern const struct alloc_ops vmalloc_ops;

struct vmalloc *vmalloc_space(const struct alloc_env *env)
{
	return env->space != NULL && env->space->ops == &vmalloc_ops ? (struct vmalloc *)env->space
								     : NULL;
}

/* ---- purge ---- */

uint64_t vmalloc_purge(struct vmalloc *v)
{
	vaddr_t area = vm_lazy(v), next;
	msize_t bytes = vm_wasted(v) << PTE_PAGE_SHIFT;
	uint64_t n = 0;

	for (; !vaddr_none(area); area = next, n++) {
		next = (vaddr_t){area_link(v->a.m, area)};
		vmspace_release(&v->space, area);
	}
	if (n == 0)
		return 0;
	set_vm_lazy(v, VADDR_NONE);
	set_vm_wasted(v, 0);
	mm_tlb_flush(v->a.m, v->space.start, vaddr_diff(v->space.end, v->space.start));
	mm_event(v->a.m, MM_EV_PURGE, n, bytes, 0);
	return n;
}

/* The area is not mapped any more: its addresses wait for the next purge. */
static void make_lazy(struct vmalloc *v, vaddr_t area)
{
	const struct mem *m = v->a.m;

	set_area_state(m, area, VMAREA_LAZY);
	set_area_type(m, area, VMAREA_NOTHING);
	set_area_used(m, area, 0);
	set_area_link(m, area, vm_lazy(v).v);
	set_vm_lazy(v, area);
	set_vm_wasted(v, vm_wasted(v) + area_pages(m, area));
	set_vm_busy(v, vm_busy(v) - 1);
	mm_event(m, MM_EV_AREA_FREE, area_base(m, area).v, area_pages(m, area) << PTE_PAGE_SHIFT,
		 0);
	if (vm_wasted(v) << PTE_PAGE_SHIFT > v->lazy_max)
		(void)vmalloc_purge(v);
}

/* ---- a range ---- */

/* A range for `pages` pages and their guard; what is lazy is purged when it must be. */
static vaddr_t take_range(struct vmalloc *v, msize_t pages, msize_t align)
{
	msize_t bytes = (pages + v->guard) << PTE_PAGE_SHIFT;
	bool no_record;
	vaddr_t area = vmspace_take(&v->space, bytes, align, &no_record);

	if (vaddr_none(area) && !no_record && vmalloc_purge(v) != 0)
		area = vmspace_take(&v->space, bytes, align, &no_record);
	if (vaddr_none(area)) {
		if (!no_record)
			mm_refuse(v->a.m, MM_REFUSE_WINDOW);
		return VADDR_NONE;
	}
	set_vm_busy(v, vm_busy(v) + 1);
	mm_event(v->a.m, MM_EV_AREA_TAKE, area_base(v->a.m, area).v, bytes, v->guard ? PAGE : 0);
	return area;
}

/* A range that was never used by anybody. */
static void drop_range(struct vmalloc *v, vaddr_t area)
{
	set_vm_busy(v, vm_busy(v) - 1);
	vmspace_release(&v->space, area);
}

/* All tables that a range needs; each table is asked for once. */
static int reach_range(struct vmalloc *v, vaddr_t base, msize_t pages)
{
	vaddr_t end = vaddr_add(base, pages << PTE_PAGE_SHIFT);
	msize_t step = large_bytes(v);

	for (vaddr_t va = base; va.v < end.v; va = (vaddr_t){round_down(va.v, step) + step}) {
		int err = pgtable_reach(&v->tables, va);

		if (err != 0)
			return err;
	}
	return 0;
}

static bool too_long(const struct vmalloc *v, msize_t size)
{
	return size == 0 || size > vaddr_diff(v->space.end, v->space.start);
}

/* ---- vmalloc, vfree ---- */

/* Page i of an area: taken, marked and mapped. */
static bool map_page(struct vmalloc *v, vaddr_t area, uint32_t i, const struct alloc_req *req)
{
	vaddr_t page = page_source_get(v->tables.pages, v->a.m, 0, req), desc,
		va = vaddr_add(area_base(v->a.m, area), (msize_t)i << PTE_PAGE_SHIFT);
	struct alloc *pages = v->tables.pages->pages;
	pfn_t pfn;

	if (vaddr_none(page))
		return false;
	pfn = va_to_pfn(v->a.m, page, PTE_PAGE_SHIFT);
	desc = pages->ops->pages->descriptor(pages, pfn);
	set_page_taken(v->a.m, desc);
	set_page_private(v->a.m, desc, area.v);
	set_page_next(v->a.m, desc, (pfn_t){i});
	pgtable_set(&v->tables, va, (paddr_t){(msize_t)pfn.v << PTE_PAGE_SHIFT}, PGTABLE_KERNEL);
	set_area_used(v->a.m, area, i + 1);
	mm_account(v->a.m, page, PAGE, MM_CACHED, MM_GRANTED);
	mm_event(v->a.m, MM_EV_MAP, va.v, pfn.v, 1);
	return true;
}

/* Unmaps the area's pages and frees them, the last one first. */
static void unmap_pages(struct vmalloc *v, vaddr_t area)
{
	for (uint32_t i = area_used(v->a.m, area); i-- > 0;) {
		vaddr_t va = vaddr_add(area_base(v->a.m, area), (msize_t)i << PTE_PAGE_SHIFT);
		unsigned level;
		uint64_t entry = pgtable_entry(&v->tables, va, &level);
		vaddr_t page = mem_va(v->a.m, pgtable_address(&v->tables, entry));

		if (!pgtable_clear(&v->tables, va))
			mm_bug(v->a.m, "a page of a vm area is not mapped", va);
		mm_event(v->a.m, MM_EV_UNMAP, va.v, va_to_pfn(v->a.m, page, PTE_PAGE_SHIFT).v, 1);
		mm_account(v->a.m, page, PAGE, MM_GRANTED, MM_CACHED);
		if (page_source_put(v->tables.pages, v->a.m, page, 0) != 0)
			mm_bug(v->a.m, "a vm area maps a page that is not live", va);
		set_area_used(v->a.m, area, i);
	}
}

struct grant vmalloc_owned(struct vmalloc *v, msize_t size, const struct alloc_req *req,
			   vaddr_t owner)
{
	msize_t pages;
	vaddr_t area;
	uint32_t i;

	if (too_long(v, size)) {
		mm_refuse(v->a.m, MM_REFUSE_LIMIT);
		return GRANT_NONE;
	}
	pages = (size + PAGE - 1) >> PTE_PAGE_SHIFT;
	area = take_range(v, pages, PAGE);
	if (vaddr_none(area))
		return GRANT_NONE;
	set_area_type(v->a.m, area, vaddr_none(owner) ? VMAREA_PAGES : VMAREA_OWNED);
	set_area_link(v->a.m, area, vaddr_none(owner) ? 0 : owner.v);
	if (reach_range(v, area_base(v->a.m, area), pages) != 0) {
		drop_range(v, area);
		return GRANT_NONE;
	}
	for (i = 0; i < pages; i++)
		if (!map_page(v, area, i, req))
			break;
	if (i < pages) {
		unmap_pages(v, area);
		drop_range(v, area);
		return GRANT_NONE;
	}
	return (struct grant){area_base(v->a.m, area), pages << PTE_PAGE_SHIFT};
}

struct grant vmalloc(struct vmalloc *v, msize_t size, const struct alloc_req *req)
{
	return vmalloc_owned(v, size, req, VADDR_NONE);
}

/* The busy area of that type that begins at va, or VADDR_NONE. */
static vaddr_t area_of(const struct vmalloc *v, vaddr_t va, enum vmarea_type type)
{
	vaddr_t area = vmspace_find(&v->space, va);

	if (vaddr_none(area) || !vaddr_eq(area_base(v->a.m, area), va) ||
	    area_state(v->a.m, area) != VMAREA_BUSY || area_type(v->a.m, area) != type)
		return VADDR_NONE;
	return area;
}

vaddr_t vmalloc_owner(const struct vmalloc *v, vaddr_t va)
{
	vaddr_t area = area_of(v, va, VMAREA_OWNED);

	return vaddr_none(area) ? VADDR_NONE : (vaddr_t){area_link(v->a.m, area)};
}

static msize_t unmap_area(struct vmalloc *v, vaddr_t area)
{
	msize_t bytes;

	if (vaddr_none(area))
		return FREE_BAD;
	bytes = (msize_t)area_used(v->a.m, area) << PTE_PAGE_SHIFT;
	unmap_pages(v, area);
	make_lazy(v, area);
	return bytes;
}

msize_t vfree(struct vmalloc *v, vaddr_t va)
{
	return unmap_area(v, area_of(v, va, VMAREA_PAGES));
}

msize_t vfree_owned(struct vmalloc *v, vaddr_t va)
{
	return unmap_area(v, area_of(v, va, VMAREA_OWNED));
}

/* ---- device ranges ---- */

vaddr_t vmalloc_map_device(struct vmalloc *v, paddr_t pa, msize_t bytes, msize_t align)
{
	msize_t pages = bytes >> PTE_PAGE_SHIFT;
	vaddr_t area, va;

	if (too_long(v, bytes)) {
		mm_refuse(v->a.m, MM_REFUSE_LIMIT);
		return VADDR_NONE;
	}
	area = take_range(v, pages, align);
	if (vaddr_none(area))
		return VADDR_NONE;
	va = area_base(v->a.m, area);
	if (reach_range(v, va, pages) != 0) {
		drop_range(v, area);
		return VADDR_NONE;
	}
	set_area_type(v->a.m, area, VMAREA_DEVICE);
	set_area_link(v->a.m, area, pa.v >> PTE_PAGE_SHIFT);
	set_area_used(v->a.m, area, (uint32_t)pages);
	for (msize_t off = 0; off < bytes; off += PAGE)
		pgtable_set(&v->tables, vaddr_add(va, off), (paddr_t){pa.v + off}, PGTABLE_NOCACHE);
	mm_event(v->a.m, MM_EV_MAP, va.v, pa.v >> PTE_PAGE_SHIFT, pages);
	return va;
}

msize_t vmalloc_unmap_device(struct vmalloc *v, vaddr_t va)
{
	vaddr_t area = area_of(v, va, VMAREA_DEVICE);
	uint32_t pages;

	if (vaddr_none(area))
		return FREE_BAD;
	pages = area_used(v->a.m, area);
	for (uint32_t i = 0; i < pages; i++)
		(void)pgtable_clear(&v->tables, vaddr_add(va, (msize_t)i << PTE_PAGE_SHIFT));
	mm_event(v->a.m, MM_EV_UNMAP, va.v, area_link(v->a.m, area), pages);
	make_lazy(v, area);
	return (msize_t)pages << PTE_PAGE_SHIFT;
}

/* ---- the facet: thin adapters ---- */

static struct grant op_map(struct alloc *a, const struct map_req *req)
{
	return vmalloc((struct vmalloc *)a, req->size, &req->pages);
}

static msize_t op_unmap(struct alloc *a, vaddr_t va, const struct map_req *req)
{
	(void)req;
	return vfree((struct vmalloc *)a, va);
}

static pfn_t op_page(const struct alloc *a, vaddr_t va)
{
	const struct vmalloc *v = (const struct vmalloc *)a;
	unsigned level;
	uint64_t entry = pgtable_entry(&v->tables, va, &level);
	msize_t in;

	if (entry == 0)
		return PFN_NONE;
	in = (va.v & (((msize_t)1 << pgtable_shift(&v->tables, level)) - 1)) >> PTE_PAGE_SHIFT;
	entry &= ~(uint64_t)(level == 0 ? 0 : PAGE);
	return (pfn_t){(uint32_t)((pgtable_address(&v->tables, entry).v >> PTE_PAGE_SHIFT) + in)};
}

static bool op_next(const struct alloc *a, vaddr_t va, struct map_area *out)
{
	const struct vmalloc *v = (const struct vmalloc *)a;
	vaddr_t area = vmspace_find(&v->space, va.v < v->space.start.v ? v->space.start : va);
	unsigned state;

	if (vaddr_none(area))
		return false;
	state = area_state(a->m, area);
	*out = (struct map_area){.base = area_base(a->m, area),
				 .bytes = area_pages(a->m, area) << PTE_PAGE_SHIFT,
				 .mapped = (msize_t)area_used(a->m, area) << PTE_PAGE_SHIFT,
				 .type = area_type(a->m, area) == VMAREA_DEVICE ? MAP_IOREMAP
										: MAP_VMALLOC,
				 .state = state == VMAREA_FREE   ? MAP_FREE
					  : state == VMAREA_BUSY ? MAP_LIVE
								 : MAP_LAZY};
	if (out->type == MAP_IOREMAP)
		out->pa.v = area_link(a->m, area) << PTE_PAGE_SHIFT;
	return true;
}

static bool op_window(const struct alloc *a, unsigned i, struct map_window *out)
{
	const struct vmalloc *v = (const struct vmalloc *)a;
	struct map_area x;

	if (i != 0)
		return false;
	*out = (struct map_window){.name = "vmalloc",
				   .start = v->space.start,
				   .bytes = vaddr_diff(v->space.end, v->space.start),
				   .lazy = vm_wasted(v) << PTE_PAGE_SHIFT,
				   .largest = vmspace_largest(&v->space),
				   .areas = vm_busy(v)};
	for (vaddr_t va = v->space.start; op_next(a, va, &x); va = vaddr_add(x.base, x.bytes))
		out->free += x.state == MAP_FREE ? x.bytes : 0;
	out->used = out->bytes - out->free - out->lazy;
	return true;
}

static bool count_table(void *ctx, const struct pgtable *p, vaddr_t table, unsigned level,
			vaddr_t first)
{
	(void)p;
	(void)table;
	(void)level;
	(void)first;
	++*(uint64_t *)ctx;
	return true;
}

static void op_tables(const struct alloc *a, struct map_tables *out)
{
	const struct vmalloc *v = (const struct vmalloc *)a;

	*out = (struct map_tables){.top = mem_pa(a->m, v->tables.top),
				   .large_bytes = large_bytes(v)};
	(void)pgtable_each(&v->tables, count_table, &out->pages);
	vmalloc_direct_leaves(v, &out->direct_small, &out->direct_large);
}

static const struct alloc_param params[] = {
	{"guard", PARAM_BOOL, 1, 0, 1, NULL, "an unmapped page behind each area catches overruns"},
	{"lazy_max", PARAM_BYTES, MiB(32), 0, GiB(1), NULL,
	 "bytes of address space given back before the TLBs are flushed, for each doubling of the "
	 "CPUs"},
	{"direct_map", PARAM_ENUM, 0, 0, 1, "large small",
	 "pages of the direct map: large ones where they fit, or only small ones"},
	{0},
};

static const struct map_ops maps = {
	.types = 1u << MAP_VMALLOC,
	.map = op_map,
	.unmap = op_unmap,
	.page = op_page,
	.next = op_next,
	.window = op_window,
	.tables = op_tables,
};

const struct alloc_ops vmalloc_ops = {
	.name = "vmalloc",
	.summary = "ranges of virtual addresses over scattered pages; the kernel's page tables",
	.unit = "page",
	.serves = SERVES_VIRTUAL,
	.params = params,
	.handle_bytes = sizeof(struct vmalloc),
	.init = vmalloc_init,
	.attach = vmalloc_attach,
	.walk = vmalloc_walk,
	.check = vmalloc_check,
	.maps = &maps,
};
