/*
 * A block of /proc/zoneinfo.  Linux 6 shows boost, promo, cma and both limits of the
 * lists, 4.19 none of them.  Statistics that the simulation does not keep are left out.
 */
#include "sim/kernel_write_private.h"

static unsigned long long ull(uint64_t n)
{
	return n;
}

static bool is_new(const struct replay *r)
{
	return r->sys->machine->rules == RULES_LINUX_6;
}

/* Pages from the first to the last of the zone's, and those that are there. */
static void extent(const struct zone_desc *d, uint64_t *first, uint64_t *spanned, uint64_t *present)
{
	uint64_t end = 0;

	*first = d->nr_ranges != 0 ? d->ranges[0].start.v : 0;
	*present = 0;
	for (unsigned i = 0; i < d->nr_ranges; i++) {
		end = (uint64_t)d->ranges[i].start.v + d->ranges[i].nr;
		*present += d->ranges[i].nr;
	}
	*spanned = end - *first;
}

static void write_stats(struct replay *r, const struct zone_reading *z, FILE *out)
{
	const struct zone_desc *d = &z->pages->env.zones[z->zone];
	const struct sys_alloc *slab = r->sys->group[GROUP_SLAB];

	/* Of a node, told with its first zone. */
	for (unsigned i = 0; i < z->zone; i++)
		if (z->pages->env.zones[i].node == d->node)
			return;
	if (r->sys->machine->rules == RULES_TEXTBOOK)
		return;
	fprintf(out, "  per-node stats\n");
	if (slab != NULL && slab->ops->caches != NULL && r->sys->machine->nodes <= 1)
		fprintf(out, "      nr_slab_unreclaimable %llu\n",
			ull(slab->source.held >> r->sys->machine->page_shift));
}

static void write_marks(struct replay *r, const struct zone_reading *z, FILE *out)
{
	const struct zone_figures *f = &z->figures;
	uint64_t first, spanned, present;

	extent(&z->pages->env.zones[z->zone], &first, &spanned, &present);
	fprintf(out, "  pages free     %llu\n", ull(f->free));
	if (is_new(r))
		fprintf(out, "        boost    0\n");
	fprintf(out, "        min      %llu\n        low      %llu\n        high     %llu\n",
		ull(f->min), ull(f->low), ull(f->high));
	if (is_new(r))
		fprintf(out, "        promo    %llu\n", ull(f->high + (f->high - f->low)));
	fprintf(out, "        spanned  %llu\n        present  %llu\n        managed  %llu\n",
		ull(spanned), ull(present), ull(f->managed));
	if (is_new(r))
		fprintf(out, "        cma      0\n");
}

/* A column for each sort of zone that the machine's kernel has. */
static void write_protection(const struct zone_reading *z, FILE *out)
{
	const struct alloc_env *env = &z->pages->env;
	unsigned sorts = 1u << ZONE_NORMAL | 1u << ZONE_MOVABLE;
	const char *comma = "";

	for (unsigned i = 0; i < env->nr_zones; i++)
		sorts |= 1u << env->zones[i].type;
	fprintf(out, "        protection: (");
	for (unsigned t = 0; t < ZONE_TYPES; t++)
		if ((sorts >> t & 1) != 0) {
			fprintf(out, "%s%llu", comma, ull(z->figures.reserve[t]));
			comma = ", ";
		}
	fprintf(out, ")\n");
}

struct lists_reading {
	struct sys_alloc *pages;
	unsigned zone, cpu;
	struct zone_lists lists;
	bool there;
};

static void read_lists(void *ctx)
{
	struct lists_reading *x = ctx;

	x->there = x->pages->ops->pages->lists != NULL &&
		   x->pages->ops->pages->lists(x->pages->alloc, x->zone, x->cpu, &x->lists);
}

static void write_lists(struct replay *r, const struct zone_reading *z, FILE *out)
{
	unsigned cpus = r->sys->machine->cpus != 0 ? r->sys->machine->cpus : 1;
	const char *gap = is_new(r) ? "   " : "";

	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		struct lists_reading x = {.pages = z->pages, .zone = z->zone, .cpu = cpu};

		if (!replay_read(r, read_lists, &x) || !x.there)
			return;
		if (cpu == 0)
			fprintf(out, "  pagesets\n");
		fprintf(out,
			"    cpu: %u\n              count: %s%llu\n              high:  %s%llu\n"
			"              batch: %s%llu\n",
			cpu, gap, ull(x.lists.count), gap, ull(x.lists.high), gap,
			ull(x.lists.batch));
		if (is_new(r))
			fprintf(out, "              high_min: %llu\n              high_max: %llu\n",
				ull(x.lists.high_min), ull(x.lists.high_max));
	}
}

void kernel_write_zoneinfo(struct replay *r, struct zone_reading *z, FILE *out)
{
	const struct zone_desc *d = &z->pages->env.zones[z->zone];
	uint64_t first, spanned, present;
	char name[32];

	kernel_zone_name(d->name, name);
	extent(d, &first, &spanned, &present);
	fprintf(out, "Node %u, zone %8s\n", d->node, name);
	write_stats(r, z, out);
	write_marks(r, z, out);
	write_protection(z, out);
	fprintf(out, "      nr_free_pages %llu\n", ull(z->figures.free));
	write_lists(r, z, out);
	fprintf(out, "  node_unreclaimable:  0\n  start_pfn:           %llu\n", ull(first));
}
