#include "lib/fitmodel.h"

#include <assert.h>
#include <string.h>

static uint64_t up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

void fm_init(struct fitmodel *f, uint64_t at, uint64_t size)
{
	f->nr = f->nr_list = 1;
	f->chunk[0] = (struct fm_chunk){at, size, true};
	f->list[0] = at;
	f->rover = at;
}

/* Index of the chunk at `at`, or nr. */
static unsigned find(const struct fitmodel *f, uint64_t at)
{
	unsigned i = 0;

	while (i < f->nr && f->chunk[i].at != at)
		i++;
	return i;
}

static unsigned list_find(const struct fitmodel *f, uint64_t at)
{
	unsigned i = 0;

	while (i < f->nr_list && f->list[i] != at)
		i++;
	assert(i < f->nr_list);
	return i;
}

static void list_insert(struct fitmodel *f, unsigned i, uint64_t at)
{
	assert(f->nr_list < FM_MAX);
	memmove(&f->list[i + 1], &f->list[i], (f->nr_list - i) * sizeof f->list[0]);
	f->list[i] = at;
	f->nr_list++;
}

static void list_remove(struct fitmodel *f, uint64_t at)
{
	unsigned i = list_find(f, at);

	if (f->rover == at)
		f->rover = i + 1 < f->nr_list ? f->list[i + 1] : 0;
	memmove(&f->list[i], &f->list[i + 1], (f->nr_list - i - 1) * sizeof f->list[0]);
	f->nr_list--;
}

static void list_rename(struct fitmodel *f, uint64_t from, uint64_t to)
{
	f->list[list_find(f, from)] = to;
	if (f->rover == from)
		f->rover = to;
}

static void list_add(struct fitmodel *f, uint64_t at)
{
	unsigned i = 0;

	while (!f->lifo && i < f->nr_list && f->list[i] < at)
		i++;
	list_insert(f, i, at);
}

static void chunk_insert(struct fitmodel *f, unsigned i, struct fm_chunk c)
{
	assert(f->nr < FM_MAX);
	memmove(&f->chunk[i + 1], &f->chunk[i], (f->nr - i) * sizeof f->chunk[0]);
	f->chunk[i] = c;
	f->nr++;
}

static void chunk_remove(struct fitmodel *f, unsigned i)
{
	memmove(&f->chunk[i], &f->chunk[i + 1], (f->nr - i - 1) * sizeof f->chunk[0]);
	f->nr--;
}

static uint64_t size_of(const struct fitmodel *f, uint64_t at)
{
	return f->chunk[find(f, at)].size;
}

/* The chunk for `need` bytes, as the policy reads it off the list; 0: none. */
static uint64_t choose(const struct fitmodel *f, uint64_t need)
{
	unsigned start = 0;
	uint64_t best = 0;

	if (f->policy == FM_NEXT && f->rover != 0)
		start = list_find(f, f->rover);
	for (unsigned k = 0; k < f->nr_list; k++) {
		uint64_t at = f->list[(start + k) % f->nr_list], size = size_of(f, at);

		if (size < need)
			continue;
		if (f->policy <= FM_NEXT)
			return at;
		if (best == 0 ||
		    (f->policy == FM_BEST ? size < size_of(f, best) : size > size_of(f, best)))
			best = at;
	}
	return best;
}

static uint64_t need_of(const struct fitmodel *f, uint64_t size)
{
	uint64_t need = up(size + f->head, f->grain);

	return need < f->least ? f->least : need;
}

/* Where an aligned chunk begins in free chunk c. */
static uint64_t aligned(const struct fitmodel *f, uint64_t c, uint64_t align)
{
	uint64_t at = c;

	while ((at + f->head) % align != 0 || (at != c && at - c < f->least))
		at += f->grain;
	return at;
}

