/* Options of a command as a table: how each is called, and where its value goes. */
#ifndef UI_CLI_CLI_OPTIONS_H
#define UI_CLI_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define CLI_MAX_OPTIONS 32u /* of a table */

enum cli_option_kind {
	CLI_TEXT, /* const char **to */
	CLI_COLOR, /* const char **to: auto, always or never */
	CLI_FLAG, /* bool *to, which becomes true */
	CLI_NUMBER, /* uint64_t *to, from `least` to `most`; sizes and hex, too */
	CLI_CALL /* call(to, argument) gives 0 or the exit status */
};

struct cli_option {
	const char *name; /* long, without its dashes */
	char letter; /* 0: none */
	enum cli_option_kind kind;
	void *to;
	uint64_t least, most;
	int (*call)(void *to, const char *arg);
};

/*
 * Reads options up to the first other argument, argv[optind].  `table` ends with {0}; --help
 * and -h are added, and print `help`.  -1: go on; else the exit status, which is EXIT_RAN
 * after --help only: the caller may print more then.
 */
int cli_options(const char *command, const char *help, const struct cli_option *table, int argc,
		char **argv);

#endif
