/*
 * The figures computed on demand; definitions, formulas and sources are in
 * docs/figures.md.  All are integers: permille, or 1/65536.
 */
#ifndef SIM_FIGURES_H
#define SIM_FIGURES_H

#include "sim/replay.h"

/* Blocks free of each order 0 ... max in one zone. */
struct free_area {
	unsigned max_order;
	uint64_t nr_free[64];
};

/* Counts of one zone of a page allocator, from its free lists.  O(orders). */
void free_area_of(const struct sys_alloc *pages, unsigned zone, struct free_area *out);

/*
 * Linux's unusable free space index of an order, permille: the share of free
 * memory in blocks too small for it.  1000 when nothing is free.
 */
int unusable_index(const struct free_area *a, unsigned order);

/*
 * Linux's fragmentation index of an order, permille: towards 0 a failure would be
 * for lack of memory, towards 1000 for fragmentation; -1000 when a request would
 * succeed.  0 when there is no free block at all.
 */
int extfrag_index(const struct free_area *a, unsigned order);

/* Least list steps of the searches in bucket i of struct mm_search. */
uint64_t search_bucket(unsigned i);

/*
 * A free block that requests can be served from, whichever heap or zone it is of; by
 * walk, so a corrupt image may fault: see replay_read.  O(what the allocators hold).
 */
typedef void free_block_fn(void *ctx, const struct sys_alloc *a, uint64_t pa, uint64_t bytes);
void each_free_block(struct system *s, free_block_fn *fn, void *ctx);

/* Bytes of the largest free block in each region of the machine. */
void largest_by_region(struct system *s, uint64_t out[MACHINE_MAX_REGIONS]);

/* Searches in all.  O(buckets). */
uint64_t search_count(const struct mm_search *s);

/* The least number of steps that `permille` of the searches needed at most. */
uint64_t search_percentile(const struct mm_search *s, unsigned permille);

/* The four ratios of Johnstone and Wilson (1998), in 1/1000; 0 when undefined. */
void jw_ratios(const struct heap_figures *h, uint64_t out[4]);

#endif
