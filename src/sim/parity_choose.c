/*
 * Whose rules: of those that the form of the files allows, the ones by which the fewest
 * figures differ.  A kernel's version tells less, as distributions carry changes back.
 */
#include <limits.h>

#include "sim/parity_private.h"

typedef void compare_fn(const struct parity_zones *x, struct parity_trial *t);

static unsigned long score_of(const struct parity_zones *x, compare_fn *compare)
{
	struct parity_trial t = {.p = NULL};

	compare(x, &t);
	return parity_score(&t);
}

/* The better of: sizes are as they were, sizes have changed since. */
static unsigned long marks_score(const struct parity_zones *x)
{
	unsigned long now = score_of(x, parity_marks_exact), then;
	struct parity_trial t = {.p = NULL};
	struct parity_fit f;

	parity_fit_begin(&f, x, FIT_MARKS, PARITY_ALL_ZONES);
	parity_fit_marks(&f, &t);
	then = parity_score(&t) + 1;
	return now < then ? now : then;
}

/* Does the sum of the zones' shares come from this min_free_kbytes at all? */
static bool sum_fits(const struct parity_zones *x)
{
	uint64_t sum = 0, pages = x->rules.min_free_kbytes >> (x->rules.page_shift - 10);
	unsigned nr = 0;

	for (unsigned i = 0; i < x->nr; i++)
		if (!x->z[i]->device && x->rz[i].type != ZONE_HIGHMEM &&
		    (x->rz[i].type != ZONE_MOVABLE || !x->rules.movable_capped)) {
			sum += x->min[i];
			nr += x->rz[i].managed != 0;
		}
	return pages >= sum && pages < sum + nr;
}

/* Tries min_free_kbytes; keeps it and returns true when it is better than `best`. */
static bool try_min_free(struct parity_zones *x, uint32_t kbytes, unsigned long *best)
{
	uint32_t before = x->rules.min_free_kbytes;
	unsigned long now;

	x->rules.min_free_kbytes = kbytes;
	now = score_of(x, parity_marks_exact);
	if (sum_fits(x))
		now /= 1000;
	if (now < *best) {
		*best = now;
		return true;
	}
	x->rules.min_free_kbytes = before;
	return false;
}

static unsigned populated(const struct parity_zones *x, unsigned upto)
{
	unsigned n = 0;

	for (unsigned i = 0; i < x->nr; i++)
		n += x->rz[i].managed != 0 && x->rz[i].type <= upto;
	return n;
}

/* By the kernel's formula, and as khugepaged raises it. */
static const char *guess_min_free(struct parity_zones *x)
{
	static const uint32_t most[] = {262144, 65536};
	unsigned orders[] = {9, 10, 11, 13};
	unsigned long best = ULONG_MAX;
	const char *from = "";

	if (x->k->block_order != 0)
		orders[0] = orders[1] = orders[2] = orders[3] = x->k->block_order;
	for (size_t i = 0; i < 2; i++)
		if (try_min_free(x, x->ops->min_free_kbytes(&x->rules, most[i]), &best))
			from = "the formula (square root of lowmem)";
	for (size_t i = 0; i < 8; i++) {
		unsigned zones = populated(x, i < 4 ? ZONE_NORMAL : ZONE_MOVABLE);
		uint32_t huge = x->ops->huge_min_free(&x->rules, zones, orders[i % 4]);

		if (huge > x->ops->min_free_kbytes(&x->rules, 65536) &&
		    try_min_free(x, huge, &best))
			from = "the formula (raised for huge pages)";
	}
	return from;
}

/* The factor that explains the steps, where it was changed and is not told. */
static void guess_scale(struct parity_zones *x)
{
	unsigned long best = marks_score(x);
	unsigned large = 0;
	uint64_t step, lo;

	for (unsigned i = 0; i < x->nr; i++)
		if (x->rz[i].managed > x->rz[large].managed)
			large = i;
	if (x->k->scale != KERNEL_NONE || best == 0 || x->rz[large].managed == 0 ||
	    x->low[large] < x->min[large])
		return;
	step = x->low[large] - x->min[large];
	lo = step * 10000 / x->rz[large].managed;
	if (step <= x->min[large] >> 2 || lo > 3000)
		return;
	for (uint64_t f = lo > 1 ? lo - 1 : 1; f <= lo + 2; f++) {
		uint32_t before = x->rules.scale;
		unsigned long now;

		x->rules.scale = (uint32_t)f;
		now = marks_score(x);
		if (now < best)
			best = now;
		else
			x->rules.scale = before;
	}
}

/* Does the form allow a kernel before 4.6?  Those tell no statistics of nodes and no empty zones. */
static bool may_be_old(const struct parity_zones *x)
{
	bool old = !x->k->node_stats && x->k->scale == KERNEL_NONE;

	for (unsigned i = 0; i < x->nr; i++)
		old = old && x->z[i]->boost == KERNEL_NONE && x->rz[i].managed != 0;
	return old;
}

