/*
 * buddy: per-CPU lists, the "lazy" front end.  Each CPU keeps lists of free blocks of
 * each zone, so that most requests touch no free list, split nothing and merge nothing.
 *
 *   refill   an empty list gets a batch of blocks from the free lists at its tail
 *   take     the head of the list, which a CPU freed last and whose lines may be cached
 *   put      at the head
 *   drain    beyond `high` pages, a batch from the tails goes back to the free lists,
 *            beginning with the list just freed to
 *
 * linux-4.19: order 0 only, a list a type, high = 6 batch.
 * linux-6: lists of orders 0 to 3 and of pageblocks, a list a type and order.  The batch
 * doubles with each refill (alloc_factor) and halves with each free; `high` grows while
 * the lists are refilled or drained often and the zone has enough memory, between
 * high_min and high_max, and falls by an eighth a second (decay).
 * Pages on a list are MM_CACHED and in no free list.  Documentation: Linux's commits
 * "mm, pcp: ..." of 6.7.
 */
#include "alloc/buddy_lists.h"

#define LISTS_4_19 ((unsigned)MIGRATE_TYPES)
#define LISTS_LOW  (MIGRATE_TYPES * BUDDY_LOW_ORDERS)
#define DECAY_MS   1000u

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t most(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* a - b, but not below 0. */
static uint32_t less(uint32_t a, uint32_t b)
{
	return a > b ? a - b : 0;
}

/* ---- which list ---- */

vaddr_t buddy_pcp(const struct buddy *b, unsigned zone, unsigned cpu)
{
	if (cpu >= b->cpus)
		cpu = b->cpus - 1;
	return vaddr_add(buddy_ext(b, zone), ZONE_EXT_BYTES + cpu * b->pcp_bytes);
}

unsigned buddy_list(const struct buddy *b, unsigned order, unsigned mt)
{
	if (b->nr_lists == 0)
		return UINT32_MAX;
	if (b->nr_lists == LISTS_4_19)
		return order == 0 ? mt : UINT32_MAX;
	if (order < BUDDY_LOW_ORDERS)
		return MIGRATE_TYPES * order + mt;
	return order == b->list_order ? LISTS_LOW + (mt == MIGRATE_MOVABLE) : UINT32_MAX;
}

/* The order of a list's blocks; their type, where all are of one. */
void buddy_list_shape(unsigned list, unsigned *order, unsigned *mt, const struct buddy *b)
{
	*order = list < LISTS_LOW ? list / MIGRATE_TYPES : b->list_order;
	*mt = list < LISTS_LOW ? list % MIGRATE_TYPES : MIGRATE_MOVABLE;
}

/* ---- the lists ---- */

static void add_word(const struct mem *m, vaddr_t pcp, enum pcp_word w, uint32_t n)
{
	set_pcp_word(m, pcp, w, pcp_word(m, pcp, w) + n);
}

static void add_nonempty_list(const struct mem *m, vaddr_t pcp, unsigned list)
{
	set_pcp_word(m, pcp, PCP_NONEMPTY, pcp_word(m, pcp, PCP_NONEMPTY) | (uint32_t)1 << list);
}

static void drop_nonempty_list(const struct mem *m, vaddr_t pcp, unsigned list)
{
	set_pcp_word(m, pcp, PCP_NONEMPTY, pcp_word(m, pcp, PCP_NONEMPTY) & ~((uint32_t)1 << list));
}

void buddy_pcp_add_tail(struct buddy *b, vaddr_t pcp, unsigned list, pfn_t pfn, unsigned order,
			unsigned mt)
{
	const struct mem *m = b->map.m;
	vaddr_t desc = memmap_desc(&b->map, pfn);
	pfn_t prev = pcp_tail(m, pcp, list);

	set_page_links(m, desc, PFN_NONE, prev);
	set_page_head(m, desc, order, PAGE_PCP, mt, 0);
	set_pcp_tail(m, pcp, list, pfn);
	if (pfn_none(prev)) {
		set_pcp_head(m, pcp, list, pfn);
		add_nonempty_list(m, pcp, list);
	} else {
		set_page_next(m, memmap_desc(&b->map, prev), pfn);
	}
	add_word(m, pcp, PCP_COUNT, (uint32_t)1 << order);
}

/* The block whose descriptor is at hand goes before all others; counts it. */
static inline void add_head(const struct buddy *b, vaddr_t pcp, unsigned list, pfn_t pfn,
			    vaddr_t desc, unsigned order, unsigned mt)
{
	const struct mem *m = b->map.m;
	pfn_t next = pcp_head(m, pcp, list);

	set_page_links(m, desc, next, PFN_NONE);
	set_page_head(m, desc, order, PAGE_PCP, mt, 0);
	set_pcp_head(m, pcp, list, pfn);
	if (mm_unlikely(pfn_none(next))) {
		set_pcp_tail(m, pcp, list, pfn);
		add_nonempty_list(m, pcp, list);
	} else {
		set_page_prev(m, memmap_desc(&b->map, next), pfn);
	}
}

/* Takes the head of a list that has one off it; its descriptor, made plain. */
static inline vaddr_t del_head(const struct buddy *b, vaddr_t pcp, unsigned list, pfn_t pfn)
{
	const struct mem *m = b->map.m;
	vaddr_t desc = memmap_desc(&b->map, pfn);
	pfn_t next = page_next(m, desc);

	set_pcp_head(m, pcp, list, next);
	if (mm_unlikely(pfn_none(next))) {
		set_pcp_tail(m, pcp, list, PFN_NONE);
		drop_nonempty_list(m, pcp, list);
	} else {
		set_page_prev(m, memmap_desc(&b->map, next), PFN_NONE);
	}
	set_page_links(m, desc, (pfn_t){0}, (pfn_t){0});
	return desc;
}

/* The tail of a list that has one. */
static pfn_t del_tail(const struct buddy *b, vaddr_t pcp, unsigned list)
{
	const struct mem *m = b->map.m;
	pfn_t pfn = pcp_tail(m, pcp, list), prev;
	vaddr_t desc = memmap_desc(&b->map, pfn);

	prev = page_prev(m, desc);
	set_pcp_tail(m, pcp, list, prev);
	if (pfn_none(prev)) {
		set_pcp_head(m, pcp, list, PFN_NONE);
		drop_nonempty_list(m, pcp, list);
	} else {
		set_page_next(m, memmap_desc(&b->map, prev), PFN_NONE);
	}
	set_page_links(m, desc, (pfn_t){0}, (pfn_t){0});
	return pfn;
}

/* ---- drain ---- */

/* The tail of `list` goes back to the free lists; its pages. */
static uint32_t drain_one(struct buddy *b, unsigned cpu_zone, vaddr_t pcp, unsigned list)
{
	struct mem *m = b->map.m;
	pfn_t pfn = del_tail(b, pcp, list);
	vaddr_t desc = memmap_desc(&b->map, pfn);
	unsigned order = page_order(m, desc), mt = page_mt(m, desc);
	uint32_t pages = (uint32_t)1 << order;

	if (mm_unlikely(!memmap_warm(&b->map, pfn) || b->map.hot.zone != cpu_zone ||
			!page_heads(m, desc, order, PAGE_PCP)))
		mm_bug(m, "a per-CPU list names a block that is not on it", desc);
	mm_account(m, pfn_to_va(m, pfn, b->map.page_shift), (msize_t)pages << b->map.page_shift,
		   MM_CACHED, MM_FREE);
	/* 4.19 keeps the type that the pageblock had when the page was freed. */
	if (b->rules == BUDDY_LINUX_6 || (b->cma && buddy_block_type(b, pfn) == MIGRATE_CMA))
		mt = buddy_block_type(b, pfn);
	buddy_put(b, pfn, order, mt);
	return pages;
}

/* Up to `pages` from the tails, round robin from `list` on, each list until it is empty. */
static uint32_t drain_lists(struct buddy *b, unsigned zone, vaddr_t pcp, uint32_t pages,
			    unsigned list)
{
	uint32_t done = 0;

	while (done < pages && pcp_word(b->map.m, pcp, PCP_NONEMPTY) != 0) {
		while ((pcp_word(b->map.m, pcp, PCP_NONEMPTY) >> list & 1) == 0)
			list = list + 1 < b->nr_lists ? list + 1 : 0;
		done += drain_one(b, zone, pcp, list);
	}
	return done;
}

/* 4.19: as many more from each list in turn as empty ones were passed, from type 1 on. */
static uint32_t drain_in_turn(struct buddy *b, unsigned zone, vaddr_t pcp, uint32_t pages)
{
	uint32_t done = 0, turn = 0;
	unsigned mt = 0;

	while (done < pages && pcp_word(b->map.m, pcp, PCP_NONEMPTY) != 0) {
		do {
			turn++;
			mt = mt + 1 < MIGRATE_TYPES ? mt + 1 : 0;
		} while ((pcp_word(b->map.m, pcp, PCP_NONEMPTY) >> mt & 1) == 0);
		if (turn == MIGRATE_TYPES)
			turn = pages - done;
		do
			done += drain_one(b, zone, pcp, mt);
		while (done < pages && --turn != 0 &&
		       (pcp_word(b->map.m, pcp, PCP_NONEMPTY) >> mt & 1) != 0);
	}
	return done;
}

static uint32_t drain(struct buddy *b, unsigned zone, unsigned cpu, vaddr_t pcp, uint32_t pages,
		      unsigned list)
{
	uint32_t done = b->rules == BUDDY_LINUX_4_19 ? drain_in_turn(b, zone, pcp, pages)
						     : drain_lists(b, zone, pcp, pages, list);

	if (done == 0)
		return 0;
	add_word(b->map.m, pcp, PCP_COUNT, 0 - done);
	mm_event(b->map.m, MM_EV_DRAIN, cpu, done, zone);
	return done;
}

uint32_t buddy_pcp_drain_all(struct buddy *b)
{
	uint32_t done = 0;

	for (unsigned z = 0; z < b->map.nr_zones && b->nr_lists != 0; z++)
		for (unsigned cpu = 0; cpu < b->cpus; cpu++)
			done += drain(b, z, cpu, buddy_pcp(b, z, cpu), UINT32_MAX, 0);
	return done;
}

/* ---- refill ---- */

static bool is_dynamic(const struct mem *m, vaddr_t pcp)
{
	return pcp_word(m, pcp, PCP_HIGH_MIN) != pcp_word(m, pcp, PCP_HIGH_MAX);
}

/* `high`, brought between its limits. */
static uint32_t high_of(const struct mem *m, vaddr_t pcp)
{
	return least(most(pcp_word(m, pcp, PCP_HIGH), pcp_word(m, pcp, PCP_HIGH_MIN)),
		     pcp_word(m, pcp, PCP_HIGH_MAX));
}

/* Order 0: the batch doubles as long as what fits below `high` allows. */
static uint32_t page_batch(const struct mem *m, vaddr_t pcp, uint32_t high)
{
	uint32_t batch = pcp_word(m, pcp, PCP_BATCH), factor = pcp_word(m, pcp, PCP_ALLOC_FACTOR);
	uint32_t want = batch << factor;
	uint32_t room = most(less(high, pcp_word(m, pcp, PCP_COUNT) + batch), batch);

	if (want <= room && factor < BUDDY_SCALE_MAX)
		set_pcp_word(m, pcp, PCP_ALLOC_FACTOR, factor + 1);
	return least(want, room);
}

/* Blocks to refill a list of that order with. */
static uint32_t refill_blocks(const struct buddy *b, unsigned zone, vaddr_t pcp, unsigned order)
{
	const struct mem *m = b->map.m;
	uint32_t batch = pcp_word(m, pcp, PCP_BATCH), high, n;

	if (b->rules != BUDDY_LINUX_6)
		return batch;
	high = high_of(m, pcp);
	n = order == 0 ? batch << pcp_word(m, pcp, PCP_ALLOC_FACTOR) : batch;
	if (high >= batch && is_dynamic(m, pcp) &&
	    (zext_word(m, buddy_ext(b, zone), ZEXT_FLAGS) & ZONE_BELOW_HIGH) == 0)
		high = least(high + n, pcp_word(m, pcp, PCP_HIGH_MAX));
	set_pcp_word(m, pcp, PCP_HIGH, high);
	if (high < batch)
		return 1;
	if (order == 0)
		n = page_batch(m, pcp, high);
	return n > 1 ? most(n >> order, 2) : n;
}

static void refill(struct buddy *b, unsigned zone, unsigned cpu, vaddr_t pcp, unsigned list,
		   unsigned order, unsigned mt, bool whole)
{
	struct mem *m = b->map.m;
	uint32_t want = refill_blocks(b, zone, pcp, order), got = 0;

	for (; got < want; got++) {
		pfn_t pfn = buddy_take(b, zone, order, mt, whole);

		if (pfn_none(pfn))
			break;
		mm_account(m, pfn_to_va(m, pfn, b->map.page_shift),
			   (msize_t)1 << (order + b->map.page_shift), MM_FREE, MM_CACHED);
		buddy_pcp_add_tail(b, pcp, list, pfn, order, mt);
	}
	mm_event(m, MM_EV_REFILL, cpu, (uint64_t)got << order, zone);
}

pfn_t buddy_pcp_take(struct buddy *b, unsigned zone, unsigned order, unsigned mt, bool whole)
{
	const struct mem *m = b->map.m;
	unsigned cpu = mm_cpu(m), list = buddy_list(b, order, mt);
	vaddr_t pcp = buddy_pcp(b, zone, cpu);
	uint32_t freed = pcp_word(m, pcp, PCP_FREE_COUNT);
	pfn_t pfn = pcp_head(m, pcp, list);

	if (freed != 0)
		set_pcp_word(m, pcp, PCP_FREE_COUNT, freed >> 1);
	if (mm_unlikely(pfn_none(pfn))) {
		refill(b, zone, cpu, pcp, list, order, mt, whole);
		pfn = pcp_head(m, pcp, list);
		if (pfn_none(pfn))
			return PFN_NONE;
	}
	if (mm_unlikely(!page_heads(m, del_head(b, pcp, list, pfn), order, PAGE_PCP)))
		mm_bug(m, "a per-CPU list names a block that is not on it", pcp);
	add_word(m, pcp, PCP_COUNT, 0u - ((uint32_t)1 << order));
	return pfn;
}

/* ---- put ---- */

/* Blocks of orders 1 to 3 are freed in a row, more than the lists should keep of those. */
static bool frees_high_orders(const struct mem *m, vaddr_t pcp, unsigned order)
{
	uint32_t flags = pcp_word(m, pcp, PCP_FLAGS);
	bool low = order != 0 && order < BUDDY_LOW_ORDERS;

	if (low != ((flags & PCP_FREED_HIGH_ORDER) != 0))
		set_pcp_word(m, pcp, PCP_FLAGS, low ? PCP_FREED_HIGH_ORDER : 0);
	return low && (flags & PCP_FREED_HIGH_ORDER) != 0 &&
	       pcp_word(m, pcp, PCP_FREE_COUNT) >=
		       pcp_word(m, pcp, PCP_BATCH) + pcp_word(m, pcp, PCP_HIGH_MIN) / 2;
}

/* How many pages may stay; adapts `high` to how often the lists overflow. */
static uint32_t keep_pages(const struct buddy *b, unsigned zone, vaddr_t pcp, bool high_orders)
{
	const struct mem *m = b->map.m;
	uint32_t high = high_of(m, pcp), batch = pcp_word(m, pcp, PCP_BATCH);
	uint32_t min = pcp_word(m, pcp, PCP_HIGH_MIN), max = pcp_word(m, pcp, PCP_HIGH_MAX);
	uint32_t freed = pcp_word(m, pcp, PCP_FREE_COUNT), count = pcp_word(m, pcp, PCP_COUNT);
	uint32_t keep = high;

	if (high_orders) {
		high = most(less(high, batch << BUDDY_SCALE_MAX), min);
		keep = 0;
	} else if (min != max &&
		   (zext_word(m, buddy_ext(b, zone), ZEXT_FLAGS) & ZONE_BELOW_HIGH) != 0) {
		high = most(less(high, most(freed, batch)), min);
		keep = most(count, min);
	} else if (min != max && count >= high) {
		high = high < freed + batch ? least(most(freed + batch, min), max) : high;
	}
	set_pcp_word(m, pcp, PCP_HIGH, high);
	return keep;
}

static uint32_t pages_to_drain(const struct mem *m, vaddr_t pcp, uint32_t keep, bool high_orders)
{
	uint32_t batch = pcp_word(m, pcp, PCP_BATCH), freed = pcp_word(m, pcp, PCP_FREE_COUNT);

	if (high_orders)
		return least(pcp_word(m, pcp, PCP_COUNT), batch << BUDDY_SCALE_MAX);
	if (keep < batch)
		return 1;
	/* At least a batch stays; of a long row of frees much goes. */
	return least(most(freed, batch), most(keep - batch, batch));
}

/* Linux 6: what a free does to the limits, and to the lists if they overflow. */
static void settle(struct buddy *b, unsigned zone, unsigned cpu, vaddr_t pcp, unsigned list,
		   unsigned order)
{
	struct mem *m = b->map.m;
	vaddr_t ext = buddy_ext(b, zone);
	bool high_orders = frees_high_orders(m, pcp, order);
	uint32_t keep;

	if (pcp_word(m, pcp, PCP_FREE_COUNT) < pcp_word(m, pcp, PCP_BATCH) << BUDDY_SCALE_MAX)
		add_word(m, pcp, PCP_FREE_COUNT, (uint32_t)1 << order);
	keep = keep_pages(b, zone, pcp, high_orders);
	if (mm_likely(pcp_word(m, pcp, PCP_COUNT) < keep))
		return;
	drain(b, zone, cpu, pcp, pages_to_drain(m, pcp, keep, high_orders), list);
	if ((zext_word(m, ext, ZEXT_FLAGS) & ZONE_BELOW_HIGH) != 0 &&
	    buddy_above(b, zone, 0, zone_word(m, memmap_zone(&b->map, zone), ZONE_HIGH),
			ZONE_MOVABLE, false))
		set_zext_word(m, ext, ZEXT_FLAGS, 0);
}

void buddy_pcp_put(struct buddy *b, pfn_t pfn, unsigned order, unsigned mt)
{
	struct mem *m = b->map.m;
	unsigned zone = b->map.hot.zone, cpu = mm_cpu(m), list = buddy_list(b, order, mt);
	vaddr_t pcp = buddy_pcp(b, zone, cpu);
	uint32_t factor = pcp_word(m, pcp, PCP_ALLOC_FACTOR);

	add_head(b, pcp, list, pfn, memmap_desc(&b->map, pfn), order, mt);
	add_word(m, pcp, PCP_COUNT, (uint32_t)1 << order);
	if (b->rules == BUDDY_LINUX_6) {
		if (factor != 0)
			set_pcp_word(m, pcp, PCP_ALLOC_FACTOR, factor >> 1);
		settle(b, zone, cpu, pcp, list, order);
	} else if (pcp_word(m, pcp, PCP_COUNT) >= pcp_word(m, pcp, PCP_HIGH)) {
		drain(b, zone, cpu, pcp, pcp_word(m, pcp, PCP_BATCH), list);
	}
}

/* ---- the clock ---- */

/* An eighth of `high` goes, but not more than keeps the lists' pages within a long batch. */
static void decay(struct buddy *b, unsigned zone, unsigned cpu, vaddr_t pcp)
{
	const struct mem *m = b->map.m;
	uint32_t high = pcp_word(m, pcp, PCP_HIGH), min = pcp_word(m, pcp, PCP_HIGH_MIN);
	uint32_t count = pcp_word(m, pcp, PCP_COUNT), batch = pcp_word(m, pcp, PCP_BATCH);

	if (high > min) {
		high = most(most(high - (high >> 3), less(count, batch << BUDDY_SCALE_MAX)), min);
		set_pcp_word(m, pcp, PCP_HIGH, high);
	}
	if (count > high)
		drain(b, zone, cpu, pcp, count - high, 0);
}

void buddy_tick(struct alloc *a, unsigned cpu, uint64_t ms)
{
	struct buddy *b = (struct buddy *)a;
	const struct mem *m = b->map.m;
	uint32_t now = (uint32_t)ms;

	for (unsigned z = 0; z < b->map.nr_zones && b->rules == BUDDY_LINUX_6; z++) {
		vaddr_t pcp = b->nr_lists == 0 ? VADDR_NONE : buddy_pcp(b, z, cpu);
		uint32_t due = b->nr_lists == 0 ? 0 : pcp_word(m, pcp, PCP_DECAY);

		if (b->nr_lists == 0 || cpu >= b->cpus)
			return;
		if (due != 0 && (int32_t)(now - due) < 0)
			continue;
		set_pcp_word(m, pcp, PCP_DECAY, (now + DECAY_MS) | 1);
		if (due != 0)
			decay(b, z, cpu, pcp);
	}
}

/* ---- limits ---- */

struct zone_lists buddy_pcp_limits(const struct buddy *b, unsigned zone, unsigned cpu)
{
	struct rules_zone zones[MM_MAX_ZONES];
	struct zone_rules r;
	struct rules_limits k;
	unsigned node = b->map.desc[zone].node, cpus = b->cpus / b->nodes;

	for (size_t i = 0; b->start != NULL && i < b->start->nr_lists; i++) {
		const struct start_lists *l = &b->start->lists[i];

		if (l->zone == zone && l->cpu == cpu)
			return (struct zone_lists){l->count, l->high, l->batch, l->high_min,
						   l->high_max};
	}
	/* The CPUs of its node share a zone; all do where the node has none. */
	if (b->node_cpus != NULL)
		cpus = b->node_cpus[node] != 0 ? b->node_cpus[node] : b->cpus;
	buddy_rules(b, zones, &r);
	k = kernel_rules.limits(&r, zone,
				zone_word(b->map.m, memmap_zone(&b->map, zone), ZONE_LOW),
				cpus);
	return (struct zone_lists){0, k.high_min, k.batch, k.high_min, k.high_max};
}

void buddy_pcp_format(struct buddy *b, unsigned zone)
{
	const struct mem *m = b->map.m;

	for (unsigned cpu = 0; cpu < b->cpus && b->nr_lists != 0; cpu++) {
		vaddr_t pcp = buddy_pcp(b, zone, cpu);
		struct zone_lists l = buddy_pcp_limits(b, zone, cpu);

		set_pcp_word(m, pcp, PCP_HIGH, (uint32_t)l.high);
		set_pcp_word(m, pcp, PCP_BATCH, (uint32_t)l.batch);
		set_pcp_word(m, pcp, PCP_HIGH_MIN, (uint32_t)l.high_min);
		set_pcp_word(m, pcp, PCP_HIGH_MAX, (uint32_t)l.high_max);
		for (unsigned list = 0; list < b->nr_lists; list++) {
			set_pcp_head(m, pcp, list, PFN_NONE);
			set_pcp_tail(m, pcp, list, PFN_NONE);
		}
	}
}
