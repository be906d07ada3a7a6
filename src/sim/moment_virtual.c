#include "sim/moment_virtual.h"

#include "sim/timeline_private.h"

/* ---- windows and areas: read from the image, so a corrupt one may fault ---- */

struct looking {
	struct system *s;
	struct moment_window *window;
	struct map_area *area;
	unsigned alloc;
	uint64_t from;
	size_t nr, max;
};

static void read_windows(void *ctx)
{
	struct looking *l = ctx;

	for (unsigned i = 0; i < l->s->nr_allocs; i++) {
		const struct sys_alloc *a = &l->s->allocs[i];
		struct map_window w;

		for (unsigned k = 0; a->ops->maps != NULL && l->nr < l->max &&
				     a->ops->maps->window(a->alloc, k, &w);
		     k++)
			l->window[l->nr++] = (struct moment_window){i, w};
	}
}

unsigned moment_windows(struct timeline *t, struct moment_window *out, unsigned max)
{
	struct looking l = {.s = &t->view.sys, .window = out, .max = max};

	(void)!replay_read(&t->view.replay, read_windows, &l);
	return (unsigned)l.nr;
}

static void read_areas(void *ctx)
{
	struct looking *l = ctx;
	const struct sys_alloc *a = &l->s->allocs[l->alloc];
	vaddr_t va = {l->from};

	while (l->nr < l->max && a->ops->maps->next(a->alloc, va, &l->area[l->nr])) {
		const struct map_area *m = &l->area[l->nr];

		/* A corrupt list must not lead in a circle. */
		if (m->bytes == 0 || m->base.v + m->bytes <= va.v)
			return;
		va.v = m->base.v + m->bytes;
		l->nr++;
	}
}

size_t moment_areas(struct timeline *t, unsigned alloc, uint64_t from, struct map_area *out,
		    size_t max)
{
	struct looking l = {
		.s = &t->view.sys, .area = out, .alloc = alloc, .from = from, .max = max};

	if (alloc >= t->view.sys.nr_allocs || t->view.sys.allocs[alloc].ops->maps == NULL)
		return 0;
	(void)!replay_read(&t->view.replay, read_areas, &l);
	return l.nr;
}

/* ---- page tables ---- */

struct level {
	const char *name;
	unsigned shift, bits;
};

static unsigned levels_of(enum pte_format f, const struct level **out)
{
	static const struct level narrow[] = {{"directory", PTE_DIR_SHIFT_32, PTE_TABLE_BITS_32},
					      {"table", PTE_PAGE_SHIFT, PTE_TABLE_BITS_32}};
	static const struct level wide[] = {{"PML4", PTE_PML4_SHIFT, PTE_TABLE_BITS_64},
					    {"pointer", PTE_POINTER_SHIFT, PTE_TABLE_BITS_64},
					    {"directory", PTE_DIR_SHIFT_64, PTE_TABLE_BITS_64},
					    {"table", PTE_PAGE_SHIFT, PTE_TABLE_BITS_64}};

	*out = f == PTE_X86_32 ? narrow : f == PTE_X86_PAE ? wide + 1 : wide;
	return f == PTE_X86_32 ? PTE_LEVELS_32 : f == PTE_X86_PAE ? PTE_LEVELS_PAE : PTE_LEVELS_64;
}

const struct mmu *moment_mmu(const struct timeline *t)
{
	const struct mmu *u = &t->view.sys.mmu;

	return u->state != NULL && u->state->top != 0 ? u : NULL;
}

unsigned moment_page_walk(const struct timeline *t, uint64_t va,
			  struct table_step out[MAX_TABLE_STEPS])
{
	const struct mmu *u = moment_mmu(t);
	const struct level *level;
	uint64_t table, bytes;
	unsigned nr;

	if (u == NULL)
		return 0;
	nr = levels_of(u->format, &level);
	bytes = u->format == PTE_X86_32 ? 4 : 8;
	table = u->state->top;
	for (unsigned i = 0; i < nr; i++) {
		struct table_step *s = &out[i];

		*s = (struct table_step){.name = level[i].name,
					 .table = table,
					 .index = (va >> level[i].shift) &
						  ((1u << level[i].bits) - 1),
					 .maps = 1ull << level[i].shift};
		s->at = table + s->index * bytes;
		if (!physmem_read(&t->view.sys.pm, s->at, &s->entry, bytes))
			return i;
		s->present = (s->entry & PTE_P) != 0;
		s->leaf = i + 1 == nr || (s->entry & PTE_PS) != 0;
		if (!s->present || s->leaf)
			return i + 1;
		table = s->entry & (u->format == PTE_X86_32 ? PTE_ADDR_32 : PTE_ADDR_64);
	}
	return nr;
}

/* ---- TLBs ---- */

unsigned moment_tlb(const struct timeline *t, unsigned cpu, unsigned level, struct tlb_view *out,
		    unsigned max)
{
	const struct mmu *u = moment_mmu(t);
	const struct tlb_entry *e;
	unsigned nr = 0, wide;

	if (u == NULL || cpu >= u->cpus || level >= u->nr_tlbs)
		return 0;
	wide = u->format == PTE_X86_32 ? PTE_DIR_SHIFT_32 : PTE_DIR_SHIFT_64;
	e = &u->state->entry[cpu * u->per_cpu + u->tlb[level].first];
	for (unsigned i = 0; i < u->tlb[level].sets * u->tlb[level].ways; i++) {
		bool large = (e[i].tag & 1) != 0;

		if (e[i].tag == 0)
			continue;
		if (nr < max)
			out[nr] = (struct tlb_view){.va = ((e[i].tag - 2) >> 1)
							  << (large ? wide : PTE_PAGE_SHIFT),
						    .pa = e[i].pa,
						    .used = e[i].used,
						    .large = large};
		nr++;
	}
	return nr;
}
