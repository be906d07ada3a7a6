/* The JSON report, block by block in the order of its schema. */
#include "sim/report.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "sim/autopsy.h"
#include "sim/figures.h"
#include "sim/heap_ratios.h"
#include "sim/report_parts.h"
#include "sim/virtual.h"
#include "sim/report_pages.h"

static json_t *uint_of(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* 1/1000 as a decimal number. */
static json_t *permille(int64_t n)
{
	return json_real((double)n / 1000);
}

static const char *end_word(enum replay_end end)
{
	static const char *const words[] = {
		[REPLAY_DONE] = "done",
		[REPLAY_STOPPED] = "interrupted",
		[REPLAY_FAILURE] = "stopped at a failure",
		[REPLAY_LIMIT] = "step limit",
		[REPLAY_FAULT] = "fault",
		[REPLAY_SIGNAL] = "fault",
		[REPLAY_DAMAGE] = "damaged trace",
		[REPLAY_CHECK] = "check failed",
		[REPLAY_REFUSED] = "refused",
	};

	return words[end];
}

/* ---- run ---- */

static json_t *param_json(const struct alloc_param *p, const struct param_value *v)
{
	json_t *list;

	switch (p->type) {
	case PARAM_BOOL:
		return json_boolean(v->u != 0);
	case PARAM_ENUM: {
		const char *w = p->choices;

		for (msize_t i = 0; i < v->u; i++)
			w += strcspn(w, " ") + 1;
		return json_stringn(w, strcspn(w, " "));
	}
	case PARAM_SIZES:
		list = json_array();
		for (unsigned i = 0; i < v->nr; i++)
			json_array_append_new(list, uint_of(v->list[i]));
		return list;
	default:
		return uint_of(v->u);
	}
}

static json_t *allocs_json(const struct system *s)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < s->nr_allocs; i++) {
		const struct sys_alloc *a = &s->allocs[i];
		json_t *params = json_object();

		for (unsigned p = 0; a->ops->params[p].name != NULL; p++)
			json_object_set_new(params, a->ops->params[p].name,
					    param_json(&a->ops->params[p], &a->params[p]));
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I, s:o}", "name", a->name,
						      "kind", a->ops->name, "from",
						      a->env.pages != NULL ? "pages" : "boot",
						      "arena_bytes", (json_int_t)a->arena.bytes,
						      "params", params));
	}
	return list;
}

static json_t *sets_json(const struct report_run *run)
{
	json_t *list = json_array();

	for (size_t i = 0; i < run->nr_sets; i++)
		json_array_append_new(list, json_string(run->sets[i]));
	return list;
}

static json_t *run_json(const struct replay *r, const struct report_run *run)
{
	const struct machine *m = r->sys->machine;

	return json_pack("{s:{s:s, s:i, s:i, s:i}, s:s, s:s, s:o, s:s?, s:o, s:s, s:I, s:o, s:b, s:s?, "
			 "s:b}",
			 "program", "version", run->program_version, "report_format", 1,
			 "machine_format", 1, "trace_format", 1, "machine_hash", m->hash, "variant",
			 m->variant, "set", sets_json(run), "alloc", run->alloc, "until",
			 run->until != 0 ? uint_of(run->until) : json_null(), "ended",
			 end_word(run->end), "noise_seed", (json_int_t)run->noise, "allocators",
			 allocs_json(r->sys), "tainted", r->sys->sh.tainted, "level", run->level, "start",
			 run->started);
}

static json_t *machine_json(const struct machine *m)
{
	return json_pack("{s:s, s:s, s:I, s:i, s:I}", "name", m->name, "variant", m->variant,
			 "page_size", (json_int_t)1 << m->page_shift, "word", (int)m->word,
			 "ram_bytes", (json_int_t)machine_ram(m));
}

