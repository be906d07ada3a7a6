/*
 * Names of call sites: "function+0x1c module" from the process's map and the
 * module's ELF symbols, "module+0x12345" where no symbol covers the place.
 */
#ifndef RECORD_SITES_H
#define RECORD_SITES_H

#include <stdint.h>

#include "sim/trace_writer.h"

struct sites;

/*
 * For ring `number` of the session in `folder`: its process left a copy of its map
 * there.  NULL: out of memory.
 */
struct sites *sites_create(const char *folder, uint32_t number, int32_t pid);
void sites_destroy(struct sites *s); /* NULL is fine */

/*
 * Index of a return address's name in the trace; 0: no name could be made.  O(1) but for the
 * first time.
 */
uint32_t sites_index(struct sites *s, uint64_t address, struct trace_writer *w);

#endif
