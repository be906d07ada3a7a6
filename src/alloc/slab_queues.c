/*
 * slab: arrays of free objects in front of the slabs.
 *
 * Each CPU has for each cache an array of objects of its own node.  A request takes the last
 * one; an empty array is filled by a batch from the array that the node's CPUs share, or
 * else from slabs.  A full one gives its oldest batch to the shared array, as far as there
 * is room, or else to the slabs.  An object of another node, freed here, waits in the array
 * that this node keeps for that one (alien); when that is full, all of it goes to the
 * other node: to its shared array as far as there is room, the rest to its slabs.
 * With rules of the textbook there are only the CPUs' arrays, and objects of other nodes
 * go to their slabs at once.
 *
 * Every two seconds a CPU empties one of its node's alien arrays, and gives a fifth of its
 * own array back if nothing was taken since; every four seconds the same is done
 * to the node's shared array, and a fifth of the free slabs that the node may keep goes if
 * none was needed.
 *
 * Source: Linux 2.6's mm/slab.c (cache_alloc_refill, cache_flusharray, cache_free_alien,
 * cache_reap), whose forms these are until 6.7.  Arrays are made when a CPU first needs
 * its own: one for which there is no memory is done without.
 */
#include "alloc/slab.h"

#include "alloc/slab_layout.h"

/* Objects that a CPU gets at once if it left the last ones alone (batchcount of an idle array). */
#define BATCH_IDLE  16u
#define ALIEN_LIMIT 12u
/* Units of 8 ms: two seconds, four. */
#define REAP_CPU  250u
#define REAP_NODE 500u

uint32_t slab_shared_limit(const struct kmem *s, vaddr_t cache)
{
	struct mm_rec c = mem_rec(s->base.m, cache);

	return cache_shared(c) * cache_batch(c);
}

uint32_t slab_alien_limit(const struct kmem *s, vaddr_t cache)
{
	if (s->nodes == 1 || s->rules.rules == MM_RULES_TEXTBOOK)
		return 0;
	return cache_limit(mem_rec(s->base.m, cache)) > 1 ? ALIEN_LIMIT : 1;
}

uint32_t slab_free_limit(const struct kmem *s, vaddr_t cache, unsigned node)
{
	struct mm_rec c = mem_rec(s->base.m, cache);
	uint32_t cpus = s->cpus;

	for (unsigned cpu = 0; s->nodes > 1 && cpu < s->cpus; cpu++)
		cpus -= kmem_cpu_node(s, cpu) != node;
	return (1 + cpus) * cache_batch(c) + cache_num(c);
}

/* ---- arrays come and go ---- */

/* VADDR_NONE: no memory, too large, or kmalloc's caches are not there yet. */
static vaddr_t new_array(struct kmem *s, vaddr_t cache, uint32_t limit, uint32_t whose)
{
	msize_t bytes = SLAB_ARRAY_HEAD + (msize_t)limit * MM_WORD;
	vaddr_t own, a;

	if (bytes > s->classes.largest)
		return VADDR_NONE;
	own = s->classes.cache[0][kmalloc_index(&s->classes, bytes)];
	if (vaddr_none(own) || own.v == 0)
		return VADDR_NONE;
	a = slab_own_take(s, own, BUFCTL_ARRAY);
	if (!vaddr_none(a))
		set_array_owner(s->base.m, a, kmem_number(s, cache), whose);
	return a;
}

/* What the node still lacks. */
static void make_node_arrays(struct kmem *s, vaddr_t cache, unsigned node)
{
	const struct mem *m = s->base.m;
	uint32_t shared = slab_shared_limit(s, cache), alien = slab_alien_limit(s, cache);
	vaddr_t n = cache_node(s, cache, node);

	if (shared != 0 && vaddr_none(node_shared(m, n)))
		set_node_shared(m, n,
				new_array(s, cache, shared, mm_place(MM_PLACE_SHARED, node, node)));
	for (unsigned of = 0; alien != 0 && of < s->nodes; of++)
		if (of != node && vaddr_none(node_alien(m, n, of)))
			set_node_alien(
				m, n, of,
				new_array(s, cache, alien, mm_place(MM_PLACE_ALIEN, node, of)));
}