/* Makes [at, at + need) of the free chunk c live. */
static uint64_t take(struct fitmodel *f, uint64_t c, uint64_t at, uint64_t need, uint64_t *usable)
{
	unsigned i = find(f, c);
	uint64_t gap = at - c, size = f->chunk[i].size - gap, rest = size - need;
	unsigned place = list_find(f, c);

	if (rest < f->least_rest)
		need = size;
	if (gap != 0) {
		f->chunk[i].size = gap;
		chunk_insert(f, ++i, (struct fm_chunk){at, need, false});
		f->rover = c;
		if (need != size)
			list_insert(f, place + 1, at + need);
	} else {
		f->chunk[i].free = false;
		f->chunk[i].size = need;
		f->rover = c;
		if (need != size)
			list_rename(f, c, at + need);
		else
			list_remove(f, c);
	}
	if (need != size)
		chunk_insert(f, i + 1, (struct fm_chunk){at + need, rest, true});
	*usable = need - f->head;
	return at + f->head;
}

uint64_t fm_malloc(struct fitmodel *f, uint64_t size, uint64_t align, uint64_t *usable)
{
	uint64_t need = need_of(f, size), c = choose(f, need), at = c;

	if (align > f->grain) {
		uint64_t roomy = need + align + f->least - f->grain;

		if (c != 0) {
			at = aligned(f, c, align);
			if (at + need > c + size_of(f, c))
				c = 0;
		}
		if (c == 0) {
			c = choose(f, roomy);
			at = c == 0 ? 0 : aligned(f, c, align);
		}
	}
	return c == 0 ? 0 : take(f, c, at, need, usable);
}

/* Joins free chunk i with free neighbours; none of them on the list after, list place free. */
static void join(struct fitmodel *f, unsigned i)
{
	bool before = i > 0 && f->chunk[i - 1].free;
	bool behind = i + 1 < f->nr && f->chunk[i + 1].free;
	uint64_t c = f->chunk[i].at;
	uint64_t first = before ? f->chunk[i - 1].at : c;

	if (before && (f->lifo || behind)) {
		if (f->lifo)
			list_remove(f, first);
		if (behind)
			list_remove(f, f->chunk[i + 1].at);
	} else if (behind) {
		if (f->lifo)
			list_remove(f, f->chunk[i + 1].at);
		else
			list_rename(f, f->chunk[i + 1].at, c);
	}
	if (f->lifo || (!before && !behind))
		list_add(f, first);
	if (behind) {
		f->chunk[i].size += f->chunk[i + 1].size;
		chunk_remove(f, i + 1);
	}
	if (before) {
		f->chunk[i - 1].size += f->chunk[i].size;
		chunk_remove(f, i);
	}
}

uint64_t fm_free(struct fitmodel *f, uint64_t p)
{
	unsigned i = find(f, p - f->head);
	uint64_t bytes;

	if (i == f->nr || f->chunk[i].free)
		return 0;
	bytes = f->chunk[i].size - f->head;
	f->chunk[i].free = true;
	join(f, i);
	return bytes;
}

/* Live chunk i and the free chunk behind it (if any) become need bytes and a rest. */
static void move_border(struct fitmodel *f, unsigned i, uint64_t need)
{
	bool behind = i + 1 < f->nr && f->chunk[i + 1].free;
	uint64_t at = f->chunk[i].at, next = at + f->chunk[i].size;
	uint64_t all = f->chunk[i].size + (behind ? f->chunk[i + 1].size : 0), rest = all - need;

	if (rest < f->least_rest && need > f->chunk[i].size) {
		f->chunk[i].size = all;
		list_remove(f, next);
		chunk_remove(f, i + 1);
		return;
	}
	f->chunk[i].size = need;
	if (behind) {
		list_rename(f, next, at + need);
		f->chunk[i + 1] = (struct fm_chunk){at + need, rest, true};
	} else {
		chunk_insert(f, i + 1, (struct fm_chunk){at + need, rest, true});
		list_add(f, at + need);
	}
}

uint64_t fm_resize(struct fitmodel *f, uint64_t p, uint64_t size)
{
	unsigned i = find(f, p - f->head);
	uint64_t need = need_of(f, size), have = f->chunk[i].size;
	bool behind = i + 1 < f->nr && f->chunk[i + 1].free;

	if (need > have && (!behind || have + f->chunk[i + 1].size < need))
		return 0;
	if (need > have || (need < have && behind) || have >= need + f->least_rest)
		move_border(f, i, need);
	return f->chunk[i].size - f->head;
}
