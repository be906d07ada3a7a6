/* `memscape info MACHINE`: the map, so that a person sees the machine. */
#include <string.h>

#include "ui/cli/info.h"
#include "ui/cli/text.h"

#define MAX_COLUMNS 96u

static unsigned long long ull(uint64_t n)
{
	return (unsigned long long)n;
}

/* "1 CPU", "2 CPUs". */
static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* Hex digits that the machine's highest address needs, at least 8. */
static int address_digits(const struct machine *m)
{
	const struct region *last = &m->regions[m->nr_regions - 1];
	uint64_t top = last->base + last->bytes - 1;
	int digits = 8;

	while (top >> (4 * digits) != 0)
		digits++;
	return digits;
}

/* ---- head ---- */

static unsigned nr_ram(const struct machine *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->nr_regions; i++)
		n += m->regions[i].kind == REGION_RAM;
	return n;
}

static void print_head(const struct machine *m, FILE *out)
{
	char size[SIZE_TEXT], page[SIZE_TEXT], bytes[COUNT_TEXT];

	fprintf(out, "%s%s%s: %s\n\n", m->name, m->variant[0] != '\0' ? ", variant " : "",
		m->variant, m->summary);
	fprintf(out, "  RAM         %s in %u region%s (%s bytes)\n",
		size_text((int64_t)machine_ram(m), size), nr_ram(m), plural(nr_ram(m)),
		count_text((int64_t)machine_ram(m), bytes));
	fprintf(out,
		"  processor   %u CPU%s, word %u bytes, MMU %s, cache line %u bytes, %u node%s\n",
		m->cpus, plural(m->cpus), m->word, machine_mmu_word(m->mmu), m->cache_line,
		m->nodes, plural(m->nodes));
	fprintf(out, "  pages       %s (order %u), descriptor %u bytes%s\n",
		size_text((int64_t)1 << m->page_shift, page), m->page_shift, machine_desc_bytes(m),
		m->desc_stride == 0 ? " (ours)" : "");
	fprintf(out, "  malloc      blocks aligned to %u bytes; misaligned access %s\n",
		m->malloc_align, m->strict_align ? "faults" : "works");
	fprintf(out, "  rule set    %s\n", machine_rules_word(m->rules));
	fprintf(out, "  hash        %s\n", m->hash);
}

/* ---- regions ---- */

static void print_reserved(const struct machine *m, const struct region *r, int digits, FILE *out)
{
	char size[SIZE_TEXT];

	for (unsigned i = 0; i < m->nr_reserved; i++) {
		const struct reserved_range *x = &m->reserved[i];

		if (x->base >= r->base && x->base - r->base < r->bytes)
			fprintf(out, "    %0*llx-%0*llx %10s    reserved: %s\n", digits,
				ull(x->base), digits, ull(x->base + x->bytes - 1),
				size_text((int64_t)x->bytes, size), x->owner);
	}
}

/* "1 2 4 8", or "any" for all of them. */
static const char *access_text(uint8_t sizes, char buf[16])
{
	size_t n = 0;

	if (sizes == 15)
		return "any";
	for (unsigned w = 1; w <= 8; w *= 2)
		if ((sizes & w) != 0)
			n += (size_t)snprintf(buf + n, 16 - n, "%s%u", n != 0 ? "," : "", w);
	return buf;
}

static void print_region(const struct machine *m, const struct region *r, int digits, FILE *out)
{
	char size[SIZE_TEXT], widths[16], cycles[32];

	snprintf(cycles, sizeof cycles, "%u/%u", r->read_cycles, r->write_cycles);
	fprintf(out, "  %0*llx-%0*llx %12s  %-12s %-5s %c%c%c  %-9s %9s  %s", digits, ull(r->base),
		digits, ull(r->base + r->bytes - 1), size_text((int64_t)r->bytes, size), r->name,
		machine_kind_word(r->kind), r->cacheable ? 'c' : '-', r->executable ? 'x' : '-',
		r->volatile_ ? 'v' : '-', r->bus, cycles, access_text(r->sizes, widths));
	if (r->big_endian)
		fprintf(out, "  big-endian");
	if (m->nodes > 1)
		fprintf(out, "  node %u", r->node);
	fprintf(out, "\n");
	print_reserved(m, r, digits, out);
}

static void print_hole(uint64_t from, uint64_t to, int digits, FILE *out)
{
	char size[SIZE_TEXT];

	if (from < to)
		fprintf(out, "  %*s %12s  hole\n", 2 * digits + 1, "...",
			size_text((int64_t)(to - from), size));
}

