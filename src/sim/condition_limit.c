/*
 * `largest(NAME) < SIZE` over millions of events.
 *
 * A walk finds the free blocks of SIZE and more: the witnesses.  One of them is still
 * there until something is granted from it, its header is stored to, or pages go back
 * to the page allocator; so the condition is false without another walk.  What is left
 * of a witness is looked at where the kind can tell a single chunk (bytes_ops.chunk):
 * the one behind the block that was granted, and the one before it, if that ends where
 * the block begins.  Once the condition is true, only a free, a realloc or a mass free
 * can change that.
 */
#include <stdlib.h>
#include <string.h>
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

static bool is_granted_from(const struct condition_at *at, const struct witness *w)
{
	return overlaps(at->h->pa, at->h->bytes, w->pa, w->bytes);
}

static bool is_header_stored(const struct condition_at *at, const struct witness *w)
{
	for (uint32_t i = 0; i < at->watch->nr; i++)
		if (overlaps(at->watch->log[i].pa, at->watch->log[i].bytes, w->pa - HEADER_BYTES,
			     HEADER_BYTES))
			return true;
	return false;
}

/* ---- what is left of a witness ---- */

struct remains {
	const struct condition_at *at;
	struct witness w;
	uint64_t least; /* bytes */
	unsigned nr;
	struct witness found[2];
};

static void keep_free(struct remains *r, const struct walk_span *s, uint64_t offset)
{
	if (s->class == MM_CACHED && s->bytes >= r->least)
		r->found[r->nr++] = (struct witness){s->base.v - offset, s->bytes, r->w.alloc};
}

/* Before the block that was granted, and behind it. */
static void look_beside(void *ctx)
{
	struct remains *r = ctx;
	struct system *s = r->at->r->sys;
	struct alloc *a = system_walker(s, &s->allocs[r->w.alloc]);
	vaddr_t first = {r->w.pa + s->offset}, block = {r->at->h->pa + s->offset}, next;
	struct walk_span x;

	next = a->ops->bytes->chunk(a, block, &x);
	if (x.bytes != 0) {
		(void)a->ops->bytes->chunk(a, next, &x);
		keep_free(r, &x, s->offset);
	}
	if (first.v < block.v && vaddr_eq(a->ops->bytes->chunk(a, first, &x), block))
		keep_free(r, &x, s->offset);
}

/* Where it was: its header was stored to. */
static void look_again(void *ctx)
{
	struct remains *r = ctx;
	struct system *s = r->at->r->sys;
	struct alloc *a = system_walker(s, &s->allocs[r->w.alloc]);
	struct walk_span x;

	(void)a->ops->bytes->chunk(a, (vaddr_t){r->w.pa + s->offset}, &x);
	keep_free(r, &x, s->offset);
}

/* What is left of witness w after the event, in *r. */
static void look_at(struct remains *r)
{
	const struct alloc_ops *o = r->at->r->sys->allocs[r->w.alloc].ops;
	bool granted = is_granted_from(r->at, &r->w), stored = is_header_stored(r->at, &r->w);

	r->nr = 0;
	if (!granted && !stored && r->at->watch->nr < r->at->watch->room) {
		r->found[r->nr++] = r->w;
		return;
	}
	if (o->bytes == NULL || o->bytes->chunk == NULL || r->at->h->outcome != OUTCOME_DONE ||
	    (granted && r->at->h->alloc != r->w.alloc))
		return;
	if (!replay_read(r->at->r, granted ? look_beside : look_again, r))
		r->nr = 0;
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

static uint64_t merges_of(const struct system *s)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < s->nr_allocs; i++)
		sum += s->allocs[i].view.count[MM_EV_MERGE] +
		       s->allocs[i].view.count[MM_EV_CHUNK_MERGE];
	return sum;
}

/* Nothing large enough was free; what is now? */
static void still_below(struct condition *c, struct limit *l)
{
	uint64_t merges = merges_of(c->at.r->sys);
	struct witness w;
	bool known;

	if (only_takes(c->at.h)) {
		/* Some put off merging until they look for a block. */
		l->known = merges == l->merges;
		return;
	}
	if (c->at.h->outcome == OUTCOME_DONE && freed_reaches(c, l, &w, &known)) {
		l->below = false;
		l->nr = 1;
		l->witness[0] = w;
	} else if (c->at.h->outcome == OUTCOME_DONE && c->at.h->ev.op == OP_FREE) {
		l->known = known;
	} else {
		l->known = false;
	}
	l->merges = merges;
}

