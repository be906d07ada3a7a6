/* memscape export: results of a sweep in another form. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/export.h"
#include "ui/cli/cli.h"
#include "ui/cli/cli_options.h"
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

struct export_options {
	const char *results, *format, *output, *figures, *gate, *baseline;
	bool reports;
};

static void print_formats(FILE *out)
{
	for (const struct export_format *f = export_formats; f->name != NULL; f++)
		fprintf(out, "  %-10s %s\n", f->name, f->summary);
}

static const char *format_name(size_t i)
{
	return export_formats[i].name;
}

static int parse(struct export_options *o, int argc, char **argv)
{
	const struct cli_option table[] = {{"format", 'f', CLI_TEXT, &o->format, 0, 0, NULL},
					   {"output", 'o', CLI_TEXT, &o->output, 0, 0, NULL},
					   {"figures", 0, CLI_TEXT, &o->figures, 0, 0, NULL},
					   {"reports", 0, CLI_FLAG, &o->reports, 0, 0, NULL},
					   {"gate", 0, CLI_TEXT, &o->gate, 0, 0, NULL},
					   {"baseline", 0, CLI_TEXT, &o->baseline, 0, 0, NULL},
					   {0}};
	int status;

	*o = (struct export_options){.format = "csv", .output = "-"};
	status = cli_options("export", help, table, argc, argv);
	if (status == EXIT_RAN)
		print_formats(stdout);
	if (status >= 0)
		return status;
	if (optind != argc - 1)
		return cli_usage("export", optind == argc
						   ? "which results? give a file of 'memscape "
						     "sweep -o'"
						   : "more than one file: merge them first");
	if (export_find(o->format) == NULL)
		return cli_unknown("export", "format", o->format, format_name);
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

/* Cuts the list of --figures, which may be NULL, in place. */
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

static int export_results(const struct export_options *o, char *figures)
{
	struct export_request q = {.reports = o->reports};
	struct gating g = {0};
	struct diag d = {0};
	int status = split_figures(&q, figures);

	if (status != 0)
		return status;
	q.db = sweep_db_open(o->results, false, &d);
	if (q.db == NULL)
		return cli_bad_input(&d);
	if (o->gate != NULL)
		status = gating_open(&g, o->gate, o->baseline);
	q.gate = g.gate;
	q.baseline = g.baseline;
	if (status == EXIT_RAN)
		status = write_out(o, &q);
	gating_close(&g);
	sweep_db_close(q.db);
	return status;
}

int cmd_export(int argc, char **argv)
{
	struct export_options o;
	char *figures;
	int status = parse(&o, argc, argv);

	if (status >= 0)
		return status;
	figures = o.figures != NULL ? strdup(o.figures) : NULL;
	status = export_results(&o, figures);
	free(figures);
	return status;
}
