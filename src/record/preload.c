/*
 * libmemscape-record.so: the calls that a program makes of its allocator, one
 * wrapper each.  An allocation is recorded after the block was received, free
 * before the block is given back (ring.h says why).  malloc_usable_size and
 * mallopt are left alone.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/single_threaded.h>
#include <unistd.h>

#include "record/next.h"
#include "record/producer.h"

#define EXPORT __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

EXPORT void *malloc(size_t bytes);
EXPORT void *calloc(size_t count, size_t bytes);
EXPORT void *realloc(void *p, size_t bytes);
EXPORT void *reallocarray(void *p, size_t count, size_t bytes);
EXPORT int posix_memalign(void **p, size_t align, size_t bytes);
EXPORT void *aligned_alloc(size_t align, size_t bytes);
EXPORT void *memalign(size_t align, size_t bytes);
EXPORT void *valloc(size_t bytes);
EXPORT void *pvalloc(size_t bytes);
EXPORT void free(void *p);

/* The look-up's own requests are not the program's. */
static void put_birth(const struct call *call)
{
	if (!next_is_early((const void *)(uintptr_t)call->value))
		producer_put(call);
}

void *malloc(size_t bytes)
{
	void *p = next.malloc(bytes);

	if (__builtin_expect(!next_is_early(p), 1))
		producer_call(CALL_MALLOC, p, bytes, CALLER);
	return p;
}

void free(void *p)
{
	if (__builtin_expect(next_is_early(p), 0))
		return;
	producer_call(CALL_FREE, p, 0, CALLER);
	next.free(p);
}

void *calloc(size_t count, size_t bytes)
{
	void *p = next.calloc(count, bytes);
	uint64_t total;

	if (__builtin_mul_overflow(count, bytes, &total))
		total = UINT64_MAX;
	put_birth(&(struct call){CALL_CALLOC, (uintptr_t)p, total, ATTR_COUNT, count, CALLER});
	return p;
}

/* A block of the look-up's arena is copied out, and is a new one for the program. */
static void *realloc_early(const void *p, size_t bytes)
{
	size_t most = EARLY_BYTES - ((uintptr_t)p - (uintptr_t)next_early);
	unsigned char *q = next.malloc(bytes);

	for (size_t i = 0; q != NULL && i < bytes && i < most; i++)
		q[i] = ((const unsigned char *)p)[i];
	return q;
}

static void *realloc_for(void *p, size_t bytes, const void *site)
{
	uint64_t old = next_is_early(p) ? 0 : (uintptr_t)p;
	void *q;

	if (old != 0 && !__libc_single_threaded)
		producer_put(&(struct call){CALL_REALLOC_BEGIN, old, 0, NR_RING_KINDS, 0, site});
	if (next_is_early(p))
		q = realloc_early(p, bytes);
	else
		q = next.realloc(p, bytes);
	put_birth(&(struct call){CALL_REALLOC, (uintptr_t)q, bytes, ATTR_OLD, old, site});
	return q;
}

void *realloc(void *p, size_t bytes)
{
	return realloc_for(p, bytes, CALLER);
}

/* A product that overflows fails as any request does that is too large. */
void *reallocarray(void *p, size_t count, size_t bytes)
{
	size_t total;

	if (__builtin_mul_overflow(count, bytes, &total)) {
		put_birth(&(struct call){CALL_REALLOC, 0, UINT64_MAX, ATTR_OLD, (uintptr_t)p,
					 CALLER});
		errno = ENOMEM;
		return NULL;
	}
	return realloc_for(p, total, CALLER);
}

int posix_memalign(void **p, size_t align, size_t bytes)
{
	void *q = NULL;
	int err = next.posix_memalign(&q, align, bytes);

	put_birth(&(struct call){CALL_MEMALIGN, (uintptr_t)q, bytes, ATTR_ALIGN, align, CALLER});
	if (err == 0)
		*p = q;
	return err;
}

void *aligned_alloc(size_t align, size_t bytes)
{
	void *p = next.aligned_alloc(align, bytes);

	put_birth(&(struct call){CALL_MEMALIGN, (uintptr_t)p, bytes, ATTR_ALIGN, align, CALLER});
	return p;
}

void *memalign(size_t align, size_t bytes)
{
	void *p = next.memalign(align, bytes);

	put_birth(&(struct call){CALL_MEMALIGN, (uintptr_t)p, bytes, ATTR_ALIGN, align, CALLER});
	return p;
}

void *valloc(size_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	void *p = next.valloc(bytes);

	put_birth(&(struct call){CALL_MEMALIGN, (uintptr_t)p, bytes, ATTR_ALIGN, page, CALLER});
	return p;
}

/* Whole pages: that is what pvalloc is asked for. */
void *pvalloc(size_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t whole = bytes > UINT64_MAX - page ? bytes : (bytes + page - 1) & ~(page - 1);
	void *p = next.pvalloc(bytes);

	put_birth(&(struct call){CALL_MEMALIGN, (uintptr_t)p, whole, ATTR_ALIGN, page, CALLER});
	return p;
}
