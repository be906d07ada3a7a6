/*
 * A kernel computes watermarks, reserves and limits at certain moments: at boot, and when
 * a setting or the memory changes.  Pages that a zone gained or lost since (the initial
 * RAM disk given back after boot, a balloon) make the sizes that zoneinfo tells now other
 * than those the figures were computed from.
 *
 * Then a zone's size at that moment is an unknown, and every figure a constraint on it:
 * rounding down leaves an interval.  A figure is compared with what all *other* figures
 * leave: where that is one value it is determined, and must be equal; where it is more,
 * it is not determined, and must lie within.
 */
#include <stdio.h>
#include <string.h>

#include "sim/parity_private.h"

#define PASSES 40u

enum fit_kind { FIT_NOTHING, FIT_MIN, FIT_STEP, FIT_RESERVE, FIT_HIGH_MAX };

/* The figure that does not count. */
struct skip {
	enum fit_kind kind;
	unsigned zone, column;
};

static uint64_t divide_up(uint64_t a, uint64_t b)
{
	return (a + b - 1) / b;
}

static void at_least(struct span *s, uint64_t lo)
{
	s->lo = s->lo > lo ? s->lo : lo;
}

static void at_most(struct span *s, uint64_t hi)
{
	s->hi = s->hi < hi ? s->hi : hi;
}

static bool is_empty(const struct span *s)
{
	return s->lo > s->hi;
}

static bool shares(const struct parity_zones *x, unsigned i)
{
	return !x->z[i]->device && x->rz[i].type != ZONE_HIGHMEM &&
	       (x->rz[i].type != ZONE_MOVABLE || !x->rules.movable_capped);
}

/* Less than a 64th of all pages is a zone like DMA, which boot gives nothing back to. */
bool parity_is_large(const struct parity_zones *x, unsigned zone)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < x->nr; i++)
		all += x->rz[i].managed;
	return x->rz[zone].managed != 0 && (uint64_t)x->rz[zone].managed * 64 >= all;
}

static bool may_change(const struct parity_zones *x, unsigned i, unsigned only)
{
	if (only == PARITY_LARGE_ZONES)
		return parity_is_large(x, i);
	return only == PARITY_ALL_ZONES || only == i;
}

void parity_fit_begin(struct parity_fit *f, const struct parity_zones *x, enum fit_parts use,
		      unsigned only)
{
	uint64_t pages = x->rules.min_free_kbytes >> (x->rules.page_shift - 10), sum = 0;
	unsigned nr = 0;

	f->x = x;
	f->use = use;
	for (unsigned i = 0; i < x->nr; i++) {
		const struct kernel_zone *z = x->z[i];
		uint64_t most = z->present != KERNEL_NONE && z->present > z->managed ? z->present
										     : z->managed;

		f->managed[i] = (struct span){z->managed / 2, most};
		if (z->managed == 0 || !may_change(x, i, only))
			f->managed[i] = (struct span){z->managed, z->managed};
		if (shares(x, i)) {
			sum += x->min[i];
			nr++;
		}
	}
	/* The shares add up to all of it, less what rounding down loses. */
	f->pages_min = (struct span){sum, sum + (nr != 0 ? nr - 1 : 0)};
	if (x->marks_set)
		f->pages_min = (struct span){pages, pages};
}

/* All the sharing zones together. */
static struct span all_of(const struct parity_fit *f)
{
	struct span s = {0, 0};

	for (unsigned i = 0; i < f->x->nr; i++)
		if (shares(f->x, i)) {
			s.lo += f->managed[i].lo;
			s.hi += f->managed[i].hi;
		}
	return s;
}

/* All but one, which is that wide. */
static struct span without(struct span all, struct span one)
{
	return (struct span){all.lo - one.lo, all.hi - one.hi};
}

