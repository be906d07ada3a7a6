/*
 * ioremap: device memory is seen through the vmalloc window, uncached; before that,
 * who drives a device asks for its addresses, and a tree of resources refuses what
 * somebody else holds.
 *
 * The tree nests as the hardware does: a bus window holds devices, a region of RAM the
 * kernel image.  A request goes down from the root through whatever contains it and is
 * not busy; it conflicts with the first busy one it touches, and with any it only
 * overlaps.  Linux, kernel/resource.c; siblings are a list, so a request is
 * O(siblings × depth).
 *
 * ioremap itself refuses RAM, as Linux does, and does not ask who requested the range.
 * Its alignment is that of Linux 4.19: the size rounded up to a power of two, at most
 * 128 pages.
 *
 * Invariants, cited by ioremap_check, besides those of recpool:
 *   D1  every live record is in the tree, and its parent is the one that lists it
 *   D2  siblings ascend and do not overlap, and lie within their parent
 *   D3  flags are known ones; what a busy one contains is busy too; the seal holds
 */
#include "alloc/ioremap.h"

#include "alloc/ioremap_layout.h"

#define PAGE      ((msize_t)1 << PTE_PAGE_SHIFT)
#define MAX_ALIGN (PAGE << 7)

extern const struct alloc_ops ioremap_ops;

/* ---- the tree ---- */

static struct mm_resource told(const struct ioremap *io, vaddr_t r)
{
	const struct mem *m = io->a.m;

	return (struct mm_resource){.base = res_base(m, r),
				    .bytes = res_last(m, r) - res_base(m, r) + 1,
				    .owner = res_owner(m, r),
				    .busy = (res_flags(m, r) & RES_BUSY) != 0};
}

/*
 * The place of [base, last] among parent's children: *prev is the child before it, or
 * none.  Returns the first child that overlaps it, or none.
 */
static vaddr_t find_place(const struct ioremap *io, vaddr_t parent, uint64_t base, uint64_t last,
			  vaddr_t *prev)
{
	const struct mem *m = io->a.m;
	vaddr_t r = res_child(m, parent);

	*prev = VADDR_NONE;
	while (!vaddr_none(r) && res_last(m, r) < base) {
		*prev = r;
		r = res_sibling(m, r);
	}
	return !vaddr_none(r) && res_base(m, r) <= last ? r : VADDR_NONE;
}

static bool contains(const struct ioremap *io, vaddr_t r, uint64_t base, uint64_t last)
{
	return res_base(io->a.m, r) <= base && last <= res_last(io->a.m, r);
}

/* The parent under which the range is free, or none and what is in the way. */
static vaddr_t find_parent(const struct ioremap *io, uint64_t base, uint64_t last, vaddr_t *prev,
			   vaddr_t *conflict)
{
	vaddr_t parent = io->a.root;

	for (;;) {
		vaddr_t r = find_place(io, parent, base, last, prev);

		if (vaddr_none(r))
			return parent;
		if ((res_flags(io->a.m, r) & RES_BUSY) != 0 || !contains(io, r, base, last)) {
			*conflict = r;
			return VADDR_NONE;
		}
		parent = r;
	}
}

static int insert(struct ioremap *io, const struct mm_resource *want, uint32_t flags,
		  vaddr_t parent, vaddr_t prev)
{
	const struct mem *m = io->a.m;
	vaddr_t r = recpool_get(&io->pool);

	if (vaddr_none(r))
		return MM_ENOMEM;
	set_res_range(m, r, want->base, want->base + want->bytes - 1);
	set_res_owner(m, r, want->owner);
	set_res_flags(m, r, flags);
	set_res_seal(m, r);
	set_res_parent(m, r, parent);
	set_res_child(m, r, VADDR_NONE);
	set_res_sibling(m, r, vaddr_none(prev) ? res_child(m, parent) : res_sibling(m, prev));
	if (vaddr_none(prev))
		set_res_child(m, parent, r);
	else
		set_res_sibling(m, prev, r);
	return 0;
}

int request_mem_region(struct ioremap *io, const struct mm_resource *want,
		       struct mm_resource *conflict)
{
	uint64_t last = want->base + want->bytes - 1;
	vaddr_t parent, prev = VADDR_NONE, other = VADDR_NONE;

