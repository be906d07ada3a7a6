/*
 * An independent count of a program's allocator calls: preloaded behind the
 * recorder, it adds to counters in the file that $COUNT_FILE names, which all
 * processes of a test share.  It knows nothing of the recorder.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "record/count.h"

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *p, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);
void *__libc_valloc(size_t bytes);
void *__libc_pvalloc(size_t bytes);
void __libc_free(void *p);

/*
 * Preloaded into a program with an address sanitizer (memscape may have one), this is in front of
 * the sanitizer's allocator, and must not mix it with the C library's.
 */
#define WEAK __attribute__((weak))
WEAK void *__interceptor_malloc(size_t bytes);
WEAK void *__interceptor_calloc(size_t count, size_t bytes);
WEAK void *__interceptor_realloc(void *p, size_t bytes);
WEAK void *__interceptor_memalign(size_t align, size_t bytes);
WEAK void *__interceptor_valloc(size_t bytes);
WEAK void *__interceptor_pvalloc(size_t bytes);
WEAK void __interceptor_free(void *p);

#define NEXT(name) (__interceptor_##name != NULL ? __interceptor_##name : __libc_##name)

static struct counts unplaced, *counts;

/* What was counted before there was an environment (in preinit_array, say). */
static void place_early(void)
{
	counts->malloc += unplaced.malloc;
	counts->calloc += unplaced.calloc;
	counts->realloc += unplaced.realloc;
	counts->memalign += unplaced.memalign;
	counts->free += unplaced.free;
}

/* The test's shell and the recorder itself are preloaded, too, and not counted. */
static struct counts *here(void)
{
	const char *path = counts == NULL ? getenv("COUNT_FILE") : NULL;
	void *p = MAP_FAILED;
	int fd;

	if (path != NULL && getenv("MEMSCAPE_RECORD") != NULL) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		p = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
	}
	if (p != MAP_FAILED) {
		counts = p;
		place_early();
	}
	return counts == NULL ? &unplaced : counts;
}

void *malloc(size_t bytes)
{
	here()->malloc++;
	return NEXT(malloc)(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	here()->calloc++;
	return NEXT(calloc)(count, bytes);
}

void *realloc(void *p, size_t bytes)
{
	here()->realloc++;
	return NEXT(realloc)(p, bytes);
}

void *reallocarray(void *p, size_t count, size_t bytes)
{
	here()->realloc++;
	return NEXT(realloc)(p, count * bytes);
}

int posix_memalign(void **p, size_t align, size_t bytes)
{
	here()->memalign++;
	*p = NEXT(memalign)(align, bytes);
	return *p == NULL ? ENOMEM : 0;
}

void *aligned_alloc(size_t align, size_t bytes)
{
	here()->memalign++;
	return NEXT(memalign)(align, bytes);
}

void *memalign(size_t align, size_t bytes)
{
	here()->memalign++;
	return NEXT(memalign)(align, bytes);
}

void *valloc(size_t bytes)
{
	here()->memalign++;
	return NEXT(valloc)(bytes);
}

void *pvalloc(size_t bytes)
{
	here()->memalign++;
	return NEXT(pvalloc)(bytes);
}

void free(void *p)
{
	here()->free++;
	NEXT(free)(p);
}
