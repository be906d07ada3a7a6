/*
 * `zones`: sets of pages with the same constraint, by region, by address, or
 * both; and `zonelist`, the order in which a request without a constraint tries
 * them.
 *
 * A zone is the RAM of its regions inside its span.  Borders of its ranges are
 * rounded inwards to pages; a region too small for one page gives none, and a
 * highmem zone may lie above all RAM: neither is an error, since page orders,
 * sizes and splits are swept.
 */
#include <stdlib.h>
#include <string.h>

#include "model/machine_build.h"

struct zone_entry {
	const char *name;
	const struct conf_node *regions, *base, *end, *descriptors;
	bool highmem;
	unsigned node; /* ANY_NODE: of whichever its RAM is */
};

#define ANY_NODE UINT32_MAX

#define F(member, type) FIELD(struct zone_entry, member, type)
static const struct field zone_fields[] = {
	{F(name, FIELD_NAME), .required = true, .expected = "a name such as normal"},
	{F(regions, FIELD_NODE)},
	{F(base, FIELD_NODE)},
	{F(end, FIELD_NODE)},
	{F(highmem, FIELD_BOOL)},
	{F(node, FIELD_UINT)},
	{F(descriptors, FIELD_NODE)},
	{0},
};
#undef F

/* A zone as the file says it, before rounding. */
struct span {
	uint64_t base, end; /* end exclusive */
	uint64_t regions;
	unsigned node;
};

int build_address(struct build *b, const struct conf_node *n, uint64_t *out)
{
	if (n == NULL)
		return 0;
	if (n->type != CONF_SCALAR || strcmp(n->text, "lowmem") != 0)
		return conf_size(n, out, b->d);
	if (b->m->mmu == MMU_NONE)
		return conf_error(b->d, n, "lowmem without an MMU, expected an address");
	*out = b->m->virt.lowmem_max;
	return 0;
}

static int read_border(struct build *b, const struct conf_node *n, uint64_t *out)
{
	if (build_address(b, n, out) != 0)
		return -1;
	if (n != NULL && (*out & ((1ull << b->m->page_shift) - 1)) != 0)
		return conf_error(b->d, n,
				  "zone border 0x%llx, expected a multiple of the page (%u bytes)",
				  (unsigned long long)*out, 1u << b->m->page_shift);
	return 0;
}

static int read_regions(struct build *b, const struct conf_node *n, uint64_t *out)
{
	*out = UINT64_MAX;
	if (n == NULL || (n->type == CONF_SCALAR && strcmp(n->text, "all") == 0))
		return 0;
	if (build_mask(b, n, NAME_REGION, out) != 0)
		return -1;
	for (unsigned i = 0; i < b->m->nr_regions; i++)
		if ((*out >> i & 1) != 0 && b->m->regions[i].kind != REGION_RAM)
			return conf_error(b->d, n,
					  "region %s is not RAM, expected regions of kind ram",
					  b->m->regions[i].name);
	return 0;
}

/*
 * Appends the part of region i inside the span;
 * touching ranges of a node as one where regions merge.
 */
static void add_range(const struct machine *m, struct zone_conf *z, const struct span *s,
		      unsigned i)
{
	const struct region *r = &m->regions[i];
	struct zone_range *last = z->nr_ranges != 0 ? &z->ranges[z->nr_ranges - 1] : NULL;
	uint64_t lo = r->base > s->base ? r->base : s->base;
	uint64_t bytes = build_overlap(r->base, r->bytes, s->base, s->end - s->base);

	if (r->kind != REGION_RAM || (s->regions >> i & 1) == 0 || bytes == 0 ||
	    (s->node != ANY_NODE && r->node != s->node))
		return;
	if (m->merge_regions && last != NULL && last->base + last->bytes == lo &&
	    m->regions[last->region].node == r->node)
		last->bytes += bytes;
	else
		z->ranges[z->nr_ranges++] = (struct zone_range){lo, bytes, i};
}

