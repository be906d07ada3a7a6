/*
 * kmap: HIGHMEM has no address of its own.  kmap gives a page one of the PKMAP
 * window's, which has room for as many pages as one page table (1024, with PAE 512);
 * a hash finds pages that have one already.  A slot nobody uses any more stays mapped
 * until the search for a free one comes round to the window's begin: then all such
 * slots are unmapped and the TLBs flushed once.  Linux 4.19, mm/highmem.c.
 *
 * kmap_atomic is for a few instructions: each CPU has a few slots of the fixmap, and
 * the caller says which one it takes.  Nothing stops it from taking one in use: the
 * next mapping overwrites the last.  So it was until Linux 2.6.36; later kernels keep
 * a stack of slots instead.
 *
 * Where Linux lets kmap sleep until a slot is free, it is refused here with cause
 * limit: nobody else runs who could free one.
 *
 * Invariants, cited by kmap_check:
 *   K1  a slot with a count shows its page, one without shows none
 *   K2  a page is in one slot at most, and each slot's page in the chain of its hash
 *   K3  users counts those of all slots; last is a slot
 *   K4  a CPU's slot shows its page, or nothing
 *   K5  the block is a live one that knows its owner; spare words are zero
 */
#include "alloc/kmap.h"

#include "alloc/kmap_layout.h"
#include "alloc/page.h"

#define PAGE ((msize_t)1 << PTE_PAGE_SHIFT)

extern const struct alloc_ops kmap_ops;

static pfn_t pfn_of(paddr_t pa)
{
	return (pfn_t){(uint32_t)(pa.v >> PTE_PAGE_SHIFT)};
}

/* The page's address in the direct map, if it lies there. */
static vaddr_t direct_address(const struct kmap *k, paddr_t pa)
{
	for (unsigned i = 0; i < k->vm->nr_direct; i++)
		if (pa.v - k->vm->direct[i].base.v < k->vm->direct[i].bytes)
			return mem_va(k->a.m, (paddr_t){round_down(pa.v, PAGE)});
	return VADDR_NONE;
}

/* ---- permanent ones ---- */

static uint32_t find_page(const struct kmap *k, pfn_t pfn)
{
	uint32_t slot1 = bucket_head(k, kmap_bucket(pfn)), steps = 0;

	while (slot1 != 0 && !pfn_eq(slot_pfn(k, slot1 - 1), pfn)) {
		slot1 = slot_next(k, slot1 - 1);
		steps++;
	}
	mm_search(k->a.m, steps);
	return slot1;
}

static void unhash(const struct kmap *k, uint32_t i)
{
	unsigned b = kmap_bucket(slot_pfn(k, i));
	uint32_t at = bucket_head(k, b);

	if (at == i + 1) {
		set_bucket_head(k, b, slot_next(k, i));
	} else {
		while (slot_next(k, at - 1) != i + 1)
			at = slot_next(k, at - 1);
		set_slot_next(k, at - 1, slot_next(k, i));
	}
	set_slot_next(k, i, 0);
}

/* Unmaps every slot that nobody uses, and flushes the TLBs once. */
static void flush_unused(struct kmap *k)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < k->nr; i++) {
		if (slot_count(k, i) != 1)
			continue;
		unhash(k, i);
		(void)pgtable_clear(&k->space->tables, slot_va(k, i));
		mm_event(k->a.m, MM_EV_UNMAP, slot_va(k, i).v, slot_pfn(k, i).v, 1);
		set_slot_pfn(k, i, PFN_NONE);
		set_slot_count(k, i, 0);
		n++;
	}
	if (n == 0)
		return;
	mm_tlb_flush(k->a.m, k->vm->pkmap_base, (msize_t)k->nr << PTE_PAGE_SHIFT);
	mm_event(k->a.m, MM_EV_PURGE, n, n << PTE_PAGE_SHIFT, 0);
}

