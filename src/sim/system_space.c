/* The address space of a machine with an MMU: direct map, windows, resources. */
#include "sim/system_parts.h"

#include <stdlib.h>
#include <string.h>

/* RAM below the direct map's end, in whole pages, region by region; touching ones are one range. */
static int describe_direct_map(struct system *s)
{
	const struct machine *m = s->machine;
	uint64_t page = 1ull << m->page_shift;
	unsigned n = 0;

	s->direct = calloc(m->nr_regions, sizeof *s->direct);
	if (s->direct == NULL)
		return -1;
	for (unsigned i = 0; i < m->nr_regions; i++) {
		uint64_t lo = round_up(m->regions[i].base, page),
			 hi = round_down(m->regions[i].base + m->regions[i].bytes, page);

		hi = hi < m->virt.direct_bytes ? hi : round_down(m->virt.direct_bytes, page);
		if (m->regions[i].kind != REGION_RAM || hi <= lo)
			continue;
		if (n > 0 && s->direct[n - 1].base.v + s->direct[n - 1].bytes == lo)
			s->direct[n - 1].bytes += hi - lo;
		else
			s->direct[n++] = (struct mm_range){{lo}, hi - lo};
	}
	s->vm.direct = s->direct;
	s->vm.nr_direct = n;
	return 0;
}

/* Reserved ranges of region i, ascending, behind the region itself. */
static void add_reserved(struct system *s, unsigned i, unsigned *n)
{
	const struct machine *m = s->machine;
	const struct region *g = &m->regions[i];
	unsigned first = *n;

	for (unsigned j = 0; j < m->nr_reserved; j++) {
		const struct reserved_range *x = &m->reserved[j];
		unsigned at = (*n)++;

		if (x->base < g->base || x->base >= g->base + g->bytes) {
			--*n;
			continue;
		}
		for (; at > first && s->resources[at - 1].base > x->base; at--)
			s->resources[at] = s->resources[at - 1];
		s->resources[at] = (struct mm_resource){.base = x->base,
							.bytes = x->bytes,
							.owner = RESOURCE_RESERVED | j,
							.busy = true};
	}
}

/* RAM is held by the machine; what else there is are buses, whose parts can be asked for. */
static int describe_resources(struct system *s)
{
	const struct machine *m = s->machine;
	unsigned n = 0;

	s->resources = calloc(m->nr_regions + m->nr_reserved, sizeof *s->resources);
	if (s->resources == NULL)
		return -1;
	for (unsigned i = 0; i < m->nr_regions; i++) {
		s->resources[n++] = (struct mm_resource){.base = m->regions[i].base,
							 .bytes = m->regions[i].bytes,
							 .owner = RESOURCE_REGION | i,
							 .busy = m->regions[i].kind == REGION_RAM};
		add_reserved(s, i, &n);
	}
	s->vm.resources = s->resources;
	s->vm.nr_resources = n;
	s->vm.last_address = m->mmu == MMU_X86_32    ? UINT32_MAX
			     : m->mmu == MMU_X86_PAE ? (1ull << 36) - 1
						     : (1ull << 52) - 1;
	return 0;
}

int system_describe_space(struct system *s, struct diag *d)
{
	const struct machine *m = s->machine;

	if (m->mmu == MMU_NONE)
		return 0;
	s->vm = (struct vm_layout){
		.format = mmu_format(m->mmu),
		.page_offset = s->offset,
		.vmalloc_start = {round_up(m->virt.vmalloc_start, 1ull << m->page_shift)},
		.vmalloc_end = {m->virt.vmalloc_end},
		.pkmap_base = {m->virt.pkmap_base},
		.pkmap_pages = (unsigned)m->virt.pkmap_pages,
		.fixmap_top = {m->virt.fixmap_top}};
	/* What cannot be moved has no place in a zone of movable pages. */
	for (unsigned z = 0; z < m->nr_zones; z++)
		if (!m->zones[z].highmem && strncmp(m->zones[z].name, "movable", 7) != 0)
			s->vm.low_zones |= 1u << z;
	if (describe_direct_map(s) != 0 || describe_resources(s) != 0 ||
	    mmu_init(&s->mmu, m, &s->pm) != 0)
		return diag_set(d, "", 0, 0, "out of host memory");
	s->sh.mmu = &s->mmu;
	return 0;
}

void system_turn_paging_on(struct system *s)
{
	struct map_tables t;

	if (s->group[GROUP_VIRTUAL] == NULL)
		return;
	s->group[GROUP_VIRTUAL]->ops->maps->tables(s->group[GROUP_VIRTUAL]->alloc, &t);
	mmu_switch(&s->mmu, t.top.v);
}
