/*
 * `virtual`: the kernel's share of the address space, and where lowmem ends.
 *
 * x86-32, from the top down:
 *
 *   fixmap_top  0xfffff000
 *     fixmap            fixmap_pages
 *     CPU entry areas   40 pages a CPU of the configuration (rule set linux-*)
 *     LDT               one page-middle-directory entry (linux-*)
 *     PKMAP             pkmap_pages: permanent kmaps of highmem
 *     two pages gap
 *   vmalloc_end
 *     vmalloc           vmalloc_reserve, less the offset
 *   vmalloc_start
 *     hole              vmalloc_offset
 *   page_offset + direct_bytes
 *     direct map        lowmem, at most lowmem_max
 *   page_offset
 *
 * Rule set textbook says lowmem_max = 4 GiB - page_offset - 128 MiB (896 MiB for
 * 3G/1G); linux-4.19 and later compute MAXMEM = VMALLOC_END - PAGE_OFFSET -
 * __VMALLOC_RESERVE (arch/x86/include/asm/pgtable_32_types.h).  x86-64 maps all
 * RAM there is.  Without an MMU addresses are physical and nothing here is set.
 */
#include "model/machine_build.h"

static const char *const split_words[] = {"3G/1G", "2G/2G", "1G/3G", NULL};
static const uint64_t split_offset[] = {0xc0000000, 0x80000000, 0x40000000};

struct virtual_block {
	unsigned split, nr_cpus, fixmap_pages, pkmap_pages;
	uint64_t page_offset, vmalloc_reserve, vmalloc_offset, fixmap_top, vmalloc_start,
		vmalloc_end;
};

#define PAGE  4096ull
#define TOP32 (1ull << 32)

#define F(member, type) FIELD(struct virtual_block, member, type)
static const struct field fields32[] = {
	{F(split, FIELD_CHOICE), .choices = split_words},
	{F(page_offset, FIELD_SIZE), .min = MiB(256), .max = TOP32 - MiB(256),
	 .expected = "an address from 0x10000000 to 0xf0000000"},
	{F(vmalloc_reserve, FIELD_SIZE), .min = MiB(16), .max = GiB(2), .expected = "16M to 2G"},
	{F(vmalloc_offset, FIELD_SIZE), .min = PAGE, .max = MiB(64), .expected = "4K to 64M"},
	{F(fixmap_top, FIELD_SIZE), .min = TOP32 - MiB(64), .max = TOP32 - PAGE,
	 .expected = "an address from 0xfc000000 to 0xfffff000"},
	{F(fixmap_pages, FIELD_UINT), .min = 1, .max = 8192, .expected = "1 to 8192 pages"},
	{F(pkmap_pages, FIELD_UINT), .min = 1, .max = 1024, .expected = "1 to 1024 pages"},
	{F(nr_cpus, FIELD_UINT), .min = 1, .max = 256, .expected = "1 to 256"},
	{0},
};

static const struct field fields64[] = {
	{F(page_offset, FIELD_SIZE), .min = 1ull << 47,
	 .expected = "an address such as 0xffff888000000000"},
	{F(vmalloc_start, FIELD_SIZE), .min = 1ull << 47,
	 .expected = "an address such as 0xffffc90000000000"},
	{F(vmalloc_end, FIELD_SIZE), .min = 1ull << 47,
	 .expected = "an address such as 0xffffe90000000000"},
	{0},
};
#undef F

static uint64_t ram_top(const struct machine *m)
{
	uint64_t top = 0;

	for (unsigned i = 0; i < m->nr_regions; i++)
		if (m->regions[i].kind == REGION_RAM)
			top = m->regions[i].base + m->regions[i].bytes;
	return top;
}

/* A key's node where it was given, else the block's, else the file's. */
static const struct conf_node *place(const struct build *b, const char *key)
{
	const struct conf_node *n = fields_get(b->part.virtual, key);

	if (n != NULL)
		return n;
	return b->part.virtual != NULL ? b->part.virtual : b->root;
}

/* The areas at the top, each rounded down to what one page-middle-directory entry maps. */
static void lay_out_top(const struct build *b, const struct virtual_block *v)
{
	uint64_t pmd = b->m->mmu == MMU_X86_PAE ? MiB(2) : MiB(4);
	uint64_t at = v->fixmap_top - v->fixmap_pages * PAGE;

	if (b->m->rules == RULES_TEXTBOOK) {
		at = round_down(at, pmd);
	} else {
		at = round_down(at - (40ull * v->nr_cpus + 1) * PAGE, pmd); /* CPU entry areas */
		at = round_down(at - PAGE, pmd); /* LDT */
	}
	b->m->virt.pkmap_base = round_down(at - PAGE, pmd);
	b->m->virt.vmalloc_end = b->m->virt.pkmap_base - 2 * PAGE;
}

