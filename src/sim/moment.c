#include "sim/moment.h"

#include <stdlib.h>
#include <string.h>

#include "sim/spans.h"
#include "sim/timeline_private.h"

void moment_forget(struct moment *m)
{
	m->has_pieces = m->has_lives = m->has_zones = m->has_heaps = m->has_caches = false;
	m->unreadable = false;
	m->nr_pieces = 0;
	m->nr_zones = m->nr_heaps = m->nr_caches = 0;
	m->low.nr = m->up.nr = 0;
	memset(m->largest, 0, sizeof m->largest);
}

void moment_finish(struct moment *m)
{
	free(m->piece);
	free(m->by_pa);
	free(m->zone);
	free(m->cache);
	spans_finish(&m->low);
	spans_finish(&m->up);
	*m = (struct moment){0};
}

/* ---- what does not cost a walk ---- */

const struct system *moment_system(const struct timeline *t)
{
	return &t->view.sys;
}

const struct figures *moment_figures(const struct timeline *t)
{
	return t->view.replay.fig;
}

const struct live *moment_live(const struct timeline *t, uint32_t slot)
{
	return slot < t->view.replay.live.nr ? &t->view.replay.live.slot[slot] : NULL;
}

uint32_t moment_nr_slots(const struct timeline *t)
{
	return t->view.replay.live.nr;
}

bool moment_read(const struct timeline *t, uint64_t pa, void *buf, size_t bytes)
{
	return physmem_read(&t->view.sys.pm, pa, buf, bytes);
}

bool moment_touched(const struct timeline *t, uint64_t pa)
{
	const struct physmem *pm = &t->view.sys.pm;

	return pa >> MM_TOUCH_SHIFT < pm->frames && pm->touched[pa >> MM_TOUCH_SHIFT];
}

void moment_region_classes(const struct timeline *t, unsigned region, int64_t out[MM_NR_CLASSES])
{
	const struct ledger *l = &t->view.sys.ledger;

	ledger_region(l->rows, l, region, out);
}

struct image_hash moment_hash(const struct timeline *t)
{
	return physmem_hash(&t->view.sys.pm);
}

/* Runs a reader of the image; what a corrupt one leaves half-read stays so. */
static void look(struct timeline *t, void (*fn)(void *ctx))
{
	if (!replay_read(&t->view.replay, fn, t))
		t->moment.unreadable = true;
}

/* ---- live blocks by address ---- */

static size_t hash_pa(uint64_t pa)
{
	return (size_t)((pa * 0x9E3779B97F4A7C15ull) >> 20);
}

static void index_lives(struct timeline *t)
{
	const struct live_table *l = &t->view.replay.live;
	struct moment *m = &t->moment;
	size_t room = roundup_pow2(2 * t->view.replay.fig->live_blocks + 16);

	m->has_lives = true;
	if (room > m->room_by_pa) {
		free(m->by_pa);
		m->by_pa = malloc(room * sizeof *m->by_pa);
		m->room_by_pa = m->by_pa != NULL ? room : 0;
	}
	m->by_pa_mask = room - 1;
	if (m->by_pa != NULL)
		memset(m->by_pa, 0, room * sizeof *m->by_pa);
	for (uint32_t i = 0; m->by_pa != NULL && i < l->nr; i++) {
		size_t k;

		if (live_state(&l->slot[i]) != LIVE_BLOCK)
			continue;
		k = hash_pa(live_pa(&l->slot[i])) & m->by_pa_mask;
		while (m->by_pa[k] != 0)
			k = (k + 1) & m->by_pa_mask;
		m->by_pa[k] = i + 1;
	}
}

uint32_t moment_slot_at(struct timeline *t, uint64_t pa)
{
	const struct live *l = t->view.replay.live.slot;
	struct moment *m = &t->moment;

	if (!m->has_lives)
		index_lives(t);
	if (m->by_pa == NULL)
		return SLOT_NONE;
	for (size_t k = hash_pa(pa) & m->by_pa_mask; m->by_pa[k] != 0; k = (k + 1) & m->by_pa_mask)
		if (live_pa(&l[m->by_pa[k] - 1]) == pa)
			return m->by_pa[k] - 1;
	return SLOT_NONE;
}

