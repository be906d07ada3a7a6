/*
 * What zoneinfo stands on: which zones a node can have, how many CPUs share them, and
 * whether their sizes have changed since the kernel computed its figures.
 */
#include <stdio.h>
#include <string.h>

#include "sim/parity_private.h"

#define NR_TYPES 6u /* zones a node can have, ZONE_DEVICE included */

/* ---- columns of protection ---- */

/* The sorts of zone seen anywhere, bit by type, bit 5: Device. */
static unsigned sorts_seen(const struct parity_zones *x)
{
	unsigned seen = 1u << ZONE_NORMAL | 1u << ZONE_MOVABLE;

	for (unsigned i = 0; i < x->nr; i++)
		seen |= x->z[i]->device ? 1u << 5 : 1u << x->z[i]->type;
	return seen;
}

/* Kernels before 4.13 tell no empty zones: those that must be there, likeliest first. */
static void set_columns(struct parity_zones *x)
{
	static const unsigned more[] = {5, ZONE_DMA32, ZONE_DMA, ZONE_HIGHMEM};
	unsigned seen = sorts_seen(x), columns = 0;

	for (unsigned i = 0; i < x->nr; i++)
		columns = x->z[i]->nr_protection > columns ? x->z[i]->nr_protection : columns;
	if ((unsigned)__builtin_popcount(seen) > columns && (seen & 1u << ZONE_DMA) == 0)
		seen &= ~(1u << 5);
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		if ((unsigned)__builtin_popcount(seen) < columns)
			seen |= 1u << more[i];
	for (unsigned t = 0; t < NR_TYPES && x->nr_columns < KERNEL_MAX_COLUMNS; t++)
		if ((seen >> t & 1) != 0)
			x->column[x->nr_columns++] = t == 5 ? ZONE_MOVABLE : (enum zone_type)t;
}

/* ---- CPUs of a node ---- */

static bool cpus_fit(const struct parity_zones *x, unsigned node, unsigned cpus)
{
	bool any = false;

	for (unsigned i = 0; i < x->nr; i++) {
		const struct kernel_lists *l = x->z[i]->lists;
		uint64_t least, high, share = x->low[i];

		if (x->z[i]->node != node || x->z[i]->nr_lists == 0)
			continue;
		high = l->high_min != KERNEL_NONE ? l->high_min : l->high;
		least = 4 * l->batch;
		any = true;
		if (x->rules.fraction != 0)
			share = x->rz[i].managed / x->rules.fraction;
		if (high != (share / cpus > least ? share / cpus : least))
			return false;
	}
	return any;
}

/* An even share first, then all (a node without CPUs), then any that its zones agree with. */
static void find_cpus(struct parity_zones *x, unsigned node, unsigned nodes)
{
	unsigned online = x->k->online != 0 ? x->k->online : 1, even = online / nodes;

	x->cpus[node] = even != 0 ? even : 1;
	x->cpus_found[node] = nodes > 1;
	if (cpus_fit(x, node, x->cpus[node]))
		return;
	for (unsigned cpus = online; cpus > 0; cpus--)
		if (cpus_fit(x, node, cpus)) {
			x->cpus[node] = cpus;
			x->cpus_found[node] = true;
			return;
		}
}

static void set_cpus(struct parity_zones *x)
{
	unsigned online = x->k->online != 0 ? x->k->online : 1, nodes = 0;
	bool has[256] = {false};

	for (unsigned i = 0; i < x->nr; i++)
		if (!has[x->z[i]->node & 255] && x->rz[i].managed != 0) {
			has[x->z[i]->node & 255] = true;
			nodes++;
		}
	for (unsigned n = 0; n < 256; n++) {
		x->cpus[n] = online;
		if (has[n] && x->k->node[n].told && x->k->node[n].cpus != 0)
			x->cpus[n] = x->k->node[n].cpus;
		else if (has[n] && !x->k->node[n].told)
			find_cpus(x, n, nodes);
	}
}

/* ---- the zones ---- */

