/*
 * Boot order, and why: the region manager first, because nothing can be carved
 * before it; arenas next, because a heap wants a contiguous range and the page
 * allocator would scatter it; then the page allocator over what is left; last,
 * whatever grows from pages.
 */
#include "sim/system.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/dense.h"
#include "sim/event.h"
#include "sim/system_parts.h"

/* Room for the region manager's table, bytes: 2 tables of entries of two words. */
#define TABLE_BYTES BOOT_TABLE_BYTES(64)

static int no_memory(struct diag *d)
{
	return diag_set(d, "", 0, 0, "out of host memory");
}

/* ---- what is needed ---- */

static uint32_t groups_of(enum alloc_group g)
{
	static const uint32_t of[] = {
		[GROUP_HEAP] = 1u << TG_HEAP,
		[GROUP_PAGES] = 1u << TG_PAGES | 1u << TG_DMA,
		[GROUP_CMA] = 1u << TG_CMA,
		[GROUP_SLAB] = 1u << TG_SLAB,
		[GROUP_KMALLOC] = 1u << TG_KMALLOC,
		[GROUP_VIRTUAL] = 1u << TG_VIRTUAL | 1u << TG_ACCESS | 1u << TG_STACK,
		[GROUP_STACK] = 1u << TG_STACK,
		[GROUP_ARENA] = 1u << TG_ARENA,
		[GROUP_DMA] = 1u << TG_DMA,
		[GROUP_KMAP] = 1u << TG_VIRTUAL,
		[GROUP_IOREMAP] = 1u << TG_VIRTUAL,
		[GROUP_PERCPU] = 1u << TG_PERCPU,
		[GROUP_EXTRA_HEAP] = 1u << TG_HEAP | 1u << TG_DMA,
	};

	return of[g];
}

/* Does a placement rule send requests of these groups to the heap? */
static bool is_placed(const struct machine *m, unsigned conf, uint32_t groups)
{
	if ((groups & (1u << TG_HEAP | 1u << TG_DMA)) == 0)
		return false;
	for (unsigned i = 0; i < m->nr_placement; i++)
		if (m->placement[i].heap == (int)conf)
			return true;
	return false;
}

static bool is_needed(const struct system *s, unsigned conf, const struct boot_options *o)
{
	const struct alloc_conf *c = &s->machine->allocs[conf];

	/* Without a kind, pages serve the group themselves. */
	if (c->kind == NULL)
		return false;
	if ((groups_of(c->group) & o->groups) != 0 || is_placed(s->machine, conf, o->groups))
		return true;
	if (c->group != GROUP_PAGES)
		return false;
	/* Pages are needed as well by whatever grows from them. */
	for (unsigned i = 0; i < s->machine->nr_allocs; i++)
		if (s->machine->allocs[i].from_pages &&
		    (groups_of(s->machine->allocs[i].group) & o->groups) != 0)
			return true;
	/* Without a direct map to share there is no reason to leave them out. */
	return s->machine->mmu == MMU_NONE;
}

/* ---- one allocator ---- */

static void common_env(const struct system *s, struct sys_alloc *a)
{
	const struct machine *m = s->machine;

	a->env = (struct alloc_env){.m = &a->view,
				    .params = a->params,
				    .page_shift = m->page_shift,
				    .desc_stride = m->desc_stride,
				    .align = m->malloc_align,
				    .cache_line = m->cache_line,
				    .cpus = m->cpus ? m->cpus : 1,
				    .nodes = m->nodes ? m->nodes : 1,
				    .cpu_node = m->cpu_node,
				    .rules = (enum mm_rules)m->rules,
				    .vm = m->mmu == MMU_NONE ? NULL : &s->vm,
				    .space = s->group[GROUP_VIRTUAL] != NULL
						     ? s->group[GROUP_VIRTUAL]->alloc
						     : NULL};
}