static int check_split(struct build *b, struct virtual_block *v)
{
	if (fields_get(b->part.virtual, "page_offset") == NULL) {
		v->page_offset = split_offset[v->split];
		return 0;
	}
	if (fields_get(b->part.virtual, "split") != NULL)
		return conf_error(b->d, place(b, "split"),
				  "both 'split' and 'page_offset', expected one of them");
	if (v->page_offset % MiB(4) != 0)
		return conf_error(b->d, place(b, "page_offset"),
				  "page_offset 0x%llx, expected a multiple of 4M",
				  (unsigned long long)v->page_offset);
	return 0;
}

static int build_virtual32(struct build *b)
{
	bool pae = b->m->mmu == MMU_X86_PAE;
	struct virtual_block v = {.vmalloc_reserve = MiB(128),
				  .vmalloc_offset = MiB(8),
				  .fixmap_top = 0xfffff000,
				  .fixmap_pages = pae ? 1025 : 763,
				  .pkmap_pages = pae ? 512 : 1024,
				  .nr_cpus = 8};
	struct virtual_conf *out = &b->m->virt;
	uint64_t end;

	if (b->part.virtual != NULL &&
	    fields_read(b->part.virtual, "virtual", fields32, false, &v, b->d) != 0)
		return -1;
	if (check_split(b, &v) != 0)
		return -1;
	if (v.pkmap_pages > (pae ? 512 : 1024))
		return conf_error(b->d, place(b, "pkmap_pages"),
				  "pkmap_pages %u, expected at most 512: one table with PAE",
				  v.pkmap_pages);
	lay_out_top(b, &v);
	end = b->m->rules == RULES_TEXTBOOK ? TOP32 : out->vmalloc_end;
	if (end < v.page_offset + v.vmalloc_reserve + MiB(16) ||
	    out->vmalloc_end < v.page_offset + v.vmalloc_reserve)
		return conf_error(b->d, place(b, "vmalloc_reserve"),
				  "less than 16M of lowmem are left between the split and the "
				  "vmalloc area, expected a smaller vmalloc_reserve");
	out->page_offset = v.page_offset;
	out->lowmem_max = round_down(end - v.page_offset - v.vmalloc_reserve, PAGE);
	out->vmalloc_offset = v.vmalloc_offset;
	out->pkmap_pages = v.pkmap_pages;
	out->fixmap_top = v.fixmap_top;
	return 0;
}

static int build_virtual64(struct build *b)
{
	struct virtual_block v = {.page_offset = 0xffff888000000000,
				  .vmalloc_start = 0xffffc90000000000,
				  .vmalloc_end = 0xffffe90000000000};

	if (b->part.virtual != NULL &&
	    fields_read(b->part.virtual, "virtual", fields64, false, &v, b->d) != 0)
		return -1;
	if (v.page_offset % GiB(1) != 0)
		return conf_error(b->d, place(b, "page_offset"),
				  "page_offset, expected a multiple of 1G");
	if (v.vmalloc_start < v.page_offset || v.vmalloc_start - v.page_offset < ram_top(b->m))
		return conf_error(b->d, place(b, "vmalloc_start"),
				  "vmalloc_start lies in the direct map of all RAM, expected it "
				  "behind");
	if (v.vmalloc_end <= v.vmalloc_start)
		return conf_error(b->d, place(b, "vmalloc_end"),
				  "vmalloc_end, expected it above vmalloc_start");
	b->m->virt = (struct virtual_conf){.page_offset = v.page_offset,
					   .lowmem_max = v.vmalloc_start - v.page_offset,
					   .vmalloc_start = v.vmalloc_start,
					   .vmalloc_end = v.vmalloc_end};
	return 0;
}

/* Lowmem: as much of RAM's span as the direct map holds. */
static void set_direct_map(struct machine *m)
{
	uint64_t top = ram_top(m);

	m->virt.direct_bytes = top < m->virt.lowmem_max ? top : m->virt.lowmem_max;
	if (m->mmu != MMU_X86_64)
		m->virt.vmalloc_start =
			m->virt.page_offset + m->virt.direct_bytes + m->virt.vmalloc_offset;
}

int build_virtual(struct build *b)
{
	int err = 0;

	if (b->m->mmu == MMU_NONE) {
		b->m->virt.lowmem_max = UINT64_MAX;
		b->m->virt.direct_bytes = ram_top(b->m);
		if (b->part.virtual != NULL)
			return conf_error(b->d, b->part.virtual,
					  "'virtual' without an MMU, expected mmu x86-32, x86-pae "
					  "or x86-64");
		return 0;
	}
	err = b->m->mmu == MMU_X86_64 ? build_virtual64(b) : build_virtual32(b);
	if (err == 0)
		set_direct_map(b->m);
	return err;
}
