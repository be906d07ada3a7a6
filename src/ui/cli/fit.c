/* memscape fit: the least arena with no failure, per allocator. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/fit.h"
#include "ui/cli/cli.h"
#include "ui/cli/cli_options.h"
#include "ui/cli/options.h"
#include "ui/cli/outfile.h"
#include "ui/cli/text.h"

static const char help[] =
	"usage: memscape fit -c MACHINE [OPTION...] TRACE\n\n"
	"Finds, for each allocator, the least arena in which the trace replays without a failed\n"
	"request, and shows it beside the peak of live bytes and the worst-case bound.\n\n"
	"  -c, --machine MACHINE    a machine file or the name of a shipped one\n"
	"      --variant V, --set PATH=VALUE   as in 'memscape replay'\n"
	"      --alloc KIND[,KIND...]   which kinds (default: all that serve any size)\n"
	"      --region NAME        the region that the arena lies in\n"
	"  -j, --jobs N             kinds probed at once (default: the processors there are)\n"
	"      --json FILE|-        the result as JSON (memscape.fit/1)\n"
	"      --color WHEN         auto, always or never\n"
	"  -h, --help               this text\n\n"
	"Success is not monotone in the size: 'least' is the least size found whose next smaller\n"
	"neighbour (by the alignment; by the page for page allocators) failed.\n";

struct fit_options {
	struct machine_choice machine;
	const char *trace, *alloc, *json, *color;
	char region[256];
	uint64_t jobs;
};

static int add_set(void *to, const char *set)
{
	struct fit_options *o = to;

	if (o->machine.nr_sets == MAX_SETS)
		return cli_usage("fit", "more than %u --set", MAX_SETS);
	o->machine.sets[o->machine.nr_sets++] = set;
	return 0;
}

static int set_region(void *to, const char *name)
{
	struct fit_options *o = to;

	snprintf(o->region, sizeof o->region, "allocators.heap.region=%s", name);
	return add_set(o, o->region);
}

static int parse(struct fit_options *o, int argc, char **argv)
{
	const struct cli_option table[] = {
		{"machine", 'c', CLI_TEXT, &o->machine.name, 0, 0, NULL},
		{"variant", 0, CLI_TEXT, &o->machine.variant, 0, 0, NULL},
		{"set", 0, CLI_CALL, o, 0, 0, add_set},
		{"alloc", 0, CLI_TEXT, &o->alloc, 0, 0, NULL},
		{"region", 0, CLI_CALL, o, 0, 0, set_region},
		{"jobs", 'j', CLI_NUMBER, &o->jobs, 1, 64, NULL},
		{"json", 0, CLI_TEXT, &o->json, 0, 0, NULL},
		{"color", 0, CLI_TEXT, &o->color, 0, 0, NULL},
		{0}};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct text_style style;
	int status;

	*o = (struct fit_options){
		.color = "auto", .alloc = "all", .jobs = cpus > 0 ? (uint64_t)cpus : 1};
	status = cli_options("fit", help, table, argc, argv);
	if (status >= 0)
		return status;
	if (o->machine.name == NULL)
		return cli_usage("fit", "which machine? give -c MACHINE");
	if (optind != argc - 1)
		return cli_usage("fit", optind == argc ? "which trace?" : "more than one trace");
	if (!text_style_init(&style, o->color, stdout))
		return cli_usage("fit", "--color '%s': expected auto, always or never", o->color);
	o->trace = argv[optind];
	return -1;
}

/* ---- which kinds ---- */

static int all_kinds(struct fit_request *q, const struct alloc_instance *in)
{
	for (unsigned i = 0; i < in->nr_kinds && q->nr_kinds < FIT_MAX_KINDS; i++)
		if ((in->kinds[i]->serves & SERVES_BYTES) != 0)
			q->kind[q->nr_kinds++] = in->kinds[i]->name;
	return 0;
}

static int choose_kinds(struct fit_request *q, const char *list)
{
	const struct alloc_instance *in = find_instance("fast", q->machine->word);
	char word[64];

	if (strcmp(list, "all") == 0)
		return all_kinds(q, in);
	if (*list == '\0')
		return cli_usage("fit", "--alloc: expected kinds, as tlsf,best_fit, or all");
	while (*list != '\0') {
		size_t n = strcspn(list, ",");
		const struct alloc_ops *ops;

		snprintf(word, sizeof word, "%.*s", (int)(n < 63 ? n : 63), list);
		ops = instance_kind(in, word);
		if (ops == NULL ||
		    (ops->serves & (SERVES_BYTES | SERVES_PAGES | SERVES_FIXED)) == 0)
			return cli_usage("fit",
					 "--alloc: '%s' serves no user heap, 'memscape list "
					 "allocators' shows the kinds",
					 word);
		if (q->nr_kinds == FIT_MAX_KINDS)
			return cli_usage("fit", "--alloc: more than %u kinds", FIT_MAX_KINDS);
		q->kind[q->nr_kinds++] = ops->name;
		list += n + (list[n] == ',');
	}
	return 0;
}

/* ---- output ---- */

