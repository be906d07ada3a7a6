/* The slab caches at a moment: those the trace made, and the slab layer's own. */
#include <stdio.h>
#include <stdlib.h>

#include "sim/report_parts.h"
#include "sim/timeline_private.h"

/* A damaged list may pretend any number. */
#define MAX_CACHES 65536u

static struct moment_cache *add(struct moment *m, unsigned alloc, uint32_t number)
{
	if (m->nr_caches == m->room_caches) {
		unsigned room = m->room_caches ? m->room_caches * 2 : 64;
		struct moment_cache *p = realloc(m->cache, room * sizeof *p);

		if (p == NULL)
			return NULL;
		m->cache = p;
		m->room_caches = room;
	}
	m->cache[m->nr_caches] =
		(struct moment_cache){.slot = SLOT_NONE, .number = number, .alloc = alloc};
	return &m->cache[m->nr_caches++];
}

struct listing {
	struct timeline *t;
	unsigned alloc;
};

static void read_listed(void *ctx)
{
	struct listing *l = ctx;
	const struct sys_alloc *a = &l->t->view.sys.allocs[l->alloc];
	uint32_t number = CACHE_NONE;

	for (unsigned n = 0; n < MAX_CACHES; n++) {
		number = a->ops->caches->next(a->alloc, number);
		if (number == CACHE_NONE || add(&l->t->moment, l->alloc, number) == NULL)
			return;
	}
}

static struct moment_cache *find(struct moment *m, unsigned alloc, uint32_t number)
{
	for (unsigned i = 0; i < m->nr_caches; i++)
		if (m->cache[i].alloc == alloc && m->cache[i].number == number)
			return &m->cache[i];
	return NULL;
}

/* Those that the trace made have a name and a slot. */
static void name_made(struct timeline *t)
{
	const struct live_table *l = &t->view.replay.live;

	for (uint32_t i = 0; i < l->nr; i++) {
		uint32_t number = (uint32_t)live_pa(&l->slot[i]);
		unsigned alloc = live_alloc(&l->slot[i]);
		struct moment_cache *c;

		if (live_state(&l->slot[i]) != LIVE_CACHE)
			continue;
		c = find(&t->moment, alloc, number);
		if (c == NULL)
			c = add(&t->moment, alloc, number);
		if (c == NULL)
			return;
		c->slot = i;
		snprintf(c->name, sizeof c->name, "%s",
			 timeline_string(t, live_extra(l, &l->slot[i])));
	}
}

static void read_figures(void *ctx)
{
	struct timeline *t = ctx;
	struct moment *m = &t->moment;

	for (unsigned i = 0; i < m->nr_caches; i++) {
		struct moment_cache *c = &m->cache[i];
		const struct sys_alloc *a = &t->view.sys.allocs[c->alloc];

		a->ops->caches->figures(a->alloc, c->number, &c->f);
	}
}

static void read_all(struct timeline *t)
{
	struct moment *m = &t->moment;
	const struct system *s = &t->view.sys;

	for (unsigned i = 0; i < s->nr_allocs; i++) {
		struct listing l = {t, i};

		if (s->allocs[i].ops->caches != NULL && s->allocs[i].ops->caches->next != NULL)
			moment_look(t, read_listed, &l);
	}
	name_made(t);
	moment_look(t, read_figures, t);
	for (unsigned i = 0; i < m->nr_caches; i++)
		if (m->cache[i].slot == SLOT_NONE)
			report_cache_name(s->machine, &m->cache[i].f, m->cache[i].name);
}

const struct moment_cache *moment_caches(struct timeline *t, unsigned *nr)
{
	struct moment *m = &t->moment;

	if (!m->has_caches) {
		m->has_caches = true;
		read_all(t);
	}
	*nr = m->nr_caches;
	return m->cache;
}

struct slab_question {
	const struct sys_alloc *a;
	vaddr_t at;
	struct slab_figures *out;
	bool there;
};

static void read_slab(void *ctx)
{
	struct slab_question *q = ctx;

	q->there = q->a->ops->caches->slab(q->a->alloc, q->at, q->out);
}

bool moment_slab(struct timeline *t, unsigned alloc, uint64_t pa, struct slab_figures *out)
{
	const struct system *s = &t->view.sys;
	struct slab_question q = {&s->allocs[alloc], {pa + s->offset}, out, false};

	if (q.a->ops->caches == NULL || q.a->ops->caches->slab == NULL)
		return false;
	moment_look(t, read_slab, &q);
	return q.there;
}
