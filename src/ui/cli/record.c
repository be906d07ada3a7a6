/* memscape record: runs a command and writes the trace of its allocations. */
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record/session.h"
#include "ui/cli/cli.h"

#ifndef RECORD_LIBRARY_DIR
#define RECORD_LIBRARY_DIR "../lib/memscape" /* from the folder of the installed program */
#endif
#define LIBRARY        "libmemscape-record.so"
#define DEFAULT_OUTPUT "memscape.mst"

static const char help[] =
	"usage: memscape record [OPTION...] [--] COMMAND [ARGUMENT...]\n\n"
	"Runs COMMAND and writes a trace of every malloc, calloc, realloc, reallocarray,\n"
	"posix_memalign, aligned_alloc, memalign, valloc, pvalloc and free that it makes.\n\n"
	"  -o, --output TRACE     the file to write (default " DEFAULT_OUTPUT "); '-' is standard\n"
	"                         output, and then what COMMAND prints there goes to standard error\n"
	"  -t, --times            record the time of each call\n"
	"  -s, --sites            record where in the program each call was made\n"
	"  -1, --only-first       leave out the processes that COMMAND starts\n"
	"  -q, --quiet            no lines about what was recorded\n"
	"  -h, --help             this text\n\n"
	"A process that COMMAND forks is written to TRACE.PID, beginning with the blocks\n"
	"it inherited.  Where a process runs another program by exec, that one has the name,\n"
	"and what it was before is TRACE.PID.1 and so on.  Recording ends when the last of\n"
	"them has ended, or at a second interrupt.\n\n"
	"Exit status: COMMAND's, or 128 + the number of the signal that ended it; 2 usage;\n"
	"3 a trace cannot be written; 127 COMMAND cannot be run.\n";

struct arguments {
	struct record_options options;
	bool quiet, help;
};

static int parse(int argc, char **argv, struct arguments *a)
{
	static const struct option longs[] = {
		{"output", required_argument, NULL, 'o'},
		{"times", no_argument, NULL, 't'},
		{"sites", no_argument, NULL, 's'},
		{"only-first", no_argument, NULL, '1'},
		{"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	a->options.output = DEFAULT_OUTPUT;
	optind = 0;
	while ((c = getopt_long(argc, argv, "+o:ts1qh", longs, NULL)) != -1) {
		if (c == 'o')
			a->options.output = optarg;
		else if (c == 't')
			a->options.times = true;
		else if (c == 's')
			a->options.sites = true;
		else if (c == '1')
			a->options.only_first = true;
		else if (c == 'q')
			a->quiet = true;
		else if (c == 'h')
			a->help = true;
		else
			return -1;
	}
	return 0;
}

/* ---- the preload library ---- */

/* Beside the program (build tree), or in the library folder of where it is installed. */
static bool find_library(char path[PATH_MAX])
{
	static const char *const places[] = {"", "record/", "src/record/", "../record/",
					     RECORD_LIBRARY_DIR "/"};
	char self[2048];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n <= 0)
		return false;
	self[n] = '\0';
	*(strrchr(self, '/') + 1) = '\0';
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		char candidate[4096];

		snprintf(candidate, sizeof candidate, "%s%s" LIBRARY, self, places[i]);
		if (realpath(candidate, path) != NULL)
			return true;
	}
	return false;
}

/* ---- what was recorded ---- */

static void tell_trace(const struct record_report *r, const struct record_trace *t)
{
	double call_ns = (double)t->calls * r->ns_per_call, wait_ns = (double)t->waited_ns;

	fprintf(stderr, "memscape record: events %" PRIu64 ", lost %" PRIu64, t->events, t->lost);
	if (t->bytes != 0)
		fprintf(stderr, ", bytes %" PRIu64 " (%.2f an event)", t->bytes,
			t->events == 0 ? 0.0 : (double)t->bytes / (double)t->events);
	fprintf(stderr, ", overhead about %.1f ms (%.0f ns a call, %.1f ms waiting) of %.1f ms",
		(call_ns + wait_ns) / 1e6, r->ns_per_call, wait_ns / 1e6, (double)r->wall_ns / 1e6);
	fprintf(stderr, ", recorder %.1f ms: %s (%s, process %d)\n",
		(double)r->recorder_cpu_ns / 1e6, t->path, t->command, t->pid);
	if (t->mended != 0)
		fprintf(stderr,
			"memscape record: %s: %" PRIu64
			" frees were made past the recorder and put in\n",
			t->path, t->mended);
	if (t->foreign != 0)
		fprintf(stderr,
			"memscape record: %s: %" PRIu64
			" frees of blocks from before its fork were left out\n",
			t->path, t->foreign);
}

static void tell(const struct record_report *r)
{
	unsigned left_out = 0;

	for (uint32_t i = 0; i < r->nr_traces; i++) {
		if (r->traces[i].path[0] != '\0')
			tell_trace(r, &r->traces[i]);
		else
			left_out++;
	}
	if (left_out != 0)
		fprintf(stderr, "memscape record: %u further processes or programs were not kept\n",
			left_out);
}

/* What must be said even with --quiet. */
static void tell_trouble(const struct record_report *r, const struct arguments *a,
			 const char *command)
{
	if (r->nr_traces == 0)
		fprintf(stderr,
			"memscape record: %s: nothing was recorded, %s was not written: '%s' did "
			"not load the "
			"recorder (is it statically linked, set-user-ID, or for another "
			"machine?)\n",
			command, a->options.output, command);
	if (r->unrecorded != 0)
		fprintf(stderr,
			"memscape record: %u processes could not be recorded (no room in /dev/shm, "
			"or no "
			"permission)\n",
			r->unrecorded);
	for (uint32_t i = 0; i < r->nr_traces; i++)
		if (r->traces[i].lost != 0)
			fprintf(stderr, "memscape record: %s: %" PRIu64 " calls were lost\n",
				r->traces[i].path, r->traces[i].lost);
}

static int cannot_run(const struct diag *d)
{
	char text[1024];

	diag_text(d, text, sizeof text);
	fprintf(stderr, "memscape record: %s\n", text);
	return 127;
}

int cmd_record(int argc, char **argv)
{
	struct arguments a = {0};
	struct record_report report;
	struct diag d = {0};
	char library[PATH_MAX];
	int err;

	if (parse(argc, argv, &a) != 0)
		return cli_bad_option("record");
	if (a.help)
		return fputs(help, stdout) < 0 ? EXIT_BAD_INPUT : EXIT_RAN;
	if (optind == argc)
		return cli_usage("record", "expected a command to run");
	if (strcmp(a.options.output, "-") == 0 && isatty(STDOUT_FILENO))
		return cli_usage("record",
				 "a trace is not for a terminal: give -o FILE, or a pipe");
	if (!find_library(library)) {
		diag_set(&d, LIBRARY, 0, 0,
			 "not found beside the program nor in " RECORD_LIBRARY_DIR " from there");
		return cli_bad_input(&d);
	}
	a.options.library = library;
	err = record_session(&a.options, argv + optind, &report, &d);
	if (err == 0 || report.nr_traces != 0) {
		if (!a.quiet)
			tell(&report);
		tell_trouble(&report, &a, argv[optind]);
	}
	if (err != 0)
		err = report.wall_ns == 0 ? cannot_run(&d) : cli_bad_input(&d);
	else
		err = report.status;
	record_report_finish(&report);
	return err;
}
