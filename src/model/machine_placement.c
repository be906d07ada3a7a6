/* `placement`: rules that send requests to heaps, regions or zones; the first match wins. */
#include "model/machine_build.h"

struct rule_entry {
	const char *name, *tag, *site;
	uint64_t size_min, size_max;
	bool dma;
	const struct conf_node *master, *heap, *region, *zones;
};

#define F(member, type) FIELD(struct rule_entry, member, type)
static const struct field rule_fields[] = {
	{F(name, FIELD_NAME), .required = true, .expected = "a name such as small"},
	{F(size_min, FIELD_SIZE)},
	{F(size_max, FIELD_SIZE)},
	{F(tag, FIELD_TEXT)},
	{F(site, FIELD_TEXT)},
	{F(master, FIELD_NODE)},
	{F(dma, FIELD_BOOL)},
	{F(heap, FIELD_NODE)},
	{F(region, FIELD_NODE)},
	{F(zones, FIELD_NODE)},
	{0},
};
#undef F

/* Zones that lie wholly in region r. */
static uint32_t zones_in(const struct machine *m, unsigned r)
{
	uint32_t mask = 0;

	for (unsigned z = 0; z < m->nr_zones; z++) {
		unsigned inside = 0;

		for (unsigned i = 0; i < m->zones[z].nr_ranges; i++)
			inside += m->zones[z].ranges[i].region == r;
		if (inside != 0 && inside == m->zones[z].nr_ranges)
			mask |= 1u << z;
	}
	return mask;
}

static int rule_region(struct build *b, const struct conf_node *n, struct placement_rule *out)
{
	unsigned at;

	if (build_find(b, n, NAME_REGION, &at) != 0)
		return -1;
	out->zones = zones_in(b->m, at);
	if (out->zones == 0)
		return conf_error(b->d, n,
				  "no zone has its pages in region %s, expected a region with a "
				  "zone of its own",
				  b->m->regions[at].name);
	return 0;
}

static int rule_target(struct build *b, const struct conf_node *n, const struct rule_entry *e,
		       struct placement_rule *out)
{
	unsigned given = 0u + (e->heap != NULL) + (e->region != NULL) + (e->zones != NULL);
	uint64_t zones;
	unsigned at;

	if (given != 1)
		return conf_error(b->d, n,
				  "%u targets in placement rule %s, expected one of heap, "
				  "region, zones",
				  given, e->name);
	out->heap = -1;
	if (e->heap != NULL) {
		if (build_find(b, e->heap, NAME_HEAP, &at) != 0)
			return -1;
		out->heap = (int)at;
		return 0;
	}
	if (machine_alloc(b->m, GROUP_PAGES) == NULL)
		return conf_error(b->d, n,
				  "placement rule %s takes pages, expected 'pages' in allocators",
				  e->name);
	if (e->region != NULL)
		return rule_region(b, e->region, out);
	if (build_mask(b, e->zones, NAME_ZONE, &zones) != 0)
		return -1;
	out->zones = (uint32_t)zones;
	return 0;
}

/* A rule for a master must lead to memory that the master reaches. */
static int check_reach(struct build *b, const struct placement_rule *r)
{
	const struct machine *m = b->m;
	const struct master *x;
	const struct alloc_conf *h;

	if (r->master < 0)
		return 0;
	x = &m->masters[r->master];
	if (r->heap < 0) {
		if ((r->zones & x->zones) != 0)
			return 0;
		return conf_error(b->d, r->conf,
				  "placement rule %s: master %s reaches none of the zones, "
				  "expected one that it reaches",
				  r->name, x->name);
	}
	h = &m->allocs[r->heap];
	if (h->from_pages ? (h->zones & x->zones) != 0
			  : h->region < 0 || (x->regions >> h->region & 1) != 0)
		return 0;
	return conf_error(b->d, r->conf,
			  "placement rule %s: master %s does not reach the memory of heap %s, "
			  "expected a heap that it reaches",
			  r->name, x->name, h->name);
}

/* Every request matches it. */
static bool is_catch_all(const struct placement_rule *r)
{
	return r->size_min == 0 && r->size_max == UINT64_MAX && r->tag == NULL && r->site == NULL &&
	       r->master < 0 && !r->dma;
}

static int build_rule(struct build *b, const struct conf_node *n, struct placement_rule *out)
{
	struct rule_entry e = {.size_max = UINT64_MAX};
	unsigned master;

	if (fields_read(n, "a placement rule", rule_fields, false, &e, b->d) != 0)
		return -1;
	if (e.size_min > e.size_max)
		return conf_error(b->d, fields_get(n, "size_min"),
				  "size_min %llu above size_max %llu, expected at most that",
				  (unsigned long long)e.size_min, (unsigned long long)e.size_max);
	*out = (struct placement_rule){.name = e.name,
				       .size_min = e.size_min,
				       .size_max = e.size_max,
				       .tag = e.tag,
				       .site = e.site,
				       .master = -1,
				       .dma = e.dma,
				       .conf = n};
	if (e.master != NULL) {
		if (build_find(b, e.master, NAME_MASTER, &master) != 0)
			return -1;
		out->master = (int)master;
	}
	return rule_target(b, n, &e, out) != 0 ? -1 : check_reach(b, out);
}

int build_placement(struct build *b)
{
	struct machine *m = b->m;

	if (build_list(b, b->part.placement, "placement rule", 256, sizeof *m->placement,
		       &m->placement, &m->nr_placement) != 0)
		return -1;
	for (unsigned i = 0; i < m->nr_placement; i++) {
		if (build_rule(b, b->part.placement->item[i], &m->placement[i]) != 0)
			return -1;
		if (i != 0 && is_catch_all(&m->placement[i - 1]))
			return conf_error(
				b->d, m->placement[i].conf,
				"placement rule %s never applies: rule %s before it takes "
				"every request; expected that one last",
				m->placement[i].name, m->placement[i - 1].name);
	}
	return 0;
}
