/*
 * `allocators`: which kind serves which group of requests, and where its memory
 * comes from.  Kinds and their parameters are not known here; the simulation
 * checks them against the registry, at the positions the nodes keep.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/machine_build.h"

enum { FROM_BOOT, FROM_PAGES, FROM_SLAB };
static const char *const from_words[] = {"boot", "pages", "slab", NULL};

struct allocator_groups {
	const struct conf_node *group[NR_GROUPS], *heaps;
};

#define G(word, number)                                                                            \
	{                                                                                          \
		.key = (word), .type = FIELD_NODE,                                                 \
		.offset = offsetof(struct allocator_groups, group) + (number) * sizeof(void *)     \
	}
static const struct field group_fields[] = {
	G("heap", GROUP_HEAP),
	G("pages", GROUP_PAGES),
	G("cma", GROUP_CMA),
	G("slab", GROUP_SLAB),
	G("kmalloc", GROUP_KMALLOC),
	G("virtual", GROUP_VIRTUAL),
	G("stack", GROUP_STACK),
	G("arena", GROUP_ARENA),
	G("dma", GROUP_DMA),
	G("kmap", GROUP_KMAP),
	G("ioremap", GROUP_IOREMAP),
	G("percpu", GROUP_PERCPU),
	{.key = "heaps", .type = FIELD_NODE, .offset = offsetof(struct allocator_groups, heaps)},
	{0},
};
#undef G

_Static_assert(sizeof group_fields / sizeof *group_fields == NR_GROUPS + 2,
	       "a word for each group and for more heaps, in their order, and the end");

const char *machine_group_word(enum alloc_group group)
{
	return group_fields[group].key;
}

struct alloc_entry {
	const char *name, *kind;
	unsigned from; /* FROM_ */
	const struct conf_node *region, *bytes, *zones;
};

#define F(member, type) FIELD(struct alloc_entry, member, type)
static const struct field alloc_fields[] = {
	{F(name, FIELD_NAME)},
	{F(kind, FIELD_NAME)},
	{F(from, FIELD_CHOICE), .choices = from_words},
	{F(region, FIELD_NODE)},
	{F(bytes, FIELD_NODE)},
	{F(zones, FIELD_NODE)},
	{0},
};
#undef F

uint64_t machine_room(const struct machine *m, unsigned region)
{
	const struct region *r = &m->regions[region];
	uint64_t at = r->base, best = 0;
	uint64_t end = at + build_overlap(0, m->virt.lowmem_max, r->base, r->bytes);

	while (r->kind == REGION_RAM && at < end) {
		uint64_t stop = end, next = end;

		/* The first reserved range from `at` on. */
		for (unsigned i = 0; i < m->nr_reserved; i++) {
			const struct reserved_range *x = &m->reserved[i];

			if (x->base + x->bytes > at && x->base < stop) {
				stop = x->base > at ? x->base : at;
				next = x->base + x->bytes;
			}
		}
		best = stop - at > best ? stop - at : best;
		at = next;
	}
	return best;
}

static const struct field dma_fields[] = {{.key = "name"}, {.key = "from"}, {.key = "zones"}, {0}};

static int read_region(struct build *b, const struct alloc_entry *e, struct alloc_conf *out)
{
	const struct region *r;
	unsigned at;

	if (e->region == NULL)
		return 0;
	if (build_find(b, e->region, NAME_REGION, &at) != 0)
		return -1;
	r = &b->m->regions[at];
	if (r->kind != REGION_RAM || r->base >= b->m->virt.lowmem_max)
		return conf_error(b->d, e->region,
				  "region %s is not directly mapped RAM, expected one that is",
				  r->name);
	out->region = (int)at;
	return 0;
}

