#include "sim/heap_ratios.h"

#include <stdlib.h>

#include "sim/figures.h"

/* Who serves a group; NULL: it takes no memory, or nobody does. */
static const struct sys_alloc *server_of(const struct system *s, enum trace_group g)
{
	switch (g) {
	case TG_HEAP:
		return s->group[GROUP_HEAP] != NULL ? s->group[GROUP_HEAP] : s->pages;
	case TG_PAGES:
		return s->pages;
	case TG_SLAB:
		return s->group[GROUP_SLAB];
	case TG_KMALLOC:
		return s->group[GROUP_KMALLOC];
	case TG_PERCPU:
		return s->group[GROUP_PERCPU];
	case TG_CMA:
		return s->group[GROUP_CMA];
	case TG_STACK:
		return s->group[GROUP_STACK];
	case TG_VIRTUAL:
		return s->group[GROUP_VIRTUAL];
	default:
		return NULL;
	}
}

/* The only one that serves these groups, if it is one (or nobody). */
static bool find_server(const struct system *s, uint32_t groups, const struct sys_alloc **only)
{
	*only = NULL;
	/* By a rule's choice, a master's reach or an arena's number. */
	if (s->machine->nr_placement != 0 || (groups & (1u << TG_ARENA | 1u << TG_DMA)) != 0)
		return false;
	for (unsigned g = 0; g < NR_TRACE_GROUPS; g++) {
		const struct sys_alloc *a = server_of(s, (enum trace_group)g);

		if ((groups & 1u << g) == 0 || a == NULL)
			continue;
		if (*only != NULL && a != *only)
			return false;
		*only = a;
	}
	return true;
}

bool heap_ratios_begin(struct replay *r, uint32_t groups)
{
	if (find_server(r->sys, groups, &r->server))
		return true;
	r->apart = calloc(SYS_MAX_ALLOCS, sizeof *r->apart);
	return r->apart != NULL;
}

static uint64_t payload(const struct system *s, const struct sys_alloc *a)
{
	const struct mm_row *row = ledger_row(&s->ledger, a->owner, 0);
	int64_t sum = 0;

	for (unsigned g = 0; g < s->machine->nr_regions; g++)
		sum += row[g].bytes[MM_PAYLOAD];
	return sum > 0 ? (uint64_t)sum : 0;
}

static void sample(struct heap_figures *h, uint64_t live, uint64_t footprint)
{
	if (live != 0) {
		h->jw_sum += (footprint << 16) / live;
		h->jw_samples++;
	}
	if (live > h->peak_live) {
		h->peak_live = live;
		h->footprint_at_peak_live = footprint;
	}
	if (footprint > h->peak_footprint) {
		h->peak_footprint = footprint;
		h->live_at_peak_footprint = live;
	}
}

void heap_ratios_sample(struct replay *r)
{
	const struct system *s = r->sys;

	for (unsigned i = 0; i < s->nr_allocs; i++) {
		const struct sys_alloc *a = &s->allocs[i];

		if (a->footprint != 0 && sys_is_heap(a))
			sample(&r->apart[i], payload(s, a), a->footprint);
	}
}

/* The run's figures, which are the only server's. */
static struct heap_figures figures_of_run(const struct figures *f)
{
	return (struct heap_figures){f->jw_sum,          f->jw_samples,
				     f->peak_live_bytes, f->footprint_at_peak_live,
				     f->peak_footprint,  f->live_at_peak_footprint};
}

void heap_ratios(const struct replay *r, const struct sys_alloc *a, uint64_t out[4])
{
	struct heap_figures h = {0};

	if (r->apart != NULL)
		h = r->apart[a - r->sys->allocs];
	else if (a == r->server)
		h = figures_of_run(r->fig);
	jw_ratios(&h, out);
}
