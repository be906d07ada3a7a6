/* The report's nodes: what each holds, by class, and how often it helped out. */
#include "sim/report_parts.h"

#include <stdio.h>

struct node_sums {
	struct replay *r;
	unsigned node;
	uint64_t managed, free, fallbacks;
};

static void read_zones(void *ctx)
{
	struct node_sums *x = ctx;
	const struct sys_alloc *p = x->r->sys->pages;

	for (unsigned z = 0; p != NULL && z < p->env.nr_zones; z++) {
		struct zone_figures f;

		if (p->env.zones[z].node != x->node)
			continue;
		p->ops->pages->zone(p->alloc, z, &f);
		x->managed += f.managed;
		x->free += f.free;
		x->fallbacks += f.fallbacks;
	}
}

static void add_classes(const struct system *s, unsigned node, json_t *o)
{
	int64_t all[MM_NR_CLASSES] = {0}, sum[MM_NR_CLASSES];

	for (unsigned i = 0; i < s->machine->nr_regions; i++) {
		if (s->machine->regions[i].node != node)
			continue;
		ledger_region(s->ledger.rows, &s->ledger, i, sum);
		for (unsigned c = 0; c < MM_NR_CLASSES; c++)
			all[c] += sum[c];
	}
	report_set_classes(o, all);
}

json_t *report_nodes(struct replay *r)
{
	const struct machine *m = r->sys->machine;
	json_t *list = json_array();

	for (unsigned node = 0; node < m->nodes; node++) {
		struct node_sums x = {.r = r, .node = node};
		json_t *o, *distances = json_array();
		char name[16];

		if (!replay_read(r, read_zones, &x))
			x = (struct node_sums){.r = r, .node = node};
		for (unsigned to = 0; to < m->nodes; to++)
			json_array_append_new(distances,
					      json_integer(m->distance[node * m->nodes + to]));
		snprintf(name, sizeof name, "node%u", node);
		o = json_pack("{s:s, s:i, s:i, s:o, s:I, s:I, s:I}", "name", name, "node",
			      (int)node, "cpus", (int)m->node_cpus[node], "distances", distances,
			      "managed_pages", (json_int_t)x.managed, "free_pages",
			      (json_int_t)x.free, "fallbacks", (json_int_t)x.fallbacks);
		add_classes(r->sys, node, o);
		json_array_append_new(list, o);
	}
	return list;
}
