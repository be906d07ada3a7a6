/* The blocks `machine`, `page`, `caches` and `tlb`: numbers of the whole machine. */
#include "model/machine_build.h"

static const char *const mmu_words[] = {"none", "x86-32", "x86-pae", "x86-64", NULL};
static const char *const rule_words[] = {"textbook", "linux-4.19", "linux-6", NULL};
const char *const build_endian_words[] = {"little", "big", NULL};

const char *machine_mmu_word(enum mmu_kind mmu)
{
	return mmu_words[mmu];
}

const char *machine_rules_word(enum rule_set rules)
{
	return rule_words[rules];
}

struct core {
	const char *name, *summary;
	unsigned word, cpus, nodes, mmu, rules, endian, cache_line, malloc_align;
	bool strict_align;
	const struct conf_node *boot_region;
};

#define F(member, type) FIELD(struct core, member, type)
static const struct field core_fields[] = {
	{F(name, FIELD_NAME), .required = true, .expected = "a name such as stm32h7"},
	{F(summary, FIELD_TEXT)},
	{F(word, FIELD_UINT), .required = true, .min = 4, .max = 8,
	 .expected = "4 or 8 (bytes of a pointer)"},
	{F(cpus, FIELD_UINT), .min = 1, .max = 256, .expected = "1 to 256"},
	{F(nodes, FIELD_UINT), .min = 1, .max = 64, .expected = "1 to 64"},
	{F(mmu, FIELD_CHOICE), .choices = mmu_words},
	{F(rules, FIELD_CHOICE), .choices = rule_words},
	{F(endian, FIELD_CHOICE), .choices = build_endian_words},
	{F(cache_line, FIELD_UINT), .min = 4, .max = 1024,
	 .expected = "a power of two, 4 to 1024 bytes"},
	{F(malloc_align, FIELD_UINT), .min = 4, .max = 4096,
	 .expected = "a power of two, 4 to 4096 bytes"},
	{F(strict_align, FIELD_BOOL)},
	{F(boot_region, FIELD_NODE)},
	{0},
};
#undef F

/* A key of a block that was read already, or the block itself. */
static int key_fails(struct build *b, const struct conf_node *block, const char *key,
		     const char *what)
{
	const struct conf_node *n = fields_get(block, key);

	return conf_error(b->d, n != NULL ? n : block, "%s", what);
}

static int check_core(struct build *b, const struct core *c)
{
	const struct conf_node *n = b->part.machine;

	if (c->endian != 0)
		return key_fails(
			b, n, "endian",
			"endian big, expected little: big-endian machines are not simulated");
	if (!is_pow2(c->word))
		return key_fails(b, n, "word", "word is not a power of two, expected 4 or 8");
	if (!is_pow2(c->cache_line))
		return key_fails(b, n, "cache_line",
				 "cache_line is not a power of two, expected 32 or the like");
	if (!is_pow2(c->malloc_align))
		return key_fails(b, n, "malloc_align",
				 "malloc_align is not a power of two, expected 8 or 16");
	if ((c->mmu == MMU_X86_32 || c->mmu == MMU_X86_PAE) && c->word != 4)
		return key_fails(b, n, "mmu", "mmu x86-32 or x86-pae with word 8, expected word 4");
	if (c->mmu == MMU_X86_64 && c->word != 8)
		return key_fails(b, n, "mmu", "mmu x86-64 with word 4, expected word 8");
	return 0;
}

static int build_machine(struct build *b)
{
	struct core c = {.name = "",
			 .summary = "",
			 .cpus = 1,
			 .nodes = 1,
			 .rules = RULES_LINUX_6,
			 .cache_line = 32,
			 .malloc_align = 8};
	struct machine *m = b->m;

	if (fields_read(b->part.machine, "machine", core_fields, false, &c, b->d) != 0 ||
	    check_core(b, &c) != 0)
		return -1;
	m->name = c.name;
	m->summary = c.summary;
	m->word = c.word;
	m->cpus = c.cpus;
	m->nodes = c.nodes;
	m->mmu = (enum mmu_kind)c.mmu;
	m->rules = (enum rule_set)c.rules;
	m->cache_line = c.cache_line;
	m->malloc_align = c.malloc_align;
	m->strict_align = c.strict_align;
	b->boot_region = c.boot_region;
	return 0;
}

/* ---- page ---- */

#define MIN_ORDER 8u
#define MAX_ORDER 22u

struct page_block {
	unsigned order, stride;
	bool merge_regions;
	const struct conf_node *descriptors;
};

#define F(member, type) FIELD(struct page_block, member, type)
static const struct field page_fields[] = {
	{F(order, FIELD_UINT), .required = true, .min = MIN_ORDER, .max = MAX_ORDER,
	 .expected = "8 to 22: a page is 2^order bytes (10 is 1 KiB, 12 is 4 KiB)"},
	{F(stride, FIELD_UINT), .max = 4096, .expected = "0 (the real size of ours) to 4096 bytes"},
	{F(merge_regions, FIELD_BOOL)},
	{F(descriptors, FIELD_NODE)},
	{0},
};
#undef F

