/*
 * Order and objects of every cache's slabs, from the size of its objects.
 *
 * slabinfo tells that size with all that goes with an object, debugging included, under
 * the name of the first of merged caches; and the order that calculate_order chose, not
 * the one that single slabs had to make do with.  So it is what our rule needs, beside the
 * number of CPUs, which enters by its magnitude only.
 */
#include <stdio.h>

#include "sim/parity_private.h"

static uint64_t slab_bytes(const struct kernel_cache *c, unsigned shift)
{
	return c->pages_per_slab << shift;
}

static bool agrees(const struct kernel_cache *c, unsigned shift)
{
	uint64_t n = slab_bytes(c, shift) / c->object_size;

	return c->objects_per_slab == (n < 32767 ? n : 32767);
}

unsigned parity_page_shift(const struct kernel_snapshot *k)
{
	unsigned best = 0, most = 0;

	for (unsigned shift = 10; shift <= 16; shift++) {
		unsigned n = 0;

		for (unsigned i = 0; i < k->nr_caches; i++)
			n += agrees(&k->cache[i], shift) ||
			     (k->slab && k->cache[i].objects_per_slab * k->cache[i].object_size <=
						 slab_bytes(&k->cache[i], shift));
		if (n > most) {
			most = n;
			best = shift;
		}
	}
	return best;
}

static unsigned order_of(uint64_t pages)
{
	return lsb(pages);
}

static bool same(const struct kernel_cache *c, struct rules_slab s)
{
	return s.order == order_of(c->pages_per_slab) && s.objects == c->objects_per_slab;
}

static unsigned nr_equal(const struct kernel_snapshot *k, const struct rules_ops *ops,
			 const struct slab_rules *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < k->nr_caches; i++)
		n += same(&k->cache[i], ops->slub(r, (uint32_t)k->cache[i].object_size));
	return n;
}

static unsigned cpus_told(const struct kernel_snapshot *k, const char **from)
{
	if (k->present_cpus != 0) {
		*from = "sys/devices/system/cpu/present";
		return k->present_cpus;
	}
	*from = "CPUs online, of zoneinfo";
	return k->online;
}

/* Tries rules; keeps them when more caches agree. */
static void try_rules(const struct kernel_snapshot *k, const struct rules_ops *ops,
		      struct slab_rules r, struct slab_rules *best, unsigned *most, bool *better)
{
	unsigned n = nr_equal(k, ops, &r);

	*better = n > *most;
	if (!*better)
		return;
	*most = n;
	*best = r;
}

/* Both forms of the rule with so many CPUs and such a largest order. */
static void try_forms(const struct kernel_snapshot *k, const struct rules_ops *ops,
		      struct slab_rules r, struct slab_rules *best, unsigned *most, bool *better)
{
	bool a, b;
	bool old = k->version != 0 && k->version < 6007;

	r.loops = old;
	try_rules(k, ops, r, best, most, &a);
	r.loops = !old;
	try_rules(k, ops, r, best, most, &b);
	*better = a || b;
}

/* The CPUs told, else those that may come; then any magnitude, and a smaller largest order. */
static struct slab_rules choose(const struct kernel_snapshot *k, const struct rules_ops *ops,
				unsigned page_shift, const char **from)
{
	struct slab_rules r = {.page_shift = page_shift, .slab_order = 3, .max_order = 10};
	struct slab_rules best;
	unsigned most = 0;
	bool better;

	if (k->slab_order != KERNEL_NONE && k->slab_order <= 10)
		r.slab_order = (unsigned)k->slab_order;
	if (k->slab_least_order != KERNEL_NONE && k->slab_least_order <= 10)
		r.least_order = (unsigned)k->slab_least_order;
	if (k->slab_least_objects != KERNEL_NONE && k->slab_least_objects < 32768)
		r.least_objects = (unsigned)k->slab_least_objects;
	r.nr_cpus = cpus_told(k, from);
	best = r;
	try_forms(k, ops, r, &best, &most, &better);
	if (k->possible_cpus != 0 && most < k->nr_caches) {
		r.nr_cpus = k->possible_cpus;
		try_forms(k, ops, r, &best, &most, &better);
		if (better)
			*from = "sys/devices/system/cpu/possible";
	}
	for (r.nr_cpus = 1; r.nr_cpus <= 8192 && most < k->nr_caches; r.nr_cpus *= 2) {
		try_forms(k, ops, r, &best, &most, &better);
		if (better)
			*from = "found from the slabs: so many, and less than twice as many";
	}
	for (r = best, r.slab_order = 0; r.slab_order <= 5 && most < k->nr_caches; r.slab_order++)
		try_forms(k, ops, r, &best, &most, &better);
	return best;
}

