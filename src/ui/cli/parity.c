/* memscape parity: our formulas against a real kernel's own figures. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "sim/parity.h"
#include "sim/system.h"
#include "ui/cli/cli.h"
#include "ui/cli/cli_options.h"
#include "ui/cli/outfile.h"
#include "ui/cli/text.h"

static const char help[] =
	"usage: memscape parity [--from DIR] [OPTION...]\n\n"
	"Reads a kernel's own buddyinfo, zoneinfo, slabinfo, extfrag_index, unusable_index and\n"
	"pagetypeinfo, computes the same figures from its zones, CPUs and sizes by the functions\n"
	"of our page allocator and slab layer, and says figure by figure what agrees.\n\n"
	"      --from DIR       copies of those files: flat, or as under /proc and /sys; without\n"
	"                       it the running kernel (slabinfo and the indices take root)\n"
	"      --json FILE|-    all figures as JSON (memscape.parity/1)\n"
	"      --color WHEN     auto, always or never\n"
	"  -q, --quiet          only the summary, and what is not equal\n"
	"  -h, --help           this text\n\n"
	"A figure that the files do not determine is told as such, with the reason.\n"
	"Exit status: 0 no figure differs; 1 one does; 2 usage; 3 no such files, or damaged "
	"ones.\n";

struct options {
	const char *from, *json, *color;
	bool quiet;
};

/* -1: go on; else the exit status. */
static int parse(struct options *o, int argc, char **argv)
{
	const struct cli_option table[] = {{"from", 0, CLI_TEXT, &o->from, 0, 0, NULL},
					   {"json", 0, CLI_TEXT, &o->json, 0, 0, NULL},
					   {"color", 0, CLI_COLOR, &o->color, 0, 0, NULL},
					   {"quiet", 'q', CLI_FLAG, &o->quiet, 0, 0, NULL},
					   {0}};
	int status;

	*o = (struct options){.color = "auto"};
	status = cli_options("parity", help, table, argc, argv);
	if (status >= 0)
		return status;
	if (optind != argc)
		return cli_usage("parity",
				 "'%s': expected options only; give a directory by --from",
				 argv[optind]);
	return -1;
}

static bool is_index(enum parity_group g)
{
	return g == PARITY_UNUSABLE || g == PARITY_EXTFRAG;
}

/* Indices as their files show them: 0.123, -1.000. */
static const char *value_text(const struct parity_figure *f, int64_t v, char buf[32])
{
	if (!is_index(f->group))
		snprintf(buf, 32, "%lld", (long long)v);
	else
		snprintf(buf, 32, "%s%lld.%03lld", v < 0 ? "-" : "",
			 (long long)(v < 0 ? -v : v) / 1000, (long long)(v < 0 ? -v : v) % 1000);
	return buf;
}

static void print_figure(const struct parity_figure *f, const struct text_style *s)
{
	char kernel[32], ours[32], most[32] = "";
	enum text_color c = f->result == PARITY_EQUAL     ? TEXT_GOOD
			    : f->result == PARITY_DIFFERS ? TEXT_BAD
							  : TEXT_DIM;

	value_text(f, f->kernel, kernel);
	value_text(f, f->ours, ours);
	if (f->result == PARITY_OPEN && f->most < 0)
		strcpy(ours, "-");
	if (f->most >= 0)
		snprintf(most, sizeof most, "..%lld", (long long)f->most);
	printf("  %-28s %-22s %12s %12s%s  ", f->where, f->name, kernel, ours, most);
	print_in(stdout, s, c, "%s", parity_result_name(f->result));
	if (f->why[0] != '\0')
		print_in(stdout, s, TEXT_DIM, ": %s", f->why);
	putchar('\n');
}

static void print_figures(const struct parity *p, const struct options *o,
			  const struct text_style *s)
{
	enum parity_group last = NR_PARITY_GROUPS;

	for (unsigned g = 0; g < NR_PARITY_GROUPS; g++)
		for (unsigned i = 0; i < p->nr_figures; i++) {
			const struct parity_figure *f = &p->figure[i];

			if (f->group != g || (o->quiet && f->result != PARITY_DIFFERS))
				continue;
			if (last != f->group) {
				print_in(stdout, s, TEXT_BOLD, "%s", parity_group_name(f->group));
				printf("%*s\n", (int)(77 - strlen(parity_group_name(f->group))),
				       "kernel         ours");
			}
			last = f->group;
			print_figure(f, s);
		}
	if (last != NR_PARITY_GROUPS)
		putchar('\n');
}

static void print_inputs(const struct parity *p)
{
	puts("What our side was fed with, beside the sizes of zones and objects:");
	for (unsigned i = 0; i < p->nr_inputs; i++)
		printf("  %-30s %-30s (%s)\n", p->input[i].name, p->input[i].value,
		       p->input[i].from);
	putchar('\n');
}

static void print_summary(const struct parity *p, const struct text_style *s)
{
	printf("%-22s %8s %8s %15s\n", "", "equal", "differ", "not determined");
	for (unsigned g = 0; g < NR_PARITY_GROUPS; g++) {
		const unsigned *n = p->count[g];

		printf("%-22s %8u ", parity_group_name((enum parity_group)g), n[PARITY_EQUAL]);
		print_in(stdout, s, n[PARITY_DIFFERS] != 0 ? TEXT_BAD : TEXT_PLAIN, "%8u",
			 n[PARITY_DIFFERS]);
		printf(" %15u", n[PARITY_OPEN]);
		if (p->missing[g][0] != '\0')
			printf("   %s", p->missing[g]);
		putchar('\n');
	}
	printf("%-22s %8u %8u %15u\n", "in all", parity_total(p, PARITY_EQUAL),
	       parity_total(p, PARITY_DIFFERS), parity_total(p, PARITY_OPEN));
}

static int show(const struct parity *p, const struct options *o)
{
	struct text_style style;
	struct diag d = {0};
	json_t *json;
	int err;

	if (o->json == NULL || strcmp(o->json, "-") != 0) {
		text_style_init(&style, o->color, stdout);
		print_figures(p, o, &style);
		print_inputs(p);
		print_summary(p, &style);
	}
	if (o->json == NULL)
		return 0;
	json = parity_json(p);
	err = outfile_json(o->json, json, &d);
	json_decref(json);
	return err != 0 ? cli_bad_input(&d) : 0;
}

int cmd_parity(int argc, char **argv)
{
	struct kernel_snapshot *k;
	struct parity p;
	struct options o;
	struct diag d = {0};
	int status = parse(&o, argc, argv);

	if (status != -1)
		return status;
	k = kernel_snapshot_load(o.from, &d);
	if (k == NULL)
		return cli_bad_input(&d);
	if (parity_compare(&p, k, find_instance("fast", 8)->rules, &d) != 0) {
		kernel_snapshot_free(k);
		return cli_bad_input(&d);
	}
	status = show(&p, &o);
	if (status == 0 && parity_total(&p, PARITY_DIFFERS) != 0)
		status = EXIT_TRUE;
	parity_finish(&p);
	kernel_snapshot_free(k);
	return status;
}
