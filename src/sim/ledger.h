/*
 * The ledger: every byte of every region in exactly one class, by owner.
 *
 * Rows are moved by mm_account (model/mem.h); owner 0 is the machine itself.
 * All of it lies in one pointer-free block, so that a checkpoint is a copy.
 *
 *   block: rows[owner][region] | peak[owner][region] | count[owner][event] | search[owner]
 *
 * `peak` is the rows at the moment of most live bytes: the rows as they stood
 * just before the first event that lowered the live bytes from their maximum.
 */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include "alloc/alloc.h"
#include "model/machine.h"

#define LEDGER_MACHINE 0u
#define LEDGER_ACTIVE  16u

struct ledger {
	unsigned nr_owners, nr_regions;
	size_t bytes; /* of the block */
	void *block; /* owned */
	struct mm_row *rows, *peak;
	uint64_t *count;
	struct mm_search *search;
	/* A cache, no state: the rows that may have changed while no view went on to another. */
	uint64_t finds;
	unsigned nr_active;
	unsigned active[LEDGER_ACTIVE];
};

/* -ENOMEM, or 0 with all rows zero. */
int ledger_init(struct ledger *l, unsigned nr_owners, unsigned nr_regions) MUST_USE;
void ledger_finish(struct ledger *l);

/* RAM not reserved is MM_UNMANAGED, all else MM_RESERVED, in the machine's rows. */
void ledger_boot(struct ledger *l, const struct machine *m);

/* Points a view at its owner's rows, counters and searches. */
void ledger_bind(struct ledger *l, struct mem *view, unsigned owner);

/*
 * Copies rows changed since the last call to peak.  `finds` is mm_shared.row_finds:
 * while it stands, only the rows that changed last time can change, and O(those) is
 * the cost; else O(rows).
 */
void ledger_snapshot_peak(struct ledger *l, uint64_t finds);

/* The row of counters of an owner in a region; both must be there. */
struct mm_row *ledger_row(const struct ledger *l, unsigned owner, unsigned region);

/* Sums over owners (a region's classes), and over regions (an owner's). */
void ledger_region(const struct mm_row *rows, const struct ledger *l, unsigned region,
		   int64_t out[MM_NR_CLASSES]);
void ledger_owner(const struct mm_row *rows, const struct ledger *l, unsigned owner,
		  int64_t out[MM_NR_CLASSES]);
void ledger_total(const struct mm_row *rows, const struct ledger *l, int64_t out[MM_NR_CLASSES]);

/* "payload", "rounding", ... */
const char *mm_class_name(enum mm_class c);

#endif
