/* memscape import: a trace of any known format, written in a native one. */
#include <getopt.h>
#include <stdio.h>

#include "sim/trace_copy.h"
#include "ui/cli/cli.h"
#include "ui/cli/cli_options.h"
#include "ui/cli/tracefile.h"

static const char help[] =
	"usage: memscape import FILE -o TRACE [--from FORMAT] [--to binary|text]\n\n"
	"Reads a trace of any known format ('-': standard input) and writes it in a native one.\n"
	"Prints how many events came over and what the source format could not tell.\n\n"
	"  -o, --output TRACE    the file to write; '-' is standard output\n"
	"      --from FORMAT     binary, text, rep or kmem (default: by looking at the content)\n"
	"      --to FORM         binary (default) or text\n"
	"  -h, --help            this text\n\n"
	"Exit status: 0 imported; 2 usage; 3 the source is damaged or of no known format;\n"
	"130 interrupted.\n";

struct import_options {
	const char *path, *from, *output;
	struct trace_writer_options writer;
};

static void report(const struct trace_reader *r, const struct trace_copy *c)
{
	struct trace_info info;

	trace_get_info(r, &info);
	fprintf(stderr, "%llu events from %s\n", (unsigned long long)c->copied, info.format);
	if (info.losses == 0) {
		fprintf(stderr, "nothing was lost\n");
		return;
	}
	fprintf(stderr, "what the source could not tell:\n");
	trace_loss(r, stderr);
}

static int import_trace(const struct import_options *o)
{
	struct diag d = {.msg = ""};
	struct trace_reader *r = trace_open_as(o->path, o->from, &d);
	struct trace_writer *w = r ? trace_writer_open(o->output, &o->writer, &d) : NULL;
	struct trace_copy c;
	int result = -1;

	if (w != NULL) {
		trace_copy_init(&c, r, w);
		result = trace_copy_all(&c, trace_copy_put, &d);
		if (result == 0)
			result = trace_writer_close(w, &d);
		else
			trace_writer_abort(w);
		if (result == 0)
			report(r, &c);
		trace_copy_finish(&c);
	}
	trace_close(r);
	return written_status(result, &d);
}

/* -1: go on; else the exit status. */
static int parse(struct import_options *o, int argc, char **argv)
{
	const char *encoding = NULL;
	const struct cli_option table[] = {{"output", 'o', CLI_TEXT, &o->output, 0, 0, NULL},
					   {"from", 0, CLI_TEXT, &o->from, 0, 0, NULL},
					   {"to", 0, CLI_TEXT, &encoding, 0, 0, NULL},
					   {0}};
	int status;

	*o = (struct import_options){.output = NULL};
	status = cli_options("import", help, table, argc, argv);
	if (status >= 0)
		return status;
	if (optind != argc - 1)
		return cli_usage("import", "expected one file to read");
	if (o->output == NULL)
		return cli_usage("import", "expected -o TRACE, the file to write");
	o->path = argv[optind];
	status = choose_encoding("import", encoding, &o->writer.encoding);
	return status != 0 ? status : -1;
}

int cmd_import(int argc, char **argv)
{
	struct import_options o;
	int status = parse(&o, argc, argv);

	if (status >= 0)
		return status;
	stop_at_interrupt(&o.writer);
	return import_trace(&o);
}
