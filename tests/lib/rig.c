#include "lib/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const struct alloc_instance *const rig_instances[RIG_INSTANCES] = {
	&alloc_fast4, &alloc_fast8, &alloc_checked4, &alloc_checked8};

void rig_init(struct rig *g, uint64_t noise, const struct phys_region *regions, unsigned nr,
	      uint64_t offset)
{
	memset(g, 0, sizeof *g);
	g->offset = offset;
	assert_true(nr <= 16);
	assert_int_equal(physmem_init(&g->pm, regions, nr, noise), 0);
}

void rig_finish(struct rig *g)
{
	for (unsigned i = 0; i < g->nr; i++)
		free(g->owner[i].alloc);
	physmem_finish(&g->pm);
}

const struct alloc_ops *rig_kind(const struct alloc_instance *in, const char *kind)
{
	for (unsigned i = 0; i < in->nr_kinds; i++)
		if (strcmp(in->kinds[i]->name, kind) == 0)
			return in->kinds[i];
	fail_msg("no allocator kind %s in instance %s%u", kind, in->port, in->word);
	return NULL;
}

/* "16 32 48" as a list; parsed once a text, and kept for the program. */
static void default_sizes(struct param_value *v, const char *words)
{
	static struct {
		const char *words;
		msize_t list[64];
		unsigned nr;
	} known[32];
	unsigned i = 0;

	while (known[i].words != NULL && strcmp(known[i].words, words) != 0)
		i++;
	assert_true(i < 31);
	known[i].words = words;
	for (known[i].nr = 0; known[i].nr < 64 && *words != '\0'; known[i].nr++) {
		char *end;

		known[i].list[known[i].nr] = strtoull(words, &end, 0);
		words = end + strspn(end, " ");
	}
	v->list = known[i].list;
	v->nr = known[i].nr;
}

static void set_params(struct rig_owner *o, const struct alloc_ops *ops,
		       const struct rig_param *set)
{
	for (unsigned i = 0; ops->params[i].name != NULL; i++) {
		assert_true(i < 32);
		o->params[i].u = ops->params[i].def;
		if (ops->params[i].type == PARAM_SIZES)
			default_sizes(&o->params[i], ops->params[i].choices);
	}
	for (; set != NULL && set->name != NULL; set++) {
		unsigned i = 0;

		while (ops->params[i].name != NULL && strcmp(ops->params[i].name, set->name) != 0)
			i++;
		if (ops->params[i].name == NULL)
			fail_msg("%s has no parameter %s", ops->name, set->name);
		o->params[i] = (struct param_value){set->u, set->list, set->nr};
	}
}

struct rig_owner *rig_owner(struct rig *g, const struct alloc_instance *in, const char *kind,
			    const struct rig_param *set)
{
	const struct alloc_ops *ops = rig_kind(in, kind);
	struct rig_owner *o = &g->owner[g->nr];

	assert_true(g->nr < RIG_MAX_ALLOCS);
	physmem_view(&g->pm, &o->view, g->offset);
	o->view.rows = o->rows;
	o->view.count = o->count;
	o->view.search = &o->search;
	o->view.sh = &g->sh;
	o->view.cpu = &g->sh.cpu;
	o->view.owner = (uint8_t)g->nr++;
	o->alloc = calloc(1, ops->handle_bytes);
	o->alloc->ops = ops;
	set_params(o, ops, set);
	o->env = (struct alloc_env){.m = &o->view,
				    .params = o->params,
				    .page_shift = 12,
				    .align = 8,
				    .cache_line = 32,
				    .cpus = 1};
	return o;
}

int rig_start(struct rig *g, struct rig_owner *o)
{
	sigjmp_buf here;
	int how = sigsetjmp(here, 1);

	if (how != 0)
		fail_msg("init of %s: %s at %#llx", o->alloc->ops->name, g->sh.finding[0].what,
			 (unsigned long long)g->sh.finding[0].where);
	g->sh.unwind = &here;
	how = o->alloc->ops->init(o->alloc, &o->env);
	g->sh.unwind = NULL;
	return how;
}

