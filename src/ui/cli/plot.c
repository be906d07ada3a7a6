/*
 * memscape plot: runs what the data need, and the Python script that draws them.
 *
 * The scripts are those under plots/; they take files only, so that anybody can run and
 * change them.  Here is what makes the files: replay, info and export of this program.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/trace.h"
#include "ui/cli/cli.h"
#include "ui/cli/options.h"
#include "ui/cli/plot_files.h"

static const char help[] =
	"usage: memscape plot KIND -o FILE [OPTION...] TRACE|RESULTS.db\n\n"
	"Draws a figure as PNG, SVG or PDF, by the name of FILE, with Python and matplotlib.\n\n"
	"  -o, --output FILE      .png, .svg or .pdf\n"
	"      --title TEXT       instead of the usual one\n\n"
	"Plots of a run replay TRACE first:\n"
	"  -c, --machine MACHINE, --variant V, --set PATH=VALUE, --alloc KIND, --until N\n"
	"                         as for replay; compare: those of both runs\n"
	"      --samples N        points in time (default 300)\n"
	"      --region NAME      map: of which region (default: the one most used)\n"
	"      --zone NAME        free: only this zone\n"
	"      --order N          fragmentation: of the unusable free space index (default 3)\n"
	"      --b-alloc KIND, --b-set PATH=VALUE, --b-variant V   compare: the second run's\n\n"
	"Plots of a sweep:\n"
	"      --figure EXPR      which figure (pareto: twice)\n"
	"      --x AXIS           lines, heat: the axis along the page\n"
	"      --y AXIS           heat: the axis down the page\n"
	"      --group AXIS       lines, pareto: the axis of lines, or of kinds of dots\n\n"
	"  -h, --help             this text\n\n"
	"The scripts are found in $MEMSCAPE_DATA/plots, in plots/ of the folders above the "
	"program,\n"
	"and in the installed data folder; Python is $MEMSCAPE_PYTHON, python3 or "
	"/usr/bin/python3,\n"
	"the first that has matplotlib.\n\nkinds:\n";

enum source { FROM_RUN, FROM_TRACE, FROM_RESULTS };

static const struct kind {
	const char *name, *summary;
	enum source source;
	const char *columns; /* FROM_RUN: of --csv; NULL: no CSV */
	bool map, two;
} kinds[] = {
	{"ledger", "where the bytes are over time, by class", FROM_RUN, "", false, false},
	{"map", "what lies where in a region over time", FROM_RUN, NULL, true, false},
	{"free", "free memory of each zone by the order of its blocks", FROM_RUN, "zones", false,
	 false},
	{"fragmentation", "how scattered the free memory is, over time", FROM_RUN, "zones;heaps",
	 false, false},
	{"search", "histogram of the list steps of searches", FROM_RUN, NULL, false, false},
	{"compare", "two runs: footprint over time, bytes at the peak", FROM_RUN, "", false, true},
	{"sizes", "sizes and lifetimes of a trace's objects", FROM_TRACE, NULL, false, false},
	{"lines", "a figure of a sweep along an axis", FROM_RESULTS, NULL, false, false},
	{"heat", "a figure of a sweep over two axes", FROM_RESULTS, NULL, false, false},
	{"pareto", "two figures of a sweep against each other", FROM_RESULTS, NULL, false, false},
};

#define NR_KINDS (sizeof kinds / sizeof kinds[0])

/* One of two runs: what replay is told of it. */
struct side {
	const char *alloc, *variant;
	const char *set[MAX_SETS];
	unsigned nr_sets;
};

struct plot {
	const struct kind *kind;
	const char *output, *input;
	const char *machine, *until, *samples, *region;
	struct side both, b;
	struct words script; /* options that go to the script as they are */
};

enum {
	OPT_TITLE = 256,
	OPT_VARIANT,
	OPT_SET,
	OPT_ALLOC,
	OPT_UNTIL,
	OPT_SAMPLES,
	OPT_REGION,
	OPT_ZONE,
	OPT_ORDER,
	OPT_B_ALLOC,
	OPT_B_SET,
	OPT_B_VARIANT,
	OPT_FIGURE,
	OPT_X,
	OPT_Y,
	OPT_GROUP
};

