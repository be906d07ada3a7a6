/*
 * Narration.  One line an event: what was asked and what came of it; under it
 * one line a tracepoint.  Page frames are named by pfn, chunks by address.
 */
#include "sim/explain.h"

#include <stdlib.h>
#include <string.h>

#include "sim/autopsy.h"
#include "sim/findings.h"
#include "sim/virtual.h"

/* Pages of a block that the narration shows. */
#define EXPLAIN_PAGES 16u

bool explain_range(const char *text, uint64_t *from, uint64_t *to)
{
	char *end;

	*from = 1;
	*to = UINT64_MAX;
	if (strncmp(text, "..", 2) != 0) {
		*from = strtoull(text, &end, 10);
		if (end == text || *from == 0)
			return false;
		if (*end == '\0') {
			*to = *from;
			return true;
		}
		if (strncmp(end, "..", 2) != 0)
			return false;
		text = end;
	}
	text += 2;
	if (*text == '\0')
		return true;
	*to = strtoull(text, &end, 10);
	return end != text && *end == '\0' && *to >= *from;
}

static bool is_on(const struct explainer *e)
{
	uint64_t event = e->replay->sys->sh.event;

	return event >= e->from && event <= e->to;
}

static const char *zone_name(const struct explainer *e, const struct mem *m, uint64_t zone)
{
	const struct sys_alloc *a = &e->replay->sys->allocs[m->owner - 1];

	return zone < a->env.nr_zones ? a->env.zones[zone].name : "?";
}

typedef unsigned long long ull;

static void pages_step(const struct explainer *e, const struct mem *m, enum mm_ev ev, uint64_t a,
		       uint64_t b, uint64_t c)
{
	const char *zone = zone_name(e, m, ev == MM_EV_FALLBACK ? a : c);

	switch (ev) {
	case MM_EV_SPLIT:
		fprintf(e->out,
			"split order %llu at pfn %llu of zone %s: the upper half, pfn %llu, goes "
			"to the order-%llu list",
			(ull)b, (ull)a, zone, (ull)(a + (1ull << (b - 1))), (ull)(b - 1));
		break;
	case MM_EV_MERGE:
		fprintf(e->out, "merge with the buddy into order %llu at pfn %llu of zone %s",
			(ull)b, (ull)a, zone);
		break;
	case MM_EV_FALLBACK:
		fprintf(e->out, "fall back to zone %s for order %llu: zone %s has none", zone,
			(ull)b, zone_name(e, m, c));
		break;
	case MM_EV_PAGE_ALLOC:
		fprintf(e->out, "take the order-%llu block at pfn %llu of zone %s", (ull)b, (ull)a,
			zone);
		break;
	default:
		fprintf(e->out, "free the order-%llu block at pfn %llu of zone %s", (ull)b, (ull)a,
			zone);
	}
}

/* Reserves, types and per-CPU lists. */
static void zone_step(const struct explainer *e, const struct mem *m, enum mm_ev ev, uint64_t a,
		      uint64_t b, uint64_t c)
{
	static const char *const types[MIGRATE_TYPES] = {"unmovable", "movable", "reclaimable"};
	const char *from = b < MIGRATE_TYPES ? types[b] : "?",
		   *to = c < MIGRATE_TYPES ? types[c] : "?";

	switch (ev) {
	case MM_EV_REFILL:
		fprintf(e->out, "refill a list of cpu %llu with %llu pages of zone %s", (ull)a,
			(ull)b, zone_name(e, m, c));
		break;
	case MM_EV_DRAIN:
		fprintf(e->out, "drain %llu pages from the lists of cpu %llu back to zone %s",
			(ull)b, (ull)a, zone_name(e, m, c));
		break;
	case MM_EV_WATERMARK:
		fprintf(e->out, "pass over zone %s: %llu pages free, the mark is %llu",
			zone_name(e, m, a), (ull)b, (ull)c);
		break;
	case MM_EV_CLAIM:
		fprintf(e->out, "claim the pageblock of pfn %llu, which was %s, for %s pages",
			(ull)a, from, to);
		break;
	case MM_EV_STEAL:
		fprintf(e->out, "steal the block at pfn %llu from the %s lists for a %s request",
			(ull)a, from, to);
		break;
	default:
		fprintf(e->out, "memory is short: asked for %llu pages, caches gave back %llu",
			(ull)a, (ull)b);
	}
}

