#include "sim/condition_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/figures.h"
#include "sim/report.h"

/* ---- parsing ---- */

static bool names_event(const struct node *n)
{
	if (n == NULL)
		return false;
	if (n->kind == N_PATH && n->nr_steps != 0 && n->step[0].name != NULL &&
	    strcasecmp(n->step[0].name, "event") == 0)
		return true;
	return names_event(n->kid[0]) || names_event(n->kid[1]);
}

struct condition *condition_parse(const char *text, struct diag *d)
{
	struct condition *c = calloc(1, sizeof *c);

	if (c == NULL) {
		diag_set(d, "", 0, 0, "out of host memory");
		return NULL;
	}
	c->e = expr_parse(text, "", d);
	if (c->e == NULL) {
		condition_free(c);
		return NULL;
	}
	c->of_event = names_event(c->e->root);
	return c;
}

void condition_free(struct condition *c)
{
	if (c == NULL)
		return;
	expr_free(c->e);
	json_decref(c->report);
	free(c);
}

bool condition_is_of_event(const struct condition *c)
{
	return c->of_event;
}

void condition_restart(struct condition *c)
{
	c->anchors = (struct anchors){.filled = false};
	for (unsigned i = 0; i < MAX_LIMITS; i++)
		c->limit[i].known = false;
}

/* ---- values ---- */

static bool number(struct value *out, int64_t n)
{
	*out = (struct value){.number = (fixed)n * MILLION};
	return true;
}

static bool thousandths(struct value *out, int64_t n)
{
	*out = (struct value){.number = (fixed)n * (MILLION / 1000)};
	return true;
}

static bool text(struct value *out, const struct replay *r, uint32_t string)
{
	*out = (struct value){.text = trace_string(r->trace, string)};
	return true;
}

static const char *step_name(const struct node *n, unsigned i)
{
	return i < n->nr_steps && n->step[i].name != NULL ? n->step[i].name : "";
}

static bool is_step(const struct node *n, unsigned i, const char *word)
{
	return strcasecmp(step_name(n, i), word) == 0;
}

/* Whether what follows the first `steps` steps is one index; *out the index. */
static bool ends_in_index(const struct node *n, unsigned steps, size_t *out)
{
	if (n->nr_steps != steps + 1 || n->step[steps].name != NULL)
		return false;
	*out = n->step[steps].index;
	return true;
}

static bool event_path(const struct condition *c, const struct node *n, struct value *out)
{
	const struct happening *h = c->at.h;
	const struct trace_event *ev = &h->ev;
	const char *what = step_name(n, 1);
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{"number", h->number},
		{"id", ev->slot},
		{"size", ev->size != 0 ? ev->size : h->bytes},
		{"align", ev->op == OP_MEMALIGN || ev->op == OP_DMA_ALLOC ? ev->arg : 0},
		{"order", ev->order},
		{"address", h->bytes != 0 ? h->pa : 0},
		{"cpu", ev->cpu},
		{"failed", h->outcome == OUTCOME_FAILED},
		{"skipped", h->outcome == OUTCOME_SKIPPED},
		{"finding", h->outcome == OUTCOME_FINDING},
		{"fallback", c->at.fallback},
	};

	if (n->nr_steps != 2)
		return false;
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		if (strcasecmp(numbers[i].name, what) == 0)
			return number(out, (int64_t)numbers[i].value);
	if (strcasecmp(what, "op") == 0) {
		*out = (struct value){.text = trace_op_word((enum trace_op)ev->op)};
		return true;
	}
	if (strcasecmp(what, "site") == 0)
		return text(out, c->at.r, ev->site);
	return strcasecmp(what, "tag") == 0 && text(out, c->at.r, ev->tag);
}

static bool op_path(const struct figures *f, const char *word, struct value *out)
{
	for (unsigned i = 0; i < NR_TRACE_OPS; i++)
		if (strcasecmp(trace_op_word((enum trace_op)i), word) == 0)
			return number(out, (int64_t)f->by_op[i]);
	return false;
}

