#include "sim/live.h"

#include <stdlib.h>
#include <sys/mman.h>

/* ---- pairs of site and extra ---- */

/* The index of a pair that is not there yet; false: no memory, or too many. */
static bool add_pair(struct live_table *t, uint64_t key, struct live_more pair)
{
	if (t->nr_more == t->room_more) {
		uint32_t room = t->room_more ? t->room_more * 2 : 256;
		struct live_more *more;

		if (room > LIVE_MORE)
			return false;
		more = realloc(t->more, room * sizeof *more);
		if (more == NULL)
			return false;
		t->more = more;
		t->room_more = room;
	}
	if (!ptr_map_put(&t->more_of, key, t->nr_more, 1))
		return false;
	t->more[t->nr_more++] = pair;
	return true;
}

static uint32_t pair_origin(struct live_table *t, uint32_t site, uint32_t extra)
{
	uint64_t key = (uint64_t)extra << 32 | site;
	struct ptr_cell *cell = NULL;

	if (t->more_of.cells == NULL && !ptr_map_init(&t->more_of)) {
		t->lost = true;
		return site;
	}
	cell = ptr_map_find(&t->more_of, key);
	if (cell != NULL)
		return LIVE_MORE + cell->slot;
	if (!add_pair(t, key, (struct live_more){site, extra})) {
		t->lost = true;
		return site;
	}
	return LIVE_MORE + t->nr_more - 1;
}

uint32_t live_origin_of(struct live_table *t, uint32_t site, uint32_t extra)
{
	struct live_kept *k = &t->kept[live_kept_at(site, extra)];

	if (site > PLAIN_SITE_MAX)
		site = 0;
	if (mm_likely(extra == 0))
		return site;
	if (k->site != site || k->more != extra)
		*k = (struct live_kept){site, extra, pair_origin(t, site, extra)};
	return k->bits;
}

/* ---- entries ---- */

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
	free(t->more);
	ptr_map_finish(&t->more_of);
	*t = (struct live_table){0};
}
