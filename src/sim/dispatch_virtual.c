/*
 * Events of the group virtual: areas, temporary mappings, device memory, resources.
 *
 * A live area's "address" is the low 48 bits of its virtual one.  Its pages lie
 * anywhere, so its bytes enter the ledger page by page.
 */
#include "sim/dispatch.h"

#include <stdio.h>

#include "sim/virtual.h"

/* ---- who serves what ---- */

/* Who serves a type of mapping; NULL: nobody. */
static struct sys_alloc *server_of(const struct system *s, enum map_type type)
{
	static const enum alloc_group of[] = {[MAP_VMALLOC] = GROUP_VIRTUAL,
					      [MAP_IOREMAP] = GROUP_IOREMAP,
					      [MAP_KMAP] = GROUP_KMAP,
					      [MAP_KMAP_ATOMIC] = GROUP_KMAP};
	struct sys_alloc *h = s->group[of[type]];

	return h != NULL && h->ops->maps != NULL && (h->ops->maps->types & 1u << type) != 0 ? h
											    : NULL;
}

uint64_t live_va(const struct replay *r, const struct live *l)
{
	uint64_t va = live_pa(l);

	return r->sys->machine->word == 8 && (va >> 47 & 1) != 0 ? va | 0xffffull << 48 : va;
}

/* ---- areas with memory behind them ---- */

void virtual_each_page(struct replay *r, const struct sys_alloc *h, uint64_t va, uint64_t size,
		       virtual_page_fn *fn, void *ctx)
{
	uint64_t page = 1ull << r->sys->machine->page_shift;

	for (uint64_t at = 0; at < round_up(size, page); at += page) {
		uint64_t wanted = size - at < page ? size - at : page;
		pfn_t pfn = PFN_NONE;

		/* A kernel stack need not be mapped: it may lie in the direct map. */
		if (h->ops->maps != NULL)
			pfn = h->ops->maps->page(h->alloc, (vaddr_t){va + at});
		else
			fn(ctx, mem_pa(&h->view, (vaddr_t){va + at}).v, wanted);
		if (!pfn_none(pfn))
			fn(ctx, (uint64_t)pfn.v << r->sys->machine->page_shift, wanted);
	}
}

struct split_ctx {
	struct mem *m;
	uint64_t page;
	bool birth;
};

/* A page's granted bytes become payload and rounding, or go the way back. */
static void split_page(void *ctx, uint64_t pa, uint64_t wanted)
{
	const struct split_ctx *c = ctx;
	vaddr_t va = mem_va(c->m, (paddr_t){pa});

	if (c->birth) {
		mm_account(c->m, va, wanted, MM_GRANTED, MM_PAYLOAD);
		mm_account(c->m, va, c->page - wanted, MM_GRANTED, MM_ROUNDING);
	} else {
		mm_account(c->m, va, wanted, MM_PAYLOAD, MM_GRANTED);
		mm_account(c->m, va, c->page - wanted, MM_ROUNDING, MM_GRANTED);
	}
}

static void split_area(struct replay *r, struct sys_alloc *h, uint64_t va, uint64_t size,
		       bool birth)
{
	struct split_ctx c = {&h->view, 1ull << r->sys->machine->page_shift, birth};

	virtual_each_page(r, h, va, size, split_page, &c);
}

void virtual_area_dies(struct replay *r, struct sys_alloc *h, const struct live *l)
{
	split_area(r, h, live_va(r, l), live_size(l), false);
}

void virtual_area_lives(struct replay *r, struct sys_alloc *h, const struct live *l)
{
	split_area(r, h, live_va(r, l), live_size(l), true);
}

void virtual_area_born(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
		       struct grant g, uint64_t size, enum live_state state)
{
	split_area(r, h, g.va.v, size, true);
	live_set(&r->live, &r->live.slot[ev->slot], state, (unsigned)(h - r->sys->allocs),
		 g.va.v & LIVE_PLACE_MAX, size, ev->site, r->fig->event, 0);
	r->fig->live_blocks++;
	replay_more_live(r, h, size, 0, 0);
}

static void do_vmalloc(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct map_req req = {.type = MAP_VMALLOC, .size = ev->size};
	struct grant g = GRANT_NONE;

	dispatch_state_request(r, ev,
			       (ev->gfp & (__GFP_DMA | __GFP_DMA32)) == 0 ? __GFP_HIGHMEM : 0);
	req.pages = r->req;
	if (ev->size <= LIVE_SIZE_MAX)
		g = h->ops->maps->map(h->alloc, &req);
	if (g.bytes == 0)
		replay_failed(r, h, ev, ev->size, 0);
	else
		virtual_area_born(r, h, ev, g, ev->size, LIVE_AREA);
	r->req = (struct alloc_req){.zone_mask = UINT32_MAX};
}