	if (want->bytes == 0 || last < want->base || last > res_last(io->a.m, io->a.root))
		return MM_EINVAL;
	parent = find_parent(io, want->base, last, &prev, &other);
	if (vaddr_none(parent)) {
		*conflict = told(io, other);
		return MM_EBUSY;
	}
	return insert(io, want, RES_BUSY, parent, prev);
}

int release_mem_region(struct ioremap *io, uint64_t base, uint64_t bytes)
{
	const struct mem *m = io->a.m;
	vaddr_t r = io->a.root, prev = VADDR_NONE;

	if (bytes == 0)
		return MM_EINVAL;
	do {
		r = find_place(io, r, base, base + bytes - 1, &prev);
		if (vaddr_none(r))
			return MM_EINVAL;
	} while (res_base(m, r) != base || res_last(m, r) != base + bytes - 1 ||
		 res_flags(m, r) != RES_BUSY || !vaddr_none(res_child(m, r)));
	if (vaddr_none(prev))
		set_res_child(m, res_parent(m, r), res_sibling(m, r));
	else
		set_res_sibling(m, prev, res_sibling(m, r));
	recpool_put(&io->pool, r);
	return 0;
}

/* The next one in a walk of the whole tree, parents first. */
static vaddr_t next_resource(const struct ioremap *io, vaddr_t r, unsigned *depth)
{
	const struct mem *m = io->a.m;

	if (!vaddr_none(res_child(m, r))) {
		++*depth;
		return res_child(m, r);
	}
	while (*depth > 0 && vaddr_none(res_sibling(m, r))) {
		--*depth;
		r = res_parent(m, r);
	}
	return *depth == 0 ? VADDR_NONE : res_sibling(m, r);
}

static void op_each(const struct alloc *a, void (*fn)(void *ctx, const struct mm_resource *x),
		    void *ctx)
{
	const struct ioremap *io = (const struct ioremap *)a;
	unsigned depth = 0;
	vaddr_t r = a->root;

	while (!vaddr_none(r = next_resource(io, r, &depth))) {
		struct mm_resource x = told(io, r);

		x.depth = depth;
		fn(ctx, &x);
	}
}

/* ---- ioremap ---- */

/* Does the range touch RAM? */
static bool touches_ram(const struct ioremap *io, uint64_t base, uint64_t last)
{
	const struct mem *m = io->a.m;

	for (vaddr_t r = res_child(m, io->a.root); !vaddr_none(r); r = res_sibling(m, r))
		if (res_flags(m, r) == (RES_BUSY | RES_SEED) && res_base(m, r) <= last &&
		    base <= res_last(m, r))
			return true;
	return false;
}

static msize_t alignment(msize_t bytes)
{
	return bytes >= MAX_ALIGN ? MAX_ALIGN : roundup_pow2(bytes);
}

vaddr_t ioremap(struct ioremap *io, paddr_t pa, msize_t size)
{
	paddr_t first = {round_down(pa.v, PAGE)};
	msize_t bytes = round_up(size + (pa.v - first.v), PAGE);
	vaddr_t va;

	if (size == 0 || bytes < size || pa.v + (size - 1) < pa.v ||
	    (uint64_t)pa.v + (size - 1) > res_last(io->a.m, io->a.root)) {
		mm_refuse(io->a.m, MM_REFUSE_LIMIT);
		return VADDR_NONE;
	}
	if (touches_ram(io, pa.v, (uint64_t)pa.v + size - 1)) {
		mm_refuse(io->a.m, MM_REFUSE_CONFLICT);
		return VADDR_NONE;
	}
	va = vmalloc_map_device(io->space, first, bytes, alignment(bytes));
	return vaddr_none(va) ? VADDR_NONE : vaddr_add(va, pa.v - first.v);
}

msize_t iounmap(struct ioremap *io, vaddr_t va)
{
	return vmalloc_unmap_device(io->space, (vaddr_t){round_down(va.v, PAGE)});
}

/* ---- init, attach, walk ---- */