static void set_zones(struct parity_zones *x, const struct kernel_snapshot *k)
{
	for (unsigned i = 0; i < k->nr_zones; i++) {
		const struct kernel_zone *z = &k->zone[i];
		uint64_t boost = z->boost != KERNEL_NONE ? z->boost : 0;

		if (!z->has_info)
			continue;
		x->z[x->nr] = z;
		x->rz[x->nr] = (struct rules_zone){z->device ? 0 : (uint32_t)z->managed,
						   (uint8_t)z->type, (uint16_t)z->node};
		x->min[x->nr] = z->min >= boost ? z->min - boost : z->min;
		x->low[x->nr] = z->low >= boost ? z->low - boost : z->low;
		x->high[x->nr] = z->high >= boost ? z->high - boost : z->high;
		x->nr++;
	}
	for (unsigned i = 0; i < x->nr; i++) {
		x->first[i] = i > 0 && x->z[i - 1]->node == x->z[i]->node ? x->first[i - 1] : i;
		for (x->end[i] = i + 1; x->end[i] < x->nr; x->end[i]++)
			if (x->z[x->end[i]]->node != x->z[i]->node)
				break;
	}
}

static void set_rules(struct parity_zones *x, unsigned page_shift)
{
	const struct kernel_snapshot *k = x->k;

	x->rules = (struct zone_rules){
		.zone = x->rz,
		.nr_zones = x->nr,
		.page_shift = page_shift,
		.step = STEP_SCALE,
		.lists = LISTS_TUNED,
		.scale = k->scale != KERNEL_NONE ? (uint32_t)k->scale : 10,
		.fraction = k->fraction != KERNEL_NONE ? (uint32_t)k->fraction : 0,
		.min_free_kbytes =
			k->min_free_kbytes != KERNEL_NONE ? (uint32_t)k->min_free_kbytes : 0,
		.ratio = {256, 256, 32, 0, 0}};
	for (unsigned c = 0; c < k->nr_ratios && c < x->nr_columns; c++)
		x->rules.ratio[x->column[c]] = (uint32_t)k->ratio[c];
}

/* ---- the sizes of now, or those of then ---- */

/* More zones than are tried one by one as the changed one. */
#define MANY 64u

enum how { AS_NOW, AS_THEN, AS_THEN_ALONE };

/* How the figures of a kind are explained, and which zone has changed since. */
struct story {
	enum how how;
	unsigned only;
};

typedef void tell_fn(const struct parity_zones *x, struct story s, struct parity_trial *t);

static void both_marks(const struct parity_zones *x, struct story s, struct parity_trial *t)
{
	struct parity_fit f;

	if (s.how == AS_NOW) {
		parity_marks_exact(x, t);
		if (x->rules.lists >= LISTS_SPLIT)
			parity_lists_exact(x, t);
		return;
	}
	parity_fit_begin(&f, x, s.how == AS_THEN ? FIT_BOTH : FIT_MARKS, s.only);
	parity_fit_marks(&f, t);
	if (x->rules.lists >= LISTS_SPLIT)
		parity_fit_lists(&f, t);
	if (t->p != NULL)
		parity_fit_tell(&f, t->p, "found from the watermarks");
}

static void both_reserves(const struct parity_zones *x, struct story s, struct parity_trial *t)
{
	struct parity_fit f;

	if (s.how == AS_NOW) {
		parity_reserves_exact(x, t);
		return;
	}
	parity_fit_begin(&f, x, s.how == AS_THEN ? FIT_BOTH : FIT_RESERVES, s.only);
	parity_fit_reserves(&f, t);
	if (t->p != NULL)
		parity_fit_tell(&f, t->p, "found from the reserves");
}

static unsigned long story_score(const struct parity_zones *x, struct story s, tell_fn *tell)
{
	struct parity_trial t = {.p = NULL};

	tell(x, s, &t);
	return parity_score(&t);
}

/* None, a large zone, the large ones, a small zone, any: likeliest first; how many there are. */
static unsigned likely_changes(const struct parity_zones *x, unsigned out[PARITY_ZONES + 3])
{
	unsigned nr = 0;

	out[nr++] = PARITY_NO_ZONES;
	for (unsigned i = 0; i < x->nr && x->nr <= MANY; i++)
		if (parity_is_large(x, i))
			out[nr++] = i;
	out[nr++] = PARITY_LARGE_ZONES;
	for (unsigned i = 0; i < x->nr && x->nr <= MANY; i++)
		if (x->rz[i].managed != 0 && !parity_is_large(x, i))
			out[nr++] = i;
	out[nr++] = PARITY_ALL_ZONES;
	return nr;
}

