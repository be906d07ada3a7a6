/*
 * buddy: long random runs against a reference model, page for page, in all
 * instances; and runs that go on from a copied image.
 *
 * The model keeps each free list as an array in the host's memory and finds
 * buddies by looking through it.  It shares nothing with the allocator but the
 * rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/rig.h"

#define SHIFT     10u
#define NR_ZONES  3u
#define MAX_ORDER 6u
#define MAX_LIST  512u
#define MAX_LIVE  512u

/* ---- the model ---- */

struct list {
	uint32_t pfn[MAX_LIST];
	unsigned nr;
};

struct model {
	struct list list[NR_ZONES][MAX_ORDER + 1];
	const struct zone_desc *zones;
	unsigned max_order;
};

static void insert(struct list *l, unsigned at, uint32_t pfn)
{
	assert_true(l->nr < MAX_LIST);
	memmove(&l->pfn[at + 1], &l->pfn[at], (l->nr - at) * sizeof l->pfn[0]);
	l->pfn[at] = pfn;
	l->nr++;
}

static void removed(struct list *l, unsigned at)
{
	l->nr--;
	memmove(&l->pfn[at], &l->pfn[at + 1], (l->nr - at) * sizeof l->pfn[0]);
}

static int find(const struct list *l, uint32_t pfn)
{
	for (unsigned i = 0; i < l->nr; i++)
		if (l->pfn[i] == pfn)
			return (int)i;
	return -1;
}

/* The range of zone z that holds pfn; NULL: another zone's. */
static const struct pfn_range *range_of(const struct model *m, unsigned z, uint32_t pfn)
{
	for (unsigned i = 0; i < m->zones[z].nr_ranges; i++) {
		const struct pfn_range *r = &m->zones[z].ranges[i];

		if (pfn >= r->start.v && pfn - r->start.v < r->nr)
			return r;
	}
	return NULL;
}

static uint32_t model_alloc(struct model *m, unsigned order, uint32_t mask)
{
	for (unsigned z = NR_ZONES; z-- > 0;)
		for (unsigned o = order; (mask >> z & 1) != 0 && o <= m->max_order; o++) {
			uint32_t pfn;

			if (m->list[z][o].nr == 0)
				continue;
			pfn = m->list[z][o].pfn[0];
			removed(&m->list[z][o], 0);
			while (o-- > order)
				insert(&m->list[z][o], 0, pfn + (1u << o));
			return pfn;
		}
	return UINT32_MAX;
}

/* Whether [pfn, pfn + 2^order) is free in the range of the block that is being freed. */
static int free_buddy(const struct model *m, unsigned z, const struct pfn_range *r, uint32_t pfn,
		      unsigned order)
{
	if (range_of(m, z, pfn) != r)
		return -1;
	return find(&m->list[z][order], pfn);
}

static void model_free(struct model *m, uint32_t pfn, unsigned order)
{
	unsigned z = 0;
	const struct pfn_range *r;
	bool tail;
	int i;

	while ((r = range_of(m, z, pfn)) == NULL)
		z++;
	while (order < m->max_order && (i = free_buddy(m, z, r, pfn ^ 1u << order, order)) >= 0) {
		removed(&m->list[z][order], (unsigned)i);
		pfn &= ~(1u << order);
		order++;
	}
	tail = order + 1 < m->max_order &&
	       free_buddy(m, z, r, (pfn & ~(1u << order)) ^ 1u << (order + 1), order + 1) >= 0;
	insert(&m->list[z][order], tail ? m->list[z][order].nr : 0, pfn);
}

/* The model begins with what a fresh allocator shows, in ascending order. */
static void adopt(void *ctx, const struct walk_span *s)
{
	struct model *m = ctx;
	uint32_t pfn = (uint32_t)(s->base.v >> SHIFT);

	for (unsigned z = 0; s->class == MM_FREE && z < NR_ZONES; z++)
		if (range_of(m, z, pfn) != NULL)
			insert(&m->list[z][s->detail], m->list[z][s->detail].nr, pfn);
}

/* ---- the machine: three zones, five ranges, some of them odd ---- */

static const struct pfn_range low[] = {{.start = {16}, .nr = 61}};
static const struct pfn_range mid[] = {{.start = {77}, .nr = 51}, {.start = {200}, .nr = 7}};
static const struct pfn_range top[] = {{.start = {257}, .nr = 200}, {.start = {457}, .nr = 64}};
static const struct zone_desc zones[NR_ZONES] = {
	{.name = "low", .ranges = low, .nr_ranges = 1, .desc_zone = DESC_OWN_RANGE},
	{.name = "mid", .ranges = mid, .nr_ranges = 2, .desc_zone = DESC_OWN_RANGE},
	{.name = "top", .ranges = top, .nr_ranges = 2, .desc_zone = 0}};

static const struct phys_region regions[] = {{16 << SHIFT, 61 << SHIFT, REGION_RAM, 15},
					     {77 << SHIFT, 51 << SHIFT, REGION_RAM, 15},
					     {200 << SHIFT, 7 << SHIFT, REGION_RAM, 15},
					     {257 << SHIFT, 200 << SHIFT, REGION_RAM, 15},
					     {457 << SHIFT, 64 << SHIFT, REGION_RAM, 15}};

static struct alloc *boot(struct rig *g, const struct alloc_instance *in, unsigned max_order)
{
	struct alloc *b;

	rig_init(g, RIG_NOISE, regions, 5, 0);
	b = rig_boot(g, in);
	assert_int_equal(b->ops->boot->reserve(b, (vaddr_t){300 << SHIFT}, 3 << SHIFT), 0);
	return rig_zones(g, in, "buddy",
			 (struct rig_param[]){{"max_order", max_order, NULL, 0}, {0}}, SHIFT, zones,
			 NR_ZONES);
}