/* A new allocator of the system with its view and owner; kind and parameters resolved. */
static struct sys_alloc *add_alloc(struct system *s, const struct alloc_ops *ops, const char *name,
				   const struct alloc_conf *c, enum params_of of, struct diag *d)
{
	struct sys_alloc *a = &s->allocs[s->nr_allocs];

	if (s->nr_allocs == SYS_MAX_ALLOCS) {
		diag_set(d, "", 0, 0, "more than %u allocators", SYS_MAX_ALLOCS);
		return NULL;
	}
	*a = (struct sys_alloc){.name = name, .conf = c, .ops = ops};
	a->alloc = calloc(1, ops->handle_bytes);
	a->walker = calloc(1, instance_kind(s->checked, ops->name)->handle_bytes);
	if (a->alloc == NULL || a->walker == NULL) {
		no_memory(d);
		goto fail;
	}
	if (params_resolve(ops, c != NULL ? c->node : NULL, of, &a->params, d) != 0)
		goto fail;
	a->owner = ++s->nr_allocs;
	physmem_view(&s->pm, &a->view, s->offset);
	a->view.sh = &s->sh;
	a->view.cpu = &s->sh.cpu;
	a->walker_view = a->view;
	a->walker_view.readonly = true;
	ledger_bind(&s->ledger, &a->view, a->owner);
	a->walker_view.owner = (uint8_t)a->owner;
	common_env(s, a);
	return a;
fail:
	free(a->alloc);
	free(a->walker);
	*a = (struct sys_alloc){0};
	return NULL;
}

/* What init's error says of the machine file. */
static const char *start_problem(int err)
{
	if (err == MM_ENOMEM)
		return "cannot be set up: its memory is too small for its own metadata";
	if (err == MM_ENOENT)
		return "is made of pages, expected 'from: pages'";
	return "refuses its parameters: they contradict each other";
}

/* Runs init; a fault in it is a bug of the machine description or of the kind. */
static int start_alloc(struct system *s, struct sys_alloc *a, struct diag *d)
{
	sigjmp_buf here;
	int err;

	a->alloc->ops = a->ops;
	if (sigsetjmp(here, 0) != 0) {
		s->sh.unwind = NULL;
		return diag_set(d, "", 0, 0, "allocator '%s' (%s) faulted while it was set up: %s",
				a->name, a->ops->name,
				s->sh.nr_findings ? s->sh.finding[0].what : "no access to memory");
	}
	s->sh.unwind = &here;
	err = a->ops->init(a->alloc, &a->env);
	s->sh.unwind = NULL;
	if (err == 0)
		return 0;
	if (a->conf != NULL)
		return conf_error(d, a->conf->node, "allocator '%s' (%s) %s", a->name, a->ops->name,
				  start_problem(err));
	return diag_set(d, "", 0, 0, "the region manager cannot be set up: no room for its table");
}

/* ---- the region manager ---- */

static int add_regions(struct system *s, struct diag *d)
{
	const struct machine *m = s->machine;
	const struct boot_ops *b = s->boot->ops->boot;

	for (unsigned i = 0; i < m->nr_regions; i++)
		if (m->regions[i].kind == REGION_RAM &&
		    b->add(s->boot->alloc, (vaddr_t){m->regions[i].base + s->offset},
			   m->regions[i].bytes) != 0)
			return diag_set(d, "", 0, 0,
					"the region manager's table is full: %u regions",
					m->nr_regions);
	for (unsigned i = 0; i < m->nr_reserved; i++) {
		int r = physmem_region(&s->pm, m->reserved[i].base);

		if (r < 0 || m->regions[r].kind != REGION_RAM)
			continue;
		if (b->reserve(s->boot->alloc, (vaddr_t){m->reserved[i].base + s->offset},
			       m->reserved[i].bytes) != 0)
			return diag_set(d, "", 0, 0,
					"the region manager's table is full: %u reserved ranges",
					m->nr_reserved);
	}
	return 0;
}

/* Lowest place in the boot region that no reserved range covers, for the table. */
static uint64_t table_place(const struct machine *m)
{
	const struct region *r = &m->regions[m->boot_region];
	uint64_t at = r->base;
	bool moved = true;

	while (moved) {
		moved = false;
		for (unsigned i = 0; i < m->nr_reserved; i++) {
			uint64_t lo = m->reserved[i].base, hi = lo + m->reserved[i].bytes;

			if (at < hi && at + TABLE_BYTES > lo) {
				at = round_up(hi, 64);
				moved = true;
			}
		}
	}
	return at;
}

static int boot_memblock(struct system *s, struct diag *d)
{
	const struct machine *m = s->machine;
	const struct alloc_ops *ops = instance_kind(s->instance, "memblock");
	uint64_t at = table_place(m);

	if (at + TABLE_BYTES > m->regions[m->boot_region].base + m->regions[m->boot_region].bytes)
		return diag_set(
			d, "", 0, 0,
			"region %s has no room for the region manager's table of %llu bytes",
			m->regions[m->boot_region].name, (unsigned long long)TABLE_BYTES);
	s->boot = add_alloc(s, ops, "memblock", NULL, PARAMS_OF_ENTRY, d);
	if (s->boot == NULL)
		return -1;
	s->boot->env.boot_table = (struct mm_range){{at + s->offset}, TABLE_BYTES};
	if (start_alloc(s, s->boot, d) != 0)
		return -1;
	return add_regions(s, d);
}

