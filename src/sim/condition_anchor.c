/*
 * What a free has made, without a walk of the heap: from a live block before it on,
 * chunk by chunk.
 */
#include "sim/condition_private.h"

/* Stretches gone back through for a live block. */
#define LOOK_BACK 512u

static uint32_t *anchor_of(struct anchors *a, uint64_t pa)
{
	return &a->slot[(pa >> ANCHOR_SHIFT) % ANCHORS];
}

static void note(struct anchors *a, const struct live_table *t, uint32_t slot)
{
	if (slot < t->nr && live_state(&t->slot[slot]) == LIVE_BLOCK)
		*anchor_of(a, live_pa(&t->slot[slot])) = slot + 1;
}

void anchors_event(struct condition *c)
{
	const struct live_table *t = &c->at.r->live;

	if (c->limit[0].node == NULL)
		return;
	if (c->anchors.filled) {
		if (c->at.h->ev.slot != SLOT_NONE)
			note(&c->anchors, t, c->at.h->ev.slot);
		return;
	}
	c->anchors.filled = true;
	for (uint32_t i = 0; i < t->nr; i++)
		note(&c->anchors, t, i);
}

/* A live block of the allocator that begins before pa; NULL: none is known. */
static const struct live *block_before(struct condition *c, unsigned alloc, uint64_t pa)
{
	const struct live_table *t = &c->at.r->live;
	uint64_t at = pa >> ANCHOR_SHIFT;

	for (unsigned i = 0; i < LOOK_BACK && at > i; i++) {
		uint32_t slot = *anchor_of(&c->anchors, (at - i) << ANCHOR_SHIFT);
		const struct live *l = slot != 0 && slot <= t->nr ? &t->slot[slot - 1] : NULL;

		if (l != NULL && live_state(l) == LIVE_BLOCK && live_alloc(l) == alloc &&
		    live_pa(l) < pa && live_pa(l) >> ANCHOR_SHIFT == at - i)
			return l;
	}
	return NULL;
}

struct way {
	const struct condition_at *at;
	const struct limit *l;
	uint64_t from; /* a live block */
	struct witness found; /* bytes 0: none */
	bool passed; /* the freed block has been passed */
};

static void go_along(void *ctx)
{
	struct way *w = ctx;
	struct system *s = w->at->r->sys;
	struct alloc *a = system_walker(s, &s->allocs[w->at->h->alloc]);
	vaddr_t p = {w->from + s->offset};
	uint64_t freed = w->at->h->pa + s->offset;
	struct walk_span x;

	do {
		p = a->ops->bytes->chunk(a, p, &x);
		if (x.bytes == 0)
			return;
		if (x.class == MM_CACHED && x.bytes >= w->l->bytes)
			w->found = (struct witness){x.base.v - s->offset, x.bytes, w->at->h->alloc};
	} while (p.v <= freed);
	w->passed = true;
}

bool freed_reaches(struct condition *c, const struct limit *l, struct witness *out, bool *known)
{
	const struct happening *h = c->at.h;
	const struct alloc_ops *o = h->alloc != 0xff ? c->at.r->sys->allocs[h->alloc].ops : NULL;
	struct way w = {.at = &c->at, .l = l};
	const struct live *from;

	*known = false;
	if (h->ev.op != OP_FREE || h->bytes == 0 || o == NULL || o->bytes == NULL ||
	    o->bytes->chunk == NULL)
		return false;
	from = block_before(c, h->alloc, h->pa);
	if (from == NULL)
		return false;
	w.from = live_pa(from);
	if (!replay_read(c->at.r, go_along, &w))
		return false;
	*known = w.passed;
	*out = w.found;
	return w.found.bytes != 0;
}
