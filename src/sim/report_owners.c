/* The report's `page_owners`: every page of the zones by its state, and live ones by owner. */
#include <string.h>

#include "sim/report_parts.h"

struct reading {
	const struct sys_alloc *p;
	uint64_t free, listed, owned[NR_PAGE_OWNERS];
};

static void read_owners(void *ctx)
{
	struct reading *x = ctx;

	x->p->ops->pages->owners(x->p->alloc, x->owned);
	for (unsigned z = 0; z < x->p->env.nr_zones; z++) {
		struct zone_figures f;

		x->p->ops->pages->zone(x->p->alloc, z, &f);
		x->free += f.free;
		x->listed += f.listed;
	}
}

/* Pages of reserved RAM; those of a kernel image are its code. */
static void read_reserved(const struct machine *m, uint64_t *code, uint64_t *other)
{
	*code = *other = 0;
	for (unsigned i = 0; i < m->nr_reserved; i++) {
		const struct reserved_range *x = &m->reserved[i];
		bool ram = false;

		for (unsigned g = 0; g < m->nr_regions; g++)
			ram |= m->regions[g].kind == REGION_RAM && x->base >= m->regions[g].base &&
			       x->base - m->regions[g].base < m->regions[g].bytes;
		if (ram)
			*(strstr(x->owner, "kernel") != NULL ? code : other) +=
				(x->bytes + (1ull << m->page_shift) - 1) >> m->page_shift;
	}
}

static void add(json_t *list, const char *state, uint64_t pages)
{
	if (pages != 0)
		json_array_append_new(
			list, json_pack("{s:s, s:I}", "state", state, "pages", (json_int_t)pages));
}

json_t *report_owners(struct replay *r)
{
	static const char *const words[NR_PAGE_OWNERS] = {
#define X(NAME, word) [PAGE_OWNER_##NAME] = word,
		PAGE_OWNERS(X)
#undef X
	};
	const struct sys_alloc *p = r->sys->pages;
	struct reading x = {.p = p};
	json_t *list = json_array();
	uint64_t code, other;

	if (p == NULL || p->ops->pages->owners == NULL || !replay_read(r, read_owners, &x))
		return list;
	read_reserved(r->sys->machine, &code, &other);
	x.owned[PAGE_OWNER_CODE] += code;
	add(list, "free", x.free);
	add(list, "on a CPU's list", x.listed);
	add(list, "reserved", other);
	for (unsigned i = 0; i < NR_PAGE_OWNERS; i++)
		add(list, words[i], x.owned[i]);
	return list;
}
