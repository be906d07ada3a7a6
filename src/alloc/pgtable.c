/*
 * pgtable: two-level, PAE and four-level page tables, written entry by entry.
 * A walk is O(levels); nothing here keeps anything but geometry.
 *
 * Not modelled: PAE's directory pointer table takes a whole page, of which the
 * processor reads 32 bytes.
 */
#include "alloc/pgtable_layout.h"

#include "alloc/page.h"

static unsigned format_levels(unsigned format)
{
	if (format == PTE_X86_32)
		return PTE_LEVELS_32;
	return format == PTE_X86_PAE ? PTE_LEVELS_PAE : PTE_LEVELS_64;
}

unsigned pgtable_shift(const struct pgtable *p, unsigned level)
{
	if (level == 0)
		return PTE_PAGE_SHIFT;
	if (p->format == PTE_X86_32)
		return PTE_DIR_SHIFT_32;
	return PTE_DIR_SHIFT_64 + (level - 1) * PTE_TABLE_BITS_64;
}

unsigned pgtable_bits(const struct pgtable *p, unsigned level)
{
	if (p->format == PTE_X86_32)
		return PTE_TABLE_BITS_32;
	return p->format == PTE_X86_PAE && level == 2 ? PTE_POINTER_BITS : PTE_TABLE_BITS_64;
}

/* A zeroed page for a table of `level`, or VADDR_NONE. */
static vaddr_t new_table(struct pgtable *p, unsigned level)
{
	const struct alloc_req req = {.zone_mask = p->zones, .owner = PAGE_OWNER_TABLE};
	vaddr_t table = page_source_get(p->pages, p->m, 0, &req), desc;

	if (vaddr_none(table))
		return VADDR_NONE;
	desc = p->pages->pages->ops->pages->descriptor(p->pages->pages,
						       va_to_pfn(p->m, table, PTE_PAGE_SHIFT));
	set_page_taken(p->m, desc);
	set_page_links(p->m, desc, (pfn_t){level}, (pfn_t){PGTABLE_MARK});
	set_page_private(p->m, desc, p->owner.v);
	mem_zero(p->m, table, (msize_t)1 << PTE_PAGE_SHIFT);
	mm_account(p->m, table, pgtable_bytes(p, level), MM_CACHED, MM_METADATA);
	mm_account(p->m, table, ((msize_t)1 << PTE_PAGE_SHIFT) - pgtable_bytes(p, level), MM_CACHED,
		   MM_SLACK);
	mm_event(p->m, MM_EV_TABLE_NEW, table.v, va_to_pfn(p->m, table, PTE_PAGE_SHIFT).v, level);
	return table;
}

static void drop_table(const struct pgtable *p, vaddr_t table, unsigned level)
{
	mm_account(p->m, table, pgtable_bytes(p, level), MM_METADATA, MM_CACHED);
	mm_account(p->m, vaddr_add(table, pgtable_bytes(p, level)),
		   ((msize_t)1 << PTE_PAGE_SHIFT) - pgtable_bytes(p, level), MM_SLACK, MM_CACHED);
	if (page_source_put(p->pages, p->m, table, 0) != 0)
		mm_bug(p->m, "a page table is no live page", table);
}

void pgtable_adopt(struct pgtable *p, const struct alloc_env *env, vaddr_t owner, vaddr_t top)
{
	*p = (struct pgtable){.m = env->m,
			      .pages = env->pages,
			      .owner = owner,
			      .top = top,
			      .zones = env->vm->low_zones,
			      .format = (uint8_t)env->vm->format,
			      .levels = (uint8_t)format_levels(env->vm->format)};
}

int pgtable_create(struct pgtable *p, const struct alloc_env *env, vaddr_t owner)
{
	pgtable_adopt(p, env, owner, VADDR_NONE);
	p->top = new_table(p, p->levels - 1u);
	return vaddr_none(p->top) ? MM_ENOMEM : 0;
}

/* The table of `level` on va's way, made where it is missing; VADDR_NONE: no page for it. */
static vaddr_t reach_level(struct pgtable *p, vaddr_t va, unsigned level)
{
	vaddr_t table = p->top;

	for (unsigned l = p->levels - 1u; l > level; l--) {
		vaddr_t at = entry_at(p, table, table_index(p, va, l));
		uint64_t entry = table_entry(p, at);

		if ((entry & PTE_PS) != 0 && l == 1)
			mm_bug(p->m, "a large page lies where a table was to be", at);
		if ((entry & PTE_P) == 0) {
			vaddr_t made = new_table(p, l - 1);

			if (vaddr_none(made))
				return VADDR_NONE;
			entry = mem_pa(p->m, made).v | table_flags(p, l - 1);
			set_table_entry(p, at, entry);
		}
		table = entry_table(p, entry);
	}
	return table;
}

int pgtable_reach(struct pgtable *p, vaddr_t va)
{
	return vaddr_none(reach_level(p, va, 0)) ? MM_ENOMEM : 0;
}

