/*
 * vmalloc: what is done once and what is looked at: the direct map, attach and walk.
 *
 * The direct map is written at init, one directory entry for each large page of RAM,
 * so that 64 GiB of lowmem take 64 tables and 896 MiB none but the directory.
 */
#include "alloc/page.h"
#include "alloc/vmalloc_layout.h"

#define PAGE ((msize_t)1 << PTE_PAGE_SHIFT)

extern const struct alloc_ops vmalloc_ops;

/* ---- the direct map ---- */

/* One leaf at pa, which lies in the range; returns the bytes it maps, 0: no page for a table. */
static msize_t map_direct(struct vmalloc *v, const struct mm_range *direct, msize_t pa)
{
	vaddr_t va = mem_va(v->a.m, (paddr_t){pa});

	if ((pa & (large_bytes(v) - 1)) == 0 && large_fits(v, direct, pa)) {
		if (pgtable_set_large(&v->tables, va, (paddr_t){pa}, PGTABLE_KERNEL) != 0)
			return 0;
		return large_bytes(v);
	}
	if (pgtable_reach(&v->tables, va) != 0)
		return 0;
	pgtable_set(&v->tables, va, (paddr_t){pa}, PGTABLE_KERNEL);
	return PAGE;
}

static int build_direct_map(struct vmalloc *v)
{
	for (unsigned i = 0; i < v->vm->nr_direct; i++) {
		const struct mm_range *d = &v->vm->direct[i];

		for (msize_t off = 0; off < d->bytes;) {
			msize_t done = map_direct(v, d, d->base.v + off);

			if (done == 0)
				return MM_ENOMEM;
			off += done;
		}
	}
	return 0;
}

void vmalloc_direct_leaves(const struct vmalloc *v, uint64_t *nr_small, uint64_t *nr_large)
{
	msize_t large = large_bytes(v);

	*nr_small = *nr_large = 0;
	for (unsigned i = 0; i < v->vm->nr_direct; i++) {
		const struct mm_range *d = &v->vm->direct[i];
		msize_t from = round_up(d->base.v, large),
			to = round_down(d->base.v + d->bytes, large);
		msize_t in_large = v->large && to > from ? to - from : 0;

		*nr_large += in_large >> pgtable_shift(&v->tables, 1);
		*nr_small += (d->bytes - in_large) >> PTE_PAGE_SHIFT;
	}
}

/* ---- init and attach ---- */

static bool layout_is_usable(const struct alloc_env *env)
{
	return env->vm != NULL && env->vm->format != PTE_NO_PAGING && env->pages != NULL &&
	       env->page_shift == PTE_PAGE_SHIFT &&
	       env->vm->vmalloc_end.v > env->vm->vmalloc_start.v &&
	       ((env->vm->vmalloc_start.v | env->vm->vmalloc_end.v) & (PAGE - 1)) == 0;
}

static void fill_handle(struct vmalloc *v, const struct alloc_env *env)
{
	unsigned doublings = msb(env->cpus ? env->cpus : 1) + 1;

	v->vm = env->vm;
	v->guard = env->params[0].u != 0;
	v->lazy_max = env->params[1].u * doublings;
	v->large = env->params[2].u == 0;
	v->space = (struct vmspace){.m = v->a.m,
				    .pool = &v->pool,
				    .root = v->a.root,
				    .start = env->vm->vmalloc_start,
				    .end = env->vm->vmalloc_end};
}

/* Gives the tables and records of a failed init back. */
static void undo(struct vmalloc *v)
{
	pgtable_destroy(&v->tables);
	recpool_destroy(&v->pool);
}

int vmalloc_init(struct alloc *a, const struct alloc_env *env)
{
	struct vmalloc *v = (struct vmalloc *)a;
	int err;

	alloc_base(a, &vmalloc_ops, env);
	if (!layout_is_usable(env))
		return MM_EINVAL;
	err = recpool_format(&v->pool, env, VMALLOC_ROOT_BYTES, VMAREA_BYTES);
	if (err != 0)
		return err;
	a->root = v->pool.root;
	fill_handle(v, env);
	set_vm_lazy(v, VADDR_NONE);
	err = pgtable_create(&v->tables, env, a->root);
	if (err == 0) {
		set_vm_top(v, v->tables.top);
		err = vmspace_format(&v->space);
	}
	if (err == 0)
		err = build_direct_map(v);
	if (err != 0)
		undo(v);
	return err;
}

int vmalloc_attach(struct alloc *a, const struct alloc_env *env)
{
	struct vmalloc *v = (struct vmalloc *)a;
	int err;

	alloc_base(a, &vmalloc_ops, env);
	if (!layout_is_usable(env))
		return MM_EINVAL;
	err = recpool_adopt(&v->pool, env, VMALLOC_ROOT_BYTES, VMAREA_BYTES);
	if (err != 0)
		return err;
	fill_handle(v, env);
	pgtable_adopt(&v->tables, env, a->root, vm_top(v));
	return 0;
}

/* ---- what it shows ---- */

static void walk_area(const struct vmalloc *v, vaddr_t area, walk_fn *fn, void *ctx)
{
	if (area_type(v->a.m, area) != VMAREA_PAGES && area_type(v->a.m, area) != VMAREA_OWNED)
		return;
	for (uint32_t i = 0; i < area_used(v->a.m, area); i++) {
		vaddr_t va = vaddr_add(area_base(v->a.m, area), (msize_t)i << PTE_PAGE_SHIFT);
		unsigned level;
		uint64_t entry = pgtable_entry(&v->tables, va, &level);

		if (entry != 0)
			fn(ctx,
			   &(struct walk_span){mem_va(v->a.m, pgtable_address(&v->tables, entry)),
					       PAGE, MM_GRANTED, "page of an area", i});
	}
}

void vmalloc_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct vmalloc *v = (const struct vmalloc *)a;
	vaddr_t va = v->space.start;

	fn(ctx, &(struct walk_span){a->root, VMALLOC_ROOT_BYTES, MM_METADATA, "root", 0});
	recpool_walk(&v->pool, "vm area", fn, ctx);
	pgtable_walk(&v->tables, fn, ctx);
	while (va.v < v->space.end.v) {
		vaddr_t area = vmspace_find(&v->space, va);

		walk_area(v, area, fn, ctx);
		va = area_end(v->a.m, area);
	}
}