/* min = P m / (m + R), rounded down. */
static void use_min(struct parity_fit *f, unsigned i, struct span r)
{
	uint64_t min = f->x->min[i];
	struct span *m = &f->managed[i], *p = &f->pages_min;

	if (m->hi == 0 || is_empty(m) || is_empty(p))
		return;
	if (p->hi > min)
		at_least(m, divide_up(min * r.lo, p->hi - min));
	if (p->lo > min + 1)
		at_most(m, divide_up((min + 1) * r.hi, p->lo - min - 1) - 1);
	if (m->hi != 0)
		at_least(p, divide_up(min * (m->hi + r.lo), m->hi));
	if (m->lo != 0)
		at_most(p, divide_up((min + 1) * (m->lo + r.hi), m->lo) - 1);
}

static uint64_t step_of(const struct parity_zones *x, unsigned i)
{
	return x->low[i] - x->min[i];
}

/* The step is a part of the zone where that is more than a quarter of its share. */
static void use_step(struct parity_fit *f, unsigned i)
{
	const struct parity_zones *x = f->x;
	uint64_t step = step_of(x, i), scale = x->rules.scale;

	if (x->rules.step != STEP_SCALE || scale == 0 || !shares(x, i) || x->low[i] < x->min[i])
		return;
	at_most(&f->managed[i], divide_up((step + 1) * 10000, scale) - 1);
	if (step > x->min[i] >> 2)
		at_least(&f->managed[i], divide_up(step * 10000, scale));
}

/* Zones whose pages zone i keeps some for, seen from a column. */
static bool counts(const struct parity_zones *x, unsigned i, unsigned column, unsigned other)
{
	return x->z[other]->node == x->z[i]->node && !x->z[other]->device &&
	       x->rz[other].type > x->rz[i].type && x->rz[other].type <= x->column[column];
}

static struct span above(const struct parity_fit *f, unsigned i, unsigned column, unsigned but)
{
	struct span s = {0, 0};

	for (unsigned j = f->x->first[i]; j < f->x->end[i]; j++)
		if (j != but && counts(f->x, i, column, j)) {
			s.lo += f->managed[j].lo;
			s.hi += f->managed[j].hi;
		}
	return s;
}

static uint32_t ratio_of(const struct parity_zones *x, unsigned i)
{
	if (x->z[i]->device || (x->rules.empty_keeps_none && x->rz[i].managed == 0))
		return 0;
	return x->rules.ratio[x->rz[i].type];
}

static void use_reserve(struct parity_fit *f, unsigned i, unsigned column)
{
	const struct parity_zones *x = f->x;
	uint64_t ratio = parity_asks_none(x, i, column) ? 0 : ratio_of(x, i);
	uint64_t pages = x->z[i]->protection[column];

	for (unsigned j = x->first[i]; j < x->end[i] && ratio != 0; j++) {
		struct span rest = above(f, i, column, j);
		uint64_t lo = pages * ratio, hi = pages * ratio + ratio - 1;

		if (!counts(x, i, column, j))
			continue;
		at_least(&f->managed[j], lo > rest.hi ? lo - rest.hi : 0);
		if (hi < rest.lo)
			f->managed[j] = (struct span){1, 0};
		else
			at_most(&f->managed[j], hi - rest.lo);
	}
}

static uint64_t high_max_of(const struct parity_zones *x, unsigned i)
{
	return x->z[i]->nr_lists != 0 ? x->z[i]->lists[0].high_max : KERNEL_NONE;
}

static bool has_high_max(const struct parity_zones *x, unsigned i)
{
	return x->rules.lists == LISTS_TUNED && x->rules.fraction == 0 &&
	       high_max_of(x, i) != KERNEL_NONE && high_max_of(x, i) > 4 * x->z[i]->lists[0].batch;
}

static void use_high_max(struct parity_fit *f, unsigned i)
{
	uint64_t part = 8ull * f->x->cpus[f->x->z[i]->node & 255], max;

	if (!has_high_max(f->x, i))
		return;
	max = high_max_of(f->x, i);
	at_least(&f->managed[i], max * part);
	at_most(&f->managed[i], max * part + part - 1);
}

