/*
 * The report's `virtual` block: page tables, windows, TLBs, and what accesses cost in
 * each window.  Empty where no address space was booted.
 */
#include <stdio.h>

#include "sim/virtual.h"

struct reading {
	struct sys_alloc *a;
	unsigned i;
	struct map_window window;
	struct map_tables tables;
	bool there;
};

static void read_window(void *ctx)
{
	struct reading *x = ctx;

	x->there = x->a->ops->maps->window(x->a->alloc, x->i, &x->window);
}

static void read_tables(void *ctx)
{
	struct reading *x = ctx;

	x->a->ops->maps->tables(x->a->alloc, &x->tables);
}

/* What cannot be read is reported as not there; the fault is among the findings. */
static struct reading read_map(struct replay *r, struct sys_alloc *a, unsigned i,
			       void (*fn)(void *))
{
	struct reading x = {.a = a, .i = i};

	if (!replay_read(r, fn, &x))
		return (struct reading){.a = a, .i = i};
	return x;
}

static json_t *num(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *window_json(const struct sys_alloc *a, const struct map_window *w)
{
	char start[24];

	snprintf(start, sizeof start, "0x%llx", (unsigned long long)w->start.v);
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name", w->name,
			 "allocator", a->name, "start", start, "bytes", (json_int_t)w->bytes,
			 "used_bytes", (json_int_t)w->used, "lazy_bytes", (json_int_t)w->lazy,
			 "free_bytes", (json_int_t)w->free, "largest_free_bytes",
			 (json_int_t)w->largest, "areas", (json_int_t)w->areas);
}

static json_t *windows_json(struct replay *r)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < r->sys->nr_allocs; i++) {
		struct sys_alloc *a = &r->sys->allocs[i];

		for (unsigned k = 0; a->ops->maps != NULL; k++) {
			struct reading x = read_map(r, a, k, read_window);

			if (!x.there)
				break;
			json_array_append_new(list, window_json(a, &x.window));
		}
	}
	return list;
}

static json_t *tables_json(struct replay *r, struct sys_alloc *a)
{
	struct map_tables t = read_map(r, a, 0, read_tables).tables;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "top", (json_int_t)t.top.v, "pages",
			 (json_int_t)t.pages, "bytes",
			 (json_int_t)(t.pages << r->sys->machine->page_shift), "direct_small",
			 (json_int_t)t.direct_small, "direct_large", (json_int_t)t.direct_large,
			 "large_page_bytes", (json_int_t)t.large_bytes);
}

static json_t *tlb_json(const struct system *s)
{
	const struct mmu_counts *n = &s->mmu.state->n;
	json_t *levels = json_array(), *o;

	for (unsigned i = 0; i < s->mmu.nr_tlbs; i++)
		json_array_append_new(levels,
				      json_pack("{s:s, s:I, s:I}", "name", s->machine->tlbs[i].name,
						"hits", (json_int_t)n->hits[i], "misses",
						(json_int_t)n->misses[i]));
	o = json_pack("{s:I, s:o, s:I, s:I, s:I, s:I}", "accesses", (json_int_t)n->accesses,
		      "levels", levels, "walks", (json_int_t)n->walks, "walk_loads",
		      (json_int_t)n->walk_loads, "faults", (json_int_t)n->faults, "cycles",
		      (json_int_t)n->cycles);
	json_object_set_new(o, "flushes_page", num(n->flushes_page));
	json_object_set_new(o, "flushes_all", num(n->flushes_all));
	return o;
}

static json_t *access_json(const struct figures *f)
{
	static const char *const names[] = {[ACCESS_DIRECT] = "direct",
					    [ACCESS_VMALLOC] = "vmalloc",
					    [ACCESS_DEVICE] = "ioremap",
					    [ACCESS_KMAP] = "kmap",
					    [ACCESS_USER] = "user"};
	json_t *list = json_array();

	for (unsigned i = 0; i < NR_ACCESS_WINDOWS; i++) {
		const struct access_figures *a = &f->access[i];

		if (a->events != 0)
			json_array_append_new(
				list,
				json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name",
					  names[i], "events", (json_int_t)a->events, "bytes",
					  (json_int_t)a->bytes, "accesses", (json_int_t)a->accesses,
					  "tlb_misses", (json_int_t)a->tlb_misses, "walks",
					  (json_int_t)a->walks, "walk_loads",
					  (json_int_t)a->walk_loads, "cycles",
					  (json_int_t)a->cycles));
	}
	return list;
}

json_t *virtual_json(struct replay *r)
{
	struct sys_alloc *space = r->sys->group[GROUP_VIRTUAL];
	json_t *o = json_object();

	if (space == NULL || space->ops->maps == NULL)
		return o;
	json_object_set_new(o, "page_tables", tables_json(r, space));
	json_object_set_new(o, "windows", windows_json(r));
	json_object_set_new(o, "purges", num(space->view.count[MM_EV_PURGE]));
	json_object_set_new(o, "tlb", tlb_json(r->sys));
	json_object_set_new(o, "access", access_json(r->fig));
	return o;
}
