/* Output files, whole or absent: written beside, then renamed.  Devices and pipes: directly. */
#ifndef UI_CLI_OUTFILE_H
#define UI_CLI_OUTFILE_H

#include <jansson.h>
#include <stdio.h>

#include "model/diag.h"

struct outfile {
	FILE *f;
	char path[4096], tmp[4112]; /* tmp "": standard output, or a device or pipe */
};

/* "-" is standard output. 0, or -1 with *d. */
int outfile_open(struct outfile *o, const char *path, struct diag *d);
/* Flushes, syncs the name: the file appears under its path. 0, or -1 with *d and no file. */
int outfile_commit(struct outfile *o, struct diag *d);
/* Removes what was written. Fine after commit or on a zeroed one. */
void outfile_abandon(struct outfile *o);

/*
 * Writes a JSON document and a line's end.  0, or -1 with *d and no file: it cannot be written,
 * or j is NULL, which is out of host memory.
 */
int outfile_json(const char *path, const json_t *j, struct diag *d);

/*
 * At the program's end, with its exit status: what was printed could not be written, as on a
 * full disk.  That is told, once, and the status returned is for it.
 */
int outfile_end_stdout(int status);

#endif