/* ---- pieces ---- */

static void put_piece(struct timeline *t, const struct span *s, uint64_t base, uint64_t end)
{
	struct piece *p = &t->moment.piece[t->moment.nr_pieces++];
	bool pages = t->view.sys.allocs[s->alloc].ops->pages != NULL;

	*p = (struct piece){base, end, s->what, s->detail, SLOT_NONE, s->class, s->alloc};
	if (base == s->base && (s->class == MM_GRANTED || (pages && s->class == MM_CACHED)))
		p->slot = moment_slot_at(t, base);
	if (pages && p->slot != SLOT_NONE)
		p->class = MM_GRANTED;
}

/* The lower layer's spans, with what grew from pages put into the blocks that it took. */
static void weave(struct timeline *t)
{
	struct moment *m = &t->moment;
	const struct spans *low = &m->low, *up = &m->up;
	size_t k = 0, room = low->nr + 2 * up->nr + 1;

	if (room > m->room_pieces) {
		free(m->piece);
		room += room / 4;
		m->piece = malloc(room * sizeof *m->piece);
		m->room_pieces = m->piece != NULL ? room : 0;
	}
	if (m->piece == NULL)
		return;
	for (size_t i = 0; i < low->nr; i++) {
		uint64_t at = low->v[i].base;

		for (; k < up->nr && up->v[k].base < low->v[i].end; k++) {
			if (up->v[k].base > at)
				put_piece(t, &low->v[i], at, up->v[k].base);
			put_piece(t, &up->v[k], up->v[k].base, up->v[k].end);
			at = up->v[k].end;
		}
		if (at < low->v[i].end)
			put_piece(t, &low->v[i], at, low->v[i].end);
	}
	for (; k < up->nr; k++)
		put_piece(t, &up->v[k], up->v[k].base, up->v[k].end);
}

static void note_largest(struct timeline *t)
{
	struct moment *m = &t->moment;

	for (size_t i = 0; i < m->nr_pieces; i++) {
		const struct piece *p = &m->piece[i];
		const struct alloc_ops *o = t->view.sys.allocs[p->alloc].ops;
		int r;

		if (p->class != (o->pages != NULL ? MM_FREE : MM_CACHED) || o->caches != NULL)
			continue;
		r = physmem_region(&t->view.sys.pm, p->base);
		if (r >= 0 && p->end - p->base > m->largest[r])
			m->largest[r] = p->end - p->base;
	}
}

static void collect(void *ctx)
{
	struct timeline *t = ctx;
	struct system *s = &t->view.sys;

	for (unsigned i = 0; i < s->nr_allocs; i++)
		spans_add(s->allocs[i].env.pages != NULL ? &t->moment.up : &t->moment.low, s,
			  &s->allocs[i]);
}

const struct piece *moment_pieces(struct timeline *t, size_t *nr)
{
	struct moment *m = &t->moment;

	if (!m->has_pieces) {
		m->has_pieces = true;
		look(t, collect);
		spans_sort(&m->low);
		spans_sort(&m->up);
		weave(t);
		note_largest(t);
	}
	*nr = m->nr_pieces;
	return m->piece;
}

