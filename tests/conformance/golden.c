/*
 * Golden images: the hash of the whole image after a fixed run, for each kind,
 * word, geometry and variant.  The same on every compiler, optimisation level and
 * port; a change of it is a change of decisions or of layout, and wants a reason.
 *
 *   golden FILE           compares, in the fast and the checked port
 *   golden --write FILE   makes the file anew
 *
 * A line: checked4/tlsf/bytes/odd/v0 and the hash; fast4 must give it, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/driver.h"

#define OPERATIONS 500u
#define SEED       0x676f6c64ull

struct line {
	char id[96], hash[40];
};

struct run_id {
	struct scene sc;
	const struct driver *d;
	char id[96]; /* without the port: "4/tlsf/bytes/odd/v0" */
};

static struct run_id runs[8192];
static size_t nr_runs;
static struct line golden[8192];
static size_t nr_golden;

/* ---- which runs there are ---- */

static bool chosen(const struct geometry *geo, unsigned variant)
{
	static const char *const all[] = {"odd", "buddy1k", "holes"};

	for (unsigned i = 0; i < 3; i++)
		if (strcmp(geo->name, all[i]) == 0)
			return true;
	return variant == 0 && strcmp(geo->name, "zero") != 0 && strcmp(geo->name, "wide") != 0;
}

static bool registered(const struct alloc_instance *in, const char *kind)
{
	for (unsigned i = 0; kind != NULL && i < in->nr_kinds; i++)
		if (strcmp(in->kinds[i]->name, kind) == 0)
			return true;
	return kind == NULL;
}

static void add_runs(const struct alloc_instance *in, const struct alloc_ops *ops,
		     const struct driver *d)
{
	for (const struct geometry *geo = geometries; geo->name != NULL; geo++)
		for (unsigned v = 0; v < variant_count(ops) && nr_runs < 8192; v++) {
			struct run_id *r = &runs[nr_runs];

			if ((d->settings & geo->setting) == 0 || !chosen(geo, v) ||
			    !geometry_fits(geo, ops) ||
			    !registered(in, geo->pages))
				continue;
			*r = (struct run_id){.sc = {in, ops, geo, v}, .d = d};
			snprintf(r->id, sizeof r->id, "%u/%s/%s/%s/v%u", in->word, ops->name,
				 d->facet, geo->name, v);
			nr_runs++;
		}
}

static void find_runs(const struct alloc_instance *in)
{
	for (unsigned k = 0; k < in->nr_kinds; k++)
		for (unsigned d = 0; d < NR_DRIVERS; d++)
			if (drivers[d]->offered(in->kinds[k]))
				add_runs(in, in->kinds[k], drivers[d]);
}

/* ---- one run ---- */

/* The image's hash in *out, or "refused" where init does not take this world. */
static void run_hash(const struct run_id *r, char out[40])
{
	struct world *w = calloc(1, sizeof *w);
	struct prng p = {SEED};
	struct shadow s;
	struct image_hash h;

	assert_non_null(w);
	snprintf(out, 40, "refused");
	if (world_build(w, &r->sc, 0x5eed, (struct world_failure){0}) == 0) {
		shadow_init(&s, w);
		s.strict = false;
		s.careful = true;
		if (sigsetjmp(w->home, 0) != 0)
			world_unwound(w);
		for (unsigned i = 0; i < OPERATIONS; i++) {
			struct op o = r->d->random(&p, w, &s);

			drive(r->d, w, &s, &o);
		}
		h = world_hash(w);
		snprintf(out, 40, "%016llx%016llx", (unsigned long long)h.hi,
			 (unsigned long long)h.lo);
		shadow_finish(&s);
	}
	world_finish(w);
	free(w);
}

static const struct alloc_instance *fast_of(const struct alloc_instance *in)
{
	return in->word == 4 ? &alloc_fast4 : &alloc_fast8;
}

/* ---- the file ---- */

static void read_golden(const char *path)
{
	FILE *f = fopen(path, "r");
	char text[256];

	if (f == NULL) {
		fprintf(stderr, "golden: %s cannot be read\n", path);
		exit(1);
	}
	while (fgets(text, sizeof text, f) != NULL && nr_golden < 8192)
		if (text[0] != '#' &&
		    sscanf(text, "%95s %39s", golden[nr_golden].id, golden[nr_golden].hash) == 2)
			nr_golden++;
	fclose(f);
}

static const char *golden_hash(const char *id)
{
	for (size_t i = 0; i < nr_golden; i++)
		if (strcmp(golden[i].id, id) == 0)
			return golden[i].hash;
	return "none";
}

static void test_images(void **state)
{
	unsigned wrong = 0, known = 0;

	(void)state;
	for (size_t i = 0; i < nr_runs; i++) {
		const char *expected = golden_hash(runs[i].id);
		struct run_id fast = runs[i];
		char hash[2][40];

		fast.sc.in = fast_of(runs[i].sc.in);
		run_hash(&runs[i], hash[0]);
		run_hash(&fast, hash[1]);
		known += strcmp(expected, "none") != 0;
		for (unsigned port = 0; port < 2; port++) {
			if (strcmp(hash[port], expected) == 0)
				continue;
			wrong++;
			print_message("%s%s: image %s, golden %s\n", port ? "fast" : "checked",
				      runs[i].id, hash[port], expected);
		}
	}
	if (known != nr_golden)
		print_message("%zu golden images are of no run\n", nr_golden - known);
	if (wrong != 0 || known != nr_golden)
		fail_msg("images differ; if that is meant: meson compile -C build golden-update");
}

static int write_golden(const char *path)
{
	FILE *f = fopen(path, "w");
	char hash[40];

	if (f == NULL)
		return 1;
	fprintf(f, "# Images after fixed runs: word/kind/facet/geometry/variant and hash.\n"
		   "# Made by: meson compile -C build golden-update\n");
	for (size_t i = 0; i < nr_runs; i++) {
		run_hash(&runs[i], hash);
		fprintf(f, "%s %s\n", runs[i].id, hash);
	}
	return fclose(f) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_images)};

	find_runs(&alloc_checked4);
	find_runs(&alloc_checked8);
	if (argc == 3 && strcmp(argv[1], "--write") == 0)
		return write_golden(argv[2]);
	if (argc != 2) {
		fprintf(stderr, "usage: golden FILE | golden --write FILE\n");
		return 2;
	}
	read_golden(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