/* The next free slot round the window, or k->nr. */
static uint32_t free_slot(struct kmap *k)
{
	uint32_t i = kmap_last(k);

	for (uint32_t left = 2 * k->nr; left > 0; left--) {
		i = i + 1 < k->nr ? i + 1 : 0;
		if (i == 0)
			flush_unused(k);
		if (slot_count(k, i) == 0)
			return i;
	}
	return k->nr;
}

vaddr_t kmap(struct kmap *k, paddr_t pa)
{
	vaddr_t direct = direct_address(k, pa);
	pfn_t pfn = pfn_of(pa);
	uint32_t i;

	if (!vaddr_none(direct) || k->nr == 0)
		return direct;
	i = find_page(k, pfn);
	if (i != 0) {
		i--;
	} else {
		i = free_slot(k);
		if (i == k->nr) {
			mm_refuse(k->a.m, MM_REFUSE_PKMAP);
			return VADDR_NONE;
		}
		set_kmap_last(k, i);
		set_slot_pfn(k, i, pfn);
		set_slot_count(k, i, 1);
		set_slot_next(k, i, bucket_head(k, kmap_bucket(pfn)));
		set_bucket_head(k, kmap_bucket(pfn), i + 1);
		pgtable_set(&k->space->tables, slot_va(k, i),
			    (paddr_t){(msize_t)pfn.v << PTE_PAGE_SHIFT}, PGTABLE_KERNEL);
		mm_event(k->a.m, MM_EV_MAP, slot_va(k, i).v, pfn.v, 1);
	}
	set_slot_count(k, i, slot_count(k, i) + 1);
	set_kmap_users(k, kmap_users(k) + 1);
	return slot_va(k, i);
}

int kunmap(struct kmap *k, vaddr_t va)
{
	msize_t off = vaddr_diff(va, k->vm->pkmap_base);
	uint32_t i = (uint32_t)(off >> PTE_PAGE_SHIFT);

	if (k->nr == 0 || (off & (PAGE - 1)) != 0 || off >> PTE_PAGE_SHIFT >= k->nr ||
	    slot_count(k, i) < 2)
		return MM_EINVAL;
	set_slot_count(k, i, slot_count(k, i) - 1);
	set_kmap_users(k, kmap_users(k) - 1);
	return 0;
}

/* ---- temporary ones ---- */

static uint32_t nr_atomic(const struct kmap *k)
{
	return k->nr_atomic * k->cpus;
}

vaddr_t kmap_atomic(struct kmap *k, paddr_t pa, unsigned cpu, unsigned slot)
{
	vaddr_t direct = direct_address(k, pa), va;
	uint32_t i = cpu * k->nr_atomic + slot;

	if (!vaddr_none(direct))
		return direct;
	if (cpu >= k->cpus || slot >= k->nr_atomic) {
		mm_refuse(k->a.m, MM_REFUSE_LIMIT);
		return VADDR_NONE;
	}
	va = atomic_va(k, i);
	if (!pfn_none(mem_ldpfn(k->a.m, atomic_at(k, i))))
		mm_event(k->a.m, MM_EV_UNMAP, va.v, mem_ldpfn(k->a.m, atomic_at(k, i)).v, 1);
	mem_stpfn(k->a.m, atomic_at(k, i), pfn_of(pa));
	pgtable_set(&k->space->tables, va, (paddr_t){round_down(pa.v, PAGE)}, PGTABLE_KERNEL);
	mm_tlb_flush(k->a.m, va, PAGE);
	mm_event(k->a.m, MM_EV_MAP, va.v, pfn_of(pa).v, 1);
	return va;
}

int kunmap_atomic(struct kmap *k, vaddr_t va, paddr_t pa)
{
	msize_t off = vaddr_diff(k->vm->fixmap_top, va);
	uint32_t i = (uint32_t)(off >> PTE_PAGE_SHIFT) - 1;

	if ((off & (PAGE - 1)) != 0 || off == 0 || (off >> PTE_PAGE_SHIFT) - 1 >= nr_atomic(k) ||
	    !pfn_eq(mem_ldpfn(k->a.m, atomic_at(k, i)), pfn_of(pa)))
		return MM_EINVAL;
	mem_stpfn(k->a.m, atomic_at(k, i), PFN_NONE);
	(void)pgtable_clear(&k->space->tables, va);
	mm_tlb_flush(k->a.m, va, PAGE);
	mm_event(k->a.m, MM_EV_UNMAP, va.v, pfn_of(pa).v, 1);
	return 0;
}

