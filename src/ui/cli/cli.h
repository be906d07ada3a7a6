/* The command line: one file a command, one list of them. */
#ifndef UI_CLI_H
#define UI_CLI_H

#include <stddef.h>

#include "model/diag.h"

/* X(name, "one line for memscape --help") ; each defines int cmd_NAME(int argc, char **argv). */
#define COMMANDS(X)                                                                  \
	X(replay, "replay a trace on a machine and report every byte")               \
	X(view, "look at the machine at any event of a trace, in the terminal")      \
	X(compare, "where two allocators part on one trace, and figures side by side") \
	X(fit, "find the least arena in which a trace fits, per allocator")         \
	X(record, "run a command and write a trace of its allocations")              \
	X(sweep, "run all points of a sweep file and judge them")                    \
	X(merge, "join the shards of a sweep")                                       \
	X(export, "write the results of a sweep as CSV, JSON, Markdown, JUnit, ...") \
	X(baseline, "write the figures that later runs are held against")            \
	X(plot, "draw a run, a trace or the results of a sweep")                     \
	X(parity, "hold our formulas against a real kernel's own figures")           \
	X(diff, "compare two reports figure by figure")                              \
	X(info, "describe a machine or a trace")                                     \
	X(import, "write a trace of another format in a native one")                 \
	X(gen, "write a synthetic trace")                                            \
	X(trace, "cut, merge, filter, scale or shrink traces, derive page traces")   \
	X(list, "list allocators, machines, formats or figures")

/* Exit status: a contract with scripts. */
enum {
	EXIT_RAN = 0,
	EXIT_TRUE = 1,        /* a --fail-on was true, a gate was broken, a difference found */
	EXIT_USAGE = 2,
	EXIT_BAD_INPUT = 3,
	EXIT_INTERNAL = 4,    /* an invariant or the ledger failed */
	EXIT_INTERRUPTED = 130
};

/* Prints "memscape COMMAND: message" and a hint at --help to standard error; returns EXIT_USAGE. */
int cli_usage(const char *command, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * Prints "memscape COMMAND: unknown WHAT 'NAME', expected one of: ..." and the hint; `word`
 * gives the ith of them, NULL behind the last.  Returns EXIT_USAGE.
 */
int cli_unknown(const char *command, const char *what, const char *name,
		const char *(*word)(size_t i));

/* After getopt has said what is wrong: the hint at --help; returns EXIT_USAGE. */
int cli_bad_option(const char *command);

/* Prints the diagnosis, one line; returns EXIT_BAD_INPUT. */
int cli_bad_input(const struct diag *d);

#define X(name, help) int cmd_##name(int argc, char **argv);
COMMANDS(X)
#undef X

#endif
