/*
 * kmem's page events, as events of two levels (see event.h):
 *
 *   mm_page_alloc              alloc_pages
 *   mm_page_free               free_pages; of an order that has no per-CPU lists also
 *                              zone_free, for nothing else tells of that
 *   mm_page_alloc_zone_locked  zone_alloc
 *   mm_page_alloc_extfrag      zone_alloc, unless a zone_locked of that page came just before
 *                              on that CPU
 *   mm_page_pcpu_drain         zone_free
 *   mm_page_free_batched       nothing: an mm_page_free of the same page comes with it
 *
 * Each level has a map from frames to live blocks.  A free of a part of a block splits
 * it; a free of frames that no event gave out names something older than the recording.
 * An allocation of frames that are live implies that they were freed unseen.
 */
#include <stdlib.h>

#include "sim/id_map.h"
#include "sim/trace_kmem.h"

#define MAX_ORDER 20u
#define MAX_CPUS  256u

/* One level: who is live, by first frame. */
struct level {
	struct id_map map;
	uint8_t *order; /* of a slot's block */
	uint32_t *first; /* its first frame */
	uint32_t nr; /* slots there is room for */
	unsigned most; /* the largest order so far */
	uint8_t op_old, op_split, op_free;
};

struct kmem_pages {
	struct level requests, blocks;
	bool version_known;
	uint32_t listed; /* bit o: blocks of order o go through per-CPU lists */
	uint32_t taken
		[MAX_CPUS]; /* the page of the CPU's last event, if a zone_locked; else all ones */
};

bool kmem_pages_start(struct kmem_reader *k)
{
	struct kmem_pages *p = calloc(1, sizeof *p);

	k->pages = p;
	if (p == NULL)
		return false;
	p->requests.op_old = OP_OLD_PAGES;
	p->requests.op_split = OP_SPLIT_PAGES;
	p->requests.op_free = OP_FREE_PAGES;
	p->blocks.op_old = OP_ZONE_OLD;
	p->blocks.op_split = OP_ZONE_SPLIT;
	p->blocks.op_free = OP_ZONE_FREE;
	p->listed = 0xf | 1u << 9; /* as Linux 6 with huge pages; events tell otherwise */
	for (unsigned i = 0; i < MAX_CPUS; i++)
		p->taken[i] = UINT32_MAX;
	return id_map_init(&p->requests.map, &p->requests.first) &&
	       id_map_init(&p->blocks.map, &p->blocks.first);
}

void kmem_pages_stop(struct kmem_reader *k)
{
	struct kmem_pages *p = k->pages;

	if (p == NULL)
		return;
	id_map_finish(&p->requests.map);
	id_map_finish(&p->blocks.map);
	free(p->requests.order);
	free(p->blocks.order);
	free(p->requests.first);
	free(p->blocks.first);
	free(p);
	k->pages = NULL;
}

/* ---- a level's map ---- */

/* Room for a slot's block.  false: no memory; what there is stays. */
static bool grow_level(struct level *v, uint32_t slot)
{
	uint32_t nr = slots_room(v->nr, slot);
	uint8_t *order = realloc(v->order, nr);
	uint32_t *first;

	if (order == NULL)
		return false;
	v->order = order;
	first = realloc(v->first, nr * sizeof *first);
	if (first == NULL)
		return false;
	v->first = first;
	v->nr = nr;
	return true;
}

static void put(struct kmem_reader *k, struct level *v, uint32_t pfn, uint32_t slot, unsigned order)
{
	if (slot == SLOT_NONE)
		return;
	if (slot >= v->nr && !grow_level(v, slot)) {
		k->failed = true;
		return;
	}
	v->order[slot] = (uint8_t)order;
	v->first[slot] = pfn;
	v->most = order > v->most ? order : v->most;
	if (!id_map_put(&v->map, pfn, slot))
		k->failed = true;
}

/* The first frame of the live block that holds pfn, its slot in *slot; SLOT_NONE: none does. */
static uint32_t find(const struct level *v, uint32_t pfn, uint32_t *slot)
{
	for (unsigned o = 0; o <= v->most; o++) {
		uint32_t head = pfn & ~((1u << o) - 1);

		if (o != 0 && head == (pfn & ~((1u << (o - 1)) - 1)))
			continue;
		*slot = id_map_find(&v->map, head);
		if (*slot != SLOT_NONE)
			return v->order[*slot] >= o && pfn - head < 1u << v->order[*slot]
				       ? head
				       : UINT32_MAX;
	}
	return UINT32_MAX;
}

/* ---- giving events ---- */