/* The CPU's array, made if need be with its node's; VADDR_NONE: the layer does without one here. */
static vaddr_t cpu_array(struct kmem *s, vaddr_t cache)
{
	const struct mem *m = s->base.m;
	unsigned cpu = kmem_cpu(s);
	vaddr_t a = cache_array(m, cache, cpu);

	if (mm_likely(!vaddr_none(a)))
		return a;
	a = new_array(s, cache, cache_limit(mem_rec(m, cache)),
		      mm_place(MM_PLACE_CPU, cpu, kmem_cpu_node(s, cpu)));
	if (!vaddr_none(a)) {
		set_cache_array(m, cache, cpu, a);
		make_node_arrays(s, cache, kmem_cpu_node(s, cpu));
	}
	return a;
}

static void drop_array(struct kmem *s, vaddr_t a)
{
	if (!vaddr_none(a))
		slab_own_put(s, a);
}

void slab_drop_arrays(struct kmem *s, vaddr_t cache)
{
	const struct mem *m = s->base.m;

	for (unsigned cpu = 0; cpu < s->cpus; cpu++)
		drop_array(s, cache_array(m, cache, cpu));
	for (unsigned node = 0; node < s->nodes; node++) {
		vaddr_t n = cache_node(s, cache, node);

		drop_array(s, node_shared(m, n));
		for (unsigned of = 0; s->nodes > 1 && of < s->nodes; of++)
			drop_array(s, node_alien(m, n, of));
	}
}

/* ---- objects move ---- */

static void append(const struct mem *m, vaddr_t a, vaddr_t o)
{
	uint32_t avail = array_avail(m, a);

	set_array_entry(m, a, avail, o);
	set_array_avail(m, a, avail + 1);
}

/* The first n entries, which have gone elsewhere, go from the array. */
static void drop_first(const struct mem *m, vaddr_t a, uint32_t n)
{
	uint32_t avail = array_avail(m, a);

	for (uint32_t i = 0; i < avail; i++)
		set_array_entry(m, a, i, i + n < avail ? array_entry(m, a, i + n) : (vaddr_t){0});
	set_array_avail(m, a, avail - n);
}

static void told(const struct kmem *s, uint32_t n, uint32_t from, uint32_t to)
{
	if (n != 0)
		mm_event(s->base.m, MM_EV_OBJ_MOVE, n, from, to);
}

/* Moves the last objects of `from` behind those of `to`, `most` and as there is room: how many. */
static uint32_t transfer(const struct kmem *s, vaddr_t to, uint32_t room, vaddr_t from,
			 uint32_t most)
{
	const struct mem *m = s->base.m;
	uint32_t avail = array_avail(m, from), n = avail < most ? avail : most;

	n = n < room ? n : room;
	for (uint32_t i = avail - n; i < avail; i++) {
		append(m, to, array_entry(m, from, i));
		set_array_entry(m, from, i, (vaddr_t){0});
	}
	set_array_avail(m, from, avail - n);
	told(s, n, array_whose(m, from), array_whose(m, to));
	return n;
}

/* Puts the first n objects of an array back into their slabs, which are a node's. */
static void give_back(struct kmem *s, vaddr_t a, unsigned node, uint32_t n)
{
	const struct mem *m = s->base.m;

	told(s, n, array_whose(m, a), mm_place(MM_PLACE_SLABS, node, node));
	for (uint32_t i = 0; i < n; i++)
		slab_put(s, slab_find(s, array_entry(m, a, i)));
	drop_first(m, a, n);
}

static uint32_t shared_room(const struct kmem *s, vaddr_t cache, vaddr_t shared)
{
	return slab_shared_limit(s, cache) - array_avail(s->base.m, shared);
}

/* The CPU's array is full: its oldest batch goes. */
static void flush(struct kmem *s, vaddr_t cache, vaddr_t a, unsigned node)
{
	const struct mem *m = s->base.m;
	vaddr_t shared = node_shared(m, cache_node(s, cache, node));
	uint32_t n = cache_batch(mem_rec(m, cache));
	uint32_t room = vaddr_none(shared) ? 0 : shared_room(s, cache, shared);

	if (room == 0) {
		give_back(s, a, node, n);
		return;
	}
	n = n < room ? n : room;
	for (uint32_t i = 0; i < n; i++)
		append(m, shared, array_entry(m, a, i));
	drop_first(m, a, n);
	told(s, n, array_whose(m, a), array_whose(m, shared));
}

