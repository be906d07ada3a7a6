/* `regions` and `reserved`: what lies where in physical memory. */
#include <stdlib.h>
#include <string.h>

#include "model/machine_build.h"

static const char *const kind_words[] = {"ram", "flash", "rom", "mmio", NULL};

const char *machine_kind_word(enum region_kind kind)
{
	return kind_words[kind];
}

struct region_entry {
	const char *name, *bus;
	uint64_t base, size;
	unsigned kind, read_cycles, write_cycles, node, endian;
	bool cacheable, executable, volatile_;
	const struct conf_node *access;
};

#define F(member, type) FIELD(struct region_entry, member, type)
static const struct field region_fields[] = {
	{F(name, FIELD_NAME), .required = true, .expected = "a name such as d1_axi"},
	{F(base, FIELD_SIZE), .required = true, .expected = "an address such as 0x24000000"},
	{F(size, FIELD_SIZE), .required = true, .min = 64,
	 .expected = "a size such as 512K, at least 64 bytes"},
	{F(kind, FIELD_CHOICE), .required = true, .choices = kind_words,
	 .expected = "one of ram, flash, rom, mmio"},
	{F(cacheable, FIELD_BOOL)},
	{F(executable, FIELD_BOOL)},
	{.key = "volatile", .type = FIELD_BOOL, .offset = offsetof(struct region_entry, volatile_)},
	{F(bus, FIELD_TEXT)},
	{F(read_cycles, FIELD_UINT)},
	{F(write_cycles, FIELD_UINT)},
	{F(access, FIELD_NODE)},
	{F(endian, FIELD_CHOICE), .choices = build_endian_words},
	{F(node, FIELD_UINT)},
	{0},
};
#undef F

/* The bit set of access widths; each of 1, 2, 4, 8 once. */
static int read_access(struct build *b, const struct conf_node *n, uint8_t *out)
{
	uint64_t width;

	*out = n == NULL ? 15 : 0;
	if (n == NULL)
		return 0;
	if (n->type != CONF_LIST || n->nr == 0)
		return conf_error(b->d, n, "expected a list of widths such as [1, 2, 4, 8]");
	for (size_t i = 0; i < n->nr; i++) {
		if (conf_uint(n->item[i], UINT32_MAX, &width, b->d) != 0)
			return -1;
		if (!is_pow2(width) || width > 8)
			return conf_error(b->d, n->item[i],
					  "access width %.31s, expected 1, 2, 4 or 8 (bytes)",
					  n->item[i]->text);
		*out = (uint8_t)(*out | width);
	}
	return 0;
}

static int check_region(struct build *b, const struct conf_node *n, const struct region_entry *e)
{
	if (e->base % 64 != 0)
		return conf_error(b->d, conf_get(n, "base"),
				  "base 0x%llx, expected a multiple of 64 bytes",
				  (unsigned long long)e->base);
	if (e->size % 64 != 0)
		return conf_error(b->d, conf_get(n, "size"),
				  "size 0x%llx, expected a multiple of 64 bytes",
				  (unsigned long long)e->size);
	if (e->node >= b->m->nodes)
		return conf_error(b->d, fields_get(n, "node"),
				  "node %u, expected less than the machine's %u (machine.nodes)",
				  e->node, b->m->nodes);
	return 0;
}

/* What the address lines reach: bits, and whose they are. */
static unsigned address_bits(const struct machine *m, const char **whose)
{
	if (m->mmu == MMU_X86_PAE) {
		*whose = "with PAE";
		return 36;
	}
	if (m->word == 8) {
		*whose = "of the simulator";
		return 46;
	}
	*whose = m->mmu == MMU_X86_32 ? "without PAE" : "with word 4";
	return 32;
}

/* The region ends where address lines and frame numbers still reach. */
static int check_reach(struct build *b, const struct conf_node *n, const struct region_entry *e)
{
	const char *whose;
	unsigned bits = address_bits(b->m, &whose);
	uint64_t limit = 1ull << bits;

	if (e->size > limit || e->base > limit - e->size)
		return conf_error(b->d, n,
				  "region %s ends at 0x%llx, expected at most 0x%llx: %u address "
				  "bits %s",
				  e->name, (unsigned long long)(e->base + e->size),
				  (unsigned long long)limit, bits, whose);
	if ((e->base + e->size - 1) >> b->m->page_shift >= UINT32_MAX)
		return conf_error(b->d, n,
				  "region %s has page numbers beyond 32 bits, expected a lower "
				  "end or larger pages",
				  e->name);
	return 0;
}

