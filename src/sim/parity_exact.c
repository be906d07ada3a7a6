/*
 * Watermarks, reserves and limits of the lists as our page allocator would compute them
 * from the sizes that zoneinfo tells now.
 */
#include <stdio.h>

#include "sim/parity_private.h"

/* Does a zone that has a share stand exactly where the rules put it? */
static bool one_is_exact(const struct parity_zones *x)
{
	for (unsigned i = 0; i < x->nr; i++) {
		struct rules_marks m = x->ops->marks(&x->rules, i);

		if (m.min > 1 && x->rz[i].type < ZONE_HIGHMEM && x->min[i] == m.min &&
		    x->low[i] == m.low && x->high[i] == m.high)
			return true;
	}
	return false;
}

/*
 * From 5.0 on a zone that mixes types is boosted: all its marks are higher by pageblocks,
 * or by the most there may be.  Kernels before 5.11 do not tell by how much.
 */
static bool is_boosted(const struct parity_zones *x, unsigned i, struct rules_marks m)
{
	unsigned order = x->k->block_order != 0 ? x->k->block_order : 9;
	uint64_t by = x->min[i] - m.min, most = (uint64_t)m.high * 15000 / 10000;

	return x->z[i]->boost == KERNEL_NONE && x->k->node_stats && x->min[i] > m.min &&
	       x->low[i] - m.low == by && x->high[i] - m.high == by && by <= most &&
	       (by == most || (by & (((uint64_t)1 << order) - 1)) == 0) && one_is_exact(x);
}

void parity_note_boosted(const struct parity_zones *x, struct parity_trial *t, unsigned i,
			 const char *where)
{
	static const char why[] = "higher by a watermark_boost, as all marks of the zone, which "
				  "kernels before 5.11 do not tell";

	parity_note_open(t, PARITY_WATERMARKS, where, "min", x->z[i]->min, why);
	parity_note_open(t, PARITY_WATERMARKS, where, "low", x->z[i]->low, why);
	parity_note_open(t, PARITY_WATERMARKS, where, "high", x->z[i]->high, why);
}

void parity_marks_exact(const struct parity_zones *x, struct parity_trial *t)
{
	for (unsigned i = 0; i < x->nr; i++) {
		const struct kernel_zone *z = x->z[i];
		struct rules_marks m = x->ops->marks(&x->rules, i);
		char where[72];

		if (z->device)
			m = (struct rules_marks){0, 0, 0, 0};
		parity_zone_name(z, where);
		if (x->boosted[i] || is_boosted(x, i, m)) {
			parity_note_boosted(x, t, i, where);
			continue;
		}
		parity_note(t, PARITY_WATERMARKS, where, "min", x->min[i], m.min);
		parity_note(t, PARITY_WATERMARKS, where, "low", x->low[i], m.low);
		parity_note(t, PARITY_WATERMARKS, where, "high", x->high[i], m.high);
		if (z->promo != KERNEL_NONE)
			parity_note(t, PARITY_WATERMARKS, where, "promo",
				    z->promo - (z->low - x->low[i]), m.promo);
	}
}

/* Device is the second column of its type. */
static bool is_device(const struct parity_zones *x, unsigned column)
{
	return column > 0 && x->column[column] == x->column[column - 1];
}

bool parity_asks_none(const struct parity_zones *x, unsigned zone, unsigned column)
{
	if (!x->rules.empty_asks_none)
		return false;
	for (unsigned i = x->first[zone]; i < x->end[zone] && !is_device(x, column); i++)
		if (x->rz[i].type == x->column[column] && !x->z[i]->device && x->rz[i].managed != 0)
			return false;
	return true;
}

uint32_t parity_reserve_column(const struct parity_zones *x, unsigned zone, unsigned column)
{
	if (x->z[zone]->device || parity_asks_none(x, zone, column))
		return 0;
	return x->ops->reserve(&x->rules, zone, x->column[column]);
}

void parity_column_name(const struct parity_zones *x, unsigned column, char buf[32])
{
	static const char *const names[] = {"DMA", "DMA32", "Normal", "HighMem", "Movable"};

	snprintf(buf, 32, "reserve from %s",
		 is_device(x, column) ? "Device" : names[x->column[column]]);
}

void parity_reserves_exact(const struct parity_zones *x, struct parity_trial *t)
{
	for (unsigned i = 0; i < x->nr; i++)
		for (unsigned c = 0; c < x->z[i]->nr_protection && c < x->nr_columns; c++) {
			char where[72], name[32];

			parity_column_name(x, c, name);
			parity_note(t, PARITY_RESERVES, parity_zone_name(x->z[i], where), name,
				    x->z[i]->protection[c], parity_reserve_column(x, i, c));
		}
}

/* ---- the lists, where their limits follow from watermark and size ---- */

/* "high_min of CPUs 0-3" */
static void cpus_name(char buf[32], const char *what, unsigned from, unsigned to)
{
	if (from == to)
		snprintf(buf, 32, "%s of CPU %u", what, from);
	else
		snprintf(buf, 32, "%s of CPUs %u-%u", what, from, to);
}

static uint64_t member_of(const struct kernel_lists *l, enum parity_limit limit)
{
	const uint64_t v[] = {l->batch, l->high, l->high_min, l->high_max};

	return v[limit];
}

