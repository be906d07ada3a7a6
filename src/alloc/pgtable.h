/*
 * pgtable: page tables that are real pages, for whoever maps kernel addresses.
 * The layout is the processor's (model/pte.h); this is the software that writes it.
 *
 * A table page is marked as taken in its page descriptor: `private` holds the owner's root,
 * `next` its level, `prev` PGTABLE_MARK.  Tables made are kept until the end, as Linux keeps
 * those of the kernel's half: an unmapped range leaves empty tables behind.
 */
#ifndef ALLOC_PGTABLE_H
#define ALLOC_PGTABLE_H

#include "alloc/alloc.h"
#include "model/pte.h"

struct page_source;

/* Geometry; the tables are in the image. */
struct pgtable {
	struct mem *m; /* whose account the tables are in */
	struct page_source *pages;
	vaddr_t owner; /* its root, in every table's descriptor */
	vaddr_t top; /* the top-level table */
	uint32_t zones; /* that may hold tables: the direct map's */
	uint8_t format; /* enum pte_format */
	uint8_t levels;
};

#define PGTABLE_MARK 1u

/* Flags of the kernel's leaves: writable data, seen by all address spaces. */
#define PGTABLE_KERNEL  (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_G)
#define PGTABLE_NOCACHE (PGTABLE_KERNEL | PTE_PCD)

/* Fills *p; the top-level table is made by pgtable_create, or given to pgtable_adopt. */
int pgtable_create(struct pgtable *p, const struct alloc_env *env, vaddr_t owner) MUST_USE;
void pgtable_adopt(struct pgtable *p, const struct alloc_env *env, vaddr_t owner, vaddr_t top);

/* Gives every table back: for an init that failed later on. */
void pgtable_destroy(struct pgtable *p);

/* log2 of what an entry of `level` maps (level 0: a leaf of one page), and of a table's entries. */
unsigned pgtable_shift(const struct pgtable *p, unsigned level);
unsigned pgtable_bits(const struct pgtable *p, unsigned level);

/* Makes the tables that a page at va needs.  MM_ENOMEM: those made so far stay.  O(levels). */
int pgtable_reach(struct pgtable *p, vaddr_t va) MUST_USE;

/* Writes the leaf of va, whose tables are there; NX is added where the format has it. */
void pgtable_set(struct pgtable *p, vaddr_t va, paddr_t pa, uint64_t flags);

/* A large page at va (aligned to it), in the directory.  MM_ENOMEM as above. */
int pgtable_set_large(struct pgtable *p, vaddr_t va, paddr_t pa, uint64_t flags) MUST_USE;

/* Clears the leaf of va; true if it was present.  The TLB is the caller's to flush. */
bool pgtable_clear(struct pgtable *p, vaddr_t va);

/*
 * The entry that maps va, by the tables alone: the leaf or the large page, 0 where
 * there is none.  *level: 0 or 1; where the walk ended if there is none.
 */
uint64_t pgtable_entry(const struct pgtable *p, vaddr_t va, unsigned *level);

/* The address in an entry. */
static inline paddr_t pgtable_address(const struct pgtable *p, uint64_t entry)
{
	return (paddr_t){entry & (p->format == PTE_X86_32 ? PTE_ADDR_32 : PTE_ADDR_64)};
}

/* NX where the format has it. */
static inline uint64_t pgtable_nx(const struct pgtable *p)
{
	return p->format == PTE_X86_32 ? 0 : PTE_NX;
}

/*
 * Every table, parents first: fn gets its address, its level and the first address it
 * maps, and says whether to go on.  false: fn said no.  O(tables × entries).
 */
typedef bool pgtable_fn(void *ctx, const struct pgtable *p, vaddr_t table, unsigned level,
			vaddr_t first);
bool pgtable_each(const struct pgtable *p, pgtable_fn *fn, void *ctx);

/* Bytes of a table of `level` that the processor reads: a page, but for PAE's pointers. */
static inline msize_t pgtable_bytes(const struct pgtable *p, unsigned level)
{
	return (msize_t)(p->format == PTE_X86_32 ? 4 : 8) << pgtable_bits(p, level);
}

/* Each table as metadata, and what it leaves of its page. */
void pgtable_walk(const struct pgtable *p, walk_fn *fn, void *ctx);

/*
 * T1 to T3: every table is a live page that says so, entries that name tables have
 * the flags of such, absent ones are zero.  `leaf` judges the others.  *nr: tables.
 */
typedef int pgtable_leaf_fn(void *ctx, vaddr_t va, unsigned level, uint64_t entry,
			    struct check_report *r);
int pgtable_check(const struct pgtable *p, uint64_t *nr, pgtable_leaf_fn *leaf, void *ctx,
		  struct check_report *r) MUST_USE;

#endif
