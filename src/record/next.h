/*
 * The allocator that the recorded program would have called: the next one in the
 * search order of the dynamic linker.
 */
#ifndef RECORD_NEXT_H
#define RECORD_NEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct next_functions {
	void *(*malloc)(size_t bytes);
	void *(*calloc)(size_t count, size_t bytes);
	void *(*realloc)(void *p, size_t bytes);
	void *(*reallocarray)(void *p, size_t count, size_t bytes);
	int (*posix_memalign)(void **p, size_t align, size_t bytes);
	void *(*aligned_alloc)(size_t align, size_t bytes);
	void *(*memalign)(size_t align, size_t bytes);
	void *(*valloc)(size_t bytes);
	void *(*pvalloc)(size_t bytes);
	void (*free)(void *p);
};

/*
 * Until the first call of any of them, each entry looks all of them up and goes on with the
 * real one.
 */
extern struct next_functions next;

#define EARLY_BYTES 16384

/* What the look-up itself asks for is served from here, not recorded, and never given back. */
extern unsigned char next_early[EARLY_BYTES];

static inline bool next_is_early(const void *p)
{
	return (uintptr_t)p - (uintptr_t)next_early < EARLY_BYTES;
}

#endif
