#include "sim/postings.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_SHIFT 9u
#define BLOCK_KEYS  (1u << BLOCK_SHIFT)

void postings_finish(struct postings *p)
{
	for (size_t i = 0; i < p->nr_dir; i++) {
		for (unsigned k = 0; p->dir[i] != NULL && k < BLOCK_KEYS; k++)
			free(p->dir[i][k].v);
		free(p->dir[i]);
	}
	free(p->dir);
	*p = (struct postings){0};
}

static bool grow_dir(struct postings *p, size_t need)
{
	size_t nr = p->nr_dir ? p->nr_dir : 16;
	struct posting **d;

	while (nr <= need)
		nr *= 2;
	d = realloc(p->dir, nr * sizeof *d);
	if (d == NULL)
		return false;
	memset(d + p->nr_dir, 0, (nr - p->nr_dir) * sizeof *d);
	p->bytes += (nr - p->nr_dir) * sizeof *d;
	p->dir = d;
	p->nr_dir = nr;
	return true;
}

static struct posting *posting_for(struct postings *p, uint32_t key)
{
	size_t b = key >> BLOCK_SHIFT;

	if (b >= p->nr_dir && !grow_dir(p, b))
		return NULL;
	if (p->dir[b] == NULL) {
		p->dir[b] = calloc(BLOCK_KEYS, sizeof **p->dir);
		if (p->dir[b] == NULL)
			return NULL;
		p->bytes += BLOCK_KEYS * sizeof **p->dir;
	}
	return &p->dir[b][key & (BLOCK_KEYS - 1)];
}

static const struct posting *posting_of(const struct postings *p, uint32_t key)
{
	size_t b = key >> BLOCK_SHIFT;

	return b >= p->nr_dir || p->dir[b] == NULL ? NULL : &p->dir[b][key & (BLOCK_KEYS - 1)];
}

#define VARINT_MAX 5u

static bool make_room(struct postings *p, struct posting *x)
{
	uint32_t room = x->room ? 2 * x->room : 8;
	uint8_t *v;

	if (x->nr + VARINT_MAX <= x->room)
		return true;
	v = realloc(x->v, room);
	if (v == NULL)
		return false;
	p->bytes += room - x->room;
	x->v = v;
	x->room = room;
	return true;
}

void postings_add(struct postings *p, uint32_t key, uint32_t chunk)
{
	struct posting *x = posting_for(p, key);
	uint32_t step;

	if (x == NULL || (x->last != chunk + 1 && !make_room(p, x))) {
		p->failed = true;
		return;
	}
	if (x->last == chunk + 1)
		return;
	for (step = chunk + 1 - x->last; step >= 0x80; step >>= 7)
		x->v[x->nr++] = (uint8_t)(step | 0x80);
	x->v[x->nr++] = (uint8_t)step;
	x->last = chunk + 1;
}

/* The next chunk of a posting; *at moves on. */
static uint32_t take(const struct posting *x, uint32_t *at, uint32_t *sum)
{
	uint32_t step = 0;

	for (unsigned shift = 0; *at < x->nr; shift += 7) {
		uint8_t b = x->v[(*at)++];

		step |= (uint32_t)(b & 0x7f) << shift;
		if (b < 0x80)
			break;
	}
	*sum += step;
	return *sum - 1;
}

uint32_t postings_next(const struct postings *p, uint32_t key, uint32_t chunk)
{
	const struct posting *x = posting_of(p, key);
	uint32_t at = 0, sum = 0;

	while (x != NULL && at < x->nr) {
		uint32_t c = take(x, &at, &sum);

		if (c >= chunk)
			return c;
	}
	return UINT32_MAX;
}

uint32_t postings_prev(const struct postings *p, uint32_t key, uint32_t chunk)
{
	const struct posting *x = posting_of(p, key);
	uint32_t at = 0, sum = 0, best = UINT32_MAX;

	while (x != NULL && at < x->nr) {
		uint32_t c = take(x, &at, &sum);

		if (c > chunk)
			break;
		best = c;
	}
	return best;
}