/* ---- pages ---- */

static enum zone_type zone_type_of(const struct zone_conf *c)
{
	if (c->highmem)
		return ZONE_HIGHMEM;
	if (strncmp(c->name, "dma32", 5) == 0)
		return ZONE_DMA32;
	if (strncmp(c->name, "dma", 3) == 0)
		return ZONE_DMA;
	return strncmp(c->name, "movable", 7) == 0 ? ZONE_MOVABLE : ZONE_NORMAL;
}

static int describe_zones(struct system *s, struct diag *d)
{
	const struct machine *m = s->machine;
	unsigned nr = 0, k = 0;

	for (unsigned z = 0; z < m->nr_zones; z++)
		nr += m->zones[z].nr_ranges;
	s->zones = calloc(m->nr_zones ? m->nr_zones : 1, sizeof *s->zones);
	s->ranges = calloc(nr ? nr : 1, sizeof *s->ranges);
	if (s->zones == NULL || s->ranges == NULL)
		return no_memory(d);
	for (unsigned z = 0; z < m->nr_zones; z++) {
		const struct zone_conf *c = &m->zones[z];

		s->zones[z] = (struct zone_desc){.name = c->name,
						 .ranges = &s->ranges[k],
						 .nr_ranges = c->nr_ranges,
						 .desc_zone = c->desc_zone,
						 .type = zone_type_of(c),
						 .node = c->node};
		for (unsigned i = 0; i < c->nr_ranges; i++)
			s->ranges[k++] = (struct pfn_range){
				.start = {(uint32_t)(c->ranges[i].base >> m->page_shift)},
				.nr = (uint32_t)(c->ranges[i].bytes >> m->page_shift),
				.region = (uint16_t)c->ranges[i].region,
				.node = m->regions[c->ranges[i].region].node};
	}
	return 0;
}

/* Bytes of a page descriptor: as the machine says, or what the allocators to be booted need. */
static unsigned desc_stride(const struct system *s, const struct boot_options *o)
{
	unsigned most = 0;

	for (unsigned i = 0; s->machine->desc_stride == 0 && i < s->machine->nr_allocs; i++) {
		const struct alloc_ops *ops = NULL;

		if (is_needed(s, i, o))
			ops = instance_kind(s->instance, s->machine->allocs[i].kind);
		if (ops != NULL && ops->desc_bytes > most)
			most = ops->desc_bytes;
	}
	return s->machine->desc_stride != 0 ? s->machine->desc_stride
					    : (unsigned)round_up(most, s->machine->word);
}

static void set_pages_env(struct system *s, struct sys_alloc *a)
{
	a->env.zones = s->zones;
	a->env.nr_zones = s->machine->nr_zones;
	a->env.zonelist = s->machine->zonelist;
	a->env.zonelists = s->machine->zonelists;
	a->env.node_cpus = s->machine->node_cpus;
	a->env.plain_pages = s->machine->mmu == MMU_NONE;
	a->env.boot = s->boot->alloc;
	a->env.shrinkers = &s->shrinkers;
}

/* Zones a taker may use: named ones, never memory outside the direct map or for movable pages. */
static uint32_t taker_zones(const struct system *s, const struct alloc_conf *c)
{
	uint32_t mask = c->zones;

	for (unsigned z = 0; z < s->machine->nr_zones; z++)
		if (s->machine->zones[z].highmem || s->zones[z].type == ZONE_MOVABLE)
			mask &= ~(1u << z);
	return mask;
}

/*
 * The kernel's address space maps pages that need not lie in the direct map; what must
 * (tables, records) it asks for by vm.low_zones.
 */
static uint32_t source_zones(const struct system *s, const struct alloc_conf *c)
{
	return c->group == GROUP_VIRTUAL ? c->zones : taker_zones(s, c);
}

/* The zones that GFP_DMA allows a taker: "dma" and those below; 0: the machine has no such. */
static uint32_t dma_zones(const struct system *s)
{
	for (unsigned z = 0; z < s->machine->nr_zones; z++)
		if (strcmp(s->machine->zones[z].name, "dma") == 0)
			return (2u << z) - 1;
	return 0;
}