/*
 * Some machines count their CPUs only after the first caches were made, for which those
 * possible stood in.  Such caches are several, and one magnitude explains them all.
 */
static bool find_early(const struct kernel_snapshot *k, const struct rules_ops *ops,
		       const struct slab_rules *r, struct slab_rules *early)
{
	unsigned left = k->nr_caches - nr_equal(k, ops, r);

	if (left < 3)
		return false;
	*early = *r;
	for (early->nr_cpus = 1; early->nr_cpus <= 8192; early->nr_cpus *= 2) {
		unsigned n = 0;

		for (unsigned i = 0; i < k->nr_caches; i++) {
			uint32_t size = (uint32_t)k->cache[i].object_size;

			n += !same(&k->cache[i], ops->slub(r, size)) &&
			     same(&k->cache[i], ops->slub(early, size));
		}
		if (n == left)
			return true;
	}
	return false;
}

static void tell(struct parity *p, const struct kernel_snapshot *k, const struct rules_ops *ops,
		 const struct slab_rules *r, const char *from)
{
	struct slab_rules other = *r;
	const char *form = r->loops ? "calculate_order before 6.7" : "calculate_order of 6.7";

	other.loops = !r->loops;
	if (k->version == 0 && nr_equal(k, ops, r) == nr_equal(k, ops, &other))
		form = "calculate_order, before 6.7 or since";
	parity_input(p, "CPUs of slabs", from, "%u", r->nr_cpus);
	parity_input(p, "order of a slab", "the figures", "%s, at most %u", form, r->slab_order);
}

static void slub(struct parity *p, const struct kernel_snapshot *k, const struct rules_ops *ops,
		 unsigned page_shift)
{
	const char *from;
	struct slab_rules r = choose(k, ops, page_shift, &from), early;
	struct parity_trial t = {.p = p};
	bool two = find_early(k, ops, &r, &early);

	tell(p, k, ops, &r, from);
	if (two)
		parity_input(p, "CPUs of the first caches",
			     "found from the slabs: so many, and less than twice as many", "%u",
			     early.nr_cpus);
	for (unsigned i = 0; i < k->nr_caches; i++) {
		const struct kernel_cache *c = &k->cache[i];
		struct rules_slab s = ops->slub(&r, (uint32_t)c->object_size);

		if (two && !same(c, s))
			s = ops->slub(&early, (uint32_t)c->object_size);
		parity_note(&t, PARITY_SLABS, c->name, "order", order_of(c->pages_per_slab),
			    s.order);
		parity_note(&t, PARITY_SLABS, c->name, "objects per slab", c->objects_per_slab,
			    s.objects);
	}
}

/* ---- classic SLAB ---- */

#define FORMS 32u /* at most 6 alignments x 2 x 2 */

/* 4.6 and later: where the free list lies, and whether the cache is reclaimable. */
static unsigned forms_now(const struct kernel_cache *c, const struct rules_ops *ops,
			  unsigned page_shift, struct rules_slab out[FORMS])
{
	const struct slab_rules r = {.page_shift = page_shift, .slab_order = 1, .max_order = 10};
	unsigned nr = 0;

	for (unsigned i = 0; i < 2 * NR_RULES_LISTS; i++) {
		out[nr] = ops->classic(&r, (uint32_t)c->object_size, (enum rules_list)(i / 2),
				       i % 2 != 0);
		nr += out[nr].objects != 0;
	}
	return nr;
}

/*
 * Before 4.6 a slab has a record.  Kernels of 2.6 differ in its size (the slab's node
 * came with 2.6.16) and what it is rounded up to, in the largest order that is chosen for
 * little waste, and in what reclaimable caches take; which kernel it was, the caches show.
 */
struct then {
	const char *name;
	unsigned word, record, slab_order;
	unsigned line; /* the record is rounded up to; 0: to the objects' alignment */
	bool reclaimable; /* such caches take the first order */
};

static const struct then thens[] = {
	{"2.6", 4, 28, 1, 0, true},      {"2.6", 8, 48, 1, 0, true},
	{"2.6.15", 4, 24, 1, 0, false},  {"2.6.15", 8, 40, 1, 0, false},
	{"2.6.0", 4, 24, 2, 32, false},  {"2.6.0", 4, 24, 2, 64, false},
	{"2.6.0", 4, 24, 2, 128, false}, {"2.6.0", 8, 40, 2, 64, false},
	{"2.6.0", 8, 40, 2, 128, false},
};