static bool events_path(const struct figures *f, const struct node *n, struct value *out)
{
	if (n->nr_steps == 3 && is_step(n, 1, "by_op"))
		return op_path(f, step_name(n, 2), out);
	if (n->nr_steps != 2)
		return false;
	if (is_step(n, 1, "bytes_requested"))
		return number(out, (int64_t)f->bytes_requested);
	if (is_step(n, 1, "bytes_copied"))
		return number(out, (int64_t)f->bytes_copied);
	if (is_step(n, 1, "done"))
		return number(out, (int64_t)f->event);
	if (is_step(n, 1, "failed"))
		return number(out, (int64_t)f->failed);
	if (is_step(n, 1, "skipped"))
		return number(out, (int64_t)f->skipped);
	return is_step(n, 1, "findings") && number(out, (int64_t)f->nr_bad);
}

static bool peak_path(const struct figures *f, const struct node *n, struct value *out)
{
	const struct {
		const char *name;
		uint64_t value;
	} of[] = {{"live_bytes", f->peak_live_bytes},
		  {"live_blocks", f->peak_live_blocks},
		  {"footprint_bytes", f->peak_footprint},
		  {"footprint_event", f->peak_footprint_event},
		  {"event", f->peak_event}};

	for (size_t i = 0; n->nr_steps == 2 && i < sizeof of / sizeof of[0]; i++)
		if (is_step(n, 1, of[i].name))
			return number(out, (int64_t)of[i].value);
	return false;
}

static bool cause_path(const struct figures *f, const struct node *n, struct value *out)
{
	for (unsigned i = 0; n->nr_steps == 2 && i < NR_CAUSES; i++)
		if (is_step(n, 1, cause_name((enum cause)i)))
			return number(out, (int64_t)f->by_cause[i]);
	return false;
}

static bool class_of(const char *name, enum mm_class *c)
{
	for (unsigned i = 0; i < MM_GRANTED; i++)
		if (strcasecmp(mm_class_name((enum mm_class)i), name) == 0) {
			*c = (enum mm_class)i;
			return true;
		}
	return false;
}

static bool owner_path(const struct system *s, const char *name, enum mm_class c, struct value *out)
{
	int64_t sum[MM_NR_CLASSES];

	/* As the report: what an allocator can hold. */
	if (c == MM_RESERVED || c == MM_UNMANAGED)
		return false;
	for (unsigned i = 0; i < s->nr_allocs; i++)
		if (strcasecmp(s->allocs[i].name, name) == 0) {
			ledger_owner(s->ledger.rows, &s->ledger, s->allocs[i].owner, sum);
			return number(out, sum[c]);
		}
	return false;
}

static bool ledger_path(const struct system *s, const struct node *n, struct value *out)
{
	int64_t sum[MM_NR_CLASSES];
	enum mm_class c;
	int region;

	if (n->nr_steps == 3 && is_step(n, 1, "final") && class_of(step_name(n, 2), &c)) {
		ledger_total(s->ledger.rows, &s->ledger, sum);
		return number(out, sum[c]);
	}
	if (n->nr_steps != 4 || !class_of(step_name(n, 3), &c))
		return false;
	if (is_step(n, 1, "by_owner"))
		return owner_path(s, step_name(n, 2), c, out);
	if (!is_step(n, 1, "regions"))
		return false;
	region = machine_region(s->machine, step_name(n, 2));
	if (region < 0)
		return false;
	ledger_region(s->ledger.rows, &s->ledger, (unsigned)region, sum);
	return number(out, sum[c]);
}

/* ---- zones: read from the image, so a corrupt one may fault ---- */

struct zone_question {
	struct sys_alloc *a;
	unsigned zone;
	struct zone_figures f;
	struct free_area area;
};

static void read_zone(void *ctx)
{
	struct zone_question *q = ctx;

	q->a->ops->pages->zone(q->a->alloc, q->zone, &q->f);
	free_area_of(q->a, q->zone, &q->area);
}

