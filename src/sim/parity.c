/* The list of figures, the indices, and the order of the whole comparison. */
#include "sim/parity.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/parity_private.h"

const char *parity_group_name(enum parity_group g)
{
	static const char *const names[] = {
		[PARITY_WATERMARKS] = "watermarks",       [PARITY_RESERVES] = "lowmem reserves",
		[PARITY_LISTS] = "per-CPU lists",         [PARITY_UNUSABLE] = "unusable index",
		[PARITY_EXTFRAG] = "fragmentation index", [PARITY_SLABS] = "slabs"};

	return names[g];
}

const char *parity_result_name(enum parity_result r)
{
	static const char *const names[] = {"equal", "differs", "not determined"};

	return names[r];
}

const char *parity_zone_name(const struct kernel_zone *z, char buf[72])
{
	snprintf(buf, 72, "Node %u, zone %s", z->node, z->name);
	return buf;
}

/* ---- the list ---- */

static void *room(struct parity *p, void *v, unsigned nr, unsigned *cap, size_t bytes)
{
	unsigned more = *cap != 0 ? *cap * 2 : 64;
	void *w;

	if (nr < *cap)
		return v;
	w = realloc(v, more * bytes);
	if (w == NULL)
		p->no_memory = true;
	else
		*cap = more;
	return w;
}

static void keep(struct parity_trial *t, const struct parity_figure *f)
{
	struct parity *p = t->p;
	void *v;

	t->differs += f->result == PARITY_DIFFERS;
	t->open += f->result == PARITY_OPEN;
	if (p == NULL)
		return;
	v = room(p, p->figure, p->nr_figures, &p->cap_figures, sizeof *p->figure);
	if (v == NULL)
		return;
	p->figure = v;
	p->figure[p->nr_figures++] = *f;
	p->count[f->group][f->result]++;
}

static struct parity_figure figure(enum parity_group g, const char *where, const char *name,
				   uint64_t kernel, uint64_t ours)
{
	struct parity_figure f = {.group = g,
				  .result = kernel == ours ? PARITY_EQUAL : PARITY_DIFFERS,
				  .kernel = (int64_t)kernel,
				  .ours = (int64_t)ours,
				  .most = -1};

	snprintf(f.where, sizeof f.where, "%s", where);
	snprintf(f.name, sizeof f.name, "%s", name);
	return f;
}

void parity_note(struct parity_trial *t, enum parity_group g, const char *where, const char *name,
		 uint64_t kernel, uint64_t ours)
{
	struct parity_figure f = figure(g, where, name, kernel, ours);

	keep(t, &f);
}

void parity_note_span(struct parity_trial *t, enum parity_group g, const char *where,
		      const char *name, uint64_t kernel, struct span ours, const char *why)
{
	struct parity_figure f = figure(g, where, name, kernel, ours.lo);

	if (ours.lo < ours.hi && kernel >= ours.lo && kernel <= ours.hi) {
		f.result = PARITY_OPEN;
		snprintf(f.why, sizeof f.why, "%s", why);
	}
	if (ours.lo < ours.hi)
		f.most = (int64_t)ours.hi;
	if (ours.lo > ours.hi) /* the other figures contradict each other */
		f.result = PARITY_DIFFERS;
	keep(t, &f);
}

void parity_note_open(struct parity_trial *t, enum parity_group g, const char *where,
		      const char *name, uint64_t kernel, const char *why)
{
	struct parity_figure f = figure(g, where, name, kernel, 0);

	f.result = PARITY_OPEN;
	snprintf(f.why, sizeof f.why, "%s", why);
	keep(t, &f);
}

void parity_input(struct parity *p, const char *name, const char *from, const char *fmt, ...)
{
	struct parity_input in = {.name = ""};
	va_list ap;
	void *v = room(p, p->input, p->nr_inputs, &p->cap_inputs, sizeof *p->input);

	if (v == NULL)
		return;
	p->input = v;
	snprintf(in.name, sizeof in.name, "%s", name);
	snprintf(in.from, sizeof in.from, "%s", from);
	va_start(ap, fmt);
	vsnprintf(in.value, sizeof in.value, fmt, ap);
	va_end(ap);
	p->input[p->nr_inputs++] = in;
}

void parity_missing(struct parity *p, enum parity_group g, const char *why)
{
	snprintf(p->missing[g], sizeof p->missing[g], "%s", why);
}

unsigned parity_total(const struct parity *p, enum parity_result r)
{
	unsigned n = 0;

	for (unsigned g = 0; g < NR_PARITY_GROUPS; g++)
		n += p->count[g][r];
	return n;
}

/* ---- the indices ---- */

static void one_index(struct parity_trial *t, enum parity_group g, const struct kernel_zone *z,
		      const int *kernel, unsigned orders,
		      int (*index)(const struct free_area *a, unsigned order))
{
	char where[72], name[32];

	parity_zone_name(z, where);
	for (unsigned o = 0; o < orders; o++) {
		snprintf(name, sizeof name, "order %u", o);
		if (z->orders == 0)
			parity_note_open(t, g, where, name, (uint64_t)(int64_t)kernel[o],
					 "buddyinfo does not have the zone");
		else if (o >= z->orders)
			parity_note_open(t, g, where, name, (uint64_t)(int64_t)kernel[o],
					 "buddyinfo does not have the order");
		else
			parity_note(t, g, where, name, (uint64_t)(int64_t)kernel[o],
				    (uint64_t)(int64_t)index(&z->area, o));
	}
}