/* ---- init, attach, walk ---- */

static unsigned block_order(const struct kmap *k)
{
	return pages_order(k->pages, kmap_bytes(k));
}

static int fill_handle(struct kmap *k, const struct alloc_env *env)
{
	k->space = vmalloc_space(env);
	if (env->vm == NULL || k->space == NULL || env->pages == NULL)
		return MM_EINVAL;
	k->vm = env->vm;
	k->pages = env->pages;
	k->nr = env->vm->pkmap_base.v != 0 ? env->vm->pkmap_pages : 0;
	k->nr_atomic = env->vm->pkmap_base.v != 0 ? (uint32_t)env->params[0].u : 0;
	k->cpus = env->cpus ? env->cpus : 1;
	return 0;
}

/* The tables of both windows, made at boot as a kernel makes them. */
static int reach_windows(struct kmap *k)
{
	int err = 0;

	for (uint32_t i = 0; i < k->nr && err == 0; i++)
		err = pgtable_reach(&k->space->tables, slot_va(k, i));
	for (uint32_t i = 0; i < nr_atomic(k) && err == 0; i++)
		err = pgtable_reach(&k->space->tables, atomic_va(k, i));
	return err;
}

static vaddr_t descriptor(const struct kmap *k)
{
	struct alloc *a = k->pages->pages;

	return a->ops->pages->descriptor(a, va_to_pfn(k->a.m, k->a.root, PTE_PAGE_SHIFT));
}

static void format_block(struct kmap *k)
{
	msize_t block = PAGE << block_order(k);

	mem_zero(k->a.m, k->a.root, kmap_bytes(k));
	for (uint32_t i = 0; i < k->nr; i++)
		set_slot_pfn(k, i, PFN_NONE);
	for (uint32_t i = 0; i < nr_atomic(k); i++)
		mem_stpfn(k->a.m, atomic_at(k, i), PFN_NONE);
	set_page_taken(k->a.m, descriptor(k));
	set_page_private(k->a.m, descriptor(k), k->a.root.v);
	mm_account(k->a.m, k->a.root, kmap_bytes(k), MM_CACHED, MM_METADATA);
	mm_account(k->a.m, k->a.root, block - kmap_bytes(k), MM_CACHED, MM_SLACK);
}

static int kmap_init(struct alloc *a, const struct alloc_env *env)
{
	struct kmap *k = (struct kmap *)a;
	struct alloc_req req = {.zone_mask = env->vm != NULL ? env->vm->low_zones : 0};
	int err;

	alloc_base(a, &kmap_ops, env);
	err = fill_handle(k, env);
	if (err == 0)
		err = reach_windows(k);
	if (err != 0)
		return err;
	a->root = page_source_get(k->pages, a->m, block_order(k), &req);
	if (vaddr_none(a->root))
		return MM_ENOMEM;
	format_block(k);
	return 0;
}

static int kmap_attach(struct alloc *a, const struct alloc_env *env)
{
	alloc_base(a, &kmap_ops, env);
	return fill_handle((struct kmap *)a, env);
}

static void kmap_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct kmap *k = (const struct kmap *)a;
	msize_t block = PAGE << block_order(k);

	fn(ctx, &(struct walk_span){a->root, kmap_bytes(k), MM_METADATA, "kmap slots", k->nr});
	fn(ctx, &(struct walk_span){vaddr_add(a->root, kmap_bytes(k)), block - kmap_bytes(k),
				    MM_SLACK, "tail of the slots", 0});
}

/* ---- the facet ---- */

