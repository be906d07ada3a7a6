/* Events of the groups pages, devices and markers; and placement. */
#include "sim/dispatch.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "sim/dispatch_groups.h"
#include "sim/virtual.h"

/* ---- pages ---- */

static msize_t block_bytes(const struct replay *r, unsigned order)
{
	return (msize_t)1 << (order + r->sys->machine->page_shift);
}

/* 2^order pages for `ev`, of which `size` bytes were asked for. */
static bool take_pages(struct replay *r, const struct trace_event *ev, unsigned order,
		       uint64_t size, bool zero)
{
	struct sys_alloc *h = r->sys->pages;
	unsigned shift = r->sys->machine->page_shift;
	vaddr_t va;
	pfn_t pfn;

	if (order > h->ops->pages->max_order(h->alloc)) {
		mm_refuse(&h->view, MM_REFUSE_LIMIT);
		replay_failed(r, h, ev, size, 0);
		return false;
	}
	pfn = h->ops->pages->alloc_pages(h->alloc, order, &r->req);
	if (pfn_none(pfn)) {
		replay_failed(r, h, ev, size, 0);
		return false;
	}
	va = pfn_to_va(&h->view, pfn, shift);
	mm_account(&h->view, va, block_bytes(r, order), MM_CACHED, MM_GRANTED);
	if (zero)
		mm_zero(&h->view, va, block_bytes(r, order));
	h->source.held += block_bytes(r, order);
	replay_born(r, h, ev, (struct grant){va, block_bytes(r, order)}, size,
		    live_order_extra(size, order, shift));
	return true;
}

/* Gives a block of the page allocator back, whose order the live table keeps. */
static msize_t give_pages(struct replay *r, const struct live *l)
{
	struct sys_alloc *h = r->sys->pages;
	unsigned shift = r->sys->machine->page_shift, order = live_order(&r->live, l, shift);
	vaddr_t va = mem_va(&h->view, (paddr_t){live_pa(l)});

	mm_account(&h->view, va, block_bytes(r, order), MM_GRANTED, MM_CACHED);
	if (h->ops->pages->free_pages(h->alloc, va_to_pfn(&h->view, va, shift), order) != 0) {
		mm_account(&h->view, va, block_bytes(r, order), MM_CACHED, MM_GRANTED);
		return FREE_BAD;
	}
	h->source.held -= block_bytes(r, order);
	return block_bytes(r, order);
}

/* Gives any block back; its granted bytes, or FREE_BAD. */
static msize_t give_back(struct replay *r, const struct live *l)
{
	struct sys_alloc *h = &r->sys->allocs[live_alloc(l)];

	if (h == r->sys->pages)
		return give_pages(r, l);
	return replay_heap_free(r, h, mem_va(&h->view, (paddr_t){live_pa(l)}));
}

void dispatch_free_pages(struct replay *r, const struct trace_event *ev, struct live *l)
{
	msize_t granted;

	replay_before_death(r);
	granted = give_pages(r, l);
	if (granted == FREE_BAD)
		replay_bad(r, ev, 'p');
	else
		replay_died(r, r->sys->pages, l, granted);
}

static bool do_free_pages(struct replay *r, const struct trace_event *ev)
{
	struct live *l;

	if (dispatch_is_early(r, ev))
		return dispatch_zone(r, ev);
	l = ev->slot == SLOT_NONE ? replay_object(r, ev) : dispatch_old_block(r, ev);
	if (l == NULL)
		return true;
	if (&r->sys->allocs[live_alloc(l)] != r->sys->pages) {
		replay_bad(r, ev, 'p');
		return true;
	}
	dispatch_free_pages(r, ev, l);
	return true;
}

/* Is a zone called `name`, or, as those of other nodes are, name_1, name2? */
static bool zone_is(const struct zone_conf *z, const char *name)
{
	size_t n = strlen(name);

	return strncmp(z->name, name, n) == 0 &&
	       z->name[n + strspn(z->name + n, z->name[n] == '_' ? "_0123456789" : "")] == '\0';
}

/* The zones up to those called `name`, on all nodes; 0: the machine has no such zone. */
static uint32_t zones_up_to(const struct machine *m, const char *name)
{
	uint32_t mask = 0, found = 0;

	for (unsigned z = 0; z < m->nr_zones; z++) {
		if (zone_is(&m->zones[z], name))
			found |= 1u << z;
		if (zone_is(&m->zones[z], "dma") || zone_is(&m->zones[z], name))
			mask |= 1u << z;
	}
	return found != 0 ? mask | ((found & -found) - 1) : 0;
}

