/* What a finding of the replay says, in words. */
#ifndef SIM_FINDINGS_H
#define SIM_FINDINGS_H

#include <stddef.h>

#include "sim/replay.h"

#define FINDING_TEXT 320u

/*
 * Writes the text of *b.  `what`:
 *   d  the object is not live             p  the allocator refuses the pointer
 *   b  the cache is in use
 *   f  no page is mapped at `where`       w  a write where the page allows none
 *   h  the page at `where` (physical) has no kernel address: it lies in HIGHMEM
 *   o  the slot at `where` shows another page by now: a later kmap_atomic took it
 *   m  a device access of `number` bytes, a width that region `other` forbids
 *   a  such an access that is misaligned    e  one in the wrong byte order
 * Kernel stacks; nr_holders: bytes of thread_info and end mark written over:
 *   I  a frame over thread_info           S  and `number` bytes into what lies below: `other`
 *   G  the guard page caught it           E  the end mark is found overwritten
 *   X  a return through an overwritten frame   U  more is popped than was pushed
 *   Q  no interrupt to leave, or too many in each other
 */
void finding_text(const struct replay *r, const struct bad_event *b, char *buf, size_t n);

/*
 * Writes why a run ended with REPLAY_FAULT: event, operation, what happened, and of an
 * access its kind, address and region.
 */
void fault_text(const struct replay *r, char *buf, size_t n);

/* The region that an address of the linear view lies in; NULL: none. */
const char *fault_region(const struct system *s, uint64_t va);

#endif
