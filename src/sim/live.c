#include "sim/live.h"

#include <sys/mman.h>

/* Grown with mremap, so that doubling never needs both copies at once. */
bool live_grow(struct live_table *t, uint32_t slot)
{
	uint64_t nr = t->nr ? t->nr : 4096;
	void *p;

	while (nr <= slot)
		nr += nr / 2;
	if (nr > UINT32_MAX)
		nr = UINT32_MAX;
	if (t->slot == NULL)
		p = mmap(NULL, nr * sizeof *t->slot, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	else
		p = mremap(t->slot, t->nr * sizeof *t->slot, nr * sizeof *t->slot, MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		return false;
	t->slot = p;
	t->nr = (uint32_t)nr;
	return true;
}

/*
 * One call for many pages is less than a fault for each, and an entry's first use may
 * be a read, which would be a fault more.  Where the host cannot, faults do it.
 */
void live_ready(struct live_table *t, uint32_t nr)
{
	const uint64_t page = 4096, ahead = 1u << 16, from = t->ready;
	uint64_t to = round_up(nr * sizeof *t->slot, ahead);

	if (to > t->nr * sizeof *t->slot)
		to = round_down(t->nr * sizeof *t->slot, page);
	if (to <= from)
		return;
#ifdef MADV_POPULATE_WRITE
	(void)madvise((char *)t->slot + from, to - from, MADV_POPULATE_WRITE);
#endif
	t->ready = to;
}

void live_finish(struct live_table *t)
{
	if (t->slot != NULL)
		munmap(t->slot, t->nr * sizeof *t->slot);
	*t = (struct live_table){0};
}