static void one_limit(struct condition *c, struct limit *l)
{
	const struct condition_at *at = &c->at;
	struct witness kept[WITNESSES];
	unsigned nr = 0;

	if (!l->known)
		return;
	/* A segment taken is new free memory; one given back may have been a witness. */
	if (held_bytes(at->r->sys) != l->held) {
		l->known = false;
		return;
	}
	if (l->below) {
		still_below(c, l);
		return;
	}
	for (unsigned i = 0; i < l->nr; i++) {
		struct remains r = {.at = at, .w = l->witness[i], .least = l->bytes};

		look_at(&r);
		for (unsigned k = 0; k < r.nr && nr < WITNESSES; k++)
			kept[nr++] = r.found[k];
	}
	memcpy(l->witness, kept, nr * sizeof kept[0]);
	l->nr = nr;
	if (!l->below && nr == 0)
		l->known = false;
}

void limits_event(struct condition *c)
{
	anchors_event(c);
	for (unsigned i = 0; i < MAX_LIMITS; i++)
		one_limit(c, &c->limit[i]);
}

/* ---- walking ---- */

struct search {
	const struct replay *r;
	struct limit *l;
	const char *name; /* NULL: anywhere */
	bool heap; /* the name is a heap's, and nothing else */
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
	unsigned i;

	if (bytes < l->bytes)
		return;
	if (s->name != NULL && strcasecmp(a->name, s->name) != 0 &&
	    (s->heap || (!(pa >= s->lo && pa < s->hi) && !zone_has(a, s->name, pa))))
		return;
	l->below = false;
	/* The largest first. */
	i = l->nr < WITNESSES ? l->nr++ : WITNESSES;
	for (; i > 0 && l->witness[i - 1].bytes < bytes; i--)
		if (i < WITNESSES)
			l->witness[i] = l->witness[i - 1];
	if (i < WITNESSES)
		l->witness[i] = (struct witness){pa, bytes, (unsigned)(a - s->r->sys->allocs)};
}

static void walk(void *ctx)
{
	struct search *s = ctx;

	each_free_block(s->r->sys, take_witness, s);
}

static bool is_known_name(const struct search *s)
{
	const struct system *sys = s->r->sys;

	if (s->name == NULL || s->hi != 0 || (!s->heap && machine_zone(sys->machine, s->name) >= 0))
		return true;
	for (unsigned i = 0; i < sys->nr_allocs; i++)
		if (strcasecmp(sys->allocs[i].name, s->name) == 0)
			return true;
	return false;
}

static bool look(struct condition *c, struct limit *l)
{
	const struct node *what = l->node->kid[0], *arg = what->kid[0];
	struct search s = {.r = c->at.r, .l = l};
	int region;

	if (what->kind == N_PATH) {
		s.name = what->step[1].name;
		s.heap = true;
	} else if (arg != NULL) {
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
	l->merges = merges_of(c->at.r->sys);
	l->known = replay_read(c->at.r, walk, &s);
	return l->known;
}

/* largest(NAME) with NAME a bare word, largest(), or heaps.NAME.largest_free_bytes. */
static bool is_largest(const struct node *n)
{
	const struct node *arg = n->kid[0];

	if (n->kind == N_PATH)
		return n->nr_steps == 3 && n->step[0].name != NULL && n->step[1].name != NULL &&
		       n->step[2].name != NULL && strcasecmp(n->step[0].name, "heaps") == 0 &&
		       strcasecmp(n->step[2].name, "largest_free_bytes") == 0;
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

/* `largest OP number` is whether the largest block has fewer bytes than *bytes, or not (*below). */
static bool as_limit(enum op op, fixed number, uint64_t *bytes, bool *below)
{
	bool whole = op == OP_LE || op == OP_GT;

	if ((!whole && op != OP_LT && op != OP_GE) || number < 0 || (!whole && number == 0))
		return false;
	/* The least number of bytes that is not below it: n, or beyond n. */
	*bytes = (uint64_t)(whole ? number / MILLION + 1 : (number + MILLION - 1) / MILLION);
	*below = op == OP_LT || op == OP_LE;
	return true;
}

bool condition_compare(void *ctx, const struct node *n, bool *truth)
{
	struct condition *c = ctx;
	struct limit *l;
	uint64_t bytes;
	fixed number;
	enum op op;
	bool below;

	if (!node_is_limit(n, &op, &number) || !is_largest(n->kid[0]) ||
	    !as_limit(op, number, &bytes, &below))
		return false;
	l = limit_for(c, n, bytes);
	if (l == NULL || (!l->known && !look(c, l)))
		return false;
	*truth = l->below == below;
	return true;
}