static bool is_movable(const struct zone_conf *z)
{
	return zone_is(z, "movable");
}

/*
 * The zones that GFP flags allow, as gfp_zone() of Linux: DMA and DMA32 that zone and
 * those below, HIGHMEM all but MOVABLE, which takes both flags, no such flag all of the
 * direct map.  A request without any flag states no constraint, and nor does one on a
 * machine without such zones.
 */
static uint32_t gfp_zones(const struct machine *m, uint32_t gfp)
{
	uint32_t mask = UINT32_MAX, low = 0;

	if (gfp == 0 || ((gfp & __GFP_HIGHMEM) != 0 && (gfp & __GFP_MOVABLE) != 0))
		return UINT32_MAX;
	if ((gfp & __GFP_DMA) != 0)
		low = zones_up_to(m, "dma");
	else if ((gfp & __GFP_DMA32) != 0)
		low = zones_up_to(m, "dma32");
	for (unsigned z = 0; z < m->nr_zones; z++)
		if (is_movable(&m->zones[z]) || (m->zones[z].highmem && (gfp & __GFP_HIGHMEM) == 0))
			mask &= ~(1u << z);
	return low != 0 ? mask & low : mask;
}

/* __GFP_THISNODE: zones of the node only. */
static uint32_t node_zones(const struct machine *m, const struct trace_event *ev)
{
	unsigned node = event_node(m, ev);
	uint32_t mask = 0;

	if (mm_likely(m->cpu_node == NULL) || (ev->gfp & __GFP_THISNODE) == 0)
		return UINT32_MAX;
	for (unsigned z = 0; z < m->nr_zones; z++)
		mask |= m->zones[z].node == node ? 1u << z : 0;
	return mask;
}

/*
 * What a request's pages are for: a tag that is the name of an owner says so; else the
 * flags do, as far as kernels use them: user pages are counted (GFP_USER, GFP_HIGHUSER),
 * what is written back is the page cache's.
 */
static uint8_t owner_of(const struct replay *r, const struct trace_event *ev)
{
	static const char *const words[NR_PAGE_OWNERS] = {
#define X(NAME, word) [PAGE_OWNER_##NAME] = word,
		PAGE_OWNERS(X)
#undef X
	};
	const char *tag = ev->tag != 0 && r->trace != NULL ? trace_string(r->trace, ev->tag) : NULL;

	for (unsigned i = PAGE_OWNER_USER; tag != NULL && i <= PAGE_OWNER_TABLE; i++)
		if (strcmp(tag, words[i]) == 0)
			return (uint8_t)i;
	if ((ev->gfp & __GFP_WRITE) != 0)
		return PAGE_OWNER_CACHE;
	if ((ev->gfp & __GFP_HARDWALL) != 0)
		return PAGE_OWNER_USER;
	return ev->gfp != 0 ? PAGE_OWNER_KERNEL : PAGE_OWNER_NONE;
}

/* gfp_zones, remembered: requests of the same flags come one after the other. */
static uint32_t zones_of_flags(struct replay *r, uint32_t gfp)
{
	if (mm_unlikely(gfp != r->flags.gfp)) {
		r->flags.zones = gfp_zones(r->sys->machine, gfp);
		r->flags.gfp = gfp;
	}
	return gfp == 0 ? UINT32_MAX : r->flags.zones;
}

/* What a page request says beyond its order. */
static void state_request(struct replay *r, const struct trace_event *ev)
{
	r->req = (struct alloc_req){.gfp = ev->gfp,
				    .zone_mask = zones_of_flags(r, ev->gfp) &
						 node_zones(r->sys->machine, ev),
				    .migratetype = ev->migratetype,
				    .node = event_node(r->sys->machine, ev),
				    .cpu = ev->cpu,
				    .owner = owner_of(r, ev)};
}

void dispatch_state_request(struct replay *r, const struct trace_event *ev, uint32_t more)
{
	struct trace_event e = *ev;

	e.gfp |= more;
	state_request(r, &e);
}

/* ---- placement ---- */

/* The machine's index of the master an event names; -1: none named or unknown. */
static int event_master(const struct replay *r, const struct trace_event *ev)
{
	return ev->master == 0
		       ? -1
		       : machine_master(r->sys->machine, trace_string(r->trace, ev->master));
}

/* A master that the machine lacks ends the run: what it reaches nobody can say. */
static bool master_is_there(struct replay *r, const struct trace_event *ev, int master)
{
	if (ev->master == 0 || master >= 0)
		return true;
	snprintf(r->problem, sizeof r->problem, "event %llu (%s): machine %s has no master '%s'",
		 (unsigned long long)r->fig->event, trace_op_word((enum trace_op)ev->op),
		 r->sys->machine->name, trace_string(r->trace, ev->master));
	return false;
}

