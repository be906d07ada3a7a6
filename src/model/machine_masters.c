/*
 * `masters`: who drives the bus and what each reaches, whole regions and/or an
 * address range.  From it follows the zone mask of a request that names a
 * master; so each zone must be wholly one or the other.
 */
#include "model/machine_build.h"

struct master_entry {
	const char *name;
	const struct conf_node *regions, *base, *end;
};

#define F(member, type) FIELD(struct master_entry, member, type)
static const struct field master_fields[] = {
	{F(name, FIELD_NAME), .required = true, .expected = "a name such as dma1"},
	{F(regions, FIELD_NODE)},
	{F(base, FIELD_NODE)},
	{F(end, FIELD_NODE)},
	{0},
};
#undef F

/* Adds what the address range covers of the regions that are not named. */
static void reach_range(const struct machine *m, struct master *x)
{
	for (unsigned i = 0; i < m->nr_regions; i++) {
		const struct region *r = &m->regions[i];
		uint64_t bytes = build_overlap(r->base, r->bytes, x->base, x->end - x->base);

		if (bytes == r->bytes)
			x->regions |= 1ull << i;
		else if (bytes != 0 && (x->regions >> i & 1) == 0)
			x->partly |= 1ull << i;
	}
}

/* Bytes of one range of a zone that the master reaches. */
static uint64_t reached_bytes(const struct machine *m, const struct master *x,
			      const struct zone_range *z)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < m->nr_regions; i++) {
		const struct region *r = &m->regions[i];
		uint64_t lo = r->base > z->base ? r->base : z->base;
		uint64_t piece = build_overlap(r->base, r->bytes, z->base, z->bytes);

		if ((x->regions >> i & 1) != 0)
			bytes += piece;
		else if (piece != 0)
			bytes += build_overlap(lo, piece, x->base, x->end - x->base);
	}
	return bytes;
}

static int reach_zones(struct build *b, struct master *x)
{
	const struct machine *m = b->m;

	for (unsigned i = 0; i < m->nr_zones; i++) {
		const struct zone_conf *z = &m->zones[i];
		uint64_t reached = 0;

		for (unsigned j = 0; j < z->nr_ranges; j++)
			reached += reached_bytes(m, x, &z->ranges[j]);
		if (reached == z->pages << m->page_shift)
			x->zones |= 1u << i;
		else if (reached != 0)
			return conf_error(
				b->d, x->conf,
				"master %s reaches only part of zone %s (0x%llx of 0x%llx "
				"bytes), expected each zone wholly reachable or wholly not",
				x->name, z->name, (unsigned long long)reached,
				(unsigned long long)(z->pages << m->page_shift));
	}
	return 0;
}

/* The address range: from 0 where only the end is given, to the top where only the base is. */
static int read_range(struct build *b, const struct master_entry *e, struct master *x)
{
	if (e->base == NULL && e->end == NULL)
		return 0;
	x->end = 1ull << 63;
	if (build_address(b, e->base, &x->base) != 0 || build_address(b, e->end, &x->end) != 0)
		return -1;
	if (x->end <= x->base)
		return conf_error(b->d, e->end != NULL ? e->end : e->base,
				  "master %s reaches up to 0x%llx, expected an end above its base "
				  "0x%llx",
				  e->name, (unsigned long long)x->end, (unsigned long long)x->base);
	return 0;
}

static int build_master(struct build *b, const struct conf_node *n, struct master *x)
{
	struct master_entry e = {0};

	if (fields_read(n, "a master", master_fields, false, &e, b->d) != 0)
		return -1;
	*x = (struct master){.name = e.name, .conf = n};
	if ((e.regions != NULL && build_mask(b, e.regions, NAME_REGION, &x->regions) != 0) ||
	    read_range(b, &e, x) != 0)
		return -1;
	reach_range(b->m, x);
	if ((x->regions | x->partly) == 0)
		return conf_error(b->d, n,
				  "master %s reaches no region, expected 'regions: [...]' or an "
				  "address range 'base', 'end' with a region in it",
				  x->name);
	return reach_zones(b, x);
}

int build_masters(struct build *b)
{
	struct machine *m = b->m;

	if (build_list(b, b->part.masters, "master", MACHINE_MAX_MASTERS, sizeof *m->masters,
		       &m->masters, &m->nr_masters) != 0)
		return -1;
	for (unsigned i = 0; i < m->nr_masters; i++)
		if (build_master(b, b->part.masters->item[i], &m->masters[i]) != 0)
			return -1;
	return 0;
}
