/* memscape gen: synthetic traces. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "sim/trace_gen.h"
#include "ui/cli/cli.h"
#include "ui/cli/options.h"
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

enum { OPT_SEED = 256, OPT_LIVE, OPT_MIN, OPT_MAX, OPT_TO };

struct gen_options {
	const char *output;
	struct trace_writer_options writer;
	uint64_t value[OPT_MAX - OPT_SEED + 2]; /* seed, live, min, max, events */
	bool given[OPT_MAX - OPT_SEED + 2];
};

enum { GIVEN_EVENTS = OPT_MAX - OPT_SEED + 1 };

static void print_help(void)
{
	fputs(help, stdout);
	for (unsigned i = 0; i < nr_generators; i++)
		printf("  %-9s %s (%llu, %llu, %llu)\n", generators[i].name, generators[i].summary,
		       (unsigned long long)generators[i].defaults.live,
		       (unsigned long long)generators[i].defaults.min,
		       (unsigned long long)generators[i].defaults.max);
}

static const struct generator *find_generator(const char *name)
{
	for (unsigned i = 0; i < nr_generators; i++)
		if (strcmp(generators[i].name, name) == 0)
			return &generators[i];
	return NULL;
}

static struct gen_params choose_params(const struct gen_options *o, const struct generator *g)
{
	struct gen_params p = g->defaults;

	if (o->given[GIVEN_EVENTS])
		p.events = o->value[GIVEN_EVENTS];
	if (o->given[0])
		p.seed = o->value[0];
	if (o->given[1])
		p.live = o->value[1];
	if (o->given[2])
		p.min = o->value[2];
	if (o->given[3])
		p.max = o->value[3];
	return p;
}

/* 0, or the status of a usage error. */
static int check_params(const struct generator *g, const struct gen_params *p)
{
	bool pages = strcmp(g->name, "pages") == 0;

	if (p->live < 8 || p->live > UINT32_MAX / 2)
		return cli_usage("gen", "%s: --live: expected a number from 8", g->name);
	if (pages && p->max > 20)
		return cli_usage("gen", "pages: --max: expected an order from 0 to 20");
	if (!pages && (p->min == 0 || p->min > p->max || p->max > UINT64_C(1) << 40))
		return cli_usage("gen", "%s: expected 1 <= --min <= --max <= 1024G", g->name);
	return 0;
}

static int generate(const struct gen_options *o, char **names, int nr)
{
	struct diag d = {.msg = ""};
	struct trace_writer *w = trace_writer_open(o->output, &o->writer, &d);
	int result = w != NULL ? 0 : -1;

	for (int i = 0; result == 0 && i < nr; i++) {
		const struct generator *g = find_generator(names[i]);
		struct gen_params p = choose_params(o, g);

		result = g->run(w, &p, &d);
	}
	if (w != NULL && result == 0)
		result = trace_writer_close(w, &d);
	else
		trace_writer_abort(w);
	return result == 0 ? EXIT_RAN : cli_bad_input(&d);
}

static int one_option(struct gen_options *o, int c, const char *arg)
{
	unsigned i = c == 'n' ? GIVEN_EVENTS : (unsigned)(c - OPT_SEED);

	if (c == 'o') {
		o->output = arg;
		return 0;
	}
	if (c == OPT_TO)
		return read_encoding(arg, &o->writer.encoding)
			       ? 0
			       : cli_usage("gen", "--to '%s': expected binary or text", arg);
	if (c != 'n' && (c < OPT_SEED || c > OPT_MAX))
		return cli_bad_option("gen");
	o->given[i] = true;
	return read_number(arg, &o->value[i]) ? 0
					      : cli_usage("gen", "'%s': expected a number", arg);
}

int cmd_gen(int argc, char **argv)
{
	static const struct option longopts[] = {{"output", required_argument, NULL, 'o'},
						 {"events", required_argument, NULL, 'n'},
						 {"seed", required_argument, NULL, OPT_SEED},
						 {"live", required_argument, NULL, OPT_LIVE},
						 {"min", required_argument, NULL, OPT_MIN},
						 {"max", required_argument, NULL, OPT_MAX},
						 {"to", required_argument, NULL, OPT_TO},
						 {"help", no_argument, NULL, 'h'},
						 {NULL, 0, NULL, 0}};
	struct gen_options o = {.output = NULL};
	int c, status = 0;

	optind = 1;
	while (status == 0 && (c = getopt_long(argc, argv, "o:n:h", longopts, NULL)) != -1) {
		if (c == 'h') {
			print_help();
			return EXIT_RAN;
		}
		status = one_option(&o, c, optarg);
	}
	if (status == 0 && optind == argc)
		status = cli_usage("gen", "expected a kind of trace");
	for (int i = optind; status == 0 && i < argc; i++) {
		const struct generator *g = find_generator(argv[i]);
		struct gen_params p;

		if (g == NULL)
			return cli_usage("gen", "unknown kind '%s'", argv[i]);
		p = choose_params(&o, g);
		status = check_params(g, &p);
	}
	if (status == 0 && o.output == NULL)
		status = cli_usage("gen", "expected -o TRACE, the file to write");
	return status != 0 ? status : generate(&o, argv + optind, argc - optind);
}