bool dispatch_master(struct replay *r, const struct trace_event *ev, int *master)
{
	*master = event_master(r, ev);
	return master_is_there(r, ev, *master);
}

bool dispatch_problem(struct replay *r, const struct trace_event *ev, const char *text)
{
	snprintf(r->problem, sizeof r->problem, "event %llu (%s): %s",
		 (unsigned long long)r->fig->event, trace_op_word((enum trace_op)ev->op), text);
	return false;
}

/* Does a master reach all the memory that a heap may hold? */
static bool reaches_heap(const struct replay *r, int master, const struct sys_alloc *h)
{
	const struct master *x = &r->sys->machine->masters[master];
	uint64_t base = h->arena.base.v - r->sys->offset, end = base + h->arena.bytes;
	int region = physmem_region(&r->sys->pm, base);

	if (h->arena.bytes == 0)
		return (h->source.zone_mask & ~x->zones &
			((2u << (r->sys->machine->nr_zones - 1)) - 1)) == 0;
	return (region >= 0 && (x->regions >> region & 1) != 0) ||
	       (base >= x->base && end <= x->end);
}

/* A request that a heap serves, if the master it is for reaches that heap. */
static void serve_by_heap(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
			  uint64_t want, uint64_t align, bool zero)
{
	int master = event_master(r, ev);

	if (master < 0 || reaches_heap(r, master, h)) {
		replay_heap_grant(r, h, ev, want, align, zero);
		return;
	}
	r->req.zone_mask = 0; /* no zone may serve it */
	replay_failed(r, h, ev, want, align);
	r->req.zone_mask = UINT32_MAX;
}

static bool matches(const struct replay *r, const char *pattern, uint32_t string)
{
	return pattern == NULL ||
	       (string != 0 && fnmatch(pattern, trace_string(r->trace, string), 0) == 0);
}

static const struct placement_rule *find_rule(const struct replay *r, const struct trace_event *ev,
					      int master)
{
	const struct machine *m = r->sys->machine;

	for (unsigned i = 0; i < m->nr_placement; i++) {
		const struct placement_rule *p = &m->placement[i];

		if (ev->size >= p->size_min && ev->size <= p->size_max &&
		    (p->master < 0 || p->master == master) && (!p->dma || ev->op == OP_DMA_ALLOC) &&
		    matches(r, p->tag, ev->tag) && matches(r, p->site, ev->site))
			return p;
	}
	return NULL;
}

/* DMA buffers are aligned to and padded by cache lines, so that no neighbour shares one. */
static uint64_t padded(const struct replay *r, uint64_t size)
{
	uint64_t line = r->sys->machine->cache_line ? r->sys->machine->cache_line : 1;

	return size > LIVE_SIZE_MAX ? size : round_up(size ? size : 1, line);
}

/* A request that pages of `zones` serve. */
static bool serve_by_pages(struct replay *r, const struct trace_event *ev, uint32_t zones,
			   uint64_t align, bool zero)
{
	uint64_t bytes = padded(r, ev->size);
	bool ok;

	state_request(r, ev);
	r->req.zone_mask &= zones;
	if (bytes > LIVE_SIZE_MAX) {
		mm_refuse(&r->sys->pages->view, MM_REFUSE_LIMIT);
		replay_failed(r, r->sys->pages, ev, ev->size, align);
		ok = false;
	} else {
		ok = take_pages(r, ev, system_order(r->sys, bytes > align ? bytes : align),
				ev->size, zero);
	}
	r->req = (struct alloc_req){.zone_mask = UINT32_MAX};
	return ok;
}

static uint32_t reach(const struct replay *r, int master)
{
	return master < 0 ? UINT32_MAX : r->sys->machine->masters[master].zones;
}

static bool do_alloc_pages(struct replay *r, const struct trace_event *ev, unsigned order,
			   bool zero)
{
	int master = event_master(r, ev);

	if (r->sys->pages == NULL || !master_is_there(r, ev, master))
		return false;
	if (dispatch_is_early(r, ev))
		return dispatch_zone(r, ev);
	state_request(r, ev);
	r->req.zone_mask &= reach(r, master);
	if (order > 40) {
		mm_refuse(&r->sys->pages->view, MM_REFUSE_LIMIT);
		replay_failed(r, r->sys->pages, ev, INT64_MAX, 0);
	} else {
		take_pages(r, ev, order, block_bytes(r, order), zero);
	}
	r->req = (struct alloc_req){.zone_mask = UINT32_MAX};
	return true;
}

