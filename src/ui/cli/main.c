/* memscape: picks the command. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ui/cli/cli.h"
#include "ui/cli/outfile.h"

struct command {
	const char *name, *help;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
#define X(name, help) {#name, help, cmd_##name},
	COMMANDS(X)
#undef X
};

#define NR_COMMANDS (sizeof commands / sizeof commands[0])

static void print_help(FILE *out)
{
	fputs("usage: memscape COMMAND [OPTION...] [ARGUMENT...]\n\n"
	      "A laboratory for memory allocators: real allocators on a simulated machine, driven "
	      "by\n"
	      "recorded traces, with every byte accounted for.\n\nCommands:\n",
	      out);
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\n'memscape COMMAND --help' describes a command, 'man memscape' all of them.\n"
	      "First steps: memscape info stm32h7; memscape replay -c stm32h7 "
	      "traces/firmware.mst\n",
	      out);
}

int cli_usage(const char *command, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "memscape %s: ", command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return cli_bad_option(command);
}

int cli_unknown(const char *command, const char *what, const char *name,
		const char *(*word)(size_t i))
{
	fprintf(stderr, "memscape %s: unknown %s '%s', expected one of:", command, what, name);
	for (size_t i = 0; word(i) != NULL; i++)
		fprintf(stderr, " %s", word(i));
	fputc('\n', stderr);
	return cli_bad_option(command);
}

int cli_bad_option(const char *command)
{
	fprintf(stderr, "Try 'memscape %s --help'.\n", command);
	return EXIT_USAGE;
}

int cli_bad_input(const struct diag *d)
{
	char line[1024];

	diag_text(d, line, sizeof line);
	fprintf(stderr, "memscape: %s\n", line);
	return EXIT_BAD_INPUT;
}

static bool is_version(const char *arg)
{
	return strcmp(arg, "--version") == 0 || strcmp(arg, "-V") == 0;
}

/* Every command's --version is the program's; what getopt says begins with argv[0]. */
static int run_command(const struct command *c, int argc, char **argv)
{
	char name[32];

	snprintf(name, sizeof name, "memscape %s", c->name);
	argv[0] = name;
	if (argc == 2 && is_version(argv[1])) {
		puts("memscape " MEMSCAPE_VERSION);
		return EXIT_RAN;
	}
	return c->run(argc, argv);
}

static int unknown_command(const char *name)
{
	fprintf(stderr, "memscape: unknown command '%s', expected one of:", name);
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(stderr, " %s", commands[i].name);
	fputs("\nTry 'memscape --help'.\n", stderr);
	return EXIT_USAGE;
}

static int run(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return EXIT_RAN;
	}
	if (is_version(argv[1])) {
		puts("memscape " MEMSCAPE_VERSION);
		return EXIT_RAN;
	}
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return run_command(&commands[i], argc - 1, argv + 1);
	return unknown_command(argv[1]);
}

int main(int argc, char **argv)
{
	return outfile_end_stdout(run(argc, argv));
}
