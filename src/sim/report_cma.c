/* The report's `cma` block: the range that is lent, and what taking it back moved. */
#include "sim/report_parts.h"

struct reading {
	const struct system *s;
	struct cma_figures f;
	uint64_t free; /* pages of the range in the free lists */
};

static void read_figures(void *ctx)
{
	struct reading *x = ctx;
	const struct sys_alloc *h = x->s->group[GROUP_CMA], *p = x->s->pages;
	unsigned max = p->ops->pages->max_order(p->alloc);

	h->ops->cma->figures(h->alloc, &x->f);
	for (unsigned z = 0; p->ops->pages->nr_free_type != NULL && z < p->env.nr_zones; z++)
		for (unsigned o = 0; o <= max; o++)
			x->free += p->ops->pages->nr_free_type(p->alloc, z, o, MIGRATE_CMA) << o;
}

json_t *report_cma(struct replay *r)
{
	const struct sys_alloc *h = r->sys->group[GROUP_CMA];
	const struct cma_counts *n = &r->fig->cma;
	struct reading x = {.s = r->sys};
	json_t *o;

	if (h == NULL || h->ops->cma == NULL || !replay_read(r, read_figures, &x))
		return json_object();
	o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name", h->name, "kind",
		      h->ops->name, "start_pfn", (json_int_t)x.f.start.v, "pages",
		      (json_int_t)x.f.pages, "claimed_pages", (json_int_t)x.f.claimed, "free_pages",
		      (json_int_t)x.free, "lent_pages",
		      (json_int_t)(x.f.pages - x.f.claimed - x.free), "largest_unclaimed_pages",
		      (json_int_t)x.f.largest);
	json_object_set_new(o, "served", json_integer((json_int_t)n->served));
	json_object_set_new(o, "migrated_blocks", json_integer((json_int_t)n->moved_blocks));
	json_object_set_new(o, "migrated_pages", json_integer((json_int_t)n->moved_pages));
	json_object_set_new(o, "migrated_bytes", json_integer((json_int_t)n->bytes_copied));
	return o;
}