static void chunk_step(FILE *out, enum mm_ev ev, uint64_t a, uint64_t b, uint64_t c)
{
	switch (ev) {
	case MM_EV_CHUNK_TAKE:
		fprintf(out, "take the chunk at 0x%llx, %llu bytes", (ull)a, (ull)b);
		break;
	case MM_EV_CHUNK_SPLIT:
		fprintf(out, "split the chunk at 0x%llx: %llu and %llu bytes", (ull)a, (ull)b,
			(ull)c);
		break;
	case MM_EV_CHUNK_MERGE:
		fprintf(out, "merge the chunks at 0x%llx and 0x%llx: %llu bytes",
			(ull)(a < c ? a : c),
			(ull)(a < c   ? c
			      : a > c ? a
				      : a + b / 2),
			(ull)b);
		break;
	case MM_EV_CHUNK_FREE:
		fprintf(out, "free the chunk at 0x%llx, %llu bytes", (ull)a, (ull)b);
		break;
	case MM_EV_CHUNK_GROW:
		fprintf(out, "grow the chunk at 0x%llx in place from %llu to %llu bytes", (ull)a,
			(ull)c, (ull)b);
		break;
	case MM_EV_CHUNK_SHRINK:
		fprintf(out, "shrink the chunk at 0x%llx in place from %llu to %llu bytes", (ull)a,
			(ull)c, (ull)b);
		break;
	case MM_EV_SEGMENT_ADD:
		fprintf(out, "get a segment of %llu bytes at 0x%llx from the page allocator",
			(ull)b, (ull)a);
		break;
	case MM_EV_SEGMENT_DROP:
		fprintf(out, "give the empty segment of %llu bytes at 0x%llx back", (ull)b, (ull)a);
		break;
	default:
		fprintf(out, "free everything: %llu bytes from 0x%llx", (ull)b, (ull)a);
	}
}

/* "the array of cpu 1", "the slabs of node 0": mm_place. */
static void tell_queue(FILE *out, uint64_t place)
{
	unsigned at = place & 0x7fff, of = place >> 15 & 0x7fff;

	switch ((enum mm_place)(place >> 30)) {
	case MM_PLACE_SLABS:
		fprintf(out, "the slabs of node %u", at);
		break;
	case MM_PLACE_CPU:
		fprintf(out, "the array of cpu %u", at);
		break;
	case MM_PLACE_SHARED:
		fprintf(out, "the shared array of node %u", at);
		break;
	case MM_PLACE_ALIEN:
		fprintf(out, "the alien array of node %u for node %u", at, of);
		break;
	}
}

static void move_step(FILE *out, uint64_t n, uint64_t from, uint64_t to)
{
	fprintf(out, "move %llu free object%s from ", (ull)n, n == 1 ? "" : "s");
	tell_queue(out, from);
	fputs(" to ", out);
	tell_queue(out, to);
}

static void slab_step(FILE *out, enum mm_ev ev, uint64_t a, uint64_t b, uint64_t c)
{
	switch (ev) {
	case MM_EV_SLAB_NEW:
		fprintf(out, "make a slab at 0x%llx: %llu objects of %llu bytes", (ull)a, (ull)b,
			(ull)c);
		break;
	case MM_EV_SLAB_FREE:
		fprintf(out, "give the empty slab at 0x%llx (%llu objects of %llu bytes) back",
			(ull)a, (ull)b, (ull)c);
		break;
	case MM_EV_OBJ_ALLOC:
		fprintf(out, "take object %llu at 0x%llx of the slab at 0x%llx", (ull)b, (ull)a,
			(ull)c);
		break;
	case MM_EV_OBJ_MOVE:
		move_step(out, a, b, c);
		break;
	default:
		fprintf(out, "put object %llu at 0x%llx back into the slab at 0x%llx", (ull)b,
			(ull)a, (ull)c);
	}
}