/* What the machine has at boot. */
static int add_seeds(struct ioremap *io, const struct vm_layout *vm)
{
	for (unsigned i = 0; i < vm->nr_resources; i++) {
		const struct mm_resource *x = &vm->resources[i];
		uint64_t last = x->base + x->bytes - 1;
		vaddr_t parent = io->a.root, prev = VADDR_NONE, in;
		int err;

		while (!vaddr_none(in = find_place(io, parent, x->base, last, &prev)))
			if (contains(io, in, x->base, last))
				parent = in;
			else
				return MM_EINVAL;
		err = insert(io, x, RES_SEED | (x->busy ? RES_BUSY : 0), parent, prev);
		if (err != 0)
			return err;
	}
	return 0;
}

static int ioremap_init(struct alloc *a, const struct alloc_env *env)
{
	struct ioremap *io = (struct ioremap *)a;
	int err;

	alloc_base(a, &ioremap_ops, env);
	io->space = vmalloc_space(env);
	if (env->vm == NULL || io->space == NULL)
		return MM_EINVAL;
	err = recpool_format(&io->pool, env, RES_BYTES, RES_BYTES);
	if (err != 0)
		return err;
	a->root = io->pool.root;
	set_res_range(a->m, a->root, 0, env->vm->last_address);
	set_res_seal(a->m, a->root);
	set_res_parent(a->m, a->root, VADDR_NONE);
	set_res_child(a->m, a->root, VADDR_NONE);
	set_res_sibling(a->m, a->root, VADDR_NONE);
	err = add_seeds(io, env->vm);
	if (err != 0)
		recpool_destroy(&io->pool);
	return err;
}

static int ioremap_attach(struct alloc *a, const struct alloc_env *env)
{
	struct ioremap *io = (struct ioremap *)a;

	alloc_base(a, &ioremap_ops, env);
	io->space = vmalloc_space(env);
	if (env->vm == NULL || io->space == NULL)
		return MM_EINVAL;
	return recpool_adopt(&io->pool, env, RES_BYTES, RES_BYTES);
}

static void ioremap_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct ioremap *io = (const struct ioremap *)a;

	fn(ctx, &(struct walk_span){a->root, RES_BYTES, MM_METADATA, "root resource", 0});
	recpool_walk(&io->pool, "resource", fn, ctx);
}

/* ---- the facets ---- */

static struct grant op_map(struct alloc *a, const struct map_req *req)
{
	vaddr_t va = ioremap((struct ioremap *)a, req->pa, req->size);

	return vaddr_none(va) ? GRANT_NONE : (struct grant){va, req->size};
}

static msize_t op_unmap(struct alloc *a, vaddr_t va, const struct map_req *req)
{
	(void)req;
	return iounmap((struct ioremap *)a, va);
}

static pfn_t op_page(const struct alloc *a, vaddr_t va)
{
	const struct alloc *space = &((const struct ioremap *)a)->space->a;

	return space->ops->maps->page(space, va);
}

/* Its ranges lie in the window of vmalloc, which shows them. */
static bool op_next(const struct alloc *a, vaddr_t va, struct map_area *out)
{
	(void)a;
	(void)va;
	(void)out;
	return false;
}

static bool op_window(const struct alloc *a, unsigned i, struct map_window *out)
{
	(void)a;
	(void)i;
	(void)out;
	return false;
}

static int op_request(struct alloc *a, const struct mm_resource *want, struct mm_resource *conflict)
{
	return request_mem_region((struct ioremap *)a, want, conflict);
}

static int op_release(struct alloc *a, uint64_t base, uint64_t bytes)
{
	return release_mem_region((struct ioremap *)a, base, bytes);
}

static const struct alloc_param params[] = {{0}};

static const struct map_ops maps = {
	.types = 1u << MAP_IOREMAP,
	.map = op_map,
	.unmap = op_unmap,
	.page = op_page,
	.next = op_next,
	.window = op_window,
};

static const struct resource_ops resources = {
	.request = op_request,
	.release = op_release,
	.each = op_each,
};

const struct alloc_ops ioremap_ops = {
	.name = "ioremap",
	.summary = "device memory in the kernel's address space, and who holds which addresses",
	.unit = "page",
	.serves = SERVES_VIRTUAL,
	.params = params,
	.handle_bytes = sizeof(struct ioremap),
	.init = ioremap_init,
	.attach = ioremap_attach,
	.walk = ioremap_walk,
	.check = ioremap_check,
	.maps = &maps,
	.resources = &resources,
};
