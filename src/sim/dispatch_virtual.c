/*
 * Events of the group virtual: areas, temporary mappings, device memory, resources.
 *
 * A live area's "address" is the low 48 bits of its virtual one.  Its pages lie
 * anywhere, so its bytes enter the ledger page by page.
 */
#include "sim/dispatch.h"

#include "alloc/alloc.h"
#include "sim/virtual.h"

/* ---- who serves what ---- */

struct sys_alloc *virtual_server(const struct system *s, enum map_type type)
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
		pfn_t pfn = h->ops->maps->page(h->alloc, (vaddr_t){va + at});
		uint64_t wanted = size - at < page ? size - at : page;

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

void virtual_area_born(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
		       struct grant g, uint64_t size, enum live_state state)
{
	split_area(r, h, g.va.v, size, true);
	live_set(&r->live.slot[ev->slot], state, (unsigned)(h - r->sys->allocs),
		 g.va.v & LIVE_PLACE_MAX, size, ev->site, r->fig->event, ev->tag);
	r->fig->live_blocks++;
	replay_more_live(r, h, size, 0);
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

bool dispatch_virtual(struct replay *r, const struct trace_event *ev)
{
	struct sys_alloc *h = virtual_server(r->sys, MAP_VMALLOC);

	switch (ev->op) {
	case OP_VMALLOC:
		if (h != NULL)
			do_vmalloc(r, h, ev);
		return h != NULL;
	case OP_VFREE:
		if (h != NULL)
			do_vfree(r, h, ev);
		return h != NULL;
	default:
		return false;
	}
}