struct alloc *rig_arena(struct rig *g, const struct alloc_instance *in, const char *kind,
			const struct rig_param *set, uint64_t base, uint64_t bytes)
{
	struct rig_owner *o = rig_owner(g, in, kind, set);

	o->env.arena = (struct mm_range){{base}, bytes};
	mm_account(&o->view, o->env.arena.base, bytes, MM_UNMANAGED, MM_CACHED);
	assert_int_equal(rig_start(g, o), 0);
	return o->alloc;
}

struct alloc *rig_grown(struct rig *g, const struct alloc_instance *in, const char *kind,
			const struct rig_param *set, struct alloc *pages)
{
	struct rig_owner *o = rig_owner(g, in, kind, set);

	o->env.page_shift = rig_owner_of(g, pages)->env.page_shift;
	o->source = (struct page_source){
		.pages = pages, .zone_mask = UINT32_MAX, .page_shift = o->env.page_shift};
	o->env.pages = &o->source;
	assert_int_equal(rig_start(g, o), 0);
	return o->alloc;
}

/* ---- boot ---- */

struct alloc *rig_boot(struct rig *g, const struct alloc_instance *in)
{
	struct rig_owner *o = rig_owner(g, in, "memblock", NULL);
	unsigned first = 0;

	while (g->pm.regions[first].kind != REGION_RAM)
		first++;
	o->env.boot_table =
		(struct mm_range){{g->pm.regions[first].base + g->offset}, BOOT_TABLE_BYTES(32)};
	assert_int_equal(rig_start(g, o), 0);
	g->boot = o->alloc;
	for (unsigned i = 0; i < g->pm.nr_regions; i++) {
		vaddr_t base = {g->pm.regions[i].base + g->offset};

		if (g->pm.regions[i].kind == REGION_RAM)
			assert_int_equal(
				g->boot->ops->boot->add(g->boot, base, g->pm.regions[i].bytes), 0);
	}
	return g->boot;
}

struct rig_owner *rig_zones_owner(struct rig *g, const struct alloc_instance *in, const char *kind,
				  const struct rig_param *set, unsigned page_shift,
				  const struct zone_desc *zones, unsigned nr_zones)
{
	struct rig_owner *o;

	if (g->boot == NULL)
		rig_boot(g, in);
	o = rig_owner(g, in, kind, set);
	for (unsigned i = 0; i < nr_zones; i++)
		g->zonelist[i] = (uint8_t)(nr_zones - 1 - i);
	o->env.page_shift = page_shift;
	o->env.zones = zones;
	o->env.nr_zones = nr_zones;
	o->env.zonelist = g->zonelist;
	o->env.boot = g->boot;
	return o;
}

struct alloc *rig_zones(struct rig *g, const struct alloc_instance *in, const char *kind,
			const struct rig_param *set, unsigned page_shift,
			const struct zone_desc *zones, unsigned nr_zones)
{
	struct rig_owner *o = rig_zones_owner(g, in, kind, set, page_shift, zones, nr_zones);

	assert_int_equal(rig_start(g, o), 0);
	return o->alloc;
}

struct alloc *rig_pages(struct rig *g, const struct alloc_instance *in, const char *kind,
			const struct rig_param *set, unsigned page_shift)
{
	unsigned n = 0;

	for (unsigned i = 0; i < g->pm.nr_regions; i++) {
		const struct phys_region *r = &g->pm.regions[i];
		uint64_t start = (r->base + (1u << page_shift) - 1) >> page_shift;
		uint64_t end = (r->base + r->bytes) >> page_shift;

		if (r->kind != REGION_RAM || start >= end)
			continue;
		g->ranges[n++] = (struct pfn_range){.start = {(uint32_t)start},
						    .nr = (uint32_t)(end - start),
						    .region = (uint16_t)i};
	}
	g->zone = (struct zone_desc){
		.name = "normal", .ranges = g->ranges, .nr_ranges = n, .desc_zone = DESC_OWN_RANGE};
	return rig_zones(g, in, kind, set, page_shift, &g->zone, 1);
}

struct rig_owner *rig_owner_of(struct rig *g, const struct alloc *a)
{
	for (unsigned i = 0; i < g->nr; i++)
		if (g->owner[i].alloc == a)
			return &g->owner[i];
	fail_msg("not an allocator of this rig");
	return NULL;
}