static int build_region(struct build *b, const struct conf_node *n, struct region *out)
{
	struct region_entry e = {.bus = "", .read_cycles = 1, .write_cycles = 1};
	uint8_t sizes;

	if (fields_read(n, "a region", region_fields, false, &e, b->d) != 0 ||
	    read_access(b, e.access, &sizes) != 0 || check_region(b, n, &e) != 0 ||
	    check_reach(b, n, &e) != 0)
		return -1;
	if (e.endian == 1 && e.kind != REGION_MMIO)
		return conf_error(
			b->d, fields_get(n, "endian"),
			"endian big of region %s, expected it of kind mmio only: memory is "
			"little-endian as the machine is",
			e.name);
	if (fields_get(n, "volatile") == NULL)
		e.volatile_ = e.kind == REGION_RAM || e.kind == REGION_MMIO;
	*out = (struct region){.name = e.name,
			       .base = e.base,
			       .bytes = e.size,
			       .kind = (enum region_kind)e.kind,
			       .cacheable = e.cacheable,
			       .executable = e.executable,
			       .volatile_ = e.volatile_,
			       .bus = e.bus,
			       .read_cycles = e.read_cycles,
			       .write_cycles = e.write_cycles,
			       .sizes = sizes,
			       .big_endian = e.endian == 1,
			       .node = (uint8_t)e.node,
			       .conf = n};
	return 0;
}

static int by_base(const void *a, const void *b)
{
	const struct region *x = a, *y = b;

	return (x->base > y->base) - (x->base < y->base);
}

/* Regions are ascending now: each ends before the next begins. */
static int check_overlaps(struct build *b)
{
	const struct region *r = b->m->regions;

	for (unsigned i = 1; i < b->m->nr_regions; i++)
		if (r[i - 1].base + r[i - 1].bytes > r[i].base)
			return conf_error(b->d, r[i].conf,
					  "region %s at 0x%llx overlaps region %s, which ends at "
					  "0x%llx; expected apart",
					  r[i].name, (unsigned long long)r[i].base, r[i - 1].name,
					  (unsigned long long)(r[i - 1].base + r[i - 1].bytes));
	return 0;
}

int build_regions(struct build *b)
{
	struct machine *m = b->m;

	if (build_list(b, b->part.regions, "region", MACHINE_MAX_REGIONS, sizeof *m->regions,
		       &m->regions, &m->nr_regions) != 0)
		return -1;
	for (unsigned i = 0; i < m->nr_regions; i++)
		if (build_region(b, b->part.regions->item[i], &m->regions[i]) != 0)
			return -1;
	qsort(m->regions, m->nr_regions, sizeof *m->regions, by_base);
	if (machine_ram(m) == 0)
		return conf_error(b->d, b->part.regions, "no RAM, expected a region of kind ram");
	return check_overlaps(b);
}

/* ---- reserved ---- */

struct reserved_entry {
	const char *name, *owner;
	const struct conf_node *region;
	uint64_t base, size;
};

#define F(member, type) FIELD(struct reserved_entry, member, type)
static const struct field reserved_fields[] = {
	{F(name, FIELD_NAME), .required = true, .expected = "a name such as firmware_ram"},
	{F(owner, FIELD_TEXT)},
	{F(region, FIELD_NODE)},
	{F(base, FIELD_SIZE), .expected = "an address such as 0x24000000"},
	{F(size, FIELD_SIZE), .min = 1, .expected = "at least 1 byte"},
	{0},
};
#undef F

static int reserved_region(struct build *b, const struct conf_node *n,
			   const struct reserved_entry *e, unsigned *out)
{
	if (e->region != NULL)
		return build_find(b, e->region, NAME_REGION, out);
	if (fields_get(n, "base") == NULL)
		return conf_error(b->d, n,
				  "neither 'region' nor 'base' for reserved %s, expected "
				  "one of them",
				  e->name);
	for (*out = 0; *out < b->m->nr_regions; ++*out) {
		const struct region *r = &b->m->regions[*out];

		if (e->base >= r->base && e->base - r->base < r->bytes)
			return 0;
	}
	return conf_error(b->d, conf_get(n, "base"),
			  "reserved %s at 0x%llx lies in no region, expected an address in one",
			  e->name, (unsigned long long)e->base);
}