/* Rounds ranges inwards to whole pages and drops those without one. */
static void round_ranges(struct zone_conf *z, unsigned page_shift)
{
	uint64_t page = 1ull << page_shift;
	unsigned kept = 0;

	for (unsigned i = 0; i < z->nr_ranges; i++) {
		struct zone_range r = z->ranges[i];
		uint64_t lo = round_up(r.base, page), hi = round_down(r.base + r.bytes, page);

		if (lo < hi) {
			z->ranges[kept++] = (struct zone_range){lo, hi - lo, r.region};
			z->pages += (hi - lo) >> page_shift;
		}
	}
	z->nr_ranges = kept;
}

/* Where range r meets a range of zone o, or UINT64_MAX. */
static uint64_t meeting(const struct zone_range *r, const struct zone_conf *o)
{
	for (unsigned i = 0; i < o->nr_ranges; i++) {
		const struct zone_range *x = &o->ranges[i];

		if (build_overlap(r->base, r->bytes, x->base, x->bytes) != 0)
			return r->base > x->base ? r->base : x->base;
	}
	return UINT64_MAX;
}

/* No range of z meets one of a zone before it. */
static int check_apart(struct build *b, const struct zone_conf *z)
{
	for (const struct zone_conf *o = b->m->zones; o < z; o++)
		for (unsigned i = 0; i < z->nr_ranges; i++) {
			uint64_t at = meeting(&z->ranges[i], o);

			if (at != UINT64_MAX)
				return conf_error(
					b->d, z->conf,
					"zone %s overlaps zone %s at 0x%llx, expected apart",
					z->name, o->name, (unsigned long long)at);
		}
	return 0;
}

static int zone_span(struct build *b, const struct zone_entry *e, struct span *s)
{
	*s = (struct span){.end = 1ull << 63, .node = e->node};
	if (read_border(b, e->base, &s->base) != 0 || read_border(b, e->end, &s->end) != 0 ||
	    read_regions(b, e->regions, &s->regions) != 0)
		return -1;
	if (s->end <= s->base)
		return conf_error(b->d, e->end != NULL ? e->end : e->base,
				  "zone %s ends at 0x%llx, expected it above its base 0x%llx",
				  e->name, (unsigned long long)s->end, (unsigned long long)s->base);
	return 0;
}

/* A zone's pages are of one node: a request asks nodes, then zones. */
static int check_node(struct build *b, const struct zone_entry *e, struct zone_conf *z)
{
	const struct conf_node *n = fields_get(z->conf, "node");

	if (n != NULL && e->node >= b->m->nodes)
		return conf_error(b->d, n,
				  "node %u, expected less than the machine's %u (machine.nodes)",
				  e->node, b->m->nodes);
	z->node = n != NULL           ? e->node
		  : z->nr_ranges != 0 ? b->m->regions[z->ranges[0].region].node
				      : 0;
	for (unsigned i = 0; i < z->nr_ranges; i++) {
		unsigned other = b->m->regions[z->ranges[i].region].node;

		if (other != z->node)
			return conf_error(
				b->d, z->conf,
				"zone %s has RAM of nodes %u and %u, expected of one: say "
				"'node: %u', and make a zone for the other",
				z->name, z->node, other, z->node);
	}
	return 0;
}

static int build_zone(struct build *b, const struct conf_node *n, struct zone_conf *z)
{
	struct zone_entry e = {.node = ANY_NODE};
	struct machine *m = b->m;
	struct span s;

	if (fields_read(n, "a zone", zone_fields, false, &e, b->d) != 0 ||
	    zone_span(b, &e, &s) != 0)
		return -1;
	if (e.highmem && m->mmu == MMU_NONE)
		return conf_error(b->d, fields_get(n, "highmem"),
				  "highmem without an MMU, expected false: all RAM is addressed");
	*z = (struct zone_conf){.name = e.name, .highmem = e.highmem, .desc_zone = -1, .conf = n};
	z->ranges = calloc(m->nr_regions, sizeof *z->ranges);
	if (z->ranges == NULL)
		return conf_error(b->d, n, "out of memory");
	for (unsigned i = 0; i < m->nr_regions; i++)
		add_range(m, z, &s, i);
	if (check_node(b, &e, z) != 0)
		return -1;
	if (z->nr_ranges == 0 && !z->highmem)
		return conf_error(b->d, n,
				  "zone %s holds no RAM, expected a region of kind ram in it",
				  z->name);
	return check_apart(b, z);
}