/* The lines of trace_lost as a list; NULL: nothing was lost. */
static json_t *lost_json(const struct trace_reader *t)
{
	json_t *list = json_array();
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	if (out != NULL) {
		trace_lost(t, out);
		fclose(out);
	}
	for (char *line = text; line != NULL && *line != '\0';) {
		size_t n = strcspn(line, "\n");

		json_array_append_new(list, json_stringn(line, n));
		line += n + (line[n] != '\0');
	}
	free(text);
	if (json_array_size(list) > 0)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *trace_json(const struct replay *r)
{
	json_t *lost = r->trace != NULL ? lost_json(r->trace) : NULL, *o;
	char hash[33] = "";

	/* Of a part there is none: it would depend on how the reader cuts the trace. */
	if (r->trace != NULL && r->nr_trace != 0)
		trace_hash(r->trace, hash);
	o = json_pack("{s:I, s:s}", "events",
		      (json_int_t)(r->nr_trace != 0 ? r->nr_trace : r->fig->event), "hash", hash);
	if (lost != NULL)
		json_object_set_new(o, "lost", lost);
	return o;
}

static json_t *events_json(const struct figures *f)
{
	json_t *by = json_object(), *failed = json_object(), *o;

	for (unsigned i = 0; i < NR_TRACE_OPS; i++) {
		if (f->by_op[i] != 0)
			json_object_set_new(by, trace_op_word((enum trace_op)i),
					    uint_of(f->by_op[i]));
		if (f->failed_by_op[i] != 0)
			json_object_set_new(failed, trace_op_word((enum trace_op)i),
					    uint_of(f->failed_by_op[i]));
	}
	o = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "done", (json_int_t)f->event,
		      "failed", (json_int_t)f->failed, "skipped", (json_int_t)f->skipped,
		      "findings", (json_int_t)f->nr_bad, "bytes_requested",
		      (json_int_t)f->bytes_requested, "bytes_copied", (json_int_t)f->bytes_copied,
		      "by_op", by, "failed_by_op", failed);
	if (f->early != 0)
		json_object_set_new(o, "early", uint_of(f->early));
	return o;
}

/* ---- ledger ---- */

void report_set_classes(json_t *o, const int64_t sum[MM_NR_CLASSES])
{
	static const enum mm_class order[] = {MM_PAYLOAD, MM_ROUNDING, MM_METADATA, MM_SLACK,
					      MM_CACHED,  MM_FREE,     MM_RESERVED, MM_UNMANAGED};

	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
		json_object_set_new(o, mm_class_name(order[i]), json_integer(sum[order[i]]));
}

static json_t *total_json(const struct ledger *l, const struct mm_row *rows)
{
	int64_t sum[MM_NR_CLASSES];
	json_t *o = json_object();

	ledger_total(rows, l, sum);
	report_set_classes(o, sum);
	return o;
}

/* The rows at the peak: as they are, while live bytes still stand at their maximum. */
static const struct mm_row *peak_rows(const struct replay *r)
{
	return r->fig->peak_pending ? r->sys->ledger.rows : r->sys->ledger.peak;
}

static json_t *owners_json(const struct replay *r)
{
	const struct system *s = r->sys;
	json_t *list = json_array();

	for (unsigned i = 0; i < s->nr_allocs; i++) {
		static const enum mm_class held[] = {MM_PAYLOAD, MM_ROUNDING, MM_METADATA,
						     MM_SLACK,   MM_CACHED,   MM_FREE};
		const struct sys_alloc *a = &s->allocs[i];
		int64_t sum[MM_NR_CLASSES], peak[MM_NR_CLASSES];
		json_t *o = json_pack("{s:s, s:s}", "name", a->name, "kind", a->ops->name);

		ledger_owner(s->ledger.rows, &s->ledger, a->owner, sum);
		ledger_owner(peak_rows(r), &s->ledger, a->owner, peak);
		for (size_t c = 0; c < sizeof held / sizeof held[0]; c++)
			json_object_set_new(o, mm_class_name(held[c]), json_integer(sum[held[c]]));
		json_object_set_new(o, "metadata_at_peak", json_integer(peak[MM_METADATA]));
		json_array_append_new(list, o);
	}
	return list;
}

struct largest_reading {
	struct system *sys;
	uint64_t bytes[MACHINE_MAX_REGIONS];
};

static void read_largest(void *ctx)
{
	struct largest_reading *x = ctx;

	largest_by_region(x->sys, x->bytes);
}

static json_t *regions_json(struct replay *r)
{
	struct system *s = r->sys;
	struct largest_reading free_in = {.sys = s};
	json_t *list = json_array();

	if (!replay_read(r, read_largest, &free_in))
		free_in = (struct largest_reading){.sys = s};

	for (unsigned i = 0; i < s->machine->nr_regions; i++) {
		const struct region *g = &s->machine->regions[i];
		int64_t sum[MM_NR_CLASSES];
		json_t *o = json_pack("{s:s, s:I, s:I}", "name", g->name, "base",
				      (json_int_t)g->base, "size", (json_int_t)g->bytes);

		ledger_region(s->ledger.rows, &s->ledger, i, sum);
		report_set_classes(o, sum);
		json_object_set_new(o, "largest_free_bytes", uint_of(free_in.bytes[i]));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *ledger_json(struct replay *r)
{
	const struct system *s = r->sys;

	return json_pack("{s:o, s:o, s:o, s:o}", "final", total_json(&s->ledger, s->ledger.rows),
			 "peak", total_json(&s->ledger, peak_rows(r)), "by_owner", owners_json(r),
			 "regions", regions_json(r));
}

static json_t *peak_json(const struct figures *f)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "live_bytes", (json_int_t)f->peak_live_bytes,
			 "live_blocks", (json_int_t)f->peak_live_blocks, "footprint_bytes",
			 (json_int_t)f->peak_footprint, "footprint_event",
			 (json_int_t)f->peak_footprint_event, "event", (json_int_t)f->peak_event);
}