static int read_bytes(struct build *b, const struct alloc_entry *e, struct alloc_conf *out)
{
	const struct machine *m = b->m;
	uint64_t room = 0;

	if (e->bytes == NULL ||
	    (e->bytes->type == CONF_SCALAR && strcmp(e->bytes->text, "all") == 0))
		return 0;
	if (conf_size(e->bytes, &out->bytes, b->d) != 0)
		return -1;
	for (unsigned i = 0; i < m->nr_regions; i++) {
		bool asked = out->region < 0 || out->region == (int)i;
		uint64_t here = asked ? machine_room(m, i) : 0;

		room = here > room ? here : room;
	}
	if (out->bytes == 0 || out->bytes > room)
		return conf_error(b->d, e->bytes,
				  "bytes %.31s, expected 1 to 0x%llx (the largest contiguous RAM "
				  "there), or all",
				  e->bytes->text, (unsigned long long)room);
	return 0;
}

/* `zones` is for growth from pages; `region` and `bytes` are for an arena from boot. */
static int read_source(struct build *b, const struct alloc_entry *e, struct alloc_conf *out)
{
	const struct conf_node *stray = e->region != NULL ? e->region : e->bytes;
	uint64_t zones = UINT32_MAX;

	out->from_pages = e->from == FROM_PAGES;
	out->from_slab = e->from == FROM_SLAB;
	out->region = -1;
	out->zones = UINT32_MAX;
	if (e->from != FROM_BOOT && stray != NULL)
		return conf_error(
			b->d, stray,
			"'region' and 'bytes' are for an arena, expected 'from: boot' with them");
	if (e->from != FROM_PAGES && e->zones != NULL)
		return conf_error(
			b->d, e->zones,
			"'zones' is for growth from pages, expected 'from: pages' with it");
	if (out->from_slab)
		return 0;
	if (!out->from_pages)
		return read_region(b, e, out) != 0 ? -1 : read_bytes(b, e, out);
	if (e->zones != NULL && build_mask(b, e->zones, NAME_ZONE, &zones) != 0)
		return -1;
	out->zones = (uint32_t)zones;
	return 0;
}

static const char *default_name(enum alloc_group group)
{
	return group == GROUP_HEAP ? "main" : machine_group_word(group);
}

/* The page allocator takes what boot leaves; it has no source to choose. */
static int check_pages(struct build *b, const struct alloc_entry *e, const struct conf_node *n)
{
	const struct conf_node *stray = e->region != NULL  ? e->region
					: e->bytes != NULL ? e->bytes
							   : e->zones;

	if (e->from == FROM_PAGES)
		return conf_error(b->d, fields_get(n, "from"),
				  "pages from pages, expected 'from: boot' or nothing");
	if (stray != NULL)
		return conf_error(
			b->d, stray,
			"the page allocator takes all zones, expected no 'region', 'bytes' "
			"or 'zones' here");
	if (b->m->nr_zones == 0)
		return conf_error(b->d, n,
				  "a page allocator without zones, expected 'zones' in the file");
	return 0;
}

/* DMA buffers are whole pages that their master reaches, but for what placement sends to a heap. */
static int check_dma(struct build *b, const struct alloc_entry *e, const struct conf_node *n)
{
	if (e->kind != NULL)
		return conf_error(b->d, fields_get(n, "kind"),
				  "a kind for DMA buffers, expected none: they are whole pages; a "
				  "placement rule with 'dma: true' sends them to a heap");
	if (e->from == FROM_BOOT)
		return conf_error(b->d, fields_get(n, "from"),
				  "DMA buffers from boot, expected 'from: pages' or nothing");
	for (size_t i = 0; i < n->nr; i++)
		if (strcmp(n->key[i], "from") != 0 && strcmp(n->key[i], "zones") != 0 &&
		    strcmp(n->key[i], "name") != 0 && n->item[i]->type != CONF_NULL)
			return fields_unknown(n, i, "dma", dma_fields, b->d);
	return 0;
}