/* An alien array goes home, all of it. */
static void send_home(struct kmem *s, vaddr_t cache, vaddr_t alien, unsigned node)
{
	const struct mem *m = s->base.m;
	vaddr_t shared = node_shared(m, cache_node(s, cache, node));

	if (!vaddr_none(shared))
		transfer(s, shared, shared_room(s, cache, shared), alien, array_avail(m, alien));
	give_back(s, alien, node, array_avail(m, alien));
}

/* ---- requests ---- */

/* Fills the empty array; false: the node has no objects and no pages. */
static bool refill(struct kmem *s, vaddr_t cache, vaddr_t a, const struct alloc_req *req,
		   uint64_t *steps)
{
	const struct mem *m = s->base.m;
	unsigned node = kmem_cpu_node(s, kmem_cpu(s)), grown = node;
	vaddr_t shared = node_shared(m, cache_node(s, cache, node));
	uint32_t n = cache_batch(mem_rec(m, cache)), got = 0;

	/* A CPU that has not used what it got last time gets less. */
	if ((array_clock(m, a) & CLOCK_TOUCHED) == 0 && n > BATCH_IDLE)
		n = BATCH_IDLE;
	++*steps;
	if (!vaddr_none(shared) && transfer(s, a, n, shared, n) != 0) {
		set_array_clock(m, shared, array_clock(m, shared) | CLOCK_TOUCHED);
		return true;
	}
	do {
		for (; got < n; got++) {
			vaddr_t o = slab_take(s, cache, node, BUFCTL_ATHAND);

			if (vaddr_none(o))
				break;
			append(m, a, o);
		}
	} while (got == 0 && grown == node && ++*steps && slab_grow(s, cache, node, req, &grown));
	told(s, got, mm_place(MM_PLACE_SLABS, node, node), array_whose(m, a));
	return got != 0;
}

vaddr_t slab_pop(struct kmem *s, vaddr_t cache, const struct alloc_req *req, uint64_t *steps)
{
	const struct mem *m = s->base.m;
	vaddr_t a = cpu_array(s, cache), o;
	uint32_t n;

	if (vaddr_none(a) || (array_avail(m, a) == 0 && !refill(s, cache, a, req, steps)))
		return VADDR_NONE;
	n = array_avail(m, a) - 1;
	o = array_entry(m, a, n);
	set_array_entry(m, a, n, (vaddr_t){0});
	set_array_avail(m, a, n);
	set_array_clock(m, a, array_clock(m, a) | CLOCK_TOUCHED);
	return o;
}

/* An object of another node. */
static void push_alien(struct kmem *s, struct slab_object x, vaddr_t o, unsigned here,
		       unsigned node)
{
	const struct mem *m = s->base.m;
	vaddr_t alien;

	cpu_array(s, x.cache); /* where a CPU only frees, too, its node needs its arrays */
	alien = node_alien(m, cache_node(s, x.cache, here), node);
	if (vaddr_none(alien)) {
		slab_put(s, x);
		return;
	}
	if (array_avail(m, alien) == slab_alien_limit(s, x.cache))
		send_home(s, x.cache, alien, node);
	append(m, alien, o);
	set_record_bufctl(m, x.record, x.index, BUFCTL_ATHAND);
}

void slab_push(struct kmem *s, struct slab_object x, vaddr_t o)
{
	const struct mem *m = s->base.m;
	unsigned here = kmem_cpu_node(s, kmem_cpu(s));
	unsigned node = s->nodes == 1 ? 0 : kmem_node(s, va_to_pfn(m, o, s->page_shift));
	vaddr_t a;

	if (mm_unlikely(node != here)) {
		push_alien(s, x, o, here, node);
		return;
	}
	a = cpu_array(s, x.cache);
	if (vaddr_none(a)) {
		slab_put(s, x);
		return;
	}
	if (array_avail(m, a) == cache_limit(mem_rec(m, x.cache)))
		flush(s, x.cache, a, node);
	append(m, a, o);
	set_record_bufctl(m, x.record, x.index, BUFCTL_ATHAND);
}

/* ---- all of them ---- */

