/* What the commands that write traces share. */
#ifndef UI_CLI_TRACEFILE_H
#define UI_CLI_TRACEFILE_H

#include "sim/trace_copy.h"

/* The word of --to: "binary" or "text"; NULL: binary.  0, or the status of a usage error, told. */
int choose_encoding(const char *command, const char *word, enum trace_encoding *out) MUST_USE;

/* The rest of the copy's reader, each event through `put`.  -1 with *d: damage, or cannot write. */
int copy_all(struct trace_copy *c,
	     int (*put)(struct trace_copy *c, const struct trace_event *ev, struct diag *d),
	     struct diag *d) MUST_USE;

#endif
