/* The machine as JSON: memscape.machine/1.  Lists keep the order of the text form. */
#include "ui/cli/info.h"

static json_int_t num(uint64_t n)
{
	return (json_int_t)n;
}

/* An address as text where a JSON integer of 64 bits would turn negative. */
static json_t *address(uint64_t a)
{
	char text[24];

	if (a <= INT64_MAX)
		return json_integer(num(a));
	snprintf(text, sizeof text, "0x%llx", (unsigned long long)a);
	return json_string(text);
}

static json_t *zone_names(const struct machine *m, uint32_t zones)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->nr_zones; i++)
		if ((zones >> i & 1) != 0)
			json_array_append_new(list, json_string(m->zones[i].name));
	return list;
}

static json_t *region_names(const struct machine *m, uint64_t regions)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->nr_regions; i++)
		if ((regions >> i & 1) != 0)
			json_array_append_new(list, json_string(m->regions[i].name));
	return list;
}

static json_t *regions_json(const struct machine *m)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->nr_regions; i++) {
		const struct region *r = &m->regions[i];
		json_t *access = json_array();

		for (int w = 1; w <= 8; w *= 2)
			if ((r->sizes & w) != 0)
				json_array_append_new(access, json_integer(w));
		json_array_append_new(
			list,
			json_pack(
				"{s:s, s:I, s:I, s:s, s:b, s:b, s:b, s:s, s:i, s:i, s:o, s:s, s:i}",
				"name", r->name, "base", num(r->base), "size", num(r->bytes),
				"kind", machine_kind_word(r->kind), "cacheable", r->cacheable,
				"executable", r->executable, "volatile", r->volatile_, "bus",
				r->bus, "read_cycles", (int)r->read_cycles, "write_cycles",
				(int)r->write_cycles, "access", access, "endian",
				r->big_endian ? "big" : "little", "node", (int)r->node));
	}
	return list;
}

static json_t *reserved_json(const struct machine *m)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->nr_reserved; i++) {
		const struct reserved_range *r = &m->reserved[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I}", "name", r->name,
						      "owner", r->owner, "base", num(r->base),
						      "size", num(r->bytes)));
	}
	return list;
}

static json_t *ranges_json(const struct machine *m, const struct zone_conf *z)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < z->nr_ranges; i++)
		json_array_append_new(list,
				      json_pack("{s:I, s:I, s:s}", "base", num(z->ranges[i].base),
						"size", num(z->ranges[i].bytes), "region",
						m->regions[z->ranges[i].region].name));
	return list;
}

static json_t *zones_json(const struct machine *m)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->nr_zones; i++) {
		const struct zone_conf *z = &m->zones[i];

		json_array_append_new(
			list, json_pack("{s:s, s:I, s:o, s:b, s:s?}", "name", z->name, "pages",
					num(z->pages), "ranges", ranges_json(m, z), "highmem",
					z->highmem, "descriptors_in",
					z->desc_zone >= 0 ? m->zones[z->desc_zone].name : NULL));
	}
	return list;
}

static json_t *zonelist_json(const struct machine *m)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->nr_zones; i++)
		json_array_append_new(list, json_string(m->zones[m->zonelist[i]].name));
	return list;
}

static json_t *masters_json(const struct machine *m)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->nr_masters; i++) {
		const struct master *x = &m->masters[i];

		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o}", "name", x->name,
						      "regions", region_names(m, x->regions),
						      "partly", region_names(m, x->partly), "zones",
						      zone_names(m, x->zones)));
	}
	return list;
}

static json_t *virtual_json(const struct machine *m)
{
	const struct virtual_conf *v = &m->virt;

	if (m->mmu == MMU_NONE)
		return json_null();
	return json_pack("{s:o, s:I, s:I, s:o, s:o, s:o, s:I, s:o}", "page_offset",
			 address(v->page_offset), "direct_bytes", num(v->direct_bytes),
			 "lowmem_max", num(v->lowmem_max), "vmalloc_start",
			 address(v->vmalloc_start), "vmalloc_end", address(v->vmalloc_end),
			 "pkmap_base", address(v->pkmap_base), "pkmap_pages", num(v->pkmap_pages),
			 "fixmap_top", address(v->fixmap_top));
}

static json_t *caches_json(const struct machine *m)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->nr_caches; i++) {
		const struct cache_conf *c = &m->caches[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:i, s:i, s:i, s:i}", "name", c->name,
						"size", num(c->bytes), "ways", (int)c->ways, "line",
						(int)c->line, "hit_cycles", (int)c->hit_cycles,
						"miss_cycles", (int)c->miss_cycles));
	}
	return list;
}

static json_t *tlbs_json(const struct machine *m)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->nr_tlbs; i++) {
		const struct tlb_conf *t = &m->tlbs[i];

		json_array_append_new(
			list, json_pack("{s:s, s:i, s:i, s:i, s:i}", "name", t->name, "entries",
					(int)t->entries, "ways", (int)t->ways, "hit_cycles",
					(int)t->hit_cycles, "miss_cycles", (int)t->miss_cycles));
	}
	return list;
}

