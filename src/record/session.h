/*
 * A recording session: runs a command with the recorder preloaded, and writes one
 * trace for each program image of its process and their descendants.
 *
 * The recorder is one thread.  It reads all rings in turn, sleeps at the control
 * page's bell when there is nothing to read, and ends when no process of the session
 * is left.
 */
#ifndef RECORD_SESSION_H
#define RECORD_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "model/diag.h"
#include "model/mem.h"

struct record_options {
	/* The command's trace; "-": standard output, and the command's goes to standard error. */
	const char *output;
	const char *library; /* path of libmemscape-record.so */
	bool times, sites;
	bool only_first; /* the command's own first image only; always so with "-" */
};

/* One trace. */
struct record_trace {
	char path[4096]; /* "": it was not kept */
	char command[256]; /* of the image: its executable */
	int32_t pid;
	uint64_t events; /* in the trace, with what was inherited at a fork */
	uint64_t calls; /* recorded */
	uint64_t lost;
	uint64_t inherited, mended, foreign; /* translate.h */
	uint64_t bytes; /* of the trace; 0: it went to a pipe */
	uint64_t waited_ns; /* its threads' waiting for the recorder, summed */
};

struct record_report {
	struct record_trace *traces;
	uint32_t nr_traces;
	uint32_t unrecorded; /* images that could not be recorded */
	int status; /* the command's: its exit status, or 128 + the signal that ended it */
	uint64_t wall_ns; /* from its start to its end */
	uint64_t recorder_cpu_ns;
	double ns_per_call; /* measured here before: storing a record, undisturbed */
	bool interrupted;
};

/*
 * 0; -1 with *d: nothing was run, or a trace could not be written.  The report is filled as
 * far as it went.
 */
int record_session(const struct record_options *o, char **command, struct record_report *out,
		   struct diag *d) MUST_USE;

void record_report_finish(struct record_report *r); /* frees its list */

#endif
