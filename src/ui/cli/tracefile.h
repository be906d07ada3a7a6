/* What the commands that write traces share. */
#ifndef UI_CLI_TRACEFILE_H
#define UI_CLI_TRACEFILE_H

#include "sim/trace_copy.h"

/* "binary", "text". false: neither. */
bool read_encoding(const char *text, enum trace_encoding *out);

/* The rest of the copy's reader, each event through `put`.  -1 with *d: damage, or cannot write. */
int copy_all(struct trace_copy *c,
	     int (*put)(struct trace_copy *c, const struct trace_event *ev, struct diag *d),
	     struct diag *d) MUST_USE;

#endif
