#include "conformance/world.h"

#include "model/pte.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TABLE_BYTES 0x1000u /* of the region manager's table, at the start of region 0 */

static uint64_t view_offset(const struct scene *sc)
{
	if (!sc->geo->direct)
		return 0;
	return sc->in->word == 4 ? 0xC0000000ull : 0xFFFF888000000000ull;
}

static const struct alloc_instance *checked_of(const struct alloc_instance *in)
{
	return in->word == 4 ? &alloc_checked4 : &alloc_checked8;
}

static unsigned nr_regions(const struct geometry *geo)
{
	unsigned n = 0;

	while (n < 4 && geo->regions[n].bytes != 0)
		n++;
	return n;
}

/* ---- variants ---- */

static unsigned nr_choices(const struct alloc_param *p)
{
	unsigned n = 1;

	if (p->type == PARAM_BOOL)
		return 2;
	if (p->type != PARAM_ENUM)
		return 1;
	for (const char *s = p->choices; *s != '\0'; s++)
		n += *s == ' ';
	return n;
}

static unsigned nr_combinations(const struct alloc_ops *ops)
{
	unsigned n = 1;

	for (unsigned i = 0; ops->params[i].name != NULL; i++)
		n *= nr_choices(&ops->params[i]);
	return n;
}

/* Numbers and sizes have two more values each: least and greatest. */
static bool has_extremes(const struct alloc_param *p)
{
	return p->type == PARAM_UINT || p->type == PARAM_BYTES;
}

unsigned variant_count(const struct alloc_ops *ops)
{
	unsigned n = nr_combinations(ops);

	for (unsigned i = 0; ops->params[i].name != NULL; i++)
		n += has_extremes(&ops->params[i]) ? 2 : 0;
	return n < VARIANT_MAX ? n : VARIANT_MAX;
}

/* Variant v of parameter i, whose default is kept when v does not concern it. */
static msize_t variant_value(const struct alloc_ops *ops, unsigned i, unsigned v)
{
	const struct alloc_param *p = &ops->params[i];
	unsigned n = nr_combinations(ops), stride = 1;

	if (v < n) { /* a combination, counted so that 0 is every default */
		for (unsigned k = 0; k < i; k++)
			stride *= nr_choices(&ops->params[k]);
		if (nr_choices(p) == 1)
			return p->def;
		return (p->def + v / stride) % nr_choices(p);
	}
	for (unsigned k = 0; k < i; k++)
		n += has_extremes(&ops->params[k]) ? 2 : 0;
	if (!has_extremes(p) || v < n || v >= n + 2)
		return p->def;
	return v == n ? p->min : p->max;
}

void variant_name(const struct alloc_ops *ops, unsigned variant, char *buf, size_t n)
{
	size_t at = 0;

	buf[0] = '\0';
	for (unsigned i = 0; ops->params[i].name != NULL && at < n; i++)
		if (ops->params[i].type != PARAM_SIZES)
			at += (size_t)snprintf(buf + at, n - at, "%s=%llu ", ops->params[i].name,
					       (unsigned long long)variant_value(ops, i, variant));
}

static void set_variant(struct rig_owner *o, const struct alloc_ops *ops, unsigned variant)
{
	for (unsigned i = 0; ops->params[i].name != NULL; i++)
		if (ops->params[i].type != PARAM_SIZES)
			o->params[i].u = variant_value(ops, i, variant);
}

/* ---- building ---- */

static void set_env(const struct world *w, struct rig_owner *o)
{
	const struct geometry *geo = w->sc.geo;
	bool word8 = w->sc.in->word == 8;

	o->view.strict_align = true;
	o->env.page_shift = geo->page_shift ? geo->page_shift : 12;
	o->env.align = geo->align[word8] ? geo->align[word8] : (word8 ? 16 : 8);
	o->env.cache_line = 32;
	o->env.cpus = 2;
	o->env.nodes = geo->nodes;
}

bool geometry_fits(const struct geometry *geo, const struct alloc_ops *ops)
{
	return ops->tasks != NULL || geo->mmu == (ops->maps != NULL);
}