static struct grant op_map(struct alloc *a, const struct map_req *req)
{
	struct kmap *k = (struct kmap *)a;
	vaddr_t va = req->type == MAP_KMAP ? kmap(k, req->pa)
					   : kmap_atomic(k, req->pa, req->pages.cpu, req->slot);

	return vaddr_none(va) ? GRANT_NONE : (struct grant){va, PAGE};
}

static msize_t op_unmap(struct alloc *a, vaddr_t va, const struct map_req *req)
{
	struct kmap *k = (struct kmap *)a;
	int err;

	if (vaddr_eq(direct_address(k, req->pa), va))
		return PAGE;
	err = req->type == MAP_KMAP ? kunmap(k, va) : kunmap_atomic(k, va, req->pa);
	return err == 0 ? PAGE : FREE_BAD;
}

static pfn_t op_page(const struct alloc *a, vaddr_t va)
{
	const struct alloc *space = &((const struct kmap *)a)->space->a;

	return space->ops->maps->page(space, va);
}

static bool op_next(const struct alloc *a, vaddr_t va, struct map_area *out)
{
	const struct kmap *k = (const struct kmap *)a;
	msize_t off = va.v < k->vm->pkmap_base.v ? 0 : vaddr_diff(va, k->vm->pkmap_base);
	uint32_t i = (uint32_t)(off >> PTE_PAGE_SHIFT), n;

	if (off >> PTE_PAGE_SHIFT >= k->nr)
		return false;
	n = slot_count(k, i);
	*out = (struct map_area){.base = slot_va(k, i),
				 .bytes = PAGE,
				 .mapped = n != 0 ? PAGE : 0,
				 .pa = {(msize_t)slot_pfn(k, i).v << PTE_PAGE_SHIFT},
				 .type = MAP_KMAP,
				 .state = n == 0   ? MAP_FREE
					  : n == 1 ? MAP_LAZY
						   : MAP_LIVE};
	return true;
}

static bool op_window(const struct alloc *a, unsigned i, struct map_window *out)
{
	const struct kmap *k = (const struct kmap *)a;
	struct map_window w = {.name = "pkmap", .start = k->vm->pkmap_base};

	if (i > 1 || k->nr == 0)
		return false;
	for (uint32_t s = 0; i == 0 && s < k->nr; s++) {
		w.used += slot_count(k, s) > 1 ? PAGE : 0;
		w.lazy += slot_count(k, s) == 1 ? PAGE : 0;
	}
	if (i == 1) {
		w.name = "fixmap";
		w.start = atomic_va(k, nr_atomic(k) - 1);
		for (uint32_t s = 0; s < nr_atomic(k); s++)
			w.used += pfn_none(mem_ldpfn(a->m, atomic_at(k, s))) ? 0 : PAGE;
	}
	w.bytes = (msize_t)(i == 0 ? k->nr : nr_atomic(k)) << PTE_PAGE_SHIFT;
	w.free = w.bytes - w.used - w.lazy;
	w.largest = w.free + w.lazy != 0 ? PAGE : 0;
	w.areas = w.used >> PTE_PAGE_SHIFT;
	*out = w;
	return true;
}

static const struct alloc_param params[] = {
	{"atomic_slots", PARAM_UINT, 20, 1, 64, NULL, "temporary mappings of each CPU"},
	{0},
};

static const struct map_ops maps = {
	.types = 1u << MAP_KMAP | 1u << MAP_KMAP_ATOMIC,
	.map = op_map,
	.unmap = op_unmap,
	.page = op_page,
	.next = op_next,
	.window = op_window,
};

const struct alloc_ops kmap_ops = {
	.name = "kmap",
	.summary = "addresses for pages of HIGHMEM: a window of slots, and slots of each CPU",
	.unit = "page",
	.serves = SERVES_VIRTUAL,
	.params = params,
	.handle_bytes = sizeof(struct kmap),
	.init = kmap_init,
	.attach = kmap_attach,
	.walk = kmap_walk,
	.check = kmap_check,
	.maps = &maps,
};
