/*
 * Do the checkers see?  In small populated worlds every bit of every byte that
 * walk calls metadata is flipped, alone, and check() must report it: by its
 * verdict, or by running into a bug or a fault.  A flip that goes unnoticed must
 * be listed in dontcare.txt with a reason, and at most 5 % of a kind's metadata
 * bits may be.  Links inside free blocks are flipped as a report only.
 *
 *   mutate               all kinds
 *   mutate GLOB          the worlds whose id matches: checked4/tlsf/bytes/tiny/s0
 */
#include <ctype.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <cmocka.h>

#include "conformance/driver.h"

#define SEEDS        3u
#define OPERATIONS   70u
#define MAX_SPANS    4096u
#define MAX_FIELDS   4096u
#define CARE_PERCENT 95u
#define LINK_BYTES   16u /* of a free block: where links lie */
#define FREE_SPANS   64u /* free blocks looked at in a world */

enum verdict { REPORTED, BY_FAULT, ENDLESS, UNNOTICED, NR_VERDICTS };

/* One byte of one kind of span, over all worlds of a kind and word. */
struct field {
	const char *what;
	uint64_t offset;
	uint8_t bits; /* the bits that went unnoticed and are not listed */
};

struct result {
	char kind[32]; /* "tlsf@4" */
	uint64_t flips[NR_VERDICTS], listed;
	uint64_t free_flips, free_unnoticed;
	struct field field[MAX_FIELDS];
	unsigned nr_fields;
};

struct span_list {
	struct walk_span s[MAX_SPANS];
	unsigned nr;
};

/* ---- endless loops: a timer finds the same flip running twice ---- */

static volatile sig_atomic_t flip_number, seen_number;
static sigjmp_buf endless;

static void on_tick(int sig)
{
	(void)sig;
	if (seen_number == flip_number)
		siglongjmp(endless, 1);
	seen_number = flip_number;
}

static void start_timer(void)
{
	struct sigaction sa = {.sa_flags = SA_NODEFER};
	struct itimerval tick = {{0, 300000}, {0, 300000}};

	sa.sa_handler = on_tick;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGVTALRM, &sa, NULL);
	setitimer(ITIMER_VIRTUAL, &tick, NULL);
}

/* ---- the list of accepted don't-cares ---- */

struct listed {
	char kind[32], what[64];
	uint64_t first, last, stride; /* offsets in the span, modulo stride; 0: no stride */
	uint8_t bits;
};

static struct listed listed[256];
static unsigned nr_listed;

static char *trim(char *s)
{
	char *e;

	while (isspace((unsigned char)*s))
		s++;
	for (e = s + strlen(s); e > s && isspace((unsigned char)e[-1]);)
		*--e = '\0';
	return s;
}

/* "8-11/16&7f": offsets 8 to 11 of every 16, bits 0x7f. */
static void parse_offsets(struct listed *l, char *s)
{
	char *mask = strchr(s, '&'), *stride = strchr(s, '/');

	l->bits = mask ? (uint8_t)strtoul(mask + 1, NULL, 16) : 0xff;
	l->stride = stride ? strtoull(stride + 1, NULL, 0) : 0;
	l->first = 0;
	l->last = UINT64_MAX;
	if (strncmp(s, "all", 3) == 0)
		return;
	l->first = l->last = strtoull(s, &s, 0);
	if (*s == '-')
		l->last = strtoull(s + 1, NULL, 0);
}

static void read_list(void)
{
	FILE *f = fopen(TESTS_DIR "/conformance/dontcare.txt", "r");
	char line[512];

	if (f == NULL)
		fail_msg("dontcare.txt cannot be read");
	while (fgets(line, sizeof line, f) != NULL && nr_listed < 256) {
		char *kind = strtok(line, "|"), *what = strtok(NULL, "|");
		char *offsets = strtok(NULL, "|"), *reason = strtok(NULL, "|");

		if (kind == NULL || *trim(kind) == '#' || *trim(kind) == '\0')
			continue;
		if (reason == NULL || strlen(trim(reason)) < 10)
			fail_msg("dontcare.txt: %s lacks a reason", trim(kind));
		snprintf(listed[nr_listed].kind, sizeof listed[0].kind, "%s", trim(kind));
		snprintf(listed[nr_listed].what, sizeof listed[0].what, "%s", trim(what));
		parse_offsets(&listed[nr_listed++], trim(offsets));
	}
	fclose(f);
}