/* The window of 40 pages crosses a border of page tables in every format. */
static void fill_layout(struct world *w)
{
	const struct geometry *geo = w->sc.geo;
	bool wide = w->sc.in->word == 8;

	w->direct = (struct mm_range){{geo->regions[1].base}, geo->regions[1].bytes};
	w->vm = (struct vm_layout){.format = wide       ? PTE_X86_64
					     : geo->pae ? PTE_X86_PAE
							: PTE_X86_32,
				   .page_offset = w->g.offset,
				   .direct = &w->direct,
				   .nr_direct = 1,
				   .low_zones = 1,
				   .vmalloc_start = {wide ? 0xffffc900001f8000ull : 0xf83f8000},
				   .vmalloc_end = {wide ? 0xffffc90000220000ull : 0xf8420000},
				   .pkmap_base = {wide ? 0 : 0xff000000},
				   .pkmap_pages = wide ? 0 : 8,
				   .fixmap_top = {wide ? 0xffffffffff7ff000ull : 0xfffff000},
				   .resources = w->resources,
				   .nr_resources = 2,
				   .last_address = UINT32_MAX};
	w->resources[0] = (struct mm_resource){
		.base = w->direct.base.v, .bytes = w->direct.bytes, .owner = 1, .busy = true};
	w->resources[1] = (struct mm_resource){
		.base = WORLD_BUS, .bytes = WORLD_BUS_BYTES, .owner = 2};
}

static struct rig_owner *push_owner(struct world *w, const char *kind)
{
	struct rig_owner *o = rig_owner(&w->g, w->sc.in, kind, NULL);

	set_env(w, o);
	w->layer[w->nr++] = o->alloc;
	return o;
}

static int start(struct world *w, struct rig_owner *o)
{
	int err;

	if (sigsetjmp(w->home, 0) != 0)
		world_unwound(w);
	w->g.sh.unwind = &w->home;
	err = o->alloc->ops->init(o->alloc, &o->env);
	if (err != 0)
		w->nr--;
	return err;
}

static void give_memory(struct world *w, struct alloc *boot)
{
	const struct geometry *geo = w->sc.geo;

	for (unsigned i = 1; i < nr_regions(geo); i++)
		if (boot->ops->boot->add(boot, (vaddr_t){geo->regions[i].base + w->g.offset},
					 geo->regions[i].bytes) != 0)
			fail_msg("the region manager refuses region %u", i);
}

static int build_boot(struct world *w, const char *kind)
{
	struct rig_owner *o = push_owner(w, kind);

	o->env.boot_table =
		(struct mm_range){{w->sc.geo->regions[0].base + w->g.offset}, TABLE_BYTES};
	return start(w, o);
}

static void fill_zones(struct world *w)
{
	const struct geometry *geo = w->sc.geo;

	for (unsigned i = 0; i < geo->nr_zones; i++) {
		const struct geo_zone *z = &geo->zones[i];

		w->zones[i] = (struct zone_desc){.name = z->name,
						.ranges = z->ranges,
						.nr_ranges = z->nr_ranges,
						.desc_zone = z->desc_zone,
						.node = z->node,
						.type = ZONE_NORMAL};
		w->zonelist[i] = (uint8_t)(geo->nr_zones - 1 - i);
	}
}

/* A node's own zones first, the highest of them, then the others'. */
static void fill_zonelists(struct world *w)
{
	const struct geometry *geo = w->sc.geo;
	unsigned n = 0;

	for (unsigned node = 0; node < geo->nodes; node++)
		for (unsigned other = 0; other < 2; other++)
			for (unsigned i = geo->nr_zones; i-- > 0;)
				if ((geo->zones[i].node != node) == other)
					w->zonelists[n++] = (uint8_t)i;
}

static int build_pages(struct world *w, const char *kind, unsigned variant)
{
	struct alloc *boot = w->layer[0];
	struct rig_owner *o = push_owner(w, kind);

	give_memory(w, boot);
	fill_zones(w);
	set_variant(o, o->alloc->ops, variant);
	if (w->sc.ops->cma != NULL) {
		o->env.cma = true;
		o->env.rules = MM_RULES_LINUX_6;
		o->params[0].u = 4; /* max_order */
		o->params[4].u = 2; /* pageblock_order */
		o->params[5].u = 4; /* min_free_kbytes */
	}
	o->env.zones = w->zones;
	o->env.nr_zones = w->sc.geo->nr_zones;
	o->env.zonelist = w->zonelist;
	if (w->sc.geo->nodes > 1) {
		fill_zonelists(w);
		o->env.zonelists = w->zonelists;
	}
	o->env.boot = boot;
	if (w->sc.ops->desc_bytes != 0)
		o->env.desc_stride = (unsigned)round_up(w->sc.ops->desc_bytes, w->sc.in->word);
	return start(w, o);
}

static int build_arena(struct world *w)
{
	struct mm_range arena = w->sc.geo->arena;
	struct rig_owner *o = push_owner(w, w->sc.ops->name);

	set_variant(o, w->sc.ops, w->sc.variant);
	arena.base.v += w->g.offset;
	o->env.arena = arena;
	mm_account(&o->view, arena.base, arena.bytes, MM_UNMANAGED, MM_CACHED);
	return start(w, o);
}

