/* /proc/slabinfo of a kernel's slab layer: kinds that list their caches. */
#include <inttypes.h>

#include "sim/kernel_write_private.h"
#include "sim/report_parts.h"

struct cache_reading {
	struct sys_alloc *a;
	uint32_t cache, next;
	struct cache_figures figures;
};

static void read_next(void *ctx)
{
	struct cache_reading *x = ctx;

	x->next = x->a->ops->caches->next(x->a->alloc, x->cache);
}

static void read_figures(void *ctx)
{
	struct cache_reading *x = ctx;

	x->a->ops->caches->figures(x->a->alloc, x->cache, &x->figures);
}

/* Objects and slabs that CPUs hold are active ones there: a kernel does not ask the CPUs. */
static void print_cache(struct replay *r, struct cache_reading *x, FILE *out)
{
	const struct cache_figures *c = &x->figures;
	const char *given = report_cache_given(r, x->a, x->cache);
	char name[CACHE_NAME_BYTES];

	if (!replay_read(r, read_figures, x))
		return;
	report_cache_name(r->sys->machine, c, name);
	fprintf(out,
		"%-17s %6" PRIu64 " %6" PRIu64 " %6" PRIu64 " %4" PRIu64 " %4" PRIu64
		" : tunables %4u %4u %4u : slabdata %6" PRIu64 " %6" PRIu64 " %6" PRIu64 "\n",
		given != NULL ? given : name, c->active_objects + c->at_hand, c->total_objects,
		c->object_size, c->objects_per_slab, c->pages_per_slab, c->limit, c->batch,
		c->shared, c->slabs - c->free_slabs, c->slabs, c->shared_avail);
}

void kernel_write_slabinfo(struct replay *r, FILE *out)
{
	fprintf(out, "slabinfo - version: 2.1\n"
		     "# name            <active_objs> <num_objs> <objsize> <objperslab> "
		     "<pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata "
		     "<active_slabs> <num_slabs> <sharedavail>\n");
	for (unsigned i = 0; i < r->sys->nr_allocs; i++) {
		struct cache_reading x = {.a = &r->sys->allocs[i], .cache = CACHE_NONE};

		if (x.a->ops->caches == NULL || x.a->ops->caches->next == NULL)
			continue;
		/* At most as many as a damaged list may pretend. */
		for (unsigned n = 0; n < 65536; n++) {
			if (!replay_read(r, read_next, &x) || x.next == CACHE_NONE)
				break;
			x.cache = x.next;
			print_cache(r, &x, out);
		}
	}
}
