/*
 * The files of /proc and /sys/kernel/debug/extfrag as the simulated machine's kernel
 * would show them, in the kernel's own formats, of the moment of the call.
 */
#ifndef SIM_KERNEL_WRITE_H
#define SIM_KERNEL_WRITE_H

#include "sim/replay.h"

#define KERNEL_WRITE_FILES 10u

struct kernel_texts {
	struct kernel_text {
		const char *name; /* below the folder: "zoneinfo", "vm/min_free_kbytes" */
		char *text; /* owned */
		size_t bytes;
	} file[KERNEL_WRITE_FILES];
	unsigned nr;
};

/*
 * Fills *out; what this machine has not (slabs, an address space) is an empty table.
 * -1: out of memory, nothing is left in *out.  O(what the allocators hold).
 */
int kernel_write(struct replay *r, struct kernel_texts *out) MUST_USE;
void kernel_texts_free(struct kernel_texts *t); /* zeroed is fine */

/*
 * "DMA", "DMA32", "Normal", "HighMem", "Movable";
 * other zones are called as the machine calls them.
 */
void kernel_zone_name(const char *name, char buf[32]);

#endif