static void map_step(FILE *out, const struct explainer *e, enum mm_ev ev, uint64_t a, uint64_t b,
		     uint64_t c)
{
	unsigned shift = e->replay->sys->machine->page_shift;

	switch (ev) {
	case MM_EV_MAP:
		fprintf(out, "map virtual 0x%llx to pfn %llu, physical 0x%llx", (ull)a, (ull)b,
			(ull)(b << shift));
		break;
	case MM_EV_UNMAP:
		fprintf(out, "unmap virtual 0x%llx from pfn %llu, physical 0x%llx", (ull)a, (ull)b,
			(ull)(b << shift));
		break;
	case MM_EV_AREA_TAKE:
		fprintf(out, "take the addresses 0x%llx to 0x%llx%s", (ull)a, (ull)(a + b - 1),
			c != 0 ? ", the last page as a guard" : "");
		break;
	case MM_EV_AREA_FREE:
		fprintf(out, "keep the addresses 0x%llx to 0x%llx until a purge", (ull)a,
			(ull)(a + b - 1));
		return;
	case MM_EV_PURGE:
		fprintf(out, "purge %llu lazy areas, %llu bytes, and flush the TLBs", (ull)a,
			(ull)b);
		return;
	default:
		fprintf(out, "make a page table of level %llu at pfn %llu", (ull)c, (ull)b);
		return;
	}
	if (ev != MM_EV_AREA_TAKE && c > 1)
		fprintf(out, " and the %llu pages behind", (ull)(c - 1));
}

static void other_step(FILE *out, enum mm_ev ev, uint64_t a, uint64_t b, uint64_t c)
{
	static const struct {
		const char *word, *a, *b, *c;
	} names[] = {
#define X(NAME, word, a, b, c) {word, a, b, c},
		MM_EVENTS(X)
#undef X
	};

	fprintf(out, "%s: %s %llu, %s %llu, %s %llu", names[ev].word, names[ev].a, (ull)a,
		names[ev].b, (ull)b, names[ev].c, (ull)c);
}

static void on_step(void *ctx, const struct mem *m, enum mm_ev ev, uint64_t a, uint64_t b,
		    uint64_t c)
{
	const struct explainer *e = ctx;

	if (!is_on(e))
		return;
	fprintf(e->out, "    %-8s ", e->replay->sys->allocs[m->owner - 1].name);
	if (ev <= MM_EV_PAGE_FREE)
		pages_step(e, m, ev, a, b, c);
	else if (ev == MM_EV_REFILL || ev == MM_EV_DRAIN || ev == MM_EV_WATERMARK ||
		 ev == MM_EV_CLAIM || ev == MM_EV_STEAL || ev == MM_EV_SHRINK)
		zone_step(e, m, ev, a, b, c);
	else if (ev == MM_EV_MIGRATE)
		fprintf(e->out, "move the order-%llu block at pfn %llu to pfn %llu: its range is asked for",
			(ull)c, (ull)a, (ull)b);
	else if (ev >= MM_EV_SLAB_NEW && ev <= MM_EV_OBJ_MOVE)
		slab_step(e->out, ev, a, b, c);
	else if (ev == MM_EV_MAP || ev == MM_EV_UNMAP ||
		 (ev >= MM_EV_AREA_TAKE && ev <= MM_EV_TABLE_NEW))
		map_step(e->out, e, ev, a, b, c);
	else if (ev >= MM_EV_CHUNK_TAKE && ev <= MM_EV_MASS_FREE)
		chunk_step(e->out, ev, a, b, c);
	else
		other_step(e->out, ev, a, b, c);
	fputc('\n', e->out);
}