/* The figures of zone i but the skipped one. */
static void use_zone(struct parity_fit *f, unsigned i, struct skip skip, struct span rest)
{
	const struct parity_zones *x = f->x;
	bool mine = skip.zone == i;

	if ((f->use & FIT_MARKS) != 0 && shares(x, i)) {
		if (!mine || skip.kind != FIT_MIN)
			use_min(f, i, rest);
		if (!mine || skip.kind != FIT_STEP)
			use_step(f, i);
		if (!mine || skip.kind != FIT_HIGH_MAX)
			use_high_max(f, i);
	}
	if ((f->use & FIT_RESERVES) == 0 || ratio_of(x, i) == 0)
		return;
	for (unsigned c = 0; c < x->nr_columns && c < x->z[i]->nr_protection; c++)
		if (!mine || skip.kind != FIT_RESERVE || skip.column != c)
			use_reserve(f, i, c);
}

/* What all figures but the skipped one leave of the sizes: until a pass changes nothing. */
static struct parity_fit narrowed(const struct parity_fit *from, struct skip skip)
{
	struct parity_fit f = *from, before;
	size_t bytes = f.x->nr * sizeof f.managed[0];

	for (unsigned pass = 0; pass < PASSES; pass++) {
		struct span all = all_of(&f);

		before = f;
		for (unsigned i = 0; i < f.x->nr; i++)
			if (before.managed[i].hi != 0 || ratio_of(f.x, i) != 0)
				use_zone(&f, i, skip, without(all, before.managed[i]));
		if (memcmp(before.managed, f.managed, bytes) == 0 &&
		    memcmp(&before.pages_min, &f.pages_min, sizeof f.pages_min) == 0)
			break;
	}
	return f;
}

/* ---- what the others leave of a figure ---- */

static const char why[] = "the zone's size when the kernel set it is not told, and other figures "
			  "leave it a range";

static struct span min_left(const struct parity_fit *f, unsigned i)
{
	struct parity_fit n;
	struct span m, r, p;

	if (f->x->z[i]->device || (f->managed[i].hi == 0 && shares(f->x, i)))
		return (struct span){0, 0};
	n = narrowed(f, (struct skip){FIT_MIN, i, 0});
	m = n.managed[i];
	r = without(all_of(&n), m);
	p = n.pages_min;
	if (!shares(f->x, i)) {
		uint64_t lo = m.lo >> 10, hi = m.hi >> 10;

		return (struct span){lo < 32    ? 32
				     : lo > 128 ? 128
						: lo,
				     hi < 32    ? 32
				     : hi > 128 ? 128
						: hi};
	}
	if (m.lo + r.hi == 0 || m.hi + r.lo == 0)
		return (struct span){0, 0};
	return (struct span){p.lo * m.lo / (m.lo + r.hi), p.hi * m.hi / (m.hi + r.lo)};
}

/* Does the distance of the marks agree with the size that is left? */
static bool step_fits(const struct parity_fit *f, unsigned i)
{
	struct parity_fit n = narrowed(f, (struct skip){FIT_STEP, i, 0});
	const struct parity_zones *x = f->x;
	uint64_t quarter = x->min[i] >> 2, lo, hi;

	if (!shares(x, i) || x->rules.step != STEP_SCALE)
		return true;
	lo = n.managed[i].lo * x->rules.scale / 10000;
	hi = n.managed[i].hi * x->rules.scale / 10000;
	lo = lo > quarter ? lo : quarter;
	hi = hi > quarter ? hi : quarter;
	return step_of(x, i) >= lo && step_of(x, i) <= hi;
}