static void indices(struct parity *p, const struct kernel_snapshot *k)
{
	struct parity_trial t = {.p = p};

	for (unsigned i = 0; i < k->nr_zones; i++)
		one_index(&t, PARITY_UNUSABLE, &k->zone[i], k->zone[i].unusable,
			  k->zone[i].unusable_orders, unusable_index);
	for (unsigned i = 0; i < k->nr_zones; i++)
		one_index(&t, PARITY_EXTFRAG, &k->zone[i], k->zone[i].extfrag,
			  k->zone[i].extfrag_orders, extfrag_index);
	if (!k->has[KF_UNUSABLE])
		parity_missing(p, PARITY_UNUSABLE,
			       "no unusable_index (in /sys/kernel/debug/extfrag, where debugfs is "
			       "mounted)");
	if (!k->has[KF_EXTFRAG])
		parity_missing(p, PARITY_EXTFRAG,
			       "no extfrag_index (in /sys/kernel/debug/extfrag, where debugfs is "
			       "mounted)");
}

/* ---- the whole ---- */

/* Of the sizes that kernels use, the one by which the fewest figures of zones differ. */
static unsigned likely_shift(const struct kernel_snapshot *k, const struct rules_ops *ops)
{
	static const unsigned shifts[] = {12, 14, 16};
	unsigned best = 12, least = UINT32_MAX;

	for (size_t i = 0; i < sizeof shifts / sizeof *shifts; i++) {
		struct parity trial = {.figure = NULL};

		parity_zones(&trial, k, ops, shifts[i]);
		if (parity_total(&trial, PARITY_DIFFERS) < least) {
			least = parity_total(&trial, PARITY_DIFFERS);
			best = shifts[i];
		}
		parity_finish(&trial);
	}
	return best;
}

/* Pages by what is told: the running system, memory in all, slabs; else by the figures. */
static unsigned page_shift_of(struct parity *p, const struct kernel_snapshot *k,
			      const struct rules_ops *ops)
{
	const char *from = "the running system";
	unsigned shift = k->page_shift;
	uint64_t managed = 0;

	for (unsigned i = 0; i < k->nr_zones; i++)
		managed += k->zone[i].managed != KERNEL_NONE ? k->zone[i].managed : 0;
	if (shift == 0 && k->mem_total_kb != KERNEL_NONE && managed != 0) {
		from = "MemTotal of meminfo";
		for (unsigned s = 10; s <= 16; s++)
			if (managed << (s - 10) == k->mem_total_kb)
				shift = s;
	}
	if (shift == 0) {
		from = "slabs' sizes";
		shift = parity_page_shift(k);
	}
	if (shift == 0) {
		from = "not told: found from the figures of zones";
		shift = likely_shift(k, ops);
	}
	parity_input(p, "page size", from, "%u bytes", 1u << shift);
	return shift;
}

int parity_compare(struct parity *p, const struct kernel_snapshot *k, const struct rules_ops *ops,
		   struct diag *d)
{
	unsigned page_shift;

	*p = (struct parity){.figure = NULL};
	page_shift = page_shift_of(p, k, ops);
	if (k->version != 0)
		parity_input(p, "kernel", "version", "%u.%u", k->version / 1000, k->version % 1000);
	parity_zones(p, k, ops, page_shift);
	indices(p, k);
	parity_slabs(p, k, ops, page_shift);
	if (!p->no_memory)
		return 0;
	parity_finish(p);
	return diag_set(d, "", 0, 0, "out of memory");
}

void parity_finish(struct parity *p)
{
	free(p->figure);
	free(p->input);
	*p = (struct parity){.figure = NULL};
}

/* ---- JSON ---- */

static json_t *counts_json(const struct parity *p)
{
	json_t *list = json_array();

	for (unsigned g = 0; g < NR_PARITY_GROUPS; g++)
		json_array_append_new(list,
				      json_pack("{s:s, s:i, s:i, s:i, s:s?}", "name",
						parity_group_name((enum parity_group)g), "equal",
						(int)p->count[g][PARITY_EQUAL], "differs",
						(int)p->count[g][PARITY_DIFFERS], "not_determined",
						(int)p->count[g][PARITY_OPEN], "missing",
						p->missing[g][0] != '\0' ? p->missing[g] : NULL));
	return list;
}

static json_t *figure_json(const struct parity_figure *f)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:s}", "group", parity_group_name(f->group),
			      "where", f->where, "name", f->name, "kernel", (json_int_t)f->kernel,
			      "result", parity_result_name(f->result));

	if (f->most >= 0)
		json_object_set_new(o, "ours_between",
				    json_pack("[I, I]", (json_int_t)f->ours, (json_int_t)f->most));
	else if (f->result != PARITY_OPEN)
		json_object_set_new(o, "ours", json_integer(f->ours));
	if (f->why[0] != '\0')
		json_object_set_new(o, "why", json_string(f->why));
	return o;
}

json_t *parity_json(const struct parity *p)
{
	json_t *inputs = json_array(), *figures = json_array();

	for (unsigned i = 0; i < p->nr_inputs; i++)
		json_array_append_new(inputs, json_pack("{s:s, s:s, s:s}", "name", p->input[i].name,
							"value", p->input[i].value, "from",
							p->input[i].from));
	for (unsigned i = 0; i < p->nr_figures; i++)
		json_array_append_new(figures, figure_json(&p->figure[i]));
	return json_pack("{s:s, s:i, s:i, s:i, s:o, s:o, s:o}", "schema", "memscape.parity/1",
			 "equal", (int)parity_total(p, PARITY_EQUAL), "differs",
			 (int)parity_total(p, PARITY_DIFFERS), "not_determined",
			 (int)parity_total(p, PARITY_OPEN), "groups", counts_json(p), "inputs",
			 inputs, "figures", figures);
}
