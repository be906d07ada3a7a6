/*
 * Packs the sections of a binary trace and writes them, in the order they are given,
 * one at a time: at once, or on a thread of its own while the caller makes the next.
 *
 * Of one caller.  The thread is begun when it is first asked for; it takes no signals.
 */
#ifndef SIM_TRACE_PACKER_H
#define SIM_TRACE_PACKER_H

#include <stdbool.h>
#include <stddef.h>

#include "model/mem.h"
#include "sim/trace_binary.h"

struct packer;

/* For descriptor `fd`, borrowed, at a zstd level.  NULL: out of memory. */
struct packer *packer_create(int fd, int level) MUST_USE;

/* Waits for the section under way.  NULL is fine. */
void packer_destroy(struct packer *p);

/*
 * The memory for the next section, at least `bytes` of it; what it held is lost when it
 * grows.  NULL: out of memory.  Waits for the section under way if it must grow.
 */
uint8_t *packer_raw(struct packer *p, size_t bytes) MUST_USE;

/*
 * Takes the next section from that memory: *s with kind, raw, count and first set.  Settles
 * first; then the memory is another.  `aside`: on the thread, if one can be had.
 */
void packer_put(struct packer *p, const struct binary_section *s, bool aside);

/*
 * Waits until everything given is written.  Adds the bytes written since the last time to
 * *written.  0, or the errno of a write that failed, again every time.
 */
int packer_settle(struct packer *p, uint64_t *written) MUST_USE;

#endif