static void empty(struct kmem *s, vaddr_t a, unsigned node)
{
	if (!vaddr_none(a))
		give_back(s, a, node, array_avail(s->base.m, a));
}

void slab_drain(struct kmem *s, vaddr_t cache)
{
	const struct mem *m = s->base.m;

	for (unsigned cpu = 0; cpu < s->cpus; cpu++)
		empty(s, cache_array(m, cache, cpu), kmem_cpu_node(s, cpu));
	for (unsigned node = 0; s->nodes > 1 && node < s->nodes; node++)
		for (unsigned of = 0; of < s->nodes; of++)
			empty(s, node_alien(m, cache_node(s, cache, node), of), of);
	for (unsigned node = 0; node < s->nodes; node++)
		empty(s, node_shared(m, cache_node(s, cache, node)), node);
}

static uint64_t in_array(const struct mem *m, vaddr_t a)
{
	return vaddr_none(a) ? 0 : array_avail(m, a);
}

uint64_t slab_queued(const struct kmem *s, vaddr_t cache, uint64_t *shared)
{
	const struct mem *m = s->base.m;
	uint64_t n = 0;

	*shared = 0;
	for (unsigned cpu = 0; cpu < s->cpus; cpu++)
		n += in_array(m, cache_array(m, cache, cpu));
	for (unsigned node = 0; node < s->nodes; node++) {
		vaddr_t x = cache_node(s, cache, node);

		*shared += in_array(m, node_shared(m, x));
		for (unsigned of = 0; s->nodes > 1 && of < s->nodes; of++)
			n += in_array(m, node_alien(m, x, of));
	}
	return n + *shared;
}

/* ---- the reaper ---- */

static bool due(uint32_t clock, uint32_t now)
{
	return clock >> 1 <= now;
}

/* What was not touched goes, a fifth of the limit, at most half of what is there. */
static void shrink_idle(struct kmem *s, vaddr_t a, unsigned node, uint32_t limit)
{
	const struct mem *m = s->base.m;
	uint32_t avail = array_avail(m, a), n = (limit + 4) / 5;

	if ((array_clock(m, a) & CLOCK_TOUCHED) == 0)
		give_back(s, a, node, n > avail ? (avail + 1) / 2 : n);
}

static void reap_node(struct kmem *s, vaddr_t cache, unsigned node, uint32_t now)
{
	const struct mem *m = s->base.m;
	vaddr_t n = cache_node(s, cache, node), shared = node_shared(m, n);
	uint32_t clock = node_word(m, n, NODE_CLOCK), num = cache_num(mem_rec(m, cache));

	if (!due(clock, now))
		return;
	if (!vaddr_none(shared)) {
		shrink_idle(s, shared, node, slab_shared_limit(s, cache));
		set_array_clock(m, shared, 0);
	}
	if ((clock & CLOCK_TOUCHED) == 0)
		slab_trim(s, cache, node,
			  (slab_free_limit(s, cache, node) + 5 * num - 1) / (5 * num));
	set_node_word(m, n, NODE_CLOCK, (now + REAP_NODE) << 1);
}

static void reap(struct kmem *s, vaddr_t cache, unsigned cpu, uint32_t now)
{
	const struct mem *m = s->base.m;
	unsigned node = kmem_cpu_node(s, cpu), of = (node + 1 + now / REAP_CPU) % s->nodes;
	vaddr_t a = cache_array(m, cache, cpu), alien = VADDR_NONE;

	if (vaddr_none(a) || !due(array_clock(m, a), now))
		return;
	if (s->nodes > 1)
		alien = node_alien(m, cache_node(s, cache, node), of);
	if (!vaddr_none(alien))
		send_home(s, cache, alien, of);
	shrink_idle(s, a, node, cache_limit(mem_rec(m, cache)));
	set_array_clock(m, a, (now + REAP_CPU) << 1);
	reap_node(s, cache, node, now);
}

void slab_tick(struct alloc *alloc, unsigned cpu, uint64_t ms)
{
	struct kmem *s = (struct kmem *)alloc;
	vaddr_t c = s->caches;

	do {
		reap(s, c, cpu, (uint32_t)(ms >> 3) & UINT32_MAX >> 1);
		c = cache_next(alloc->m, c);
	} while (!vaddr_eq(c, s->caches));
}