/* ---- zones ---- */

/* A zone, an allocator's free space: read first, as a corrupt image may fault. */
struct reading {
	struct system *sys;
	struct sys_alloc *a;
	uint32_t nr; /* of the zone */
	struct zone_figures zone;
	struct free_area area;
	struct free_space space;
};

static void read_zone(void *ctx)
{
	struct reading *x = ctx;

	x->a->ops->pages->zone(x->a->alloc, x->nr, &x->zone);
	free_area_of(x->a, x->nr, &x->area);
}

static void read_space(void *ctx)
{
	struct reading *x = ctx;

	x->space = free_space(x->sys, x->a);
}

/* What cannot be read is reported as zeros; the fault is among the findings. */
static struct reading read_image(struct replay *r, struct sys_alloc *a, uint32_t nr,
				 void (*fn)(void *ctx))
{
	struct reading x = {.sys = r->sys, .a = a, .nr = nr};

	if (!replay_read(r, fn, &x))
		return (struct reading){.sys = r->sys, .a = a, .nr = nr};
	return x;
}

static json_t *zone_json(struct replay *r, struct sys_alloc *p, unsigned z)
{
	const struct reading x = read_image(r, p, z, read_zone);
	const struct zone_figures f = x.zone;
	const struct free_area a = x.area;
	json_t *nr = json_array(), *un = json_array(), *ext = json_array(), *zone;
	uint64_t largest = 0;

	for (unsigned o = 0; o <= a.max_order; o++) {
		json_array_append_new(nr, uint_of(a.nr_free[o]));
		json_array_append_new(un, permille(unusable_index(&a, o)));
		json_array_append_new(ext, permille(extfrag_index(&a, o)));
		if (a.nr_free[o] != 0)
			largest = 1ull << (o + r->sys->machine->page_shift);
	}
	zone = json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:o}",
			 "name", p->env.zones[z].name, "node", (int)p->env.zones[z].node,
			 "managed_pages", (json_int_t)f.managed,
			 "free_pages", (json_int_t)f.free, "min", (json_int_t)f.min, "low",
			 (json_int_t)f.low, "high", (json_int_t)f.high, "nr_free", nr, "unusable",
			 un, "extfrag", ext, "largest_free_bytes", (json_int_t)largest, "fallbacks",
			 (json_int_t)f.fallbacks, "listed_pages", (json_int_t)f.listed, "pcp",
			 report_lists(p, z, r->sys->machine->cpus));
	report_reserves(zone, &f);
	return zone;
}

static json_t *zones_json(struct replay *r)
{
	struct system *s = r->sys;
	json_t *list = json_array();

	for (unsigned i = 0; i < s->nr_allocs; i++)
		for (unsigned z = 0;
		     s->allocs[i].ops->pages != NULL && z < s->allocs[i].env.nr_zones; z++)
			json_array_append_new(list, zone_json(r, &s->allocs[i], z));
	return list;
}

/* ---- heaps and caches ---- */

/* [[steps, searches], ...]: the steps from which a bucket counts, empty ones left out. */
static json_t *histogram_json(const struct mm_search *s)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < MM_SEARCH_BUCKETS; i++)
		if (s->bucket[i] != 0)
			json_array_append_new(list, json_pack("[I, I]",
							      (json_int_t)search_bucket(i),
							      (json_int_t)s->bucket[i]));
	return list;
}

static json_t *search_json(const struct mm_search *s)
{
	uint64_t count = search_count(s);

	return json_pack("{s:I, s:o, s:I, s:I, s:I, s:I, s:o}", "count", (json_int_t)count, "mean",
			 permille(count ? (int64_t)(s->steps * 1000 / count) : 0), "p50",
			 (json_int_t)search_percentile(s, 500), "p99",
			 (json_int_t)search_percentile(s, 990), "max", (json_int_t)s->max,
			 "max_event", (json_int_t)s->max_event, "histogram", histogram_json(s));
}