static void print_regions(const struct machine *m, FILE *out)
{
	int digits = address_digits(m);
	uint64_t at = 0;

	fprintf(out,
		"\nRegions  (c cacheable, x executable, v volatile; cycles of a read and a write; "
		"access widths)\n\n");
	fprintf(out, "  %-*s %12s  %-12s %-5s %s  %-9s %9s  %s\n", 2 * digits + 1, "address",
		"size", "name", "kind", "cxv", "bus", "cycles", "access");
	for (unsigned i = 0; i < m->nr_regions; i++) {
		const struct region *r = &m->regions[i];

		print_hole(at, r->base, digits, out);
		print_region(m, r, digits, out);
		at = r->base + r->bytes;
	}
}

/* ---- nodes ---- */

static void print_node(const struct machine *m, unsigned node, FILE *out)
{
	uint64_t bytes = 0;
	char size[SIZE_TEXT];

	for (unsigned i = 0; i < m->nr_regions; i++)
		if (m->regions[i].kind == REGION_RAM && m->regions[i].node == node)
			bytes += m->regions[i].bytes;
	fprintf(out, "  %4u %12s %5u  ", node, size_text((int64_t)bytes, size), m->node_cpus[node]);
	for (unsigned to = 0; to < m->nodes; to++)
		fprintf(out, " %3u", m->distance[node * m->nodes + to]);
	fputs("  ", out);
	for (unsigned i = 0; i < m->nr_zones; i++)
		fprintf(out, " %s", m->zones[m->zonelists[node * m->nr_zones + i]].name);
	fputc('\n', out);
}

static void print_nodes(const struct machine *m, FILE *out)
{
	if (m->distance == NULL)
		return;
	fprintf(out,
		"\nNodes  (distance to each node; the zones that its requests try, in order)\n\n");
	fprintf(out, "  %4s %12s %5s  ", "node", "RAM", "CPUs");
	for (unsigned to = 0; to < m->nodes; to++)
		fprintf(out, " %3u", to);
	fprintf(out, "   zonelist\n");
	for (unsigned node = 0; node < m->nodes; node++)
		print_node(m, node, out);
}

/* ---- zones ---- */

static unsigned turn_of(const struct machine *m, unsigned zone)
{
	unsigned turn = 0;

	while (m->zonelist[turn] != zone)
		turn++;
	return turn + 1;
}

static const char *desc_place(const struct machine *m, const struct zone_conf *z)
{
	if (m->desc_one_region)
		return m->regions[m->desc_region].name;
	return z->desc_zone >= 0 ? m->zones[z->desc_zone].name : "its own RAM";
}

static void print_zone(const struct machine *m, unsigned i, int digits, FILE *out)
{
	const struct zone_conf *z = &m->zones[i];
	char size[SIZE_TEXT], desc[SIZE_TEXT], pages[COUNT_TEXT];

	fprintf(out, "  %3u  %-12s %12s %12s  %10s in %s%s\n", turn_of(m, i), z->name,
		count_text((int64_t)z->pages, pages),
		size_text((int64_t)(z->pages << m->page_shift), size),
		size_text((int64_t)(z->pages * machine_desc_bytes(m)), desc), desc_place(m, z),
		z->highmem ? "; highmem" : "");
	for (unsigned j = 0; j < z->nr_ranges; j++)
		fprintf(out, "       %0*llx-%0*llx in %s\n", digits, ull(z->ranges[j].base), digits,
			ull(z->ranges[j].base + z->ranges[j].bytes - 1),
			m->regions[z->ranges[j].region].name);
}

static void print_zones(const struct machine *m, FILE *out)
{
	char size[SIZE_TEXT], pages[COUNT_TEXT];
	uint64_t all = 0;

	if (m->nr_zones == 0)
		return;
	fprintf(out, "\nZones  (turn: the order in which a request without a constraint tries "
		     "them)\n\n");
	fprintf(out, " turn  %-12s %12s %12s  %s\n", "name", "pages", "size", "page descriptors");
	for (unsigned i = 0; i < m->nr_zones; i++) {
		print_zone(m, i, address_digits(m), out);
		all += m->zones[i].pages;
	}
	fprintf(out,
		"  %s page descriptors of %u bytes: %s, before anything is reserved or carved\n",
		count_text((int64_t)all, pages), machine_desc_bytes(m),
		size_text((int64_t)(all * machine_desc_bytes(m)), size));
}

/* ---- masters ---- */

static int column(const struct master *x)
{
	return (int)strlen(x->name) + 1;
}

static char reaches_region(const struct master *x, unsigned r)
{
	if ((x->regions >> r & 1) != 0)
		return 'x';
	return (x->partly >> r & 1) != 0 ? '~' : '.';
}

static char reaches_zone(const struct master *x, unsigned z)
{
	return (x->zones >> z & 1) != 0 ? 'x' : '.';
}

