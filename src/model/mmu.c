#include "model/mmu.h"

#include <errno.h>
#include <stdlib.h>

#include "model/fault.h"

/* Linux' tlb_single_page_flush_ceiling: beyond it flushing all is cheaper. */
#define FLUSH_CEILING 33u

enum pte_format mmu_format(enum mmu_kind kind)
{
	static const enum pte_format of[] = {[MMU_NONE] = PTE_NO_PAGING,
					     [MMU_X86_32] = PTE_X86_32,
					     [MMU_X86_PAE] = PTE_X86_PAE,
					     [MMU_X86_64] = PTE_X86_64};

	return of[kind];
}

int mmu_init(struct mmu *u, const struct machine *m, struct physmem *pm)
{
	*u = (struct mmu){.format = mmu_format(m->mmu), .pm = pm, .cpus = m->cpus ? m->cpus : 1};
	if (u->format == PTE_NO_PAGING)
		return 0;
	for (unsigned i = 0; i < m->nr_tlbs && i < MMU_MAX_TLBS; i++) {
		const struct tlb_conf *c = &m->tlbs[i];

		u->tlb[i].ways = c->ways;
		u->tlb[i].sets = c->entries / c->ways;
		u->tlb[i].hit_cycles = c->hit_cycles;
		u->tlb[i].miss_cycles = c->miss_cycles;
		u->tlb[i].first = u->per_cpu;
		u->per_cpu += u->tlb[i].sets * c->ways;
		u->nr_tlbs++;
	}
	u->bytes = sizeof *u->state + (size_t)u->per_cpu * u->cpus * sizeof u->state->entry[0];
	u->state = calloc(1, u->bytes);
	return u->state != NULL ? 0 : -ENOMEM;
}

void mmu_finish(struct mmu *u)
{
	free(u->state);
	*u = (struct mmu){0};
}

/* ---- the walk ---- */

static unsigned levels(enum pte_format f)
{
	return f == PTE_X86_32 ? PTE_LEVELS_32 : f == PTE_X86_PAE ? PTE_LEVELS_PAE : PTE_LEVELS_64;
}

static unsigned index_shift(enum pte_format f, unsigned level)
{
	static const uint8_t wide[] = {PTE_PAGE_SHIFT, PTE_DIR_SHIFT_64, PTE_POINTER_SHIFT,
				       PTE_PML4_SHIFT};

	if (f == PTE_X86_32)
		return level == 0 ? PTE_PAGE_SHIFT : PTE_DIR_SHIFT_32;
	return wide[level];
}

static unsigned index_bits(enum pte_format f, unsigned level)
{
	if (f == PTE_X86_32)
		return PTE_TABLE_BITS_32;
	return f == PTE_X86_PAE && level == 2 ? PTE_POINTER_BITS : PTE_TABLE_BITS_64;
}

static bool is_address(enum pte_format f, uint64_t va)
{
	if (f != PTE_X86_64)
		return va >> 32 == 0;
	return va >> 47 == 0 || va >> 47 == 0x1ffff;
}

/* One entry; false: it lies in no RAM. */
static bool load_entry(const struct mmu *u, uint64_t at, uint64_t *entry)
{
	uint32_t narrow;

	if (u->format != PTE_X86_32)
		return physmem_read(u->pm, at, entry, sizeof *entry);
	if (!physmem_read(u->pm, at, &narrow, sizeof narrow))
		return false;
	*entry = narrow;
	return true;
}

/* The processor's own stores: accessed and dirty, in the low byte of an entry. */
static void set_bits(const struct mmu *u, uint64_t at, uint64_t bits)
{
	u->pm->window[at] |= (uint8_t)bits;
	u->pm->touched[at >> MM_TOUCH_SHIFT] = true;
	if (mm_unlikely(u->pm->watch != NULL))
		mm_watch_store(u->pm->watch, at, 1);
}

struct leaf {
	uint64_t at, entry; /* of the leaf, or where it ended */
	uint64_t rights; /* RW and US of all levels together */
};