static json_t *jw_json(const struct replay *r, const struct sys_alloc *a)
{
	json_t *list = json_array();
	uint64_t jw[4];

	heap_ratios(r, a, jw);
	for (int i = 0; i < 4; i++)
		json_array_append_new(list, permille((int64_t)jw[i]));
	return list;
}

/* Which of the trace's arenas a stack allocator holds, or held last. */
static void say_arena(json_t *o, const struct replay *r, const struct sys_alloc *a)
{
	const struct figures *f = r->fig;

	for (unsigned i = 0; i < f->nr_arenas; i++)
		if (system_arena(r->sys, i) == a) {
			json_object_set_new(o, "arena", uint_of(f->arena[i].number));
			json_object_set_new(o, "pushes", uint_of(f->arena[i].live_blocks));
		}
}

static json_t *heap_json(struct replay *r, struct sys_alloc *a)
{
	const struct ledger *l = &r->sys->ledger;
	struct free_space f = read_image(r, a, 0, read_space).space;
	int64_t sum[MM_NR_CLASSES];
	json_t *o;

	ledger_owner(l->rows, l, a->owner, sum);
	o = json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:I}", "name",
		a->name, "kind", a->ops->name, "arena_bytes",
		(json_int_t)(a->arena.bytes ? a->arena.bytes : a->source.held), "live_bytes",
		(json_int_t)sum[MM_PAYLOAD], "rounding_bytes", (json_int_t)sum[MM_ROUNDING],
		"metadata_bytes", (json_int_t)sum[MM_METADATA], "free_bytes", (json_int_t)f.bytes,
		"largest_free_bytes", (json_int_t)f.largest, "free_blocks", (json_int_t)f.blocks,
		"jw", jw_json(r, a), "search", search_json(&l->search[a->owner]), "splits",
		(json_int_t)a->view.count[MM_EV_CHUNK_SPLIT], "merges",
		(json_int_t)a->view.count[MM_EV_CHUNK_MERGE], "footprint_bytes",
		(json_int_t)a->footprint);
	if (a->ops->stack != NULL)
		say_arena(o, r, a);
	return o;
}

static json_t *heaps_json(struct replay *r)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < r->sys->nr_allocs; i++) {
		struct sys_alloc *a = &r->sys->allocs[i];

		if (a->ops->bytes != NULL || a->ops->stack != NULL || a->pages_as_heap)
			json_array_append_new(list, heap_json(r, a));
	}
	return list;
}

/* ---- failures and findings ---- */

static const char *string_of(const struct replay *r, uint32_t i)
{
	return r->trace != NULL ? trace_string(r->trace, i) : "";
}

static json_t *blockers_json(const struct replay *r, const struct failure *f)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < MAX_BLOCKERS && i < f->nr_blockers; i++) {
		const struct blocker *b = &f->blocker[i];

		json_array_append_new(
			list, json_pack("{s:I, s:I, s:I, s:I, s:s, s:I}", "id", (json_int_t)b->slot,
					"address", (json_int_t)b->pa, "size", (json_int_t)b->bytes,
					"born", (json_int_t)b->birth, "site", string_of(r, b->site),
					"age", (json_int_t)(f->event - b->birth)));
	}
	return list;
}

static json_t *conflict_json(const struct replay *r, const struct mm_resource *x)
{
	char name[RESOURCE_NAME];

	resource_name(r, x->owner, name);
	return json_pack("{s:s, s:I, s:I}", "with", name, "base", (json_int_t)x->base, "bytes",
			 (json_int_t)x->bytes);
}

static json_t *candidate_json(const struct replay *r, const struct failure *f)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:s, s:I, s:o}", "base", (json_int_t)f->range_base,
			 "bytes", (json_int_t)f->range_bytes, "free_bytes",
			 (json_int_t)f->range_free, "held_bytes", (json_int_t)f->range_held,
			 "obstacle", obstacle_name(failure_obstacle(f)), "blockers_total",
			 (json_int_t)f->nr_blockers, "blockers", blockers_json(r, f));
}