/* A zone that is one whole region has no row of its own. */
static bool is_region(const struct machine *m, const struct zone_conf *z)
{
	const struct region *r;

	if (z->nr_ranges != 1)
		return false;
	r = &m->regions[z->ranges[0].region];
	return z->ranges[0].base == r->base && z->ranges[0].bytes == r->bytes;
}

/* One row of marks for masters from ... to - 1. */
static void print_row(const struct machine *m, unsigned from, unsigned to, bool zone, unsigned row,
		      FILE *out)
{
	fprintf(out, "  %-7s%-12s", zone ? "zone" : "region",
		zone ? m->zones[row].name : m->regions[row].name);
	for (unsigned i = from; i < to; i++)
		fprintf(out, "%*c", column(&m->masters[i]),
			zone ? reaches_zone(&m->masters[i], row)
			     : reaches_region(&m->masters[i], row));
	fprintf(out, "\n");
}

/* As many masters as fit beside the names; returns the first that does not. */
static unsigned print_matrix(const struct machine *m, unsigned from, FILE *out)
{
	unsigned width = 21, to = from;

	while (to < m->nr_masters &&
	       (to == from || width + (unsigned)column(&m->masters[to]) <= MAX_COLUMNS))
		width += (unsigned)column(&m->masters[to++]);
	fprintf(out, "  %-19s", "");
	for (unsigned i = from; i < to; i++)
		fprintf(out, " %s", m->masters[i].name);
	fprintf(out, "\n");
	for (unsigned r = 0; r < m->nr_regions; r++)
		print_row(m, from, to, false, r, out);
	for (unsigned z = 0; z < m->nr_zones; z++)
		if (!is_region(m, &m->zones[z]))
			print_row(m, from, to, true, z, out);
	return to;
}

static void print_masters(const struct machine *m, FILE *out)
{
	if (m->nr_masters == 0)
		return;
	fprintf(out, "\nBus masters  (x reaches it, ~ a part of it, . does not)\n");
	for (unsigned i = 0; i < m->nr_masters;) {
		fprintf(out, "\n");
		i = print_matrix(m, i, out);
	}
}

/* ---- address space, caches ---- */

static void print_virtual(const struct machine *m, FILE *out)
{
	const struct virtual_conf *v = &m->virt;
	int digits = m->word == 4 ? 8 : 16;
	char size[SIZE_TEXT];

	if (m->mmu == MMU_NONE)
		return;
	fprintf(out, "\nAddress space of the kernel\n\n");
	fprintf(out, "  %0*llx  direct map of %s, at most %s\n", digits, ull(v->page_offset),
		size_text((int64_t)v->direct_bytes, size),
		size_text((int64_t)v->lowmem_max, (char[SIZE_TEXT]){0}));
	fprintf(out, "  %0*llx  vmalloc, %s, up to %0*llx\n", digits, ull(v->vmalloc_start),
		size_text((int64_t)(v->vmalloc_end - v->vmalloc_start), size), digits,
		ull(v->vmalloc_end));
	if (m->mmu == MMU_X86_64)
		return;
	fprintf(out, "  %0*llx  PKMAP, %llu pages\n", digits, ull(v->pkmap_base),
		ull(v->pkmap_pages));
	fprintf(out, "  %0*llx  end of the fixmap\n", digits, ull(v->fixmap_top));
}

static void print_caches(const struct machine *m, FILE *out)
{
	char size[SIZE_TEXT];

	if (m->nr_caches + m->nr_tlbs == 0)
		return;
	fprintf(out, "\nCaches\n\n");
	for (unsigned i = 0; i < m->nr_caches; i++) {
		const struct cache_conf *c = &m->caches[i];

		fprintf(out,
			"  %-8s %8s, %u way%s, lines of %u bytes; cycles of a hit %u, a miss %u\n",
			c->name, size_text((int64_t)c->bytes, size), c->ways, plural(c->ways),
			c->line, c->hit_cycles, c->miss_cycles);
	}
	for (unsigned i = 0; i < m->nr_tlbs; i++) {
		const struct tlb_conf *t = &m->tlbs[i];

		fprintf(out, "  %-8s %8u entries, %u way%s; cycles of a hit %u, a miss %u\n",
			t->name, t->entries, t->ways, plural(t->ways), t->hit_cycles,
			t->miss_cycles);
	}
}

/* ---- allocators and placement ---- */

static void print_zone_names(const struct machine *m, uint32_t zones, FILE *out)
{
	const char *comma = "";

	for (unsigned i = 0; i < m->nr_zones; i++)
		if ((zones >> i & 1) != 0) {
			fprintf(out, "%s%s", comma, m->zones[i].name);
			comma = ", ";
		}
}