size_t moment_piece_at(struct timeline *t, uint64_t pa)
{
	size_t lo = 0, hi;
	const struct piece *p = moment_pieces(t, &hi);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p[mid].end <= pa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* ---- zones, heaps, caches ---- */

static void read_zone(struct timeline *t, const struct sys_alloc *a, unsigned i, unsigned z)
{
	struct moment_zone *o = &t->moment.zone[t->moment.nr_zones];

	*o = (struct moment_zone){.alloc = i, .zone = z};
	a->ops->pages->zone(a->alloc, z, &o->f);
	free_area_of(&t->view.sys, a, z, &o->area);
	for (unsigned k = 0; k <= o->area.max_order; k++)
		if (o->area.nr_free[k] != 0)
			o->largest = 1ull << (k + a->env.page_shift);
	t->moment.nr_zones++;
}

static void read_zones(void *ctx)
{
	struct timeline *t = ctx;
	const struct system *s = &t->view.sys;

	for (unsigned i = 0; i < s->nr_allocs; i++)
		for (unsigned z = 0;
		     s->allocs[i].ops->pages != NULL && z < s->allocs[i].env.nr_zones; z++)
			read_zone(t, &s->allocs[i], i, z);
}

const struct moment_zone *moment_zones(struct timeline *t, unsigned *nr)
{
	struct moment *m = &t->moment;

	if (!m->has_zones) {
		m->has_zones = true;
		if (m->zone == NULL)
			m->zone = calloc((size_t)SYS_MAX_ALLOCS * MM_MAX_ZONES, sizeof *m->zone);
		if (m->zone != NULL)
			look(t, read_zones);
	}
	*nr = m->nr_zones;
	return m->zone;
}

static bool is_heap(const struct sys_alloc *a)
{
	return a->ops->bytes != NULL || a->ops->stack != NULL || a->pages_as_heap;
}

static void read_heaps(void *ctx)
{
	struct timeline *t = ctx;
	struct system *s = &t->view.sys;

	for (unsigned i = 0; i < s->nr_allocs; i++) {
		struct moment_heap *h = &t->moment.heap[t->moment.nr_heaps];

		if (!is_heap(&s->allocs[i]))
			continue;
		*h = (struct moment_heap){.alloc = i};
		ledger_owner(s->ledger.rows, &s->ledger, s->allocs[i].owner, h->class);
		h->space = free_space(s, &s->allocs[i]);
		t->moment.nr_heaps++;
	}
}

static void count_blocks(struct timeline *t)
{
	const struct live_table *l = &t->view.replay.live;
	uint64_t nr[256] = {0};

	for (uint32_t i = 0; i < l->nr; i++)
		if (live_state(&l->slot[i]) == LIVE_BLOCK)
			nr[live_alloc(&l->slot[i])]++;
	for (unsigned i = 0; i < t->moment.nr_heaps; i++)
		t->moment.heap[i].live_blocks = nr[t->moment.heap[i].alloc];
}

const struct moment_heap *moment_heaps(struct timeline *t, unsigned *nr)
{
	struct moment *m = &t->moment;

	if (!m->has_heaps) {
		m->has_heaps = true;
		look(t, read_heaps);
		count_blocks(t);
	}
	*nr = m->nr_heaps;
	return m->heap;
}

static void read_caches(void *ctx)
{
	struct timeline *t = ctx;
	struct moment *m = &t->moment;

	for (unsigned i = 0; i < m->nr_caches; i++) {
		struct moment_cache *c = &m->cache[i];
		const struct sys_alloc *a = &t->view.sys.allocs[c->alloc];

		a->ops->caches->figures(a->alloc, c->number, &c->f);
	}
}

static void list_caches(struct timeline *t)
{
	const struct live_table *l = &t->view.replay.live;
	struct moment *m = &t->moment;
	unsigned nr = 0;

	for (uint32_t i = 0; i < l->nr; i++)
		nr += live_state(&l->slot[i]) == LIVE_CACHE;
	free(m->cache);
	m->cache = calloc(nr + 1, sizeof *m->cache);
	for (uint32_t i = 0; m->cache != NULL && i < l->nr; i++)
		if (live_state(&l->slot[i]) == LIVE_CACHE)
			m->cache[m->nr_caches++] =
				(struct moment_cache){.slot = i,
						      .number = (uint32_t)live_pa(&l->slot[i]),
						      .alloc = live_alloc(&l->slot[i]),
						      .name = live_extra(&l->slot[i])};
}

const struct moment_cache *moment_caches(struct timeline *t, unsigned *nr)
{
	struct moment *m = &t->moment;

	if (!m->has_caches) {
		m->has_caches = true;
		list_caches(t);
		look(t, read_caches);
	}
	*nr = m->nr_caches;
	return m->cache;
}