static void do_vfree(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct live *l = replay_named(r, ev, LIVE_AREA);
	uint64_t va;

	if (l == NULL)
		return;
	va = live_va(r, l);
	replay_before_death(r);
	split_area(r, h, va, live_size(l), false);
	if (h->ops->maps->unmap(h->alloc, (vaddr_t){va}, NULL) == FREE_BAD) {
		split_area(r, h, va, live_size(l), true);
		replay_bad(r, ev, 'p');
		return;
	}
	replay_area_died(r, h, l);
}

/* ---- one page for a while: kmap and kmap_atomic ---- */

/* The page that a kmap names: of a block of pages, `size` bytes into it. */
static bool page_to_map(struct replay *r, const struct trace_event *ev, uint64_t *pa)
{
	struct trace_event of_pages = *ev;
	struct live *l;

	of_pages.slot = ev->slot2 != SLOT_NONE && ev->slot2 < r->live.nr ? ev->slot2 : SLOT_NONE;
	l = replay_named(r, &of_pages, LIVE_BLOCK);
	if (l == NULL)
		return false;
	*pa = live_pa(l) + (ev->size < live_size(l) ? ev->size : 0);
	*pa = round_down(*pa, 1ull << r->sys->machine->page_shift);
	return true;
}

static void stillborn(struct replay *r, const struct trace_event *ev)
{
	if (ev->slot != SLOT_NONE)
		live_set_failed(&r->live.slot[ev->slot]);
}

/* A live mapping keeps the physical address it shows where others keep their size. */
static void do_kmap(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
		    enum map_type type)
{
	struct map_req req = {.type = type, .size = 1, .slot = (uint32_t)ev->arg};
	struct grant g;
	uint64_t pa;

	if (!page_to_map(r, ev, &pa)) {
		stillborn(r, ev);
		return;
	}
	req.pa.v = pa;
	req.pages.cpu = ev->cpu;
	g = h->ops->maps->map(h->alloc, &req);
	if (g.bytes == 0) {
		replay_failed(r, h, ev, 1ull << r->sys->machine->page_shift, 0);
		return;
	}
	live_set(&r->live, &r->live.slot[ev->slot], LIVE_MAP, (unsigned)(h - r->sys->allocs),
		 g.va.v & LIVE_PLACE_MAX, pa, ev->site, r->fig->event, 0);
}

static void do_kunmap(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
		      enum map_type type)
{
	struct live *l = replay_named(r, ev, LIVE_MAP);
	struct map_req req = {.type = type};
	uint64_t va;

	if (l == NULL)
		return;
	va = live_va(r, l);
	req.pa.v = live_size(l);
	if (&r->sys->allocs[live_alloc(l)] != h) {
		replay_bad(r, ev, 'p');
		return;
	}
	if (h->ops->maps->unmap(h->alloc, (vaddr_t){va}, &req) == FREE_BAD) {
		replay_bad_at(r, ev, type == MAP_KMAP_ATOMIC ? 'o' : 'p', va);
		if (type != MAP_KMAP_ATOMIC)
			return;
	}
	l->place = 0;
}

/* ---- device memory ---- */

/* What ioremap met: RAM, which the machine's own regions are. */
static void note_ram(struct replay *r, const struct trace_event *ev)
{
	const struct machine *m = r->sys->machine;

	for (unsigned i = 0; i < m->nr_regions; i++)
		if (m->regions[i].kind == REGION_RAM && m->regions[i].base < ev->arg + ev->size &&
		    ev->arg < m->regions[i].base + m->regions[i].bytes) {
			r->conflict = (struct mm_resource){.base = m->regions[i].base,
							   .bytes = m->regions[i].bytes,
							   .owner = RESOURCE_REGION | i,
							   .busy = true};
			return;
		}
}

static void do_ioremap(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct map_req req = {.type = MAP_IOREMAP, .size = ev->size, .pa = {ev->arg}};
	struct grant g = GRANT_NONE;

	if (ev->size <= LIVE_SIZE_MAX)
		g = h->ops->maps->map(h->alloc, &req);
	else
		mm_refuse(&h->view, MM_REFUSE_LIMIT);
	if (g.bytes == 0) {
		note_ram(r, ev);
		replay_failed(r, h, ev, ev->size, 0);
		return;
	}
	live_set(&r->live, &r->live.slot[ev->slot], LIVE_MAP, (unsigned)(h - r->sys->allocs),
		 g.va.v & LIVE_PLACE_MAX, ev->size, ev->site, r->fig->event, 0);
}

