/*
 * Two passes.  The first counts kinds of objects and notes which are ever resized: a
 * cache's objects have one size for good.  The second writes; slots of the source are
 * moved up by the number of caches, which have the first ones.
 */
#include "sim/trace_kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/slots.h"
#include "sim/trace_copy.h"
#include "sim/trace_ops.h"

#define LARGEST_OBJECT 8192u
#define NO_KIND        UINT32_MAX

/* Objects of one call site and size. */
struct kind {
	uint64_t births;
	uint32_t site, size;
	bool resized;
	uint32_t cache; /* the cache's number; NO_KIND: none */
};

struct kernel {
	struct trace_copy copy; /* first: copy_all's callbacks find the rest */
	unsigned most; /* caches */
	struct kind *kind;
	uint32_t nr_kinds, room;
	uint32_t *cell; /* hash table: number of a kind + 1; 0: empty */
	uint32_t mask;
	uint32_t *of_slot; /* by the source's slot: its object's kind */
	uint32_t nr_slots;
	struct kernel_counts *out;
};

static int no_memory(struct diag *d)
{
	return diag_set(d, "", 0, 0, "out of host memory");
}

/* ---- kinds ---- */

static uint32_t hash_of(uint32_t site, uint32_t size)
{
	uint64_t x = ((uint64_t)site << 32 | size) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(x >> 32);
}

/* The cell of a kind, empty where it is not known. */
static uint32_t *find_cell(const struct kernel *k, uint32_t site, uint32_t size)
{
	uint32_t i = hash_of(site, size) & k->mask;

	while (k->cell[i] != 0) {
		const struct kind *x = &k->kind[k->cell[i] - 1];

		if (x->site == site && x->size == size)
			break;
		i = (i + 1) & k->mask;
	}
	return &k->cell[i];
}

/* Twice the kinds, in a table that they fill to a half at most. */
static bool grow(struct kernel *k)
{
	uint32_t room = k->room ? 2 * k->room : 256;
	struct kind *kind = realloc(k->kind, room * sizeof *kind);
	uint32_t *cell = calloc(2 * (size_t)room, sizeof *cell);

	if (kind != NULL)
		k->kind = kind;
	if (kind == NULL || cell == NULL) {
		free(cell);
		return false;
	}
	free(k->cell);
	k->cell = cell;
	k->room = room;
	k->mask = 2 * room - 1;
	for (uint32_t i = 0; i < k->nr_kinds; i++)
		*find_cell(k, k->kind[i].site, k->kind[i].size) = i + 1;
	return true;
}

/* The kind of a birth; NO_KIND: never one of a cache.  false: out of memory. */
static bool kind_of(struct kernel *k, const struct trace_event *ev, uint32_t *out)
{
	uint32_t *cell;

	*out = NO_KIND;
	if (ev->op == OP_MEMALIGN || trace_op_group((enum trace_op)ev->op) != TG_HEAP ||
	    ev->size == 0 || ev->size > LARGEST_OBJECT)
		return true;
	if (k->nr_kinds == k->room && !grow(k))
		return false;
	cell = find_cell(k, ev->site, (uint32_t)ev->size);
	if (*cell == 0) {
		k->kind[k->nr_kinds] = (struct kind){
			.site = ev->site, .size = (uint32_t)ev->size, .cache = NO_KIND};
		*cell = ++k->nr_kinds;
	}
	*out = *cell - 1;
	return true;
}

static bool remember(struct kernel *k, uint32_t slot, uint32_t kind)
{
	uint32_t nr = slots_room(k->nr_slots, slot);
	uint32_t *grown;

	if (nr != k->nr_slots) {
		grown = realloc(k->of_slot, nr * sizeof *grown);
		if (grown == NULL)
			return false;
		memset(grown + k->nr_slots, 0xff, (nr - k->nr_slots) * sizeof *grown);
		k->of_slot = grown;
		k->nr_slots = nr;
	}
	k->of_slot[slot] = kind;
	return true;
}

static uint32_t kind_at(const struct kernel *k, uint32_t slot)
{
	return slot < k->nr_slots ? k->of_slot[slot] : NO_KIND;
}

/* ---- the first pass ---- */

static bool births(const struct trace_event *ev)
{
	return ev->slot != SLOT_NONE && trace_op_births((enum trace_op)ev->op, ev->flags);
}

static int count(struct trace_copy *c, const struct trace_event *ev, struct diag *d)
{
	struct kernel *k = (struct kernel *)c;
	uint32_t kind;

	if (births(ev)) {
		if (!kind_of(k, ev, &kind) || !remember(k, ev->slot, kind))
			return no_memory(d);
		if (kind != NO_KIND)
			k->kind[kind].births++;
	} else if (ev->op == OP_REALLOC && kind_at(k, ev->slot) != NO_KIND) {
		k->kind[kind_at(k, ev->slot)].resized = true;
	}
	return 0;
}

/* Most births first; of equally many, the kind met first. */
static int by_births(const void *a, const void *b)
{
	const struct kind *x = *(struct kind *const *)a, *y = *(struct kind *const *)b;

	if (x->births != y->births)
		return x->births < y->births ? 1 : -1;
	return x < y ? -1 : x > y;
}

/* The kinds that get caches, by number of the cache; the caller frees.  NULL: out of memory. */
static struct kind **choose(struct kernel *k)
{
	struct kind **list = malloc((k->nr_kinds + 1) * sizeof(struct kind *));
	uint32_t n = 0;

