/*
 * A program's trace as a kernel's: kmalloc for malloc, and caches (kmem_cache) for the
 * commonest kinds of objects, as a kernel has them for its own.  So recorded programs
 * are a load for slab layers.
 */
#ifndef SIM_TRACE_KERNEL_H
#define SIM_TRACE_KERNEL_H

#include "sim/trace.h"
#include "sim/trace_writer.h"

#define KERNEL_MAX_CACHES 1024u

/* What came of it. */
struct kernel_counts {
	uint64_t events; /* written, the making of caches included */
	uint64_t objects; /* that came from caches */
	unsigned caches;
};

/*
 * Writes the trace at `path` with malloc, calloc, realloc and free as kmalloc, kcalloc,
 * krealloc and kfree; memalign as kmalloc of the power of two that is so aligned.  Objects
 * of a *kind* have one call site and one size; the `caches` kinds with most births, of at
 * least two objects, at most 8 KiB each and none ever resized, get a cache each, made
 * before all else and named by site and size.  Other events stay as they are.
 *
 * Reads the trace twice, once where `caches` is 0; standard input must be kept for that.
 * 0, or -1 with *d.  The writer is the caller's.  O(events + kinds log kinds).
 */
int trace_as_kernel(const char *path, unsigned caches, struct trace_writer *w,
		    struct kernel_counts *out, struct diag *d) MUST_USE;

#endif
