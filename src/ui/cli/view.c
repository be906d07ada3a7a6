/* memscape view: the visualizer, where it is built in. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/cli/cli.h"
#include "ui/cli/options.h"
#include "ui/cli/view_help.h"
#include "ui/tui/tui.h"

static const char help[] = VIEW_HELP;

_Static_assert(MAX_SETS <= TUI_MAX_SETS, "every --set fits");

static const struct option longopts[] = {
	{"machine", required_argument, NULL, 'c'},
	{"variant", required_argument, NULL, 'V'},
	{"set", required_argument, NULL, 'S'},
	{"alloc", required_argument, NULL, 'A'},
	{"compare", required_argument, NULL, 'B'},
	{"at", required_argument, NULL, '@'},
	{"memory", required_argument, NULL, 'M'},
	{"noise", required_argument, NULL, 'N'},
	{"keys", required_argument, NULL, 'K'},
	{"colors", required_argument, NULL, 'C'},
	{"ascii", no_argument, NULL, 'a'},
	{"script", required_argument, NULL, 'X'},
	{"size", required_argument, NULL, 'Z'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct view_options {
	struct machine_choice machine;
	struct tui_request q;
};

static int add_set(struct view_options *o, const char *set)
{
	if (o->machine.nr_sets == MAX_SETS)
		return cli_usage("view", "more than %u --set", MAX_SETS);
	o->machine.sets[o->machine.nr_sets++] = set;
	return 0;
}

static int set_colors(struct view_options *o, const char *arg)
{
	static const struct {
		const char *name;
		enum term_colors colors;
	} of[] = {{"256", TERM_256}, {"16", TERM_16}, {"8", TERM_8}, {"0", TERM_MONO}};

	for (size_t i = 0; i < sizeof of / sizeof of[0]; i++)
		if (strcmp(of[i].name, arg) == 0) {
			o->q.colors = of[i].colors;
			return 0;
		}
	return cli_usage("view", "--colors '%s': expected 256, 16, 8 or 0", arg);
}

static int set_size(struct view_options *o, const char *arg)
{
	if (sscanf(arg, "%dx%d", &o->q.rows, &o->q.cols) == 2 && o->q.rows > 0 && o->q.cols > 0)
		return 0;
	return cli_usage("view", "--size '%s': expected ROWSxCOLUMNS, as 24x80", arg);
}

static int number_option(struct view_options *o, int c, const char *arg)
{
	if (!read_number(arg, c == 'M' ? &o->q.memory : &o->q.noise))
		return cli_usage("view", "--%s '%s': expected a number",
				 c == 'M' ? "memory" : "noise", arg);
	if (c == 'M' && o->q.memory < (8u << 20))
		return cli_usage("view", "--memory '%s': expected at least 8M", arg);
	return 0;
}

static int one_option(struct view_options *o, int c, const char *arg)
{
	switch (c) {
	case 'c':
		o->machine.name = arg;
		return 0;
	case 'V':
		o->machine.variant = arg;
		return 0;
	case 'S':
		return add_set(o, arg);
	case 'A':
		o->q.heap_kind = arg;
		return 0;
	case 'B':
		o->q.compare = arg;
		return 0;
	case '@':
		o->q.at = arg;
		return 0;
	case 'M':
	case 'N':
		return number_option(o, c, arg);
	case 'K':
		o->q.keys = arg;
		return 0;
	case 'C':
		return set_colors(o, arg);
	case 'a':
		o->q.ascii = true;
		return 0;
	case 'X':
		o->q.script = arg;
		return 0;
	case 'Z':
		return set_size(o, arg);
	default:
		return cli_bad_option("view");
	}
}

/* -1: go on; else the exit status. */
static int parse(struct view_options *o, int argc, char **argv)
{
	int c, status;

	*o = (struct view_options){.q = {.rows = 24, .cols = 80}};
	optind = 1;
	while ((c = getopt_long(argc, argv, "c:h", longopts, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return EXIT_RAN;
		}
		status = one_option(o, c, optarg);
		if (status != 0)
			return status;
	}
	if (o->machine.name == NULL)
		return cli_usage("view", "which machine? give -c MACHINE");
	if (optind != argc - 1)
		return cli_usage("view", optind == argc ? "which trace? give a file"
							: "more than one trace");
	o->q.trace = argv[optind];
	return -1;
}

int cmd_view(int argc, char **argv)
{
	struct view_options o;
	struct diag d = {0};
	struct machine *m;
	int status = parse(&o, argc, argv), sig = 0;

	if (status >= 0)
		return status;
	m = load_choice(&o.machine);
	if (m == NULL)
		return EXIT_BAD_INPUT;
	o.q.machine = m;
	o.q.machine_name = o.machine.name;
	o.q.variant = o.machine.variant;
	o.q.sets = o.machine.sets;
	o.q.nr_sets = o.machine.nr_sets;
	status = tui_run(&o.q, &sig, &d) != 0 ? cli_bad_input(&d) : EXIT_RAN;
	machine_free(m);
	if (sig != 0) {
		/* As the shell expects of one who was told to end. */
		signal(sig, SIG_DFL);
		raise(sig);
	}
	return status;
}