static void free_block(struct kmem_reader *k, struct level *v, const struct kmem_line *l,
		       uint32_t head)
{
	struct trace_event ev = kmem_event(l, (enum trace_op)v->op_free);

	ev.slot = id_map_take(&v->map, head);
	kmem_put(k, ev);
}

/* Halves the block at `head` until one of `order` holds pfn. */
static void split(struct kmem_reader *k, struct level *v, const struct kmem_line *l, uint32_t head,
		  uint32_t slot, uint32_t pfn, unsigned order)
{
	while (v->order[slot] > order && !k->failed) {
		struct trace_event ev = kmem_event(l, (enum trace_op)v->op_split);
		unsigned half = v->order[slot] - 1u;
		uint32_t upper;

		ev.slot2 = slot;
		ev.order = (uint8_t)half;
		ev.arg = head + (1u << half);
		upper = kmem_put(k, ev);
		v->order[slot] = (uint8_t)half;
		put(k, v, head + (1u << half), upper, half);
		if (pfn >= head + (1u << half)) {
			head += 1u << half;
			slot = upper;
		}
	}
}

static void free_old(struct kmem_reader *k, struct level *v, const struct kmem_line *l,
		     uint32_t pfn, unsigned order)
{
	struct trace_event ev = kmem_event(l, (enum trace_op)v->op_old);
	uint32_t slot;

	ev.order = (uint8_t)order;
	ev.arg = pfn;
	slot = kmem_put(k, ev);
	put(k, v, pfn, slot, order);
	k->count[KMEM_OLD]++;
	if (!k->failed)
		free_block(k, v, l, pfn);
}

/* Frees every live block that begins in [pfn, pfn + 2^order); how many. */
static unsigned free_parts(struct kmem_reader *k, struct level *v, const struct kmem_line *l,
			   uint32_t pfn, unsigned order)
{
	uint32_t end = pfn + (1u << order), slot;
	unsigned n = 0;

	for (uint32_t at = pfn; at < end; at++) {
		slot = id_map_find(&v->map, at);
		if (slot == SLOT_NONE)
			continue;
		free_block(k, v, l, at);
		n++;
	}
	return n;
}

/* Blocks that no event freed, and whose frames are given out again. */
static void free_implied(struct kmem_reader *k, struct level *v, const struct kmem_line *l,
			 uint32_t pfn, unsigned order)
{
	uint32_t slot, head = find(v, pfn, &slot);

	if (head != UINT32_MAX && v->order[slot] > order)
		split(k, v, l, head, slot, pfn, order);
	if (!k->failed)
		k->count[KMEM_IMPLIED] += free_parts(k, v, l, pfn, order);
}

static void free_frames(struct kmem_reader *k, struct level *v, const struct kmem_line *l,
			uint32_t pfn, unsigned order)
{
	uint32_t slot, head = find(v, pfn, &slot);
	unsigned n;

	if (head != UINT32_MAX && v->order[slot] > order) {
		split(k, v, l, head, slot, pfn, order);
		k->count[KMEM_SPLIT]++;
		head = pfn;
	}
	if (k->failed)
		return;
	if (head == pfn && v->order[id_map_find(&v->map, pfn)] == order) {
		free_block(k, v, l, pfn);
		return;
	}
	n = free_parts(k, v, l, pfn, order);
	k->count[KMEM_JOINED] += n;
	if (n == 0)
		free_old(k, v, l, pfn, order);
}

static void give_out(struct kmem_reader *k, struct level *v, const struct kmem_line *l,
		     struct trace_event ev)
{
	uint32_t pfn = (uint32_t)ev.arg;

	free_implied(k, v, l, pfn, ev.order);
	if (!k->failed)
		put(k, v, pfn, kmem_put(k, ev), ev.order);
}

/* ---- handlers ---- */

static int get_block(const struct kmem_line *l, const char *order_key, uint64_t *pfn,
		     unsigned *order, const char **wrong)
{
	uint64_t o;

	*wrong = order_key;
	if (!kmem_number(l, order_key, &o) || o > MAX_ORDER)
		return -1;
	*order = (unsigned)o;
	*wrong = "pfn";
	if (!kmem_number(l, "pfn", pfn))
		return -1;
	/* A request that failed has no page: 0, or all ones. */
	if (*pfn == UINT64_MAX || *pfn == UINT32_MAX)
		*pfn = 0;
	if (*pfn >= UINT32_MAX - (1u << MAX_ORDER) || (*pfn & ((1u << o) - 1)) != 0)
		return -1;
	return 0;
}

static uint8_t get_type(const struct kmem_line *l, const char *key)
{
	uint64_t mt = 0;

	return kmem_number(l, key, &mt) && mt < 256 ? (uint8_t)mt : 0;
}