void rig_check(struct rig *g, struct alloc *a)
{
	struct check_report r = {0};
	sigjmp_buf here, *outer = g->sh.unwind;

	if (sigsetjmp(here, 1) != 0)
		fail_msg("check of %s faulted: %s at %#llx", a->ops->name, g->sh.finding[0].what,
			 (unsigned long long)g->sh.finding[0].where);
	g->sh.unwind = &here;
	if (a->ops->check(a, &r) != 0)
		fail_msg("%s: %s (at %#llx: %llu, expected %llu)", a->ops->name, r.invariant,
			 (unsigned long long)r.where.v, (unsigned long long)r.found,
			 (unsigned long long)r.expected);
	assert_null(r.invariant);
	g->sh.unwind = outer;
}

int64_t rig_bytes(const struct rig_owner *o, enum mm_class class)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < 16; i++)
		sum += o->rows[i].bytes[class];
	return sum;
}

/* ---- paint: one class a byte, so that overlaps and gaps cannot hide ---- */

struct paint {
	struct rig *g;
	uint8_t *byte[16]; /* a region's bytes: 0 unpainted, else class + 1 */
	uint8_t *by[16]; /* which allocator painted it last, + 1 */
	unsigned who;
	const struct alloc *a;
};

static void paint_span(void *ctx, const struct walk_span *s)
{
	struct paint *p = ctx;
	uint64_t pa = s->base.v - p->g->offset;
	int r;

	if (s->bytes == 0)
		return;
	r = physmem_region(&p->g->pm, pa);
	if (r < 0 || pa + s->bytes > p->g->pm.regions[r].base + p->g->pm.regions[r].bytes)
		fail_msg("%s walks outside its region: %s at %#llx, %llu bytes", p->a->ops->name,
			 s->what, (unsigned long long)s->base.v, (unsigned long long)s->bytes);
	for (uint64_t i = pa - p->g->pm.regions[r].base, e = i + s->bytes; i < e; i++) {
		if (p->by[r][i] == p->who)
			fail_msg("%s walks a byte twice: %s at %#llx", p->a->ops->name, s->what,
				 (unsigned long long)s->base.v);
		p->by[r][i] = (uint8_t)p->who;
		p->byte[r][i] = (uint8_t)(s->class + 1);
	}
}

static void compare_region(struct paint *p, unsigned r)
{
	int64_t walked[MM_NR_CLASSES] = {0};

	for (uint64_t i = 0; i < p->g->pm.regions[r].bytes; i++)
		walked[p->byte[r][i] == 0 ? MM_UNMANAGED : p->byte[r][i] - 1]++;
	for (unsigned c = 1; c < MM_NR_CLASSES; c++) {
		int64_t kept = 0;

		for (unsigned o = 0; o < p->g->nr; o++)
			kept += p->g->owner[o].rows[r].bytes[c];
		if (kept != walked[c])
			fail_msg("region %u class %u: the ledger says %lld bytes, the walk %lld", r,
				 c, (long long)kept, (long long)walked[c]);
	}
}

static void paint_alloc(struct paint *p, struct alloc *a)
{
	p->who++;
	p->a = a;
	a->ops->walk(a, paint_span, p);
}

void rig_ledger_equals_walk(struct rig *g, struct alloc *const *allocs, unsigned nr)
{
	struct paint p = {.g = g};

	for (unsigned r = 0; r < g->pm.nr_regions; r++) {
		p.byte[r] = calloc(1, g->pm.regions[r].bytes);
		p.by[r] = calloc(1, g->pm.regions[r].bytes);
	}
	/* Lower layers first: the upper ones paint over what they hold. */
	if (g->boot != NULL && (nr == 0 || allocs[0] != g->boot))
		paint_alloc(&p, g->boot);
	for (unsigned i = 0; i < nr; i++)
		paint_alloc(&p, allocs[i]);
	for (unsigned r = 0; r < g->pm.nr_regions; r++) {
		compare_region(&p, r);
		free(p.byte[r]);
		free(p.by[r]);
	}
}