static void set_source(struct system *s, struct sys_alloc *a)
{
	a->source = (struct page_source){.pages = s->pages->alloc,
					 .zone_mask = source_zones(s, a->conf),
					 .dma_zones = dma_zones(s),
					 .page_shift = s->machine->page_shift};
	a->env.pages = &a->source;
}

/* ---- booting by the machine's list ---- */

static struct sys_alloc *add_conf(struct system *s, unsigned i, const struct boot_options *o,
				  struct diag *d)
{
	const struct alloc_conf *c = &s->machine->allocs[i];
	const struct alloc_ops *ops = system_kind(s, c, o, d);
	struct sys_alloc *a;

	if (ops == NULL)
		return NULL;
	a = add_alloc(s, ops, c->name, c, system_params_of(c, o), d);
	if (a == NULL)
		return NULL;
	for (unsigned p = 0; o->tree_index && ops->params[p].name != NULL; p++)
		if (strcmp(ops->params[p].name, "index") == 0)
			a->params[p].u = 1;
	for (unsigned p = 0; o->no_types && ops->params[p].name != NULL; p++)
		if (strcmp(ops->params[p].name, "migrate_types") == 0)
			a->params[p].u = 0;
	s->by_conf[i] = a;
	if (c->group < NR_GROUPS)
		s->group[c->group] = a;
	return a;
}

/* A page allocator's own world inside an arena: one zone of one range. */
struct arena_zone {
	struct zone_desc zone;
	struct pfn_range range;
};

/*
 * A page allocator in the heap's place: it manages the arena alone, through a
 * region manager of its own at the arena's start; requests are rounded up to
 * pages.
 */
static int arena_as_zone(struct system *s, struct sys_alloc *a, struct diag *d)
{
	static const uint8_t zonelist[1] = {0};
	struct sys_alloc *boot = add_alloc(s, instance_kind(s->instance, "memblock"),
					   "arena memblock", NULL, PARAMS_OF_ENTRY, d);
	unsigned shift = s->machine->page_shift;
	struct arena_zone *z = calloc(1, sizeof *z);

	a->arena_zone = z;
	if (z == NULL)
		return no_memory(d);
	if (boot == NULL)
		return -1;
	a->pages_as_heap = true;
	mm_transfer(&a->view, &boot->view, a->arena.base, a->arena.bytes, MM_CACHED);
	mm_account(&boot->view, a->arena.base, a->arena.bytes, MM_CACHED, MM_UNMANAGED);
	boot->env.boot_table = (struct mm_range){a->arena.base, TABLE_BYTES};
	if (a->arena.bytes < TABLE_BYTES)
		return conf_error(d, a->conf->node,
				  "an arena of %llu bytes is too small for a page allocator",
				  (unsigned long long)a->arena.bytes);
	if (start_alloc(s, boot, d) != 0 ||
	    boot->ops->boot->add(boot->alloc, a->arena.base, a->arena.bytes) != 0)
		return -1;
	z->range.start.v =
		(uint32_t)(round_up(a->arena.base.v - s->offset, 1ull << shift) >> shift);
	z->range.nr = (uint32_t)((a->arena.base.v - s->offset + a->arena.bytes) >> shift) -
		      z->range.start.v;
	z->range.region = (uint16_t)physmem_region(&s->pm, a->arena.base.v - s->offset);
	z->zone = (struct zone_desc){
		.name = a->name, .ranges = &z->range, .nr_ranges = 1, .desc_zone = DESC_OWN_RANGE};
	a->env.zones = &z->zone;
	a->env.nr_zones = 1;
	a->env.plain_pages = true;
	a->env.zonelist = zonelist;
	a->env.boot = boot->alloc;
	return 0;
}

static int boot_arena_kind(struct system *s, unsigned i, const struct boot_options *o,
			   struct diag *d)
{
	struct sys_alloc *a = add_conf(s, i, o, d);

	if (a == NULL || system_carve_arena(s, a, o, d) != 0)
		return -1;
	if (a->ops->bytes == NULL && a->ops->pages != NULL && arena_as_zone(s, a, d) != 0)
		return -1;
	return start_alloc(s, a, d);
}

