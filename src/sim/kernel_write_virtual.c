/* /proc/vmallocinfo and /proc/iomem. */
#include <inttypes.h>

#include "sim/kernel_write_private.h"
#include "sim/virtual.h"

/* ---- areas ---- */

struct area_reading {
	struct sys_alloc *a;
	uint64_t from;
	struct map_area area;
	bool there;
};

static void read_area(void *ctx)
{
	struct area_reading *x = ctx;

	x->there = x->a->ops->maps->next(x->a->alloc, (vaddr_t){x->from}, &x->area);
}

/* Who asked for what lies at va: the call site of a live object, or "". */
static const char *caller_of(const struct replay *r, uint64_t va)
{
	for (uint32_t i = 0; i < r->live.nr; i++) {
		const struct live *l = &r->live.slot[i];

		if ((live_state(l) == LIVE_AREA || live_state(l) == LIVE_MAP) &&
		    live_va(r, l) == va)
			return live_site(&r->live, l) != 0 && r->trace != NULL
				       ? trace_string(r->trace, live_site(&r->live, l))
				       : "";
	}
	return "";
}

struct pages_reading {
	const struct replay *r;
	struct sys_alloc *a;
	const struct map_area *area;
	uint64_t pages, by_node[64];
};

static void read_pages(void *ctx)
{
	struct pages_reading *x = ctx;
	unsigned shift = x->r->sys->machine->page_shift;
	const struct sys_alloc *p = x->r->sys->pages;

	for (uint64_t at = 0; at < x->area->mapped; at += 1ull << shift) {
		pfn_t pfn = x->a->ops->maps->page(x->a->alloc, vaddr_add(x->area->base, at));
		struct page_frames f;

		if (pfn_none(pfn))
			continue;
		f = p->ops->pages->frames(p->alloc, pfn);
		x->pages++;
		x->by_node[f.nr != 0 ? f.node & 63 : 0]++;
	}
}

static void print_pages(struct replay *r, struct sys_alloc *a, const struct map_area *m, FILE *out)
{
	struct pages_reading x = {.r = r, .a = a, .area = m};

	(void)!replay_read(r, read_pages, &x);
	fprintf(out, " pages=%" PRIu64 " vmalloc", x.pages);
	for (unsigned n = 0; n < 64; n++)
		if (x.by_node[n] != 0)
			fprintf(out, " N%u=%" PRIu64, n, x.by_node[n]);
}

static void print_area(struct replay *r, struct sys_alloc *a, const struct map_area *m, FILE *out)
{
	int digits = r->sys->machine->word == 8 ? 16 : 8;
	const char *caller = caller_of(r, m->base.v);

	fprintf(out, "0x%0*" PRIx64 "-0x%0*" PRIx64 " %7" PRIu64, digits, m->base.v, digits,
		m->base.v + m->bytes, m->bytes);
	if (m->state == MAP_LAZY) {
		fprintf(out, " unpurged vm_area\n");
		return;
	}
	if (caller[0] != '\0')
		fprintf(out, " %s", caller);
	if (m->type == MAP_IOREMAP)
		fprintf(out, " phys=0x%0*" PRIx64 " ioremap", digits, m->pa.v);
	else
		print_pages(r, a, m, out);
	fputc('\n', out);
}

void kernel_write_vmallocinfo(struct replay *r, FILE *out)
{
	struct area_reading x = {.a = r->sys->group[GROUP_VIRTUAL]};

	while (x.a != NULL && replay_read(r, read_area, &x) && x.there) {
		const struct map_area *m = &x.area;

		/* A corrupt list must not lead in a circle. */
		if (m->bytes == 0 || m->base.v + m->bytes <= x.from)
			return;
		x.from = m->base.v + m->bytes;
		if (m->state != MAP_FREE && (m->type == MAP_VMALLOC || m->type == MAP_IOREMAP))
			print_area(r, x.a, m, out);
	}
}

/* ---- resources ---- */

static const char *owner_name(const struct replay *r, uint32_t owner)
{
	const struct machine *m = r->sys->machine;
	uint32_t i = owner & ~RESOURCE_RESERVED;

	if ((owner & RESOURCE_RESERVED) == RESOURCE_RESERVED)
		return i < m->nr_reserved ? m->reserved[i].owner : "reserved";
	if ((owner & RESOURCE_REGION) == 0)
		return r->trace != NULL ? trace_string(r->trace, owner) : "";
	if (i >= m->nr_regions)
		return "";
	return m->regions[i].kind == REGION_RAM ? "System RAM" : m->regions[i].name;
}

struct tree {
	const struct replay *r;
	FILE *out;
	int width;
};

static void print_resource(const struct tree *t, unsigned depth, uint64_t base, uint64_t bytes,
			   const char *name)
{
	fprintf(t->out, "%*s%0*" PRIx64 "-%0*" PRIx64 " : %s\n", (int)depth * 2, "", t->width, base,
		t->width, base + bytes - 1, name);
}

static void one_resource(void *ctx, const struct mm_resource *x)
{
	const struct tree *t = ctx;

	print_resource(t, x->depth != 0 ? x->depth - 1 : 0, x->base, x->bytes,
		       owner_name(t->r, x->owner));
}

/* Without a tree: the machine's regions with what is reserved in them. */
static void static_tree(const struct tree *t)
{
	const struct machine *m = t->r->sys->machine;

	for (unsigned i = 0; i < m->nr_regions; i++) {
		const struct region *g = &m->regions[i];
		uint64_t at = g->base;

		print_resource(t, 0, g->base, g->bytes,
			       g->kind == REGION_RAM ? "System RAM" : g->name);
		for (unsigned n = 0; n < m->nr_reserved; n++) {
			const struct reserved_range *next = NULL;

			for (unsigned k = 0; k < m->nr_reserved; k++) {
				const struct reserved_range *x = &m->reserved[k];

				if (x->base >= at && x->base < g->base + g->bytes &&
				    (next == NULL || x->base < next->base))
					next = x;
			}
			if (next == NULL)
				break;
			print_resource(t, 1, next->base, next->bytes, next->owner);
			at = next->base + next->bytes;
		}
	}
}

struct tree_reading {
	const struct sys_alloc *a;
	struct tree *t;
};

static void read_tree(void *ctx)
{
	struct tree_reading *x = ctx;

	x->a->ops->resources->each(x->a->alloc, one_resource, x->t);
}

void kernel_write_iomem(struct replay *r, FILE *out)
{
	const struct sys_alloc *a = r->sys->group[GROUP_IOREMAP];
	struct tree t = {.r = r, .out = out, .width = 8};

	struct tree_reading x = {a, &t};

	if (a == NULL || a->ops->resources == NULL)
		static_tree(&t);
	else
		(void)!replay_read(r, read_tree, &x);
}
