/*
 * The conformance battery: every kind of the registry, in every world that fits
 * it, through the ops table only.
 *
 *   battery                      all cases
 *   battery --only GLOB          those whose id matches: checked4/tlsf/bytes/odd/v0/random
 *   battery --part I/N           every N-th, beginning with the I-th (from 1)
 *   battery --list [--only ...]  their ids
 *   battery --long               the long forms
 *   battery --seed N             other random operations than the usual (0)
 *
 * Each case prints its id, which with --only runs exactly it again.  Environment:
 *   CONFORMANCE_TRACE=1   tells each operation
 *   CONFORMANCE_SHARE=N   runs every N-th of the cases (Valgrind has not all day)
 *   CONFORMANCE_TIME=S    seconds a case may take (240)
 */
#include <fnmatch.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "conformance/cases.h"

struct entry {
	struct run r;
	const struct case_type *type;
	char id[128];
};

struct options {
	const char *only;
	unsigned part, parts;
	uint64_t seed;
	bool list, long_form;
};

static struct entry *entry;
static size_t nr_entries, cap_entries, nr_considered;

static bool wanted(const struct options *o, const struct entry *e)
{
	if (o->only != NULL && fnmatch(o->only, e->id, 0) != 0)
		return false;
	return nr_considered++ % o->parts == o->part - 1;
}

static void add(const struct options *o, struct entry e)
{
	snprintf(e.id, sizeof e.id, "%s%u/%s/%s/%s/v%u/%s", e.r.sc.in->port, e.r.sc.in->word,
		 e.r.sc.ops->name, e.r.d->facet, e.r.sc.geo->name, e.r.sc.variant, e.type->name);
	e.r.seed = 0x6d656d7363617065ull + o->seed;
	for (const char *c = e.id; *c != '\0'; c++)
		e.r.seed = digest(e.r.seed, (uint8_t)*c);
	if (!wanted(o, &e))
		return;
	if (nr_entries == cap_entries) {
		cap_entries = cap_entries ? 2 * cap_entries : 256;
		entry = realloc(entry, cap_entries * sizeof *entry);
		if (entry == NULL)
			abort();
	}
	entry[nr_entries++] = e;
}

/* Whether variants other than the defaults are worth a run in this geometry. */
static bool varied(const struct geometry *geo)
{
	static const char *const names[] = {"odd",    "narrow", "tiny", "buddy1k",
					    "list1k", "uneven", "holes",
					    "mmu4k"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(geo->name, names[i]) == 0)
			return true;
	return false;
}

static bool registered(const struct alloc_instance *in, const char *kind)
{
	for (unsigned i = 0; kind != NULL && i < in->nr_kinds; i++)
		if (strcmp(in->kinds[i]->name, kind) == 0)
			return true;
	return kind == NULL;
}

static bool makes_sense(const struct case_type *t, const struct driver *d,
			const struct geometry *geo, const struct alloc_ops *ops, unsigned variant)
{
	char name[32];

	snprintf(name, sizeof name, " %s ", geo->name);
	if ((t->settings & geo->setting & d->settings) == 0)
		return false;
	if (!geometry_fits(geo, ops))
		return false;
	if (t->only != NULL && strstr(t->only, name) == NULL)
		return false;
	if ((t->tiny && !geo->tiny) || (t->tiny && d->small == NULL))
		return false;
	return variant == 0 || (!t->one_variant && varied(geo));
}

static void add_worlds(const struct options *o, struct entry e)
{
	for (e.r.sc.geo = geometries; e.r.sc.geo->name != NULL; e.r.sc.geo++)
		for (unsigned v = 0; v < variant_count(e.r.sc.ops); v++)
			for (e.type = case_types; e.type->name != NULL; e.type++) {
				e.r.sc.variant = v;
				if (registered(e.r.sc.in, e.r.sc.geo->pages) &&
				    makes_sense(e.type, e.r.d, e.r.sc.geo, e.r.sc.ops, v))
					add(o, e);
			}
}

static void add_all(const struct options *o)
{
	static const struct alloc_instance *const instances[] = {&alloc_checked4, &alloc_checked8};
	struct entry e = {.r = {.long_form = o->long_form}};

	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < instances[i]->nr_kinds; k++)
			for (unsigned d = 0; d < NR_DRIVERS; d++) {
				e.r.sc.in = instances[i];
				e.r.sc.ops = instances[i]->kinds[k];
				e.r.d = drivers[d];
				if (drivers[d]->offered(e.r.sc.ops))
					add_worlds(o, e);
			}
}

/* ---- running ---- */

static const char *running = "";

static void on_alarm(int sig)
{
	(void)sig;
	(void)!write(2, running, strlen(running));
	(void)!write(2, ": does not end\n", 15);
	_exit(1);
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);
	unsigned n = text ? (unsigned)strtoul(text, NULL, 10) : 0;

	return n ? n : otherwise;
}

static void run_entry(void **state)
{
	const struct entry *e = *state;
	char variant[256];

	running = e->id;
	alarm(from_environment("CONFORMANCE_TIME", e->r.long_form ? 3600 : 240));
	variant_name(e->r.sc.ops, e->r.sc.variant, variant, sizeof variant);
	if (variant[0] != '\0')
		print_message("           %s\n", variant);
	e->type->run(&e->r);
	alarm(0);
}

static int run_all(void)
{
	struct CMUnitTest *test = calloc(nr_entries ? nr_entries : 1, sizeof *test);
	int failed;

	if (test == NULL)
		abort();
	for (size_t i = 0; i < nr_entries; i++)
		test[i] = (struct CMUnitTest){
			.name = entry[i].id, .test_func = run_entry, .initial_state = &entry[i]};
	signal(SIGALRM, on_alarm);
	failed = _cmocka_run_group_tests("conformance", test, nr_entries, NULL, NULL);
	free(test);
	return failed == 0 ? 0 : 1;
}

static void usage(void)
{
	fprintf(stderr, "usage: battery [--only GLOB] [--part I/N] [--list] [--long] [--seed N]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	struct options o = {.part = 1, .parts = 1};
	int status = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--list") == 0)
			o.list = true;
		else if (strcmp(argv[i], "--long") == 0)
			o.long_form = true;
		else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
			o.only = argv[++i];
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			o.seed = strtoull(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--part") != 0 || i + 1 == argc ||
			 sscanf(argv[++i], "%u/%u", &o.part, &o.parts) != 2 || o.part == 0)
			usage();
	}
	if (o.only == NULL)
		o.parts *= from_environment("CONFORMANCE_SHARE", 1);
	add_all(&o);
	if (nr_entries == 0) {
		fprintf(stderr, "battery: no case matches\n");
		return 1;
	}
	if (o.list)
		for (size_t i = 0; i < nr_entries; i++)
			puts(entry[i].id);
	else
		status = run_all();
	free(entry);
	return status;
}
