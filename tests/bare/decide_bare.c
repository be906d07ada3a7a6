/* The bare stage: a 32-bit program whose own memory the allocators run on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bare/decide.h"

extern const struct alloc_instance alloc_bare;

static struct mem view;
static struct alloc_env env[4];
static unsigned nr;

const struct alloc_instance *stage_instance(void)
{
	return &alloc_bare;
}

void stage_clear(void)
{
	nr = 0;
}

struct alloc *stage_handle(const struct alloc_ops *ops, struct alloc_env **e)
{
	struct alloc *a = calloc(1, ops->handle_bytes);

	if (a == NULL || nr == 4)
		abort();
	memset(&env[nr], 0, sizeof env[nr]);
	env[nr].m = &view;
	*e = &env[nr++];
	a->ops = ops;
	return a;
}

void stage_print(const char *kind, const char *facet, uint64_t decisions, unsigned granted)
{
	printf("%s %s %016llx %u\n", kind, facet, (unsigned long long)decisions, granted);
}

int main(void)
{
	void *ram = mmap((void *)STAGE_BASE, STAGE_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (ram != (void *)STAGE_BASE)
		return 77;
	decide_all();
	return 0;
}
