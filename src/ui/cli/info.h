/* What a machine or a trace is, for people and for programs. */
#ifndef UI_CLI_INFO_H
#define UI_CLI_INFO_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "model/machine.h"

/*
 * The machine as a page of plain text: the map in address order with holes,
 * attributes and costs; zones; who reaches what; address space; allocators;
 * placement; variants.  0, or -1 when `out` cannot be written.
 */
int info_machine(const struct machine *m, FILE *out);

/* The same as JSON (memscape.machine/1), addresses and sizes in bytes.  A new reference, or NULL
 * when memory runs out. */
json_t *info_machine_json(const struct machine *m);

/*
 * What a trace holds: events by operation, live peak, sizes, lifetimes, encoding; as a
 * page of plain text or as JSON (memscape.trace/1).  Prints a diagnosis where the trace is
 * damaged.  Returns an exit status.
 */
int info_trace(const char *path, bool json, FILE *out);

#endif