/* "tlsf" stands for tlsf@4 and tlsf@8. */
static bool same_kind(const char *in_list, const char *kind)
{
	size_t n = strcspn(kind, "@");

	return strcmp(in_list, kind) == 0 ||
	       (strlen(in_list) == n && strncmp(in_list, kind, n) == 0);
}

static bool is_listed(const char *kind, const char *what, uint64_t offset, unsigned bit)
{
	for (unsigned i = 0; i < nr_listed; i++) {
		const struct listed *l = &listed[i];
		uint64_t at = l->stride ? offset % l->stride : offset;

		if (same_kind(l->kind, kind) && strcmp(l->what, what) == 0 && at >= l->first &&
		    at <= l->last && (l->bits >> bit & 1))
			return true;
	}
	return false;
}

/* ---- flipping ---- */

static void collect(void *ctx, const struct walk_span *s)
{
	struct span_list *l = ctx;

	if (s->bytes != 0 && l->nr < MAX_SPANS)
		l->s[l->nr++] = *s;
}

static enum verdict verdict(struct world *w)
{
	struct check_report r = {0};
	const struct alloc *a = w->seen[w->nr - 1];

	flip_number = flip_number + 1;
	if (sigsetjmp(endless, 0) != 0)
		return ENDLESS;
	if (sigsetjmp(w->home, 0) != 0)
		return BY_FAULT;
	return a->ops->check(a, &r) != 0 ? REPORTED : UNNOTICED;
}

static void note(struct result *res, const char *what, uint64_t offset, unsigned bit)
{
	unsigned i = 0;

	while (i < res->nr_fields &&
	       !(res->field[i].offset == offset && strcmp(res->field[i].what, what) == 0))
		i++;
	if (i == MAX_FIELDS)
		return;
	if (i == res->nr_fields)
		res->field[res->nr_fields++] = (struct field){what, offset, 0};
	res->field[i].bits |= (uint8_t)(1u << bit);
}

static void flip_metadata(struct world *w, struct result *res, const struct walk_span *s)
{
	for (uint64_t i = 0; i < s->bytes; i++) {
		uint8_t *p = world_host(w, s->base.v + i, 1);

		for (unsigned bit = 0; bit < 8; bit++) {
			enum verdict v;

			*p ^= (uint8_t)(1u << bit);
			v = verdict(w);
			*p ^= (uint8_t)(1u << bit);
			if (v == UNNOTICED && is_listed(res->kind, s->what, i, bit))
				res->listed++;
			else if (v == UNNOTICED || v == ENDLESS)
				note(res, s->what, i, bit);
			res->flips[v]++;
		}
	}
}

static void flip_free(struct world *w, struct result *res, const struct walk_span *s)
{
	for (uint64_t i = 0; i < s->bytes && i < LINK_BYTES; i++) {
		uint8_t *p = world_host(w, s->base.v + i, 1);

		for (unsigned bit = 0; bit < 8; bit++) {
			*p ^= (uint8_t)(1u << bit);
			res->free_unnoticed += verdict(w) == UNNOTICED;
			res->free_flips++;
			*p ^= (uint8_t)(1u << bit);
		}
	}
}

static void populate(const struct driver *d, struct world *w, struct shadow *s, uint64_t seed)
{
	struct prng p = {seed};

	s->strict = false;
	if (sigsetjmp(w->home, 0) != 0)
		world_unwound(w);
	for (unsigned i = 0; i < OPERATIONS || (s->nr == 0 && i < 10 * OPERATIONS); i++) {
		struct op o = d->random(&p, w, s);

		drive(d, w, s, &o);
	}
	world_check(w);
}

