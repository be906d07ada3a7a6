/* memscape gen: synthetic traces. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "sim/trace_gen.h"
#include "ui/cli/cli.h"
#include "ui/cli/cli_options.h"
#include "ui/cli/tracefile.h"

static const char help[] =
	"usage: memscape gen KIND... -o TRACE [OPTION...]\n\n"
	"Writes a synthetic trace; several kinds follow one another.\n\n"
	"  -o, --output TRACE    the file to write; '-' is standard output\n"
	"  -n, --events N        about so many events a kind (default 1000000)\n"
	"      --seed N          of the random numbers (default 1)\n"
	"      --live N          most live objects\n"
	"      --min SIZE, --max SIZE   smallest and largest request (pages: the largest order)\n"
	"      --to FORM         binary (default) or text\n"
	"  -h, --help            this text\n\n"
	"The same options give the same trace everywhere.\n\n"
	"kinds (most live objects, smallest and largest request):\n";

#define NOT_GIVEN UINT64_MAX

struct gen_options {
	const char *output, *encoding;
	struct trace_writer_options writer;
	struct gen_params given; /* NOT_GIVEN: the kind's own */
};

static void print_kinds(FILE *out)
{
	for (unsigned i = 0; i < nr_generators; i++)
		fprintf(out, "  %-9s %s (%llu, %llu, %llu)\n", generators[i].name,
			generators[i].summary, (unsigned long long)generators[i].defaults.live,
			(unsigned long long)generators[i].defaults.min,
			(unsigned long long)generators[i].defaults.max);
}

static uint64_t given_or(uint64_t given, uint64_t usual)
{
	return given != NOT_GIVEN ? given : usual;
}

static struct gen_params choose_params(const struct gen_options *o, const struct generator *g)
{
	return (struct gen_params){.events = given_or(o->given.events, g->defaults.events),
				   .seed = given_or(o->given.seed, g->defaults.seed),
				   .live = given_or(o->given.live, g->defaults.live),
				   .min = given_or(o->given.min, g->defaults.min),
				   .max = given_or(o->given.max, g->defaults.max)};
}

/* 0, or the status of a usage error. */
static int check_params(const struct generator *g, const struct gen_params *p)
{
	bool pages = generator_makes_pages(g);

	if (pages && p->max > GEN_MOST_ORDER)
		return cli_usage("gen", "pages: --max: expected an order from 0 to %u",
				 GEN_MOST_ORDER);
	if (!pages && (p->min == 0 || p->min > p->max || p->max > GEN_MOST_BYTES))
		return cli_usage("gen", "%s: expected 1 <= --min <= --max <= 1024G", g->name);
	return 0;
}

static int generate(const struct gen_options *o, char **names, int nr)
{
	struct diag d = {.msg = ""};
	struct trace_writer *w = trace_writer_open(o->output, &o->writer, &d);
	int result = w != NULL ? 0 : -1;

	for (int i = 0; result == 0 && i < nr; i++) {
		const struct generator *g = generator_find(names[i]);
		struct gen_params p = choose_params(o, g);

		result = g->run(w, &p, &d);
	}
	if (w != NULL && result == 0)
		result = trace_writer_close(w, &d);
	else
		trace_writer_abort(w);
	return written_status(result, &d);
}

static const char *kind_name(size_t i)
{
	return i < nr_generators ? generators[i].name : NULL;
}

/* -1: go on; else the exit status. */
static int parse(struct gen_options *o, int argc, char **argv)
{
	const struct cli_option table[] = {
		{"output", 'o', CLI_TEXT, &o->output, 0, 0, NULL},
		{"events", 'n', CLI_NUMBER, &o->given.events, 0, UINT64_MAX, NULL},
		{"seed", 0, CLI_NUMBER, &o->given.seed, 0, UINT64_MAX, NULL},
		{"live", 0, CLI_NUMBER, &o->given.live, GEN_LEAST_LIVE, GEN_MOST_LIVE, NULL},
		{"min", 0, CLI_NUMBER, &o->given.min, 0, GEN_MOST_BYTES, NULL},
		{"max", 0, CLI_NUMBER, &o->given.max, 0, GEN_MOST_BYTES, NULL},
		{"to", 0, CLI_TEXT, &o->encoding, 0, 0, NULL},
		{0}};
	int status;

	*o = (struct gen_options){.given = {NOT_GIVEN, NOT_GIVEN, NOT_GIVEN, NOT_GIVEN, NOT_GIVEN}};
	status = cli_options("gen", help, table, argc, argv);
	if (status == EXIT_RAN)
		print_kinds(stdout);
	if (status >= 0)
		return status;
	if (optind == argc)
		return cli_usage("gen", "expected a kind of trace, see --help");
	if (o->output == NULL)
		return cli_usage("gen", "expected -o TRACE, the file to write");
	status = choose_encoding("gen", o->encoding, &o->writer.encoding);
	return status != 0 ? status : -1;
}

/* 0, or the status of a usage error. */
static int check_kinds(const struct gen_options *o, char **names, int nr)
{
	int status = 0;

	for (int i = 0; status == 0 && i < nr; i++) {
		const struct generator *g = generator_find(names[i]);
		struct gen_params p;

		if (g == NULL)
			return cli_unknown("gen", "kind", names[i], kind_name);
		p = choose_params(o, g);
		status = check_params(g, &p);
	}
	return status;
}

int cmd_gen(int argc, char **argv)
{
	struct gen_options o;
	int status = parse(&o, argc, argv);

	if (status >= 0)
		return status;
	status = check_kinds(&o, argv + optind, argc - optind);
	if (status != 0)
		return status;
	stop_at_interrupt(&o.writer);
	return generate(&o, argv + optind, argc - optind);
}
