/*
 * `largest(NAME) < SIZE` over millions of events.
 *
 * A walk finds the free blocks of SIZE and more: the witnesses.  One of them is still
 * there until something is granted from it, its header is stored to, or pages go back
 * to the page allocator; so the condition is false without another walk.  Once it is
 * true, only a free, a realloc or a mass free can change that.
 */
#include <stdlib.h>
#include <strings.h>

#include "sim/condition_private.h"
#include "sim/figures.h"

/* Where a heap keeps the size of a chunk: in the words before it. */
#define HEADER_BYTES 16u

static uint64_t held_bytes(const struct system *s)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < s->nr_allocs; i++)
		sum += s->allocs[i].source.held;
	return sum;
}

static bool overlaps(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
	return a_bytes != 0 && b_bytes != 0 && a < b + b_bytes && b < a + a_bytes;
}

static bool is_hit(const struct condition_at *at, uint64_t pa, uint64_t bytes)
{
	const struct happening *h = at->h;

	if (overlaps(h->pa, h->bytes, pa, bytes))
		return true;
	for (uint32_t i = 0; i < at->watch->nr; i++)
		if (overlaps(at->watch->log[i].pa, at->watch->log[i].bytes, pa - HEADER_BYTES,
			     HEADER_BYTES))
			return true;
	return at->watch->nr == at->watch->room;
}

/* Can an event of this kind make a free block larger? */
static bool only_takes(const struct happening *h)
{
	switch (h->ev.op) {
	case OP_MALLOC:
	case OP_CALLOC:
	case OP_MEMALIGN:
	case OP_ALLOC_PAGES:
	case OP_GET_ZEROED_PAGE:
	case OP_CACHE_ALLOC:
	case OP_KMALLOC:
	case OP_KZALLOC:
	case OP_KCALLOC:
	case OP_DMA_ALLOC:
	case OP_ARENA_PUSH:
	case OP_READ:
	case OP_WRITE:
	case OP_PHASE:
	case OP_NOTE:
	case OP_EXPECT:
		return true;
	default:
		return false;
	}
}

static void one_limit(struct limit *l, const struct condition_at *at)
{
	unsigned kept = 0;

	if (!l->known)
		return;
	/* A segment taken is new free memory; one given back may have been a witness. */
	if (held_bytes(at->r->sys) != l->held || (l->below && !only_takes(at->h))) {
		l->known = false;
		return;
	}
	for (unsigned i = 0; i < l->nr; i++)
		if (!is_hit(at, l->witness[i].pa, l->witness[i].bytes))
			l->witness[kept++] = l->witness[i];
	l->nr = kept;
	if (!l->below && kept == 0)
		l->known = false;
}

void limits_event(struct condition *c)
{
	for (unsigned i = 0; i < MAX_LIMITS; i++)
		one_limit(&c->limit[i], &c->at);
}

/* ---- walking ---- */

struct search {
	const struct replay *r;
	struct limit *l;
	const char *name; /* NULL: anywhere */
	uint64_t lo, hi; /* of the region of that name; hi 0: there is none */
};

static bool zone_has(const struct sys_alloc *a, const char *name, uint64_t pa)
{
	for (unsigned z = 0; a->ops->pages != NULL && z < a->env.nr_zones; z++) {
		const struct zone_desc *d = &a->env.zones[z];

		for (unsigned i = 0; strcasecmp(d->name, name) == 0 && i < d->nr_ranges; i++)
			if ((pa >> a->env.page_shift) - d->ranges[i].start.v < d->ranges[i].nr)
				return true;
	}
	return false;
}

static void take_witness(void *ctx, const struct sys_alloc *a, uint64_t pa, uint64_t bytes)
{
	const struct search *s = ctx;
	struct limit *l = s->l;

	if (bytes < l->bytes)
		return;
	if (s->name != NULL && strcasecmp(a->name, s->name) != 0 && !(pa >= s->lo && pa < s->hi) &&
	    !zone_has(a, s->name, pa))
		return;
	l->below = false;
	if (l->nr < WITNESSES)
		l->witness[l->nr++].pa = pa, l->witness[l->nr - 1].bytes = bytes;
}

static void walk(void *ctx)
{
	struct search *s = ctx;

	each_free_block(s->r->sys, take_witness, s);
}

static bool is_known_name(const struct search *s)
{
	const struct system *sys = s->r->sys;

	if (s->name == NULL || s->hi != 0 || machine_zone(sys->machine, s->name) >= 0)
		return true;
	for (unsigned i = 0; i < sys->nr_allocs; i++)
		if (strcasecmp(sys->allocs[i].name, s->name) == 0)
			return true;
	return false;
}

static bool look(struct condition *c, struct limit *l)
{
	const struct node *arg = l->node->kid[0]->kid[0];
	struct search s = {c->at.r, l, NULL, 0, 0};
	int region;

	if (arg != NULL) {
		s.name = arg->step[0].name;
		region = machine_region(c->at.r->sys->machine, s.name);
		if (region >= 0) {
			s.lo = c->at.r->sys->machine->regions[region].base;
			s.hi = s.lo + c->at.r->sys->machine->regions[region].bytes;
		}
	}
	if (!is_known_name(&s))
		return false;
	l->nr = 0;
	l->below = true;
	l->held = held_bytes(c->at.r->sys);
	l->known = replay_read(c->at.r, walk, &s);
	return l->known;
}

/* largest(NAME) with NAME a bare word, or largest(). */
static bool is_largest(const struct node *n)
{
	const struct node *arg = n->kid[0];

	return n->kind == N_CALL && strcasecmp(n->text, "largest") == 0 && n->kid[1] == NULL &&
	       (arg == NULL ||
		(arg->kind == N_PATH && arg->nr_steps == 1 && arg->step[0].name != NULL));
}

static struct limit *limit_for(struct condition *c, const struct node *n, uint64_t bytes)
{
	for (unsigned i = 0; i < MAX_LIMITS; i++) {
		struct limit *l = &c->limit[i];

		if (l->node == NULL)
			*l = (struct limit){.node = n, .bytes = bytes};
		if (l->node == n)
			return l;
	}
	return NULL;
}

bool condition_compare(void *ctx, const struct node *n, bool *truth)
{
	struct condition *c = ctx;
	struct limit *l;
	fixed number;
	enum op op;

	if (!node_is_limit(n, &op, &number) || (op != OP_LT && op != OP_GE) ||
	    !is_largest(n->kid[0]) || number <= 0)
		return false;
	l = limit_for(c, n, (uint64_t)((number + MILLION - 1) / MILLION));
	if (l == NULL || (!l->known && !look(c, l)))
		return false;
	*truth = l->below == (op == OP_LT);
	return true;
}