void explain_event(void *ctx, struct replay *r, const struct trace_event *ev)
{
	struct explainer *e = ctx;
	uint64_t number = r->fig->event + 1;

	if (r->last_failure == &e->failure)
		r->last_failure = NULL;
	if (number < e->from || number > e->to)
		return;
	if (r->last_failure == NULL)
		r->last_failure = &e->failure;
	e->failed = r->fig->failed;
	e->skipped = r->fig->skipped;
	e->nr_bad = r->fig->nr_bad;
	if (r->sys->mmu.state != NULL)
		e->mmu = r->sys->mmu.state->n;
	fprintf(e->out, "event %llu: %s", (ull)number, trace_op_word((enum trace_op)ev->op));
	if (ev->slot != SLOT_NONE)
		fprintf(e->out, " #%u", ev->slot);
	if (ev->op == OP_ARENA_PUSH || ev->op == OP_ARENA_FREE)
		fprintf(e->out, ", arena %llu", (ull)ev->arg);
	if (ev->op == OP_ALLOC_PAGES)
		fprintf(e->out, ", order %u", ev->order);
	else if (ev->size != 0)
		fprintf(e->out, ", %llu bytes", (ull)ev->size);
	if (ev->master != 0)
		fprintf(e->out, ", for %s", trace_string(r->trace, ev->master));
	if (ev->site != 0)
		fprintf(e->out, ", from %s", trace_string(r->trace, ev->site));
	fputc('\n', e->out);
}

/* The range that came nearest to serving the request, and the blocks in the way. */
static void tell_candidate(const struct explainer *e, const struct failure *x)
{
	const struct replay *r = e->replay;

	fprintf(e->out, "    nearest: %llu bytes at 0x%llx of which %llu are free; in the way:",
		(ull)x->range_bytes, (ull)x->range_base, (ull)x->range_free);
	if (x->nr_blockers == 0)
		fprintf(e->out, " %s", obstacle_text(obstacle_name(failure_obstacle(x))));
	for (unsigned i = 0; i < x->nr_blockers && i < MAX_BLOCKERS; i++) {
		const struct blocker *b = &x->blocker[i];

		fprintf(e->out, "%s #%u (%llu bytes%s%s, born at event %llu)", i != 0 ? "," : "",
			b->slot, (ull)b->bytes, b->site != 0 ? " from " : "",
			b->site != 0 ? trace_string(r->trace, b->site) : "", (ull)b->birth);
	}
	fputc('\n', e->out);
}

/* This event's autopsy: among those that the figures keep, or the last one. */
static const struct failure *autopsy_of(const struct explainer *e, const struct figures *f)
{
	if (f->nr_failures != 0 && f->failure[f->nr_failures - 1].event == f->event)
		return &f->failure[f->nr_failures - 1];
	return e->replay->last_failure;
}

static void tell_failure(const struct explainer *e, const struct figures *f)
{
	const struct failure *x = autopsy_of(e, f);

	if (x->conflict.bytes != 0) {
		char name[RESOURCE_NAME];

		resource_name(e->replay, x->conflict.owner, name);
		fprintf(e->out, "    FAILED: %s with %s, which holds 0x%llx to 0x%llx\n",
			cause_name((enum cause)x->cause), name, (ull)x->conflict.base,
			(ull)(x->conflict.base + x->conflict.bytes - 1));
		return;
	}
	fprintf(e->out, "    FAILED: %s (%llu bytes free, the largest block has %llu)\n",
		cause_name((enum cause)x->cause), (ull)x->free_bytes, (ull)x->largest_free);
	if (x->range_bytes != 0)
		tell_candidate(e, x);
}

/* What went wrong in this event: the narration says it as the report does. */
static void tell_findings(const struct explainer *e, const struct replay *r)
{
	const struct figures *f = r->fig;

	for (uint64_t i = e->nr_bad; i < f->nr_bad && i < MAX_BAD_EVENTS; i++) {
		char text[FINDING_TEXT];

		finding_text(r, &f->bad[i], text, sizeof text);
		fprintf(e->out, "    FINDING: %s\n", text);
	}
}

