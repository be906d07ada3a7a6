/* memscape diff: two reports, figure by figure, without a replay. */
#include <getopt.h>
#include <stdio.h>

#include "sim/report_diff.h"
#include "ui/cli/cli.h"
#include "ui/cli/diff_text.h"

static const char help[] =
	"usage: memscape diff [--all] A.json B.json\n\n"
	"Compares two reports of 'memscape replay --json' (or two of 'memscape fit --json') figure "
	"by\n"
	"figure.  What a run was asked for (the block `run`) is compared only with --all.\n\n"
	"Exit status: 0 the figures are equal; 1 they differ; 2 usage; 3 no such report.\n";

static json_t *load(const char *path)
{
	json_error_t e;
	json_t *j = json_load_file(path, 0, &e);
	struct diag d = {0};

	if (j == NULL)
		diag_set(&d, path, e.line > 0 ? e.line : 0, e.column > 0 ? e.column : 0,
			 "%s, expected a report in JSON", e.text);
	else if (!json_is_string(json_object_get(j, "schema")))
		diag_set(&d, path, 0, 0,
			 "no report: it has no 'schema', expected a file of 'memscape replay "
			 "--json'");
	if (d.msg[0] == '\0')
		return j;
	cli_bad_input(&d);
	json_decref(j);
	return NULL;
}

int cmd_diff(int argc, char **argv)
{
	static const struct option longopts[] = {{"all", no_argument, NULL, 'a'},
						 {"help", no_argument, NULL, 'h'},
						 {NULL, 0, NULL, 0}};
	struct diff_text v = {.a = "A", .b = "B", .by = "B - A"};
	json_t *a, *b;
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "ah", longopts, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return EXIT_RAN;
		}
		if (c == '?')
			return cli_bad_option("diff");
		v.all = true;
	}
	if (optind != argc - 2)
		return cli_usage("diff", "expected two reports");
	a = load(argv[optind]);
	b = a == NULL ? NULL : load(argv[optind + 1]);
	if (b == NULL) {
		json_decref(a);
		return EXIT_BAD_INPUT;
	}
	if (!json_equal(json_object_get(a, "schema"), json_object_get(b, "schema"))) {
		json_decref(a);
		json_decref(b);
		return cli_usage("diff",
				 "one is a report of replay, the other of fit: expected two "
				 "of a kind");
	}
	report_diff(a, b, diff_text_line, &v);
	json_decref(a);
	json_decref(b);
	if (v.shown == 0)
		puts("no figure differs");
	return v.shown == 0 ? EXIT_RAN : EXIT_TRUE;
}
