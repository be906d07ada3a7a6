/*
 * memscape plot: runs what the data need, and the Python script that draws them.
 *
 * The scripts are those under plots/; they take files only, so that anybody can run and
 * change them.  Here is what makes the files: replay, info and export of this program.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/trace.h"
#include "ui/cli/cli.h"
#include "ui/cli/cli_options.h"
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

#define USUAL_SAMPLES 300u
#define MOST_SAMPLES  100000u

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
	const char *alloc;
	struct machine_choice machine;
};

struct plot {
	const struct kind *kind;
	const char *output, *input, *until, *region;
	uint64_t samples; /* rows in time that are wanted */
	struct side both, b;
	struct words script; /* options that go to the script as they are */
};

static void print_kinds(FILE *out)
{
	for (size_t i = 0; i < NR_KINDS; i++)
		fprintf(out, "  %-14s %s\n", kinds[i].name, kinds[i].summary);
}

/* ---- options ---- */

static int set_both(void *to, const char *arg)
{
	return choose_set("plot", &((struct plot *)to)->both.machine, arg);
}

static int set_b(void *to, const char *arg)
{
	return choose_set("plot", &((struct plot *)to)->b.machine, arg);
}

static int for_script(struct plot *p, const char *option, const char *arg)
{
	words_add_two(&p->script, option, arg);
	return 0;
}

/* Options of the script, which knows them under the same names. */
#define SCRIPT_OPTIONS(X) X(title) X(zone) X(order) X(figure) X(x) X(y) X(group)

#define X(name)                                                                                    \
	static int script_##name(void *to, const char *arg)                                        \
	{                                                                                          \
		return for_script(to, "--" #name, arg);                                            \
	}
SCRIPT_OPTIONS(X)
#undef X

static const char *kind_name(size_t i)
{
	return i < NR_KINDS ? kinds[i].name : NULL;
}

static int find_kind(struct plot *p, const char *name)
{
	for (size_t i = 0; i < NR_KINDS; i++)
		if (strcmp(kinds[i].name, name) == 0)
			p->kind = &kinds[i];
	if (p->kind != NULL)
		return 0;
	return cli_unknown("plot", "kind", name, kind_name);
}

static int check(const struct plot *p)
{
	const char *dot = p->output != NULL ? strrchr(p->output, '.') : NULL;

	if (p->output == NULL)
		return cli_usage("plot", "into which file? give -o FILE.png, .svg or .pdf");
	if (dot == NULL ||
	    (strcmp(dot, ".png") != 0 && strcmp(dot, ".svg") != 0 && strcmp(dot, ".pdf") != 0))
		return cli_usage("plot",
				 "--output '%s': expected a name that ends in .png, .svg or "
				 ".pdf",
				 p->output);
	if (p->kind->source == FROM_RUN && p->both.machine.name == NULL)
		return cli_usage("plot", "on which machine? give -c MACHINE");
	if (p->kind->two && p->b.alloc == NULL && p->b.machine.variant == NULL &&
	    p->b.machine.nr_sets == 0)
		return cli_usage("plot", "with what? give --b-alloc, --b-set or --b-variant");
	return 0;
}

static int parse(struct plot *p, int argc, char **argv)
{
	const struct cli_option table[] = {
		{"output", 'o', CLI_TEXT, &p->output, 0, 0, NULL},
		{"machine", 'c', CLI_TEXT, &p->both.machine.name, 0, 0, NULL},
		{"variant", 0, CLI_TEXT, &p->both.machine.variant, 0, 0, NULL},
		{"set", 0, CLI_CALL, p, 0, 0, set_both},
		{"alloc", 0, CLI_TEXT, &p->both.alloc, 0, 0, NULL},
		{"until", 0, CLI_TEXT, &p->until, 0, 0, NULL},
		{"samples", 0, CLI_NUMBER, &p->samples, 1, MOST_SAMPLES, NULL},
		{"region", 0, CLI_TEXT, &p->region, 0, 0, NULL},
		{"b-alloc", 0, CLI_TEXT, &p->b.alloc, 0, 0, NULL},
		{"b-set", 0, CLI_CALL, p, 0, 0, set_b},
		{"b-variant", 0, CLI_TEXT, &p->b.machine.variant, 0, 0, NULL},
#define X(name) {#name, 0, CLI_CALL, p, 0, 0, script_##name},
		SCRIPT_OPTIONS(X)
#undef X
			{0}};
	int status = cli_options("plot", help, table, argc, argv);

	if (status == EXIT_RAN)
		print_kinds(stdout);
	if (status >= 0)
		return status;
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

/*
 * Events between two of the samples wanted; of some formats the length is known at their
 * end only.
 */
static int sample_every(const struct plot *p, uint64_t *every)
{
	struct trace_reader *r;
	struct trace_info info = {0};
	const struct trace_event *ev;
	struct diag d = {0};
	uint64_t until = 0;
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
	if (p->until != NULL && read_number(p->until, &until) && until < info.events)
		info.events = until;
	*every = info.events / p->samples != 0 ? info.events / p->samples : 1;
	return 0;
}

static void add_side(struct words *w, const struct side *s)
{
	const struct machine_choice *m = &s->machine;

	if (m->variant != NULL)
		words_add_two(w, "--variant", m->variant);
	for (size_t i = 0; i < m->nr_sets; i++)
		words_add_two(w, "--set", m->sets[i]);
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
	words_add_two(&w, "-c", p->both.machine.name);
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
	struct plot p = {.samples = USUAL_SAMPLES};
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