/* A kind of fixed size cannot stand in for a heap of mixed sizes: the run ends, and says so. */
static bool keeps_size(struct replay *r, const struct trace_event *ev)
{
	if (r->size == 0)
		r->size = ev->size;
	if (!r->one_size || ev->size == r->size)
		return true;
	snprintf(r->problem, sizeof r->problem,
		 "event %llu asks for %llu bytes after %llu: allocator kind '%s' serves one size, "
		 "this trace mixes sizes (try slab_array)",
		 (unsigned long long)r->fig->event, (unsigned long long)ev->size,
		 (unsigned long long)r->size, r->heap->ops->name);
	return false;
}

bool dispatch_routed(struct replay *r, const struct trace_event *ev, uint64_t align, bool zero)
{
	int master = event_master(r, ev);
	const struct placement_rule *p = find_rule(r, ev, master);
	uint32_t zones = reach(r, master);

	if (!master_is_there(r, ev, master))
		return false;
	if (p != NULL && p->heap >= 0 && r->sys->by_conf[p->heap] != NULL) {
		serve_by_heap(r, r->sys->by_conf[p->heap], ev, ev->size, align, zero);
		return true;
	}
	if (p != NULL && p->heap < 0)
		zones &= p->zones;
	if (r->sys->pages != NULL && (master >= 0 || (p != NULL && p->heap < 0)))
		serve_by_pages(r, ev, zones, align, zero);
	else if (r->heap != NULL && keeps_size(r, ev))
		serve_by_heap(r, r->heap, ev, ev->size, align, zero);
	else
		return false;
	return true;
}

/* Is the rule for a block's new size the one for its old size? */
static bool keeps_rule(const struct replay *r, const struct live *l, const struct trace_event *ev)
{
	struct trace_event was = *ev;
	int master = event_master(r, ev);

	/* A realloc need not repeat tag and site of the birth: only the size may change the rule. */
	was.size = live_size(l);
	return find_rule(r, &was, master) == find_rule(r, ev, master);
}

bool dispatch_reroutes(const struct replay *r, const struct live *l, const struct trace_event *ev)
{
	return &r->sys->allocs[live_alloc(l)] == r->sys->pages || !keeps_rule(r, l, ev);
}

/* Pages that stay as many keep their place. */
static bool resize_pages(struct replay *r, struct live *l, const struct trace_event *ev)
{
	unsigned shift = r->sys->machine->page_shift, order = live_order(&r->live, l, shift);
	uint64_t bytes = block_bytes(r, order);

	if (ev->size > LIVE_SIZE_MAX || system_order(r->sys, padded(r, ev->size)) != order)
		return false;
	replay_resized(r, r->sys->pages, l, bytes, bytes, ev->size);
	live_set_extra(&r->live, l, live_order_extra(ev->size, order, shift));
	return true;
}

bool dispatch_move(struct replay *r, struct live *l, const struct trace_event *ev)
{
	struct sys_alloc *h = &r->sys->allocs[live_alloc(l)];
	struct figures *f = r->fig;
	struct live was = *l;
	uint64_t size = live_size(l), keep = size < ev->size ? size : ev->size, failed = f->failed;
	msize_t granted;

	if (h == r->sys->pages && keeps_rule(r, l, ev) && resize_pages(r, l, ev))
		return true;
	/* One object before and after: no peak counts it twice. */
	f->live_bytes -= size;
	f->live_blocks--;
	if (!dispatch_routed(r, ev, 0, false))
		return false;
	if (f->failed != failed) {
		f->live_bytes += size;
		f->live_blocks++;
		return true;
	}
	mem_copy(&h->view, mem_va(&h->view, (paddr_t){live_pa(l)}),
		 mem_va(&h->view, (paddr_t){live_pa(&was)}), keep);
	f->bytes_copied += keep;
	granted = give_back(r, &was);
	if (granted == FREE_BAD)
		replay_bad(r, ev, 'p');
	else
		replay_vacated(r, h, &was, granted);
	return true;
}