/* Down the tables; *w gets fault, level, loads and, of a leaf, the physical address. */
static struct leaf walk(const struct mmu *u, uint64_t va, struct mmu_walk *w)
{
	uint64_t table = u->state->top,
		 address = u->format == PTE_X86_32 ? PTE_ADDR_32 : PTE_ADDR_64;
	struct leaf x = {0, 0, PTE_RW | PTE_US};

	w->fault = is_address(u->format, va) ? MMU_OK : MMU_NO_ADDRESS;
	for (unsigned l = levels(u->format); w->fault == MMU_OK;) {
		uint64_t i;

		l--;
		i = va >> index_shift(u->format, l) & ((1u << index_bits(u->format, l)) - 1);
		w->level = l;
		w->loads++;
		x.at = table + (i << (u->format == PTE_X86_32 ? 2 : 3));
		if (!load_entry(u, x.at, &x.entry)) {
			w->fault = MMU_NO_ADDRESS;
		} else if ((x.entry & PTE_P) == 0) {
			w->fault = MMU_NOT_PRESENT;
		} else if (l == 0 || (l == 1 && (x.entry & PTE_PS) != 0)) {
			uint64_t in = va & ((1ull << index_shift(u->format, l)) - 1);

			x.rights &= x.entry;
			w->pa = (x.entry & address & ~((1ull << index_shift(u->format, l)) - 1)) |
				in;
			break;
		}
		/* PAE's directory pointers have no rights. */
		if (u->format != PTE_X86_PAE || l != 2)
			x.rights &= x.entry;
		table = x.entry & address;
	}
	return x;
}

struct mmu_walk mmu_probe(const struct mmu *u, uint64_t va)
{
	struct mmu_walk w = {.fault = MMU_NO_ADDRESS};

	if (u->state != NULL && u->state->top != 0)
		(void)walk(u, va, &w);
	return w;
}

/* ---- the TLBs ---- */

static uint64_t tag_of(const struct mmu *u, uint64_t va, unsigned level)
{
	return (va >> index_shift(u->format, level)) * 2 + level + 2;
}

static struct tlb_entry *set_of(const struct mmu *u, unsigned cpu, unsigned tlb, uint64_t va,
				unsigned level)
{
	uint64_t set = (va >> index_shift(u->format, level)) % u->tlb[tlb].sets;

	return &u->state->entry[cpu * u->per_cpu + u->tlb[tlb].first + set * u->tlb[tlb].ways];
}

static struct tlb_entry *look_up(const struct mmu *u, unsigned cpu, unsigned tlb, uint64_t va)
{
	for (unsigned level = 0; level < 2; level++) {
		struct tlb_entry *e = set_of(u, cpu, tlb, va, level);

		for (unsigned i = 0; i < u->tlb[tlb].ways; i++)
			if (e[i].tag == tag_of(u, va, level))
				return &e[i];
	}
	return NULL;
}

/* Over the entry of the set that was used longest ago. */
static void fill(const struct mmu *u, unsigned cpu, unsigned tlb, uint64_t va, unsigned level,
		 const struct leaf *x, uint64_t pa)
{
	struct tlb_entry *e = set_of(u, cpu, tlb, va, level), *old = e;

	for (unsigned i = 1; i < u->tlb[tlb].ways; i++)
		if (e[i].used < old->used)
			old = &e[i];
	*old = (struct tlb_entry){.tag = tag_of(u, va, level),
				  .pa = pa & ~((1ull << index_shift(u->format, level)) - 1),
				  .used = u->state->now,
				  .flags = (x->entry & (PTE_G | PTE_D)) | x->rights};
}

static bool allowed(uint64_t rights, const struct mmu_access *a)
{
	return (!a->write || (rights & PTE_RW) != 0) && (!a->user || (rights & PTE_US) != 0);
}