/* What slabinfo does not tell: alignment, a large object's record outside, reclaimable or not. */
static unsigned forms_then(const struct kernel_cache *c, const struct rules_ops *ops,
			   unsigned page_shift, const struct then *k, struct rules_slab out[FORMS])
{
	const struct slab_rules r = {
		.page_shift = page_shift, .slab_order = k->slab_order, .max_order = 10};
	uint32_t size = (uint32_t)c->object_size, large = (1u << page_shift) / 8;
	unsigned nr = 0;

	/* Whether an object is large is asked before its size is rounded up to the alignment. */
	for (uint32_t align = k->word; align <= 128; align *= 2)
		for (unsigned outside = size >= large + align; outside <= (size >= large);
		     outside++)
			for (unsigned first = 0; first <= k->reclaimable; first++) {
				struct rules_record x = {k->record, k->line != 0 ? k->line : align,
							 outside != 0, first != 0};
				uint32_t left;

				if (size % align != 0)
					continue;
				out[nr] = ops->record(&r, size, &x, &left);
				nr += out[nr].objects != 0;
			}
	return nr;
}

/* The slabs that a cache of that size can have, by what slabinfo does not tell; NULL: 4.6. */
static unsigned forms_of(const struct kernel_cache *c, const struct rules_ops *ops,
			 unsigned page_shift, const struct then *then, struct rules_slab out[FORMS])
{
	return then != NULL ? forms_then(c, ops, page_shift, then, out)
			    : forms_now(c, ops, page_shift, out);
}

/* Caches whose slabs are among the forms. */
static unsigned nr_possible(const struct kernel_snapshot *k, const struct rules_ops *ops,
			    unsigned page_shift, const struct then *then)
{
	unsigned possible = 0;

	for (unsigned i = 0; i < k->nr_caches; i++) {
		struct rules_slab form[FORMS];
		unsigned nr = forms_of(&k->cache[i], ops, page_shift, then, form);

		while (nr > 0 && !same(&k->cache[i], form[nr - 1]))
			nr--;
		possible += nr != 0;
	}
	return possible;
}

static void note_form(struct parity_trial *t, const struct kernel_cache *c, const char *name,
		      uint64_t kernel, struct span ours, bool possible)
{
	static const char why[] = "classic SLAB: it depends on flags and alignment of the cache, "
				  "which slabinfo does not tell";

	if (possible)
		parity_note_span(t, PARITY_SLABS, c->name, name, kernel, ours, why);
	else
		parity_note(t, PARITY_SLABS, c->name, name, kernel, ours.lo);
}

static void note_cache(struct parity_trial *t, const struct kernel_cache *c,
		       const struct rules_slab *form, unsigned nr)
{
	struct span order = {nr != 0 ? UINT32_MAX : 0, 0}, objects = order;
	bool possible = false;

	for (unsigned f = 0; f < nr; f++) {
		possible |= same(c, form[f]);
		order.lo = form[f].order < order.lo ? form[f].order : order.lo;
		order.hi = form[f].order > order.hi ? form[f].order : order.hi;
		objects.lo = form[f].objects < objects.lo ? form[f].objects : objects.lo;
		objects.hi = form[f].objects > objects.hi ? form[f].objects : objects.hi;
	}
	note_form(t, c, "order", order_of(c->pages_per_slab), order, possible);
	note_form(t, c, "objects per slab", c->objects_per_slab, objects, possible);
}

static void classic(struct parity *p, const struct kernel_snapshot *k, const struct rules_ops *ops,
		    unsigned page_shift)
{
	unsigned most = nr_possible(k, ops, page_shift, NULL), n;
	const struct then *then = NULL;
	struct parity_trial t = {.p = p};

	for (unsigned i = 0; i < sizeof thens / sizeof thens[0]; i++) {
		n = nr_possible(k, ops, page_shift, &thens[i]);
		if (n <= most)
			continue;
		most = n;
		then = &thens[i];
	}
	parity_input(p, "order of a slab", "tunables of slabinfo", "calculate_slab_order of %s",
		     then != NULL ? then->name : "4.6");
	if (then != NULL)
		parity_input(p, "word", "found from the slabs", "%u bytes", then->word);
	for (unsigned i = 0; i < k->nr_caches; i++) {
		struct rules_slab form[FORMS];
		unsigned nr = forms_of(&k->cache[i], ops, page_shift, then, form);

		note_cache(&t, &k->cache[i], form, nr);
	}
}

void parity_slabs(struct parity *p, const struct kernel_snapshot *k, const struct rules_ops *ops,
		  unsigned page_shift)
{
	if (!k->has[KF_SLABINFO])
		parity_missing(p, PARITY_SLABS, "no slabinfo that can be read (it takes root)");
	else if (k->nr_caches == 0)
		parity_missing(p, PARITY_SLABS, "slabinfo has no caches");
	else if (k->slab)
		classic(p, k, ops, page_shift);
	else
		slub(p, k, ops, page_shift);
}
