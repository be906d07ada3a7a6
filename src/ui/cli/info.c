/* memscape info: a machine or a trace, told apart by what the argument is. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "sim/system.h"
#include "ui/cli/cli.h"
#include "ui/cli/cli_options.h"
#include "ui/cli/info.h"
#include "ui/cli/options.h"
#include "ui/cli/outfile.h"

static const char help[] =
	"usage: memscape info MACHINE|TRACE [OPTION...]\n\n"
	"Describes a machine (regions, holes, zones, what each bus master reaches, allocators) or "
	"a\n"
	"trace (events, peak of live bytes, sizes).  A name that ends in .yaml is a machine; any "
	"other\n"
	"file is a trace ('-': standard input), and a name of no file names a machine.\n\n"
	"      --variant V        a variant of the machine\n"
	"      --set PATH=VALUE   change any value of the machine, as regions.d1_axi.size=384K\n"
	"      --json             as JSON (memscape.machine/1, memscape.trace/1)\n"
	"  -h, --help             this text\n\n"
	"Exit status: 0 described; 2 usage; 3 bad machine or trace.\n";

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

static int print_json(json_t *j)
{
	struct diag d = {0};
	int err = outfile_json("-", j, &d);

	json_decref(j);
	return err != 0 ? cli_bad_input(&d) : EXIT_RAN;
}

static int info_of_machine(const struct machine_choice *c, bool json)
{
	struct machine *m = load_choice(c);
	struct diag d = {0};
	int status = EXIT_RAN;

	if (m == NULL)
		return EXIT_BAD_INPUT;
	if (!system_accepts(m, NULL, &d))
		status = cli_bad_input(&d);
	else if (json)
		status = print_json(info_machine_json(m));
	else
		info_machine(m, stdout);
	machine_free(m);
	return status;
}

/* A file that is there is a trace unless its name says YAML; anything else names a machine. */
static bool is_trace(const char *name)
{
	FILE *f;

	if (strcmp(name, "-") == 0)
		return true;
	if (ends_with(name, ".yaml") || ends_with(name, ".yml"))
		return false;
	f = fopen(name, "r");
	if (f == NULL)
		return false;
	fclose(f);
	return true;
}

static int add_set(void *to, const char *arg)
{
	return choose_set("info", to, arg);
}

int cmd_info(int argc, char **argv)
{
	struct machine_choice c = {0};
	bool json = false;
	const struct cli_option table[] = {{"variant", 0, CLI_TEXT, &c.variant, 0, 0, NULL},
					   {"set", 0, CLI_CALL, &c, 0, 0, add_set},
					   {"json", 0, CLI_FLAG, &json, 0, 0, NULL},
					   {0}};
	int status = cli_options("info", help, table, argc, argv);

	if (status >= 0)
		return status;
	if (optind != argc - 1)
		return cli_usage("info", "expected a machine or a trace");
	c.name = argv[optind];
	if (is_trace(c.name))
		return info_trace(c.name, json, stdout);
	return info_of_machine(&c, json);
}