	if (list == NULL)
		return NULL;
	for (uint32_t i = 0; i < k->nr_kinds; i++)
		if (k->kind[i].births > 1 && !k->kind[i].resized)
			list[n++] = &k->kind[i];
	if (n != 0)
		qsort(list, n, sizeof(struct kind *), by_births);
	k->out->caches = n < k->most ? n : k->most;
	for (uint32_t i = 0; i < k->out->caches; i++)
		list[i]->cache = i;
	return list;
}

static int make_cache(struct kernel *k, const struct kind *x, struct diag *d)
{
	struct trace_event ev = {.op = OP_CACHE_CREATE, .size = x->size};
	char name[256];
	int n;

	if (x->site != 0)
		n = snprintf(name, sizeof name, "%.200s-%u", trace_string(k->copy.r, x->site),
			     x->size);
	else
		n = snprintf(name, sizeof name, "size-%u", x->size);
	ev.tag = trace_writer_string(k->copy.w, name, (size_t)n);
	if (trace_writer_put(k->copy.w, &ev, d) != 0)
		return -1;
	k->out->events++;
	return trace_copy_name(&k->copy, x->cache, ev.slot, d);
}

/* ---- the second pass ---- */

/* A power of two is aligned to itself: so kmalloc serves alignments. */
static uint64_t aligned_size(uint64_t size, uint64_t align)
{
	uint64_t power = 8;

	while ((power < size || power < align) && power <= UINT64_MAX / 2)
		power *= 2;
	return align > 8 ? power : size;
}

/* Births and deaths of objects that may be a cache's. */
static void use_cache(struct kernel *k, struct trace_event *e, uint32_t kind, enum trace_op op)
{
	if (kind == NO_KIND || k->kind[kind].cache == NO_KIND)
		return;
	k->out->objects += op == OP_CACHE_ALLOC;
	e->gfp |= e->op == OP_KCALLOC ? __GFP_ZERO : 0;
	e->op = (uint8_t)op;
	e->slot2 = k->kind[kind].cache;
	e->size = e->arg = 0;
}

/* malloc, calloc, memalign, and realloc of a null pointer. */
static void translate_birth(struct kernel *k, struct trace_event *e, uint32_t kind)
{
	if (e->op == OP_MEMALIGN)
		e->size = aligned_size(e->size, e->arg);
	if (e->op == OP_REALLOC)
		e->flags &= (uint8_t)~EV_NULL;
	if (e->op != OP_CALLOC)
		e->arg = 0;
	e->op = e->op == OP_CALLOC ? OP_KCALLOC : OP_KMALLOC;
	e->gfp = GFP_KERNEL;
	use_cache(k, e, kind, OP_CACHE_ALLOC);
}

/* The event in a kernel's words; its own slot is still the source's. */
static void translate(struct kernel *k, struct trace_event *e, uint32_t kind)
{
	uint32_t was = kind_at(k, e->slot);

	if (trace_op_group((enum trace_op)e->op) != TG_HEAP)
		return;
	if (e->op == OP_FREE) {
		e->op = OP_KFREE;
		use_cache(k, e, e->slot != SLOT_NONE ? was : NO_KIND, OP_CACHE_FREE);
	} else if (e->op == OP_REALLOC && !births(e)) {
		e->op = OP_KREALLOC;
		e->gfp = GFP_KERNEL;
	} else {
		translate_birth(k, e, kind);
	}
}

static int put(struct trace_copy *c, const struct trace_event *ev, struct diag *d)
{
	struct kernel *k = (struct kernel *)c;
	struct trace_event e = *ev;
	uint32_t kind = NO_KIND;
	bool second = trace_op_has_slot2((enum trace_op)ev->op) && ev->slot2 != SLOT_NONE;

	if (births(ev) &&
	    ((k->most != 0 && !kind_of(k, ev, &kind)) || !remember(k, ev->slot, kind)))
		return no_memory(d);
	translate(k, &e, kind);
	if (e.slot != SLOT_NONE && trace_op_has_slot((enum trace_op)e.op))
		e.slot += k->out->caches;
	if (second)
		e.slot2 += k->out->caches;
	k->out->events++;
	return trace_copy_put(c, &e, d);
}

/* ---- the whole ---- */

/* Counts, chooses and makes the caches. */
static int first_pass(struct kernel *k, const char *path, struct diag *d)
{
	struct kind **chosen = NULL;
	int err;

	k->copy.r = trace_open(path, d);
	err = k->copy.r != NULL ? trace_copy_all(&k->copy, count, d) : -1;
	if (err == 0) {
		chosen = choose(k);
		err = chosen != NULL ? 0 : no_memory(d);
	}
	/* Here, since now all call sites have been read. */
	for (unsigned i = 0; err == 0 && i < k->out->caches; i++)
		err = make_cache(k, chosen[i], d);
	free(chosen);
	trace_close(k->copy.r);
	k->copy.r = NULL;
	return err;
}

static int second_pass(struct kernel *k, const char *path, struct diag *d)
{
	int err;

	k->copy.r = trace_open(path, d);
	err = k->copy.r != NULL ? trace_copy_all(&k->copy, put, d) : -1;
	trace_close(k->copy.r);
	return err;
}

int trace_as_kernel(const char *path, unsigned caches, struct trace_writer *w,
		    struct kernel_counts *out, struct diag *d)
{
	struct kernel k = {.most = caches < KERNEL_MAX_CACHES ? caches : KERNEL_MAX_CACHES,
			   .out = out};
	int err;

	*out = (struct kernel_counts){0};
	trace_copy_init(&k.copy, NULL, w);
	err = k.most != 0 ? first_pass(&k, path, d) : 0;
	if (err == 0)
		err = second_pass(&k, path, d);
	trace_copy_finish(&k.copy);
	free(k.kind);
	free(k.cell);
	free(k.of_slot);
	return err;
}