/* ---- a random run ---- */

struct run {
	uint64_t seed;
	uint32_t pfn[MAX_LIVE];
	uint8_t order[MAX_LIVE];
	unsigned nr;
};

static uint32_t random_to(struct run *r, uint32_t limit)
{
	r->seed = r->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((r->seed >> 33) % limit);
}

/* One operation of the allocator; *order and *mask say which, pfn what came or went. */
static bool step(struct run *r, struct alloc *a, uint32_t *pfn, unsigned *order, uint32_t *mask)
{
	unsigned max = a->ops->pages->max_order(a);
	bool fill = (r->seed >> 50 & 7) < 5;

	if (r->nr < MAX_LIVE && (r->nr == 0 || random_to(r, 100) < (fill ? 58u : 42u))) {
		struct alloc_req req;

		*order = random_to(r, 3) ? random_to(r, 2) : random_to(r, max + 1);
		*order = *order > max ? max : *order;
		*mask = random_to(r, 4) ? UINT32_MAX : random_to(r, 8);
		req = (struct alloc_req){.zone_mask = *mask, .owner = (uint8_t)random_to(r, 256)};
		*pfn = a->ops->pages->alloc_pages(a, *order, &req).v;
		if (*pfn != UINT32_MAX) {
			r->pfn[r->nr] = *pfn;
			r->order[r->nr++] = (uint8_t)*order;
		}
		return true;
	}
	*mask = random_to(r, r->nr);
	*pfn = r->pfn[*mask];
	*order = r->order[*mask];
	r->pfn[*mask] = r->pfn[--r->nr];
	r->order[*mask] = r->order[r->nr];
	assert_int_equal(a->ops->pages->free_pages(a, (pfn_t){*pfn}, *order), 0);
	return false;
}

static void compare_lists(const struct model *m, struct alloc *a)
{
	for (unsigned z = 0; z < NR_ZONES; z++)
		for (unsigned o = 0; o <= m->max_order; o++)
			assert_int_equal(a->ops->pages->nr_free(a, z, o), m->list[z][o].nr);
}

static void run_model(const struct alloc_instance *in, unsigned max_order, uint64_t seed)
{
	struct model *m = calloc(1, sizeof *m);
	struct run r = {.seed = seed};
	struct rig g;
	struct alloc *a = boot(&g, in, max_order);

	m->zones = zones;
	m->max_order = max_order;
	a->ops->walk(a, adopt, m);
	compare_lists(m, a);
	for (unsigned i = 0; i < 6000; i++) {
		uint32_t pfn, mask;
		unsigned order;

		if (step(&r, a, &pfn, &order, &mask))
			assert_int_equal(pfn, model_alloc(m, order, mask));
		else
			model_free(m, pfn, order);
		if (i % 64 == 0) {
			compare_lists(m, a);
			rig_check(&g, a);
			rig_ledger_equals_walk(&g, &a, 1);
		}
	}
	rig_finish(&g);
	free(m);
}

static void test_equals_model(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++)
		for (unsigned max_order = 0; max_order <= MAX_ORDER; max_order += 2)
			run_model(rig_instances[i], max_order, 11 + max_order);
}

/* A copied image goes on with the same decisions, to the same image. */
static void test_attach_goes_on(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct run r = {.seed = 3}, q;
		struct rig g, h;
		struct alloc *a = boot(&g, rig_instances[i], 5), *b = boot(&h, rig_instances[i], 5);
		struct rig_owner *o = rig_owner_of(&h, b);
		struct image_hash x, y;
		uint32_t pfn, mask, pfn2;
		unsigned order;

		for (unsigned k = 0; k < 1000; k++)
			step(&r, a, &pfn, &order, &mask);
		q = r;
		physmem_copy(&h.pm, &g.pm);
		o->env.root = a->root;
		memset(b, 0, b->ops->handle_bytes);
		b->ops = a->ops;
		assert_int_equal(b->ops->attach(b, &o->env), 0);
		rig_check(&h, b);
		for (unsigned k = 0; k < 1000; k++) {
			step(&r, a, &pfn, &order, &mask);
			step(&q, b, &pfn2, &order, &mask);
			assert_int_equal(pfn, pfn2);
		}
		x = physmem_hash(&g.pm);
		y = physmem_hash(&h.pm);
		assert_true(x.hi == y.hi && x.lo == y.lo);
		o->params[0].u = 4;
		assert_int_equal(b->ops->attach(b, &o->env), MM_EINVAL);
		rig_finish(&g);
		rig_finish(&h);
	}
}

/* Port and history do not matter: the same run leaves the same image in fast and checked. */
static void test_ports_agree(void **state)
{
	struct image_hash x[4];

	(void)state;
	for (unsigned i = 0; i < RIG_INSTANCES; i++) {
		struct run r = {.seed = 5};
		struct rig g;
		struct alloc *a = boot(&g, rig_instances[i], 6);
		uint32_t pfn, mask;
		unsigned order;

		for (unsigned k = 0; k < 3000; k++)
			step(&r, a, &pfn, &order, &mask);
		x[i] = physmem_hash(&g.pm);
		rig_finish(&g);
	}
	assert_true(x[0].lo == x[2].lo && x[0].hi == x[2].hi);
	assert_true(x[1].lo == x[3].lo && x[1].hi == x[3].hi);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equals_model),
		cmocka_unit_test(test_attach_goes_on),
		cmocka_unit_test(test_ports_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