/* ---- highmem and descriptors ---- */

/* A zone is wholly below the end of lowmem, or highmem and wholly above. */
static int check_direct(struct build *b, const struct zone_conf *z)
{
	uint64_t lowmem = b->m->virt.lowmem_max;

	for (unsigned i = 0; i < z->nr_ranges; i++) {
		const struct zone_range *r = &z->ranges[i];

		if (!z->highmem && r->base + r->bytes > lowmem)
			return conf_error(b->d, z->conf,
					  "zone %s reaches beyond lowmem, which ends at 0x%llx; "
					  "expected 'end: lowmem', or 'highmem: true'",
					  z->name, (unsigned long long)lowmem);
		if (z->highmem && r->base < lowmem)
			return conf_error(
				b->d, z->conf,
				"highmem zone %s begins at 0x%llx, expected 'base: lowmem' "
				"(0x%llx)",
				z->name, (unsigned long long)r->base, (unsigned long long)lowmem);
	}
	return 0;
}

/* Descriptors of highmem lie in the last zone of lowmem unless the file says which. */
static int place_descriptors(struct build *b, struct zone_conf *z)
{
	const struct conf_node *n = fields_get(z->conf, "descriptors");
	unsigned at;

	if (n != NULL) {
		if (build_find(b, n, NAME_ZONE, &at) != 0)
			return -1;
		if (b->m->zones[at].highmem)
			return conf_error(b->d, n,
					  "descriptors in highmem zone %s, expected a zone "
					  "of lowmem",
					  b->m->zones[at].name);
		z->desc_zone = &b->m->zones[at] == z ? -1 : (int)at;
		return 0;
	}
	for (unsigned i = 0; i < b->m->nr_zones && z->highmem; i++)
		if (!b->m->zones[i].highmem)
			z->desc_zone = (int)i;
	if (z->highmem && z->desc_zone < 0)
		return conf_error(b->d, z->conf,
				  "highmem zone %s and no zone of lowmem, expected one "
				  "for its page descriptors",
				  z->name);
	return 0;
}

/* ---- the order of trying ---- */

static int build_zonelist(struct build *b)
{
	const struct conf_node *n = b->part.zonelist;
	struct machine *m = b->m;
	uint64_t all;

	m->zonelist = calloc(m->nr_zones + 1, 1);
	if (m->zonelist == NULL)
		return conf_error(b->d, b->root, "out of memory");
	for (unsigned i = 0; i < m->nr_zones; i++)
		m->zonelist[i] = (uint8_t)(m->nr_zones - 1 - i);
	if (n == NULL)
		return 0;
	if (build_mask(b, n, NAME_ZONE, &all) != 0)
		return -1;
	if (n->type != CONF_LIST || n->nr != m->nr_zones)
		return conf_error(b->d, n, "expected every zone once: a list of %u names",
				  m->nr_zones);
	for (unsigned i = 0; i < m->nr_zones; i++)
		m->zonelist[i] = (uint8_t)machine_zone(m, n->item[i]->text);
	return 0;
}

int build_zones(struct build *b)
{
	struct machine *m = b->m;

	if (build_list(b, b->part.zones, "zone", MACHINE_MAX_ZONES, sizeof *m->zones, &m->zones,
		       &m->nr_zones) != 0)
		return -1;
	for (unsigned i = 0; i < m->nr_zones; i++)
		if (build_zone(b, b->part.zones->item[i], &m->zones[i]) != 0)
			return -1;
	for (unsigned i = 0; i < m->nr_zones; i++) {
		if (check_direct(b, &m->zones[i]) != 0 || place_descriptors(b, &m->zones[i]) != 0)
			return -1;
		round_ranges(&m->zones[i], m->page_shift);
	}
	return build_zonelist(b);
}