static int boot_pages(struct system *s, const struct boot_options *o, struct diag *d)
{
	set_pages_env(s, s->pages);
	for (unsigned i = 0; i < s->machine->nr_allocs; i++)
		if (s->machine->allocs[i].group == GROUP_CMA && is_needed(s, i, o))
			s->pages->env.cma = true;
	s->pages->env.start = o->start;
	s->pages->env.desc_place = o->desc_place;
	s->pages->env.desc_stride = desc_stride(s, o);
	return start_alloc(s, s->pages, d);
}

static int boot_rest(struct system *s, const struct boot_options *o, struct diag *d)
{
	const struct machine *m = s->machine;

	for (unsigned i = 0; i < m->nr_allocs; i++) {
		struct sys_alloc *a;

		if (m->allocs[i].group == GROUP_VIRTUAL && m->mmu == MMU_NONE)
			return conf_error(d, m->allocs[i].node,
					  "an address space on a machine without an MMU, expected "
					  "machine.mmu x86-32, x86-pae or x86-64 with it");
		if (m->allocs[i].group == GROUP_PAGES || !m->allocs[i].from_pages ||
		    !is_needed(s, i, o))
			continue;
		if (s->pages == NULL)
			return conf_error(d, m->allocs[i].node,
					  "from: pages, but no allocator serves the group pages");
		a = add_conf(s, i, o, d);
		if (a == NULL)
			return -1;
		set_source(s, a);
		if (a->ops->desc_bytes > s->pages->env.desc_stride)
			return conf_error(d, m->allocs[i].node,
					  "allocator '%s' (%s) needs page descriptors of %u bytes, "
					  "expected page.stride of at least that",
					  a->name, a->ops->name, a->ops->desc_bytes);
		if (start_alloc(s, a, d) != 0)
			return -1;
		if (a->ops->shrink != NULL && s->shrinkers.nr < MM_MAX_SHRINKERS)
			s->shrinkers.of[s->shrinkers.nr++] = a->alloc;
	}
	return 0;
}

static int boot_all(struct system *s, const struct boot_options *o, struct diag *d)
{
	const struct machine *m = s->machine;

	if (boot_memblock(s, d) != 0 || describe_zones(s, d) != 0)
		return -1;
	for (unsigned i = 0; i < m->nr_allocs; i++)
		if (m->allocs[i].group == GROUP_PAGES && is_needed(s, i, o)) {
			s->pages = add_conf(s, i, o, d);
			if (s->pages == NULL)
				return -1;
		}
	for (unsigned i = 0; i < m->nr_allocs; i++)
		if (m->allocs[i].group != GROUP_PAGES && !m->allocs[i].from_pages &&
		    is_needed(s, i, o) && boot_arena_kind(s, i, o, d) != 0)
			return -1;
	if (s->pages != NULL && boot_pages(s, o, d) != 0)
		return -1;
	return boot_rest(s, o, d);
}

/* ---- the whole machine ---- */

/* What kmalloc needs when the slab layer serves it. */
static const struct alloc_conf *kmalloc_of_slab(const struct machine *m)
{
	const struct alloc_conf *c = machine_alloc(m, GROUP_KMALLOC);

	return c != NULL && c->from_slab ? c : NULL;
}

static int serve_kmalloc(struct system *s, struct diag *d)
{
	const struct alloc_conf *c = kmalloc_of_slab(s->machine);
	struct sys_alloc *slab = s->group[GROUP_SLAB];

	if (c == NULL || slab == NULL)
		return 0;
	if (system_kind_serves(slab->conf, GROUP_KMALLOC, slab->ops, d) != 0)
		return -1;
	s->group[GROUP_KMALLOC] = slab;
	return 0;
}

static int open_image(struct system *s, const struct boot_options *o, struct diag *d)
{
	const struct machine *m = s->machine;
	struct phys_region *r = calloc(m->nr_regions, sizeof *r);
	int err;

	if (r == NULL)
		return no_memory(d);
	for (unsigned i = 0; i < m->nr_regions; i++)
		r[i] = (struct phys_region){m->regions[i].base, m->regions[i].bytes,
					    m->regions[i].kind, m->regions[i].sizes};
	err = physmem_init(&s->pm, r, m->nr_regions, o->noise);
	free(r);
	if (err == -ERANGE)
		return diag_set(d, "", 0, 0,
				"RAM can be filled with noise up to 256 MiB; machine %s has more",
				m->name);
	return err != 0 ? no_memory(d) : 0;
}

/* The machine, its region managers, its allocators, and further arenas. */
static unsigned nr_owners(const struct machine *m, const struct boot_options *o)
{
	bool arenas = (o->groups & 1u << TG_ARENA) != 0 && machine_alloc(m, GROUP_ARENA) != NULL;

	return m->nr_allocs + 3 + (arenas ? SYS_MAX_ARENAS - 1 : 0);
}

