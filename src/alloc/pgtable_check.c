/*
 * pgtable: the checker.
 *
 *   T1  a table is a live block of one page whose descriptor names the owner and the level
 *   T2  an entry that names a table has the flags of such an entry and nothing else
 *   T3  an entry that is not present is zero
 */
#include "alloc/page.h"
#include "alloc/pgtable_layout.h"

struct check_ctx {
	pgtable_leaf_fn *leaf;
	void *ctx;
	struct check_report *r;
	uint64_t nr;
	int err;
};

static bool is_table(const struct pgtable *p, vaddr_t table, unsigned level)
{
	struct alloc *a = p->pages->pages;
	pfn_t pfn = va_to_pfn(p->m, table, PTE_PAGE_SHIFT);
	vaddr_t desc;

	if ((table.v & (((msize_t)1 << PTE_PAGE_SHIFT) - 1)) != 0 ||
	    !vaddr_eq(pfn_to_va(p->m, pfn, PTE_PAGE_SHIFT), table) ||
	    a->ops->pages->block_order(a, pfn) != 0)
		return false;
	desc = a->ops->pages->descriptor(a, pfn);
	return page_taken(p->m, desc) && page_private(p->m, desc) == p->owner.v &&
	       page_next(p->m, desc).v == level && page_prev(p->m, desc).v == PGTABLE_MARK;
}

static int check_entry(struct check_ctx *c, const struct pgtable *p, vaddr_t at, unsigned level,
		       vaddr_t va)
{
	uint64_t entry = table_entry(p, at);

	if (entry == 0)
		return 0;
	if ((entry & PTE_P) == 0)
		return check_fail(c->r, "T3: an entry that is not present is zero", at, entry, 0);
	if (level == 0 || (level == 1 && (entry & PTE_PS) != 0))
		return c->leaf(c->ctx, va, level, entry, c->r);
	if (entry != (pgtable_address(p, entry).v | table_flags(p, level - 1)))
		return check_fail(c->r, "T2: an entry that names a table says no more", at, entry,
				  pgtable_address(p, entry).v | table_flags(p, level - 1));
	return 0;
}

static bool check_table(void *ctx, const struct pgtable *p, vaddr_t table, unsigned level,
			vaddr_t first)
{
	struct check_ctx *c = ctx;

	if (!is_table(p, table, level)) {
		c->err = check_fail(c->r, "T1: a table is a live page of its owner", table, level,
				    0);
		return false;
	}
	c->nr++;
	for (unsigned i = 0; i >> pgtable_bits(p, level) == 0 && c->err == 0; i++)
		c->err = check_entry(
			c, p, entry_at(p, table, i), level,
			pgtable_canonical(p,
					  vaddr_add(first, (msize_t)i << pgtable_shift(p, level))));
	return c->err == 0;
}

int pgtable_check(const struct pgtable *p, uint64_t *nr, pgtable_leaf_fn *leaf, void *ctx,
		  struct check_report *r)
{
	struct check_ctx c = {leaf, ctx, r, 0, 0};

	if (!pgtable_each(p, check_table, &c))
		return MM_EINVAL;
	*nr = c.nr;
	return 0;
}
