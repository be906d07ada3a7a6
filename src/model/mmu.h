/*
 * The processor's memory management unit: page walks over tables in the image, and
 * TLBs before them.  It reads what the software wrote (see pte.h) and nothing else.
 *
 * A TLB level is a set-associative cache of translations with least recently used
 * replacement, one a CPU.  Levels are tried in order; where all miss, the tables are
 * walked, which costs one load a level, and the translation fills every level.  A
 * large page takes one entry.  Real processors have separate entries for large pages
 * and caches for the upper levels of a walk: neither is modelled.
 *
 * All that changes is one pointer-free block, so that a checkpoint is a copy.
 */
#ifndef MODEL_MMU_H
#define MODEL_MMU_H

#include "model/machine.h"
#include "model/pte.h"

#define MMU_MAX_TLBS 4u

enum mmu_fault {
	MMU_OK,
	MMU_NOT_PRESENT, /* an entry on the way is absent */
	MMU_PROTECTED, /* a write where none is allowed, or user mode where it is not */
	MMU_NO_ADDRESS /* not an address of this format; or a table lies in no RAM */
};

/* What happened to accesses; figures of a run. */
struct mmu_counts {
	uint64_t accesses;
	uint64_t hits[MMU_MAX_TLBS], misses[MMU_MAX_TLBS]; /* by level */
	uint64_t walks, walk_loads;
	uint64_t faults;
	uint64_t cycles; /* of translation: a hit's or the last level's miss */
	uint64_t flushes_page, flushes_all; /* single pages dropped; whole TLBs dropped */
};

struct mmu_state {
	uint64_t top; /* physical address of the top-level table (CR3) */
	uint64_t now; /* counts accesses, for the age of entries */
	struct mmu_counts n;
	struct tlb_entry {
		uint64_t tag; /* virtual page number × 2 + 1 for a large page, + 2; 0: empty */
		uint64_t pa;
		uint64_t used; /* when last */
		uint64_t flags;
	} entry[]; /* cpu-major, then level, then set */
};

struct mmu {
	enum pte_format format;
	struct physmem *pm; /* borrowed */
	unsigned cpus, nr_tlbs;
	struct {
		uint32_t sets, ways, hit_cycles, miss_cycles,
			first; /* first: index of its entries */
	} tlb[MMU_MAX_TLBS];
	uint32_t per_cpu; /* entries of all levels */
	size_t bytes; /* of *state */
	struct mmu_state *state; /* owned; NULL: no MMU */
};

/* As the machine describes it. 0 or -ENOMEM; without an MMU a zeroed one. */
int mmu_init(struct mmu *u, const struct machine *m, struct physmem *pm) MUST_USE;
void mmu_finish(struct mmu *u); /* zeroed is fine */

enum pte_format mmu_format(enum mmu_kind kind);

struct mmu_walk {
	uint64_t pa;
	enum mmu_fault fault;
	unsigned level; /* of the leaf: 1 is a large page; with a fault, where it was found */
	unsigned loads; /* page-table loads of this access: 0 for a hit */
	unsigned missed; /* TLB levels that missed */
	uint64_t cycles;
};

struct mmu_access {
	uint64_t va;
	unsigned cpu;
	bool write, user;
	uint64_t count; /* accesses to this page in a row, at least 1 */
};

/* Translates and counts. */
struct mmu_walk mmu_access(struct mmu *u, const struct mmu_access *a);

/* The tables alone: no TLB, no counting, no accessed or dirty bits.  For display and tests. */
struct mmu_walk mmu_probe(const struct mmu *u, uint64_t va);

/* Drops [va, va + bytes) from all CPUs; more than 33 pages: everything, as Linux does. */
void mmu_flush(struct mmu *u, uint64_t va, uint64_t bytes);

/* The address space's tables; another one than before drops what is not global. */
void mmu_switch(struct mmu *u, uint64_t top);

#endif