static json_t *alloc_json(const struct machine *m, const struct alloc_conf *a)
{
	json_t *j = json_pack("{s:s, s:s, s:s?, s:s}", "serves", machine_group_word(a->group),
			      "name", a->name, "kind", a->kind, "from",
			      a->from_slab    ? "slab"
			      : a->from_pages ? "pages"
					      : "boot");

	if (a->from_pages) {
		json_object_set_new(j, "zones", zone_names(m, a->zones));
	} else if (a->group != GROUP_PAGES && !a->from_slab) {
		json_object_set_new(j, "region",
				    a->region >= 0 ? json_string(m->regions[a->region].name)
						   : json_null());
		json_object_set_new(j, "bytes",
				    a->bytes != 0 ? json_integer(num(a->bytes)) : json_null());
	}
	return j;
}

static json_t *allocs_json(const struct machine *m)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->nr_allocs; i++)
		json_array_append_new(list, alloc_json(m, &m->allocs[i]));
	return list;
}

static json_t *placement_json(const struct machine *m)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->nr_placement; i++) {
		const struct placement_rule *r = &m->placement[i];
		json_t *most =
			r->size_max == UINT64_MAX ? json_null() : json_integer(num(r->size_max));

		json_array_append_new(
			list,
			json_pack("{s:s, s:I, s:o, s:s?, s:s?, s:s?, s:b, s:s?, s:o}", "name",
				  r->name, "size_min", num(r->size_min), "size_max", most, "tag",
				  r->tag, "site", r->site, "master",
				  r->master >= 0 ? m->masters[r->master].name : NULL, "dma", r->dma,
				  "heap", r->heap >= 0 ? m->allocs[r->heap].name : NULL, "zones",
				  zone_names(m, r->heap >= 0 ? 0 : r->zones)));
	}
	return list;
}

static json_t *variants_json(const struct machine *m)
{
	const struct conf_node *v = conf_get(conf_root(m->tree), "variants");
	json_t *list = json_array();

	for (size_t i = 0; v != NULL && v->type == CONF_MAP && i < v->nr; i++) {
		const struct conf_node *s = conf_get(conf_get(v->item[i], "machine"), "summary");

		json_array_append_new(
			list, json_pack("{s:s, s:s?}", "name", v->key[i], "summary",
					s != NULL && s->type == CONF_SCALAR ? s->text : NULL));
	}
	return list;
}

/* The numbers of the whole machine; the lists are added by the caller. */
static json_t *head_json(const struct machine *m)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:i, s:i, s:i, s:s, s:s, s:i, s:i, s:b, "
			 "s:i, s:i, s:b, s:s}",
			 "schema", "memscape.machine/1", "name", m->name, "variant", m->variant,
			 "summary", m->summary, "hash", m->hash, "ram_bytes", num(machine_ram(m)),
			 "word", (int)m->word, "cpus", (int)m->cpus, "nodes", (int)m->nodes, "mmu",
			 machine_mmu_word(m->mmu), "rules", machine_rules_word(m->rules),
			 "cache_line", (int)m->cache_line, "malloc_align", (int)m->malloc_align,
			 "strict_align", m->strict_align, "page_size", 1 << m->page_shift,
			 "descriptor_bytes", (int)machine_desc_bytes(m), "merge_regions",
			 m->merge_regions, "boot_region", m->regions[m->boot_region].name);
}

/* Machines of several nodes: CPUs, distances and zonelist of each; else an empty list. */
static json_t *nodes_json(const struct machine *m)
{
	json_t *list = json_array();

	for (unsigned node = 0; m->distance != NULL && node < m->nodes; node++) {
		json_t *far = json_array(), *zones = json_array();

		for (unsigned to = 0; to < m->nodes; to++)
			json_array_append_new(far, json_integer(m->distance[node * m->nodes + to]));
		for (unsigned i = 0; i < m->nr_zones; i++)
			json_array_append_new(
				zones,
				json_string(m->zones[m->zonelists[node * m->nr_zones + i]].name));
		json_array_append_new(list, json_pack("{s:i, s:i, s:o, s:o}", "node", (int)node,
						      "cpus", (int)m->node_cpus[node], "distances",
						      far, "zonelist", zones));
	}
	return list;
}

json_t *info_machine_json(const struct machine *m)
{
	static const struct {
		const char *key;
		json_t *(*make)(const struct machine *);
	} lists[] = {
		{"regions", regions_json},   {"reserved", reserved_json},
		{"masters", masters_json},   {"zones", zones_json},
		{"zonelist", zonelist_json}, {"numa", nodes_json},
		{"virtual", virtual_json},
		{"caches", caches_json},     {"tlb", tlbs_json},
		{"allocators", allocs_json}, {"placement", placement_json},
		{"variants", variants_json},
	};
	json_t *j = head_json(m);

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (json_object_set_new(j, lists[i].key, lists[i].make(m)) != 0) {
			json_decref(j);
			return NULL;
		}
	return j;
}
