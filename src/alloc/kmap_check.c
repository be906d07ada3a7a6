/* kmap: the checker of K1 to K5 (see kmap.c). */
#include "alloc/kmap_layout.h"
#include "alloc/page.h"

/* The leaf at va is the page's, or absent where there is none. */
static bool shows(const struct kmap *k, vaddr_t va, pfn_t pfn)
{
	unsigned level;
	uint64_t entry = pgtable_entry(&k->space->tables, va, &level);

	if (pfn_none(pfn))
		return entry == 0;
	return entry ==
	       ((uint64_t)pfn.v << PTE_PAGE_SHIFT | PGTABLE_KERNEL | pgtable_nx(&k->space->tables));
}

static int check_slots(const struct kmap *k, uint32_t *mapped, uint32_t *users,
		       struct check_report *r)
{
	for (uint32_t i = 0; i < k->nr; i++) {
		uint32_t n = slot_count(k, i);
		bool none = pfn_none(slot_pfn(k, i));

		if ((n == 0) != none || !shows(k, slot_va(k, i), slot_pfn(k, i)) ||
		    slot_spare(k, i) != 0 || (none && slot_next(k, i) != 0))
			return check_fail(r, "K1: a slot with a count shows its page",
					  slot_at(k, i), n, slot_pfn(k, i).v);
		*mapped += n != 0;
		*users += n > 1 ? n - 1 : 0;
	}
	return 0;
}

static int check_chains(const struct kmap *k, uint32_t mapped, struct check_report *r)
{
	uint32_t seen = 0;

	for (unsigned b = 0; b < KMAP_BUCKETS; b++)
		for (uint32_t s = bucket_head(k, b); s != 0; s = slot_next(k, s - 1)) {
			if (s > k->nr || seen++ == mapped || pfn_none(slot_pfn(k, s - 1)) ||
			    kmap_bucket(slot_pfn(k, s - 1)) != b)
				return check_fail(r, "K2: a chain has the pages of its hash",
						  slot_at(k, s - 1), s, b);
			for (uint32_t t = slot_next(k, s - 1); t != 0 && t <= k->nr && t != s;
			     t = slot_next(k, t - 1))
				if (pfn_eq(slot_pfn(k, t - 1), slot_pfn(k, s - 1)))
					return check_fail(r, "K2: a page is in one slot at most",
							  slot_at(k, s - 1), s, t);
		}
	if (seen != mapped)
		return check_fail(r, "K2: every mapped slot is in a chain", k->a.root, seen,
				  mapped);
	return 0;
}

static int check_block(const struct kmap *k, struct check_report *r)
{
	struct alloc *a = k->pages->pages;
	pfn_t pfn = va_to_pfn(k->a.m, k->a.root, PTE_PAGE_SHIFT);
	vaddr_t desc;

	if (a->ops->pages->block_order(a, pfn) != (int)pages_order(k->pages, kmap_bytes(k)))
		return check_fail(r, "K5: the slots lie in a live block", k->a.root, pfn.v, 0);
	desc = a->ops->pages->descriptor(a, pfn);
	if (!page_taken(k->a.m, desc) || page_private(k->a.m, desc) != k->a.root.v)
		return check_fail(r, "K5: the block knows its owner", desc, 0, k->a.root.v);
	return 0;
}

int kmap_check(const struct alloc *a, struct check_report *r)
{
	const struct kmap *k = (const struct kmap *)a;
	uint32_t mapped = 0, users = 0;

	if (check_block(k, r) != 0 || check_slots(k, &mapped, &users, r) != 0 ||
	    check_chains(k, mapped, r) != 0)
		return MM_EINVAL;
	if (kmap_users(k) != users || (kmap_last(k) >= k->nr && kmap_last(k) != 0))
		return check_fail(r, "K3: users counts those of all slots", a->root, kmap_users(k),
				  users);
	for (uint32_t i = 0; i < k->nr_atomic * k->cpus; i++)
		if (!shows(k, atomic_va(k, i), mem_ldpfn(a->m, atomic_at(k, i))))
			return check_fail(r, "K4: a CPU's slot shows its page", atomic_at(k, i), i,
					  0);
	return 0;
}