int system_boot(struct system *s, const struct machine *m, const struct boot_options *o,
		struct diag *d)
{
	struct boot_options opt = *o;

	*s = (struct system){.machine = m};
	if (kmalloc_of_slab(m) != NULL && (o->groups & 1u << TG_KMALLOC) != 0)
		opt.groups |= 1u << TG_SLAB;
	s->instance = find_instance(o->port, m->word);
	s->checked = find_instance("checked", m->word);
	s->offset = m->mmu == MMU_NONE ? 0 : m->virt.page_offset;
	if (s->instance == NULL)
		return diag_set(d, "", 0, 0,
				"no port '%s' for words of %u bytes, expected fast or checked",
				o->port, m->word);
	if (open_image(s, o, d) != 0)
		return -1;
	if (ledger_init(&s->ledger, nr_owners(m, &opt), m->nr_regions) != 0) {
		no_memory(d);
		goto fail;
	}
	ledger_boot(&s->ledger, m);
	if (system_describe_space(s, d) != 0 || boot_all(s, &opt, d) != 0 ||
	    serve_kmalloc(s, d) != 0)
		goto fail;
	s->nr_booted = s->nr_allocs;
	system_turn_paging_on(s);
	return 0;
fail:
	system_finish(s);
	return -1;
}

static void free_alloc(struct sys_alloc *a)
{
	params_free(a->ops, a->params);
	free(a->alloc);
	free(a->walker);
	free(a->arena_zone);
	*a = (struct sys_alloc){0};
}

void system_finish(struct system *s)
{
	for (unsigned i = 0; i < s->nr_allocs; i++)
		free_alloc(&s->allocs[i]);
	free(s->zones);
	free(s->ranges);
	free(s->direct);
	free(s->resources);
	mmu_finish(&s->mmu);
	ledger_finish(&s->ledger);
	physmem_finish(&s->pm);
	*s = (struct system){0};
}

/* ---- arenas that come and go ---- */

struct sys_alloc *system_arena(struct system *s, unsigned k)
{
	return k == 0 ? s->group[GROUP_ARENA] : &s->allocs[s->nr_booted + k - 1];
}

struct sys_alloc *system_add_arena(struct system *s, struct diag *d)
{
	const struct sys_alloc *first = s->group[GROUP_ARENA];
	struct sys_alloc *a =
		add_alloc(s, first->ops, first->name, first->conf, PARAMS_OF_ENTRY, d);

	if (a == NULL)
		return NULL;
	snprintf(a->own_name, sizeof a->own_name, "%.16s_%u", first->name,
		 s->nr_allocs - s->nr_booted + 1);
	a->name = a->own_name;
	a->alloc->ops = a->ops;
	a->view.watch = first->view.watch;
	a->view.on_event = first->view.on_event;
	a->view.event_ctx = first->view.event_ctx;
	set_source(s, a);
	return a;
}

void system_drop_arena(struct system *s)
{
	free_alloc(&s->allocs[--s->nr_allocs]);
}

struct alloc *system_walker(struct system *s, struct sys_alloc *a)
{
	const struct alloc_ops *ops = instance_kind(s->checked, a->ops->name);

	a->walker_env = a->env;
	a->walker_env.m = &a->walker_view;
	a->walker_env.root = a->alloc->root;
	if (a->env.pages != NULL) {
		a->walker_source = a->source;
		a->walker_source.pages = system_walker(s, s->pages);
		a->walker_env.pages = &a->walker_source;
	}
	if (a->env.space != NULL)
		a->walker_env.space = system_walker(s, s->group[GROUP_VIRTUAL]);
	for (unsigned i = 0; a->env.boot != NULL && i < s->nr_allocs; i++)
		if (s->allocs[i].alloc == a->env.boot)
			a->walker_env.boot = system_walker(s, &s->allocs[i]);
	memset(a->walker, 0, ops->handle_bytes);
	if (ops->attach(a->walker, &a->walker_env) != 0)
		mm_bug(&a->walker_view, "attach refuses an image that init made", a->alloc->root);
	return a->walker;
}

void system_watch(struct system *s, struct mm_watch *w)
{
	s->pm.watch = w;
	for (unsigned i = 0; i < s->nr_allocs; i++)
		s->allocs[i].view.watch = w;
}