/* An owner whose pages come from the world's page allocator. */
static struct rig_owner *push_grown(struct world *w, const char *kind, struct world_failure f)
{
	struct rig_owner *o = push_owner(w, kind);

	o->source = (struct page_source){.pages = w->layer[1],
					 .zone_mask = UINT32_MAX,
					 .page_shift = o->env.page_shift,
					 .fail_at = f.at,
					 .fail_on = f.persistent};
	o->env.pages = &o->source;
	if (w->sc.geo->nodes > 1)
		o->env.rules = MM_RULES_LINUX_4_19;
	if (w->sc.geo->mmu)
		o->env.vm = &w->vm;
	return o;
}

/* Kinds that map into the kernel's address space need one. */
static struct alloc *build_space(struct world *w)
{
	struct rig_owner *o;

	fill_layout(w);
	if (w->sc.ops->maps != NULL && (w->sc.ops->maps->types & 1u << MAP_VMALLOC) != 0)
		return NULL;
	o = push_grown(w, "vmalloc", (struct world_failure){0});
	if (start(w, o) != 0)
		fail_msg("vmalloc does not start");
	return o->alloc;
}

static int build_grown(struct world *w, struct world_failure f)
{
	struct alloc *space = NULL;
	struct rig_owner *o;

	if (build_boot(w, "memblock") != 0)
		fail_msg("the region manager does not start");
	if (build_pages(w, w->sc.geo->pages, 0) != 0)
		fail_msg("%s does not start", w->sc.geo->pages);
	if (w->sc.geo->mmu)
		space = build_space(w);
	o = push_grown(w, w->sc.ops->name, f);
	set_variant(o, w->sc.ops, w->sc.variant);
	/* A range of two blocks where the default is more than there is. */
	if (w->sc.ops->cma != NULL && o->params[0].u > MiB(1))
		o->params[0].u = 32ull << o->env.page_shift;
	o->env.space = space;
	return start(w, o);
}

static int build_layers(struct world *w, struct world_failure f)
{
	switch (w->sc.geo->setting) {
	case SETTING_ARENA:
		return build_arena(w);
	case SETTING_GROWN:
		return build_grown(w, f);
	case SETTING_ZONES:
		if (build_boot(w, "memblock") != 0)
			fail_msg("the region manager does not start");
		return build_pages(w, w->sc.ops->name, w->sc.variant);
	case SETTING_BOOT:
		return build_boot(w, w->sc.ops->name);
	}
	return MM_EINVAL;
}

/* ---- attach: a second set of handles in `r`, on the image r->pm ---- */

static void attach_layers(struct rig *r, const struct world *from, struct alloc *layer[WORLD_LAYERS],
			  const struct alloc_instance *in, bool readonly)
{
	for (unsigned i = 0; i < from->nr; i++) {
		const struct rig_owner *src = &from->g.owner[i];
		struct rig_owner *o = rig_owner(r, in, src->alloc->ops->name, NULL);

		memcpy(o->params, src->params, sizeof o->params);
		o->env = src->env;
		o->env.m = &o->view;
		o->env.params = o->params;
		o->env.root = src->alloc->root;
		o->view.strict_align = src->view.strict_align;
		o->view.readonly = readonly;
		if (src->env.boot != NULL)
			o->env.boot = layer[0];
		if (src->env.space != NULL)
			o->env.space = layer[2];
		if (src->env.pages != NULL) {
			o->source = src->source;
			o->source.pages = layer[1];
			o->env.pages = &o->source;
		}
		layer[i] = o->alloc;
		if (o->alloc->ops->attach(o->alloc, &o->env) != 0)
			fail_msg("%s does not attach to what its init made", o->alloc->ops->name);
	}
}

/* Readonly views never reach the ledger, so the observer shares only the image. */
static void observe(struct world *w)
{
	memset(&w->obs, 0, sizeof w->obs);
	w->obs.pm = w->g.pm;
	w->obs.offset = w->g.offset;
	w->obs.sh.unwind = &w->home;
	if (sigsetjmp(w->home, 0) != 0)
		world_unwound(w);
	attach_layers(&w->obs, w, w->seen, checked_of(w->sc.in), true);
}

int world_build(struct world *w, const struct scene *sc, uint64_t noise, struct world_failure f)
{
	int err;

	memset(w, 0, sizeof *w);
	w->sc = *sc;
	rig_init(&w->g, noise, sc->geo->regions, nr_regions(sc->geo), view_offset(sc));
	err = build_layers(w, f);
	if (err == 0) {
		w->top = w->layer[w->nr - 1];
		w->own = rig_owner_of(&w->g, w->top);
	}
	observe(w);
	return err;
}

