/*
 * Finding the next allocator, at the first call that anybody makes: that may be
 * the dynamic linker's, long before main.  dlsym may allocate itself (for its
 * error message, say), so while it runs requests are served from a small static
 * arena.  Nothing here is locked: the first call comes before there are threads.
 */
#include "record/next.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#define EARLY_ALIGN 16

_Alignas(4096) unsigned char next_early[EARLY_BYTES];
static size_t early_used;
static bool looking_up;

static void *early_alloc(size_t align, size_t bytes)
{
	size_t at;

	if (align < EARLY_ALIGN)
		align = EARLY_ALIGN;
	at = (early_used + align - 1) & ~(align - 1);
	if (at > EARLY_BYTES || bytes > EARLY_BYTES - at) {
		errno = ENOMEM;
		return NULL;
	}
	early_used = at + bytes;
	return next_early + at;
}

/* dlsym gives an object pointer; POSIX promises that it holds a function's address. */
#define LOOK_UP(name)                                                                              \
	do {                                                                                       \
		void *symbol = dlsym(RTLD_NEXT, #name);                                            \
		memcpy(&next.name, &symbol, sizeof symbol);                                        \
	} while (0)

/* False while a look-up is under way: the caller is dlsym. */
static bool look_up(void)
{
	if (looking_up)
		return false;
	looking_up = true;
	LOOK_UP(malloc);
	LOOK_UP(calloc);
	LOOK_UP(realloc);
	LOOK_UP(reallocarray);
	LOOK_UP(posix_memalign);
	LOOK_UP(aligned_alloc);
	LOOK_UP(memalign);
	LOOK_UP(valloc);
	LOOK_UP(pvalloc);
	LOOK_UP(free);
	looking_up = false;
	return true;
}

static void *first_malloc(size_t bytes)
{
	return look_up() ? next.malloc(bytes) : early_alloc(EARLY_ALIGN, bytes);
}

/* The arena is zero, and nothing in it is handed out twice. */
static void *first_calloc(size_t count, size_t bytes)
{
	size_t total;

	if (look_up())
		return next.calloc(count, bytes);
	if (__builtin_mul_overflow(count, bytes, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return early_alloc(EARLY_ALIGN, total);
}

/* Copies what may be the old block: at most all that was handed out before the new one. */
static void *first_realloc(void *p, size_t bytes)
{
	unsigned char *q;
	size_t most;

	if (look_up())
		return next.realloc(p, bytes);
	q = early_alloc(EARLY_ALIGN, bytes);
	if (q == NULL || p == NULL)
		return q;
	most = (size_t)(q - (unsigned char *)p);
	return memmove(q, p, bytes < most ? bytes : most);
}

static void *first_reallocarray(void *p, size_t count, size_t bytes)
{
	size_t total;

	if (look_up())
		return next.reallocarray(p, count, bytes);
	if (__builtin_mul_overflow(count, bytes, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return first_realloc(p, total);
}

static int first_posix_memalign(void **p, size_t align, size_t bytes)
{
	void *q;

	if (look_up())
		return next.posix_memalign(p, align, bytes);
	q = early_alloc(align, bytes);
	if (q == NULL)
		return ENOMEM;
	*p = q;
	return 0;
}

static void *first_aligned_alloc(size_t align, size_t bytes)
{
	return look_up() ? next.aligned_alloc(align, bytes) : early_alloc(align, bytes);
}

static void *first_memalign(size_t align, size_t bytes)
{
	return look_up() ? next.memalign(align, bytes) : early_alloc(align, bytes);
}

static void *first_valloc(size_t bytes)
{
	return look_up() ? next.valloc(bytes) : early_alloc(4096, bytes);
}

static void *first_pvalloc(size_t bytes)
{
	return look_up() ? next.pvalloc(bytes) : early_alloc(4096, (bytes + 4095) & ~(size_t)4095);
}

static void first_free(void *p)
{
	if (look_up())
		next.free(p);
}

struct next_functions next = {
	.malloc = first_malloc,
	.calloc = first_calloc,
	.realloc = first_realloc,
	.reallocarray = first_reallocarray,
	.posix_memalign = first_posix_memalign,
	.aligned_alloc = first_aligned_alloc,
	.memalign = first_memalign,
	.valloc = first_valloc,
	.pvalloc = first_pvalloc,
	.free = first_free,
};
