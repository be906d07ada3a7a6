/*
 * The machine of a recording.  Its RAM is one region, its zones follow one another; what
 * lies between them and in them that is not RAM cannot be told, and counts as in use.
 * Behind it lies a region that no recorded frame is of, for what our own allocators
 * need: the region manager's table, zone structures, descriptors.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/start.h"

#define TABLE_ROOM  (1u << 16) /* for the region manager's table */
#define ROOT_ROOM   (1u << 20) /* zone structures with a record for each CPU */
#define ZONE_BORDER 1024u /* frames: the last zone ends at a multiple */

/* What a derived machine owns beside the original's. */
struct derived {
	struct machine m; /* first: what is handed out */
	struct region regions[2];
	struct zone_conf zones[MM_MAX_ZONES];
	struct zone_range ranges[MM_MAX_ZONES];
	uint8_t zonelist[MM_MAX_ZONES];
	struct master *masters;
};

static uint64_t last_frame(const struct start_state *s, uint32_t most)
{
	uint64_t last = s->frames > most ? s->frames : most;

	if (s->zone[s->nr_zones - 1].first > last)
		last = s->zone[s->nr_zones - 1].first;
	return last;
}

static void set_zones(struct derived *x, const struct start_state *s, uint64_t top)
{
	unsigned shift = x->m.page_shift;

	for (unsigned z = 0; z < s->nr_zones; z++) {
		uint64_t end = z + 1 < s->nr_zones ? s->zone[z + 1].first : top;

		x->ranges[z] = (struct zone_range){(uint64_t)s->zone[z].first << shift,
						   (end - s->zone[z].first) << shift, 0};
		x->zones[z] = (struct zone_conf){.name = s->zone[z].name,
						 .ranges = &x->ranges[z],
						 .nr_ranges = 1,
						 .pages = end - s->zone[z].first,
						 .highmem = strcmp(s->zone[z].name, "highmem") == 0,
						 .desc_zone = -1};
		x->zonelist[z] = (uint8_t)(s->nr_zones - 1 - z);
	}
	x->m.zones = x->zones;
	x->m.nr_zones = s->nr_zones;
	x->m.zonelist = x->zonelist;
}

/* A master reaches the zones that end below its last address; all, if it has none. */
static void set_masters(struct derived *x)
{
	for (unsigned i = 0; i < x->m.nr_masters; i++) {
		struct master *a = &x->masters[i];

		a->zones = 0;
		for (unsigned z = 0; z < x->m.nr_zones; z++)
			if (a->end == 0 || x->ranges[z].base + x->ranges[z].bytes <= a->end)
				a->zones |= 1u << z;
		a->regions = 3;
		a->partly = 0;
	}
	x->m.masters = x->masters;
}

static void set_regions(struct derived *x, uint64_t top, uint64_t own_bytes)
{
	uint64_t ram = top << x->m.page_shift;

	x->regions[0] = (struct region){.name = "ram",
					.bytes = ram,
					.kind = REGION_RAM,
					.cacheable = true,
					.bus = "",
					.sizes = 15};
	x->regions[1] = x->regions[0];
	x->regions[1].name = "own";
	x->regions[1].base = ram;
	x->regions[1].bytes = own_bytes;
	x->m.regions = x->regions;
	x->m.nr_regions = 2;
	x->m.boot_region = 1;
	x->m.nr_reserved = 0;
	x->m.nr_placement = 0;
	x->m.virt.direct_bytes = ram + own_bytes;
}

static int check_fit(const struct machine *m, const struct start_state *s, uint64_t top,
		     struct diag *d)
{
	if (m->word != 8)
		return diag_set(d, "", 0, 0,
				"--start needs a machine of word 8 (x86_64, with machine.rules as "
				"the kernel's): descriptors of %llu frames must find room beside "
				"them",
				(unsigned long long)top);
	if (m->rules == RULES_TEXTBOOK)
		return diag_set(d, "", 0, 0,
				"--start needs machine.rules linux-4.19 or linux-6, this machine "
				"has textbook");
	for (unsigned z = 0; z + 1 < s->nr_zones; z++)
		if (s->zone[z].first >= s->zone[z + 1].first)
			return diag_set(d, "", 0, 0, "--start: zones must be ascending");
	return 0;
}

struct machine *start_machine(const struct machine *m, const struct start_state *s, uint32_t most,
			      struct mm_range *place, struct diag *d)
{
	uint64_t top = round_up(last_frame(s, most) + 1, ZONE_BORDER);
	uint64_t page = 1ull << m->page_shift, stride = m->desc_stride ? m->desc_stride : 64;
	uint64_t own = round_up(top * stride + top / 2 + ROOT_ROOM + TABLE_ROOM, page);
	struct derived *x;

	if (check_fit(m, s, top, d) != 0)
		return NULL;
	x = calloc(1, sizeof *x);
	if (x == NULL) {
		diag_set(d, "", 0, 0, "out of host memory");
		return NULL;
	}
	x->m = *m;
	x->masters = calloc(m->nr_masters + 1, sizeof *x->masters);
	if (x->masters == NULL) {
		free(x);
		diag_set(d, "", 0, 0, "out of host memory");
		return NULL;
	}
	memcpy(x->masters, m->masters, m->nr_masters * sizeof *x->masters);
	x->m.cpus = s->cpus;
	x->m.nodes = 1;
	x->m.zonelists = NULL;
	x->m.cpu_node = NULL;
	x->m.node_cpus = NULL;
	set_regions(x, top, own);
	set_zones(x, s, top);
	set_masters(x);
	*place = (struct mm_range){{(top << m->page_shift) + TABLE_ROOM +
				    (m->mmu == MMU_NONE ? 0 : m->virt.page_offset)},
				   own - TABLE_ROOM};
	return &x->m;
}

void start_machine_free(struct machine *m)
{
	struct derived *x = (struct derived *)m;

	if (x == NULL)
		return;
	free(x->masters);
	free(x);
}