/* Pages by which the step says that min is boosted: whole pageblocks, or 0. */
static uint64_t boost_of(const struct parity_zones *x, unsigned i)
{
	unsigned order = x->k->block_order != 0 ? x->k->block_order : 9;
	uint64_t step = x->low[i] - x->min[i], boost;

	if (x->z[i]->device || x->low[i] <= x->min[i] || x->high[i] - x->low[i] != step ||
	    x->min[i] < 4 * step)
		return 0;
	boost = (x->min[i] - 4 * step) >> order << order;
	return (x->min[i] - boost) >> 2 == step ? boost : 0;
}

/* Takes boosts off that are not told; false: the steps betray none. */
static bool take_boosts(struct parity_zones *x)
{
	bool any = false;

	for (unsigned i = 0; i < x->nr && x->k->node_stats; i++) {
		uint64_t boost = x->z[i]->boost == KERNEL_NONE ? boost_of(x, i) : 0;

		x->boosted[i] = boost != 0;
		any |= x->boosted[i];
		x->min[i] -= boost;
		x->low[i] -= boost;
		x->high[i] -= boost;
	}
	return any;
}

static const char *choose_marks(struct parity_zones *x)
{
	struct parity_zones best = *x;
	unsigned long least = ULONG_MAX;
	const char *from = "vm/min_free_kbytes", *chosen = from;

	for (unsigned i = 0; i < (may_be_old(x) ? 4 : 2); i++) {
		unsigned long now;

		x->rules.movable_capped = (i & 1) == 0;
		x->rules.step = i < 2 ? STEP_SCALE : STEP_QUARTER;
		if (x->k->min_free_kbytes == KERNEL_NONE)
			from = guess_min_free(x);
		x->marks_set = x->k->min_free_kbytes != KERNEL_NONE || sum_fits(x);
		guess_scale(x);
		now = marks_score(x);
		if (now < least) {
			least = now;
			best = *x;
			chosen = from;
		}
		x->rules.scale = x->k->scale != KERNEL_NONE ? (uint32_t)x->k->scale : 10;
	}
	*x = best;
	return chosen;
}

/*
 * Kernels from 5.0 to 5.10 do not tell boosts.  They are taken off where the zones' min add
 * up to min_free_kbytes without them only.
 */
const char *parity_choose_marks(struct parity_zones *x)
{
	struct parity_zones plain = *x;
	const char *from = choose_marks(x), *other;

	if ((x->marks_set && sum_fits(x)) || !take_boosts(&plain))
		return from;
	other = choose_marks(&plain);
	if (!plain.marks_set || !sum_fits(&plain))
		return from;
	*x = plain;
	return other;
}

void parity_choose_reserves(struct parity_zones *x)
{
	struct zone_rules best = x->rules;
	unsigned long least = ULONG_MAX;

	for (unsigned i = 0; i < 8; i++) {
		unsigned long now;

		x->rules.empty_keeps_none = (i & 1) == 0;
		x->rules.empty_asks_none = i >= 4;
		if (x->k->nr_ratios == 0)
			x->rules.ratio[ZONE_HIGHMEM] = (i & 2) == 0 ? 0 : 32;
		now = score_of(x, parity_reserves_exact);
		if (now < least) {
			least = now;
			best = x->rules;
		}
	}
	x->rules = best;
}

static bool tells_limits(const struct parity_zones *x)
{
	for (unsigned i = 0; i < x->nr; i++)
		if (x->z[i]->nr_lists != 0 && x->z[i]->lists[0].high_min != KERNEL_NONE)
			return true;
	return false;
}

/* An empty zone Movable whose min is 32: a kernel of 6.6 or later. */
static bool caps_movable(const struct parity_zones *x)
{
	for (unsigned i = 0; i < x->nr; i++)
		if (x->z[i]->type == ZONE_MOVABLE && !x->z[i]->device && x->rz[i].managed == 0 &&
		    x->min[i] == 32)
			return true;
	return false;
}

/*
 * Whose lists: where limits are told, 6.13's; else the form by which the fewest differ.
 * 6.7's, whose high is never determined, explain anything: only for a kernel that says so,
 * or where no other form does.
 */
void parity_choose_lists(struct parity_zones *x)
{
	static const enum rules_lists forms[] = {LISTS_BATCH, LISTS_BATCH_512K, LISTS_SPLIT};
	enum rules_lists best = LISTS_TUNED;
	bool may_tune = x->k->version >= 6007 || (x->k->version == 0 && caps_movable(x));
	unsigned long least = may_tune ? PARITY_ONE_DIFFERS : 2 * PARITY_ONE_DIFFERS;

	for (size_t i = 0; i < 3 && !tells_limits(x); i++) {
		unsigned long now;

		x->rules.lists = forms[i];
		now = score_of(x, forms[i] < LISTS_SPLIT ? parity_lists_old : parity_lists_exact);
		if (now < least) {
			least = now;
			best = forms[i];
		}
	}
	x->rules.lists = best;
}
