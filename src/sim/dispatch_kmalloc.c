/*
 * Events of the group kmalloc: kmalloc and its kin, and what devices own (devm_).
 *
 * A device's blocks are its until it goes: device_remove frees them in the reverse
 * order of their births.  Such a block has a header (struct devres of Linux: list,
 * release function, name, size) in front, which is asked for besides; nobody but the
 * device frees it.  The live table's extra word keeps the device.
 */
#include <stdlib.h>

#include "sim/dispatch.h"
#include "sim/dispatch_groups.h"

#define OF_DEVICE  0x800000u /* in the extra word; below it, the device or the tag */
#define MAX_DEVICE (OF_DEVICE - 1)

static struct sys_alloc *server(const struct replay *r)
{
	struct sys_alloc *h = r->sys->group[GROUP_KMALLOC];

	return h != NULL && h->ops->bytes != NULL ? h : NULL;
}

/*
 * A master that does not reach all zones that the layer may take from is one for GFP_DMA
 * memory, if it reaches that.  false: nothing here serves it.
 */
static bool reaches(struct replay *r, const struct sys_alloc *h, int master)
{
	uint32_t all = (2u << (r->sys->machine->nr_zones - 1)) - 1;
	uint32_t zones = master < 0 ? UINT32_MAX : r->sys->machine->masters[master].zones;

	if ((h->source.zone_mask & all & ~zones) == 0)
		return true;
	r->req.gfp |= __GFP_DMA;
	return h->source.dma_zones != 0 && (h->source.dma_zones & ~zones) == 0;
}

/* A request of ev->size bytes, for which the layer is asked `want`. */
static bool grant(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
		  uint64_t want, bool zero)
{
	uint64_t word = r->sys->machine->word;
	int master;
	bool ok = false;

	if (!dispatch_master(r, ev, &master))
		return false;
	dispatch_state_request(r, ev, 0);
	if (word == 4 && want > UINT32_MAX) { /* kcalloc's product, or a size, overflows */
		mm_refuse(&h->view, MM_REFUSE_LIMIT);
		replay_failed(r, h, ev, want, 0);
	} else if (!reaches(r, h, master)) {
		r->req.zone_mask = 0;
		replay_failed(r, h, ev, want, 0);
	} else {
		ok = replay_heap_grant(r, h, ev, want, 0, zero);
	}
	if (ok && ev->op == OP_KMALLOC && ev->arg != 0 && h->ops->bytes->usable != NULL)
		dispatch_compare(r, ev,
				 h->ops->bytes->usable(
					 h->alloc,
					 mem_va(&h->view,
						(paddr_t){live_pa(&r->live.slot[ev->slot])})));
	r->req = (struct alloc_req){.zone_mask = UINT32_MAX};
	return true;
}

/* ---- devices ---- */

static uint64_t devres_bytes(const struct replay *r, const struct sys_alloc *h)
{
	return round_up(5u * r->sys->machine->word, h->env.align);
}

static bool devm_kmalloc(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct live *l;

	if (ev->arg > MAX_DEVICE)
		return dispatch_problem(r, ev, "device numbers go up to 8388607");
	if (!grant(r, h, ev, ev->size + devres_bytes(r, h), true))
		return false;
	l = &r->live.slot[ev->slot];
	if (live_state(l) == LIVE_BLOCK)
		live_set_extra(&r->live, l, OF_DEVICE | (uint32_t)ev->arg);
	return true;
}

static bool is_devices(const struct replay *r, const struct live *l)
{
	return (live_extra(&r->live, l) & OF_DEVICE) != 0;
}

/* Frees the live block l; what is not the layer's, or a device's, it refuses. */
static void free_block(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
		       struct live *l)
{
	msize_t granted = FREE_BAD;

	if (&r->sys->allocs[live_alloc(l)] == h) {
		replay_before_death(r);
		granted = h->ops->bytes->free(h->alloc, mem_va(&h->view, (paddr_t){live_pa(l)}));
	}
	if (granted == FREE_BAD)
		replay_bad(r, ev, 'p');
	else
		replay_died(r, h, l, granted);
}

static int youngest_first(const void *a, const void *b)
{
	const struct live *x = *(struct live *const *)a, *y = *(struct live *const *)b;

	return live_birth(x) < live_birth(y) ? 1 : live_birth(x) > live_birth(y) ? -1 : 0;
}

static bool device_remove(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	uint32_t device = OF_DEVICE | (uint32_t)(ev->arg & MAX_DEVICE);
	unsigned owner = (unsigned)(h - r->sys->allocs);
	struct live **list;
	size_t n = 0;

	if (r->fig->live_blocks == 0 || ev->arg > MAX_DEVICE)
		return true;
	list = calloc(r->fig->live_blocks, sizeof(struct live *));
	if (list == NULL)
		return dispatch_problem(r, ev, "out of host memory");
	for (uint32_t i = 0; i < r->live.nr && n < r->fig->live_blocks; i++) {
		struct live *l = &r->live.slot[i];

		if (live_state(l) == LIVE_BLOCK && live_alloc(l) == owner &&
		    live_extra(&r->live, l) == device)
			list[n++] = l;
	}
	if (n != 0)
		qsort(list, n, sizeof(struct live *), youngest_first);
	for (size_t i = 0; i < n; i++)
		free_block(r, h, ev, list[i]);
	free(list);
	return true;
}

/* ---- the rest ---- */

static bool krealloc(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct live *l;

	if ((ev->flags & EV_UNKNOWN_ID) != 0) {
		replay_object(r, ev);
		return true;
	}
	l = &r->live.slot[ev->slot];
	if (live_state(l) == LIVE_FAILED && (ev->flags & EV_NULL) == 0) {
		r->fig->skipped++;
		return true;
	}
	if (live_state(l) != LIVE_BLOCK)
		return grant(r, h, ev, ev->size, false);
	if (&r->sys->allocs[live_alloc(l)] != h || is_devices(r, l)) {
		replay_bad(r, ev, 'p');
		return true;
	}
	dispatch_state_request(r, ev, 0);
	replay_before_death(r);
	replay_heap_resize(r, h, l, ev);
	r->req = (struct alloc_req){.zone_mask = UINT32_MAX};
	return true;
}

static void kfree(struct replay *r, struct sys_alloc *h, const struct trace_event *ev)
{
	struct live *l = replay_object(r, ev);

	if (l == NULL)
		return;
	if (is_devices(r, l) && &r->sys->allocs[live_alloc(l)] == h)
		replay_bad(r, ev, 'p');
	else
		free_block(r, h, ev, l);
}

bool dispatch_kmalloc(struct replay *r, const struct trace_event *ev)
{
	struct sys_alloc *h = server(r);

	if (h == NULL)
		return false;
	switch (ev->op) {
	case OP_KMALLOC:
		return grant(r, h, ev, ev->size, (ev->gfp & __GFP_ZERO) != 0);
	case OP_KZALLOC:
	case OP_KCALLOC:
		return grant(r, h, ev, ev->size, true);
	case OP_KREALLOC:
		return krealloc(r, h, ev);
	case OP_KFREE:
		kfree(r, h, ev);
		return true;
	case OP_DEVM_KMALLOC:
		return devm_kmalloc(r, h, ev);
	case OP_DEVICE_REMOVE:
		return device_remove(r, h, ev);
	default:
		return false;
	}
}