void parity_each_run(const struct kernel_zone *z, enum parity_limit limit, parity_run_fn *fn,
		     void *ctx)
{
	static const char *const names[] = {"batch", "high", "high_min", "high_max"};

	for (unsigned a = 0, b; a < z->nr_lists; a = b) {
		uint64_t v = member_of(&z->lists[a], limit);
		char name[32];

		for (b = a + 1; b < z->nr_lists; b++)
			if (member_of(&z->lists[b], limit) != v ||
			    z->lists[b].batch != z->lists[a].batch)
				break;
		cpus_name(name, names[limit], z->lists[a].cpu, z->lists[b - 1].cpu);
		if (v != KERNEL_NONE)
			fn(ctx, name, v, &z->lists[a]);
	}
}

/* What a run of CPUs is held against. */
struct expected {
	struct parity_trial *t;
	char where[72];
	struct span ours;
	const char *why;
};

static void note_run(void *ctx, const char *name, uint64_t kernel, const struct kernel_lists *l)
{
	const struct expected *e = ctx;

	(void)l;
	parity_note_span(e->t, PARITY_LISTS, e->where, name, kernel, e->ours, e->why);
}

/*
 * high, where the kernel tunes it: it begins at 0, comes near its limits as the CPU
 * allocates and frees, and is brought between them only then.
 */
static void note_tuned(void *ctx, const char *name, uint64_t high, const struct kernel_lists *l)
{
	const struct expected *e = ctx;

	(void)l;
	if (e->ours.lo == e->ours.hi && high != 0)
		parity_note(e->t, PARITY_LISTS, e->where, name, high, e->ours.lo);
	else
		parity_note_open(e->t, PARITY_LISTS, e->where, name, high,
				 "the kernel moves it as the CPU allocates and frees; its limits "
				 "are high_min and high_max");
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void parity_note_lists(const struct parity_zones *x, struct parity_trial *t, unsigned zone,
		       struct rules_limits lo, struct rules_limits hi, const char *why)
{
	const struct kernel_zone *z = x->z[zone];
	struct expected e = {.t = t, .why = why};

	parity_zone_name(z, e.where);
	e.ours = (struct span){lo.batch, hi.batch};
	parity_each_run(z, PARITY_BATCH, note_run, &e);
	e.ours = (struct span){lo.high_min, hi.high_min};
	if (x->rules.lists < LISTS_TUNED) {
		parity_each_run(z, PARITY_HIGH, note_run, &e);
		return;
	}
	parity_each_run(z, PARITY_HIGH_MIN, note_run, &e);
	e.ours = (struct span){lo.high_max, hi.high_max};
	parity_each_run(z, PARITY_HIGH_MAX, note_run, &e);
	e.ours = (struct span){smaller(lo.high_min, lo.high_max), larger(hi.high_min, hi.high_max)};
	parity_each_run(z, PARITY_HIGH, note_tuned, &e);
}

void parity_lists_exact(const struct parity_zones *x, struct parity_trial *t)
{
	for (unsigned i = 0; i < x->nr; i++) {
		struct rules_limits m = x->ops->limits(&x->rules, i, (uint32_t)x->low[i],
						       x->cpus[x->z[i]->node & 255]);

		parity_note_lists(x, t, i, m, m, "");
	}
}

/*
 * Before 5.14.  Kernels with deferred initialisation of pages, before 5.4, computed the
 * batch of a node's last zone when few of its pages were there yet.
 */
static bool maybe_early(const struct parity_zones *x, unsigned i)
{
	for (unsigned j = i + 1; j < x->nr; j++)
		if (x->z[j]->node == x->z[i]->node && x->rz[j].managed != 0)
			return false;
	return x->rules.fraction == 0;
}

static bool is_batch(uint64_t batch, uint32_t now)
{
	return batch != 0 && (batch & (batch + 1)) == 0 && batch < now;
}

struct old {
	struct parity_trial *t;
	const char *where;
	struct rules_limits m;
	bool early;
};

static void old_batch(void *ctx, const char *name, uint64_t batch, const struct kernel_lists *l)
{
	const struct old *o = ctx;

	(void)l;
	if (o->early && is_batch(batch, o->m.batch))
		parity_note_open(o->t, PARITY_LISTS, o->where, name, batch,
				 "the kernel set it when fewer of the zone's pages were there "
				 "(deferred initialisation)");
	else
		parity_note(o->t, PARITY_LISTS, o->where, name, batch, o->m.batch);
}

/* high is six times the batch, but none where the batch was made 1. */
static void old_high(void *ctx, const char *name, uint64_t high, const struct kernel_lists *l)
{
	const struct old *o = ctx;
	uint64_t ours = o->m.high_min;

	if (o->early && is_batch(l->batch, o->m.batch))
		ours = l->batch == 1 && high == 0 ? 0 : 6 * l->batch;
	parity_note(o->t, PARITY_LISTS, o->where, name, high, ours);
}

void parity_lists_old(const struct parity_zones *x, struct parity_trial *t)
{
	for (unsigned i = 0; i < x->nr; i++) {
		char where[72];
		struct old o = {.t = t,
				.where = parity_zone_name(x->z[i], where),
				.m = x->ops->limits(&x->rules, i, (uint32_t)x->low[i], 1),
				.early = maybe_early(x, i)};

		parity_each_run(x->z[i], PARITY_BATCH, old_batch, &o);
		parity_each_run(x->z[i], PARITY_HIGH, old_high, &o);
	}
}