static bool do_dma_alloc(struct replay *r, const struct trace_event *ev)
{
	int master = event_master(r, ev);
	const struct placement_rule *p = find_rule(r, ev, master);
	const struct alloc_conf *dma = machine_alloc(r->sys->machine, GROUP_DMA);
	uint32_t zones = reach(r, master);

	if (!master_is_there(r, ev, master))
		return false;
	if (p != NULL && p->heap >= 0 && r->sys->by_conf[p->heap] != NULL) {
		uint64_t line = r->sys->machine->cache_line;

		serve_by_heap(r, r->sys->by_conf[p->heap], ev, padded(r, ev->size),
			      ev->arg > line ? ev->arg : line, false);
		return true;
	}
	if (r->sys->pages == NULL)
		return false;
	if (p != NULL && p->heap < 0)
		zones &= p->zones;
	else if (dma != NULL)
		zones &= dma->zones;
	serve_by_pages(r, ev, zones, ev->arg, false);
	return true;
}

static void do_heap_like_free(struct replay *r, const struct trace_event *ev)
{
	struct live *l = replay_object(r, ev);
	msize_t granted;

	if (l == NULL)
		return;
	replay_before_death(r);
	granted = give_back(r, l);
	if (granted == FREE_BAD)
		replay_bad(r, ev, 'p');
	else
		replay_died(r, &r->sys->allocs[live_alloc(l)], l, granted);
}

/* ---- all groups ---- */

/* Groups of a kernel, each with a file of its own. */
static bool dispatch_kernel(struct replay *r, const struct trace_event *ev)
{
	switch (ev->op) {
	case OP_CACHE_CREATE:
	case OP_CACHE_ALLOC:
	case OP_CACHE_FREE:
	case OP_CACHE_SHRINK:
	case OP_CACHE_DESTROY:
		return dispatch_slab(r, ev);
	case OP_KMALLOC:
	case OP_KZALLOC:
	case OP_KCALLOC:
	case OP_KREALLOC:
	case OP_KFREE:
	case OP_DEVM_KMALLOC:
	case OP_DEVICE_REMOVE:
		return dispatch_kmalloc(r, ev);
	case OP_MEMPOOL_CREATE:
	case OP_MEMPOOL_ALLOC:
	case OP_MEMPOOL_FREE:
	case OP_MEMPOOL_DESTROY:
		return dispatch_pool(r, ev);
	case OP_PERCPU_ALLOC:
	case OP_PERCPU_FREE:
		return dispatch_percpu(r, ev);
	case OP_CMA_ALLOC:
	case OP_CMA_FREE:
		return dispatch_cma(r, ev);
	case OP_TASK_CREATE:
	case OP_TASK_EXIT:
	case OP_STACK_PUSH:
	case OP_STACK_POP:
	case OP_IRQ_ENTER:
	case OP_IRQ_EXIT:
		return dispatch_task(r, ev);
	case OP_VMALLOC:
	case OP_VFREE:
	case OP_KMAP:
	case OP_KUNMAP:
	case OP_KMAP_ATOMIC:
	case OP_KUNMAP_ATOMIC:
	case OP_IOREMAP:
	case OP_IOUNMAP:
	case OP_REQUEST_REGION:
	case OP_RELEASE_REGION:
		return dispatch_virtual(r, ev);
	default:
		return false;
	}
}

bool dispatch(struct replay *r, const struct trace_event *ev)
{
	if ((ev->flags & EV_HAS_TIME) != 0)
		dispatch_tick(r, ev);
	if (!dispatch_is_due(r, ev))
		return true;
	switch (ev->op) {
	case OP_ALLOC_PAGES:
		return do_alloc_pages(r, ev, ev->order, (ev->gfp & __GFP_ZERO) != 0);
	case OP_GET_ZEROED_PAGE:
		return do_alloc_pages(r, ev, 0, true);
	case OP_FREE_PAGES:
		return r->sys->pages != NULL && do_free_pages(r, ev);
	case OP_OLD_PAGES:
	case OP_SPLIT_PAGES:
	case OP_ZONE_ALLOC:
	case OP_ZONE_FREE:
	case OP_ZONE_OLD:
	case OP_ZONE_SPLIT:
		return dispatch_zone(r, ev);
	case OP_DMA_ALLOC:
		return do_dma_alloc(r, ev);
	case OP_DMA_FREE:
		do_heap_like_free(r, ev);
		return true;
	case OP_ARENA_PUSH:
	case OP_ARENA_FREE:
		return dispatch_arena(r, ev);
	case OP_READ:
	case OP_WRITE:
		access_event(r, ev);
		return true;
	case OP_PHASE:
	case OP_NOTE:
		return true;
	case OP_EXPECT:
		return r->opt.expect == NULL ||
		       r->opt.expect(r->opt.expect_ctx, r,
				     trace_string(r->trace, (uint32_t)ev->arg));
	default:
		return dispatch_kernel(r, ev);
	}
}