static bool ask_zone(const struct condition *c, const char *name, struct zone_question *q)
{
	struct system *s = c->at.r->sys;

	for (unsigned i = 0; i < s->nr_allocs; i++) {
		struct sys_alloc *a = &s->allocs[i];

		for (unsigned z = 0; a->ops->pages != NULL && z < a->env.nr_zones; z++)
			if (strcasecmp(a->env.zones[z].name, name) == 0) {
				*q = (struct zone_question){.a = a, .zone = z};
				return replay_read(c->at.r, read_zone, q);
			}
	}
	return false;
}

static bool zone_path(const struct condition *c, const struct node *n, struct value *out)
{
	struct zone_question q;
	size_t k;

	if (n->nr_steps < 3 || !ask_zone(c, step_name(n, 1), &q))
		return false;
	if (ends_in_index(n, 3, &k) && k <= q.area.max_order) {
		if (is_step(n, 2, "nr_free"))
			return number(out, (int64_t)q.area.nr_free[k]);
		if (is_step(n, 2, "unusable"))
			return thousandths(out, unusable_index(&q.area, (unsigned)k));
		return is_step(n, 2, "extfrag") &&
		       thousandths(out, extfrag_index(&q.area, (unsigned)k));
	}
	if (n->nr_steps != 3)
		return false;
	if (is_step(n, 2, "free_pages"))
		return number(out, (int64_t)q.f.free);
	if (is_step(n, 2, "managed_pages"))
		return number(out, (int64_t)q.f.managed);
	if (is_step(n, 2, "min"))
		return number(out, (int64_t)q.f.min);
	if (is_step(n, 2, "low"))
		return number(out, (int64_t)q.f.low);
	if (is_step(n, 2, "high"))
		return number(out, (int64_t)q.f.high);
	if (is_step(n, 2, "largest_free_bytes")) {
		unsigned o = q.area.max_order;

		while (o > 0 && q.area.nr_free[o] == 0)
			o--;
		return number(out,
			      q.area.nr_free[o] == 0 ? 0 : (int64_t)1 << (o + q.a->env.page_shift));
	}
	return is_step(n, 2, "fallbacks") && number(out, (int64_t)q.f.fallbacks);
}

static bool search_path(const struct mm_search *s, const char *what, struct value *out)
{
	if (strcasecmp(what, "p50") == 0)
		return number(out, (int64_t)search_percentile(s, 500));
	if (strcasecmp(what, "p99") == 0)
		return number(out, (int64_t)search_percentile(s, 990));
	return strcasecmp(what, "max") == 0 && number(out, (int64_t)s->max);
}

static bool heap_figure(const struct system *s, const struct sys_alloc *a, const char *what,
			struct value *out)
{
	int64_t sum[MM_NR_CLASSES];
	const struct {
		const char *name;
		uint64_t value;
	} counts[] = {{"arena_bytes", a->arena.bytes ? a->arena.bytes : a->source.held},
		      {"footprint_bytes", a->footprint},
		      {"splits", a->view.count[MM_EV_CHUNK_SPLIT]},
		      {"merges", a->view.count[MM_EV_CHUNK_MERGE]}};

	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
		if (strcasecmp(counts[i].name, what) == 0)
			return number(out, (int64_t)counts[i].value);
	ledger_owner(s->ledger.rows, &s->ledger, a->owner, sum);
	if (strcasecmp(what, "live_bytes") == 0)
		return number(out, sum[MM_PAYLOAD]);
	if (strcasecmp(what, "rounding_bytes") == 0)
		return number(out, sum[MM_ROUNDING]);
	if (strcasecmp(what, "metadata_bytes") == 0)
		return number(out, sum[MM_METADATA]);
	/* What a heap's walk shows as free is what its account says, in an arena of its own. */
	return strcasecmp(what, "free_bytes") == 0 && a->ops->bytes != NULL &&
	       a->env.pages == NULL && a->ops->pages == NULL && number(out, sum[MM_CACHED]);
}