static void do_iounmap(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct live *l = replay_named(r, ev, LIVE_MAP);

	if (l == NULL)
		return;
	if (&r->sys->allocs[live_alloc(l)] != h ||
	    h->ops->maps->unmap(h->alloc, (vaddr_t){live_va(r, l)}, NULL) == FREE_BAD)
		replay_bad(r, ev, 'p');
	else
		l->place = 0;
}

/* ---- resources ---- */

void resource_name(const struct replay *r, uint32_t owner, char name[RESOURCE_NAME])
{
	const struct machine *m = r->sys->machine;
	const char *text = "somebody without a name";
	uint32_t i = owner & ~RESOURCE_RESERVED;

	if ((owner & RESOURCE_RESERVED) == RESOURCE_RESERVED && i < m->nr_reserved)
		text = m->reserved[i].owner;
	else if ((owner & RESOURCE_REGION) != 0 && i < m->nr_regions)
		text = m->regions[i].name;
	else if (owner != 0 && (owner & RESOURCE_REGION) == 0 && r->trace != NULL)
		text = trace_string(r->trace, owner);
	snprintf(name, RESOURCE_NAME, "%s", text);
}

static void do_request(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct mm_resource want = {.base = ev->arg,
				   .bytes = ev->size,
				   .owner = ev->tag != 0 ? ev->tag : ev->site,
				   .busy = true};
	int err = ev->size > LIVE_SIZE_MAX
			  ? MM_EINVAL
			  : h->ops->resources->request(h->alloc, &want, &r->conflict);

	if (err == 0) {
		live_set(&r->live, &r->live.slot[ev->slot], LIVE_REGION, (unsigned)(h - r->sys->allocs),
			 ev->arg, ev->size, ev->site, r->fig->event, 0);
		return;
	}
	if (err != MM_ENOMEM)
		mm_refuse(&h->view, err == MM_EBUSY ? MM_REFUSE_CONFLICT : MM_REFUSE_LIMIT);
	replay_failed(r, h, ev, ev->size, 0);
}

static void do_release(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct live *l = replay_named(r, ev, LIVE_REGION);

	if (l == NULL)
		return;
	if (h->ops->resources->release(h->alloc, live_pa(l), live_size(l)) != 0)
		replay_bad(r, ev, 'p');
	else
		l->place = 0;
}

/* ---- the group ---- */

typedef void virtual_event_fn(struct replay *r, struct sys_alloc *h, const struct trace_event *ev);

static bool served(struct replay *r, const struct trace_event *ev, enum map_type type,
		   virtual_event_fn *fn)
{
	struct sys_alloc *h = server_of(r->sys, type);

	if (h == NULL || (fn == do_request && h->ops->resources == NULL))
		return false;
	fn(r, h, ev);
	return true;
}

static bool kmapped(struct replay *r, const struct trace_event *ev, enum map_type type, bool birth)
{
	struct sys_alloc *h = server_of(r->sys, type);

	if (h == NULL)
		return false;
	if (birth)
		do_kmap(r, h, ev, type);
	else
		do_kunmap(r, h, ev, type);
	return true;
}

bool dispatch_virtual(struct replay *r, const struct trace_event *ev)
{
	r->conflict = (struct mm_resource){.bytes = 0};
	switch (ev->op) {
	case OP_VMALLOC:
		return served(r, ev, MAP_VMALLOC, do_vmalloc);
	case OP_VFREE:
		return served(r, ev, MAP_VMALLOC, do_vfree);
	case OP_KMAP:
		return kmapped(r, ev, MAP_KMAP, true);
	case OP_KUNMAP:
		return kmapped(r, ev, MAP_KMAP, false);
	case OP_KMAP_ATOMIC:
		return kmapped(r, ev, MAP_KMAP_ATOMIC, true);
	case OP_KUNMAP_ATOMIC:
		return kmapped(r, ev, MAP_KMAP_ATOMIC, false);
	case OP_IOREMAP:
		return served(r, ev, MAP_IOREMAP, do_ioremap);
	case OP_IOUNMAP:
		return served(r, ev, MAP_IOREMAP, do_iounmap);
	case OP_REQUEST_REGION:
		return served(r, ev, MAP_IOREMAP, do_request);
	case OP_RELEASE_REGION:
		return served(r, ev, MAP_IOREMAP, do_release);
	default:
		return false;
	}
}
