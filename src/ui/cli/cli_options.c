#include "ui/cli/cli_options.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>

#include "ui/cli/cli.h"
#include "ui/cli/options.h"
#include "ui/cli/text.h"

#define FIRST 256 /* getopt's number of the first row; below are letters */

struct getopt_form {
	struct option longs[CLI_MAX_OPTIONS + 2];
	char letters[2 * CLI_MAX_OPTIONS + 2];
};

static void make_form(struct getopt_form *f, const struct cli_option *table)
{
	char *letter = f->letters;
	unsigned n = 0;

	for (; table[n].name != NULL; n++) {
		int argument = table[n].kind == CLI_FLAG ? no_argument : required_argument;

		assert(n < CLI_MAX_OPTIONS && "a larger table wants a larger form");
		f->longs[n] = (struct option){table[n].name, argument, NULL, FIRST + (int)n};
		if (table[n].letter == 0)
			continue;
		*letter++ = table[n].letter;
		if (argument == required_argument)
			*letter++ = ':';
	}
	f->longs[n] = (struct option){"help", no_argument, NULL, 'h'};
	f->longs[n + 1] = (struct option){NULL, 0, NULL, 0};
	*letter++ = 'h';
	*letter = '\0';
}

static const struct cli_option *find(const struct cli_option *table, int c)
{
	if (c >= FIRST)
		return &table[c - FIRST];
	while (table->name != NULL && table->letter != c)
		table++;
	return table->name != NULL ? table : NULL;
}

static int set_number(const char *command, const struct cli_option *o, const char *arg)
{
	uint64_t value;

	if (read_number(arg, &value) && value >= o->least && value <= o->most) {
		*(uint64_t *)o->to = value;
		return 0;
	}
	if (o->most == UINT64_MAX)
		return cli_usage(command, "--%s '%s': expected a number from %llu", o->name, arg,
				 (unsigned long long)o->least);
	return cli_usage(command, "--%s '%s': expected a number from %llu to %llu", o->name, arg,
			 (unsigned long long)o->least, (unsigned long long)o->most);
}

static int set_color(const char *command, const struct cli_option *o, const char *arg)
{
	struct text_style style;

	if (!text_style_init(&style, arg, stdout))
		return cli_usage(command, "--%s '%s': expected auto, always or never", o->name,
				 arg);
	*(const char **)o->to = arg;
	return 0;
}

static int set(const char *command, const struct cli_option *o, const char *arg)
{
	switch (o->kind) {
	case CLI_TEXT:
		*(const char **)o->to = arg;
		return 0;
	case CLI_COLOR:
		return set_color(command, o, arg);
	case CLI_FLAG:
		*(bool *)o->to = true;
		return 0;
	case CLI_NUMBER:
		return set_number(command, o, arg);
	case CLI_CALL:
		return o->call(o->to, arg);
	}
	return 0;
}

int cli_options(const char *command, const char *help, const struct cli_option *table, int argc,
		char **argv)
{
	struct getopt_form form;
	int c;

	make_form(&form, table);
	optind = 1;
	while ((c = getopt_long(argc, argv, form.letters, form.longs, NULL)) != -1) {
		const struct cli_option *o;
		int status;

		if (c == 'h') {
			fputs(help, stdout);
			return EXIT_RAN;
		}
		o = find(table, c);
		status = o != NULL ? set(command, o, optarg) : cli_bad_option(command);
		if (status != 0)
			return status;
	}
	return -1;
}
