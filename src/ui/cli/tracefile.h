/* What the commands that write traces share. */
#ifndef UI_CLI_TRACEFILE_H
#define UI_CLI_TRACEFILE_H

#include "sim/trace_writer.h"

/* The word of --to: "binary" or "text"; NULL: binary.  0, or the status of a usage error, told. */
int choose_encoding(const char *command, const char *word, enum trace_encoding *out) MUST_USE;

#endif