/* A stride is room for our descriptor, which holds words. */
static int check_page(struct build *b, const struct page_block *p)
{
	unsigned least = machine_desc_bytes(b->m); /* no stride is set yet */
	const struct conf_node *n = b->part.page;

	if (b->m->mmu != MMU_NONE && p->order != 12)
		return key_fails(
			b, n, "order",
			"the x86 MMU translates pages of 4 KiB, expected order 12, or mmu none");
	if (p->stride != 0 && (p->stride < least || p->stride % b->m->word != 0))
		return conf_error(b->d, fields_get(n, "stride"),
				  "stride %u, expected a multiple of the word of at least %u bytes "
				  "(or 0: the real size of ours)",
				  p->stride, least);
	if (p->stride >= 1u << p->order)
		return conf_error(b->d, fields_get(n, "stride"),
				  "stride %u, expected less than a page of %u bytes", p->stride,
				  1u << p->order);
	return 0;
}

int build_core(struct build *b)
{
	struct page_block p = {0};

	if (build_machine(b) != 0 ||
	    fields_read(b->part.page, "page", page_fields, false, &p, b->d) != 0 ||
	    check_page(b, &p) != 0)
		return -1;
	b->m->page_shift = p.order;
	b->m->desc_stride = p.stride;
	b->m->merge_regions = p.merge_regions;
	b->descriptors = p.descriptors;
	return 0;
}

/* ---- caches and TLBs ---- */

struct cache_entry {
	const char *name;
	uint64_t size;
	unsigned ways, line, hit_cycles, miss_cycles;
};

#define F(member, type) FIELD(struct cache_entry, member, type)
static const struct field cache_fields[] = {
	{F(name, FIELD_NAME), .required = true, .expected = "a name such as l1d"},
	{F(size, FIELD_SIZE), .required = true, .min = 64, .max = 1ull << 32,
	 .expected = "a size such as 16K"},
	{F(ways, FIELD_UINT), .min = 1, .max = 1024, .expected = "1 to 1024"},
	{F(line, FIELD_UINT), .min = 4, .max = 1024, .expected = "a power of two, 4 to 1024 bytes"},
	{F(hit_cycles, FIELD_UINT)},
	{F(miss_cycles, FIELD_UINT)},
	{0},
};
#undef F

static int build_cache(struct build *b, const struct conf_node *n, struct cache_conf *out)
{
	struct cache_entry e = {.ways = 1, .line = b->m->cache_line, .hit_cycles = 1};

	if (fields_read(n, "a cache", cache_fields, false, &e, b->d) != 0)
		return -1;
	if (!is_pow2(e.line))
		return key_fails(b, n, "line", "line is not a power of two, expected 32 or 64");
	if (e.size % ((uint64_t)e.ways * e.line) != 0 ||
	    !is_pow2(e.size / ((uint64_t)e.ways * e.line)))
		return key_fails(
			b, n, "size",
			"the size is not ways * line * a power of two, expected whole sets");
	*out = (struct cache_conf){.name = e.name,
				   .bytes = e.size,
				   .ways = e.ways,
				   .line = e.line,
				   .hit_cycles = e.hit_cycles,
				   .miss_cycles = e.miss_cycles};
	return 0;
}

#define F(member, type) FIELD(struct tlb_conf, member, type)
static const struct field tlb_fields[] = {
	{F(name, FIELD_NAME), .required = true, .expected = "a name such as dtlb"},
	{F(entries, FIELD_UINT), .required = true, .min = 1, .max = 65536,
	 .expected = "1 to 65536"},
	{F(ways, FIELD_UINT), .min = 1, .max = 65536,
	 .expected = "1 (direct) to the number of entries"},
	{F(hit_cycles, FIELD_UINT)},
	{F(miss_cycles, FIELD_UINT)},
	{0},
};
#undef F

static int build_tlb(struct build *b, const struct conf_node *n, struct tlb_conf *out)
{
	*out = (struct tlb_conf){0};
	if (fields_read(n, "a TLB", tlb_fields, false, out, b->d) != 0)
		return -1;
	if (out->ways == 0)
		out->ways = out->entries;
	if (out->entries % out->ways != 0)
		return key_fails(b, n, "ways",
				 "the entries do not divide by the ways, expected whole sets");
	return 0;
}

int build_caches(struct build *b)
{
	struct machine *m = b->m;

	if (build_list(b, b->part.caches, "cache", 16, sizeof *m->caches, &m->caches,
		       &m->nr_caches) != 0)
		return -1;
	for (unsigned i = 0; i < m->nr_caches; i++)
		if (build_cache(b, b->part.caches->item[i], &m->caches[i]) != 0)
			return -1;
	if (build_list(b, b->part.tlb, "TLB", 16, sizeof *m->tlbs, &m->tlbs, &m->nr_tlbs) != 0)
		return -1;
	if (m->nr_tlbs != 0 && m->mmu == MMU_NONE)
		return conf_error(b->d, b->part.tlb,
				  "a TLB without an MMU, expected mmu x86-32 or the like");
	for (unsigned i = 0; i < m->nr_tlbs; i++)
		if (build_tlb(b, b->part.tlb->item[i], &m->tlbs[i]) != 0)
			return -1;
	return 0;
}
