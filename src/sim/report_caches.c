/* The report's caches: as a kernel's /proc/slabinfo lists them. */
#include "sim/report_parts.h"

#include <stdio.h>

struct reading {
	struct sys_alloc *a;
	uint32_t cache, next;
	struct cache_figures figures;
};

static void read_figures(void *ctx)
{
	struct reading *x = ctx;

	x->a->ops->caches->figures(x->a->alloc, x->cache, &x->figures);
}

static void read_next(void *ctx)
{
	struct reading *x = ctx;

	x->next = x->a->ops->caches->next(x->a->alloc, x->cache);
}

void report_cache_name(const struct machine *m, const struct cache_figures *c,
		       char buf[CACHE_NAME_BYTES])
{
	unsigned long long size = c->request_size;
	bool dma = (c->flags & SLAB_CACHE_DMA) != 0;

	if (c->what != NULL)
		snprintf(buf, CACHE_NAME_BYTES, "%s", c->what);
	else if (m->rules == RULES_TEXTBOOK)
		snprintf(buf, CACHE_NAME_BYTES, "size-%llu%s", size, dma ? "(DMA)" : "");
	else if (m->rules == RULES_LINUX_6 && size >= 1024)
		snprintf(buf, CACHE_NAME_BYTES, "%skmalloc-%llu%c", dma ? "dma-" : "",
			 size >= 1048576 ? size >> 20 : size >> 10, size >= 1048576 ? 'M' : 'k');
	else
		snprintf(buf, CACHE_NAME_BYTES, "%skmalloc-%llu", dma ? "dma-" : "", size);
}

static json_t *cache_json(const struct cache_figures *c, const char *name)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", name, "object_size",
			 (json_int_t)c->object_size, "slab_size", (json_int_t)c->slab_size,
			 "objects_per_slab", (json_int_t)c->objects_per_slab, "pages_per_slab",
			 (json_int_t)c->pages_per_slab, "active_objects",
			 (json_int_t)c->active_objects, "total_objects",
			 (json_int_t)c->total_objects, "slabs", (json_int_t)c->slabs);
}

const char *report_cache_given(const struct replay *r, const struct sys_alloc *a, uint32_t cache)
{
	for (uint32_t i = 0; i < r->live.nr; i++) {
		const struct live *l = &r->live.slot[i];

		if (live_state(l) == LIVE_CACHE && live_pa(l) == cache &&
		    &r->sys->allocs[live_alloc(l)] == a)
			return r->trace != NULL ? trace_string(r->trace, live_extra(&r->live, l)) : "";
	}
	return NULL;
}

/* What cannot be read is reported as zeros; the fault is among the findings. */
static void add_cache(struct replay *r, json_t *list, struct reading *x)
{
	const char *given = report_cache_given(r, x->a, x->cache);
	char name[CACHE_NAME_BYTES];
	json_t *o;

	if (!replay_read(r, read_figures, x))
		x->figures = (struct cache_figures){0};
	report_cache_name(r->sys->machine, &x->figures, name);
	o = cache_json(&x->figures, given != NULL ? given : name);
	if (x->a->ops->caches->next != NULL) {
		json_object_set_new(o, "allocator", json_string(x->a->name));
		json_object_set_new(o, "request_size",
				    json_integer((json_int_t)x->figures.request_size));
		json_object_set_new(o, "partial_slabs",
				    json_integer((json_int_t)x->figures.partial));
		json_object_set_new(o, "cpu_slabs", json_integer((json_int_t)x->figures.cpu_slabs));
	}
	json_array_append_new(list, o);
}

/* The caches of a kind that lists them; at most as many as a damaged list may pretend. */
static void add_listed(struct replay *r, json_t *list, struct sys_alloc *a)
{
	struct reading x = {.a = a, .cache = CACHE_NONE};

	for (unsigned n = 0; n < 65536; n++) {
		if (!replay_read(r, read_next, &x) || x.next == CACHE_NONE)
			return;
		x.cache = x.next;
		add_cache(r, list, &x);
	}
}

json_t *report_caches(struct replay *r)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < r->sys->nr_allocs; i++) {
		struct sys_alloc *a = &r->sys->allocs[i];

		if (a->ops->caches != NULL && a->ops->caches->next != NULL)
			add_listed(r, list, a);
	}
	for (uint32_t i = 0; i < r->live.nr; i++) {
		const struct live *l = &r->live.slot[i];
		struct reading x = {.a = &r->sys->allocs[live_alloc(l)],
				    .cache = (uint32_t)live_pa(l)};

		if (live_state(l) == LIVE_CACHE && x.a->ops->caches->next == NULL)
			add_cache(r, list, &x);
	}
	return list;
}

json_t *report_recorded(const struct figures *f)
{
	const struct recorded_grants *g = &f->recorded;

	return json_pack("{s:I, s:I, s:I, s:I}", "requests", (json_int_t)g->grants, "equal",
			 (json_int_t)g->equal, "bytes_there", (json_int_t)g->bytes_there,
			 "bytes_here", (json_int_t)g->bytes_here);
}

json_t *report_reclaimed(const struct system *s)
{
	const uint64_t *count = s->pages != NULL ? s->pages->view.count : NULL;

	return json_pack("{s:I, s:I}", "calls",
			 (json_int_t)(count != NULL ? count[MM_EV_SHRINK] : 0), "pages",
			 (json_int_t)(count != NULL ? count[MM_EV_SHRUNK] : 0));
}
