/*
 * Page tables: entries of 4 or 8 bytes at table + index * size.  An entry of 8
 * bytes is written in two halves by a 32-bit machine, the low one with PTE_P last.
 */
#ifndef ALLOC_PGTABLE_LAYOUT_H
#define ALLOC_PGTABLE_LAYOUT_H

#include "alloc/pgtable.h"

static inline unsigned entry_shift(const struct pgtable *p)
{
	return p->format == PTE_X86_32 ? 2 : 3;
}

/* Index in a table of `level` of the entry on va's way. */
static inline unsigned table_index(const struct pgtable *p, vaddr_t va, unsigned level)
{
	return (unsigned)(va.v >> pgtable_shift(p, level)) & ((1u << pgtable_bits(p, level)) - 1);
}

static inline vaddr_t entry_at(const struct pgtable *p, vaddr_t table, unsigned index)
{
	return vaddr_add(table, (msize_t)index << entry_shift(p));
}

static inline uint64_t table_entry(const struct pgtable *p, vaddr_t at)
{
	if (p->format == PTE_X86_32)
		return mem_ld32(p->m, at);
	return mem_ld32(p->m, at) | (uint64_t)mem_ld32(p->m, vaddr_add(at, 4)) << 32;
}

static inline void set_table_entry(const struct pgtable *p, vaddr_t at, uint64_t entry)
{
	if (p->format != PTE_X86_32)
		mem_st32(p->m, vaddr_add(at, 4), (uint32_t)(entry >> 32));
	mem_st32(p->m, at, (uint32_t)entry);
}

/* An address of 48 bits, whose highest one fills the rest. */
static inline vaddr_t pgtable_canonical(const struct pgtable *p, vaddr_t va)
{
	uint64_t x = va.v;

	if (p->format == PTE_X86_64 && (x >> 47 & 1) != 0)
		x |= (uint64_t)0xffff << 48;
	return (vaddr_t){(msize_t)x};
}

/* The table that an entry names, in the direct map. */
static inline vaddr_t entry_table(const struct pgtable *p, uint64_t entry)
{
	return mem_va(p->m, pgtable_address(p, entry));
}

/* Flags of an entry that names a table of `level`. */
static inline uint64_t table_flags(const struct pgtable *p, unsigned level)
{
	if (p->format == PTE_X86_PAE && level + 2 == PTE_LEVELS_PAE)
		return PTE_P;
	return PTE_P | PTE_RW | PTE_A | PTE_D;
}

#endif
