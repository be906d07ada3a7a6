/* The report's `live_at_end` block: what is still live, by call site and size. */
#include <stdlib.h>

#include "sim/ptr_map.h"
#include "sim/report_parts.h"
#include "sim/virtual.h"

#define MOST_GROUPS 50u /* told, those of the most bytes */

struct group {
	uint64_t what; /* size, and above it the site */
	uint64_t blocks, first; /* first: event of the oldest block's birth */
};

struct groups {
	struct group *v;
	size_t nr, room;
	struct ptr_map of; /* from `what` to the index in v */
};

static uint64_t group_size(const struct group *g)
{
	return g->what & LIVE_SIZE_MAX;
}

static uint32_t group_site(const struct group *g)
{
	return (uint32_t)(g->what >> 40);
}

static int by_bytes(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	uint64_t p = group_size(x) * x->blocks, q = group_size(y) * y->blocks;

	if (p != q)
		return p > q ? -1 : 1;
	/* The site is above the size. */
	return x->what < y->what ? -1 : x->what > y->what;
}

/* The group of `what`, a new one if need be; NULL: out of memory. */
static struct group *find_group(struct groups *s, uint64_t what)
{
	struct ptr_cell *cell = ptr_map_find(&s->of, what);

	if (cell != NULL)
		return &s->v[cell->slot];
	if (s->nr == s->room) {
		size_t room = s->room ? s->room * 2 : 64;
		struct group *v = realloc(s->v, room * sizeof *v);

		if (v == NULL)
			return NULL;
		s->v = v;
		s->room = room;
	}
	if (!ptr_map_put(&s->of, what, (uint32_t)s->nr, 1))
		return NULL;
	s->v[s->nr] = (struct group){what, 0, UINT64_MAX};
	return &s->v[s->nr++];
}

/* As far as there is memory for them. */
static void collect(struct groups *s, const struct live_table *t)
{
	for (uint32_t i = 0; i < t->nr; i++) {
		const struct live *l = &t->slot[i];
		struct group *g;

		if (!live_holds(l))
			continue;
		g = find_group(s, live_size(l) | (uint64_t)live_site(t, l) << 40);
		if (g == NULL)
			return;
		g->blocks++;
		if (live_birth(l) < g->first)
			g->first = live_birth(l);
	}
}

static json_t *group_json(const struct replay *r, const struct group *g)
{
	const char *site = r->trace != NULL ? trace_string(r->trace, group_site(g)) : "";

	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "site", site, "size",
			 (json_int_t)group_size(g), "blocks", (json_int_t)g->blocks, "bytes",
			 (json_int_t)(group_size(g) * g->blocks), "first_event",
			 (json_int_t)g->first);
}

json_t *report_live(const struct replay *r)
{
	json_t *list = json_array();
	struct groups s = {.nr = 0};

	if (ptr_map_init(&s.of))
		collect(&s, &r->live);
	if (s.nr != 0)
		qsort(s.v, s.nr, sizeof *s.v, by_bytes);
	for (size_t i = 0; i < s.nr && i < MOST_GROUPS; i++)
		json_array_append_new(list, group_json(r, &s.v[i]));
	ptr_map_finish(&s.of);
	free(s.v);
	return json_pack("{s:I, s:I, s:o}", "bytes", (json_int_t)r->fig->live_bytes, "blocks",
			 (json_int_t)r->fig->live_blocks, "by_site", list);
}
