/* Arenas: contiguous ranges that the region manager carves at boot. */
#include "sim/system_parts.h"

#include "sim/dense.h"

static bool in_direct_map(const struct system *s, uint64_t pa)
{
	return s->machine->mmu == MMU_NONE || s->machine->virt.direct_bytes == 0 ||
	       pa < s->machine->virt.direct_bytes;
}

/* The largest free range in a region (or anywhere directly mapped). */
static struct mm_range largest_free(const struct system *s, int region)
{
	const struct machine *m = s->machine;
	struct mm_range best = {{0}, 0}, r;
	vaddr_t at = {s->offset};

	while (s->boot->ops->boot->next_free(s->boot->alloc, at, &r)) {
		uint64_t pa = r.base.v - s->offset, end = pa + r.bytes;

		at = vaddr_add(r.base, r.bytes);
		if (region >= 0) {
			const struct region *g = &m->regions[region];

			pa = pa > g->base ? pa : g->base;
			end = end < g->base + g->bytes ? end : g->base + g->bytes;
		} else if (!in_direct_map(s, end - 1)) {
			end = m->virt.direct_bytes;
		}
		if (end > pa && end - pa > best.bytes)
			best = (struct mm_range){{pa + s->offset}, end - pa};
	}
	return best;
}

static const char *region_name(const struct system *s, int region)
{
	return region < 0 ? "directly mapped memory" : s->machine->regions[region].name;
}

/*
 * Where in r an arena of `want` bytes (0: of all) begins: at a multiple of `least`, and
 * of what the kind would like as long as a 64th of the range is the most that it costs.
 */
static uint64_t arena_base(const struct sys_alloc *a, struct mm_range r, uint64_t want,
			   uint64_t least)
{
	for (uint64_t align = a->ops->arena_align; align > least; align /= 2) {
		uint64_t lost = round_up(r.base.v, align) - r.base.v;

		if (lost <= r.bytes / 64 && want <= r.bytes - lost)
			return r.base.v + lost;
	}
	return round_up(r.base.v, least);
}

int system_carve_arena(struct system *s, struct sys_alloc *a, const struct boot_options *o,
		       struct diag *d)
{
	const struct alloc_conf *c = a->conf;
	struct mm_range r = largest_free(s, c->region);
	uint64_t want = c->group == GROUP_HEAP && o->heap_bytes != 0 ? o->heap_bytes : c->bytes;
	uint64_t align = a->env.align, line = a->env.cache_line > align ? a->env.cache_line : align,
		 base = arena_base(a, r, want, line);
	vaddr_t va;

	if (c->group == GROUP_HEAP)
		base += round_down(o->heap_shift, line);
	r.bytes -= base - r.base.v < r.bytes ? base - r.base.v : r.bytes;
	r.base.v = base;
	if (want == 0)
		want = c->region < 0 && s->pages != NULL ? r.bytes / 2 : r.bytes;
	if (want < align)
		return conf_error(
			d, c->node,
			"allocator '%s' has an arena of %llu bytes, expected at least %llu",
			a->name, (unsigned long long)want, (unsigned long long)align);
	want = round_down(want, align);
	if (want > r.bytes)
		return conf_error(d, c->node,
				  "allocator '%s' wants an arena of %llu bytes, but %s has %llu "
				  "contiguous free bytes",
				  a->name, (unsigned long long)want, region_name(s, c->region),
				  (unsigned long long)r.bytes);
	va = s->boot->ops->boot->carve(s->boot->alloc, want, align, r.base,
				       vaddr_add(r.base, r.bytes), false);
	if (vaddr_none(va) || va.v != r.base.v)
		return conf_error(d, c->node,
				  "allocator '%s': the region manager cannot carve %llu bytes",
				  a->name, (unsigned long long)want);
	mm_transfer(&s->boot->view, &a->view, va, want, MM_CACHED);
	a->arena = a->env.arena = (struct mm_range){va, want};
	dense_begin(s, a);
	return 0;
}