static void print_arena(const struct machine *m, const struct alloc_conf *a, FILE *out)
{
	const char *where = a->region >= 0 ? m->regions[a->region].name : "the largest RAM";
	char size[SIZE_TEXT];

	if (a->bytes != 0)
		fprintf(out, "an arena carved at boot: %s of %s",
			size_text((int64_t)a->bytes, size), where);
	else if (a->region >= 0)
		fprintf(out, "an arena carved at boot: all of %s, %s", where,
			size_text((int64_t)machine_room(m, (unsigned)a->region), size));
	else
		fprintf(out, "an arena carved at boot: all of %s", where);
}

static void print_source(const struct machine *m, const struct alloc_conf *a, FILE *out)
{
	if (a->group == GROUP_PAGES) {
		fprintf(out, "what boot leaves of all zones");
	} else if (a->from_slab) {
		fprintf(out, "the slab layer's own caches");
	} else if (a->from_pages && a->zones == UINT32_MAX) {
		fprintf(out, "pages of any zone");
	} else if (a->from_pages) {
		fprintf(out, "pages of ");
		print_zone_names(m, a->zones, out);
	} else {
		print_arena(m, a, out);
	}
}

static bool is_param(const char *key)
{
	static const char *const ours[] = {"name", "kind", "from", "region", "bytes", "zones"};

	for (unsigned i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strcmp(ours[i], key) == 0)
			return false;
	return true;
}

static void print_params(const struct conf_node *n, FILE *out)
{
	for (size_t i = 0; i < n->nr; i++)
		if (is_param(n->key[i]) && n->item[i]->type == CONF_SCALAR)
			fprintf(out, "; %s %s", n->key[i], n->item[i]->text);
		else if (is_param(n->key[i]) && n->item[i]->type != CONF_NULL)
			fprintf(out, "; %s ...", n->key[i]);
}

static void print_allocs(const struct machine *m, FILE *out)
{
	if (m->nr_allocs == 0)
		return;
	fprintf(out, "\nAllocators\n\n  %-8s %-10s %-12s %s\n", "serves", "name", "kind", "memory");
	for (unsigned i = 0; i < m->nr_allocs; i++) {
		const struct alloc_conf *a = &m->allocs[i];

		fprintf(out, "  %-8s %-10s %-12s ", machine_group_word(a->group), a->name,
			a->kind != NULL ? a->kind : a->from_slab ? "(slab)" : "(pages)");
		print_source(m, a, out);
		print_params(a->node, out);
		fprintf(out, "\n");
	}
}

static void print_conditions(const struct machine *m, const struct placement_rule *r, FILE *out)
{
	if (r->size_max != UINT64_MAX)
		fprintf(out, " of %llu to %llu bytes", ull(r->size_min), ull(r->size_max));
	else if (r->size_min != 0)
		fprintf(out, " of %llu bytes and more", ull(r->size_min));
	if (r->tag != NULL)
		fprintf(out, " tagged %s", r->tag);
	if (r->site != NULL)
		fprintf(out, " from %s", r->site);
	if (r->master >= 0)
		fprintf(out, " for %s", m->masters[r->master].name);
}

static void print_placement(const struct machine *m, FILE *out)
{
	if (m->nr_placement == 0)
		return;
	fprintf(out, "\nPlacement  (the first rule that holds)\n\n");
	for (unsigned i = 0; i < m->nr_placement; i++) {
		const struct placement_rule *r = &m->placement[i];

		fprintf(out, "  %-12s %s", r->name, r->dma ? "DMA buffers" : "requests");
		print_conditions(m, r, out);
		fprintf(out, " -> %s ", r->heap >= 0 ? "heap" : "pages of");
		if (r->heap >= 0)
			fprintf(out, "%s", m->allocs[r->heap].name);
		else
			print_zone_names(m, r->zones, out);
		fprintf(out, "\n");
	}
}

static void print_variants(const struct machine *m, FILE *out)
{
	const struct conf_node *v = conf_get(conf_root(m->tree), "variants");

	if (v == NULL || v->type != CONF_MAP || v->nr == 0)
		return;
	fprintf(out, "\nVariants  (--variant NAME)\n\n");
	for (size_t i = 0; i < v->nr; i++) {
		const struct conf_node *s = conf_get(conf_get(v->item[i], "machine"), "summary");

		fprintf(out, "  %-12s %s\n", v->key[i],
			s != NULL && s->type == CONF_SCALAR ? s->text : "");
	}
}

int info_machine(const struct machine *m, FILE *out)
{
	print_head(m, out);
	print_regions(m, out);
	print_nodes(m, out);
	print_zones(m, out);
	print_masters(m, out);
	print_virtual(m, out);
	print_caches(m, out);
	print_allocs(m, out);
	print_placement(m, out);
	print_variants(m, out);
	return fflush(out) != 0 || ferror(out) ? -1 : 0;
}
