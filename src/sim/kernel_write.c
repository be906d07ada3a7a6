/* The tables of a line a zone, and the list of files. */
#include "sim/kernel_write.h"

#include <stdlib.h>
#include <string.h>

#include "sim/kernel_write_private.h"

void kernel_zone_name(const char *name, char buf[32])
{
	static const char *const names[][2] = {{"dma", "DMA"},
					       {"dma32", "DMA32"},
					       {"normal", "Normal"},
					       {"highmem", "HighMem"},
					       {"movable", "Movable"}};

	snprintf(buf, 32, "%s", name);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t n = strlen(names[i][0]);

		/* Zones of other nodes: normal_1, normal1. */
		if (strncmp(name, names[i][0], n) == 0 &&
		    strspn(name + n, "_-0123456789") == strlen(name + n) &&
		    (i != 0 || strcmp(name, "dma32") != 0))
			snprintf(buf, 32, "%s", names[i][1]);
	}
}

/* ---- reading ---- */

static void read_types(struct zone_reading *z)
{
	const struct page_ops *p = z->pages->ops->pages;
	const struct alloc *a = z->pages->alloc;

	z->typed = p->nr_free_type != NULL && p->pageblocks != NULL;
	if (!z->typed)
		return;
	z->block_order = p->pageblocks(a, z->zone, z->blocks);
	for (unsigned mt = 0; mt < MIGRATE_LISTS; mt++)
		for (unsigned o = 0; o <= z->area.max_order; o++)
			z->by_type[mt][o] = p->nr_free_type(a, z->zone, o, mt);
}

static void read_zone(void *ctx)
{
	struct zone_reading *z = ctx;

	z->pages->ops->pages->zone(z->pages->alloc, z->zone, &z->figures);
	free_area_of(z->pages, z->zone, &z->area);
	read_types(z);
}

static struct zone_reading reading_of(struct replay *r, unsigned zone)
{
	struct zone_reading z = {.r = r, .pages = r->sys->pages, .zone = zone};

	if (!replay_read(r, read_zone, &z))
		return (struct zone_reading){.r = r, .pages = r->sys->pages, .zone = zone};
	return z;
}

/* ---- rows ---- */

static const struct zone_desc *desc_of(const struct zone_reading *z)
{
	return &z->pages->env.zones[z->zone];
}

static void head(const struct zone_reading *z, FILE *out)
{
	char name[32];

	kernel_zone_name(desc_of(z)->name, name);
	fprintf(out, "Node %u, zone %8s ", desc_of(z)->node, name);
}

static void row_free(struct zone_reading *z, FILE *out)
{
	head(z, out);
	for (unsigned o = 0; o <= z->area.max_order; o++)
		fprintf(out, "%6llu ", (unsigned long long)z->area.nr_free[o]);
	fputc('\n', out);
}

static void row_unusable(struct zone_reading *z, FILE *out)
{
	head(z, out);
	for (unsigned o = 0; o <= z->area.max_order; o++) {
		int index = unusable_index(&z->area, o);

		fprintf(out, "%d.%03d ", index / 1000, index % 1000);
	}
	fputc('\n', out);
}

static void row_extfrag(struct zone_reading *z, FILE *out)
{
	bool wide = z->r->sys->machine->rules == RULES_LINUX_6;

	head(z, out);
	for (unsigned o = 0; o <= z->area.max_order; o++) {
		int index = extfrag_index(&z->area, o);

		fprintf(out, wide ? "%2d.%03d " : "%d.%03d ", index / 1000, index % 1000);
	}
	fputc('\n', out);
}

static void row_zoneinfo(struct zone_reading *z, FILE *out)
{
	kernel_write_zoneinfo(z->r, z, out);
}

/* Kernels have a row for CMA where it is configured: here where a range is lent. */
static unsigned nr_types(const struct replay *r)
{
	return r->sys->pages != NULL && r->sys->pages->env.cma ? MIGRATE_LISTS : MIGRATE_TYPES;
}

static const char *const type_names[] = {"Unmovable", "Movable", "Reclaimable", "CMA"};

/* Counting stops at 100,000 blocks of a list, so that nobody waits for it. */
static void row_types(struct zone_reading *z, FILE *out)
{
	char name[32];

	kernel_zone_name(desc_of(z)->name, name);
	for (unsigned mt = 0; mt < nr_types(z->r); mt++) {
		fprintf(out, "Node %4u, zone %8s, type %12s ", desc_of(z)->node, name,
			type_names[mt]);
		for (unsigned o = 0; o <= z->area.max_order; o++) {
			uint64_t n = z->typed  ? z->by_type[mt][o]
				     : mt == 0 ? z->area.nr_free[o]
					       : 0;

			fprintf(out, "%s%6llu ", n >= 100000 ? ">" : "",
				(unsigned long long)(n >= 100000 ? 100000 : n));
		}
		fputc('\n', out);
	}
}

static void row_blocks(struct zone_reading *z, FILE *out)
{
	head(z, out);
	for (unsigned mt = 0; mt < nr_types(z->r); mt++)
		fprintf(out, "%12llu ", (unsigned long long)z->blocks[mt]);
	fputc('\n', out);
}