/* The three marks above min stand in equal steps. */
static void note_steps(const struct parity_fit *f, struct parity_trial *t, unsigned i,
		       const char *where)
{
	const struct parity_zones *x = f->x;
	const struct kernel_zone *z = x->z[i];
	uint64_t min = x->min[i], low = x->low[i], high = x->high[i];
	uint64_t step = step_fits(f, i) ? high - low : x->min[i] >> 2;
	uint64_t boost = z->low - low;

	if (x->rules.step == STEP_QUARTER && shares(x, i)) {
		parity_note(t, PARITY_WATERMARKS, where, "low", low, min + (min >> 2));
		parity_note(t, PARITY_WATERMARKS, where, "high", high, min + (min >> 1));
		return;
	}
	parity_note(t, PARITY_WATERMARKS, where, "low", low, min + step);
	parity_note(t, PARITY_WATERMARKS, where, "high", high, low + (low - min));
	if (z->promo != KERNEL_NONE)
		parity_note(t, PARITY_WATERMARKS, where, "promo", z->promo - boost,
			    high + (high - low));
}

void parity_fit_marks(const struct parity_fit *f, struct parity_trial *t)
{
	for (unsigned i = 0; i < f->x->nr; i++) {
		char where[72];

		parity_zone_name(f->x->z[i], where);
		if (f->x->boosted[i]) {
			parity_note_boosted(f->x, t, i, where);
			continue;
		}
		parity_note_span(t, PARITY_WATERMARKS, where, "min", f->x->min[i], min_left(f, i),
				 why);
		note_steps(f, t, i, where);
	}
}

void parity_fit_reserves(const struct parity_fit *f, struct parity_trial *t)
{
	const struct parity_zones *x = f->x;

	for (unsigned i = 0; i < x->nr; i++)
		for (unsigned c = 0; c < x->nr_columns && c < x->z[i]->nr_protection; c++) {
			struct parity_fit n = narrowed(f, (struct skip){FIT_RESERVE, i, c});
			struct span s = above(&n, i, c, x->nr);
			uint32_t ratio = parity_asks_none(x, i, c) ? 0 : ratio_of(x, i);
			char where[72], name[32];

			parity_column_name(x, c, name);
			parity_zone_name(x->z[i], where);
			s.lo = ratio != 0 ? s.lo / ratio : 0;
			s.hi = ratio != 0 ? s.hi / ratio : 0;
			parity_note_span(t, PARITY_RESERVES, where, name, x->z[i]->protection[c], s,
					 why);
		}
}

/* Limits with a zone of `managed` pages, whatever zoneinfo tells. */
static struct rules_limits limits_with(const struct parity_zones *x, unsigned i, uint64_t managed)
{
	struct rules_zone z = {(uint32_t)managed, x->rz[i].type, x->rz[i].node};
	struct zone_rules r = x->rules;

	r.zone = &z;
	r.nr_zones = 1;
	return x->ops->limits(&r, 0, (uint32_t)x->low[i], x->cpus[x->z[i]->node & 255]);
}

void parity_fit_lists(const struct parity_fit *f, struct parity_trial *t)
{
	for (unsigned i = 0; i < f->x->nr; i++) {
		struct parity_fit n;

		if (f->x->z[i]->nr_lists == 0)
			continue;
		n = narrowed(f, (struct skip){FIT_HIGH_MAX, i, 0});
		parity_note_lists(f->x, t, i, limits_with(f->x, i, n.managed[i].lo),
				  limits_with(f->x, i, n.managed[i].hi), why);
	}
}

void parity_fit_tell(const struct parity_fit *f, struct parity *p, const char *when)
{
	struct parity_fit n = narrowed(f, (struct skip){FIT_NOTHING, 0, 0});

	for (unsigned i = 0; i < f->x->nr; i++) {
		struct span m = n.managed[i];
		uint64_t now = f->x->z[i]->managed;
		char name[96], from[160], zone[72];

		if (m.lo > m.hi || (now >= m.lo && now <= m.hi))
			continue;
		snprintf(name, sizeof name, "%s, managed pages",
			 parity_zone_name(f->x->z[i], zone));
		snprintf(from, sizeof from, "%s; it has %llu now", when, (unsigned long long)now);
		parity_input(p, name, from, "%llu to %llu", (unsigned long long)m.lo,
			     (unsigned long long)m.hi);
	}
}