static bool heap_path(const struct system *s, const struct node *n, struct value *out)
{
	for (unsigned i = 0; (n->nr_steps == 3 || n->nr_steps == 4) && i < s->nr_allocs; i++) {
		const struct sys_alloc *a = &s->allocs[i];

		if ((a->ops->bytes == NULL && a->ops->stack == NULL && !a->pages_as_heap) ||
		    strcasecmp(a->name, step_name(n, 1)) != 0)
			continue;
		if (n->nr_steps == 4)
			return is_step(n, 2, "search") &&
			       search_path(&s->ledger.search[a->owner], step_name(n, 3), out);
		return heap_figure(s, a, step_name(n, 2), out);
	}
	return false;
}

static bool live_path(const struct figures *f, const struct node *n, struct value *out)
{
	if (n->nr_steps != 2)
		return false;
	if (is_step(n, 1, "bytes"))
		return number(out, (int64_t)f->live_bytes);
	return is_step(n, 1, "blocks") && number(out, (int64_t)f->live_blocks);
}

static bool condition_path(void *ctx, const struct node *n, struct value *out)
{
	const struct condition *c = ctx;
	const struct replay *r = c->at.r;

	if (is_step(n, 0, "event"))
		return event_path(c, n, out);
	if (is_step(n, 0, "events"))
		return events_path(r->fig, n, out);
	if (is_step(n, 0, "ledger"))
		return ledger_path(r->sys, n, out);
	if (is_step(n, 0, "zones"))
		return zone_path(c, n, out);
	if (is_step(n, 0, "live_at_end"))
		return live_path(r->fig, n, out);
	if (is_step(n, 0, "peak"))
		return peak_path(r->fig, n, out);
	if (is_step(n, 0, "failures_by_cause"))
		return cause_path(r->fig, n, out);
	return is_step(n, 0, "heaps") && heap_path(r->sys, n, out);
}

/* count(failures); unusable(zone, order), extfrag(zone, order) with a plain number as order. */
static bool condition_call(void *ctx, const struct node *n, struct value *out)
{
	const struct condition *c = ctx;
	const struct node *zone = n->kid[0], *order = n->kid[1];
	bool unusable = strcmp(n->text, "unusable") == 0;
	struct zone_question q;
	unsigned o;

	if (strcmp(n->text, "count") == 0)
		return zone != NULL && zone->kind == N_PATH && zone->nr_steps == 1 &&
		       is_step(zone, 0, "failures") && number(out, c->at.r->fig->nr_failures);
	if ((!unusable && strcmp(n->text, "extfrag") != 0) || zone == NULL || order == NULL ||
	    zone->kind != N_PATH || zone->nr_steps != 1 || order->kind != N_NUMBER ||
	    order->number < 0 || order->number > (fixed)63 * MILLION)
		return false;
	o = (unsigned)(order->number / MILLION);
	if (!ask_zone(c, step_name(zone, 0), &q) || o > q.area.max_order)
		return false;
	return thousandths(out, unusable ? unusable_index(&q.area, o) : extfrag_index(&q.area, o));
}

/* ---- evaluation ---- */

/* The report as `replay --until` would give it, and the event besides. */
static const json_t *report_now(void *ctx)
{
	static const char *const names[] = {"number", "op",      "id",      "size",    "align",
					    "order",  "address", "site",    "tag",     "cpu",
					    "failed", "skipped", "finding", "fallback"};
	const struct report_run run = {.program_version = "", .end = REPLAY_DONE};
	struct condition *c = ctx;
	json_t *event;

	if (c->report != NULL)
		return c->report;
	c->report = report_build(c->at.r, &run);
	event = json_object();
	/* Only for the message that lists what there is: values come from event_path. */
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		json_object_set_new(event, names[i], json_null());
	json_object_set_new(c->report, "event", event);
	return c->report;
}

int condition_holds(struct condition *c, const struct condition_at *at, bool *out, struct diag *d)
{
	const struct expr_source src = {.path = condition_path,
					.call = condition_call,
					.compare = condition_compare,
					.report = report_now,
					.ctx = c};
	int err;

	c->at = *at;
	limits_event(c);
	err = expr_true_from(c->e, &src, out, d);
	json_decref(c->report);
	c->report = NULL;
	return err;
}
