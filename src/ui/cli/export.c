/* memscape export: results of a sweep in another form. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/export.h"
#include "ui/cli/cli.h"
#include "ui/cli/gating.h"
#include "ui/cli/outfile.h"

static const char help[] =
	"usage: memscape export RESULTS.db [-f FORMAT] [-o FILE|-] [OPTION...]\n\n"
	"Writes the results of a sweep; the same results give the same bytes.\n\n"
	"  -f, --format FORMAT    see below (default csv)\n"
	"  -o, --output FILE|-    where to (default: standard output)\n"
	"      --figures LIST     which figures, separated by ';' (default: the sweep's)\n"
	"      --reports          json: with the whole report of each point\n"
	"      --gate FILE        csv, json, markdown, junit: the checks of a gate\n"
	"      --baseline FILE    instead of the baseline that the gate names\n"
	"  -h, --help             this text\n\n"
	"formats:\n";

enum { OPT_FIGURES = 256, OPT_REPORTS, OPT_GATE, OPT_BASELINE };

struct export_options {
	const char *results, *format, *output, *gate, *baseline;
	char *figures;
	bool reports;
};

static void print_help(void)
{
	fputs(help, stdout);
	for (const struct export_format *f = export_formats; f->name != NULL; f++)
		printf("  %-10s %s\n", f->name, f->summary);
}

static int one_option(struct export_options *o, int c, char *arg)
{
	switch (c) {
	case 'f':
		o->format = arg;
		return 0;
	case 'o':
		o->output = arg;
		return 0;
	case OPT_FIGURES:
		o->figures = arg;
		return 0;
	case OPT_REPORTS:
		o->reports = true;
		return 0;
	case OPT_GATE:
		o->gate = arg;
		return 0;
	case OPT_BASELINE:
		o->baseline = arg;
		return 0;
	default:
		return cli_bad_option("export");
	}
}

static int parse(struct export_options *o, int argc, char **argv)
{
	static const struct option longopts[] = {
		{"format", required_argument, NULL, 'f'},
		{"output", required_argument, NULL, 'o'},
		{"figures", required_argument, NULL, OPT_FIGURES},
		{"reports", no_argument, NULL, OPT_REPORTS},
		{"gate", required_argument, NULL, OPT_GATE},
		{"baseline", required_argument, NULL, OPT_BASELINE},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	int c, status;

	*o = (struct export_options){.format = "csv", .output = "-"};
	optind = 1;
	while ((c = getopt_long(argc, argv, "f:o:h", longopts, NULL)) != -1) {
		if (c == 'h') {
			print_help();
			return EXIT_RAN;
		}
		status = one_option(o, c, optarg);
		if (status != 0)
			return status;
	}
	if (optind != argc - 1)
		return cli_usage("export", optind == argc
						   ? "which results? give a file of 'memscape "
						     "sweep -o'"
						   : "more than one file: merge them first");
	if (export_find(o->format) == NULL)
		return cli_usage("export", "--format '%s': no such format", o->format);
	if (o->gate != NULL && !export_find(o->format)->gates)
		return cli_usage("export",
				 "--gate: the format %s shows no checks, expected csv, "
				 "json, markdown or junit",
				 o->format);
	if (o->baseline != NULL && o->gate == NULL)
		return cli_usage("export", "--baseline needs a --gate");
	o->results = argv[optind];
	return -1;
}

/* Cuts the list of --figures in place. */
static int split_figures(struct export_request *q, char *list)
{
	char *save = NULL;

	for (char *f = list != NULL ? strtok_r(list, ";", &save) : NULL; f != NULL;
	     f = strtok_r(NULL, ";", &save)) {
		if (q->nr_figures == EXPORT_MAX_FIGURES)
			return cli_usage("export", "more than %u --figures", EXPORT_MAX_FIGURES);
		q->figure[q->nr_figures++] = f + strspn(f, " ");
	}
	return 0;
}

static int write_out(const struct export_options *o, struct export_request *q)
{
	struct outfile f;
	struct diag d = {0};

	if (outfile_open(&f, o->output, &d) != 0)
		return cli_bad_input(&d);
	q->out = f.f;
	if (export_find(o->format)->write(q, &d) != 0) {
		outfile_abandon(&f);
		diag_set(&d, o->output, 0, 0, "cannot be written");
		return cli_bad_input(&d);
	}
	return outfile_commit(&f, &d) != 0 ? cli_bad_input(&d) : EXIT_RAN;
}

int cmd_export(int argc, char **argv)
{
	struct export_options o;
	struct export_request q = {0};
	struct gating g = {0};
	struct diag d = {0};
	int status = parse(&o, argc, argv);

	if (status >= 0)
		return status;
	status = split_figures(&q, o.figures);
	if (status != 0)
		return status;
	q.db = sweep_db_open(o.results, false, &d);
	if (q.db == NULL)
		return cli_bad_input(&d);
	if (o.gate != NULL)
		status = gating_open(&g, o.gate, o.baseline);
	q.gate = g.gate;
	q.baseline = g.baseline;
	q.reports = o.reports;
	if (status == EXIT_RAN)
		status = write_out(&o, &q);
	gating_close(&g);
	sweep_db_close(q.db);
	return status;
}