static void drop_handles(struct rig *r)
{
	for (unsigned i = 0; i < r->nr; i++)
		free(r->owner[i].alloc);
	r->nr = 0;
}

void world_finish(struct world *w)
{
	drop_handles(&w->obs);
	rig_finish(&w->g);
}

void world_copy(struct world *to, const struct world *from)
{
	const struct physmem *pm = &from->g.pm;

	memset(to, 0, sizeof *to);
	to->sc = from->sc;
	rig_init(&to->g, 0, pm->regions, pm->nr_regions, from->g.offset);
	physmem_copy(&to->g.pm, pm);
	memcpy(to->zones, from->zones, sizeof to->zones);
	memcpy(to->zonelist, from->zonelist, sizeof to->zonelist);
	memcpy(to->zonelists, from->zonelists, sizeof to->zonelists);
	to->vm = from->vm;
	to->direct = from->direct;
	to->vm.direct = &to->direct;
	memcpy(to->resources, from->resources, sizeof to->resources);
	to->vm.resources = to->resources;
	to->g.sh.unwind = &to->home;
	if (sigsetjmp(to->home, 0) != 0)
		world_unwound(to);
	attach_layers(&to->g, from, to->layer, from->sc.in, false);
	to->nr = from->nr;
	for (unsigned i = 0; i < to->nr; i++) {
		memcpy(to->g.owner[i].rows, from->g.owner[i].rows, sizeof to->g.owner[i].rows);
		to->g.owner[i].env.vm = from->g.owner[i].env.vm != NULL ? &to->vm : NULL;
		to->g.owner[i].env.zones = from->g.owner[i].env.zones != NULL ? to->zones : NULL;
	}
	to->top = to->layer[to->nr - 1];
	to->own = rig_owner_of(&to->g, to->top);
	observe(to);
}

/* ---- looking ---- */

_Noreturn void world_unwound(struct world *w)
{
	const struct mm_shared *sh = w->g.sh.tainted ? &w->g.sh : &w->obs.sh;
	const struct mm_finding *f = &sh->finding[0];

	for (uint64_t i = 0; i < sh->nr_findings && i < MM_MAX_FINDINGS; i++)
		if (sh->finding[i].kind != 'w')
			f = &sh->finding[i];
	fail_msg("%s: %s%s at %#llx", w->sc.ops->name, sh == &w->obs.sh ? "an observer: " : "",
		 f->what, (unsigned long long)f->where);
	abort();
}

void world_check(struct world *w)
{
	for (unsigned i = 0; i < w->nr; i++) {
		struct check_report r = {0};
		const struct alloc *a = w->seen[i];

		if (a->ops->check(a, &r) != 0 || r.invariant != NULL)
			fail_msg("%s: %s (at %#llx: %#llx, expected %#llx)", a->ops->name,
				 r.invariant ? r.invariant : "a verdict without an invariant",
				 (unsigned long long)r.where.v, (unsigned long long)r.found,
				 (unsigned long long)r.expected);
	}
}

void world_ledger(struct world *w)
{
	rig_ledger_equals_walk(&w->g, w->seen, w->nr);
}

uint8_t *world_host(const struct world *w, uint64_t va, uint64_t bytes)
{
	uint64_t pa = va - w->g.offset;
	int r = physmem_region(&w->g.pm, pa);

	if (r < 0 || w->g.pm.regions[r].kind != REGION_RAM ||
	    w->g.pm.regions[r].bytes - (pa - w->g.pm.regions[r].base) < bytes)
		return NULL;
	for (uint64_t f = pa >> MM_TOUCH_SHIFT; f <= (pa + bytes - 1) >> MM_TOUCH_SHIFT; f++)
		w->g.pm.touched[f] = true;
	return w->g.pm.window + pa;
}

struct image_hash world_hash(const struct world *w)
{
	return physmem_hash(&w->g.pm);
}

bool excepted(const char *kind, const char *topic)
{
	FILE *f = fopen(TESTS_DIR "/conformance/exceptions.txt", "r");
	char line[512], k[64], t[64];
	bool found = false;

	if (f == NULL)
		fail_msg("exceptions.txt cannot be read");
	while (!found && fgets(line, sizeof line, f) != NULL)
		found = line[0] != '#' && sscanf(line, "%63s %63s", k, t) == 2 &&
			strcmp(k, kind) == 0 && strcmp(t, topic) == 0;
	fclose(f);
	return found;
}
