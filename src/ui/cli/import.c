/* memscape import: a trace of any known format, written in a native one. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "sim/trace_copy.h"
#include "ui/cli/cli.h"
#include "ui/cli/tracefile.h"

static const char help[] =
	"usage: memscape import FILE -o TRACE [--from FORMAT] [--to binary|text]\n\n"
	"Reads a trace of any known format ('-': standard input) and writes it in a native one.\n"
	"Prints how many events came over and what the source format could not tell.\n\n"
	"  -o, --output TRACE    the file to write; '-' is standard output\n"
	"      --from FORMAT     binary, text, rep or kmem (default: by looking at the content)\n"
	"      --to FORM         binary (default) or text\n"
	"  -h, --help            this text\n\n"
	"Exit status: 0 imported; 2 usage; 3 the source is damaged or of no known format.\n";

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
		result = copy_all(&c, trace_copy_put, &d);
		if (result == 0)
			result = trace_writer_close(w, &d);
		else
			trace_writer_abort(w);
		if (result == 0)
			report(r, &c);
		trace_copy_finish(&c);
	}
	trace_close(r);
	return result == 0 ? EXIT_RAN : cli_bad_input(&d);
}

int cmd_import(int argc, char **argv)
{
	static const struct option longopts[] = {{"output", required_argument, NULL, 'o'},
						 {"from", required_argument, NULL, 'F'},
						 {"to", required_argument, NULL, 'T'},
						 {"help", no_argument, NULL, 'h'},
						 {NULL, 0, NULL, 0}};
	struct import_options o = {.output = NULL};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "o:h", longopts, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return EXIT_RAN;
		}
		if (c == 'o')
			o.output = optarg;
		else if (c == 'F')
			o.from = optarg;
		else if (c != 'T')
			return cli_bad_option("import");
		else if (!read_encoding(optarg, &o.writer.encoding))
			return cli_usage("import", "--to '%s': expected binary or text", optarg);
	}
	if (optind != argc - 1)
		return cli_usage("import", "expected one file to read");
	if (o.output == NULL)
		return cli_usage("import", "expected -o TRACE, the file to write");
	o.path = argv[optind];
	return import_trace(&o);
}