static void mutate_world(const struct scene *sc, const struct driver *d, uint64_t seed,
			 struct result *res)
{
	struct world *w = malloc(sizeof *w);
	struct span_list *l = calloc(1, sizeof *l);
	unsigned nr_free = 0;
	struct shadow s;

	assert_true(w != NULL && l != NULL);
	if (world_build(w, sc, 0x5eed, (struct world_failure){0}) == 0) {
		shadow_init(&s, w);
		populate(d, w, &s, seed);
		w->top->ops->walk(w->seen[w->nr - 1], collect, l);
		for (unsigned i = 0; i < l->nr; i++) {
			if (l->s[i].class == MM_METADATA)
				flip_metadata(w, res, &l->s[i]);
			else if ((l->s[i].class == MM_CACHED || l->s[i].class == MM_FREE) &&
				 nr_free++ < FREE_SPANS)
				flip_free(w, res, &l->s[i]);
		}
		shadow_finish(&s);
	}
	world_finish(w);
	free(l);
	free(w);
}

/* ---- kinds and words ---- */

static bool small_enough(const struct geometry *geo)
{
	return geo->tiny || strcmp(geo->name, "narrow") == 0 || strcmp(geo->name, "buddy1k") == 0 ||
	       strcmp(geo->name, "numa1k") == 0 || strcmp(geo->name, "holes") == 0;
}

static bool registered(const struct alloc_instance *in, const char *kind)
{
	for (unsigned i = 0; kind != NULL && i < in->nr_kinds; i++)
		if (strcmp(in->kinds[i]->name, kind) == 0)
			return true;
	return kind == NULL;
}

/* Page tables and several nodes' lists have bits enough without every variant. */
static bool is_large(const struct geometry *geo)
{
	return geo->mmu || geo->nodes > 1;
}

static unsigned nr_variants(const struct scene *sc)
{
	unsigned n = variant_count(sc->ops);

	return sc->geo->nodes > 1 ? 1 : is_large(sc->geo) && n > 2 ? 2 : n;
}

static void mutate_kind(struct scene sc, const char *only, struct result *res)
{
	char id[128];

	for (unsigned d = 0; d < NR_DRIVERS; d++)
		for (sc.geo = geometries; sc.geo->name != NULL; sc.geo++) {
			if (!drivers[d]->offered(sc.ops) || !small_enough(sc.geo) ||
			    !geometry_fits(sc.geo, sc.ops) ||
			    /* nodes' lists are the same by whatever facet they come to be */
			    (sc.geo->nodes > 1 && sc.ops->caches != NULL &&
			     drivers[d] != &drive_caches) ||
			    (drivers[d]->settings & sc.geo->setting) == 0 ||
			    !registered(sc.in, sc.geo->pages))
				continue;
			for (unsigned v = 0; v < nr_variants(&sc); v++)
				for (unsigned seed = 0; seed < (v || is_large(sc.geo) ? 1 : SEEDS);
				     seed++) {
					snprintf(id, sizeof id, "%s%u/%s/%s/%s/v%u/s%u",
						 sc.in->port, sc.in->word, sc.ops->name,
						 drivers[d]->facet, sc.geo->name, v, seed);
					sc.variant = v;
					if (only == NULL || fnmatch(only, id, 0) == 0)
						mutate_world(&sc, drivers[d], seed + 77, res);
				}
		}
}

/* Whether an earlier field of the same range has the same offset modulo stride; gathers bits. */
static bool repeated(const struct result *res, unsigned i, uint64_t stride, uint8_t *bits)
{
	const struct field *f = &res->field[i];
	bool earlier = false;

	*bits = 0;
	for (unsigned k = 0; k < res->nr_fields; k++) {
		const struct field *o = &res->field[k];

		if (o->offset % stride != f->offset % stride || strcmp(o->what, f->what) != 0)
			continue;
		earlier |= k < i;
		*bits |= o->bits;
	}
	return earlier;
}

