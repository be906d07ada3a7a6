/* What the commands that write traces share. */
#ifndef UI_CLI_TRACEFILE_H
#define UI_CLI_TRACEFILE_H

#include "sim/trace_writer.h"

/* The word of --to: "binary" or "text"; NULL: binary.  0, or the status of a usage error, told. */
int choose_encoding(const char *command, const char *word, enum trace_encoding *out) MUST_USE;

/* From now on Ctrl-C ends the writing, and no file is left. */
void stop_at_interrupt(struct trace_writer_options *o);

/* The exit status of a command that wrote, with *d where `result` is not 0. */
int written_status(int result, const struct diag *d);

#endif
