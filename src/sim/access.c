/*
 * read and write: one access of a target word each, page by page through the TLBs
 * and, where they miss, the page tables.  What lies behind an address is not
 * simulated: payload has no contents.
 *
 * Counted by the window that the address lies in, so that the cost of a vmalloc area
 * stands beside that of the direct map.
 */
#include <string.h>

#include "sim/dispatch.h"
#include "sim/virtual.h"

/* Device memory, seen through ioremap. */
static bool is_device(const struct replay *r, const struct live *l)
{
	return live_state(l) == LIVE_MAP &&
	       &r->sys->allocs[live_alloc(l)] == r->sys->group[GROUP_IOREMAP];
}

static enum access_window window_of(const struct replay *r, const struct live *l, uint64_t va)
{
	const struct virtual_conf *v = &r->sys->machine->virt;

	if (is_device(r, l))
		return ACCESS_DEVICE;
	if (va < v->page_offset)
		return ACCESS_USER;
	if (va - v->page_offset < v->direct_bytes)
		return ACCESS_DIRECT;
	if (va >= v->vmalloc_start && va < v->vmalloc_end)
		return ACCESS_VMALLOC;
	return ACCESS_KMAP;
}

/* The address the processor uses for a live object; false: it has none. */
static bool address_of(const struct replay *r, const struct live *l, uint64_t *va)
{
	if (live_state(l) == LIVE_BLOCK) {
		*va = live_pa(l) + r->sys->offset;
		return live_pa(l) < r->sys->machine->virt.direct_bytes;
	}
	*va = live_va(r, l);
	return live_state(l) == LIVE_AREA || live_state(l) == LIVE_MAP ||
	       live_state(l) == LIVE_TASK;
}

/* The live thing an access names; NULL: there is none, which is a finding or a skip. */
static struct live *named_thing(struct replay *r, const struct trace_event *ev)
{
	const struct live *l = ev->slot != SLOT_NONE ? &r->live.slot[ev->slot] : NULL;
	enum live_state want = l != NULL ? live_state(l) : LIVE_BLOCK;

	if (want == LIVE_DEAD || want == LIVE_FAILED || want == LIVE_CACHE || want == LIVE_REGION)
		want = LIVE_BLOCK;
	return replay_named(r, ev, want);
}

static void count_walk(struct access_figures *f, const struct mmu_walk *w, uint64_t accesses,
		       uint64_t bytes)
{
	f->accesses += accesses;
	f->bytes += bytes;
	f->tlb_misses += w->missed != 0;
	f->walks += w->loads != 0;
	f->walk_loads += w->loads;
	f->cycles += w->cycles;
}

/* Is the page seen there the one that was mapped?  A later kmap_atomic may have taken the slot. */
static bool shows_its_page(const struct replay *r, const struct live *l, uint64_t va, uint64_t pa)
{
	uint64_t page = 1ull << r->sys->machine->page_shift;

	return live_state(l) != LIVE_MAP || is_device(r, l) || va - live_va(r, l) >= page ||
	       round_down(pa, page) == live_size(l);
}

static void device_finding(struct replay *r, const struct trace_event *ev, uint8_t what,
			   uint64_t va, unsigned region)
{
	replay_finding(r, (struct bad_event){.where = va,
					     .number = ev->size,
					     .slot = ev->slot,
					     .other = region,
					     .op = ev->op,
					     .what = what});
}

/*
 * A register is read or written whole, at its width and in its byte order: `tag=be`
 * is an accessor for big-endian ones (ioread32be), any other for little-endian ones.
 */
static void check_register(struct replay *r, const struct trace_event *ev, uint64_t va, uint64_t pa)
{
	int g = physmem_region(&r->sys->pm, pa);
	const struct region *x = g < 0 ? NULL : &r->sys->machine->regions[g];
	bool big = ev->tag != 0 && r->trace != NULL &&
		   strcmp(trace_string(r->trace, ev->tag), "be") == 0;

	if (x == NULL || x->kind != REGION_MMIO)
		return;
	if (!is_pow2(ev->size) || ev->size > 8 || (x->sizes & ev->size) == 0)
		device_finding(r, ev, 'm', va, (unsigned)g);
	else if ((pa & (ev->size - 1)) != 0)
		device_finding(r, ev, 'a', va, (unsigned)g);
	else if (big != x->big_endian)
		device_finding(r, ev, 'e', va, (unsigned)g);
}

/* What the translation shows; false: the event ends here. */
static bool judge(struct replay *r, const struct trace_event *ev, const struct live *l, uint64_t va,
		  const struct mmu_walk *w)
{
	if (w->fault != MMU_OK)
		replay_bad_at(r, ev, w->fault == MMU_PROTECTED ? 'w' : 'f', va);
	else if (!shows_its_page(r, l, va, w->pa))
		replay_bad_at(r, ev, 'o', va);
	else if (is_device(r, l))
		check_register(r, ev, va, w->pa);
	else
		return true;
	return false;
}

/* Accesses [va, va + bytes), word by word, a register at once, up to the first finding. */
static void access_range(struct replay *r, const struct trace_event *ev, const struct live *l,
			 uint64_t va, uint64_t bytes)
{
	uint64_t word = is_device(r, l) ? bytes : r->sys->machine->word,
		 page = 1ull << r->sys->machine->page_shift;

	for (uint64_t end = va + bytes; va < end;) {
		uint64_t stop = round_down(va, page) + page,
			 here = (stop < end ? stop : end) - va;
		struct mmu_access a = {.va = va,
				       .cpu = ev->cpu,
				       .write = ev->op == OP_WRITE,
				       .count = (here + word - 1) / word};
		struct mmu_walk w = mmu_access(&r->sys->mmu, &a);

		count_walk(&r->fig->access[window_of(r, l, va)], &w, a.count, here);
		if (!judge(r, ev, l, va, &w))
			return;
		va += here;
	}
}

void access_event(struct replay *r, const struct trace_event *ev)
{
	struct live *l = named_thing(r, ev);
	uint64_t va, bytes = ev->size != 0 ? ev->size : 1;

	if (l == NULL || r->sys->mmu.state == NULL || r->sys->mmu.state->top == 0)
		return;
	if (!address_of(r, l, &va)) {
		replay_bad_at(r, ev, 'h', live_pa(l));
		return;
	}
	if (ev->arg > LIVE_SIZE_MAX || bytes > LIVE_SIZE_MAX) {
		replay_bad_at(r, ev, 'f', va);
		return;
	}
	r->fig->access[window_of(r, l, va)].events++;
	access_range(r, ev, l, va + ev->arg, bytes);
}