/*
 * Nothing has changed, or one zone, or the large ones, or any: what explains the figures best, the
 * simpler one where two do.  A single figure that differs is a difference, not a change
 * of sizes: that moves several.
 */
static void settle(const struct parity_zones *x, struct parity *p, tell_fn *tell)
{
	struct story best = {AS_NOW, PARITY_ALL_ZONES};
	unsigned long least = story_score(x, best, tell);
	unsigned changed[PARITY_ZONES + 3], nr = likely_changes(x, changed);
	bool several = least >= 2 * PARITY_ONE_DIFFERS;
	struct parity_trial t = {.p = p};

	for (enum how how = AS_THEN; how <= AS_THEN_ALONE && several; how++)
		for (unsigned i = 0; i < nr; i++) {
			struct story s = {how, changed[i]};
			unsigned long now = story_score(x, s, tell);

			if (now < least) {
				least = now;
				best = s;
			}
		}
	tell(x, best, &t);
}

/* ---- telling ---- */

static void tell_inputs(const struct parity_zones *x, struct parity *p, const char *from)
{
	static const char *const steps[] = {"", "a quarter of min (before 4.6)",
					    "by watermark_scale_factor (4.6)"};
	static const char *const lists[] = {"6 batches, batch up to 512 KiB / 4 (before 4.19)",
					    "6 batches (4.19)", "split low watermark (5.14)",
					    "tuned between two limits (6.7)"};

	if (x->marks_set)
		parity_input(p, "min_free_kbytes", from, "%u", x->rules.min_free_kbytes);
	else
		parity_input(p, "min_free_kbytes",
			     "not told, and no formula explains the zones' min", "not determined");
	parity_input(p, "watermark_scale_factor",
		     x->k->scale != KERNEL_NONE ? "vm/watermark_scale_factor"
		     : x->rules.scale == 10     ? "not told: the kernel's default"
						: "found from the watermarks",
		     "%u", x->rules.scale);
	parity_input(p, "distance of watermarks", "the figures", "%s", steps[x->rules.step]);
	parity_input(p, "per-CPU lists", "the figures", "%s", lists[x->rules.lists]);
	parity_input(p, "CPUs online", "pagesets of zoneinfo", "%u", x->k->online);
	for (unsigned n = 0; n < 256; n++)
		if (x->cpus_found[n] && x->rules.lists >= LISTS_SPLIT) {
			char name[64];

			snprintf(name, sizeof name, "CPUs of node %u", n);
			parity_input(p, name, "found from the per-CPU lists", "%u", x->cpus[n]);
		}
}

/* A simulated machine without an MMU, or a textbook's: blocks of pages and no more. */
static bool keeps_nothing(const struct parity_zones *x)
{
	uint64_t any = 0;

	for (unsigned i = 0; i < x->nr; i++) {
		any |= x->min[i] | x->low[i] | x->high[i] | x->z[i]->nr_lists;
		for (unsigned c = 0; c < x->z[i]->nr_protection; c++)
			any |= x->z[i]->protection[c];
	}
	return any == 0;
}

static void miss_zones(struct parity *p, const char *why)
{
	parity_missing(p, PARITY_WATERMARKS, why);
	parity_missing(p, PARITY_RESERVES, why);
	parity_missing(p, PARITY_LISTS, why);
}

void parity_zones(struct parity *p, const struct kernel_snapshot *k, const struct rules_ops *ops,
		  unsigned page_shift)
{
	struct parity_zones x = {.k = k, .ops = ops};
	const char *from;

	if (!k->has[KF_ZONEINFO]) {
		miss_zones(p, "no zoneinfo");
		return;
	}
	set_zones(&x, k);
	if (keeps_nothing(&x)) {
		miss_zones(p,
			   "no zone keeps pages back or has lists: a page allocator without rules");
		return;
	}
	set_columns(&x);
	set_rules(&x, page_shift);
	from = parity_choose_marks(&x);
	parity_choose_reserves(&x);
	set_cpus(&x);
	parity_choose_lists(&x);
	tell_inputs(&x, p, from);
	settle(&x, p, both_marks);
	if (x.rules.lists < LISTS_SPLIT) {
		struct parity_trial t = {.p = p};

		parity_lists_old(&x, &t);
	}
	settle(&x, p, both_reserves);
}