/* kmalloc's caches are those of a slab layer, unless a kind of its own serves it. */
static int check_slab(struct build *b, const struct alloc_entry *e, enum alloc_group group,
		      const struct conf_node *n)
{
	bool lacks_kind = e->kind == NULL && group != GROUP_DMA;

	if (e->from != FROM_SLAB)
		return !lacks_kind ? 0
				   : conf_error(b->d, n,
						"no 'kind' in an allocator, expected one of "
						"`memscape list allocators`");
	if (group != GROUP_KMALLOC || e->kind != NULL)
		return conf_error(
			b->d, fields_get(n, "from"),
			"'from: slab' is for kmalloc without a kind, expected boot or pages");
	return 0;
}

static int build_alloc(struct build *b, const struct conf_node *n, enum alloc_group group,
		       struct alloc_conf *out)
{
	bool carved = group == GROUP_HEAP || group == GROUP_EXTRA_HEAP || group == GROUP_PAGES;
	struct alloc_entry e = {.from = carved ? FROM_BOOT : FROM_PAGES};

	if (fields_read(n, "an allocator", alloc_fields, true, &e, b->d) != 0)
		return -1;
	if (e.name == NULL && group == GROUP_EXTRA_HEAP)
		return conf_error(b->d, n, "no 'name' in a heap, expected one such as fast");
	if (check_slab(b, &e, group, n) != 0)
		return -1;
	*out = (struct alloc_conf){.name = e.name != NULL ? e.name : default_name(group),
				   .group = group,
				   .kind = e.kind,
				   .node = n};
	if ((group == GROUP_PAGES && check_pages(b, &e, n) != 0) ||
	    (group == GROUP_DMA && check_dma(b, &e, n) != 0))
		return -1;
	return read_source(b, &e, out);
}

static int check_alloc(struct build *b, const struct alloc_conf *a)
{
	for (const struct alloc_conf *o = b->m->allocs; o < a; o++)
		if (strcasecmp(o->name, a->name) == 0)
			return conf_error(
				b->d, a->node,
				"a second allocator with the name %s, expected a name of its own",
				a->name);
	if (a->from_slab && machine_alloc(b->m, GROUP_SLAB) == NULL)
		return conf_error(
			b->d, a->node,
			"kmalloc is served by the slab layer, expected 'slab' in allocators");
	if (a->from_pages && machine_alloc(b->m, GROUP_PAGES) == NULL)
		return conf_error(
			b->d, a->node,
			"allocator %s is grown from pages, expected 'pages' in allocators",
			a->name);
	return 0;
}

static int build_groups(struct build *b, const struct allocator_groups *g)
{
	struct machine *m = b->m;

	for (unsigned i = 0; i < NR_GROUPS; i++)
		if (g->group[i] != NULL && build_alloc(b, g->group[i], (enum alloc_group)i,
						       &m->allocs[m->nr_allocs++]) != 0)
			return -1;
	for (size_t i = 0; g->heaps != NULL && i < g->heaps->nr; i++)
		if (build_alloc(b, g->heaps->item[i], GROUP_EXTRA_HEAP,
				&m->allocs[m->nr_allocs++]) != 0)
			return -1;
	for (unsigned i = 0; i < m->nr_allocs; i++)
		if (check_alloc(b, &m->allocs[i]) != 0)
			return -1;
	return 0;
}

int build_allocs(struct build *b)
{
	struct allocator_groups g = {.heaps = NULL};
	struct alloc_conf *extra = NULL;
	struct machine *m = b->m;
	unsigned nr;

	if (b->part.allocators == NULL)
		return 0;
	if (fields_read(b->part.allocators, "allocators", group_fields, false, &g, b->d) != 0)
		return -1;
	m->allocs = calloc(MACHINE_MAX_ALLOCS, sizeof *m->allocs);
	if (m->allocs == NULL)
		return conf_error(b->d, b->part.allocators, "out of memory");
	if (build_list(b, g.heaps, "heap", MACHINE_MAX_ALLOCS - NR_GROUPS, sizeof *extra, &extra,
		       &nr) != 0)
		return -1;
	free(extra);
	return build_groups(b, &g);
}