/* The leaf's place; VADDR_NONE where a table is missing. */
static vaddr_t find_leaf(const struct pgtable *p, vaddr_t va, unsigned *level, uint64_t *entry)
{
	vaddr_t table = p->top, at = VADDR_NONE;

	for (unsigned l = p->levels;;) {
		l--;
		at = entry_at(p, table, table_index(p, va, l));
		*entry = table_entry(p, at);
		*level = l;
		if (l == 0 || (*entry & PTE_P) == 0 || (l == 1 && (*entry & PTE_PS) != 0))
			return at;
		table = entry_table(p, *entry);
	}
}

uint64_t pgtable_entry(const struct pgtable *p, vaddr_t va, unsigned *level)
{
	uint64_t entry;

	find_leaf(p, va, level, &entry);
	return (entry & PTE_P) != 0 ? entry : 0;
}

void pgtable_set(struct pgtable *p, vaddr_t va, paddr_t pa, uint64_t flags)
{
	unsigned level;
	uint64_t entry;
	vaddr_t at = find_leaf(p, va, &level, &entry);

	if (mm_unlikely(level != 0))
		mm_bug(p->m, "no table where a page is to be mapped", va);
	set_table_entry(p, at, pa.v | flags | pgtable_nx(p));
}

int pgtable_set_large(struct pgtable *p, vaddr_t va, paddr_t pa, uint64_t flags)
{
	vaddr_t directory = reach_level(p, va, 1);

	if (vaddr_none(directory))
		return MM_ENOMEM;
	set_table_entry(p, entry_at(p, directory, table_index(p, va, 1)),
			pa.v | flags | PTE_PS | pgtable_nx(p));
	return 0;
}

bool pgtable_clear(struct pgtable *p, vaddr_t va)
{
	unsigned level;
	uint64_t entry;
	vaddr_t at = find_leaf(p, va, &level, &entry);

	if (level != 0 || (entry & PTE_P) == 0)
		return false;
	set_table_entry(p, at, 0);
	return true;
}

bool pgtable_each(const struct pgtable *p, pgtable_fn *fn, void *ctx)
{
	vaddr_t table[PTE_LEVELS_64] = {{0}}, first[PTE_LEVELS_64] = {{0}};
	unsigned next[PTE_LEVELS_64] = {0}, l = p->levels - 1u;

	table[l] = p->top;
	if (!fn(ctx, p, p->top, l, first[l]))
		return false;
	while (l < p->levels) {
		unsigned i = next[l]++;
		uint64_t entry;

		if (l == 0 || i >> pgtable_bits(p, l) != 0) {
			l++;
			continue;
		}
		entry = table_entry(p, entry_at(p, table[l], i));
		if ((entry & PTE_P) == 0 || (l == 1 && (entry & PTE_PS) != 0))
			continue;
		first[l - 1] = pgtable_canonical(
			p, vaddr_add(first[l], (msize_t)i << pgtable_shift(p, l)));
		table[l - 1] = entry_table(p, entry);
		next[--l] = 0;
		if (!fn(ctx, p, table[l], l, first[l]))
			return false;
	}
	return true;
}

/* Gives the children of a table of level *ctx back. */
static bool drop_children(void *ctx, const struct pgtable *p, vaddr_t table, unsigned level,
			  vaddr_t first)
{
	(void)first;
	for (unsigned i = 0; level == *(const unsigned *)ctx && i >> pgtable_bits(p, level) == 0;
	     i++) {
		vaddr_t at = entry_at(p, table, i);
		uint64_t entry = table_entry(p, at);

		if ((entry & PTE_P) == 0 || (level == 1 && (entry & PTE_PS) != 0))
			continue;
		set_table_entry(p, at, 0);
		drop_table(p, entry_table(p, entry), level - 1);
	}
	return true;
}

void pgtable_destroy(struct pgtable *p)
{
	if (vaddr_none(p->top))
		return;
	for (unsigned level = 1; level < p->levels; level++)
		(void)pgtable_each(p, drop_children, &level);
	drop_table(p, p->top, p->levels - 1u);
}

struct walk_ctx {
	walk_fn *fn;
	void *ctx;
};

static bool walk_table(void *ctx, const struct pgtable *p, vaddr_t table, unsigned level,
		       vaddr_t first)
{
	const struct walk_ctx *w = ctx;
	msize_t bytes = pgtable_bytes(p, level);

	(void)first;
	w->fn(w->ctx, &(struct walk_span){table, bytes, MM_METADATA, "page table", level});
	w->fn(w->ctx,
	      &(struct walk_span){vaddr_add(table, bytes), ((msize_t)1 << PTE_PAGE_SHIFT) - bytes,
				  MM_SLACK, "page table's tail", level});
	return true;
}

void pgtable_walk(const struct pgtable *p, walk_fn *fn, void *ctx)
{
	struct walk_ctx w = {fn, ctx};

	(void)pgtable_each(p, walk_table, &w);
}