/* 4.19 and older print frame numbers in decimal, and have lists of order 0 only. */
static void learn_version(struct kmem_reader *k, const struct kmem_line *l)
{
	const char *text;
	size_t n;

	if (k->pages->version_known || !kmem_text(l, "pfn", &text, &n))
		return;
	k->pages->version_known = true;
	if (n < 2 || text[1] != 'x')
		k->pages->listed = 1;
}

static int on_alloc(struct kmem_reader *k, const struct kmem_line *l, const char **wrong)
{
	struct trace_event ev = kmem_event(l, OP_ALLOC_PAGES);
	const char *gfp;
	uint64_t pfn;
	unsigned order;
	size_t n;

	if (get_block(l, "order", &pfn, &order, wrong) != 0)
		return -1;
	k->pages->taken[l->cpu] = UINT32_MAX;
	ev.order = (uint8_t)order;
	ev.migratetype = get_type(l, "migratetype");
	if (kmem_text(l, "gfp_flags", &gfp, &n))
		ev.gfp = kmem_gfp(k, gfp, n);
	ev.arg = pfn;
	if (pfn == 0) {
		ev.flags |= EV_NULL;
		kmem_put(k, ev);
		return 0;
	}
	give_out(k, &k->pages->requests, l, ev);
	return 0;
}

static int on_free(struct kmem_reader *k, const struct kmem_line *l, const char **wrong)
{
	uint64_t pfn;
	unsigned order;

	if (get_block(l, "order", &pfn, &order, wrong) != 0)
		return -1;
	learn_version(k, l);
	k->pages->taken[l->cpu] = UINT32_MAX;
	free_frames(k, &k->pages->requests, l, (uint32_t)pfn, order);
	if ((k->pages->listed >> order & 1) == 0 && !k->failed)
		free_frames(k, &k->pages->blocks, l, (uint32_t)pfn, order);
	return 0;
}

static int on_zone_locked(struct kmem_reader *k, const struct kmem_line *l, const char **wrong)
{
	struct trace_event ev = kmem_event(l, OP_ZONE_ALLOC);
	uint64_t pfn, refill;
	unsigned order;

	if (get_block(l, "order", &pfn, &order, wrong) != 0)
		return -1;
	learn_version(k, l);
	ev.order = (uint8_t)order;
	ev.migratetype = get_type(l, "migratetype");
	ev.arg = pfn;
	/* Types beyond the usual three never go through the lists. */
	if (ev.migratetype < 3 && kmem_number(l, "percpu_refill", &refill))
		k->pages->listed = (k->pages->listed & ~(1u << order)) | (uint32_t)(refill != 0)
										 << order;
	give_out(k, &k->pages->blocks, l, ev);
	k->pages->taken[l->cpu] = (uint32_t)pfn;
	return 0;
}

static int on_extfrag(struct kmem_reader *k, const struct kmem_line *l, const char **wrong)
{
	struct trace_event ev = kmem_event(l, OP_ZONE_ALLOC);
	uint64_t pfn;
	unsigned order;
	bool told;

	if (get_block(l, "alloc_order", &pfn, &order, wrong) != 0)
		return -1;
	told = k->pages->taken[l->cpu] == pfn;
	k->pages->taken[l->cpu] = UINT32_MAX;
	if (told)
		return 0;
	ev.order = (uint8_t)order;
	ev.migratetype = get_type(l, "alloc_migratetype");
	ev.arg = pfn;
	give_out(k, &k->pages->blocks, l, ev);
	return 0;
}

static int on_drain(struct kmem_reader *k, const struct kmem_line *l, const char **wrong)
{
	uint64_t pfn;
	unsigned order;

	if (get_block(l, "order", &pfn, &order, wrong) != 0)
		return -1;
	k->pages->taken[l->cpu] = UINT32_MAX;
	free_frames(k, &k->pages->blocks, l, (uint32_t)pfn, order);
	return 0;
}

const struct kmem_event_kind kmem_page_events[] = {
	KMEM_KIND("mm_page_alloc", on_alloc),
	KMEM_KIND("mm_page_free", on_free),
	KMEM_KIND("mm_page_alloc_zone_locked", on_zone_locked),
	KMEM_KIND("mm_page_alloc_extfrag", on_extfrag),
	KMEM_KIND("mm_page_pcpu_drain", on_drain),
	KMEM_KIND("mm_page_free_batched", NULL),
	/* before 3.3 */
	KMEM_KIND("mm_page_free_direct", on_free),
	KMEM_KIND("mm_pagevec_free", NULL),
	{NULL, 0, NULL},
};
