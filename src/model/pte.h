/*
 * Page tables of the x86, as the processor's manual gives them: all that the
 * software that writes them (src/alloc/pgtable.c) and the hardware that walks them
 * (src/model/mmu.c) have in common.  Constants only; neither borrows the other's
 * code, so that a mistake in one cannot hide in the other.
 *
 * Source: Intel SDM volume 3A, chapter 4: 32-bit paging (4.3), PAE paging (4.4),
 * 4-level paging (4.5).
 *
 *   32-bit   | directory 31..22 | table 21..12 | offset 11..0 |            entries of 4 bytes
 *   PAE      | pointer 31..30 | directory 29..21 | table 20..12 | offset |  entries of 8 bytes
 *   4-level  | PML4 47..39 | pointer 38..30 | directory 29..21 | table 20..12 | offset |
 *
 * A directory entry with PTE_PS maps a large page: 4 MiB in 32-bit paging, else 2 MiB.
 */
#ifndef MODEL_PTE_H
#define MODEL_PTE_H

#include "model/paddr.h"

enum pte_format { PTE_NO_PAGING, PTE_X86_32, PTE_X86_PAE, PTE_X86_64 };

#define PTE_PAGE_SHIFT 12u /* all formats: pages of 4 KiB */

/* Bits of an entry; the same in all formats, but for NX, which 32-bit entries lack. */
#define PTE_P   0x001ull /* present: nothing else means anything without it */
#define PTE_RW  0x002ull /* writes allowed */
#define PTE_US  0x004ull /* user mode allowed */
#define PTE_PWT 0x008ull /* write-through */
#define PTE_PCD 0x010ull /* not cached */
#define PTE_A   0x020ull /* accessed: set by the processor */
#define PTE_D   0x040ull /* dirty: set by the processor when it writes through a leaf */
#define PTE_PS  0x080ull /* a directory entry that maps a large page */
#define PTE_G   0x100ull /* global: outlives a change of the address space in the TLB */
#define PTE_NX  (1ull << 63) /* no code to be fetched (entries of 8 bytes) */

/* The address in an entry. */
#define PTE_ADDR_32 0xfffff000ull /* entries of 4 bytes */
#define PTE_ADDR_64 0x000ffffffffff000ull /* entries of 8 bytes */

/* Levels, from the leaf up; log2 of what one entry of a level maps, and of its table's entries. */
#define PTE_LEVELS_32     2u
#define PTE_LEVELS_PAE    3u
#define PTE_LEVELS_64     4u
#define PTE_TABLE_BITS_32 10u
#define PTE_TABLE_BITS_64 9u /* entries of 8 bytes */
#define PTE_POINTER_BITS  2u /* PAE: the directory pointer table has four entries */
#define PTE_DIR_SHIFT_32  22u
#define PTE_DIR_SHIFT_64  21u /* entries of 8 bytes */
#define PTE_POINTER_SHIFT 30u
#define PTE_PML4_SHIFT    39u

#endif