static unsigned print_what(const struct result *res, const char *what, uint64_t stride, bool quiet)
{
	unsigned lines = 0;

	for (unsigned i = 0; i < res->nr_fields; i++) {
		uint8_t bits;

		if (strcmp(res->field[i].what, what) != 0 || repeated(res, i, stride, &bits))
			continue;
		lines++;
		if (!quiet)
			print_message("    unnoticed: %s | %s | %llu/%llu&%02x\n", res->kind, what,
				      (unsigned long long)(res->field[i].offset % stride),
				      (unsigned long long)stride, bits);
	}
	return lines;
}

/* Tables repeat: each range's fields are printed at the record size that leaves the fewest lines. */
static void print_fields(const struct result *res)
{
	static const uint64_t strides[] = {1u << 20, 64, 48, 40, 32, 24, 16};

	for (unsigned i = 0; i < res->nr_fields; i++) {
		uint64_t best = strides[0];
		uint8_t bits;

		if (repeated(res, i, 1, &bits))
			continue;
		for (unsigned s = 1; s < 7; s++)
			if (print_what(res, res->field[i].what, strides[s], true) * 2 <=
			    print_what(res, res->field[i].what, best, true))
				best = strides[s];
		print_what(res, res->field[i].what, best, false);
	}
}

static void judge(const struct result *res)
{
	uint64_t all = 0;

	for (unsigned v = 0; v < NR_VERDICTS; v++)
		all += res->flips[v];
	print_message("%-14s %8llu metadata bits, %llu reported, %llu by a fault, %llu don't-cares "
		      "listed; links in free blocks: %llu of %llu unnoticed\n",
		      res->kind, (unsigned long long)all, (unsigned long long)res->flips[REPORTED],
		      (unsigned long long)res->flips[BY_FAULT], (unsigned long long)res->listed,
		      (unsigned long long)res->free_unnoticed, (unsigned long long)res->free_flips);
	print_fields(res);
	if (res->flips[ENDLESS] != 0)
		fail_msg("%s: check does not end for %llu flips", res->kind,
			 (unsigned long long)res->flips[ENDLESS]);
	if (res->nr_fields != 0)
		fail_msg("%s: flips that check does not see and dontcare.txt does not explain",
			 res->kind);
	if (res->listed * 100 > all * (100 - CARE_PERCENT))
		fail_msg("%s: more than %u %% of the metadata bits are don't-cares", res->kind,
			 100 - CARE_PERCENT);
}

struct entry {
	struct scene sc;
	const char *only;
	char name[48];
};

static void run_entry(void **state)
{
	const struct entry *e = *state;
	struct result *res = calloc(1, sizeof *res);

	assert_non_null(res);
	snprintf(res->kind, sizeof res->kind, "%s@%u", e->sc.ops->name, e->sc.in->word);
	mutate_kind(e->sc, e->only, res);
	judge(res);
	free(res);
}

int main(int argc, char **argv)
{
	static const struct alloc_instance *const instances[] = {&alloc_checked4, &alloc_checked8};
	static struct entry entry[128];
	static struct CMUnitTest test[128];
	size_t n = 0;

	read_list();
	start_timer();
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < instances[i]->nr_kinds && n < 128; k++, n++) {
			entry[n].sc =
				(struct scene){.in = instances[i], .ops = instances[i]->kinds[k]};
			entry[n].only = argc > 1 ? argv[1] : NULL;
			snprintf(entry[n].name, sizeof entry[n].name, "%s@%u",
				 instances[i]->kinds[k]->name, instances[i]->word);
			test[n] = (struct CMUnitTest){.name = entry[n].name,
						      .test_func = run_entry,
						      .initial_state = &entry[n]};
		}
	return _cmocka_run_group_tests("mutation of the checkers", test, n, NULL, NULL) ? 1 : 0;
}