json_t *report_failure(const struct replay *r, const struct failure *f)
{
	json_t *o =
		json_pack("{s:I, s:s, s:I, s:I, s:I, s:s, s:s, s:I, s:I}", "event",
			  (json_int_t)f->event, "op", trace_op_word((enum trace_op)f->op), "id",
			  f->slot == SLOT_NONE ? (json_int_t)-1 : (json_int_t)f->slot, "size",
			  (json_int_t)f->size, "align", (json_int_t)f->align, "cause",
			  cause_name((enum cause)f->cause), "allocator",
			  r->sys->allocs[f->alloc].name, "free_bytes", (json_int_t)f->free_bytes,
			  "largest_free_bytes", (json_int_t)f->largest_free);

	if (f->master != 0)
		json_object_set_new(o, "master", json_string(string_of(r, f->master)));
	if (f->site != 0)
		json_object_set_new(o, "site", json_string(string_of(r, f->site)));
	if (f->conflict.bytes != 0)
		json_object_set_new(o, "conflict", conflict_json(r, &f->conflict));
	if (f->range_bytes != 0)
		json_object_set_new(o, "candidate", candidate_json(r, f));
	return o;
}

static json_t *failures_json(const struct replay *r)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < r->fig->nr_failures; i++)
		json_array_append_new(list, report_failure(r, &r->fig->failure[i]));
	return list;
}

static json_t *causes_json(const struct figures *f)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < NR_CAUSES; i++)
		json_object_set_new(o, cause_name((enum cause)i), uint_of(f->by_cause[i]));
	return o;
}

/* "events.by_op.OP" of an operation that there is. */
static bool names_op(const char *path)
{
	const char *op = strrchr(path, '.');

	for (unsigned i = 0; op != NULL && i < NR_TRACE_OPS; i++)
		if (strcmp(trace_op_word((enum trace_op)i), op + 1) == 0)
			return fnmatch("events.*by_op.*", path, 0) == 0;
	return false;
}

bool report_comes_later(const char *path)
{
	/* fnmatch(3): a star goes over dots as well. */
	static const char *const late[] = {
		"recorded_grants", "expect", "image_hash", "caches*", "failures[[]*",
		"findings[[]*", "live_at_end.by_site[[]*", "page_owners*", "virtual.access*",
		"stacks.deepest*", "heaps.*.search.*", "heaps.*.arena", "heaps.*.pushes",
		/* further arenas: arena_2, ... */
		"heaps.*_[0-9]*", "heaps[[]*", "ledger.by_owner.*_[0-9]*", "ledger.by_owner[[]*"};

	for (size_t i = 0; i < sizeof late / sizeof late[0]; i++)
		if (fnmatch(late[i], path, FNM_CASEFOLD) == 0)
			return true;
	return names_op(path);
}

json_t *report_build(struct replay *r, const struct report_run *run)
{
	json_t *o = json_object();

	json_object_set_new(o, "schema", json_string("memscape.report/1"));
	json_object_set_new(o, "run", run_json(r, run));
	json_object_set_new(o, "machine", machine_json(r->sys->machine));
	json_object_set_new(o, "trace", trace_json(r));
	json_object_set_new(o, "events", events_json(r->fig));
	json_object_set_new(o, "ledger", ledger_json(r));
	json_object_set_new(o, "peak", peak_json(r->fig));
	json_object_set_new(o, "zones", zones_json(r));
	if (r->sys->machine->distance != NULL)
		json_object_set_new(o, "nodes", report_nodes(r));
	json_object_set_new(o, "reclaimed", report_reclaimed(r->sys));
	json_object_set_new(o, "caches", report_caches(r));
	json_object_set_new(o, "heaps", heaps_json(r));
	if (r->fig->recorded.grants != 0)
		json_object_set_new(o, "recorded_grants", report_recorded(r->fig));
	json_object_set_new(o, "virtual", virtual_json(r));
	if (r->sys->machine->mmu != MMU_NONE && r->sys->pages != NULL)
		json_object_set_new(o, "page_owners", report_owners(r));
	if (r->sys->group[GROUP_CMA] != NULL)
		json_object_set_new(o, "cma", report_cma(r));
	if (r->sys->group[GROUP_STACK] != NULL)
		json_object_set_new(o, "stacks", report_stacks(r));
	json_object_set_new(o, "failures", failures_json(r));
	json_object_set_new(o, "failures_by_cause", causes_json(r->fig));
	json_object_set_new(o, "findings", report_findings(r));
	json_object_set_new(o, "live_at_end", report_live(r));
	if (run->expect != NULL)
		json_object_set_new(o, "expect", report_expect(run->expect));
	if (run->image_hash) {
		struct image_hash h = physmem_hash(&r->sys->pm);
		char hex[33];

		snprintf(hex, sizeof hex, "%016llx%016llx", (unsigned long long)h.hi,
			 (unsigned long long)h.lo);
		json_object_set_new(o, "image_hash", json_string(hex));
	}
	return o;
}