static const struct option longopts[] = {
	{"output", required_argument, NULL, 'o'},
	{"title", required_argument, NULL, OPT_TITLE},
	{"machine", required_argument, NULL, 'c'},
	{"variant", required_argument, NULL, OPT_VARIANT},
	{"set", required_argument, NULL, OPT_SET},
	{"alloc", required_argument, NULL, OPT_ALLOC},
	{"until", required_argument, NULL, OPT_UNTIL},
	{"samples", required_argument, NULL, OPT_SAMPLES},
	{"region", required_argument, NULL, OPT_REGION},
	{"zone", required_argument, NULL, OPT_ZONE},
	{"order", required_argument, NULL, OPT_ORDER},
	{"b-alloc", required_argument, NULL, OPT_B_ALLOC},
	{"b-set", required_argument, NULL, OPT_B_SET},
	{"b-variant", required_argument, NULL, OPT_B_VARIANT},
	{"figure", required_argument, NULL, OPT_FIGURE},
	{"x", required_argument, NULL, OPT_X},
	{"y", required_argument, NULL, OPT_Y},
	{"group", required_argument, NULL, OPT_GROUP},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void print_help(void)
{
	fputs(help, stdout);
	for (size_t i = 0; i < NR_KINDS; i++)
		printf("  %-14s %s\n", kinds[i].name, kinds[i].summary);
}

/* ---- options ---- */

static int add_set(struct side *s, const char *arg)
{
	if (s->nr_sets == MAX_SETS)
		return cli_usage("plot", "more than %u settings", MAX_SETS);
	s->set[s->nr_sets++] = arg;
	return 0;
}

/* What the script wants to know itself; names are those of its options. */
static int script_option(struct plot *p, int c, const char *arg)
{
	static const struct {
		int c;
		const char *word;
	} to[] = {{OPT_TITLE, "--title"},   {OPT_ZONE, "--zone"}, {OPT_ORDER, "--order"},
		  {OPT_FIGURE, "--figure"}, {OPT_X, "--x"},       {OPT_Y, "--y"},
		  {OPT_GROUP, "--group"}};

	for (size_t i = 0; i < sizeof to / sizeof to[0]; i++)
		if (to[i].c == c) {
			words_add(&p->script, to[i].word);
			words_add(&p->script, arg);
			return 0;
		}
	return cli_bad_option("plot");
}

static int one_option(struct plot *p, int c, const char *arg)
{
	switch (c) {
	case 'o':
		p->output = arg;
		return 0;
	case 'c':
		p->machine = arg;
		return 0;
	case OPT_VARIANT:
		p->both.variant = arg;
		return 0;
	case OPT_SET:
		return add_set(&p->both, arg);
	case OPT_ALLOC:
		p->both.alloc = arg;
		return 0;
	case OPT_UNTIL:
		p->until = arg;
		return 0;
	case OPT_SAMPLES:
		p->samples = arg;
		return 0;
	case OPT_REGION:
		p->region = arg;
		return 0;
	case OPT_B_ALLOC:
		p->b.alloc = arg;
		return 0;
	case OPT_B_SET:
		return add_set(&p->b, arg);
	case OPT_B_VARIANT:
		p->b.variant = arg;
		return 0;
	default:
		return script_option(p, c, arg);
	}
}

static int find_kind(struct plot *p, const char *name)
{
	for (size_t i = 0; i < NR_KINDS; i++)
		if (strcmp(kinds[i].name, name) == 0)
			p->kind = &kinds[i];
	if (p->kind != NULL)
		return 0;
	return cli_usage("plot", "'%s' is no kind of plot", name);
}

static int check(const struct plot *p)
{
	const char *dot = p->output != NULL ? strrchr(p->output, '.') : NULL;
	uint64_t n;

	if (p->output == NULL)
		return cli_usage("plot", "into which file? give -o FILE.png, .svg or .pdf");
	if (dot == NULL ||
	    (strcmp(dot, ".png") != 0 && strcmp(dot, ".svg") != 0 && strcmp(dot, ".pdf") != 0))
		return cli_usage("plot",
				 "--output '%s': expected a name that ends in .png, .svg or "
				 ".pdf",
				 p->output);
	if (p->kind->source == FROM_RUN && p->machine == NULL)
		return cli_usage("plot", "on which machine? give -c MACHINE");
	if (p->samples != NULL && (!read_number(p->samples, &n) || n == 0 || n > 100000))
		return cli_usage("plot", "--samples '%s': expected a number from 1 to 100000",
				 p->samples);
	if (p->kind->two && p->b.alloc == NULL && p->b.variant == NULL && p->b.nr_sets == 0)
		return cli_usage("plot", "with what? give --b-alloc, --b-set or --b-variant");
	return 0;
}

static int parse(struct plot *p, int argc, char **argv)
{
	int c, status;

	optind = 1;
	while ((c = getopt_long(argc, argv, "o:c:h", longopts, NULL)) != -1) {
		if (c == 'h') {
			print_help();
			return EXIT_RAN;
		}
		status = one_option(p, c, optarg);
		if (status != 0)
			return status;
	}
	if (optind == argc)
		return cli_usage("plot", "which kind? 'memscape plot --help' lists them");
	if (find_kind(p, argv[optind]) != 0)
		return EXIT_USAGE;
	if (optind + 2 != argc)
		return cli_usage("plot", p->kind->source == FROM_RESULTS
						 ? "of which results? give one file"
						 : "of which trace? give one file");
	p->input = argv[optind + 1];
	status = check(p);
	return status != 0 ? status : -1;
}

/* ---- data ---- */

/* Events between two of the samples wanted; the length of some formats is known at their end only. */
static int sample_every(const struct plot *p, uint64_t *every)
{
	struct trace_reader *r;
	struct trace_info info = {0};
	const struct trace_event *ev;
	struct diag d = {0};
	uint64_t n = 300, until = 0;
	size_t got = 1;

	r = trace_open(p->input, &d);
	if (r == NULL)
		return cli_bad_input(&d);
	trace_get_info(r, &info);
	while (info.events == 0 && got != 0 && trace_next(r, &ev, &got, &d) == 0)
		;
	if (info.events == 0)
		info.events = trace_delivered(r);
	trace_close(r);
	if (p->samples != NULL)
		(void)read_number(p->samples, &n);
	if (p->until != NULL && read_number(p->until, &until) && until < info.events)
		info.events = until;
	*every = info.events / n != 0 ? info.events / n : 1;
	return 0;
}

static void add_side(struct words *w, const struct side *s)
{
	if (s->variant != NULL)
		words_add_two(w, "--variant", s->variant);
	for (unsigned i = 0; i < s->nr_sets; i++)
		words_add_two(w, "--set", s->set[i]);
	if (s->alloc != NULL)
		words_add_two(w, "--alloc", s->alloc);
}

/* Replays into report.json, series.csv and map.csv, "b-" before the second run's. */
static int run_replay(struct plot *p, struct plot_files *f, const char *prefix, bool second,
		      uint64_t every)
{
	struct words w = {0};
	char number[32];

	snprintf(number, sizeof number, "%llu", (unsigned long long)every);
	words_add(&w, "memscape replay");
	words_add(&w, "-q");
	words_add_two(&w, "-c", p->machine);
	add_side(&w, &p->both);
	if (second)
		add_side(&w, &p->b);
	if (p->until != NULL)
		words_add_two(&w, "--until", p->until);
	words_add_two(&w, "--json", plot_file(f, prefix, "report.json"));
	words_add_two(&w, "--every", number);
	if (p->kind->columns != NULL)
		words_add_two(&w, "--csv", plot_file(f, prefix, "series.csv"));
	if (p->kind->columns != NULL && p->kind->columns[0] != '\0')
		words_add_two(&w, "--columns", p->kind->columns);
	if (p->kind->map)
		words_add_two(&w, "--map", plot_file(f, prefix, "map.csv"));
	if (p->kind->map && p->region != NULL)
		words_add_two(&w, "--region", p->region);
	words_add(&w, p->input);
	return cmd_replay(w.nr, words_argv(&w));
}

static int run_data(struct plot *p, struct plot_files *f)
{
	uint64_t every;
	int status = sample_every(p, &every);

	if (status == 0)
		status = run_replay(p, f, "", false, every);
	if (status == 0 && p->kind->two)
		status = run_replay(p, f, "b-", true, every);
	if (status != 0)
		return status;
	words_add_two(&p->script, "--report", plot_file(f, "", "report.json"));
	if (p->kind->two)
		words_add(&p->script, plot_file(f, "b-", "report.json"));
	if (p->kind->columns != NULL)
		words_add_two(&p->script, "--csv", plot_file(f, "", "series.csv"));
	if (p->kind->two)
		words_add(&p->script, plot_file(f, "b-", "series.csv"));
	if (p->kind->map)
		words_add_two(&p->script, "--map", plot_file(f, "", "map.csv"));
	return 0;
}

static int trace_data(struct plot *p, struct plot_files *f)
{
	struct words w = {0};
	char *path = plot_file(f, "", "info.json");
	int status;

	words_add(&w, "memscape info");
	words_add(&w, "--json");
	words_add(&w, p->input);
	status = plot_capture(path, cmd_info, w.nr, words_argv(&w));
	words_add_two(&p->script, "--info", path);
	return status;
}

static int results_data(struct plot *p, struct plot_files *f)
{
	struct words w = {0};
	char *path = plot_file(f, "", "results.json"),
	     *figures = words_join(&p->script, "--figure");
	int status;

	words_add(&w, "memscape export");
	words_add_two(&w, "--format", "json");
	words_add_two(&w, "--output", path);
	if (figures != NULL && figures[0] != '\0')
		words_add_two(&w, "--figures", figures);
	words_add(&w, p->input);
	status = cmd_export(w.nr, words_argv(&w));
	words_add_two(&p->script, "--results", path);
	free(figures);
	return status;
}

/* "traces/firmware.mst" -> "firmware". */
static char *trace_label(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
	const char *dot = strchr(base, '.');

	return strndup(base, dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base));
}

static int draw(struct plot *p, struct plot_files *f)
{
	static int (*const data[])(struct plot *, struct plot_files *) = {run_data, trace_data,
									  results_data};
	char *label = trace_label(p->input);
	int status = data[p->kind->source](p, f);

	if (p->kind->source != FROM_RESULTS)
		words_add_two(&p->script, "--trace", label);
	words_add_two(&p->script, "--output", p->output);
	if (status == 0)
		status = plot_script(p->kind->name, &p->script);
	free(label);
	return status;
}

int cmd_plot(int argc, char **argv)
{
	struct plot p = {0};
	struct plot_files f;
	struct diag d = {0};
	int status = parse(&p, argc, argv);

	if (status >= 0)
		return status;
	if (plot_files_open(&f, &d) != 0)
		return cli_bad_input(&d);
	status = draw(&p, &f);
	plot_files_close(&f);
	return status;
}