/* Absent: from the region's start, to the region's end. */
static int build_range(struct build *b, const struct conf_node *n, struct reserved_range *out)
{
	struct reserved_entry e = {.owner = NULL};
	const struct region *r;
	unsigned at;

	if (fields_read(n, "a reserved range", reserved_fields, false, &e, b->d) != 0 ||
	    reserved_region(b, n, &e, &at) != 0)
		return -1;
	r = &b->m->regions[at];
	if (fields_get(n, "base") == NULL)
		e.base = r->base;
	if (e.base >= r->base && e.base - r->base < r->bytes && e.size == 0)
		e.size = r->base + r->bytes - e.base;
	if (e.size == 0 || build_overlap(e.base, e.size, r->base, r->bytes) != e.size ||
	    e.base + e.size < e.base)
		return conf_error(b->d, n,
				  "reserved %s, 0x%llx bytes at 0x%llx, is not inside region %s "
				  "(0x%llx to 0x%llx), expected it wholly in one region",
				  e.name, (unsigned long long)e.size, (unsigned long long)e.base,
				  r->name, (unsigned long long)r->base,
				  (unsigned long long)(r->base + r->bytes));
	*out = (struct reserved_range){.name = e.name,
				       .owner = e.owner != NULL ? e.owner : e.name,
				       .base = e.base,
				       .bytes = e.size,
				       .conf = n};
	return 0;
}

static int check_reserved(struct build *b, unsigned i)
{
	const struct reserved_range *r = b->m->reserved;

	for (unsigned j = 0; j < i; j++)
		if (build_overlap(r[i].base, r[i].bytes, r[j].base, r[j].bytes) != 0)
			return conf_error(b->d, r[i].conf,
					  "reserved %s overlaps reserved %s, expected apart",
					  r[i].name, r[j].name);
	return 0;
}

int build_reserved(struct build *b)
{
	struct machine *m = b->m;

	if (build_list(b, b->part.reserved, "reserved range", 256, sizeof *m->reserved,
		       &m->reserved, &m->nr_reserved) != 0)
		return -1;
	for (unsigned i = 0; i < m->nr_reserved; i++)
		if (build_range(b, b->part.reserved->item[i], &m->reserved[i]) != 0 ||
		    check_reserved(b, i) != 0)
			return -1;
	return 0;
}

/* ---- where boot and descriptors go ---- */

/* Bytes of RAM of a region that the kernel's direct map shows. */
static uint64_t direct_bytes(const struct machine *m, const struct region *r)
{
	if (r->kind != REGION_RAM)
		return 0;
	return build_overlap(r->base, r->bytes, 0, m->virt.lowmem_max);
}

static int direct_ram(struct build *b, const struct conf_node *n, unsigned *out)
{
	if (build_find(b, n, NAME_REGION, out) != 0)
		return -1;
	if (direct_bytes(b->m, &b->m->regions[*out]) == 0)
		return conf_error(b->d, n,
				  "region %s is not directly mapped RAM, expected one that is",
				  b->m->regions[*out].name);
	return 0;
}

int build_places(struct build *b)
{
	struct machine *m = b->m;
	unsigned at = 0;

	for (unsigned i = 1; i < m->nr_regions; i++)
		if (direct_bytes(m, &m->regions[i]) > direct_bytes(m, &m->regions[at]))
			at = i;
	if (b->boot_region != NULL && direct_ram(b, b->boot_region, &at) != 0)
		return -1;
	m->boot_region = (int)at;
	m->desc_region = -1;
	if (b->descriptors == NULL ||
	    (b->descriptors->type == CONF_SCALAR && strcmp(b->descriptors->text, "own") == 0))
		return 0;
	if (direct_ram(b, b->descriptors, &at) != 0)
		return -1;
	m->desc_one_region = true;
	m->desc_region = (int)at;
	return 0;
}
