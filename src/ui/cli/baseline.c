/* memscape baseline: the figures that later runs are held against. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ui/cli/cli.h"
#include "ui/cli/cli_options.h"
#include "ui/cli/gating.h"
#include "ui/cli/outfile.h"

static const char help[] =
	"usage: memscape baseline update RESULTS.db --gate FILE [OPTION...]\n"
	"       memscape baseline check RESULTS.db --gate FILE [OPTION...]\n\n"
	"update writes what the figures are now, for the rules of the gate that compare with\n"
	"`baseline`: a file to commit.  check judges results by the gate, without running a "
	"point.\n\n"
	"      --gate FILE        the rules\n"
	"  -o, --output FILE|-    the baseline to write (default: the one that the gate names)\n"
	"      --baseline FILE    check: instead of the baseline that the gate names\n"
	"      --label TEXT       how messages call it, as a version (default: the program's)\n"
	"      --all              update: also figures that the gate compares with fixed limits\n"
	"      --color WHEN       check: auto, always or never\n"
	"  -h, --help             this text\n\n"
	"Exit status: 0 written, or all rules hold; 1 check: a rule is broken; 2 usage; 3 bad "
	"file.\n";

struct baseline_options {
	const char *verb, *results, *gate, *baseline, *output, *label, *color;
	bool all;
};

static int parse(struct baseline_options *o, int argc, char **argv)
{
	const struct cli_option table[] = {{"output", 'o', CLI_TEXT, &o->output, 0, 0, NULL},
					   {"gate", 0, CLI_TEXT, &o->gate, 0, 0, NULL},
					   {"baseline", 0, CLI_TEXT, &o->baseline, 0, 0, NULL},
					   {"label", 0, CLI_TEXT, &o->label, 0, 0, NULL},
					   {"all", 0, CLI_FLAG, &o->all, 0, 0, NULL},
					   {"color", 0, CLI_COLOR, &o->color, 0, 0, NULL},
					   {0}};
	int status;

	*o = (struct baseline_options){.label = "", .color = "auto"};
	status = cli_options("baseline", help, table, argc, argv);
	if (status >= 0)
		return status;
	if (optind == argc ||
	    (strcmp(argv[optind], "update") != 0 && strcmp(argv[optind], "check") != 0))
		return cli_usage("baseline", "expected 'baseline update' or 'baseline check'");
	if (optind + 2 != argc)
		return cli_usage("baseline", "which results? give one file of 'memscape sweep -o'");
	if (o->gate == NULL)
		return cli_usage("baseline", "for which rules? give --gate FILE");
	o->verb = argv[optind];
	o->results = argv[optind + 1];
	return -1;
}

/* The name of the sweep whose results they are. */
static char *sweep_name(struct sweep_db *db)
{
	char *text = sweep_db_get(db, "sweep"), *name;
	json_t *definition = text != NULL ? json_loads(text, 0, NULL) : NULL;
	const char *there = json_string_value(json_object_get(definition, "name"));

	name = strdup(there != NULL ? there : "");
	json_decref(definition);
	free(text);
	return name;
}

static int write_baseline(const struct baseline *b, const char *path)
{
	struct outfile f;
	struct diag d = {0};
	char *text = baseline_text(b);
	int bad;

	if (text == NULL || outfile_open(&f, path, &d) != 0) {
		free(text);
		diag_set(&d, path, 0, 0, "out of host memory");
		return cli_bad_input(&d);
	}
	bad = fprintf(f.f, "%s\n", text) < 0;
	free(text);
	if (bad) {
		outfile_abandon(&f);
		diag_set(&d, path, 0, 0, "cannot be written");
		return cli_bad_input(&d);
	}
	return outfile_commit(&f, &d) != 0 ? cli_bad_input(&d) : EXIT_RAN;
}

static int update(const struct baseline_options *o, const struct gating *g, struct sweep_db *db)
{
	const char *path = o->output != NULL ? o->output : g->gate->baseline;
	char *program = sweep_db_get(db, "program"), *name = sweep_name(db);
	struct baseline *b = NULL;
	struct diag d = {0};
	int status;

	if (path == NULL) {
		status = cli_usage("baseline", "the gate names no baseline: give -o FILE");
	} else if (program == NULL || name == NULL) {
		diag_set(&d, o->results, 0, 0, "holds no results yet");
		status = cli_bad_input(&d);
	} else {
		b = baseline_new(program, name, o->label);
		status = b == NULL || gate_collect(g->gate, db, o->all, b, &d) != 0
				 ? cli_bad_input(&d)
				 : write_baseline(b, path);
	}
	baseline_free(b);
	free(program);
	free(name);
	return status;
}

/* update needs no baseline that is there: it may be what is wrong. */
static int open_gate(const struct baseline_options *o, struct gating *g)
{
	struct diag d = {0};

	if (strcmp(o->verb, "check") == 0)
		return gating_open(g, o->gate, o->baseline);
	g->gate = gate_read(o->gate, &d);
	return g->gate != NULL ? EXIT_RAN : cli_bad_input(&d);
}

int cmd_baseline(int argc, char **argv)
{
	struct baseline_options o;
	struct gating g = {0};
	struct sweep_db *db;
	struct diag d = {0};
	int status = parse(&o, argc, argv);

	if (status >= 0)
		return status;
	db = sweep_db_open(o.results, false, &d);
	if (db == NULL)
		return cli_bad_input(&d);
	status = open_gate(&o, &g);
	if (status == EXIT_RAN)
		status = strcmp(o.verb, "check") == 0 ? gating_judge(&g, db, false, o.color)
						      : update(&o, &g, db);
	gating_close(&g);
	sweep_db_close(db);
	return status;
}