/* The pages of a block on a machine with an MMU: virtual, page and physical address of each. */
static void tell_pages(const struct explainer *e, const struct live *l)
{
	const struct replay *r = e->replay;
	unsigned shift = r->sys->machine->page_shift;

	for (uint64_t i = 0; i < 1ull << live_order(&r->live, l, shift) && i < EXPLAIN_PAGES; i++) {
		uint64_t pa = live_pa(l) + (i << shift);

		if (pa < r->sys->machine->virt.direct_bytes)
			fprintf(e->out, "       page %llu: virtual 0x%llx", (ull)i,
				(ull)(pa + r->sys->offset));
		else
			fprintf(e->out, "       page %llu: no virtual address (HIGHMEM)", (ull)i);
		fprintf(e->out, ", pfn %llu, physical 0x%llx\n", (ull)(pa >> shift), (ull)pa);
	}
}

/* What translating the accesses of this event cost. */
static void tell_access(const struct explainer *e, const struct replay *r)
{
	const struct mmu_counts *n;

	if (r->sys->mmu.state == NULL || r->sys->mmu.state->top == 0)
		return;
	n = &r->sys->mmu.state->n;
	fprintf(e->out,
		"    %llu accesses: %llu page walks with %llu loads, %llu cycles of translation\n",
		(ull)(n->accesses - e->mmu.accesses), (ull)(n->walks - e->mmu.walks),
		(ull)(n->walk_loads - e->mmu.walk_loads), (ull)(n->cycles - e->mmu.cycles));
}

/* Where the stack pointer is after a frame came or went. */
static void tell_stack(const struct explainer *e, const struct replay *r)
{
	const struct stack_move *m = &r->stack;

	if (m->bytes != 0)
		fprintf(e->out, "    -> stack pointer 0x%llx: %llu of %llu bytes in use on %s\n",
			(ull)m->sp.v, (ull)(m->base.v + m->bytes - m->sp.v), (ull)m->bytes,
			m->irq	? "the CPU's interrupt stack"
			: m->of_task ? "the task's stack"
				     : "the CPU's idle task");
}

static void tell_place(const struct explainer *e, const struct live *l)
{
	const struct replay *r = e->replay;
	const struct sys_alloc *h = &r->sys->allocs[live_alloc(l)];

	switch (live_state(l)) {
	case LIVE_BLOCK:
		fprintf(e->out, "    -> 0x%llx in %s\n", (ull)live_pa(l), h->name);
		if (h == r->sys->pages && r->sys->machine->mmu != MMU_NONE)
			tell_pages(e, l);
		break;
	case LIVE_AREA:
	case LIVE_MAP:
	case LIVE_TASK:
		fprintf(e->out, "    -> virtual 0x%llx in %s\n", (ull)live_va(r, l), h->name);
		break;
	case LIVE_REGION:
		fprintf(e->out, "    -> physical 0x%llx in %s\n", (ull)live_pa(l), h->name);
		break;
	default:
		break;
	}
}

void explain_result(void *ctx, struct replay *r, const struct trace_event *ev)
{
	struct explainer *e = ctx;
	const struct figures *f = r->fig;
	const struct live *l;

	if (!is_on(e))
		return;
	if (f->failed != e->failed) {
		tell_failure(e, f);
		return;
	}
	if (f->skipped != e->skipped) {
		fputs("    skipped: the object was not born\n", e->out);
		return;
	}
	if (f->nr_bad != e->nr_bad) {
		tell_findings(e, r);
		return;
	}
	if (ev->op >= OP_STACK_PUSH && ev->op <= OP_IRQ_EXIT) {
		tell_stack(e, r);
		return;
	}
	if (ev->slot == SLOT_NONE || ev->slot >= r->live.nr)
		return;
	l = &r->live.slot[ev->slot];
	if (ev->op == OP_READ || ev->op == OP_WRITE)
		tell_access(e, r);
	else
		tell_place(e, l);
}

void explain_attach(struct explainer *e, struct replay *r)
{
	e->replay = r;
	for (unsigned i = 0; i < r->sys->nr_allocs; i++) {
		r->sys->allocs[i].view.on_event = on_step;
		r->sys->allocs[i].view.event_ctx = e;
	}
	r->opt.before = explain_event;
	r->opt.after = explain_result;
	r->opt.event_ctx = e;
}