/* A hit in some TLB serves the access, unless it is the first write: then the walk sets D. */
static bool from_tlb(struct mmu *u, const struct mmu_access *a, unsigned cpu, struct mmu_walk *w)
{
	for (unsigned t = 0; t < u->nr_tlbs; t++) {
		struct tlb_entry *e = look_up(u, cpu, t, a->va);

		if (e == NULL || !allowed(e->flags, a) || (a->write && (e->flags & PTE_D) == 0)) {
			u->state->n.misses[t]++;
			w->missed++;
			if (e != NULL)
				e->tag = 0;
			continue;
		}
		w->level = (e->tag & 1) != 0;
		w->pa = e->pa | (a->va & ((1ull << index_shift(u->format, w->level)) - 1));
		w->cycles = u->tlb[t].hit_cycles;
		e->used = u->state->now;
		u->state->n.hits[t]++;
		return true;
	}
	return false;
}

static void from_tables(struct mmu *u, const struct mmu_access *a, unsigned cpu, struct mmu_walk *w)
{
	struct leaf x = walk(u, a->va, w);
	uint64_t bits = PTE_A | (a->write ? PTE_D : 0);

	w->cycles = u->nr_tlbs != 0 ? u->tlb[u->nr_tlbs - 1].miss_cycles : 0;
	u->state->n.walks++;
	u->state->n.walk_loads += w->loads;
	if (w->fault == MMU_OK && !allowed(x.rights, a))
		w->fault = MMU_PROTECTED;
	if (w->fault != MMU_OK)
		return;
	if ((x.entry & bits) != bits)
		set_bits(u, x.at, bits);
	x.entry |= bits;
	for (unsigned t = 0; t < u->nr_tlbs; t++)
		fill(u, cpu, t, a->va, w->level, &x, w->pa);
}

struct mmu_walk mmu_access(struct mmu *u, const struct mmu_access *a)
{
	struct mmu_walk w = {.fault = MMU_OK};
	struct mmu_counts *n = &u->state->n;
	unsigned cpu = a->cpu < u->cpus ? a->cpu : 0;

	u->state->now++;
	n->accesses++;
	if (!from_tlb(u, a, cpu, &w))
		from_tables(u, a, cpu, &w);
	n->cycles += w.cycles;
	if (w.fault != MMU_OK) {
		n->faults++;
		return w;
	}
	/* The others of the row find it in the first TLB. */
	n->accesses += a->count - 1;
	if (u->nr_tlbs != 0) {
		n->hits[0] += a->count - 1;
		n->cycles += (a->count - 1) * u->tlb[0].hit_cycles;
		w.cycles += (a->count - 1) * u->tlb[0].hit_cycles;
	}
	return w;
}

/* ---- flushes ---- */

static void flush_all(struct mmu *u, bool global)
{
	for (size_t i = 0; i < (size_t)u->per_cpu * u->cpus; i++)
		if (global || (u->state->entry[i].flags & PTE_G) == 0)
			u->state->entry[i] = (struct tlb_entry){0};
	u->state->n.flushes_all++;
}

void mmu_flush(struct mmu *u, uint64_t va, uint64_t bytes)
{
	uint64_t pages = (bytes >> PTE_PAGE_SHIFT) + ((bytes & ((1u << PTE_PAGE_SHIFT) - 1)) != 0);

	if (pages > FLUSH_CEILING) {
		flush_all(u, true);
		return;
	}
	for (uint64_t i = 0; i < pages; i++) {
		for (unsigned cpu = 0; cpu < u->cpus; cpu++)
			for (unsigned t = 0; t < u->nr_tlbs; t++) {
				struct tlb_entry *e =
					look_up(u, cpu, t, va + (i << PTE_PAGE_SHIFT));

				if (e != NULL)
					*e = (struct tlb_entry){0};
			}
		u->state->n.flushes_page++;
	}
}

void mmu_switch(struct mmu *u, uint64_t top)
{
	if (u->state->top == top)
		return;
	if (u->state->top != 0)
		flush_all(u, false);
	u->state->top = top;
}

void mm_tlb_flush(const struct mem *m, vaddr_t va, msize_t bytes)
{
	if (m->sh->mmu != NULL && !m->readonly)
		mmu_flush(m->sh->mmu, va.v, bytes);
}
