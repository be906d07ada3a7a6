/*
 * A program's trace as a page allocator's: alloc_pages of the order of each object's size.
 * So recorded programs are a load for page allocators.
 */
#ifndef SIM_TRACE_PAGES_H
#define SIM_TRACE_PAGES_H

#include "sim/trace.h"
#include "sim/trace_writer.h"

/* What came of it. */
struct pages_counts {
	uint64_t copied, left_out; /* events */
	uint64_t oversize; /* objects larger than a block of the largest order */
};

/*
 * Writes the rest of r's events with a block of pages of `page` bytes (any number, not 0)
 * for each object; the order is the least whose block holds it, up to `max_order` (under
 * 32).  Larger objects are left out, and what concerns them.  A realloc that needs another
 * order becomes a free and a new block, any other is left out.  Events of pages and
 * markers stay as they are.
 *
 * 0, or -1 with *d.  Reader and writer are the caller's.  O(events).
 */
int trace_as_pages(struct trace_reader *r, uint64_t page, unsigned max_order,
		   struct trace_writer *w, struct pages_counts *out, struct diag *d) MUST_USE;

#endif
