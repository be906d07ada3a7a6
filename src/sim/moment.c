#include "sim/moment.h"

#include <stdlib.h>
#include <string.h>

#include "sim/spans.h"
#include "sim/moment_ahead.h"

void moment_forget(struct moment *m)
{
	m->has_pieces = m->has_lives = m->has_zones = m->has_heaps = m->has_caches = false;
	m->unreadable = false;
	m->nr_pieces = 0;
	m->nr_zones = m->nr_heaps = m->nr_caches = 0;
	m->up.nr = 0;
	memset(m->live_blocks, 0, sizeof m->live_blocks);
	memset(m->largest, 0, sizeof m->largest);
	memset(m->has_space, 0, sizeof m->has_space);
}

void moment_finish(struct moment *m)
{
	free(m->piece);
	free(m->by_pa);
	free(m->zone);
	free(m->cache);
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

uint32_t moment_site(const struct timeline *t, const struct live *l)
{
	return live_site(&t->view.replay.live, l);
}

uint32_t moment_nr_slots(const struct timeline *t)
{
	return t->view.replay.live.nr;
}

bool moment_read(const struct timeline *t, uint64_t pa, void *buf, size_t bytes)
{
	return physmem_read(&t->view.sys.pm, pa, buf, bytes);
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
void moment_look(struct timeline *t, void (*fn)(void *ctx), void *ctx)
{
	if (!replay_read(&t->view.replay, fn, ctx))
		t->moment.unreadable = true;
}

/* ---- zones, heaps, caches ---- */

static void read_zone(struct timeline *t, const struct sys_alloc *a, unsigned i, unsigned z)
{
	struct moment_zone *o = &t->moment.zone[t->moment.nr_zones];

	*o = (struct moment_zone){.alloc = i, .zone = z};
	a->ops->pages->zone(a->alloc, z, &o->f);
	free_area_of(a, z, &o->area);
	for (unsigned k = 0; k <= o->area.max_order; k++)
		if (o->area.nr_free[k] != 0)
			o->largest = 1ull << (k + a->env.page_shift);
	o->typed = a->ops->pages->nr_free_type != NULL && a->ops->pages->pageblocks != NULL &&
		   a->ops->pages->pageblocks(a->alloc, z, o->pageblocks) != 0;
	for (unsigned k = 0; o->typed && k <= o->area.max_order; k++)
		for (unsigned mt = 0; mt < MIGRATE_TYPES; mt++)
			o->by_type[mt][k] = a->ops->pages->nr_free_type(a->alloc, z, k, mt);
	t->moment.nr_zones++;
}

struct list_question {
	const struct sys_alloc *a;
	unsigned zone, cpu;
	struct zone_lists *out;
	bool there;
};

static void read_lists(void *ctx)
{
	struct list_question *q = ctx;

	q->there = q->a->ops->pages->lists(q->a->alloc, q->zone, q->cpu, q->out);
}

bool moment_lists(struct timeline *t, const struct moment_zone *z, unsigned cpu,
		  struct zone_lists *out)
{
	struct list_question q = {&t->view.sys.allocs[z->alloc], z->zone, cpu, out, false};

	if (q.a->ops->pages->lists == NULL)
		return false;
	moment_look(t, read_lists, &q);
	return q.there;
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
			moment_look(t, read_zones, t);
	}
	*nr = m->nr_zones;
	return m->zone;
}

static void read_heaps(void *ctx)
{
	struct timeline *t = ctx;
	struct system *s = &t->view.sys;

	for (unsigned i = 0; i < s->nr_allocs; i++) {
		struct moment_heap *h = &t->moment.heap[t->moment.nr_heaps];

		if (!sys_is_heap(&s->allocs[i]))
			continue;
		*h = (struct moment_heap){.alloc = i, .live_blocks = t->moment.live_blocks[i]};
		ledger_owner(s->ledger.rows, &s->ledger, s->allocs[i].owner, h->class);
		h->space = s->allocs[i].ops->pages != NULL ? free_space(s, &s->allocs[i])
							   : t->moment.space[i];
		t->moment.nr_heaps++;
	}
}

const struct moment_heap *moment_heaps(struct timeline *t, unsigned *nr)
{
	struct moment *m = &t->moment;

	if (!m->has_heaps) {
		m->has_heaps = true;
		(void)!moment_index_lives(t); /* which counts live blocks */
		for (unsigned i = 0; i < t->view.sys.nr_allocs; i++)
			if (sys_is_heap(&t->view.sys.allocs[i]))
				(void)moment_space(t, i);
		moment_look(t, read_heaps, t);
	}
	*nr = m->nr_heaps;
	return m->heap;
}