static void print_row(const struct fit_result *r, uint64_t peak, uint64_t scale,
		      const struct text_style *s)
{
	char a[SIZE_TEXT], b[SIZE_TEXT];

	if (r->bytes == 0) {
		printf("  %-12s %s\n", r->kind,
		       r->problem[0] ? r->problem : "unfinished: the work limit was reached");
		return;
	}
	printf("  %-12s %11s ", r->kind, size_text((int64_t)r->bytes, a));
	if (peak == 0)
		printf("%10s ", "-");
	else
		printf("%6llu.%03llu ", (unsigned long long)(r->bytes / peak),
		       (unsigned long long)(r->bytes % peak * 1000 / peak));
	print_bar(stdout, s, r->bytes, scale, 24);
	printf(" %11s%s\n", r->bound ? size_text((int64_t)r->bound, b) : "-",
	       r->finished ? "" : " unfinished: perhaps less");
}

#define MOST_TIMES 4u /* a scale up to so many times the least keeps the others apart */

/*
 * Bytes that a full bar stands for: the largest result, unless it would leave the others
 * a few cells; then the largest of the others, and what is more goes beyond.
 */
static uint64_t bar_scale(const struct fit_result *res, unsigned nr)
{
	uint64_t least = UINT64_MAX, most = 1, within = 1;

	for (unsigned i = 0; i < nr; i++)
		if (res[i].bytes != 0 && res[i].bytes < least)
			least = res[i].bytes;
	for (unsigned i = 0; i < nr; i++) {
		most = res[i].bytes > most ? res[i].bytes : most;
		if (res[i].bytes / MOST_TIMES < least && res[i].bytes > within)
			within = res[i].bytes;
	}
	return most / MOST_TIMES < least ? most : within;
}

static void print_table(const struct fit_request *q, const struct fit_result *res,
			const struct text_style *s)
{
	struct fit_peak peak;
	uint64_t scale = bar_scale(res, q->nr_kinds);
	bool beyond = false;
	char a[SIZE_TEXT], n[COUNT_TEXT], e[COUNT_TEXT];

	fit_trace_peak(q->trace, &peak);
	printf("%s event%s; at most %s live in %s block%s\n\n",
	       count_text((int64_t)fit_trace_events(q->trace), e),
	       fit_trace_events(q->trace) == 1 ? "" : "s", size_text((int64_t)peak.live_bytes, a),
	       count_text((int64_t)peak.live_blocks, n), peak.live_blocks == 1 ? "" : "s");
	printf("  %-12s %11s %10s %-24s %11s\n", "allocator", "least arena", "per live", "",
	       "worst case");
	for (unsigned i = 0; i < q->nr_kinds; i++) {
		print_row(&res[i], peak.live_bytes, scale, s);
		beyond = beyond || res[i].bytes > scale;
	}
	if (beyond)
		printf("\n  %s beyond the scale: a full bar is %s\n", beyond_mark(s),
		       size_text((int64_t)scale, a));
}

static int output(const struct fit_options *o, const struct fit_request *q,
		  const struct fit_result *res)
{
	struct text_style style;
	struct diag d = {0};
	json_t *j;
	int bad;

	text_style_init(&style, o->color, stdout);
	if (o->json == NULL || strcmp(o->json, "-") != 0)
		print_table(q, res, &style);
	if (o->json == NULL)
		return EXIT_RAN;
	j = fit_json(q, res);
	bad = outfile_json(o->json, j, &d);
	json_decref(j);
	return bad != 0 ? cli_bad_input(&d) : EXIT_RAN;
}

static bool on_stop(void *ctx)
{
	(void)ctx;
	return interrupted();
}

static void on_done(void *ctx, unsigned n)
{
	const struct fit_request *q = ctx;

	if (isatty(STDERR_FILENO))
		fprintf(stderr, n == q->nr_kinds ? "\r\033[K" : "\r%u of %u allocators done\033[K",
			n, q->nr_kinds);
}

static int fit_on(const struct fit_options *o, const struct machine *m)
{
	struct fit_result result[FIT_MAX_KINDS];
	struct fit_request q = {
		.machine = m, .jobs = (unsigned)o->jobs, .done = on_done, .stop = on_stop};
	struct diag d = {0};
	struct fit_trace *t;
	int status = choose_kinds(&q, o->alloc);

	if (status != 0)
		return status;
	t = fit_trace_read(o->trace, &d);
	if (t == NULL)
		return cli_bad_input(&d);
	q.trace = t;
	q.done_ctx = &q;
	catch_interrupt();
	if (fit_run(&q, result, &d) != 0)
		status = cli_bad_input(&d);
	else if (interrupted())
		status = EXIT_INTERRUPTED;
	else
		status = output(o, &q, result);
	fit_trace_free(t);
	return status;
}

int cmd_fit(int argc, char **argv)
{
	struct fit_options o;
	struct machine *m;
	int status = parse(&o, argc, argv);

	if (status >= 0)
		return status;
	m = load_choice(&o.machine);
	if (m == NULL)
		return EXIT_BAD_INPUT;
	status = fit_on(&o, m);
	machine_free(m);
	return status;
}