/* Zones with pages, nodes ascending. */
static void each_zone(struct replay *r, void (*row)(struct zone_reading *z, FILE *out), FILE *out)
{
	const struct sys_alloc *p = r->sys->pages;
	unsigned nodes = r->sys->machine->nodes;

	for (unsigned node = 0; p != NULL && node < (nodes != 0 ? nodes : 1); node++)
		for (unsigned i = 0; i < p->env.nr_zones; i++) {
			struct zone_reading z;

			if (p->env.zones[i].node != node)
				continue;
			z = reading_of(r, i);
			if (z.figures.managed != 0)
				row(&z, out);
		}
}

/* ---- the files ---- */

static void write_buddyinfo(struct replay *r, FILE *out)
{
	each_zone(r, row_free, out);
}

static void write_unusable(struct replay *r, FILE *out)
{
	each_zone(r, row_unusable, out);
}

static void write_extfrag(struct replay *r, FILE *out)
{
	each_zone(r, row_extfrag, out);
}

static void write_zoneinfo(struct replay *r, FILE *out)
{
	each_zone(r, row_zoneinfo, out);
}

static void write_pagetypeinfo(struct replay *r, FILE *out)
{
	struct zone_reading z = {.block_order = 0};
	unsigned order, orders = 11;

	if (r->sys->pages != NULL) {
		z = reading_of(r, 0);
		orders = r->sys->pages->ops->pages->max_order(r->sys->pages->alloc) + 1;
	}
	order = z.block_order != 0 ? z.block_order : orders - 1;
	fprintf(out, "Page block order: %u\nPages per block:  %lu\n\n", order, 1ul << order);
	fprintf(out, "%-43s ", "Free pages count per migrate type at order");
	for (unsigned o = 0; o < orders; o++)
		fprintf(out, "%6u ", o);
	fputc('\n', out);
	each_zone(r, row_types, out);
	fprintf(out, "\n%-23s", "Number of blocks type ");
	for (unsigned mt = 0; mt < nr_types(r); mt++)
		fprintf(out, "%12s ", type_names[mt]);
	fputc('\n', out);
	each_zone(r, row_blocks, out);
}

/* A parameter of the page allocator that is set; 0: it is not, or there is none. */
static uint64_t parameter(const struct replay *r, const char *name)
{
	const struct sys_alloc *p = r->sys->pages;

	for (unsigned i = 0; p != NULL && p->ops->params[i].name != NULL; i++)
		if (strcmp(p->ops->params[i].name, name) == 0)
			return p->params[i].u;
	return 0;
}

static void write_min_free(struct replay *r, FILE *out)
{
	if (parameter(r, "min_free_kbytes") != 0)
		fprintf(out, "%llu\n", (unsigned long long)parameter(r, "min_free_kbytes"));
}

static void write_scale(struct replay *r, FILE *out)
{
	if (parameter(r, "watermark_scale_factor") != 0)
		fprintf(out, "%llu\n", (unsigned long long)parameter(r, "watermark_scale_factor"));
}

static int write_one(struct replay *r, struct kernel_texts *t, const char *name,
		     void (*fn)(struct replay *r, FILE *out), bool optional)
{
	struct kernel_text *f = &t->file[t->nr];
	FILE *out = open_memstream(&f->text, &f->bytes);
	int err;

	if (out == NULL)
		return -1;
	fn(r, out);
	err = ferror(out);
	if (fclose(out) != 0 || err != 0) {
		free(f->text);
		f->text = NULL;
		return -1;
	}
	f->name = name;
	if (optional && f->bytes == 0) {
		free(f->text);
		f->text = NULL;
		return 0;
	}
	t->nr++;
	return 0;
}

int kernel_write(struct replay *r, struct kernel_texts *out)
{
	static const struct {
		const char *name;
		void (*fn)(struct replay *r, FILE *out);
		bool optional; /* left out when it is empty */
	} files[KERNEL_WRITE_FILES] = {
		{"buddyinfo", write_buddyinfo, false},
		{"pagetypeinfo", write_pagetypeinfo, false},
		{"zoneinfo", write_zoneinfo, false},
		{"slabinfo", kernel_write_slabinfo, false},
		{"vmallocinfo", kernel_write_vmallocinfo, false},
		{"iomem", kernel_write_iomem, false},
		{"extfrag_index", write_extfrag, false},
		{"unusable_index", write_unusable, false},
		{"vm/min_free_kbytes", write_min_free, true},
		{"vm/watermark_scale_factor", write_scale, true},
	};

	*out = (struct kernel_texts){.nr = 0};
	for (size_t i = 0; i < KERNEL_WRITE_FILES; i++)
		if (write_one(r, out, files[i].name, files[i].fn, files[i].optional) != 0) {
			kernel_texts_free(out);
			return -1;
		}
	return 0;
}

void kernel_texts_free(struct kernel_texts *t)
{
	for (unsigned i = 0; i < t->nr; i++)
		free(t->file[i].text);
	*t = (struct kernel_texts){.nr = 0};
}
